//! Headers and masks of WebSocket frames (RFC 6455 §5.2). Functions over slices.

use super::fault::WsFault;

/// Most octets of a frame's header, mask included.
pub(super) const WS_HEADER_MAX: usize = 14;

/// Most octets of a control frame's payload (RFC 6455 §5.5).
pub(crate) const CONTROL_BYTES_MAX: usize = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Another fragment of a message.
    Continuation,
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// The sender will send nothing more.
    Close,
    /// Wants an answer.
    Ping,
    /// An answer, or a sign of life.
    Pong,
}

/// Which frames have a mask: a client's all, a server's none (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Masking {
    /// Sent by a client: with a mask.
    Client,
    /// Sent by a server: without.
    Server,
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WsHeader {
    /// The last fragment of its message.
    pub fin: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// What the payload is combined with.
    pub mask: Option<[u8; 4]>,
    /// Octets of the payload, below 2^63.
    pub payload_len: u64,
    /// Octets of the header, 2 to 14.
    pub header_len: usize,
}

impl Opcode {
    const fn of(bits: u8) -> Result<Opcode, WsFault> {
        match bits {
            0x0 => Ok(Opcode::Continuation),
            0x1 => Ok(Opcode::Text),
            0x2 => Ok(Opcode::Binary),
            0x8 => Ok(Opcode::Close),
            0x9 => Ok(Opcode::Ping),
            0xA => Ok(Opcode::Pong),
            // RFC 6455 §5.2: an unknown opcode MUST fail the connection.
            opcode => Err(WsFault::Opcode(opcode)),
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xA,
        }
    }

    /// Close, ping or pong.
    pub const fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

impl WsHeader {
    /// Reads the header at the start of `input`; `None` when it has not arrived whole.
    ///
    /// # Errors
    ///
    /// [`WsFault`] as soon as the octets present cannot start a valid frame of a peer that sends
    /// as `from` does.
    pub fn decode(input: &[u8], from: Masking) -> Result<Option<WsHeader>, WsFault> {
        let Some(&first) = input.first() else { return Ok(None) };
        // RFC 6455 §5.2: reserved bits MUST be 0 unless an extension is negotiated.
        if first & 0x70 != 0 {
            return Err(WsFault::ReservedBits);
        }
        let (fin, opcode) = (first & 0x80 != 0, Opcode::of(first & 0x0F)?);
        let Some(&second) = input.get(1) else { return Ok(None) };
        // RFC 6455 §5.1: a client MUST mask all frames, a server MUST NOT mask any.
        match (from, second & 0x80 != 0) {
            (Masking::Client, false) => return Err(WsFault::Unmasked),
            (Masking::Server, true) => return Err(WsFault::Masked),
            _ => {}
        }
        let short = second & 0x7F;
        // RFC 6455 §5.5: control frames have at most 125 octets and MUST NOT be fragmented.
        if opcode.is_control() && (!fin || usize::from(short) > CONTROL_BYTES_MAX) {
            return Err(WsFault::Control);
        }
        let (length, at) = match short {
            126 => match input.get(2..4).and_then(|octets| octets.try_into().ok()) {
                Some(octets) => (u64::from(u16::from_be_bytes(octets)), 4),
                None => return Ok(None),
            },
            127 => match input.get(2..10).and_then(|octets| octets.try_into().ok()) {
                Some(octets) => (u64::from_be_bytes(octets), 10),
                None => return Ok(None),
            },
            short => (u64::from(short), 2),
        };
        // RFC 6455 §5.2: the minimal number of bytes MUST be used, and the most significant bit
        // MUST be 0.
        let least = [(4, 126), (10, 0x1_0000)].into_iter().find(|(end, _)| *end == at);
        if length >> 63 != 0 || least.is_some_and(|(_, least)| length < least) {
            return Err(WsFault::Length);
        }
        let mask = match from {
            Masking::Server => None,
            Masking::Client => match input.get(at..at + 4).and_then(|mask| mask.try_into().ok()) {
                Some(mask) => Some(mask),
                None => return Ok(None),
            },
        };
        let header_len = at + mask.map_or(0, |mask: [u8; 4]| mask.len());
        Ok(Some(WsHeader { fin, opcode, mask, payload_len: length, header_len }))
    }

    /// Octets of the whole frame.
    pub fn frame_len(&self) -> u64 {
        self.payload_len + self.header_len as u64
    }
}

/// Appends the header of an unfragmented frame.
pub(crate) fn encode_header(
    opcode: Opcode,
    payload_len: usize,
    mask: Option<[u8; 4]>,
    out: &mut Vec<u8>,
) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(0x80 | opcode.bits());
    match (u8::try_from(payload_len), u16::try_from(payload_len)) {
        (Ok(short), _) if short < 126 => out.push(masked | short),
        (_, Ok(medium)) => {
            out.push(masked | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(payload_len as u64).to_be_bytes());
        }
    }
    if let Some(mask) = mask {
        out.extend_from_slice(&mask);
    }
}

/// Combines octets with a mask, or takes it off again; the first octet is the payload's `at`-th.
// RFC 6455 §5.3: octet i is combined with octet i modulo 4 of the key.
pub(crate) fn apply_mask(octets: &mut [u8], mask: [u8; 4], at: usize) {
    let turned = [mask[at % 4], mask[(at + 1) % 4], mask[(at + 2) % 4], mask[(at + 3) % 4]];
    let key = u64::from_ne_bytes([
        turned[0], turned[1], turned[2], turned[3], turned[0], turned[1], turned[2], turned[3],
    ]);
    let (words, rest) = octets.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
    }
    for (octet, key) in rest.iter_mut().zip(turned.into_iter().cycle()) {
        *octet ^= key;
    }
}
