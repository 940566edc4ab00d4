//! Durable PUSH, PULL, SUB and XSUB: one direction each. RFC 30 and RFC 29, with a log in place of
//! the queues.

use std::time::Instant;

use oxmq_journal::Lsn;
use oxmq_message::{Delivery, Msg};
use oxmq_zmtp::DurableCommand;

use super::intake::Intake;
use super::links::command_of;
use super::send::Sender;
use super::{Durable, DurableStatus, Extra, Position, Told};
use crate::error::{Error, Result};
use crate::pattern::Pattern;
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// PUSH.
pub(super) struct Push(pub(super) Sender);

impl Pattern for Push {
    fn attached(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        self.0.connected(pipes, id);
        Ok(())
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.0.disconnected(pipes, id);
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.0.disconnected(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.0.disconnected(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        // A PULL sends nothing but commands; what comes all the same must not gather.
        while pipes.holds_message(id) {
            let Some(msg) = pipes.pop(id) else { break };
            if let Some(command) = Some(msg).filter(Msg::command).and_then(|m| command_of(&m)) {
                pipes.durable.told.push((id, Told::Command(command)));
            }
        }
        pipes.read_on_later(id);
    }

    fn writable(&mut self, pipes: &mut Pipes, _id: PipeId) {
        self.0.dispatch(pipes);
    }

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        self.0.send(pipes, part)
    }

    fn recv(&mut self, _pipes: &mut Pipes) -> Result<Msg> {
        // RFC 30 §The PUSH Socket Type: SHALL only send messages.
        Err(Error::NotSupported { operation: "receiving" })
    }

    fn has_in(&mut self, _pipes: &mut Pipes) -> bool {
        false
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        self.0.has_out()
    }

    fn told(&mut self, pipes: &mut Pipes, id: PipeId, told: Told) {
        match told {
            Told::Command(DurableCommand::Fence { .. }) => Intake::fenced(pipes, id),
            told => self.0.told(pipes, id, told),
        }
    }

    fn resume(&mut self, pipes: &mut Pipes, now: Instant) -> Option<Instant> {
        self.0.resume(pipes, now)
    }

    fn durable(&mut self) -> Option<&mut dyn Durable> {
        Some(self)
    }
}

impl Durable for Push {
    fn status(&mut self) -> DurableStatus {
        self.0.status()
    }

    fn close(&mut self) -> Box<dyn FnOnce() + Send> {
        self.0.outbox.close()
    }
}

/// PULL, and SUB and XSUB with the pattern that subscribes.
pub(super) struct Receive {
    pub(super) intake: Intake,
    /// Only subscribes, and never receives.
    pub(super) subscriber: Option<Box<dyn Pattern>>,
}

impl Pattern for Receive {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        if let Some(subscriber) = &mut self.subscriber {
            subscriber.attached(pipes, id);
            // The pipe's messages are for the intake's queue.
            if let Some(pipe) = pipes.pipe(id) {
                pipe.in_active = false;
            }
        }
        self.intake.queue.activate(pipes, id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        // Where we stand comes before what we want, so that nothing is missed in between.
        self.intake.connected(pipes, id);
        match &mut self.subscriber {
            Some(subscriber) => subscriber.connected(pipes, id),
            None => Ok(()),
        }
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.intake.disconnected(pipes, id);
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        if let Some(subscriber) = &mut self.subscriber {
            subscriber.gone(pipes, id);
        }
        self.intake.disconnected(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        if let Some(subscriber) = &mut self.subscriber {
            subscriber.removed(pipes, id);
        }
        self.intake.disconnected(pipes, id);
        self.intake.queue.remove(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.intake.readable(pipes, id);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        match &mut self.subscriber {
            Some(subscriber) => subscriber.send(pipes, part),
            // RFC 30 §The PULL Socket Type: SHALL only receive messages.
            None => Err(Error::NotSupported { operation: "sending" }),
        }
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        self.intake.recv(pipes)
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.intake.has_in(pipes)
    }

    fn has_out(&mut self, pipes: &mut Pipes) -> bool {
        self.subscriber.as_mut().is_some_and(|subscriber| subscriber.has_out(pipes))
    }

    fn subscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) -> Result<()> {
        match &mut self.subscriber {
            Some(subscriber) => subscriber.subscribe(pipes, topic),
            None => Err(Error::NotSupported { operation: "subscribing" }),
        }
    }

    fn unsubscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) -> Result<()> {
        match &mut self.subscriber {
            Some(subscriber) => subscriber.unsubscribe(pipes, topic),
            None => Err(Error::NotSupported { operation: "unsubscribing" }),
        }
    }

    fn topics(&self) -> Option<usize> {
        self.subscriber.as_ref().and_then(|subscriber| subscriber.topics())
    }

    fn told(&mut self, pipes: &mut Pipes, id: PipeId, told: Told) {
        if let Told::Command(DurableCommand::Fence { .. }) = told {
            Intake::fenced(pipes, id);
        }
    }

    fn resume(&mut self, pipes: &mut Pipes, now: Instant) -> Option<Instant> {
        self.intake.resume(pipes, now)
    }

    fn acknowledge(&mut self, pipes: &mut Pipes) -> Result<()> {
        self.intake.acknowledge(pipes);
        Ok(())
    }

    fn durable(&mut self) -> Option<&mut dyn Durable> {
        Some(self)
    }
}

impl Durable for Receive {
    fn status(&mut self) -> DurableStatus {
        self.intake.status()
    }

    fn seek(&mut self, pipes: &mut Pipes, position: Position) -> Result<()> {
        self.intake.seek(pipes, position)
    }

    fn plan(&mut self, pipes: &mut Pipes, delivery: &Delivery) -> Result<Extra> {
        self.intake.plan_delivery(pipes, delivery)
    }

    fn planned(&mut self, pipes: &mut Pipes, token: u64, recorded: Option<Lsn>) {
        self.intake.planned(pipes, token, recorded);
    }

    fn close(&mut self) -> Box<dyn FnOnce() + Send> {
        self.intake.close()
    }
}
