//! What a record says: one variant for each kind, read from and written to a record's body.
//!
//! Pure. A checkpoint is nothing but entries that make the state anew, so there is one decoder and
//! one meaning for each kind, whether it stands in a checkpoint or in the run of events after it.
//! Messages have a type of their own beside the enum: they are the many, and patched in place.

use crate::format::{Fields, begin, finish, put, put_block};

/// Kinds of records, as numbered on disk.
pub(crate) mod kind {
    pub(crate) const MESSAGE: u8 = 1;
    pub(crate) const COMMIT: u8 = 2;
    pub(crate) const CHECKPOINT: u8 = 3;
    pub(crate) const SEGMENT: u8 = 4;
    pub(crate) const EXTENT: u8 = 5;
    pub(crate) const MOVED: u8 = 6;
    pub(crate) const LOG: u8 = 7;
    pub(crate) const LOG_DROPPED: u8 = 8;
    pub(crate) const EPOCH: u8 = 9;
    pub(crate) const TRIM: u8 = 10;
    pub(crate) const GAP: u8 = 11;
    pub(crate) const CONSUMER: u8 = 12;
    pub(crate) const CONSUMER_DROPPED: u8 = 13;
    pub(crate) const SEEK: u8 = 14;
    pub(crate) const ACK: u8 = 15;
    pub(crate) const ATTEMPT: u8 = 16;
    pub(crate) const FILTER: u8 = 17;
    pub(crate) const SESSION: u8 = 18;
    pub(crate) const CURSOR: u8 = 19;
    pub(crate) const PUT: u8 = 20;
    pub(crate) const INDEX: u8 = 21;
    pub(crate) const EMPTIED: u8 = 22;
    pub(crate) const TAKEN: u8 = 23;
    pub(crate) const SKIP: u8 = 24;
}

/// What a change of a consumer's filters does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilterChange {
    Add,
    Remove,
    Clear,
}

/// What a log's record carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogEntry<'a> {
    pub(crate) id: [u8; 16],
    pub(crate) role: u8,
    pub(crate) on_full: u8,
    pub(crate) retention: u8,
    pub(crate) bytes_max: u64,
    pub(crate) messages_max: u64,
    pub(crate) age_max_ms: u64,
    pub(crate) first: u64,
    pub(crate) next: u64,
    pub(crate) name: &'a [u8],
}

/// One record other than a message; the log it belongs to stands in the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    Commit {
        start: u32,
        records: u32,
        durable: u64,
        chain: u32,
    },
    Checkpoint {
        next_log: u32,
        time_ms: u64,
    },
    Segment {
        number: u32,
        end: u32,
        nonce: u64,
    },
    Extent {
        segment: u32,
        first: u64,
        last: u64,
        bytes: u64,
        last_ms: u64,
    },
    Moved {
        offset: u64,
        segment: u32,
        position: u32,
        bytes: u32,
    },
    Log(LogEntry<'a>),
    LogDropped,
    Epoch {
        epoch: u64,
        first: u64,
    },
    Trim {
        from: u64,
        to: u64,
        reason: u8,
    },
    Gap {
        from: u64,
        to: u64,
        reason: u8,
    },
    Consumer {
        consumer: u32,
        below: u64,
        name: &'a [u8],
    },
    ConsumerDropped {
        consumer: u32,
    },
    Seek {
        consumer: u32,
        below: u64,
    },
    Ack {
        consumer: u32,
        from: u64,
        to: u64,
    },
    Attempt {
        consumer: u32,
        offset: u64,
        attempt: u32,
    },
    Filter {
        consumer: u32,
        change: FilterChange,
        bytes: &'a [u8],
    },
    Session {
        consumer: u32,
        instance: u64,
        last_seen_ms: u64,
        principal: &'a [u8],
    },
    Cursor {
        remote: [u8; 16],
        epoch: u64,
        next: u64,
        ranges: Vec<(u64, u64)>,
    },
    /// Offsets that may have been given out and lost are not given out again.
    Skip {
        to: u64,
        reason: u8,
    },
    /// A receiver has taken some more of a remote log.
    Taken {
        remote: [u8; 16],
        from: u64,
        to: u64,
    },
    Put {
        key: &'a [u8],
        value: Option<&'a [u8]>,
    },
    Index {
        log: u32,
        places: Vec<(u64, u32)>,
    },
    /// Nothing of a segment is needed: it was copied, or nobody wants it.
    Emptied {
        segment: u32,
    },
}

impl<'a> Entry<'a> {
    /// Appends the entry as a record without a checksum.
    pub(crate) fn encode(&self, log: u32, out: &mut Vec<u8>) {
        let start = begin(out, self.kind(), log);
        self.encode_body(out);
        finish(out, start);
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Commit { .. } => kind::COMMIT,
            Self::Checkpoint { .. } => kind::CHECKPOINT,
            Self::Segment { .. } => kind::SEGMENT,
            Self::Extent { .. } => kind::EXTENT,
            Self::Moved { .. } => kind::MOVED,
            Self::Log(_) => kind::LOG,
            Self::LogDropped => kind::LOG_DROPPED,
            Self::Epoch { .. } => kind::EPOCH,
            Self::Trim { .. } => kind::TRIM,
            Self::Gap { .. } => kind::GAP,
            Self::Consumer { .. } => kind::CONSUMER,
            Self::ConsumerDropped { .. } => kind::CONSUMER_DROPPED,
            Self::Seek { .. } => kind::SEEK,
            Self::Ack { .. } => kind::ACK,
            Self::Attempt { .. } => kind::ATTEMPT,
            Self::Filter { .. } => kind::FILTER,
            Self::Session { .. } => kind::SESSION,
            Self::Cursor { .. } => kind::CURSOR,
            Self::Skip { .. } => kind::SKIP,
            Self::Taken { .. } => kind::TAKEN,
            Self::Put { .. } => kind::PUT,
            Self::Index { .. } => kind::INDEX,
            Self::Emptied { .. } => kind::EMPTIED,
        }
    }

    // tidy: long: one arm for each kind, in the order of the fields on disk
    fn encode_body(&self, out: &mut Vec<u8>) {
        let u32s = |out: &mut Vec<u8>, values: &[u32]| {
            values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        };
        let u64s = |out: &mut Vec<u8>, values: &[u64]| {
            values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        };
        match self {
            Self::Commit { start, records, durable, chain } => {
                u32s(out, &[*start, *records]);
                u64s(out, &[*durable]);
                u32s(out, &[*chain, 0]);
            }
            Self::Checkpoint { next_log, time_ms } => {
                u32s(out, &[*next_log, 0]);
                u64s(out, &[*time_ms]);
            }
            Self::Segment { number, end, nonce } => {
                u32s(out, &[*number, *end]);
                u64s(out, &[*nonce]);
            }
            Self::Extent { segment, first, last, bytes, last_ms } => {
                u32s(out, &[*segment, 0]);
                u64s(out, &[*first, *last, *bytes, *last_ms]);
            }
            Self::Moved { offset, segment, position, bytes } => {
                u64s(out, &[*offset]);
                u32s(out, &[*segment, *position, *bytes]);
            }
            Self::Log(log) => {
                out.extend_from_slice(&log.id);
                out.extend_from_slice(&[log.role, log.on_full, log.retention, 0]);
                u64s(out, &[log.bytes_max, log.messages_max, log.age_max_ms, log.first, log.next]);
                put_block(out, log.name);
            }
            Self::LogDropped => {}
            Self::Emptied { segment } => u32s(out, &[*segment]),
            Self::Epoch { epoch, first } => u64s(out, &[*epoch, *first]),
            Self::Trim { from, to, reason } | Self::Gap { from, to, reason } => {
                u64s(out, &[*from, *to]);
                out.push(*reason);
            }
            Self::Consumer { consumer, below, name } => {
                u32s(out, &[*consumer]);
                u64s(out, &[*below]);
                put_block(out, name);
            }
            Self::ConsumerDropped { consumer } => u32s(out, &[*consumer]),
            Self::Seek { consumer, below } => {
                u32s(out, &[*consumer]);
                u64s(out, &[*below]);
            }
            Self::Ack { consumer, from, to } => {
                u32s(out, &[*consumer]);
                u64s(out, &[*from, *to]);
            }
            Self::Attempt { consumer, offset, attempt } => {
                u32s(out, &[*consumer, *attempt]);
                u64s(out, &[*offset]);
            }
            Self::Filter { consumer, change, bytes } => {
                u32s(out, &[*consumer]);
                out.push(*change as u8);
                put_block(out, bytes);
            }
            Self::Session { consumer, instance, last_seen_ms, principal } => {
                u32s(out, &[*consumer]);
                u64s(out, &[*instance, *last_seen_ms]);
                put_block(out, principal);
            }
            Self::Cursor { remote, epoch, next, ranges } => {
                out.extend_from_slice(remote);
                u64s(out, &[*epoch, *next]);
                ranges.iter().for_each(|(from, to)| u64s(out, &[*from, *to]));
            }
            Self::Skip { to, reason } => {
                u64s(out, &[*to]);
                out.push(*reason);
            }
            Self::Taken { remote, from, to } => {
                out.extend_from_slice(remote);
                u64s(out, &[*from, *to]);
            }
            Self::Put { key, value } => {
                out.push(u8::from(value.is_some()));
                put_block(out, key);
                put_block(out, value.unwrap_or(&[]));
            }
            Self::Index { log, places } => {
                u32s(out, &[*log]);
                for (offset, position) in places {
                    u64s(out, &[*offset]);
                    u32s(out, &[*position]);
                }
            }
        }
    }

    /// Reads the body of a record of `kind`. `None` when it is no entry of this format.
    // tidy: long: one arm for each kind, in the order of the fields on disk
    pub(crate) fn decode(kind: u8, body: &'a [u8]) -> Option<Self> {
        let mut f = Fields(body);
        Some(match kind {
            kind::COMMIT => Self::Commit {
                start: f.u32()?,
                records: f.u32()?,
                durable: f.u64()?,
                chain: f.u32()?,
            },
            kind::CHECKPOINT => {
                let (next_log, _) = (f.u32()?, f.u32()?);
                Self::Checkpoint { next_log, time_ms: f.u64()? }
            }
            kind::SEGMENT => Self::Segment { number: f.u32()?, end: f.u32()?, nonce: f.u64()? },
            kind::EXTENT => {
                let (segment, _) = (f.u32()?, f.u32()?);
                let (first, last) = (f.u64()?, f.u64()?);
                Self::Extent { segment, first, last, bytes: f.u64()?, last_ms: f.u64()? }
            }
            kind::MOVED => Self::Moved {
                offset: f.u64()?,
                segment: f.u32()?,
                position: f.u32()?,
                bytes: f.u32()?,
            },
            kind::LOG => Self::Log(decode_log(f)?),
            kind::LOG_DROPPED => Self::LogDropped,
            kind::EPOCH => Self::Epoch { epoch: f.u64()?, first: f.u64()? },
            kind::TRIM => Self::Trim { from: f.u64()?, to: f.u64()?, reason: f.u8()? },
            kind::GAP => Self::Gap { from: f.u64()?, to: f.u64()?, reason: f.u8()? },
            kind::CONSUMER => {
                Self::Consumer { consumer: f.u32()?, below: f.u64()?, name: f.block()? }
            }
            kind::CONSUMER_DROPPED => Self::ConsumerDropped { consumer: f.u32()? },
            kind::SEEK => Self::Seek { consumer: f.u32()?, below: f.u64()? },
            kind::ACK => Self::Ack { consumer: f.u32()?, from: f.u64()?, to: f.u64()? },
            kind::ATTEMPT => {
                Self::Attempt { consumer: f.u32()?, attempt: f.u32()?, offset: f.u64()? }
            }
            kind::FILTER => {
                let consumer = f.u32()?;
                let change = match f.u8()? {
                    0 => FilterChange::Add,
                    1 => FilterChange::Remove,
                    2 => FilterChange::Clear,
                    _ => return None,
                };
                Self::Filter { consumer, change, bytes: f.block()? }
            }
            kind::SESSION => Self::Session {
                consumer: f.u32()?,
                instance: f.u64()?,
                last_seen_ms: f.u64()?,
                principal: f.block()?,
            },
            kind::CURSOR => decode_cursor(f)?,
            kind::SKIP => Self::Skip { to: f.u64()?, reason: f.u8()? },
            kind::TAKEN => Self::Taken { remote: f.array()?, from: f.u64()?, to: f.u64()? },
            kind::PUT => {
                let present = f.u8()? != 0;
                let (key, value) = (f.block()?, f.block()?);
                Self::Put { key, value: present.then_some(value) }
            }
            kind::INDEX => {
                let log = f.u32()?;
                let mut places = Vec::with_capacity(f.0.len() / 12);
                while !f.0.is_empty() {
                    places.push((f.u64()?, f.u32()?));
                }
                Self::Index { log, places }
            }
            kind::EMPTIED => Self::Emptied { segment: f.u32()? },
            _ => return None,
        })
    }
}

fn decode_log(mut f: Fields<'_>) -> Option<LogEntry<'_>> {
    let id = f.array()?;
    let [role, on_full, retention, _] = f.array()?;
    Some(LogEntry {
        id,
        role,
        on_full,
        retention,
        bytes_max: f.u64()?,
        messages_max: f.u64()?,
        age_max_ms: f.u64()?,
        first: f.u64()?,
        next: f.u64()?,
        name: f.block()?,
    })
}

fn decode_cursor<'a>(mut f: Fields<'a>) -> Option<Entry<'a>> {
    let (remote, epoch, next) = (f.array()?, f.u64()?, f.u64()?);
    let mut ranges = Vec::with_capacity(f.0.len() / 16);
    while !f.0.is_empty() {
        ranges.push((f.u64()?, f.u64()?));
    }
    Some(Entry::Cursor { remote, epoch, next, ranges })
}

/// The head of a message's body; attributes and parts follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageHead {
    pub(crate) offset: u64,
    pub(crate) time_ms: u64,
    pub(crate) attributes_bytes: u32,
    pub(crate) parts: u32,
}

/// Bytes of a message's head.
pub(crate) const MESSAGE_HEAD_BYTES: usize = 24;

impl MessageHead {
    /// Reads the head of a message's body.
    pub(crate) fn decode(body: &[u8]) -> Option<Self> {
        let mut f = Fields(body);
        Some(Self {
            offset: f.u64()?,
            time_ms: f.u64()?,
            attributes_bytes: f.u32()?,
            parts: f.u32()?,
        })
    }

    /// Where the attributes and each part lie in a message's body. `None` when they do not fill it
    /// exactly.
    pub(crate) fn layout(&self, body: &[u8]) -> Option<(usize, Vec<usize>)> {
        let count = self.parts as usize;
        let mut f = Fields(body.get(MESSAGE_HEAD_BYTES..)?);
        if count > f.0.len() / 4 {
            return None;
        }
        let mut ends = Vec::with_capacity(count);
        let attributes = MESSAGE_HEAD_BYTES + 4 * count;
        let mut end = attributes.checked_add(self.attributes_bytes as usize)?;
        for _ in 0..count {
            end = end.checked_add(f.u32()? as usize)?;
            ends.push(end);
        }
        (end == body.len()).then_some((attributes, ends))
    }
}

/// Appends a message as a record; offset and time are [patched](patch_message) at the commit.
pub(crate) fn encode_message(out: &mut Vec<u8>, log: u32, parts: &[&[u8]], attributes: &[u8]) {
    let start = begin(out, kind::MESSAGE, log);
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&length(attributes));
    out.extend_from_slice(&u32::try_from(parts.len()).unwrap_or(u32::MAX).to_le_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(&length(part)));
    out.extend_from_slice(attributes);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    finish(out, start);
}

/// Writes offset and time into a message's record.
pub(crate) fn patch_message(record: &mut [u8], offset: u64, time_ms: u64) {
    put(record, crate::format::FRAME_BYTES, &offset.to_le_bytes());
    put(record, crate::format::FRAME_BYTES + 8, &time_ms.to_le_bytes());
}
