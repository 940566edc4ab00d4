//! SERVER and PEER: address each message to a peer by the number it carries, and mark each message
//! with the number of the peer it came from. RFC 41 §The SERVER Socket Type, RFC 51 §The PEER
//! Socket Type.

use std::collections::{HashMap, VecDeque};

use oxmq_message::Msg;

use super::fair_queue::FairQueue;
use super::refusals::Refusals;
use super::single::check_single;
use super::{Pattern, WakeSenders, hello};
use crate::error::{Error, Result};
use crate::limits::PEER_NOTICES_MAX;
use crate::pipe::table::Pipes;
use crate::pipe::{Pipe, PipeId};

/// A message that we make for a peer that came or went, to be received as if it had sent it.
struct Notice {
    number: u32,
    pipe: PipeId,
    /// The `hiccup_msg`, else the `disconnect_msg`.
    hiccup: bool,
}

/// See the file's first paragraph.
pub(crate) struct Server {
    /// PEER: connects, and may be told of its lost connections.
    is_peer: bool,
    // RFC 41 §The SERVER Socket Type, RFC 51 §The PEER Socket Type: SHALL receive incoming messages
    // from its peers using a fair-queuing strategy.
    queue: FairQueue,
    peers: HashMap<u32, PipeId>,
    next_number: u32,
    notices: VecDeque<Notice>,
    refusals: Refusals,
}

impl Server {
    pub(super) fn new(is_peer: bool) -> Server {
        Server {
            is_peer,
            queue: FairQueue::default(),
            peers: HashMap::new(),
            // A random start, so that numbers of an earlier run are not mistaken for new ones.
            next_number: crate::random::u32(),
            notices: VecDeque::new(),
            refusals: Refusals::default(),
        }
    }

    /// A number that no peer has.
    // RFC 41 §The SERVER Socket Type, RFC 51 §The PEER Socket Type: SHALL identify each double
    // queue using a unique "routing id", which is a non-zero 32-bit unsigned integer value.
    fn new_number(&mut self) -> u32 {
        loop {
            let number = self.next_number;
            self.next_number = number.wrapping_add(1);
            if number != 0 && !self.peers.contains_key(&number) {
                return number;
            }
        }
    }

    fn note(&mut self, pipes: &Pipes, pipe: PipeId, hiccup: bool) {
        let Some(number) = number(pipes, pipe) else { return };
        if self.notices.len() >= PEER_NOTICES_MAX {
            self.notices.pop_front();
        }
        self.notices.push_back(Notice { number, pipe, hiccup });
    }

    /// Takes the next notice, unless messages of its peer that came before it are still to be
    /// received.
    fn next_notice(&mut self, pipes: &mut Pipes) -> Option<Notice> {
        let first = self.notices.front()?;
        let waits =
            number(pipes, first.pipe) == Some(first.number) && pipes.has_message(first.pipe);
        if waits { None } else { self.notices.pop_front() }
    }

    fn forget(&mut self, pipes: &Pipes, id: PipeId) {
        if let Some(number) = number(pipes, id)
            && self.peers.get(&number) == Some(&id)
        {
            self.peers.remove(&number);
        }
    }
}

fn number(pipes: &Pipes, id: PipeId) -> Option<u32> {
    pipes.peek(id).map(|pipe| pipe.number)
}

impl Pattern for Server {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        // RFC 51 §The PEER Socket Type: SHALL NOT allow the peer to specify its routing id
        // explicitly; SHALL create a double queue when initiating an outgoing connection.
        let number = self.new_number();
        if let Some(pipe) = pipes.pipe(id) {
            pipe.number = number;
            self.peers.insert(number, id);
        }
        self.queue.activate(pipes, id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        hello(pipes, id);
        Ok(())
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        let was_accepted = pipes.peek(id).is_some_and(Pipe::is_accepted);
        if was_accepted && !pipes.options.disconnect_msg.is_empty() {
            self.note(pipes, id, false);
        }
        let returns = pipes.peek(id).is_some_and(Pipe::is_session);
        if self.is_peer && returns && !pipes.options.hiccup_msg.is_empty() {
            self.note(pipes, id, true);
        }
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        // RFC 41 §The SERVER Socket Type, RFC 51 §The PEER Socket Type: if this peer disconnects,
        // SHALL destroy its double queue and SHALL discard any messages it contains. We discard
        // what was to be sent; what was received stays until it is taken, as in libzmq.
        self.forget(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.forget(pipes, id);
        self.refusals.removed(id);
        self.queue.remove(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    // RFC 41 §The SERVER Socket Type, RFC 51 §The PEER Socket Type: SHALL route the message to the
    // outgoing queue if that queue exists, and is not full; SHALL return an error if the queue does
    // not exist; SHALL block on sending, if the queue is full, unless otherwise configured; SHALL
    // NOT discard messages that it cannot queue; SHALL not filter or modify outgoing messages in
    // any way.
    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        check_single(part)?;
        let id = *self.peers.get(&part.routing_id()).ok_or(Error::HostUnreachable)?;
        if !pipes.has_room(id) {
            if !pipes.is_open(id) {
                return Err(Error::HostUnreachable);
            }
            self.refusals.note(id);
            return Err(Error::WouldBlock);
        }
        let mut msg = part.take();
        // The number means nothing to the peer, which over inproc would see it.
        msg.set_routing_id(0);
        pipes.push(id, msg, false);
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        if let Some(notice) = self.next_notice(pipes) {
            let options = &pipes.options;
            let body = if notice.hiccup { &options.hiccup_msg } else { &options.disconnect_msg };
            let mut msg = Msg::from_slice(body);
            msg.set_routing_id(notice.number);
            return Ok(msg);
        }
        // RFC 41 §The SERVER Socket Type, RFC 51 §The PEER Socket Type: SHALL deliver the resulting
        // messages to its calling application; SHALL provide the application with an API to
        // retrieve the message routing-id.
        let id = self.queue.next(pipes).ok_or(Error::WouldBlock)?;
        let number = number(pipes, id).unwrap_or(0);
        let (_, mut msg) = self.queue.recv(pipes).ok_or(Error::WouldBlock)?;
        msg.set_routing_id(number);
        Ok(msg)
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        !self.notices.is_empty() || self.queue.next(pipes).is_some()
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        true
    }

    fn wake_senders(&mut self, pipes: &mut Pipes) -> WakeSenders {
        WakeSenders::all_if(self.refusals.is_over(pipes))
    }

    fn peer(&self, number: u32) -> Result<PipeId> {
        self.peers.get(&number).copied().ok_or(Error::HostUnreachable)
    }
}
