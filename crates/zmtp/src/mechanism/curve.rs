//! The CURVE mechanism (RFC 25, RFC 26): what its two sides share.
//!
//! ```text
//!   client                                     server
//!     HELLO    C', proof of C'              ─▶   opens the proof, makes S', forgets it
//!     opens S' and cookie                   ◀─   WELCOME   S', cookie holding s'
//!     INITIATE cookie, C, vouch, metadata   ─▶   opens cookie, checks the vouch, asks ZAP
//!     done                                  ◀─   READY     metadata
//! ```
//!
//! C and S are the long-term keys, C' and S' those of one connection; small letters are the secret
//! halves. `client.rs` and `server.rs` hold the machines, `traffic.rs` what follows them.

mod client;
mod server;
mod traffic;

pub(crate) use client::Client;
pub(crate) use server::Server;
pub(crate) use traffic::{MESSAGE_OVERHEAD_BYTES, Opener, Sealer};

use crate::codec::TrafficCodec;
use crate::crypto::{BoxKey, NONCE_BYTES};
use crate::error::ProtocolError;

/// Octets of a long nonce.
const LONG_NONCE_BYTES: usize = 16;
/// Octets of a short nonce.
const SHORT_NONCE_BYTES: usize = 8;
/// Octets of a cookie: its nonce and the box of two keys.
const COOKIE_BYTES: usize = 96;
/// Octets of a vouch: its nonce and the box of two keys.
const VOUCH_BYTES: usize = 96;

/// What a nonce counts as the first of a connection and side.
const FIRST_NONCE: u64 = 1;

/// A nonce of 8 octets behind its purpose.
fn short_nonce(purpose: &[u8; 16], counter: u64) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..16].copy_from_slice(purpose);
    nonce[16..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

/// A nonce of 16 octets behind its purpose.
fn long_nonce(purpose: &[u8; 8], random: &[u8; LONG_NONCE_BYTES]) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..8].copy_from_slice(purpose);
    nonce[8..].copy_from_slice(random);
    nonce
}

/// Splits an array off the front of `octets`; the caller has checked that it is there.
fn array<'a, const N: usize>(octets: &mut &'a [u8]) -> Result<&'a [u8; N], ProtocolError> {
    let (array, rest) = octets.split_first_chunk::<N>().ok_or(ProtocolError::BoxDoesNotOpen)?;
    *octets = rest;
    Ok(array)
}

/// What enciphers traffic once both sides are content. `sent` and `received` are the last short
/// nonces of the handshake.
fn codec(session: &BoxKey, is_server: bool, sent: u64, received: u64) -> TrafficCodec {
    // RFC 26 §The MESSAGE Command: the prefix names the sender.
    let (ours, theirs) = if is_server {
        (b"CurveZMQMESSAGES", b"CurveZMQMESSAGEC")
    } else {
        (b"CurveZMQMESSAGEC", b"CurveZMQMESSAGES")
    };
    TrafficCodec::enciphered(
        Sealer::new(session.stream(ours), sent),
        Opener::new(session.stream(theirs), received),
    )
}

#[cfg(test)]
mod tests;
