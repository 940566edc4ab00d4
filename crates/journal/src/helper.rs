//! The helper threads of a store: one prepares segments ahead, removes those that nobody needs and
//! compacts; the other syncs for those who asked to be called, who must not wait for the first.
//!
//! A store without them does all that in the calls of its users. Each waits for a signal and for
//! nothing else, and ends when the store is closed.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::error::{Error, Result};
use crate::limits::{FIRST_SEGMENT_BYTES, READ_AHEAD_BYTES, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use crate::segment::{Blank, file_name};
use crate::storage::Storage;
use crate::store::Shared;

/// Segments' lengths are multiples of this: a page, and no sector is shared.
const GRANULE_BYTES: u32 = 4096;

/// Segments prepared ahead: the next, and the reserve that acknowledgements alone may use.
const BLANKS: usize = 2;

#[derive(Debug, Default)]
struct Signal {
    woken: bool,
    stop: bool,
    remove: Vec<String>,
}

/// A helper thread as seen from outside.
#[derive(Debug, Default)]
pub(crate) struct Helper {
    signal: Mutex<Signal>,
    signalled: Condvar,
    /// How many segments had been begun when sparse ones were last looked for.
    compacted: AtomicU32,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The segment size that is used when `asked` is asked for.
pub(crate) fn segment_bytes(asked: u32) -> u32 {
    asked.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX).next_multiple_of(GRANULE_BYTES)
}

/// Bytes of the segment begun after `begun` others: small at first, then fourfold each time.
pub(crate) fn next_bytes(segment_bytes: u32, begun: u32) -> u32 {
    let shift = begun.saturating_mul(2).min(10);
    FIRST_SEGMENT_BYTES.checked_shl(shift).unwrap_or(u32::MAX).min(segment_bytes)
}

/// Makes a segment's file of zeros, durable with its name.
pub(crate) fn make_blank(storage: &dyn Storage, slot: u32, bytes: u32) -> Result<Blank> {
    let fault = |error| Error::io("preparing a segment", &error);
    let bytes = bytes.next_multiple_of(GRANULE_BYTES);
    let name = file_name(slot);
    let file = storage.create(&name).map_err(fault)?;
    let prepared = file
        .allocate(u64::from(bytes))
        .and_then(|()| file.sync())
        .and_then(|()| storage.sync_names());
    if let Err(error) = prepared {
        // What room there was is given back; the first failure is the one to tell.
        let _ = storage.remove(&name);
        return Err(fault(error));
    }
    Ok(Blank { file, name, bytes })
}

impl Helper {
    /// Starts the thread, which does `work` on the store.
    pub(crate) fn start(&self, shared: &Arc<Shared>, name: &str, work: fn(&Shared)) -> Result<()> {
        let own = Arc::clone(shared);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&own))
            .map_err(|error| Error::io("starting the journal's thread", &error))?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        self.wake();
        Ok(())
    }

    /// Has the thread look for work.
    pub(crate) fn wake(&self) {
        // Whoever has set it before has notified the thread, which has not looked since.
        if !std::mem::replace(&mut self.signal().woken, true) {
            self.signalled.notify_one();
        }
    }

    /// Ends the thread and waits for its end, unless this is the thread.
    pub(crate) fn stop(&self) {
        self.signal().stop = true;
        self.signalled.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|own| own.thread().id() != thread::current().id()) {
            // It ends by itself; a panic there has nothing to say here.
            let _ = thread.join();
        }
    }

    fn signal(&self) -> MutexGuard<'_, Signal> {
        self.signal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work; `None` at the end.
    fn next(&self) -> Option<Vec<String>> {
        let mut signal = self.signal();
        while !signal.woken && !signal.stop {
            signal = self.signalled.wait(signal).unwrap_or_else(PoisonError::into_inner);
        }
        signal.woken = false;
        let remove = std::mem::take(&mut signal.remove);
        (!signal.stop || !remove.is_empty()).then_some(remove)
    }

    /// The work that waits, if there is some, for who does it in the thread's place.
    pub(crate) fn take_signal(&self) -> Option<Vec<String>> {
        let mut signal = self.signal();
        std::mem::take(&mut signal.woken).then(|| std::mem::take(&mut signal.remove))
    }

    /// Work waits.
    pub(crate) fn is_signalled(&self) -> bool {
        self.signal().woken
    }
}

impl Shared {
    /// What the thread for segments does.
    pub(crate) fn keep_segments(&self) {
        while let Some(remove) = self.helper.next() {
            self.keep_segments_once(remove);
        }
    }

    /// One turn of it.
    pub(crate) fn keep_segments_once(&self, remove: Vec<String>) {
        for name in remove {
            // A file that stays is removed by the next open.
            let _ = self.storage.remove(&name);
        }
        self.prepare_ahead();
        self.compact_sparse();
    }

    /// What the thread for syncs does.
    pub(crate) fn keep_syncing(&self) {
        while self.syncer.next().is_some() {
            self.serve_waiters();
        }
    }

    /// Prepares segments until there are enough, or the disk has no room for more.
    fn prepare_ahead(&self) {
        loop {
            let bytes = {
                let core = self.lock();
                if core.closed || core.failure.is_some() || core.blanks.len() >= BLANKS {
                    return;
                }
                let next = next_bytes(self.options.segment_bytes, core.begun);
                if core.blanks.iter().any(|blank| blank.bytes >= next) {
                    core.reserve_bytes()
                } else {
                    next
                }
            };
            if self.make(bytes).is_err() {
                return;
            }
        }
    }

    /// Compacts segments after each that was begun; one that cannot be is tried after the next.
    fn compact_sparse(&self) {
        let begun = {
            let core = self.lock();
            if core.closed || core.failure.is_some() { 0 } else { core.begun }
        };
        if begun > self.helper.compacted.swap(begun, Ordering::Relaxed) {
            while self.compact().is_ok_and(|compacted| compacted) {}
        }
    }

    /// Prepares a segment of at least `bytes` bytes in the caller's time.
    pub(crate) fn prepare(&self, bytes: u32) -> Result<()> {
        let next = next_bytes(self.options.segment_bytes, self.lock().begun);
        self.make(bytes.max(next))
    }

    fn make(&self, bytes: u32) -> Result<()> {
        let slot = {
            let mut core = self.lock();
            core.next_slot += 1;
            core.next_slot - 1
        };
        let blank = make_blank(&*self.storage, slot, bytes)?;
        let mut core = self.lock();
        if core.closed {
            drop(core);
            let _ = self.storage.remove(&blank.name);
        } else {
            core.blanks.push(blank);
        }
        Ok(())
    }

    /// Removes segments that nothing durable needs.
    pub(crate) fn retire(&self, idle: &[u32]) {
        if idle.is_empty() {
            return;
        }
        let mut names = Vec::new();
        {
            let mut core = self.lock();
            for number in idle {
                core.state.segments.remove(number);
                core.indexes.remove(number);
                names.extend(core.files.remove(number).map(|file| file.name.clone()));
            }
        }
        if self.options.background {
            self.helper.signal().remove.extend(names);
            self.helper.wake();
        } else {
            for name in names {
                // A file that stays is removed by the next open.
                let _ = self.storage.remove(&name);
            }
        }
    }
}

const _: () = assert!(READ_AHEAD_BYTES.is_multiple_of(GRANULE_BYTES as usize));
