//! Authentication by ZAP (RFC 27), without input or output: requests and replies as frames.
//!
//! A handshake that needs a verdict returns [`Progress::Authenticate`](crate::Progress) with a
//! [`ZapRequest`]; the owner of the connection asks the handler and gives what it said to
//! [`Handshake::authenticate`](crate::Handshake::authenticate) as a [`ZapVerdict`]. Plain values.

mod reply;

pub use reply::parse_zap_reply;

use std::fmt;

use crate::error::code;
use crate::metadata::Metadata;

/// What a handshake asks the ZAP handler.
#[derive(Clone, PartialEq, Eq)]
pub struct ZapRequest {
    /// The name of the mechanism: `NULL`, `PLAIN` or `CURVE`.
    pub mechanism: &'static str,
    /// What the mechanism knows of the client: nothing for NULL; user name and password, each at
    /// most 255 octets, for PLAIN; the client's public key, 32 octets, for CURVE.
    pub credentials: Vec<Vec<u8>>,
    /// The routing id of the asking socket, at most 255 octets. RFC 27 leaves open whose identity
    /// it is; the reference sends its own, and asks before a client has told any.
    pub routing_id: Vec<u8>,
}

impl ZapRequest {
    /// The frames of the request, without the empty delimiter that a REQ socket would put first.
    ///
    /// `domain` is the ZAP domain of the socket, `address` the address of the peer.
    // RFC 27 §The ZAP Protocol (request): version, request id, domain, address, identity,
    // mechanism, credentials, each a frame.
    pub fn frames(&self, domain: &[u8], address: &[u8]) -> Vec<Vec<u8>> {
        let head = [
            ZAP_VERSION,
            ZAP_REQUEST_ID,
            domain,
            address,
            &self.routing_id,
            self.mechanism.as_bytes(),
        ];
        head.into_iter().map(<[u8]>::to_vec).chain(self.credentials.iter().cloned()).collect()
    }
}

/// Credentials are secret: only their number is shown.
impl fmt::Debug for ZapRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZapRequest")
            .field("mechanism", &self.mechanism)
            .field("credentials", &self.credentials.len())
            .field("routing_id", &self.routing_id)
            .finish()
    }
}

/// What became of a [`ZapRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZapVerdict {
    /// The client may come in (status 200).
    Granted {
        /// The name the handler knows the client by, at most 255 octets; empty for none.
        user_id: Vec<u8>,
        /// More that the handler says of the client.
        metadata: Metadata,
    },
    /// The client may not come in.
    Denied(ZapStatus),
    /// The handler's reply does not follow RFC 27, so the client may not come in.
    Faulty(ZapFault),
}

impl ZapVerdict {
    /// Granted without a user id, as when a socket asks nobody.
    pub const fn granted() -> ZapVerdict {
        ZapVerdict::Granted { user_id: Vec::new(), metadata: Metadata::new() }
    }
}

/// The status of a refusal (RFC 27 §The ZAP Protocol).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ZapStatus {
    /// 300: a temporary error; the client may try again later.
    Temporary,
    /// 400: the credentials are wrong.
    Denied,
    /// 500: the handler has an error of its own.
    Internal,
}

impl ZapStatus {
    /// The number on the wire and in monitor events.
    pub const fn code(self) -> u16 {
        match self {
            ZapStatus::Temporary => 300,
            ZapStatus::Denied => 400,
            ZapStatus::Internal => 500,
        }
    }

    /// The status with these three digits; `None` for all others, 200 included.
    pub fn from_digits(digits: &[u8]) -> Option<ZapStatus> {
        match digits {
            b"300" => Some(ZapStatus::Temporary),
            b"400" => Some(ZapStatus::Denied),
            b"500" => Some(ZapStatus::Internal),
            _ => None,
        }
    }
}

/// What is wrong with the reply of a ZAP handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ZapFault {
    /// There was no reply, or none in time.
    NoReply,
    /// The number of frames is not seven with the delimiter, or a frame is larger than it may be.
    Malformed,
    /// The version is not `1.0`.
    Version,
    /// The request id is not that of the request.
    RequestId,
    /// The status is none of 200, 300, 400 and 500.
    Status,
    /// The metadata is not a valid dictionary.
    Metadata,
}

impl ZapFault {
    /// The `ZMQ_PROTOCOL_ERROR_ZAP_*` number under which a socket monitor reports this fault.
    pub const fn zmq_code(self) -> u32 {
        match self {
            ZapFault::NoReply => code::ZAP_UNSPECIFIED,
            ZapFault::Malformed => code::ZAP_MALFORMED_REPLY,
            ZapFault::Version => code::ZAP_BAD_VERSION,
            ZapFault::RequestId => code::ZAP_BAD_REQUEST_ID,
            ZapFault::Status => code::ZAP_INVALID_STATUS_CODE,
            ZapFault::Metadata => code::ZAP_INVALID_METADATA,
        }
    }
}

impl fmt::Display for ZapFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ZapFault::NoReply => "the ZAP handler did not reply",
            ZapFault::Malformed => "the ZAP reply has a wrong form",
            ZapFault::Version => "the ZAP reply has another version than 1.0",
            ZapFault::RequestId => "the ZAP reply answers another request",
            ZapFault::Status => "the ZAP reply has an unknown status",
            ZapFault::Metadata => "the ZAP reply has invalid metadata",
        })
    }
}

/// RFC 27 §The ZAP Protocol: the version frame SHALL contain the three octets "1.0".
const ZAP_VERSION: &[u8] = b"1.0";

/// A connection has one request under way at most, so the id never changes.
const ZAP_REQUEST_ID: &[u8] = b"1";
