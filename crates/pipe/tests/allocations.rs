//! A steady state allocates nothing: counted, per thread, by the allocator of this test program.

#![cfg(not(loom))]

use oxmq_pipe::spsc::channel;
use oxmq_pipe::{Interest, Mailbox, Parker, Waiters};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Instant;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counter does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

fn message(tx: &mut oxmq_pipe::spsc::Sender<[u64; 8]>) {
    tx.push([1; 8]);
    let _ = tx.publish();
}

fn consume(rx: &mut oxmq_pipe::spsc::Receiver<[u64; 8]>) {
    assert!(rx.pop().is_some());
    let _ = rx.message_consumed();
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1_u8)))), 1);
}

#[test]
fn queue_allocates_two_chunks_and_no_more() {
    let (mut tx, mut rx) = channel(1000);
    let count = allocations(|| {
        message(&mut tx);
        consume(&mut rx);
    });
    assert_eq!(count, 1, "the first push");
    let count = allocations(|| {
        for _ in 0..100_000 {
            message(&mut tx);
            consume(&mut rx);
        }
    });
    assert_eq!(count, 1, "one chunk more, to go on while the receiver holds the first");
}

#[test]
fn stream_under_the_default_limit_allocates_nothing_once_warm() {
    let (mut tx, mut rx) = channel(1000);
    let mut rounds = |count: usize| {
        allocations(|| {
            for _ in 0..count {
                while tx.wait_for_room() {
                    message(&mut tx);
                }
                // Half drained is when a waiting sender goes on.
                for _ in 0..500 {
                    consume(&mut rx);
                }
            }
        })
    };
    assert!(rounds(3) > 0);
    assert_eq!(rounds(1000), 0);
}

#[test]
fn a_few_waiters_allocate_nothing() {
    let waiters = Waiters::new();
    let parker = Parker::current();
    let count = allocations(|| {
        for _ in 0..100 {
            let tickets = [Interest::IN, Interest::OUT, Interest::BOTH, Interest::IN]
                .map(|interest| waiters.register(interest, parker.waker()));
            assert!(waiters.wake_one(Interest::OUT));
            assert_eq!(waiters.wake_all(Interest::ALL), 3);
            for ticket in tickets {
                assert!(waiters.cancel(ticket));
            }
            parker.park();
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn mailbox_allocates_nothing_once_warm() {
    let mailbox = Mailbox::new();
    let mut drained = Vec::new();
    let mut rounds = |count: usize| {
        allocations(|| {
            for _ in 0..count {
                for command in 0..10 {
                    let _ = mailbox.send(command);
                }
                mailbox.drain(&mut drained);
                drained.clear();
            }
        })
    };
    assert!(rounds(3) > 0);
    assert_eq!(rounds(1000), 0);
}

#[test]
fn parker_of_a_thread_is_made_once() {
    drop(Parker::current());
    let count = allocations(|| {
        for _ in 0..100 {
            let parker = Parker::current();
            parker.waker().wake_by_ref();
            assert!(parker.park_until(Instant::now()));
        }
    });
    assert_eq!(count, 0);
}
