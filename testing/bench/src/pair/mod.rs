//! `pair`: every scenario with oxmq and with libzmq in turns, so that what else the machine does
//! falls on both alike; medians, and the median of the ratios of runs side by side. `page`: the
//! page of what was kept of that. The main thread runs one process after the other and owns the
//! results.

mod plot;
mod record;
mod report;
mod scenario;
mod startup;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use oxmq_testing::{Doing, Result};
use record::{Record, Run};
use scenario::{Part, Scenario, Side};

const ROUNDS: usize = 3;
/// What the run needs of Debian's packages beside a C compiler.
const PACKAGE: &str = "libzmq3-dev";

/// The programs that are compared.
struct Programs {
    oxmq: PathBuf,
    /// The program in C, which takes the library of the system.
    libzmq: PathBuf,
    /// Where the same program finds oxmq's.
    library: PathBuf,
}

/// What one run printed: `key=value`.
type Line = HashMap<String, String>;

/// The runs of one scenario, by side; those of one index followed each other.
struct Outcome {
    scenario: Scenario,
    runs: HashMap<Side, Vec<Option<Line>>>,
}

/// The program: `[ROUNDS] [PART | FILTER] [--scale FACTOR]`.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let mut words = words.to_vec();
    let mut scale = 1.0;
    if let Some(at) = words.iter().position(|word| word == "--scale") {
        scale = words.get(at + 1).ok_or("--scale needs a factor")?.parse().doing("--scale")?;
        words.drain(at..at + 2);
    }
    let rounds = words.first().map_or(Ok(ROUNDS), |word| word.parse()).doing("ROUNDS")?.max(1);
    let chosen = words.get(1).cloned().unwrap_or_default();
    let programs = Programs::build()?;
    let mut failed = Vec::new();
    for part in Part::ALL {
        let whole = chosen.is_empty() || chosen == part.word();
        let filter = if whole { "" } else { &chosen };
        let named = Part::ALL.iter().any(|other| other.word() == chosen);
        if named && !whole {
            continue;
        }
        let record = run_part(&programs, part, rounds, filter, scale);
        if record.runs.is_empty() {
            continue;
        }
        failed.extend(
            record.runs.iter().filter(|run| run.line.is_none()).map(|run| run.scenario.clone()),
        );
        println!("{}", report::part(part, &record, scale));
        if whole {
            record.keep(part)?;
        }
    }
    failed.sort();
    failed.dedup();
    if failed.is_empty() { Ok(()) } else { Err(format!("runs failed: {}", failed.join(", "))) }
}

/// Writes the page and its pictures from what was kept.
pub(crate) fn page() -> Result<()> {
    let mut records = Vec::new();
    for part in Part::ALL {
        let record = Record::read(part)?;
        let word = part.word();
        let missing = || format!("part `{word}` was not run: oxmq-bench pair {ROUNDS} {word}");
        records.push((part, record.ok_or_else(missing)?));
    }
    report::write(&records)
}

/// Runs the scenarios of a part whose name has the filter in it.
fn run_part(programs: &Programs, part: Part, rounds: usize, filter: &str, scale: f64) -> Record {
    let mut record = Record { load: report::load(), runs: Vec::new() };
    let scenarios: Vec<Scenario> = scenario::all(scale)
        .into_iter()
        .filter(|row| row.group.part() == part && row.name.contains(filter))
        .collect();
    for round in 0..rounds {
        for scenario in &scenarios {
            run_scenario(programs, scenario, round, &mut record);
        }
        if part == Part::Startup {
            startup::run(programs, round, filter, &mut record);
        }
    }
    record
}

/// One run of each side, in an order that changes.
fn run_scenario(programs: &Programs, scenario: &Scenario, round: usize, record: &mut Record) {
    let mut commands: Vec<&(Side, String)> = scenario.commands.iter().collect();
    if !round.is_multiple_of(2) {
        commands.reverse();
    }
    for (side, words) in commands {
        let line = lines(programs, words).into_iter().next();
        record.runs.push(Run { scenario: scenario.name.clone(), side: *side, round, line });
    }
    println!("round {} {}", round + 1, scenario.name);
}

/// The folder of the whole source.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Programs {
    /// Builds the program in C beside this one, and the C library.
    fn build() -> Result<Programs> {
        let oxmq = std::env::current_exe().doing("finding this program")?;
        let libzmq = oxmq.with_file_name("oxmq-bench-libzmq");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("c");
        if !Path::new("/usr/include/zmq.h").exists() {
            println!("installing {PACKAGE}, as root: its library is what oxmq is compared with");
            let installed = Command::new("apt-get").args(["install", "-y", PACKAGE]).status();
            if !installed.is_ok_and(|status| status.success()) {
                return Err(format!("zmq.h is missing: install {PACKAGE}"));
            }
        }
        let sources = std::fs::read_dir(&folder).doing(folder.display())?;
        let sources = sources.flatten().map(|entry| entry.path());
        let built = Command::new("cc")
            .args(["-O2", "-g", "-std=gnu11", "-Wall", "-Wextra", "-o"])
            .arg(&libzmq)
            .args(sources.filter(|path| path.extension().is_some_and(|e| e == "c")))
            .args(["-lzmq", "-lpthread"])
            .status()
            .doing("cc")?;
        if !built.success() {
            return Err("cc failed".to_owned());
        }
        let library = library(&oxmq)?;
        Ok(Programs { oxmq, libzmq, library })
    }

    /// The words of a command, with the programs in the place of their names.
    fn command(&self, words: &str) -> Command {
        let mut of_c = false;
        let mut words = words.split_whitespace().map(|word| -> OsString {
            match word {
                "{oxmq}" => self.oxmq.clone().into(),
                "{libzmq}" => self.libzmq.clone().into(),
                "{c}" => {
                    of_c = true;
                    self.libzmq.clone().into()
                }
                word => word.into(),
            }
        });
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        if of_c {
            command.env("LD_LIBRARY_PATH", &self.library);
        }
        command
    }
}

/// Builds the C library, as released; returns a folder where programs find it by its soname.
fn library(oxmq: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(root())
        .args(["build", "--release", "-p", "oxmq-libzmq", "--lib"])
        .status()
        .doing("cargo")?;
    if !built.success() {
        return Err("the C library does not build".to_owned());
    }
    let folder = oxmq.with_file_name("bench-lib");
    std::fs::create_dir_all(&folder).doing(folder.display())?;
    let link = folder.join("libzmq.so.5");
    // One of an earlier run may be there.
    let _ = std::fs::remove_file(&link);
    // Beside this program lies a library of the same profile, which may be another.
    let target = oxmq.with_file_name("../release/libzmq.so");
    let target = target.canonicalize().doing(target.display())?;
    std::os::unix::fs::symlink(target, &link).doing(link.display())?;
    Ok(folder)
}

/// Runs a command and returns the lines it printed; none if it failed.
fn lines(programs: &Programs, words: &str) -> Vec<String> {
    let output = match programs.command(words).output() {
        Ok(output) => output,
        Err(error) => {
            println!("FAILED {words}: {error}");
            return Vec::new();
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let good = |line: &&str| line.starts_with("zbench ") && line.ends_with(" ok=1");
    let lines: Vec<String> = text.lines().filter(good).map(str::to_owned).collect();
    if lines.is_empty() || !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        println!("FAILED {words}\n{text}{errors}");
        return Vec::new();
    }
    lines
}

fn parse(line: &str) -> Line {
    let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Puts the runs of a record to their scenarios; those without runs are left out.
fn outcomes(record: &Record, scale: f64) -> Vec<Outcome> {
    let mut found = record.by_scenario();
    let scenarios = scenario::all(scale).into_iter();
    scenarios
        .filter_map(|scenario| {
            let mut runs = found.remove(scenario.name.as_str())?;
            runs.sort_by_key(|run| run.round);
            let mut by_side: HashMap<Side, Vec<Option<Line>>> = HashMap::new();
            for run in runs {
                by_side.entry(run.side).or_default().push(run.figures());
            }
            Some(Outcome { scenario, runs: by_side })
        })
        .collect()
}

impl Outcome {
    fn runs(&self, side: Side) -> &[Option<Line>] {
        self.runs.get(&side).map_or(&[], Vec::as_slice)
    }

    /// The middle of a metric, of the runs of a side that did not fail.
    fn median(&self, side: Side, key: &str) -> Option<f64> {
        let figures = self.runs(side).iter().flatten();
        let values: Vec<f64> = figures.filter_map(|line| line.get(key)?.parse().ok()).collect();
        median(&values)
    }

    /// The ratios of runs side by side; above 1, oxmq is better.
    fn ratios(&self, metric: &scenario::Metric) -> Vec<f64> {
        let value = |line: &Option<Line>| -> Option<f64> {
            let value = line.as_ref()?.get(metric.key)?.parse().ok()?;
            (value > 0.0).then_some(value)
        };
        let pairs = self.runs(Side::Oxmq).iter().zip(self.runs(Side::Other));
        let pairs = pairs.filter_map(|(oxmq, other)| Some((value(oxmq)?, value(other)?)));
        pairs.map(|(oxmq, other)| if metric.more { oxmq / other } else { other / oxmq }).collect()
    }

    fn failures(&self) -> usize {
        self.runs.values().flatten().filter(|line| line.is_none()).count()
    }

    fn count(&self) -> usize {
        self.runs.values().map(Vec::len).sum()
    }
}

/// The middle of the values; `None` of none.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let line = parse("zbench name=thr msgs_per_s=12 ok=1");
        assert_eq!((line["name"].as_str(), line["msgs_per_s"].as_str()), ("thr", "12"));
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn ratios_are_of_runs_side_by_side_and_above_one_is_better() {
        let scenario = scenario::all(1.0).swap_remove(0).name;
        let run = |side, round, value: Option<&str>| Run {
            scenario: scenario.clone(),
            side,
            round,
            line: value.map(|value| format!("msgs_per_s={value} cpu_us={value}")),
        };
        let (oxmq, other) = (Side::Oxmq, Side::Other);
        let runs = vec![
            run(oxmq, 0, Some("4")),
            run(other, 0, Some("2")),
            run(other, 1, Some("2")),
            run(oxmq, 1, None),
            run(other, 2, Some("6")),
            run(oxmq, 2, Some("3")),
        ];
        let outcome = outcomes(&Record { load: 0.0, runs }, 1.0).swap_remove(0);
        let metrics = outcome.scenario.group.metrics();
        assert_eq!(outcome.ratios(&metrics[0]), [2.0, 0.5]);
        assert_eq!(outcome.ratios(&metrics[1]), [0.5, 2.0]);
        assert_eq!((outcome.failures(), outcome.count()), (1, 6));
        assert_eq!(outcome.median(Side::Oxmq, "msgs_per_s"), Some(3.5));
        assert_eq!(outcome.median(Side::Ceiling, "msgs_per_s"), None);
    }
}
