//! DEALER, ROUTER, REQ and REP: requests and replies survive either side.

use oxmq_engine::{Context, Error, Message, Socket, SocketType, Wait};

use crate::support::{Folder, WATCHDOG, context, durable, recv, send};

const TRANSPORTS: [&str; 2] = ["tcp://127.0.0.1:*", "ipc://*"];

fn reply(router: &Socket, to: &str, text: &str) {
    let mut message = Message::from(to);
    message.push(text);
    router.send_message(&mut message, Wait::For(WATCHDOG)).unwrap();
}

#[test]
fn a_dealer_and_a_router_talk() {
    for endpoint in TRANSPORTS {
        let folder = Folder::new();
        let context = context();
        let router = durable(&context, SocketType::Router, &folder, "r", "router");
        let endpoint = router.bind(endpoint).unwrap();
        let dealer = durable(&context, SocketType::Dealer, &folder, "d", "ann");
        dealer.connect(&endpoint).unwrap();
        for n in 0..50 {
            send(&dealer, &format!("q{n}")).unwrap();
        }
        for n in 0..50 {
            assert_eq!(recv(&router), format!("ann|q{n}"));
            reply(&router, "ann", &format!("a{n}"));
        }
        for n in 0..50 {
            assert_eq!(recv(&dealer), format!("a{n}"));
        }
        router.acknowledge().unwrap();
        dealer.acknowledge().unwrap();
        router.flush(Wait::For(WATCHDOG)).unwrap();
        dealer.flush(Wait::For(WATCHDOG)).unwrap();
    }
}

#[test]
fn a_router_keeps_replies_for_a_peer_that_is_away() {
    let folder = Folder::new();
    let here = context();
    let router = durable(&here, SocketType::Router, &folder, "r", "router");
    let endpoint = router.bind("tcp://127.0.0.1:*").unwrap();
    {
        let there = context();
        let dealer = durable(&there, SocketType::Dealer, &folder, "d", "ann");
        dealer.connect(&endpoint).unwrap();
        send(&dealer, "question").unwrap();
        assert_eq!(recv(&router), "ann|question");
    }
    reply(&router, "ann", "answer");
    drop(router);
    let here = context();
    let router = durable(&here, SocketType::Router, &folder, "r", "router");
    let endpoint = router.bind("tcp://127.0.0.1:*").unwrap();
    let there = context();
    let dealer = durable(&there, SocketType::Dealer, &folder, "d", "ann");
    dealer.connect(&endpoint).unwrap();
    assert_eq!(recv(&dealer), "answer");
}

#[test]
fn a_name_that_was_never_there_cannot_be_reached() {
    let folder = Folder::new();
    let here = context();
    let router = durable(&here, SocketType::Router, &folder, "r", "router");
    router
        .configure(|options| {
            options.router_mandatory = true;
            Ok(())
        })
        .unwrap();
    router.bind("tcp://127.0.0.1:*").unwrap();
    let mut message = Message::from("nobody");
    message.push("text");
    let sent = router.send_message(&mut message, Wait::No);
    assert!(matches!(sent, Err(Error::HostUnreachable)), "{sent:?}");
    assert_eq!(message.len(), 2);
}

fn ask(context: &Context, folder: &Folder, endpoint: &str) -> Socket {
    let req = durable(context, SocketType::Req, folder, "q", "asker");
    req.connect(endpoint).unwrap();
    req
}

#[test]
fn request_and_reply_in_lockstep() {
    for endpoint in TRANSPORTS {
        let folder = Folder::new();
        let context = context();
        let rep = durable(&context, SocketType::Rep, &folder, "p", "service");
        let endpoint = rep.bind(endpoint).unwrap();
        let req = ask(&context, &folder, &endpoint);
        for n in 0..20 {
            send(&req, &format!("q{n}")).unwrap();
            assert!(matches!(send(&req, "again"), Err(Error::State { .. })));
            assert_eq!(recv(&rep), format!("q{n}"));
            send(&rep, &format!("a{n}")).unwrap();
            assert_eq!(recv(&req), format!("a{n}"));
        }
    }
}

#[test]
fn the_reply_to_a_request_of_the_last_process_is_received_first() {
    let folder = Folder::new();
    let here = context();
    let rep = durable(&here, SocketType::Rep, &folder, "p", "service");
    let endpoint = rep.bind("tcp://127.0.0.1:*").unwrap();
    {
        let there = context();
        let req = ask(&there, &folder, &endpoint);
        send(&req, "question").unwrap();
        assert_eq!(recv(&rep), "question");
    }
    send(&rep, "answer").unwrap();
    let there = context();
    let req = ask(&there, &folder, &endpoint);
    assert_eq!(recv(&req), "answer");
    send(&req, "next").unwrap();
    assert_eq!(recv(&rep), "next");
}

#[test]
fn a_send_gives_the_request_of_the_last_process_up() {
    let folder = Folder::new();
    {
        let there = context();
        let req = ask(&there, &folder, "tcp://127.0.0.1:1");
        send(&req, "old").unwrap();
    }
    let here = context();
    let rep = durable(&here, SocketType::Rep, &folder, "p", "service");
    let endpoint = rep.bind("tcp://127.0.0.1:*").unwrap();
    let req = durable(&here, SocketType::Req, &folder, "q", "asker");
    req.connect("tcp://127.0.0.1:1").unwrap();
    send(&req, "new").unwrap();
    req.connect(&endpoint).unwrap();
    assert_eq!(recv(&rep), "new");
    send(&rep, "answer").unwrap();
    assert_eq!(recv(&req), "answer");
}

#[test]
fn plain_peers_are_served() {
    let folder = Folder::new();
    let context = context();
    let rep = durable(&context, SocketType::Rep, &folder, "p", "service");
    let endpoint = rep.bind("tcp://127.0.0.1:*").unwrap();
    let req = context.socket(SocketType::Req).unwrap();
    req.connect(&endpoint).unwrap();
    for n in 0..5 {
        send(&req, &format!("q{n}")).unwrap();
        assert_eq!(recv(&rep), format!("q{n}"));
        send(&rep, &format!("a{n}")).unwrap();
        assert_eq!(recv(&req), format!("a{n}"));
    }
    let pull = context.socket(SocketType::Pull).unwrap();
    let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    let push = durable(&context, SocketType::Push, &folder, "o", "jobs");
    push.connect(&endpoint).unwrap();
    (0..100).for_each(|n| send(&push, &n.to_string()).unwrap());
    (0..100).for_each(|n| assert_eq!(recv(&pull), n.to_string()));
    push.flush(Wait::For(WATCHDOG)).unwrap();
    let pull = durable(&context, SocketType::Pull, &folder, "i", "worker");
    let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    let push = context.socket(SocketType::Push).unwrap();
    push.connect(&endpoint).unwrap();
    (0..100).for_each(|n| send(&push, &n.to_string()).unwrap());
    (0..100).for_each(|n| assert_eq!(recv(&pull), n.to_string()));
}
