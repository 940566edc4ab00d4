//! Commands: the frames that ZMTP itself uses, read and written.
//!
//! A `Command` borrows from the frame body it was parsed from (READY owns its metadata). It is a
//! plain value without a thread of its own.

use crate::error::ProtocolError;
use crate::frame::{FRAME_HEADER_MAX, Framing};
use crate::limits::{
    COMMAND_NAME_BYTES_MAX, ERROR_REASON_BYTES_MAX, GROUP_BYTES_MAX, PING_CONTEXT_BYTES_MAX,
    PING_TTL_BYTES,
};
use crate::metadata::Metadata;

/// One ZMTP 3.x command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// READY: the sender's metadata; ends a NULL handshake.
    Ready(Metadata),
    /// ERROR: the sender refuses the connection. Fatal.
    Error {
        /// Text for a log, at most 255 octets. Unchecked: escape it before showing it.
        reason: &'a [u8],
    },
    /// SUBSCRIBE: the sender wants messages that start with this topic.
    Subscribe(&'a [u8]),
    /// CANCEL: undoes one SUBSCRIBE with the same topic.
    Cancel(&'a [u8]),
    /// PING: asks for a PONG with the same context.
    Ping {
        /// Tenths of a second without traffic after which the sender wants to be disconnected;
        /// 0 for no such wish. Up to 6553.5 seconds.
        ttl_deciseconds: u16,
        /// Octets to echo, at most 16.
        context: &'a [u8],
    },
    /// PONG: the answer to a PING.
    Pong {
        /// The context of the PING, at most 16 octets.
        context: &'a [u8],
    },
    /// JOIN: a DISH joins a group, at most 255 octets without a zero octet.
    Join(&'a [u8]),
    /// LEAVE: a DISH leaves a group.
    Leave(&'a [u8]),
    /// Any other command: of a mechanism, or of a version that does not exist yet.
    Unknown {
        /// The name, 1 to 255 letters.
        name: &'a [u8],
        /// What follows the name.
        body: &'a [u8],
    },
}

impl<'a> Command<'a> {
    /// Reads a command from the body of a command frame.
    ///
    /// Allocates only for READY, and at most the octets present.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] naming the fault: a name that is empty, truncated or not made of letters;
    /// a PING under 2 octets; a context over 16; a group over 255 octets or with a zero octet; an
    /// ERROR reason or READY metadata of the wrong form.
    ///
    /// # Example
    ///
    /// ```
    /// use oxmq_zmtp::{Command, ProtocolError};
    ///
    /// let ping = Command::parse(b"\x04PING\x00\x0Aabc").unwrap();
    /// assert_eq!(ping, Command::Ping { ttl_deciseconds: 10, context: b"abc" });
    /// assert_eq!(Command::parse(b"\x04PING\x00"), Err(ProtocolError::PingTooShort));
    /// ```
    pub fn parse(body: &'a [u8]) -> Result<Command<'a>, ProtocolError> {
        let (name, data) = split_name(body)?;
        Ok(match name {
            b"READY" => Command::Ready(Metadata::parse(data).map_err(ProtocolError::Metadata)?),
            b"ERROR" => Command::Error { reason: error_reason(data)? },
            b"SUBSCRIBE" => Command::Subscribe(data),
            b"CANCEL" => Command::Cancel(data),
            b"PING" => {
                // RFC 37 §Connection Heartbeating: ping-ttl = 2OCTET, in network order.
                let (ttl, context) = data
                    .split_first_chunk::<PING_TTL_BYTES>()
                    .ok_or(ProtocolError::PingTooShort)?;
                // RFC 37 §Connection Heartbeating: the context MUST not exceed 16 octets.
                if context.len() > PING_CONTEXT_BYTES_MAX {
                    return Err(ProtocolError::PingContextTooLong);
                }
                Command::Ping { ttl_deciseconds: u16::from_be_bytes(*ttl), context }
            }
            b"PONG" if data.len() > PING_CONTEXT_BYTES_MAX => {
                return Err(ProtocolError::PongContextTooLong);
            }
            b"PONG" => Command::Pong { context: data },
            b"JOIN" => Command::Join(group(data)?),
            b"LEAVE" => Command::Leave(group(data)?),
            _ => Command::Unknown { name, body: data },
        })
    }

    /// Appends this command to `out` as a whole 3.x frame, header included.
    ///
    /// What is written is always a valid frame: a field over its limit (a context over 16 octets, a
    /// group, reason or name over 255) is cut at the limit, so check a group where the user gives
    /// it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Command::Ready(metadata) => command_frame(b"READY", &[metadata.as_bytes()], out),
            Command::Error { reason } => {
                let reason = cut(reason, ERROR_REASON_BYTES_MAX);
                command_frame(b"ERROR", &[&[reason.len().to_le_bytes()[0]], reason], out);
            }
            // RFC 37 §The Publish-Subscribe Pattern: a SUB or XSUB peer SHALL send these.
            Command::Subscribe(topic) => command_frame(b"SUBSCRIBE", &[topic], out),
            Command::Cancel(topic) => command_frame(b"CANCEL", &[topic], out),
            Command::Ping { ttl_deciseconds, context } => {
                let context = cut(context, PING_CONTEXT_BYTES_MAX);
                command_frame(b"PING", &[&ttl_deciseconds.to_be_bytes(), context], out);
            }
            Command::Pong { context } => {
                command_frame(b"PONG", &[cut(context, PING_CONTEXT_BYTES_MAX)], out);
            }
            Command::Join(group) => command_frame(b"JOIN", &[cut(group, GROUP_BYTES_MAX)], out),
            Command::Leave(group) => command_frame(b"LEAVE", &[cut(group, GROUP_BYTES_MAX)], out),
            Command::Unknown { name, body } => {
                command_frame(cut(name, COMMAND_NAME_BYTES_MAX), &[body], out);
            }
        }
    }

    /// The name of the command on the wire.
    pub fn name(&self) -> &[u8] {
        match self {
            Command::Ready(_) => b"READY",
            Command::Error { .. } => b"ERROR",
            Command::Subscribe(_) => b"SUBSCRIBE",
            Command::Cancel(_) => b"CANCEL",
            Command::Ping { .. } => b"PING",
            Command::Pong { .. } => b"PONG",
            Command::Join(_) => b"JOIN",
            Command::Leave(_) => b"LEAVE",
            Command::Unknown { name, .. } => name,
        }
    }
}

/// Splits a command body into its name and its data.
pub(crate) fn split_name(body: &[u8]) -> Result<(&[u8], &[u8]), ProtocolError> {
    let (&name_len, rest) = body.split_first().ok_or(ProtocolError::CommandNameEmpty)?;
    if name_len == 0 {
        return Err(ProtocolError::CommandNameEmpty);
    }
    let (name, data) =
        rest.split_at_checked(usize::from(name_len)).ok_or(ProtocolError::CommandNameTruncated)?;
    // RFC 37 §Formal Grammar: command-name-char = ALPHA.
    // RFC 37 §Wire Analysis of the Connection: command names SHALL be visible and printable.
    if name.iter().all(u8::is_ascii_alphabetic) {
        Ok((name, data))
    } else {
        Err(ProtocolError::CommandNameInvalid)
    }
}

pub(crate) fn error_reason(data: &[u8]) -> Result<&[u8], ProtocolError> {
    match data.split_first() {
        Some((&length, reason)) if reason.len() == usize::from(length) => Ok(reason),
        _ => Err(ProtocolError::ErrorReasonLength),
    }
}

fn group(data: &[u8]) -> Result<&[u8], ProtocolError> {
    // RFC 37 §The Radio-Dish Pattern: group = 0*255group-char, group-char = %d1-255.
    if data.len() > GROUP_BYTES_MAX {
        Err(ProtocolError::GroupTooLong)
    } else if data.contains(&0) {
        Err(ProtocolError::GroupHasZero)
    } else {
        Ok(data)
    }
}

fn cut(field: &[u8], bytes_max: usize) -> &[u8] {
    &field[..field.len().min(bytes_max)]
}

/// Appends a command frame: header, name with its size, then the parts of the data.
pub(crate) fn command_frame(name: &[u8], parts: &[&[u8]], out: &mut Vec<u8>) {
    let body_len = 1 + name.len() + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut header = [0; FRAME_HEADER_MAX];
    // RFC 37 §Authentication and Confidentiality: a body up to 255 octets SHOULD use a short size
    // and a longer one a long size.
    let header_len = Framing::V3.encode(false, true, body_len as u64, &mut header);
    out.reserve(header_len + body_len);
    out.extend_from_slice(&header[..header_len]);
    out.push(name.len().to_le_bytes()[0]);
    out.extend_from_slice(name);
    for part in parts {
        out.extend_from_slice(part);
    }
}
