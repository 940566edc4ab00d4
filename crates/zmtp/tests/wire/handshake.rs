//! The 3.x handshake with a peer that sends metadata: what is accepted, and each field wrong once.

use oxmq_zmtp::{
    Command, Framing, HandshakeConfig, HandshakeError, MetadataFault, ProtocolError, SocketType,
    ZapStatus,
};

use crate::support::*;

/// How a peer fares whose READY has these properties.
fn with_properties(ours: SocketType, properties: &[(&str, &[u8])]) -> Outcome {
    meet(ours, &[greeting(3, 1, b"NULL"), ready(properties)].concat())
}

/// The protocol error of a peer that sends these octets behind its greeting.
fn fault_after_greeting(octets: &[u8]) -> ProtocolError {
    match meet(SocketType::Pull, &[&greeting(3, 1, b"NULL"), octets].concat()).error() {
        HandshakeError::Protocol(fault) => fault,
        other => panic!("{other}"),
    }
}

/// The protocol error of a peer whose READY has this metadata block.
fn fault_in_metadata(block: &[u8]) -> MetadataFault {
    match fault_after_greeting(&command(&[b"\x05READY", block].concat())) {
        ProtocolError::Metadata(fault) => fault,
        other => panic!("{other}"),
    }
}

#[test]
fn traffic_right_behind_ready_is_left_to_its_reader() {
    // RFC 23 §The NULL Security Mechanism: a peer MAY send messages right after its metadata.
    // RFC 37 §The NULL Security Mechanism: and after READY both ways, whichever came first.
    let mut traffic = Vec::new();
    Command::Subscribe(b"topic").encode(&mut traffic);
    traffic.extend_from_slice(b"\x00\x05hello");
    let session = [v3_peer(1, "SUB"), traffic.clone()].concat();
    let outcome = meet(SocketType::Pub, &session);
    assert_eq!(&session[outcome.consumed..], traffic);
    let header = Framing::V3.decode(&session[outcome.consumed..]);
    assert!(header.is_ok_and(|header| header.is_some_and(|header| header.command)));
    assert!(outcome.established().subscribes_by_command);
}

#[test]
fn padding_filler_and_as_server_mean_nothing() {
    // RFC 37 §Version Negotiation: the padding MUST NOT be validated nor interpreted.
    // RFC 37 §Topology: as-server SHALL have no significance without roles.
    let plain = v3_peer(1, "PUSH");
    for (at, octets) in [(1, 8), (32, 1), (33, 31)] {
        let mut peer = plain.clone();
        peer[at..at + octets].fill(0xA5);
        assert_eq!(meet(SocketType::Pull, &peer).established().version, (3, 1));
    }
    // Of the signature only the lowest bit of its last octet has a meaning.
    for last in (1..=u8::MAX).step_by(2) {
        let mut peer = plain.clone();
        peer[9] = last;
        assert_eq!(meet(SocketType::Pull, &peer).established().version, (3, 1));
    }
}

#[test]
fn the_metadata_of_the_peer_is_kept_in_full() {
    // RFC 37 §Connection Metadata: names SHALL be case-insensitive.
    // RFC 37 §The Resource Property: all resource requests SHALL be accepted.
    let properties: [(&str, &[u8]); 5] = [
        ("X-Zero", b""),
        ("socket-TYPE", b"DEALER"),
        ("IDENTITY", b"them"),
        ("Resource", b"a/B$-_@.&+/9"),
        ("Vendor.name+1_2", b"\0\xFF"),
    ];
    let established = with_properties(SocketType::Router, &properties).established();
    assert_eq!(established.metadata, metadata(&properties));
    assert_eq!(established.peer_type, Some(SocketType::Dealer));
    assert_eq!(established.routing_id, b"them");
    assert_eq!(established.metadata.get("x-zERO"), Some(&b""[..]));
    assert_eq!(established.metadata.get("resource"), Some(&b"a/B$-_@.&+/9"[..]));
    assert_eq!(established.metadata.get("X-None"), None);
    assert!(established.codec.is_none());
}

#[test]
fn a_peer_need_not_name_its_type() {
    // RFC 37 §Connection Metadata: the sender SHOULD specify the Socket-Type; it need not.
    let established = with_properties(SocketType::Router, &[("Identity", b"x")]).established();
    assert_eq!(established.peer_type, None);
    assert_eq!(established.routing_id, b"x");
    assert_eq!(with_properties(SocketType::Pull, &[]).established().peer_type, None);
}

#[test]
fn the_identity_of_other_types_is_ignored() {
    // RFC 37 §The Identity Property: for all other socket types it SHALL be ignored.
    for identity in [&b"id"[..], b"\0id", &[b'i'; 256]] {
        let properties: [(&str, &[u8]); 2] = [("Socket-Type", b"PUSH"), ("Identity", identity)];
        let established = with_properties(SocketType::Pull, &properties).established();
        assert_eq!(established.routing_id, b"");
    }
}

#[test]
fn identities_of_0_to_255_octets_are_accepted_even_when_they_start_with_zero() {
    // RFC 37 §The Identity Property: 0*255OCTET. The first SHALL NOT be zero, and RFC 13 §The
    // Connection Layer says SHOULD NOT; peers that send such ids all the same are welcome.
    let identified = |identity: &[u8]| {
        [
            with_properties(
                SocketType::Router,
                &[("Socket-Type", b"DEALER"), ("Identity", identity)],
            ),
            meet(SocketType::Router, &v1_peer_long(identity, 0)),
        ]
    };
    for identity in [&b""[..], b"i", b"i\0", b"\0", b"\0abcd", &[0; 255], &[0xFF; 255]] {
        for outcome in identified(identity) {
            assert_eq!(outcome.established().routing_id, identity);
        }
    }
    for outcome in identified(&[b'i'; 256]) {
        assert_eq!(outcome.error(), ProtocolError::RoutingIdTooLong.into());
    }
    let v2 = meet(SocketType::Router, &v2_peer(1, 5, b"\0abcd"));
    assert_eq!(v2.established().routing_id, b"\0abcd");
}

#[test]
fn the_wrong_socket_type_gets_an_error_command() {
    // RFC 37 §The Socket-Type Property: errors SHOULD be answered with an ERROR command before the
    // peer is disconnected.
    for (name, expected) in [
        (
            "PUSH",
            HandshakeError::IncompatibleSocketTypes {
                ours: SocketType::Push,
                theirs: SocketType::Push,
            },
        ),
        ("push", ProtocolError::SocketTypeUnknown.into()),
        ("STREAM", ProtocolError::SocketTypeUnknown.into()),
        ("", ProtocolError::SocketTypeUnknown.into()),
    ] {
        let outcome = with_properties(SocketType::Push, &[("Socket-Type", name.as_bytes())]);
        let ours = ready(&[("Socket-Type", b"PUSH")]);
        assert_eq!(&outcome.sent[64..64 + ours.len()], ours);
        let farewell = &outcome.sent[64 + ours.len()..];
        assert_eq!(farewell[..2], [4, u8::try_from(farewell.len() - 2).unwrap_or(0)]);
        let Ok(Command::Error { reason }) = Command::parse(&farewell[2..]) else {
            panic!("{farewell:?}");
        };
        // RFC 37 §The NULL Security Mechanism: error-reason = short-size 0*255VCHAR.
        assert!(!reason.is_empty() && reason.iter().all(u8::is_ascii_graphic));
        let error = outcome.error();
        assert_eq!(error, expected);
        assert_eq!(error.zmq_code(), Some(0x1000_0018));
    }
}

#[test]
fn an_error_command_is_a_refusal() {
    // RFC 37 §Error Handling: an incoming ERROR SHALL be treated as fatal.
    for (reason, shown, status) in [
        (&b"400"[..], "400", Some(400)),
        (b"", "", None),
        (b"4000", "4000", None),
        (b"no\nway\xFF", "no\\nway\\xff", None),
    ] {
        let length = u8::try_from(reason.len()).unwrap_or(0);
        let body = [b"\x05ERROR", &[length][..], reason].concat();
        let peer = [greeting(3, 1, b"NULL"), command(&body)].concat();
        let error = meet(SocketType::Pull, &peer).error();
        assert_eq!(error, HandshakeError::Refused { reason: shown.to_owned() });
        assert_eq!(error.zap_status().map(ZapStatus::code), status);
        assert_eq!(error.zmq_code(), None);
    }
}

#[test]
fn only_ready_and_error_belong_to_a_null_handshake() {
    for body in [&b"\x04PING\0\0"[..], b"\x09SUBSCRIBE", b"\x05HELLO", b"\x01x"] {
        let fault = fault_after_greeting(&command(body));
        assert!(matches!(fault, ProtocolError::UnexpectedCommand { .. }), "{fault}");
        assert_eq!(fault.zmq_code(), 0x1000_0001);
    }
    for message in [&b"\x00\x00"[..], b"\x01\x01x", b"\x02\0\0\0\0\0\0\0\0"] {
        let fault = fault_after_greeting(message);
        assert_eq!(fault, ProtocolError::MessageInHandshake);
        assert_eq!(fault.zmq_code(), 0x1000_0001);
    }
}

#[test]
fn a_malformed_frame_or_name_ends_the_handshake() {
    // RFC 37 §Framing: reserved bits MUST be zero; MORE SHALL be zero on command frames; sizes up
    // to 2^63 - 1.
    assert_eq!(fault_after_greeting(b"\x05"), ProtocolError::CommandWithMore);
    for flags in 8..=u8::MAX {
        let fault = fault_after_greeting(&[flags]);
        assert_eq!(fault, ProtocolError::ReservedFrameFlags { flags });
        assert_eq!(fault.zmq_code(), 0x1000_0000);
    }
    let length = 1 << 63;
    assert_eq!(
        fault_after_greeting(b"\x06\x80\0\0\0\0\0\0\0"),
        ProtocolError::FrameTooLong { length }
    );
    // RFC 37 §Formal Grammar: command-name = short-size 1*255 ALPHA.
    for (body, fault) in [
        (&b""[..], ProtocolError::CommandNameEmpty),
        (b"\0READY", ProtocolError::CommandNameEmpty),
        (b"\x06READY", ProtocolError::CommandNameTruncated),
        (b"\x05READ1", ProtocolError::CommandNameInvalid),
        (b"\x05READ\0", ProtocolError::CommandNameInvalid),
    ] {
        assert_eq!(fault_after_greeting(&command(body)), fault);
        assert_eq!(fault.zmq_code(), 0x1000_0011);
    }
    for data in [&b""[..], b"\x01", b"\x00x", b"\x02a", b"\x02abc"] {
        let fault = fault_after_greeting(&command(&[b"\x05ERROR", data].concat()));
        assert_eq!(fault, ProtocolError::ErrorReasonLength);
        assert_eq!(fault.zmq_code(), 0x1000_0015);
    }
}

#[test]
fn malformed_metadata_names_its_fault() {
    // RFC 37 §The NULL Security Mechanism: a name SHALL be 1 to 255 characters of name-char, a
    // value up to 2^31 - 1 octets behind four octets of size.
    assert_eq!(fault_in_metadata(b"\0\0\0\0\0"), MetadataFault::NameEmpty);
    for name in ["a b", "a\0", "a:", "\u{e9}"] {
        let fault = fault_in_metadata(&property(name, b""));
        assert_eq!(fault, MetadataFault::NameInvalid, "{name:?}");
    }
    assert_eq!(fault_in_metadata(b"\x01a\x80\0\0\0"), MetadataFault::ValueTooLarge);
    for block in
        [&b"\x02a"[..], b"\x01a", b"\x01a\0\0\0", b"\x01a\x7F\xFF\xFF\xFF", b"\x01a\0\0\0\x01"]
    {
        assert_eq!(fault_in_metadata(block), MetadataFault::Truncated, "{block:?}");
    }
    // RFC 37 §Connection Metadata: names SHALL be case-insensitive, so these are the same one.
    let twice = [property("Socket-Type", b"PUSH"), property("socket-type", b"PULL")].concat();
    assert_eq!(fault_in_metadata(&twice), MetadataFault::Duplicate);
    assert_eq!(ProtocolError::Metadata(MetadataFault::Duplicate).zmq_code(), 0x1000_0018);
}

#[test]
fn metadata_is_bounded_in_octets_and_properties() {
    let many = |count: usize| -> Vec<u8> {
        (0..count).flat_map(|i| property(&format!("X-{i}"), b"")).collect()
    };
    let outcome = |block: &[u8]| {
        let command = command(&[b"\x05READY", block].concat());
        meet(SocketType::Pull, &[greeting(3, 1, b"NULL"), command].concat())
    };
    assert_eq!(outcome(&many(64)).established().metadata.len(), 64);
    assert_eq!(fault_in_metadata(&many(65)), MetadataFault::TooManyProperties);
    let full = property("X-Full", &vec![b'v'; 8192 - 11]);
    assert_eq!(outcome(&full).established().metadata.as_bytes().len(), 8192);
    let over = property("X-Full", &vec![b'v'; 8193 - 11]);
    assert_eq!(fault_in_metadata(&over), MetadataFault::TooLarge);
    // Long values are in bounds by RFC 37 §The NULL Security Mechanism; the block is what counts.
    let longest_name = property(&"n".repeat(255), b"");
    assert_eq!(outcome(&longest_name).established().metadata.len(), 1);
}

#[test]
fn a_command_that_is_too_large_is_refused_by_its_header() {
    for size in [8192 + 258, u64::from(u32::MAX), i64::MAX as u64] {
        let header = [&[6][..], &size.to_be_bytes()].concat();
        let fault = fault_after_greeting(&header);
        assert_eq!(fault, ProtocolError::HandshakeCommandTooLarge { size });
    }
}

#[test]
fn a_malformed_resource_is_a_fault() {
    // RFC 37 §The Resource Property: the Resource SHALL match its grammar.
    for resource in [&b""[..], b"/", b"a/", b"/a", b"a//b", b"a b", b"a:b", b"a\0", b"\xFF"] {
        let properties: [(&str, &[u8]); 2] = [("Socket-Type", b"PUSH"), ("Resource", resource)];
        let error = with_properties(SocketType::Pull, &properties).error();
        assert_eq!(error, ProtocolError::ResourceInvalid.into(), "{resource:?}");
    }
}

#[test]
fn a_2_0_identity_is_one_final_frame_of_at_most_255_octets() {
    // RFC 15 §Formal Grammar: identity = final-short body.
    let peer = |identity_frame: &[u8]| {
        let mut octets = v2_peer(1, 5, b"");
        octets.truncate(12);
        octets.extend_from_slice(identity_frame);
        meet(SocketType::Router, &octets)
    };
    assert_eq!(peer(b"\x00\x02id").established().routing_id, b"id");
    assert_eq!(peer(b"\x02\0\0\0\0\0\0\0\x02id").established().routing_id, b"id");
    assert_eq!(peer(b"\x01\x02id").error(), ProtocolError::IdentityWithMore.into());
    let over = peer(b"\x02\0\0\0\0\0\0\x01\x00");
    assert_eq!(over.error(), ProtocolError::RoutingIdTooLong.into());
    // RFC 15 §Framing: bits 2-7 MUST be zero.
    for flags in 4..=u8::MAX {
        let error = peer(&[flags]).error();
        assert_eq!(error, ProtocolError::ReservedFrameFlags { flags }.into());
    }
}

#[test]
fn a_1_0_identity_of_length_zero_is_a_fault() {
    // RFC 13 §The Framing Layer: the minimum valid length is 1.
    assert_eq!(meet(SocketType::Pull, b"\0").error(), ProtocolError::ZeroLengthFrame.into());
    let long = b"\xFF\0\0\0\0\0\0\0\0\0";
    assert_eq!(meet(SocketType::Pull, long).error(), ProtocolError::ZeroLengthFrame.into());
    let huge = b"\xFF\x80\0\0\0\0\0\0\0\0";
    let fault = ProtocolError::FrameTooLong { length: 1 << 63 };
    assert_eq!(meet(SocketType::Pull, huge).error(), fault.into());
}

#[test]
fn every_legal_pair_of_types_meets_and_no_other_does() {
    for ours in SocketType::ALL.into_iter().filter(|kind| kind.speaks_zmtp()) {
        for theirs in SocketType::ALL.into_iter().filter(|kind| kind.speaks_zmtp()) {
            let outcome = feed(&HandshakeConfig::new(ours), [&*v3_peer(1, theirs.name())]);
            match outcome.end {
                Some(Ok(established)) => {
                    assert!(ours.accepts(theirs));
                    assert_eq!(established.peer_type, Some(theirs));
                }
                Some(Err(HandshakeError::IncompatibleSocketTypes { .. })) => {
                    assert!(!ours.accepts(theirs));
                }
                other => panic!("{ours} {theirs}: {other:?}"),
            }
        }
    }
}
