//! A CURVE client made by hand with every field open to abuse, and our own ends in short form.

use std::cell::Cell;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use super::super::{long_nonce, short_nonce};
use crate::crypto::BoxKey;
use crate::{
    CookieKeys, CurveConfig, CurveKeyPair, CurvePublicKey, CurveSecretKey, Entropy, EntropyError,
    Established, Handshake, HandshakeConfig, HandshakeError, MechanismConfig, Progress,
    ProtocolError, SocketType,
};

pub(super) static CLIENT: LazyLock<CurveKeyPair> = LazyLock::new(|| pair(1));
pub(super) static SERVER: LazyLock<CurveKeyPair> = LazyLock::new(|| pair(2));

pub(super) fn pair(seed: u8) -> CurveKeyPair {
    CurveKeyPair::from_secret(CurveSecretKey::from_bytes([seed; 32]))
}

thread_local! {
    static COUNTER: Cell<u8> = const { Cell::new(0) };
}

/// Octets that are the same in every session that starts with `repeat`.
fn counting(octets: &mut [u8]) -> Result<(), EntropyError> {
    COUNTER.with(|counter| {
        counter.set(counter.get().wrapping_add(1));
        octets.fill(counter.get());
    });
    Ok(())
}

/// Starts the repeatable octets again, at a place of their own for each `seed`.
pub(super) fn repeat(seed: u8) -> Entropy {
    COUNTER.with(|counter| counter.set(seed));
    Entropy::custom(counting)
}

pub(super) fn system() -> Entropy {
    Entropy::system()
}

pub(super) fn greeting(minor: u8) -> Vec<u8> {
    let mut octets = vec![0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F, 3, minor];
    octets.extend_from_slice(b"CURVE");
    octets.resize(64, 0);
    octets
}

/// A command frame.
pub(super) fn frame(body: &[u8]) -> Vec<u8> {
    let mut octets = match u8::try_from(body.len()) {
        Ok(length) => vec![4, length],
        Err(_) => [&[6][..], &(body.len() as u64).to_be_bytes()].concat(),
    };
    octets.extend_from_slice(body);
    octets
}

/// The body of a frame.
pub(super) fn body(frame: &[u8]) -> &[u8] {
    &frame[if frame[0] & 2 == 0 { 2 } else { 9 }..]
}

fn handshake(kind: SocketType, id: &[u8], curve: CurveConfig, zap: bool, e: Entropy) -> Handshake {
    let mut config = HandshakeConfig::new(kind);
    config.routing_id = id.to_vec();
    config.mechanism = MechanismConfig::Curve(curve);
    config.zap = zap;
    config.entropy = e;
    Handshake::new(config).unwrap()
}

pub(super) fn client_handshake(entropy: Entropy) -> Handshake {
    let curve = CurveConfig::Client { keys: CLIENT.clone(), server: SERVER.public };
    handshake(SocketType::Dealer, b"me", curve, false, entropy)
}

pub(super) fn server_handshake(cookies: Arc<CookieKeys>, zap: bool) -> Handshake {
    let curve = CurveConfig::Server { keys: SERVER.clone(), cookies };
    handshake(SocketType::Router, b"them", curve, zap, Entropy::custom(counting))
}

/// Takes a peer's greeting and gives what is written after ours.
pub(super) fn greeted(handshake: &mut Handshake) -> Vec<u8> {
    handshake.receive(&greeting(1), Instant::now()).unwrap();
    let mut out = Vec::new();
    handshake.transmit(&mut out);
    out.split_off(64)
}

/// A server that has taken its peer's greeting.
pub(super) struct Server {
    pub(super) handshake: Handshake,
    pub(super) now: Instant,
    cookies: Arc<CookieKeys>,
    zap: bool,
}

impl Server {
    pub(super) fn new() -> Server {
        Server::make(false)
    }

    pub(super) fn with_zap() -> Server {
        Server::make(true)
    }

    fn make(zap: bool) -> Server {
        let cookies = Arc::new(CookieKeys::new());
        let mut handshake = server_handshake(Arc::clone(&cookies), zap);
        greeted(&mut handshake);
        Server { handshake, now: Instant::now(), cookies, zap }
    }

    /// A connection of the same server as `other`.
    pub(super) fn sharing(other: &Server) -> Server {
        let cookies = Arc::clone(&other.cookies);
        let mut handshake = server_handshake(Arc::clone(&cookies), other.zap);
        greeted(&mut handshake);
        Server { handshake, now: other.now, cookies, zap: other.zap }
    }

    /// Another connection of the same server, in place of this one.
    pub(super) fn restart(&mut self) {
        self.handshake = server_handshake(Arc::clone(&self.cookies), self.zap);
        greeted(&mut self.handshake);
    }

    pub(super) fn feed(&mut self, octets: &[u8]) -> Option<Result<Established, HandshakeError>> {
        end(self.handshake.receive(octets, self.now))
    }

    pub(super) fn error(&mut self, octets: &[u8]) -> ProtocolError {
        match self.feed(octets) {
            Some(Err(HandshakeError::Protocol(fault))) => fault,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn sent(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.handshake.transmit(&mut out);
        out
    }
}

/// How a step of a handshake ended, if it did.
pub(super) fn end(
    step: Result<Progress, HandshakeError>,
) -> Option<Result<Established, HandshakeError>> {
    match step {
        Ok(Progress::NeedMore { .. }) => None,
        Ok(Progress::Done { established, .. }) => Some(Ok(established)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Some(Err(error)),
    }
}

/// All four commands of a session between two ends of ours, the same in every run.
pub(super) struct Recorded {
    pub(super) hello: Vec<u8>,
    pub(super) welcome: Vec<u8>,
    pub(super) initiate: Vec<u8>,
    pub(super) ready: Vec<u8>,
}

pub(super) fn recorded() -> Recorded {
    recorded_from(0)
}

/// A session that differs with its seed.
pub(super) fn recorded_from(seed: u8) -> Recorded {
    let (mut client, mut server) = ends_from(seed);
    let hello = greeted(&mut client);
    server.feed(&hello);
    let welcome = server.sent();
    client.receive(&welcome, server.now).unwrap();
    let mut initiate = Vec::new();
    client.transmit(&mut initiate);
    server.feed(&initiate).unwrap().unwrap();
    let ready = server.sent();
    assert!(end(client.receive(&ready, server.now)).unwrap().is_ok());
    Recorded { hello, welcome, initiate, ready }
}

/// The two ends of the session that `recorded_from` this seed records, before its first command.
pub(super) fn ends_from(seed: u8) -> (Handshake, Server) {
    let client = client_handshake(repeat(seed.wrapping_mul(16)));
    (client, Server::new())
}

/// A client made by hand: every field may be changed before it is sent.
pub(super) struct RawClient {
    pub(super) keys: CurveKeyPair,
    pub(super) transient: CurveKeyPair,
    /// What the HELLO gives as C'.
    pub(super) shown: CurvePublicKey,
    pub(super) server: CurvePublicKey,
    pub(super) version: [u8; 2],
    pub(super) padding: Vec<u8>,
    pub(super) proof: Vec<u8>,
    pub(super) hello_nonce: u64,
    pub(super) initiate_nonce: u64,
    pub(super) metadata: Vec<u8>,
    /// What the vouch says, if not what it should.
    pub(super) vouched: Option<Vec<u8>>,
    /// What is said to be C, if not what it is.
    pub(super) claimed: Option<CurvePublicKey>,
    pub(super) their_transient: [u8; 32],
    pub(super) cookie: Vec<u8>,
}

impl RawClient {
    pub(super) fn new() -> RawClient {
        let transient = pair(77);
        RawClient {
            keys: CLIENT.clone(),
            shown: transient.public,
            transient,
            server: SERVER.public,
            version: [1, 0],
            padding: vec![0; 72],
            proof: vec![0; 64],
            hello_nonce: 1,
            initiate_nonce: 2,
            metadata: b"\x0BSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\x02me".to_vec(),
            vouched: None,
            claimed: None,
            their_transient: [0; 32],
            cookie: Vec::new(),
        }
    }

    fn key(&self) -> BoxKey {
        BoxKey::agree(self.transient.secret.as_bytes(), self.server.as_bytes()).unwrap()
    }

    pub(super) fn hello(&self) -> Vec<u8> {
        let mut octets = b"\x05HELLO".to_vec();
        octets.extend_from_slice(&self.version);
        octets.extend_from_slice(&self.padding);
        octets.extend_from_slice(self.shown.as_bytes());
        octets.extend_from_slice(&self.hello_nonce.to_be_bytes());
        let nonce = short_nonce(b"CurveZMQHELLO---", self.hello_nonce);
        self.key().seal(&nonce, &[&self.proof], &mut octets);
        frame(&octets)
    }

    pub(super) fn welcomed(&mut self, welcome: &[u8]) {
        let data = &body(welcome)[8..];
        let nonce = long_nonce(b"WELCOME-", data[..16].try_into().unwrap());
        let opened = self.key().open(&nonce, &data[16..]).unwrap();
        self.their_transient.copy_from_slice(&opened[..32]);
        self.cookie = opened[32..].to_vec();
    }

    pub(super) fn initiate(&self) -> Vec<u8> {
        let vouch_nonce = [9; 16];
        let mut vouch = vouch_nonce.to_vec();
        let whole = [&self.transient.public.as_bytes()[..], SERVER.public.as_bytes()].concat();
        let vouched = self.vouched.as_ref().unwrap_or(&whole);
        BoxKey::agree(self.keys.secret.as_bytes(), &self.their_transient).unwrap().seal(
            &long_nonce(b"VOUCH---", &vouch_nonce),
            &[vouched],
            &mut vouch,
        );
        let claimed = self.claimed.unwrap_or(self.keys.public);
        let mut octets = [b"\x08INITIATE".as_slice(), &self.cookie].concat();
        octets.extend_from_slice(&self.initiate_nonce.to_be_bytes());
        BoxKey::agree(self.transient.secret.as_bytes(), &self.their_transient).unwrap().seal(
            &short_nonce(b"CurveZMQINITIATE", self.initiate_nonce),
            &[claimed.as_bytes(), &vouch, &self.metadata],
            &mut octets,
        );
        frame(&octets)
    }
}
