//! The loop of an I/O thread.
//!
//! It owns the listeners, the handshakes in progress and the sessions, each under a token of the
//! thread's epoll set, and the sets of its sockets. It takes a socket's lock to hand a connection
//! over and to do for a socket what nobody else does. It sleeps without a timeout when nothing is
//! due: no tick runs while nothing is buffered and no lease is out.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::listeners::{Accepted, Listener};
use super::session::Session;
use super::timers::Timers;
use super::{IoCommand, IoHandle, WAKE};
use crate::limits::{EVENTS_PER_WAIT, FLUSH_TICK, LEASE_TICK};
use crate::options::ContextOptions;
use crate::socket::SocketCore;
use crate::socket::attendance::Attendance;
use crate::socket::guard::StateGuard;
use crate::sys::{self, Events, Interest};

/// A socket whose epoll set the thread shares.
pub(super) struct Watched {
    socket: Arc<SocketCore>,
    attendance: Arc<Attendance>,
    /// The caller's visits at the last look, while a lease is out.
    visits: u32,
    leased: bool,
}

/// What a token of the thread's epoll set stands for.
pub(super) enum Entry {
    Socket(Watched),
    Listener(Listener),
    Accepted(Box<Accepted>),
    Session(Box<Session>),
}

/// What a deadline is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A step of a session.
    Session(u64, u64),
    /// An accepted connection's handshake.
    Handshake(u64),
    /// A handshake that waits for the ZAP handler.
    Judgement(u64),
    /// A listener that pauses.
    Accept(u64),
    /// Heartbeats and lingering of a socket.
    Socket(u64),
}

/// See the file's first paragraph.
pub(super) struct Loop {
    pub(super) handle: IoHandle,
    pub(super) entries: HashMap<u64, Entry>,
    /// Token of each watched socket, by its number in the context.
    tokens: HashMap<u64, u64>,
    pub(super) timers: Timers<Due>,
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
    // Commands refer to sockets, and those to this mailbox.
    this.handle.shared.mailbox.drain(&mut this.commands);
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
            IoCommand::Connect { session, socket, endpoint, name, options, tls } => {
                let new = Session::new(socket, endpoint, name, options, tls);
                self.entries.insert(session.0, Entry::Session(Box::new(new)));
                self.resolve(session.0);
            }
            IoCommand::Resolved { session, attempt, targets } => {
                self.resolved(session.0, attempt, targets);
            }
            IoCommand::ConnectionLost { session } => self.connection_lost(session.0),
            IoCommand::Disconnect { session, lingers } => self.disconnect(session.0, lingers),
            IoCommand::Judged { token } => self.judged(token),
            IoCommand::Tick { socket } => {
                if !self.flushing.iter().any(|s| s.id == socket.id) {
                    self.flushing.push(socket);
                }
            }
            IoCommand::Timer { socket } => {
                let due = socket.lock().pipes.due;
                self.set_socket_timer(&socket, due);
            }
            IoCommand::Resume { socket } => socket.resume(),
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

    /// A handshake may have its answer, or no more time for it.
    fn judged(&mut self, token: u64) {
        match self.entries.get(&token) {
            Some(Entry::Accepted(_)) => self.greet_accepted(token),
            // Does nothing unless it is in its handshake.
            Some(Entry::Session(_)) => self.greet(token),
            _ => {}
        }
    }

    fn due(&mut self) {
        let now = Instant::now();
        while let Some(due) = self.timers.pop_due(now) {
            match due {
                Due::Session(token, step) => self.session_due(token, step),
                Due::Handshake(token) => self.handshake_overdue(token),
                Due::Judgement(token) => self.judged(token),
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
            self.handle.shared.load.fetch_sub(1, Ordering::Relaxed);
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
        let socket = watched.socket.clone();
        // Under the lock, as callers take the lease under it: an event fetched here while one
        // goes to sleep could be the signal that was to wake it.
        let mut state = socket.lock();
        if watched.attendance.is_held() || watched.attendance.is_parked() {
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
        let found = watched.attendance.wait(&mut self.socket_events, Some(Duration::ZERO));
        if found.unwrap_or(0) == 0 {
            return;
        }
        state.dispatch(&self.socket_events);
        self.finish(&socket, state);
    }

    /// Gives a socket's lock up after the thread's work; a socket that has ended is forgotten.
    pub(super) fn finish(&mut self, socket: &Arc<SocketCore>, state: StateGuard<'_>) {
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
            let socket = watched.socket.clone();
            let state = socket.lock();
            watched.attendance.release();
            drop(state);
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
            let again = state.tick();
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
}
