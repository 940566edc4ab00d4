//! The read buffer of one connection, sliced into messages without copying. The reader owns the
//! `Slab` and is the only one to write, always behind the filled end; messages on any thread hold
//! references to the block and only read what was filled. The last of them frees it.
//!
//! The block counts `held + slices` references, where `held` is the reader's stock of prepaid ones.
//! So a slice costs the reader a local subtraction, and `count == held` means that no slice lives.

mod pool;
#[cfg(all(test, not(loom)))]
mod tests;

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::UnsafeCell;
use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;
use std::slice;

use crate::error::OutOfMemory;
use crate::limits::{INLINE_MAX, REFS_BATCH, SLAB_BYTES};
use crate::meta::{self, MetaHandle, SharedMeta};
use crate::msg::Msg;
use crate::refs::Refs;

/// The read buffer of one connection.
///
/// Bytes are received into [`spare_mut`](Self::spare_mut), counted with [`advance`](Self::advance)
/// and cut into messages with [`slice`](Self::slice). When the end is reached,
/// [`try_rewind`](Self::try_rewind) starts over if all messages are gone; otherwise the rest of a
/// frame is [carried](Self::carry_to) to a new slab and this one dropped.
///
/// Memory cost: its capacity and 64 bytes, but pages that were never filled are never touched.
/// Slabs of [`SLAB_BYTES`] are kept for reuse, up to [`SLAB_POOL_MAX`](crate::SLAB_POOL_MAX).
///
/// ```
/// use oxmq_message::{Kind, SLAB_BYTES, Slab};
///
/// let mut slab = Slab::try_new(SLAB_BYTES)?;
/// slab.spare_mut()[..100].fill(b'x');
/// slab.advance(100);
/// let msg = slab.slice(10..90);
/// assert_eq!(msg.kind(), Kind::Slice);
/// assert!(!slab.try_rewind(90..100));
/// drop(msg);
/// assert!(slab.try_rewind(90..100));
/// assert_eq!(slab.filled(), b"xxxxxxxxxx");
/// # Ok::<(), oxmq_message::OutOfMemory>(())
/// ```
pub struct Slab {
    block: NonNull<SlabBlock>,
    /// References of the block's count that belong to this handle, at least one.
    held: usize,
    /// Bytes filled so far, at most the capacity. Everything before it is read only while slices
    /// live; everything behind it belongs to this handle alone.
    filled: usize,
    /// Metadata for the messages small enough to be copied; the same as the block's.
    meta: Option<MetaHandle>,
}

/// The front of a slab's memory; the bytes follow. A line of its own, so that counting does not
/// disturb the first bytes.
#[repr(C, align(64))]
pub(crate) struct SlabBlock {
    refs: Refs,
    capacity: usize,
    /// One reference to the metadata of all slices, or none. Written only while no slice lives.
    meta: UnsafeCell<Option<NonNull<SharedMeta>>>,
}

const HEADER_BYTES: usize = size_of::<SlabBlock>();

// SAFETY: the reader's part of the block (behind `filled`) and the local counters move along with
// the handle; what slices on other threads share is read only, or atomic.
unsafe impl Send for Slab {}
// SAFETY: `&Slab` reads filled bytes, the atomic count and local numbers, none of which change
// without `&mut Slab`, except the count.
unsafe impl Sync for Slab {}

impl Slab {
    /// Makes an empty slab of `capacity` bytes, from the pool if it is [`SLAB_BYTES`].
    ///
    /// Errors: [`OutOfMemory`] when the allocator refuses.
    pub fn try_new(capacity: usize) -> Result<Self, OutOfMemory> {
        let pooled = if capacity == SLAB_BYTES { pool::take() } else { None };
        let block = match pooled {
            Some(block) => block,
            None => try_alloc(capacity)?,
        };
        Ok(Self { block, held: 1, filled: 0, meta: None })
    }

    /// The bytes behind the filled end, to receive into. Their content is arbitrary.
    #[inline]
    pub fn spare_mut(&mut self) -> &mut [u8] {
        // SAFETY: the bytes from `filled` to the capacity are inside the block, were initialised at
        // allocation, and belong to this handle alone: slices and `filled()` end before.
        unsafe {
            slice::from_raw_parts_mut(self.bytes().add(self.filled), self.capacity() - self.filled)
        }
    }

    /// Counts the first `n` bytes of [`spare_mut`](Self::spare_mut) as filled.
    ///
    /// # Panics
    /// If there are fewer than `n` spare bytes.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        assert!(n <= self.capacity() - self.filled, "advanced beyond the end of the slab");
        self.filled += n;
    }

    /// Cuts a message out of the filled bytes. Up to [`INLINE_MAX`] bytes are copied into it, more
    /// are referred to. The message carries the metadata given to [`set_meta`](Self::set_meta).
    /// Neither allocates nor, except once in about a million calls, uses an atomic operation.
    ///
    /// # Panics
    /// If the range is not within the filled bytes.
    #[inline]
    pub fn slice(&mut self, range: Range<usize>) -> Msg {
        let mut msg = Msg::new();
        self.slice_into(range, &mut msg);
        msg
    }

    /// As [`slice`](Self::slice), in place of what `msg` was. Saves moving a small message, which
    /// costs more than cutting it. A message that was cut from this slab before hands its
    /// references on, so that a stream received into one place touches no count at all.
    ///
    /// # Panics
    /// If the range is not within the filled bytes; `msg` is unchanged then.
    #[inline]
    pub fn slice_into(&mut self, range: Range<usize>, msg: &mut Msg) {
        let start = range.start;
        let len = self.filled()[range].len();
        if len <= INLINE_MAX {
            // SAFETY: the range was just found to be within the filled bytes, which are written
            // only in `try_rewind`.
            let bytes = unsafe { slice::from_raw_parts(self.bytes().add(start), len) };
            match &mut self.meta {
                Some(meta) if msg.is_inline_with(meta.shared()) => msg.refill_inline(bytes),
                Some(meta) => {
                    msg.set_inline(bytes);
                    meta.attach(msg);
                }
                None => msg.set_inline(bytes),
            }
            return;
        }
        if msg.is_slice_of(self.block) {
            // SAFETY: the message's reference to this very slab passes from the bytes it had to
            // these, which are filled, and filled bytes are written again only in `try_rewind`,
            // when no slice lives.
            unsafe { msg.refill_slice(self.bytes().add(start), len) };
            return;
        }
        if self.held == 1 {
            // SAFETY: the handle's own reference keeps the block alive.
            unsafe { self.block.as_ref() }.refs.acquire(REFS_BATCH);
            self.held += REFS_BATCH;
        }
        self.held -= 1;
        // SAFETY: the reference taken from the stock passes to the message; the payload is filled,
        // and filled bytes are written again only in `try_rewind`, when no slice lives.
        *msg = unsafe { Msg::from_slab(self.block, self.bytes().add(start), len) };
    }

    /// Makes the messages cut from now on carry this metadata. False, and nothing done, if messages
    /// that refer to the slab are alive and it has other metadata.
    pub fn set_meta(&mut self, handle: &mut MetaHandle) -> bool {
        if self.meta.as_ref().is_some_and(|present| present.is_same(handle)) {
            return true;
        }
        if self.outstanding() {
            return false;
        }
        // SAFETY: no slice lives, so this handle is the only one to reach the block, and the
        // release of the last slice happened before.
        let former = unsafe { (*self.block.as_ref().meta.get()).replace(handle.spend()) };
        if let Some(former) = former {
            // SAFETY: the reference was the block's.
            unsafe { meta::release(former, 1) };
        }
        self.meta = Some(handle.share());
        true
    }

    /// Starts over: moves the bytes in `keep` to the front and counts only them as filled. False,
    /// and nothing done, while messages refer to the slab or if `keep` is not within the filled
    /// bytes.
    #[must_use]
    pub fn try_rewind(&mut self, keep: Range<usize>) -> bool {
        if keep.start > keep.end || keep.end > self.filled || self.outstanding() {
            return false;
        }
        // SAFETY: both ranges are inside the filled bytes, and as no slice lives this handle is the
        // only one to reach them.
        unsafe { self.bytes().copy_from(self.bytes().add(keep.start), keep.len()) };
        self.filled = keep.len();
        true
    }

    /// Copies the bytes in `keep` behind the filled end of `fresh`, and hands the metadata on.
    /// False, and nothing done, if they do not fit or `keep` is not within the filled bytes.
    #[must_use]
    pub fn carry_to(&mut self, keep: Range<usize>, fresh: &mut Self) -> bool {
        let Some(bytes) = self.filled().get(keep) else { return false };
        let Some(room) = fresh.spare_mut().get_mut(..bytes.len()) else { return false };
        room.copy_from_slice(bytes);
        let len = bytes.len();
        fresh.advance(len);
        if let Some(meta) = &mut self.meta {
            fresh.set_meta(meta);
        }
        true
    }

    /// The bytes received so far.
    #[inline]
    pub fn filled(&self) -> &[u8] {
        // SAFETY: the bytes up to `filled` are inside the block and initialised; they are written
        // only in `try_rewind`, through `&mut self`.
        unsafe { slice::from_raw_parts(self.bytes(), self.filled) }
    }

    /// How many bytes were received so far.
    #[inline]
    pub const fn len(&self) -> usize {
        self.filled
    }

    /// Whether nothing was received yet.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// How many bytes the slab can hold.
    #[inline]
    pub const fn capacity(&self) -> usize {
        // SAFETY: the handle's reference keeps the block alive; the capacity never changes.
        unsafe { self.block.as_ref().capacity }
    }

    /// Whether messages refer to the slab.
    #[inline]
    pub fn outstanding(&self) -> bool {
        // SAFETY: the handle's reference keeps the block alive.
        !unsafe { self.block.as_ref() }.refs.is_exactly(self.held)
    }

    /// Where the bytes start.
    #[inline]
    const fn bytes(&self) -> *mut u8 {
        // SAFETY: the allocation reaches at least to the end of the header.
        unsafe { self.block.as_ptr().cast::<u8>().add(HEADER_BYTES) }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        // SAFETY: the handle owns `held` references and ends here.
        unsafe { release(self.block, self.held) };
    }
}

impl fmt::Debug for Slab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab")
            .field("capacity", &self.capacity())
            .field("filled", &self.filled)
            .field("outstanding", &self.outstanding())
            .finish()
    }
}

/// Takes one reference.
///
/// # Safety
/// The caller holds a reference to the block.
#[inline]
pub(crate) unsafe fn acquire(block: NonNull<SlabBlock>) {
    // SAFETY: the caller's reference keeps the block alive.
    unsafe { block.as_ref() }.refs.acquire(1);
}

/// Gives back `n` references; with the last one the slab goes to the pool or is freed.
///
/// # Safety
/// The caller holds `n` references and gives them up.
#[inline]
pub(crate) unsafe fn release(block: NonNull<SlabBlock>, n: usize) {
    // SAFETY: the caller's references keep the block alive up to the release; if they were the
    // last, nobody else can reach it.
    unsafe {
        if block.as_ref().refs.release(n) {
            retire(block);
        }
    }
}

/// The metadata of all slices.
///
/// # Safety
/// The caller holds a slice's reference to the block.
#[inline]
pub(crate) unsafe fn meta(block: NonNull<SlabBlock>) -> Option<NonNull<SharedMeta>> {
    // SAFETY: the caller's reference keeps the block alive and, being a slice's, keeps `set_meta`
    // from writing.
    unsafe { *block.as_ref().meta.get() }
}

fn try_alloc(capacity: usize) -> Result<NonNull<SlabBlock>, OutOfMemory> {
    let layout = layout(capacity).ok_or(OutOfMemory::new(capacity))?;
    // SAFETY: the layout has a non-zero size, for it includes the header.
    let raw = unsafe { alloc_zeroed(layout) };
    let block = NonNull::new(raw.cast::<SlabBlock>()).ok_or(OutOfMemory::new(capacity))?;
    // SAFETY: the allocation is at least as large as a header and aligned for it.
    unsafe {
        block.write(SlabBlock { refs: Refs::one(), capacity, meta: UnsafeCell::new(None) });
    }
    Ok(block)
}

fn layout(capacity: usize) -> Option<Layout> {
    let size = capacity.checked_add(HEADER_BYTES)?;
    Layout::from_size_align(size, align_of::<SlabBlock>()).ok()
}

/// Ends a slab that nobody refers to.
///
/// # Safety
/// The caller held the last reference.
#[cold]
unsafe fn retire(block: NonNull<SlabBlock>) {
    // SAFETY: the caller is the only one to reach the block. Its metadata reference is given up
    // once, as the place is emptied; the count starts anew for the next owner.
    let capacity = unsafe {
        let this = &mut *block.as_ptr();
        if let Some(meta) = this.meta.get_mut().take() {
            meta::release(meta, 1);
        }
        this.refs = Refs::one();
        this.capacity
    };
    if capacity == SLAB_BYTES && pool::put(block) {
        return;
    }
    // SAFETY: the layout is the one the block was allocated with.
    unsafe {
        let size = capacity + HEADER_BYTES;
        let layout = Layout::from_size_align_unchecked(size, align_of::<SlabBlock>());
        dealloc(block.as_ptr().cast(), layout);
    }
}

const _: () = assert!(HEADER_BYTES == 64);
