//! The answering end of a bench: carries out one order after another. It owns nothing but the
//! socket it is lent, blocks in its calls, and ends when the socket's context does. A measuring
//! end that goes away in the middle is forgotten when the next one gives its order.

use std::time::Instant;

use oxmq::{AnySocket, Message, Wait};

use super::measure::{cpu_nanoseconds, nanoseconds};
use super::talk::{self, Kind, Order, Talk, Tally};
use crate::failure::Failure;
use crate::tell::tell;

/// Answers until the context ends; with `once`, until it is told that no more orders come.
pub(super) fn run(socket: &AnySocket, once: bool) -> Result<(), Failure> {
    let mut next = None;
    loop {
        let message = match next.take() {
            Some(message) => message,
            None => socket.recv()?,
        };
        match Talk::read(&message).filter(|_| message.len() > 1) {
            Some(Talk::Order(order)) => next = carry_out(socket, order)?,
            Some(Talk::Bye) if once => return Ok(()),
            // The rest of what a measuring end that went away had sent.
            _ => {}
        }
    }
}

/// Takes part in one measurement. Returns a message that belongs to what follows.
fn carry_out(socket: &AnySocket, order: Order) -> Result<Option<Message>, Failure> {
    say(socket, &Talk::Ready)?;
    let cpu = cpu_nanoseconds();
    let mut messages = 0;
    let mut began = None;
    loop {
        let mut message = socket.recv()?;
        if message.len() > 1 {
            let nanoseconds = began.map_or(0, |began: Instant| nanoseconds(began.elapsed()));
            let Some(Talk::End { messages: sent }) = Talk::read(&message) else {
                return Ok(Some(message));
            };
            let cpu_nanoseconds = cpu_nanoseconds().saturating_sub(cpu);
            let answer = match sent == messages {
                true => Talk::Tally(Tally { messages, nanoseconds, cpu_nanoseconds }),
                false => fault(format!("{messages} messages came of {sent}")),
            };
            say(socket, &answer)?;
            return Ok(None);
        }
        began.get_or_insert_with(Instant::now);
        if let Err(error) = talk::check(&message[0], order.size, messages) {
            say(socket, &fault(error))?;
            return Ok(None);
        }
        messages += 1;
        if order.kind == Kind::Latency {
            socket.send_from(&mut message, Wait::Forever)?;
        }
    }
}

fn say(socket: &AnySocket, talk: &Talk) -> Result<(), Failure> {
    Ok(socket.send_from(&mut talk.message(), Wait::Forever)?)
}

/// Says here, too, what went wrong.
fn fault(text: String) -> Talk {
    tell(format_args!("a bench failed: {text}"));
    Talk::Fault(text)
}
