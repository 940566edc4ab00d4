//! `cargo xtask test`: every check of the project in one command, in a fixed order, each announced
//! and timed, each under a watchdog.
//!
//! A step that fails does not keep the others from running. A step that could not run, because
//! something it needs is missing, is no pass: it is named and the task fails. The last line that is
//! printed counts the steps.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::install::Installer;
use crate::process::Program;
use crate::steps::{FOREIGN, Foreign};
use crate::tidy::{self, Tree};

/// Time after which a step that compiles counts as hung, on two slow cores.
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Time after which an example counts as hung.
const EXAMPLE_LIMIT: Duration = Duration::from_secs(120);

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Leave out what needs foreign programs.
    quick: bool,
    /// Ask no package registry.
    offline: bool,
}

impl Options {
    /// Reads the flags of `cargo xtask test`.
    pub(crate) fn parse(flags: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        for flag in flags {
            match *flag {
                "--quick" => options.quick = true,
                "--offline" => options.offline = true,
                other => {
                    return Err(format!("unknown flag `{other}`: there are --quick and --offline"));
                }
            }
        }
        Ok(options)
    }
}

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed(String),
    /// Something it needs is not there.
    NotRun(String),
}

/// Runs the steps in order and keeps the score.
struct Suite<'a> {
    root: &'a Path,
    target: PathBuf,
    offline: bool,
    report: Report,
}

/// Runs every step. The closing line is on the standard output; an error when a step did not pass.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), String> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let target = root.join(target);
    let mut suite = Suite { root, target, offline: options.offline, report: Report::default() };
    suite.report.step("tidy: the rules that source text can show", || passed_if(tidy::run(root)));
    suite.cargo_steps();
    suite.examples();
    suite.packages();
    if options.quick {
        println!("\n--quick: the steps that need foreign programs are left out");
    } else {
        let mut installer = Installer::new(root, &suite.target, options.offline);
        for step in FOREIGN {
            suite.foreign(step, &mut installer);
        }
    }
    suite.report.close()
}

impl Suite<'_> {
    /// A Cargo command line that honours `--offline`.
    fn cargo(&self, arguments: &[&str]) -> Program {
        let program = Program::cargo(self.root).args(arguments);
        if self.offline { program.env("CARGO_NET_OFFLINE", "true") } else { program }
    }

    fn run_cargo(&mut self, what: &str, program: Program) {
        let title = format!("{what}: {}", program.to_line());
        self.report.step(&title, || passed_if(program.run(BUILD_LIMIT)));
    }

    fn cargo_steps(&mut self) {
        let format = self.cargo(&["fmt", "--all", "--check"]);
        self.run_cargo("format", format);
        let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        let lints = self.cargo(&lints);
        self.run_cargo("lints", lints);
        let tests = self.cargo(&["test", "--workspace", "--no-fail-fast"]);
        self.run_cargo("tests of every crate, with the examples in the documentation", tests);
        // A target folder of its own: the flag would otherwise rebuild everything, twice.
        let loom = self.target.join("loom").to_string_lossy().into_owned();
        let models = self
            .cargo(&["test", "-p", "oxmq-pipe", "--release", "--test", "loom_*"])
            .env("RUSTFLAGS", "--cfg loom")
            .env("CARGO_TARGET_DIR", &loom);
        self.run_cargo("models of the pipe under loom", models);
        let models = self
            .cargo(&["test", "-p", "oxmq-message", "--release", "--lib"])
            .env("RUSTFLAGS", "--cfg loom")
            .env("CARGO_TARGET_DIR", &loom);
        self.run_cargo("models of the message under loom", models);
        let budget = ["test", "-p", "oxmq-engine", "--features", "budget", "--test", "budget"];
        let budget = self.cargo(&budget);
        self.run_cargo("what a message may cost", budget);
        let documentation =
            self.cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
        self.run_cargo("documentation", documentation);
    }

    /// Builds the examples, then runs each: it has to end by itself and to exit with 0.
    fn examples(&mut self) {
        let folder = self.root.join("crates/oxmq/examples");
        let names = example_names(&folder);
        if names.is_empty() {
            return;
        }
        // The profile of the tests, so that the crates they have built serve again.
        let build = self.cargo(&["build", "-p", "oxmq", "--examples", "--profile", "test"]);
        self.run_cargo("examples compile", build);
        for name in names {
            let binary = self.target.join("debug/examples").join(&name);
            let program = Program::new(self.root, binary);
            let title = format!("example {name}");
            self.report.step(&title, || passed_if(program.run(EXAMPLE_LIMIT)));
        }
    }

    /// Packs every crate that is meant for the registry.
    fn packages(&mut self) {
        let tree = match Tree::load(self.root) {
            Ok(tree) => tree,
            Err(error) => return self.report.step("packages", || Outcome::Failed(error)),
        };
        let mut arguments = vec!["package", "--no-verify", "--allow-dirty"];
        for manifest in tree.manifests.iter().filter(|m| m.path.starts_with("crates/")) {
            if manifest.published && !manifest.package.is_empty() {
                arguments.extend(["-p", manifest.package.as_str()]);
            }
        }
        let package = self.cargo(&arguments);
        self.run_cargo("packages for the registry", package);
    }

    fn foreign(&mut self, step: &Foreign, installer: &mut Installer) {
        let program = self
            .cargo(step.cargo)
            .env("OXMQ_PYTHON", &installer.python().to_string_lossy())
            .env("NODE_PATH", &installer.node_modules().to_string_lossy());
        let title =
            format!("{} ({}): {}: {}", step.name, step.folder, step.shows, program.to_line());
        self.report.step(&title, || match installer.bring(step) {
            Err(missing) => Outcome::NotRun(missing),
            Ok(()) => passed_if(program.run(step.limit)),
        });
    }
}

/// The score so far.
#[derive(Debug, Default)]
struct Report {
    passed: usize,
    failed: Vec<String>,
    not_run: Vec<String>,
}

impl Report {
    /// Announces a step, runs it, and says how it ended and how long it took.
    fn step(&mut self, title: &str, run: impl FnOnce() -> Outcome) {
        println!("\n==> {title}");
        let start = Instant::now();
        let outcome = run();
        let seconds = start.elapsed().as_secs_f64();
        let name = title.split(':').next().unwrap_or(title);
        match outcome {
            Outcome::Passed => {
                println!("<== passed in {seconds:.1} s: {name}");
                self.passed += 1;
            }
            Outcome::Failed(why) => {
                println!("<== FAILED in {seconds:.1} s: {name}: {why}");
                self.failed.push(format!("{name}: {why}"));
            }
            Outcome::NotRun(why) => {
                println!("<== NOT RUN: {name}: {why}");
                self.not_run.push(format!("{name}: {why}"));
            }
        }
    }

    /// Names what did not pass, and prints the closing line alone on the last line.
    fn close(self) -> Result<(), String> {
        println!();
        for failed in &self.failed {
            println!("failed: {failed}");
        }
        for not_run in &self.not_run {
            println!("not run: {not_run}");
        }
        if !self.not_run.is_empty() {
            println!("{} steps not run, which is no pass", self.not_run.len());
        }
        println!("{}", self.closing_line());
        // The lines above have said it all, and the closing line has to stay the last.
        if self.failed.is_empty() && self.not_run.is_empty() { Ok(()) } else { Err(String::new()) }
    }

    fn closing_line(&self) -> String {
        let mut line = format!("{} passed, {} failed", self.passed, self.failed.len());
        if !self.not_run.is_empty() {
            line.push_str(&format!(", {} skipped", self.not_run.len()));
        }
        line
    }
}

fn passed_if(result: Result<(), String>) -> Outcome {
    result.map_or_else(Outcome::Failed, |()| Outcome::Passed)
}

/// Names of the examples in `folder`: `a` for `a.rs` and for `a/main.rs`.
fn example_names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeSet::new() };
    entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_example =
                path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").is_file();
            is_example.then(|| path.file_stem().map(|name| name.to_string_lossy().into_owned()))?
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_and_unknown_ones_refused() {
        assert_eq!(Options::parse(&[]), Ok(Options::default()));
        let both = Options { quick: true, offline: true };
        assert_eq!(Options::parse(&["--offline", "--quick"]), Ok(both));
        assert!(Options::parse(&["--quik"]).is_err_and(|m| m.contains("`--quik`")));
    }

    #[test]
    fn the_closing_line_counts_the_steps() {
        let mut report = Report::default();
        report.step("a: x", || Outcome::Passed);
        report.step("b: x", || Outcome::Passed);
        assert_eq!(report.closing_line(), "2 passed, 0 failed");
        assert_eq!(report.close(), Ok(()));
    }

    #[test]
    fn a_failed_step_fails_the_task() {
        let mut report = Report::default();
        report.step("a: x", || Outcome::Failed("broken".to_owned()));
        assert_eq!(report.failed, ["a: broken"]);
        assert_eq!(report.closing_line(), "0 passed, 1 failed");
        assert!(report.close().is_err());
    }

    #[test]
    fn a_step_that_did_not_run_is_no_pass() {
        let mut report = Report::default();
        report.step("a: x", || Outcome::Passed);
        report.step("b: x", || Outcome::NotRun("missing: npm".to_owned()));
        assert_eq!(report.closing_line(), "1 passed, 0 failed, 1 skipped");
        assert!(report.close().is_err());
    }

    #[test]
    fn examples_are_found_by_their_file() {
        let names = example_names(&crate::workspace_root().join("xtask/src"));
        assert!(names.contains("suite") && !names.contains("tidy.rs"), "{names:?}");
        assert!(example_names(Path::new("no-such-folder")).is_empty());
    }
}
