//! One socket in several threads: every message exactly once, and whole. The socket is shared by
//! reference; each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::*;
use oxmq_engine::{Error, Msg, SocketType, Wait};

const THREADS: usize = 4;
const EACH: usize = 3000;

/// A message in which every part tells whose it is, so that mixed parts show.
fn parts(sender: usize, number: usize) -> Vec<Vec<u8>> {
    let part = [sender.to_be_bytes(), number.to_be_bytes()].concat();
    vec![part; 1 + number % 4]
}

/// Whose message this is; its parts must agree.
fn read(message: &[Vec<u8>]) -> (usize, usize) {
    assert!(message.iter().all(|part| part == &message[0]), "mixed parts: {message:?}");
    let number = |bytes: &[u8]| usize::from_be_bytes(bytes.try_into().unwrap());
    let (sender, number) = (number(&message[0][..8]), number(&message[0][8..]));
    assert_eq!(message.len(), 1 + number % 4, "parts of {sender}'s message {number}");
    (sender, number)
}

#[test]
fn threads_that_share_both_ends_move_each_message_once() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pull = context.socket(SocketType::Pull).unwrap();
        let push = context.socket(SocketType::Push).unwrap();
        push.connect(&pull.bind(&transport).unwrap()).unwrap();
        let left = AtomicUsize::new(THREADS * EACH);
        let received = thread::scope(|scope| {
            for sender in 0..THREADS {
                let push = &push;
                scope.spawn(move || {
                    for number in 0..EACH {
                        send(push, &parts(sender, number));
                    }
                });
            }
            let receivers: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        let mut received = Vec::new();
                        // Each takes a number of messages that is left for it alone.
                        while left
                            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                                n.checked_sub(1)
                            })
                            .is_ok()
                        {
                            received.push(read(&recv(&pull)));
                        }
                        received
                    })
                })
                .collect();
            let all = receivers.into_iter().flat_map(|receiver| receiver.join().unwrap());
            all.collect::<Vec<_>>()
        });
        let counts = counts(received);
        assert_eq!(counts.len(), THREADS * EACH, "{transport}");
        assert!(counts.values().all(|count| *count == 1), "{transport}");
        expect_nothing(&pull);
    }
}

// RFC 37 §Socket Semantics: All messages between two immediate peers SHALL be delivered in order.
#[test]
fn each_threads_messages_stay_in_order() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pull = context.socket(SocketType::Pull).unwrap();
        let push = context.socket(SocketType::Push).unwrap();
        push.connect(&pull.bind(&transport).unwrap()).unwrap();
        thread::scope(|scope| {
            for sender in 0..THREADS {
                let push = &push;
                scope.spawn(move || {
                    for number in 0..EACH {
                        send(push, &parts(sender, number));
                    }
                });
            }
            let mut next: HashMap<usize, usize> = HashMap::new();
            for _ in 0..THREADS * EACH {
                let (sender, number) = read(&recv(&pull));
                let expected = next.entry(sender).or_default();
                assert_eq!(number, *expected, "{transport}, sender {sender}");
                *expected += 1;
            }
        });
    }
}

#[test]
fn a_socket_sends_and_receives_at_once() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let router = context.socket(SocketType::Router).unwrap();
        let dealer = context.socket(SocketType::Dealer).unwrap();
        dealer.connect(&router.bind(&transport).unwrap()).unwrap();
        thread::scope(|scope| {
            // An echo of several threads.
            for _ in 0..2 {
                scope.spawn(|| {
                    loop {
                        match router.recv_message(Wait::Forever) {
                            Ok(mut message) => {
                                router.send_message(&mut message, Wait::Forever).unwrap();
                            }
                            Err(Error::Closed) => break,
                            Err(error) => panic!("{error}"),
                        }
                    }
                });
            }
            let senders: Vec<_> = (0..2)
                .map(|sender| {
                    let dealer = &dealer;
                    scope.spawn(move || {
                        for number in 0..EACH / 10 {
                            send(dealer, &parts(sender, number));
                        }
                    })
                })
                .collect();
            let received: Vec<_> = (0..2 * (EACH / 10)).map(|_| read(&recv(&dealer))).collect();
            let counts = counts(received);
            assert_eq!(counts.len(), 2 * (EACH / 10));
            senders.into_iter().for_each(|sender| sender.join().unwrap());
            router.close();
        });
    }
}

#[test]
fn several_threads_wait_and_each_is_served() {
    let _watchdog = watchdog();
    for transport in transports() {
        for _ in 0..30 {
            let context = context();
            let pull = context.socket(SocketType::Pull).unwrap();
            let push = context.socket(SocketType::Push).unwrap();
            push.connect(&pull.bind(&transport).unwrap()).unwrap();
            thread::scope(|scope| {
                let waiters: Vec<_> =
                    (0..THREADS).map(|_| scope.spawn(|| recv(&pull)[0][0])).collect();
                for number in 0..THREADS as u8 {
                    send(&push, &[[number]]);
                }
                let mut numbers: Vec<u8> =
                    waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect();
                numbers.sort_unstable();
                assert_eq!(numbers, [0, 1, 2, 3]);
            });
        }
    }
}

#[test]
fn a_thread_that_gives_up_does_not_take_anothers_message() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pull = context.socket(SocketType::Pull).unwrap();
        let push = context.socket(SocketType::Push).unwrap();
        push.connect(&pull.bind(&transport).unwrap()).unwrap();
        let received = AtomicUsize::new(0);
        const MESSAGES: usize = 500;
        thread::scope(|scope| {
            for _ in 0..2 {
                // These are impatient.
                scope.spawn(|| {
                    while received.load(Ordering::SeqCst) < MESSAGES {
                        let time = std::time::Duration::from_micros(50);
                        match pull.recv_message(Wait::For(time)) {
                            Ok(_) => {
                                received.fetch_add(1, Ordering::SeqCst);
                            }
                            Err(error) => assert!(error.is_would_block()),
                        }
                    }
                });
            }
            for number in 0..MESSAGES {
                send(&push, &[number.to_be_bytes()]);
            }
        });
        assert_eq!(received.load(Ordering::SeqCst), MESSAGES);
        expect_nothing(&pull);
    }
}

#[test]
fn one_thread_sends_parts_while_another_receives() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pair = context.socket(SocketType::Pair).unwrap();
        let peer = context.socket(SocketType::Pair).unwrap();
        peer.connect(&pair.bind(&transport).unwrap()).unwrap();
        thread::scope(|scope| {
            for socket in [&pair, &peer] {
                scope.spawn(|| {
                    for number in 0..EACH {
                        for part in 0..3u8 {
                            let mut msg = Msg::from(vec![part; number % 50]);
                            msg.set_more(part < 2);
                            socket.send_part(&mut msg, Wait::Forever).unwrap();
                        }
                    }
                });
                scope.spawn(|| {
                    for number in 0..EACH {
                        let expected: Vec<Vec<u8>> =
                            (0..3u8).map(|part| vec![part; number % 50]).collect();
                        assert_eq!(recv(socket), expected);
                    }
                });
            }
        });
    }
}
