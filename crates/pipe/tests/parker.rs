//! The parker: remembered wake-ups, deadlines, strangers who unpark the thread, nesting.

#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use oxmq_pipe::Parker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn wake_up_is_remembered_once() {
    let parker = Parker::current();
    parker.waker().wake_by_ref();
    parker.waker().wake_by_ref();
    parker.park();
    assert!(!parker.park_until(Instant::now()), "two wake-ups count as one");
}

#[test]
fn deadline_passes_without_a_wake_up() {
    let parker = Parker::current();
    let deadline = Instant::now() + Duration::from_millis(20);
    assert!(!parker.park_until(deadline));
    assert!(Instant::now() >= deadline);
}

#[test]
fn late_wake_up_is_for_the_next_park() {
    let parker = Parker::current();
    assert!(!parker.park_until(Instant::now() + Duration::from_millis(1)));
    parker.waker().wake_by_ref();
    assert!(parker.park_until(Instant::now()));
}

#[test]
fn stranger_who_unparks_the_thread_is_not_seen() {
    let parker = Parker::current();
    thread::current().unpark();
    assert!(!parker.park_until(Instant::now() + Duration::from_millis(5)));

    let done = Arc::new(AtomicBool::new(false));
    let stranger = thread::spawn({
        let (done, sleeper, waker) = (Arc::clone(&done), thread::current(), parker.waker().clone());
        move || {
            for _ in 0..1000 {
                sleeper.unpark();
                thread::yield_now();
            }
            done.store(true, Ordering::Relaxed);
            waker.wake();
        }
    });
    parker.park();
    assert!(done.load(Ordering::Relaxed), "returned before it was woken");
    stranger.join().unwrap();
}

#[test]
fn nested_parker_leaves_the_outer_wake_up_alone() {
    let outer = Parker::current();
    outer.waker().wake_by_ref();
    {
        let inner = Parker::current();
        assert!(!inner.waker().will_wake(outer.waker()));
        assert!(!inner.park_until(Instant::now()), "not the inner one's wake-up");
        inner.waker().wake_by_ref();
        inner.park();
    }
    assert!(outer.park_until(Instant::now()));
}

#[test]
fn new_parker_has_no_wake_up_pending() {
    let parker = Parker::current();
    parker.waker().wake_by_ref();
    drop(parker);
    assert!(!Parker::current().park_until(Instant::now()));
}

#[test]
fn waker_outlives_parker_and_thread() {
    let waker = thread::spawn(|| Parker::current().waker().clone()).join().unwrap();
    waker.wake();
}
