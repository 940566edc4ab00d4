//! Durations as they are written on the command line: `500ms`, `2s`, `1.5m`, `0`, `forever`.
//! Plain values made by the argument parser.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Longest duration that is not `forever`: a year of 366 days.
const SECONDS_MAX: f64 = 366.0 * 86_400.0;

/// A time limit; `None` is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) Option<Duration>);

/// A duration with an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(unit_at);
        let scale = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" | "" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(form(text)),
        };
        let seconds = number.parse::<f64>().map_err(|_| form(text))? * scale;
        if !(0.0..=SECONDS_MAX).contains(&seconds) {
            return Err(format!("\"{text}\" is more than a year; write forever for no limit"));
        }
        Duration::try_from_secs_f64(seconds).map(Span).map_err(|_| form(text))
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Limit, String> {
        match text {
            "forever" => Ok(Limit(None)),
            _ => text.parse::<Span>().map(|span| Limit(Some(span.0))),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(duration) => write!(f, "{duration:?}"),
            None => f.write_str("forever"),
        }
    }
}

fn form(text: &str) -> String {
    format!("\"{text}\" is not a duration; write a number and a unit: 500ms, 2s, 1.5m, 1h")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

    use super::*;

    #[test]
    fn numbers_take_a_unit_and_are_seconds_without() {
        let millis = |text: &str| text.parse::<Span>().unwrap().0.as_micros();
        assert_eq!(millis("500ms"), 500_000);
        assert_eq!(millis("2"), 2_000_000);
        assert_eq!(millis("2s"), 2_000_000);
        assert_eq!(millis("1.5m"), 90_000_000);
        assert_eq!(millis("7us"), 7);
        assert_eq!(millis("0"), 0);
        assert_eq!("forever".parse::<Limit>().unwrap().0, None);
    }

    #[test]
    fn nonsense_is_refused_with_the_form() {
        for text in ["", "s", "-1s", "1..2s", "2 s", "2d", "nan", "forever1"] {
            assert!(text.parse::<Span>().unwrap_err().contains("500ms"), "{text}");
        }
        assert!("99999999h".parse::<Span>().unwrap_err().contains("forever"));
    }
}
