//! The sessions of an I/O thread: resolving, connecting, greeting and waiting. Part of the
//! thread's loop: only the thread itself calls. The stages are drawn in `session`.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use oxmq_pipe::Interest as Waiting;
use oxmq_zmtp::{Endpoint, Established, HandshakeError, ZapStatus};

use super::greeter::{Failure, Greeter, Opening, Outcome};
use super::listeners::report_failure;
use super::session::{Session, Stage};
use super::thread::{Due, Entry, Loop};
use super::{IoCommand, SessionId};
use crate::monitor::EventKind;
use crate::security::Knock;
use crate::socket::state::Arrival;
use crate::sys::Interest;
use crate::transport::{self, Connecting, Resolved, SocksRoute, Stream, Target};

impl Loop {
    pub(super) fn session(&mut self, token: u64) -> Option<&mut Session> {
        match self.entries.get_mut(&token) {
            Some(Entry::Session(session)) => Some(session),
            _ => None,
        }
    }

    /// Begins an attempt: looks the endpoint's addresses up.
    pub(super) fn resolve(&mut self, token: u64) {
        let handle = self.handle.clone();
        let Some(session) = self.session(token) else { return };
        session.enter(Stage::Resolving, None);
        let attempt = session.step;
        let ipv6 = session.options.transport.ipv6;
        let (mut endpoint, context) = (session.endpoint.clone(), session.socket.context.clone());
        match SocksRoute::new(&endpoint, &session.options.transport.socks) {
            Ok(None) => {}
            Ok(Some(route)) => endpoint = route.proxy().clone(),
            Err(error) => return self.resolved(token, attempt, Err(error)),
        }
        context.resolver.resolve(
            &endpoint,
            ipv6,
            Box::new(move |targets| {
                let session = SessionId(token);
                handle.post(IoCommand::Resolved { session, attempt, targets });
            }),
        );
    }

    pub(super) fn resolved(&mut self, token: u64, attempt: u64, targets: Resolved) {
        let Some(session) = self.session(token) else { return };
        if session.step != attempt {
            return;
        }
        match targets {
            Ok(mut targets) => {
                let socks = &session.options.transport.socks;
                if let Ok(Some(route)) = SocksRoute::new(&session.endpoint, socks) {
                    targets = targets.into_iter().map(|target| route.target(target)).collect();
                }
                targets.reverse();
                session.targets = targets;
                self.connect_next(token);
            }
            Err(error) => {
                let errno = transport::errno(&error);
                let name = session.name.clone();
                let socket = session.socket.clone();
                socket.lock().report(EventKind::ConnectDelayed { errno }, &name, "");
                self.retry(token);
            }
        }
    }

    /// Tries the next address.
    pub(super) fn connect_next(&mut self, token: u64) {
        loop {
            let Some(session) = self.session(token) else { return };
            let Some(target) = session.targets.pop() else {
                self.retry(token);
                return;
            };
            match target.connect(&session.options.transport) {
                Ok(connecting) => {
                    self.connecting(token, connecting, &target);
                    return;
                }
                Err(error) => {
                    if self.refused(token, &error) {
                        return;
                    }
                }
            }
        }
    }

    pub(super) fn connecting(&mut self, token: u64, connecting: Connecting, target: &Target) {
        let pending = match connecting {
            Connecting::Ready(stream) => return self.connected(token, stream),
            Connecting::InProgress(pending) => pending,
        };
        let interest = Interest::IN | Interest::OUT | Interest::ET;
        let added = self.handle.shared.epoll.add(pending.as_fd(), token, interest);
        let Some(session) = self.session(token) else { return };
        session.fd = pending.as_fd().as_raw_fd();
        let (name, socket) = (session.name.clone(), session.socket.clone());
        if let Err(error) = added {
            return self.failed_attempt(token, &error);
        }
        let options = &session.options;
        let proxied = !options.transport.socks.proxy.is_empty();
        // The system limits how long a connection takes, but nobody how long a proxy does.
        let limit = options.connect_timeout.or(options.handshake_ivl.filter(|_| proxied));
        let deadline = limit.map(|limit| Instant::now() + limit);
        session.enter(Stage::Connecting { pending }, deadline);
        self.arm(token);
        let kind = EventKind::ConnectDelayed { errno: libc::EINPROGRESS };
        socket.lock().report(kind, &name, &target.endpoint());
    }

    pub(super) fn session_ready(&mut self, token: u64) {
        let Some(session) = self.session(token) else { return };
        match &session.stage {
            Stage::Connecting { .. } => {
                let stage = std::mem::replace(&mut session.stage, Stage::Resolving);
                let Stage::Connecting { pending } = stage else { return };
                match pending.finish() {
                    Ok(Connecting::Ready(stream)) => {
                        let _ = self.handle.shared.epoll.delete(stream.as_fd());
                        self.connected(token, stream);
                    }
                    Ok(Connecting::InProgress(pending)) => {
                        session.stage = Stage::Connecting { pending };
                    }
                    Err(error) => self.failed_attempt(token, &error),
                }
            }
            Stage::Greeting { .. } => self.greet(token),
            _ => {}
        }
    }

    /// An attempt at one address failed: on to the next.
    pub(super) fn failed_attempt(&mut self, token: u64, error: &io::Error) {
        if !self.refused(token, error) {
            self.connect_next(token);
        }
    }

    /// Reports a failed attempt; true if the options say that this ends the session.
    pub(super) fn refused(&mut self, token: u64, error: &io::Error) -> bool {
        let Some(session) = self.session(token) else { return true };
        let errno = transport::errno(error);
        let stop = errno == libc::ECONNREFUSED && session.options.reconnect_stop.conn_refused;
        let (name, socket) = (session.name.clone(), session.socket.clone());
        let fd = std::mem::replace(&mut session.fd, -1);
        socket.lock().report(EventKind::Closed { fd }, &name, "");
        if stop {
            self.end_session(token);
        }
        stop
    }

    pub(super) fn connected(&mut self, token: u64, stream: Stream) {
        let Some(session) = self.session(token) else { return };
        let secured = match &session.tls {
            None => Ok(stream),
            Some(tls) => stream.over_tls(tls),
        };
        let stream = match secured {
            Ok(stream) => stream,
            Err(error) => return self.failed_attempt(token, &error),
        };
        let Some(session) = self.session(token) else { return };
        let fd = stream.as_fd().as_raw_fd();
        let remote = stream.remote_endpoint();
        let (name, socket) = (session.name.clone(), session.socket.clone());
        let local = stream.local_endpoint();
        socket.lock().report_between(EventKind::Connected { fd }, &name, &remote, &local);
        let opening = match &session.endpoint {
            Endpoint::Ws(endpoint) => Opening::WsClient(endpoint),
            _ => Opening::Zmtp,
        };
        let greeter = match Greeter::new(stream, socket.socket_type, &session.options, &opening) {
            Ok(greeter) => greeter,
            Err(_) => {
                let kind = EventKind::HandshakeFailedNoDetail { errno: libc::EINVAL };
                socket.lock().report(kind, &name, &remote);
                self.end_session(token);
                return;
            }
        };
        let interest = Interest::IN | Interest::OUT | Interest::ET;
        let added = self.handle.shared.epoll.add(greeter.as_fd(), token, interest);
        let Some(session) = self.session(token) else { return };
        let deadline = session.options.handshake_ivl.map(|limit| Instant::now() + limit);
        session.enter(Stage::Greeting { greeter: Box::new(greeter) }, deadline);
        self.arm(token);
        match added {
            Ok(()) => self.greet(token),
            Err(_) => self.retry(token),
        }
    }

    pub(super) fn greet(&mut self, token: u64) {
        let handle = self.handle.clone();
        loop {
            let Some(session) = self.session(token) else { return };
            let Session { stage: Stage::Greeting { greeter }, socket, name, options, .. } = session
            else {
                return;
            };
            match greeter.drive() {
                Ok(Outcome::Going) => return,
                Ok(Outcome::Ask(request)) => {
                    let knock = Knock { io: handle.clone(), token };
                    match greeter.ask(request, &socket.context, options, knock) {
                        Ok(Some(at)) => self.timers.add(at, Due::Judgement(token)),
                        Ok(None) => {}
                        Err(failure) => return self.greeting_failed(token, &failure),
                    }
                }
                Ok(Outcome::Silenced { status }) => {
                    let remote = greeter.stream().remote_endpoint();
                    let kind = EventKind::HandshakeFailedAuth { status };
                    socket.lock().report(kind, name, &remote);
                }
                Ok(Outcome::Done { established, rest }) => {
                    return self.greeted(token, established, rest);
                }
                Err(failure) => return self.greeting_failed(token, &failure),
            }
        }
    }

    fn greeted(&mut self, token: u64, established: Option<Box<Established>>, rest: Vec<u8>) {
        let Some(session) = self.session(token) else { return };
        let (name, socket) = (session.name.clone(), session.socket.clone());
        let Stage::Greeting { greeter } = std::mem::replace(&mut session.stage, Stage::Resolving)
        else {
            return;
        };
        session.succeeded();
        let _ = self.handle.shared.epoll.delete(greeter.as_fd());
        let arrival = Arrival {
            stream: greeter.into_stream(),
            established,
            rest,
            endpoint: name,
            session: Some(SessionId(token)),
            order: token,
        };
        if !self.deliver(&socket, arrival) {
            self.end_session(token);
        }
    }

    fn greeting_failed(&mut self, token: u64, failure: &Failure) {
        let Some(session) = self.session(token) else { return };
        let (name, socket) = (session.name.clone(), session.socket.clone());
        let Stage::Greeting { greeter } = std::mem::replace(&mut session.stage, Stage::Resolving)
        else {
            return;
        };
        report_failure(&socket, &name, &greeter, failure);
        // RFC 37 §Error Handling would not have us come back after any ERROR. We do, because the
        // peer may be set up anew meanwhile, and the option is there for those who want to stop;
        // but credentials that were refused for good stay so.
        let stop = session.options.reconnect_stop.handshake_failed;
        let for_good = match failure {
            Failure::Handshake(error @ HandshakeError::Refused { .. }) => {
                error.zap_status().filter(|status| *status != ZapStatus::Temporary)
            }
            _ => None,
        };
        drop(greeter);
        if let Some(status) = for_good {
            socket.lock().session_refused(SessionId(token), status.code());
        }
        if stop || for_good.is_some() {
            self.end_session(token);
            socket.waiters.wake_all(Waiting::ALL);
        } else {
            self.retry(token);
        }
    }

    /// Waits for the reconnect interval before the next attempt.
    pub(super) fn retry(&mut self, token: u64) {
        let Some(session) = self.session(token) else { return };
        let (name, socket) = (session.name.clone(), session.socket.clone());
        let after = if session.is_last { None } else { session.backoff() };
        let Some(after) = after else {
            self.end_session(token);
            return;
        };
        session.enter(Stage::Waiting, Some(Instant::now() + after));
        self.arm(token);
        socket.lock().report(EventKind::ConnectRetried { after }, &name, "");
    }

    pub(super) fn connection_lost(&mut self, token: u64) {
        let Some(session) = self.session(token) else { return };
        session.is_last |= session.options.reconnect_stop.after_disconnect
            && !session.socket.context.stops_only_when_asked();
        self.retry(token);
    }

    pub(super) fn disconnect(&mut self, token: u64, lingers: bool) {
        if !lingers {
            // While a pipe lingers the session goes on: it may need another connection. The
            // pipe's end ends it.
            self.entries.remove(&token);
        } else if let Some(session) = self.session(token)
            && session.options.reconnect_stop.after_disconnect
        {
            session.is_last = true;
            if matches!(session.stage, Stage::Waiting) {
                self.end_session(token);
            }
        }
    }

    /// Ends a session that will not try again.
    pub(super) fn end_session(&mut self, token: u64) {
        if let Some(Entry::Session(session)) = self.entries.remove(&token) {
            let socket = session.socket.clone();
            drop(session);
            let mut state = socket.lock();
            state.session_ended(SessionId(token));
            self.finish(&socket, state);
        }
    }

    /// Sets the timer of a session's present step.
    pub(super) fn arm(&mut self, token: u64) {
        if let Some(session) = self.session(token)
            && let Some(at) = session.deadline
        {
            let due = Due::Session(token, session.step);
            self.timers.add(at, due);
        }
    }

    pub(super) fn session_due(&mut self, token: u64, step: u64) {
        let Some(session) = self.session(token) else { return };
        if session.step != step {
            return;
        }
        match std::mem::replace(&mut session.stage, Stage::Resolving) {
            Stage::Waiting => self.resolve(token),
            Stage::Connecting { pending } => {
                drop(pending);
                self.failed_attempt(token, &io::Error::from_raw_os_error(libc::ETIMEDOUT));
            }
            Stage::Greeting { greeter } => {
                let (name, socket) = (session.name.clone(), session.socket.clone());
                let failure = Failure::Io(io::Error::from_raw_os_error(libc::ETIMEDOUT));
                report_failure(&socket, &name, &greeter, &failure);
                drop(greeter);
                session.is_last |= session.options.reconnect_stop.handshake_failed;
                self.retry(token);
            }
            stage @ (Stage::Resolving | Stage::Established) => session.stage = stage,
        }
    }
}
