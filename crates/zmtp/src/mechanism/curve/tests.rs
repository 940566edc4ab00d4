//! A server and a client of CURVE against peers made by hand, good and bad.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hostile;
mod raw;

use std::sync::Arc;
use std::time::{Duration, Instant};

use raw::*;

use crate::{
    CookieKeys, HandshakeError, Progress, ProtocolError, SocketType, ZapFault, ZapStatus,
    ZapVerdict, code, limits,
};

#[test]
fn commands_have_the_sizes_of_the_rfc() {
    let session = recorded();
    // RFC 26 §The HELLO Command: 200 octets. A short command frame adds two.
    assert_eq!((session.hello.len(), &session.hello[..8]), (202, &b"\x04\xC8\x05HELLO"[..]));
    // RFC 26 §The HELLO Command: the version SHALL be 1 and 0, the padding zero.
    assert_eq!(session.hello[8..10], [1, 0]);
    assert_eq!(session.hello[10..82], [0; 72]);
    // RFC 26 §The WELCOME Command: 168 octets.
    assert_eq!((session.welcome.len(), &session.welcome[..10]), (170, &b"\x04\xA8\x07WELCOME"[..]));
    // RFC 26 §The INITIATE Command: at least 257 octets.
    let properties = b"\x0BSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\x02me".len();
    assert_eq!(session.initiate.len(), 9 + 257 + properties);
    assert_eq!(session.initiate[9..18], *b"\x08INITIATE");
    // RFC 26 §The READY Command: at least 30 octets.
    let properties = b"\x0BSocket-Type\0\0\0\x06ROUTER\x08Identity\0\0\0\x04them".len();
    assert_eq!(session.ready.len(), 2 + 30 + properties);
    // RFC 26 §The HELLO Command and §The READY Command: short nonces increment.
    assert_eq!(session.hello[114..122], 1_u64.to_be_bytes());
    assert_eq!(session.initiate[9 + 105..9 + 113], 2_u64.to_be_bytes());
    assert_eq!(session.ready[8..16], 1_u64.to_be_bytes());
}

#[test]
fn a_client_made_by_hand_is_let_in() {
    let mut server = Server::new();
    let mut client = RawClient::new();
    assert!(server.feed(&client.hello()).is_none());
    client.welcomed(&server.sent());
    let established = server.feed(&client.initiate()).unwrap().unwrap();
    assert_eq!(established.routing_id, b"me");
    assert!(established.codec.is_some());
    assert_eq!(&server.sent()[2..8], b"\x05READY");
}

#[test]
fn two_connections_never_share_keys_nonces_or_cookies() {
    // RFC 26 §The HELLO Command: a unique key pair for each connection. §The WELCOME Command: the
    // server SHALL generate a new cookie for each WELCOME, with a nonce of its own.
    let mut hellos = Vec::new();
    let mut welcomes = Vec::new();
    let mut server = Server::new();
    for _ in 0..3 {
        let mut client = client_handshake(system());
        let hello = greeted(&mut client);
        server.restart();
        server.feed(&hello);
        welcomes.push(server.sent()[10..26].to_vec());
        hellos.push(hello[82..114].to_vec());
    }
    for list in [hellos, welcomes] {
        assert!(list[0] != list[1] && list[1] != list[2] && list[0] != list[2]);
    }
}

#[test]
fn a_cookie_opens_once_on_its_own_connection_and_for_two_minutes_at_most() {
    let minute = limits::COOKIE_KEY_LIFETIME;
    for (age, opens) in [
        (Duration::ZERO, true),
        (minute, true),
        (2 * minute - Duration::from_millis(1), true),
        // RFC 26 §The WELCOME Command: the server MUST discard the cookie key after a short
        // interval.
        (2 * minute, false),
        (100 * minute, false),
    ] {
        let mut server = Server::new();
        let mut client = RawClient::new();
        server.feed(&client.hello());
        client.welcomed(&server.sent());
        server.now += age;
        match server.feed(&client.initiate()).unwrap() {
            Ok(_) => assert!(opens, "{age:?}"),
            Err(error) => {
                assert!(!opens, "{age:?}");
                assert_eq!(error, ProtocolError::CookieExpired.into());
                assert_eq!(error.zmq_code(), Some(code::CRYPTOGRAPHIC));
            }
        }
    }
    // A whole recorded session, replayed to a second connection of the same server.
    let mut server = Server::new();
    let mut client = RawClient::new();
    let hello = client.hello();
    server.feed(&hello);
    client.welcomed(&server.sent());
    let initiate = client.initiate();
    assert!(server.feed(&initiate).unwrap().is_ok());
    server.restart();
    assert!(server.feed(&hello).is_none());
    assert_eq!(server.error(&initiate), ProtocolError::BoxDoesNotOpen);
}

#[test]
fn a_cookie_key_seals_for_a_minute_and_is_then_replaced() {
    let cookies = CookieKeys::new();
    let start = Instant::now();
    let entropy = system();
    let at = |seconds| start + Duration::from_secs(seconds);
    let (first, key) = cookies.sealing(start, &entropy).unwrap();
    assert_eq!(cookies.sealing(at(59), &entropy).unwrap(), (first, key.clone()));
    let (second, other) = cookies.sealing(at(60), &entropy).unwrap();
    assert_eq!(second, first + 1);
    assert_ne!(other, key);
    assert_eq!(cookies.opening(at(60), first), Some(key));
    assert_eq!(cookies.opening(at(60), second), Some(other));
    assert_eq!(cookies.opening(at(60), second + 1), None);
    assert_eq!(cookies.opening(at(120), first), None);
    assert!(cookies.opening(at(179), second).is_some());
    assert_eq!(cookies.opening(at(180), second), None);
}

#[test]
fn the_zap_handler_gets_the_clients_key_and_decides() {
    let granted = |user: &[u8]| ZapVerdict::Granted {
        user_id: user.to_vec(),
        metadata: crate::Metadata::parse(b"\x03X-Z\0\0\0\x01z").unwrap(),
    };
    let ask = |verdict: ZapVerdict| {
        let mut server = Server::with_zap();
        let mut client = RawClient::new();
        server.feed(&client.hello());
        client.welcomed(&server.sent());
        let asked = server.handshake.receive(&client.initiate(), server.now).unwrap();
        let Progress::Authenticate { request, .. } = asked else { panic!("{asked:?}") };
        // RFC 27 §The CURVE Mechanism: the credentials SHALL be the 32 octets of the public key.
        assert_eq!(request.credentials, [CLIENT.public.as_bytes().to_vec()]);
        assert_eq!((request.mechanism, &*request.routing_id), ("CURVE", &b"them"[..]));
        assert_eq!(server.sent(), b"");
        let end = server.handshake.authenticate(verdict, server.now);
        let sent = server.sent();
        (server, end, sent)
    };
    let (_, end, sent) = ask(granted(b"joe"));
    let Progress::Done { established, .. } = end.unwrap() else { panic!() };
    assert_eq!(established.user_id, b"joe");
    assert_eq!(established.zap_metadata.get("X-Z"), Some(&b"z"[..]));
    assert_eq!(&sent[2..8], b"\x05READY");
    for (status, reason) in [(ZapStatus::Denied, b"\x03400"), (ZapStatus::Internal, b"\x03500")] {
        let (mut server, end, sent) = ask(ZapVerdict::Denied(status));
        assert_eq!(end.unwrap_err(), HandshakeError::Denied { status });
        // RFC 26 §The ERROR Command: a server SHALL indicate an authentication failure.
        assert_eq!(sent, [b"\x04\x0A\x05ERROR".as_slice(), reason].concat());
        assert!(server.handshake.receive(b"", server.now).is_err());
    }
    let (mut server, end, sent) = ask(ZapVerdict::Denied(ZapStatus::Temporary));
    assert!(matches!(end, Ok(Progress::Silent { status: ZapStatus::Temporary })));
    assert_eq!(sent, b"");
    for _ in 0..100 {
        let progress = server.handshake.receive(&[0xFF; 1000], server.now);
        assert!(matches!(progress, Ok(Progress::NeedMore { consumed: 1000 })));
        assert!(!server.handshake.wants_transmit());
    }
    let (_, end, sent) = ask(ZapVerdict::Faulty(ZapFault::Version));
    assert_eq!(end.unwrap_err().zmq_code(), Some(code::ZAP_BAD_VERSION));
    assert_eq!(sent, b"");
}

#[test]
fn what_comes_before_the_verdict_is_kept_up_to_a_bound() {
    let asked = || {
        let mut server = Server::with_zap();
        let mut client = RawClient::new();
        server.feed(&client.hello());
        client.welcomed(&server.sent());
        let early = [client.initiate(), b"early".to_vec()].concat();
        let progress = server.handshake.receive(&early, server.now).unwrap();
        assert!(
            matches!(progress, Progress::Authenticate { consumed, .. } if consumed == early.len())
        );
        server
    };
    let mut server = asked();
    assert!(server.handshake.receive(b"er", server.now).is_ok());
    let end = server.handshake.authenticate(ZapVerdict::granted(), server.now).unwrap();
    let Progress::Done { consumed: 0, established } = end else { panic!("{end:?}") };
    assert_eq!(established.early, b"earlyer");
    let mut server = asked();
    let room = limits::HANDSHAKE_INPUT_BYTES_MAX - 5;
    assert!(server.handshake.receive(&vec![0; room], server.now).is_ok());
    let error = server.handshake.receive(b"x", server.now).unwrap_err();
    assert_eq!(error, ProtocolError::TooEarly.into());
}

#[test]
fn a_peer_that_is_the_server_too_is_refused_and_a_client_meets_a_client_in_vain() {
    let mut server = server_handshake(Arc::new(CookieKeys::new()), false);
    let mut greeting = greeting(1);
    greeting[32] = 1;
    let error = server.receive(&greeting, Instant::now()).unwrap_err();
    assert_eq!(error, ProtocolError::RolesEqual.into());
    let mut one = client_handshake(system());
    let mut two = client_handshake(system());
    greeted(&mut one);
    let error = one.receive(&greeted(&mut two), Instant::now()).unwrap_err();
    assert_eq!(error.zmq_code(), Some(code::ZMTP_UNEXPECTED_COMMAND));
    // A server of libzmq says that it is none.
    assert_eq!(SocketType::Dealer.name(), "DEALER");
}
