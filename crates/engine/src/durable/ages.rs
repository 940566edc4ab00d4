//! Which messages of a log are too old to be kept: LOG_AGE_MAX. Owned by whoever owns the log,
//! under the socket's lock.
//!
//! Offsets grow with time, so there is one offset below which all are too old; it is looked for
//! when the oldest message that was young enough has become too old, and not more often than a
//! fraction of the limit.

use std::time::{Duration, Instant};

use oxmq_journal::Log;

use crate::clock::Clock;

/// Part of the limit by which a message may stay longer.
const PATIENCE: u32 = 64;

/// The longest that a message stays longer than that.
const LATE_MAX: Duration = Duration::from_secs(1);

/// See the file's first paragraph.
#[derive(Debug)]
pub(super) struct Ages {
    age_max: Option<Duration>,
    /// Offsets below are too old.
    below: u64,
    due: Option<Instant>,
    clock: Clock,
}

impl Ages {
    pub(super) fn new(age_max: Option<Duration>, clock: &Clock) -> Ages {
        let clock = clock.clone();
        Ages { age_max, below: 0, due: age_max.map(|_| clock.now()), clock }
    }

    /// Offsets below this are too old.
    pub(super) fn below(&self) -> u64 {
        self.below
    }

    /// When to look.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// A message was recorded now.
    pub(super) fn recorded(&mut self) {
        if self.due.is_none() {
            self.due = self.age_max.and_then(|age| self.clock.now().checked_add(age));
        }
    }

    /// Looks if it is due; true if there are more than before. May read the disk; what cannot be
    /// read is looked at again later.
    pub(super) fn look(&mut self, log: &Log, now_ms: u64, now: Instant) -> bool {
        let Some(age) = self.age_max.filter(|_| self.due.is_some_and(|due| due <= now)) else {
            return false;
        };
        let pause = (age / PATIENCE).clamp(Duration::from_millis(1), LATE_MAX);
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let oldest = now_ms.saturating_sub(age_ms).saturating_add(1);
        let Ok(found) = log.first_since(self.below, oldest) else {
            self.due = now.checked_add(LATE_MAX);
            return false;
        };
        let Some((offset, time_ms)) = found else {
            self.due = None;
            return self.raise(log.next().unwrap_or(self.below));
        };
        let left = time_ms.saturating_add(age_ms).saturating_sub(now_ms);
        self.due = now.checked_add(Duration::from_millis(left).max(pause));
        self.raise(offset)
    }

    fn raise(&mut self, below: u64) -> bool {
        let more = below > self.below;
        self.below = self.below.max(below);
        more
    }
}
