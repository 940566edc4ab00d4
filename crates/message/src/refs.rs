//! The reference count under every shared payload and metadata block. It is a plain number of
//! references; who holds how many is known to the holders. Any thread may call anything here.
//!
//! Holders may take references in bulk ([`Refs::acquire`] with a large `n`) and hand them on one
//! by one without touching the count: that is how a connection pays one atomic addition for about
//! a million messages. A holder that owns `n` references and reads exactly `n` is the only holder,
//! because references come only from references.
//!
//! A count that passes `REFS_MAX`, which only leaked clones can bring about, stays there for good:
//! the block is never freed, instead of freed too early.

#[cfg(loom)]
use loom::sync::atomic::{AtomicUsize, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits::REFS_MAX;

#[cfg(all(test, loom))]
mod model;

/// A number of references, at least one while the block lives.
pub(crate) struct Refs(AtomicUsize);

impl Refs {
    /// A count that starts with the one reference of its creator.
    pub(crate) fn one() -> Self {
        Self(AtomicUsize::new(1))
    }

    /// Takes `n` more references. The caller holds at least one already.
    #[inline]
    pub(crate) fn acquire(&self, n: usize) {
        // Relaxed: whoever can call this already sees the block through the reference it holds.
        if self.0.fetch_add(n, Ordering::Relaxed) > REFS_MAX {
            self.saturate();
        }
    }

    /// Gives back `n` references; true when they were the last and the caller must free the block.
    #[inline]
    #[must_use]
    pub(crate) fn release(&self, n: usize) -> bool {
        let before = self.0.fetch_sub(n, Ordering::Release);
        if before != n {
            if before > REFS_MAX {
                self.saturate();
            }
            return false;
        }
        // Pairs with the Release of every other holder: their accesses happen before the free.
        // A load rather than a fence, because ThreadSanitizer does not understand fences.
        let left = self.0.load(Ordering::Acquire);
        debug_assert_eq!(left, 0);
        true
    }

    /// As [`release`](Self::release), for counts that mostly have a single holder: the sole holder
    /// pays a load instead of a locked subtraction.
    #[inline]
    #[must_use]
    pub(crate) fn release_mostly_sole(&self, n: usize) -> bool {
        self.is_exactly(n) || self.release(n)
    }

    /// Whether `n` references exist. If the caller holds all `n`, true means that nobody else
    /// holds any and that everything former holders did has happened.
    #[inline]
    pub(crate) fn is_exactly(&self, n: usize) -> bool {
        self.0.load(Ordering::Acquire) == n
    }

    /// Puts the count where no number of further calls that fits in memory or time can bring it
    /// back to what a holder may own, nor round to zero.
    #[cold]
    fn saturate(&self) {
        self.0.store(REFS_MAX + REFS_MAX / 2, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_release_frees() {
        let refs = Refs::one();
        refs.acquire(9);
        assert!(refs.is_exactly(10));
        assert!(!refs.release(3));
        assert!(!refs.release_mostly_sole(6));
        assert!(refs.is_exactly(1));
        assert!(refs.release(1));
    }

    #[test]
    fn an_overflowing_count_never_frees() {
        let refs = Refs(AtomicUsize::new(REFS_MAX + 1));
        refs.acquire(1);
        for _ in 0..4 {
            assert!(!refs.release(REFS_MAX / 2));
        }
        assert!(!refs.is_exactly(1));
    }
}
