//! DGRAM: plain udp datagrams, each with the address it came from or goes to. Not ZMTP; a message
//! is an address, as `ip:port`, and a body. `zmq_udp(7)`.

use oxmq_message::Msg;

use super::Pattern;
use super::fair_queue::FairQueue;
use crate::error::{Error, Result};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// See the file's first paragraph.
#[derive(Default)]
pub(crate) struct Dgram {
    queue: FairQueue,
    /// Bound endpoints, the first one first.
    bound: Vec<PipeId>,
    /// The address of the message being sent.
    address: Option<Msg>,
}

impl Pattern for Dgram {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
        self.bound.push(id);
    }

    fn gone(&mut self, _pipes: &mut Pipes, id: PipeId) {
        self.bound.retain(|bound| *bound != id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.remove(pipes, id);
        self.bound.retain(|bound| *bound != id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        let Some(address) = &self.address else {
            if !part.more() {
                return Err(Error::InvalidMessage {
                    reason: "a DGRAM message is an address and a body",
                });
            }
            if self.bound.is_empty() {
                return Err(Error::WouldBlock);
            }
            self.address = Some(part.take());
            return Ok(());
        };
        if part.more() {
            return Err(Error::InvalidMessage { reason: "a DGRAM message has two parts" });
        }
        let body = part.take();
        pipes.send_datagram(&self.bound, address, &body);
        self.address = None;
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        self.queue.recv(pipes).map(|(_, msg)| msg).ok_or(Error::WouldBlock)
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.queue.next(pipes).is_some()
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        !self.bound.is_empty()
    }
}
