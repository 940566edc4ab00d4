//! Many clients and many services through the devices of the real `oxmq` command: stock ones, and
//! ours among them. Prints a line for each scenario and a summary.
//!
//! `oxmq-nm all [TEXT]` runs the scenarios whose name contains TEXT. The main thread drives
//! everything; devices and stock peers are processes of their own.

mod chain;
mod device;
mod orders;
mod ours;
mod restart;
mod stock;

use std::process::ExitCode;
use std::time::Duration;

use oxmq_testing::{Score, Watchdog};

/// Time after which a scenario counts as hung.
const SCENARIO_LIMIT: Duration = Duration::from_secs(120);

/// What the scenarios of a run share.
struct Run {
    score: Score,
    watchdog: Watchdog,
    filter: String,
}

impl Run {
    /// Runs a scenario if the command line asks for it.
    fn scenario(&mut self, name: &str, run: impl FnOnce() -> oxmq_testing::Result<String>) {
        if name.contains(&self.filter) {
            self.watchdog.feed(name);
            self.score.check(name, run);
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|what| what != "all") {
        println!("usage: oxmq-nm all [TEXT]");
        return ExitCode::FAILURE;
    }
    if let Err(error) = device::build() {
        println!("FAILED building the command: {error}");
        return ExitCode::FAILURE;
    }
    let filter = arguments.get(1).cloned().unwrap_or_default();
    let mut run = Run { score: Score::new(), watchdog: Watchdog::start(SCENARIO_LIMIT), filter };
    chain::run(&mut run);
    restart::run(&mut run);
    orders::run(&mut run);
    run.score.close()
}
