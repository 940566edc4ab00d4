//! Programs that use libzmq through Python, on our library: the tests of pyzmq and of aiozmq, each
//! from the sources of its release, cells in a Jupyter kernel, and exchanges with peers that do not
//! use it.
//!
//! pyzmq is PyPI's wheel with its own copy of libzmq replaced by a link to ours; aiozmq runs on
//! Debian's python3-zmq, which the loader leads to ours.

mod foreign;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oxmq_testing::{Doing, Result};

use crate::prefix::Prefix;
use crate::{Run, tools};

/// The release of pyzmq.
const PYZMQ: &str = "27.2.0";

/// The release of aiozmq.
const AIOZMQ: &str = "1.0.0";

/// Time after which a suite counts as hung.
const LIMIT_S: &str = "500";

/// Tests of pyzmq that race with the scheduler, and fail now and then on stock libzmq as well: they
/// publish right after subscribing, and compare two equal timers. Then what needs a compiler.
const PYZMQ_LEFT_OUT: [&str; 5] = [
    "--deselect=tests/test_log.py::TestPubLog::test_blank_root_topic",
    "--deselect=tests/test_retry_eintr.py::TestEINTRSysCall::test_retry_poll",
    "--ignore=tests/test_cython.py",
    "--ignore=tests/test_mypy.py",
    "--deselect=tests/test_includes.py",
];

/// Tests of aiozmq that fail with a Python as new as Debian's, whatever the library.
const AIOZMQ_LEFT_OUT: &str = "not test_server_close and not test_client_override_global_timeout";

/// Runs both suites, as often as asked.
pub(crate) fn run(run: &mut Run) {
    let clients = Clients { prefix: run.prefix.clone(), folder: run.folder.join("clients") };
    for round in 1..=run.settings.rounds {
        run.score.check(&format!("clients: pyzmq {PYZMQ}, round {round}"), || clients.pyzmq());
        run.score.check(&format!("clients: aiozmq {AIOZMQ}, round {round}"), || clients.aiozmq());
        run.score.check(&format!("clients: Jupyter, round {round}"), || clients.script("jupyter"));
        run.score
            .check(&format!("clients: idle asyncio, round {round}"), || clients.script("idle"));
        for peer in foreign::PEERS {
            let name = format!("clients: exchanges with {peer}, round {round}");
            run.score.check(&name, || foreign::run(&clients.prefix, peer));
        }
    }
}

/// Where the suites live.
struct Clients {
    prefix: Prefix,
    folder: PathBuf,
}

impl Clients {
    fn pyzmq(&self) -> Result<String> {
        let packages = [
            &format!("pyzmq=={PYZMQ}"),
            "pytest",
            "pytest-asyncio",
            "pytest-timeout",
            "tornado",
            "setuptools",
            "wheel",
            "scikit-build-core",
            "cython",
            "packaging",
            "cffi",
            "pathspec",
            "ninja",
            "cmake",
        ];
        let python = self.venv(&packages)?;
        let source = self.source("pyzmq", PYZMQ)?;
        let bundled = self.replace_bundled()?;
        let log = self.folder.join("pyzmq.log");
        // With its warnings: a test looks for one.
        let mut command = self.pytest(&python, &source, &[]);
        command.args(PYZMQ_LEFT_OUT).args(["--timeout", "60", "tests"]);
        let said = self.suite(&mut command, &log)?;
        // Its authors leave the steerable proxy out where the version is 4.3.5 or later, which ours
        // says; ours has it, so these tests run too, told of an earlier version.
        let plugin = "import zmq\nzmq.zmq_version_info = lambda: (4, 3, 4)\n";
        fs::write(self.folder.join("oxmq_earlier.py"), plugin).doing("oxmq_earlier.py")?;
        let mut command = self.pytest(&python, &source, &[]);
        command.env("PYTHONPATH", tools::absolute(&self.folder)?);
        command.args(["-p", "oxmq_earlier", "--timeout", "60", "tests/test_proxy_steerable.py"]);
        let steered = self.suite(&mut command, &self.folder.join("pyzmq-steerable.log"))?;
        let said = format!("{said}; and of the steerable proxy {steered}");
        let check = "import sys, zmq; maps = open('/proc/self/maps').read(); \
                     sys.exit(0 if sys.argv[1] in maps else 'it runs on another libzmq')";
        let library = tools::absolute(&bundled)?;
        tools::output(Command::new(&python).args(["-c", check]).arg(library))?;
        Ok(said)
    }

    fn aiozmq(&self) -> Result<String> {
        let source = self.source("aiozmq", AIOZMQ)?;
        let log = self.folder.join("aiozmq.log");
        // A decorator that its tests use and newer versions of Python have not got.
        let decorator = "import asyncio, types\n\
             asyncio.coroutine = getattr(asyncio, 'coroutine', types.coroutine)\n";
        fs::write(source.join("conftest.py"), decorator).doing("conftest.py")?;
        let mut command = self.pytest(Path::new("/usr/bin/python3"), &source, &["-W", "ignore"]);
        command.env("LD_LIBRARY_PATH", self.prefix.lib()).env("PYTHONPATH", &source).args([
            "-k",
            AIOZMQ_LEFT_OUT,
            "--timeout",
            "30",
        ]);
        for entry in fs::read_dir(source.join("tests")).doing("tests")?.flatten() {
            let path = entry.path();
            if path.to_string_lossy().ends_with("_test.py") {
                command.arg(path);
            }
        }
        self.suite(&mut command, &log)
    }

    /// A program of `peers` that prints its counts: cells in a kernel, by Debian's jupyter_client
    /// and ipykernel, or a socket on Debian's pyzmq that does nothing.
    fn script(&self, name: &str) -> Result<String> {
        let log = self.folder.join(name).with_extension("log");
        let mut command = Command::new("timeout");
        command.args(["-k", "5", LIMIT_S, "/usr/bin/python3"]);
        command.arg(tools::here().join("peers").join(name).with_extension("py"));
        command.arg(self.prefix.library()).env("LD_LIBRARY_PATH", self.prefix.lib());
        let result = tools::run(&mut command, &log);
        let said = tools::tail(&log, 1);
        match (result, said.trim().strip_prefix("COUNTS ").and_then(|c| c.split_once(' '))) {
            (Ok(()), Some((passed, "0"))) => Ok(format!("{passed} passed")),
            _ => Err(tools::tail(&log, 30)),
        }
    }

    fn pytest(&self, python: &Path, source: &Path, flags: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command.args(["-k", "5", LIMIT_S]).arg(python).args(flags).current_dir(source);
        command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short"]);
        command.arg(format!("--junitxml={}", self.report().display()));
        command
    }

    fn report(&self) -> PathBuf {
        self.folder.join("report.xml")
    }

    /// Runs a suite; its counts, or the tests that failed.
    fn suite(&self, command: &mut Command, log: &Path) -> Result<String> {
        // What an earlier suite reported is no result of this one.
        if self.report().exists() {
            fs::remove_file(self.report()).doing("the old report")?;
        }
        let result = tools::run(command, log);
        let report = fs::read_to_string(self.report()).doing(tools::tail(log, 12))?;
        let count = |name: &str| {
            let value = report.split(&format!(" {name}=\"")).nth(1)?;
            value.split('"').next()?.parse::<usize>().ok()
        };
        let [Some(tests), Some(failures), Some(errors), Some(skipped)] =
            ["tests", "failures", "errors", "skipped"].map(count)
        else {
            return Err("the suite left no counts".to_owned());
        };
        let failed = failures + errors;
        let passed = tests.saturating_sub(failed + skipped);
        let line = format!("{passed} passed, {failed} failed, {skipped} skipped");
        if failed > 0 || result.is_err() || passed == 0 {
            return Err(format!("{line}\n{}", tools::tail(log, 20)));
        }
        Ok(line)
    }

    /// The Python of a virtual environment with these packages.
    fn venv(&self, packages: &[&str]) -> Result<PathBuf> {
        let venv = self.folder.join("venv");
        let python = venv.join("bin/python");
        let complete = venv.join("complete");
        if fs::read_to_string(&complete).is_ok_and(|of| of == packages.join("\n")) {
            return Ok(python);
        }
        let log = self.folder.join("venv.log");
        tools::run(Command::new("/usr/bin/python3").args(["-m", "venv"]).arg(&venv), &log)?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "-q", "--only-binary", ":all:"]).args(packages);
        tools::run(&mut pip, &log)?;
        fs::write(&complete, packages.join("\n")).doing(complete.display())?;
        Ok(python)
    }

    /// The unpacked sources of a release on PyPI.
    fn source(&self, name: &str, version: &str) -> Result<PathBuf> {
        let source = self.folder.join(format!("{name}-{version}"));
        if source.join("tests").exists() {
            return Ok(source);
        }
        let log = self.folder.join(format!("{name}-source.log"));
        let mut pip = Command::new(self.folder.join("venv/bin/python"));
        pip.args(["-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation"])
            .args(["--no-binary", ":all:", "-d"])
            .arg(&self.folder)
            .arg(format!("{name}=={version}"));
        tools::run(&mut pip, &log)?;
        let archive = self.folder.join(format!("{name}-{version}.tar.gz"));
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(archive).arg("-C").arg(&self.folder);
        tools::run(&mut tar, &log)?;
        // The tests are of the installed package, not of the sources beside them.
        let package = source.join("zmq");
        if package.exists() {
            fs::remove_dir_all(&package).doing(package.display())?;
        }
        Ok(source)
    }

    /// Puts a link to our library where the wheel has its own.
    fn replace_bundled(&self) -> Result<PathBuf> {
        let lib = self.folder.join("venv/lib");
        for python in fs::read_dir(&lib).doing(lib.display())?.flatten() {
            let libs = python.path().join("site-packages/pyzmq.libs");
            for entry in fs::read_dir(&libs).into_iter().flatten().flatten() {
                if !entry.file_name().to_string_lossy().starts_with("libzmq-") {
                    continue;
                }
                let path = entry.path();
                fs::remove_file(&path).doing(path.display())?;
                std::os::unix::fs::symlink(self.prefix.library(), &path).doing(path.display())?;
                return Ok(path);
            }
        }
        Err("the wheel of pyzmq has no libzmq of its own".to_owned())
    }
}
