//! Byte streams to peers over tcp, with ws and wss above it, and ipc: binding, accepting,
//! resolving, connecting. udp, whose datagrams are no stream, has a file of its own.
//!
//! Nothing here knows ZMTP, sockets or sessions. Every descriptor is non-blocking and owned by the
//! value that names it ([`Listener`], [`Pending`], [`Stream`]); the owner registers it with a
//! poller and calls when it is ready. All values are `Send` and their calls take `&self` or `self`.
//!
//! An endpoint goes through these hands:
//!
//! ```text
//!  bind:     Endpoint ── Listener::bind ──> Listener ── accept ──> Stream
//!  connect:  Endpoint ── Resolver::resolve ──> Target.. ── connect ──> Connecting::Ready(Stream)
//!                                                            └──> InProgress(Pending) ── finish ┘
//! ```
//!
//! Errors are `io::Error`s that keep the system's errno; [`errno`] also finds the number for a name
//! that could not be resolved.

mod address;
mod bind_fault;
mod connect;
mod filter;
mod interface;
mod ipc;
mod listener;
mod options;
mod resolve;
mod resolver;
mod socks;
mod stream;
mod tcp;
mod tipc;
mod tls;
pub(crate) mod udp;
mod vsock;
mod web;

pub use bind_fault::BindFault;
pub use connect::{Connecting, Pending, Target};
pub use filter::{Cidr, CidrError, IpcFilters};
pub use listener::{AcceptFault, Listener};
pub use options::{SocksOptions, TransportOptions, WssOptions};
pub use resolve::{ResolveError, is_immediate, resolve};
pub use resolver::{Resolved, Resolver};
pub use socks::{SocksFault, SocksRoute};
pub use stream::{Kind, Stream};
pub use tls::{TlsClient, TlsFault};

use std::io;

/// The errno that an error of this module stands for, as monitor events and the C API report it.
#[must_use]
pub fn errno(error: &io::Error) -> i32 {
    let resolve = || error.get_ref().and_then(|inner| inner.downcast_ref::<ResolveError>());
    let socks = || error.get_ref().and_then(|inner| inner.downcast_ref::<SocksFault>());
    let found = error.raw_os_error().or_else(|| resolve().map(ResolveError::errno));
    found.or_else(|| socks().map(|fault| fault.errno())).unwrap_or_else(|| {
        match tls_fault(error) {
            // Ours or the peer's doing; each has its own number.
            Some(_) if error.kind() == io::ErrorKind::InvalidInput => libc::EINVAL,
            Some(_) => libc::EPROTO,
            None => libc::EIO,
        }
    })
}

/// What TLS has against the peer or against our own configuration, if that is the error.
#[must_use]
pub fn tls_fault(error: &io::Error) -> Option<&TlsFault> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<TlsFault>())
}

/// An error that is only its number.
fn os_error(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}

#[cfg(test)]
mod tests;
