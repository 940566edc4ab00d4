//! The long-term keys of CURVE (RFC 26): a public key that names a peer, a secret key that proves
//! it.
//!
//! Plain values of 32 octets; secrets are wiped when they are dropped and never shown.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::crypto::public_key;
use crate::entropy::{Entropy, EntropyError};
use crate::limits::CURVE_KEY_BYTES;
use crate::z85;

/// A public key of Curve25519, 32 octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CurvePublicKey([u8; CURVE_KEY_BYTES]);

impl CurvePublicKey {
    /// The key with these octets. Any octets are accepted here; a key that makes no secret is
    /// refused when it is used.
    pub const fn from_bytes(octets: [u8; CURVE_KEY_BYTES]) -> CurvePublicKey {
        CurvePublicKey(octets)
    }

    /// The octets of the key.
    pub const fn as_bytes(&self) -> &[u8; CURVE_KEY_BYTES] {
        &self.0
    }

    /// The key that 40 characters of Z85 write; `None` for anything else.
    pub fn from_z85(text: &[u8]) -> Option<CurvePublicKey> {
        z85::decode_key(text).map(CurvePublicKey)
    }

    /// The key as 40 characters of Z85.
    pub fn to_z85(&self) -> String {
        z85::encode(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for CurvePublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CurvePublicKey(")?;
        for octet in self.0 {
            write!(f, "{octet:02x}")?;
        }
        f.write_str(")")
    }
}

/// A secret key of Curve25519, 32 octets. Compared in constant time, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CurveSecretKey([u8; CURVE_KEY_BYTES]);

impl CurveSecretKey {
    /// The key with these octets.
    pub const fn from_bytes(octets: [u8; CURVE_KEY_BYTES]) -> CurveSecretKey {
        CurveSecretKey(octets)
    }

    /// A new key.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when the source of random octets has none.
    pub fn generate(entropy: &Entropy) -> Result<CurveSecretKey, EntropyError> {
        let mut octets = Zeroizing::new([0; CURVE_KEY_BYTES]);
        entropy.fill(&mut *octets)?;
        Ok(CurveSecretKey(*octets))
    }

    /// The octets of the key.
    pub const fn as_bytes(&self) -> &[u8; CURVE_KEY_BYTES] {
        &self.0
    }

    /// The key that 40 characters of Z85 write; `None` for anything else.
    pub fn from_z85(text: &[u8]) -> Option<CurveSecretKey> {
        let octets = Zeroizing::new(z85::decode_key(text)?);
        Some(CurveSecretKey(*octets))
    }

    /// The key as 40 characters of Z85, wiped when dropped.
    pub fn to_z85(&self) -> Zeroizing<String> {
        Zeroizing::new(z85::encode(&self.0).unwrap_or_default())
    }

    /// The public key that belongs to this key.
    pub fn public_key(&self) -> CurvePublicKey {
        CurvePublicKey(public_key(&self.0))
    }
}

impl fmt::Debug for CurveSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CurveSecretKey")
    }
}

impl PartialEq for CurveSecretKey {
    fn eq(&self, other: &CurveSecretKey) -> bool {
        bool::from(self.0.ct_eq(&other.0))
    }
}

impl Eq for CurveSecretKey {}

/// A public and a secret key that should belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurveKeyPair {
    /// What others may know.
    pub public: CurvePublicKey,
    /// What proves that one is the owner of the public key.
    pub secret: CurveSecretKey,
}

impl CurveKeyPair {
    /// A new pair.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when the source of random octets has none.
    ///
    /// # Example
    ///
    /// ```
    /// use oxmq_zmtp::{CurveKeyPair, Entropy};
    ///
    /// let pair = CurveKeyPair::generate(&Entropy::system())?;
    /// assert_eq!(pair.secret.public_key(), pair.public);
    /// # Ok::<(), oxmq_zmtp::EntropyError>(())
    /// ```
    pub fn generate(entropy: &Entropy) -> Result<CurveKeyPair, EntropyError> {
        Ok(CurveKeyPair::from_secret(CurveSecretKey::generate(entropy)?))
    }

    /// The pair of this secret key.
    pub fn from_secret(secret: CurveSecretKey) -> CurveKeyPair {
        CurveKeyPair { public: secret.public_key(), secret }
    }
}
