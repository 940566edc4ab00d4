//! PLAIN (RFC 24): octet by octet against peers written by hand, and between two ends of ours.

use std::time::Instant;

use oxmq_zmtp::{
    ConfigError, Handshake, HandshakeConfig, HandshakeError, MechanismConfig, Password,
    PlainConfig, Progress, ProtocolError, SocketType, ZapStatus, ZapVerdict, code,
};

use crate::pair::*;
use crate::support::*;

const HELLO: &[u8] = b"\x05HELLO\x05admin\x06secret";

fn client_peer(commands: &[&[u8]]) -> Outcome {
    let mut octets = greeting(3, 1, b"PLAIN");
    octets.extend(commands.iter().flat_map(|body| command(body)));
    feed(&plain_server(), [&*octets])
}

fn server_peer(commands: &[&[u8]]) -> Outcome {
    let mut octets = greeting(3, 1, b"PLAIN");
    octets.extend(commands.iter().flat_map(|body| command(body)));
    feed(&plain_client(), [&*octets])
}

fn metadata_of(kind: &str) -> Vec<u8> {
    property("Socket-Type", kind.as_bytes())
}

#[test]
fn a_server_answers_hello_with_welcome_and_initiate_with_ready() {
    // RFC 24 §Implementation: hello, welcome, initiate, ready, in this order.
    let initiate = [b"\x08INITIATE".to_vec(), metadata_of("DEALER")].concat();
    let outcome = client_peer(&[HELLO, &initiate]);
    assert_eq!(outcome.sent[64..74], *b"\x04\x08\x07WELCOME");
    let ours = ready(&[("Socket-Type", b"ROUTER"), ("Identity", b"them")]);
    assert_eq!(outcome.sent[74..], ours);
    let established = outcome.established();
    assert_eq!(established.peer_type, Some(SocketType::Dealer));
    assert!(established.codec.is_none());
}

#[test]
fn a_client_shows_its_credentials_and_then_its_metadata() {
    let answer = [b"\x05READY".to_vec(), metadata_of("ROUTER")].concat();
    let outcome = server_peer(&[b"\x07WELCOME", &answer]);
    assert_eq!(outcome.sent[64..85], *command(HELLO));
    let ours =
        [b"\x08INITIATE".to_vec(), property("Socket-Type", b"DEALER"), property("Identity", b"me")];
    assert_eq!(outcome.sent[85..], command(&ours.concat()));
    assert_eq!(outcome.established().peer_type, Some(SocketType::Router));
}

#[test]
fn malformed_commands_have_the_numbers_of_libzmq() {
    let malformed = code::ZMTP_MALFORMED_COMMAND_HELLO;
    let unexpected = code::ZMTP_UNEXPECTED_COMMAND;
    for (body, expected) in [
        (&b"\x05HELLO"[..], malformed),
        (b"\x05HELLO\x05admin", malformed),
        (b"\x05HELLO\x05admin\x07secret", malformed),
        (b"\x05HELLO\x05admin\x06secretX", malformed),
        (b"\x05HELLO\xFFadmin\x06secret", malformed),
        (b"\x05HELLX\x05admin\x06secret", unexpected),
        (b"\x08INITIATE", unexpected),
        (b"\x05READY", unexpected),
        (b"\x05ERROR\x03400", unexpected),
        (b"\x5ERROR\x03400", code::ZMTP_MALFORMED_COMMAND_UNSPECIFIED),
        (b"", code::ZMTP_MALFORMED_COMMAND_UNSPECIFIED),
    ] {
        let error = client_peer(&[body]).error();
        assert_eq!(error.zmq_code(), Some(expected), "{}", body.escape_ascii());
    }
    for (body, expected) in [
        (&b"\x08INITIATE\x03abc"[..], code::ZMTP_INVALID_METADATA),
        (HELLO, unexpected),
        (b"\x07WELCOME", unexpected),
    ] {
        let error = client_peer(&[HELLO, body]).error();
        assert_eq!(error.zmq_code(), Some(expected), "{}", body.escape_ascii());
    }
    for (commands, expected) in [
        (&[&b"\x07WELCOMEx"[..]][..], code::ZMTP_MALFORMED_COMMAND_WELCOME),
        (&[b"\x05READY"], unexpected),
        (&[HELLO], unexpected),
        (&[b"\x07WELCOME", b"\x07WELCOME"], unexpected),
        (&[b"\x07WELCOME", b"\x05READY\x03abc"], code::ZMTP_INVALID_METADATA),
        (&[b"\x05ERROR\x03"], code::ZMTP_MALFORMED_COMMAND_ERROR),
    ] {
        assert_eq!(server_peer(commands).error().zmq_code(), Some(expected));
    }
}

#[test]
fn a_client_knows_both_forms_of_a_refusal() {
    // RFC 37 §Error Handling: an incoming ERROR SHALL be treated as fatal. The second form is that
    // of libzmq's PLAIN servers.
    for error in [&b"\x05ERROR\x03400"[..], b"\x5ERROR\x03400"] {
        for commands in [&[error][..], &[b"\x07WELCOME", error]] {
            let refused = server_peer(commands).error();
            assert_eq!(refused.zap_status(), Some(ZapStatus::Denied));
            assert_eq!(refused.zmq_code(), None);
        }
    }
}

#[test]
fn the_zap_handler_gets_user_name_and_password_and_decides() {
    let ask = |verdict: &ZapVerdict| {
        let server = HandshakeConfig { zap: true, ..plain_server() };
        introduce(plain_client(), server, verdict)
    };
    let [client, server] = ask(&ZapVerdict::granted());
    // RFC 27 §The PLAIN Mechanism: two string frames, user name and password.
    assert_eq!(server.asked[0].credentials, [b"admin".to_vec(), b"secret".to_vec()]);
    assert_eq!(server.asked[0].mechanism, "PLAIN");
    assert_eq!(server.asked[0].routing_id, b"them");
    assert_eq!((client.asked.len(), server.asked.len()), (0, 1));
    client.established();
    server.established();
    for status in [ZapStatus::Denied, ZapStatus::Internal] {
        let [client, server] = ask(&ZapVerdict::Denied(status));
        assert_eq!(server.error(), HandshakeError::Denied { status });
        assert_eq!(client.error().zap_status(), Some(status));
        let reason = status.code().to_string();
        assert_eq!(server.sent[64..], *command(format!("\x5ERROR\x03{reason}").as_bytes()));
    }
    let [client, server] = ask(&ZapVerdict::Denied(ZapStatus::Temporary));
    assert!(server.silent && server.end.is_none() && client.end.is_none());
    assert_eq!(server.sent.len(), 64);
}

#[test]
fn credentials_have_0_to_255_octets() {
    let config = |length: usize| {
        let client = PlainConfig::Client {
            username: vec![b'u'; length],
            password: Password::from(vec![b'p'; length]),
        };
        let mechanism = MechanismConfig::Plain(client);
        HandshakeConfig { mechanism, ..HandshakeConfig::new(SocketType::Dealer) }
    };
    for length in [0, 1, 255] {
        let server = HandshakeConfig { zap: true, ..plain_server() };
        let [client, server] = introduce(config(length), server, &ZapVerdict::granted());
        let lengths: Vec<_> = server.asked[0].credentials.iter().map(Vec::len).collect();
        assert_eq!(lengths, [length, length]);
        client.established();
    }
    assert_eq!(Handshake::new(config(256)).err(), Some(ConfigError::CredentialTooLong));
}

#[test]
fn passwords_are_not_shown() {
    let config = plain_client();
    assert!(!format!("{config:?}").contains("secret"));
    let secret: Vec<_> = b"secret".iter().map(u8::to_string).collect();
    assert!(!format!("{config:?}").contains(&secret.join(", ")));
    let server = HandshakeConfig { zap: true, ..plain_server() };
    let [_, server] = introduce(plain_client(), server, &ZapVerdict::granted());
    assert!(!format!("{:?}", server.asked).contains(&secret.join(", ")));
}

#[test]
fn null_asks_before_it_says_anything_of_itself() {
    let server = HandshakeConfig { zap: true, ..config(SocketType::Router, b"them") };
    let mut handshake = start(server.clone());
    let progress = handshake.receive(&greeting(3, 1, b"NULL"), Instant::now()).unwrap();
    let Progress::Authenticate { request, .. } = progress else { panic!("{progress:?}") };
    // RFC 27 §The NULL Mechanism: the mechanism SHALL be NULL, without credentials frames.
    assert_eq!((request.mechanism, request.credentials.len()), ("NULL", 0));
    assert_eq!(sent(&mut handshake).len(), 64);
    for status in [ZapStatus::Denied, ZapStatus::Internal] {
        let client = config(SocketType::Dealer, b"me");
        let [client, server] = introduce(client, server.clone(), &ZapVerdict::Denied(status));
        assert_eq!(server.error(), HandshakeError::Denied { status });
        assert_eq!(client.error().zap_status(), Some(status));
    }
    let [client, server] =
        introduce(config(SocketType::Dealer, b"me"), server, &ZapVerdict::granted());
    assert_eq!(server.established().routing_id, b"me");
    client.established();
}

#[test]
fn two_servers_that_say_so_refuse_each_other() {
    let [one, two] = introduce(plain_server(), plain_server(), &ZapVerdict::granted());
    for end in [one, two] {
        assert_eq!(end.error(), ProtocolError::RolesEqual.into());
    }
    let [one, two] = introduce(plain_client(), plain_client(), &ZapVerdict::granted());
    for end in [one, two] {
        assert_eq!(end.error().zmq_code(), Some(code::ZMTP_UNEXPECTED_COMMAND));
    }
}
