//! ws and wss: every pattern, large and many messages, reconnecting, certificates that do not fit,
//! and peers that speak by hand. Each test owns its context and its certificates.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use common::*;
use oxmq_engine::options::SocketOptions;
use oxmq_engine::{Context, Error, EventKind, Socket, SocketType};

/// A certificate for `127.0.0.1`, and its key.
struct Identity {
    cert_pem: String,
    key_pem: String,
}

impl Identity {
    fn new(name: &str) -> Identity {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        Identity { cert_pem: made.cert.pem(), key_pem: made.signing_key.serialize_pem() }
    }

    fn serve(&self, options: &mut SocketOptions) {
        options.transport.wss.cert_pem.clone_from(&self.cert_pem);
        options.transport.wss.key_pem.clone_from(&self.key_pem);
    }

    fn trust(&self, options: &mut SocketOptions) {
        options.transport.wss.trust_pem.clone_from(&self.cert_pem);
    }
}

/// Both transports, each with what its sockets have to be told.
fn web() -> [(&'static str, Identity); 2] {
    let identity = || Identity::new("127.0.0.1");
    [("ws://127.0.0.1:*/path", identity()), ("wss://127.0.0.1:*/path", identity())]
}

/// A bound socket and one connected to it.
fn pair(
    context: &Context,
    (endpoint, identity): &(&str, Identity),
    bound: SocketType,
    connected: SocketType,
) -> (Socket, Socket, String) {
    let server = socket_with(context, bound, |options| identity.serve(options));
    let endpoint = server.bind(endpoint).unwrap();
    let client = socket_with(context, connected, |options| identity.trust(options));
    client.connect(&endpoint).unwrap();
    (server, client, endpoint)
}

#[test]
fn requests_and_replies_pass_with_all_their_parts() {
    let _watchdog = watchdog();
    for transport in web() {
        let context = context();
        let (rep, req, endpoint) = pair(&context, &transport, SocketType::Rep, SocketType::Req);
        assert!(endpoint.ends_with("/path") && !endpoint.contains('*'), "{endpoint}");
        for size in [0, 1, 124, 125, 126, 65_534, 65_535, 65_536, 300_000] {
            let part = vec![7; size];
            send(&req, &[&part[..], b"", b"end"]);
            let request = recv(&rep);
            assert!(request == [part.clone(), Vec::new(), b"end".to_vec()], "{size}");
            send(&rep, &[&request[0]]);
            assert!(recv(&req) == [part], "{size}");
        }
    }
}

#[test]
fn subscriptions_are_filtered_by_the_publisher_and_can_be_cancelled() {
    let _watchdog = watchdog();
    for transport in web() {
        let context = context();
        let (xpub, sub, _) = pair(&context, &transport, SocketType::XPub, SocketType::Sub);
        sub.subscribe(b"b").unwrap();
        assert_eq!(recv(&xpub), [b"\x01b"]);
        for message in ["a1", "b1", "c1", "b2"] {
            send(&xpub, &[message]);
        }
        expect(&sub, &["b1"]);
        expect(&sub, &["b2"]);
        sub.unsubscribe(b"b").unwrap();
        assert_eq!(recv(&xpub), [b"\x00b"]);
    }
}

#[test]
fn large_messages_pass_in_both_directions_at_once() {
    const BYTES: usize = 16 << 20;
    let _watchdog = watchdog();
    for transport in web() {
        let context = context();
        let (router, dealer, _) =
            pair(&context, &transport, SocketType::Router, SocketType::Dealer);
        let bytes = |seed: usize| -> Vec<u8> { (0..BYTES).map(|n| (n * 7 + seed) as u8).collect() };
        let (up, down) = (bytes(1), bytes(2));
        send(&dealer, &["hello"]);
        let id = recv(&router).remove(0);
        send(&dealer, &[&up]);
        send(&router, &[&id, &down]);
        assert!(recv(&dealer) == [down]);
        assert!(recv(&router) == [id, up]);
    }
}

#[test]
fn many_small_messages_arrive_in_order() {
    const MESSAGES: u32 = 50_000;
    let _watchdog = watchdog();
    for transport in web() {
        let context = context();
        let (pull, push, _) = pair(&context, &transport, SocketType::Pull, SocketType::Push);
        let sender = std::thread::spawn(move || {
            (0..MESSAGES).for_each(|n| send(&push, &[n.to_le_bytes()]));
            push
        });
        for n in 0..MESSAGES {
            expect(&pull, &[n.to_le_bytes()]);
        }
        sender.join().unwrap();
    }
}

#[test]
fn a_peer_that_stops_reading_is_waited_for() {
    let _watchdog = watchdog();
    for transport in web() {
        let context = context();
        let server = socket_with(&context, SocketType::Pull, |options| {
            transport.1.serve(options);
            options.rcv_hwm = 10;
        });
        let endpoint = server.bind(transport.0).unwrap();
        let client = socket_with(&context, SocketType::Push, |options| {
            transport.1.trust(options);
            options.snd_hwm = 10;
        });
        client.connect(&endpoint).unwrap();
        // Until both queues and the kernel's buffers are full.
        let part = vec![1; 100_000];
        send(&client, &[&part]);
        let mut sent = 1;
        wait_connected(&server, 1);
        while sent < 1000 && try_send(&client, &[&part]).is_ok() {
            sent += 1;
        }
        let sender = std::thread::spawn(move || {
            (0..100).for_each(|_| send(&client, &[&part]));
            client
        });
        for _ in 0..sent + 100 {
            assert_eq!(recv(&server)[0].len(), 100_000);
        }
        sender.join().unwrap();
    }
}

#[test]
fn a_lost_connection_is_made_again() {
    let _watchdog = watchdog();
    for (endpoint, identity) in web() {
        let context = context();
        let server = |endpoint: &str| {
            let pull = socket_with(&context, SocketType::Pull, |options| identity.serve(options));
            let endpoint = pull.bind(endpoint).unwrap();
            (pull, endpoint)
        };
        let (first, endpoint) = server(endpoint);
        let push = socket_with(&context, SocketType::Push, |options| {
            identity.trust(options);
            options.reconnect_ivl = Some(Duration::from_millis(10));
        });
        let monitor = push.monitor().unwrap();
        push.connect(&endpoint).unwrap();
        send(&push, &["one"]);
        expect(&first, &["one"]);
        drop(first);
        event(&monitor, |kind| matches!(kind, EventKind::Disconnected { .. }));
        let (second, _) = server(&endpoint);
        send(&push, &["two"]);
        expect(&second, &["two"]);
    }
}

#[test]
fn monitors_tell_the_endpoint_and_both_ends_of_the_handshake() {
    let _watchdog = watchdog();
    for (endpoint, identity) in web() {
        let context = context();
        let server = socket_with(&context, SocketType::Rep, |options| identity.serve(options));
        let server_monitor = server.monitor().unwrap();
        let resolved = server.bind(endpoint).unwrap();
        let client = socket_with(&context, SocketType::Req, |options| identity.trust(options));
        let client_monitor = client.monitor().unwrap();
        client.connect(&resolved).unwrap();
        for monitor in [&server_monitor, &client_monitor] {
            let done = event(monitor, |kind| matches!(kind, EventKind::HandshakeSucceeded));
            assert_eq!(done.endpoint, resolved);
            let scheme = endpoint.split(':').next().unwrap();
            assert!(done.remote.starts_with(&format!("{scheme}://127.0.0.1:")), "{}", done.remote);
        }
        drop(client);
        event(&server_monitor, |kind| matches!(kind, EventKind::Disconnected { .. }));
    }
}

#[test]
fn heartbeats_do_not_end_a_quiet_connection() {
    let _watchdog = watchdog();
    for transport in web() {
        let context = context();
        let server = socket_with(&context, SocketType::Rep, |options| transport.1.serve(options));
        let endpoint = server.bind(transport.0).unwrap();
        let beat = |options: &mut SocketOptions| {
            options.heartbeat_ivl = Some(Duration::from_millis(20));
            options.heartbeat_timeout = Some(Duration::from_millis(5000));
        };
        let client = socket_with(&context, SocketType::Req, |options| {
            transport.1.trust(options);
            beat(options);
        });
        let monitor = client.monitor().unwrap();
        client.connect(&endpoint).unwrap();
        event(&monitor, |kind| matches!(kind, EventKind::HandshakeSucceeded));
        // The tenth ping has an answer as well as the first.
        let lost = monitor.recv_timeout(Duration::from_millis(200));
        assert!(lost.is_none(), "{lost:?}");
        send(&client, &["still there"]);
        expect(&server, &["still there"]);
    }
}

/// What a client that expects no such certificate tells its monitor.
fn refusal(bind: impl Fn(&mut SocketOptions), connect: impl Fn(&mut SocketOptions)) -> String {
    let context = context();
    let server = socket_with(&context, SocketType::Rep, bind);
    let server_monitor = server.monitor().unwrap();
    let endpoint = server.bind("wss://127.0.0.1:*").unwrap();
    let client = socket_with(&context, SocketType::Req, connect);
    let monitor = client.monitor().unwrap();
    client.connect(&endpoint).unwrap();
    let failed = |kind: &EventKind| matches!(kind, EventKind::HandshakeFailedProtocol { .. });
    let seen = event(&server_monitor, failed);
    assert!(matches!(seen.kind, EventKind::HandshakeFailedProtocol { .. }));
    match event(&monitor, failed).kind {
        EventKind::HandshakeFailedProtocol { code, fault } => {
            assert_eq!(code, 0x3000_0000);
            fault
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_is_not_trusted_is_refused_and_the_event_says_why() {
    let _watchdog = watchdog();
    let (ours, other) = (Identity::new("127.0.0.1"), Identity::new("127.0.0.1"));
    let fault = refusal(|o| ours.serve(o), |o| other.trust(o));
    assert!(fault.contains("certificate"), "{fault}");
    let fault = refusal(|o| ours.serve(o), |_| {});
    assert!(fault.contains("certificate"), "{fault}");
    let elsewhere = Identity::new("example.org");
    let fault = refusal(|o| elsewhere.serve(o), |o| elsewhere.trust(o));
    assert!(fault.contains("not valid for name"), "{fault}");
}

#[test]
fn the_expected_name_can_be_another_than_the_endpoints() {
    let _watchdog = watchdog();
    let context = context();
    let identity = Identity::new("example.org");
    let server = socket_with(&context, SocketType::Rep, |options| identity.serve(options));
    let endpoint = server.bind("wss://127.0.0.1:*").unwrap();
    let client = socket_with(&context, SocketType::Req, |options| {
        identity.trust(options);
        options.transport.wss.hostname = "example.org".to_owned();
    });
    client.connect(&endpoint).unwrap();
    send(&client, &["hello"]);
    expect(&server, &["hello"]);
}

/// The certificate that `openssl req -x509` makes for a common name: an authority of its own.
fn own_authority(name: &str, not_after: Option<i32>) -> Identity {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    if let Some(year) = not_after {
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let cert_pem = params.self_signed(&key).unwrap().pem();
    Identity { cert_pem, key_pem: key.serialize_pem() }
}

/// A server with such a certificate was refused, as no authority's may be a server's.
#[test]
fn a_server_whose_very_certificate_is_trusted_is_believed() {
    let _watchdog = watchdog();
    let context = context();
    for name in ["127.0.0.1", "example.org"] {
        let identity = own_authority(name, None);
        let server = socket_with(&context, SocketType::Rep, |options| identity.serve(options));
        let endpoint = server.bind("wss://127.0.0.1:*").unwrap();
        let client = socket_with(&context, SocketType::Req, |options| {
            identity.trust(options);
            name.clone_into(&mut options.transport.wss.hostname);
        });
        client.connect(&endpoint).unwrap();
        send(&client, &["hello"]);
        expect(&server, &["hello"]);
    }
}

#[test]
fn a_certificate_that_is_trusted_itself_still_needs_its_name_and_its_time() {
    let _watchdog = watchdog();
    let named = |name: &'static str| {
        move |o: &mut SocketOptions| name.clone_into(&mut o.transport.wss.hostname)
    };
    let identity = own_authority("example.org", None);
    let fault = refusal(|o| identity.serve(o), |o| identity.trust(o));
    assert!(fault.contains("name"), "{fault}");
    let elsewhere = |o: &mut SocketOptions| {
        identity.trust(o);
        named("example.com")(o);
    };
    let fault = refusal(|o| identity.serve(o), elsewhere);
    assert!(fault.contains("name"), "{fault}");
    let old = own_authority("example.org", Some(2020));
    let trusting = |o: &mut SocketOptions| {
        old.trust(o);
        named("example.org")(o);
    };
    let fault = refusal(|o| old.serve(o), trusting);
    assert!(fault.contains("Expired"), "{fault}");
    // Another one of the same name is not the one that is trusted.
    let other = own_authority("example.org", None);
    let trusting_other = |o: &mut SocketOptions| {
        other.trust(o);
        named("example.org")(o);
    };
    let fault = refusal(|o| identity.serve(o), trusting_other);
    assert!(fault.contains("certificate"), "{fault}");
}

#[test]
fn binding_wss_without_a_certificate_says_what_is_missing() {
    let context = context();
    let socket = context.socket(SocketType::Rep).unwrap();
    match socket.bind("wss://127.0.0.1:*") {
        Err(Error::Io { source, .. }) => assert!(source.to_string().contains("WSS_CERT_PEM")),
        other => panic!("{other:?}"),
    }
    let (one, two) = (Identity::new("127.0.0.1"), Identity::new("127.0.0.1"));
    let mixed = socket_with(&context, SocketType::Rep, |options| {
        one.serve(options);
        options.transport.wss.key_pem.clone_from(&two.key_pem);
    });
    assert!(matches!(mixed.bind("wss://127.0.0.1:*"), Err(Error::Io { .. })));
    let client = socket_with(&context, SocketType::Req, |options| {
        options.transport.wss.trust_pem = "no certificate".to_owned();
    });
    assert!(matches!(client.connect("wss://127.0.0.1:1"), Err(Error::Io { .. })));
}

#[test]
fn a_peer_that_speaks_something_else_is_refused() {
    let _watchdog = watchdog();
    for (endpoint, identity) in web() {
        let context = context();
        let server = socket_with(&context, SocketType::Rep, |options| identity.serve(options));
        let monitor = server.monitor().unwrap();
        let bound = server.bind(endpoint).unwrap();
        for words in [&b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01"[..], b"SSH-2.0-x\r\n\r\n\r\n"] {
            let mut peer = TcpStream::connect(host_of(&bound)).unwrap();
            peer.write_all(words).unwrap();
            let failed =
                event(&monitor, |kind| matches!(kind, EventKind::HandshakeFailedProtocol { .. }));
            assert!(
                matches!(failed.kind, EventKind::HandshakeFailedProtocol { code: 0x3000_0000, .. }),
                "{endpoint}: {failed:?}"
            );
            // A reset is an end too: what the peer sent was not all read.
            let _ = peer.read_to_end(&mut Vec::new());
        }
        let client = socket_with(&context, SocketType::Req, |options| identity.trust(options));
        client.connect(&bound).unwrap();
        send(&client, &["still there"]);
        expect(&server, &["still there"]);
    }
}

fn host_of(endpoint: &str) -> String {
    endpoint.split('/').nth(2).unwrap().to_owned()
}

#[test]
fn an_answer_without_upgrade_is_retried() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let context = context();
    let client = socket_with(&context, SocketType::Req, |options| {
        options.reconnect_ivl = Some(Duration::from_millis(10));
    });
    let monitor = client.monitor().unwrap();
    client.connect(&format!("ws://{}/x", listener.local_addr().unwrap())).unwrap();
    for _ in 0..2 {
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
        let failed =
            event(&monitor, |kind| matches!(kind, EventKind::HandshakeFailedProtocol { .. }));
        assert!(format!("{failed:?}").contains("404"), "{failed:?}");
    }
}

#[test]
fn stream_sockets_have_no_web_sockets() {
    let context = context();
    let stream = context.socket(SocketType::Stream).unwrap();
    for endpoint in ["ws://127.0.0.1:*", "wss://127.0.0.1:*"] {
        assert!(matches!(stream.bind(endpoint), Err(Error::IncompatibleTransport { .. })));
    }
    let req = context.socket(SocketType::Req).unwrap();
    for endpoint in ["ws://*:80", "ws://127.0.0.1:*", "wss://127.0.0.1:0/x"] {
        assert!(matches!(req.connect(endpoint), Err(Error::Endpoint { .. })), "{endpoint}");
    }
}
