//! The mark: a small file that says how far the store was durable, written after each sync and not
//! synced itself.
//!
//! It is the witness for the end of the journal, where no later record says that what came before
//! was durable: after a crash of the process it is exact, after a crash of the machine it is at
//! most too low. Pure but for opening the file.

use std::io;
use std::sync::Arc;

use crate::format::Fields;
use crate::storage::{Storage, StorageFile};
use crate::store::Lsn;

/// Name of the mark's file.
const NAME: &str = "mark";
const MAGIC: [u8; 8] = *b"OXMQMARK";
const BYTES: usize = 40;

/// Opens the mark's file, making it when there is none.
pub(crate) fn open(storage: &dyn Storage) -> io::Result<Arc<dyn StorageFile>> {
    match storage.open(NAME, true) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => storage.create(NAME),
        opened => opened,
    }
}

/// Writes the mark when a store begins. Its failure is nobody's: the segments speak then.
pub(crate) fn write(storage: &dyn Storage, store: [u8; 16], synced: Lsn) {
    if let Ok(file) = open(storage) {
        let _ = file.write_at(0, &encode(store, synced));
    }
}

/// The mark as it stands on disk.
pub(crate) fn encode(store: [u8; 16], synced: Lsn) -> Vec<u8> {
    let mut out = Vec::with_capacity(BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&store);
    out.extend_from_slice(&synced.0.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// Reads the mark: the store it belongs to and how far that was durable. `None` when there is none,
/// or it is damaged: then the segments speak for themselves.
pub(crate) fn read(storage: &dyn Storage) -> io::Result<Option<([u8; 16], Lsn)>> {
    let file = match storage.open(NAME, false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = [0; BYTES];
    let read = file.read_at(0, &mut bytes)?;
    Ok(decode(bytes.get(..read).unwrap_or(&[])))
}

fn decode(bytes: &[u8]) -> Option<([u8; 16], Lsn)> {
    let content = bytes.get(..BYTES - 4)?;
    let crc = bytes.get(BYTES - 4..BYTES)?;
    if crc32c::crc32c(content).to_le_bytes() != crc || content.get(..8)? != MAGIC {
        return None;
    }
    let mut fields = Fields(content.get(8..)?);
    Some((fields.array()?, Lsn(fields.u64()?)))
}
