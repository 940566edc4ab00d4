//! REP: receives a request, then sends its reply back the way the request came. RFC 28 §The
//! REP Socket Type.

use oxmq_message::Msg;

use super::fair_queue::FairQueue;
use super::{Pattern, probe};
use crate::error::{Error, Result};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// Most envelope frames kept for one request: the number of nodes it can have passed.
const ENVELOPE_FRAMES_MAX: usize = 1024;

/// Where the exchange stands. Receiving a request leads from `Idle` over `Request` to `Reply`;
/// sending the reply leads back.
// RFC 28 §The REP Socket Type: SHALL receive and then send exactly one message at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exchange {
    /// No request was taken yet.
    Idle,
    /// Some parts of a request were taken.
    Request,
    /// The reply, or the rest of it, is to be sent; whether a part of it was sent.
    Reply { begun: bool },
}

/// See the file's first paragraph.
pub(crate) struct Rep {
    // RFC 28 §The REP Socket Type: SHALL receive incoming messages from its peers using a
    // fair-queuing strategy.
    queue: FairQueue,
    exchange: Exchange,
    /// The pipe of the request, until it goes away or the reply is sent.
    asker: Option<PipeId>,
    /// The envelope of the request: its frames up to and with the empty one.
    envelope: Vec<Msg>,
}

impl Default for Rep {
    fn default() -> Rep {
        Rep {
            queue: FairQueue::default(),
            exchange: Exchange::Idle,
            asker: None,
            envelope: Vec::new(),
        }
    }
}

impl Rep {
    /// Takes the envelope of the next request off; false when there is no request. A request
    /// without the empty delimiter frame is malformed and passed over.
    fn open_request(&mut self, pipes: &mut Pipes) -> bool {
        loop {
            self.envelope.clear();
            let Some((id, first)) = self.queue.recv(pipes) else { return false };
            let mut frame = first;
            loop {
                let (delimiter, more) = (frame.is_empty(), frame.more());
                if !more || self.envelope.len() >= ENVELOPE_FRAMES_MAX {
                    // RFC 28 §The REP Socket Type: the request SHALL have an address envelope, a
                    // delimiter consisting of an empty frame, and one or more data frames.
                    self.queue.skip_message(pipes);
                    pipes.drops.malformed += 1;
                    break;
                }
                // RFC 28 §The REP Socket Type: SHALL remove and store the address envelope,
                // including the delimiter.
                self.envelope.push(frame);
                if delimiter {
                    self.asker = Some(id);
                    return true;
                }
                let Some((_, next)) = self.queue.recv(pipes) else { return false };
                frame = next;
            }
        }
    }

    fn begin_reply(&mut self, pipes: &mut Pipes) {
        // RFC 28 §The REP Socket Type: SHALL prepend the address envelope and delimiter; SHALL
        // deliver this message back to the originating peer; SHALL silently discard the reply if
        // the originating peer is no longer connected; SHALL not block on sending. For the sake of
        // the last, a reply is discarded too when the peer's queue is full, as in libzmq.
        match self.asker {
            Some(id) if pipes.has_room(id) => {
                for frame in self.envelope.drain(..) {
                    pipes.push(id, frame, true);
                }
            }
            _ => {
                pipes.drops.unroutable += 1;
                self.asker = None;
                self.envelope.clear();
            }
        }
    }
}

impl Pattern for Rep {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        probe(pipes, id);
        Ok(())
    }

    fn gone(&mut self, _pipes: &mut Pipes, id: PipeId) {
        if self.asker == Some(id) {
            self.asker = None;
        }
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.remove(pipes, id);
        if self.asker == Some(id) {
            self.asker = None;
        }
        if self.exchange == Exchange::Request && !self.queue.is_mid_message() {
            self.exchange = Exchange::Idle;
        }
    }

    fn disconnected(&mut self, _pipes: &mut Pipes, id: PipeId) {
        // The asker is another peer after a reconnect, even on the same pipe.
        if self.asker == Some(id) && self.exchange != (Exchange::Reply { begun: true }) {
            self.asker = None;
        }
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        let Exchange::Reply { begun } = self.exchange else {
            return Err(Error::State {
                operation: "sending a reply before a request was received",
            });
        };
        if !begun {
            self.begin_reply(pipes);
        }
        let more = part.more();
        self.exchange = if more { Exchange::Reply { begun: true } } else { Exchange::Idle };
        match self.asker {
            Some(id) => pipes.push_from(id, part, more),
            None => part.reset(),
        }
        if !more {
            self.asker = None;
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
            Exchange::Reply { .. } => {
                return Err(Error::State {
                    operation: "receiving a request before the last one was answered",
                });
            }
            Exchange::Idle => {
                if !self.open_request(pipes) {
                    return Err(Error::WouldBlock);
                }
            }
            Exchange::Request => {}
        }
        // RFC 28 §The REP Socket Type: SHALL pass the remaining data frames to its calling
        // application.
        self.queue.recv_into(pipes, place).ok_or(Error::WouldBlock)?;
        self.exchange =
            if place.more() { Exchange::Request } else { Exchange::Reply { begun: false } };
        Ok(())
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        match self.exchange {
            Exchange::Reply { .. } => false,
            Exchange::Idle | Exchange::Request => self.queue.next(pipes).is_some(),
        }
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        matches!(self.exchange, Exchange::Reply { .. })
    }
}
