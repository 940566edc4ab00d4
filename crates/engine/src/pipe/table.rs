//! The pipes of one socket, and how messages move through them.
//!
//! This is what the patterns work with: is there room, put a part in, is there a message, take a
//! part out. It decides when bytes are written (at once in turn-around traffic, in large writes
//! in a stream) and reads a connection when the pattern finds it empty. What needs the pattern
//! or the session (a lost connection) is noted in `lost`; the socket's state deals with it before
//! it gives the lock up. The socket's lock protects it all.

mod commands;
mod datagrams;
mod durable;
mod ticks;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use oxmq_message::{Kind, Msg};
use oxmq_zmtp::SocketType;

use super::inbound::{CommandBody, ReadError};
use super::outbound::Written;
use super::{Connection, Counters, Link, Phase, Pipe, PipeId};
use crate::clock::Clock;
use crate::durable::Notes;
use crate::limits::{FLUSH_BYTES, INLINE_SENDS, KEEP_SLAB_CONNECTIONS_MAX, STREAM_PAUSE};
use crate::options::SocketOptions;
use crate::socket::attendance::Attendance;
use crate::spill::Overflow;
use crate::stats::Drops;

/// Why a connection ended, for the monitor and the session.
#[derive(Debug)]
pub(crate) enum Loss {
    Read(ReadError),
    Write(std::io::Error),
    /// Nothing came from the peer for as long as the heartbeat allows.
    Silent,
    /// The peer is not acceptable, or passed a limit of ours: what it sent is dropped.
    Refused(&'static str),
    /// Another peer took its place; what it sent before stands.
    Replaced(&'static str),
}

/// See the file's first paragraph.
pub(crate) struct Pipes {
    slots: Vec<Option<Pipe>>,
    free: Vec<u32>,
    generation: u32,
    count: usize,
    pub(crate) socket_type: SocketType,
    /// Shared with what was begun under them: sessions and listeners.
    pub(crate) options: Arc<SocketOptions>,
    pub(crate) drops: Drops,
    /// Pipes with bytes that were not offered to the kernel yet.
    dirty: Vec<PipeId>,
    /// Connections that ended, with the reason.
    pub(crate) lost: Vec<(PipeId, Loss)>,
    /// The socket's epoll set, once it has a network pipe.
    pub(crate) attendance: Option<Arc<Attendance>>,
    /// Sends written at once since the last turn-around.
    inline_sends: u32,
    inline_sends_max: u32,
    /// Buffered bytes at which a stream is written.
    stream_bytes: usize,
    /// When a stream last had everything written.
    last_flush: Option<Instant>,
    /// The I/O thread has been asked to flush from time to time.
    ticking: bool,
    /// Bytes are buffered and no tick is running: the I/O thread must be asked.
    pub(crate) wants_tick: bool,
    /// More follows in the same turn: what is committed waits for its end, when all is written.
    corked: bool,
    idle_ticks: u32,
    sends: u64,
    sends_at_tick: u64,
    /// Flush ticks in a row that left a fast stream to its sender.
    ticks_left_out: u32,
    commands: Vec<CommandBody>,
    /// When something is due for a pipe: a PING, the end of a peer's silence or of a linger time.
    pub(crate) due: Option<Instant>,
    /// `due` is nearer than the I/O thread knows.
    pub(crate) timer_changed: bool,
    /// Heartbeats are due on a grid that begins here.
    epoch: Instant,
    pub(crate) clock: Clock,
    /// Groups that a DISH has joined.
    pub(crate) joined: HashSet<Vec<u8>>,
    /// Pipes that the pattern wants closed, once what they hold is sent.
    pub(crate) closing: Vec<PipeId>,
    /// A send was refused because a queue was at its mark, and has room since: a call that does not
    /// wait says so, one that waits tries again.
    pub(crate) mark_reached: bool,
    /// Draining pipes that have given their last message out.
    drained: Vec<PipeId>,
    /// What waits to be sent beyond the pipes of a socket that is closed.
    pub(crate) unsent: Option<Overflow>,
    /// What a durable socket is to be told, and tells.
    pub(crate) durable: Notes,
}

impl Pipes {
    pub(crate) fn new(socket_type: SocketType, options: SocketOptions, clock: Clock) -> Pipes {
        let options = Arc::new(options);
        Pipes {
            slots: Vec::new(),
            free: Vec::new(),
            generation: 0,
            count: 0,
            socket_type,
            options,
            drops: Drops::default(),
            dirty: Vec::new(),
            lost: Vec::new(),
            attendance: None,
            inline_sends: 0,
            inline_sends_max: INLINE_SENDS,
            stream_bytes: 0,
            last_flush: None,
            ticking: false,
            wants_tick: false,
            corked: false,
            idle_ticks: 0,
            sends: 0,
            sends_at_tick: 0,
            ticks_left_out: 0,
            commands: Vec::new(),
            joined: HashSet::new(),
            closing: Vec::new(),
            drained: Vec::new(),
            unsent: None,
            durable: Notes::default(),
            mark_reached: false,
            due: None,
            timer_changed: false,
            epoch: clock.now(),
            clock,
        }
    }

    /// Puts a pipe in. The generation is set here.
    pub(crate) fn insert(&mut self, mut pipe: Pipe) -> PipeId {
        self.generation = self.generation.wrapping_add(1);
        pipe.generation = self.generation;
        self.count += 1;
        if let Some(index) = self.free.pop() {
            self.slots[index as usize] = Some(pipe);
            return PipeId(index);
        }
        self.slots.push(Some(pipe));
        PipeId((self.slots.len() - 1) as u32)
    }

    /// Takes a pipe out; the pattern must not know it any more.
    pub(crate) fn remove(&mut self, id: PipeId) -> Option<Pipe> {
        let pipe = self.slots.get_mut(id.0 as usize)?.take()?;
        self.free.push(id.0);
        self.count -= 1;
        self.dirty.retain(|d| *d != id);
        self.lost.retain(|(l, _)| *l != id);
        Some(pipe)
    }

    #[inline]
    pub(crate) fn pipe(&mut self, id: PipeId) -> Option<&mut Pipe> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    #[inline]
    pub(crate) fn peek(&self, id: PipeId) -> Option<&Pipe> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    /// The socket speaks no ZMTP: STREAM, and a ROUTER that was told to.
    #[inline]
    pub(crate) fn is_raw(&self) -> bool {
        match self.socket_type {
            SocketType::Stream => true,
            SocketType::Router => self.options.router_raw,
            _ => false,
        }
    }

    /// How many pipes there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// How many pipes have their peer.
    pub(crate) fn connected(&self) -> usize {
        let has_peer = |pipe: &Pipe| match &pipe.link {
            Link::Net(net) => net.connection.is_some(),
            Link::Inproc(_) => pipe.peer_type.is_some(),
            Link::Udp(_) => false,
        };
        self.iter().filter(|(_, pipe)| pipe.is_open() && has_peer(pipe)).count()
    }

    pub(crate) fn ids(&self) -> Vec<PipeId> {
        self.iter().map(|(id, _)| id).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PipeId, &Pipe)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(i, slot)| slot.as_ref().map(|pipe| (PipeId(i as u32), pipe)))
    }

    /// Only the last message is kept; CONFLATE has no effect on the other types.
    #[inline]
    pub(crate) fn conflates(&self) -> bool {
        use SocketType::{Dealer, Pub, Pull, Push, Sub};
        self.options.conflate && matches!(self.socket_type, Pull | Push | Sub | Pub | Dealer)
    }

    /// There is room for one more message, up to exactly the high-water mark.
    // RFC 28 §The DEALER Socket Type: SHOULD constrain queue sizes to a runtime-configurable limit.
    // The other types of RFC 28 to 31 likewise.
    #[inline]
    pub(crate) fn has_room(&mut self, id: PipeId) -> bool {
        let hwm = self.options.snd_hwm;
        let conflate = self.conflates();
        let Some(pipe) = self.pipe(id) else { return false };
        if !pipe.is_open() {
            return false;
        }
        match &mut pipe.link {
            Link::Net(net) => {
                if hwm == 0 || conflate || net.out.messages() < hwm {
                    return true;
                }
                let may_write = net.connection.as_ref().is_some_and(|c| !c.blocked);
                if may_write {
                    self.flush(id);
                }
                self.pipe(id).and_then(Pipe::net).is_some_and(|net| net.out.messages() < hwm)
            }
            Link::Inproc(link) => link.has_room(),
            Link::Udp(_) => true,
        }
    }

    /// The pipe's queue holds as many messages as the high-water mark allows. Nothing is written
    /// to make room.
    pub(crate) fn is_at_mark(&self, id: PipeId) -> bool {
        let hwm = self.options.snd_hwm;
        match self.peek(id).filter(|pipe| pipe.is_open()).map(|pipe| &pipe.link) {
            Some(Link::Net(net)) => hwm > 0 && !self.conflates() && net.out.messages() >= hwm,
            _ => false,
        }
    }

    /// Applies a changed SNDHWM; those of network pipes are looked up at each message.
    pub(crate) fn apply_snd_hwm(&mut self, id: PipeId, hwm: usize) {
        if let Some(Link::Inproc(link)) = self.pipe(id).map(|pipe| &mut pipe.link) {
            link.apply_snd_hwm(hwm);
        }
    }

    /// Puts one part in; the last one makes the message go. The caller asked `has_room` before
    /// the first part; later parts always fit.
    pub(crate) fn push(&mut self, id: PipeId, mut part: Msg, more: bool) {
        self.push_from(id, &mut part, more);
    }

    /// As `push`; the part is taken from where it lies, and an empty one is left there.
    #[inline]
    pub(crate) fn push_from(&mut self, id: PipeId, part: &mut Msg, more: bool) {
        let raw = self.is_raw();
        let conflate = self.conflates();
        let Some(pipe) = self.pipe(id) else { return };
        pipe.counters.bytes_out += part.len() as u64;
        match &mut pipe.link {
            Link::Net(net) => {
                if conflate && !net.out.is_unfinished() {
                    let gone = net.out.drop_unwritten() as u64;
                    pipe.counters.dropped += gone;
                }
                net.out.push(part, more, raw);
                if !more {
                    pipe.counters.messages_out += 1;
                    self.committed(id);
                }
            }
            Link::Inproc(link) => {
                link.push(part.take(), more);
                pipe.counters.messages_out += u64::from(!more);
            }
            Link::Udp(_) => {
                pipe.counters.bytes_out -= part.len() as u64;
                self.send_to_group(id, &part.take());
            }
        }
    }

    /// Puts a whole message of one part in where that needs no thought: a queue inside the process
    /// with room, or a network pipe whose stream is under way. The caller has begun no other
    /// message there. False, and nothing done, if it is something else.
    #[inline]
    pub(crate) fn push_in_stream(&mut self, id: PipeId, part: &mut Msg) -> bool {
        let hwm = self.options.snd_hwm;
        if self.conflates() || self.is_raw() {
            return false;
        }
        let Some(pipe) = self.slots.get_mut(id.0 as usize).and_then(Option::as_mut) else {
            return false;
        };
        if !matches!(pipe.phase, Phase::Open) {
            return false;
        }
        let payload_bytes = part.len() as u64;
        let backlog = match &mut pipe.link {
            Link::Net(net) => {
                // With bytes buffered already there is no clock to look at and no tick to ask for.
                let goes_on = net.dirty && (hwm == 0 || net.out.messages() < hwm);
                if !goes_on || !net.out.push_short(part) {
                    return false;
                }
                net.out.backlog_bytes()
            }
            Link::Inproc(link) => {
                if !link.push_whole(part) {
                    return false;
                }
                0
            }
            Link::Udp(_) => return false,
        };
        pipe.counters.bytes_out += payload_bytes;
        pipe.counters.messages_out += 1;
        if backlog == 0
            || (backlog < self.stream_bytes && self.inline_sends >= self.inline_sends_max)
        {
            self.sends += 1;
        } else {
            self.committed(id);
        }
        true
    }

    /// Puts a whole single-frame message in that was encoded once for many pipes.
    #[inline]
    pub(crate) fn push_encoded(&mut self, id: PipeId, frame: &[u8], payload_bytes: usize) {
        let Some(pipe) = self.pipe(id) else { return };
        pipe.counters.bytes_out += payload_bytes as u64;
        pipe.counters.messages_out += 1;
        if let Link::Net(net) = &mut pipe.link {
            net.out.push_encoded(frame);
            self.committed(id);
        }
    }

    /// The place of a network pipe among those of its socket: higher for one that began later.
    pub(crate) fn order(&self, id: PipeId) -> Option<u64> {
        match &self.peek(id)?.link {
            Link::Net(net) => Some(net.order),
            Link::Inproc(_) | Link::Udp(_) => None,
        }
    }

    /// Takes back the unfinished message of a pipe.
    pub(crate) fn rollback(&mut self, id: PipeId) {
        match self.pipe(id).map(|pipe| &mut pipe.link) {
            Some(Link::Net(net)) => net.out.rollback(),
            Some(Link::Inproc(link)) => {
                link.tx.rollback();
            }
            Some(Link::Udp(_)) | None => {}
        }
    }

    /// Decides what becomes of bytes just committed. Lead edge at once; a stream in large writes.
    #[inline]
    fn committed(&mut self, id: PipeId) {
        self.sends += 1;
        let Some(net) = self.pipe(id).and_then(Pipe::net) else { return };
        let dirty = net.dirty;
        let backlog = net.out.backlog_bytes();
        match &net.connection {
            Some(connection) if !connection.blocked => {}
            _ => return,
        }
        if self.corked && backlog < FLUSH_BYTES {
            return self.hold_back(id);
        }
        if self.inline_sends < self.inline_sends_max {
            self.inline_sends += 1;
            self.flush(id);
            return;
        }
        self.stream_bytes =
            FLUSH_BYTES.min(SocketOptions::batch_bytes(self.options.out_batch_messages));
        if backlog >= self.stream_bytes {
            self.flush_stream(id);
            return;
        }
        if !dirty {
            // The buffer was empty: the one moment at which reading the clock is affordable.
            let paused = self.last_flush.is_none_or(|at| self.clock.now() - at > STREAM_PAUSE);
            if paused {
                self.inline_sends = 1;
                self.flush(id);
                return;
            }
            self.mark_dirty(id);
        }
    }

    fn mark_dirty(&mut self, id: PipeId) {
        if let Some(net) = self.pipe(id).and_then(Pipe::net)
            && !net.dirty
        {
            net.dirty = true;
            self.dirty.push(id);
        }
        self.wants_tick |= !self.ticking;
    }

    /// Writes everything a pipe has.
    pub(crate) fn flush(&mut self, id: PipeId) {
        self.write(id, false);
        self.last_flush = Some(self.clock.now());
    }

    /// Writes whole segments of a stream and keeps the runt.
    fn flush_stream(&mut self, id: PipeId) {
        self.write(id, true);
        self.last_flush = Some(self.clock.now());
        let rest = self.pipe(id).and_then(Pipe::net).is_some_and(|n| n.out.backlog_bytes() > 0);
        if rest {
            self.mark_dirty(id);
        }
    }

    fn write(&mut self, id: PipeId, whole_segments: bool) {
        let Some(pipe) = self.slots.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        let generation = pipe.generation;
        let Some(net) = pipe.net() else { return };
        let Some(connection) = &mut net.connection else { return };
        if connection.blocked {
            return;
        }
        let quantum = if whole_segments { connection.quantum } else { 0 };
        let written = match &mut connection.codec {
            None => net.out.write(&connection.stream, connection.wire, quantum),
            Some(codec) => net.out.write_coded(&connection.stream, &mut *codec.encoder),
        };
        match written {
            Ok(Written::Drained) => {}
            Ok(Written::Blocked) => {
                connection.blocked = true;
                if let Some(attendance) = &self.attendance
                    && let Err(error) = attendance.watch_writable(connection, id, generation, true)
                {
                    self.lost.push((id, Loss::Write(error)));
                }
            }
            Err(error) => self.lost.push((id, Loss::Write(error))),
        }
    }

    /// The kernel takes bytes again.
    pub(crate) fn writable(&mut self, id: PipeId) {
        let Some(pipe) = self.slots.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        let generation = pipe.generation;
        let Some(connection) = pipe.net().and_then(|net| net.connection.as_mut()) else { return };
        if !connection.blocked || connection.broken {
            return;
        }
        connection.blocked = false;
        if let Some(attendance) = &self.attendance
            && let Err(error) = attendance.watch_writable(connection, id, generation, false)
        {
            self.lost.push((id, Loss::Write(error)));
            return;
        }
        self.flush(id);
    }

    /// Writes what every pipe has buffered: on entering a receive or a poll, and from the tick.
    #[inline]
    pub(crate) fn flush_all(&mut self) {
        if self.dirty.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.dirty) {
            if let Some(net) = self.pipe(id).and_then(Pipe::net) {
                net.dirty = false;
            }
            self.flush(id);
        }
    }

    /// The caller turns from sending to waiting: its next sends go at once.
    #[inline]
    pub(crate) fn turn_around(&mut self) {
        self.flush_all();
        self.inline_sends = 0;
    }

    /// A whole message can be taken from this pipe. Reads the connection if nothing is left of
    /// the last read and the kernel may have more.
    #[inline]
    pub(crate) fn has_message(&mut self, id: PipeId) -> bool {
        let Some(pipe) = self.pipe(id) else { return false };
        match &mut pipe.link {
            Link::Net(net) => {
                if net.inq.ready() > 0 {
                    return true;
                }
                if !net.connection.as_ref().is_some_and(|c| c.readable) {
                    return false;
                }
                self.fill(id);
                self.pipe(id).and_then(Pipe::net).is_some_and(|net| net.inq.ready() > 0)
            }
            Link::Inproc(link) => link.has_message(),
            Link::Udp(udp) => {
                if udp.ready() == 0 && udp.readable {
                    self.fill_datagrams(id);
                }
                self.udp(id).is_some_and(|udp| udp.ready() > 0)
            }
        }
    }

    /// A whole message was read already and can be taken.
    pub(crate) fn holds_message(&mut self, id: PipeId) -> bool {
        match self.pipe(id).map(|pipe| &mut pipe.link) {
            Some(Link::Net(net)) => net.inq.ready() > 0,
            Some(Link::Inproc(link)) => link.has_message(),
            Some(Link::Udp(udp)) => udp.ready() > 0,
            None => false,
        }
    }

    /// What was read is taken; if the kernel may have more, a new event will tell.
    pub(crate) fn read_on_later(&mut self, id: PipeId) {
        if self.connection(id).is_some_and(|connection| connection.readable) {
            self.watch_again(id);
        }
    }

    /// Takes the next part of a message of this pipe.
    pub(crate) fn pop(&mut self, id: PipeId) -> Option<Msg> {
        let mut msg = Msg::new();
        self.pop_into(id, &mut msg).then_some(msg)
    }

    /// As `pop`, in place of what `place` was; false, and nothing done, if nothing was read yet.
    #[inline]
    pub(crate) fn pop_into(&mut self, id: PipeId, place: &mut Msg) -> bool {
        let many = self.count > KEEP_SLAB_CONNECTIONS_MAX;
        let copies = !self.options.zero_copy_recv;
        let Some(pipe) = self.pipe(id) else { return false };
        match &mut pipe.link {
            Link::Net(net) => {
                if !net.inq.pop_into(place) {
                    return false;
                }
                if copies && place.kind() == Kind::Slice {
                    // For want of memory it stays where it is.
                    let _ = place.try_make_mut();
                }
                if many && net.inq.ready() == 0 {
                    net.inq.release_memory();
                }
            }
            Link::Inproc(link) => {
                if !link.pop_into(place) {
                    return false;
                }
            }
            Link::Udp(udp) => {
                let Some(msg) = udp.pop() else { return false };
                *place = msg;
            }
        }
        pipe.counters.bytes_in += place.len() as u64;
        if !place.more() {
            pipe.counters.messages_in += 1;
            if pipe.phase == Phase::Draining {
                self.note_drained(id);
            }
        }
        true
    }

    #[cold]
    fn note_drained(&mut self, id: PipeId) {
        let empty = match self.pipe(id).map(|pipe| &mut pipe.link) {
            Some(Link::Net(net)) => net.inq.ready() == 0,
            Some(Link::Inproc(link)) => !link.has_message(),
            Some(Link::Udp(udp)) => udp.ready() == 0,
            None => false,
        };
        if empty {
            self.drained.push(id);
        }
    }

    /// The connection may have bytes for us and the pipe has room for them.
    pub(crate) fn wants_reading(&mut self, id: PipeId) -> bool {
        let hwm = if self.conflates() { 0 } else { self.options.rcv_hwm };
        match self.pipe(id).map(|pipe| &pipe.link) {
            Some(Link::Net(net)) => {
                net.connection.as_ref().is_some_and(|c| c.readable)
                    && (hwm == 0 || net.inq.ready() < hwm)
            }
            Some(Link::Udp(udp)) => udp.readable && (hwm == 0 || udp.ready() < hwm),
            _ => false,
        }
    }

    /// Reads a connection for one turn and drops what comes: the pipe is being closed.
    pub(crate) fn discard_input(&mut self, id: PipeId) {
        let Some(net) = self.pipe(id).and_then(Pipe::net) else { return };
        net.inq.clear();
        if !net.connection.as_ref().is_some_and(|c| c.readable) {
            return;
        }
        self.fill(id);
        let Some(net) = self.pipe(id).and_then(Pipe::net) else { return };
        let again = net.inq.ready() > 0 && net.connection.as_ref().is_some_and(|c| c.readable);
        net.inq.clear();
        if again {
            self.watch_again(id);
        }
    }

    /// Makes the set report a connection that is ready already once more.
    fn watch_again(&mut self, id: PipeId) {
        let Some(pipe) = self.slots.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        let generation = pipe.generation;
        let Some(connection) = pipe.net().and_then(|net| net.connection.as_mut()) else { return };
        if let Some(attendance) = &self.attendance {
            let blocked = connection.blocked && !connection.broken;
            if let Err(error) = attendance.watch_writable(connection, id, generation, blocked) {
                self.lost.push((id, Loss::Read(ReadError::Io(error))));
            }
        }
        #[cfg(feature = "simulation")]
        if let Some(conduit) = connection.stream.conduit() {
            conduit.look_again();
        }
    }

    /// Everything the pipe was given is with the kernel.
    pub(crate) fn is_flushed(&self, id: PipeId) -> bool {
        match self.peek(id).map(|pipe| &pipe.link) {
            Some(Link::Net(net)) => net.out.is_empty(),
            _ => true,
        }
    }

    /// The pipe leads over a network transport.
    #[inline]
    pub(crate) fn is_net(&self, id: PipeId) -> bool {
        matches!(self.peek(id).map(|pipe| &pipe.link), Some(Link::Net(_)))
    }

    /// Gives a part that we made for a pipe's message the properties of its connection.
    pub(crate) fn mark_with_meta(&mut self, id: PipeId, msg: &mut Msg) {
        if let Some(net) = self.pipe(id).and_then(Pipe::net) {
            net.meta.attach(msg);
        }
    }

    /// A draining pipe gave its last message out.
    #[inline]
    pub(crate) fn has_drained(&self) -> bool {
        !self.drained.is_empty()
    }

    pub(crate) fn take_drained(&mut self) -> Vec<PipeId> {
        std::mem::take(&mut self.drained)
    }

    /// Something is due at `at`.
    pub(crate) fn due_by(&mut self, at: Instant) {
        if self.due.is_none_or(|due| at < due) {
            self.due = Some(at);
            self.timer_changed = true;
        }
    }

    /// Reads a connection into its pipe, as far as RCVHWM allows, and carries out the commands.
    #[cold]
    #[inline(never)]
    pub(crate) fn fill(&mut self, id: PipeId) {
        if self.is_udp(id) {
            return self.fill_datagrams(id);
        }
        let hwm = if self.conflates() { 0 } else { self.options.rcv_hwm };
        let mut commands = std::mem::take(&mut self.commands);
        let many = self.count > KEEP_SLAB_CONNECTIONS_MAX;
        let heartbeats = self.options.heartbeat_ivl.is_some();
        let conflate = self.conflates();
        let clock = self.clock.clone();
        let Some(net) = self.pipe(id).and_then(Pipe::net) else { return };
        let Some(connection) = &mut net.connection else { return };
        let coded = connection.codec.as_mut().map(|codec| &mut codec.inbound);
        let (stream, ending) = (&connection.stream, connection.ending);
        let outcome = net.inq.read(stream, hwm, ending, coded, &mut net.meta, &mut commands);
        let mut again = false;
        match outcome {
            Ok((bytes, more)) => {
                connection.readable = more;
                // The turn is over and gave nothing to deliver: come back without a new event.
                again = more && net.inq.ready() == 0;
                if bytes > 0 && (heartbeats || connection.heartbeat.peer_ttl.is_some()) {
                    connection.heartbeat.heard(clock.now());
                }
                if conflate {
                    net.inq.keep_last();
                }
                if many && net.inq.ready() == 0 {
                    net.inq.release_memory();
                    if let Some(codec) = &mut connection.codec {
                        codec.inbound.release_memory();
                    }
                }
            }
            Err(error) => {
                connection.readable = false;
                self.lost.push((id, Loss::Read(error)));
            }
        }
        if again {
            self.watch_again(id);
        }
        for body in commands.drain(..) {
            self.obey(id, &body);
        }
        self.commands = commands;
    }

    /// Counters of a pipe, for snapshots.
    pub(crate) fn counters(&mut self, id: PipeId) -> Option<&mut Counters> {
        self.pipe(id).map(|pipe| &mut pipe.counters)
    }

    /// The connection of a pipe, if it has one.
    pub(crate) fn connection(&mut self, id: PipeId) -> Option<&mut Connection> {
        self.pipe(id)?.net()?.connection.as_mut()
    }

    /// The pipe exists and messages can be sent to it now or later.
    pub(crate) fn is_open(&self, id: PipeId) -> bool {
        self.peek(id).is_some_and(|pipe| pipe.phase == Phase::Open)
    }
}
