//! How addresses are written: in endpoints and as a peer's address.
//!
//! Pure formatting and conversion; the only system call looks up an interface's name for a
//! link-local scope.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use oxmq_zmtp::{TipcEndpoint, VsockEndpoint};
use rustix::net::{SocketAddrAny, SocketAddrUnix, getpeername, getsockname};

use super::stream::Kind;
use super::{interface, os_error, tipc, vsock};
use crate::sys;

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(SocketAddr),
    /// What follows `ipc://`; empty for an end without a name, as connecting ends are.
    Ipc(Box<str>),
    Tipc(TipcEndpoint),
    Vsock(VsockEndpoint),
}

impl Address {
    /// The address of a socket's own end, or with `peer` of the other.
    pub(super) fn of_socket(fd: impl AsFd, peer: bool) -> io::Result<Self> {
        let octets = sys::address_of(fd.as_fd(), peer)?;
        let of_family = match sys::family_of(&octets) {
            Some(libc::AF_VSOCK) => vsock::endpoint(&octets).map(Self::Vsock),
            Some(libc::AF_TIPC) => tipc::endpoint(&octets).map(Self::Tipc),
            _ if peer => getpeername(fd)?.and_then(Self::of),
            _ => Self::of(getsockname(fd)?),
        };
        of_family.ok_or_else(|| os_error(libc::EAFNOSUPPORT))
    }

    /// What runs over a socket with such an address.
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Tcp(_) => Kind::Tcp,
            Self::Ipc(_) => Kind::Ipc,
            Self::Tipc(_) => Kind::Tipc,
            Self::Vsock(_) => Kind::Vsock,
        }
    }

    /// `None` for a family that is neither tcp's nor ipc's.
    pub(super) fn of(any: SocketAddrAny) -> Option<Self> {
        if let Ok(ip) = SocketAddr::try_from(any.clone()) {
            return Some(Self::Tcp(ip));
        }
        SocketAddrUnix::try_from(any).ok().map(|unix| Self::Ipc(unix_name(&unix)))
    }
}

impl Address {
    /// The endpoint; `scheme` is what one of tcp begins with.
    pub(super) fn endpoint(&self, scheme: &str) -> String {
        let text = self.to_string();
        match text.strip_prefix("tcp") {
            Some(rest) => format!("{scheme}{rest}"),
            None => text,
        }
    }
}

impl fmt::Display for Address {
    /// The endpoint: `tcp://127.0.0.1:5555`, `tcp://[::1]:5555`, `ipc:///path`, `ipc://@name`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipc(name) => write!(f, "ipc://{name}"),
            Self::Tipc(tipc) => tipc.fmt(f),
            Self::Vsock(vsock) => vsock.fmt(f),
            Self::Tcp(SocketAddr::V4(address)) => write!(f, "tcp://{address}"),
            Self::Tcp(SocketAddr::V6(address)) => {
                write!(f, "tcp://[{}]:{}", ip_text(&SocketAddr::V6(*address)), address.port())
            }
        }
    }
}

/// The address without its port, with the interface of a link-local one.
pub(super) fn ip_text(address: &SocketAddr) -> String {
    match (address.ip(), address) {
        (IpAddr::V6(ip), SocketAddr::V6(scoped)) if scoped.scope_id() != 0 => {
            format!("{ip}%{}", interface::scope_text(scoped.scope_id()))
        }
        (ip, _) => ip.to_string(),
    }
}

/// What follows `ipc://`: the path, `@` and the abstract name, or nothing. Bytes that are not UTF-8
/// are replaced.
pub(super) fn unix_name(address: &SocketAddrUnix) -> Box<str> {
    // rustix reads an unnamed socket's address as an empty abstract name, and leaves the closing
    // NUL on a path of the full length.
    match (address.abstract_name(), address.path_bytes()) {
        (Some(name @ [_, ..]), _) => format!("@{}", String::from_utf8_lossy(name)).into(),
        (_, Some(path)) => {
            let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
            String::from_utf8_lossy(&path[..end]).into()
        }
        _ => Box::default(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_written_as_they_are_read() {
        let tcp = |text: &str| Address::Tcp(text.parse().unwrap()).to_string();
        assert_eq!(tcp("0.0.0.0:5555"), "tcp://0.0.0.0:5555");
        assert_eq!(tcp("[::]:5555"), "tcp://[::]:5555");
        assert_eq!(tcp("[::ffff:127.0.0.1]:1"), "tcp://[::ffff:127.0.0.1]:1");
        let ipc = |address: &SocketAddrUnix| Address::Ipc(unix_name(address)).to_string();
        assert_eq!(ipc(&SocketAddrUnix::new("/tmp/feed").unwrap()), "ipc:///tmp/feed");
        assert_eq!(ipc(&SocketAddrUnix::new_abstract_name(b"feed").unwrap()), "ipc://@feed");
        assert_eq!(ipc(&SocketAddrUnix::new_unnamed()), "ipc://");
    }

    #[test]
    fn a_scope_is_written_with_the_name_of_its_interface_or_its_number() {
        let lo = interface::scope_id("lo").unwrap();
        let scoped = |id| Address::Tcp(format!("[fe80::1%{id}]:9").parse().unwrap()).to_string();
        assert_eq!(scoped(lo), "tcp://[fe80::1%lo]:9");
        assert_eq!(scoped(u32::MAX), format!("tcp://[fe80::1%{}]:9", u32::MAX));
    }
}
