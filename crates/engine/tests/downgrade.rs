//! The matrix of versions, mechanisms and roles over tcp: a socket with a mechanism, bound or
//! connecting, meets peers of every version that ZMTP ever had, which say all at once what they
//! would say to a socket without one. Each test makes its own context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use common::*;
use oxmq_engine::options::SocketOptions;
use oxmq_engine::{
    Context, CurveKeyPair, CurveSecretKey, Event, EventKind, Monitor, PeerSnapshot, PeerState,
    Socket, SocketType, Wait,
};

/// What a socket demands of its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    Nothing,
    Zap,
    PlainClient,
    PlainServer,
    CurveClient,
    CurveServer,
}

const DEMANDS: [Demand; 6] = [
    Demand::Nothing,
    Demand::Zap,
    Demand::PlainClient,
    Demand::PlainServer,
    Demand::CurveClient,
    Demand::CurveServer,
];

impl Demand {
    fn set(self, options: &mut SocketOptions) {
        let keys = |number: u8| CurveKeyPair::from_secret(CurveSecretKey::from_bytes([number; 32]));
        let security = &mut options.security;
        match self {
            Demand::Nothing => {}
            Demand::Zap => security.zap_domain = b"global".to_vec(),
            Demand::PlainClient => {
                security.set_plain_username(b"ada");
                security.set_plain_password(b"lovelace");
            }
            Demand::PlainServer => security.set_plain_server(true),
            Demand::CurveClient => {
                security.set_curve_server_key(keys(1).public);
                security.set_curve_public_key(keys(2).public);
                security.set_curve_secret_key(keys(2).secret);
            }
            Demand::CurveServer => {
                security.set_curve_server(true);
                security.set_curve_secret_key(keys(1).secret);
            }
        }
    }

    fn mechanism(self) -> &'static str {
        match self {
            Demand::Nothing | Demand::Zap => "NULL",
            Demand::PlainClient | Demand::PlainServer => "PLAIN",
            Demand::CurveClient | Demand::CurveServer => "CURVE",
        }
    }

    /// Whether a peer that says this comes in.
    fn lets_in(self, peer: Peer) -> bool {
        self == Demand::Nothing
            && !matches!(peer, Peer::Three { mechanism, .. } if mechanism != "NULL")
    }
}

/// What a peer claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    /// ZMTP 1.0 with an identity in the short or the long form.
    One { long: bool },
    /// ZMTP 2.0 of this revision.
    Two { revision: u8 },
    /// A later version, with a mechanism and the octet that says who is the server.
    Three { major: u8, minor: u8, mechanism: &'static str, as_server: bool },
}

fn peers() -> Vec<Peer> {
    let mut all = vec![Peer::One { long: false }, Peer::One { long: true }];
    all.extend((0..=2).map(|revision| Peer::Two { revision }));
    for (major, minor) in [(3, 0), (3, 1), (3, 9), (4, 0), (255, 255)] {
        for mechanism in ["NULL", "PLAIN", "CURVE", "GSSAPI", "null", ""] {
            for as_server in [false, true] {
                all.push(Peer::Three { major, minor, mechanism, as_server });
            }
        }
    }
    all
}

/// What must not be taken from a peer that was not let in, nor be told to it.
const THEIRS: &[u8] = b"what a stranger says";
const OURS: &[u8] = b"what no stranger may hear";

impl Peer {
    /// All that it says: a handshake without security, as if everything had been agreed to, and a
    /// message.
    fn says(self) -> Vec<u8> {
        let mut octets = Vec::new();
        match self {
            Peer::One { long } => {
                if long {
                    octets.extend_from_slice(&[0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
                } else {
                    octets.extend_from_slice(&[1, 0]);
                }
                octets.extend_from_slice(&[THEIRS.len() as u8 + 1, 0]);
            }
            Peer::Two { revision } => {
                // The type DEALER, and an empty identity.
                let greeting = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, revision, 5, 0, 0];
                octets.extend_from_slice(&greeting);
                octets.extend_from_slice(&[0, THEIRS.len() as u8]);
            }
            Peer::Three { major, minor, mechanism, as_server } => {
                let mut greeting = greeting();
                (greeting[10], greeting[11]) = (major, minor);
                greeting[12..32].fill(0);
                greeting[12..12 + mechanism.len()].copy_from_slice(mechanism.as_bytes());
                greeting[32] = as_server.into();
                octets.extend_from_slice(&greeting);
                octets.extend(frame(COMMAND, b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER"));
                octets.extend_from_slice(&[0, THEIRS.len() as u8]);
            }
        }
        octets.extend_from_slice(THEIRS);
        octets
    }
}

/// A socket that demands something and has something to say, with its monitor.
fn socket(context: &Context, demand: Demand) -> (Socket, Monitor) {
    let socket = socket_with(context, SocketType::Dealer, |options| {
        demand.set(options);
        options.reconnect_ivl = None;
    });
    let monitor = socket.monitor().unwrap();
    (socket, monitor)
}

/// Everything that the socket says until it or the peer ends the connection.
fn hear(mut stream: TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut heard);
    heard
}

fn says(heard: &[u8], what: &[u8]) -> bool {
    heard.windows(what.len()).any(|window| window == what)
}

/// The peer is in: a message goes each way, as it is.
fn expect_open(socket: &Socket, mut stream: &TcpStream, case: &str) {
    assert_eq!(recv(socket), [THEIRS], "{case}");
    send(socket, &[OURS]);
    let mut heard = Vec::new();
    while !says(&heard, OURS) {
        let mut some = [0; 256];
        let count = stream.read(&mut some).unwrap();
        assert!(count > 0, "{case}: ended");
        heard.extend_from_slice(&some[..count]);
    }
}

/// The peer is not in, is cut off, has heard nothing but a handshake, and was told of.
fn expect_closed(socket: &Socket, monitor: &Monitor, stream: TcpStream, case: &str) {
    let Event { kind, .. } = event(monitor, |kind| {
        matches!(
            kind,
            EventKind::HandshakeFailedProtocol { .. }
                | EventKind::HandshakeFailedNoDetail { .. }
                | EventKind::HandshakeFailedAuth { .. }
                | EventKind::PeerRefused { .. }
                | EventKind::HandshakeSucceeded
        )
    });
    assert!(kind != EventKind::HandshakeSucceeded, "{case}");
    let heard = hear(stream);
    assert!(!says(&heard, OURS), "{case} heard {}", heard.escape_ascii());
    expect_nothing(socket);
    let connected = |peer: &PeerSnapshot| peer.state == PeerState::Connected;
    assert!(!socket.snapshot().peers.iter().any(connected), "{case}");
}

#[test]
fn nobody_talks_a_bound_socket_out_of_its_mechanism() {
    let _watchdog = watchdog();
    let context = context();
    for demand in DEMANDS {
        for peer in peers() {
            let case = format!("{demand:?} ({}) bound, {peer:?}", demand.mechanism());
            let (socket, monitor) = socket(&context, demand);
            let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
            let mut stream = mute(&endpoint);
            stream.write_all(&peer.says()).unwrap();
            if demand.lets_in(peer) {
                expect_open(&socket, &stream, &case);
            } else {
                let _ = try_send(&socket, &[OURS]);
                expect_closed(&socket, &monitor, stream, &case);
            }
        }
    }
}

#[test]
fn nobody_talks_a_connecting_socket_out_of_its_mechanism() {
    let _watchdog = watchdog();
    let context = context();
    for demand in DEMANDS {
        for peer in peers() {
            let case = format!("{demand:?} ({}) connecting, {peer:?}", demand.mechanism());
            let (socket, monitor) = socket(&context, demand);
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            socket.connect(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
            if !demand.lets_in(peer) {
                // It waits for whom it was meant.
                socket.send_message(&mut message(&[OURS]), Wait::For(Duration::ZERO)).unwrap();
            }
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(&peer.says()).unwrap();
            if demand.lets_in(peer) {
                expect_open(&socket, &stream, &case);
            } else {
                expect_closed(&socket, &monitor, stream, &case);
            }
        }
    }
}

/// A peer that gives up in the middle of what it says to a socket with a mechanism leaves nothing.
#[test]
fn half_a_greeting_leaves_nothing_behind() {
    let _watchdog = watchdog();
    let context = context();
    for demand in DEMANDS {
        let (socket, monitor) = socket(&context, demand);
        let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
        for length in [0, 1, 9, 10, 11, 12, 32, 63] {
            let mut stream = mute(&endpoint);
            stream.write_all(&greeting()[..length]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            event(&monitor, |kind| matches!(kind, EventKind::HandshakeFailedNoDetail { .. }));
            assert!(!says(&hear(stream), OURS));
            assert_eq!(socket.snapshot().peers.len(), 0, "{demand:?} {length}");
        }
    }
}
