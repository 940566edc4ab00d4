//! Sample sessions in every split: the outcome depends on the octets, never on how they arrive.

use oxmq_zmtp::{HandshakeConfig, SocketType};

use crate::support::*;

/// What a peer may send, good and bad, with the configuration that meets it.
fn sessions() -> Vec<(HandshakeConfig, Vec<u8>)> {
    let dealer = || config(SocketType::Dealer, b"me");
    let strict = HandshakeConfig { allow_downgrade: false, ..dealer() };
    let ready_router = ready(&[("Socket-Type", b"ROUTER"), ("X-Long", &[b'v'; 250])]);
    let error = command(b"\x05ERROR\x03400");
    let traffic = b"\x00\x03abc\x04\x07\x04PING\0\0".to_vec();
    let greeted = |tail: &[u8]| [greeting(3, 1, b"NULL"), tail.to_vec()].concat();
    vec![
        (dealer(), [v3_peer(1, "ROUTER"), traffic.clone()].concat()),
        (dealer(), [v3_peer(0, "ROUTER"), traffic.clone()].concat()),
        (dealer(), greeted(&[ready_router, traffic.clone()].concat())),
        (strict.clone(), [v3_peer(1, "REP"), traffic.clone()].concat()),
        (dealer(), [v2_peer(1, 6, b"them"), b"\x00\x01x".to_vec()].concat()),
        (dealer(), [v2_peer(0, 4, b""), b"\x00\x01x".to_vec()].concat()),
        (dealer(), [v1_peer(b"them"), b"\x02\x00x".to_vec()].concat()),
        (dealer(), [v1_peer(b""), b"\x02\x00x".to_vec()].concat()),
        (dealer(), [v1_peer_long(b"them", 0), b"\x02\x00x".to_vec()].concat()),
        (dealer(), [v3_peer(1, "PULL"), traffic].concat()),
        (dealer(), v3_peer(1, "NONSENSE")),
        (dealer(), greeting(3, 1, b"CURVE")),
        (dealer(), greeted(&error)),
        (dealer(), greeted(b"\x04\x04\x03BAD")),
        (dealer(), greeted(b"\x06\0\0\0\0\0\x01\0\0")),
        (dealer(), greeted(b"\x06\xFF\0\0\0\0\0\0\0")),
        (dealer(), v2_peer(1, 7, b"")),
        (strict.clone(), v2_peer(1, 6, b"them")),
        (strict, v1_peer(b"them")),
        (dealer(), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        (dealer(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03".to_vec()),
        (dealer(), vec![0xFF; 80]),
    ]
}

#[test]
fn every_session_ends_the_same_one_octet_at_a_time() {
    for (config, octets) in sessions() {
        let whole = feed(&config, [&*octets]);
        let mut singly = feed(&config, octets.chunks(1));
        if let Some(Err(_)) = singly.end {
            // An error has no count: the octets that caused it belong to nobody.
            singly.consumed = whole.consumed;
        }
        assert_eq!(singly, whole);
    }
}

#[test]
fn every_session_ends_the_same_in_two_and_three_pieces() {
    for (config, octets) in sessions() {
        let whole = feed(&config, [&*octets]);
        for first in 0..=octets.len() {
            // The second cut runs over the whole rest of a short session, in strides of a long one.
            let stride = 1 + octets.len() / 64;
            for second in (first..=octets.len()).step_by(stride) {
                let pieces = [&octets[..first], &octets[first..second], &octets[second..]];
                let mut split = feed(&config, pieces);
                if let Some(Err(_)) = split.end {
                    split.consumed = whole.consumed;
                }
                assert_eq!(split, whole, "{first} {second}");
            }
        }
    }
}

#[test]
fn every_truncation_waits_for_more() {
    for (config, octets) in sessions() {
        let whole = feed(&config, [&*octets]);
        if !matches!(whole.end, Some(Ok(_))) {
            continue;
        }
        for end in 0..whole.consumed {
            let outcome = feed(&config, [&octets[..end]]);
            assert!(outcome.end.is_none(), "{end} octets");
            assert_eq!(outcome.consumed, end);
            assert!(whole.sent.starts_with(&outcome.sent));
        }
    }
}

#[test]
fn sessions_cover_every_kind_of_end() {
    let ends: Vec<_> =
        sessions().iter().map(|(config, octets)| feed(config, [&**octets])).collect();
    let established = ends.iter().filter(|outcome| matches!(outcome.end, Some(Ok(_)))).count();
    let failed = ends.iter().filter(|outcome| matches!(outcome.end, Some(Err(_)))).count();
    // HTTP looks like a 1.0 identity of 70 octets and TLS like one of 21: both wait for the rest.
    assert_eq!((established, failed, ends.len() - established - failed), (9, 11, 2));
}
