//! A connected byte stream to a peer.
//!
//! Owns its descriptor, which is non-blocking. One thread may read while another writes; the
//! engine's read and write claims keep each direction to one thread.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
#[cfg(feature = "simulation")]
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::retry_on_intr;
use rustix::net::{SendAncillaryBuffer, SendFlags, Shutdown};

use super::address::{self, Address};
use super::tls::{Tls, TlsClient, TlsServer};
use super::web::Web;
use crate::budget;
#[cfg(feature = "simulation")]
use crate::simulation::Conduit;
use crate::sys;

/// A connection over tcp or ipc.
#[derive(Debug)]
pub struct Stream {
    fd: OwnedFd,
    local: Address,
    remote: Address,
    /// What the endpoints of a tcp connection begin with: `tcp`, or `ws` or `wss` above it.
    scheme: &'static str,
    tls: Option<Box<Mutex<Tls>>>,
    /// What stands in the kernel's place in a simulation.
    #[cfg(feature = "simulation")]
    conduit: Option<Arc<dyn Conduit>>,
}

/// What a stream or listener runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// TCP over IPv4 or IPv6.
    Tcp,
    /// A Unix domain socket.
    Ipc,
    /// TIPC.
    Tipc,
    /// vsock.
    Vsock,
}

impl Stream {
    /// Wraps a connected, non-blocking socket. ENOTCONN when the peer has left already.
    pub(super) fn new(fd: OwnedFd, remote: Option<Address>) -> io::Result<Self> {
        let local = Address::of_socket(&fd, false)?;
        let remote = match (remote, &local) {
            (Some(remote), _) => remote,
            (None, Address::Ipc(_)) => Address::Ipc("".into()),
            (None, _) => Address::of_socket(&fd, true)?,
        };
        Ok(Self {
            fd,
            local,
            remote,
            scheme: "tcp",
            tls: None,
            #[cfg(feature = "simulation")]
            conduit: None,
        })
    }

    /// A connection of a simulation. The descriptor only has a number.
    ///
    /// # Errors
    /// For want of descriptors.
    #[cfg(feature = "simulation")]
    pub(crate) fn simulated(conduit: Arc<dyn Conduit>) -> io::Result<Self> {
        let fd = std::fs::File::open("/dev/null")?.into();
        let end = Address::Ipc("simulated".into());
        let (local, remote) = (end.clone(), end);
        Ok(Self { fd, local, remote, scheme: "ipc", tls: None, conduit: Some(conduit) })
    }

    /// What stands in the kernel's place in a simulation.
    #[cfg(feature = "simulation")]
    pub(crate) fn conduit(&self) -> Option<&Arc<dyn Conduit>> {
        self.conduit.as_ref()
    }

    /// The same connection with TLS inside, ours being the connecting end. The handshake goes on
    /// as it is read.
    ///
    /// # Errors
    /// A [`super::TlsFault`] when TLS cannot begin.
    pub fn over_tls(mut self, client: &TlsClient) -> io::Result<Self> {
        self.tls = Some(Box::new(Mutex::new(Tls::client(client)?)));
        Ok(self)
    }

    /// The same for the listening end.
    pub(super) fn serve_tls(mut self, server: &TlsServer) -> io::Result<Self> {
        self.tls = Some(Box::new(Mutex::new(Tls::server(server)?)));
        Ok(self)
    }

    /// Bytes can be read although the kernel has none: TLS holds them.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| lock(tls).has_unread())
    }

    /// Tells a TLS peer that nothing more will be written, as far as the kernel takes it.
    pub fn end_tls(&self) {
        if let Some(tls) = &self.tls {
            lock(tls).end(&mut Kernel(&self.fd));
        }
    }

    /// The same connection as one of `ws` or `wss`.
    pub(super) fn of_web(mut self, web: &Web) -> Self {
        self.scheme = web.scheme();
        self
    }

    /// Reads what has arrived, up to the buffer's length, without blocking. `Ok(0)` is the end of
    /// the stream; the buffer must not be empty.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has arrived; else the connection is lost.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        debug_assert!(!buffer.is_empty(), "a read of nothing looks like the end of the stream");
        #[cfg(feature = "simulation")]
        if let Some(conduit) = &self.conduit {
            return conduit.read(buffer);
        }
        if let Some(tls) = &self.tls {
            return lock(tls).read(&mut Kernel(&self.fd), buffer);
        }
        budget::system_call();
        Ok(retry_on_intr(|| rustix::io::read(&self.fd, &mut *buffer))?)
    }

    /// As [`Self::read`], into a buffer that need not have been cleared; returns what was read.
    /// Only for a stream without TLS, which [`Self::is_plain`] tells.
    ///
    /// # Errors
    /// As [`Self::read`], and `Interrupted`.
    pub fn read_uninit<'a>(&self, buffer: &'a mut [MaybeUninit<u8>]) -> io::Result<&'a mut [u8]> {
        debug_assert!(self.is_plain() && !buffer.is_empty());
        budget::system_call();
        let (read, _) = rustix::io::read(&self.fd, buffer)?;
        Ok(read)
    }

    /// There is no TLS within.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.tls.is_none()
    }

    /// Reads into several buffers in turn, as [`Self::read`]. At most 1024 are filled.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if self.is_one_by_one() {
            return match buffers.iter_mut().find(|buffer| !buffer.is_empty()) {
                Some(buffer) => self.read(buffer),
                None => Ok(0),
            };
        }
        let count = buffers.len().min(SLICES_MAX);
        let buffers = &mut buffers[..count];
        Ok(retry_on_intr(|| rustix::io::readv(&self.fd, buffers))?)
    }

    /// Buffers are read and written one after the other.
    fn is_one_by_one(&self) -> bool {
        #[cfg(feature = "simulation")]
        if self.conduit.is_some() {
            return true;
        }
        self.tls.is_some()
    }

    /// Writes what the kernel takes without blocking and says how many bytes that was. Raises no
    /// SIGPIPE.
    ///
    /// # Errors
    /// `WouldBlock` when the kernel's buffer is full; else the connection is lost.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "simulation")]
        if let Some(conduit) = &self.conduit {
            return conduit.write(bytes);
        }
        if let Some(tls) = &self.tls {
            return lock(tls).write(&mut Kernel(&self.fd), bytes);
        }
        budget::system_call();
        Ok(retry_on_intr(|| rustix::net::send(&self.fd, bytes, SendFlags::NOSIGNAL))?)
    }

    /// Writes several buffers in turn, as [`Self::write`]. At most 1024 are looked at.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_one_by_one() {
            return match buffers.iter().find(|buffer| !buffer.is_empty()) {
                Some(buffer) => self.write(buffer),
                None => Ok(0),
            };
        }
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
        self.end_tls();
        #[cfg(feature = "simulation")]
        if let Some(conduit) = &self.conduit {
            return conduit.shutdown_write();
        }
        Ok(rustix::net::shutdown(&self.fd, Shutdown::Write)?)
    }

    /// Who the peer is, as message metadata and ZAP name it: for tcp its IP address without port,
    /// for ipc `localhost:` and its user, group and process id, as libzmq writes them; for TIPC and
    /// vsock what follows the transport in its endpoint.
    #[must_use]
    pub fn peer_address(&self) -> String {
        match &self.remote {
            Address::Tcp(remote) => address::ip_text(remote),
            other @ (Address::Tipc(_) | Address::Vsock(_)) => {
                let endpoint = other.to_string();
                endpoint.split_once("://").map(|(_, name)| name.to_owned()).unwrap_or(endpoint)
            }
            Address::Ipc(_) => match sys::peer_credentials(&self.fd) {
                Ok(peer) => format!("localhost:{}:{}:{}", peer.uid, peer.gid, peer.pid),
                Err(_) => String::new(),
            },
        }
    }

    /// This end's endpoint, such as `tcp://127.0.0.1:5555`. `ipc://` for an end without a name.
    #[must_use]
    pub fn local_endpoint(&self) -> String {
        self.local.endpoint(self.scheme)
    }

    /// The peer's endpoint.
    #[must_use]
    pub fn remote_endpoint(&self) -> String {
        self.remote.endpoint(self.scheme)
    }

    /// What the stream runs over.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.local.kind()
    }

    /// The largest TCP segment in bytes; `None` over ipc.
    #[must_use]
    pub fn mss(&self) -> Option<usize> {
        match self.kind() {
            Kind::Tcp => sys::mss_bytes(&self.fd).ok(),
            Kind::Ipc | Kind::Tipc | Kind::Vsock => None,
        }
    }

    /// How many written bytes the kernel still holds: for tcp those that the peer's kernel has not
    /// acknowledged, for ipc those that the peer has not read, with the kernel's overhead.
    ///
    /// # Errors
    /// None in practice.
    pub fn unsent_bytes(&self) -> io::Result<usize> {
        #[cfg(feature = "simulation")]
        if let Some(conduit) = &self.conduit {
            return Ok(conduit.unsent_bytes());
        }
        sys::unsent_bytes(&self.fd)
    }

    pub(super) const fn addresses(&self) -> (&Address, &Address) {
        (&self.local, &self.remote)
    }
}

/// The kernel's side of a stream, as TLS reads and writes it.
struct Kernel<'a>(&'a OwnedFd);

impl Read for Kernel<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        budget::system_call();
        Ok(retry_on_intr(|| rustix::io::read(self.0, &mut *buffer))?)
    }
}

impl Write for Kernel<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        budget::system_call();
        Ok(retry_on_intr(|| rustix::net::send(self.0, bytes, SendFlags::NOSIGNAL))?)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let buffers = &buffers[..buffers.len().min(SLICES_MAX)];
        let send = || {
            let mut control = SendAncillaryBuffer::default();
            rustix::net::sendmsg(self.0, buffers, &mut control, SendFlags::NOSIGNAL)
        };
        budget::system_call();
        Ok(retry_on_intr(send)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A panic of a reader or writer ends its connection anyway.
fn lock(tls: &Mutex<Tls>) -> MutexGuard<'_, Tls> {
    tls.lock().unwrap_or_else(PoisonError::into_inner)
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
