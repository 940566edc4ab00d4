//! The log of what a durable socket sends: messages go in part by part, and become sendable when
//! they are as safe as the socket's policy asks. Owned by a pattern, under the socket's lock.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use oxmq_journal::{ConsumerId, Log, LogStatus, Lsn, Ranges, Reader, Record, gap_reason};
use oxmq_message::Msg;
use oxmq_zmtp::{DurableCommand, GapReason, OffsetRange};

use super::ages::Ages;
use super::reserve::Reserve;
use super::{Extra, FULL_DISK_PAUSE, Shared, Unsynced, attributes};
use crate::error::{Error, Result};
use crate::options::{DurableOptions, SyncPolicy};
use crate::pipe::table::Pipes;

/// Where the key of a name's owner begins.
const INSTANCE_KEY: &[u8] = b"owner/";

/// Epochs that a peer is told of.
const EPOCHS_TOLD: usize = 64;

/// Runs of offsets that one gap is broken up into, so that nobody is told of what was settled.
const RUNS_MAX: usize = 64;

/// What is recorded of a message beside its parts.
pub(super) struct Letter<'a> {
    /// Parts at its beginning that are not.
    skip: usize,
    /// The peer that it is for, if it is for one only.
    name: &'a [u8],
    ttl: Option<Duration>,
    with: Vec<Extra>,
    /// Whoever sends it does not wait until it is safe.
    unattended: bool,
}

impl<'a> Letter<'a> {
    /// Of the message that a socket sends now.
    pub(super) fn of(pipes: &mut Pipes, skip: usize, name: &'a [u8]) -> Letter<'a> {
        let with = std::mem::take(&mut pipes.durable.with);
        let (ttl, unattended) = (pipes.options.message_ttl, pipes.durable.unattended);
        Letter { skip, name, ttl, with, unattended }
    }
}

/// See the file's first paragraph.
pub(super) struct Outbox {
    pub(super) shared: Shared,
    pub(super) log: Log,
    /// The log's figures when it was opened.
    pub(super) status: LogStatus,
    reader: Reader,
    /// The offset of the next message.
    pub(super) end: u64,
    /// The parts of the message that is being sent.
    parts: Vec<Msg>,
    /// Offsets below this may go out.
    pub(super) safe: u64,
    /// What is recorded and not safe: the state of the log, the offset behind it, and whether the
    /// disk has to have it, whatever the policy.
    unsafe_yet: VecDeque<(Lsn, u64, bool)>,
    reserve: Reserve,
    /// What may have been lost before the log was opened, or opened anew.
    pub(super) lost: Option<OffsetRange>,
    /// The store will nudge the socket.
    awaited: bool,
    /// The store has to, as of what is not safe something was sent by who does not wait for it.
    unattended: bool,
    /// How often the store had been opened anew when the log was last looked at.
    revivals: u64,
    /// Beyond these the socket is mute, or, with `drops_oldest`, the log makes room.
    bytes_max: Option<u64>,
    messages_max: Option<u64>,
    drops_oldest: bool,
    pub(super) ages: Ages,
    sync_ivl: Duration,
    /// With `SyncPolicy::Interval`: when the disk is synchronised next.
    sync_due: Option<Instant>,
    /// Recording failed for want of room; the socket is mute until then.
    full_until: Option<Instant>,
    /// The disk failed with messages that were not safe; the store opens anew then.
    failed_until: Option<Instant>,
    /// The log has begun an epoch that peers do not know of.
    renewed: bool,
    /// Where that epoch has begun: what had these numbers before is lost.
    lost_from: Option<u64>,
}

impl Outbox {
    pub(super) fn new(shared: Shared, log: Log, options: &DurableOptions) -> Result<Outbox> {
        let opened = |error| Error::store("opening a log", error);
        let reserved = Reserve::open(&shared.store, &log, shared.policy);
        let (reserve, lost) = reserved.map_err(opened)?;
        let revivals = shared.store.revivals();
        let status = log.status().map_err(opened)?;
        Ok(Outbox {
            end: status.next,
            safe: status.next,
            ages: Ages::new(options.log_age_max, &shared.clock),
            shared,
            parts: Vec::new(),
            reader: log.reader(status.first),
            status,
            log,
            unsafe_yet: VecDeque::new(),
            reserve,
            lost,
            awaited: false,
            unattended: false,
            revivals,
            bytes_max: options.log_bytes_max,
            messages_max: options.log_messages_max,
            drops_oldest: false,
            sync_ivl: options.sync_ivl,
            sync_due: None,
            full_until: None,
            failed_until: None,
            renewed: false,
            lost_from: None,
        })
    }

    /// A full log makes room by itself.
    pub(super) fn drops_oldest(mut self) -> Outbox {
        self.drops_oldest = true;
        self
    }

    /// The first part of a message is there and the last is not.
    pub(super) fn is_mid_message(&self) -> bool {
        !self.parts.is_empty()
    }

    /// There is room for one more message, when so many are not settled.
    pub(super) fn has_room(&self, unsettled: u64) -> bool {
        if self.full_until.is_some() {
            return false;
        }
        if self.drops_oldest {
            return true;
        }
        if self.messages_max.is_some_and(|max| unsettled >= max) {
            return false;
        }
        let Some(max) = self.bytes_max else { return true };
        self.log.bytes().is_ok_and(|bytes| bytes < max)
    }

    /// Takes a part of a message; true once the message is whole. `WouldBlock` when there is no
    /// room, for a first part only.
    pub(super) fn take(&mut self, part: &mut Msg, unsettled: u64) -> Result<bool> {
        if self.parts.is_empty() && !self.has_room(unsettled) {
            return Err(Error::WouldBlock);
        }
        let more = part.more();
        self.parts.push(part.take());
        Ok(!more)
    }

    /// The parts of the message that is whole now.
    pub(super) fn parts(&self) -> &[Msg] {
        &self.parts
    }

    /// Gives the parts of a whole message up.
    pub(super) fn discard(&mut self) {
        self.parts.clear();
    }

    /// Records the message that is whole now. If that fails, the message is not sent; its last part
    /// goes back to the caller.
    pub(super) fn record(&mut self, letter: &Letter<'_>, last: &mut Msg) -> Result<Unsynced> {
        let is_elsewhere = |extra: &Extra| !extra.log().store().is_same(&self.shared.store);
        if letter.with.iter().any(is_elsewhere) {
            self.parts.clear();
            return Err(Error::NotSupported { operation: "one record in two stores" });
        }
        let mut message = std::mem::take(&mut self.parts);
        let parts: Vec<&[u8]> = message.iter().skip(letter.skip).map(|part| &part[..]).collect();
        let error = match self.append(&parts, letter) {
            Ok(unsynced) => return Ok(unsynced),
            Err(error) => error,
        };
        let is_full = match error {
            oxmq_journal::Error::NoSpace => true,
            // A message that is larger than the log may be never fits.
            oxmq_journal::Error::Full => !self.drops_oldest,
            _ => false,
        };
        if is_full {
            self.full_until = Some(self.shared.clock.now() + FULL_DISK_PAUSE);
        }
        let single = message.len() == 1;
        if let Some(part) = message.pop() {
            *last = part;
        }
        // A part can wait for room; the parts before it are not the caller's any more.
        match is_full && single {
            true => Err(Error::WouldBlock),
            false => Err(Error::store("recording a message", error)),
        }
    }

    fn append(&mut self, parts: &[&[u8]], letter: &Letter<'_>) -> oxmq_journal::Result<Unsynced> {
        let store = self.shared.store.clone();
        if self.reserve.is_on() && store.has_failed() {
            // What is lost is passed over before numbers are given.
            store.batch().commit()?;
            self.follow();
        }
        let expires_ms = letter.ttl.map(|ttl| {
            store.now_ms().saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))
        });
        let mut batch = store.batch();
        batch.append(&self.log, parts, &attributes::encode(letter.name, expires_ms))?;
        letter.with.iter().try_for_each(|extra| extra.add_to(&mut batch))?;
        let reserves = self.reserve.reserve(&self.log, self.end, &mut batch)?;
        let done = batch.commit()?;
        let offset = done.offsets.first().copied().unwrap_or(self.end);
        // A message for which the store has opened anew goes out once it is durable: what was
        // reserved may be lost.
        let is_anew = self.follow() && self.reserve.is_on();
        // When the store has opened anew for this message, only those before it are safe.
        self.safe = self.safe.min(offset);
        self.end = self.end.max(offset + 1);
        if reserves {
            self.reserve.reserved(offset);
        }
        let policy = if reserves || is_anew { SyncPolicy::Always } else { self.shared.policy };
        self.unsafe_yet.push_back((done.lsn, self.end, reserves || is_anew));
        self.unattended |= letter.unattended;
        self.ages.recorded();
        Ok(Unsynced { store, lsn: done.lsn, policy })
    }

    /// Looks how far the log has become safe, and sees to it that the socket is told when more is.
    pub(super) fn refresh(&mut self, now: Instant) {
        if self.full_until.is_some_and(|at| at <= now) {
            self.full_until = None;
        }
        self.follow();
        while let Some((lsn, next, reserves)) = self.unsafe_yet.front().copied() {
            let is_reserved = !reserves || self.shared.store.is_durable(lsn);
            if !self.shared.is_safe(lsn) || !is_reserved {
                break;
            }
            self.safe = next;
            self.unsafe_yet.pop_front();
        }
        let Some((last, ..)) = self.unsafe_yet.back().copied() else {
            (self.sync_due, self.failed_until) = (None, None);
            self.unattended = false;
            return;
        };
        if self.shared.is_given_up(last) {
            return self.begin_anew(now);
        }
        // Whoever else has committed since has opened the store anew.
        self.failed_until = None;
        if self.awaited {
            return;
        }
        match self.shared.policy {
            SyncPolicy::Interval => {
                let due = *self.sync_due.get_or_insert(now + self.sync_ivl);
                if due > now {
                    return;
                }
                self.sync_due = None;
            }
            // Whoever sends waits, and makes the socket go on.
            SyncPolicy::Always | SyncPolicy::Os if !self.unattended => return,
            SyncPolicy::Always | SyncPolicy::Os => {}
        }
        self.awaited = true;
        match self.unsafe_yet.iter().any(|(.., reserves)| *reserves) {
            true => self.shared.await_durable(last),
            false => self.shared.await_safe(last),
        }
    }

    /// The disk has failed. After a pause the store opens anew, and what was not safe is given up.
    fn begin_anew(&mut self, now: Instant) {
        self.sync_due = None;
        if now < *self.failed_until.get_or_insert(now + FULL_DISK_PAUSE) {
            return;
        }
        self.failed_until = None;
        match self.shared.store.batch().commit() {
            Ok(_) => drop(self.follow()),
            Err(_) => self.failed_until = Some(now + FULL_DISK_PAUSE),
        }
    }

    /// After a failure of the disk the store has opened anew: what was not safe is not there. True
    /// if that is so.
    fn follow(&mut self) -> bool {
        let revivals = self.shared.store.revivals();
        if revivals == self.revivals {
            return false;
        }
        if self.log.epoch().is_ok_and(|epoch| epoch == self.status.epoch) {
            self.revivals = revivals;
            return false;
        }
        let Ok(mut status) = self.log.status() else { return false };
        self.reserve.forget();
        if self.reserve.is_on() && self.end > status.next {
            // These were given out, and are lost.
            let lost = OffsetRange { from: status.next, to: self.end - 1 };
            let mut batch = self.shared.store.batch();
            let skipped = batch.skip(&self.log, self.end, gap_reason::LOST_IN_CRASH);
            match skipped.and_then(|()| batch.commit()).and_then(|_| self.log.status()) {
                Ok(skipped) => status = skipped,
                // It is tried again; until then no number is given out twice.
                Err(_) => return true,
            }
            self.lost = Some(lost);
        }
        self.end = status.next;
        self.safe = status.next;
        self.unsafe_yet.clear();
        self.reader = self.log.reader(status.first);
        let begun = status.epochs.last().map(|(_, first)| *first);
        self.lost_from = [self.lost_from, begun].into_iter().flatten().min();
        self.status = status;
        self.revivals = revivals;
        self.renewed = true;
        true
    }

    /// When the disk has failed, the store opens anew now, and what was not safe is given up.
    pub(super) fn open_anew(&mut self) -> Result<()> {
        if self.shared.store.has_failed() {
            let opened = self.shared.store.batch().commit();
            opened.map_err(|error| Error::store("opening the store anew", error))?;
        }
        self.follow();
        Ok(())
    }

    /// An offset that was given to a message in this epoch is not that message's any more: the log
    /// has begun anew without it.
    pub(super) fn is_gone(&self, offset: u64, epoch: u64) -> bool {
        let later = self.status.epochs.iter().find(|(other, _)| *other > epoch);
        later.is_some_and(|(_, first)| offset >= *first)
    }

    /// The store has nudged.
    pub(super) fn woken(&mut self) {
        self.awaited = false;
    }

    /// When to look again without being told.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = [self.sync_due, self.full_until, self.failed_until, self.ages.due()];
        due.into_iter().flatten().min()
    }

    /// After a failure of the disk: from this number on, what was sent before it is lost, and the
    /// number may be another message's.
    pub(super) fn take_lost(&mut self) -> Option<u64> {
        self.lost_from.take()
    }

    /// For peers that are connected and were told of an earlier epoch: what was lost with it, and
    /// where the log is.
    pub(super) fn take_renewed(&mut self) -> Option<(Option<OffsetRange>, DurableCommand)> {
        std::mem::take(&mut self.renewed).then(|| (self.lost.take(), self.base()))
    }

    /// Where the log is, for a peer.
    pub(super) fn base(&self) -> DurableCommand {
        DurableCommand::Base {
            log: u128::from_be_bytes(self.status.id),
            epoch: self.status.epoch,
            first: self.log.first().unwrap_or(self.status.first),
            next: self.end,
            epochs: self.status.epochs.iter().rev().take(EPOCHS_TOLD).rev().copied().collect(),
        }
    }

    /// Whether an instance may use a durable name: `Err` has the later one that took it over.
    pub(super) fn admit(&self, name: &[u8], instance: u64) -> Result<(), u64> {
        let key = [INSTANCE_KEY, name].concat();
        let stored = self.log.value(&key).ok().flatten();
        let owner = stored.and_then(|value| Some(u64::from_be_bytes(value.try_into().ok()?)));
        match owner {
            Some(owner) if owner > instance => Err(owner),
            Some(owner) if owner == instance => Ok(()),
            _ => {
                let mut batch = self.shared.store.batch();
                // If it is not recorded, an older instance may come back after a restart of ours.
                let value = instance.to_be_bytes();
                drop(batch.put(&self.log, &key, &value).and_then(|()| batch.commit()));
                Ok(())
            }
        }
    }

    /// What a peer has settled of the log, by its own word. It cannot have settled what the log has
    /// not got, nor what a later epoch than it knows gave out.
    pub(super) fn settled_in(&self, epoch: u64, below: u64, settled: &[OffsetRange]) -> Ranges {
        let later = self.status.epochs.iter().filter(|(other, _)| *other > epoch);
        let end = later.map(|(_, first)| *first).min().unwrap_or(self.end).min(self.end);
        let mut ranges = Ranges::new(1);
        if epoch > 0 {
            ranges.insert(1..below.min(end));
            settled
                .iter()
                .for_each(|range| ranges.insert(range.from.max(1)..(range.to + 1).min(end)));
        }
        ranges
    }

    /// The record of an offset; `None` if it is not there any more. An error is the disk's: the
    /// message may well be there, so it must neither be settled nor passed over.
    pub(super) fn read(&mut self, offset: u64) -> oxmq_journal::Result<Option<Record>> {
        if self.reader.position() != offset {
            self.reader.seek(offset);
        }
        let read = self.reader.next();
        if read.is_err() {
            // What it has read ahead may be what failed.
            self.reader.seek(offset);
        }
        Ok(read?.filter(|record| record.offset == offset))
    }

    /// The same for an offset that goes out next. `Err` when the disk does not give it: nothing
    /// that is behind it may go before it, and it is tried again.
    pub(super) fn read_next(&mut self, offset: u64) -> Result<Option<Record>, ()> {
        self.read(offset).map_err(|_| {
            let at = self.shared.clock.now() + FULL_DISK_PAUSE;
            self.full_until.get_or_insert(at);
        })
    }

    /// What the log has given up of these offsets, other than those that are settled.
    pub(super) fn gaps_in(
        &self,
        offsets: &Range<u64>,
        settled: &Ranges,
    ) -> Vec<(OffsetRange, GapReason)> {
        let gaps = self.log.gaps().unwrap_or_default();
        let mut found = Vec::new();
        for gap in gaps {
            let within = gap.from.max(offsets.start)..gap.to.min(offsets.end);
            let reason = reason_of(gap.reason);
            found.extend(unsettled(&within, settled).into_iter().map(|range| (range, reason)));
        }
        found
    }

    /// What the log has given up, for a receiver that comes and has settled some of it: all that it
    /// does not know, or, if it has never seen the log, what lies among the messages that are
    /// there.
    pub(super) fn gaps_for(&self, epoch: u64, settled: &Ranges) -> Vec<(OffsetRange, GapReason)> {
        let first = match epoch {
            0 => self.log.first().unwrap_or(self.end),
            _ => 1,
        };
        self.gaps_in(&(first..self.end), settled)
    }

    /// Whether a message was to go out before now.
    pub(super) fn is_late(&self, record: &Record) -> bool {
        let (_, expires_ms) = attributes::decode(record.attributes());
        expires_ms.is_some_and(|at| at <= self.shared.store.now_ms())
    }

    /// Records that a consumer will not get some offsets. If that fails, they are given up again
    /// after a restart.
    pub(super) fn give_up(&self, consumer: ConsumerId, offsets: &[Range<u64>], reason: u8) {
        let mut batch = self.shared.store.batch();
        let recorded = offsets.iter().try_for_each(|range| {
            batch.gap(&self.log, range.clone(), reason)?;
            batch.ack(&self.log, consumer, range.clone())
        });
        drop(recorded.and_then(|()| batch.commit()));
    }

    /// Offsets below this are older than the log's limit. True if there are more than before.
    pub(super) fn look_at_ages(&mut self, now: Instant) -> bool {
        self.ages.look(&self.log, self.shared.store.now_ms(), now)
    }

    /// Records what a consumer has settled. Loss of this record means that messages come again.
    pub(super) fn settle(&self, consumer: ConsumerId, ranges: &Ranges) {
        let mut batch = self.shared.store.batch();
        let first = (ranges.below() > 1).then(|| 1..ranges.below());
        let recorded = first
            .into_iter()
            .chain(ranges.above())
            .try_for_each(|range| batch.ack(&self.log, consumer, range))
            .and_then(|()| batch.commit());
        // A failure shows itself at the next message.
        drop(recorded);
    }

    /// Closes the log, for `Durable::close`.
    pub(super) fn close(&mut self) -> Box<dyn FnOnce() + Send> {
        self.shared.finish(self.log.clone())
    }
}

/// Runs of these offsets that are not settled; no more than there can be in one command.
pub(super) fn unsettled(offsets: &Range<u64>, settled: &Ranges) -> Vec<OffsetRange> {
    let mut found = Vec::new();
    let mut from = offsets.start.max(settled.below());
    for done in settled.above().chain(std::iter::once(offsets.end..offsets.end)) {
        let to = done.start.min(offsets.end);
        if from < to {
            found.push(OffsetRange { from, to: to - 1 });
        }
        from = from.max(done.end);
        if from >= offsets.end || found.len() >= RUNS_MAX {
            break;
        }
    }
    if found.len() >= RUNS_MAX
        && from < offsets.end
        && let Some(last) = found.last_mut()
    {
        // Of what is broken up more than that, the rest is told as one.
        last.to = offsets.end - 1;
    }
    found
}

/// A gap's reason in the journal as peers are told it.
fn reason_of(reason: u8) -> GapReason {
    match reason {
        gap_reason::AGE => GapReason::Expired,
        gap_reason::CORRUPT => GapReason::Damaged,
        gap_reason::DEAD_LETTER => GapReason::DeadLetter,
        gap_reason::LOST_IN_CRASH => GapReason::LostInCrash,
        _ => GapReason::Retention,
    }
}

/// The parts of a record as messages to be sent.
pub(super) fn parts_of(record: &Record) -> impl Iterator<Item = (Msg, bool)> + '_ {
    let count = record.parts().count();
    record.parts().enumerate().map(move |(index, part)| (Msg::from_slice(part), index + 1 < count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_settled_of_some_offsets() {
        let mut settled = Ranges::new(5);
        settled.insert(8..10);
        settled.insert(20..30);
        let runs = |range: Range<u64>| {
            unsettled(&range, &settled).iter().map(|r| (r.from, r.to)).collect::<Vec<_>>()
        };
        assert_eq!(runs(1..5), []);
        assert_eq!(runs(1..25), [(5, 7), (10, 19)]);
        assert_eq!(runs(9..40), [(10, 19), (30, 39)]);
        assert_eq!(runs(21..22), []);
        assert_eq!(runs(6..7), [(6, 6)]);
    }

    #[test]
    fn what_is_broken_up_too_much_is_told_as_one() {
        let mut settled = Ranges::new(1);
        (1..1000).for_each(|n| settled.insert(3 * n..3 * n + 1));
        let runs = unsettled(&(1..3000), &settled);
        assert_eq!(runs.len(), RUNS_MAX);
        assert_eq!(runs.last().map(|last| last.to), Some(2999));
    }
}
