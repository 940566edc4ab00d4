//! Connections that go wrong: refused, unanswered, mute, silent; and the heartbeat. RFC 37
//! §Connection Heartbeating and `zmq_setsockopt(3)`. Each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use common::*;
use oxmq_engine::{Context, EventKind, Profile, SocketType};

fn local(listener: &TcpListener) -> String {
    format!("tcp://{}", listener.local_addr().unwrap())
}

// RFC 37 §Error Handling: To avoid connection storms, peers should reconnect after a short and
// possibly randomized interval. Further, if a peer reconnects more than once, it should increase
// the delay between reconnects.
#[test]
fn the_pause_between_attempts_grows_to_its_limit() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let socket = socket_with(&context, SocketType::Dealer, |o| {
            o.reconnect_ivl = Some(Duration::from_millis(4));
            o.reconnect_ivl_max = Some(Duration::from_millis(32));
        });
        let monitor = socket.monitor().unwrap();
        socket.connect(&unbound(&transport)).unwrap();
        let pauses: Vec<Duration> = (0..7)
            .map(|_| {
                match event(&monitor, |k| matches!(k, EventKind::ConnectRetried { .. })).kind {
                    EventKind::ConnectRetried { after } => after,
                    _ => Duration::ZERO,
                }
            })
            .collect();
        for (attempt, pause) in pauses.iter().enumerate() {
            let base = Duration::from_millis((4u64 << attempt).min(32));
            assert!((base..=base * 2).contains(pause), "{transport}: {pauses:?}");
        }
    }
}

#[test]
fn without_a_pause_there_is_no_second_attempt() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let context = context();
    let socket = socket_with(&context, SocketType::Dealer, |o| o.reconnect_ivl = None);
    let monitor = socket.monitor().unwrap();
    socket.connect(&local(&listener)).unwrap();
    drop(RawPeer::accept(&listener, "DEALER"));
    event(&monitor, |kind| matches!(kind, EventKind::Disconnected { .. }));
    wait_connected(&socket, 0);
    socket.close();
    while let Some(event) = monitor.recv() {
        assert!(!matches!(event.kind, EventKind::ConnectRetried { .. }), "{event}");
    }
}

#[test]
fn an_attempt_that_is_not_answered_is_given_up() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // A queue for one connection that is full: the system answers no further one.
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let time = Duration::from_millis(200);
    while let Ok(stream) = TcpStream::connect_timeout(&address, time) {
        waiting.push(stream);
    }
    let context = context();
    let socket = socket_with(&context, SocketType::Dealer, |o| {
        o.connect_timeout = Some(Duration::from_millis(50));
    });
    let monitor = socket.monitor().unwrap();
    socket.connect(&local(&listener)).unwrap();
    for _ in 0..2 {
        event(&monitor, |kind| matches!(kind, EventKind::ConnectDelayed { .. }));
        event(&monitor, |kind| matches!(kind, EventKind::Closed { .. }));
        event(&monitor, |kind| matches!(kind, EventKind::ConnectRetried { .. }));
    }
}

#[test]
fn a_peer_that_does_not_shake_hands_is_dropped() {
    let _watchdog = watchdog();
    let context = context();
    let short = Duration::from_millis(50);
    let bound = socket_with(&context, SocketType::Dealer, |o| o.handshake_ivl = Some(short));
    let monitor = bound.monitor().unwrap();
    let endpoint = bound.bind("tcp://127.0.0.1:*").unwrap();
    let mut silent = mute(&endpoint);
    // And one that stops half way.
    let mut halting = mute(&endpoint);
    halting.write_all(&greeting()[..40]).unwrap();
    for _ in 0..2 {
        event(&monitor, |kind| matches!(kind, EventKind::HandshakeFailedNoDetail { .. }));
    }
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest);
    let _ = halting.read_to_end(&mut rest);

    // The connecting side tries again.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connecting = socket_with(&context, SocketType::Dealer, |o| o.handshake_ivl = Some(short));
    let monitor = connecting.monitor().unwrap();
    connecting.connect(&local(&listener)).unwrap();
    let _silent = listener.accept().unwrap();
    event(&monitor, |kind| matches!(kind, EventKind::HandshakeFailedNoDetail { .. }));
    event(&monitor, |kind| matches!(kind, EventKind::ConnectRetried { .. }));
    let mut peer = RawPeer::accept(&listener, "DEALER");
    peer.message(&["at last"]);
    expect(&connecting, &["at last"]);
}

// RFC 37 §Connection Heartbeating: A peer SHOULD consider the connection dead ... if it sends a
// PING command and does not receive any traffic within some timeout.
#[test]
fn a_peer_that_goes_silent_is_dropped() {
    let _watchdog = watchdog();
    let context = context();
    let socket = socket_with(&context, SocketType::Dealer, |o| {
        o.heartbeat_ivl = Some(Duration::from_millis(30));
        o.heartbeat_timeout = Some(Duration::from_millis(60));
        o.heartbeat_ttl = Some(Duration::from_millis(2500));
    });
    let monitor = socket.monitor().unwrap();
    let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
    let mut peer = RawPeer::connect(&endpoint, "DEALER");
    // RFC 37: ping-ttl is measured in tenths of seconds.
    let (flags, ping) = peer.read_frame().unwrap();
    assert_eq!((flags, &ping[..7]), (COMMAND, &b"\x04PING\x00\x19"[..]));
    assert!(ping.len() <= 7 + 16, "the context has at most 16 octets");
    let lost = event(&monitor, |kind| matches!(kind, EventKind::Disconnected { .. }));
    assert!(format!("{lost}").contains("silent"), "{lost}");
    wait_connected(&socket, 0);
    peer.read_to_end();
}

/// A connection to a socket by a peer of ZMTP 3.0.
fn older_peer(endpoint: &str) -> RawPeer {
    let mut stream = mute(endpoint);
    let mut greeting = greeting();
    greeting[11] = 0;
    stream.write_all(&greeting).unwrap();
    stream.read_exact(&mut [0; 64]).unwrap();
    let mut peer = RawPeer { stream };
    peer.command("READY", b"\x0bSocket-Type\0\0\0\x06DEALER");
    let (flags, body) = peer.read_frame().unwrap();
    assert_eq!((flags, &body[..6]), (COMMAND, &b"\x05READY"[..]));
    peer
}

/// libzmq sends PINGs to peers of ZMTP 3.0 and gives up on those that do not answer; programs made
/// for it rely on that. In the Rust interface, where heartbeats are on unless one says otherwise,
/// peers of 3.0 need not know of them.
#[test]
fn a_silent_peer_of_3_0_is_dropped_as_libzmq_does_and_spared_otherwise() {
    let _watchdog = watchdog();
    for profile in [Profile::Libzmq, Profile::Safe] {
        let context = Context::new(profile);
        let socket = socket_with(&context, SocketType::Dealer, |o| {
            o.heartbeat_ivl = Some(Duration::from_millis(30));
            o.heartbeat_timeout = Some(Duration::from_millis(60));
        });
        let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
        let mut peer = older_peer(&endpoint);
        if profile == Profile::Libzmq {
            let (flags, ping) = peer.read_frame().unwrap();
            assert_eq!((flags, &ping[..5]), (COMMAND, &b"\x04PING"[..]));
            peer.read_to_end();
            continue;
        }
        // A peer that does get PINGs is lost meanwhile.
        let monitor = socket.monitor().unwrap();
        let newer = RawPeer::connect(&endpoint, "DEALER");
        event(&monitor, |kind| matches!(kind, EventKind::Disconnected { .. }));
        drop(newer);
        peer.message(&["still here"]);
        expect(&socket, &["still here"]);
    }
}

// RFC 37 §Connection Heartbeating: a peer SHOULD treat any incoming traffic (not just a PONG
// reply) as a sign of life.
#[test]
fn any_traffic_is_a_sign_of_life() {
    let _watchdog = watchdog();
    let context = context();
    let socket = socket_with(&context, SocketType::Dealer, |o| {
        o.heartbeat_ivl = Some(Duration::from_millis(30));
        o.heartbeat_timeout = Some(Duration::from_millis(1000));
    });
    let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
    let mut peer = RawPeer::connect(&endpoint, "DEALER");
    // PING after PING is answered by a message or by a PONG: the connection stays.
    for round in 0..20u8 {
        let (flags, ping) = peer.read_frame().unwrap();
        assert_eq!((flags, &ping[..5]), (COMMAND, &b"\x04PING"[..]));
        if round % 2 == 0 {
            peer.message(&[[round]]);
            expect(&socket, &[[round]]);
        } else {
            peer.command("PONG", &ping[7..]);
        }
    }
    assert_eq!(socket.snapshot().peers.len(), 1);
}

// RFC 37 §Connection Heartbeating: When a peer receives a PING command it SHALL respond with a
// PONG command that echoes the ping-context, which may be empty and MUST not exceed 16 octets.
#[test]
fn a_ping_is_answered_with_its_context() {
    let _watchdog = watchdog();
    for socket_type in [SocketType::Dealer, SocketType::Pull, SocketType::Pub, SocketType::Rep] {
        let context = context();
        let socket = socket_with(&context, socket_type, |o| o.heartbeat_ivl = None);
        let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
        let peer_type = match socket_type {
            SocketType::Pull => "PUSH",
            SocketType::Pub => "SUB",
            _ => "DEALER",
        };
        let mut peer = RawPeer::connect(&endpoint, peer_type);
        for context in [&b""[..], b"c", b"sixteen octets.."] {
            peer.command("PING", &[&[0, 0], context].concat());
            let expected = [b"\x04PONG", context].concat();
            assert_eq!(peer.read_frame(), Some((COMMAND, expected)), "{socket_type:?}");
        }
    }
}

// RFC 37 §Connection Heartbeating: ping = command-size %d4 "PING" ping-ttl ping-context;
// ping-ttl = 2OCTET.
#[test]
fn a_ping_too_short_for_its_ttl_breaks_the_protocol() {
    let _watchdog = watchdog();
    for body in [&b""[..], b"\0"] {
        let context = context();
        let socket = context.socket(SocketType::Dealer).unwrap();
        let monitor = socket.monitor().unwrap();
        let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
        let mut peer = RawPeer::connect(&endpoint, "DEALER");
        peer.command("PING", body);
        let fault = event(&monitor, |k| matches!(k, EventKind::HandshakeFailedProtocol { .. }));
        assert!(format!("{fault}").contains("PING"), "{fault}");
        event(&monitor, |kind| matches!(kind, EventKind::Disconnected { .. }));
        peer.read_to_end();
        wait_connected(&socket, 0);
    }
}

// RFC 37 §Connection Heartbeating: A peer SHOULD consider the connection dead ... if it receives a
// PING command with a non-zero TTL and then does not receive any further traffic within that TTL.
#[test]
fn a_peer_is_dropped_when_its_own_time_to_live_is_over() {
    let _watchdog = watchdog();
    let context = context();
    let socket = socket_with(&context, SocketType::Dealer, |o| o.heartbeat_ivl = None);
    let monitor = socket.monitor().unwrap();
    let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
    let mut peer = RawPeer::connect(&endpoint, "DEALER");
    peer.command("PING", &[0, 1]);
    event(&monitor, |kind| matches!(kind, EventKind::Disconnected { .. }));
    wait_connected(&socket, 0);
    peer.read_to_end();
}

#[test]
fn heartbeats_keep_an_idle_connection() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let quick = |socket_type| {
            socket_with(&context, socket_type, |o| {
                o.heartbeat_ivl = Some(Duration::from_millis(10));
                o.heartbeat_timeout = Some(Duration::from_millis(500));
            })
        };
        let (push, pull) = (quick(SocketType::Push), quick(SocketType::Pull));
        let monitor = push.monitor().unwrap();
        push.connect(&pull.bind(&transport).unwrap()).unwrap();
        wait_connected(&push, 1);
        // An idle second, seen from outside: nothing happens to the connection.
        let lost = std::iter::from_fn(|| monitor.recv_timeout(Duration::from_secs(1)))
            .find(|event| matches!(event.kind, EventKind::Disconnected { .. }));
        assert_eq!(lost, None);
        send(&push, &["still here"]);
        expect(&pull, &["still here"]);
    }
}

// RFC 37 §Version Negotiation: A peer MUST accept higher protocol versions as valid; SHALL NOT
// assign any significance to the padding field.
#[test]
fn a_peer_of_a_later_version_is_welcome() {
    let _watchdog = watchdog();
    let context = context();
    let pull = context.socket(SocketType::Pull).unwrap();
    let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    let mut stream = mute(&endpoint);
    let mut later = greeting();
    later[1..9].copy_from_slice(b"whatever");
    later[10..12].copy_from_slice(&[4, 7]);
    stream.write_all(&later).unwrap();
    let mut octets = frame(COMMAND, b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH");
    octets.extend_from_slice(&frame(0, b"from the future"));
    stream.write_all(&octets).unwrap();
    expect(&pull, &["from the future"]);
}

/// `zmq_setsockopt(3)`, ZMQ_RECONNECT_STOP: for connections to what is no ZeroMQ socket, which says
/// nothing, or hangs up. Only what broke the protocol ended the attempts.
#[test]
fn a_handshake_that_fails_in_any_way_ends_the_attempts_if_the_option_says_so() {
    let _watchdog = watchdog();
    let context = context();
    for answer in [None, Some(&b""[..]), Some(b"220 a mail server\r\n")] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = socket_with(&context, SocketType::Dealer, |o| {
            o.handshake_ivl = Some(Duration::from_millis(50));
            o.reconnect_ivl = Some(Duration::from_millis(1));
            o.reconnect_stop.handshake_failed = true;
        });
        socket.connect(&local(&listener)).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let held = answer.map_or(Some(stream.try_clone().unwrap()), |answer| {
            stream.write_all(answer).unwrap();
            None
        });
        drop(stream);
        wait_until(|| socket.snapshot().peers.is_empty());
        drop(held);
        // Somebody who comes now comes first.
        let mine = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_, from) = listener.accept().unwrap();
        assert_eq!(from, mine.local_addr().unwrap(), "another attempt was made");
    }
}

/// ZMQ_RECONNECT_STOP_AFTER_DISCONNECT is about `zmq_disconnect(3)` in C, about any loss in Rust.
#[test]
fn a_loss_ends_the_attempts_in_rust_and_a_disconnect_in_c() {
    let _watchdog = watchdog();
    for profile in [Profile::Libzmq, Profile::Safe] {
        let context = Context::new(profile);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = socket_with(&context, SocketType::Dealer, |o| {
            o.linger = None;
            o.reconnect_ivl = Some(Duration::from_millis(1));
            o.reconnect_stop.after_disconnect = true;
        });
        socket.connect(&local(&listener)).unwrap();
        drop(RawPeer::accept(&listener, "DEALER"));
        if profile == Profile::Safe {
            wait_until(|| socket.snapshot().peers.is_empty());
            continue;
        }
        let peer = RawPeer::accept(&listener, "DEALER");
        // More than the kernel takes, so that something lingers.
        let big = vec![7; 64 << 20];
        try_send(&socket, &[big]).unwrap();
        socket.disconnect(&local(&listener)).unwrap();
        drop(peer);
        wait_until(|| socket.snapshot().peers.is_empty());
        configure(&socket, |o| o.linger = Some(Duration::ZERO));
    }
}
