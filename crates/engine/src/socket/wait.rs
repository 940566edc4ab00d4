//! Waiting on a socket: the blocking shell around the core that never blocks.
//!
//! One thread at a time may wait in the socket's epoll set and read there itself (see
//! `attendance`); others, and those of sockets without connections, park. Every waiter registers
//! before it looks a last time, so that whatever changes after that look wakes it.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use oxmq_pipe::{Interest, Parked, Parker, Ticket};

use super::SocketCore;
use super::attendance::Attendance;
use super::guard::StateGuard;
use super::spin::Spinner;
use super::state::State;
use crate::error::{Error, Result};
use crate::io::IoCommand;
use crate::limits::EVENTS_PER_WAIT;
use crate::sys::Events;

/// How long an operation may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// As long as the socket's timeout option says.
    Default,
    /// As long as it takes.
    Forever,
    /// This long at most.
    For(Duration),
    /// Until this moment at most.
    Until(Instant),
}

thread_local! {
    /// Lent to one wait at a time: what it carries out may wait on another socket.
    static EVENTS: Cell<Option<Box<Events>>> = const { Cell::new(None) };
}

/// Calls `f` with room for events.
pub(crate) fn with_events<T>(f: impl FnOnce(&mut Events) -> T) -> T {
    let mut events =
        EVENTS.take().unwrap_or_else(|| Box::new(Events::with_capacity(EVENTS_PER_WAIT)));
    let result = f(&mut events);
    EVENTS.set(Some(events));
    result
}

/// When a wait ends.
#[derive(Clone, Copy)]
enum Deadline {
    Now,
    At(Instant),
    Never,
}

impl Deadline {
    fn at(self) -> Option<Instant> {
        match self {
            Deadline::At(at) => Some(at),
            Deadline::Now | Deadline::Never => None,
        }
    }
}

impl SocketCore {
    /// Does `op` now, or waits until it can be done.
    #[inline]
    pub(crate) fn run<T>(
        &self,
        interest: Interest,
        wait: Wait,
        mut op: impl FnMut(&mut State) -> Result<T>,
    ) -> Result<T> {
        let mut state = self.enter()?;
        match op(&mut state) {
            Ok(done) => {
                state.edge.note(interest);
                self.leave(state);
                Ok(done)
            }
            Err(error) => self.run_failed(state, interest, wait, error, &mut op),
        }
    }

    /// The lock, unless waiting would be for ever.
    fn unless_refused<'a>(&'a self, state: StateGuard<'a>) -> Result<StateGuard<'a>> {
        match self.refusal(&state) {
            None => Ok(state),
            Some(error) => {
                self.leave(state);
                Err(error)
            }
        }
    }

    /// The first try of an operation has failed.
    #[cold]
    #[inline(never)]
    fn run_failed<'a, T>(
        &'a self,
        mut state: StateGuard<'a>,
        interest: Interest,
        wait: Wait,
        error: Error,
        op: &mut dyn FnMut(&mut State) -> Result<T>,
    ) -> Result<T> {
        if let Error::WouldBlock = error {
            return self.run_slow(state, interest, wait, op);
        }
        state.edge.note(interest);
        self.leave(state);
        Err(error)
    }

    fn run_slow<'a, T>(
        &'a self,
        mut state: StateGuard<'a>,
        interest: Interest,
        wait: Wait,
        op: &mut dyn FnMut(&mut State) -> Result<T>,
    ) -> Result<T> {
        let deadline = deadline(&state, interest, wait);
        loop {
            state = self.unless_refused(state)?;
            match interest {
                // Who waits for room is in the middle of a stream.
                Interest::OUT => state.pipes.flush_all(),
                _ => state.pipes.turn_around(),
            }
            let mark_reached = std::mem::take(&mut state.pipes.mark_reached);
            if mark_reached && matches!(deadline, Deadline::Now) {
                state.settle();
                self.note_refused(&mut state, interest);
                self.leave(state);
                return Err(Error::WouldBlock);
            }
            if state.settle() || mark_reached {
                // Trying has read a connection to its end, or news of another kind: that may be
                // what the operation waits for.
                match op(&mut state) {
                    Err(Error::WouldBlock) => continue,
                    done => {
                        self.hand_on();
                        state.edge.note(interest);
                        self.leave(state);
                        return done;
                    }
                }
            }
            if let Deadline::Now = deadline {
                self.pump(&mut state);
                let done = op(&mut state);
                match done {
                    Err(Error::WouldBlock) => self.note_refused(&mut state, interest),
                    _ => state.edge.note(interest),
                }
                self.leave(state);
                return done;
            }
            if let Deadline::At(at) = deadline
                && Instant::now() >= at
            {
                return self.try_last(state, interest, op);
            }
            state = self.sleep(state, interest, deadline)?;
            match op(&mut state) {
                // What was done while attending may be what others wait for.
                Err(Error::WouldBlock) => self.wake_others(&mut state),
                done => {
                    self.hand_on();
                    state.edge.note(interest);
                    self.leave(state);
                    return done;
                }
            }
        }
    }

    /// The time is over: this try counts.
    fn try_last<'a, T>(
        &'a self,
        mut state: StateGuard<'a>,
        interest: Interest,
        op: &mut dyn FnMut(&mut State) -> Result<T>,
    ) -> Result<T> {
        let done = op(&mut state);
        self.hand_on();
        match done {
            Err(Error::WouldBlock) => self.note_refused(&mut state, interest),
            _ => state.edge.note(interest),
        }
        self.leave(state);
        done.map_err(|error| match error {
            Error::WouldBlock => Error::TimedOut,
            error => error,
        })
    }

    /// Sleeps until something may have changed. Comes back with the lock.
    fn sleep<'a>(
        &'a self,
        mut state: StateGuard<'a>,
        interest: Interest,
        deadline: Deadline,
    ) -> Result<StateGuard<'a>> {
        let attendance = state.pipes.attendance.clone();
        let attending = attendance.filter(|attendance| attendance.begin_park());
        let parker = Parker::current();
        let ticket = match &attending {
            Some(attendance) => self.waiters.register(interest, &attendance.waker()),
            None => self.waiters.register(interest, parker.waker()),
        };
        // Look a last time: a command that came before we were registered woke nobody.
        let look_again = self.has_news();
        if look_again {
            let _ = self.waiters.cancel(ticket);
            if let Some(attendance) = &attending {
                attendance.end_park();
            }
            drop(state);
            return self.enter();
        }
        self.ask_before_sleep(&mut state);
        drop(state);
        let Some(attendance) = attending else {
            self.park(&parker, ticket, interest, deadline)?;
            return self.enter();
        };
        with_events(|events| {
            // An interrupted wait is a wait that found nothing; other failures cannot happen on
            // a set that lives, and would only make the caller look again.
            let found = self.spin_or_wait(&attendance, events, interest, deadline.at());
            let interrupted = self.is_interruptible()
                && matches!(&found, Err(e) if e.kind() == ErrorKind::Interrupted);
            let found = found.unwrap_or(0);
            attendance.end_park();
            let _ = self.waiters.cancel(ticket);
            let mut state = self.lock();
            if found > 0 {
                state.dispatch(events);
            }
            state.obey(&self.mailbox);
            if let Err(error) = self.check() {
                // A socket closed meanwhile may have ended with what was just carried out.
                let me = state.me.upgrade();
                if self.leave_io(state)
                    && let (Some(io), Some(socket)) = (self.io(), me)
                {
                    io.post(IoCommand::Closing { socket, ended: true });
                }
                return Err(error);
            }
            if interrupted {
                self.hand_on();
                self.leave(state);
                return Err(Error::Interrupted);
            }
            Ok(state)
        })
    }

    /// Parks until woken, until the deadline or until a signal that ends the wait.
    fn park(
        &self,
        parker: &Parker,
        ticket: Ticket,
        interest: Interest,
        deadline: Deadline,
    ) -> Result<()> {
        let at = deadline.at();
        // A wake-up found here is taken below.
        let _ = self.spinner(interest).until(at, || parker.is_woken());
        let mut parked = parker.park_interruptible(at);
        while parked == Parked::Interrupted && !self.is_interruptible() {
            parked = parker.park_interruptible(at);
        }
        // A wake-up not used is passed on when the lock is given up: see `leave`.
        let woken = self.waiters.cancel(ticket);
        if parked != Parked::Interrupted {
            return Ok(());
        }
        if woken {
            self.waiters.wake_one(interest);
        }
        self.check()?;
        Err(Error::Interrupted)
    }

    fn spinner(&self, interest: Interest) -> &Spinner {
        if interest == Interest::OUT { &self.spin_out } else { &self.spin_in }
    }

    /// Waits in the socket's set; spins first where that may pay.
    pub(crate) fn spin_or_wait(
        &self,
        attendance: &Attendance,
        events: &mut Events,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> io::Result<usize> {
        let mut found = Ok(0);
        let spun = self.spinner(interest).until(deadline, || {
            found = attendance.wait(events, Some(Duration::ZERO));
            !matches!(found, Ok(0))
        });
        if spun {
            return found;
        }
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        attendance.wait(events, left)
    }

    /// A signal that is handled in the waiting thread ends the wait.
    pub(crate) fn is_interruptible(&self) -> bool {
        self.interruptible.load(Ordering::Relaxed)
    }

    /// What the I/O thread must know before the thread sleeps.
    fn ask_before_sleep(&self, state: &mut State) {
        // `turn_around` has just written what was buffered; what is left waits for the kernel.
        state.pipes.wants_tick = false;
        if std::mem::take(&mut state.pipes.timer_changed)
            && let (Some(io), Some(socket)) = (self.io(), state.me.upgrade())
        {
            io.post(IoCommand::Timer { socket });
        }
    }

    /// The thread that waited in the epoll set leaves with what it came for: another that waits
    /// must take its place there.
    fn hand_on(&self) {
        if self.waiters.any(Interest::ALL) {
            self.waiters.wake_one_locked(Interest::ALL);
        }
    }

    /// Fetches and carries out events without waiting, if a caller of this socket holds the
    /// lease and so nobody else does.
    pub(crate) fn pump(&self, state: &mut State) {
        let Some(attendance) = state.pipes.attendance.clone() else { return };
        if !attendance.is_held() || attendance.is_parked() {
            return;
        }
        attendance.visit();
        with_events(|events| {
            if attendance.wait(events, Some(Duration::ZERO)).unwrap_or(0) > 0 {
                state.dispatch(events);
            }
        });
    }
}

fn deadline(state: &State, interest: Interest, wait: Wait) -> Deadline {
    let after = |duration: Duration| match Instant::now().checked_add(duration) {
        Some(at) => Deadline::At(at),
        None => Deadline::Never,
    };
    match wait {
        Wait::No => Deadline::Now,
        Wait::Forever => Deadline::Never,
        Wait::For(duration) => after(duration),
        Wait::Until(at) => Deadline::At(at),
        Wait::Default => {
            let options = &state.pipes.options;
            let timeout =
                if interest == Interest::IN { options.rcv_timeout } else { options.snd_timeout };
            match timeout {
                None => Deadline::Never,
                Some(Duration::ZERO) => Deadline::Now,
                Some(timeout) => after(timeout),
            }
        }
    }
}
