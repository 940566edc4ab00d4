//! Behaviour and edges of the pipe's queue, from one thread.

use super::channel;
use super::chunk::CHUNK_ITEMS;
use std::sync::Arc;

#[test]
fn unpublished_items_are_not_seen() {
    let (mut tx, mut rx) = channel(0);
    tx.push(1);
    assert_eq!(rx.pop(), None);
    assert!(!tx.publish());
    assert_eq!(rx.pop(), Some(1));
    assert_eq!(rx.pop(), None);
}

#[test]
fn multipart_message_counts_once() {
    let (mut tx, mut rx) = channel(1);
    for part in 0..3 {
        tx.push(part);
    }
    assert!(!tx.publish());
    assert_eq!((tx.len(), rx.len()), (1, 1));
    assert!(!tx.has_room());
    for part in 0..3 {
        assert_eq!(rx.pop(), Some(part));
    }
    assert!(!tx.has_room(), "popped is not consumed");
    assert!(!rx.message_consumed(), "nobody waits");
    assert!(tx.has_room());
    assert!(tx.is_empty() && rx.is_empty());
}

#[test]
fn publish_of_nothing_is_no_message() {
    let (mut tx, mut rx) = channel::<u8>(0);
    assert!(!rx.has_message());
    assert!(!tx.publish());
    assert_eq!(tx.len(), 0);
    tx.push(1);
    assert!(tx.publish(), "the receiver still sleeps");
}

#[test]
fn sleeping_receiver_is_reported_once() {
    let (mut tx, mut rx) = channel(0);
    assert!(!rx.has_message());
    assert!(!rx.has_message(), "asking twice is one sleep");
    tx.push(1);
    assert!(tx.publish());
    tx.push(2);
    assert!(!tx.publish());
    assert!(rx.has_message());
    assert_eq!((rx.pop(), rx.pop(), rx.pop()), (Some(1), Some(2), None));
    assert!(!rx.has_message());
    tx.push(3);
    assert!(tx.publish(), "a new sleep");
}

#[test]
fn receiver_that_popped_by_itself_is_not_activated() {
    let (mut tx, mut rx) = channel(0);
    assert!(!rx.has_message());
    tx.push(1);
    let activated = tx.publish();
    assert!(activated);
    // A second sleep, ended by the receiver's own look before the publish took the flag, cannot
    // be made from one thread; a sleep that ended leaves no flag behind.
    assert_eq!(rx.pop(), Some(1));
    tx.push(2);
    assert!(!tx.publish());
}

#[test]
fn waiting_sender_is_activated_at_half_the_limit() {
    for (limit, at) in [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (10, 5)] {
        let (mut tx, mut rx) = channel(limit);
        for number in 0..limit {
            assert!(tx.has_room() && tx.wait_for_room());
            tx.push(number);
            assert!(!tx.publish());
        }
        assert!(!tx.has_room());
        assert!(!tx.wait_for_room());
        assert!(!tx.wait_for_room(), "asking twice is one wait");
        for left in (0..limit).rev() {
            assert!(rx.pop().is_some());
            assert_eq!(rx.message_consumed(), left == at, "limit {limit}, {left} left");
        }
    }
}

#[test]
fn sender_that_found_room_by_itself_is_not_activated() {
    let (mut tx, mut rx) = channel(4);
    for number in 0..4 {
        tx.push(number);
        let _ = tx.publish();
    }
    assert!(!tx.wait_for_room());
    assert_eq!(rx.pop(), Some(0));
    assert!(!rx.message_consumed(), "three of four are too many");
    assert!(tx.has_room());
    for _ in 1..4 {
        assert!(rx.pop().is_some());
        assert!(!rx.message_consumed());
    }
}

#[test]
fn limit_may_change() {
    let (mut tx, mut rx) = channel(2);
    for number in 0..2 {
        tx.push(number);
        let _ = tx.publish();
    }
    assert!(!tx.has_room());
    tx.set_limit(3);
    assert_eq!(tx.limit(), 3);
    assert!(tx.has_room());
    tx.set_limit(0);
    assert!(tx.wait_for_room());
    tx.set_limit(1);
    assert!(!tx.wait_for_room());
    assert_eq!(rx.pop(), Some(0));
    assert!(rx.message_consumed(), "half of one, rounded up");
    assert!(!tx.has_room(), "one of one");
    assert!(!tx.wait_for_room());
    assert_eq!(rx.pop(), Some(1));
    assert!(rx.message_consumed());
    assert!(tx.has_room());
}

#[test]
fn rollback_drops_what_was_not_published() {
    for published in [0, 1, CHUNK_ITEMS - 1, CHUNK_ITEMS, CHUNK_ITEMS + 1] {
        for more in [1, CHUNK_ITEMS - 1, CHUNK_ITEMS, 3 * CHUNK_ITEMS + 1] {
            let item = Arc::new(());
            let (mut tx, mut rx) = channel(0);
            for _ in 0..published {
                tx.push(Some(Arc::clone(&item)));
                let _ = tx.publish();
            }
            for _ in 0..more {
                tx.push(Some(Arc::clone(&item)));
            }
            assert_eq!(Arc::strong_count(&item), 1 + published + more);
            assert_eq!(tx.rollback(), more);
            assert_eq!(tx.rollback(), 0);
            assert_eq!(Arc::strong_count(&item), 1 + published);
            tx.push(None);
            let _ = tx.publish();
            for _ in 0..published {
                assert!(rx.pop().is_some_and(|popped| popped.is_some()));
            }
            assert!(rx.pop().is_some_and(|popped| popped.is_none()));
            assert_eq!(rx.pop(), None);
        }
    }
}

#[test]
fn receiver_drains_what_a_dropped_sender_published() {
    let (mut tx, mut rx) = channel(0);
    tx.push(1);
    let _ = tx.publish();
    tx.push(2);
    drop(tx);
    assert!(!rx.is_closed());
    assert_eq!(rx.pop(), Some(1));
    assert!(rx.is_closed());
    assert_eq!(rx.pop(), None);
}

#[test]
fn closing_reports_who_sleeps() {
    let (tx, mut rx) = channel::<u8>(0);
    assert!(!rx.has_message());
    assert!(tx.close());
    assert!(rx.is_closed());

    let (tx, _rx) = channel::<u8>(0);
    assert!(!tx.close());

    let (mut tx, rx) = channel(1);
    tx.push(1);
    let _ = tx.publish();
    assert!(!tx.wait_for_room());
    assert!(rx.close());
    assert!(tx.is_closed());
    assert!(!tx.has_room(), "a closed queue frees nothing");
}

#[test]
fn last_end_drops_the_rest() {
    for count in [0, 1, CHUNK_ITEMS, 2 * CHUNK_ITEMS, 20 * CHUNK_ITEMS + 3] {
        for popped in [0, 1, CHUNK_ITEMS, 20 * CHUNK_ITEMS] {
            for sender_first in [true, false] {
                let item = Arc::new(());
                let (mut tx, mut rx) = channel(0);
                for _ in 0..count {
                    tx.push(Arc::clone(&item));
                    let _ = tx.publish();
                }
                for _ in 0..popped {
                    drop(rx.pop());
                }
                tx.push(Arc::clone(&item));
                if sender_first {
                    drop(tx);
                    drop(rx);
                } else {
                    drop(rx);
                    drop(tx);
                }
                assert_eq!(Arc::strong_count(&item), 1, "{count} pushed, {popped} popped");
            }
        }
    }
}

#[test]
fn panicking_destructor_leaves_a_usable_queue() {
    struct Bad(bool);
    impl Drop for Bad {
        fn drop(&mut self) {
            assert!(!self.0, "bad item");
        }
    }
    let (mut tx, mut rx) = channel(0);
    tx.push(Bad(true));
    for _ in 0..2 * CHUNK_ITEMS {
        tx.push(Bad(false));
    }
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tx.rollback()));
    assert!(outcome.is_err());
    tx.push(Bad(false));
    let _ = tx.publish();
    assert!(rx.pop().is_some_and(|item| !item.0));
    assert!(rx.pop().is_none());
}

#[test]
fn ends_may_change_threads() {
    fn is_send<T: Send>(_: &T) {}
    let (tx, rx) = channel::<std::cell::Cell<u8>>(0);
    is_send(&tx);
    is_send(&rx);
}
