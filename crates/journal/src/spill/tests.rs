//! The spill against a plain queue, its bounds, and what stands on the disk.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::limits::SPILL_IDLE_SLOTS_MAX;

fn spill(limit_bytes: u64) -> Spill {
    Spill::open(&std::env::temp_dir(), limit_bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn is_a_queue(operations in prop::collection::vec((0u8..4, 0usize..90_000), 1..200)) {
        let mut spill = spill(u64::MAX);
        let mut queue: VecDeque<Vec<Vec<u8>>> = VecDeque::new();
        for (at, (kind, length)) in operations.into_iter().enumerate() {
            if kind == 0 {
                let popped = spill.pop().unwrap();
                let wanted = queue.pop_front();
                prop_assert_eq!(popped.is_some(), wanted.is_some());
                if let (Some(popped), Some(wanted)) = (popped, wanted) {
                    prop_assert!(popped.parts().eq(wanted.iter().map(Vec::as_slice)));
                }
            } else {
                let mut parts = vec![vec![at as u8; length], vec![kind; at % 3]];
                parts.truncate(usize::from(kind) - 1);
                let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                spill.push(&slices).unwrap();
                queue.push_back(parts);
            }
            prop_assert_eq!(spill.messages(), queue.len() as u64);
        }
    }
}

#[test]
fn the_limit_refuses_and_room_comes_back() {
    let mut spill = spill(1000);
    let body = [7; 92];
    for _ in 0..10 {
        spill.push(&[&body]).unwrap();
    }
    assert_eq!(spill.push(&[&body]).unwrap_err(), Error::Full);
    spill.pop().unwrap().unwrap();
    spill.push(&[&body]).unwrap();
    while spill.pop().unwrap().is_some() {}
    assert_eq!(spill.bytes(), 0);
}

#[test]
fn disk_is_used_again_and_given_back() {
    let mut spill = spill(u64::MAX);
    let body = vec![1; 100_000];
    let block = SPILL_BLOCK_BYTES as u64;
    for _ in 0..200 {
        spill.push(&[&body]).unwrap();
    }
    let full = spill.disk_bytes().unwrap();
    assert!(full > 15_000_000, "{full}");
    for _ in 0..400 {
        spill.pop().unwrap().unwrap();
        spill.push(&[&body]).unwrap();
    }
    let steady = spill.disk_bytes().unwrap();
    assert!(steady <= full + (SPILL_IDLE_SLOTS_MAX as u64 + 2) * (block + 4096), "{steady}");
    for _ in 0..190 {
        spill.pop().unwrap().unwrap();
    }
    let nearly_empty = spill.disk_bytes().unwrap();
    assert!(nearly_empty < full / 2, "{nearly_empty}");
    while spill.pop().unwrap().is_some() {}
    assert_eq!(spill.disk_bytes().unwrap(), 0);
}

#[test]
fn a_block_that_was_changed_is_refused() {
    let mut spill = spill(u64::MAX);
    let body = vec![1; SPILL_BLOCK_BYTES];
    for _ in 0..4 {
        spill.push(&[&body]).unwrap();
    }
    spill.file.flip(SPILL_BLOCK_BYTES as u64 / 2);
    assert!(matches!(spill.pop(), Err(Error::Corrupt { .. })));
}

#[test]
fn nothing_readable_reaches_the_disk() {
    let mut spill = spill(u64::MAX);
    let text = b"attack at dawn ".repeat(1000);
    for _ in 0..100 {
        spill.push(&[&text]).unwrap();
    }
    let raw = spill.file.raw();
    assert!(raw.len() > SPILL_BLOCK_BYTES);
    assert!(!raw.windows(6).any(|window| window == b"attack"));
}
