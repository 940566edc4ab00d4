//! Why an endpoint could not be bound, and the socket that was made for it in vain: monitors tell
//! of its end.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Why an endpoint could not be bound.
#[derive(Debug)]
pub struct BindFault {
    /// What the system says.
    pub error: io::Error,
    /// The descriptor of the socket that was made and is closed again, if it came to that.
    pub closed: Option<RawFd>,
}

impl BindFault {
    /// Does something with a new socket that its owner closes when this fails.
    pub(super) fn watch<T>(
        fd: &OwnedFd,
        attempt: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, BindFault> {
        attempt().map_err(|error| BindFault { error, closed: Some(fd.as_raw_fd()) })
    }
}

impl From<io::Error> for BindFault {
    fn from(error: io::Error) -> BindFault {
        BindFault { error, closed: None }
    }
}
