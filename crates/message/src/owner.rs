//! Payloads that live in somebody else's memory: a `Vec`, a user's buffer with a free function, any
//! value that lends its bytes. A small block beside the payload holds the count and the owner; the
//! last message to go drops the owner, on its own thread; `returns` says when.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::NonNull;

use crate::refs::Refs;

/// The part of the block that does not depend on the owner's type.
#[repr(C)]
pub(crate) struct Owner {
    pub(crate) refs: Refs,
    /// Drops the owner and frees the block; made for the owner's type.
    free: unsafe fn(NonNull<Owner>),
    /// The one behind it in a list of `returns`; written only after the last reference is gone.
    pub(crate) next: Cell<Option<NonNull<Owner>>>,
}

#[repr(C)]
struct Owning<T> {
    front: Owner,
    owner: T,
}

/// Makes a block with one reference around `owner`; gives the owner back if there is no memory.
pub(crate) fn try_new<T>(owner: T) -> Result<NonNull<Owner>, T> {
    let layout = Layout::new::<Owning<T>>();
    // SAFETY: the layout has a non-zero size, for it includes the count.
    let raw = unsafe { alloc(layout) };
    let Some(block) = NonNull::new(raw.cast::<Owning<T>>()) else { return Err(owner) };
    let front = Owner { refs: Refs::one(), free: free_typed::<T>, next: Cell::new(None) };
    // SAFETY: the allocation was made with the layout of the value written.
    unsafe { block.write(Owning { front, owner }) };
    Ok(block.cast())
}

/// The owner's place inside its block.
///
/// # Safety
/// The block is live and was made for a `T`.
pub(crate) unsafe fn value<T>(block: NonNull<Owner>) -> NonNull<T> {
    // SAFETY: the block is an `Owning<T>`, so the projection stays inside the allocation.
    unsafe { NonNull::new_unchecked(&raw mut (*block.cast::<Owning<T>>().as_ptr()).owner) }
}

/// Drops the owner and frees the block.
///
/// # Safety
/// The caller held the last reference and does not use the block again.
pub(crate) unsafe fn free(block: NonNull<Owner>) {
    // SAFETY: the block is live until the call, and `free` was made for the type it holds.
    unsafe {
        let free = block.as_ref().free;
        free(block);
    }
}

/// Takes the owner out and frees the block.
///
/// # Safety
/// The caller held the last reference, does not use the block again, and it was made for a `T`.
pub(crate) unsafe fn take<T>(block: NonNull<Owner>) -> T {
    // SAFETY: the sole holder reads the owner once and frees the block without dropping it, with
    // the layout that `try_new` used.
    unsafe {
        let owner = value::<T>(block).read();
        dealloc(block.as_ptr().cast(), Layout::new::<Owning<T>>());
        owner
    }
}

unsafe fn free_typed<T>(block: NonNull<Owner>) {
    // SAFETY: `try_new::<T>` stored this function in the block, so it holds a `T`; the caller was
    // the last holder, drops the owner once and frees the block with the layout that `try_new`
    // used. (If the drop panics, the block leaks.)
    unsafe {
        value::<T>(block).drop_in_place();
        dealloc(block.as_ptr().cast(), Layout::new::<Owning<T>>());
    }
}

/// The function that gives a user's buffer back: called once with the buffer and the hint.
pub type FreeFn = unsafe extern "C" fn(data: *mut c_void, hint: *mut c_void);

/// A buffer which a program passed to us together with the function that frees it.
pub(crate) struct UserBuffer {
    pub(crate) data: *mut c_void,
    pub(crate) hint: *mut c_void,
    pub(crate) free: Option<FreeFn>,
}

impl Drop for UserBuffer {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: `Msg::from_raw` demands a function that may be called once, on any thread,
            // with these arguments; a buffer is dropped once.
            unsafe { free(self.data, self.hint) };
        }
    }
}
