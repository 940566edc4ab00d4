//! Commands of the protocol on the pipes of a socket: subscriptions and groups, heartbeats, and
//! what a peer's command brings about. Part of the table, under the socket's lock.

use std::time::{Duration, Instant};

use oxmq_message::Msg;
use oxmq_zmtp::{Command, DurableCommand, Framing, ProtocolError};

use super::{Loss, Pipes};
use crate::durable::Told;
use crate::limits::{HELD_ANSWERS_MAX, UNREAD_ANSWERS_BYTES_MAX};
use crate::pipe::inbound::ReadError;
use crate::pipe::{Link, Pipe, PipeId};

impl Pipes {
    /// Sends a command of the protocol; nothing if there is no connection.
    pub(crate) fn command(&mut self, id: PipeId, command: &Command<'_>) {
        let Some(net) = self.pipe(id).and_then(Pipe::net) else { return };
        if net.connection.is_some() {
            let mut frame = Vec::new();
            command.encode(&mut frame);
            net.out.push_command(frame);
            self.flush(id);
        }
    }

    /// Sends a subscription or cancellation in the form the peer understands: at once, or, of many
    /// in a row, with others.
    pub(crate) fn subscription(&mut self, id: PipeId, subscribe: bool, topic: &[u8]) {
        let Some(pipe) = self.pipe(id) else { return };
        // RFC 37 §The Publish-Subscribe Pattern: to create a subscription, SHALL send a SUBSCRIBE
        // command; to cancel one, SHALL send a CANCEL command. To a peer of 3.0, a message.
        match &mut pipe.link {
            Link::Net(net) => {
                let Some(connection) = &net.connection else { return };
                if !connection.forwards_subscriptions {
                    return;
                }
                let mut frame = Vec::with_capacity(topic.len() + 24);
                // Kept in the form of ZMTP 3, as everything in the queue is.
                oxmq_zmtp::encode_subscription(
                    Framing::V3,
                    connection.subscribes_by_command,
                    subscribe,
                    topic,
                    &mut frame,
                );
                net.out.push_command(frame);
                self.committed(id);
            }
            // Who binds the name later is told everything then.
            Link::Inproc(link) if !link.knows_peer() => {}
            Link::Inproc(link) => {
                let mut body = Vec::with_capacity(topic.len() + 1);
                oxmq_zmtp::subscription_message(subscribe, topic, &mut body);
                link.push(Msg::from(body), false);
            }
            Link::Udp(_) => {}
        }
    }

    /// Tells a peer that we join or leave a group: at once, or, of many in a row, with others.
    // RFC 37 §The Radio-Dish Pattern: JOIN and LEAVE commands. Inside the process they travel as
    // messages that are marked as commands.
    pub(crate) fn membership(&mut self, id: PipeId, command: &Command<'_>) {
        let Some(pipe) = self.pipe(id) else { return };
        let mut frame = Vec::new();
        command.encode(&mut frame);
        match &mut pipe.link {
            Link::Net(net) => {
                if net.connection.is_some() {
                    net.out.push_command(frame);
                    self.committed(id);
                }
            }
            Link::Inproc(link) if !link.knows_peer() => {}
            Link::Inproc(link) => {
                let Ok(Some(header)) = Framing::V3.decode(&frame) else { return };
                let mut body = Msg::from_slice(&frame[header.header_len..]);
                body.set_command(true);
                link.push(body, false);
            }
            // Filtered where it is received.
            Link::Udp(_) => {}
        }
    }

    /// When a PING is due that should go `ivl` after `now`: rounded up to a grid of a sixteenth
    /// of the interval, so that thousands of connections need few wake-ups.
    pub(crate) fn ping_at(&self, now: Instant, ivl: Duration) -> Instant {
        let grid = (ivl.as_nanos() / 16).max(1);
        let at = (now + ivl).saturating_duration_since(self.epoch).as_nanos();
        let steps = at.div_ceil(grid);
        let nanos = u64::try_from(steps * grid).unwrap_or(u64::MAX);
        self.epoch + Duration::from_nanos(nanos)
    }

    /// Sends a PING if one is due, gives a silent peer up, and says when to look again.
    pub(crate) fn heartbeat(&mut self, id: PipeId, now: Instant) -> Option<Instant> {
        let ivl = self.options.heartbeat_ivl;
        let timeout = self.options.heartbeat_timeout_effective();
        let ttl = self.options.heartbeat_ttl;
        let held_back = self.connection(id)?.readable && !self.wants_reading(id);
        let following = ivl.map(|ivl| self.ping_at(now, ivl));
        let spared = self.is_spared(id);
        let connection = self.connection(id)?;
        if held_back {
            // Bytes are there that we chose not to read yet: the peer lives.
            connection.heartbeat.heard(now);
        }
        let beat = &mut connection.heartbeat;
        let ttl_end = beat.peer_ttl.zip(beat.last_in).map(|(ttl, at)| at + ttl);
        // RFC 37 §Connection Heartbeating: SHOULD consider the connection dead when no traffic
        // follows a PING of ours within some timeout, or one of the peer's within its TTL.
        if !spared
            && (beat.pong_due.is_some_and(|at| at <= now) || ttl_end.is_some_and(|at| at <= now))
        {
            self.lost.push((id, Loss::Silent));
            return None;
        }
        let mut ping = false;
        if beat.next_ping.is_some_and(|at| at <= now) {
            beat.next_ping = following;
            beat.pong_due = beat.pong_due.or(timeout.map(|timeout| now + timeout));
            ping = true;
        }
        let next = [beat.next_ping, beat.pong_due, ttl_end].into_iter().flatten().min();
        if ping {
            let deciseconds = ttl.map_or(0, |ttl| ttl.as_millis() / 100);
            let ttl_deciseconds = u16::try_from(deciseconds).unwrap_or(u16::MAX);
            self.command(id, &Command::Ping { ttl_deciseconds, context: b"" });
        }
        next
    }

    /// Answers a PING, unless the peer sends PINGs without reading the answers.
    fn answer_ping(&mut self, id: PipeId, context: &[u8]) {
        let stuck = self.pipe(id).and_then(Pipe::net).is_some_and(|net| {
            net.out.held_commands() > HELD_ANSWERS_MAX
                || (net.connection.as_ref().is_some_and(|c| c.blocked)
                    && net.out.backlog_bytes() > UNREAD_ANSWERS_BYTES_MAX)
        });
        if !stuck {
            self.command(id, &Command::Pong { context });
        }
    }

    /// Carries out a command frame of the peer.
    pub(crate) fn obey(&mut self, id: PipeId, body: &[u8]) {
        let command = match Command::parse(body) {
            Ok(command) => command,
            Err(error) => {
                self.lost.push((id, Loss::Read(ReadError::Protocol(error))));
                return;
            }
        };
        match command {
            // RFC 37 §Connection Heartbeating: on a PING a peer SHALL respond with a PONG command
            // that echoes the ping-context.
            Command::Ping { ttl_deciseconds, context } => {
                let now = self.clock.now();
                if let Some(connection) =
                    self.pipe(id).and_then(Pipe::net).and_then(|net| net.connection.as_mut())
                {
                    connection.heartbeat.heard(now);
                    connection.heartbeat.peer_ttl = (ttl_deciseconds > 0)
                        .then(|| Duration::from_millis(u64::from(ttl_deciseconds) * 100));
                    let ttl_end = connection.heartbeat.peer_ttl.map(|ttl| now + ttl);
                    if let Some(at) = ttl_end {
                        self.due_by(at);
                    }
                }
                self.answer_ping(id, context);
            }
            // READY belongs to the handshake.
            Command::Ready(_) => {
                let error = ProtocolError::UnexpectedCommand { state: "traffic" };
                self.lost.push((id, Loss::Read(ReadError::Protocol(error))));
            }
            // Nor does a peer of these types send them; a RADIO's come among the messages.
            Command::Subscribe(_) | Command::Cancel(_) | Command::Join(_) | Command::Leave(_)
                if self.socket_type.is_thread_safe() =>
            {
                let error = ProtocolError::UnexpectedCommand { state: "traffic" };
                self.lost.push((id, Loss::Read(ReadError::Protocol(error))));
            }
            Command::Pong { context } if self.durable.on && !context.is_empty() => {
                self.durable.told.push((id, Told::Pong(context.to_vec())));
            }
            Command::Unknown { name, body } if self.durable.on => {
                match DurableCommand::parse(name, body) {
                    Ok(Some(command)) => self.durable.told.push((id, Told::Command(command))),
                    Ok(None) => {}
                    Err(error) => self.lost.push((id, Loss::Read(ReadError::Protocol(error)))),
                }
            }
            // A PONG needs no answer; having come, it has shown that the peer lives. Commands that
            // mean nothing to us are ignored: later versions may add some.
            _ => {}
        }
    }
}
