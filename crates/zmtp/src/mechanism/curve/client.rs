//! The client of CURVE on one connection. Owned by its handshake.
//!
//! ```text
//!   start: send HELLO ──▶ AwaitWelcome ── WELCOME: send INITIATE ──▶ AwaitReady ── READY ──▶ done
//!                              └───────────── ERROR ──▶ refused ◀── ERROR ──┘
//! ```

use super::{COOKIE_BYTES, FIRST_NONCE, LONG_NONCE_BYTES, array, codec, long_nonce, short_nonce};
use crate::command::{command_frame, split_name};
use crate::crypto::{BoxKey, KEY_BYTES};
use crate::error::{HandshakeError, ProtocolError};
use crate::keys::{CurveKeyPair, CurvePublicKey, CurveSecretKey};
use crate::mechanism::{Link, Mechanism, Step, refused};
use crate::metadata::Metadata;

/// Octets of a WELCOME behind its name: a long nonce and the box of a key and a cookie.
const WELCOME_DATA_BYTES: usize = 160;
/// Fewest octets of a READY behind its name: a short nonce and an empty box.
const READY_DATA_BYTES_MIN: usize = 24;

/// See the file's first paragraph.
#[derive(Debug)]
pub(crate) struct Client {
    keys: CurveKeyPair,
    server: CurvePublicKey,
    /// C' and c'.
    transient: CurveKeyPair,
    state: State,
}

#[derive(Debug)]
enum State {
    /// With the key between c' and S.
    AwaitWelcome(BoxKey),
    /// With the key between c' and S'.
    AwaitReady(BoxKey),
}

impl Client {
    pub(crate) fn start(
        keys: &CurveKeyPair,
        server: &CurvePublicKey,
        link: &mut Link<'_>,
    ) -> Result<Step, HandshakeError> {
        // RFC 26 §The HELLO Command: the client SHALL generate a unique key pair for each
        // connection; it is wiped with the connection and stored nowhere.
        let transient = CurveKeyPair::from_secret(CurveSecretKey::generate(link.entropy)?);
        let key = BoxKey::agree(transient.secret.as_bytes(), server.as_bytes())
            .ok_or(ProtocolError::WeakKey)?;
        let mut data = Vec::with_capacity(194);
        // RFC 26 §The HELLO Command: the version SHALL be 1 and 0; then padding, all zero, which
        // makes HELLO larger than WELCOME.
        data.extend_from_slice(&[1, 0]);
        data.extend_from_slice(&[0; 72]);
        data.extend_from_slice(transient.public.as_bytes());
        data.extend_from_slice(&FIRST_NONCE.to_be_bytes());
        // RFC 26 §The HELLO Command: the box SHALL contain 64 zero octets, from C' to S.
        key.seal(&short_nonce(b"CurveZMQHELLO---", FIRST_NONCE), &[&[0; 64]], &mut data);
        // RFC 26 §The HELLO Command: the client SHALL send a HELLO of 200 octets.
        command_frame(b"HELLO", &[&data], link.output);
        let client = Client {
            keys: keys.clone(),
            server: *server,
            transient,
            state: State::AwaitWelcome(key),
        };
        Ok(Step::More(Mechanism::CurveClient(Box::new(client))))
    }

    pub(crate) fn step(
        mut self: Box<Self>,
        body: &[u8],
        link: &mut Link<'_>,
    ) -> Result<Step, HandshakeError> {
        match (&self.state, split_name(body)?) {
            (State::AwaitWelcome(key), (b"WELCOME", data)) => {
                let session = self.welcome(key, data, link)?;
                self.state = State::AwaitReady(session);
                Ok(Step::More(Mechanism::CurveClient(self)))
            }
            (State::AwaitReady(session), (b"READY", data)) => ready(session, data),
            (_, (b"ERROR", data)) => Err(refused(data)),
            _ => Err(ProtocolError::UnexpectedCommand { state: "CURVE client handshake" }.into()),
        }
    }

    /// Opens WELCOME and sends INITIATE; gives the key between c' and S'.
    fn welcome(
        &self,
        key: &BoxKey,
        data: &[u8],
        link: &mut Link<'_>,
    ) -> Result<BoxKey, HandshakeError> {
        // RFC 26 §The WELCOME Command: 168 octets; the client SHALL validate all fields and SHALL
        // disconnect from servers that send malformed WELCOME commands.
        if data.len() != WELCOME_DATA_BYTES {
            return Err(ProtocolError::WelcomeMalformed.into());
        }
        let mut rest = data;
        let nonce = array::<LONG_NONCE_BYTES>(&mut rest)?;
        let opened =
            key.open(&long_nonce(b"WELCOME-", nonce), rest).ok_or(ProtocolError::BoxDoesNotOpen)?;
        let mut rest = &opened[..];
        let their_transient = array::<KEY_BYTES>(&mut rest)?;
        let cookie = array::<COOKIE_BYTES>(&mut rest)?;
        let session = BoxKey::agree(self.transient.secret.as_bytes(), their_transient)
            .ok_or(ProtocolError::WeakKey)?;
        self.initiate(&session, their_transient, cookie, link)?;
        Ok(session)
    }

    // RFC 26 §The INITIATE Command: the client SHALL respond to a valid WELCOME with an INITIATE.
    fn initiate(
        &self,
        session: &BoxKey,
        their_transient: &[u8; KEY_BYTES],
        cookie: &[u8; COOKIE_BYTES],
        link: &mut Link<'_>,
    ) -> Result<(), HandshakeError> {
        // RFC 26 §The INITIATE Command: the vouch nonce SHALL be unique for all INITIATE commands
        // of C; 16 random octets are.
        let mut vouch_nonce = [0; LONG_NONCE_BYTES];
        link.entropy.fill(&mut vouch_nonce)?;
        let mut vouch = Vec::with_capacity(super::VOUCH_BYTES);
        vouch.extend_from_slice(&vouch_nonce);
        BoxKey::agree(self.keys.secret.as_bytes(), their_transient)
            .ok_or(ProtocolError::WeakKey)?
            .seal(
                &long_nonce(b"VOUCH---", &vouch_nonce),
                &[self.transient.public.as_bytes(), self.server.as_bytes()],
                &mut vouch,
            );
        let nonce = FIRST_NONCE + 1;
        let metadata = link.metadata.as_bytes();
        let mut data = Vec::with_capacity(248 + metadata.len());
        data.extend_from_slice(cookie);
        data.extend_from_slice(&nonce.to_be_bytes());
        session.seal(
            &short_nonce(b"CurveZMQINITIATE", nonce),
            &[self.keys.public.as_bytes(), &vouch, metadata],
            &mut data,
        );
        command_frame(b"INITIATE", &[&data], link.output);
        Ok(())
    }
}

// RFC 26 §The READY Command: at least 30 octets; the client SHALL validate all fields and SHALL
// disconnect from servers who send malformed READY commands.
fn ready(session: &BoxKey, data: &[u8]) -> Result<Step, HandshakeError> {
    if data.len() < READY_DATA_BYTES_MIN {
        return Err(ProtocolError::ReadyMalformed.into());
    }
    let mut rest = data;
    let nonce = u64::from_be_bytes(*array(&mut rest)?);
    let opened = session
        .open(&short_nonce(b"CurveZMQREADY---", nonce), rest)
        .ok_or(ProtocolError::BoxDoesNotOpen)?;
    let metadata = Metadata::parse(&opened).map_err(ProtocolError::Metadata)?;
    Ok(Step::Done { metadata, codec: Some(codec(session, false, FIRST_NONCE + 1, nonce)) })
}
