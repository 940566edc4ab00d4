//! Who may come in: lists of keys and users in the process, and the ZAP handler. The protocol of
//! the mechanisms is in `oxmq_zmtp`; what a socket does about security is in its options.

mod allow_list;
mod zap;

use std::io;

use oxmq_zmtp::{CurveKeyPair, Entropy};
use zeroize::Zeroizing;

pub use allow_list::AllowList;
pub(crate) use zap::{Inquiry, Judgement, Knock, judge, wants_zap};

/// The characters of Z85 by value. RFC 32 §Reference Implementation.
const Z85: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// A new pair of keys for CURVE.
///
/// # Errors
/// When the system has no random bytes to give.
pub fn generate_keys() -> io::Result<CurveKeyPair> {
    CurveKeyPair::generate(&Entropy::system()).map_err(io::Error::other)
}

/// The 32 bytes of a key in 40 characters of Z85; `None` for anything else.
#[must_use]
pub fn key_from_z85(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    if text.len() != 40 {
        return None;
    }
    let mut key = Zeroizing::new([0; 32]);
    for (group, bytes) in text.chunks_exact(5).zip(key.chunks_exact_mut(4)) {
        let mut value: u32 = 0;
        for character in group {
            let digit = Z85.iter().position(|other| other == character)?;
            value = value.checked_mul(85)?.checked_add(u32::try_from(digit).ok()?)?;
        }
        bytes.copy_from_slice(&value.to_be_bytes());
    }
    Some(key)
}

/// A key as C programs read it: 40 characters of Z85 and a zero byte.
#[must_use]
pub fn key_to_z85(key: &[u8; 32]) -> Vec<u8> {
    let mut text = Vec::with_capacity(41);
    for bytes in key.as_chunks::<4>().0 {
        let value = u32::from_be_bytes(*bytes);
        let digits = [85_u32.pow(4), 85_u32.pow(3), 85_u32.pow(2), 85, 1];
        text.extend(digits.map(|weight| Z85[(value / weight % 85) as usize]));
    }
    text.push(0);
    text
}
