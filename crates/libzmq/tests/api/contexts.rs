//! Contexts: their options and limits, and what shutting down and ending them does to calls in
//! other threads.

use std::ffi::c_void;
use std::ptr;
use std::thread;

use crate::support::*;

const IO_THREADS: i32 = 1;
const MAX_SOCKETS: i32 = 2;
const THREAD_NAME_PREFIX: i32 = 9;

#[test]
fn options_start_as_the_reference_says_and_keep_to_their_ranges() {
    let bench = Bench::new();
    let context = bench.context;
    let defaults =
        [(1, 1), (2, 1023), (3, 65_535), (4, -1), (5, i32::MAX), (6, 64), (9, 0), (10, 1)];
    for (option, value) in defaults.into_iter().chain([(42, 0), (70, 1)]) {
        // -1 is also what a failure returns: the errors are below.
        assert_eq!(zmq::zmq_ctx_get(context, option), value, "option {option}");
    }
    for option in [0, 7, 8, 11, 41, 71, -1] {
        fails(libc::EINVAL, zmq::zmq_ctx_get(context, option));
    }
    for (option, value) in [(1, -1), (2, 0), (2, -1), (3, -1), (4, -1), (5, -1), (6, 64), (0, 1)] {
        fails(libc::EINVAL, zmq::zmq_ctx_set(context, option, value));
    }
    for (option, value) in [(10, -1), (42, -1), (70, -1), (7, -1), (8, 3)] {
        fails(libc::EINVAL, zmq::zmq_ctx_set(context, option, value));
    }
    ok(zmq::zmq_ctx_set(context, 10, 0));
    assert_eq!(zmq::zmq_ctx_get(context, 10), 0);
}

#[test]
fn a_context_has_as_many_sockets_as_it_may() {
    let mut bench = Bench::new();
    ok(zmq::zmq_ctx_set(bench.context, MAX_SOCKETS, 2));
    let first = bench.socket(PAIR);
    bench.socket(PAIR);
    assert!(zmq::zmq_socket(bench.context, PAIR).is_null());
    assert_eq!(zmq::zmq_errno(), libc::EMFILE);
    ok(zmq::zmq_close(first));
    bench.socket(PAIR);
}

#[test]
fn a_socket_type_that_is_none_is_einval() {
    let bench = Bench::new();
    for socket_type in [-1, 21, 1000] {
        assert!(zmq::zmq_socket(bench.context, socket_type).is_null());
        assert_eq!(zmq::zmq_errno(), libc::EINVAL);
    }
}

#[test]
fn a_context_without_io_threads_serves_inproc_only() {
    let mut bench = Bench::new();
    ok(zmq::zmq_ctx_set(bench.context, IO_THREADS, 0));
    let (a, b) = (bench.socket(PAIR), bench.socket(PAIR));
    fails(EMTHREAD, bind(a, "tcp://127.0.0.1:*"));
    fails(EMTHREAD, connect(a, "tcp://127.0.0.1:9"));
    ok(bind(a, "inproc://alone"));
    ok(connect(b, "inproc://alone"));
    ok(send(a, b"hello", 0));
    assert_eq!(recv(b, 0).unwrap(), b"hello");
}

#[test]
fn after_a_shutdown_every_call_is_eterm() {
    let mut bench = Bench::new();
    let (a, b) = bench.tcp(PAIR, PAIR);
    ok(zmq::zmq_ctx_shutdown(bench.context));
    fails(ETERM, send(a, b"x", 0));
    assert!(recv(b, 0).is_none());
    assert_eq!(zmq::zmq_errno(), ETERM);
    fails(ETERM, bind(a, "inproc://late"));
    fails(ETERM, set_bytes(a, LINGER, &[0; 4]));
    assert_eq!((get_bytes(a, LINGER, 4), zmq::zmq_errno()), (None, ETERM));
    assert!(zmq::zmq_socket(bench.context, PAIR).is_null());
    assert_eq!(zmq::zmq_errno(), ETERM);
}

/// `zmq_ctx_term` ends waiting calls with `ETERM` and returns once their socket is closed.
#[test]
fn ending_a_context_waits_for_its_sockets() {
    let context = zmq::zmq_ctx_new();
    let socket = zmq::zmq_socket(context, PULL);
    ok(bind(socket, "tcp://127.0.0.1:*"));
    let number = socket.addr();
    let user = thread::spawn(move || {
        let socket = ptr::with_exposed_provenance_mut::<c_void>(number);
        assert!(recv(socket, 0).is_none());
        assert_eq!(zmq::zmq_errno(), ETERM);
        ok(zmq::zmq_close(socket));
    });
    ok(zmq::zmq_ctx_term(context));
    assert!(user.is_finished() || user.join().is_ok());
    fails(libc::EFAULT, zmq::zmq_ctx_term(context));
}

#[test]
fn the_older_names_do_the_same() {
    assert!(zmq::zmq_init(-1).is_null());
    assert_eq!(zmq::zmq_errno(), libc::EINVAL);
    let context = zmq::zmq_init(3);
    assert_eq!(zmq::zmq_ctx_get(context, IO_THREADS), 3);
    ok(zmq::zmq_term(context));
    ok(zmq::zmq_ctx_destroy(zmq::zmq_ctx_new()));
}

#[test]
fn a_name_for_threads_is_set_and_read_as_text() {
    let bench = Bench::new();
    let name = b"pulse\0";
    unsafe {
        let set = zmq::zmq_ctx_set_ext;
        ok(set(bench.context, THREAD_NAME_PREFIX, name.as_ptr().cast(), name.len()));
        let mut buffer = [0xAA_u8; 16];
        let mut len = buffer.len();
        let place = buffer.as_mut_ptr().cast();
        ok(zmq::zmq_ctx_get_ext(bench.context, THREAD_NAME_PREFIX, place, &raw mut len));
        assert_eq!(&buffer[..len], name);
        len = 3;
        let read = zmq::zmq_ctx_get_ext(bench.context, THREAD_NAME_PREFIX, place, &raw mut len);
        fails(libc::EINVAL, read);
        len = 4;
        ok(zmq::zmq_ctx_get_ext(bench.context, MAX_SOCKETS, place, &raw mut len));
        assert_eq!(&buffer[..4], 1023_i32.to_ne_bytes());
        fails(libc::EINVAL, set(bench.context, MAX_SOCKETS, name.as_ptr().cast(), 2));
        fails(libc::EFAULT, set(NULL, MAX_SOCKETS, name.as_ptr().cast(), 4));
    }
}

/// ZMQ_MAX_MSGSZ is for messages that are sent.
#[test]
fn a_part_longer_than_the_context_allows_is_emsgsize() {
    let mut bench = Bench::new();
    const MAX_MSGSZ: i32 = 5;
    ok(zmq::zmq_ctx_set(bench.context, MAX_MSGSZ, 10));
    let (a, b) = bench.tcp(PAIR, PAIR);
    fails(libc::EMSGSIZE, send(a, &[0; 11], 0));
    ok(send(a, &[0; 10], 0));
    assert_eq!(recv(b, 0).unwrap().len(), 10);
}

/// Sockets that talk to nobody need no descriptor.
#[test]
fn a_thousand_sockets_take_no_descriptor() {
    let mut bench = Bench::new();
    // Others of this process may open and close some meanwhile.
    let before = open_descriptors();
    for number in 0..1000 {
        let socket = bench.socket(if number % 2 == 0 { PAIR } else { ROUTER });
        if number % 2 == 0 {
            ok(bind(socket, &format!("inproc://socket-{number}")));
        }
    }
    assert!(open_descriptors() < before + 500);
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
