//! The producing end of the pipe's queue. One thread at a time; it owns the slots from `published`
//! on. The protocol is written at [`super`].

use super::chunk::{CHUNK_ITEMS, Chunk};
use super::{Shared, discard, link, spare_after};
use crate::sync::{Arc, Ordering, fence, heavy_fence, recheck_removed, store_then_fence, take};
use std::{fmt, ptr};

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
    pub(super) fn new(shared: Arc<Shared<T>>, limit: usize) -> Self {
        Self {
            shared,
            chunk: ptr::null_mut(),
            pushed: 0,
            published: 0,
            published_chunk: ptr::null_mut(),
            messages: 0,
            consumed: 0,
            limit,
            spare: 0,
            waits: false,
        }
    }

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
        // SAFETY: items from..to were never published, so they, the chunks after `published_chunk`
        // and the links to them are ours alone; the receiver holds on to that chunk while nothing
        // beyond it is published, and the last link is null (`append_chunk`).
        unsafe { discard(&self.shared, self.chunk, from, to) };
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
    /// After false the receiver's [`message_consumed`](super::Receiver::message_consumed) will
    /// return true once, when the queue has drained to half the limit, or its
    /// [`close`](super::Receiver::close) will. Look at [`is_closed`](Self::is_closed) after this
    /// call, not before it. An activation may still arrive after room was found in another way.
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
        flag.swap(true, Ordering::AcqRel);
        // Should the system refuse it of a sudden, a receiver that is between its store and its
        // look at this very moment sees the flag with its next message.
        let _ = heavy_fence();
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
        self.shared.flags.0.sender_closed.store(true, Ordering::Release);
        fence();
        let asleep = take(&self.shared.flags.0.receiver_asleep);
        // Last, because it drops items of the caller's type.
        self.rollback();
        asleep
    }

    /// Takes the request for an activation back, room having been found without it.
    fn stop_waiting(&mut self) {
        self.waits = false;
        self.shared.flags.0.sender_waits.swap(false, Ordering::AcqRel);
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
        self.spare = spare_after(self.spare);
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
