//! What can go wrong, and who is at fault: the caller, another owner, the disk's contents, or the
//! system.
//!
//! Plain values; a failure of the system is kept as its number, so that an error can be handed to
//! everybody who waits for the same sync.

use std::fmt;
use std::io;

/// Result of the journal's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The store is held by another process, by this one when it is known.
    InUse {
        /// Process id from the owner's record.
        pid: Option<u32>,
    },
    /// The log of this name is already open in this process.
    NameInUse,
    /// The caller gave something longer, larger or more than its bound.
    Limit {
        /// What was too long, too large or too many.
        what: &'static str,
        /// The bound that was passed.
        max: u64,
    },
    /// The log has reached its limit of messages or bytes.
    Full,
    /// The disk has no room; acknowledgements may still be accepted.
    NoSpace,
    /// No log has this name, or it was dropped.
    NoSuchLog,
    /// No consumer of the log has this number.
    NoSuchConsumer,
    /// The log has no place in the remote log.
    NoSuchCursor,
    /// A range ends before it begins or beyond the log's end.
    Range,
    /// Data that had been synced is damaged or missing.
    Corrupt {
        /// Number of the segment.
        segment: u32,
        /// Position in the segment's file, in bytes.
        at: u64,
        /// What is wrong there.
        why: &'static str,
    },
    /// The store was written by a version whose format this one does not know.
    Format {
        /// What is not known.
        why: &'static str,
    },
    /// The directory is on a network file system, where a sync promises nothing.
    NetworkFileSystem,
    /// The store belongs to the process from which this one was forked.
    Forked,
    /// The store has been closed.
    Closed,
    /// The system failed.
    Io {
        /// What was being done.
        doing: &'static str,
        /// The system's error number, where there is one.
        errno: Option<i32>,
        /// The kind of failure.
        kind: io::ErrorKind,
    },
}

impl Error {
    /// The failure of a system call made while `doing` something.
    pub(crate) fn io(doing: &'static str, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull
            || error.kind() == io::ErrorKind::QuotaExceeded
        {
            return Self::NoSpace;
        }
        Self::Io { doing, errno: error.raw_os_error(), kind: error.kind() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { pid: Some(pid) } => write!(out, "the store is held by process {pid}"),
            Self::InUse { pid: None } => write!(out, "the store is held by another process"),
            Self::NameInUse => write!(out, "the log is already open in this process"),
            Self::Limit { what, max } => write!(out, "{what}: more than {max}"),
            Self::Full => write!(out, "the log is full"),
            Self::NoSpace => write!(out, "no space left on the disk of the store"),
            Self::NoSuchLog => write!(out, "no such log"),
            Self::NoSuchConsumer => write!(out, "no such consumer"),
            Self::NoSuchCursor => write!(out, "no such remote cursor"),
            Self::Range => write!(out, "not a range of the log"),
            Self::Corrupt { segment, at, why } => {
                write!(out, "corrupt: segment {segment:08x} at byte {at}: {why}")
            }
            Self::Format { why } => write!(out, "unknown format: {why}"),
            Self::NetworkFileSystem => write!(out, "the store is on a network file system"),
            Self::Forked => write!(out, "the store belongs to the parent process"),
            Self::Closed => write!(out, "the store is closed"),
            Self::Io { doing, errno: Some(errno), .. } => {
                write!(out, "{doing}: {}", io::Error::from_raw_os_error(*errno))
            }
            Self::Io { doing, kind, .. } => write!(out, "{doing}: {kind}"),
        }
    }
}

impl std::error::Error for Error {}
