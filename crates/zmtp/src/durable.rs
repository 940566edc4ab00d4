//! What durable sockets tell each other: the `X-Durable` property of the handshake and the commands
//! whose names begin with `ZD`. The extension is described in `doc/rfc/durable.md`.
//!
//! Plain values, read from octets of a peer and written to octets; nothing here has state. A peer
//! that did not send the property must never be sent one of the commands.

use std::fmt::Write as _;

use crate::command::Command;
use crate::error::ProtocolError;
use crate::limits::{DURABLE_EPOCHS_MAX, DURABLE_NAME_BYTES_MAX, DURABLE_RANGES_MAX};

/// The name of the property.
pub const DURABLE_PROPERTY: &str = "X-Durable";

/// What a durable socket says of itself in the handshake.
///
/// ```
/// use oxmq_zmtp::DurablePeer;
///
/// let peer = DurablePeer { name: b"a b".to_vec(), instance: 3, log: Some((0xAB, 2)) };
/// let text = peer.to_property();
/// assert_eq!(DurablePeer::parse(&text), Some(peer));
/// assert_eq!(DurablePeer::parse(b"name=lucy"), None);
/// assert_eq!(DurablePeer::bare_name(b"name=lucy"), Some(b"lucy".to_vec()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurablePeer {
    /// The socket's durable name, 1 to 255 octets.
    pub name: Vec<u8>,
    /// Grows with each opening of the store; of two with one name, the higher is the owner.
    pub instance: u64,
    /// The id and the epoch of the log that the peer sends from, if it sends.
    pub log: Option<(u128, u64)>,
}

impl DurablePeer {
    /// The value of the property: `v=1;name=..;inst=..;log=..;epoch=..`, with octets other than
    /// letters, digits and `-._~` as `%XX`.
    pub fn to_property(&self) -> Vec<u8> {
        let mut text = String::from("v=1;name=");
        for octet in &self.name {
            if octet.is_ascii_alphanumeric() || b"-._~".contains(octet) {
                text.push(char::from(*octet));
            } else {
                // Writing to a string does not fail.
                let _ = write!(text, "%{octet:02X}");
            }
        }
        let _ = write!(text, ";inst={}", self.instance);
        if let Some((log, epoch)) = self.log {
            let _ = write!(text, ";log={log:032x};epoch={epoch}");
        }
        text.into_bytes()
    }

    /// Reads the property of a peer that speaks this version of the extension. `None` for any other
    /// value, which counts as if it had not been sent. Fields that are not known are passed over.
    pub fn parse(value: &[u8]) -> Option<DurablePeer> {
        let text = std::str::from_utf8(value).ok()?;
        let version: u32 = field(text, "v")?.parse().ok()?;
        if version < 1 {
            return None;
        }
        let log = match (field(text, "log"), field(text, "epoch")) {
            (Some(log), Some(epoch)) => {
                Some((u128::from_str_radix(log, 16).ok()?, epoch.parse().ok()?))
            }
            _ => None,
        };
        let instance = field(text, "inst")?.parse().ok()?;
        Some(DurablePeer { name: name(text)?, instance, log })
    }

    /// The name in the property of a peer that knows nothing of the extension but was given a name
    /// by its application: `name=..` without a version.
    pub fn bare_name(value: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(value).ok()?;
        if field(text, "v").is_some() { None } else { name(text) }
    }
}

fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.split(';').find_map(|part| part.trim().strip_prefix(key)?.strip_prefix('='))
}

fn name(text: &str) -> Option<Vec<u8>> {
    let mut rest = field(text, "name")?.as_bytes();
    let mut name = Vec::new();
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        if octet == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            name.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            name.push(octet);
        }
    }
    (1..=DURABLE_NAME_BYTES_MAX).contains(&name.len()).then_some(name)
}

/// Offsets from `from` to `to`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetRange {
    /// The first.
    pub from: u64,
    /// The last; not less than `from`.
    pub to: u64,
}

impl OffsetRange {
    /// The offset is one of them.
    pub fn holds(&self, offset: u64) -> bool {
        (self.from..=self.to).contains(&offset)
    }
}

/// Where a consumer that the sender has never seen begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurableStart {
    /// With the next message.
    Latest,
    /// With the oldest message that is kept.
    Earliest,
}

/// Why offsets will never be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// The sender's limits made it give them up.
    Retention,
    /// They were older than they may get.
    Expired,
    /// They failed too often, and were set aside.
    DeadLetter,
    /// The sender's machine went down before they were safe.
    LostInCrash,
    /// The record on the sender's disk is damaged.
    Damaged,
}

impl GapReason {
    const ALL: [GapReason; 5] = [
        GapReason::Retention,
        GapReason::Expired,
        GapReason::DeadLetter,
        GapReason::LostInCrash,
        GapReason::Damaged,
    ];

    /// The number on the wire of the reason with this word, 0 if there is none.
    pub fn number_of(name: &str) -> u8 {
        let at = GapReason::ALL.iter().position(|reason| reason.name() == name).unwrap_or(0);
        at.to_le_bytes()[0]
    }

    /// The word for logs and events.
    pub fn name(self) -> &'static str {
        match self {
            GapReason::Retention => "retention",
            GapReason::Expired => "expired",
            GapReason::DeadLetter => "dead-letter",
            GapReason::LostInCrash => "lost-in-crash",
            GapReason::Damaged => "damaged",
        }
    }
}

/// Where a receiver asks the sender to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeekTo {
    /// With the oldest message that is kept.
    Earliest,
    /// With the next new message.
    Latest,
    /// With this offset, which is not 0 and not `u64::MAX`.
    Offset(u64),
}

/// On the wire: 0 is the earliest, all ones the latest, anything else an offset.
impl SeekTo {
    /// The number for this.
    pub fn to_number(self) -> u64 {
        match self {
            SeekTo::Earliest => 0,
            SeekTo::Latest => u64::MAX,
            SeekTo::Offset(offset) => offset.clamp(1, u64::MAX - 1),
        }
    }

    /// The reverse of `to_number`.
    pub fn from_number(number: u64) -> SeekTo {
        match number {
            0 => SeekTo::Earliest,
            u64::MAX => SeekTo::Latest,
            offset => SeekTo::Offset(offset),
        }
    }

    /// The offset to go on with in a log that keeps offsets from `first` to before `next`.
    pub fn within(self, first: u64, next: u64) -> u64 {
        match self {
            SeekTo::Earliest => first,
            SeekTo::Latest => next,
            SeekTo::Offset(offset) => offset.max(first).min(next),
        }
    }
}

/// One command of the extension. `R` marks those that a receiver sends, `S` those of a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DurableCommand {
    /// R: what the receiver has of the sender's log; the sender sends nothing before it.
    Open {
        /// The epoch that the receiver saw last, 0 for none.
        epoch: u64,
        /// Every offset below is settled.
        below: u64,
        /// Settled offsets above.
        settled: Vec<OffsetRange>,
        /// Where a receiver begins whose name is new.
        start: DurableStart,
    },
    /// S: where the sender's log is. Goes before the first message.
    Base {
        /// The log's id.
        log: u128,
        /// Its present epoch.
        epoch: u64,
        /// The oldest offset that is kept.
        first: u64,
        /// The offset that the next message of the log will get.
        next: u64,
        /// The first offsets of the latest epochs, oldest first.
        epochs: Vec<(u64, u64)>,
    },
    /// S: the message behind it has this offset; without it, the one after the last.
    Seq {
        /// The offset.
        offset: u64,
        /// How often the message was tried before, plus one.
        attempt: u16,
    },
    /// S: these offsets will not come.
    Gap {
        /// Which.
        range: OffsetRange,
        /// Why.
        reason: GapReason,
    },
    /// R: these messages are settled.
    Ack {
        /// Which; at least one range.
        settled: Vec<OffsetRange>,
    },
    /// R: this message shall be tried again, or be set aside.
    Nack {
        /// Its offset.
        offset: u64,
        /// The attempt that failed.
        attempt: u16,
        /// How long to wait before the next, in milliseconds.
        delay_ms: u32,
        /// Set it aside instead.
        reject: bool,
    },
    /// S: offsets below this are settled and will not be sent again, but for some ranges. Takes
    /// effect in its place; without it a receiver would have to remember each offset that went to
    /// others.
    Floor {
        /// The first offset that this says nothing of.
        below: u64,
        /// Offsets below that are not settled, ascending.
        open: Vec<OffsetRange>,
    },
    /// R: the sender shall go on elsewhere in its log. It answers with ZDBASE.
    Seek {
        /// Where.
        to: SeekTo,
    },
    /// Either: another instance owns the name now.
    Fence {
        /// The owner's instance.
        instance: u64,
    },
}

impl DurableCommand {
    /// Reads a command from its name and body; `None` when it is not one of these.
    ///
    /// Allocates at most 16 octets for each range or epoch, of which there are as many as the
    /// body has room for, 64 at most.
    ///
    /// # Errors
    /// `DurableCommand` with the name of one whose body has the wrong form.
    pub fn parse(name: &[u8], body: &[u8]) -> Result<Option<DurableCommand>, ProtocolError> {
        let mut body = Body(body);
        let (name, command) = match name {
            b"ZDOPEN" => ("ZDOPEN", body.open()),
            b"ZDBASE" => ("ZDBASE", body.base()),
            b"ZDSEQ" => ("ZDSEQ", body.seq()),
            b"ZDGAP" => ("ZDGAP", body.gap()),
            b"ZDACK" => ("ZDACK", body.ranges().map(|settled| DurableCommand::Ack { settled })),
            b"ZDNACK" => ("ZDNACK", body.nack()),
            b"ZDFLOOR" => ("ZDFLOOR", body.floor()),
            b"ZDSEEK" => {
                let seek = |number| DurableCommand::Seek { to: SeekTo::from_number(number) };
                ("ZDSEEK", body.u64().map(seek))
            }
            b"ZDFENCE" => {
                ("ZDFENCE", body.u64().map(|instance| DurableCommand::Fence { instance }))
            }
            _ => return Ok(None),
        };
        match command {
            Some(command) if body.0.is_empty() => Ok(Some(command)),
            _ => Err(ProtocolError::DurableCommand { name }),
        }
    }

    /// Whether the body of a command frame is of a kind that belongs between two messages, and so
    /// has to be seen in its place among them.
    pub fn is_in_order(body: &[u8]) -> bool {
        body.starts_with(b"\x05ZDSEQ")
            || body.starts_with(b"\x05ZDGAP")
            || body.starts_with(b"\x06ZDBASE")
            || body.starts_with(b"\x07ZDFLOOR")
    }

    /// Appends the command to `out` as a whole 3.x frame. Of ranges and epochs, the first 64 are
    /// written.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        let name: &[u8] = match self {
            DurableCommand::Open { epoch, below, settled, start } => {
                put(&mut body, &[*epoch, *below]);
                body.push(u8::from(*start == DurableStart::Earliest));
                put_ranges(&mut body, settled);
                b"ZDOPEN"
            }
            DurableCommand::Base { log, epoch, first, next, epochs } => {
                body.extend_from_slice(&log.to_be_bytes());
                put(&mut body, &[*epoch, *first, *next]);
                let epochs = &epochs[..epochs.len().min(DURABLE_EPOCHS_MAX)];
                body.push(epochs.len().to_le_bytes()[0]);
                epochs.iter().for_each(|(epoch, start)| put(&mut body, &[*epoch, *start]));
                b"ZDBASE"
            }
            DurableCommand::Seq { offset, attempt } => {
                put(&mut body, &[*offset]);
                body.extend_from_slice(&attempt.to_be_bytes());
                b"ZDSEQ"
            }
            DurableCommand::Gap { range, reason } => {
                put(&mut body, &[range.from, range.to]);
                let at = GapReason::ALL.iter().position(|known| known == reason).unwrap_or(0);
                body.push(at.to_le_bytes()[0]);
                b"ZDGAP"
            }
            DurableCommand::Ack { settled } => {
                put_ranges(&mut body, settled);
                b"ZDACK"
            }
            DurableCommand::Nack { offset, attempt, delay_ms, reject } => {
                put(&mut body, &[*offset]);
                body.extend_from_slice(&attempt.to_be_bytes());
                body.extend_from_slice(&delay_ms.to_be_bytes());
                body.push(u8::from(*reject));
                b"ZDNACK"
            }
            DurableCommand::Floor { below, open } => {
                put(&mut body, &[*below]);
                put_ranges(&mut body, open);
                b"ZDFLOOR"
            }
            DurableCommand::Seek { to } => {
                put(&mut body, &[to.to_number()]);
                b"ZDSEEK"
            }
            DurableCommand::Fence { instance } => {
                put(&mut body, &[*instance]);
                b"ZDFENCE"
            }
        };
        Command::Unknown { name, body: &body }.encode(out);
    }
}

fn put(out: &mut Vec<u8>, numbers: &[u64]) {
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
}

fn put_ranges(out: &mut Vec<u8>, ranges: &[OffsetRange]) {
    let ranges = &ranges[..ranges.len().min(DURABLE_RANGES_MAX)];
    out.push(ranges.len().to_le_bytes()[0]);
    ranges.iter().for_each(|range| put(out, &[range.from, range.to]));
}

/// The rest of a body.
struct Body<'a>(&'a [u8]);

impl Body<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[octet]| octet)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn range(&mut self) -> Option<OffsetRange> {
        let range = OffsetRange { from: self.u64()?, to: self.u64()? };
        (range.from <= range.to && range.to < u64::MAX).then_some(range)
    }

    fn ranges(&mut self) -> Option<Vec<OffsetRange>> {
        let count = usize::from(self.u8()?);
        if count > DURABLE_RANGES_MAX {
            return None;
        }
        (0..count).map(|_| self.range()).collect()
    }

    fn open(&mut self) -> Option<DurableCommand> {
        let (epoch, below) = (self.u64()?, self.u64()?);
        let start = if self.flag()? { DurableStart::Earliest } else { DurableStart::Latest };
        Some(DurableCommand::Open { epoch, below, settled: self.ranges()?, start })
    }

    fn base(&mut self) -> Option<DurableCommand> {
        let log = self.take().map(u128::from_be_bytes)?;
        let (epoch, first, next) = (self.u64()?, self.u64()?, self.u64()?);
        let count = usize::from(self.u8()?);
        if count > DURABLE_EPOCHS_MAX {
            return None;
        }
        let pair = |body: &mut Self| Some((body.u64()?, body.u64()?));
        let epochs = (0..count).map(|_| pair(self)).collect::<Option<_>>()?;
        Some(DurableCommand::Base { log, epoch, first, next, epochs })
    }

    fn seq(&mut self) -> Option<DurableCommand> {
        Some(DurableCommand::Seq { offset: self.u64()?, attempt: self.u16()? })
    }

    fn gap(&mut self) -> Option<DurableCommand> {
        let range = self.range()?;
        let reason = *GapReason::ALL.get(usize::from(self.u8()?))?;
        Some(DurableCommand::Gap { range, reason })
    }

    fn floor(&mut self) -> Option<DurableCommand> {
        Some(DurableCommand::Floor { below: self.u64()?, open: self.ranges()? })
    }

    fn nack(&mut self) -> Option<DurableCommand> {
        Some(DurableCommand::Nack {
            offset: self.u64()?,
            attempt: self.u16()?,
            delay_ms: self.take().map(u32::from_be_bytes)?,
            reject: self.flag()?,
        })
    }
}

#[cfg(test)]
mod tests;
