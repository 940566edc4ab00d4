//! Any two socket types may be joined inside the process, as in libzmq: whatever one sends, the
//! other takes or drops.

use std::ffi::{c_int, c_void};

use crate::support::*;

const SUBSCRIBE: c_int = 6;
const ROUTER_MANDATORY: c_int = 33;

/// Sends parts of several kinds and takes what there is.
fn talk(from: *mut c_void, to: *mut c_void) {
    let parts: [&[u8]; 6] =
        [b"", b"\0", b"\x01topic", b"a routing id", b"\0\x01\x02\x03\x04", b"x"];
    for (index, part) in parts.into_iter().enumerate() {
        let more = if index % 2 == 0 { SNDMORE } else { 0 };
        // Types differ in what they allow; none may fail in another way.
        if send(from, part, DONTWAIT | more) < 0 {
            let allowed = [libc::EAGAIN, EFSM, libc::ENOTSUP, libc::EINVAL, libc::EHOSTUNREACH];
            let errno = zmq::zmq_errno();
            assert!(allowed.contains(&errno), "errno {errno}");
        }
        while recv(to, DONTWAIT).is_some() {}
    }
}

#[test]
fn any_two_types_may_meet_inside_the_process() {
    for bound in 0..21 {
        for connected in 0..21 {
            for bound_first in [true, false] {
                let mut bench = Bench::new();
                let (a, b) = (bench.socket(bound), bench.socket(connected));
                for socket in [a, b] {
                    // Only some types have it.
                    let _ = set_bytes(socket, SUBSCRIBE, b"");
                    let _ = set_bytes(socket, ROUTER_MANDATORY, &1_i32.to_ne_bytes());
                }
                let meet = |first: bool| match first {
                    true => bind(a, "inproc://meeting"),
                    false => connect(b, "inproc://meeting"),
                };
                // DGRAM has no inproc, STREAM neither.
                if meet(bound_first) < 0 || meet(!bound_first) < 0 {
                    assert_eq!(zmq::zmq_errno(), ENOCOMPATPROTO, "{bound} {connected}");
                    continue;
                }
                for _ in 0..2 {
                    talk(a, b);
                    talk(b, a);
                }
            }
        }
    }
}
