//! A socket's state: its pattern, its pipes and its endpoints, and what happens when connections
//! come and go. Everything here runs under the socket's lock, in whichever thread holds it.

use std::sync::{Arc, Weak};
use std::time::Instant;

use oxmq_message::GivesBack;
use oxmq_pipe::Mailbox;
use oxmq_zmtp::{Established, SocketType};

use super::SocketCore;
use super::attendance::Attendance;
use super::command::Command;
use super::connections::Unread;
use super::signaler::Edge;
use crate::clock::Clock;
use crate::durable::PeerClaim;
use crate::error::{Error, Result};
use crate::io::{IoCommand, SessionId};
use crate::monitor::{Event, EventKind, Reporter};
use crate::options::SocketOptions;
use crate::pattern::{self, Pattern};
use crate::pipe::inbound::ReadError;
use crate::pipe::inproc::{InprocLink, PeerInfo};
use crate::pipe::table::{Loss, Pipes};
use crate::pipe::{Counters, Link, Phase, Pipe, PipeId};
use crate::sys::Events;
use crate::transport::Stream;

/// Whether sockets of this type tell each new peer what they want.
fn subscribes(socket_type: SocketType) -> bool {
    matches!(socket_type, SocketType::Sub | SocketType::XSub | SocketType::Dish)
}

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
    /// What the peer of a connect with `immediate` is called here; empty if nothing was chosen.
    pub(crate) routing_id: Vec<u8>,
}

/// Which of the two it was, and what carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndpointKind {
    /// A listener of the I/O thread.
    Bound {
        listener: u64,
    },
    /// A name in the context.
    BoundInproc,
    /// A session of the I/O thread.
    Connected {
        session: SessionId,
    },
    /// A pipe inside the process.
    ConnectedInproc {
        pipe: PipeId,
    },
    /// Pipes over udp.
    BoundUdp {
        pipe: PipeId,
    },
    ConnectedUdp {
        pipe: PipeId,
    },
}

/// A connection whose handshake is complete, on its way from the I/O thread to its socket.
pub(crate) struct Arrival {
    pub(crate) stream: Stream,
    pub(crate) established: Option<Box<Established>>,
    /// Bytes that came behind the handshake.
    pub(crate) rest: Vec<u8>,
    pub(crate) endpoint: Arc<str>,
    pub(crate) session: Option<SessionId>,
    /// Handshakes end in any order; this is higher for a connection that began later.
    pub(crate) order: u64,
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
    pub(super) sessions: Vec<(SessionId, PipeId)>,
    commands: Vec<Command>,
    /// Sessions that ended because the server refused our credentials, with the ZAP status.
    refusals: Vec<(SessionId, u16)>,
    /// Counts what a `wait_subscribed` or a peer event may wait for.
    pub(crate) changes: u64,
    pub(crate) changes_told: u64,
    /// What the socket's descriptor is to tell of.
    pub(crate) edge: Edge,
    /// Behind all that may hold messages.
    _gives_back: GivesBack,
}

impl State {
    pub(crate) fn new(
        socket_type: SocketType,
        options: SocketOptions,
        clock: Clock,
    ) -> Result<State> {
        Ok(State {
            me: Weak::new(),
            pipes: Pipes::new(socket_type, options, clock),
            pattern: pattern::of(socket_type),
            life: Life::Open,
            endpoints: Vec::new(),
            last_endpoint: String::new(),
            reporter: None,
            receive_more: false,
            gone: Counters::default(),
            sessions: Vec::new(),
            commands: Vec::new(),
            refusals: Vec::new(),
            changes: 0,
            changes_told: 0,
            edge: Edge::default(),
            _gives_back: GivesBack,
        })
    }

    pub(crate) fn report(&self, kind: EventKind, endpoint: &str, remote: &str) {
        self.report_between(kind, endpoint, remote, "");
    }

    /// As `report`, with our own address.
    pub(crate) fn report_between(
        &self,
        kind: EventKind,
        endpoint: &str,
        remote: &str,
        local: &str,
    ) {
        if let Some(reporter) = &self.reporter {
            reporter.report(Event {
                kind,
                endpoint: endpoint.to_owned(),
                remote: remote.to_owned(),
                local: local.to_owned(),
            });
        }
    }

    /// Carries out what other threads asked for.
    #[inline]
    pub(crate) fn obey(&mut self, mailbox: &Mailbox<Command>) {
        if mailbox.is_empty() {
            return;
        }
        self.obey_all(mailbox);
    }

    #[inline(never)]
    fn obey_all(&mut self, mailbox: &Mailbox<Command>) {
        let mut commands = std::mem::take(&mut self.commands);
        mailbox.drain(&mut commands);
        for command in commands.drain(..) {
            self.obey_one(command);
        }
        self.commands = commands;
        self.tell_pattern();
        self.settle();
    }

    fn obey_one(&mut self, command: Command) {
        match command {
            Command::Attach { link, peer } => self.attach_inproc(link, &peer, ""),
            Command::PeerBound { pipe, peer } => self.peer_bound(pipe, &peer),
            Command::Readable(id) => self.pattern.readable(&mut self.pipes, id),
            Command::Writable(id) => self.pattern.writable(&mut self.pipes, id),
            Command::Resume => self.resume_durable(),
            Command::PeerGone(id) => {
                let gone = self.pipes.peek(id).is_some_and(
                    |pipe| matches!(&pipe.link, Link::Inproc(link) if link.peer_is_gone()),
                );
                if gone {
                    self.pattern.disconnected(&mut self.pipes, id);
                    self.end_pipe(id, Unread::Keep);
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
            conflate: self.pipes.conflates(),
            durable: self.pipes.durable.own.clone(),
            greets: self.pipes.durable.on
                || !options.hello_msg.is_empty()
                || options.probe_router
                || subscribes(self.pipes.socket_type),
        }
    }

    /// Adds the pipe of an inproc peer that is known.
    fn attach_inproc(&mut self, link: Box<InprocLink>, peer: &PeerInfo, endpoint: &str) {
        if self.life != Life::Open {
            return;
        }
        let mut link = link;
        link.learn_peer(peer, self.pipes.options.snd_hwm);
        let id = self.insert(Link::Inproc(link), endpoint.into(), Vec::new());
        self.introduce_inproc(id, peer);
        self.changes += 1;
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
            pipe.durable_peer = PeerClaim::of_inproc(peer.durable.as_ref());
            // RFC 37 §The Identity Property: for all other socket types it SHALL be ignored.
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
            self.end_pipe(id, Unread::Keep);
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
        if self.pipes.options.connect_routing_id.is_none() {
            return Vec::new();
        }
        let options = Arc::make_mut(&mut self.pipes.options);
        options.connect_routing_id.take().unwrap_or_default()
    }

    pub(super) fn insert(&mut self, link: Link, endpoint: Arc<str>, routing_id: Vec<u8>) -> PipeId {
        let id = self.pipes.insert(Pipe {
            generation: 0,
            link,
            phase: Phase::Open,
            routing_id,
            number: 0,
            durable_peer: None,
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

    /// Carries out what the kernel reported.
    pub(crate) fn dispatch(&mut self, events: &Events) {
        for event in events.iter() {
            let Some((id, generation)) = Attendance::pipe_of(event.token) else { continue };
            if self.pipes.peek(id).is_none_or(|pipe| pipe.generation != generation) {
                continue;
            }
            if self.pipes.datagrams_came(id) {
                self.attend(id);
                continue;
            }
            let failed = event.hang_up() || event.error();
            self.happened(
                id,
                event.readable() || failed,
                event.read_closed() || failed,
                event.writable(),
            );
        }
        self.settle();
    }

    /// A connection may have bytes for us, or its end with them, or take bytes again.
    pub(crate) fn happened(&mut self, id: PipeId, readable: bool, ended: bool, writable: bool) {
        let Some(connection) = self.pipes.connection(id) else { return };
        if readable {
            connection.readable = true;
            connection.ending |= ended;
        }
        if writable {
            self.pipes.writable(id);
            self.pattern.writable(&mut self.pipes, id);
        }
        self.attend(id);
    }

    /// Reads a connection that may have something, as far as its pipe has room.
    pub(super) fn attend(&mut self, id: PipeId) {
        match self.pipes.peek(id).map(|pipe| pipe.phase) {
            Some(Phase::Open) => {
                if self.pipes.wants_reading(id) {
                    self.pipes.fill(id);
                }
                if self.pipes.has_message(id) {
                    self.pattern.readable(&mut self.pipes, id);
                    self.changes += u64::from(self.pattern.subscribers().is_some());
                }
            }
            Some(Phase::Replaced) => {
                let Some(connection) = self.pipes.connection(id) else { return };
                connection.readable = false;
                if connection.ending {
                    self.lose(id, &Loss::Read(ReadError::Closed));
                }
            }
            Some(Phase::Lingering { .. } | Phase::Farewell { .. }) => {
                self.pipes.discard_input(id);
                self.progress_linger(id);
            }
            _ => {}
        }
        self.tell_pattern();
    }

    /// A server has refused our credentials for good.
    pub(crate) fn session_refused(&mut self, session: SessionId, status: u16) {
        self.refusals.push((session, status));
    }

    /// Why no peer will ever come: every endpoint of the socket has refused it.
    pub(crate) fn refusal(&self) -> Option<Error> {
        let (last, status) = self.refusals.last()?;
        let refused = |record: &EndpointRecord| match record.kind {
            EndpointKind::Connected { session } => {
                self.refusals.iter().any(|(other, _)| *other == session)
            }
            _ => false,
        };
        if self.pipes.len() > 0 || !self.endpoints.iter().all(refused) {
            return None;
        }
        let is_last =
            |record: &&EndpointRecord| record.kind == EndpointKind::Connected { session: *last };
        let record = self.endpoints.iter().find(is_last)?;
        Some(Error::Refused { endpoint: record.given.clone(), status: *status })
    }

    /// Deals with everything that the pipes noted down; whether there was something.
    #[inline]
    pub(crate) fn settle(&mut self) -> bool {
        if self.is_settled() {
            return false;
        }
        self.settle_now();
        true
    }

    /// The pipes have noted nothing down.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        let pipes = &self.pipes;
        pipes.lost.is_empty()
            && !pipes.has_drained()
            && pipes.closing.is_empty()
            && !pipes.durable.has_news()
    }

    #[cold]
    fn settle_now(&mut self) {
        loop {
            self.tell_pattern();
            for id in std::mem::take(&mut self.pipes.closing) {
                // `zmq_socket(3)`: a message tells of connections that the peer has closed; of
                // those that we close none does.
                let linger = self.pipes.options.linger;
                self.release_pipe(id, linger);
            }
            let lost = std::mem::take(&mut self.pipes.lost);
            let done = lost.is_empty();
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

    /// Sends a command to the socket's I/O thread.
    pub(crate) fn post(&self, command: IoCommand) {
        if let Some(io) = self.me.upgrade().and_then(|core| core.io().cloned()) {
            io.post(command);
        }
    }
}
