//! The loop of an I/O thread.
//!
//! It owns the listeners, the handshakes in progress and the sessions, each under a token of the
//! thread's epoll set, and the sets of its sockets. It takes a socket's lock to hand a connection
//! over and to do for a socket what nobody else does. It sleeps without a timeout when nothing is
//! due: no tick runs while nothing is buffered and no lease is out.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::greeter::{Failure, Greeter, Outcome};
use super::session::{Session, Stage};
use super::timers::Timers;
use super::{IoCommand, IoHandle, Listening, SessionId, WAKE};
use crate::limits::{
    ACCEPT_PAUSE, ACCEPTS_PER_TURN, EVENTS_PER_WAIT, FLUSH_TICK, HANDSHAKES_PER_LISTENER_MAX,
    LEASE_TICK,
};
use crate::monitor::EventKind;
use crate::options::ContextOptions;
use crate::socket::SocketCore;
use crate::socket::attendance::Attendance;
use crate::socket::state::Arrival;
use crate::sys::{self, Events, Interest};
use crate::transport::{self, AcceptFault, Connecting, Resolved, Stream, Target};

/// A socket whose epoll set the thread shares.
struct Watched {
    socket: Arc<SocketCore>,
    attendance: Arc<Attendance>,
    /// The caller's visits at the last look, while a lease is out.
    visits: u32,
    leased: bool,
}

struct Listener {
    listening: Box<Listening>,
    /// Tokens of its handshakes in progress, oldest first.
    greeting: VecDeque<u64>,
    paused: bool,
}

/// An accepted connection during its handshake.
struct Accepted {
    greeter: Greeter,
    listener: u64,
    socket: Arc<SocketCore>,
    endpoint: Arc<str>,
}

enum Entry {
    Socket(Watched),
    Listener(Listener),
    Accepted(Box<Accepted>),
    Session(Box<Session>),
}

/// What a deadline is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A step of a session.
    Session(u64, u64),
    /// An accepted connection's handshake.
    Handshake(u64),
    /// A listener that pauses.
    Accept(u64),
    /// Heartbeats and lingering of a socket.
    Socket(u64),
}

struct Loop {
    handle: IoHandle,
    entries: HashMap<u64, Entry>,
    /// Token of each watched socket, by its number in the context.
    tokens: HashMap<u64, u64>,
    timers: Timers<Due>,
    /// Sockets with bytes buffered.
    flushing: Vec<Arc<SocketCore>>,
    /// Watched sockets whose lease is out.
    leased: Vec<u64>,
    next_lease_tick: Option<Instant>,
    commands: Vec<IoCommand>,
    socket_events: Events,
    stopped: bool,
}

/// Runs until told to stop.
pub(super) fn run(handle: IoHandle, options: &ContextOptions, name: &str) {
    let _ = handle.shared.thread.set(std::thread::current().id());
    set_up_thread(options, name);
    let mut this = Loop {
        handle,
        entries: HashMap::new(),
        tokens: HashMap::new(),
        timers: Timers::new(),
        flushing: Vec::new(),
        leased: Vec::new(),
        next_lease_tick: None,
        commands: Vec::new(),
        socket_events: Events::with_capacity(EVENTS_PER_WAIT),
        stopped: false,
    };
    let mut events = Events::with_capacity(EVENTS_PER_WAIT);
    while !this.stopped {
        let timeout = this.timeout();
        // An interruption is a wait that found nothing.
        let found = this.handle.shared.epoll.wait(&mut events, timeout).unwrap_or(0);
        this.carry_out();
        if found > 0 {
            let ready: Vec<u64> = events.iter().map(|event| event.token).collect();
            for token in ready {
                this.ready(token);
            }
        }
        this.due();
        this.flush();
        this.check_leases();
    }
}

/// Applies what the options ask of I/O threads. What the process may not do is left undone, as
/// the reference does.
fn set_up_thread(options: &ContextOptions, name: &str) {
    let _ = sys::set_thread_name(name);
    let _ = sys::set_timer_slack(Duration::from_micros(1));
    if !options.thread_affinity_cpus.is_empty() {
        let cpus: Vec<usize> = options.thread_affinity_cpus.iter().copied().collect();
        let _ = sys::set_affinity(&cpus);
    }
    if options.thread_sched_policy.is_some() || options.thread_priority.is_some() {
        let policy = options.thread_sched_policy.unwrap_or(0);
        let _ = sys::set_scheduling(policy, options.thread_priority.unwrap_or(0));
    }
}

impl Loop {
    fn timeout(&self) -> Option<Duration> {
        if !self.flushing.is_empty() {
            return Some(FLUSH_TICK);
        }
        let now = Instant::now();
        let lease = self.next_lease_tick.map(|at| at.saturating_duration_since(now));
        match (self.timers.next_in(now), lease) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn carry_out(&mut self) {
        if self.handle.shared.mailbox.is_empty() {
            return;
        }
        let mut commands = std::mem::take(&mut self.commands);
        self.handle.shared.mailbox.drain(&mut commands);
        for command in commands.drain(..) {
            self.obey(command);
        }
        self.commands = commands;
    }

    fn obey(&mut self, command: IoCommand) {
        match command {
            IoCommand::Watch { socket, attendance } => self.watch(socket, attendance),
            IoCommand::Listen(listening) => self.listen(listening),
            IoCommand::Unlisten { token, done } => {
                self.close_listener(token);
                drop(done);
            }
            IoCommand::Connect { session, socket, endpoint, name, options } => {
                let new = Session::new(socket, endpoint, name, options);
                self.entries.insert(session.0, Entry::Session(Box::new(new)));
                self.resolve(session.0);
            }
            IoCommand::Resolved { session, attempt, targets } => {
                self.resolved(session.0, attempt, targets);
            }
            IoCommand::ConnectionLost { session } => self.connection_lost(session.0),
            IoCommand::Disconnect { session, lingers } => self.disconnect(session.0, lingers),
            IoCommand::Tick { socket } => {
                if !self.flushing.iter().any(|s| s.id == socket.id) {
                    self.flushing.push(socket);
                }
            }
            IoCommand::Timer { socket } => {
                let due = socket.lock().pipes.due;
                self.set_socket_timer(&socket, due);
            }
            IoCommand::Closing { socket, ended } => {
                if ended {
                    self.unwatch(&socket);
                } else {
                    // Nobody calls the socket any more.
                    if let Some(attendance) = &socket.lock().pipes.attendance {
                        attendance.release();
                    }
                    let due = socket.lock().pipes.due;
                    self.set_socket_timer(&socket, due);
                }
            }
            IoCommand::Stop => self.stopped = true,
        }
    }

    fn ready(&mut self, token: u64) {
        if token == WAKE {
            return;
        }
        match self.entries.get(&token) {
            Some(Entry::Socket(_)) => self.socket_ready(token),
            Some(Entry::Listener(_)) => self.accept(token),
            Some(Entry::Accepted(_)) => self.greet_accepted(token),
            Some(Entry::Session(_)) => self.session_ready(token),
            None => {}
        }
    }

    fn due(&mut self) {
        let now = Instant::now();
        while let Some(due) = self.timers.pop_due(now) {
            match due {
                Due::Session(token, step) => self.session_due(token, step),
                Due::Handshake(token) => self.handshake_overdue(token),
                Due::Accept(token) => self.resume_listener(token),
                Due::Socket(token) => {
                    if let Some(Entry::Socket(watched)) = self.entries.get(&token) {
                        let socket = watched.socket.clone();
                        self.socket_due(&socket);
                    }
                }
            }
        }
    }

    // Sockets.

    fn watch(&mut self, socket: Arc<SocketCore>, attendance: Arc<Attendance>) {
        let token = self.handle.next_token();
        let added = self.handle.shared.epoll.add(attendance.as_fd(), token, Interest::IN);
        if added.is_err() {
            // Only for want of kernel memory: callers of the socket still attend to it.
            return;
        }
        attendance.set_token(token);
        self.tokens.insert(socket.id, token);
        let watched = Watched { socket, attendance, visits: 0, leased: false };
        self.entries.insert(token, Entry::Socket(watched));
    }

    fn unwatch(&mut self, socket: &SocketCore) {
        self.flushing.retain(|s| s.id != socket.id);
        if let Some(token) = self.tokens.remove(&socket.id)
            && let Some(Entry::Socket(watched)) = self.entries.remove(&token)
        {
            let _ = self.handle.shared.epoll.delete(watched.attendance.as_fd());
            self.handle.shared.load.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        }
        self.leased.retain(|t| self.entries.contains_key(t));
        let sessions: Vec<u64> = self
            .entries
            .iter()
            .filter(|(_, e)| matches!(e, Entry::Session(s) if s.socket.id == socket.id))
            .map(|(token, _)| *token)
            .collect();
        for token in sessions {
            self.end_session(token);
        }
    }

    fn socket_ready(&mut self, token: u64) {
        let Some(Entry::Socket(watched)) = self.entries.get_mut(&token) else { return };
        if watched.attendance.is_held() {
            // A caller attends: stop watching until it stays away for a tick.
            self.handle.watch(&watched.attendance, token, false);
            watched.visits = watched.attendance.visits();
            if !watched.leased {
                watched.leased = true;
                self.leased.push(token);
            }
            if self.next_lease_tick.is_none() {
                self.next_lease_tick = Some(Instant::now() + LEASE_TICK);
            }
            return;
        }
        let socket = watched.socket.clone();
        let found = watched.attendance.wait(&mut self.socket_events, Some(Duration::ZERO));
        if found.unwrap_or(0) == 0 {
            return;
        }
        let mut state = socket.lock();
        state.dispatch(&self.socket_events);
        self.finish(&socket, state);
    }

    /// Gives a socket's lock up after the thread's work; a socket that has ended is forgotten.
    fn finish(
        &mut self,
        socket: &Arc<SocketCore>,
        state: std::sync::MutexGuard<'_, crate::socket::state::State>,
    ) {
        if socket.leave_io(state) {
            self.unwatch(socket);
        }
    }

    fn check_leases(&mut self) {
        let Some(at) = self.next_lease_tick else { return };
        if Instant::now() < at {
            return;
        }
        let mut still_leased = Vec::new();
        for token in std::mem::take(&mut self.leased) {
            let Some(Entry::Socket(watched)) = self.entries.get_mut(&token) else { continue };
            let visits = watched.attendance.visits();
            if visits != watched.visits {
                watched.visits = visits;
                still_leased.push(token);
                continue;
            }
            watched.leased = false;
            watched.attendance.release();
            self.handle.watch(&watched.attendance, token, true);
        }
        self.next_lease_tick = (!still_leased.is_empty()).then(|| Instant::now() + LEASE_TICK);
        self.leased = still_leased;
    }

    fn flush(&mut self) {
        if self.flushing.is_empty() {
            return;
        }
        let sockets = std::mem::take(&mut self.flushing);
        let mut busy = Vec::with_capacity(sockets.len());
        for socket in sockets {
            let mut state = socket.lock();
            let again = state.pipes.tick();
            self.finish(&socket, state);
            if again {
                busy.push(socket);
            }
        }
        busy.append(&mut self.flushing);
        self.flushing = busy;
    }

    /// Does what is due for a socket, and finds out when to come again.
    fn socket_due(&mut self, socket: &Arc<SocketCore>) {
        let mut state = socket.lock();
        let next = state.on_timer(Instant::now());
        self.finish(socket, state);
        self.set_socket_timer(socket, next);
    }

    fn set_socket_timer(&mut self, socket: &SocketCore, due: Option<Instant>) {
        if let (Some(at), Some(token)) = (due, self.tokens.get(&socket.id)) {
            self.timers.add(at, Due::Socket(*token));
        }
    }

    // Listeners.

    fn listen(&mut self, listening: Box<Listening>) {
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

    fn close_listener(&mut self, token: u64) {
        let Some(Entry::Listener(listener)) = self.entries.remove(&token) else { return };
        for greeting in &listener.greeting {
            self.drop_accepted(*greeting);
        }
        let fd = listener.listening.listener.as_fd().as_raw_fd();
        let _ = self.handle.shared.epoll.delete(listener.listening.listener.as_fd());
        let (socket, endpoint) =
            (listener.listening.socket.clone(), listener.listening.endpoint.clone());
        drop(listener);
        socket.lock().report(EventKind::Closed { fd }, &endpoint, "");
    }

    fn accept(&mut self, token: u64) {
        for _ in 0..ACCEPTS_PER_TURN {
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

    fn pause_listener(&mut self, token: u64) {
        let Some(Entry::Listener(listener)) = self.entries.get_mut(&token) else { return };
        let fd = listener.listening.listener.as_fd();
        let _ = self.handle.shared.epoll.modify(fd, token, Interest::NONE);
        if !listener.paused {
            listener.paused = true;
            self.timers.add(Instant::now() + ACCEPT_PAUSE, Due::Accept(token));
        }
    }

    fn resume_listener(&mut self, token: u64) {
        let Some(Entry::Listener(listener)) = self.entries.get_mut(&token) else { return };
        listener.paused = false;
        let fd = listener.listening.listener.as_fd();
        let _ = self.handle.shared.epoll.modify(fd, token, Interest::IN);
    }

    fn accepted(&mut self, token: u64, stream: Stream) {
        let Some(Entry::Listener(listener)) = self.entries.get_mut(&token) else { return };
        let listening = &listener.listening;
        let fd = stream.as_fd().as_raw_fd();
        let socket = listening.socket.clone();
        let endpoint = listening.endpoint.clone();
        let remote = stream.remote_endpoint();
        socket.lock().report(EventKind::Accepted { fd }, &endpoint, &remote);
        let Ok(greeter) = Greeter::new(stream, socket.socket_type, &listening.options) else {
            let kind = EventKind::HandshakeFailedNoDetail { errno: libc::EINVAL };
            socket.lock().report(kind, &endpoint, &remote);
            return;
        };
        let limit = listening.options.handshake_ivl;
        let mut oldest = None;
        let own = self.handle.next_token();
        listener.greeting.push_back(own);
        if listener.greeting.len() > HANDSHAKES_PER_LISTENER_MAX {
            oldest = listener.greeting.pop_front();
        }
        if let Some(oldest) = oldest {
            self.drop_accepted(oldest);
        }
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
    fn drop_accepted(&mut self, token: u64) {
        if let Some(Entry::Accepted(accepted)) = self.entries.remove(&token) {
            let fd = accepted.greeter.as_fd().as_raw_fd();
            let kind = EventKind::HandshakeFailedNoDetail { errno: libc::ETIMEDOUT };
            let remote = accepted.greeter.stream().remote_endpoint();
            let state = accepted.socket.lock();
            state.report(kind, &accepted.endpoint, &remote);
            state.report(EventKind::Closed { fd }, &accepted.endpoint, &remote);
        }
    }

    fn handshake_overdue(&mut self, token: u64) {
        if let Some(Entry::Accepted(accepted)) = self.entries.get(&token) {
            let listener = accepted.listener;
            self.forget_greeting(listener, token);
            self.drop_accepted(token);
        }
    }

    fn forget_greeting(&mut self, listener: u64, token: u64) {
        if let Some(Entry::Listener(listener)) = self.entries.get_mut(&listener) {
            listener.greeting.retain(|t| *t != token);
        }
    }

    fn greet_accepted(&mut self, token: u64) {
        let Some(Entry::Accepted(accepted)) = self.entries.get_mut(&token) else { return };
        let outcome = accepted.greeter.drive();
        if let Ok(Outcome::Going) = outcome {
            return;
        }
        let listener = accepted.listener;
        self.forget_greeting(listener, token);
        let Some(Entry::Accepted(accepted)) = self.entries.remove(&token) else { return };
        let Accepted { greeter, socket, endpoint, .. } = *accepted;
        match outcome {
            Ok(Outcome::Done { established, rest }) => {
                let _ = self.handle.shared.epoll.delete(greeter.as_fd());
                let stream = greeter.into_stream();
                let arrival = Arrival { stream, established, rest, endpoint, session: None };
                self.deliver(&socket, arrival);
            }
            Ok(Outcome::Going) => {}
            Err(failure) => report_failure(&socket, &endpoint, greeter.stream(), &failure),
        }
    }

    /// Hands a connection over to its socket; false if the socket refused it.
    fn deliver(&mut self, socket: &Arc<SocketCore>, arrival: Arrival) -> bool {
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

    // Sessions.

    fn session(&mut self, token: u64) -> Option<&mut Session> {
        match self.entries.get_mut(&token) {
            Some(Entry::Session(session)) => Some(session),
            _ => None,
        }
    }

    /// Begins an attempt: looks the endpoint's addresses up.
    fn resolve(&mut self, token: u64) {
        let handle = self.handle.clone();
        let Some(session) = self.session(token) else { return };
        session.enter(Stage::Resolving, None);
        let attempt = session.step;
        let ipv6 = session.options.transport.ipv6;
        let (endpoint, context) = (session.endpoint.clone(), session.socket.context.clone());
        context.resolver.resolve(
            &endpoint,
            ipv6,
            Box::new(move |targets| {
                let session = SessionId(token);
                handle.post(IoCommand::Resolved { session, attempt, targets });
            }),
        );
    }

    fn resolved(&mut self, token: u64, attempt: u64, targets: Resolved) {
        let Some(session) = self.session(token) else { return };
        if session.step != attempt {
            return;
        }
        match targets {
            Ok(mut targets) => {
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
    fn connect_next(&mut self, token: u64) {
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

    fn connecting(&mut self, token: u64, connecting: Connecting, target: &Target) {
        let pending = match connecting {
            Connecting::Ready(stream) => return self.connected(token, stream),
            Connecting::InProgress(pending) => pending,
        };
        let interest = Interest::OUT | Interest::ET;
        let added = self.handle.shared.epoll.add(pending.as_fd(), token, interest);
        let Some(session) = self.session(token) else { return };
        let (name, socket) = (session.name.clone(), session.socket.clone());
        if let Err(error) = added {
            return self.failed_attempt(token, &error);
        }
        let deadline = session.options.connect_timeout.map(|limit| Instant::now() + limit);
        session.enter(Stage::Connecting { pending }, deadline);
        self.arm(token);
        let kind = EventKind::ConnectDelayed { errno: libc::EINPROGRESS };
        socket.lock().report(kind, &name, &target.endpoint());
    }

    fn session_ready(&mut self, token: u64) {
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
    fn failed_attempt(&mut self, token: u64, error: &io::Error) {
        if !self.refused(token, error) {
            self.connect_next(token);
        }
    }

    /// Reports a failed attempt; true if the options say that this ends the session.
    fn refused(&mut self, token: u64, error: &io::Error) -> bool {
        let Some(session) = self.session(token) else { return true };
        let errno = transport::errno(error);
        let stop = errno == libc::ECONNREFUSED && session.options.reconnect_stop.conn_refused;
        let (name, socket) = (session.name.clone(), session.socket.clone());
        socket.lock().report(EventKind::Closed { fd: -1 }, &name, "");
        if stop {
            self.end_session(token);
        }
        stop
    }

    fn connected(&mut self, token: u64, stream: Stream) {
        let Some(session) = self.session(token) else { return };
        let fd = stream.as_fd().as_raw_fd();
        let remote = stream.remote_endpoint();
        let (name, socket) = (session.name.clone(), session.socket.clone());
        socket.lock().report(EventKind::Connected { fd }, &name, &remote);
        let greeter = match Greeter::new(stream, socket.socket_type, &session.options) {
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

    fn greet(&mut self, token: u64) {
        let Some(session) = self.session(token) else { return };
        let Stage::Greeting { greeter } = &mut session.stage else { return };
        let outcome = greeter.drive();
        if let Ok(Outcome::Going) = outcome {
            return;
        }
        let (name, socket) = (session.name.clone(), session.socket.clone());
        let Stage::Greeting { greeter } = std::mem::replace(&mut session.stage, Stage::Resolving)
        else {
            return;
        };
        match outcome {
            Ok(Outcome::Done { established, rest }) => {
                session.succeeded();
                let _ = self.handle.shared.epoll.delete(greeter.as_fd());
                let arrival = Arrival {
                    stream: greeter.into_stream(),
                    established,
                    rest,
                    endpoint: name,
                    session: Some(SessionId(token)),
                };
                if !self.deliver(&socket, arrival) {
                    self.end_session(token);
                }
            }
            Ok(Outcome::Going) => {}
            Err(failure) => {
                report_failure(&socket, &name, greeter.stream(), &failure);
                let stop = session.options.reconnect_stop.handshake_failed;
                let is_protocol = matches!(failure, Failure::Handshake(_));
                drop(greeter);
                if stop && is_protocol {
                    self.end_session(token);
                } else {
                    self.retry(token);
                }
            }
        }
    }

    /// Waits for the reconnect interval before the next attempt.
    fn retry(&mut self, token: u64) {
        let Some(session) = self.session(token) else { return };
        let (name, socket) = (session.name.clone(), session.socket.clone());
        let Some(after) = session.backoff() else {
            self.end_session(token);
            return;
        };
        session.enter(Stage::Waiting, Some(Instant::now() + after));
        self.arm(token);
        socket.lock().report(EventKind::ConnectRetried { after }, &name, "");
    }

    fn connection_lost(&mut self, token: u64) {
        let Some(session) = self.session(token) else { return };
        if session.options.reconnect_stop.after_disconnect {
            self.end_session(token);
        } else {
            self.retry(token);
        }
    }

    fn disconnect(&mut self, token: u64, lingers: bool) {
        let established =
            self.session(token).is_some_and(|s| matches!(s.stage, Stage::Established));
        if !lingers || established {
            // What lingers on a connection needs no session; without one, the session goes on
            // until the pipe's deadline.
            self.entries.remove(&token);
        }
    }

    /// Ends a session that will not try again.
    fn end_session(&mut self, token: u64) {
        if let Some(Entry::Session(session)) = self.entries.remove(&token) {
            let socket = session.socket.clone();
            drop(session);
            let mut state = socket.lock();
            state.session_ended(SessionId(token));
            self.finish(&socket, state);
        }
    }

    /// Sets the timer of a session's present step.
    fn arm(&mut self, token: u64) {
        if let Some(session) = self.session(token)
            && let Some(at) = session.deadline
        {
            let due = Due::Session(token, session.step);
            self.timers.add(at, due);
        }
    }

    fn session_due(&mut self, token: u64, step: u64) {
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
                report_failure(&socket, &name, greeter.stream(), &failure);
                drop(greeter);
                self.retry(token);
            }
            stage @ (Stage::Resolving | Stage::Established) => session.stage = stage,
        }
    }
}

fn report_failure(socket: &SocketCore, endpoint: &str, stream: &Stream, failure: &Failure) {
    use oxmq_zmtp::HandshakeError;
    let fd = stream.as_fd().as_raw_fd();
    let remote = stream.remote_endpoint();
    let kind = match failure {
        Failure::Io(error) => EventKind::HandshakeFailedNoDetail { errno: transport::errno(error) },
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
            Some(status) => EventKind::HandshakeFailedAuth { status },
            None => EventKind::HandshakeFailedProtocol {
                code: error.zmq_code().unwrap_or(0x1000_0000),
                fault: error.to_string(),
            },
        },
    };
    let state = socket.lock();
    state.report(kind, endpoint, &remote);
    state.report(EventKind::Closed { fd }, endpoint, &remote);
}
