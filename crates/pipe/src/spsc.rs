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
//! | sleeper | says | looks again at | is woken by the other's |
//! |---|---|---|---|
//! | receiver, empty | `receiver_asleep` | `items`, `sender_closed` | `publish`, `close` |
//! | sender, full | `sender_waits` | `consumed`, `receiver_closed` | `message_consumed`, `close` |
//!
//! Both follow the rule of the crate: the one who changes stores, fences and takes the flag; the
//! one who sleeps raises the flag, fences and looks again. All writes to the two flags are swaps,
//! so they form one chain and each raising is taken at most once. To deliver the wake-up is the
//! caller's part, when the method returns true.
//!
//! # Cost
//!
//! Push is a slot write, publish one store with a fence and one load, pop a slot read,
//! `message_consumed` one store and one load: the fence between them is the light one of a pair
//! whose heavy one the sender makes when it is full. Nothing allocates in a steady state. For the
//! receiver there is no such pair, since one that goes to sleep with every message, as in a round
//! trip, would pay for the heavy fence each time.

mod chunk;
mod receiver;
mod sender;
#[cfg(all(test, not(loom)))]
mod tests;

pub use receiver::Receiver;
pub use sender::Sender;

use crate::sync::{Arc, AtomicBool, AtomicPtr, AtomicUsize, Ordering, Padded, UnsafeCell};
use chunk::{CHUNK_ITEMS, Chunk};
use std::marker::PhantomData;
use std::ptr;

/// Spent chunks kept for the producer. With the default high-water mark of 1000 a waiting sender is
/// activated after 500 items, which end up to nine chunks of 64; one more for the phase between
/// the two ends. tests/allocations.rs holds this to zero allocations.
const SPARE_CHUNKS_MAX: usize = if cfg!(loom) { 1 } else { 10 };

/// Makes a queue whose high-water mark is `limit` whole messages, 0 for none.
///
/// # Memory
///
/// About 600 bytes while nothing was pushed, then chunks of 64 items; up to ten spent chunks
/// are kept for reuse.
#[must_use]
pub fn channel<T>(limit: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(limit));
    (Sender::new(Arc::clone(&shared), limit), Receiver::new(shared))
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

/// The place after this one in the ring of spare chunks.
fn spare_after(place: usize) -> usize {
    if place + 1 == SPARE_CHUNKS_MAX { 0 } else { place + 1 }
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

/// Drops the items numbered `from..to`, frees every chunk after `chunk` (all of them if null) and
/// ends the list there. If an item's drop panics, the items after it leak and the chunks do not.
///
/// # Safety
/// The caller alone may use these items and chunks, and the links to them; `chunk` is the one that
/// holds item `from`, or the one before when `from` begins a chunk, or null when `from` begins the
/// list; the last chunk of the list has a null link. Nobody may use the items and the freed chunks
/// afterwards.
unsafe fn discard<T>(shared: &Shared<T>, mut chunk: *mut Chunk<T>, from: usize, to: usize) {
    let _cut = CutOnDrop { shared, keep: chunk };
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
}

/// The second half of [`discard`], done also when an item's drop panics.
struct CutOnDrop<'a, T> {
    shared: &'a Shared<T>,
    keep: *mut Chunk<T>,
}

impl<T> Drop for CutOnDrop<'_, T> {
    fn drop(&mut self) {
        // SAFETY: made by `discard` only, whose caller says that `keep` is null or alive and that
        // nobody else uses the links and chunks after it.
        let mut spent = unsafe { chunk_after(self.shared, self.keep) };
        // SAFETY: as above.
        unsafe { link(self.shared, self.keep, ptr::null_mut()) };
        while !spent.is_null() {
            // SAFETY: `spent` was in the list, alive, and is ours; its link is read first.
            let next = unsafe { (*spent).next() };
            // SAFETY: as above, and the link that led to it is cut.
            unsafe { Chunk::free(spent) };
            spent = next;
        }
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
