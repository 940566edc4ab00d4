//! Which peers a listener accepts: networks for tcp, credentials for ipc.
//!
//! Plain data and pure decisions; the listener asks before it hands a stream out.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::sys::Credentials;

/// A network: an address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: IpAddr,
    /// At most 32 for IPv4 and 128 for IPv6.
    prefix_bits: u8,
}

/// Users, groups and processes that may connect over ipc. Empty lists let everyone in; else one
/// match in any list is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpcFilters {
    /// User ids.
    pub uids: Vec<u32>,
    /// Group ids, compared with the peer's group and its supplementary groups.
    pub gids: Vec<u32>,
    /// Process ids.
    pub pids: Vec<i32>,
}

/// Text that is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CidrError {
    /// The part before the slash is no IPv4 or IPv6 address.
    Address,
    /// The part after the slash is no number, or more than the address has bits.
    Prefix,
}

impl Cidr {
    /// A network of the first `prefix_bits` of `address`.
    ///
    /// # Errors
    /// [`CidrError::Prefix`] when the address has fewer bits.
    pub const fn new(address: IpAddr, prefix_bits: u8) -> Result<Self, CidrError> {
        if prefix_bits > address_bits(address) {
            return Err(CidrError::Prefix);
        }
        Ok(Self { address, prefix_bits })
    }

    /// Whether the network holds this address. An IPv4 address mapped into IPv6, as a dual-stack
    /// listener sees its IPv4 peers, is the IPv4 address.
    #[must_use]
    pub fn contains(&self, peer: IpAddr) -> bool {
        match (self.address, peer.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(peer)) => {
                let differ = network.to_bits() ^ peer.to_bits();
                differ.checked_shr(32 - u32::from(self.prefix_bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(peer)) => {
                let differ = network.to_bits() ^ peer.to_bits();
                differ.checked_shr(128 - u32::from(self.prefix_bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    /// `192.168.0.0/16`, `fd00::/8`, or an address alone, which stands for itself.
    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| CidrError::Address)?;
        let prefix_bits = match prefix {
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().map_err(|_| CidrError::Prefix)?
            }
            Some(_) => return Err(CidrError::Prefix),
            None => address_bits(address),
        };
        Self::new(address, prefix_bits)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "no IPv4 or IPv6 address before the slash",
            Self::Prefix => "the prefix length is no number of bits that the address has",
        })
    }
}

impl std::error::Error for CidrError {}

impl IpcFilters {
    /// Whether everyone is let in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.uids.is_empty() && self.gids.is_empty() && self.pids.is_empty()
    }

    /// Whether a peer is let in; `groups` is asked for only when it can decide.
    pub(super) fn admit(&self, peer: Credentials, groups: impl FnOnce() -> Vec<u32>) -> bool {
        self.is_empty()
            || self.uids.contains(&peer.uid)
            || self.gids.contains(&peer.gid)
            || self.pids.contains(&peer.pid)
            || (!self.gids.is_empty() && groups().iter().any(|group| self.gids.contains(group)))
    }
}

const fn address_bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    fn holds(network: &str, peer: &str) -> bool {
        network.parse::<Cidr>().unwrap().contains(peer.parse().unwrap())
    }

    #[test]
    fn a_network_holds_addresses_that_share_its_prefix() {
        assert!(holds("192.168.0.0/16", "192.168.255.1"));
        assert!(!holds("192.168.0.0/16", "192.169.0.1"));
        assert!(holds("10.1.2.3/32", "10.1.2.3") && !holds("10.1.2.3/32", "10.1.2.2"));
        assert!(holds("10.1.2.3", "10.1.2.3") && !holds("10.1.2.3", "10.1.2.2"));
        assert!(holds("0.0.0.0/0", "255.1.2.3"));
        assert!(holds("128.0.0.0/1", "255.0.0.1") && !holds("128.0.0.0/1", "127.0.0.1"));
        assert!(holds("fd00::/8", "fdff::1") && !holds("fd00::/8", "fe80::1"));
        assert!(holds("::/0", "fe80::1") && holds("::1", "::1") && !holds("::1", "::2"));
    }

    #[test]
    fn an_ipv4_peer_of_a_dual_stack_listener_is_compared_as_ipv4() {
        assert!(holds("127.0.0.0/8", "::ffff:127.0.0.1"));
        assert!(!holds("::/0", "::ffff:127.0.0.1"));
        assert!(!holds("0.0.0.0/0", "::1"));
    }

    #[test]
    fn text_that_is_no_network_is_refused() {
        for text in ["", "/8", "host/8", "1.2.3/8", "1.2.3.4.5"] {
            assert_eq!(text.parse::<Cidr>(), Err(CidrError::Address), "{text}");
        }
        for text in ["1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/+8", "1.2.3.4/-1", "::/999"] {
            assert_eq!(text.parse::<Cidr>(), Err(CidrError::Prefix), "{text}");
        }
    }

    #[test]
    fn one_matching_credential_lets_a_peer_in() {
        let peer = Credentials { uid: 1, gid: 2, pid: 3 };
        let none = Vec::new;
        assert!(IpcFilters::default().admit(peer, none));
        let filters = |uids: &[u32], gids: &[u32], pids: &[i32]| IpcFilters {
            uids: uids.to_vec(),
            gids: gids.to_vec(),
            pids: pids.to_vec(),
        };
        assert!(filters(&[1], &[9], &[9]).admit(peer, none));
        assert!(filters(&[], &[2], &[]).admit(peer, none));
        assert!(filters(&[], &[], &[3]).admit(peer, none));
        assert!(filters(&[], &[7], &[]).admit(peer, || vec![6, 7]));
        assert!(!filters(&[9], &[9], &[9]).admit(peer, || vec![6, 7]));
        assert!(!filters(&[9], &[], &[]).admit(peer, || unreachable!("no group is wanted")));
    }
}
