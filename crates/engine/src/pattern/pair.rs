//! PAIR: an exclusive link between two peers. RFC 31 §The PAIR Socket Type.

use std::collections::VecDeque;

use oxmq_message::Msg;

use super::Pattern;
use crate::error::{Error, Result};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// One peer at a time.
#[derive(Default)]
pub(crate) struct Pair {
    /// The pipe in use.
    pipe: Option<PipeId>,
    /// Pipes whose peers are gone and whose messages are still to be received, oldest first.
    draining: VecDeque<PipeId>,
    /// A message has been begun, on this pipe; `None`: it went away, and the rest is dropped.
    sending: Option<Option<PipeId>>,
}

impl Pair {
    /// The pipe the next part comes from: what peers that are gone have left comes first.
    fn readable_pipe(&self, pipes: &mut Pipes) -> Option<PipeId> {
        self.draining.iter().copied().chain(self.pipe).find(|id| pipes.has_message(*id))
    }

    fn forget_sending(&mut self, id: PipeId) {
        if self.sending == Some(Some(id)) {
            self.sending = Some(None);
        }
    }
}

impl Pattern for Pair {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        // RFC 31 §The PAIR Socket Type: SHALL create a double queue when initiating an outgoing
        // connection to a peer, and when a peer connects to it. The first pipe is the one in use;
        // the peer of a second one is refused once it is known, in `connected`.
        if self.pipe.is_none() && pipes.is_open(id) {
            self.pipe = Some(id);
        }
    }

    fn connected(&mut self, _pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        // RFC 31 §The PAIR Socket Type: MAY be connected to at most one PAIR peers.
        match self.pipe {
            Some(pipe) if pipe == id => Ok(()),
            _ => Err("a PAIR socket has one peer at a time"),
        }
    }

    fn gone(&mut self, _pipes: &mut Pipes, id: PipeId) {
        // RFC 31 §The PAIR Socket Type: if this peer disconnects, SHALL destroy its double queue
        // and SHALL discard any messages it contains. We discard what was to be sent; what was
        // received stays until it is taken, as in libzmq.
        if self.pipe == Some(id) {
            self.pipe = None;
            self.draining.push_back(id);
        }
        self.forget_sending(id);
    }

    fn removed(&mut self, _pipes: &mut Pipes, id: PipeId) {
        if self.pipe == Some(id) {
            self.pipe = None;
        }
        self.draining.retain(|pipe| *pipe != id);
        self.forget_sending(id);
    }

    fn readable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        // RFC 31 §The PAIR Socket Type: SHALL consider its peer as available only when it has a
        // outgoing queue that is not full; SHALL block on sending, or return a suitable error, when
        // it has no available peer; SHALL not accept further messages then; SHALL NOT discard
        // messages that it cannot queue.
        let id = match self.sending {
            Some(id) => id,
            None => {
                let id = self.pipe.ok_or(Error::WouldBlock)?;
                if !pipes.has_room(id) {
                    return Err(Error::WouldBlock);
                }
                Some(id)
            }
        };
        let more = part.more();
        self.sending = more.then_some(id);
        match id {
            Some(id) => pipes.push_from(id, part, more),
            None => part.reset(),
        }
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        let mut msg = Msg::new();
        self.recv_into(pipes, &mut msg)?;
        Ok(msg)
    }

    fn recv_into(&mut self, pipes: &mut Pipes, place: &mut Msg) -> Result<()> {
        // RFC 31 §The PAIR Socket Type: SHALL receive incoming messages from its single peer if it
        // has one; SHALL deliver these to its calling application.
        let id = self.readable_pipe(pipes).ok_or(Error::WouldBlock)?;
        if pipes.pop_into(id, place) { Ok(()) } else { Err(Error::WouldBlock) }
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.readable_pipe(pipes).is_some()
    }

    fn has_out(&mut self, pipes: &mut Pipes) -> bool {
        self.sending.is_some() || self.pipe.is_some_and(|id| pipes.has_room(id))
    }
}
