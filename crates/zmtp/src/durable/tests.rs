//! The property and the commands: each is read as it was written, and nothing else is read.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::frame::Framing;

fn samples() -> Vec<DurableCommand> {
    let range = |from, to| OffsetRange { from, to };
    vec![
        DurableCommand::Open {
            epoch: 3,
            below: 7,
            settled: vec![range(9, 9), range(11, 20)],
            start: DurableStart::Earliest,
        },
        DurableCommand::Base {
            log: u128::MAX - 5,
            epoch: 3,
            first: 1,
            next: 99,
            epochs: vec![(1, 1), (3, 50)],
        },
        DurableCommand::Seq { offset: 12, attempt: 2 },
        DurableCommand::Gap { range: range(4, 6), reason: GapReason::LostInCrash },
        DurableCommand::Ack { settled: vec![range(1, 1)] },
        DurableCommand::Nack { offset: 8, attempt: 1, delay_ms: 250, reject: true },
        DurableCommand::Floor { below: 40, open: vec![range(3, 3), range(9, 12)] },
        DurableCommand::Seek { to: SeekTo::Earliest },
        DurableCommand::Seek { to: SeekTo::Latest },
        DurableCommand::Seek { to: SeekTo::Offset(17) },
        DurableCommand::Fence { instance: 77 },
    ]
}

/// Name and body of the command in a frame.
fn read(frame: &[u8]) -> Result<Option<DurableCommand>, ProtocolError> {
    let header = Framing::V3.decode(frame).unwrap().unwrap();
    assert!(header.command);
    match Command::parse(&frame[header.header_len..]).unwrap() {
        Command::Unknown { name, body } => DurableCommand::parse(name, body),
        other => panic!("{other:?}"),
    }
}

#[test]
fn commands_are_read_as_they_were_written() {
    for command in samples() {
        let mut frame = Vec::new();
        command.encode(&mut frame);
        assert_eq!(read(&frame), Ok(Some(command)));
    }
}

#[test]
fn a_body_that_is_cut_or_too_long_is_refused() {
    for command in samples() {
        let mut frame = Vec::new();
        command.encode(&mut frame);
        let header = Framing::V3.decode(&frame).unwrap().unwrap();
        let body = &frame[header.header_len..];
        let (name, data) = body[1..].split_at(usize::from(body[0]));
        for len in 0..data.len() {
            let cut = DurableCommand::parse(name, &data[..len]);
            assert!(matches!(cut, Err(ProtocolError::DurableCommand { .. })), "{command:?} {len}");
        }
        let long = [data, &[0]].concat();
        assert!(DurableCommand::parse(name, &long).is_err(), "{command:?}");
    }
}

#[test]
fn ranges_that_run_backwards_and_lists_that_are_too_long_are_refused() {
    let mut body = vec![1];
    put(&mut body, &[5, 4]);
    assert!(DurableCommand::parse(b"ZDACK", &body).is_err());
    let mut body = vec![65];
    (0..65).for_each(|n| put(&mut body, &[n, n]));
    assert!(DurableCommand::parse(b"ZDACK", &body).is_err());
    let mut body = vec![1];
    put(&mut body, &[5, u64::MAX]);
    assert!(DurableCommand::parse(b"ZDACK", &body).is_err());
}

#[test]
fn commands_of_others_are_none_of_these() {
    assert_eq!(DurableCommand::parse(b"ZDX", b""), Ok(None));
    assert_eq!(DurableCommand::parse(b"PONG", b""), Ok(None));
}

#[test]
fn only_what_belongs_to_a_message_stays_among_them() {
    let in_order = |command: &DurableCommand| {
        let mut frame = Vec::new();
        command.encode(&mut frame);
        let header = Framing::V3.decode(&frame).unwrap().unwrap();
        DurableCommand::is_in_order(&frame[header.header_len..])
    };
    let kept: Vec<bool> = samples().iter().map(in_order).collect();
    let floor = [true, false, false, false, false];
    let before = [false, true, true, true, false, false];
    assert_eq!(kept, [&before[..], &floor[..]].concat());
}

#[test]
fn names_of_any_octets_survive() {
    let name: Vec<u8> = (0..=254).collect();
    let peer = DurablePeer { name, instance: u64::MAX, log: None };
    assert_eq!(DurablePeer::parse(&peer.to_property()), Some(peer));
}

#[test]
fn properties_that_are_not_ours_are_passed_over() {
    let long = [&b"v=1;inst=1;name="[..], &[b'a'; 256]].concat();
    let wrong: [&[u8]; 8] = [
        b"",
        b"v=0;name=a;inst=1",
        b"name=a;inst=1",
        b"v=1;inst=1",
        b"v=1;name=;inst=1",
        b"v=1;name=a%4;inst=1",
        b"v=1;name=a;inst=x",
        &long,
    ];
    for value in wrong {
        assert_eq!(DurablePeer::parse(value), None, "{value:?}");
    }
    let later = DurablePeer::parse(b"v=2; name=a; inst=1; new=thing").unwrap();
    assert_eq!(later, DurablePeer { name: b"a".to_vec(), instance: 1, log: None });
}
