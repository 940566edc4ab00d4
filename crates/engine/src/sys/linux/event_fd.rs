//! A descriptor that one thread makes readable to wake another.
//!
//! Many signals before a clear are one. Both calls take `&self`, never block and may be made from
//! any thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

/// A wake-up descriptor, readable while signalled.
#[derive(Debug)]
pub struct EventFd {
    fd: OwnedFd,
}

impl EventFd {
    /// A descriptor that is not signalled, non-blocking and closed on exec.
    ///
    /// # Errors
    /// EMFILE, ENFILE or ENOMEM.
    pub fn new() -> io::Result<Self> {
        Ok(Self { fd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    /// Makes the descriptor readable. One system call.
    ///
    /// # Errors
    /// None in practice; a counter that is full counts as signalled.
    pub fn signal(&self) -> io::Result<()> {
        crate::budget::system_call();
        loop {
            match rustix::io::write(&self.fd, &1_u64.to_ne_bytes()) {
                Ok(_) | Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes all signals back and says whether there were any. One system call.
    ///
    /// # Errors
    /// None in practice.
    pub fn clear(&self) -> io::Result<bool> {
        let mut count = [0; 8];
        loop {
            match rustix::io::read(&self.fd, &mut count) {
                Ok(_) => return Ok(true),
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn many_signals_are_taken_back_by_one_clear() {
        let wake = EventFd::new().unwrap();
        assert!(!wake.clear().unwrap());
        for _ in 0..3 {
            wake.signal().unwrap();
        }
        assert!(wake.clear().unwrap());
        assert!(!wake.clear().unwrap());
    }

    #[test]
    fn a_full_counter_is_a_signal_and_not_an_error() {
        let wake = EventFd::new().unwrap();
        rustix::io::write(&wake.fd, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        wake.signal().unwrap();
        assert!(wake.clear().unwrap());
        assert!(!wake.clear().unwrap());
    }
}
