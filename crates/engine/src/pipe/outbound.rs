//! The outbound queue of one network pipe: messages encoded at send time into one contiguous
//! buffer, with the stream position at which each ends.
//!
//! The queue belongs to the pipe, not to the connection: it is filled before the handshake and
//! outlives a reconnect. Frames are kept in plain ZMTP 3 form; what a peer of ZMTP 1.0 needs, or a
//! connection with a codec, is made when writing. Only whole messages are ever written, so a
//! message begun but not finished can be taken back. After a reconnect writing starts again at the
//! first message that was not wholly written. The socket's lock protects it.
//!
//! Positions count bytes ever appended to `buf` and never wrap in practice (2^64).

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use oxmq_message::{Kind, Msg};
use oxmq_zmtp::{FRAME_HEADER_MAX, Framing};

use super::codec::Encode;
use crate::budget;
use crate::limits::{BY_REFERENCE_BYTES, FLUSH_BYTES};
use crate::transport::Stream;

/// Most slices handed to one `writev`.
const SLICES_PER_WRITE: usize = 64;

/// How bytes go onto the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// ZMTP frames of the negotiated version.
    Zmtp(Framing),
    /// Payload only: STREAM sockets.
    Raw,
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Everything that was asked for is with the kernel.
    Drained,
    /// The kernel takes no more for now.
    Blocked,
}

/// Where an entry ends, and whether it is a message or a command.
#[derive(Clone, Copy, Debug)]
struct End {
    position: u64,
    command: bool,
}

/// A payload written from where it lies.
struct Reference {
    /// It follows the byte before this position.
    position: u64,
    payload: Msg,
}

/// See the file's first paragraph.
#[derive(Default)]
pub(crate) struct OutQueue {
    /// Encoded bytes from position `base` on.
    buf: Vec<u8>,
    /// Position of `buf[0]`.
    base: u64,
    /// Start of the first entry not wholly written; what lies before it waits to be discarded.
    released: u64,
    /// Position of the next byte of `buf` to write; `base <= cursor <= committed`.
    cursor: u64,
    /// End of the last whole entry; bytes behind it belong to an unfinished message.
    committed: u64,
    /// Ends of the entries from `base` on, in order.
    ends: VecDeque<End>,
    /// Payloads by reference from `base` on, in order.
    references: VecDeque<Reference>,
    /// How many of `references` are wholly written, and how far the next one is.
    references_written: usize,
    reference_offset: usize,
    /// Messages (not commands) among `ends`.
    messages: usize,
    /// Payload bytes by reference not yet written.
    reference_bytes: usize,
    /// Commands that wait for an unfinished message to end.
    held_commands: Vec<Vec<u8>>,
    /// A message has parts but not its last one.
    unfinished: bool,
    /// Frames made from `buf` up to `cursor`, for a peer of ZMTP 1.0 or one whose connection has a
    /// codec; how much of them is written, and where in them each of the first of `ends` has its
    /// last byte.
    reframed: Vec<u8>,
    reframed_written: usize,
    reframed_ends: VecDeque<usize>,
}

impl OutQueue {
    /// Whole messages not yet wholly given to the kernel. Exact: this is what SNDHWM bounds.
    #[inline]
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// Bytes waiting, payloads by reference included.
    #[inline]
    pub(crate) fn backlog_bytes(&self) -> usize {
        (self.committed - self.cursor) as usize
            + self.reference_bytes
            + (self.reframed.len() - self.reframed_written)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.reframed.len() == self.reframed_written
    }

    /// The wire is at the end of a frame, on a connection with a codec.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.reframed_written == 0 || self.reframed_written == self.reframed.len()
    }

    /// A message has been begun and not ended.
    #[inline]
    pub(crate) fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    /// Appends one part, of which an empty one is left. The message becomes writable when its last
    /// part is in.
    #[inline]
    pub(crate) fn push(&mut self, part: &mut Msg, more: bool, raw: bool) {
        let len = part.len();
        if !raw {
            let mut header = [0u8; FRAME_HEADER_MAX];
            match Framing::V3.encode(more, false, len as u64, &mut header) {
                // Of fixed length, so that it is a store and not a call.
                2 => self.buf.extend_from_slice(&header[..2]),
                n => self.buf.extend_from_slice(&header[..n]),
            }
        }
        // Who lends a buffer learns from its return that it was sent.
        let is_lent = part.kind() == Kind::Owner && len > 0;
        if len < BY_REFERENCE_BYTES && !is_lent {
            self.buf.extend_from_slice(part);
            budget::copied(len);
            part.reset();
        } else {
            self.reference_bytes += len;
            self.references.push_back(Reference { position: self.end(), payload: part.take() });
        }
        self.unfinished = more;
        if !more {
            self.commit(false);
            self.messages += 1;
            if !self.held_commands.is_empty() {
                self.release_commands();
            }
        }
    }

    /// Appends a whole message of one short part, which is nearly all of a stream, and leaves an
    /// empty part; false, and nothing done, if it is something else.
    #[inline]
    pub(crate) fn push_short(&mut self, part: &mut Msg) -> bool {
        let plain = !self.unfinished && self.held_commands.is_empty();
        let (true, Ok(length)) = (plain && part.kind() != Kind::Owner, u8::try_from(part.len()))
        else {
            return false;
        };
        // RFC 37 §Framing: message-last = %x00 short-size message-body.
        self.buf.extend_from_slice(&[0, length]);
        self.buf.extend_from_slice(part);
        budget::copied(part.len());
        part.reset();
        self.commit(false);
        self.messages += 1;
        true
    }

    /// Appends an already encoded single-frame message that other pipes get too.
    #[inline]
    pub(crate) fn push_encoded(&mut self, frames: &[u8]) {
        self.buf.extend_from_slice(frames);
        budget::copied(frames.len());
        self.commit(false);
        self.messages += 1;
    }

    /// Appends an encoded command (or a subscription in message form): it does not count as a
    /// message and does not outlive the connection. It never splits a message.
    pub(crate) fn push_command(&mut self, frame: Vec<u8>) {
        if self.unfinished {
            self.held_commands.push(frame);
        } else {
            self.buf.extend_from_slice(&frame);
            self.commit(true);
        }
    }

    fn release_commands(&mut self) {
        for frame in std::mem::take(&mut self.held_commands) {
            self.buf.extend_from_slice(&frame);
            self.commit(true);
        }
    }

    #[inline]
    fn end(&self) -> u64 {
        self.base + self.buf.len() as u64
    }

    #[inline]
    fn commit(&mut self, command: bool) {
        // RFC 37 §Socket Semantics: on sending, the peer SHALL queue all frames of a message in
        // memory until the final frame is sent.
        self.committed = self.end();
        self.ends.push_back(End { position: self.committed, command });
    }

    /// Takes back the parts of a message that was not finished.
    pub(crate) fn rollback(&mut self) {
        if !self.unfinished {
            return;
        }
        self.buf.truncate((self.committed - self.base) as usize);
        // The header in front of a reference of the unfinished message lies behind `committed`,
        // and so does the reference itself.
        while self.references.back().is_some_and(|last| last.position > self.committed) {
            if let Some(last) = self.references.pop_back() {
                self.reference_bytes -= last.payload.len();
            }
        }
        self.unfinished = false;
        self.release_commands();
    }

    /// A payload by reference is to be written next, or soon; those of an unfinished message do
    /// not count.
    fn reference_due(&self) -> bool {
        self.references
            .get(self.references_written)
            .is_some_and(|reference| reference.position <= self.committed)
    }

    /// Commands that wait for an unfinished message to end.
    pub(crate) fn held_commands(&self) -> usize {
        self.held_commands.len()
    }

    /// Writes what is committed, in whole multiples of `quantum` bytes when it is a stream
    /// (0: everything).
    pub(crate) fn write(
        &mut self,
        stream: &Stream,
        wire: Wire,
        quantum: usize,
    ) -> io::Result<Written> {
        if wire == Wire::Zmtp(Framing::V1) {
            return self.write_reframed(stream, None);
        }
        let written = self.write_frames(stream, quantum);
        if written.is_err() {
            // What went before the error must not be sent again on the next connection.
            self.release_written();
        }
        written
    }

    /// As `write`, for a connection with a codec.
    pub(crate) fn write_coded(
        &mut self,
        stream: &Stream,
        encoder: &mut (dyn Encode + 'static),
    ) -> io::Result<Written> {
        self.write_reframed(stream, Some(encoder))
    }

    fn write_frames(&mut self, stream: &Stream, quantum: usize) -> io::Result<Written> {
        loop {
            let wanted = if self.reference_due() {
                self.write_vectored(stream)?
            } else {
                let pending = (self.committed - self.cursor) as usize;
                let keep = if quantum > 0 && pending > quantum { pending % quantum } else { 0 };
                if pending == keep {
                    return Ok(Written::Drained);
                }
                let from = (self.cursor - self.base) as usize;
                match stream.write(&self.buf[from..from + pending - keep]) {
                    Ok(n) => {
                        self.cursor += n as u64;
                        Some(n == pending - keep)
                    }
                    Err(error) => retryable(error)?,
                }
            };
            match wanted {
                Some(true) if !self.reference_due() => {
                    self.release_written();
                    if self.cursor == self.committed || quantum > 0 {
                        return Ok(Written::Drained);
                    }
                }
                Some(_) => {}
                None => {
                    self.release_written();
                    return Ok(Written::Blocked);
                }
            }
        }
    }

    /// One `writev` over buffer ranges and references in stream order. `Some(true)` when all it
    /// offered was taken, `None` when the kernel would block.
    fn write_vectored(&mut self, stream: &Stream) -> io::Result<Option<bool>> {
        let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(SLICES_PER_WRITE);
        let mut offered = 0;
        let mut at = self.cursor;
        let mut offset = self.reference_offset;
        for reference in self.references.iter().skip(self.references_written) {
            if reference.position > self.committed || slices.len() + 3 > SLICES_PER_WRITE {
                break;
            }
            if reference.position > at {
                let bytes = self.range(at, reference.position);
                offered += bytes.len();
                slices.push(IoSlice::new(bytes));
                at = reference.position;
            }
            let payload = &reference.payload[offset..];
            offset = 0;
            offered += payload.len();
            slices.push(IoSlice::new(payload));
            if offered >= 4 * FLUSH_BYTES {
                break;
            }
        }
        let next = self
            .references
            .iter()
            .skip(self.references_written)
            .find(|r| r.position > at)
            .map_or(self.committed, |r| r.position.min(self.committed));
        if offered < 4 * FLUSH_BYTES && next > at && slices.len() < SLICES_PER_WRITE {
            let bytes = self.range(at, next);
            offered += bytes.len();
            slices.push(IoSlice::new(bytes));
        }
        if offered == 0 {
            return Ok(Some(true));
        }
        let written = match stream.write_vectored(&slices) {
            Ok(n) => n,
            Err(error) => return retryable(error),
        };
        drop(slices);
        self.advance(written);
        Ok(Some(written == offered))
    }

    fn range(&self, from: u64, to: u64) -> &[u8] {
        &self.buf[(from - self.base) as usize..(to - self.base) as usize]
    }

    /// Moves the write position over `n` bytes of the stream.
    fn advance(&mut self, mut n: usize) {
        while n > 0 {
            let next = self.references.get(self.references_written);
            let stop = next.map_or(u64::MAX, |r| r.position);
            let plain = (stop - self.cursor).min(n as u64);
            self.cursor += plain;
            n -= plain as usize;
            if n == 0 {
                break;
            }
            let Some(reference) = next else { break };
            let rest = reference.payload.len() - self.reference_offset;
            let step = rest.min(n);
            n -= step;
            self.reference_bytes -= step;
            if step == rest {
                self.references_written += 1;
                self.reference_offset = 0;
            } else {
                self.reference_offset += step;
            }
        }
    }

    /// Forgets every entry that is wholly written.
    fn release_written(&mut self) {
        if self.cursor == self.committed && self.references.len() == self.references_written {
            // The common end of a write: all that was committed is gone.
            self.ends.clear();
            self.messages = 0;
            self.references.clear();
            self.references_written = 0;
            let rest = (self.end() - self.committed) as usize;
            if rest == 0 {
                self.buf.clear();
            } else {
                let done = self.buf.len() - rest;
                self.buf.drain(..done);
            }
            self.base = self.committed;
            self.released = self.committed;
            return;
        }
        let first_unwritten =
            self.references.get(self.references_written).map_or(u64::MAX, |r| r.position);
        let is_written = |end: &End| end.position <= self.cursor && end.position < first_unwritten;
        let written = self.ends.partition_point(is_written);
        let Some(last) = written.checked_sub(1) else { return self.forget_before(self.released) };
        let done = self.ends[last].position;
        self.messages -= self.ends.drain(..written).filter(|end| !end.command).count();
        self.forget_before(done);
    }

    /// The same for frames made anew: an entry is written when all its new frames are.
    fn release_reframed(&mut self) {
        let mut done = self.released;
        while self.reframed_ends.front().is_some_and(|end| *end <= self.reframed_written) {
            self.reframed_ends.pop_front();
            if let Some(end) = self.ends.pop_front() {
                done = end.position;
                self.messages -= usize::from(!end.command);
            }
        }
        self.forget_before(done);
    }

    fn forget_before(&mut self, done: u64) {
        while self.references_written > 0
            && self.references.front().is_some_and(|r| r.position <= done)
        {
            self.references.pop_front();
            self.references_written -= 1;
        }
        self.discard_before(done);
    }

    /// Moves the buffer's start up to `position` once enough has gathered to be worth the copy.
    fn discard_before(&mut self, position: u64) {
        self.released = position.max(self.released);
        let gone = (position - self.base) as usize;
        if gone == 0 || (gone < FLUSH_BYTES && gone * 2 < self.buf.len()) {
            return;
        }
        self.buf.drain(..gone);
        self.base = position;
    }

    /// Drops every whole message of which nothing is written yet, for a newer one to take its
    /// place; returns how many. The queue must not hold an unfinished message.
    pub(crate) fn drop_unwritten(&mut self) -> usize {
        let begun =
            self.cursor > self.released || self.reference_offset > 0 || self.references_written > 0;
        // For a peer of ZMTP 1.0, several may have got their new frames already.
        let in_use = self.ends.iter().find(|end| end.position >= self.cursor);
        let keep = in_use.filter(|_| begun).map_or(self.released, |end| end.position);
        let mut dropped = 0;
        while self.ends.back().is_some_and(|end| end.position > keep) {
            if let Some(end) = self.ends.pop_back() {
                dropped += usize::from(!end.command);
            }
        }
        self.messages -= dropped;
        while self.references.back().is_some_and(|r| r.position > keep) {
            if let Some(last) = self.references.pop_back() {
                self.reference_bytes -= last.payload.len();
            }
        }
        self.buf.truncate((keep - self.base) as usize);
        self.committed = keep;
        dropped
    }

    /// Prepares for a new connection: writing starts again at the first message not wholly
    /// written, and the commands of the old connection are dropped. An unfinished message stays.
    // RFC 37 §Socket Semantics: a message SHALL NOT be delivered more than once to any peer; all
    // messages between two immediate peers SHALL be delivered in order.
    pub(crate) fn restart(&mut self) {
        self.clear_reframed();
        self.held_commands.clear();
        let start = self.released.max(self.base);
        let gone = (start - self.base) as usize;
        self.buf.drain(..gone);
        self.base = start;
        self.cursor = start;
        self.references_written = 0;
        self.reference_offset = 0;
        self.reference_bytes = self.references.iter().map(|r| r.payload.len()).sum();
        if self.ends.iter().any(|e| e.command) {
            self.drop_commands();
        }
    }

    /// Rebuilds the buffer without its commands.
    fn drop_commands(&mut self) {
        let old = std::mem::take(&mut self.buf);
        let (base, ends) = (self.base, std::mem::take(&mut self.ends));
        let mut references = std::mem::take(&mut self.references);
        let (mut from, mut removed) = (base, 0u64);
        for end in ends {
            let bytes = &old[(from - base) as usize..(end.position - base) as usize];
            from = end.position;
            if end.command {
                removed += bytes.len() as u64;
                continue;
            }
            self.buf.extend_from_slice(bytes);
            while references.front().is_some_and(|r| r.position <= end.position) {
                if let Some(mut reference) = references.pop_front() {
                    reference.position -= removed;
                    self.references.push_back(reference);
                }
            }
            self.ends.push_back(End { position: end.position - removed, command: false });
        }
        self.buf.extend_from_slice(&old[(from - base) as usize..]);
        for mut reference in references {
            reference.position -= removed;
            self.references.push_back(reference);
        }
        self.committed -= removed;
    }

    /// Writes frames made anew, whole messages at a time: those of ZMTP 1.0, or what the encoder
    /// makes. Only what is about to be written is encoded.
    fn write_reframed(
        &mut self,
        stream: &Stream,
        mut encoder: Option<&mut (dyn Encode + 'static)>,
    ) -> io::Result<Written> {
        loop {
            if self.reframed_written == self.reframed.len() {
                self.clear_reframed();
                if !self.reframe(encoder.as_deref_mut())? {
                    return Ok(Written::Drained);
                }
            }
            match stream.write(&self.reframed[self.reframed_written..]) {
                Ok(n) => {
                    self.reframed_written += n;
                    self.release_reframed();
                }
                Err(error) => {
                    if retryable(error)?.is_none() {
                        return Ok(Written::Blocked);
                    }
                }
            }
        }
    }

    /// Makes new frames of the next committed entries; false when there are none.
    fn reframe(&mut self, mut encoder: Option<&mut (dyn Encode + 'static)>) -> io::Result<bool> {
        while self.cursor < self.committed && self.reframed.len() < FLUSH_BYTES {
            let Ok(Some(header)) = Framing::V3.decode(self.range(self.cursor, self.end())) else {
                break;
            };
            self.cursor += header.header_len as u64;
            let reference = self
                .references
                .get(self.references_written)
                .filter(|reference| reference.position == self.cursor);
            let (body, copied) = match reference {
                Some(reference) => (&reference.payload[..], 0),
                None => {
                    let from = (self.cursor - self.base) as usize;
                    (&self.buf[from..from + header.body_len as usize], header.body_len)
                }
            };
            match &mut encoder {
                Some(encoder) => {
                    encoder.encode(header.more, header.command, body, &mut self.reframed)?;
                }
                None => {
                    let mut out = [0u8; FRAME_HEADER_MAX];
                    let n = Framing::V1.encode(header.more, false, header.body_len, &mut out);
                    self.reframed.extend_from_slice(&out[..n]);
                    self.reframed.extend_from_slice(body);
                }
            }
            if copied < header.body_len {
                self.reference_bytes -= body.len();
                self.references_written += 1;
            }
            self.cursor += copied;
            if !header.more {
                self.reframed_ends.push_back(self.reframed.len());
            }
        }
        Ok(!self.reframed.is_empty())
    }

    fn clear_reframed(&mut self) {
        self.reframed.clear();
        if self.reframed.capacity() > 4 * FLUSH_BYTES {
            self.reframed = Vec::new();
        }
        self.reframed_written = 0;
        self.reframed_ends.clear();
    }

    /// Drops everything that is queued; returns how many whole messages that were.
    pub(crate) fn clear(&mut self) -> usize {
        let dropped = self.messages;
        *self = OutQueue { base: self.end(), ..OutQueue::default() };
        self.cursor = self.base;
        self.committed = self.base;
        self.released = self.base;
        dropped
    }

    /// Gives the buffer's memory back if nothing is queued.
    pub(crate) fn release_memory(&mut self) {
        if self.buf.is_empty() && self.buf.capacity() > 0 {
            self.buf = Vec::new();
            self.ends = VecDeque::new();
            self.references = VecDeque::new();
            if self.reframed_written == self.reframed.len() {
                self.clear_reframed();
                self.reframed = Vec::new();
                self.reframed_ends = VecDeque::new();
            }
        }
    }
}

/// `None`: would block. Interruptions count as progress of nothing; the rest is the error.
fn retryable(error: io::Error) -> io::Result<Option<bool>> {
    match error.kind() {
        io::ErrorKind::WouldBlock => Ok(None),
        io::ErrorKind::Interrupted => Ok(Some(false)),
        _ => Err(error),
    }
}

#[cfg(test)]
pub(super) mod tests;
