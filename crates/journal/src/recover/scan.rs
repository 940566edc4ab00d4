//! Reads one segment from its checkpoint to its end, group by group.
//!
//! Only reads. A group counts when every record of it passes its checksum and its COMMIT record
//! agrees with them; the first that does not ends the reading, and what lies beyond is searched for
//! COMMIT records that tell how far the store was durable.

use crate::commit::decode;
use crate::entry::{Entry, MessageHead, kind};
use crate::error::Result;
use crate::format::{FRAME_BYTES, Frame, HEADER_BYTES, stored};
use crate::segment::SegmentFile;
use crate::state::{Place, Segment, State};
use crate::store::Lsn;
use crate::tail::COMMIT_BYTES;

/// What a segment says.
pub(super) struct Scan {
    /// The state at its end; `None` when not even its first group is whole.
    pub(super) state: Option<State>,
    /// End of the last whole group.
    pub(super) end: u32,
    /// What its records and header say to be durable.
    pub(super) durable: Lsn,
    /// Bytes beyond the end that are not zero, from the first to the last.
    pub(super) torn_bytes: u64,
    pub(super) read_bytes: u64,
    /// Why reading ended.
    pub(super) why: &'static str,
}

/// A group that has been read.
struct Group {
    end: usize,
    durable: Lsn,
}

/// Reads `file`; groups that end after `trusted` are not believed.
pub(super) fn scan(file: &SegmentFile, trusted: Option<Lsn>) -> Result<Scan> {
    let length = file.file.len().map_err(|error| crate::Error::io("measuring", &error))?;
    let length = length.min(u64::from(file.header.bytes));
    let bytes = file.read(0, usize::try_from(length).unwrap_or(0))?;
    let number = file.header.segment;
    let mut scan = Scan {
        state: None,
        end: HEADER_BYTES,
        // The header's witness is about the segment before this one.
        durable: Lsn::default(),
        torn_bytes: 0,
        read_bytes: bytes.len() as u64,
        why: "the end of the segment is missing",
    };
    let mut at = HEADER_BYTES as usize;
    loop {
        match read_group(file, &bytes, at) {
            Ok(group) => {
                let end = u32::try_from(group.end).unwrap_or(u32::MAX);
                if trusted.is_some_and(|trusted| Lsn::new(number, end) > trusted) {
                    return Ok(scan);
                }
                if !apply(file, &bytes, at, group.end, &mut scan.state) {
                    scan.why = "the segment does not begin with a checkpoint";
                    break;
                }
                scan.durable = scan.durable.max(group.durable);
                at = group.end;
                scan.end = end;
            }
            Err(why) => {
                scan.why = why;
                break;
            }
        }
    }
    let rest = bytes.get(at..).unwrap_or(&[]);
    let used = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    scan.torn_bytes = used as u64;
    scan.durable = scan.durable.max(witnesses(file, &bytes, at, at + used));
    Ok(scan)
}

/// Checks the group at `start`.
fn read_group(file: &SegmentFile, bytes: &[u8], start: usize) -> Result<Group, &'static str> {
    let mut at = start;
    let (mut records, mut chain) = (0u32, 0u32);
    loop {
        let rest = bytes.get(at..).unwrap_or(&[]);
        let position = u32::try_from(at).map_err(|_| "a record's position")?;
        let frame = Frame::check(rest, position, file.seed).ok_or("a record's checksum")?;
        let record = rest.get(..frame.padded()).unwrap_or(&[]);
        if frame.kind != kind::COMMIT {
            records += 1;
            chain = chain.rotate_left(1) ^ stored(record);
            at += record.len();
            continue;
        }
        let Some(Entry::Commit { start: own, records: own_records, durable, chain: own_chain }) =
            decode(frame, record)
        else {
            return Err("a COMMIT record");
        };
        if (own as usize, own_records, own_chain) != (start, records, chain) {
            return Err("a COMMIT record that does not fit its group");
        }
        return Ok(Group { end: at + record.len(), durable: Lsn(durable) });
    }
}

/// Applies the records of a checked group. False when there is no state to apply them to.
fn apply(
    file: &SegmentFile,
    bytes: &[u8],
    mut at: usize,
    end: usize,
    state: &mut Option<State>,
) -> bool {
    let number = file.header.segment;
    while at < end {
        let rest = bytes.get(at..end).unwrap_or(&[]);
        let Some(frame) = Frame::peek(rest) else { return false };
        let Some(record) = rest.get(..frame.padded()) else { return false };
        let position = u32::try_from(at).unwrap_or(u32::MAX);
        at += record.len();
        if frame.kind == kind::CHECKPOINT {
            state.get_or_insert_default();
        }
        let Some(state) = state.as_mut() else { return false };
        if frame.kind == kind::MESSAGE {
            let body = record.get(FRAME_BYTES..frame.length).unwrap_or(&[]);
            let Some(head) = MessageHead::decode(body) else { continue };
            let bytes = u32::try_from(record.len()).unwrap_or(u32::MAX);
            let place = Place { segment: number, position, bytes };
            state.apply_message(frame.log, place, head.offset, head.time_ms);
        } else if let Some(entry) = decode(frame, record) {
            state.apply(frame.log, &entry);
            if frame.kind == kind::CHECKPOINT {
                let own = Segment { end: 0, nonce: file.header.nonce, references: 0 };
                state.segments.insert(number, own);
            }
        }
    }
    true
}

/// The highest durable position that COMMIT records between `from` and `to` tell.
fn witnesses(file: &SegmentFile, bytes: &[u8], from: usize, to: usize) -> Lsn {
    let mut durable = Lsn::default();
    for at in (from..to).step_by(8) {
        let Some(record) = bytes.get(at..at + COMMIT_BYTES as usize) else { break };
        let is_commit = Frame::peek(record).is_some_and(|frame| {
            frame.kind == kind::COMMIT && frame.length == COMMIT_BYTES as usize
        });
        let position = u32::try_from(at).unwrap_or(u32::MAX);
        if is_commit && Frame::check(record, position, file.seed).is_some() {
            let body = record.get(FRAME_BYTES..).unwrap_or(&[]);
            if let Some(Entry::Commit { durable: own, .. }) = Entry::decode(kind::COMMIT, body) {
                durable = durable.max(Lsn(own));
            }
        }
    }
    durable
}
