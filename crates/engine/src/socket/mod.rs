//! Sockets: the engine's untyped socket, which the Rust API and the C face wrap.
//!
//! The core never blocks and never awaits: under the socket's one lock it tries, and tells who
//! sleeps on the socket when something changed. Blocking and async calls are thin shells around
//! that, in `wait`. A socket may be used from several threads at once.

pub(crate) mod attendance;
mod closing;
pub(crate) mod command;
mod connections;
mod durability;
mod endpoints;
mod futures;
pub(crate) mod guard;
mod monitoring;
mod numbered;
mod signaler;
mod snapshot;
mod spin;
pub(crate) mod state;
mod transfer;
mod udp;
pub(crate) mod wait;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use oxmq_message::{Kind, Message, Msg};
use oxmq_pipe::{Interest, Lock, Mailbox, Waiters};
use oxmq_zmtp::SocketType;

use self::command::Command;
pub use self::endpoints::Endpoints;
pub use self::futures::{Flush, Peers, Recv, Send, WaitFor};
use self::guard::StateGuard;
use self::signaler::Signaler;
use self::spin::Spinner;
use self::state::{Life, State};
use self::transfer::{check_length, recv_all_into};
pub(crate) use self::transfer::{recv_all, send_all};
pub use self::wait::Wait;
use crate::context::{ContextCore, ContextHandle};
use crate::durable::Nudge;
use crate::error::{Error, Result};
use crate::io::{IoCommand, IoHandle};
use crate::limits::DROP_LINGER_MAX;
use crate::options::{OptionError, OptionFault, OptionValue, SetEffect, SocketOptions, code};
use crate::pattern::WakeSenders;
use crate::stats::SocketSnapshot;

/// What a socket is to the rest of the engine: its lock, its mailbox and who sleeps on it.
pub(crate) struct SocketCore {
    pub(crate) context: Arc<ContextCore>,
    /// Number within the context.
    pub(crate) id: u64,
    pub(crate) socket_type: SocketType,
    state: Lock<State>,
    mailbox: Mailbox<Command>,
    pub(crate) waiters: Waiters,
    /// The I/O thread of the socket's connections, chosen at its first bind or connect.
    io: OnceLock<IoHandle>,
    /// The context is being terminated.
    terminated: AtomicBool,
    closed: AtomicBool,
    /// A signal ends a wait.
    interruptible: AtomicBool,
    /// The library's own: the context does not count it.
    internal: bool,
    /// Before a wait for messages, and for room.
    spin_in: Spinner,
    spin_out: Spinner,
    /// The descriptor for event loops, once it was asked for.
    signaler: OnceLock<Signaler>,
    /// Lets a durable socket go on though nobody calls it.
    nudge: OnceLock<Arc<Nudge>>,
    /// Held while the store of a durable socket opens.
    opening: Mutex<()>,
}

impl SocketCore {
    pub(crate) fn new(
        context: Arc<ContextCore>,
        id: u64,
        socket_type: SocketType,
        options: SocketOptions,
        internal: bool,
    ) -> Result<Arc<SocketCore>> {
        let state = State::new(socket_type, options, context.clock.clone())?;
        let core = Arc::new(SocketCore {
            context,
            id,
            socket_type,
            state: Lock::new(state),
            mailbox: Mailbox::new(),
            waiters: Waiters::new(),
            io: OnceLock::new(),
            terminated: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            interruptible: AtomicBool::new(false),
            internal,
            spin_in: Spinner::default(),
            spin_out: Spinner::default(),
            signaler: OnceLock::new(),
            nudge: OnceLock::new(),
            opening: Mutex::new(()),
        });
        core.lock().me = Arc::downgrade(&core);
        Ok(core)
    }

    /// The lock. A panic of another thread while it held the lock does not spread.
    #[inline]
    pub(crate) fn lock(&self) -> StateGuard<'_> {
        StateGuard::new(self.state.lock())
    }

    pub(crate) fn io(&self) -> Option<&IoHandle> {
        self.io.get()
    }

    /// Sends the socket a command and wakes whoever sleeps on it.
    pub(crate) fn post(&self, command: Command) {
        // Whether it was empty does not matter: waking is for those who said they sleep.
        let _ = self.mailbox.send(command);
        self.tell_all();
        if let Some(nudge) = self.nudge.get() {
            nudge.nudge();
        }
    }

    /// Wakes everybody, after what they shall see was stored.
    fn tell_all(&self) {
        // Begins with the fence, which is for the signaler as well.
        self.waiters.wake_all(Interest::ALL);
        if let Some(signaler) = self.signaler.get() {
            signaler.raise();
        }
    }

    /// Carries out what was asked of the socket, on behalf of its owner: a greeting that a peer may
    /// be waiting for. The caller holds no socket's lock.
    pub(crate) fn obey_now(&self) {
        if let Ok(state) = self.enter() {
            self.leave(state);
        }
    }

    /// The context is going: every call from now on says so.
    pub(crate) fn terminate(&self) {
        self.terminated.store(true, Ordering::SeqCst);
        self.tell_all();
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
    pub(crate) fn enter(&self) -> Result<StateGuard<'_>> {
        self.check()?;
        let mut state = self.lock();
        state.obey(&self.mailbox);
        Ok(state)
    }

    /// Gives the lock up after an operation: settles what it left behind and wakes others.
    #[inline]
    pub(crate) fn leave(&self, state: StateGuard<'_>) {
        // Mostly there is nothing to settle, nobody to wake and nothing to ask.
        if state.is_settled() && !state.pipes.asks_io() && !self.is_watched() {
            return;
        }
        self.leave_slow(state);
    }

    #[inline(never)]
    fn leave_slow(&self, mut state: StateGuard<'_>) {
        state.settle();
        let ready = self.find_ready(&mut state);
        self.leave_waiting(state);
        self.wake(ready);
    }

    /// What others wait for and holds now; the descriptor, if there is one, is signalled.
    fn find_ready(&self, state: &mut State) -> Ready {
        let mut ready =
            if self.waiters.any(Interest::ALL) { self.ready_for(state) } else { Ready::default() };
        if let Some(signaler) = self.signaler.get() {
            // What was found is found once only: the signal goes by the same answer.
            self.signal(signaler, state, &mut ready);
        }
        ready
    }

    /// Gives the lock up with a waiter of one's own registered, which must not be woken by what it
    /// has just looked at.
    pub(crate) fn leave_waiting(&self, mut state: StateGuard<'_>) {
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
        let ready = self.find_ready(state);
        self.wake(ready);
    }

    /// Somebody has to be told what comes about in the socket.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.waiters.any(Interest::ALL) || self.signaler.get().is_some()
    }

    /// The I/O thread has done something for the socket.
    /// True if the socket has ended with it.
    pub(crate) fn leave_io(&self, mut state: StateGuard<'_>) -> bool {
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

    /// Why an operation that found nothing would wait for ever. libzmq waits all the same.
    pub(crate) fn refusal(&self, state: &State) -> Option<Error> {
        if self.context.tells_refusals() { state.refusal() } else { None }
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
        part.hand_over();
        let sent = self.core.run(Interest::OUT, wait, |state| {
            check_length(state, part)?;
            state.pattern.send(&mut state.pipes, part)
        });
        part.hand_back();
        self.core.await_safe(sent)
    }

    /// Receives one part; `more()` of it tells whether others of the same message follow, which
    /// are then there already.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` when no message came; `NotSupported` or `State` as the pattern
    /// has it; `Terminated`, `Closed`.
    #[inline]
    pub fn recv_part(&self, wait: Wait) -> Result<Msg> {
        let mut part = Msg::new();
        self.recv_part_into(&mut part, wait)?;
        Ok(part)
    }

    /// As [`Socket::recv_part`], in place of the part that is there. Saves moving it about, and in
    /// a stream that is received into one place the counting of references.
    ///
    /// # Errors
    /// As [`Socket::recv_part`]; the part is as it was then, or empty.
    #[inline]
    pub fn recv_part_into(&self, part: &mut Msg, wait: Wait) -> Result<()> {
        if part.kind() == Kind::Owner {
            return self.recv_part_over_owner(part, wait);
        }
        self.core.run(Interest::IN, wait, |state| {
            state.pattern.recv_into(&mut state.pipes, part)?;
            part.hand_back();
            state.receive_more = part.more();
            Ok(())
        })
    }

    /// As `recv_part_into`, over a part whose end runs code of the program, which may use the
    /// socket and so must not run under its lock.
    #[cold]
    fn recv_part_over_owner(&self, part: &mut Msg, wait: Wait) -> Result<()> {
        let former = part.take();
        let received = self.recv_part_into(part, wait);
        if received.is_err() {
            *part = former;
        }
        received
    }

    /// Sends a whole message, whose parts no other thread's can come between. The message is
    /// emptied only if the call succeeds. A message without parts is sent as one empty part.
    ///
    /// # Errors
    /// As [`Socket::send_part`].
    pub fn send_message(&self, message: &mut Message, wait: Wait) -> Result<()> {
        self.core.send_message(message, wait)
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
    /// As [`Socket::recv_part`]; the message is as it was then, or its parts are empty.
    #[inline]
    pub fn recv_into(&self, message: &mut Message, wait: Wait) -> Result<()> {
        if message.iter().any(|part| part.kind() == Kind::Owner) {
            // As in `recv_part_over_owner`.
            let former = message.take();
            let received = self.recv_into(message, wait);
            if received.is_err() {
                *message = former;
            }
            return received;
        }
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

    /// DISH: joins a group, whose messages are received from now on.
    ///
    /// # Errors
    /// `Group` if it is joined already, has more than 255 bytes or a zero byte; `NotSupported` on
    /// other types; `Terminated`, `Closed`.
    pub fn join(&self, group: &[u8]) -> Result<()> {
        self.change(|state| state.pattern.join(&mut state.pipes, group))
    }

    /// DISH: leaves a group. What was received of it and not taken is dropped.
    ///
    /// # Errors
    /// `Group` if it is not joined; `NotSupported` on other types; `Terminated`, `Closed`.
    pub fn leave(&self, group: &[u8]) -> Result<()> {
        self.change(|state| state.pattern.leave(&mut state.pipes, group))
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
            let durable = state.pipes.options.durable.clone();
            let result = f(Arc::make_mut(&mut state.pipes.options))?;
            if state.pipes.durable.begun && state.pipes.options.durable != durable {
                Arc::make_mut(&mut state.pipes.options).durable = durable;
                return Err(too_late(code::DURABLE));
            }
            if before != (state.pipes.options.snd_hwm, state.pipes.options.rcv_hwm) {
                state.apply_hwm();
            }
            Ok(result)
        })
    }

    /// A copy of the socket's options.
    pub fn options(&self) -> SocketOptions {
        SocketOptions::clone(&self.core.lock().pipes.options)
    }

    /// Sets an option by its number, as `zmq_setsockopt` does.
    ///
    /// # Errors
    /// `Option` if the number, the length or the value is not acceptable.
    pub fn set_raw_option(&self, code: i32, value: &[u8]) -> Result<()> {
        self.change(|state| {
            if state.pipes.durable.begun && SocketOptions::is_of_durability(code) {
                return Err(too_late(code));
            }
            if code == code::MESSAGE_TTL && state.pipes.durable.begun && !state.pipes.durable.on {
                return Err(Error::Option(durability::ttl_alone()));
            }
            state.set_option(code, value)
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
            OptionValue::Bytes(value) => {
                // `zmq_socket(3)`, "Native pattern": a STREAM socket tells the routing id of the
                // connection that it asked for last.
                let named = (code == code::ROUTING_ID).then(|| state.pattern.last_connect());
                Ok(RawOption::Bytes(named.flatten().unwrap_or(value).to_vec()))
            }
            OptionValue::Str(value) => Ok(RawOption::Text(value.to_owned())),
            OptionValue::String(value) => Ok(match str::from_utf8(value) {
                Ok(text) => RawOption::Text(text.to_owned()),
                // What C has of it, with the zero byte.
                Err(_) => RawOption::Bytes([value, &[0]].concat()),
            }),
            OptionValue::Key(key) => Ok(RawOption::Key(*key)),
            OptionValue::Engine => engine_option(&self.core, &mut state, code),
        };
        self.core.leave(state);
        value
    }

    /// The endpoint of the last bind or connect, with wildcards resolved; empty before.
    pub fn last_endpoint(&self) -> String {
        self.core.lock().last_endpoint.clone()
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

    /// Whether a signal that is handled in the calling thread ends a wait with `Interrupted`, as in
    /// C. By default it does not.
    pub fn set_interruptible(&self, interruptible: bool) {
        self.core.interruptible.store(interruptible, Ordering::Relaxed);
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

impl State {
    fn set_option(&mut self, code: i32, value: &[u8]) -> Result<()> {
        match Arc::make_mut(&mut self.pipes.options).set(code, value)? {
            SetEffect::SendHwm | SetEffect::ReceiveHwm => {
                self.apply_hwm();
                Ok(())
            }
            SetEffect::Subscribe(topic) => self.pattern.subscribe(&mut self.pipes, topic),
            SetEffect::Unsubscribe(topic) => self.pattern.unsubscribe(&mut self.pipes, topic),
            SetEffect::Acknowledge => self.pattern.acknowledge(&mut self.pipes),
            SetEffect::Stored | SetEffect::Live => Ok(()),
        }
    }
}

/// A durable option is set when the store is open already, or could have been.
fn too_late(code: i32) -> Error {
    let name = crate::options::row(code).map(|row| row.name);
    Error::Option(OptionError { code, name, fault: OptionFault::TooLate })
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
    /// A key of CURVE, which C reads as 32 bytes or as 41 of Z85 with a zero byte.
    Key([u8; 32]),
}

/// Options whose value is the engine's state.
fn engine_option(core: &SocketCore, state: &mut State, code: i32) -> Result<RawOption> {
    Ok(match code {
        code::RCVMORE => RawOption::Int(i32::from(state.receive_more)),
        code::FD => RawOption::Int(core.descriptor(state)?),
        code::EVENTS => {
            let ready = core.events(state);
            RawOption::Int(i32::from(ready.readable) | i32::from(ready.writable) << 1)
        }
        code::TYPE => RawOption::Int(i32::from(core.socket_type.code())),
        code::LAST_ENDPOINT => RawOption::Text(state.last_endpoint.clone()),
        code::THREAD_SAFE => RawOption::Int(i32::from(core.socket_type.is_thread_safe())),
        code::MECHANISM => RawOption::Int(state.pipes.options.security.mechanism() as i32),
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
    pub(crate) fn send_message(&self, message: &mut Message, wait: Wait) -> Result<()> {
        let sent = self.run(Interest::OUT, wait, |state| send_all(state, message));
        self.await_safe(sent)
    }

    pub(crate) fn recv_message(&self, wait: Wait) -> Result<Message> {
        self.run(Interest::IN, wait, recv_all)
    }

    /// Closes the socket for its user; what lingers is left to the I/O thread.
    pub(crate) fn close(&self, linger: Option<Duration>) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        self.tell_all();
        if !self.internal {
            self.context.socket_closed();
        }
        self.close_bound();
        let mut state = self.lock();
        state.obey(&self.mailbox);
        // The logs of a durable socket are given up first, and its name with them.
        let finish = state.leave_durable();
        state.pipes.unsent = state.pattern.take_unsent();
        self.close_connected(&mut state, linger);
        state.close(linger);
        let ended = state.try_end();
        drop(state);
        if let Some(finish) = finish {
            finish();
        }
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
