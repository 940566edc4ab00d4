//! Byte streams to peers over tcp and ipc: binding, accepting, resolving, connecting.
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
mod connect;
mod filter;
mod interface;
mod ipc;
mod listener;
mod options;
mod resolve;
mod resolver;
mod stream;
mod tcp;

pub use connect::{Connecting, Pending, Target};
pub use filter::{Cidr, CidrError, IpcFilters};
pub use listener::{AcceptFault, Listener};
pub use options::TransportOptions;
pub use resolve::{ResolveError, is_immediate, resolve};
pub use resolver::{Resolved, Resolver};
pub use stream::{Kind, Stream};

use std::io;

/// The errno that an error of this module stands for, as monitor events and the C API report it.
#[must_use]
pub fn errno(error: &io::Error) -> i32 {
    let resolve = || error.get_ref().and_then(|inner| inner.downcast_ref::<ResolveError>());
    error.raw_os_error().or_else(|| resolve().map(ResolveError::errno)).unwrap_or(libc::EIO)
}

/// An error that is only its number.
fn os_error(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}

#[cfg(test)]
mod tests;
