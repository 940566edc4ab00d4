//! Endpoints of TIPC, the cluster protocol of the Linux kernel. Parsing and printing only.
//!
//! ```text
//! address  = "{" type "," lower "," upper "}"          a range of instances, for a bind
//!          | "{" type "," instance "}" [ "@" node ]     one instance
//!          | "<*>"                                      any free port, for a bind
//!          | "<" node ":" reference ">"                 one socket, for a connect
//! node     = zone "." cluster "." number                8, 12 and 12 bits
//! ```
//!
//! The other numbers have 32 bits. Spaces may stand after a comma.

use std::fmt;

use super::AddressFault;

/// A TIPC address. `zmq_tipc(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TipcEndpoint {
    /// `{type, lower, upper}`: the instances of a service that a bind serves. Only for a bind.
    Range {
        /// The service type.
        service: u32,
        /// The first instance.
        lower: u32,
        /// The last instance, at least `lower`.
        upper: u32,
    },
    /// `{type, instance}`: one instance of a service.
    Service {
        /// The service type.
        service: u32,
        /// The instance.
        instance: u32,
        /// Where to look for it first; `None` for the whole cluster.
        domain: Option<TipcNode>,
    },
    /// `<*>`: any free port of this node. Only for a bind.
    Wildcard,
    /// `<z.c.n:ref>`: the socket with this reference on this node. Only for a connect.
    Socket {
        /// The node.
        node: TipcNode,
        /// The port reference of the socket.
        reference: u32,
    },
}

/// A TIPC node or domain: zone (8 bits), cluster (12 bits) and node (12 bits) in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TipcNode(pub u32);

impl TipcEndpoint {
    pub(super) fn parse(address: &str) -> Result<Self, AddressFault> {
        match address.strip_prefix('<') {
            Some(rest) => port_identity(rest.strip_suffix('>').ok_or(AddressFault::Tipc)?),
            None => service(address.strip_prefix('{').ok_or(AddressFault::Tipc)?),
        }
    }
}

fn port_identity(text: &str) -> Result<TipcEndpoint, AddressFault> {
    if text == "*" {
        return Ok(TipcEndpoint::Wildcard);
    }
    let (node, reference) = text.split_once(':').ok_or(AddressFault::Tipc)?;
    Ok(TipcEndpoint::Socket { node: self::node(node)?, reference: number(reference)? })
}

fn service(text: &str) -> Result<TipcEndpoint, AddressFault> {
    let (inner, domain) = text.split_once('}').ok_or(AddressFault::Tipc)?;
    let domain = match domain {
        "" => None,
        domain => Some(node(domain.strip_prefix('@').ok_or(AddressFault::Tipc)?)?),
    };
    let mut numbers = inner.split(',').map(|text| number(text.trim_matches(' ')));
    let mut next = || numbers.next().transpose();
    let (Some(service), Some(first)) = (next()?, next()?) else { return Err(AddressFault::Tipc) };
    match (next()?, next()?, domain) {
        (None, None, domain) => Ok(TipcEndpoint::Service { service, instance: first, domain }),
        (Some(upper), None, None) if first <= upper => {
            Ok(TipcEndpoint::Range { service, lower: first, upper })
        }
        _ => Err(AddressFault::Tipc),
    }
}

fn node(text: &str) -> Result<TipcNode, AddressFault> {
    let mut parts = text.split('.').map(number);
    let mut next = || parts.next().unwrap_or(Err(AddressFault::Tipc));
    let (zone, cluster, node) = (next()?, next()?, next()?);
    if parts.next().is_some() || zone > 0xff || cluster > 0xfff || node > 0xfff {
        return Err(AddressFault::Tipc);
    }
    Ok(TipcNode(zone << 24 | cluster << 12 | node))
}

fn number(text: &str) -> Result<u32, AddressFault> {
    // The integer parser takes a sign; an endpoint does not.
    if !text.bytes().all(|c| c.is_ascii_digit()) {
        return Err(AddressFault::Tipc);
    }
    text.parse().map_err(|_| AddressFault::Tipc)
}

impl fmt::Display for TipcEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tipc://")?;
        match self {
            Self::Range { service, lower, upper } => write!(f, "{{{service}, {lower}, {upper}}}"),
            Self::Service { service, instance, domain: None } => {
                write!(f, "{{{service}, {instance}}}")
            }
            Self::Service { service, instance, domain: Some(domain) } => {
                write!(f, "{{{service}, {instance}}}@{domain}")
            }
            Self::Wildcard => f.write_str("<*>"),
            Self::Socket { node, reference } => write!(f, "<{node}:{reference}>"),
        }
    }
}

impl fmt::Display for TipcNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0 >> 24, self.0 >> 12 & 0xfff, self.0 & 0xfff)
    }
}
