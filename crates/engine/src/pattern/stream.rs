//! STREAM: raw tcp connections, each with a routing id. Not ZMTP; the one socket type that speaks
//! other protocols. `zmq_socket(3)`, "Native pattern".

use std::collections::{HashMap, VecDeque};

use oxmq_message::Msg;

use super::fair_queue::FairQueue;
use super::refusals::Refusals;
use super::router::automatic_id;
use super::{Pattern, WakeSenders};
use crate::error::{Error, Result};
use crate::limits::PEER_NOTICES_MAX;
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// Where the message being sent goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Address,
    To(PipeId),
    /// The connection went away after it was addressed, or nothing was to follow the address.
    Dropped,
}

/// What the next part received is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receiving {
    Address,
    Data(PipeId),
    /// The empty body of a notification.
    Notification,
}

/// A connection made or lost that is to be told.
struct Notice {
    /// The routing id.
    peer: Msg,
    /// Empty.
    body: Msg,
    made: bool,
}

/// See the file's first paragraph.
pub(crate) struct Raw {
    queue: FairQueue,
    peers: HashMap<Vec<u8>, PipeId>,
    next_id: u32,
    sending: Sending,
    receiving: Receiving,
    /// Connections made (true) and lost that are still to be told, as empty messages.
    notices: VecDeque<Notice>,
    /// The empty body of the notification being received.
    notification: Msg,
    /// The routing id of the last connection, asked for or accepted.
    last_connect: Option<Vec<u8>>,
    refusals: Refusals,
}

impl Default for Raw {
    fn default() -> Raw {
        Raw {
            queue: FairQueue::default(),
            peers: HashMap::new(),
            next_id: crate::random::u32(),
            sending: Sending::Address,
            receiving: Receiving::Address,
            notices: VecDeque::new(),
            notification: Msg::new(),
            last_connect: None,
            refusals: Refusals::default(),
        }
    }
}

impl Raw {
    fn note(&mut self, pipes: &mut Pipes, id: PipeId, made: bool) {
        let Some(pipe) = pipes.peek(id) else { return };
        let mut peer = Msg::from_slice(&pipe.routing_id);
        let mut body = Msg::new();
        pipes.mark_with_meta(id, &mut peer);
        pipes.mark_with_meta(id, &mut body);
        if self.notices.len() >= PEER_NOTICES_MAX {
            self.notices.pop_front();
        }
        self.notices.push_back(Notice { peer, body, made });
    }

    fn forget(&mut self, pipes: &mut Pipes, id: PipeId) {
        if let Some(pipe) = pipes.peek(id)
            && self.peers.get(&pipe.routing_id) == Some(&id)
        {
            self.peers.remove(&pipe.routing_id);
        }
    }
}

impl Pattern for Raw {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        let Some(pipe) = pipes.pipe(id) else { return };
        if pipe.routing_id.is_empty() {
            pipe.routing_id = automatic_id(&mut self.next_id);
        }
        self.last_connect = Some(pipe.routing_id.clone());
        self.peers.insert(pipe.routing_id.clone(), id);
        self.queue.activate(pipes, id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        if pipes.options.stream_notify {
            self.note(pipes, id, true);
        }
        Ok(())
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        // `zmq_socket(3)` tells of what the peer closes.
        if pipes.options.stream_notify && pipes.is_open(id) {
            // Told behind the data that came before: see `recv`.
            self.note(pipes, id, false);
        }
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.forget(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.forget(pipes, id);
        self.queue.remove(pipes, id);
        if self.sending == Sending::To(id) {
            self.sending = Sending::Dropped;
        }
        if self.receiving == Receiving::Data(id) {
            self.receiving = Receiving::Address;
        }
        self.refusals.removed(id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        match self.sending {
            Sending::Address => {
                if !part.more() {
                    // Any part is a routing id here, and the next one its body, as in libzmq.
                    part.take();
                    self.sending = Sending::Dropped;
                    return Ok(());
                }
                let id = *self.peers.get(part.as_slice()).ok_or(Error::HostUnreachable)?;
                if !pipes.has_room(id) {
                    self.refusals.note(id);
                    return Err(Error::WouldBlock);
                }
                part.take();
                self.sending = Sending::To(id);
            }
            Sending::Dropped => {
                self.sending = Sending::Address;
                part.take();
            }
            Sending::To(id) => {
                self.sending = Sending::Address;
                let data = part.take();
                if data.is_empty() {
                    // An empty body closes the connection, once what was sent is out.
                    pipes.closing.push(id);
                } else {
                    pipes.push(id, data, false);
                }
            }
        }
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        match self.receiving {
            Receiving::Notification => {
                self.receiving = Receiving::Address;
                return Ok(self.notification.take());
            }
            Receiving::Data(_) => {
                self.receiving = Receiving::Address;
                let (_, mut msg) = self.queue.recv(pipes).ok_or(Error::WouldBlock)?;
                msg.set_more(false);
                return Ok(msg);
            }
            Receiving::Address => {}
        }
        // The end of a connection is told when its data has been received; its start before.
        let from = self.queue.next(pipes);
        let name = from.and_then(|id| pipes.peek(id)).map(|pipe| pipe.routing_id.clone());
        let told = self
            .notices
            .front()
            .is_some_and(|n| n.made || name.as_ref().is_none_or(|name| **name != *n.peer));
        let notice = if told { self.notices.pop_front() } else { None };
        let mut address = match (notice, from, name) {
            (Some(notice), ..) => {
                self.receiving = Receiving::Notification;
                self.notification = notice.body;
                notice.peer
            }
            (None, Some(id), Some(name)) => {
                self.receiving = Receiving::Data(id);
                let mut address = Msg::from_slice(&name);
                pipes.mark_with_meta(id, &mut address);
                address
            }
            _ => return Err(Error::WouldBlock),
        };
        address.set_more(true);
        Ok(address)
    }

    fn last_connect(&self) -> Option<&[u8]> {
        self.last_connect.as_deref()
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.receiving != Receiving::Address
            || !self.notices.is_empty()
            || self.queue.next(pipes).is_some()
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        true
    }

    fn wake_senders(&mut self, pipes: &mut Pipes) -> WakeSenders {
        WakeSenders::all_if(self.refusals.is_over(pipes))
    }
}
