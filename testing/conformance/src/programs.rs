//! The public test programs of libzmq, from Debian's source package zeromq3: fetched, compiled
//! against our library with their header and with ours, and run at several at once, each in a
//! network and a folder of its own.
//!
//! `lists/programs.txt` names them. A pass is exit code 0 and the closing line of their test
//! framework, so that a library that does nothing does not pass.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use oxmq_testing::{Doing, Result};

use crate::driver::{SANITIZER, thread_sanitizer};
use crate::{Run, tools};

/// Time after which a program counts as hung.
const LIMIT_S: u32 = 120;

/// Files of theirs that the programs share.
const SHARED: [&str; 4] =
    ["testutil", "testutil_unity", "testutil_monitoring", "testutil_security"];

/// What the programs ask of the platform.
const PLATFORM: &str = "\
#pragma once
#define ZMQ_HAVE_LINUX
#define ZMQ_HAVE_IPC
#define ZMQ_HAVE_UIO
#define ZMQ_HAVE_SO_PEERCRED
#define ZMQ_HAVE_SO_PRIORITY
#define ZMQ_HAVE_CURVE
#define HAVE_FORK
#define HAVE_MKDTEMP
";

/// Lines that ask for the version and the build flags of their own library: file, line, instead.
const NEUTRAL: [(&str, &str, &str); 3] = [
    ("test_ancillaries.cpp", "TEST_ASSERT_EQUAL_INT (ZMQ_VERSION_PATCH, patch);", "(void) patch;"),
    ("test_capabilities.cpp", "TEST_ASSERT_TRUE (!zmq_has (", "(void) (zmq_has ("),
    ("test_capabilities.cpp", "TEST_ASSERT_TRUE (zmq_has (", "(void) (zmq_has ("),
];

/// A line of its own as soon as it is complete, so that a program that dies has said where.
const LINE_BUFFERED: &str = "#include <stdio.h>\n__attribute__((constructor)) static void \
    line_buffered(void) { setvbuf(stdout, 0, _IOLBF, 0); }\n";

/// The network of a program: loopback and one more interface.
const NETWORK: &str = "ip link set lo up; ip link add v0 type veth peer name v1 2>/dev/null && \
    { ip link set v1 up; ip addr add 10.99.0.1/24 dev v0; ip link set v0 up; \
    ip route add 224.0.0.0/4 dev v0; }; ";

/// Fetches, compiles and runs them, once for each header.
pub(crate) fn run(run: &mut Run) {
    let names = match tools::list("programs.txt") {
        Ok(names) => names,
        Err(error) => return run.score.check("programs: the list", || Err(error)),
    };
    let folder = run.folder.join("programs");
    let mut fetched = false;
    run.score.check("programs: sources of zeromq3", || {
        fetch(&folder, &names)?;
        fetched = true;
        Ok(format!("{} programs", names.len()))
    });
    if !fetched {
        return;
    }
    for header in ["theirs", "ours"] {
        let lib = run.prefix.lib();
        let link =
            vec!["-L".into(), lib.clone().into(), "-l:libzmq.so.5".into(), "-lpthread".into()];
        let suite = Suite::new(folder.join(header), link, lib);
        let include = (header == "ours").then(|| run.prefix.include());
        let mut compiled = false;
        let jobs = run.settings.jobs;
        run.score.check(&format!("programs: compile with {header} zmq.h"), || {
            let count = suite.compile(&folder.join("src"), include.as_deref(), &names)?;
            compiled = true;
            Ok(format!("{count} programs"))
        });
        for round in 1..=run.settings.rounds {
            if !compiled {
                break;
            }
            println!("programs with {header} zmq.h, round {round}:");
            let wanted: Vec<&String> =
                names.iter().filter(|name| name.contains(&run.settings.filter)).collect();
            let outcomes = tools::in_parallel(&wanted, jobs, |name| suite.run_one(name));
            run.score
                .check(&format!("programs: {header} zmq.h, round {round}"), || total(&outcomes));
        }
    }
}

/// What came of one program.
pub(crate) struct Outcome {
    name: String,
    passed: bool,
    cases: usize,
    ignored: usize,
}

pub(crate) fn total(outcomes: &[Outcome]) -> Result<String> {
    if outcomes.is_empty() {
        return Err("no program has such a name".to_owned());
    }
    let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
    let cases: usize = outcomes.iter().map(|outcome| outcome.cases).sum();
    let ignored: usize = outcomes.iter().map(|outcome| outcome.ignored).sum();
    let line = format!("{passed} of {} programs, {cases} cases, {ignored} ignored", outcomes.len());
    let failed: Vec<&str> =
        outcomes.iter().filter(|o| !o.passed).map(|o| o.name.as_str()).collect();
    if failed.is_empty() { Ok(line) } else { Err(format!("{line}: {}", failed.join(" "))) }
}

/// The programs compiled with one of the headers.
pub(crate) struct Suite {
    folder: PathBuf,
    bin: PathBuf,
    /// What links the library under test.
    link: Vec<OsString>,
    /// The folder of the library under test.
    lib: PathBuf,
}

impl Suite {
    /// The programs below a folder, linked with these flags, running beside these libraries.
    pub(crate) fn new(folder: PathBuf, link: Vec<OsString>, lib: PathBuf) -> Suite {
        Suite { bin: folder.join("bin"), folder, link, lib }
    }

    /// Compiles all of them.
    pub(crate) fn compile(
        &self,
        src: &Path,
        include: Option<&Path>,
        names: &[String],
    ) -> Result<usize> {
        let tree = self.folder.join("src");
        let objects = self.folder.join("objects");
        for folder in [&self.folder, &self.bin, &objects] {
            fs::create_dir_all(folder).doing(folder.display())?;
        }
        let mut copy = Command::new("cp");
        copy.args(["-aT"]).arg(src).arg(&tree);
        tools::run(&mut copy, &self.folder.join("copy.log"))?;
        if let Some(include) = include {
            for header in ["zmq.h", "zmq_utils.h"] {
                let to = tree.join("include").join(header);
                fs::copy(include.join(header), &to).doing(to.display())?;
            }
        }
        let line = objects.join("line.c");
        fs::write(&line, LINE_BUFFERED).doing(line.display())?;
        let unity = tree.join("external/unity/unity.c");
        let mut shared: Vec<PathBuf> = vec![line, unity];
        shared.extend(SHARED.map(|name| tree.join("tests").join(name).with_extension("cpp")));
        let results = tools::in_parallel(&shared, 2, |source| {
            let object = objects.join(source.file_stem().unwrap_or_default()).with_extension("o");
            self.compiler(source).arg("-c").arg(source).arg("-o").arg(&object).log(&object)?;
            Ok(object)
        });
        let shared: Vec<PathBuf> = results.into_iter().collect::<Result<_>>()?;
        let results = tools::in_parallel(names, 2, |name| {
            let source = tree.join("tests").join(name).with_extension("cpp");
            let program = self.bin.join(name);
            self.compiler(&source)
                .arg(&source)
                .args(&shared)
                .args(&self.link)
                .arg("-o")
                .arg(&program)
                .log(&objects.join(name))
        });
        let failed: Vec<String> = results.into_iter().filter_map(Result::err).collect();
        if failed.is_empty() { Ok(names.len()) } else { Err(failed.join("\n")) }
    }

    fn compiler(&self, source: &Path) -> Compiler {
        let is_c = source.extension().is_some_and(|end| end == "c");
        let mut command = Command::new(if is_c { "gcc" } else { "g++" });
        let tree = self.folder.join("src");
        command
            .args(["-O1", "-w", "-fPIC", "-DUNITY_EXCLUDE_FLOAT", "-DZMQ_BUILD_DRAFT_API"])
            .arg("-I")
            .arg(tree.join("external/unity"))
            .arg("-I")
            .arg(tree.join("include"));
        if !is_c {
            command.arg("-std=gnu++11");
        }
        Compiler(command)
    }

    /// Runs one and prints its line.
    pub(crate) fn run_one(&self, name: &str) -> Outcome {
        let start = Instant::now();
        let log = self.folder.join("log").join(name);
        let result = self.program(name, &log);
        let said = tools::tail(&log, usize::MAX);
        let summary =
            said.lines().rev().find(|line| line.contains(" Tests ") && line.contains(" Failures "));
        let number = |word: &str| {
            let words: Vec<&str> = summary.unwrap_or("").split_whitespace().collect();
            let at = words.iter().position(|w| *w == word).unwrap_or(0);
            at.checked_sub(1).and_then(|at| words.get(at)?.parse::<usize>().ok()).unwrap_or(0)
        };
        let passed = result.is_ok() && summary.is_some() && number("Failures") == 0;
        let word = if passed { "pass" } else { "FAIL" };
        let seconds = start.elapsed().as_secs_f64();
        println!("  {word} {name:36} {seconds:6.1} s  {}", summary.unwrap_or("no summary"));
        if !passed {
            println!("{}", tools::tail(&log, 8));
        }
        Outcome {
            name: name.to_owned(),
            passed,
            cases: number("Tests"),
            ignored: number("Ignored"),
        }
    }

    fn program(&self, name: &str, log: &Path) -> Result<()> {
        let folder = self.folder.join("run").join(name);
        fs::create_dir_all(&folder).doing(folder.display())?;
        let script = format!(
            "{NETWORK} exec timeout -k 5 -s KILL {LIMIT_S} '{}'",
            self.bin.join(name).display()
        );
        let mut command = Command::new("unshare");
        command
            .args(["-n", "sh", "-c", &script])
            .current_dir(&folder)
            .env("LD_LIBRARY_PATH", &self.lib)
            .env("ASAN_OPTIONS", SANITIZER)
            .env("TSAN_OPTIONS", thread_sanitizer())
            // Short, for the names of ipc sockets are.
            .env("TMPDIR", "/tmp")
            .stdin(Stdio::null());
        let result = tools::run(&mut command, log);
        fs::remove_dir_all(&folder).doing(folder.display())?;
        result
    }
}

/// A compiler's command line under construction.
struct Compiler(Command);

impl Compiler {
    fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Compiler {
        self.0.arg(argument);
        self
    }

    fn args<S: AsRef<std::ffi::OsStr>>(
        mut self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Compiler {
        self.0.args(arguments);
        self
    }

    /// Runs it, with its output beside what it makes.
    fn log(mut self, beside: &Path) -> Result<()> {
        tools::run(&mut self.0, &beside.with_extension("log"))
    }
}

/// Fetches the source package and takes from it what the programs need; once is enough.
pub(crate) fn fetch(folder: &Path, names: &[String]) -> Result<()> {
    let src = folder.join("src");
    let complete = folder.join("complete");
    if fs::read_to_string(&complete).is_ok_and(|of| of == names.join("\n")) {
        return Ok(());
    }
    let deb = folder.join("deb");
    for new in [&deb, &src] {
        fs::create_dir_all(new).doing(new.display())?;
    }
    let mut apt = Apt::new(folder)?;
    apt.run(&["update", "-qq"])?;
    apt.run(&["source", "--download-only", "-qq", "zeromq3"])?;
    let archive = fs::read_dir(&deb)
        .doing(deb.display())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().contains(".orig.tar."))
        .ok_or("apt-get source left no zeromq3_*.orig.tar.*")?;
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(&archive).arg("-C").arg(&src).args(["--strip-components=1", "--wildcards"]);
    tar.args(names.iter().map(|name| format!("*/tests/{name}.cpp")));
    tar.args(["*/tests/testutil*", "*/include/*", "*/external/unity/*", "*/src/stdint.hpp"]);
    tools::run(&mut tar, &folder.join("tar.log"))?;
    let platform = src.join("src/platform.hpp");
    fs::write(&platform, PLATFORM).doing(platform.display())?;
    for (file, line, instead) in NEUTRAL {
        let path = src.join("tests").join(file);
        let text = fs::read_to_string(&path).doing(path.display())?;
        fs::write(&path, text.replace(line, instead)).doing(path.display())?;
    }
    fs::write(&complete, names.join("\n")).doing(complete.display())
}

/// apt-get with source entries made from the machine's own, in a folder of its own.
struct Apt {
    folder: PathBuf,
    options: Vec<String>,
}

impl Apt {
    fn new(folder: &Path) -> Result<Apt> {
        let folder = tools::absolute(folder)?;
        let own = folder.join("apt");
        fs::create_dir_all(own.join("lists/partial")).doing(own.display())?;
        let mut sources = String::new();
        let parts = Path::new("/etc/apt/sources.list.d");
        for entry in fs::read_dir(parts).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|end| end == "sources") {
                let text = fs::read_to_string(&path).doing(path.display())?;
                for line in text.lines() {
                    let line = if line.starts_with("Types:") { "Types: deb-src" } else { line };
                    sources.push_str(line);
                    sources.push('\n');
                }
                sources.push('\n');
            }
        }
        fs::write(own.join("all.sources"), sources).doing(own.display())?;
        let list = fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
        let list: Vec<String> = list
            .lines()
            .filter_map(|line| Some(format!("deb-src {}", line.strip_prefix("deb ")?)))
            .collect();
        fs::write(own.join("all.list"), list.join("\n") + "\n").doing(own.display())?;
        let options = vec![
            format!("Dir::Etc::sourceparts={}", own.display()),
            "Dir::Etc::sourcelist=/dev/null".to_owned(),
            format!("Dir::State::lists={}", own.join("lists").display()),
        ];
        Ok(Apt { folder, options })
    }

    fn run(&mut self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new("apt-get");
        command.current_dir(self.folder.join("deb"));
        for option in &self.options {
            command.args(["-o", option]);
        }
        command.args(arguments);
        tools::run(&mut command, &self.folder.join("apt.log"))
    }
}
