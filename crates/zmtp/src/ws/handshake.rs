//! The handshake of a WebSocket connection: the upgrade, and then the mechanism or, without one,
//! the two routing ids. It is fed and asked as a [`Handshake`] is.
//!
//! ```text
//! Upgrade ── ZWS2.0 ──▶ Identity ── routing id ──▶ done
//!    │ ZWS2.0/NULL and the others
//!    ▼                                    ZAP must be asked
//! Mechanism ── peer's metadata ──▶ done   ◀──────────────────▶  Asking
//! ```

use std::time::Instant;

use super::client::ClientUpgrade;
use super::frame::Masking;
use super::protocol::{WsProtocol, WsProtocols};
use super::server::ServerUpgrade;
use super::traffic::{Taken, WsReader, WsWriter, ws_codec};
use super::{UpgradeFault, Upgraded};
use crate::codec::TrafficCodec;
use crate::endpoint::WsEndpoint;
use crate::entropy::EntropyError;
use crate::error::{ConfigError, HandshakeError, ProtocolError};
use crate::frame::Framing;
use crate::handshake::{Established, Handshake, HandshakeConfig, Progress};
use crate::limits::{HANDSHAKE_COMMAND_BYTES_MAX, HANDSHAKE_INPUT_BYTES_MAX, ROUTING_ID_BYTES_MAX};
use crate::metadata::Metadata;
use crate::zap::{ZapRequest, ZapVerdict};

/// The handshake of one WebSocket connection.
///
/// Memory: the bounds of a [`Handshake`] and twice an upgrade's, 8 KiB.
#[derive(Debug)]
pub struct WsHandshake {
    stage: Stage,
    /// Sees the mechanism's commands as plain ZMTP frames.
    handshake: Handshake,
    routing_id: Vec<u8>,
    /// Gone once the connection is established.
    codec: Option<(WsWriter, WsReader)>,
    /// The bound of a message in fragments, once there are messages.
    message_bytes_max: u64,
    /// The part of a frame that has arrived.
    input: Vec<u8>,
    /// Arrived while the ZAP handler is asked; at most `HANDSHAKE_INPUT_BYTES_MAX`.
    held: Vec<u8>,
    output: Vec<u8>,
}

#[derive(Debug)]
enum Stage {
    Client(ClientUpgrade),
    Server(ServerUpgrade),
    Identity,
    Mechanism,
    Asking,
    Silent,
    Ended,
}

impl WsHandshake {
    /// Starts the handshake of a connecting end. A message that its peer sends in fragments may
    /// have at most `message_bytes_max` octets.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the protocol does not permit what `config` asks for.
    pub fn client(
        endpoint: &WsEndpoint,
        config: HandshakeConfig,
        message_bytes_max: u64,
    ) -> Result<WsHandshake, ConfigError> {
        let protocols = WsProtocols::of(&config.mechanism, config.zap);
        let (upgrade, request) = ClientUpgrade::new(endpoint, protocols, config.entropy)
            .map_err(|EntropyError| ConfigError::Entropy)?;
        let stage = Stage::Client(upgrade);
        let mut handshake = Self::new(stage, Masking::Client, config, message_bytes_max)?;
        handshake.output = request;
        Ok(handshake)
    }

    /// Starts the handshake of a listening end, as [`client`](Self::client) does.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the protocol does not permit what `config` asks for.
    pub fn server(
        config: HandshakeConfig,
        message_bytes_max: u64,
    ) -> Result<WsHandshake, ConfigError> {
        let upgrade = ServerUpgrade::new(WsProtocols::of(&config.mechanism, config.zap));
        Self::new(Stage::Server(upgrade), Masking::Server, config, message_bytes_max)
    }

    fn new(
        stage: Stage,
        role: Masking,
        config: HandshakeConfig,
        message_bytes_max: u64,
    ) -> Result<WsHandshake, ConfigError> {
        let codec = ws_codec(role, HANDSHAKE_COMMAND_BYTES_MAX as u64, config.entropy);
        Ok(WsHandshake {
            stage,
            routing_id: config.routing_id.clone(),
            handshake: Handshake::new(config)?,
            codec: Some(codec),
            message_bytes_max,
            input: Vec::new(),
            held: Vec::new(),
            output: Vec::new(),
        })
    }

    /// As [`Handshake::transmit`].
    pub fn transmit(&mut self, out: &mut Vec<u8>) {
        // Without random octets a client can write nothing; the handshake timeout ends it.
        let _ = self.pump();
        out.append(&mut self.output);
    }

    /// As [`Handshake::receive`].
    ///
    /// # Errors
    ///
    /// [`HandshakeError`] when the connection cannot be established; the handshake has then ended.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<Progress, HandshakeError> {
        match self.stage {
            Stage::Ended => Err(HandshakeError::Ended),
            Stage::Silent => Ok(Progress::NeedMore { consumed: bytes.len() }),
            Stage::Asking => {
                self.hold(bytes)?;
                Ok(Progress::NeedMore { consumed: bytes.len() })
            }
            _ => {
                let outcome = self.drive(bytes, now);
                if outcome.is_err() {
                    if matches!(self.stage, Stage::Client(_) | Stage::Server(_)) {
                        // Last words are WebSocket frames, and there is no WebSocket.
                        self.codec = None;
                    }
                    self.stage = Stage::Ended;
                }
                outcome
            }
        }
    }

    /// As [`Handshake::authenticate`].
    ///
    /// # Errors
    ///
    /// [`HandshakeError`] when the peer is not let in for good.
    pub fn authenticate(
        &mut self,
        verdict: ZapVerdict,
        now: Instant,
    ) -> Result<Progress, HandshakeError> {
        if !matches!(self.stage, Stage::Asking) {
            return Err(HandshakeError::Ended);
        }
        self.stage = Stage::Ended;
        let held = std::mem::take(&mut self.held);
        match self.handshake.authenticate(verdict, now)? {
            Progress::Done { established, .. } => {
                self.done(0, established).map(|done| match done {
                    Progress::Done { mut established, .. } => {
                        established.early = held;
                        Progress::Done { consumed: 0, established }
                    }
                    other => other,
                })
            }
            Progress::NeedMore { .. } => {
                self.stage = Stage::Mechanism;
                Ok(match self.receive(&held, now)? {
                    Progress::Done { consumed, mut established } => {
                        established.early = held[consumed..].to_vec();
                        Progress::Done { consumed: 0, established }
                    }
                    Progress::NeedMore { .. } => Progress::NeedMore { consumed: 0 },
                    other => other,
                })
            }
            progress @ Progress::Silent { .. } => {
                self.stage = Stage::Silent;
                Ok(progress)
            }
            Progress::Authenticate { .. } => Err(HandshakeError::Ended),
        }
    }

    /// Takes octets through the stages until there is something to tell or nothing left.
    fn drive(&mut self, bytes: &[u8], now: Instant) -> Result<Progress, HandshakeError> {
        let mut rest = bytes;
        loop {
            if matches!(self.stage, Stage::Client(_) | Stage::Server(_)) {
                match self.upgrade(rest)? {
                    Upgraded::NeedMore => {
                        return Ok(Progress::NeedMore { consumed: bytes.len() });
                    }
                    Upgraded::Done { consumed, protocol } => {
                        rest = &rest[consumed..];
                        if let Some(request) = self.begin(protocol, now)? {
                            return self.ask(request, bytes.len(), rest);
                        }
                    }
                }
            }
            let Some(frame) = self.take_frame(&mut rest)? else {
                return Ok(Progress::NeedMore { consumed: bytes.len() });
            };
            let consumed = bytes.len() - rest.len();
            if matches!(self.stage, Stage::Identity) {
                return self.identity(&frame, consumed);
            }
            match self.handshake.receive(&frame, now)? {
                Progress::NeedMore { .. } => {}
                Progress::Authenticate { request, .. } => {
                    return self.ask(request, bytes.len(), rest);
                }
                Progress::Done { established, .. } => return self.done(consumed, established),
                progress @ Progress::Silent { .. } => return Ok(progress),
            }
        }
    }

    fn upgrade(&mut self, bytes: &[u8]) -> Result<Upgraded, UpgradeFault> {
        match &mut self.stage {
            Stage::Client(upgrade) => upgrade.receive(bytes),
            Stage::Server(upgrade) => upgrade.receive(bytes, &mut self.output),
            _ => Ok(Upgraded::NeedMore),
        }
    }

    /// Says the first thing after the upgrade.
    fn begin(
        &mut self,
        protocol: WsProtocol,
        now: Instant,
    ) -> Result<Option<ZapRequest>, HandshakeError> {
        if protocol == WsProtocol::Bare {
            self.stage = Stage::Identity;
            if let Some((writer, _)) = &mut self.codec {
                // RFC 45 §No Mechanism: the first message of each side must be its routing id.
                writer.frame(false, false, &self.routing_id, &mut self.output)?;
            }
            return Ok(None);
        }
        self.stage = Stage::Mechanism;
        let request = self.handshake.skip_greeting(now)?;
        self.pump()?;
        Ok(request)
    }

    /// Stops until the ZAP handler has answered.
    fn ask(
        &mut self,
        request: ZapRequest,
        consumed: usize,
        rest: &[u8],
    ) -> Result<Progress, HandshakeError> {
        self.stage = Stage::Asking;
        self.hold(rest)?;
        Ok(Progress::Authenticate { consumed, request })
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), HandshakeError> {
        if bytes.len() > HANDSHAKE_INPUT_BYTES_MAX - self.held.len() {
            self.stage = Stage::Ended;
            return Err(ProtocolError::TooEarly.into());
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// The next message as a ZMTP frame; what the WebSocket answers by itself is answered.
    fn take_frame(&mut self, rest: &mut &[u8]) -> Result<Option<Vec<u8>>, HandshakeError> {
        let Some((writer, reader)) = &mut self.codec else { return Err(HandshakeError::Ended) };
        loop {
            let frame_len = reader.frame_len(&self.input).map_err(ProtocolError::WebSocket)?;
            let wanted = frame_len.unwrap_or(self.input.len() as u64 + 1);
            if wanted > HANDSHAKE_INPUT_BYTES_MAX as u64 {
                return Err(ProtocolError::HandshakeCommandTooLarge { size: wanted }.into());
            }
            let missing = (wanted as usize).saturating_sub(self.input.len());
            if missing > 0 {
                if rest.is_empty() {
                    return Ok(None);
                }
                let (taken, left) = rest.split_at(missing.min(rest.len()));
                self.input.extend_from_slice(taken);
                *rest = left;
                continue;
            }
            let mut frame = Vec::new();
            let next = reader.next(&self.input, &mut frame).map_err(ProtocolError::WebSocket)?;
            self.input.clear();
            match next {
                Some((_, Taken::Frame)) => return Ok(Some(frame)),
                Some((_, Taken::Ping)) => {
                    writer.pong(&mut self.output)?;
                }
                Some((_, Taken::Close)) => {
                    writer.close(false, &mut self.output)?;
                    return Err(ProtocolError::WebSocketClosed.into());
                }
                Some((_, Taken::Nothing)) | None => {}
            }
        }
    }

    /// The peer of a connection without mechanism has said who it is.
    fn identity(&mut self, frame: &[u8], consumed: usize) -> Result<Progress, HandshakeError> {
        let header = Framing::V3.decode(frame)?.ok_or(HandshakeError::Ended)?;
        let identity = &frame[header.header_len..];
        // RFC 45 §No Mechanism: identity = message-last.
        if header.command {
            return Err(ProtocolError::UnexpectedCommand { state: "identity" }.into());
        }
        if header.more {
            return Err(ProtocolError::IdentityWithMore.into());
        }
        if identity.len() > ROUTING_ID_BYTES_MAX {
            return Err(ProtocolError::RoutingIdTooLong.into());
        }
        let established = Established {
            framing: Framing::V3,
            version: (2, 0),
            peer_type: None,
            routing_id: identity.to_vec(),
            metadata: Metadata::new(),
            subscribes_by_command: false,
            forwards_subscriptions: true,
            pings: true,
            codec: None,
            user_id: Vec::new(),
            zap_metadata: Metadata::new(),
            early: Vec::new(),
        };
        self.done(consumed, established)
    }

    /// The connection is established: its traffic passes through the WebSocket from now on.
    fn done(
        &mut self,
        consumed: usize,
        mut established: Established,
    ) -> Result<Progress, HandshakeError> {
        self.pump()?;
        self.stage = Stage::Ended;
        let Some((writer, mut reader)) = self.codec.take() else {
            return Err(HandshakeError::Ended);
        };
        reader.bound(self.message_bytes_max);
        let cipher = established.codec.take();
        established.codec = Some(TrafficCodec::over_websocket(cipher, writer, reader));
        // RFC 45 §Publish-Subscribe: subscriptions are messages. Every WebSocket answers pings.
        established.subscribes_by_command = false;
        established.pings = true;
        Ok(Progress::Done { consumed, established })
    }

    /// Wraps what the mechanism wants said.
    fn pump(&mut self) -> Result<(), EntropyError> {
        if matches!(self.stage, Stage::Client(_) | Stage::Server(_) | Stage::Identity) {
            return Ok(());
        }
        let Some((writer, _)) = &mut self.codec else { return Ok(()) };
        let mut frames = Vec::new();
        self.handshake.transmit(&mut frames);
        let mut rest = &frames[..];
        while let Ok(Some(header)) = Framing::V3.decode(rest) {
            let end =
                usize::try_from(header.body_len).map_or(usize::MAX, |n| header.header_len + n);
            let Some(frame) = rest.get(..end) else { break };
            let body = &frame[header.header_len..];
            writer.frame(header.more, header.command, body, &mut self.output)?;
            rest = &rest[end..];
        }
        Ok(())
    }
}
