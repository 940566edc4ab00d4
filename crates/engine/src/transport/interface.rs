//! Network interfaces: the addresses of one that an endpoint names, and IPv6 scopes.
//!
//! Each call asks the kernel anew, as interfaces come and go. None of them waits for the network.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use rustix::net::netdevice::{index_to_name, name_to_index};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::os_error;

/// The addresses of an interface with this port, best first; empty when there is no interface of
/// that name. Without `ipv6` there are IPv4 addresses only.
pub(super) fn addresses(name: &str, port: u16, ipv6: bool) -> io::Result<Vec<SocketAddr>> {
    let mut found: Vec<SocketAddr> = if_addrs::get_if_addrs()?
        .into_iter()
        .filter(|interface| interface.name == name)
        .filter_map(|interface| match interface.ip() {
            IpAddr::V6(ip) if ipv6 => {
                let scope = if interface.is_link_local() { interface.index } else { None };
                Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope.unwrap_or(0))))
            }
            IpAddr::V6(_) => None,
            ip @ IpAddr::V4(_) => Some(SocketAddr::new(ip, port)),
        })
        .collect();
    found.sort_by_key(preference);
    Ok(found)
}

/// IPv6 before IPv4, as libzmq has it, but link-local addresses last: nearly every interface has
/// one and peers cannot use it without naming their own interface.
const fn preference(address: &SocketAddr) -> u8 {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() == 0 => 0,
        SocketAddr::V4(_) => 1,
        SocketAddr::V6(_) => 2,
    }
}

/// Whether an interface of this name has an address.
pub(super) fn exists(name: &str) -> bool {
    addresses(name, 0, true).is_ok_and(|found| !found.is_empty())
}

/// The number of the scope that follows `%` in an IPv6 address: an interface's name or its number.
pub(super) fn scope_id(scope: &str) -> io::Result<u32> {
    if let Ok(number) = scope.parse() {
        return Ok(number);
    }
    // The kernel's buffer holds 15 bytes; a longer name would be cut to another interface's.
    if scope.is_empty() || scope.len() > NAME_BYTES_MAX || scope.contains('\0') {
        return Err(os_error(libc::ENODEV));
    }
    Ok(name_to_index(any_socket()?, scope)?)
}

/// The number of the interface that has this address.
pub(super) fn index_of(address: IpAddr) -> io::Result<u32> {
    let found = if_addrs::get_if_addrs()?.into_iter().find(|found| found.ip() == address);
    found.and_then(|found| found.index).ok_or_else(|| os_error(libc::ENODEV))
}

/// The name of a scope's interface, or the number when there is none.
pub(super) fn scope_text(id: u32) -> String {
    any_socket()
        .and_then(|socket| Ok(index_to_name(socket, id)?))
        .unwrap_or_else(|_| id.to_string())
}

/// The kernel answers questions about interfaces on any socket.
fn any_socket() -> io::Result<std::os::fd::OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?)
}

/// The kernel's IFNAMSIZ less the closing NUL.
const NAME_BYTES_MAX: usize = 15;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_has_loopback_addresses_and_ipv6_comes_first() {
        let v4 = addresses("lo", 7, false).unwrap();
        assert_eq!(v4, ["127.0.0.1:7".parse().unwrap()]);
        let both = addresses("lo", 7, true).unwrap();
        assert!(both.iter().all(|address| address.ip().is_loopback() && address.port() == 7));
        assert!(both.contains(&v4[0]));
        assert!(both.is_sorted_by_key(SocketAddr::is_ipv4));
    }

    #[test]
    fn a_link_local_address_is_the_last_choice() {
        let mut found = ["[fe80::1%2]:7", "10.0.0.1:7", "[fd00::1]:7"]
            .map(|text| text.parse::<SocketAddr>().unwrap());
        found.sort_by_key(preference);
        assert_eq!(found.map(|address| preference(&address)), [0, 1, 2]);
        assert_eq!(found[0], "[fd00::1]:7".parse().unwrap());
        assert_eq!(found[1], "10.0.0.1:7".parse().unwrap());
    }

    #[test]
    fn an_unknown_interface_has_no_addresses() {
        assert!(addresses("no-such-dev0", 7, true).unwrap().is_empty());
        assert!(exists("lo") && !exists("no-such-dev0") && !exists(""));
    }

    #[test]
    fn a_scope_is_a_name_or_a_number() {
        let lo = scope_id("lo").unwrap();
        assert_eq!(scope_text(lo), "lo");
        assert_eq!(scope_id("42").unwrap(), 42);
        for unknown in ["no-such-dev0", "", "a-name-longer-than-any-interface", "l\0o"] {
            assert_eq!(scope_id(unknown).unwrap_err().raw_os_error(), Some(libc::ENODEV));
        }
    }
}
