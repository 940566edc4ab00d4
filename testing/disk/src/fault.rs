//! What a simulated disk does wrong, and at which call.
//!
//! Plain values, set by a test and looked at by the disk at each call.

use std::io;

use crate::{broken, full};

/// One way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails with EIO and does nothing.
    Broken,
    /// A write fails with ENOSPC; other calls work.
    NoSpace,
    /// A write does half of its work and fails; other calls work.
    ShortWrite,
    /// A sync fails, and what it should have made durable never will be although it reads well;
    /// other calls work.
    SyncMarksClean,
    /// A read has this bit flipped, counted within what was read; other calls work.
    Rot(u64),
}

impl Fault {
    pub(crate) fn on_read(self) -> io::Result<()> {
        if self == Self::Broken { Err(broken()) } else { Ok(()) }
    }

    pub(crate) fn on_write(self) -> io::Result<()> {
        match self {
            Self::Broken => Err(broken()),
            Self::NoSpace => Err(full()),
            _ => Ok(()),
        }
    }

    pub(crate) fn on_sync(self) -> io::Result<()> {
        if self == Self::Broken { Err(broken()) } else { Ok(()) }
    }
}

/// Which calls fail. By default none does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plan {
    /// The first call that fails, and how.
    pub at: Option<(u64, Fault)>,
    /// Every call after it fails too.
    pub for_ever: bool,
    /// Bytes that all files may take together.
    pub room_bytes: Option<u64>,
}

impl Plan {
    pub(crate) fn fault(&self, call: u64) -> Option<Fault> {
        let (first, fault) = self.at?;
        (call == first || self.for_ever && call > first).then_some(fault)
    }
}
