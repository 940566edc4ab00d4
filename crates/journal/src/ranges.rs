//! Which offsets are settled: everything below a mark, and a bounded set of ranges above it.
//!
//! The shape of every acknowledgement: a consumer's of a log, and a receiver's of a remote log. A
//! plain value without threads. Invariant: ranges are disjoint, not adjacent, not empty, and all
//! begin above `below`.

use std::collections::BTreeMap;
use std::ops::Range;

/// A mark and the ranges above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges {
    below: u64,
    above: BTreeMap<u64, u64>,
}

impl Ranges {
    /// Everything below `below` is settled, nothing above.
    pub fn new(below: u64) -> Self {
        Self { below, above: BTreeMap::new() }
    }

    /// The first offset that is not settled.
    pub fn below(&self) -> u64 {
        self.below
    }

    /// The ranges settled out of order, ascending.
    pub fn above(&self) -> impl DoubleEndedIterator<Item = Range<u64>> + '_ {
        self.above.iter().map(|(from, to)| *from..*to)
    }

    /// How many ranges are settled out of order.
    pub fn above_count(&self) -> usize {
        self.above.len()
    }

    /// True when `offset` is settled.
    pub fn contains(&self, offset: u64) -> bool {
        offset < self.below
            || self.above.range(..=offset).next_back().is_some_and(|(_, to)| offset < *to)
    }

    /// How many offsets of `range` are settled.
    pub fn count_in(&self, range: &Range<u64>) -> u64 {
        let overlap = |from: u64, to: u64| to.min(range.end).saturating_sub(from.max(range.start));
        let first = self.above.range(..range.start).next_back().map(|(from, to)| (*from, *to));
        let inside = self.above.range(range.start..range.end.max(range.start));
        let above: u64 = inside
            .map(|(from, to)| (*from, *to))
            .chain(first)
            .map(|(from, to)| overlap(from, to))
            .sum();
        overlap(0, self.below) + above
    }

    /// Settles `range`; an empty one changes nothing.
    pub fn insert(&mut self, range: Range<u64>) {
        let (mut from, mut to) = (range.start, range.end);
        if from >= to || to <= self.below {
            return;
        }
        if from > self.below
            && let Some((before, end)) = self.above.range(..=from).next_back()
            && *end >= from
        {
            (from, to) = (*before, to.max(*end));
        }
        while let Some((next, end)) = self.above.range(from..=to).next() {
            let next = *next;
            to = to.max(*end);
            self.above.remove(&next);
        }
        if from <= self.below {
            self.below = to;
            self.absorb();
        } else {
            self.above.insert(from, to);
        }
    }

    /// Raises the mark to `below` at least, and over the ranges that it then touches.
    pub fn raise(&mut self, below: u64) {
        if below > self.below {
            self.below = below;
            self.absorb();
        }
    }

    fn absorb(&mut self) {
        while let Some((from, to)) = self.above.first_key_value().map(|(from, to)| (*from, *to)) {
            if from > self.below {
                break;
            }
            self.above.remove(&from);
            self.below = self.below.max(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn settles_what_a_set_of_offsets_settles(
            ranges in prop::collection::vec((0u64..64, 0u64..12), 0..40),
            raise in 0u64..40,
            window in (0u64..64, 0u64..64),
        ) {
            let mut settled: std::collections::BTreeSet<u64> = (0..5).collect();
            let mut tested = Ranges::new(5);
            for (at, (from, length)) in ranges.iter().enumerate() {
                tested.insert(*from..from + length);
                settled.extend(*from..from + length);
                if at == 20 {
                    tested.raise(raise);
                    settled.extend(0..raise);
                }
            }
            for offset in 0..100 {
                prop_assert_eq!(tested.contains(offset), settled.contains(&offset), "{}", offset);
            }
            let range = window.0..window.0 + window.1;
            prop_assert_eq!(tested.count_in(&range), settled.range(range).count() as u64);
            let mut end = tested.below();
            for range in tested.above() {
                prop_assert!(range.start > end && range.end > range.start);
                end = range.end;
            }
        }
    }
}
