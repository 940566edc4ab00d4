//! A block of memory that holds a reference count and a payload behind it. Made by `Msg` and
//! `Body`, freed by whoever drops the last reference, on any thread. A block is an allocation of
//! its own, or a piece of a thread's slab (`bump`).
//!
//! The functions work on bare pointers because a message stores nothing else: 64 bytes that C code
//! may copy about.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::ptr::NonNull;

use crate::bump::{self, PIECE_ALIGN};
use crate::error::OutOfMemory;
use crate::limits::BUMP_PIECE_MAX;
use crate::refs::Refs;

/// The front of the allocation; the payload follows directly.
#[repr(C, align(16))]
pub(crate) struct Heap {
    pub(crate) refs: Refs,
    /// Bytes allocated for the payload; with `PIECE`, if it is a piece of a slab.
    capacity: usize,
}

/// Bytes in front of the payload.
pub(crate) const HEADER_BYTES: usize = size_of::<Heap>();

/// No capacity is so large.
const PIECE: usize = 1 << (usize::BITS - 1);

/// What the payload bytes of a new block hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    Zero,
    Uninit,
}

/// Makes a block with one reference.
pub(crate) fn try_alloc(capacity: usize, fill: Fill) -> Result<NonNull<Heap>, OutOfMemory> {
    let layout = layout(capacity).ok_or(OutOfMemory::new(capacity))?;
    // SAFETY: the layout has a non-zero size, for it includes the header.
    let raw = unsafe { if fill == Fill::Zero { alloc_zeroed(layout) } else { alloc(layout) } };
    let block = NonNull::new(raw.cast::<Heap>()).ok_or(OutOfMemory::new(capacity))?;
    // SAFETY: the allocation is at least as large as a header and aligned for it.
    unsafe { block.write(Heap { refs: Refs::one(), capacity }) };
    Ok(block)
}

/// Makes a block with one reference for a payload that will not grow: a piece of the thread's slab
/// if it is not long.
#[inline]
pub(crate) fn try_alloc_fixed(capacity: usize, fill: Fill) -> Result<NonNull<Heap>, OutOfMemory> {
    let size = piece_size(capacity);
    if capacity > BUMP_PIECE_MAX || size > BUMP_PIECE_MAX {
        return try_alloc(capacity, fill);
    }
    let Some(piece) = bump::cut(size) else { return try_alloc(capacity, fill) };
    let block = piece.cast::<Heap>();
    // SAFETY: the piece is new, aligned for a header and as large as one with `capacity` bytes.
    unsafe {
        block.write(Heap { refs: Refs::one(), capacity: capacity | PIECE });
        if fill == Fill::Zero {
            payload(block).write_bytes(0, capacity);
        }
    }
    Ok(block)
}

/// The bytes of a piece with its header.
#[inline]
const fn piece_size(capacity: usize) -> usize {
    capacity.saturating_add(HEADER_BYTES + PIECE_ALIGN - 1) & !(PIECE_ALIGN - 1)
}

/// Enlarges the payload area; the new bytes are uninitialised. On failure the block is unchanged.
///
/// # Safety
/// The caller holds the only reference to a block of `try_alloc`, and uses only the returned
/// pointer after a success.
pub(crate) unsafe fn try_grow(
    block: NonNull<Heap>,
    capacity: usize,
) -> Result<NonNull<Heap>, OutOfMemory> {
    let wanted = layout(capacity).ok_or(OutOfMemory::new(capacity))?;
    // SAFETY: the sole holder reads a header that `try_alloc` wrote; `realloc` gets the layout
    // which that capacity gave at allocation, and `wanted.size()` fits a layout of this alignment.
    let raw = unsafe {
        let present = layout_of_live(block.as_ref().capacity);
        realloc(block.as_ptr().cast(), present, wanted.size())
    };
    let mut grown = NonNull::new(raw.cast::<Heap>()).ok_or(OutOfMemory::new(capacity))?;
    // SAFETY: the header was moved along with the allocation and nobody else refers to it.
    unsafe { grown.as_mut().capacity = capacity };
    Ok(grown)
}

/// Gives one reference back, and frees the block with the last one.
///
/// # Safety
/// The caller holds a reference, and gives it up.
#[inline]
pub(crate) unsafe fn release(block: NonNull<Heap>) {
    // SAFETY: the caller's reference keeps the block alive; if it was the last one, nobody can
    // reach the block any more.
    unsafe {
        if block.as_ref().refs.release_mostly_sole(1) {
            free(block);
        }
    }
}

/// Frees the block.
///
/// # Safety
/// The caller held the last reference and does not use the block again.
#[inline]
pub(crate) unsafe fn free(block: NonNull<Heap>) {
    // SAFETY: the last holder reads the capacity with which the block was allocated or grown last,
    // or the piece cut.
    unsafe {
        let capacity = block.as_ref().capacity;
        if capacity & PIECE != 0 {
            return bump::give_back(block.cast(), piece_size(capacity & !PIECE));
        }
        dealloc(block.as_ptr().cast(), layout_of_live(capacity));
    }
}

/// Where the payload starts.
///
/// # Safety
/// The block is live.
#[inline]
pub(crate) unsafe fn payload(block: NonNull<Heap>) -> *mut u8 {
    // SAFETY: the allocation reaches at least to the end of the header.
    unsafe { block.as_ptr().cast::<u8>().add(HEADER_BYTES) }
}

fn layout(capacity: usize) -> Option<Layout> {
    let size = capacity.checked_add(HEADER_BYTES)?;
    Layout::from_size_align(size, align_of::<Heap>()).ok()
}

/// The layout of a block that exists, whose size therefore passed `layout` before.
fn layout_of_live(capacity: usize) -> Layout {
    // SAFETY: `layout(capacity)` succeeded when the block was made, so neither the sum overflows
    // nor is the size beyond what a layout may have.
    unsafe { Layout::from_size_align_unchecked(capacity + HEADER_BYTES, align_of::<Heap>()) }
}

const _: () = assert!(HEADER_BYTES == 16 && align_of::<Heap>() == PIECE_ALIGN);
