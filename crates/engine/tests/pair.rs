//! PAIR: one peer at a time. RFC 31. Each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::thread;

use common::*;
use oxmq_engine::{Error, EventKind, SocketType, Wait};

// RFC 31 §The PAIR Socket Type: MAY both send and receive messages; SHALL not filter or modify
// outgoing or incoming messages in any way; SHALL maintain a double queue for its peer, allowing
// outgoing and incoming messages to be queued independently.
#[test]
fn both_send_and_receive_when_they_like() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pair = context.socket(SocketType::Pair).unwrap();
        let peer = context.socket(SocketType::Pair).unwrap();
        peer.connect(&pair.bind(&transport).unwrap()).unwrap();
        wait_connected(&pair, 1);
        for number in 0..100u8 {
            send(&pair, &[&[number][..], b"", b"from the first"]);
            send(&peer, &[&[number][..], b"", b"from the second"]);
        }
        for number in 0..100u8 {
            expect(&peer, &[&[number][..], b"", b"from the first"]);
            expect(&pair, &[&[number][..], b"", b"from the second"]);
        }
    }
}

// RFC 31 §The PAIR Socket Type: If this peer disconnects, the PAIR socket SHALL destroy its
// double queue and SHALL discard any messages it contains.
#[test]
fn a_new_peer_is_welcome_when_the_first_has_left() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pair = context.socket(SocketType::Pair).unwrap();
        let endpoint = pair.bind(&transport).unwrap();
        for round in 0..5u8 {
            let peer = context.socket(SocketType::Pair).unwrap();
            peer.connect(&endpoint).unwrap();
            wait_connected(&pair, 1);
            send(&peer, &[[round]]);
            expect(&pair, &[[round]]);
            send(&pair, &[[round]]);
            expect(&peer, &[[round]]);
            drop(peer);
            wait_connected(&pair, 0);
            assert!(matches!(try_send(&pair, &["nobody"]), Err(Error::WouldBlock)));
        }
    }
}

#[test]
fn a_refused_peer_gets_its_turn_when_the_first_has_left() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let pair = context.socket(SocketType::Pair).unwrap();
        let monitor = pair.monitor().unwrap();
        let endpoint = pair.bind(&transport).unwrap();
        let first = context.socket(SocketType::Pair).unwrap();
        first.connect(&endpoint).unwrap();
        wait_connected(&pair, 1);
        let second = context.socket(SocketType::Pair).unwrap();
        let refusals = second.monitor().unwrap();
        second.connect(&endpoint).unwrap();
        event(&monitor, |kind| matches!(kind, EventKind::PeerRefused { .. }));
        event(&refusals, |kind| matches!(kind, EventKind::Disconnected { .. }));
        drop(first);
        wait_connected(&pair, 0);
        wait_connected(&pair, 1);
        send(&second, &["patience"]);
        expect(&pair, &["patience"]);
    }
}

// RFC 31 §The PAIR Socket Type: SHALL consider its peer as available only when it has a outgoing
// queue that is not full; SHALL block on sending, or return a suitable error, when it has no
// available peer; SHALL NOT discard messages that it cannot queue.
#[test]
fn pair_blocks_without_a_peer_and_with_a_full_one() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pair = socket_with(&context, SocketType::Pair, |o| {
            o.snd_hwm = 3;
            o.rcv_hwm = 3;
        });
        assert!(matches!(try_send(&pair, &["x"]), Err(Error::WouldBlock)));
        let endpoint = pair.bind(&transport).unwrap();
        let peer = socket_with(&context, SocketType::Pair, |o| {
            o.snd_hwm = 3;
            o.rcv_hwm = 3;
        });
        thread::scope(|scope| {
            let sender = scope.spawn(|| send(&pair, &[&[0; 4][..]]));
            peer.connect(&endpoint).unwrap();
            sender.join().unwrap();
        });
        let block = vec![0; if transport.starts_with("inproc") { 10 } else { 1_000_000 }];
        let mut sent = 0u32;
        let next = |sent: u32| [sent.to_be_bytes().to_vec(), block.clone()];
        while try_send(&pair, &next(sent)).is_ok() {
            sent += 1;
        }
        expect(&peer, &[[0; 4]]);
        for number in 0..sent {
            assert_eq!(recv(&peer), next(number));
        }
        send(&pair, &next(sent));
        assert_eq!(peer.recv_message(Wait::Forever).unwrap().len(), 2);
    }
}
// RFC 31 §The PAIR Socket Type: MAY be connected to at most one PAIR peers.
#[test]
fn a_second_peer_is_refused_while_the_first_is_there() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pair = context.socket(SocketType::Pair).unwrap();
        let monitor = pair.monitor().unwrap();
        let endpoint = pair.bind(&transport).unwrap();
        let first = context.socket(SocketType::Pair).unwrap();
        first.connect(&endpoint).unwrap();
        wait_connected(&pair, 1);
        let second = socket_with(&context, SocketType::Pair, |_| {});
        second.connect(&endpoint).unwrap();
        let _ = try_send(&second, &["second"]);
        if !transport.starts_with("inproc") {
            event(&monitor, |kind| matches!(kind, EventKind::PeerRefused { .. }));
        }
        send(&pair, &["for the first"]);
        expect(&first, &["for the first"]);
        send(&first, &["from the first"]);
        expect(&pair, &["from the first"]);
        expect_nothing(&pair);
        expect_nothing(&second);
        assert_eq!(pair.snapshot().peers.len(), 1);
    }
}
