//! What a process holds: descriptors, threads and memory; and the comparison before and after.
//! Plain values; the functions look at the calling process.

use std::fmt;
use std::fs;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use oxmq_testing::{Result, descriptors, rss_kib};

use crate::heap::in_use;

/// Time after which something that should have gone counts as leaked: a watchdog, not a measure.
const NEVER: Duration = Duration::from_secs(10);

/// What a process holds at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footprint {
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    pub(crate) rss_kib: u64,
    /// Bytes of the heap in use.
    pub(crate) heap: usize,
}

impl Footprint {
    /// What this process holds now.
    pub(crate) fn now() -> Footprint {
        Footprint {
            descriptors: descriptors(),
            threads: threads(),
            rss_kib: rss_kib(),
            heap: in_use(),
        }
    }

    /// Waits until this process holds as many descriptors and threads as `self` says, and returns
    /// what it holds then.
    ///
    /// A socket's peer is gone a moment before the I/O thread has closed the descriptor, and a
    /// thread has been joined a moment before the system has removed it. No event tells of either,
    /// so this asks again and again.
    ///
    /// # Errors
    /// It never does.
    pub(crate) fn wait_restored(&self) -> Result<Footprint> {
        let deadline = Instant::now() + NEVER;
        loop {
            let now = Footprint::now();
            if (now.descriptors, now.threads) == (self.descriptors, self.threads) {
                return Ok(now);
            }
            if Instant::now() > deadline {
                return Err(format!("not as before: {self:?}, but {now:?}"));
            }
            thread::yield_now();
        }
    }
}

/// The form in which it travels between the ends: four numbers.
impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.descriptors, self.threads, self.rss_kib, self.heap)
    }
}

impl FromStr for Footprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Footprint> {
        let mut words = text.split_whitespace();
        let mut number = || {
            let word = words.next().and_then(|word| word.parse::<u64>().ok());
            word.ok_or_else(|| format!("`{text}` is no footprint"))
        };
        Ok(Footprint {
            descriptors: number()? as usize,
            threads: number()? as usize,
            rss_kib: number()?,
            heap: number()? as usize,
        })
    }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;

    #[test]
    fn a_footprint_survives_its_journey() {
        let now = Footprint::now();
        assert!(now.descriptors > 0 && now.threads > 0 && now.rss_kib > 0, "{now:?}");
        assert_eq!(now.to_string().parse::<Footprint>().unwrap(), now);
        assert!("1 2 3".parse::<Footprint>().is_err());
    }
}
