//! The inbound queue of one network pipe: read buffers whose frame headers were scanned as the
//! bytes came, and the place up to which the socket has taken messages out of them.
//!
//! Whoever reads the connection, an I/O thread or the calling thread, scans every header at once:
//! commands take effect and whole messages are counted before anyone asks for them. Taking a
//! message slices the payload out of the buffer it was read into. A message whose last frame has
//! not arrived is invisible, and is dropped if the connection ends first. The socket's lock
//! protects the queue.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use oxmq_message::{Body, GROUP_MAX, Kind, MetaHandle, Msg, Slab};
use oxmq_zmtp::{DurableCommand, FrameHeader, Framing, ProtocolError};

use super::codec::WireBuffer;
use super::outbound::Wire;
use crate::budget;
use crate::limits::{
    COMMAND_BYTES_MAX, LARGE_FRAME_BYTES, READ_SLAB_BYTES, READ_SLAB_BYTES_MIN,
    READ_SPARE_BYTES_MIN, READ_TURN_BYTES,
};
use crate::transport::Stream;

/// What a peer may make us hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Largest frame body in bytes.
    pub(crate) frame_bytes_max: u64,
    /// Parts and bytes of a message that is not complete.
    pub(crate) parts_max: u64,
    pub(crate) unfinished_bytes_max: u64,
    /// Bytes of one read.
    pub(crate) read_bytes_max: usize,
    /// Commands that are delivered among the messages, in the order they came.
    pub(crate) delivers: Delivers,
    /// What a message of the peer's may look like.
    pub(crate) shape: Shape,
}

/// Which commands a pattern wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivers {
    Nothing,
    /// SUBSCRIBE and CANCEL.
    Subscriptions,
    /// JOIN and LEAVE.
    Groups,
    /// What a durable sender says of the messages behind it.
    Durable,
}

impl Delivers {
    /// The body of a command frame is one of these.
    fn wants(self, body: &[u8]) -> bool {
        match self {
            Delivers::Nothing => false,
            Delivers::Subscriptions => {
                body.starts_with(b"\x09SUBSCRIBE") || body.starts_with(b"\x06CANCEL")
            }
            Delivers::Durable => DurableCommand::is_in_order(body),
            Delivers::Groups => body.starts_with(b"\x04JOIN") || body.starts_with(b"\x05LEAVE"),
        }
    }
}

/// The parts that a peer's messages have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Any number.
    Any,
    /// One.
    Single,
    /// A group and a body: RADIO's.
    GroupAndBody,
}

/// Why reading a connection ended.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The peer closed its side.
    Closed,
    /// The peer broke the protocol.
    Protocol(ProtocolError),
    /// The peer sent more than a limit allows: which, how much it was, and the bound.
    TooLarge { what: &'static str, size: u64, limit: u64 },
    /// Memory for the message could not be had.
    OutOfMemory,
    /// The system failed.
    Io(io::Error),
}

/// Octets of a short frame's header, in every framing but that of ZMTP 1.0.
const SHORT_HEADER_BYTES: usize = 2;

/// A command frame met while scanning; its body.
pub(crate) type CommandBody = Vec<u8>;

enum Segment {
    /// Whole frames in a buffer that is no longer read into.
    Frames { slab: Slab, rest: Range<usize>, framing: Framing },
    /// One large frame.
    Large(Msg),
}

/// A large frame whose body is still arriving.
struct Arriving {
    body: Body,
    more: bool,
    command: bool,
}

/// See the file's first paragraph.
pub(crate) struct InQueue {
    wire: Wire,
    limits: Limits,
    /// Frames scanned before the current buffer was begun, oldest first.
    backlog: VecDeque<Segment>,
    slab: Option<Slab>,
    /// Next frame to deliver in `slab`; `taken <= scanned`.
    taken: usize,
    /// End of the last whole frame in `slab`.
    scanned: usize,
    arriving: Option<Arriving>,
    /// Size of the next buffer: a connection with little traffic has a small one.
    slab_bytes: usize,
    /// Whole messages not yet taken.
    ready: usize,
    /// So many of them come next, from `taken` on, each of one short part and with nothing between
    /// them; more may follow.
    run: usize,
    /// Parts and bytes of the message whose last frame has not come.
    parts_open: u64,
    bytes_open: u64,
}

impl InQueue {
    pub(crate) fn new(wire: Wire, limits: Limits) -> InQueue {
        InQueue {
            wire,
            limits,
            backlog: VecDeque::new(),
            slab: None,
            taken: 0,
            scanned: 0,
            arriving: None,
            slab_bytes: READ_SLAB_BYTES_MIN,
            ready: 0,
            run: 0,
            parts_open: 0,
            bytes_open: 0,
        }
    }

    /// Whole messages that can be taken.
    #[inline]
    pub(crate) fn ready(&self) -> usize {
        self.ready
    }

    /// Puts bytes in that were read with the handshake.
    pub(crate) fn preload(
        &mut self,
        mut bytes: &[u8],
        meta: &mut MetaHandle,
        commands: &mut Vec<CommandBody>,
    ) -> Result<(), ReadError> {
        while !bytes.is_empty() {
            let spare = self.spare(meta)?;
            let n = spare.len().min(bytes.len());
            spare[..n].copy_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
            self.filled(n, meta, commands)?;
        }
        Ok(())
    }

    /// As `preload`, with bytes of a connection that has a codec.
    pub(crate) fn preload_coded(
        &mut self,
        mut bytes: &[u8],
        coded: &mut WireBuffer,
        meta: &mut MetaHandle,
        commands: &mut Vec<CommandBody>,
    ) -> Result<(), ReadError> {
        while !bytes.is_empty() {
            let spare = coded.spare()?;
            let n = spare.len().min(bytes.len());
            spare[..n].copy_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
            self.received(coded, n, meta, commands)?;
        }
        Ok(())
    }

    /// Decodes what a connection with a codec has brought; only part of a frame is left behind.
    fn received(
        &mut self,
        coded: &mut WireBuffer,
        n: usize,
        meta: &mut MetaHandle,
        commands: &mut Vec<CommandBody>,
    ) -> Result<(), ReadError> {
        coded.advance(n);
        coded.decode(self.limits.frame_bytes_max, |plain| self.preload(plain, meta, commands))
    }

    /// Reads until the kernel has no more, `ready` messages reach `ready_max` (0: no limit), or
    /// the turn is over; with `to_end`, the peer is known to have ended its side. `coded` is the
    /// buffer of a connection with a codec. Returns the bytes read and whether the kernel may have
    /// more.
    pub(crate) fn read(
        &mut self,
        stream: &Stream,
        ready_max: usize,
        to_end: bool,
        mut coded: Option<&mut WireBuffer>,
        meta: &mut MetaHandle,
        commands: &mut Vec<CommandBody>,
    ) -> Result<(usize, bool), ReadError> {
        let mut total = 0;
        loop {
            if (ready_max > 0 && self.ready >= ready_max) || total >= READ_TURN_BYTES {
                return Ok((total, true));
            }
            let most = self.limits.read_bytes_max;
            let mut wanted = 0;
            let read = match (&mut coded, &mut self.arriving) {
                (None, Some(arriving)) if stream.is_plain() => {
                    let read = arriving.body.receive(most, |spare| {
                        wanted = spare.len();
                        stream.read_uninit(spare)
                    });
                    read.map_err(|_| ReadError::OutOfMemory)?
                }
                _ => {
                    let spare = match &mut coded {
                        Some(coded) => coded.spare()?,
                        None => self.spare(meta)?,
                    };
                    wanted = spare.len().min(most);
                    stream.read(&mut spare[..wanted])
                }
            };
            let in_place = coded.is_none() && self.arriving.is_some() && stream.is_plain();
            match read {
                Ok(0) => return Err(ReadError::Closed),
                Ok(n) => {
                    total += n;
                    if n == wanted {
                        self.slab_bytes = (self.slab_bytes * 4).min(READ_SLAB_BYTES);
                    }
                    match &mut coded {
                        Some(coded) => self.received(coded, n, meta, commands)?,
                        // Counted already.
                        None if in_place => self.filled(0, meta, commands)?,
                        None => self.filled(n, meta, commands)?,
                    }
                    // A short read has emptied the kernel's buffer: epoll(7), edge triggered. But
                    // no further event tells of an end that is there already.
                    if n < wanted && !to_end {
                        return Ok((total, false));
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok((total, false)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(ReadError::Io(e)),
            }
        }
    }

    /// Where the next bytes go.
    fn spare(&mut self, meta: &mut MetaHandle) -> Result<&mut [u8], ReadError> {
        if self.arriving.is_none() {
            self.make_room(meta)?;
        }
        let spare = match (&mut self.arriving, &mut self.slab) {
            (Some(arriving), _) => arriving.body.spare_mut().map_err(|_| ReadError::OutOfMemory)?,
            (None, Some(slab)) => slab.spare_mut(),
            (None, None) => return Err(ReadError::OutOfMemory),
        };
        let n = spare.len().min(self.limits.read_bytes_max);
        Ok(&mut spare[..n])
    }

    /// Sees to it that the current buffer has room: rewinds it, or begins a new one and carries
    /// the partial frame over.
    fn make_room(&mut self, meta: &mut MetaHandle) -> Result<(), ReadError> {
        let framing = self.framing();
        let Some(slab) = &mut self.slab else {
            let mut slab = Slab::try_new(self.slab_bytes).map_err(|_| ReadError::OutOfMemory)?;
            slab.set_meta(meta);
            self.slab = Some(slab);
            self.taken = 0;
            self.scanned = 0;
            return Ok(());
        };
        let partial = self.scanned..slab.len();
        let spare_min = READ_SPARE_BYTES_MIN.min(slab.capacity() / 4);
        let drained = self.taken == self.scanned;
        let rewound_spare = slab.capacity() - partial.len();
        if drained
            && (partial.is_empty() || slab.capacity() - slab.len() < spare_min)
            && !slab.is_empty()
            && rewound_spare >= slab.capacity() / 2
            && slab.capacity() >= self.slab_bytes
            && slab.try_rewind(partial.clone())
        {
            self.taken = 0;
            self.scanned = 0;
            return Ok(());
        }
        if slab.capacity() - slab.len() >= spare_min && slab.capacity() >= self.slab_bytes {
            return Ok(());
        }
        // A frame that does not fit is at most `LARGE_FRAME_BYTES` long: larger ones have memory
        // of their own.
        while self.slab_bytes < 2 * partial.len() {
            self.slab_bytes *= 2;
        }
        let mut fresh = Slab::try_new(self.slab_bytes).map_err(|_| ReadError::OutOfMemory)?;
        fresh.set_meta(meta);
        budget::copied(partial.len());
        if !slab.carry_to(partial, &mut fresh) {
            return Err(ReadError::OutOfMemory);
        }
        let old = std::mem::replace(slab, fresh);
        if !drained {
            let rest = self.taken..self.scanned;
            self.backlog.push_back(Segment::Frames { slab: old, rest, framing });
        }
        self.taken = 0;
        self.scanned = 0;
        self.run = 0;
        Ok(())
    }

    /// How the frames in the present buffer are delimited; raw bytes have none there.
    fn framing(&self) -> Framing {
        match self.wire {
            Wire::Zmtp(framing) => framing,
            Wire::Raw => Framing::V3,
        }
    }

    /// Takes note of `n` bytes that were put into the spare room.
    fn filled(
        &mut self,
        n: usize,
        meta: &mut MetaHandle,
        commands: &mut Vec<CommandBody>,
    ) -> Result<(), ReadError> {
        if let Some(arriving) = &mut self.arriving {
            arriving.body.advance(n);
            if arriving.body.is_complete() {
                self.finish_large(meta, commands)?;
            }
            return Ok(());
        }
        let Some(slab) = &mut self.slab else { return Ok(()) };
        slab.advance(n);
        match self.wire {
            Wire::Raw => self.scan_raw(n),
            Wire::Zmtp(framing) => self.scan(framing, commands),
        }
    }

    /// A raw read becomes one message, kept apart as its length has no header.
    fn scan_raw(&mut self, n: usize) -> Result<(), ReadError> {
        let Some(slab) = &mut self.slab else { return Ok(()) };
        let end = slab.len();
        self.backlog.push_back(Segment::Large(slab.slice(end - n..end)));
        self.taken = end;
        self.scanned = end;
        self.ready += 1;
        Ok(())
    }

    fn finish_large(
        &mut self,
        meta: &mut MetaHandle,
        commands: &mut Vec<CommandBody>,
    ) -> Result<(), ReadError> {
        if let Some(arriving) = self.arriving.take() {
            let Ok(mut msg) = arriving.body.finish() else { return Ok(()) };
            if arriving.command {
                if self.delivers(&msg)? {
                    msg.set_command(true);
                    self.backlog.push_back(Segment::Large(msg));
                    self.count_frame(false);
                } else {
                    commands.push(msg.to_vec());
                }
                return Ok(());
            }
            msg.set_more(arriving.more);
            meta.attach(&mut msg);
            let more = arriving.more;
            self.backlog.push_back(Segment::Large(msg));
            self.count_frame(more);
        }
        Ok(())
    }

    /// Whether a command goes among the messages. It has no place within one.
    // RFC 37 §Formal Grammar: traffic is messages and commands, and a message is frames only.
    // PINGs of other libraries come between its frames all the same.
    fn delivers(&self, command: &[u8]) -> Result<bool, ReadError> {
        if !self.limits.delivers.wants(command) {
            return Ok(false);
        }
        if self.parts_open > 0 {
            let error = ProtocolError::UnexpectedCommand { state: "message" };
            return Err(ReadError::Protocol(error));
        }
        Ok(true)
    }

    /// Scans the headers of whole messages of one short part, which nothing has to be checked
    /// about, up to the first frame that is something else: nearly all of a stream.
    #[inline]
    fn scan_short(&mut self, framing: Framing) {
        let plain = framing != Framing::V1
            && self.limits.shape != Shape::GroupAndBody
            && self.limits.frame_bytes_max >= u64::from(u8::MAX);
        if !plain || self.parts_open > 0 {
            return;
        }
        let Some(slab) = &self.slab else { return };
        let (messages, bytes) = short_messages(&slab.filled()[self.scanned..]);
        self.ready += messages;
        self.scanned += bytes;
    }

    /// Scans the headers of every frame that is complete.
    fn scan(&mut self, framing: Framing, commands: &mut Vec<CommandBody>) -> Result<(), ReadError> {
        loop {
            self.scan_short(framing);
            let Some(slab) = &self.slab else { return Ok(()) };
            let bytes = &slab.filled()[self.scanned..];
            let Some(header) = framing.decode(bytes).map_err(ReadError::Protocol)? else {
                return Ok(());
            };
            self.check_frame(&header)?;
            let whole = header.header_len as u64 + header.body_len;
            if whole > bytes.len() as u64 {
                if header.body_len >= LARGE_FRAME_BYTES as u64 {
                    return self.begin_large(&header);
                }
                return Ok(());
            }
            let whole = whole as usize;
            let body = &bytes[header.header_len..whole];
            if header.command && self.delivers(body)? {
                self.scanned += whole;
                self.count_frame(false);
            } else if header.command {
                commands.push(body.to_vec());
                self.scanned += whole;
                if self.taken + whole == self.scanned {
                    self.taken = self.scanned;
                }
            } else {
                if self.limits.shape == Shape::GroupAndBody && header.more && body.contains(&0) {
                    return Err(ReadError::Protocol(ProtocolError::GroupHasZero));
                }
                self.scanned += whole;
                if header.more || self.parts_open > 0 {
                    self.check_open(header.body_len)?;
                }
                self.count_frame(header.more);
            }
        }
    }

    fn check_frame(&self, header: &FrameHeader) -> Result<(), ReadError> {
        let (what, limit) = if header.command {
            ("command", COMMAND_BYTES_MAX)
        } else {
            ("message part", self.limits.frame_bytes_max)
        };
        if header.body_len > limit {
            return Err(ReadError::TooLarge { what, size: header.body_len, limit });
        }
        if header.command { Ok(()) } else { self.check_shape(header) }
    }

    /// Refuses a frame that the peer's socket type does not send.
    // RFC 37 §Thread-Safe Socket Types: MUST discard any multipart messages received from the wire.
    // RFC 49 §The GATHER Socket Type, RFC 51 §The PEER Socket Type: MAY disconnect a peer that is
    // sending multipart messages.
    fn check_shape(&self, header: &FrameHeader) -> Result<(), ReadError> {
        let first = self.parts_open == 0;
        let error = match self.limits.shape {
            Shape::Any => return Ok(()),
            Shape::Single if header.more => ProtocolError::MultipartMessage,
            // RFC 37 §The Radio-Dish Pattern: group-part = %x01 short-size group.
            Shape::GroupAndBody if first && !header.more => ProtocolError::GroupFrameMissing,
            Shape::GroupAndBody if first && header.body_len > GROUP_MAX as u64 => {
                ProtocolError::GroupTooLong
            }
            Shape::GroupAndBody if !first && header.more => ProtocolError::MultipartMessage,
            Shape::Single | Shape::GroupAndBody => return Ok(()),
        };
        Err(ReadError::Protocol(error))
    }

    /// The rest of this frame goes straight into memory of its own.
    fn begin_large(&mut self, header: &FrameHeader) -> Result<(), ReadError> {
        let framing = self.framing();
        if !header.command && (header.more || self.parts_open > 0) {
            self.check_open(header.body_len)?;
        }
        let Some(slab) = self.slab.take() else { return Ok(()) };
        let start = self.scanned + header.header_len;
        budget::copied(slab.len() - start);
        let body = Body::try_new(header.body_len, &slab.filled()[start..])
            .map_err(|_| ReadError::OutOfMemory)?;
        self.arriving = Some(Arriving { body, more: header.more, command: header.command });
        if self.taken < self.scanned {
            self.backlog.push_back(Segment::Frames {
                slab,
                rest: self.taken..self.scanned,
                framing,
            });
        } else {
            self.slab = Some(slab);
            if let Some(slab) = &mut self.slab {
                let end = slab.len();
                if !slab.try_rewind(end..end) {
                    self.slab = None;
                }
            }
        }
        self.taken = 0;
        self.scanned = 0;
        self.run = 0;
        Ok(())
    }

    /// Bounds a message whose last frame has not come.
    fn check_open(&mut self, body_len: u64) -> Result<(), ReadError> {
        self.parts_open += 1;
        self.bytes_open = self.bytes_open.saturating_add(body_len);
        let (parts, bytes) = (self.limits.parts_max, self.limits.unfinished_bytes_max);
        if self.parts_open > parts {
            let size = self.parts_open;
            return Err(ReadError::TooLarge { what: "number of parts", size, limit: parts });
        }
        if self.bytes_open > bytes {
            let size = self.bytes_open;
            return Err(ReadError::TooLarge { what: "unfinished message", size, limit: bytes });
        }
        Ok(())
    }

    #[inline]
    fn count_frame(&mut self, more: bool) {
        if !more {
            self.ready += 1;
            self.parts_open = 0;
            self.bytes_open = 0;
        }
    }

    /// Takes the next part of a whole message into `place`; false when no whole message is there.
    // RFC 37 §Messages: SHALL always deliver messages atomically, that is, all the frames of a
    // message, or none of them.
    #[inline]
    pub(crate) fn pop_into(&mut self, place: &mut Msg) -> bool {
        if self.run == 0 {
            return self.pop_any(place);
        }
        self.pop_of_run(place)
    }

    /// Takes the next message, which is of one short part.
    #[inline]
    fn pop_of_run(&mut self, place: &mut Msg) -> bool {
        let Some(slab) = &mut self.slab else { return false };
        let Some([_, length, ..]) = slab.filled().get(self.taken..) else { return false };
        let start = self.taken + SHORT_HEADER_BYTES;
        let end = start + usize::from(*length);
        slab.slice_into(start..end, place);
        self.taken = end;
        self.run -= 1;
        self.ready -= 1;
        if place.kind() == Kind::Inline {
            budget::copied(place.len());
        }
        true
    }

    /// Takes the next part, whatever it is, and counts how many short ones follow each other.
    #[inline(never)]
    fn pop_any(&mut self, place: &mut Msg) -> bool {
        if self.ready == 0 {
            return false;
        }
        let popped = match (&mut self.slab, self.wire) {
            (Some(slab), Wire::Zmtp(framing)) if self.backlog.is_empty() => {
                if framing != Framing::V1 {
                    self.run = short_messages(&slab.filled()[self.taken..self.scanned]).0;
                }
                if self.run > 0 {
                    return self.pop_of_run(place);
                }
                let delivers = self.limits.delivers;
                next_part(framing, slab, &mut self.taken, self.scanned, delivers, place)
            }
            _ => self.pop_backlog(place),
        };
        self.ready -= usize::from(popped && !place.more());
        popped
    }

    /// As `pop_into`, in a message of its own.
    pub(crate) fn pop(&mut self) -> Option<Msg> {
        let mut msg = Msg::new();
        self.pop_into(&mut msg).then_some(msg)
    }

    #[cold]
    #[inline(never)]
    fn pop_backlog(&mut self, place: &mut Msg) -> bool {
        let delivers = self.limits.delivers;
        loop {
            match self.backlog.front_mut() {
                None => {
                    let Wire::Zmtp(framing) = self.wire else { return false };
                    let Some(slab) = &mut self.slab else { return false };
                    let (taken, scanned) = (&mut self.taken, self.scanned);
                    return next_part(framing, slab, taken, scanned, delivers, place);
                }
                Some(Segment::Large(msg)) => {
                    *place = msg.take();
                    self.backlog.pop_front();
                    return true;
                }
                Some(Segment::Frames { slab, rest, framing }) => {
                    let end = rest.end;
                    if next_part(*framing, slab, &mut rest.start, end, delivers, place) {
                        return true;
                    }
                    self.backlog.pop_front();
                }
            }
        }
    }

    /// Drops all whole messages but the last: a conflating socket wants only that one.
    pub(crate) fn keep_last(&mut self) {
        while self.ready > 1 && self.pop().is_some() {}
    }

    /// A new connection brings frames in this form, behind messages of the old one.
    pub(crate) fn reconnected(&mut self, wire: Wire) {
        let framing = self.framing();
        if let Some(slab) = self.slab.take()
            && self.taken < self.scanned
        {
            self.backlog.push_back(Segment::Frames {
                slab,
                rest: self.taken..self.scanned,
                framing,
            });
        }
        self.taken = 0;
        self.scanned = 0;
        self.run = 0;
        self.wire = wire;
    }

    /// The connection is gone: the message whose last frame did not come is dropped, whole
    /// messages stay.
    pub(crate) fn end(&mut self) {
        self.arriving = None;
        if self.parts_open > 0 && self.ready > 0 {
            self.keep_whole();
        }
        self.parts_open = 0;
        self.bytes_open = 0;
        if self.ready == 0 {
            self.backlog.clear();
            self.slab = None;
        }
    }

    /// Moves the whole messages out of the buffers, in which parts of another one follow them.
    fn keep_whole(&mut self) {
        let ready = self.ready;
        let mut whole = VecDeque::new();
        while let Some(msg) = self.pop() {
            whole.push_back(Segment::Large(msg));
        }
        self.backlog = whole;
        self.ready = ready;
        self.slab = None;
        self.taken = 0;
        self.scanned = 0;
        self.run = 0;
    }

    /// Forgets everything; returns how many whole messages that were.
    pub(crate) fn clear(&mut self) -> usize {
        let dropped = self.ready;
        *self = InQueue::new(self.wire, self.limits);
        dropped
    }

    /// Gives the read buffer back if it holds nothing.
    pub(crate) fn release_memory(&mut self) {
        let empty = self.slab.as_ref().is_some_and(|slab| self.taken == slab.len());
        if empty && self.backlog.is_empty() {
            self.slab = None;
            self.backlog = VecDeque::new();
        }
    }
}

/// How many frames that each are the short last part of a message come first, and their bytes.
#[inline]
fn short_messages(bytes: &[u8]) -> (usize, usize) {
    let (mut rest, mut messages) = (bytes, 0);
    while let [0, length, ..] = *rest
        && let Some(after) = rest.get(SHORT_HEADER_BYTES + usize::from(length)..)
    {
        rest = after;
        messages += 1;
    }
    (messages, bytes.len() - rest.len())
}

/// Slices the next message part out of `slab[*at..end]` into `place`, passing over commands; false
/// if there is none.
#[inline]
fn next_part(
    framing: Framing,
    slab: &mut Slab,
    at: &mut usize,
    end: usize,
    delivers: Delivers,
    place: &mut Msg,
) -> bool {
    while *at < end {
        let Ok(Some(header)) = framing.decode(&slab.filled()[*at..end]) else { return false };
        let start = *at + header.header_len;
        *at = start + header.body_len as usize;
        let body = start..*at;
        if header.command && !delivers.wants(&slab.filled()[body.clone()]) {
            continue;
        }
        slab.slice_into(body, place);
        if place.kind() == Kind::Inline {
            budget::copied(place.len());
        }
        place.set_more(header.more);
        place.set_command(header.command);
        return true;
    }
    false
}

#[cfg(test)]
mod tests;
