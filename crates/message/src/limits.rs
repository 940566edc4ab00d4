//! The bounds of this crate, each with its unit and where its value comes from. Read by every
//! other file; nothing here has state.

/// The longest payload, in bytes, that a [`Msg`](crate::Msg) stores inside itself.
///
/// 64 bytes of message less the metadata pointer, the delivery id, the routing id and four bytes
/// of tags. Payloads up to this length never allocate.
pub const INLINE_MAX: usize = 40;

/// The longest group of a [`Msg`](crate::Msg), in bytes. RFC 48 §Group.
pub const GROUP_MAX: usize = 255;

/// The capacity, in bytes, of the read slabs that the process-wide pool keeps.
///
/// One read of this size empties a full socket buffer of a fast loopback stream; larger slabs
/// gained nothing in the throughput prototype and fall out of the second-level cache.
pub const SLAB_BYTES: usize = 256 * 1024;

/// How many freed slabs of [`SLAB_BYTES`] the process keeps for reuse.
///
/// Upper bound of the memory held by the pool: `SLAB_POOL_MAX * SLAB_BYTES`, 4 MiB.
pub const SLAB_POOL_MAX: usize = 16;

/// The size, in bytes, of the slabs that each thread cuts payloads of medium length from.
pub(crate) const BUMP_BYTES: usize = 64 * 1024;

/// The largest piece of such a slab, in bytes, with its header: beyond it the general allocator
/// costs little beside filling the payload.
pub(crate) const BUMP_PIECE_MAX: usize = 2048 + 16;

/// How many such slabs that nobody uses the process keeps: 4 MiB, which is what two queues of a
/// thousand messages of a kilobyte hold.
pub(crate) const BUMP_POOL_MAX: usize = 64;

/// The memory, in bytes, that a [`Body`](crate::Body) may hold beyond twice what was received.
pub const BODY_SLACK_BYTES: usize = 64 * 1024;

/// The most spare bytes that [`Body::spare_mut`](crate::Body::spare_mut) clears and shows at once.
///
/// Bytes are cleared right before they are received, so the step has to fit the second-level cache.
pub(crate) const BODY_STEP_BYTES: usize = 128 * 1024;

/// References that an owner takes with one atomic addition and then hands out by a local counter.
///
/// Every slab takes a batch of its connection's metadata references, so the batch has to be small
/// beside `REFS_MAX` where a word has 32 bits.
pub(crate) const REFS_BATCH: usize = if usize::BITS >= 64 { 1 << 20 } else { 1 << 8 };

/// The count beyond which a block is never freed: only leaked clones can reach it, and wrapping
/// round would free memory in use.
pub(crate) const REFS_MAX: usize = isize::MAX as usize;

const _: () = assert!(INLINE_MAX <= u8::MAX as usize);
const _: () = assert!(REFS_BATCH < REFS_MAX / 2);
const _: () = assert!(BODY_STEP_BYTES >= BODY_SLACK_BYTES);
