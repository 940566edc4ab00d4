//! Builds our C library, finds the stock one of the system and runs the scenarios of
//! `testing/behaviour/scenarios` on both. Arguments are passed on: see `run.py`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Where Debian puts libraries, by the name of the processor.
fn stock() -> Option<PathBuf> {
    if let Some(path) = env::var_os("OXMQ_STOCK_LIBZMQ") {
        return Some(PathBuf::from(path));
    }
    let folders = [format!("/usr/lib/{}-linux-gnu", env::consts::ARCH), "/usr/lib64".to_owned()];
    folders.iter().map(|folder| Path::new(folder).join("libzmq.so.5")).find(|path| path.exists())
}

/// Builds the C library and returns its path.
fn ours(workspace: &Path) -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(workspace)
        .args(["build", "--quiet", "-p", "oxmq-libzmq"])
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err("the C library does not build".to_owned());
    }
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), Into::into);
    let path = target.join("debug/libzmq.so");
    if path.exists() { Ok(path) } else { Err(format!("{} is not there", path.display())) }
}

fn run() -> Result<bool, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = here.ancestors().nth(2).ok_or("the workspace is not there")?;
    let stock = stock().ok_or("no libzmq.so.5 of the system: install libzmq5")?;
    let ours = ours(workspace)?;
    let status = Command::new("python3")
        .arg(here.join("scenarios/run.py"))
        .args([stock, ours])
        .args(env::args_os().skip(1))
        .status()
        .map_err(|error| format!("python3: {error}"))?;
    Ok(status.success())
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("oxmq-behaviour: {why}");
            ExitCode::FAILURE
        }
    }
}
