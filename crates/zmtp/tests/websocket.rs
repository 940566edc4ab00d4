//! WebSocket connections through the public API: upgrades and frames of both roles, whole and in
//! pieces, from peers that keep to RFC 6455 and RFC 45 and from others.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Instant;

use oxmq_zmtp::{
    Endpoint, Entropy, Established, FRAME_HEADER_MAX, Framing, HandshakeConfig, HandshakeError,
    Masking, Opcode, Progress, ProtocolError, SocketType, UpgradeFault, WsEndpoint, WsFault,
    WsHandshake, WsHeader,
};
use proptest::prelude::*;

const REQUEST: &str = "GET /path HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: ZWS2.0/NULL,ZWS2.0\r\nSec-WebSocket-Version: 13\r\n\r\n";
const READY_DEALER: &[u8] = b"\x02\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\x02me";
const READY_ROUTER: &[u8] = b"\x02\x05READY\x0bSocket-Type\0\0\0\x06ROUTER";
/// No fragmented message may be longer.
const MESSAGE_BYTES_MAX: u64 = 1000;

fn endpoint(text: &str) -> WsEndpoint {
    match Endpoint::parse(text).unwrap() {
        Endpoint::Ws(endpoint) => endpoint,
        other => panic!("{other:?}"),
    }
}

fn server() -> WsHandshake {
    let mut config = HandshakeConfig::new(SocketType::Router);
    config.routing_id = b"us".to_vec();
    WsHandshake::server(config, MESSAGE_BYTES_MAX).unwrap()
}

/// A client whose key is that of RFC 6455 §1.3.
fn client() -> WsHandshake {
    let mut config = HandshakeConfig::new(SocketType::Dealer);
    config.entropy = Entropy::custom(|octets| {
        octets
            .iter_mut()
            .zip(b"the sample nonce".iter().cycle())
            .for_each(|(to, from)| *to = *from);
        Ok(())
    });
    WsHandshake::client(&endpoint("ws://localhost:80/path"), config, MESSAGE_BYTES_MAX).unwrap()
}

fn answer(protocol: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
    )
}

/// A frame as RFC 6455 §5.2 draws it; a client's is masked.
fn frame(first: u8, payload: &[u8], from: Masking) -> Vec<u8> {
    let masked = if from == Masking::Client { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(masked | short as u8),
        medium @ 126..65_536 => {
            frame.push(masked | 126);
            frame.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            frame.push(masked | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    if from == Masking::Server {
        frame.extend_from_slice(payload);
    } else {
        let mask = [0x12, 0x34, 0x56, 0x78];
        frame.extend_from_slice(&mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(octet, key)| octet ^ key));
    }
    frame
}

fn from_client(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, payload, Masking::Client)
}

/// What a handshake came to: the connection and the octets it did not take, or the error.
fn feed(
    handshake: &mut WsHandshake,
    octets: &[u8],
    piece: usize,
) -> Result<Option<(Established, Vec<u8>)>, HandshakeError> {
    let mut rest = octets;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        match handshake.receive(now, Instant::now())? {
            Progress::NeedMore { consumed } => assert_eq!(consumed, now.len()),
            Progress::Done { consumed, established } => {
                let unread = [&now[consumed..], later].concat();
                return Ok(Some((established, unread)));
            }
            other => panic!("{other:?}"),
        }
        rest = later;
    }
    Ok(None)
}

fn said(handshake: &mut WsHandshake) -> Vec<u8> {
    let mut out = Vec::new();
    handshake.transmit(&mut out);
    out
}

/// A server's connection after its handshake.
fn established() -> Established {
    let mut server = server();
    let opening = [REQUEST.as_bytes(), &from_client(0x82, READY_DEALER)].concat();
    feed(&mut server, &opening, opening.len()).unwrap().unwrap().0
}

fn fault(octets: &[u8]) -> ProtocolError {
    let mut codec = established().codec.unwrap();
    let whole = codec.decoder.decode(octets, &mut Vec::new()).unwrap_err();
    // The fault is the same however the octets arrive, and no later.
    let (mut codec, mut held) = (established().codec.unwrap(), Vec::new());
    for octet in octets {
        held.push(*octet);
        match codec.decoder.decode(&held, &mut Vec::new()) {
            Ok(taken) => drop(held.drain(..taken)),
            Err(error) => {
                assert_eq!(error, whole);
                return whole;
            }
        }
    }
    panic!("{whole:?} only when whole");
}

#[test]
fn both_roles_agree_in_pieces_of_every_size() {
    let ours = said(&mut client());
    let text = String::from_utf8(ours).unwrap();
    assert!(text.starts_with("GET /path HTTP/1.1\r\nHost: localhost\r\n"), "{text}");
    assert!(text.contains("\r\nSec-WebSocket-Protocol: ZWS2.0/NULL,ZWS2.0\r\n"), "{text}");
    for piece in 1..300 {
        let (mut server, mut client) = (server(), client());
        let request = said(&mut client);
        assert!(feed(&mut server, &request, piece).unwrap().is_none());
        let reply = said(&mut server);
        let Some((at_client, rest)) = feed(&mut client, &reply, piece).unwrap() else {
            panic!("the server's READY comes with its answer");
        };
        assert!(rest.is_empty());
        let ready = said(&mut client);
        let trailing = [&ready[..], b"traffic"].concat();
        let (at_server, rest) = feed(&mut server, &trailing, piece).unwrap().unwrap();
        assert_eq!(rest, b"traffic");
        assert_eq!(at_server.peer_type, Some(SocketType::Dealer));
        assert_eq!(at_client.peer_type, Some(SocketType::Router));
        // RFC 45 §Publish-Subscribe: subscriptions are messages.
        assert!(!at_server.subscribes_by_command && at_server.pings);
    }
}

// RFC 6455 §4.2.2 with the example of §1.3.
#[test]
fn the_answer_is_the_standards_example() {
    let mut server = server();
    assert!(feed(&mut server, REQUEST.as_bytes(), 7).unwrap().is_none());
    let said = said(&mut server);
    let (head, frames) = said.split_at(answer("ZWS2.0/NULL").len());
    assert_eq!(head, answer("ZWS2.0/NULL").as_bytes());
    assert_eq!(
        frames,
        frame(0x82, &[READY_ROUTER, b"\x08Identity\0\0\0\x02us"].concat(), Masking::Server)
    );
}

// RFC 45 §Handshake: the server chooses one of the client's; the first that it speaks.
#[test]
fn the_first_sub_protocol_that_both_speak_is_chosen() {
    for (offered, chosen) in [
        ("ZWS2.0", "ZWS2.0"),
        ("ZWS2.0, ZWS2.0/NULL", "ZWS2.0"),
        ("other , ZWS2.0/NULL,ZWS2.0", "ZWS2.0/NULL"),
        ("a\r\nSec-WebSocket-Protocol: ZWS2.0/NULL", "ZWS2.0/NULL"),
    ] {
        let request = REQUEST.replace("ZWS2.0/NULL,ZWS2.0", offered);
        let mut server = server();
        feed(&mut server, request.as_bytes(), request.len()).unwrap();
        let text = String::from_utf8_lossy(&said(&mut server)).into_owned();
        assert!(text.contains(&format!("Sec-WebSocket-Protocol: {chosen}\r\n")), "{offered}");
    }
    let mut config = HandshakeConfig::new(SocketType::Router);
    config.zap = true;
    // Where peers have to be authenticated, they cannot go without a mechanism.
    let mut strict = WsHandshake::server(config, MESSAGE_BYTES_MAX).unwrap();
    let bare = REQUEST.replace("ZWS2.0/NULL,", "");
    let error = feed(&mut strict, bare.as_bytes(), 9).unwrap_err();
    assert_eq!(error, HandshakeError::Upgrade(UpgradeFault::Protocol));
}

// RFC 45 §No Mechanism.
#[test]
fn without_mechanism_each_side_begins_with_its_routing_id() {
    let request = REQUEST.replace("ZWS2.0/NULL,", "");
    let opening = [request.as_bytes(), &from_client(0x82, b"\0me")].concat();
    let mut ours = server();
    let (established, _) = feed(&mut ours, &opening, 11).unwrap().unwrap();
    assert_eq!((established.routing_id, established.peer_type), (b"me".to_vec(), None));
    assert!(said(&mut ours).ends_with(&frame(0x82, b"\0us", Masking::Server)));

    for (first, expected) in [
        (&b"\x01me"[..], ProtocolError::IdentityWithMore),
        (b"\x02me", ProtocolError::UnexpectedCommand { state: "identity" }),
        (&[0; 257], ProtocolError::RoutingIdTooLong),
    ] {
        let opening = [request.as_bytes(), &from_client(0x82, first)].concat();
        let error = feed(&mut server(), &opening, 100).unwrap_err();
        assert_eq!(error, HandshakeError::Protocol(expected));
    }
}

/// What a server makes of a request, whole and octet by octet, and what it answers.
fn refused(request: &[u8]) -> (UpgradeFault, String) {
    let (mut whole, mut slow) = (server(), server());
    let error = feed(&mut whole, request, request.len()).unwrap_err();
    assert_eq!(feed(&mut slow, request, 1).unwrap_err(), error);
    assert_eq!(error.zmq_code(), Some(0x3000_0000));
    let HandshakeError::Upgrade(fault) = error else { panic!("{error:?}") };
    (fault, String::from_utf8(said(&mut whole)).unwrap())
}

// RFC 6455 §4.2.1: what the request MUST have.
#[test]
fn requests_that_are_none_are_refused_with_an_answer() {
    let without = |line: &str| REQUEST.replace(line, "");
    let count = UpgradeFault::Count;
    let cases = [
        (REQUEST.replace("GET ", "POST "), UpgradeFault::RequestLine),
        (REQUEST.replace("HTTP/1.1", "HTTP/1.0"), UpgradeFault::RequestLine),
        (REQUEST.replace("HTTP/1.1", "HTTP/1.1 "), UpgradeFault::RequestLine),
        (REQUEST.replace("/path", "path"), UpgradeFault::RequestLine),
        (without("Host: localhost\r\n"), count("Host")),
        (REQUEST.replace("Host: localhost", "Host: a\r\nHost: b"), count("Host")),
        (without("Upgrade: websocket\r\n"), count("Upgrade")),
        (REQUEST.replace("websocket", "h2c"), UpgradeFault::Value("Upgrade")),
        (without("Connection: Upgrade\r\n"), count("Connection")),
        (REQUEST.replace("n: Upgrade", "n: close"), UpgradeFault::Value("Connection")),
        (without("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), count("Sec-WebSocket-Key")),
        (REQUEST.replace("ZQ==", "ZQ="), UpgradeFault::Value("Sec-WebSocket-Key")),
        (without("Sec-WebSocket-Version: 13\r\n"), count("Sec-WebSocket-Version")),
        (REQUEST.replace(": 13", ": 8"), UpgradeFault::Version),
        (without("Sec-WebSocket-Protocol: ZWS2.0/NULL,ZWS2.0\r\n"), UpgradeFault::Protocol),
        (REQUEST.replace("ZWS2.0/NULL,ZWS2.0", "zws2.0,ZWS3.0"), UpgradeFault::Protocol),
        (REQUEST.replace("Host:", "Host :"), UpgradeFault::HeaderLine),
        (REQUEST.replace("\r\nHost", "\r\n Host"), UpgradeFault::HeaderLine),
        (REQUEST.replace("localhost", "local\u{1}host"), UpgradeFault::HeaderLine),
        (REQUEST.replace("localhost", "local\rhost"), UpgradeFault::HeaderLine),
        (
            REQUEST.replace("Host", "Content-Length: 5\r\nHost"),
            UpgradeFault::Unasked("Content-Length"),
        ),
        (
            REQUEST.replace("Host", "Transfer-Encoding: chunked\r\nHost"),
            UpgradeFault::Unasked("Transfer-Encoding"),
        ),
        (REQUEST.replace("Host", &("A: b\r\n".repeat(60) + "Host")), UpgradeFault::TooManyFields),
        (REQUEST.replace("localhost", &"h".repeat(8192)), UpgradeFault::TooLong),
        ("\r\n\r\n".to_owned(), UpgradeFault::RequestLine),
    ];
    for (request, expected) in cases {
        let (fault, said) = refused(request.as_bytes());
        assert_eq!(fault, expected, "{request}");
        let status = if fault == UpgradeFault::Version { "426 " } else { "400 " };
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{said}");
        assert!(said.ends_with("\r\n\r\n"), "{said}");
    }
    // A peer of plain ZMTP, or of anything else that is no text, is not heard to the end.
    assert_eq!(refused(b"\xff\0\0\0\0\0\0\0\x01\x7f").0, UpgradeFault::HeaderLine);
    assert_eq!(refused(&vec![b'A'; 9000]).0, UpgradeFault::TooLong);
}

// RFC 6455 §4.1: what the client MUST check.
#[test]
fn answers_that_do_not_fit_are_refused() {
    let good = answer("ZWS2.0/NULL");
    let cases = [
        (good.replace("101 Switching", "200 OK"), UpgradeFault::Status(200)),
        (good.replace("HTTP/1.1 101", "HTTP/1.0 101"), UpgradeFault::StatusLine),
        (good.replace("101 ", "1011 "), UpgradeFault::StatusLine),
        (good.replace("Upgrade: websocket\r\n", ""), UpgradeFault::Count("Upgrade")),
        (good.replace("Connection: Upgrade\r\n", ""), UpgradeFault::Count("Connection")),
        (good.replace("s3pP", "S3pP"), UpgradeFault::AcceptKey),
        (
            good.replace("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", ""),
            UpgradeFault::Count("Sec-WebSocket-Accept"),
        ),
        (good.replace("ZWS2.0/NULL", "ZWS2.0/PLAIN"), UpgradeFault::Protocol),
        (good.replace("Sec-WebSocket-Protocol: ZWS2.0/NULL\r\n", ""), UpgradeFault::Protocol),
        (
            good.replace("Upgrade: w", "Sec-WebSocket-Extensions: x\r\nUpgrade: w"),
            UpgradeFault::Unasked("Sec-WebSocket-Extensions"),
        ),
        (good.replace("websocket", &"w".repeat(8192)), UpgradeFault::TooLong),
    ];
    for (answer, expected) in cases {
        for piece in [1, 10_000] {
            let error = feed(&mut client(), answer.as_bytes(), piece).unwrap_err();
            assert_eq!(error, HandshakeError::Upgrade(expected), "{answer}");
        }
    }
}

// RFC 6455 §5 and RFC 45 §Framing.
#[test]
fn frames_outside_the_rules_end_the_connection() {
    let huge = |octets: [u8; 8]| [&b"\x82\xff"[..], &octets, &[0; 4]].concat();
    for (octets, expected) in [
        (from_client(0xC2, b"\0x"), WsFault::ReservedBits),
        (from_client(0x92, b"\0x"), WsFault::ReservedBits),
        (from_client(0x83, b"\0x"), WsFault::Opcode(3)),
        (from_client(0x8B, b""), WsFault::Opcode(0xB)),
        (frame(0x82, b"\0x", Masking::Server), WsFault::Unmasked),
        (from_client(0x81, b"\0x"), WsFault::Text),
        (from_client(0x82, b""), WsFault::NoFlags),
        (from_client(0x82, b"\x03x"), WsFault::Flags(3)),
        (from_client(0x82, b"\x04x"), WsFault::Flags(4)),
        (from_client(0x80, b"\0x"), WsFault::Fragment),
        ([from_client(0x02, b"\0x"), from_client(0x82, b"\0x")].concat(), WsFault::Fragment),
        (from_client(0x09, b""), WsFault::Control),
        (b"\x89\xfe\0\x7e\0\0\0\0".to_vec(), WsFault::Control),
        (from_client(0x88, b"x"), WsFault::Control),
        // A length in more octets than it needs, and one of 2^63.
        (b"\x82\xfe\0\x05\0\0\0\0".to_vec(), WsFault::Length),
        (huge([0, 0, 0, 0, 0, 0, 0xff, 0xff]), WsFault::Length),
        (huge([0x80, 0, 0, 0, 0, 0, 0, 0]), WsFault::Length),
        (huge([0xff; 8]), WsFault::Length),
        ([from_client(0x02, &[0; 900]), from_client(0x80, &[0; 102])].concat(), WsFault::TooLong),
    ] {
        assert_eq!(fault(&octets), ProtocolError::WebSocket(expected));
    }
    // The largest length that is one only has to wait.
    let mut codec = established().codec.unwrap();
    let largest = huge([0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(codec.decoder.decode(&largest, &mut Vec::new()), Ok(0));
    assert_eq!(fault(&from_client(0x88, b"\x03\xe8")), ProtocolError::WebSocketClosed);
    // A client refuses what a server masks.
    let masked = [answer("ZWS2.0/NULL").as_bytes(), &from_client(0x82, READY_ROUTER)].concat();
    let error = feed(&mut client(), &masked, 64).unwrap_err();
    assert_eq!(error, HandshakeError::Protocol(ProtocolError::WebSocket(WsFault::Masked)));
}

// RFC 6455 §5.4 and §5.5.
#[test]
fn fragments_are_put_together_around_control_frames_which_are_answered() {
    let mut codec = established().codec.unwrap();
    let octets = [
        from_client(0x02, b"\x01pa"),
        from_client(0x89, b"are you there, and have you been for a while?"),
        from_client(0x00, b""),
        from_client(0x8A, b"unasked"),
        from_client(0x80, b"rt"),
        from_client(0x82, b"\0end"),
    ]
    .concat();
    let mut plain = Vec::new();
    assert_eq!(codec.decoder.decode(&octets, &mut plain), Ok(octets.len()));
    // The ping is a PING command, which comes when it was sent.
    assert_eq!(plain, b"\x04\x07\x04PING\0\0\x01\x04part\x00\x03end");
    let mut out = Vec::new();
    codec.encoder.encode(false, true, b"\x04PONG", &mut out).unwrap();
    let pong = b"are you there, and have you been for a while?";
    assert_eq!(out, frame(0x8A, pong, Masking::Server));
    // A PONG that no ping asked for answers a PING command; a heartbeat of ours is a ping.
    out.clear();
    codec.encoder.encode(false, true, b"\x04PONGctx", &mut out).unwrap();
    codec.encoder.encode(false, true, b"\x04PING\0\0", &mut out).unwrap();
    let expected = [frame(0x82, b"\x02\x04PONGctx", Masking::Server), vec![0x89, 0]].concat();
    assert_eq!(out, expected);
}

#[test]
fn a_flood_of_pings_is_one_answer() {
    let mut codec = established().codec.unwrap();
    for number in 0..10_000_u32 {
        let ping = from_client(0x89, &number.to_be_bytes());
        codec.decoder.decode(&ping, &mut Vec::new()).unwrap();
    }
    let mut out = Vec::new();
    codec.encoder.encode(false, true, b"\x04PONG", &mut out).unwrap();
    assert_eq!(out, frame(0x8A, &9_999_u32.to_be_bytes(), Masking::Server));
}

// RFC 6455 §5.5.1 and §7.4.1.
#[test]
fn a_close_is_answered_with_its_status_and_a_fault_with_our_own() {
    let close = |octets: &[u8], faulty| {
        let mut codec = established().codec.unwrap();
        let _ = codec.decoder.decode(octets, &mut Vec::new());
        let mut out = Vec::new();
        codec.encoder.close(faulty, &mut out);
        out
    };
    let answered = close(&from_client(0x88, b"\x03\xe8bye"), false);
    assert_eq!(answered, frame(0x88, b"\x03\xe8", Masking::Server));
    assert_eq!(close(&from_client(0x88, b""), false), [0x88, 0]);
    assert_eq!(close(b"", false), frame(0x88, &1001_u16.to_be_bytes(), Masking::Server));
    assert_eq!(close(b"\xff", true), frame(0x88, &1002_u16.to_be_bytes(), Masking::Server));
}

#[test]
fn every_header_reads_back_and_lengths_change_form_where_the_standard_says() {
    for (size, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10), (1 << 20, 10)] {
        for (from, mask) in [(Masking::Server, 0), (Masking::Client, 4)] {
            let octets = frame(0x82, &vec![0; size], from);
            let read = WsHeader::decode(&octets, from).unwrap().unwrap();
            assert_eq!((read.header_len, read.payload_len), (header + mask, size as u64));
            assert_eq!((read.opcode, read.fin), (Opcode::Binary, true));
            assert_eq!(read.frame_len(), octets.len() as u64);
        }
    }
}

/// Connected codecs of both roles.
fn ends() -> (Established, Established) {
    let (mut server, mut client) = (server(), client());
    let request = said(&mut client);
    feed(&mut server, &request, 4096).unwrap();
    let (at_client, _) = feed(&mut client, &said(&mut server), 4096).unwrap().unwrap();
    let (at_server, _) = feed(&mut server, &said(&mut client), 4096).unwrap().unwrap();
    (at_server, at_client)
}

proptest! {
    #[test]
    fn frames_arrive_as_they_were_sent_in_whatever_pieces(
        bodies in prop::collection::vec((any::<bool>(), 0..70_000_usize), 1..12),
        piece in 1..5000_usize,
        from_client in any::<bool>(),
    ) {
        let (server, client) = ends();
        let (sender, receiver) = if from_client { (client, server) } else { (server, client) };
        let (mut sender, mut receiver) = (sender.codec.unwrap(), receiver.codec.unwrap());
        let (mut wire, mut expected) = (Vec::new(), Vec::new());
        for (number, (more, size)) in bodies.into_iter().enumerate() {
            let body = vec![number as u8; size];
            sender.encoder.encode(more, false, &body, &mut wire).unwrap();
            let mut header = [0; FRAME_HEADER_MAX];
            let len = Framing::V3.encode(more, false, size as u64, &mut header);
            expected.extend_from_slice(&header[..len]);
            expected.extend_from_slice(&body);
        }
        let (mut held, mut plain) = (Vec::new(), Vec::new());
        for octets in wire.chunks(piece) {
            held.extend_from_slice(octets);
            let taken = receiver.decoder.decode(&held, &mut plain).unwrap();
            held.drain(..taken);
        }
        prop_assert!(held.is_empty() && plain == expected);
    }

    #[test]
    fn no_octets_make_a_server_panic_or_hold_more_than_its_bound(
        octets in prop::collection::vec(any::<u8>(), 0..600),
        after_upgrade in any::<bool>(),
        piece in 1..100_usize,
    ) {
        let mut ours = server();
        if after_upgrade {
            feed(&mut ours, REQUEST.as_bytes(), 4096).unwrap();
        }
        let _ = feed(&mut ours, &octets, piece);
        let mut codec = established().codec.unwrap();
        let mut plain = Vec::new();
        let _ = codec.decoder.decode(&octets, &mut plain);
        prop_assert!(plain.len() <= 10 * octets.len() + 9);
    }

    #[test]
    fn a_request_that_is_changed_anywhere_is_refused_or_agrees(
        at in 0..REQUEST.len(),
        octet in any::<u8>(),
    ) {
        let mut request = REQUEST.as_bytes().to_vec();
        request[at] = octet;
        let mut ours = server();
        if feed(&mut ours, &request, 4096).is_ok() {
            let said = said(&mut ours);
            prop_assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 101 "));
        }
    }
}
