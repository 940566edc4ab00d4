//! The pipe's queue: one producer, one consumer, an unbounded list of chunks, counted in whole
//! messages. [`Sender`] and [`Receiver`] may each be used by one thread at a time (they are `Send`
//! and need `&mut`); the items belong to the queue from `push` to `pop`, and whichever end goes
//! last drops what is left.
//!
//! # Who owns what
//!
//! Items are numbered from zero, wrapping. The producer owns every slot from `items` (what is
//! published) on, the consumer every slot below it. `items` is stored with `Release` after the
//! slots and links it covers were written, and loaded with `Acquire` before they are read. A chunk
//! is the consumer's to give away once it holds the next one, which it finds only after an item in
//! the next one was published; so the producer may always touch the chunk it last published into.
//!
//! # Two handshakes
//!
//! | sleeper | says | looks again at | is woken by |
//! |---|---|---|---|
//! | receiver, nothing to pop | `receiver_asleep` | `items`, `sender_closed` | [`Sender::publish`], [`Sender::close`] |
//! | sender, no room | `sender_waits` | `consumed`, `receiver_closed` | [`Receiver::message_consumed`], [`Receiver::close`] |
//!
//! Both follow the rule of the crate: the one who changes stores, fences and takes the flag; the
//! one who sleeps raises the flag, fences and looks again. To deliver the wake-up is the caller's
//! part, when the method returns true.
//!
//! # Cost
//!
//! Push is a slot write, publish one store with a fence and one load, pop a slot read,
//! `message_consumed` one store with a fence and one load. Nothing allocates in a steady state.

mod chunk;
#[cfg(all(test, not(loom)))]
mod tests;

use crate::sync::{
    Arc, AtomicBool, AtomicPtr, AtomicUsize, Ordering, Padded, UnsafeCell, fence, recheck_removed,
    store_then_fence, take,
};
use chunk::{CHUNK_ITEMS, Chunk};
use std::marker::PhantomData;
use std::{fmt, ptr};

/// Spent chunks kept for the producer. Eight chunks of 64 hold what a pipe with the default
/// high-water mark of 1000 drains before a waiting sender is activated.
const SPARE_CHUNKS_MAX: usize = if cfg!(loom) { 1 } else { 8 };

/// Makes a queue whose high-water mark is `limit` whole messages, 0 for none.
///
/// # Memory
///
/// About 600 bytes while nothing was pushed, then chunks of 64 items; up to eight spent chunks
/// are kept for reuse.
#[must_use]
pub fn channel<T>(limit: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(limit));
    let sender = Sender {
        shared: Arc::clone(&shared),
        chunk: ptr::null_mut(),
        pushed: 0,
        published: 0,
        published_chunk: ptr::null_mut(),
        messages: 0,
        consumed: 0,
        limit,
        spare: 0,
        waits: false,
    };
    let receiver = Receiver {
        shared,
        chunk: ptr::null_mut(),
        popped: 0,
        items: 0,
        consumed: 0,
        spare: 0,
        asleep: false,
    };
    (sender, receiver)
}

/// What both ends see.
struct Shared<T> {
    by_sender: Padded<BySender<T>>,
    by_receiver: Padded<ByReceiver>,
    /// Written seldom, read with every message, so on a line of its own.
    flags: Padded<Flags<T>>,
    /// Spent chunks on their way back. Each end walks the ring in order: the receiver fills a
    /// null slot, the sender empties a filled one, so neither needs a counter of the other.
    spares: Padded<[AtomicPtr<Chunk<T>>; SPARE_CHUNKS_MAX]>,
    /// The chunks hold items of this type.
    holds: PhantomData<T>,
}

struct BySender<T> {
    /// Items published, wrapping.
    items: AtomicUsize,
    /// Messages published, wrapping. Stored before `items`.
    messages: AtomicUsize,
    /// Where the receiver starts; written before the first item is published.
    first: UnsafeCell<*mut Chunk<T>>,
}

struct ByReceiver {
    /// Messages consumed, wrapping.
    consumed: AtomicUsize,
}

struct Flags<T> {
    receiver_asleep: AtomicBool,
    sender_waits: AtomicBool,
    sender_closed: AtomicBool,
    receiver_closed: AtomicBool,
    /// The high-water mark; written by the sender.
    limit: AtomicUsize,
    /// Where the receiver stopped; written when it is dropped, read by the last owner.
    stopped: UnsafeCell<Stopped<T>>,
}

/// The receiver's place in the list: its chunk, null before the first pop, and the next item.
struct Stopped<T> {
    chunk: *mut Chunk<T>,
    popped: usize,
}

impl<T> Shared<T> {
    fn new(limit: usize) -> Self {
        Self {
            by_sender: Padded(BySender {
                items: AtomicUsize::new(0),
                messages: AtomicUsize::new(0),
                first: UnsafeCell::new(ptr::null_mut()),
            }),
            by_receiver: Padded(ByReceiver { consumed: AtomicUsize::new(0) }),
            flags: Padded(Flags {
                receiver_asleep: AtomicBool::new(false),
                sender_waits: AtomicBool::new(false),
                sender_closed: AtomicBool::new(false),
                receiver_closed: AtomicBool::new(false),
                limit: AtomicUsize::new(limit),
                stopped: UnsafeCell::new(Stopped { chunk: ptr::null_mut(), popped: 0 }),
            }),
            spares: Padded(std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut()))),
            holds: PhantomData,
        }
    }
}

/// The chunk that follows `chunk`, or the first one if `chunk` is null.
///
/// # Safety
/// `chunk` is null or alive, and the producer does not write the link at the same time.
unsafe fn chunk_after<T>(shared: &Shared<T>, chunk: *mut Chunk<T>) -> *mut Chunk<T> {
    if chunk.is_null() {
        // SAFETY: the caller excludes a writer of the link, which here is `first`.
        shared.by_sender.0.first.with(|first| unsafe { *first })
    } else {
        // SAFETY: the caller says the chunk is alive and excludes a writer of its link.
        unsafe { (*chunk).next() }
    }
}

/// Drops the items numbered `from..to` and frees every chunk after `keep` (all of them if null).
///
/// # Safety
/// The caller alone may use these items and chunks; `chunk` is the one that holds item `from`, or
/// the one before when `from` begins a chunk, or null when `from` begins the list; the last chunk
/// of the list has a null link. Nobody may use the items and chunks afterwards.
unsafe fn discard<T>(shared: &Shared<T>, mut chunk: *mut Chunk<T>, from: usize, to: usize) {
    let keep = chunk;
    let mut number = from;
    while number != to {
        if number.is_multiple_of(CHUNK_ITEMS) {
            // SAFETY: the chunk is null or alive and nobody else writes links (caller).
            chunk = unsafe { chunk_after(shared, chunk) };
        }
        // SAFETY: items from..to are filled and ours (caller); `number` moves on, so once each.
        drop(unsafe { (*chunk).take(number) });
        number = number.wrapping_add(1);
    }
    // SAFETY: as above; `keep` is null or alive.
    let mut spent = unsafe { chunk_after(shared, keep) };
    while !spent.is_null() {
        // SAFETY: `spent` is in the list, alive, and ours; its link is read before it is freed.
        let next = unsafe { (*spent).next() };
        // SAFETY: as above, and the caller uses none of the chunks after `keep` again.
        unsafe { Chunk::free(spent) };
        spent = next;
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let items = self.by_sender.0.items.load(Ordering::Acquire);
        // SAFETY: both ends are gone, so nothing else uses the cell.
        let (chunk, popped) =
            self.flags.0.stopped.with(|stopped| unsafe { ((*stopped).chunk, (*stopped).popped) });
        // SAFETY: both ends are gone; the sender rolled back, so the list ends at `items`, and
        // the receiver left its place in it.
        unsafe { discard(self, chunk, popped, items) };
        if !chunk.is_null() {
            // SAFETY: the receiver's chunk is the one `discard` kept, and now has no user.
            unsafe { Chunk::free(chunk) };
        }
        for spare in &self.spares.0 {
            let spare = spare.load(Ordering::Acquire);
            if !spare.is_null() {
                // SAFETY: a chunk in the ring is in no list, and both ends are gone.
                unsafe { Chunk::free(spare) };
            }
        }
    }
}

/// The producing end of a queue.
///
/// A message is one or more items: [`push`](Self::push) each, then [`publish`](Self::publish).
/// Dropping the sender drops what was not published and closes; what was published stays for the
/// receiver. Use [`close`](Self::close) when a sleeping receiver must hear of it.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
    /// The chunk the last item was pushed into; null before the first.
    chunk: *mut Chunk<T>,
    /// Items pushed, wrapping; `published` and what came after it.
    pushed: usize,
    /// Items published, wrapping; equal to the shared `items`.
    published: usize,
    /// `chunk` at the last publish.
    published_chunk: *mut Chunk<T>,
    /// Messages published, wrapping.
    messages: usize,
    /// The receiver's message count when last looked at; never ahead of it.
    consumed: usize,
    /// The high-water mark, 0 for none.
    limit: usize,
    /// Where in the ring of spare chunks the next one is taken.
    spare: usize,
    /// Whether we raised `sender_waits` and have not seen room since.
    waits: bool,
}

// SAFETY: the raw pointers lead to chunks that only this queue uses; the sender moves items, so
// it may go to another thread if they may.
unsafe impl<T: Send> Send for Sender<T> {}

impl<T> Sender<T> {
    /// Appends an item, which the receiver does not see before [`publish`](Self::publish).
    ///
    /// Never blocks and does not look at the high-water mark: ask [`has_room`](Self::has_room)
    /// before the first item of a message.
    #[inline]
    pub fn push(&mut self, item: T) {
        if self.pushed.is_multiple_of(CHUNK_ITEMS) {
            self.append_chunk();
        }
        // SAFETY: `chunk` covers item `pushed` (appended above when it begins a chunk) and is not
        // given away by the receiver before the chunk after it has a published item; the slot is
        // ours because its number is not below `items`.
        unsafe { (*self.chunk).write(self.pushed, item) };
        self.pushed = self.pushed.wrapping_add(1);
    }

    /// Makes everything pushed since the last call visible, as one message.
    ///
    /// Returns true if the receiver went to sleep on an empty queue and the caller must activate
    /// it; true once for each time it went to sleep. Does nothing when nothing was pushed.
    #[inline]
    #[must_use = "a receiver that sleeps must be activated"]
    pub fn publish(&mut self) -> bool {
        if self.pushed == self.published {
            return false;
        }
        self.published = self.pushed;
        self.published_chunk = self.chunk;
        self.messages = self.messages.wrapping_add(1);
        let by_sender = &self.shared.by_sender.0;
        by_sender.messages.store(self.messages, Ordering::Relaxed);
        store_then_fence(&by_sender.items, self.published);
        take(&self.shared.flags.0.receiver_asleep)
    }

    /// Drops every item pushed since the last [`publish`](Self::publish); returns how many.
    pub fn rollback(&mut self) -> usize {
        let (from, to) = (self.published, self.pushed);
        if from == to {
            return 0;
        }
        self.pushed = self.published;
        self.chunk = self.published_chunk;
        // SAFETY: items from..to were never published, so they and the chunks after
        // `published_chunk` are ours alone; the receiver holds on to that chunk while nothing
        // beyond it is published, and the last link is null (`append_chunk`). The link to what was
        // freed is cut at once. If an item's drop panics, the rest leaks and the link stays good.
        unsafe {
            discard(&self.shared, self.chunk, from, to);
            link(&self.shared, self.chunk, ptr::null_mut());
        }
        to.wrapping_sub(from)
    }

    /// Whether one more message may be published: published minus consumed is under the limit.
    ///
    /// Exact, and looks at the receiver's count only when the one it remembers says full.
    #[inline]
    #[must_use]
    pub fn has_room(&mut self) -> bool {
        self.limit == 0 || self.messages.wrapping_sub(self.consumed) < self.limit || {
            self.consumed = self.shared.by_receiver.0.consumed.load(Ordering::Acquire);
            let room = self.messages.wrapping_sub(self.consumed) < self.limit;
            if room && self.waits {
                self.stop_waiting();
            }
            room
        }
    }

    /// Asks for an activation when there is room; true if there is room already.
    ///
    /// After false the receiver's [`message_consumed`](Receiver::message_consumed) will return
    /// true once, when the queue has drained to half the limit, or [`Receiver::close`] will. Look
    /// at [`is_closed`](Self::is_closed) after this call, not before it. An activation may still
    /// arrive after room was found in another way.
    #[must_use = "without room the caller waits to be activated"]
    pub fn wait_for_room(&mut self) -> bool {
        if self.has_room() {
            return true;
        }
        let flag = &self.shared.flags.0.sender_waits;
        if self.waits && flag.load(Ordering::Relaxed) {
            // Raised, fenced and not yet taken: whoever makes room will take it.
            return false;
        }
        self.waits = true;
        flag.store(true, Ordering::Release);
        fence();
        !recheck_removed() && self.has_room()
    }

    /// The high-water mark in whole messages, 0 for none.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Changes the high-water mark; 0 for none.
    ///
    /// A lower mark drops nothing: there is room again when the queue has drained below it. A
    /// sender that waits asks [`wait_for_room`](Self::wait_for_room) again.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.shared.flags.0.limit.store(limit, Ordering::Relaxed);
    }

    /// Messages published and not yet consumed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.wrapping_sub(self.shared.by_receiver.0.consumed.load(Ordering::Acquire))
    }

    /// Whether every published message was consumed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the receiver is gone. What is pushed then is dropped with the queue.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.flags.0.receiver_closed.load(Ordering::Acquire)
    }

    /// Drops what was not published and tells the receiver that no more will come.
    ///
    /// Returns true if the receiver sleeps and the caller must activate it.
    #[must_use = "a receiver that sleeps must be activated"]
    pub fn close(mut self) -> bool {
        self.shut()
    }

    fn shut(&mut self) -> bool {
        self.rollback();
        self.shared.flags.0.sender_closed.store(true, Ordering::Release);
        fence();
        take(&self.shared.flags.0.receiver_asleep)
    }

    /// Takes the request for an activation back, room having been found without it.
    fn stop_waiting(&mut self) {
        self.waits = false;
        self.shared.flags.0.sender_waits.store(false, Ordering::Relaxed);
    }

    #[cold]
    fn append_chunk(&mut self) {
        let chunk = self.spare_chunk().unwrap_or_else(Chunk::allocate);
        // SAFETY: the new chunk is ours alone. The link goes into `first` or into our last chunk,
        // which is alive (see `push`), and which the receiver reads only after an item beyond it
        // is published: we have not even pushed one.
        unsafe {
            (*chunk).set_next(ptr::null_mut());
            link(&self.shared, self.chunk, chunk);
        }
        self.chunk = chunk;
    }

    fn spare_chunk(&mut self) -> Option<*mut Chunk<T>> {
        let place = &self.shared.spares.0[self.spare];
        let chunk = place.load(Ordering::Acquire);
        if chunk.is_null() {
            return None;
        }
        place.store(ptr::null_mut(), Ordering::Release);
        self.spare = (self.spare + 1) % SPARE_CHUNKS_MAX;
        Some(chunk)
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // After `close` this finds the flag taken and nothing to roll back.
        let _ = self.shut();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("len", &self.len()).field("limit", &self.limit).finish()
    }
}

/// Makes `to` the chunk that follows `chunk`, or the first one if `chunk` is null.
///
/// # Safety
/// `chunk` is null or alive, and no one else reads or writes the link at the same time.
unsafe fn link<T>(shared: &Shared<T>, chunk: *mut Chunk<T>, to: *mut Chunk<T>) {
    if chunk.is_null() {
        // SAFETY: the caller excludes everyone else from the link, which here is `first`.
        shared.by_sender.0.first.with_mut(|first| unsafe { *first = to });
    } else {
        // SAFETY: the caller says the chunk is alive and excludes everyone else from its link.
        unsafe { (*chunk).set_next(to) };
    }
}

/// The consuming end of a queue.
///
/// [`pop`](Self::pop) the items of a message, then say
/// [`message_consumed`](Self::message_consumed). Dropping the receiver closes the queue; use
/// [`close`](Self::close) when a waiting sender must hear of it.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The chunk the last item was popped from; null before the first.
    chunk: *mut Chunk<T>,
    /// Items popped, wrapping.
    popped: usize,
    /// The published count when last looked at; never behind `popped`.
    items: usize,
    /// Messages consumed, wrapping; equal to the shared `consumed`.
    consumed: usize,
    /// Where in the ring of spare chunks the next spent one goes.
    spare: usize,
    /// Whether we raised `receiver_asleep` and have not seen an item since.
    asleep: bool,
}

// SAFETY: the raw pointer leads to a chunk that only this queue uses; the receiver moves items,
// so it may go to another thread if they may.
unsafe impl<T: Send> Send for Receiver<T> {}

impl<T> Receiver<T> {
    /// Takes the next published item; `None` when there is none. Never blocks.
    ///
    /// Messages are published whole: after the first part the others are there.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.popped == self.items && !self.look() {
            return None;
        }
        if self.popped.is_multiple_of(CHUNK_ITEMS) {
            self.next_chunk();
        }
        // SAFETY: item `popped` is below `items`, which was loaded with `Acquire`, so its slot was
        // filled before; `chunk` covers it; `popped` moves on, so it is read once.
        let item = unsafe { (*self.chunk).take(self.popped) };
        self.popped = self.popped.wrapping_add(1);
        Some(item)
    }

    /// Counts a message as consumed; to be called after its last part was popped.
    ///
    /// Returns true if the sender waits for room and the queue has drained to half its limit (or
    /// is empty), so that the caller must activate the sender; true once for each time it waits.
    #[inline]
    #[must_use = "a sender that waits must be activated"]
    pub fn message_consumed(&mut self) -> bool {
        self.consumed = self.consumed.wrapping_add(1);
        store_then_fence(&self.shared.by_receiver.0.consumed, self.consumed);
        self.shared.flags.0.sender_waits.load(Ordering::SeqCst) && self.activates_sender()
    }

    /// Whether there is something to pop; if not, the receiver is now asleep.
    ///
    /// After false the next [`Sender::publish`] (or [`Sender::close`]) will return true, once.
    /// Look at [`is_closed`](Self::is_closed) after this call, not before it. An activation may
    /// still arrive after an item was found in another way.
    #[inline]
    #[must_use = "without a message the caller sleeps until it is activated"]
    pub fn has_message(&mut self) -> bool {
        self.popped != self.items || self.look() || self.fall_asleep()
    }

    /// Messages published and not yet consumed.
    #[must_use]
    pub fn len(&self) -> usize {
        let by_sender = &self.shared.by_sender.0;
        by_sender.messages.load(Ordering::Acquire).wrapping_sub(self.consumed)
    }

    /// Whether every published message was consumed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the sender is gone and everything it published has been popped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.flags.0.sender_closed.load(Ordering::Acquire)
            && self.shared.by_sender.0.items.load(Ordering::Acquire) == self.popped
    }

    /// Tells the sender that nothing more will be taken.
    ///
    /// Returns true if the sender waits for room and the caller must activate it. What was
    /// published and not popped is dropped together with the last end.
    #[must_use = "a sender that waits must be activated"]
    pub fn close(self) -> bool {
        self.shut()
    }

    fn shut(&self) -> bool {
        self.shared.flags.0.receiver_closed.store(true, Ordering::Release);
        fence();
        take(&self.shared.flags.0.sender_waits)
    }

    /// Loads the published count; true if there is something to pop.
    #[inline]
    fn look(&mut self) -> bool {
        self.items = self.shared.by_sender.0.items.load(Ordering::Acquire);
        if self.popped == self.items {
            return false;
        }
        if self.asleep {
            // We are awake without the sender's help; its next publish need not wake us.
            self.asleep = false;
            self.shared.flags.0.receiver_asleep.store(false, Ordering::Relaxed);
        }
        true
    }

    #[cold]
    fn fall_asleep(&mut self) -> bool {
        let flag = &self.shared.flags.0.receiver_asleep;
        if self.asleep && flag.load(Ordering::Relaxed) {
            // Raised, fenced and not yet taken: the next publish will take it.
            return false;
        }
        self.asleep = true;
        flag.store(true, Ordering::Release);
        fence();
        !recheck_removed() && self.look()
    }

    /// Whether the waiting sender is to be activated now; if so its request is taken.
    #[cold]
    fn activates_sender(&self) -> bool {
        let limit = self.shared.flags.0.limit.load(Ordering::Relaxed);
        // A sender that waits publishes nothing, so the length is exact. Waking it at half the
        // limit and not at the first free place lets both ends work in long runs.
        self.len() <= limit.div_ceil(2) && take(&self.shared.flags.0.sender_waits)
    }

    #[cold]
    fn next_chunk(&mut self) {
        let spent = self.chunk;
        // SAFETY: an item beyond `spent` is published, so the link was written before and is not
        // written again; `spent` is null or still ours.
        self.chunk = unsafe { chunk_after(&self.shared, spent) };
        if spent.is_null() {
            return;
        }
        let place = &self.shared.spares.0[self.spare];
        if place.load(Ordering::Acquire).is_null() {
            place.store(spent, Ordering::Release);
            self.spare = (self.spare + 1) % SPARE_CHUNKS_MAX;
        } else {
            // SAFETY: all items of the chunk were popped, and the sender has gone on to a later
            // chunk, in which it has published; nobody else knows the pointer.
            unsafe { Chunk::free(spent) };
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let _ = self.shut();
        let (chunk, popped) = (self.chunk, self.popped);
        // SAFETY: written here only, once, and read by `Shared::drop`, which the reference count
        // puts after this.
        self.shared.flags.0.stopped.with_mut(|to| unsafe { *to = Stopped { chunk, popped } });
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).finish()
    }
}
