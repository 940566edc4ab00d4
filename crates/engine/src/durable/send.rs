//! The sending half of PUSH, DEALER and REQ: each message goes to one peer, whichever has room, and
//! to another if that one leaves without having settled it. RFC 30 §The PUSH Socket Type and RFC 28
//! §The DEALER Socket Type, with a log in place of the queues.

use std::ops::Range;
use std::time::{Duration, Instant};

use oxmq_journal::{ConsumerId, Record, gap_reason};
use oxmq_message::Msg;
use oxmq_zmtp::{DurableCommand, GapReason, OffsetRange};

use super::aside::{self, Aside, REJECTED, is_spent};
use super::links::{Kind, Links, gap_event};
use super::outbox::{Letter, Outbox};
use super::queue::Queue;
use super::{ACK_DELAY, DISPATCH_TURN, DurableStatus, Told, links};
use crate::error::{Error, Result};
use crate::monitor::EventKind;
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// The consumer that stands for all peers of a work queue.
pub(super) const ANYBODY: &[u8] = b"";

/// See the file's first paragraph.
pub(super) struct Sender {
    pub(super) outbox: Outbox,
    consumer: ConsumerId,
    queue: Queue,
    pub(super) links: Links,
    attempts_max: u32,
    /// REQ: a message is settled by its reply only.
    held: bool,
    aside: Aside,
}

impl Sender {
    pub(super) fn new(outbox: Outbox, name: &[u8], attempts_max: u32) -> Result<Sender> {
        let opened = |error| Error::store("reading what is settled", error);
        let consumer = outbox.log.consumer(ANYBODY, 1).map_err(opened)?;
        let done = outbox.log.consumer_status(consumer).map_err(opened)?;
        let queue = Queue::new(done.acked, done.attempts.into_iter());
        let (links, aside) = (Links::default(), Aside::of(name));
        Ok(Sender { outbox, consumer, queue, links, attempts_max, held: false, aside })
    }

    /// What peers say does not settle a message; `settle_one` does.
    pub(super) fn hold(mut self) -> Sender {
        self.held = true;
        self
    }

    /// The last message that is not settled; all before it are settled now.
    pub(super) fn last_unsettled(&mut self) -> Option<(u64, Record)> {
        let offset = self.queue.last_unsettled(self.outbox.end)?;
        if self.queue.settled.below() < offset {
            self.queue.settle(1..offset);
            self.note_settled();
        }
        Some((offset, self.outbox.read(offset).ok()??))
    }

    /// A message is dealt with.
    pub(super) fn settle_one(&mut self, offset: u64) {
        self.links.forget(offset);
        self.queue.settle(offset..offset + 1);
        self.note_settled();
    }

    /// Takes one part; the message is recorded with its last.
    pub(super) fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        let unsettled = self.unsettled();
        if !self.outbox.take(part, unsettled)? {
            return Ok(());
        }
        let unsynced = self.outbox.record(&Letter::of(pipes, 0, b""), part)?;
        if pipes.durable.unattended
            && let Some(at) = self.resume(pipes, self.outbox.shared.clock.now())
        {
            pipes.due_by(at);
        }
        Err(Error::Unsynced(unsynced))
    }

    /// A first part would be taken.
    pub(super) fn has_out(&self) -> bool {
        self.outbox.is_mid_message() || self.outbox.has_room(self.unsettled())
    }

    /// A pipe has its peer.
    pub(super) fn connected(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.links.open(pipes, id);
        let Some(replaced) = self.links.admit(pipes, &self.outbox, id) else { return };
        replaced.into_iter().for_each(|other| self.take_back(other));
        self.dispatch(pipes);
    }

    /// A pipe has lost its peer: what it did not settle goes to others.
    pub(super) fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        pipes.clear_unsent(id);
        self.take_back(id);
        self.dispatch(pipes);
    }

    /// What a peer did not settle may go out again; what it says from now on counts no more.
    fn take_back(&mut self, id: PipeId) {
        let Some(mut link) = self.links.close(id) else { return };
        let mut suspect = link.kind == Kind::Ours;
        for sent in link.sent.drain(..) {
            // The oldest is what the application may have had in hand, and may have failed with.
            let attempt = sent.attempt + u32::from(suspect);
            if std::mem::take(&mut suspect) {
                self.tried(sent.offset, sent.attempt);
            }
            self.queue.back(sent.offset, attempt);
        }
    }

    /// Records that a message was tried.
    fn tried(&self, offset: u64, attempt: u32) {
        let mut batch = self.outbox.shared.store.batch();
        let recorded = batch
            .attempt(&self.outbox.log, self.consumer, offset, attempt)
            .and_then(|()| batch.commit());
        // If it is not recorded, the message is tried more often than it should be.
        drop(recorded);
    }

    /// A peer has said something.
    pub(super) fn told(&mut self, pipes: &mut Pipes, id: PipeId, told: Told) {
        let Some(link) = self.links.link(id) else { return };
        match told {
            Told::Pong(_) | Told::Command(DurableCommand::Ack { .. }) if self.held => {}
            Told::Pong(context) => {
                for offset in link.answered(&context) {
                    self.queue.settle(offset..offset + 1);
                }
            }
            Told::Command(DurableCommand::Open { epoch, below, settled, .. })
                if link.kind == Kind::Opening =>
            {
                link.kind = Kind::Ours;
                self.opened(pipes, id, (epoch, below), &settled);
            }
            Told::Command(DurableCommand::Ack { settled }) if link.kind == Kind::Ours => {
                self.acknowledged(id, &settled);
            }
            Told::Command(DurableCommand::Nack { offset, attempt: _, delay_ms, reject })
                if link.kind == Kind::Ours =>
            {
                self.refused(pipes, id, offset, delay_ms, reject);
            }
            Told::Command(_) => {}
        }
        self.note_settled();
        self.dispatch(pipes);
    }

    /// A peer tells what it has settled of our log, and learns where the log is.
    fn opened(
        &mut self,
        pipes: &mut Pipes,
        id: PipeId,
        (epoch, below): (u64, u64),
        settled: &[OffsetRange],
    ) {
        if self.held {
            // That the peer has dealt with a request does not mean that we have its reply.
            links::tell(pipes, id, &self.outbox.base());
            return;
        }
        let theirs = self.outbox.settled_in(epoch, below, settled);
        links::tell_gaps(pipes, id, self.outbox.gaps_for(epoch, &theirs));
        links::tell(pipes, id, &self.outbox.base());
        self.queue.settle(1..theirs.below());
        theirs.above().for_each(|range| self.queue.settle(range));
    }

    fn acknowledged(&mut self, id: PipeId, settled: &[OffsetRange]) {
        let Some(link) = self.links.link(id) else { return };
        for offset in link.acknowledged(settled) {
            self.queue.settle(offset..offset + 1);
        }
    }

    fn refused(&mut self, pipes: &mut Pipes, id: PipeId, offset: u64, delay_ms: u32, reject: bool) {
        let Some(sent) = self.links.link(id).and_then(|link| link.take(offset)) else { return };
        self.tried(offset, sent.attempt);
        if reject {
            self.set_aside(pipes, offset, REJECTED);
        } else {
            let delay = Duration::from_millis(u64::from(delay_ms));
            self.bring_back(pipes, offset, sent.attempt.saturating_add(1), delay);
        }
    }

    /// A message comes again after a time.
    fn bring_back(&mut self, pipes: &mut Pipes, offset: u64, attempt: u32, delay: Duration) {
        let at = self.outbox.shared.clock.now() + delay;
        self.queue.back_at(offset, attempt, at);
        pipes.due_by(at);
    }

    /// Puts a message that was given to nobody where those are that nobody can deal with. If that
    /// cannot be done now, it waits and it is tried again.
    fn set_aside(&mut self, pipes: &mut Pipes, offset: u64, attempt: u32) {
        let Ok(record) = self.outbox.read_next(offset) else {
            return self.bring_back(pipes, offset, attempt, aside::PAUSE);
        };
        let Some(record) = record else { return self.queue.settle(offset..offset + 1) };
        let (log, consumer) = (&self.outbox.log, self.consumer);
        let also = |batch: &mut oxmq_journal::Batch| {
            batch.gap(log, offset..offset + 1, gap_reason::DEAD_LETTER)?;
            batch.ack(log, consumer, offset..offset + 1)
        };
        match self.aside.put(&self.outbox.shared, &record, also) {
            Ok(()) => {
                self.queue.settle(offset..offset + 1);
                let range = OffsetRange { from: offset, to: offset };
                self.links.announce(pipes, range, GapReason::DeadLetter);
                pipes.durable.events.push((None, EventKind::DeadLetter { offset }));
            }
            Err(event) => {
                pipes.durable.events.extend(event.map(|kind| (None, kind)));
                self.bring_back(pipes, offset, attempt, aside::PAUSE);
            }
        }
    }

    /// Some messages that are with no peer will not be sent: they have become too old.
    fn give_up(&mut self, pipes: &mut Pipes, offsets: &[Range<u64>]) {
        self.outbox.give_up(self.consumer, offsets, gap_reason::AGE);
        for range in offsets {
            self.queue.settle(range.clone());
            let range = OffsetRange { from: range.start, to: range.end - 1 };
            self.links.announce(pipes, range, GapReason::Expired);
            pipes.durable.events.push((None, gap_event(range, GapReason::Expired)));
        }
    }

    /// Gives up what has become too old while it waited.
    fn expire(&mut self, pipes: &mut Pipes, now: Instant) {
        if self.outbox.look_at_ages(now) {
            let end = self.outbox.ages.below().min(self.outbox.safe);
            let offsets = self.queue.waiting_below(end);
            if !offsets.is_empty() {
                self.give_up(pipes, &offsets);
            }
        }
    }

    /// Tells the journal what was settled.
    pub(super) fn note_settled(&mut self) {
        if let Some(ranges) = self.queue.take_fresh() {
            self.outbox.settle(self.consumer, &ranges);
        }
    }

    /// Gives out what can go.
    pub(super) fn dispatch(&mut self, pipes: &mut Pipes) {
        if let Some(from) = self.outbox.take_lost() {
            self.links.lose_from(from);
            let lost_to = self.outbox.lost.map_or(from, |lost| lost.to + 1);
            self.queue.lose_from(from, lost_to);
        }
        if let Some(renewed) = self.outbox.take_renewed() {
            self.links.rebase(pipes, renewed);
            self.queue.tell_again(self.outbox.end);
        }
        for _ in 0..DISPATCH_TURN {
            let Some((offset, attempt)) = self.queue.peek(self.outbox.safe) else { break };
            if is_spent(attempt, self.attempts_max) {
                self.queue.take(offset);
                self.set_aside(pipes, offset, attempt);
                continue;
            }
            if offset < self.outbox.ages.below() {
                self.queue.take(offset);
                self.give_up(pipes, &one(offset));
                continue;
            }
            let Some(id) = self.links.next(pipes) else { break };
            let Ok(record) = self.outbox.read_next(offset) else { return };
            self.queue.take(offset);
            let Some(record) = record else {
                // Given up by the log's limits.
                self.queue.settle(offset..offset + 1);
                continue;
            };
            if self.outbox.is_late(&record) {
                self.give_up(pipes, &one(offset));
                continue;
            }
            if self.links.send(pipes, id, (offset, attempt), &[], &record) && !self.held {
                self.queue.settle(offset..offset + 1);
            }
        }
        self.links.ask(pipes);
        self.note_settled();
        self.links.tell_floors(pipes, &self.queue.settled);
        let more = self.queue.peek(self.outbox.safe).is_some() && self.links.next(pipes).is_some();
        if more {
            self.outbox.shared.nudge.nudge();
        }
    }

    /// Goes on after a sync, or because something is due.
    pub(super) fn resume(&mut self, pipes: &mut Pipes, now: Instant) -> Option<Instant> {
        self.outbox.woken();
        self.outbox.refresh(now);
        let back = self.queue.due(now);
        self.expire(pipes, now);
        self.dispatch(pipes);
        let (settled, waiting) = match self.held {
            true => (Vec::new(), false),
            false => self.links.silent(pipes),
        };
        for (_, offset) in settled {
            self.queue.settle(offset..offset + 1);
        }
        self.note_settled();
        let look = waiting.then(|| now + ACK_DELAY);
        [self.outbox.due(), back, look].into_iter().flatten().min()
    }

    pub(super) fn unsettled(&self) -> u64 {
        self.queue.unsettled(self.outbox.end)
    }

    pub(super) fn status(&self) -> DurableStatus {
        DurableStatus {
            unsettled: self.unsettled(),
            in_flight: self.links.in_flight(),
            unacknowledged: 0,
        }
    }
}

/// An offset as the only run of them.
fn one(offset: u64) -> [Range<u64>; 1] {
    std::array::from_fn(|_| offset..offset + 1)
}
