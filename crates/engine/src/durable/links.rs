//! The connections over which a durable sender hands its messages out: what each was sent, and how
//! it is found out that the peer has it. Owned by a pattern, under the socket's lock.
//!
//! A peer that speaks the extension opens with what it has settled, and acknowledges. A peer that
//! does not is asked with a PING behind its messages: the PONG shows that they are in the peer's
//! process. One that answers no PINGs counts as having what the kernel has taken.

use std::collections::{BTreeMap, VecDeque};

use oxmq_journal::{Ranges, Record};
use oxmq_message::Msg;
use oxmq_zmtp::{Command, DurableCommand, GapReason, OffsetRange};

use super::outbox::{self, Outbox};
use super::{IN_FLIGHT_MAX, PING_BYTES};
use crate::monitor::EventKind;
use crate::pipe::table::{Loss, Pipes};
use crate::pipe::{Link as PipeLink, PipeId};

/// Messages to a peer after which it is told again what is settled.
const FLOOR_MESSAGES: u64 = 256;

/// Most ranges in one command.
const FLOOR_RANGES_MAX: usize = 64;

/// How a peer is dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It speaks the extension, and has not said yet where it stands.
    Opening,
    /// It speaks the extension.
    Ours,
    /// It answers PINGs.
    Pings,
    /// It does not.
    Silent,
    /// It is in this process, and has what is put into its pipe.
    Inside,
}

/// A message that a peer was given and has not settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) offset: u64,
    pub(super) attempt: u32,
    /// Number within the connection, from 1.
    seq: u64,
}

/// One connection.
pub(super) struct Link {
    pub(super) kind: Kind,
    name: Option<Vec<u8>>,
    /// Tells a PONG of this connection from that of an earlier one of its pipe.
    number: u32,
    /// Oldest first.
    pub(super) sent: VecDeque<Sent>,
    /// The offset that the peer takes the next message for.
    expected: u64,
    /// Messages sent.
    seq: u64,
    /// `seq` at the last PING, and at the last one that was answered; `answered <= asked`. Of a
    /// peer that speaks the extension, `answered` is that of the last message that it has
    /// acknowledged.
    asked: u64,
    answered: u64,
    /// Bytes sent since the last PING.
    bytes: usize,
    /// `seq` when the peer was last told what is settled of all.
    floored: u64,
}

impl Link {
    /// Takes note that the peer has what was sent up to a PING; returns what that is.
    pub(super) fn answered(&mut self, context: &[u8]) -> Vec<u64> {
        let Some((seq, number)) = context.split_first_chunk::<8>() else { return Vec::new() };
        if *number != self.number.to_be_bytes() {
            return Vec::new();
        }
        // A peer that makes numbers up can settle only what it was sent.
        let seq = u64::from_be_bytes(*seq).min(self.asked);
        self.answered = self.answered.max(seq);
        let mut settled = Vec::new();
        while let Some(sent) = self.sent.front().filter(|sent| sent.seq <= seq) {
            settled.push(sent.offset);
            self.sent.pop_front();
        }
        settled
    }

    /// Messages that were sent.
    pub(super) fn sent_so_far(&self) -> u64 {
        self.seq
    }

    /// Of the messages that were sent, the last that the peer has acknowledged: it has heard what
    /// it was told before.
    pub(super) fn acknowledged_so_far(&self) -> u64 {
        self.answered
    }

    /// Enough was sent since the peer was last told what is settled.
    fn is_floor_due(&self) -> bool {
        self.kind == Kind::Ours && self.seq >= self.floored + FLOOR_MESSAGES
    }

    /// The peer is sent everything anew from elsewhere.
    pub(super) fn sought(&mut self) {
        self.sent.clear();
        self.expected = 0;
    }

    /// Takes an offset out of what the peer was sent, if it was.
    pub(super) fn take(&mut self, offset: u64) -> Option<Sent> {
        // Nearly always the first.
        let at = self.sent.iter().position(|sent| sent.offset == offset)?;
        self.sent.remove(at)
    }

    /// Takes note of what the peer says it has settled; returns what of that it was sent.
    pub(super) fn acknowledged(&mut self, settled: &[OffsetRange]) -> Vec<u64> {
        let mut taken = Vec::new();
        for range in settled {
            while let Some(sent) = self.sent.front().filter(|sent| range.holds(sent.offset)) {
                taken.push(sent.offset);
                self.answered = self.answered.max(sent.seq);
                self.sent.pop_front();
            }
            // Nearly always everything was at the front.
            if self.sent.iter().any(|sent| range.holds(sent.offset)) {
                let all = std::mem::take(&mut self.sent).into_iter();
                let (out, kept) = all.partition::<VecDeque<Sent>, _>(|s| range.holds(s.offset));
                taken.extend(out.iter().map(|sent| sent.offset));
                let last = out.iter().map(|sent| sent.seq).max().unwrap_or(0);
                self.answered = self.answered.max(last);
                self.sent = kept;
            }
        }
        taken
    }
}

/// The connections of one sender.
#[derive(Default)]
pub(super) struct Links {
    links: BTreeMap<PipeId, Link>,
    /// Who may be given messages, the next one first.
    turn: VecDeque<PipeId>,
    number: u32,
}

impl Links {
    /// A pipe has its peer.
    pub(super) fn open(&mut self, pipes: &Pipes, id: PipeId) {
        let Some(pipe) = pipes.peek(id) else { return };
        let claim = pipe.durable_peer.as_deref().cloned().unwrap_or_default();
        let kind = match (&claim.ours, &pipe.link) {
            (Some(_), _) => Kind::Opening,
            (None, PipeLink::Net(_)) if claim.pings => Kind::Pings,
            (None, PipeLink::Net(_)) => Kind::Silent,
            (None, _) => Kind::Inside,
        };
        self.number = self.number.wrapping_add(1);
        let link = Link {
            kind,
            name: claim.ours.map(|peer| peer.name).or(claim.name),
            number: self.number,
            sent: VecDeque::new(),
            expected: 0,
            seq: 0,
            asked: 0,
            answered: 0,
            bytes: 0,
            floored: 0,
        };
        self.links.insert(id, link);
        if !self.turn.contains(&id) {
            self.turn.push_back(id);
        }
    }

    /// A connection is gone; returns what it was.
    pub(super) fn close(&mut self, id: PipeId) -> Option<Link> {
        self.turn.retain(|turn| *turn != id);
        self.links.remove(&id)
    }

    pub(super) fn link(&mut self, id: PipeId) -> Option<&mut Link> {
        self.links.get_mut(&id)
    }

    /// Connections with this name, but for one.
    fn namesakes(&self, id: PipeId, name: &[u8]) -> Vec<PipeId> {
        let same = |link: &Link| link.name.as_deref() == Some(name);
        let others = self.links.iter().filter(|(other, link)| **other != id && same(link));
        others.map(|(other, _)| *other).collect()
    }

    /// Of connections with one durable name, that of the latest instance stays. Returns those whose
    /// place this one takes, or `None` if it does not stay itself. What those have not settled has
    /// to be taken back before this one is given anything, or it would come out of order.
    pub(super) fn admit(
        &mut self,
        pipes: &mut Pipes,
        outbox: &Outbox,
        id: PipeId,
    ) -> Option<Vec<PipeId>> {
        let instance = instance_of(pipes, id);
        let name = self.links.get(&id).and_then(|link| link.name.clone());
        let Some(name) = name.filter(|_| instance != 0) else { return Some(Vec::new()) };
        if let Err(owner) = outbox.admit(&name, instance) {
            fence(pipes, id, owner, &name);
            return None;
        }
        let replaced = self.namesakes(id, &name);
        for other in &replaced {
            fence(pipes, *other, instance, &name);
        }
        Some(replaced)
    }

    /// Takes an offset out of what peers were sent.
    pub(super) fn forget(&mut self, offset: u64) {
        for link in self.links.values_mut() {
            let _ = link.take(offset);
        }
    }

    /// What peers were sent from this offset on is lost: nobody settles it any more.
    pub(super) fn lose_from(&mut self, from: u64) {
        for link in self.links.values_mut() {
            link.sent.retain(|sent| sent.offset < from);
        }
    }

    /// The log has begun an epoch: peers that speak the extension are told what was lost with the
    /// one before, where the log is, and the number of the next message.
    pub(super) fn rebase(
        &mut self,
        pipes: &mut Pipes,
        (lost, base): (Option<OffsetRange>, DurableCommand),
    ) {
        if let Some(range) = lost {
            self.announce(pipes, range, GapReason::LostInCrash);
            pipes.durable.events.push((None, gap_event(range, GapReason::LostInCrash)));
        }
        for (id, link) in self.links.iter_mut().filter(|(_, link)| link.kind == Kind::Ours) {
            link.expected = 0;
            tell(pipes, *id, &base);
        }
    }

    /// Messages that are with peers.
    pub(super) fn in_flight(&self) -> u64 {
        self.links.values().map(|link| link.sent.len() as u64).sum()
    }

    /// Whether the peer of a pipe may be given a message now.
    pub(super) fn has_room(&self, pipes: &mut Pipes, id: PipeId) -> bool {
        let may = |link: &Link| link.kind != Kind::Opening && link.sent.len() < IN_FLIGHT_MAX;
        self.links.get(&id).is_some_and(may) && pipes.has_room(id)
    }

    /// The next peer that may be given a message.
    pub(super) fn next(&mut self, pipes: &mut Pipes) -> Option<PipeId> {
        for _ in 0..self.turn.len() {
            let id = self.turn.pop_front()?;
            self.turn.push_back(id);
            if self.has_room(pipes, id) {
                return Some(id);
            }
        }
        None
    }

    /// Gives a peer a message. True if it has it with that.
    pub(super) fn send(
        &mut self,
        pipes: &mut Pipes,
        id: PipeId,
        (offset, attempt): (u64, u32),
        prefix: &[&[u8]],
        record: &Record,
    ) -> bool {
        let Some(link) = self.links.get_mut(&id) else { return false };
        if link.kind == Kind::Ours && (link.expected != offset || attempt > 1) {
            let attempt = u16::try_from(attempt).unwrap_or(u16::MAX);
            tell(pipes, id, &DurableCommand::Seq { offset, attempt });
        }
        link.expected = offset + 1;
        for part in prefix {
            pipes.push(id, Msg::from_slice(part), true);
        }
        for (part, more) in outbox::parts_of(record) {
            link.bytes += part.len();
            pipes.push(id, part, more);
        }
        link.seq += 1;
        if link.kind == Kind::Inside {
            return true;
        }
        link.sent.push_back(Sent { offset, attempt, seq: link.seq });
        false
    }

    /// Tells peers of the extension that offsets will not come.
    pub(super) fn announce(&self, pipes: &mut Pipes, range: OffsetRange, reason: GapReason) {
        for (id, _) in self.links.iter().filter(|(_, link)| link.kind == Kind::Ours) {
            tell(pipes, *id, &DurableCommand::Gap { range, reason });
        }
    }

    /// Tells peers now and then what is settled of the log, so that they need not remember each
    /// message that went to another.
    pub(super) fn tell_floors(&mut self, pipes: &mut Pipes, settled: &Ranges) {
        for (id, link) in self.links.iter_mut().filter(|(_, link)| link.is_floor_due()) {
            link.floored = link.seq;
            tell(pipes, *id, &floor(settled));
        }
    }

    /// The same for one peer: what there is to tell is asked for only if it is due.
    pub(super) fn tell_floor(
        &mut self,
        pipes: &mut Pipes,
        id: PipeId,
        floor: impl FnOnce(&Link) -> DurableCommand,
    ) {
        if let Some(link) = self.links.get_mut(&id).filter(|link| link.is_floor_due()) {
            link.floored = link.seq;
            tell(pipes, id, &floor(link));
        }
    }

    /// Asks peers whether they have what they were sent: one PING is under way at a time, unless
    /// much was sent since.
    pub(super) fn ask(&mut self, pipes: &mut Pipes) {
        for (id, link) in &mut self.links {
            let all_asked = link.asked == link.seq;
            let waiting = link.asked > link.answered && link.bytes < PING_BYTES;
            if link.kind != Kind::Pings || all_asked || waiting {
                continue;
            }
            let mut context = [0; 12];
            context[..8].copy_from_slice(&link.seq.to_be_bytes());
            context[8..].copy_from_slice(&link.number.to_be_bytes());
            link.asked = link.seq;
            link.bytes = 0;
            pipes.command(*id, &Command::Ping { ttl_deciseconds: 0, context: &context });
        }
    }

    /// What peers that answer no PINGs have by now, as far as the kernel has taken it. Whether
    /// there are such peers that still have to be looked after comes second.
    pub(super) fn silent(&mut self, pipes: &Pipes) -> (Vec<(PipeId, u64)>, bool) {
        let mut settled = Vec::new();
        let mut waiting = false;
        for (id, link) in &mut self.links {
            if link.kind != Kind::Silent || link.sent.is_empty() {
                continue;
            }
            if pipes.is_delivered(*id) {
                settled.extend(link.sent.drain(..).map(|sent| (*id, sent.offset)));
            } else {
                waiting = true;
            }
        }
        (settled, waiting)
    }
}

/// What is settled of a log, as far as one command can say it.
pub(super) fn floor(settled: &Ranges) -> DurableCommand {
    let mut below = settled.below();
    let mut open = Vec::new();
    for range in settled.above().take(FLOOR_RANGES_MAX) {
        open.push(OffsetRange { from: below, to: range.start - 1 });
        below = range.end;
    }
    DurableCommand::Floor { below, open }
}

/// Tells a peer of gaps.
pub(super) fn tell_gaps(pipes: &mut Pipes, id: PipeId, gaps: Vec<(OffsetRange, GapReason)>) {
    for (range, reason) in gaps {
        tell(pipes, id, &DurableCommand::Gap { range, reason });
    }
}

/// A gap as monitors are told it.
pub(super) fn gap_event(range: OffsetRange, reason: GapReason) -> EventKind {
    EventKind::Gap { from: range.from, to: range.to, reason: reason.name() }
}

/// Sends a command of the extension in its place among the messages.
pub(super) fn tell(pipes: &mut Pipes, id: PipeId, command: &DurableCommand) {
    let mut frame = Vec::new();
    command.encode(&mut frame);
    pipes.frame_in_order(id, frame);
}

/// Which instance of its name a peer is; 0 for one that does not speak the extension.
pub(super) fn instance_of(pipes: &Pipes, id: PipeId) -> u64 {
    let claim = pipes.peek(id).and_then(|pipe| pipe.durable_peer.as_deref());
    claim.and_then(|claim| claim.ours.as_ref()).map_or(0, |peer| peer.instance)
}

/// Ends the connection of a peer whose name another instance has taken over.
pub(super) fn fence(pipes: &mut Pipes, id: PipeId, instance: u64, name: &[u8]) {
    tell(pipes, id, &DurableCommand::Fence { instance });
    pipes.flush(id);
    pipes.durable.events.push((Some(id), EventKind::Fenced { name: name.to_vec() }));
    pipes.lost.push((id, Loss::Replaced("another instance has taken its durable name over")));
}

/// The command in the body of a command message of a peer.
pub(super) fn command_of(body: &[u8]) -> Option<DurableCommand> {
    match Command::parse(body) {
        Ok(Command::Unknown { name, body }) => DurableCommand::parse(name, body).ok().flatten(),
        _ => None,
    }
}
