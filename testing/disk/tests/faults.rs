//! A disk that fails at each of its calls in turn, in every way: no call panics, nothing that was
//! said to be durable is lost, and the store goes on when the disk does.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeMap;
use std::sync::Arc;

use oxmq_disk::{Fault, Plan, Random, SimDisk};
use oxmq_journal::{Error, Log, LogOptions, Lsn, OpenOptions, Store};

fn options() -> OpenOptions {
    OpenOptions {
        segment_bytes: 16 * 1024,
        tail_bytes: 4096,
        background: false,
        clock_ms: || 1_000,
        ..OpenOptions::default()
    }
}

/// A store in use, with what it has promised.
struct Run {
    disk: SimDisk,
    open: Option<(Store, Log)>,
    promised: BTreeMap<u64, Vec<u8>>,
    waiting: Vec<(u64, Vec<u8>, Lsn)>,
    acked: u64,
    count: u64,
}

impl Run {
    fn new(disk: SimDisk) -> Self {
        let (promised, waiting) = (BTreeMap::new(), Vec::new());
        Self { disk, open: None, promised, waiting, acked: 1, count: 0 }
    }

    /// One operation; a failure is no surprise.
    fn step(&mut self) -> Result<(), Error> {
        if self.open.is_none() {
            let store = Store::open_on(Arc::new(self.disk.clone()), options())?;
            let log = store.log(b"log", &LogOptions::default())?;
            self.open = Some((store, log));
        }
        let Some((store, log)) = &self.open else { return Ok(()) };
        self.count += 1;
        let consumer = log.consumer(b"c", 1)?;
        let body = self.count.to_le_bytes().repeat(1 + self.count as usize * 31 % 200);
        let appended = log.append(&[&body], b"")?;
        self.waiting.push((appended.offset, body, appended.lsn));
        if self.count.is_multiple_of(3) {
            match store.sync(appended.lsn) {
                Ok(()) => {
                    for (offset, body, lsn) in self.waiting.drain(..) {
                        // What was committed before a failure is not durable by a later sync.
                        if store.sync(lsn).is_ok() {
                            assert!(self.promised.insert(offset, body).is_none(), "{offset}");
                        }
                    }
                }
                Err(error) => {
                    self.waiting.clear();
                    return Err(error);
                }
            }
        }
        if self.count.is_multiple_of(10) {
            let to = (log.first()? + 1).min(log.next()?);
            let lsn = log.ack(consumer, 1..to)?;
            self.acked = self.acked.max(to);
            store.sync(lsn)?;
        }
        if self.count.is_multiple_of(17) {
            let (store, log) = self.open.take().unwrap();
            drop(log);
            self.waiting.clear();
            store.close()?;
        }
        Ok(())
    }

    /// After a loss of power, everything promised and not acknowledged is there.
    fn check(mut self, random: &mut Random) -> Result<(), String> {
        drop(self.open.take());
        let disk = self.disk.crash(random);
        let store = Store::open_on(Arc::new(disk), options()).map_err(|error| error.to_string())?;
        let log = store.log(b"log", &LogOptions::default()).map_err(|error| error.to_string())?;
        for (offset, body) in self.promised.range(self.acked..) {
            let record = log.read(*offset).map_err(|error| format!("{offset}: {error}"))?;
            if record.is_none_or(|record| record.part(0) != body) {
                return Err(format!("{offset} is lost"));
            }
        }
        Ok(())
    }
}

const FAULTS: [Fault; 4] =
    [Fault::Broken, Fault::NoSpace, Fault::ShortWrite, Fault::SyncMarksClean];

#[test]
fn a_failing_call_loses_nothing_promised() {
    let seed = Random::seed_of_run();
    let mut random = Random::new(seed);
    let calm = SimDisk::new();
    let mut run = Run::new(calm.clone());
    (0..60).for_each(|_| run.step().unwrap());
    let calls = calm.calls();
    for fault in FAULTS {
        for for_ever in [false, true] {
            for call in 1..=calls {
                let disk = SimDisk::new();
                disk.plan(Plan { at: Some((call, fault)), for_ever, room_bytes: None });
                let mut run = Run::new(disk.clone());
                let failures = (0..60).filter(|_| run.step().is_err()).count();
                assert!(failures == 0 || !run.promised.is_empty() || call < 60 || for_ever);
                // The disk works again, and so does the store.
                disk.plan(Plan::default());
                let _ = run.step();
                let before = run.promised.len();
                (0..6).for_each(|_| run.step().unwrap());
                assert!(run.promised.len() > before, "{fault:?} at call {call}");
                let checked = run.check(&mut random);
                assert!(
                    checked.is_ok(),
                    "{fault:?} {for_ever} at {call}: {checked:?}, seed {seed}"
                );
            }
        }
    }
    println!("{} failing calls", calls * 8);
}

#[test]
fn a_rotten_read_is_never_delivered() {
    let disk = SimDisk::new();
    let mut run = Run::new(disk.clone());
    (0..40).for_each(|_| run.step().unwrap());
    drop(run.open.take());
    let image = disk.image();
    for call in 1..80 {
        for bit in [0, 77, 5000, 40_000] {
            let disk = SimDisk::with_image(image.clone());
            disk.plan(Plan { at: Some((call, Fault::Rot(bit))), ..Plan::default() });
            let Ok(store) = Store::open_on(Arc::new(disk), options()) else { continue };
            let Ok(log) = store.log(b"log", &LogOptions::default()) else { continue };
            assert!(log.next().unwrap() > *run.promised.last_key_value().unwrap().0);
            let mut reader = log.reader(0);
            let mut offset = log.first().unwrap();
            while let Ok(Some(record)) = reader.next() {
                assert_eq!(record.offset, offset);
                if let Some(body) = run.promised.get(&offset) {
                    assert_eq!(record.part(0), body);
                }
                offset += 1;
            }
        }
    }
}

#[test]
fn a_full_disk_takes_acknowledgements_and_then_messages_again() {
    for room in [80_000, 100_000, 150_000, 400_000] {
        let disk = SimDisk::new();
        disk.plan(Plan { room_bytes: Some(room), ..Plan::default() });
        let store = Store::open_on(Arc::new(disk), options()).unwrap();
        let log = store.log(b"log", &LogOptions::default()).unwrap();
        let consumer = log.consumer(b"c", 1).unwrap();
        for round in 0..3 {
            let mut refused = None;
            while refused.is_none() {
                match log.append(&[&[round; 900]], b"") {
                    Ok(appended) => store.sync(appended.lsn).unwrap(),
                    Err(error) => refused = Some(error),
                }
            }
            assert_eq!(refused, Some(Error::NoSpace));
            let (first, next) = (log.first().unwrap(), log.next().unwrap());
            assert!(next > first + 5, "nothing fitted into {room}");
            for offset in first..next {
                store.sync(log.ack(consumer, offset..offset + 1).unwrap()).unwrap();
            }
        }
    }
}

/// What was given up when the disk failed reached into a segment of which nothing was on the disk.
/// The store opened anew in a segment of the same number, and took what was committed there for
/// what it had given up: sends failed on a disk that worked, and who waited to be told asked for
/// ever.
#[test]
fn what_is_committed_after_a_failure_is_not_taken_for_what_was_given_up() {
    let disk = SimDisk::new();
    let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
    let log = store.log(b"log", &LogOptions::default()).unwrap();
    log.consumer(b"c", 1).unwrap();
    // More than one segment holds, and nothing of it written.
    let mut last = Lsn::default();
    for _ in 0..12 {
        last = log.append(&[&[7; 3000]], b"").unwrap().lsn;
    }
    let at = Some((disk.calls() + 1, Fault::Broken));
    disk.plan(Plan { at, for_ever: false, room_bytes: None });
    store.sync(last).unwrap_err();
    let next = log.append(&[b"next"], b"").unwrap().lsn;
    assert!(next > last);
    store.sync(next).unwrap();
    assert!(store.is_durable(next) && !store.is_given_up(next));
    assert!(!store.is_durable(last) && store.is_given_up(last));
}
