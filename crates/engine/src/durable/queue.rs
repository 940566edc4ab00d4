//! Which messages of a log still have to go out, when any peer may take them: new ones in order,
//! and before them those that came back. Owned by a pattern, under the socket's lock; reads no
//! clock.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

use oxmq_journal::Ranges;

/// See the file's first paragraph.
pub(super) struct Queue {
    /// What is settled.
    pub(super) settled: Ranges,
    /// Of that, what the journal was not told yet.
    fresh: Ranges,
    /// The first offset that was never given out.
    next: u64,
    /// How often offsets from `next` on were tried before the log was opened.
    tried: BTreeMap<u64, u32>,
    /// Offsets that came back, with the number of the attempt that comes.
    again: BTreeMap<u64, u32>,
    /// Those that came back and shall wait.
    later: BTreeMap<(Instant, u64), u32>,
}

impl Queue {
    /// What is left of a log of which this is settled; some offsets were tried before.
    pub(super) fn new(settled: Ranges, tried: impl Iterator<Item = (u64, u32)>) -> Queue {
        let next = settled.below();
        Queue {
            settled,
            fresh: Ranges::new(0),
            next,
            tried: tried.collect(),
            again: BTreeMap::new(),
            later: BTreeMap::new(),
        }
    }

    /// The next offset to give out, of those below `safe`, and its attempt.
    pub(super) fn peek(&mut self, safe: u64) -> Option<(u64, u32)> {
        while let Some((offset, attempt)) = self.again.first_key_value() {
            if !self.settled.contains(*offset) {
                return Some((*offset, *attempt));
            }
            self.again.pop_first();
        }
        while self.next < safe && self.settled.contains(self.next) {
            self.next += 1;
        }
        let tried = || self.tried.get(&self.next).copied().unwrap_or(0);
        (self.next < safe).then(|| (self.next, tried() + 1))
    }

    /// The offset that `peek` returned is given out.
    pub(super) fn take(&mut self, offset: u64) {
        if self.again.remove(&offset).is_none() && offset == self.next {
            self.tried.remove(&offset);
            self.next += 1;
        }
    }

    /// These offsets are settled.
    pub(super) fn settle(&mut self, offsets: Range<u64>) {
        self.settled.insert(offsets.clone());
        self.fresh.insert(offsets);
    }

    /// An offset comes back, for this attempt.
    pub(super) fn back(&mut self, offset: u64, attempt: u32) {
        if !self.settled.contains(offset) {
            self.again.insert(offset, attempt);
        }
    }

    /// The same, not before a time.
    pub(super) fn back_at(&mut self, offset: u64, attempt: u32, at: Instant) {
        if !self.settled.contains(offset) {
            self.later.insert((at, offset), attempt);
        }
    }

    /// Brings back what has waited until `now`; returns when to ask again.
    pub(super) fn due(&mut self, now: Instant) -> Option<Instant> {
        while let Some(entry) = self.later.first_entry() {
            let (at, offset) = *entry.key();
            if at > now {
                return Some(at);
            }
            let attempt = entry.remove();
            self.back(offset, attempt);
        }
        None
    }

    /// Takes out those below `end` that are not settled and with nobody: runs of offsets, ascending
    /// but for those that came back, which come first.
    pub(super) fn waiting_below(&mut self, end: u64) -> Vec<Range<u64>> {
        let young = self.again.split_off(&end);
        let mut back: Vec<u64> = std::mem::replace(&mut self.again, young).into_keys().collect();
        self.later.retain(|(_, offset), _| {
            back.extend((*offset < end).then_some(*offset));
            *offset >= end
        });
        back.retain(|offset| !self.settled.contains(*offset));
        back.sort_unstable();
        let mut runs: Vec<Range<u64>> = Vec::new();
        for offset in back {
            match runs.last_mut() {
                Some(last) if last.end == offset => last.end += 1,
                _ => runs.push(offset..offset + 1),
            }
        }
        let mut from = self.next.max(self.settled.below());
        for done in self.settled.above().chain(std::iter::once(end..end)) {
            if from < done.start.min(end) {
                runs.push(from..done.start.min(end));
            }
            from = from.max(done.end);
        }
        self.next = self.next.max(end);
        self.tried.retain(|offset, _| *offset >= end);
        runs
    }

    /// The journal may have lost what it was told: it is told anew of everything below `end`.
    pub(super) fn tell_again(&mut self, end: u64) {
        self.fresh.insert(1..self.settled.below().min(end));
        for range in self.settled.above() {
            self.fresh.insert(range.start..range.end.min(end));
        }
    }

    /// What had these numbers is lost; below `end` they are given to nobody any more.
    pub(super) fn lose_from(&mut self, from: u64, end: u64) {
        self.again.split_off(&from);
        self.tried.split_off(&from);
        self.later.retain(|(_, offset), _| *offset < from);
        if from < end {
            self.settle(from..end);
        }
    }

    /// The last offset below `end` that is not settled.
    pub(super) fn last_unsettled(&self, end: u64) -> Option<u64> {
        let mut above = end;
        for range in self.settled.above().rev() {
            if range.end < above {
                break;
            }
            above = above.min(range.start);
        }
        above.checked_sub(1).filter(|offset| *offset >= self.settled.below())
    }

    /// What the journal has to be told.
    pub(super) fn take_fresh(&mut self) -> Option<Ranges> {
        let some = self.fresh.above_count() > 0 || self.fresh.below() > 0;
        some.then(|| std::mem::replace(&mut self.fresh, Ranges::new(0)))
    }

    /// Messages that are not settled, of a log whose next offset is `end`.
    pub(super) fn unsettled(&self, end: u64) -> u64 {
        end.saturating_sub(1) - self.settled.count_in(&(1..end.max(1)))
    }
}
