//! A folder for the stores, histories and endpoints of a scenario. It goes away with the value, and
//! stays when what happened in it has to be looked at.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use oxmq_testing::{Doing, Result};

/// See the file's first paragraph.
pub(crate) struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    pub(crate) fn new() -> Result<Folder> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("oxd-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).doing(format_args!("making {}", path.display()))?;
        Ok(Folder { path, keep: false })
    }

    /// A path in it.
    pub(crate) fn at(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Judges the histories in a folder of it with the program that does so.
    pub(crate) fn judge(&self, name: &str, rules: &[&str]) -> Result<Verdict> {
        let this = std::env::current_exe().doing("finding this program")?;
        let output = Command::new(this.with_file_name("oxmq-durable-check"))
            .arg(self.path.join(name))
            .args(rules)
            .output()
            .doing("starting the checker")?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() { Verdict::read(&said) } else { Err(said) }
    }

    /// The outcome of what was done in it; an error keeps it.
    pub(crate) fn close<T>(mut self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| {
            self.keep = true;
            format!("{error} (kept in {})", self.path.display())
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            // What is left behind is in the system's folder for such things.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// What the checker counted: `NAME=COUNT` in the order in which it says them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict(Vec<(String, u64)>);

impl Verdict {
    fn read(said: &str) -> Result<Verdict> {
        let wrong = || format!("the checker says {said:?}");
        let mut verdict = Verdict::default();
        for word in said.split_whitespace() {
            let (name, count) = word.split_once('=').ok_or_else(wrong)?;
            verdict.0.push((name.to_owned(), count.parse().map_err(|_| wrong())?));
        }
        Ok(verdict)
    }

    /// Adds the counts of another; the largest where a name says so.
    pub(crate) fn add(&mut self, other: &Verdict) {
        for (name, count) in &other.0 {
            match self.0.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) if name.ends_with("-max") => *sum = (*sum).max(*count),
                Some((_, sum)) => *sum += count,
                None => self.0.push((name.clone(), *count)),
            }
        }
    }

    /// One of the counts.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.0.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<String> = self.0.iter().map(|(name, n)| format!("{n} {name}")).collect();
        f.write_str(&words.join(", "))
    }
}
