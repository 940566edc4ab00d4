//! The grammar of endpoints: `tcp://host:port`, `ipc://path`, `inproc://name` and the like.
//!
//! Parsing and printing only: nothing here resolves a name, lists interfaces or opens a file.
//! Plain values that any thread may use.
//!
//! ```text
//! endpoint = "tcp://" [ host ":" port ";" ] host ":" port
//!          | "ipc://" ( path | "*" | "@" name )
//!          | "inproc://" name
//!          | ( "ws" | "wss" ) "://" host ":" port [ "/" path ]
//!          | "tipc://" TIPC address
//!          | "udp://" [ host ";" ] host ":" port
//!          | "vsock://" ( "*" | "@" | context id ) ":" port
//! host     = "*" | IPv4 | "[" IPv4 "]" | "[" IPv6 [ "%" scope ] "]"
//!          | name of a host or an interface
//! port     = "*" | 0 to 65535, where 0 means the same as "*"
//! ```
//!
//! An IPv6 address is read without brackets too, because everything before the last colon is the
//! host; it is always printed with them.

mod tipc;
mod udp;
mod vsock;
mod ws;

use core::net::{Ipv4Addr, Ipv6Addr};
use std::fmt;
use std::str::FromStr;

use crate::limits::{
    HOST_NAME_BYTES_MAX, INPROC_NAME_BYTES_MAX, IPC_PATH_BYTES_MAX, SCOPE_BYTES_MAX,
};

pub use tipc::{TipcEndpoint, TipcNode};
pub use udp::UdpEndpoint;
pub use vsock::{VsockCid, VsockEndpoint};
pub use ws::WsEndpoint;

/// Where a socket binds or connects.
///
/// ```
/// use oxmq_zmtp::{Endpoint, EndpointError, Host, Port};
///
/// let endpoint: Endpoint = "tcp://127.0.0.1:*".parse().unwrap();
/// let Endpoint::Tcp(tcp) = &endpoint else { unreachable!() };
/// assert_eq!(tcp.host, Host::V4([127, 0, 0, 1].into()));
/// assert_eq!(tcp.port, Port::Wildcard);
/// assert_eq!(endpoint.to_string(), "tcp://127.0.0.1:*");
/// assert_eq!("5555".parse::<Endpoint>(), Err(EndpointError::NoTransport));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A TCP address.
    Tcp(TcpEndpoint),
    /// A UNIX domain socket.
    Ipc(IpcEndpoint),
    /// A name within one context, 1 to 256 bytes.
    Inproc(String),
    /// A WebSocket, with or without TLS.
    Ws(WsEndpoint),
    /// A TIPC name or port.
    Tipc(TipcEndpoint),
    /// An address between a virtual machine and its host.
    Vsock(VsockEndpoint),
    /// A UDP address, of one host or of a multicast group.
    Udp(UdpEndpoint),
}

/// A TCP address, with the address to connect from if one is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TcpEndpoint {
    /// The local address of a connect (`tcp://source;destination`). Meaningless for a bind.
    pub source: Option<HostPort>,
    /// The host or interface.
    pub host: Host,
    /// The port. A connect needs a number.
    pub port: Port,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// The host or interface.
    pub host: Host,
    /// The port.
    pub port: Port,
}

/// The host part of a TCP address, not resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// `*`: every interface. Only for a bind.
    Wildcard,
    /// The name of a host or of a network interface, at most 255 bytes.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6 {
        /// The address.
        addr: Ipv6Addr,
        /// The interface name or number behind `%`, at most 63 bytes.
        scope: Option<String>,
    },
}

/// The port part of a TCP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    /// This port; never 0.
    Number(u16),
    /// `*` or `0`: any free port. Only for a bind or a source address.
    Wildcard,
}

/// A UNIX domain socket address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IpcEndpoint {
    /// A path in the file system, at most 107 bytes.
    Path(String),
    /// `*`: a new path in the temporary directory. Only for a bind.
    Wildcard,
    /// A Linux abstract name, without its `@`, at most 106 bytes.
    Abstract(String),
}

/// Why a string is not an endpoint; the caller is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointError {
    /// There is no `transport://` in front, or nothing before or behind it. `EINVAL`.
    NoTransport,
    /// The transport is not one that [`Endpoint`] has. `EPROTONOSUPPORT`.
    UnknownTransport,
    /// The address is not one of its transport. `EINVAL`.
    BadAddress(AddressFault),
    /// The name or path is too long. `ENAMETOOLONG`.
    NameTooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The longest permitted, in bytes.
        bytes_max: usize,
    },
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFault {
    /// A TCP address has no colon before its port.
    NoPort,
    /// A port is not `*` or a number from 0 to 65535.
    Port,
    /// A host is empty or has characters that no host or interface has.
    Host,
    /// Brackets do not hold an IPv6 address.
    Ipv6,
    /// An IPv6 scope is empty, too long or has characters that no interface has.
    Scope,
    /// An abstract ipc name is empty.
    EmptyName,
    /// A path or name holds a NUL.
    Nul,
    /// A path of ws or wss holds something other than visible ASCII, or a `#`.
    Path,
    /// Not one of the forms of a TIPC address.
    Tipc,
    /// A vsock context id is not `*`, `@` or a number of 32 bits.
    Cid,
}

impl Endpoint {
    /// Reads an endpoint; the same as its [`FromStr`].
    ///
    /// # Errors
    ///
    /// [`EndpointError`], whose variants say which errno the C API gives.
    pub fn parse(text: &str) -> Result<Endpoint, EndpointError> {
        let (transport, address) = text.split_once("://").ok_or(EndpointError::NoTransport)?;
        if transport.is_empty() || address.is_empty() {
            return Err(EndpointError::NoTransport);
        }
        match transport {
            "tcp" => tcp(address).map(Endpoint::Tcp).map_err(EndpointError::BadAddress),
            "ipc" => ipc(address).map(Endpoint::Ipc),
            "inproc" => inproc(address).map(Endpoint::Inproc),
            "ws" => WsEndpoint::parse(address, false).map(Endpoint::Ws),
            "wss" => WsEndpoint::parse(address, true).map(Endpoint::Ws),
            "udp" => {
                UdpEndpoint::parse(address).map(Endpoint::Udp).map_err(EndpointError::BadAddress)
            }
            "tipc" => {
                TipcEndpoint::parse(address).map(Endpoint::Tipc).map_err(EndpointError::BadAddress)
            }
            "vsock" => VsockEndpoint::parse(address)
                .map(Endpoint::Vsock)
                .map_err(EndpointError::BadAddress),
            _ => Err(EndpointError::UnknownTransport),
        }
    }

    /// The transport's name, such as `tcp`.
    pub const fn transport(&self) -> &'static str {
        match self {
            Endpoint::Tcp(_) => "tcp",
            Endpoint::Ipc(_) => "ipc",
            Endpoint::Inproc(_) => "inproc",
            Endpoint::Ws(ws) => ws.transport(),
            Endpoint::Tipc(_) => "tipc",
            Endpoint::Vsock(_) => "vsock",
            Endpoint::Udp(_) => "udp",
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::parse(text)
    }
}

impl TcpEndpoint {
    /// The host and port, without the source address.
    pub fn destination(&self) -> HostPort {
        HostPort { host: self.host.clone(), port: self.port }
    }
}

fn tcp(address: &str) -> Result<TcpEndpoint, AddressFault> {
    let (source, destination) = match address.split_once(';') {
        Some((source, destination)) => (Some(host_port(source)?), destination),
        None => (None, address),
    };
    let HostPort { host, port } = host_port(destination)?;
    Ok(TcpEndpoint { source, host, port })
}

fn host_port(address: &str) -> Result<HostPort, AddressFault> {
    let (host, port) = address.rsplit_once(':').ok_or(AddressFault::NoPort)?;
    Ok(HostPort { host: self::host(host)?, port: self::port(port)? })
}

fn port(text: &str) -> Result<Port, AddressFault> {
    if text == "*" {
        return Ok(Port::Wildcard);
    }
    // The integer parser takes a sign; an endpoint does not.
    if !text.bytes().all(|c| c.is_ascii_digit()) {
        return Err(AddressFault::Port);
    }
    match text.parse::<u16>() {
        Ok(0) => Ok(Port::Wildcard),
        Ok(number) => Ok(Port::Number(number)),
        Err(_) => Err(AddressFault::Port),
    }
}

fn host(text: &str) -> Result<Host, AddressFault> {
    if text == "*" {
        return Ok(Host::Wildcard);
    }
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(AddressFault::Ipv6)?;
        // libzmq takes brackets around either form of address.
        return inner.parse().map(Host::V4).or_else(|_| ipv6(inner));
    }
    if let Ok(addr) = text.parse::<Ipv4Addr>() {
        return Ok(Host::V4(addr));
    }
    if text.contains(':')
        && let Ok(host) = ipv6(text)
    {
        return Ok(host);
    }
    // RFC 1123 §2.1: a name begins with a letter or a digit.
    let bad = text.is_empty() || text.starts_with('-') || text.len() > HOST_NAME_BYTES_MAX;
    if bad || !text.chars().all(is_name_char) {
        return Err(AddressFault::Host);
    }
    Ok(Host::Name(text.to_owned()))
}

fn ipv6(text: &str) -> Result<Host, AddressFault> {
    let (addr, scope) = match text.split_once('%') {
        Some((addr, scope)) => (addr, Some(scope)),
        None => (text, None),
    };
    let addr = addr.parse::<Ipv6Addr>().map_err(|_| AddressFault::Ipv6)?;
    let scope_fits = |scope: &str| {
        !scope.is_empty() && scope.len() <= SCOPE_BYTES_MAX && scope.chars().all(is_name_char)
    };
    match scope {
        Some(scope) if !scope_fits(scope) => Err(AddressFault::Scope),
        _ => Ok(Host::V6 { addr, scope: scope.map(str::to_owned) }),
    }
}

/// Whether a host or interface name may hold `c`. Linux lets an interface have nearly any name
/// (with `:` for an alias), so this excludes only what cannot be one or would read differently.
fn is_name_char(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | '[' | ']' | ';' | '*' | '%')
}

fn ipc(address: &str) -> Result<IpcEndpoint, EndpointError> {
    if address.len() > IPC_PATH_BYTES_MAX {
        let bytes = address.len();
        return Err(EndpointError::NameTooLong { bytes, bytes_max: IPC_PATH_BYTES_MAX });
    }
    if address.contains('\0') {
        return Err(EndpointError::BadAddress(AddressFault::Nul));
    }
    match address.strip_prefix('@') {
        Some("") => Err(EndpointError::BadAddress(AddressFault::EmptyName)),
        Some(name) => Ok(IpcEndpoint::Abstract(name.to_owned())),
        None if address == "*" => Ok(IpcEndpoint::Wildcard),
        None => Ok(IpcEndpoint::Path(address.to_owned())),
    }
}

fn inproc(name: &str) -> Result<String, EndpointError> {
    if name.len() > INPROC_NAME_BYTES_MAX {
        let bytes = name.len();
        return Err(EndpointError::NameTooLong { bytes, bytes_max: INPROC_NAME_BYTES_MAX });
    }
    if name.contains('\0') {
        return Err(EndpointError::BadAddress(AddressFault::Nul));
    }
    Ok(name.to_owned())
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(tcp) => tcp.fmt(f),
            Endpoint::Ipc(ipc) => ipc.fmt(f),
            Endpoint::Inproc(name) => write!(f, "inproc://{name}"),
            Endpoint::Udp(udp) => udp.fmt(f),
            Endpoint::Ws(ws) => ws.fmt(f),
            Endpoint::Tipc(tipc) => tipc.fmt(f),
            Endpoint::Vsock(vsock) => vsock.fmt(f),
        }
    }
}

impl fmt::Display for TcpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tcp://")?;
        if let Some(source) = &self.source {
            write!(f, "{source};")?;
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Wildcard => f.write_str("*"),
            Host::Name(name) => f.write_str(name),
            Host::V4(addr) => addr.fmt(f),
            Host::V6 { addr, scope: None } => write!(f, "[{addr}]"),
            Host::V6 { addr, scope: Some(scope) } => write!(f, "[{addr}%{scope}]"),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Port::Number(number) => number.fmt(f),
            Port::Wildcard => f.write_str("*"),
        }
    }
}

impl fmt::Display for IpcEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IpcEndpoint::Path(path) => write!(f, "ipc://{path}"),
            IpcEndpoint::Wildcard => f.write_str("ipc://*"),
            IpcEndpoint::Abstract(name) => write!(f, "ipc://@{name}"),
        }
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndpointError::NoTransport => f.write_str("not of the form transport://address"),
            EndpointError::UnknownTransport => f.write_str("unknown transport"),
            EndpointError::BadAddress(fault) => write!(f, "bad address: {fault}"),
            EndpointError::NameTooLong { bytes, bytes_max } => {
                write!(f, "name of {bytes} bytes, at most {bytes_max} permitted")
            }
        }
    }
}

impl std::error::Error for EndpointError {}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressFault::NoPort => "no port",
            AddressFault::Port => "port is not * or 0 to 65535",
            AddressFault::Host => "not the name of a host or interface",
            AddressFault::Ipv6 => "not an IPv6 address",
            AddressFault::Scope => "not an IPv6 scope",
            AddressFault::EmptyName => "empty abstract name",
            AddressFault::Nul => "NUL in the name",
            AddressFault::Path => "path holds something other than visible ASCII",
            AddressFault::Tipc => "not a TIPC address",
            AddressFault::Cid => "context id is not *, @ or a number",
        })
    }
}

#[cfg(test)]
mod tests;
