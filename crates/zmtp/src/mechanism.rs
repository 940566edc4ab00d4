//! Security mechanisms: what a socket asks for, and the machine that runs it on one connection.
//!
//! A mechanism reads command bodies and writes command frames; it never sees the greeting, the
//! transport or the other machines. The handshake owns it and takes it through [`Mechanism::step`]
//! and [`Mechanism::granted`] by value. Another mechanism is a variant of each enum here and a file
//! beside `null.rs`.

mod config;
mod cookie;
mod curve;
mod null;
mod plain;

use std::time::Instant;

use crate::codec::TrafficCodec;
use crate::command::{Command, error_reason};
use crate::entropy::Entropy;
use crate::error::HandshakeError;
use crate::metadata::Metadata;
use crate::zap::ZapStatus;

pub use config::{CurveConfig, MechanismConfig, Password, PlainConfig};
pub use cookie::CookieKeys;
pub(crate) use curve::{MESSAGE_OVERHEAD_BYTES, Opener, Sealer};

/// A mechanism at work on one connection.
#[derive(Debug)]
pub(crate) enum Mechanism {
    Null(null::Null),
    Plain(plain::Plain),
    CurveClient(Box<curve::Client>),
    CurveServer(Box<curve::Server>),
}

/// What a mechanism needs from its connection in every step.
pub(crate) struct Link<'a> {
    /// Our own metadata.
    pub(crate) metadata: &'a Metadata,
    /// Whether the peer is let in only if the ZAP handler says so.
    pub(crate) zap: bool,
    /// Where keys and nonces come from.
    pub(crate) entropy: &'a Entropy,
    /// The time, for the age of cookies.
    pub(crate) now: Instant,
    /// Takes the command frames to send now.
    pub(crate) output: &'a mut Vec<u8>,
}

/// What a mechanism made of a command.
pub(crate) enum Step {
    /// Both sides are content: the peer's metadata, and how traffic is encrypted, if it is.
    Done { metadata: Metadata, codec: Option<TrafficCodec> },
    /// The mechanism waits for another command.
    More(Mechanism),
    /// The mechanism waits for the ZAP handler, which gets these credentials.
    Ask(Mechanism, Vec<Vec<u8>>),
}

impl Mechanism {
    /// Starts the mechanism on a connection whose greetings agree.
    pub(crate) fn start(
        config: &MechanismConfig,
        link: &mut Link<'_>,
    ) -> Result<Step, HandshakeError> {
        match config {
            MechanismConfig::Null => Ok(null::Null::start(link)),
            MechanismConfig::Plain(plain) => Ok(plain::Plain::start(plain, link)),
            MechanismConfig::Curve(CurveConfig::Client { keys, server }) => {
                curve::Client::start(keys, server, link)
            }
            MechanismConfig::Curve(CurveConfig::Server { keys, cookies }) => {
                Ok(curve::Server::start(keys, cookies))
            }
        }
    }

    /// Takes the body of one command frame.
    pub(crate) fn step(self, body: &[u8], link: &mut Link<'_>) -> Result<Step, HandshakeError> {
        match self {
            Mechanism::Null(null) => null.step(body),
            Mechanism::Plain(plain) => plain.step(body, link),
            Mechanism::CurveClient(client) => client.step(body, link),
            Mechanism::CurveServer(server) => server.step(body, link),
        }
    }

    /// Goes on after [`Step::Ask`]: the peer is let in.
    pub(crate) fn granted(self, link: &mut Link<'_>) -> Result<Step, HandshakeError> {
        match self {
            Mechanism::Null(null) => null.granted(link),
            Mechanism::Plain(plain) => plain.granted(link),
            Mechanism::CurveServer(server) => server.granted(link),
            Mechanism::CurveClient(_) => Err(HandshakeError::Ended),
        }
    }
}

impl MechanismConfig {
    /// Appends the command that tells the peer of a verdict against it.
    // RFC 26 §The ERROR Command: a server SHALL indicate an authentication failure by ERROR.
    pub(crate) fn refuse(&self, status: ZapStatus, output: &mut Vec<u8>) {
        let reason = status.code().to_string();
        match self {
            MechanismConfig::Plain(_) => plain::refuse(reason.as_bytes(), output),
            _ => Command::Error { reason: reason.as_bytes() }.encode(output),
        }
    }
}

/// What an ERROR command with these data means.
// RFC 37 §Error Handling: an incoming ERROR SHALL be treated as fatal.
fn refused(data: &[u8]) -> HandshakeError {
    match error_reason(data) {
        Ok(reason) => HandshakeError::Refused { reason: reason.escape_ascii().to_string() },
        Err(fault) => fault.into(),
    }
}
