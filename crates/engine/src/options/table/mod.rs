//! The table of socket options, in files by subject. Constants; any thread may read them.

mod absent;
mod connection;
mod durable;
mod multicast;
mod pattern;
mod security;
mod transport;

use std::time::Duration;

use super::row::OptionRow;

/// All rows.
pub fn rows() -> impl Iterator<Item = &'static OptionRow> {
    [
        connection::ROWS,
        pattern::ROWS,
        security::ROWS,
        transport::ROWS,
        multicast::ROWS,
        durable::ROWS,
        absent::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// The row of the option with this number of the C API.
#[must_use]
pub fn row(code: i32) -> Option<&'static OptionRow> {
    rows().find(|row| row.code == code && code != 0)
}

/// The row of the option with this name, which is written in capitals and without `ZMQ_`.
#[must_use]
pub fn row_named(name: &str) -> Option<&'static OptionRow> {
    rows().find(|row| row.name == name)
}

/// A time in milliseconds where `none` stands for `None`.
fn to_ms(time: Option<Duration>, none: i32) -> i32 {
    time.map_or(none, |time| i32::try_from(time.as_millis()).unwrap_or(i32::MAX))
}

/// The reverse of [`to_ms`]. A negative time other than `none` does not pass the range check.
fn from_ms(ms: i32, none: i32) -> Option<Duration> {
    (ms != none).then(|| Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

/// A count as an `int`, and back. A negative count does not pass the range check.
fn to_int(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn from_int(int: i32) -> usize {
    usize::try_from(int).unwrap_or(0)
}

/// A limit where -1 stands for `None`.
fn to_i64(limit: Option<u64>) -> i64 {
    limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX))
}

fn from_i64(limit: i64) -> Option<u64> {
    u64::try_from(limit).ok()
}
