//! The device: what it receives it sends on with its place before it, and acknowledges it once that
//! is safe, or, if it is told to, in one record with what it sends. One thread has both sockets;
//! the main thread reads what the driver tells.

use std::sync::Arc;
use std::thread;

use oxmq_engine::{Context, Error, Socket, SocketType, Verdict, Wait};
use oxmq_testing::{Doing, Result};

use super::receive::{Filter, deal_with, note, receive};
use super::{LOOK, Shared, begin, begun, context, open, told};
use crate::contents;
use crate::process::NEVER;

pub(super) fn run(shared: &Arc<Shared>) -> Result<()> {
    let context = context();
    let out = Arc::new(open(&context, &shared.words, "out-")?);
    let thread = {
        let (shared, context, out) = (shared.clone(), context, out.clone());
        thread::spawn(move || {
            if let Err(error) = pass_on(&shared, &context, &out) {
                println!("{error}");
            }
        })
    };
    for line in told() {
        match line.as_str() {
            "drain" => match out.flush(Wait::For(NEVER)) {
                Ok(()) => println!("ok"),
                Err(error) => println!("{error}: {:?}", out.durable_status()),
            },
            _ => println!("ok"),
        }
    }
    shared.stop.set();
    drop(thread.join());
    Ok(())
}

fn pass_on(shared: &Shared, context: &Context, out: &Socket) -> Result<()> {
    let socket = open(context, &shared.words, "")?;
    if socket.socket_type() == SocketType::Sub {
        socket.subscribe(b"").doing("subscribing")?;
    }
    let built = begin(out, &shared.words, "out-")? && begin(&socket, &shared.words, "")?;
    if !begun(built) {
        return Ok(());
    }
    if shared.words.is("transaction", "yes") {
        return pass_on_as_one(shared, &socket, out);
    }
    let mut filter = shared.past.filter.clone();
    while !shared.stop.is_set() {
        let Some(message) = receive(&socket, shared)? else { continue };
        let got = note(&shared.history, &message)?;
        if !filter.places.contains(&got.place) {
            let mut passed = contents::with_origin(&message, &got);
            if !send(shared, out, &mut passed)? {
                return Ok(());
            }
        }
        deal_with(&shared.history, &got, &mut filter, Filter::ByPlace)?;
        if let Some(delivery) = contents::delivery(&message) {
            delivery.settle(Verdict::Ack);
        }
    }
    Ok(())
}

/// The same without any filter: what is sent on is settled with it, and cannot come again.
fn pass_on_as_one(shared: &Shared, socket: &Socket, out: &Socket) -> Result<()> {
    while !shared.stop.is_set() {
        let Some(message) = receive(socket, shared)? else { continue };
        let got = note(&shared.history, &message)?;
        let mut passed = contents::with_origin(&message, &got);
        let delivery = contents::delivery(&message).ok_or("a message without a place")?;
        loop {
            match out.send_settling(&mut passed, socket, &[delivery], Wait::For(LOOK)) {
                Ok(()) => break,
                Err(Error::TimedOut | Error::WouldBlock) if shared.stop.is_set() => return Ok(()),
                Err(Error::TimedOut | Error::WouldBlock) => {}
                Err(error) => return Err(error).doing("sending on and settling"),
            }
        }
    }
    Ok(())
}

/// Sends a message on, however long there is no room; false if it was told to stop before.
fn send(shared: &Shared, out: &Socket, message: &mut oxmq_engine::Message) -> Result<bool> {
    loop {
        match out.send_message(message, Wait::For(LOOK)) {
            Ok(()) => return Ok(true),
            Err(Error::TimedOut | Error::WouldBlock) if shared.stop.is_set() => return Ok(false),
            Err(Error::TimedOut | Error::WouldBlock) => {}
            Err(error) => return Err(error).doing("sending on"),
        }
    }
}
