//! Many threads on one store: each sees its own messages durable, a reader close behind sees all in
//! order, and callbacks and wakers are called, while segments come, go and are compacted.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::sync::mpsc;
use std::thread;

use oxmq_journal::{LogOptions, OpenOptions, Store};

const THREADS: u64 = 6;
const MESSAGES: u64 = 400;

#[test]
fn threads_share_syncs_and_a_reader_follows() {
    let directory = std::env::temp_dir().join(format!("oxmq-threads-{}", std::process::id()));
    let options =
        OpenOptions { segment_bytes: 64 * 1024, tail_bytes: 16 * 1024, ..OpenOptions::default() };
    let store = Store::open(&directory, options.clone()).unwrap();
    let log = store.log(b"log", &LogOptions::default()).unwrap();
    let consumer = log.consumer(b"c", 1).unwrap();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (store, log) = (store.clone(), log.clone());
            scope.spawn(move || {
                let (called, calls) = mpsc::channel();
                for count in 0..MESSAGES {
                    let body = vec![number as u8; 1 + (count as usize * 37) % 900];
                    let appended = log.append(&[&count.to_le_bytes(), &body], b"").unwrap();
                    if count % 2 == 0 {
                        store.sync(appended.lsn).unwrap();
                        assert!(store.synced() >= appended.lsn);
                    } else {
                        let called = called.clone();
                        let done = move |result| called.send(result).unwrap();
                        store.on_synced(appended.lsn, Box::new(done));
                        calls.recv().unwrap().unwrap();
                        assert!(store.synced() >= appended.lsn);
                    }
                }
            });
        }
        let mut reader = log.reader(1);
        let mut next = [0u64; THREADS as usize];
        let mut offset = 1;
        while offset <= THREADS * MESSAGES {
            let Some(record) = reader.next().unwrap() else {
                thread::yield_now();
                continue;
            };
            assert_eq!(record.offset, offset);
            let count = u64::from_le_bytes(record.part(0).try_into().unwrap());
            let from = usize::from(record.part(1)[0]);
            assert_eq!(count, next[from], "messages of one thread in order");
            assert_eq!(record.part(1).len() as u64, 1 + (count * 37) % 900);
            next[from] += 1;
            // Every hundredth stays, so that there is something to compact.
            if offset % 100 != 0 {
                log.ack(consumer, offset..offset + 1).unwrap();
            }
            offset += 1;
        }
    });
    drop((log, store));
    let store = Store::open(&directory, options).unwrap();
    let log = store.log(b"log", &LogOptions::default()).unwrap();
    assert_eq!(log.next().unwrap(), THREADS * MESSAGES + 1);
    for offset in (100..=THREADS * MESSAGES).step_by(100) {
        assert!(log.read(offset).unwrap().is_some(), "{offset}");
    }
    drop((log, store));
    std::fs::remove_dir_all(&directory).unwrap();
}
