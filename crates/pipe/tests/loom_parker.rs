//! Models of the parker's token: a wake-up is taken, wherever it falls between the looks of the
//! thread that parks. How to run them is said in the crate's documentation, with one negative
//! control.

#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a model that panics has failed")]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use loom::thread;
use oxmq_pipe::fault::found;
use oxmq_pipe::token::Token;

trait Parks: Send + Sync + 'static {
    fn fresh() -> Self;
    fn signal(&self) -> bool;
    fn begin(&self) -> bool;
}

impl Parks for Token {
    fn fresh() -> Self {
        Self::empty()
    }

    fn signal(&self) -> bool {
        self.signal()
    }

    fn begin(&self) -> bool {
        self.begin()
    }
}

/// A token that looks and then writes, instead of doing both at once.
struct LooksFirst(AtomicU8);

impl Parks for LooksFirst {
    fn fresh() -> Self {
        Self(AtomicU8::new(0))
    }

    fn signal(&self) -> bool {
        self.0.swap(2, Ordering::Release) == 1
    }

    fn begin(&self) -> bool {
        let woken = self.0.load(Ordering::Acquire) == 2;
        self.0.store(u8::from(!woken), Ordering::Relaxed);
        woken
    }
}

/// Whoever was about to park when the wake-up came is unparked.
fn thread_is_unparked<T: Parks>() {
    loom::model(|| {
        let token = Arc::new(T::fresh());
        let waker = thread::spawn({
            let token = Arc::clone(&token);
            move || token.signal()
        });
        let parks = !token.begin();
        let unparked = waker.join().unwrap();
        assert_eq!(parks, unparked, "the thread sleeps");
    });
}

#[test]
fn thread_about_to_park_is_unparked() {
    thread_is_unparked::<Token>();
}

#[test]
fn control_look_apart_from_write_loses_the_wake_up() {
    let text = found(None, thread_is_unparked::<LooksFirst>).unwrap();
    assert!(text.contains("the thread sleeps"), "failed with: {text}");
}

/// The whole loop, under loom's own park, which may be ended by a stranger.
fn thread_parks_until_woken(stranger: bool) {
    loom::model(move || {
        let shared = Arc::new((Token::empty(), AtomicBool::new(false)));
        let parked = thread::current();
        let waker = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                if stranger {
                    parked.unpark();
                }
                let (token, done) = &*shared;
                done.store(true, Ordering::Relaxed);
                if token.signal() {
                    parked.unpark();
                }
            }
        });
        let (token, done) = &*shared;
        while !token.begin() {
            thread::park();
        }
        assert!(done.load(Ordering::Relaxed), "returned before it was woken");
        waker.join().unwrap();
        assert!(!token.begin(), "one wake-up is taken once");
    });
}

#[test]
fn wake_up_is_taken_wherever_it_falls() {
    thread_parks_until_woken(false);
    thread_parks_until_woken(true);
}

/// A wake-up that comes when the deadline passes is either seen or left for the next park.
#[test]
fn wake_up_at_the_deadline_is_not_lost() {
    loom::model(|| {
        let token = Arc::new(Token::empty());
        let waker = thread::spawn({
            let token = Arc::clone(&token);
            move || token.signal()
        });
        let seen = token.begin() || token.give_up();
        let _ = waker.join().unwrap();
        assert_eq!(token.begin(), !seen);
    });
}
