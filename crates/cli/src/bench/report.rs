//! What a bench prints of each measurement: text with percentiles and a histogram, or a line of
//! JSON. Pure functions of the results, but for the printing.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::measure::Measured;
use crate::failure::Failure;

/// Rows of a histogram.
const ROWS: u32 = 16;
/// The longest row, in characters.
const WIDTH: u64 = 40;

/// Percentiles, with the names that they have in JSON.
const PERCENTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999)];

/// Writes a result on standard output.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{text}").map_err(|error| Failure::output(&error))
}

/// Figures of a measurement that both forms have.
struct Figures {
    messages: u64,
    seconds: f64,
    per_second: f64,
    bytes_per_second: f64,
    /// Of both ends, for each message or round trip.
    cpu_us: f64,
}

#[expect(clippy::cast_precision_loss, reason = "figures to look at have a few digits")]
impl Figures {
    /// `shared`: both ends are one process, whose processor time each end has counted.
    fn of(measured: &Measured, shared: bool) -> Figures {
        let messages = measured.far.messages;
        let seconds = match &measured.round_trips {
            // The end that received has the time from its first message to the end.
            None => measured.far.nanoseconds as f64 * 1e-9,
            Some(_) => measured.elapsed.as_secs_f64(),
        };
        let per_second = if seconds > 0.0 { messages as f64 / seconds } else { 0.0 };
        let far = if shared { 0 } else { measured.far.cpu_nanoseconds };
        let cpu = (measured.near_cpu_nanoseconds + far) as f64;
        Figures {
            messages,
            seconds,
            per_second,
            bytes_per_second: per_second * measured.order.size as f64,
            cpu_us: cpu * 1e-3 / messages.max(1) as f64,
        }
    }
}

/// One line for a throughput; a table and a histogram for round trips.
pub(super) fn text(measured: &Measured, shared: bool) -> String {
    let figures = Figures::of(measured, shared);
    let Figures { messages, seconds, per_second, bytes_per_second, cpu_us } = figures;
    let title = format!("{}, {} B", measured.order.kind.title(), measured.order.size);
    let Some(times) = &measured.round_trips else {
        return format!(
            "{title}: {per_second:.0} messages/s, {:.1} MB/s, {cpu_us:.3} us \
             of processor time each ({messages} messages in {seconds:.2} s)",
            bytes_per_second * 1e-6
        );
    };
    let mut text = format!(
        "{title}: median {} us, {cpu_us:.1} us of processor time each ({messages} in \
         {seconds:.2} s)\n",
        us(times.value_at_quantile(0.5))
    );
    let (min, mean, max) = (us(times.min()), times.mean() * 1e-3, us(times.max()));
    let _ = write!(text, "  us: min {min}  mean {mean:.1}  max {max}\n     ");
    for (name, share) in PERCENTILES {
        let _ = write!(text, "  {name} {}", us(times.value_at_quantile(share)));
    }
    text.push('\n');
    for row in rows(times) {
        let bar = "#".repeat(usize::try_from(row.width).unwrap_or(0));
        let (from, to) = (us(row.from), us(row.to));
        let _ = writeln!(text, "{from:>12} to {to:>10} us {:>9} {bar}", row.count);
    }
    text.truncate(text.trim_end().len());
    text
}

/// All of it in one line.
pub(super) fn json(measured: &Measured, at: &str, ends: &str, shared: bool) -> String {
    let figures = Figures::of(measured, shared);
    let mut value = json!({
        "test": match measured.round_trips { None => "throughput", Some(_) => "latency" },
        "endpoint": at,
        "ends": ends,
        "size": measured.order.size,
        "messages": figures.messages,
        "seconds": figures.seconds,
        "messages_per_second": figures.per_second,
        "bytes_per_second": figures.bytes_per_second,
        "cpu_us": figures.cpu_us,
    });
    if let (Some(times), Value::Object(object)) = (&measured.round_trips, &mut value) {
        object.insert("round_trip_ns".to_owned(), summary(times));
        let rows = rows(times).into_iter();
        let rows = rows.map(|row| json!({"from": row.from, "to": row.to, "count": row.count}));
        object.insert("histogram_ns".to_owned(), rows.collect());
    }
    value.to_string()
}

fn summary(times: &Histogram<u64>) -> Value {
    let mut value = serde_json::Map::new();
    value.insert("min".to_owned(), times.min().into());
    value.insert("mean".to_owned(), times.mean().into());
    for (name, share) in PERCENTILES {
        value.insert(name.to_owned(), times.value_at_quantile(share).into());
    }
    value.insert("max".to_owned(), times.max().into());
    value.into()
}

/// A row of a histogram: times from `from` to just below `to`.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    from: u64,
    to: u64,
    count: u64,
    /// Characters of its bar; one at least where anything is.
    width: u64,
}

/// The rows from the least time to the greatest, each as many times as wide as the one before.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "edges of a picture; a cast to an integer saturates"
)]
fn rows(times: &Histogram<u64>) -> Vec<Row> {
    let (least, most) = (times.min().max(1), times.max().saturating_add(1));
    let ratio = (most as f64 / least as f64).powf(1.0 / f64::from(ROWS));
    let edge = |row: u32| match row {
        ROWS => most,
        row => (least as f64 * ratio.powi(row as i32)).round() as u64,
    };
    let mut rows: Vec<Row> = Vec::new();
    for row in 0..ROWS {
        let (from, to) = (edge(row), edge(row + 1));
        if from < to {
            rows.push(Row { from, to, count: 0, width: 0 });
        }
    }
    for recorded in times.iter_recorded() {
        // The first edge is not above the least time: there is such a row.
        let value = recorded.value_iterated_to().clamp(least, most - 1);
        let place = rows.partition_point(|row| row.to <= value);
        if let Some(row) = rows.get_mut(place) {
            row.count += recorded.count_at_value();
        }
    }
    let highest = rows.iter().map(|row| row.count).max().unwrap_or(0).max(1);
    for row in &mut rows {
        row.width = (row.count * WIDTH).div_ceil(highest);
    }
    rows
}

/// Microseconds with a digit or two behind the point.
#[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
fn us(nanoseconds: u64) -> String {
    let us = nanoseconds as f64 * 1e-3;
    if us < 10.0 { format!("{us:.2}") } else { format!("{us:.1}") }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

    use std::time::Duration;

    use super::super::talk::{Kind, Order, Tally};
    use super::*;

    fn measured(times: Option<&[u64]>) -> Measured {
        let round_trips = times.map(|times| {
            let mut histogram = Histogram::new_with_bounds(1, 1_000_000_000, 3).unwrap();
            times.iter().for_each(|time| histogram.saturating_record(*time));
            histogram
        });
        let kind = if times.is_some() { Kind::Latency } else { Kind::Throughput };
        Measured {
            order: Order { kind, size: 100 },
            far: Tally { messages: 1000, nanoseconds: 500_000_000, cpu_nanoseconds: 3_000_000 },
            near_cpu_nanoseconds: 2_000_000,
            round_trips,
            elapsed: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_throughput_is_what_the_receiver_saw() {
        let line = text(&measured(None), false);
        assert_eq!(
            line,
            "throughput, 100 B: 2000 messages/s, 0.2 MB/s, 5.000 us of processor time each (1000 \
             messages in 0.50 s)"
        );
        assert!(text(&measured(None), true).contains("2.000 us"), "one process is counted once");
        let value: Value = serde_json::from_str(&json(&measured(None), "x", "y", false)).unwrap();
        assert_eq!(value["messages_per_second"], 2000.0);
        assert_eq!(value["bytes_per_second"], 200_000.0);
        assert_eq!(value["histogram_ns"], Value::Null);
    }

    #[test]
    fn every_round_trip_is_in_one_row_of_the_histogram() {
        let times = [900, 1000, 1000, 1100, 5000, 20_000, 20_001, 999_999];
        let measured = measured(Some(&times));
        let rows = rows(measured.round_trips.as_ref().unwrap());
        assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), times.len() as u64);
        assert!(rows.windows(2).all(|pair| pair[0].to == pair[1].from), "{rows:?}");
        assert!(rows.iter().all(|row| (row.width > 0) == (row.count > 0)), "{rows:?}");
        let text = text(&measured, false);
        assert!(text.contains("min 0.90"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        let value: Value = serde_json::from_str(&json(&measured, "x", "y", false)).unwrap();
        assert_eq!(value["test"], "latency");
        assert_eq!(value["round_trip_ns"]["p50"], 1100);
    }

    #[test]
    fn round_trips_of_one_length_are_one_row() {
        let measured = measured(Some(&[1, 1, 1]));
        let rows = rows(measured.round_trips.as_ref().unwrap());
        assert_eq!(rows, [Row { from: 1, to: 2, count: 3, width: WIDTH }]);
    }
}
