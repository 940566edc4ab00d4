//! Sending and receiving bytes and messages: what is returned, what is left in the message, and
//! what a socket type refuses.

use std::mem::MaybeUninit;
use std::ptr;

use zmq::zmq_msg_t;

use crate::support::*;

#[test]
fn a_part_that_does_not_fit_is_cut_and_its_length_told() {
    let mut bench = Bench::new();
    let (pull, push) = bench.tcp(PULL, PUSH);
    for _ in 0..2 {
        assert_eq!(send(push, b"twelve bytes", 0), 12);
    }
    let mut buffer = [0xAA_u8; 8];
    let place = buffer.as_mut_ptr().cast();
    unsafe {
        assert_eq!(zmq::zmq_recv(pull, place, 6, 0), 12);
        assert_eq!(&buffer, b"twelve\xAA\xAA");
        assert_eq!(zmq::zmq_recv(pull, ptr::null_mut(), 0, 0), 12);
        fails(libc::EAGAIN, zmq::zmq_recv(pull, place, 6, DONTWAIT));
    }
}

#[test]
fn what_a_socket_type_cannot_do_is_told() {
    let mut bench = Bench::new();
    let (pull, push) = bench.tcp(PULL, PUSH);
    fails(libc::ENOTSUP, send(pull, b"x", 0));
    assert_eq!((recv(push, 0), zmq::zmq_errno()), (None, libc::ENOTSUP));
    let (rep, req) = bench.tcp(REP, REQ);
    fails(EFSM, send(rep, b"x", 0));
    assert_eq!((recv(req, 0), zmq::zmq_errno()), (None, EFSM));
    ok(send(req, b"question", 0));
    fails(EFSM, send(req, b"another", 0));
}

#[test]
fn times_to_wait_are_kept() {
    let mut bench = Bench::new();
    let socket = bench.socket(DEALER);
    const RCVTIMEO: i32 = 27;
    const SNDTIMEO: i32 = 28;
    set(socket, RCVTIMEO, 20);
    set(socket, SNDTIMEO, 20);
    let begin = std::time::Instant::now();
    assert_eq!((recv(socket, 0), zmq::zmq_errno()), (None, libc::EAGAIN));
    fails(libc::EAGAIN, send(socket, b"x", 0));
    assert!(begin.elapsed() >= std::time::Duration::from_millis(40));
}

#[test]
fn a_message_is_empty_once_sent_and_whole_if_not() {
    let mut bench = Bench::new();
    let (a, b) = (bench.socket(PAIR), bench.socket(PAIR));
    unsafe {
        let mut msg = MaybeUninit::<zmq_msg_t>::uninit();
        let msg = msg.as_mut_ptr();
        ok(zmq::zmq_msg_init_buffer(msg, b"payload".as_ptr().cast(), 7));
        fails(libc::EAGAIN, zmq::zmq_msg_send(msg, a, DONTWAIT));
        assert_eq!(zmq::zmq_msg_size(msg), 7);
        ok(bind(a, "inproc://messages"));
        ok(connect(b, "inproc://messages"));
        assert_eq!(zmq::zmq_msg_send(msg, a, SNDMORE), 7);
        assert_eq!(zmq::zmq_msg_size(msg), 0);
        assert_eq!(zmq::zmq_sendmsg(a, msg, 0), 0);
        assert_eq!(zmq::zmq_msg_recv(msg, b, 0), 7);
        assert_eq!(zmq::zmq_msg_more(msg), 1);
        assert_eq!(get(b, 13), 1);
        assert_eq!(zmq::zmq_recvmsg(b, msg, 0), 0);
        assert_eq!(zmq::zmq_msg_more(msg), 0);
        assert_eq!(get(b, 13), 0);
        ok(zmq::zmq_msg_close(msg));
        fails(libc::EFAULT, zmq::zmq_msg_send(msg, a, 0));
        fails(libc::EFAULT, zmq::zmq_msg_recv(msg, a, 0));
        fails(libc::EFAULT, zmq::zmq_msg_send(ptr::null_mut(), a, 0));
    }
}

#[test]
fn lists_of_buffers_are_the_parts_of_a_message() {
    let mut bench = Bench::new();
    let (a, b) = (bench.socket(PAIR), bench.socket(PAIR));
    ok(bind(a, "inproc://lists"));
    ok(connect(b, "inproc://lists"));
    let part = |text: &'static str| libc::iovec {
        iov_base: text.as_ptr().cast_mut().cast(),
        iov_len: text.len(),
    };
    let mut parts = [part("first"), part(""), part("the third")];
    unsafe {
        fails(libc::EINVAL, zmq::zmq_sendiov(a, parts.as_mut_ptr(), 0, 0));
        fails(libc::EINVAL, zmq::zmq_sendiov(a, ptr::null_mut(), 3, 0));
        assert_eq!(zmq::zmq_sendiov(a, parts.as_mut_ptr(), 3, SNDMORE), 9);
        let mut found = [part(""); 5];
        let mut count = 0;
        fails(libc::EINVAL, zmq::zmq_recviov(b, found.as_mut_ptr(), &raw mut count, 0));
        count = 5;
        assert_eq!(zmq::zmq_recviov(b, found.as_mut_ptr(), &raw mut count, 0), 3);
        assert_eq!(count, 3);
        for (found, sent) in found.iter().zip(&parts) {
            let bytes = |v: &libc::iovec| {
                std::slice::from_raw_parts(v.iov_base.cast::<u8>(), v.iov_len).to_vec()
            };
            assert_eq!(bytes(found), bytes(sent));
            libc::free(found.iov_base);
        }
    }
}

/// ZERO_COPY_RECV 0: a message that is kept has memory of its own, which no other message shares.
#[test]
fn without_zero_copy_messages_are_not_shared() {
    const SHARED: i32 = 3;
    for zero_copy in [1, 0] {
        let mut bench = Bench::new();
        ok(zmq::zmq_ctx_set(bench.context, 10, zero_copy));
        let (pull, push) = bench.tcp(PULL, PUSH);
        ok(send(push, &[7; 500], 0));
        unsafe {
            let mut msg = MaybeUninit::<zmq_msg_t>::uninit();
            let msg = msg.as_mut_ptr();
            ok(zmq::zmq_msg_init(msg));
            assert_eq!(zmq::zmq_msg_recv(msg, pull, 0), 500);
            assert_eq!(zmq::zmq_msg_get(msg, SHARED), zero_copy);
            ok(zmq::zmq_msg_close(msg));
        }
    }
}
