//! From an endpoint to the addresses it stands for.
//!
//! Literal addresses, interfaces and ipc names are found at once; a host name is looked up, which
//! blocks, so I/O threads leave it to the [`super::Resolver`]. Functions only, callable anywhere.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use oxmq_zmtp::{Endpoint, Host, HostPort, IpcEndpoint, Port, TcpEndpoint};

use super::connect::Target;
use super::web::{self, Web};
use super::{interface, ipc, os_error, tipc, vsock};

/// A host name that could not be resolved. It is the inner error of an `io::Error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveError {
    name: String,
    reason: String,
    errno: i32,
}

/// Looks a host name up: all its addresses, of both families, in the order to try them.
pub(super) type Lookup = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Whether [`resolve`] of this endpoint returns without a look-up that may block.
#[must_use]
pub fn is_immediate(endpoint: &Endpoint) -> bool {
    let tcp = match endpoint {
        Endpoint::Tcp(tcp) => tcp,
        Endpoint::Ws(ws) => return !matches!(ws.host, Host::Name(_)),
        _ => return true,
    };
    let source_is_host = match &tcp.source {
        Some(HostPort { host: Host::Name(name), .. }) => !interface::exists(name),
        _ => false,
    };
    !source_is_host && !matches!(tcp.host, Host::Name(_))
}

/// All addresses to try for a connect, in the order of the system's resolver. Blocks while a host
/// name is looked up.
///
/// Without `ipv6` only IPv4 addresses are given. An endpoint with a source gives only addresses of
/// a family that the source has.
///
/// # Errors
/// A [`ResolveError`] (EINVAL) for a host without addresses and for an IPv6 address while IPv6 is
/// off; ENODEV for a source or scope that is no interface or host; EADDRNOTAVAIL when the source
/// has no address of the destination's family; EINVAL for an endpoint that only a bind can use;
/// ENAMETOOLONG for an ipc name over 107 bytes.
pub fn resolve(endpoint: &Endpoint, ipv6: bool) -> io::Result<Vec<Target>> {
    resolve_with(endpoint, ipv6, &look_up)
}

pub(super) fn resolve_with(
    endpoint: &Endpoint,
    ipv6: bool,
    lookup: &Lookup,
) -> io::Result<Vec<Target>> {
    match endpoint {
        Endpoint::Tcp(tcp) => tcp_targets(tcp, ipv6, lookup),
        Endpoint::Ipc(IpcEndpoint::Path(path)) => Ok(vec![Target::ipc(ipc::path_address(path)?)]),
        Endpoint::Ipc(IpcEndpoint::Abstract(name)) => {
            Ok(vec![Target::ipc(ipc::abstract_address(name)?)])
        }
        Endpoint::Ipc(IpcEndpoint::Wildcard) | Endpoint::Inproc(_) => Err(os_error(libc::EINVAL)),
        Endpoint::Ws(ws) => {
            let web = Web::new(ws);
            let targets = tcp_targets(&web::tcp(ws), ipv6, lookup)?;
            Ok(targets.into_iter().map(|target| target.of_web(&web)).collect())
        }
        Endpoint::Tipc(tipc) => Ok(vec![Target::tipc(tipc::check(tipc)?)]),
        Endpoint::Vsock(vsock) => {
            vsock::check(vsock)?;
            Ok(vec![Target::vsock(*vsock)])
        }
        Endpoint::Udp(_) => Err(os_error(libc::EPROTONOSUPPORT)),
    }
}

/// The addresses a bind may use, best first. Blocks while a host name is looked up.
pub(super) fn bind_addresses(endpoint: &TcpEndpoint, ipv6: bool) -> io::Result<Vec<SocketAddr>> {
    if endpoint.source.is_some() {
        return Err(os_error(libc::EINVAL));
    }
    local_addresses(&endpoint.host, endpoint.port, ipv6, &look_up)
}

fn tcp_targets(endpoint: &TcpEndpoint, ipv6: bool, lookup: &Lookup) -> io::Result<Vec<Target>> {
    let Port::Number(port @ 1..) = endpoint.port else { return Err(os_error(libc::EINVAL)) };
    let destinations = match &endpoint.host {
        Host::Wildcard => return Err(os_error(libc::EINVAL)),
        Host::V4(ip) => vec![SocketAddr::from((*ip, port))],
        Host::V6 { .. } if !ipv6 => {
            return Err(ResolveError::io(&endpoint.host, IPV6_OFF, libc::EINVAL));
        }
        Host::V6 { addr, scope } => vec![scoped(*addr, port, scope.as_deref())?],
        Host::Name(name) => host_addresses(name, port, ipv6, libc::EINVAL, lookup)?,
    };
    let Some(HostPort { host, port }) = &endpoint.source else {
        return Ok(destinations.into_iter().map(|to| Target::tcp(to, None)).collect());
    };
    let sources = local_addresses(host, *port, ipv6, lookup)?;
    let targets: Vec<Target> = destinations
        .into_iter()
        .filter_map(|to| {
            let from = sources.iter().find(|from| from.is_ipv6() == to.is_ipv6())?;
            Some(Target::tcp(to, Some(*from)))
        })
        .collect();
    if targets.is_empty() { Err(os_error(libc::EADDRNOTAVAIL)) } else { Ok(targets) }
}

/// This machine's addresses of that name. An interface's name comes before a host's.
pub(super) fn local_addresses(
    host: &Host,
    port: Port,
    ipv6: bool,
    lookup: &Lookup,
) -> io::Result<Vec<SocketAddr>> {
    let port = match port {
        Port::Number(port) => port,
        Port::Wildcard => 0,
    };
    match host {
        Host::Wildcard => {
            let v6 = ipv6.then(|| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
            Ok(v6.into_iter().chain([(Ipv4Addr::UNSPECIFIED, port).into()]).collect())
        }
        Host::V4(ip) => Ok(vec![(*ip, port).into()]),
        Host::V6 { .. } if !ipv6 => Err(ResolveError::io(host, IPV6_OFF, libc::ENODEV)),
        Host::V6 { addr, scope } => Ok(vec![scoped(*addr, port, scope.as_deref())?]),
        Host::Name(name) => {
            let found = interface::addresses(name, port, ipv6)?;
            if found.is_empty() {
                host_addresses(name, port, ipv6, libc::ENODEV, lookup)
            } else {
                Ok(found)
            }
        }
    }
}

fn scoped(ip: Ipv6Addr, port: u16, scope: Option<&str>) -> io::Result<SocketAddr> {
    let scope_id = scope.map(interface::scope_id).transpose()?.unwrap_or(0);
    Ok(SocketAddrV6::new(ip, port, 0, scope_id).into())
}

/// A host's addresses, at most [`ADDRESSES_MAX`]; `errno` stands for "it has none".
pub(super) fn host_addresses(
    name: &str,
    port: u16,
    ipv6: bool,
    errno: i32,
    lookup: &Lookup,
) -> io::Result<Vec<SocketAddr>> {
    let failed = |reason: &str| ResolveError::io(&Host::Name(name.to_owned()), reason, errno);
    let found = lookup(name, port).map_err(|error| match error.raw_os_error() {
        // The look-up itself broke down, such as for want of descriptors. Not so EAGAIN, which the
        // system's resolver leaves where a name server is silent.
        Some(code) if code != libc::EAGAIN => error,
        _ => failed(&error.to_string()),
    })?;
    let usable: Vec<SocketAddr> =
        found.into_iter().filter(|address| ipv6 || address.is_ipv4()).take(ADDRESSES_MAX).collect();
    if usable.is_empty() { Err(failed("it has no address of a family in use")) } else { Ok(usable) }
}

/// The system's resolver: hosts file, DNS and whatever else it is set up with.
pub(super) fn look_up(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((name, port).to_socket_addrs()?.collect())
}

impl ResolveError {
    fn io(host: &Host, reason: &str, errno: i32) -> io::Error {
        let name = match host {
            Host::Name(name) => name.clone(),
            Host::V4(ip) => ip.to_string(),
            Host::V6 { addr, .. } => addr.to_string(),
            Host::Wildcard => "*".to_owned(),
        };
        let kind = io::Error::from_raw_os_error(errno).kind();
        io::Error::new(kind, Self { name, reason: reason.to_owned(), errno })
    }

    /// The number that monitor events and the C API report, as libzmq does: ENODEV for a bind or a
    /// source, EINVAL for a connect.
    #[must_use]
    pub const fn errno(&self) -> i32 {
        self.errno
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot resolve \"{}\": {}", self.name, self.reason)
    }
}

impl std::error::Error for ResolveError {}

const IPV6_OFF: &str = "IPv6 is off on this socket";

/// More addresses of one host than anyone waits for to be tried.
const ADDRESSES_MAX: usize = 64;
