//! Endpoints of ws and wss: a host, a port and the path of the HTTP request that opens the
//! connection. Parsing and printing only.

use std::fmt;

use super::{AddressFault, EndpointError, Host, HostPort, Port, host_port};
use crate::limits::WS_PATH_BYTES_MAX;

/// A WebSocket address: `ws://host:port/path`, or `wss://` for the same within TLS. RFC 45.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WsEndpoint {
    /// The connection runs within TLS (`wss`).
    pub tls: bool,
    /// The host or interface.
    pub host: Host,
    /// The port. A connect needs a number.
    pub port: Port,
    /// The path and query of the request, in the octets of the request line; begins with `/`, at
    /// most 1024 bytes. `/` when the endpoint has none.
    pub path: String,
}

impl WsEndpoint {
    pub(super) fn parse(address: &str, tls: bool) -> Result<Self, EndpointError> {
        let (authority, path) = match address.find('/') {
            Some(at) => address.split_at(at),
            None => (address, "/"),
        };
        if path.len() > WS_PATH_BYTES_MAX {
            let bytes = path.len();
            return Err(EndpointError::NameTooLong { bytes, bytes_max: WS_PATH_BYTES_MAX });
        }
        // RFC 6455 §3: the resource name is a path and a query, and a fragment MUST NOT be used.
        // RFC 3986 §2: nothing but visible ASCII stands in a URI.
        if !path.bytes().all(|c| c.is_ascii_graphic() && c != b'#') {
            return Err(EndpointError::BadAddress(AddressFault::Path));
        }
        let HostPort { host, port } = host_port(authority).map_err(EndpointError::BadAddress)?;
        Ok(Self { tls, host, port, path: path.to_owned() })
    }

    /// `ws` or `wss`.
    pub const fn transport(&self) -> &'static str {
        if self.tls { "wss" } else { "ws" }
    }
}

impl fmt::Display for WsEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}{}", self.transport(), self.host, self.port, self.path)
    }
}
