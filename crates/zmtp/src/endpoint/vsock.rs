//! Endpoints of vsock, which joins a virtual machine and its host. Parsing and printing only.
//!
//! ```text
//! address = ( "*" | "@" | context id ) ":" ( "*" | port )      both numbers of 32 bits
//! ```

use std::fmt;

use super::AddressFault;

/// A vsock address. vsock(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VsockEndpoint {
    /// The machine.
    pub cid: VsockCid,
    /// The port; `None` for `*`, any free one, which only a bind can use.
    pub port: Option<u32>,
}

/// The machine of a vsock address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VsockCid {
    /// `*`: every address of this machine. Only for a bind.
    Wildcard,
    /// `@`: this machine itself.
    Local,
    /// A context id: 1 is this machine, 2 its host.
    Number(u32),
}

impl VsockEndpoint {
    pub(super) fn parse(address: &str) -> Result<Self, AddressFault> {
        let (cid, port) = address.rsplit_once(':').ok_or(AddressFault::NoPort)?;
        let cid = match cid {
            "*" => VsockCid::Wildcard,
            "@" => VsockCid::Local,
            text => match number(text).ok_or(AddressFault::Cid)? {
                ANY => VsockCid::Wildcard,
                cid => VsockCid::Number(cid),
            },
        };
        let port = match port {
            "*" => None,
            text => Some(number(text).ok_or(AddressFault::Port)?).filter(|port| *port != ANY),
        };
        Ok(Self { cid, port })
    }
}

fn number(text: &str) -> Option<u32> {
    // The integer parser takes a sign; an endpoint does not.
    text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok())?
}

impl fmt::Display for VsockEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("vsock://")?;
        match self.cid {
            VsockCid::Wildcard => f.write_str("*")?,
            VsockCid::Local => f.write_str("@")?,
            VsockCid::Number(cid) => write!(f, "{cid}")?,
        }
        match self.port {
            None => f.write_str(":*"),
            Some(port) => write!(f, ":{port}"),
        }
    }
}

/// VMADDR_CID_ANY and VMADDR_PORT_ANY of vsock(7).
const ANY: u32 = u32::MAX;
