//! The connecting end's half of an upgrade: the request, and the check of the answer
//! (RFC 6455 §4.1).

use super::Upgraded;
use super::fault::UpgradeFault;
use super::head::Head;
use super::key::{self, NONCE_BYTES};
use super::protocol::WsProtocols;
use crate::endpoint::{Host, Port, WsEndpoint};
use crate::entropy::{Entropy, EntropyError};

/// An upgrade that we asked for. One thread owns it.
#[derive(Debug)]
pub struct ClientUpgrade {
    protocols: WsProtocols,
    accept: String,
    head: Head,
}

impl ClientUpgrade {
    /// Begins an upgrade; the second value is the request to write.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when there are no random octets for the key.
    pub fn new(
        endpoint: &WsEndpoint,
        protocols: WsProtocols,
        entropy: Entropy,
    ) -> Result<(ClientUpgrade, Vec<u8>), EntropyError> {
        // RFC 6455 §4.1: the nonce MUST be selected randomly for each connection.
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce)?;
        let key = key::key(nonce);
        let names: Vec<_> = protocols.list().iter().map(|protocol| protocol.name()).collect();
        // RFC 45 §Handshake: host and path MUST be those that connect was given, and at least one
        // sub-protocol.
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {}\r\n\
             Sec-WebSocket-Version: 13\r\n\r\n",
            endpoint.path,
            host_field(endpoint),
            names.join(","),
        );
        let accept = key::accept(key.as_bytes());
        let upgrade = ClientUpgrade { protocols, accept, head: Head::default() };
        Ok((upgrade, request.into_bytes()))
    }

    /// Takes octets of the answer, in pieces of any size.
    ///
    /// # Errors
    ///
    /// [`UpgradeFault`]: the connection has to be closed.
    pub fn receive(&mut self, octets: &[u8]) -> Result<Upgraded, UpgradeFault> {
        let (consumed, complete) = self.head.push(octets)?;
        if !complete {
            return Ok(Upgraded::NeedMore);
        }
        let (line, fields) = self.head.parse()?;
        match status(line).ok_or(UpgradeFault::StatusLine)? {
            101 => {}
            status => return Err(UpgradeFault::Status(status)),
        }
        // RFC 6455 §4.1: what MUST fail the connection, in the order in which it lists it.
        fields.demand("Upgrade", "websocket")?;
        fields.demand("Connection", "Upgrade")?;
        if fields.one("Sec-WebSocket-Accept")? != self.accept.as_bytes() {
            return Err(UpgradeFault::AcceptKey);
        }
        fields.forbid("Sec-WebSocket-Extensions")?;
        // RFC 45 §Handshake: the server must choose one of the client's.
        let chosen = fields.one("Sec-WebSocket-Protocol").map_err(|_| UpgradeFault::Protocol)?;
        let protocol = self.protocols.find(chosen).ok_or(UpgradeFault::Protocol)?;
        Ok(Upgraded::Done { consumed, protocol })
    }
}

// RFC 9110 §7.2: host and, unless it is the scheme's, port. RFC 6874 §1: a zone means something
// only on this machine, so it is left out.
fn host_field(endpoint: &WsEndpoint) -> String {
    let host = match &endpoint.host {
        Host::V6 { addr, .. } => format!("[{addr}]"),
        host => host.to_string(),
    };
    match endpoint.port {
        Port::Number(80) if !endpoint.tls => host,
        Port::Number(443) if endpoint.tls => host,
        port => format!("{host}:{port}"),
    }
}

// RFC 9112 §4: status-line = HTTP-version SP status-code SP [ reason-phrase ].
fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.1 ")?;
    let (code, reason) = rest.split_at_checked(3)?;
    if !code.iter().all(u8::is_ascii_digit) || !(reason.is_empty() || reason[0] == b' ') {
        return None;
    }
    std::str::from_utf8(code).ok()?.parse().ok()
}
