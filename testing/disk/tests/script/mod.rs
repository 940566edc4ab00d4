//! A random run of a store with two logs, and the check of a store that was recovered from it.
//!
//! Owned by one test. The model is a list: what the store holds after each commit.

use oxmq_disk::{Image, Random, SimDisk};
use oxmq_journal::{ConsumerId, Error, Log, LogOptions, Lsn, OpenOptions, Ranges, Store};

/// What the store holds after a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    next: [u64; 2],
    acked: [Ranges; 2],
}

/// Contents of the disk at some moment, and what was promised then.
pub(crate) struct Point {
    pub(crate) image: Image,
    /// Commits that were synced.
    pub(crate) promised: usize,
    /// Commits that were with the system.
    pub(crate) written: usize,
    /// Commits that may be there.
    pub(crate) begun: usize,
}

/// A run of a store.
pub(crate) struct Script {
    pub(crate) disk: SimDisk,
    pub(crate) points: Vec<Point>,
    random: Random,
    open: Option<Open>,
    snapshots: Vec<Snapshot>,
    contents: [Vec<Vec<u8>>; 2],
    promised: usize,
    written: usize,
    last: Lsn,
}

struct Open {
    store: Store,
    logs: [Log; 2],
    consumers: [ConsumerId; 2],
}

const NAMES: [&[u8]; 2] = [b"first", b"second"];

/// Small segments, and everything in the calls of the test.
pub(crate) fn options() -> OpenOptions {
    OpenOptions {
        segment_bytes: 16 * 1024,
        tail_bytes: 4096,
        background: false,
        clock_ms: || 1_000,
        ..OpenOptions::default()
    }
}

fn open(disk: &SimDisk) -> Result<Open, Error> {
    let store = Store::open_on(std::sync::Arc::new(disk.clone()), options())?;
    let first = store.log(NAMES[0], &LogOptions::default())?;
    let second = store.log(NAMES[1], &LogOptions::default())?;
    let consumers = [first.consumer(b"c", 1)?, second.consumer(b"c", 1)?];
    Ok(Open { store, logs: [first, second], consumers })
}

impl Script {
    /// A run that has not begun.
    pub(crate) fn new(seed: u64) -> Self {
        let start = Snapshot { next: [1, 1], acked: [Ranges::new(1), Ranges::new(1)] };
        Self {
            disk: SimDisk::new(),
            points: Vec::new(),
            random: Random::new(seed),
            open: None,
            snapshots: vec![start],
            contents: [Vec::new(), Vec::new()],
            promised: 0,
            written: 0,
            last: Lsn::default(),
        }
    }

    /// One operation, with the points that it passes.
    pub(crate) fn step(&mut self) {
        let (promised, written) = (self.promised, self.written);
        match self.random.below(18) {
            _ if self.open.is_none() => self.open = Some(open(&self.disk).unwrap()),
            0..9 => self.commit(),
            9..13 => {
                self.open.as_ref().unwrap().store.sync(self.last).unwrap();
                self.promised = self.snapshots.len() - 1;
                self.written = self.promised;
            }
            16 | 17 => drop(self.open.as_ref().unwrap().store.compact().unwrap()),
            13 | 14 => {
                self.open.as_ref().unwrap().store.written(self.last).unwrap();
                self.written = self.snapshots.len() - 1;
            }
            _ => {
                self.open.take().unwrap().store.close().unwrap();
                self.promised = self.snapshots.len() - 1;
                self.written = self.promised;
            }
        }
        let begun = self.snapshots.len() - 1;
        let point = |image| Point { image, promised, written, begun };
        self.points.extend(self.disk.kept_images().into_iter().map(point));
    }

    fn commit(&mut self) {
        let open = self.open.as_ref().unwrap();
        let mut batch = open.store.batch();
        let number = self.snapshots.len();
        let mut after = self.snapshots[number - 1].clone();
        for log in 0..2 {
            for _ in 0..self.random.below(3) {
                let length = usize::try_from(self.random.below(1200)).unwrap();
                let body = vec![self.random.draw() as u8; length];
                batch.append(&open.logs[log], &[&body[..length / 2], &body], b"attr").unwrap();
                self.contents[log].push(body);
                after.next[log] += 1;
            }
            let (below, next) = (after.acked[log].below(), after.next[log]);
            if below == next {
                continue;
            }
            // Now and then one message stays for long, so that segments become sparse.
            for _ in 0..self.random.below(4) {
                let in_order = self.random.chance(1, 8);
                let from = if in_order { below } else { below + self.random.below(next - below) };
                let to = (from + 1 + self.random.below(4)).min(next);
                batch.ack(&open.logs[log], open.consumers[log], from..to).unwrap();
                after.acked[log].insert(from..to);
            }
        }
        batch.put(&open.logs[0], b"n", &(number as u64).to_le_bytes()).unwrap();
        self.snapshots.push(after);
        self.last = batch.commit().unwrap().lsn;
    }
}

/// The same, and sometimes power is lost during recovery too.
pub(crate) fn check(
    disk: &SimDisk,
    script: &Script,
    point: &Point,
    random: &mut Random,
) -> Result<(), String> {
    if random.chance(1, 8) {
        // Power is lost again during recovery.
        let again = SimDisk::with_image(disk.image());
        again.keep_images();
        drop(open(&again).map_err(|error| format!("opening: {error}"))?);
        let images = again.kept_images();
        let at = usize::try_from(random.below(images.len() as u64)).unwrap();
        let crashed = SimDisk::with_image(images[at].clone()).crash(random);
        return compare(&crashed, script, point, random);
    }
    compare(disk, script, point, random)
}

/// Recovers a store and compares it with the run; sometimes goes on.
pub(crate) fn compare(
    disk: &SimDisk,
    script: &Script,
    point: &Point,
    random: &mut Random,
) -> Result<(), String> {
    let say = |what: &'static str| move |error: Error| format!("{what}: {error}");
    let opened = open(disk).map_err(say("opening"))?;
    let value = opened.logs[0].value(b"n").map_err(say("value"))?;
    let number = value.map_or(0, |value| u64::from_le_bytes(value.try_into().unwrap()) as usize);
    if number < point.promised || number > point.begun {
        return Err(format!("commit {number}, promised {}, {}", point.promised, point.begun));
    }
    let expected = &script.snapshots[number];
    let mut found = expected.clone();
    for log in 0..2 {
        let status = opened.logs[log].status().map_err(say("status"))?;
        let consumer = &opened.logs[log].consumers().map_err(say("consumers"))?[0];
        found.next[log] = status.next;
        found.acked[log] = consumer.acked.clone();
        compare_messages(&opened.logs[log], &consumer.acked, &script.contents[log])?;
    }
    if found != *expected {
        return Err(format!("commit {number}: {found:?} instead of {expected:?}"));
    }
    if random.chance(1, 8) {
        let appended = opened.logs[1].append(&[b"more"], b"").map_err(say("appending"))?;
        opened.store.sync(appended.lsn).map_err(say("syncing"))?;
        drop(opened);
        let again = open(&disk.crash(random)).map_err(say("opening again"))?;
        let read = again.logs[1].read(appended.offset).map_err(say("reading again"))?;
        if read.is_none_or(|record| record.part(0) != b"more") {
            return Err("what was added after recovery is lost".to_owned());
        }
    }
    Ok(())
}

/// Reads a log: whatever is not acknowledged is there, and everything there is right.
fn compare_messages(log: &Log, acked: &Ranges, contents: &[Vec<u8>]) -> Result<(), String> {
    let next = log.next().map_err(|error| error.to_string())?;
    let mut reader = log.reader(0);
    let mut expected = acked.below();
    while let Some(record) = reader.next().map_err(|error| format!("reading: {error}"))? {
        if (expected..record.offset).any(|offset| !acked.contains(offset)) {
            return Err(format!("a message before {} is missing", record.offset));
        }
        expected = record.offset + 1;
        let body = &contents[usize::try_from(record.offset - 1).unwrap()];
        if record.part(1) != body || record.part(0).len() != body.len() / 2 {
            return Err(format!("message {} has other contents", record.offset));
        }
    }
    if (expected..next).any(|offset| !acked.contains(offset)) {
        return Err(format!("a message from {expected} on is missing"));
    }
    Ok(())
}
