//! What a receiver does when the disk has failed: its store opens anew after a pause, and what was
//! recorded and not safe is recorded again. Part of `Intake`, under the socket's lock.

use std::ops::Range;
use std::time::{Duration, Instant};

use oxmq_journal::{Lsn, Ranges};
use oxmq_message::Msg;
use oxmq_zmtp::GapReason;

use super::super::links::gap_event;
use super::super::{FULL_DISK_PAUSE, outbox};
use super::{Intake, Origin, Waiting, nack};
use crate::pipe::table::Pipes;

impl Intake {
    /// The last record that may not be safe yet.
    pub(super) fn last_recorded(&self) -> Option<Lsn> {
        let message = self.inbox.unsafe_yet.back().map(|recorded| recorded.lsn);
        message.max(self.untold.iter().map(|told| told.lsn).max())
    }

    /// When the disk has failed, the store opens anew after a pause, and what was not safe is
    /// recorded again.
    pub(super) fn begin_anew(&mut self, pipes: &mut Pipes, now: Instant) {
        self.record_lost(pipes);
        if !self.last_recorded().is_some_and(|lsn| self.shared.is_given_up(lsn)) {
            self.failed_until = None;
            return;
        }
        if now < *self.failed_until.get_or_insert(now + FULL_DISK_PAUSE) {
            return;
        }
        self.failed_until = None;
        match self.shared.store.batch().commit() {
            Ok(_) => self.record_lost(pipes),
            Err(_) => self.failed_until = Some(now + FULL_DISK_PAUSE),
        }
    }

    /// Records again what the store has lost, if it has opened anew: by our commit or another's.
    fn record_lost(&mut self, pipes: &mut Pipes) {
        let lost = self.follow(pipes, None);
        self.record(pipes, lost);
    }

    /// Reads on where there was no room.
    pub(super) fn go_on_reading(&mut self, pipes: &mut Pipes) {
        if self.stalled && self.inbox_room(pipes) > 0 {
            self.stalled = false;
            let ids = pipes.ids();
            ids.into_iter().for_each(|id| pipes.read_on_later(id));
        }
    }

    /// After a failure of the disk the store has opened anew, with the log up to its end, or up to
    /// what was recorded since. Returns the messages that are not in it any more; what was settled
    /// and is not recorded counts as fresh.
    pub(super) fn follow(
        &mut self,
        pipes: &mut Pipes,
        recorded: Option<u64>,
    ) -> Vec<(Vec<u8>, Vec<Msg>)> {
        let revivals = self.shared.store.revivals();
        if revivals == self.revivals {
            return Vec::new();
        }
        if self.log.epoch().is_ok_and(|epoch| epoch == self.epoch) {
            self.revivals = revivals;
            return Vec::new();
        }
        let Ok(status) = self.log.status() else { return Vec::new() };
        self.revivals = revivals;
        (self.epoch, self.epochs) = (status.epoch, status.epochs);
        let end = recorded.unwrap_or(status.next);
        let mut lost = Vec::new();
        for recorded in std::mem::take(&mut self.inbox.unsafe_yet) {
            match recorded.end <= end {
                true => self.inbox.safe = recorded.end,
                false => lost.extend(recorded.messages),
            }
        }
        self.lose(pipes, end);
        for told in std::mem::take(&mut self.untold) {
            // What was recorded since the store opened anew is not lost.
            if self.shared.is_safe(told.lsn) || !self.shared.is_given_up(told.lsn) {
                self.untold.push_back(told);
                continue;
            }
            if let Some(waiting) = told.with {
                self.bring_back(pipes, waiting);
                continue;
            }
            told.inbox.above().for_each(|range| self.fresh_inbox.insert(range));
            for (to, settled) in told.settled {
                let fresh = self.fresh.entry(to).or_insert_with(|| Ranges::new(0));
                settled.above().for_each(|range| fresh.insert(range));
            }
            self.count_fresh();
        }
        for cursor in self.cursors.values_mut() {
            cursor.is_fresh = true;
            // A place that was sought, and the note of it, may be back.
            cursor.is_sought |= cursor.seek.is_none();
        }
        self.count_fresh();
        lost
    }

    /// With the policy os, what the application has seen may be lost. Its numbers are given again.
    fn lose(&mut self, pipes: &mut Pipes, end: u64) {
        let inbox = &mut self.inbox;
        if inbox.safe <= end {
            return;
        }
        for range in outbox::unsettled(&(end..inbox.safe), &inbox.settled) {
            pipes.durable.events.push((None, gap_event(range, GapReason::LostInCrash)));
        }
        inbox.next = inbox.next.min(end);
        inbox.settled = without(&inbox.settled, &(end..inbox.safe));
        self.fresh_inbox = without(&self.fresh_inbox, &(end..inbox.safe));
        inbox.safe = end;
        inbox.lose_attempts(end);
        self.forget(|waiting| waiting.origin == Origin::Inbox && waiting.place.offset >= end);
    }

    /// What was settled together with something else that is lost comes again.
    fn bring_back(&mut self, pipes: &mut Pipes, Waiting { origin, place }: Waiting) {
        let offsets = place.offset..place.offset + 1;
        let Origin::Remote { log, .. } = origin else {
            self.inbox.settled = without(&self.inbox.settled, &offsets);
            let attempt = place.attempt.saturating_add(1);
            return self.again_later(pipes, place.offset, attempt, Duration::ZERO);
        };
        if let Some(cursor) = self.cursors.get_mut(&log) {
            cursor.done = without(&cursor.done, &offsets);
        }
        // Without a connection, the next one begins with all that is settled.
        self.tell_log(pipes, log, &nack(&place, Duration::ZERO, false));
    }
}

/// Ranges without some offsets.
fn without(ranges: &Ranges, offsets: &Range<u64>) -> Ranges {
    let below = ranges.below();
    let mut kept = Ranges::new(below.min(offsets.start));
    for range in std::iter::once(0..below).chain(ranges.above()) {
        for part in
            [range.start..range.end.min(offsets.start), range.start.max(offsets.end)..range.end]
        {
            if part.start < part.end {
                kept.insert(part);
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_taken_out_of_ranges() {
        let mut ranges = Ranges::new(10);
        ranges.insert(20..30);
        let low = without(&ranges, &(4..5));
        assert_eq!((low.below(), low.contains(4), low.contains(5)), (4, false, true));
        assert!(low.contains(9) && !low.contains(10) && low.contains(29));
        let high = without(&ranges, &(25..26));
        assert_eq!((high.below(), high.contains(25)), (10, false));
        assert!(high.contains(24) && high.contains(26));
        assert_eq!(without(&ranges, &(12..13)), ranges);
    }
}
