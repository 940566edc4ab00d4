//! Listeners of an I/O thread, and accepted connections during their handshake. Part of the
//! thread's loop: only the thread itself calls.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Instant;

use oxmq_zmtp::{Established, HandshakeError, ZapRequest};

use super::Listening;
use super::greeter::{Failure, Greeter, Opening, Outcome};
use super::thread::{Due, Entry, Loop};
use crate::limits::{
    ACCEPT_PAUSE, ACCEPTS_PER_TURN, HANDSHAKES_PER_LISTENER_MAX, SLOW_HANDSHAKE,
    SLOW_HANDSHAKES_PER_LISTENER_MAX,
};
use crate::monitor::EventKind;
use crate::security::Knock;
use crate::socket::SocketCore;
use crate::socket::state::Arrival;
use crate::sys::Interest;
use crate::transport::{self, AcceptFault, Stream};

/// A bound endpoint.
pub(super) struct Listener {
    listening: Box<Listening>,
    /// Tokens of its handshakes in progress, oldest first.
    greeting: VecDeque<(u64, Instant)>,
    paused: bool,
}

/// An accepted connection during its handshake.
pub(super) struct Accepted {
    greeter: Greeter,
    listener: u64,
    socket: Arc<SocketCore>,
    endpoint: Arc<str>,
}

impl Loop {
    pub(super) fn listen(&mut self, listening: Box<Listening>) {
        let token = listening.token;
        let added = self.handle.shared.epoll.add(listening.listener.as_fd(), token, Interest::IN);
        if let Err(error) = added {
            let errno = transport::errno(&error);
            let kind = EventKind::AcceptFailed { errno };
            listening.socket.lock().report(kind, &listening.endpoint, "");
        }
        let listener = Listener { listening, greeting: VecDeque::new(), paused: false };
        self.entries.insert(token, Entry::Listener(listener));
    }

    pub(super) fn close_listener(&mut self, token: u64) {
        let Some(Entry::Listener(listener)) = self.entries.remove(&token) else { return };
        for (greeting, _) in &listener.greeting {
            self.drop_accepted(*greeting);
        }
        let fd = listener.listening.listener.as_fd().as_raw_fd();
        let _ = self.handle.shared.epoll.delete(listener.listening.listener.as_fd());
        let (socket, endpoint) =
            (listener.listening.socket.clone(), listener.listening.endpoint.clone());
        drop(listener);
        socket.lock().report(EventKind::Closed { fd }, &endpoint, "");
    }

    pub(super) fn accept(&mut self, token: u64) {
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.make_room_to_greet(token) {
                self.pause_listener(token);
                return;
            }
            let Some(Entry::Listener(listener)) = self.entries.get_mut(&token) else { return };
            match listener.listening.listener.accept() {
                Ok(Some(stream)) => self.accepted(token, stream),
                Ok(None) => return,
                Err(error) => {
                    let errno = transport::errno(&error);
                    let listening = &listener.listening;
                    let kind = EventKind::AcceptFailed { errno };
                    listening.socket.lock().report(kind, &listening.endpoint, "");
                    if !matches!(AcceptFault::of(&error), AcceptFault::Connection) {
                        // Out of descriptors or memory: trying again at once would only spin.
                        self.pause_listener(token);
                        return;
                    }
                }
            }
        }
    }

    /// Sees to it that one more handshake fits. Beyond the lower limit the oldest goes if it is
    /// slow. Peers that came in a burst are honest ones, and some may count on the connection
    /// already: they stay, and beyond the upper limit new ones wait in the kernel's backlog.
    fn make_room_to_greet(&mut self, token: u64) -> bool {
        let Some(Entry::Listener(listener)) = self.entries.get_mut(&token) else { return true };
        if listener.greeting.len() < SLOW_HANDSHAKES_PER_LISTENER_MAX {
            return true;
        }
        let slow = listener.greeting.front().is_some_and(|(_, at)| at.elapsed() > SLOW_HANDSHAKE);
        if !slow {
            return listener.greeting.len() < HANDSHAKES_PER_LISTENER_MAX;
        }
        if let Some((oldest, _)) = listener.greeting.pop_front() {
            self.drop_accepted(oldest);
        }
        true
    }

    pub(super) fn pause_listener(&mut self, token: u64) {
        let Some(Entry::Listener(listener)) = self.entries.get_mut(&token) else { return };
        let fd = listener.listening.listener.as_fd();
        let _ = self.handle.shared.epoll.modify(fd, token, Interest::NONE);
        if !listener.paused {
            listener.paused = true;
            self.timers.add(Instant::now() + ACCEPT_PAUSE, Due::Accept(token));
        }
    }

    pub(super) fn resume_listener(&mut self, token: u64) {
        let Some(Entry::Listener(listener)) = self.entries.get_mut(&token) else { return };
        listener.paused = false;
        let fd = listener.listening.listener.as_fd();
        let _ = self.handle.shared.epoll.modify(fd, token, Interest::IN);
    }

    pub(super) fn accepted(&mut self, token: u64, stream: Stream) {
        let Some(Entry::Listener(listener)) = self.entries.get_mut(&token) else { return };
        let listening = &listener.listening;
        let fd = stream.as_fd().as_raw_fd();
        let socket = listening.socket.clone();
        let endpoint = listening.endpoint.clone();
        let remote = stream.remote_endpoint();
        let local = stream.local_endpoint();
        socket.lock().report_between(EventKind::Accepted { fd }, &endpoint, &remote, &local);
        let opening = if listening.listener.is_web() { Opening::WsServer } else { Opening::Zmtp };
        let Ok(greeter) = Greeter::new(stream, socket.socket_type, &listening.options, &opening)
        else {
            let kind = EventKind::HandshakeFailedNoDetail { errno: libc::EINVAL };
            socket.lock().report(kind, &endpoint, &remote);
            return;
        };
        let limit = listening.options.handshake_ivl;
        let own = self.handle.next_token();
        listener.greeting.push_back((own, Instant::now()));
        let interest = Interest::IN | Interest::OUT | Interest::ET;
        if self.handle.shared.epoll.add(greeter.as_fd(), own, interest).is_err() {
            return;
        }
        if let Some(limit) = limit.filter(|_| socket.socket_type != oxmq_zmtp::SocketType::Stream) {
            self.timers.add(Instant::now() + limit, Due::Handshake(own));
        }
        let accepted = Accepted { greeter, listener: token, socket, endpoint };
        self.entries.insert(own, Entry::Accepted(Box::new(accepted)));
        self.greet_accepted(own);
    }

    /// Forgets an accepted connection that has not finished its handshake.
    pub(super) fn drop_accepted(&mut self, token: u64) {
        if let Some(Entry::Accepted(accepted)) = self.entries.remove(&token) {
            let fd = accepted.greeter.as_fd().as_raw_fd();
            let kind = EventKind::HandshakeFailedNoDetail { errno: libc::ETIMEDOUT };
            let remote = accepted.greeter.stream().remote_endpoint();
            let reason = "the handshake took too long".to_owned();
            let state = accepted.socket.lock();
            if !accepted.greeter.is_silenced() {
                state.report(kind, &accepted.endpoint, &remote);
            }
            state.report(EventKind::Disconnected { fd, reason }, &accepted.endpoint, &remote);
        }
    }

    pub(super) fn handshake_overdue(&mut self, token: u64) {
        if let Some(Entry::Accepted(accepted)) = self.entries.get(&token) {
            let listener = accepted.listener;
            self.forget_greeting(listener, token);
            self.drop_accepted(token);
        }
    }

    pub(super) fn forget_greeting(&mut self, listener: u64, token: u64) {
        let Some(Entry::Listener(entry)) = self.entries.get_mut(&listener) else { return };
        // They end mostly in the order in which they began.
        if let Some(at) = entry.greeting.iter().position(|(greeting, _)| *greeting == token) {
            entry.greeting.remove(at);
        }
        if entry.paused && entry.greeting.len() == HANDSHAKES_PER_LISTENER_MAX / 2 {
            self.resume_listener(listener);
        }
    }

    pub(super) fn greet_accepted(&mut self, token: u64) {
        loop {
            let Some(Entry::Accepted(accepted)) = self.entries.get_mut(&token) else { return };
            match accepted.greeter.drive() {
                Ok(Outcome::Going) => return,
                Ok(Outcome::Ask(request)) => {
                    if let Err(failure) = self.ask_about_accepted(token, request) {
                        return self.accepted_failed(token, &failure);
                    }
                }
                Ok(Outcome::Silenced { status }) => {
                    let remote = accepted.greeter.stream().remote_endpoint();
                    let kind = EventKind::HandshakeFailedAuth { status };
                    accepted.socket.lock().report(kind, &accepted.endpoint, &remote);
                }
                Ok(Outcome::Done { established, rest }) => {
                    return self.accepted_done(token, established, rest);
                }
                Err(failure) => return self.accepted_failed(token, &failure),
            }
        }
    }

    fn accepted_done(&mut self, token: u64, established: Option<Box<Established>>, rest: Vec<u8>) {
        let Some(accepted) = self.take_accepted(token) else { return };
        let Accepted { greeter, socket, endpoint, .. } = *accepted;
        let _ = self.handle.shared.epoll.delete(greeter.as_fd());
        let stream = greeter.into_stream();
        let arrival = Arrival { stream, established, rest, endpoint, session: None, order: token };
        self.deliver(&socket, arrival);
    }

    fn accepted_failed(&mut self, token: u64, failure: &Failure) {
        let Some(accepted) = self.take_accepted(token) else { return };
        report_failure(&accepted.socket, &accepted.endpoint, &accepted.greeter, failure);
    }

    fn take_accepted(&mut self, token: u64) -> Option<Box<Accepted>> {
        if let Some(Entry::Accepted(accepted)) = self.entries.get(&token) {
            let listener = accepted.listener;
            self.forget_greeting(listener, token);
        }
        match self.entries.remove(&token) {
            Some(Entry::Accepted(accepted)) => Some(accepted),
            _ => None,
        }
    }

    /// Finds out whether a peer may come in.
    fn ask_about_accepted(&mut self, token: u64, request: ZapRequest) -> Result<(), Failure> {
        let Some(Entry::Accepted(mut accepted)) = self.entries.remove(&token) else {
            return Ok(());
        };
        let knock = Knock { io: self.handle.clone(), token };
        let asked = match self.entries.get(&accepted.listener) {
            Some(Entry::Listener(listener)) => {
                let options = &listener.listening.options;
                accepted.greeter.ask(request, &accepted.socket.context, options, knock)
            }
            // The listener takes its handshakes with it, so there is always one.
            _ => Err(Failure::Nobody),
        };
        self.entries.insert(token, Entry::Accepted(accepted));
        if let Some(at) = asked? {
            self.timers.add(at, Due::Judgement(token));
        }
        Ok(())
    }

    /// Hands a connection over to its socket; false if the socket refused it.
    pub(super) fn deliver(&mut self, socket: &Arc<SocketCore>, arrival: Arrival) -> bool {
        let endpoint = arrival.endpoint.clone();
        let remote = arrival.stream.remote_endpoint();
        let mut state = socket.lock();
        let result = state.arrive(arrival);
        if let Err(reason) = result {
            let kind = EventKind::PeerRefused { reason: reason.to_owned() };
            state.report(kind, &endpoint, &remote);
        }
        self.finish(socket, state);
        result.is_ok()
    }
}

/// Reports why a handshake failed.
pub(super) fn report_failure(
    socket: &SocketCore,
    endpoint: &str,
    greeter: &Greeter,
    failure: &Failure,
) {
    let fd = greeter.as_fd().as_raw_fd();
    let remote = greeter.stream().remote_endpoint();
    let kind = match failure {
        // The peer has closed the connection: libzmq calls it so.
        Failure::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            EventKind::HandshakeFailedNoDetail { errno: libc::EPIPE }
        }
        Failure::Io(error) => match transport::tls_fault(error) {
            None => EventKind::HandshakeFailedNoDetail { errno: transport::errno(error) },
            Some(fault) => EventKind::HandshakeFailedProtocol {
                code: oxmq_zmtp::code::WS_UNSPECIFIED,
                fault: fault.to_string(),
            },
        },
        Failure::Nobody => EventKind::HandshakeFailedNoDetail { errno: libc::EFAULT },
        Failure::TooLong => EventKind::HandshakeFailedProtocol {
            code: 0x1000_0000,
            fault: "the peer's greeting does not end".to_owned(),
        },
        Failure::Handshake(HandshakeError::IncompatibleSocketTypes { ours, theirs }) => {
            EventKind::PeerRefused {
                reason: format!("a {} does not talk to a {}", ours.name(), theirs.name()),
            }
        }
        Failure::Handshake(error) => match error.zap_status() {
            Some(status) => EventKind::HandshakeFailedAuth { status: status.code() },
            None => EventKind::HandshakeFailedProtocol {
                code: error.zmq_code().unwrap_or(0x1000_0000),
                fault: error.to_string(),
            },
        },
    };
    let reason = match failure {
        Failure::Nobody => {
            let reason = "nobody says who may come in: no allow-list, no ZAP handler".to_owned();
            let kind = EventKind::PeerRefused { reason: reason.clone() };
            socket.lock().report(kind, endpoint, &remote);
            reason
        }
        Failure::Io(error) => error.to_string(),
        Failure::TooLong => "the peer's greeting does not end".to_owned(),
        Failure::Handshake(error) => error.to_string(),
    };
    let state = socket.lock();
    // As in libzmq, the end of a connection that was refused in silence is no second failure.
    let is_told =
        matches!(kind, EventKind::HandshakeFailedNoDetail { .. }) && greeter.is_silenced();
    if !is_told {
        state.report(kind, endpoint, &remote);
    }
    state.report(EventKind::Disconnected { fd, reason }, endpoint, &remote);
}
