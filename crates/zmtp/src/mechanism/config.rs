//! What a socket asks of its mechanism: roles, credentials, keys.
//!
//! Plain values; a socket keeps one and clones it for each connection. Secrets are wiped when they
//! are dropped and never shown.

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::CookieKeys;
use crate::error::ConfigError;
use crate::keys::{CurveKeyPair, CurvePublicKey};
use crate::limits::{CREDENTIAL_BYTES_MAX, MECHANISM_BYTES};

/// The security mechanism of a socket, with what the mechanism needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MechanismConfig {
    /// No authentication and no confidentiality (RFC 37 §The NULL Security Mechanism).
    #[default]
    Null,
    /// User name and password in clear text (RFC 24).
    Plain(PlainConfig),
    /// Public keys and encryption (RFC 25, RFC 26).
    Curve(CurveConfig),
}

/// A side of PLAIN (RFC 24).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlainConfig {
    /// We show credentials.
    Client {
        /// The user name, at most 255 octets.
        username: Vec<u8>,
        /// The password, at most 255 octets.
        password: Password,
    },
    /// We are shown credentials. Whether they are right is the ZAP handler's to say; without
    /// [`HandshakeConfig::zap`](crate::HandshakeConfig) everybody comes in.
    Server,
}

/// A side of CURVE (RFC 26).
#[derive(Clone, Debug)]
pub enum CurveConfig {
    /// We know the server's public key.
    Client {
        /// Our long-term keys.
        keys: CurveKeyPair,
        /// The server's long-term public key.
        server: CurvePublicKey,
    },
    /// We have the long-term key that clients know.
    Server {
        /// Our long-term keys.
        keys: CurveKeyPair,
        /// What our cookies are sealed with; shared by all connections of a socket or of many.
        cookies: Arc<CookieKeys>,
    },
}

/// Servers are equal when they share their cookie keys.
impl PartialEq for CurveConfig {
    fn eq(&self, other: &CurveConfig) -> bool {
        match (self, other) {
            (
                CurveConfig::Client { keys, server },
                CurveConfig::Client { keys: other_keys, server: other_server },
            ) => keys == other_keys && server == other_server,
            (
                CurveConfig::Server { keys, cookies },
                CurveConfig::Server { keys: other_keys, cookies: other_cookies },
            ) => keys == other_keys && Arc::ptr_eq(cookies, other_cookies),
            _ => false,
        }
    }
}

impl Eq for CurveConfig {}

/// A password: wiped when dropped, compared in constant time, never shown.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub struct Password(Vec<u8>);

impl Password {
    /// The octets of the password.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Into<Vec<u8>>> From<T> for Password {
    fn from(octets: T) -> Password {
        Password(octets.into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Password) -> bool {
        bool::from(self.0.ct_eq(&other.0))
    }
}

impl Eq for Password {}

impl MechanismConfig {
    /// The name in the greeting.
    // RFC 37 §Authentication and Confidentiality: names SHALL consist only of A-Z, digits, hyphen
    // and underscore.
    pub const fn name(&self) -> &'static str {
        match self {
            MechanismConfig::Null => "NULL",
            // RFC 24 §Overall Operation: the mechanism is called PLAIN.
            MechanismConfig::Plain(_) => "PLAIN",
            // RFC 25 §Overall Operation: the mechanism is called CURVE.
            MechanismConfig::Curve(_) => "CURVE",
        }
    }

    /// Whether we are the server of a mechanism that has roles.
    pub const fn is_server(&self) -> bool {
        match self {
            MechanismConfig::Null => false,
            MechanismConfig::Plain(plain) => matches!(plain, PlainConfig::Server),
            MechanismConfig::Curve(curve) => matches!(curve, CurveConfig::Server { .. }),
        }
    }

    /// Whether a handshake can be made with it.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self {
            // RFC 24 §Implementation: each has its size in one octet.
            MechanismConfig::Plain(PlainConfig::Client { username, password })
                if username.len().max(password.as_bytes().len()) > CREDENTIAL_BYTES_MAX =>
            {
                Err(ConfigError::CredentialTooLong)
            }
            _ => Ok(()),
        }
    }

    /// Whether peers older than 3.0 offer this mechanism: they know only NULL.
    // RFC 37 §Detecting ZMTP 1.0 and 2.0 Peers: with any other mechanism the connection MUST be
    // closed at once.
    pub(crate) const fn permits_downgrade(&self) -> bool {
        matches!(self, MechanismConfig::Null)
    }

    /// The mechanism field of the greeting, null-padded.
    pub(crate) fn greeting_field(&self) -> [u8; MECHANISM_BYTES] {
        let mut field = [0; MECHANISM_BYTES];
        for (octet, letter) in field.iter_mut().zip(self.name().bytes()) {
            *octet = letter;
        }
        field
    }
}
