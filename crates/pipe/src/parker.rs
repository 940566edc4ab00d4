//! The face of a [`Waker`] for a thread that blocks. A [`Parker`] belongs to the thread that made
//! it and stays there; its waker may go anywhere and be called from any thread.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

/// Not woken, and nobody sleeps.
const EMPTY: u8 = 0;
/// The thread sleeps or is about to.
const PARKED: u8 = 1;
/// Woken, and the thread has not taken notice yet.
const WOKEN: u8 = 2;

struct Token {
    state: AtomicU8,
    thread: Thread,
}

impl Wake for Token {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: what was done before the wake is visible after `park`.
        if self.state.swap(WOKEN, Ordering::Release) == PARKED {
            self.thread.unpark();
        }
    }
}

thread_local! {
    /// The thread's token while no parker uses it.
    static IDLE: Cell<Option<Arc<Token>>> = const { Cell::new(None) };
}

/// Lets the current thread sleep until its [`waker`](Self::waker) is called.
///
/// A wake-up is remembered: if it comes before [`park`](Self::park), that call returns at once.
/// Several wake-ups before one `park` count as one. Waking a thread that does not sleep costs one
/// atomic swap.
///
/// Each thread keeps one token for reuse, so [`Parker::current`] allocates once per thread. Parkers
/// nest: one that is made while another is in use, for instance in a waker or a destructor that
/// blocks in its turn, has a token of its own and cannot swallow the outer one's wake-up.
///
/// A wake-up from an earlier use of the same thread's token may arrive late. `park` then returns
/// early, so callers look at what they wait for again, as anyone must who is woken along with others.
pub struct Parker {
    token: Arc<Token>,
    waker: Waker,
    /// The token names the thread that made it, so the parker must stay there.
    stays: PhantomData<*const ()>,
}

impl Parker {
    /// A parker of the current thread, with no wake-up pending.
    #[must_use]
    pub fn current() -> Self {
        // While the thread ends its locals are gone; then a token of its own will do.
        let idle = IDLE.try_with(Cell::take).ok().flatten();
        let token = idle.unwrap_or_else(|| {
            Arc::new(Token { state: AtomicU8::new(EMPTY), thread: thread::current() })
        });
        token.state.store(EMPTY, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&token));
        Self { token, waker, stays: PhantomData }
    }

    /// What wakes this parker; may be cloned and called from any thread.
    #[must_use]
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Blocks until woken, and takes the wake-up.
    ///
    /// Spurious wake-ups of the system, and calls of [`Thread::unpark`] by others, are not seen.
    pub fn park(&self) {
        while !self.begin() {
            thread::park();
        }
    }

    /// Blocks until woken or until the deadline; true if woken, and the wake-up is taken.
    ///
    /// A deadline in the past only looks.
    #[must_use]
    pub fn park_until(&self, deadline: Instant) -> bool {
        while !self.begin() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // A wake-up that came at the last moment counts.
                return self.token.state.swap(EMPTY, Ordering::Acquire) == WOKEN;
            }
            thread::park_timeout(left);
        }
        true
    }

    /// Takes a pending wake-up, or else says that the thread is about to sleep.
    fn begin(&self) -> bool {
        let state = &self.token.state;
        // Fails only on WOKEN (or on PARKED, after a spurious return of the system's park).
        match state.compare_exchange(EMPTY, PARKED, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) | Err(PARKED) => false,
            Err(_) => {
                state.swap(EMPTY, Ordering::Acquire);
                true
            }
        }
    }
}

impl Drop for Parker {
    fn drop(&mut self) {
        let _ = IDLE.try_with(|idle| idle.set(Some(Arc::clone(&self.token))));
    }
}

impl std::fmt::Debug for Parker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parker").finish_non_exhaustive()
    }
}
