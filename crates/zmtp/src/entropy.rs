//! Where secret random octets come from: a parameter, so that tests can repeat a handshake.

use std::fmt;

/// A source of random octets for keys and nonces.
#[derive(Clone, Copy)]
pub struct Entropy(Source);

#[derive(Clone, Copy)]
enum Source {
    System,
    Custom(fn(&mut [u8]) -> Result<(), EntropyError>),
}

impl Entropy {
    /// The operating system's generator for cryptographic use. May block only early in the boot of
    /// a machine.
    pub const fn system() -> Entropy {
        Entropy(Source::System)
    }

    /// A source of the caller's own. It decides how safe every connection is.
    pub const fn custom(fill: fn(&mut [u8]) -> Result<(), EntropyError>) -> Entropy {
        Entropy(Source::Custom(fill))
    }

    /// Fills `octets`.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when the source has none to give.
    pub fn fill(&self, octets: &mut [u8]) -> Result<(), EntropyError> {
        match self.0 {
            Source::System => getrandom::fill(octets).map_err(|_| EntropyError),
            Source::Custom(fill) => fill(octets),
        }
    }
}

impl Default for Entropy {
    fn default() -> Entropy {
        Entropy::system()
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}

/// Custom sources are equal when they are one function; its address tells.
impl PartialEq for Entropy {
    fn eq(&self, other: &Entropy) -> bool {
        match (self.0, other.0) {
            (Source::System, Source::System) => true,
            (Source::Custom(one), Source::Custom(two)) => std::ptr::fn_addr_eq(one, two),
            _ => false,
        }
    }
}

impl Eq for Entropy {}

/// A source of random octets that has none to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntropyError;

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no random octets available")
    }
}

impl std::error::Error for EntropyError {}
