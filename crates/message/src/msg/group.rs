//! The group of a message, which RADIO and DISH sockets send by and receive by. RFC 48 §Group.
//!
//! A group of up to seven bytes lies in the message itself; a longer one in a counted block, which
//! clones share. Both are closed by a zero byte, as C programs read them.

use std::ffi::CStr;
use std::ptr::NonNull;

use super::{LONG_GROUP, Label, Msg, SHORT_GROUP};
use crate::error::GroupError;
use crate::heap::{self, Fill, Heap};
use crate::limits::GROUP_MAX;

/// The longest group that is stored in the message.
const SHORT_MAX: usize = size_of::<Label>() - 1;

impl Msg {
    /// Gives the message a group, which takes the place of a delivery id. Allocates for a group of
    /// more than seven bytes.
    ///
    /// # Errors
    /// A group of more than [`GROUP_MAX`] bytes or with a zero byte in it; [`GroupError::Memory`].
    /// The message is unchanged then.
    ///
    /// ```
    /// use oxmq_message::Msg;
    ///
    /// let mut msg = Msg::from("rain");
    /// msg.set_group(b"weather")?;
    /// assert_eq!((msg.group(), &msg[..]), (&b"weather"[..], &b"rain"[..]));
    /// assert!(msg.set_group(&[1; 256]).is_err());
    /// # Ok::<(), oxmq_message::GroupError>(())
    /// ```
    // RFC 48 §Group: length MUST be between 0 to 255 bytes; group character MUST be one byte with
    // allowed values 1-255.
    pub fn set_group(&mut self, group: &[u8]) -> Result<(), GroupError> {
        if group.len() > GROUP_MAX {
            return Err(GroupError::TooLong(group.len()));
        }
        if group.contains(&0) {
            return Err(GroupError::HasZero);
        }
        if group.len() <= SHORT_MAX {
            let mut short = [0; SHORT_MAX + 1];
            short[..group.len()].copy_from_slice(group);
            self.clear_group();
            self.label = Label { short };
            self.flags |= SHORT_GROUP;
            return Ok(());
        }
        let block =
            heap::try_alloc_fixed(group.len() + 1, Fill::Zero).map_err(GroupError::Memory)?;
        // SAFETY: the new block has room for the group and a zero byte, which is there already, and
        // nobody else knows the block.
        unsafe { heap::payload(block).copy_from_nonoverlapping(group.as_ptr(), group.len()) };
        self.clear_group();
        self.label = Label { long: block.as_ptr() };
        self.flags |= LONG_GROUP;
        Ok(())
    }

    /// The group; empty if the message has none.
    #[inline]
    pub fn group(&self) -> &[u8] {
        self.group_c_str().to_bytes()
    }

    /// The group as C programs read it: valid until the message is moved, altered or dropped.
    #[inline]
    pub fn group_c_str(&self) -> &CStr {
        if self.flags & SHORT_GROUP != 0 {
            // SAFETY: the flag says that `short` is in use, and `set_group` closed it with a zero.
            unsafe { CStr::from_ptr((&raw const self.label.short).cast()) }
        } else if let Some(block) = self.group_block() {
            // SAFETY: the message holds a reference to the block, whose payload `set_group` closed
            // with a zero byte and nobody writes to.
            unsafe { CStr::from_ptr(heap::payload(block).cast_const().cast()) }
        } else {
            c""
        }
    }

    /// Takes the group away, or the delivery id.
    #[inline]
    pub(super) fn clear_group(&mut self) {
        if let Some(block) = self.group_block() {
            // SAFETY: the message gives its reference up, with the flag and the label below.
            unsafe { heap::release(block) };
        }
        self.flags &= !(SHORT_GROUP | LONG_GROUP);
        self.label = Label { delivery_id: 0 };
    }

    /// Takes another reference to a long group.
    #[inline]
    pub(super) fn acquire_group(&self) {
        if let Some(block) = self.group_block() {
            // SAFETY: this message holds a reference to the block.
            unsafe { block.as_ref() }.refs.acquire(1);
        }
    }

    #[inline]
    fn group_block(&self) -> Option<NonNull<Heap>> {
        if self.flags & LONG_GROUP == 0 {
            return None;
        }
        // SAFETY: the flag says that `long` is in use.
        NonNull::new(unsafe { self.label.long })
    }
}

#[cfg(all(test, not(loom)))]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::mem::MaybeUninit;

    use super::*;
    use crate::{MetaHandle, limits::INLINE_MAX};

    fn groups() -> Vec<Vec<u8>> {
        [0, 1, 6, 7, 8, 9, 100, 254, 255].iter().map(|len| vec![b'g'; *len]).collect()
    }

    #[test]
    fn a_group_of_any_length_is_kept_through_clones_moves_and_copies() {
        for group in groups() {
            for payload in [0, INLINE_MAX, 100] {
                let mut msg = Msg::from(vec![7; payload]);
                msg.set_group(&group).unwrap();
                msg.set_routing_id(9);
                msg.set_more(true);
                MetaHandle::new(crate::Meta::default()).attach(&mut msg);
                let clone = msg.clone();
                let mut moved = msg.take();
                assert_eq!((msg.group(), msg.routing_id()), (&b""[..], 0));
                // A payload that is shared is copied; the group stays.
                moved.make_mut();
                for msg in [&clone, &moved] {
                    assert_eq!(msg.group(), group);
                    assert_eq!(msg.group_c_str().to_bytes(), group);
                    assert_eq!((msg.len(), msg.routing_id(), msg.more()), (payload, 9, true));
                    assert_eq!(msg.delivery_id(), 0);
                }
                drop(clone);
                assert_eq!(moved.group(), group);
                assert_eq!(moved.into_vec(), vec![7; payload]);
            }
        }
    }

    #[test]
    fn the_last_group_counts_and_a_delivery_id_takes_its_place() {
        let mut msg = Msg::from("x");
        for group in groups().iter().chain(groups().iter().rev()) {
            msg.set_group(group).unwrap();
            assert_eq!(msg.group(), group.as_slice());
        }
        for group in groups() {
            msg.set_group(&group).unwrap();
            msg.set_delivery_id(5);
            assert_eq!((msg.group(), msg.delivery_id()), (&b""[..], 5));
        }
        msg.set_group(b"short").unwrap();
        assert_eq!(msg.delivery_id(), 0);
        msg.set_more(true);
        msg.set_command(true);
        assert_eq!(msg.group(), b"short");
    }

    #[test]
    fn a_group_that_is_too_long_or_has_a_zero_byte_is_refused_and_changes_nothing() {
        let mut msg = Msg::from("x");
        for group in groups() {
            msg.set_group(&group).unwrap();
            assert_eq!(msg.set_group(&[1; 256]), Err(GroupError::TooLong(256)));
            assert_eq!(msg.set_group(b"a\0b"), Err(GroupError::HasZero));
            assert_eq!(msg.set_group(b"\0"), Err(GroupError::HasZero));
            assert_eq!(msg.group(), group);
        }
    }

    #[test]
    fn zeroed_memory_and_a_new_message_have_an_empty_group() {
        // SAFETY: all zeroes is an empty message.
        let zeroed = unsafe { MaybeUninit::<Msg>::zeroed().assume_init() };
        for msg in [zeroed, Msg::new(), Msg::from("payload"), Msg::from_static(b"static")] {
            assert_eq!((msg.group(), msg.group_c_str()), (&b""[..], c""));
        }
    }

    #[test]
    fn a_message_that_is_filled_again_loses_its_group() {
        for group in groups() {
            let mut msg = Msg::from("x");
            msg.set_group(&group).unwrap();
            msg.set_inline(b"other");
            assert_eq!((msg.group(), msg.delivery_id(), &msg[..]), (&b""[..], 0, &b"other"[..]));
        }
    }
}
