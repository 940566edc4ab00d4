//! PUSH and PULL: a one-way pipeline that shares work out. RFC 30 §The PUSH Socket Type
//! and §The PULL Socket Type.

use oxmq_message::Msg;

use super::Pattern;
use super::fair_queue::FairQueue;
use super::load_balancer::LoadBalancer;
use crate::error::{Error, Result};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// Sends to its peers in turn.
#[derive(Default)]
pub(crate) struct Push {
    // RFC 30 §The PUSH Socket Type: SHALL route outgoing messages to available peers using a
    // round-robin strategy.
    balancer: LoadBalancer,
}

impl Pattern for Push {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.balancer.attach(pipes, id);
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        // RFC 30 §The PUSH Socket Type: if this peer disconnects, SHALL destroy its queue and SHALL
        // discard any messages it contains.
        self.balancer.remove(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.balancer.remove(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        // A PULL sends nothing; what comes all the same must not gather.
        while pipes.holds_message(id) && pipes.pop(id).is_some() {}
        pipes.read_on_later(id);
    }

    fn writable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.balancer.activate(pipes, id);
    }

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        // RFC 30 §The PUSH Socket Type: SHALL block on sending, or return a suitable error, when it
        // has no available peers; SHALL not accept further messages then; SHALL NOT discard
        // messages that it cannot queue; SHALL not filter or modify outgoing messages in any way.
        self.balancer.send(pipes, part).map(|_| ()).map_err(|()| Error::WouldBlock)
    }

    fn recv(&mut self, _pipes: &mut Pipes) -> Result<Msg> {
        // RFC 30 §The PUSH Socket Type: SHALL only send messages.
        Err(Error::NotSupported { operation: "receiving" })
    }

    fn has_in(&mut self, _pipes: &mut Pipes) -> bool {
        false
    }

    fn has_out(&mut self, pipes: &mut Pipes) -> bool {
        self.balancer.has_out(pipes)
    }
}

/// Receives from its peers in turn.
#[derive(Default)]
pub(crate) struct Pull {
    // RFC 30 §The PULL Socket Type: SHALL receive incoming messages from its peers using a
    // fair-queuing strategy.
    queue: FairQueue,
}

impl Pattern for Pull {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
    }

    // RFC 30 §The PULL Socket Type would have the queue of a bound peer that disconnects destroyed
    // with the messages it contains. We keep them until they are received, as libzmq does: work
    // that has arrived is not lost because its sender is done.
    fn gone(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.remove(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn send(&mut self, _pipes: &mut Pipes, _part: &mut Msg) -> Result<()> {
        // RFC 30 §The PULL Socket Type: SHALL only receive messages.
        Err(Error::NotSupported { operation: "sending" })
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        self.queue.recv(pipes).map(|(_, msg)| msg).ok_or(Error::WouldBlock)
    }

    fn recv_into(&mut self, pipes: &mut Pipes, place: &mut Msg) -> Result<()> {
        // RFC 30 §The PULL Socket Type: SHALL deliver these to its calling application; SHALL not
        // filter or modify incoming messages in any way.
        match self.queue.recv_into(pipes, place) {
            Some(_) => Ok(()),
            None => Err(Error::WouldBlock),
        }
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.queue.next(pipes).is_some()
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        false
    }
}
