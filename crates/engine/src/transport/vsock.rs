//! vsock sockets, which join a virtual machine and its host: opening, binding and addresses.
//! vsock(7).

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use oxmq_zmtp::{VsockCid, VsockEndpoint};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::bind_fault::BindFault;
use super::options::TransportOptions;
use super::{os_error, tcp};
use crate::sys;

/// A listening socket bound to `endpoint`.
pub(super) fn listen(
    endpoint: &VsockEndpoint,
    options: &TransportOptions,
) -> Result<OwnedFd, BindFault> {
    let fd = open(options)?;
    BindFault::watch(&fd, || {
        sys::bind_address(&fd, &sockaddr(endpoint))?;
        Ok(rustix::net::listen(&fd, options.backlog)?)
    })?;
    Ok(fd)
}

/// An unconnected, non-blocking socket. EAFNOSUPPORT on a kernel without the family.
pub(super) fn open(options: &TransportOptions) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(AddressFamily::VSOCK, SocketType::STREAM, flags, None)?;
    tcp::set_buffers(&fd, options)?;
    Ok(fd)
}

/// Begins to connect.
pub(super) fn connect(fd: impl AsFd, to: &VsockEndpoint) -> io::Result<()> {
    sys::connect_address(fd, &sockaddr(to))
}

/// Whether a connect can use the endpoint.
pub(super) fn check(endpoint: &VsockEndpoint) -> io::Result<()> {
    match (endpoint.cid, endpoint.port) {
        (VsockCid::Wildcard, _) | (_, None) => Err(os_error(libc::EINVAL)),
        _ => Ok(()),
    }
}

// struct sockaddr_vm of vsock(7): family, reserved, port, cid, and padding.
fn sockaddr(endpoint: &VsockEndpoint) -> [u8; SOCKADDR_BYTES] {
    let cid = match endpoint.cid {
        VsockCid::Wildcard => ANY,
        VsockCid::Local => LOCAL,
        VsockCid::Number(cid) => cid,
    };
    let mut octets = [0; SOCKADDR_BYTES];
    octets[..2].copy_from_slice(&AddressFamily::VSOCK.as_raw().to_ne_bytes());
    octets[4..8].copy_from_slice(&endpoint.port.unwrap_or(ANY).to_ne_bytes());
    octets[8..12].copy_from_slice(&cid.to_ne_bytes());
    octets
}

/// The address that a sockaddr of this family holds.
pub(super) fn endpoint(sockaddr: &[u8]) -> Option<VsockEndpoint> {
    let number = |at: usize| sockaddr.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let cid = match number(8)? {
        ANY => VsockCid::Wildcard,
        cid => VsockCid::Number(cid),
    };
    Some(VsockEndpoint { cid, port: number(4) })
}

const SOCKADDR_BYTES: usize = 16;

/// VMADDR_CID_ANY and VMADDR_PORT_ANY.
const ANY: u32 = u32::MAX;

/// VMADDR_CID_LOCAL.
const LOCAL: u32 = 1;
