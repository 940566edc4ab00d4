//! Live rates of the devices: what passed since the last look, and in all. Owned and printed by
//! the main thread: as a table that is drawn over on a terminal, as a line on standard error
//! elsewhere.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Instant;

use super::device::Device;
use crate::tell::tell;

/// What passed in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    messages: u64,
    bytes: u64,
}

/// One direction of one device.
struct Row {
    device: usize,
    label: String,
    direction: &'static str,
    forward: bool,
    last: Count,
    /// Per second.
    rate: Count,
}

/// See the file's first paragraph.
pub(super) struct Rates {
    rows: Vec<Row>,
    looked: Instant,
    /// The table stands on the terminal and is drawn over.
    drawn: bool,
}

impl Rates {
    pub(super) fn new(devices: &[Device], now: Instant) -> Rates {
        let mut rows = Vec::new();
        for (device, described) in devices.iter().enumerate() {
            let row = |direction, forward| Row {
                device,
                label: described.label().to_owned(),
                direction,
                forward,
                last: Count::default(),
                rate: Count::default(),
            };
            rows.push(row("front to back", true));
            if described.returns() {
                rows.push(row("back to front", false));
            }
        }
        Rates { rows, looked: now, drawn: false }
    }

    /// Looks at the devices and shows what passed since the last time.
    pub(super) fn show(&mut self, devices: &[Device], now: Instant, terminal: bool) {
        let seconds = now.duration_since(self.looked).as_secs_f64();
        self.looked = now;
        for row in &mut self.rows {
            let statistics = devices[row.device].statistics();
            let flow = if row.forward { statistics.frontend } else { statistics.backend };
            row.look(Count { messages: flow.messages_in, bytes: flow.bytes_in }, seconds);
        }
        if terminal {
            let text = table(&self.rows, self.drawn);
            self.drawn = true;
            let mut out = io::stdout().lock();
            // A terminal that went away is no reason to end a device.
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        } else {
            tell(line(&self.rows));
        }
    }
}

impl Row {
    fn look(&mut self, now: Count, seconds: f64) {
        self.rate = Count {
            messages: per_second(now.messages.saturating_sub(self.last.messages), seconds),
            bytes: per_second(now.bytes.saturating_sub(self.last.bytes), seconds),
        };
        self.last = now;
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate to look at; a cast to an integer saturates"
)]
fn per_second(count: u64, seconds: f64) -> u64 {
    if seconds > 0.0 { (count as f64 / seconds).round() as u64 } else { 0 }
}

/// The table, drawn over the one before if there is one.
fn table(rows: &[Row], over: bool) -> String {
    let mut text = String::new();
    if over {
        // Up to the first line of the table before.
        let _ = write!(text, "\x1b[{}A", rows.len() + 2);
    }
    let mut line = |content: &str| {
        let _ = writeln!(text, "{content}\x1b[K");
    };
    line("");
    line(&format!(
        "{:<12} {:<14} {:>11} {:>11} {:>13} {:>10}",
        "device", "direction", "messages/s", "bytes/s", "messages", "bytes"
    ));
    for row in rows {
        line(&format!(
            "{:<12} {:<14} {:>11} {:>11} {:>13} {:>10}",
            row.label,
            row.direction,
            row.rate.messages,
            bytes(row.rate.bytes),
            row.last.messages,
            bytes(row.last.bytes)
        ));
    }
    text
}

/// All rows in one line.
fn line(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let between = if text.is_empty() { "" } else { "; " };
        let _ = write!(
            text,
            "{between}{} {}: {} messages/s, {}/s, {} in all",
            row.label,
            row.direction,
            row.rate.messages,
            bytes(row.rate.bytes),
            row.last.messages
        );
    }
    text
}

/// An amount of bytes with a decimal unit and three digits.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let (mut whole, mut rest) = (count, 0);
    let mut unit = "";
    for next in UNITS {
        if whole < 1000 {
            break;
        }
        (whole, rest, unit) = (whole / 1000, whole % 1000, next);
    }
    if whole < 10 {
        format!("{whole}.{:02} {unit}", rest / 10)
    } else {
        format!("{whole}.{} {unit}", rest / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            device: 0,
            label: "queue".to_owned(),
            direction: "front to back",
            forward: true,
            last: Count { messages: 100, bytes: 1000 },
            rate: Count::default(),
        }
    }

    #[test]
    fn rates_are_what_came_since_the_last_look() {
        let mut row = row();
        row.look(Count { messages: 600, bytes: 6000 }, 0.5);
        assert_eq!(row.rate, Count { messages: 1000, bytes: 10_000 });
        row.look(Count { messages: 600, bytes: 6000 }, 0.5);
        assert_eq!(row.rate, Count::default());
        row.look(Count { messages: 700, bytes: 6000 }, 0.0);
        assert_eq!(row.rate, Count::default());
    }

    #[test]
    fn amounts_have_three_digits_and_a_unit() {
        let shown = [0, 999, 1000, 9_990, 10_000, 123_456, 1_500_000, u64::MAX].map(bytes);
        let expected =
            ["0 B", "999 B", "1.00 kB", "9.99 kB", "10.0 kB", "123.4 kB", "1.50 MB", "18.4 EB"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_table_is_drawn_over_the_one_before() {
        let rows = [row(), row()];
        let first = table(&rows, false);
        assert_eq!(first.lines().count(), 4);
        assert!(!first.contains("\x1b[4A"));
        assert!(table(&rows, true).starts_with("\x1b[4A"));
        assert!(first.lines().all(|line| line.trim_end_matches("\x1b[K").len() <= 79));
    }

    #[test]
    fn elsewhere_a_line_tells_all() {
        let mut row = row();
        row.look(Count { messages: 300, bytes: 3000 }, 1.0);
        assert_eq!(line(&[row]), "queue front to back: 200 messages/s, 2.00 kB/s, 300 in all");
    }
}
