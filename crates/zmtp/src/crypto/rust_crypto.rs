//! The primitives of CURVE from the crates of RustCrypto, dalek and cryptoxide. Pure functions.

use cryptoxide::poly1305::Poly1305;
use curve25519_dalek::montgomery::MontgomeryPoint;
use salsa20::Salsa20;
use salsa20::cipher::consts::U10;
use salsa20::cipher::{KeyIvInit, StreamCipher};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{KEY_BYTES, Primitives, Secret, TAG_BYTES};

/// See the file's first paragraph.
pub(super) struct RustCrypto;

/// Octets of a block of Salsa20's stream.
const BLOCK_BYTES: usize = 64;

impl Primitives for RustCrypto {
    fn public_key(secret: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES] {
        MontgomeryPoint::mul_base_clamped(*secret).to_bytes()
    }

    fn agree(secret: &[u8; KEY_BYTES], public: &[u8; KEY_BYTES]) -> Secret {
        Zeroizing::new(MontgomeryPoint(*public).mul_clamped(*secret).to_bytes())
    }

    fn derive(key: &[u8; KEY_BYTES], input: &[u8; 16]) -> Secret {
        Zeroizing::new(salsa20::hsalsa::<U10>(key.into(), input.into()).into())
    }

    fn seal(key: &[u8; KEY_BYTES], nonce: &[u8; 8], text: &mut [u8]) -> [u8; TAG_BYTES] {
        let mut stream = Stream::new(key, nonce);
        stream.apply(text);
        stream.tag(text)
    }

    fn open(
        key: &[u8; KEY_BYTES],
        nonce: &[u8; 8],
        text: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> bool {
        let mut stream = Stream::new(key, nonce);
        if !bool::from(stream.tag(text).ct_eq(tag)) {
            return false;
        }
        stream.apply(text);
        true
    }
}

/// Salsa20 after its first block: half of that is the key of the tag, half enciphers the first
/// octets of the text.
struct Stream {
    first: Zeroizing<[u8; BLOCK_BYTES]>,
    rest: Salsa20,
}

impl Stream {
    fn new(key: &[u8; KEY_BYTES], nonce: &[u8; 8]) -> Stream {
        let mut rest = Salsa20::new(key.into(), nonce.into());
        let mut first = Zeroizing::new([0; BLOCK_BYTES]);
        rest.apply_keystream(&mut *first);
        Stream { first, rest }
    }

    fn apply(&mut self, text: &mut [u8]) {
        let (head, tail) = text.split_at_mut(text.len().min(BLOCK_BYTES - KEY_BYTES));
        for (octet, key) in head.iter_mut().zip(&self.first[KEY_BYTES..]) {
            *octet ^= key;
        }
        if !tail.is_empty() {
            self.rest.apply_keystream(tail);
        }
    }

    fn tag(&self, sealed: &[u8]) -> [u8; TAG_BYTES] {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        key.copy_from_slice(&self.first[..KEY_BYTES]);
        let mut mac = Poly1305::new(&key);
        mac.update_mut(sealed);
        mac.finalize().0
    }
}
