//! Socket options and adoption of descriptors that no safe wrapper offers.
//!
//! Every function borrows the descriptor for one system call, keeps errno and may be called from
//! any thread.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Takes over a descriptor that the application opened, if it is one and `check` finds it fit.
///
/// The caller gives the descriptor up: it is closed with the returned value. When `check` refuses,
/// the descriptor stays the application's and stays open.
///
/// # Errors
/// EBADF when the number is no open descriptor, else what `check` returned.
pub fn adopt_fd(
    fd: RawFd,
    check: impl FnOnce(BorrowedFd<'_>) -> io::Result<()>,
) -> io::Result<OwnedFd> {
    // SAFETY: fcntl(F_GETFD) takes any integer and touches no memory.
    if fd < 0 || unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: the line above found it open, and the application promised to leave it to us.
    check(unsafe { BorrowedFd::borrow_raw(fd) })?;
    // SAFETY: as above; from here on the returned value is the only owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Restricts a socket to one network interface or VRF (SO_BINDTODEVICE).
///
/// # Errors
/// ENODEV for an unknown name, EPERM without the right on kernels before 5.7.
pub fn bind_to_device(fd: impl AsFd, name: &str) -> io::Result<()> {
    set_option(fd.as_fd(), libc::SOL_SOCKET, libc::SO_BINDTODEVICE, name.as_bytes())
}

/// Puts off the choice of a local port until connect, which then only needs the pair of addresses
/// to be unique (IP_BIND_ADDRESS_NO_PORT).
///
/// # Errors
/// ENOPROTOOPT on a socket that is not IP.
pub fn set_bind_without_port(fd: impl AsFd) -> io::Result<()> {
    set_int(fd.as_fd(), libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// Lets a blocking wait spin on the network device for so many microseconds (SO_BUSY_POLL).
///
/// # Errors
/// EPERM when raising it without CAP_NET_ADMIN, EINVAL below zero.
pub fn set_busy_poll_us(fd: impl AsFd, micros: i32) -> io::Result<()> {
    set_int(fd.as_fd(), libc::SOL_SOCKET, libc::SO_BUSY_POLL, micros)
}

/// Sets the queueing priority of outgoing packets (SO_PRIORITY).
///
/// # Errors
/// EPERM above 6 without CAP_NET_ADMIN.
pub fn set_priority(fd: impl AsFd, priority: i32) -> io::Result<()> {
    set_int(fd.as_fd(), libc::SOL_SOCKET, libc::SO_PRIORITY, priority)
}

/// The largest TCP segment the connection sends (TCP_MAXSEG), in bytes.
///
/// # Errors
/// ENOPROTOOPT or EOPNOTSUPP on a socket that is not TCP.
pub fn mss_bytes(fd: impl AsFd) -> io::Result<usize> {
    let mut value = [0; size_of::<libc::c_int>()];
    let filled = read_option(fd.as_fd(), libc::IPPROTO_TCP, libc::TCP_MAXSEG, &mut value)?;
    let mss = if filled == value.len() { libc::c_int::from_ne_bytes(value) } else { 0 };
    Ok(usize::try_from(mss).unwrap_or(0))
}

/// How many written bytes the kernel still holds (SIOCOUTQ): for TCP, not yet acknowledged; for
/// ipc, not yet read by the peer (with the kernel's own overhead).
///
/// # Errors
/// EINVAL on a listening socket.
pub fn unsent_bytes(fd: impl AsFd) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: TIOCOUTQ, the same number as SIOCOUTQ, writes one int, and `count` is one.
    let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Who is at the other end of an ipc connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Process id; zero when the process is not visible from here (another pid namespace).
    pub pid: i32,
}

/// The process at the other end of an ipc connection (SO_PEERCRED), as it was when it connected or
/// began to listen. Read here rather than through rustix, whose process id cannot be zero.
///
/// # Errors
/// None in practice; a socket that is not ipc has user and group -1.
pub fn peer_credentials(fd: impl AsFd) -> io::Result<Credentials> {
    let mut bytes = [0; size_of::<libc::ucred>()];
    read_option(fd.as_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, &mut bytes)?;
    let field = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    Ok(Credentials {
        uid: u32::from_ne_bytes(field(std::mem::offset_of!(libc::ucred, uid))),
        gid: u32::from_ne_bytes(field(std::mem::offset_of!(libc::ucred, gid))),
        pid: i32::from_ne_bytes(field(std::mem::offset_of!(libc::ucred, pid))),
    })
}

/// The supplementary groups of the process at the other end of an ipc connection
/// (SO_PEERGROUPS), as they were when it connected.
///
/// # Errors
/// ENOPROTOOPT before Linux 4.13.
pub fn peer_groups(fd: impl AsFd) -> io::Result<Vec<u32>> {
    let mut bytes = vec![0; GROUPS_GUESS * size_of::<libc::gid_t>()];
    let filled = match read_option(fd.as_fd(), libc::SOL_SOCKET, libc::SO_PEERGROUPS, &mut bytes) {
        Err(error) if error.raw_os_error() == Some(libc::ERANGE) => {
            bytes.resize(GROUPS_MAX * size_of::<libc::gid_t>(), 0);
            read_option(fd.as_fd(), libc::SOL_SOCKET, libc::SO_PEERGROUPS, &mut bytes)?
        }
        result => result?,
    };
    let groups = bytes[..filled.min(bytes.len())].chunks_exact(size_of::<libc::gid_t>());
    Ok(groups.map(|group| u32::from_ne_bytes([group[0], group[1], group[2], group[3]])).collect())
}

/// Drops the error of a socket option that this kind of socket or kernel does not have.
///
/// # Errors
/// Any other error is handed on.
pub fn ignore_unsupported(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::ENOPROTOOPT | libc::EOPNOTSUPP | libc::EINVAL)
            ) =>
        {
            Ok(())
        }
        result => result,
    }
}

fn set_int(fd: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> io::Result<()> {
    set_option(fd, level, name, &value.to_ne_bytes())
}

fn set_option(fd: BorrowedFd<'_>, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(value.len())
        .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: the kernel reads `length` bytes from `value`, which has that many.
    let result =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), length) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Fills `value` with an option and says how many bytes the kernel wrote.
fn read_option(fd: BorrowedFd<'_>, level: i32, name: i32, value: &mut [u8]) -> io::Result<usize> {
    let mut length = libc::socklen_t::try_from(value.len())
        .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: the kernel writes at most `length` bytes to `value`, which has that many.
    let result = unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut length)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(length as usize) }
}

/// Most processes are in a handful of groups.
const GROUPS_GUESS: usize = 64;

/// The kernel's NGROUPS_MAX.
const GROUPS_MAX: usize = 65_536;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_number_that_is_no_descriptor_is_refused_before_the_check_runs() {
        for bad in [-1, i32::MAX] {
            let error = adopt_fd(bad, |_| unreachable!("nothing to check")).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EBADF));
        }
    }

    #[test]
    fn a_refused_descriptor_stays_open() {
        let (mut ours, _peer) = UnixStream::pair().unwrap();
        let refusal = || io::Error::from_raw_os_error(libc::EINVAL);
        let error = adopt_fd(ours.as_raw_fd(), |_| Err(refusal())).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
        ours.write_all(b"still open").unwrap();
    }

    #[test]
    fn a_tcp_connection_has_a_segment_size_and_an_ipc_one_has_none() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(mss_bytes(&stream).unwrap() >= 536);
        let (ours, _peer) = UnixStream::pair().unwrap();
        assert!(mss_bytes(&ours).is_err());
    }

    #[test]
    fn bytes_that_nobody_read_are_counted() {
        let (mut ours, _peer) = UnixStream::pair().unwrap();
        assert_eq!(unsent_bytes(&ours).unwrap(), 0);
        ours.write_all(&[0; 100]).unwrap();
        assert!(unsent_bytes(&ours).unwrap() >= 100);
    }

    fn int_option(fd: impl AsFd, level: i32, name: i32) -> i32 {
        let mut value = [0; 4];
        assert_eq!(read_option(fd.as_fd(), level, name, &mut value).unwrap(), 4);
        i32::from_ne_bytes(value)
    }

    #[test]
    fn integer_options_reach_the_kernel() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        set_priority(&listener, 5).unwrap();
        assert_eq!(int_option(&listener, libc::SOL_SOCKET, libc::SO_PRIORITY), 5);
        set_bind_without_port(&listener).unwrap();
        assert_eq!(int_option(&listener, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT), 1);
        match set_busy_poll_us(&listener, 20) {
            Ok(()) => assert_eq!(int_option(&listener, libc::SOL_SOCKET, libc::SO_BUSY_POLL), 20),
            // Only the privileged may raise it.
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EPERM)),
        }
    }

    #[test]
    fn only_missing_options_are_ignored() {
        for errno in [libc::ENOPROTOOPT, libc::EOPNOTSUPP] {
            ignore_unsupported(Err(io::Error::from_raw_os_error(errno))).unwrap();
        }
        let error = ignore_unsupported(Err(io::Error::from_raw_os_error(libc::EPERM)));
        assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::EPERM));
        ignore_unsupported(Ok(())).unwrap();
    }

    #[test]
    fn peer_groups_are_those_of_this_process() {
        let (ours, _peer) = UnixStream::pair().unwrap();
        let own: Vec<u32> =
            rustix::process::getgroups().unwrap().iter().map(|group| group.as_raw()).collect();
        assert_eq!(peer_groups(&ours).unwrap(), own);
    }

    #[test]
    fn peer_credentials_are_those_of_this_process() {
        let (ours, _peer) = UnixStream::pair().unwrap();
        let found = peer_credentials(&ours).unwrap();
        assert_eq!(found.uid, rustix::process::geteuid().as_raw());
        assert_eq!(found.gid, rustix::process::getegid().as_raw());
        assert_eq!(found.pid, rustix::process::getpid().as_raw_nonzero().get());
    }

    #[test]
    fn an_unknown_device_is_enodev() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = bind_to_device(&listener, "no-such-dev0").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }
}
