//! What a received message tells of the connection that it came over. Each test has sockets of its
//! own, on its own thread.

use oxmq::{Context, Dealer, Error, Pull, Push, Router};

use crate::transports;

#[test]
fn a_message_tells_of_its_peer() {
    for transport in transports("peer-told") {
        let context = Context::new();
        let router = Router::new(&context).unwrap();
        let dealer = Dealer::with_options(&context, |o| {
            o.routing_id("d-1").metadata("X-Zone", "north").metadata("x-rack", [0u8, 255])
        });
        let dealer = dealer.unwrap();
        dealer.connect(&router.bind(&transport).unwrap()).unwrap();
        dealer.send("hello").unwrap();
        let (peer, message) = router.recv_from().unwrap();
        assert_eq!(peer, *"d-1");
        if transport.starts_with("inproc") {
            assert!(message[0].meta().is_none(), "inproc has no handshake to tell anything in");
            continue;
        }
        let meta = message[0].meta().unwrap();
        assert_eq!(meta.socket_type, "DEALER", "{transport}");
        assert_eq!(meta.routing_id.as_deref(), Some(&b"d-1"[..]), "{transport}");
        assert_eq!(meta.user_id, None);
        // Names compare without regard to case: RFC 37 §The Metadata.
        assert_eq!(meta.property("x-zone"), Some(&b"north"[..]), "{transport}");
        assert_eq!(meta.property("X-Rack"), Some(&[0u8, 255][..]), "{transport}");
        assert_eq!(meta.property("X-None"), None);
        if transport.starts_with("tcp") {
            assert_eq!(meta.peer_address, "127.0.0.1");
        }
    }
}

#[test]
fn a_message_of_ones_own_has_no_connection() {
    assert!(oxmq::Msg::from("a").meta().is_none());
}

#[test]
fn every_message_of_a_connection_tells_the_same_whatever_its_size() {
    let context = Context::new();
    let (pull, push) = (Pull::new(&context).unwrap(), Push::new(&context).unwrap());
    push.connect(&pull.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
    for size in [0, 1, 30, 1000, 100_000, 3_000_000] {
        push.send([vec![1; size], vec![2; 3]]).unwrap();
        let message = pull.recv().unwrap();
        assert_eq!(message[0].len(), size);
        let seen = message.iter().map(|part| part.meta().map(|meta| &*meta.socket_type));
        assert!(seen.into_iter().all(|found| found == Some("PUSH")), "{size}");
    }
}

#[test]
fn names_of_properties_are_checked() {
    for wrong in ["Zone", "X-", "X-a b", "X-a:b", ""] {
        let refused = Push::with_options(&Context::new(), |o| o.metadata(wrong, "v"));
        assert!(matches!(refused, Err(Error::Option(_))), "{wrong}");
    }
}
