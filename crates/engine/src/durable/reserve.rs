//! Offsets that a sender may give out before its disk is synchronised: they are reserved first,
//! with a synchronisation for each lot of them. If the machine goes down, the next process finds
//! what was reserved and is not there: it may have been given out and lost. It announces that as a
//! gap, and does not give those numbers out again. Owned by the outbox, under the socket's lock.
//!
//! A process that is killed loses nothing that the system has, so nothing is announced while the
//! system and the file system are the same ones.

use oxmq_journal::{Batch, Log, Store, gap_reason};
use oxmq_zmtp::OffsetRange;

use crate::options::SyncPolicy;

/// Where it stands in the log's small values.
const KEY: &[u8] = b"reserved";

/// Offsets reserved at a time: one synchronisation for so many messages.
const LOT: u64 = 65_536;

/// See the file's first paragraph.
pub(super) struct Reserve {
    /// Offsets below may be given out; `None` if each is safe before it is.
    below: Option<u64>,
}

impl Reserve {
    /// Of a log that is opened, which is brought past what may be lost: those offsets.
    pub(super) fn open(
        store: &Store,
        log: &Log,
        policy: SyncPolicy,
    ) -> oxmq_journal::Result<(Reserve, Option<OffsetRange>)> {
        let reserve = Reserve { below: (policy != SyncPolicy::Always).then_some(0) };
        let Some(value) = log.value(KEY)? else { return Ok((reserve, None)) };
        let next = log.next()?;
        let (below, system) = read(&value);
        let mut batch = store.batch();
        batch.remove(log, KEY)?;
        let is_lost = below > next && (system.is_none() || system != store.incarnation());
        if is_lost {
            batch.skip(log, below, gap_reason::LOST_IN_CRASH)?;
        }
        store.sync(batch.commit()?.lsn)?;
        let lost = is_lost.then(|| OffsetRange { from: next, to: below - 1 });
        Ok((reserve, lost))
    }

    /// Messages are given out before the disk has them.
    pub(super) fn is_on(&self) -> bool {
        self.below.is_some()
    }

    /// Sees to it that a message of this offset may be given out; true if what is added to the
    /// batch has to be synchronised before.
    pub(super) fn reserve(
        &self,
        log: &Log,
        offset: u64,
        batch: &mut Batch,
    ) -> oxmq_journal::Result<bool> {
        if self.below.is_none_or(|below| offset < below) {
            return Ok(false);
        }
        let mut value = offset.saturating_add(LOT).to_be_bytes().to_vec();
        value.extend(log.store().incarnation().into_iter().flatten());
        batch.put(log, KEY, &value)?;
        Ok(true)
    }

    /// What was added to the batch with this offset is committed.
    pub(super) fn reserved(&mut self, offset: u64) {
        if let Some(below) = &mut self.below {
            *below = offset.saturating_add(LOT);
        }
    }

    /// What was reserved may be lost, as the disk failed.
    pub(super) fn forget(&mut self) {
        if let Some(below) = &mut self.below {
            *below = 0;
        }
    }

    /// Nothing is given out any more that is not there: to be recorded when the log is closed.
    pub(super) fn close(log: &Log, batch: &mut Batch) -> oxmq_journal::Result<()> {
        batch.remove(log, KEY)
    }
}

/// The offset in a value, and the system it was written in.
fn read(value: &[u8]) -> (u64, Option<[u8; 24]>) {
    let Some((below, system)) = value.split_first_chunk() else { return (0, None) };
    (u64::from_be_bytes(*below), system.try_into().ok())
}
