//! A lock that costs one locked instruction when nobody contends for it: what a socket's calls pay
//! each time. Any thread may take it; a sleeper is woken by whoever gives it up.
//!
//! # The protocol
//!
//! Taking is a compare-and-swap. Giving up is a plain store and a look at the number of sleepers,
//! where a mutex has a second swap. For the look to come after the store there must be a full fence
//! between them, and it is the sleepers, who are rare and have time, that pay for it: after
//! counting itself a sleeper makes every thread of the process pass a fence (membarrier(2)), and
//! only then tries a last time and sleeps. Either the store came before that fence, and the last
//! try sees it; or the look comes after, and sees the sleeper. Where the system has no such fence,
//! whoever gives up makes one itself.
//!
//! Of several sleepers one is woken at a time, and no other before it has looked: until it has, the
//! lock may change hands many times without a system call.

pub mod word;

#[cfg(not(loom))]
pub use real::{Lock, LockGuard};

#[cfg(not(loom))]
mod real {
    use std::cell::UnsafeCell;
    use std::fmt;
    use std::marker::PhantomData;
    use std::ops::{Deref, DerefMut};
    use std::time::Duration;

    use super::word::Word;
    use crate::sync::prepare_fences;

    /// Looks at a held lock before its thread sleeps: about the time of a call that holds it.
    const SPINS_MAX: u32 = 100;
    /// How long a sleeper trusts in being woken; it only looks again then.
    const SLEEP: Duration = Duration::from_secs(3600);
    /// The same when the system has refused the fence in the middle of the process's life.
    const SLEEP_UNSURE: Duration = Duration::from_millis(1);

    /// See the [module](super). Not fair, and not reentrant: a thread that takes it twice sleeps
    /// for ever. A panic of the holder gives it up.
    pub struct Lock<T> {
        word: Word,
        value: UnsafeCell<T>,
    }

    // SAFETY: the value is reached through a guard only, of which there is one at a time; it moves
    // from thread to thread with the lock.
    unsafe impl<T: Send> Sync for Lock<T> {}

    /// The lock, held; given up on drop.
    #[must_use = "a guard that is dropped at once protects nothing"]
    pub struct LockGuard<'a, T> {
        lock: &'a Lock<T>,
        /// As with a mutex, a guard stays on its thread.
        stays: PhantomData<*const ()>,
    }

    // SAFETY: `&LockGuard` gives out `&T` only.
    unsafe impl<T: Sync> Sync for LockGuard<'_, T> {}

    impl<T> Lock<T> {
        /// A lock that nobody holds.
        pub fn new(value: T) -> Self {
            prepare_fences();
            Self { word: Word::free(), value: UnsafeCell::new(value) }
        }

        /// Takes the lock; sleeps while another thread has it.
        #[inline]
        pub fn lock(&self) -> LockGuard<'_, T> {
            if !self.word.try_take() {
                self.take_contended();
            }
            LockGuard { lock: self, stays: PhantomData }
        }

        #[cold]
        #[inline(never)]
        fn take_contended(&self) {
            for _ in 0..SPINS_MAX {
                if !self.word.is_held() && self.word.try_take() {
                    return;
                }
                std::hint::spin_loop();
            }
            let timeout = if self.word.enlist() { SLEEP } else { SLEEP_UNSURE };
            loop {
                let seen = self.word.look();
                if self.word.try_take() {
                    break;
                }
                self.word.sleep(seen, timeout);
            }
            self.word.delist();
        }
    }

    impl<T> Deref for LockGuard<'_, T> {
        type Target = T;

        #[inline]
        fn deref(&self) -> &T {
            // SAFETY: the guard has the lock, so nobody else reaches the value.
            unsafe { &*self.lock.value.get() }
        }
    }

    impl<T> DerefMut for LockGuard<'_, T> {
        #[inline]
        fn deref_mut(&mut self) -> &mut T {
            // SAFETY: as above, and the guard is borrowed mutably.
            unsafe { &mut *self.lock.value.get() }
        }
    }

    impl<T> Drop for LockGuard<'_, T> {
        #[inline]
        fn drop(&mut self) {
            if self.lock.word.release() {
                self.lock.word.wake();
            }
        }
    }

    impl<T> fmt::Debug for Lock<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Lock").field("word", &self.word).finish_non_exhaustive()
        }
    }

    #[cfg(test)]
    #[expect(clippy::unwrap_used, reason = "tests")]
    mod tests {
        use std::panic::{AssertUnwindSafe, catch_unwind};
        use std::sync::mpsc;
        use std::thread;

        use super::*;

        #[test]
        fn threads_that_contend_lose_no_update_and_no_wake_up() {
            const ROUNDS: usize = 20_000;
            let lock = Lock::new(0_usize);
            thread::scope(|scope| {
                for worker in 0..4 {
                    let lock = &lock;
                    scope.spawn(move || {
                        for round in 0..ROUNDS {
                            let mut value = lock.lock();
                            *value += 1;
                            if (round + worker) % 1000 == 0 {
                                // Holding it over a switch of threads makes the others sleep.
                                thread::yield_now();
                            }
                        }
                    });
                }
            });
            assert_eq!(*lock.lock(), 4 * ROUNDS);
        }

        #[test]
        fn a_sleeper_is_woken_by_the_thread_that_gives_up() {
            let lock = Lock::new(0);
            let (asleep, told) = mpsc::channel();
            let guard = lock.lock();
            thread::scope(|scope| {
                scope.spawn(|| {
                    asleep.send(()).unwrap();
                    *lock.lock() += 1;
                });
                told.recv().unwrap();
                while !format!("{lock:?}").contains("sleepers: 1") {
                    thread::yield_now();
                }
                drop(guard);
            });
            assert_eq!(*lock.lock(), 1);
        }

        #[test]
        fn a_panic_gives_the_lock_up() {
            let lock = Lock::new(1);
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let _guard = lock.lock();
                panic!("meant");
            }));
            assert!(panicked.is_err());
            assert_eq!(*lock.lock(), 1);
        }
    }
}
