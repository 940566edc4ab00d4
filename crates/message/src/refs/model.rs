//! Models of the reference count under loom: every interleaving of the holders of a block, with a
//! cell in place of the payload that loom watches for unordered accesses. Each model also runs with
//! orderings that are too weak, and loom has to reject it.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p oxmq-message --release --lib`

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::Refs;

/// What the models need of a count.
trait Count: Send + Sync + 'static {
    fn one() -> Self;
    fn acquire(&self, n: usize);
    fn release(&self, n: usize) -> bool;
    fn is_exactly(&self, n: usize) -> bool;
}

impl Count for Refs {
    fn one() -> Self {
        Self::one()
    }
    fn acquire(&self, n: usize) {
        self.acquire(n);
    }
    fn release(&self, n: usize) -> bool {
        self.release(n)
    }
    fn is_exactly(&self, n: usize) -> bool {
        self.is_exactly(n)
    }
}

/// The real count, released as payloads with mostly one holder are.
struct MostlySole(Refs);

impl Count for MostlySole {
    fn one() -> Self {
        Self(Refs::one())
    }
    fn acquire(&self, n: usize) {
        self.0.acquire(n);
    }
    fn release(&self, n: usize) -> bool {
        self.0.release_mostly_sole(n)
    }
    fn is_exactly(&self, n: usize) -> bool {
        self.0.is_exactly(n)
    }
}

/// Negative control: the numbers are right, but nothing orders the accesses to the payload.
struct Unordered(AtomicUsize);

impl Count for Unordered {
    fn one() -> Self {
        Self(AtomicUsize::new(1))
    }
    fn acquire(&self, n: usize) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
    fn release(&self, n: usize) -> bool {
        self.0.fetch_sub(n, Ordering::Relaxed) == n
    }
    fn is_exactly(&self, n: usize) -> bool {
        self.0.load(Ordering::Relaxed) == n
    }
}

struct Block<C> {
    refs: C,
    payload: UnsafeCell<u32>,
    /// Times the block was freed, in loom's eyes a plain variable written by the last holder.
    freed: AtomicUsize,
}

// SAFETY: `payload` is what the models check: read by holders, written by a sole holder.
unsafe impl<C: Sync> Sync for Block<C> {}
// SAFETY: as above.
unsafe impl<C: Send> Send for Block<C> {}

impl<C: Count> Block<C> {
    fn new() -> Arc<Self> {
        let payload = UnsafeCell::new(7);
        Arc::new(Self { refs: C::one(), payload, freed: AtomicUsize::new(0) })
    }

    fn read(&self) -> u32 {
        // SAFETY: loom reports an unordered write.
        self.payload.with(|payload| unsafe { *payload })
    }

    fn write(&self, value: u32) {
        // SAFETY: loom reports any unordered access.
        self.payload.with_mut(|payload| unsafe { *payload = value });
    }

    fn release(&self, n: usize) {
        if self.refs.release(n) {
            self.write(0);
            self.freed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Three clones of one message end on three threads.
fn clones_end_anywhere<C: Count>() {
    loom::model(|| {
        let block = Block::<C>::new();
        block.refs.acquire(2);
        let others = [(); 2].map(|()| {
            let block = Arc::clone(&block);
            thread::spawn(move || {
                assert_eq!(block.read(), 7);
                block.release(1);
            })
        });
        assert_eq!(block.read(), 7);
        block.release(1);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(block.freed.load(Ordering::Relaxed), 1);
    });
}

/// The reader of a slab rewinds it as soon as no slice lives, then ends before or after the slices.
fn slab_is_rewound_behind_its_slices<C: Count>() {
    loom::model(|| {
        let block = Block::<C>::new();
        block.refs.acquire(4);
        let mut held = 5;
        let others = [(); 2].map(|()| {
            held -= 1;
            let block = Arc::clone(&block);
            thread::spawn(move || {
                assert_eq!(block.read(), 7);
                block.release(1);
            })
        });
        if block.refs.is_exactly(held) {
            block.write(7);
        }
        block.release(held);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(block.freed.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn payload_is_freed_once_and_after_every_use() {
    clones_end_anywhere::<Refs>();
    clones_end_anywhere::<MostlySole>();
}

#[test]
#[should_panic(expected = "ausality violation")]
fn the_model_rejects_an_unordered_free() {
    clones_end_anywhere::<Unordered>();
}

#[test]
fn slab_is_written_only_when_no_slice_lives() {
    slab_is_rewound_behind_its_slices::<Refs>();
}

#[test]
#[should_panic(expected = "ausality violation")]
fn the_model_rejects_an_unordered_rewind() {
    slab_is_rewound_behind_its_slices::<Unordered>();
}
