//! A socket's state: its pattern, its pipes and its endpoints, and what happens when connections
//! come and go. Everything here runs under the socket's lock, in whichever thread holds it.

use std::sync::{Arc, Weak};
use std::time::Instant;

use oxmq_pipe::Mailbox;
use oxmq_zmtp::{Established, SocketType};

use super::SocketCore;
use super::attendance::Attendance;
use super::command::Command;
use super::connections::Unread;
use crate::error::Result;
use crate::io::{IoCommand, SessionId};
use crate::monitor::{Event, EventKind, Reporter};
use crate::options::SocketOptions;
use crate::pattern::{self, Pattern};
use crate::pipe::inproc::{InprocLink, PeerInfo};
use crate::pipe::table::Pipes;
use crate::pipe::{Counters, Link, Phase, Pipe, PipeId};
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
    /// What the peer of a connect with `immediate` is called here; empty if nothing was chosen.
    pub(crate) routing_id: Vec<u8>,
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
    pub(super) sessions: Vec<(SessionId, PipeId)>,
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
            conflate: options.conflate,
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
        self.pipes.options.connect_routing_id.take().unwrap_or_default()
    }

    pub(super) fn insert(&mut self, link: Link, endpoint: Arc<str>, routing_id: Vec<u8>) -> PipeId {
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
            Some(Phase::Lingering { .. } | Phase::Farewell { .. }) => {
                self.pipes.discard_input(id);
                self.progress_linger(id);
            }
            _ => {}
        }
    }

    /// Deals with everything that the pipes noted down; whether there was something.
    #[inline]
    pub(crate) fn settle(&mut self) -> bool {
        let pipes = &self.pipes;
        if pipes.lost.is_empty() && !pipes.has_drained() && pipes.closing.is_empty() {
            return false;
        }
        self.settle_now();
        true
    }

    #[cold]
    fn settle_now(&mut self) {
        loop {
            for id in std::mem::take(&mut self.pipes.closing) {
                let linger = self.pipes.options.linger;
                self.pattern.disconnected(&mut self.pipes, id);
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
