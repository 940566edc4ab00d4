//! The receiving half of a durable socket: messages of durable senders, which it acknowledges, and
//! those of others, which it records before the application sees them. Owned by a pattern, under
//! the socket's lock.
//!
//! A message goes from its pipe (a durable sender's) or from the log (anybody else's) to `ready`,
//! one at a time; from there to the application part by part, when it counts as `waiting`; and a
//! verdict ends that. What is settled is recorded in batches; once that is safe, the sender is
//! told.

mod anew;
mod inbox;
mod settle;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use oxmq_journal::{Log, Lsn, Ranges};
use oxmq_message::{Meta, Msg, Verdict};
use oxmq_zmtp::{DurableCommand, DurableStart, SeekTo};

use self::inbox::Inbox;
use super::deliver::{Place, Verdicts, mark};
use super::receive::{Cursor, Source};
use super::{
    ACK_DELAY, ACK_PAUSE, ACKS_PER_BATCH, DurableStatus, INTAKE_BATCH, Shared, Told, links,
};
use crate::error::{Error, Result};
use crate::monitor::EventKind;
use crate::options::{AckMode, DurableOptions};
use crate::pattern::fair_queue::FairQueue;
use crate::pipe::PipeId;
use crate::pipe::table::{Loss, Pipes};

/// Most rejected messages that are remembered, in case their senders did not hear of it. Each costs
/// about 60 bytes; of those beyond, the oldest may come again.
const REJECTED_MAX: usize = 4096;

/// Where a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// A durable sender, over this pipe.
    Remote { log: u128, pipe: PipeId },
    /// Our own log.
    Inbox,
}

/// A message that is to be handed out, or was and waits for its verdict.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    origin: Origin,
    place: Place,
}

/// A message that is next to be handed out.
struct Ready {
    waiting: Waiting,
    parts: VecDeque<Msg>,
}

/// Acknowledgements that are recorded and not safe yet.
struct Untold {
    lsn: Lsn,
    /// Of our own log.
    inbox: Ranges,
    settled: BTreeMap<(u128, PipeId), Ranges>,
    /// One message alone, which was settled together with something else.
    with: Option<Waiting>,
}

/// See the file's first paragraph.
pub(super) struct Intake {
    shared: Shared,
    log: Log,
    log_id: u128,
    epochs: Vec<(u64, u64)>,
    epoch: u64,
    /// How often the store had been opened anew when the log was last looked at.
    revivals: u64,
    ack_mode: AckMode,
    start: DurableStart,
    attempts_max: u32,
    /// Messages begin with the routing id of their peer.
    addressed: bool,
    seeks_senders: bool,
    pub(super) queue: FairQueue,
    sources: BTreeMap<PipeId, Source>,
    cursors: BTreeMap<u128, Cursor>,
    inbox: Inbox,
    ready: Option<Ready>,
    /// The rest of the message that is being received.
    handing: VecDeque<Msg>,
    waiting: BTreeMap<u64, Waiting>,
    /// Offsets of `waiting`, and of `ready`, by their log.
    held: HashSet<(u128, u64)>,
    token: u64,
    verdicts: Arc<Verdicts>,
    /// With automatic acknowledgement: what was received last, and by whom.
    last: Option<u64>,
    receiver: Option<ThreadId>,
    /// Settled and not recorded.
    fresh: BTreeMap<(u128, PipeId), Ranges>,
    fresh_inbox: Ranges,
    fresh_count: usize,
    fresh_since: Option<Instant>,
    /// When what was settled was last recorded.
    noted_at: Option<Instant>,
    untold: VecDeque<Untold>,
    awaited: bool,
    /// The disk failed with records that were not safe; the store opens anew then.
    failed_until: Option<Instant>,
    /// Pipes were not read for want of room.
    stalled: bool,
    /// What the application has rejected, by log and offset; the sender may not know yet.
    rejected: BTreeSet<(u128, u64)>,
}

impl Intake {
    pub(super) fn new(shared: Shared, log: Log, options: &DurableOptions) -> Result<Intake> {
        let opened = |error| Error::store("reading what is settled", error);
        let revivals = shared.store.revivals();
        let status = log.status().map_err(opened)?;
        let consumer = log.consumer(b"", 1).map_err(opened)?;
        let done = log.consumer_status(consumer).map_err(opened)?;
        let mut cursors = BTreeMap::new();
        for (id, cursor) in log.remote_cursors().map_err(opened)? {
            let id = u128::from_be_bytes(id);
            let mut cursor = Cursor::new(cursor.epoch, cursor.done);
            let seek = log.value(&seek_key(id)).map_err(opened)?;
            let seek = seek.and_then(|number| Some(u64::from_be_bytes(number.try_into().ok()?)));
            cursor.seek = seek.map(SeekTo::from_number);
            cursors.insert(id, cursor);
        }
        let inbox =
            Inbox::new(&status, consumer, done.acked, done.attempts, options, &shared.clock);
        Ok(Intake {
            log_id: u128::from_be_bytes(status.id),
            epochs: status.epochs,
            epoch: status.epoch,
            revivals,
            ack_mode: options.ack,
            start: options.start,
            attempts_max: options.attempts_max,
            addressed: false,
            seeks_senders: false,
            queue: FairQueue::default(),
            sources: BTreeMap::new(),
            cursors,
            inbox,
            ready: None,
            handing: VecDeque::new(),
            waiting: BTreeMap::new(),
            held: HashSet::new(),
            token: 0,
            verdicts: Verdicts::new(shared.nudge.clone()),
            last: None,
            receiver: None,
            fresh: BTreeMap::new(),
            fresh_inbox: Ranges::new(0),
            fresh_count: 0,
            fresh_since: None,
            noted_at: None,
            untold: VecDeque::new(),
            awaited: false,
            failed_until: None,
            stalled: false,
            rejected: BTreeSet::new(),
            shared,
            log,
        })
    }

    /// A seek goes to the logs of durable senders, too, each of which has a place for us.
    pub(super) fn seeks_senders(mut self) -> Intake {
        self.seeks_senders = true;
        self
    }

    /// Messages begin with the routing id of their peer.
    pub(super) fn addressed(mut self) -> Intake {
        self.addressed = true;
        self
    }

    /// The routing id of a pipe's peer, where that matters.
    fn name_of(&self, pipes: &Pipes, id: PipeId) -> Vec<u8> {
        let name = pipes.peek(id).filter(|_| self.addressed).map(|pipe| pipe.routing_id.clone());
        name.unwrap_or_default()
    }

    /// A pipe has its peer. A durable sender is told what we have of its log.
    pub(super) fn connected(&mut self, pipes: &mut Pipes, id: PipeId) {
        let claim = pipes.peek(id).and_then(|pipe| pipe.durable_peer.as_deref()).cloned();
        let Some(peer) = claim.and_then(|claim| claim.ours) else { return };
        let Some((log, epoch)) = peer.log else { return };
        self.note_log(pipes, id, &peer.name, log);
        let cursor = self.cursors.entry(log).or_default();
        let mut source = Source::new(log, epoch);
        source.asked();
        links::tell(pipes, id, &cursor.open(self.start));
        if let Some(to) = cursor.seek {
            source.asked();
            links::tell(pipes, id, &DurableCommand::Seek { to });
        }
        self.sources.insert(id, source);
        pipes.flush(id);
    }

    /// A sender whose log is another than the last time has lost what was not received.
    fn note_log(&self, pipes: &mut Pipes, id: PipeId, name: &[u8], log: u128) {
        let key = [b"peer/", name].concat();
        let before = self.log.value(&key).ok().flatten();
        if before.as_deref() == Some(&log.to_be_bytes()) {
            return;
        }
        let mut batch = self.shared.store.batch();
        // If it is not recorded, it is told once more.
        let _ = batch.put(&self.log, &key, &log.to_be_bytes()).and_then(|()| batch.commit());
        if before.is_some() {
            pipes.durable.events.push((Some(id), EventKind::LogReplaced { name: name.to_vec() }));
        }
    }

    /// A connection is gone. What a durable sender sent and we have not handed out comes again.
    pub(super) fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        if self.sources.remove(&id).is_some() {
            pipes.clear_unread(id);
        }
        if self.ready.as_ref().is_some_and(
            |ready| matches!(ready.waiting.origin, Origin::Remote { pipe, .. } if pipe == id),
        ) && let Some(ready) = self.ready.take()
        {
            self.held.remove(&(ready.waiting.place.log, ready.waiting.place.offset));
        }
    }

    /// Receives the next part.
    pub(super) fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        if let Some(part) = self.handing.pop_front() {
            return Ok(part);
        }
        self.take_verdicts(pipes);
        if self.ack_mode == AckMode::Automatic {
            self.acknowledge_last(pipes)?;
        }
        if !self.has_in(pipes) {
            let now = self.shared.clock.now();
            if self.noted_at.is_none_or(|at| at + ACK_PAUSE <= now) {
                self.note_settled(pipes, now);
            }
            return Err(Error::WouldBlock);
        }
        if self.fresh_count >= ACKS_PER_BATCH {
            self.note_settled(pipes, self.shared.clock.now());
        }
        let Some(ready) = self.ready.take() else { return Err(Error::WouldBlock) };
        let part = self.hand_out(ready);
        self.go_on_reading(pipes);
        Ok(part)
    }

    /// The message before counts as dealt with.
    fn acknowledge_last(&mut self, pipes: &mut Pipes) -> Result<()> {
        if !pipes.durable.in_future {
            let me = std::thread::current().id();
            if *self.receiver.get_or_insert(me) != me {
                return Err(Error::State {
                    operation: "receiving in a second thread with automatic acknowledgement",
                });
            }
        }
        self.drop_last(pipes);
        Ok(())
    }

    /// With automatic acknowledgement, the last message counts as dealt with.
    pub(super) fn finish_last(&mut self, pipes: &mut Pipes) {
        if self.ack_mode == AckMode::Automatic {
            self.drop_last(pipes);
        }
    }

    /// The last message counts as dealt with, for nobody else can deal with it.
    pub(super) fn drop_last(&mut self, pipes: &mut Pipes) {
        if let Some(token) = self.last.take()
            && self.verdicts.close(token)
        {
            self.settle(pipes, token, Verdict::Ack);
        }
    }

    fn hand_out(&mut self, ready: Ready) -> Msg {
        let Ready { waiting, mut parts } = ready;
        self.token += 1;
        let token = self.token;
        if waiting.origin == Origin::Inbox {
            self.suspect(&waiting.place);
        }
        let meta: Option<Meta> = parts.front().and_then(|part| part.meta().cloned());
        mark(parts.make_contiguous(), meta.as_ref(), waiting.place, token, &self.verdicts);
        self.waiting.insert(token, waiting);
        self.verdicts.expect(token);
        self.last = Some(token);
        let first = parts.pop_front().unwrap_or_default();
        self.handing = parts;
        first
    }

    /// A message can be received. Reads connections, and acknowledges nothing.
    pub(super) fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        if !self.handing.is_empty() || self.ready.is_some() {
            return true;
        }
        for _ in 0..2 {
            self.refresh(pipes, self.shared.clock.now());
            if self.next_of_inbox(pipes) || self.next_of_pipes(pipes) {
                return true;
            }
        }
        false
    }

    /// Makes the next message of a durable sender ready, and records those of others.
    fn next_of_pipes(&mut self, pipes: &mut Pipes) -> bool {
        let mut batch = Vec::new();
        let room = self.inbox_room(pipes);
        while batch.len() < INTAKE_BATCH {
            let Some(id) = self.queue.next(pipes) else { break };
            if !self.sources.contains_key(&id) && batch.len() >= room {
                break;
            }
            let message = whole(|| self.queue.recv(pipes).map(|(_, part)| part));
            if !self.sources.contains_key(&id) {
                if !is_command(&message) {
                    batch.push((self.name_of(pipes, id), message));
                }
            } else if self.came(pipes, id, message) {
                break;
            }
        }
        self.record(pipes, batch);
        self.ready.is_some()
    }

    /// A durable sender has sent a message or a command. True if the message is ready now.
    fn came(&mut self, pipes: &mut Pipes, id: PipeId, message: Vec<Msg>) -> bool {
        if is_command(&message) {
            if let Some(command) = message.first().and_then(|body| links::command_of(body)) {
                self.commanded(pipes, id, command);
            }
            return false;
        }
        let Some(source) = self.sources.get_mut(&id) else { return false };
        let log = source.log;
        if !source.is_answered() {
            // From before the sender has answered: it sends it again, or it is not wanted.
            return false;
        }
        // A sender that numbers nothing breaks the extension; its messages cannot be settled.
        let Some((offset, epoch, attempt)) = source.message() else { return false };
        if self.cursors.entry(log).or_default().done.contains(offset) {
            // It was settled, and the acknowledgement did not get through.
            self.note_fresh((log, id), offset);
            return false;
        }
        let place = Place { log, epoch, offset, attempt };
        if self.rejected.contains(&(log, offset)) {
            // Its sender did not hear of it.
            self.tell_log(pipes, log, &nack(&place, Duration::ZERO, true));
            return false;
        }
        if !self.held.insert((log, offset)) {
            // The application has it: it came again over another connection.
            let held = |w: &&mut Waiting| w.place.log == log && w.place.offset == offset;
            if let Some(waiting) = self.waiting.values_mut().find(held) {
                waiting.origin = Origin::Remote { log, pipe: id };
            }
            return false;
        }
        let waiting = Waiting { origin: Origin::Remote { log, pipe: id }, place };
        let mut parts = VecDeque::from(message);
        if self.addressed {
            let mut address = address(&self.name_of(pipes, id));
            pipes.mark_with_meta(id, &mut address);
            parts.push_front(address);
        }
        self.ready = Some(Ready { waiting, parts });
        true
    }

    fn commanded(&mut self, pipes: &mut Pipes, id: PipeId, command: DurableCommand) {
        let Some(source) = self.sources.get_mut(&id) else { return };
        match command {
            DurableCommand::Base { log, .. } if log != source.log => {
                pipes.lost.push((id, Loss::Refused("the base of another log than it has")));
            }
            DurableCommand::Base { log, epoch, first, next, epochs } => {
                let cursor = self.cursors.entry(log).or_default();
                if let Some(end) = cursor.enter(epoch, &epochs, first) {
                    self.rejected.retain(|(of, offset)| *of != log || *offset < end);
                }
                source.base(log, epoch, epochs);
                if source.is_answered() {
                    cursor.sought(first, next);
                }
                if cursor.is_sought {
                    self.count_fresh();
                    pipes.due_by(self.shared.clock.now() + ACK_DELAY);
                }
            }
            DurableCommand::Seq { offset, attempt } => source.seq(offset, attempt),
            DurableCommand::Floor { below, open } => {
                self.cursors.entry(source.log).or_default().floor(below, &open);
            }
            DurableCommand::Gap { range, reason } => {
                let cursor = self.cursors.entry(source.log).or_default();
                for missing in cursor.missing(range) {
                    pipes.durable.events.push((Some(id), links::gap_event(missing, reason)));
                }
                cursor.take(range.from..range.to + 1);
            }
            // Inside the process, what the peer says to our sending half comes the same way.
            command => pipes.durable.told.push((id, Told::Command(command))),
        }
    }

    /// Another instance has our name now: this one stops.
    pub(super) fn fenced(pipes: &mut Pipes, id: PipeId) {
        let name = pipes.durable.own.as_ref().map(|own| own.name.clone()).unwrap_or_default();
        pipes.durable.events.push((Some(id), EventKind::Fenced { name }));
        pipes.closing.push(id);
    }

    /// Goes on after a sync, a verdict, or because something is due.
    pub(super) fn resume(&mut self, pipes: &mut Pipes, now: Instant) -> Option<Instant> {
        self.awaited = false;
        self.take_verdicts(pipes);
        self.expire(pipes, now);
        if self.fresh_since.is_some_and(|since| since + ACK_DELAY <= now) {
            self.note_settled(pipes, now);
        }
        self.refresh(pipes, now);
        self.tell_settled(pipes);
        self.go_on_reading(pipes);
        let record = self.fresh_since.map(|since| since + ACK_DELAY);
        // After a failure not before the pause is over, or the timer would be due at once.
        let record = record.map(|at| self.inbox.full_until.map_or(at, |full| at.max(full)));
        [record, self.inbox.due(now), self.failed_until].into_iter().flatten().min()
    }

    pub(super) fn status(&self) -> DurableStatus {
        DurableStatus { unacknowledged: self.waiting.len() as u64, ..DurableStatus::default() }
    }

    /// Closes the log, for `Durable::close`. Nothing is acknowledged by that.
    pub(super) fn close(&mut self) -> Box<dyn FnOnce() + Send> {
        self.verdicts.close_all();
        if self.fresh_count > 0 {
            let _ = self.record_settled();
        }
        self.shared.finish(self.log.clone())
    }
}

/// The parts of the next message.
fn whole(mut part: impl FnMut() -> Option<Msg>) -> Vec<Msg> {
    let mut message = Vec::with_capacity(1);
    while let Some(next) = part() {
        let more = next.more();
        message.push(next);
        if !more {
            break;
        }
    }
    message
}

/// The key under which it is kept that a sender has still to be asked to go on elsewhere.
fn seek_key(log: u128) -> Vec<u8> {
    [b"seek/", &log.to_be_bytes()[..]].concat()
}

/// What a durable sender is told of a message that was not dealt with.
fn nack(place: &Place, delay: Duration, reject: bool) -> DurableCommand {
    DurableCommand::Nack {
        offset: place.offset,
        attempt: u16::try_from(place.attempt).unwrap_or(u16::MAX),
        delay_ms: u32::try_from(delay.as_millis()).unwrap_or(u32::MAX),
        reject,
    }
}

fn address(name: &[u8]) -> Msg {
    let mut address = Msg::from_slice(name);
    address.set_more(true);
    address
}

fn is_command(message: &[Msg]) -> bool {
    message.first().is_none_or(Msg::command)
}
