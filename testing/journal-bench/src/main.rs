//! Measures the journal beside redb, SQLite and fjall: messages a second into each, in batches of
//! 1, 32 and 256 that are synced, and without a sync; then how fast the journal reads back, and
//! how long it takes to recover.
//!
//! One thread, one run of each cell, in a directory of its own that is removed at the end. The
//! first rows are the disk alone: a write and an fdatasync into zeros for each message, which no
//! engine can beat with batches of one. Then durable sockets between two processes.

mod ends;
mod engines;
mod journal;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

/// Measures the journal beside redb, SQLite and fjall.
#[derive(Parser)]
struct Arguments {
    /// Where the stores are made, and removed at the end; it is the disk of this directory that is
    /// measured [default: the system's directory for temporary files]
    directory: Option<PathBuf>,
    /// Seconds for each cell
    #[arg(default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// What to measure [default: both]
    part: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The journal beside other engines
    Journal,
    /// Durable sockets between two processes: the next three
    Ends,
    /// Many sends under way at once, with each policy
    Many,
    /// One send after the other, beside a plain socket
    Turns,
    /// A backlog that a receiver catches up with
    Backlog,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.001..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("seconds are a number from 0.001 to 3600".into()),
    }
}

/// An engine that takes messages in batches.
pub(crate) trait Engine {
    /// Stores a batch of messages of this body, durably when `sync` is set.
    fn put(&mut self, body: &[u8], count: usize, sync: bool) -> Result<(), Box<dyn Error>>;
}

type Open = fn(&Path) -> Result<Box<dyn Engine>, Box<dyn Error>>;

const ENGINES: [(&str, Open); 5] = [
    ("fdatasync alone", engines::bare),
    ("journal", journal::open),
    ("redb", engines::redb),
    ("SQLite", engines::sqlite),
    ("fjall", engines::fjall),
];

const CELLS: [(usize, bool); 4] = [(1, true), (32, true), (256, true), (256, false)];

/// Bytes written to one cell at most, so that no cell fills the disk.
const CELL_BYTES_MAX: usize = 1 << 30;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "receive") {
        return ends::receive(&words[1..]);
    }
    let Arguments { directory, seconds, part } = Arguments::parse();
    let base = directory.unwrap_or_else(std::env::temp_dir);
    let directory = base.join(format!("oxmq-journal-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let time = Duration::from_secs_f64(seconds);
    let mut result = Ok(());
    if part.is_none_or(|part| part == Part::Journal) {
        result = measure(&directory, time);
    }
    let is_asked = |own| part.is_none_or(|part| part == Part::Ends || part == own);
    if is_asked(Part::Many) {
        result = result.and_then(|()| ends::measure_many(&directory, time));
    }
    if is_asked(Part::Turns) {
        result = result.and_then(|()| ends::measure_turns(&directory, time));
    }
    if is_asked(Part::Backlog) {
        result = result.and_then(|()| ends::measure_backlog(&directory));
    }
    std::fs::remove_dir_all(&directory)?;
    result
}

fn measure(directory: &Path, time: Duration) -> Result<(), Box<dyn Error>> {
    println!("messages/s           bytes     sync 1    sync 32   sync 256     os 256");
    for bytes in [100, 1024, 10 * 1024] {
        let body: Vec<u8> = (0..bytes).map(|at| (at * 31 % 251) as u8).collect();
        for (name, open) in ENGINES {
            let mut rates = String::new();
            for (batch, sync) in CELLS {
                let own = directory.join("cell");
                std::fs::create_dir_all(&own)?;
                let rate = rate(open, &own, &body, batch, sync, time)?;
                rates += &format!(" {rate:>10.0}");
                std::fs::remove_dir_all(&own)?;
            }
            println!("{name:<20} {bytes:>5}{rates}");
        }
    }
    journal::read_back(directory)
}

fn rate(
    open: Open,
    directory: &Path,
    body: &[u8],
    batch: usize,
    sync: bool,
    time: Duration,
) -> Result<f64, Box<dyn Error>> {
    let mut engine = open(directory)?;
    // The first batches pay for what is prepared once.
    for _ in 0..8 {
        engine.put(body, batch, sync)?;
    }
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time && count * body.len() < CELL_BYTES_MAX {
        engine.put(body, batch, sync)?;
        count += batch;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}
