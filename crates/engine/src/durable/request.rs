//! Durable REQ: a request stays in the log until its reply is dealt with, and goes to another peer
//! if the one it was given to leaves before. RFC 28 §The REQ Socket Type.
//!
//! Each request carries a number in front of its envelope, as with REQ_CORRELATE, and only the
//! reply with that number is taken: a late reply to a request that was given up is not. After a
//! restart the socket may send, which gives the outstanding request up, or receive its reply.

use std::time::Instant;

use oxmq_message::Msg;

use super::both::Dealer;
use super::{Durable, DurableStatus, Position, Told};
use crate::error::{Error, Result};
use crate::pattern::Pattern;
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// Where the exchange stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exchange {
    /// Nothing is outstanding.
    Idle,
    /// A request of the last process is outstanding.
    Inherited,
    /// Some parts of a request were sent.
    Request,
    /// The request is in the log.
    Waiting,
    /// Some parts of the reply were received.
    Reply,
    /// All of it was received, and it is not settled yet.
    Answered,
}

/// See the file's first paragraph.
pub(super) struct Request {
    both: Dealer,
    exchange: Exchange,
    /// The number of the present request, its offset, and the log's epoch when it was recorded.
    number: u32,
    offset: Option<u64>,
    epoch: u64,
    /// `has_in` has found the reply and taken its envelope off.
    opened: bool,
}

impl Request {
    pub(super) fn new(mut both: Dealer) -> Request {
        // A request gives the one before up, whatever of that was recorded.
        let inherited = both.sender.last_unsettled();
        let number = inherited
            .as_ref()
            .and_then(|(_, record)| Some(u32::from_be_bytes(record.part(0).try_into().ok()?)));
        let exchange = match number {
            Some(_) => Exchange::Inherited,
            None => Exchange::Idle,
        };
        let epoch = both.sender.outbox.status.epoch;
        Request {
            both,
            exchange,
            epoch,
            number: number.unwrap_or_else(crate::random::u32),
            offset: inherited.map(|(offset, _)| offset),
            opened: false,
        }
    }

    /// The request before, answered or given up, is done with.
    fn finish(&mut self, pipes: &mut Pipes) {
        self.both.intake.finish_last(pipes);
        if let Some(offset) = self.offset.take() {
            self.both.sender.settle_one(offset);
        }
    }

    /// The disk may have failed before the request was safe, and the log have begun anew without
    /// it: then nothing is outstanding.
    fn follow(&mut self, pipes: &mut Pipes) {
        if self.both.sender.outbox.shared.store.has_failed() {
            // What is settled is recorded again before the journal is told that replies are.
            if self.both.sender.outbox.open_anew().is_err() {
                return;
            }
            self.both.sender.dispatch(pipes);
        }
        let outbox = &self.both.sender.outbox;
        let Some(offset) = self.offset.filter(|offset| outbox.is_gone(*offset, self.epoch)) else {
            return;
        };
        self.offset = None;
        if offset < outbox.end {
            self.both.sender.settle_one(offset);
        } else {
            // The next message has its number.
            self.both.sender.links.forget(offset);
        }
        if matches!(self.exchange, Exchange::Waiting | Exchange::Inherited) {
            self.exchange = Exchange::Idle;
            self.opened = false;
        }
    }

    /// Takes the envelope of the awaited reply off; anything else is thrown away.
    fn open_reply(&mut self, pipes: &mut Pipes) -> Result<()> {
        loop {
            let number = self.both.intake.recv(pipes)?;
            let mut more = number.more();
            if more && number.as_slice() == self.number.to_be_bytes() {
                let delimiter = self.both.intake.recv(pipes)?;
                more = delimiter.more();
                if delimiter.is_empty() && more {
                    return Ok(());
                }
            }
            while more {
                more = self.both.intake.recv(pipes)?.more();
            }
            self.both.intake.drop_last(pipes);
            pipes.drops.malformed += 1;
        }
    }

    fn begin(&mut self, pipes: &mut Pipes) -> Result<()> {
        if !self.both.sender.has_out() {
            return Err(Error::WouldBlock);
        }
        self.finish(pipes);
        self.number = self.number.wrapping_add(1);
        let mut number = Msg::from_slice(&self.number.to_be_bytes());
        number.set_more(true);
        let mut delimiter = Msg::new();
        delimiter.set_more(true);
        self.both.sender.send(pipes, &mut number)?;
        self.both.sender.send(pipes, &mut delimiter)
    }
}

impl Pattern for Request {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.both.attached(pipes, id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        self.both.connected(pipes, id)
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.both.disconnected(pipes, id);
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.both.gone(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        Dealer::removed(&mut self.both, pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.both.readable(pipes, id);
    }

    fn writable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.both.writable(pipes, id);
    }

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        self.follow(pipes);
        match self.exchange {
            Exchange::Waiting | Exchange::Reply if !pipes.options.req_relaxed => {
                return Err(Error::State {
                    operation: "sending a request before the last one was answered",
                });
            }
            Exchange::Request => {}
            _ => {
                self.begin(pipes)?;
                self.exchange = Exchange::Request;
            }
        }
        let sent = self.both.sender.send(pipes, part);
        match &sent {
            Err(Error::Unsynced(_)) => {
                self.exchange = Exchange::Waiting;
                self.opened = false;
                self.offset = Some(self.both.sender.outbox.end - 1);
                self.epoch = self.both.sender.outbox.status.epoch;
            }
            // The request is not sent, and nothing of it is left.
            Err(_) => self.exchange = Exchange::Idle,
            Ok(()) => {}
        }
        sent
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        self.follow(pipes);
        match self.exchange {
            Exchange::Idle | Exchange::Request | Exchange::Answered => {
                return Err(Error::State {
                    operation: "receiving a reply before a request was sent",
                });
            }
            Exchange::Waiting | Exchange::Inherited => {
                if !std::mem::take(&mut self.opened) {
                    self.open_reply(pipes)?;
                }
            }
            Exchange::Reply => {}
        }
        let part = self.both.intake.recv(pipes)?;
        self.exchange = if part.more() { Exchange::Reply } else { Exchange::Answered };
        Ok(part)
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        match self.exchange {
            Exchange::Idle | Exchange::Request | Exchange::Answered => false,
            Exchange::Reply => true,
            Exchange::Waiting | Exchange::Inherited => {
                self.opened = self.opened || self.open_reply(pipes).is_ok();
                self.opened
            }
        }
    }

    fn has_out(&mut self, pipes: &mut Pipes) -> bool {
        let allowed = match self.exchange {
            Exchange::Waiting | Exchange::Reply => pipes.options.req_relaxed,
            _ => true,
        };
        allowed && self.both.sender.has_out()
    }

    fn told(&mut self, pipes: &mut Pipes, id: PipeId, told: Told) {
        self.both.told(pipes, id, told);
    }

    fn resume(&mut self, pipes: &mut Pipes, now: Instant) -> Option<Instant> {
        let next = Dealer::resume(&mut self.both, pipes, now);
        self.follow(pipes);
        next
    }

    fn acknowledge(&mut self, pipes: &mut Pipes) -> Result<()> {
        if self.exchange == Exchange::Answered {
            self.finish(pipes);
            self.exchange = Exchange::Idle;
        }
        self.both.acknowledge(pipes)
    }

    fn durable(&mut self) -> Option<&mut dyn Durable> {
        Some(self)
    }
}

impl Durable for Request {
    fn status(&mut self) -> DurableStatus {
        Dealer::status(&self.both)
    }

    fn seek(&mut self, pipes: &mut Pipes, position: Position) -> Result<()> {
        self.both.seek(pipes, position)
    }

    fn close(&mut self) -> Box<dyn FnOnce() + Send> {
        Dealer::close(&mut self.both)
    }
}
