//! The pool of slabs, which the whole process shares: one test, so that nobody else uses the pool,
//! and an allocator that counts slabs.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use oxmq_message::{SLAB_BYTES, SLAB_POOL_MAX, Slab};

/// Counts allocations of at least a slab's size.
struct Counting;

static MADE: AtomicUsize = AtomicUsize::new(0);
static FREED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        MADE.fetch_add(usize::from(layout.size() >= SLAB_BYTES), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        FREED.fetch_add(usize::from(layout.size() >= SLAB_BYTES), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn made() -> usize {
    MADE.load(Ordering::Relaxed)
}

fn slabs(n: usize) -> Vec<Slab> {
    (0..n).map(|_| Slab::try_new(SLAB_BYTES).unwrap()).collect()
}

#[test]
fn slabs_are_reused_up_to_the_bound_and_freed_beyond() {
    let mut slab = Slab::try_new(SLAB_BYTES).unwrap();
    slab.advance(1000);
    let last = slab.slice(0..1000);
    drop(slab);
    assert_eq!(made(), 1);
    thread::spawn(move || drop(last)).join().unwrap();
    drop(slabs(1));
    assert_eq!(made(), 1, "the slab that another thread let go was not reused");

    drop(slabs(SLAB_POOL_MAX + 5));
    assert_eq!(made(), SLAB_POOL_MAX + 5);
    assert_eq!(FREED.load(Ordering::Relaxed), 5);
    drop(slabs(SLAB_POOL_MAX));
    assert_eq!(made(), SLAB_POOL_MAX + 5);

    drop(Slab::try_new(2 * SLAB_BYTES).unwrap());
    assert_eq!(FREED.load(Ordering::Relaxed), 6, "only slabs of the one size are kept");

    // Many threads take and put at once: nobody gets a slab that somebody else has.
    thread::scope(|scope| {
        for byte in 0..4 {
            scope.spawn(move || {
                for _ in 0..500 {
                    let mut slab = Slab::try_new(SLAB_BYTES).unwrap();
                    slab.spare_mut()[..64].fill(byte);
                    slab.advance(64);
                    assert_eq!(slab.slice(0..64), [byte; 64]);
                }
            });
        }
    });
    assert_eq!(made(), SLAB_POOL_MAX + 6);
}
