//! What the records so far mean: the logs, their consumers and cursors, and which segment holds
//! which messages.
//!
//! Owned by the store and changed under its lock, by one door: [`State::apply`] takes an entry,
//! whether a caller has just committed it or recovery has read it, so that both see the same.
//! Nothing here does input or output. Entries that make no sense (of a log that was dropped, say)
//! change nothing: a batch is checked before it is written.

mod checkpoint;
mod log;

use std::collections::{BTreeMap, HashMap};

pub(crate) use log::{Consumer, Cursor, LogState, Place};

use crate::entry::{Entry, LogEntry};
use crate::log::LogOptions;

/// A segment as the state knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// End of the records in it; for the segment being written, what has been committed so far.
    pub(crate) end: u32,
    pub(crate) nonce: u64,
    /// How many extents and moved messages of logs lie in it. Zero: nothing there is needed.
    pub(crate) references: u64,
}

/// Everything a store remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) logs: BTreeMap<u32, LogState>,
    pub(crate) names: HashMap<Box<[u8]>, u32>,
    pub(crate) next_log: u32,
    pub(crate) segments: BTreeMap<u32, Segment>,
}

impl State {
    /// Takes a message of `bytes` bytes that stands at `place`.
    pub(crate) fn apply_message(&mut self, log: u32, place: Place, offset: u64, time_ms: u64) {
        let Some(state) = self.logs.get_mut(&log) else { return };
        let mut references = Vec::new();
        if offset < state.next {
            // A copy of an old message, made when its segment was compacted.
            state.place_moved(offset, place, &mut references);
        } else {
            let added = state.append(place, offset, time_ms);
            if added {
                references.push((place.segment, 1));
            }
        }
        self.refer(&references);
    }

    /// Takes an entry of `log`.
    // tidy: long: one arm for each kind
    pub(crate) fn apply(&mut self, log: u32, entry: &Entry<'_>) {
        match entry {
            Entry::Commit { .. } | Entry::Index { .. } => return,
            Entry::Emptied { segment } => return self.empty(*segment),
            Entry::Checkpoint { next_log, .. } => {
                *self = Self { next_log: *next_log, ..Self::default() };
                return;
            }
            Entry::Segment { number, end, nonce } => {
                let segment = Segment { end: *end, nonce: *nonce, references: 0 };
                self.segments.insert(*number, segment);
                return;
            }
            Entry::Log(entry) => return self.apply_log(log, entry),
            Entry::LogDropped => return self.drop_log(log),
            _ => {}
        }
        let mut changes = Vec::new();
        let Some(state) = self.logs.get_mut(&log) else { return };
        match entry {
            Entry::Extent { segment, first, last, bytes, last_ms } => {
                state.add_extent(*segment, *first, *last, *bytes, *last_ms);
                changes.push((*segment, 1));
            }
            Entry::Moved { offset, segment, position, bytes } => {
                let place = Place { segment: *segment, position: *position, bytes: *bytes };
                state.place_moved(*offset, place, &mut changes);
            }
            Entry::Epoch { epoch, first } => state.begin_epoch(*epoch, *first),
            Entry::Trim { from, to, reason } => state.trim(*from, *to, *reason, &mut changes),
            Entry::Gap { from, to, reason } => state.remember_gap(*from, *to, *reason),
            Entry::Consumer { consumer, below, name } => {
                state.add_consumer(*consumer, *below, name);
            }
            Entry::ConsumerDropped { consumer } => state.drop_consumer(*consumer, &mut changes),
            Entry::Seek { consumer, below } => state.seek(*consumer, *below),
            Entry::Ack { consumer, from, to } => state.ack(*consumer, *from..*to, &mut changes),
            Entry::Attempt { consumer, offset, attempt } => {
                state.count_attempt(*consumer, *offset, *attempt);
            }
            Entry::Filter { consumer, change, bytes } => state.filter(*consumer, *change, bytes),
            Entry::Session { consumer, instance, last_seen_ms, principal } => {
                state.begin_session(*consumer, *instance, *last_seen_ms, principal);
            }
            Entry::Cursor { remote, epoch, next, ranges } => {
                state.place_cursor(*remote, *epoch, *next, ranges);
            }
            Entry::Skip { to, reason } => state.skip(*to, *reason, &mut changes),
            Entry::Taken { remote, from, to } => state.take_of(remote, *from..*to),
            Entry::Put { key, value } => state.put(key, *value),
            _ => {}
        }
        self.refer(&changes);
    }

    /// Numbers of the segments in which nothing is needed, other than `current`.
    pub(crate) fn idle_segments(&self, current: u32) -> Vec<u32> {
        let idle = |(number, segment): (&u32, &Segment)| {
            (*number != current && segment.references == 0).then_some(*number)
        };
        self.segments.iter().filter_map(idle).collect()
    }

    /// Counts what lies in segments up or down.
    pub(crate) fn refer(&mut self, changes: &[(u32, i64)]) {
        for (number, change) in changes {
            if let Some(segment) = self.segments.get_mut(number) {
                segment.references = segment.references.saturating_add_signed(*change);
            }
        }
    }

    fn apply_log(&mut self, index: u32, entry: &LogEntry<'_>) {
        let options = LogOptions::from_entry(entry);
        if let Some(log) = self.logs.get_mut(&index) {
            log.options = options;
            return;
        }
        self.next_log = self.next_log.max(index.saturating_add(1));
        self.names.insert(entry.name.into(), index);
        self.logs.insert(index, LogState::new(entry, options));
    }

    /// Forgets what lies in a segment other than moved messages.
    fn empty(&mut self, segment: u32) {
        let mut changes = Vec::new();
        for log in self.logs.values_mut() {
            log.forget_in(segment, &mut changes);
        }
        self.refer(&changes);
    }

    fn drop_log(&mut self, index: u32) {
        let Some(log) = self.logs.remove(&index) else { return };
        self.names.remove(&log.name);
        self.refer(&log.all_references());
    }
}
