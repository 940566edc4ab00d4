//! ZeroMQ over WebSockets (RFC 45, over RFC 6455), without input or output.
//!
//! A connection opens with an HTTP request and its answer, which agree on a sub-protocol; from then
//! on each ZMTP frame is one binary WebSocket message whose first octet is the frame's flags.
//! There is no ZMTP greeting: the mechanism's commands come at once.
//!
//! ```text
//! client  ── GET /path, Sec-WebSocket-Protocol: ZWS2.0/NULL,ZWS2.0 ──▶  server
//!         ◀── 101 Switching Protocols, Sec-WebSocket-Protocol: ZWS2.0/NULL ──
//!         ◀──▶  READY and READY, each one binary message   ◀──▶  traffic
//! ```

mod client;
mod fault;
mod frame;
mod handshake;
mod head;
mod key;
mod protocol;
mod server;
mod traffic;

pub use client::ClientUpgrade;
pub use fault::{UpgradeFault, WsFault};
pub use frame::{Masking, Opcode, WsHeader};
pub use handshake::WsHandshake;
pub use protocol::{WsProtocol, WsProtocols};
pub use server::ServerUpgrade;
pub(crate) use traffic::{Taken, WsReader, WsWriter};

/// What an upgrade made of the octets it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgraded {
    /// The request or the answer goes on; all octets were taken.
    NeedMore,
    /// It is complete. Octets after `consumed` are WebSocket frames.
    Done {
        /// Octets taken of this call's.
        consumed: usize,
        /// What the two ends agreed on.
        protocol: WsProtocol,
    },
}
