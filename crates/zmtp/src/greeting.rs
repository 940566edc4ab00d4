//! The 64-octet greeting of ZMTP 3.x and its first ten octets, which every version can read.
//!
//! Pure functions on fixed arrays.

use crate::limits::{GREETING_BYTES, MECHANISM_BYTES, SIGNATURE_BYTES};
use crate::mechanism::MechanismConfig;

/// Our version, major and minor.
pub(crate) const VERSION: (u8, u8) = (3, 1);

/// Offset of the mechanism field.
const MECHANISM_AT: usize = 12;
/// Offset of the as-server octet.
const AS_SERVER_AT: usize = 32;

const _: () = assert!(MECHANISM_AT + MECHANISM_BYTES == AS_SERVER_AT);

/// Our whole greeting. `identity_len` goes to the padding: a 1.0 peer reads the signature as the
/// header of an identity frame of that length.
pub(crate) fn greeting(
    mechanism: &MechanismConfig,
    identity_len: Option<usize>,
) -> [u8; GREETING_BYTES] {
    let mut octets = [0; GREETING_BYTES];
    octets[0] = 0xFF;
    // RFC 37 §Detecting ZMTP 1.0 and 2.0 Peers: the size SHALL be 8 octets in network byte order:
    // the identity and the flags octet. Without downgrade the padding SHOULD be zero.
    let size = identity_len.map_or(0, |length| length as u64 + 1);
    octets[1..9].copy_from_slice(&size.to_be_bytes());
    octets[9] = 0x7F;
    octets[10] = VERSION.0;
    octets[11] = VERSION.1;
    octets[MECHANISM_AT..AS_SERVER_AT].copy_from_slice(&mechanism.greeting_field());
    // RFC 37 §The NULL Security Mechanism: the as-server field MUST be zero under NULL.
    octets[AS_SERVER_AT] = u8::from(mechanism.is_server());
    octets
}

/// Whether the ten octets of `signature` come from a peer that announces its version.
// RFC 37 §Detecting ZMTP 1.0 and 2.0 Peers: the first octet is FF and the tenth is odd.
// RFC 37 §Version Negotiation: the padding MUST NOT be validated nor interpreted.
pub(crate) fn is_versioned(signature: &[u8]) -> bool {
    signature.first() == Some(&0xFF)
        && signature.get(SIGNATURE_BYTES - 1).is_some_and(|octet| octet & 1 == 1)
}

/// The fields of a peer's 3.x greeting that mean anything to us.
pub(crate) struct PeerGreeting {
    /// Major and minor version as announced.
    pub(crate) version: (u8, u8),
    /// The mechanism field with its padding.
    pub(crate) mechanism: [u8; MECHANISM_BYTES],
    /// Whether the peer says that it is the server of its mechanism.
    pub(crate) as_server: bool,
}

impl PeerGreeting {
    /// Takes a whole greeting apart. The filler is for future versions, so it is not looked at.
    pub(crate) fn parse(octets: &[u8; GREETING_BYTES]) -> PeerGreeting {
        let mut mechanism = [0; MECHANISM_BYTES];
        mechanism.copy_from_slice(&octets[MECHANISM_AT..AS_SERVER_AT]);
        PeerGreeting {
            version: (octets[10], octets[11]),
            mechanism,
            as_server: octets[AS_SERVER_AT] == 1,
        }
    }
}
