//! The atomics, cells and locks the crate is built from: std's, or loom's under `--cfg loom`.
//! Nothing else in the crate says `cfg(loom)` inside logic. Stateless; callable from any thread.

#[cfg(not(loom))]
pub(crate) use real::*;
#[cfg(not(loom))]
pub use real::{heavy_fence, light_fence, prepare_fences};

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

/// Why a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slept {
    /// A signal of the system was handled.
    Interrupted,
    /// Anything else: look at what was waited for.
    Looking,
}

#[cfg(not(loom))]
mod real {
    use std::time::Duration;

    use rustix::io::Errno;
    use rustix::thread::{MembarrierCommand, Timespec, futex, membarrier};

    use super::Slept;
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering,
    };
    pub(crate) use std::sync::{Arc, Mutex, MutexGuard};

    /// The full fence of the rule "say so, fence, look again".
    #[inline]
    pub(crate) fn fence() {
        std::sync::atomic::fence(Ordering::SeqCst);
    }

    /// The system makes every thread of the process pass a fence when one asks for it.
    static ASYMMETRIC: AtomicBool = AtomicBool::new(false);

    /// Asks the system for the heavy fence; until then the light one is a whole one.
    pub fn prepare_fences() {
        if !ASYMMETRIC.load(Ordering::Relaxed)
            && membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
        {
            ASYMMETRIC.store(true, Ordering::SeqCst);
        }
    }

    /// The side of the pair that runs often.
    #[inline]
    pub fn light_fence() {
        if ASYMMETRIC.load(Ordering::Relaxed) {
            std::sync::atomic::compiler_fence(Ordering::SeqCst);
        } else {
            fence();
        }
    }

    /// The side of the pair that runs seldom: a system call. False if the system refuses it after
    /// it had agreed (a filter of system calls): threads that are inside the light one just now do
    /// without.
    #[must_use = "without it the other side may have missed what was written"]
    pub fn heavy_fence() -> bool {
        let pass = || membarrier(MembarrierCommand::PrivateExpedited).is_ok();
        let agree = || membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok();
        // A forked child may have to ask anew.
        let sure = pass() || (agree() && pass()) || !ASYMMETRIC.swap(false, Ordering::SeqCst);
        fence();
        sure
    }

    /// A `Release` store and a full fence before the next `SeqCst` load ([`super::take`]).
    ///
    /// A `SeqCst` store followed by a `SeqCst` load has the same guarantee against a side that
    /// uses [`fence`], and on x86 is one `xchg` instead of a `mov` and an `mfence`.
    #[inline]
    pub(crate) fn store_then_fence(cell: &AtomicUsize, value: usize) {
        cell.store(value, Ordering::SeqCst);
    }

    /// Keeps the processor idle for so many of its pauses.
    #[inline]
    pub(crate) fn put_off(pauses: u32) {
        for _ in 0..pauses {
            std::hint::spin_loop();
        }
    }

    /// Sleeps while the word has this value, until the timeout, a wake-up or a signal.
    ///
    /// With a timeout the system ends the sleep at a signal even if its handler was installed to
    /// restart system calls: signal(7).
    pub(crate) fn sleep_while(word: &AtomicU32, value: u32, timeout: Duration) -> Slept {
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        match futex::wait(word, futex::Flags::PRIVATE, value, Some(&timeout)) {
            Err(Errno::INTR) => Slept::Interrupted,
            // Woken, timed out, or the word had another value.
            _ => Slept::Looking,
        }
    }

    /// Wakes the thread that sleeps on the word.
    pub(crate) fn wake_sleeper(word: &AtomicU32) {
        // It cannot fail on a word that lives.
        let _ = futex::wake(word, futex::Flags::PRIVATE, 1);
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
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering,
    };
    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

    pub(crate) fn fence() {
        if !fault::is(fault::Fault::NoFence) {
            loom::sync::atomic::fence(Ordering::SeqCst);
        }
    }

    /// As two full fences, which is what the pair amounts to.
    pub(crate) fn light_fence() {
        fence();
    }

    pub(crate) fn heavy_fence() -> bool {
        fence();
        true
    }

    // Loom knows `SeqCst` only as a fence, so the model spells the fence out.
    pub(crate) fn store_then_fence(cell: &AtomicUsize, value: usize) {
        cell.store(value, Ordering::Release);
        fence();
    }

    pub(crate) fn put_off(_: u32) {}

    pub(crate) fn sleep_while(_: &AtomicU32, _: u32, _: std::time::Duration) -> super::Slept {
        loom::thread::yield_now();
        super::Slept::Looking
    }

    pub(crate) fn wake_sleeper(_: &AtomicU32) {}

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
