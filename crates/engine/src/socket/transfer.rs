//! Sending and receiving whole messages through a socket's pattern, part by part. Runs under the
//! socket's lock.

use oxmq_message::{Message, Msg};
use oxmq_zmtp::SocketType;

use super::state::State;
use crate::error::{Error, Result};

/// The part is no longer than the context allows. `zmq_ctx_set(3)`, ZMQ_MAX_MSGSZ.
#[inline]
pub(super) fn check_length(state: &State, part: &Msg) -> Result<()> {
    let limit = state.pipes.options.max_sent_bytes;
    if part.len() <= limit { Ok(()) } else { Err(Error::TooLong { limit }) }
}

pub(crate) fn send_all(state: &mut State, message: &mut Message) -> Result<()> {
    if message.is_empty() {
        message.push(Msg::new());
    }
    if message.len() > 1 && state.pipes.conflates() {
        return Err(Error::InvalidMessage { reason: "a conflating socket sends single parts" });
    }
    if message.len() != 2 && state.pipes.socket_type == SocketType::Dgram {
        return Err(Error::InvalidMessage { reason: "a DGRAM message is an address and a body" });
    }
    message.iter().try_for_each(|part| check_length(state, part))?;
    if state.pipes.durable.on {
        return send_all_durable(state, message);
    }
    let last = message.len() - 1;
    for (index, part) in message.parts_mut().iter_mut().enumerate() {
        part.set_more(index < last);
        part.hand_over();
        // Only the first part of a message can be refused.
        if let Err(error) = state.pattern.send(&mut state.pipes, part) {
            part.hand_back();
            return Err(error);
        }
    }
    message.clear();
    Ok(())
}

/// As `send_all`: the message stays whole if it could not be recorded.
fn send_all_durable(state: &mut State, message: &mut Message) -> Result<()> {
    let copy = message.clone();
    let last = message.len() - 1;
    for (index, part) in message.parts_mut().iter_mut().enumerate() {
        part.set_more(index < last);
        part.hand_over();
        match state.pattern.send(&mut state.pipes, part) {
            Ok(()) => {}
            Err(Error::Unsynced(unsynced)) => {
                message.clear();
                return Err(Error::Unsynced(unsynced));
            }
            Err(error) => {
                *message = copy;
                return Err(error);
            }
        }
    }
    message.clear();
    Ok(())
}

pub(crate) fn recv_all(state: &mut State) -> Result<Message> {
    let mut message = Message::new();
    recv_all_into(state, &mut message)?;
    Ok(message)
}

#[inline]
pub(super) fn recv_all_into(state: &mut State, message: &mut Message) -> Result<()> {
    if message.is_empty() {
        message.push(Msg::new());
        if let Err(error) = recv_first_into(state, message) {
            message.clear();
            return Err(error);
        }
    } else {
        recv_first_into(state, message)?;
    }
    let mut more = message.last().is_some_and(Msg::more);
    while more {
        let mut part = state.pattern.recv(&mut state.pipes)?;
        part.hand_back();
        more = part.more();
        message.push(part);
    }
    state.receive_more = false;
    Ok(())
}

/// Receives the first part of a message in place of the parts there are, of which there is one.
#[inline]
fn recv_first_into(state: &mut State, message: &mut Message) -> Result<()> {
    if let Some(place) = message.parts_mut().first_mut() {
        state.pattern.recv_into(&mut state.pipes, place)?;
        place.hand_back();
    }
    message.truncate(1);
    Ok(())
}
