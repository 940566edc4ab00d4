//! tcp sockets: opening, binding and tuning.
//!
//! Functions over borrowed descriptors; the listener, the pending connection and the stream own
//! them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with, sockopt};

use super::bind_fault::BindFault;
use super::options::TransportOptions;
use crate::sys;

/// A listening socket bound to `address`.
pub(super) fn listen(
    address: &SocketAddr,
    options: &TransportOptions,
) -> Result<OwnedFd, BindFault> {
    let fd = open(address, options)?;
    BindFault::watch(&fd, || {
        sockopt::set_socket_reuseaddr(&fd, true)?;
        rustix::net::bind(&fd, address)?;
        Ok(rustix::net::listen(&fd, options.backlog)?)
    })?;
    Ok(fd)
}

/// A socket ready to connect to `to`, bound to `from` when that is given.
pub(super) fn dial(
    to: &SocketAddr,
    from: Option<&SocketAddr>,
    options: &TransportOptions,
) -> io::Result<OwnedFd> {
    let fd = open(to, options)?;
    tune(fd.as_fd(), options)?;
    if let Some(from) = from {
        // A fixed source port would else stay unusable for minutes after a connection's end.
        sockopt::set_socket_reuseaddr(&fd, true)?;
        if from.port() == 0 {
            sys::ignore_unsupported(sys::set_bind_without_port(&fd))?;
        }
        rustix::net::bind(&fd, from)?;
    }
    Ok(fd)
}

/// Applies what a connection needs, whether it was accepted or is about to connect.
pub(super) fn tune(fd: BorrowedFd<'_>, options: &TransportOptions) -> io::Result<()> {
    // Frames are gathered before they are written; holding them back again only adds delay.
    sockopt::set_tcp_nodelay(fd, true)?;
    if options.tcp_maxrt_ms != 0 {
        sockopt::set_tcp_user_timeout(fd, options.tcp_maxrt_ms)?;
    }
    if options.priority != 0 {
        // The one option of the IP layer that an accepted socket does not inherit.
        sys::set_priority(fd, options.priority)?;
    }
    let Some(keepalive) = options.tcp_keepalive else { return Ok(()) };
    sockopt::set_socket_keepalive(fd, keepalive)?;
    if let Some(count) = options.tcp_keepalive_cnt {
        sockopt::set_tcp_keepcnt(fd, count)?;
    }
    if let Some(seconds) = options.tcp_keepalive_idle_s {
        sockopt::set_tcp_keepidle(fd, Duration::from_secs(seconds.into()))?;
    }
    if let Some(seconds) = options.tcp_keepalive_intvl_s {
        sockopt::set_tcp_keepintvl(fd, Duration::from_secs(seconds.into()))?;
    }
    Ok(())
}

/// Applies the options of the IP layer, which accepted sockets inherit from the listener; all but
/// the priority.
fn open(address: &SocketAddr, options: &TransportOptions) -> io::Result<OwnedFd> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&fd, false)?;
    }
    // Before connect and listen: the window scale is settled in the handshake.
    set_buffers(&fd, options)?;
    // The kernel reads eight bits of it for IPv4 and refuses more for IPv6.
    let tos = options.tos.to_le_bytes()[0];
    if tos != 0 {
        if address.is_ipv6() {
            sockopt::set_ipv6_tclass(&fd, tos.into())?;
        }
        // Also on IPv6 sockets, for the IPv4 peers that a dual-stack one has.
        sys::ignore_unsupported(sockopt::set_ip_tos(&fd, tos).map_err(Into::into))?;
    }
    if options.priority != 0 {
        sys::set_priority(&fd, options.priority)?;
    }
    if let Some(device) = &options.bind_to_device {
        sys::bind_to_device(&fd, device)?;
    }
    if options.busy_poll_us != 0 {
        sys::set_busy_poll_us(&fd, options.busy_poll_us)?;
    }
    Ok(fd)
}

/// Sets the kernel buffers of a tcp or ipc socket where the options name a size.
pub(super) fn set_buffers(fd: &OwnedFd, options: &TransportOptions) -> io::Result<()> {
    // The kernel takes an int; more than it holds is its maximum anyway.
    if let Some(bytes) = options.sndbuf_bytes {
        sockopt::set_socket_send_buffer_size(fd, bytes.min(BUFFER_BYTES_MAX))?;
    }
    if let Some(bytes) = options.rcvbuf_bytes {
        sockopt::set_socket_recv_buffer_size(fd, bytes.min(BUFFER_BYTES_MAX))?;
    }
    Ok(())
}

const BUFFER_BYTES_MAX: usize = i32::MAX as usize;
