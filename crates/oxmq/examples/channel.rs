//! Sockets as channels: PUSH and PULL over inproc are a bounded queue between threads, of many
//! senders and many receivers, blocking or async. Nothing is copied, and no I/O thread starts.

use std::thread;

use oxmq::{Context, Pull, Push};

const SENDERS: usize = 4;
const MESSAGES: usize = 10_000;

fn main() -> oxmq::Result<()> {
    let context = Context::with_options(|o| o.io_threads(0))?;
    let receiver = Pull::with_options(&context, |o| o.recv_hwm(1))?;
    receiver.bind("inproc://channel")?;

    // A full queue gives the message back: its bound is the sum of both high-water marks.
    let sender = Push::with_options(&context, |o| o.send_hwm(1))?;
    sender.connect("inproc://channel")?;
    let mut accepted = 0;
    let refused = loop {
        match sender.try_send("a message") {
            Ok(()) => accepted += 1,
            Err(refused) => break refused,
        }
    };
    assert!(refused.is_would_block());
    assert_eq!(refused.into_message(), ["a message"]);
    assert_eq!(accepted, 2);
    for _ in 0..accepted {
        assert_eq!(receiver.recv()?, ["a message"]);
    }

    // One socket, shared by threads: each message goes to one receiver, whole.
    let total = thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| (0..MESSAGES).try_for_each(|_| sender.send(vec![1u8; 3])));
        }
        let receivers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut bytes = 0;
                for _ in 0..SENDERS * MESSAGES / 2 {
                    bytes += receiver.recv()?.bytes();
                }
                Ok::<_, oxmq::Error>(bytes)
            })
        });
        receivers.into_iter().filter_map(|thread| thread.join().ok()).sum::<oxmq::Result<usize>>()
    })?;
    assert_eq!(total, 3 * SENDERS * MESSAGES);
    Ok(())
}
