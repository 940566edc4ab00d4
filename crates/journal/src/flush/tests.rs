//! Waiting for a sync without blocking: tests on real files, each in a directory of its own; every
//! one drives the store from its own thread.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use crate::{LogOptions, OpenOptions, Store};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Each poll of a pending future noted its waker once more, so that a task which was polled often
/// held memory for each time until the disk was done.
#[test]
fn a_waker_that_waits_is_noted_once() {
    let folder = std::env::temp_dir().join(format!("oxmq-poll-synced-{}", std::process::id()));
    let store = Store::open(&folder, OpenOptions::default()).unwrap();
    let log = store.log(b"log", &LogOptions::default()).unwrap();
    let shared = &store.handle().shared;
    // Somebody else is at the disk all the while.
    shared.lock().flushing = true;
    let lsn = log.append(&[b"x"], b"").unwrap().lsn;
    let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
    let wakers = counts.clone().map(Waker::from);
    for _ in 0..100 {
        wakers.iter().for_each(|waker| assert!(store.poll_synced(lsn, waker).is_none()));
    }
    assert_eq!(shared.lock().wakers.len(), 2);
    shared.lock().flushing = false;
    shared.flushed.notify_all();
    store.sync(lsn).unwrap();
    assert!(store.poll_synced(lsn, &wakers[0]).unwrap().is_ok());
    assert!(shared.lock().wakers.is_empty());
    // The store's threads end with it, and with them whoever calls wakers.
    drop((log, store));
    assert_eq!(counts.map(|count| count.0.load(Ordering::SeqCst)), [1, 1]);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Who waits to be told that something is written is told without a sync, and who waits for a sync
/// is not told before it.
#[test]
fn what_is_written_is_told_before_it_is_synced() {
    let folder = std::env::temp_dir().join(format!("oxmq-on-written-{}", std::process::id()));
    let options = OpenOptions { driven: true, ..OpenOptions::default() };
    let store = Store::open(&folder, options).unwrap();
    let log = store.log(b"log", &LogOptions::default()).unwrap();
    store.do_syncs();
    let lsn = log.append(&[b"x"], b"").unwrap().lsn;
    let (written, synced) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let (of_written, of_synced) = (Arc::clone(&written), Arc::clone(&synced));
    store.on_written(lsn, Box::new(move |done| done.map_or((), |()| of_written.wake())));
    assert_eq!((store.is_written(lsn), written.0.load(Ordering::SeqCst)), (false, 0));
    assert!(store.do_syncs());
    assert_eq!((store.is_written(lsn), written.0.load(Ordering::SeqCst)), (true, 1));
    assert!(!store.is_durable(lsn));
    store.on_synced(lsn, Box::new(move |done| done.map_or((), |()| of_synced.wake())));
    store.written(lsn).unwrap();
    assert_eq!((store.is_durable(lsn), synced.0.load(Ordering::SeqCst)), (false, 0));
    assert!(store.do_syncs());
    assert_eq!((store.is_durable(lsn), synced.0.load(Ordering::SeqCst)), (true, 1));
    drop((log, store));
    std::fs::remove_dir_all(&folder).unwrap();
}
