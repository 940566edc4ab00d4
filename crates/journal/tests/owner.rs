//! Two processes and one store: the second is refused while the first lives, and takes over when it
//! was killed. The test program runs itself as the first process.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use oxmq_journal::{Error, LogOptions, OpenOptions, Store};

const DIRECTORY: &str = "OXMQ_TEST_OWNER_DIRECTORY";

/// Not a test of its own: what the other process does.
#[test]
fn the_other_process() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let store = Store::open(directory.as_ref(), OpenOptions::default()).unwrap();
    let log = store.log(b"log", &LogOptions::default()).unwrap();
    let appended = log.append(&[b"promised"], b"").unwrap();
    store.sync(appended.lsn).unwrap();
    println!("held {}", appended.offset);
    std::io::stdout().flush().unwrap();
    // Until it is killed.
    let _ = std::io::stdin().read(&mut [0]);
}

fn other_process(directory: &std::path::Path) -> (Child, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_other_process", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut held = lines.map_while(Result::ok).filter_map(|line| {
        let (_, offset) = line.split_once("held ")?;
        offset.parse().ok()
    });
    let offset = held.next().unwrap();
    (child, offset)
}

#[test]
fn a_store_has_one_owner_until_that_is_killed() {
    let directory = std::env::temp_dir().join(format!("oxmq-owner-{}", std::process::id()));
    for round in 1..4 {
        let (mut child, offset) = other_process(&directory);
        for _ in 0..3 {
            let refused = Store::open(&directory, OpenOptions::default()).unwrap_err();
            assert_eq!(refused, Error::InUse { pid: Some(child.id()) });
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Store::open(&directory, OpenOptions::default()).unwrap();
        let log = store.log(b"log", &LogOptions::default()).unwrap();
        assert_eq!(log.epoch().unwrap(), 2 * round);
        assert_eq!(log.read(offset).unwrap().unwrap().part(0), b"promised");
    }
    std::fs::remove_dir_all(&directory).unwrap();
}
