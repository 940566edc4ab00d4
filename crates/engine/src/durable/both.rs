//! Durable DEALER: a work queue out, and what peers send in. RFC 28 §The DEALER Socket Type, with
//! logs in place of the queues.

use std::time::Instant;

use oxmq_journal::Lsn;
use oxmq_message::{Delivery, Msg};
use oxmq_zmtp::DurableCommand;

use super::intake::Intake;
use super::send::Sender;
use super::{Durable, DurableStatus, Extra, Position, Told};
use crate::error::Result;
use crate::pattern::{Pattern, hello, probe};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// See the file's first paragraph.
pub(super) struct Dealer {
    pub(super) sender: Sender,
    pub(super) intake: Intake,
}

impl Dealer {
    pub(super) fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.sender.disconnected(pipes, id);
        self.intake.disconnected(pipes, id);
        self.intake.queue.remove(pipes, id);
    }

    pub(super) fn resume(&mut self, pipes: &mut Pipes, now: Instant) -> Option<Instant> {
        let ours = self.sender.resume(pipes, now);
        let theirs = self.intake.resume(pipes, now);
        [ours, theirs].into_iter().flatten().min()
    }

    pub(super) fn status(&self) -> DurableStatus {
        let unacknowledged = self.intake.status().unacknowledged;
        DurableStatus { unacknowledged, ..self.sender.status() }
    }

    pub(super) fn close(&mut self) -> Box<dyn FnOnce() + Send> {
        let (ours, theirs) = (self.sender.outbox.close(), self.intake.close());
        Box::new(move || {
            ours();
            theirs();
        })
    }
}

impl Pattern for Dealer {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.intake.queue.activate(pipes, id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        probe(pipes, id);
        hello(pipes, id);
        self.intake.connected(pipes, id);
        self.sender.connected(pipes, id);
        Ok(())
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.sender.disconnected(pipes, id);
        self.intake.disconnected(pipes, id);
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.disconnected(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        Dealer::removed(self, pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.intake.readable(pipes, id);
    }

    fn writable(&mut self, pipes: &mut Pipes, _id: PipeId) {
        self.sender.dispatch(pipes);
    }

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        self.sender.send(pipes, part)
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        self.intake.recv(pipes)
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.intake.has_in(pipes)
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        self.sender.has_out()
    }

    fn told(&mut self, pipes: &mut Pipes, id: PipeId, told: Told) {
        match told {
            Told::Command(DurableCommand::Fence { .. }) => Intake::fenced(pipes, id),
            told => self.sender.told(pipes, id, told),
        }
    }

    fn resume(&mut self, pipes: &mut Pipes, now: Instant) -> Option<Instant> {
        Dealer::resume(self, pipes, now)
    }

    fn acknowledge(&mut self, pipes: &mut Pipes) -> Result<()> {
        self.intake.acknowledge(pipes);
        Ok(())
    }

    fn durable(&mut self) -> Option<&mut dyn Durable> {
        Some(self)
    }
}

impl Durable for Dealer {
    fn status(&mut self) -> DurableStatus {
        Dealer::status(self)
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
        Dealer::close(self)
    }
}
