//! The table of steps that need foreign programs: for each, the packages it needs and the command
//! that runs it. `install.rs` brings the packages, `suite.rs` runs the commands.
//!
//! To add a step, put its programs in a crate below `testing/` and add a row here. A row stands
//! here only when its folder does; the tests below see to that.

use std::time::Duration;

/// One step that needs more than the Rust toolchain.
#[derive(Debug)]
pub(crate) struct Foreign {
    /// The name that the report prints.
    pub(crate) name: &'static str,
    /// What it shows, in a few words.
    pub(crate) shows: &'static str,
    /// The folder that holds it, from the workspace root.
    pub(crate) folder: &'static str,
    /// Packages of Debian.
    pub(crate) debian: &'static [&'static str],
    /// Packages of PyPI, as `pip install` takes them; they go into `target/interop/venv`.
    pub(crate) pypi: &'static [&'static str],
    /// Packages of npm, as `npm install` takes them; they go into `target/interop/node_modules`.
    pub(crate) npm: &'static [&'static str],
    /// Arguments of the Cargo that runs it.
    pub(crate) cargo: &'static [&'static str],
    /// Time after which it counts as hung.
    pub(crate) limit: Duration,
}

/// Every such step, in the order in which they run.
pub(crate) const FOREIGN: &[Foreign] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_folder_and_something_to_run() {
        for step in FOREIGN {
            assert!(crate::workspace_root().join(step.folder).is_dir(), "{}", step.folder);
            assert!(!step.cargo.is_empty() && !step.limit.is_zero(), "{}", step.name);
        }
    }

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<&str> = FOREIGN.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FOREIGN.len());
    }
}
