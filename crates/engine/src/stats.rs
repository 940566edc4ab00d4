//! What can be seen of a socket at a moment: its peers, queues, drops and reconnects. Plain data,
//! copied out under the socket's lock.

use oxmq_zmtp::SocketType;

/// Messages a socket did not pass on, by reason. Counts from the socket's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drops {
    /// The peer's queue was full, on a type that drops in that case (PUB, XPUB, ROUTER, RADIO), or
    /// the kernel had no room for a datagram.
    pub high_water_mark: u64,
    /// No peer had the routing id, or the asker of a reply was gone; over udp, the network refused
    /// the datagram, or it would have been longer than 8 KiB.
    pub unroutable: u64,
    /// A message without the envelope its pattern asks for, or from a peer not asked; a datagram
    /// that is not a group and a body, or longer than 8 KiB.
    pub malformed: u64,
    /// Messages in the queue of a peer that disconnected.
    pub disconnected: u64,
    /// Messages that a disk did not give back: see SPILL_DIR.
    pub spill: u64,
}

/// How far the link to a peer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerState {
    /// Not connected; messages queue up to the high-water mark, and the session tries again.
    Connecting,
    /// Connected.
    Connected,
    /// The peer is gone; what it sent can still be received.
    Draining,
}

/// One peer of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerSnapshot {
    /// The endpoint of ours that the link belongs to.
    pub endpoint: String,
    /// The peer's address, such as `tcp://127.0.0.1:41532`; empty for inproc or if not connected.
    pub remote: String,
    /// The link's state.
    pub state: PeerState,
    /// The peer's socket type, if it told.
    pub socket_type: Option<SocketType>,
    /// The peer's routing id, given by itself or by a ROUTER; may be empty.
    pub routing_id: Vec<u8>,
    /// Whole messages accepted from the application and not yet given to the kernel.
    pub queued_out: usize,
    /// Bytes of those, with framing; 0 for inproc.
    pub queued_out_bytes: usize,
    /// Whole messages received and not yet taken by the application.
    pub queued_in: usize,
    /// Whole messages and payload bytes since the link was made.
    pub messages_in: u64,
    /// Payload bytes received.
    pub bytes_in: u64,
    /// Whole messages accepted for this peer.
    pub messages_out: u64,
    /// Payload bytes accepted for this peer.
    pub bytes_out: u64,
    /// Messages dropped because this peer's queue was full.
    pub dropped: u64,
    /// Connections made after the first one.
    pub reconnects: u64,
}

/// A socket at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketSnapshot {
    /// The socket's type.
    pub socket_type: SocketType,
    /// Its peers, connected or not.
    pub peers: Vec<PeerSnapshot>,
    /// What it dropped.
    pub drops: Drops,
    /// Whole messages taken by the application, over all peers that ever were.
    pub messages_in: u64,
    /// Payload bytes of those.
    pub bytes_in: u64,
    /// Whole messages accepted from the application and routed to a peer.
    pub messages_out: u64,
    /// Payload bytes of those.
    pub bytes_out: u64,
    /// Connections made after the first one of their session.
    pub reconnects: u64,
}
