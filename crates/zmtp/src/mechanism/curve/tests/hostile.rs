//! Thousands of bad handshakes: every one is refused, and none makes anything panic.

use std::time::Instant;

use super::raw::*;
use crate::{CurvePublicKey, HandshakeError, ProtocolError, code, limits};

/// What a case did to the session it was made from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Hello,
    Welcome,
    Initiate,
    Ready,
}

const TARGETS: [Target; 4] = [Target::Hello, Target::Welcome, Target::Initiate, Target::Ready];

fn command(session: &Recorded, target: Target) -> &[u8] {
    match target {
        Target::Hello => &session.hello,
        Target::Welcome => &session.welcome,
        Target::Initiate => &session.initiate,
        Target::Ready => &session.ready,
    }
}

/// Plays the recorded session with one command replaced; the error that ends it, if one does.
/// `None`: the receiver waits for more. Panics if anybody is let in.
fn play(session: &Recorded, target: Target, forged: &[u8]) -> Option<HandshakeError> {
    let (mut client, mut server) = ends_from(0);
    let now = Instant::now();
    let refused = |end: Option<Result<crate::Established, HandshakeError>>| match end {
        None => None,
        Some(Err(error)) => Some(error),
        Some(Ok(_)) => panic!("let in after a forged {target:?}"),
    };
    match target {
        Target::Hello | Target::Initiate => {
            greeted(&mut client);
            let hello = if target == Target::Hello { forged } else { &session.hello };
            if let Some(end) = refused(server.feed(hello)) {
                return Some(end);
            }
            let initiate = if target == Target::Initiate { forged } else { &session.initiate };
            refused(server.feed(initiate))
        }
        Target::Welcome | Target::Ready => {
            greeted(&mut client);
            let welcome = if target == Target::Welcome { forged } else { &session.welcome };
            if let Some(end) = refused(end(client.receive(welcome, now))) {
                return Some(end);
            }
            let ready = if target == Target::Ready { forged } else { &session.ready };
            refused(end(client.receive(ready, now)))
        }
    }
}

/// Runs all cases of one kind on both cores; how many there were.
fn run(cases: &[(Target, Vec<u8>)], check: impl Fn(Option<HandshakeError>) + Sync) -> usize {
    let check = &check;
    std::thread::scope(|scope| {
        for half in cases.chunks(cases.len().div_ceil(2)) {
            scope.spawn(move || {
                let session = recorded();
                for (target, forged) in half {
                    check(play(&session, *target, forged));
                }
            });
        }
    });
    cases.len()
}

#[test]
fn a_change_of_any_bit_is_refused() {
    let session = recorded();
    let mut cases = Vec::new();
    for target in TARGETS {
        let good = command(&session, target);
        let header_len = good.len() - body(good).len();
        for octet in header_len..good.len() {
            // Of the long boxes every octet, of everything in front of them every bit.
            let bits = if octet < header_len + 130 { 0..8 } else { octet % 8..octet % 8 + 1 };
            // The highest bit of C' has no meaning; a test of its own shows that it does not help.
            let idle = target == Target::Hello && octet == header_len + 111;
            for bit in bits.filter(|bit| !(idle && *bit == 7)) {
                let mut forged = good.to_vec();
                forged[octet] ^= 1 << bit;
                cases.push((target, forged));
            }
        }
    }
    let count = run(&cases, |end| assert!(end.is_some(), "still waiting"));
    assert!(count >= 2500, "{count}");
}

#[test]
fn a_change_of_any_length_is_refused() {
    let session = recorded();
    let mut cases = Vec::new();
    for target in TARGETS {
        let good = body(command(&session, target));
        for length in 0..good.len() {
            cases.push((target, frame(&good[..length])));
        }
        for more in 1..=64 {
            cases.push((target, frame(&[good, &vec![0; more]].concat())));
            cases.push((target, frame(&[good, &vec![0xFF; more * 7]].concat())));
        }
        // One octet left out or put in anywhere.
        for at in (0..good.len()).step_by(3) {
            cases.push((target, frame(&[&good[..at], &good[at + 1..]].concat())));
            cases.push((target, frame(&[&good[..at], &[0], &good[at..]].concat())));
        }
    }
    let count = run(&cases, |end| assert!(end.is_some(), "still waiting"));
    assert!(count >= 1500, "{count}");
}

#[test]
fn a_changed_frame_header_lets_nobody_in() {
    let session = recorded();
    let mut cases = Vec::new();
    for target in TARGETS {
        let good = command(&session, target);
        for octet in 0..good.len() - body(good).len() {
            for bit in 0..8 {
                let mut forged = good.to_vec();
                forged[octet] ^= 1 << bit;
                cases.push((target, forged));
            }
        }
    }
    // A length that grew is waited for: until the handshake timeout, which is the owner's.
    assert_eq!(run(&cases, |_| ()), 8 * (2 + 2 + 9 + 2));
}

#[test]
fn commands_out_of_place_and_of_other_sessions_are_refused() {
    let session = recorded();
    let mut cases = Vec::new();
    let mut others: Vec<Vec<u8>> = [&b""[..], b"\0", b"\x05", b"\x05READY", b"\x07WELCOME"]
        .into_iter()
        .chain([
            &b"\x05HELLO"[..],
            b"\x08INITIATE",
            b"\x04PING\0\0",
            b"\x05ERROR",
            b"\x05ERROR\x04x",
        ])
        .chain([
            &b"\x09SUBSCRIBE"[..],
            b"\x07MESSAGE\0\0\0\0\0\0\0\x03",
            b"\xFFHELLO",
            b"\x05H\0LLO",
        ])
        .map(frame)
        .collect();
    for seed in [1, 2, 3] {
        let other = recorded_from(seed);
        others.extend(TARGETS.map(|target| command(&other, target).to_vec()));
    }
    for target in TARGETS {
        for other in TARGETS.into_iter().filter(|other| *other != target) {
            cases.push((target, command(&session, other).to_vec()));
        }
        for other in &others {
            // Another client's HELLO is a good one.
            if target != Target::Hello || !other.starts_with(b"\x04\xC8\x05HELLO") {
                cases.push((target, other.clone()));
            }
        }
    }
    run(&cases, |end| assert!(end.is_some(), "still waiting"));
}

#[test]
fn commands_do_not_cross_between_the_connections_of_a_server() {
    let mut server = Server::new();
    let mut clients = Vec::new();
    let mut connections = Vec::new();
    for seed in [16, 32] {
        let mut client = client_handshake(repeat(seed));
        let hello = greeted(&mut client);
        assert!(server.feed(&hello).is_none());
        let welcome = server.sent();
        let next = Server::sharing(&server);
        connections.push(std::mem::replace(&mut server, next));
        clients.push((client, hello, welcome));
    }
    let swapped = [clients[1].2.clone(), clients[0].2.clone()];
    let mut initiates = Vec::new();
    for (at, (client, hello, welcome)) in clients.iter_mut().enumerate() {
        // The other's WELCOME: the client is left with a box that does not open.
        let mut other = client_handshake(repeat([16, 32][at]));
        assert_eq!(greeted(&mut other), *hello);
        let refused = end(other.receive(&swapped[at], Instant::now())).unwrap().unwrap_err();
        assert_eq!(refused, ProtocolError::BoxDoesNotOpen.into());
        assert!(end(client.receive(welcome, Instant::now())).is_none());
        let mut initiate = Vec::new();
        client.transmit(&mut initiate);
        initiates.push(initiate);
    }
    for (connection, initiate) in connections.iter_mut().zip(initiates.iter().rev()) {
        // The other's INITIATE, whose cookie is as good as ours but not ours.
        assert_eq!(connection.error(initiate), ProtocolError::BoxDoesNotOpen);
    }
}

#[test]
fn another_writing_of_a_transient_key_is_not_vouched_for() {
    let client = RawClient::new();
    let mut shown = *client.transient.public.as_bytes();
    shown[31] ^= 0x80;
    let shown = CurvePublicKey::from_bytes(shown);
    assert_eq!(fault(RawClient { shown, ..client }), ProtocolError::VouchInvalid);
}

/// The points of small order and their other encodings; all make the secret that is no secret.
fn small_points() -> Vec<CurvePublicKey> {
    let point = |digits: &str| {
        let octets: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        CurvePublicKey::from_bytes(octets.try_into().unwrap())
    };
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
    ]
    .into_iter()
    .map(point)
    .collect()
}

#[test]
fn keys_of_small_order_are_refused_wherever_they_stand() {
    for point in small_points() {
        let mut server = Server::new();
        let fault = server.error(&RawClient { shown: point, ..RawClient::new() }.hello());
        assert_eq!(fault, ProtocolError::WeakKey);
        assert_eq!(fault.zmq_code(), code::CRYPTOGRAPHIC);
        let mut server = Server::new();
        let mut client = RawClient { claimed: Some(point), ..RawClient::new() };
        server.feed(&client.hello());
        client.welcomed(&server.sent());
        assert_eq!(server.error(&client.initiate()), ProtocolError::WeakKey);
    }
}

/// The fault that a server finds in a client made by hand.
fn fault(client: RawClient) -> ProtocolError {
    let mut server = Server::new();
    let mut client = client;
    match server.feed(&client.hello()) {
        Some(Err(HandshakeError::Protocol(fault))) => return fault,
        Some(other) => panic!("{other:?}"),
        None => client.welcomed(&server.sent()),
    }
    server.error(&client.initiate())
}

#[test]
fn every_field_of_a_hello_is_checked() {
    // RFC 26 §The HELLO Command: the server SHALL validate all fields.
    for version in [[0, 0], [1, 1], [2, 0], [0, 1], [0xFF, 0xFF]] {
        let found = fault(RawClient { version, ..RawClient::new() });
        assert_eq!(found.zmq_code(), code::ZMTP_MALFORMED_COMMAND_HELLO);
    }
    for at in 0..72 {
        let mut padding = vec![0; 72];
        padding[at] = 1;
        let found = fault(RawClient { padding, ..RawClient::new() });
        assert_eq!(found, ProtocolError::HelloMalformed);
    }
    for at in 0..64 {
        let mut proof = vec![0; 64];
        proof[at] = 0x80;
        assert_eq!(fault(RawClient { proof, ..RawClient::new() }), ProtocolError::HelloMalformed);
    }
    // Sealed for another server, and shown with a key that it was not sealed with.
    let found = fault(RawClient { server: pair(9).public, ..RawClient::new() });
    assert_eq!(found, ProtocolError::BoxDoesNotOpen);
    let found = fault(RawClient { shown: pair(9).public, ..RawClient::new() });
    assert_eq!(found, ProtocolError::BoxDoesNotOpen);
}

#[test]
fn the_short_nonce_of_an_initiate_is_greater_than_that_of_the_hello() {
    // RFC 26 §The HELLO Command: the server SHALL disconnect clients that reuse a short nonce.
    for (hello_nonce, initiate_nonce) in [(1, 1), (2, 1), (1, 0), (u64::MAX, u64::MAX), (9, 8)] {
        let found = fault(RawClient { hello_nonce, initiate_nonce, ..RawClient::new() });
        assert_eq!(found, ProtocolError::NonceOutOfSequence);
        assert_eq!(found.zmq_code(), code::ZMTP_INVALID_SEQUENCE);
    }
}

#[test]
fn the_vouch_names_this_connection_and_this_server() {
    let client = RawClient::new();
    let ours = client.transient.public.as_bytes().to_vec();
    let server = SERVER.public.as_bytes().to_vec();
    for vouched in [
        [ours.clone(), pair(9).public.as_bytes().to_vec()].concat(),
        [pair(9).public.as_bytes().to_vec(), server.clone()].concat(),
        [server, ours].concat(),
        vec![0; 64],
    ] {
        let found = fault(RawClient { vouched: Some(vouched), ..RawClient::new() });
        assert_eq!(found, ProtocolError::VouchInvalid);
        assert_eq!(found.zmq_code(), code::ZMTP_KEY_EXCHANGE);
    }
    // Vouched by one key, claimed to be another: nobody can borrow a public key.
    let found = fault(RawClient { claimed: Some(pair(9).public), ..RawClient::new() });
    assert_eq!(found, ProtocolError::BoxDoesNotOpen);
    for length in [60, 63, 65, 128] {
        let vouched = Some(vec![0; length]);
        let found = fault(RawClient { vouched, ..RawClient::new() });
        assert_eq!(found, ProtocolError::BoxDoesNotOpen, "{length}");
    }
}

#[test]
fn metadata_in_the_box_is_held_to_the_same_limits_as_in_a_ready() {
    let property = |name: &str, value: &[u8]| {
        let mut octets = vec![name.len() as u8];
        octets.extend_from_slice(name.as_bytes());
        octets.extend_from_slice(&(value.len() as u32).to_be_bytes());
        octets.extend_from_slice(value);
        octets
    };
    let many: Vec<u8> = (0..limits::METADATA_PROPERTIES_MAX + 1)
        .flat_map(|n| property(&format!("X-{n}"), b""))
        .collect();
    for metadata in [
        b"\x03abc".to_vec(),
        b"\0\0\0\0\0".to_vec(),
        b"\x01a\xFF\xFF\xFF\xFF".to_vec(),
        b"\x01a\0\0\0\x02x".to_vec(),
        b"\x01 \0\0\0\0".to_vec(),
        [property("a", b"1"), property("A", b"2")].concat(),
        many,
    ] {
        let found = fault(RawClient { metadata, ..RawClient::new() });
        assert_eq!(found.zmq_code(), code::ZMTP_INVALID_METADATA);
    }
    let largest = property("X-a", &vec![0; limits::METADATA_BYTES_MAX - 8]);
    let mut server = Server::new();
    let mut client = RawClient { metadata: largest.clone(), ..RawClient::new() };
    server.feed(&client.hello());
    client.welcomed(&server.sent());
    assert!(server.feed(&client.initiate()).unwrap().is_ok());
    let metadata = [largest, vec![0]].concat();
    let found = fault(RawClient { metadata, ..RawClient::new() });
    assert!(matches!(found, ProtocolError::HandshakeCommandTooLarge { .. }));
}

#[test]
fn random_bodies_are_refused() {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    let mut cases = Vec::new();
    for (target, name) in [
        (Target::Hello, &b"\x05HELLO\x01\x00"[..]),
        (Target::Initiate, b"\x08INITIATE"),
        (Target::Welcome, b"\x07WELCOME"),
        (Target::Ready, b"\x05READY"),
    ] {
        for round in 0..40 {
            let size = if round % 2 == 0 { usize::from(next()) * 2 } else { 194 };
            let random: Vec<u8> = (0..size).map(|_| next()).collect();
            cases.push((target, frame(&[name, &random].concat())));
            cases.push((target, frame(&random)));
        }
    }
    run(&cases, |end| assert!(end.is_some(), "still waiting"));
}
