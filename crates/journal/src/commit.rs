//! Commits: a batch is checked as a whole, copied to the tail, and applied to the state.
//!
//! All of it happens under the store's lock and without the disk. When the segment is full the
//! commit moves on to a prepared one; when none is prepared, it lets the lock go, prepares one and
//! begins again.

use std::collections::HashSet;
use std::sync::Arc;

use crate::batch::Commit;
use crate::entry::{Entry, FilterChange, kind, patch_message};
use crate::error::{Error, Result};
use crate::format::{FRAME_BYTES, Frame, HEADER_BYTES, Header};
use crate::limits::{
    ACKED_RANGES_MAX, CURSORS_MAX, FILTERS_MAX, RESERVE_BYTES, UNWRITTEN_BYTES_MAX, VALUES_MAX,
};
use crate::log::{OnFull, gap_reason};
use crate::segment::SegmentFile;
use crate::state::{Consumer, LogState, Place, Segment, State};
use crate::store::{Core, Shared};
use crate::tail::{COMMIT_BYTES, note_place};

/// What a log's limits say of a batch.
#[derive(Debug, Default, Clone, Copy)]
struct Load {
    log: u32,
    messages: u64,
    bytes: u64,
}

/// What the check of a batch found out.
struct Plan {
    /// Records that make room in full logs, to be committed first.
    trims: Vec<u8>,
    /// Appends may not use the reserve.
    appends: bool,
}

/// A segment is needed that has at least this many bytes.
struct NeedSegment(u32);

impl Shared {
    /// Commits records that have no checksums yet; see [`crate::Batch::commit`].
    pub(crate) fn commit(&self, records: &[u8]) -> Result<Commit> {
        let ((), commit) = self.commit_with(
            |_, _, out| {
                out.clear();
                Ok(())
            },
            Some(records),
        )?;
        Ok(commit)
    }

    /// Commits what `build` makes of the present state. It may be called more than once.
    pub(crate) fn commit_built<T>(
        &self,
        build: impl FnMut(&State, &mut HashSet<u32>, &mut Vec<u8>) -> Result<T>,
    ) -> Result<T> {
        Ok(self.commit_with(build, None)?.0)
    }

    fn commit_with<T>(
        &self,
        mut build: impl FnMut(&State, &mut HashSet<u32>, &mut Vec<u8>) -> Result<T>,
        records: Option<&[u8]>,
    ) -> Result<(T, Commit)> {
        self.check_process()?;
        let now_ms = (self.options.clock_ms)();
        let mut built = Vec::new();
        loop {
            let mut core = self.lock();
            self.revive(&mut core)?;
            built.clear();
            let Core { state, open_logs, .. } = &mut *core;
            let value = build(state, open_logs, &mut built)?;
            let records = records.unwrap_or(&built);
            let plan = core.state.plan(records)?;
            if let Err(NeedSegment(bytes)) = core.make_room(records.len(), &plan, now_ms) {
                drop(core);
                self.prepare(bytes)?;
                continue;
            }
            core.push(&plan.trims, now_ms);
            let offsets = core.push(records, now_ms);
            let commit = Commit { lsn: core.end(), offsets };
            let unwritten = core.tail.unwritten_bytes();
            let wanting = core.blanks.len() < 2;
            drop(core);
            if wanting {
                self.helper.wake();
            }
            if unwritten > UNWRITTEN_BYTES_MAX {
                self.flush_to(commit.lsn, false)?;
            }
            return Ok((value, commit));
        }
    }
}

impl Core {
    /// Sees to it that `bytes` bytes of copies fit; the error is how large a segment is needed.
    pub(crate) fn room_for_copies(&mut self, bytes: usize, now_ms: u64) -> Result<(), u32> {
        let plan = Plan { trims: Vec::new(), appends: true };
        self.make_room(bytes, &plan, now_ms).map_err(|NeedSegment(bytes)| bytes)
    }

    /// Sees to it that `bytes` bytes of records and the plan's fit into the segment.
    fn make_room(&mut self, bytes: usize, plan: &Plan, now_ms: u64) -> Result<(), NeedSegment> {
        let needed = u32::try_from(bytes + plan.trims.len()).unwrap_or(u32::MAX);
        // Room for the index that ends the segment.
        let spared = self.tail.file.header.bytes / 256;
        if needed <= self.tail.room().saturating_sub(spared) {
            return Ok(());
        }
        let mut checkpoint = Vec::new();
        self.state.checkpoint(now_ms, &mut checkpoint);
        let checkpoint_bytes = u32::try_from(checkpoint.len()).unwrap_or(u32::MAX);
        // The checkpoint written may list one segment more, and the group has its end.
        let whole = needed
            .saturating_add(checkpoint_bytes)
            .saturating_add(HEADER_BYTES + 2 * COMMIT_BYTES + 128);
        let whole = whole.saturating_add(whole / 128);
        let fits = |bytes: u32| bytes >= whole;
        let reserve = self.reserve_bytes();
        let best = self.blanks.iter().enumerate().filter(|(_, blank)| fits(blank.bytes));
        let best = best.max_by_key(|(_, blank)| blank.bytes).map(|(at, _)| at);
        let Some(best) = best else { return Err(NeedSegment(whole)) };
        // With nothing left to keep, all segments before the next one go, and room comes of that.
        let is_drained = self.state.logs.values().all(|log| log.first == log.next);
        if plan.appends && self.blanks.len() < 2 && !is_drained {
            // What is there stays the reserve.
            return Err(NeedSegment(whole.max(reserve)));
        }
        let blank = self.blanks.swap_remove(best);
        self.begin_segment(blank, now_ms);
        Ok(())
    }

    /// Bytes that the reserved segment should have.
    pub(crate) fn reserve_bytes(&self) -> u32 {
        RESERVE_BYTES.min(self.tail.file.header.bytes)
    }

    /// Ends the segment with its index and goes on in `blank`, which begins with a checkpoint.
    fn begin_segment(&mut self, blank: crate::segment::Blank, now_ms: u64) {
        let durable = self.synced;
        self.tail.end_group(durable.0);
        let mut index = Vec::new();
        self.tail.index.encode(&mut index);
        if u32::try_from(index.len()).is_ok_and(|bytes| bytes <= self.tail.room()) {
            self.tail.push(&index, |_, _, _, _| {});
            self.tail.end_group(durable.0);
        }
        let old = self.end();
        if let Some(segment) = self.state.segments.get_mut(&old.segment()) {
            segment.end = old.position();
        }
        let nonce = self.tail.file.header.nonce.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        let header = Header {
            store: self.tail.file.header.store,
            segment: old.segment() + 1,
            nonce,
            bytes: blank.bytes,
            durable: old.0,
        };
        let seed = header.seed();
        let file = SegmentFile { file: blank.file, name: blank.name, header, seed };
        let index = self.tail.begin_segment(Arc::new(file));
        self.indexes.insert(old.segment(), Arc::new(index));
        self.write_checkpoint(now_ms);
        self.begun += 1;
    }

    /// Registers the tail's segment, which must be at its beginning, and writes the checkpoint.
    pub(crate) fn write_checkpoint(&mut self, now_ms: u64) {
        let file = Arc::clone(&self.tail.file);
        let mut checkpoint = Vec::new();
        self.state.checkpoint(now_ms, &mut checkpoint);
        let segment = Segment { end: 0, nonce: file.header.nonce, references: 0 };
        self.state.segments.insert(file.header.segment, segment);
        self.files.insert(file.header.segment, file);
        self.tail.push(&checkpoint, |_, _, _, _| {});
    }

    /// Copies checked records to the tail and applies them; returns the offsets of messages.
    pub(crate) fn push(&mut self, records: &[u8], now_ms: u64) -> Vec<u64> {
        let mut offsets = Vec::new();
        let Self { state, tail, .. } = self;
        let segment = tail.segment();
        tail.push(records, |index, frame, position, record| {
            if frame.kind == kind::MESSAGE {
                let offset = state.logs.get(&frame.log).map_or(0, |log| log.next);
                patch_message(record, offset, now_ms);
                note_place(index, frame.log, offset, position);
                let bytes = u32::try_from(record.len()).unwrap_or(u32::MAX);
                let place = Place { segment, position, bytes };
                state.apply_message(frame.log, place, offset, now_ms);
                offsets.push(offset);
            } else if let Some(entry) = decode(frame, record) {
                state.apply(frame.log, &entry);
            }
        });
        offsets
    }
}

impl State {
    /// Checks every record of a batch, so that applying it cannot fail half way.
    fn plan(&self, records: &[u8]) -> Result<Plan> {
        let mut loads: Vec<Load> = Vec::new();
        let mut made: Option<(u32, u32)> = None;
        let mut rest = records;
        while let Some(frame) = Frame::peek(rest) {
            let Some((record, after)) = rest.split_at_checked(frame.padded()) else { break };
            rest = after;
            if frame.kind == kind::MESSAGE {
                if loads.last().is_none_or(|load| load.log != frame.log) {
                    if !self.logs.contains_key(&frame.log) {
                        return Err(Error::NoSuchLog);
                    }
                    loads.push(Load { log: frame.log, ..Load::default() });
                }
                if let Some(load) = loads.last_mut() {
                    load.messages += 1;
                    load.bytes += record.len() as u64;
                }
            } else if let Some(entry) = decode(frame, record) {
                self.check(frame.log, &entry, &mut made)?;
            }
        }
        let appends = !loads.is_empty();
        Ok(Plan { trims: self.room_for(loads)?, appends })
    }

    /// Checks one entry; `made` is a log that the same batch makes, and a consumer of it.
    fn check(&self, index: u32, entry: &Entry<'_>, made: &mut Option<(u32, u32)>) -> Result<()> {
        if matches!(entry, Entry::Log(_)) {
            *made = Some((index, 0));
            return Ok(());
        }
        let Some(log) = self.logs.get(&index) else {
            return if made.is_some_and(|(log, _)| log == index) {
                Ok(())
            } else {
                Err(Error::NoSuchLog)
            };
        };
        let limit = |count: usize, max: usize, what: &'static str| {
            if count >= max { Err(Error::Limit { what, max: max as u64 }) } else { Ok(()) }
        };
        match entry {
            // What closes the first hole makes ranges fewer.
            Entry::Ack { consumer, from, .. } => match &find(log, *consumer)?.acked {
                acked if *from > acked.below() => {
                    let what = "ranges acknowledged out of order";
                    limit(acked.above_count(), ACKED_RANGES_MAX, what)
                }
                _ => Ok(()),
            },
            Entry::Filter { consumer, change: FilterChange::Add, .. } => {
                limit(find(log, *consumer)?.filters.len(), FILTERS_MAX, "filters of a consumer")
            }
            Entry::Seek { consumer, .. }
            | Entry::Attempt { consumer, .. }
            | Entry::Filter { consumer, .. }
            | Entry::Session { consumer, .. }
            | Entry::ConsumerDropped { consumer } => find(log, *consumer).map(drop),
            Entry::Cursor { remote, .. } if !log.cursors.contains_key(remote) => {
                limit(log.cursors.len(), CURSORS_MAX, "remote cursors of a log")
            }
            Entry::Taken { remote, from, .. } => match log.cursors.get(remote) {
                Some(cursor) if *from > cursor.done.below() => {
                    let count = cursor.done.above_count();
                    limit(count, ACKED_RANGES_MAX, "ranges of a remote cursor")
                }
                Some(_) => Ok(()),
                None => Err(Error::NoSuchCursor),
            },
            Entry::Put { key, value: Some(_) } if !log.values.contains_key(*key) => {
                limit(log.values.len(), VALUES_MAX, "values of a log")
            }
            _ => Ok(()),
        }
    }

    /// Records that make room for the batch in logs that drop their oldest messages.
    fn room_for(&self, mut loads: Vec<Load>) -> Result<Vec<u8>> {
        let mut trims = Vec::new();
        loads.sort_by_key(|load| load.log);
        loads.dedup_by(|next, load| {
            let same = next.log == load.log;
            if same {
                load.messages += next.messages;
                load.bytes += next.bytes;
            }
            same
        });
        for load in loads {
            let Some(log) = self.logs.get(&load.log) else { continue };
            let options = &log.options;
            let excess_messages =
                (log.messages().saturating_add(load.messages)).saturating_sub(options.messages_max);
            let excess_bytes =
                (log.bytes().saturating_add(load.bytes)).saturating_sub(options.bytes_max);
            if excess_messages == 0 && excess_bytes == 0 {
                continue;
            }
            let alone = load.messages > options.messages_max || load.bytes > options.bytes_max;
            if options.on_full == OnFull::Refuse || alone {
                return Err(Error::Full);
            }
            let mean = (log.bytes() / log.messages().max(1)).max(1);
            let messages = excess_messages.max(excess_bytes.div_ceil(mean));
            let (from, to) = (log.first, log.first.saturating_add(messages).min(log.next));
            let reason = gap_reason::RETENTION;
            Entry::Trim { from, to, reason }.encode(load.log, &mut trims);
        }
        Ok(trims)
    }
}

fn find(log: &LogState, consumer: u32) -> Result<&Consumer> {
    log.consumers.get(&consumer).ok_or(Error::NoSuchConsumer)
}

/// The entry in a record that is whole.
pub(crate) fn decode(frame: Frame, record: &[u8]) -> Option<Entry<'_>> {
    Entry::decode(frame.kind, record.get(FRAME_BYTES..frame.length)?)
}
