//! XSUB and SUB: receive from all publishers what was subscribed to. RFC 29 §The SUB Socket Type
//! and §The XSUB Socket Type.

use oxmq_message::Msg;
use oxmq_zmtp::parse_subscription_message;

use super::Pattern;
use super::fair_queue::FairQueue;
use crate::error::{Error, Result};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;
use crate::subscriptions::Filter;

/// See the file's first paragraph.
pub(crate) struct XSub {
    /// SUB: filters what it receives, and subscribes by option. XSUB: subscribes by message.
    is_sub: bool,
    // RFC 29 §The SUB Socket Type: SHALL receive incoming messages from its publishers using a
    // fair-queuing strategy.
    // RFC 29 §The XSUB Socket Type: the same. Both types would also discard messages when the queue
    // for a publisher is full. We stop reading the connection then, as libzmq does: the publisher's
    // own queue fills, and the publisher drops.
    queue: FairQueue,
    filter: Filter,
    pipes_open: Vec<PipeId>,
    /// A wanted message that `has_in` has found already.
    found: Option<Msg>,
    /// A message is being sent, to these pipes; whether a part of it went out as it is.
    mid_send: bool,
    as_it_is: bool,
    targets: Vec<PipeId>,
}

impl XSub {
    pub(super) fn new(is_sub: bool) -> XSub {
        XSub {
            is_sub,
            queue: FairQueue::default(),
            filter: Filter::new(),
            pipes_open: Vec::new(),
            found: None,
            mid_send: false,
            as_it_is: false,
            targets: Vec::new(),
        }
    }

    /// The next part of a message that is wanted.
    fn take(&mut self, pipes: &mut Pipes) -> Option<Msg> {
        let mut msg = Msg::new();
        self.take_into(pipes, &mut msg).then_some(msg)
    }

    /// As `take`, in place of what `place` was; false if there is none. What is passed over may
    /// have emptied it then.
    fn take_into(&mut self, pipes: &mut Pipes, place: &mut Msg) -> bool {
        loop {
            let continues = self.queue.is_mid_message();
            if self.queue.recv_into(pipes, place).is_none() {
                return false;
            }
            // RFC 29 §The SUB Socket Type: MAY filter messages according to subscriptions, using a
            // prefix match algorithm. It has to: a publisher of ZMTP 1.0 does not.
            // RFC 29 §The XSUB Socket Type: SHALL deliver messages to its calling application,
            // which filters if it wants to.
            if continues || !self.is_sub {
                return true;
            }
            if self.filter.matches(place) != pipes.options.invert_matching {
                return true;
            }
            place.reset();
            self.queue.skip_message(pipes);
        }
    }

    fn forward(&mut self, pipes: &mut Pipes, subscribe: bool, topic: &[u8]) {
        for id in &self.pipes_open {
            pipes.subscription(*id, subscribe, topic);
        }
    }

    /// The publishers a message of the application's own goes to: those with room.
    // RFC 29 §The XSUB Socket Type: SHALL send all messages to all connected publishers; SHALL
    // silently drop the message if the outgoing queue for a publisher is full; SHALL NOT block.
    fn choose(&mut self, pipes: &mut Pipes) {
        self.targets.clear();
        self.targets.extend(self.pipes_open.iter().copied().filter(|id| pipes.has_room(*id)));
    }

    /// Sends a part of the application's own message to every publisher.
    fn pass_on(&mut self, pipes: &mut Pipes, part: &Msg, more: bool) {
        for id in &self.targets {
            pipes.push(*id, part.clone(), more);
        }
        self.as_it_is = more;
    }

    fn add(&mut self, pipes: &mut Pipes, topic: &[u8]) {
        let first = self.filter.add(topic);
        if first || !pipes.options.only_first_subscribe {
            self.forward(pipes, true, topic);
        }
    }

    fn cancel(&mut self, pipes: &mut Pipes, topic: &[u8]) {
        let last = self.filter.remove(topic);
        let verbose = pipes.options.xsub_verbose_unsubscribe;
        if last == Some(true) || verbose {
            self.forward(pipes, false, topic);
        }
    }
}

impl Pattern for XSub {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
        self.pipes_open.push(id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        // RFC 29 §The XSUB Socket Type: SHALL send subscribe and unsubscribe requests to
        // publishers. A publisher that is new, or has come back, gets all subscriptions at once.
        self.filter.for_each(|topic| pipes.subscription(id, true, topic));
        pipes.flush_all();
        Ok(())
    }

    fn gone(&mut self, _pipes: &mut Pipes, id: PipeId) {
        // RFC 29 §The SUB Socket Type and §The XSUB Socket Type would have the queue of a bound
        // publisher that disconnects destroyed. What was received stays until it is taken, as in
        // libzmq.
        self.pipes_open.retain(|p| *p != id);
        self.targets.retain(|p| *p != id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.remove(pipes, id);
        self.gone(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        if self.is_sub {
            // RFC 29 §The SUB Socket Type: SHALL only receive messages.
            return Err(Error::NotSupported { operation: "sending" });
        }
        let part = part.take();
        let more = part.more();
        let may_subscribe =
            !self.as_it_is && (!self.mid_send || !pipes.options.only_first_subscribe);
        if !self.mid_send {
            self.choose(pipes);
        }
        self.mid_send = more;
        // RFC 29 §The XSUB Socket Type: SHALL accept subscription commands from its calling
        // application; SHALL not modify outgoing messages in any way.
        match parse_subscription_message(&part).filter(|_| may_subscribe) {
            // It stays the first part, so that publishers see that the others are data.
            Some((subscribe, topic)) if more && pipes.options.only_first_subscribe => {
                if subscribe {
                    self.filter.add(topic);
                } else {
                    self.filter.remove(topic);
                }
                self.pass_on(pipes, &part, more);
            }
            Some((true, topic)) => self.add(pipes, topic),
            Some((false, topic)) => self.cancel(pipes, topic),
            None => self.pass_on(pipes, &part, more),
        }
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        if let Some(msg) = self.found.take() {
            return Ok(msg);
        }
        self.take(pipes).ok_or(Error::WouldBlock)
    }

    fn recv_into(&mut self, pipes: &mut Pipes, place: &mut Msg) -> Result<()> {
        if let Some(msg) = self.found.take() {
            *place = msg;
            return Ok(());
        }
        if self.take_into(pipes, place) { Ok(()) } else { Err(Error::WouldBlock) }
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        if self.found.is_none() {
            self.found = self.take(pipes);
        }
        self.found.is_some()
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        !self.is_sub
    }

    fn subscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) -> Result<()> {
        if !self.is_sub {
            return Err(Error::NotSupported { operation: "subscribing by option" });
        }
        self.add(pipes, topic);
        Ok(())
    }

    fn unsubscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) -> Result<()> {
        if !self.is_sub {
            return Err(Error::NotSupported { operation: "unsubscribing by option" });
        }
        self.cancel(pipes, topic);
        Ok(())
    }

    fn topics(&self) -> Option<usize> {
        Some(self.filter.topics())
    }
}
