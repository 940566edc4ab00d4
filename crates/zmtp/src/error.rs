//! What can go wrong, and whose fault it is.
//!
//! [`ProtocolError`]: the peer broke the protocol. [`HandshakeError`]: the connection cannot be
//! established, because of a broken protocol or because the two ends do not fit. [`ConfigError`]:
//! our own caller asked for a handshake that the protocol does not permit. All are plain values.

use std::fmt;

use crate::entropy::EntropyError;
use crate::limits;
use crate::socket_type::SocketType;
use crate::ws::{UpgradeFault, WsFault};
use crate::zap::{ZapFault, ZapStatus};

/// The peer broke the protocol; each fault has its own variant.
///
/// The only answer is to close the connection. [`zmq_code`](Self::zmq_code) gives the number under
/// which a socket monitor reports the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A frame has reserved flag bits set (RFC 37, 15 and 13 §Framing).
    ReservedFrameFlags {
        /// The flags octet as it arrived.
        flags: u8,
    },
    /// A command frame claims that more frames follow (RFC 37 §Framing).
    CommandWithMore,
    /// A frame declares a body of 2^63 octets or more (RFC 37 §Framing).
    FrameTooLong {
        /// The length field as it arrived.
        length: u64,
    },
    /// A ZMTP 1.0 frame declares length 0, which has no room for its flags octet (RFC 13).
    ZeroLengthFrame,
    /// A command during the handshake is larger than the handshake accepts.
    HandshakeCommandTooLarge {
        /// The declared body size in octets.
        size: u64,
    },
    /// A message frame arrived before the handshake was complete.
    MessageInHandshake,
    /// A HELLO has not the form that its mechanism gives it.
    HelloMalformed,
    /// A WELCOME has not the form that its mechanism gives it.
    WelcomeMalformed,
    /// An INITIATE has not the form that its mechanism gives it.
    InitiateMalformed,
    /// A READY has not the form that its mechanism gives it.
    ReadyMalformed,
    /// A MESSAGE has not the form that CURVE gives it.
    MessageMalformed,
    /// A short nonce is not greater than the one before it (RFC 26 §The HELLO Command).
    NonceOutOfSequence,
    /// A box was sealed with other keys or has been changed on its way (RFC 26).
    BoxDoesNotOpen,
    /// A public key is of small order, all zero among others, so it makes no secret.
    WeakKey,
    /// The cookie of an INITIATE is too old to be opened (RFC 26 §The WELCOME Command).
    CookieExpired,
    /// The vouch of an INITIATE is for another connection or another server (RFC 26 §The INITIATE
    /// Command).
    VouchInvalid,
    /// Both ends say that they are the server.
    RolesEqual,
    /// The peer sent more than one command's octets before it was authenticated.
    TooEarly,
    /// A command arrived that has no meaning in this state of the connection.
    UnexpectedCommand {
        /// The state the connection was in.
        state: &'static str,
    },
    /// A command frame has an empty body or a zero-length name.
    CommandNameEmpty,
    /// A command name runs past the end of its frame.
    CommandNameTruncated,
    /// A command name holds something other than letters.
    CommandNameInvalid,
    /// A PING body is under two octets, so it has no time-to-live.
    PingTooShort,
    /// A PING context is over 16 octets.
    PingContextTooLong,
    /// A PONG context is over 16 octets.
    PongContextTooLong,
    /// A command of durable sockets has the wrong form.
    DurableCommand {
        /// Its name.
        name: &'static str,
    },
    /// A group name in JOIN or LEAVE is over 255 octets.
    GroupTooLong,
    /// A group name in JOIN or LEAVE holds a zero octet.
    GroupHasZero,
    /// A frame with the MORE flag from a peer whose messages have a single part (RFC 49, 51, 52).
    MultipartMessage,
    /// A RADIO message that is not a group frame and a body frame (RFC 37 §The Radio-Dish
    /// Pattern).
    GroupFrameMissing,
    /// The reason in an ERROR command does not have the length it declares.
    ErrorReasonLength,
    /// The metadata of a READY command is not a valid dictionary.
    Metadata(MetadataFault),
    /// The peer announces a socket type that does not exist.
    SocketTypeUnknown,
    /// The peer's routing id is over 255 octets.
    RoutingIdTooLong,
    /// A ZMTP 2.0 identity frame claims that more frames follow (RFC 15 §Formal Grammar).
    IdentityWithMore,
    /// The Resource property does not match its grammar (RFC 37 §The Resource Property).
    ResourceInvalid,
    /// The framing of a WebSocket is broken.
    WebSocket(WsFault),
    /// The peer closed its WebSocket: no fault, but the end of the connection.
    WebSocketClosed,
}

impl ProtocolError {
    /// The `ZMQ_PROTOCOL_ERROR_*` number under which a socket monitor reports this fault.
    pub const fn zmq_code(&self) -> u32 {
        use ProtocolError as E;
        match self {
            E::ReservedFrameFlags { .. }
            | E::CommandWithMore
            | E::FrameTooLong { .. }
            | E::ZeroLengthFrame
            | E::MultipartMessage
            | E::GroupFrameMissing
            | E::RolesEqual
            | E::IdentityWithMore => code::ZMTP_UNSPECIFIED,
            E::MessageInHandshake | E::TooEarly | E::UnexpectedCommand { .. } => {
                code::ZMTP_UNEXPECTED_COMMAND
            }
            E::HandshakeCommandTooLarge { .. }
            | E::CommandNameEmpty
            | E::CommandNameTruncated
            | E::CommandNameInvalid
            | E::PingTooShort
            | E::PingContextTooLong
            | E::PongContextTooLong
            | E::DurableCommand { .. }
            | E::GroupTooLong
            | E::GroupHasZero => code::ZMTP_MALFORMED_COMMAND_UNSPECIFIED,
            E::HelloMalformed => code::ZMTP_MALFORMED_COMMAND_HELLO,
            E::WelcomeMalformed => code::ZMTP_MALFORMED_COMMAND_WELCOME,
            E::InitiateMalformed => code::ZMTP_MALFORMED_COMMAND_INITIATE,
            E::ReadyMalformed => code::ZMTP_MALFORMED_COMMAND_READY,
            E::MessageMalformed => code::ZMTP_MALFORMED_COMMAND_MESSAGE,
            E::NonceOutOfSequence => code::ZMTP_INVALID_SEQUENCE,
            E::VouchInvalid => code::ZMTP_KEY_EXCHANGE,
            E::BoxDoesNotOpen | E::WeakKey | E::CookieExpired => code::CRYPTOGRAPHIC,
            E::ErrorReasonLength => code::ZMTP_MALFORMED_COMMAND_ERROR,
            E::WebSocket(_) | E::WebSocketClosed => code::WS_UNSPECIFIED,
            E::Metadata(_) | E::SocketTypeUnknown | E::RoutingIdTooLong | E::ResourceInvalid => {
                code::ZMTP_INVALID_METADATA
            }
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ProtocolError as E;
        f.write_str("peer broke the protocol: ")?;
        match self {
            E::ReservedFrameFlags { flags } => {
                write!(f, "reserved bits in frame flags {flags:#04x}")
            }
            E::CommandWithMore => f.write_str("command frame with the MORE flag"),
            E::FrameTooLong { length } => write!(f, "frame length {length} is not below 2^63"),
            E::ZeroLengthFrame => f.write_str("ZMTP 1.0 frame of length 0"),
            E::HandshakeCommandTooLarge { size } => write!(
                f,
                "handshake command of {size} octets, at most {} accepted",
                limits::HANDSHAKE_COMMAND_BYTES_MAX
            ),
            E::MessageInHandshake => f.write_str("message frame during the handshake"),
            E::HelloMalformed => f.write_str("malformed HELLO"),
            E::WelcomeMalformed => f.write_str("malformed WELCOME"),
            E::InitiateMalformed => f.write_str("malformed INITIATE"),
            E::ReadyMalformed => f.write_str("malformed READY"),
            E::MessageMalformed => f.write_str("malformed MESSAGE"),
            E::NonceOutOfSequence => f.write_str("nonce not greater than the one before"),
            E::BoxDoesNotOpen => f.write_str("a box does not open"),
            E::WeakKey => f.write_str("a public key of small order"),
            E::CookieExpired => f.write_str("the cookie is too old"),
            E::VouchInvalid => f.write_str("the vouch is for another connection or server"),
            E::RolesEqual => f.write_str("both ends are the server"),
            E::TooEarly => f.write_str("more than one command before the authentication"),
            E::UnexpectedCommand { state } => write!(f, "unexpected command in state {state}"),
            E::CommandNameEmpty => f.write_str("command without a name"),
            E::CommandNameTruncated => f.write_str("command name longer than its frame"),
            E::CommandNameInvalid => f.write_str("command name is not made of letters"),
            E::PingTooShort => f.write_str("PING body under 2 octets"),
            E::PingContextTooLong => f.write_str("PING context over 16 octets"),
            E::PongContextTooLong => f.write_str("PONG context over 16 octets"),
            E::DurableCommand { name } => write!(f, "{name} command of the wrong form"),
            E::GroupTooLong => f.write_str("group name over 255 octets"),
            E::GroupHasZero => f.write_str("group name with a zero octet"),
            E::MultipartMessage => {
                f.write_str("MORE flag in a message of a socket type with single parts")
            }
            E::GroupFrameMissing => f.write_str("message that is not a group and a body"),
            E::WebSocket(fault) => fault.fmt(f),
            E::WebSocketClosed => f.write_str("WebSocket closed"),
            E::ErrorReasonLength => f.write_str("ERROR reason of another length than declared"),
            E::Metadata(fault) => write!(f, "metadata: {fault}"),
            E::SocketTypeUnknown => f.write_str("unknown socket type"),
            E::RoutingIdTooLong => f.write_str("routing id over 255 octets"),
            E::IdentityWithMore => f.write_str("identity frame with the MORE flag"),
            E::ResourceInvalid => f.write_str("Resource property outside its grammar"),
        }
    }
}

impl std::error::Error for ProtocolError {}

/// Why a metadata dictionary is not valid (RFC 37 §The NULL Security Mechanism).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataFault {
    /// The block is over 8 KiB.
    TooLarge,
    /// The block has over 64 properties.
    TooManyProperties,
    /// A property name is empty.
    NameEmpty,
    /// A property name is over 255 octets; only a caller of ours can ask for that.
    NameTooLong,
    /// A property name holds something other than letters, digits, `-`, `_`, `.` and `+`.
    NameInvalid,
    /// A property value declares 2^31 octets or more.
    ValueTooLarge,
    /// A property runs past the end of the block.
    Truncated,
    /// Two properties have the same name, whatever its case.
    Duplicate,
}

impl fmt::Display for MetadataFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MetadataFault::TooLarge => "block over 8 KiB",
            MetadataFault::TooManyProperties => "more than 64 properties",
            MetadataFault::NameEmpty => "empty property name",
            MetadataFault::NameTooLong => "property name over 255 octets",
            MetadataFault::NameInvalid => "character not permitted in a property name",
            MetadataFault::ValueTooLarge => "property value of 2^31 octets or more",
            MetadataFault::Truncated => "property longer than its block",
            MetadataFault::Duplicate => "property given twice",
        })
    }
}

/// The connection cannot be established. Close it, after writing what
/// [`Handshake::transmit`](crate::Handshake::transmit) still has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer broke the protocol.
    Protocol(ProtocolError),
    /// The peer is sound, but our two socket types do not talk to each other.
    IncompatibleSocketTypes {
        /// Our socket type.
        ours: SocketType,
        /// The type the peer announced.
        theirs: SocketType,
    },
    /// The peer refused us with an ERROR command.
    ///
    /// RFC 37 §Error Handling: fatal, and not to be retried with the same credentials.
    Refused {
        /// The peer's reason, escaped to printable ASCII, for the log.
        reason: String,
    },
    /// The peer uses another security mechanism than we do.
    MechanismMismatch {
        /// The name of our mechanism.
        ours: &'static str,
        /// The peer's mechanism field without its padding, escaped to printable ASCII.
        theirs: String,
    },
    /// The peer speaks an older protocol version than we may use with it.
    VersionRefused {
        /// The peer's version, major and minor.
        theirs: (u8, u8),
    },
    /// The ZAP handler denied the peer; it has been told with an ERROR command.
    Denied {
        /// What the handler said: 400 or 500.
        status: ZapStatus,
    },
    /// The ZAP handler's reply does not follow RFC 27, so the peer may not come in.
    Zap(ZapFault),
    /// The upgrade to a WebSocket failed.
    Upgrade(UpgradeFault),
    /// There are no random octets for keys and nonces.
    Entropy,
    /// Our caller went on feeding a handshake that had already ended.
    Ended,
}

impl HandshakeError {
    /// The `ZMQ_PROTOCOL_ERROR_*` number of the monitor event, where libzmq has one for the case.
    pub const fn zmq_code(&self) -> Option<u32> {
        match self {
            HandshakeError::Protocol(fault) => Some(fault.zmq_code()),
            HandshakeError::IncompatibleSocketTypes { .. } => Some(code::ZMTP_INVALID_METADATA),
            HandshakeError::MechanismMismatch { .. } => Some(code::MECHANISM_MISMATCH),
            HandshakeError::Zap(fault) => Some(fault.zmq_code()),
            HandshakeError::Upgrade(_) => Some(code::WS_UNSPECIFIED),
            HandshakeError::Refused { .. }
            | HandshakeError::Denied { .. }
            | HandshakeError::Entropy
            | HandshakeError::VersionRefused { .. }
            | HandshakeError::Ended => None,
        }
    }

    /// The ZAP status: of the peer's handler when the peer refused us with one in its ERROR
    /// command, of our own when it denied the peer (RFC 27).
    pub fn zap_status(&self) -> Option<ZapStatus> {
        match self {
            HandshakeError::Refused { reason } => ZapStatus::from_digits(reason.as_bytes()),
            HandshakeError::Denied { status } => Some(*status),
            _ => None,
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::Protocol(fault) => fault.fmt(f),
            HandshakeError::IncompatibleSocketTypes { ours, theirs } => {
                write!(f, "a {ours} socket does not talk to a {theirs} socket")
            }
            HandshakeError::Refused { reason } => write!(f, "peer refused us: {reason}"),
            HandshakeError::MechanismMismatch { ours, theirs } => {
                write!(f, "peer uses mechanism {theirs:?}, we use {ours:?}")
            }
            HandshakeError::VersionRefused { theirs: (major, minor) } => {
                write!(f, "peer speaks ZMTP {major}.{minor}, which this socket does not permit")
            }
            HandshakeError::Denied { status } => {
                write!(f, "the ZAP handler denied the peer: {}", status.code())
            }
            HandshakeError::Zap(fault) => fault.fmt(f),
            HandshakeError::Upgrade(fault) => fault.fmt(f),
            HandshakeError::Entropy => EntropyError.fmt(f),
            HandshakeError::Ended => f.write_str("the handshake has already ended"),
        }
    }
}

impl std::error::Error for HandshakeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            HandshakeError::Protocol(fault) => Some(fault),
            _ => None,
        }
    }
}

impl From<EntropyError> for HandshakeError {
    fn from(_: EntropyError) -> Self {
        HandshakeError::Entropy
    }
}

impl From<UpgradeFault> for HandshakeError {
    fn from(fault: UpgradeFault) -> Self {
        HandshakeError::Upgrade(fault)
    }
}

impl From<ProtocolError> for HandshakeError {
    fn from(fault: ProtocolError) -> Self {
        HandshakeError::Protocol(fault)
    }
}

/// Our caller configured a handshake that the protocol does not permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The socket type speaks no ZMTP (STREAM, DGRAM).
    NotZmtp,
    /// The routing id is over 255 octets.
    RoutingIdTooLong,
    /// The resource does not match the grammar of RFC 37 §The Resource Property.
    ResourceInvalid,
    /// An application property does not start with `X-` (RFC 37 §Connection Metadata).
    NotApplicationProperty,
    /// The application properties do not make a valid dictionary.
    Metadata(MetadataFault),
    /// A user name or a password is over 255 octets.
    CredentialTooLong,
    /// There are no random octets for the key of a WebSocket upgrade.
    Entropy,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::NotZmtp => f.write_str("the socket type speaks no ZMTP"),
            ConfigError::RoutingIdTooLong => f.write_str("routing id over 255 octets"),
            ConfigError::ResourceInvalid => f.write_str("resource outside its grammar"),
            ConfigError::NotApplicationProperty => {
                f.write_str("application property does not start with X-")
            }
            ConfigError::Metadata(fault) => write!(f, "metadata: {fault}"),
            ConfigError::Entropy => EntropyError.fmt(f),
            ConfigError::CredentialTooLong => f.write_str("user name or password over 255 octets"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// The protocol error numbers of the C API, which monitors report.
pub mod code {
    /// No closer description.
    pub const ZMTP_UNSPECIFIED: u32 = 0x1000_0000;
    /// A command out of place.
    pub const ZMTP_UNEXPECTED_COMMAND: u32 = 0x1000_0001;
    /// A nonce out of sequence.
    pub const ZMTP_INVALID_SEQUENCE: u32 = 0x1000_0002;
    /// The key exchange failed.
    pub const ZMTP_KEY_EXCHANGE: u32 = 0x1000_0003;
    /// A malformed command without a number of its own.
    pub const ZMTP_MALFORMED_COMMAND_UNSPECIFIED: u32 = 0x1000_0011;
    /// A malformed MESSAGE.
    pub const ZMTP_MALFORMED_COMMAND_MESSAGE: u32 = 0x1000_0012;
    /// A malformed HELLO.
    pub const ZMTP_MALFORMED_COMMAND_HELLO: u32 = 0x1000_0013;
    /// A malformed INITIATE.
    pub const ZMTP_MALFORMED_COMMAND_INITIATE: u32 = 0x1000_0014;
    /// A malformed ERROR.
    pub const ZMTP_MALFORMED_COMMAND_ERROR: u32 = 0x1000_0015;
    /// A malformed READY.
    pub const ZMTP_MALFORMED_COMMAND_READY: u32 = 0x1000_0016;
    /// A malformed WELCOME.
    pub const ZMTP_MALFORMED_COMMAND_WELCOME: u32 = 0x1000_0017;
    /// Metadata that is not valid or not acceptable.
    pub const ZMTP_INVALID_METADATA: u32 = 0x1000_0018;
    /// A cryptographic check failed.
    pub const CRYPTOGRAPHIC: u32 = 0x1100_0001;
    /// The peers use different mechanisms.
    pub const MECHANISM_MISMATCH: u32 = 0x1100_0002;
    /// A ZAP handler's fault without a closer description.
    pub const ZAP_UNSPECIFIED: u32 = 0x2000_0000;
    /// A ZAP reply of the wrong form.
    pub const ZAP_MALFORMED_REPLY: u32 = 0x2000_0001;
    /// A ZAP reply to another request.
    pub const ZAP_BAD_REQUEST_ID: u32 = 0x2000_0002;
    /// A ZAP reply of another version.
    pub const ZAP_BAD_VERSION: u32 = 0x2000_0003;
    /// A ZAP reply with an unknown status.
    pub const ZAP_INVALID_STATUS_CODE: u32 = 0x2000_0004;
    /// A ZAP reply with metadata that is not valid.
    pub const ZAP_INVALID_METADATA: u32 = 0x2000_0005;
    /// A WebSocket's upgrade or framing.
    pub const WS_UNSPECIFIED: u32 = 0x3000_0000;
}
