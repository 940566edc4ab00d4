//! Addresses of families that no safe wrapper knows, as the octets of their sockaddr.
//!
//! Every function borrows the descriptor for one system call, keeps errno and may be called from
//! any thread.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd};

/// Most octets of an address that these functions handle.
const ADDRESS_BYTES_MAX: usize = 128;

/// Binds a socket to an address (bind(2)).
///
/// # Errors
/// Those of bind(2).
pub fn bind_address(fd: impl AsFd, sockaddr: &[u8]) -> io::Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: the kernel reads as many octets as `sockaddr` has, and copies them without a need
    // for alignment.
    let result = unsafe { libc::bind(fd, sockaddr.as_ptr().cast(), length_of(sockaddr)?) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Begins to connect a socket to an address (connect(2)).
///
/// # Errors
/// Those of connect(2); EINPROGRESS on a non-blocking socket.
pub fn connect_address(fd: impl AsFd, sockaddr: &[u8]) -> io::Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: as in `bind_address`.
    let result = unsafe { libc::connect(fd, sockaddr.as_ptr().cast(), length_of(sockaddr)?) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The address of a socket's own end (getsockname(2)), or with `peer` the other (getpeername(2)).
///
/// # Errors
/// ENOTCONN when there is no other end.
pub fn address_of(fd: impl AsFd, peer: bool) -> io::Result<Vec<u8>> {
    let fd = fd.as_fd().as_raw_fd();
    let mut octets = vec![0; ADDRESS_BYTES_MAX];
    let mut length = length_of(&octets)?;
    let start = octets.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `length` octets, which is what `octets` has.
    let result = unsafe {
        match peer {
            true => libc::getpeername(fd, start, &raw mut length),
            false => libc::getsockname(fd, start, &raw mut length),
        }
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    octets.truncate(length as usize);
    Ok(octets)
}

/// The address family of a sockaddr; `None` when it is too short to have one.
pub fn family_of(sockaddr: &[u8]) -> Option<i32> {
    let octets = sockaddr.first_chunk::<{ size_of::<libc::sa_family_t>() }>()?;
    Some(libc::sa_family_t::from_ne_bytes(*octets).into())
}

fn length_of(sockaddr: &[u8]) -> io::Result<libc::socklen_t> {
    libc::socklen_t::try_from(sockaddr.len())
        .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}
