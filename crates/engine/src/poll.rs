//! Waiting once for a list of sockets and descriptors, as `zmq_poll(3)` does: nothing is kept from
//! one call to the next but a thread's scratch space.
//!
//! A call looks at every socket first. If nothing is ready it registers with each one's waiters,
//! looks again and sleeps in poll(2), on the sets of the sockets on which no other thread does so,
//! on the user's descriptors and on a descriptor by which the waiters wake it. Then it reads the
//! sockets' connections itself, as a blocking receive does (see `socket::wait`). For standing sets
//! of sockets there is [`Poller`](crate::Poller).

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use oxmq_pipe::{Interest as WaitInterest, Ticket};

use crate::error::{Error, Result};
use crate::io::IoCommand;
use crate::poller::{Interest, of_socket};
use crate::socket::attendance::Attendance;
use crate::socket::state::State;
use crate::socket::wait::with_events;
use crate::socket::{Socket, SocketCore};
use crate::sys::{
    EventFd, Events, POLL_IN, POLL_OUT, PollFd, SignalSet, poll as poll_fds, process_id,
};

/// What an entry of a list stands for.
#[derive(Clone, Copy)]
pub enum PollSource<'a> {
    /// A socket and what to wait for.
    Socket(&'a Socket, Interest),
    /// A descriptor and the bits of poll(2) to wait for.
    Descriptor(RawFd, i16),
}

/// Sockets and descriptors to wait for. The caller keeps them in its own form.
pub trait PollList {
    /// How many entries there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An entry.
    fn source(&self, index: usize) -> PollSource<'_>;

    /// Takes what was found: bits of poll(2), never none.
    fn found(&mut self, index: usize, found: i16);
}

/// Waits until something is ready, tells the list what, and returns how much is: 0 when the time is
/// over. Bytes that the sockets have buffered are written before. An empty list is a pause.
///
/// Blocks for up to `timeout`; `None` is without limit and zero not at all. `mask` replaces the
/// thread's signal mask while it waits. Allocates only while the thread's largest list grows.
///
/// # Errors
/// `Terminated`, `Closed` if that holds of a socket in the list. `Io` with `EINTR` when a signal
/// handler ran before anything was ready.
pub fn poll(
    list: &mut dyn PollList,
    timeout: Option<Duration>,
    mask: Option<&SignalSet>,
) -> Result<usize> {
    // While the thread ends its locals are gone; then the scratch space is made for the call.
    let mut scratch = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default();
    scratch.mark(list);
    let result = scratch.poll(list, timeout, mask);
    let _ = SCRATCH.try_with(|place| place.set(Some(scratch)));
    result
}

thread_local! {
    /// Lent to one call at a time: a waker may run code that waits in its turn.
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// What a thread keeps from one call for the next.
#[derive(Default)]
struct Scratch {
    fds: Vec<PollFd>,
    /// Of the list: the user's descriptors.
    descriptors: Vec<usize>,
    sockets: usize,
    watched: Vec<Watched>,
    signal: Option<(Arc<Signal>, Waker)>,
}

/// A socket that a sleeping thread is registered with.
struct Watched {
    index: usize,
    /// This thread waits in the socket's set.
    attendance: Option<Arc<Attendance>>,
    ticket: Ticket,
    /// The set had something, which was carried out.
    fetched: bool,
}

/// The descriptor by which waiters wake the thread.
struct Signal {
    fd: EventFd,
    written: AtomicBool,
    /// A forked child shares the descriptor, and so makes its own.
    process: u32,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.written.swap(true, Ordering::SeqCst) {
            // Fails only when the counter is at its maximum, and then it is readable anyway.
            let _ = self.fd.signal();
        }
    }
}

impl Scratch {
    /// Notes which entries are descriptors.
    fn mark(&mut self, list: &dyn PollList) {
        self.descriptors.clear();
        for index in 0..list.len() {
            if let PollSource::Descriptor(..) = list.source(index) {
                self.descriptors.push(index);
            }
        }
        self.sockets = list.len() - self.descriptors.len();
    }

    fn poll(
        &mut self,
        list: &mut dyn PollList,
        timeout: Option<Duration>,
        mask: Option<&SignalSet>,
    ) -> Result<usize> {
        let mut count: usize = 0;
        if self.sockets > 0 {
            let pumps = timeout == Some(Duration::ZERO);
            for index in 0..list.len() {
                count += look_at(list, index, pumps)?;
            }
            if count > 0 || pumps {
                return Ok(count + self.look_at_descriptors(list)?);
            }
        }
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut left = timeout;
        loop {
            let armed = self.arm(list);
            let sleeps = matches!(armed, Ok(true));
            let slept = if sleeps { self.sleep(list, left, mask) } else { Ok(0) };
            count = self.disarm(list, !sleeps)?;
            armed?;
            count += if sleeps { self.report(list) } else { self.look_at_descriptors(list)? };
            if count > 0 {
                return Ok(count);
            }
            slept.map_err(|error| Error::io("polling", error))?;
            if let Some(at) = deadline {
                left = Some(at.saturating_duration_since(Instant::now()));
            }
            if left == Some(Duration::ZERO) {
                return Ok(0);
            }
        }
    }

    fn look_at_descriptors(&mut self, list: &mut dyn PollList) -> Result<usize> {
        if self.descriptors.is_empty() {
            return Ok(0);
        }
        self.fds.clear();
        self.add_descriptors(list);
        match poll_fds(&mut self.fds, Some(Duration::ZERO), None) {
            Ok(_) => Ok(self.report(list)),
            // What the sockets have counts.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(Error::io("polling", error)),
        }
    }

    /// The user's descriptors are the last of `fds`.
    fn add_descriptors(&mut self, list: &dyn PollList) {
        for index in &self.descriptors {
            if let PollSource::Descriptor(fd, events) = list.source(*index) {
                self.fds.push(PollFd { fd, events, found: 0 });
            }
        }
    }

    /// Tells the list what the last poll(2) found on its descriptors, and says on how many.
    fn report(&mut self, list: &mut dyn PollList) -> usize {
        let from = self.fds.len().saturating_sub(self.descriptors.len());
        let mut count = 0;
        for (index, fd) in self.descriptors.iter().zip(&self.fds[from..]) {
            if fd.found != 0 {
                list.found(*index, fd.found);
                count += 1;
            }
        }
        count
    }

    /// Registers with every socket. False if there is no need to sleep.
    fn arm(&mut self, list: &dyn PollList) -> Result<bool> {
        self.fds.clear();
        if self.sockets == 0 {
            return Ok(true);
        }
        let alone = self.sockets == 1 && self.descriptors.is_empty();
        for index in 0..list.len() {
            let PollSource::Socket(socket, interest) = list.source(index) else { continue };
            let core = socket.core();
            let Ok(mut state) = core.enter() else { return Ok(false) };
            let attendance = state.pipes.attendance.clone().filter(|set| set.begin_park());
            let ticket = match &attendance {
                // The one set is waited for itself, and has a descriptor to wake it.
                Some(set) if alone => core.waiters.register(of_socket(interest), &set.waker()),
                _ => match self.signal() {
                    Ok((_, waker)) => core.waiters.register(of_socket(interest), waker),
                    Err(error) => {
                        if let Some(set) = &attendance {
                            set.end_park();
                        }
                        return Err(Error::io("making a descriptor to poll", error));
                    }
                },
            };
            self.watched.push(Watched { index, attendance, ticket, fetched: false });
            let quiet = ready(&mut state, interest) == 0 && !core.has_news();
            core.leave(state);
            if !quiet {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The thread's own descriptor, not signalled if nobody is registered with it yet.
    fn signal(&mut self) -> io::Result<&(Arc<Signal>, Waker)> {
        let process = process_id();
        drop(self.signal.take_if(|(signal, _)| signal.process != process));
        if self.signal.is_none() {
            let written = AtomicBool::new(false);
            let signal = Arc::new(Signal { fd: EventFd::new()?, written, process });
            let waker = Waker::from(signal.clone());
            self.signal = Some((signal, waker));
        }
        self.signal.as_ref().ok_or_else(|| io::ErrorKind::Other.into())
    }

    /// Sleeps until something may be ready.
    fn sleep(
        &mut self,
        list: &dyn PollList,
        timeout: Option<Duration>,
        mask: Option<&SignalSet>,
    ) -> io::Result<usize> {
        if let [Watched { attendance: Some(set), index, fetched, .. }] = &mut self.watched[..]
            && self.descriptors.is_empty()
            && mask.is_none()
        {
            *fetched = true;
            return spin_or_fetch(set, list, *index, timeout);
        }
        let wake = match (&self.watched[..], &self.signal) {
            ([], _) | (_, None) => -1,
            // A lone socket's waker writes into its set.
            ([Watched { attendance: Some(_), .. }], _) if self.descriptors.is_empty() => -1,
            (_, Some((signal, _))) => signal.fd.as_fd().as_raw_fd(),
        };
        self.fds.push(PollFd { fd: wake, events: POLL_IN, found: 0 });
        for watched in &self.watched {
            if let Some(set) = &watched.attendance {
                let fd = set.as_fd().as_raw_fd();
                self.fds.push(PollFd { fd, events: POLL_IN, found: 0 });
            }
        }
        self.add_descriptors(list);
        let found = poll_fds(&mut self.fds, timeout, mask);
        if self.fds[0].found != 0
            && let Some((signal, _)) = &self.signal
        {
            // The signal is taken back before the flag: whoever writes in between is seen by the
            // look at the sockets that follows.
            let _ = signal.fd.clear();
            signal.written.store(false, Ordering::SeqCst);
        }
        let mut at = 1;
        for watched in &mut self.watched {
            let Some(set) = &watched.attendance else { continue };
            if self.fds[at].found != 0 {
                // A failed fetch found nothing; the set stays ready and is asked again.
                let _ = fetch(set, list, watched.index, Some(Duration::ZERO));
                watched.fetched = true;
            }
            at += 1;
        }
        found
    }

    /// Leaves every socket's list, and tells the list what is ready on the sockets: on those that
    /// may have something, or on all.
    fn disarm(&mut self, list: &mut dyn PollList, all: bool) -> Result<usize> {
        let mut count = 0;
        let mut failed = None;
        let mut watched = std::mem::take(&mut self.watched);
        for Watched { index, attendance, ticket, fetched } in watched.drain(..) {
            let PollSource::Socket(socket, _) = list.source(index) else { continue };
            let core = socket.core().clone();
            if let Some(set) = &attendance {
                set.end_park();
            }
            let was_woken = core.waiters.cancel(ticket);
            if !all && (was_woken || fetched) {
                match look_at(list, index, false) {
                    Ok(found) => count += found,
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            if attendance.is_some() {
                // Another that waits must take this thread's place in the socket's set. Whoever
                // failed to do so before has registered by now, as it held the lock meanwhile.
                drop(core.lock());
                core.waiters.wake_one(WaitInterest::ALL);
            }
        }
        self.watched = watched;
        if let Some(error) = failed {
            return Err(error);
        }
        if all {
            for index in 0..list.len() {
                count += look_at(list, index, false)?;
            }
        }
        Ok(count)
    }
}

/// Tells the list what is ready on a socket of it: 1 if something is. Others that wait for the
/// socket and could go on are woken.
#[inline]
fn look_at(list: &mut dyn PollList, index: usize, pumps: bool) -> Result<usize> {
    let PollSource::Socket(socket, interest) = list.source(index) else { return Ok(0) };
    let core = socket.core();
    let mut state = core.enter()?;
    state.pipes.turn_around();
    let mut found = ready(&mut state, interest);
    if found == 0 && pumps {
        core.pump(&mut state);
        found = ready(&mut state, interest);
    }
    core.leave(state);
    if found == 0 {
        return Ok(0);
    }
    list.found(index, found);
    Ok(1)
}

fn ready(state: &mut State, interest: Interest) -> i16 {
    let mut found = 0;
    if interest.readable && state.pattern.has_in(&mut state.pipes) {
        found |= POLL_IN;
    }
    if interest.writable && state.pattern.has_out(&mut state.pipes) {
        found |= POLL_OUT;
    }
    // Looking may have read a connection to its end, which some types tell as a message.
    if state.settle() && found == 0 {
        return ready(state, interest);
    }
    found
}

/// Waits in a lone socket's set, where the thread spins as in a receive, and carries out what it
/// has.
fn spin_or_fetch(
    set: &Attendance,
    list: &dyn PollList,
    index: usize,
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let PollSource::Socket(socket, interest) = list.source(index) else { return Ok(0) };
    let wanted = of_socket(interest);
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    carry_out(socket, |events| socket.core().spin_or_wait(set, events, wanted, deadline))
}

/// Waits in a socket's set, and carries out what it has.
fn fetch(
    set: &Attendance,
    list: &dyn PollList,
    index: usize,
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let PollSource::Socket(socket, _) = list.source(index) else { return Ok(0) };
    carry_out(socket, |events| set.wait(events, timeout))
}

/// Carries out what a wait in a socket's set finds.
fn carry_out(
    socket: &Socket,
    wait: impl FnOnce(&mut Events) -> io::Result<usize>,
) -> io::Result<usize> {
    let core = socket.core();
    with_events(|events| {
        let found = wait(events)?;
        if found > 0 {
            let mut state = core.lock();
            state.dispatch(events);
            core.leave(state);
            if core.has_news()
                && let Some(io) = core.io()
            {
                // Closed meanwhile, and this may have been its last connection: only the I/O
                // thread ends a socket.
                io.post(IoCommand::Timer { socket: core.clone() });
            }
        }
        Ok(found)
    })
}

/// A standing registration with a socket: it calls a waker once, when the socket is ready or has
/// been closed. The I/O thread reads meanwhile. Given up when dropped.
pub struct Arming {
    core: Arc<SocketCore>,
    ticket: Option<Ticket>,
}

impl Arming {
    /// Registers a waker, and calls it at once if the socket is ready already.
    pub fn new(socket: &Socket, interest: Interest, waker: &Waker) -> Arming {
        let core = socket.core().clone();
        let ticket = Some(core.waiters.register(of_socket(interest), waker));
        let is_ready = match core.enter() {
            Ok(mut state) => {
                core.rearm(&state);
                let found = ready(&mut state, interest);
                core.leave(state);
                found != 0
            }
            Err(_) => true,
        };
        if is_ready {
            waker.wake_by_ref();
        }
        Arming { core, ticket }
    }
}

impl Drop for Arming {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take()
            && self.core.waiters.cancel(ticket)
        {
            // A wake-up that is not used here goes to another.
            self.core.leave(self.core.lock());
        }
    }
}

impl std::fmt::Debug for Arming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arming").finish_non_exhaustive()
    }
}
