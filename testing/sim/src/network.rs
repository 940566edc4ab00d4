//! The simulated network: connections that carry octets, late and in pieces, until they are cut.
//!
//! A connection has two ends, each a conduit that a socket reads and writes. What is written is
//! under way until the world delivers it to the other end. Nothing here decides when: a conduit
//! notes what happened, and the world takes the notes after each step of a process. One thread uses
//! it all; the lock is there because sockets may be shared between threads.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oxmq_disk::Random;
use oxmq_engine::simulation::Conduit;

use crate::disk::Life;
use crate::frames::{FrameReader, Item};
use crate::message::MessageId;

/// What happened at an end while a process made a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    /// Octets are under way to this end.
    Sent(u64),
    /// This end, which could write no more, can again.
    Room(u64),
    /// This end wants to look again at what it holds.
    LookAgain(u64),
    /// This end was closed by its process.
    Closed(u64),
}

/// Something whole that passed an end: it was written there, or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) end: u64,
    pub(crate) written: bool,
    pub(crate) item: Item,
    /// A message that its process had not made durable when it was written.
    pub(crate) was_durable: bool,
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct End {
    /// The node whose end it is, and that of the other.
    pub(crate) node: usize,
    pub(crate) other_node: usize,
    pub(crate) other: u64,
    life: Arc<Life>,
    arrived: VecDeque<u8>,
    under_way: VecDeque<u8>,
    /// The other end has ended its side; it counts once `under_way` is empty.
    ending: bool,
    ended: bool,
    broken: bool,
    closed: bool,
    blocked: bool,
    written: FrameReader,
    read: FrameReader,
}

#[derive(Debug)]
struct Inner {
    ends: BTreeMap<u64, End>,
    next: u64,
    notes: Vec<Note>,
    passed: Vec<Passed>,
    random: Random,
    /// Octets that one direction of a connection holds.
    capacity: usize,
}

/// See the file's first paragraph. Clones are the same network.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    inner: Arc<Mutex<Inner>>,
}

impl Network {
    pub(crate) fn new(random: Random, capacity: usize) -> Self {
        let inner = Inner {
            ends: BTreeMap::new(),
            next: 1,
            notes: Vec::new(),
            passed: Vec::new(),
            random,
            capacity,
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a connection between two nodes; the ends' ids.
    pub(crate) fn connect(&self, from: (usize, &Arc<Life>), to: (usize, &Arc<Life>)) -> (u64, u64) {
        let mut inner = self.lock();
        let (near, far) = (inner.next, inner.next + 1);
        inner.next += 2;
        inner.ends.insert(near, End::new(from.0, to.0, far, from.1));
        inner.ends.insert(far, End::new(to.0, from.0, near, to.1));
        (near, far)
    }

    /// The conduit of an end, to be given to its socket.
    pub(crate) fn conduit(&self, id: u64) -> Arc<Tube> {
        Arc::new(Tube { id, network: self.clone() })
    }

    /// What happened since the last call.
    pub(crate) fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut self.lock().notes)
    }

    /// What passed since the last call.
    pub(crate) fn take_passed(&self) -> Vec<Passed> {
        std::mem::take(&mut self.lock().passed)
    }

    /// Looks at an end.
    pub(crate) fn look<T>(&self, id: u64, look: impl FnOnce(&End) -> T) -> Option<T> {
        self.lock().ends.get(&id).map(look)
    }

    /// Ends that are open.
    pub(crate) fn open_ends(&self) -> Vec<u64> {
        let inner = self.lock();
        let open = inner.ends.iter().filter(|(_, end)| !end.closed && !end.broken);
        open.map(|(id, _)| *id).collect()
    }

    /// Delivers what is under way to an end, up to `octets`; what is left, and whether there is
    /// something new to see.
    pub(crate) fn deliver(&self, id: u64, octets: usize) -> (usize, bool) {
        let mut inner = self.lock();
        let Some(end) = inner.ends.get_mut(&id) else { return (0, false) };
        let count = end.under_way.len().min(octets);
        end.arrived.extend(end.under_way.drain(..count));
        let left = end.under_way.len();
        let ends = end.ending && left == 0 && !end.ended;
        end.ended |= ends;
        (left, count > 0 || ends)
    }

    /// Cuts an end off: its process sees an error, and what had arrived is lost with what was under
    /// way to it.
    pub(crate) fn break_end(&self, id: u64) {
        let mut inner = self.lock();
        if let Some(end) = inner.ends.get_mut(&id) {
            end.broken = true;
            end.arrived.clear();
            end.under_way.clear();
        }
    }

    /// The other end's process has closed it: this one sees the end of what was written, or an
    /// error if something it wrote was not read.
    pub(crate) fn end_side(&self, id: u64, with_error: bool) {
        if with_error {
            return self.break_end(id);
        }
        if let Some(end) = self.lock().ends.get_mut(&id) {
            end.ending = true;
        }
    }

    /// The ends that a process had.
    pub(crate) fn ends_of(&self, life: &Arc<Life>) -> Vec<u64> {
        let inner = self.lock();
        let own = inner.ends.iter().filter(|(_, end)| Arc::ptr_eq(&end.life, life));
        own.map(|(id, _)| *id).collect()
    }

    /// The ends of a process that is gone are closed, those that it never accepted too.
    pub(crate) fn close_ends(&self, life: &Arc<Life>) {
        let mut inner = self.lock();
        for end in inner.ends.values_mut().filter(|end| Arc::ptr_eq(&end.life, life)) {
            end.closed = true;
        }
    }

    /// Of what is under way to an end, only the first octets come.
    pub(crate) fn lose_under_way(&self, id: u64, kept: usize) {
        if let Some(end) = self.lock().ends.get_mut(&id) {
            end.under_way.truncate(kept);
        }
    }

    /// Whether an end held octets that its process had not read when it closed it.
    pub(crate) fn has_unread(&self, id: u64) -> bool {
        let unread = |end: &End| !end.arrived.is_empty() || !end.under_way.is_empty();
        self.look(id, unread).unwrap_or(false)
    }

    /// Puts octets on the way to an end that nobody has written, between two frames: for a control.
    /// Whether that was possible.
    pub(crate) fn forge(&self, id: u64, octets: &[u8]) -> bool {
        let inner = &mut *self.lock();
        let other = inner.ends.get(&id).map(|end| end.other);
        let fits = other.and_then(|other| inner.ends.get(&other));
        let fits = fits.is_some_and(|other| other.written.is_between_frames());
        if let Some(end) = inner.ends.get_mut(&id).filter(|end| fits && end.is_open()) {
            end.under_way.extend(octets);
            inner.notes.push(Note::Sent(id));
            return true;
        }
        false
    }

    /// Nothing is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        let busy = |end: &End| !end.closed && !end.under_way.is_empty();
        !self.lock().ends.values().any(busy)
    }

    /// Forgets connections of which both ends are closed.
    pub(crate) fn forget_closed(&self) {
        let mut inner = self.lock();
        let closed: Vec<u64> =
            inner.ends.iter().filter(|(_, end)| end.closed).map(|(id, _)| *id).collect();
        for id in closed {
            let other = inner.ends.get(&id).map(|end| end.other);
            let both = other.is_some_and(|o| inner.ends.get(&o).is_none_or(|end| end.closed));
            if both {
                inner.ends.remove(&id);
            }
        }
    }
}

impl End {
    fn new(node: usize, other_node: usize, other: u64, life: &Arc<Life>) -> Self {
        Self {
            node,
            other_node,
            other,
            life: Arc::clone(life),
            arrived: VecDeque::new(),
            under_way: VecDeque::new(),
            ending: false,
            ended: false,
            broken: false,
            closed: false,
            blocked: false,
            written: FrameReader::default(),
            read: FrameReader::default(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.closed && !self.broken
    }

    /// It was closed by its process.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The end or an error is there to be seen.
    pub(crate) fn is_over(&self) -> bool {
        self.ended || self.broken
    }

    /// The process that has the end.
    pub(crate) fn life(&self) -> &Arc<Life> {
        &self.life
    }
}

/// One end of a connection, as its socket has it.
#[derive(Debug)]
pub(crate) struct Tube {
    id: u64,
    network: Network,
}

impl Tube {
    fn passed(inner: &mut Inner, id: u64, written: bool, bytes: &[u8]) {
        let Inner { ends, passed, .. } = inner;
        let Some(end) = ends.get_mut(&id) else { return };
        let life = &end.life;
        let reader = if written { &mut end.written } else { &mut end.read };
        reader.feed(bytes, |item| {
            let was_durable = match &item {
                Item::Message(body) if written => {
                    MessageId::of_body(body).is_none_or(|id| life.is_durable(id))
                }
                _ => true,
            };
            passed.push(Passed { end: id, written, item, was_durable });
        });
    }
}

impl Conduit for Tube {
    fn id(&self) -> u64 {
        self.id
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let inner = &mut *self.network.lock();
        let Some(end) = inner.ends.get_mut(&self.id) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        if end.broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if end.life.is_dead() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if end.arrived.is_empty() {
            return if end.ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let count = end.arrived.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(end.arrived.drain(..count)) {
            *to = from;
        }
        let other = end.other;
        if inner.ends.get_mut(&other).is_some_and(|other| std::mem::take(&mut other.blocked)) {
            inner.notes.push(Note::Room(other));
        }
        Self::passed(inner, self.id, false, &buffer[..count]);
        Ok(count)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let inner = &mut *self.network.lock();
        let capacity = inner.capacity;
        let partly = inner.random.chance(1, 8);
        let Some(end) = inner.ends.get_mut(&self.id) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        if end.life.is_dead() {
            return Ok(bytes.len());
        }
        if end.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let other = end.other;
        let Some(far) = inner.ends.get_mut(&other) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let room = capacity.saturating_sub(far.under_way.len() + far.arrived.len());
        let mut count = bytes.len().min(room);
        if partly && count > 1 {
            count /= 2;
        }
        if count == 0 {
            if let Some(end) = inner.ends.get_mut(&self.id) {
                end.blocked = true;
            }
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // What goes to an end that is closed or cut off is lost; the writer learns of it later.
        if far.is_open() {
            far.under_way.extend(&bytes[..count]);
            inner.notes.push(Note::Sent(other));
        }
        Self::passed(inner, self.id, true, &bytes[..count]);
        Ok(count)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        let mut inner = self.network.lock();
        let Some(end) = inner.ends.get(&self.id).filter(|end| !end.broken) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let other = end.other;
        if let Some(far) = inner.ends.get_mut(&other) {
            far.ending = true;
        }
        inner.notes.push(Note::Sent(other));
        Ok(())
    }

    fn unsent_bytes(&self) -> usize {
        let inner = self.network.lock();
        let other = inner.ends.get(&self.id).map(|end| end.other);
        other.and_then(|other| inner.ends.get(&other)).map_or(0, |far| far.under_way.len())
    }

    fn look_again(&self) {
        self.network.lock().notes.push(Note::LookAgain(self.id));
    }
}

impl Drop for Tube {
    fn drop(&mut self) {
        let mut inner = self.network.lock();
        if let Some(end) = inner.ends.get_mut(&self.id)
            && !end.closed
        {
            end.closed = true;
            inner.notes.push(Note::Closed(self.id));
        }
    }
}
