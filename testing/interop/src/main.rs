//! Runs sockets of oxmq against programs written with other ZeroMQ libraries, and prints a line for
//! each cell of the matrix and a summary.
//!
//! `oxmq-interop all` runs everything; `oxmq-interop matrix [TEXT]`, `security [TEXT]`,
//! `old [TEXT]` and `wire [TEXT]` run a part of it, of that the cells whose name contains TEXT.
//! Everything is driven by the main thread; each foreign peer is a process of its own.

mod late;
mod matrix;
mod old;
mod ours;
mod peers;
mod security;
mod wire;
mod zap;
mod zeromq_rs;

use std::process::ExitCode;
use std::time::Duration;

use oxmq_testing::{Score, Watchdog};

/// Time after which a cell counts as hung.
const CELL_LIMIT: Duration = Duration::from_secs(120);

/// What the cells of a run share.
struct Run {
    score: Score,
    watchdog: Watchdog,
    filter: String,
}

impl Run {
    /// Runs a cell if the command line asks for it.
    fn cell(&mut self, name: &str, run: impl FnOnce() -> oxmq_testing::Result<String>) {
        if name.contains(&self.filter) {
            self.watchdog.feed(name);
            self.score.check(name, run);
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let what = arguments.first().map_or("all", String::as_str);
    if what == "zeromq-rs" {
        return match zeromq_rs::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("zeromq-rs: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let filter = arguments.get(1).cloned().unwrap_or_default();
    let mut run = Run { score: Score::new(), watchdog: Watchdog::start(CELL_LIMIT), filter };
    let all = what == "all";
    if !["all", "matrix", "security", "old", "wire"].contains(&what) {
        println!("usage: oxmq-interop all | matrix | security | old | wire [TEXT]");
        return ExitCode::FAILURE;
    }
    if all || what == "wire" {
        wire::run(&mut run);
    }
    if all || what == "matrix" {
        matrix::run(&mut run);
        late::run(&mut run);
    }
    if all || what == "security" {
        security::run(&mut run);
        zap::run(&mut run);
    }
    if all || what == "old" {
        old::run(&mut run);
    }
    run.score.close()
}
