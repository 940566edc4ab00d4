//! Level-triggered waiting for any mix of sockets and file descriptors.
//!
//! A `Poller` owns an epoll set of its own: in it are the user's descriptors, the epoll sets of
//! the sockets that have connections, and one wake-up descriptor for everything else. It keeps
//! the sockets' cores alive, not their contexts, and a duplicate of each descriptor. One thread at
//! a time uses a poller; the sockets may be used elsewhere meanwhile.
//!
//! A wait looks at every socket first. If nothing is ready it registers with each one's waiters,
//! looks again, and sleeps; the thread then reads the sockets' connections itself, as a blocking
//! receive does (see `socket::wait`), for every socket on which no other thread does so already.

mod future;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use oxmq_pipe::{Interest as WaitInterest, Ticket};

pub use self::future::WaitAsync;
use crate::error::{Error, Result};
use crate::io::IoCommand;
use crate::limits::EVENTS_PER_WAIT;
use crate::socket::attendance::Attendance;
use crate::socket::state::State;
use crate::socket::{Socket, SocketCore};
use crate::sys::{self, Epoll, EventFd, Events};

/// What to wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Interest {
    /// A message, or bytes, can be received.
    pub readable: bool,
    /// A message, or bytes, can be sent.
    pub writable: bool,
}

impl Interest {
    /// Only errors, a closed socket among them.
    pub const NONE: Interest = Interest { readable: false, writable: false };
    /// Something can be received.
    pub const READABLE: Interest = Interest { readable: true, writable: false };
    /// Something can be sent.
    pub const WRITABLE: Interest = Interest { readable: false, writable: true };
    /// Either.
    pub const BOTH: Interest = Interest { readable: true, writable: true };
}

/// What a wait found on one socket or descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollEvent {
    /// The number it was added under.
    pub key: usize,
    /// A receive would not block.
    pub readable: bool,
    /// A send would not block.
    pub writable: bool,
    /// The socket was closed, or the descriptor has an error or a hang-up to report.
    pub error: bool,
}

/// Waits for sockets and file descriptors together. See [`Poller::wait`].
///
/// ```
/// use oxmq_engine::{Context, Interest, Message, Poller, Profile, SocketType, Wait};
///
/// let context = Context::new(Profile::Safe);
/// let (pull, push) = (context.socket(SocketType::Pull)?, context.socket(SocketType::Push)?);
/// pull.bind("inproc://jobs")?;
/// push.connect("inproc://jobs")?;
/// push.send_message(&mut Message::from("job"), Wait::Default)?;
///
/// let mut poller = Poller::new()?;
/// poller.add(&pull, 7, Interest::READABLE)?;
/// let mut events = Vec::new();
/// poller.wait(&mut events, None)?;
/// assert_eq!((events[0].key, events[0].readable), (7, true));
/// # Ok::<(), oxmq_engine::Error>(())
/// ```
pub struct Poller {
    epoll: Epoll,
    signal: Arc<Signal>,
    /// `signal` as sockets want it.
    waker: Waker,
    /// By slot, which is the token in `epoll`.
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
    slots: HashMap<usize, usize>,
    /// What `epoll` found, and what one socket's set found.
    found: Events,
    inner: Events,
    /// A wait ends when anything woke it: for the proxy, which finds out by itself what changed.
    pub(crate) returns_when_woken: bool,
}

/// The wake-up descriptor of a poller.
struct Signal {
    wake: EventFd,
    /// The descriptor was written since the poller last went to sleep; once is enough.
    written: AtomicBool,
    /// A wait must end, whether or not there are events.
    notified: AtomicBool,
}

/// Ends the waits of a [`Poller`] from other threads. Cheap to clone.
#[derive(Clone)]
pub struct Notifier {
    signal: Arc<Signal>,
}

struct Entry {
    key: usize,
    interest: Interest,
    source: Source,
    /// What the present wait found.
    ready: Found,
}

#[derive(Clone, Copy, Default)]
struct Found {
    readable: bool,
    writable: bool,
    error: bool,
}

enum Source {
    Socket(Polled),
    Fd {
        fd: OwnedFd,
        /// A regular file: epoll refuses it, and poll(2) calls it always ready.
        always: bool,
    },
}

struct Polled {
    core: Arc<SocketCore>,
    /// The socket's epoll set, from when it has one until it is closed; it is in the poller's.
    attendance: Option<Arc<Attendance>>,
    /// The socket's set can wake the poller's: not while another thread waits in it.
    watched: bool,
    /// This poller is the one that waits in the socket's set.
    parked: bool,
    /// It was, and others that wait for the socket may have to take its place.
    was_parked: bool,
    ticket: Option<Ticket>,
}

/// Who sleeps, and how it is woken.
#[derive(Clone, Copy)]
enum Sleeper<'a> {
    /// The calling thread, which reads the connections itself.
    Thread(&'a Waker),
    /// A task; the I/O thread reads.
    Task(&'a Waker),
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").finish_non_exhaustive()
    }
}

impl Poller {
    /// An empty poller. Two descriptors and 6 KiB.
    ///
    /// # Errors
    /// `Io` when the process is out of descriptors or memory.
    pub fn new() -> Result<Poller> {
        let failed = |error| Error::io("making a poller", error);
        let (epoll, wake) = (Epoll::new().map_err(failed)?, EventFd::new().map_err(failed)?);
        // Edge triggered: each write is an event of its own, and nobody needs to clear it.
        epoll.add(wake.as_fd(), WAKE, sys::Interest::IN | sys::Interest::ET).map_err(failed)?;
        let (written, notified) = (AtomicBool::new(false), AtomicBool::new(false));
        let signal = Arc::new(Signal { wake, written, notified });
        Ok(Poller {
            epoll,
            waker: Waker::from(signal.clone()),
            signal,
            entries: Vec::new(),
            free: Vec::new(),
            slots: HashMap::new(),
            found: Events::with_capacity(EVENTS_PER_WAIT),
            inner: Events::with_capacity(EVENTS_PER_WAIT),
            returns_when_woken: false,
        })
    }

    /// Adds a socket under a number of the caller's. A socket that is dropped or closed stays in
    /// and reports an error at each wait until it is removed.
    ///
    /// # Errors
    /// `Io` (`EEXIST`) if the number is in use or the socket is in already.
    pub fn add(&mut self, socket: &Socket, key: usize, interest: Interest) -> Result<()> {
        self.add_core(socket.core().clone(), key, interest)
    }

    pub(crate) fn add_core(
        &mut self,
        core: Arc<SocketCore>,
        key: usize,
        interest: Interest,
    ) -> Result<()> {
        let is_in = |entry: &Entry| match &entry.source {
            Source::Socket(polled) => Arc::ptr_eq(&polled.core, &core),
            Source::Fd { .. } => false,
        };
        if self.slots.contains_key(&key) || self.entries.iter().flatten().any(is_in) {
            return Err(refused(libc::EEXIST));
        }
        let source = Source::Socket(Polled {
            core,
            attendance: None,
            watched: false,
            parked: false,
            was_parked: false,
            ticket: None,
        });
        self.insert(Entry { key, interest, source, ready: Found::default() });
        Ok(())
    }

    /// Adds a file descriptor under a number of the caller's. The poller keeps a duplicate, so the
    /// caller may close its own at any time; until [`Poller::remove`] the file stays open, and a
    /// peer does not see it closed. Regular files are always ready.
    ///
    /// # Errors
    /// `Io`: `EEXIST` if the number is in use, and what dup(2) and epoll_ctl(2) say.
    pub fn add_fd(&mut self, fd: impl AsFd, key: usize, interest: Interest) -> Result<()> {
        if self.slots.contains_key(&key) {
            return Err(refused(libc::EEXIST));
        }
        let failed = |error| Error::io(DOING, error);
        let fd = fd.as_fd().try_clone_to_owned().map_err(failed)?;
        let slot = self.next_slot();
        let always = match self.epoll.add(fd.as_fd(), slot as u64, of_fd(interest)) {
            Ok(()) => false,
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => true,
            Err(error) => return Err(failed(error)),
        };
        let source = Source::Fd { fd, always };
        self.insert(Entry { key, interest, source, ready: Found::default() });
        Ok(())
    }

    /// Changes what to wait for.
    ///
    /// # Errors
    /// `Io` (`ENOENT`) if nothing was added under this number.
    pub fn modify(&mut self, key: usize, interest: Interest) -> Result<()> {
        let slot = *self.slots.get(&key).ok_or_else(|| refused(libc::ENOENT))?;
        let Some(entry) = self.entries[slot].as_mut() else { return Ok(()) };
        if let Source::Fd { fd, always: false } = &entry.source {
            let modified = self.epoll.modify(fd.as_fd(), slot as u64, of_fd(interest));
            modified.map_err(|error| Error::io(DOING, error))?;
        }
        entry.interest = interest;
        Ok(())
    }

    /// Takes a socket or descriptor out.
    ///
    /// # Errors
    /// `Io` (`ENOENT`) if nothing was added under this number.
    pub fn remove(&mut self, key: usize) -> Result<()> {
        let slot = self.slots.remove(&key).ok_or_else(|| refused(libc::ENOENT))?;
        if let Some(entry) = self.entries[slot].take() {
            self.free.push(slot);
            // A failure means that it is not in the set, which is what is wanted.
            let _ = match &entry.source {
                Source::Fd { fd, .. } => self.epoll.delete(fd.as_fd()),
                Source::Socket(Polled { attendance: Some(attendance), .. }) => {
                    self.epoll.delete(attendance.as_fd())
                }
                Source::Socket(_) => Ok(()),
            };
        }
        Ok(())
    }

    /// How many sockets and descriptors are in.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none is in.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// By which other threads end a wait early.
    pub fn notifier(&self) -> Notifier {
        Notifier { signal: self.signal.clone() }
    }

    /// Waits until something is ready, replaces the contents of `events` by all that is, and
    /// returns how many that are: 0 when the time is over or a [`Notifier`] ended the wait.
    /// What stays ready is reported again by the next wait. What the sockets have buffered is
    /// written before.
    ///
    /// Blocks for up to `timeout`; `None` is without limit and zero not at all. A signal handler
    /// does not end it. Allocates nothing once `events` has grown to its size.
    ///
    /// # Errors
    /// `Terminated` when the context of a socket in it was. `Io` when the system refuses to wait.
    pub fn wait(
        &mut self,
        events: &mut Vec<PollEvent>,
        timeout: Option<Duration>,
    ) -> Result<usize> {
        self.wait_with(events, timeout, false)
    }

    /// [`Poller::wait`], but a signal handler that ran ends it: `Io` with `EINTR`.
    ///
    /// # Errors
    /// As [`Poller::wait`], and `Io` (`EINTR`).
    pub fn wait_interruptible(
        &mut self,
        events: &mut Vec<PollEvent>,
        timeout: Option<Duration>,
    ) -> Result<usize> {
        self.wait_with(events, timeout, true)
    }

    fn wait_with(
        &mut self,
        events: &mut Vec<PollEvent>,
        timeout: Option<Duration>,
        interruptible: bool,
    ) -> Result<usize> {
        events.clear();
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut left = timeout;
        let mut any = self.look()?;
        loop {
            let sleeps = !any && left != Some(Duration::ZERO);
            let may_sleep = sleeps && self.arm();
            let limit = if may_sleep { left } else { Some(Duration::ZERO) };
            let slept = self.epoll.wait(&mut self.found, limit);
            let was_notified = self.signal.take_notice();
            let (fd_ready, woken) = self.carry_out();
            self.disarm();
            if sleeps || woken {
                any = self.look()?;
            }
            if any || fd_ready {
                return Ok(self.collect(events));
            }
            match slept {
                Err(error) if error.kind() != io::ErrorKind::Interrupted || interruptible => {
                    return Err(Error::io("waiting in a poller", error));
                }
                Ok(found) if found > 0 && self.returns_when_woken => return Ok(0),
                _ => {}
            }
            if let Some(at) = deadline {
                left = Some(at.saturating_duration_since(Instant::now()));
            }
            if was_notified || left == Some(Duration::ZERO) {
                return Ok(0);
            }
        }
    }

    /// Looks at every socket. True if something is ready.
    fn look(&mut self) -> Result<bool> {
        let mut any = false;
        for slot in 0..self.entries.len() {
            let Some(entry) = self.entries[slot].as_mut() else { continue };
            match &mut entry.source {
                Source::Fd { always: true, .. } => {
                    entry.ready = Found {
                        readable: entry.interest.readable,
                        writable: entry.interest.writable,
                        error: false,
                    };
                    any |= entry.ready.is_any();
                }
                Source::Fd { .. } => {}
                Source::Socket(polled) => {
                    entry.ready = polled.look(entry.interest, &self.epoll, slot)?;
                    any |= entry.ready.is_any();
                }
            }
        }
        Ok(any)
    }

    /// Registers with every socket. False if there is no need to sleep.
    fn arm(&mut self) -> bool {
        // First the flag, then the looks: whoever wakes us after our look writes again.
        self.signal.written.swap(false, Ordering::SeqCst);
        if self.signal.notified.load(Ordering::SeqCst) {
            return false;
        }
        for (slot, entry) in self.entries.iter_mut().enumerate() {
            let Some(entry) = entry else { continue };
            let Source::Socket(polled) = &mut entry.source else { continue };
            if !polled.arm(entry.interest, Sleeper::Thread(&self.waker)) {
                return false;
            }
            polled.watch(&self.epoll, slot, polled.parked);
        }
        true
    }

    /// Notes ready descriptors down and carries out what the sockets' sets found. Returns whether
    /// there were such descriptors, and such sets.
    fn carry_out(&mut self) -> (bool, bool) {
        let (mut fd_ready, mut woken) = (false, false);
        for event in self.found.iter() {
            let slot = usize::try_from(event.token).unwrap_or(usize::MAX);
            let Some(Some(entry)) = self.entries.get_mut(slot) else { continue };
            match &mut entry.source {
                Source::Fd { .. } => {
                    entry.ready = Found {
                        readable: entry.interest.readable && event.readable(),
                        writable: entry.interest.writable && event.writable(),
                        error: event.error() || event.hang_up(),
                    };
                    fd_ready |= entry.ready.is_any();
                }
                Source::Socket(polled) => {
                    polled.fetch(&mut self.inner);
                    woken = true;
                }
            }
        }
        (fd_ready, woken)
    }

    /// Leaves every socket's list.
    fn disarm(&mut self) {
        for entry in self.entries.iter_mut().flatten() {
            if let Source::Socket(polled) = &mut entry.source {
                // The look that follows passes on what was not used.
                let _ = polled.disarm();
            }
        }
    }

    fn collect(&mut self, events: &mut Vec<PollEvent>) -> usize {
        for entry in self.entries.iter_mut().flatten() {
            let Found { readable, writable, error } = std::mem::take(&mut entry.ready);
            if readable || writable || error {
                events.push(PollEvent { key: entry.key, readable, writable, error });
            }
        }
        events.len()
    }

    fn next_slot(&self) -> usize {
        self.free.last().copied().unwrap_or(self.entries.len())
    }

    fn insert(&mut self, entry: Entry) {
        let slot = self.next_slot();
        self.slots.insert(entry.key, slot);
        match self.free.pop() {
            Some(slot) => self.entries[slot] = Some(entry),
            None => self.entries.push(Some(entry)),
        }
    }
}

impl Polled {
    /// What is ready on the socket. Others that wait for it and could go on are woken.
    fn look(&mut self, interest: Interest, epoll: &Epoll, slot: usize) -> Result<Found> {
        let was_parked = std::mem::take(&mut self.was_parked);
        let mut state = match self.core.enter() {
            Ok(state) => state,
            Err(Error::Terminated) => return Err(Error::Terminated),
            Err(_) => {
                // What lingers is the I/O thread's business alone.
                if let Some(attendance) = self.attendance.take() {
                    let _ = epoll.delete(attendance.as_fd());
                }
                return Ok(Found { error: true, ..Found::default() });
            }
        };
        state.pipes.turn_around();
        let ready = ready(&mut state, interest);
        let set = state.pipes.attendance.clone().filter(|_| self.attendance.is_none());
        self.core.leave(state);
        if was_parked {
            // Another that waits must take this thread's place in the socket's set. Whoever failed
            // to do so before registered under the lock that was just held, and so is seen.
            self.core.waiters.wake_one(WaitInterest::ALL);
        }
        if let Some(set) = set {
            let added = epoll.add(set.as_fd(), slot as u64, sys::Interest::IN);
            added.map_err(|error| Error::io(DOING, error))?;
            self.attendance = Some(set);
            self.watched = true;
        } else if !self.watched && self.attendance.as_ref().is_some_and(|set| !set.is_parked()) {
            self.watch(epoll, slot, true);
        }
        Ok(ready)
    }

    /// While another thread waits in the socket's set, that thread alone fetches from it: a
    /// wake-up meant for it must not end here.
    fn watch(&mut self, epoll: &Epoll, slot: usize, on: bool) {
        if let Some(attendance) = &self.attendance
            && self.watched != on
        {
            let interest = if on { sys::Interest::IN } else { sys::Interest::NONE };
            // It is in the set, and modifying needs no memory: there is nothing to fail.
            let _ = epoll.modify(attendance.as_fd(), slot as u64, interest);
            self.watched = on;
        }
    }

    /// Registers with the socket, then looks again. False if there is no need to sleep.
    fn arm(&mut self, interest: Interest, sleeper: Sleeper<'_>) -> bool {
        let Ok(mut state) = self.core.enter() else { return false };
        // Its first connection may have come since the last look; the next one adds its set.
        if self.attendance.is_none() && state.pipes.attendance.is_some() {
            self.core.leave(state);
            return false;
        }
        let waker = match sleeper {
            Sleeper::Thread(waker) => {
                self.parked = self.attendance.as_ref().is_some_and(|set| set.begin_park());
                waker
            }
            Sleeper::Task(waker) => waker,
        };
        self.ticket = Some(self.core.waiters.register(of_socket(interest), waker));
        if let Sleeper::Task(_) = sleeper {
            self.core.rearm(&state);
        }
        let quiet = !ready(&mut state, interest).is_any() && !self.core.has_news();
        self.core.leave(state);
        quiet
    }

    /// Fetches and carries out what the socket's set has, unless another thread waits there.
    fn fetch(&mut self, events: &mut Events) {
        let Some(attendance) = &self.attendance else { return };
        if !self.parked && !attendance.begin_park() {
            return;
        }
        // A failed fetch is one that found nothing; the set stays ready and is asked again.
        let found = attendance.wait(events, Some(Duration::ZERO)).unwrap_or(0);
        attendance.end_park();
        self.parked = false;
        self.was_parked = true;
        if found > 0 {
            let mut state = self.core.lock();
            state.dispatch(events);
            self.core.leave(state);
            if self.core.has_news()
                && let (Some(io), socket) = (self.core.io(), self.core.clone())
            {
                // Closed meanwhile, and this may have been its last connection: only the I/O
                // thread ends a socket.
                io.post(IoCommand::Timer { socket });
            }
        }
    }

    /// Leaves the socket's list. True if a wake-up came, which a look or `leave` must pass on.
    fn disarm(&mut self) -> bool {
        if let Some(attendance) = &self.attendance
            && std::mem::take(&mut self.parked)
        {
            attendance.end_park();
            self.was_parked = true;
        }
        self.ticket.take().is_some_and(|ticket| self.core.waiters.cancel(ticket))
    }
}

impl Found {
    fn is_any(self) -> bool {
        self.readable || self.writable || self.error
    }
}

impl Notifier {
    /// Ends the wait that is going on, or else the next one. Many calls before that are one.
    /// From any thread; does not block.
    pub fn notify(&self) {
        self.signal.notified.store(true, Ordering::SeqCst);
        self.signal.write();
    }
}

impl Signal {
    fn write(&self) {
        if !self.written.swap(true, Ordering::SeqCst) {
            // Fails only when the counter is at its maximum, and then the set is ready anyway.
            let _ = self.wake.signal();
        }
    }

    fn take_notice(&self) -> bool {
        self.notified.load(Ordering::Relaxed) && self.notified.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.write();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.write();
    }
}

fn ready(state: &mut State, interest: Interest) -> Found {
    let ready = Found {
        readable: interest.readable && state.pattern.has_in(&mut state.pipes),
        writable: interest.writable && state.pattern.has_out(&mut state.pipes),
        error: false,
    };
    state.settle();
    ready
}

/// Closing and termination wake whoever waits for anything, so everybody waits for something.
pub(crate) fn of_socket(interest: Interest) -> WaitInterest {
    match (interest.readable, interest.writable) {
        (true, true) => WaitInterest::BOTH,
        (true, false) => WaitInterest::IN,
        (false, true) => WaitInterest::OUT,
        (false, false) => WaitInterest::CHANGE,
    }
}

fn of_fd(interest: Interest) -> sys::Interest {
    match (interest.readable, interest.writable) {
        (true, true) => sys::Interest::IN | sys::Interest::OUT,
        (true, false) => sys::Interest::IN,
        (false, true) => sys::Interest::OUT,
        (false, false) => sys::Interest::NONE,
    }
}

fn refused(errno: i32) -> Error {
    Error::io(DOING, io::Error::from_raw_os_error(errno))
}

/// Token of the wake-up descriptor; no slot has it.
const WAKE: u64 = u64::MAX;

const DOING: &str = "changing a poller";
