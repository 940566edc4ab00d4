//! PUB, SUB, XPUB and XSUB: filters, subscriptions as messages, and what is dropped and what is
//! not. RFC 29 and `zmq_setsockopt(3)`. Each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::net::TcpListener;

use common::*;
use oxmq_engine::{Context, Error, EventKind, Socket, SocketType, Wait};

/// A bound publisher of this type, and a subscriber of that type that is connected to it.
fn pair_of(
    context: &Context,
    publisher: SocketType,
    subscriber: SocketType,
    bind: &str,
) -> (Socket, Socket) {
    let publisher = context.socket(publisher).unwrap();
    let endpoint = publisher.bind(bind).unwrap();
    let subscriber = context.socket(subscriber).unwrap();
    subscriber.connect(&endpoint).unwrap();
    wait_connected(&publisher, 1);
    (publisher, subscriber)
}

/// A subscription as XPUB and XSUB have it.
fn subscribe(topic: &str) -> Vec<u8> {
    [b"\x01", topic.as_bytes()].concat()
}

/// A cancel as XPUB and XSUB have it.
fn cancel(topic: &str) -> Vec<u8> {
    [b"\x00", topic.as_bytes()].concat()
}

// RFC 29 §The PUB Socket Type: SHALL only send messages.
// RFC 29 §The SUB Socket Type: SHALL only receive messages.
#[test]
fn the_wrong_direction_is_not_supported() {
    let _watchdog = watchdog();
    let context = context();
    let publisher = context.socket(SocketType::Pub).unwrap();
    let subscriber = context.socket(SocketType::Sub).unwrap();
    assert!(matches!(publisher.recv_message(Wait::Forever), Err(Error::NotSupported { .. })));
    let sent = subscriber.send_message(&mut message(&["x"]), Wait::Forever);
    assert!(matches!(sent, Err(Error::NotSupported { .. })));
    assert!(matches!(publisher.subscribe(b""), Err(Error::NotSupported { .. })));
}

// RFC 29 §The PUB Socket Type: SHALL perform a binary comparison of the subscription against the
// start of the first frame of the message; SHALL not modify outgoing messages in any way.
// RFC 37 §The Publish-Subscribe Pattern: a subscription of "A" SHALL match all messages starting
// with "A".
#[test]
fn a_subscriber_gets_what_begins_with_its_topics() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (publisher, subscriber) =
            pair_of(&context, SocketType::Pub, SocketType::Sub, &transport);
        for topic in [&b"ab"[..], b"x", b"\0\xFF"] {
            subscriber.subscribe(topic).unwrap();
        }
        subscriber.subscribe(b"ready").unwrap();
        wait_topics(&publisher, &subscriber);
        let messages: &[&[&[u8]]] = &[
            &[b"a", b"ab"],
            &[b"ab"],
            &[b"abc", b"", b"second"],
            &[b"", b"ab"],
            &[b"A"],
            &[b"x"],
            &[b"\0"],
            &[b"\0\xFF\x01"],
            &[b"\0\xFE"],
            &[b"bab"],
        ];
        messages.iter().for_each(|parts| send(&publisher, parts));
        let wanted = |first: &[u8]| {
            [&b"ab"[..], b"x", b"\0\xFF"].iter().any(|topic| first.starts_with(topic))
        };
        for parts in messages.iter().filter(|parts| wanted(parts[0])) {
            expect(&subscriber, parts);
        }
        send(&publisher, &["ready"]);
        expect(&subscriber, &["ready"]);
    }
}

/// Waits until the publisher has what the subscriber has subscribed to so far: sends under the
/// topic `ready`, which must be the last one subscribed to, until something comes back.
fn wait_topics(publisher: &Socket, subscriber: &Socket) {
    loop {
        send(publisher, &["ready"]);
        if subscriber.recv_message(Wait::No).is_ok() {
            break;
        }
    }
    // The rest of what was sent above.
    send(publisher, &["ready", "last"]);
    while recv(subscriber).len() == 1 {}
}

// RFC 29 §The PUB Socket Type: SHALL receive subscribe and unsubscribe requests from subscribers.
// RFC 37 §The Publish-Subscribe Pattern: subscriptions SHALL be additive and SHALL NOT be
// idempotent.
#[test]
fn a_topic_subscribed_to_twice_must_be_cancelled_twice() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (publisher, subscriber) =
            pair_of(&context, SocketType::Pub, SocketType::Sub, &transport);
        subscriber.subscribe(b"topic").unwrap();
        subscriber.subscribe(b"topic").unwrap();
        subscriber.unsubscribe(b"topic").unwrap();
        subscriber.subscribe(b"ready").unwrap();
        wait_topics(&publisher, &subscriber);
        send(&publisher, &["topic", "once"]);
        expect(&subscriber, &["topic", "once"]);
        subscriber.unsubscribe(b"topic").unwrap();
        // Cancelling what is not subscribed to changes nothing.
        subscriber.unsubscribe(b"topic").unwrap();
        subscriber.unsubscribe(b"never").unwrap();
        subscriber.unsubscribe(b"ready").unwrap();
        subscriber.subscribe(b"ready").unwrap();
        wait_topics(&publisher, &subscriber);
        send(&publisher, &["topic", "lost"]);
        send(&publisher, &["ready"]);
        expect(&subscriber, &["ready"]);
        assert_eq!(subscriber.raw_option(oxmq_engine::options::code::TOPICS_COUNT).unwrap(), {
            oxmq_engine::RawOption::Int(1)
        });
    }
}

// RFC 37 §The Publish-Subscribe Pattern: an empty subscription SHALL match all messages.
#[test]
fn a_late_joiner_gets_what_is_sent_from_then_on() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let publisher = context.socket(SocketType::Pub).unwrap();
        let endpoint = publisher.bind(&transport).unwrap();
        send(&publisher, &["to nobody"]);
        let mut subscribers = Vec::new();
        for joined in 1..=5u8 {
            let subscriber = context.socket(SocketType::Sub).unwrap();
            subscriber.subscribe(b"").unwrap();
            subscriber.connect(&endpoint).unwrap();
            wait_subscribers(&publisher, usize::from(joined));
            subscribers.push(subscriber);
            send(&publisher, &[[joined]]);
        }
        for (index, subscriber) in subscribers.iter().enumerate() {
            for number in index as u8 + 1..=5 {
                expect(subscriber, &[[number]]);
            }
            expect_nothing(subscriber);
        }
    }
}

// RFC 29 §The XPUB Socket Type: SHALL deliver these commands to its calling application; MAY,
// depending on configuration, normalize commands.
#[test]
fn an_xpub_receives_first_subscriptions_and_last_cancels() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (publisher, first) = pair_of(&context, SocketType::XPub, SocketType::Sub, &transport);
        let second = context.socket(SocketType::Sub).unwrap();
        second.connect(&first.last_endpoint()).unwrap();
        first.subscribe(b"a").unwrap();
        expect(&publisher, &[subscribe("a")]);
        second.subscribe(b"a").unwrap();
        second.subscribe(b"b").unwrap();
        expect(&publisher, &[subscribe("b")]);
        first.unsubscribe(b"a").unwrap();
        first.subscribe(b"c").unwrap();
        expect(&publisher, &[subscribe("c")]);
        second.unsubscribe(b"a").unwrap();
        expect(&publisher, &[cancel("a")]);
        // RFC 29 §The XPUB Socket Type: SHALL, if the subscriber peer disconnects prematurely,
        // generate a suitable unsubscribe request for the calling application.
        drop(second);
        expect(&publisher, &[cancel("b")]);
        drop(first);
        expect(&publisher, &[cancel("c")]);
        expect_nothing(&publisher);
    }
}

#[test]
fn a_verbose_xpub_receives_every_subscription_and_a_verboser_one_every_cancel() {
    let _watchdog = watchdog();
    for transport in transports() {
        for verboser in [false, true] {
            let context = context();
            let (publisher, first) =
                pair_of(&context, SocketType::XPub, SocketType::Sub, &transport);
            configure(&publisher, |o| {
                o.xpub_verbose = true;
                o.xpub_verboser = verboser;
            });
            let second = context.socket(SocketType::Sub).unwrap();
            second.connect(&first.last_endpoint()).unwrap();
            first.subscribe(b"a").unwrap();
            expect(&publisher, &[subscribe("a")]);
            second.subscribe(b"a").unwrap();
            expect(&publisher, &[subscribe("a")]);
            first.unsubscribe(b"a").unwrap();
            if verboser {
                expect(&publisher, &[cancel("a")]);
            }
            first.subscribe(b"z").unwrap();
            expect(&publisher, &[subscribe("z")]);
            second.unsubscribe(b"a").unwrap();
            expect(&publisher, &[cancel("a")]);
        }
    }
}

#[test]
fn a_manual_xpub_decides_what_a_subscription_means() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (publisher, subscriber) =
            pair_of(&context, SocketType::XPub, SocketType::Sub, &transport);
        configure(&publisher, |o| o.xpub_manual = true);
        // The subscriber filters as well: it has to want what it is given.
        subscriber.subscribe(b"B").unwrap();
        expect(&publisher, &[subscribe("B")]);
        subscriber.subscribe(b"A").unwrap();
        expect(&publisher, &[subscribe("A")]);
        publisher.subscribe(b"XA").unwrap();
        publisher.subscribe(b"B1").unwrap();
        for topic in ["A", "B", "B1", "B2", "XA"] {
            send(&publisher, &[topic]);
        }
        expect(&subscriber, &["B1"]);
        subscriber.unsubscribe(b"A").unwrap();
        expect(&publisher, &[cancel("A")]);
        publisher.unsubscribe(b"B1").unwrap();
        send(&publisher, &["B1", "lost"]);
        subscriber.subscribe(b"Bend").unwrap();
        expect(&publisher, &[subscribe("Bend")]);
        publisher.subscribe(b"Bend").unwrap();
        send(&publisher, &["Bend"]);
        expect(&subscriber, &["Bend"]);
    }
}

#[test]
fn a_last_value_goes_to_the_new_subscriber_alone() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (publisher, first) = pair_of(&context, SocketType::XPub, SocketType::Sub, &transport);
        configure(&publisher, |o| {
            o.xpub_manual = true;
            o.xpub_manual_last_value = true;
        });
        first.subscribe(b"A").unwrap();
        expect(&publisher, &[subscribe("A")]);
        publisher.subscribe(b"A").unwrap();
        send(&publisher, &["A", "last value"]);
        expect(&first, &["A", "last value"]);
        let second = context.socket(SocketType::Sub).unwrap();
        second.connect(&first.last_endpoint()).unwrap();
        second.subscribe(b"A").unwrap();
        expect(&publisher, &[subscribe("A")]);
        publisher.subscribe(b"A").unwrap();
        send(&publisher, &["A", "last value again"]);
        expect(&second, &["A", "last value again"]);
        send(&publisher, &["A", "new"]);
        expect(&second, &["A", "new"]);
        expect(&first, &["A", "new"]);
    }
}

#[test]
fn a_welcome_message_comes_first() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let publisher =
            socket_with(&context, SocketType::XPub, |o| o.xpub_welcome_msg = b"welcome".to_vec());
        let endpoint = publisher.bind(&transport).unwrap();
        let subscriber = context.socket(SocketType::Sub).unwrap();
        subscriber.subscribe(b"welcome").unwrap();
        subscriber.connect(&endpoint).unwrap();
        expect(&publisher, &[subscribe("welcome")]);
        send(&publisher, &["welcome back"]);
        expect(&subscriber, &["welcome"]);
        expect(&subscriber, &["welcome back"]);
    }
}

#[test]
fn inverted_matching_sends_what_matches_nothing() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let publisher = socket_with(&context, SocketType::XPub, |o| o.invert_matching = true);
        let endpoint = publisher.bind(&transport).unwrap();
        let subscriber = socket_with(&context, SocketType::Sub, |o| o.invert_matching = true);
        subscriber.subscribe(b"not this").unwrap();
        subscriber.connect(&endpoint).unwrap();
        expect(&publisher, &[subscribe("not this")]);
        for topic in ["this", "not this", "not this one", "not that"] {
            send(&publisher, &[topic]);
        }
        expect(&subscriber, &["this"]);
        expect(&subscriber, &["not that"]);
    }
}

// RFC 29 §The PUB Socket Type: SHALL silently discard any messages that subscribers send it.
// RFC 29 §The PUB Socket Type: SHALL NOT deliver these commands to its calling application.
// RFC 29 §The XSUB Socket Type: SHALL accept subscription commands from its calling application;
// SHALL send subscribe requests to publishers; SHALL deliver messages to its calling application.
#[test]
fn a_pub_discards_what_subscribers_send() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (publisher, subscriber) =
            pair_of(&context, SocketType::Pub, SocketType::XSub, &transport);
        send(&subscriber, &["a message"]);
        send(&subscriber, &[&subscribe("A")[..]]);
        wait_subscribers(&publisher, 1);
        send(&publisher, &["A"]);
        expect(&subscriber, &["A"]);
        assert!(!publisher.readiness().unwrap().readable);
    }
}

// RFC 29 §The PUB Socket Type: SHALL silently drop the message if the queue for a subscriber is
// full; SHALL NOT block on sending.
#[test]
fn a_stalled_subscriber_loses_what_is_beyond_its_queue_and_nobody_else_loses_anything() {
    let _watchdog = watchdog();
    let context = context();
    let publisher = socket_with(&context, SocketType::Pub, |o| o.snd_hwm = 100);
    let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
    let mut stalled = RawPeer::connect(&endpoint, "SUB");
    stalled.command("SUBSCRIBE", b"");
    let healthy = context.socket(SocketType::Sub).unwrap();
    healthy.subscribe(b"").unwrap();
    healthy.connect(&endpoint).unwrap();
    wait_subscribers(&publisher, 2);
    const SENT: u32 = 1000;
    let body = vec![0; 50_000];
    for number in 0..SENT {
        send(&publisher, &[&number.to_be_bytes()[..], &body]);
        expect(&healthy, &[&number.to_be_bytes()[..], &body]);
    }
    let snapshot = publisher.snapshot();
    let dropped = snapshot.drops.high_water_mark as u32;
    assert!(dropped > 0, "{snapshot:?}");
    let queued = snapshot.peers.iter().map(|peer| peer.queued_out).max();
    assert_eq!(queued, Some(100), "full, not more");
    // What was accepted for the stalled one arrives whole and in order: the first ones.
    for number in 0..SENT - dropped {
        assert_eq!(stalled.read_message().unwrap()[0], number.to_be_bytes());
    }
    // And with room again nothing is dropped.
    wait_until(|| {
        publisher.snapshot().peers.iter().map(|peer| peer.queued_out).sum::<usize>() == 0
    });
    send(&publisher, &["after"]);
    assert_eq!(stalled.read_message().unwrap(), [b"after"]);
    assert_eq!(publisher.snapshot().drops.high_water_mark as u32, dropped);
}

// RFC 29 §The PUB Socket Type: SHALL silently drop the message if the queue for a subscriber is
// full.
#[test]
fn an_inproc_subscriber_loses_exactly_what_is_beyond_both_high_water_marks() {
    let _watchdog = watchdog();
    for hwm in [1, 5, 1000] {
        let context = context();
        let publisher = socket_with(&context, SocketType::Pub, |o| o.snd_hwm = hwm);
        let subscriber = socket_with(&context, SocketType::Sub, |o| o.rcv_hwm = hwm);
        subscriber.subscribe(b"").unwrap();
        subscriber.connect(&publisher.bind(&transports()[2]).unwrap()).unwrap();
        wait_subscribers(&publisher, 1);
        for number in 0..2 * hwm + 7 {
            try_send(&publisher, &[number.to_be_bytes()]).unwrap();
        }
        assert_eq!(publisher.snapshot().drops.high_water_mark, 7);
        for number in 0..2 * hwm {
            expect(&subscriber, &[number.to_be_bytes()]);
        }
        expect_nothing(&subscriber);
    }
}

#[test]
fn an_xpub_that_must_not_drop_says_so_instead() {
    let _watchdog = watchdog();
    let context = context();
    let publisher = socket_with(&context, SocketType::XPub, |o| {
        o.snd_hwm = 3;
        o.xpub_nodrop = true;
    });
    let subscriber = socket_with(&context, SocketType::Sub, |o| o.rcv_hwm = 2);
    subscriber.subscribe(b"").unwrap();
    subscriber.connect(&publisher.bind(&transports()[2]).unwrap()).unwrap();
    expect(&publisher, &[subscribe("")]);
    for number in 0..5u8 {
        try_send(&publisher, &[[number]]).unwrap();
    }
    let mut kept = message(&["kept"]);
    assert!(matches!(publisher.send_message(&mut kept, Wait::No), Err(Error::WouldBlock)));
    assert_eq!(bytes(&kept), [b"kept"]);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| publisher.send_message(&mut kept, Wait::Forever));
        for number in 0..5u8 {
            expect(&subscriber, &[[number]]);
        }
        sender.join().unwrap().unwrap();
    });
    expect(&subscriber, &["kept"]);
    assert_eq!(publisher.snapshot().drops.high_water_mark, 0);
}

// RFC 29 §The SUB Socket Type: SHALL receive incoming messages from its publishers using a
// fair-queuing strategy.
#[test]
fn a_subscriber_hears_its_publishers_in_turn() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let subscriber = context.socket(SocketType::Sub).unwrap();
        subscriber.subscribe(b"").unwrap();
        let publishers: Vec<_> = (0..3)
            .map(|_| {
                let publisher = context.socket(SocketType::Pub).unwrap();
                publisher.connect(&subscriber.bind(&another(&transport)).unwrap()).unwrap();
                publisher
            })
            .collect();
        wait_connected(&subscriber, 3);
        for (number, publisher) in publishers.iter().enumerate() {
            wait_subscribers(publisher, 1);
            for _ in 0..50 {
                send(publisher, &[[number as u8]]);
            }
        }
        wait_queued_in(&subscriber, 150);
        let order: Vec<u8> = (0..150).map(|_| recv(&subscriber)[0][0]).collect();
        for round in order.chunks(3) {
            let mut round = round.to_vec();
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2], "{transport}: {order:?}");
        }
    }
}

// RFC 37 §The Publish-Subscribe Pattern: subscriptions are the connection's; a new connection
// needs them again.
#[test]
fn a_subscriber_subscribes_again_when_its_connection_is_made_again() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let context = context();
    let subscriber = context.socket(SocketType::Sub).unwrap();
    subscriber.subscribe(b"kept").unwrap();
    subscriber.subscribe(b"cancelled").unwrap();
    subscriber.connect(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
    subscriber.unsubscribe(b"cancelled").unwrap();
    for round in 0..3u8 {
        let mut publisher = RawPeer::accept(&listener, "PUB");
        let expected = b"\x09SUBSCRIBEkept".to_vec();
        assert_eq!(publisher.read_frame(), Some((COMMAND, expected)), "round {round}");
        publisher.message(&[&b"kept"[..], &[round]]);
        expect(&subscriber, &[&b"kept"[..], &[round]]);
    }
}

#[test]
fn a_restarted_publisher_finds_its_subscribers_again() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let endpoint = unbound(&transport);
        let subscriber = context.socket(SocketType::Sub).unwrap();
        subscriber.subscribe(b"topic").unwrap();
        subscriber.connect(&endpoint).unwrap();
        for round in 0..3u8 {
            let publisher = context.socket(SocketType::Pub).unwrap();
            publisher.bind(&endpoint).unwrap();
            wait_subscribers(&publisher, 1);
            send(&publisher, &["other"]);
            send(&publisher, &[&b"topic"[..], &[round]]);
            expect(&subscriber, &[&b"topic"[..], &[round]]);
        }
    }
}

// RFC 29 §The PUB Socket Type: SHALL create a queue when a subscriber connects to it. If this
// subscriber disconnects, the PUB socket SHALL destroy its queue and SHALL discard any messages
// it contains.
#[test]
fn a_subscriber_that_left_leaves_no_queue() {
    let _watchdog = watchdog();
    let context = context();
    let publisher = context.socket(SocketType::Pub).unwrap();
    let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
    let mut stalled = RawPeer::connect(&endpoint, "SUB");
    stalled.command("SUBSCRIBE", b"");
    wait_subscribers(&publisher, 1);
    for _ in 0..500 {
        send(&publisher, &[vec![0; 100_000]]);
    }
    assert!(publisher.snapshot().peers[0].queued_out > 0);
    drop(stalled);
    wait_connected(&publisher, 0);
    let snapshot = publisher.snapshot();
    assert!(snapshot.peers.is_empty() && snapshot.drops.disconnected > 0, "{snapshot:?}");
}
// RFC 29 §The XSUB Socket Type: SHALL accept subscription commands from its calling application;
// SHALL send all messages to all connected publishers; SHALL not modify outgoing messages.
#[test]
fn an_xsub_subscribes_and_speaks_by_messages() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (publisher, subscriber) =
            pair_of(&context, SocketType::XPub, SocketType::XSub, &transport);
        let other = context.socket(SocketType::XPub).unwrap();
        subscriber.connect(&other.bind(&another(&transport)).unwrap()).unwrap();
        wait_connected(&subscriber, 2);
        send(&subscriber, &[subscribe("A")]);
        send(&subscriber, &[&b"\x02a message"[..], b"with parts"]);
        send(&subscriber, &[cancel("A")]);
        for publisher in [&publisher, &other] {
            expect(publisher, &[subscribe("A")]);
            expect(publisher, &[&b"\x02a message"[..], b"with parts"]);
            expect(publisher, &[cancel("A")]);
        }
        send(&subscriber, &[subscribe("B")]);
        expect(&publisher, &[subscribe("B")]);
        send(&publisher, &["A"]);
        send(&publisher, &["B", "second"]);
        expect(&subscriber, &["B", "second"]);
    }
}

#[test]
fn a_subscriber_with_too_many_topics_is_disconnected() {
    let _watchdog = watchdog();
    for by_bytes in [false, true] {
        let context = context();
        let publisher = socket_with(&context, SocketType::Pub, |o| match by_bytes {
            false => o.subscriptions_max = Some(10),
            true => o.subscription_bytes_max = Some(1000),
        });
        let monitor = publisher.monitor().unwrap();
        let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
        let modest = context.socket(SocketType::Sub).unwrap();
        (0..10u8).for_each(|topic| modest.subscribe(&[topic; 100][..100]).unwrap());
        modest.connect(&endpoint).unwrap();
        wait_subscribers(&publisher, 1);
        let mut greedy = RawPeer::connect(&endpoint, "SUB");
        for topic in 0..10u8 {
            greedy.command("SUBSCRIBE", &[topic; 100]);
        }
        // The same topic again counts once.
        greedy.command("SUBSCRIBE", &[0; 100]);
        wait_subscribers(&publisher, 2);
        greedy.command("SUBSCRIBE", b"x");
        event(&monitor, |kind| matches!(kind, EventKind::PeerRefused { .. }));
        greedy.read_to_end();
        wait_subscribers(&publisher, 1);
        send(&publisher, &[[0; 100]]);
        expect(&modest, &[[0; 100]]);
    }
}

// RFC 37 §The Publish-Subscribe Pattern: A subscription of "A" SHALL match all messages starting
// with "A". An empty subscription SHALL match all messages. Subscriptions SHALL be additive.
//
// That they SHALL NOT be idempotent is kept by the SUB, which counts. The publisher holds a set:
// an XSUB may send each SUBSCRIBE but the last CANCEL only, and counting would never let it go.
#[test]
fn a_peers_cancel_ends_its_subscription_however_often_it_was_made() {
    let _watchdog = watchdog();
    let context = context();
    let publisher = context.socket(SocketType::XPub).unwrap();
    let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
    let mut peer = RawPeer::connect(&endpoint, "SUB");
    peer.command("SUBSCRIBE", b"A");
    peer.command("SUBSCRIBE", b"A");
    peer.command("SUBSCRIBE", b"AB");
    expect(&publisher, &[subscribe("A")]);
    expect(&publisher, &[subscribe("AB")]);
    send(&publisher, &["ABC", "once"]);
    assert_eq!(peer.read_message().unwrap(), [&b"ABC"[..], b"once"]);
    peer.command("CANCEL", b"never subscribed");
    expect(&publisher, &[cancel("never subscribed")]);
    peer.command("CANCEL", b"A");
    expect(&publisher, &[cancel("A")]);
    send(&publisher, &["A", "lost"]);
    send(&publisher, &["AB", "still"]);
    assert_eq!(peer.read_message().unwrap(), [&b"AB"[..], b"still"]);
    peer.command("SUBSCRIBE", b"");
    expect(&publisher, &[subscribe("")]);
    send(&publisher, &["", "all"]);
    assert_eq!(peer.read_message().unwrap(), [&b""[..], b"all"]);
}

// What is published while the peer of a connect is away went lost, as its subscriptions were
// forgotten with its connection.
#[test]
fn a_publisher_that_connects_keeps_the_queue_of_a_peer_that_is_away() {
    let _watchdog = watchdog();
    let context = context();
    let first = context.socket(SocketType::Sub).unwrap();
    first.subscribe(b"A").unwrap();
    let endpoint = first.bind("tcp://127.0.0.1:*").unwrap();
    let publisher = context.socket(SocketType::Pub).unwrap();
    let monitor = publisher.monitor().unwrap();
    publisher.connect(&endpoint).unwrap();
    wait_subscribers(&publisher, 1);
    drop(first);
    event(&monitor, |kind| matches!(kind, EventKind::Disconnected { .. }));
    send(&publisher, &["A1"]);
    send(&publisher, &["B2"]);
    send(&publisher, &["A3"]);
    let second = context.socket(SocketType::Sub).unwrap();
    second.subscribe(b"A").unwrap();
    second.bind(&endpoint).unwrap();
    expect(&second, &["A1"]);
    expect(&second, &["A3"]);
    publisher.disconnect(&endpoint).unwrap();
    wait_subscribers(&publisher, 0);
}
