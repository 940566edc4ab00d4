//! Every bound of the engine, with its name, unit and reason. Plain constants; nothing here is
//! state, and each constant may be read from any thread.

use std::time::Duration;

/// Encoded bytes after which a stream writes without waiting for the flush tick. Measured on
/// loopback with `testing/bench`: larger gains nothing, smaller costs system calls.
pub(crate) const FLUSH_BYTES: usize = 128 * 1024;

/// Payloads of at least this many bytes are queued by reference and written with `writev`;
/// smaller ones are copied into the outbound buffer.
pub(crate) const BY_REFERENCE_BYTES: usize = 64 * 1024;

/// Longest command body taken from a peer after the handshake: a SUBSCRIBE with its topic.
pub(crate) const COMMAND_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What an encoding of the traffic may add to a frame, its header included: CURVE adds 34 octets,
/// WebSocket 15, and 64 KiB leave room for the command that an encoding may make of a frame.
pub(crate) const CODEC_OVERHEAD_BYTES_MAX: u64 = 64 * 1024;

/// Capacity in bytes of a connection's first read buffer; it grows while reads fill it. A process
/// with many sockets has one for each connection that has brought something.
pub(crate) const READ_SLAB_BYTES_MIN: usize = 1024;

/// Most bytes of one connection's read buffer.
pub(crate) const READ_SLAB_BYTES: usize = 256 * 1024;

/// A read buffer with fewer spare bytes than this is rewound or replaced before the next read.
pub(crate) const READ_SPARE_BYTES_MIN: usize = 16 * 1024;

/// A frame whose body is at least this long is received into an allocation of its own.
pub(crate) const LARGE_FRAME_BYTES: usize = 64 * 1024;

/// Answers to PINGs kept while the application is in the middle of a multipart message.
pub(crate) const HELD_ANSWERS_MAX: usize = 1000;

/// Bytes waiting for a peer that does not read, beyond which its PINGs are not answered.
pub(crate) const UNREAD_ANSWERS_BYTES_MAX: usize = 64 * 1024;

/// Most bytes one connection may read before the others of its socket get their turn.
pub(crate) const READ_TURN_BYTES: usize = 1024 * 1024;

/// A socket with more connections than this gives each read buffer back once it is drained, so
/// that an idle connection costs only its state.
pub(crate) const KEEP_SLAB_CONNECTIONS_MAX: usize = 8;

/// Sends written at once after a pause or a turn-around, before a stream is assumed.
pub(crate) const INLINE_SENDS: u32 = 4;

/// The same while fewer than `SPARSE_TICK_SENDS` messages fall into one flush tick.
pub(crate) const INLINE_SENDS_SPARSE: u32 = 32;

/// Messages in a flush tick below which a flow counts as sparse and is written at once.
pub(crate) const SPARSE_TICK_SENDS: u64 = 20;

/// Messages in a flush tick from which on a stream counts as fast: one million a second.
pub(crate) const FAST_TICK_SENDS: u64 = 100;

/// Most flush ticks in a row that leave a fast stream to its sender: one millisecond, with the
/// one that does not.
pub(crate) const FAST_TICKS_LEFT_OUT_MAX: u32 = 9;

/// A silence of this length on an empty outbound buffer ends a stream.
pub(crate) const STREAM_PAUSE: Duration = Duration::from_micros(20);

/// Messages of a durable stream that wait for the flush tick to be handed to peers; with so many
/// more does not wait. Measured with `testing/journal-bench`: handing each on by itself costs more
/// than recording it.
pub(crate) const DEFERRED_SENDS_MAX: u32 = 64;

/// Sends of a durable socket that are no further apart are a stream.
pub(crate) const DURABLE_STREAM_PAUSE: Duration = Duration::from_micros(50);

/// Period of the flush tick. It runs only while a socket has bytes buffered.
pub(crate) const FLUSH_TICK: Duration = Duration::from_micros(100);

/// Flush ticks in a row that find nothing before a socket leaves the tick list.
pub(crate) const IDLE_FLUSH_TICKS: u32 = 4;

/// How long a caller may stay away before its I/O thread takes the reading back.
pub(crate) const LEASE_TICK: Duration = Duration::from_millis(5);

/// How long a thread looks again and again before it sleeps: about what waking a sleeper on another
/// processor takes. Measured on two processors (doc/decisions/0044-spinning-before-sleeping.md).
pub(crate) const SPIN: Duration = Duration::from_micros(50);

/// Most waits without a spin after spins in vain.
pub(crate) const SPIN_RESTS_MAX: u32 = 1023;

/// Readiness events fetched by one system call.
pub(crate) const EVENTS_PER_WAIT: usize = 256;

/// Longest user id of a message's properties, in bytes.
pub(crate) const USER_ID_BYTES_MAX: usize = 255;

/// Handshakes in progress that one listener holds; beyond it, new connections wait in the kernel's
/// backlog. Each costs about a kilobyte, and what the peer has sent, at most
/// `HANDSHAKE_BYTES_MAX`.
pub(crate) const HANDSHAKES_PER_LISTENER_MAX: usize = 16_384;

/// Handshakes in progress beyond which slow ones give their places to newcomers, oldest first.
pub(crate) const SLOW_HANDSHAKES_PER_LISTENER_MAX: usize = 1024;

/// A handshake that takes longer than this gives its place to others.
pub(crate) const SLOW_HANDSHAKE: Duration = Duration::from_secs(1);

/// Bytes a peer may send before its handshake is complete.
pub(crate) const HANDSHAKE_BYTES_MAX: usize = 64 * 1024;

/// Connections accepted in one turn of a listener.
pub(crate) const ACCEPTS_PER_TURN: usize = 64;

/// Pause of a listener after the process ran out of descriptors or memory, or while it has as many
/// handshakes in progress as it may.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// How long a closing connection waits for its peer to finish after the last byte was written,
/// so that no reset destroys what is on its way.
pub(crate) const FAREWELL: Duration = Duration::from_secs(2);

/// Monitor events kept for a reader that does not read; older ones are dropped and counted.
pub(crate) const MONITOR_EVENTS_MAX: usize = 10_000;

/// Connections whose own address a monitor of the C interface remembers, of those that were made
/// and of those that were accepted.
pub(crate) const MONITORED_ADDRESSES_MAX: usize = 16_384;

/// Subscription messages an XPUB holds for its reader before it stops reading its subscribers.
pub(crate) const XPUB_PENDING_MAX: usize = 100_000;

/// Groups that one peer of a RADIO may join where no option bounds them.
pub(crate) const GROUPS_PER_PEER_MAX: usize = 1 << 20;

/// Longest datagram over udp, in bytes, with the group in front: as libzmq has it.
pub(crate) const DATAGRAM_BYTES_MAX: usize = 8192;

/// Datagrams read in one turn before others have theirs.
pub(crate) const DATAGRAMS_PER_TURN: usize = 256;

/// Messages that a closed socket takes back from its disk at once for a peer.
pub(crate) const REFILL_MESSAGES: usize = 256;

/// Messages that a proxy passes on in one direction before the other has its turn, and for which
/// it holds the locks of its sockets.
pub(crate) const PROXY_BATCH_MESSAGES: u64 = 256;

/// Bytes after which such a batch ends, if it has fewer messages.
pub(crate) const PROXY_BATCH_BYTES: u64 = 1024 * 1024;

/// How long a proxy waits for one full peer before it looks at its commands again.
pub(crate) const PROXY_HOLD_SLICE: Duration = Duration::from_millis(50);

/// Longest an infinite linger may hold up the drop of a context.
pub(crate) const DROP_LINGER_MAX: Duration = Duration::from_secs(30);

/// Notifications of peers that a ROUTER or STREAM holds for a reader that does not read; older
/// ones are dropped.
pub(crate) const PEER_NOTICES_MAX: usize = 100_000;

/// Bytes that a message counts as in the options IN_BATCH_SIZE and OUT_BATCH_SIZE: with their
/// default, 8192 messages, a batch is as large as the largest read buffer.
pub(crate) const BATCH_MESSAGE_BYTES: usize = 32;

const _: () = assert!(READ_SPARE_BYTES_MIN < READ_SLAB_BYTES);
const _: () = assert!(LARGE_FRAME_BYTES < READ_SLAB_BYTES);
const _: () = assert!(READ_TURN_BYTES >= READ_SLAB_BYTES);
const _: () = assert!(INLINE_SENDS < INLINE_SENDS_SPARSE);
const _: () = assert!(SLOW_HANDSHAKES_PER_LISTENER_MAX < HANDSHAKES_PER_LISTENER_MAX);
const _: () = assert!(8192 * BATCH_MESSAGE_BYTES >= READ_SLAB_BYTES);
const _: () = assert!(8192 * BATCH_MESSAGE_BYTES >= FLUSH_BYTES);
