//! Connecting: one concrete address at a time, without blocking.
//!
//! ```text
//!  Target ── connect ──> Ready(Stream)
//!                  └───> InProgress(Pending) ── finish, when writable ──> Ready | InProgress
//! ```
//!
//! A `Pending` owns its descriptor; dropping it gives the attempt up.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::net::{SocketAddrUnix, connect, getpeername, sockopt};

use super::address::{self, Address};
use super::options::TransportOptions;
use super::stream::Stream;
use super::{ipc, os_error, tcp};

/// One address to try, with the local address to come from when the endpoint names one.
#[derive(Clone, Debug)]
pub struct Target(Route);

#[derive(Clone, Debug)]
enum Route {
    Tcp { to: SocketAddr, from: Option<SocketAddr> },
    Ipc(SocketAddrUnix),
}

/// What has become of a connection attempt.
#[derive(Debug)]
pub enum Connecting {
    /// The connection is made.
    Ready(Stream),
    /// Wait until the descriptor is writable, then call [`Pending::finish`].
    InProgress(Pending),
}

/// A connection attempt under way.
#[derive(Debug)]
pub struct Pending {
    fd: OwnedFd,
    remote: Address,
}

impl Target {
    /// `from` is of the same family as `to`.
    pub(super) const fn tcp(to: SocketAddr, from: Option<SocketAddr>) -> Self {
        Self(Route::Tcp { to, from })
    }

    pub(super) const fn ipc(to: SocketAddrUnix) -> Self {
        Self(Route::Ipc(to))
    }

    /// Begins to connect. Never blocks.
    ///
    /// # Errors
    /// What connect(2) gives: ECONNREFUSED, ENETUNREACH, ENOENT for an ipc path that is not there,
    /// EAGAIN for an ipc listener whose backlog is full; EADDRINUSE and EADDRNOTAVAIL for the
    /// source address; EMFILE, ENFILE, ENOBUFS; ENODEV for an unknown `bind_to_device`.
    pub fn connect(&self, options: &TransportOptions) -> io::Result<Connecting> {
        let (fd, result) = match &self.0 {
            Route::Tcp { to, from } => {
                let fd = tcp::dial(to, from.as_ref(), options)?;
                let result = connect(&fd, to);
                (fd, result)
            }
            Route::Ipc(to) => {
                let fd = ipc::open(options)?;
                let result = connect(&fd, to);
                (fd, result)
            }
        };
        let pending = Pending { fd, remote: self.address() };
        match result {
            Ok(()) => pending.connected(),
            // An interrupted connect goes on by itself.
            Err(Errno::INPROGRESS | Errno::INTR) => Ok(Connecting::InProgress(pending)),
            Err(error) => Err(error.into()),
        }
    }

    /// The endpoint of this address, such as `tcp://127.0.0.1:5555`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.address().to_string()
    }

    fn address(&self) -> Address {
        match &self.0 {
            Route::Tcp { to, .. } => Address::Tcp(*to),
            Route::Ipc(to) => Address::Ipc(address::unix_name(to)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().fmt(f)
    }
}

impl Pending {
    /// Asks how the attempt ended. Gives the attempt back when it has not, as after a wake-up for
    /// no reason.
    ///
    /// # Errors
    /// Why it failed: ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH and the like.
    pub fn finish(self) -> io::Result<Connecting> {
        sockopt::socket_error(&self.fd)??;
        match getpeername(&self.fd) {
            Err(Errno::NOTCONN) => Ok(Connecting::InProgress(self)),
            Err(error) => Err(error.into()),
            Ok(_) => self.connected(),
        }
    }

    fn connected(self) -> io::Result<Connecting> {
        let stream = Stream::new(self.fd, Some(self.remote))?;
        match stream.addresses() {
            // A port of the range that the system picks source ports from can be connected to
            // itself when nobody listens there; that is no peer.
            (Address::Tcp(local), Address::Tcp(remote)) if local == remote => {
                Err(os_error(libc::ECONNREFUSED))
            }
            _ => Ok(Connecting::Ready(stream)),
        }
    }
}

impl AsFd for Pending {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Pending {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
