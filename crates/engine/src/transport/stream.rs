//! A connected byte stream to a peer.
//!
//! Owns its descriptor, which is non-blocking. One thread may read while another writes; the
//! engine's read and write claims keep each direction to one thread.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::io::retry_on_intr;
use rustix::net::{SendAncillaryBuffer, SendFlags, Shutdown, getpeername, getsockname};

use super::address::{self, Address};
use super::os_error;
use crate::budget;
use crate::sys;

/// A connection over tcp or ipc.
#[derive(Debug)]
pub struct Stream {
    fd: OwnedFd,
    local: Address,
    remote: Address,
}

/// What a stream or listener runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// TCP over IPv4 or IPv6.
    Tcp,
    /// A Unix domain socket.
    Ipc,
}

impl Stream {
    /// Wraps a connected, non-blocking socket. ENOTCONN when the peer has left already.
    pub(super) fn new(fd: OwnedFd, remote: Option<Address>) -> io::Result<Self> {
        let unknown = || os_error(libc::EAFNOSUPPORT);
        let local = Address::of(getsockname(&fd)?).ok_or_else(unknown)?;
        let remote = match (remote, &local) {
            (Some(remote), _) => remote,
            (None, Address::Ipc(_)) => Address::Ipc("".into()),
            (None, Address::Tcp(_)) => {
                getpeername(&fd)?.and_then(Address::of).ok_or_else(unknown)?
            }
        };
        Ok(Self { fd, local, remote })
    }

    /// Reads what has arrived, up to the buffer's length, without blocking. `Ok(0)` is the end of
    /// the stream; the buffer must not be empty.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has arrived; else the connection is lost.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        debug_assert!(!buffer.is_empty(), "a read of nothing looks like the end of the stream");
        budget::system_call();
        Ok(retry_on_intr(|| rustix::io::read(&self.fd, &mut *buffer))?)
    }

    /// Reads into several buffers in turn, as [`Self::read`]. At most 1024 are filled.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let count = buffers.len().min(SLICES_MAX);
        let buffers = &mut buffers[..count];
        Ok(retry_on_intr(|| rustix::io::readv(&self.fd, buffers))?)
    }

    /// Writes what the kernel takes without blocking and says how many bytes that was. Raises no
    /// SIGPIPE.
    ///
    /// # Errors
    /// `WouldBlock` when the kernel's buffer is full; else the connection is lost.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        budget::system_call();
        Ok(retry_on_intr(|| rustix::net::send(&self.fd, bytes, SendFlags::NOSIGNAL))?)
    }

    /// Writes several buffers in turn, as [`Self::write`]. At most 1024 are looked at.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let buffers = &buffers[..buffers.len().min(SLICES_MAX)];
        let send = || {
            let mut control = SendAncillaryBuffer::default();
            rustix::net::sendmsg(&self.fd, buffers, &mut control, SendFlags::NOSIGNAL)
        };
        budget::system_call();
        Ok(retry_on_intr(send)?)
    }

    /// Tells the peer that nothing more will be written; reading goes on.
    ///
    /// # Errors
    /// ENOTCONN when the connection is gone.
    pub fn shutdown_write(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(&self.fd, Shutdown::Write)?)
    }

    /// Who the peer is, as message metadata and ZAP name it: for tcp its IP address without port,
    /// for ipc `localhost:` and its user, group and process id, as libzmq writes them.
    #[must_use]
    pub fn peer_address(&self) -> String {
        match &self.remote {
            Address::Tcp(remote) => address::ip_text(remote),
            Address::Ipc(_) => match sys::peer_credentials(&self.fd) {
                Ok(peer) => format!("localhost:{}:{}:{}", peer.uid, peer.gid, peer.pid),
                Err(_) => String::new(),
            },
        }
    }

    /// This end's endpoint, such as `tcp://127.0.0.1:5555`. `ipc://` for an end without a name.
    #[must_use]
    pub fn local_endpoint(&self) -> String {
        self.local.to_string()
    }

    /// The peer's endpoint.
    #[must_use]
    pub fn remote_endpoint(&self) -> String {
        self.remote.to_string()
    }

    /// What the stream runs over.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.local {
            Address::Tcp(_) => Kind::Tcp,
            Address::Ipc(_) => Kind::Ipc,
        }
    }

    /// The largest TCP segment in bytes; `None` over ipc.
    #[must_use]
    pub fn mss(&self) -> Option<usize> {
        match self.kind() {
            Kind::Tcp => sys::mss_bytes(&self.fd).ok(),
            Kind::Ipc => None,
        }
    }

    /// How many written bytes the kernel still holds: for tcp those that the peer's kernel has not
    /// acknowledged, for ipc those that the peer has not read, with the kernel's overhead.
    ///
    /// # Errors
    /// None in practice.
    pub fn unsent_bytes(&self) -> io::Result<usize> {
        sys::unsent_bytes(&self.fd)
    }

    pub(super) const fn addresses(&self) -> (&Address, &Address) {
        (&self.local, &self.remote)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// The kernel's UIO_MAXIOV, beyond which it refuses the call.
const SLICES_MAX: usize = 1024;
