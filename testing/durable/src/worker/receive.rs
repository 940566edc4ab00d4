//! The receiver: one thread receives, deals with what it has not dealt with before, and
//! acknowledges. The main thread reads what the driver tells.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use oxmq_engine::{Context, Error, EventKind, Message, Monitor, Socket, SocketType, Verdict, Wait};
use oxmq_testing::{Doing, Result};

use super::send::MARK;
use super::{LOOK, Shared, begin, begun, context, open, told};
use crate::contents::{self, Got};
use crate::history::{Done, History};
use crate::process::NEVER;

/// What was received so far.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    received: u64,
    dealt_with: u64,
    /// The same with what the processes before have dealt with.
    total: u64,
    /// The message behind all others was.
    mark: bool,
    /// The socket has said that another has its name.
    fenced: bool,
    /// Nothing shall be received, and nothing is any more.
    closed: bool,
    parked: bool,
    /// What is received is acknowledged and not dealt with: another has taken that over.
    late: bool,
}

#[derive(Default)]
struct Progress {
    counts: Mutex<Counts>,
    changed: Condvar,
}

impl Progress {
    fn note(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits while nothing shall be received; whether what comes is for another by now.
    fn pass(&self, shared: &Shared) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        while counts.closed && !shared.stop.is_set() {
            counts.parked = true;
            self.changed.notify_all();
            let waited = self.changed.wait_timeout(counts, LOOK);
            counts = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        counts.parked = false;
        counts.late
    }

    fn received(&self) -> u64 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).received
    }

    fn wait(&self, is_enough: impl Fn(&Counts) -> bool) -> Result<()> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(counts, NEVER, |counts| !is_enough(counts));
        let (counts, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() { Err(format!("{counts:?} and no more")) } else { Ok(()) }
    }
}

pub(super) fn run(shared: &Arc<Shared>) -> Result<()> {
    let context = context();
    let progress = Arc::new(Progress::default());
    let thread = {
        let (shared, context, progress) = (shared.clone(), context, progress.clone());
        thread::spawn(move || {
            if let Err(error) = receive_all(&shared, &context, &progress) {
                println!("{error}");
            }
        })
    };
    for line in told() {
        let (what, number) = line.split_once(' ').unwrap_or((&line, "0"));
        let number: u64 = number.parse().unwrap_or(0);
        let done = match what {
            "first" => progress.wait(|counts| counts.dealt_with > 0),
            "mark" => progress.wait(|counts| counts.mark),
            "received" => progress.wait(|counts| counts.received >= number),
            "fenced" => progress.wait(|counts| counts.fenced),
            "hold" => {
                progress.note(|counts| counts.closed = true);
                progress.wait(|counts| counts.parked)
            }
            "late" => {
                progress.note(|counts| (counts.closed, counts.late) = (false, true));
                Ok(())
            }
            "total" => progress.wait(|counts| counts.total >= number),
            _ => Ok(()),
        };
        match done {
            Ok(()) if what == "count" => println!("ok {}", progress.received()),
            Ok(()) => println!("ok {what}"),
            Err(error) => println!("{error}"),
        }
    }
    shared.stop.set();
    drop(thread.join());
    Ok(())
}

/// Receives until it is told to stop. The socket belongs to this thread.
fn receive_all(shared: &Shared, context: &Context, progress: &Progress) -> Result<()> {
    let socket = open(context, &shared.words, "")?;
    if socket.socket_type() == SocketType::Sub {
        socket.subscribe(b"").doing("subscribing")?;
    }
    let monitor = socket.monitor().doing("monitoring")?;
    if !begun(begin(&socket, &shared.words, "")?) {
        return Ok(());
    }
    let mut filter = shared.past.filter.clone();
    let explicit = shared.words.is("ack", "explicit");
    let holds = shared.words.is("hold", "yes");
    progress.note(|counts| counts.total = shared.past.filter.numbers.len() as u64);
    let mut pause = Pause::of(shared);
    while !shared.stop.is_set() {
        let is_late = progress.pass(shared);
        let received = receive(&socket, shared)?;
        if announce(&shared.history, &monitor)? {
            progress.note(|counts| counts.fenced = true);
        }
        let Some(message) = received else { continue };
        if is_late {
            progress.note(|counts| counts.received += 1);
            if let Some(delivery) = contents::delivery(&message) {
                delivery.settle(Verdict::Ack);
            }
            continue;
        }
        let got = note(&shared.history, &message)?;
        progress.note(|counts| counts.received += 1);
        if holds {
            continue;
        }
        if deal_with(&shared.history, &got, &mut filter, Filter::ByPlace)? {
            progress.note(|counts| {
                counts.dealt_with += 1;
                counts.total += 1;
                counts.mark |= got.lane == MARK;
            });
        }
        pause.take(shared);
        if explicit && let Some(delivery) = contents::delivery(&message) {
            delivery.settle(Verdict::Ack);
            let (log, epoch, offset) = got.place;
            shared.history.note(format_args!("ack {log:032x} {epoch} {offset}"))?;
        }
    }
    announce(&shared.history, &monitor).map(drop)
}

/// The next message, unless none comes for a while.
pub(super) fn receive(socket: &Socket, shared: &Shared) -> Result<Option<Message>> {
    match socket.recv_message(Wait::For(LOOK)) {
        Ok(message) => Ok(Some(message)),
        Err(Error::TimedOut | Error::WouldBlock) => Ok(None),
        Err(error) if shared.words.is("faults", "expected") => {
            shared.history.note(format_args!("failed-recv {}", error.errno()))?;
            shared.stop.wait(LOOK);
            Ok(None)
        }
        Err(error) => Err(format!("receiving: {error}")),
    }
}

/// Writes down that a message was received.
pub(super) fn note(history: &History, message: &Message) -> Result<Got> {
    let got = contents::read(message)?;
    let Got { lane, number, place: (log, epoch, offset), attempt } = got;
    let place = format!("{log:032x} {epoch} {offset}");
    history.note(format_args!("recv {place} {attempt} {lane} {number}"))?;
    Ok(got)
}

/// By what a message is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    ByPlace,
    /// By what it says, where its sender could not record it together with what it is about.
    ByNumber,
}

/// The effect of a message, unless it was there. True if it was not.
pub(super) fn deal_with(
    history: &History,
    got: &Got,
    done: &mut Done,
    filter: Filter,
) -> Result<bool> {
    let Got { lane, number, place: (log, epoch, offset), .. } = *got;
    let mut is_new = done.places.insert(got.place);
    let is_new_number = done.numbers.insert((lane, number));
    if filter == Filter::ByNumber {
        is_new &= is_new_number;
    }
    if is_new {
        history.note(format_args!("done {log:032x} {epoch} {offset} {lane} {number}"))?;
    } else {
        history.note(format_args!("skip {log:032x} {epoch} {offset}"))?;
    }
    Ok(is_new)
}

/// Writes down what the socket has announced. True if another has its name now.
pub(super) fn announce(history: &History, monitor: &Monitor) -> Result<bool> {
    let mut fenced = false;
    while let Some(event) = monitor.try_recv() {
        match event.kind {
            EventKind::Gap { from, to, reason } => {
                history.note(format_args!("gap {from} {to} {reason}"))?;
            }
            EventKind::LogReplaced { .. } => history.note("replaced")?,
            EventKind::Fenced { .. } => fenced = true,
            _ => {}
        }
    }
    Ok(fenced)
}

/// A receiver that takes its time: every so many messages it waits a while.
struct Pause {
    every: u64,
    seen: u64,
}

impl Pause {
    fn of(shared: &Shared) -> Pause {
        Pause { every: shared.words.number("pause-every"), seen: 0 }
    }

    fn take(&mut self, shared: &Shared) {
        self.seen += 1;
        if self.every > 0 && self.seen.is_multiple_of(self.every) {
            shared.stop.wait(Duration::from_millis(1));
        }
    }
}
