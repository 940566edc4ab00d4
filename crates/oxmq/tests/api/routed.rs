//! ROUTER and STREAM: peers by their routing ids, given and made up. Each test has sockets of its
//! own.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use oxmq::{Context, Dealer, Message, Router, RoutingId, Stream};

use crate::{transports, watched};

#[test]
fn each_peer_gets_its_own_answers() {
    watched(|| {
        for transport in transports("own") {
            let context = Context::new();
            let router = Router::new(&context).unwrap();
            let endpoint = router.bind(&transport).unwrap();
            let dealers = [(); 4].map(|()| Dealer::new(&context).unwrap());
            for (number, dealer) in dealers.iter().enumerate() {
                dealer.connect(&endpoint).unwrap();
                dealer.send(number.to_string()).unwrap();
            }
            let mut names: HashMap<RoutingId, Message> = HashMap::new();
            for _ in &dealers {
                let (peer, message) = router.recv_from().unwrap();
                assert_eq!(peer[0], 0, "an id that the ROUTER made up begins with zero");
                assert!(names.insert(peer, message).is_none(), "ids differ");
            }
            for (peer, message) in names {
                router.send_to(peer, message).unwrap();
            }
            for (number, dealer) in dealers.iter().enumerate() {
                assert_eq!(dealer.recv().unwrap(), [number.to_string()]);
            }
        }
    });
}

#[test]
fn a_message_without_parts_goes_as_one_empty_part() {
    let context = Context::new();
    let router = Router::new(&context).unwrap();
    let dealer = Dealer::with_options(&context, |o| o.routing_id("d")).unwrap();
    dealer.connect(&router.bind("inproc://empty").unwrap()).unwrap();
    dealer.send(Message::new()).unwrap();
    assert_eq!(router.recv_from().unwrap().1, [""]);
    router.send_to("d", Message::new()).unwrap();
    assert_eq!(dealer.recv().unwrap(), [""]);
}

#[test]
fn a_message_to_nobody_is_dropped_and_counted() {
    let router = Router::new(&Context::new()).unwrap();
    router.send_to("nobody", "lost").unwrap();
    assert_eq!(router.snapshot().drops.unroutable, 1);
}

#[test]
fn a_router_may_name_the_peer_it_connects_to() {
    let context = Context::new();
    let dealer = Dealer::new(&context).unwrap();
    let endpoint = dealer.bind("inproc://named").unwrap();
    let router = Router::with_options(&context, |o| o.connect_routing_id(b"chosen")).unwrap();
    router.connect(&endpoint).unwrap();
    router.send_to("chosen", "first words").unwrap();
    assert_eq!(dealer.recv().unwrap(), ["first words"]);
}

#[test]
fn stream_tells_of_coming_data_and_going() {
    watched(|| {
        let context = Context::new();
        let stream = Stream::new(&context).unwrap();
        let endpoint = stream.bind("tcp://127.0.0.1:*").unwrap();
        let mut plain = TcpStream::connect(endpoint.trim_start_matches("tcp://")).unwrap();
        let (peer, opened) = stream.recv_from().unwrap();
        assert_eq!(opened, [""]);
        plain.write_all(b"bytes").unwrap();
        let (from, bytes) = stream.recv_from().unwrap();
        assert_eq!((&from, bytes), (&peer, Message::from("bytes")));
        stream.send_to(&peer, "answer").unwrap();
        let mut answer = [0; 6];
        plain.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"answer");
        drop(plain);
        let (from, closed) = stream.recv_from().unwrap();
        assert_eq!((from, closed), (peer, Message::from("")));
    });
}
