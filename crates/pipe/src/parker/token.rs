//! The token of a parked thread: a wake-up that is remembered until it is taken. The one thread
//! that parks calls `begin` and `give_up`; any thread may call `signal`.
//!
//! ```text
//! EMPTY  --begin-->   PARKED     the thread is about to sleep
//! EMPTY  --signal-->  WOKEN      nobody sleeps: no system call
//! PARKED --signal-->  WOKEN      the caller of signal unparks the thread
//! WOKEN  --begin-->   EMPTY      the wake-up is taken
//! any    --give_up--> EMPTY      the deadline passed; a late wake-up is taken
//! ```

use crate::sync::{AtomicU8, Ordering};

const EMPTY: u8 = 0;
const PARKED: u8 = 1;
const WOKEN: u8 = 2;

/// The state shared by a parker and its wakers.
#[derive(Debug)]
pub struct Token(AtomicU8);

impl Token {
    /// A token with no wake-up pending.
    #[must_use]
    pub fn empty() -> Self {
        Self(AtomicU8::new(EMPTY))
    }

    /// Leaves a wake-up; true if the thread is parked, so that the caller must unpark it.
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

    /// Ends parking whatever the state; true if a wake-up was pending, which is then taken.
    pub fn give_up(&self) -> bool {
        self.0.swap(EMPTY, Ordering::Acquire) == WOKEN
    }
}
