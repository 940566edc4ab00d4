//! Running the real binary: started with its arguments, fed, listened to, signalled, and waited
//! for. Each test owns its processes, which are killed when it ends; a watchdog ends a test run
//! that hangs.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail where it stands")]
#![expect(dead_code, reason = "each test file uses a part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio, exit};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Longer than any test file takes, even on a slow machine under load.
const WATCHDOG: Duration = Duration::from_secs(120);

/// A command that runs.
pub(crate) struct Tool {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Lines of standard output, as they come.
    stdout: Receiver<Vec<u8>>,
    /// Lines of standard error, as they come.
    stderr: Receiver<Vec<u8>>,
    /// Lines of standard error that were waited past.
    told: String,
    readers: Vec<JoinHandle<()>>,
}

/// What a command left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    /// What was not read before.
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Starts a command; its standard input is a pipe.
pub(crate) fn start(args: &[&str]) -> Tool {
    start_with(args, true)
}

/// Starts a command whose standard output nobody reads, as if `head` had had enough.
pub(crate) fn start_unread(args: &[&str]) -> Tool {
    start_with(args, false)
}

fn start_with(args: &[&str], reads: bool) -> Tool {
    watch();
    let mut child = Command::new(env!("CARGO_BIN_EXE_oxmq"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let stdout = child.stdout.take().unwrap();
    let (stdout, out_reader) =
        if reads { read_lines(stdout) } else { read_lines(std::io::empty()) };
    let (stderr, error_reader) = read_lines(child.stderr.take().unwrap());
    let stdin = child.stdin.take();
    let readers = vec![out_reader, error_reader];
    Tool { child, stdin, stdout, stderr, told: String::new(), readers }
}

/// Runs a command to its end, without input.
pub(crate) fn run(args: &[&str]) -> Ended {
    start(args).finish()
}

/// Runs a command to its end, with this input.
pub(crate) fn run_with(args: &[&str], input: impl AsRef<[u8]>) -> Ended {
    let mut tool = start(args);
    tool.feed(input);
    tool.finish()
}

impl Tool {
    /// Writes to standard input.
    pub(crate) fn feed(&mut self, input: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("the input is open");
        stdin.write_all(input.as_ref()).expect("the command reads");
        stdin.flush().expect("the command reads");
    }

    /// Waits until the command says where it listens.
    pub(crate) fn endpoint(&mut self) -> String {
        self.wait_told("listening on ")
    }

    /// Waits for a line of standard error that contains `what`, and returns what follows it.
    pub(crate) fn wait_told(&mut self, what: &str) -> String {
        loop {
            let Ok(line) = self.stderr.recv() else {
                panic!("the command ended without saying {what:?}; it said {:?}", self.told);
            };
            let line = String::from_utf8(line).unwrap();
            self.told.push_str(&line);
            if let Some((_, rest)) = line.split_once(what) {
                return rest.trim_end().to_owned();
            }
        }
    }

    /// The next line of standard output, without its end.
    pub(crate) fn line(&mut self) -> String {
        let line = self.stdout.recv().expect("the command prints a line");
        String::from_utf8(line).unwrap().trim_end_matches('\n').to_owned()
    }

    /// Sends SIGTERM, SIGINT or another signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Ends standard input.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Waits until it ends by itself, with its input open.
    pub(crate) fn wait_end(&mut self) {
        // `Child::wait` would close the input, but it is not the child's any more.
        self.child.wait().unwrap();
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Ends its input, waits until it ends and takes all it printed.
    pub(crate) fn finish(mut self) -> Ended {
        self.end_input();
        let status = self.child.wait().unwrap();
        for reader in std::mem::take(&mut self.readers) {
            reader.join().unwrap();
        }
        let mut stderr = std::mem::take(&mut self.told);
        for line in self.stderr.try_iter() {
            stderr.push_str(&String::from_utf8_lossy(&line));
        }
        // A signal as a shell would say it.
        let code = status.code().unwrap_or(-1);
        Ended { status: code, stdout: self.stdout.try_iter().flatten().collect(), stderr }
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Fails unless the exit status is 0; returns the lines of standard output.
    #[track_caller]
    pub(crate) fn ok(&self) -> Vec<String> {
        assert_eq!(self.status, 0, "{self:?}");
        self.lines()
    }

    /// The lines of standard output.
    pub(crate) fn lines(&self) -> Vec<String> {
        String::from_utf8(self.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
    }

    /// Fails unless the exit status is this and standard error contains all of these.
    #[track_caller]
    pub(crate) fn failed(&self, status: i32, told: &[&str]) {
        assert_eq!(self.status, status, "{self:?}");
        for what in told {
            assert!(self.stderr.contains(what), "no {what:?} in: {}", self.stderr);
        }
    }
}

/// An endpoint of this machine that no other test uses.
pub(crate) fn ipc() -> String {
    format!("ipc://@oxmq-cli-{}-{}", std::process::id(), number())
}

/// A path for a file that no other test uses.
pub(crate) fn path(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    directory.join(format!("{}-{}-{name}", std::process::id(), number()))
}

/// The endpoint to connect to what is bound at this one.
pub(crate) fn to(endpoint: &str) -> String {
    format!("connect:{endpoint}")
}

fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn read_lines(from: impl Read + Send + 'static) -> (Receiver<Vec<u8>>, JoinHandle<()>) {
    let (lines, receiver) = channel();
    let reader = thread::spawn(move || {
        let mut from = BufReader::new(from);
        loop {
            let mut line = Vec::new();
            if from.read_until(b'\n', &mut line).unwrap() == 0 || lines.send(line).is_err() {
                break;
            }
        }
    });
    (receiver, reader)
}

fn watch() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        thread::spawn(|| {
            thread::park_timeout(WATCHDOG);
            eprintln!("the tests hang");
            exit(99);
        });
    });
}
