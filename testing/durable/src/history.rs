//! The history of one process: a line for each operation, appended by one write, so that a killed
//! process leaves whole lines. What a program with effects would keep, the next process of the same
//! part reads back. Any thread of the process may write.
//!
//! A message is `LANE N`: a lane is a thread that sends, and counts its messages from 1. A place is
//! `LOG EPOCH OFFSET`.
//!
//! | line | written |
//! |---|---|
//! | `begin` | when a process starts |
//! | `send LANE N` | before a message is sent |
//! | `sent LANE N MICROSECONDS` | when its send has returned without an error |
//! | `failed LANE N ERRNO` | when it has returned with one |
//! | `recv PLACE ATTEMPT LANE N` | when a message is received |
//! | `got LANE N` | when a program without durable sockets has received one |
//! | `skip PLACE` | instead of dealing with it, when that has been done before |
//! | `done PLACE LANE N` | as the effect of the message, before it is acknowledged |
//! | `ack PLACE` | when it is acknowledged |
//! | `lost FROM TO` | when a sender's socket announces that these may have been lost |
//! | `gap FROM TO REASON`, `replaced` | when the socket announces it |

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use oxmq_testing::{Doing, Result};

/// See the file's first paragraph.
pub(crate) struct History {
    file: Mutex<File>,
}

/// What the processes before have left.
#[derive(Default)]
pub(crate) struct Past {
    /// The last number of each lane.
    pub(crate) last: HashMap<u64, u64>,
    /// What has had its effect.
    pub(crate) filter: Done,
}

/// Places and messages whose effect is there.
#[derive(Clone, Default)]
pub(crate) struct Done {
    pub(crate) places: HashSet<(u128, u64, u64)>,
    pub(crate) numbers: HashSet<(u64, u64)>,
}

impl History {
    /// Opens the history of a part, and reads what is there.
    pub(crate) fn open(path: &Path) -> Result<(History, Past)> {
        let past = match std::fs::read_to_string(path) {
            Ok(text) => Past::read(&text),
            Err(_) => Past::default(),
        };
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.doing(format_args!("opening {}", path.display()))?;
        let history = History { file: Mutex::new(file) };
        history.note("begin")?;
        Ok((history, past))
    }

    /// Appends a line.
    pub(crate) fn note(&self, line: impl std::fmt::Display) -> Result<()> {
        let line = format!("{line}\n");
        let mut file = self.file.lock().map_err(|_| "another thread has failed")?;
        file.write_all(line.as_bytes()).doing("writing the history")
    }
}

impl Past {
    fn read(text: &str) -> Past {
        let mut past = Past::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["send", lane, number] => {
                    if let (Ok(lane), Ok(number)) = (lane.parse(), number.parse()) {
                        past.last.insert(lane, number);
                    }
                }
                ["done", log, epoch, offset, lane, number] => {
                    let log = u128::from_str_radix(log, 16);
                    if let (Ok(log), Ok(epoch), Ok(offset)) = (log, epoch.parse(), offset.parse()) {
                        past.filter.places.insert((log, epoch, offset));
                    }
                    if let (Ok(lane), Ok(number)) = (lane.parse(), number.parse()) {
                        past.filter.numbers.insert((lane, number));
                    }
                }
                _ => {}
            }
        }
        past
    }
}
