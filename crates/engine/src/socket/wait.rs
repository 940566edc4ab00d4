//! Waiting on a socket: the blocking shell around the core that never blocks.
//!
//! One thread at a time may wait in the socket's epoll set and read there itself (see
//! `attendance`); others, and those of sockets without connections, park. Every waiter registers
//! before it looks a last time, so that whatever changes after that look wakes it.

use std::cell::Cell;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use oxmq_pipe::{Interest, Parker};

use super::SocketCore;
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
fn with_events<T>(f: impl FnOnce(&mut Events) -> T) -> T {
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
            Err(Error::WouldBlock) => self.run_slow(state, interest, wait, &mut op),
            done => {
                self.leave(state);
                done
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn run_slow<'a, T>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        interest: Interest,
        wait: Wait,
        op: &mut dyn FnMut(&mut State) -> Result<T>,
    ) -> Result<T> {
        let deadline = deadline(&state, interest, wait);
        loop {
            state.pipes.turn_around();
            if state.settle() {
                // Trying has read a connection to its end, or news of another kind: that may be
                // what the operation waits for.
                match op(&mut state) {
                    Err(Error::WouldBlock) => continue,
                    done => {
                        self.hand_on();
                        self.leave(state);
                        return done;
                    }
                }
            }
            if let Deadline::Now = deadline {
                self.pump(&mut state);
                let done = op(&mut state);
                self.leave(state);
                return done;
            }
            if let Deadline::At(at) = deadline
                && Instant::now() >= at
            {
                let done = op(&mut state);
                self.hand_on();
                self.leave(state);
                return done.map_err(|error| match error {
                    Error::WouldBlock => Error::TimedOut,
                    error => error,
                });
            }
            state = self.sleep(state, interest, deadline)?;
            match op(&mut state) {
                // What was done while attending may be what others wait for.
                Err(Error::WouldBlock) => self.wake_others(&mut state),
                done => {
                    self.hand_on();
                    self.leave(state);
                    return done;
                }
            }
        }
    }

    /// Sleeps until something may have changed. Comes back with the lock.
    fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        interest: Interest,
        deadline: Deadline,
    ) -> Result<MutexGuard<'a, State>> {
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
            match deadline {
                Deadline::At(at) => {
                    let _ = parker.park_until(at);
                }
                Deadline::Now | Deadline::Never => parker.park(),
            }
            // A wake-up not used is passed on when the lock is given up: see `leave`.
            let _ = self.waiters.cancel(ticket);
            return self.enter();
        };
        let timeout = match deadline {
            Deadline::At(at) => Some(at.saturating_duration_since(Instant::now())),
            Deadline::Now | Deadline::Never => None,
        };
        with_events(|events| {
            // An interrupted wait is a wait that found nothing; other failures cannot happen on
            // a set that lives, and would only make the caller look again.
            let found = attendance.wait(events, timeout).unwrap_or(0);
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
            Ok(state)
        })
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
