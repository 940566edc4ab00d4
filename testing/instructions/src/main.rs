//! How many instructions one message costs in a stream, sending and receiving together, counted by
//! valgrind: a figure that does not depend on how fast the machine is or what else runs on it.
//!
//! `oxmq-instructions` builds the example `stream` of the C library as it is released, runs it
//! under callgrind with two lengths, and takes the difference, so that starting and ending do not
//! count. A scenario above its bound, or below half of it, where the bound has lost its meaning,
//! fails.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Messages of the shorter and of the longer run.
const MESSAGES: [u64; 2] = [4_000, 24_000];

/// One row of the table.
struct Bound {
    transport: &'static str,
    payload_bytes: u32,
    /// The calls of the C interface: `msg` or `buffer`.
    calls: &'static str,
    /// Instructions of a message in user space, both ends and what drives them.
    most: u64,
}

const fn bound(
    transport: &'static str,
    payload_bytes: u32,
    calls: &'static str,
    most: u64,
) -> Bound {
    Bound { transport, payload_bytes, calls, most }
}

/// The bounds: a tenth or so above what is counted. Whoever makes a message cheaper lowers them;
/// whoever has to raise one says why in the commit.
const BOUNDS: &[Bound] = &[
    bound("tcp", 16, "msg", 1100),
    bound("tcp", 64, "msg", 1040),
    bound("tcp", 64, "buffer", 1170),
    bound("tcp", 1024, "msg", 1720),
    bound("ipc", 64, "msg", 1040),
    bound("inproc", 16, "msg", 820),
    bound("inproc", 64, "msg", 915),
    bound("inproc", 64, "buffer", 985),
    bound("inproc", 1024, "msg", 980),
];

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Counts every row; whether all are within their bounds.
fn run() -> Result<bool, String> {
    let program = build()?;
    let mut fine = true;
    for bound in BOUNDS {
        let [short, long] = MESSAGES.map(|messages| count(&program, bound, messages));
        let (short, long) = (short?, long?);
        let each = long.saturating_sub(short) / (MESSAGES[1] - MESSAGES[0]);
        let verdict = match each {
            each if each > bound.most => "MORE THAN ITS BOUND",
            each if each < bound.most / 2 => "LESS THAN HALF ITS BOUND: lower it",
            _ => "ok",
        };
        fine &= verdict == "ok";
        let Bound { transport, payload_bytes, calls, most } = bound;
        println!(
            "{transport:>6} {payload_bytes:>5} B {calls:<6} {each:>5} of {most:>5}: {verdict}"
        );
    }
    Ok(fine)
}

/// Builds the example, as released; returns where it is.
fn build() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(&root).args(["build", "--release", "-p", "oxmq-libzmq"]);
    let status = build.args(["--example", "stream"]).status();
    if !status.map_err(|error| format!("cargo: {error}"))?.success() {
        return Err("the example `stream` does not build".to_owned());
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    Ok(root.join(target).join("release/examples/stream"))
}

/// The instructions of one run.
fn count(program: &Path, bound: &Bound, messages: u64) -> Result<u64, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    valgrind.arg(bound.transport).arg(bound.payload_bytes.to_string());
    let output = valgrind.arg(messages.to_string()).arg(bound.calls).output();
    let output = output.map_err(|error| format!("valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| {
        let (_, number) = line.split_once("Collected :")?;
        number.trim().parse().ok()
    });
    match collected {
        Some(collected) if output.status.success() => Ok(collected),
        _ => Err(format!("{} failed:\n{text}", program.display())),
    }
}
