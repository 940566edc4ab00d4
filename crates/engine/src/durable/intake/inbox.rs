//! The receiver's own log: messages of peers that are not durable are recorded there before the
//! application sees them, and handed out from there. Part of `Intake`, under the socket's lock.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use oxmq_journal::{ConsumerId, LogStatus, Lsn, Ranges, gap_reason};
use oxmq_message::Msg;
use oxmq_zmtp::GapReason;

use super::super::ages::Ages;
use super::super::aside::{self, Aside, is_spent};
use super::super::deliver::{Place, epoch_of};
use super::super::links::gap_event;
use super::super::{FULL_DISK_PAUSE, INTAKE_BATCH, outbox};
use super::{Intake, Origin, Ready, Waiting, address, is_command, whole};
use crate::clock::Clock;
use crate::monitor::EventKind;
use crate::options::DurableOptions;
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// Messages of peers that are not durable.
pub(super) struct Inbox {
    pub(super) consumer: ConsumerId,
    pub(super) settled: Ranges,
    attempts: BTreeMap<u64, u32>,
    /// The next offset to hand out, and the first that is not safe.
    pub(super) next: u64,
    pub(super) safe: u64,
    pub(super) unsafe_yet: VecDeque<Recorded>,
    /// Those that shall be tried again.
    pub(super) again: BTreeMap<(Instant, u64), u32>,
    /// Taken from their pipes and not recorded: the disk had no room.
    unrecorded: Vec<(Vec<u8>, Vec<Msg>)>,
    pub(super) full_until: Option<Instant>,
    /// The first message handed out since the log was opened may be what ended the last process.
    suspect: Option<u64>,
    bytes_max: Option<u64>,
    messages_max: Option<u64>,
    ages: Ages,
    aside: Aside,
}

/// Messages that are recorded and not safe yet, to be recorded again if the disk fails.
pub(super) struct Recorded {
    pub(super) lsn: Lsn,
    /// The offset behind them.
    pub(super) end: u64,
    pub(super) messages: Vec<(Vec<u8>, Vec<Msg>)>,
}

impl Inbox {
    /// Of a log with this status, of which a consumer has settled some.
    pub(super) fn new(
        status: &LogStatus,
        consumer: ConsumerId,
        settled: Ranges,
        attempts: Vec<(u64, u32)>,
        options: &DurableOptions,
        clock: &Clock,
    ) -> Inbox {
        let next = settled.below().max(status.first);
        Inbox {
            consumer,
            settled,
            attempts: attempts.into_iter().collect(),
            next,
            safe: status.next,
            unsafe_yet: VecDeque::new(),
            again: BTreeMap::new(),
            unrecorded: Vec::new(),
            full_until: None,
            suspect: Some(next),
            bytes_max: options.log_bytes_max,
            messages_max: options.log_messages_max,
            ages: Ages::new(options.log_age_max, clock),
            aside: Aside::of(&status.name),
        }
    }

    /// The offset behind the last message recorded.
    fn end(&self) -> u64 {
        self.unsafe_yet.back().map_or(self.safe, |last| last.end)
    }

    /// Nothing from an offset on was tried.
    pub(super) fn lose_attempts(&mut self, from: u64) {
        self.attempts.split_off(&from);
        self.again.retain(|(_, offset), _| *offset < from);
    }

    /// When to look at it without being told.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let again = self.again.first_key_value().map(|((at, _), _)| *at).filter(|at| *at > now);
        [again, self.full_until, self.ages.due()].into_iter().flatten().min()
    }
}

impl Intake {
    /// Records what a peer that is not durable has sent.
    pub(in super::super) fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
        if self.sources.contains_key(&id) {
            return;
        }
        loop {
            let room = self.inbox_room(pipes);
            if room == 0 || !pipes.holds_message(id) {
                break;
            }
            let mut batch = Vec::new();
            while batch.len() < room && pipes.holds_message(id) {
                let message = whole(|| pipes.pop(id));
                if !is_command(&message) {
                    batch.push((self.name_of(pipes, id), message));
                }
            }
            self.record(pipes, batch);
        }
        // Without room there is nothing to be told of: who makes room goes on reading.
        match self.inbox_room(pipes) {
            0 => self.stalled = true,
            _ => pipes.read_on_later(id),
        }
        self.refresh(pipes, self.shared.clock.now());
    }

    /// How many messages may be recorded now. RCVHWM counts the messages in the log that were not
    /// handed out, too; LOG_MESSAGES_MAX and LOG_BYTES_MAX all that are not settled.
    pub(super) fn inbox_room(&self, pipes: &Pipes) -> usize {
        let inbox = &self.inbox;
        let is_over = |max| self.log.bytes().is_ok_and(|bytes| bytes >= max);
        if !inbox.unrecorded.is_empty() || inbox.bytes_max.is_some_and(is_over) {
            return 0;
        }
        let end = inbox.end();
        let mut room = INTAKE_BATCH as u64;
        let hwm = pipes.options.rcv_hwm as u64;
        if hwm > 0 {
            room = room.min(hwm.saturating_sub(end.saturating_sub(inbox.next)));
        }
        if let Some(max) = inbox.messages_max {
            let kept = end.saturating_sub(1) - inbox.settled.count_in(&(1..end.max(1)));
            room = room.min(max.saturating_sub(kept));
        }
        usize::try_from(room).unwrap_or(INTAKE_BATCH)
    }

    pub(super) fn record(&mut self, pipes: &mut Pipes, messages: Vec<(Vec<u8>, Vec<Msg>)>) {
        if messages.is_empty() {
            return;
        }
        let mut batch = self.shared.store.batch();
        for (name, message) in &messages {
            let parts: Vec<&[u8]> = message.iter().map(|part| &part[..]).collect();
            if let Err(error) = batch.append(&self.log, &parts, name) {
                // It is more than a record may hold, and is lost.
                pipes.durable.events.push((None, EventKind::StoreFailed { error }));
            }
        }
        if batch.is_empty() {
            return;
        }
        match batch.commit() {
            Ok(done) => {
                let (Some(first), Some(last)) = (done.offsets.first(), done.offsets.last()) else {
                    return;
                };
                // If the store has opened anew for these, what came before may be lost.
                let lost = self.follow(pipes, Some(*first));
                let (lsn, end) = (done.lsn, last + 1);
                self.inbox.unsafe_yet.push_back(Recorded { lsn, end, messages });
                self.inbox.ages.recorded();
                self.record(pipes, lost);
            }
            Err(_) => {
                self.inbox.unrecorded.splice(..0, messages);
                self.inbox.full_until = Some(self.shared.clock.now() + FULL_DISK_PAUSE);
            }
        }
    }

    /// Tries again to record what the disk had no room for.
    pub(super) fn record_held(&mut self, pipes: &mut Pipes, now: Instant) {
        if self.inbox.full_until.is_some_and(|at| at <= now) {
            self.inbox.full_until = None;
            let unrecorded = std::mem::take(&mut self.inbox.unrecorded);
            self.record(pipes, unrecorded);
        }
    }

    /// Counts an attempt at the message with which the last process may have ended.
    pub(super) fn suspect(&mut self, place: &Place) {
        if self.inbox.suspect.take() == Some(place.offset) {
            self.tried(place.offset, place.attempt);
        }
    }

    /// Records that a message of the log was tried.
    pub(super) fn tried(&mut self, offset: u64, attempt: u32) {
        let mut batch = self.shared.store.batch();
        // If it is not recorded, the message is tried more often than it should be.
        let _ = batch
            .attempt(&self.log, self.inbox.consumer, offset, attempt)
            .and_then(|()| batch.commit());
    }

    /// Makes the next message of the log ready.
    pub(super) fn next_of_inbox(&mut self, pipes: &mut Pipes) -> bool {
        let now = self.shared.clock.now();
        while let Some(entry) = self.inbox.again.first_entry() {
            let (at, offset) = *entry.key();
            if at > now {
                break;
            }
            let attempt = entry.remove();
            if self.ready_from_inbox(pipes, offset, attempt) {
                return true;
            }
        }
        while self.inbox.next < self.inbox.safe {
            let offset = self.inbox.next;
            self.inbox.next += 1;
            let attempt = self.inbox.attempts.get(&offset).copied().unwrap_or(0) + 1;
            if !self.inbox.settled.contains(offset) && self.ready_from_inbox(pipes, offset, attempt)
            {
                return true;
            }
        }
        false
    }

    fn ready_from_inbox(&mut self, pipes: &mut Pipes, offset: u64, attempt: u32) -> bool {
        if offset < self.inbox.ages.below() {
            self.give_up(pipes, offset);
            return false;
        }
        if is_spent(attempt, self.attempts_max) {
            self.set_aside(pipes, offset, attempt);
            return false;
        }
        let record = match self.log.read(offset) {
            Ok(Some(record)) => record,
            Ok(None) => return false,
            Err(error) => {
                // The disk may give it back later; it is not passed over.
                pipes.durable.events.push((None, EventKind::StoreFailed { error }));
                self.again_later(pipes, offset, attempt, aside::PAUSE);
                return false;
            }
        };
        let count = record.parts().count();
        let part = |(index, part): (usize, &[u8])| {
            let mut msg = Msg::from_slice(part);
            msg.set_more(index + 1 < count);
            msg
        };
        let mut parts: VecDeque<Msg> = record.parts().enumerate().map(part).collect();
        if self.addressed {
            parts.push_front(address(record.attributes()));
        }
        let epoch = epoch_of(&self.epochs, self.epoch, offset);
        let place = Place { log: self.log_id, epoch, offset, attempt };
        self.held.insert((self.log_id, offset));
        let waiting = Waiting { origin: Origin::Inbox, place };
        self.ready = Some(Ready { waiting, parts });
        true
    }

    /// A message of the log comes again after a time.
    pub(super) fn again_later(
        &mut self,
        pipes: &mut Pipes,
        offset: u64,
        attempt: u32,
        delay: Duration,
    ) {
        let at = self.shared.clock.now() + delay;
        self.inbox.again.insert((at, offset), attempt);
        pipes.due_by(at);
    }

    /// Puts a message that nobody has in hand where those are that cannot be dealt with. If that
    /// cannot be done now, it is tried again.
    pub(super) fn set_aside(&mut self, pipes: &mut Pipes, offset: u64, attempt: u32) {
        let record = match self.log.read(offset) {
            Ok(Some(record)) => record,
            Ok(None) => return,
            Err(_) => return self.again_later(pipes, offset, attempt, aside::PAUSE),
        };
        let (log, consumer) = (&self.log, self.inbox.consumer);
        let also = |batch: &mut oxmq_journal::Batch| batch.ack(log, consumer, offset..offset + 1);
        match self.inbox.aside.put(&self.shared, &record, also) {
            Ok(()) => {
                self.inbox.settled.insert(offset..offset + 1);
                self.inbox.attempts.remove(&offset);
                pipes.durable.events.push((None, EventKind::DeadLetter { offset }));
            }
            Err(event) => {
                pipes.durable.events.extend(event.map(|kind| (None, kind)));
                self.again_later(pipes, offset, attempt, aside::PAUSE);
            }
        }
    }

    /// Gives up what has become too old in the log and is in nobody's hand.
    pub(super) fn expire(&mut self, pipes: &mut Pipes, now: Instant) {
        if !self.inbox.ages.look(&self.log, self.shared.store.now_ms(), now) {
            return;
        }
        let below = self.inbox.ages.below().min(self.inbox.safe);
        let again: Vec<u64> = self.inbox.again.keys().map(|(_, offset)| *offset).collect();
        for offset in again.into_iter().filter(|offset| *offset < below) {
            self.inbox.again.retain(|(_, other), _| *other != offset);
            self.give_up(pipes, offset);
        }
        let from = self.inbox.next;
        for range in outbox::unsettled(&(from..below), &self.inbox.settled) {
            self.give_up_range(pipes, range.from, range.to);
        }
        self.inbox.next = from.max(below);
    }

    fn give_up(&mut self, pipes: &mut Pipes, offset: u64) {
        self.give_up_range(pipes, offset, offset);
    }

    fn give_up_range(&mut self, pipes: &mut Pipes, from: u64, to: u64) {
        let mut batch = self.shared.store.batch();
        let range = from..to + 1;
        // If it is not recorded, it is given up again after a restart.
        let _ = batch
            .gap(&self.log, range.clone(), gap_reason::AGE)
            .and_then(|()| batch.ack(&self.log, self.inbox.consumer, range.clone()))
            .and_then(|()| batch.commit());
        self.inbox.settled.insert(range);
        let range = oxmq_zmtp::OffsetRange { from, to };
        pipes.durable.events.push((None, gap_event(range, GapReason::Expired)));
    }

    pub(super) fn settle_inbox(&mut self, offset: u64) {
        self.inbox.settled.insert(offset..offset + 1);
        self.inbox.attempts.remove(&offset);
        self.fresh_inbox.insert(offset..offset + 1);
        self.count_fresh();
    }
}
