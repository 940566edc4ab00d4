//! The handshake of one connection: signature, version, greeting, mechanism, metadata.
//!
//! A `Handshake` owns the few octets it has received and not yet understood, and the octets it
//! wants written; both are bounded in `limits.rs`. Whoever owns the connection feeds it, from one
//! thread at a time. Both roles run the same machine.
//!
//! ```text
//!                first octet not FF, or tenth even
//!   Signature ───────────────────────────────────▶ V1Identity ── identity ──▶ done (1.0)
//!       │ FF .. odd: send our major version
//!       ▼             0, 1, 2: send type, identity
//!   Revision ────────────────────────────────────▶ V2SocketType ─ fits ─▶ V2Identity ─▶ done (2.0)
//!       │ 3 and up: send the rest of our greeting
//!       ▼                 mechanisms agree: start it
//!   Greeting ────────────────────────────────────▶ Mechanism ── peer's metadata ──▶ done (3.x)
//!                                                   │      ▲
//!                                   ZAP must be asked      granted
//!                                                   ▼      │
//!                                                  Asking ─┴─ denied for now ──▶ Silent
//!
//!   any state ── fault, refusal, misfit ──▶ Ended;  done ──▶ Ended
//! ```

mod config;
mod established;

pub use config::HandshakeConfig;
pub use established::{Established, Progress};

use config::{IDENTITY, RESOURCE, SOCKET_TYPE, is_resource};

use std::time::Instant;

use zeroize::Zeroize;

use crate::codec::TrafficCodec;
use crate::command::Command;
use crate::entropy::Entropy;
use crate::error::{ConfigError, HandshakeError, ProtocolError};
use crate::frame::{FRAME_HEADER_MAX, Framing, v1_length};
use crate::greeting::{self, PeerGreeting, VERSION};
use crate::limits::{
    GREETING_BYTES, HANDSHAKE_COMMAND_BYTES_MAX, HANDSHAKE_INPUT_BYTES_MAX, ROUTING_ID_BYTES_MAX,
    SIGNATURE_BYTES,
};
use crate::mechanism::{Link, Mechanism, MechanismConfig, Step};
use crate::metadata::Metadata;
use crate::socket_type::SocketType;
use crate::zap::{ZapRequest, ZapStatus, ZapVerdict};

/// Highest version octet of a ZMTP 2.0 peer.
///
/// RFC 15 names revision 1 and RFC 37 1 and 2; 0 comes from development versions before 3.2.
const V2_REVISION_MAX: u8 = 2;

/// The handshake of one connection.
///
/// Memory: at most 64 KiB, made of octets that have arrived or are ours; a size that a peer
/// declares is never allocated.
#[derive(Debug)]
pub struct Handshake {
    socket_type: SocketType,
    mechanism: MechanismConfig,
    /// For 1.0 and 2.0 peers; for 3.x it is in `properties` if our type announces it.
    routing_id: Vec<u8>,
    /// What our READY says.
    properties: Metadata,
    /// Our whole greeting; `greeting_sent <= GREETING_BYTES` octets of it are in `output` or gone.
    greeting: [u8; GREETING_BYTES],
    greeting_sent: usize,
    /// Whether 1.0 and 2.0 peers are acceptable.
    downgrade: bool,
    /// Whether the ZAP handler decides.
    zap: bool,
    entropy: Entropy,
    state: State,
    /// Received and not yet understood; shorter than `wanted` between calls.
    input: Vec<u8>,
    /// Octets of `input` that the state needs before it can move; never 0.
    wanted: usize,
    /// Received while `Asking`; at most `HANDSHAKE_INPUT_BYTES_MAX`.
    held: Vec<u8>,
    /// What the ZAP handler said of a peer that it let in.
    user_id: Vec<u8>,
    zap_metadata: Metadata,
    /// To be written, in order.
    output: Vec<u8>,
}

/// Where the handshake stands; the drawing is at the top of this file.
#[derive(Debug)]
enum State {
    Signature,
    V1Identity,
    Revision,
    V2SocketType,
    V2Identity { peer_type: SocketType },
    Greeting,
    Mechanism { version: (u8, u8), mechanism: Mechanism },
    Asking { version: (u8, u8), mechanism: Mechanism },
    Silent,
    Ended,
}

/// What a state made of its input.
#[expect(clippy::large_enum_variant, reason = "passed on once a connection, never stored")]
enum Turn {
    /// It keeps the input and cannot say yet how much more it needs.
    More(State),
    /// It keeps the input and needs this many octets of it in total, more than there are.
    Wait(State, usize),
    /// It has used the input up.
    Next(State),
    /// It has used the input up and waits for the ZAP handler.
    Ask(State, ZapRequest),
    Done(Established),
}

/// A HELLO of PLAIN holds a password, so nothing that passed through is left in memory.
impl Drop for Handshake {
    fn drop(&mut self) {
        for octets in [&mut self.input, &mut self.held, &mut self.output] {
            octets.zeroize();
        }
    }
}

/// What a turn has to tell.
#[expect(clippy::large_enum_variant, reason = "passed on once a connection, never stored")]
enum Settled {
    Ask(ZapRequest),
    Done(Established),
}

impl Handshake {
    /// Starts a handshake; what it has to say first is in [`transmit`](Self::transmit) at once.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the protocol does not permit what `config` asks for.
    pub fn new(config: HandshakeConfig) -> Result<Handshake, ConfigError> {
        let properties = config.properties()?;
        config.mechanism.check()?;
        // RFC 37 §Security Considerations: an implementation MUST guard against downgrade attacks.
        let downgrade = config.allow_downgrade
            && config.mechanism.permits_downgrade()
            && !config.zap
            && config.socket_type.v2_code().is_some();
        let identity_len = downgrade.then_some(config.routing_id.len());
        let mut handshake = Handshake {
            socket_type: config.socket_type,
            greeting: greeting::greeting(&config.mechanism, identity_len),
            greeting_sent: 0,
            mechanism: config.mechanism,
            routing_id: config.routing_id,
            properties,
            downgrade,
            zap: config.zap,
            entropy: config.entropy,
            state: State::Signature,
            input: Vec::new(),
            wanted: 1,
            held: Vec::new(),
            user_id: Vec::new(),
            zap_metadata: Metadata::new(),
            output: Vec::new(),
        };
        // RFC 37 §Version Negotiation: to work with older versions a peer SHALL send a partial
        // greeting (ten octets when 1.0 counts); otherwise it SHALL send all 64 octets.
        handshake.send_greeting_up_to(if downgrade { SIGNATURE_BYTES } else { GREETING_BYTES });
        Ok(handshake)
    }

    /// Goes straight to the mechanism: the transport has agreed on it with the peer in its own
    /// way, and there is no greeting. The peer counts as one of 3.0. What comes back has to be
    /// asked of the ZAP handler.
    // RFC 45 §Mechanisms: the connection begins with the mechanism's commands.
    pub(crate) fn skip_greeting(
        &mut self,
        now: Instant,
    ) -> Result<Option<ZapRequest>, HandshakeError> {
        self.output.clear();
        self.greeting_sent = GREETING_BYTES;
        let mut link = Link {
            metadata: &self.properties,
            zap: self.zap,
            entropy: &self.entropy,
            now,
            output: &mut self.output,
        };
        let step = Mechanism::start(&self.mechanism, &mut link)?;
        let turn = self.stepped((3, 0), step)?;
        match self.settle(turn) {
            None => Ok(None),
            Some(Settled::Ask(request)) => Ok(Some(request)),
            Some(Settled::Done(_)) => Err(HandshakeError::Ended),
        }
    }

    /// Appends the octets that should be written now to `out` and forgets them.
    ///
    /// Call it after [`new`](Self::new) and after every [`receive`](Self::receive), also one that
    /// failed (there may be an ERROR command to send before the connection is closed) and the one
    /// that is done (before any traffic).
    pub fn transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.output);
    }

    /// Whether [`transmit`](Self::transmit) has anything to write.
    pub fn wants_transmit(&self) -> bool {
        !self.output.is_empty()
    }

    /// Takes octets that arrived, in pieces of any size, at the time `now`.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`] when the connection cannot be established; the handshake has then ended.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<Progress, HandshakeError> {
        match self.state {
            State::Silent => Ok(Progress::NeedMore { consumed: bytes.len() }),
            State::Asking { .. } => {
                self.hold(bytes)?;
                Ok(Progress::NeedMore { consumed: bytes.len() })
            }
            _ => self.drive(bytes, now),
        }
    }

    /// Goes on after [`Progress::Authenticate`] with what the ZAP handler said. The answer counts
    /// no octets as consumed: all that were fed meanwhile have been taken already.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`] when the peer is not let in for good; there may be an ERROR command to
    /// [`transmit`](Self::transmit). [`HandshakeError::Ended`] when nothing was asked.
    pub fn authenticate(
        &mut self,
        verdict: ZapVerdict,
        now: Instant,
    ) -> Result<Progress, HandshakeError> {
        let state = std::mem::replace(&mut self.state, State::Ended);
        let State::Asking { version, mechanism } = state else {
            return Err(HandshakeError::Ended);
        };
        match verdict {
            ZapVerdict::Granted { user_id, metadata } => {
                self.user_id = user_id;
                self.zap_metadata = metadata;
            }
            // RFC 27 §The ZAP Protocol: 300 is temporary, so the client is not told to give up.
            ZapVerdict::Denied(status @ ZapStatus::Temporary) => {
                self.state = State::Silent;
                return Ok(Progress::Silent { status });
            }
            ZapVerdict::Denied(status) => {
                self.mechanism.refuse(status, &mut self.output);
                return Err(HandshakeError::Denied { status });
            }
            ZapVerdict::Faulty(fault) => return Err(HandshakeError::Zap(fault)),
        }
        let mut link = Link {
            metadata: &self.properties,
            zap: self.zap,
            entropy: &self.entropy,
            now,
            output: &mut self.output,
        };
        let step = mechanism.granted(&mut link)?;
        let turn = self.stepped(version, step)?;
        let held = std::mem::take(&mut self.held);
        let progress = match self.settle(turn) {
            Some(Settled::Done(established)) => Progress::Done { consumed: 0, established },
            Some(Settled::Ask(_)) => return Err(HandshakeError::Ended),
            None => self.drive(&held, now)?,
        };
        Ok(match progress {
            Progress::Done { consumed, mut established } => {
                established.early = held[consumed..].to_vec();
                Progress::Done { consumed: 0, established }
            }
            Progress::NeedMore { .. } => Progress::NeedMore { consumed: 0 },
            other => other,
        })
    }

    /// Takes octets through the states until there is something to tell or nothing left.
    fn drive(&mut self, bytes: &[u8], now: Instant) -> Result<Progress, HandshakeError> {
        let mut rest = bytes;
        loop {
            if matches!(self.state, State::Ended) {
                return Err(HandshakeError::Ended);
            }
            let missing = self.wanted.saturating_sub(self.input.len());
            let (taken, left) = rest.split_at(missing.min(rest.len()));
            self.input.extend_from_slice(taken);
            rest = left;
            if taken.len() < missing {
                return Ok(Progress::NeedMore { consumed: bytes.len() });
            }
            let state = std::mem::replace(&mut self.state, State::Ended);
            let turn = self.turn(state, now)?;
            match self.settle(turn) {
                None => {}
                Some(Settled::Ask(request)) => {
                    self.hold(rest)?;
                    return Ok(Progress::Authenticate { consumed: bytes.len(), request });
                }
                Some(Settled::Done(established)) => {
                    return Ok(Progress::Done { consumed: bytes.len() - rest.len(), established });
                }
            }
        }
    }

    /// Keeps octets that came before the ZAP handler answered.
    fn hold(&mut self, bytes: &[u8]) -> Result<(), HandshakeError> {
        if bytes.len() > HANDSHAKE_INPUT_BYTES_MAX - self.held.len() {
            self.state = State::Ended;
            return Err(ProtocolError::TooEarly.into());
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// Goes to the state that a turn leads to.
    fn settle(&mut self, turn: Turn) -> Option<Settled> {
        match turn {
            Turn::More(state) => {
                self.state = state;
                self.wanted = self.input.len() + 1;
                None
            }
            Turn::Wait(state, wanted) => {
                self.state = state;
                self.wanted = wanted;
                None
            }
            Turn::Next(state) => {
                self.state = state;
                self.input.clear();
                self.wanted = 1;
                None
            }
            Turn::Ask(state, request) => {
                self.state = state;
                self.input.clear();
                self.wanted = 1;
                Some(Settled::Ask(request))
            }
            Turn::Done(established) => {
                self.input.zeroize();
                Some(Settled::Done(established))
            }
        }
    }

    /// The name of the present state, for logs and events.
    pub fn state(&self) -> &'static str {
        match self.state {
            State::Signature => "signature",
            State::V1Identity => "1.0 identity",
            State::Revision => "version",
            State::V2SocketType => "2.0 socket type",
            State::V2Identity { .. } => "2.0 identity",
            State::Greeting => "greeting",
            State::Mechanism { .. } => "mechanism",
            State::Asking { .. } => "authentication",
            State::Silent => "denied for now",
            State::Ended => "ended",
        }
    }

    fn turn(&mut self, state: State, now: Instant) -> Result<Turn, HandshakeError> {
        match state {
            State::Signature => self.signature(),
            State::V1Identity => self.v1_identity(),
            State::Revision => self.revision(),
            State::V2SocketType => self.v2_socket_type(),
            State::V2Identity { peer_type } => self.v2_identity(peer_type),
            State::Greeting => self.peer_greeting(now),
            State::Mechanism { version, mechanism } => self.mechanism(version, mechanism, now),
            State::Asking { .. } | State::Silent | State::Ended => Err(HandshakeError::Ended),
        }
    }

    fn signature(&mut self) -> Result<Turn, HandshakeError> {
        if self.input.first() == Some(&0xFF) && self.input.len() < SIGNATURE_BYTES {
            return Ok(Turn::Wait(State::Signature, SIGNATURE_BYTES));
        }
        if greeting::is_versioned(&self.input) {
            // RFC 37 §Detecting ZMTP 2.0 Peers: the major version follows the signature.
            self.send_greeting_up_to(SIGNATURE_BYTES + 1);
            return Ok(Turn::More(State::Revision));
        }
        // RFC 37 §Version Negotiation: a peer that cannot downgrade MUST close the connection.
        if !self.downgrade {
            return Err(HandshakeError::VersionRefused { theirs: (1, 0) });
        }
        // RFC 15 §Backwards Interoperability: our signature is the header of our identity frame,
        // and its body follows.
        self.output.extend_from_slice(&self.routing_id);
        self.v1_identity()
    }

    fn v1_identity(&mut self) -> Result<Turn, HandshakeError> {
        let Some((length, flags_at)) = v1_length(&self.input)? else {
            return Ok(Turn::More(State::V1Identity));
        };
        // RFC 13 §The Connection Layer: an identity has 1 to 255 octets, an anonymous greeting
        // none. Its flags SHALL not be validated.
        let identity_len =
            bounded(length - 1, ROUTING_ID_BYTES_MAX).ok_or(ProtocolError::RoutingIdTooLong)?;
        let header_len = flags_at + 1;
        let Some(identity) = self.input.get(header_len..header_len + identity_len) else {
            return Ok(Turn::Wait(State::V1Identity, header_len + identity_len));
        };
        let routing_id = bounded_routing_id(identity)?;
        Ok(Turn::Done(Established {
            framing: Framing::V1,
            version: (1, 0),
            peer_type: None,
            routing_id,
            metadata: Metadata::new(),
            subscribes_by_command: false,
            forwards_subscriptions: false,
            pings: false,
            codec: None,
            user_id: Vec::new(),
            zap_metadata: Metadata::new(),
            early: Vec::new(),
        }))
    }

    fn revision(&mut self) -> Result<Turn, HandshakeError> {
        let Some(&major) = self.input.get(SIGNATURE_BYTES) else {
            return Ok(Turn::More(State::Revision));
        };
        // RFC 37 §Version Negotiation: higher versions MUST be accepted, and we SHALL use our own
        // protocol with them.
        if major > V2_REVISION_MAX {
            self.send_greeting_up_to(GREETING_BYTES);
            return Ok(Turn::Wait(State::Greeting, GREETING_BYTES));
        }
        let Some(code) = self.socket_type.v2_code().filter(|_| self.downgrade) else {
            return Err(HandshakeError::VersionRefused { theirs: (2, 0) });
        };
        // RFC 37 §Detecting ZMTP 1.0 and 2.0 Peers: our version number (already sent), then socket
        // type and identity as RFC 15 §Formal Grammar writes them.
        self.output.push(code);
        let mut header = [0; FRAME_HEADER_MAX];
        let header_len =
            Framing::V2.encode(false, false, self.routing_id.len() as u64, &mut header);
        self.output.extend_from_slice(&header[..header_len]);
        self.output.extend_from_slice(&self.routing_id);
        Ok(Turn::Next(State::V2SocketType))
    }

    fn v2_socket_type(&mut self) -> Result<Turn, HandshakeError> {
        let code = self.input.first().copied().unwrap_or(u8::MAX);
        let peer_type = SocketType::from_v2_code(code).ok_or(ProtocolError::SocketTypeUnknown)?;
        // RFC 15 §Socket Compatibility: other combinations are disconnected silently.
        if !self.socket_type.accepts(peer_type) {
            return Err(self.misfit(peer_type));
        }
        Ok(Turn::Next(State::V2Identity { peer_type }))
    }

    fn v2_identity(&mut self, peer_type: SocketType) -> Result<Turn, HandshakeError> {
        let Some(header) = Framing::V2.decode(&self.input)? else {
            return Ok(Turn::More(State::V2Identity { peer_type }));
        };
        // RFC 15 §Formal Grammar: identity = final-short body.
        if header.more {
            return Err(ProtocolError::IdentityWithMore.into());
        }
        let identity_len = bounded(header.body_len, ROUTING_ID_BYTES_MAX)
            .ok_or(ProtocolError::RoutingIdTooLong)?;
        let frame_len = header.header_len + identity_len;
        let Some(identity) = self.input.get(header.header_len..frame_len) else {
            return Ok(Turn::Wait(State::V2Identity { peer_type }, frame_len));
        };
        let routing_id = peer_routing_id(Some(peer_type), Some(identity))?;
        Ok(Turn::Done(Established {
            framing: Framing::V2,
            version: (2, 0),
            peer_type: Some(peer_type),
            routing_id,
            metadata: Metadata::new(),
            subscribes_by_command: false,
            forwards_subscriptions: true,
            pings: false,
            codec: None,
            user_id: Vec::new(),
            zap_metadata: Metadata::new(),
            early: Vec::new(),
        }))
    }

    fn peer_greeting(&mut self, now: Instant) -> Result<Turn, HandshakeError> {
        let Some(octets) = self.input.first_chunk::<GREETING_BYTES>() else {
            return Ok(Turn::Wait(State::Greeting, GREETING_BYTES));
        };
        let peer = PeerGreeting::parse(octets);
        // RFC 37 §Authentication and Confidentiality: a mechanism that does not exactly match MUST
        // close the connection.
        if peer.mechanism != self.mechanism.greeting_field() {
            let used = peer.mechanism.iter().rposition(|&octet| octet != 0).map_or(0, |at| at + 1);
            return Err(HandshakeError::MechanismMismatch {
                ours: self.mechanism.name(),
                theirs: peer.mechanism[..used].escape_ascii().to_string(),
            });
        }
        // RFC 37 §Authentication and Confidentiality: as-server tells the roles apart.
        // libzmq leaves it zero on both sides, so only a peer that says it is
        // the server, as we are, is refused.
        if peer.as_server && self.mechanism.is_server() {
            return Err(ProtocolError::RolesEqual.into());
        }
        // RFC 37 §Security Considerations: metadata is sent after the greeting is accepted.
        let mut link = Link {
            metadata: &self.properties,
            zap: self.zap,
            entropy: &self.entropy,
            now,
            output: &mut self.output,
        };
        let step = Mechanism::start(&self.mechanism, &mut link)?;
        self.stepped(peer.version.min(VERSION), step)
    }

    fn mechanism(
        &mut self,
        version: (u8, u8),
        mechanism: Mechanism,
        now: Instant,
    ) -> Result<Turn, HandshakeError> {
        let Some(header) = Framing::V3.decode(&self.input)? else {
            return Ok(Turn::More(State::Mechanism { version, mechanism }));
        };
        if !header.command {
            return Err(ProtocolError::MessageInHandshake.into());
        }
        let body_len = bounded(header.body_len, HANDSHAKE_COMMAND_BYTES_MAX)
            .ok_or(ProtocolError::HandshakeCommandTooLarge { size: header.body_len })?;
        let frame_len = header.header_len + body_len;
        let Some(body) = self.input.get(header.header_len..frame_len) else {
            return Ok(Turn::Wait(State::Mechanism { version, mechanism }, frame_len));
        };
        let mut link = Link {
            metadata: &self.properties,
            zap: self.zap,
            entropy: &self.entropy,
            now,
            output: &mut self.output,
        };
        let step = mechanism.step(body, &mut link)?;
        self.stepped(version, step)
    }

    /// Where a step of the mechanism leads.
    fn stepped(&mut self, version: (u8, u8), step: Step) -> Result<Turn, HandshakeError> {
        match step {
            Step::More(mechanism) => Ok(Turn::Next(State::Mechanism { version, mechanism })),
            Step::Ask(mechanism, credentials) => {
                let request = ZapRequest {
                    mechanism: self.mechanism.name(),
                    credentials,
                    routing_id: self.routing_id.clone(),
                };
                Ok(Turn::Ask(State::Asking { version, mechanism }, request))
            }
            Step::Done { metadata, codec } => self.check_peer(version, metadata, codec),
        }
    }

    /// Accepts or refuses a 3.x peer by its metadata.
    fn check_peer(
        &mut self,
        version: (u8, u8),
        metadata: Metadata,
        codec: Option<TrafficCodec>,
    ) -> Result<Turn, HandshakeError> {
        let peer_type = match metadata.get(SOCKET_TYPE) {
            None => None,
            // RFC 37 §The Socket-Type Property: a type that is not valid SHOULD be answered with an
            // ERROR command before the connection is closed.
            Some(name) => match SocketType::from_name(name) {
                None => {
                    self.refuse("Unknown-Socket-Type");
                    return Err(ProtocolError::SocketTypeUnknown.into());
                }
                Some(kind) if !self.socket_type.accepts(kind) => {
                    self.refuse("Incompatible-Socket-Type");
                    return Err(self.misfit(kind));
                }
                Some(kind) => Some(kind),
            },
        };
        let routing_id = peer_routing_id(peer_type, metadata.get(IDENTITY))?;
        // RFC 37 §The Resource Property: the Resource SHALL match its grammar, and all resource
        // requests SHALL be accepted.
        if metadata.get(RESOURCE).is_some_and(|resource| !is_resource(resource)) {
            return Err(ProtocolError::ResourceInvalid.into());
        }
        Ok(Turn::Done(Established {
            framing: Framing::V3,
            version,
            peer_type,
            routing_id,
            metadata,
            subscribes_by_command: version >= VERSION,
            forwards_subscriptions: true,
            pings: version >= VERSION,
            codec,
            user_id: std::mem::take(&mut self.user_id),
            zap_metadata: std::mem::take(&mut self.zap_metadata),
            early: Vec::new(),
        }))
    }

    /// Queues the octets of our greeting that are still unsent before `end`.
    fn send_greeting_up_to(&mut self, end: usize) {
        if let Some(octets) = self.greeting.get(self.greeting_sent..end) {
            self.output.extend_from_slice(octets);
            self.greeting_sent = end;
        }
    }

    /// Queues an ERROR command; its reason is visible characters only, as RFC 37 writes it.
    fn refuse(&mut self, reason: &str) {
        Command::Error { reason: reason.as_bytes() }.encode(&mut self.output);
    }

    fn misfit(&self, theirs: SocketType) -> HandshakeError {
        HandshakeError::IncompatibleSocketTypes { ours: self.socket_type, theirs }
    }
}

/// `length` if it is at most `bytes_max`.
fn bounded(length: u64, bytes_max: usize) -> Option<usize> {
    usize::try_from(length).ok().filter(|&length| length <= bytes_max)
}

/// The routing id of a peer that knows its type.
// RFC 37 §The Identity Property: for types other than REQ, DEALER and ROUTER it SHALL be ignored.
fn peer_routing_id(
    peer_type: Option<SocketType>,
    identity: Option<&[u8]>,
) -> Result<Vec<u8>, ProtocolError> {
    match identity {
        Some(identity) if peer_type.is_none_or(SocketType::sends_routing_id) => {
            bounded_routing_id(identity)
        }
        _ => Ok(Vec::new()),
    }
}

fn bounded_routing_id(identity: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    // RFC 37 §The Identity Property: identity = 0*255OCTET. That the first octet SHALL NOT be zero
    // (RFC 13 §The Connection Layer says SHOULD NOT) we keep for ourselves and do not demand of
    // others: libzmq sends any octets its application chose, and of random binary ids one in 256
    // starts with zero. A ROUTER makes its own ids unique among those that its peers brought.
    if identity.len() > ROUTING_ID_BYTES_MAX {
        Err(ProtocolError::RoutingIdTooLong)
    } else {
        Ok(identity.to_vec())
    }
}
