//! What ws and wss add to a tcp connection, as far as the transport is concerned: their endpoints.
//! The upgrade and the frames belong to the `zmtp` crate.

use oxmq_zmtp::{TcpEndpoint, WsEndpoint};

/// How the connections of a ws or wss endpoint go on.
#[derive(Clone, Debug)]
pub(super) struct Web {
    tls: bool,
    path: Box<str>,
}

impl Web {
    pub(super) fn new(endpoint: &WsEndpoint) -> Self {
        Self { tls: endpoint.tls, path: endpoint.path.as_str().into() }
    }

    /// `ws` or `wss`.
    pub(super) const fn scheme(&self) -> &'static str {
        if self.tls { "wss" } else { "ws" }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

/// Where a ws or wss endpoint listens or connects.
pub(super) fn tcp(endpoint: &WsEndpoint) -> TcpEndpoint {
    TcpEndpoint { source: None, host: endpoint.host.clone(), port: endpoint.port }
}
