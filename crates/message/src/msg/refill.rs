//! Filling a message again where it lies, for whoever receives a stream into one place: what the
//! message holds already (a reference to the same slab, to the same metadata) is kept, so that no
//! count is touched and nothing is moved.

use std::ptr::{self, NonNull};

use super::{HEAP, INLINE, LONG_GROUP, Label, Msg, SLICE};
use crate::error::OutOfMemory;
use crate::heap::{self, Fill};
use crate::limits::INLINE_MAX;
use crate::meta::SharedMeta;
use crate::slab::SlabBlock;

impl Msg {
    /// Whether this is an inline message that has this metadata, and nothing else to give up.
    #[inline]
    pub(crate) fn is_inline_with(&self, meta: NonNull<SharedMeta>) -> bool {
        (self.kind | self.flags & LONG_GROUP) == INLINE && ptr::eq(self.meta, meta.as_ptr())
    }

    /// Takes another payload, of at most `INLINE_MAX` bytes, and loses its labels. The message is
    /// inline and without a long group; its metadata stays.
    #[inline]
    pub(crate) fn refill_inline(&mut self, bytes: &[u8]) {
        self.clear_labels();
        self.put_inline(bytes);
    }

    /// Whether this is a slice of this slab, and has nothing else to give up.
    #[inline]
    pub(crate) fn is_slice_of(&self, slab: NonNull<SlabBlock>) -> bool {
        self.kind == SLICE
            && self.flags & LONG_GROUP == 0
            && self.meta.is_null()
            && self.slab() == slab
    }

    /// Refers to other bytes of the slab that it is a slice of, and loses its labels.
    ///
    /// # Safety
    /// The message is a slice without a long group. The bytes lie in its slab, are initialised and
    /// are not written while its reference exists.
    #[inline]
    pub(crate) unsafe fn refill_slice(&mut self, payload: *const u8, len: usize) {
        self.clear_labels();
        // SAFETY: a slice uses `remote`.
        let remote = unsafe { &mut self.data.remote };
        remote.ptr = payload;
        remote.len = len;
    }

    /// Clears flags, label and number. The message has no long group.
    #[inline]
    fn clear_labels(&mut self) {
        self.flags = 0;
        self.label = Label { delivery_id: 0 };
        self.routing_id = 0;
    }

    /// Gives the payload up and becomes an empty message without labels or metadata, in place.
    #[inline]
    pub fn reset(&mut self) {
        let tags = self.kind | self.flags & LONG_GROUP;
        if !self.meta.is_null() || (tags != INLINE && tags != HEAP) {
            // Moved out first: should an owner's drop panic, it must not be dropped again.
            drop(self.take());
            return;
        }
        if tags == HEAP {
            let block = self.heap();
            self.kind = INLINE;
            // SAFETY: the message was a heap one, and has just forgotten its reference.
            unsafe { heap::release(block) };
        }
        self.clear_labels();
        self.inline_len = 0;
    }

    /// Puts a message of `len` bytes of unknown content where there is none, in place.
    ///
    /// # Errors
    /// [`OutOfMemory`] when the allocator refuses; nothing was written then.
    ///
    /// # Safety
    /// `place` can be written, and holds no message. Every byte of the payload is written before
    /// any method of the message or of a clone reads it.
    #[inline]
    pub unsafe fn init_uninit(place: *mut Self, len: usize) -> Result<(), OutOfMemory> {
        if len <= INLINE_MAX {
            let mut msg = Self::new();
            #[expect(clippy::cast_possible_truncation, reason = "at most INLINE_MAX")]
            {
                msg.inline_len = len as u8;
            }
            // SAFETY: the caller's promise.
            unsafe { place.write(msg) };
            return Ok(());
        }
        let block = heap::try_alloc_fixed(len, Fill::Uninit)?;
        // SAFETY: the new block has `len` payload bytes, its reference passes on, and the caller
        // promises that `place` can be written and to write the bytes before they are read.
        unsafe { place.write(Self::from_heap(block, len)) };
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::{Meta, MetaHandle, Slab};

    /// A slab of 1000 bytes of `fill` whose messages have metadata.
    fn slab(fill: u8) -> Slab {
        let mut slab = Slab::try_new(1000).unwrap();
        slab.spare_mut().fill(fill);
        slab.advance(1000);
        let user_id = Some(char::from(fill).to_string());
        slab.set_meta(&mut MetaHandle::new(Meta { user_id, ..Meta::default() }));
        slab
    }

    #[test]
    fn a_place_filled_again_has_what_it_was_given_last_and_gives_all_references_back() {
        let mut slabs = [slab(b'a'), slab(b'b')];
        let mut place = Msg::new();
        // Inline and sliced, from the same slab and from another, in every order.
        for round in 0..64_usize {
            let (from, len) = (round / 2 % 2, [7, 40, 41, 500][round / 4 % 4]);
            let start = round * 3;
            place.set_more(true);
            place.set_routing_id(9);
            if round % 3 == 0 {
                place.set_group(&[b'g'; 20][..round % 21]).unwrap();
            }
            slabs[from].slice_into(start..start + len, &mut place);
            assert_eq!(place, vec![[b'a', b'b'][from]; len]);
            assert_eq!((place.more(), place.routing_id(), place.group()), (false, 0, &b""[..]));
            assert_eq!(place.meta().unwrap().user_id.as_deref(), Some(["a", "b"][from]));
            let outstanding = slabs.each_ref().map(Slab::outstanding);
            assert_eq!(outstanding, [len > 40 && from == 0, len > 40 && from == 1]);
        }
        place.reset();
        assert!(slabs.iter().all(|slab| !slab.outstanding()));
        assert!(place.is_empty() && place.meta().is_none());
    }

    #[test]
    fn a_clone_keeps_its_bytes_when_the_place_is_filled_again() {
        let mut slab = slab(b'x');
        let mut place = slab.slice(0..100);
        let clone = place.clone();
        slab.slice_into(100..300, &mut place);
        assert_eq!((clone.len(), place.len()), (100, 200));
        drop(place);
        assert!(slab.outstanding());
        drop(clone);
        assert!(!slab.outstanding());
    }
}
