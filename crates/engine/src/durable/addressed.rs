//! The sending half of durable ROUTER and REP: each message is for the peer of one name, and waits
//! for it while it is away. Owned by a pattern, under the socket's lock.
//!
//! The name is the routing id, and stands in the attributes of the record. Peers that did not name
//! themselves cannot come back, so what is for them goes to their pipe at once and is not recorded.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use oxmq_journal::{ConsumerId, Ranges, gap_reason};
use oxmq_message::Msg;
use oxmq_zmtp::{DurableCommand, GapReason, OffsetRange};

use super::aside::{self, Aside, REJECTED, is_spent};
use super::links::{self, Kind, Links, gap_event};
use super::outbox::{Letter, Outbox};
use super::{ACK_DELAY, DISPATCH_TURN, DurableStatus, Told, Unsynced, attributes};
use crate::error::{Error, Result};
use crate::monitor::EventKind;
use crate::pattern::router::automatic_id;
use crate::pipe::PipeId;
use crate::pipe::table::{Loss, Pipes};

/// Where the key of a name that was seen begins.
const NAME_KEY: &[u8] = b"name/";

/// A message that comes again after a time.
struct Later {
    at: Instant,
    name: Vec<u8>,
    offset: u64,
    attempt: u32,
}

/// See the file's first paragraph.
pub(super) struct Mailer {
    pub(super) outbox: Outbox,
    consumer: ConsumerId,
    settled: Ranges,
    fresh: Ranges,
    /// What waits for each name, by offset, with the attempt that comes.
    waiting: HashMap<Vec<u8>, BTreeMap<u64, u32>>,
    later: Vec<Later>,
    attempts_max: u32,
    aside: Aside,
    /// Who is there.
    peers: BTreeMap<Vec<u8>, PipeId>,
    pub(super) links: Links,
    /// Next number for a peer that does not name itself.
    next_id: u32,
}

impl Mailer {
    pub(super) fn new(mut outbox: Outbox, name: &[u8], attempts_max: u32) -> Result<Mailer> {
        let opened = |error| Error::store("reading what is settled", error);
        let consumer = outbox.log.consumer(b"", 1).map_err(opened)?;
        let done = outbox.log.consumer_status(consumer).map_err(opened)?;
        let tried: HashMap<u64, u32> = done.attempts.into_iter().collect();
        let mut waiting: HashMap<Vec<u8>, BTreeMap<u64, u32>> = HashMap::new();
        for offset in done.acked.below()..outbox.end {
            if done.acked.contains(offset) {
                continue;
            }
            let Some(record) = outbox.read(offset).map_err(opened)? else { continue };
            let attempt = tried.get(&offset).copied().unwrap_or(0) + 1;
            let (name, _) = attributes::decode(record.attributes());
            waiting.entry(name.to_vec()).or_default().insert(offset, attempt);
        }
        Ok(Mailer {
            outbox,
            consumer,
            settled: done.acked,
            fresh: Ranges::new(0),
            waiting,
            later: Vec::new(),
            attempts_max,
            aside: Aside::of(name),
            peers: BTreeMap::new(),
            links: Links::default(),
            next_id: crate::random::u32(),
        })
    }

    /// A pipe has its peer, which gets its routing id. Of two with one name the later instance
    /// stays, or else the newcomer.
    pub(super) fn connected(&mut self, pipes: &mut Pipes, id: PipeId) {
        let instance = links::instance_of(pipes, id);
        let Some(pipe) = pipes.pipe(id) else { return };
        if pipe.routing_id.is_empty() {
            let claim = pipe.durable_peer.as_deref();
            let named = claim.and_then(|claim| Some(claim.ours.as_ref()?.name.clone()));
            pipe.routing_id = named.unwrap_or_else(|| automatic_id(&mut self.next_id));
        }
        let name = pipe.routing_id.clone();
        if let Some(old) = self.peers.get(&name).copied().filter(|old| *old != id && instance == 0)
        {
            pipes.lost.push((old, Loss::Replaced("another peer took its routing id over")));
            self.take_back(pipes, old);
        }
        self.links.open(pipes, id);
        let Some(replaced) = self.links.admit(pipes, &self.outbox, id) else { return };
        replaced.into_iter().for_each(|other| self.take_back(pipes, other));
        self.note_name(pipes, id, &name);
        self.peers.insert(name, id);
        self.dispatch(pipes, id);
    }

    /// A name that was seen is one that messages can wait for.
    fn note_name(&self, pipes: &mut Pipes, id: PipeId, name: &[u8]) {
        if is_automatic(name) || self.is_known(name) {
            return;
        }
        let mut batch = self.outbox.shared.store.batch();
        let key = [NAME_KEY, name].concat();
        let noted = batch.put(&self.outbox.log, &key, b"").and_then(|()| batch.commit());
        if let Err(error) = noted {
            // Nothing waits for it while it is away, before it has come again.
            pipes.durable.events.push((Some(id), EventKind::StoreFailed { error }));
        }
    }

    fn is_known(&self, name: &[u8]) -> bool {
        let key = [NAME_KEY, name].concat();
        self.waiting.contains_key(name)
            || self.outbox.log.value(&key).is_ok_and(|value| value.is_some())
    }

    /// Whether a message to this name can go, now or later.
    pub(super) fn can_reach(&self, name: &[u8]) -> bool {
        self.peers.contains_key(name) || (!is_automatic(name) && self.is_known(name))
    }

    pub(super) fn has_room(&self) -> bool {
        self.outbox.has_room(self.unsettled())
    }

    /// Takes a part of a message, whose address its first part or the caller has.
    pub(super) fn take(&mut self, part: &mut Msg) -> Result<bool> {
        let unsettled = self.unsettled();
        self.outbox.take(part, unsettled)
    }

    /// Sends the message that is whole now to a name.
    pub(super) fn post(
        &mut self,
        pipes: &mut Pipes,
        name: &[u8],
        last: &mut Msg,
    ) -> Result<Option<Unsynced>> {
        if is_automatic(name) {
            self.post_plain(pipes, name);
            return Ok(None);
        }
        let recorded = self.outbox.record(&Letter::of(pipes, 0, name), last);
        self.drop_lost();
        let unsynced = recorded?;
        let offset = self.outbox.end - 1;
        self.waiting.entry(name.to_vec()).or_default().insert(offset, 1);
        Ok(Some(unsynced))
    }

    /// Forgets what was lost when the disk failed, before others are given its numbers.
    fn drop_lost(&mut self) {
        let Some(from) = self.outbox.take_lost() else { return };
        self.links.lose_from(from);
        self.waiting.values_mut().for_each(|waiting| drop(waiting.split_off(&from)));
        self.later.retain(|later| later.offset < from);
        if let Some(lost) = self.outbox.lost {
            let lost = from..lost.to + 1;
            self.settled.insert(lost.clone());
            self.fresh.insert(lost);
        }
    }

    /// Gives a message to a peer that cannot come back, if it is there and has room.
    fn post_plain(&mut self, pipes: &mut Pipes, name: &[u8]) {
        let target = self.peers.get(name).copied().filter(|id| pipes.has_room(*id));
        match target {
            Some(id) => {
                for part in self.outbox.parts() {
                    pipes.push(id, part.clone(), part.more());
                }
            }
            None => pipes.drops.unroutable += 1,
        }
        self.outbox.discard();
    }

    /// A pipe has lost its peer: what it did not settle waits for the name.
    pub(super) fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        pipes.clear_unsent(id);
        self.take_back(pipes, id);
    }

    /// What a peer did not settle waits for its name; what it says from now on counts no more.
    fn take_back(&mut self, pipes: &Pipes, id: PipeId) {
        self.peers.retain(|_, peer| *peer != id);
        let Some(link) = self.links.close(id) else { return };
        let Some(name) = pipes.peek(id).map(|pipe| pipe.routing_id.clone()) else { return };
        let suspect = link.kind == Kind::Ours;
        if let Some(first) = link.sent.front().filter(|_| suspect) {
            self.tried(first.offset, first.attempt);
        }
        if link.sent.is_empty() {
            return;
        }
        let waiting = self.waiting.entry(name).or_default();
        for (at, sent) in link.sent.iter().enumerate() {
            waiting.insert(sent.offset, sent.attempt + u32::from(suspect && at == 0));
        }
    }

    fn tried(&self, offset: u64, attempt: u32) {
        let mut batch = self.outbox.shared.store.batch();
        let recorded = batch
            .attempt(&self.outbox.log, self.consumer, offset, attempt)
            .and_then(|()| batch.commit());
        drop(recorded);
    }

    fn settle(&mut self, offset: u64) {
        self.settled.insert(offset..offset + 1);
        self.fresh.insert(offset..offset + 1);
    }

    /// A peer has said something.
    pub(super) fn told(&mut self, pipes: &mut Pipes, id: PipeId, told: Told) {
        let Some(link) = self.links.link(id) else { return };
        let settled = match told {
            Told::Pong(context) => link.answered(&context),
            Told::Command(DurableCommand::Open { epoch, below, settled, .. })
                if link.kind == Kind::Opening =>
            {
                link.kind = Kind::Ours;
                self.tell_gaps(pipes, id, (epoch, below), &settled);
                links::tell(pipes, id, &self.outbox.base());
                self.settled_by(pipes, id, (epoch, below), &settled)
            }
            Told::Command(DurableCommand::Ack { settled }) if link.kind == Kind::Ours => {
                link.acknowledged(&settled)
            }
            Told::Command(DurableCommand::Nack { offset, delay_ms, reject, .. })
                if link.kind == Kind::Ours =>
            {
                self.refused(pipes, id, offset, delay_ms, reject);
                Vec::new()
            }
            Told::Command(_) => return,
        };
        for offset in settled {
            self.settle(offset);
        }
        self.note_settled();
        self.dispatch(pipes, id);
    }

    /// Tells a peer what was given up of what was for it while it was away.
    fn tell_gaps(
        &self,
        pipes: &mut Pipes,
        id: PipeId,
        (epoch, below): (u64, u64),
        settled: &[OffsetRange],
    ) {
        let theirs = self.outbox.settled_in(epoch, below, settled);
        links::tell_gaps(pipes, id, self.outbox.gaps_for(epoch, &theirs));
    }

    /// What of the messages that wait for a peer it has by its own word.
    fn settled_by(
        &mut self,
        pipes: &Pipes,
        id: PipeId,
        (epoch, below): (u64, u64),
        settled: &[OffsetRange],
    ) -> Vec<u64> {
        let theirs = self.outbox.settled_in(epoch, below, settled);
        let name = pipes.peek(id).map(|pipe| &pipe.routing_id[..]).unwrap_or_default();
        let Some(waiting) = self.waiting.get_mut(name) else { return Vec::new() };
        let taken: Vec<u64> =
            waiting.keys().copied().filter(|offset| theirs.contains(*offset)).collect();
        waiting.retain(|offset, _| !theirs.contains(*offset));
        taken
    }

    fn refused(&mut self, pipes: &mut Pipes, id: PipeId, offset: u64, delay_ms: u32, reject: bool) {
        let Some(sent) = self.links.link(id).and_then(|link| link.take(offset)) else { return };
        let Some(name) = pipes.peek(id).map(|pipe| pipe.routing_id.clone()) else { return };
        self.tried(offset, sent.attempt);
        if reject {
            self.set_aside(pipes, Some(id), &name, (offset, REJECTED));
        } else {
            let delay = Duration::from_millis(u64::from(delay_ms));
            self.bring_back(pipes, name, (offset, sent.attempt.saturating_add(1)), delay);
        }
    }

    /// A message comes again after a time.
    fn bring_back(
        &mut self,
        pipes: &mut Pipes,
        name: Vec<u8>,
        (offset, attempt): (u64, u32),
        delay: Duration,
    ) {
        let at = self.outbox.shared.clock.now() + delay;
        self.later.push(Later { at, name, offset, attempt });
        pipes.due_by(at);
    }

    /// Puts a message that waits nowhere else where those are that nobody can deal with. If that
    /// cannot be done now, it waits and it is tried again.
    fn set_aside(
        &mut self,
        pipes: &mut Pipes,
        id: Option<PipeId>,
        name: &[u8],
        (offset, attempt): (u64, u32),
    ) {
        let record = match self.outbox.read_next(offset) {
            Ok(Some(record)) => record,
            Ok(None) => return self.settle(offset),
            Err(()) => {
                return self.bring_back(pipes, name.to_vec(), (offset, attempt), aside::PAUSE);
            }
        };
        let (log, consumer) = (&self.outbox.log, self.consumer);
        let also = |batch: &mut oxmq_journal::Batch| {
            batch.gap(log, offset..offset + 1, gap_reason::DEAD_LETTER)?;
            batch.ack(log, consumer, offset..offset + 1)
        };
        match self.aside.put(&self.outbox.shared, &record, also) {
            Ok(()) => {
                self.settle(offset);
                self.tell_gap(pipes, id, offset, GapReason::DeadLetter);
                pipes.durable.events.push((id, EventKind::DeadLetter { offset }));
            }
            Err(event) => {
                pipes.durable.events.extend(event.map(|kind| (id, kind)));
                self.bring_back(pipes, name.to_vec(), (offset, attempt), aside::PAUSE);
            }
        }
    }

    fn tell_gap(&mut self, pipes: &mut Pipes, id: Option<PipeId>, offset: u64, reason: GapReason) {
        let Some(id) = id else { return };
        if self.links.link(id).is_some_and(|link| link.kind == Kind::Ours) {
            let range = OffsetRange { from: offset, to: offset };
            links::tell(pipes, id, &DurableCommand::Gap { range, reason });
        }
    }

    /// A message that waits nowhere else will not be sent: it has become too old.
    fn give_up(&mut self, pipes: &mut Pipes, id: Option<PipeId>, offset: u64) {
        let range = offset..offset + 1;
        self.outbox.give_up(self.consumer, std::slice::from_ref(&range), gap_reason::AGE);
        self.settle(offset);
        self.tell_gap(pipes, id, offset, GapReason::Expired);
        let range = OffsetRange { from: offset, to: offset };
        pipes.durable.events.push((id, gap_event(range, GapReason::Expired)));
    }

    /// Gives up what has become too old while it waited.
    fn expire(&mut self, pipes: &mut Pipes, now: Instant) {
        if !self.outbox.look_at_ages(now) {
            return;
        }
        let below = self.outbox.ages.below().min(self.outbox.safe);
        let mut old = Vec::new();
        for (name, waiting) in &mut self.waiting {
            let young = waiting.split_off(&below);
            let gone = std::mem::replace(waiting, young);
            old.extend(gone.into_keys().map(|offset| (offset, self.peers.get(name).copied())));
        }
        self.waiting.retain(|_, waiting| !waiting.is_empty());
        let peers = &self.peers;
        self.later.retain(|later| {
            let is_old = later.offset < below;
            old.extend(is_old.then(|| (later.offset, peers.get(&later.name).copied())));
            !is_old
        });
        old.sort_unstable();
        for (offset, id) in old {
            self.give_up(pipes, id, offset);
        }
    }

    fn note_settled(&mut self) {
        if self.fresh.above_count() > 0 {
            let fresh = std::mem::replace(&mut self.fresh, Ranges::new(0));
            self.outbox.settle(self.consumer, &fresh);
        }
    }

    /// Gives a peer what waits for it.
    pub(super) fn dispatch(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.drop_lost();
        if let Some(renewed) = self.outbox.take_renewed() {
            self.links.rebase(pipes, renewed);
            // The journal may have lost what it was told.
            let end = self.outbox.end;
            self.fresh.insert(1..self.settled.below().min(end));
            for range in self.settled.above() {
                self.fresh.insert(range.start..range.end.min(end));
            }
        }
        let Some(name) = pipes.peek(id).map(|pipe| pipe.routing_id.clone()) else { return };
        for _ in 0..DISPATCH_TURN {
            let Some(waiting) = self.waiting.get_mut(&name) else { break };
            let Some((offset, attempt)) = waiting.first_key_value().map(|(o, a)| (*o, *a)) else {
                self.waiting.remove(&name);
                break;
            };
            if offset >= self.outbox.safe {
                break;
            }
            if is_spent(attempt, self.attempts_max) {
                waiting.remove(&offset);
                self.set_aside(pipes, Some(id), &name, (offset, attempt));
                continue;
            }
            if !self.links.has_room(pipes, id) {
                break;
            }
            let Ok(record) = self.outbox.read_next(offset) else { break };
            waiting.remove(&offset);
            let Some(record) = record else {
                self.settle(offset);
                continue;
            };
            if offset < self.outbox.ages.below() || self.outbox.is_late(&record) {
                self.give_up(pipes, Some(id), offset);
            } else if self.links.send(pipes, id, (offset, attempt), &[], &record) {
                self.settle(offset);
            }
        }
        self.tell_floor(pipes, id, &name);
        self.links.ask(pipes);
        self.note_settled();
    }

    /// Everything below what waits for a name, or is with it, is settled as far as the name is
    /// concerned.
    fn tell_floor(&mut self, pipes: &mut Pipes, id: PipeId, name: &[u8]) {
        let waiting = self.waiting.get(name).and_then(|waiting| waiting.keys().next().copied());
        let (later, end) = (&self.later, self.outbox.end);
        self.links.tell_floor(pipes, id, |link| {
            let sent = link.sent.iter().map(|sent| sent.offset);
            let later = later.iter().filter(|later| later.name == name).map(|l| l.offset);
            let below = sent.chain(later).chain(waiting).min().unwrap_or(end);
            DurableCommand::Floor { below, open: Vec::new() }
        });
    }

    pub(super) fn dispatch_all(&mut self, pipes: &mut Pipes) {
        for id in self.peers.values().copied().collect::<Vec<_>>() {
            self.dispatch(pipes, id);
        }
    }

    /// Goes on after a sync, or because something is due.
    pub(super) fn resume(&mut self, pipes: &mut Pipes, now: Instant) -> Option<Instant> {
        self.outbox.woken();
        self.outbox.refresh(now);
        let later = std::mem::take(&mut self.later).into_iter();
        let (due, later): (Vec<Later>, Vec<Later>) = later.partition(|later| later.at <= now);
        self.later = later;
        for Later { name, offset, attempt, .. } in due {
            self.waiting.entry(name).or_default().insert(offset, attempt);
        }
        self.expire(pipes, now);
        self.dispatch_all(pipes);
        let (settled, waiting) = self.links.silent(pipes);
        for (_, offset) in settled {
            self.settle(offset);
        }
        self.note_settled();
        let look = waiting.then(|| now + ACK_DELAY);
        let back = self.later.iter().map(|later| later.at).min();
        [self.outbox.due(), back, look].into_iter().flatten().min()
    }

    fn unsettled(&self) -> u64 {
        let end = self.outbox.end;
        end.saturating_sub(1) - self.settled.count_in(&(1..end.max(1)))
    }

    pub(super) fn status(&self) -> DurableStatus {
        DurableStatus {
            unsettled: self.unsettled(),
            in_flight: self.links.in_flight(),
            unacknowledged: 0,
        }
    }
}

/// A routing id that we made up, as the peer did not name itself.
fn is_automatic(name: &[u8]) -> bool {
    name.len() == 5 && name[0] == 0
}
