//! Durable PUB and XPUB: one log, and for each subscriber with a name its own place in it. RFC 29
//! §The PUB Socket Type for everybody else, who gets messages as from a plain publisher, once they
//! are safe.
//!
//! What a named subscriber wants is stored with its place, and decides what is kept for it while it
//! is away. A subscriber that speaks the extension is also sent what the stored filters match; one
//! that does not is sent only what it has subscribed to on its present connection, as it would
//! throw the rest away.

mod newcomers;
mod subscriber;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use oxmq_journal::{Ranges, gap_reason};
use oxmq_message::Msg;
use oxmq_zmtp::{
    Command, DurableCommand, DurableStart, GapReason, OffsetRange, SeekTo,
    parse_subscription_message,
};

use self::newcomers::Newcomers;
use self::subscriber::{Subscriber, Wanted};
use super::aside::{self, Aside, REJECTED, is_spent};
use super::intake::Intake;
use super::links::{self, Kind, Links};
use super::outbox::{Letter, Outbox};
use super::{ACK_DELAY, ACKS_PER_BATCH, DISPATCH_TURN, Durable, DurableStatus, Told};
use crate::error::{Error, Result};
use crate::monitor::EventKind;
use crate::options::DurableOptions;
use crate::pattern::xpub::XPub;
use crate::pattern::{Pattern, WakeSenders};
use crate::pipe::PipeId;
use crate::pipe::table::{Loss, Pipes};
use crate::subscriptions::Filter;

/// A subscription by which an application that knows nothing of the extension names itself.
const RESERVED: &[u8] = b"\0durable\0name=";

/// See the file's first paragraph.
pub(super) struct Publisher {
    outbox: Outbox,
    /// Serves who has no name.
    plain: XPub,
    links: Links,
    subscribers: BTreeMap<PipeId, Subscriber>,
    /// Who has no name, or not yet.
    newcomers: Newcomers,
    /// Messages for those without a name, which may be gone from the log by the time they are safe.
    unpublished: VecDeque<(u64, Vec<Msg>)>,
    /// Settlements that the journal was not told.
    fresh: usize,
    attempts_max: u32,
    aside: Aside,
}

impl Publisher {
    pub(super) fn new(outbox: Outbox, readable: bool, options: &DurableOptions) -> Publisher {
        Publisher {
            outbox,
            plain: XPub::new(readable),
            links: Links::default(),
            subscribers: BTreeMap::new(),
            newcomers: Newcomers::default(),
            unpublished: VecDeque::new(),
            fresh: 0,
            attempts_max: options.attempts_max,
            aside: Aside::of(&options.name),
        }
    }

    /// A pipe turns out to have a name.
    fn name(&mut self, pipes: &mut Pipes, id: PipeId, name: Vec<u8>) {
        self.links.open(pipes, id);
        let Some(replaced) = self.links.admit(pipes, &self.outbox, id) else { return };
        replaced.into_iter().for_each(|other| self.leave(other));
        let Some(link) = self.links.link(id) else { return };
        let ours = link.kind == Kind::Opening;
        let mut subscriber = Subscriber::new(name, ours);
        let placed = match ours {
            true => Ok(()),
            false => self.outbox.place(&mut subscriber, DurableStart::Latest),
        };
        self.subscribers.insert(id, subscriber);
        if let Err(error) = placed {
            not_placed(pipes, id, error);
        }
    }

    /// A named subscriber has subscribed, or taken it back.
    fn subscribed(&mut self, id: PipeId, subscribe: bool, topic: &[u8]) {
        let Some(subscriber) = self.subscribers.get_mut(&id) else { return };
        let changed = match subscribe {
            true => subscriber.stored.insert(topic.to_vec()),
            false => subscriber.stored.remove(topic),
        };
        let filter = match subscribe {
            true => Filter::add,
            false => |filter: &mut Filter, topic: &[u8]| filter.remove(topic) == Some(true),
        };
        if changed {
            filter(&mut subscriber.wants, topic);
            if let Some((consumer, _)) = subscriber.consumer {
                self.outbox.store_filter(consumer, subscribe, topic);
            }
            self.plain.announce(subscribe, topic);
        }
        if let Some(live) = &mut subscriber.live {
            filter(live, topic);
            // What was passed over for want of it may go now.
            subscriber.position = subscriber.settled.below();
        }
    }

    /// Reads what a subscriber has sent.
    fn take_in(&mut self, pipes: &mut Pipes, id: PipeId) {
        while pipes.holds_message(id) {
            let Some(msg) = pipes.pop(id) else { break };
            let body = Command::parse(&msg).ok().filter(|_| msg.command());
            match body {
                Some(Command::Subscribe(_) | Command::Cancel(_)) | None => {}
                Some(Command::Unknown { name, body }) => {
                    if let Ok(Some(command)) = DurableCommand::parse(name, body) {
                        pipes.durable.told.push((id, Told::Command(command)));
                    }
                    continue;
                }
                Some(_) => continue,
            }
            self.take_part(pipes, id, msg);
        }
        pipes.read_on_later(id);
    }

    /// Takes a subscription, or a part of a message, from a subscriber.
    fn take_part(&mut self, pipes: &mut Pipes, id: PipeId, msg: Msg) {
        let said = subscription(&msg);
        let name = said.and_then(|(_, topic)| topic.strip_prefix(RESERVED)).map(<[u8]>::to_vec);
        if let Some(name) = name {
            return self.named_late(pipes, id, name);
        }
        if self.subscribers.contains_key(&id) {
            if let Some((subscribe, topic)) = said.map(|(on, topic)| (on, topic.to_vec())) {
                self.subscribed(id, subscribe, &topic);
            }
            return;
        }
        let waits = self.newcomers.holds(id);
        let fits = self.newcomers.note(id, msg.clone());
        if !waits {
            self.plain.take_part(pipes, id, msg);
        } else if !fits {
            self.admit_unnamed(pipes, id);
        }
    }

    /// A peer has had its time to name itself: it is a plain subscriber.
    fn admit_unnamed(&mut self, pipes: &mut Pipes, id: PipeId) {
        let Some(said) = self.newcomers.admit(id) else { return };
        if let Err(reason) = self.plain.connected(pipes, id) {
            pipes.lost.push((id, Loss::Replaced(reason)));
            return;
        }
        said.into_iter().for_each(|msg| self.plain.take_part(pipes, id, msg));
    }

    /// A peer names itself by a subscription. One that was published to already comes back named.
    fn named_late(&mut self, pipes: &mut Pipes, id: PipeId, name: Vec<u8>) {
        if name.is_empty() || name.len() > 255 || self.subscribers.contains_key(&id) {
            return;
        }
        let Some((said, was_plain)) = self.newcomers.name(id) else {
            // Closed, so that it comes back: one that is replaced would stay as it is.
            pipes.lost.push((id, Loss::Refused("it named itself after it was published to")));
            return;
        };
        if was_plain {
            self.plain.gone(pipes, id);
        }
        self.name(pipes, id, name);
        for msg in said {
            self.take_part(pipes, id, msg);
        }
    }

    /// Gives every subscriber what it wants and can take.
    fn dispatch(&mut self, pipes: &mut Pipes) {
        if let Some(from) = self.outbox.take_lost() {
            self.links.lose_from(from);
            let lost_to = self.outbox.lost.map_or(from, |lost| lost.to + 1);
            self.subscribers.values_mut().for_each(|s| s.lose(from..lost_to));
        }
        if let Some(renewed) = self.outbox.take_renewed() {
            self.links.rebase(pipes, renewed);
            // The journal may have lost what it was told.
            self.subscribers.values_mut().for_each(Subscriber::tell_again);
            self.fresh += 1;
        }
        self.publish_plain(pipes);
        let mut more = false;
        let ids: Vec<PipeId> = self.subscribers.keys().copied().collect();
        for id in ids {
            more |= self.dispatch_to(pipes, id);
        }
        self.links.ask(pipes);
        if self.fresh >= ACKS_PER_BATCH {
            self.note_settled();
        } else if self.fresh > 0 {
            pipes.due_by(self.outbox.shared.clock.now() + ACK_DELAY);
        }
        if more {
            self.outbox.shared.nudge.nudge();
        }
    }

    fn publish_plain(&mut self, pipes: &mut Pipes) {
        while let Some((offset, _)) = self.unpublished.front() {
            if *offset >= self.outbox.safe {
                return;
            }
            let Some((_, parts)) = self.unpublished.pop_front() else { return };
            self.newcomers.published();
            for mut part in parts {
                // A plain publisher drops for whom it has no room.
                let _ = self.plain.send(pipes, &mut part);
            }
        }
    }

    /// True if there is more to give, and room for it.
    fn dispatch_to(&mut self, pipes: &mut Pipes, id: PipeId) -> bool {
        let Some(subscriber) = self.subscribers.get_mut(&id) else { return false };
        let Some((_, placed)) = subscriber.consumer else { return false };
        if !self.outbox.shared.is_safe(placed) {
            if self.outbox.shared.is_given_up(placed) {
                pipes.lost.push((id, Loss::Refused(NOT_PLACED)));
            } else if !std::mem::replace(&mut subscriber.awaits_place, true) {
                self.outbox.shared.await_safe(placed);
            }
            return false;
        }
        let sent = self.links.link(id).map_or(0, |link| link.sent_so_far());
        self.fresh += usize::from(self.outbox.skip_gap(pipes, id, subscriber, sent));
        self.links.tell_floor(pipes, id, |_| links::floor(&subscriber.settled));
        for _ in 0..DISPATCH_TURN {
            let Some(subscriber) = self.subscribers.get_mut(&id) else { return false };
            let offset = subscriber.position;
            if offset >= self.outbox.safe {
                return false;
            }
            if subscriber.settled.contains(offset) || subscriber.given.contains(&offset) {
                subscriber.position += 1;
                continue;
            }
            if !self.links.has_room(pipes, id) {
                return false;
            }
            let Ok(record) = self.outbox.read_next(offset) else { return false };
            subscriber.position += 1;
            let Some(record) = record else { continue };
            let attempt = subscriber.attempts.get(&offset).copied().unwrap_or(0) + 1;
            match subscriber.verdict(&record) {
                Wanted::No => self.pass_over(id, offset),
                Wanted::Later => {}
                Wanted::Now if self.outbox.is_late(&record) => {
                    self.pass_over(id, offset);
                    self.tell_gap(pipes, id, offset, GapReason::Expired);
                }
                Wanted::Now if is_spent(attempt, self.attempts_max) => {
                    subscriber.given.insert(offset);
                    self.set_aside(pipes, id, offset, attempt);
                }
                Wanted::Now => {
                    subscriber.given.insert(offset);
                    if self.links.send(pipes, id, (offset, attempt), &[], &record) {
                        self.settle(id, offset);
                    }
                }
            }
        }
        true
    }

    /// A subscriber does not get a message that it was not given.
    fn pass_over(&mut self, id: PipeId, offset: u64) {
        if let Some(subscriber) = self.subscribers.get_mut(&id) {
            subscriber.settled.insert(offset..offset + 1);
            self.fresh += 1;
        }
    }

    fn settle(&mut self, id: PipeId, offset: u64) {
        if let Some(subscriber) = self.subscribers.get_mut(&id)
            && subscriber.given.remove(&offset)
        {
            subscriber.attempts.remove(&offset);
            subscriber.settled.insert(offset..offset + 1);
            self.fresh += 1;
        }
    }

    fn tell_gap(&mut self, pipes: &mut Pipes, id: PipeId, offset: u64, reason: GapReason) {
        let range = OffsetRange { from: offset, to: offset };
        if self.links.link(id).is_some_and(|link| link.kind == Kind::Ours) {
            links::tell(pipes, id, &DurableCommand::Gap { range, reason });
        }
        pipes.durable.events.push((Some(id), links::gap_event(range, reason)));
    }

    /// A subscriber refuses a message: it comes again after a time, or it is set aside.
    fn refused(&mut self, pipes: &mut Pipes, id: PipeId, offset: u64, delay_ms: u32, reject: bool) {
        let Some(sent) = self.links.link(id).and_then(|link| link.take(offset)) else { return };
        let Some(subscriber) = self.subscribers.get_mut(&id) else { return };
        if self.outbox.log.first().is_ok_and(|first| offset < first) {
            // The log has let go of it since, and it is a loss only now.
            self.settle(id, offset);
            return self.tell_gap(pipes, id, offset, GapReason::Retention);
        }
        if reject {
            return self.set_aside(pipes, id, offset, REJECTED);
        }
        let delay = Duration::from_millis(u64::from(delay_ms));
        self.outbox.tried(subscriber, offset, sent.attempt);
        subscriber.bring_back(pipes, offset, delay);
    }

    /// Puts a message that a subscriber was given, as far as the others are concerned, where those
    /// are that nobody can deal with. If that cannot be done now, it is tried again.
    fn set_aside(&mut self, pipes: &mut Pipes, id: PipeId, offset: u64, attempt: u32) {
        let Some(subscriber) = self.subscribers.get_mut(&id) else { return };
        let Some((consumer, _)) = subscriber.consumer else { return };
        let Ok(record) = self.outbox.read_next(offset) else {
            subscriber.attempts.insert(offset, attempt - 1);
            return subscriber.bring_back(pipes, offset, aside::PAUSE);
        };
        let Some(record) = record else { return self.settle(id, offset) };
        let log = &self.outbox.log;
        let also = |batch: &mut oxmq_journal::Batch| batch.ack(log, consumer, offset..offset + 1);
        match self.aside.put(&self.outbox.shared, &record, also) {
            Ok(()) => {
                self.settle(id, offset);
                pipes.durable.events.push((Some(id), EventKind::DeadLetter { offset }));
                self.tell_gap(pipes, id, offset, GapReason::DeadLetter);
            }
            Err(event) => {
                pipes.durable.events.extend(event.map(|kind| (Some(id), kind)));
                subscriber.attempts.insert(offset, attempt - 1);
                subscriber.bring_back(pipes, offset, aside::PAUSE);
            }
        }
    }

    /// A subscriber that speaks the extension tells where it stands.
    fn opened(
        &mut self,
        pipes: &mut Pipes,
        id: PipeId,
        (epoch, below): (u64, u64),
        settled: &[OffsetRange],
        start: DurableStart,
    ) {
        let Some(subscriber) = self.subscribers.get_mut(&id) else { return };
        let theirs = self.outbox.settled_in(epoch, below, settled);
        let placed = self.outbox.place(subscriber, start);
        let gaps = match epoch {
            0 => self.outbox.gaps_in(&(subscriber.position..self.outbox.end), &theirs),
            _ => self.outbox.gaps_for(epoch, &theirs),
        };
        links::tell_gaps(pipes, id, gaps);
        links::tell(pipes, id, &self.outbox.base());
        if let Err(error) = placed {
            return not_placed(pipes, id, error);
        }
        subscriber.settled.raise(theirs.below());
        theirs.above().for_each(|range| subscriber.settled.insert(range));
        self.fresh += 1;
    }

    /// A subscriber goes on elsewhere in the log.
    fn sought(&mut self, pipes: &mut Pipes, id: PipeId, to: SeekTo) {
        let Some(subscriber) = self.subscribers.get_mut(&id) else { return };
        let Some((consumer, _)) = subscriber.consumer else { return };
        let Ok(first) = self.outbox.log.first() else { return };
        let below = to.within(first, self.outbox.end);
        let mut batch = self.outbox.shared.store.batch();
        let recorded = batch.seek(&self.outbox.log, consumer, below).and_then(|()| batch.commit());
        if let Err(error) = recorded {
            // It asks again when it comes again.
            pipes.durable.events.push((Some(id), EventKind::StoreFailed { error }));
            pipes.lost.push((id, Loss::Refused("its seek could not be recorded")));
            return;
        }
        subscriber.go_on_at(below);
        if let Some(link) = self.links.link(id) {
            link.sought();
        }
        links::tell(pipes, id, &self.outbox.base());
    }

    /// Lets go of what has become too old.
    fn expire(&mut self, now: Instant) {
        if self.outbox.look_at_ages(now) {
            let mut batch = self.outbox.shared.store.batch();
            let (log, below) = (&self.outbox.log, self.outbox.ages.below());
            // If it is not recorded, it is let go of with what is too old next, or by the next run.
            let _ = batch.trim(log, below, gap_reason::AGE).and_then(|()| batch.commit());
        }
    }

    /// Tells the journal what was settled.
    fn note_settled(&mut self) {
        self.fresh = 0;
        self.subscribers.values_mut().for_each(|s| self.outbox.note_settled(s));
    }

    fn leave(&mut self, id: PipeId) {
        let link = self.links.close(id);
        self.newcomers.forget(id);
        if let Some(mut subscriber) = self.subscribers.remove(&id) {
            // The oldest is what the application may have had in hand, and may have failed with.
            let oldest = link
                .filter(|link| link.kind == Kind::Ours)
                .and_then(|link| link.sent.iter().min_by_key(|sent| sent.offset).copied());
            if let Some(sent) = oldest {
                self.outbox.tried(&mut subscriber, sent.offset, sent.attempt);
            }
            self.outbox.note_settled(&mut subscriber);
        }
    }
}

/// Why a subscriber is disconnected whose place cannot be recorded: it comes back, and it is tried
/// again.
const NOT_PLACED: &str = "its place could not be recorded, as the disk failed";

fn not_placed(pipes: &mut Pipes, id: PipeId, error: oxmq_journal::Error) {
    pipes.durable.events.push((Some(id), EventKind::StoreFailed { error }));
    pipes.lost.push((id, Loss::Refused(NOT_PLACED)));
}

/// What a subscriber's message subscribes to, or no longer.
fn subscription(msg: &Msg) -> Option<(bool, &[u8])> {
    match Command::parse(msg).ok().filter(|_| msg.command()) {
        Some(Command::Subscribe(topic)) => Some((true, topic)),
        Some(Command::Cancel(topic)) => Some((false, topic)),
        Some(_) => None,
        None => parse_subscription_message(msg),
    }
}

impl Pattern for Publisher {
    fn attached(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        let claim = pipes.peek(id).and_then(|pipe| pipe.durable_peer.as_deref()).cloned();
        let claim = claim.unwrap_or_default();
        match claim.ours.map(|peer| peer.name).or(claim.name) {
            Some(name) => self.name(pipes, id, name),
            None => {
                let until = self.newcomers.came(id, self.outbox.shared.clock.now());
                pipes.due_by(until);
            }
        }
        self.dispatch(pipes);
        Ok(())
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        pipes.clear_unsent(id);
        if self.newcomers.is_unnamed(id) {
            self.plain.forget(pipes, id);
        }
        self.leave(id);
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        if self.newcomers.is_unnamed(id) {
            self.plain.gone(pipes, id);
        }
        self.leave(id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.plain.removed(pipes, id);
        self.leave(id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.take_in(pipes, id);
        self.dispatch(pipes);
    }

    fn writable(&mut self, pipes: &mut Pipes, _id: PipeId) {
        self.dispatch(pipes);
    }

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        if !self.outbox.take(part, 0)? {
            return Ok(());
        }
        let parts = self.newcomers.has_unnamed().then(|| self.outbox.parts().to_vec());
        let unsynced = self.outbox.record(&Letter::of(pipes, 0, b""), part)?;
        let offset = self.outbox.end - 1;
        // After a failure of the disk the log gives the numbers of what it lost again.
        while self.unpublished.back().is_some_and(|(other, _)| *other >= offset) {
            self.unpublished.pop_back();
        }
        if let Some(parts) = parts {
            self.unpublished.push_back((offset, parts));
        }
        if pipes.durable.unattended
            && let Some(at) = self.resume(pipes, self.outbox.shared.clock.now())
        {
            pipes.due_by(at);
        }
        Err(Error::Unsynced(unsynced))
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        self.plain.recv(pipes)
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.plain.has_in(pipes)
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        self.outbox.is_mid_message() || self.outbox.has_room(0)
    }

    fn wake_senders(&mut self, pipes: &mut Pipes) -> WakeSenders {
        if self.has_out(pipes) { WakeSenders::One } else { WakeSenders::None }
    }

    fn topics(&self) -> Option<usize> {
        self.plain.topics()
    }

    fn subscribers(&self) -> Option<usize> {
        let is_placed = |s: &Subscriber| {
            s.consumer.is_some_and(|(_, placed)| self.outbox.shared.is_safe(placed))
        };
        let wants = |s: &&Subscriber| is_placed(s) && !s.stored.is_empty();
        let named = self.subscribers.values().filter(wants).count();
        Some(self.plain.subscribers().unwrap_or(0) + named)
    }

    fn told(&mut self, pipes: &mut Pipes, id: PipeId, told: Told) {
        if let Told::Command(DurableCommand::Fence { .. }) = told {
            return Intake::fenced(pipes, id);
        }
        let Some(link) = self.links.link(id) else { return };
        match told {
            Told::Pong(context) => {
                for offset in link.answered(&context) {
                    self.settle(id, offset);
                }
            }
            Told::Command(DurableCommand::Open { epoch, below, settled, start })
                if link.kind == Kind::Opening =>
            {
                link.kind = Kind::Ours;
                self.opened(pipes, id, (epoch, below), &settled, start);
            }
            Told::Command(DurableCommand::Ack { settled }) if link.kind == Kind::Ours => {
                let settled = link.acknowledged(&settled);
                if let Some(subscriber) = self.subscribers.get_mut(&id) {
                    subscriber.heard(link.acknowledged_so_far());
                }
                for offset in settled {
                    self.settle(id, offset);
                }
            }
            Told::Command(DurableCommand::Nack { offset, delay_ms, reject, .. })
                if link.kind == Kind::Ours =>
            {
                self.refused(pipes, id, offset, delay_ms, reject);
            }
            Told::Command(DurableCommand::Seek { to }) if link.kind == Kind::Ours => {
                self.sought(pipes, id, to);
            }
            Told::Command(_) => {}
        }
        self.dispatch(pipes);
    }

    fn resume(&mut self, pipes: &mut Pipes, now: Instant) -> Option<Instant> {
        self.outbox.woken();
        self.outbox.refresh(now);
        self.expire(now);
        for id in self.newcomers.due(now) {
            self.admit_unnamed(pipes, id);
        }
        let again = self.subscribers.values_mut().filter_map(|s| s.due(now)).min();
        self.note_settled();
        self.dispatch(pipes);
        let (settled, waiting) = self.links.silent(pipes);
        for (id, offset) in settled {
            self.settle(id, offset);
        }
        let look = (waiting || self.fresh > 0).then(|| now + ACK_DELAY);
        [self.outbox.due(), look, again, self.newcomers.next_due()].into_iter().flatten().min()
    }

    fn durable(&mut self) -> Option<&mut dyn Durable> {
        Some(self)
    }
}

impl Durable for Publisher {
    fn status(&mut self) -> DurableStatus {
        // What the log has let go of is no longer to be settled, unless a subscriber has it in
        // hand.
        let kept = self.outbox.log.first().unwrap_or(1)..self.outbox.end;
        let count = kept.end.saturating_sub(kept.start);
        let behind = |settled: &Ranges| count.saturating_sub(settled.count_in(&kept));
        let in_hand = |s: &Subscriber| s.given.range(..kept.start).count() as u64;
        let here = self.subscribers.values().map(|s| behind(&s.settled) + in_hand(s));
        let is_here = |name: &[u8]| self.subscribers.values().any(|s| s.name == name);
        let known = self.outbox.log.consumers().unwrap_or_default();
        let away = known.iter().filter(|c| !is_here(&c.name)).map(|c| behind(&c.acked));
        DurableStatus {
            unsettled: here.chain(away).max().unwrap_or(0),
            in_flight: self.links.in_flight(),
            unacknowledged: 0,
        }
    }

    fn close(&mut self) -> Box<dyn FnOnce() + Send> {
        self.note_settled();
        self.outbox.close()
    }
}
