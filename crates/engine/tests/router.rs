//! ROUTER: routing ids, what happens to messages for peers that are unknown, full or gone, and the
//! options that tell of peers. RFC 28 and `zmq_setsockopt(3)`. Each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use common::*;
use oxmq_engine::options::RouterNotify;
use oxmq_engine::{Context, Error, EventKind, Socket, SocketType, Wait};

/// A ROUTER and where it is bound.
fn router(context: &Context, bind: &str) -> (Socket, String) {
    let router = context.socket(SocketType::Router).unwrap();
    let endpoint = router.bind(bind).unwrap();
    (router, endpoint)
}

/// A DEALER of this routing id that connects.
fn dealer(context: &Context, endpoint: &str, id: &[u8]) -> Socket {
    let dealer = context.socket(SocketType::Dealer).unwrap();
    configure(&dealer, |o| o.routing_id = id.to_vec());
    dealer.connect(endpoint).unwrap();
    dealer
}

// RFC 28 §The ROUTER Socket Type: SHALL prefix each incoming message with a frame containing the
// identity of the originating double queue; SHALL remove the first frame from each outgoing
// message and use this as the identity of a double queue.
// RFC 28 §The ROUTER Socket Type: SHOULD allow the peer to specify its identity explicitly.
#[test]
fn a_peer_is_known_by_the_routing_id_it_gives_itself() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (router, endpoint) = router(&context, &transport);
        let longest = [b'l'; 255];
        let peers = [&b"a"[..], b"name with \0 inside", &longest]
            .map(|id| (id, dealer(&context, &endpoint, id)));
        for (id, peer) in &peers {
            send(peer, &["ask", "", "ed"]);
            expect(&router, &[id, &b"ask"[..], b"", b"ed"]);
        }
        for (id, _) in &peers {
            send(&router, &[id, &b""[..], id]);
        }
        for (id, peer) in &peers {
            expect(peer, &[&b""[..], id]);
        }
    }
}

// RFC 28 §The ROUTER Socket Type: SHALL identify each double queue using a unique "identity"
// binary string.
#[test]
fn a_peer_without_a_name_gets_five_bytes_that_begin_with_zero() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (router, endpoint) = router(&context, &transport);
        let peers: Vec<_> = (0..20).map(|_| dealer(&context, &endpoint, b"")).collect();
        for (number, peer) in peers.iter().enumerate() {
            send(peer, &[[number as u8]]);
        }
        let mut ids = vec![Vec::new(); peers.len()];
        for _ in &peers {
            let message = recv(&router);
            ids[usize::from(message[1][0])].clone_from(&message[0]);
        }
        for (number, id) in ids.iter().enumerate() {
            assert_eq!((id.len(), id[0]), (5, 0), "{transport}: {id:?}");
            send(&router, &[&id[..], &[number as u8]]);
        }
        for (number, peer) in peers.iter().enumerate() {
            expect(peer, &[[number as u8]]);
        }
        assert_eq!(counts(ids).len(), peers.len());
    }
}

#[test]
fn with_handover_the_second_peer_takes_the_name() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (router, endpoint) = router(&context, &transport);
        configure(&router, |o| o.router_handover = true);
        // The first does not come back for its name.
        let first = socket_with(&context, SocketType::Dealer, |o| {
            o.routing_id = b"name".to_vec();
            o.reconnect_ivl = None;
        });
        first.connect(&endpoint).unwrap();
        send(&first, &["first"]);
        expect(&router, &["name", "first"]);
        let second = dealer(&context, &endpoint, b"name");
        send(&second, &["second"]);
        expect(&router, &["name", "second"]);
        send(&router, &["name", "reply"]);
        expect(&second, &["reply"]);
        expect_nothing(&first);
    }
}

// RFC 28 §The ROUTER Socket Type: SHALL either silently drop the message, or return an error,
// depending on configuration, if the queue does not exist, or is full.
#[test]
fn a_message_for_an_unknown_peer_is_dropped_or_refused() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (router, endpoint) = router(&context, &transport);
        let peer = dealer(&context, &endpoint, b"known");
        wait_connected(&router, 1);
        try_send(&router, &["unknown", "", "lost"]).unwrap();
        assert_eq!(router.snapshot().drops.unroutable, 1);
        configure(&router, |o| o.router_mandatory = true);
        let mut kept = message(&["unknown", "", "kept"]);
        for wait in [Wait::No, Wait::Forever] {
            let refused = router.send_message(&mut kept, wait);
            assert!(matches!(refused, Err(Error::HostUnreachable)), "{refused:?}");
        }
        assert_eq!(bytes(&kept), [&b"unknown"[..], b"", b"kept"]);
        send(&router, &["known", "good"]);
        expect(&peer, &["good"]);
        drop(peer);
        wait_connected(&router, 0);
        assert!(matches!(try_send(&router, &["known", "x"]), Err(Error::HostUnreachable)));
        assert_eq!(router.snapshot().drops.unroutable, 1);
    }
}

// RFC 28 §The ROUTER Socket Type: SHALL either silently drop the message, or return an error ...
// if the queue ... is full; SHALL NOT block on sending.
#[test]
fn a_message_for_a_full_peer_is_dropped_or_refused() {
    let _watchdog = watchdog();
    let context = context();
    let (router, endpoint) = router(&context, "tcp://127.0.0.1:*");
    configure(&router, |o| {
        o.router_mandatory = true;
        o.snd_hwm = 10;
    });
    let mut full = RawPeer::connect_with(&endpoint, "DEALER", &[("Identity", b"full")]);
    let mut other = RawPeer::connect_with(&endpoint, "DEALER", &[("Identity", b"other")]);
    wait_connected(&router, 2);
    let block = vec![1; 200_000];
    let mut accepted = 0;
    loop {
        match try_send(&router, &[b"full", &block[..]]) {
            Ok(()) => accepted += 1,
            Err(Error::WouldBlock) => break,
            Err(error) => panic!("{error}"),
        }
    }
    // The others do not notice.
    send(&router, &["other", "good"]);
    assert_eq!(other.read_message().unwrap(), [b"good"]);

    configure(&router, |o| o.router_mandatory = false);
    try_send(&router, &[b"full", &block[..]]).unwrap();
    assert_eq!(router.snapshot().drops.high_water_mark, 1);

    // With room, a send that waits goes through.
    configure(&router, |o| o.router_mandatory = true);
    thread::scope(|scope| {
        let sender = scope.spawn(|| send(&router, &["full", "last"]));
        for _ in 0..accepted {
            assert_eq!(full.read_message().unwrap(), [&block[..]]);
        }
        sender.join().unwrap();
    });
    assert_eq!(full.read_message().unwrap(), [b"last"]);
}

// RFC 28 §The ROUTER Socket Type: SHALL create a double queue when a peer connects to it. If this
// peer disconnects, the ROUTER socket SHALL destroy its double queue and SHALL discard any
// messages it contains.
#[test]
fn a_router_forgets_the_queue_of_a_bound_peer_that_left() {
    let _watchdog = watchdog();
    let context = context();
    let (router, endpoint) = router(&context, "tcp://127.0.0.1:*");
    configure(&router, |o| o.router_mandatory = true);
    let peer = RawPeer::connect_with(&endpoint, "DEALER", &[("Identity", b"peer")]);
    wait_connected(&router, 1);
    while try_send(&router, &[b"peer", &vec![1; 100_000][..]]).is_ok() {}
    drop(peer);
    wait_connected(&router, 0);
    assert!(router.snapshot().drops.disconnected > 0);
    let mut peer = RawPeer::connect_with(&endpoint, "DEALER", &[("Identity", b"peer")]);
    wait_connected(&router, 1);
    send(&router, &["peer", "new"]);
    assert_eq!(peer.read_message().unwrap(), [b"new"]);
}

// RFC 28 §The ROUTER Socket Type: SHALL create a double queue when initiating an outgoing
// connection to a peer, and SHALL maintain the double queue whether or not the connection is
// established.
#[test]
fn a_peer_can_be_named_before_it_is_connected() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let peer = context.socket(SocketType::Router).unwrap();
        configure(&peer, |o| o.routing_id = b"its own name".to_vec());
        let endpoint = peer.bind(&transport).unwrap();
        let router = socket_with(&context, SocketType::Router, |o| {
            o.router_mandatory = true;
            o.routing_id = b"asker".to_vec();
            o.connect_routing_id = Some(b"our name".to_vec());
        });
        router.connect(&endpoint).unwrap();
        assert_eq!(router.options().connect_routing_id, None, "taken by the connect");
        send(&router, &["our name", "hello"]);
        expect(&peer, &["asker", "hello"]);
        send(&peer, &["asker", "hello back"]);
        expect(&router, &["our name", "hello back"]);
        assert!(matches!(try_send(&router, &["its own name", "x"]), Err(Error::HostUnreachable)));
    }
}

#[test]
fn a_probe_makes_the_peer_known() {
    let _watchdog = watchdog();
    for transport in transports() {
        for prober in [SocketType::Dealer, SocketType::Router] {
            let context = context();
            let (router, endpoint) = router(&context, &transport);
            let prober = socket_with(&context, prober, |o| {
                o.probe_router = true;
                o.routing_id = b"prober".to_vec();
            });
            prober.connect(&endpoint).unwrap();
            expect(&router, &["prober", ""]);
            send(&router, &["prober", "hello"]);
            assert_eq!(recv(&prober).pop().unwrap(), b"hello");
            expect_nothing(&router);
        }
    }
}

#[test]
fn coming_and_going_arrive_as_messages_when_asked_for() {
    let _watchdog = watchdog();
    for transport in transports() {
        for (connect, disconnect) in [(true, true), (true, false), (false, true)] {
            let context = context();
            let (router, endpoint) = router(&context, &transport);
            configure(&router, |o| {
                let mut notify = RouterNotify::default();
                notify.connect = connect;
                notify.disconnect = disconnect;
                o.router_notify = notify;
            });
            let peer = dealer(&context, &endpoint, b"peer");
            if connect {
                expect(&router, &["peer", ""]);
            }
            send(&peer, &["hello"]);
            expect(&router, &["peer", "hello"]);
            drop(peer);
            if disconnect {
                expect(&router, &["peer", ""]);
            }
            wait_connected(&router, 0);
            expect_nothing(&router);
        }
    }
}

#[test]
fn a_dealer_hears_that_its_connection_was_lost() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let context = context();
    let dealer = socket_with(&context, SocketType::Dealer, |o| o.hiccup_msg = b"hiccup".to_vec());
    dealer.connect(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
    let mut peer = RawPeer::accept(&listener, "ROUTER");
    peer.message(&["before"]);
    expect(&dealer, &["before"]);
    drop(peer);
    expect(&dealer, &["hiccup"]);
    let mut peer = RawPeer::accept(&listener, "ROUTER");
    peer.message(&["after"]);
    expect(&dealer, &["after"]);
    send(&dealer, &["reply"]);
    assert_eq!(peer.read_message().unwrap(), [b"reply"]);
}

// RFC 28 §The ROUTER Socket Type: SHALL identify each double queue using a unique "identity"
// binary string.
#[test]
fn a_second_peer_of_the_same_name_is_refused() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (router, endpoint) = router(&context, &transport);
        let monitor = router.monitor().unwrap();
        let first = dealer(&context, &endpoint, b"name");
        send(&first, &["first"]);
        expect(&router, &["name", "first"]);
        let second = dealer(&context, &endpoint, b"name");
        configure(&second, |o| o.linger = Some(Duration::ZERO));
        let _ = second.send_message(&mut message(&["second"]), Wait::No);
        if !transport.starts_with("inproc") {
            event(&monitor, |kind| matches!(kind, EventKind::PeerRefused { .. }));
        }
        send(&router, &["name", "reply"]);
        expect(&first, &["reply"]);
        expect_nothing(&second);
        send(&first, &["still here"]);
        expect(&router, &["name", "still here"]);
        expect_nothing(&router);
    }
}
#[test]
fn a_farewell_and_a_hello_of_ones_own() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let router = socket_with(&context, SocketType::Router, |o| {
            o.hello_msg = b"hello".to_vec();
            o.disconnect_msg = b"gone".to_vec();
        });
        let endpoint = router.bind(&transport).unwrap();
        let peer = dealer(&context, &endpoint, b"peer");
        wait_connected(&router, 1);
        expect(&peer, &["hello"]);
        send(&peer, &["last words"]);
        drop(peer);
        expect(&router, &["peer", "last words"]);
        expect(&router, &["peer", "gone"]);
        expect_nothing(&router);
    }
}
