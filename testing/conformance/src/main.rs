//! Runs other people's programs, and generated calls, on our libzmq, and prints a line for each
//! check and a summary.
//!
//! `oxmq-conformance all` runs what `cargo xtask test` runs; the other words run a part of it, see
//! USAGE. The library comes from `cargo xtask install`, which is run first, unless `--prefix`
//! names a folder that it has filled already. Everything is driven by the main thread; programs
//! and libraries under test run in processes of their own.

mod abuse;
mod clients;
mod driver;
mod fuzz;
mod hello;
mod lockstep;
mod options;
mod prefix;
mod programs;
mod random;
mod rust_crate;
mod sanitize;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use oxmq_testing::{Result, Score};

use prefix::Prefix;

const USAGE: &str = "\
oxmq-conformance WORD [--prefix DIR] [--jobs N] [--rounds N] [--filter TEXT]
                      [--seed S] [--cases N]

  all        everything below but sanitize, as the test suite of the project runs it
  programs   the public test programs of libzmq, with its header and with ours
  clients    pyzmq, aiozmq, Jupyter and foreign peers
  crate      the own tests of the crate `zmq`, linked to ours
  hello      the first program of the guide, with pkg-config, on both libraries
  options    every option on every type of socket, beside Debian's libzmq5
  fuzz       random sequences of calls, beside Debian's libzmq5
  sanitize   abuse, fuzz and the programs on a library built with a sanitizer, which
             --filter names: address or thread; not part of all
  print      the lines of random sequence N of seed S
  abuse      random calls with handles and arguments that are none, on ours alone
";

/// What the command line asks for.
#[derive(Debug, Clone)]
struct Settings {
    /// Where the library was installed; empty to install it first.
    prefix: Option<PathBuf>,
    /// Programs at once.
    jobs: usize,
    /// How often the programs run.
    rounds: usize,
    /// Only what has this in its name.
    filter: String,
    /// Of the random sequences.
    seed: u64,
    /// How many random sequences; empty for the number of the test suite.
    cases: Option<usize>,
}

/// What the checks of a run share.
struct Run {
    score: Score,
    settings: Settings,
    prefix: Prefix,
    /// Sources, programs and logs; below the target folder.
    folder: PathBuf,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = parse(&arguments).and_then(|(word, settings)| start(&word, settings));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Result<(String, Settings)> {
    let mut settings =
        Settings { prefix: None, jobs: 4, rounds: 1, filter: String::new(), seed: 1, cases: None };
    let mut words = arguments.iter();
    let word = words.next().ok_or(USAGE)?.clone();
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value\n\n{USAGE}"))?;
        let number = || value.parse::<u64>().map_err(|error| format!("{flag} {value}: {error}"));
        let count = || number().map(|n| usize::try_from(n).unwrap_or(usize::MAX).max(1));
        match flag.as_str() {
            "--prefix" => settings.prefix = Some(PathBuf::from(value)),
            "--jobs" => settings.jobs = count()?,
            "--rounds" => settings.rounds = count()?,
            "--filter" => settings.filter.clone_from(value),
            "--seed" => settings.seed = number()?,
            "--cases" => settings.cases = Some(count()?),
            other => return Err(format!("unknown flag {other}\n\n{USAGE}")),
        }
    }
    Ok((word, settings))
}

/// A word of the command line and what it runs.
type Step = (&'static str, fn(&mut Run));

fn start(word: &str, settings: Settings) -> Result<ExitCode> {
    let steps: [Step; 7] = [
        ("hello", hello::run),
        ("options", options::run),
        ("fuzz", fuzz::run),
        ("abuse", abuse::run),
        ("programs", programs::run),
        ("crate", rust_crate::run),
        ("clients", clients::run),
    ];
    if word == "print" {
        for line in fuzz::case(settings.seed, settings.cases.unwrap_or(0)) {
            println!("{line}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    if word != "all" && word != "sanitize" && !steps.iter().any(|(name, _)| *name == word) {
        return Err(format!("unknown word {word}\n\n{USAGE}"));
    }
    let folder = tools::target_folder().join("conformance");
    let prefix = Prefix::get(settings.prefix.as_deref(), &folder)?;
    let mut run = Run { score: Score::new(), settings, prefix, folder };
    if word == "sanitize" {
        sanitize::run(&mut run);
    }
    for (name, step) in steps {
        if word == "all" || word == name {
            step(&mut run);
        }
    }
    Ok(run.score.close())
}
