//! The library built with AddressSanitizer or ThreadSanitizer, and on it the abuse, the random
//! sequences and the test programs of libzmq. What a sanitizer reports ends the process, and that
//! fails the check.
//!
//! The library is linked statically, with the sanitizer's runtime that comes with Rust, so that
//! the runtime stands in the program as it has to. The C and C++ sides are not instrumented.
//!
//! Nor is Rust's standard library, so ThreadSanitizer does not see what its locks do once they have
//! to wait. The linker puts functions of ours around those, which tell it: see `blind`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oxmq_testing::{Doing, Result};

use crate::driver::{Case, Driver, run_in_parallel};
use crate::programs::{self, Suite};
use crate::{Run, abuse, fuzz, tools};

/// The target, named so that build scripts and macros are built without the sanitizer.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Random cases when the command line says no number.
const CASES: usize = 200;

/// Tests of what a sanitizer makes impossible: its own threads in a fork, and a sender that is
/// faster than the kernel, so that it has to wait.
const NOT_RUN: [&str; 2] = ["test_fork", "test_hwm_pubsub"];

/// Runs everything under the sanitizer that the filter names, or under both.
pub(crate) fn run(run: &mut Run) {
    for kind in ["address", "thread"] {
        if kind.contains(&run.settings.filter) {
            under(run, kind);
        }
    }
}

fn under(run: &mut Run, kind: &str) {
    let folder = run.folder.join("sanitize").join(kind);
    let (seed, jobs) = (run.settings.seed, run.settings.jobs);
    let cases = run.settings.cases.unwrap_or(CASES);
    let mut link = Vec::new();
    run.score.check(&format!("sanitize {kind}: build"), || {
        link = build(kind, &folder)?;
        Ok(String::new())
    });
    if link.is_empty() {
        return;
    }
    run.score.check(&format!("sanitize {kind}: abuse, {cases} cases with seed {seed}"), || {
        let driver = Driver::build_with(&folder, &link)?;
        abuse::check(&driver, Path::new("-"), seed, cases, jobs)
    });
    run.score.check(&format!("sanitize {kind}: sequences, {cases} with seed {seed}"), || {
        let driver = Driver::build_with(&folder, &link)?;
        let cases: Vec<Case> = (0..cases).map(|number| fuzz::case(seed, number)).collect();
        let answers = run_in_parallel(&driver, Path::new("-"), &cases, jobs)?;
        let died = answers.iter().position(|answers| answers.died.is_some());
        match died {
            Some(number) => Err(format!("seed {seed} case {number} died")),
            None => Ok(format!("{} cases", cases.len())),
        }
    });
    let lib = run.prefix.lib();
    let sources = run.folder.join("programs");
    run.score.check(&format!("sanitize {kind}: programs"), || {
        let names = tools::list("programs.txt")?;
        programs::fetch(&sources, &names)?;
        let names: Vec<String> =
            names.into_iter().filter(|name| !NOT_RUN.contains(&name.as_str())).collect();
        let suite = Suite::new(folder.join("programs"), link, lib);
        suite.compile(&sources.join("src"), None, &names)?;
        programs::total(&tools::in_parallel(&names, jobs, |name| suite.run_one(name)))
    });
}

/// Builds the library; what links it and the runtime into a program.
fn build(kind: &str, folder: &Path) -> Result<Vec<OsString>> {
    let mut flags = format!("-Zsanitizer={kind}");
    if kind == "thread" {
        // The standard library is not instrumented.
        flags.push_str(" -Cunsafe-allow-abi-mismatch=sanitizer");
    }
    let target = folder.join("target");
    let mut cargo = Command::new(tools::cargo());
    cargo
        .current_dir(tools::workspace())
        .args(["build", "-p", "oxmq-libzmq", "--lib", "--target", TARGET])
        .env("CARGO_TARGET_DIR", &target)
        // The stable toolchain has the sanitizers, but asks for this before it uses them.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", flags);
    tools::run(&mut cargo, &folder.join("build.log"))?;
    let libraries = tools::output(Command::new("rustc").args(["--print", "target-libdir"]))?;
    let short = if kind == "address" { "asan" } else { "tsan" };
    let runtime = PathBuf::from(libraries.trim()).join(format!("librustc-stable_rt.{short}.a"));
    let archive = target.join(TARGET).join("debug/libzmq.a");
    let mut link: Vec<OsString> =
        vec!["-Wl,--whole-archive".into(), runtime.into(), archive.into()];
    for flag in ["-Wl,--no-whole-archive", "-rdynamic", "-lgcc_s", "-lutil", "-lrt"] {
        link.push(flag.into());
    }
    link.extend(["-lpthread", "-lm", "-ldl", "-lstdc++"].map(OsString::from));
    if kind == "thread" {
        link.extend(blind(&target.join(TARGET).join("debug/libzmq.a"), folder)?);
    }
    Ok(link)
}

/// How the names of the functions end that wait inside the standard library, and which of their
/// arguments is the lock.
const WAITING: [(&str, char); 6] = [
    ("14lock_contended", 'a'),
    ("14read_contended", 'a'),
    ("15write_contended", 'a'),
    ("7Condvar4wait", 'b'),
    ("7Condvar12wait_timeout", 'b'),
    ("4Once4call", 'a'),
];

/// Flags that put a function around each of them: it says that the lock is given up before and
/// taken afterwards, and that what a `Once` does is done.
fn blind(archive: &Path, folder: &Path) -> Result<Vec<OsString>> {
    let symbols = tools::output(Command::new("nm").arg("-u").arg(archive))?;
    let mut names: Vec<&str> =
        symbols.split_whitespace().filter(|name| name.contains("3std3sys4sync")).collect();
    names.sort_unstable();
    names.dedup();
    let mut source = String::from("void __tsan_acquire(void *);\nvoid __tsan_release(void *);\n");
    let mut flags = Vec::new();
    for (end, lock) in WAITING {
        let name = names
            .iter()
            .find(|name| name.ends_with(end))
            .ok_or_else(|| format!("the library does not use a function {end}"))?;
        let six = "long a, long b, long c, long d, long e, long f";
        let (before, after) = match end {
            "4Once4call" => ("", "__tsan_release((void *)a);"),
            _ if lock == 'b' => ("__tsan_release((void *)b);", ""),
            _ => ("", ""),
        };
        source.push_str(&format!(
            "long __real_{name}({six});\nlong __wrap_{name}({six}) {{\n  {before}\n  long r = \
             __real_{name}(a, b, c, d, e, f);\n  __tsan_acquire((void *){lock});\n  {after}\n  \
             return r;\n}}\n"
        ));
        flags.push(OsString::from(format!("-Wl,--wrap={name}")));
    }
    let (text, object) = (folder.join("blind.c"), folder.join("blind.o"));
    fs::write(&text, source).doing(text.display())?;
    let mut gcc = Command::new("gcc");
    gcc.args(["-O1", "-g", "-c"]).arg(&text).arg("-o").arg(&object);
    tools::run(&mut gcc, &folder.join("blind.log"))?;
    flags.push(object.into());
    Ok(flags)
}
