//! ZMTP frames as WebSocket messages, in both directions (RFC 45 §Framing).
//!
//! A [`WsWriter`] and a [`WsReader`] are the two halves of one connection. What a WebSocket answers
//! by itself, a ping and a close, arrives at the reader and leaves by the writer, so the two share
//! that much. Heartbeats are WebSocket pings, as libzmq has them: the writer makes them of PING
//! commands, and the reader makes PING commands of them.

use std::sync::{Arc, Mutex, PoisonError};

use super::fault::WsFault;
use super::frame::{CONTROL_BYTES_MAX, Masking, Opcode, WsHeader, apply_mask, encode_header};
use crate::command::Command;
use crate::entropy::{Entropy, EntropyError};
use crate::frame::{FRAME_HEADER_MAX, Framing};

/// Random octets drawn at once; each frame of a client takes four.
const MASK_POOL_BYTES: usize = 1024;

/// RFC 45 §Framing: more frames of the message follow.
const MORE: u8 = 0x01;
/// RFC 45 §Framing: a command.
const COMMAND: u8 = 0x02;

/// What has to be answered.
#[derive(Debug, Default)]
struct Answers {
    /// The payload of the latest ping that has no answer yet.
    ping: Option<Vec<u8>>,
    /// The status of the peer's close frame; empty if it had none.
    close: Option<Vec<u8>>,
}

/// Makes WebSocket frames of ZMTP frames.
#[derive(Debug)]
pub(crate) struct WsWriter {
    masks: Option<Masks>,
    answers: Arc<Mutex<Answers>>,
}

/// Makes ZMTP 3 frames of WebSocket frames.
#[derive(Debug)]
pub(crate) struct WsReader {
    from: Masking,
    /// Flags and body of a message whose last fragment has not arrived.
    partial: Option<Vec<u8>>,
    message_bytes_max: u64,
    answers: Arc<Mutex<Answers>>,
}

/// What a frame was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A message or the last fragment of one: a ZMTP frame was appended.
    Frame,
    /// A ping: a PING command was appended, which no mechanism has sealed.
    Ping,
    /// Nothing that the other layers have to know of.
    Nothing,
    /// The peer sends nothing more.
    Close,
}

/// The two halves for a connection whose own end is `role`. A message in fragments may have at
/// most `message_bytes_max` octets in all; one that is whole is the caller's to bound.
pub(crate) fn ws_codec(
    role: Masking,
    message_bytes_max: u64,
    entropy: Entropy,
) -> (WsWriter, WsReader) {
    let answers = Arc::<Mutex<Answers>>::default();
    let (masks, from) = match role {
        Masking::Client => (Some(Masks::new(entropy)), Masking::Server),
        Masking::Server => (None, Masking::Client),
    };
    let reader = WsReader { from, partial: None, message_bytes_max, answers: answers.clone() };
    (WsWriter { masks, answers }, reader)
}

impl WsWriter {
    /// Appends a frame as a message.
    pub(crate) fn frame(
        &mut self,
        more: bool,
        command: bool,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EntropyError> {
        let flags = if command { COMMAND } else { 0 } | if more { MORE } else { 0 };
        self.write(Opcode::Binary, &[flags], body, out)
    }

    /// Appends the control frame that stands for a command, if the command has one: a heartbeat is
    /// a ping, and the answer to a ping a pong. False if it has none.
    pub(crate) fn control(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<bool, EntropyError> {
        match Command::parse(body) {
            Ok(Command::Ping { .. }) => self.write(Opcode::Ping, &[], &[], out)?,
            // A PONG that answers a PING command is a message.
            Ok(Command::Pong { .. }) => return self.pong(out),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Appends the answer to the latest ping; false if it has been answered.
    // RFC 6455 §5.5.3: a pong MUST have the ping's octets, and MAY answer only the latest of
    // several.
    pub(crate) fn pong(&mut self, out: &mut Vec<u8>) -> Result<bool, EntropyError> {
        let Some(payload) = lock(&self.answers).ping.take() else { return Ok(false) };
        self.write(Opcode::Pong, &[], &payload, out)?;
        Ok(true)
    }

    /// Appends the close frame that ends the connection: the answer to the peer's, or ours.
    // RFC 6455 §5.5.1: the answer to a close typically echoes its status. §7.4.1: 1002 is a fault
    // of the protocol, 1001 that an end goes away.
    pub(crate) fn close(&mut self, faulty: bool, out: &mut Vec<u8>) -> Result<(), EntropyError> {
        let theirs = lock(&self.answers).close.take();
        let own: u16 = if faulty { 1002 } else { 1001 };
        let status = theirs.unwrap_or_else(|| own.to_be_bytes().to_vec());
        self.write(Opcode::Close, &[], &status, out)
    }

    fn write(
        &mut self,
        opcode: Opcode,
        flags: &[u8],
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EntropyError> {
        let mask = self.masks.as_mut().map(Masks::next).transpose()?;
        let payload_len = flags.len() + body.len();
        out.reserve(payload_len + super::frame::WS_HEADER_MAX);
        encode_header(opcode, payload_len, mask, out);
        let start = out.len();
        out.extend_from_slice(flags);
        out.extend_from_slice(body);
        if let Some(mask) = mask {
            apply_mask(&mut out[start..], mask, 0);
        }
        Ok(())
    }
}

impl WsReader {
    /// Bounds messages in fragments by so many octets from now on.
    pub(crate) fn bound(&mut self, message_bytes_max: u64) {
        self.message_bytes_max = message_bytes_max;
    }

    /// The octets of the first frame of `input`, header included; `None` when its header has not
    /// arrived whole.
    ///
    /// # Errors
    ///
    /// [`WsFault`] as soon as the octets present cannot start a valid frame.
    pub(crate) fn frame_len(&self, input: &[u8]) -> Result<Option<u64>, WsFault> {
        Ok(WsHeader::decode(input, self.from)?.map(|header| header.frame_len()))
    }

    /// Takes the first frame of `input` if it has arrived whole, and appends what it is worth to
    /// `plain`. `None`: it has not.
    ///
    /// # Errors
    ///
    /// [`WsFault`] when the peer broke the protocol: the connection has to be closed.
    pub(crate) fn next(
        &mut self,
        input: &[u8],
        plain: &mut Vec<u8>,
    ) -> Result<Option<(usize, Taken)>, WsFault> {
        let Some(header) = WsHeader::decode(input, self.from)? else { return Ok(None) };
        let whole = usize::try_from(header.frame_len()).ok();
        let Some(frame) = whole.and_then(|len| input.get(..len)) else { return Ok(None) };
        if lock(&self.answers).close.is_some() {
            // RFC 6455 §5.5.1: after a close frame nothing more MUST be sent.
            return Err(WsFault::AfterClose);
        }
        let payload = &frame[header.header_len..];
        let taken = match header.opcode {
            Opcode::Text => return Err(WsFault::Text),
            Opcode::Binary if self.partial.is_some() => return Err(WsFault::Fragment),
            Opcode::Binary if header.fin => {
                message(payload, header.mask, plain)?;
                Taken::Frame
            }
            Opcode::Binary | Opcode::Continuation => self.fragment(&header, payload, plain)?,
            Opcode::Ping => {
                // RFC 6455 §5.5.2: a ping MUST be answered.
                lock(&self.answers).ping = Some(unmasked(payload, header.mask));
                Command::Ping { ttl_deciseconds: 0, context: b"" }.encode(plain);
                Taken::Ping
            }
            Opcode::Pong => Taken::Nothing,
            Opcode::Close => {
                let payload = unmasked(payload, header.mask);
                lock(&self.answers).close = Some(close_status(&payload)?);
                Taken::Close
            }
        };
        Ok(Some((frame.len(), taken)))
    }

    // RFC 6455 §5.4: a message begins with its opcode and goes on with continuations; control
    // frames may come between them.
    fn fragment(
        &mut self,
        header: &WsHeader,
        payload: &[u8],
        plain: &mut Vec<u8>,
    ) -> Result<Taken, WsFault> {
        let partial = match (header.opcode, &mut self.partial) {
            (Opcode::Continuation, Some(partial)) => partial,
            (Opcode::Binary, partial @ None) => partial.insert(Vec::new()),
            _ => return Err(WsFault::Fragment),
        };
        // One octet of flags comes on top.
        if (partial.len() + payload.len()) as u64 > self.message_bytes_max.saturating_add(1) {
            return Err(WsFault::TooLong);
        }
        let start = partial.len();
        partial.extend_from_slice(payload);
        if let Some(mask) = header.mask {
            apply_mask(&mut partial[start..], mask, 0);
        }
        if !header.fin {
            return Ok(Taken::Nothing);
        }
        let whole = self.partial.take().unwrap_or_default();
        message(&whole, None, plain)?;
        Ok(Taken::Frame)
    }
}

/// Appends a message as a ZMTP 3 frame.
fn message(payload: &[u8], mask: Option<[u8; 4]>, plain: &mut Vec<u8>) -> Result<(), WsFault> {
    // RFC 45 §Framing: a flag octet and the body.
    let (&first, body) = payload.split_first().ok_or(WsFault::NoFlags)?;
    let flags = mask.map_or(first, |mask| first ^ mask[0]);
    let (more, command) = match flags {
        0 => (false, false),
        MORE => (true, false),
        COMMAND => (false, true),
        flags => return Err(WsFault::Flags(flags)),
    };
    let mut header = [0; FRAME_HEADER_MAX];
    let header_len = Framing::V3.encode(more, command, body.len() as u64, &mut header);
    plain.reserve(header_len + body.len());
    plain.extend_from_slice(&header[..header_len]);
    let start = plain.len();
    plain.extend_from_slice(body);
    if let Some(mask) = mask {
        apply_mask(&mut plain[start..], mask, 1);
    }
    Ok(())
}

fn unmasked(payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut payload = payload[..payload.len().min(CONTROL_BYTES_MAX)].to_vec();
    if let Some(mask) = mask {
        apply_mask(&mut payload, mask, 0);
    }
    payload
}

/// The status at the start of a close frame, to be sent back.
// RFC 6455 §5.5.1: if there is a body, its first two octets MUST be a status.
fn close_status(payload: &[u8]) -> Result<Vec<u8>, WsFault> {
    match payload {
        [] => Ok(Vec::new()),
        [high, low, ..] => Ok(vec![*high, *low]),
        _ => Err(WsFault::Control),
    }
}

/// A panic cannot leave the two fields in an impossible state, so a poisoned lock is fine.
fn lock(answers: &Mutex<Answers>) -> std::sync::MutexGuard<'_, Answers> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The masks of a client's frames, drawn from the entropy source many at a time.
// RFC 6455 §5.3: the key MUST be chosen at random for each frame, from a strong source of entropy.
struct Masks {
    entropy: Entropy,
    pool: Box<[u8; MASK_POOL_BYTES]>,
    used: usize,
}

impl Masks {
    fn new(entropy: Entropy) -> Masks {
        Masks { entropy, pool: Box::new([0; MASK_POOL_BYTES]), used: MASK_POOL_BYTES }
    }

    fn next(&mut self) -> Result<[u8; 4], EntropyError> {
        if self.used == MASK_POOL_BYTES {
            self.entropy.fill(&mut self.pool[..])?;
            self.used = 0;
        }
        let mut mask = [0; 4];
        mask.copy_from_slice(&self.pool[self.used..self.used + 4]);
        self.used += 4;
        Ok(mask)
    }
}

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masks")
    }
}
