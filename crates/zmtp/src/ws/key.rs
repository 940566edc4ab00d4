//! The keys by which the two ends of an upgrade know that they mean each other (RFC 6455 §1.3).

use sha1::{Digest, Sha1};

/// Octets of a key before it is written in base64.
pub(super) const NONCE_BYTES: usize = 16;

/// RFC 6455 §1.3: what is appended to the key before it is hashed.
const SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The `Sec-WebSocket-Key` of this nonce.
pub(super) fn key(nonce: [u8; NONCE_BYTES]) -> String {
    base64(&nonce)
}

/// The `Sec-WebSocket-Accept` that answers this key.
// RFC 6455 §4.2.2: the base64 of the SHA-1 of the key, as it was written, with the suffix.
pub(super) fn accept(key: &[u8]) -> String {
    let hash = Sha1::new().chain_update(key).chain_update(SUFFIX).finalize();
    base64(hash.as_slice())
}

/// Whether a client may have sent this key.
// RFC 6455 §4.2.1: a base64-encoded value that, when decoded, is 16 bytes in length.
pub(super) fn is_key(key: &[u8]) -> bool {
    match key.strip_suffix(b"==") {
        // 22 characters stand for 132 bits, of which the last four are padding.
        Some(digits) if digits.len() == 22 => {
            digits.iter().all(|c| ALPHABET.contains(c))
                && ALPHABET
                    .iter()
                    .position(|c| digits.last() == Some(c))
                    .is_some_and(|v| v % 16 == 0)
        }
        _ => false,
    }
}

/// RFC 4648 §4.
fn base64(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for chunk in octets.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for place in 0..4 {
            let value = (bits >> (18 - 6 * place) & 0x3F) as usize;
            text.push(if place <= chunk.len() { ALPHABET[value] as char } else { '=' });
        }
    }
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_key_of_the_standards_example() {
        // RFC 6455 §1.3.
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
    }

    #[test]
    fn base64_of_the_standards_examples() {
        // RFC 4648 §10.
        for (octets, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(octets.as_bytes()), text);
        }
    }

    #[test]
    fn a_key_is_sixteen_octets_in_base64() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        for bad in [
            "",
            "==",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25jZ===",
            "dGhlIHNhbXBsZSBub25jZSE=",
            "dGhlIHNhbXBsZSBub25j!Q==",
            "dGhlIHNhbXBsZSBub25jZQQQQQ==",
        ] {
            assert!(!is_key(bad.as_bytes()), "{bad}");
        }
    }
}
