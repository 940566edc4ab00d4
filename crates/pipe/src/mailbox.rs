//! Commands from many threads to one owner: an I/O thread, the reaper, a socket. Any thread may
//! send; the owner alone drains. The items are owned by the mailbox until drained.

use crate::sync::{AtomicBool, Mutex, Ordering, lock};

/// Slots the drained vector keeps for the next round; what a burst took beyond that is given back.
const RETAINED_ITEMS_MAX: usize = 1024;

/// A queue of commands with many senders and one owner.
///
/// Order is kept: what one thread sends is drained in that order.
///
/// The owner's wake-up is the caller's to deliver, and only when [`send`](Self::send) returns
/// true. That wake-up must be one that is remembered (an eventfd, a [`Parker`](crate::Parker)
/// token), because the owner may be about to sleep when it comes.
///
/// # Memory
///
/// Unbounded; commands must be bounded by what causes them. Up to 1024 slots are kept for reuse.
#[derive(Debug)]
pub struct Mailbox<T> {
    /// What has been sent and not drained, oldest first.
    queue: Mutex<Vec<T>>,
    /// False only while `queue` is empty; changed under the lock.
    pending: AtomicBool,
}

impl<T> Mailbox<T> {
    /// An empty mailbox. Allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { queue: Mutex::new(Vec::new()), pending: AtomicBool::new(false) }
    }

    /// Appends a command; true if the mailbox was empty, so that the owner must be woken.
    ///
    /// Never blocks beyond the time another thread needs to append one command.
    #[must_use = "the owner sleeps on unless it is woken"]
    pub fn send(&self, item: T) -> bool {
        let mut queue = lock(&self.queue);
        let was_empty = queue.is_empty();
        queue.push(item);
        if was_empty {
            self.pending.store(true, Ordering::Release);
        }
        was_empty
    }

    /// Moves everything sent so far to the end of `into`, oldest first.
    ///
    /// When `into` is empty the two vectors are swapped, so a caller that reuses its vector lets
    /// neither side allocate in a steady state. To be called by the owner only.
    pub fn drain(&self, into: &mut Vec<T>) {
        if self.is_empty() {
            return;
        }
        if into.is_empty() && into.capacity() > RETAINED_ITEMS_MAX {
            into.shrink_to(RETAINED_ITEMS_MAX);
        }
        let mut queue = lock(&self.queue);
        self.pending.store(false, Ordering::Relaxed);
        if into.is_empty() {
            std::mem::swap(&mut *queue, into);
        } else {
            into.append(&mut queue);
        }
    }

    /// Whether nothing waits to be drained: one atomic load, no lock.
    ///
    /// A command that is being sent at this moment may be missed; its sender was then told to wake
    /// the owner.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.pending.load(Ordering::Acquire)
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn owner_is_to_be_woken_once_until_it_drains() {
        let mailbox = Mailbox::new();
        assert!(mailbox.is_empty());
        assert!(mailbox.send(1));
        assert!(!mailbox.send(2));
        assert!(!mailbox.is_empty());
        let mut drained = vec![0];
        mailbox.drain(&mut drained);
        assert_eq!(drained, [0, 1, 2]);
        assert!(mailbox.is_empty());
        mailbox.drain(&mut drained);
        assert_eq!(drained.len(), 3);
        assert!(mailbox.send(3));
    }

    #[test]
    fn burst_gives_its_memory_back() {
        let mailbox = Mailbox::new();
        let mut drained = Vec::new();
        for number in 0..20 * RETAINED_ITEMS_MAX {
            let _ = mailbox.send(number);
        }
        for _ in 0..3 {
            mailbox.drain(&mut drained);
            drained.clear();
            let _ = mailbox.send(0);
        }
        mailbox.drain(&mut drained);
        assert!(lock(&mailbox.queue).capacity() <= RETAINED_ITEMS_MAX);
        assert!(drained.capacity() <= RETAINED_ITEMS_MAX);
    }
}
