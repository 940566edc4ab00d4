//! Durable ROUTER and REP: messages to peers by their names, and from them with the names in front.
//! RFC 28 §The ROUTER Socket Type and §The REP Socket Type, with logs in place of the queues.

use std::time::Instant;

use oxmq_journal::Lsn;
use oxmq_message::{Delivery, Msg};
use oxmq_zmtp::DurableCommand;

use super::addressed::Mailer;
use super::intake::Intake;
use super::{Durable, DurableStatus, Extra, Position, Told};
use crate::error::{Error, Result};
use crate::pattern::{Pattern, hello, probe};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// Where a REP stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exchange {
    /// No request was taken.
    Idle,
    /// Some parts of one were taken.
    Request,
    /// The reply, or the rest of it, is to be sent.
    Reply,
}

/// See the file's first paragraph.
pub(super) struct Routed {
    mailer: Mailer,
    intake: Intake,
    /// ROUTER: the address of the message that is being sent; `None` before, or if it is dropped.
    address: Option<Vec<u8>>,
    mid_send: bool,
    /// REP only.
    exchange: Option<Exchange>,
    /// REP: the parts of the request up to and with the empty one; the first is the asker's name.
    envelope: Vec<Msg>,
}

impl Routed {
    pub(super) fn new(mailer: Mailer, intake: Intake, is_rep: bool) -> Routed {
        Routed {
            mailer,
            intake,
            address: None,
            mid_send: false,
            exchange: is_rep.then_some(Exchange::Idle),
            envelope: Vec::new(),
        }
    }

    /// ROUTER: the first part says for whom the message is.
    fn send_routed(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        let more = part.more();
        if !self.mid_send {
            if !more {
                // An address without a body is no message.
                part.take();
                return Ok(());
            }
            self.address = None;
            if self.mailer.can_reach(part) {
                if !self.mailer.has_room() {
                    return Err(Error::WouldBlock);
                }
                self.address = Some(part.to_vec());
            } else if pipes.options.router_mandatory {
                return Err(Error::HostUnreachable);
            } else {
                pipes.drops.unroutable += 1;
            }
            part.take();
            self.mid_send = true;
            return Ok(());
        }
        let Some(address) = self.address.clone() else {
            part.take();
            self.mid_send = more;
            return Ok(());
        };
        self.pass(pipes, &address, part, more)
    }

    /// Takes a part for a name, and records the message with its last.
    fn pass(&mut self, pipes: &mut Pipes, name: &[u8], part: &mut Msg, more: bool) -> Result<()> {
        self.mailer.take(part)?;
        if more {
            return Ok(());
        }
        self.mid_send = false;
        self.address = None;
        let posted = self.mailer.post(pipes, name, part)?;
        if pipes.durable.unattended
            && let Some(at) = self.resume(pipes, self.mailer.outbox.shared.clock.now())
        {
            pipes.due_by(at);
        }
        match posted {
            Some(unsynced) => Err(Error::Unsynced(unsynced)),
            None => Ok(()),
        }
    }

    /// REP: the reply goes the way the request came.
    fn send_reply(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        let more = part.more();
        let Some(asker) = self.envelope.first().map(|name| name.to_vec()) else {
            part.take();
            self.exchange = Some(if more { Exchange::Reply } else { Exchange::Idle });
            return Ok(());
        };
        if !self.mid_send {
            if !self.mailer.has_room() {
                return Err(Error::WouldBlock);
            }
            for frame in self.envelope.iter().skip(1) {
                let mut frame = frame.clone();
                frame.set_more(true);
                self.mailer.take(&mut frame)?;
            }
            self.mid_send = true;
        }
        if more {
            return self.pass(pipes, &asker, part, more);
        }
        // The reply and that the request is dealt with are one record.
        let request = self.intake.last_automatic();
        let request = request.and_then(|token| {
            let extra = self.intake.plan(pipes, token).ok()?;
            pipes.durable.with.push(extra);
            Some(token)
        });
        let sent = self.pass(pipes, &asker, part, more);
        pipes.durable.with.clear();
        if let Some(token) = request {
            let recorded = match &sent {
                Err(Error::Unsynced(unsynced)) => Some(unsynced.lsn()),
                _ => None,
            };
            self.intake.planned(pipes, token, recorded);
        }
        if matches!(sent, Ok(()) | Err(Error::Unsynced(_))) {
            self.envelope.clear();
            self.exchange = Some(Exchange::Idle);
            self.intake.finish_last(pipes);
        }
        sent
    }

    /// REP: takes the envelope of the next request off.
    fn open_request(&mut self, pipes: &mut Pipes) -> Result<()> {
        loop {
            self.envelope.clear();
            loop {
                let frame = self.intake.recv(pipes)?;
                let (more, delimiter) = (frame.more(), frame.is_empty());
                let is_name = self.envelope.is_empty();
                if !more {
                    // RFC 28 §The REP Socket Type: the request SHALL have a delimiter and data.
                    pipes.drops.malformed += 1;
                    self.intake.drop_last(pipes);
                    break;
                }
                self.envelope.push(frame);
                if delimiter && !is_name {
                    return Ok(());
                }
            }
        }
    }
}

impl Pattern for Routed {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.intake.queue.activate(pipes, id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        if self.exchange.is_none() {
            probe(pipes, id);
            hello(pipes, id);
        }
        self.intake.connected(pipes, id);
        self.mailer.connected(pipes, id);
        Ok(())
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.mailer.disconnected(pipes, id);
        self.intake.disconnected(pipes, id);
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.disconnected(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.disconnected(pipes, id);
        self.intake.queue.remove(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.intake.readable(pipes, id);
    }

    fn writable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.mailer.dispatch(pipes, id);
    }

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        match self.exchange {
            None => self.send_routed(pipes, part),
            Some(Exchange::Reply) => self.send_reply(pipes, part),
            Some(Exchange::Idle | Exchange::Request) => {
                Err(Error::State { operation: "sending a reply before a request was received" })
            }
        }
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        match self.exchange {
            None => return self.intake.recv(pipes),
            Some(Exchange::Reply) => {
                return Err(Error::State {
                    operation: "receiving a request before the last one was answered",
                });
            }
            Some(Exchange::Idle) => self.open_request(pipes)?,
            Some(Exchange::Request) => {}
        }
        let part = self.intake.recv(pipes)?;
        let next = if part.more() { Exchange::Request } else { Exchange::Reply };
        self.exchange = Some(next);
        Ok(part)
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.exchange != Some(Exchange::Reply) && self.intake.has_in(pipes)
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        match self.exchange {
            None => self.mid_send || self.mailer.has_room(),
            Some(exchange) => exchange == Exchange::Reply,
        }
    }

    fn told(&mut self, pipes: &mut Pipes, id: PipeId, told: Told) {
        match told {
            Told::Command(DurableCommand::Fence { .. }) => Intake::fenced(pipes, id),
            told => self.mailer.told(pipes, id, told),
        }
    }

    fn resume(&mut self, pipes: &mut Pipes, now: Instant) -> Option<Instant> {
        let ours = self.mailer.resume(pipes, now);
        let theirs = self.intake.resume(pipes, now);
        [ours, theirs].into_iter().flatten().min()
    }

    fn acknowledge(&mut self, pipes: &mut Pipes) -> Result<()> {
        self.intake.acknowledge(pipes);
        Ok(())
    }

    fn durable(&mut self) -> Option<&mut dyn Durable> {
        Some(self)
    }
}

impl Durable for Routed {
    fn status(&mut self) -> DurableStatus {
        let unacknowledged = self.intake.status().unacknowledged;
        DurableStatus { unacknowledged, ..self.mailer.status() }
    }

    fn seek(&mut self, pipes: &mut Pipes, position: Position) -> Result<()> {
        self.intake.seek(pipes, position)
    }

    fn plan(&mut self, pipes: &mut Pipes, delivery: &Delivery) -> Result<Extra> {
        self.intake.plan_delivery(pipes, delivery)
    }

    fn planned(&mut self, pipes: &mut Pipes, token: u64, recorded: Option<Lsn>) {
        self.intake.planned(pipes, token, recorded);
    }

    fn close(&mut self) -> Box<dyn FnOnce() + Send> {
        let (ours, theirs) = (self.mailer.outbox.close(), self.intake.close());
        Box::new(move || {
            ours();
            theirs();
        })
    }
}
