//! Bounds of the C interface on what it reads from files. Constants.

/// The longest file that OXMQ_CONFIG may name. A rule has some 300 bytes, so that this is thousands
/// of them.
pub(crate) const CONFIG_BYTES_MAX: u64 = 1_048_576;
