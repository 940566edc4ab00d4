//! The descriptor of a socket (`FD`) and what reading `EVENTS` does to it: when it is readable,
//! when it is not, and that nobody who sleeps on it sleeps for ever. `zmq_getsockopt(3)`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::Duration;

use common::{Random, configure, context, message, recv, send, socket_with, transports, watchdog};
use oxmq_engine::options::code;
use oxmq_engine::{Error, RawOption, Socket, SocketType, Wait};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

const IN: i32 = 1;
const OUT: i32 = 2;

fn int_option(socket: &Socket, code: i32) -> i32 {
    match socket.raw_option(code).unwrap() {
        RawOption::Int(value) => value,
        other => panic!("expected a number, found {other:?}"),
    }
}

fn events(socket: &Socket) -> i32 {
    int_option(socket, code::EVENTS)
}

/// A duplicate of the socket's descriptor.
fn descriptor(socket: &Socket) -> OwnedFd {
    let own = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    pidfd_getfd(own, int_option(socket, code::FD), PidfdGetfdFlags::empty()).unwrap()
}

fn wait_readable(fd: &OwnedFd, timeout: Option<Duration>) -> bool {
    let timeout = timeout.map(|timeout| Timespec::try_from(timeout).unwrap());
    let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
    poll(&mut fds, timeout.as_ref()).unwrap() == 1
}

fn is_readable(fd: &OwnedFd) -> bool {
    wait_readable(fd, Some(Duration::ZERO))
}

/// Two connected sockets of a type.
fn pair(endpoint: &str, socket_type: SocketType) -> (Socket, Socket) {
    let context = context();
    let (a, b) =
        (socket_with(&context, socket_type, |_| {}), socket_with(&context, socket_type, |_| {}));
    let bound = a.bind(endpoint).unwrap();
    b.connect(&bound).unwrap();
    common::wait_connected(&a, 1);
    common::wait_connected(&b, 1);
    (a, b)
}

#[test]
fn reading_events_takes_the_signal_back_and_an_unread_message_or_room_gives_none() {
    let _watchdog = watchdog();
    for endpoint in transports() {
        let (a, b) = pair(&endpoint, SocketType::Dealer);
        let fd = descriptor(&a);
        assert_eq!(events(&a), OUT);
        assert!(!is_readable(&fd), "room alone is no event");
        send(&b, &["one"]);
        assert!(wait_readable(&fd, None));
        assert_eq!(events(&a), IN | OUT);
        assert!(!is_readable(&fd), "an event that was looked at is none any more");
        assert_eq!(events(&a), IN | OUT);
        assert!(!is_readable(&fd));
        assert_eq!(recv(&a), [b"one"]);
        assert!(!is_readable(&fd), "nothing is left behind");
        assert_eq!(events(&a), OUT);
    }
}

#[test]
fn a_receive_that_leaves_a_message_behind_signals_again() {
    let _watchdog = watchdog();
    for endpoint in transports() {
        let (a, b) = pair(&endpoint, SocketType::Pair);
        let fd = descriptor(&a);
        for text in ["one", "two", "three"] {
            send(&b, &[text]);
        }
        common::wait_queued_in(&a, 3);
        for text in ["one", "two", "three"] {
            assert!(wait_readable(&fd, None));
            assert_eq!(events(&a) & IN, IN);
            assert!(!is_readable(&fd));
            assert_eq!(recv(&a), [text.as_bytes()]);
        }
        assert!(!is_readable(&fd));
    }
}

#[test]
fn the_parts_of_a_message_are_signalled_like_messages() {
    let _watchdog = watchdog();
    for endpoint in transports() {
        let (a, b) = pair(&endpoint, SocketType::Pair);
        let fd = descriptor(&a);
        // That there is a peer was an event, too.
        assert_eq!(events(&a), OUT);
        send(&b, &["one", "two"]);
        assert!(wait_readable(&fd, None));
        assert_eq!(events(&a) & IN, IN);
        assert!(a.recv_part(Wait::No).unwrap().more());
        assert!(is_readable(&fd));
        assert_eq!(events(&a) & IN, IN);
        assert!(!a.recv_part(Wait::No).unwrap().more());
        assert!(!is_readable(&fd));
    }
}

#[test]
fn a_receive_without_a_message_takes_the_signal_of_one_back() {
    let _watchdog = watchdog();
    for endpoint in transports() {
        let (a, b) = pair(&endpoint, SocketType::Pair);
        let fd = descriptor(&a);
        for _ in 0..3 {
            send(&b, &["one"]);
            assert!(wait_readable(&fd, None));
            assert_eq!(recv(&a), [b"one"]);
            assert!(matches!(a.recv_message(Wait::No), Err(Error::WouldBlock)));
            assert!(!is_readable(&fd));
        }
    }
}

#[test]
fn room_after_a_refused_send_is_an_event_once() {
    let _watchdog = watchdog();
    for endpoint in transports() {
        let (a, b) = pair(&endpoint, SocketType::Pair);
        let fd = descriptor(&a);
        let large = vec![0; 100_000];
        let mut sent = 0;
        while a.send_message(&mut message(&[&large]), Wait::No).is_ok() {
            sent += 1;
        }
        assert_eq!(events(&a), 0);
        assert!(!is_readable(&fd));
        for _ in 0..sent {
            recv(&b);
        }
        assert!(wait_readable(&fd, None));
        assert_eq!(events(&a), OUT);
        assert!(!is_readable(&fd));
        assert!(a.send_message(&mut message(&["more"]), Wait::No).is_ok());
        assert!(!is_readable(&fd));
    }
}

#[test]
fn a_first_peer_is_an_event_for_who_found_no_room() {
    let _watchdog = watchdog();
    for endpoint in transports() {
        let context = context();
        let a = socket_with(&context, SocketType::Dealer, |_| {});
        let fd = descriptor(&a);
        assert!(!is_readable(&fd));
        assert_eq!(events(&a), 0);
        let bound = a.bind(&endpoint).unwrap();
        let b = socket_with(&context, SocketType::Dealer, |_| {});
        b.connect(&bound).unwrap();
        assert!(wait_readable(&fd, None));
        while events(&a) != OUT {
            assert!(wait_readable(&fd, None));
        }
    }
}

#[test]
fn a_peer_that_comes_is_an_event_once() {
    let _watchdog = watchdog();
    for endpoint in transports() {
        let context = context();
        let (pull, push) = (
            socket_with(&context, SocketType::Pull, |_| {}),
            socket_with(&context, SocketType::Push, |_| {}),
        );
        let bound = push.bind(&endpoint).unwrap();
        pull.connect(&bound).unwrap();
        let fd = descriptor(&pull);
        assert!(wait_readable(&fd, None));
        common::wait_connected(&pull, 1);
        assert_eq!(events(&pull), 0);
        assert!(!is_readable(&fd));
    }
}

#[test]
fn what_is_there_when_the_descriptor_is_made_is_an_event() {
    let _watchdog = watchdog();
    for endpoint in transports() {
        let (a, b) = pair(&endpoint, SocketType::Pair);
        send(&b, &["early"]);
        common::wait_queued_in(&a, 1);
        let fd = descriptor(&a);
        assert!(wait_readable(&fd, None));
        assert_eq!(recv(&a), [b"early"]);
    }
}

#[test]
fn a_receive_that_blocked_before_leaves_the_watching_to_the_io_thread() {
    let _watchdog = watchdog();
    for endpoint in transports() {
        let (a, b) = pair(&endpoint, SocketType::Pair);
        let fd = descriptor(&a);
        for _ in 0..50 {
            // Receiving without `Wait::No` takes the lease on the connections.
            send(&b, &["one"]);
            assert_eq!(recv(&a), [b"one"]);
            send(&b, &["two"]);
            assert!(wait_readable(&fd, None));
            assert_eq!(recv(&a), [b"two"]);
        }
    }
}

#[test]
fn shutting_the_context_down_and_closing_wake_who_sleeps_on_the_descriptor() {
    let _watchdog = watchdog();
    let context = context();
    let socket = socket_with(&context, SocketType::Pull, |_| {});
    let fd = descriptor(&socket);
    assert_eq!(events(&socket), 0);
    thread::scope(|scope| {
        scope.spawn(|| assert!(wait_readable(&fd, None)));
        context.shutdown();
    });
    assert!(matches!(socket.raw_option(code::EVENTS), Err(Error::Terminated)));
    assert!(is_readable(&fd));

    let context = common::context();
    let socket = socket_with(&context, SocketType::Pull, |_| {});
    let fd = descriptor(&socket);
    thread::scope(|scope| {
        scope.spawn(|| assert!(wait_readable(&fd, None)));
        socket.close();
    });
    assert!(matches!(socket.raw_option(code::EVENTS), Err(Error::Closed)));
}

#[test]
fn a_router_that_refuses_is_signalled_when_that_peer_has_room() {
    let _watchdog = watchdog();
    let context = context();
    let router = socket_with(&context, SocketType::Router, |options| {
        options.router_mandatory = true;
        options.snd_hwm = 1;
    });
    let fd = descriptor(&router);
    let dealer = |name: &[u8]| {
        socket_with(&context, SocketType::Dealer, |options| {
            options.routing_id = name.to_vec();
            options.rcv_hwm = 1;
        })
    };
    let bound = router.bind("inproc://router").unwrap();
    let (a, b) = (dealer(b"a"), dealer(b"b"));
    a.connect(&bound).unwrap();
    b.connect(&bound).unwrap();
    common::wait_connected(&router, 2);
    let mut sent = 0;
    while router.send_message(&mut message(&["a", "x"]), Wait::No).is_ok() {
        sent += 1;
    }
    assert_eq!(events(&router), OUT, "the other peer has room");
    assert!(!is_readable(&fd));
    for _ in 0..sent {
        recv(&a);
    }
    assert!(wait_readable(&fd, None));
    router.send_message(&mut message(&["a", "x"]), Wait::No).unwrap();
}

#[test]
fn the_types_that_threads_share_have_no_descriptor() {
    let context = context();
    for socket_type in SocketType::ALL {
        let Ok(socket) = context.socket(socket_type) else { continue };
        let is_shared = int_option(&socket, code::THREAD_SAFE) == 1;
        let found = socket.raw_option(code::FD);
        assert_eq!(found.is_err(), is_shared, "{}", socket_type.name());
        if let Err(error) = found {
            assert_eq!(error.errno(), 22);
        }
    }
}

/// One end of the random test. Sends and receives this many messages, at most `window` more sent
/// than received, and sleeps when its last look at each direction found nothing. Returns how often
/// it slept.
fn exchange(socket: &Socket, seed: u64, messages: u64, window: u64) -> u64 {
    let fd = descriptor(socket);
    let mut random = Random::new(seed);
    let (mut sent, mut received, mut sleeps) = (0u64, 0u64, 0u64);
    while sent < messages || received < messages {
        let may_send = |sent: u64, received: u64| sent < messages.min(received + window);
        // What the last look at each direction found.
        let mut out_is_dry = false;
        let mut in_is_dry = false;
        if random.below(3) == 0 {
            let found = events(socket);
            out_is_dry |= found & OUT == 0;
            in_is_dry |= found & IN == 0;
        } else {
            // Both directions until they give nothing, in either order; sometimes one step only.
            let steps = if random.below(2) == 0 { 1 } else { 1 + random.below(40) };
            let out_first = random.below(2) == 0;
            for direction in [out_first, !out_first] {
                for _ in 0..steps {
                    if direction && may_send(sent, received) {
                        match socket.send_message(&mut number(sent), Wait::No) {
                            Ok(()) => sent += 1,
                            Err(Error::WouldBlock) => out_is_dry = true,
                            Err(error) => panic!("{error}"),
                        }
                    } else if !direction && received < messages {
                        match socket.recv_message(Wait::No) {
                            Ok(message) => {
                                assert_eq!(message, number(received));
                                received += 1;
                            }
                            Err(Error::WouldBlock) => in_is_dry = true,
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            }
        }
        out_is_dry |= !may_send(sent, received);
        in_is_dry |= received == messages;
        if out_is_dry && in_is_dry && (sent < messages || received < messages) {
            sleeps += 1;
            assert!(wait_readable(&fd, None));
        }
    }
    sleeps
}

fn number(number: u64) -> oxmq_engine::Message {
    let parts = 1 + (number % 3) as usize;
    message(&vec![number.to_ne_bytes(); parts])
}

/// Whoever sleeps on the descriptor, after its last look at each direction found nothing, is woken
/// by what comes: otherwise this hangs.
#[test]
fn nobody_sleeps_for_ever_whatever_the_order_of_calls() {
    let _watchdog = watchdog();
    let messages = if cfg!(debug_assertions) { 20_000 } else { 300_000 };
    let mut slept = 0;
    for endpoint in transports() {
        for (seed, hwm, window) in [(1, 1, 1), (2, 1, 9), (3, 3, 100), (4, 1000, 2)] {
            let (a, b) = pair(&endpoint, SocketType::Pair);
            for socket in [&a, &b] {
                configure(socket, |options| (options.snd_hwm, options.rcv_hwm) = (hwm, hwm));
            }
            let (x, y) = thread::scope(|scope| {
                let x = scope.spawn(|| exchange(&a, 2 * seed, messages, window));
                let y = scope.spawn(|| exchange(&b, 2 * seed + 1, messages, window));
                (x.join().unwrap(), y.join().unwrap())
            });
            println!("{endpoint} hwm {hwm} window {window}: slept {x} and {y} times");
            slept += x + y;
        }
    }
    // Which of them sleep, and how often, is for the scheduler to say.
    assert!(slept > 0);
}

#[test]
fn a_publisher_that_was_refused_at_its_mark_is_told_of_the_room_that_is_there() {
    let _watchdog = watchdog();
    let context = context();
    let publisher = socket_with(&context, SocketType::XPub, |options| {
        options.xpub_nodrop = true;
        options.snd_hwm = 5;
    });
    let fd = descriptor(&publisher);
    let bound = publisher.bind("tcp://127.0.0.1:*").unwrap();
    let subscriber = socket_with(&context, SocketType::Sub, |_| {});
    subscriber.subscribe(b"").unwrap();
    subscriber.connect(&bound).unwrap();
    assert_eq!(recv(&publisher), [b"\x01"]);
    for _ in 0..20 {
        // Reading EVENTS takes back what the descriptor said before.
        events(&publisher);
        while publisher.send_message(&mut message(&["x"]), Wait::No).is_ok() {}
        assert!(wait_readable(&fd, None));
        assert_eq!(events(&publisher) & OUT, OUT);
    }
}
