//! A peer process that is spoken to by lines: one request, one answer.
//!
//! A thread reads its output, so that an answer that does not come ends in an error and not in a
//! hang. The process dies with the value. With OXMQ_TRACE in the environment requests are shown.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::{Doing, Result};

/// Time after which an answer counts as never coming: a watchdog, not a measure.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// A running peer process.
#[derive(Debug)]
pub struct Child {
    name: String,
    process: std::process::Child,
    input: ChildStdin,
    answers: Receiver<String>,
}

impl Child {
    /// Starts `command`, whose standard output and input carry the lines.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(name: &str, command: &mut Command) -> Result<Child> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .doing(format_args!("starting {name} as {command:?}"))?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(format!("{name} has no pipes"));
        };
        let (sender, answers) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Child { name: name.to_owned(), process, input, answers })
    }

    /// Sends a request and returns what follows `ok` in the answer.
    ///
    /// # Errors
    /// The peer answers with something else, or not at all.
    pub fn call(&mut self, request: impl std::fmt::Display) -> Result<String> {
        self.begin(&request)?;
        self.finish().doing(request)
    }

    /// Sends a request whose answer [`Child::finish`] will wait for.
    ///
    /// # Errors
    /// The peer has gone.
    pub fn begin(&mut self, request: impl std::fmt::Display) -> Result<()> {
        if std::env::var_os("OXMQ_TRACE").is_some() {
            eprintln!("to {}: {request}", self.name);
        }
        let line = format!("{request}\n");
        self.input.write_all(line.as_bytes()).doing(format_args!("{}: {request}", self.name))
    }

    /// The answer to the oldest request without one.
    ///
    /// # Errors
    /// As [`Child::call`].
    pub fn finish(&mut self) -> Result<String> {
        let answer = self.answers.recv_timeout(ANSWER_LIMIT).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("{} does not answer", self.name),
            RecvTimeoutError::Disconnected => format!("{} has ended", self.name),
        })?;
        match answer.strip_prefix("ok") {
            Some(rest) => Ok(rest.trim().to_owned()),
            None => Err(format!("{} says: {answer}", self.name)),
        }
    }

    /// The next line of its output, whatever it says.
    ///
    /// # Errors
    /// There is none.
    pub fn line(&mut self) -> Result<String> {
        self.answers.recv_timeout(ANSWER_LIMIT).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("{} says nothing", self.name),
            RecvTimeoutError::Disconnected => format!("{} has ended", self.name),
        })
    }

    /// Ends the process with SIGKILL and returns the lines of its output that were not read.
    pub fn end(&mut self) -> Vec<String> {
        self.kill();
        self.answers.iter().collect()
    }

    /// Ends the process with SIGKILL and waits until it has gone.
    pub fn kill(&mut self) {
        // Neither can fail for a child that has not been waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ports that Linux gives to no connection by itself, so that nobody gets one of them by chance
/// between its choice and its use.
const PORTS: std::ops::Range<u64> = 15_000..32_000;

/// A tcp endpoint on loopback that was free a moment ago, for those who must connect before
/// anybody binds.
///
/// # Errors
/// No port is free.
pub fn reserve_tcp() -> Result<String> {
    let mut why = String::new();
    for _ in 0..100 {
        let random = RandomState::new().build_hasher().finish();
        let port = PORTS.start + random % (PORTS.end - PORTS.start);
        let address = format!("127.0.0.1:{port}");
        match TcpListener::bind(&address) {
            Ok(_) => return Ok(format!("tcp://{address}")),
            Err(error) => why = format!("reserving a port: {error}"),
        }
    }
    Err(why)
}
