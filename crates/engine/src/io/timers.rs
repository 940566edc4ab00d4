//! The deadlines of an I/O thread: one heap, without cancellation. Whoever is called finds out
//! for itself whether it is still due. Owned by the thread.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Deadlines of what `K` names, soonest first.
pub(super) struct Timers<K> {
    heap: BinaryHeap<Reverse<(Instant, K)>>,
}

impl<K: Ord + Copy> Timers<K> {
    pub(super) fn new() -> Timers<K> {
        Timers { heap: BinaryHeap::new() }
    }

    pub(super) fn add(&mut self, at: Instant, key: K) {
        self.heap.push(Reverse((at, key)));
    }

    /// How long until the next one.
    pub(super) fn next_in(&self, now: Instant) -> Option<Duration> {
        self.heap.peek().map(|Reverse((at, _))| at.saturating_duration_since(now))
    }

    /// Takes one that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.heap.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            return self.heap.pop().map(|Reverse((_, key))| key);
        }
        None
    }
}
