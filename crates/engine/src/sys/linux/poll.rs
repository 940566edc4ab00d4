//! poll(2) over descriptors that a caller names by number, valid or not.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// One descriptor and what to wait for on it; as `struct pollfd`. A negative number is passed over.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PollFd {
    /// The descriptor's number.
    pub fd: RawFd,
    /// What to wait for: bits of poll(2).
    pub events: i16,
    /// What was found: bits of poll(2).
    pub found: i16,
}

const _: () = assert!(size_of::<PollFd>() == size_of::<libc::pollfd>());
const _: () = assert!(std::mem::offset_of!(PollFd, found) == 6);

/// Signals that are blocked while a thread waits, as ppoll(2) takes them.
pub type SignalSet = libc::sigset_t;

/// Bytes, or a connection, can be read: a bit of poll(2).
pub const POLL_IN: i16 = libc::POLLIN;
/// Bytes can be written: a bit of poll(2).
pub const POLL_OUT: i16 = libc::POLLOUT;
/// Something out of band can be read: a bit of poll(2).
pub const POLL_PRI: i16 = libc::POLLPRI;

/// Blocks until a descriptor is ready or the time is over, and says how many are ready. `None`
/// waits without limit. `mask` replaces the thread's signal mask meanwhile.
///
/// # Errors
/// `Interrupted` when a signal came first, EINVAL beyond the process's limit of descriptors.
pub fn poll(
    fds: &mut [PollFd],
    timeout: Option<Duration>,
    mask: Option<&SignalSet>,
) -> io::Result<usize> {
    crate::budget::system_call();
    let limit = timeout.map(|limit| libc::timespec {
        tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let mask = mask.map_or(std::ptr::null(), std::ptr::from_ref);
    let count = fds.len() as libc::nfds_t;
    // SAFETY: `fds` has `count` entries of the layout of `struct pollfd`, which the assertions
    // above check; the limit and the mask are NULL or live for the call.
    let found = unsafe { libc::ppoll(fds.as_mut_ptr().cast(), count, limit, mask) };
    usize::try_from(found).map_err(|_| io::Error::last_os_error())
}
