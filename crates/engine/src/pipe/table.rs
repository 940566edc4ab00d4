//! The pipes of one socket, and how messages move through them.
//!
//! This is what the patterns work with: is there room, put a part in, is there a message, take a
//! part out. It decides when bytes are written (at once in turn-around traffic, in large writes
//! in a stream) and reads a connection when the pattern finds it empty. What needs the pattern
//! or the session (a lost connection) is noted in `lost`; the socket's state deals with it before
//! it gives the lock up. The socket's lock protects it all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oxmq_message::Msg;
use oxmq_zmtp::{Command, Framing, ProtocolError, SocketType};

use super::inbound::{CommandBody, ReadError};
use super::outbound::Written;
use super::{Connection, Counters, Link, Phase, Pipe, PipeId};
use crate::limits::{
    FLUSH_BYTES, HELD_ANSWERS_MAX, IDLE_FLUSH_TICKS, INLINE_SENDS, INLINE_SENDS_SPARSE,
    KEEP_SLAB_CONNECTIONS_MAX, SPARSE_TICK_SENDS, STREAM_PAUSE, UNREAD_ANSWERS_BYTES_MAX,
};
use crate::options::SocketOptions;
use crate::socket::attendance::Attendance;
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
    pub(crate) options: SocketOptions,
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
    /// When a stream last had everything written.
    last_flush: Option<Instant>,
    /// The I/O thread has been asked to flush from time to time.
    ticking: bool,
    /// Bytes are buffered and no tick is running: the I/O thread must be asked.
    pub(crate) wants_tick: bool,
    idle_ticks: u32,
    sends: u64,
    sends_at_tick: u64,
    commands: Vec<CommandBody>,
    /// When something is due for a pipe: a PING, the end of a peer's silence or of a linger time.
    pub(crate) due: Option<Instant>,
    /// `due` is nearer than the I/O thread knows.
    pub(crate) timer_changed: bool,
    /// Heartbeats are due on a grid that begins here.
    epoch: Instant,
    /// Pipes that the pattern wants closed, once what they hold is sent.
    pub(crate) closing: Vec<PipeId>,
    /// Draining pipes that have given their last message out.
    drained: Vec<PipeId>,
}

impl Pipes {
    pub(crate) fn new(socket_type: SocketType, options: SocketOptions) -> Pipes {
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
            last_flush: None,
            ticking: false,
            wants_tick: false,
            idle_ticks: 0,
            sends: 0,
            sends_at_tick: 0,
            commands: Vec::new(),
            closing: Vec::new(),
            drained: Vec::new(),
            due: None,
            timer_changed: false,
            epoch: Instant::now(),
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
        self.socket_type == SocketType::Stream || self.options.router_raw
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

    /// There is room for one more message, up to exactly the high-water mark.
    // RFC 28 §The DEALER Socket Type: SHOULD constrain queue sizes to a runtime-configurable limit.
    // The other types of RFC 28 to 31 likewise.
    #[inline]
    pub(crate) fn has_room(&mut self, id: PipeId) -> bool {
        let hwm = self.options.snd_hwm;
        let conflate = self.options.conflate;
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
    #[inline]
    pub(crate) fn push(&mut self, id: PipeId, part: Msg, more: bool) {
        let raw = self.is_raw();
        let conflate = self.options.conflate;
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
                link.push(part, more);
                pipe.counters.messages_out += u64::from(!more);
            }
        }
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

    /// Takes back the unfinished message of a pipe.
    pub(crate) fn rollback(&mut self, id: PipeId) {
        match self.pipe(id).map(|pipe| &mut pipe.link) {
            Some(Link::Net(net)) => net.out.rollback(),
            Some(Link::Inproc(link)) => {
                link.tx.rollback();
            }
            None => {}
        }
    }

    /// Sends a command of the protocol; nothing if there is no connection.
    pub(crate) fn command(&mut self, id: PipeId, command: &Command<'_>) {
        let Some(net) = self.pipe(id).and_then(Pipe::net) else { return };
        if net.connection.is_some() {
            let mut frame = Vec::new();
            command.encode(&mut frame);
            net.out.push_command(frame);
            self.flush(id);
        }
    }

    /// Sends a subscription or cancellation in the form the peer understands.
    pub(crate) fn subscription(&mut self, id: PipeId, subscribe: bool, topic: &[u8]) {
        let Some(pipe) = self.pipe(id) else { return };
        // RFC 37 §The Publish-Subscribe Pattern: to create a subscription, SHALL send a SUBSCRIBE
        // command; to cancel one, SHALL send a CANCEL command. To a peer of 3.0, a message.
        match &mut pipe.link {
            Link::Net(net) => {
                let Some(connection) = &net.connection else { return };
                if !connection.forwards_subscriptions {
                    return;
                }
                let mut frame = Vec::with_capacity(topic.len() + 24);
                // Kept in the form of ZMTP 3, as everything in the queue is.
                oxmq_zmtp::encode_subscription(
                    Framing::V3,
                    connection.subscribes_by_command,
                    subscribe,
                    topic,
                    &mut frame,
                );
                net.out.push_command(frame);
                self.mark_dirty(id);
            }
            Link::Inproc(link) => {
                let mut body = Vec::with_capacity(topic.len() + 1);
                oxmq_zmtp::subscription_message(subscribe, topic, &mut body);
                link.push(Msg::from(body), false);
            }
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
        if self.inline_sends < self.inline_sends_max {
            self.inline_sends += 1;
            self.flush(id);
            return;
        }
        if backlog >= FLUSH_BYTES {
            self.flush_stream(id);
            return;
        }
        if !dirty {
            // The buffer was empty: the one moment at which reading the clock is affordable.
            let paused = self.last_flush.is_none_or(|at| at.elapsed() > STREAM_PAUSE);
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
        self.last_flush = Some(Instant::now());
    }

    /// Writes whole segments of a stream and keeps the runt.
    fn flush_stream(&mut self, id: PipeId) {
        self.write(id, true);
        self.last_flush = Some(Instant::now());
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
        match net.out.write(&connection.stream, connection.wire, quantum) {
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

    /// One flush tick of the I/O thread; false when it need not come again.
    pub(crate) fn tick(&mut self) -> bool {
        self.flush_all();
        let sends = self.sends - self.sends_at_tick;
        self.sends_at_tick = self.sends;
        if sends < SPARSE_TICK_SENDS {
            self.inline_sends_max = INLINE_SENDS_SPARSE;
            self.inline_sends = 0;
        } else {
            self.inline_sends_max = INLINE_SENDS;
        }
        self.idle_ticks = if sends == 0 { self.idle_ticks + 1 } else { 0 };
        self.ticking = self.idle_ticks < IDLE_FLUSH_TICKS;
        if !self.ticking {
            self.inline_sends_max = INLINE_SENDS;
            self.release_memory();
        }
        self.ticking
    }

    /// The I/O thread was asked to tick.
    pub(crate) fn tick_requested(&mut self) {
        self.wants_tick = false;
        self.ticking = true;
        self.idle_ticks = 0;
    }

    fn release_memory(&mut self) {
        for pipe in self.slots.iter_mut().flatten() {
            if let Some(net) = pipe.net() {
                net.out.release_memory();
            }
        }
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
        }
    }

    /// A whole message was read already and can be taken.
    pub(crate) fn holds_message(&mut self, id: PipeId) -> bool {
        match self.pipe(id).map(|pipe| &mut pipe.link) {
            Some(Link::Net(net)) => net.inq.ready() > 0,
            Some(Link::Inproc(link)) => link.has_message(),
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
    #[inline]
    pub(crate) fn pop(&mut self, id: PipeId) -> Option<Msg> {
        let many = self.count > KEEP_SLAB_CONNECTIONS_MAX;
        let pipe = self.pipe(id)?;
        let msg = match &mut pipe.link {
            Link::Net(net) => {
                let msg = net.inq.pop()?;
                if many && net.inq.ready() == 0 {
                    net.inq.release_memory();
                }
                msg
            }
            Link::Inproc(link) => link.pop()?,
        };
        pipe.counters.bytes_in += msg.len() as u64;
        if !msg.more() {
            pipe.counters.messages_in += 1;
            if pipe.phase == Phase::Draining {
                self.note_drained(id);
            }
        }
        Some(msg)
    }

    #[cold]
    fn note_drained(&mut self, id: PipeId) {
        let empty = match self.pipe(id).map(|pipe| &mut pipe.link) {
            Some(Link::Net(net)) => net.inq.ready() == 0,
            Some(Link::Inproc(link)) => !link.has_message(),
            None => false,
        };
        if empty {
            self.drained.push(id);
        }
    }

    /// The connection may have bytes for us and the pipe has room for them.
    pub(crate) fn wants_reading(&mut self, id: PipeId) -> bool {
        let hwm = if self.options.conflate { 0 } else { self.options.rcv_hwm };
        let Some(net) = self.pipe(id).and_then(Pipe::net) else { return false };
        net.connection.as_ref().is_some_and(|c| c.readable) && (hwm == 0 || net.inq.ready() < hwm)
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

    /// When a PING is due that should go `ivl` after `now`: rounded up to a grid of a sixteenth
    /// of the interval, so that thousands of connections need few wake-ups.
    pub(crate) fn ping_at(&self, now: Instant, ivl: Duration) -> Instant {
        let grid = (ivl.as_nanos() / 16).max(1);
        let at = (now + ivl).saturating_duration_since(self.epoch).as_nanos();
        let steps = at.div_ceil(grid);
        let nanos = u64::try_from(steps * grid).unwrap_or(u64::MAX);
        self.epoch + Duration::from_nanos(nanos)
    }

    /// Sends a PING if one is due, gives a silent peer up, and says when to look again.
    pub(crate) fn heartbeat(&mut self, id: PipeId, now: Instant) -> Option<Instant> {
        let ivl = self.options.heartbeat_ivl;
        let timeout = self.options.heartbeat_timeout_effective();
        let ttl = self.options.heartbeat_ttl;
        let held_back = self.connection(id)?.readable && !self.wants_reading(id);
        let following = ivl.map(|ivl| self.ping_at(now, ivl));
        let connection = self.connection(id)?;
        if held_back {
            // Bytes are there that we chose not to read yet: the peer lives.
            connection.heartbeat.heard(now);
        }
        let beat = &mut connection.heartbeat;
        let ttl_end = beat.peer_ttl.zip(beat.last_in).map(|(ttl, at)| at + ttl);
        // RFC 37 §Connection Heartbeating: SHOULD consider the connection dead when no traffic
        // follows a PING of ours within some timeout, or one of the peer's within its TTL.
        if beat.pong_due.is_some_and(|at| at <= now) || ttl_end.is_some_and(|at| at <= now) {
            self.lost.push((id, Loss::Silent));
            return None;
        }
        let mut ping = false;
        if beat.next_ping.is_some_and(|at| at <= now) {
            beat.next_ping = following;
            beat.pong_due = beat.pong_due.or(timeout.map(|timeout| now + timeout));
            ping = true;
        }
        let next = [beat.next_ping, beat.pong_due, ttl_end].into_iter().flatten().min();
        if ping {
            let deciseconds = ttl.map_or(0, |ttl| ttl.as_millis() / 100);
            let ttl_deciseconds = u16::try_from(deciseconds).unwrap_or(u16::MAX);
            self.command(id, &Command::Ping { ttl_deciseconds, context: b"" });
        }
        next
    }

    /// Reads a connection into its pipe, as far as RCVHWM allows, and carries out the commands.
    #[cold]
    #[inline(never)]
    pub(crate) fn fill(&mut self, id: PipeId) {
        let hwm = if self.options.conflate { 0 } else { self.options.rcv_hwm };
        let mut commands = std::mem::take(&mut self.commands);
        let many = self.count > KEEP_SLAB_CONNECTIONS_MAX;
        let heartbeats = self.options.heartbeat_ivl.is_some();
        let conflate = self.options.conflate;
        let Some(net) = self.pipe(id).and_then(Pipe::net) else { return };
        let Some(connection) = &mut net.connection else { return };
        let outcome =
            net.inq.read(&connection.stream, hwm, connection.ending, &mut net.meta, &mut commands);
        let mut again = false;
        match outcome {
            Ok((bytes, more)) => {
                connection.readable = more;
                // The turn is over and gave nothing to deliver: come back without a new event.
                again = more && net.inq.ready() == 0;
                if bytes > 0 && (heartbeats || connection.heartbeat.peer_ttl.is_some()) {
                    connection.heartbeat.heard(Instant::now());
                }
                if conflate {
                    net.inq.keep_last();
                }
                if many && net.inq.ready() == 0 {
                    net.inq.release_memory();
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

    /// Answers a PING, unless the peer sends PINGs without reading the answers.
    fn answer_ping(&mut self, id: PipeId, context: &[u8]) {
        let stuck = self.pipe(id).and_then(Pipe::net).is_some_and(|net| {
            net.out.held_commands() > HELD_ANSWERS_MAX
                || (net.connection.as_ref().is_some_and(|c| c.blocked)
                    && net.out.backlog_bytes() > UNREAD_ANSWERS_BYTES_MAX)
        });
        if !stuck {
            self.command(id, &Command::Pong { context });
        }
    }

    /// Carries out a command frame of the peer.
    pub(crate) fn obey(&mut self, id: PipeId, body: &[u8]) {
        let command = match Command::parse(body) {
            Ok(command) => command,
            Err(error) => {
                self.lost.push((id, Loss::Read(ReadError::Protocol(error))));
                return;
            }
        };
        match command {
            // RFC 37 §Connection Heartbeating: on a PING a peer SHALL respond with a PONG command
            // that echoes the ping-context.
            Command::Ping { ttl_deciseconds, context } => {
                if let Some(connection) =
                    self.pipe(id).and_then(Pipe::net).and_then(|net| net.connection.as_mut())
                {
                    connection.heartbeat.heard(Instant::now());
                    connection.heartbeat.peer_ttl = (ttl_deciseconds > 0)
                        .then(|| Duration::from_millis(u64::from(ttl_deciseconds) * 100));
                    let ttl_end = connection.heartbeat.peer_ttl.map(|ttl| Instant::now() + ttl);
                    if let Some(at) = ttl_end {
                        self.due_by(at);
                    }
                }
                self.answer_ping(id, context);
            }
            // READY belongs to the handshake.
            Command::Ready(_) => {
                let error = ProtocolError::UnexpectedCommand { state: "traffic" };
                self.lost.push((id, Loss::Read(ReadError::Protocol(error))));
            }
            // A PONG needs no answer; having come, it has shown that the peer lives. Commands that
            // mean nothing to us are ignored: later versions may add some.
            _ => {}
        }
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
