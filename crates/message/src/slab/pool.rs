//! Slabs that nobody uses, kept for the next connection that reads. The process owns them; any
//! thread may take and put. There is no lock, so that a forked child cannot inherit a held one.
//!
//! Each place holds a whole slab or nothing. Taking swaps the place empty and putting fills an
//! empty one, so a pointer is never read while somebody else may free it and there is no ABA
//! problem.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::SlabBlock;
use crate::limits::SLAB_POOL_MAX;

static PLACES: [AtomicPtr<SlabBlock>; SLAB_POOL_MAX] =
    [const { AtomicPtr::new(ptr::null_mut()) }; SLAB_POOL_MAX];

/// Takes a slab of `SLAB_BYTES` out, if there is one. It has one reference and no metadata.
pub(super) fn take() -> Option<NonNull<SlabBlock>> {
    PLACES.iter().find_map(|place| {
        if place.load(Ordering::Relaxed).is_null() {
            return None;
        }
        // Acquire pairs with the Release in `put`: the former owner is done with the slab.
        NonNull::new(place.swap(ptr::null_mut(), Ordering::Acquire))
    })
}

/// Puts a slab in that has one reference and no metadata; false if every place is full.
pub(super) fn put(block: NonNull<SlabBlock>) -> bool {
    let fill = |place: &AtomicPtr<SlabBlock>| {
        let empty = ptr::null_mut();
        place.load(Ordering::Relaxed).is_null()
            && place
                .compare_exchange(empty, block.as_ptr(), Ordering::Release, Ordering::Relaxed)
                .is_ok()
    };
    PLACES.iter().any(fill)
}
