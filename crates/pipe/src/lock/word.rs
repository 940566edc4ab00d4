//! The words of a lock: whether it is held, and who sleeps until it is free. Any thread may call
//! anything here; what it means is written at [`super`].

use crate::sync::{AtomicBool, AtomicU32, Ordering, fence, heavy_fence, light_fence};

#[cfg(not(loom))]
use crate::sync::{sleep_while, wake_sleeper};
#[cfg(not(loom))]
use std::time::Duration;

/// The values of `held`.
const FREE: u32 = 0;
const HELD: u32 = 1;

/// The state of a lock, without what it protects.
#[derive(Debug)]
pub struct Word {
    held: AtomicU32,
    /// Threads that may sleep; each counted itself before it looked a last time.
    sleepers: AtomicU32,
    /// One of them was woken and has not looked since: no other need be woken.
    waking: AtomicBool,
    /// Counts wake-ups, wrapping; sleepers sleep on it.
    wakes: AtomicU32,
}

impl Word {
    /// A lock that nobody holds.
    #[must_use]
    pub fn free() -> Self {
        Self {
            held: AtomicU32::new(FREE),
            sleepers: AtomicU32::new(0),
            waking: AtomicBool::new(false),
            wakes: AtomicU32::new(0),
        }
    }

    /// Takes the lock if it is free.
    #[inline]
    #[must_use]
    pub fn try_take(&self) -> bool {
        self.held.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Whether somebody holds the lock; for those who spin, between two tries.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed) == HELD
    }

    /// Gives the lock up; true if the caller must wake a sleeper.
    #[inline]
    #[must_use]
    pub fn release(&self) -> bool {
        self.held.store(FREE, Ordering::Release);
        light_fence();
        self.sleepers.load(Ordering::Relaxed) != 0 && self.claims_wake()
    }

    #[cold]
    fn claims_wake(&self) -> bool {
        fence();
        if self.waking.swap(true, Ordering::AcqRel) {
            return false;
        }
        self.wakes.fetch_add(1, Ordering::Release);
        true
    }

    /// Says that the caller is about to sleep. False if the system does not make it sure that it
    /// will be woken.
    #[must_use]
    pub fn enlist(&self) -> bool {
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        heavy_fence()
    }

    /// Says that the caller, enlisted, is about to try once more; if it fails then, it sleeps until
    /// the count of wake-ups is another than this one.
    ///
    /// A wake-up that is due after this raises the count. One that was due before is used up here,
    /// so that the next holder owes one again.
    #[must_use]
    pub fn look(&self) -> u32 {
        let seen = self.wakes.load(Ordering::Acquire);
        self.waking.swap(false, Ordering::AcqRel);
        fence();
        seen
    }

    /// The count of wake-ups.
    #[cfg(loom)]
    pub fn wakes(&self) -> u32 {
        self.wakes.load(Ordering::Acquire)
    }

    /// Takes `enlist` back, with the lock in hand.
    pub fn delist(&self) {
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Sleeps until another wake-up than those that `look` saw. May return early.
    #[cfg(not(loom))]
    pub(super) fn sleep(&self, seen: u32, timeout: Duration) {
        // Whatever ended it, the caller looks again.
        let _ = sleep_while(&self.wakes, seen, timeout);
    }

    /// Wakes a sleeper, after `release` said so.
    #[cfg(not(loom))]
    #[cold]
    pub(super) fn wake(&self) {
        wake_sleeper(&self.wakes);
    }
}
