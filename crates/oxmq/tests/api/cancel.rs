//! Futures that are dropped before they are ready: no message is lost, none is sent by halves, and
//! a wake-up meant for a dropped one reaches another that waits.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as Task, Poll, Wake, Waker};

use oxmq::{Context, Message, Pub, Pull, Push};

use crate::{transports, watched};

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>, wakes: &Arc<Wakes>) -> Poll<F::Output> {
    let waker = Waker::from(wakes.clone());
    future.poll(&mut Task::from_waker(&waker))
}

#[test]
fn a_receive_that_is_dropped_loses_no_message() {
    watched(|| {
        for transport in transports("dropped-recv") {
            let context = Context::new();
            let (pull, push) = (Pull::new(&context).unwrap(), Push::new(&context).unwrap());
            push.connect(&pull.bind(&transport).unwrap()).unwrap();
            let mut expected = 0u32;
            for number in 0..500u32 {
                let wakes = Arc::new(Wakes::default());
                {
                    let mut receive = pin!(pull.recv_async());
                    if let Poll::Ready(message) = poll_once(receive.as_mut(), &wakes) {
                        assert_eq!(message.unwrap(), [expected.to_be_bytes()]);
                        expected += 1;
                    }
                }
                push.send(number.to_be_bytes().as_slice()).unwrap();
            }
            while expected < 500 {
                assert_eq!(pull.recv().unwrap(), [expected.to_be_bytes()]);
                expected += 1;
            }
            assert!(pull.try_recv().is_err(), "nothing came twice");
        }
    });
}

#[test]
fn a_send_that_is_dropped_leaves_the_message() {
    let context = Context::new();
    let push = Push::new(&context).unwrap();
    let wakes = Arc::new(Wakes::default());
    let mut message = Message::from(["a", "b"]);
    {
        let mut send = pin!(push.send_from_async(&mut message));
        assert!(poll_once(send.as_mut(), &wakes).is_pending());
    }
    assert_eq!(message, ["a", "b"]);
    let pull = Pull::new(&context).unwrap();
    push.connect(&pull.bind("inproc://left").unwrap()).unwrap();
    assert!(pull.try_recv().is_err(), "a dropped send sends nothing");
    push.send(message).unwrap();
    assert_eq!(pull.recv().unwrap(), ["a", "b"]);
}

#[test]
fn a_wake_up_of_a_dropped_receive_reaches_another() {
    watched(|| {
        let context = Context::new();
        let (pull, push) = (Pull::new(&context).unwrap(), Push::new(&context).unwrap());
        push.connect(&pull.bind("inproc://passed-on").unwrap()).unwrap();
        for _ in 0..200 {
            let (first, second) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
            let mut staying = pin!(pull.recv_async());
            {
                let mut leaving = pin!(pull.recv_async());
                assert!(poll_once(leaving.as_mut(), &first).is_pending());
                assert!(poll_once(staying.as_mut(), &second).is_pending());
                push.send("for one of them").unwrap();
                assert!(first.0.load(Ordering::SeqCst) + second.0.load(Ordering::SeqCst) > 0);
            }
            assert!(second.0.load(Ordering::SeqCst) > 0, "the one that stays was not told");
            assert!(poll_once(staying.as_mut(), &second).is_ready());
        }
    });
}

#[test]
fn a_wait_for_subscribers_that_is_dropped_does_not_disturb_another() {
    let publisher = Pub::new(&Context::new()).unwrap();
    let wakes = Arc::new(Wakes::default());
    {
        let mut wait = pin!(publisher.wait_subscribed_async(1));
        assert!(poll_once(wait.as_mut(), &wakes).is_pending());
    }
    let mut wait = pin!(publisher.wait_subscribed_async(0));
    assert!(poll_once(wait.as_mut(), &wakes).is_ready());
}
