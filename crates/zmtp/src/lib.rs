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
//!    [`Progress::Done`] with an [`Established`] connection.
//! 2. Traffic is frames: [`Framing::decode`] reads a frame header, [`Framing::encode`] writes one,
//!    and [`Command::parse`] reads the body of a command frame.
//!
//! ```
//! use oxmq_zmtp::{Handshake, HandshakeConfig, Progress, SocketType};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut ours = Handshake::new(HandshakeConfig::new(SocketType::Push))?;
//! let mut theirs = Handshake::new(HandshakeConfig::new(SocketType::Pull))?;
//! let mut wire = Vec::new();
//! let established = loop {
//!     wire.clear();
//!     ours.transmit(&mut wire);
//!     theirs.receive(&wire)?;
//!     wire.clear();
//!     theirs.transmit(&mut wire);
//!     if let Progress::Done { established, .. } = ours.receive(&wire)? {
//!         break established;
//!     }
//! };
//! assert_eq!(established.version, (3, 1));
//! assert_eq!(established.peer_type, Some(SocketType::Pull));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod command;
mod endpoint;
mod error;
mod frame;
mod greeting;
mod handshake;
pub mod limits;
mod mechanism;
mod metadata;
mod socket_type;
mod subscription;

pub use command::Command;
pub use endpoint::{
    AddressFault, Endpoint, EndpointError, Host, HostPort, IpcEndpoint, Port, TcpEndpoint,
};
pub use error::{ConfigError, HandshakeError, MetadataFault, ProtocolError, code};
pub use frame::{FRAME_HEADER_MAX, FrameHeader, Framing};
pub use handshake::{Established, Handshake, HandshakeConfig, Progress, TrafficCodec};
pub use mechanism::MechanismConfig;
pub use metadata::Metadata;
pub use socket_type::SocketType;
pub use subscription::{encode_subscription, parse_subscription_message, subscription_message};
