//! Every bound of the protocol crate, with its name, its unit and where its value comes from.
//!
//! These are constants, so any thread may read them. The assertions at the end tie related bounds
//! together at compile time.

/// Octets of a ZMTP signature: `FF`, eight octets of padding, `7F` (RFC 37 §Formal Grammar).
pub const SIGNATURE_BYTES: usize = 10;

/// Octets of a whole 3.x greeting (RFC 37 §Formal Grammar).
pub const GREETING_BYTES: usize = 64;

/// Octets of the null-padded mechanism name in a greeting (RFC 37 §Formal Grammar).
pub const MECHANISM_BYTES: usize = 20;

/// Largest frame body in octets: 2^63 - 1 (RFC 37 §Framing). What a connection really accepts is
/// the socket's maximum message size; this is only where a length stops being a length.
pub const BODY_BYTES_MAX: u64 = i64::MAX as u64;

/// Largest body of a short frame in octets (RFC 37 §Framing).
pub const SHORT_BODY_BYTES_MAX: u64 = 255;

/// Largest length field of a ZMTP 1.0 short frame; it counts the flags octet (RFC 13).
pub const V1_SHORT_LENGTH_MAX: u64 = 254;

/// Largest routing id (Identity) in octets (RFC 37 §The Identity Property).
pub const ROUTING_ID_BYTES_MAX: usize = 255;

/// Largest metadata block of one READY command in octets. Ours: RFC 37 permits 2^31 octets a value,
/// which no peer needs and every peer could use to exhaust memory.
pub const METADATA_BYTES_MAX: usize = 8 * 1024;

/// Most properties in one metadata block. Ours, for the same reason.
pub const METADATA_PROPERTIES_MAX: usize = 64;

/// Largest property name in octets (RFC 37 §The NULL Security Mechanism).
pub const PROPERTY_NAME_BYTES_MAX: usize = 255;

/// Largest property value in octets: 2^31 - 1 (RFC 37 §The NULL Security Mechanism).
pub const PROPERTY_VALUE_BYTES_MAX: u32 = i32::MAX as u32;

/// Largest command name in octets (RFC 37 §Formal Grammar).
pub const COMMAND_NAME_BYTES_MAX: usize = 255;

/// Largest reason of an ERROR command in octets (RFC 37 §The NULL Security Mechanism).
pub const ERROR_REASON_BYTES_MAX: usize = 255;

/// Largest context of PING and PONG in octets (RFC 37 §Connection Heartbeating).
pub const PING_CONTEXT_BYTES_MAX: usize = 16;

/// Octets of the time-to-live that opens a PING (RFC 37 §Connection Heartbeating).
pub const PING_TTL_BYTES: usize = 2;

/// Largest RADIO/DISH group name in octets (RFC 37 §The Radio-Dish Pattern).
pub const GROUP_BYTES_MAX: usize = 255;

/// Largest body of a command accepted during a handshake, in octets: the READY name and a full
/// metadata block fit, and nothing bigger has a reason to arrive.
pub const HANDSHAKE_COMMAND_BYTES_MAX: usize = METADATA_BYTES_MAX + 256;

/// Most octets a [`Handshake`](crate::Handshake) holds of what a peer sent: one command frame.
pub const HANDSHAKE_INPUT_BYTES_MAX: usize =
    HANDSHAKE_COMMAND_BYTES_MAX + crate::frame::FRAME_HEADER_MAX;

/// Bound on the memory of one handshake in octets, both directions and its copies together.
pub const HANDSHAKE_BYTES_MAX: usize = 64 * 1024;

/// Largest path of an ipc endpoint in bytes, with the `@` of an abstract name: Linux `sun_path` is
/// 108 bytes with its final NUL.
pub const IPC_PATH_BYTES_MAX: usize = 107;

/// Largest name of an inproc endpoint in bytes; the same bound as libzmq documents.
pub const INPROC_NAME_BYTES_MAX: usize = 256;

/// Largest host or interface name in a tcp endpoint in bytes (RFC 1035 §2.3.4 allows 255).
pub const HOST_NAME_BYTES_MAX: usize = 255;

/// Largest IPv6 scope (an interface name or number) in bytes. Linux interface names have 15.
pub const SCOPE_BYTES_MAX: usize = 63;

// A handshake holds at most: one input frame, the metadata made of it, its own READY in the output
// queue and in its configuration. A growing vector may own twice what it holds.
const _: () = assert!(
    2 * (HANDSHAKE_INPUT_BYTES_MAX + 2 * METADATA_BYTES_MAX + GREETING_BYTES) < HANDSHAKE_BYTES_MAX
);
// A 1.0 identity frame and a 2.0 identity frame fit the same input bound.
const _: () =
    assert!(ROUTING_ID_BYTES_MAX + crate::frame::FRAME_HEADER_MAX < HANDSHAKE_INPUT_BYTES_MAX);
const _: () = assert!(PROPERTY_NAME_BYTES_MAX + 5 < METADATA_BYTES_MAX);
