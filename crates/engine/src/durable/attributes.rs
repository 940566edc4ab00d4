//! What a durable socket keeps with each message of its log: for whom it is, and until when it may
//! go out. Pure functions.
//!
//! Mostly that is the name alone, or nothing. If there is more, or if a name begins with a zero
//! octet, a zero octet goes before, and flags that say what follows.

/// Of the flags: eight octets with a time follow.
const EXPIRES: u8 = 1;

/// The attributes of a message for this peer, which may be sent until `expires_ms` since 1970.
pub(super) fn encode(name: &[u8], expires_ms: Option<u64>) -> Vec<u8> {
    let mut attributes = Vec::new();
    if expires_ms.is_some() || name.first() == Some(&0) {
        attributes.extend_from_slice(&[0, if expires_ms.is_some() { EXPIRES } else { 0 }]);
    }
    attributes.extend(expires_ms.into_iter().flat_map(u64::to_be_bytes));
    attributes.extend_from_slice(name);
    attributes
}

/// The name and the time in attributes.
pub(super) fn decode(attributes: &[u8]) -> (&[u8], Option<u64>) {
    let Some((flags, rest)) = attributes.strip_prefix(&[0]).and_then(<[u8]>::split_first) else {
        return (attributes, None);
    };
    match rest.split_first_chunk().filter(|_| flags & EXPIRES != 0) {
        Some((expires_ms, name)) => (name, Some(u64::from_be_bytes(*expires_ms))),
        None => (rest, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_they_were_written() {
        for name in [&b""[..], b"lucy", b"\0lucy", b"\0\x01lucy and more", b"\0"] {
            for expires_ms in [None, Some(0), Some(u64::MAX)] {
                let written = encode(name, expires_ms);
                assert_eq!(decode(&written), (name, expires_ms), "{written:?}");
            }
        }
        assert_eq!(encode(b"lucy", None), b"lucy");
    }
}
