//! The journal against redb: the same random operations on both, and both agree after every reopen.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::sync::Arc;

use oxmq_disk::SimDisk;
use oxmq_journal::{Log, LogOptions, OpenOptions, Store};
use proptest::prelude::*;
use redb::{Database, TableDefinition, backends::InMemoryBackend};

const MESSAGES: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("messages");
const VALUES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("values");
const NAMES: [&[u8]; 2] = [b"a", b"b"];

#[derive(Debug, Clone)]
enum Operation {
    Append(usize, Vec<u8>),
    Ack(usize, u64),
    Put(u8, Option<Vec<u8>>),
    Compact,
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    let body = prop::collection::vec(any::<u8>(), 0..700);
    prop_oneof![
        6 => (0usize..2, body).prop_map(|(log, body)| Operation::Append(log, body)),
        3 => (0usize..2, 1u64..6).prop_map(|(log, count)| Operation::Ack(log, count)),
        2 => (any::<u8>(), prop::option::of(prop::collection::vec(any::<u8>(), 0..50)))
            .prop_map(|(key, value)| Operation::Put(key % 8, value)),
        1 => Just(Operation::Compact),
        1 => Just(Operation::Reopen),
    ]
}

fn open(disk: &SimDisk) -> (Store, [Log; 2]) {
    let options = OpenOptions {
        segment_bytes: 16 * 1024,
        tail_bytes: 1024,
        background: false,
        ..OpenOptions::default()
    };
    let store = Store::open_on(Arc::new(disk.clone()), options).unwrap();
    let logs = NAMES.map(|name| store.log(name, &LogOptions::default()).unwrap());
    for log in &logs {
        log.consumer(b"c", 1).unwrap();
    }
    (store, logs)
}

/// What redb holds of a log is what the journal reads.
fn compare(database: &Database, logs: &[Log; 2]) -> Result<(), TestCaseError> {
    let transaction = database.begin_read().unwrap();
    let table = transaction.open_table(MESSAGES).unwrap();
    for (number, log) in (0u64..).zip(logs) {
        let mut reader = log.reader(0);
        for entry in table.range((number, 0)..(number + 1, 0)).unwrap() {
            let (key, body) = entry.unwrap();
            let record = reader.next().unwrap().unwrap();
            prop_assert_eq!(record.offset, key.value().1);
            prop_assert_eq!(record.part(0), body.value());
        }
        prop_assert!(reader.next().unwrap().is_none());
    }
    let values = transaction.open_table(VALUES).unwrap();
    for key in 0..8u8 {
        let expected = values.get(&[key][..]).unwrap().map(|value| value.value().to_vec());
        prop_assert_eq!(logs[0].value(&[key]).unwrap(), expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn agrees_with_redb(operations in prop::collection::vec(operation(), 1..150)) {
        let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        let disk = SimDisk::new();
        let mut opened = Some(open(&disk));
        for operation in operations.into_iter().chain([Operation::Reopen]) {
            let (store, logs) = opened.as_ref().unwrap();
            let transaction = database.begin_write().unwrap();
            {
                let mut messages = transaction.open_table(MESSAGES).unwrap();
                let mut values = transaction.open_table(VALUES).unwrap();
                match operation {
                    Operation::Append(log, body) => {
                        let offset = logs[log].append(&[&body], b"").unwrap().offset;
                        messages.insert((log as u64, offset), body.as_slice()).unwrap();
                    }
                    Operation::Ack(log, count) => {
                        let first = logs[log].first().unwrap();
                        let consumer = logs[log].find_consumer(b"c").unwrap().unwrap();
                        logs[log].ack(consumer, first..first + count).unwrap();
                        for offset in first..first + count {
                            messages.remove((log as u64, offset)).unwrap();
                        }
                    }
                    Operation::Put(key, value) => {
                        let mut batch = store.batch();
                        match value {
                            Some(value) => {
                                batch.put(&logs[0], &[key], &value).unwrap();
                                values.insert(&[key][..], value.as_slice()).unwrap();
                            }
                            None => {
                                batch.remove(&logs[0], &[key]).unwrap();
                                values.remove(&[key][..]).unwrap();
                            }
                        }
                        batch.commit().unwrap();
                    }
                    Operation::Compact => drop(store.compact().unwrap()),
                    Operation::Reopen => {
                        drop(opened.take());
                        opened = Some(open(&disk));
                    }
                }
            }
            transaction.commit().unwrap();
        }
        compare(&database, &opened.as_ref().unwrap().1)?;
    }
}
