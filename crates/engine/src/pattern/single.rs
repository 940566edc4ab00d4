//! CLIENT, SCATTER, GATHER and CHANNEL: what DEALER, PUSH, PULL and PAIR do, with messages of a
//! single part. RFC 41 §The CLIENT Socket Type, RFC 49, RFC 52.
//!
//! What those RFCs ask beyond the single part is, word for word, what RFC 28, 30 and 31 ask of the
//! types inside, and it is tagged there. A peer's multipart message never gets here: the connection
//! is closed when its first frame is scanned, and inproc sockets of other types are not let in.

use oxmq_message::Msg;

use super::{Pattern, WakeSenders};
use crate::error::{Error, Result};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// A pattern whose messages have a single part.
pub(super) struct Single<P>(pub(super) P);

/// Refuses a part that others are to follow.
// RFC 49 §The SCATTER Socket Type, RFC 51 §The PEER Socket Type: MUST NOT send multi-part messages.
// RFC 52 §The CHANNEL Socket Type: MUST NOT send multipart messages.
// RFC 37 §Thread-Safe Socket Types: MUST disallow the sending of multipart messages; a call to send
// MUST send the entire message.
pub(super) fn check_single(part: &Msg) -> Result<()> {
    if part.more() {
        return Err(Error::InvalidMessage {
            reason: "messages of this socket type have a single part",
        });
    }
    Ok(())
}

impl<P: Pattern> Pattern for Single<P> {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.0.attached(pipes, id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        self.0.connected(pipes, id)
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.0.disconnected(pipes, id);
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.0.gone(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.0.removed(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.0.readable(pipes, id);
    }

    fn writable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.0.writable(pipes, id);
    }

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        check_single(part)?;
        self.0.send(pipes, part)
    }

    // RFC 49 §Overall Goals of this Pattern: sending and receiving messages MUST be atomic and a
    // single API call to receive or send entire message. RFC 51 and 52 say the same.
    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        self.0.recv(pipes)
    }

    fn recv_into(&mut self, pipes: &mut Pipes, place: &mut Msg) -> Result<()> {
        self.0.recv_into(pipes, place)
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.0.has_in(pipes)
    }

    fn has_out(&mut self, pipes: &mut Pipes) -> bool {
        self.0.has_out(pipes)
    }

    fn wake_senders(&mut self, pipes: &mut Pipes) -> WakeSenders {
        self.0.wake_senders(pipes)
    }
}
