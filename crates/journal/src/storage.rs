//! What the journal needs of a disk: a flat directory of files that are written at positions,
//! synced, and removed.
//!
//! [`FileStorage`] is the real one; tests put simulated and failing disks in its place. All calls
//! may come from any thread and block until the system has answered. A journal never relies on more
//! than this: bytes are durable after [`StorageFile::sync`], names after [`Storage::sync_names`],
//! and what was neither may be there, not be there, or be there in part.

mod file;

use std::fmt;
use std::io;
use std::sync::Arc;

pub use file::FileStorage;

/// A directory of files.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes a file that does not exist yet.
    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>>;

    /// Opens a file for reading and, when `write` is set, for writing.
    fn open(&self, name: &str, write: bool) -> io::Result<Arc<dyn StorageFile>>;

    /// Removes a file's name; its space returns when it is no longer open.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations and removals so far durable.
    fn sync_names(&self) -> io::Result<()>;

    /// Something that stays the same for as long as the system remembers what was written and not
    /// synced: it changes when the machine goes down, or the file system does. `None` when that
    /// cannot be known.
    fn incarnation(&self) -> Option<[u8; 24]> {
        None
    }
}

/// One file.
#[expect(clippy::len_without_is_empty, reason = "a file's length in bytes, not a collection's")]
pub trait StorageFile: fmt::Debug + Send + Sync {
    /// Reads at `at` until `buffer` is full or the file ends; returns how much was read.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `at`.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Takes the room for `bytes` bytes from the disk and fills it with zeros.
    fn allocate(&self, bytes: u64) -> io::Result<()>;

    /// Cuts the file to `bytes` bytes.
    fn truncate(&self, bytes: u64) -> io::Result<()>;

    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Makes all that was written durable.
    fn sync(&self) -> io::Result<()>;
}
