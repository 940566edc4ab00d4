//! TIPC sockets: opening, binding and addresses. The layout is that of linux/tipc.h, as the TIPC
//! programmer's guide describes it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use oxmq_zmtp::{TipcEndpoint, TipcNode};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::bind_fault::BindFault;
use super::options::TransportOptions;
use super::os_error;
use crate::sys;

/// A listening socket that serves `endpoint`.
pub(super) fn listen(
    endpoint: &TipcEndpoint,
    options: &TransportOptions,
) -> Result<OwnedFd, BindFault> {
    let fd = open()?;
    BindFault::watch(&fd, || {
        match endpoint {
            // Every socket has a port of its own; a bind only publishes names for it.
            TipcEndpoint::Wildcard => {}
            TipcEndpoint::Range { service, lower, upper } => {
                publish(&fd, [*service, *lower, *upper])?;
            }
            TipcEndpoint::Service { service, instance, .. } => {
                publish(&fd, [*service, *instance, *instance])?;
            }
            TipcEndpoint::Socket { .. } => return Err(os_error(libc::EINVAL)),
        }
        Ok(rustix::net::listen(&fd, options.backlog)?)
    })?;
    Ok(fd)
}

fn publish(fd: &OwnedFd, range: [u32; 3]) -> io::Result<()> {
    sys::bind_address(fd, &sockaddr(ADDR_NAMESEQ, CLUSTER_SCOPE, range))
}

/// An unconnected, non-blocking socket. EAFNOSUPPORT on a kernel without the family.
pub(super) fn open() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::TIPC, SocketType::STREAM, flags, None)?)
}

/// Begins to connect.
pub(super) fn connect(fd: impl AsFd, to: &TipcEndpoint) -> io::Result<()> {
    let sockaddr = match to {
        TipcEndpoint::Service { service, instance, domain } => {
            let domain = domain.map_or(0, |TipcNode(domain)| domain);
            sockaddr(ADDR_NAME, 0, [*service, *instance, domain])
        }
        TipcEndpoint::Socket { node, reference } => sockaddr(ADDR_ID, 0, [*reference, node.0, 0]),
        TipcEndpoint::Range { .. } | TipcEndpoint::Wildcard => return Err(os_error(libc::EINVAL)),
    };
    sys::connect_address(fd, &sockaddr)
}

/// Whether a connect can use the endpoint. A range of one instance is that instance.
pub(super) fn check(endpoint: &TipcEndpoint) -> io::Result<TipcEndpoint> {
    match *endpoint {
        TipcEndpoint::Range { service, lower, upper } if lower == upper => {
            Ok(TipcEndpoint::Service { service, instance: lower, domain: None })
        }
        TipcEndpoint::Range { .. } | TipcEndpoint::Wildcard => Err(os_error(libc::EINVAL)),
        endpoint => Ok(endpoint),
    }
}

// struct sockaddr_tipc: family, address type, scope, and three numbers.
fn sockaddr(kind: u8, scope: u8, numbers: [u32; 3]) -> [u8; SOCKADDR_BYTES] {
    let mut octets = [0; SOCKADDR_BYTES];
    octets[..2].copy_from_slice(&AddressFamily::TIPC.as_raw().to_ne_bytes());
    octets[2] = kind;
    octets[3] = scope;
    for (place, number) in octets[4..].chunks_exact_mut(4).zip(numbers) {
        place.copy_from_slice(&number.to_ne_bytes());
    }
    octets
}

/// The address that a sockaddr of this family holds: a socket's, as the kernel gives no other.
pub(super) fn endpoint(sockaddr: &[u8]) -> Option<TipcEndpoint> {
    let number = |at: usize| sockaddr.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    (sockaddr.get(2) == Some(&ADDR_ID)).then_some(())?;
    Some(TipcEndpoint::Socket { node: TipcNode(number(8)?), reference: number(4)? })
}

const SOCKADDR_BYTES: usize = 16;

/// TIPC_ADDR_NAMESEQ, TIPC_ADDR_NAME, TIPC_ADDR_ID and TIPC_CLUSTER_SCOPE.
const ADDR_NAMESEQ: u8 = 1;
const ADDR_NAME: u8 = 2;
const ADDR_ID: u8 = 3;
const CLUSTER_SCOPE: u8 = 2;
