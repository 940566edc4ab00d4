//! The bar that shows how far a measurement is, on a terminal only. The main thread owns and moves
//! it, seldom enough not to be felt in what is measured.

use std::cell::Cell;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::measure::Extent;

/// How often the bar moves.
const STEP: Duration = Duration::from_millis(100);

/// Steps of a whole bar.
const STEPS: u64 = 1000;

/// See the file's first paragraph.
pub(super) struct Bar {
    bar: ProgressBar,
    extent: Extent,
    /// Time of the measurement at which it moves next.
    next: Cell<Duration>,
}

impl Bar {
    pub(super) fn new(title: &str, extent: Extent, quiet: bool) -> Bar {
        // A target that is no terminal shows nothing by itself.
        let target = match quiet {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(Some(STEPS), target);
        if let Ok(style) = ProgressStyle::with_template("{msg:<24} {bar:40} {percent:>3} %") {
            bar.set_style(style);
        }
        bar.set_message(title.to_owned());
        let next = if bar.is_hidden() { Duration::MAX } else { STEP };
        Bar { bar, extent, next: Cell::new(next) }
    }

    /// Moves the bar, if it is time.
    pub(super) fn show(&self, messages: u64, elapsed: Duration) {
        if elapsed < self.next.get() {
            return;
        }
        self.next.set(elapsed + STEP);
        self.bar.set_position(step(self.extent, messages, elapsed));
    }

    /// Takes the bar away, for the result.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn step(extent: Extent, messages: u64, elapsed: Duration) -> u64 {
    let (done, whole) = match extent {
        Extent::Messages(count) => (u128::from(messages), u128::from(count)),
        Extent::Time(time) => (elapsed.as_nanos(), time.as_nanos()),
    };
    let step = done * u128::from(STEPS) / whole.max(1);
    u64::try_from(step).map_or(STEPS, |step| step.min(STEPS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_moves_with_messages_or_with_time() {
        let second = Duration::from_secs(1);
        assert_eq!(step(Extent::Messages(200), 50, second), STEPS / 4);
        assert_eq!(step(Extent::Time(4 * second), 50, second), STEPS / 4);
        assert_eq!(step(Extent::Time(Duration::ZERO), 0, second), STEPS);
        assert_eq!(step(Extent::Messages(1), u64::MAX, second), STEPS);
    }
}
