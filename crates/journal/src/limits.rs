//! Every bound of the journal, with its name, its unit and where its value comes from.
//!
//! These are constants, so any thread may read them. The assertions at the end tie related bounds
//! together at compile time.

/// Longest name of a log in bytes; the same as a routing id, which may become one.
pub const LOG_NAME_BYTES_MAX: usize = 255;

/// Longest name of a consumer in bytes. The empty name is the consumer that nobody named.
pub const CONSUMER_NAME_BYTES_MAX: usize = 255;

/// Most logs in one store. Each costs memory and a place in every checkpoint.
pub const LOGS_MAX: usize = 65_536;

/// Most consumers of one log.
pub const CONSUMERS_MAX: usize = 65_536;

/// Most ranges acknowledged out of order that one consumer, or one remote cursor, may have.
pub const ACKED_RANGES_MAX: usize = 65_536;

/// Most offsets of one consumer whose attempts are counted; those beyond begin again at nothing.
pub const ATTEMPTS_MAX: usize = 65_536;

/// Most filters of one consumer.
pub const FILTERS_MAX: usize = 65_536;

/// Longest filter in bytes.
pub const FILTER_BYTES_MAX: usize = 64 * 1024;

/// Longest principal of a consumer's session in bytes.
pub const PRINCIPAL_BYTES_MAX: usize = 255;

/// Most remote cursors of one log.
pub const CURSORS_MAX: usize = 65_536;

/// Most keys of one log's small values: some for each name that a log may have to do with. All of
/// them stand in every checkpoint.
pub const VALUES_MAX: usize = 4 * CONSUMERS_MAX;

/// Longest key of a small value in bytes: a name, and what it is the name of.
pub const KEY_BYTES_MAX: usize = LOG_NAME_BYTES_MAX + 257;

/// Longest small value in bytes.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// Longest attributes of one message in bytes.
pub const ATTRIBUTES_BYTES_MAX: usize = 64 * 1024;

/// Most parts of one message.
pub const PARTS_MAX: usize = 65_536;

/// Longest record in bytes, so longest message with all its parts and attributes.
pub const RECORD_BYTES_MAX: usize = 1 << 30;

/// Most bytes of records in one batch. A batch stands in one segment as a whole.
pub const BATCH_BYTES_MAX: usize = RECORD_BYTES_MAX + (1 << 26);

/// Most gaps a log remembers; when there are more, the two oldest become one that covers both.
pub const GAPS_MAX: usize = 1024;

/// Most epochs a log remembers; the oldest are forgotten first.
pub const EPOCHS_MAX: usize = 1024;

/// Segment size in bytes when nothing else is asked for: preparing one takes a fraction of a
/// second, and unlinking is rare enough not to be seen.
pub const SEGMENT_BYTES_DEFAULT: u32 = 64 << 20;

/// Smallest segment size in bytes.
pub const SEGMENT_BYTES_MIN: u32 = 16 * 1024;

/// Largest segment size in bytes that can be asked for.
pub const SEGMENT_BYTES_MAX: u32 = 1 << 30;

/// First segment of an opened store, in bytes; the next ones grow fourfold up to the segment size,
/// so that a store opened for a moment costs little.
pub const FIRST_SEGMENT_BYTES: u32 = 1 << 20;

/// Size in bytes of the segment kept in reserve for acknowledgements on a full disk.
pub const RESERVE_BYTES: u32 = 1 << 20;

/// Bytes of recent records kept in memory for readers when nothing else is asked for.
pub const TAIL_BYTES_DEFAULT: usize = 8 << 20;

/// Bytes of records that may wait to be written before the call that adds more writes them.
pub const UNWRITTEN_BYTES_MAX: usize = 4 << 20;

/// Bytes a reader takes from a file at once.
pub const READ_AHEAD_BYTES: usize = 256 * 1024;

/// Distance in bytes between two entries of a segment's index: what finding one message may cost.
pub const INDEX_STRIDE_BYTES: u32 = 16 * 1024;

/// Bytes that a compaction copies under one hold of the lock, and one message more.
pub const COMPACT_BYTES_MAX: usize = 256 * 1024;

/// Bytes of messages in one block of a spill: large enough that its cipher and its system call cost
/// little for each message.
pub const SPILL_BLOCK_BYTES: usize = 256 * 1024 - 16;

/// Most idle blocks of a spill's file that keep their room on disk.
pub const SPILL_IDLE_SLOTS_MAX: usize = 16;

const _: () = assert!(BATCH_BYTES_MAX > RECORD_BYTES_MAX);
const _: () = assert!(BATCH_BYTES_MAX < u32::MAX as usize / 2);
const _: () = assert!(FIRST_SEGMENT_BYTES >= SEGMENT_BYTES_MIN);
const _: () = assert!(SEGMENT_BYTES_DEFAULT <= SEGMENT_BYTES_MAX);
