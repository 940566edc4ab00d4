//! PUSH, DEALER, PULL, SUB and XSUB that spill: one queue in front of the plain pattern for what is
//! sent, one behind it for what is received. Owned by the socket, under its lock.
//!
//! A message is sent past the queue while that is empty and the pattern has room. What waits in the
//! queue moves on whenever a peer has room, in whichever thread finds that out.

use oxmq_message::Msg;

use super::{Limits, Overflow};
use crate::error::{Error, Result};
use crate::pattern::{Pattern, WakeSenders};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// See the file's first paragraph.
pub(crate) struct BothWays {
    plain: Box<dyn Pattern>,
    /// What is sent may wait here: PUSH and DEALER.
    queues_sends: bool,
    limits: Limits,
    out: Overflow,
    /// The parts of the message that is being sent to the queue.
    sending: Vec<Msg>,
    /// A message is being sent past the queue.
    passing: bool,
    inbound: Overflow,
    /// The rest of the message that is being received, last part first.
    handing: Vec<Msg>,
    /// A message is being received past the queue.
    receiving: bool,
}

impl BothWays {
    pub(crate) fn new(plain: Box<dyn Pattern>, queues_sends: bool, limits: Limits) -> BothWays {
        BothWays {
            plain,
            queues_sends,
            out: Overflow::new(limits.clone()),
            inbound: Overflow::new(limits.clone()),
            limits,
            sending: Vec::new(),
            passing: false,
            handing: Vec::new(),
            receiving: false,
        }
    }

    /// Whether the plain pattern may be given another message.
    fn may_pass(&mut self, pipes: &mut Pipes) -> bool {
        self.limits.let_pass(pipes) && self.plain.has_out(pipes)
    }

    /// Moves on what waits to be sent.
    fn drain(&mut self, pipes: &mut Pipes) {
        while !self.passing && !self.out.is_empty() && self.may_pass(pipes) {
            let Some(message) = self.out.pop(&mut pipes.drops.spill) else { return };
            for mut part in message {
                // The pattern has room, so that it takes all parts.
                let _ = self.plain.send(pipes, &mut part);
            }
        }
    }

    /// Takes in what peers have sent, so that they can go on sending.
    fn absorb(&mut self, pipes: &mut Pipes) {
        while !self.receiving && self.inbound.has_room() && self.plain.has_in(pipes) {
            let mut message = Vec::with_capacity(1);
            while let Ok(part) = self.plain.recv(pipes) {
                let more = part.more();
                message.push(part);
                if !more {
                    break;
                }
            }
            if message.is_empty() {
                return;
            }
            self.inbound.push(message);
        }
    }
}

impl Pattern for BothWays {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.plain.attached(pipes, id);
        self.drain(pipes);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        self.plain.connected(pipes, id)?;
        self.drain(pipes);
        Ok(())
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.plain.disconnected(pipes, id);
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.plain.gone(pipes, id);
        self.drain(pipes);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.plain.removed(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.plain.readable(pipes, id);
        self.absorb(pipes);
    }

    fn writable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.plain.writable(pipes, id);
        self.drain(pipes);
    }

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        if !self.queues_sends {
            return self.plain.send(pipes, part);
        }
        let more = part.more();
        if self.sending.is_empty() && !self.passing {
            self.drain(pipes);
        }
        if self.passing || (self.sending.is_empty() && self.out.is_empty() && self.may_pass(pipes))
        {
            let sent = self.plain.send(pipes, part);
            self.passing = sent.is_ok() && more;
            return sent;
        }
        if self.sending.is_empty() && !self.out.has_room() {
            return Err(Error::WouldBlock);
        }
        self.sending.push(part.take());
        if !more {
            let message = std::mem::take(&mut self.sending);
            self.out.push(message);
        }
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        if let Some(part) = self.handing.pop() {
            return Ok(part);
        }
        if !self.receiving
            && !self.inbound.is_empty()
            && let Some(mut message) = self.inbound.pop(&mut pipes.drops.spill)
        {
            message.reverse();
            let first = message.pop().unwrap_or_default();
            self.handing = message;
            // There is room again for what peers could not send.
            if !self.inbound.is_empty() {
                self.absorb(pipes);
            }
            return Ok(first);
        }
        let part = self.plain.recv(pipes)?;
        self.receiving = part.more();
        Ok(part)
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        !self.handing.is_empty()
            || self.receiving
            || !self.inbound.is_empty()
            || self.plain.has_in(pipes)
    }

    fn has_out(&mut self, pipes: &mut Pipes) -> bool {
        self.passing
            || !self.sending.is_empty()
            || self.plain.has_out(pipes)
            || (self.queues_sends && self.out.has_room())
    }

    fn wake_senders(&mut self, pipes: &mut Pipes) -> WakeSenders {
        if self.has_out(pipes) { WakeSenders::One } else { WakeSenders::None }
    }

    fn subscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) -> Result<()> {
        self.plain.subscribe(pipes, topic)
    }

    fn unsubscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) -> Result<()> {
        self.plain.unsubscribe(pipes, topic)
    }

    fn take_unsent(&mut self) -> Option<Overflow> {
        let limits = self.limits.clone();
        let unsent = std::mem::replace(&mut self.out, Overflow::new(limits));
        (!unsent.is_empty()).then_some(unsent)
    }

    fn topics(&self) -> Option<usize> {
        self.plain.topics()
    }
}
