//! What a fork means for handles: those made before it are not the child's.
//!
//! The child has none of the parent's threads, its locks may be held by threads that do not exist,
//! and it shares the parent's epoll sets. So the child must not touch what it inherited. A counter
//! that each fork raises in the child tells old handles from new ones, at the cost of one load.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static EPOCH: AtomicU32 = AtomicU32::new(1);
static WATCH: Once = Once::new();

extern "C" fn in_child() {
    EPOCH.fetch_add(1, Ordering::Relaxed);
    // A store belongs to the parent; the child only keeps its files from going.
    oxmq_engine::journal::forget_in_child();
}

/// Which process this is, counted from the one that loaded the library.
#[inline]
pub(crate) fn epoch() -> u32 {
    EPOCH.load(Ordering::Relaxed)
}

/// Begins to count forks; called before the first handle is made.
pub(crate) fn watch() {
    WATCH.call_once(|| {
        // SAFETY: the handler adds to an atomic, and closes descriptors and frees memory behind
        // locks that it only tries to take; the C library's allocator works in a forked child. If
        // there is no memory to note it, handles stay usable in the child, as without it.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}
