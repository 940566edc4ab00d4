//! The consuming end of the pipe's queue. One thread at a time; it owns the published slots. The
//! protocol is written at [`super`].

use super::chunk::{CHUNK_ITEMS, Chunk};
use super::{Shared, Stopped, chunk_after, spare_after};
use crate::sync::{Arc, Ordering, fence, light_fence, put_off, recheck_removed, take};
use std::{fmt, ptr};

/// Items found at once that are batch enough.
const BATCH_ITEMS: usize = 32;

/// The shortest and the longest time that a look is put off, in pauses of the processor, which take
/// 20 to 50 ns.
const PAUSES_MIN: u32 = 4;
const PAUSES_MAX: u32 = 64;

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
    /// How long the next look at the published count is put off, in pauses of the processor.
    pauses: u32,
    /// The last look found something.
    streams: bool,
}

// SAFETY: the raw pointer leads to a chunk that only this queue uses; the receiver moves items,
// so it may go to another thread if they may.
unsafe impl<T: Send> Send for Receiver<T> {}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self {
            shared,
            chunk: ptr::null_mut(),
            popped: 0,
            items: 0,
            consumed: 0,
            spare: 0,
            asleep: false,
            pauses: 0,
            streams: false,
        }
    }

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

    /// As [`pop`](Self::pop), in place of what `place` was; false, and nothing done, when there is
    /// none. Saves moving the item about.
    #[inline]
    pub fn pop_into(&mut self, place: &mut T) -> bool {
        if self.popped == self.items && !self.look() {
            return false;
        }
        if self.popped.is_multiple_of(CHUNK_ITEMS) {
            self.next_chunk();
        }
        let number = self.popped;
        // Before the place's old value is dropped, which may panic: an item is taken once.
        self.popped = number.wrapping_add(1);
        // SAFETY: as in `pop`.
        *place = unsafe { (*self.chunk).take(number) };
        true
    }

    /// Counts a message as consumed; to be called after its last part was popped.
    ///
    /// Returns true if the sender waits for room and the queue has drained to half its limit (or
    /// is empty), so that the caller must activate the sender; true once for each time it waits.
    #[inline]
    #[must_use = "a sender that waits must be activated"]
    pub fn message_consumed(&mut self) -> bool {
        self.consumed = self.consumed.wrapping_add(1);
        self.shared.by_receiver.0.consumed.store(self.consumed, Ordering::Release);
        // A sender that waits makes the heavy fence of the pair, once for each time it is full.
        light_fence();
        self.shared.flags.0.sender_waits.load(Ordering::SeqCst) && self.activates_sender()
    }

    /// Whether there is something to pop; if not, the receiver is now asleep.
    ///
    /// After false the sender's next [`publish`](super::Sender::publish), or its
    /// [`close`](super::Sender::close), will return true, once.
    /// Look at [`is_closed`](Self::is_closed) after this call, not before it. An item found later
    /// by [`pop`](Self::pop) ends the sleep: ask again before sleeping. An activation may still
    /// arrive after that.
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
    ///
    /// A receiver on the heels of the sender would take each message by itself, and every look
    /// moves the line that the sender is about to write from processor to processor. So while look
    /// after look finds a little, the next is put off for a moment, until it finds a batch. A look
    /// in vain ends that: who waits for a single message waits for nothing else.
    #[inline]
    fn look(&mut self) -> bool {
        put_off(self.pauses);
        self.items = self.shared.by_sender.0.items.load(Ordering::Acquire);
        let found = self.items.wrapping_sub(self.popped);
        if found == 0 {
            self.pauses = 0;
            self.streams = false;
            return false;
        }
        if found >= BATCH_ITEMS {
            self.pauses /= 2;
        } else if self.streams {
            self.pauses = (self.pauses * 2).clamp(PAUSES_MIN, PAUSES_MAX);
        }
        self.streams = true;
        if self.asleep {
            // We are awake without the sender's help; its next publish need not wake us.
            self.asleep = false;
            self.shared.flags.0.receiver_asleep.swap(false, Ordering::AcqRel);
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
        flag.swap(true, Ordering::AcqRel);
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
            self.spare = spare_after(self.spare);
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::channel;
    use super::*;

    /// Publishes so many items and takes them all, beginning with a look.
    fn batch(items: usize) -> impl FnMut() -> u32 {
        let (mut tx, mut rx) = channel(0);
        move || {
            for item in 0..items {
                tx.push(item);
                let _ = tx.publish();
            }
            for item in 0..items {
                assert_eq!(rx.pop(), Some(item));
            }
            rx.pauses
        }
    }

    #[test]
    fn small_batches_put_the_next_look_off_ever_longer() {
        let mut small = batch(1);
        let pauses: Vec<u32> = (0..8).map(|_| small()).collect();
        assert_eq!(pauses, [0, 4, 8, 16, 32, PAUSES_MAX, PAUSES_MAX, PAUSES_MAX]);
    }

    #[test]
    fn a_large_batch_brings_the_next_look_nearer() {
        let (mut tx, mut rx) = channel(0);
        rx.pauses = PAUSES_MAX;
        for item in 0..BATCH_ITEMS {
            tx.push(item);
            let _ = tx.publish();
        }
        assert_eq!(rx.pop(), Some(0));
        assert_eq!(rx.pauses, PAUSES_MAX / 2);
    }

    #[test]
    fn turn_around_traffic_never_waits() {
        let (mut tx, mut rx) = channel(0);
        for item in 0..100 {
            assert_eq!(rx.pop(), None);
            tx.push(item);
            let _ = tx.publish();
            assert_eq!(rx.pop(), Some(item));
            assert_eq!(rx.pauses, 0);
        }
    }
}
