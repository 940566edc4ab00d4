//! Random numbers for routing ids, request numbers and backoff jitter: nothing secret. Any
//! thread may call.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

thread_local! {
    /// State of a splitmix64 generator, seeded by the process's hash seed.
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0u8));
}

/// Begins the generator of this thread anew.
#[cfg(feature = "simulation")]
pub(crate) fn seed(seed: u64) {
    STATE.set(seed);
}

/// The next 64 bits.
pub(crate) fn u64() -> u64 {
    STATE.with(|state| {
        let seed = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(seed);
        let mut z = seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// The next 32 bits.
pub(crate) fn u32() -> u32 {
    (u64() >> 32) as u32
}
