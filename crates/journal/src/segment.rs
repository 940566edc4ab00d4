//! A segment: its file, its header, and the index by which a reader finds a message in it.
//!
//! Values shared between the store, its writer and its readers; all calls that touch the file block
//! and are made without the store's lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::entry::{Entry, MessageHead, kind};
use crate::error::{Error, Result};
use crate::format::{FRAME_BYTES, Frame, HEADER_BYTES, Header, Opening};
use crate::limits::READ_AHEAD_BYTES;
use crate::storage::{Storage, StorageFile};
use crate::tail::{COMMIT_BYTES, note_place};

/// What the files of segments are called; the number in the name only makes it unique.
const SUFFIX: &str = ".segment";

/// A segment's file, open.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    pub(crate) file: Arc<dyn StorageFile>,
    pub(crate) name: String,
    pub(crate) header: Header,
    pub(crate) seed: u32,
}

/// A prepared file that no segment has begun in.
#[derive(Debug)]
pub(crate) struct Blank {
    pub(crate) file: Arc<dyn StorageFile>,
    pub(crate) name: String,
    pub(crate) bytes: u32,
}

/// Where some of the messages of each log stand, ascending: a message is found by going on from
/// the nearest place before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    pub(crate) logs: BTreeMap<u32, Vec<(u64, u32)>>,
}

/// A file of the store's directory, by its first bytes.
pub(crate) enum Found {
    Segment(Arc<SegmentFile>),
    Blank(Blank),
    /// Its header never became whole, or both copies of it were hit.
    Damaged,
}

/// The name of a segment's file.
pub(crate) fn file_name(slot: u32) -> String {
    format!("{slot:08x}{SUFFIX}")
}

/// The number in the name of a segment's file. `None` for other files.
pub(crate) fn slot(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(SUFFIX)?;
    if digits.len() != 8 {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

/// Opens a segment's file and reads its header.
pub(crate) fn find(storage: &dyn Storage, name: &str, write: bool) -> Result<Found> {
    let fault = |error| Error::io("opening a segment", &error);
    let file = storage.open(name, write).map_err(fault)?;
    let mut bytes = vec![0; HEADER_BYTES as usize];
    let read = file.read_at(0, &mut bytes).map_err(fault)?;
    bytes.truncate(read);
    match Header::decode(&bytes)? {
        Opening::Header(header) => {
            let seed = header.seed();
            let name = name.to_owned();
            Ok(Found::Segment(Arc::new(SegmentFile { file, name, header, seed })))
        }
        Opening::Blank => {
            let bytes = u32::try_from(file.len().map_err(fault)?).unwrap_or(u32::MAX);
            Ok(Found::Blank(Blank { file, name: name.to_owned(), bytes }))
        }
        Opening::Damaged => Ok(Found::Damaged),
    }
}

impl SegmentFile {
    /// Reads up to `length` bytes at `at`; fewer at the file's end.
    pub(crate) fn read(&self, at: u32, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let read = self
            .file
            .read_at(u64::from(at), &mut bytes)
            .map_err(|error| Error::io("reading a segment", &error))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// An error about the record at `at`.
    pub(crate) fn damage(&self, at: u32, why: &'static str) -> Error {
        Error::Corrupt { segment: self.header.segment, at: u64::from(at), why }
    }

    /// The index of a complete segment that ends at `end`: as written at its end, or made from its
    /// records when the segment was not ended in order.
    pub(crate) fn load_index(&self, end: u32) -> Result<Index> {
        if let Some(index) = self.stored_index(end)? {
            return Ok(index);
        }
        let mut index = Index::default();
        let mut highest: HashMap<u32, u64> = HashMap::new();
        self.walk(HEADER_BYTES, end, |position, frame, record| {
            let body = record.get(FRAME_BYTES..).unwrap_or(&[]);
            let head = (frame.kind == kind::MESSAGE).then(|| MessageHead::decode(body)).flatten();
            let Some(head) = head else { return Ok(()) };
            // Copies of old messages stand among the new ones and are found without an index.
            let highest = highest.entry(frame.log).or_default();
            if head.offset > *highest {
                *highest = head.offset;
                note_place(&mut index, frame.log, head.offset, position);
            }
            Ok(())
        })?;
        Ok(index)
    }

    /// Calls `visit` for each record from `at` to `end`; one that fails its checksum is an error.
    pub(crate) fn walk(
        &self,
        mut at: u32,
        end: u32,
        mut visit: impl FnMut(u32, Frame, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut wanted = READ_AHEAD_BYTES;
        while at < end {
            let length = wanted.min((end - at) as usize);
            let bytes = self.read(at, length)?;
            let mut rest = bytes.as_slice();
            let before = at;
            while let Some(frame) = Frame::peek(rest) {
                let Some((record, after)) = rest.split_at_checked(frame.padded()) else { break };
                if Frame::check(record, at, self.seed).is_none() {
                    return Err(self.damage(at, "a record's checksum"));
                }
                visit(at, frame, record)?;
                at += u32::try_from(record.len()).unwrap_or(u32::MAX);
                rest = after;
            }
            if at == before {
                let needed = Frame::peek(rest).map_or(usize::MAX, |frame| frame.padded());
                if bytes.len() < length || needed > (end - at) as usize {
                    return Err(self.damage(at, "a record's frame"));
                }
                wanted = needed;
            } else {
                wanted = READ_AHEAD_BYTES;
            }
        }
        Ok(())
    }

    /// As [`SegmentFile::walk`], but goes on behind what is damaged, which `damaged` is told.
    pub(crate) fn walk_past(
        &self,
        from: u32,
        end: u32,
        mut visit: impl FnMut(u32, Frame, &[u8]) -> Result<()>,
        mut damaged: impl FnMut(Error),
    ) -> Result<()> {
        let mut at = from;
        while at < end {
            let mut reached = at;
            let walked = self.walk(at, end, |position, frame, record| {
                reached = position + u32::try_from(record.len()).unwrap_or(u32::MAX);
                visit(position, frame, record)
            });
            match walked {
                Ok(()) => return Ok(()),
                Err(error @ Error::Corrupt { .. }) => damaged(error),
                Err(error) => return Err(error),
            }
            at = if reached > at { reached } else { self.next_whole(at, end)? };
        }
        Ok(())
    }

    /// The first position behind `from` at which a whole record stands, or `end`.
    fn next_whole(&self, from: u32, end: u32) -> Result<u32> {
        let bytes = self.read(from, (end - from) as usize)?;
        for at in (8..bytes.len()).step_by(8) {
            let position = from + u32::try_from(at).unwrap_or(u32::MAX);
            let rest = bytes.get(at..).unwrap_or(&[]);
            if Frame::check(rest, position, self.seed).is_some() {
                return Ok(position);
            }
        }
        Ok(end)
    }

    fn stored_index(&self, end: u32) -> Result<Option<Index>> {
        let Some(last) = end.checked_sub(COMMIT_BYTES) else { return Ok(None) };
        let record = self.read(last, COMMIT_BYTES as usize)?;
        let Some(frame) = Frame::check(&record, last, self.seed) else { return Ok(None) };
        let body = record.get(FRAME_BYTES..frame.length).unwrap_or(&[]);
        let Some(Entry::Commit { start, .. }) = Entry::decode(frame.kind, body) else {
            return Ok(None);
        };
        let mut index = Index::default();
        let mut others = false;
        self.walk(start, last, |_, frame, record| {
            let body = record.get(FRAME_BYTES..frame.length).unwrap_or(&[]);
            match Entry::decode(frame.kind, body) {
                Some(Entry::Index { log, places }) => drop(index.logs.insert(log, places)),
                _ => others = true,
            }
            Ok(())
        })?;
        Ok((!others && !index.logs.is_empty()).then_some(index))
    }
}

impl Index {
    /// Where to begin looking for `offset` of `log`.
    pub(crate) fn place_before(&self, log: u32, offset: u64) -> Option<u32> {
        let places = self.logs.get(&log)?;
        let after = places.partition_point(|(first, _)| *first <= offset);
        places.get(after.saturating_sub(1)).map(|(_, position)| *position)
    }

    /// Appends the index as records.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for (log, places) in &self.logs {
            Entry::Index { log: *log, places: places.clone() }.encode(*log, out);
        }
    }
}
