//! What the commands say to people, on standard error: where they listen, what happened, what to
//! do. A stream that nobody reads any more is no reason to end, so failures to write are passed
//! over. Any thread may call.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line on standard error, with the program's name in front.
pub(crate) fn tell(what: impl Display) {
    // In one write, so that the lines of several processes on one terminal stay whole.
    let line = format!("oxmq: {what}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}
