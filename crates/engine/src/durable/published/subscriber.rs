//! A named subscriber that is connected: its place in the log, what it wants, and what it was
//! given. Owned by the publisher, under the socket's lock.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use oxmq_journal::{ConsumerId, Lsn, Ranges, Record};
use oxmq_zmtp::{DurableCommand, DurableStart};

use super::super::links;
use super::super::outbox::Outbox;
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;
use crate::subscriptions::Filter;

/// See the file's first paragraph.
pub(super) struct Subscriber {
    pub(super) name: Vec<u8>,
    /// Its place in the journal, once it is known where it begins, and when that is safe.
    pub(super) consumer: Option<(ConsumerId, Lsn)>,
    /// The publisher is told when its place is safe.
    pub(super) awaits_place: bool,
    pub(super) settled: Ranges,
    /// Of that, how far the journal knows.
    recorded: u64,
    /// What it was sent and has not settled, or what waits to be sent again.
    pub(super) given: BTreeSet<u64>,
    /// How often offsets were tried that are not settled.
    pub(super) attempts: BTreeMap<u64, u32>,
    /// Of `given`, what is sent again then.
    later: BTreeSet<(Instant, u64)>,
    /// Where the search for its next message goes on; everything below is settled or given, or
    /// waits for a subscription.
    pub(super) position: u64,
    /// Below this it was told what the log has given up.
    skipped: u64,
    /// The first offset of that which it may not have heard of, and how many messages it was sent
    /// before it was told: an acknowledgement of a later one shows that it has. Until then the
    /// journal is not told that it has got past there.
    unheard: Option<(u64, u64)>,
    /// What is kept for it.
    pub(super) wants: Filter,
    pub(super) stored: BTreeSet<Vec<u8>>,
    /// What it has subscribed to on this connection, if it knows nothing of the extension.
    pub(super) live: Option<Filter>,
}

/// Whether a subscriber wants a message.
pub(super) enum Wanted {
    Now,
    /// It is kept until the subscription comes again.
    Later,
    No,
}

impl Subscriber {
    pub(super) fn new(name: Vec<u8>, ours: bool) -> Subscriber {
        Subscriber {
            name,
            consumer: None,
            awaits_place: false,
            settled: Ranges::new(1),
            recorded: 1,
            given: BTreeSet::new(),
            attempts: BTreeMap::new(),
            later: BTreeSet::new(),
            position: 1,
            skipped: 0,
            unheard: None,
            wants: Filter::new(),
            stored: BTreeSet::new(),
            live: (!ours).then(Filter::new),
        }
    }

    pub(super) fn verdict(&self, record: &Record) -> Wanted {
        let first = record.part(0);
        match &self.live {
            _ if !self.wants.matches(first) => Wanted::No,
            Some(live) if !live.matches(first) => Wanted::Later,
            _ => Wanted::Now,
        }
    }

    /// Everything below an offset is settled, and nothing from there on.
    pub(super) fn go_on_at(&mut self, below: u64) {
        self.settled = Ranges::new(below);
        (self.recorded, self.position, self.skipped) = (below, below, 0);
        self.unheard = None;
        self.given.clear();
        self.attempts.clear();
        self.later.clear();
    }

    /// What had these numbers, and any from the first of them on, is lost.
    pub(super) fn lose(&mut self, lost: Range<u64>) {
        self.given.split_off(&lost.start);
        self.attempts.split_off(&lost.start);
        self.later.retain(|(_, offset)| *offset < lost.start);
        self.settled.insert(lost);
    }

    /// The journal may have lost how far it is.
    pub(super) fn tell_again(&mut self) {
        self.recorded = 1;
    }

    /// It has acknowledged a message that was sent as the one of this number.
    pub(super) fn heard(&mut self, number: u64) {
        self.unheard = self.unheard.filter(|(_, before)| *before >= number);
    }

    /// What it was given comes again after a time.
    pub(super) fn bring_back(&mut self, pipes: &mut Pipes, offset: u64, delay: Duration) {
        let at = pipes.clock.now() + delay;
        self.later.insert((at, offset));
        pipes.due_by(at);
    }

    /// Brings back what has waited until now; returns when to ask again.
    pub(super) fn due(&mut self, now: Instant) -> Option<Instant> {
        while let Some((at, offset)) = self.later.first().copied() {
            if at > now {
                return Some(at);
            }
            self.later.pop_first();
            self.given.remove(&offset);
            self.position = self.position.min(offset);
        }
        None
    }
}

impl Outbox {
    /// Finds a subscriber's place in the journal, or makes it one.
    pub(super) fn place(
        &self,
        subscriber: &mut Subscriber,
        start: DurableStart,
    ) -> oxmq_journal::Result<()> {
        let below = match start {
            DurableStart::Latest => u64::MAX,
            DurableStart::Earliest => 1,
        };
        let consumer = self.log.consumer(&subscriber.name, below)?;
        let status = self.log.consumer_status(consumer)?;
        // Its place is safe before it counts: the next process must know it.
        subscriber.consumer = Some((consumer, self.shared.store.batch().commit()?.lsn));
        subscriber.recorded = status.acked.below();
        subscriber.position = status.acked.below();
        subscriber.settled = status.acked;
        subscriber.attempts = status.attempts.into_iter().collect();
        // What it subscribed to before its place was known is stored now.
        for topic in &subscriber.stored {
            self.store_filter(consumer, true, topic);
        }
        for topic in status.filters {
            if subscriber.stored.insert(topic.clone()) {
                subscriber.wants.add(&topic);
            }
        }
        Ok(())
    }

    pub(super) fn store_filter(&self, consumer: ConsumerId, subscribe: bool, topic: &[u8]) {
        let mut batch = self.shared.store.batch();
        let stored = match subscribe {
            true => batch.add_filter(&self.log, consumer, topic),
            false => batch.remove_filter(&self.log, consumer, topic),
        };
        // If it is not recorded, the subscriber says it again when it comes back.
        drop(stored.and_then(|()| batch.commit()));
    }

    /// Passes over what the log has given up, and tells the subscriber of what it was not given, or
    /// has refused, behind so many messages. What it has in hand stays open: it is a loss only if
    /// it comes back without having settled it. True if there was some.
    pub(super) fn skip_gap(
        &self,
        pipes: &mut Pipes,
        id: PipeId,
        subscriber: &mut Subscriber,
        sent: u64,
    ) -> bool {
        let Ok(first) = self.log.first() else { return false };
        let below = subscriber.settled.below();
        let untold = below.max(subscriber.skipped);
        if first <= untold {
            return false;
        }
        subscriber.skipped = first;
        let refused: BTreeSet<u64> = subscriber.later.iter().map(|(_, offset)| *offset).collect();
        subscriber.given.retain(|offset| *offset >= first || !refused.contains(offset));
        let mut there = subscriber.settled.clone();
        subscriber.given.range(..first).for_each(|given| there.insert(*given..*given + 1));
        for (range, reason) in self.gaps_in(&(untold..first), &there) {
            if subscriber.live.is_none() {
                links::tell(pipes, id, &DurableCommand::Gap { range, reason });
                let from = subscriber.unheard.map_or(range.from, |(from, _)| from.min(range.from));
                subscriber.unheard = Some((from, sent));
            }
            pipes.durable.events.push((Some(id), links::gap_event(range, reason)));
        }
        let mut from = below;
        for end in subscriber.given.range(below..first).copied().chain([first]) {
            if from < end {
                subscriber.settled.insert(from..end);
            }
            from = end + 1;
        }
        subscriber.position = subscriber.position.max(first);
        subscriber.attempts = subscriber.attempts.split_off(&first);
        subscriber.later.retain(|(_, offset)| *offset >= first);
        true
    }

    /// Records that a subscriber was given a message in vain.
    pub(super) fn tried(&self, subscriber: &mut Subscriber, offset: u64, attempt: u32) {
        subscriber.attempts.insert(offset, attempt);
        let Some((consumer, _)) = subscriber.consumer else { return };
        let mut batch = self.shared.store.batch();
        let recorded =
            batch.attempt(&self.log, consumer, offset, attempt).and_then(|()| batch.commit());
        // If it is not recorded, the message is tried more often than it should be.
        drop(recorded);
    }

    /// Tells the journal what a subscriber has settled.
    pub(super) fn note_settled(&self, subscriber: &mut Subscriber) {
        let Some((consumer, _)) = subscriber.consumer else { return };
        let heard = subscriber.unheard.map_or(u64::MAX, |(from, _)| from);
        let below = subscriber.settled.below().min(heard);
        if below > subscriber.recorded {
            let mut ranges = Ranges::new(0);
            ranges.insert(subscriber.recorded..below);
            self.settle(consumer, &ranges);
            subscriber.recorded = below;
        }
    }
}
