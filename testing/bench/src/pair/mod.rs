//! `pair`: every scenario with oxmq and with libzmq in turns, so that what else the machine does
//! falls on both alike; medians, and the median of the ratios of runs side by side. The main
//! thread runs one process after the other and owns the results.

mod report;
mod scenario;
mod startup;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use oxmq_testing::{Doing, Result};
use scenario::Scenario;

const ROUNDS: usize = 7;
/// What the run needs of Debian's packages beside a C compiler.
const PACKAGE: &str = "libzmq3-dev";

/// The two programs that are compared.
struct Programs {
    oxmq: PathBuf,
    libzmq: PathBuf,
}

/// What one run printed: `key=value`.
type Line = HashMap<String, String>;

/// The runs of one scenario; those of one index followed each other.
struct Outcome {
    scenario: Scenario,
    oxmq: Vec<Option<Line>>,
    libzmq: Vec<Option<Line>>,
}

/// The program: `[ROUNDS] [FILTER] [--scale FACTOR]`.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let mut words = words.to_vec();
    let mut scale = 1.0;
    if let Some(at) = words.iter().position(|word| word == "--scale") {
        scale = words.get(at + 1).ok_or("--scale needs a factor")?.parse().doing("--scale")?;
        words.drain(at..at + 2);
    }
    let rounds = words.first().map_or(Ok(ROUNDS), |word| word.parse()).doing("ROUNDS")?.max(1);
    let filter = words.get(1).cloned().unwrap_or_default();
    let programs = Programs::build()?;
    let load = report::load();
    let mut outcomes: Vec<Outcome> = scenario::all(scale)
        .into_iter()
        .filter(|scenario| scenario.name.contains(&filter))
        .map(|scenario| Outcome { scenario, oxmq: Vec::new(), libzmq: Vec::new() })
        .collect();
    let mut starts = startup::Starts::default();
    for round in 0..rounds {
        for outcome in &mut outcomes {
            outcome.run(&programs, round);
        }
        starts.run(&programs, round, &filter);
    }
    let tables = report::tables(&outcomes, &starts);
    println!("{tables}");
    if filter.is_empty() {
        let page = report::page(&tables, &outcomes, rounds, load)?;
        let path = root().join("doc/benchmarks.md");
        std::fs::write(&path, page).doing(path.display())?;
        println!("written: {}", path.display());
    }
    let failed = outcomes.iter().filter(|outcome| outcome.failures() > 0);
    let mut names: Vec<&str> = failed.map(|outcome| outcome.scenario.name.as_str()).collect();
    names.extend(starts.failed.iter().map(String::as_str));
    if names.is_empty() { Ok(()) } else { Err(format!("runs failed: {}", names.join(", "))) }
}

/// The folder of the whole source.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Programs {
    /// Builds the program in C beside this one.
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
        if built.success() { Ok(Programs { oxmq, libzmq }) } else { Err("cc failed".to_owned()) }
    }

    /// The words of a command, with the programs in the place of their names.
    fn command(&self, words: &str) -> Command {
        let mut words = words.split_whitespace().map(|word| match word {
            "{oxmq}" => self.oxmq.as_os_str().to_owned(),
            "{libzmq}" => self.libzmq.as_os_str().to_owned(),
            word => word.into(),
        });
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
    }
}

/// Runs a command and returns the lines it printed; none if it failed.
fn lines(programs: &Programs, words: &str) -> Vec<Line> {
    let output = match programs.command(words).output() {
        Ok(output) => output,
        Err(error) => {
            println!("FAILED {words}: {error}");
            return Vec::new();
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let good = |line: &&str| line.starts_with("zbench ") && line.ends_with(" ok=1");
    let lines: Vec<Line> = text.lines().filter(good).map(parse).collect();
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

impl Outcome {
    /// One run of each, in an order that changes.
    fn run(&mut self, programs: &Programs, round: usize) {
        let first_oxmq = round.is_multiple_of(2);
        for oxmq in [first_oxmq, !first_oxmq] {
            let (words, runs) = match oxmq {
                true => (&self.scenario.oxmq, &mut self.oxmq),
                false => (&self.scenario.libzmq, &mut self.libzmq),
            };
            runs.push(lines(programs, words).into_iter().next());
        }
        let metric = &self.scenario.group.metrics()[0];
        let ratio = self.ratios(metric).last().map_or(0.0, |ratio| *ratio);
        println!("round {} {:<28} {ratio:.2}", round + 1, self.scenario.name);
    }

    /// The values of a metric, of the runs that did not fail.
    fn values(runs: &[Option<Line>], key: &str) -> Vec<f64> {
        runs.iter().flatten().filter_map(|line| line.get(key)?.parse().ok()).collect()
    }

    /// The ratios of runs side by side; above 1, oxmq is better.
    fn ratios(&self, metric: &scenario::Metric) -> Vec<f64> {
        let value = |line: &Option<Line>| -> Option<f64> {
            let value = line.as_ref()?.get(metric.key)?.parse().ok()?;
            (value > 0.0).then_some(value)
        };
        let pairs = self.oxmq.iter().zip(&self.libzmq);
        let pairs = pairs.filter_map(|(oxmq, libzmq)| Some((value(oxmq)?, value(libzmq)?)));
        pairs
            .map(|(oxmq, libzmq)| if metric.more { oxmq / libzmq } else { libzmq / oxmq })
            .collect()
    }

    fn failures(&self) -> usize {
        self.oxmq.iter().chain(&self.libzmq).filter(|line| line.is_none()).count()
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
        let line = |value: &str| Some(parse(&format!("msgs_per_s={value} cpu_us={value}")));
        let scenario = scenario::all(1.0).swap_remove(0);
        let metrics = scenario.group.metrics();
        let outcome = Outcome {
            scenario,
            oxmq: vec![line("4"), None, line("3")],
            libzmq: vec![line("2"), line("2"), line("6")],
        };
        assert_eq!(outcome.ratios(&metrics[0]), [2.0, 0.5]);
        assert_eq!(outcome.ratios(&metrics[1]), [0.5, 2.0]);
        assert_eq!(outcome.failures(), 1);
    }
}
