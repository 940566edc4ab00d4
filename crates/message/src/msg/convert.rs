//! How other types become messages and compare with them. Nothing here touches a message's memory
//! directly; every conversion goes through the constructors of `Msg`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use super::Msg;
use crate::limits::INLINE_MAX;

/// Payload bytes that `Debug` shows.
const DEBUG_BYTES_MAX: usize = 32;

impl Deref for Msg {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Msg {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl From<&[u8]> for Msg {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        Self::from_slice(bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for Msg {
    #[inline]
    fn from(bytes: &[u8; N]) -> Self {
        Self::from_slice(bytes)
    }
}

impl<const N: usize> From<[u8; N]> for Msg {
    #[inline]
    fn from(bytes: [u8; N]) -> Self {
        Self::from_slice(&bytes)
    }
}

impl From<&str> for Msg {
    #[inline]
    fn from(text: &str) -> Self {
        Self::from_slice(text.as_bytes())
    }
}

impl From<&Vec<u8>> for Msg {
    fn from(bytes: &Vec<u8>) -> Self {
        Self::from_slice(bytes)
    }
}

impl From<&String> for Msg {
    fn from(text: &String) -> Self {
        Self::from_slice(text.as_bytes())
    }
}

impl From<&Self> for Msg {
    fn from(msg: &Self) -> Self {
        msg.clone()
    }
}

impl From<Vec<u8>> for Msg {
    /// Takes the vector over without copying if it is longer than [`INLINE_MAX`]; its spare
    /// capacity stays allocated.
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() <= INLINE_MAX { Self::inline(&bytes) } else { Self::from_long_vec(bytes) }
    }
}

impl From<String> for Msg {
    /// As for a vector of bytes.
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<Box<[u8]>> for Msg {
    fn from(bytes: Box<[u8]>) -> Self {
        Self::from(bytes.into_vec())
    }
}

impl From<Msg> for Vec<u8> {
    fn from(msg: Msg) -> Self {
        msg.into_vec()
    }
}

impl FromIterator<u8> for Msg {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        Self::from(bytes.into_iter().collect::<Vec<u8>>())
    }
}

/// Equal if the payloads are; flags and origin do not count.
impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Msg {
    #[inline]
    fn eq(&self, other: &T) -> bool {
        self.as_slice() == other.as_ref()
    }
}

impl Eq for Msg {}

impl Hash for Msg {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for Msg {
    /// Shows the length, the kind, the flags that are set and the first bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self[..self.len().min(DEBUG_BYTES_MAX)];
        let more = if shown.len() < self.len() { "..." } else { "" };
        let mut out = f.debug_struct("Msg");
        out.field("len", &self.len()).field("kind", &self.kind());
        for (name, set) in [("more", self.more()), ("command", self.command())] {
            if set {
                out.field(name, &true);
            }
        }
        out.field("bytes", &format_args!("\"{}\"{more}", shown.escape_ascii())).finish()
    }
}
