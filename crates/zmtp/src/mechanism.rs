//! Security mechanisms: what a socket asks for, and the machine that runs it on one connection.
//!
//! A mechanism reads command bodies and writes command frames; it never sees the greeting, the
//! transport or the other machines. The handshake owns it and takes it through [`Mechanism::step`]
//! by value. Today there is NULL; another mechanism is a variant of each enum here and a file
//! beside `null.rs`.

mod null;

use crate::error::HandshakeError;
use crate::handshake::TrafficCodec;
use crate::limits::MECHANISM_BYTES;
use crate::metadata::Metadata;

/// The security mechanism of a socket, with what the mechanism needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MechanismConfig {
    /// No authentication and no confidentiality (RFC 37 §The NULL Security Mechanism).
    #[default]
    Null,
}

impl MechanismConfig {
    /// The name in the greeting.
    // RFC 37 §Authentication and Confidentiality: names SHALL consist only of A-Z, digits, hyphen
    // and underscore.
    pub const fn name(&self) -> &'static str {
        match self {
            MechanismConfig::Null => "NULL",
        }
    }

    /// Whether peers older than 3.0 offer this mechanism: they know only NULL.
    // RFC 37 §Detecting ZMTP 1.0 and 2.0 Peers: with any other mechanism the connection MUST be
    // closed at once.
    pub(crate) const fn permits_downgrade(&self) -> bool {
        match self {
            MechanismConfig::Null => true,
        }
    }

    /// Whether the mechanism distinguishes client and server, so that as-server has a meaning.
    pub(crate) const fn has_roles(&self) -> bool {
        match self {
            MechanismConfig::Null => false,
        }
    }

    /// The mechanism field of the greeting, null-padded.
    pub(crate) fn greeting_field(&self) -> [u8; MECHANISM_BYTES] {
        let mut field = [0; MECHANISM_BYTES];
        for (octet, letter) in field.iter_mut().zip(self.name().bytes()) {
            *octet = letter;
        }
        field
    }

    /// Starts the mechanism on a connection whose greetings agree; `output` takes the command
    /// frames to send now.
    pub(crate) fn start(&self, metadata: &Metadata, output: &mut Vec<u8>) -> Mechanism {
        match self {
            MechanismConfig::Null => Mechanism::Null(null::Null::start(metadata, output)),
        }
    }
}

/// A mechanism at work on one connection.
#[derive(Debug)]
pub(crate) enum Mechanism {
    Null(null::Null),
}

/// What a mechanism made of a command.
pub(crate) enum Step {
    /// Both sides are content: the peer's metadata, and how traffic is encrypted, if it is.
    Done { metadata: Metadata, codec: Option<TrafficCodec> },
    /// The mechanism waits for another command. NULL never does.
    #[expect(dead_code, reason = "NULL needs one command; every other mechanism needs several")]
    More(Mechanism),
}

impl Mechanism {
    /// Takes the body of one command frame.
    pub(crate) fn step(self, body: &[u8]) -> Result<Step, HandshakeError> {
        match self {
            Mechanism::Null(null) => null.step(body),
        }
    }
}
