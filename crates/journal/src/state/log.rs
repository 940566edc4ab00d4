//! One log's state: where its messages lie, who has acknowledged what, and what is remembered
//! beside.
//!
//! Part of [`super::State`], changed under the store's lock. Invariants: `first <= next`; the
//! extents are disjoint, ascending, and end above `first`; moved messages are at or above `first`
//! and in no extent; every extent and moved message is counted as a reference of its segment.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Range;

use crate::entry::{FilterChange, LogEntry};
use crate::limits::{ATTEMPTS_MAX, EPOCHS_MAX, GAPS_MAX};
use crate::log::{Gap, LogOptions, Retention, Session};
use crate::ranges::Ranges;

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) position: u32,
    /// Bytes of the record with its frame and zeros.
    pub(crate) bytes: u32,
}

/// A run of a log's messages in one segment; the key in the table is its first offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) segment: u32,
    pub(crate) last: u64,
    pub(crate) bytes: u64,
    /// Time of its last message.
    pub(crate) last_ms: u64,
}

/// A consumer of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Consumer {
    pub(crate) name: Box<[u8]>,
    pub(crate) acked: Ranges,
    pub(crate) attempts: BTreeMap<u64, u32>,
    pub(crate) filters: BTreeSet<Box<[u8]>>,
    pub(crate) session: Session,
}

/// A receiver's place in a log of somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) epoch: u64,
    pub(crate) done: Ranges,
}

/// One log.
#[derive(Debug, Clone)]
pub(crate) struct LogState {
    pub(crate) id: [u8; 16],
    pub(crate) role: u8,
    pub(crate) options: LogOptions,
    pub(crate) name: Box<[u8]>,
    pub(crate) epochs: VecDeque<(u64, u64)>,
    pub(crate) first: u64,
    pub(crate) next: u64,
    pub(crate) extents: BTreeMap<u64, Extent>,
    pub(crate) extent_bytes: u64,
    pub(crate) moved: BTreeMap<u64, Place>,
    pub(crate) moved_bytes: u64,
    pub(crate) consumers: BTreeMap<u32, Consumer>,
    pub(crate) consumer_names: HashMap<Box<[u8]>, u32>,
    pub(crate) next_consumer: u32,
    pub(crate) cursors: BTreeMap<[u8; 16], Cursor>,
    pub(crate) values: BTreeMap<Box<[u8]>, Box<[u8]>>,
    pub(crate) gaps: VecDeque<Gap>,
}

impl LogState {
    pub(crate) fn new(entry: &LogEntry<'_>, options: LogOptions) -> Self {
        Self {
            id: entry.id,
            role: entry.role,
            options,
            name: entry.name.into(),
            epochs: VecDeque::new(),
            first: entry.first,
            next: entry.next,
            extents: BTreeMap::new(),
            extent_bytes: 0,
            moved: BTreeMap::new(),
            moved_bytes: 0,
            consumers: BTreeMap::new(),
            consumer_names: HashMap::new(),
            next_consumer: 0,
            cursors: BTreeMap::new(),
            values: BTreeMap::new(),
            gaps: VecDeque::new(),
        }
    }

    /// Messages from the first kept to the last.
    pub(crate) fn messages(&self) -> u64 {
        self.next - self.first
    }

    /// Bytes on disk of the messages that are kept. Within the extent that is kept in part, every
    /// message counts the same.
    pub(crate) fn bytes(&self) -> u64 {
        let passed = match self.extents.first_key_value() {
            Some((first, extent)) if *first < self.first => {
                let passed = u128::from(self.first - first) * u128::from(extent.bytes);
                u64::try_from(passed / u128::from(extent.last - first + 1)).unwrap_or(0)
            }
            _ => 0,
        };
        self.extent_bytes + self.moved_bytes - passed
    }

    /// The current epoch; zero before the log was ever opened.
    pub(crate) fn epoch(&self) -> u64 {
        self.epochs.back().map_or(0, |(epoch, _)| *epoch)
    }

    /// The epoch in which `offset` was appended.
    pub(crate) fn epoch_of(&self, offset: u64) -> u64 {
        let at = self.epochs.partition_point(|(_, first)| *first <= offset);
        at.checked_sub(1).and_then(|at| self.epochs.get(at)).map_or(0, |(epoch, _)| *epoch)
    }

    /// The offsets from `offset` on that are stored one after the other and have its epoch.
    pub(crate) fn run_of(&self, offset: u64) -> Range<u64> {
        let stored = self.extent_of(offset).map_or(offset + 1, |(_, offsets)| offsets.end);
        let at = self.epochs.partition_point(|(_, first)| *first <= offset);
        let epoch_end = self.epochs.get(at).map_or(u64::MAX, |(_, first)| *first);
        offset..stored.min(epoch_end)
    }

    /// Takes a new message; true when a new extent began.
    pub(crate) fn append(&mut self, place: Place, offset: u64, time_ms: u64) -> bool {
        self.next = offset + 1;
        if self.consumers.is_empty() && self.options.retention == Retention::Consumers {
            // Nobody wants it, now or later.
            self.first = self.next;
            return false;
        }
        self.extend(place, offset, time_ms)
    }

    /// Enters a message after all extents; true when a new one began.
    pub(crate) fn extend(&mut self, place: Place, offset: u64, time_ms: u64) -> bool {
        self.extent_bytes += u64::from(place.bytes);
        match self.extents.last_entry() {
            Some(mut last)
                if last.get().segment == place.segment && last.get().last + 1 == offset =>
            {
                let extent = last.get_mut();
                extent.last = offset;
                extent.bytes += u64::from(place.bytes);
                extent.last_ms = time_ms;
                false
            }
            _ => {
                let bytes = u64::from(place.bytes);
                let extent =
                    Extent { segment: place.segment, last: offset, bytes, last_ms: time_ms };
                self.extents.insert(offset, extent);
                true
            }
        }
    }

    pub(crate) fn add_extent(
        &mut self,
        segment: u32,
        first: u64,
        last: u64,
        bytes: u64,
        last_ms: u64,
    ) {
        self.extent_bytes += bytes;
        self.extents.insert(first, Extent { segment, last, bytes, last_ms });
    }

    /// The segment of `offset`'s extent, and the extent's offsets.
    pub(crate) fn extent_of(&self, offset: u64) -> Option<(u32, Range<u64>)> {
        let (first, extent) = self.extents.range(..=offset).next_back()?;
        (offset <= extent.last).then_some((extent.segment, *first..extent.last + 1))
    }

    /// The lowest offset at or above `offset` that is stored.
    pub(crate) fn next_stored(&self, offset: u64) -> Option<u64> {
        let offset = offset.max(self.first);
        if self.extent_of(offset).is_some() {
            return Some(offset);
        }
        let extent = self.extents.range(offset..).next().map(|(first, _)| *first);
        let moved = self.moved.range(offset..).next().map(|(offset, _)| *offset);
        match (extent, moved) {
            (Some(extent), Some(moved)) => Some(extent.min(moved)),
            (extent, moved) => extent.or(moved),
        }
    }

    /// An offset at or above `from` below which every message is older than `ms`.
    pub(crate) fn not_before(&self, from: u64, ms: u64) -> u64 {
        let from = from.max(self.first);
        // What was moved has no time here.
        let moved = self.moved.range(from..).next().map(|(offset, _)| *offset);
        let young = |(first, extent): (&u64, &Extent)| {
            (extent.last >= from && extent.last_ms >= ms).then_some(*first)
        };
        let stored = self.extents.iter().find_map(young).map(|first| first.max(from));
        [moved, stored].into_iter().flatten().min().unwrap_or(self.next)
    }

    /// Where a message has been copied to. One that is no longer wanted is not taken.
    pub(crate) fn place_moved(&mut self, offset: u64, place: Place, out: &mut Vec<(u32, i64)>) {
        if offset < self.first {
            return;
        }
        if let Some(old) = self.moved.insert(offset, place) {
            self.moved_bytes -= u64::from(old.bytes);
            out.push((old.segment, -1));
        }
        self.moved_bytes += u64::from(place.bytes);
        out.push((place.segment, 1));
    }

    /// Forgets what lies in `segment`: what was needed of it has been copied elsewhere.
    pub(crate) fn forget_in(&mut self, segment: u32, out: &mut Vec<(u32, i64)>) {
        let in_segment =
            |(first, extent): (&u64, &Extent)| (extent.segment == segment).then_some(*first);
        let extents: Vec<u64> = self.extents.iter().filter_map(in_segment).collect();
        for first in extents {
            if let Some(extent) = self.extents.remove(&first) {
                self.extent_bytes -= extent.bytes;
                out.push((segment, -1));
            }
        }
        let in_segment =
            |(offset, place): (&u64, &Place)| (place.segment == segment).then_some(*offset);
        let moved: Vec<u64> = self.moved.iter().filter_map(in_segment).collect();
        for offset in moved {
            if let Some(place) = self.moved.remove(&offset) {
                self.moved_bytes -= u64::from(place.bytes);
                out.push((segment, -1));
            }
        }
    }

    /// True when some consumer has not acknowledged `offset`, or it is kept regardless.
    pub(crate) fn wants(&self, offset: u64) -> bool {
        offset >= self.first
            && (self.options.retention == Retention::Limits
                || self.consumers.is_empty()
                || self.consumers.values().any(|consumer| !consumer.acked.contains(offset)))
    }

    /// True when the message at this place is the one that counts under its offset.
    pub(crate) fn stores(&self, offset: u64, segment: u32, position: u32) -> bool {
        if let Some(place) = self.moved.get(&offset) {
            return (place.segment, place.position) == (segment, position);
        }
        offset >= self.first && self.extent_of(offset).is_some_and(|(own, _)| own == segment)
    }

    /// All references of this log, to be taken back.
    pub(crate) fn all_references(&self) -> Vec<(u32, i64)> {
        let extents = self.extents.values().map(|extent| (extent.segment, -1));
        extents.chain(self.moved.values().map(|place| (place.segment, -1))).collect()
    }

    pub(crate) fn begin_epoch(&mut self, epoch: u64, first: u64) {
        if epoch <= self.epoch() {
            return;
        }
        if self.epochs.len() >= EPOCHS_MAX {
            self.epochs.pop_front();
        }
        self.epochs.push_back((epoch, first));
    }

    /// Lets go of everything below `to`, and remembers the loss. It is acknowledged by nobody: a
    /// consumer that comes back is told of it.
    pub(crate) fn trim(&mut self, from: u64, to: u64, reason: u8, out: &mut Vec<(u32, i64)>) {
        self.advance(to, out);
        for consumer in self.consumers.values_mut() {
            consumer.attempts = consumer.attempts.split_off(&to);
        }
        self.remember_gap(from, to, reason);
    }

    pub(crate) fn remember_gap(&mut self, from: u64, to: u64, reason: u8) {
        if from >= to {
            return;
        }
        if let Some(last) = self.gaps.back_mut()
            && last.to == from
            && last.reason == reason
        {
            last.to = to;
            return;
        }
        self.gaps.push_back(Gap { from, to, reason });
        if self.gaps.len() > GAPS_MAX
            && let (Some(oldest), Some(next)) = (self.gaps.pop_front(), self.gaps.front_mut())
        {
            next.from = next.from.min(oldest.from);
            next.to = next.to.max(oldest.to);
        }
    }

    pub(crate) fn add_consumer(&mut self, consumer: u32, below: u64, name: &[u8]) {
        self.next_consumer = self.next_consumer.max(consumer.saturating_add(1));
        self.consumer_names.insert(name.into(), consumer);
        self.consumers.insert(
            consumer,
            Consumer {
                name: name.into(),
                acked: Ranges::new(below),
                attempts: BTreeMap::new(),
                filters: BTreeSet::new(),
                session: Session::default(),
            },
        );
    }

    pub(crate) fn drop_consumer(&mut self, consumer: u32, out: &mut Vec<(u32, i64)>) {
        if let Some(consumer) = self.consumers.remove(&consumer) {
            self.consumer_names.remove(&consumer.name);
            self.retain(out);
        }
    }

    pub(crate) fn seek(&mut self, consumer: u32, below: u64) {
        if let Some(consumer) = self.consumers.get_mut(&consumer) {
            consumer.acked = Ranges::new(below.clamp(self.first, self.next));
            consumer.attempts.clear();
        }
    }

    pub(crate) fn ack(&mut self, consumer: u32, range: Range<u64>, out: &mut Vec<(u32, i64)>) {
        let range = range.start.min(self.next)..range.end.min(self.next);
        let Some(consumer) = self.consumers.get_mut(&consumer) else { return };
        let before = consumer.acked.below();
        consumer.acked.insert(range.clone());
        if !consumer.attempts.is_empty() {
            let gone: Vec<u64> =
                consumer.attempts.range(range).map(|(offset, _)| *offset).collect();
            for offset in gone {
                consumer.attempts.remove(&offset);
            }
        }
        if before <= self.first && consumer.acked.below() > before {
            self.retain(out);
        }
    }

    pub(crate) fn count_attempt(&mut self, consumer: u32, offset: u64, attempt: u32) {
        if let Some(consumer) = self.consumers.get_mut(&consumer) {
            consumer.attempts.insert(offset, attempt);
            if consumer.attempts.len() > ATTEMPTS_MAX {
                consumer.attempts.pop_first();
            }
        }
    }

    pub(crate) fn filter(&mut self, consumer: u32, change: FilterChange, bytes: &[u8]) {
        if let Some(consumer) = self.consumers.get_mut(&consumer) {
            match change {
                FilterChange::Add => drop(consumer.filters.insert(bytes.into())),
                FilterChange::Remove => drop(consumer.filters.remove(bytes)),
                FilterChange::Clear => consumer.filters.clear(),
            }
        }
    }

    pub(crate) fn begin_session(
        &mut self,
        consumer: u32,
        instance: u64,
        last_seen_ms: u64,
        principal: &[u8],
    ) {
        if let Some(consumer) = self.consumers.get_mut(&consumer) {
            consumer.session = Session { principal: principal.to_vec(), instance, last_seen_ms };
        }
    }

    pub(crate) fn place_cursor(
        &mut self,
        remote: [u8; 16],
        epoch: u64,
        next: u64,
        ranges: &[(u64, u64)],
    ) {
        let mut done = Ranges::new(next);
        ranges.iter().for_each(|(from, to)| done.insert(*from..*to));
        self.cursors.insert(remote, Cursor { epoch, done });
    }

    /// Goes on with the numbers at `to`: everybody has what would lie before behind it.
    pub(crate) fn skip(&mut self, to: u64, reason: u8, out: &mut Vec<(u32, i64)>) {
        let from = self.next;
        if to <= from {
            return;
        }
        self.next = to;
        for consumer in self.consumers.values_mut() {
            consumer.acked.insert(from..to);
        }
        self.remember_gap(from, to, reason);
        if self.first == from {
            self.advance(to, out);
        }
    }

    pub(crate) fn take_of(&mut self, remote: &[u8; 16], range: Range<u64>) {
        if let Some(cursor) = self.cursors.get_mut(remote) {
            cursor.done.insert(range);
        }
    }

    pub(crate) fn put(&mut self, key: &[u8], value: Option<&[u8]>) {
        match value {
            Some(value) => drop(self.values.insert(key.into(), value.into())),
            None => drop(self.values.remove(key)),
        }
    }

    /// Lets go of what every consumer has acknowledged.
    pub(crate) fn retain(&mut self, out: &mut Vec<(u32, i64)>) {
        let wanted = match self.options.retention {
            Retention::Limits => return,
            Retention::Acknowledged if self.consumers.is_empty() => return,
            _ => self.consumers.values().map(|consumer| consumer.acked.below()).min(),
        };
        self.advance(wanted.unwrap_or(self.next), out);
    }

    fn advance(&mut self, to: u64, out: &mut Vec<(u32, i64)>) {
        self.first = self.first.max(to.min(self.next));
        while let Some(entry) = self.extents.first_entry() {
            if entry.get().last >= self.first {
                break;
            }
            let extent = entry.remove();
            self.extent_bytes -= extent.bytes;
            out.push((extent.segment, -1));
        }
        while let Some(entry) = self.moved.first_entry() {
            if *entry.key() >= self.first {
                break;
            }
            let place = entry.remove();
            self.moved_bytes -= u64::from(place.bytes);
            out.push((place.segment, -1));
        }
    }
}
