//! Who may come in: mechanisms, the ZAP handler of the context and allow-lists, on both profiles.
//! Each test makes its own contexts; handlers are threads of the test.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::*;
use oxmq_engine::options::SocketOptions;
use oxmq_engine::{
    AllowList, Context, CurveKeyPair, CurveSecretKey, EventKind, Monitor, Profile, Socket,
    SocketType, Wait,
};

const ZAP: &str = "inproc://zeromq.zap.01";

/// A mechanism and the sides that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mech {
    Null,
    Plain,
    Curve,
}

const ALL: [Mech; 3] = [Mech::Null, Mech::Plain, Mech::Curve];

fn keys(number: u8) -> CurveKeyPair {
    CurveKeyPair::from_secret(CurveSecretKey::from_bytes([number; 32]))
}

const SERVER: u8 = 1;
const CLIENT: u8 = 2;

impl Mech {
    fn server(self, options: &mut SocketOptions) {
        match self {
            Mech::Null => {}
            Mech::Plain => options.security.set_plain_server(true),
            Mech::Curve => {
                options.security.set_curve_server(true);
                options.security.set_curve_secret_key(keys(SERVER).secret);
            }
        }
    }

    fn client(self, options: &mut SocketOptions) {
        match self {
            Mech::Null => {}
            Mech::Plain => {
                options.security.set_plain_username(b"ada");
                options.security.set_plain_password(b"lovelace");
            }
            Mech::Curve => {
                let CurveKeyPair { public, secret } = keys(CLIENT);
                options.security.set_curve_server_key(keys(SERVER).public);
                options.security.set_curve_public_key(public);
                options.security.set_curve_secret_key(secret);
            }
        }
    }

    fn credentials(self) -> Vec<Vec<u8>> {
        match self {
            Mech::Null => Vec::new(),
            Mech::Plain => vec![b"ada".to_vec(), b"lovelace".to_vec()],
            Mech::Curve => vec![keys(CLIENT).public.as_bytes().to_vec()],
        }
    }
}

fn domain(options: &mut SocketOptions) {
    options.security.zap_domain = b"global".to_vec();
}

/// A server with a domain and a client that connects to it, each with its monitor.
struct Pair {
    server: Socket,
    client: Socket,
    at_server: Monitor,
    at_client: Monitor,
}

impl Pair {
    fn new(
        context: &Context,
        server: impl FnOnce(&mut SocketOptions),
        client: impl FnOnce(&mut SocketOptions),
    ) -> Pair {
        let server = socket_with(context, SocketType::Dealer, |options| {
            options.handshake_ivl = Some(Duration::from_millis(300));
            server(options);
        });
        let client = socket_with(context, SocketType::Dealer, |options| {
            options.reconnect_ivl = Some(Duration::from_millis(10));
            client(options);
        });
        let (at_server, at_client) = (server.monitor().unwrap(), client.monitor().unwrap());
        client.connect(&server.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
        Pair { server, client, at_server, at_client }
    }

    /// A message goes each way.
    #[track_caller]
    fn expect_open(&self) {
        send(&self.client, &["to the server"]);
        expect(&self.server, &["to the server"]);
        send(&self.server, &["to the client"]);
        expect(&self.client, &["to the client"]);
    }

    /// The server knows of no peer, whatever the client does.
    #[track_caller]
    fn expect_closed(&self) {
        expect_nothing(&self.server);
        assert_eq!(self.server.snapshot().peers.len(), 0);
    }
}

/// The first event of a handshake.
fn handshake(monitor: &Monitor) -> EventKind {
    event(monitor, |kind| {
        matches!(
            kind,
            EventKind::HandshakeSucceeded
                | EventKind::HandshakeFailedAuth { .. }
                | EventKind::HandshakeFailedProtocol { .. }
                | EventKind::HandshakeFailedNoDetail { .. }
        )
    })
    .kind
}

/// A ZAP handler on a thread of its own, until the context ends.
struct Handler {
    requests: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// Binds a handler that answers each request with what `answer` makes of it.
fn handler(
    context: &Context,
    socket_type: SocketType,
    mut answer: impl FnMut(&[Vec<u8>]) -> Option<Vec<Vec<u8>>> + Send + 'static,
) -> Handler {
    let socket = context.socket(socket_type).unwrap();
    socket.bind(ZAP).unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = requests.clone();
    let envelope = if socket_type == SocketType::Router { 2 } else { 0 };
    let thread = thread::spawn(move || {
        while let Ok(request) = socket.recv_message(Wait::Forever) {
            counter.fetch_add(1, Ordering::SeqCst);
            let parts = bytes(&request);
            let Some(reply) = answer(&parts[envelope..]) else { return };
            let reply: Vec<Vec<u8>> = parts[..envelope].iter().cloned().chain(reply).collect();
            if !reply.is_empty()
                && socket.send_message(&mut message(&reply), Wait::Forever).is_err()
            {
                return;
            }
        }
    });
    Handler { requests, thread: Some(thread) }
}

impl Handler {
    fn join(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

/// A reply as RFC 27 has it.
fn reply(request: &[Vec<u8>], status: &str) -> Option<Vec<Vec<u8>>> {
    let user = if status == "200" { "ada" } else { "" };
    let parts = [b"1.0", &request[1][..], status.as_bytes(), b"text", user.as_bytes(), b""];
    Some(parts.iter().map(|part| part.to_vec()).collect())
}

fn contexts() -> [Context; 2] {
    [Context::new(Profile::Libzmq), Context::new(Profile::Safe)]
}

// RFC 27 §The ZAP Protocol: the request's frames, and that status 200 lets the peer in.
#[test]
fn a_handler_is_asked_and_lets_in() {
    let _watchdog = watchdog();
    for (mech, socket_type) in
        ALL.into_iter().zip([SocketType::Rep, SocketType::Router].iter().cycle())
    {
        for context in contexts() {
            let expected: Vec<Vec<u8>> =
                [&b"1.0"[..], b"1", b"global", b"127.0.0.1", b"server", mech.name()]
                    .iter()
                    .map(|part| part.to_vec())
                    .chain(mech.credentials())
                    .collect();
            let handler = handler(&context, *socket_type, move |request| {
                assert_eq!(request, expected);
                let mut reply = reply(request, "200").unwrap();
                reply[5] = b"\x06X-Role\0\0\0\x05admin".to_vec();
                Some(reply)
            });
            let pair = Pair::new(
                &context,
                |options| {
                    mech.server(options);
                    domain(options);
                    options.routing_id = b"server".to_vec();
                },
                |options| mech.client(options),
            );
            send(&pair.client, &["hello"]);
            let received = pair.server.recv_message(Wait::Forever).unwrap();
            let meta = received.iter().next().unwrap().meta().unwrap().clone();
            assert_eq!(meta.user_id.as_deref(), Some("ada"), "{mech:?}");
            assert_eq!(meta.property("x-role"), Some(&b"admin"[..]), "{mech:?}");
            pair.expect_open();
            assert_eq!(handshake(&pair.at_server), EventKind::HandshakeSucceeded);
            assert_eq!(handshake(&pair.at_client), EventKind::HandshakeSucceeded);
            assert_eq!(handler.requests.load(Ordering::SeqCst), 1);
            drop(pair);
            context.shutdown();
            handler.join();
        }
    }
}

impl Mech {
    fn name(self) -> &'static [u8] {
        match self {
            Mech::Null => b"NULL",
            Mech::Plain => b"PLAIN",
            Mech::Curve => b"CURVE",
        }
    }
}

// RFC 27 §The ZAP Protocol: 300 is temporary, 400 and 500 are refusals.
#[test]
fn a_refusal_is_told_on_both_sides_and_ends_the_clients_session() {
    let _watchdog = watchdog();
    for mech in ALL {
        for (status, number) in [("400", 400), ("500", 500)] {
            let context = Context::new(Profile::Libzmq);
            let handler = handler(&context, SocketType::Rep, move |r| reply(r, status));
            let pair = Pair::new(
                &context,
                |options| {
                    mech.server(options);
                    domain(options);
                },
                |options| mech.client(options),
            );
            let failed = EventKind::HandshakeFailedAuth { status: number };
            assert_eq!(handshake(&pair.at_server), failed, "{mech:?}");
            assert_eq!(handshake(&pair.at_client), failed, "{mech:?}");
            // The session has ended: its pipe is gone, and nothing is tried again.
            pair.client.wait_changed(Wait::Forever, |peers| peers.connected == 0).unwrap();
            while !pair.client.snapshot().peers.is_empty() {
                thread::yield_now();
            }
            pair.expect_closed();
            assert_eq!(handler.requests.load(Ordering::SeqCst), 1, "{mech:?}");
            context.shutdown();
            drop(pair);
            handler.join();
        }
    }
}

#[test]
fn a_temporary_refusal_is_silent_and_tried_again() {
    let _watchdog = watchdog();
    for mech in ALL {
        let context = Context::new(Profile::Libzmq);
        let mut first = true;
        let handler = handler(&context, SocketType::Rep, move |request| {
            let status = if std::mem::take(&mut first) { "300" } else { "200" };
            reply(request, status)
        });
        let pair = Pair::new(
            &context,
            |options| {
                mech.server(options);
                domain(options);
            },
            |options| mech.client(options),
        );
        let refused = EventKind::HandshakeFailedAuth { status: 300 };
        assert_eq!(handshake(&pair.at_server), refused, "{mech:?}");
        // Nothing is said, and the handshake's time ends it, which is no second failure.
        assert_eq!(handshake(&pair.at_server), EventKind::HandshakeSucceeded, "{mech:?}");
        pair.expect_open();
        context.shutdown();
        drop(pair);
        handler.join();
    }
}

mod libc_errno {
    pub(crate) const EFAULT: i32 = 14;
    pub(crate) const ETIMEDOUT: i32 = 110;
}

// RFC 27 §The ZAP Protocol: a reply of another form is no reply.
#[test]
fn a_handler_that_lies_lets_nobody_in() {
    let _watchdog = watchdog();
    type Lie = fn(&mut Vec<Vec<u8>>);
    let lies: [(Lie, u32); 9] = [
        (|reply| reply[0] = b"2.0".to_vec(), 0x2000_0003),
        (|reply| reply[1] = b"another".to_vec(), 0x2000_0002),
        (|reply| reply[2] = b"201".to_vec(), 0x2000_0004),
        (|reply| reply[2] = Vec::new(), 0x2000_0004),
        (|reply| reply.push(Vec::new()), 0x2000_0001),
        (|reply| reply.truncate(5), 0x2000_0001),
        (|reply| *reply = vec![Vec::new(); 1000], 0x2000_0001),
        (|reply| reply[4] = vec![b'x'; 1 << 20], 0x2000_0001),
        (|reply| reply[5] = b"\x05X-Cut".to_vec(), 0x2000_0005),
    ];
    for mech in ALL {
        for (number, (lie, code)) in lies.into_iter().enumerate() {
            let context = Context::new(Profile::Libzmq);
            let handler = handler(&context, SocketType::Rep, move |request| {
                let mut reply = reply(request, "200").unwrap();
                lie(&mut reply);
                Some(reply)
            });
            let pair = Pair::new(
                &context,
                |options| {
                    mech.server(options);
                    domain(options);
                },
                |options| mech.client(options),
            );
            match handshake(&pair.at_server) {
                EventKind::HandshakeFailedProtocol { code: found, .. } => {
                    assert_eq!(found, code, "{mech:?} lie {number}");
                }
                other => panic!("{mech:?} lie {number}: {other:?}"),
            }
            pair.expect_closed();
            context.shutdown();
            drop(pair);
            handler.join();
        }
    }
}

/// A handler that does not answer, one that leaves in the middle of a question and one that never
/// receives: the peer is refused when the time is over, and nobody else waits for it.
#[test]
fn a_handler_that_says_nothing_lets_nobody_in() {
    let _watchdog = watchdog();
    for mech in ALL {
        for fault in ["silent", "leaves", "deaf"] {
            for profile in [Profile::Libzmq, Profile::Safe] {
                let context = Context::new(profile);
                let idle = context.socket(SocketType::Rep).unwrap();
                let handler = match fault {
                    "deaf" => {
                        idle.bind(ZAP).unwrap();
                        None
                    }
                    "silent" => Some(handler(&context, SocketType::Rep, {
                        let socket = idle;
                        move |_| {
                            // Until the context ends.
                            let _ = socket.recv_message(Wait::Forever);
                            None
                        }
                    })),
                    _ => Some(handler(&context, SocketType::Rep, |_| None)),
                };
                let timeout = Duration::from_millis(100);
                let pair = Pair::new(
                    &context,
                    |options| {
                        mech.server(options);
                        domain(options);
                        if profile == Profile::Safe {
                            options.handshake_ivl = Some(Duration::from_secs(600));
                            options.security.zap_timeout = Some(timeout);
                        }
                    },
                    |options| mech.client(options),
                );
                match (profile, handshake(&pair.at_server)) {
                    (Profile::Safe, EventKind::HandshakeFailedProtocol { code, .. }) => {
                        assert_eq!(code, 0x2000_0000, "{mech:?} {fault}");
                    }
                    (Profile::Libzmq, EventKind::HandshakeFailedNoDetail { errno }) => {
                        assert_eq!(errno, libc_errno::ETIMEDOUT, "{mech:?} {fault}");
                    }
                    (_, other) => panic!("{mech:?} {fault}: {other:?}"),
                }
                // Other peers are served while one waits.
                Pair::new(&context, |_| {}, |_| {}).expect_open();
                context.shutdown();
                drop(pair);
                if let Some(handler) = handler {
                    handler.join();
                }
            }
        }
    }
}

/// What happens without a handler, as libzmq 4.3.4 has it; the Rust API lets nobody in.
#[test]
fn without_a_handler_the_profile_decides() {
    let _watchdog = watchdog();
    let refused = EventKind::HandshakeFailedNoDetail { errno: libc_errno::EFAULT };
    for mech in ALL {
        for profile in [Profile::Libzmq, Profile::Safe] {
            for has_domain in [false, true] {
                for enforced in [false, true] {
                    let context = Context::new(profile);
                    let pair = Pair::new(
                        &context,
                        |options| {
                            mech.server(options);
                            if has_domain {
                                domain(options);
                            }
                            options.security.zap_enforce_domain = enforced;
                        },
                        |options| mech.client(options),
                    );
                    let open = match (mech, profile) {
                        (Mech::Null, _) if !has_domain => true,
                        (Mech::Plain, _) | (_, Profile::Safe) => false,
                        _ => !(enforced && has_domain),
                    };
                    let name = format!("{mech:?} {profile:?} {has_domain} {enforced}");
                    if open {
                        assert_eq!(
                            handshake(&pair.at_server),
                            EventKind::HandshakeSucceeded,
                            "{name}"
                        );
                        pair.expect_open();
                    } else {
                        assert_eq!(handshake(&pair.at_server), refused, "{name}");
                        pair.expect_closed();
                    }
                }
            }
        }
    }
}

#[test]
fn an_allow_list_decides_without_a_handler_and_can_be_changed() {
    let _watchdog = watchdog();
    for mech in [Mech::Plain, Mech::Curve] {
        let context = Context::new(Profile::Safe);
        let list = AllowList::new();
        let with_list = |options: &mut SocketOptions| {
            mech.server(options);
            options.security.allow_list = Some(list.clone());
        };
        let refused = Pair::new(&context, with_list, |options| mech.client(options));
        let failed = EventKind::HandshakeFailedAuth { status: 400 };
        assert_eq!(handshake(&refused.at_server), failed, "{mech:?}");
        assert_eq!(handshake(&refused.at_client), failed, "{mech:?}");
        refused.expect_closed();
        list.allow_key(keys(CLIENT).public, "countess");
        list.allow_user("ada", "lovelace");
        let open = Pair::new(&context, with_list, |options| mech.client(options));
        send(&open.client, &["hello"]);
        let received = open.server.recv_message(Wait::Forever).unwrap();
        let user = received.iter().next().unwrap().meta().unwrap().user_id.clone();
        let expected = if mech == Mech::Plain { "ada" } else { "countess" };
        assert_eq!(user.as_deref(), Some(expected));
        // The first server shares the list.
        let late = socket_with(&context, SocketType::Dealer, |options| mech.client(options));
        late.connect(&refused.server.last_endpoint()).unwrap();
        send(&late, &["late"]);
        expect(&refused.server, &["late"]);
        list.revoke_key(&keys(CLIENT).public);
        list.allow_user("ada", "byron");
        let refused = Pair::new(&context, with_list, |options| mech.client(options));
        assert_eq!(handshake(&refused.at_client), failed, "{mech:?}");
        open.expect_open();
    }
}

/// NULL shows nothing by which a list could know anybody.
#[test]
fn an_allow_list_lets_nobody_in_over_null() {
    let _watchdog = watchdog();
    let context = Context::new(Profile::Safe);
    let list = AllowList::new();
    list.allow_user("", "");
    let pair =
        Pair::new(&context, |options| options.security.allow_list = Some(list.clone()), |_| {});
    assert_eq!(handshake(&pair.at_server), EventKind::HandshakeFailedAuth { status: 400 });
    pair.expect_closed();
}

/// Questions do not count as sockets, and do not hold the context up.
#[test]
fn questions_neither_count_nor_hold_up_the_context() {
    let _watchdog = watchdog();
    for mech in ALL {
        let context = Context::new(Profile::Libzmq);
        context.configure(|options| options.max_sockets = 3);
        let deaf = context.socket(SocketType::Router).unwrap();
        deaf.bind(ZAP).unwrap();
        let server = socket_with(&context, SocketType::Dealer, |options| {
            mech.server(options);
            domain(options);
        });
        let endpoint = server.bind("tcp://127.0.0.1:*").unwrap();
        let client = socket_with(&context, SocketType::Dealer, |options| mech.client(options));
        for _ in 0..20 {
            client.connect(&endpoint.replace("127.0.0.1", "localhost")).unwrap();
            client.disconnect(&endpoint.replace("127.0.0.1", "localhost")).unwrap();
        }
        client.connect(&endpoint).unwrap();
        // The request has come.
        deaf.recv_message(Wait::Forever).unwrap();
        assert!(context.socket(SocketType::Pair).is_err(), "the limit is reached by ours only");
        drop(client);
        assert!(context.socket(SocketType::Pair).is_ok());
        drop((server, deaf));
        context.terminate();
    }
}
