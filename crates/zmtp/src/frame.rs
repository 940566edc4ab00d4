//! Frame headers of the three framings: ZMTP 1.0, 2.0 and 3.x.
//!
//! A `Framing` is a `Copy` value without state; it reads and writes headers in the caller's buffer
//! and never touches a body. This runs once a frame, so the short message frame, which is nearly
//! all of the traffic, is decided in the inlined part and everything else out of line.

use crate::error::ProtocolError;
use crate::limits::{BODY_BYTES_MAX, SHORT_BODY_BYTES_MAX, V1_SHORT_LENGTH_MAX};

/// Largest frame header in octets: a ZMTP 1.0 long frame has `FF`, eight octets and its flags.
pub const FRAME_HEADER_MAX: usize = 10;

const FLAG_MORE: u8 = 0x01;
const FLAG_LONG: u8 = 0x02;
const FLAG_COMMAND: u8 = 0x04;

/// What a frame header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// More frames of the same message follow. Never with `command`.
    pub more: bool,
    /// The frame is a command, not part of a message. Only in 3.x.
    pub command: bool,
    /// Octets of the header itself: 2, 9 or 10.
    pub header_len: usize,
    /// Octets of the body that follows, below 2^63. The peer only claims it: allocate for what has
    /// arrived.
    pub body_len: u64,
}

/// How a connection delimits its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// ZMTP 1.0: length, then flags; the length counts the flags octet (RFC 13).
    V1,
    /// ZMTP 2.0: flags, then length; no commands (RFC 15).
    V2,
    /// ZMTP 3.x: flags, then length; commands (RFC 23, RFC 37).
    V3,
}

impl Framing {
    /// Reads the frame header at the start of `bytes`.
    ///
    /// `Ok(None)` means that more octets are needed; never more than [`FRAME_HEADER_MAX`]. Nothing
    /// is allocated and nothing is consumed.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] as soon as the octets present cannot start a valid header: reserved flags,
    /// a command with MORE, a length of 2^63 or more, a ZMTP 1.0 length of 0.
    ///
    /// # Example
    ///
    /// ```
    /// use oxmq_zmtp::Framing;
    ///
    /// let header = Framing::V3.decode(b"\x00\x05hello").unwrap().unwrap();
    /// assert_eq!((header.header_len, header.body_len, header.more), (2, 5, false));
    /// assert_eq!(Framing::V3.decode(b"\x00"), Ok(None));
    /// ```
    #[inline]
    pub fn decode(self, bytes: &[u8]) -> Result<Option<FrameHeader>, ProtocolError> {
        if let [flags @ (0 | FLAG_MORE), length, ..] = *bytes
            && self != Framing::V1
        {
            return Ok(Some(FrameHeader {
                more: flags == FLAG_MORE,
                command: false,
                header_len: 2,
                body_len: u64::from(length),
            }));
        }
        match self {
            Framing::V1 => decode_v1(bytes),
            Framing::V2 => decode_v2_v3(bytes, FLAG_MORE | FLAG_LONG),
            Framing::V3 => decode_v2_v3(bytes, FLAG_MORE | FLAG_LONG | FLAG_COMMAND),
        }
    }

    /// Writes the header of a frame with a body of `body_len` octets to the start of `out` and
    /// returns its length in octets.
    ///
    /// A command never has MORE, and 1.0 and 2.0 have no commands: the flag that the framing does
    /// not have is left out. A `body_len` of 2^63 or more is written as 2^63 - 1.
    #[inline]
    pub fn encode(
        self,
        more: bool,
        command: bool,
        body_len: u64,
        out: &mut [u8; FRAME_HEADER_MAX],
    ) -> usize {
        // RFC 37 §Framing: MORE SHALL be zero on command frames.
        let flags = match (self, command) {
            (Framing::V3, true) => FLAG_COMMAND,
            _ => u8::from(more),
        };
        match (self, u8::try_from(body_len)) {
            (Framing::V1, _) => encode_v1(flags, body_len, out),
            (_, Ok(length)) => {
                out[0] = flags;
                out[1] = length;
                2
            }
            (_, Err(_)) => {
                out[0] = flags | FLAG_LONG;
                out[1..9].copy_from_slice(&body_len.min(BODY_BYTES_MAX).to_be_bytes());
                9
            }
        }
    }
}

fn decode_v2_v3(bytes: &[u8], flags_known: u8) -> Result<Option<FrameHeader>, ProtocolError> {
    let Some(&flags) = bytes.first() else { return Ok(None) };
    // RFC 37 §Framing: bits 7-3 MUST be zero. RFC 15 §Framing: bits 7-2 MUST be zero.
    if flags & !flags_known != 0 {
        return Err(ProtocolError::ReservedFrameFlags { flags });
    }
    let more = flags & FLAG_MORE != 0;
    let command = flags & FLAG_COMMAND != 0;
    // RFC 37 §Framing: MORE SHALL be zero on command frames.
    if command && more {
        return Err(ProtocolError::CommandWithMore);
    }
    let (header_len, body_len) = if flags & FLAG_LONG == 0 {
        let Some(&length) = bytes.get(1) else { return Ok(None) };
        (2, u64::from(length))
    } else {
        let Some(body_len) = long_length(bytes)? else { return Ok(None) };
        (9, body_len)
    };
    Ok(Some(FrameHeader { more, command, header_len, body_len }))
}

fn decode_v1(bytes: &[u8]) -> Result<Option<FrameHeader>, ProtocolError> {
    let Some((length, flags_at)) = v1_length(bytes)? else { return Ok(None) };
    let Some(&flags) = bytes.get(flags_at) else { return Ok(None) };
    // RFC 13 §The Framing Layer: bits 7-1 SHOULD be zero. No 1.0 peer sets them, strangers do.
    if flags & !FLAG_MORE != 0 {
        return Err(ProtocolError::ReservedFrameFlags { flags });
    }
    Ok(Some(FrameHeader {
        more: flags != 0,
        command: false,
        header_len: flags_at + 1,
        body_len: length - 1,
    }))
}

/// Reads the length of a 1.0 frame, at least 1 because it counts the flags octet, and finds where
/// the flags are.
pub(crate) fn v1_length(bytes: &[u8]) -> Result<Option<(u64, usize)>, ProtocolError> {
    // RFC 13 §The Framing Layer: the minimum valid length is 1.
    match bytes.first() {
        None => Ok(None),
        Some(0) => Err(ProtocolError::ZeroLengthFrame),
        Some(0xFF) => match long_length(bytes)? {
            None => Ok(None),
            Some(0) => Err(ProtocolError::ZeroLengthFrame),
            Some(length) => Ok(Some((length, 9))),
        },
        Some(&length) => Ok(Some((u64::from(length), 1))),
    }
}

/// Reads the eight-octet length behind the first octet; `None` when they have not all arrived.
fn long_length(bytes: &[u8]) -> Result<Option<u64>, ProtocolError> {
    let Some(octets) = bytes.get(1..9).and_then(|octets| octets.first_chunk::<8>()) else {
        return Ok(None);
    };
    let length = u64::from_be_bytes(*octets);
    // RFC 37 §Framing: a long frame has a body of 0 to 2^63 - 1 octets.
    if length > BODY_BYTES_MAX {
        Err(ProtocolError::FrameTooLong { length })
    } else {
        Ok(Some(length))
    }
}

fn encode_v1(flags: u8, body_len: u64, out: &mut [u8; FRAME_HEADER_MAX]) -> usize {
    let length = body_len.min(BODY_BYTES_MAX - 1) + 1;
    // RFC 13 §The Framing Layer: lengths of 255 and more SHALL be FF and eight octets.
    if length <= V1_SHORT_LENGTH_MAX {
        out[0] = length.to_le_bytes()[0];
        out[1] = flags;
        2
    } else {
        out[0] = 0xFF;
        out[1..9].copy_from_slice(&length.to_be_bytes());
        out[9] = flags;
        10
    }
}

const _: () = assert!(SHORT_BODY_BYTES_MAX == u8::MAX as u64);
