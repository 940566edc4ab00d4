//! Salvage: a state from what is left of a damaged store.
//!
//! Only reads. The newest checkpoint that is whole is the start; every record that passes its
//! checksum after it is applied, whatever lies between. Then all segments are read for the messages
//! that are really there. What is missing and was not acknowledged by all becomes a gap, which
//! every consumer has behind it.

use std::ops::Range;
use std::sync::Arc;

use crate::commit::decode;
use crate::entry::{MessageHead, kind};
use crate::error::{Error, Result};
use crate::format::{FRAME_BYTES, Frame, HEADER_BYTES};
use crate::log::gap_reason;
use crate::segment::SegmentFile;
use crate::state::{LogState, Place, Segment, State};
use crate::storage::Storage;

use super::{Recovered, scan};

impl Recovered {
    /// Reads what is left of the store in `storage`.
    pub(crate) fn salvage(storage: &dyn Storage) -> Result<Self> {
        let mut found = Self::list(storage, true)?;
        let mut numbers: Vec<u32> = found.files.keys().copied().collect();
        numbers.sort_unstable();
        let files: Vec<Arc<SegmentFile>> =
            numbers.iter().filter_map(|number| found.files.get(number).map(Arc::clone)).collect();
        let mut base = None;
        for file in files.iter().rev() {
            let scan = scan::scan(file, None)?;
            if let Some(state) = scan.state {
                found.state = state;
                base = Some((file.header.segment, scan.end));
                break;
            }
        }
        let Some((base, end)) = base else {
            let why = "no checkpoint is left";
            return if files.is_empty() && found.headless.is_empty() {
                Ok(found)
            } else {
                Err(Error::Corrupt { segment: 0, at: 0, why })
            };
        };
        for file in files.iter().filter(|file| file.header.segment >= base) {
            let from = if file.header.segment == base { end } else { HEADER_BYTES };
            replay(&mut found.state, file, from)?;
        }
        found.state.forget_places();
        for file in &files {
            place_messages(&mut found.state, file)?;
        }
        found.report.salvaged_gaps = found.state.settle_gaps();
        found.base = numbers.last().copied();
        Ok(found)
    }
}

/// Calls `visit` with every whole record from `from` on; true when there was nothing else between
/// the first and the last of them.
fn search(
    file: &SegmentFile,
    from: u32,
    mut visit: impl FnMut(u32, Frame, &[u8]),
) -> Result<(bool, u32)> {
    let bytes = file.read(0, file.header.bytes as usize)?;
    let mut at = from as usize;
    let (mut whole, mut end) = (true, at);
    while at + FRAME_BYTES <= bytes.len() {
        let rest = bytes.get(at..).unwrap_or(&[]);
        let position = u32::try_from(at).unwrap_or(u32::MAX);
        match Frame::check(rest, position, file.seed) {
            Some(frame) => {
                whole &= at == end;
                visit(position, frame, rest.get(..frame.padded()).unwrap_or(&[]));
                at += frame.padded();
                end = at;
            }
            None => at += 8,
        }
    }
    Ok((whole, u32::try_from(end).unwrap_or(u32::MAX)))
}

/// Applies what is whole in a segment from `from` on, other than that a checkpoint begins: the
/// state so far is what it would make anew.
fn replay(state: &mut State, file: &SegmentFile, from: u32) -> Result<()> {
    search(file, from, |position, frame, record| {
        let body = record.get(FRAME_BYTES..frame.length).unwrap_or(&[]);
        if frame.kind == kind::MESSAGE {
            if let Some(head) = MessageHead::decode(body) {
                let bytes = u32::try_from(record.len()).unwrap_or(u32::MAX);
                let place = Place { segment: file.header.segment, position, bytes };
                state.apply_message(frame.log, place, head.offset, head.time_ms);
            }
        } else if frame.kind != kind::CHECKPOINT
            && let Some(entry) = decode(frame, record)
        {
            state.apply(frame.log, &entry);
        }
    })?;
    Ok(())
}

/// Enters the messages of a segment: as extents when it is undamaged, else one by one, so that no
/// reader goes through the damage.
fn place_messages(state: &mut State, file: &SegmentFile) -> Result<()> {
    let number = file.header.segment;
    let (whole, end) = search(file, HEADER_BYTES, |_, _, _| {})?;
    state.segments.insert(number, Segment { end, nonce: file.header.nonce, references: 0 });
    let mut changes = Vec::new();
    search(file, HEADER_BYTES, |position, frame, record| {
        let body = record.get(FRAME_BYTES..frame.length).unwrap_or(&[]);
        let head = (frame.kind == kind::MESSAGE).then(|| MessageHead::decode(body)).flatten();
        let (Some(head), Some(log)) = (head, state.logs.get_mut(&frame.log)) else { return };
        if head.offset < log.first || head.offset >= log.next {
            return;
        }
        let bytes = u32::try_from(record.len()).unwrap_or(u32::MAX);
        let place = Place { segment: number, position, bytes };
        let stored = log.extent_of(head.offset).is_some();
        let newest = log.extents.last_key_value().map_or(0, |(_, extent)| extent.last);
        if whole && !stored && head.offset > newest && !log.moved.contains_key(&head.offset) {
            let next = log.next;
            if log.extend(place, head.offset, head.time_ms) {
                changes.push((number, 1));
            }
            log.next = next;
        } else if !stored {
            log.place_moved(head.offset, place, &mut changes);
        }
    })?;
    state.refer(&changes);
    Ok(())
}

impl State {
    fn forget_places(&mut self) {
        self.segments.clear();
        for log in self.logs.values_mut() {
            log.extents.clear();
            log.moved.clear();
            (log.extent_bytes, log.moved_bytes) = (0, 0);
        }
    }

    /// Makes gaps of what is missing; returns how many messages.
    fn settle_gaps(&mut self) -> u64 {
        let mut lost = 0;
        let mut changes = Vec::new();
        for log in self.logs.values_mut() {
            for hole in log.holes() {
                lost += hole.end - hole.start;
                log.remember_gap(hole.start, hole.end, gap_reason::CORRUPT);
                for consumer in log.consumers.values_mut() {
                    consumer.acked.insert(hole.clone());
                }
            }
            log.retain(&mut changes);
        }
        self.refer(&changes);
        lost
    }
}

impl LogState {
    /// Runs of offsets that somebody wants and that are not stored.
    fn holes(&self) -> Vec<Range<u64>> {
        let mut holes: Vec<Range<u64>> = Vec::new();
        let mut from = self.first;
        while from < self.next {
            let to = self.next_stored(from).unwrap_or(self.next);
            for offset in (from..to).filter(|offset| self.wants(*offset)) {
                match holes.last_mut() {
                    Some(last) if last.end == offset => last.end += 1,
                    _ => holes.push(offset..offset + 1),
                }
            }
            from = self.extent_of(to).map_or(to + 1, |(_, offsets)| offsets.end);
        }
        holes
    }
}
