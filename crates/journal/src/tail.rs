//! The end of the journal in memory: records that are committed and not yet written, and the most
//! recent ones that are, for readers close behind.
//!
//! Owned by the store and used under its lock only; no input or output happens here. Records go to
//! `open`; when a group ends, or a reader wants them, `open` becomes a shared block without a copy.
//! A group is what is written together: it ends in a COMMIT record and counts on disk as a whole or
//! not at all, so every batch in it is atomic.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::entry::Entry;
use crate::format::{Frame, sign};
use crate::limits::INDEX_STRIDE_BYTES;
use crate::segment::{Index, SegmentFile};

/// Bytes of a COMMIT record.
pub(crate) const COMMIT_BYTES: u32 = 40;

/// Below this many bytes a reader copies what is open rather than sharing it.
const COPY_BYTES_MAX: usize = 4096;

/// A run of whole records, shared with readers and the writer.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) segment: u32,
    pub(crate) at: u32,
    pub(crate) bytes: Arc<Vec<u8>>,
}

/// A block to be written; the last of its segment asks for a sync before anything follows.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) file: Arc<SegmentFile>,
    pub(crate) at: u32,
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) ends_segment: bool,
}

/// The segment being filled, and the records kept in memory.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) file: Arc<SegmentFile>,
    pub(crate) index: Index,
    open: Vec<u8>,
    open_at: u32,
    group_at: u32,
    group_records: u32,
    chain: u32,
    blocks: VecDeque<Block>,
    blocks_bytes: usize,
    blocks_bytes_max: usize,
    /// Segment and position before which everything is in files.
    written: (u32, u32),
    unwritten: VecDeque<Write>,
    unwritten_bytes: usize,
}

impl Tail {
    /// A tail that begins a segment with its header.
    pub(crate) fn new(file: Arc<SegmentFile>, blocks_bytes_max: usize) -> Self {
        let open = file.header.encode();
        Self {
            file,
            index: Index::default(),
            group_at: u32::try_from(open.len()).unwrap_or(u32::MAX),
            open,
            open_at: 0,
            group_records: 0,
            chain: 0,
            blocks: VecDeque::new(),
            blocks_bytes: 0,
            blocks_bytes_max,
            written: (0, 0),
            unwritten: VecDeque::new(),
            unwritten_bytes: 0,
        }
    }

    /// Goes on in another segment. The group must have ended.
    pub(crate) fn begin_segment(&mut self, file: Arc<SegmentFile>) -> Index {
        self.freeze();
        if let Some(last) = self.unwritten.back_mut() {
            last.ends_segment = true;
        } else {
            // Everything is written: an empty write still asks for the sync.
            let bytes = Arc::new(Vec::new());
            let file = Arc::clone(&self.file);
            let at = self.position();
            self.unwritten.push_back(Write { file, at, bytes, ends_segment: true });
        }
        self.open = file.header.encode();
        self.open_at = 0;
        self.group_at = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        self.file = file;
        std::mem::take(&mut self.index)
    }

    /// Number of the segment being filled.
    pub(crate) fn segment(&self) -> u32 {
        self.file.header.segment
    }

    /// Where the next record will stand.
    pub(crate) fn position(&self) -> u32 {
        self.open_at + u32::try_from(self.open.len()).unwrap_or(u32::MAX)
    }

    /// Bytes that fit into the segment beside the group's end.
    pub(crate) fn room(&self) -> u32 {
        self.file.header.bytes.saturating_sub(self.position()).saturating_sub(COMMIT_BYTES)
    }

    /// Appends complete records that carry no checksums yet; each is changed by `patch` first,
    /// which is told where it will stand.
    pub(crate) fn push(
        &mut self,
        records: &[u8],
        mut patch: impl FnMut(&mut Index, Frame, u32, &mut [u8]),
    ) {
        let start = self.open.len();
        self.open.extend_from_slice(records);
        let seed = self.file.seed;
        let mut rest = self.open.get_mut(start..).unwrap_or(&mut []);
        let mut position = self.open_at + u32::try_from(start).unwrap_or(u32::MAX);
        while let Some(frame) = Frame::peek(rest) {
            let Some((record, after)) = rest.split_at_mut_checked(frame.padded()) else { break };
            patch(&mut self.index, frame, position, record);
            let crc = sign(record, position, seed);
            self.chain = self.chain.rotate_left(1) ^ crc;
            self.group_records += 1;
            position += u32::try_from(record.len()).unwrap_or(u32::MAX);
            rest = after;
        }
    }

    /// Ends the group, unless it is empty, with what is known to be durable.
    pub(crate) fn end_group(&mut self, durable: u64) {
        if self.group_records > 0 {
            let mut record = Vec::with_capacity(COMMIT_BYTES as usize);
            let (start, records, chain) = (self.group_at, self.group_records, self.chain);
            Entry::Commit { start, records, durable, chain }.encode(0, &mut record);
            self.push(&record, |_, _, _, _| {});
            self.group_records = 0;
            self.chain = 0;
            self.group_at = self.position();
        }
        self.freeze();
    }

    /// What is to be written, oldest first.
    pub(crate) fn take_unwritten(&mut self) -> VecDeque<Write> {
        self.unwritten_bytes = 0;
        std::mem::take(&mut self.unwritten)
    }

    /// Bytes committed and not yet handed to the writer.
    pub(crate) fn unwritten_bytes(&self) -> usize {
        self.unwritten_bytes + self.open.len()
    }

    /// The records at and after `position` of `segment`, when they are still in memory.
    pub(crate) fn block(&mut self, segment: u32, position: u32) -> Option<Block> {
        if segment == self.segment() && position >= self.open_at {
            let skip = (position - self.open_at) as usize;
            let open = self.open.get(skip..).filter(|bytes| !bytes.is_empty())?;
            if open.len() <= COPY_BYTES_MAX {
                return Some(Block { segment, at: position, bytes: Arc::new(open.to_vec()) });
            }
            self.freeze();
        }
        let before = |block: &Block| (block.segment, block.at) <= (segment, position);
        let at = self.blocks.partition_point(before).checked_sub(1)?;
        let block = self.blocks.get(at)?;
        let within =
            block.segment == segment && ((position - block.at) as usize) < block.bytes.len();
        within.then(|| block.clone())
    }

    /// Makes what is open a shared block.
    fn freeze(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let at = self.open_at;
        self.open_at = self.position();
        let capacity = self.open.capacity().min(self.open.len().next_power_of_two());
        let bytes = Arc::new(std::mem::replace(&mut self.open, Vec::with_capacity(capacity)));
        self.unwritten_bytes += bytes.len();
        self.blocks_bytes += bytes.len();
        self.blocks.push_back(Block { segment: self.segment(), at, bytes: Arc::clone(&bytes) });
        let file = Arc::clone(&self.file);
        self.unwritten.push_back(Write { file, at, bytes, ends_segment: false });
        self.evict();
    }

    /// Says that everything before `position` of `segment` is in its file.
    pub(crate) fn note_written(&mut self, segment: u32, position: u32) {
        self.written = self.written.max((segment, position));
        self.evict();
    }

    /// Lets go of the oldest blocks beyond the bound that readers find in files.
    fn evict(&mut self) {
        while self.blocks_bytes > self.blocks_bytes_max {
            let Some(oldest) = self.blocks.front() else { break };
            let end = oldest.at + u32::try_from(oldest.bytes.len()).unwrap_or(u32::MAX);
            if (oldest.segment, end) > self.written {
                break;
            }
            self.blocks_bytes -= oldest.bytes.len();
            self.blocks.pop_front();
        }
    }
}

/// Remembers in `index` where a message stands, at the index's stride.
pub(crate) fn note_place(index: &mut Index, log: u32, offset: u64, position: u32) {
    let places = index.logs.entry(log).or_default();
    if places.last().is_none_or(|(_, last)| position - last >= INDEX_STRIDE_BYTES) {
        places.push((offset, position));
    }
}
