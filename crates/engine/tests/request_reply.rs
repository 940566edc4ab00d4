//! REQ, REP and DEALER: lockstep, routing, envelopes, and what is discarded. RFC 28, and the
//! options that relax it. Each test owns its context; nothing is shared.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::thread;

use common::*;
use oxmq_engine::{Error, Msg, Socket, SocketType, Wait};

/// A REQ that connects to a REP.
fn pair_of(context: &oxmq_engine::Context, bind: &str) -> (Socket, Socket) {
    let rep = context.socket(SocketType::Rep).unwrap();
    let endpoint = rep.bind(bind).unwrap();
    let req = context.socket(SocketType::Req).unwrap();
    req.connect(&endpoint).unwrap();
    (req, rep)
}

/// Where one request is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Nowhere,
    OnItsWay,
    WithRep,
    OnItsWayBack,
}

// RFC 28 §The REQ Socket Type: SHALL send and then receive exactly one message at a time.
// RFC 28 §The REP Socket Type: SHALL receive and then send exactly one message at a time.
#[test]
fn any_other_order_than_lockstep_is_a_state_error() {
    let _watchdog = watchdog();
    for transport in transports() {
        let mut random = Random::new(28);
        let context = context();
        let (req, rep) = pair_of(&context, &transport);
        let mut at = At::Nowhere;
        for step in 0..2000 {
            let place = format!("{transport}, step {step}, {at:?}");
            match (random.below(4), at) {
                (0, At::Nowhere) => {
                    send(&req, &["request"]);
                    at = At::OnItsWay;
                }
                (0, _) => assert!(
                    matches!(try_send(&req, &["request"]), Err(Error::State { .. })),
                    "REQ sent: {place}"
                ),
                (1, At::Nowhere) => assert!(
                    matches!(try_recv(&req), Err(Error::State { .. })),
                    "REQ received: {place}"
                ),
                (1, At::OnItsWayBack) => {
                    expect(&req, &["reply"]);
                    at = At::Nowhere;
                }
                (1, _) => expect_nothing(&req),
                (2, At::OnItsWay) => {
                    expect(&rep, &["request"]);
                    at = At::WithRep;
                }
                (2, At::WithRep) => assert!(
                    matches!(try_recv(&rep), Err(Error::State { .. })),
                    "REP received: {place}"
                ),
                (2, _) => expect_nothing(&rep),
                (_, At::WithRep) => {
                    send(&rep, &["reply"]);
                    at = At::OnItsWayBack;
                }
                _ => assert!(
                    matches!(try_send(&rep, &["reply"]), Err(Error::State { .. })),
                    "REP sent: {place}"
                ),
            }
        }
    }
}

// RFC 28 §The REQ Socket Type, §The REP Socket Type: exactly one message at a time, whatever the
// number of its parts.
#[test]
fn the_lockstep_turns_at_the_last_part_of_a_message() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (req, rep) = pair_of(&context, &transport);
        let mut first = Msg::from("first");
        first.set_more(true);
        req.send_part(&mut first, Wait::Forever).unwrap();
        assert!(matches!(req.recv_part(Wait::No), Err(Error::State { .. })));
        req.send_part(&mut Msg::from("last"), Wait::Forever).unwrap();

        let part = rep.recv_part(Wait::Forever).unwrap();
        assert!(part == "first" && part.more() && rep.receive_more());
        assert!(matches!(rep.send_part(&mut Msg::from("x"), Wait::No), Err(Error::State { .. })));
        let part = rep.recv_part(Wait::Forever).unwrap();
        assert!(part == "last" && !part.more() && !rep.receive_more());
        let mut first = Msg::from("reply");
        first.set_more(true);
        rep.send_part(&mut first, Wait::Forever).unwrap();
        assert!(matches!(rep.recv_part(Wait::No), Err(Error::State { .. })));
        rep.send_part(&mut Msg::from("end"), Wait::Forever).unwrap();

        assert!(req.recv_part(Wait::Forever).unwrap() == "reply");
        assert!(matches!(req.send_part(&mut Msg::from("x"), Wait::No), Err(Error::State { .. })));
        assert!(req.recv_part(Wait::Forever).unwrap() == "end");
        send(&req, &["again"]);
    }
}

// RFC 28 §The REQ Socket Type: SHALL prefix the outgoing message with an empty delimiter frame.
// RFC 28 §The DEALER Socket Type: SHALL not filter or modify outgoing or incoming messages.
#[test]
fn a_request_has_a_delimiter_before_its_data() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let dealer = context.socket(SocketType::Dealer).unwrap();
        let router = context.socket(SocketType::Router).unwrap();
        let endpoint = router.bind(&transport).unwrap();
        let req = context.socket(SocketType::Req).unwrap();
        req.connect(&endpoint).unwrap();
        send(&req, &["a", "", "b"]);
        let request = recv(&router);
        assert_eq!(request[1..], [&b""[..], b"a", b"", b"b"]);
        send(&router, &[&request[0][..], b"", b"", b"reply"]);
        expect(&req, &["", "reply"]);

        let endpoint = dealer.bind(&transports()[2]).unwrap();
        let other = context.socket(SocketType::Dealer).unwrap();
        other.connect(&endpoint).unwrap();
        for parts in [&["", "a"][..], &["a", "", "b"], &[""], &["", ""]] {
            send(&other, parts);
            expect(&dealer, parts);
            send(&dealer, parts);
            expect(&other, parts);
        }
    }
}

// RFC 28 §The REQ Socket Type: SHALL route outgoing messages to connected peers using a
// round-robin strategy.
#[test]
fn requests_go_to_each_service_in_turn() {
    let _watchdog = watchdog();
    const SERVICES: usize = 3;
    for transport in transports() {
        let context = context();
        let req = context.socket(SocketType::Req).unwrap();
        let mut services = Vec::new();
        for number in 0..SERVICES {
            let rep = context.socket(SocketType::Rep).unwrap();
            let bind = another(&transport);
            req.connect(&rep.bind(&bind).unwrap()).unwrap();
            services.push(thread::spawn(move || {
                while rep.recv_message(Wait::Forever).is_ok() {
                    send(&rep, &[[number as u8]]);
                }
            }));
        }
        let mut answers = Vec::new();
        for _ in 0..SERVICES * 20 {
            send(&req, &["who?"]);
            answers.push(recv(&req)[0][0]);
        }
        for (service, answers) in counts(answers) {
            assert!(answers.abs_diff(20) <= 1, "{transport}: {service} has {answers} of 60");
        }
        context.shutdown();
        services.into_iter().for_each(|service| service.join().unwrap());
    }
}

// RFC 28 §The DEALER Socket Type: SHALL route outgoing messages to available peers using a
// round-robin strategy.
#[test]
fn a_dealer_sends_to_each_peer_in_turn() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let dealer = context.socket(SocketType::Dealer).unwrap();
        let endpoint = dealer.bind(&transport).unwrap();
        let peers: Vec<_> = (0..3)
            .map(|_| {
                let peer = context.socket(SocketType::Dealer).unwrap();
                peer.connect(&endpoint).unwrap();
                peer
            })
            .collect();
        wait_connected(&dealer, 3);
        for number in 0..30u8 {
            send(&dealer, &[[number]]);
        }
        let mut firsts = Vec::new();
        for peer in &peers {
            let numbers: Vec<u8> = (0..10).map(|_| recv(peer)[0][0]).collect();
            assert!(numbers.windows(2).all(|two| two[1] == two[0] + 3), "{numbers:?}");
            firsts.push(numbers[0]);
        }
        firsts.sort_unstable();
        assert_eq!(firsts, [0, 1, 2]);
    }
}

// RFC 28 §The REP Socket Type: SHALL receive incoming messages from its peers using a
// fair-queuing strategy.
// RFC 28 §The DEALER Socket Type, §The ROUTER Socket Type: likewise.
#[test]
fn waiting_requests_are_taken_from_each_asker_in_turn() {
    let _watchdog = watchdog();
    const EACH: usize = 40;
    for transport in transports() {
        for socket_type in [SocketType::Rep, SocketType::Dealer, SocketType::Router] {
            let context = context();
            let service = context.socket(socket_type).unwrap();
            let endpoint = service.bind(&transport).unwrap();
            let askers: Vec<_> = (0..3u8)
                .map(|number| {
                    let dealer = context.socket(SocketType::Dealer).unwrap();
                    dealer.connect(&endpoint).unwrap();
                    for _ in 0..EACH {
                        send(&dealer, &[&[][..], &[number]]);
                    }
                    dealer
                })
                .collect();
            wait_queued_in(&service, EACH * askers.len());
            let mut order = Vec::new();
            for _ in 0..EACH * askers.len() {
                order.push(recv(&service).pop().unwrap()[0]);
                if socket_type == SocketType::Rep {
                    send(&service, &["reply"]);
                }
            }
            for round in order.chunks(3) {
                let mut round = round.to_vec();
                round.sort_unstable();
                assert_eq!(round, [0, 1, 2], "{transport} {socket_type:?}: {order:?}");
            }
        }
    }
}

// RFC 28 §The REP Socket Type: SHALL remove and store the address envelope, including the
// delimiter; SHALL prepend the address envelope and delimiter; SHALL pass the remaining data
// frames to its calling application.
#[test]
fn a_reply_carries_the_envelope_of_its_request() {
    let _watchdog = watchdog();
    for transport in transports() {
        for depth in [0, 1, 2, 16, 40] {
            let context = context();
            let rep = context.socket(SocketType::Rep).unwrap();
            let dealer = context.socket(SocketType::Dealer).unwrap();
            dealer.connect(&rep.bind(&transport).unwrap()).unwrap();
            let envelope: Vec<Vec<u8>> = (0..depth).map(|hop: u8| vec![hop + 1; 5]).collect();
            let with = |data: &[&[u8]]| {
                let mut parts = envelope.clone();
                parts.push(Vec::new());
                parts.extend(data.iter().map(|part| part.to_vec()));
                parts
            };
            send(&dealer, &with(&[b"a", b"", b"b"]));
            expect(&rep, &["a", "", "b"]);
            send(&rep, &["", "c"]);
            assert_eq!(recv(&dealer), with(&[b"", b"c"]), "{transport} at depth {depth}");
        }
    }
}

// RFC 28 §The REP Socket Type: SHALL prepend the address envelope and delimiter; SHALL deliver this
// message back to the originating peer.
#[test]
fn a_request_finds_its_way_back_through_a_chain_of_queues() {
    let _watchdog = watchdog();
    const QUEUES: usize = 17;
    for transport in transports() {
        let context = context();
        let mut chain: Vec<(Socket, Socket)> = Vec::new();
        let mut front = String::new();
        for _ in 0..QUEUES {
            let router = context.socket(SocketType::Router).unwrap();
            let dealer = context.socket(SocketType::Dealer).unwrap();
            let bind = &another(&transport);
            let endpoint = router.bind(bind).unwrap();
            match chain.last() {
                None => front = endpoint,
                Some((_, back)) => back.connect(&endpoint).unwrap(),
            }
            chain.push((router, dealer));
        }
        let rep = context.socket(SocketType::Rep).unwrap();
        let bind = &another(&transport);
        chain.last().unwrap().1.connect(&rep.bind(bind).unwrap()).unwrap();
        let askers: Vec<_> = (0..3u8)
            .map(|number| {
                let req = context.socket(SocketType::Req).unwrap();
                req.connect(&front).unwrap();
                send(&req, &[[number]]);
                req
            })
            .collect();
        for _ in &askers {
            for (router, dealer) in &chain {
                let request = router.recv_message(Wait::Forever).unwrap();
                dealer.send_message(&mut { request }, Wait::Forever).unwrap();
            }
            let request = recv(&rep);
            send(&rep, &[&request[0][..], b"reply"]);
            for (router, dealer) in chain.iter().rev() {
                let reply = dealer.recv_message(Wait::Forever).unwrap();
                router.send_message(&mut { reply }, Wait::Forever).unwrap();
            }
        }
        for (number, req) in askers.iter().enumerate() {
            expect(req, &[&[number as u8][..], b"reply"]);
        }
    }
}

// RFC 28 §The REQ Socket Type: SHALL accept an incoming message only from the last peer that it
// sent a request to; SHALL discard silently any messages received from other peers.
#[test]
fn a_requester_hears_only_the_peer_it_asked() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let req = socket_with(&context, SocketType::Req, |o| o.routing_id = b"asker".to_vec());
        let services: Vec<_> = (0..2)
            .map(|_| {
                let router =
                    socket_with(&context, SocketType::Router, |o| o.router_mandatory = true);
                let bind = &another(&transport);
                req.connect(&router.bind(bind).unwrap()).unwrap();
                wait_connected(&router, 1);
                router
            })
            .collect();
        for round in 0..6 {
            let (asked, other) = (&services[round % 2], &services[(round + 1) % 2]);
            send(&req, &["request"]);
            expect(asked, &["asker", "", "request"]);
            // The wrong answer is there before the right one is sent.
            let came = |req: &Socket| -> u64 {
                req.snapshot().peers.iter().map(|peer| peer.messages_in).sum()
            };
            let before = came(&req);
            send(other, &["asker", "", "wrong"]);
            wait_until(|| {
                let _ = req.readiness().unwrap();
                came(&req) > before
            });
            expect_nothing(&req);
            send(asked, &["asker", "", "right"]);
            expect(&req, &["right"]);
        }
    }
}

// RFC 28 §The REP Socket Type, §The REQ Socket Type: the request and reply messages SHALL have
// this format on the wire: ... a delimiter, consisting of an empty frame.
#[test]
fn a_message_without_a_delimiter_is_discarded() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let rep = context.socket(SocketType::Rep).unwrap();
        let dealer = context.socket(SocketType::Dealer).unwrap();
        dealer.connect(&rep.bind(&transport).unwrap()).unwrap();
        send(&dealer, &["no delimiter"]);
        send(&dealer, &["no", "delimiter", "either"]);
        send(&dealer, &["", "good"]);
        expect(&rep, &["good"]);
        send(&rep, &["reply"]);
        expect(&dealer, &["", "reply"]);
        assert_eq!(rep.snapshot().drops.malformed, 2, "{transport}");

        let router = context.socket(SocketType::Router).unwrap();
        let bind = &another(&transport);
        let req = context.socket(SocketType::Req).unwrap();
        req.connect(&router.bind(bind).unwrap()).unwrap();
        send(&req, &["request"]);
        let id = recv(&router).remove(0);
        send(&router, &[&id[..], b"no delimiter"]);
        send(&router, &[&id[..], b"no", b"delimiter"]);
        send(&router, &[&id[..], b"", b"good"]);
        expect(&req, &["good"]);
        assert_eq!(req.snapshot().drops.malformed, 2, "{transport}");
    }
}

// RFC 28 §The REP Socket Type: SHALL silently discard the reply, or return an error, if the
// originating peer is no longer connected; SHALL not block on sending.
#[test]
fn a_reply_to_an_asker_that_has_gone_is_discarded() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (req, rep) = pair_of(&context, &transport);
        let endpoint = req.last_endpoint();
        send(&req, &["request"]);
        expect(&rep, &["request"]);
        drop(req);
        wait_connected(&rep, 0);
        try_send(&rep, &["reply"]).unwrap();
        assert_eq!(rep.snapshot().drops.unroutable, 1, "{transport}");
        let req = context.socket(SocketType::Req).unwrap();
        req.connect(&endpoint).unwrap();
        send(&req, &["another"]);
        expect(&rep, &["another"]);
        send(&rep, &["its reply"]);
        expect(&req, &["its reply"]);
    }
}

// RFC 28 §The REQ Socket Type: SHALL block on sending, or return a suitable error, when it has no
// connected peers; SHALL NOT discard messages that it cannot send to a connected peer.
// RFC 28 §The DEALER Socket Type: SHALL not accept further messages when it has no available peers.
#[test]
fn without_a_peer_nothing_is_sent_and_nothing_lost() {
    let _watchdog = watchdog();
    for transport in transports() {
        for (asker, service) in
            [(SocketType::Req, SocketType::Rep), (SocketType::Dealer, SocketType::Dealer)]
        {
            let context = context();
            let asker = context.socket(asker).unwrap();
            let bind = &another(&transport);
            let endpoint = asker.bind(bind).unwrap();
            let mut kept = message(&["kept"]);
            assert!(matches!(asker.send_message(&mut kept, Wait::No), Err(Error::WouldBlock)));
            assert_eq!(bytes(&kept), [b"kept"]);
            assert!(!asker.readiness().unwrap().writable);
            let service = context.socket(service).unwrap();
            thread::scope(|scope| {
                let waiter =
                    scope.spawn(|| asker.send_message(&mut kept, Wait::Forever).map(|()| kept));
                service.connect(&endpoint).unwrap();
                assert!(waiter.join().unwrap().unwrap().is_empty());
            });
            expect(&service, &["kept"]);
        }
    }
}

// RFC 28 §The DEALER Socket Type: SHALL create a double queue when a peer connects to it. If this
// peer disconnects, the DEALER socket SHALL destroy its double queue and SHALL discard any
// messages it contains.
#[test]
fn a_dealer_forgets_the_queue_of_a_bound_peer_that_left() {
    let _watchdog = watchdog();
    let context = context();
    let dealer = context.socket(SocketType::Dealer).unwrap();
    let endpoint = dealer.bind("tcp://127.0.0.1:*").unwrap();
    let peer = RawPeer::connect(&endpoint, "DEALER");
    wait_connected(&dealer, 1);
    let block = vec![7; 100_000];
    while try_send(&dealer, &[&block]).is_ok() {}
    let queued = dealer.snapshot().peers[0].queued_out;
    assert!(queued >= 1000);
    drop(peer);
    wait_connected(&dealer, 0);
    let snapshot = dealer.snapshot();
    assert!(snapshot.peers.is_empty() && snapshot.drops.disconnected > 0, "{snapshot:?}");
    assert!(matches!(try_send(&dealer, &["no peer"]), Err(Error::WouldBlock)));
    let mut peer = RawPeer::connect(&endpoint, "DEALER");
    wait_connected(&dealer, 1);
    send(&dealer, &["new"]);
    assert_eq!(peer.read_message().unwrap(), [b"new"]);
}

#[test]
fn a_relaxed_requester_may_give_a_request_up() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let router = context.socket(SocketType::Router).unwrap();
        let req = socket_with(&context, SocketType::Req, |o| {
            o.req_relaxed = true;
            o.req_correlate = true;
        });
        req.connect(&router.bind(&transport).unwrap()).unwrap();
        send(&req, &["first"]);
        let first = recv(&router);
        send(&req, &["second"]);
        let second = recv(&router);
        assert_eq!((first.len(), second.len()), (4, 4));
        assert_eq!((first[1].len(), second[1].len()), (4, 4));
        assert_ne!(first[1], second[1], "each request has a number of its own");
        assert_eq!((&first[2][..], &second[2][..]), (&b""[..], &b""[..]));
        let reply = |request: &[Vec<u8>], body: &str| {
            send(&router, &[&request[0], &request[1], &request[2], body.as_bytes()]);
        };
        reply(&first, "late");
        reply(&second, "right");
        expect(&req, &["right"]);
        send(&req, &["third"]);
        let third = recv(&router);
        reply(&second, "again");
        // Without its number, and with another's length.
        send(&router, &[&third[0][..], b"", b"no number"]);
        send(&router, &[&third[0][..], b"12345", b"", b"long number"]);
        reply(&third, "right");
        expect(&req, &["right"]);
    }
}

#[test]
fn a_correlating_requester_in_lockstep_talks_to_a_replier() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (_, rep) = pair_of(&context, &transport);
        let req = socket_with(&context, SocketType::Req, |o| o.req_correlate = true);
        req.connect(&rep.last_endpoint()).unwrap();
        for number in 0..10u8 {
            send(&req, &[[number]]);
            assert!(matches!(try_send(&req, &["x"]), Err(Error::State { .. })));
            expect(&rep, &[[number]]);
            send(&rep, &[[number + 100]]);
            expect(&req, &[[number + 100]]);
        }
    }
}

#[test]
fn a_relaxed_request_goes_to_the_next_peer() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let req = socket_with(&context, SocketType::Req, |o| {
            o.req_relaxed = true;
            o.req_correlate = true;
        });
        let services: Vec<_> = (0..2)
            .map(|_| {
                let rep = context.socket(SocketType::Rep).unwrap();
                let bind = &another(&transport);
                req.connect(&rep.bind(bind).unwrap()).unwrap();
                rep
            })
            .collect();
        send(&req, &["first"]);
        expect(&services[0], &["first"]);
        send(&req, &["second"]);
        expect(&services[1], &["second"]);
        send(&services[0], &["late"]);
        send(&services[1], &["right"]);
        expect(&req, &["right"]);
    }
}
