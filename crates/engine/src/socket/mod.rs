//! Sockets: the engine's untyped socket, which the Rust API and the C face wrap.
//!
//! The core never blocks and never awaits: under the socket's one lock it tries, and tells who
//! sleeps on the socket when something changed. Blocking and async calls are thin shells around
//! that, in `wait`. A socket may be used from several threads at once.

pub(crate) mod attendance;
mod closing;
pub(crate) mod command;
mod connections;
mod endpoints;
mod futures;
mod snapshot;
pub(crate) mod state;
mod wait;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use oxmq_message::{Message, Msg};
use oxmq_pipe::{Interest, Mailbox, Waiters};
use oxmq_zmtp::SocketType;

use self::command::Command;
pub use self::endpoints::Endpoints;
pub use self::futures::{Peers, Recv, Send, WaitFor};
use self::state::{Life, State};
pub use self::wait::Wait;
use crate::context::{ContextCore, ContextHandle};
use crate::error::{Error, Result};
use crate::io::{IoCommand, IoHandle};
use crate::limits::DROP_LINGER_MAX;
use crate::monitor::{self, Monitor};
use crate::options::{OptionValue, SetEffect, SocketOptions, code};
use crate::pattern::WakeSenders;
use crate::stats::SocketSnapshot;

/// What a socket is to the rest of the engine: its lock, its mailbox and who sleeps on it.
pub(crate) struct SocketCore {
    pub(crate) context: Arc<ContextCore>,
    /// Number within the context.
    pub(crate) id: u64,
    pub(crate) socket_type: SocketType,
    state: Mutex<State>,
    mailbox: Mailbox<Command>,
    pub(crate) waiters: Waiters,
    /// The I/O thread of the socket's connections, chosen at its first bind or connect.
    io: OnceLock<IoHandle>,
    /// The context is being terminated.
    terminated: AtomicBool,
    closed: AtomicBool,
}

impl SocketCore {
    pub(crate) fn new(
        context: Arc<ContextCore>,
        id: u64,
        socket_type: SocketType,
        options: SocketOptions,
    ) -> Result<Arc<SocketCore>> {
        let state = State::new(socket_type, options)?;
        let core = Arc::new(SocketCore {
            context,
            id,
            socket_type,
            state: Mutex::new(state),
            mailbox: Mailbox::new(),
            waiters: Waiters::new(),
            io: OnceLock::new(),
            terminated: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        core.lock().me = Arc::downgrade(&core);
        Ok(core)
    }

    /// The lock. A panic of another thread while it held the lock does not spread.
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn io(&self) -> Option<&IoHandle> {
        self.io.get()
    }

    /// Sends the socket a command and wakes whoever sleeps on it.
    pub(crate) fn post(&self, command: Command) {
        // Whether it was empty does not matter: waking is for those who said they sleep.
        let _ = self.mailbox.send(command);
        self.waiters.wake_all(Interest::ALL);
    }

    /// The context is going: every call from now on says so.
    pub(crate) fn terminate(&self) {
        self.terminated.store(true, Ordering::SeqCst);
        self.waiters.wake_all(Interest::ALL);
    }

    /// Calls fail from now on if the context is going or the socket is closed.
    #[inline]
    fn check(&self) -> Result<()> {
        if self.terminated.load(Ordering::Acquire) {
            return Err(Error::Terminated);
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        Ok(())
    }

    /// Takes the lock for an operation: carries out what others asked for first.
    #[inline]
    pub(crate) fn enter(&self) -> Result<MutexGuard<'_, State>> {
        self.check()?;
        let mut state = self.lock();
        state.obey(&self.mailbox);
        Ok(state)
    }

    /// Gives the lock up after an operation: settles what it left behind and wakes others.
    #[inline]
    pub(crate) fn leave(&self, mut state: MutexGuard<'_, State>) {
        state.settle();
        let ready = if self.waiters.any(Interest::ALL) {
            self.ready_for(&mut state)
        } else {
            Ready::default()
        };
        self.leave_waiting(state);
        self.wake(ready);
    }

    /// Gives the lock up with a waiter of one's own registered, which must not be woken by what it
    /// has just looked at.
    pub(crate) fn leave_waiting(&self, mut state: MutexGuard<'_, State>) {
        let wants_tick = state.pipes.wants_tick;
        let timer_changed = std::mem::take(&mut state.pipes.timer_changed);
        if wants_tick {
            state.pipes.tick_requested();
        }
        drop(state);
        if wants_tick || timer_changed {
            self.ask_io(wants_tick, timer_changed);
        }
    }

    #[cold]
    fn ask_io(&self, tick: bool, timer: bool) {
        let (Some(io), Some(socket)) = (self.io(), self.me()) else { return };
        if tick {
            io.post(IoCommand::Tick { socket: socket.clone() });
        }
        if timer {
            io.post(IoCommand::Timer { socket });
        }
    }

    pub(crate) fn me(&self) -> Option<Arc<SocketCore>> {
        self.lock().me.upgrade()
    }

    /// What others wait for and holds now.
    fn ready_for(&self, state: &mut State) -> Ready {
        let mut ready = Ready::default();
        loop {
            ready.readable |=
                self.waiters.any(Interest::IN) && state.pattern.has_in(&mut state.pipes);
            if self.waiters.any(Interest::OUT) && ready.writable == WakeSenders::None {
                ready.writable = state.pattern.wake_senders(&mut state.pipes);
            }
            // Looking may have read a connection to its end.
            if !state.settle() {
                break;
            }
        }
        ready.changed = std::mem::replace(&mut state.changes_told, state.changes) != state.changes;
        ready
    }

    /// Wakes those who wait for it. Without the lock, as a waker may drop a task that uses the
    /// socket.
    fn wake(&self, ready: Ready) {
        if ready.readable {
            self.waiters.wake_one(Interest::IN);
        }
        match ready.writable {
            WakeSenders::None => {}
            WakeSenders::One => {
                self.waiters.wake_one(Interest::OUT);
            }
            WakeSenders::All => {
                self.waiters.wake_all(Interest::OUT);
            }
        }
        if ready.changed {
            self.waiters.wake_all(Interest::CHANGE);
        }
    }

    /// As the end of `leave` does, for a caller that keeps the lock.
    pub(crate) fn wake_others(&self, state: &mut State) {
        if self.waiters.any(Interest::ALL) {
            let ready = self.ready_for(state);
            self.wake(ready);
        }
    }

    /// The I/O thread has done something for the socket.
    /// True if the socket has ended with it.
    pub(crate) fn leave_io(&self, mut state: MutexGuard<'_, State>) -> bool {
        if state.life != Life::Open {
            // Nobody else carries out what is still asked of a closed socket.
            state.obey(&self.mailbox);
        }
        state.settle();
        let ended = state.try_end();
        self.leave(state);
        if ended {
            self.context.socket_ended(self.id);
        }
        ended
    }

    /// Somebody asked something of the socket, or it is going.
    pub(crate) fn has_news(&self) -> bool {
        !self.mailbox.is_empty() || self.check().is_err()
    }

    /// Somebody will wait who cannot watch the connections: the I/O thread must.
    pub(crate) fn rearm(&self, state: &State) {
        if let (Some(attendance), Some(io)) = (&state.pipes.attendance, self.io())
            && attendance.is_held()
            && !attendance.is_parked()
        {
            attendance.release();
            if let Some(token) = attendance.io_token() {
                io.watch(attendance, token, true);
            }
        }
    }
}

/// What waiters can be woken for.
#[derive(Clone, Copy, Default)]
struct Ready {
    readable: bool,
    writable: WakeSenders,
    changed: bool,
}

/// A ZeroMQ socket of any type, for generic code. All methods may be called from any thread.
///
/// Closing happens on drop: what was sent and is not yet delivered to the kernel is still written
/// in the background, for as long as the `linger` option says (at most 30 s if it is infinite;
/// call [`Socket::close`] to mean it).
pub struct Socket {
    core: Arc<SocketCore>,
    /// Keeps the context until the socket is closed.
    context: Arc<ContextHandle>,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("type", &self.core.socket_type.name())
            .field("id", &self.core.id)
            .finish_non_exhaustive()
    }
}

impl Socket {
    pub(crate) fn new(core: Arc<SocketCore>, context: Arc<ContextHandle>) -> Socket {
        Socket { core, context }
    }

    /// The socket's type.
    pub fn socket_type(&self) -> SocketType {
        self.core.socket_type
    }

    /// The context the socket belongs to.
    pub fn context(&self) -> crate::Context {
        crate::Context::from_handle(self.context.clone())
    }

    pub(crate) fn core(&self) -> &Arc<SocketCore> {
        &self.core
    }

    /// Sends one part; `part.more()` says whether others of the same message follow. The part is
    /// taken only if the call succeeds, and an empty one is left in its place.
    ///
    /// Waits as `wait` says while the socket is mute, for the first part of a message only.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` when it stayed mute; `NotSupported`, `State`, `HostUnreachable`
    /// or `InvalidMessage` as the pattern has it; `Terminated`, `Closed`.
    #[inline]
    pub fn send_part(&self, part: &mut Msg, wait: Wait) -> Result<()> {
        self.core.run(Interest::OUT, wait, |state| state.pattern.send(&mut state.pipes, part))
    }

    /// Receives one part; `more()` of it tells whether others of the same message follow, which
    /// are then there already.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` when no message came; `NotSupported` or `State` as the pattern
    /// has it; `Terminated`, `Closed`.
    #[inline]
    pub fn recv_part(&self, wait: Wait) -> Result<Msg> {
        self.core.run(Interest::IN, wait, |state| {
            let msg = state.pattern.recv(&mut state.pipes)?;
            state.receive_more = msg.more();
            Ok(msg)
        })
    }

    /// Sends a whole message, whose parts no other thread's can come between. The message is
    /// emptied only if the call succeeds. A message without parts is sent as one empty part.
    ///
    /// # Errors
    /// As [`Socket::send_part`].
    pub fn send_message(&self, message: &mut Message, wait: Wait) -> Result<()> {
        self.core.run(Interest::OUT, wait, |state| send_all(state, message))
    }

    /// Receives a whole message.
    ///
    /// # Errors
    /// As [`Socket::recv_part`].
    pub fn recv_message(&self, wait: Wait) -> Result<Message> {
        let mut message = Message::new();
        self.recv_into(&mut message, wait)?;
        Ok(message)
    }

    /// Receives a whole message in place of the one that is there, which is dropped if there is
    /// one to receive. Saves moving messages about.
    ///
    /// # Errors
    /// As [`Socket::recv_part`]; the message is as it was then.
    #[inline]
    pub fn recv_into(&self, message: &mut Message, wait: Wait) -> Result<()> {
        self.core.run(Interest::IN, wait, |state| recv_all_into(state, message))
    }

    /// Whether the last part received by [`Socket::recv_part`] has others behind it.
    pub fn receive_more(&self) -> bool {
        self.core.lock().receive_more
    }

    /// Whether a receive, and a send, would not block now.
    ///
    /// # Errors
    /// `Terminated`, `Closed`.
    pub fn readiness(&self) -> Result<Readiness> {
        let mut state = self.core.enter()?;
        state.pipes.turn_around();
        self.core.pump(&mut state);
        let ready = readiness(&mut state);
        self.core.leave(state);
        Ok(ready)
    }

    /// Adds a subscription. SUB, and XPUB in manual mode.
    ///
    /// # Errors
    /// `NotSupported` on other types.
    pub fn subscribe(&self, topic: &[u8]) -> Result<()> {
        self.change(|state| state.pattern.subscribe(&mut state.pipes, topic))
    }

    /// Takes a subscription back; one that was made twice must be taken back twice.
    ///
    /// # Errors
    /// `NotSupported` on other types.
    pub fn unsubscribe(&self, topic: &[u8]) -> Result<()> {
        self.change(|state| state.pattern.unsubscribe(&mut state.pipes, topic))
    }

    fn change<T>(&self, f: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let mut state = self.core.enter()?;
        let result = f(&mut state);
        self.core.leave(state);
        result
    }

    /// Changes options; what depends on them takes effect at once or for later binds and
    /// connects, as the options table says.
    ///
    /// # Errors
    /// `Terminated`, `Closed`, and what `f` returns.
    pub fn configure<T>(&self, f: impl FnOnce(&mut SocketOptions) -> Result<T>) -> Result<T> {
        self.change(|state| {
            let before = (state.pipes.options.snd_hwm, state.pipes.options.rcv_hwm);
            let result = f(&mut state.pipes.options)?;
            if before != (state.pipes.options.snd_hwm, state.pipes.options.rcv_hwm) {
                state.apply_hwm();
            }
            Ok(result)
        })
    }

    /// A copy of the socket's options.
    pub fn options(&self) -> SocketOptions {
        self.core.lock().pipes.options.clone()
    }

    /// Sets an option by its number, as `zmq_setsockopt` does.
    ///
    /// # Errors
    /// `Option` if the number, the length or the value is not acceptable.
    pub fn set_raw_option(&self, code: i32, value: &[u8]) -> Result<()> {
        self.change(|state| match state.pipes.options.set(code, value)? {
            SetEffect::SendHwm | SetEffect::ReceiveHwm => {
                state.apply_hwm();
                Ok(())
            }
            SetEffect::Subscribe(topic) => state.pattern.subscribe(&mut state.pipes, topic),
            SetEffect::Unsubscribe(topic) => state.pattern.unsubscribe(&mut state.pipes, topic),
            SetEffect::Stored | SetEffect::Live => Ok(()),
        })
    }

    /// Reads an option by its number, as `zmq_getsockopt` does.
    ///
    /// # Errors
    /// `Option` if there is no such option or it cannot be read.
    pub fn raw_option(&self, code: i32) -> Result<RawOption> {
        let mut state = self.core.enter()?;
        let value = match state.pipes.options.value(code)? {
            OptionValue::Int(value) => Ok(RawOption::Int(value)),
            OptionValue::I64(value) => Ok(RawOption::I64(value)),
            OptionValue::U64(value) => Ok(RawOption::U64(value)),
            OptionValue::Bytes(value) => Ok(RawOption::Bytes(value.to_vec())),
            OptionValue::Str(value) => Ok(RawOption::Text(value.to_owned())),
            OptionValue::Engine => engine_option(&self.core, &mut state, code),
        };
        self.core.leave(state);
        value
    }

    /// The endpoint of the last bind or connect, with wildcards resolved; empty before.
    pub fn last_endpoint(&self) -> String {
        self.core.lock().last_endpoint.clone()
    }

    /// Begins to report events; an earlier monitor of this socket ends.
    ///
    /// # Errors
    /// `Terminated`, `Closed`.
    pub fn monitor(&self) -> Result<Monitor> {
        let (reporter, monitor) = monitor::channel();
        self.change(|state| {
            state.reporter = Some(reporter);
            Ok(monitor)
        })
    }

    /// Peers, queues, drops and counts at this moment.
    pub fn snapshot(&self) -> SocketSnapshot {
        let mut state = self.core.lock();
        state.obey(&self.core.mailbox);
        let snapshot = state.snapshot();
        self.core.leave(state);
        snapshot
    }

    /// How many peers have subscribed to something. `None` on types that do not know.
    pub fn subscribers(&self) -> Option<usize> {
        let mut state = self.core.lock();
        state.obey(&self.core.mailbox);
        let subscribers = state.pattern.subscribers();
        self.core.leave(state);
        subscribers
    }

    /// Closes the socket, lingering in the background as the option says; `None` means for ever,
    /// however long that is. Does not block. Later calls through other references to the socket
    /// fail with `Closed`.
    pub fn close(&self) {
        let linger = self.core.lock().pipes.options.linger;
        self.core.close(linger);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let linger = self.core.lock().pipes.options.linger;
        self.core.close(Some(linger.unwrap_or(DROP_LINGER_MAX)));
    }
}

/// What a socket is ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// A message, or the next part of one, can be received.
    pub readable: bool,
    /// A message can be sent.
    pub writable: bool,
}

pub(crate) fn readiness(state: &mut State) -> Readiness {
    loop {
        let ready = Readiness {
            readable: state.pattern.has_in(&mut state.pipes),
            writable: state.pattern.has_out(&mut state.pipes),
        };
        // Looking may have read a connection to its end, which a ROUTER tells as a message.
        if !state.settle() {
            return ready;
        }
    }
}

pub(crate) fn send_all(state: &mut State, message: &mut Message) -> Result<()> {
    if message.is_empty() {
        message.push(Msg::new());
    }
    if message.len() > 1 && state.pipes.options.conflate {
        return Err(Error::InvalidMessage { reason: "a conflating socket sends single parts" });
    }
    let last = message.len() - 1;
    for (index, part) in message.parts_mut().iter_mut().enumerate() {
        part.set_more(index < last);
        // Only the first part of a message can be refused.
        state.pattern.send(&mut state.pipes, part)?;
    }
    message.clear();
    Ok(())
}

pub(crate) fn recv_all(state: &mut State) -> Result<Message> {
    let mut message = Message::new();
    recv_all_into(state, &mut message)?;
    Ok(message)
}

#[inline]
fn recv_all_into(state: &mut State, message: &mut Message) -> Result<()> {
    let first = state.pattern.recv(&mut state.pipes)?;
    let mut more = first.more();
    message.clear();
    message.push(first);
    while more {
        let part = state.pattern.recv(&mut state.pipes)?;
        more = part.more();
        message.push(part);
    }
    state.receive_more = false;
    Ok(())
}

/// The value of an option as `zmq_getsockopt` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawOption {
    /// An `int`.
    Int(i32),
    /// An `int64_t`.
    I64(i64),
    /// A `uint64_t`.
    U64(u64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A string.
    Text(String),
}

/// Options whose value is the engine's state.
fn engine_option(core: &SocketCore, state: &mut State, code: i32) -> Result<RawOption> {
    Ok(match code {
        code::RCVMORE => RawOption::Int(i32::from(state.receive_more)),
        code::EVENTS => {
            state.pipes.turn_around();
            let ready = readiness(state);
            RawOption::Int(i32::from(ready.readable) | i32::from(ready.writable) << 1)
        }
        code::TYPE => RawOption::Int(i32::from(core.socket_type.code())),
        code::LAST_ENDPOINT => RawOption::Text(state.last_endpoint.clone()),
        code::THREAD_SAFE | code::MECHANISM => RawOption::Int(0),
        code::TOPICS_COUNT => {
            let topics = state.pattern.topics().unwrap_or(0);
            RawOption::Int(i32::try_from(topics).unwrap_or(i32::MAX))
        }
        _ => return Err(Error::NotSupported { operation: "reading this option" }),
    })
}

impl State {
    /// Applies changed high-water marks to the pipes there are.
    fn apply_hwm(&mut self) {
        let hwm = self.pipes.options.snd_hwm;
        for id in self.pipes.ids() {
            self.pipes.apply_snd_hwm(id, hwm);
            self.pattern.writable(&mut self.pipes, id);
        }
    }
}

impl SocketCore {
    /// Closes the socket for its user; what lingers is left to the I/O thread.
    pub(crate) fn close(&self, linger: Option<Duration>) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        self.waiters.wake_all(Interest::ALL);
        self.context.socket_closed();
        self.close_bound();
        let mut state = self.lock();
        state.obey(&self.mailbox);
        self.close_connected(&mut state, linger);
        state.close(linger);
        let ended = state.try_end();
        drop(state);
        if ended {
            self.context.socket_ended(self.id);
        }
        if let (Some(io), Some(socket)) = (self.io(), self.me()) {
            io.post(IoCommand::Closing { socket, ended });
        }
    }

    pub(crate) fn weak(self: &Arc<SocketCore>) -> Weak<SocketCore> {
        Arc::downgrade(self)
    }
}
