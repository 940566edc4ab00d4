//! The asker (DEALER or REQ) and the answerer (ROUTER or REP). Requests have a history at both ends
//! and replies another: the asker sends the ones and receives the others. A reply has the lane and
//! the number of its request; whoever asks passes over a reply to what has been answered.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use oxmq_engine::{Error, Message, Monitor, Socket, SocketType, Verdict, Wait};
use oxmq_testing::{Doing, Result};

use super::receive::{Filter, announce, deal_with, note, receive};
use super::{Shared, begin, begun, context, open, send, told};
use crate::contents::{self, Got};
use crate::history::{History, Past};
use crate::process::NEVER;

/// Asks until it is told to stop.
pub(super) fn asker(shared: &Arc<Shared>) -> Result<()> {
    let context = context();
    let socket = Arc::new(open(&context, &shared.words, "")?);
    let replies = Replies::open(shared, &socket)?;
    if !begun(begin(&socket, &shared.words, "")?) {
        return Ok(());
    }
    let mut threads = Vec::new();
    if socket.socket_type() == SocketType::Req {
        let (shared, socket) = (shared.clone(), socket.clone());
        threads.push(thread::spawn(move || complain(ask_in_turn(&shared, &socket, replies))));
    } else {
        threads.extend(send::lanes(shared, &socket));
        let (shared, socket) = (shared.clone(), socket.clone());
        // Ends with the process: replies come until the last moment.
        thread::spawn(move || complain(take_replies(&shared, &socket, replies)));
    }
    serve(shared, &socket, threads);
    Ok(())
}

/// Answers until it is told to stop.
pub(super) fn answerer(shared: &Arc<Shared>) -> Result<()> {
    let context = context();
    let socket = Arc::new(open(&context, &shared.words, "")?);
    let (replies, _) = History::open(Path::new(shared.words.text("replies")))?;
    let monitor = socket.monitor().doing("monitoring")?;
    if !begun(begin(&socket, &shared.words, "")?) {
        return Ok(());
    }
    {
        let (shared, socket) = (shared.clone(), socket.clone());
        // Ends with the process.
        thread::spawn(move || complain(answer(&shared, &socket, &replies, &monitor)));
    }
    serve(shared, &socket, Vec::new());
    Ok(())
}

fn complain(ended: Result<()>) {
    if let Err(error) = ended {
        println!("{error}");
    }
}

/// Does what the driver tells, to the end.
fn serve(shared: &Shared, socket: &Socket, mut threads: Vec<thread::JoinHandle<()>>) {
    for line in told() {
        shared.stop.set();
        threads.drain(..).for_each(|thread| drop(thread.join()));
        if line != "drain" {
            println!("ok");
            continue;
        }
        if socket.socket_type() == SocketType::Req {
            complain(socket.acknowledge().doing("acknowledging"));
        }
        match socket.flush(Wait::For(NEVER)) {
            Ok(()) => println!("ok"),
            Err(error) => println!("{error}: {:?}", socket.durable_status()),
        }
    }
}

/// What the asker does with replies.
struct Replies {
    history: History,
    past: Past,
    monitor: Monitor,
}

impl Replies {
    fn open(shared: &Shared, socket: &Socket) -> Result<Replies> {
        let (history, past) = History::open(Path::new(shared.words.text("replies")))?;
        let monitor = socket.monitor().doing("monitoring")?;
        Ok(Replies { history, past, monitor })
    }

    fn take(&mut self, message: &Message, explicit: bool) -> Result<Got> {
        let got = note(&self.history, message)?;
        deal_with(&self.history, &got, &mut self.past.filter, Filter::ByNumber)?;
        announce(&self.history, &self.monitor)?;
        if explicit && let Some(delivery) = contents::delivery(message) {
            delivery.settle(Verdict::Ack);
        }
        Ok(got)
    }
}

/// DEALER: replies in whatever order.
fn take_replies(shared: &Shared, socket: &Socket, mut replies: Replies) -> Result<()> {
    let explicit = shared.words.is("ack", "explicit");
    loop {
        if let Some(message) = receive(socket, shared)? {
            replies.take(&message, explicit)?;
        }
    }
}

/// REQ: after a restart the outstanding reply, then one request after the other.
fn ask_in_turn(shared: &Shared, socket: &Socket, mut replies: Replies) -> Result<()> {
    let mut number = shared.past.last.get(&0).copied().unwrap_or(0);
    match socket.recv_message(Wait::Forever) {
        Ok(message) => drop(replies.take(&message, false)?),
        Err(Error::State { .. }) => {}
        Err(error) => return Err(error).doing("receiving the outstanding reply"),
    }
    while !shared.stop.is_set() {
        number += 1;
        if !send::send(shared, socket, &shared.history, (0, number), contents::make(0, number))? {
            return Ok(());
        }
        let message = socket.recv_message(Wait::Forever).doing("waiting for a reply")?;
        let got = replies.take(&message, false)?;
        if got.number != number {
            return Err(format!("asked {number} and got the reply to {}", got.number));
        }
    }
    Ok(())
}

fn answer(shared: &Shared, socket: &Socket, replies: &History, monitor: &Monitor) -> Result<()> {
    let is_rep = socket.socket_type() == SocketType::Rep;
    let explicit = shared.words.is("ack", "explicit");
    let mut filter = shared.past.filter.clone();
    loop {
        let received = receive(socket, shared)?;
        announce(&shared.history, monitor)?;
        let Some(mut message) = received else { continue };
        let delivery = message.iter().next().and_then(|part| part.meta()?.delivery.clone());
        let address = if is_rep { None } else { message.pop_front() };
        let got = note(&shared.history, &message)?;
        if is_rep {
            // The reply settles the request.
            deal_with(&shared.history, &got, &mut filter, Filter::ByPlace)?;
        }
        if is_rep || !filter.places.contains(&got.place) {
            let mut reply = contents::make(got.lane, got.number);
            if let Some(address) = address {
                reply.push_front(address);
            }
            let lane = (got.lane, got.number);
            if !send::send(shared, socket, replies, lane, reply)? {
                return Ok(());
            }
        }
        if !is_rep {
            deal_with(&shared.history, &got, &mut filter, Filter::ByPlace)?;
        }
        if explicit && let Some(delivery) = delivery {
            delivery.settle(Verdict::Ack);
        }
    }
}
