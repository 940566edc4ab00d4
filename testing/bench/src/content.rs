//! Messages whose contents both ends can work out, cheap enough to make and check at full rate.
//!
//! From 16 bytes on, a message begins with its number and ends with a mix of it, around bytes that
//! are always the same; from 8 bytes on it begins with its number; below, every byte is the
//! number's lowest. The program in C makes the same. Each end owns its `Content`.

use oxmq::{Message, Msg};
use oxmq_testing::{Doing, Result};

/// Where the sender's number begins in a message's number.
const SENDER_SHIFT: u32 = 48;

/// Up to this size, the whole of every message is checked; beyond, of one in 32: else the check
/// would take more time than the message.
const CHECK_ALL_MAX: usize = 1024;

/// Messages of one size.
#[derive(Debug)]
pub(crate) struct Content {
    template: Vec<u8>,
}

impl Content {
    /// Messages of this size.
    pub(crate) fn new(size: usize) -> Content {
        let byte = |i: usize| (i.wrapping_mul(131) + (i >> 8).wrapping_mul(17) + 7) as u8;
        Content { template: (0..size).map(byte).collect() }
    }

    /// A sender's next message.
    pub(crate) fn message(&mut self, sender: u64, sequence: u64) -> Message {
        Message::from(Msg::from_slice(self.fill(sender, sequence)))
    }

    /// The bytes of a sender's next message.
    pub(crate) fn fill(&mut self, sender: u64, sequence: u64) -> &[u8] {
        let number = number_of(sender, sequence);
        let size = self.template.len();
        if size >= 16 {
            self.template[..8].copy_from_slice(&number.to_le_bytes());
            self.template[size - 8..].copy_from_slice(&mix(number).to_le_bytes());
        } else if size >= 8 {
            self.template[..8].copy_from_slice(&number.to_le_bytes());
        } else {
            self.template.fill(number as u8);
        }
        &self.template
    }

    /// Checks a message of a sender.
    pub(crate) fn check(&self, bytes: &[u8], sender: u64, sequence: u64) -> Result<()> {
        let number = number_of(sender, sequence);
        let size = self.template.len();
        if bytes.len() != size {
            return Err(format!("message {number:#x} has {} bytes", bytes.len()));
        }
        let right = if size >= 16 {
            let whole = size <= CHECK_ALL_MAX || sequence.is_multiple_of(32);
            bytes[..8] == number.to_le_bytes()
                && bytes[size - 8..] == mix(number).to_le_bytes()
                && (!whole || bytes[8..size - 8] == self.template[8..size - 8])
        } else if size >= 8 {
            bytes[..8] == number.to_le_bytes()
        } else {
            bytes.iter().all(|byte| *byte == number as u8)
        };
        if right { Ok(()) } else { Err(format!("message {number:#x} is not as it was sent")) }
    }
}

/// Checks a stream of messages from several senders: each one's must come complete, in order.
#[derive(Debug)]
pub(crate) struct Stream {
    content: Content,
    /// The sequence number that is next, for each sender.
    next: Vec<u64>,
}

impl Stream {
    /// The beginning of a stream.
    pub(crate) fn new(size: usize, senders: u64) -> Stream {
        Stream { content: Content::new(size), next: vec![0; senders as usize] }
    }

    /// Checks the next message, whose last part is the content.
    pub(crate) fn take(&mut self, message: &Message) -> Result<()> {
        let bytes = message.last().ok_or("a message without parts")?.as_slice();
        let sender = match bytes.first_chunk::<8>() {
            Some(number) if self.next.len() > 1 => u64::from_le_bytes(*number) >> SENDER_SHIFT,
            _ => 0,
        };
        let next = self.next.get_mut(sender as usize).ok_or("a sender that is none")?;
        self.content.check(bytes, sender, *next).doing(format_args!("sender {sender}"))?;
        *next += 1;
        Ok(())
    }
}

fn number_of(sender: u64, sequence: u64) -> u64 {
    sender << SENDER_SHIFT | sequence
}

/// Spreads a number over all bits, so that two messages cut together show.
fn mix(number: u64) -> u64 {
    let spread = (number ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    spread ^ spread >> 29
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_checked() {
        for size in [1, 7, 8, 15, 16, 17, 1024, 1025, 9000] {
            let mut content = Content::new(size);
            let message = content.message(0, 32);
            assert_eq!(Content::new(size).check(&message[0], 0, 32), Ok(()));
            assert!(Content::new(size).check(&message[0], 0, 33).is_err());
            assert!(Content::new(size + 1).check(&message[0], 0, 32).is_err());
            for at in 0..size.min(8) {
                let mut bytes = message[0].to_vec();
                bytes[at] ^= 1;
                assert!(Content::new(size).check(&bytes, 0, 32).is_err(), "byte {at} of {size}");
            }
        }
    }

    #[test]
    fn a_stream_notices_what_is_lost_or_doubled() {
        let mut sent = Content::new(20);
        let mut stream = Stream::new(20, 2);
        assert_eq!(stream.take(&sent.message(1, 0)), Ok(()));
        assert_eq!(stream.take(&sent.message(0, 0)), Ok(()));
        assert_eq!(stream.take(&sent.message(1, 1)), Ok(()));
        assert!(stream.take(&sent.message(1, 1)).is_err());
        assert!(stream.take(&sent.message(0, 2)).is_err());
        assert!(stream.take(&sent.message(2, 0)).is_err());
    }
}
