//! Models of the lock's words: of threads that contend, each gets the lock, whatever falls between
//! a sleeper's last look and its sleep. How to run them is said in the crate's documentation, with
//! one negative control.

#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a model that panics has failed")]

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use oxmq_pipe::fault::{Fault, found};
use oxmq_pipe::lock::word::Word;

/// The words, and a futex of loom's parts: sleeping looks at the count under the queue's lock.
struct Contended {
    word: Word,
    queue: Mutex<()>,
    woken: Condvar,
    entered: Mutex<u32>,
}

impl Contended {
    fn take(&self) {
        if self.word.try_take() {
            return;
        }
        let _ = self.word.enlist();
        loop {
            let seen = self.word.look();
            if self.word.try_take() {
                break;
            }
            let queue = self.queue.lock().unwrap();
            if self.word.wakes() == seen {
                drop(self.woken.wait(queue).unwrap());
            }
        }
        self.word.delist();
    }

    fn give_up(&self) {
        if self.word.release() {
            let _queue = self.queue.lock().unwrap();
            self.woken.notify_one();
        }
    }
}

/// Threads that take the lock once each; a lost wake-up leaves one asleep, which loom finds.
fn everybody_gets_in(threads: u32) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let lock = Arc::new(Contended {
            word: Word::free(),
            queue: Mutex::new(()),
            woken: Condvar::new(),
            entered: Mutex::new(0),
        });
        let others: Vec<_> = (1..threads)
            .map(|_| {
                let lock = Arc::clone(&lock);
                thread::spawn(move || {
                    lock.take();
                    *lock.entered.try_lock().unwrap() += 1;
                    lock.give_up();
                })
            })
            .collect();
        lock.take();
        *lock.entered.try_lock().unwrap() += 1;
        lock.give_up();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(*lock.entered.lock().unwrap(), threads);
    });
}

#[test]
fn two_threads_get_in() {
    assert_eq!(found(None, || everybody_gets_in(2)), None);
}

#[test]
fn three_threads_get_in() {
    assert_eq!(found(None, || everybody_gets_in(3)), None);
}

/// A thread that finds the lock held when it looks a last time is woken by the one that holds it.
fn a_sleeper_is_seen() {
    loom::model(|| {
        let shared = Arc::new((Word::free(), AtomicBool::new(false)));
        assert!(shared.0.try_take());
        let holder = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.1.store(shared.0.release(), Ordering::Relaxed))
        };
        let _ = shared.0.enlist();
        let seen = shared.0.look();
        let taken = shared.0.try_take();
        holder.join().unwrap();
        let woken = shared.0.wakes() != seen && shared.1.load(Ordering::Relaxed);
        assert!(taken || woken, "the sleeper is forgotten");
    });
}

#[test]
fn a_sleeper_is_not_forgotten() {
    assert_eq!(found(None, a_sleeper_is_seen), None);
}

#[test]
fn control_without_the_fences_a_sleeper_is_forgotten() {
    let text = found(Some(Fault::NoFence), a_sleeper_is_seen).unwrap_or_default();
    assert!(text.contains("the sleeper is forgotten"), "failed with: {text}");
}
