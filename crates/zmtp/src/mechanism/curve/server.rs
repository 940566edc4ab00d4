//! The server of CURVE on one connection. Owned by its handshake.
//!
//! ```text
//!   AwaitHello ── HELLO: send WELCOME ──▶ AwaitInitiate
//!   AwaitInitiate ── INITIATE ──▶ (Asked ──▶) send READY: done
//! ```
//!
//! Between WELCOME and INITIATE the server keeps three numbers and no key: what it needs of the
//! connection's keys is in the cookie. A cookie opens on the connection it was made for, once, and
//! as long as its key lives.

use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    COOKIE_BYTES, FIRST_NONCE, LONG_NONCE_BYTES, SHORT_NONCE_BYTES, VOUCH_BYTES, array, codec,
    long_nonce, short_nonce,
};
use crate::command::{command_frame, split_name};
use crate::crypto::{BoxKey, KEY_BYTES};
use crate::error::{HandshakeError, ProtocolError};
use crate::keys::{CurveKeyPair, CurveSecretKey};
use crate::mechanism::{CookieKeys, Link, Mechanism, Step};
use crate::metadata::Metadata;

/// Octets of a HELLO behind its name.
const HELLO_DATA_BYTES: usize = 194;
/// Octets of the padding of a HELLO.
const HELLO_PADDING_BYTES: usize = 72;
/// Fewest octets of an INITIATE behind its name.
const INITIATE_DATA_BYTES_MIN: usize = 248;

/// See the file's first paragraph.
#[derive(Debug)]
pub(crate) struct Server {
    keys: CurveKeyPair,
    cookies: Arc<CookieKeys>,
    state: State,
}

#[derive(Debug)]
enum State {
    AwaitHello,
    AwaitInitiate {
        /// The short nonce of the HELLO.
        received: u64,
        /// The nonce of the cookie that this connection got.
        cookie_nonce: [u8; LONG_NONCE_BYTES],
        /// The number of the key of that cookie.
        cookie_key: u64,
    },
    Asked(Peer),
}

/// A client whose INITIATE is good.
#[derive(Debug)]
struct Peer {
    /// The key between s' and C'.
    session: BoxKey,
    metadata: Metadata,
    /// The short nonce of the INITIATE.
    received: u64,
}

impl Server {
    pub(crate) fn start(keys: &CurveKeyPair, cookies: &Arc<CookieKeys>) -> Step {
        let server =
            Server { keys: keys.clone(), cookies: Arc::clone(cookies), state: State::AwaitHello };
        Step::More(Mechanism::CurveServer(Box::new(server)))
    }

    pub(crate) fn step(
        mut self: Box<Self>,
        body: &[u8],
        link: &mut Link<'_>,
    ) -> Result<Step, HandshakeError> {
        match (&self.state, split_name(body)?) {
            (State::AwaitHello, (b"HELLO", data)) => {
                self.state = self.hello(data, link)?;
                Ok(Step::More(Mechanism::CurveServer(self)))
            }
            (&State::AwaitInitiate { received, cookie_nonce, cookie_key }, (b"INITIATE", data)) => {
                let (peer, client) =
                    self.initiate(data, received, &cookie_nonce, cookie_key, link)?;
                if link.zap {
                    self.state = State::Asked(peer);
                    // RFC 27 §The CURVE Mechanism: the credentials SHALL be the 32 octets of C.
                    Ok(Step::Ask(Mechanism::CurveServer(self), vec![client.to_vec()]))
                } else {
                    Ok(ready(peer, link))
                }
            }
            // RFC 26 §General Design: a client SHALL NOT send ERROR to the server.
            _ => Err(ProtocolError::UnexpectedCommand { state: "CURVE server handshake" }.into()),
        }
    }

    pub(crate) fn granted(self, link: &mut Link<'_>) -> Result<Step, HandshakeError> {
        match self.state {
            State::Asked(peer) => Ok(ready(peer, link)),
            _ => Err(HandshakeError::Ended),
        }
    }

    // RFC 26 §The HELLO Command: the server SHALL validate all fields and SHALL reject and
    // disconnect clients who send malformed HELLO commands.
    fn hello(&self, data: &[u8], link: &mut Link<'_>) -> Result<State, HandshakeError> {
        // Everything that costs nothing is checked before the first computation on the curve.
        if data.len() != HELLO_DATA_BYTES {
            return Err(ProtocolError::HelloMalformed.into());
        }
        let mut rest = data;
        let version = array::<2>(&mut rest)?;
        let padding = array::<HELLO_PADDING_BYTES>(&mut rest)?;
        if *version != [1, 0] || *padding != [0; HELLO_PADDING_BYTES] {
            return Err(ProtocolError::HelloMalformed.into());
        }
        let their_transient = array::<KEY_BYTES>(&mut rest)?;
        let received = u64::from_be_bytes(*array::<SHORT_NONCE_BYTES>(&mut rest)?);
        let key = BoxKey::agree(self.keys.secret.as_bytes(), their_transient)
            .ok_or(ProtocolError::WeakKey)?;
        let opened = key
            .open(&short_nonce(b"CurveZMQHELLO---", received), rest)
            .ok_or(ProtocolError::BoxDoesNotOpen)?;
        if !bool::from(opened[..].ct_eq(&[0; 64])) {
            return Err(ProtocolError::HelloMalformed.into());
        }
        self.welcome(&key, their_transient, received, link)
    }

    // RFC 26 §The WELCOME Command: the server SHALL respond to a valid HELLO with a WELCOME of 168
    // octets.
    fn welcome(
        &self,
        key: &BoxKey,
        their_transient: &[u8; KEY_BYTES],
        received: u64,
        link: &mut Link<'_>,
    ) -> Result<State, HandshakeError> {
        // RFC 26 §The HELLO Command: the server SHALL generate a new transient key pair and SHALL
        // not keep it.
        let transient = CurveKeyPair::from_secret(CurveSecretKey::generate(link.entropy)?);
        // RFC 26 §The WELCOME Command: the nonces SHALL be unique for the key; they are random. The
        // server SHALL generate a new cookie for each WELCOME.
        let mut cookie_nonce = [0; LONG_NONCE_BYTES];
        link.entropy.fill(&mut cookie_nonce)?;
        let mut welcome_nonce = [0; LONG_NONCE_BYTES];
        link.entropy.fill(&mut welcome_nonce)?;
        let (cookie_key, secret) = self.cookies.sealing(link.now, link.entropy)?;
        let mut cookie = Vec::with_capacity(COOKIE_BYTES);
        cookie.extend_from_slice(&cookie_nonce);
        BoxKey::secret(secret).seal(
            &long_nonce(b"COOKIE--", &cookie_nonce),
            &[their_transient, transient.secret.as_bytes()],
            &mut cookie,
        );
        let mut data = Vec::with_capacity(160);
        data.extend_from_slice(&welcome_nonce);
        key.seal(
            &long_nonce(b"WELCOME-", &welcome_nonce),
            &[transient.public.as_bytes(), &cookie],
            &mut data,
        );
        command_frame(b"WELCOME", &[&data], link.output);
        Ok(State::AwaitInitiate { received, cookie_nonce, cookie_key })
    }

    // RFC 26 §The INITIATE Command: at least 257 octets; the server SHALL validate all fields and
    // SHALL reject and disconnect clients who send malformed INITIATE commands.
    fn initiate(
        &self,
        data: &[u8],
        hello_nonce: u64,
        cookie_nonce: &[u8; LONG_NONCE_BYTES],
        cookie_key: u64,
        link: &Link<'_>,
    ) -> Result<(Peer, [u8; KEY_BYTES]), HandshakeError> {
        if data.len() < INITIATE_DATA_BYTES_MIN {
            return Err(ProtocolError::InitiateMalformed.into());
        }
        let mut rest = data;
        let cookie = array::<COOKIE_BYTES>(&mut rest)?;
        let received = u64::from_be_bytes(*array::<SHORT_NONCE_BYTES>(&mut rest)?);
        // RFC 26 §The HELLO Command: the server SHALL verify that short nonces increment, and SHALL
        // disconnect clients that reuse one.
        if received <= hello_nonce {
            return Err(ProtocolError::NonceOutOfSequence.into());
        }
        let transient = self.open_cookie(cookie, cookie_nonce, cookie_key, link)?;
        let mut keys = &transient[..];
        let their_transient = array::<KEY_BYTES>(&mut keys)?;
        let our_transient = array::<KEY_BYTES>(&mut keys)?;
        let session =
            BoxKey::agree(our_transient, their_transient).ok_or(ProtocolError::WeakKey)?;
        let opened = session
            .open(&short_nonce(b"CurveZMQINITIATE", received), rest)
            .ok_or(ProtocolError::BoxDoesNotOpen)?;
        let mut rest = &opened[..];
        let client = *array::<KEY_BYTES>(&mut rest)?;
        let vouch = array::<VOUCH_BYTES>(&mut rest)?;
        self.check_vouch(vouch, &client, their_transient, our_transient)?;
        let metadata = Metadata::parse(rest).map_err(ProtocolError::Metadata)?;
        Ok((Peer { session, metadata, received }, client))
    }

    /// What is in the cookie, if it is the one that this connection got: C' and s'.
    // RFC 26 §The WELCOME Command: the server MUST discard the cookie key after a short interval.
    fn open_cookie(
        &self,
        cookie: &[u8; COOKIE_BYTES],
        cookie_nonce: &[u8; LONG_NONCE_BYTES],
        cookie_key: u64,
        link: &Link<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, ProtocolError> {
        let mut sealed = &cookie[..];
        let nonce = array::<LONG_NONCE_BYTES>(&mut sealed)?;
        if nonce != cookie_nonce {
            return Err(ProtocolError::BoxDoesNotOpen);
        }
        let key = self.cookies.opening(link.now, cookie_key).ok_or(ProtocolError::CookieExpired)?;
        BoxKey::secret(key)
            .open(&long_nonce(b"COOKIE--", nonce), sealed)
            .ok_or(ProtocolError::BoxDoesNotOpen)
    }

    /// Checks that the owner of `client` vouches for C' and means us.
    // RFC 26 §The INITIATE Command: the vouch box is Box [C',S](C->S').
    fn check_vouch(
        &self,
        vouch: &[u8; VOUCH_BYTES],
        client: &[u8; KEY_BYTES],
        their_transient: &[u8; KEY_BYTES],
        our_transient: &[u8; KEY_BYTES],
    ) -> Result<(), ProtocolError> {
        let mut sealed = &vouch[..];
        let nonce = array::<LONG_NONCE_BYTES>(&mut sealed)?;
        let opened = BoxKey::agree(our_transient, client)
            .ok_or(ProtocolError::WeakKey)?
            .open(&long_nonce(b"VOUCH---", nonce), sealed)
            .ok_or(ProtocolError::BoxDoesNotOpen)?;
        let vouched = [&their_transient[..], self.keys.public.as_bytes()].concat();
        if bool::from(opened.ct_eq(&vouched)) { Ok(()) } else { Err(ProtocolError::VouchInvalid) }
    }
}

// RFC 26 §The READY Command: the server SHALL respond to a valid INITIATE with a READY.
fn ready(peer: Peer, link: &mut Link<'_>) -> Step {
    let metadata = link.metadata.as_bytes();
    let mut data = Vec::with_capacity(24 + metadata.len());
    data.extend_from_slice(&FIRST_NONCE.to_be_bytes());
    peer.session.seal(&short_nonce(b"CurveZMQREADY---", FIRST_NONCE), &[metadata], &mut data);
    command_frame(b"READY", &[&data], link.output);
    let codec = codec(&peer.session, true, FIRST_NONCE, peer.received);
    Step::Done { metadata: peer.metadata, codec: Some(codec) }
}
