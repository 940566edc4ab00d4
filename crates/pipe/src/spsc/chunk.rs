//! A chunk of the pipe's queue: a block of slots and the link to the next block. A chunk is owned
//! by the list it hangs in; which side may touch which part is said at `super`.

use crate::sync::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;

/// Items per chunk, a power of two. 64 items of 64 bytes are 4 KiB: one page per 64 parts.
/// The model takes two, so that every run crosses from chunk to chunk.
pub(crate) const CHUNK_ITEMS: usize = if cfg!(loom) { 2 } else { 64 };

const _: () = assert!(CHUNK_ITEMS.is_power_of_two());

/// The slots come first, on a cache line's boundary: an item of 64 bytes is one line, which no
/// neighbour shares.
#[repr(C, align(64))]
pub(crate) struct Chunk<T> {
    slots: [UnsafeCell<MaybeUninit<T>>; CHUNK_ITEMS],
    /// Null until the producer appends a chunk. Read by the consumer only once an item beyond
    /// this chunk is published.
    next: UnsafeCell<*mut Chunk<T>>,
}

impl<T> Chunk<T> {
    /// A chunk on the heap, unlinked and empty; to be freed with [`Chunk::free`].
    pub(crate) fn allocate() -> *mut Self {
        Box::into_raw(Box::new(Self {
            slots: std::array::from_fn(|_| UnsafeCell::new(MaybeUninit::uninit())),
            next: UnsafeCell::new(ptr::null_mut()),
        }))
    }

    /// Frees the chunk, not what its slots hold.
    ///
    /// # Safety
    /// `chunk` came from [`Chunk::allocate`], and nobody uses it afterwards.
    pub(crate) unsafe fn free(chunk: *mut Self) {
        // SAFETY: the caller hands over the only use of a pointer made by `Box::into_raw`.
        drop(unsafe { Box::from_raw(chunk) });
    }

    /// # Safety
    /// No one writes `next` at the same time.
    pub(crate) unsafe fn next(&self) -> *mut Self {
        // SAFETY: the pointer is to our own field, and the caller excludes a writer.
        self.next.with(|next| unsafe { *next })
    }

    /// # Safety
    /// No one else reads or writes `next` at the same time.
    pub(crate) unsafe fn set_next(&self, to: *mut Self) {
        // SAFETY: the pointer is to our own field, and the caller excludes everyone else.
        self.next.with_mut(|next| unsafe { *next = to });
    }

    /// Writes the slot of the item with this running number.
    ///
    /// # Safety
    /// The slot is empty, and no one else uses it at the same time.
    #[inline]
    pub(crate) unsafe fn write(&self, number: usize, item: T) {
        let slot = &self.slots[number % CHUNK_ITEMS];
        // SAFETY: the pointer is to our own slot, and the caller excludes everyone else.
        slot.with_mut(|slot| unsafe { (*slot).write(item) });
    }

    /// Moves the item with this running number out of its slot.
    ///
    /// # Safety
    /// The slot holds an item, which nobody reads again, and no one writes it at the same time.
    #[inline]
    pub(crate) unsafe fn take(&self, number: usize) -> T {
        let slot = &self.slots[number % CHUNK_ITEMS];
        // SAFETY: the caller says the slot is filled and this is the only, last read.
        slot.with(|slot| unsafe { (*slot).assume_init_read() })
    }
}
