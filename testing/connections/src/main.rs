//! Ten thousand connections to one socket, the two ends in two processes: opened, used for one
//! message each and closed, in rounds, after which both ends must be as they were before.
//!
//! `oxmq-connections [COUNT]` runs the whole, with 10,000 connections by default; it starts itself
//! again as the end that connects. Each end is driven by its main thread; the watchdog has another.

mod client;
mod footprint;
mod heap;
mod server;

use std::process::ExitCode;
use std::time::Duration;

use oxmq_testing::{Result, Score, Watchdog, descriptors_max};

use crate::server::Pattern;

/// Time after which a round counts as hung.
const ROUND_LIMIT: Duration = Duration::from_secs(60);
/// Connections if the command line names no number.
const COUNT: usize = 10_000;
/// Descriptors of a process beyond those of its connections.
const DESCRIPTORS_BESIDE: u64 = 3000;
/// How often the connections are opened and closed.
const ROUNDS: usize = 3;

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some(client::ARGUMENT) {
        return match client::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // The other end reads it as the answer to what it asked for.
                println!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    let mut score = Score::new();
    let count = match connections(argument.as_deref()) {
        Ok(count) => count,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let watchdog = Watchdog::start(ROUND_LIMIT);
    for pattern in [Pattern::pipeline(count), Pattern::routed(count)] {
        server::run(&pattern, ROUNDS, &watchdog, &mut score);
    }
    score.close()
}

/// The number on the command line, if this process may open as many descriptors.
fn connections(argument: Option<&str>) -> Result<usize> {
    let count = match argument.map(str::parse) {
        None => COUNT,
        Some(Ok(count)) if count > 0 => count,
        Some(_) => return Err("usage: oxmq-connections [COUNT]".to_owned()),
    };
    let limit = descriptors_max();
    if count as u64 + DESCRIPTORS_BESIDE > limit {
        return Err(format!("{count} connections need more descriptors than {limit}"));
    }
    Ok(count)
}
