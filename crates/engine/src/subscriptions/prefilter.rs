//! Tells most messages that nobody wants from those that somebody may, without a walk down the
//! tree: with a million topics each step of the walk waits for memory, while this has two octets a
//! topic and looks at a word of them.
//!
//! It is a filter after Bloom for each power of four of topics, whose key is the topic. A message
//! is looked up with the beginnings that are as long as a topic is; with topics of many lengths
//! that would be too many, and everything passes. Topics that go stay in the filter until as many
//! have gone as there are, when the matcher makes it anew. Owned by the matcher.

use std::hash::{BuildHasher, RandomState};

/// Below so many topics the tree is in the processor's cache, and everything passes.
const TOPICS_MIN: usize = if cfg!(test) { 4 } else { 4096 };
/// Most lengths of topics for which a message is looked up.
const LENGTHS_MAX: usize = 4;
/// Of a longer topic so many octets are the key.
const KEY_BYTES_MAX: usize = 64;
/// Bits of a filter for each topic it has room for, and bits that each sets, all of one word.
const BITS_PER_TOPIC: usize = 16;
const BITS_SET: u32 = 4;

/// See the file's first paragraph.
#[derive(Debug)]
pub(super) struct Prefilter {
    /// Each has four times as much room as the one before; only the last takes topics in.
    layers: Vec<Layer>,
    /// Topics by the length of their key.
    lengths: [u32; KEY_BYTES_MAX + 1],
    /// The lengths that some topic has, if they are few enough to be looked up.
    looked_up: Vec<u8>,
    live: usize,
    /// Topics that are gone and still in a layer.
    stale: usize,
    /// Keys of the hash, which no peer knows.
    seed: [u64; 2],
}

#[derive(Debug)]
struct Layer {
    /// As many as a power of two.
    words: Vec<u64>,
    room: usize,
}

impl Prefilter {
    pub(super) fn new() -> Prefilter {
        let random = RandomState::new();
        Prefilter {
            layers: Vec::new(),
            lengths: [0; KEY_BYTES_MAX + 1],
            looked_up: Vec::new(),
            live: 0,
            stale: 0,
            seed: [random.hash_one(0), random.hash_one(1) | 1],
        }
    }

    /// Takes a topic in that was not there.
    pub(super) fn add(&mut self, topic: &[u8]) {
        let key = key_of(topic);
        self.live += 1;
        self.lengths[key.len()] += 1;
        if self.lengths[key.len()] == 1 {
            self.count_lengths();
        }
        let hash = self.hash(key);
        if self.layers.last().is_none_or(|layer| layer.room == 0) {
            let room = TOPICS_MIN << (2 * self.layers.len());
            self.layers.push(Layer::new(room));
        }
        if let Some(last) = self.layers.last_mut() {
            last.add(hash);
        }
    }

    /// Forgets a topic. True if the filter is worn out and shall be made anew with those that are
    /// left.
    pub(super) fn remove(&mut self, topic: &[u8]) -> bool {
        let key = key_of(topic);
        self.live -= 1;
        self.stale += 1;
        self.lengths[key.len()] -= 1;
        if self.lengths[key.len()] == 0 {
            self.count_lengths();
        }
        self.stale > self.live.max(TOPICS_MIN)
    }

    /// False if certainly no topic is a beginning of `data`.
    #[inline]
    pub(super) fn may_match(&self, data: &[u8]) -> bool {
        if self.live < TOPICS_MIN || self.looked_up.is_empty() {
            return true;
        }
        self.looked_up.iter().any(|length| {
            let key = data.get(..usize::from(*length));
            key.is_some_and(|key| {
                let hash = self.hash(key);
                self.layers.iter().any(|layer| layer.may_have(hash))
            })
        })
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.layers.iter().map(|layer| layer.words.capacity() * size_of::<u64>()).sum()
    }

    fn count_lengths(&mut self) {
        self.looked_up.clear();
        let used = |count: &u32| *count > 0;
        if self.lengths.iter().filter(|count| used(count)).count() > LENGTHS_MAX {
            return;
        }
        let lengths = (0_u8..).zip(&self.lengths).filter(|(_, count)| used(count));
        self.looked_up.extend(lengths.map(|(length, _)| length));
    }

    /// Mixes eight octets at a time by multiplication (as wyhash does).
    #[inline]
    fn hash(&self, key: &[u8]) -> u64 {
        let [mut hash, factor] = self.seed;
        hash ^= key.len() as u64;
        let (words, rest) = key.as_chunks::<8>();
        for word in words {
            hash = mix(hash ^ u64::from_le_bytes(*word), factor);
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            hash = mix(hash ^ u64::from_le_bytes(last), factor);
        }
        mix(hash, factor)
    }
}

#[inline]
fn mix(value: u64, factor: u64) -> u64 {
    let product = u128::from(value ^ 0x9e37_79b9_7f4a_7c15) * u128::from(factor);
    (product as u64) ^ (product >> 64) as u64
}

fn key_of(topic: &[u8]) -> &[u8] {
    &topic[..topic.len().min(KEY_BYTES_MAX)]
}

impl Layer {
    fn new(room: usize) -> Layer {
        let words = (room * BITS_PER_TOPIC / 64).next_power_of_two();
        Layer { words: vec![0; words], room }
    }

    fn add(&mut self, hash: u64) {
        let (at, bits) = self.place(hash);
        self.words[at] |= bits;
        self.room -= 1;
    }

    #[inline]
    fn may_have(&self, hash: u64) -> bool {
        let (at, bits) = self.place(hash);
        self.words[at] & bits == bits
    }

    /// The upper half of the hash chooses the word, the lower half its bits.
    #[inline]
    fn place(&self, hash: u64) -> (usize, u64) {
        let at = (hash >> 32) as usize & (self.words.len() - 1);
        let bits = (0..BITS_SET).fold(0, |bits, bit| bits | 1 << (hash >> (6 * bit) & 63));
        (at, bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(number: u32) -> Vec<u8> {
        format!("{number:08}").into_bytes()
    }

    #[test]
    fn no_topic_is_missed_and_few_others_pass() {
        let mut prefilter = Prefilter::new();
        for number in 0..5000 {
            prefilter.add(&topic(2 * number));
        }
        let passed = |even: u32| {
            let data = |number: u32| [&topic(2 * number + even)[..], b" and more"].concat();
            (0..5000).filter(|number| prefilter.may_match(&data(*number))).count()
        };
        assert_eq!(passed(0), 5000);
        assert!(passed(1) < 500, "{}", passed(1));
        assert!(!prefilter.may_match(b"0000000"), "shorter than every topic");
        assert!(prefilter.memory_bytes() < 5000 * 12);
    }

    #[test]
    fn with_topics_of_many_lengths_everything_passes() {
        let mut prefilter = Prefilter::new();
        for length in 1..=LENGTHS_MAX + 1 {
            prefilter.add(&vec![b'a'; length]);
        }
        assert!(prefilter.may_match(b"b"));
        assert!(!prefilter.remove(b"a"));
        assert!(!prefilter.may_match(b"b"), "four lengths are left");
        prefilter.add(b"");
        assert!(prefilter.may_match(b"b"));
    }

    #[test]
    fn of_a_long_topic_the_beginning_counts() {
        let mut prefilter = Prefilter::new();
        for last in 0..10_u8 {
            let mut topic = vec![b'a'; 100];
            topic.push(last);
            prefilter.add(&topic);
        }
        assert!(prefilter.may_match(&[b'a'; 100]));
        assert!(!prefilter.may_match(&[b'b'; 100]));
    }

    #[test]
    fn it_asks_to_be_made_anew_when_most_of_it_is_gone() {
        let mut prefilter = Prefilter::new();
        let count = 1000;
        (0..count).for_each(|number| prefilter.add(&topic(number)));
        let gone = (0..count).position(|number| prefilter.remove(&topic(number)));
        assert_eq!(gone, Some(500));
    }
}
