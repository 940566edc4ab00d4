//! A log: its options, the handle to it, and what can be learned of its consumers.
//!
//! A handle may be cloned and used from any thread; calls take the store's lock for a moment and
//! never while the disk is waited for.

use std::sync::Arc;

use crate::batch::Batch;
use crate::entry::{Entry, LogEntry};
use crate::error::{Error, Result};
use crate::limits::{CONSUMER_NAME_BYTES_MAX, CONSUMERS_MAX};
use crate::ranges::Ranges;
use crate::reader::{Reader, Record};
use crate::state::{Consumer, LogState};
use crate::store::{Handle, Lsn, Store};

/// What an append does when the log has reached a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFull {
    /// The append fails with [`Error::Full`].
    #[default]
    Refuse,
    /// The oldest messages make room, and a gap is remembered.
    DropOldest,
}

/// How long a message is kept, within the log's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retention {
    /// Until every consumer has acknowledged it; without consumers, everything is kept.
    #[default]
    Acknowledged,
    /// Until every consumer has acknowledged it; without consumers, nothing is kept.
    Consumers,
    /// Until a limit is reached, acknowledged or not.
    Limits,
}

/// A log's options. The role is fixed when the log is made; the others are those of the last open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// The caller's own kind of log.
    pub role: u8,
    /// Most bytes that messages may take on disk; no limit by default.
    pub bytes_max: u64,
    /// Most messages; no limit by default.
    pub messages_max: u64,
    /// Age in milliseconds that [`Log::expire`] does not leave; no limit by default.
    pub age_max_ms: u64,
    /// What happens at a limit.
    pub on_full: OnFull,
    /// How long messages are kept.
    pub retention: Retention,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            role: 0,
            bytes_max: u64::MAX,
            messages_max: u64::MAX,
            age_max_ms: u64::MAX,
            on_full: OnFull::default(),
            retention: Retention::default(),
        }
    }
}

impl LogOptions {
    pub(crate) fn from_entry(entry: &LogEntry<'_>) -> Self {
        Self {
            role: entry.role,
            bytes_max: entry.bytes_max,
            messages_max: entry.messages_max,
            age_max_ms: entry.age_max_ms,
            on_full: if entry.on_full == 1 { OnFull::DropOldest } else { OnFull::Refuse },
            retention: match entry.retention {
                1 => Retention::Consumers,
                2 => Retention::Limits,
                _ => Retention::Acknowledged,
            },
        }
    }

    pub(crate) fn entry<'a>(
        &self,
        id: [u8; 16],
        role: u8,
        first: u64,
        next: u64,
        name: &'a [u8],
    ) -> LogEntry<'a> {
        LogEntry {
            id,
            role,
            on_full: self.on_full as u8,
            retention: self.retention as u8,
            bytes_max: self.bytes_max,
            messages_max: self.messages_max,
            age_max_ms: self.age_max_ms,
            first,
            next,
            name,
        }
    }
}

/// Number of a consumer within its log; it does not change while the consumer exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConsumerId(pub(crate) u32);

/// Who a consumer is at present.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// Who may use the name, as the security mechanism calls it; empty when nobody said.
    pub principal: Vec<u8>,
    /// Which run of the peer holds the name; a higher one supersedes.
    pub instance: u64,
    /// When the peer was last there, in milliseconds since 1970.
    pub last_seen_ms: u64,
}

/// A run of offsets that was lost or let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// First offset.
    pub from: u64,
    /// Offset after the last.
    pub to: u64,
    /// The caller's reason, or one of [`gap_reason`].
    pub reason: u8,
}

/// Reasons of gaps. The journal gives the first three itself, and its callers the others.
pub mod gap_reason {
    /// The log was full, and its oldest messages made room.
    pub const RETENTION: u8 = 1;
    /// Older than the log's limit.
    pub const AGE: u8 = 2;
    /// Damaged on disk, and left out by a salvage.
    pub const CORRUPT: u8 = 3;
    /// Put aside, as nobody can deal with it.
    pub const DEAD_LETTER: u8 = 4;
    /// Maybe given out, and lost when the machine went down.
    pub const LOST_IN_CRASH: u8 = 5;
}

/// What a consumer has done so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerStatus {
    /// The consumer's number.
    pub id: ConsumerId,
    /// Its name.
    pub name: Vec<u8>,
    /// What it has acknowledged.
    pub acked: Ranges,
    /// Attempts of offsets that are not acknowledged, ascending.
    pub attempts: Vec<(u64, u32)>,
    /// Its filters, ascending.
    pub filters: Vec<Vec<u8>>,
    /// Who it is.
    pub session: Session,
}

/// A receiver's place in a log of another store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteCursor {
    /// The epoch in which the place was reached.
    pub epoch: u64,
    /// What has been taken.
    pub done: Ranges,
}

/// A log's figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStatus {
    /// The log's name.
    pub name: Vec<u8>,
    /// The log's identity, random.
    pub id: [u8; 16],
    /// Its options.
    pub options: LogOptions,
    /// Current epoch.
    pub epoch: u64,
    /// First offset kept.
    pub first: u64,
    /// Offset that the next message will have.
    pub next: u64,
    /// Bytes of kept messages on disk, nearly.
    pub bytes: u64,
    /// Epochs and the offset each began with, ascending.
    pub epochs: Vec<(u64, u64)>,
    /// What was lost or let go, oldest first.
    pub gaps: Vec<Gap>,
    /// How many consumers there are.
    pub consumers: usize,
}

/// A message's number, and when it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The message's offset in its log.
    pub offset: u64,
    /// What to wait for.
    pub lsn: Lsn,
}

/// An open log of a store. Clones share it; when the last is dropped the name is free again.
#[derive(Debug, Clone)]
pub struct Log {
    inner: Arc<OpenLog>,
}

#[derive(Debug)]
struct OpenLog {
    handle: Arc<Handle>,
    index: u32,
    id: [u8; 16],
}

impl Drop for OpenLog {
    fn drop(&mut self) {
        self.handle.shared.release_log(self.index);
    }
}

impl Log {
    pub(crate) fn new(handle: Arc<Handle>, index: u32, id: [u8; 16]) -> Self {
        Self { inner: Arc::new(OpenLog { handle, index, id }) }
    }

    pub(crate) fn index(&self) -> u32 {
        self.inner.index
    }

    pub(crate) fn handle(&self) -> &Arc<Handle> {
        &self.inner.handle
    }

    /// The store that holds the log.
    pub fn store(&self) -> Store {
        Store::from_handle(Arc::clone(&self.inner.handle))
    }

    /// The log's identity: random, made with the log.
    pub fn id(&self) -> [u8; 16] {
        self.inner.id
    }

    /// The current epoch: one more for each time the log was opened, or its store recovered.
    pub fn epoch(&self) -> Result<u64> {
        self.with(LogState::epoch)
    }

    /// The first offset that is kept.
    pub fn first(&self) -> Result<u64> {
        self.with(|log| log.first)
    }

    /// The offset that the next message will have.
    pub fn next(&self) -> Result<u64> {
        self.with(|log| log.next)
    }

    /// The log's figures.
    pub fn status(&self) -> Result<LogStatus> {
        self.with(LogState::status)
    }

    /// Bytes of kept messages on disk, nearly.
    pub fn bytes(&self) -> Result<u64> {
        self.with(LogState::bytes)
    }

    /// What was lost or let go, oldest first.
    pub fn gaps(&self) -> Result<Vec<Gap>> {
        self.with(|log| log.gaps.iter().copied().collect())
    }

    /// Appends one message as a batch of its own; see [`Batch::append`] and [`Batch::commit`].
    pub fn append(&self, parts: &[&[u8]], attributes: &[u8]) -> Result<Appended> {
        let mut batch = self.batch();
        batch.append(self, parts, attributes)?;
        let commit = batch.commit()?;
        Ok(Appended { offset: commit.offsets.first().copied().unwrap_or(0), lsn: commit.lsn })
    }

    /// Acknowledges `range` for `consumer` as a batch of its own.
    pub fn ack(&self, consumer: ConsumerId, range: std::ops::Range<u64>) -> Result<Lsn> {
        let mut batch = self.batch();
        batch.ack(self, consumer, range)?;
        Ok(batch.commit()?.lsn)
    }

    /// The message at `offset`; `None` when it is not there, or no longer. May read the disk.
    pub fn read(&self, offset: u64) -> Result<Option<Record>> {
        let record = self.reader(offset).next()?;
        Ok(record.filter(|record| record.offset == offset))
    }

    /// Reads the log in order, beginning at `from` or the first message kept after it.
    pub fn reader(&self, from: u64) -> Reader {
        Reader::new(Arc::clone(&self.inner.handle), self.inner.index, from)
    }

    /// The consumer of this name, made when there is none: it then has `below` as the first offset
    /// that it has not acknowledged. The making is a batch of its own.
    pub fn consumer(&self, name: &[u8], below: u64) -> Result<ConsumerId> {
        if name.len() > CONSUMER_NAME_BYTES_MAX {
            let max = CONSUMER_NAME_BYTES_MAX as u64;
            return Err(Error::Limit { what: "bytes of a consumer's name", max });
        }
        self.inner.handle.shared.commit_built(|state, _, out| {
            let log = state.logs.get(&self.inner.index).ok_or(Error::NoSuchLog)?;
            if let Some(consumer) = log.consumer_names.get(name) {
                return Ok(ConsumerId(*consumer));
            }
            if log.consumers.len() >= CONSUMERS_MAX {
                let max = CONSUMERS_MAX as u64;
                return Err(Error::Limit { what: "consumers of a log", max });
            }
            let consumer = log.next_consumer;
            let below = below.clamp(log.first, log.next);
            Entry::Consumer { consumer, below, name }.encode(self.inner.index, out);
            Ok(ConsumerId(consumer))
        })
    }

    /// The consumer of this name, when there is one.
    pub fn find_consumer(&self, name: &[u8]) -> Result<Option<ConsumerId>> {
        self.with(|log| log.consumer_names.get(name).map(|consumer| ConsumerId(*consumer)))
    }

    /// What a consumer has done so far.
    pub fn consumer_status(&self, consumer: ConsumerId) -> Result<ConsumerStatus> {
        self.with(|log| log.consumers.get(&consumer.0).map(|state| state.status(consumer)))?
            .ok_or(Error::NoSuchConsumer)
    }

    /// All consumers, in the order they were made.
    pub fn consumers(&self) -> Result<Vec<ConsumerStatus>> {
        self.with(LogState::consumer_list)
    }

    /// The place in the remote log `remote`.
    pub fn remote_cursor(&self, remote: &[u8; 16]) -> Result<Option<RemoteCursor>> {
        self.with(|log| {
            let cursor = log.cursors.get(remote)?;
            Some(RemoteCursor { epoch: cursor.epoch, done: cursor.done.clone() })
        })
    }

    /// All places in remote logs.
    pub fn remote_cursors(&self) -> Result<Vec<([u8; 16], RemoteCursor)>> {
        self.with(LogState::remote_cursors)
    }

    /// A small value kept under `key`.
    pub fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.with(|log| log.values.get(key).map(|value| value.to_vec()))
    }

    /// Lets go of messages older than the log's limit at `now_ms`, and remembers the gap; returns
    /// how many. May read the disk.
    pub fn expire(&self, now_ms: u64) -> Result<u64> {
        let limit = self.with(|log| log.options.age_max_ms)?;
        let Some(oldest) = now_ms.checked_sub(limit) else { return Ok(0) };
        let oldest = oldest.saturating_add(1);
        let first = self.first()?;
        let to = match self.first_since(first, oldest)? {
            Some((offset, _)) => offset,
            None => self.next()?,
        };
        if to > first {
            let mut batch = self.batch();
            batch.trim(self, to, gap_reason::AGE)?;
            batch.commit()?;
        }
        Ok(to.saturating_sub(first))
    }

    /// The first message kept at or after `from` that was appended at `ms`, in milliseconds since
    /// 1970, or later: its offset and its time. `None` when there is none. May read the disk; whole
    /// segments that are older are passed over.
    pub fn first_since(&self, from: u64, ms: u64) -> Result<Option<(u64, u64)>> {
        let mut reader = self.reader(self.with(|log| log.not_before(from, ms))?);
        while let Some(record) = reader.next()? {
            if record.time_ms >= ms {
                return Ok(Some((record.offset, record.time_ms)));
            }
        }
        Ok(None)
    }

    fn batch(&self) -> Batch {
        Batch::new(Arc::clone(&self.inner.handle))
    }

    fn with<T>(&self, look: impl FnOnce(&LogState) -> T) -> Result<T> {
        self.inner.handle.shared.with_log(self.inner.index, look)
    }
}

impl LogState {
    pub(crate) fn status(&self) -> LogStatus {
        LogStatus {
            name: self.name.to_vec(),
            id: self.id,
            options: self.options.clone(),
            epoch: self.epoch(),
            first: self.first,
            next: self.next,
            bytes: self.bytes(),
            epochs: self.epochs.iter().copied().collect(),
            gaps: self.gaps.iter().copied().collect(),
            consumers: self.consumers.len(),
        }
    }

    pub(crate) fn remote_cursors(&self) -> Vec<([u8; 16], RemoteCursor)> {
        let cursor = |(id, cursor): (&[u8; 16], &crate::state::Cursor)| {
            (*id, RemoteCursor { epoch: cursor.epoch, done: cursor.done.clone() })
        };
        self.cursors.iter().map(cursor).collect()
    }

    pub(crate) fn consumer_list(&self) -> Vec<ConsumerStatus> {
        self.consumers.iter().map(|(id, state)| state.status(ConsumerId(*id))).collect()
    }
}

impl Consumer {
    fn status(&self, id: ConsumerId) -> ConsumerStatus {
        ConsumerStatus {
            id,
            name: self.name.to_vec(),
            acked: self.acked.clone(),
            attempts: self.attempts.iter().map(|(offset, attempt)| (*offset, *attempt)).collect(),
            filters: self.filters.iter().map(|filter| filter.to_vec()).collect(),
            session: self.session.clone(),
        }
    }
}
