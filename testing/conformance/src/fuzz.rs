//! Random sequences of calls on both libraries, compared call by call.
//!
//! Each case comes from the seed and its number. Where the answers part, the case runs again, with
//! more time at each pause; only a difference that stays, on a stock library that agrees with
//! itself, counts. It is printed with its seed and the shortest case that still shows it.

mod generate;
mod shrink;

pub(crate) use generate::case;

use oxmq_testing::Result;

use crate::driver::{Case, Driver};
use crate::prefix::Prefix;
use crate::{Run, lockstep, tools};

/// Cases when the command line says no number.
const CASES: usize = 24;

/// Cases that run before the next differences are looked at.
const BATCH: usize = 500;

/// How much longer each pause is when a case runs again.
const PATIENCE: [usize; 3] = [2, 6, 20];

/// Differences after which the run ends.
const FAILURES_MAX: usize = 12;

/// Differences of one batch that are looked at.
const SUSPECTS_MAX: usize = 64;

/// Runs the cases; the error shows each difference.
pub(crate) fn run(run: &mut Run) {
    let (seed, cases) = (run.settings.seed, run.settings.cases.unwrap_or(CASES));
    let (prefix, jobs, folder) = (run.prefix.clone(), run.settings.jobs, run.folder.clone());
    run.score.check(&format!("fuzz: {cases} cases with seed {seed}"), || {
        let driver = Driver::build(&folder)?;
        let known = tools::list("fuzz-differences.txt")?;
        let fuzz = Fuzz { driver, prefix, known };
        let mut failures = Vec::new();
        let mut calls = 0;
        for start in (0..cases).step_by(BATCH) {
            let numbers: Vec<usize> = (start..cases.min(start + BATCH)).collect();
            let batch: Vec<Case> = numbers.iter().map(|n| case(seed, *n)).collect();
            calls += batch.iter().map(Vec::len).sum::<usize>();
            let pairs = lockstep::run(&fuzz.driver, &fuzz.prefix, &batch, jobs.max(8))?;
            let suspects: Vec<(usize, &Case)> = numbers
                .iter()
                .zip(&batch)
                .zip(&pairs)
                .filter(|((_, case), pair)| fuzz.differs(case, pair).is_some())
                .map(|((number, case), _)| (*number, case))
                .take(SUSPECTS_MAX)
                .collect();
            let reports = tools::in_parallel(&suspects, jobs.max(8), |(number, case)| {
                let report = fuzz.confirm(case)?;
                if let Some(report) = &report {
                    println!("  seed {seed} case {number}: {report}");
                }
                Ok(report.map(|report| format!("seed {seed} case {number}: {report}")))
            });
            for report in reports.into_iter().collect::<Result<Vec<_>>>()? {
                failures.extend(report);
            }
            if failures.len() >= FAILURES_MAX {
                break;
            }
        }
        failures.sort();
        if failures.is_empty() {
            return Ok(format!("{calls} calls on each library"));
        }
        Err(format!("{} sequences differ, see above", failures.len()))
    });
}

/// What a run of the fuzzer works with.
struct Fuzz {
    driver: Driver,
    prefix: Prefix,
    /// Differences that have a reason, see `lists/fuzz-differences.txt`.
    known: Vec<String>,
}

impl Fuzz {
    /// The first difference of a case that has no known reason.
    fn differs(&self, case: &Case, pair: &lockstep::Pair) -> Option<(usize, String, String)> {
        let (at, stock, ours) = lockstep::first_difference(case, pair)?;
        let shown = format!("{} | {stock} | {ours}", case.get(at)?);
        let is_known = self.known.iter().any(|line| {
            let mut cells = line.split('|').map(str::trim);
            let mut parts = shown.split(" | ");
            let fits = |(pattern, text): (&str, &str)| {
                pattern.split('*').all(|piece| text.contains(piece))
            };
            (0..3).all(|_| cells.next().zip(parts.next()).is_some_and(fits))
        });
        (!is_known).then_some((at, stock, ours))
    }

    /// Runs a case again, with more and more patience. The report of a difference that stays.
    fn confirm(&self, case: &Case) -> Result<Option<String>> {
        for factor in PATIENCE {
            let patient = generate::with_patience(case, factor);
            let pair = self.pair(&patient)?;
            if self.differs(&patient, &pair).is_none() {
                return Ok(None);
            }
            let again = self.driver.run(&self.prefix.stock, std::slice::from_ref(&patient))?;
            let stock = lockstep::Pair {
                stock: pair.stock,
                ours: again.into_iter().next().unwrap_or_default(),
            };
            if lockstep::first_difference(&patient, &stock).is_some() {
                return Ok(None); // The stock library does not agree with itself.
            }
        }
        let still = |case: &Case| {
            let pair = self.pair(case).ok()?;
            // What kills the stock library is no case.
            if pair.stock.died.is_some() { None } else { self.differs(case, &pair) }
        };
        let patient = generate::with_patience(case, 3);
        let short = shrink::shrink(&patient, |case| still(case).is_some());
        let Some((at, stock, ours)) = still(&short) else {
            return Ok(Some("differs, but not twice at the same place".to_owned()));
        };
        let lines: Vec<String> =
            short.iter().take(at + 1).map(|line| format!("        {line}")).collect();
        Ok(Some(format!("stock [{stock}] ours [{ours}]\n{}", lines.join("\n"))))
    }

    fn pair(&self, case: &Case) -> Result<lockstep::Pair> {
        let mut pairs = lockstep::run(&self.driver, &self.prefix, std::slice::from_ref(case), 1)?;
        pairs.pop().ok_or_else(|| "the driver had no answer".to_owned())
    }
}
