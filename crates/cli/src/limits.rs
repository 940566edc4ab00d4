//! The bounds of the commands, each with its unit. Constants; they belong to nobody.

use std::time::Duration;

/// Longest input line, and largest file sent as one message, in bytes.
pub(crate) const INPUT_BYTES_MAX: u64 = 1 << 30;

/// Messages that are read from the input ahead of the one being sent.
pub(crate) const INPUT_AHEAD_MAX: usize = 64;

/// How long a device that is ending waits without traffic before it takes the line for empty: what
/// a peer had written needs this long at most to come through the kernel of the same machine.
pub(crate) const DRAIN_QUIET: Duration = Duration::from_millis(100);

/// What closing may take beyond the linger time, for the farewells; and how long it may take
/// before the user is told of it.
pub(crate) const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// How often a terminal shows new rates.
pub(crate) const RATES_INTERVAL: Duration = Duration::from_secs(1);
