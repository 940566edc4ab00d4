//! The life of sockets and endpoints: start orders, lingering, timeouts, reconnecting, closing and
//! terminating. `zmq_setsockopt(3)`, `zmq_ctx_term(3)` and RFC 37. Each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use oxmq_engine::{Error, SocketType, Wait};

// RFC 37 §Socket Semantics: All sockets SHALL accept connections (binding to an address) and make
// connections; SHALL establish connections opportunistically, that is: they connect to an
// endpoint asynchronously.
#[test]
fn either_side_may_bind_and_either_may_come_first() {
    let _watchdog = watchdog();
    for transport in transports() {
        for push_binds in [false, true] {
            for bind_first in [false, true] {
                let context = context();
                let endpoint = unbound(&transport);
                let push = context.socket(SocketType::Push).unwrap();
                let pull = context.socket(SocketType::Pull).unwrap();
                let (binder, other) = if push_binds { (&push, &pull) } else { (&pull, &push) };
                if bind_first {
                    binder.bind(&endpoint).unwrap();
                    other.connect(&endpoint).unwrap();
                } else {
                    other.connect(&endpoint).unwrap();
                    binder.bind(&endpoint).unwrap();
                }
                for number in 0..10u8 {
                    send(&push, &[[number]]);
                }
                for number in 0..10u8 {
                    expect(&pull, &[[number]]);
                }
            }
        }
    }
}

// RFC 37 §Socket Semantics: if the connection is broken, SHOULD reconnect after a suitable delay.
#[test]
fn a_connect_finds_a_peer_that_was_restarted() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let endpoint = unbound(&transport);
        let push = context.socket(SocketType::Push).unwrap();
        push.connect(&endpoint).unwrap();
        for round in 0..4u8 {
            let pull = context.socket(SocketType::Pull).unwrap();
            pull.bind(&endpoint).unwrap();
            wait_connected(&push, 1);
            send(&push, &[[round]]);
            expect(&pull, &[[round]]);
            drop(pull);
            wait_connected(&push, 0);
        }
        assert!(push.snapshot().reconnects >= 3);
    }
}

#[test]
fn an_endpoint_is_free_as_soon_as_unbind_or_close_returns() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let first = context.socket(SocketType::Pull).unwrap();
        let endpoint = first.bind(&unbound(&transport)).unwrap();
        let second = context.socket(SocketType::Pull).unwrap();
        assert!(matches!(second.bind(&endpoint), Err(Error::AddressInUse { .. })), "{transport}");
        let mut holder = first;
        for round in 0..50 {
            if round % 2 == 0 {
                holder.unbind(&endpoint).unwrap();
            }
            drop(holder);
            holder = context.socket(SocketType::Pull).unwrap();
            assert_eq!(holder.bind(&endpoint).unwrap(), endpoint);
        }
        let push = context.socket(SocketType::Push).unwrap();
        push.connect(&endpoint).unwrap();
        send(&push, &["found"]);
        expect(&holder, &["found"]);
    }
}

#[test]
fn unbinding_keeps_the_peers_that_are_connected() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pull = context.socket(SocketType::Pull).unwrap();
        let endpoint = pull.bind(&transport).unwrap();
        assert_eq!(pull.last_endpoint(), endpoint);
        assert_eq!(pull.endpoints().bound, [&endpoint[..]]);
        let push = context.socket(SocketType::Push).unwrap();
        push.connect(&endpoint).unwrap();
        wait_connected(&pull, 1);
        pull.unbind(&endpoint).unwrap();
        assert!(pull.endpoints().bound.is_empty());
        send(&push, &["still here"]);
        expect(&pull, &["still here"]);
        assert!(matches!(pull.unbind(&endpoint), Err(Error::NoSuchEndpoint { .. })));
    }
}

#[test]
fn disconnecting_names_the_endpoint_as_it_was_given_or_as_it_was_found() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pull = context.socket(SocketType::Pull).unwrap();
        let endpoint = pull.bind(&transport).unwrap();
        let push = context.socket(SocketType::Push).unwrap();
        for by_last in [false, true] {
            push.connect(&endpoint).unwrap();
            assert_eq!(push.endpoints().connected, [&endpoint[..]]);
            wait_connected(&pull, 1);
            send(&push, &["hello"]);
            expect(&pull, &["hello"]);
            let name = if by_last { push.last_endpoint() } else { endpoint.clone() };
            push.disconnect(&name).unwrap();
            assert!(push.endpoints().connected.is_empty());
            wait_connected(&pull, 0);
            assert!(matches!(push.disconnect(&name), Err(Error::NoSuchEndpoint { .. })));
            assert!(matches!(try_send(&push, &["nobody"]), Err(Error::WouldBlock)));
        }
        assert!(matches!(push.disconnect("tcp://127.0.0.1:1"), Err(Error::NoSuchEndpoint { .. })));
        pull.unbind(&transport).unwrap();
    }
}

#[test]
fn what_was_sent_before_a_disconnect_or_close_still_arrives() {
    let _watchdog = watchdog();
    for transport in transports() {
        for close in [false, true] {
            let context = context();
            let pull = context.socket(SocketType::Pull).unwrap();
            let endpoint = pull.bind(&transport).unwrap();
            let push = context.socket(SocketType::Push).unwrap();
            push.connect(&endpoint).unwrap();
            let body = vec![1; 10_000];
            for number in 0..500u32 {
                send(&push, &[&number.to_be_bytes()[..], &body]);
            }
            if close {
                push.close();
            } else {
                push.disconnect(&endpoint).unwrap();
            }
            for number in 0..500u32 {
                expect(&pull, &[&number.to_be_bytes()[..], &body]);
            }
        }
    }
}

#[test]
fn without_linger_nothing_is_left_behind() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let endpoint = unbound(&transport);
        let push = socket_with(&context, SocketType::Push, |o| o.linger = Some(Duration::ZERO));
        push.connect(&endpoint).unwrap();
        send(&push, &["lost"]);
        drop(push);
        let pull = context.socket(SocketType::Pull).unwrap();
        pull.bind(&endpoint).unwrap();
        let push = context.socket(SocketType::Push).unwrap();
        push.connect(&endpoint).unwrap();
        send(&push, &["new"]);
        expect(&pull, &["new"]);
        drop((pull, push));
        context.terminate();
    }
}

#[test]
fn with_infinite_linger_what_was_sent_waits_for_its_receiver() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let endpoint = unbound(&transport);
        let push = socket_with(&context, SocketType::Push, |o| o.linger = None);
        push.connect(&endpoint).unwrap();
        for number in 0..100u8 {
            send(&push, &[[number]]);
        }
        push.close();
        drop(push);
        let pull = context.socket(SocketType::Pull).unwrap();
        pull.bind(&endpoint).unwrap();
        for number in 0..100u8 {
            expect(&pull, &[[number]]);
        }
        drop(pull);
        context.terminate();
    }
}

#[test]
fn a_finite_linger_ends() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let linger = Duration::from_millis(80);
        let push = socket_with(&context, SocketType::Push, |o| o.linger = Some(linger));
        push.connect(&unbound(&transport)).unwrap();
        send(&push, &["nobody comes for this"]);
        let closed = Instant::now();
        drop(push);
        context.terminate();
        assert!(closed.elapsed() >= linger);
    }
}

#[test]
fn a_slow_receiver_gets_everything_within_the_linger_time() {
    let _watchdog = watchdog();
    let context = context();
    let push = socket_with(&context, SocketType::Push, |o| {
        o.linger = Some(Duration::from_secs(60));
        o.snd_hwm = 0;
    });
    let endpoint = push.bind("tcp://127.0.0.1:*").unwrap();
    let mut slow = RawPeer::connect(&endpoint, "PULL");
    wait_connected(&push, 1);
    let body = vec![7; 100_000];
    for number in 0..300u32 {
        send(&push, &[&number.to_be_bytes()[..], &body]);
    }
    assert!(push.snapshot().peers[0].queued_out > 0, "more than the kernel holds");
    thread::scope(|scope| {
        drop(push);
        let terminating = scope.spawn(|| context.terminate());
        for number in 0..300u32 {
            assert_eq!(slow.read_message().unwrap()[0], number.to_be_bytes());
        }
        slow.read_to_end();
        drop(slow);
        terminating.join().unwrap();
    });
}

#[test]
fn terminating_wakes_every_waiter() {
    let _watchdog = watchdog();
    for transport in transports() {
        for _ in 0..20 {
            let context = context();
            let pull = context.socket(SocketType::Pull).unwrap();
            pull.bind(&transport).unwrap();
            let push = context.socket(SocketType::Push).unwrap();
            push.bind(&another(&transport)).unwrap();
            let start = Barrier::new(6);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        start.wait();
                        let received = pull.recv_message(Wait::Forever);
                        assert!(matches!(received, Err(Error::Terminated)), "{received:?}");
                    });
                    scope.spawn(|| {
                        start.wait();
                        let sent = push.send_message(&mut message(&["x"]), Wait::Forever);
                        assert!(matches!(sent, Err(Error::Terminated)), "{sent:?}");
                    });
                }
                scope.spawn(|| {
                    start.wait();
                    let changed = push.wait_changed(Wait::Forever, |now| now.connected == 7);
                    assert!(matches!(changed, Err(Error::Terminated)), "{changed:?}");
                });
                start.wait();
                context.shutdown();
            });
            assert!(matches!(pull.recv_message(Wait::No), Err(Error::Terminated)));
            assert!(matches!(pull.bind(&another(&transport)), Err(Error::Terminated)));
            assert!(matches!(push.readiness(), Err(Error::Terminated)));
            assert!(matches!(context.socket(SocketType::Pub), Err(Error::Terminated)));
            assert!(!context.terminate_within(Duration::ZERO), "sockets are open");
            drop((pull, push));
            context.terminate();
        }
    }
}

#[test]
fn closing_wakes_every_waiter() {
    let _watchdog = watchdog();
    for transport in transports() {
        for _ in 0..20 {
            let context = context();
            let dealer = context.socket(SocketType::Dealer).unwrap();
            dealer.bind(&transport).unwrap();
            let start = Barrier::new(4);
            thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    let received = dealer.recv_message(Wait::Forever);
                    assert!(matches!(received, Err(Error::Closed)), "{received:?}");
                });
                scope.spawn(|| {
                    start.wait();
                    let sent = dealer.send_message(&mut message(&["x"]), Wait::Forever);
                    assert!(matches!(sent, Err(Error::Closed)), "{sent:?}");
                });
                scope.spawn(|| {
                    start.wait();
                    let changed = dealer.wait_changed(Wait::Forever, |now| now.connected == 7);
                    assert!(matches!(changed, Err(Error::Closed)), "{changed:?}");
                });
                start.wait();
                dealer.close();
            });
            dealer.close();
            assert!(matches!(try_send(&dealer, &["x"]), Err(Error::Closed)));
            assert!(matches!(dealer.connect(&unbound(&transport)), Err(Error::Closed)));
        }
    }
}

#[test]
fn with_immediate_only_complete_connections_take_messages() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let endpoint = unbound(&transport);
        let push = socket_with(&context, SocketType::Push, |o| o.immediate = true);
        push.connect(&endpoint).unwrap();
        assert!(matches!(try_send(&push, &["x"]), Err(Error::WouldBlock)));
        assert!(!push.readiness().unwrap().writable);
        for round in 0..2u8 {
            let pull = context.socket(SocketType::Pull).unwrap();
            pull.bind(&endpoint).unwrap();
            send(&push, &[[round]]);
            expect(&pull, &[[round]]);
            drop(pull);
            wait_connected(&push, 0);
            assert!(matches!(try_send(&push, &["x"]), Err(Error::WouldBlock)));
        }
    }
}

#[test]
fn a_conflating_socket_keeps_the_last_message() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pull = socket_with(&context, SocketType::Pull, |o| o.conflate = true);
        let endpoint = pull.bind(&transport).unwrap();
        let push = socket_with(&context, SocketType::Push, |o| o.conflate = true);
        let refused = push.send_message(&mut message(&["two", "parts"]), Wait::No);
        assert!(matches!(refused, Err(Error::InvalidMessage { .. })), "{refused:?}");
        push.connect(&endpoint).unwrap();
        for number in 0..10_000u32 {
            try_send(&push, &[number.to_be_bytes()]).unwrap();
        }
        let mut last = None;
        while last != Some(9999) {
            let number = u32::from_be_bytes(recv(&pull)[0][..].try_into().unwrap());
            assert!(last.is_none_or(|last| number > last));
            last = Some(number);
        }
        expect_nothing(&pull);
    }
}

#[test]
fn a_wait_ends_when_its_time_is_over_and_not_before() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let time = Duration::from_millis(30);
        let dealer = socket_with(&context, SocketType::Dealer, |o| {
            o.rcv_timeout = Some(time);
            o.snd_timeout = Some(time);
        });
        dealer.bind(&transport).unwrap();
        for wait in [Wait::Default, Wait::For(time)] {
            let start = Instant::now();
            let received = dealer.recv_message(wait);
            assert!(matches!(received, Err(Error::TimedOut)) && start.elapsed() >= time);
            let start = Instant::now();
            let sent = dealer.send_message(&mut message(&["x"]), wait);
            assert!(matches!(sent, Err(Error::TimedOut)) && start.elapsed() >= time);
        }
        let past = Wait::Until(Instant::now());
        assert!(dealer.recv_message(past).unwrap_err().is_would_block());
        configure(&dealer, |o| o.rcv_timeout = Some(Duration::ZERO));
        let received = dealer.recv_message(Wait::Default);
        assert!(received.unwrap_err().is_would_block());
        let changed = dealer.wait_changed(Wait::For(time), |now| now.connected == 1);
        assert!(matches!(changed, Err(Error::TimedOut)));
    }
}

#[test]
fn a_context_has_as_many_sockets_as_its_limit() {
    let _watchdog = watchdog();
    let context = context();
    context.configure(|options| options.max_sockets = 3);
    let mut sockets: Vec<_> = (0..3).map(|_| context.socket(SocketType::Pull).unwrap()).collect();
    let refused = context.socket(SocketType::Pull);
    assert!(matches!(refused, Err(Error::TooManySockets { limit: 3 })));
    sockets.pop();
    context.socket(SocketType::Pull).unwrap();
}

#[test]
fn endpoints_that_cannot_be_are_refused() {
    let _watchdog = watchdog();
    let context = context();
    let socket = context.socket(SocketType::Dealer).unwrap();
    for endpoint in ["", "tcp", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:99999", "x://y"] {
        assert!(matches!(socket.bind(endpoint), Err(Error::Endpoint { .. })), "{endpoint}");
        assert!(matches!(socket.connect(endpoint), Err(Error::Endpoint { .. })), "{endpoint}");
    }
    for endpoint in ["tcp://127.0.0.1:*", "tcp://*:5555", "ipc://*"] {
        assert!(matches!(socket.connect(endpoint), Err(Error::Endpoint { .. })), "{endpoint}");
    }
    assert_eq!(socket.last_endpoint(), "");
}

/// `zmq_unbind(3)`: only what a wildcard stood for is known by something else than the name given.
#[test]
fn a_name_that_looks_like_a_wildcard_is_unbound() {
    let context = context();
    let socket = context.socket(SocketType::Pull).unwrap();
    for endpoint in ["inproc://queue:0", "inproc://every*"] {
        socket.bind(endpoint).unwrap();
        socket.unbind_with_peers(endpoint).unwrap();
        socket.bind(endpoint).unwrap();
    }
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let unbound = socket.unbind_with_peers("tcp://127.0.0.1:*");
    assert!(matches!(unbound, Err(Error::NoSuchEndpoint { .. })), "{unbound:?}");
}
