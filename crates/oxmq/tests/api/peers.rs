//! Waiting for peers to connect, to subscribe and to go.

use std::thread;
use std::time::Duration;

use oxmq::{Context, Error, Pub, Pull, Push, Sub, Wait};

use crate::{transports, watched};

#[test]
fn a_wait_ends_when_enough_peers_are_connected() {
    watched(|| {
        for transport in transports("enough") {
            let context = Context::new();
            let push = Push::new(&context).unwrap();
            let endpoint = push.bind(&transport).unwrap();
            let short = Duration::from_millis(1);
            assert!(matches!(push.wait_connected_timeout(1, short), Err(Error::TimedOut)));
            let workers = [(); 5].map(|()| Pull::new(&context).unwrap());
            thread::scope(|scope| {
                let waiting = scope.spawn(|| push.wait_connected(5));
                workers.iter().for_each(|worker| worker.connect(&endpoint).unwrap());
                waiting.join().unwrap().unwrap();
            });
            // Each has its share, as all are there.
            (0..5).for_each(|_| push.send("share").unwrap());
            workers.iter().for_each(|worker| assert_eq!(worker.recv().unwrap(), ["share"]));
            drop(workers);
            push.wait_peers(Wait::Forever, |now| now.connected == 0).unwrap();
        }
    });
}

#[test]
fn a_publisher_that_waited_loses_nothing() {
    watched(|| {
        for transport in transports("joined") {
            for _ in 0..20 {
                let context = Context::new();
                let publisher = Pub::new(&context).unwrap();
                let subscriber = Sub::new(&context).unwrap();
                subscriber.subscribe("").unwrap();
                subscriber.connect(&publisher.bind(&transport).unwrap()).unwrap();
                publisher.wait_subscribed(1).unwrap();
                assert_eq!(publisher.subscribers(), 1);
                publisher.send("first").unwrap();
                assert_eq!(subscriber.recv().unwrap(), ["first"]);
            }
        }
    });
}

#[test]
fn subscribers_that_cancel_or_go_are_no_longer_counted() {
    watched(|| {
        for transport in transports("gone") {
            let context = Context::new();
            let publisher = Pub::new(&context).unwrap();
            let endpoint = publisher.bind(&transport).unwrap();
            let subscribers = [(); 2].map(|()| Sub::new(&context).unwrap());
            for subscriber in &subscribers {
                subscriber.subscribe("a").unwrap();
                subscriber.connect(&endpoint).unwrap();
            }
            publisher.wait_subscribed(2).unwrap();
            subscribers[0].unsubscribe("a").unwrap();
            publisher.wait_peers(Wait::Forever, |now| now.subscribers == 1).unwrap();
            drop(subscribers);
            publisher.wait_peers(Wait::Forever, |now| now.subscribers == 0).unwrap();
        }
    });
}
