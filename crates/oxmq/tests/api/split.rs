//! The halves of a split socket, in two threads or tasks.

use std::thread;

use oxmq::{Context, Dealer, Error, Pair, Router, Stream, XPub};

use crate::{transports, watched};

#[test]
fn halves_work_in_two_threads() {
    watched(|| {
        for transport in transports("halves") {
            let context = Context::new();
            let (router, dealer) = (Router::new(&context).unwrap(), Dealer::new(&context).unwrap());
            dealer.connect(&router.bind(&transport).unwrap()).unwrap();
            let (answers, questions) = router.split();
            let (asking, answered) = dealer.split();
            let echo = thread::spawn(move || {
                for _ in 0..2000 {
                    let (peer, message) = questions.recv_from().unwrap();
                    answers.send_to(peer, message).unwrap();
                }
            });
            let ask = thread::spawn(move || {
                (0..2000u32).for_each(|number| asking.send(number.to_string()).unwrap());
                asking
            });
            for number in 0..2000u32 {
                assert_eq!(answered.recv().unwrap(), [number.to_string()]);
            }
            echo.join().unwrap();
            drop(ask.join().unwrap());
        }
    });
}

#[test]
fn the_socket_lives_as_long_as_either_half() {
    let context = Context::new();
    let (one, other) = (Pair::new(&context).unwrap(), Pair::new(&context).unwrap());
    other.connect(&one.bind("inproc://half-life").unwrap()).unwrap();
    let (sender, receiver) = one.split();
    drop(sender);
    other.send("still there").unwrap();
    assert_eq!(receiver.recv().unwrap(), ["still there"]);
    drop(receiver);
    other.wait_peers(oxmq::Wait::Forever, |now| now.connected == 0).unwrap();
}

#[test]
fn closing_one_half_ends_the_other() {
    watched(|| {
        let context = Context::new();
        let (sender, receiver) = Dealer::new(&context).unwrap().split();
        let waiting = thread::spawn(move || receiver.recv());
        sender.close();
        assert!(matches!(waiting.join().unwrap(), Err(Error::Closed)));
    });
}

#[test]
fn other_types_with_two_directions_split_too() {
    let context = Context::new();
    let (_, subscriptions) = XPub::new(&context).unwrap().split();
    assert!(subscriptions.try_recv().is_err());
    let (sender, _) = Stream::new(&context).unwrap().split();
    assert!(sender.try_send_to("nobody", "a").is_err());
}
