//! `oxmq journal`: the stores of durable sockets, listed, shown, verified, printed, and mended.
//! What only looks takes no lock. Runs on the main thread, without a context.

mod text;

use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::ops::{ControlFlow, Range};
use std::path::Path;

use oxmq::journal::{
    ConsumerStatus, Error, Gap, Inspect, LogStatus, OpenOptions, Record, Store, gap_reason,
};
use serde_json::{Value, json};

use self::text::{log_json, record_json, show_log};
use crate::args::{DropArgs, DumpArgs, JournalCommand, ListArgs, RepairArgs, ShowArgs, VerifyArgs};
use crate::failure::Failure;
use crate::tell::tell;

/// A log and who reads from it.
struct Listed {
    status: LogStatus,
    consumers: Vec<ConsumerStatus>,
}

impl Listed {
    /// Messages that somebody has still to settle: those that the slowest consumer has not, or all
    /// without one.
    fn unsettled(&self) -> u64 {
        let lags = self.consumers.iter().map(|consumer| text::lag(&self.status, consumer));
        lags.max().unwrap_or(self.status.next - self.status.first)
    }
}

pub(crate) fn run(command: &JournalCommand) -> Result<(), Failure> {
    match command {
        JournalCommand::Ls(args) => list(args),
        JournalCommand::Show(args) => show(args),
        JournalCommand::Verify(args) => verify(args),
        JournalCommand::Dump(args) => dump(args),
        JournalCommand::Drop(args) => drop_log(args),
        JournalCommand::Repair(args) => repair(args),
    }
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let (_, logs) = look(&args.store)?;
    let mut out = Out::new();
    if args.json {
        return logs.iter().try_for_each(|log| out.line(log_json(log, false)));
    }
    out.line(format_args!(
        "{:<28} {:<7} {:>12} {:>12} {:>14} {:>9}",
        "LOG", "ROLE", "MESSAGES", "UNSETTLED", "BYTES", "CONSUMERS"
    ))?;
    for log in &logs {
        let status = &log.status;
        out.line(format_args!(
            "{:<28} {:<7} {:>12} {:>12} {:>14} {:>9}",
            text::name(&status.name),
            text::role(status),
            status.next - status.first,
            log.unsettled(),
            status.bytes,
            status.consumers
        ))?;
    }
    Ok(())
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let (inspect, logs) = look(&args.store)?;
    let wanted =
        |log: &&Listed| args.log.as_ref().is_none_or(|name| text::octets(name) == log.status.name);
    let chosen: Vec<&Listed> = logs.iter().filter(wanted).collect();
    if let (Some(name), true) = (&args.log, chosen.is_empty()) {
        return Err(no_log(name, &args.store));
    }
    let mut out = Out::new();
    if args.json {
        return chosen.iter().try_for_each(|log| out.line(log_json(log, true)));
    }
    out.line(format_args!("store {}: {} bytes", args.store.display(), inspect.disk_bytes()))?;
    if let Some(pid) = inspect.owner() {
        out.line(format_args!("opened last by process {pid}"))?;
    }
    for log in chosen {
        out.line(show_log(log))?;
    }
    Ok(())
}

fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let inspect = Inspect::open(&args.store).map_err(|error| failure(&args.store, &error))?;
    let damages = inspect.verify().map_err(|error| failure(&args.store, &error))?;
    let report = inspect.report();
    let logs = inspect.logs();
    let is_lost = |gap: &&Gap| gap.reason == gap_reason::CORRUPT;
    let lost: Vec<(&[u8], &Gap)> = logs
        .iter()
        .flat_map(|log| log.gaps.iter().filter(is_lost).map(|gap| (&log.name[..], gap)))
        .collect();
    let mut out = Out::new();
    if args.json {
        let damages: Vec<Value> = damages
            .iter()
            .map(|damage| json!({"file": damage.file, "error": damage.error.to_string()}))
            .collect();
        let gaps: Vec<Value> = lost
            .iter()
            .map(|(log, gap)| {
                let mut gap = text::gap_json(gap);
                gap["log"] = json!(text::name(log));
                gap
            })
            .collect();
        out.line(json!({
            "damages": damages,
            "gaps": gaps,
            "torn_bytes": report.torn_bytes,
            "bytes": inspect.disk_bytes(),
        }))?;
    } else {
        for damage in &damages {
            out.line(format_args!("{}: {}", damage.file, damage.error))?;
        }
        for (log, gap) in &lost {
            out.line(format_args!("log {}: {}", text::name(log), text::show_gap(gap)))?;
        }
        out.line(format_args!(
            "{} logs, {} bytes, {} damaged places, {} bytes that were being written at the end",
            logs.len(),
            inspect.disk_bytes(),
            damages.len(),
            report.torn_bytes
        ))?;
    }
    drop(out);
    if damages.is_empty() {
        return Ok(());
    }
    Err(Failure::error(format!(
        "the store is damaged: `oxmq journal repair {}` leaves out what cannot be read",
        args.store.display()
    )))
}

fn dump(args: &DumpArgs) -> Result<(), Failure> {
    let inspect = Inspect::open(&args.store).map_err(|error| failure(&args.store, &error))?;
    let name = text::octets(&args.log);
    let Some(status) = inspect.logs().into_iter().find(|log| log.name == name) else {
        return Err(no_log(&args.log, &args.store));
    };
    let mut out = Out::new();
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut written = Ok(());
    let mut next = args.from.max(status.first);
    let mut print = |record: Record| {
        if left == 0 {
            return ControlFlow::Break(());
        }
        left -= 1;
        written = gaps(&mut out, args.json, &status, next..record.offset).and_then(|()| match args
            .json
        {
            true => out.line(record_json(&record)),
            false => out.line(text::show_record(&record)),
        });
        next = next.max(record.offset + 1);
        if written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let read = inspect.records(&name, args.from, &mut print);
    written?;
    let damages = read.map_err(|error| failure(&args.store, &error))?;
    if left > 0 {
        gaps(&mut out, args.json, &status, next..status.next)?;
    }
    drop(out);
    let Some(first) = damages.first() else { return Ok(()) };
    Err(Failure::error(format!(
        "{} damaged places were passed over, the first in {}: {}",
        damages.len(),
        first.file,
        first.error
    )))
}

/// Prints what the log remembers as lost or let go of these offsets.
fn gaps(out: &mut Out, json: bool, log: &LogStatus, offsets: Range<u64>) -> Result<(), Failure> {
    for gap in &log.gaps {
        let (from, to) = (gap.from.max(offsets.start), gap.to.min(offsets.end));
        if from < to {
            let gap = Gap { from, to, reason: gap.reason };
            match json {
                true => out.line(json!({"gap": text::gap_json(&gap)}))?,
                false => out.line(text::show_gap(&gap))?,
            }
        }
    }
    Ok(())
}

fn drop_log(args: &DropArgs) -> Result<(), Failure> {
    let name = text::octets(&args.log);
    let store = open(&args.store, OpenOptions::default())?;
    let Some(status) = store.logs().into_iter().find(|log| log.name == name) else {
        return Err(no_log(&args.log, &args.store));
    };
    if let Some(consumer) = &args.consumer {
        return drop_consumer(args, &store, &status, consumer);
    }
    let (_, logs) = look(&args.store)?;
    let unsettled = logs.iter().find(|log| log.status.name == name).map_or(0, Listed::unsettled);
    if unsettled > 0 && !args.force {
        return Err(Failure::error(format!(
            "{unsettled} messages of {} are not settled: --force drops them",
            args.log
        )));
    }
    let failed = |error: Error| failure(&args.store, &error);
    let dropped = store.drop_log(&name).map_err(failed)?;
    store.sync(dropped).map_err(failed)?;
    store.close().map_err(failed)?;
    let messages = status.next - status.first;
    Out::new().line(match args.json {
        true => json!({"log": args.log, "messages": messages, "unsettled": unsettled}).to_string(),
        false => format!("dropped {} with {messages} messages", args.log),
    })
}

/// Drops one consumer of a log, and what only it wanted.
fn drop_consumer(
    args: &DropArgs,
    store: &Store,
    status: &LogStatus,
    consumer: &str,
) -> Result<(), Failure> {
    let failed = |error: Error| failure(&args.store, &error);
    let log = store.log(&status.name, &status.options).map_err(failed)?;
    let Some(id) = log.find_consumer(&text::octets(consumer)).map_err(failed)? else {
        return Err(Failure::error(format!(
            "the log {} has no consumer {consumer}\n`oxmq journal show {} {}` lists them",
            args.log,
            args.store.display(),
            args.log
        )));
    };
    let lag = text::lag(status, &log.consumer_status(id).map_err(failed)?);
    if lag > 0 && !args.force {
        return Err(Failure::error(format!(
            "{consumer} has still to settle {lag} messages of {}: --force drops it",
            args.log
        )));
    }
    let mut batch = store.batch();
    batch.drop_consumer(&log, id).map_err(failed)?;
    let dropped = batch.commit().map_err(failed)?;
    store.sync(dropped.lsn).map_err(failed)?;
    drop(log);
    store.close().map_err(failed)?;
    Out::new().line(match args.json {
        true => json!({"log": args.log, "consumer": consumer, "unsettled": lag}).to_string(),
        false => format!("dropped the consumer {consumer} of {}", args.log),
    })
}

fn repair(args: &RepairArgs) -> Result<(), Failure> {
    let store = open(&args.store, OpenOptions { salvage: true, ..OpenOptions::default() })?;
    let report = store.report();
    store.close().map_err(|error| failure(&args.store, &error))?;
    let (left_out, torn) = (report.salvaged_gaps, report.torn_bytes);
    Out::new().line(match args.json {
        true => json!({"messages_left_out": left_out, "torn_bytes": torn}).to_string(),
        false => format!(
            "{left_out} messages left out as damaged, {torn} bytes cut that were being written"
        ),
    })?;
    if left_out > 0 {
        tell("`oxmq journal show` lists them as gaps; durable peers are told of them");
    }
    Ok(())
}

/// A store and its logs, by name.
fn look(store: &Path) -> Result<(Inspect, Vec<Listed>), Failure> {
    let inspect = Inspect::open(store).map_err(|error| failure(store, &error))?;
    let mut logs = Vec::new();
    for status in inspect.logs() {
        let consumers = inspect.consumers(&status.name).map_err(|error| failure(store, &error))?;
        logs.push(Listed { status, consumers });
    }
    logs.sort_by(|a, b| a.status.name.cmp(&b.status.name));
    Ok((inspect, logs))
}

/// Opens a store that is there; a wrong directory must not become one.
fn open(store: &Path, options: OpenOptions) -> Result<Store, Failure> {
    if !store.is_dir() {
        return Err(Failure::error(format!("{}: there is no such directory", store.display())));
    }
    Store::open(store, options).map_err(|error| failure(store, &error))
}

fn no_log(name: &str, store: &Path) -> Failure {
    Failure::error(format!(
        "the store has no log {name}\n`oxmq journal ls {}` lists them",
        store.display()
    ))
}

fn failure(store: &Path, error: &Error) -> Failure {
    let store = store.display();
    let hint = match error {
        Error::InUse { .. } => "\nend that process first; ls, show, verify and dump need not wait",
        Error::Corrupt { .. } => "\n`oxmq journal repair` leaves out what cannot be read",
        _ => "",
    };
    Failure::error(format!("{store}: {error}{hint}"))
}

/// Standard output, line by line.
struct Out(BufWriter<io::Stdout>);

impl Out {
    fn new() -> Out {
        Out(BufWriter::new(io::stdout()))
    }

    fn line(&mut self, line: impl Display) -> Result<(), Failure> {
        writeln!(self.0, "{line}").and_then(|()| self.0.flush()).map_err(|e| Failure::output(&e))
    }
}
