//! A connection during its handshake: bytes between the stream and the `zmtp` state machine.
//! Owned by the I/O thread; the socket does not know of it until it is complete.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use oxmq_zmtp::{
    ConfigError, Established, Handshake, HandshakeConfig, HandshakeError, Progress, SocketType,
    WsEndpoint, WsHandshake, ZapRequest, ZapVerdict,
};

use crate::context::ContextCore;
use crate::limits::HANDSHAKE_BYTES_MAX;
use crate::options::SocketOptions;
use crate::security::{self, Inquiry, Judgement, Knock};
use crate::transport::Stream;

/// Bytes read from the kernel at once.
const READ_BYTES: usize = 4096;

/// What an event of the connection led to.
pub(crate) enum Outcome {
    /// The handshake goes on.
    Going,
    /// Somebody has to be asked about the peer: see `ask`. Then it goes on.
    Ask(ZapRequest),
    /// The peer was refused for the moment and is not told: nothing more comes of the connection.
    Silenced {
        /// The ZAP status.
        status: u16,
    },
    /// It is complete. `None`: there was none, as on a STREAM socket.
    Done { established: Option<Box<Established>>, rest: Vec<u8> },
}

/// Why a handshake failed.
pub(crate) enum Failure {
    Handshake(HandshakeError),
    /// The peer closed the connection, or the system failed.
    Io(io::Error),
    /// The peer went on and on.
    TooLong,
    /// Nobody is there who could say whether the peer may come in.
    Nobody,
}

/// How a connection opens.
pub(crate) enum Opening<'a> {
    /// With the greeting of ZMTP.
    Zmtp,
    /// With a request for the upgrade to a WebSocket.
    WsClient(&'a WsEndpoint),
    /// With the wait for such a request.
    WsServer,
}

/// The state machine of the protocol.
enum Machine {
    Zmtp(Box<Handshake>),
    Ws(Box<WsHandshake>),
}

impl Machine {
    fn new(
        config: HandshakeConfig,
        opening: &Opening<'_>,
        message_bytes_max: u64,
    ) -> Result<Machine, ConfigError> {
        match opening {
            Opening::Zmtp => Handshake::new(config).map(|machine| Machine::Zmtp(Box::new(machine))),
            Opening::WsClient(endpoint) => WsHandshake::client(endpoint, config, message_bytes_max)
                .map(|machine| Machine::Ws(Box::new(machine))),
            Opening::WsServer => WsHandshake::server(config, message_bytes_max)
                .map(|machine| Machine::Ws(Box::new(machine))),
        }
    }

    fn transmit(&mut self, out: &mut Vec<u8>) {
        match self {
            Machine::Zmtp(machine) => machine.transmit(out),
            Machine::Ws(machine) => machine.transmit(out),
        }
    }

    fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<Progress, HandshakeError> {
        match self {
            Machine::Zmtp(machine) => machine.receive(bytes, now),
            Machine::Ws(machine) => machine.receive(bytes, now),
        }
    }

    fn authenticate(
        &mut self,
        verdict: ZapVerdict,
        now: Instant,
    ) -> Result<Progress, HandshakeError> {
        match self {
            Machine::Zmtp(machine) => machine.authenticate(verdict, now),
            Machine::Ws(machine) => machine.authenticate(verdict, now),
        }
    }
}

/// See the file's first paragraph.
pub(crate) struct Greeter {
    stream: Stream,
    /// None for raw connections.
    handshake: Option<Machine>,
    out: Vec<u8>,
    written: usize,
    received: usize,
    /// What was found out about the peer, and the question whose answer is still to come.
    verdict: Option<ZapVerdict>,
    inquiry: Option<Inquiry>,
    /// Set once it was refused without being told.
    silenced: bool,
}

impl Greeter {
    /// Begins the handshake of a new connection. An error says that the socket's own options
    /// make no valid greeting.
    pub(crate) fn new(
        stream: Stream,
        socket_type: SocketType,
        options: &SocketOptions,
        opening: &Opening<'_>,
    ) -> Result<Greeter, Stream> {
        let handshake = if socket_type == SocketType::Stream || options.router_raw {
            None
        } else {
            let mut config = HandshakeConfig::new(socket_type);
            config.routing_id.clone_from(&options.routing_id);
            config.metadata.clone_from(&options.metadata);
            config.mechanism = options.security.handshake();
            config.zap = security::wants_zap(options);
            match Machine::new(config, opening, options.max_msg_size.unwrap_or(u64::MAX)) {
                Ok(handshake) => Some(handshake),
                Err(_) => return Err(stream),
            }
        };
        Ok(Greeter {
            stream,
            handshake,
            out: Vec::new(),
            written: 0,
            received: 0,
            verdict: None,
            inquiry: None,
            silenced: false,
        })
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The peer was refused and not told; the monitor has heard of it.
    pub(crate) fn is_silenced(&self) -> bool {
        self.silenced
    }

    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }

    /// Writes and reads what is possible.
    pub(crate) fn drive(&mut self) -> Result<Outcome, Failure> {
        if self.handshake.is_none() {
            return Ok(Outcome::Done { established: None, rest: Vec::new() });
        }
        let mut buffer = [0u8; READ_BYTES];
        loop {
            if let Some(outcome) = self.judged()? {
                return Ok(outcome);
            }
            self.write()?;
            let n = match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Failure::Io(io::ErrorKind::UnexpectedEof.into())),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Outcome::Going);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::Io(error)),
            };
            self.received += n;
            if let Some(outcome) = self.take(&buffer[..n])? {
                return Ok(outcome);
            }
        }
    }

    /// Gives the handshake what arrived.
    fn take(&mut self, bytes: &[u8]) -> Result<Option<Outcome>, Failure> {
        let Some(handshake) = &mut self.handshake else { return Ok(Some(Outcome::Going)) };
        let progress = handshake.receive(bytes, Instant::now());
        if matches!(progress, Ok(Progress::NeedMore { .. } | Progress::Silent { .. }))
            && self.received > HANDSHAKE_BYTES_MAX
        {
            return Err(Failure::TooLong);
        }
        self.progress(progress, bytes)
    }

    /// Gives the handshake what was found out about the peer, if something was.
    fn judged(&mut self) -> Result<Option<Outcome>, Failure> {
        if let Some(inquiry) = &mut self.inquiry
            && let Some(verdict) = inquiry.poll(Instant::now())
        {
            self.inquiry = None;
            self.verdict = Some(verdict);
        }
        let Some(verdict) = self.verdict.take() else { return Ok(None) };
        let Some(handshake) = &mut self.handshake else { return Ok(None) };
        let progress = handshake.authenticate(verdict, Instant::now());
        self.progress(progress, &[])
    }

    fn progress(
        &mut self,
        progress: Result<Progress, HandshakeError>,
        bytes: &[u8],
    ) -> Result<Option<Outcome>, Failure> {
        match progress {
            Ok(Progress::NeedMore { .. }) => Ok(None),
            Ok(Progress::Authenticate { request, .. }) => Ok(Some(Outcome::Ask(request))),
            Ok(Progress::Silent { status }) => {
                self.silenced = true;
                Ok(Some(Outcome::Silenced { status: status.code() }))
            }
            Ok(Progress::Done { consumed, mut established }) => {
                let mut rest = std::mem::take(&mut established.early);
                rest.extend_from_slice(&bytes[consumed..]);
                self.finish(established, rest).map(Some)
            }
            Err(error) => {
                // Last words: an ERROR command, where the protocol has one.
                let _ = self.write();
                Err(Failure::Handshake(error))
            }
        }
    }

    /// Finds out about the peer. Returns when to come back at the latest, if there is an answer to
    /// wait for.
    pub(crate) fn ask(
        &mut self,
        mut request: ZapRequest,
        context: &Arc<ContextCore>,
        options: &SocketOptions,
        knock: Knock,
    ) -> Result<Option<Instant>, Failure> {
        let address = self.stream.peer_address();
        match security::judge(context, options, &mut request, &address, knock) {
            Judgement::Known(verdict) => {
                self.verdict = Some(verdict);
                Ok(None)
            }
            Judgement::Asked(inquiry) => {
                let deadline = inquiry.deadline;
                self.inquiry = Some(inquiry);
                Ok(deadline)
            }
            Judgement::Nobody => Err(Failure::Nobody),
        }
    }

    /// The peer's part is complete; ours must be written before anything else is.
    fn finish(&mut self, established: Established, rest: Vec<u8>) -> Result<Outcome, Failure> {
        let wants_write = self.write()?;
        if wants_write {
            // Our greeting is smaller than any kernel buffer, so this is a peer that took
            // nothing since the connection was made.
            return Err(Failure::Io(io::ErrorKind::WouldBlock.into()));
        }
        Ok(Outcome::Done { established: Some(Box::new(established)), rest })
    }

    /// Writes what the handshake has to say; true if some of it is left.
    fn write(&mut self) -> Result<bool, Failure> {
        if let Some(handshake) = &mut self.handshake {
            handshake.transmit(&mut self.out);
        }
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(Failure::Io(error)),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(false)
    }
}

impl AsFd for Greeter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
