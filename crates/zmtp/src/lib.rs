//! The ZMTP protocol without input or output: octets in, octets and facts out.
//!
//! This crate implements ZMTP 3.1 (RFC 37) and 3.0 (RFC 23), and the downgrade to 2.0 (RFC 15) and
//! 1.0 (RFC 13). It opens no socket, reads no clock, starts no thread and knows no message type:
//! every machine in it is a plain value that its owner feeds from whichever thread owns it.
//!
//! A connection passes through two stages:
//!
//! 1. [`Handshake`] exchanges greeting and metadata. Feed it what arrives with
//!    [`Handshake::receive`] and write what [`Handshake::transmit`] gives, until it returns
//!    [`Progress::Done`] with an [`Established`] connection. On the way it may return
//!    [`Progress::Authenticate`]: ask the ZAP handler and call [`Handshake::authenticate`].
//!    Over a WebSocket, [`WsHandshake`] does the same.
//! 2. Traffic is frames, through a [`TrafficCodec`] where the mechanism encrypts:
//!    [`Framing::decode`] reads a frame header, [`Framing::encode`] writes one,
//!    and [`Command::parse`] reads the body of a command frame.
//!
//! ```
//! use std::time::Instant;
//!
//! use oxmq_zmtp::{Handshake, HandshakeConfig, Progress, SocketType};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut ours = Handshake::new(HandshakeConfig::new(SocketType::Push))?;
//! let mut theirs = Handshake::new(HandshakeConfig::new(SocketType::Pull))?;
//! let mut wire = Vec::new();
//! let established = loop {
//!     wire.clear();
//!     ours.transmit(&mut wire);
//!     theirs.receive(&wire, Instant::now())?;
//!     wire.clear();
//!     theirs.transmit(&mut wire);
//!     if let Progress::Done { established, .. } = ours.receive(&wire, Instant::now())? {
//!         break established;
//!     }
//! };
//! assert_eq!(established.version, (3, 1));
//! assert_eq!(established.peer_type, Some(SocketType::Pull));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod codec;
mod command;
mod crypto;
mod durable;
mod endpoint;
mod entropy;
mod error;
mod frame;
mod greeting;
mod handshake;
mod keys;
pub mod limits;
mod mechanism;
mod metadata;
mod socket_type;
mod subscription;
mod ws;
pub mod z85;
mod zap;

pub use codec::{CodecError, Decoder, Encoder, TrafficCodec};
pub use command::Command;
pub use durable::{
    DURABLE_PROPERTY, DurableCommand, DurablePeer, DurableStart, GapReason, OffsetRange, SeekTo,
};
pub use endpoint::{
    AddressFault, Endpoint, EndpointError, Host, HostPort, IpcEndpoint, Port, TcpEndpoint,
    TipcEndpoint, TipcNode, UdpEndpoint, VsockCid, VsockEndpoint, WsEndpoint,
};
pub use entropy::{Entropy, EntropyError};
pub use error::{ConfigError, HandshakeError, MetadataFault, ProtocolError, code};
pub use frame::{FRAME_HEADER_MAX, FrameHeader, Framing};
pub use handshake::{Established, Handshake, HandshakeConfig, Progress};
pub use keys::{CurveKeyPair, CurvePublicKey, CurveSecretKey};
pub use mechanism::{CookieKeys, CurveConfig, MechanismConfig, Password, PlainConfig};
pub use metadata::Metadata;
pub use socket_type::SocketType;
pub use subscription::{encode_subscription, parse_subscription_message, subscription_message};
pub use ws::{
    ClientUpgrade, Masking, Opcode, ServerUpgrade, UpgradeFault, Upgraded, WsFault, WsHandshake,
    WsHeader, WsProtocol, WsProtocols,
};
pub use zap::{ZapFault, ZapRequest, ZapStatus, ZapVerdict, parse_zap_reply};
