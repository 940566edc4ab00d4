//! Models of the pipe's queue: every interleaving and every permitted reordering of the two ends.
//! How to run them is said in the crate's documentation. Each handshake has a negative control.

#![cfg(loom)]
#![expect(clippy::unwrap_used, reason = "a model that panics has failed")]

use loom::thread;
use oxmq_pipe::fault::{Fault, found};
use oxmq_pipe::spsc::channel;
use std::sync::Arc;

/// The model must fail, and by the assertion that says so.
fn assert_found(fault: Option<Fault>, says: &str, model: impl FnOnce()) {
    let text = found(fault, model).unwrap();
    assert!(text.contains(says), "failed with: {text}");
}

/// A receiver that fell asleep is activated by exactly one of the publishes it did not see.
fn receiver_sleeps_while_sender_publishes(messages: u32) {
    loom::model(move || {
        let (mut tx, mut rx) = channel(0);
        let sender = thread::spawn(move || {
            let mut activations = 0;
            for number in 0..messages {
                tx.push(number);
                activations += u32::from(tx.publish());
            }
            (tx, activations)
        });
        let asleep = !rx.has_message();
        let (_tx, activations) = sender.join().unwrap();
        if asleep {
            assert_eq!(activations, 1, "the receiver sleeps");
        } else {
            assert!(activations <= 1);
        }
        for number in 0..messages {
            assert_eq!(rx.pop(), Some(number));
        }
        assert_eq!(rx.pop(), None);
    });
}

#[test]
fn sleeping_receiver_is_activated_once() {
    receiver_sleeps_while_sender_publishes(1);
    receiver_sleeps_while_sender_publishes(2);
}

#[test]
fn control_publish_without_fence_loses_the_activation() {
    assert_found(Some(Fault::NoFence), "the receiver sleeps", || {
        receiver_sleeps_while_sender_publishes(1);
    });
}

#[test]
fn control_sleep_without_second_look_loses_the_activation() {
    assert_found(Some(Fault::NoRecheck), "the receiver sleeps", || {
        receiver_sleeps_while_sender_publishes(1);
    });
}

/// The receiver drains, sleeps, drains again: no publish between two sleeps goes unanswered.
fn receiver_sleeps_again() {
    loom::model(|| {
        let (mut tx, mut rx) = channel(0);
        let sender = thread::spawn(move || {
            let mut activations = 0;
            for number in 0..2 {
                tx.push(number);
                activations += u32::from(tx.publish());
            }
            (tx, activations)
        });
        let mut next = 0;
        let mut asleep = false;
        for _ in 0..2 {
            asleep = !rx.has_message();
            while let Some(number) = rx.pop() {
                assert_eq!(number, next);
                next += 1;
                asleep = false;
            }
        }
        let (_tx, activations) = sender.join().unwrap();
        // Asleep with something in the queue: somebody must have told us.
        if asleep && rx.pop().is_some() {
            assert!(activations >= 1, "the receiver sleeps");
        }
    });
}

#[test]
fn receiver_may_sleep_and_look_again_at_any_time() {
    receiver_sleeps_again();
}

/// A sender that found no room is activated by the message that makes room.
fn sender_waits_while_receiver_consumes(limit: usize, consumes: usize) {
    loom::model(move || {
        let (mut tx, mut rx) = channel(limit);
        for number in 0..limit {
            assert!(tx.has_room());
            tx.push(number);
            assert!(!tx.publish());
        }
        let receiver = thread::spawn(move || {
            let mut activations = 0;
            for number in 0..consumes {
                assert_eq!(rx.pop(), Some(number));
                activations += u32::from(rx.message_consumed());
            }
            (rx, activations)
        });
        let waits = !tx.wait_for_room();
        let (_rx, activations) = receiver.join().unwrap();
        if waits {
            assert_eq!(activations, 1, "the sender waits");
        } else {
            assert!(activations <= 1);
        }
        assert!(tx.has_room());
        assert_eq!(tx.len(), limit - consumes);
    });
}

#[test]
fn waiting_sender_is_activated_once() {
    sender_waits_while_receiver_consumes(1, 1);
    // Half drained is enough, nobody needs to empty the queue.
    sender_waits_while_receiver_consumes(2, 1);
    sender_waits_while_receiver_consumes(2, 2);
    sender_waits_while_receiver_consumes(3, 2);
}

#[test]
fn control_consume_without_fence_loses_the_activation() {
    assert_found(Some(Fault::NoFence), "the sender waits", || {
        sender_waits_while_receiver_consumes(1, 1);
    });
}

#[test]
fn control_wait_without_second_look_loses_the_activation() {
    assert_found(Some(Fault::NoRecheck), "the sender waits", || {
        sender_waits_while_receiver_consumes(1, 1);
    });
}

/// A sender that goes on once it has room never exceeds its limit, over several rounds.
#[test]
fn limit_holds_and_the_sender_gets_on() {
    loom::model(|| {
        let (mut tx, mut rx) = channel(1);
        tx.push(0);
        assert!(!tx.publish());
        let receiver = thread::spawn(move || {
            let mut activations = 0;
            for _ in 0..2 {
                if rx.pop().is_some() {
                    activations += u32::from(rx.message_consumed());
                }
            }
            (rx, activations)
        });
        let mut waits = false;
        for number in 1..3 {
            waits = !tx.wait_for_room();
            if waits {
                break;
            }
            assert!(tx.is_empty());
            tx.push(number);
            let _ = tx.publish();
        }
        let (_rx, activations) = receiver.join().unwrap();
        if waits && tx.has_room() {
            assert!(activations >= 1, "the sender waits");
        }
    });
}

/// Closing is heard by an end that sleeps, or seen by its look at `is_closed`.
fn sender_closes() {
    loom::model(|| {
        let (tx, mut rx) = channel::<u32>(0);
        let sender = thread::spawn(move || tx.close());
        let asleep = !rx.has_message() && !rx.is_closed();
        let activated = sender.join().unwrap();
        assert!(!asleep || activated, "the receiver sleeps");
        assert!(rx.is_closed());
    });
}

fn receiver_closes() {
    loom::model(|| {
        let (mut tx, rx) = channel::<u32>(1);
        tx.push(0);
        assert!(!tx.publish());
        let receiver = thread::spawn(move || rx.close());
        let waits = !tx.wait_for_room() && !tx.is_closed();
        let activated = receiver.join().unwrap();
        assert!(!waits || activated, "the sender waits");
        assert!(tx.is_closed());
    });
}

#[test]
fn closing_activates_who_sleeps() {
    sender_closes();
    receiver_closes();
}

#[test]
fn control_closing_without_fence_loses_the_activation() {
    assert_found(Some(Fault::NoFence), "the receiver sleeps", sender_closes);
    assert_found(Some(Fault::NoFence), "the sender waits", receiver_closes);
}

/// Slots, links and spent chunks are handed over without a race: loom watches every cell. Chunks
/// have two slots here and the ring of spares one place, so this recycles and frees.
#[test]
fn chunks_are_handed_over_and_back() {
    loom::model(|| {
        let (mut tx, mut rx) = channel(0);
        for number in 0..3 {
            tx.push(number);
        }
        let _ = tx.publish();
        let sender = thread::spawn(move || {
            for number in 3..5 {
                tx.push(number);
                let _ = tx.publish();
            }
            tx.push(99);
            tx.push(99);
            assert_eq!(tx.rollback(), 2);
            tx.push(5);
            let _ = tx.publish();
        });
        let mut next = 0;
        while let Some(number) = rx.pop() {
            assert_eq!(number, next);
            next += 1;
        }
        assert!(next >= 3);
        sender.join().unwrap();
        while let Some(number) = rx.pop() {
            assert_eq!(number, next);
            next += 1;
        }
        assert_eq!(next, 6);
        assert!(rx.is_closed());
    });
}

/// Whichever end goes last drops what is left, and no item twice.
#[test]
fn last_end_drops_the_rest() {
    loom::model(|| {
        let item = Arc::new(());
        let (mut tx, mut rx) = channel(0);
        for _ in 0..3 {
            tx.push(Arc::clone(&item));
        }
        let _ = tx.publish();
        tx.push(Arc::clone(&item));
        let sender = thread::spawn(move || drop(tx));
        drop(rx.pop());
        drop(rx);
        sender.join().unwrap();
        assert_eq!(Arc::strong_count(&item), 1);
    });
}
