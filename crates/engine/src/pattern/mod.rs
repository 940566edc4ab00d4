//! The messaging patterns: what each socket type does with its pipes.
//!
//! A pattern is a state machine without I/O. The socket's state calls it under the socket's lock:
//! with parts to send, for parts to receive, and when pipes come, go or become ready. RFC 28
//! (request-reply), 29 (publish-subscribe), 30 (pipeline), 31 (exclusive pair), 41 (client-server),
//! 48 (radio-dish), 49 (scatter-gather), 51 (peer-to-peer) and 52 (channel).

pub(crate) mod dealer;
mod dgram;
mod dish;
pub(crate) mod fair_queue;
pub(crate) mod load_balancer;
mod pair;
mod pipeline;
mod radio;
mod refusals;
pub(crate) mod rep;
pub(crate) mod req;
pub(crate) mod router;
mod server;
mod single;
mod stream;
pub(crate) mod xpub;
pub(crate) mod xsub;

use std::time::Instant;

use oxmq_message::Msg;
use oxmq_zmtp::SocketType;

use crate::durable::{Durable, Told};
use crate::error::{Error, Result};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;
use crate::spill::Overflow;

/// Whom to wake of those that wait to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WakeSenders {
    #[default]
    None,
    /// One: there is room, whoever takes it.
    One,
    /// All: there is room for one of them, and only it knows which.
    All,
}

impl WakeSenders {
    fn all_if(condition: bool) -> WakeSenders {
        if condition { WakeSenders::All } else { WakeSenders::None }
    }
}

/// What a socket type does. Methods without a body here do nothing for most types.
pub(crate) trait Pattern: Send {
    /// A pipe was made; it may or may not have a connection yet.
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId);

    /// The pipe's peer is known now: after each handshake, and once for an inproc pipe. An error
    /// says why the peer is refused; its connection is then closed.
    fn connected(&mut self, _pipes: &mut Pipes, _id: PipeId) -> Result<(), &'static str> {
        Ok(())
    }

    /// The pipe's connection was lost. A pipe made by `connect` will have another one.
    fn disconnected(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    /// Nothing can be sent on the pipe any more; what the peer sent can still be received.
    fn gone(&mut self, pipes: &mut Pipes, id: PipeId);

    /// The pipe is about to be removed from the table.
    fn removed(&mut self, pipes: &mut Pipes, id: PipeId);

    /// The pipe has messages.
    fn readable(&mut self, pipes: &mut Pipes, id: PipeId);

    /// The pipe has room.
    fn writable(&mut self, pipes: &mut Pipes, id: PipeId);

    /// Sends one part, whose `more` flag tells whether others follow. The part is taken only if
    /// the call succeeds. `WouldBlock` can come for the first part of a message only.
    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()>;

    /// Takes the next part of a message.
    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg>;

    /// As `recv`, in place of what `place` was, which stays if there is nothing to take. Saves
    /// moving the message about.
    fn recv_into(&mut self, pipes: &mut Pipes, place: &mut Msg) -> Result<()> {
        *place = self.recv(pipes)?;
        Ok(())
    }

    /// `recv` would not block.
    fn has_in(&mut self, pipes: &mut Pipes) -> bool;

    /// `send` would not block.
    fn has_out(&mut self, pipes: &mut Pipes) -> bool;

    /// Whom to wake of those that wait to send.
    fn wake_senders(&mut self, pipes: &mut Pipes) -> WakeSenders {
        if self.has_out(pipes) { WakeSenders::One } else { WakeSenders::None }
    }

    /// SUB: adds a subscription. XPUB in manual mode: accepts one for the peer that asked last.
    fn subscribe(&mut self, _pipes: &mut Pipes, _topic: &[u8]) -> Result<()> {
        Err(Error::NotSupported { operation: "subscribing" })
    }

    /// The reverse of `subscribe`.
    fn unsubscribe(&mut self, _pipes: &mut Pipes, _topic: &[u8]) -> Result<()> {
        Err(Error::NotSupported { operation: "unsubscribing" })
    }

    /// DISH: joins a group.
    fn join(&mut self, _pipes: &mut Pipes, _group: &[u8]) -> Result<()> {
        Err(Error::NotSupported { operation: "joining a group" })
    }

    /// The reverse of `join`.
    fn leave(&mut self, _pipes: &mut Pipes, _group: &[u8]) -> Result<()> {
        Err(Error::NotSupported { operation: "leaving a group" })
    }

    /// SERVER and PEER: the pipe of the peer with this number.
    fn peer(&self, _number: u32) -> Result<PipeId> {
        Err(Error::NotSupported { operation: "naming a peer by its number" })
    }

    /// ROUTER: whether there is room for a message to the peer of this routing id.
    fn has_room_for(&mut self, _pipes: &mut Pipes, _routing_id: &[u8]) -> Result<bool> {
        Err(Error::NotSupported { operation: "asking for a peer" })
    }

    /// Topics subscribed to, on the types that have any.
    fn topics(&self) -> Option<usize> {
        None
    }

    /// A durable peer has sent a command, or a peer has answered a PING of ours.
    fn told(&mut self, _pipes: &mut Pipes, _id: PipeId, _told: Told) {}

    /// What was recorded may be safe now, or something is due: a durable socket goes on. Returns
    /// when to be called again.
    fn resume(&mut self, _pipes: &mut Pipes, _now: Instant) -> Option<Instant> {
        None
    }

    /// Acknowledges every message received so far.
    fn acknowledge(&mut self, _pipes: &mut Pipes) -> Result<()> {
        Err(Error::NotSupported { operation: "acknowledging on a socket that is not durable" })
    }

    /// Where durable messages of the socket stand; `None` on one that is not durable.
    fn durable(&mut self) -> Option<&mut dyn Durable> {
        None
    }

    /// What waits to be sent beyond the pipes, when the socket is closed.
    fn take_unsent(&mut self) -> Option<Overflow> {
        None
    }

    /// STREAM: the routing id of the connection asked for last.
    fn last_connect(&self) -> Option<&[u8]> {
        None
    }

    /// How many peers have subscribed to something, or joined a group, on the types that know.
    fn subscribers(&self) -> Option<usize> {
        None
    }
}

/// The pattern of a socket type.
pub(crate) fn of(socket_type: SocketType) -> Box<dyn Pattern> {
    match socket_type {
        SocketType::Pair => Box::new(pair::Pair::default()),
        SocketType::Pub => Box::new(xpub::XPub::new(false)),
        SocketType::XPub => Box::new(xpub::XPub::new(true)),
        SocketType::Sub => Box::new(xsub::XSub::new(true)),
        SocketType::XSub => Box::new(xsub::XSub::new(false)),
        SocketType::Req => Box::new(req::Req::default()),
        SocketType::Rep => Box::new(rep::Rep::default()),
        SocketType::Dealer => Box::new(dealer::Dealer::default()),
        SocketType::Router => Box::new(router::Router::default()),
        SocketType::Push => Box::new(pipeline::Push::default()),
        SocketType::Pull => Box::new(pipeline::Pull::default()),
        SocketType::Stream => Box::new(stream::Raw::default()),
        SocketType::Client => Box::new(single::Single(dealer::Dealer::default())),
        SocketType::Server => Box::new(server::Server::new(false)),
        SocketType::Peer => Box::new(server::Server::new(true)),
        SocketType::Scatter => Box::new(single::Single(pipeline::Push::default())),
        SocketType::Gather => Box::new(single::Single(pipeline::Pull::default())),
        SocketType::Channel => Box::new(single::Single(pair::Pair::default())),
        SocketType::Radio => Box::new(radio::Radio::default()),
        SocketType::Dish => Box::new(dish::Dish::default()),
        SocketType::Dgram => Box::new(dgram::Dgram::default()),
    }
}

/// A pattern for a socket that is between two, and for one whose durable pattern has closed.
pub(crate) fn none() -> Box<dyn Pattern> {
    of(SocketType::Pull)
}

/// Sends an empty message, by which a ROUTER learns of a new peer (`probe_router`).
pub(crate) fn probe(pipes: &mut Pipes, id: PipeId) {
    if pipes.options.probe_router && pipes.has_room(id) {
        pipes.push(id, Msg::new(), false);
    }
}

/// Sends the message that every new peer gets (`hello_msg`).
pub(crate) fn hello(pipes: &mut Pipes, id: PipeId) {
    if pipes.options.hello_msg.is_empty() {
        return;
    }
    let msg = Msg::from_slice(&pipes.options.hello_msg);
    if pipes.has_room(id) {
        pipes.push(id, msg, false);
    }
}
