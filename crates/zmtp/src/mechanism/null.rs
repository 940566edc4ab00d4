//! The NULL mechanism: each side sends READY with its metadata and reads the other's.
//!
//! Owned by the handshake of one connection.
//!
//! ```text
//!   start: send READY ──▶ AwaitReady ── READY ──▶ done
//!                             └──────── ERROR ──▶ refused
//! ```
//!
//! RFC 37 gives the roles an order (the client sends first, the server replies) and RFC 23 demands
//! that each side sends before it reads. Sending at once satisfies both.

use crate::command::Command;
use crate::error::{HandshakeError, ProtocolError};
use crate::mechanism::Step;
use crate::metadata::Metadata;

/// NULL after its own READY is on its way; the only state there is.
#[derive(Debug)]
pub(crate) struct Null {
    _sent: (),
}

impl Null {
    pub(crate) fn start(metadata: &Metadata, output: &mut Vec<u8>) -> Null {
        // RFC 23 §The NULL Security Mechanism: each peer MUST send its READY before attempting to
        // receive one. RFC 37 §The NULL Security Mechanism: the client SHALL send a READY; the
        // server MUST send a READY in reply.
        Command::Ready(metadata.clone()).encode(output);
        Null { _sent: () }
    }

    pub(crate) fn step(self, body: &[u8]) -> Result<Step, HandshakeError> {
        match Command::parse(body)? {
            Command::Ready(metadata) => Ok(Step::Done { metadata, codec: None }),
            // RFC 37 §Error Handling: an incoming ERROR SHALL be treated as fatal.
            Command::Error { reason } => {
                Err(HandshakeError::Refused { reason: reason.escape_ascii().to_string() })
            }
            _ => Err(ProtocolError::UnexpectedCommand { state: "NULL handshake" }.into()),
        }
    }
}
