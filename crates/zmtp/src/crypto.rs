//! The boxes of CURVE: what NaCl calls `crypto_box` and `crypto_secretbox`, on exchangeable
//! primitives.
//!
//! Plain values without state; the caller sees to it that no key ever meets a nonce twice. Keys are
//! wiped when they are dropped. [`Primitives`] is all that a cryptographic library has to bring.

mod rust_crypto;

use std::fmt;

use zeroize::Zeroizing;

/// Octets of every key.
pub(crate) const KEY_BYTES: usize = 32;
/// Octets by which a box is longer than what is in it.
pub(crate) const TAG_BYTES: usize = 16;
/// Octets of the nonce of a box.
pub(crate) const NONCE_BYTES: usize = 24;

/// A secret of 32 octets that is wiped when it is dropped.
pub(crate) type Secret = Zeroizing<[u8; KEY_BYTES]>;

/// The library in use.
type Library = rust_crypto::RustCrypto;

/// What CURVE needs of a cryptographic library.
pub(crate) trait Primitives {
    /// The public key of a secret key on Curve25519.
    fn public_key(secret: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES];

    /// X25519 (RFC 7748): what both owners of the keys can compute and nobody else. All zero for a
    /// public key of small order. In constant time.
    fn agree(secret: &[u8; KEY_BYTES], public: &[u8; KEY_BYTES]) -> Secret;

    /// HSalsa20: a key of a key and 16 octets that need not be secret.
    fn derive(key: &[u8; KEY_BYTES], input: &[u8; 16]) -> Secret;

    /// Enciphers `text` in place with Salsa20 from octet 32 of its stream on, and returns the
    /// Poly1305 tag of the result under the first 32 octets of the stream.
    fn seal(key: &[u8; KEY_BYTES], nonce: &[u8; 8], text: &mut [u8]) -> [u8; TAG_BYTES];

    /// Undoes `seal` if the tag is right, compared in constant time; otherwise leaves `text` as it
    /// is and returns false.
    fn open(key: &[u8; KEY_BYTES], nonce: &[u8; 8], text: &mut [u8], tag: &[u8; TAG_BYTES])
    -> bool;
}

/// The public key of a secret key.
pub(crate) fn public_key(secret: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES] {
    Library::public_key(secret)
}

/// What seals and opens the boxes between two key pairs, or of one secret key.
pub(crate) struct BoxKey(Secret);

impl BoxKey {
    /// The key between our secret key and their public key. `None` when their key is of small
    /// order, all zero among others: then everybody could compute what we would.
    pub(crate) fn agree(secret: &[u8; KEY_BYTES], public: &[u8; KEY_BYTES]) -> Option<BoxKey> {
        use subtle::ConstantTimeEq;
        let agreed = Library::agree(secret, public);
        if bool::from(agreed.ct_eq(&[0; KEY_BYTES])) {
            return None;
        }
        Some(BoxKey(Library::derive(&agreed, &[0; 16])))
    }

    /// The key for boxes that we alone seal and open.
    pub(crate) fn secret(key: Secret) -> BoxKey {
        BoxKey(key)
    }

    /// Appends the box of `text` to `out`: the tag, then as many octets as the text has.
    pub(crate) fn seal(&self, nonce: &[u8; NONCE_BYTES], text: &[&[u8]], out: &mut Vec<u8>) {
        let (key, nonce) = self.split(nonce);
        let start = out.len();
        out.extend_from_slice(&[0; TAG_BYTES]);
        for part in text {
            out.extend_from_slice(part);
        }
        let tag = Library::seal(&key, &nonce, &mut out[start + TAG_BYTES..]);
        out[start..start + TAG_BYTES].copy_from_slice(&tag);
    }

    /// What is in a box; `None` if it was sealed with other keys or changed on its way.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (key, nonce) = self.split(nonce);
        let (tag, text) = sealed.split_first_chunk::<TAG_BYTES>()?;
        let mut text = Zeroizing::new(text.to_vec());
        Library::open(&key, &nonce, &mut text, tag).then_some(text)
    }

    /// The key for all boxes whose nonce starts with `prefix`.
    pub(crate) fn stream(&self, prefix: &[u8; 16]) -> StreamKey {
        StreamKey(Library::derive(&self.0, prefix))
    }

    fn split(&self, nonce: &[u8; NONCE_BYTES]) -> (Secret, [u8; 8]) {
        let (mut prefix, mut rest) = ([0; 16], [0; 8]);
        prefix.copy_from_slice(&nonce[..16]);
        rest.copy_from_slice(&nonce[16..]);
        (Library::derive(&self.0, &prefix), rest)
    }
}

impl fmt::Debug for BoxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxKey")
    }
}

/// A [`BoxKey`] with the first 16 octets of its nonces.
pub(crate) struct StreamKey(Secret);

impl StreamKey {
    /// Seals `text` in place and returns its tag.
    pub(crate) fn seal(&self, nonce: u64, text: &mut [u8]) -> [u8; TAG_BYTES] {
        Library::seal(&self.0, &nonce.to_be_bytes(), text)
    }

    /// Opens `text` in place if its tag is right; otherwise changes nothing and returns false.
    pub(crate) fn open(&self, nonce: u64, text: &mut [u8], tag: &[u8; TAG_BYTES]) -> bool {
        Library::open(&self.0, &nonce.to_be_bytes(), text, tag)
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey")
    }
}

#[cfg(test)]
mod tests;
