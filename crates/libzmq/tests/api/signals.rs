//! A signal that is handled ends a wait with EINTR, whether or not its handler restarts calls.

use std::ffi::{c_int, c_long, c_void};
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::*;

extern "C" fn note(_: c_int) {}

fn handle_usr1(flags: c_int) {
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = note as extern "C" fn(c_int) as usize;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()), 0);
    }
}

/// Runs a call that waits and signals its thread until the call returns.
#[track_caller]
fn interrupted(call: impl FnOnce() -> c_int) {
    let done = AtomicBool::new(false);
    let me = unsafe { libc::pthread_self() };
    let (returned, errno) = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                unsafe { libc::pthread_kill(me, libc::SIGUSR1) };
                thread::yield_now();
            }
        });
        let result = (call(), zmq::zmq_errno());
        done.store(true, Ordering::SeqCst);
        result
    });
    assert_eq!((returned, errno), (-1, libc::EINTR));
}

fn wait_in_poller(socket: *mut c_void, timeout: c_long) -> c_int {
    let mut poller = zmq::zmq_poller_new();
    ok(zmq::zmq_poller_add(poller, socket, NULL, 1));
    unsafe {
        let mut event: zmq::zmq_poller_event_t = mem::zeroed();
        let waited = zmq::zmq_poller_wait(poller, &raw mut event, timeout);
        let errno = zmq::zmq_errno();
        ok(zmq::zmq_poller_destroy(&raw mut poller));
        *libc::__errno_location() = errno;
        waited
    }
}

#[test]
fn a_signal_ends_a_wait() {
    // One test, because the handler is the process's.
    for flags in [0, libc::SA_RESTART] {
        handle_usr1(flags);
        let mut bench = Bench::new();
        let (alone, networked) = (bench.socket(PAIR), bench.socket(DEALER));
        ok(bind(networked, "tcp://127.0.0.1:*"));
        let wait = |socket: *mut c_void| recv(socket, 0).map_or(-1, |_| 0);
        interrupted(|| wait(alone));
        interrupted(|| wait(networked));
        interrupted(|| send(networked, b"x", 0));
        set(networked, 27, 3_600_000);
        interrupted(|| wait(networked));
        let mut item = zmq::zmq_pollitem_t { socket: networked, fd: -1, events: 1, revents: 0 };
        for timeout in [-1, 3_600_000] {
            interrupted(|| unsafe { zmq::zmq_poll(&raw mut item, 1, timeout) });
            interrupted(|| unsafe { zmq::zmq_ppoll(&raw mut item, 1, timeout, ptr::null()) });
            interrupted(|| wait_in_poller(networked, timeout));
        }
        interrupted(|| unsafe { zmq::zmq_poll(ptr::null_mut(), 0, 3_600_000) });
        let (front, back) = (bench.socket(PULL), bench.socket(PUSH));
        interrupted(|| zmq::zmq_proxy(front, back, NULL));
        interrupted(|| zmq::zmq_proxy_steerable(front, back, NULL, alone));
        interrupted(|| zmq::zmq_device(3, front, back));
        let context = bench.context;
        interrupted(|| zmq::zmq_ctx_term(context));
        // The sockets can be closed then, and the context ended.
    }
}
