//! RADIO and DISH: groups, filtering at the sender, mute behaviour and hostile peers. RFC 48, and
//! RFC 37 for the wire. Each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::collections::HashSet;
use std::net::TcpListener;
use std::thread;

use common::*;
use oxmq_engine::{Context, Error, EventKind, Msg, Socket, SocketType, Wait};

fn of(group: &[u8], body: &[u8]) -> Msg {
    let mut msg = Msg::from_slice(body);
    msg.set_group(group).unwrap();
    msg
}

fn radiate(radio: &Socket, group: &[u8], body: &[u8]) {
    radio.send_part(&mut of(group, body), Wait::No).unwrap();
}

fn next(dish: &Socket) -> (Vec<u8>, Vec<u8>) {
    let msg = dish.recv_part(Wait::Forever).unwrap();
    assert!(!msg.more());
    (msg.group().to_vec(), msg.to_vec())
}

fn pair(context: &Context) -> (Socket, Socket) {
    (context.socket(SocketType::Radio).unwrap(), context.socket(SocketType::Dish).unwrap())
}

// RFC 48 §The RADIO Socket Type: SHALL perform a group membership check using exact matching
// algorithm; SHALL not modify outgoing messages in any way.
// RFC 48 §The DISH Socket Type: SHALL attach the group to the message; SHALL deliver messages to
// its calling application.
#[test]
fn messages_reach_the_members_of_exactly_their_group() {
    let _watchdog = watchdog();
    for transport in transports() {
        for radio_binds in [true, false] {
            for join_first in [true, false] {
                let context = context();
                let (radio, dish) = pair(&context);
                let large = vec![7; 100_000];
                let groups: [&[u8]; 5] = [b"", b"a", b"weather", &[255; 255], b"exactly8"];
                let join = || groups.iter().for_each(|group| dish.join(group).unwrap());
                if join_first {
                    join();
                }
                let (binds, connects) = if radio_binds { (&radio, &dish) } else { (&dish, &radio) };
                connects.connect(&binds.bind(&another(&transport)).unwrap()).unwrap();
                if !join_first {
                    join();
                }
                // A group that was joined last tells that the others are joined.
                dish.join(b"marker").unwrap();
                let mut ready = false;
                while !ready {
                    radiate(&radio, b"marker", b"");
                    ready = dish.recv_part(Wait::No).is_ok();
                    thread::yield_now();
                }
                for group in groups {
                    for body in [&b"body"[..], b"", &large] {
                        for other in [&b"A"[..], b"ab", b"weathe", b"weather2", &[255; 254]] {
                            radiate(&radio, other, b"not for us");
                        }
                        radiate(&radio, group, body);
                    }
                }
                for group in groups {
                    for body in [&b"body"[..], b"", &large] {
                        let got = loop {
                            let got = next(&dish);
                            if got.0 != b"marker" {
                                break got;
                            }
                        };
                        assert_eq!(got, (group.to_vec(), body.to_vec()));
                    }
                }
                expect_nothing(&dish);
            }
        }
    }
}

// RFC 48 §Group: length MUST be between 0 to 255 bytes.
#[test]
fn joining_twice_leaving_what_was_not_joined_and_bad_names_are_refused() {
    let _watchdog = watchdog();
    let context = context();
    let (radio, dish) = pair(&context);
    let einval = rustix::io::Errno::INVAL.raw_os_error();
    for group in [&b"g"[..], b"", &[1; 255]] {
        assert_eq!(dish.leave(group).unwrap_err().errno(), einval);
        dish.join(group).unwrap();
        assert_eq!(dish.join(group).unwrap_err().errno(), einval);
        dish.leave(group).unwrap();
        assert_eq!(dish.leave(group).unwrap_err().errno(), einval);
        dish.join(group).unwrap();
    }
    for group in [&[1u8; 256][..], b"a\0b", b"\0"] {
        assert!(matches!(dish.join(group), Err(Error::Group { .. })));
        assert!(matches!(dish.leave(group), Err(Error::Group { .. })));
    }
    // RFC 48 §The RADIO Socket Type: SHALL only send messages.
    // RFC 48 §The DISH Socket Type: SHALL only receive messages.
    for wait in [Wait::No, Wait::Forever] {
        let received = radio.recv_part(wait);
        assert!(matches!(received, Err(Error::NotSupported { .. })));
        let sent = dish.send_part(&mut of(b"g", b"x"), wait);
        assert!(matches!(sent, Err(Error::NotSupported { .. })));
    }
    for result in [radio.join(b"g"), radio.leave(b"g")] {
        assert!(matches!(result, Err(Error::NotSupported { .. })));
    }
    // RFC 48 §Overall Goals of this Pattern: MUST NOT allow multipart messages.
    let mut part = of(b"g", b"x");
    part.set_more(true);
    assert!(matches!(radio.send_part(&mut part, Wait::No), Err(Error::InvalidMessage { .. })));
    assert_eq!(part.group(), b"g");
}

// RFC 37 §The Radio-Dish Pattern: the message goes over the wire as a two parts message, and JOIN
// and LEAVE are commands; unjoined messages never cross the wire.
#[test]
fn the_wire_has_joins_leaves_and_two_frames_a_message() {
    let _watchdog = watchdog();
    let context = context();
    let (radio, _) = pair(&context);
    let endpoint = radio.bind("tcp://127.0.0.1:*").unwrap();
    let mut peers: Vec<_> = (0..3).map(|_| RawPeer::connect(&endpoint, "DISH")).collect();
    for peer in &mut peers {
        peer.command("JOIN", b"a");
        // Joining twice is as joining once.
        peer.command("JOIN", b"a");
        // What a DISH sends is discarded.
        peer.message(&["any", "message"]);
    }
    wait_subscribers(&radio, 3);
    radiate(&radio, b"b", b"unjoined");
    radiate(&radio, b"a", b"small");
    radiate(&radio, b"a", &vec![9; 70_000]);
    for peer in &mut peers {
        assert_eq!(peer.read_frame(), Some((MORE, b"a".to_vec())));
        assert_eq!(peer.read_frame(), Some((0, b"small".to_vec())));
        assert_eq!(peer.read_frame(), Some((MORE, b"a".to_vec())));
        assert_eq!(peer.read_frame(), Some((0, vec![9; 70_000])));
    }
    peers[0].command("LEAVE", b"a");
    peers[1].command("LEAVE", b"never joined");
    wait_subscribers(&radio, 2);
    radiate(&radio, b"a", b"second");
    peers[0].command("PING", b"\0\0x");
    assert_eq!(peers[0].read_frame(), Some((COMMAND, b"\x04PONGx".to_vec())));
    assert_eq!(peers[1].read_message().unwrap(), [&b"a"[..], b"second"]);
    drop(peers);
    wait_subscribers(&radio, 0);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_, dish) = pair(&context);
    dish.join(b"early").unwrap();
    dish.connect(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
    let mut peer = RawPeer::accept(&listener, "RADIO");
    assert_eq!(peer.read_frame(), Some((COMMAND, b"\x04JOINearly".to_vec())));
    dish.join(b"").unwrap();
    assert_eq!(peer.read_frame(), Some((COMMAND, b"\x04JOIN".to_vec())));
    dish.leave(b"early").unwrap();
    assert_eq!(peer.read_frame(), Some((COMMAND, b"\x05LEAVEearly".to_vec())));
    // A radio that does not filter is filtered here.
    peer.message(&["early", "unwanted"]);
    peer.message(&["", "wanted"]);
    assert_eq!(next(&dish), (Vec::new(), b"wanted".to_vec()));
    // A radio that comes back is told again.
    drop(peer);
    let mut peer = RawPeer::accept(&listener, "RADIO");
    assert_eq!(peer.read_frame(), Some((COMMAND, b"\x04JOIN".to_vec())));
}

// RFC 48 §The RADIO Socket Type: SHALL silently drop the message if the queue for a dish is full;
// SHALL NOT block on sending.
#[test]
fn a_full_dish_misses_messages_and_the_others_do_not() {
    let _watchdog = watchdog();
    let context = context();
    let radio = socket_with(&context, SocketType::Radio, |o| o.snd_hwm = 2);
    let endpoint = radio.bind(&transports()[2]).unwrap();
    let slow = socket_with(&context, SocketType::Dish, |o| o.rcv_hwm = 2);
    let fast = socket_with(&context, SocketType::Dish, |o| o.rcv_hwm = 100);
    for dish in [&slow, &fast] {
        dish.join(b"g").unwrap();
        dish.connect(&endpoint).unwrap();
    }
    wait_subscribers(&radio, 2);
    assert!(radio.readiness().unwrap().writable);
    for number in 0..10u8 {
        radiate(&radio, b"g", &[number]);
    }
    for number in 0..10u8 {
        assert_eq!(next(&fast).1, [number]);
    }
    for number in 0..4u8 {
        assert_eq!(next(&slow).1, [number]);
    }
    expect_nothing(&slow);
    assert_eq!(radio.snapshot().drops.high_water_mark, 6);
    // With XPUB_NODROP, the send waits instead.
    configure(&radio, |o| o.xpub_nodrop = true);
    for number in 0..4u8 {
        radiate(&radio, b"g", &[number]);
    }
    let refused = radio.send_part(&mut of(b"g", b"x"), Wait::No);
    assert!(matches!(refused, Err(Error::WouldBlock)));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| radio.send_part(&mut of(b"g", b"last"), Wait::Forever));
        for number in 0..4u8 {
            assert_eq!(next(&slow).1, [number]);
        }
        assert_eq!(next(&slow).1, b"last");
        waiting.join().unwrap().unwrap();
    });
}

// RFC 48 §The DISH Socket Type: SHALL receive incoming messages from its sockets using a
// fair-queuing strategy; MUST be thread-safe and allow receiving from multiple threads.
#[test]
fn several_radios_and_several_threads() {
    let _watchdog = watchdog();
    const EACH: usize = 500;
    for transport in transports() {
        let context = context();
        let dish = socket_with(&context, SocketType::Dish, |o| o.rcv_hwm = 0);
        dish.join(b"g").unwrap();
        let radios: Vec<_> = (0..3)
            .map(|_| {
                let radio = socket_with(&context, SocketType::Radio, |o| o.snd_hwm = 0);
                dish.connect(&radio.bind(&another(&transport)).unwrap()).unwrap();
                wait_subscribers(&radio, 1);
                radio
            })
            .collect();
        let received = thread::scope(|scope| {
            for (index, radio) in radios.iter().enumerate() {
                for half in 0..2 {
                    scope.spawn(move || {
                        for number in 0..EACH {
                            radiate(radio, b"g", format!("{index}/{half}/{number}").as_bytes());
                        }
                    });
                }
            }
            let readers: Vec<_> = (0..3)
                .map(|_| {
                    let dish = &dish;
                    scope.spawn(move || -> Vec<_> { (0..2 * EACH).map(|_| next(dish).1).collect() })
                })
                .collect();
            readers.into_iter().flat_map(|r| r.join().unwrap()).collect::<HashSet<_>>()
        });
        assert_eq!(received.len(), 6 * EACH);
    }
}

// RFC 37 §The Radio-Dish Pattern: radio-dish-message = group-part body-part; group =
// 0*255group-char, group-char = %d1-255.
#[test]
fn a_radio_whose_messages_have_another_form_is_disconnected() {
    let _watchdog = watchdog();
    let context = context();
    let (_, dish) = pair(&context);
    dish.join(b"g").unwrap();
    let endpoint = dish.bind("tcp://127.0.0.1:*").unwrap();
    let monitor = dish.monitor().unwrap();
    let long = vec![b'g'; 256];
    let hostile: [&[&[u8]]; 5] = [
        &[b"alone"],
        &[b"g", b"body", b"third"],
        &[&long, b"body"],
        &[b"g\0", b"x"],
        &[b"\0", b""],
    ];
    for parts in hostile {
        let mut peer = RawPeer::connect(&endpoint, "RADIO");
        peer.message(&["g", "good"]);
        peer.message(parts);
        peer.read_to_end();
        event(&monitor, |kind| matches!(kind, EventKind::HandshakeFailedProtocol { .. }));
        assert_eq!(next(&dish), (b"g".to_vec(), b"good".to_vec()));
        expect_nothing(&dish);
    }
}

#[test]
fn a_dish_that_floods_with_joins_or_sends_bad_groups_is_disconnected() {
    let _watchdog = watchdog();
    let context = context();
    let radio = socket_with(&context, SocketType::Radio, |o| o.subscriptions_max = Some(1000));
    let endpoint = radio.bind("tcp://127.0.0.1:*").unwrap();
    let monitor = radio.monitor().unwrap();
    let good = {
        let dish = context.socket(SocketType::Dish).unwrap();
        dish.join(b"g").unwrap();
        dish.connect(&endpoint).unwrap();
        wait_subscribers(&radio, 1);
        dish
    };
    let hostile: [&[u8]; 3] = [&[b'g'; 256], b"a\0b", b"\0"];
    for name in ["JOIN", "LEAVE"] {
        for group in hostile {
            let mut peer = RawPeer::connect(&endpoint, "DISH");
            peer.command(name, group);
            peer.read_to_end();
            event(&monitor, |kind| matches!(kind, EventKind::HandshakeFailedProtocol { .. }));
        }
    }
    for name in ["SUBSCRIBE", "CANCEL"] {
        let mut peer = RawPeer::connect(&endpoint, "DISH");
        peer.command(name, b"topic");
        peer.read_to_end();
        event(&monitor, |kind| matches!(kind, EventKind::HandshakeFailedProtocol { .. }));
    }
    let mut peer = RawPeer::connect(&endpoint, "DISH");
    let mut flood = Vec::new();
    for number in 0..1001u32 {
        let body = [&b"\x04JOIN"[..], number.to_string().as_bytes()].concat();
        flood.extend_from_slice(&frame(COMMAND, &body));
    }
    std::io::Write::write_all(&mut peer.stream, &flood).unwrap();
    peer.read_to_end();
    event(&monitor, |kind| matches!(kind, EventKind::PeerRefused { .. }));
    wait_subscribers(&radio, 1);
    radiate(&radio, b"g", b"still here");
    assert_eq!(next(&good).1, b"still here");
}
