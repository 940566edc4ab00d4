//! Running a program of the test steps with a watchdog: it inherits the output, reads no input, and
//! is killed together with its children when its time is up.
//!
//! The calling thread waits for the program; one more thread holds the time limit and ends with it.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A program, its arguments and its environment.
#[derive(Debug)]
pub(crate) struct Program {
    name: OsString,
    arguments: Vec<OsString>,
    command: Command,
}

impl Program {
    /// A program that runs in the folder `root`.
    pub(crate) fn new(root: &Path, name: impl Into<OsString>) -> Self {
        let name = name.into();
        let mut command = Command::new(&name);
        command.current_dir(root).stdin(Stdio::null());
        Self { name, arguments: Vec::new(), command }
    }

    /// The Cargo that runs this program.
    pub(crate) fn cargo(root: &Path) -> Self {
        Self::new(root, std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// Adds arguments.
    pub(crate) fn args<S: AsRef<str>>(mut self, arguments: &[S]) -> Self {
        for argument in arguments {
            self.arguments.push(argument.as_ref().into());
            self.command.arg(argument.as_ref());
        }
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end; an error when it cannot start, fails, or is still there after `limit`.
    pub(crate) fn run(mut self, limit: Duration) -> Result<(), String> {
        let line = self.to_line();
        let mut child =
            self.command.spawn().map_err(|error| format!("cannot run `{line}`: {error}"))?;
        let pid = child.id();
        let watch = Watch::default();
        let status = thread::scope(|scope| {
            scope.spawn(|| watch.kill_after(limit, pid));
            let status = child.wait();
            watch.stop();
            status
        });
        let status = status.map_err(|error| format!("cannot wait for `{line}`: {error}"))?;
        if watch.has_killed() {
            return Err(format!("`{line}` was still running after {} s", limit.as_secs()));
        }
        if status.success() { Ok(()) } else { Err(format!("`{line}` failed: {status}")) }
    }

    /// What it prints; for programs that end at once.
    pub(crate) fn output(mut self) -> Result<String, String> {
        let line = self.to_line();
        let output =
            self.command.output().map_err(|error| format!("cannot run `{line}`: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("`{line}` failed: {}: {said}", output.status));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The command line as a person would type it.
    pub(crate) fn to_line(&self) -> String {
        let base = Path::new(&self.name).file_name().unwrap_or(&self.name).to_string_lossy();
        let mut line = base.into_owned();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(&argument.to_string_lossy());
        }
        line
    }
}

/// Who got there first: the end of the program or the end of its time.
#[derive(Debug, Default)]
struct Watch {
    /// Guards the two facts below it; held only to read or to change them.
    state: Mutex<WatchState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WatchState {
    ended: bool,
    killed: bool,
}

impl Watch {
    fn kill_after(&self, limit: Duration, pid: u32) {
        let deadline = Instant::now() + limit;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.killed = true;
                drop(state);
                kill_tree(pid);
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.changed.notify_all();
    }

    fn has_killed(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).killed
    }
}

/// Kills a process and all below it. The shell's own `kill` is there on every Debian; the list of
/// children comes from /proc, so elsewhere only the process itself is killed.
fn kill_tree(pid: u32) {
    let mut pids = vec![pid];
    let parents = parents();
    let mut at = 0;
    while let Some(parent) = pids.get(at).copied() {
        pids.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        at += 1;
    }
    let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
    let line = format!("kill -KILL {}", pids.join(" "));
    if let Err(error) = Command::new("sh").args(["-c", &line]).status() {
        eprintln!("cannot run `{line}`: {error}");
    }
}

/// Every process with its parent.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let after_name = stat.rsplit_once(')')?.1;
            Some((pid, after_name.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test may fail where it stands")]

    use std::io::Read;

    use super::*;

    fn shell(script: &str) -> Program {
        Program::new(Path::new("."), "sh").args(&["-c", script])
    }

    #[test]
    fn the_outcome_of_a_program_is_passed_on() {
        assert_eq!(shell("exit 0").run(Duration::from_secs(60)), Ok(()));
        let failed = shell("exit 3").run(Duration::from_secs(60));
        assert!(failed.as_ref().is_err_and(|m| m.contains("exit status: 3")), "{failed:?}");
        let missing = Program::new(Path::new("."), "no-such-program").run(Duration::from_secs(60));
        assert!(missing.is_err_and(|m| m.contains("cannot run `no-such-program`")));
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let name = format!("oxmq-watchdog-{}", std::process::id());
        let fifo = std::env::temp_dir().join(name);
        let fifo_text = fifo.to_string_lossy().into_owned();
        assert_eq!(shell(&format!("mkfifo {fifo_text}")).run(Duration::from_secs(60)), Ok(()));
        let holder = fs::File::options().read(true).write(true).open(&fifo).expect("the fifo");
        let mut reader = fs::File::open(&fifo).expect("the fifo");
        let script = format!("exec >{fifo_text}; echo up; tail -f /dev/null | tail -f /dev/null");
        let hung = shell(&script).run(Duration::from_secs(1));
        assert!(hung.as_ref().is_err_and(|m| m.contains("was still running")), "{hung:?}");
        // The end of the file comes when the last writer is gone; a survivor would hold it back.
        drop(holder);
        let mut said = String::new();
        reader.read_to_string(&mut said).expect("the end of the fifo");
        assert!(said.is_empty() || said == "up\n", "{said}");
        fs::remove_file(&fifo).expect("the fifo goes away");
    }
}
