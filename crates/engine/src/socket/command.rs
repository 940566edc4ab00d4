//! What one socket tells another, or the context a socket, through the socket's mailbox.
//!
//! Commands are the only way in which a thread that does not hold a socket's lock changes its
//! pipes; whoever next takes the lock carries them out first.

use crate::pipe::PipeId;
use crate::pipe::inproc::{InprocLink, PeerInfo};

/// A command to a socket.
pub(crate) enum Command {
    /// An inproc peer connected to this bound socket.
    Attach { link: Box<InprocLink>, peer: PeerInfo },
    /// The endpoint this socket's inproc pipe waited for was bound.
    PeerBound { pipe: PipeId, peer: PeerInfo },
    /// An inproc pipe that was found empty has messages.
    Readable(PipeId),
    /// An inproc pipe that was found full has room.
    Writable(PipeId),
    /// What a durable socket recorded is safe, or it has verdicts on messages.
    Resume,
    /// The other end of an inproc pipe is gone.
    PeerGone(PipeId),
}
