//! SCATTER, GATHER and CHANNEL: what PUSH, PULL and PAIR do, with messages of a single part. RFC 49
//! and RFC 52. Each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::thread;

use common::*;
use oxmq_engine::{Error, Msg, SocketType, Wait};

// RFC 49 §The SCATTER Socket Type: SHALL only send messages; SHALL route outgoing messages to
// available peers using a round-robin strategy; MUST NOT send multi-part messages.
// RFC 49 §The GATHER Socket Type: SHALL only receive messages.
#[test]
fn scattered_work_is_dealt_in_turn_and_has_one_part() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let scatter = context.socket(SocketType::Scatter).unwrap();
        let endpoint = scatter.bind(&transport).unwrap();
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let gather = context.socket(SocketType::Gather).unwrap();
                gather.connect(&endpoint).unwrap();
                gather
            })
            .collect();
        wait_connected(&scatter, workers.len());
        let refused = try_send(&scatter, &["two", "parts"]);
        assert!(matches!(refused, Err(Error::InvalidMessage { .. })));
        for number in 0..100u8 {
            send(&scatter, &[[number]]);
        }
        for worker in &workers {
            let first = recv(worker)[0][0];
            for turn in 1..25 {
                assert_eq!(recv(worker), [[first + 4 * turn]]);
            }
            expect_nothing(worker);
            let sent = try_send(worker, &["x"]);
            assert!(matches!(sent, Err(Error::NotSupported { .. })));
        }
        assert!(matches!(scatter.recv_part(Wait::No), Err(Error::NotSupported { .. })));
    }
}

// RFC 49 §The SCATTER Socket Type: SHALL maintain the queue whether or not the connection is
// established; SHALL block on sending when it has no available peers; SHALL NOT discard messages
// that it cannot queue; MUST be thread-safe and allow sending from multiple threads.
// RFC 49 §The GATHER Socket Type: SHALL receive incoming messages from its peers using a
// fair-queuing strategy; MUST be thread-safe and allow receiving from multiple threads.
#[test]
fn several_threads_scatter_and_gather_and_nothing_is_lost() {
    let _watchdog = watchdog();
    const EACH: u32 = 200;
    for transport in transports() {
        let context = context();
        let scatter = socket_with(&context, SocketType::Scatter, |o| o.snd_hwm = 7);
        assert!(matches!(try_send(&scatter, &["x"]), Err(Error::WouldBlock)));
        let endpoint = unbound(&transport);
        scatter.connect(&endpoint).unwrap();
        let gather = socket_with(&context, SocketType::Gather, |o| o.rcv_hwm = 3);
        let mut numbers = thread::scope(|scope| {
            for thread in 0..4 {
                let scatter = &scatter;
                scope.spawn(move || {
                    for number in thread * EACH..(thread + 1) * EACH {
                        let mut msg = Msg::from(number.to_be_bytes());
                        scatter.send_part(&mut msg, Wait::Forever).unwrap();
                    }
                });
            }
            gather.bind(&endpoint).unwrap();
            let readers: Vec<_> = (0..4)
                .map(|_| {
                    let gather = &gather;
                    scope.spawn(move || -> Vec<_> {
                        (0..EACH).map(|_| gather.recv_part(Wait::Forever).unwrap()).collect()
                    })
                })
                .collect();
            let received = readers.into_iter().flat_map(|reader| reader.join().unwrap());
            received.map(|msg| u32::from_be_bytes(msg[..].try_into().unwrap())).collect::<Vec<_>>()
        });
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..4 * EACH));
    }
}

// RFC 52 §The CHANNEL Socket Type: MAY be connected to at most one CHANNEL peer; MAY both send and
// receive messages in any order; MUST NOT send multipart messages; SHALL block on sending, or
// return a suitable error, when it has no available peer.
#[test]
fn a_channel_has_one_peer_both_ways() {
    let _watchdog = watchdog();
    for transport in transports() {
        for bind_first in [true, false] {
            let context = context();
            let one = context.socket(SocketType::Channel).unwrap();
            assert!(matches!(try_send(&one, &["x"]), Err(Error::WouldBlock)));
            let other = context.socket(SocketType::Channel).unwrap();
            let endpoint = if bind_first {
                one.bind(&another(&transport)).unwrap()
            } else {
                unbound(&transport)
            };
            other.connect(&endpoint).unwrap();
            send(&other, &["before"]);
            if !bind_first {
                one.bind(&endpoint).unwrap();
            }
            expect(&one, &["before"]);
            for count in 0..10u8 {
                send(&one, &[[count]]);
                send(&other, &[[count + 100]]);
            }
            for count in 0..10u8 {
                expect(&other, &[[count]]);
                expect(&one, &[[count + 100]]);
            }
            let refused = try_send(&one, &["two", "parts"]);
            assert!(matches!(refused, Err(Error::InvalidMessage { .. })));
            drop(other);
            wait_connected(&one, 0);
            let next = context.socket(SocketType::Channel).unwrap();
            next.connect(&endpoint).unwrap();
            send(&next, &["next peer"]);
            expect(&one, &["next peer"]);
            let third = context.socket(SocketType::Channel).unwrap();
            third.connect(&endpoint).unwrap();
            let _ = try_send(&third, &["not for you"]);
            send(&one, &["to the second"]);
            expect(&next, &["to the second"]);
            expect_nothing(&third);
            expect_nothing(&one);
        }
    }
}

// `ZMQ_THREAD_SAFE`, as the C API reads it.
#[test]
fn the_types_with_single_parts_say_that_they_are_thread_safe() {
    let context = context();
    for socket_type in SocketType::ALL {
        let socket = context.socket(socket_type).unwrap();
        let single = matches!(
            socket_type,
            SocketType::Client
                | SocketType::Server
                | SocketType::Radio
                | SocketType::Dish
                | SocketType::Scatter
                | SocketType::Gather
                | SocketType::Peer
                | SocketType::Channel
        );
        let expected = oxmq_engine::RawOption::Int(i32::from(single));
        assert_eq!(socket.raw_option(81).unwrap(), expected, "{socket_type}");
    }
}
