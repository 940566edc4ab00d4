//! Connections whose frames differ on the wire from the plain ZMTP 3 frames of the queues: sealed
//! by a security mechanism, wrapped by a transport, or both.
//!
//! A connection owns its codec and drops it when it ends, so that no counter of one connection is
//! ever used on another. The socket's lock protects it. Encoding happens when bytes are written:
//! what was not written needs no place in a cipher's sequence. Decoding happens as soon as bytes
//! are read, and everything that can be decoded is: what stays here is part of one frame only.

use std::io;

use oxmq_zmtp::{Decoder, Encoder, ProtocolError, TrafficCodec};

use super::inbound::ReadError;
use crate::limits::{CODEC_OVERHEAD_BYTES_MAX, READ_SLAB_BYTES, READ_SLAB_BYTES_MIN};

/// Makes what goes on the wire.
pub(crate) trait Encode: Send {
    /// Appends one frame as it goes on the wire to `out`. An error ends the connection.
    fn encode(
        &mut self,
        more: bool,
        command: bool,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> io::Result<()>;

    /// Appends what has to be said before the connection is closed, if anything; `faulty` says
    /// that the peer broke the protocol. Must not follow a frame that is only partly written.
    fn close(&mut self, _faulty: bool, _out: &mut Vec<u8>) {}
}

/// Understands what comes from the wire.
pub(crate) trait Decode: Send {
    /// Takes whole wire frames from the front of `input`, appends them to `plain` as ZMTP 3 frames
    /// and returns how many octets that was; 0 if the first frame is not complete.
    fn decode(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Result<usize, ProtocolError>;

    /// The octets that the frame at the front of `input` says it has, once its header is there.
    fn frame_len(&self, input: &[u8]) -> Result<Option<u64>, ProtocolError>;
}

/// Both directions of one connection.
pub(crate) struct Codec {
    pub(crate) encoder: Box<dyn Encode>,
    pub(crate) inbound: WireBuffer,
}

impl Codec {
    pub(crate) fn new(encoder: Box<dyn Encode>, decoder: Box<dyn Decode>) -> Codec {
        Codec { encoder, inbound: WireBuffer::new(decoder) }
    }
}

impl From<TrafficCodec> for Codec {
    fn from(codec: TrafficCodec) -> Codec {
        Codec::new(Box::new(codec.encoder), Box::new(codec.decoder))
    }
}

impl Encode for Encoder {
    fn encode(
        &mut self,
        more: bool,
        command: bool,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        Encoder::encode(self, more, command, body, out).map_err(io::Error::other)
    }

    fn close(&mut self, faulty: bool, out: &mut Vec<u8>) {
        Encoder::close(self, faulty, out);
    }
}

impl Decode for Decoder {
    fn decode(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Result<usize, ProtocolError> {
        Decoder::decode(self, input, plain)
    }

    fn frame_len(&self, input: &[u8]) -> Result<Option<u64>, ProtocolError> {
        Decoder::frame_len(self, input)
    }
}

/// Bytes as they came from the wire, up to the end of the frame they belong to.
pub(crate) struct WireBuffer {
    decoder: Box<dyn Decode>,
    /// The first `filled` bytes are from the wire and not decoded; the rest is room.
    wire: Vec<u8>,
    filled: usize,
    /// Plain frames on their way to the queue; empty between calls.
    plain: Vec<u8>,
    /// Room made at once: a connection with little traffic has a small buffer.
    step: usize,
}

impl WireBuffer {
    fn new(decoder: Box<dyn Decode>) -> WireBuffer {
        WireBuffer {
            decoder,
            wire: Vec::new(),
            filled: 0,
            plain: Vec::new(),
            step: READ_SLAB_BYTES_MIN,
        }
    }

    /// Where the next bytes go; never empty. Memory: at most twice what came and one read buffer.
    pub(crate) fn spare(&mut self) -> Result<&mut [u8], ReadError> {
        if self.wire.len() - self.filled < self.step / 4 {
            let more = self.filled.max(self.step) - (self.wire.len() - self.filled);
            self.wire.try_reserve_exact(more).map_err(|_| ReadError::OutOfMemory)?;
            self.wire.resize(self.wire.len() + more, 0);
        }
        Ok(&mut self.wire[self.filled..])
    }

    /// Counts the first `n` bytes of `spare` as received.
    pub(crate) fn advance(&mut self, n: usize) {
        self.filled += n;
        if self.filled == self.wire.len() {
            self.step = (self.step * 4).min(READ_SLAB_BYTES);
        }
    }

    /// Decodes every whole frame and hands the plain ones to `take`. `frame_bytes_max` bounds a
    /// frame that is not complete.
    // RFC 37 §Framing leaves the size of frames open; the bound is the MAXMSGSIZE option, and what
    // an encoding adds.
    pub(crate) fn decode(
        &mut self,
        frame_bytes_max: u64,
        take: impl FnOnce(&[u8]) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut start = 0;
        let outcome = loop {
            let input = &self.wire[start..self.filled];
            match self.decoder.decode(input, &mut self.plain) {
                Ok(0) => break Ok(()),
                Ok(octets) => start += octets.min(input.len()),
                Err(ProtocolError::WebSocketClosed) => break Err(ReadError::Closed),
                Err(error) => break Err(ReadError::Protocol(error)),
            }
            if start == self.filled {
                break Ok(());
            }
        };
        self.discard(start);
        // What came before a fault stands.
        let taken = if self.plain.is_empty() { Ok(()) } else { take(&self.plain) };
        self.plain.clear();
        if self.plain.capacity() > 2 * READ_SLAB_BYTES {
            self.plain = Vec::new();
        }
        taken.and(outcome)?;
        let limit = frame_bytes_max.saturating_add(CODEC_OVERHEAD_BYTES_MAX);
        let declared = match self.filled {
            0 => None,
            filled => self.decoder.frame_len(&self.wire[..filled]).map_err(ReadError::Protocol)?,
        };
        let size = declared.unwrap_or(0).max(self.filled as u64);
        if size > limit {
            return Err(ReadError::TooLarge { what: "message part as encoded", size, limit });
        }
        Ok(())
    }

    /// Forgets the first bytes, and large memory with the last one.
    fn discard(&mut self, octets: usize) {
        self.wire.copy_within(octets..self.filled, 0);
        self.filled -= octets;
        if self.filled == 0 && self.wire.len() > 2 * READ_SLAB_BYTES {
            self.wire = Vec::new();
        }
    }

    /// Gives the memory back if it holds nothing.
    pub(crate) fn release_memory(&mut self) {
        if self.filled == 0 {
            self.wire = Vec::new();
            self.plain = Vec::new();
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
