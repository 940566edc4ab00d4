//! The listening end's half of an upgrade: the check of the request, and the answer
//! (RFC 6455 §4.2).

use super::Upgraded;
use super::fault::UpgradeFault;
use super::head::{Fields, Head};
use super::key;
use super::protocol::{WsProtocol, WsProtocols};

/// An upgrade that a peer asks for. One thread owns it.
#[derive(Debug)]
pub struct ServerUpgrade {
    protocols: WsProtocols,
    head: Head,
}

impl ServerUpgrade {
    /// Waits for a request for one of these sub-protocols.
    pub fn new(protocols: WsProtocols) -> ServerUpgrade {
        ServerUpgrade { protocols, head: Head::default() }
    }

    /// Takes octets of the request, in pieces of any size, and appends the answer to `out` once it
    /// is complete. The path is not compared: every path of a port leads to its socket.
    ///
    /// # Errors
    ///
    /// [`UpgradeFault`]: the connection has to be closed, after writing `out`.
    pub fn receive(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Result<Upgraded, UpgradeFault> {
        match self.read(octets) {
            Ok(None) => Ok(Upgraded::NeedMore),
            Ok(Some((consumed, protocol, accept))) => {
                let name = protocol.name();
                // RFC 6455 §4.2.2 (5).
                let answer = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                     Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
                     Sec-WebSocket-Protocol: {name}\r\n\r\n"
                );
                out.extend_from_slice(answer.as_bytes());
                Ok(Upgraded::Done { consumed, protocol })
            }
            Err(fault) => {
                out.extend_from_slice(refusal(fault).as_bytes());
                Err(fault)
            }
        }
    }

    fn read(&mut self, octets: &[u8]) -> Result<Option<(usize, WsProtocol, String)>, UpgradeFault> {
        let (consumed, complete) = self.head.push(octets)?;
        if !complete {
            return Ok(None);
        }
        let (line, fields) = self.head.parse()?;
        if !is_request_line(line) {
            return Err(UpgradeFault::RequestLine);
        }
        // RFC 6455 §4.2.1: what the request MUST have.
        if fields.one("Host")?.is_empty() {
            return Err(UpgradeFault::Value("Host"));
        }
        fields.demand("Upgrade", "websocket")?;
        fields.demand("Connection", "Upgrade")?;
        let key = fields.one("Sec-WebSocket-Key")?;
        if !key::is_key(key) {
            return Err(UpgradeFault::Value("Sec-WebSocket-Key"));
        }
        if fields.one("Sec-WebSocket-Version")? != b"13" {
            return Err(UpgradeFault::Version);
        }
        check_empty(&fields)?;
        // RFC 6455 §4.1: the client lists them by preference.
        let protocol = fields
            .elements("Sec-WebSocket-Protocol")
            .find_map(|name| self.protocols.find(name))
            .ok_or(UpgradeFault::Protocol)?;
        Ok(Some((consumed, protocol, key::accept(key))))
    }
}

// RFC 9112 §3: method SP request-target SP HTTP-version. RFC 6455 §4.2.1: a GET of HTTP/1.1 or
// higher, for a path or an absolute URI.
fn is_request_line(line: &[u8]) -> bool {
    let mut words = line.split(|c| *c == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let is_target = |target: &[u8]| {
        let starts_well = target.starts_with(b"/") || target.starts_with(b"http");
        starts_well && target.iter().all(u8::is_ascii_graphic)
    };
    method == Some(b"GET")
        && target.is_some_and(is_target)
        && version == Some(b"HTTP/1.1")
        && words.next().is_none()
}

/// A body would be read as WebSocket frames.
fn check_empty(fields: &Fields<'_>) -> Result<(), UpgradeFault> {
    fields.forbid("Transfer-Encoding")?;
    match fields.all("Content-Length").all(|length| length == b"0") {
        true => Ok(()),
        false => Err(UpgradeFault::Unasked("Content-Length")),
    }
}

/// What a browser or a proxy understands.
// RFC 6455 §4.2.1 and §4.4: an appropriate error code, and 426 with the version that we speak.
// RFC 45 §Handshake: BAD REQUEST when no sub-protocol fits.
fn refusal(fault: UpgradeFault) -> &'static str {
    match fault {
        UpgradeFault::Version => {
            "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n\
             Connection: close\r\nContent-Length: 0\r\n\r\n"
        }
        _ => "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    }
}
