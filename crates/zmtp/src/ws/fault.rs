//! What a peer can do wrong on a WebSocket. Plain values.

use std::fmt;

use crate::limits;

/// Why an upgrade failed: the peer's request or answer is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpgradeFault {
    /// More octets than a request or answer may have, and no end in sight.
    TooLong,
    /// More header fields than any peer needs.
    TooManyFields,
    /// The first line is not that of a GET request over HTTP/1.1.
    RequestLine,
    /// The first line is not that of an HTTP/1.1 answer.
    StatusLine,
    /// The server refused; this is its status.
    Status(u16),
    /// A header line outside its grammar, folded, or ended by something other than CR LF.
    HeaderLine,
    /// A header that has to be there once is missing or there twice.
    Count(&'static str),
    /// A header that has to be there has a value that this protocol does not permit.
    Value(&'static str),
    /// A version of the WebSocket protocol other than 13.
    Version,
    /// The accept key is not the one of our request: an answer to somebody else.
    AcceptKey,
    /// No sub-protocol that both ends speak.
    Protocol,
    /// An extension or a message body that nobody asked for.
    Unasked(&'static str),
}

impl fmt::Display for UpgradeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => {
                write!(f, "WebSocket upgrade of over {} octets", limits::WS_UPGRADE_BYTES_MAX)
            }
            Self::TooManyFields => {
                write!(f, "WebSocket upgrade with over {} fields", limits::WS_FIELDS_MAX)
            }
            Self::RequestLine => f.write_str("not a GET request of HTTP/1.1"),
            Self::StatusLine => f.write_str("not an answer of HTTP/1.1"),
            Self::Status(status) => write!(f, "the server answered with HTTP status {status}"),
            Self::HeaderLine => f.write_str("HTTP header line outside its grammar"),
            Self::Count(name) => write!(f, "HTTP header {name} is not there once"),
            Self::Value(name) => write!(f, "HTTP header {name} has a value that does not fit"),
            Self::Version => f.write_str("WebSocket version is not 13"),
            Self::AcceptKey => f.write_str("wrong Sec-WebSocket-Accept"),
            Self::Protocol => f.write_str("no WebSocket sub-protocol that both ends speak"),
            Self::Unasked(name) => write!(f, "HTTP header {name} that was not asked for"),
        }
    }
}

impl std::error::Error for UpgradeFault {}

/// How a peer broke the framing of RFC 6455 or RFC 45.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WsFault {
    /// A reserved bit is set, which only an extension may define.
    ReservedBits,
    /// An opcode that RFC 6455 reserves.
    Opcode(u8),
    /// A client's frame is not masked.
    Unmasked,
    /// A server's frame is masked.
    Masked,
    /// A length in more octets than it needs, or of 2^63 and above.
    Length,
    /// A control frame that is fragmented or over 125 octets.
    Control,
    /// A continuation without a beginning, or a message inside another's fragments.
    Fragment,
    /// A text message; RFC 45 has binary ones only.
    Text,
    /// A message without the octet of flags.
    NoFlags,
    /// Flags other than MORE alone, COMMAND alone or none.
    Flags(u8),
    /// The fragments of a message are longer together than a message may be.
    TooLong,
    /// The peer goes on after its close frame, or sent one with a malformed status.
    AfterClose,
}

impl fmt::Display for WsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits => f.write_str("reserved bits in a WebSocket frame"),
            Self::Opcode(opcode) => write!(f, "WebSocket opcode {opcode:#x}"),
            Self::Unmasked => f.write_str("WebSocket frame of a client without mask"),
            Self::Masked => f.write_str("WebSocket frame of a server with a mask"),
            Self::Length => f.write_str("WebSocket frame length outside its grammar"),
            Self::Control => f.write_str("WebSocket control frame too long or fragmented"),
            Self::Fragment => f.write_str("WebSocket fragment out of place"),
            Self::Text => f.write_str("WebSocket text message"),
            Self::NoFlags => f.write_str("WebSocket message without flags"),
            Self::Flags(flags) => write!(f, "flags {flags:#04x} of a WebSocket message"),
            Self::TooLong => f.write_str("WebSocket message longer than permitted"),
            Self::AfterClose => f.write_str("WebSocket frame after the closing one"),
        }
    }
}
