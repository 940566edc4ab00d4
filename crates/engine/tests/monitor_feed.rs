//! Monitor events as messages on a socket of the library's own: `zmq_socket_monitor(3)` and
//! `zmq_socket_monitor_versioned(3)`. Each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::io::Write;

use common::*;
use oxmq_engine::{Error, Socket, SocketType, Wait};

const CONNECTED: u64 = 0x1;
const CONNECT_DELAYED: u64 = 0x2;
const CONNECT_RETRIED: u64 = 0x4;
const LISTENING: u64 = 0x8;
const ACCEPTED: u64 = 0x20;
const CLOSED: u64 = 0x80;
const DISCONNECTED: u64 = 0x200;
const MONITOR_STOPPED: u64 = 0x400;
const HANDSHAKE_SUCCEEDED: u64 = 0x1000;
const PIPES_STATS: u64 = 0x1_0000;
const ALL: u64 = 0xFFFF;

/// The next event in the first form: number, value, endpoint.
fn first(reader: &Socket) -> (u64, u32, String) {
    let parts = recv(reader);
    assert_eq!(parts.len(), 2);
    let number = u16::from_ne_bytes(parts[0][..2].try_into().unwrap());
    let value = u32::from_ne_bytes(parts[0][2..].try_into().unwrap());
    (u64::from(number), value, String::from_utf8(parts[1].clone()).unwrap())
}

/// An event in the second form.
struct Second {
    number: u64,
    values: Vec<u64>,
    local: String,
    remote: String,
}

fn second(reader: &Socket) -> Second {
    let parts = recv(reader);
    let number = |at: usize| u64::from_ne_bytes(parts[at].as_slice().try_into().unwrap());
    let text = |at: usize| String::from_utf8(parts[at].clone()).unwrap();
    let count = number(1) as usize;
    assert_eq!(parts.len(), 4 + count);
    Second {
        number: number(0),
        values: (2..2 + count).map(number).collect(),
        local: text(2 + count),
        remote: text(3 + count),
    }
}

fn monitored(socket: &Socket, events: u64, version: i32, socket_type: SocketType) -> Socket {
    let endpoint = transports()[2].clone();
    let reader_type = match socket_type {
        SocketType::Pub => SocketType::Sub,
        SocketType::Push => SocketType::Pull,
        other => other,
    };
    socket.monitor_at(&endpoint, events, version, socket_type).unwrap();
    let reader = socket_with(&socket.context(), reader_type, |_| {});
    if reader_type == SocketType::Sub {
        reader.subscribe(b"").unwrap();
    }
    reader.connect(&endpoint).unwrap();
    reader
}

#[test]
fn the_first_form_tells_the_events_in_order_with_their_values() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let server = socket_with(&context, SocketType::Rep, |_| {});
        let client = socket_with(&context, SocketType::Req, |_| {});
        let from_server = monitored(&server, ALL, 1, SocketType::Pair);
        let from_client = monitored(&client, ALL, 1, SocketType::Pair);
        let endpoint = server.bind(&transport).unwrap();
        client.connect(&endpoint).unwrap();
        send(&client, &["ping"]);
        expect(&server, &["ping"]);

        for number in [LISTENING, ACCEPTED, HANDSHAKE_SUCCEEDED] {
            let (found, value, at) = first(&from_server);
            assert_eq!((found, at.as_str()), (number, endpoint.as_str()));
            assert_eq!(value > 2, number != HANDSHAKE_SUCCEEDED, "a descriptor: {value}");
        }
        let mut event = first(&from_client);
        if event.0 == CONNECT_DELAYED {
            event = first(&from_client);
        }
        assert_eq!((event.0, event.2.as_str()), (CONNECTED, endpoint.as_str()));
        assert_eq!(first(&from_client).0, HANDSHAKE_SUCCEEDED);

        client.close();
        assert_eq!(first(&from_client), (MONITOR_STOPPED, 0, String::new()));
        assert_eq!(first(&from_server).0, DISCONNECTED);
        server.close();
        assert_eq!(first(&from_server).0, CLOSED);
        assert_eq!(first(&from_server), (MONITOR_STOPPED, 0, String::new()));
    }
}

#[test]
fn a_failed_attempt_tells_its_descriptor_and_when_the_next_comes() {
    let _watchdog = watchdog();
    let context = context();
    let client = socket_with(&context, SocketType::Dealer, |_| {});
    let reader = monitored(&client, CLOSED | CONNECT_RETRIED, 1, SocketType::Pair);
    let endpoint = unbound("tcp");
    client.connect(&endpoint).unwrap();
    let (number, fd, at) = first(&reader);
    assert_eq!((number, at.as_str()), (CLOSED, endpoint.as_str()));
    assert!((3..1 << 20).contains(&fd), "a descriptor: {fd}");
    let (number, milliseconds, at) = first(&reader);
    assert_eq!((number, at.as_str()), (CONNECT_RETRIED, endpoint.as_str()));
    assert!((100..200).contains(&milliseconds), "the interval and as much at random");
}

#[test]
fn the_second_form_tells_both_addresses_on_every_type_of_socket() {
    let _watchdog = watchdog();
    for socket_type in [SocketType::Pair, SocketType::Pub, SocketType::Push] {
        let context = context();
        let server = socket_with(&context, SocketType::Dealer, |_| {});
        let client = socket_with(&context, SocketType::Dealer, |_| {});
        let wanted = ALL & !CONNECT_DELAYED;
        let from_server = monitored(&server, wanted, 2, socket_type);
        let from_client = monitored(&client, wanted, 2, socket_type);
        let endpoint = server.bind("tcp://127.0.0.1:*").unwrap();
        client.connect(&endpoint).unwrap();

        let connected = second(&from_client);
        assert_eq!((connected.number, connected.values.len()), (CONNECTED, 1));
        assert_eq!(connected.remote, endpoint);
        assert!(connected.local.starts_with("tcp://127.0.0.1:") && connected.local != endpoint);
        let done = second(&from_client);
        assert_eq!((done.number, done.values), (HANDSHAKE_SUCCEEDED, vec![0]));
        assert_eq!((done.local, done.remote), (connected.local.clone(), endpoint.clone()));

        let listening = second(&from_server);
        assert_eq!((listening.number, listening.remote.as_str()), (LISTENING, ""));
        assert_eq!(listening.local, endpoint);
        for number in [ACCEPTED, HANDSHAKE_SUCCEEDED] {
            let event = second(&from_server);
            assert_eq!(event.number, number);
            assert_eq!((event.local, event.remote), (endpoint.clone(), connected.local.clone()));
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let _watchdog = watchdog();
    let context = context();
    let socket = socket_with(&context, SocketType::Dealer, |_| {});
    let refusal = |endpoint, events, version, socket_type| {
        socket.monitor_at(endpoint, events, version, socket_type).unwrap_err().errno()
    };
    let (inval, no_proto) = (22, 93);
    assert_eq!(refusal("tcp://127.0.0.1:*", ALL, 1, SocketType::Pair), no_proto);
    assert_eq!(refusal("what://ever", ALL, 1, SocketType::Pair), no_proto);
    assert_eq!(refusal("inproc", ALL, 1, SocketType::Pair), inval);
    assert_eq!(refusal("inproc://a", ALL, 3, SocketType::Pair), inval);
    assert_eq!(refusal("inproc://a", ALL, 2, SocketType::Router), inval);
    assert_eq!(refusal("inproc://a", PIPES_STATS, 1, SocketType::Pair), inval);
    let other = socket_with(&context, SocketType::Pair, |_| {});
    other.bind("inproc://a").unwrap();
    let taken = socket.monitor_at("inproc://a", ALL, 1, SocketType::Pair);
    assert!(matches!(taken, Err(Error::AddressInUse { .. })));
}

#[test]
fn a_second_monitor_ends_the_first_and_may_have_its_name() {
    let _watchdog = watchdog();
    let context = context();
    let socket = socket_with(&context, SocketType::Dealer, |_| {});
    let reader = |endpoint: &str| {
        let reader = socket_with(&context, SocketType::Pair, |_| {});
        reader.connect(endpoint).unwrap();
        reader
    };
    socket.monitor_at("inproc://m", ALL, 1, SocketType::Pair).unwrap();
    let one = reader("inproc://m");
    socket.monitor_at("inproc://m", ALL, 1, SocketType::Pair).unwrap();
    assert_eq!(first(&one).0, MONITOR_STOPPED);
    let two = reader("inproc://m");
    socket.stop_monitor().unwrap();
    assert_eq!(first(&two).0, MONITOR_STOPPED);
    socket.stop_monitor().unwrap();
    socket.bind("tcp://127.0.0.1:*").unwrap();
    expect_nothing(&two);
}

#[test]
fn a_reader_that_is_absent_or_slow_holds_nothing_up() {
    let _watchdog = watchdog();
    let context = context();
    let socket = socket_with(&context, SocketType::Pull, |_| {});
    socket.monitor_at("inproc://m", ALL, 1, SocketType::Pair).unwrap();
    let rounds = |count: usize| {
        for _ in 0..count {
            let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
            socket.unbind(&endpoint).unwrap();
        }
    };
    rounds(20);
    let reader = socket_with(&context, SocketType::Pair, |_| {});
    reader.connect("inproc://m").unwrap();
    rounds(1_500);
    let mut events = 0;
    while try_recv(&reader).is_ok() {
        events += 1;
    }
    assert!((1..=2_000).contains(&events), "two high-water marks at most: {events}");
}

#[test]
fn the_statistics_of_pipes_tell_what_waits() {
    let _watchdog = watchdog();
    let context = context();
    let push = socket_with(&context, SocketType::Push, |_| {});
    let refused = push.monitor_pipe_stats().unwrap_err();
    assert_eq!(refused.errno(), 22);
    let reader = monitored(&push, PIPES_STATS, 2, SocketType::Pair);
    assert!(matches!(push.monitor_pipe_stats(), Err(Error::WouldBlock)));
    let endpoint = unbound("tcp");
    push.connect(&endpoint).unwrap();
    for _ in 0..3 {
        send(&push, &["job"]);
    }
    push.monitor_pipe_stats().unwrap();
    let event = second(&reader);
    assert_eq!((event.number, event.values), (PIPES_STATS, vec![3, 0]));
    assert_eq!((event.local.as_str(), event.remote), ("", endpoint));
    assert!(push.send_message(&mut message(&["more"]), Wait::No).is_ok());
}

#[test]
fn the_statistics_of_pipes_are_in_the_order_in_which_peers_came() {
    let _watchdog = watchdog();
    let context = context();
    let push = socket_with(&context, SocketType::Push, |_| {});
    let reader = monitored(&push, PIPES_STATS, 2, SocketType::Pair);
    let endpoint = push.bind("tcp://127.0.0.1:*").unwrap();
    // The first to come is the last to be ready.
    let mut first = mute(&endpoint);
    let _second = RawPeer::connect(&endpoint, "PULL");
    wait_connected(&push, 1);
    first.write_all(&greeting()).unwrap();
    first.write_all(&frame(4, b"\x05READY\x0bSocket-Type\0\0\0\x04PULL")).unwrap();
    wait_connected(&push, 2);
    push.monitor_pipe_stats().unwrap();
    let came_first = format!("tcp://{}", first.local_addr().unwrap());
    assert_eq!(second(&reader).remote, came_first);
    assert_ne!(second(&reader).remote, came_first);
}
