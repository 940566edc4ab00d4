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

use oxmq_zmtp::{TipcEndpoint, VsockEndpoint};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{SendFlags, SocketAddrUnix, connect, getpeername, send, sockopt};

use super::address::{self, Address};
use super::options::TransportOptions;
use super::socks::{SocksClient, SocksFault, Step};
use super::stream::Stream;
use super::web::Web;
use super::{ipc, os_error, tcp, tipc, vsock};

/// One address to try, with the local address to come from when the endpoint names one.
#[derive(Clone, Debug)]
pub struct Target {
    route: Route,
    /// How the connection goes on, to a ws or wss endpoint.
    web: Option<Web>,
    /// The address is a proxy's, which is asked for the peer.
    socks: Option<SocksClient>,
}

#[derive(Clone, Debug)]
enum Route {
    Tcp { to: SocketAddr, from: Option<SocketAddr> },
    Ipc(SocketAddrUnix),
    Tipc(TipcEndpoint),
    Vsock(VsockEndpoint),
}

/// What has become of a connection attempt.
#[derive(Debug)]
pub enum Connecting {
    /// The connection is made.
    Ready(Stream),
    /// Wait until the descriptor is writable or readable, then call [`Pending::finish`].
    InProgress(Pending),
}

/// A connection attempt under way.
#[derive(Debug)]
pub struct Pending {
    fd: OwnedFd,
    remote: Address,
    web: Option<Web>,
    socks: Option<SocksClient>,
}

impl Target {
    /// `from` is of the same family as `to`.
    pub(super) const fn tcp(to: SocketAddr, from: Option<SocketAddr>) -> Self {
        Self { route: Route::Tcp { to, from }, web: None, socks: None }
    }

    /// The same address of a ws or wss endpoint.
    pub(super) fn of_web(mut self, web: &Web) -> Self {
        self.web = Some(web.clone());
        self
    }

    /// The same address as that of a proxy.
    pub(super) fn of_proxy(mut self, socks: &SocksClient) -> Self {
        self.socks = Some(socks.clone());
        self
    }

    pub(super) const fn ipc(to: SocketAddrUnix) -> Self {
        Self { route: Route::Ipc(to), web: None, socks: None }
    }

    pub(super) const fn tipc(to: TipcEndpoint) -> Self {
        Self { route: Route::Tipc(to), web: None, socks: None }
    }

    pub(super) const fn vsock(to: VsockEndpoint) -> Self {
        Self { route: Route::Vsock(to), web: None, socks: None }
    }

    /// Begins to connect. Never blocks.
    ///
    /// # Errors
    /// What connect(2) gives: ECONNREFUSED, ENETUNREACH, ENOENT for an ipc path that is not there,
    /// EAGAIN for an ipc listener whose backlog is full; EADDRINUSE and EADDRNOTAVAIL for the
    /// source address; EMFILE, ENFILE, ENOBUFS; ENODEV for an unknown `bind_to_device`.
    pub fn connect(&self, options: &TransportOptions) -> io::Result<Connecting> {
        let (fd, result) = match &self.route {
            Route::Tcp { to, from } => {
                let fd = tcp::dial(to, from.as_ref(), options)?;
                let result = connect(&fd, to).map_err(io::Error::from);
                (fd, result)
            }
            Route::Ipc(to) => {
                let fd = ipc::open(options)?;
                let result = connect(&fd, to).map_err(io::Error::from);
                (fd, result)
            }
            Route::Tipc(to) => {
                let fd = tipc::open()?;
                let result = tipc::connect(&fd, to);
                (fd, result)
            }
            Route::Vsock(to) => {
                let fd = vsock::open(options)?;
                let result = vsock::connect(&fd, to);
                (fd, result)
            }
        };
        let (web, socks) = (self.web.clone(), self.socks.clone());
        let pending = Pending { fd, remote: self.address(), web, socks };
        match result {
            Ok(()) => pending.connected(),
            Err(error) => match error.raw_os_error() {
                // An interrupted connect goes on by itself.
                Some(libc::EINPROGRESS | libc::EINTR) => Ok(Connecting::InProgress(pending)),
                _ => Err(error),
            },
        }
    }

    /// The endpoint of this address, such as `tcp://127.0.0.1:5555`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.address().endpoint(self.web.as_ref().map_or("tcp", Web::scheme))
    }

    fn address(&self) -> Address {
        match &self.route {
            Route::Tcp { to, .. } => Address::Tcp(*to),
            Route::Ipc(to) => Address::Ipc(address::unix_name(to)),
            Route::Tipc(to) => Address::Tipc(*to),
            Route::Vsock(to) => Address::Vsock(*to),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.endpoint())
    }
}

impl Pending {
    /// Asks how the attempt ended. Gives the attempt back when it has not, as after a wake-up for
    /// no reason.
    ///
    /// # Errors
    /// Why it failed: ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH and the like; a [`SocksFault`] when
    /// the proxy refused.
    pub fn finish(self) -> io::Result<Connecting> {
        sockopt::socket_error(&self.fd)??;
        match getpeername(&self.fd) {
            Err(Errno::NOTCONN) => Ok(Connecting::InProgress(self)),
            Err(error) => Err(error.into()),
            Ok(_) => self.connected(),
        }
    }

    fn connected(mut self) -> io::Result<Connecting> {
        if !self.exchange()? {
            return Ok(Connecting::InProgress(self));
        }
        let stream = Stream::new(self.fd, Some(self.remote))?;
        match stream.addresses() {
            // A port of the range that the system picks source ports from can be connected to
            // itself when nobody listens there; that is no peer.
            (Address::Tcp(local), Address::Tcp(remote)) if local == remote => {
                Err(os_error(libc::ECONNREFUSED))
            }
            _ => Ok(Connecting::Ready(match &self.web {
                None => stream,
                Some(web) => stream.of_web(web),
            })),
        }
    }
}

impl Pending {
    /// Speaks with the proxy, if the address is one's, as far as it goes; true when it is done.
    fn exchange(&mut self) -> io::Result<bool> {
        let Some(socks) = &mut self.socks else { return Ok(true) };
        loop {
            while !socks.output().is_empty() {
                let sent = retry_on_intr(|| send(&self.fd, socks.output(), SendFlags::NOSIGNAL));
                match sent {
                    Ok(n) => drop(socks.output().drain(..n)),
                    Err(Errno::AGAIN) => return Ok(false),
                    Err(error) => return Err(error.into()),
                }
            }
            let mut buffer = [0; SocksClient::READ_BYTES];
            let wanted = socks.wanted().min(buffer.len());
            let received = retry_on_intr(|| rustix::io::read(&self.fd, &mut buffer[..wanted]));
            match received {
                Ok(0) => return Err(SocksFault::Closed.into()),
                Ok(n) => {
                    if socks.receive(&buffer[..n])? == Step::Done {
                        self.socks = None;
                        return Ok(true);
                    }
                }
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
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
