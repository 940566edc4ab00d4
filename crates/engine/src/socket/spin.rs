//! Looking again and again for a short time before a thread sleeps: where the other end runs on a
//! processor of its own, what a wait is for comes sooner than a sleeper could be woken. Between two
//! looks the thread yields its processor to whoever else wants it, which may be the other end.
//!
//! A spinner belongs to one direction of one socket; any thread that waits there may use it. It
//! learns: a spin in vain is followed by waits without one, twice as many each time, and a spin
//! that paid by a spin at the next wait. So it costs next to nothing where the other end is slow,
//! where other programs want the processors, and where there is but one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::limits::{SPIN, SPIN_RESTS_MAX};

/// See the file's first paragraph.
#[derive(Debug, Default)]
pub(crate) struct Spinner {
    /// Waits that go to sleep at once before the next spin.
    rests: AtomicU32,
    /// How many there were after the last spin in vain; zero after one that paid.
    pause: AtomicU32,
}

impl Spinner {
    /// Calls `look` until it is true, for as long as may pay and until the deadline at most. False
    /// if the caller has to sleep.
    pub(crate) fn until(&self, deadline: Option<Instant>, look: impl FnMut() -> bool) -> bool {
        self.may_spin() && self.spin(SPIN, deadline, look)
    }

    fn may_spin(&self) -> bool {
        // Two threads of one socket may count the same wait; it does not matter.
        let rests = self.rests.load(Ordering::Relaxed);
        if rests > 0 {
            self.rests.store(rests - 1, Ordering::Relaxed);
        }
        rests == 0
    }

    fn spin(
        &self,
        time: Duration,
        deadline: Option<Instant>,
        mut look: impl FnMut() -> bool,
    ) -> bool {
        let began = Instant::now();
        loop {
            // First of all: with one processor the other end has to run before there is something.
            std::thread::yield_now();
            let found = look();
            let now = Instant::now();
            // Long after the time, the system gave the processor to somebody who needs it more.
            let over = now.duration_since(began) > time;
            if found {
                if over {
                    self.in_vain();
                } else {
                    self.pause.store(0, Ordering::Relaxed);
                }
                return true;
            }
            if over {
                self.in_vain();
                return false;
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return false;
            }
        }
    }

    fn in_vain(&self) {
        let pause = (self.pause.load(Ordering::Relaxed) * 2 + 1).min(SPIN_RESTS_MAX);
        self.pause.store(pause, Ordering::Relaxed);
        self.rests.store(pause, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    /// How many of the next waits spin, none of them with success.
    fn spins_of(spinner: &Spinner, waits: u32) -> usize {
        (0..waits)
            .filter(|_| {
                let spins = spinner.may_spin();
                if spins {
                    assert!(!spinner.spin(Duration::ZERO, None, || false));
                }
                spins
            })
            .count()
    }

    #[test]
    fn who_spins_in_vain_spins_ever_less() {
        let spinner = Spinner::default();
        assert!(!spinner.spin(Duration::ZERO, None, || false));
        let rests = |spinner: &Spinner| spinner.rests.load(Ordering::Relaxed);
        assert_eq!(rests(&spinner), 1);
        // After one wait without, after three, after seven, after fifteen.
        assert_eq!(spins_of(&spinner, 2 + 4 + 8 + 16), 4);
        assert!(spins_of(&spinner, 100 * SPIN_RESTS_MAX) <= 110);
        assert_eq!(spinner.pause.load(Ordering::Relaxed), SPIN_RESTS_MAX);
    }

    #[test]
    fn who_spun_with_success_spins_again() {
        let spinner = Spinner::default();
        spinner.in_vain();
        spinner.rests.store(0, Ordering::Relaxed);
        let mut left = 3;
        let found = spinner.spin(LONG, None, || {
            left -= 1;
            left == 0
        });
        assert!(found && left == 0);
        assert!(spinner.may_spin());
    }

    #[test]
    fn what_is_found_long_after_the_time_is_found_but_does_not_pay() {
        let spinner = Spinner::default();
        assert!(spinner.spin(Duration::ZERO, None, || true));
        assert!(!spinner.may_spin());
    }

    #[test]
    fn a_deadline_ends_a_spin() {
        let spinner = Spinner::default();
        assert!(!spinner.spin(LONG, Some(Instant::now()), || false));
        assert!(spinner.may_spin(), "a short timeout says nothing of the other end");
    }
}
