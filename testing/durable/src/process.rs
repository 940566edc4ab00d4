//! A worker: this program again, as a process that can be killed at any moment. It is told what to
//! do by lines and answers each with one; a thread reads the answers. It dies with the value.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use oxmq_testing::{Doing, Result};
use rustix::process::{Pid, Signal, kill_process};

/// Time after which an answer counts as never coming: a watchdog, not a measure.
pub(crate) const NEVER: Duration = Duration::from_secs(60);

/// See the file's first paragraph.
pub(crate) struct Worker {
    name: String,
    process: std::process::Child,
    lines: Receiver<String>,
    /// It has said that its socket is bound or connected.
    pub(crate) is_up: bool,
}

impl Worker {
    /// Starts one; `words` are what [`crate::worker`] reads.
    pub(crate) fn start(name: &str, words: &[String]) -> Result<Worker> {
        let program = std::env::current_exe().doing("finding this program")?;
        Worker::start_as(name, Command::new(program).arg("worker").args(words))
    }

    /// Starts a program that speaks as workers do.
    pub(crate) fn start_as(name: &str, command: &mut Command) -> Result<Worker> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .doing(format_args!("starting {name}"))?;
        let output = process.stdout.take().ok_or("a worker has no output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(|line| line.ok()) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Worker { name: name.to_owned(), process, lines, is_up: false })
    }

    /// Lets it run for a while; an error if it ends by itself or complains.
    pub(crate) fn run_for(&mut self, time: Duration) -> Result<()> {
        let end = std::time::Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(std::time::Instant::now());
            match self.lines.recv_timeout(left) {
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(self.end_of()),
                Ok(line) if line == "up" => self.is_up = true,
                Ok(line) => return Err(format!("{} says: {line}", self.name)),
            }
        }
    }

    /// Waits until its socket is bound or connected.
    pub(crate) fn wait_up(&mut self) -> Result<()> {
        if self.is_up {
            return Ok(());
        }
        match self.line()? {
            line if line == "up" => {
                self.is_up = true;
                Ok(())
            }
            line => Err(line),
        }
    }

    /// The next line it says.
    pub(crate) fn line(&mut self) -> Result<String> {
        match self.lines.recv_timeout(NEVER) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => Err(format!("{} does not answer", self.name)),
            Err(RecvTimeoutError::Disconnected) => Err(self.end_of()),
        }
    }

    /// Tells it something and returns what follows `ok` in the answer.
    pub(crate) fn call(&mut self, request: &str) -> Result<String> {
        self.wait_up()?;
        self.tell(request)?;
        let answer = self.line().doing(request)?;
        match answer.strip_prefix("ok") {
            Some(rest) => Ok(rest.trim().to_owned()),
            None => Err(format!("{} says to {request:?}: {answer}", self.name)),
        }
    }

    /// Tells it something that it does not answer, or not now.
    pub(crate) fn tell(&mut self, request: &str) -> Result<()> {
        let Some(input) = &mut self.process.stdin else { return Err("no input".to_owned()) };
        let line = format!("{request}\n");
        input.write_all(line.as_bytes()).doing(format_args!("{}: {request}", self.name))
    }

    /// Kills it with SIGKILL and waits until it has gone; an error if it had ended by itself.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Ok(Some(status)) = self.process.try_wait() {
            return Err(format!("{} ended by itself with {status}", self.name));
        }
        self.process.kill().doing("kill")?;
        self.process.wait().doing("wait").map(drop)
    }

    /// Tells it to end, which it has to do without an error.
    pub(crate) fn finish(mut self) -> Result<()> {
        drop(self.process.stdin.take());
        let status = self.process.wait().doing("wait")?;
        if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", self.name)) }
    }

    /// SIGSTOP: it stands still.
    pub(crate) fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT: it goes on.
    pub(crate) fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        kill_process(id.ok_or("a worker has no number")?, signal).doing("a signal")
    }

    fn end_of(&mut self) -> String {
        match self.process.wait() {
            Ok(status) => format!("{} ended by itself with {status}", self.name),
            Err(error) => format!("{} cannot be waited for: {error}", self.name),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Neither can fail for a child that has not been waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
