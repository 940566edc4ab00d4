//! What a handshake reports: how far it is, and what the two ends agreed on.
//!
//! Plain values that the owner of the connection keeps.

use crate::codec::TrafficCodec;
use crate::frame::Framing;
use crate::metadata::Metadata;
use crate::socket_type::SocketType;
use crate::zap::{ZapRequest, ZapStatus};

/// What [`Handshake::receive`](crate::Handshake::receive) made of its input.
#[expect(clippy::large_enum_variant, reason = "passed on once a connection, never stored")]
#[derive(Debug)]
pub enum Progress {
    /// All input is understood; the handshake waits for more.
    NeedMore {
        /// Octets taken, always all of them.
        consumed: usize,
    },
    /// The ZAP handler has to be asked; give what it says to
    /// [`Handshake::authenticate`](crate::Handshake::authenticate). What arrives in the meantime
    /// may be fed as ever; at most one command is kept.
    Authenticate {
        /// Octets taken, always all of them.
        consumed: usize,
        /// What to ask.
        request: ZapRequest,
    },
    /// The ZAP handler denied the peer for the moment. The connection stays open without a word
    /// until the handshake timeout ends it; whatever else arrives is dropped.
    Silent {
        /// What the handler said; [`ZapStatus::Temporary`].
        status: ZapStatus,
    },
    /// The connection is established.
    Done {
        /// Octets taken; what follows them is traffic.
        consumed: usize,
        /// What the two ends agreed on.
        established: Established,
    },
}

/// A connection after its handshake.
#[derive(Debug)]
pub struct Established {
    /// How frames are delimited from now on, in both directions.
    pub framing: Framing,
    /// The version spoken, major and minor: 1.0, 2.0, 3.0, or 3.1 for all later ones.
    pub version: (u8, u8),
    /// The peer's socket type. `None` for a 1.0 peer, which cannot say, and for a 3.x peer that
    /// does not.
    pub peer_type: Option<SocketType>,
    /// The peer's routing id, at most 255 octets; empty if it has none or is of a type whose
    /// routing id is ignored. Some peers send one that starts with zero, which RFC 37 §The Identity
    /// Property does not permit. Only a ROUTER has use for it.
    pub routing_id: Vec<u8>,
    /// All properties of the peer's READY; empty before 3.0. At most 8 KiB.
    pub metadata: Metadata,
    /// Send SUBSCRIBE and CANCEL commands; if not, subscription messages.
    pub subscribes_by_command: bool,
    /// The peer filters at the publisher. If not (1.0), send it no subscriptions, treat it as
    /// subscribed to everything, and filter here what it sends.
    pub forwards_subscriptions: bool,
    /// The peer answers PING, so its silence has a meaning. Answer its own PINGs in any case.
    pub pings: bool,
    /// What traffic passes through; `None` when it is plain, as under NULL and PLAIN.
    pub codec: Option<TrafficCodec>,
    /// The name that the ZAP handler gave the peer, at most 255 octets; empty for none.
    pub user_id: Vec<u8>,
    /// What else the ZAP handler said of the peer; at most 8 KiB.
    pub zap_metadata: Metadata,
    /// Traffic that arrived while the handshake waited for the ZAP handler: it comes before
    /// everything that has not been fed. At most one handshake command's octets; no peer that
    /// keeps to the protocol sends any.
    pub early: Vec<u8>,
}
