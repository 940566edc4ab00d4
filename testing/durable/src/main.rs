//! What durable sockets promise, put to the proof with real processes: killed at any moment, their
//! file systems shut down, their links cut, their stores fought for, their disks full. Prints a
//! line for each scenario and a summary.
//!
//! `oxmq-durable all` runs a share of everything; `kill`, `power`, `stock`, `takeover`, `faults`
//! and `spill` run one proof. `--rounds N` sets how often something is broken in each scenario, or
//! how many megabytes are spilled, `--seed S` repeats a run, `--text TEXT` chooses scenarios by
//! name, `--still SECONDS` sets how long a peer stands still. The main thread drives everything.
//! Histories are judged by `oxmq-durable-check`, a program that sees nothing else.

mod contents;
mod faults;
mod folder;
mod history;
mod kill;
mod mount;
mod power;
mod process;
mod proxy;
mod random;
mod spill;
mod stock;
mod takeover;
mod worker;

use std::process::{Command, ExitCode};
use std::time::Duration;

use oxmq_testing::{Doing, Result, Score, Watchdog};

use crate::random::Random;

const HELP: &str = "usage: oxmq-durable [all|kill|power|stock|takeover|faults|spill]
                     [--rounds N] [--seed S] [--text TEXT] [--still SECONDS]";

/// Time without any progress after which a scenario counts as hung.
const SCENARIO_LIMIT: Duration = Duration::from_secs(180);

/// What the scenarios of a run share.
pub(crate) struct Run {
    score: Score,
    watchdog: Watchdog,
    /// How often something is broken in each scenario, if the command line says.
    rounds: Option<u64>,
    seed: u64,
    text: String,
    /// How long a peer stands still.
    still: Duration,
    not_run: usize,
}

impl Run {
    /// Something is missing: that is no pass.
    pub(crate) fn not_run(&mut self, what: &str, why: &str) {
        println!("NOT RUN {what}: {why}");
        self.not_run += 1;
    }

    fn close(self) -> ExitCode {
        let code = self.score.close();
        if self.not_run > 0 {
            println!("{} not run, which is no pass", self.not_run);
            return ExitCode::FAILURE;
        }
        code
    }

    /// Runs a scenario if the command line asks for it, with its rounds and random numbers.
    pub(crate) fn scenario(
        &mut self,
        name: &str,
        rounds: u64,
        run: impl FnOnce(&mut Rounds<'_>) -> Result<String>,
    ) {
        if !name.contains(&self.text) {
            return;
        }
        self.watchdog.feed(name);
        let rounds = self.rounds.unwrap_or(rounds).max(1);
        let salt = name.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
        let random = Random::new(self.seed ^ salt);
        let mut rounds = Rounds { count: rounds, random, watchdog: &self.watchdog, name };
        self.score.check(name, || run(&mut rounds));
    }
}

/// The rounds of one scenario.
pub(crate) struct Rounds<'a> {
    pub(crate) count: u64,
    pub(crate) random: Random,
    watchdog: &'a Watchdog,
    name: &'a str,
}

impl Rounds<'_> {
    /// One more is done.
    pub(crate) fn done(&self) {
        self.watchdog.feed(self.name);
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "worker") {
        return worker::run(&arguments[1..]);
    }
    if arguments.first().is_some_and(|first| first == "spill-worker") {
        return spill::worker(&arguments[1..]);
    }
    mount::enter_namespace();
    let (what, mut run) = match read(&arguments) {
        Ok(read) => read,
        Err(error) => {
            println!("{error}\n{HELP}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = build_checker() {
        println!("FAILED building the checker: {error}");
        return ExitCode::FAILURE;
    }
    println!("seed {}", run.seed);
    let all = what == "all";
    if all || what == "kill" {
        kill::run(&mut run);
    }
    if all || what == "power" {
        power::run(&mut run);
    }
    if all || what == "stock" {
        stock::run(&mut run);
    }
    if all || what == "takeover" {
        takeover::run(&mut run);
    }
    if all || what == "faults" {
        faults::run(&mut run);
    }
    if all || what == "spill" {
        spill::run(&mut run);
    }
    run.close()
}

/// The command line.
fn read(arguments: &[String]) -> Result<(String, Run)> {
    let mut what = "all".to_owned();
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let mut run = Run {
        score: Score::new(),
        watchdog: Watchdog::start(SCENARIO_LIMIT),
        rounds: None,
        seed: clock.map_or(1, |time| time.as_secs()),
        text: String::new(),
        still: Duration::from_secs(3),
        not_run: 0,
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--rounds" => run.rounds = Some(value()?.parse().doing("--rounds")?),
            "--seed" => run.seed = value()?.parse().doing("--seed")?,
            "--still" => run.still = Duration::from_secs(value()?.parse().doing("--still")?),
            "--text" => run.text.clone_from(value()?),
            "all" | "kill" | "power" | "stock" | "takeover" | "faults" | "spill" => {
                what.clone_from(word);
            }
            other => return Err(format!("unknown: {other}")),
        }
    }
    Ok((what, run))
}

/// Builds the program that judges histories, so that it is as new as this one. Without Cargo it has
/// to be there.
fn build_checker() -> Result<()> {
    let Some(cargo) = std::env::var_os("CARGO") else { return Ok(()) };
    let this = std::env::current_exe().doing("finding this program")?;
    let target = this.parent().and_then(|profile| profile.parent()).ok_or("no target folder")?;
    let mut command = Command::new(cargo);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let status = command
        .args(["--package", "oxmq-durable", "--bin", "oxmq-durable-check", "--target-dir"])
        .arg(target)
        .status()
        .doing("starting Cargo")?;
    if status.success() { Ok(()) } else { Err(format!("Cargo: {status}")) }
}
