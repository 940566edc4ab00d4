//! Two handshakes of ours that meet, with everything that was written kept for inspection.

use std::sync::Arc;
use std::time::Instant;

use oxmq_zmtp::{
    CookieKeys, CurveConfig, CurveKeyPair, CurveSecretKey, Established, Handshake, HandshakeConfig,
    HandshakeError, MechanismConfig, Password, PlainConfig, Progress, SocketType, ZapRequest,
    ZapVerdict,
};

use crate::support::*;

/// A key pair that is the same in every run.
pub(crate) fn keys(seed: u8) -> CurveKeyPair {
    CurveKeyPair::from_secret(CurveSecretKey::from_bytes([seed; 32]))
}

/// A DEALER that is a client of CURVE, of the server with `keys(2)`.
pub(crate) fn curve_client() -> HandshakeConfig {
    let mechanism =
        MechanismConfig::Curve(CurveConfig::Client { keys: keys(1), server: keys(2).public });
    HandshakeConfig { mechanism, ..config(SocketType::Dealer, b"me") }
}

/// A ROUTER that is a server of CURVE with `keys(2)`.
pub(crate) fn curve_server() -> HandshakeConfig {
    let cookies = Arc::new(CookieKeys::new());
    let mechanism = MechanismConfig::Curve(CurveConfig::Server { keys: keys(2), cookies });
    HandshakeConfig { mechanism, ..config(SocketType::Router, b"them") }
}

/// A DEALER that is a client of PLAIN.
pub(crate) fn plain_client() -> HandshakeConfig {
    let mechanism = MechanismConfig::Plain(PlainConfig::Client {
        username: b"admin".to_vec(),
        password: Password::from(*b"secret"),
    });
    HandshakeConfig { mechanism, ..config(SocketType::Dealer, b"me") }
}

/// A ROUTER that is a server of PLAIN.
pub(crate) fn plain_server() -> HandshakeConfig {
    let mechanism = MechanismConfig::Plain(PlainConfig::Server);
    HandshakeConfig { mechanism, ..config(SocketType::Router, b"them") }
}

/// One end of a session.
pub(crate) struct End {
    pub(crate) handshake: Handshake,
    /// All that it wrote.
    pub(crate) sent: Vec<u8>,
    pub(crate) end: Option<Result<Established, HandshakeError>>,
    pub(crate) asked: Vec<ZapRequest>,
    pub(crate) silent: bool,
}

impl End {
    pub(crate) fn new(config: HandshakeConfig) -> End {
        let handshake = start(config);
        End { handshake, sent: Vec::new(), end: None, asked: Vec::new(), silent: false }
    }

    /// Takes octets, answers ZAP with `verdict`, and gives what it wrote.
    pub(crate) fn feed(&mut self, bytes: &[u8], verdict: &ZapVerdict) -> Vec<u8> {
        let mut progress = self.handshake.receive(bytes, Instant::now());
        if let Ok(Progress::Authenticate { request, .. }) = progress {
            self.asked.push(request);
            progress = self.handshake.authenticate(verdict.clone(), Instant::now());
        }
        match progress {
            Ok(Progress::NeedMore { .. }) => {}
            Ok(Progress::Authenticate { .. }) => panic!("asked twice"),
            Ok(Progress::Silent { .. }) => self.silent = true,
            Ok(Progress::Done { established, .. }) => self.end = Some(Ok(established)),
            Err(error) => self.end = Some(Err(error)),
        }
        self.take()
    }

    fn take(&mut self) -> Vec<u8> {
        let written = sent(&mut self.handshake);
        self.sent.extend_from_slice(&written);
        written
    }

    pub(crate) fn established(self) -> Established {
        match self.end {
            Some(Ok(established)) => established,
            other => panic!("not established: {other:?}"),
        }
    }

    pub(crate) fn error(&self) -> HandshakeError {
        match &self.end {
            Some(Err(error)) => error.clone(),
            other => panic!("no error: {other:?}"),
        }
    }
}

/// Lets two ends talk until neither has anything to say; ZAP says `verdict` on both.
pub(crate) fn introduce(
    ours: HandshakeConfig,
    theirs: HandshakeConfig,
    verdict: &ZapVerdict,
) -> [End; 2] {
    let mut ends = [End::new(ours), End::new(theirs)];
    let mut wires = [ends[0].take(), ends[1].take()];
    while wires.iter().any(|wire| !wire.is_empty()) {
        for (from, to) in [(0, 1), (1, 0)] {
            let wire = std::mem::take(&mut wires[from]);
            if !wire.is_empty() && ends[to].end.is_none() {
                let answer = ends[to].feed(&wire, verdict);
                wires[to].extend(answer);
            }
        }
    }
    ends
}
