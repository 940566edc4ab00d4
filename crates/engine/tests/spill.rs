//! Queues that go to disk: bounded memory, order, nothing lost while the disk has room, and the
//! socket's ordinary behaviour when it has not.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use oxmq_engine::{Context, Error, Message, Profile, Socket, SocketType, Wait};

const WATCHDOG: Wait = Wait::For(Duration::from_secs(60));

fn spilling(context: &Context, socket_type: SocketType, memory: u64, limit: Option<u64>) -> Socket {
    let socket = context.socket(socket_type).unwrap();
    socket
        .configure(|options| {
            options.durable.spill_dir = std::env::temp_dir().to_str().unwrap().to_owned();
            options.durable.spill_memory = Some(memory);
            options.durable.spill_limit = limit;
            options.linger = None;
            Ok(())
        })
        .unwrap();
    socket
}

fn numbered(n: u32) -> Message {
    let mut message = Message::from(&n.to_be_bytes()[..]);
    message.push(&[7; 1000][..]);
    message
}

fn number(message: &Message) -> u32 {
    assert_eq!(message.len(), 2);
    u32::from_be_bytes(message[0][..].try_into().unwrap())
}

#[test]
fn a_push_accepts_without_a_peer_and_delivers_in_order_when_one_comes() {
    let context = Context::new(Profile::Safe);
    let push = spilling(&context, SocketType::Push, 64 * 1024, None);
    let endpoint = push.bind("tcp://127.0.0.1:*").unwrap();
    (0..5000).for_each(|n| push.send_message(&mut numbered(n), Wait::No).unwrap());
    let pull = context.socket(SocketType::Pull).unwrap();
    pull.connect(&endpoint).unwrap();
    (0..5000).for_each(|n| assert_eq!(number(&pull.recv_message(WATCHDOG).unwrap()), n));
}

#[test]
fn what_waits_on_disk_is_sent_after_the_socket_was_closed() {
    let context = Context::new(Profile::Safe);
    let pull = context.socket(SocketType::Pull).unwrap();
    let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    let push = spilling(&context, SocketType::Push, 64 * 1024, None);
    push.connect(&endpoint).unwrap();
    (0..20_000).for_each(|n| push.send_message(&mut numbered(n), Wait::No).unwrap());
    push.close();
    (0..20_000).for_each(|n| assert_eq!(number(&pull.recv_message(WATCHDOG).unwrap()), n));
}

#[test]
fn a_sender_is_not_held_up_by_a_receiver_that_spills() {
    let context = Context::new(Profile::Safe);
    let pull = spilling(&context, SocketType::Pull, 64 * 1024, None);
    let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    let push = context.socket(SocketType::Push).unwrap();
    push.connect(&endpoint).unwrap();
    (0..50_000).for_each(|n| push.send_message(&mut numbered(n), WATCHDOG).unwrap());
    (0..50_000).for_each(|n| assert_eq!(number(&pull.recv_message(WATCHDOG).unwrap()), n));
}

#[test]
fn a_full_disk_makes_the_socket_mute() {
    let context = Context::new(Profile::Safe);
    let push = spilling(&context, SocketType::Push, 10_000, Some(100_000));
    let endpoint = push.bind("tcp://127.0.0.1:*").unwrap();
    let mut sent = 0;
    let error = loop {
        match push.send_message(&mut numbered(sent), Wait::No) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::WouldBlock), "{error}");
    assert!((95..115).contains(&sent), "{sent}");
    let pull = context.socket(SocketType::Pull).unwrap();
    pull.connect(&endpoint).unwrap();
    push.send_message(&mut numbered(sent), WATCHDOG).unwrap();
    (0..=sent).for_each(|n| assert_eq!(number(&pull.recv_message(WATCHDOG).unwrap()), n));
}

#[test]
fn a_slow_subscriber_misses_nothing_and_holds_nobody_up() {
    let context = Context::new(Profile::Safe);
    let publisher = spilling(&context, SocketType::Pub, 64 * 1024, None);
    let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
    let subscribe = || {
        let sub = context.socket(SocketType::Sub).unwrap();
        sub.subscribe(b"").unwrap();
        sub.connect(&endpoint).unwrap();
        sub
    };
    let (slow, fast) = (subscribe(), subscribe());
    publisher.wait_changed(WATCHDOG, |peers| peers.subscribers == 2).unwrap();
    for n in 0..20_000 {
        publisher.send_message(&mut numbered(n), Wait::No).unwrap();
        assert_eq!(number(&fast.recv_message(WATCHDOG).unwrap()), n);
    }
    (0..20_000).for_each(|n| assert_eq!(number(&slow.recv_message(WATCHDOG).unwrap()), n));
    assert_eq!(publisher.snapshot().drops.high_water_mark, 0);
}

#[test]
fn a_directory_that_is_not_there_is_an_error_at_once() {
    let context = Context::new(Profile::Safe);
    let push = context.socket(SocketType::Push).unwrap();
    push.configure(|options| {
        options.durable.spill_dir = "/no/such/directory".to_owned();
        Ok(())
    })
    .unwrap();
    let error = push.bind("tcp://127.0.0.1:*").unwrap_err();
    assert!(matches!(error, Error::Store { .. }), "{error}");
}
