//! PUSH and PULL: fair shares, exact high-water marks, and whose queue outlives a connection.
//! RFC 30. Each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::net::TcpListener;
use std::thread;

use common::*;
use oxmq_engine::{Error, EventKind, SocketType, Wait};

// RFC 30 §The PUSH Socket Type: SHALL only send messages.
// RFC 30 §The PULL Socket Type: SHALL only receive messages.
#[test]
fn the_wrong_direction_is_not_supported() {
    let _watchdog = watchdog();
    let context = context();
    let push = context.socket(SocketType::Push).unwrap();
    let pull = context.socket(SocketType::Pull).unwrap();
    pull.connect(&push.bind(&transports()[2]).unwrap()).unwrap();
    for wait in [Wait::No, Wait::Forever] {
        assert!(matches!(push.recv_message(wait), Err(Error::NotSupported { .. })));
        let sent = pull.send_message(&mut message(&["x"]), wait);
        assert!(matches!(sent, Err(Error::NotSupported { .. })));
    }
    assert!(!push.readiness().unwrap().readable && !pull.readiness().unwrap().writable);
    assert!(matches!(pull.subscribe(b""), Err(Error::NotSupported { .. })));
}

// RFC 30 §The PUSH Socket Type: SHALL route outgoing messages to available peers using a
// round-robin strategy; SHALL not filter or modify outgoing messages in any way.
#[test]
fn work_is_dealt_in_turn() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let push = context.socket(SocketType::Push).unwrap();
        let endpoint = push.bind(&transport).unwrap();
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let pull = context.socket(SocketType::Pull).unwrap();
                pull.connect(&endpoint).unwrap();
                pull
            })
            .collect();
        wait_connected(&push, workers.len());
        for number in 0..100u8 {
            send(&push, &[&[number][..], b"", b"end"]);
        }
        for worker in &workers {
            let mut last = None;
            for _ in 0..25 {
                let message = recv(worker);
                assert_eq!(message[1..], [&b""[..], b"end"]);
                let number = message[0][0];
                assert!(last.is_none_or(|last| number == last + 4), "{last:?} then {number}");
                last = Some(number);
            }
            expect_nothing(worker);
        }
    }
}

// RFC 30 §The PULL Socket Type: SHALL receive incoming messages from its peers using a
// fair-queuing strategy.
#[test]
fn six_busy_senders_get_equal_shares() {
    let _watchdog = watchdog();
    const EACH: usize = 500;
    for transport in transports() {
        let context = context();
        let pull = context.socket(SocketType::Pull).unwrap();
        let mut senders = Vec::new();
        for number in 0..6u8 {
            let push = context.socket(SocketType::Push).unwrap();
            if number < 3 {
                push.connect(&pull.bind(&another(&transport)).unwrap()).unwrap();
            } else {
                pull.connect(&push.bind(&another(&transport)).unwrap()).unwrap();
            }
            wait_connected(&push, 1);
            for _ in 0..EACH {
                send(&push, &[[number]]);
            }
            senders.push(push);
        }
        wait_queued_in(&pull, EACH * 6);
        // While all have messages, each gets its share of any stretch.
        let order: Vec<u8> = (0..EACH * 6).map(|_| recv(&pull)[0][0]).collect();
        for stretch in order[..EACH * 5].chunks(600).filter(|stretch| stretch.len() == 600) {
            let shares = counts(stretch.iter().copied());
            assert_eq!(shares.len(), 6);
            assert!(shares.values().all(|share| (90..=110).contains(share)), "{shares:?}");
        }
        assert!(counts(order).values().all(|share| *share == EACH));
    }
}

// RFC 30 §The PUSH Socket Type: SHALL create this queue when initiating an outgoing connection to
// a peer, and SHALL maintain the queue whether or not the connection is established; SHOULD
// constrain queue sizes to a runtime-configurable limit; SHALL NOT discard messages that it
// cannot queue.
#[test]
fn exactly_the_high_water_mark_is_accepted_before_the_peer_is_there() {
    let _watchdog = watchdog();
    for transport in transports() {
        for hwm in [1, 2, 10, 1000] {
            let context = context();
            let push = socket_with(&context, SocketType::Push, |o| o.snd_hwm = hwm);
            let endpoint = unbound(&transport);
            push.connect(&endpoint).unwrap();
            for number in 0..hwm {
                assert!(push.readiness().unwrap().writable);
                try_send(&push, &[number.to_be_bytes()]).unwrap();
            }
            assert!(!push.readiness().unwrap().writable);
            let mut kept = message(&["kept"]);
            assert!(matches!(push.send_message(&mut kept, Wait::No), Err(Error::WouldBlock)));
            assert_eq!(bytes(&kept), [b"kept"]);
            assert_eq!(push.snapshot().peers[0].queued_out, hwm);
            let pull = context.socket(SocketType::Pull).unwrap();
            pull.bind(&endpoint).unwrap();
            for number in 0..hwm {
                expect(&pull, &[number.to_be_bytes()]);
            }
            push.send_message(&mut kept, Wait::Forever).unwrap();
            expect(&pull, &["kept"]);
        }
    }
}

#[test]
fn the_high_water_mark_counts_messages_not_parts() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let push = socket_with(&context, SocketType::Push, |o| o.snd_hwm = 3);
        push.connect(&unbound(&transport)).unwrap();
        for _ in 0..3 {
            try_send(&push, &["a", "b", "c", "d"]).unwrap();
        }
        assert!(matches!(try_send(&push, &["a"]), Err(Error::WouldBlock)));
    }
}

#[test]
fn a_high_water_mark_of_zero_is_no_limit() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let push = socket_with(&context, SocketType::Push, |o| o.snd_hwm = 0);
        let endpoint = unbound(&transport);
        push.connect(&endpoint).unwrap();
        for number in 0..20_000u32 {
            try_send(&push, &[number.to_be_bytes()]).unwrap();
        }
        let pull = context.socket(SocketType::Pull).unwrap();
        pull.bind(&endpoint).unwrap();
        for number in 0..20_000u32 {
            expect(&pull, &[number.to_be_bytes()]);
        }
    }
}

#[test]
fn an_inproc_pipe_holds_what_both_ends_allow() {
    let _watchdog = watchdog();
    for (send_hwm, recv_hwm, expected) in [(1, 1, Some(2)), (7, 3, Some(10)), (0, 5, None)] {
        let context = context();
        let pull = socket_with(&context, SocketType::Pull, |o| o.rcv_hwm = recv_hwm);
        let endpoint = pull.bind(&transports()[2]).unwrap();
        let push = socket_with(&context, SocketType::Push, |o| o.snd_hwm = send_hwm);
        push.connect(&endpoint).unwrap();
        let accepted = (0..5000).take_while(|_| try_send(&push, &["x"]).is_ok()).count();
        assert_eq!(accepted, expected.unwrap_or(5000));
    }
}

// RFC 30 §The PUSH Socket Type: SHALL block on sending, or return a suitable error, when it has no
// available peers; SHALL not accept further messages when it has no available peers.
// RFC 30 §The PUSH Socket Type: SHALL consider a peer as available only when it has a outgoing
// queue that is not full.
#[test]
fn push_blocks_when_every_pipe_is_full() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let push = socket_with(&context, SocketType::Push, |o| o.snd_hwm = 2);
        assert!(matches!(try_send(&push, &["x"]), Err(Error::WouldBlock)), "no peer");
        let endpoints = [unbound(&transport), unbound(&transport)];
        endpoints.iter().for_each(|endpoint| push.connect(endpoint).unwrap());
        for number in 0..4u8 {
            try_send(&push, &[[number]]).unwrap();
        }
        assert!(matches!(try_send(&push, &["x"]), Err(Error::WouldBlock)));
        thread::scope(|scope| {
            let sender = scope.spawn(|| send(&push, &["waited"]));
            let pull = context.socket(SocketType::Pull).unwrap();
            pull.bind(&endpoints[1]).unwrap();
            expect(&pull, &[[1]]);
            expect(&pull, &[[3]]);
            sender.join().unwrap();
            expect(&pull, &["waited"]);
        });
    }
}

// RFC 30 §The PUSH Socket Type: SHALL create this queue when a peer connects to it. If this peer
// disconnects, the PUSH socket SHALL destroy its queue and SHALL discard any messages it contains.
#[test]
fn push_forgets_the_queue_of_a_bound_peer_that_left() {
    let _watchdog = watchdog();
    let context = context();
    let push = socket_with(&context, SocketType::Push, |o| o.snd_hwm = 50);
    let endpoint = push.bind("tcp://127.0.0.1:*").unwrap();
    let peer = RawPeer::connect(&endpoint, "PULL");
    wait_connected(&push, 1);
    while try_send(&push, &[&vec![1; 100_000]]).is_ok() {}
    let queued = push.snapshot().peers[0].queued_out;
    drop(peer);
    wait_connected(&push, 0);
    let snapshot = push.snapshot();
    assert!(snapshot.peers.is_empty(), "{snapshot:?}");
    assert!(snapshot.drops.disconnected > 0 && queued == 50, "{queued} queued, {snapshot:?}");
    assert!(matches!(try_send(&push, &["no peer"]), Err(Error::WouldBlock)));
    let mut peer = RawPeer::connect(&endpoint, "PULL");
    wait_connected(&push, 1);
    send(&push, &["new"]);
    assert_eq!(peer.read_message().unwrap(), [b"new"]);
}

// RFC 30 §The PUSH Socket Type: SHALL maintain the queue whether or not the connection is
// established.
#[test]
fn push_keeps_the_queue_of_a_connect_when_the_connection_is_lost() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let context = context();
    let push = socket_with(&context, SocketType::Push, |o| o.snd_hwm = 0);
    let monitor = push.monitor().unwrap();
    push.connect(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
    for round in 0..3u8 {
        let peer = RawPeer::accept(&listener, "PULL");
        event(&monitor, |kind| *kind == EventKind::HandshakeSucceeded);
        drop(peer);
        event(&monitor, |kind| matches!(kind, EventKind::Disconnected { .. }));
        // Nothing of these was on its way when the connection was lost.
        for number in 0..10 {
            send(&push, &[[round, number]]);
        }
        let mut peer = RawPeer::accept(&listener, "PULL");
        for number in 0..10 {
            assert_eq!(peer.read_message().unwrap(), [[round, number]]);
        }
        drop(peer);
        event(&monitor, |kind| matches!(kind, EventKind::Disconnected { .. }));
    }
}

// RFC 37 §Messages: an implementation SHALL always send and deliver messages atomically.
// RFC 37 §Socket Semantics: a message SHALL NOT be delivered more than once to any peer; all
// messages between two immediate peers SHALL be delivered in order.
#[test]
fn what_the_kernel_never_took_is_sent_again_and_whole() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let context = context();
    let push = socket_with(&context, SocketType::Push, |o| o.snd_hwm = 0);
    push.connect(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
    let peer = RawPeer::accept(&listener, "PULL");
    wait_connected(&push, 1);
    const MESSAGES: u32 = 300;
    for number in 0..MESSAGES {
        send(&push, &[&number.to_be_bytes()[..], &vec![number as u8; 100_000]]);
    }
    let kept = push.snapshot().peers[0].queued_out;
    assert!(kept > 0);
    drop(peer);
    let mut peer = RawPeer::accept(&listener, "PULL");
    let mut numbers = Vec::new();
    while numbers.last() != Some(&(MESSAGES - 1)) {
        let message = peer.read_message().unwrap();
        let number = u32::from_be_bytes(message[0][..].try_into().unwrap());
        assert_eq!(message[1..], [vec![number as u8; 100_000]]);
        numbers.push(number);
    }
    assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "{numbers:?}");
    // What was partly written to the first connection may be gone.
    assert!(numbers.len() + 1 >= kept, "{} of {kept}", numbers.len());
}

// RFC 30 §The PULL Socket Type would have these destroyed with the queue of the peer that left. We
// keep them on purpose, as libzmq does.
#[test]
fn what_was_wholly_received_can_be_read_after_its_sender_has_gone() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pull = context.socket(SocketType::Pull).unwrap();
        let push = context.socket(SocketType::Push).unwrap();
        push.connect(&pull.bind(&transport).unwrap()).unwrap();
        for number in 0..100u8 {
            send(&push, &[&[number][..], b"second part"]);
        }
        drop(push);
        wait_connected(&pull, 0);
        for number in 0..100u8 {
            expect(&pull, &[&[number][..], b"second part"]);
        }
        expect_nothing(&pull);
    }
}

// RFC 37 §Messages: an implementation SHALL always send and deliver messages atomically, that is,
// all the frames of a message, or none of them.
#[test]
fn a_message_cut_off_by_its_senders_death_is_never_seen() {
    let _watchdog = watchdog();
    let context = context();
    let pull = context.socket(SocketType::Pull).unwrap();
    let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    let mut peer = RawPeer::connect(&endpoint, "PUSH");
    peer.message(&["whole"]);
    peer.frame(MORE, b"first");
    peer.frame(MORE, b"second");
    drop(peer);
    expect(&pull, &["whole"]);
    wait_connected(&pull, 0);
    expect_nothing(&pull);
    let mut peer = RawPeer::connect(&endpoint, "PUSH");
    peer.message(&["next", "one"]);
    expect(&pull, &["next", "one"]);
}
