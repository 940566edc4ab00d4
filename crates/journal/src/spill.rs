//! The spill: a queue of messages on disk for a buffer that has outgrown its memory.
//!
//! First in, first out; owned by one caller. It is no store: nothing survives the process, nothing
//! is synced, and no file is left behind, since the file has no name. Messages are a stream of
//! octets cut into blocks, each enciphered under a key that exists in this process only, so that
//! nothing readable reaches the disk. Space is used again as it is read, and given back when the
//! queue shrinks. Memory: at most three blocks and the longest message.

mod file;

use std::collections::VecDeque;
use std::path::Path;

use crate::error::{Error, Result};
use crate::format::Fields;
use crate::limits::{PARTS_MAX, RECORD_BYTES_MAX, SPILL_BLOCK_BYTES};

use file::{BlockFile, Slot};

/// A queue of messages in a file without a name.
#[derive(Debug)]
pub struct Spill {
    file: BlockFile,
    limit_bytes: u64,
    /// Octets that are read next, from `front_at` on.
    front: Vec<u8>,
    front_at: usize,
    /// Blocks on disk, between front and back.
    blocks: VecDeque<Slot>,
    /// Octets not yet written.
    back: Vec<u8>,
    bytes: u64,
    messages: u64,
}

/// A message taken from a spill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spilled {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Spilled {
    /// How many parts there are.
    pub fn parts_count(&self) -> usize {
        self.ends.len()
    }

    /// One part; empty when there is none of this number.
    pub fn part(&self, number: usize) -> &[u8] {
        let end = |number: usize| self.ends.get(number).copied();
        let start = number.checked_sub(1).map_or(Some(0), end).unwrap_or(0);
        self.bytes.get(start..end(number).unwrap_or(start)).unwrap_or(&[])
    }

    /// All parts in order.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.ends.len()).map(|number| self.part(number))
    }
}

impl Spill {
    /// Makes an empty spill with a file in `directory`, which must exist. It holds at most
    /// `limit_bytes` bytes of messages, counted with a few bytes for each message and part.
    pub fn open(directory: &Path, limit_bytes: u64) -> Result<Self> {
        Ok(Self {
            file: BlockFile::open(directory)?,
            limit_bytes,
            front: Vec::new(),
            front_at: 0,
            blocks: VecDeque::new(),
            back: Vec::new(),
            bytes: 0,
            messages: 0,
        })
    }

    /// How many messages it holds.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Bytes it holds, as counted against the limit.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes its file takes on disk.
    pub fn disk_bytes(&self) -> Result<u64> {
        self.file.disk_bytes()
    }

    /// True when it holds no message.
    pub fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Adds a message at the end. Writes a block when one is full.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] at the limit, [`Error::NoSpace`] on a full disk, [`Error::Limit`] for a
    /// message that is too long, or the system's error; nothing has been added then.
    pub fn push(&mut self, parts: &[&[u8]]) -> Result<()> {
        if parts.len() > PARTS_MAX {
            return Err(Error::Limit { what: "parts of a message", max: PARTS_MAX as u64 });
        }
        let lengths = parts.iter().map(|part| part.len().saturating_add(4));
        let bytes = lengths.fold(4, usize::saturating_add);
        if bytes > RECORD_BYTES_MAX {
            return Err(Error::Limit { what: "bytes of a message", max: RECORD_BYTES_MAX as u64 });
        }
        if self.bytes + bytes as u64 > self.limit_bytes {
            return Err(Error::Full);
        }
        self.write_blocks()?;
        let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        self.back.extend_from_slice(&length(parts.len()));
        parts.iter().for_each(|part| self.back.extend_from_slice(&length(part.len())));
        parts.iter().for_each(|part| self.back.extend_from_slice(part));
        self.bytes += bytes as u64;
        self.messages += 1;
        Ok(())
    }

    /// Takes the oldest message; `None` when there is none. Reads a block when one is needed.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when a block is not what was written, or the system's error. The message
    /// is then lost, and with it what follows.
    pub fn pop(&mut self) -> Result<Option<Spilled>> {
        if self.messages == 0 {
            return Ok(None);
        }
        let count = Fields(&self.take(4)?).u32().unwrap_or(0) as usize;
        let lengths = self.take(count.min(PARTS_MAX) * 4)?;
        let mut fields = Fields(&lengths);
        let mut ends = Vec::with_capacity(count.min(PARTS_MAX));
        let mut end = 0usize;
        while let Some(length) = fields.u32() {
            end = end.saturating_add(length as usize);
            ends.push(end);
        }
        let bytes = self.take(end)?;
        self.bytes -= (4 + lengths.len() + bytes.len()) as u64;
        self.messages -= 1;
        if self.messages == 0 {
            self.front = Vec::new();
            self.front_at = 0;
            self.file.clear()?;
        }
        Ok(Some(Spilled { bytes, ends }))
    }

    /// Writes the full blocks at the back. What cannot be written stays.
    fn write_blocks(&mut self) -> Result<()> {
        let mut written = 0;
        let mut result = Ok(());
        while let Some(block) = self.back.get(written..written + SPILL_BLOCK_BYTES) {
            match self.file.write(block) {
                Ok(slot) => self.blocks.push_back(slot),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
            written += SPILL_BLOCK_BYTES;
        }
        if written > 0 {
            self.back.drain(..written);
            // A long message has gone: its room goes too.
            self.back.shrink_to(2 * SPILL_BLOCK_BYTES);
        }
        result
    }

    /// Takes `count` octets from the stream, which holds them unless the file is damaged.
    fn take(&mut self, count: usize) -> Result<Vec<u8>> {
        if count as u64 > self.bytes {
            return Err(damaged());
        }
        let mut out = Vec::with_capacity(count);
        while out.len() < count {
            if self.front_at == self.front.len() {
                self.refill()?;
            }
            let rest = self.front.get(self.front_at..).unwrap_or(&[]);
            let taken = rest.len().min(count - out.len());
            if taken == 0 {
                return Err(damaged());
            }
            out.extend_from_slice(rest.get(..taken).unwrap_or(&[]));
            self.front_at += taken;
        }
        Ok(out)
    }

    fn refill(&mut self) -> Result<()> {
        self.front.clear();
        self.front_at = 0;
        match self.blocks.pop_front() {
            Some(slot) => self.file.read(slot, &mut self.front),
            None => {
                std::mem::swap(&mut self.front, &mut self.back);
                Ok(())
            }
        }
    }
}

fn damaged() -> Error {
    Error::Corrupt { segment: 0, at: 0, why: "a block of the spill" }
}

#[cfg(test)]
mod tests;
