//! Which slot each thread's present call uses: the cheap way to keep an object alive, for the calls
//! that are made for every message.
//!
//! A thread writes the slot into its own record, and then looks at the slot's word; it empties the
//! record when it is done, and looks again whether the object is closing. Whoever would free an
//! object that is closing first makes every thread pass a fence, and then reads the records: either
//! it sees the record, and leaves the freeing to that thread, or the thread sees that the object is
//! closing. So a call costs plain loads and stores; only an end costs a system call.
//!
//! A record belongs to one thread until that thread ends, and then to the next one that needs one:
//! they are never freed. What is in use twice in one thread (a free function that calls the library
//! again) is counted in the slot's word instead, as everywhere else.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use oxmq_pipe::fence;

use super::Slot;
use crate::fork;

/// What one thread uses.
#[repr(align(64))]
pub(super) struct Record {
    /// The slot, or null. Written by the record's thread only.
    slot: AtomicPtr<Slot>,
    /// The process it was claimed in; a forked child has no use for those of its parent's threads.
    epoch: AtomicU32,
    claimed: AtomicBool,
    /// The record made before this one; written once, before others can see it.
    next: AtomicPtr<Record>,
}

/// The record made last.
static LAST: AtomicPtr<Record> = AtomicPtr::new(ptr::null_mut());

thread_local! {
    /// This thread's record, once it has one and until it ends. Without a destructor, which would
    /// make each access look whether it has run.
    static MINE: Cell<Option<&'static Record>> = const { Cell::new(None) };
    static RETURNS: ReturnsRecord = const { ReturnsRecord };
}

/// Gives the thread's record back when the thread ends.
struct ReturnsRecord;

impl Drop for ReturnsRecord {
    fn drop(&mut self) {
        if let Some(record) = MINE.take() {
            record.claimed.store(false, Ordering::Release);
        }
    }
}

/// Notes that this thread uses a slot, whose word it may trust from now on if it looks at it after
/// this. None if the thread uses one already, or has no record.
#[inline]
pub(super) fn begin(slot: &'static Slot) -> Option<&'static Record> {
    let record = match MINE.get() {
        Some(record) => record,
        None => claim()?,
    };
    if !record.slot.load(Ordering::Relaxed).is_null()
        || record.epoch.load(Ordering::Relaxed) != fork::epoch()
    {
        return None;
    }
    record.slot.store(ptr::from_ref(slot).cast_mut(), Ordering::Relaxed);
    fence::light();
    Some(record)
}

/// Takes `begin` back. The caller looks at the slot's word after this: if its object is closing,
/// it may be the one to end it.
#[inline]
pub(super) fn end(record: &'static Record) {
    record.slot.store(ptr::null_mut(), Ordering::Release);
    fence::light();
}

/// Whether no thread uses the slot, whose word says that it is closing. A thread that does will
/// find that out itself. False, too, if the system does not let us know.
pub(super) fn is_unused(slot: &'static Slot) -> bool {
    if !fence::heavy() {
        return false;
    }
    let epoch = fork::epoch();
    let mut next = LAST.load(Ordering::Acquire);
    // SAFETY: records are leaked, and `next` of each leads to one or to null.
    while let Some(record) = unsafe { next.as_ref() } {
        let used = record.slot.load(Ordering::Acquire);
        if ptr::eq(used, slot) && record.epoch.load(Ordering::Relaxed) == epoch {
            return false;
        }
        next = record.next.load(Ordering::Relaxed);
    }
    true
}

/// Takes a record for this thread; none when the thread is ending.
#[cold]
fn claim() -> Option<&'static Record> {
    RETURNS.try_with(|_| ()).ok()?;
    let epoch = fork::epoch();
    let mut next = LAST.load(Ordering::Acquire);
    // SAFETY: as in `is_unused`.
    while let Some(record) = unsafe { next.as_ref() } {
        let order = Ordering::Acquire;
        if record.claimed.compare_exchange(false, true, order, Ordering::Relaxed).is_ok() {
            record.epoch.store(epoch, Ordering::Relaxed);
            MINE.set(Some(record));
            return Some(record);
        }
        next = record.next.load(Ordering::Relaxed);
    }
    let record: &'static Record = Box::leak(Box::new(Record {
        slot: AtomicPtr::new(ptr::null_mut()),
        epoch: AtomicU32::new(epoch),
        claimed: AtomicBool::new(true),
        next: AtomicPtr::new(ptr::null_mut()),
    }));
    let here = ptr::from_ref(record).cast_mut();
    let mut last = LAST.load(Ordering::Relaxed);
    loop {
        record.next.store(last, Ordering::Relaxed);
        match LAST.compare_exchange_weak(last, here, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => break,
            Err(newer) => last = newer,
        }
    }
    MINE.set(Some(record));
    Some(record)
}
