//! What we write, octet by octet and stage by stage, against the texts of the RFCs.

use std::sync::Arc;
use std::time::Instant;

use oxmq_zmtp::{
    ConfigError, CookieKeys, CurveConfig, CurveKeyPair, CurvePublicKey, CurveSecretKey, Entropy,
    Framing, Handshake, HandshakeConfig, MechanismConfig, MetadataFault, Password, PlainConfig,
    SocketType,
};

use crate::support::*;

/// The DEALER's READY in RFC 37 §Worked Example.
const DEALER_READY: &[u8] =
    b"\x04\x29\x05READY\x0BSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00";
/// The ROUTER's READY in RFC 37 §Worked Example.
const ROUTER_READY: &[u8] = b"\x04\x1C\x05READY\x0BSocket-Type\x00\x00\x00\x06ROUTER";
/// The signature of a socket without a routing id.
const SIGNATURE: &[u8] = b"\xFF\x00\x00\x00\x00\x00\x00\x00\x01\x7F";

#[test]
fn the_worked_example_of_rfc_37_is_reproduced() {
    for (ours, theirs, our_ready, their_ready) in [
        (SocketType::Dealer, SocketType::Router, DEALER_READY, ROUTER_READY),
        (SocketType::Router, SocketType::Dealer, ROUTER_READY, DEALER_READY),
    ] {
        let mut handshake = handshake(ours);
        // RFC 37 §Version Negotiation: a peer that works with older versions SHALL send a partial
        // greeting first.
        // RFC 37 §Detecting ZMTP 1.0 and 2.0 Peers: ten octets, the size in network byte order.
        assert_eq!(sent(&mut handshake), SIGNATURE);

        let greeting = greeting(3, 1, b"NULL");
        handshake.receive(&greeting[..9], Instant::now()).unwrap();
        assert_eq!(sent(&mut handshake), b"");
        // RFC 37 §Detecting ZMTP 2.0 Peers: then the major version.
        handshake.receive(&greeting[9..10], Instant::now()).unwrap();
        assert_eq!(sent(&mut handshake), b"\x03");
        // RFC 37 §Detecting ZMTP 1.0 and 2.0 Peers: then the rest, once the peer is known as 3.x.
        // RFC 37 §Authentication and Confidentiality: which includes the mechanism, and does not
        // wait for the peer's.
        // RFC 37 §The NULL Security Mechanism: as-server MUST be zero.
        handshake.receive(&greeting[10..11], Instant::now()).unwrap();
        assert_eq!(sent(&mut handshake), [b"\x01NULL".as_slice(), &[0; 48]].concat());
        handshake.receive(&greeting[11..63], Instant::now()).unwrap();
        // RFC 37 §Security Considerations: no metadata before the greeting is accepted.
        assert_eq!(sent(&mut handshake), b"");
        handshake.receive(&greeting[63..], Instant::now()).unwrap();
        // RFC 23 §The NULL Security Mechanism: READY is sent before one is received.
        assert_eq!(sent(&mut handshake), our_ready);
        let established =
            feed(&HandshakeConfig::new(ours), [&*greeting, their_ready]).established();
        assert_eq!(established.peer_type, Some(theirs));
        assert_eq!((established.framing, established.version), (Framing::V3, (3, 1)));
    }
}

#[test]
fn without_downgrade_the_whole_greeting_goes_out_at_once() {
    let config =
        HandshakeConfig { allow_downgrade: false, ..config(SocketType::Dealer, b"some-id") };
    // RFC 37 §Version Negotiation: the entire greeting, with the padding set to zeros.
    assert_eq!(sent(&mut start(config.clone())), greeting(3, 1, b"NULL"));

    let peer = v3_peer(1, "ROUTER");
    let outcome = feed(&config, [&*peer]);
    assert_eq!(&outcome.sent[..64], greeting(3, 1, b"NULL"));
    assert_eq!(&outcome.sent[64..], ready(&[("Socket-Type", b"DEALER"), ("Identity", b"some-id")]));
    assert_eq!(outcome.established().peer_type, Some(SocketType::Router));
}

#[test]
fn the_padding_of_our_signature_is_the_length_of_our_identity_frame() {
    for (routing_id, size) in [(vec![], 1_u64), (vec![b'i'; 5], 6), (vec![b'i'; 255], 256)] {
        let signature = sent(&mut start(config(SocketType::Router, &routing_id)));
        assert_eq!(signature, [&[0xFF][..], &size.to_be_bytes(), &[0x7F]].concat());
    }
    // Any type has an identity for a 1.0 peer.
    assert_eq!(sent(&mut start(config(SocketType::Pull, b"id")))[8], 3);
}

#[test]
fn as_server_is_set_by_servers_of_mechanisms_with_roles_only() {
    let keys = CurveKeyPair::from_secret(CurveSecretKey::from_bytes([1; 32]));
    let server = CurvePublicKey::from_bytes([2; 32]);
    let plain = PlainConfig::Client { username: b"u".to_vec(), password: Password::from(*b"p") };
    let cookies = Arc::new(CookieKeys::new());
    for (mechanism, as_server) in [
        // RFC 37 §The NULL Security Mechanism: the as-server field MUST be zero.
        (MechanismConfig::Null, 0),
        (MechanismConfig::Plain(plain), 0),
        (MechanismConfig::Plain(PlainConfig::Server), 1),
        (MechanismConfig::Curve(CurveConfig::Client { keys: keys.clone(), server }), 0),
        (MechanismConfig::Curve(CurveConfig::Server { keys, cookies }), 1),
    ] {
        let peer = greeting(3, 1, mechanism.name().as_bytes());
        let config = HandshakeConfig { mechanism, ..HandshakeConfig::new(SocketType::Rep) };
        let written = feed(&config, [&*peer]).sent;
        assert_eq!(written[32], as_server, "{config:?}");
    }
}

#[test]
fn ready_lists_our_properties_in_order() {
    // RFC 37 §Connection Metadata: Socket-Type, Identity, Resource, then names starting with X-.
    // RFC 37 §The Resource Property: the resource as the application chose it.
    let config = HandshakeConfig {
        resource: Some("system/name-service/test".to_owned()),
        metadata: vec![("X-One".to_owned(), b"1".to_vec()), ("x-Two".to_owned(), vec![])],
        ..config(SocketType::Req, b"me")
    };
    let written = feed(&config, [&*greeting(3, 1, b"NULL")]).sent;
    let expected = ready(&[
        ("Socket-Type", b"REQ"),
        ("Identity", b"me"),
        ("Resource", b"system/name-service/test"),
        ("X-One", b"1"),
        ("x-Two", b""),
    ]);
    assert_eq!(&written[64..], expected);
}

#[test]
fn only_req_dealer_and_router_announce_an_identity() {
    // RFC 37 §The Identity Property: a REQ, DEALER or ROUTER peer MAY announce its identity.
    for socket_type in SocketType::ALL.into_iter().filter(|kind| kind.speaks_zmtp()) {
        let written = feed(&config(socket_type, b"my-id"), [&*greeting(3, 1, b"NULL")]).sent;
        let announces = written.windows(8).any(|octets| octets == b"Identity");
        assert_eq!(announces, socket_type.sends_routing_id(), "{socket_type}");
    }
}

#[test]
fn a_ready_of_over_255_octets_has_a_long_size() {
    // RFC 37 §Authentication and Confidentiality: a body of 256 or more SHOULD use the long size.
    let value = vec![b'v'; 300];
    let config = HandshakeConfig {
        metadata: vec![("X-Long".to_owned(), value.clone())],
        ..HandshakeConfig::new(SocketType::Pair)
    };
    let written = feed(&config, [&*greeting(3, 1, b"NULL")]).sent;
    assert_eq!(written[64], 6);
    assert_eq!(&written[64..], ready(&[("Socket-Type", b"PAIR"), ("X-Long", &value)]));
}

#[test]
fn the_defaults_are_plain_null_with_downgrade() {
    let expected = HandshakeConfig {
        socket_type: SocketType::Pub,
        routing_id: vec![],
        mechanism: MechanismConfig::Null,
        metadata: vec![],
        resource: None,
        zap: false,
        entropy: Entropy::system(),
        allow_downgrade: true,
    };
    assert_eq!(HandshakeConfig::new(SocketType::Pub), expected);
}

#[test]
fn our_metadata_may_fill_its_block_and_no_more() {
    // The Socket-Type property of a PAIR takes 20 octets of the 8 KiB, the name and sizes 8.
    let config = |value_len: usize| HandshakeConfig {
        metadata: vec![("X-a".to_owned(), vec![b'v'; value_len])],
        ..HandshakeConfig::new(SocketType::Pair)
    };
    let written = feed(&config(8192 - 28), [&*greeting(3, 1, b"NULL")]).sent;
    assert_eq!(written.len(), 64 + 9 + 6 + 8192);
    let refused = Handshake::new(config(8192 - 27)).map(|_| ()).unwrap_err();
    assert_eq!(refused, ConfigError::Metadata(MetadataFault::TooLarge));
}

#[test]
fn a_configuration_outside_the_protocol_is_refused() {
    let refused = |config| Handshake::new(config).map(|_| ()).unwrap_err();
    // RFC 37 §The Identity Property: at most 255 octets.
    let long = config(SocketType::Router, &[b'i'; 256]);
    assert_eq!(refused(long), ConfigError::RoutingIdTooLong);
    assert!(Handshake::new(config(SocketType::Router, b"\0id")).is_ok());
    for socket_type in [SocketType::Stream, SocketType::Dgram] {
        assert_eq!(refused(HandshakeConfig::new(socket_type)), ConfigError::NotZmtp);
    }
    // RFC 37 §The Resource Property: names of one or more characters, joined by slashes.
    for resource in ["", "/", "a/", "/a", "a//b", "a b", "a%", "\u{e9}"] {
        let config = HandshakeConfig {
            resource: Some(resource.to_owned()),
            ..HandshakeConfig::new(SocketType::Pair)
        };
        assert_eq!(refused(config), ConfigError::ResourceInvalid, "{resource}");
    }
    // RFC 37 §Connection Metadata: names starting with X- SHALL be reserved for the application.
    let with = |name: &str, value: &[u8]| HandshakeConfig {
        metadata: vec![("X-a".to_owned(), vec![]), (name.to_owned(), value.to_vec())],
        ..HandshakeConfig::new(SocketType::Pair)
    };
    for name in ["", "X", "Y-a", "Socket-Type", "Identity", "\u{20ac}-"] {
        assert_eq!(refused(with(name, b"")), ConfigError::NotApplicationProperty, "{name}");
    }
    for (name, value, fault) in [
        ("X-a b", vec![], MetadataFault::NameInvalid),
        ("x-A", vec![], MetadataFault::Duplicate),
        ("X-b", vec![0; 9000], MetadataFault::TooLarge),
    ] {
        assert_eq!(refused(with(name, &value)), ConfigError::Metadata(fault), "{name}");
    }
    let long_name = format!("X-{}", "n".repeat(254));
    let fault = ConfigError::Metadata(MetadataFault::NameTooLong);
    assert_eq!(refused(with(&long_name, b"")), fault);
    let many = HandshakeConfig {
        metadata: (0..64).map(|i| (format!("X-{i}"), vec![])).collect(),
        ..HandshakeConfig::new(SocketType::Pair)
    };
    assert_eq!(refused(many), ConfigError::Metadata(MetadataFault::TooManyProperties));
}
