//! One socket used by several threads at once, blocking and async mixed.

use std::thread;

use oxmq::{Context, Message, Pull, Push};

use crate::{transports, watched};

const EACH: u32 = 3000;

#[test]
fn many_threads_share_a_socket_at_each_end() {
    watched(|| {
        for transport in transports("shared") {
            let context = Context::new();
            let pull = Pull::with_options(&context, |o| o.recv_hwm(20)).unwrap();
            let push = Push::with_options(&context, |o| o.send_hwm(20)).unwrap();
            push.connect(&pull.bind(&transport).unwrap()).unwrap();
            let mut all: Vec<u32> = thread::scope(|scope| {
                for sender in 0..3u32 {
                    let push = &push;
                    scope.spawn(move || {
                        for number in sender * EACH..(sender + 1) * EACH {
                            // Two parts, which no other thread's may come between.
                            let part = number.to_be_bytes();
                            let message = [&part[..], &part[..]];
                            if number % 2 == 0 {
                                push.send(message).unwrap();
                            } else {
                                pollster::block_on(push.send_async(message)).unwrap();
                            }
                        }
                    });
                }
                let receivers = [false, true, false].map(|is_async| {
                    let pull = &pull;
                    scope.spawn(move || {
                        let receive = || {
                            if is_async {
                                pollster::block_on(pull.recv_async())
                            } else {
                                pull.recv()
                            }
                        };
                        (0..EACH).map(|_| number(&receive().unwrap())).collect::<Vec<_>>()
                    })
                });
                receivers.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
            });
            all.sort_unstable();
            assert_eq!(all, (0..3 * EACH).collect::<Vec<_>>(), "{transport}");
        }
    });
}

fn number(message: &Message) -> u32 {
    assert_eq!(message.len(), 2);
    assert_eq!(message[0], message[1], "the parts of one message stay together");
    u32::from_be_bytes(message[0][..].try_into().unwrap())
}
