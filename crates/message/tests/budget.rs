//! What messages may cost: allocations are counted by the process's allocator, for each thread
//! apart, so that tests beside each other do not count each other's.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use oxmq_message::{BODY_SLACK_BYTES, Body, INLINE_MAX, Message, Meta, MetaHandle, Msg, Slab};

/// Counts what the present thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
}

fn count(allocations: usize, bytes: isize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + allocations);
    LIVE_BYTES.set(LIVE_BYTES.get() + bytes);
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size().cast_signed());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size().cast_signed());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size.cast_signed() - layout.size().cast_signed());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(ptr, layout, size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(0, -layout.size().cast_signed());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocates; it has to free everything it allocates.
fn allocations(work: impl FnOnce()) -> usize {
    let (before, bytes) = (ALLOCATIONS.get(), LIVE_BYTES.get());
    work();
    assert_eq!(LIVE_BYTES.get(), bytes, "memory was kept or freed twice");
    ALLOCATIONS.get() - before
}

#[test]
fn small_messages_never_allocate() {
    let bytes = [7; INLINE_MAX];
    let spent = allocations(|| {
        for len in 0..=INLINE_MAX {
            let mut msg = black_box(Msg::from(&bytes[..len]));
            let clone = black_box(msg.clone());
            msg.make_mut().fill(8);
            assert_eq!(clone, bytes[..len]);
            drop(black_box(msg.take()));
        }
        let msg = Msg::from_static(&[1; 5000]);
        assert_eq!(black_box(msg.clone()), msg);
    });
    assert_eq!(spent, 0);
}

#[test]
fn messages_of_medium_length_are_cut_from_the_thread_s_slab() {
    // The first one makes the slab.
    drop(black_box(Msg::from(&[7; 41])));
    let spent = allocations(|| {
        for len in (41..=2048).step_by(100) {
            let bytes = vec![7; len];
            // Many more bytes than a slab has, all given back.
            let many: Vec<Msg> = (0..10).map(|_| Msg::from(&bytes[..])).collect();
            assert!(many.iter().all(|msg| msg.clone() == bytes));
        }
    });
    // The two vectors of each round.
    assert_eq!(spent, 2 * 21);
}

#[test]
fn large_messages_allocate_once_however_many_clones() {
    let bytes = [7; 5000];
    let spent = allocations(|| {
        let msg = black_box(Msg::from(&bytes[..]));
        let clones = [(); 5].map(|()| msg.clone());
        assert!(clones.iter().all(|clone| *clone == bytes));
    });
    assert_eq!(spent, 1);
    let vec = bytes.to_vec();
    let before = ALLOCATIONS.get();
    let vec = Msg::from(vec).into_vec();
    assert_eq!(ALLOCATIONS.get() - before, 1, "the count, not the bytes");
    drop(vec);
    assert_eq!(allocations(|| drop(Msg::from_owner(bytes))), 1);
}

#[test]
fn messages_cut_from_a_slab_never_allocate() {
    let mut slab = Slab::try_new(100_000).unwrap();
    let mut meta = MetaHandle::new(Meta { peer_address: "::1".into(), ..Meta::default() });
    assert!(slab.set_meta(&mut meta));
    let spent = allocations(|| {
        for _ in 0..100 {
            slab.advance(1000);
            let end = slab.len();
            let large = slab.slice(end - 1000..end);
            let small = slab.slice(end - 10..end);
            assert_eq!(large.clone().meta(), small.meta());
            drop((large, small));
            assert!(slab.try_rewind(end..end));
        }
    });
    assert_eq!(spent, 0);
}

#[test]
fn three_parts_need_no_allocation() {
    let spent = allocations(|| {
        let mut message = Message::from(["", "body"]);
        message.push_front("routing id");
        assert_eq!(message.clone(), ["routing id", "", "body"]);
        message.pop_front();
        for part in message {
            black_box(part);
        }
    });
    assert_eq!(spent, 0);
}

#[test]
fn a_body_holds_at_most_twice_what_has_arrived() {
    let before = LIVE_BYTES.get();
    let mut body = Body::try_new(1 << 40, b"start").unwrap();
    let mut received = 5;
    let mut allocations = ALLOCATIONS.get();
    while received < 10_000_000 {
        let spare = body.spare_mut().unwrap();
        let n = spare.len().min(30_000);
        spare[..n].fill(1);
        // Checked before the bytes count as received, when the memory is largest beside them.
        let held = (LIVE_BYTES.get() - before).unsigned_abs();
        assert!(held <= 2 * received + BODY_SLACK_BYTES, "{held} held for {received}");
        assert_eq!(held, body.memory());
        body.advance(n);
        received += n;
    }
    allocations = ALLOCATIONS.get() - allocations;
    assert!(allocations <= 10, "{allocations} reallocations");
    drop(body);
    assert_eq!(LIVE_BYTES.get(), before);
}
