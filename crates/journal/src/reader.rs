//! Reading: one message by its offset, or a log in order.
//!
//! A reader is owned by one caller. It takes the store's lock to learn where to read, and reads
//! files without it, [`crate::limits::READ_AHEAD_BYTES`] at a time; what is still in the tail comes
//! from memory. Every record's checksum is checked before it is delivered, and those passed over in
//! files too, since their lengths lead to the next.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::entry::{MessageHead, kind};
use crate::error::{Error, Result};
use crate::format::{FRAME_BYTES, Frame};
use crate::limits::READ_AHEAD_BYTES;
use crate::segment::SegmentFile;
use crate::store::{Core, Handle};

/// A message that was read. Its octets are shared with other messages read nearby; keeping it keeps
/// them all.
#[derive(Clone)]
pub struct Record {
    /// Its number in the log.
    pub offset: u64,
    /// The epoch in which it was appended.
    pub epoch: u64,
    /// When it was appended, in milliseconds since 1970.
    pub time_ms: u64,
    shared: Arc<Vec<u8>>,
    attributes: Range<usize>,
    ends: Vec<usize>,
}

impl Record {
    /// The message whose body lies at `body_at` of `shared`. `None` when its lengths do not fit.
    pub(crate) fn lay_out(
        shared: Arc<Vec<u8>>,
        body_at: usize,
        body_bytes: usize,
        head: MessageHead,
    ) -> Option<Self> {
        let (attributes, mut ends) = head.layout(shared.get(body_at..body_at + body_bytes)?)?;
        let parts_at = attributes + head.attributes_bytes as usize;
        ends.iter_mut().for_each(|end| *end += body_at);
        let attributes = body_at + attributes..body_at + parts_at;
        let (offset, time_ms) = (head.offset, head.time_ms);
        Some(Self { offset, epoch: 0, time_ms, shared, attributes, ends })
    }

    /// The attributes that the appender gave.
    pub fn attributes(&self) -> &[u8] {
        self.shared.get(self.attributes.clone()).unwrap_or(&[])
    }

    /// How many parts there are.
    pub fn parts_count(&self) -> usize {
        self.ends.len()
    }

    /// One part; empty when there is none of this number.
    pub fn part(&self, number: usize) -> &[u8] {
        self.shared.get(self.part_range(number)).unwrap_or(&[])
    }

    /// All parts in order.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.ends.len()).map(|number| self.part(number))
    }

    /// The buffer that the message lies in, for those who keep parts without a copy.
    pub fn shared(&self) -> &Arc<Vec<u8>> {
        &self.shared
    }

    /// Where in [`Record::shared`] a part lies.
    pub fn part_range(&self, number: usize) -> Range<usize> {
        let start = match number.checked_sub(1) {
            None => self.attributes.end,
            Some(before) => self.ends.get(before).copied().unwrap_or(0),
        };
        start..self.ends.get(number).copied().unwrap_or(start)
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths: Vec<usize> = self.parts().map(<[u8]>::len).collect();
        out.debug_struct("Record")
            .field("offset", &self.offset)
            .field("epoch", &self.epoch)
            .field("parts", &lengths)
            .finish_non_exhaustive()
    }
}

/// A run of records at hand.
struct Chunk {
    file: Arc<SegmentFile>,
    bytes: Arc<Vec<u8>>,
    /// Position in the segment of the first byte.
    start: u32,
    /// What has been passed.
    read: usize,
    /// Found by the index, so that no message beyond what was sought lies before it.
    in_order: bool,
    /// Made by this process and never on disk in between.
    from_memory: bool,
}

/// Where the next message is to be looked for.
enum Target {
    /// In memory, or at the place in the file that the index tells.
    Chunk(Chunk),
    /// In a file, from a position to the segment's end.
    File { file: Arc<SegmentFile>, at: u32, end: u32, in_order: bool },
    /// In a file whose index is not known yet.
    Index(Arc<SegmentFile>, u32),
    /// Nowhere: it has not been appended.
    Nothing,
}

/// Reads a log in order.
pub struct Reader {
    handle: Arc<Handle>,
    log: u32,
    wanted: u64,
    chunk: Option<Chunk>,
    /// The offset for which the chunk was brought: nothing after it may come before it.
    sought: Option<u64>,
    /// Offsets that are stored one after the other, all of `epoch`.
    run: Range<u64>,
    epoch: u64,
}

impl fmt::Debug for Reader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Reader").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn new(handle: Arc<Handle>, log: u32, from: u64) -> Self {
        Self { handle, log, wanted: from, chunk: None, sought: None, run: 0..0, epoch: 0 }
    }

    /// The offset that is looked for next.
    pub fn position(&self) -> u64 {
        self.wanted
    }

    /// Goes on at another offset.
    pub fn seek(&mut self, offset: u64) {
        self.wanted = offset;
        self.chunk = None;
    }

    /// The next message at or after the position; `None` when there is none yet. Offsets that are
    /// no longer kept are passed over. May read the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when what is read is damaged, [`Error::NoSuchLog`], or the system fails.
    #[expect(clippy::should_implement_trait, reason = "it fails, and goes on after its end")]
    pub fn next(&mut self) -> Result<Option<Record>> {
        loop {
            if let Some(record) = self.next_in_chunk()? {
                return Ok(Some(record));
            }
            match self.locate()? {
                Target::Nothing => return Ok(None),
                Target::Chunk(chunk) => self.chunk = Some(chunk),
                Target::File { file, at, end, in_order } => {
                    self.chunk = Some(read_ahead(&file, at, end, in_order)?);
                }
                Target::Index(file, end) => {
                    let index = Arc::new(file.load_index(end)?);
                    self.handle.shared.lock().indexes.insert(file.header.segment, index);
                }
            }
        }
    }

    /// The next message within what is at hand.
    fn next_in_chunk(&mut self) -> Result<Option<Record>> {
        while let Some(chunk) = &mut self.chunk {
            let rest = chunk.bytes.get(chunk.read..).unwrap_or(&[]);
            let frame = Frame::peek(rest);
            let Some((frame, record)) =
                frame.and_then(|frame| Some((frame, rest.get(..frame.padded())?)))
            else {
                return Ok(None);
            };
            let position = chunk.start + u32::try_from(chunk.read).unwrap_or(u32::MAX);
            let body = record.get(FRAME_BYTES..frame.length).unwrap_or(&[]);
            let head = (frame.kind == kind::MESSAGE && frame.log == self.log)
                .then(|| MessageHead::decode(body))
                .flatten()
                .filter(|head| head.offset >= self.wanted);
            let checked = (chunk.from_memory && head.is_none())
                || Frame::check(record, position, chunk.file.seed).is_some();
            if !checked {
                return Err(chunk.file.damage(position, "a record's checksum"));
            }
            let body_at = chunk.read + FRAME_BYTES;
            chunk.read += record.len();
            let Some(head) = head else { continue };
            let shared = Arc::clone(&chunk.bytes);
            let Some(mut record) = Record::lay_out(shared, body_at, body.len(), head) else {
                return Err(chunk.file.damage(position, "a message's layout"));
            };
            if !self.accept(head.offset)? {
                continue;
            }
            record.epoch = self.epoch;
            self.chunk = self.chunk.take().filter(|chunk| chunk.in_order);
            self.wanted = head.offset + 1;
            return Ok(Some(record));
        }
        Ok(None)
    }

    /// True when `offset` is what has to be delivered next. A message further on may lie before
    /// those that were moved, and one that was let go may still lie there. The answer is kept for
    /// the run of offsets that it holds for, so that the lock is not taken for each message.
    fn accept(&mut self, offset: u64) -> Result<bool> {
        if offset == self.wanted && self.run.contains(&offset) {
            return Ok(true);
        }
        let core = self.handle.shared.lock();
        let log = core.state.logs.get(&self.log).ok_or(Error::NoSuchLog)?;
        let next = log.next_stored(self.wanted);
        if next == Some(offset) {
            self.run = log.run_of(offset);
            self.epoch = log.epoch_of(offset);
            return Ok(true);
        }
        drop(core);
        // Look elsewhere, unless what is wanted may still follow here.
        if next.is_none_or(|next| next < offset) {
            let chunk = self.chunk.take();
            if let (true, Some(chunk)) = (next.is_some() && next == self.sought, chunk) {
                let at = chunk.start + u32::try_from(chunk.read).unwrap_or(u32::MAX);
                return Err(chunk.file.damage(at, "the message before this is missing"));
            }
        }
        Ok(false)
    }

    fn locate(&mut self) -> Result<Target> {
        let handle = Arc::clone(&self.handle);
        let mut core = handle.shared.lock();
        let log = core.state.logs.get(&self.log).ok_or(Error::NoSuchLog)?;
        let Some(offset) = log.next_stored(self.wanted) else {
            self.chunk = None;
            return Ok(Target::Nothing);
        };
        let moved = log.moved.get(&offset).map(|place| (place.segment, Some(*place)));
        let place = moved.or_else(|| log.extent_of(offset).map(|(segment, _)| (segment, None)));
        let Some((segment, position)) = place else { return Ok(Target::Nothing) };
        let file = core.files.get(&segment).map(Arc::clone);
        let Some(file) = file else { return Err(missing(segment)) };
        let current = segment == core.tail.segment();
        let end = if current {
            core.tail.position()
        } else {
            core.state.segments.get(&segment).map_or(0, |segment| segment.end)
        };
        let in_order = position.is_none();
        // A copy is read alone: what surrounds it has nothing to do with it, and may be damaged.
        let end = position.map_or(end, |place| place.position + place.bytes);
        let position = position.map(|place| place.position);
        let position = match (position, core.index_place(segment, self.log, offset)) {
            (Some(position), _) => position,
            (None, Some(place)) => self.resume_at(segment, place),
            (None, None) if current || core.indexes.contains_key(&segment) => {
                return Err(file.damage(0, "a message is missing"));
            }
            (None, None) => return Ok(Target::Index(file, end)),
        };
        self.chunk = None;
        self.sought = Some(offset);
        if position >= end {
            return Err(file.damage(position, "a message is missing"));
        }
        match core.tail.block(segment, position) {
            Some(block) => Ok(Target::Chunk(Chunk {
                read: (position - block.at) as usize,
                file,
                bytes: block.bytes,
                start: block.at,
                in_order,
                from_memory: true,
            })),
            None => Ok(Target::File { file, at: position, end, in_order }),
        }
    }

    /// Where to go on in a segment: what the last chunk has passed is not read again.
    fn resume_at(&mut self, segment: u32, position: u32) -> u32 {
        match self.chunk.take() {
            Some(chunk) if chunk.in_order && chunk.file.header.segment == segment => {
                let passed = chunk.start + u32::try_from(chunk.read).unwrap_or(u32::MAX);
                position.max(passed)
            }
            _ => position,
        }
    }
}

/// Reads the records at `at` of a file, at least one of them.
fn read_ahead(file: &Arc<SegmentFile>, at: u32, end: u32, in_order: bool) -> Result<Chunk> {
    let mut length = READ_AHEAD_BYTES.min((end - at) as usize);
    let mut bytes = file.read(at, length)?;
    let frame = Frame::peek(&bytes).ok_or_else(|| file.damage(at, "a record's frame"))?;
    if frame.padded() > bytes.len() {
        if frame.padded() > (end - at) as usize {
            return Err(file.damage(at, "a record's length"));
        }
        length = frame.padded();
        bytes = file.read(at, length)?;
    }
    if bytes.len() < length {
        return Err(file.damage(at, "the segment is cut"));
    }
    let (file, bytes) = (Arc::clone(file), Arc::new(bytes));
    Ok(Chunk { file, bytes, start: at, read: 0, in_order, from_memory: false })
}

impl Core {
    /// Where to begin looking for a message of a segment whose index is known.
    fn index_place(&self, segment: u32, log: u32, offset: u64) -> Option<u32> {
        if segment == self.tail.segment() {
            self.tail.index.place_before(log, offset)
        } else {
            self.indexes.get(&segment)?.place_before(log, offset)
        }
    }
}

fn missing(segment: u32) -> Error {
    Error::Corrupt { segment, at: 0, why: "the segment is missing" }
}
