//! Peer ids: the numbers that SERVER and PEER sockets know their peers by. Plain values.

use std::fmt;
use std::num::NonZeroU32;

/// The number of a peer on a SERVER or PEER socket.
///
/// The socket chooses it when the peer connects, or when it connects to the peer; it is valid until
/// the peer disconnects. The peer does not know it. Four bytes, never zero.
///
/// ```
/// use oxmq::PeerId;
///
/// let peer = PeerId::new(7).unwrap();
/// assert_eq!((peer.get(), peer.to_string()), (7, "7".to_owned()));
/// assert_eq!(PeerId::new(0), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(NonZeroU32);

impl PeerId {
    /// The id with this number; none for zero.
    pub fn new(number: u32) -> Option<PeerId> {
        NonZeroU32::new(number).map(PeerId)
    }

    /// The number, as [`Msg::routing_id`](crate::Msg::routing_id) has it.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
