//! Monitor events: what both sides of a connection report, and in which order.
//! `zmq_socket_monitor(3)`. Each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::thread;
use std::time::Duration;

use common::*;
use oxmq_engine::{Event, EventKind, Monitor, SocketType};

/// What of an event is the same in every run.
fn name(event: &Event) -> &'static str {
    match event.kind {
        EventKind::Connected { .. } => "connected",
        EventKind::ConnectDelayed { .. } => "connect delayed",
        EventKind::ConnectRetried { .. } => "connect retried",
        EventKind::Listening { .. } => "listening",
        EventKind::BindFailed { .. } => "bind failed",
        EventKind::Accepted { .. } => "accepted",
        EventKind::Closed { .. } => "closed",
        EventKind::Disconnected { .. } => "disconnected",
        EventKind::HandshakeSucceeded => "handshake succeeded",
        EventKind::HandshakeFailedProtocol { .. } => "handshake failed: protocol",
        EventKind::HandshakeFailedNoDetail { .. } => "handshake failed",
        EventKind::PeerRefused { .. } => "peer refused",
        _ => "another",
    }
}

/// The next event, which must be this one. That an attempt to connect does not end at once may
/// be reported or not.
#[track_caller]
fn next(monitor: &Monitor, expected: &str) -> Event {
    loop {
        let event = monitor.recv().unwrap();
        if name(&event) == "connect delayed" && expected != "connect delayed" {
            continue;
        }
        assert_eq!(name(&event), expected, "{event}");
        return event;
    }
}

#[test]
fn both_sides_tell_the_story_of_a_connection() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let pull = context.socket(SocketType::Pull).unwrap();
        let push = context.socket(SocketType::Push).unwrap();
        let (bound, connecting) = (pull.monitor().unwrap(), push.monitor().unwrap());
        let endpoint = pull.bind(&unbound(&transport)).unwrap();
        let listening = next(&bound, "listening");
        assert_eq!(listening.endpoint, endpoint);
        push.connect(&endpoint).unwrap();
        let connected = next(&connecting, "connected");
        assert_eq!(connected.endpoint, endpoint);
        next(&connecting, "handshake succeeded");
        let accepted = next(&bound, "accepted");
        assert_eq!(accepted.endpoint, endpoint);
        let tcp = transport.starts_with("tcp");
        assert!(!tcp || accepted.remote.starts_with("tcp://127.0.0.1:"), "{accepted}");
        next(&bound, "handshake succeeded");
        match (&listening.kind, &accepted.kind, &connected.kind) {
            (
                EventKind::Listening { fd: listening },
                EventKind::Accepted { fd: accepted },
                EventKind::Connected { fd: connected },
            ) => {
                let mut fds = [*listening, *accepted, *connected];
                fds.sort_unstable();
                assert!(fds[0] > 2 && fds[0] < fds[1] && fds[1] < fds[2], "{fds:?}");
            }
            other => panic!("{other:?}"),
        }
        drop(pull);
        next(&connecting, "disconnected");
        next(&connecting, "connect retried");
        let rest: Vec<_> = std::iter::from_fn(|| bound.recv()).map(|event| name(&event)).collect();
        assert_eq!(counts(rest.iter()), counts(["closed", "disconnected"].iter()), "{rest:?}");
        // It looks for its peer until it finds it again.
        let again = context.socket(SocketType::Pull).unwrap();
        again.bind(&endpoint).unwrap();
        event(&connecting, |kind| matches!(kind, EventKind::Connected { .. }));
        next(&connecting, "handshake succeeded");
        drop(push);
        next(&connecting, "disconnected");
        assert_eq!(connecting.recv(), None);
        assert_eq!(bound.lost() + connecting.lost(), 0);
    }
}

#[test]
fn the_leaving_of_a_connecting_peer_is_told_to_the_bound_one() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let pull = context.socket(SocketType::Pull).unwrap();
        let monitor = pull.monitor().unwrap();
        let endpoint = pull.bind(&transport).unwrap();
        next(&monitor, "listening");
        for _ in 0..3 {
            let push = context.socket(SocketType::Push).unwrap();
            push.connect(&endpoint).unwrap();
            next(&monitor, "accepted");
            next(&monitor, "handshake succeeded");
            drop(push);
            next(&monitor, "disconnected");
        }
        pull.unbind(&endpoint).unwrap();
        next(&monitor, "closed");
        assert_eq!(monitor.try_recv(), None);
    }
}

#[test]
fn a_bind_that_fails_is_told() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let first = context.socket(SocketType::Pull).unwrap();
        let endpoint = first.bind(&transport).unwrap();
        let second = context.socket(SocketType::Pull).unwrap();
        let monitor = second.monitor().unwrap();
        let error = second.bind(&endpoint).unwrap_err();
        let in_vain = next(&monitor, "closed");
        assert_eq!(in_vain.endpoint, endpoint);
        let failed = next(&monitor, "bind failed");
        assert_eq!(failed.kind, EventKind::BindFailed { errno: error.errno() });
        assert_eq!(failed.endpoint, endpoint);
    }
}

#[test]
fn a_refused_connection_is_told_and_tried_again() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let push = socket_with(&context, SocketType::Push, |o| {
            o.reconnect_ivl = Some(Duration::from_millis(5));
        });
        let monitor = push.monitor().unwrap();
        push.connect(&unbound(&transport)).unwrap();
        for _ in 0..3 {
            let retried = event(&monitor, |k| {
                !matches!(k, EventKind::ConnectDelayed { .. } | EventKind::Closed { .. })
            });
            match retried.kind {
                EventKind::ConnectRetried { after } => {
                    assert!((5..=10).contains(&after.as_millis()), "{retried}");
                }
                _ => panic!("{retried}"),
            }
        }
    }
}

// RFC 37 §The Socket-Type Property: The peer SHOULD enforce that the other peer is using a valid
// socket type.
#[test]
fn a_peer_of_the_wrong_type_is_told_on_both_sides() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let rep = context.socket(SocketType::Rep).unwrap();
        let push = socket_with(&context, SocketType::Push, |_| {});
        let (bound, connecting) = (rep.monitor().unwrap(), push.monitor().unwrap());
        push.connect(&rep.bind(&transport).unwrap()).unwrap();
        for monitor in [&bound, &connecting] {
            let refused = event(monitor, |kind| {
                !matches!(
                    kind,
                    EventKind::Listening { .. }
                        | EventKind::Accepted { .. }
                        | EventKind::ConnectDelayed { .. }
                        | EventKind::Connected { .. }
                )
            });
            let told = name(&refused);
            assert!(told == "peer refused" || told.starts_with("handshake failed"), "{refused}");
        }
        wait_connected(&rep, 0);
    }
}

#[test]
fn inproc_has_no_events() {
    let _watchdog = watchdog();
    let context = context();
    let pull = context.socket(SocketType::Pull).unwrap();
    let push = context.socket(SocketType::Push).unwrap();
    let monitors = [pull.monitor().unwrap(), push.monitor().unwrap()];
    push.connect(&pull.bind(&transports()[2]).unwrap()).unwrap();
    send(&push, &["hello"]);
    expect(&pull, &["hello"]);
    drop((pull, push));
    for monitor in monitors {
        assert_eq!(monitor.recv(), None);
    }
}

#[test]
fn a_second_monitor_ends_the_first() {
    let _watchdog = watchdog();
    let context = context();
    let pull = context.socket(SocketType::Pull).unwrap();
    let first = pull.monitor().unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| first.recv());
        let second = pull.monitor().unwrap();
        assert_eq!(reader.join().unwrap(), None);
        pull.bind("tcp://127.0.0.1:*").unwrap();
        next(&second, "listening");
        assert_eq!(first.try_recv(), None);
        assert_eq!(second.recv_timeout(Duration::from_millis(5)), None);
    });
}
