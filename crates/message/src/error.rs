//! What can go wrong when a payload or a group is made: memory ran out, or it cannot exist here.
//! Plain values without owned data; any thread may hold them.

use std::error::Error;
use std::fmt;

/// The allocator refused memory for a payload.
///
/// Nothing has changed: a message that was to be altered still has its old content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    bytes: usize,
}

impl OutOfMemory {
    pub(crate) const fn new(bytes: usize) -> Self {
        Self { bytes }
    }

    /// The payload size, in bytes, that was asked for.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "out of memory for a payload of {} bytes", self.bytes)
    }
}

impl Error for OutOfMemory {}

/// Why a message did not get a group. RFC 48 §Group. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupError {
    /// It has this many bytes, more than [`GROUP_MAX`](crate::GROUP_MAX).
    TooLong(usize),
    /// It has a zero byte in it.
    HasZero,
    /// The allocator refused memory for it.
    Memory(OutOfMemory),
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(bytes) => {
                write!(f, "a group of {bytes} bytes, more than {}", crate::GROUP_MAX)
            }
            Self::HasZero => f.write_str("a group with a zero byte"),
            Self::Memory(error) => error.fmt(f),
        }
    }
}

impl Error for GroupError {}

/// Why a [`Body`](crate::Body) could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// The allocator refused the first block.
    OutOfMemory(OutOfMemory),
    /// No allocation of this platform can have the declared size, given in bytes.
    TooLarge(u64),
}

impl From<OutOfMemory> for BodyError {
    fn from(error: OutOfMemory) -> Self {
        Self::OutOfMemory(error)
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory(error) => error.fmt(f),
            Self::TooLarge(bytes) => write!(f, "a payload of {bytes} bytes cannot be held here"),
        }
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::OutOfMemory(error) => Some(error),
            Self::TooLarge(_) => None,
        }
    }
}
