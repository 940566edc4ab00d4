//! One allocation that holds a reference count and a payload behind it. Made by `Msg` and `Body`,
//! freed by whoever drops the last reference, on any thread.
//!
//! The functions work on bare pointers because a message stores nothing else: 64 bytes that C code
//! may copy about.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::ptr::NonNull;

use crate::error::OutOfMemory;
use crate::refs::Refs;

/// The front of the allocation; the payload follows directly.
#[repr(C, align(16))]
pub(crate) struct Heap {
    pub(crate) refs: Refs,
    /// Bytes allocated for the payload.
    capacity: usize,
}

/// Bytes in front of the payload.
pub(crate) const HEADER_BYTES: usize = size_of::<Heap>();

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

/// Enlarges the payload area; the new bytes are uninitialised. On failure the block is unchanged.
///
/// # Safety
/// The caller holds the only reference, and uses only the returned pointer after a success.
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

/// Frees the block.
///
/// # Safety
/// The caller held the last reference and does not use the block again.
pub(crate) unsafe fn free(block: NonNull<Heap>) {
    // SAFETY: the last holder reads the capacity with which the block was allocated or grown last.
    unsafe {
        let layout = layout_of_live(block.as_ref().capacity);
        dealloc(block.as_ptr().cast(), layout);
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

const _: () = assert!(HEADER_BYTES == 16);
