//! Who sleeps on a socket: parked threads and tasks, each by its [`Waker`] and by what it waits
//! for. Any thread may register, cancel and wake. The list owns a clone of each waker until it is
//! woken or cancelled.
//!
//! # The protocol
//!
//! The one who changes the socket: *change the state, then fence, then wake, and only who said it
//! sleeps*. That is [`Waiters::wake_one`] and [`Waiters::wake_all`], which begin with the fence.
//!
//! The one who waits: *register, look at the state again, then sleep*. [`Waiters::register`] ends
//! with the fence. Whoever finds on the second look what it wanted cancels instead of sleeping.
//!
//! If the state is guarded by a lock that is held by the changer while it changes *and* wakes, and
//! by the waiter while it registers *and* looks, the lock orders both, and the changer may use
//! [`Waiters::wake_one_locked`] and [`Waiters::wake_all_locked`], which leave out the fence. If
//! either side lets go of the lock in between, the fenced ones are needed.
//!
//! One wake-up may serve one waiter that then does not use it (a cancelled future, a timeout, a
//! poller that found something elsewhere): [`Waiters::cancel`] says so, and the wake-up must be
//! passed on.

use crate::sync::{AtomicU8, Mutex, MutexGuard, Ordering, fence, lock};
use std::collections::VecDeque;
use std::task::Waker;

/// Waiters that a list holds without allocating.
const INLINE_WAITERS: usize = 4;
/// Wakers that are taken out of the list under one hold of the lock.
const WAKE_BATCH: usize = 8;

/// What a waiter waits for: a set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interest(u8);

impl Interest {
    /// A message can be received.
    pub const IN: Self = Self(1);
    /// A message can be sent.
    pub const OUT: Self = Self(2);
    /// A peer came, went or subscribed.
    pub const CHANGE: Self = Self(4);
    /// [`IN`](Self::IN) and [`OUT`](Self::OUT).
    pub const BOTH: Self = Self(3);
    /// Every bit, the reserved ones too: for waking all at shutdown.
    pub const ALL: Self = Self(u8::MAX);

    /// The bits of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the two share a bit.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl std::ops::BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

/// A place in the list of waiters. To be given back with [`Waiters::cancel`], whether or not it
/// was woken.
#[derive(Debug)]
#[must_use = "a ticket that is dropped leaves its waker in the list"]
pub struct Ticket {
    number: u64,
}

/// The list of those who sleep on a socket. See the [module](self) for the protocol.
///
/// # Memory
///
/// Four waiters are held in place; more allocate.
#[derive(Debug)]
pub struct Waiters {
    /// The union of what the entries wait for; changed under the lock.
    armed: AtomicU8,
    list: Mutex<List>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    interest: Interest,
    waker: Waker,
}

#[derive(Debug)]
struct List {
    /// The number of the next entry; the lower the number, the longer it waits.
    next_number: u64,
    /// In no order.
    inline: [Option<Entry>; INLINE_WAITERS],
    /// By number, ascending.
    more: VecDeque<Entry>,
}

impl Waiters {
    /// An empty list. Allocates nothing.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self { armed: AtomicU8::new(0), list: Mutex::new(List::new()) }
    }

    /// An empty list; loom's atomics cannot be made in a constant.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self { armed: AtomicU8::new(0), list: Mutex::new(List::new()) }
    }

    /// Enters a waker. The caller must look at the state again before it sleeps.
    ///
    /// The entry is removed by the first wake-up it gets, or by [`cancel`](Self::cancel).
    pub fn register(&self, interest: Interest, waker: &Waker) -> Ticket {
        // Cloning a waker runs foreign code, so not under the lock.
        let waker = waker.clone();
        let number = {
            let mut list = lock(&self.list);
            let number = list.insert(interest, waker);
            self.arm(&list);
            number
        };
        fence();
        Ticket { number }
    }

    /// Replaces the waker of an entry; false if it was woken already, and so is gone.
    ///
    /// After false the caller looks at the state; to go on waiting it registers anew.
    pub fn update(&self, ticket: &Ticket, waker: &Waker) -> bool {
        let mut fresh = None;
        loop {
            let mut list = lock(&self.list);
            let Some(entry) = list.entry_mut(ticket.number) else { return false };
            if entry.waker.will_wake(waker) {
                return true;
            }
            if let Some(waker) = fresh.take() {
                let stale = std::mem::replace(&mut entry.waker, waker);
                // Dropping a waker runs foreign code, so not under the lock.
                drop(list);
                drop(stale);
                return true;
            }
            drop(list);
            fresh = Some(waker.clone());
        }
    }

    /// Gives a ticket back; true if the entry had been woken already.
    ///
    /// After true, a waiter that does not go on to take what it was woken for must pass the wake-up
    /// on: [`wake_one`](Self::wake_one) with the same interest.
    #[must_use = "a wake-up that is not used must be passed on"]
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is given back once")]
    pub fn cancel(&self, ticket: Ticket) -> bool {
        let removed = {
            let mut list = lock(&self.list);
            let removed = list.remove(ticket.number);
            self.arm(&list);
            removed
        };
        removed.is_none()
    }

    /// Whether anybody waits for any of these; one load, without order.
    #[inline]
    #[must_use]
    pub fn any(&self, interest: Interest) -> bool {
        Interest(self.armed.load(Ordering::Relaxed)).intersects(interest)
    }

    /// Wakes the one that waits longest for any of these; true if there was one.
    ///
    /// The state must have been changed before. One fence and one load when nobody waits.
    #[inline]
    pub fn wake_one(&self, interest: Interest) -> bool {
        fence();
        self.wake_one_locked(interest)
    }

    /// Wakes everybody that waits for any of these; returns how many.
    ///
    /// The state must have been changed before. One fence and one load when nobody waits.
    #[inline]
    pub fn wake_all(&self, interest: Interest) -> usize {
        fence();
        self.wake_all_locked(interest)
    }

    /// [`wake_one`](Self::wake_one) without the fence, for callers that hold the lock under which
    /// every waiter registers and looks at the state again.
    #[inline]
    pub fn wake_one_locked(&self, interest: Interest) -> bool {
        self.any(interest) && self.wake_up_to(interest, 1) == 1
    }

    /// [`wake_all`](Self::wake_all) without the fence, for callers that hold the lock under which
    /// every waiter registers and looks at the state again.
    #[inline]
    pub fn wake_all_locked(&self, interest: Interest) -> usize {
        if self.any(interest) { self.wake_up_to(interest, usize::MAX) } else { 0 }
    }

    /// Wakes the oldest `most` entries, of those that were there when this began.
    #[cold]
    fn wake_up_to(&self, interest: Interest, most: usize) -> usize {
        let mut woken = 0;
        let mut end = None;
        while woken < most {
            // Wakers run foreign code, which may come back here: they are called after the lock.
            let mut batch: [Option<Waker>; WAKE_BATCH] = [const { None }; WAKE_BATCH];
            let mut count = 0;
            {
                let mut list = lock(&self.list);
                let end = *end.get_or_insert(list.next_number);
                while count < WAKE_BATCH.min(most - woken) {
                    let Some(entry) = list.take_oldest(interest, end) else { break };
                    batch[count] = Some(entry.waker);
                    count += 1;
                }
                self.arm(&list);
            }
            batch.into_iter().flatten().for_each(Waker::wake);
            woken += count;
            if count < WAKE_BATCH {
                break;
            }
        }
        woken
    }

    fn arm(&self, list: &MutexGuard<'_, List>) {
        self.armed.store(list.interests(), Ordering::Relaxed);
    }
}

impl Default for Waiters {
    fn default() -> Self {
        Self::new()
    }
}

impl List {
    const fn new() -> Self {
        Self { next_number: 0, inline: [const { None }; INLINE_WAITERS], more: VecDeque::new() }
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.inline.iter().flatten().chain(&self.more)
    }

    fn interests(&self) -> u8 {
        self.entries().fold(0, |bits, entry| bits | entry.interest.0)
    }

    fn insert(&mut self, interest: Interest, waker: Waker) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        let entry = Entry { number, interest, waker };
        match self.inline.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(entry),
            None => self.more.push_back(entry),
        }
        number
    }

    fn entry_mut(&mut self, number: u64) -> Option<&mut Entry> {
        match self.more.binary_search_by_key(&number, |entry| entry.number) {
            Ok(index) => self.more.get_mut(index),
            Err(_) => self.inline.iter_mut().flatten().find(|entry| entry.number == number),
        }
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        match self.more.binary_search_by_key(&number, |entry| entry.number) {
            Ok(index) => self.more.remove(index),
            Err(_) => self
                .inline
                .iter_mut()
                .find(|place| place.as_ref().is_some_and(|entry| entry.number == number))
                .and_then(Option::take),
        }
    }

    /// Removes the entry with the lowest number under `end` that waits for any of these.
    fn take_oldest(&mut self, interest: Interest, end: u64) -> Option<Entry> {
        let oldest = self
            .entries()
            .filter(|entry| entry.interest.intersects(interest) && entry.number < end)
            .map(|entry| entry.number)
            .min()?;
        self.remove(oldest)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    /// Registers itself anew each time it is woken, from within the waker.
    struct Again {
        waiters: Arc<Waiters>,
        woken: AtomicUsize,
        tickets: Mutex<Vec<Ticket>>,
    }

    impl Wake for Again {
        fn wake(self: Arc<Self>) {
            self.woken.fetch_add(1, Ordering::Relaxed);
            let ticket = self.waiters.register(Interest::IN, &Waker::from(Arc::clone(&self)));
            lock(&self.tickets).push(ticket);
        }
    }

    #[test]
    fn wake_all_wakes_those_that_were_there_and_holds_no_lock_meanwhile() {
        let waiters = Arc::new(Waiters::new());
        let again = Arc::new(Again {
            waiters: Arc::clone(&waiters),
            woken: AtomicUsize::new(0),
            tickets: Mutex::new(Vec::new()),
        });
        let waker = Waker::from(Arc::clone(&again));
        let mut tickets = Vec::new();
        for _ in 0..3 * WAKE_BATCH {
            tickets.push(waiters.register(Interest::IN, &waker));
        }
        assert_eq!(waiters.wake_all(Interest::BOTH), 3 * WAKE_BATCH);
        assert_eq!(again.woken.load(Ordering::Relaxed), 3 * WAKE_BATCH);
        for ticket in tickets {
            assert!(waiters.cancel(ticket));
        }
        let entered_meanwhile = std::mem::take(&mut *lock(&again.tickets));
        assert_eq!(entered_meanwhile.len(), 3 * WAKE_BATCH);
        for ticket in entered_meanwhile {
            assert!(!waiters.cancel(ticket));
        }
        assert!(!waiters.any(Interest::ALL));
    }

    #[test]
    fn update_with_the_same_waker_keeps_it() {
        let waiters = Waiters::new();
        let ticket = waiters.register(Interest::OUT, Waker::noop());
        assert!(waiters.update(&ticket, Waker::noop()));
        assert!(!waiters.wake_one(Interest::IN));
        assert!(waiters.wake_one(Interest::OUT));
        assert!(!waiters.update(&ticket, Waker::noop()));
        assert!(waiters.cancel(ticket));
    }
}
