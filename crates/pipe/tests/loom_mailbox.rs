//! Models of the mailbox: no command stays behind without a wake-up on its way to the owner.
//! How to run them is said in the crate's documentation. The protocol has two negative controls.

#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a model that panics has failed")]

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use oxmq_pipe::Mailbox;
use oxmq_pipe::fault::{Fault, found};

/// The model must fail, and by the assertion that says so.
fn assert_found(fault: Option<Fault>, says: &str, model: impl FnOnce()) {
    let text = found(fault, model).unwrap();
    assert!(text.contains(says), "failed with: {text}");
}

trait Queue: Default + Send + Sync + 'static {
    fn send(&self, item: u32) -> bool;
    fn drain(&self, into: &mut Vec<u32>);
}

impl Queue for Mailbox<u32> {
    fn send(&self, item: u32) -> bool {
        self.send(item)
    }

    fn drain(&self, into: &mut Vec<u32>) {
        self.drain(into);
    }
}

/// A mailbox that clears its flag after it let go of the lock.
#[derive(Default)]
struct ClearsLate {
    queue: Mutex<Vec<u32>>,
    pending: AtomicBool,
}

impl Queue for ClearsLate {
    fn send(&self, item: u32) -> bool {
        let mut queue = self.queue.lock().unwrap();
        queue.push(item);
        self.pending.store(true, Ordering::Release);
        queue.len() == 1
    }

    fn drain(&self, into: &mut Vec<u32>) {
        if self.pending.load(Ordering::Acquire) {
            into.append(&mut self.queue.lock().unwrap());
            self.pending.store(false, Ordering::Release);
        }
    }
}

/// Two senders, and an owner that takes the wake-up (as one reads an eventfd) and then drains.
fn owner_drains<Q: Queue>(takes_wake_up_first: bool) {
    loom::model(move || {
        let shared = Arc::new((Q::default(), AtomicBool::new(false)));
        let senders = [1, 2].map(|item| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (mailbox, wake) = &*shared;
                if mailbox.send(item) {
                    wake.swap(true, Ordering::AcqRel);
                }
            })
        });
        let (mailbox, wake) = &*shared;
        let mut drained = Vec::new();
        if takes_wake_up_first {
            if wake.swap(false, Ordering::AcqRel) {
                mailbox.drain(&mut drained);
            }
        } else {
            mailbox.drain(&mut drained);
            wake.swap(false, Ordering::AcqRel);
        }
        for sender in senders {
            sender.join().unwrap();
        }
        if wake.swap(false, Ordering::AcqRel) {
            mailbox.drain(&mut drained);
        }
        drained.sort_unstable();
        assert_eq!(drained, [1, 2], "a command stayed behind");
    });
}

#[test]
fn no_command_stays_behind() {
    owner_drains::<Mailbox<u32>>(true);
}

#[test]
fn control_flag_cleared_outside_the_lock_hides_a_command() {
    assert_found(None, "a command stayed behind", || owner_drains::<ClearsLate>(true));
}

#[test]
fn control_wake_up_taken_after_the_drain_is_lost() {
    assert_found(None, "a command stayed behind", || owner_drains::<Mailbox<u32>>(false));
}
