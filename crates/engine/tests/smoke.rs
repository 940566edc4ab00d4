//! Every pattern once over every transport, through the engine's untyped socket.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use oxmq_engine::{Context, Message, Profile, SocketType, Wait};

const TRANSPORTS: [&str; 3] = ["tcp://127.0.0.1:*", "ipc://*", "inproc://smoke"];

#[test]
fn push_reaches_pull_over_every_transport() {
    for transport in TRANSPORTS {
        let context = Context::new(Profile::Safe);
        let pull = context.socket(SocketType::Pull).unwrap();
        let endpoint = pull.bind(transport).unwrap();
        let push = context.socket(SocketType::Push).unwrap();
        push.connect(&endpoint).unwrap();
        for number in 0..10_000u32 {
            let mut message = Message::from(number.to_be_bytes().to_vec());
            push.send_message(&mut message, Wait::Forever).unwrap();
            if number % 100 == 99 {
                for expected in number - 99..=number {
                    let message = pull.recv_message(Wait::Forever).unwrap();
                    assert_eq!(message.parts()[0].as_slice(), expected.to_be_bytes());
                }
            }
        }
    }
}

#[test]
fn a_request_is_answered_over_every_transport() {
    for transport in TRANSPORTS {
        let context = Context::new(Profile::Safe);
        let rep = context.socket(SocketType::Rep).unwrap();
        let endpoint = rep.bind(transport).unwrap();
        let req = context.socket(SocketType::Req).unwrap();
        req.connect(&endpoint).unwrap();
        for _ in 0..1000 {
            req.send_message(&mut Message::from("hello"), Wait::Forever).unwrap();
            let request = rep.recv_message(Wait::Forever).unwrap();
            assert_eq!(request.parts()[0].as_slice(), b"hello");
            rep.send_message(&mut Message::from("world"), Wait::Forever).unwrap();
            let reply = req.recv_message(Wait::Forever).unwrap();
            assert_eq!(reply.parts()[0].as_slice(), b"world");
        }
    }
}

#[test]
fn a_subscriber_gets_its_topic_over_every_transport() {
    for transport in TRANSPORTS {
        let context = Context::new(Profile::Safe);
        let publisher = context.socket(SocketType::Pub).unwrap();
        let endpoint = publisher.bind(transport).unwrap();
        let subscriber = context.socket(SocketType::Sub).unwrap();
        subscriber.subscribe(b"a").unwrap();
        subscriber.connect(&endpoint).unwrap();
        publisher.wait_changed(Wait::Forever, |peers| peers.subscribers == 1).unwrap();
        for number in 0..100u8 {
            publisher.send_message(&mut Message::from(vec![b'b', number]), Wait::Forever).unwrap();
            publisher.send_message(&mut Message::from(vec![b'a', number]), Wait::Forever).unwrap();
        }
        for number in 0..100u8 {
            let message = subscriber.recv_message(Wait::Forever).unwrap();
            assert_eq!(message.parts()[0].as_slice(), [b'a', number]);
        }
    }
}
