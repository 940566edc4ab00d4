//! The atomics, cells and locks the crate is built from: std's, or loom's under `--cfg loom`.
//! Nothing else in the crate says `cfg(loom)` inside logic. Stateless; callable from any thread.

#[cfg(not(loom))]
pub(crate) use real::*;

#[cfg(loom)]
pub(crate) use model::*;

#[cfg(loom)]
pub use model::fault;

/// Keeps what one thread writes off the cache lines another thread writes. 128 bytes, because
/// x86 prefetches lines in pairs and some Arm cores have lines of that size.
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

/// Takes a "somebody sleeps" flag: true for exactly one of all who try after it was raised.
///
/// To be called after [`store_then_fence`] or [`fence`]. The load is `SeqCst` because
/// [`store_then_fence`] leaves out the fence instruction.
#[inline]
pub(crate) fn take(flag: &AtomicBool) -> bool {
    flag.load(Ordering::SeqCst) && flag.swap(false, Ordering::AcqRel)
}

/// Locks, and goes on after a panic elsewhere: no state behind our locks is ever half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(not(loom))]
mod real {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering};
    pub(crate) use std::sync::{Arc, Mutex, MutexGuard};

    /// The full fence of the rule "say so, fence, look again".
    #[inline]
    pub(crate) fn fence() {
        std::sync::atomic::fence(Ordering::SeqCst);
    }

    /// A `Release` store and a full fence before the next `SeqCst` load ([`super::take`]).
    ///
    /// A `SeqCst` store followed by a `SeqCst` load has the same guarantee against a side that
    /// uses [`fence`], and on x86 is one `xchg` instead of a `mov` and an `mfence`.
    #[inline]
    pub(crate) fn store_then_fence(cell: &AtomicUsize, value: usize) {
        cell.store(value, Ordering::SeqCst);
    }

    /// Whether a test removed the second look; never outside a model.
    #[inline]
    pub(crate) const fn recheck_removed() -> bool {
        false
    }

    /// `std::cell::UnsafeCell` in loom's clothes: access is through closures.
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        #[inline]
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        #[inline]
        pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        #[inline]
        pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }
    }
}

#[cfg(loom)]
mod model {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

    pub(crate) fn fence() {
        if !fault::is(fault::Fault::NoFence) {
            loom::sync::atomic::fence(Ordering::SeqCst);
        }
    }

    // Loom knows `SeqCst` only as a fence, so the model spells the fence out.
    pub(crate) fn store_then_fence(cell: &AtomicUsize, value: usize) {
        cell.store(value, Ordering::Release);
        fence();
    }

    pub(crate) fn recheck_removed() -> bool {
        fault::is(fault::Fault::NoRecheck)
    }

    /// Faults put into the protocols on purpose, so that the models can show they would be found.
    pub mod fault {
        use std::cell::Cell;

        /// What to leave out.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Fault {
            /// Every full fence.
            NoFence,
            /// The second look of whoever goes to sleep.
            NoRecheck,
        }

        thread_local! {
            // Loom runs all threads of a model on the OS thread that called it.
            static ACTIVE: Cell<Option<Fault>> = const { Cell::new(None) };
        }

        pub(crate) fn is(fault: Fault) -> bool {
            ACTIVE.get() == Some(fault)
        }

        /// Runs a model, with a fault or with one of its own; what it panicked with, if it did.
        pub fn found(fault: Option<Fault>, model: impl FnOnce()) -> Option<String> {
            ACTIVE.set(fault);
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(model));
            ACTIVE.set(None);
            let panic = outcome.err()?;
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        }
    }
}
