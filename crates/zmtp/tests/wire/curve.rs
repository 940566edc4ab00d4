//! CURVE between two ends of ours: versions, splits, and the traffic that follows.

use oxmq_zmtp::{
    Command, Decoder, Encoder, FRAME_HEADER_MAX, Framing, HandshakeConfig, ProtocolError,
    TrafficCodec, ZapVerdict, code, encode_subscription,
};

use crate::pair::*;
use crate::support::*;

/// The codecs of a client and a server that have met.
fn codecs() -> [TrafficCodec; 2] {
    introduce(curve_client(), curve_server(), &ZapVerdict::granted())
        .map(|end| end.established().codec.take().unwrap())
}

/// A frame in plain form.
fn plain(more: bool, command: bool, body: &[u8]) -> Vec<u8> {
    let mut header = [0; FRAME_HEADER_MAX];
    let header_len = Framing::V3.encode(more, command, body.len() as u64, &mut header);
    [&header[..header_len], body].concat()
}

fn sealed(encoder: &mut Encoder, more: bool, command: bool, body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    assert_eq!(encoder.encode(more, command, body, &mut wire), Ok(()));
    wire
}

fn opened(decoder: &mut Decoder, wire: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    let mut out = Vec::new();
    decoder.decode(wire, &mut out).map(|taken| {
        assert_eq!(taken, wire.len());
        out
    })
}

#[test]
fn both_versions_agree_and_tell_how_to_subscribe() {
    for (minor, version) in [(0, (3, 0)), (1, (3, 1)), (9, (3, 1))] {
        let mut client = End::new(curve_client());
        let mut server = End::new(curve_server());
        let verdict = ZapVerdict::granted();
        let peer = greeting(3, minor, b"CURVE");
        let mut wire = client.feed(&peer, &verdict)[64..].to_vec();
        server.feed(&peer, &verdict);
        for _ in 0..2 {
            let answer = server.feed(&wire, &verdict);
            wire = client.feed(&answer, &verdict);
        }
        for end in [client, server] {
            let established = end.established();
            assert_eq!(established.version, version);
            assert_eq!(established.subscribes_by_command, version == (3, 1));
            assert!(established.codec.is_some());
        }
    }
}

#[test]
fn every_split_of_a_session_ends_the_same() {
    for (client, server) in [(curve_client(), curve_server()), (plain_client(), plain_server())] {
        for step in [1, 2, 3, 7, 63, 64, 65, 200, 201] {
            let verdict = ZapVerdict::granted();
            let zap = HandshakeConfig { zap: true, ..server.clone() };
            let mut ends = [End::new(client.clone()), End::new(zap)];
            let mut wires = [ends[0].feed(b"", &verdict), ends[1].feed(b"", &verdict)];
            while wires.iter().any(|wire| !wire.is_empty()) {
                for (from, to) in [(0, 1), (1, 0)] {
                    let some = wires[from].len().min(step);
                    let piece: Vec<u8> = wires[from].drain(..some).collect();
                    if !piece.is_empty() {
                        let answer = ends[to].feed(&piece, &verdict);
                        wires[to].extend(answer);
                    }
                }
            }
            let [client, server] = ends;
            assert_eq!(client.established().routing_id, b"them", "{step}");
            assert_eq!(server.established().routing_id, b"me", "{step}");
        }
    }
}

#[test]
fn a_message_has_the_form_of_the_rfc_and_the_flags_of_libzmq() {
    let [mut client, mut server] = codecs();
    for (nonce, (more, command), body) in [
        (3_u64, (false, false), &b"hi"[..]),
        (4, (true, false), b""),
        (5, (false, true), b"\x04PING\0\0"),
    ] {
        let wire = sealed(&mut client.encoder, more, command, body);
        // RFC 26 §The MESSAGE Command: name, short nonce, box of one flags octet and the data.
        assert_eq!(wire.len(), 2 + 33 + body.len());
        // As a message of one part: libzmq takes no other.
        assert_eq!(wire[..10], [&[0, 33 + body.len() as u8][..], b"\x07MESSAGE"].concat());
        assert_eq!(wire[10..18], nonce.to_be_bytes());
        assert!(body.len() < 3 || !wire.windows(body.len()).any(|window| window == body));
        assert_eq!(opened(&mut server.decoder, &wire).unwrap(), plain(more, command, body));
    }
    // The server has sent one command before, its READY.
    assert_eq!(sealed(&mut server.encoder, false, false, b"x")[10..18], 2_u64.to_be_bytes());
}

#[test]
fn bodies_of_every_size_pass_and_in_every_split() {
    let [mut client, mut server] = codecs();
    for size in (0..600).chain([65_535, 65_536, 1_000_000]) {
        let body: Vec<u8> = (0..size).map(|at| (at * 7) as u8).collect();
        let wire = sealed(&mut client.encoder, size % 2 == 1, false, &body);
        let out = opened(&mut server.decoder, &wire).unwrap();
        assert_eq!(out, plain(size % 2 == 1, false, &body));
    }
    // Three frames, cut everywhere: nothing is taken but whole frames, each once.
    let frames: Vec<Vec<u8>> = [&b"one"[..], &[b'x'; 300], b""]
        .iter()
        .map(|body| sealed(&mut client.encoder, false, false, body))
        .collect();
    let wire = frames.concat();
    let mut got = Vec::new();
    let mut from = 0;
    for end in 0..=wire.len() {
        from += server.decoder.decode(&wire[from..end], &mut got).unwrap();
    }
    assert_eq!(from, wire.len());
    let whole = [plain(false, false, b"one"), plain(false, false, &[b'x'; 300]), vec![0, 0]];
    assert_eq!(got, whole.concat());
    assert_eq!(server.decoder.frame_len(&frames[0]), Ok(Some(frames[0].len() as u64)));
}

#[test]
fn a_frame_that_comes_again_or_too_late_ends_the_connection_in_either_direction() {
    // RFC 26 §The HELLO Command and §The READY Command: each side SHALL disconnect from a peer that
    // reuses a short nonce.
    for direction in [0, 1] {
        let send = |count: usize| {
            let mut pair = codecs();
            pair.rotate_left(direction);
            let [mut from, to] = pair;
            let frames: Vec<_> =
                (0..count).map(|n| sealed(&mut from.encoder, false, false, &[n as u8])).collect();
            (frames, to.decoder)
        };
        let (frames, mut decoder) = send(4);
        for index in [0, 1, 2] {
            assert_eq!(opened(&mut decoder, &frames[index]).unwrap(), [0, 1, index as u8]);
            for again in &frames[..=index] {
                let error = opened(&mut decoder, again).unwrap_err();
                assert_eq!(error, ProtocolError::NonceOutOfSequence);
                assert_eq!(error.zmq_code(), code::ZMTP_INVALID_SEQUENCE);
            }
        }
        // A frame that overtook another: the other one is refused.
        let (frames, mut decoder) = send(2);
        assert!(opened(&mut decoder, &frames[1]).is_ok());
        assert_eq!(opened(&mut decoder, &frames[0]), Err(ProtocolError::NonceOutOfSequence));
    }
}

#[test]
fn a_frame_of_our_own_or_of_another_session_does_not_open() {
    let [mut client, mut server] = codecs();
    let [mut other, _] = codecs();
    let own = sealed(&mut client.encoder, false, false, b"x");
    assert_eq!(opened(&mut client.decoder, &own), Err(ProtocolError::BoxDoesNotOpen));
    let foreign = sealed(&mut other.encoder, false, false, b"x");
    assert_eq!(opened(&mut server.decoder, &foreign), Err(ProtocolError::BoxDoesNotOpen));
}

#[test]
fn any_changed_bit_of_a_message_ends_the_connection_and_leaves_nothing_behind() {
    let [mut client, mut server] = codecs();
    let wire = sealed(&mut client.encoder, false, false, b"attack at dawn");
    for octet in 0..wire.len() {
        for bit in 0..8 {
            // RFC 26 calls MESSAGE a command, so the command flag is accepted.
            if (octet, bit) == (0, 2) {
                continue;
            }
            let mut forged = wire.clone();
            forged[octet] ^= 1 << bit;
            let mut out = b"before".to_vec();
            match server.decoder.decode(&forged, &mut out) {
                Ok(taken) => assert!(taken == 0 && octet < 2, "a longer frame is waited for"),
                Err(_) => assert!(octet > 0 || bit != 1),
            }
            assert_eq!(out, b"before");
        }
    }
    let mut command = wire;
    command[0] = 4;
    let whole = plain(false, false, b"attack at dawn");
    assert_eq!(opened(&mut server.decoder, &command).unwrap(), whole);
}

#[test]
fn traffic_that_is_no_message_has_the_numbers_of_libzmq() {
    for (wire, number) in [
        (plain(false, false, b"hello"), code::ZMTP_MALFORMED_COMMAND_UNSPECIFIED),
        (plain(false, true, b"\x04PING\0\0"), code::ZMTP_UNEXPECTED_COMMAND),
        (plain(false, true, b"\x05ERROR\x03400"), code::ZMTP_UNEXPECTED_COMMAND),
        (
            plain(false, false, &[b"\x07MESSAGE", &[0; 24][..]].concat()),
            code::ZMTP_MALFORMED_COMMAND_MESSAGE,
        ),
        (
            plain(true, false, &[b"\x07MESSAGE", &[9; 40][..]].concat()),
            code::ZMTP_MALFORMED_COMMAND_MESSAGE,
        ),
        (plain(false, false, &[b"\x07MESSAGE", &[9; 40][..]].concat()), code::CRYPTOGRAPHIC),
        (plain(false, false, b""), code::ZMTP_MALFORMED_COMMAND_UNSPECIFIED),
        (vec![0xFF, 1, 1], code::ZMTP_UNSPECIFIED),
    ] {
        let [_, mut server] = codecs();
        let error = opened(&mut server.decoder, &wire).unwrap_err();
        assert_eq!(error.zmq_code(), number, "{}", wire.escape_ascii());
    }
}

#[test]
fn every_command_passes_every_mechanism_as_it_is() {
    let mut frames: Vec<Vec<u8>> = Vec::new();
    let mut push = |command: Command<'_>| {
        let mut out = Vec::new();
        command.encode(&mut out);
        frames.push(out);
    };
    push(Command::Subscribe(b"topic"));
    push(Command::Cancel(b"topic"));
    push(Command::Subscribe(&[b't'; 400]));
    push(Command::Ping { ttl_deciseconds: 10, context: b"0123456789abcdef" });
    push(Command::Pong { context: b"0123456789abcdef" });
    push(Command::Join(b"group"));
    push(Command::Leave(b"group"));
    push(Command::Unknown { name: b"NEWER", body: b"anything" });
    for subscribe in [true, false] {
        let mut out = Vec::new();
        encode_subscription(Framing::V3, false, subscribe, b"topic", &mut out);
        frames.push(out);
    }
    frames.push(plain(true, false, b"first of two"));
    frames.push(plain(false, false, &[0; 1000]));
    let plain_pair = || TrafficCodec { encoder: Encoder::plain(), decoder: Decoder::plain() };
    let [curve_client, curve_server] = codecs();
    let [one, two] = codecs();
    for (mut from, mut to) in
        [(plain_pair(), plain_pair()), (curve_client, curve_server), (two, one)]
    {
        for frame in &frames {
            let header = Framing::V3.decode(frame).unwrap().unwrap();
            let body = &frame[header.header_len..];
            let wire = sealed(&mut from.encoder, header.more, header.command, body);
            assert_eq!(&opened(&mut to.decoder, &wire).unwrap(), frame);
        }
    }
}

#[test]
fn random_traffic_is_refused() {
    let [_, server] = codecs();
    let mut decoder = server.decoder;
    let mut state: u32 = 1;
    for _ in 0..20_000 {
        let size = 1 + (state >> 16) as usize % 200;
        let octets: Vec<u8> = (0..size)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let mut out = Vec::new();
        assert!(matches!(decoder.decode(&octets, &mut out), Ok(0) | Err(_)));
        assert!(out.is_empty());
    }
}
