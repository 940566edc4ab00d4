//! Appends batches of small messages without waiting for a sync, for an instruction counter to
//! watch: `append [BATCHES] [BATCH] [BYTES]`, in a directory of its own under the temporary one.

use oxmq_journal::{Error, LogOptions, OpenOptions, Store};

fn main() -> Result<(), Error> {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<usize>().ok());
    let batches = numbers.next().unwrap_or(1000);
    let count = numbers.next().unwrap_or(256);
    let body = vec![7; numbers.next().unwrap_or(100)];
    let directory = std::env::temp_dir().join(format!("oxmq-append-{}", std::process::id()));
    let options = OpenOptions { background: false, ..OpenOptions::default() };
    let store = Store::open(&directory, options)?;
    let log = store.log(b"log", &LogOptions::default())?;
    for _ in 0..batches {
        let mut batch = store.batch();
        for _ in 0..count {
            batch.append(&log, &[&body], b"")?;
        }
        store.written(batch.commit()?.lsn)?;
    }
    drop((log, store));
    // What cannot be removed is in the temporary directory.
    let _ = std::fs::remove_dir_all(&directory);
    Ok(())
}
