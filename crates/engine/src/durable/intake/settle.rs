//! What becomes of messages that were handed out: verdicts, their record, and what senders are
//! told. Part of `Intake`, under the socket's lock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use oxmq_journal::{Lsn, Ranges, RemoteCursor};
use oxmq_message::{Delivery, Verdict};
use oxmq_zmtp::{DurableCommand, SeekTo};

use super::super::aside::REJECTED;
use super::super::receive::acks;
use super::super::{ACK_DELAY, Extra, FULL_DISK_PAUSE, Position, links};
use super::{Intake, Origin, REJECTED_MAX, Untold, Waiting, nack, seek_key};
use crate::error::{Error, Result};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// The longest delay of a nack, what its command has room for: 49 days.
const NACK_DELAY_MAX: Duration = Duration::from_millis(u32::MAX as u64);

/// What an error calls it when there is nothing to settle.
const NO_VERDICT: &str = "settling a message that waits for no verdict of this socket";

impl Intake {
    /// Carries out what the application said of messages.
    pub(in super::super) fn take_verdicts(&mut self, pipes: &mut Pipes) {
        for (token, verdict) in self.verdicts.take() {
            self.settle(pipes, token, verdict);
        }
    }

    pub(super) fn settle(&mut self, pipes: &mut Pipes, token: u64, verdict: Verdict) {
        let verdict = match verdict {
            Verdict::Nack(delay) => Verdict::Nack(delay.min(NACK_DELAY_MAX)),
            verdict => verdict,
        };
        let Some(Waiting { origin, place }) = self.waiting.remove(&token) else { return };
        self.held.remove(&(place.log, place.offset));
        match (origin, verdict) {
            (Origin::Remote { log, pipe }, Verdict::Ack) => {
                let cursor = self.cursors.entry(log).or_default();
                cursor.take(place.offset..place.offset + 1);
                self.note_fresh((log, pipe), place.offset);
            }
            (Origin::Remote { log, .. }, Verdict::Reject) => {
                self.rejected.insert((log, place.offset));
                if self.rejected.len() > REJECTED_MAX {
                    self.rejected.pop_first();
                }
                self.tell_log(pipes, log, &nack(&place, Duration::ZERO, true));
            }
            (Origin::Remote { log, .. }, Verdict::Nack(delay)) => {
                self.tell_log(pipes, log, &nack(&place, delay, false));
            }
            (Origin::Inbox, Verdict::Ack) => self.settle_inbox(place.offset),
            (Origin::Inbox, Verdict::Nack(delay)) => {
                self.tried(place.offset, place.attempt);
                let attempt = place.attempt.saturating_add(1);
                self.again_later(pipes, place.offset, attempt, delay);
            }
            (Origin::Inbox, Verdict::Reject) => self.set_aside(pipes, place.offset, REJECTED),
        }
        if let Some(since) = self.fresh_since {
            pipes.due_by(since + ACK_DELAY);
        }
    }

    pub(super) fn note_fresh(&mut self, to: (u128, PipeId), offset: u64) {
        self.fresh.entry(to).or_insert_with(|| Ranges::new(0)).insert(offset..offset + 1);
        self.count_fresh();
    }

    pub(super) fn count_fresh(&mut self) {
        self.fresh_count += 1;
        let clock = &self.shared.clock;
        self.fresh_since.get_or_insert_with(|| clock.now());
    }

    /// Records what was settled.
    pub(in super::super) fn note_settled(&mut self, pipes: &mut Pipes, now: Instant) {
        // Acknowledgements fit even on a full disk; whatever else is wrong passes or does not.
        let is_later = self.inbox.full_until.is_some_and(|at| at > now);
        if self.fresh_count == 0 || is_later {
            return;
        }
        let Some(lsn) = self.record_settled() else {
            self.inbox.full_until = Some(now + FULL_DISK_PAUSE);
            return;
        };
        let settled = std::mem::take(&mut self.fresh);
        let inbox = std::mem::replace(&mut self.fresh_inbox, Ranges::new(0));
        (self.fresh_count, self.fresh_since) = (0, None);
        self.noted_at = Some(now);
        self.untold.push_back(Untold { lsn, inbox, settled, with: None });
        self.refresh(pipes, now);
    }

    pub(super) fn record_settled(&mut self) -> Option<Lsn> {
        let recorded = self.try_record_settled();
        for cursor in self.cursors.values_mut() {
            match &recorded {
                Ok(_) => cursor.recorded(),
                // Of more ranges than there may be, only the whole can become fewer.
                Err(oxmq_journal::Error::Limit { .. }) => cursor.is_fresh = true,
                Err(_) => {}
            }
        }
        recorded.ok()
    }

    fn try_record_settled(&mut self) -> oxmq_journal::Result<Lsn> {
        let mut batch = self.shared.store.batch();
        for (log, cursor) in &self.cursors {
            let remote = log.to_be_bytes();
            if cursor.is_fresh {
                let whole = RemoteCursor { epoch: cursor.epoch, done: cursor.done.clone() };
                batch.set_remote_cursor(&self.log, remote, &whole)?;
            } else {
                for range in cursor.taken.above() {
                    batch.take_of_remote(&self.log, remote, range)?;
                }
            }
            if cursor.is_sought {
                batch.remove(&self.log, &seek_key(*log))?;
            }
        }
        for range in self.fresh_inbox.above() {
            batch.ack(&self.log, self.inbox.consumer, range)?;
        }
        Ok(batch.commit()?.lsn)
    }

    /// Looks how far the log has become safe.
    pub(super) fn refresh(&mut self, pipes: &mut Pipes, now: Instant) {
        self.record_held(pipes, now);
        self.begin_anew(pipes, now);
        while let Some(recorded) = self.inbox.unsafe_yet.front() {
            if !self.shared.is_safe(recorded.lsn) {
                break;
            }
            self.inbox.safe = recorded.end;
            self.inbox.unsafe_yet.pop_front();
        }
        let is_awaited = |lsn: &Lsn| !self.shared.is_safe(*lsn) && !self.shared.is_given_up(*lsn);
        if let Some(lsn) = self.last_recorded().filter(|lsn| !self.awaited && is_awaited(lsn)) {
            self.awaited = true;
            self.shared.await_safe(lsn);
        }
    }

    /// Tells senders what is safely settled.
    pub(super) fn tell_settled(&mut self, pipes: &mut Pipes) {
        while let Some(told) = self.untold.pop_front() {
            if !self.shared.is_safe(told.lsn) {
                self.untold.push_front(told);
                break;
            }
            // Without a connection, the next one begins with all that is settled.
            for ((log, _), settled) in told.settled {
                acks(&settled).iter().for_each(|command| self.tell_log(pipes, log, command));
            }
        }
    }

    /// Tells a durable sender something. Of several connections to it one may be dead, so all of
    /// them carry it.
    pub(super) fn tell_log(&self, pipes: &mut Pipes, log: u128, command: &DurableCommand) {
        for (id, _) in self.sources.iter().filter(|(_, source)| source.log == log) {
            links::tell(pipes, *id, command);
            pipes.flush(*id);
        }
    }

    /// Acknowledges all that was received.
    pub(in super::super) fn acknowledge(&mut self, pipes: &mut Pipes) {
        self.take_verdicts(pipes);
        self.last = None;
        for token in self.waiting.keys().copied().collect::<Vec<_>>() {
            if self.verdicts.close(token) {
                self.settle(pipes, token, Verdict::Ack);
            }
        }
        self.note_settled(pipes, self.shared.clock.now());
        self.tell_settled(pipes);
    }

    /// As `plan`, for a message that an application has in hand, which may be another socket's.
    pub(in super::super) fn plan_delivery(
        &mut self,
        pipes: &mut Pipes,
        delivery: &Delivery,
    ) -> Result<Extra> {
        self.take_verdicts(pipes);
        let is_ours = self.waiting.get(&delivery.token()).is_some_and(|waiting| {
            let place = (delivery.log, delivery.epoch, delivery.offset);
            (waiting.place.log, waiting.place.epoch, waiting.place.offset) == place
        });
        match is_ours {
            true => self.plan(pipes, delivery.token()),
            false => Err(Error::State { operation: NO_VERDICT }),
        }
    }

    /// Takes a message that waits for its verdict, so that its acknowledgement is recorded with
    /// something else: what to record. `planned` has to follow.
    pub(in super::super) fn plan(&mut self, pipes: &mut Pipes, token: u64) -> Result<Extra> {
        self.take_verdicts(pipes);
        let gone = Error::State { operation: NO_VERDICT };
        let Some(Waiting { origin, place }) = self.waiting.get(&token).copied() else {
            return Err(gone);
        };
        if !self.verdicts.close(token) {
            return Err(gone);
        }
        let (log, offset) = (self.log.clone(), place.offset);
        let Origin::Remote { log: remote, .. } = origin else {
            return Ok(Extra::Ack { log, consumer: self.inbox.consumer, offset });
        };
        if self.cursors.get(&remote).is_none_or(|cursor| cursor.is_fresh) {
            // What is to be added to has to be there.
            self.cursors.entry(remote).or_default();
            self.count_fresh();
            self.note_settled(pipes, self.shared.clock.now());
            if self.cursors.get(&remote).is_none_or(|cursor| cursor.is_fresh) {
                self.verdicts.expect(token);
                return Err(Error::store("settling a message", oxmq_journal::Error::NoSpace));
            }
        }
        Ok(Extra::Taken { log, remote: remote.to_be_bytes(), offset })
    }

    /// What was planned is recorded there, or it is not, and the message waits for its verdict
    /// again.
    pub(in super::super) fn planned(
        &mut self,
        pipes: &mut Pipes,
        token: u64,
        recorded: Option<Lsn>,
    ) {
        match recorded {
            Some(lsn) => self.planned_done(pipes, token, lsn),
            None if self.waiting.contains_key(&token) => self.verdicts.expect(token),
            None => {}
        }
    }

    /// What was planned is recorded there.
    fn planned_done(&mut self, pipes: &mut Pipes, token: u64, lsn: Lsn) {
        let Some(Waiting { origin, place }) = self.waiting.remove(&token) else { return };
        self.held.remove(&(place.log, place.offset));
        self.last = self.last.filter(|last| *last != token);
        let offsets = place.offset..place.offset + 1;
        let mut settled = BTreeMap::new();
        match origin {
            Origin::Remote { log, pipe } => {
                self.cursors.entry(log).or_default().done.insert(offsets.clone());
                let mut of_log = Ranges::new(0);
                of_log.insert(offsets);
                settled.insert((log, pipe), of_log);
            }
            Origin::Inbox => self.inbox.settled.insert(offsets),
        }
        let with = Some(Waiting { origin, place });
        self.untold.push_back(Untold { lsn, inbox: Ranges::new(0), settled, with });
        self.refresh(pipes, self.shared.clock.now());
        self.tell_settled(pipes);
    }

    /// The message received last, if it waits for the next call to be acknowledged.
    pub(in super::super) fn last_automatic(&self) -> Option<u64> {
        self.last.filter(|_| self.ack_mode == crate::options::AckMode::Automatic)
    }

    /// Goes on elsewhere in the log of what others sent, and, for a subscriber, in those of the
    /// durable publishers that it knows.
    pub(in super::super) fn seek(&mut self, pipes: &mut Pipes, position: Position) -> Result<()> {
        let failed = |error| Error::store("seeking", error);
        let to = match position {
            Position::Earliest => SeekTo::Earliest,
            Position::Latest => SeekTo::Latest,
            Position::Offset(offset) => SeekTo::Offset(offset),
        };
        let first = self.log.first().map_err(failed)?;
        let below = to.within(first, self.log.next().map_err(failed)?);
        let mut batch = self.shared.store.batch();
        batch.seek(&self.log, self.inbox.consumer, below).map_err(failed)?;
        let remotes: Vec<u128> = match self.seeks_senders {
            true => self.cursors.keys().copied().collect(),
            false => Vec::new(),
        };
        for log in &remotes {
            // Told anew at each connection until it is answered.
            let number = to.to_number().to_be_bytes();
            batch.put(&self.log, &seek_key(*log), &number).map_err(failed)?;
        }
        batch.commit().map_err(failed)?;
        self.inbox.settled = Ranges::new(below);
        self.inbox.next = below;
        self.fresh_inbox = Ranges::new(0);
        self.inbox.again.clear();
        let is_sought = |(log, _): &(u128, PipeId)| remotes.contains(log);
        for told in &mut self.untold {
            // If the disk loses that now, it stays as the seek has it.
            (told.inbox, told.with) = (Ranges::new(0), None);
            told.settled.retain(|of, _| !is_sought(of));
        }
        self.forget(|waiting| match waiting.origin {
            Origin::Inbox => true,
            Origin::Remote { log, .. } => remotes.contains(&log),
        });
        for log in remotes {
            self.seek_in(pipes, log, to);
        }
        Ok(())
    }

    fn seek_in(&mut self, pipes: &mut Pipes, log: u128, to: SeekTo) {
        self.fresh.retain(|(of, _), _| *of != log);
        self.rejected.retain(|(of, _)| *of != log);
        if let Some(cursor) = self.cursors.get_mut(&log) {
            cursor.seek = Some(to);
        }
        for (id, source) in self.sources.iter_mut().filter(|(_, source)| source.log == log) {
            source.asked();
            links::tell(pipes, *id, &DurableCommand::Seek { to });
            pipes.flush(*id);
        }
    }

    /// Some messages that were handed out wait for no verdict any more.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&Waiting) -> bool) {
        if let Some(ready) = self.ready.take_if(|ready| is_gone(&ready.waiting)) {
            self.held.remove(&(ready.waiting.place.log, ready.waiting.place.offset));
        }
        let tokens = self.waiting.iter().filter(|(_, waiting)| is_gone(waiting));
        let tokens: Vec<u64> = tokens.map(|(token, _)| *token).collect();
        for token in tokens {
            self.verdicts.close(token);
            if let Some(waiting) = self.waiting.remove(&token) {
                self.held.remove(&(waiting.place.log, waiting.place.offset));
            }
            self.last = self.last.filter(|last| *last != token);
        }
    }
}
