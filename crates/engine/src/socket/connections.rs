//! Connections of a socket's pipes: how they arrive from the I/O thread and how they are lost.
//! Runs under the socket's lock.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use oxmq_message::{Meta, MetaHandle};
use oxmq_zmtp::{Established, Framing, SocketType};

use super::state::{Arrival, EndpointKind, Life, State};
use crate::durable::PeerClaim;
use crate::io::{IoCommand, SessionId};
use crate::monitor::{CLOSED_BY_SOCKET, EventKind};
use crate::options::SocketOptions;
use crate::pipe::inbound::{Delivers, InQueue, Limits, ReadError, Shape};
use crate::pipe::outbound::{OutQueue, Wire};
use crate::pipe::table::Loss;
use crate::pipe::{Connection, Heartbeat, Link, NetLink, Phase, Pipe, PipeId};

/// What becomes of messages a pipe has received when its peer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    Keep,
    Drop,
}

impl State {
    pub(super) fn limits(&self) -> Limits {
        let options = &self.pipes.options;
        Limits {
            frame_bytes_max: options.max_msg_size.unwrap_or(u64::MAX),
            parts_max: options.max_parts.map_or(u64::MAX, |max| max as u64),
            unfinished_bytes_max: options.unfinished_bytes_max.unwrap_or(u64::MAX),
            read_bytes_max: match self.pipes.is_raw() {
                true => options.in_batch_messages,
                false => SocketOptions::batch_bytes(options.in_batch_messages),
            },
            delivers: match self.pipes.socket_type {
                SocketType::Pub | SocketType::XPub => Delivers::Subscriptions,
                SocketType::Radio => Delivers::Groups,
                _ if self.pipes.durable.on => Delivers::Durable,
                _ => Delivers::Nothing,
            },
            shape: match self.pipes.socket_type {
                SocketType::Dish => Shape::GroupAndBody,
                // What a DISH sends is dropped, whatever it is.
                SocketType::Radio => Shape::Any,
                socket_type if socket_type.is_thread_safe() => Shape::Single,
                _ => Shape::Any,
            },
        }
    }

    /// Makes the pipe of a network session, before there is a connection.
    pub(crate) fn open_session_pipe(&mut self, session: SessionId, endpoint: Arc<str>) -> PipeId {
        let chosen = self.take_connect_routing_id();
        let id = self.insert_net(Some(session), endpoint, chosen, session.0);
        self.sessions.push((session, id));
        id
    }

    pub(super) fn insert_net(
        &mut self,
        session: Option<SessionId>,
        endpoint: Arc<str>,
        routing_id: Vec<u8>,
        order: u64,
    ) -> PipeId {
        let link = NetLink {
            out: OutQueue::default(),
            inq: InQueue::new(self.wire(None), self.limits()),
            meta: MetaHandle::new(Meta::default()),
            connection: None,
            order,
            session,
            dirty: false,
        };
        self.insert(Link::Net(Box::new(link)), endpoint, routing_id)
    }

    pub(super) fn wire(&self, established: Option<&Established>) -> Wire {
        match established {
            Some(established) => Wire::Zmtp(established.framing),
            None if self.pipes.is_raw() => Wire::Raw,
            None => Wire::Zmtp(Framing::V3),
        }
    }

    /// Takes a connection over from the I/O thread. `Err` gives the reason why it is refused.
    pub(crate) fn arrive(&mut self, arrival: Arrival) -> Result<(), &'static str> {
        let session_pipe = arrival
            .session
            .and_then(|session| self.sessions.iter().find(|(s, _)| *s == session).map(|s| s.1));
        if self.life == Life::Ended || (self.life != Life::Open && session_pipe.is_none()) {
            return Err("the socket is closed");
        }
        let record = arrival.session.and_then(|session| {
            self.endpoints.iter().find(|e| e.kind == EndpointKind::Connected { session })
        });
        if arrival.session.is_some() && session_pipe.is_none() && record.is_none() {
            return Err("the endpoint was disconnected");
        }
        let id = match session_pipe {
            Some(id) => id,
            None => {
                let chosen = record.map(|record| record.routing_id.clone()).unwrap_or_default();
                // RFC 30 §The PUSH Socket Type: SHALL create this queue when a peer connects to
                // it. RFC 28, 29 and 31 say the same of their types.
                let id = self.insert_net(
                    arrival.session,
                    arrival.endpoint.clone(),
                    chosen,
                    arrival.order,
                );
                if let Some(session) = arrival.session {
                    self.sessions.push((session, id));
                }
                id
            }
        };
        let rest = arrival.rest.clone();
        let endpoint = arrival.endpoint.clone();
        let remote = arrival.stream.remote_endpoint();
        let is_raw = arrival.established.is_none();
        let session = arrival.session;
        if self.connect_pipe(id, arrival).is_err() {
            // For want of kernel memory: as if the connection had not come about.
            match session {
                Some(session) => self.post(IoCommand::ConnectionLost { session }),
                None => self.end_pipe(id, Unread::Drop),
            }
            return Ok(());
        }
        if !is_raw {
            self.report(EventKind::HandshakeSucceeded, &endpoint, &remote);
        }
        if self.life == Life::Open {
            self.introduce(id);
        }
        self.preload(id, &rest);
        self.pipes.flush(id);
        self.pattern.writable(&mut self.pipes, id);
        self.pattern.readable(&mut self.pipes, id);
        self.settle();
        if self.life != Life::Open {
            self.progress_linger(id);
        }
        Ok(())
    }

    /// Gives a pipe its connection.
    pub(super) fn connect_pipe(&mut self, id: PipeId, mut arrival: Arrival) -> io::Result<()> {
        let codec = arrival.established.as_mut().and_then(|e| e.codec.take());
        let wire = self.wire(arrival.established.as_deref());
        let limits = self.limits();
        let attendance = self.pipes.attendance.clone();
        let ivl = self.pipes.options.heartbeat_ivl;
        let asks_all = self.me.upgrade().is_some_and(|core| core.context.pings_every_peer());
        let pings =
            arrival.established.as_ref().is_some_and(|e| e.pings || asks_all && e.version.0 >= 3);
        let first_ping =
            ivl.filter(|_| pings).map(|ivl| self.pipes.ping_at(self.pipes.clock.now(), ivl));
        if let Some(at) = first_ping {
            self.pipes.due_by(at);
        }
        let claim = match self.pipes.durable.on {
            true => PeerClaim::of_connection(arrival.established.as_deref()),
            false => None,
        };
        let Some(pipe) = self.pipes.pipe(id) else { return Ok(()) };
        pipe.durable_peer = claim;
        let generation = pipe.generation;
        let mut info = meta(&arrival);
        if let Some(established) = &arrival.established {
            pipe.peer_type = established.peer_type;
            if pipe.routing_id.is_empty() {
                pipe.routing_id.clone_from(&established.routing_id);
            }
        }
        info.socket_type = pipe.peer_type.map_or("", SocketType::name).into();
        let Some(net) = pipe.net() else { return Ok(()) };
        let quantum = arrival.stream.mss().unwrap_or(0);
        let remote = arrival.stream.remote_endpoint();
        if let Some(attendance) = &attendance {
            attendance.watch(&arrival.stream, id, generation)?;
        }
        net.meta = MetaHandle::new(info);
        if net.inq.ready() == 0 {
            net.inq = InQueue::new(wire, limits);
        } else {
            net.inq.reconnected(wire);
        }
        net.out.restart();
        let heartbeat = Heartbeat { next_ping: first_ping, ..Heartbeat::default() };
        net.connection = Some(Connection {
            wire,
            codec: codec.map(|codec| Box::new(codec.into())),
            subscribes_by_command: arrival
                .established
                .as_ref()
                .is_some_and(|e| e.subscribes_by_command),
            forwards_subscriptions: arrival
                .established
                .as_ref()
                .is_none_or(|e| e.forwards_subscriptions),
            readable: true,
            ending: false,
            blocked: false,
            broken: false,
            quantum,
            heartbeat,
            remote,
            stream: arrival.stream,
        });
        Ok(())
    }

    /// Lets the pattern know a pipe's peer; a refused one is disconnected.
    pub(super) fn introduce(&mut self, id: PipeId) {
        self.changes += 1;
        self.edge.note_peer();
        if let Err(reason) = self.pattern.connected(&mut self.pipes, id) {
            self.pipes.lost.push((id, Loss::Refused(reason)));
            self.settle();
        }
    }

    pub(super) fn preload(&mut self, id: PipeId, rest: &[u8]) {
        let mut commands = Vec::new();
        let Some(net) = self.pipes.pipe(id).and_then(Pipe::net) else { return };
        let codec = net.connection.as_mut().and_then(|connection| connection.codec.as_mut());
        let loaded = match codec {
            None => net.inq.preload(rest, &mut net.meta, &mut commands),
            Some(codec) => {
                net.inq.preload_coded(rest, &mut codec.inbound, &mut net.meta, &mut commands)
            }
        };
        if let Err(error) = loaded {
            self.pipes.lost.push((id, Loss::Read(error)));
        }
        for body in commands {
            self.pipes.obey(id, &body);
        }
        self.tell_pattern();
    }

    /// A connection ended: its session makes another one, or its pipe ends.
    pub(super) fn lose(&mut self, id: PipeId, loss: &Loss) {
        self.changes += 1;
        let attendance = self.pipes.attendance.clone();
        let Some(pipe) = self.pipes.pipe(id) else { return };
        let endpoint = pipe.endpoint.clone();
        let phase = pipe.phase;
        let unread = match loss {
            // What a refused peer has sent is not for the application.
            Loss::Refused(_) => Unread::Drop,
            _ => Unread::Keep,
        };
        let Some(net) = pipe.net() else {
            self.pattern.disconnected(&mut self.pipes, id);
            self.end_pipe(id, unread);
            return;
        };
        let Some(connection) = &mut net.connection else { return };
        if let Loss::Replaced(_) = loss
            && net.session.is_none()
            && !connection.broken
        {
            self.set_aside(id);
            return;
        }
        if matches!(loss, Loss::Write(_)) && phase == Phase::Open && !connection.broken {
            // What the peer sent before it left is still wanted: read to the end, and let that
            // end the connection.
            connection.broken = true;
            connection.blocked = true;
            connection.readable = true;
            connection.ending = true;
            self.attend(id);
            // If the kernel has no end of the connection to give, the error was the end.
            if self.pipes.connection(id).is_none_or(|connection| connection.readable) {
                return;
            }
        }
        let Some(net) = self.pipes.pipe(id).and_then(Pipe::net) else { return };
        let Some(mut connection) = net.connection.take() else { return };
        connection.say_farewell(&net.out, matches!(loss, Loss::Read(ReadError::Protocol(_))));
        let session = net.session;
        net.inq.end();
        if unread == Unread::Drop {
            net.inq.clear();
        }
        if let Some(attendance) = attendance {
            attendance.forget(&connection.stream);
        }
        if let Phase::Farewell { .. } = phase {
            self.report_end(&endpoint, &connection);
        } else {
            self.report_loss(loss, &endpoint, &connection);
        }
        drop(connection);
        self.pattern.disconnected(&mut self.pipes, id);
        if matches!(phase, Phase::Farewell { .. }) {
            self.remove(id);
            return;
        }
        match session {
            Some(session) if self.keeps_session(id) => self.seek_again(id, session, unread),
            session => {
                if let Some(session) = session {
                    self.post(IoCommand::Disconnect { session, lingers: false });
                }
                self.end_pipe(id, unread);
            }
        }
    }

    /// Leaves a connection whose name another has taken as it is. Were it closed, its peer would
    /// come back and take the name in its turn, and so on for ever; libzmq leaves it open too.
    fn set_aside(&mut self, id: PipeId) {
        let Some(pipe) = self.pipes.pipe(id) else { return };
        pipe.phase = Phase::Replaced;
        let endpoint = pipe.endpoint.clone();
        let Some(connection) = pipe.net().and_then(|net| net.connection.as_mut()) else { return };
        connection.readable = false;
        let remote = connection.remote.clone();
        self.pattern.gone(&mut self.pipes, id);
        let reason = "another peer took its routing id over".to_owned();
        self.report(EventKind::PeerRefused { reason }, &endpoint, &remote);
    }

    /// The session of a pipe looks for another connection.
    // RFC 30 §The PUSH Socket Type: SHALL maintain the queue whether or not the connection is
    // established. RFC 28, 29 and 31 say the same of their types.
    fn seek_again(&mut self, id: PipeId, session: SessionId, unread: Unread) {
        self.post(IoCommand::ConnectionLost { session });
        // With `immediate`, a pipe without a connection takes no messages. To STREAM each
        // connection is a peer of its own.
        let ends = self.pipes.options.immediate || self.pipes.socket_type == SocketType::Stream;
        let Some(pipe) = self.pipes.pipe(id) else { return };
        if ends && pipe.phase == Phase::Open {
            self.sessions.retain(|(s, _)| *s != session);
            self.end_pipe(id, unread);
            return;
        }
        pipe.counters.reconnects += 1;
        if let Some(net) = pipe.net() {
            net.out.restart();
        }
    }

    /// Whether the session of a lost connection should try again.
    pub(super) fn keeps_session(&self, id: PipeId) -> bool {
        let phase = self.pipes.peek(id).map(|pipe| pipe.phase);
        match phase {
            Some(Phase::Open) => true,
            Some(Phase::Lingering { .. }) => {
                !self.pipes.is_flushed(id) || self.pipes.unsent.is_some()
            }
            _ => false,
        }
    }

    /// Reports the end of a connection that this side closed.
    fn report_end(&self, endpoint: &str, connection: &Connection) {
        let fd = connection.stream.as_fd().as_raw_fd();
        let reason = CLOSED_BY_SOCKET.to_owned();
        self.report(EventKind::Disconnected { fd, reason }, endpoint, &connection.remote);
    }

    pub(super) fn report_loss(&self, loss: &Loss, endpoint: &str, connection: &Connection) {
        let fd = connection.stream.as_fd().as_raw_fd();
        let remote = &connection.remote;
        let reason = match loss {
            Loss::Read(ReadError::Closed) => "the peer closed the connection".to_owned(),
            Loss::Read(ReadError::Protocol(error)) => {
                let kind = EventKind::HandshakeFailedProtocol {
                    code: error.zmq_code(),
                    fault: error.to_string(),
                };
                self.report(kind, endpoint, remote);
                format!("the peer broke the protocol: {error}")
            }
            Loss::Read(ReadError::TooLarge { what, size, limit }) => {
                let reason = format!("the peer sent a {what} of {size}, more than {limit}");
                self.report(EventKind::PeerRefused { reason: reason.clone() }, endpoint, remote);
                reason
            }
            Loss::Read(ReadError::OutOfMemory) => "out of memory for the message".to_owned(),
            Loss::Read(ReadError::Io(error)) => format!("reading failed: {error}"),
            Loss::Write(error) => format!("writing failed: {error}"),
            Loss::Silent => "the peer was silent for longer than its heartbeat allows".to_owned(),
            Loss::Refused(reason) | Loss::Replaced(reason) => {
                let kind = EventKind::PeerRefused { reason: (*reason).to_owned() };
                self.report(kind, endpoint, remote);
                (*reason).to_owned()
            }
        };
        self.report(EventKind::Disconnected { fd, reason }, endpoint, remote);
    }

    /// A pipe's peer is gone for good. What was to be sent to it is dropped, as RFC 28 to 31 ask;
    /// what it sent stays until it is received, which they do not.
    pub(super) fn end_pipe(&mut self, id: PipeId, unread: Unread) {
        if self.pipes.peek(id).is_none() {
            return;
        }
        if let Some(Link::Net(net)) = self.pipes.pipe(id).map(|pipe| &mut pipe.link) {
            let dropped = net.out.clear() as u64;
            self.pipes.drops.disconnected += dropped;
        }
        let keep = self.life == Life::Open && unread == Unread::Keep && self.pipes.has_message(id);
        if let Some(pipe) = self.pipes.pipe(id)
            && pipe.phase == Phase::Open
        {
            pipe.phase = Phase::Draining;
        }
        self.pattern.gone(&mut self.pipes, id);
        if keep {
            self.pattern.readable(&mut self.pipes, id);
        }
        if !keep || !self.pipes.has_message(id) {
            self.remove(id);
        }
    }

    /// Takes a pipe out.
    pub(crate) fn remove(&mut self, id: PipeId) {
        self.pattern.removed(&mut self.pipes, id);
        self.sessions.retain(|(_, pipe)| *pipe != id);
        if matches!(self.pipes.peek(id), Some(Pipe { link: Link::Inproc(_), .. })) {
            // Nothing comes after the end of such a pipe: there is nothing to disconnect from, and
            // the next pipe may have the same number.
            let kind = EndpointKind::ConnectedInproc { pipe: id };
            self.endpoints.retain(|record| record.kind != kind);
        }
        let attendance = self.pipes.attendance.clone();
        if let Some(mut pipe) = self.pipes.remove(id) {
            let c = pipe.counters;
            self.gone.messages_in += c.messages_in;
            self.gone.bytes_in += c.bytes_in;
            self.gone.messages_out += c.messages_out;
            self.gone.bytes_out += c.bytes_out;
            self.gone.reconnects += c.reconnects;
            let endpoint = pipe.endpoint.clone();
            if let Phase::Lingering { .. } | Phase::Farewell { .. } = pipe.phase
                && let Some(session) = pipe.net().and_then(|net| net.session)
            {
                self.post(IoCommand::Disconnect { session, lingers: false });
            }
            let said = matches!(pipe.phase, Phase::Farewell { .. });
            if let Some(net) = pipe.net()
                && let Some(mut connection) = net.connection.take()
            {
                if !said {
                    connection.say_farewell(&net.out, false);
                }
                if let Some(attendance) = attendance {
                    attendance.forget(&connection.stream);
                }
                self.report_end(&endpoint, &connection);
            }
        }
    }

    /// A session gave up: its pipe ends.
    pub(crate) fn session_ended(&mut self, session: SessionId) {
        if let Some((_, id)) = self.sessions.iter().find(|(s, _)| *s == session).copied() {
            self.end_pipe(id, Unread::Keep);
        }
    }

    /// The pipe of a session, if it has one.
    pub(crate) fn session_pipe(&self, session: SessionId) -> Option<PipeId> {
        self.sessions.iter().find(|(s, _)| *s == session).map(|(_, id)| *id)
    }
}

/// What messages of this connection say of it.
fn meta(arrival: &Arrival) -> Meta {
    let mut meta = Meta {
        peer_address: arrival.stream.peer_address(),
        source_fd: arrival.stream.as_fd().as_raw_fd(),
        ..Meta::default()
    };
    if let Some(established) = &arrival.established {
        if !established.user_id.is_empty() {
            match str::from_utf8(&established.user_id) {
                Ok(user_id) => meta.user_id = Some(user_id.to_owned()),
                Err(_) => {
                    meta.properties.push(("User-Id".to_owned(), established.user_id.clone()));
                }
            }
        }
        // RFC 27 §The ZAP Protocol: the handler's metadata goes with the peer's. It comes first,
        // so that a peer cannot put its own word in the place of the handler's.
        for (name, value) in established.zap_metadata.iter() {
            meta.properties.push((name.to_owned(), value.to_vec()));
        }
        for (name, value) in established.metadata.iter() {
            if name.eq_ignore_ascii_case("Identity") {
                meta.routing_id = Some(value.to_vec());
            } else if !is_ours_to_say(name) {
                meta.properties.push((name.to_owned(), value.to_vec()));
            }
        }
    }
    meta
}

/// Properties that a peer cannot give itself.
fn is_ours_to_say(name: &str) -> bool {
    ["Socket-Type", "Routing-Id", "Peer-Address", "User-Id"]
        .iter()
        .any(|ours| name.eq_ignore_ascii_case(ours))
}
