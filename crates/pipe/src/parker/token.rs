//! The token of a parked thread: a wake-up that is remembered until it is taken. The one thread
//! that parks calls `begin` and `give_up`; any thread may call `signal`.
//!
//! ```text
//! EMPTY  --begin-->   PARKED     the thread is about to sleep
//! EMPTY  --signal-->  WOKEN      nobody sleeps: no system call
//! PARKED --signal-->  WOKEN      the caller of signal wakes the thread
//! WOKEN  --begin-->   EMPTY      the wake-up is taken
//! any    --give_up--> EMPTY      the deadline passed; a late wake-up is taken
//! ```

use std::time::Duration;

use crate::sync::{AtomicU32, Ordering, Slept, sleep_while, wake_sleeper};

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const WOKEN: u32 = 2;

/// The state shared by a parker and its wakers.
#[derive(Debug)]
pub struct Token(AtomicU32);

impl Token {
    /// A token with no wake-up pending.
    #[must_use]
    pub fn empty() -> Self {
        Self(AtomicU32::new(EMPTY))
    }

    /// Leaves a wake-up; true if the thread is parked, so that the caller must wake it.
    ///
    /// What the caller did before is visible to the thread once it has taken the wake-up.
    #[must_use]
    pub fn signal(&self) -> bool {
        self.0.swap(WOKEN, Ordering::Release) == PARKED
    }

    /// Takes a pending wake-up; if there is none, says that the thread is about to park.
    #[must_use]
    pub fn begin(&self) -> bool {
        match self.0.compare_exchange(EMPTY, PARKED, Ordering::Relaxed, Ordering::Relaxed) {
            // Already parked: the system's park returned for no reason of ours.
            Ok(_) | Err(PARKED) => false,
            Err(_) => self.give_up(),
        }
    }

    /// Whether a wake-up is pending. Takes nothing.
    #[must_use]
    #[cfg_attr(loom, expect(dead_code, reason = "the models do not spin"))]
    pub(crate) fn is_woken(&self) -> bool {
        self.0.load(Ordering::Relaxed) == WOKEN
    }

    /// Ends parking whatever the state; true if a wake-up was pending, which is then taken.
    pub fn give_up(&self) -> bool {
        self.0.swap(EMPTY, Ordering::Acquire) == WOKEN
    }

    /// Sleeps while the thread is parked and nobody signals, until the timeout or a signal of the
    /// system. May return early.
    #[cfg_attr(loom, expect(dead_code, reason = "the models sleep by loom's means"))]
    pub(crate) fn sleep(&self, timeout: Duration) -> Slept {
        sleep_while(&self.0, PARKED, timeout)
    }

    /// Wakes the thread after [`signal`](Self::signal) said that it is parked.
    pub(crate) fn wake(&self) {
        wake_sleeper(&self.0);
    }
}
