//! PAIR: an exclusive link between two peers. RFC 31.

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
    /// A pipe whose peer is gone and whose messages are still to be received.
    draining: Option<PipeId>,
    mid_message: bool,
}

impl Pattern for Pair {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        // RFC 31 §2: "SHALL consider its peer as available only when it has an outgoing queue";
        // a second peer is refused once it is known, in `connected`.
        if self.pipe.is_none() && pipes.is_open(id) {
            self.pipe = Some(id);
        }
    }

    fn connected(&mut self, _pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        // RFC 31 §2: "SHALL NOT accept or create more than one connection at a time".
        match self.pipe {
            Some(pipe) if pipe == id => Ok(()),
            _ => Err("a PAIR socket has one peer at a time"),
        }
    }

    fn gone(&mut self, _pipes: &mut Pipes, id: PipeId) {
        if self.pipe == Some(id) {
            self.pipe = None;
            self.draining = Some(id);
            self.mid_message = false;
        }
    }

    fn removed(&mut self, _pipes: &mut Pipes, id: PipeId) {
        if self.pipe == Some(id) {
            self.pipe = None;
            self.mid_message = false;
        }
        if self.draining == Some(id) {
            self.draining = None;
        }
    }

    fn readable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        // RFC 31 §2: "SHALL block on sending, or return a suitable error, when it has no
        // connected peer".
        let id = self.pipe.ok_or(Error::WouldBlock)?;
        if !self.mid_message && !pipes.has_room(id) {
            return Err(Error::WouldBlock);
        }
        let more = part.more();
        self.mid_message = more;
        pipes.push(id, part.take(), more);
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        for id in [self.draining, self.pipe].into_iter().flatten() {
            if pipes.has_message(id)
                && let Some(msg) = pipes.pop(id)
            {
                return Ok(msg);
            }
        }
        Err(Error::WouldBlock)
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        [self.draining, self.pipe].into_iter().flatten().any(|id| pipes.has_message(id))
    }

    fn has_out(&mut self, pipes: &mut Pipes) -> bool {
        self.pipe.is_some_and(|id| self.mid_message || pipes.has_room(id))
    }
}
