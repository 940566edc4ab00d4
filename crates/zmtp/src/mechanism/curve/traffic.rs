//! MESSAGE, the command that carries all traffic of a CURVE connection (RFC 26 §The MESSAGE
//! Command), sealed and opened in place. Each direction has its own value, owned by its codec half.
//!
//! ```text
//!   07 "MESSAGE"   nonce (8)   tag (16)   flags (1), body
//!                                         └─ enciphered ─┘
//! ```

use crate::codec::CodecError;
use crate::command::split_name;
use crate::crypto::{StreamKey, TAG_BYTES};
use crate::error::ProtocolError;
use crate::frame::{FRAME_HEADER_MAX, FrameHeader, Framing};

/// Octets by which a MESSAGE is longer than the frame body in it.
pub(crate) const MESSAGE_OVERHEAD_BYTES: usize = NAME.len() + 8 + TAG_BYTES + 1;

const NAME: &[u8; 8] = b"\x07MESSAGE";
/// Where the enciphered part starts.
const TEXT_AT: usize = MESSAGE_OVERHEAD_BYTES - 1;

const FLAG_MORE: u8 = 0x01;
/// Not in RFC 26, which reserves the bit; every libzmq marks its commands so.
const FLAG_COMMAND: u8 = 0x02;

const _: () = assert!(MESSAGE_OVERHEAD_BYTES == 33);

/// Seals what we send.
#[derive(Debug)]
pub(crate) struct Sealer {
    key: StreamKey,
    /// The last nonce used.
    sent: u64,
}

impl Sealer {
    pub(crate) fn new(key: StreamKey, sent: u64) -> Sealer {
        Sealer { key, sent }
    }

    /// Appends a MESSAGE with this frame in it to `out`.
    pub(crate) fn seal(
        &mut self,
        more: bool,
        command: bool,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        // RFC 26 §The HELLO Command: a short nonce SHALL be an incrementing integer, unique to each
        // command; no side SHALL send more than 2^64 - 1 commands in one connection.
        let nonce = self.sent.checked_add(1).ok_or(CodecError::NoncesExhausted)?;
        self.sent = nonce;
        let start = out.len();
        out.reserve(MESSAGE_OVERHEAD_BYTES + body.len());
        out.extend_from_slice(NAME);
        out.extend_from_slice(&nonce.to_be_bytes());
        out.extend_from_slice(&[0; TAG_BYTES]);
        // RFC 26 §The MESSAGE Command: bit 0 is MORE, reserved bits MUST be zero.
        out.push(match (command, more) {
            (true, _) => FLAG_COMMAND,
            (false, true) => FLAG_MORE,
            (false, false) => 0,
        });
        out.extend_from_slice(body);
        let tag = self.key.seal(nonce, &mut out[start + TEXT_AT..]);
        out[start + TEXT_AT - TAG_BYTES..start + TEXT_AT].copy_from_slice(&tag);
        Ok(())
    }
}

/// Opens what we receive.
#[derive(Debug)]
pub(crate) struct Opener {
    key: StreamKey,
    /// The last nonce received.
    received: u64,
}

impl Opener {
    pub(crate) fn new(key: StreamKey, received: u64) -> Opener {
        Opener { key, received }
    }

    /// Replaces the frame that fills `plain` from `start` on by the frame that is sealed in it.
    /// After an error nothing of it is left.
    pub(crate) fn open(&mut self, plain: &mut Vec<u8>, start: usize) -> Result<(), ProtocolError> {
        let opened = self.open_in_place(&mut plain[start..]);
        let frame_len = *opened.as_ref().unwrap_or(&0);
        plain.truncate(start + frame_len);
        opened.map(|_| ())
    }

    /// Returns the length of the plain frame, which starts where the sealed one did.
    // RFC 26 §The MESSAGE Command: the recipient SHALL validate all fields and SHALL disconnect
    // from peers who send malformed MESSAGE commands, without an ERROR.
    fn open_in_place(&mut self, frame: &mut [u8]) -> Result<usize, ProtocolError> {
        let header = Framing::V3.decode(frame)?.ok_or(ProtocolError::MessageMalformed)?;
        check_header(&header, &frame[header.header_len..])?;
        let text_at = header.header_len + TEXT_AT;
        let (head, text) =
            frame.split_at_mut_checked(text_at).ok_or(ProtocolError::MessageMalformed)?;
        let (nonce, tag) = nonce_and_tag(&head[header.header_len + NAME.len()..])?;
        // RFC 26 §The HELLO Command and §The READY Command: each side SHALL verify that short
        // nonces increment, and SHALL disconnect from a peer that reuses one.
        if nonce <= self.received {
            return Err(ProtocolError::NonceOutOfSequence);
        }
        if !self.key.open(nonce, text, &tag) {
            return Err(ProtocolError::BoxDoesNotOpen);
        }
        self.received = nonce;
        let (more, command) = match text.first() {
            Some(0) => (false, false),
            Some(&FLAG_MORE) => (true, false),
            Some(&FLAG_COMMAND) => (false, true),
            // RFC 26 §The MESSAGE Command: reserved bits MUST be zero.
            _ => return Err(ProtocolError::MessageMalformed),
        };
        let body_len = text.len() - 1;
        let mut plain_header = [0; FRAME_HEADER_MAX];
        let header_len = Framing::V3.encode(more, command, body_len as u64, &mut plain_header);
        frame[..header_len].copy_from_slice(&plain_header[..header_len]);
        frame.copy_within(text_at + 1.., header_len);
        Ok(header_len + body_len)
    }
}

/// RFC 26 makes MESSAGE a command, libzmq sends it as a message; either is accepted. MORE is inside
/// the box, where nobody can change it.
fn check_header(header: &FrameHeader, body: &[u8]) -> Result<(), ProtocolError> {
    if !body.starts_with(NAME) {
        split_name(body)?;
        return Err(ProtocolError::UnexpectedCommand { state: "CURVE traffic" });
    }
    if header.more || body.len() < MESSAGE_OVERHEAD_BYTES {
        return Err(ProtocolError::MessageMalformed);
    }
    Ok(())
}

fn nonce_and_tag(octets: &[u8]) -> Result<(u64, [u8; TAG_BYTES]), ProtocolError> {
    let (nonce, tag) = octets.split_first_chunk::<8>().ok_or(ProtocolError::MessageMalformed)?;
    let tag = tag.first_chunk::<TAG_BYTES>().ok_or(ProtocolError::MessageMalformed)?;
    Ok((u64::from_be_bytes(*nonce), *tag))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::crypto::{BoxKey, Secret};

    fn key() -> StreamKey {
        BoxKey::secret(Secret::new([3; 32])).stream(b"CurveZMQMESSAGEC")
    }

    #[test]
    fn the_last_nonce_is_used_and_none_after_it() {
        // RFC 26 §The HELLO Command: no more than 2^64 - 1 commands in one connection.
        let mut sealer = Sealer::new(key(), u64::MAX - 1);
        let mut frame = vec![0, 34];
        assert_eq!(sealer.seal(false, false, b"x", &mut frame), Ok(()));
        assert_eq!(frame[10..18], u64::MAX.to_be_bytes());
        let mut out = b"kept".to_vec();
        for _ in 0..2 {
            let end = sealer.seal(false, false, b"x", &mut out);
            assert_eq!(end, Err(CodecError::NoncesExhausted));
            assert_eq!(out, b"kept");
        }
        let mut opener = Opener::new(key(), u64::MAX - 1);
        let mut again = frame.clone();
        assert_eq!(opener.open(&mut frame, 0), Ok(()));
        assert_eq!(frame, [0, 1, b'x']);
        let end = opener.open(&mut again, 0);
        assert_eq!(end, Err(ProtocolError::NonceOutOfSequence));
    }

    #[test]
    fn reserved_flags_in_the_box_are_refused() {
        // RFC 26 §The MESSAGE Command: reserved bits MUST be zero.
        for flags in 0..=u8::MAX {
            let mut frame = [&[0, 34][..], NAME, &7_u64.to_be_bytes(), &[0; 16]].concat();
            frame.extend_from_slice(&[flags, b'x']);
            let tag = key().seal(7, &mut frame[34..]);
            frame[18..34].copy_from_slice(&tag);
            let end = Opener::new(key(), 6).open(&mut frame, 0);
            assert_eq!(end.is_ok(), flags <= 2, "{flags}");
        }
    }

    #[test]
    fn no_nonce_comes_twice() {
        let mut sealer = Sealer::new(key(), 2);
        let mut out = Vec::new();
        for nonce in 3..100_003_u64 {
            out.clear();
            sealer.seal(false, false, b"", &mut out).unwrap();
            assert_eq!(out[8..16], nonce.to_be_bytes());
        }
    }
}
