//! XPUB and PUB: every message goes to all peers that subscribed to a prefix of it. RFC 29 §The PUB
//! Socket Type and §The XPUB Socket Type.

use std::collections::VecDeque;

use oxmq_message::Msg;
use oxmq_zmtp::{Command, FRAME_HEADER_MAX, Framing, parse_subscription_message};

use super::refusals::Refusals;
use super::{Pattern, WakeSenders};
use crate::error::{Error, Result};
use crate::limits::{BY_REFERENCE_BYTES, XPUB_PENDING_MAX};
use crate::pipe::inbound::ReadError;
use crate::pipe::outbound::Wire;
use crate::pipe::table::{Loss, Pipes};
use crate::pipe::{Pipe, PipeId};
use crate::subscriptions::{Matcher, Removed};

/// Something an XPUB's reader will be told.
struct Pending {
    msg: Msg,
    what: Told,
}

/// What manual mode needs to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// A subscription or its end; of a peer, unless that is gone.
    Subscription(Option<PipeId>),
    /// A message of a peer, which leaves in force whose subscription was received last.
    Message,
}

/// See the file's first paragraph.
pub(crate) struct XPub {
    /// XPUB: subscriptions can be received. PUB: they only take effect.
    readable: bool,
    matcher: Matcher,
    /// Manual mode: what each peer has asked for, while `matcher` has what it was given.
    asked: Matcher,
    pending: VecDeque<Pending>,
    /// Pipes that were not read because `pending` was full.
    unread: Vec<PipeId>,
    /// Pipes of the message being sent.
    targets: Vec<PipeId>,
    matches: Vec<u32>,
    mid_message: bool,
    /// The pipe whose subscription was received last, for manual mode.
    last_pipe: Option<PipeId>,
    /// Pipes in the middle of a message of their own.
    mid_receive: Vec<PipeId>,
    encoded: Vec<u8>,
    /// With `xpub_nodrop`.
    refusals: Refusals,
}

impl XPub {
    pub(crate) fn new(readable: bool) -> XPub {
        XPub {
            readable,
            matcher: Matcher::new(),
            asked: Matcher::new(),
            pending: VecDeque::new(),
            unread: Vec::new(),
            targets: Vec::new(),
            matches: Vec::new(),
            mid_message: false,
            last_pipe: None,
            mid_receive: Vec::new(),
            encoded: Vec::new(),
            refusals: Refusals::default(),
        }
    }

    /// Tells the reader of a peer's subscription or its end, with what is known of the peer.
    fn tell_of(&mut self, pipes: &mut Pipes, subscribe: bool, topic: &[u8], id: PipeId) {
        if self.readable {
            let mut msg = subscription(subscribe, topic);
            pipes.mark_with_meta(id, &mut msg);
            self.pending.push_back(Pending { msg, what: Told::Subscription(Some(id)) });
        }
    }

    /// As `tell_of`, of a peer that is gone or is somebody else's.
    fn tell(&mut self, subscribe: bool, topic: &[u8]) {
        // RFC 29 §The PUB Socket Type: SHALL NOT deliver these commands to its calling application.
        // RFC 29 §The XPUB Socket Type: SHALL deliver these commands to its calling application.
        if self.readable {
            let msg = subscription(subscribe, topic);
            self.pending.push_back(Pending { msg, what: Told::Subscription(None) });
        }
    }

    fn subscribed(&mut self, pipes: &mut Pipes, id: PipeId, topic: &[u8]) {
        let options = &pipes.options;
        let asked = if options.xpub_manual { &self.asked } else { &self.matcher };
        let topics = asked.pipe_topics(id.0) + 1;
        let bytes = asked.pipe_bytes(id.0) + topic.len() as u64;
        let too_much = options.subscriptions_max.is_some_and(|max| topics > max)
            || options.subscription_bytes_max.is_some_and(|max| bytes > max);
        if too_much && !asked.is_subscribed(topic, id.0) {
            self.forget(pipes, id);
            pipes.lost.push((id, Loss::Refused("more subscriptions than one peer may have")));
            return;
        }
        // RFC 29 §The PUB Socket Type: SHALL receive subscribe and unsubscribe requests from
        // subscribers.
        // RFC 29 §The XPUB Socket Type: the same; MAY, depending on configuration, normalize the
        // commands, so that multiple identical subscriptions result in a single command only.
        if pipes.options.xpub_manual {
            self.asked.add(topic, id.0);
            self.tell_of(pipes, true, topic, id);
            return;
        }
        let added = self.matcher.add(topic, id.0);
        if added.first_for_topic || pipes.options.xpub_verbose || pipes.options.xpub_verboser {
            self.tell_of(pipes, true, topic, id);
        }
    }

    fn cancelled(&mut self, pipes: &mut Pipes, id: PipeId, topic: &[u8]) {
        if pipes.options.xpub_manual {
            let _ = self.asked.remove(topic, id.0);
            self.tell_of(pipes, false, topic, id);
            return;
        }
        // RFC 37 §The Publish-Subscribe Pattern would have a peer that subscribed twice to a topic
        // cancel twice. One cancel is enough here, as in libzmq; subscribers of ours send only
        // their last cancel. A peer that cancels what it did not subscribe to is heard as well, as
        // in libzmq.
        let removed = self.matcher.remove(topic, id.0);
        if removed != Removed::StillSubscribed || pipes.options.xpub_verboser {
            self.tell_of(pipes, false, topic, id);
        }
    }

    /// Takes in everything a pipe has sent: subscriptions in message form, and an XSUB's own
    /// messages, which only an XPUB delivers.
    fn take_in(&mut self, pipes: &mut Pipes, id: PipeId) {
        while pipes.holds_message(id) {
            // Between messages only: the parts of one stay together.
            let continues = self.mid_receive.contains(&id);
            if self.pending.len() >= XPUB_PENDING_MAX && !continues {
                if !self.unread.contains(&id) {
                    self.unread.push(id);
                }
                return;
            }
            let Some(msg) = pipes.pop(id) else { return };
            self.take_part(pipes, id, msg);
        }
        pipes.read_on_later(id);
    }

    /// Takes in a part or a command that a pipe has sent.
    pub(crate) fn take_part(&mut self, pipes: &mut Pipes, id: PipeId, msg: Msg) {
        let continues = self.mid_receive.contains(&id);
        if msg.command() {
            return self.obey(pipes, id, &msg);
        }
        match (msg.more(), continues) {
            (true, false) => self.mid_receive.push(id),
            (false, true) => self.mid_receive.retain(|p| *p != id),
            _ => {}
        }
        let may_subscribe = !continues || !pipes.options.only_first_subscribe;
        // RFC 23 §The Publish-Subscribe Pattern: peers before ZMTP 3.1 SHALL subscribe by
        // message.
        // RFC 29 §The PUB Socket Type: SHALL silently discard any messages that subscribers
        // send it.
        // RFC 29 §The XPUB Socket Type: SHALL deliver these messages to its calling
        // application. It would have them fair-queued; they go in the order they are read in,
        // as in libzmq.
        match parse_subscription_message(&msg).filter(|_| may_subscribe) {
            Some((true, topic)) => self.subscribed(pipes, id, topic),
            Some((false, topic)) => self.cancelled(pipes, id, topic),
            None if self.readable => {
                self.pending.push_back(Pending { msg, what: Told::Message });
            }
            None => {}
        }
    }

    /// Whom a message with this first part is for, room or not.
    pub(crate) fn subscribers_of(&mut self, pipes: &Pipes, part: &Msg, found: &mut Vec<PipeId>) {
        self.find(pipes, part);
        found.clear();
        found.extend(self.matches.iter().map(|id| PipeId(*id)));
    }

    /// Finds the pipes whose subscriptions a message matches.
    fn find(&mut self, pipes: &Pipes, part: &Msg) {
        self.matches.clear();
        if pipes.options.invert_matching {
            let all = pipes.iter().map(|(id, _)| id.0);
            self.matcher.inverted_matches(part, all, &mut self.matches);
        } else {
            self.matcher.matches(part, &mut self.matches);
        }
        if pipes.options.xpub_manual_last_value
            && let Some(last) = self.last_pipe.take()
        {
            self.matches.retain(|id| *id == last.0);
        }
    }

    /// Tells the reader of a subscription that somebody else keeps.
    pub(crate) fn announce(&mut self, subscribe: bool, topic: &[u8]) {
        if self.pending.len() < XPUB_PENDING_MAX {
            self.tell(subscribe, topic);
        }
    }

    /// Carries out a SUBSCRIBE or CANCEL command.
    // RFC 37 §The Publish-Subscribe Pattern: peers of ZMTP 3.1 SHALL subscribe by command.
    fn obey(&mut self, pipes: &mut Pipes, id: PipeId, body: &Msg) {
        match Command::parse(body) {
            Ok(Command::Subscribe(topic)) => self.subscribed(pipes, id, topic),
            Ok(Command::Cancel(topic)) => self.cancelled(pipes, id, topic),
            Ok(_) => {}
            Err(error) => pipes.lost.push((id, Loss::Read(ReadError::Protocol(error)))),
        }
    }

    /// Finds the pipes a message goes to. It is dropped for a peer that has no room, unless the
    /// socket was told to wait (`xpub_nodrop`).
    // RFC 29 §The PUB Socket Type: SHALL perform a binary comparison of the subscription against
    // the start of the first frame of the message; SHALL silently drop the message if the queue for
    // a subscriber is full; SHALL NOT block on sending.
    // RFC 29 §The XPUB Socket Type: the same, as long as `xpub_nodrop` does not ask for the
    // contrary.
    // RFC 37 §The Publish-Subscribe Pattern: message filtering SHALL happen at the publisher side;
    // an empty subscription SHALL match all messages.
    fn choose(&mut self, pipes: &mut Pipes, part: &Msg) -> Result<()> {
        self.targets.clear();
        self.find(pipes, part);
        for index in 0..self.matches.len() {
            let id = PipeId(self.matches[index]);
            if pipes.options.xpub_nodrop && pipes.is_at_mark(id) {
                // Writing may make room: a call that waits finds it when it tries again.
                pipes.flush(id);
                pipes.mark_reached = !pipes.is_at_mark(id);
                self.targets.clear();
                self.refusals.note(id);
                return Err(Error::WouldBlock);
            }
            if pipes.has_room(id) {
                self.targets.push(id);
            } else if pipes.options.xpub_nodrop && pipes.is_open(id) {
                self.targets.clear();
                self.refusals.note(id);
                return Err(Error::WouldBlock);
            } else if let Some(counters) = pipes.counters(id) {
                counters.dropped += 1;
                pipes.drops.high_water_mark += 1;
            }
        }
        Ok(())
    }

    /// Sends a part to every target. A message of one small part is encoded once for all.
    // RFC 29 §The PUB Socket Type: SHALL not modify outgoing messages in any way.
    // RFC 29 §The XPUB Socket Type: the same.
    fn distribute(&mut self, pipes: &mut Pipes, part: Msg) {
        let more = part.more();
        let once = self.targets.len() > 1
            && !more
            && !self.mid_message
            && part.len() < BY_REFERENCE_BYTES
            && !pipes.options.conflate;
        if once {
            let mut header = [0u8; FRAME_HEADER_MAX];
            let n = Framing::V3.encode(false, false, part.len() as u64, &mut header);
            self.encoded.clear();
            self.encoded.extend_from_slice(&header[..n]);
            self.encoded.extend_from_slice(&part);
        }
        let Some((last, others)) = self.targets.split_last() else { return };
        for id in others {
            if once && pipes.is_net(*id) {
                pipes.push_encoded(*id, &self.encoded, part.len());
            } else {
                pipes.push(*id, part.clone(), more);
            }
        }
        if once && pipes.is_net(*last) {
            pipes.push_encoded(*last, &self.encoded, part.len());
        } else {
            pipes.push(*last, part, more);
        }
    }

    /// Ends what a peer was in the middle of.
    fn interrupt(&mut self, pipes: &mut Pipes, id: PipeId) {
        if self.targets.contains(&id) {
            // The rest of the message being sent does not go to this peer, so nor does its start.
            self.targets.retain(|target| *target != id);
            if self.mid_message {
                pipes.rollback(id);
            }
        }
        self.mid_receive.retain(|p| *p != id);
    }

    /// Takes back what a peer that is gone has subscribed to.
    // RFC 29 §The XPUB Socket Type: SHALL, if the subscriber peer disconnects prematurely, generate
    // a suitable unsubscribe request for the calling application.
    pub(crate) fn forget(&mut self, pipes: &mut Pipes, id: PipeId) {
        let verboser = pipes.options.xpub_verboser;
        let manual = pipes.options.xpub_manual;
        let mut gone = Vec::new();
        self.matcher.remove_pipe(id.0, |topic, last| {
            if (last || verboser) && !manual {
                gone.push(topic.to_vec());
            }
        });
        // In manual mode, of what the peer asked for and not of what it was given.
        self.asked.remove_pipe(id.0, |topic, _| gone.push(topic.to_vec()));
        for topic in gone {
            self.tell(false, &topic);
        }
        self.interrupt(pipes, id);
        for pending in &mut self.pending {
            if pending.what == Told::Subscription(Some(id)) {
                pending.what = Told::Subscription(None);
            }
        }
        if self.last_pipe == Some(id) {
            self.last_pipe = None;
        }
    }

    /// Reads the pipes that had to wait for the reader.
    fn resume(&mut self, pipes: &mut Pipes) {
        if self.pending.len() >= XPUB_PENDING_MAX / 2 {
            return;
        }
        if !self.unread.is_empty() {
            for id in std::mem::take(&mut self.unread) {
                self.take_in(pipes, id);
            }
        }
    }
}

/// A subscription, or its end, as a message.
fn subscription(subscribe: bool, topic: &[u8]) -> Msg {
    let mut body = Vec::with_capacity(topic.len() + 1);
    oxmq_zmtp::subscription_message(subscribe, topic, &mut body);
    Msg::from(body)
}

impl Pattern for XPub {
    fn attached(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        // A peer of ZMTP 1.0 filters for itself and sends nothing: RFC 13 §Broadcast Content.
        let filters_itself = pipes
            .connection(id)
            .is_some_and(|connection| connection.wire == Wire::Zmtp(Framing::V1));
        if filters_itself {
            self.subscribed(pipes, id, b"");
        }
        if !pipes.options.xpub_welcome_msg.is_empty() {
            let welcome = Msg::from_slice(&pipes.options.xpub_welcome_msg);
            if pipes.has_room(id) {
                pipes.push(id, welcome, false);
            }
        }
        Ok(())
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        // The queue of a subscriber that we connect to outlives the connection, and meanwhile takes
        // what was subscribed to, as in libzmq.
        if pipes.peek(id).is_some_and(Pipe::is_session) {
            self.interrupt(pipes, id);
        } else {
            self.forget(pipes, id);
        }
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        // RFC 29 §The PUB Socket Type: if this subscriber disconnects, SHALL destroy its queue and
        // SHALL discard any messages it contains.
        // RFC 29 §The XPUB Socket Type: the same. We discard what was to be sent; what was received
        // is told, as in libzmq.
        self.take_in(pipes, id);
        self.forget(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.forget(pipes, id);
        self.refusals.removed(id);
        self.unread.retain(|p| *p != id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.take_in(pipes, id);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        if !self.mid_message {
            self.choose(pipes, part)?;
        }
        let part = part.take();
        let more = part.more();
        self.distribute(pipes, part);
        self.mid_message = more;
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        if !self.readable {
            // RFC 29 §The PUB Socket Type: SHALL only send messages.
            return Err(Error::NotSupported { operation: "receiving" });
        }
        let Some(pending) = self.pending.pop_front() else {
            self.resume(pipes);
            return Err(Error::WouldBlock);
        };
        if let Told::Subscription(pipe) = pending.what
            && pipes.options.xpub_manual
        {
            self.last_pipe = pipe;
        }
        self.resume(pipes);
        Ok(pending.msg)
    }

    fn has_in(&mut self, _pipes: &mut Pipes) -> bool {
        !self.pending.is_empty()
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        true
    }

    fn wake_senders(&mut self, pipes: &mut Pipes) -> WakeSenders {
        WakeSenders::all_if(self.refusals.is_over(pipes))
    }

    fn subscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) -> Result<()> {
        if !pipes.options.xpub_manual {
            return Err(Error::NotSupported { operation: "subscribing" });
        }
        if let Some(id) = self.last_pipe {
            self.matcher.add(topic, id.0);
        }
        Ok(())
    }

    fn unsubscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) -> Result<()> {
        if !pipes.options.xpub_manual {
            return Err(Error::NotSupported { operation: "unsubscribing" });
        }
        if let Some(id) = self.last_pipe {
            self.matcher.remove(topic, id.0);
        }
        Ok(())
    }

    fn topics(&self) -> Option<usize> {
        Some(self.matcher.topics())
    }

    fn subscribers(&self) -> Option<usize> {
        Some(self.matcher.pipes_subscribed())
    }
}
