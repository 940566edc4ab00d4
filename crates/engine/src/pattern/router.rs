//! ROUTER: addresses each message to a peer by its routing id, and says of each message which
//! peer it came from. RFC 28 §The ROUTER Socket Type.

use std::collections::{HashMap, VecDeque};

use oxmq_message::Msg;

use super::fair_queue::FairQueue;
use super::refusals::Refusals;
use super::{Pattern, WakeSenders, hello, probe};
use crate::error::{Error, Result};
use crate::limits::PEER_NOTICES_MAX;
use crate::pipe::PipeId;
use crate::pipe::table::{Loss, Pipes};

/// Where the message being sent goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// The next part is a routing id.
    Address,
    /// The parts go to this pipe.
    To(PipeId),
    /// The parts are dropped: no such peer, or it went away.
    Dropped,
}

/// Whose body is received next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receiving {
    Nothing,
    /// The routing id was handed out; the parts of this pipe's message follow.
    Body(PipeId),
    /// An empty body follows: a notification.
    EmptyBody,
    /// The body of a `disconnect_msg` follows.
    DisconnectBody,
}

/// What a notification says. All but the last have an empty body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotificationBody {
    Connected,
    Disconnected,
    DisconnectMsg,
}

/// A peer that came or went, to be told as if it had sent it.
struct Notification {
    peer: Vec<u8>,
    pipe: PipeId,
    body: NotificationBody,
}

/// See the file's first paragraph.
pub(crate) struct Router {
    // RFC 28 §The ROUTER Socket Type: SHALL receive incoming messages from its peers using a
    // fair-queuing strategy.
    queue: FairQueue,
    // RFC 28 §The ROUTER Socket Type: SHALL identify each double queue using a unique "identity"
    // binary string.
    peers: HashMap<Vec<u8>, PipeId>,
    /// Next number for a peer that does not name itself.
    next_id: u32,
    sending: Sending,
    receiving: Receiving,
    /// Notifications that wait.
    notices: VecDeque<Notification>,
    refusals: Refusals,
}

impl Default for Router {
    fn default() -> Router {
        Router {
            queue: FairQueue::default(),
            peers: HashMap::new(),
            // A random start, so that ids of an earlier run are not mistaken for new ones.
            next_id: crate::random::u32(),
            sending: Sending::Address,
            receiving: Receiving::Nothing,
            notices: VecDeque::new(),
            refusals: Refusals::default(),
        }
    }
}

/// Routing ids made for peers that do not name themselves: a zero byte and a number. The pattern
/// of a socket that hands them out keeps the next number.
pub(crate) fn automatic_id(next: &mut u32) -> Vec<u8> {
    let mut id = Vec::with_capacity(5);
    id.push(0);
    id.extend_from_slice(&next.to_be_bytes());
    *next = next.wrapping_add(1);
    id
}

impl Router {
    /// Gives the peer its routing id: the one we chose for it, its own, or an automatic one.
    // RFC 28 §The ROUTER Socket Type: SHOULD allow the peer to specify its identity explicitly
    // through the Identity metadata property.
    fn identify(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        let handover = pipes.options.router_handover;
        let Some(pipe) = pipes.pipe(id) else { return Ok(()) };
        if self.peers.get(&pipe.routing_id) == Some(&id) {
            return Ok(());
        }
        if pipe.routing_id.is_empty() {
            let mut name = automatic_id(&mut self.next_id);
            while self.peers.contains_key(&name) {
                name = automatic_id(&mut self.next_id);
            }
            pipe.routing_id = name;
        }
        let name = pipe.routing_id.clone();
        match self.peers.get(&name).copied() {
            None => {}
            Some(_) if !handover => return Err("another peer has this routing id"),
            Some(old) => {
                // The newcomer takes the name over.
                self.forget(pipes, old);
                pipes.lost.push((old, Loss::Replaced("another peer took its routing id over")));
            }
        }
        self.peers.insert(name, id);
        Ok(())
    }

    fn note(&mut self, pipes: &Pipes, pipe: PipeId, body: NotificationBody) {
        let Some(peer) = pipes.peek(pipe).map(|pipe| pipe.routing_id.clone()) else { return };
        if self.notices.len() >= PEER_NOTICES_MAX {
            self.notices.pop_front();
        }
        self.notices.push_back(Notification { peer, pipe, body });
    }

    /// Takes the next notification, unless messages of its peer that came before it are still to
    /// be received.
    fn next_notice(&mut self, pipes: &mut Pipes) -> Option<Notification> {
        let first = self.notices.front()?;
        let of_peer = pipes.peek(first.pipe).is_some_and(|pipe| pipe.routing_id == first.peer);
        let waits =
            first.body != NotificationBody::Connected && of_peer && pipes.has_message(first.pipe);
        if waits { None } else { self.notices.pop_front() }
    }

    fn forget(&mut self, pipes: &mut Pipes, id: PipeId) {
        if self.sending == Sending::To(id) {
            self.sending = Sending::Dropped;
        }
        if let Some(pipe) = pipes.peek(id)
            && self.peers.get(&pipe.routing_id) == Some(&id)
        {
            self.peers.remove(&pipe.routing_id);
        }
    }

    /// There is no such peer: refused is not dropped, the caller still has the message.
    fn unroutable(pipes: &mut Pipes, mandatory: bool) -> Result<Sending> {
        if mandatory {
            return Err(Error::HostUnreachable);
        }
        pipes.drops.unroutable += 1;
        Ok(Sending::Dropped)
    }

    /// Chooses the pipe that a routing id stands for.
    // RFC 28 §The ROUTER Socket Type: SHALL route the message to the outgoing queue if that queue
    // exists, and has space; SHALL either silently drop the message, or return an error, depending
    // on configuration, if the queue does not exist, or is full; SHALL NOT block on sending. With
    // `router_mandatory` a full queue is an error that a send may be told to wait for: as in
    // libzmq.
    fn address(&mut self, pipes: &mut Pipes, part: &Msg) -> Result<Sending> {
        let mandatory = pipes.options.router_mandatory;
        let Some(id) = self.peers.get(part.as_slice()).copied() else {
            return Self::unroutable(pipes, mandatory);
        };
        if pipes.has_room(id) {
            return Ok(Sending::To(id));
        }
        if !pipes.is_open(id) {
            return Self::unroutable(pipes, mandatory);
        }
        if mandatory {
            self.refusals.note(id);
            return Err(Error::WouldBlock);
        }
        pipes.drops.high_water_mark += 1;
        if let Some(counters) = pipes.counters(id) {
            counters.dropped += 1;
        }
        Ok(Sending::Dropped)
    }
}

impl Pattern for Router {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        // A pipe whose routing id was set with `connect_routing_id` can be written to before
        // there is a connection.
        if pipes.peek(id).is_some_and(|pipe| !pipe.routing_id.is_empty()) {
            // A name that is taken is refused again, and reported, when the peer is known.
            let _ = self.identify(pipes, id);
        }
        self.queue.activate(pipes, id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        self.identify(pipes, id)?;
        probe(pipes, id);
        hello(pipes, id);
        // A raw connection is told of like a STREAM's, as in libzmq.
        if pipes.options.router_notify.connect || pipes.options.router_raw {
            self.note(pipes, id, NotificationBody::Connected);
        }
        Ok(())
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        let Some(pipe) = pipes.peek(id) else { return };
        if self.peers.get(&pipe.routing_id) != Some(&id) {
            return;
        }
        let was_accepted = pipe.is_accepted();
        if pipes.options.router_notify.disconnect || pipes.options.router_raw {
            self.note(pipes, id, NotificationBody::Disconnected);
        }
        if was_accepted && !pipes.options.disconnect_msg.is_empty() {
            self.note(pipes, id, NotificationBody::DisconnectMsg);
        }
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        // RFC 28 §The ROUTER Socket Type: if this peer disconnects, SHALL destroy its double queue
        // and SHALL discard any messages it contains. We discard what was to be sent; what was
        // received stays until it is taken, as in libzmq.
        self.forget(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.forget(pipes, id);
        self.refusals.removed(id);
        self.queue.remove(pipes, id);
        if self.receiving == Receiving::Body(id) {
            self.receiving = Receiving::Nothing;
        }
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        let more = part.more();
        match self.sending {
            Sending::Address => {
                // RFC 28 §The ROUTER Socket Type: SHALL remove the first frame from each outgoing
                // message and use this as the identity of a double queue. A routing id without a
                // body is no message: it is dropped, as in libzmq.
                if more {
                    self.sending = self.address(pipes, part)?;
                }
                part.take();
            }
            Sending::To(id) if part.is_empty() && pipes.options.router_raw => {
                // An empty body closes a raw connection, once what was sent is out.
                part.take();
                pipes.closing.push(id);
                self.sending = Sending::Address;
            }
            Sending::To(id) => {
                pipes.push_from(id, part, more);
                if !more {
                    self.sending = Sending::Address;
                }
            }
            Sending::Dropped => {
                part.take();
                if !more {
                    self.sending = Sending::Address;
                }
            }
        }
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        let mut msg = Msg::new();
        self.recv_into(pipes, &mut msg)?;
        Ok(msg)
    }

    fn recv_into(&mut self, pipes: &mut Pipes, place: &mut Msg) -> Result<()> {
        match self.receiving {
            Receiving::EmptyBody => {
                self.receiving = Receiving::Nothing;
                place.reset();
                return Ok(());
            }
            Receiving::DisconnectBody => {
                self.receiving = Receiving::Nothing;
                *place = Msg::from_slice(&pipes.options.disconnect_msg);
                return Ok(());
            }
            Receiving::Body(_) => {
                self.queue.recv_into(pipes, place).ok_or(Error::WouldBlock)?;
                if !place.more() {
                    self.receiving = Receiving::Nothing;
                }
                return Ok(());
            }
            Receiving::Nothing => {}
        }
        // RFC 28 §The ROUTER Socket Type: SHALL prefix each incoming message with a frame
        // containing the identity of the originating double queue; SHALL deliver the resulting
        // messages.
        let mut address = if let Some(notice) = self.next_notice(pipes) {
            self.receiving = match notice.body {
                NotificationBody::DisconnectMsg => Receiving::DisconnectBody,
                _ => Receiving::EmptyBody,
            };
            Msg::from_slice(&notice.peer)
        } else {
            let id = self.queue.next(pipes).ok_or(Error::WouldBlock)?;
            self.receiving = Receiving::Body(id);
            let name = pipes.peek(id).map_or(&[][..], |pipe| &pipe.routing_id);
            let mut address = Msg::from_slice(name);
            pipes.mark_with_meta(id, &mut address);
            address
        };
        address.set_more(true);
        *place = address;
        Ok(())
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.receiving != Receiving::Nothing
            || !self.notices.is_empty()
            || self.queue.next(pipes).is_some()
    }

    fn has_out(&mut self, pipes: &mut Pipes) -> bool {
        if !pipes.options.router_mandatory || self.sending != Sending::Address {
            return true;
        }
        self.peers.values().any(|id| pipes.has_room(*id))
    }

    fn has_room_for(&mut self, pipes: &mut Pipes, routing_id: &[u8]) -> Result<bool> {
        let id = self.peers.get(routing_id).ok_or(Error::HostUnreachable)?;
        Ok(pipes.has_room(*id))
    }

    fn wake_senders(&mut self, pipes: &mut Pipes) -> WakeSenders {
        WakeSenders::all_if(self.refusals.is_over(pipes))
    }
}
