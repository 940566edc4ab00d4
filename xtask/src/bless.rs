//! `cargo xtask bless`: writes the pages of doc/ that are generated from tables in the code.
//!
//! The test that compares a page with its table writes the page when `OXMQ_BLESS` is set, so the
//! generator and the check cannot drift apart.

use std::path::Path;
use std::time::Duration;

use crate::process::Program;

/// Longest a build of the engine's tests may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Writes doc/options.md from the options table of the engine.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    Program::cargo(root)
        .args(&["test", "-p", "oxmq-engine", "options_md"])
        .env("OXMQ_BLESS", "1")
        .run(LIMIT)
}
