//! The journal as an engine, its reading rate, and its recovery.
//!
//! Single-threaded, driven by `main`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use oxmq_journal::{Log, LogOptions, OpenOptions, Store};

use crate::Engine;

struct Journal {
    store: Store,
    log: Log,
}

pub(crate) fn open(directory: &Path) -> Result<Box<dyn Engine>, Box<dyn Error>> {
    let store = Store::open(&directory.join("store"), OpenOptions::default())?;
    let log = store.log(b"bench", &LogOptions::default())?;
    Ok(Box::new(Journal { store, log }))
}

impl Engine for Journal {
    fn put(&mut self, body: &[u8], count: usize, sync: bool) -> Result<(), Box<dyn Error>> {
        let mut batch = self.store.batch();
        for _ in 0..count {
            batch.append(&self.log, &[body], b"")?;
        }
        let commit = batch.commit()?;
        if sync {
            self.store.sync(commit.lsn)?;
        } else {
            self.store.written(commit.lsn)?;
        }
        Ok(())
    }
}

/// Fills a store, reads it back from the files, and recovers it.
pub(crate) fn read_back(directory: &Path) -> Result<(), Box<dyn Error>> {
    for (bytes, total) in
        [(100usize, 500_000_000usize), (1024, 2_000_000_000), (10_240, 2_000_000_000)]
    {
        let own = directory.join("read");
        let body = vec![7; bytes];
        let mut journal = open_concrete(&own)?;
        for _ in 0..total / bytes / 256 {
            journal.put(&body, 256, false)?;
        }
        let disk = journal.store.disk_bytes();
        drop(journal);
        let start = Instant::now();
        let journal = open_concrete(&own)?;
        let recovery = start.elapsed();
        let start = Instant::now();
        let mut reader = journal.log.reader(0);
        let (mut count, mut read) = (0u64, 0usize);
        while let Some(record) = reader.next()? {
            count += 1;
            read += record.part(0).len();
        }
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "read back {bytes:>6} bytes: {:.2} GB/s, {:.0} messages/s; recovery of {:.1} GB: {} ms",
            read as f64 / seconds / 1e9,
            count as f64 / seconds,
            disk as f64 / 1e9,
            recovery.as_millis(),
        );
        drop(reader);
        drop(journal);
        std::fs::remove_dir_all(&own)?;
    }
    Ok(())
}

fn open_concrete(directory: &Path) -> Result<Journal, Box<dyn Error>> {
    let store = Store::open(directory, OpenOptions::default())?;
    let log = store.log(b"bench", &LogOptions::default())?;
    Ok(Journal { store, log })
}
