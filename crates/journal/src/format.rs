//! The octets on disk: a segment's header, and the frame around every record.
//!
//! Pure functions over bytes. A record is
//!
//! ```text
//! crc u32 | length u32 | kind u8 | flags u8 | 0 u16 | log u32 | body ... | zeros to 8 bytes
//! ```
//!
//! all little-endian, `length` without the zeros. The checksum is CRC-32C over everything after it,
//! zeros included, and begins with a seed made of the store, the segment, the segment's nonce and
//! the record's position: bytes of another store, of an earlier file of the same name, or written
//! to the wrong place never pass.

use crate::error::{Error, Result};

/// Bytes of a segment's header, one sector; the first record follows.
pub(crate) const HEADER_BYTES: u32 = 512;
/// Bytes of each of the header's two copies: one that was hit by damage does not cost the segment.
const COPY_BYTES: usize = HEADER_BYTES as usize / 2;
/// Bytes of a record's frame before its body.
pub(crate) const FRAME_BYTES: usize = 16;

const MAGIC: [u8; 8] = *b"OXMQJRNL";
const VERSION: u16 = 1;
/// Features that a reader has to know; none yet.
const FEATURES_KNOWN: u32 = 0;

/// A segment's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) store: [u8; 16],
    pub(crate) segment: u32,
    /// Random, so that a file made again under the same number has other checksums.
    pub(crate) nonce: u64,
    /// Bytes of the file.
    pub(crate) bytes: u32,
    /// What was durable when the segment began: the end of the one before.
    pub(crate) durable: u64,
}

/// What the first bytes of a segment's file are.
#[derive(Debug)]
pub(crate) enum Opening {
    /// Prepared, and never begun.
    Blank,
    /// Begun, and the header did not reach the disk whole, or was damaged.
    Damaged,
    /// A header.
    Header(Header),
}

impl Header {
    /// The header as it stands on disk.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES as usize);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&0u32.to_le_bytes());
        out.extend_from_slice(&self.store);
        out.extend_from_slice(&self.segment.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.extend_from_slice(&self.nonce.to_le_bytes());
        out.extend_from_slice(&self.durable.to_le_bytes());
        out.resize(COPY_BYTES - 4, 0);
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_within(..);
        out
    }

    /// Reads the first bytes of a file. An unknown version or feature is an error of its own, told
    /// only when the checksum holds.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Opening> {
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(Opening::Blank);
        }
        for copy in bytes.chunks_exact(COPY_BYTES) {
            let (content, crc) = copy.split_at(COPY_BYTES - 4);
            if crc32c::crc32c(content).to_le_bytes() == crc && content.starts_with(&MAGIC) {
                return Self::parse(content)
                    .map(|header| header.map_or(Opening::Damaged, Opening::Header));
            }
        }
        Ok(Opening::Damaged)
    }

    fn parse(content: &[u8]) -> Result<Option<Self>> {
        let mut fields = Fields(content.get(MAGIC.len()..).unwrap_or(&[]));
        let parsed = (|| {
            let (version, _) = (fields.u16()?, fields.u16()?);
            let features = fields.u32()?;
            let header = Self {
                store: fields.array()?,
                segment: fields.u32()?,
                bytes: fields.u32()?,
                nonce: fields.u64()?,
                durable: fields.u64()?,
            };
            Some((version, features, header))
        })();
        let Some((version, features, header)) = parsed else { return Ok(None) };
        if version != VERSION {
            return Err(Error::Format { why: "the segment's version" });
        }
        if features & !FEATURES_KNOWN != 0 {
            return Err(Error::Format { why: "a feature of the segment" });
        }
        Ok(Some(header))
    }

    /// What the checksums of the segment's records begin with.
    pub(crate) fn seed(&self) -> u32 {
        let seed = crc32c::crc32c(&self.store);
        let seed = crc32c::crc32c_append(seed, &self.segment.to_le_bytes());
        crc32c::crc32c_append(seed, &self.nonce.to_le_bytes())
    }
}

/// A record's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Bytes of frame and body, without the zeros.
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) log: u32,
}

impl Frame {
    /// Bytes up to the next record.
    pub(crate) fn padded(&self) -> usize {
        self.length.next_multiple_of(8)
    }

    /// Reads a frame without checking the record. `None` when this cannot be one.
    pub(crate) fn peek(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes.get(4..FRAME_BYTES)?);
        let length = fields.u32()? as usize;
        let [kind, flags, zero, also_zero] = fields.array()?;
        let log = fields.u32()?;
        let plausible = length >= FRAME_BYTES && zero == 0 && also_zero == 0;
        plausible.then_some(Self { length, kind, flags, log })
    }

    /// Reads a record at `position` and checks it. `None` when it is not whole and undamaged.
    pub(crate) fn check(bytes: &[u8], position: u32, seed: u32) -> Option<Self> {
        let frame = Self::peek(bytes)?;
        let record = bytes.get(..frame.padded())?;
        (checksum(record, position, seed) == stored(record)).then_some(frame)
    }
}

/// Begins a record at the end of `out`; [`finish`] completes it.
pub(crate) fn begin(out: &mut Vec<u8>, kind: u8, log: u32) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&[kind, 0, 0, 0]);
    out.extend_from_slice(&log.to_le_bytes());
    start
}

/// Writes the length of the record that begins at `start` and ends with `out`, and its zeros.
pub(crate) fn finish(out: &mut Vec<u8>, start: usize) {
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    put(out, start + 4, &length.to_le_bytes());
    out.resize(start + (out.len() - start).next_multiple_of(8), 0);
}

/// Writes the checksum of a complete `record` that will stand at `position`.
pub(crate) fn sign(record: &mut [u8], position: u32, seed: u32) -> u32 {
    let crc = checksum(record, position, seed);
    if let Some(place) = record.get_mut(..4) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
    crc
}

/// The checksum that stands in a record.
pub(crate) fn stored(record: &[u8]) -> u32 {
    Fields(record).u32().unwrap_or(0)
}

/// Overwrites bytes that exist.
pub(crate) fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn checksum(record: &[u8], position: u32, seed: u32) -> u32 {
    crc32c::crc32c_append(seed ^ position, record.get(4..).unwrap_or(&[]))
}

/// Reads little-endian fields one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Bytes behind their length as u32.
    pub(crate) fn block(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        self.bytes(length)
    }
}

/// Appends bytes behind their length as u32.
pub(crate) fn put_block(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}
