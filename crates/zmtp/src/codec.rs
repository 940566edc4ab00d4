//! Traffic that is not plain ZMTP 3 frames on the wire: enciphered, or framed in another way.
//!
//! Each direction has its own half, so that a writer and a reader in different threads need not
//! share anything: an [`Encoder`] makes wire octets of frames, a [`Decoder`] makes plain ZMTP 3
//! frames of wire octets. Each half belongs to whoever owns that direction of the connection.
//! A connection whose traffic is plain ZMTP has no codec.

use std::fmt;

use crate::entropy::EntropyError;
use crate::error::ProtocolError;
use crate::frame::{FRAME_HEADER_MAX, Framing};
use crate::mechanism::{MESSAGE_OVERHEAD_BYTES, Opener, Sealer};
use crate::ws::{Taken, WsReader, WsWriter};

/// Both halves of a connection's codec.
#[derive(Debug)]
pub struct TrafficCodec {
    /// For what we send.
    pub encoder: Encoder,
    /// For what we receive.
    pub decoder: Decoder,
}

/// How frames are delimited on the wire, once they are enciphered if they are.
#[derive(Debug)]
enum Out {
    /// ZMTP 3 frames (RFC 37 §Framing).
    Zmtp3,
    /// WebSocket messages (RFC 45 §Framing).
    WebSocket(WsWriter),
}

/// The same for what arrives.
#[derive(Debug)]
enum In {
    Zmtp3,
    WebSocket(WsReader),
}

impl TrafficCodec {
    /// The codec of traffic that is enciphered, within ZMTP 3 frames.
    pub(crate) fn enciphered(sealer: Sealer, opener: Opener) -> TrafficCodec {
        TrafficCodec {
            encoder: Encoder { cipher: Some(sealer), ..Encoder::plain() },
            decoder: Decoder { cipher: Some(opener), ..Decoder::plain() },
        }
    }

    /// The codec of traffic that is plain, or enciphered by `cipher`, within WebSocket messages.
    pub(crate) fn over_websocket(
        cipher: Option<TrafficCodec>,
        writer: WsWriter,
        reader: WsReader,
    ) -> TrafficCodec {
        let mut codec =
            cipher.unwrap_or(TrafficCodec { encoder: Encoder::plain(), decoder: Decoder::plain() });
        codec.encoder.framing = Out::WebSocket(writer);
        codec.decoder.framing = In::WebSocket(reader);
        codec
    }
}

/// Makes wire octets of frames, in the order in which they are really sent.
#[derive(Debug)]
pub struct Encoder {
    framing: Out,
    cipher: Option<Sealer>,
    /// A sealed frame on its way into a WebSocket message; empty between calls.
    sealed: Vec<u8>,
}

impl Encoder {
    /// An encoder that enciphers nothing.
    pub fn plain() -> Encoder {
        Encoder { framing: Out::Zmtp3, cipher: None, sealed: Vec::new() }
    }

    /// Appends one frame to `out` as it goes on the wire. Never blocks; copies `body` once.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the frame cannot be sent; `out` is then unchanged and the connection
    /// has to be closed.
    pub fn encode(
        &mut self,
        more: bool,
        command: bool,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        if let Out::WebSocket(writer) = &mut self.framing
            && command
            && writer.control(body, out)?
        {
            return Ok(());
        }
        let Some(cipher) = &mut self.cipher else {
            return self.framing.frame(more, command, body, out);
        };
        // libzmq takes MESSAGE only as a message of one part, though RFC 26 calls it a command.
        if let Out::Zmtp3 = self.framing {
            let mut header = [0; FRAME_HEADER_MAX];
            let sealed_len = (MESSAGE_OVERHEAD_BYTES + body.len()) as u64;
            let header_len = Framing::V3.encode(false, false, sealed_len, &mut header);
            let start = out.len();
            out.extend_from_slice(&header[..header_len]);
            return cipher.seal(more, command, body, out).inspect_err(|_| out.truncate(start));
        }
        self.sealed.clear();
        cipher.seal(more, command, body, &mut self.sealed)?;
        self.framing.frame(false, false, &self.sealed, out)
    }

    /// Appends what the wire wants said before the connection is closed, if anything: the close
    /// frame of a WebSocket. `faulty` says that the peer broke the protocol. Must not follow a
    /// frame that is only partly written.
    pub fn close(&mut self, faulty: bool, out: &mut Vec<u8>) {
        if let Out::WebSocket(writer) = &mut self.framing {
            // Without random octets there is no farewell: the peer sees the connection end.
            let _ = writer.close(faulty, out);
        }
    }
}

impl Out {
    /// Appends one frame in its final form.
    fn frame(
        &mut self,
        more: bool,
        command: bool,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        match self {
            Out::Zmtp3 => {
                let mut header = [0; FRAME_HEADER_MAX];
                let header_len = Framing::V3.encode(more, command, body.len() as u64, &mut header);
                out.reserve(header_len + body.len());
                out.extend_from_slice(&header[..header_len]);
                out.extend_from_slice(body);
                Ok(())
            }
            Out::WebSocket(writer) => Ok(writer.frame(more, command, body, out)?),
        }
    }
}

/// Makes plain ZMTP 3 frames of wire octets, in the order in which they arrive.
#[derive(Debug)]
pub struct Decoder {
    framing: In,
    cipher: Option<Opener>,
}

impl Decoder {
    /// A decoder that deciphers nothing.
    pub fn plain() -> Decoder {
        Decoder { framing: In::Zmtp3, cipher: None }
    }

    /// The octets on the wire of the first frame of `input`, header included; `None` when its
    /// header has not arrived whole. The peer only claims it: compare it with the socket's maximum
    /// message size and wait, but allocate for what has arrived.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] as soon as the octets present cannot start a valid frame.
    pub fn frame_len(&self, input: &[u8]) -> Result<Option<u64>, ProtocolError> {
        match &self.framing {
            In::Zmtp3 => Ok(Framing::V3
                .decode(input)?
                .map(|header| header.body_len.saturating_add(header.header_len as u64))),
            In::WebSocket(reader) => reader.frame_len(input).map_err(ProtocolError::WebSocket),
        }
    }

    /// Takes all whole wire frames at the start of `input` and appends them to `plain` as ZMTP 3
    /// frames. Returns the octets taken; 0 when not even one frame has arrived whole.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] when the peer broke the protocol; frames before the broken one are in
    /// `plain`, and the connection has to be closed. [`ProtocolError::WebSocketClosed`] when the
    /// peer ended the connection in good order.
    pub fn decode(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Result<usize, ProtocolError> {
        let mut taken = 0;
        loop {
            let start = plain.len();
            let Some((frame_len, what)) = self.framing.next(&input[taken..], plain)? else {
                return Ok(taken);
            };
            if what == Taken::Close {
                return Err(ProtocolError::WebSocketClosed);
            }
            if let (Some(cipher), Taken::Frame) = (&mut self.cipher, what) {
                cipher.open(plain, start)?;
            }
            taken += frame_len;
        }
    }
}

impl In {
    /// Takes the first frame of `input` if it has arrived whole, and appends it to `zmtp` as a
    /// ZMTP 3 frame, which a cipher may still have to open.
    fn next(
        &mut self,
        input: &[u8],
        zmtp: &mut Vec<u8>,
    ) -> Result<Option<(usize, Taken)>, ProtocolError> {
        match self {
            In::Zmtp3 => {
                let Some(header) = Framing::V3.decode(input)? else { return Ok(None) };
                let frame_len = header.body_len.saturating_add(header.header_len as u64);
                let whole = usize::try_from(frame_len).ok().and_then(|length| input.get(..length));
                let Some(frame) = whole else { return Ok(None) };
                zmtp.extend_from_slice(frame);
                Ok(Some((frame.len(), Taken::Frame)))
            }
            In::WebSocket(reader) => reader.next(input, zmtp).map_err(ProtocolError::WebSocket),
        }
    }
}

/// Why a frame cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecError {
    /// The connection has used its last nonce: 2^64 - 1 frames were sent. Close it.
    NoncesExhausted,
    /// There are no random octets for the mask of a WebSocket frame.
    Entropy,
}

impl From<EntropyError> for CodecError {
    fn from(_: EntropyError) -> Self {
        CodecError::Entropy
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodecError::NoncesExhausted => f.write_str("the connection has no nonce left"),
            CodecError::Entropy => EntropyError.fmt(f),
        }
    }
}

impl std::error::Error for CodecError {}
