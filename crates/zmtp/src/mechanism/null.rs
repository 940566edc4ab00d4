//! The NULL mechanism: each side sends READY with its metadata and reads the other's.
//!
//! Owned by the handshake of one connection.
//!
//! ```text
//!   start ── no ZAP: send READY ──────────────────▶ AwaitReady ── READY ──▶ done
//!      └── ZAP: ask ──▶ Asked ── granted: send READY ──▲ └────── ERROR ──▶ refused
//! ```
//!
//! RFC 37 gives the roles an order (the client sends first, the server replies) and RFC 23 demands
//! that each side sends before it reads. Sending at once satisfies both.

use crate::command::Command;
use crate::error::{HandshakeError, ProtocolError};
use crate::mechanism::{Link, Mechanism, Step};

/// NULL on one connection.
#[derive(Debug)]
pub(crate) enum Null {
    Asked,
    AwaitReady,
}

impl Null {
    pub(crate) fn start(link: &mut Link<'_>) -> Step {
        if link.zap {
            // RFC 27 §The NULL Mechanism: there SHALL be no credentials frames.
            Step::Ask(Mechanism::Null(Null::Asked), Vec::new())
        } else {
            Null::send_ready(link)
        }
    }

    pub(crate) fn granted(self, link: &mut Link<'_>) -> Result<Step, HandshakeError> {
        match self {
            Null::Asked => Ok(Null::send_ready(link)),
            Null::AwaitReady => Err(HandshakeError::Ended),
        }
    }

    fn send_ready(link: &mut Link<'_>) -> Step {
        // RFC 23 §The NULL Security Mechanism: each peer MUST send its READY before attempting to
        // receive one. RFC 37 §The NULL Security Mechanism: the client SHALL send a READY; the
        // server MUST send a READY in reply.
        Command::Ready(link.metadata.clone()).encode(link.output);
        Step::More(Mechanism::Null(Null::AwaitReady))
    }

    pub(crate) fn step(self, body: &[u8]) -> Result<Step, HandshakeError> {
        match (self, Command::parse(body)?) {
            (Null::AwaitReady, Command::Ready(metadata)) => {
                Ok(Step::Done { metadata, codec: None })
            }
            // RFC 37 §Error Handling: an incoming ERROR SHALL be treated as fatal.
            (_, Command::Error { reason }) => {
                Err(HandshakeError::Refused { reason: reason.escape_ascii().to_string() })
            }
            _ => Err(ProtocolError::UnexpectedCommand { state: "NULL handshake" }.into()),
        }
    }
}
