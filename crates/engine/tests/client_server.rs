//! CLIENT, SERVER and PEER: numbers, routing, mute behaviour, and messages that tell of peers.
//! RFC 41 and RFC 51. Each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::collections::HashSet;
use std::thread;

use common::*;
use oxmq_engine::{Context, Error, EventKind, Msg, Socket, SocketType, Wait};

fn text(socket: &Socket) -> (Vec<u8>, u32) {
    let msg = socket.recv_part(Wait::Forever).unwrap();
    assert!(!msg.more());
    (msg.to_vec(), msg.routing_id())
}

fn to(number: u32, body: &[u8]) -> Msg {
    let mut msg = Msg::from_slice(body);
    msg.set_routing_id(number);
    msg
}

fn send_to(socket: &Socket, number: u32, body: &[u8]) -> Result<(), Error> {
    socket.send_part(&mut to(number, body), Wait::No)
}

/// A SERVER and a CLIENT on each transport, in both start orders.
fn pairs(context: &Context) -> Vec<(Socket, Socket)> {
    let mut pairs = Vec::new();
    for transport in transports() {
        for client_first in [false, true] {
            let server = context.socket(SocketType::Server).unwrap();
            let client = context.socket(SocketType::Client).unwrap();
            if client_first {
                let endpoint = unbound(&transport);
                client.connect(&endpoint).unwrap();
                server.bind(&endpoint).unwrap();
            } else {
                client.connect(&server.bind(&another(&transport)).unwrap()).unwrap();
            }
            pairs.push((server, client));
        }
    }
    pairs
}

// RFC 41 §The SERVER Socket Type: SHALL provide the application with an API to retrieve the message
// routing-id, and one to set it; SHALL route the message to the outgoing queue; SHALL identify each
// double queue using a non-zero 32-bit unsigned integer value.
// RFC 41 §The CLIENT Socket Type: SHALL not filter or modify outgoing or incoming messages.
#[test]
fn a_request_has_a_number_by_which_any_number_of_replies_go_back() {
    let _watchdog = watchdog();
    let context = context();
    for (server, client) in pairs(&context) {
        for size in [0, 1, 40, 41, 100_000] {
            let body = vec![b'r'; size];
            client.send_part(&mut Msg::from_slice(&body), Wait::Forever).unwrap();
            let (request, number) = text(&server);
            assert_eq!(request, body);
            assert_ne!(number, 0);
            for reply in [&body[..], b"second", b""] {
                server.send_part(&mut to(number, reply), Wait::Forever).unwrap();
            }
            // The number is the server's own; the client sees none.
            assert_eq!(text(&client), (body, 0));
            assert_eq!(text(&client), (b"second".to_vec(), 0));
            assert_eq!(text(&client), (Vec::new(), 0));
        }
    }
}

// RFC 37 §Thread-Safe Socket Types: MUST disallow the sending of multipart messages.
// RFC 51 §The PEER Socket Type: MUST NOT send multi-part messages.
#[test]
fn several_parts_are_refused_and_stay_with_the_caller() {
    let _watchdog = watchdog();
    let context = context();
    for (server, client) in pairs(&context) {
        let mut part = Msg::from("first");
        part.set_more(true);
        for wait in [Wait::No, Wait::Forever] {
            let refused = client.send_part(&mut part, wait);
            assert!(matches!(refused, Err(Error::InvalidMessage { .. })));
            assert_eq!(refused.unwrap_err().errno(), rustix::io::Errno::INVAL.raw_os_error());
            let mut two = message(&["one", "two"]);
            assert!(matches!(
                client.send_message(&mut two, wait),
                Err(Error::InvalidMessage { .. })
            ));
            assert_eq!((&part[..], two.len()), (&b"first"[..], 2));
        }
        send(&client, &["whole"]);
        let (body, number) = text(&server);
        assert_eq!(body, b"whole");
        let mut part = to(number, b"reply");
        part.set_more(true);
        let refused = server.send_part(&mut part, Wait::Forever);
        assert!(matches!(refused, Err(Error::InvalidMessage { .. })));
        send_to(&server, number, b"reply").unwrap();
        assert_eq!(text(&client).0, b"reply");
        expect_nothing(&client);
    }
}

// RFC 41 §The SERVER Socket Type: SHALL return an error if the queue does not exist.
#[test]
fn an_unknown_number_is_host_unreachable() {
    let _watchdog = watchdog();
    let context = context();
    for (server, client) in pairs(&context) {
        send(&client, &["hello"]);
        let (_, number) = text(&server);
        for unknown in [0, number.wrapping_add(1).max(1), number ^ 0x8000_0000] {
            let mut msg = to(unknown, b"x");
            let error = server.send_part(&mut msg, Wait::Forever).unwrap_err();
            assert!(matches!(error, Error::HostUnreachable), "{unknown}: {error}");
            assert_eq!((&msg[..], msg.routing_id()), (&b"x"[..], unknown));
        }
        drop(client);
        wait_connected(&server, 0);
        assert!(matches!(send_to(&server, number, b"x"), Err(Error::HostUnreachable)));
    }
}

// RFC 41 §The SERVER Socket Type: unique "routing id"; SHALL receive incoming messages from its
// peers using a fair-queuing strategy.
// RFC 41 §The CLIENT Socket Type: SHALL route outgoing messages to available peers using a
// round-robin strategy.
#[test]
fn many_peers_each_have_their_own_number_and_their_turn() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let server = context.socket(SocketType::Server).unwrap();
        let endpoint = server.bind(&transport).unwrap();
        let clients: Vec<_> = (0..20)
            .map(|_| {
                let client = context.socket(SocketType::Client).unwrap();
                client.connect(&endpoint).unwrap();
                client
            })
            .collect();
        let mut numbers = HashSet::new();
        for (index, client) in clients.iter().enumerate() {
            send(client, &[[index as u8]]);
            let (body, number) = text(&server);
            assert_eq!(body, [index as u8]);
            assert!(numbers.insert(number));
            send_to(&server, number, &[index as u8]).unwrap();
        }
        for (index, client) in clients.iter().enumerate() {
            assert_eq!(text(client).0, [index as u8]);
        }
        let client = context.socket(SocketType::Client).unwrap();
        let servers: Vec<_> = (0..4)
            .map(|_| {
                let server = context.socket(SocketType::Server).unwrap();
                client.connect(&server.bind(&another(&transport)).unwrap()).unwrap();
                server
            })
            .collect();
        wait_connected(&client, 4);
        for number in 0..40u8 {
            send(&client, &[[number]]);
        }
        for server in &servers {
            let first = text(server).0[0];
            for turn in 1..10 {
                assert_eq!(text(server).0, [first + 4 * turn]);
            }
        }
    }
}

// RFC 41 §The CLIENT Socket Type: SHALL block on sending, or return a suitable error, when it has
// no available peers; SHALL not accept further messages then; SHALL maintain the double queue
// whether or not the connection is established.
#[test]
fn a_client_accepts_its_high_water_mark_and_then_blocks() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let client = socket_with(&context, SocketType::Client, |o| o.snd_hwm = 3);
        assert!(matches!(try_send(&client, &["x"]), Err(Error::WouldBlock)));
        assert!(!client.readiness().unwrap().writable);
        let endpoint = unbound(&transport);
        client.connect(&endpoint).unwrap();
        for number in 0..3u8 {
            try_send(&client, &[[number]]).unwrap();
        }
        assert!(matches!(try_send(&client, &["x"]), Err(Error::WouldBlock)));
        thread::scope(|scope| {
            let fourth = scope.spawn(|| send(&client, &[[3u8]]));
            let server = context.socket(SocketType::Server).unwrap();
            server.bind(&endpoint).unwrap();
            for number in 0..4u8 {
                assert_eq!(text(&server).0, [number]);
            }
            fourth.join().unwrap();
        });
    }
}

// RFC 41 §The SERVER Socket Type: SHALL block on sending, if the queue is full, unless otherwise
// configured; SHALL NOT discard messages that it cannot queue.
#[test]
fn a_server_waits_for_room_and_hears_when_the_peer_goes() {
    let _watchdog = watchdog();
    let context = context();
    let server = socket_with(&context, SocketType::Server, |o| o.snd_hwm = 2);
    let client = socket_with(&context, SocketType::Client, |o| o.rcv_hwm = 2);
    client.connect(&server.bind(&transports()[2]).unwrap()).unwrap();
    send(&client, &["hello"]);
    let (_, number) = text(&server);
    for count in 0..4u8 {
        send_to(&server, number, &[count]).unwrap();
    }
    assert!(server.readiness().unwrap().writable);
    assert!(matches!(send_to(&server, number, b"x"), Err(Error::WouldBlock)));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| server.send_part(&mut to(number, &[4]), Wait::Forever));
        for count in 0..5u8 {
            assert_eq!(text(&client).0, [count]);
        }
        waiting.join().unwrap().unwrap();
    });
    while send_to(&server, number, b"fill").is_ok() {}
    thread::scope(|scope| {
        let waiting = scope.spawn(|| server.send_part(&mut to(number, &[4]), Wait::Forever));
        drop(client);
        assert!(matches!(waiting.join().unwrap(), Err(Error::HostUnreachable)));
    });
}

// RFC 49 §The GATHER Socket Type: MUST discard any part of a multipart message, MAY disconnect a
// peer that is sending multipart messages. RFC 37 §Thread-Safe Socket Types: the same for all.
#[test]
fn a_peer_that_sends_what_its_type_may_not_is_disconnected() {
    let _watchdog = watchdog();
    let types = [
        (SocketType::Server, "CLIENT"),
        (SocketType::Client, "SERVER"),
        (SocketType::Gather, "SCATTER"),
        (SocketType::Peer, "PEER"),
        (SocketType::Channel, "CHANNEL"),
    ];
    for (ours, theirs) in types {
        let context = context();
        let socket = context.socket(ours).unwrap();
        let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
        let monitor = socket.monitor().unwrap();
        let commands: [(&str, &[u8]); 4] =
            [("SUBSCRIBE", b"a"), ("CANCEL", b"a"), ("JOIN", b"a"), ("LEAVE", b"a")];
        for command in commands.iter().map(Some).chain([None]) {
            let mut peer = RawPeer::connect(&endpoint, theirs);
            peer.message(&["good"]);
            match command {
                Some((name, body)) => peer.command(name, body),
                None => peer.message(&["not", "good"]),
            }
            peer.read_to_end();
            event(&monitor, |kind| matches!(kind, EventKind::HandshakeFailedProtocol { .. }));
            event(&monitor, |kind| matches!(kind, EventKind::Disconnected { .. }));
            expect(&socket, &["good"]);
            expect_nothing(&socket);
        }
        // A PING is answered, and a command that nobody knows is passed over.
        let mut peer = RawPeer::connect(&endpoint, theirs);
        peer.command("FUTURE", b"");
        peer.command("PING", b"\0\0abc");
        assert_eq!(peer.read_frame(), Some((COMMAND, b"\x04PONGabc".to_vec())));
        peer.message(&["still good"]);
        expect(&socket, &["still good"]);
    }
}

// RFC 37 §The Socket-Type Property: which types may talk to each other; over inproc too.
#[test]
fn types_with_multipart_messages_do_not_meet_the_others() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let server = context.socket(SocketType::Server).unwrap();
        let endpoint = server.bind(&transport).unwrap();
        let stranger = context.socket(SocketType::Dealer).unwrap();
        match stranger.connect(&endpoint) {
            // Inside the process the types are known at once.
            Err(Error::Endpoint { .. }) => assert!(transport.starts_with("inproc")),
            connected => {
                connected.unwrap();
                try_send(&stranger, &["multi", "part"]).unwrap();
            }
        }
        let client = context.socket(SocketType::Client).unwrap();
        client.connect(&endpoint).unwrap();
        send(&client, &["mine"]);
        assert_eq!(text(&server).0, b"mine");
        expect_nothing(&server);
    }
}

// `zmq_setsockopt(3)`, ZMQ_HELLO_MSG, ZMQ_DISCONNECT_MSG, ZMQ_HICCUP_MSG.
#[test]
fn hello_disconnect_and_hiccup_messages() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let server = socket_with(&context, SocketType::Server, |o| {
            o.hello_msg = b"HELLO".to_vec();
            o.disconnect_msg = b"GONE".to_vec();
        });
        let endpoint = server.bind(&transport).unwrap();
        let client = socket_with(&context, SocketType::Client, |o| {
            o.hello_msg = b"HI".to_vec();
            o.hiccup_msg = b"HICCUP".to_vec();
        });
        client.connect(&endpoint).unwrap();
        assert_eq!(text(&client).0, b"HELLO");
        let (hello, number) = text(&server);
        assert_eq!(hello, b"HI");
        if transport.starts_with("inproc") {
            drop(client);
            assert_eq!(text(&server), (b"GONE".to_vec(), number));
            continue;
        }
        send(&client, &["last words"]);
        wait_queued_in(&server, 1);
        server.disconnect_peer(number).unwrap();
        assert_eq!(text(&client).0, b"HICCUP");
        assert_eq!(text(&client).0, b"HELLO");
        let (hello, second) = text(&server);
        assert_eq!(hello, b"HI");
        assert_ne!(second, number);
        send(&client, &["last words"]);
        drop(client);
        assert_eq!(text(&server), (b"last words".to_vec(), second));
        assert_eq!(text(&server), (b"GONE".to_vec(), second));
    }
}

// RFC 51 §The PEER Socket Type: SHALL provide the application with an API to connect and retrieve
// the "routing id" of the double queue in atomic manner; SHALL create a double queue when
// initiating an outgoing connection; MAY both send and receive messages in any order.
#[test]
fn a_peer_is_written_to_by_the_number_of_its_connect() {
    let _watchdog = watchdog();
    for transport in transports() {
        for bind_first in [true, false] {
            let context = context();
            let (one, other) = (
                context.socket(SocketType::Peer).unwrap(),
                context.socket(SocketType::Peer).unwrap(),
            );
            let endpoint = if bind_first {
                other.bind(&another(&transport)).unwrap()
            } else {
                unbound(&transport)
            };
            let number = one.connect_peer(&endpoint).unwrap();
            assert_ne!(number, 0);
            send_to(&one, number, b"before").unwrap();
            if !bind_first {
                other.bind(&endpoint).unwrap();
            }
            let (body, back) = text(&other);
            assert_eq!(body, b"before");
            for count in 0..10u8 {
                send_to(&other, back, &[count]).unwrap();
            }
            for count in 0..10u8 {
                assert_eq!(text(&one), (vec![count], number));
            }
            one.disconnect_peer(number).unwrap();
            assert!(matches!(send_to(&one, number, b"x"), Err(Error::HostUnreachable)));
            assert!(matches!(one.disconnect_peer(number), Err(Error::HostUnreachable)));
            wait_connected(&other, 0);
            assert!(matches!(one.disconnect(&endpoint), Err(Error::NoSuchEndpoint { .. })));
            assert_ne!(one.connect_peer(&endpoint).unwrap(), number);
        }
    }
}

#[test]
fn a_peer_keeps_its_number_over_a_reconnect_and_is_told_of_it() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let one = socket_with(&context, SocketType::Peer, |o| {
            o.hiccup_msg = b"HICCUP".to_vec();
            o.disconnect_msg = b"GONE".to_vec();
        });
        let other = context.socket(SocketType::Peer).unwrap();
        let number = one.connect_peer(&other.bind(&transport).unwrap()).unwrap();
        send_to(&one, number, b"first").unwrap();
        let (_, back) = text(&other);
        other.disconnect_peer(back).unwrap();
        // The message of a loss is for peers that were accepted.
        assert_eq!(text(&one), (b"HICCUP".to_vec(), number));
        send_to(&one, number, b"second").unwrap();
        let (body, second) = text(&other);
        assert_eq!(body, b"second");
        assert_ne!(second, back);
    }
}

#[test]
fn numbers_are_for_server_and_peer_only() {
    let context = context();
    for socket_type in SocketType::ALL.into_iter().filter(|t| *t != SocketType::Dgram) {
        let socket = context.socket(socket_type).unwrap();
        let connected = socket.connect_peer("tcp://127.0.0.1:1");
        assert_eq!(connected.is_ok(), socket_type == SocketType::Peer, "{socket_type}");
        let numbered = matches!(socket_type, SocketType::Peer | SocketType::Server);
        match socket.disconnect_peer(connected.unwrap_or(7)) {
            Ok(()) => assert_eq!(socket_type, SocketType::Peer),
            Err(Error::HostUnreachable) => assert_eq!(socket_type, SocketType::Server),
            Err(error) => {
                assert!(!numbered && matches!(error, Error::NotSupported { .. }), "{error}");
            }
        }
    }
    let peer = socket_with(&context, SocketType::Peer, |o| o.immediate = true);
    let error = peer.connect_peer("tcp://127.0.0.1:1").unwrap_err();
    assert_eq!(error.errno(), rustix::io::Errno::FAULT.raw_os_error());
    assert!(matches!(
        context.socket(SocketType::Peer).unwrap().connect_peer("bad"),
        Err(Error::Endpoint { .. })
    ));
}

// RFC 49 §Overall Goals of this Pattern and its siblings: the API is thread-safe.
#[test]
fn several_threads_share_one_client() {
    let _watchdog = watchdog();
    const THREADS: usize = 8;
    const EACH: usize = 500;
    for transport in transports() {
        let context = context();
        let server = context.socket(SocketType::Server).unwrap();
        let client = context.socket(SocketType::Client).unwrap();
        client.connect(&server.bind(&transport).unwrap()).unwrap();
        thread::scope(|scope| {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..THREADS * EACH {
                    let mut request = server.recv_part(Wait::Forever).unwrap();
                    server.send_part(&mut request, Wait::Forever).unwrap();
                }
            });
            let received: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let client = &client;
                    scope.spawn(move || {
                        let mut got = Vec::new();
                        for number in 0..EACH {
                            let body = format!("{thread}/{number}");
                            client.send_part(&mut Msg::from(body), Wait::Forever).unwrap();
                            got.push(text(client).0);
                        }
                        got
                    })
                })
                .collect();
            let all: HashSet<_> = received.into_iter().flat_map(|t| t.join().unwrap()).collect();
            assert_eq!(all.len(), THREADS * EACH);
        });
    }
}
