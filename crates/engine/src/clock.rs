//! The time that sockets go by: the system's, or that of a simulation. A context has one, and its
//! sockets and their durable parts ask it; any thread may.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

#[cfg(feature = "simulation")]
use crate::simulation::Time;

/// See the file's first paragraph.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    /// In the place of the system's.
    #[cfg(feature = "simulation")]
    time: Option<Time>,
}

impl Clock {
    /// A clock that shows a simulation's time.
    #[cfg(feature = "simulation")]
    pub(crate) fn simulated(time: Time) -> Clock {
        Clock { time: Some(time) }
    }

    /// Now.
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        #[cfg(feature = "simulation")]
        if let Some(time) = &self.time {
            return time.now();
        }
        Instant::now()
    }

    /// Microseconds since 1970.
    pub(crate) fn unix_micros(&self) -> u64 {
        #[cfg(feature = "simulation")]
        if let Some(time) = &self.time {
            return time.unix_micros();
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }
}
