//! `oxmq-sim`: runs seeds of the simulated world, and says which do not keep the promises.
//!
//! Worker threads take the seeds in turn; a run is one thread from its beginning to its end. The
//! exit status is 1 if a promise was not kept, or, with `--control`, if none was found broken.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use oxmq_sim::{Control, Options, Outcome, Pattern, run};

/// Durable sockets of oxmq in a simulated world.
#[derive(Debug, Parser)]
#[command(name = "oxmq-sim", version)]
struct Arguments {
    /// How many seeds to run, from `--from` on.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Run this seed alone, twice, and compare.
    #[arg(long)]
    seed: Option<u64>,
    /// Run this pattern only, whatever the seed draws.
    #[arg(long)]
    pattern: Option<Pattern>,
    /// Break a rule: a run has to find it.
    #[arg(long)]
    control: Option<Control>,
    /// Print every step of `--seed`.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Begin no seed after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
}

/// Seeds that are printed when they fail.
const SHOWN_MAX: usize = 20;

#[derive(Debug, Default)]
struct Totals {
    runs: u64,
    steps: u64,
    sent: u64,
    received: u64,
    ended: u64,
    micros: u128,
    failed: Vec<u64>,
}

impl Totals {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.runs += 1;
        self.steps += outcome.steps;
        self.sent += outcome.sent;
        self.received += outcome.received;
        self.ended += outcome.ended;
        self.micros += u128::from(outcome.micros);
        if !outcome.violations.is_empty() {
            if self.failed.len() < SHOWN_MAX {
                println!("seed {seed} ({:?}):", outcome.pattern);
                outcome.violations.iter().take(3).for_each(|what| println!("    {what}"));
            }
            self.failed.push(seed);
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options =
        Options { pattern: arguments.pattern, control: arguments.control, trace: arguments.trace };
    match arguments.seed {
        Some(seed) => one(seed, &options),
        None => many(&arguments, &options),
    }
}

/// Runs one seed twice.
fn one(seed: u64, options: &Options) -> ExitCode {
    let outcome = run(seed, options);
    let again = run(seed, &Options { trace: false, ..*options });
    println!("seed {seed} {:?} hash {:016x}", outcome.pattern, outcome.hash);
    println!(
        "{} steps, {} sent, {} received, {} lives ended, {} ms",
        outcome.steps,
        outcome.sent,
        outcome.received,
        outcome.ended,
        outcome.micros / 1000
    );
    outcome.violations.iter().for_each(|what| println!("{what}"));
    if again.hash != outcome.hash {
        println!("not the same again: hash {:016x}", again.hash);
        return ExitCode::FAILURE;
    }
    if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs many seeds.
fn many(arguments: &Arguments, options: &Options) -> ExitCode {
    let begun = Instant::now();
    let last = arguments.seconds.map(|seconds| begun + Duration::from_secs(seconds));
    let next = AtomicU64::new(0);
    let totals = Mutex::new(Totals::default());
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let is_over = last.is_some_and(|last| Instant::now() >= last);
                    if index >= arguments.seeds || is_over {
                        return;
                    }
                    let seed = arguments.from + index;
                    let outcome = run(seed, options);
                    if let Ok(mut totals) = totals.lock() {
                        totals.add(seed, &outcome);
                    }
                }
            });
        }
    });
    let totals = totals.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    report(&totals, begun.elapsed(), arguments)
}

fn report(totals: &Totals, took: Duration, arguments: &Arguments) -> ExitCode {
    let seconds = took.as_secs_f64();
    println!(
        "{} schedules from seed {} in {seconds:.1} s, {:.0}/s: {} steps, {} messages sent, {} \
         received, {} lives ended, {:.1} hours of simulated time; {} failed",
        totals.runs,
        arguments.from,
        totals.runs as f64 / seconds.max(0.001),
        totals.steps,
        totals.sent,
        totals.received,
        totals.ended,
        totals.micros as f64 / 3.6e9,
        totals.failed.len()
    );
    let found = !totals.failed.is_empty();
    match (arguments.control, found) {
        (Some(control), true) => {
            println!("{control:?} was found");
            ExitCode::SUCCESS
        }
        (Some(control), false) => {
            println!("{control:?} was NOT found: the checkers do not see it");
            ExitCode::FAILURE
        }
        (None, true) => {
            println!("again with: oxmq-sim --seed N --trace");
            ExitCode::FAILURE
        }
        (None, false) => ExitCode::SUCCESS,
    }
}
