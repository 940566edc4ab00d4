//! Compaction: a segment of which little is still needed gives up its room.
//!
//! A queue's segments are mostly removed whole, but one consumer that is slow, or one message that
//! nobody acknowledges, may keep 64 MiB for a few bytes. What is still needed is then copied to the
//! end of the journal and the segment is emptied, in one group. Done by the helper thread, or by
//! whoever calls [`Store::compact`]; the lock is held for one piece of copies at a time.

use std::sync::Arc;

use crate::entry::{Entry, MessageHead, kind};
use crate::error::Result;
use crate::format::{FRAME_BYTES, HEADER_BYTES};
use crate::limits::COMPACT_BYTES_MAX;
use crate::segment::SegmentFile;
use crate::state::{LogState, Place, State};
use crate::store::{Core, Shared, Store};

/// A segment is compacted when less than one part in this many is needed.
const NEEDED_PART: u64 = 4;

/// A message to be copied.
struct Copy {
    log: u32,
    head: MessageHead,
    position: u32,
    record: Vec<u8>,
}

impl Store {
    /// Copies what is needed of the oldest segment that is needed for less than a quarter, so that
    /// its room returns with the next sync. False when there is no such segment. The helper thread
    /// does this by itself. Blocks for the disk.
    pub fn compact(&self) -> Result<bool> {
        self.handle().shared.compact()
    }
}

impl Shared {
    pub(crate) fn compact(&self) -> Result<bool> {
        self.check_process()?;
        let (file, end) = {
            let core = self.lock();
            let Some(number) = core.state.sparse_segment(core.written.segment()) else {
                return Ok(false);
            };
            let end = core.state.segments.get(&number).map_or(0, |segment| segment.end);
            let Some(file) = core.files.get(&number) else { return Ok(false) };
            (Arc::clone(file), end)
        };
        let number = file.header.segment;
        let mut copies = Vec::new();
        let mut bytes = 0;
        file.walk(HEADER_BYTES, end, |position, frame, record| {
            let body = record.get(FRAME_BYTES..frame.length).unwrap_or(&[]);
            let head = (frame.kind == kind::MESSAGE).then(|| MessageHead::decode(body)).flatten();
            let Some(head) = head else { return Ok(()) };
            let wanted = self.lock().state.needs(frame.log, head.offset, number, position);
            if wanted {
                bytes += record.len();
                copies.push(Copy { log: frame.log, head, position, record: record.to_vec() });
            }
            if bytes >= COMPACT_BYTES_MAX {
                bytes = 0;
                self.copy(&file, &std::mem::take(&mut copies), false)?;
            }
            Ok(())
        })?;
        self.copy(&file, &copies, true)?;
        Ok(true)
    }

    /// Copies messages to the tail, and empties the segment with the last of them.
    fn copy(&self, from: &SegmentFile, copies: &[Copy], last: bool) -> Result<()> {
        let bytes: usize = copies.iter().map(|copy| copy.record.len()).sum();
        let number = from.header.segment;
        let mut emptied = Vec::new();
        Entry::Emptied { segment: number }.encode(0, &mut emptied);
        let now_ms = (self.options.clock_ms)();
        loop {
            let mut core = self.lock();
            self.revive(&mut core)?;
            if let Err(needed) = core.room_for_copies(bytes + emptied.len(), now_ms) {
                drop(core);
                self.prepare(needed)?;
                continue;
            }
            for copy in copies {
                if core.state.needs(copy.log, copy.head.offset, number, copy.position) {
                    core.push_copy(copy);
                }
            }
            if last {
                core.push(&emptied, now_ms);
            }
            return Ok(());
        }
    }
}

impl Core {
    fn push_copy(&mut self, copy: &Copy) {
        let Self { state, tail, .. } = self;
        let segment = tail.segment();
        tail.push(&copy.record, |_, _, position, record| {
            let bytes = u32::try_from(record.len()).unwrap_or(u32::MAX);
            let place = Place { segment, position, bytes };
            state.apply_message(copy.log, place, copy.head.offset, copy.head.time_ms);
        });
    }
}

impl State {
    /// The oldest segment before `written`, so one that is whole in its file, of which little is
    /// needed.
    fn sparse_segment(&self, written: u32) -> Option<u32> {
        let sparse = self.segments.range(..written).find(|(number, segment)| {
            let needed: u64 = self.logs.values().map(|log| log.needed_bytes(**number)).sum();
            segment.references > 0 && needed < u64::from(segment.end) / NEEDED_PART
        });
        sparse.map(|(number, _)| *number)
    }

    /// True when the message at this place is the one that counts, and somebody wants it.
    fn needs(&self, log: u32, offset: u64, segment: u32, position: u32) -> bool {
        self.logs
            .get(&log)
            .is_some_and(|log| log.stores(offset, segment, position) && log.wants(offset))
    }
}

impl LogState {
    /// Bytes of what some consumer has not acknowledged in `segment`, nearly and not too many.
    fn needed_bytes(&self, segment: u32) -> u64 {
        let in_segment = self.extents.iter().filter(|(_, extent)| extent.segment == segment);
        let extents = in_segment.map(|(first, extent)| {
            let offsets = *first..extent.last + 1;
            let count = offsets.end - offsets.start;
            let kept = offsets.start.max(self.first)..offsets.end;
            let wanted = kept.end.saturating_sub(kept.start) - self.settled_in(&kept);
            let bytes = u128::from(extent.bytes) * u128::from(wanted) / u128::from(count.max(1));
            u64::try_from(bytes).unwrap_or(u64::MAX)
        });
        let moved = self
            .moved
            .iter()
            .filter(|(offset, place)| place.segment == segment && self.wants(**offset));
        extents.sum::<u64>() + moved.map(|(_, place)| u64::from(place.bytes)).sum::<u64>()
    }

    /// How many offsets of `range` every consumer has settled, at most.
    fn settled_in(&self, range: &std::ops::Range<u64>) -> u64 {
        if self.options.retention == crate::log::Retention::Limits {
            return 0;
        }
        let counts = self.consumers.values().map(|consumer| consumer.acked.count_in(range));
        counts.min().unwrap_or(0)
    }
}
