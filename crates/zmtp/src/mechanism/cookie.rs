//! The keys that a CURVE server seals its cookies with (RFC 26 §The WELCOME Command).
//!
//! Shared by all connections of a server, from any thread; the lock is held for a few
//! instructions. A key is made when it is first needed and seals for a minute at most.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::entropy::{Entropy, EntropyError};
use crate::limits::{COOKIE_KEY_LIFETIME, CURVE_KEY_BYTES};

/// A key for cookies; wiped when dropped.
pub(crate) type CookieKey = Zeroizing<[u8; CURVE_KEY_BYTES]>;

/// The present cookie key of a server and the one before it.
///
/// A cookie can be opened for 60 to 120 seconds; a handshake that takes longer fails. After that
/// nobody can open it, whoever recorded it and whatever they learn.
#[derive(Default)]
pub struct CookieKeys {
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    /// Number of the present key; the one before it has this number less one.
    number: u64,
    present: Option<Generation>,
    past: Option<Generation>,
}

struct Generation {
    key: CookieKey,
    born: Instant,
}

impl CookieKeys {
    /// No keys yet.
    pub fn new() -> CookieKeys {
        CookieKeys::default()
    }

    /// The key to seal with now, and its number.
    pub(crate) fn sealing(
        &self,
        now: Instant,
        entropy: &Entropy,
    ) -> Result<(u64, CookieKey), EntropyError> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.expire(now);
        // RFC 26 §The WELCOME Command: the cookie key SHALL be changed at least once a minute.
        if let Some(present) = &generations.present
            && age(now, present.born) < COOKIE_KEY_LIFETIME
        {
            return Ok((generations.number, present.key.clone()));
        }
        let mut key = CookieKey::default();
        entropy.fill(&mut *key)?;
        generations.number += 1;
        generations.past = generations.present.take();
        generations.present = Some(Generation { key: key.clone(), born: now });
        Ok((generations.number, key))
    }

    /// The key with this number, if it still opens cookies.
    pub(crate) fn opening(&self, now: Instant, number: u64) -> Option<CookieKey> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.expire(now);
        let generation = match generations.number.checked_sub(number) {
            Some(0) => &generations.present,
            Some(1) => &generations.past,
            _ => &None,
        };
        generation.as_ref().map(|generation| generation.key.clone())
    }
}

impl Generations {
    /// Wipes keys that are too old to open a cookie.
    fn expire(&mut self, now: Instant) {
        for generation in [&mut self.present, &mut self.past] {
            if generation.as_ref().is_some_and(|g| age(now, g.born) >= 2 * COOKIE_KEY_LIFETIME) {
                *generation = None;
            }
        }
    }
}

fn age(now: Instant, born: Instant) -> Duration {
    now.saturating_duration_since(born)
}

impl fmt::Debug for CookieKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieKeys")
    }
}
