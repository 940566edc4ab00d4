//! What a peer cannot make a socket do: take too much, remember too much, or disturb others.
//! Each test owns its context; memory is measured for the process, with room for the others.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::*;
use oxmq_engine::{Context, Event, EventKind, Monitor, Socket, SocketType};

/// Bytes of memory that the process occupies.
fn memory_bytes() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// A PULL with these options, its monitor, and a well-behaved PUSH on it.
fn pull(
    context: &Context,
    set: impl FnOnce(&mut oxmq_engine::options::SocketOptions),
) -> (Socket, Monitor, Socket) {
    let pull = socket_with(context, SocketType::Pull, set);
    let monitor = pull.monitor().unwrap();
    let push = context.socket(SocketType::Push).unwrap();
    push.connect(&pull.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
    wait_connected(&push, 1);
    event(&monitor, |kind| *kind == EventKind::HandshakeSucceeded);
    (pull, monitor, push)
}

/// The end of a peer that was dropped: it sees it, an event says why, nobody else noticed.
fn expect_dropped(pull: &Socket, monitor: &Monitor, push: &Socket, peer: &mut RawPeer) -> Event {
    peer.read_to_end();
    let why = event(monitor, |kind| {
        matches!(kind, EventKind::PeerRefused { .. } | EventKind::HandshakeFailedProtocol { .. })
    });
    event(monitor, |kind| matches!(kind, EventKind::Disconnected { .. }));
    wait_connected(pull, 1);
    send(push, &["unharmed"]);
    expect(pull, &["unharmed"]);
    expect_nothing(pull);
    why
}

#[test]
fn a_part_longer_than_the_limit_drops_its_sender() {
    let _watchdog = watchdog();
    let context = context();
    let (pull, monitor, push) = pull(&context, |o| o.max_msg_size = Some(1000));
    let mut peer = RawPeer::connect(&pull.last_endpoint(), "PUSH");
    peer.message(&[vec![1; 1000], vec![2; 1000], vec![]]);
    expect(&pull, &[vec![1; 1000], vec![2; 1000], vec![]]);
    peer.frame(0, &[3; 1001]);
    let why = expect_dropped(&pull, &monitor, &push, &mut peer);
    assert!(format!("{why}").contains("1001") && format!("{why}").contains("1000"), "{why}");
}

// RFC 37 §Framing: A long frame has a body of 0 to 2^63-1 octets.
#[test]
fn an_absurd_length_is_refused_before_anything_is_allocated() {
    let _watchdog = watchdog();
    for (length, limited) in [(1u64 << 62, true), (1 << 63, false), (u64::MAX, false)] {
        let context = context();
        let (pull, monitor, push) = pull(&context, |o| {
            if !limited {
                o.max_msg_size = None;
            }
        });
        let before = memory_bytes();
        let mut peer = RawPeer::connect(&pull.last_endpoint(), "PUSH");
        peer.stream
            .write_all(&[&[LONG][..], &length.to_be_bytes(), b"a few bytes"].concat())
            .unwrap();
        expect_dropped(&pull, &monitor, &push, &mut peer);
        assert!(memory_bytes() < before + (64 << 20));
    }
}

#[test]
fn a_promised_length_costs_nothing_until_its_bytes_arrive() {
    let _watchdog = watchdog();
    let context = context();
    let (pull, _monitor, push) = pull(&context, |o| o.max_msg_size = None);
    let before = memory_bytes();
    let mut peers: Vec<_> = (0..20)
        .map(|_| {
            let mut peer = RawPeer::connect(&pull.last_endpoint(), "PUSH");
            let header = [&[LONG][..], &(1u64 << 36).to_be_bytes(), b"a few bytes"].concat();
            peer.stream.write_all(&header).unwrap();
            peer
        })
        .collect();
    wait_connected(&pull, 21);
    send(&push, &["unharmed"]);
    expect(&pull, &["unharmed"]);
    assert!(memory_bytes() < before + (128 << 20));
    assert_eq!(pull.snapshot().peers.len(), 21);
    peers.clear();
    wait_connected(&pull, 1);
    expect_nothing(&pull);
}

#[test]
fn a_message_without_end_drops_its_sender() {
    let _watchdog = watchdog();
    for by_parts in [true, false] {
        let context = context();
        let (pull, monitor, push) = pull(&context, |o| match by_parts {
            true => o.max_parts = Some(100),
            false => o.unfinished_bytes_max = Some(100_000),
        });
        let mut peer = RawPeer::connect(&pull.last_endpoint(), "PUSH");
        let part = vec![0; if by_parts { 0 } else { 1000 }];
        // As much as is allowed, twice.
        for _ in 0..2 {
            let parts = vec![part.clone(); 100];
            peer.message(&parts);
            expect(&pull, &parts);
        }
        let bomb = frame(MORE, &part).repeat(1000);
        while peer.stream.write_all(&bomb).is_ok() {}
        expect_dropped(&pull, &monitor, &push, &mut peer);
    }
}

#[test]
fn what_is_not_read_waits_with_its_sender() {
    let _watchdog = watchdog();
    let context = context();
    let (pull, _monitor, push) = pull(&context, |o| o.rcv_hwm = 100);
    let mut peer = RawPeer::connect(&pull.last_endpoint(), "PUSH");
    wait_connected(&pull, 2);
    let before = memory_bytes();
    let stop = AtomicBool::new(false);
    const BODY: usize = 10_000;
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 0u64;
            while !stop.load(Ordering::Relaxed) && number < 1_000_000 {
                let mut body = vec![0; BODY];
                body[..8].copy_from_slice(&number.to_be_bytes());
                peer.message(&[body]);
                number += 1;
            }
            number
        });
        let queued = || pull.snapshot().peers.iter().map(|peer| peer.queued_in).max().unwrap();
        wait_until(|| queued() >= 100);
        // The high-water mark, and what one read buffer of 256 KiB brought along.
        assert!(queued() <= 100 + 256 * 1024 / BODY, "{} messages", queued());
        assert!(memory_bytes() < before + (64 << 20));
        // The others are read on.
        send(&push, &["unharmed"]);
        let mut next = 0u64;
        let mut unharmed = false;
        while next < 2000 || !unharmed {
            let message = recv(&pull);
            if message[0] == b"unharmed" {
                unharmed = true;
                continue;
            }
            assert_eq!((message[0].len(), &message[0][..8]), (BODY, &next.to_be_bytes()[..]));
            next += 1;
        }
        assert!(memory_bytes() < before + (64 << 20));
        stop.store(true, Ordering::Relaxed);
        // What the writer waits to get rid of.
        while !writer.is_finished() {
            let _ = pull.recv_message(oxmq_engine::Wait::No);
        }
        assert!(writer.join().unwrap() >= next);
    });
}

#[test]
fn rubbish_is_dropped_and_others_do_not_notice() {
    let _watchdog = watchdog();
    let context = context();
    let (pull, monitor, push) = pull(&context, |_| {});
    let mut random = Random::new(37);
    let noise: Vec<u8> = (0..5000).map(|_| random.below(256) as u8).collect();
    let mut good = greeting().to_vec();
    good.extend_from_slice(&frame(COMMAND, b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH"));
    let with = |octets: &[u8]| [&good[..], octets].concat();
    let ready = |body: &[u8]| [&greeting()[..], &frame(COMMAND, body)].concat();
    let mut other_mechanism = greeting();
    other_mechanism[12..17].copy_from_slice(b"PLAIN");
    let rubbish: Vec<Vec<u8>> = vec![
        [&[0xFF][..], &noise].concat(),
        [&greeting()[..], &noise].concat(),
        other_mechanism.to_vec(),
        // Reserved flags, a command with MORE, a message instead of READY.
        with(&[0x80, 1, 0]),
        with(&[COMMAND | MORE, 1, 0]),
        [&greeting()[..], &frame(0, b"no READY")].concat(),
        // A wrong peer, metadata cut off, a name without letters, a command without a name.
        ready(b"\x05READY\x0bSocket-Type\0\0\0\x03SUB"),
        ready(b"\x05READY\x0bSocket-Type\0\0\0\x09PUSH"),
        ready(b"\x05READY\x00\0\0\0\0"),
        with(&frame(COMMAND, b"")),
        with(&frame(COMMAND, b"\x09PING")),
    ];
    for octets in rubbish {
        let mut peer = RawPeer { stream: mute(&pull.last_endpoint()) };
        let _ = peer.stream.write_all(&octets);
        let _ = std::io::Read::read_to_end(&mut peer.stream, &mut Vec::new());
        let why = event(&monitor, |kind| {
            matches!(
                kind,
                EventKind::HandshakeFailedProtocol { .. }
                    | EventKind::HandshakeFailedNoDetail { .. }
                    | EventKind::PeerRefused { .. }
                    | EventKind::Disconnected { .. }
            )
        });
        println!("{why}");
        wait_connected(&pull, 1);
        send(&push, &["unharmed"]);
        expect(&pull, &["unharmed"]);
    }
}

// RFC 37 §Messages: all the frames of a message, or none of them.
#[test]
fn every_truncation_of_a_valid_session_leaves_nothing_behind() {
    let _watchdog = watchdog();
    let context = context();
    let (pull, _monitor, push) = pull(&context, |_| {});
    let mut session = greeting().to_vec();
    session.extend_from_slice(&frame(COMMAND, b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH"));
    session.extend_from_slice(&frame(MORE, b"first"));
    session.extend_from_slice(&frame(COMMAND, b"\x04PING\0\0"));
    session.extend_from_slice(&frame(MORE, &[7; 300]));
    session.extend_from_slice(&frame(0, b"last"));
    for length in 0..session.len() {
        let mut stream = mute(&pull.last_endpoint());
        stream.write_all(&session[..length]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
    }
    wait_connected(&pull, 1);
    send(&push, &["unharmed"]);
    expect(&pull, &["unharmed"]);
    let mut stream = mute(&pull.last_endpoint());
    stream.write_all(&session).unwrap();
    expect(&pull, &[&b"first"[..], &[7; 300], b"last"]);
}
