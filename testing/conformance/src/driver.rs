//! The program `c/driver.c`, which makes the calls of a case on one library and prints what they
//! returned. Each case runs in a process of its own below it.
//!
//! A `Driver` is a path; every run of cases starts a process and waits for its end. Its input is
//! written by a thread of its own, so that neither side waits for the other.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use oxmq_testing::{Doing, Result};

use crate::tools;

/// What the sanitizers are told: a report ends the process at once. The driver's own memory at its
/// end is no leak of the library's.
pub(crate) const SANITIZER: &str = "detect_leaks=0:halt_on_error=1:abort_on_error=1";

/// The same for ThreadSanitizer, with what it cannot see: `lists/tsan-suppressions.txt`.
pub(crate) fn thread_sanitizer() -> String {
    let list = tools::here().join("lists/tsan-suppressions.txt");
    format!("{SANITIZER}:suppressions={}", list.display())
}

/// The lines of one case.
pub(crate) type Case = Vec<String>;

/// What one library made of a case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    /// One for each line of the case, fewer when it died.
    pub(crate) lines: Vec<String>,
    /// How it died, when it did: a signal, where 14 is the time limit.
    pub(crate) died: Option<String>,
}

/// The compiled program.
#[derive(Debug, Clone)]
pub(crate) struct Driver {
    path: PathBuf,
}

impl Driver {
    /// Compiles it into `folder`.
    ///
    /// # Errors
    /// What the compiler says.
    pub(crate) fn build(folder: &Path) -> Result<Driver> {
        Self::build_with(folder, &[])
    }

    /// The same with a library linked into it, by these flags; it runs with `-` for the library.
    ///
    /// # Errors
    /// What the compiler says.
    pub(crate) fn build_with(folder: &Path, link: &[OsString]) -> Result<Driver> {
        let path = folder.join("driver");
        let source = tools::here().join("c/driver.c");
        let mut gcc = Command::new("gcc");
        gcc.args(["-std=gnu11", "-O1", "-g", "-Wall", "-Werror", "-rdynamic"]);
        gcc.arg(source).args(link).arg("-o").arg(&path).arg("-ldl");
        tools::run(&mut gcc, &folder.join("driver.log"))?;
        Ok(Driver { path })
    }

    /// Runs the cases on `library`, one after the other.
    ///
    /// # Errors
    /// The driver does not start, or ends before the last case has.
    pub(crate) fn run(&self, library: &Path, cases: &[Case]) -> Result<Vec<Answers>> {
        let mut process = Command::new(&self.path)
            .arg(library)
            .env("ASAN_OPTIONS", SANITIZER)
            .env("TSAN_OPTIONS", thread_sanitizer())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .doing(self.path.display())?;
        let (Some(mut input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("the driver has no pipes".to_owned());
        };
        let answers = thread::scope(|scope| {
            scope.spawn(move || {
                for case in cases {
                    let script = case.join("\n") + "\nend\n";
                    if input.write_all(script.as_bytes()).is_err() {
                        return; // It has ended; the reader below sees that too.
                    }
                }
            });
            read(BufReader::new(output), cases)
        });
        let status = process.wait().doing("the driver")?;
        if answers.len() == cases.len() && status.success() {
            return Ok(answers);
        }
        Err(format!("driver on {}: {status} after {} cases", library.display(), answers.len()))
    }
}

/// Reads the answers of the cases, as many as come.
fn read(output: impl BufRead, cases: &[Case]) -> Vec<Answers> {
    let mut all = Vec::with_capacity(cases.len());
    let mut answers = Answers::default();
    for line in output.split(b'\n') {
        let Ok(line) = line else { return all };
        let line = String::from_utf8_lossy(&line).into_owned();
        if line == "done" {
            all.push(std::mem::take(&mut answers));
        } else if let Some(how) = line.strip_prefix("died ") {
            answers.died = Some(how.to_owned());
            let wanted = cases.get(all.len()).map_or(0, Vec::len);
            // The line of the call that killed it has no end, or is empty.
            answers.lines.pop();
            answers.lines.truncate(wanted);
        } else {
            answers.lines.push(line);
        }
    }
    all
}

/// Runs the cases in `jobs` processes at once; the answers come in the order of the cases.
///
/// # Errors
/// Those of [`Driver::run`].
pub(crate) fn run_in_parallel(
    driver: &Driver,
    library: &Path,
    cases: &[Case],
    jobs: usize,
) -> Result<Vec<Answers>> {
    let size = cases.len().div_ceil(jobs.max(1) * 4).max(1);
    let chunks: Vec<&[Case]> = cases.chunks(size).collect();
    let parts = tools::in_parallel(&chunks, jobs, |chunk| driver.run(library, chunk));
    let mut all = Vec::with_capacity(cases.len());
    for part in parts {
        all.extend(part?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_case_by_case() {
        let cases = vec![vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]];
        let output = b"0\n-1 errno=22\ndone\n\ndied 11\ndone\n";
        let answers = read(BufReader::new(output.as_slice()), &cases);
        let [first, second] = answers.as_slice() else { panic!("{answers:?}") };
        assert_eq!(first.lines, ["0", "-1 errno=22"]);
        assert_eq!(first.died, None);
        assert_eq!((second.lines.len(), second.died.as_deref()), (0, Some("11")));
    }
}
