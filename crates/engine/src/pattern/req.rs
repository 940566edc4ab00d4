//! REQ: sends a request, then receives the reply from the peer that was asked. RFC 28 §The
//! REQ Socket Type.

use oxmq_message::Msg;

use super::fair_queue::FairQueue;
use super::load_balancer::LoadBalancer;
use super::{Pattern, probe};
use crate::error::{Error, Result};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// Most messages that sending a request discards, so that peers that flood cannot keep it.
const EARLY_REPLIES_MAX: usize = 65_536;

/// Where the exchange stands. `Idle` -> `Request` (parts sent) -> `Waiting` -> `Reply` (parts
/// received) -> `Idle`.
// RFC 28 §The REQ Socket Type: SHALL send and then receive exactly one message at a time. The
// option `req_relaxed` lifts that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exchange {
    Idle,
    /// Some parts of the request were sent.
    Request,
    /// The request is out.
    Waiting,
    /// Some parts of the reply were received.
    Reply,
}

/// See the file's first paragraph.
pub(crate) struct Req {
    // RFC 28 §The REQ Socket Type: SHALL route outgoing messages to connected peers using a
    // round-robin strategy. Unless `immediate` is set, an endpoint that is being connected to takes
    // its turn too, as in libzmq; its request waits for the connection.
    balancer: LoadBalancer,
    queue: FairQueue,
    exchange: Exchange,
    /// The pipe the request went to.
    asked: Option<PipeId>,
    /// Number of the current request, for `req_correlate`.
    request_id: u32,
}

impl Default for Req {
    fn default() -> Req {
        Req {
            balancer: LoadBalancer::default(),
            queue: FairQueue::default(),
            exchange: Exchange::Idle,
            asked: None,
            request_id: crate::random::u32(),
        }
    }
}

impl Req {
    /// Sends the envelope of a new request; false when no peer has room.
    fn open_request(&mut self, pipes: &mut Pipes) -> bool {
        // RFC 28 §The REQ Socket Type: SHALL prefix the outgoing message with an empty delimiter
        // frame. With `req_correlate` the request's number goes before it.
        let mut delimiter = Msg::new();
        delimiter.set_more(true);
        if pipes.options.req_correlate {
            let mut number = Msg::from_slice(&self.request_id.wrapping_add(1).to_be_bytes());
            number.set_more(true);
            let Ok(asked) = self.balancer.send(pipes, &mut number) else { return false };
            self.request_id = self.request_id.wrapping_add(1);
            self.asked = asked;
            // The first part found room, so the others of its message are taken too.
            let _ = self.balancer.send(pipes, &mut delimiter);
        } else {
            let Ok(asked) = self.balancer.send(pipes, &mut delimiter) else { return false };
            self.asked = asked;
        }
        true
    }

    /// Discards what came before the request went out, which answers none of it.
    fn discard_early(&mut self, pipes: &mut Pipes) {
        for _ in 0..EARLY_REPLIES_MAX {
            if self.queue.recv(pipes).is_none() {
                return;
            }
            self.queue.skip_message(pipes);
            pipes.drops.malformed += 1;
        }
    }

    /// Takes the envelope of the awaited reply off. Anything else is discarded.
    // RFC 28 §The REQ Socket Type: SHALL accept an incoming message only from the last peer that it
    // sent a request to; SHALL discard silently any messages received from other peers.
    fn open_reply(&mut self, pipes: &mut Pipes) -> bool {
        loop {
            let Some((id, frame)) = self.queue.recv(pipes) else { return false };
            if self.asked == Some(id) && self.accept_envelope(pipes, frame) {
                return true;
            }
            self.queue.skip_message(pipes);
            pipes.drops.malformed += 1;
        }
    }

    fn accept_envelope(&mut self, pipes: &mut Pipes, first: Msg) -> bool {
        let mut frame = first;
        if pipes.options.req_correlate {
            if !frame.more() || frame.as_slice() != self.request_id.to_be_bytes() {
                return false;
            }
            let Some((_, next)) = self.queue.recv(pipes) else { return false };
            frame = next;
        }
        // RFC 28 §The REQ Socket Type: the reply SHALL have a delimiter consisting of an empty
        // frame, and one or more data frames.
        frame.is_empty() && frame.more()
    }
}

impl Pattern for Req {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.balancer.attach(pipes, id);
        self.queue.activate(pipes, id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        probe(pipes, id);
        Ok(())
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.balancer.remove(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.balancer.remove(pipes, id);
        self.queue.remove(pipes, id);
        if self.asked == Some(id) {
            self.asked = None;
        }
        if self.exchange == Exchange::Reply && !self.queue.is_mid_message() {
            self.exchange = Exchange::Waiting;
        }
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
    }

    fn writable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.balancer.activate(pipes, id);
    }

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        match self.exchange {
            Exchange::Waiting | Exchange::Reply if !pipes.options.req_relaxed => {
                return Err(Error::State {
                    operation: "sending a request before the last one was answered",
                });
            }
            Exchange::Reply => self.queue.skip_message(pipes),
            _ => {}
        }
        if self.exchange != Exchange::Request {
            self.discard_early(pipes);
            // RFC 28 §The REQ Socket Type: SHALL block on sending, or return a suitable error, when
            // it has no connected peers; SHALL NOT discard messages that it cannot send.
            if !self.open_request(pipes) {
                return Err(Error::WouldBlock);
            }
            self.exchange = Exchange::Request;
        }
        let more = part.more();
        // The envelope was taken, so the parts behind it are too.
        let sent = self.balancer.send(pipes, part);
        if !more {
            // Of a request whose peer went away half-way nothing is to come.
            let went_out = matches!(sent, Ok(Some(_)));
            self.exchange = if went_out { Exchange::Waiting } else { Exchange::Idle };
        }
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        let mut msg = Msg::new();
        self.recv_into(pipes, &mut msg)?;
        Ok(msg)
    }

    fn recv_into(&mut self, pipes: &mut Pipes, place: &mut Msg) -> Result<()> {
        match self.exchange {
            Exchange::Idle | Exchange::Request => {
                return Err(Error::State {
                    operation: "receiving a reply before a request was sent",
                });
            }
            Exchange::Waiting => {
                if !self.open_reply(pipes) {
                    return Err(Error::WouldBlock);
                }
            }
            Exchange::Reply => {}
        }
        self.queue.recv_into(pipes, place).ok_or(Error::WouldBlock)?;
        self.exchange = if place.more() { Exchange::Reply } else { Exchange::Idle };
        Ok(())
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        match self.exchange {
            Exchange::Idle | Exchange::Request => false,
            Exchange::Reply => true,
            Exchange::Waiting => {
                // The envelope is taken off here, so that readable means a reply for us.
                if self.open_reply(pipes) {
                    self.exchange = Exchange::Reply;
                    return true;
                }
                false
            }
        }
    }

    fn has_out(&mut self, pipes: &mut Pipes) -> bool {
        match self.exchange {
            Exchange::Waiting | Exchange::Reply => {
                pipes.options.req_relaxed && self.balancer.has_out(pipes)
            }
            Exchange::Idle | Exchange::Request => self.balancer.has_out(pipes),
        }
    }
}
