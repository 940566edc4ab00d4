//! Subscriptions on SUB, XSUB and XPUB, and how XPUB sees them. Each test has sockets of its own.

use oxmq::{Context, Error, Pub, Sub, Subscription, XPub, XSub};

use crate::{transports, watched};

#[test]
fn xpub_sees_subscriptions_and_cancels() {
    watched(|| {
        for transport in transports("seen") {
            let context = Context::new();
            let (publisher, sub) = (XPub::new(&context).unwrap(), Sub::new(&context).unwrap());
            sub.connect(&publisher.bind(&transport).unwrap()).unwrap();
            // What is cancelled before there is a connection is never told.
            sub.wait_connected(1).unwrap();
            sub.subscribe("a").unwrap();
            sub.subscribe("b").unwrap();
            sub.unsubscribe("a").unwrap();
            let seen: Vec<_> =
                (0..3).map(|_| Subscription::decode(&publisher.recv().unwrap()).unwrap()).collect();
            assert_eq!(
                seen,
                [
                    Subscription::Subscribe("a".into()),
                    Subscription::Subscribe("b".into()),
                    Subscription::Cancel("a".into()),
                ]
            );
            assert_eq!(seen[2].topic(), b"a");
        }
    });
}

#[test]
fn xsub_subscribes_by_method_and_by_message() {
    watched(|| {
        for transport in transports("by-message") {
            let context = Context::new();
            let (publisher, xsub) = (XPub::new(&context).unwrap(), XSub::new(&context).unwrap());
            xsub.connect(&publisher.bind(&transport).unwrap()).unwrap();
            xsub.subscribe("a").unwrap();
            xsub.send(Subscription::Subscribe("b".into())).unwrap();
            assert_eq!(publisher.recv().unwrap(), [b"\x01a"]);
            assert_eq!(publisher.recv().unwrap(), [b"\x01b"]);
            xsub.unsubscribe("a").unwrap();
            assert_eq!(publisher.recv().unwrap(), [b"\x00a"]);
            ["a", "b"].iter().for_each(|topic| publisher.send(*topic).unwrap());
            assert_eq!(xsub.recv().unwrap(), ["b"]);
            // A message of its own reaches the publisher as it is.
            xsub.send("upstream").unwrap();
            let upstream = publisher.recv().unwrap();
            assert_eq!(Subscription::decode(&upstream), None);
            assert_eq!(upstream, ["upstream"]);
        }
    });
}

#[test]
fn a_manual_xpub_decides_what_is_subscribed() {
    watched(|| {
        for transport in transports("manual") {
            let context = Context::new();
            let publisher = XPub::with_options(&context, |o| o.xpub_manual(true)).unwrap();
            let sub = Sub::new(&context).unwrap();
            sub.subscribe("wish").unwrap();
            sub.connect(&publisher.bind(&transport).unwrap()).unwrap();
            assert_eq!(publisher.recv().unwrap(), [b"\x01wish"]);
            publisher.subscribe("wish g").unwrap();
            ["wish refused", "wish granted"]
                .iter()
                .for_each(|topic| publisher.send(*topic).unwrap());
            assert_eq!(sub.recv().unwrap(), ["wish granted"]);
        }
    });
}

#[test]
fn an_xpub_that_is_not_manual_cannot_grant() {
    let publisher = XPub::new(&Context::new()).unwrap();
    assert!(publisher.subscribe("a").is_err());
}

#[test]
fn subscribing_twice_takes_cancelling_twice() {
    watched(|| {
        let context = Context::new();
        let (publisher, sub) = (Pub::new(&context).unwrap(), Sub::new(&context).unwrap());
        sub.subscribe("a").unwrap();
        sub.subscribe("a").unwrap();
        sub.unsubscribe("a").unwrap();
        sub.connect(&publisher.bind("inproc://twice").unwrap()).unwrap();
        publisher.wait_subscribed(1).unwrap();
        publisher.send("a").unwrap();
        assert_eq!(sub.recv().unwrap(), ["a"]);
        assert!(matches!(sub.try_recv(), Err(Error::WouldBlock)));
    });
}
