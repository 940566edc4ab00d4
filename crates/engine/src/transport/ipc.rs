//! ipc sockets: opening, binding to a path, and the file that a bound path is.
//!
//! A bound socket's file belongs to a [`BoundPath`], which removes it when the listener goes, but
//! only while it is still that listener's: another process may have taken the name over. Two
//! processes that replace the same dead listener's file at the same moment can still remove each
//! other's; the kernel has no call that compares and replaces.

use std::env;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, Stat, lstat, mkdir, rmdir, unlink};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use rustix::process::{Pid, getpid};
use rustix::rand::{GetRandomFlags, getrandom};

use super::bind_fault::BindFault;
use super::options::TransportOptions;
use super::{os_error, tcp};

/// The file of a bound socket, and the directory that was made for it. Must be dropped before the
/// socket is closed: the open socket keeps the inode number from being given to another file.
#[derive(Debug)]
pub(super) struct BoundPath {
    /// Absolute, so that a change of the working directory does no harm.
    path: PathBuf,
    inode: Inode,
    /// Made for an `ipc://*` and removed with the file.
    directory: Option<PathBuf>,
    /// A forked child must not remove its parent's file.
    owner: Pid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
}

/// A listening socket bound to a path, by the rule of [`TransportOptions::ipc_takeover`].
pub(super) fn listen_path(
    path: &str,
    options: &TransportOptions,
) -> Result<(BoundPath, OwnedFd), BindFault> {
    let address = path_address(path)?;
    let fd = open(options)?;
    let file = BindFault::watch(&fd, || bind_path(&fd, Path::new(path), &address, options))?;
    Ok((file, fd))
}

/// Gives the socket its path, and listens.
fn bind_path(
    fd: &OwnedFd,
    path: &Path,
    address: &SocketAddrUnix,
    options: &TransportOptions,
) -> io::Result<BoundPath> {
    if options.ipc_takeover {
        displace(path)?;
    }
    let mut attempts = 1;
    while let Err(error) = bind(fd, address) {
        if error != Errno::ADDRINUSE || options.ipc_takeover || attempts == BIND_ATTEMPTS_MAX {
            return Err(error.into());
        }
        attempts += 1;
        remove_dead(path, address)?;
    }
    let file = BoundPath {
        path: std::path::absolute(path)?,
        inode: Inode::of(&lstat(path)?),
        directory: None,
        owner: getpid(),
    };
    listen(fd, options.backlog)?;
    Ok(file)
}

/// A listening socket with a fresh name in a directory that only this user can enter.
pub(super) fn listen_wildcard(
    options: &TransportOptions,
) -> Result<(BoundPath, OwnedFd), BindFault> {
    let base = env::var_os("TMPDIR").filter(|dir| !dir.is_empty()).unwrap_or("/tmp".into());
    for _ in 0..FRESH_NAMES_MAX {
        let mut random = [0; 8];
        getrandom(&mut random, GetRandomFlags::empty()).map_err(io::Error::from)?;
        let directory = Path::new(&base).join(format!("oxmq-{:016x}", u64::from_ne_bytes(random)));
        match mkdir(&directory, Mode::RWXU) {
            Err(Errno::EXIST) => continue,
            result => result.map_err(io::Error::from)?,
        }
        let path = directory.join("socket");
        let text = path.to_str().ok_or_else(|| BindFault::from(os_error(libc::EINVAL)));
        let bound = text.and_then(|path| {
            let options = TransportOptions { ipc_takeover: false, ..options.clone() };
            listen_path(path, &options)
        });
        return match bound {
            Ok((mut file, fd)) => {
                file.directory = Some(std::path::absolute(&directory)?);
                Ok((file, fd))
            }
            Err(error) => {
                // The first error is the one to report; an empty directory does no harm.
                let _ = rmdir(&directory);
                Err(error)
            }
        };
    }
    Err(os_error(libc::EADDRINUSE).into())
}

/// A listening socket with an abstract name, which has no file and goes with its last descriptor.
pub(super) fn listen_abstract(
    name: &str,
    options: &TransportOptions,
) -> Result<OwnedFd, BindFault> {
    let address = abstract_address(name)?;
    let fd = open(options)?;
    BindFault::watch(&fd, || {
        bind(&fd, &address)?;
        Ok(listen(&fd, options.backlog)?)
    })?;
    Ok(fd)
}

/// An unconnected, non-blocking socket.
pub(super) fn open(options: &TransportOptions) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    tcp::set_buffers(&fd, options)?;
    Ok(fd)
}

/// The address of a path: ENAMETOOLONG over 107 bytes, EINVAL when it is empty or holds a NUL.
pub(super) fn path_address(path: &str) -> io::Result<SocketAddrUnix> {
    if path.is_empty() || path.contains('\0') {
        return Err(os_error(libc::EINVAL));
    }
    if path.len() > NAME_BYTES_MAX {
        return Err(os_error(libc::ENAMETOOLONG));
    }
    Ok(SocketAddrUnix::new(path)?)
}

/// The address of an abstract name, given without its `@`.
pub(super) fn abstract_address(name: &str) -> io::Result<SocketAddrUnix> {
    if name.is_empty() {
        return Err(os_error(libc::EINVAL));
    }
    Ok(SocketAddrUnix::new_abstract_name(name.as_bytes())?)
}

/// Takes the name from whoever has it. An empty file goes too, as programs make one to reserve a
/// name; a file with content is never removed.
fn displace(path: &Path) -> io::Result<()> {
    let stat = match lstat(path) {
        Err(Errno::NOENT) => return Ok(()),
        result => result?,
    };
    let replaceable = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Socket => true,
        FileType::RegularFile => stat.st_size == 0,
        _ => false,
    };
    if !replaceable {
        return Err(os_error(libc::EADDRINUSE));
    }
    unlink_if_there(path)
}

/// Removes the file of a listener that no longer answers; EADDRINUSE when it does, or when the file
/// is no socket.
fn remove_dead(path: &Path, address: &SocketAddrUnix) -> io::Result<()> {
    let found = match lstat(path) {
        Err(Errno::NOENT) => return Ok(()),
        result => result?,
    };
    if FileType::from_raw_mode(found.st_mode) != FileType::Socket {
        return Err(os_error(libc::EADDRINUSE));
    }
    let probe = open(&TransportOptions::default())?;
    match connect(&probe, address) {
        Err(Errno::CONNREFUSED) => {}
        Err(Errno::NOENT) => return Ok(()),
        _ => return Err(os_error(libc::EADDRINUSE)),
    }
    match lstat(path) {
        Ok(now) if Inode::of(&now) == Inode::of(&found) => unlink_if_there(path),
        Ok(_) => Err(os_error(libc::EADDRINUSE)),
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn unlink_if_there(path: &Path) -> io::Result<()> {
    match unlink(path) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Drop for BoundPath {
    fn drop(&mut self) {
        let ours = || lstat(&self.path).is_ok_and(|stat| Inode::of(&stat) == self.inode);
        if self.owner != getpid() || !ours() {
            return;
        }
        // Nothing is left to do when the system refuses: the next bind finds a dead socket there.
        let _ = unlink(&self.path);
        if let Some(directory) = &self.directory {
            let _ = rmdir(directory);
        }
    }
}

impl Inode {
    const fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev, number: stat.st_ino }
    }
}

/// The kernel's sun_path is 108 bytes; the last is a NUL for those who read it as a string.
const NAME_BYTES_MAX: usize = 107;

/// Each attempt but the last has removed a dead listener's file.
const BIND_ATTEMPTS_MAX: u32 = 3;

/// Names have 64 random bits; a second collision means that something else is wrong.
const FRESH_NAMES_MAX: u32 = 4;
