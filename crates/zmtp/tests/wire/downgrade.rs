//! The matrix of our configuration against every version a peer may announce.

use oxmq_zmtp::{Framing, HandshakeConfig, HandshakeError, ProtocolError, SocketType};

use crate::support::*;

fn strict(socket_type: SocketType) -> HandshakeConfig {
    HandshakeConfig { allow_downgrade: false, ..HandshakeConfig::new(socket_type) }
}

#[test]
fn every_version_octet_has_its_outcome() {
    for major in 0..=u8::MAX {
        for minor in 0..=u8::MAX {
            if major <= 2 {
                // To a 2.0 peer the octet at the place of our minor version is its socket type.
                let peer = v2_peer(major, minor, b"");
                let tolerant = meet(SocketType::Push, &peer).end.and_then(Result::ok);
                let pull = minor == SocketType::Pull.code();
                assert_eq!(tolerant.map(|peer| peer.version), pull.then_some((2, 0)));
                // RFC 37 §Security Considerations: an implementation MUST guard against downgrade.
                let refused = HandshakeError::VersionRefused { theirs: (2, 0) };
                assert_eq!(feed(&strict(SocketType::Push), [&*peer]).error(), refused);
                continue;
            }
            let mut peer = greeting(major, minor, b"NULL");
            peer.extend(ready(&[("Socket-Type", b"PULL")]));
            let tolerant = meet(SocketType::Push, &peer);
            let demanding = feed(&strict(SocketType::Push), [&*peer]);
            // RFC 37 §Version Negotiation: higher versions MUST be accepted, and we SHALL use our
            // own protocol with them.
            let version = if major == 3 { (3, minor.min(1)) } else { (3, 1) };
            for outcome in [tolerant, demanding] {
                assert_eq!(&outcome.sent[10..12], b"\x03\x01");
                let established = outcome.established();
                assert_eq!(established.version, version, "{major}.{minor}");
                assert_eq!(established.framing, Framing::V3);
                assert_eq!(established.subscribes_by_command, version == (3, 1));
                assert_eq!(established.pings, version == (3, 1));
                assert!(established.forwards_subscriptions);
            }
        }
    }
}

#[test]
fn a_2_0_peer_gets_our_version_type_and_identity() {
    // RFC 37 §Detecting ZMTP 1.0 and 2.0 Peers: version number, then socket type and identity.
    // RFC 15 §Formal Grammar: socket-type is one octet, identity = %x00 OCTET body.
    // RFC 15 §Backwards Interoperability: the length MUST be 8 octets in network byte order.
    for revision in 0..=2 {
        let outcome = feed(&config(SocketType::Dealer, b"me"), [&*v2_peer(revision, 6, b"them")]);
        let expected = b"\xFF\x00\x00\x00\x00\x00\x00\x00\x03\x7F\x03\x05\x00\x02me";
        assert_eq!(outcome.sent, expected);
        assert_eq!(outcome.consumed, 18);
        let established = outcome.established();
        assert_eq!((established.framing, established.version), (Framing::V2, (2, 0)));
        assert_eq!(established.peer_type, Some(SocketType::Router));
        assert_eq!(established.routing_id, b"them");
        assert!(established.metadata.is_empty());
        assert!(!established.subscribes_by_command);
        assert!(established.forwards_subscriptions);
        assert!(!established.pings);
    }
}

#[test]
fn every_type_announces_its_identity_to_an_older_peer() {
    // RFC 13 §The Connection Layer: a peer SHALL send an anonymous or an identity greeting; the
    // rule by type came with 3.0.
    let sub = config(SocketType::Sub, b"durable");
    assert!(feed(&sub, [&*v1_peer(b"")]).sent.ends_with(b"\x08\x7Fdurable"));
    assert!(feed(&sub, [&*v2_peer(1, 1, b"")]).sent.ends_with(b"\x03\x02\x00\x07durable"));
}

#[test]
fn xpub_and_xsub_are_pub_and_sub_to_a_2_0_peer() {
    // RFC 15 §Publish-Subscribe: XPUB and XSUB are implemented as PUB and SUB.
    let to_sub = meet(SocketType::XPub, &v2_peer(1, 2, b""));
    assert_eq!(to_sub.sent[11], 1);
    assert_eq!(to_sub.established().peer_type, Some(SocketType::Sub));
    let to_pub = meet(SocketType::XSub, &v2_peer(1, 1, b""));
    assert_eq!(to_pub.sent[11], 2);
    assert_eq!(to_pub.established().peer_type, Some(SocketType::Pub));
    // libzmq 3.2 announces XPUB and XSUB with numbers of their own.
    let from_xpub = meet(SocketType::Sub, &v2_peer(1, 9, b""));
    assert_eq!(from_xpub.established().peer_type, Some(SocketType::XPub));
    let from_xsub = meet(SocketType::Pub, &v2_peer(1, 10, b""));
    assert_eq!(from_xsub.established().peer_type, Some(SocketType::XSub));
}

#[test]
fn a_2_0_peer_of_the_wrong_type_is_dropped_in_silence() {
    // RFC 15 §Socket Compatibility: silently disconnecting the other peer.
    let outcome = meet(SocketType::Push, &v2_peer(1, 8, b""));
    assert_eq!(outcome.sent.len(), 14);
    let misfit = HandshakeError::IncompatibleSocketTypes {
        ours: SocketType::Push,
        theirs: SocketType::Push,
    };
    assert_eq!(outcome.error(), misfit);
    for code in 11..=u8::MAX {
        let error = meet(SocketType::Push, &v2_peer(1, code, b"")).error();
        assert_eq!(error, ProtocolError::SocketTypeUnknown.into());
    }
}

#[test]
fn a_1_0_peer_reads_our_signature_as_the_header_of_our_identity() {
    // RFC 15 §Backwards Interoperability: we continue with the body of the identity frame.
    // RFC 37 §Detecting ZMTP 1.0 and 2.0 Peers: the same.
    for peer in [v1_peer(b"them"), v1_peer_long(b"them", 0)] {
        let outcome = feed(&config(SocketType::Router, b"me"), [&*peer]);
        assert_eq!(outcome.sent, b"\xFF\x00\x00\x00\x00\x00\x00\x00\x03\x7Fme");
        assert_eq!(outcome.consumed, peer.len());
        let established = outcome.established();
        assert_eq!((established.framing, established.version), (Framing::V1, (1, 0)));
        assert_eq!(established.peer_type, None);
        assert_eq!(established.routing_id, b"them");
        assert!(established.metadata.is_empty());
        assert!(!established.subscribes_by_command);
        assert!(!established.forwards_subscriptions);
        assert!(!established.pings);
    }
}

#[test]
fn a_1_0_identity_may_be_absent_or_as_long_as_255_octets() {
    // RFC 13 §The Connection Layer: a greeting is an anonymous or an identity message.
    assert_eq!(meet(SocketType::Pull, &v1_peer(b"")).established().routing_id, b"");
    assert_eq!(meet(SocketType::Pull, &v1_peer_long(b"", 0)).established().routing_id, b"");
    for length in [1, 253, 254, 255] {
        let identity = vec![b'i'; length];
        let long = meet(SocketType::Pull, &v1_peer_long(&identity, 0));
        assert_eq!(long.established().routing_id, identity);
    }
    let longest_short = vec![b'i'; 253];
    let short = meet(SocketType::Pull, &v1_peer(&longest_short));
    assert_eq!(short.established().routing_id, longest_short);
    let over = meet(SocketType::Pull, &v1_peer_long(&[b'i'; 256], 0));
    assert_eq!(over.error(), ProtocolError::RoutingIdTooLong.into());
}

#[test]
fn the_flags_of_a_1_0_identity_are_not_validated() {
    // RFC 13 §The Connection Layer: the flags octet SHALL not be validated.
    for flags in 0..=u8::MAX {
        let mut peer = v1_peer(b"id");
        peer[1] = flags;
        assert_eq!(meet(SocketType::Pull, &peer).established().routing_id, b"id");
        // In the long form an odd tenth octet is the mark of a later version.
        if flags & 1 == 0 {
            let peer = v1_peer_long(b"id", flags);
            assert_eq!(meet(SocketType::Pull, &peer).established().routing_id, b"id");
        }
    }
}

#[test]
fn old_peers_are_refused_where_they_may_not_be_served() {
    // RFC 37 §Version Negotiation: a peer that cannot downgrade MUST close the connection.
    let v1 = HandshakeError::VersionRefused { theirs: (1, 0) };
    let v2 = HandshakeError::VersionRefused { theirs: (2, 0) };
    let newer = [SocketType::Client, SocketType::Server, SocketType::Radio, SocketType::Dish];
    let configs = newer.map(HandshakeConfig::new).into_iter().chain([strict(SocketType::Pull)]);
    for config in configs {
        // At once: the first octet shows a 1.0 peer, the eleventh a 2.0 peer.
        assert_eq!(feed(&config, [&b"\x01"[..]]).error(), v1);
        assert_eq!(feed(&config, [&v1_peer_long(b"", 0)[..10]]).error(), v1);
        assert_eq!(feed(&config, [&v2_peer(1, 8, b"")[..11]]).error(), v2);
        let written = feed(&config, [&v2_peer(1, 8, b"")[..]]).sent;
        assert_eq!(written, greeting(3, 1, b"NULL"));
    }
}

#[test]
fn another_mechanism_is_refused_after_our_greeting_is_out() {
    // RFC 37 §Authentication and Confidentiality: a mechanism that does not exactly match MUST
    // close the connection, and a peer that reads a full greeting MUST also send one.
    let fields: [&[u8]; 7] = [
        b"",
        b"PLAIN",
        b"CURVE",
        b"NUL",
        b"NULLL",
        b"null",
        b"NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0x",
    ];
    for field in fields {
        let outcome = meet(SocketType::Pull, &greeting(3, 1, field));
        assert_eq!(outcome.sent.len(), 64);
        let error = outcome.error();
        let HandshakeError::MechanismMismatch { ours, theirs } = &error else {
            panic!("{error}");
        };
        assert_eq!((*ours, theirs), ("NULL", &field.escape_ascii().to_string()));
        assert_eq!(error.zmq_code(), Some(0x1100_0002));
    }
}
