//! What a receiver has of each durable sender's log: where the next message stands, what was
//! settled, and what to say when a connection opens. Plain state; owned by `intake`.

use std::ops::Range;

use oxmq_journal::Ranges;
use oxmq_zmtp::{DurableCommand, DurableStart, OffsetRange, SeekTo};

use super::deliver::epoch_of;
use super::outbox;

/// Most ranges in one command.
const RANGES_PER_COMMAND: usize = 64;

/// A connection to a durable sender.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    /// The sender's log, as its handshake told.
    pub(super) log: u128,
    pub(super) epoch: u64,
    epochs: Vec<(u64, u64)>,
    /// The offset of the next message; 0 before the sender has said.
    next: u64,
    attempt: u32,
    /// Times that the sender has still to tell where its log is: what it sends before the last of
    /// them is not wanted.
    bases: u32,
}

impl Source {
    pub(super) fn new(log: u128, epoch: u64) -> Source {
        Source { log, epoch, ..Source::default() }
    }

    /// The sender tells where its log is.
    pub(super) fn base(&mut self, log: u128, epoch: u64, epochs: Vec<(u64, u64)>) {
        (self.log, self.epoch, self.epochs) = (log, epoch, epochs);
        self.bases = self.bases.saturating_sub(1);
    }

    /// The next message has this offset.
    pub(super) fn seq(&mut self, offset: u64, attempt: u16) {
        (self.next, self.attempt) = (offset, u32::from(attempt));
    }

    /// The sender was asked where its log is, or to go on elsewhere in it.
    pub(super) fn asked(&mut self) {
        self.bases = self.bases.saturating_add(1);
        self.next = 0;
    }

    /// The sender has answered everything that it was asked.
    pub(super) fn is_answered(&self) -> bool {
        self.bases == 0
    }

    /// A message came: its offset, epoch and attempt. `None` from a sender that gave it no number.
    pub(super) fn message(&mut self) -> Option<(u64, u64, u32)> {
        let offset = Some(self.next).filter(|next| *next > 0)?;
        let attempt = std::mem::replace(&mut self.attempt, 1).max(1);
        self.next = offset.checked_add(1)?;
        Some((offset, epoch_of(&self.epochs, self.epoch, offset), attempt))
    }
}

/// What is settled of one sender's log.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    pub(super) epoch: u64,
    pub(super) done: Ranges,
    /// Of `done`, what the journal has not been told.
    pub(super) taken: Ranges,
    /// The journal has to be told all of it.
    pub(super) is_fresh: bool,
    /// Where the sender shall go on, which it has not answered.
    pub(super) seek: Option<SeekTo>,
    /// It has answered, and the journal has not been told.
    pub(super) is_sought: bool,
}

impl Default for Cursor {
    fn default() -> Cursor {
        Cursor { is_fresh: true, ..Cursor::new(0, Ranges::new(1)) }
    }
}

impl Cursor {
    pub(super) fn new(epoch: u64, done: Ranges) -> Cursor {
        Cursor { epoch, done, taken: Ranges::new(0), is_fresh: false, seek: None, is_sought: false }
    }

    /// Some offsets are settled.
    pub(super) fn take(&mut self, offsets: Range<u64>) {
        self.done.insert(offsets.clone());
        self.taken.insert(offsets);
    }

    /// What is to be recorded of it is recorded.
    pub(super) fn recorded(&mut self) {
        (self.is_fresh, self.is_sought) = (false, false);
        self.taken = Ranges::new(0);
    }

    /// Everything below an offset is settled, other than some ranges.
    pub(super) fn floor(&mut self, below: u64, open: &[OffsetRange]) {
        let mut from = 1;
        for range in open.iter().filter(|range| range.to < below) {
            if from < range.from {
                self.take(from..range.from);
            }
            from = from.max(range.to + 1);
        }
        if from < below {
            self.take(from..below);
        }
    }

    /// The sender goes on where it was asked to, if it was, in a log of these offsets.
    pub(super) fn sought(&mut self, first: u64, next: u64) {
        if let Some(to) = self.seek.take() {
            self.done = Ranges::new(to.within(first, next));
            self.taken = Ranges::new(0);
            (self.is_fresh, self.is_sought) = (true, true);
        }
    }

    /// Of these offsets, those that are not settled.
    pub(super) fn missing(&self, range: OffsetRange) -> Vec<OffsetRange> {
        outbox::unsettled(&(range.from..range.to + 1), &self.done)
    }

    /// What to say when a connection to the sender opens.
    pub(super) fn open(&self, start: DurableStart) -> DurableCommand {
        let settled = self.done.above().take(RANGES_PER_COMMAND);
        DurableCommand::Open {
            epoch: self.epoch,
            below: if self.epoch == 0 { 0 } else { self.done.below() },
            settled: settled.map(|range| to_wire(range.start, range.end)).collect(),
            start,
        }
    }

    /// The sender's log is in this epoch. Offsets that a later epoch has given again to other
    /// messages are not settled; returns the first of them.
    pub(super) fn enter(&mut self, epoch: u64, epochs: &[(u64, u64)], first: u64) -> Option<u64> {
        let given_again = epochs.iter().filter(|(later, _)| *later > self.epoch);
        let end = given_again.map(|(_, start)| *start).min();
        let end = end.filter(|_| self.epoch != 0 && self.epoch < epoch);
        if let Some(end) = end {
            self.cut(end);
        }
        self.is_fresh |= self.epoch != epoch;
        self.epoch = epoch;
        if first > self.done.below() {
            self.take(self.done.below()..first);
        }
        end
    }

    /// Forgets what is settled from `end` on.
    fn cut(&mut self, end: u64) {
        let mut kept = Ranges::new(self.done.below().min(end));
        for range in self.done.above() {
            kept.insert(range.start..range.end.min(end));
        }
        self.done = kept;
        self.taken = Ranges::new(0);
        self.is_fresh = true;
    }
}

/// A half-open range as the wire has it.
pub(super) fn to_wire(from: u64, end: u64) -> OffsetRange {
    OffsetRange { from, to: end.saturating_sub(1).max(from) }
}

/// Acknowledgements of some offsets, in as few commands as they fit.
pub(super) fn acks(offsets: &Ranges) -> Vec<DurableCommand> {
    let all: Vec<OffsetRange> =
        offsets.above().map(|range| to_wire(range.start, range.end)).collect();
    all.chunks(RANGES_PER_COMMAND)
        .map(|settled| DurableCommand::Ack { settled: settled.to_vec() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cursor with everything below 10 settled.
    fn cursor(epoch: u64) -> Cursor {
        Cursor::new(epoch, Ranges::new(10))
    }

    #[test]
    fn what_a_later_epoch_gave_out_again_is_not_settled() {
        let mut cursor = cursor(2);
        cursor.done.insert(12..20);
        cursor.enter(4, &[(1, 1), (2, 5), (3, 15), (4, 18)], 1);
        assert_eq!((cursor.done.below(), cursor.epoch), (10, 4));
        assert!(cursor.done.contains(14) && !cursor.done.contains(15));
        cursor.enter(5, &[(4, 18), (5, 7)], 1);
        assert!(cursor.done.contains(6) && !cursor.done.contains(7));
    }

    #[test]
    fn the_same_epoch_keeps_everything() {
        let mut cursor = cursor(2);
        cursor.enter(2, &[(1, 1), (2, 5)], 1);
        assert_eq!((cursor.done.below(), cursor.is_fresh), (10, false));
    }

    #[test]
    fn messages_count_on_from_what_the_sender_said() {
        let mut source = Source::new(7, 3);
        assert_eq!(source.message(), None);
        source.base(7, 3, vec![(2, 1), (3, 6)]);
        source.seq(5, 2);
        assert_eq!(source.message(), Some((5, 2, 2)));
        assert_eq!(source.message(), Some((6, 3, 1)));
    }

    #[test]
    fn acknowledgements_are_split_where_they_do_not_fit() {
        let mut offsets = Ranges::new(0);
        (0..100).for_each(|n| offsets.insert(10 * n + 1..10 * n + 2));
        let commands = acks(&offsets);
        assert_eq!(commands.len(), 2);
        let first = OffsetRange { from: 1, to: 1 };
        assert!(matches!(&commands[0], DurableCommand::Ack { settled } if settled[0] == first));
    }
}
