//! Damage to what was synced: every flipped bit of a store, and random damage of any kind, is
//! detected when the store is opened or when what it hit is read. Nothing else is ever delivered,
//! and nothing is silently shorter. `OXMQ_SEED` and `OXMQ_DAMAGES` choose the run.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::sync::Arc;

use oxmq_disk::{Image, Random, SimDisk};
use oxmq_journal::{Error, LogOptions, OpenOptions, Store};

/// Segments so small that the store has several.
fn options() -> OpenOptions {
    OpenOptions {
        segment_bytes: 16 * 1024,
        tail_bytes: 0,
        background: false,
        clock_ms: || 1_000,
        ..OpenOptions::default()
    }
}

const MESSAGES: u64 = 120;

fn body(offset: u64) -> Vec<u8> {
    vec![offset as u8; 100 + (offset as usize * 37) % 500]
}

/// A store of about 64 KiB, as a killed process leaves it after a sync.
fn store() -> Image {
    let disk = SimDisk::new();
    let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
    let log = store.log(b"log", &LogOptions::default()).unwrap();
    let consumer = log.consumer(b"c", 1).unwrap();
    for offset in 1..=MESSAGES {
        let appended = log.append(&[&body(offset)], &offset.to_le_bytes()).unwrap();
        if offset % 10 == 0 {
            store.sync(appended.lsn).unwrap();
        }
    }
    store.sync(log.ack(consumer, 1..3).unwrap()).unwrap();
    disk.image()
}

/// Opens the store and reads everything: `Ok` when all is there and right.
fn read_all(image: Image) -> Result<(), Error> {
    let store = Store::open_on(Arc::new(SimDisk::with_image(image)), options())?;
    let log = store.log(b"log", &LogOptions::default())?;
    let consumer = log.consumer(b"c", 1)?;
    assert_eq!(log.next().unwrap(), MESSAGES + 1, "silently shorter");
    assert_eq!(log.first().unwrap(), 3, "an acknowledgement was lost");
    assert_eq!(log.consumer_status(consumer).unwrap().acked.below(), 3);
    let mut reader = log.reader(0);
    for offset in 3..=MESSAGES {
        let record = reader.next()?.unwrap();
        assert_eq!(record.offset, offset, "a message was passed over");
        assert_eq!(record.part(0), body(offset), "delivered damaged");
        assert_eq!(record.attributes(), offset.to_le_bytes(), "delivered damaged");
    }
    assert!(reader.next()?.is_none());
    Ok(())
}

#[test]
fn every_flipped_bit_is_detected_or_harmless() {
    let image = store();
    read_all(image.clone()).unwrap();
    let (mut detected, mut harmless) = (0, 0);
    let every = usize::try_from(Random::rounds("OXMQ_FLIP_STRIDE", 7)).unwrap().max(1);
    for name in image.names() {
        let length = image.contents(&name).unwrap().len();
        // What follows the last byte in use are zeros that no reader looks at.
        let used = image.contents(&name).unwrap().iter().rposition(|byte| *byte != 0);
        let used = used.map_or(0, |last| last + 1);
        for bit in (0..length * 8).step_by(every) {
            let mut damaged = image.clone();
            damaged.damage(&name, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            match read_all(damaged) {
                Ok(()) => harmless += 1,
                Err(Error::Corrupt { .. } | Error::Format { .. }) => detected += 1,
                Err(other) => assert!(bit / 8 < used, "{name} bit {bit}: {other}"),
            }
        }
    }
    println!("{detected} detected, {harmless} harmless");
    assert!(detected > harmless, "{detected} detected, {harmless} harmless");
}

#[test]
fn random_damage_is_detected_or_harmless() {
    let mut random = Random::new(Random::seed_of_run());
    let image = store();
    let names = image.names();
    let mut detected = 0;
    let rounds = Random::rounds("OXMQ_DAMAGES", 20_000);
    for _ in 0..rounds {
        let seed = random.draw();
        let mut own = Random::new(seed);
        let mut damaged = image.clone();
        let name = &names[own.below(names.len() as u64) as usize];
        match own.below(5) {
            0 if name != "mark" => damaged.lose(name),
            kind => damaged.damage(name, |bytes| damage(bytes, kind, &mut own)),
        }
        println!("damage {seed}");
        if read_all(damaged.clone()).is_err() {
            detected += 1;
            if detected % 8 == 0 {
                salvage(damaged);
            }
        }
    }
    println!("{detected} of {rounds} detected");
    assert!(detected > rounds / 4, "{detected} of {rounds} detected");
}

/// What a salvage delivers is right, in order, and whatever is missing lies in a gap.
fn salvage(image: Image) {
    let disk = Arc::new(SimDisk::with_image(image));
    let salvaging = OpenOptions { salvage: true, ..options() };
    // Without any checkpoint there is nothing to begin with.
    let Ok(store) = Store::open_on(Arc::<SimDisk>::clone(&disk), salvaging) else { return };
    if !store.logs().iter().any(|log| log.name == b"log") {
        return;
    }
    let check = |store: &Store| {
        let log = store.log(b"log", &LogOptions::default()).unwrap();
        let gaps = log.status().unwrap().gaps;
        let mut expected = log.first().unwrap();
        let mut reader = log.reader(0);
        while let Some(record) = reader.next().unwrap() {
            let missing = expected..record.offset;
            let in_gap = |offset: u64| gaps.iter().any(|gap| (gap.from..gap.to).contains(&offset));
            assert!(missing.clone().all(in_gap), "{missing:?} is missing, and in no gap");
            assert_eq!(record.part(0), body(record.offset), "delivered damaged");
            expected = record.offset + 1;
        }
    };
    check(&store);
    drop(store);
    // What was salvaged is an ordinary store.
    check(&Store::open_on(disk, options()).unwrap());
}

fn damage(bytes: &mut Vec<u8>, kind: u64, random: &mut Random) {
    let at = random.below(bytes.len() as u64) as usize;
    let length = random.below((bytes.len() - at) as u64).min(4096) as usize;
    match kind {
        1 => bytes.truncate(at),
        2 => bytes[at..at + length].fill(0),
        3 => bytes[at..at + length].iter_mut().for_each(|byte| *byte = random.draw() as u8),
        _ => {
            let from = random.below((bytes.len() - length) as u64) as usize;
            bytes.copy_within(from..from + length, at);
        }
    }
}
