//! A state as a run of entries: what every segment begins with.
//!
//! Pure; called under the store's lock when a segment begins.

use crate::entry::{Entry, FilterChange, LogEntry};

use super::{LogState, State};

impl State {
    /// Appends records that make this state anew when they are applied in turn.
    pub(crate) fn checkpoint(&self, time_ms: u64, out: &mut Vec<u8>) {
        Entry::Checkpoint { next_log: self.next_log, time_ms }.encode(0, out);
        for (number, segment) in &self.segments {
            if segment.references > 0 {
                let (end, nonce) = (segment.end, segment.nonce);
                Entry::Segment { number: *number, end, nonce }.encode(0, out);
            }
        }
        for (index, log) in &self.logs {
            log.checkpoint(*index, out);
        }
    }
}

impl LogState {
    fn checkpoint(&self, index: u32, out: &mut Vec<u8>) {
        let mut push = |entry: Entry<'_>| entry.encode(index, out);
        push(Entry::Log(self.entry()));
        self.epochs.iter().for_each(|&(epoch, first)| push(Entry::Epoch { epoch, first }));
        for (first, extent) in &self.extents {
            push(Entry::Extent {
                segment: extent.segment,
                first: *first,
                last: extent.last,
                bytes: extent.bytes,
                last_ms: extent.last_ms,
            });
        }
        for (offset, place) in &self.moved {
            let (segment, position, bytes) = (place.segment, place.position, place.bytes);
            push(Entry::Moved { offset: *offset, segment, position, bytes });
        }
        for gap in &self.gaps {
            push(Entry::Gap { from: gap.from, to: gap.to, reason: gap.reason });
        }
        for (consumer, state) in &self.consumers {
            let consumer = *consumer;
            push(Entry::Consumer { consumer, below: state.acked.below(), name: &state.name });
            for range in state.acked.above() {
                push(Entry::Ack { consumer, from: range.start, to: range.end });
            }
            for (offset, attempt) in &state.attempts {
                push(Entry::Attempt { consumer, offset: *offset, attempt: *attempt });
            }
            for filter in &state.filters {
                push(Entry::Filter { consumer, change: FilterChange::Add, bytes: filter });
            }
            let session = &state.session;
            push(Entry::Session {
                consumer,
                instance: session.instance,
                last_seen_ms: session.last_seen_ms,
                principal: &session.principal,
            });
        }
        for (remote, cursor) in &self.cursors {
            let ranges = cursor.done.above().map(|range| (range.start, range.end)).collect();
            let next = cursor.done.below();
            push(Entry::Cursor { remote: *remote, epoch: cursor.epoch, next, ranges });
        }
        for (key, value) in &self.values {
            push(Entry::Put { key, value: Some(value) });
        }
    }

    /// The log's own entry, as of now.
    pub(crate) fn entry(&self) -> LogEntry<'_> {
        self.options.entry(self.id, self.role, self.first, self.next, &self.name)
    }
}
