//! The score of a test program: a line for each check as it ends, a summary at the end. Owned by
//! the main thread.

use std::process::ExitCode;
use std::time::Instant;

use crate::Result;

/// Counts of checks.
#[derive(Debug, Default)]
pub struct Score {
    passed: usize,
    failed: Vec<String>,
}

impl Score {
    /// A score without checks.
    pub fn new() -> Score {
        Score::default()
    }

    /// Runs a check and prints how it ended, with what it has to report.
    pub fn check(&mut self, name: &str, run: impl FnOnce() -> Result<String>) {
        let start = Instant::now();
        let result = run();
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(note) => {
                self.passed += 1;
                println!("ok     {name}  ({seconds:.2} s) {note}");
            }
            Err(why) => {
                println!("FAILED {name}  ({seconds:.2} s): {why}");
                self.failed.push(name.to_owned());
            }
        }
    }

    /// Prints the summary; a success only if there was a check and none failed.
    pub fn close(self) -> ExitCode {
        for name in &self.failed {
            println!("failed: {name}");
        }
        println!("{} passed, {} failed", self.passed, self.failed.len());
        let good = self.failed.is_empty() && self.passed > 0;
        if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
