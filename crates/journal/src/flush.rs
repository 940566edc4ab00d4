//! Writing and syncing: one caller at a time does it for everybody.
//!
//! Whoever first needs the disk becomes the one who flushes: it ends the group, writes it, syncs,
//! and tells the others, who wait meanwhile and find their part done or flush next. A caller alone
//! so pays no change of threads. Waiters that are callbacks are served by a helper thread. A
//! failure of a write or a sync is final for everything that was not synced: nothing is tried again
//! on pages whose fate is unknown.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use crate::error::{Error, Result};
use crate::mark;
use crate::store::{Callback, Core, Lsn, Shared, Store};
use crate::tail::Write;

/// Most ranges of positions that are remembered as lost.
const LOST_MAX: usize = 64;

impl Store {
    /// Blocks until everything committed at or before `lsn` is durable.
    ///
    /// # Errors
    ///
    /// The failure of the disk, after which nothing committed since the last sync is durable and
    /// the store is opened anew at the next commit.
    pub fn sync(&self, lsn: Lsn) -> Result<()> {
        self.handle().shared.flush_to(lsn, true)
    }

    /// Blocks until everything committed at or before `lsn` is with the operating system: it
    /// survives this process, not the machine.
    pub fn written(&self, lsn: Lsn) -> Result<()> {
        self.handle().shared.flush_to(lsn, false)
    }

    /// The position up to which everything is durable.
    pub fn synced(&self) -> Lsn {
        self.handle().shared.lock().synced
    }

    /// How often the store was opened anew after a failure of the disk: while it is the same, so
    /// are the epochs of open logs.
    pub fn revivals(&self) -> u64 {
        self.handle().shared.marks.revivals.load(Ordering::Acquire)
    }

    /// Whether the disk has failed, so that the next commit opens the store anew.
    pub fn has_failed(&self) -> bool {
        self.handle().shared.marks.has_failed() && self.handle().shared.lock().failure.is_some()
    }

    /// Whether everything committed at or before `lsn` is durable.
    pub fn is_durable(&self, lsn: Lsn) -> bool {
        self.handle().shared.is_settled_well(lsn, true)
    }

    /// Whether everything committed at or before `lsn` is with the operating system.
    pub fn is_written(&self, lsn: Lsn) -> bool {
        self.handle().shared.is_settled_well(lsn, false)
    }

    /// Whether what was committed at `lsn` will never be durable: the disk has failed before. The
    /// store is opened anew at the next commit.
    pub fn is_given_up(&self, lsn: Lsn) -> bool {
        if !self.handle().shared.marks.has_failed() {
            return false;
        }
        let core = self.handle().shared.lock();
        core.is_lost(lsn) || (core.failure.is_some() && lsn > core.synced)
    }

    /// Calls `done` when everything committed at or before `lsn` is durable, or has failed to
    /// become so; from a thread that holds no lock of the store, possibly this one.
    pub fn on_synced(&self, lsn: Lsn, done: Box<dyn FnOnce(Result<()>) + Send>) {
        self.handle().shared.wait_for(lsn, true, done);
    }

    /// As [`Store::on_synced`], for being with the operating system.
    pub fn on_written(&self, lsn: Lsn, done: Box<dyn FnOnce(Result<()>) + Send>) {
        self.handle().shared.wait_for(lsn, false, done);
    }

    /// Says how `lsn` stands, and has `waker` woken when it may have changed. `None`: not yet. A
    /// waker that waits for `lsn` already is not noted twice, however often this is called.
    pub fn poll_synced(&self, lsn: Lsn, waker: &Waker) -> Option<Result<()>> {
        self.handle().shared.poll(lsn, waker)
    }
}

/// How far the store is written and synced, to be looked at without its lock: as in [`Core`], but
/// for the time between a failure of the disk and whoever is told of it.
#[derive(Debug)]
pub(crate) struct Marks {
    written: AtomicU64,
    synced: AtomicU64,
    /// The disk has failed at some time: what was lost is known under the lock only. Set before
    /// either mark goes past what was lost.
    failed: AtomicBool,
    /// How often the store was opened anew.
    revivals: AtomicU64,
}

impl Marks {
    pub(crate) fn new(written: Lsn, synced: Lsn) -> Self {
        let (written, synced) = (AtomicU64::new(written.0), AtomicU64::new(synced.0));
        let (failed, revivals) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { written, synced, failed, revivals }
    }

    /// The store has been opened anew; called under its lock.
    pub(crate) fn revived(&self) {
        self.revivals.fetch_add(1, Ordering::Release);
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Everything up to `lsn` is written, or synced: `None` if that is known under the lock only.
    fn has_reached(&self, lsn: Lsn, sync: bool) -> Option<bool> {
        let mark = if sync { &self.synced } else { &self.written };
        let reached = mark.load(Ordering::Acquire) >= lsn.0;
        (!self.has_failed()).then_some(reached)
    }
}

/// Somebody who is to be called.
pub(crate) struct Waiter {
    lsn: Lsn,
    /// Waits for it to be synced, not only written.
    sync: bool,
    done: Callback,
}

impl Core {
    /// How the wait for `lsn` has ended, if it has.
    fn settled(&self, lsn: Lsn, sync: bool) -> Option<Result<()>> {
        if self.is_lost(lsn) {
            let unknown = Error::Io {
                doing: "syncing the store",
                errno: None,
                kind: std::io::ErrorKind::Other,
            };
            return Some(Err(self.failure.clone().unwrap_or(unknown)));
        }
        let reached = if sync { self.synced } else { self.written };
        if lsn <= reached { Some(Ok(())) } else { self.failure.clone().map(Err) }
    }
}

impl Shared {
    /// Blocks until `lsn` is written, and synced when that is asked for.
    pub(crate) fn flush_to(&self, lsn: Lsn, sync: bool) -> Result<()> {
        self.check_process()?;
        if self.marks.has_reached(lsn, sync) == Some(true) {
            return Ok(());
        }
        let mut core = self.lock();
        loop {
            if let Some(settled) = core.settled(lsn, sync) {
                return settled;
            }
            if core.flushing {
                core.blocked += 1;
                core = self.flushed.wait(core).unwrap_or_else(PoisonError::into_inner);
                core.blocked -= 1;
            } else {
                drop(self.flush(core, sync));
                core = self.lock();
            }
        }
    }

    /// Writes everything, and syncs it when that is asked for.
    fn flush(&self, mut core: std::sync::MutexGuard<'_, Core>, sync: bool) -> Result<()> {
        core.flushing = true;
        let durable = core.synced;
        core.tail.end_group(durable.0);
        let end = core.end();
        let writes = core.tail.take_unwritten();
        let file = std::sync::Arc::clone(&core.tail.file);
        let idle = if sync { core.state.idle_segments(end.segment()) } else { Vec::new() };
        drop(core);
        let result = write(writes).and_then(|()| {
            if sync {
                file.file.sync().map_err(|error| Error::io("syncing", &error))
            } else {
                Ok(())
            }
        });
        let mut core = self.lock();
        core.flushing = false;
        match &result {
            Ok(()) => {
                core.written = core.written.max(end);
                core.tail.note_written(end.segment(), end.position());
                if sync {
                    core.synced = core.synced.max(end);
                }
                self.marks.written.store(core.written.0, Ordering::Release);
                self.marks.synced.store(core.synced.0, Ordering::Release);
            }
            Err(error) => {
                self.marks.failed.store(true, Ordering::Release);
                core.fail(error.clone());
            }
        }
        let synced = core.synced;
        let called = core.take_waiters();
        let woken = core.take_wakers();
        let is_awaited = core.blocked > 0;
        drop(core);
        if is_awaited {
            self.flushed.notify_all();
        }
        if sync && result.is_ok() {
            self.write_mark(synced);
            self.retire(&idle);
        }
        for (done, outcome) in called {
            done(outcome);
        }
        woken.into_iter().for_each(Waker::wake);
        result
    }

    /// What is written, or synced, and was never lost.
    fn is_settled_well(&self, lsn: Lsn, sync: bool) -> bool {
        self.marks.has_reached(lsn, sync).unwrap_or_else(|| {
            let core = self.lock();
            let reached = if sync { core.synced } else { core.written };
            lsn <= reached && !core.is_lost(lsn)
        })
    }

    fn wait_for(&self, lsn: Lsn, sync: bool, done: Callback) {
        if let Err(error) = self.check_process() {
            return done(Err(error));
        }
        let settled = {
            let mut core = self.lock();
            let settled = core.settled(lsn, sync);
            if settled.is_none() {
                core.waiters.push(Waiter { lsn, sync, done });
                None
            } else {
                settled.map(|settled| (settled, done))
            }
        };
        match settled {
            Some((settled, done)) => done(settled),
            None if self.options.background => self.syncer.wake(),
            None => self.serve_waiters(),
        }
    }

    fn poll(&self, lsn: Lsn, waker: &Waker) -> Option<Result<()>> {
        if let Err(error) = self.check_process() {
            return Some(Err(error));
        }
        let mut core = self.lock();
        let settled = core.settled(lsn, true);
        if settled.is_some() {
            return settled;
        }
        if !core.wakers.iter().any(|(other, known)| *other == lsn && known.will_wake(waker)) {
            core.wakers.push((lsn, waker.clone()));
        }
        drop(core);
        if self.options.background {
            self.syncer.wake();
            return None;
        }
        self.serve_waiters();
        self.lock().settled(lsn, true)
    }

    /// Writes and syncs for those who are to be called or woken.
    pub(crate) fn serve_waiters(&self) {
        let (written, synced) = {
            let core = self.lock();
            (core.awaited(false), core.awaited(true))
        };
        // Those who wait are told of a failure by the flush itself.
        if let Some(last) = synced {
            let _ = self.flush_to(last, true);
        }
        if let Some(last) = written {
            let _ = self.flush_to(last, false);
        }
    }

    /// Notes how far the store is durable. It is a witness and no promise, so its failure is
    /// nobody's.
    fn write_mark(&self, synced: Lsn) {
        let mut file = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            *file = mark::open(&*self.storage).ok();
        }
        if let Some(file) = &*file {
            let _ = file.write_at(0, &mark::encode(self.store, synced));
        }
    }

    /// Makes the mark itself durable.
    pub(crate) fn sync_mark(&self) {
        if let Some(file) = &*self.mark.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = file.sync();
        }
    }
}

impl Core {
    /// Gives up everything that is not synced.
    fn fail(&mut self, error: Error) {
        let lost = (self.synced, self.end());
        self.lost.push_back(lost);
        if self.lost.len() > LOST_MAX
            && let (Some(oldest), Some(next)) = (self.lost.pop_front(), self.lost.front_mut())
        {
            next.0 = oldest.0;
        }
        self.failure = Some(error);
    }

    /// The last position that somebody is to be told of once it is synced, or written.
    fn awaited(&self, sync: bool) -> Option<Lsn> {
        let called = self.waiters.iter().filter(|waiter| waiter.sync == sync);
        let woken = self.wakers.iter().filter(|_| sync).map(|(lsn, _)| *lsn);
        called.map(|waiter| waiter.lsn).chain(woken).max()
    }

    /// Those whose wait has ended.
    fn take_wakers(&mut self) -> Vec<Waker> {
        let wakers = std::mem::take(&mut self.wakers);
        let ended = |(lsn, _): &(Lsn, Waker)| self.settled(*lsn, true).is_some();
        let (ended, waiting): (Vec<_>, Vec<_>) = wakers.into_iter().partition(ended);
        self.wakers = waiting;
        ended.into_iter().map(|(_, waker)| waker).collect()
    }

    /// Those whose wait has ended, with how.
    fn take_waiters(&mut self) -> Vec<(Callback, Result<()>)> {
        let mut ended = Vec::new();
        for waiter in std::mem::take(&mut self.waiters) {
            match self.settled(waiter.lsn, waiter.sync) {
                Some(outcome) => ended.push((waiter.done, outcome)),
                None => self.waiters.push(waiter),
            }
        }
        ended
    }
}

fn write(writes: VecDeque<Write>) -> Result<()> {
    for write in writes {
        let fault = |error| Error::io("writing a segment", &error);
        write.file.file.write_at(u64::from(write.at), &write.bytes).map_err(fault)?;
        if write.ends_segment {
            // The next segment's header says that this one is durable.
            write.file.file.sync().map_err(|error| Error::io("syncing", &error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
