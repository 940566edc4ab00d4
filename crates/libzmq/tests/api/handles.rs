//! Handles that are NULL, closed, foreign or of another kind: errors, never harm.

use std::ffi::c_void;
use std::ptr;
use std::thread;

use crate::support::*;

/// What is no live socket.
fn not_sockets(bench: &mut Bench) -> Vec<*mut c_void> {
    let closed = bench.socket(PAIR);
    ok(zmq::zmq_close(closed));
    let on_the_heap = Box::leak(Box::new([0x5555_5555_u32; 32])).as_mut_ptr().cast();
    let small = ptr::without_provenance_mut(8);
    let large = ptr::without_provenance_mut(usize::MAX - 7);
    vec![NULL, closed, on_the_heap, small, large, bench.context]
}

#[test]
fn what_is_no_socket_is_enotsock_everywhere() {
    let mut bench = Bench::new();
    for wrong in not_sockets(&mut bench) {
        let mut buffer = [0_u8; 8];
        let mut len = 4;
        let place = buffer.as_mut_ptr().cast();
        fails(libc::ENOTSOCK, zmq::zmq_close(wrong));
        fails(libc::ENOTSOCK, bind(wrong, "inproc://a"));
        fails(libc::ENOTSOCK, connect(wrong, "inproc://a"));
        fails(libc::ENOTSOCK, unbind(wrong, "inproc://a"));
        fails(libc::ENOTSOCK, disconnect(wrong, "inproc://a"));
        fails(libc::ENOTSOCK, send(wrong, b"x", 0));
        fails(libc::ENOTSOCK, set_bytes(wrong, LINGER, &[0; 4]));
        unsafe {
            fails(libc::ENOTSOCK, zmq::zmq_recv(wrong, place, 8, 0));
            fails(libc::ENOTSOCK, zmq::zmq_send_const(wrong, place, 8, 0));
            fails(libc::ENOTSOCK, zmq::zmq_getsockopt(wrong, LINGER, place, &raw mut len));
            let mut msg = std::mem::zeroed();
            ok(zmq::zmq_msg_init(&raw mut msg));
            fails(libc::ENOTSOCK, zmq::zmq_msg_send(&raw mut msg, wrong, 0));
            fails(libc::ENOTSOCK, zmq::zmq_msg_recv(&raw mut msg, wrong, 0));
            fails(libc::ENOTSOCK, zmq::zmq_sendiov(wrong, ptr::null_mut(), 1, 0));
            fails(libc::ENOTSOCK, zmq::zmq_recviov(wrong, ptr::null_mut(), &raw mut len, 0));
            ok(zmq::zmq_msg_close(&raw mut msg));
        }
    }
}

#[test]
fn what_is_no_context_is_efault_everywhere() {
    let mut bench = Bench::new();
    let ended = zmq::zmq_ctx_new();
    ok(zmq::zmq_ctx_term(ended));
    for wrong in [NULL, ended, bench.socket(PAIR)] {
        fails(libc::EFAULT, zmq::zmq_ctx_term(wrong));
        fails(libc::EFAULT, zmq::zmq_term(wrong));
        fails(libc::EFAULT, zmq::zmq_ctx_destroy(wrong));
        fails(libc::EFAULT, zmq::zmq_ctx_shutdown(wrong));
        fails(libc::EFAULT, zmq::zmq_ctx_set(wrong, 1, 1));
        fails(libc::EFAULT, zmq::zmq_ctx_get(wrong, 1));
        assert!(zmq::zmq_socket(wrong, PAIR).is_null());
        assert_eq!(zmq::zmq_errno(), libc::EFAULT);
    }
}

/// A thread that waits in a receive learns that its socket is closed by another.
#[test]
fn closing_wakes_those_who_wait_on_the_socket() {
    for transport in ["inproc://closing", "tcp://127.0.0.1:*"] {
        let mut bench = Bench::new();
        let socket = bench.socket(PAIR);
        ok(bind(socket, transport));
        let number = socket.addr();
        let waiting = thread::spawn(move || {
            let socket = ptr::with_exposed_provenance_mut::<c_void>(number);
            (recv(socket, 0), zmq::zmq_errno())
        });
        // Whether it waits already or comes too late, the answer is the same.
        thread::yield_now();
        ok(zmq::zmq_close(socket));
        assert_eq!(waiting.join().unwrap(), (None, libc::ENOTSOCK));
    }
}

/// Calls from many threads on one socket, which is closed under them.
#[test]
fn threads_that_use_a_socket_while_it_is_closed_get_errors_only() {
    for _ in 0..50 {
        let mut bench = Bench::new();
        let (pull, push) = bench.tcp(PULL, PUSH);
        let (pull, push) = (pull.addr(), push.addr());
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(move || {
                    let push = ptr::with_exposed_provenance_mut::<c_void>(push);
                    while send(push, b"message", DONTWAIT) == 7 || zmq::zmq_errno() == libc::EAGAIN
                    {
                    }
                    assert_eq!(zmq::zmq_errno(), libc::ENOTSOCK);
                });
                scope.spawn(move || {
                    let pull = ptr::with_exposed_provenance_mut::<c_void>(pull);
                    while let Some(message) = recv(pull, 0) {
                        assert_eq!(message, b"message");
                    }
                    assert_eq!(zmq::zmq_errno(), libc::ENOTSOCK);
                });
            }
            for socket in [push, pull] {
                thread::yield_now();
                ok(zmq::zmq_close(ptr::with_exposed_provenance_mut(socket)));
            }
        });
    }
}
