//! A socket's state: its pattern, its pipes and its endpoints, and what happens when connections
//! come and go. Everything here runs under the socket's lock, in whichever thread holds it.

use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use oxmq_message::{Meta, MetaHandle};
use oxmq_pipe::Mailbox;
use oxmq_zmtp::{Established, Framing, SocketType};

use super::SocketCore;
use super::attendance::Attendance;
use super::command::Command;
use crate::error::Result;
use crate::io::{IoCommand, SessionId};
use crate::limits::FAREWELL;
use crate::monitor::{Event, EventKind, Reporter};
use crate::options::SocketOptions;
use crate::pattern::{self, Pattern};
use crate::pipe::inbound::{InQueue, Limits, ReadError};
use crate::pipe::inproc::{InprocLink, PeerInfo};
use crate::pipe::outbound::{OutQueue, Wire};
use crate::pipe::table::{Loss, Pipes};
use crate::pipe::{Connection, Counters, Heartbeat, Link, NetLink, Phase, Pipe, PipeId};
use crate::stats::{PeerSnapshot, PeerState, SocketSnapshot};
use crate::sys::Events;
use crate::transport::Stream;

/// How far a socket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Open,
    /// Closed by the application; what is queued may be sent until the deadline.
    Closing {
        deadline: Option<Instant>,
    },
    /// Nothing is left.
    Ended,
}

/// What `bind` and `connect` made.
#[derive(Clone, Debug)]
pub(crate) struct EndpointRecord {
    /// As the application gave it, and as resolved; `unbind` and `disconnect` take either.
    pub(crate) given: String,
    pub(crate) resolved: Arc<str>,
    pub(crate) kind: EndpointKind,
}

/// Which of the two it was, and what carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndpointKind {
    /// A listener of the I/O thread.
    Bound { listener: u64 },
    /// A name in the context.
    BoundInproc,
    /// A session of the I/O thread.
    Connected { session: SessionId },
    /// A pipe inside the process.
    ConnectedInproc { pipe: PipeId },
}

/// A connection whose handshake is complete, on its way from the I/O thread to its socket.
pub(crate) struct Arrival {
    pub(crate) stream: Stream,
    pub(crate) established: Option<Established>,
    /// Bytes that came behind the handshake.
    pub(crate) rest: Vec<u8>,
    pub(crate) endpoint: Arc<str>,
    pub(crate) session: Option<SessionId>,
}

/// See the file's first paragraph.
pub(crate) struct State {
    pub(crate) me: Weak<SocketCore>,
    pub(crate) pipes: Pipes,
    pub(crate) pattern: Box<dyn Pattern>,
    pub(crate) life: Life,
    pub(crate) endpoints: Vec<EndpointRecord>,
    pub(crate) last_endpoint: String,
    pub(crate) reporter: Option<Reporter>,
    /// The last part received has others behind it.
    pub(crate) receive_more: bool,
    /// Totals of the pipes that are gone.
    pub(crate) gone: Counters,
    /// Pipes of sessions, so that a session finds its pipe again.
    sessions: Vec<(SessionId, PipeId)>,
    commands: Vec<Command>,
    /// Counts what a `wait_subscribed` or a peer event may wait for.
    pub(crate) changes: u64,
    pub(crate) changes_told: u64,
}

impl State {
    pub(crate) fn new(socket_type: SocketType, options: SocketOptions) -> Result<State> {
        Ok(State {
            me: Weak::new(),
            pipes: Pipes::new(socket_type, options),
            pattern: pattern::of(socket_type)?,
            life: Life::Open,
            endpoints: Vec::new(),
            last_endpoint: String::new(),
            reporter: None,
            receive_more: false,
            gone: Counters::default(),
            sessions: Vec::new(),
            commands: Vec::new(),
            changes: 0,
            changes_told: 0,
        })
    }

    pub(crate) fn report(&self, kind: EventKind, endpoint: &str, remote: &str) {
        if let Some(reporter) = &self.reporter {
            reporter.report(Event {
                kind,
                endpoint: endpoint.to_owned(),
                remote: remote.to_owned(),
            });
        }
    }

    /// Carries out what other threads asked for.
    #[inline]
    pub(crate) fn obey(&mut self, mailbox: &Mailbox<Command>) {
        if mailbox.is_empty() {
            return;
        }
        let mut commands = std::mem::take(&mut self.commands);
        mailbox.drain(&mut commands);
        for command in commands.drain(..) {
            self.obey_one(command);
        }
        self.commands = commands;
        self.settle();
    }

    fn obey_one(&mut self, command: Command) {
        match command {
            Command::Attach { link, peer } => self.attach_inproc(link, &peer, ""),
            Command::PeerBound { pipe, peer } => self.peer_bound(pipe, &peer),
            Command::Readable(id) => self.pattern.readable(&mut self.pipes, id),
            Command::Writable(id) => self.pattern.writable(&mut self.pipes, id),
            Command::PeerGone(id) => {
                let gone = self.pipes.peek(id).is_some_and(
                    |pipe| matches!(&pipe.link, Link::Inproc(link) if link.peer_is_gone()),
                );
                if gone {
                    self.pattern.disconnected(&mut self.pipes, id);
                    self.end_pipe(id);
                }
            }
        }
    }

    /// What we tell inproc peers of us.
    pub(crate) fn peer_info(&self) -> PeerInfo {
        let options = &self.pipes.options;
        PeerInfo {
            socket_type: self.pipes.socket_type,
            routing_id: options.routing_id.clone(),
            snd_hwm: options.snd_hwm,
            rcv_hwm: options.rcv_hwm,
            conflate: options.conflate,
        }
    }

    /// Adds the pipe of an inproc peer that is known.
    fn attach_inproc(&mut self, link: Box<InprocLink>, peer: &PeerInfo, endpoint: &str) {
        if self.life != Life::Open {
            return;
        }
        let id = self.insert(Link::Inproc(link), endpoint.into(), Vec::new());
        self.introduce_inproc(id, peer);
    }

    /// Makes the pipe of an inproc connect. The peer is known if it is bound already.
    pub(crate) fn connect_inproc(
        &mut self,
        link: InprocLink,
        peer: Option<&PeerInfo>,
        endpoint: &str,
    ) -> PipeId {
        let chosen = self.take_connect_routing_id();
        let id = self.insert(Link::Inproc(Box::new(link)), endpoint.into(), chosen);
        if let Some(peer) = peer {
            self.introduce_inproc(id, peer);
        }
        id
    }

    fn introduce_inproc(&mut self, id: PipeId, peer: &PeerInfo) {
        if let Some(pipe) = self.pipes.pipe(id) {
            pipe.peer_type = Some(peer.socket_type);
            if pipe.routing_id.is_empty() && peer.socket_type.sends_routing_id() {
                pipe.routing_id.clone_from(&peer.routing_id);
            }
        }
        self.introduce(id);
        let gone = match self.pipes.pipe(id).map(|pipe| &pipe.link) {
            Some(Link::Inproc(link)) => link.peer_is_gone(),
            _ => false,
        };
        self.pattern.readable(&mut self.pipes, id);
        if gone {
            self.end_pipe(id);
        }
    }

    /// The endpoint an inproc pipe of ours waited for has come.
    fn peer_bound(&mut self, id: PipeId, peer: &PeerInfo) {
        let snd_hwm = self.pipes.options.snd_hwm;
        if let Some(Link::Inproc(link)) = self.pipes.pipe(id).map(|pipe| &mut pipe.link) {
            link.learn_peer(peer, snd_hwm);
            self.introduce_inproc(id, peer);
            self.pattern.writable(&mut self.pipes, id);
        }
    }

    /// The routing id chosen for the next connection, once.
    pub(crate) fn take_connect_routing_id(&mut self) -> Vec<u8> {
        self.pipes.options.connect_routing_id.take().unwrap_or_default()
    }

    fn insert(&mut self, link: Link, endpoint: Arc<str>, routing_id: Vec<u8>) -> PipeId {
        let id = self.pipes.insert(Pipe {
            generation: 0,
            link,
            phase: Phase::Open,
            routing_id,
            peer_type: None,
            endpoint,
            in_active: false,
            out_active: false,
            counters: Counters::default(),
        });
        if let Some(Link::Inproc(link)) = self.pipes.pipe(id).map(|pipe| &pipe.link) {
            link.settle_in(&self.me, id);
        }
        self.pattern.attached(&mut self.pipes, id);
        id
    }

    fn limits(&self) -> Limits {
        let options = &self.pipes.options;
        Limits {
            frame_bytes_max: options.max_msg_size.unwrap_or(u64::MAX),
            parts_max: options.max_parts.map_or(u64::MAX, |max| max as u64),
            unfinished_bytes_max: options.unfinished_bytes_max.unwrap_or(u64::MAX),
        }
    }

    /// Makes the pipe of a network session, before there is a connection.
    pub(crate) fn open_session_pipe(&mut self, session: SessionId, endpoint: Arc<str>) -> PipeId {
        let chosen = self.take_connect_routing_id();
        let id = self.insert_net(Some(session), endpoint, chosen);
        self.sessions.push((session, id));
        id
    }

    fn insert_net(
        &mut self,
        session: Option<SessionId>,
        endpoint: Arc<str>,
        routing_id: Vec<u8>,
    ) -> PipeId {
        let link = NetLink {
            out: OutQueue::default(),
            inq: InQueue::new(self.wire(None), self.limits()),
            meta: MetaHandle::new(Meta::default()),
            connection: None,
            session,
            dirty: false,
        };
        self.insert(Link::Net(Box::new(link)), endpoint, routing_id)
    }

    fn wire(&self, established: Option<&Established>) -> Wire {
        match established {
            Some(established) => Wire::Zmtp(established.framing),
            None if self.pipes.socket_type == SocketType::Stream => Wire::Raw,
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
        let id = match session_pipe {
            Some(id) => id,
            None => {
                let chosen = match arrival.session {
                    Some(_) => self.take_connect_routing_id(),
                    None => Vec::new(),
                };
                let id = self.insert_net(arrival.session, arrival.endpoint.clone(), chosen);
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
        if let Err(error) = self.connect_pipe(id, arrival) {
            self.pipes.lost.push((id, Loss::Write(error)));
            self.settle();
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
    fn connect_pipe(&mut self, id: PipeId, arrival: Arrival) -> io::Result<()> {
        let wire = self.wire(arrival.established.as_ref());
        let limits = self.limits();
        let attendance = self.pipes.attendance.clone();
        let ivl = self.pipes.options.heartbeat_ivl;
        let pings = arrival.established.as_ref().is_some_and(|e| e.pings);
        let first_ping = ivl.filter(|_| pings).map(|ivl| self.pipes.ping_at(Instant::now(), ivl));
        if let Some(at) = first_ping {
            self.pipes.due_by(at);
        }
        let Some(pipe) = self.pipes.pipe(id) else { return Ok(()) };
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
    fn introduce(&mut self, id: PipeId) {
        self.changes += 1;
        if let Err(reason) = self.pattern.connected(&mut self.pipes, id) {
            self.pipes.lost.push((id, Loss::Refused(reason)));
        }
    }

    fn preload(&mut self, id: PipeId, rest: &[u8]) {
        let mut commands = Vec::new();
        let Some(net) = self.pipes.pipe(id).and_then(Pipe::net) else { return };
        if let Err(error) = net.inq.preload(rest, &mut net.meta, &mut commands) {
            self.pipes.lost.push((id, Loss::Read(error)));
        }
        for body in commands {
            self.pipes.obey(id, &body);
        }
    }

    /// Carries out what the kernel reported.
    pub(crate) fn dispatch(&mut self, events: &Events) {
        for event in events.iter() {
            let Some((id, generation)) = Attendance::pipe_of(event.token) else { continue };
            if self.pipes.peek(id).is_none_or(|pipe| pipe.generation != generation) {
                continue;
            }
            let Some(connection) = self.pipes.connection(id) else { continue };
            if event.readable() || event.hang_up() || event.error() {
                connection.readable = true;
                connection.ending |= event.read_closed() || event.hang_up() || event.error();
            }
            if event.writable() {
                self.pipes.writable(id);
                self.pattern.writable(&mut self.pipes, id);
            }
            self.attend(id);
        }
        self.settle();
    }

    /// Reads a connection that may have something, as far as its pipe has room.
    fn attend(&mut self, id: PipeId) {
        match self.pipes.peek(id).map(|pipe| pipe.phase) {
            Some(Phase::Open) => {
                if self.pipes.wants_reading(id) {
                    self.pipes.fill(id);
                }
                if self.pipes.has_message(id) {
                    self.pattern.readable(&mut self.pipes, id);
                }
            }
            Some(Phase::Lingering { .. } | Phase::Farewell { .. }) => {
                self.pipes.discard_input(id);
                self.progress_linger(id);
            }
            _ => {}
        }
    }

    /// Deals with everything that the pipes noted down.
    #[inline]
    pub(crate) fn settle(&mut self) {
        let pipes = &self.pipes;
        if pipes.lost.is_empty()
            && pipes.notices.is_empty()
            && !pipes.has_drained()
            && !pipes.resume
        {
            return;
        }
        self.settle_now();
    }

    #[cold]
    fn settle_now(&mut self) {
        loop {
            for (id, notice) in std::mem::take(&mut self.pipes.notices) {
                self.changes += 1;
                self.pattern.notice(&mut self.pipes, id, notice);
            }
            if std::mem::take(&mut self.pipes.resume) {
                for id in self.pipes.ids() {
                    self.attend(id);
                }
            }
            let lost = std::mem::take(&mut self.pipes.lost);
            let done = lost.is_empty() && self.pipes.notices.is_empty();
            for (id, loss) in lost {
                self.lose(id, &loss);
            }
            for id in self.pipes.take_drained() {
                if self.pipes.peek(id).is_some_and(|pipe| pipe.phase == Phase::Draining) {
                    self.remove(id);
                }
            }
            if done {
                return;
            }
        }
    }

    /// A connection ended: its session makes another one, or its pipe ends.
    fn lose(&mut self, id: PipeId, loss: &Loss) {
        self.changes += 1;
        let attendance = self.pipes.attendance.clone();
        let Some(pipe) = self.pipes.pipe(id) else { return };
        let endpoint = pipe.endpoint.clone();
        let phase = pipe.phase;
        let Some(net) = pipe.net() else {
            self.pattern.disconnected(&mut self.pipes, id);
            self.end_pipe(id);
            return;
        };
        let Some(connection) = &mut net.connection else { return };
        if matches!(loss, Loss::Write(_)) && phase == Phase::Open && !connection.broken {
            // What the peer sent before it left is still wanted: read to the end, and let that
            // end the connection.
            connection.broken = true;
            connection.blocked = true;
            connection.readable = true;
            connection.ending = true;
            self.attend(id);
            return;
        }
        let Some(connection) = net.connection.take() else { return };
        let session = net.session;
        net.inq.end();
        if let Some(attendance) = attendance {
            attendance.forget(&connection.stream);
        }
        self.report_loss(loss, &endpoint, &connection);
        drop(connection);
        self.pattern.disconnected(&mut self.pipes, id);
        if matches!(phase, Phase::Farewell { .. }) {
            self.remove(id);
            return;
        }
        match session {
            Some(session) if self.keeps_session(id, loss) => {
                self.post(IoCommand::ConnectionLost { session });
                if self.pipes.options.immediate && phase == Phase::Open {
                    // With `immediate`, a pipe without a connection takes no messages.
                    self.sessions.retain(|(s, _)| *s != session);
                    self.end_pipe(id);
                } else if let Some(pipe) = self.pipes.pipe(id) {
                    pipe.counters.reconnects += 1;
                    if let Some(net) = pipe.net() {
                        net.out.restart();
                    }
                }
            }
            _ => self.end_pipe(id),
        }
    }

    /// Whether the session of a lost connection should try again.
    fn keeps_session(&self, id: PipeId, _loss: &Loss) -> bool {
        let phase = self.pipes.peek(id).map(|pipe| pipe.phase);
        match phase {
            Some(Phase::Open) => self.pipes.socket_type != SocketType::Stream,
            Some(Phase::Lingering { .. }) => !self.pipes.is_flushed(id),
            _ => false,
        }
    }

    fn report_loss(&self, loss: &Loss, endpoint: &str, connection: &Connection) {
        use std::os::fd::{AsFd, AsRawFd};
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
            Loss::Refused(reason) => {
                let kind = EventKind::PeerRefused { reason: (*reason).to_owned() };
                self.report(kind, endpoint, remote);
                (*reason).to_owned()
            }
        };
        self.report(EventKind::Disconnected { fd, reason }, endpoint, remote);
    }

    /// A pipe's peer is gone for good. What it sent stays until it is received.
    fn end_pipe(&mut self, id: PipeId) {
        if self.pipes.peek(id).is_none() {
            return;
        }
        if let Some(Link::Net(net)) = self.pipes.pipe(id).map(|pipe| &mut pipe.link) {
            let dropped = net.out.clear() as u64;
            self.pipes.drops.disconnected += dropped;
        }
        if self.life == Life::Open && self.pipes.has_message(id) {
            if let Some(pipe) = self.pipes.pipe(id) {
                pipe.phase = Phase::Draining;
            }
            self.pattern.gone(&mut self.pipes, id);
            self.pattern.readable(&mut self.pipes, id);
            if !self.pipes.has_message(id) {
                self.remove(id);
            }
        } else {
            if let Some(pipe) = self.pipes.pipe(id) {
                pipe.phase = Phase::Draining;
            }
            self.pattern.gone(&mut self.pipes, id);
            self.remove(id);
        }
    }

    /// Takes a pipe out.
    pub(crate) fn remove(&mut self, id: PipeId) {
        self.pattern.removed(&mut self.pipes, id);
        self.sessions.retain(|(_, pipe)| *pipe != id);
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
            if let Some(connection) = pipe.net().and_then(|net| net.connection.take()) {
                if let Some(attendance) = attendance {
                    attendance.forget(&connection.stream);
                }
                use std::os::fd::{AsFd, AsRawFd};
                let fd = connection.stream.as_fd().as_raw_fd();
                let reason = "closed by this socket".to_owned();
                self.report(EventKind::Disconnected { fd, reason }, &endpoint, &connection.remote);
            }
        }
    }

    /// A session gave up: its pipe ends.
    pub(crate) fn session_ended(&mut self, session: SessionId) {
        if let Some((_, id)) = self.sessions.iter().find(|(s, _)| *s == session).copied() {
            self.end_pipe(id);
        }
    }

    /// The pipe of a session, if it has one.
    pub(crate) fn session_pipe(&self, session: SessionId) -> Option<PipeId> {
        self.sessions.iter().find(|(s, _)| *s == session).map(|(_, id)| *id)
    }

    /// Ends a pipe by the application's wish: what is unsent may still go until the deadline,
    /// what is unread is dropped. `zmq_disconnect(3)`.
    pub(crate) fn release_pipe(&mut self, id: PipeId, linger: Option<Duration>) {
        let deadline = linger.map(|linger| Instant::now() + linger);
        let Some(pipe) = self.pipes.pipe(id) else { return };
        if pipe.phase != Phase::Open && pipe.phase != Phase::Draining {
            return;
        }
        self.pipes.rollback(id);
        let Some(pipe) = self.pipes.pipe(id) else { return };
        let waiting = match &mut pipe.link {
            Link::Inproc(_) => false,
            Link::Net(net) => {
                net.inq.clear();
                linger != Some(Duration::ZERO)
                    && (net.connection.is_some() || !net.out.is_empty())
                    && pipe.phase == Phase::Open
            }
        };
        pipe.phase = if waiting { Phase::Lingering { deadline } } else { Phase::Draining };
        self.pattern.gone(&mut self.pipes, id);
        if waiting {
            if let Some(at) = deadline {
                self.pipes.due_by(at);
            }
            self.pipes.flush(id);
            self.progress_linger(id);
        } else {
            self.remove(id);
        }
    }

    /// Moves a lingering pipe on: to its farewell when all is written, to its end after that.
    fn progress_linger(&mut self, id: PipeId) {
        let Some(pipe) = self.pipes.pipe(id) else { return };
        let Phase::Lingering { deadline } = pipe.phase else { return };
        let Some(net) = pipe.net() else { return };
        if !net.out.is_empty() {
            return;
        }
        let Some(connection) = &net.connection else {
            self.remove(id);
            return;
        };
        // Closing now would make the kernel answer what the peer still sends with a reset, and a
        // reset can destroy what it has not read yet. So: end our side, and wait for its end.
        let shut = connection.stream.shutdown_write();
        let farewell = Instant::now() + FAREWELL;
        let deadline = deadline.map_or(farewell, |deadline| deadline.min(farewell));
        if shut.is_err() {
            self.remove(id);
        } else if let Some(pipe) = self.pipes.pipe(id) {
            pipe.phase = Phase::Farewell { deadline };
            self.pipes.due_by(deadline);
            self.pipes.discard_input(id);
            self.settle();
        }
    }

    /// Closes the socket's pipes.
    pub(crate) fn close(&mut self, linger: Option<Duration>) {
        self.life = Life::Closing { deadline: linger.map(|linger| Instant::now() + linger) };
        self.pipes.flush_all();
        for id in self.pipes.ids() {
            self.release_pipe(id, linger);
        }
        self.settle();
        self.reporter_end();
    }

    fn reporter_end(&mut self) {
        if self.pipes.len() == 0 {
            self.reporter = None;
        }
    }

    /// Does what is due by now; returns when to be called again. Nothing, if it is not the time:
    /// then the timer for that time exists already.
    pub(crate) fn on_timer(&mut self, now: Instant) -> Option<Instant> {
        if self.pipes.due.is_none_or(|at| at > now) {
            return None;
        }
        let mut next: Option<Instant> = None;
        let mut soonest = |at: Option<Instant>| {
            next = match (next, at) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        };
        for id in self.pipes.ids() {
            match self.pipes.peek(id).map(|pipe| pipe.phase) {
                Some(Phase::Open) => soonest(self.pipes.heartbeat(id, now)),
                Some(
                    Phase::Lingering { deadline: Some(at) } | Phase::Farewell { deadline: at },
                ) => {
                    if at <= now {
                        self.remove(id);
                    } else {
                        soonest(Some(at));
                    }
                }
                _ => {}
            }
        }
        self.pipes.due = next;
        self.settle();
        self.pipes.timer_changed = false;
        self.pipes.due
    }

    /// A closed socket with nothing left has ended.
    pub(crate) fn try_end(&mut self) -> bool {
        if matches!(self.life, Life::Closing { .. }) && self.pipes.len() == 0 {
            self.life = Life::Ended;
            self.reporter = None;
            return true;
        }
        false
    }

    /// Sends a command to the socket's I/O thread.
    pub(crate) fn post(&self, command: IoCommand) {
        if let Some(io) = self.me.upgrade().and_then(|core| core.io().cloned()) {
            io.post(command);
        }
    }

    /// What can be seen of the socket now.
    pub(crate) fn snapshot(&self) -> SocketSnapshot {
        let mut total = self.gone;
        let mut peers = Vec::with_capacity(self.pipes.len());
        for (_, pipe) in self.pipes.iter() {
            let c = pipe.counters;
            total.messages_in += c.messages_in;
            total.bytes_in += c.bytes_in;
            total.messages_out += c.messages_out;
            total.bytes_out += c.bytes_out;
            total.reconnects += c.reconnects;
            if let Some(peer) = peer_snapshot(pipe) {
                peers.push(peer);
            }
        }
        SocketSnapshot {
            socket_type: self.pipes.socket_type,
            peers,
            drops: self.pipes.drops,
            messages_in: total.messages_in,
            bytes_in: total.bytes_in,
            messages_out: total.messages_out,
            bytes_out: total.bytes_out,
            reconnects: total.reconnects,
        }
    }
}

fn peer_snapshot(pipe: &Pipe) -> Option<PeerSnapshot> {
    let (remote, connected, queued_out, queued_out_bytes, queued_in) = match &pipe.link {
        Link::Net(net) => (
            net.connection.as_ref().map(|c| c.remote.clone()).unwrap_or_default(),
            net.connection.is_some(),
            net.out.messages(),
            net.out.backlog_bytes(),
            net.inq.ready(),
        ),
        Link::Inproc(link) => (String::new(), true, link.tx.len(), 0, link.rx.len()),
    };
    let state = match pipe.phase {
        Phase::Open if connected => PeerState::Connected,
        Phase::Open => PeerState::Connecting,
        Phase::Draining => PeerState::Draining,
        Phase::Lingering { .. } | Phase::Farewell { .. } => return None,
    };
    let c = pipe.counters;
    Some(PeerSnapshot {
        endpoint: pipe.endpoint.to_string(),
        remote,
        state,
        socket_type: pipe.peer_type,
        routing_id: pipe.routing_id.clone(),
        queued_out,
        queued_out_bytes,
        queued_in,
        messages_in: c.messages_in,
        bytes_in: c.bytes_in,
        messages_out: c.messages_out,
        bytes_out: c.bytes_out,
        dropped: c.dropped,
        reconnects: c.reconnects,
    })
}

/// What messages of this connection say of it.
fn meta(arrival: &Arrival) -> Meta {
    use std::os::fd::{AsFd, AsRawFd};
    let mut meta = Meta {
        peer_address: arrival.stream.peer_address(),
        source_fd: arrival.stream.as_fd().as_raw_fd(),
        ..Meta::default()
    };
    if let Some(established) = &arrival.established {
        for (name, value) in established.metadata.iter() {
            if name.eq_ignore_ascii_case("Identity") {
                meta.routing_id = Some(value.to_vec());
            } else if !name.eq_ignore_ascii_case("Socket-Type") {
                meta.properties.push((name.to_owned(), value.to_vec()));
            }
        }
    }
    meta
}
