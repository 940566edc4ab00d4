//! The face of a [`Waker`] for a thread that blocks. A [`Parker`] belongs to the thread that made
//! it and stays there; its waker may go anywhere and be called from any thread.

#[cfg(not(loom))]
#[expect(unreachable_pub, reason = "public in the models only")]
mod token;
#[cfg(loom)]
pub mod token;

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crate::sync::Slept;
use token::Token;

/// The longest sleep at a time: one without a timeout would go on after a signal whose handler
/// restarts system calls.
const SLEEP_MAX: Duration = Duration::from_secs(3600);

/// What a waker holds.
struct Sleeper {
    token: Token,
}

/// How an interruptible park ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    /// Woken; the wake-up is taken.
    Woken,
    /// The deadline passed.
    TimedOut,
    /// A signal was handled, and no wake-up was there.
    Interrupted,
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.token.signal() {
            self.token.wake();
        }
    }
}

thread_local! {
    /// The thread's sleeper while no parker uses it.
    static IDLE: Cell<Option<Arc<Sleeper>>> = const { Cell::new(None) };
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
/// early, so callers look again at what they wait for, as anyone must who shares a wake-up.
pub struct Parker {
    sleeper: Arc<Sleeper>,
    waker: Waker,
    /// The sleeper goes back to the thread that made it, so the parker must stay there.
    stays: PhantomData<*const ()>,
}

impl Parker {
    /// A parker of the current thread, with no wake-up pending.
    #[must_use]
    pub fn current() -> Self {
        // While the thread ends its locals are gone; then a token of its own will do.
        let idle = IDLE.try_with(Cell::take).ok().flatten();
        let sleeper = idle.unwrap_or_else(|| Arc::new(Sleeper { token: Token::empty() }));
        sleeper.token.give_up();
        let waker = Waker::from(Arc::clone(&sleeper));
        Self { sleeper, waker, stays: PhantomData }
    }

    /// What wakes this parker; may be cloned and called from any thread.
    #[must_use]
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Whether a wake-up is there, to be taken by the next park; for a look before it. What was
    /// done before the wake-up need not be visible yet.
    #[must_use]
    pub fn is_woken(&self) -> bool {
        self.sleeper.token.is_woken()
    }

    /// Blocks until woken, and takes the wake-up. Signals of the system do not end it.
    ///
    /// Spurious wake-ups of the system are not seen.
    pub fn park(&self) {
        while !self.sleeper.token.begin() {
            let _ = self.sleeper.token.sleep(SLEEP_MAX);
        }
    }

    /// Blocks until woken or until the deadline; true if woken, and the wake-up is taken.
    ///
    /// A deadline in the past only looks.
    #[must_use]
    pub fn park_until(&self, deadline: Instant) -> bool {
        loop {
            // Only the deadline and a wake-up end it.
            match self.park_interruptible(Some(deadline)) {
                Parked::Woken => return true,
                Parked::TimedOut => return false,
                Parked::Interrupted => {}
            }
        }
    }

    /// Blocks until woken, until the deadline if there is one, or until a signal was handled.
    #[must_use]
    pub fn park_interruptible(&self, deadline: Option<Instant>) -> Parked {
        let token = &self.sleeper.token;
        // A wake-up that came at the last moment counts.
        let unless_woken = |parked| if token.give_up() { Parked::Woken } else { parked };
        while !token.begin() {
            let left = deadline
                .map_or(SLEEP_MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return unless_woken(Parked::TimedOut);
            }
            if token.sleep(left.min(SLEEP_MAX)) == Slept::Interrupted {
                return unless_woken(Parked::Interrupted);
            }
        }
        Parked::Woken
    }
}

impl Drop for Parker {
    fn drop(&mut self) {
        let _ = IDLE.try_with(|idle| idle.set(Some(Arc::clone(&self.sleeper))));
    }
}

impl std::fmt::Debug for Parker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parker").finish_non_exhaustive()
    }
}
