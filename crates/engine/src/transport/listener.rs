//! A bound endpoint that accepts peers.
//!
//! Owns the listening descriptor and, for an ipc path, the file. `bind` may block while a host name
//! is looked up; `accept` never blocks and may be called from any thread.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use oxmq_zmtp::{Endpoint, IpcEndpoint, TcpEndpoint, TipcEndpoint};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::{SocketFlags, SocketType, acceptfrom_with, sockopt};

use super::address::Address;
use super::bind_fault::BindFault;
use super::ipc::BoundPath;
use super::options::TransportOptions;
use super::stream::{Kind, Stream};
use super::tls::TlsServer;
use super::web::{self, Web};
use super::{ipc, os_error, resolve, tcp, tipc, vsock};
use crate::sys;

/// A bound endpoint. Dropping it closes the descriptor and removes the ipc file that it made.
#[derive(Debug)]
pub struct Listener {
    /// Before `fd`, as fields are dropped in this order and the file must go first.
    _file: Option<BoundPath>,
    fd: OwnedFd,
    local: Address,
    /// How connections go on, of a ws or wss endpoint.
    web: Option<Web>,
    tls: Option<TlsServer>,
    options: TransportOptions,
}

/// What a failed accept says about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptFault {
    /// Only this connection failed: the peer left, or a filter refused it. Accept again at once.
    Connection,
    /// The process or the system is out of descriptors or memory. The connection still waits and
    /// the descriptor stays readable, so accept again after a while.
    Exhausted,
    /// The listener is broken.
    Listener,
}

impl Listener {
    /// Binds an endpoint and listens.
    ///
    /// A host name of a tcp endpoint that is no interface is looked up, which may block. With
    /// [`TransportOptions::use_fd`] the endpoint only says which transport is meant.
    ///
    /// # Errors
    /// EADDRINUSE; EADDRNOTAVAIL for an address that is not this machine's; ENODEV for a name that
    /// is neither an interface nor a host, and for an IPv6 address while IPv6 is off; EACCES;
    /// ENAMETOOLONG for an ipc name over 107 bytes; ENOENT for a directory that is not there;
    /// EINVAL for an endpoint of another transport, and for a `use_fd` that does not listen; a
    /// [`super::TlsFault`] (EINVAL) for a wss endpoint without a certificate and its key;
    /// EMFILE, ENFILE, ENOBUFS.
    pub fn bind(endpoint: &Endpoint, options: &TransportOptions) -> Result<Self, BindFault> {
        let tls = match endpoint {
            Endpoint::Ws(ws) if ws.tls => Some(TlsServer::new(&options.wss)?),
            _ => None,
        };
        let (file, fd) = match (endpoint, options.use_fd) {
            (Endpoint::Tcp(_), Some(fd)) => (None, adopt(fd, Kind::Tcp)?),
            (Endpoint::Ipc(_), Some(fd)) => (None, adopt(fd, Kind::Ipc)?),
            (Endpoint::Tcp(tcp), None) => (None, listen_tcp(tcp, options)?),
            (Endpoint::Ws(_), Some(fd)) => (None, adopt(fd, Kind::Tcp)?),
            (Endpoint::Ws(ws), None) => (None, listen_tcp(&web::tcp(ws), options)?),
            (Endpoint::Ipc(IpcEndpoint::Path(path)), None) => {
                let (file, fd) = ipc::listen_path(path, options)?;
                (Some(file), fd)
            }
            (Endpoint::Ipc(IpcEndpoint::Wildcard), None) => {
                let (file, fd) = ipc::listen_wildcard(options)?;
                (Some(file), fd)
            }
            (Endpoint::Ipc(IpcEndpoint::Abstract(name)), None) => {
                (None, ipc::listen_abstract(name, options)?)
            }
            (Endpoint::Tipc(tipc), None) => (None, tipc::listen(tipc, options)?),
            (Endpoint::Vsock(vsock), None) => (None, vsock::listen(vsock, options)?),
            _ => return Err(os_error(libc::EINVAL).into()),
        };
        let local = match endpoint {
            // The kernel tells a socket's port and not the names that it serves.
            Endpoint::Tipc(names) if *names != TipcEndpoint::Wildcard => Address::Tipc(*names),
            _ => Address::of_socket(&fd, false)?,
        };
        let web = match endpoint {
            Endpoint::Ws(ws) => Some(Web::new(ws)),
            _ => None,
        };
        Ok(Self { _file: file, fd, local, web, tls, options: options.clone() })
    }

    /// Takes the next waiting connection; `None` when there is none. Never blocks.
    ///
    /// # Errors
    /// EPERM when a filter refused the peer, whose connection is then closed, and what accept(2)
    /// gives; [`AcceptFault::of`] sorts them.
    pub fn accept(&self) -> io::Result<Option<Stream>> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (fd, remote) = match rustix::io::retry_on_intr(|| acceptfrom_with(&self.fd, flags)) {
            Err(Errno::AGAIN) => return Ok(None),
            result => result?,
        };
        let stream = Stream::new(fd, remote.and_then(Address::of)).map_err(lost)?;
        let admitted = match stream.addresses() {
            (Address::Ipc(_), _) => self.admits_process(&stream)?,
            (_, Address::Tcp(peer)) => self.admits_host(peer),
            (_, Address::Tipc(_) | Address::Vsock(_)) => true,
            _ => false,
        };
        if !admitted {
            return Err(os_error(libc::EPERM));
        }
        if stream.kind() == Kind::Tcp {
            tcp::tune(stream.as_fd(), &self.options).map_err(lost)?;
        }
        let Some(web) = &self.web else { return Ok(Some(stream)) };
        let stream = stream.of_web(web);
        match &self.tls {
            None => Ok(Some(stream)),
            Some(tls) => stream.serve_tls(tls).map(Some).map_err(lost),
        }
    }

    /// The endpoint as bound, with wildcards resolved: `tcp://0.0.0.0:5555`, `tcp://[::]:5555`,
    /// `ipc:///path`, `ipc://@name`. An ipc path is written as it was given.
    #[must_use]
    pub fn endpoint(&self) -> String {
        match &self.web {
            None => self.local.to_string(),
            Some(web) => self.local.endpoint(web.scheme()) + web.path(),
        }
    }

    /// Whether connections begin with the upgrade to a WebSocket.
    #[must_use]
    pub const fn is_web(&self) -> bool {
        self.web.is_some()
    }

    /// What the listener runs over.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.local.kind()
    }

    fn admits_host(&self, peer: &SocketAddr) -> bool {
        let networks = &self.options.tcp_accept_filters;
        networks.is_empty() || networks.iter().any(|network| network.contains(peer.ip()))
    }

    fn admits_process(&self, stream: &Stream) -> io::Result<bool> {
        let filters = &self.options.ipc_filters;
        if filters.is_empty() {
            return Ok(true);
        }
        // Without its groups a peer is judged by what is known of it.
        let groups = || sys::peer_groups(stream).unwrap_or_default();
        Ok(filters.admit(sys::peer_credentials(stream)?, groups))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl AcceptFault {
    /// Sorts an error of [`Listener::accept`].
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => Self::Exhausted,
            Some(libc::EBADF | libc::ENOTSOCK | libc::EFAULT | libc::EINVAL) => Self::Listener,
            _ => Self::Connection,
        }
    }
}

/// A connection that cannot be set up is one that was reset while it waited. Some of the numbers
/// that this gives would, from accept(2), mean that the listener is broken.
fn lost(_: io::Error) -> io::Error {
    os_error(libc::ECONNABORTED)
}

/// Binds the first usable address. Another one is tried only when this machine lacks the first;
/// one that is in use is an error, or a peer would find the wrong listener behind a name.
fn listen_tcp(endpoint: &TcpEndpoint, options: &TransportOptions) -> Result<OwnedFd, BindFault> {
    let mut first_fault = None;
    for address in resolve::bind_addresses(endpoint, options.ipv6)? {
        match tcp::listen(&address, options) {
            Err(fault)
                if matches!(
                    fault.error.raw_os_error(),
                    Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT)
                ) =>
            {
                first_fault.get_or_insert(fault);
            }
            result => return result,
        }
    }
    Err(first_fault.unwrap_or_else(|| os_error(libc::ENODEV).into()))
}

/// Takes over a listening descriptor of the application.
fn adopt(fd: RawFd, kind: Kind) -> io::Result<OwnedFd> {
    sys::adopt_fd(fd, |fd| {
        let fits = Address::of_socket(fd, false).is_ok_and(|address| address.kind() == kind);
        let listens =
            sockopt::socket_type(fd)? == SocketType::STREAM && sockopt::socket_acceptconn(fd)?;
        if !fits || !listens {
            return Err(os_error(libc::EINVAL));
        }
        fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
        Ok(fcntl_setfd(fd, FdFlags::CLOEXEC)?)
    })
}
