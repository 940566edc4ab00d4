//! udp sockets: opening, binding, and the groups of multicast. `zmq_udp(7)`, `ip(7)`, `ipv6(7)`.
//!
//! Functions that make a non-blocking socket; whoever holds it sends and receives. A host name is
//! looked up at once, which blocks.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::OwnedFd;

use oxmq_zmtp::{Host, Port, UdpEndpoint};
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with, sockopt};

use super::options::TransportOptions;
use super::{interface, os_error, resolve, tcp};
use crate::options::MulticastOptions;
use crate::sys;

/// Most hops that the kernel takes.
const HOPS_MAX: u32 = 255;

/// The interface that multicast goes through; all zero leaves it to the system.
#[derive(Clone, Copy)]
struct Via {
    address: Ipv4Addr,
    index: u32,
}

/// A socket that receives at an endpoint, and the endpoint with its port resolved.
///
/// # Errors
/// ENODEV for a name that is no interface or host; what the kernel says, such as EADDRINUSE.
pub(crate) fn bind(
    endpoint: &UdpEndpoint,
    options: &TransportOptions,
    multicast: &MulticastOptions,
) -> io::Result<(UdpSocket, String)> {
    if endpoint.is_multicast() {
        return bind_group(endpoint, options, multicast);
    }
    if endpoint.interface.is_some() {
        // Only a group is joined on an interface.
        return Err(os_error(libc::EINVAL));
    }
    let addresses =
        resolve::local_addresses(&endpoint.host, endpoint.port, options.ipv6, &resolve::look_up)?;
    let mut failed = os_error(libc::ENODEV);
    for address in addresses {
        match open(&address, options).and_then(|fd| Ok((rustix::net::bind(&fd, &address)?, fd))) {
            Ok(((), fd)) => {
                let socket = UdpSocket::from(fd);
                let local = socket.local_addr()?;
                return Ok((socket, format!("udp://{local}")));
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// A socket that sends to an endpoint, and the address to send to.
///
/// # Errors
/// EINVAL for a wildcard, for a host without addresses and for IPv6 while it is off; ENODEV for an
/// unknown interface.
pub(crate) fn connect(
    endpoint: &UdpEndpoint,
    options: &TransportOptions,
    multicast: &MulticastOptions,
) -> io::Result<(UdpSocket, SocketAddr)> {
    let Port::Number(port) = endpoint.port else { return Err(os_error(libc::EINVAL)) };
    let found = match &endpoint.host {
        Host::Wildcard => return Err(os_error(libc::EINVAL)),
        Host::Name(name) => {
            resolve::host_addresses(name, port, options.ipv6, libc::EINVAL, &resolve::look_up)?
        }
        host => resolve::local_addresses(host, endpoint.port, options.ipv6, &resolve::look_up)?,
    };
    let mut to = *found.first().ok_or_else(|| os_error(libc::EINVAL))?;
    let fd = open(&to, options)?;
    if endpoint.is_multicast() {
        let via = via(endpoint.interface.as_ref())?;
        set_sender(&fd, &mut to, via, multicast)?;
    } else if let Some(interface) = &endpoint.interface {
        let local =
            resolve::local_addresses(interface, Port::Wildcard, options.ipv6, &resolve::look_up)?;
        let same_family = local.iter().find(|from| from.is_ipv4() == to.is_ipv4());
        let from = same_family.ok_or_else(|| os_error(libc::EADDRNOTAVAIL))?;
        rustix::net::bind(&fd, from)?;
    }
    Ok((UdpSocket::from(fd), to))
}

/// Joins a group and receives what is sent to it, and nothing else that comes to the port.
fn bind_group(
    endpoint: &UdpEndpoint,
    options: &TransportOptions,
    multicast: &MulticastOptions,
) -> io::Result<(UdpSocket, String)> {
    let port = match endpoint.port {
        Port::Number(port) => port,
        Port::Wildcard => 0,
    };
    let via = via(endpoint.interface.as_ref())?;
    let found =
        resolve::local_addresses(&endpoint.host, endpoint.port, options.ipv6, &resolve::look_up)?;
    let group = found.first().ok_or_else(|| os_error(libc::EINVAL))?;
    let mut address = *group;
    address.set_port(port);
    let fd = open(&address, options)?;
    // Several members of one group may be on one machine.
    sockopt::set_socket_reuseaddr(&fd, true)?;
    if let SocketAddr::V6(v6) = &mut address
        && via.index != 0
    {
        v6.set_scope_id(via.index);
    }
    rustix::net::bind(&fd, &address)?;
    match &address {
        SocketAddr::V4(v4) => {
            sockopt::set_ip_add_membership_with_ifindex(&fd, v4.ip(), &via.address, via.index)?;
        }
        SocketAddr::V6(v6) => sockopt::set_ipv6_add_membership(&fd, v6.ip(), v6.scope_id())?,
    }
    let mut to = address;
    set_sender(&fd, &mut to, via, multicast)?;
    let socket = UdpSocket::from(fd);
    let local = socket.local_addr()?;
    let resolved = match &endpoint.interface {
        Some(interface) => format!("udp://{interface};{local}"),
        None => format!("udp://{local}"),
    };
    Ok((socket, resolved))
}

/// Applies what concerns datagrams that are sent to a group.
fn set_sender(
    fd: &OwnedFd,
    to: &mut SocketAddr,
    via: Via,
    options: &MulticastOptions,
) -> io::Result<()> {
    let hops = u32::try_from(options.hops).unwrap_or(1).min(HOPS_MAX);
    match to {
        SocketAddr::V4(v4) => {
            if via.index != 0 || !via.address.is_unspecified() {
                let group = *v4.ip();
                sockopt::set_ip_multicast_if_with_ifindex(fd, &group, &via.address, via.index)?;
            }
            sockopt::set_ip_multicast_ttl(fd, hops)?;
            sockopt::set_ip_multicast_loop(fd, options.loopback)?;
        }
        SocketAddr::V6(v6) => {
            if via.index != 0 {
                v6.set_scope_id(via.index);
                sockopt::set_ipv6_multicast_if(fd, via.index)?;
            }
            sockopt::set_ipv6_multicast_hops(fd, hops)?;
            sockopt::set_ipv6_multicast_loop(fd, options.loopback)?;
        }
    }
    Ok(())
}

/// Finds the interface that an endpoint names.
fn via(interface: Option<&Host>) -> io::Result<Via> {
    let any = Via { address: Ipv4Addr::UNSPECIFIED, index: 0 };
    match interface {
        None | Some(Host::Wildcard) => Ok(any),
        Some(Host::Name(name)) => Ok(Via { index: interface::scope_id(name)?, ..any }),
        Some(Host::V4(address)) => {
            Ok(Via { address: *address, index: interface::index_of(IpAddr::V4(*address))? })
        }
        Some(Host::V6 { addr, .. }) => {
            Ok(Via { index: interface::index_of(IpAddr::V6(*addr))?, ..any })
        }
    }
}

/// A non-blocking socket with the options of the IP layer.
fn open(address: &SocketAddr, options: &TransportOptions) -> io::Result<OwnedFd> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(family, SocketType::DGRAM, flags, Some(ipproto::UDP))?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&fd, false)?;
    }
    tcp::set_buffers(&fd, options)?;
    let tos = options.tos.to_le_bytes()[0];
    if tos != 0 {
        if address.is_ipv6() {
            sockopt::set_ipv6_tclass(&fd, tos.into())?;
        }
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

/// Where a datagram came from, or goes to, as text. A peer of IPv4 on a dual-stack socket has its
/// IPv4 address.
#[must_use]
pub(crate) fn address_text(address: SocketAddr) -> String {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::from((v4, v6.port())).to_string(),
            None => address.to_string(),
        },
        SocketAddr::V4(_) => address.to_string(),
    }
}

/// The address that a text names, in the form that a socket of this family takes. The text may end
/// with a zero, as C has it.
#[must_use]
pub(crate) fn parse_address(text: &[u8], ipv6: bool) -> Option<SocketAddr> {
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    let address: SocketAddr = str::from_utf8(text).ok()?.parse().ok()?;
    match (address, ipv6) {
        (SocketAddr::V4(v4), true) => {
            let mapped: Ipv6Addr = v4.ip().to_ipv6_mapped();
            Some(SocketAddrV6::new(mapped, v4.port(), 0, 0).into())
        }
        (SocketAddr::V6(_), false) => None,
        (address, _) => Some(address),
    }
}
