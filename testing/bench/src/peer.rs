//! The other end as a process: started with the flags of this one, told by a line at a time what to
//! do, and answering with lines that begin with `ok`. The program in C speaks the same lines, so
//! that either may be the other's peer. Used by the main thread of each process.

use std::io::BufRead;
use std::process::Command;

use oxmq_testing::{Child, Doing, Result};
use rustix::time::{ClockId, clock_gettime};

use crate::flags::Flags;

/// Starts the other end of a program.
pub(crate) fn start(program: &str, flags: &Flags) -> Result<Child> {
    let path = match &flags.peer {
        Some(path) => path.into(),
        None => std::env::current_exe().doing("finding this program")?,
    };
    let name = format!("peer-{program}");
    Child::start(&name, Command::new(path).arg(&name).args(&flags.words))
}

/// In the peer: the next line of the one that started it.
pub(crate) fn told() -> Result<String> {
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line).doing("reading what to do")? {
        0 => Err("the other end has gone".to_owned()),
        _ => Ok(line.trim().to_owned()),
    }
}

/// In the peer: answers.
pub(crate) fn answer(what: impl std::fmt::Display) {
    println!("ok {what}");
}

/// A number out of an answer.
pub(crate) fn number<T: std::str::FromStr>(answer: &str, index: usize) -> Result<T> {
    let word = answer.split_whitespace().nth(index);
    word.and_then(|word| word.parse().ok())
        .ok_or_else(|| format!("no number {index} in `{answer}`"))
}

/// The system's steady clock, which every process reads alike.
pub(crate) fn now_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
