//! The sender: a thread for each lane that sends one message after the other. The main thread owns
//! the context and reads what the driver tells.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use oxmq_engine::{Error, EventKind, Message, Socket, SocketType, Wait};
use oxmq_testing::{Doing, Result};

use super::{LOOK, Shared, begin, begun, context, limit_descriptors, open, told};
use crate::contents;
use crate::history::History;
use crate::process::NEVER;

/// Pause after a send that failed.
const PAUSE: Duration = Duration::from_millis(10);
/// The lane of messages by which a subscriber sees that it has its place.
const WARM: u64 = 1000;
/// The lane of the message behind all others.
pub(super) const MARK: u64 = 2000;

pub(super) fn run(shared: &Arc<Shared>) -> Result<()> {
    let context = context();
    let socket = Arc::new(open(&context, &shared.words, "")?);
    let monitor = socket.monitor().doing("a monitor")?;
    if !begun(begin(&socket, &shared.words, "")?) {
        return Ok(());
    }
    while let Some(event) = monitor.try_recv() {
        if let EventKind::Gap { from, to, reason: "lost-in-crash" } = event.kind {
            shared.history.note(format!("lost {from} {to}"))?;
        }
    }
    drop(monitor);
    if shared.words.is("warm", "yes") {
        let (shared, socket) = (shared.clone(), socket.clone());
        thread::spawn(move || warm(&shared, &socket));
    }
    let mut threads = lanes(shared, &socket);
    for line in told() {
        if line.ends_with("descriptors") {
            limit_descriptors(line == "no-descriptors")?;
            println!("ok");
            continue;
        }
        shared.stop.set();
        threads.drain(..).for_each(|lane| drop(lane.join()));
        let done = match line.as_str() {
            "drain" => socket.flush(Wait::For(NEVER)).doing("flush"),
            "mark" => {
                let number = shared.past.last.get(&MARK).copied().unwrap_or(0) + 1;
                let message = contents::make(MARK, number);
                shared.stop.clear();
                send(shared, &socket, &shared.history, (MARK, number), message).map(drop)
            }
            _ => Ok(()),
        };
        match done {
            Ok(()) => println!("ok"),
            Err(error) => println!("{error}: {:?}", socket.durable_status()),
        }
    }
    shared.stop.set();
    threads.into_iter().for_each(|lane| drop(lane.join()));
    socket.close();
    Ok(())
}

/// Publishes, so that a subscriber can tell when it has its place.
fn warm(shared: &Shared, socket: &Socket) {
    for number in 1.. {
        if shared.stop.is_set() {
            return;
        }
        // Nothing is promised of these.
        let noted = shared.history.note(format_args!("send {WARM} {number}"));
        let sent = noted.is_ok()
            && socket.send_message(&mut contents::make(WARM, number), Wait::No).is_ok();
        shared.stop.wait(if sent { PAUSE } else { LOOK });
    }
}

/// Starts a thread for each lane.
pub(super) fn lanes(shared: &Arc<Shared>, socket: &Arc<Socket>) -> Vec<JoinHandle<()>> {
    let start = |lane| {
        let (shared, socket) = (shared.clone(), socket.clone());
        thread::spawn(move || {
            if let Err(error) = send_all(&shared, &socket, lane) {
                println!("{error}");
            }
        })
    };
    (0..shared.words.number("lanes")).map(start).collect()
}

/// Sends the messages of one lane until it is told to stop.
fn send_all(shared: &Shared, socket: &Socket, lane: u64) -> Result<()> {
    let mut number = shared.past.last.get(&lane).copied().unwrap_or(0);
    let max = shared.words.number("max");
    while !shared.stop.is_set() {
        if socket.socket_type() != SocketType::Push && max > 0 {
            wait_for_room(socket, max)?;
        }
        number += 1;
        if !send(shared, socket, &shared.history, (lane, number), contents::make(lane, number))? {
            return Ok(());
        }
    }
    Ok(())
}

/// Sends one message, however long there is no room; false if it was told to stop before.
pub(super) fn send(
    shared: &Shared,
    socket: &Socket,
    history: &History,
    (lane, number): (u64, u64),
    mut message: Message,
) -> Result<bool> {
    history.note(format_args!("send {lane} {number}"))?;
    loop {
        match socket.send_message(&mut message, Wait::For(LOOK)) {
            Ok(()) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                history.note(format_args!("sent {lane} {number} {}", now.as_micros()))?;
                return Ok(true);
            }
            Err(Error::TimedOut | Error::WouldBlock) if shared.stop.is_set() => return Ok(false),
            Err(Error::TimedOut | Error::WouldBlock) => {}
            Err(error) if shared.words.is("faults", "expected") => {
                history.note(format_args!("failed {lane} {number} {}", error.errno()))?;
                shared.stop.wait(PAUSE);
                return Ok(true);
            }
            Err(error) => return Err(format!("sending: {error}")),
        }
    }
}

/// Whoever never waits by itself waits here while many messages are not settled.
fn wait_for_room(socket: &Socket, max: u64) -> Result<()> {
    let status = socket.durable_status().doing("asking for the status")?;
    if status.unsettled < max {
        return Ok(());
    }
    match socket.flush(Wait::For(LOOK)) {
        Ok(()) | Err(Error::TimedOut | Error::WouldBlock) => Ok(()),
        Err(error) => Err(format!("flush: {error}")),
    }
}
