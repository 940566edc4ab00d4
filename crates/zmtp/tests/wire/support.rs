//! Octets of peers, written by hand from the RFCs so that they do not share the code under test,
//! and the short ways of feeding them to a handshake.

use std::time::Instant;

use oxmq_zmtp::{
    Established, Handshake, HandshakeConfig, HandshakeError, Metadata, Progress, SocketType,
};

/// A 3.x greeting with zero padding.
pub(crate) fn greeting(major: u8, minor: u8, mechanism: &[u8]) -> Vec<u8> {
    let mut octets = vec![0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F, major, minor];
    octets.extend_from_slice(mechanism);
    octets.resize(64, 0);
    octets
}

/// A command frame with this body.
pub(crate) fn command(body: &[u8]) -> Vec<u8> {
    let mut octets = match u8::try_from(body.len()) {
        Ok(length) => vec![4, length],
        Err(_) => [&[6][..], &(body.len() as u64).to_be_bytes()].concat(),
    };
    octets.extend_from_slice(body);
    octets
}

/// A property in wire form.
pub(crate) fn property(name: &str, value: &[u8]) -> Vec<u8> {
    let mut octets = vec![name.len() as u8];
    octets.extend_from_slice(name.as_bytes());
    octets.extend_from_slice(&(value.len() as u32).to_be_bytes());
    octets.extend_from_slice(value);
    octets
}

/// A READY frame with these properties.
pub(crate) fn ready(properties: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    for (name, value) in properties {
        body.extend(property(name, value));
    }
    command(&body)
}

/// All that a 3.x peer sends before traffic.
pub(crate) fn v3_peer(minor: u8, socket_type: &str) -> Vec<u8> {
    let mut octets = greeting(3, minor, b"NULL");
    octets.extend(ready(&[("Socket-Type", socket_type.as_bytes())]));
    octets
}

/// All that a 2.0 peer sends before traffic.
pub(crate) fn v2_peer(revision: u8, socket_type: u8, identity: &[u8]) -> Vec<u8> {
    let mut octets = vec![0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, revision, socket_type, 0];
    octets.push(identity.len() as u8);
    octets.extend_from_slice(identity);
    octets
}

/// All that a 1.0 peer sends before traffic, in the short form.
pub(crate) fn v1_peer(identity: &[u8]) -> Vec<u8> {
    let mut octets = vec![identity.len() as u8 + 1, 0];
    octets.extend_from_slice(identity);
    octets
}

/// All that a 1.0 peer sends before traffic, in the long form.
pub(crate) fn v1_peer_long(identity: &[u8], flags: u8) -> Vec<u8> {
    let mut octets = vec![0xFF];
    octets.extend_from_slice(&(identity.len() as u64 + 1).to_be_bytes());
    octets.push(flags);
    octets.extend_from_slice(identity);
    octets
}

/// A configuration with defaults and this routing id.
pub(crate) fn config(socket_type: SocketType, routing_id: &[u8]) -> HandshakeConfig {
    HandshakeConfig { routing_id: routing_id.to_vec(), ..HandshakeConfig::new(socket_type) }
}

/// A handshake with defaults.
pub(crate) fn handshake(socket_type: SocketType) -> Handshake {
    start(HandshakeConfig::new(socket_type))
}

/// A handshake with a configuration that is valid.
pub(crate) fn start(config: HandshakeConfig) -> Handshake {
    match Handshake::new(config) {
        Ok(handshake) => handshake,
        Err(error) => panic!("{error}"),
    }
}

/// What the handshake wants written now.
pub(crate) fn sent(handshake: &mut Handshake) -> Vec<u8> {
    let mut out = Vec::new();
    handshake.transmit(&mut out);
    assert!(!handshake.wants_transmit());
    out
}

/// How a whole session ended, and all that was written during it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `None` when the handshake waits for more.
    pub(crate) end: Option<Result<Established, HandshakeError>>,
    /// Octets of the peer's that were taken before the end.
    pub(crate) consumed: usize,
    /// Octets written.
    pub(crate) sent: Vec<u8>,
}

/// Equal when everything that can be seen of them is.
impl PartialEq for Outcome {
    fn eq(&self, other: &Outcome) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl Outcome {
    /// The established connection; panics when there is none.
    pub(crate) fn established(self) -> Established {
        match self.end {
            Some(Ok(established)) => established,
            other => panic!("not established: {other:?}"),
        }
    }

    /// The error; panics when there is none.
    pub(crate) fn error(self) -> HandshakeError {
        match self.end {
            Some(Err(error)) => error,
            other => panic!("no error: {other:?}"),
        }
    }
}

/// Feeds `pieces` until the handshake ends, writing after each piece.
pub(crate) fn feed<'a>(
    config: &HandshakeConfig,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut handshake = start(config.clone());
    let mut outcome = Outcome { end: None, consumed: 0, sent: Vec::new() };
    handshake.transmit(&mut outcome.sent);
    for piece in pieces {
        let progress = handshake.receive(piece, Instant::now());
        handshake.transmit(&mut outcome.sent);
        match progress {
            Ok(Progress::NeedMore { consumed }) => {
                assert_eq!(consumed, piece.len());
                outcome.consumed += consumed;
            }
            Ok(Progress::Done { consumed, established }) => {
                assert!(consumed <= piece.len());
                outcome.consumed += consumed;
                outcome.end = Some(Ok(established));
                break;
            }
            Ok(other) => panic!("nobody asked for authentication: {other:?}"),
            Err(error) => {
                outcome.end = Some(Err(error));
                break;
            }
        }
    }
    if outcome.end.is_some() {
        let error = handshake.receive(b"x", Instant::now()).unwrap_err();
        assert_eq!(error, HandshakeError::Ended);
        assert_eq!(handshake.state(), "ended");
    }
    outcome
}

/// Feeds everything at once to a socket with defaults.
pub(crate) fn meet(socket_type: SocketType, peer: &[u8]) -> Outcome {
    feed(&HandshakeConfig::new(socket_type), [peer])
}

/// A dictionary with these properties.
pub(crate) fn metadata(properties: &[(&str, &[u8])]) -> Metadata {
    let mut metadata = Metadata::new();
    for (name, value) in properties {
        assert_eq!(metadata.push(name, value), Ok(()));
    }
    metadata
}
