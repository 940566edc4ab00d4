//! SIGINT and SIGTERM, and waiting that they can end. One thread waits for the signals; every
//! other may wait for a future here, and is woken when the first signal comes. The second ends the
//! process at once.

use std::future::Future;
use std::pin::Pin;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// Whether the command shall end. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Stop {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requested: AtomicBool,
    /// Who waits now.
    waiting: Mutex<Vec<Waker>>,
}

/// How a wait ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Waited<T> {
    /// The future is ready.
    Ready(T),
    /// A signal came first.
    Stopped,
    /// The time was over first.
    TimedOut,
}

impl Stop {
    /// Takes over SIGINT and SIGTERM for the whole process.
    pub(crate) fn on_signals() -> Result<Stop, Failure> {
        let failed = |error| Failure::error(format!("cannot watch for signals: {error}"));
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
        let stop = Stop::default();
        let told = stop.clone();
        let watch = move || {
            for signal in signals.forever() {
                if told.shared.requested.load(Ordering::SeqCst) {
                    process::exit(128 + signal);
                }
                told.request();
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(watch).map_err(failed)?;
        Ok(stop)
    }

    /// Ends all waits, now and later; the next signal ends the process.
    pub(crate) fn request(&self) {
        self.shared.requested.store(true, Ordering::SeqCst);
        for waker in self.waiting().iter() {
            waker.wake_by_ref();
        }
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.shared.requested.load(Ordering::Relaxed)
    }

    /// Blocks until the future is ready, the deadline has come or a signal has. The future is
    /// asked first, so that what is ready is never lost to the others.
    pub(crate) fn wait<F: Future + Unpin>(
        &self,
        deadline: Option<Instant>,
        future: F,
    ) -> Waited<F::Output> {
        let _place = Place::take(self);
        block(deadline, future, || self.shared.requested.load(Ordering::SeqCst))
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waker>> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As [`Stop::wait`], for those who go on after a signal.
pub(crate) fn wait_until<F: Future + Unpin>(deadline: Instant, future: F) -> Option<F::Output> {
    match block(Some(deadline), future, || false) {
        Waited::Ready(value) => Some(value),
        Waited::Stopped | Waited::TimedOut => None,
    }
}

fn block<F: Future + Unpin>(
    deadline: Option<Instant>,
    mut future: F,
    stopped: impl Fn() -> bool,
) -> Waited<F::Output> {
    let waker = thread_waker();
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = Pin::new(&mut future).poll(&mut context) {
            return Waited::Ready(value);
        }
        if stopped() {
            return Waited::Stopped;
        }
        let Some(at) = deadline else {
            thread::park();
            continue;
        };
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Waited::TimedOut;
        }
        thread::park_timeout(left);
    }
}

/// A place among those who wait, given up when dropped.
struct Place<'a> {
    stop: &'a Stop,
    waker: Waker,
}

impl<'a> Place<'a> {
    fn take(stop: &'a Stop) -> Place<'a> {
        let waker = thread_waker();
        stop.waiting().push(waker.clone());
        Place { stop, waker }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.stop.waiting();
        if let Some(at) = waiting.iter().position(|waker| waker.will_wake(&self.waker)) {
            waiting.swap_remove(at);
        }
    }
}

/// Wakes a parked thread.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    static WAKER: Waker = Waker::from(Arc::new(Parked(thread::current())));
}

fn thread_waker() -> Waker {
    WAKER.with(Waker::clone)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_signal_ends_a_wait_that_nothing_else_would() {
        let stop = Stop::default();
        let other = stop.clone();
        let waiting = thread::spawn(move || other.wait(None, pending::<()>()));
        stop.request();
        assert_eq!(waiting.join().ok(), Some(Waited::Stopped));
        assert!(stop.waiting().is_empty());
    }

    #[test]
    fn what_is_ready_comes_before_a_signal_and_a_deadline() {
        let stop = Stop::default();
        stop.request();
        let past = Some(Instant::now());
        assert_eq!(stop.wait(past, ready(7)), Waited::Ready(7));
        assert_eq!(stop.wait(past, pending::<()>()), Waited::Stopped);
    }

    #[test]
    fn a_deadline_ends_a_wait() {
        let deadline = Instant::now() + Duration::from_millis(5);
        assert_eq!(Stop::default().wait(Some(deadline), pending::<()>()), Waited::TimedOut);
        assert!(Instant::now() >= deadline);
        assert_eq!(wait_until(deadline, pending::<()>()), None);
        assert_eq!(wait_until(deadline, ready(1)), Some(1));
    }
}
