//! The store through its public interface, on real files: what is appended is read, what is
//! acknowledged goes, and what was synced is there after the store was opened again.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use oxmq_journal::{
    Error, Inspect, LogOptions, OnFull, OpenOptions, Ranges, RemoteCursor, Retention, Session,
    Store,
};

/// A directory of this test's own, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("oxmq-journal-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self, segment_bytes: u32) -> Store {
        let options = OpenOptions { segment_bytes, ..OpenOptions::default() };
        Store::open(&self.0, options).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_store_is_made_with_the_directories_above_it() {
    let directory = Directory::new();
    let path = directory.0.join("var").join("lib");
    let store = Store::open(&path, OpenOptions::default()).unwrap();
    let log = store.log(b"orders", &LogOptions::default()).unwrap();
    log.append(&[b"kept"], b"").unwrap();
    drop((log, store));
    let mode = std::fs::metadata(&directory.0).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let store = Store::open(&path, OpenOptions::default()).unwrap();
    let log = store.log(b"orders", &LogOptions::default()).unwrap();
    assert_eq!(log.append(&[b"next"], b"").unwrap().offset, 2);
    drop((log, store));
    // A file in the way is told as such.
    let file = path.join("owner");
    assert!(Store::open(&file.join("below"), OpenOptions::default()).is_err());
}

#[test]
fn messages_and_all_state_survive_a_reopen() {
    let directory = Directory::new();
    let id;
    {
        let store = directory.open(64 * 1024);
        let log = store.log(b"orders", &LogOptions { role: 7, ..LogOptions::default() }).unwrap();
        id = log.id();
        assert_eq!(log.epoch().unwrap(), 1);
        let alice = log.consumer(b"alice", 1).unwrap();
        let bob = log.consumer(b"", 1).unwrap();
        for number in 0..10u8 {
            let appended = log.append(&[b"part", &[number]], &[number; 3]).unwrap();
            assert_eq!(appended.offset, u64::from(number) + 1);
        }
        let mut batch = store.batch();
        batch.ack(&log, alice, 1..4).unwrap();
        batch.ack(&log, bob, 5..7).unwrap();
        batch.attempt(&log, bob, 2, 3).unwrap();
        batch.add_filter(&log, alice, b"news").unwrap();
        batch.add_filter(&log, alice, b"gone").unwrap();
        batch.remove_filter(&log, alice, b"gone").unwrap();
        let session = Session { principal: b"key".to_vec(), instance: 9, last_seen_ms: 8 };
        batch.session(&log, alice, &session).unwrap();
        let mut done = Ranges::new(100);
        done.insert(105..107);
        batch.set_remote_cursor(&log, [5; 16], &RemoteCursor { epoch: 3, done }).unwrap();
        batch.put(&log, b"k", b"v").unwrap();
        batch.gap(&log, 1..2, 77).unwrap();
        let commit = batch.commit().unwrap();
        store.sync(commit.lsn).unwrap();
        assert!(store.synced() >= commit.lsn);
    }
    for epoch in 2..5 {
        let store = directory.open(64 * 1024);
        assert_eq!(store.report().torn_bytes, 0);
        let log = store.log(b"orders", &LogOptions::default()).unwrap();
        assert_eq!((log.id(), log.epoch().unwrap()), (id, epoch));
        assert_eq!((log.first().unwrap(), log.next().unwrap()), (1, 11));
        let consumers = log.consumers().unwrap();
        assert_eq!(consumers.len(), 2);
        assert_eq!(consumers[0].name, b"alice");
        assert_eq!(consumers[0].acked.below(), 4);
        assert_eq!(consumers[0].filters, [b"news"]);
        assert_eq!(consumers[0].session.instance, 9);
        assert!(consumers[1].acked.above().eq(std::iter::once(5..7)));
        assert_eq!(consumers[1].attempts, [(2, 3)]);
        let cursor = log.remote_cursor(&[5; 16]).unwrap().unwrap();
        assert_eq!((cursor.epoch, cursor.done.below()), (3, 100));
        assert!(cursor.done.contains(106));
        assert_eq!(log.value(b"k").unwrap().unwrap(), b"v");
        assert_eq!(log.status().unwrap().gaps[0].reason, 77);
        let mut reader = log.reader(1);
        for number in 0..10u8 {
            let record = reader.next().unwrap().unwrap();
            assert_eq!(record.offset, u64::from(number) + 1);
            assert_eq!(record.epoch, 1);
            assert_eq!(record.parts().collect::<Vec<_>>(), [&b"part"[..], &[number]]);
            assert_eq!(record.attributes(), [number; 3]);
        }
        assert!(reader.next().unwrap().is_none());
        assert!(log.read(11).unwrap().is_none());
    }
}

#[test]
fn a_backlog_over_many_segments_is_read_and_its_space_returns() {
    let directory = Directory::new();
    let store = directory.open(64 * 1024);
    let log = store.log(b"a", &LogOptions::default()).unwrap();
    let other = store.log(b"b", &LogOptions::default()).unwrap();
    let worker = log.consumer(b"w", 1).unwrap();
    other.consumer(b"w", 1).unwrap();
    let mut last = None;
    for number in 0..5000u32 {
        let body = vec![number as u8; 1 + number as usize % 700];
        log.append(&[&number.to_le_bytes(), &body], b"").unwrap();
        if number % 1000 == 0 {
            other.append(&[&number.to_le_bytes()], b"").unwrap();
        }
        if number % 50 == 0 {
            last = Some(log.append(&[b"x"], b"").unwrap());
            store.written(last.unwrap().lsn).unwrap();
        }
    }
    store.sync(last.unwrap().lsn).unwrap();
    let full = store.disk_bytes();
    assert!(full > 1_500_000);
    drop((log, other, store));

    let store = directory.open(64 * 1024);
    let log = store.log(b"a", &LogOptions::default()).unwrap();
    let other = store.log(b"b", &LogOptions::default()).unwrap();
    let mut reader = log.reader(0);
    let mut seen = 0u32;
    for offset in 1..log.next().unwrap() {
        let record = reader.next().unwrap().unwrap();
        assert_eq!(record.offset, offset);
        if record.parts_count() == 2 {
            assert_eq!(record.part(0), seen.to_le_bytes());
            assert_eq!(record.part(1).len(), 1 + seen as usize % 700);
            seen += 1;
        }
    }
    assert_eq!(seen, 5000);
    assert_eq!(log.read(2500).unwrap().unwrap().offset, 2500);
    let mut reader = other.reader(0);
    for number in 0..5u32 {
        assert_eq!(reader.next().unwrap().unwrap().part(0), (number * 1000).to_le_bytes());
    }
    let done = log.ack(worker, 1..log.next().unwrap()).unwrap();
    store.sync(done).unwrap();
    let done = other.ack(other.find_consumer(b"w").unwrap().unwrap(), 1..6).unwrap();
    store.sync(done).unwrap();
    assert_eq!(log.first().unwrap(), log.next().unwrap());
    assert_eq!(log.status().unwrap().bytes, 0);
    assert!(store.disk_bytes() <= 3 * 64 * 1024, "{}", store.disk_bytes());
}

#[test]
fn limits_refuse_or_drop_the_oldest() {
    let directory = Directory::new();
    let store = directory.open(64 * 1024);
    let refuse = LogOptions { messages_max: 3, ..LogOptions::default() };
    let log = store.log(b"refuse", &refuse).unwrap();
    let worker = log.consumer(b"w", 1).unwrap();
    for _ in 0..3 {
        log.append(&[b"m"], b"").unwrap();
    }
    assert_eq!(log.append(&[b"m"], b"").unwrap_err(), Error::Full);
    log.ack(worker, 1..2).unwrap();
    assert_eq!(log.append(&[b"m"], b"").unwrap().offset, 4);

    let drop_oldest =
        LogOptions { messages_max: 3, on_full: OnFull::DropOldest, ..LogOptions::default() };
    let log = store.log(b"drop", &drop_oldest).unwrap();
    log.consumer(b"w", 1).unwrap();
    for _ in 0..10 {
        log.append(&[b"m"], b"").unwrap();
    }
    assert_eq!((log.first().unwrap(), log.next().unwrap()), (8, 11));
    let gaps = log.status().unwrap().gaps;
    assert_eq!((gaps.len(), gaps[0].from, gaps[0].to), (1, 1, 8));
    assert_eq!(log.reader(0).next().unwrap().unwrap().offset, 8);

    let nobody = LogOptions { retention: Retention::Consumers, ..LogOptions::default() };
    let log = store.log(b"nobody", &nobody).unwrap();
    log.append(&[b"m"], b"").unwrap();
    assert_eq!((log.first().unwrap(), log.next().unwrap()), (2, 2));
}

/// What a full log dropped counted as acknowledged by every consumer, so that one that was away
/// could not be told of the loss when it came back.
#[test]
fn what_a_full_log_drops_is_acknowledged_by_nobody() {
    let directory = Directory::new();
    let options =
        LogOptions { messages_max: 3, on_full: OnFull::DropOldest, ..LogOptions::default() };
    let worker = {
        let store = directory.open(64 * 1024);
        let log = store.log(b"drop", &options).unwrap();
        let worker = log.consumer(b"w", 1).unwrap();
        for _ in 0..10 {
            log.append(&[b"m"], b"").unwrap();
        }
        assert_eq!(log.first().unwrap(), 8);
        assert_eq!(log.consumer_status(worker).unwrap().acked.below(), 1);
        // The loss is no reason to keep what it acknowledges.
        log.ack(worker, 1..9).unwrap();
        assert_eq!(log.first().unwrap(), 9);
        for _ in 0..3 {
            log.append(&[b"m"], b"").unwrap();
        }
        store.sync(log.ack(worker, 12..13).unwrap()).unwrap();
        worker
    };
    // The same after a restart: 9 and 10 were dropped, 11 and 13 wait.
    let store = directory.open(64 * 1024);
    let log = store.log(b"drop", &options).unwrap();
    let acked = log.consumer_status(worker).unwrap().acked;
    assert_eq!((log.first().unwrap(), acked.below()), (11, 9));
    assert!(acked.above().eq(std::iter::once(12..13)));
}

#[test]
fn a_directory_has_one_store_and_a_name_one_log() {
    let directory = Directory::new();
    let store = directory.open(64 * 1024);
    let again = directory.open(64 * 1024);
    let log = store.log(b"a", &LogOptions::default()).unwrap();
    assert_eq!(again.log(b"a", &LogOptions::default()).unwrap_err(), Error::NameInUse);
    assert_eq!(again.drop_log(b"a").unwrap_err(), Error::NameInUse);
    drop(log);
    let log = again.log(b"a", &LogOptions::default()).unwrap();
    assert_eq!(log.epoch().unwrap(), 2);
    drop(log);
    again.drop_log(b"a").unwrap();
    assert_eq!(again.drop_log(b"a").unwrap_err(), Error::NoSuchLog);
    store.close().unwrap();
    assert_eq!(again.log(b"a", &LogOptions::default()).unwrap_err(), Error::Closed);
}

#[test]
fn a_store_in_use_can_be_looked_at() {
    let directory = Directory::new();
    let store = directory.open(64 * 1024);
    let log = store.log(b"a", &LogOptions::default()).unwrap();
    let worker = log.consumer(b"w", 1).unwrap();
    for number in 0..1000u32 {
        log.append(&[&number.to_le_bytes(), &[1; 200]], b"x").unwrap();
    }
    store.sync(log.ack(worker, 1..11).unwrap()).unwrap();
    let inspect = Inspect::open(&directory.0).unwrap();
    assert_eq!(inspect.owner(), Some(std::process::id()));
    let logs = inspect.logs();
    assert_eq!((logs[0].name.as_slice(), logs[0].first, logs[0].next), (&b"a"[..], 11, 1001));
    assert_eq!(inspect.consumers(b"a").unwrap()[0].acked.below(), 11);
    let mut seen = Vec::new();
    let visit = |record: oxmq_journal::Record| {
        assert_eq!(record.part(0), (record.offset as u32 - 1).to_le_bytes());
        seen.push(record.offset);
        if seen.len() == 900 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    inspect.records(b"a", 20, visit).unwrap();
    assert!(seen.iter().copied().eq(20..920));
    assert!(inspect.verify().unwrap().is_empty());
    assert!(inspect.disk_bytes() > 200_000);
    // Looking gave up no lock: the store works on.
    store.sync(log.append(&[b"more"], b"").unwrap().lsn).unwrap();
}

#[test]
fn a_message_nobody_acknowledges_does_not_keep_a_segment() {
    let directory = Directory::new();
    let segment_bytes = 64 * 1024;
    let options = OpenOptions { segment_bytes, background: false, ..OpenOptions::default() };
    let store = Store::open(&directory.0, options).unwrap();
    let log = store.log(b"a", &LogOptions::default()).unwrap();
    let worker = log.consumer(b"w", 1).unwrap();
    for number in 0..2000u32 {
        log.append(&[&number.to_le_bytes(), &[1; 500]], b"x").unwrap();
    }
    let kept = |offset: u64| offset.is_multiple_of(100);
    let mut batch = store.batch();
    (1..1990).filter(|offset| !kept(*offset)).for_each(|offset| {
        batch.ack(&log, worker, offset..offset + 1).unwrap();
    });
    store.sync(batch.commit().unwrap().lsn).unwrap();
    let before = store.disk_bytes();
    while store.compact().unwrap() {}
    store.sync(log.append(&[b"end"], b"").unwrap().lsn).unwrap();
    assert!(store.disk_bytes() < before / 2, "{} of {before}", store.disk_bytes());
    let check = |log: &oxmq_journal::Log| {
        let mut reader = log.reader(0);
        for offset in (100..1990).filter(|offset| kept(*offset)).chain(1990..2001) {
            let record = reader.next().unwrap().unwrap();
            if record.offset != offset {
                // What was acknowledged may still be there in segments that are well used.
                while reader.next().unwrap().unwrap().offset != offset {}
                continue;
            }
            assert_eq!(record.part(0), (offset as u32 - 1).to_le_bytes());
            assert_eq!(log.read(offset).unwrap().unwrap().attributes(), b"x");
        }
        assert_eq!(log.first().unwrap(), 100);
    };
    check(&log);
    drop((log, store));
    let store = directory.open(segment_bytes);
    let log = store.log(b"a", &LogOptions::default()).unwrap();
    check(&log);
    let next = log.next().unwrap();
    store.sync(log.ack(worker, 1..next).unwrap()).unwrap();
    assert_eq!(log.status().unwrap().bytes, 0);
    assert!(store.disk_bytes() <= 3 * u64::from(segment_bytes), "{}", store.disk_bytes());
}

/// The acknowledgement that would have made the ranges fewer was refused like any other.
#[test]
fn what_closes_the_first_hole_is_acknowledged_at_the_limit() {
    const RANGES_MAX: u64 = oxmq_journal::limits::ACKED_RANGES_MAX as u64;
    let directory = Directory::new();
    let store = directory.open(1 << 20);
    let log = store.log(b"holes", &LogOptions::default()).unwrap();
    let consumer = log.consumer(b"reader", 1).unwrap();
    let last = 2 * RANGES_MAX + 1;
    let mut batch = store.batch();
    for _ in 0..=last {
        batch.append(&log, &[b"x"], b"").unwrap();
    }
    batch.commit().unwrap();
    let ack = |range| {
        let mut batch = store.batch();
        batch.ack(&log, consumer, range).unwrap();
        batch.commit().map(drop)
    };
    let mut batch = store.batch();
    // Offsets begin with one: each even one.
    for hole in 1..=RANGES_MAX {
        batch.ack(&log, consumer, 2 * hole..2 * hole + 1).unwrap();
    }
    batch.commit().unwrap();
    assert!(matches!(ack(last + 1..last + 2), Err(Error::Limit { .. })));
    ack(1..2).unwrap();
    ack(last + 1..last + 2).unwrap();
}
