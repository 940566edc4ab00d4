//! What the data path spends, counted for the budget test: system calls and copied payload bytes.
//!
//! Without the feature `budget` every function here is empty. The counters belong to the process
//! and may be read from any thread.

#[cfg(feature = "budget")]
mod counters {
    use std::sync::atomic::{AtomicU64, Ordering};

    static SYSTEM_CALLS: AtomicU64 = AtomicU64::new(0);
    static COPIED_BYTES: AtomicU64 = AtomicU64::new(0);

    pub(crate) fn system_call() {
        SYSTEM_CALLS.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn copied(bytes: usize) {
        COPIED_BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// System calls made so far by the data path: reads, writes, waits and wake-ups.
    pub fn system_calls() -> u64 {
        SYSTEM_CALLS.load(Ordering::Relaxed)
    }

    /// Payload bytes copied so far by the engine, those that the kernel copies not counted.
    pub fn copied_bytes() -> u64 {
        COPIED_BYTES.load(Ordering::Relaxed)
    }
}

#[cfg(feature = "budget")]
pub(crate) use counters::{copied, system_call};
#[cfg(feature = "budget")]
pub use counters::{copied_bytes, system_calls};

#[cfg(not(feature = "budget"))]
#[inline]
pub(crate) fn system_call() {}

#[cfg(not(feature = "budget"))]
#[inline]
pub(crate) fn copied(_bytes: usize) {}
