//! The page: what was compared on which machine, a table for each kind of scenario, what is slower,
//! and what is known about that (findings.md, which is written by hand). Pure functions of the
//! results, but for what they ask the system.

use std::fmt::Write;
use std::process::Command;

use oxmq_testing::{Doing, Result};

use super::plot::{PICTURES, Picture, draw};
use super::record::Record;
use super::scenario::{Group, Metric, Part, Side};
use super::startup::Starts;
use super::{Outcome, median, outcomes, root};

/// Where the pictures are, below the page's folder.
const FOLDER: &str = "benchmarks";

/// A ratio below this is listed as slower; what is above may be noise.
const SLOWER: f64 = 0.97;

/// What a part came to.
pub(super) fn part(part: Part, record: &Record, scale: f64) -> String {
    if part == Part::Startup {
        return Starts::of(record).table();
    }
    tables(&outcomes(record, scale))
}

/// A table for each group that has something.
fn tables(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for group in Group::ALL {
        let rows: Vec<&Outcome> = outcomes.iter().filter(|o| o.scenario.group == group).collect();
        if !rows.is_empty() {
            table(group, &rows, &mut text);
        }
    }
    text
}

fn table(group: Group, rows: &[&Outcome], text: &mut String) {
    let _ = write!(text, "## {}\n\n{}\n\n", group.title(), group.about());
    for picture in PICTURES.iter().filter(|picture| place_of(picture) == group) {
        let _ = write!(text, "![{}]({FOLDER}/{}.svg)\n\n", picture.title, picture.file);
    }
    let (ours, other) = group.sides();
    let ceiling = rows.iter().any(|row| !row.runs(Side::Ceiling).is_empty());
    text.push_str("| scenario |");
    let mut columns = 0;
    for metric in group.metrics() {
        let title = metric.title;
        let _ = write!(text, " {ours} {title} | {other} {title} | ratio |");
        columns += 3;
        if ceiling {
            let _ = write!(text, " ceiling |");
            columns += 1;
        }
    }
    let _ = write!(text, "\n|---|{}\n", "---:|".repeat(columns));
    for row in rows {
        text.push_str(&table_row(row, ceiling));
    }
    text.push('\n');
}

/// The table that a picture stands above.
fn place_of(picture: &Picture) -> Group {
    match picture.file {
        "latency" => Group::RoundTrip,
        "fanout" => Group::FanOut,
        "peers" => Group::Peers,
        "subscriptions" => Group::Subscriptions,
        "connections" => Group::Connections,
        _ => Group::Stream,
    }
}

fn table_row(outcome: &Outcome, ceiling: bool) -> String {
    let failed = match outcome.failures() {
        0 => String::new(),
        failures => format!(" (**{failures} of {} runs failed**)", outcome.count()),
    };
    let mut text = format!("| {}{failed} |", outcome.scenario.label);
    let mut first = true;
    for metric in outcome.scenario.group.metrics() {
        let value = |side| show(outcome.median(side, metric.key), metric);
        let ratios = outcome.ratios(metric);
        let ratio = match median(&ratios) {
            None => "-".to_owned(),
            Some(ratio) if first => {
                let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
                let most = ratios.iter().copied().fold(0.0, f64::max);
                format!("**{ratio:.2}** ({least:.2} to {most:.2})")
            }
            Some(ratio) => format!("{ratio:.2}"),
        };
        first &= ratios.is_empty();
        let _ = write!(text, " {} | {} | {ratio} |", value(Side::Oxmq), value(Side::Other));
        if ceiling {
            let _ = write!(text, " {} |", value(Side::Ceiling));
        }
    }
    text + "\n"
}

/// A value with three digits that count; nothing for what was not measured.
fn show(value: Option<f64>, metric: &Metric) -> String {
    match value {
        None => "-".to_owned(),
        Some(0.0) => String::new(),
        Some(value) if metric.key.contains("bytes") => format!("{value:.0}"),
        Some(value) if value >= 1e6 => format!("{:.2} M", value * 1e-6),
        Some(value) if value >= 1e4 => format!("{:.0} k", value * 1e-3),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) if value >= 1.0 => format!("{value:.2}"),
        Some(value) => format!("{value:.3}"),
    }
}

/// Writes the page and its pictures.
pub(super) fn write(records: &[(Part, Record)]) -> Result<()> {
    let findings = root().join("testing/bench/findings.md");
    let findings = std::fs::read_to_string(&findings).doing(findings.display())?;
    let all: Vec<Outcome> = records.iter().flat_map(|(_, record)| outcomes(record, 1.0)).collect();
    let runs = records.iter().flat_map(|(_, record)| &record.runs);
    let rounds = runs.map(|run| run.round + 1).max().unwrap_or(0);
    let load = records.iter().map(|(_, record)| record.load).fold(0.0, f64::max);
    let tables: String = records.iter().map(|(of, record)| part(*of, record, 1.0)).collect();
    let text = page(&tables, &all, rounds, load, &findings);
    let folder = root().join("doc");
    let pictures = folder.join(FOLDER);
    std::fs::create_dir_all(&pictures).doing(pictures.display())?;
    for picture in PICTURES {
        let path = pictures.join(format!("{}.svg", picture.file));
        std::fs::write(&path, draw(picture, &all)?).doing(path.display())?;
    }
    let path = folder.join("benchmarks.md");
    std::fs::write(&path, text).doing(path.display())?;
    println!("written: {}", path.display());
    Ok(())
}

fn page(tables: &str, outcomes: &[Outcome], rounds: usize, load: f64, findings: &str) -> String {
    let mut text = format!(
        "# Benchmarks\n\noxmq beside libzmq, doing the same work: the programs of \
         [testing/bench](../testing/bench), in Rust and in C. Every run checks each message. This \
         page is written by\n\n```sh\ncargo run --release -p oxmq-bench -- pair {rounds}\ncargo \
         run --release -p oxmq-bench -- page\n```\n\n\
         Each row is {rounds} runs of each library in turns, and shows medians; *ratio* is the \
         median of the ratios of runs side by side (least to most), and above 1 oxmq is better, \
         whatever is measured. oxmq runs with its own defaults: heartbeats and limits are on, \
         which libzmq's are not. Ratios can be compared, absolute figures of a shared machine \
         cannot.\n\n"
    );
    text.push_str(&machine(outcomes, load));
    let _ = write!(text, "\n{tables}\n{}\n{findings}", slower(outcomes));
    text
}

/// What the run was made on and with.
fn machine(outcomes: &[Outcome], load: f64) -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let library = |side| {
        let line = outcomes.iter().flat_map(|outcome| outcome.runs(side)).flatten().next();
        line.and_then(|line| line.get("lib").cloned()).unwrap_or_default().replace('-', " ")
    };
    let kernel = file("/proc/sys/kernel/osrelease");
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    let cpu = file("/proc/cpuinfo");
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cpu = cpu.trim_start_matches([' ', '\t', ':']).trim();
    let noise = match load > cores as f64 * 0.25 {
        true => format!(
            ". **Other programs were busy on it** (load {load:.1} before the start): ratios of \
             single rows are rough"
        ),
        false => String::new(),
    };
    format!(
        "| | |\n|---|---|\n| date | {} |\n| machine | {cores} processors ({cpu}), Linux \
         {kernel}{noise} |\n| versions | {}, {} |\n| compilers | {}; {} |\n",
        said("date", &["+%Y-%m-%d"]),
        library(Side::Oxmq),
        library(Side::Other),
        said("rustc", &["--version"]),
        said("cc", &["--version"]),
    )
}

/// What is slower than libzmq by what counts, so that nothing is overlooked.
fn slower(outcomes: &[Outcome]) -> String {
    let mut text = String::from("## Slower than libzmq\n\n");
    let before = text.len();
    for outcome in outcomes {
        // The other side is no libzmq there.
        if outcome.scenario.group == Group::C {
            continue;
        }
        for metric in outcome.scenario.group.metrics() {
            let Some(ratio) = median(&outcome.ratios(metric)) else { continue };
            if ratio < SLOWER {
                let name = &outcome.scenario.name;
                let _ = writeln!(text, "- `{name}`, {}: {ratio:.2}", metric.title);
            }
        }
    }
    if text.len() == before {
        text.push_str("Nothing in this run.\n");
    }
    text
}

/// The load of the machine in the last minute.
pub(super) fn load() -> f64 {
    let load = file("/proc/loadavg");
    load.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

fn file(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The first line that a program says.
fn said(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}
