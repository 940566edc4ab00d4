//! What a wait leaves behind: nothing, in the sockets' lists and sets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::pin::pin;
use std::task::Context as TaskContext;

use oxmq_zmtp::SocketType;

use super::*;
use crate::{Context, Message, Profile, Wait};

const TIME: Option<Duration> = Some(Duration::from_millis(2));

fn polled(poller: &Poller) -> &Polled {
    match &poller.entries[0].as_ref().unwrap().source {
        Source::Socket(polled) => polled,
        Source::Fd { .. } => panic!("a descriptor"),
    }
}

/// A poller with a bound PULL, and the PULL and a PUSH.
fn setup(transport: &str, interest: Interest) -> (Poller, Socket, Socket) {
    let context = Context::new(Profile::Safe);
    let (pull, push) =
        (context.socket(SocketType::Pull).unwrap(), context.socket(SocketType::Push).unwrap());
    push.connect(&pull.bind(transport).unwrap()).unwrap();
    let mut poller = Poller::new().unwrap();
    poller.add(&pull, 0, interest).unwrap();
    (poller, pull, push)
}

#[test]
fn a_wait_leaves_no_waiter_and_no_parked_thread_behind() {
    for transport in ["tcp://127.0.0.1:*", "inproc://leftovers"] {
        for interest in [Interest::READABLE, Interest::NONE] {
            let (mut poller, pull, push) = setup(transport, interest);
            let mut events = Vec::new();
            for messages in [0, 1, 1] {
                if messages > 0 {
                    push.send_message(&mut Message::from("x"), Wait::Forever).unwrap();
                }
                let expected = if interest.readable { messages } else { 0 };
                let time = if expected > 0 { None } else { TIME };
                assert_eq!(poller.wait(&mut events, time).unwrap(), expected);
                let core = pull.core();
                assert!(!core.waiters.any(WaitInterest::ALL));
                let state = core.lock();
                assert!(state.pipes.attendance.iter().all(|set| !set.is_parked()));
                assert_eq!(state.pipes.attendance.is_some(), transport.starts_with("tcp"));
            }
        }
    }
}

#[test]
fn a_task_that_gives_up_leaves_no_waiter_behind() {
    let (mut poller, pull, _push) = setup("inproc://given-up", Interest::READABLE);
    let mut events = Vec::new();
    {
        let mut wait = pin!(poller.wait_async(&mut events));
        assert!(wait.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
        assert!(pull.core().waiters.any(WaitInterest::IN));
    }
    assert!(!pull.core().waiters.any(WaitInterest::ALL));
}

/// While another thread waits in a socket's set, a signal meant for that thread may be in it, and
/// the set being ready must not keep the poller awake.
#[test]
fn a_set_in_which_another_thread_waits_is_left_alone() {
    let (mut poller, pull, push) = setup("tcp://127.0.0.1:*", Interest::READABLE);
    let mut events = Vec::new();
    assert_eq!(poller.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
    assert!(polled(&poller).watched);
    let set = pull.core().lock().pipes.attendance.clone().unwrap();
    assert!(set.begin_park());
    set.waker().wake_by_ref();
    assert_eq!(poller.wait(&mut events, TIME).unwrap(), 0);
    assert!(!polled(&poller).watched);
    let mut found = Events::with_capacity(4);
    assert_eq!(set.wait(&mut found, Some(Duration::ZERO)).unwrap(), 1, "the signal was taken");
    set.end_park();
    push.send_message(&mut Message::from("x"), Wait::Forever).unwrap();
    assert_eq!(poller.wait(&mut events, None).unwrap(), 1);
    assert!(polled(&poller).watched);
}
