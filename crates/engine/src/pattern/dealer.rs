//! DEALER: sends to its peers in turn and receives from them in turn, without lockstep. RFC 28 §5.

use oxmq_message::Msg;

use super::fair_queue::FairQueue;
use super::load_balancer::LoadBalancer;
use super::{Pattern, hello, probe};
use crate::error::{Error, Result};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// See the file's first paragraph.
#[derive(Default)]
pub(crate) struct Dealer {
    balancer: LoadBalancer,
    queue: FairQueue,
    /// `hiccup_msg`s that wait to be received: connections of ours that were lost.
    hiccups: usize,
}

impl Pattern for Dealer {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.balancer.activate(pipes, id);
        self.queue.activate(pipes, id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        probe(pipes, id);
        hello(pipes, id);
        Ok(())
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        if !pipes.options.hiccup_msg.is_empty() && pipes.is_open(id) {
            self.hiccups += 1;
        }
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        // RFC 28 §5: when a peer disconnects, its queue is destroyed and what it holds discarded.
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
        self.balancer.send(pipes, part).map(|_| ()).map_err(|()| Error::WouldBlock)
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        if self.hiccups > 0 && !self.queue.is_mid_message() {
            self.hiccups -= 1;
            return Ok(Msg::from_slice(&pipes.options.hiccup_msg));
        }
        self.queue.recv(pipes).map(|(_, msg)| msg).ok_or(Error::WouldBlock)
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.hiccups > 0 || self.queue.next(pipes).is_some()
    }

    fn has_out(&mut self, pipes: &mut Pipes) -> bool {
        self.balancer.has_out(pipes)
    }
}
