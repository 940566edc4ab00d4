//! DEALER: sends to its peers in turn and receives from them in turn, without lockstep. RFC 28 §The
//! DEALER Socket Type.

use oxmq_message::Msg;

use super::fair_queue::FairQueue;
use super::load_balancer::LoadBalancer;
use super::{Pattern, hello, probe};
use crate::error::{Error, Result};
use crate::pipe::table::Pipes;
use crate::pipe::{Pipe, PipeId};

/// See the file's first paragraph.
#[derive(Default)]
pub(crate) struct Dealer {
    // RFC 28 §The DEALER Socket Type: SHALL route outgoing messages to available peers using a
    // round-robin strategy.
    balancer: LoadBalancer,
    // RFC 28 §The DEALER Socket Type: SHALL receive incoming messages from its peers using a
    // fair-queuing strategy.
    queue: FairQueue,
    /// `hiccup_msg`s that wait to be received: connections of ours that were lost.
    hiccups: usize,
}

impl Pattern for Dealer {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.balancer.attach(pipes, id);
        self.queue.activate(pipes, id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        probe(pipes, id);
        hello(pipes, id);
        Ok(())
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        let returns = pipes.peek(id).is_some_and(Pipe::is_session);
        if returns && !pipes.options.hiccup_msg.is_empty() && pipes.is_open(id) {
            self.hiccups += 1;
        }
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        // RFC 28 §The DEALER Socket Type: if this peer disconnects, SHALL destroy its double queue
        // and SHALL discard any messages it contains. We discard what was to be sent; what was
        // received stays until it is taken, as in libzmq.
        self.balancer.remove(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.balancer.remove(pipes, id);
        self.queue.remove(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
    }

    fn writable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.balancer.activate(pipes, id);
    }

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        // RFC 28 §The DEALER Socket Type: SHALL block on sending, or return a suitable error, when
        // it has no available peers; SHALL not accept further messages then; SHALL NOT discard
        // messages that it cannot queue.
        self.balancer.send(pipes, part).map(|_| ()).map_err(|()| Error::WouldBlock)
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        let mut msg = Msg::new();
        self.recv_into(pipes, &mut msg)?;
        Ok(msg)
    }

    fn recv_into(&mut self, pipes: &mut Pipes, place: &mut Msg) -> Result<()> {
        if self.hiccups > 0 && !self.queue.is_mid_message() {
            self.hiccups -= 1;
            *place = Msg::from_slice(&pipes.options.hiccup_msg);
            return Ok(());
        }
        // RFC 28 §The DEALER Socket Type: SHALL deliver these to its calling application; SHALL not
        // filter or modify incoming messages in any way.
        match self.queue.recv_into(pipes, place) {
            Some(_) => Ok(()),
            None => Err(Error::WouldBlock),
        }
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.hiccups > 0 || self.queue.next(pipes).is_some()
    }

    fn has_out(&mut self, pipes: &mut Pipes) -> bool {
        self.balancer.has_out(pipes)
    }
}
