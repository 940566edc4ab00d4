//! What a process is left with when contexts have come and gone: no descriptor, no thread. One
//! test in a file of its own, as it counts what the whole process has.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::fs;

use common::*;
use oxmq_engine::SocketType;

fn count(directory: &str) -> usize {
    fs::read_dir(directory).unwrap().count()
}

/// A context with peers on every transport, some of them stuck, and its end.
fn one_life(round: usize) {
    let context = context();
    for transport in transports() {
        let router = socket_with(&context, SocketType::Router, |_| {});
        let endpoint = router.bind(&transport).unwrap();
        for _ in 0..5 {
            let dealer = socket_with(&context, SocketType::Dealer, |_| {});
            dealer.connect(&endpoint).unwrap();
            send(&dealer, &["hello"]);
            let _ = recv(&router);
            if round.is_multiple_of(2) {
                dealer.disconnect(&endpoint).unwrap();
            }
        }
        // Connects to nobody, and with something to say.
        let push = socket_with(&context, SocketType::Push, |_| {});
        push.connect(&unbound(&transport)).unwrap();
        send(&push, &["never"]);
        if round.is_multiple_of(3) {
            router.unbind(&endpoint).unwrap();
        }
        let monitor = router.monitor().unwrap();
        drop(router);
        while monitor.recv().is_some() {}
    }
    // A peer that never says a word.
    let router = socket_with(&context, SocketType::Router, |_| {});
    let endpoint = router.bind("tcp://127.0.0.1:*").unwrap();
    let _mute = mute(&endpoint);
    drop(router);
    context.terminate();
}

#[test]
fn contexts_leave_no_descriptor_and_no_thread() {
    let _watchdog = watchdog();
    one_life(0);
    // The watchdog and the harness have theirs.
    let (descriptors, threads) = (count("/proc/self/fd"), count("/proc/self/task"));
    for round in 1..=20 {
        one_life(round);
    }
    // A thread that was joined may still be listed for a moment.
    wait_until(|| count("/proc/self/task") <= threads);
    assert_eq!(count("/proc/self/fd"), descriptors);
}
