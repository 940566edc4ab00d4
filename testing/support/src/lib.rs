//! What the test programs share: messages with known contents, peer processes spoken to by lines,
//! a watchdog, what the system says about a process, and the score that is printed at the end.
//!
//! Everything here is plain values that belong to the program that made them; the watchdog and the
//! reader of a peer's output have a thread of their own.

mod child;
mod contents;
mod machine;
mod score;
mod watchdog;

pub use child::{Child, reserve_tcp};
pub use contents::{Part, Spec};
pub use machine::{
    cpu_seconds, descriptors, descriptors_max, descriptors_of, pin_to, rss_kib, rss_kib_of,
};
pub use score::Score;
pub use watchdog::Watchdog;

/// What went wrong, in words for the report.
pub type Result<T, E = String> = std::result::Result<T, E>;

/// Adds what was being done to an error.
pub trait Doing<T> {
    /// The same result with `what` before the error.
    ///
    /// # Errors
    /// Those of `self`.
    fn doing(self, what: impl std::fmt::Display) -> Result<T>;
}

impl<T, E: std::fmt::Display> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl std::fmt::Display) -> Result<T> {
        self.map_err(|error| format!("{what}: {error}"))
    }
}
