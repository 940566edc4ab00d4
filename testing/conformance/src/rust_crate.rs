//! The own tests of the crate `zmq`, the binding that most Rust programs use, linked to our
//! library: its sources come from the registry, pkg-config leads it to our prefix.

use std::fs;
use std::process::Command;

use oxmq_testing::{Doing, Result};

use crate::prefix::Prefix;
use crate::{Run, tools};

/// The release that is tested.
const VERSION: &str = "0.10.0";

/// A test that is left out: it compares what a compiler of the crate's day said word for word, and
/// never runs anything with the library.
const COMPILER: &str = "compile_fail";

/// Time after which its tests count as hung, its build included.
const LIMIT_S: &str = "900";

/// Fetches, builds and runs them.
pub(crate) fn run(run: &mut Run) {
    let (prefix, folder) = (run.prefix.clone(), run.folder.join("crate"));
    for round in 1..=run.settings.rounds {
        run.score.check(&format!("crate zmq {VERSION}: own tests, round {round}"), || {
            test(&prefix, &folder)
        });
    }
}

fn test(prefix: &Prefix, folder: &std::path::Path) -> Result<String> {
    let source = fetch(folder)?;
    let log = folder.join("test.log");
    let mut tests = Command::new("timeout");
    tests
        .args(["-k", "5", LIMIT_S])
        .arg(tools::cargo())
        .args(["test", "--no-fail-fast", "--", "--test-threads=2", "--skip", COMPILER])
        .current_dir(&source)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("PKG_CONFIG_LIBDIR", prefix.lib().join("pkgconfig"))
        .env("LD_LIBRARY_PATH", prefix.lib())
        .env_remove("RUSTFLAGS");
    let result = tools::run(&mut tests, &log);
    let said = tools::tail(&log, usize::MAX);
    let mut passed = 0;
    let mut failed = Vec::new();
    for line in said.lines() {
        if let Some(counts) = line.strip_prefix("test result: ") {
            let count = counts.split(" passed").next().and_then(|c| c.split_whitespace().last());
            passed += count.and_then(|count| count.parse::<usize>().ok()).unwrap_or(0);
        } else if line.starts_with("test ") && line.ends_with("FAILED") {
            failed.push(line.to_owned());
        }
    }
    if !failed.is_empty() {
        return Err(format!("{passed} passed, {} failed\n{}", failed.len(), failed.join("\n")));
    }
    result?;
    if passed == 0 {
        return Err("no test ran".to_owned());
    }
    Ok(format!("{passed} passed"))
}

/// The folder of the sources: a small project that asks for the crate lets Cargo fetch it.
fn fetch(folder: &std::path::Path) -> Result<std::path::PathBuf> {
    let source = folder.join(format!("zmq-{VERSION}"));
    if source.join("Cargo.toml").exists() {
        return Ok(source);
    }
    let asking = folder.join("asking");
    fs::create_dir_all(asking.join("src")).doing(asking.display())?;
    let manifest = format!(
        "[workspace]\n[package]\nname = \"asking\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
         [dependencies]\nzmq = \"={VERSION}\"\n"
    );
    fs::write(asking.join("Cargo.toml"), manifest).doing(asking.display())?;
    fs::write(asking.join("src/lib.rs"), "").doing(asking.display())?;
    let vendored = folder.join("vendored");
    let mut vendor = Command::new(tools::cargo());
    vendor.arg("vendor").arg("--versioned-dirs").arg(&vendored).current_dir(&asking);
    tools::run(&mut vendor, &folder.join("vendor.log"))?;
    let mut copy = Command::new("cp");
    copy.arg("-aT").arg(vendored.join(format!("zmq-{VERSION}"))).arg(&source);
    tools::run(&mut copy, &folder.join("copy.log"))?;
    let path = source.join("Cargo.toml");
    let manifest = fs::read_to_string(&path).doing(path.display())?;
    // A project of its own, whatever workspace lies around it; its benchmarks are not built.
    fs::write(&path, format!("{manifest}\n[workspace]\n")).doing(path.display())?;
    Ok(source)
}
