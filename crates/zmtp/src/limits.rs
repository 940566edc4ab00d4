//! Every bound of the protocol crate, with its name, its unit and where its value comes from.
//!
//! These are constants, so any thread may read them. The assertions at the end tie related bounds
//! together at compile time.

use std::time::Duration;

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

/// Largest body of a command accepted during a handshake, in octets: an INITIATE of CURVE with a
/// full metadata block fits (257 octets more, RFC 26), and nothing bigger has a reason to arrive.
pub const HANDSHAKE_COMMAND_BYTES_MAX: usize = METADATA_BYTES_MAX + 257;

/// Most octets a [`Handshake`](crate::Handshake) holds of what a peer sent: one command frame.
pub const HANDSHAKE_INPUT_BYTES_MAX: usize =
    HANDSHAKE_COMMAND_BYTES_MAX + crate::frame::FRAME_HEADER_MAX;

/// Bound on the memory of one handshake in octets, both directions and its copies together.
pub const HANDSHAKE_BYTES_MAX: usize = 64 * 1024;

/// Octets of a key of Curve25519, public or secret (RFC 26 §CurveZMQ Commands).
pub const CURVE_KEY_BYTES: usize = 32;

/// How long one key seals the cookies of a CURVE server (RFC 26 §The WELCOME Command).
pub const COOKIE_KEY_LIFETIME: Duration = Duration::from_secs(60);

/// Largest user name and largest password of PLAIN in octets (RFC 24 §Formal Grammar).
pub const CREDENTIAL_BYTES_MAX: usize = 255;

/// Largest user id in the reply of a ZAP handler in octets. Ours: RFC 27 gives none.
pub const ZAP_USER_ID_BYTES_MAX: usize = 255;

/// Largest status text in the reply of a ZAP handler in octets. Ours: RFC 27 gives none.
pub const ZAP_STATUS_TEXT_BYTES_MAX: usize = 255;

/// Largest name of a durable socket in octets. Ours.
pub const DURABLE_NAME_BYTES_MAX: usize = 255;

/// Most ranges of offsets in one command of a durable socket. Ours: what does not fit goes in
/// another command.
pub const DURABLE_RANGES_MAX: usize = 64;

/// Most epochs that a durable sender tells in one command. Ours: a receiver that was away for more
/// takes what it has of older ones for unsettled.
pub const DURABLE_EPOCHS_MAX: usize = 64;

/// Largest path of an ipc endpoint in bytes, with the `@` of an abstract name: Linux `sun_path` is
/// 108 bytes with its final NUL.
pub const IPC_PATH_BYTES_MAX: usize = 107;

/// Largest name of an inproc endpoint in bytes; the same bound as libzmq documents.
pub const INPROC_NAME_BYTES_MAX: usize = 256;

/// Largest path of a ws or wss endpoint in bytes. Ours: it has to fit the request line that a
/// listener accepts, with room to spare.
pub const WS_PATH_BYTES_MAX: usize = 1024;

/// Largest head of a WebSocket upgrade, request or answer, in octets. Ours: a few headers of a
/// browser or a proxy fit, cookies included.
pub const WS_UPGRADE_BYTES_MAX: usize = 8 * 1024;

/// Most header fields of a WebSocket upgrade. Ours, for the same reason.
pub const WS_FIELDS_MAX: usize = 64;

/// Largest host or interface name in a tcp endpoint in bytes (RFC 1035 §2.3.4 allows 255).
pub const HOST_NAME_BYTES_MAX: usize = 255;

/// Largest IPv6 scope (an interface name or number) in bytes. Linux interface names have 15.
pub const SCOPE_BYTES_MAX: usize = 63;

// A handshake holds at most: one input frame and one more that came too early, what was sealed in
// the former, the metadata made of it, its own in its configuration and, as a command, in the
// output queue. The vectors that grow piece by piece may own twice what they hold.
const _: () = assert!(
    2 * HANDSHAKE_INPUT_BYTES_MAX
        + HANDSHAKE_INPUT_BYTES_MAX
        + 3 * METADATA_BYTES_MAX
        + HANDSHAKE_COMMAND_BYTES_MAX
        + GREETING_BYTES
        < HANDSHAKE_BYTES_MAX
);
// A 1.0 identity frame and a 2.0 identity frame fit the same input bound.
const _: () =
    assert!(ROUTING_ID_BYTES_MAX + crate::frame::FRAME_HEADER_MAX < HANDSHAKE_INPUT_BYTES_MAX);
const _: () = assert!(PROPERTY_NAME_BYTES_MAX + 5 < METADATA_BYTES_MAX);
