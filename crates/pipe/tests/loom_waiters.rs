//! Models of the waiter list: register, look again, sleep, against change, fence, wake.
//! How to run them is said in the crate's documentation. Each protocol has a negative control.

#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a model that panics has failed")]

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use oxmq_pipe::fault::{Fault, found};
use oxmq_pipe::{Interest, Waiters};
use std::sync::atomic::AtomicUsize;
use std::task::{Wake, Waker};

/// The model must fail, and by the assertion that says so.
fn assert_found(fault: Option<Fault>, says: &str, model: impl FnOnce()) {
    let text = found(fault, model).unwrap();
    assert!(text.contains(says), "failed with: {text}");
}

/// Counts wake-ups; read after the threads were joined.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn new() -> (std::sync::Arc<Self>, Waker) {
        let count = std::sync::Arc::new(Self::default());
        (std::sync::Arc::clone(&count), Waker::from(count))
    }

    fn woken(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[derive(Default)]
struct Socket {
    ready: AtomicBool,
    waiters: Waiters,
}

/// A waiter that looked again and found nothing is woken by the change it did not see.
fn waiter_against_change(looks_again: bool) {
    loom::model(move || {
        let socket = Arc::new(Socket::default());
        let changer = thread::spawn({
            let socket = Arc::clone(&socket);
            move || {
                socket.ready.store(true, Ordering::Relaxed);
                socket.waiters.wake_one(Interest::IN);
            }
        });
        let (count, waker) = Count::new();
        let ticket = socket.waiters.register(Interest::IN, &waker);
        let sleeps = !looks_again || !socket.ready.load(Ordering::Relaxed);
        changer.join().unwrap();
        assert!(!sleeps || count.woken() == 1, "the waiter sleeps");
        assert_eq!(socket.waiters.cancel(ticket), count.woken() == 1);
        assert!(!socket.waiters.any(Interest::ALL));
    });
}

#[test]
fn waiter_that_looks_again_is_woken() {
    waiter_against_change(true);
}

#[test]
fn control_without_fence_the_waiter_sleeps_on() {
    assert_found(Some(Fault::NoFence), "the waiter sleeps", || waiter_against_change(true));
}

#[test]
fn control_without_second_look_the_waiter_sleeps_on() {
    assert_found(None, "the waiter sleeps", || waiter_against_change(false));
}

/// The entry point without the fence, with the socket's lock held on both sides, or by the
/// changer only while it changes.
fn waiter_under_lock(wakes_under_lock: bool) {
    loom::model(move || {
        let socket = Arc::new((Mutex::new(false), Waiters::new()));
        let changer = thread::spawn({
            let socket = Arc::clone(&socket);
            move || {
                let (ready, waiters) = &*socket;
                if wakes_under_lock {
                    let mut ready = ready.lock().unwrap();
                    *ready = true;
                    waiters.wake_one_locked(Interest::OUT);
                } else {
                    waiters.wake_one_locked(Interest::OUT);
                    *ready.lock().unwrap() = true;
                }
            }
        });
        let (ready, waiters) = &*socket;
        let (count, waker) = Count::new();
        let (sleeps, _ticket) = {
            let ready = ready.lock().unwrap();
            let ticket = waiters.register(Interest::OUT, &waker);
            (!*ready, ticket)
        };
        changer.join().unwrap();
        assert!(!sleeps || count.woken() == 1, "the waiter sleeps");
    });
}

#[test]
fn lock_on_both_sides_stands_in_for_the_fence() {
    waiter_under_lock(true);
}

#[test]
fn control_waking_before_the_change_loses_the_wake_up() {
    assert_found(None, "the waiter sleeps", || waiter_under_lock(false));
}

/// A wake-up that reached a waiter that gives up goes to the next one.
fn waiter_gives_up(passes_on: bool) {
    loom::model(move || {
        let waiters = Arc::new(Waiters::new());
        let (first, first_waker) = Count::new();
        let (second, second_waker) = Count::new();
        let ticket = waiters.register(Interest::IN, &first_waker);
        let _stays = waiters.register(Interest::IN, &second_waker);
        let changer = thread::spawn({
            let waiters = Arc::clone(&waiters);
            move || {
                assert!(waiters.wake_one(Interest::IN));
            }
        });
        if waiters.cancel(ticket) && passes_on {
            waiters.wake_one(Interest::IN);
        }
        changer.join().unwrap();
        assert!(first.woken() <= 1);
        assert_eq!(second.woken(), 1, "the second waiter sleeps");
    });
}

#[test]
fn unused_wake_up_is_passed_on() {
    waiter_gives_up(true);
}

#[test]
fn control_unused_wake_up_is_lost_when_kept() {
    assert_found(None, "the second waiter sleeps", || waiter_gives_up(false));
}
