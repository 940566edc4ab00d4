//! A large payload that arrives in pieces. The connection that receives it owns it, on whichever
//! thread reads; finished, it becomes a message without being copied.
//!
//! The declared length is never believed: memory grows as bytes arrive, by `realloc`, which moves
//! pages instead of bytes for large blocks.

use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::slice;

use crate::error::{BodyError, OutOfMemory};
use crate::heap::{self, Fill, HEADER_BYTES, Heap};
use crate::limits::{BODY_SLACK_BYTES, BODY_STEP_BYTES};
use crate::msg::Msg;

/// A payload under way, of a declared length.
///
/// Memory cost: at most twice the bytes received and [`BODY_SLACK_BYTES`](crate::BODY_SLACK_BYTES),
/// whatever length the peer declared.
///
/// ```
/// use oxmq_message::Body;
///
/// let mut body = Body::try_new(100_000, b"first bytes")?;
/// while !body.is_complete() {
///     let spare = body.spare_mut()?;
///     spare.fill(b'x');
///     let n = spare.len();
///     body.advance(n);
/// }
/// let msg = body.finish().map_err(|body| body.remaining()).unwrap();
/// assert_eq!(msg.len(), 100_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Body {
    block: NonNull<Heap>,
    /// Payload bytes allocated, at most `total`.
    capacity: usize,
    /// Payload bytes that were written at least once, at most `capacity`.
    init: usize,
    /// Payload bytes received, at most `init`.
    len: usize,
    /// The declared length.
    total: usize,
}

// SAFETY: the block has no other holder; a body is plain memory.
unsafe impl Send for Body {}
// SAFETY: `&Body` reads numbers only.
unsafe impl Sync for Body {}

impl Body {
    /// Starts a payload of `total_len` bytes whose first ones are `already` there. If there are
    /// more than `total_len`, the rest is not part of the payload and ignored.
    ///
    /// Errors: [`BodyError::TooLarge`] if no allocation could hold `total_len` bytes,
    /// [`BodyError::OutOfMemory`] if the allocator refuses the first block.
    pub fn try_new(total_len: u64, already: &[u8]) -> Result<Self, BodyError> {
        const TOTAL_MAX: usize = isize::MAX as usize - 2 * HEADER_BYTES;
        let total = usize::try_from(total_len).ok().filter(|&total| total <= TOTAL_MAX);
        let total = total.ok_or(BodyError::TooLarge(total_len))?;
        let len = already.len().min(total);
        let capacity = allowance(len).min(total);
        let block = heap::try_alloc(capacity, Fill::Uninit)?;
        // SAFETY: the new block has room for `capacity >= len` bytes and does not overlap
        // `already`.
        unsafe { heap::payload(block).copy_from_nonoverlapping(already.as_ptr(), len) };
        Ok(Self { block, capacity, init: len, len, total })
    }

    /// Room for the bytes to come: not empty unless the payload is complete, and not always all of
    /// it. Their content is arbitrary. Grows the memory if it is used up.
    ///
    /// Errors: [`OutOfMemory`]; what was received is kept.
    pub fn spare_mut(&mut self) -> Result<&mut [u8], OutOfMemory> {
        self.reserve()?;
        let end = self.capacity.min(self.len + BODY_STEP_BYTES);
        // SAFETY: `len <= init` and `len <= end <= capacity`. Bytes up to `init` were written
        // before and those up to `end` are cleared here, so the slice is initialised; the block has
        // no other holder.
        unsafe {
            let payload = heap::payload(self.block);
            if self.init < end {
                payload.add(self.init).write_bytes(0, end - self.init);
                self.init = end;
            }
            Ok(slice::from_raw_parts_mut(payload.add(self.len), end - self.len))
        }
    }

    /// Counts the first `n` bytes of [`spare_mut`](Self::spare_mut) as received.
    ///
    /// # Panics
    /// If `spare_mut` did not give that many.
    pub fn advance(&mut self, n: usize) {
        assert!(n <= self.init - self.len, "advanced beyond the spare bytes");
        self.len += n;
    }

    /// As [`spare_mut`](Self::spare_mut), without clearing the bytes first and without a limit on
    /// how many are shown. To be followed by [`advance_init`](Self::advance_init).
    ///
    /// Errors: [`OutOfMemory`]; what was received is kept.
    pub fn spare_uninit(&mut self) -> Result<&mut [MaybeUninit<u8>], OutOfMemory> {
        self.reserve()?;
        // SAFETY: `len <= capacity`, and the block has no other holder. The caller could write
        // uninitialised bytes over cleared ones, hence `init` falls back to what was received.
        unsafe {
            self.init = self.len;
            let spare = heap::payload(self.block).add(self.len).cast();
            Ok(slice::from_raw_parts_mut(spare, self.capacity - self.len))
        }
    }

    /// Counts the first `n` bytes of [`spare_uninit`](Self::spare_uninit) as received.
    ///
    /// # Safety
    /// The last call of `spare_uninit` gave at least `n` bytes, of which the first `n` were
    /// written.
    pub unsafe fn advance_init(&mut self, n: usize) {
        debug_assert!(n <= self.capacity - self.len);
        self.len += n;
        self.init = self.init.max(self.len);
    }

    /// Lets `read` write the next bytes, at most `most` of them, where they belong, and counts what
    /// it returns: the bytes that it has written, from the first on. Saves clearing them before.
    /// The payload must not be complete.
    ///
    /// Errors: [`OutOfMemory`], without a call of `read`; inside, what `read` says.
    pub fn receive<E>(
        &mut self,
        most: usize,
        read: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<&mut [u8], E>,
    ) -> Result<Result<usize, E>, OutOfMemory> {
        let spare = self.spare_uninit()?;
        let room = spare.len().min(most);
        let start = spare.as_ptr();
        let written = match read(&mut spare[..room]) {
            Ok(written) => written,
            Err(error) => return Ok(Err(error)),
        };
        let n = written.len();
        // Bytes of elsewhere would say nothing of ours.
        assert!(n == 0 || (n <= room && written.as_ptr().cast() == start), "other bytes were read");
        // SAFETY: `spare_uninit` gave `room` bytes or more, of which the first `n` are behind a
        // slice of bytes and so were written.
        unsafe { self.advance_init(n) };
        Ok(Ok(n))
    }

    /// The payload as a message, without copying; the body itself if bytes are missing.
    pub fn finish(self) -> Result<Msg, Self> {
        if !self.is_complete() {
            return Err(self);
        }
        let this = ManuallyDrop::new(self);
        // SAFETY: the body's reference to the block passes to the message, for the body is not
        // dropped; `len` bytes were received.
        Ok(unsafe { Msg::from_heap(this.block, this.len) })
    }

    /// The bytes received so far.
    pub const fn received(&self) -> usize {
        self.len
    }

    /// How many bytes are missing.
    pub const fn remaining(&self) -> usize {
        self.total - self.len
    }

    /// Whether all bytes have arrived.
    pub const fn is_complete(&self) -> bool {
        self.remaining() == 0
    }

    /// The memory, in bytes, that the payload takes now.
    pub const fn memory(&self) -> usize {
        HEADER_BYTES + self.capacity
    }

    /// Makes sure that there is room for at least one more byte, unless the payload is complete.
    fn reserve(&mut self) -> Result<(), OutOfMemory> {
        if self.len < self.capacity || self.is_complete() {
            return Ok(());
        }
        let capacity = allowance(self.len).min(self.total);
        // SAFETY: the body holds the only reference, and keeps the new pointer.
        self.block = unsafe { heap::try_grow(self.block, capacity)? };
        self.capacity = capacity;
        Ok(())
    }
}

/// The payload bytes that may be allocated when `len` were received.
const fn allowance(len: usize) -> usize {
    len.saturating_mul(2).saturating_add(BODY_SLACK_BYTES - HEADER_BYTES)
}

impl Drop for Body {
    fn drop(&mut self) {
        // SAFETY: the body holds the only reference and ends here.
        unsafe { heap::free(self.block) };
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("received", &self.len).field("total", &self.total).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// Receives `bytes` in pieces of at most `step`, cleared or not.
    fn receive(body: &mut Body, mut bytes: &[u8], step: usize, cleared: bool) {
        while !bytes.is_empty() {
            let n = if cleared {
                let spare = body.spare_mut().unwrap();
                let n = spare.len().min(step).min(bytes.len());
                spare[..n].copy_from_slice(&bytes[..n]);
                body.advance(n);
                n
            } else {
                let spare = body.spare_uninit().unwrap();
                let n = spare.len().min(step).min(bytes.len());
                for (place, &byte) in spare.iter_mut().zip(&bytes[..n]) {
                    place.write(byte);
                }
                // SAFETY: the loop wrote `n` bytes of the spare ones.
                unsafe { body.advance_init(n) };
                n
            };
            assert!(n > 0, "no room for missing bytes");
            bytes = &bytes[n..];
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "any byte will do")]
    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i ^ (i >> 8)) as u8).collect()
    }

    #[test]
    fn payload_arrives_whole_in_any_pieces() {
        for total in [0, 1, 40, 41, 65_535, 65_536, 300_000] {
            let bytes = pattern(total);
            for already in [0, 1, total / 2, total] {
                for (step, cleared) in [(1_000, true), (77_777, true), (usize::MAX, false)] {
                    let already = already.min(total);
                    let mut body = Body::try_new(total as u64, &bytes[..already]).unwrap();
                    assert_eq!((body.received(), body.remaining()), (already, total - already));
                    receive(&mut body, &bytes[already..], step, cleared);
                    assert!(body.is_complete());
                    assert!(body.spare_mut().unwrap().is_empty());
                    assert_eq!(body.finish().unwrap(), bytes);
                }
            }
        }
    }

    #[test]
    fn cleared_and_plain_room_may_alternate() {
        let bytes = pattern(200_000);
        let mut body = Body::try_new(200_000, &[]).unwrap();
        for (i, piece) in bytes.chunks(3_333).enumerate() {
            receive(&mut body, piece, 1_000, i % 2 == 0);
        }
        let mut msg = body.finish().unwrap();
        assert_eq!(msg, bytes);
        assert!(msg.is_writable());
        msg.make_mut()[0] = 1;
    }

    #[test]
    fn a_declared_length_alone_takes_no_memory() {
        for total in [1 << 30, 1 << 40, isize::MAX as u64 - 64] {
            let body = Body::try_new(total, b"abc").unwrap();
            assert!(body.memory() <= BODY_SLACK_BYTES + 6);
            assert_eq!(body.finish().unwrap_err().received(), 3);
        }
        for total in [isize::MAX as u64, 1 << 63, u64::MAX] {
            assert_eq!(Body::try_new(total, b"").unwrap_err(), BodyError::TooLarge(total));
        }
    }

    #[test]
    fn bytes_beyond_the_declared_length_are_ignored() {
        let body = Body::try_new(3, b"abcdef").unwrap();
        assert_eq!(body.finish().unwrap(), "abc");
    }

    #[test]
    fn what_a_reader_has_written_counts_and_nothing_else() {
        let bytes = pattern(100_000);
        let mut body = Body::try_new(100_000, &[]).unwrap();
        while !body.is_complete() {
            let at = body.received();
            let received = body.receive(7_000, |spare| {
                let n = spare.len().min(5_000);
                assert!(spare.len() <= 7_000);
                Ok::<_, ()>(spare[..n].write_copy_of_slice_of(&bytes[at..at + n]))
            });
            assert!(received.unwrap().unwrap() > 0);
            let refused = body.receive(1, |_| if at == 0 { Err("refused") } else { Ok(&mut []) });
            assert_eq!(refused.unwrap(), if at == 0 { Err("refused") } else { Ok(0) });
        }
        assert_eq!(body.finish().unwrap(), bytes);
    }

    /// What `MaybeUninit::write_copy_of_slice` does in later versions of the language.
    trait WriteCopy {
        fn write_copy_of_slice_of(&mut self, bytes: &[u8]) -> &mut [u8];
    }

    impl WriteCopy for [MaybeUninit<u8>] {
        fn write_copy_of_slice_of(&mut self, bytes: &[u8]) -> &mut [u8] {
            assert_eq!(self.len(), bytes.len());
            for (place, byte) in self.iter_mut().zip(bytes) {
                place.write(*byte);
            }
            // SAFETY: every byte was written just now.
            unsafe { slice::from_raw_parts_mut(self.as_mut_ptr().cast(), self.len()) }
        }
    }

    #[test]
    #[should_panic(expected = "other bytes were read")]
    fn bytes_of_elsewhere_do_not_count() {
        let mut body = Body::try_new(10, &[]).unwrap();
        let elsewhere = Box::leak(Box::new([1]));
        let _ = body.receive(10, |_| Ok::<_, ()>(&mut elsewhere[..]));
    }

    #[test]
    #[should_panic(expected = "beyond the spare bytes")]
    fn only_bytes_that_were_shown_can_be_counted() {
        let mut body = Body::try_new(10, b"").unwrap();
        assert_eq!(body.spare_mut().unwrap().len(), 10);
        body.spare_uninit().unwrap();
        body.advance(1);
    }
}
