//! The spill's file: enciphered blocks in slots of one size.
//!
//! Owned by one spill. The file has no name from the start, or loses it at once where the file
//! system knows no unnamed files. A slot that was read is used again; when more lie idle than
//! [`SPILL_IDLE_SLOTS_MAX`](crate::limits::SPILL_IDLE_SLOTS_MAX) their room is given back.
//!
//! Each block has its own nonce, a counter, under a random key of this file, and so is checked as
//! well as hidden.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use cryptoxide::chacha20poly1305::{Context, DecryptionResult};
use cryptoxide::poly1305::Tag;
use rustix::fs::{self, FallocateFlags, Mode, OFlags};

use crate::error::{Error, Result};
use crate::limits::{SPILL_BLOCK_BYTES, SPILL_IDLE_SLOTS_MAX};
use crate::store::random_id;

const TAG_BYTES: usize = 16;

/// Bytes from one slot to the next: whole pages, so that a hole frees all of a slot.
const SLOT_BYTES: u64 = (SPILL_BLOCK_BYTES as u64 + TAG_BYTES as u64).next_multiple_of(4096);

/// Where a block lies, and what it was enciphered with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    number: u64,
    nonce: u64,
}

#[derive(Debug)]
pub(super) struct BlockFile {
    file: File,
    key: Key,
    nonce: u64,
    /// Slots up to here have been used.
    slots: u64,
    idle: BTreeSet<u64>,
    pid: u32,
    /// A block as it goes to disk and comes from it.
    buffer: Vec<u8>,
}

/// A key that does not show in debugging output.
struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Key")
    }
}

impl BlockFile {
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let fault = |error: rustix::io::Errno| Error::io("making the spill's file", &error.into());
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = match fs::open(directory, flags, mode) {
            Err(
                rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR | rustix::io::Errno::INVAL,
            ) => named_for_a_moment(directory)?,
            opened => opened.map_err(fault)?,
        };
        let mut key = [0; 32];
        let (first, second) = key.split_at_mut(16);
        first.copy_from_slice(&random_id()?);
        second.copy_from_slice(&random_id()?);
        Ok(Self {
            file: File::from(file),
            key: Key(key),
            nonce: 0,
            slots: 0,
            idle: BTreeSet::new(),
            pid: std::process::id(),
            buffer: Vec::new(),
        })
    }

    /// Enciphers and writes a block.
    pub(super) fn write(&mut self, block: &[u8]) -> Result<Slot> {
        self.check_process()?;
        let number = self.idle.first().copied().unwrap_or(self.slots);
        let slot = Slot { number, nonce: self.nonce };
        // A nonce is never used twice, even when the write fails.
        self.nonce += 1;
        self.buffer.clear();
        self.buffer.extend_from_slice(block);
        let mut cipher = self.cipher(slot).to_encryption();
        cipher.encrypt_mut(&mut self.buffer);
        let Tag(tag) = cipher.finalize();
        self.buffer.extend_from_slice(&tag);
        self.file
            .write_all_at(&self.buffer, number * SLOT_BYTES)
            .map_err(|error| Error::io("writing the spill", &error))?;
        if !self.idle.remove(&number) {
            self.slots += 1;
        }
        Ok(slot)
    }

    /// Reads a block into `out`, and frees its slot.
    pub(super) fn read(&mut self, slot: Slot, out: &mut Vec<u8>) -> Result<()> {
        self.check_process()?;
        out.resize(SPILL_BLOCK_BYTES + TAG_BYTES, 0);
        let at = slot.number * SLOT_BYTES;
        let read = self.file.read_exact_at(out, at);
        read.map_err(|error| Error::io("reading the spill", &error))?;
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(out.get(SPILL_BLOCK_BYTES..).unwrap_or(&[0; TAG_BYTES]));
        out.truncate(SPILL_BLOCK_BYTES);
        let mut cipher = self.cipher(slot).to_decryption();
        cipher.decrypt_mut(out);
        if cipher.finalize(&Tag(tag)) != DecryptionResult::Match {
            out.clear();
            return Err(Error::Corrupt { segment: 0, at, why: "a block of the spill" });
        }
        self.idle.insert(slot.number);
        if self.idle.len() > SPILL_IDLE_SLOTS_MAX {
            self.give_back(slot.number);
        }
        Ok(())
    }

    /// Gives all room back; nothing in the file is needed.
    pub(super) fn clear(&mut self) -> Result<()> {
        if self.slots > 0 {
            self.check_process()?;
            self.file.set_len(0).map_err(|error| Error::io("emptying the spill", &error))?;
            self.slots = 0;
            self.idle.clear();
        }
        Ok(())
    }

    pub(super) fn disk_bytes(&self) -> Result<u64> {
        let metadata = self.file.metadata();
        Ok(metadata.map_err(|error| Error::io("measuring the spill", &error))?.blocks() * 512)
    }

    fn give_back(&mut self, number: u64) {
        if number + 1 == self.slots {
            while self.slots > 0 && self.idle.remove(&(self.slots - 1)) {
                self.slots -= 1;
            }
            // Room that is not given back now is used again or goes with the file.
            let _ = self.file.set_len(self.slots * SLOT_BYTES);
        } else {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let _ = fs::fallocate(&self.file, flags, number * SLOT_BYTES, SLOT_BYTES);
        }
    }

    fn cipher(&self, slot: Slot) -> Context<20> {
        let mut nonce = [0; 12];
        nonce.iter_mut().zip(slot.nonce.to_le_bytes()).for_each(|(to, from)| *to = from);
        Context::new(&self.key.0, &nonce)
    }

    /// A forked child shares the file with its parent, who owns it.
    fn check_process(&self) -> Result<()> {
        if std::process::id() == self.pid { Ok(()) } else { Err(Error::Forked) }
    }
}

/// A file that is made under a name nobody can guess, which is removed at once.
fn named_for_a_moment(directory: &Path) -> Result<OwnedFd> {
    let fault = |error: rustix::io::Errno| Error::io("making the spill's file", &error.into());
    let name = format!("spill-{:032x}", u128::from_le_bytes(random_id()?));
    let path = directory.join(name);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = fs::open(&path, flags, Mode::RUSR | Mode::WUSR).map_err(fault)?;
    fs::unlink(&path).map_err(fault)?;
    Ok(file)
}

#[cfg(test)]
impl BlockFile {
    pub(super) fn flip(&mut self, at: u64) {
        let mut byte = [0];
        let _ = self.file.read_exact_at(&mut byte, at);
        let _ = self.file.write_all_at(&[byte[0] ^ 1], at);
    }

    pub(super) fn raw(&self) -> Vec<u8> {
        let length = self.file.metadata().map_or(0, |metadata| metadata.len());
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let _ = self.file.read_at(&mut bytes, 0);
        bytes
    }
}
