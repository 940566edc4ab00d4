//! A batch: changes to any logs of one store that become durable together, or not at all.
//!
//! Owned by one caller and built without any lock; the commit takes the store's lock for as long as
//! copying the records takes.

use std::ops::Range;
use std::sync::Arc;

use crate::entry::{Entry, FilterChange, encode_message};
use crate::error::{Error, Result};
use crate::limits::{
    ACKED_RANGES_MAX, ATTRIBUTES_BYTES_MAX, BATCH_BYTES_MAX, FILTER_BYTES_MAX, KEY_BYTES_MAX,
    PARTS_MAX, PRINCIPAL_BYTES_MAX, RECORD_BYTES_MAX, VALUE_BYTES_MAX,
};
use crate::log::{ConsumerId, Log, RemoteCursor, Session};
use crate::store::{Handle, Lsn};

/// What a commit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// What to wait for: see [`crate::Store::sync`].
    pub lsn: Lsn,
    /// Offsets of the appended messages, in the order of the appends.
    pub offsets: Vec<u64>,
}

/// Changes to be committed as one.
#[derive(Debug)]
pub struct Batch {
    handle: Arc<Handle>,
    records: Vec<u8>,
}

impl Batch {
    pub(crate) fn new(handle: Arc<Handle>) -> Self {
        Self { handle, records: Vec::new() }
    }

    /// True when nothing was added.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Appends a message of several parts, with a block of attributes that only the caller reads.
    /// Its offset is known at the commit.
    pub fn append(&mut self, log: &Log, parts: &[&[u8]], attributes: &[u8]) -> Result<()> {
        self.own(log)?;
        within(attributes.len(), ATTRIBUTES_BYTES_MAX, "bytes of attributes")?;
        within(parts.len(), PARTS_MAX, "parts of a message")?;
        let parts_bytes = parts.iter().map(|part| part.len() + 4);
        let bytes = parts_bytes.fold(attributes.len() + 64, usize::saturating_add);
        within(bytes, RECORD_BYTES_MAX, "bytes of a message")?;
        within(bytes.saturating_add(self.records.len()), BATCH_BYTES_MAX, "bytes of a batch")?;
        encode_message(&mut self.records, log.index(), parts, attributes);
        Ok(())
    }

    /// Acknowledges `range` for a consumer; what lies outside the log is left out.
    pub fn ack(&mut self, log: &Log, consumer: ConsumerId, range: Range<u64>) -> Result<()> {
        if range.start > range.end {
            return Err(Error::Range);
        }
        self.push(log, &Entry::Ack { consumer: consumer.0, from: range.start, to: range.end })
    }

    /// Puts a consumer at `below`: it has acknowledged everything below and nothing from there on.
    pub fn seek(&mut self, log: &Log, consumer: ConsumerId, below: u64) -> Result<()> {
        self.push(log, &Entry::Seek { consumer: consumer.0, below })
    }

    /// Records that `offset` has been given to a consumer `attempt` times.
    pub fn attempt(
        &mut self,
        log: &Log,
        consumer: ConsumerId,
        offset: u64,
        attempt: u32,
    ) -> Result<()> {
        self.push(log, &Entry::Attempt { consumer: consumer.0, offset, attempt })
    }

    /// Adds a filter to a consumer's set.
    pub fn add_filter(&mut self, log: &Log, consumer: ConsumerId, bytes: &[u8]) -> Result<()> {
        within(bytes.len(), FILTER_BYTES_MAX, "bytes of a filter")?;
        let change = FilterChange::Add;
        self.push(log, &Entry::Filter { consumer: consumer.0, change, bytes })
    }

    /// Removes a filter from a consumer's set.
    pub fn remove_filter(&mut self, log: &Log, consumer: ConsumerId, bytes: &[u8]) -> Result<()> {
        within(bytes.len(), FILTER_BYTES_MAX, "bytes of a filter")?;
        let change = FilterChange::Remove;
        self.push(log, &Entry::Filter { consumer: consumer.0, change, bytes })
    }

    /// Removes all filters of a consumer.
    pub fn clear_filters(&mut self, log: &Log, consumer: ConsumerId) -> Result<()> {
        let change = FilterChange::Clear;
        self.push(log, &Entry::Filter { consumer: consumer.0, change, bytes: &[] })
    }

    /// Says who a consumer is.
    pub fn session(&mut self, log: &Log, consumer: ConsumerId, session: &Session) -> Result<()> {
        within(session.principal.len(), PRINCIPAL_BYTES_MAX, "bytes of a principal")?;
        let (instance, last_seen_ms) = (session.instance, session.last_seen_ms);
        let principal = &session.principal;
        let consumer = consumer.0;
        self.push(log, &Entry::Session { consumer, instance, last_seen_ms, principal })
    }

    /// Forgets a consumer, and with it what only it wanted.
    pub fn drop_consumer(&mut self, log: &Log, consumer: ConsumerId) -> Result<()> {
        self.push(log, &Entry::ConsumerDropped { consumer: consumer.0 })
    }

    /// Sets the place in the log `remote` of another store.
    pub fn set_remote_cursor(
        &mut self,
        log: &Log,
        remote: [u8; 16],
        cursor: &RemoteCursor,
    ) -> Result<()> {
        within(cursor.done.above_count(), ACKED_RANGES_MAX, "ranges of a remote cursor")?;
        let ranges = cursor.done.above().map(|range| (range.start, range.end)).collect();
        let (epoch, next) = (cursor.epoch, cursor.done.below());
        self.push(log, &Entry::Cursor { remote, epoch, next, ranges })
    }

    /// Takes some more of the log `remote` of another store, in which there is a place already. It
    /// costs the same however many ranges were taken before.
    pub fn take_of_remote(&mut self, log: &Log, remote: [u8; 16], range: Range<u64>) -> Result<()> {
        if range.start > range.end {
            return Err(Error::Range);
        }
        self.push(log, &Entry::Taken { remote, from: range.start, to: range.end })
    }

    /// Keeps a small value under `key`.
    pub fn put(&mut self, log: &Log, key: &[u8], value: &[u8]) -> Result<()> {
        within(key.len(), KEY_BYTES_MAX, "bytes of a key")?;
        within(value.len(), VALUE_BYTES_MAX, "bytes of a value")?;
        self.push(log, &Entry::Put { key, value: Some(value) })
    }

    /// Forgets the small value under `key`.
    pub fn remove(&mut self, log: &Log, key: &[u8]) -> Result<()> {
        within(key.len(), KEY_BYTES_MAX, "bytes of a key")?;
        self.push(log, &Entry::Put { key, value: None })
    }

    /// Lets go of all messages below `to`, for every consumer, and remembers the gap.
    pub fn trim(&mut self, log: &Log, to: u64, reason: u8) -> Result<()> {
        let from = log.first()?;
        self.push(log, &Entry::Trim { from, to, reason })
    }

    /// Remembers a gap without letting go of anything.
    pub fn gap(&mut self, log: &Log, range: Range<u64>, reason: u8) -> Result<()> {
        if range.start > range.end {
            return Err(Error::Range);
        }
        self.push(log, &Entry::Gap { from: range.start, to: range.end, reason })
    }

    /// Lets the log go on with the number `to`, and remembers the gap before it.
    pub fn skip(&mut self, log: &Log, to: u64, reason: u8) -> Result<()> {
        self.push(log, &Entry::Skip { to, reason })
    }

    /// Commits everything, or nothing. The changes are visible at once and durable when the
    /// returned position is. Blocks for the disk only when more than
    /// [`crate::limits::UNWRITTEN_BYTES_MAX`] would wait to be written, or no segment is prepared.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] when a log is at its limit, [`Error::NoSpace`] when the disk is full,
    /// [`Error::NoSuchLog`] and [`Error::NoSuchConsumer`] when something was dropped meanwhile.
    pub fn commit(self) -> Result<Commit> {
        self.handle.shared.commit(&self.records)
    }

    fn push(&mut self, log: &Log, entry: &Entry<'_>) -> Result<()> {
        self.own(log)?;
        within(self.records.len(), BATCH_BYTES_MAX, "bytes of a batch")?;
        entry.encode(log.index(), &mut self.records);
        Ok(())
    }

    fn own(&self, log: &Log) -> Result<()> {
        if Arc::ptr_eq(&self.handle, log.handle()) { Ok(()) } else { Err(Error::NoSuchLog) }
    }
}

fn within(value: usize, max: usize, what: &'static str) -> Result<()> {
    if value > max { Err(Error::Limit { what, max: max as u64 }) } else { Ok(()) }
}
