//! Random operation sequences against a `VecDeque`: the queue from one thread, every result
//! compared. proptest prints the seed of a failure and keeps it for the next run.

#![cfg(not(loom))]

use oxmq_pipe::spsc::channel;
use oxmq_pipe::{Interest, Waiters};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

#[derive(Clone, Debug)]
enum Step {
    Push(u16),
    Publish,
    Rollback,
    HasRoom,
    WaitForRoom,
    SetLimit(usize),
    PopMessages(u8),
    HasMessage,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u16..100).prop_map(Step::Push),
        4 => Just(Step::Publish),
        1 => Just(Step::Rollback),
        1 => Just(Step::HasRoom),
        2 => Just(Step::WaitForRoom),
        1 => (0_usize..6).prop_map(Step::SetLimit),
        3 => (1_u8..5).prop_map(Step::PopMessages),
        2 => Just(Step::HasMessage),
    ]
}

/// The queue as one would write it without threads.
#[derive(Default)]
struct Model {
    limit: usize,
    /// Messages, each its parts.
    published: VecDeque<Vec<u32>>,
    unpublished: Vec<u32>,
    next: u32,
    asleep: bool,
    waits: bool,
}

impl Model {
    fn room(&self) -> bool {
        self.limit == 0 || self.published.len() < self.limit
    }
}

proptest! {
    // tidy: long: one flat match over the steps of the model
    #[test]
    fn queue_does_what_a_deque_does(
        limit in 0_usize..6,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let (mut tx, mut rx) = channel::<Arc<u32>>(limit);
        let mut model = Model { limit, ..Model::default() };
        let mut alive = Vec::new();
        for step in steps {
            match step {
                Step::Push(count) => for _ in 0..count {
                    let item = Arc::new(model.next);
                    alive.push(Arc::downgrade(&item));
                    tx.push(item);
                    model.unpublished.push(model.next);
                    model.next += 1;
                },
                Step::Publish => {
                    let some = !model.unpublished.is_empty();
                    prop_assert_eq!(tx.publish(), some && model.asleep);
                    if some {
                        model.asleep = false;
                        model.published.push_back(std::mem::take(&mut model.unpublished));
                    }
                }
                Step::Rollback => {
                    prop_assert_eq!(tx.rollback(), model.unpublished.len());
                    model.unpublished.clear();
                }
                Step::HasRoom => {
                    prop_assert_eq!(tx.has_room(), model.room());
                    // Room found this way ends the wait; an activation may come all the same.
                    model.waits &= !model.room();
                }
                Step::WaitForRoom => {
                    prop_assert_eq!(tx.wait_for_room(), model.room());
                    model.waits = !model.room();
                }
                Step::SetLimit(limit) => {
                    tx.set_limit(limit);
                    model.limit = limit;
                    // As the documentation asks of a sender that waits.
                    prop_assert_eq!(tx.wait_for_room(), model.room());
                    model.waits = !model.room();
                }
                Step::PopMessages(count) => for _ in 0..count {
                    let Some(parts) = model.published.pop_front() else {
                        prop_assert_eq!(rx.pop(), None);
                        break;
                    };
                    model.asleep = false;
                    for part in parts {
                        prop_assert_eq!(rx.pop().map(|item| *item), Some(part));
                    }
                    let half = model.published.len() <= model.limit.div_ceil(2);
                    let activates = rx.message_consumed();
                    prop_assert!(!model.waits || activates == half);
                    model.waits &= !activates;
                },
                Step::HasMessage => {
                    prop_assert_eq!(rx.has_message(), !model.published.is_empty());
                    model.asleep = model.published.is_empty();
                }
            }
            prop_assert_eq!(tx.len(), model.published.len());
            prop_assert_eq!(rx.len(), model.published.len());
        }
        let held: usize = model.published.iter().map(Vec::len).sum();
        let count = |alive: &[std::sync::Weak<u32>]| {
            alive.iter().filter(|item| item.strong_count() > 0).count()
        };
        prop_assert_eq!(count(&alive), held + model.unpublished.len());
        drop(tx);
        prop_assert_eq!(count(&alive), held);
        drop(rx);
        prop_assert_eq!(count(&alive), 0);
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Debug)]
enum Act {
    Register(Interest),
    Cancel(usize),
    Update(usize),
    WakeOne(Interest),
    WakeAll(Interest),
}

fn interest() -> impl Strategy<Value = Interest> {
    prop_oneof![Just(Interest::IN), Just(Interest::OUT), Just(Interest::BOTH)]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => interest().prop_map(Act::Register),
        2 => any::<usize>().prop_map(Act::Cancel),
        1 => any::<usize>().prop_map(Act::Update),
        3 => interest().prop_map(Act::WakeOne),
        1 => interest().prop_map(Act::WakeAll),
    ]
}

proptest! {
    #[test]
    fn waiters_are_woken_in_order_and_once(acts in prop::collection::vec(act(), 1..200)) {
        let waiters = Waiters::new();
        // Ticket, interest, count of the waker in use, whether the model says it was woken.
        let mut tickets = Vec::new();
        for act in acts {
            match act {
                Act::Register(interest) => {
                    let count = Arc::new(Count::default());
                    let ticket = waiters.register(interest, &Waker::from(Arc::clone(&count)));
                    tickets.push((ticket, interest, count, false));
                }
                Act::Cancel(which) if !tickets.is_empty() => {
                    let (ticket, _, count, woken) = tickets.remove(which % tickets.len());
                    prop_assert_eq!(waiters.cancel(ticket), woken);
                    prop_assert_eq!(count.0.load(Ordering::Relaxed), usize::from(woken));
                    prop_assert_eq!(Arc::strong_count(&count), 1, "the waker was let go");
                }
                Act::Update(which) if !tickets.is_empty() => {
                    let index = which % tickets.len();
                    let (ticket, _, count, woken) = &mut tickets[index];
                    let fresh = Arc::new(Count::default());
                    let waker = Waker::from(Arc::clone(&fresh));
                    prop_assert_eq!(waiters.update(ticket, &waker), !*woken);
                    if !*woken {
                        prop_assert_eq!(count.0.load(Ordering::Relaxed), 0);
                        *count = fresh;
                    }
                }
                Act::WakeOne(interest) => {
                    let oldest = tickets
                        .iter_mut()
                        .find(|(_, waits_for, _, woken)| !woken && waits_for.intersects(interest));
                    prop_assert_eq!(waiters.wake_one(interest), oldest.is_some());
                    if let Some((_, _, _, woken)) = oldest {
                        *woken = true;
                    }
                }
                Act::WakeAll(interest) => {
                    let mut expected = 0;
                    for (_, waits_for, _, woken) in &mut tickets {
                        if !*woken && waits_for.intersects(interest) {
                            *woken = true;
                            expected += 1;
                        }
                    }
                    prop_assert_eq!(waiters.wake_all(interest), expected);
                }
                Act::Cancel(_) | Act::Update(_) => {}
            }
            for (_, _, count, woken) in &tickets {
                prop_assert_eq!(count.0.load(Ordering::Relaxed), usize::from(*woken));
            }
            for bit in [Interest::IN, Interest::OUT] {
                let armed = tickets.iter().any(|(_, waits_for, _, woken)| {
                    !woken && waits_for.intersects(bit)
                });
                prop_assert_eq!(waiters.any(bit), armed);
            }
        }
    }
}
