//! Security beyond options: key files, lists of who may come in, and ZAP handlers.

mod handler;
mod key_file;

use oxmq_engine::key_from_z85;

use crate::{CurveKeyPair, Error, PublicKey, Result};

pub use handler::{Verdict, ZapHandler, ZapQuestion};
pub use key_file::{
    KeyFileError, read_allow_list, read_key_pair, read_public_key, write_key_files,
};

/// A new pair of keys for CURVE, from the system's generator. May block only early in the boot of
/// a machine.
///
/// # Errors
/// `Io` if the system has no random bytes to give.
///
/// ```
/// let keys = oxmq::curve_keypair()?;
/// assert_eq!(keys.secret.public_key(), keys.public);
/// # Ok::<(), oxmq::Error>(())
/// ```
pub fn curve_keypair() -> Result<CurveKeyPair> {
    oxmq_engine::generate_keys()
        .map_err(|source| Error::Io { doing: "making a pair of keys".to_owned(), source })
}

/// A public key in the 40 characters of Z85 in which it is written and told. Source: RFC 32.
///
/// ```
/// let key = oxmq::curve_keypair()?.public;
/// let text = oxmq::public_key_to_z85(&key);
/// assert_eq!(text.len(), 40);
/// assert_eq!(oxmq::public_key_from_z85(&text), Some(key));
/// assert_eq!(oxmq::public_key_from_z85("too short"), None);
/// # Ok::<(), oxmq::Error>(())
/// ```
#[must_use]
pub fn public_key_to_z85(key: &PublicKey) -> String {
    key_file::text(key.as_bytes())
}

/// The public key of these 40 characters; `None` if they are no key.
#[must_use]
pub fn public_key_from_z85(text: &str) -> Option<PublicKey> {
    key_from_z85(text.as_bytes()).map(|key| PublicKey::from_bytes(*key))
}
