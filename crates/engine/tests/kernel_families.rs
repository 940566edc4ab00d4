//! TIPC and vsock, where the kernel has them. A test whose family is missing says so and checks
//! that binding and connecting say it too. Each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::time::Duration;

use common::*;
use oxmq_engine::{Error, EventKind, Socket, SocketType};

/// A service type of our own in TIPC's cluster-wide name space.
fn service() -> u32 {
    0x4000_0000 | std::process::id()
}

/// Whether the kernel can serve this endpoint; if not, the reason is printed.
fn is_there(socket: &Socket, endpoint: &str) -> Option<String> {
    match socket.bind(endpoint) {
        Ok(bound) => Some(bound),
        Err(Error::Io { source, .. }) => {
            assert!(
                matches!(
                    source.raw_os_error(),
                    Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL | libc::ENODEV)
                ),
                "{endpoint}: {source}"
            );
            eprintln!("SKIPPED: this kernel does not serve {endpoint}: {source}");
            None
        }
        Err(other) => panic!("{endpoint}: {other}"),
    }
}

fn exchange(bound: &str, connect: &str, rep: &Socket) {
    let context = context();
    let req = socket_with(&context, SocketType::Req, |options| {
        options.reconnect_ivl = Some(Duration::from_millis(10));
    });
    req.connect(connect).unwrap();
    for size in [0, 10, 1 << 20] {
        let part = vec![3; size];
        send(&req, &[&part]);
        assert!(recv(rep) == [part], "{bound}");
        send(rep, &["reply"]);
        expect(&req, &["reply"]);
    }
}

#[test]
fn vsock_joins_two_sockets_of_this_machine() {
    let _watchdog = watchdog();
    let context = context();
    for host in ["*", "@", "1"] {
        let rep = context.socket(SocketType::Rep).unwrap();
        let Some(bound) = is_there(&rep, &format!("vsock://{host}:*")) else { continue };
        assert!(!bound.ends_with('*'), "{bound}");
        let port = bound.rsplit_once(':').unwrap().1;
        // A kernel may have the family and nobody who carries it within the machine.
        if !has_loopback(port) {
            eprintln!("SKIPPED: this kernel has no vsock loopback");
            continue;
        }
        exchange(&bound, &format!("vsock://1:{port}"), &rep);
        exchange(&bound, &format!("vsock://@:{port}"), &rep);
    }
}

/// Whether a connect to this machine comes about: the monitor tells.
fn has_loopback(port: &str) -> bool {
    let context = context();
    let pair = socket_with(&context, SocketType::Req, |options| {
        options.reconnect_ivl = Some(Duration::from_millis(10));
    });
    let monitor = pair.monitor().unwrap();
    pair.connect(&format!("vsock://1:{port}")).unwrap();
    let done = event(&monitor, |kind| {
        matches!(kind, EventKind::HandshakeSucceeded | EventKind::Closed { .. })
    });
    done.kind == EventKind::HandshakeSucceeded
}

#[test]
fn tipc_joins_two_sockets_by_name_and_by_port() {
    let _watchdog = watchdog();
    let (context, service) = (context(), service());
    let rep = context.socket(SocketType::Rep).unwrap();
    if let Some(bound) = is_there(&rep, &format!("tipc://{{{service}, 0, 9}}")) {
        assert_eq!(bound, format!("tipc://{{{service}, 0, 9}}"));
        exchange(&bound, &format!("tipc://{{{service}, 7}}"), &rep);
    }
    let rep = context.socket(SocketType::Rep).unwrap();
    if let Some(bound) = is_there(&rep, "tipc://<*>") {
        exchange(&bound, &bound, &rep);
    }
}

#[test]
fn what_can_only_be_bound_cannot_be_connected_to() {
    let context = context();
    let req = context.socket(SocketType::Req).unwrap();
    for endpoint in ["vsock://*:1", "vsock://1:*", "tipc://<*>", "tipc://{1, 0, 9}"] {
        assert!(matches!(req.connect(endpoint), Err(Error::Endpoint { .. })), "{endpoint}");
    }
    // The port of a socket is not ours to choose.
    assert!(matches!(req.bind("tipc://<1.1.1:7>"), Err(Error::Io { .. })));
}
