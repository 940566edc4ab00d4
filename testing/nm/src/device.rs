//! `oxmq serve --queue` as a process: built, started, ended by a signal. Each value owns its
//! process, which dies with it; the main thread calls.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use oxmq_testing::{Doing, Result};

/// Where the command is: beside this program, in the folder of the release profile.
fn program() -> Result<PathBuf> {
    Ok(target_folder()?.join("release").join("oxmq"))
}

fn target_folder() -> Result<PathBuf> {
    let this = std::env::current_exe().doing("finding this program")?;
    let folder = this.parent().and_then(|profile| profile.parent());
    folder.map(PathBuf::from).ok_or_else(|| format!("{} has no folder", this.display()))
}

/// Builds the command, so that what runs is never older than the sources.
///
/// # Errors
/// Cargo's.
pub(crate) fn build() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "--release", "--package", "oxmq-cli", "--target-dir"])
        .arg(target_folder()?)
        .status()
        .doing("starting Cargo")?;
    if status.success() { Ok(()) } else { Err(format!("Cargo: {status}")) }
}

/// A running device.
#[derive(Debug)]
pub(crate) struct Device {
    process: Child,
    /// Kept open: the device may write more.
    output: BufReader<ChildStdout>,
    /// The endpoint of its front; of several, the last.
    pub(crate) front: String,
    /// The same of its back.
    pub(crate) back: String,
}

impl Device {
    /// Starts one between these two, as the command line takes them, and waits until it says
    /// where they are.
    ///
    /// # Errors
    /// What it says instead.
    pub(crate) fn start(front: &str, back: &str) -> Result<Device> {
        let mut process = Command::new(program()?)
            .args(["serve", "--queue", front, back])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .doing("starting oxmq serve")?;
        let output = process.stdout.take().ok_or("the device has no output")?;
        let mut device = Device {
            process,
            output: BufReader::new(output),
            front: String::new(),
            back: String::new(),
        };
        device.front = device.endpoint("front")?;
        device.back = device.endpoint("back")?;
        Ok(device)
    }

    /// The endpoint in the next line, which tells of one side.
    fn endpoint(&mut self, side: &str) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).doing("reading what the device says")?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["queue", this, .., last] if this == side => Ok(last.to_owned()),
            _ if line.is_empty() => Err(format!("the device ended: {}", self.told())),
            _ => Err(format!("the device says {line:?} of its {side}")),
        }
    }

    /// The rest of its standard error, once it ends.
    fn told(&mut self) -> String {
        let mut told = String::new();
        if let Some(stderr) = &mut self.process.stderr {
            // What cannot be read is missing in the report.
            let _ = stderr.read_to_string(&mut told);
        }
        told
    }

    /// Ends it with SIGKILL and waits until it has gone.
    pub(crate) fn kill(&mut self) {
        // Neither can fail for a child that has not been waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Ends it with SIGTERM: it has to end cleanly and to have passed on `count` messages each
    /// way.
    pub(crate) fn end(mut self, count: u64) -> Result<()> {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &id]).status().doing("kill")?;
        if !sent.success() {
            return Err(format!("kill: {sent}"));
        }
        let told = self.told();
        let status = self.process.wait().doing("waiting for the device")?;
        let counts = format!("queue: {count} messages front to back, {count} back to front");
        if status.success() && told.contains(&counts) {
            return Ok(());
        }
        Err(format!("the device ended with {status}, not {counts:?}; it said {told:?}"))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.kill();
    }
}
