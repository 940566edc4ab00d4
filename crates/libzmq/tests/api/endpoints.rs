//! Binding and connecting: which endpoints are refused and how, and what unbinding leaves.

use std::ptr;

use crate::support::*;

#[test]
fn endpoints_that_cannot_be_are_refused_as_documented() {
    let mut bench = Bench::new();
    let socket = bench.socket(DEALER);
    let long = format!("ipc:///tmp/{}", "x".repeat(200));
    let refused = [
        (libc::EINVAL, ""),
        (libc::EINVAL, "nothing"),
        (libc::EINVAL, "tcp://"),
        (libc::EINVAL, "tcp://127.0.0.1"),
        (libc::EINVAL, "inproc://"),
        (libc::EINVAL, "tcp://127.0.0.1:65536"),
        (libc::EINVAL, "tcp://127.0.0.1:port"),
        (libc::EPROTONOSUPPORT, "gopher://127.0.0.1:70"),
        (libc::EPROTONOSUPPORT, "pgm://eth0;239.192.1.1:5555"),
        (libc::EPROTONOSUPPORT, "epgm://eth0;239.192.1.1:5555"),
        (libc::EPROTONOSUPPORT, "norm://127.0.0.1:5555"),
        (libc::EPROTONOSUPPORT, "vmci://1:5555"),
        (libc::ENAMETOOLONG, &long),
    ];
    for (errno, endpoint) in refused {
        fails(errno, bind(socket, endpoint));
        fails(errno, connect(socket, endpoint));
    }
    fails(libc::ENODEV, bind(socket, "tcp://nosuchdevice:5555"));
    unsafe {
        fails(libc::EINVAL, zmq::zmq_bind(socket, ptr::null()));
        fails(libc::EINVAL, zmq::zmq_connect(socket, ptr::null()));
    }
    let stream = bench.socket(STREAM);
    fails(ENOCOMPATPROTO, bind(stream, "inproc://stream"));
}

#[test]
fn an_endpoint_in_use_is_eaddrinuse() {
    let mut bench = Bench::new();
    let (first, second) = (bench.socket(PULL), bench.socket(PULL));
    for endpoint in ["tcp://127.0.0.1:*", "inproc://taken"] {
        ok(bind(first, endpoint));
        fails(libc::EADDRINUSE, bind(second, &last_endpoint(first)));
    }
}

#[test]
fn what_is_not_bound_or_connected_is_enoent() {
    let mut bench = Bench::new();
    let socket = bench.socket(PULL);
    for endpoint in ["tcp://127.0.0.1:1", "inproc://nobody", "ipc:///tmp/nobody"] {
        fails(libc::ENOENT, unbind(socket, endpoint));
        fails(libc::ENOENT, disconnect(socket, endpoint));
    }
    for wildcard in ["tcp://127.0.0.1:*", "ipc://*"] {
        ok(bind(socket, wildcard));
        fails(libc::ENOENT, unbind(socket, wildcard));
        let resolved = last_endpoint(socket);
        ok(unbind(socket, &resolved));
        fails(libc::ENOENT, unbind(socket, &resolved));
    }
}

/// `zmq_unbind(3)`: the peers that came through the endpoint go with it.
#[test]
fn unbinding_ends_the_connections_of_the_endpoint() {
    let mut bench = Bench::new();
    let (push, pull) = bench.tcp(PUSH, PULL);
    ok(send(push, b"one", 0));
    assert_eq!(recv(pull, 0).unwrap(), b"one");
    ok(unbind(push, &last_endpoint(push)));
    fails(libc::EAGAIN, send(push, b"two", DONTWAIT));
}

#[test]
fn last_endpoint_is_what_was_bound_or_connected_last() {
    let mut bench = Bench::new();
    let socket = bench.socket(PAIR);
    assert_eq!(last_endpoint(socket), "");
    ok(bind(socket, "tcp://127.0.0.1:*"));
    assert!(last_endpoint(socket).starts_with("tcp://127.0.0.1:"));
    ok(connect(socket, "inproc://other"));
    assert_eq!(last_endpoint(socket), "inproc://other");
    assert_eq!((get_bytes(socket, 32, 14), zmq::zmq_errno()), (None, libc::EINVAL));
    assert_eq!(get_bytes(socket, 32, 15).unwrap(), b"inproc://other\0");
}
