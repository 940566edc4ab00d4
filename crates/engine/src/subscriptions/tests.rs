//! What the matcher and the filter must do, against plain maps that do the same slowly.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::{BTreeMap, BTreeSet};

use super::{Added, Filter, Matcher, Removed};

/// The seed of this run: `OXMQ_SEED` if set, else the same every time. Printed so that a failure
/// can be repeated.
fn seed() -> u64 {
    let seed = std::env::var("OXMQ_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(0x9e37_79b9_7f4a_7c15);
    println!("OXMQ_SEED={seed}");
    seed
}

/// A small generator of numbers (xorshift64*), enough to pick cases.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    /// Topics that share prefixes, nest in each other, fan out widely or run over several nodes.
    fn topic(&mut self) -> Vec<u8> {
        let mut topic = Vec::new();
        match self.below(8) {
            0 => {}
            1 => topic.extend((0..self.below(3)).map(|_| self.below(256) as u8)),
            2 => topic.resize(200 + self.below(700), b'x'),
            3 => {
                topic.resize(self.below(600), b'x');
                topic.extend((0..1 + self.below(2)).map(|_| b'x' + self.below(3) as u8));
            }
            4 => topic.extend(format!("symbol.{:03}.price", self.below(200)).bytes()),
            _ => topic.extend((0..self.below(24)).map(|_| b'a' + self.below(2) as u8)),
        }
        topic
    }
}

#[derive(Default)]
struct Model(BTreeMap<Vec<u8>, BTreeSet<u32>>);

impl Model {
    fn matches(&self, data: &[u8]) -> BTreeSet<u32> {
        self.0
            .iter()
            .filter(|(topic, _)| data.starts_with(topic))
            .flat_map(|(_, p)| p)
            .copied()
            .collect()
    }

    fn topics_of(&self, pipe: u32) -> BTreeSet<Vec<u8>> {
        self.0
            .iter()
            .filter(|(_, pipes)| pipes.contains(&pipe))
            .map(|(topic, _)| topic.clone())
            .collect()
    }
}

fn sorted(mut pipes: Vec<u32>) -> Vec<u32> {
    pipes.sort_unstable();
    pipes
}

fn check_matcher(matcher: &mut Matcher, model: &Model, random: &mut Random, pipes: &[u32]) {
    matcher.tree().check();
    assert_eq!(matcher.topics(), model.0.len());
    for _ in 0..20 {
        let data = random.topic();
        let expected: Vec<u32> = model.matches(&data).into_iter().collect();
        let mut found = Vec::new();
        matcher.matches(&data, &mut found);
        assert_eq!(sorted(found), expected, "{:?}", String::from_utf8_lossy(&data));
        let mut inverted = Vec::new();
        matcher.inverted_matches(&data, pipes.iter().copied(), &mut inverted);
        let rest = pipes.iter().filter(|pipe| !expected.contains(pipe)).copied();
        assert_eq!(sorted(inverted), sorted(rest.collect()));
    }
    for &pipe in pipes {
        let expected = model.topics_of(pipe);
        let mut found = BTreeSet::new();
        matcher.for_each_topic_of(pipe, |topic| assert!(found.insert(topic.to_vec())));
        assert_eq!(found, expected);
        assert_eq!(matcher.pipe_topics(pipe), expected.len());
        let bytes: usize = expected.iter().map(Vec::len).sum();
        assert_eq!(matcher.pipe_bytes(pipe), bytes as u64);
    }
}

#[test]
fn matcher_does_what_a_map_of_sets_does() {
    let mut random = Random(seed());
    let pipes = [0, 1, 2, 7, 1000, u32::MAX, u32::MAX - 1];
    for round in 0..60 {
        let mut matcher = Matcher::new();
        let mut model = Model::default();
        let steps = 50 + random.below(400);
        // Some rounds grow, some stay small and turn over, some shrink again.
        let removals = 1 + round % 7;
        for _ in 0..steps {
            let (topic, pipe) = (random.topic(), pipes[random.below(pipes.len())]);
            match random.below(10) {
                9 if random.below(8) == 0 => remove_pipe(&mut matcher, &mut model, pipe),
                choice if choice >= removals => add(&mut matcher, &mut model, &topic, pipe),
                _ => {
                    let known = model.0.keys().nth(random.below(model.0.len().max(1))).cloned();
                    let topic = if random.below(4) == 0 { topic } else { known.unwrap_or(topic) };
                    remove(&mut matcher, &mut model, &topic, pipe);
                }
            }
        }
        check_matcher(&mut matcher, &model, &mut random, &pipes);
        for pipe in pipes {
            remove_pipe(&mut matcher, &mut model, pipe);
            check_matcher(&mut matcher, &model, &mut random, &pipes);
        }
        assert_eq!(matcher.tree().nodes(), 1, "only the root is left");
    }
}

fn add(matcher: &mut Matcher, model: &mut Model, topic: &[u8], pipe: u32) {
    let first_for_topic = !model.0.contains_key(topic);
    let first_for_pipe = model.0.entry(topic.to_vec()).or_default().insert(pipe);
    assert_eq!(matcher.add(topic, pipe), Added { first_for_topic, first_for_pipe });
    assert!(matcher.is_subscribed(topic, pipe));
}

fn remove(matcher: &mut Matcher, model: &mut Model, topic: &[u8], pipe: u32) {
    let known = model.0.get_mut(topic).is_some_and(|pipes| pipes.remove(&pipe));
    let last = known && model.0[topic].is_empty();
    let expected = match (known, last) {
        (false, _) => Removed::NotSubscribed,
        (true, false) => Removed::StillSubscribed,
        (true, true) => Removed::Last,
    };
    if last {
        model.0.remove(topic);
    }
    assert_eq!(matcher.remove(topic, pipe), expected);
    assert!(!matcher.is_subscribed(topic, pipe));
}

fn remove_pipe(matcher: &mut Matcher, model: &mut Model, pipe: u32) {
    let mut expected = BTreeMap::new();
    model.0.retain(|topic, pipes| {
        if pipes.remove(&pipe) {
            expected.insert(topic.clone(), pipes.is_empty());
        }
        !pipes.is_empty()
    });
    let mut found = BTreeMap::new();
    matcher.remove_pipe(pipe, |topic, last| {
        assert_eq!(found.insert(topic.to_vec(), last), None, "each topic once");
    });
    assert_eq!(found, expected);
}

#[test]
fn filter_does_what_a_map_of_counts_does() {
    let mut random = Random(seed());
    for _ in 0..60 {
        let mut filter = Filter::new();
        let mut model = BTreeMap::<Vec<u8>, u32>::new();
        for _ in 0..50 + random.below(300) {
            let topic = random.topic();
            if random.below(3) > 0 {
                let count = model.entry(topic.clone()).or_default();
                *count += 1;
                assert_eq!(filter.add(&topic), *count == 1);
            } else {
                let known = model.keys().nth(random.below(model.len().max(1))).cloned();
                let topic = known.filter(|_| random.below(4) > 0).unwrap_or(topic);
                let expected = model.get_mut(&topic).map(|count| {
                    *count -= 1;
                    *count == 0
                });
                model.retain(|_, count| *count > 0);
                assert_eq!(filter.remove(&topic), expected);
            }
            let data = random.topic();
            assert_eq!(filter.matches(&data), model.keys().any(|topic| data.starts_with(topic)));
        }
        filter.tree().check();
        let mut topics = BTreeSet::new();
        filter.for_each(|topic| assert!(topics.insert(topic.to_vec())));
        assert!(topics.iter().eq(model.keys()));
        assert_eq!(filter.topics(), model.len());
    }
}

#[test]
fn the_empty_topic_matches_everything() {
    let mut filter = Filter::new();
    assert!(!filter.matches(b""));
    assert!(!filter.matches(b"anything"));
    assert!(filter.add(b""));
    assert!(filter.matches(b""));
    assert!(filter.matches(b"anything"));
    assert_eq!(filter.remove(b""), Some(true));
    assert!(!filter.matches(b"anything"));
}

#[test]
fn a_repeated_subscription_of_one_pipe_is_taken_back_by_one_cancel() {
    let mut matcher = Matcher::new();
    assert!(matcher.add(b"a", 5).first_for_pipe);
    assert_eq!(matcher.add(b"a", 5), Added { first_for_topic: false, first_for_pipe: false });
    assert_eq!(matcher.pipe_topics(5), 1);
    assert_eq!(matcher.remove(b"a", 5), Removed::Last);
    assert_eq!(matcher.remove(b"a", 5), Removed::NotSubscribed);
}

#[test]
fn fan_outs_of_every_width_find_each_child_and_no_other() {
    for width in 1..=256_usize {
        let mut matcher = Matcher::new();
        let key = |index: usize| [b'k', (index * 167 % 256) as u8, b'v'];
        for index in 0..width {
            matcher.add(&key(index), index as u32);
        }
        for index in 0..256 {
            let mut found = Vec::new();
            matcher.matches(&key(index), &mut found);
            let expected = if index < width { vec![index as u32] } else { vec![] };
            assert_eq!(found, expected, "fan-out {width}, child {index}");
        }
        for index in (0..width).step_by(2).chain((1..width).step_by(2)) {
            assert_eq!(matcher.remove(&key(index), index as u32), Removed::Last);
            matcher.tree().check();
        }
        assert_eq!(matcher.tree().nodes(), 1);
    }
}

/// A topic as long as a peer may send must not take stack by its length, nor time by its length
/// squared when short topics cut it up.
#[test]
fn topics_of_16_mib_work_on_a_stack_of_64_kib() {
    let run = || {
        let mut topic = vec![b'a'; 16 << 20];
        let mut matcher = Matcher::new();
        matcher.add(&topic, 1);
        *topic.last_mut().unwrap() = b'b';
        matcher.add(&topic, 2);
        for len in 0..2_000 {
            matcher.add(&topic[..len], 3);
        }
        matcher.tree().check();
        let mut found = Vec::new();
        matcher.matches(&topic, &mut found);
        assert_eq!(sorted(found), [2, 3]);
        assert_eq!(matcher.pipe_bytes(2), 16 << 20);
        let mut seen = 0;
        matcher.remove_pipe(2, |removed, last| {
            assert!(last && removed == topic);
            seen += 1;
        });
        assert_eq!(seen, 1);
        matcher.remove_pipe(3, |_, _| {});
        *topic.last_mut().unwrap() = b'a';
        assert_eq!(matcher.remove(&topic, 1), Removed::Last);
        assert_eq!(matcher.tree().nodes(), 1);

        let mut filter = Filter::new();
        filter.add(&topic);
        assert!(filter.matches(&topic) && !filter.matches(&topic[1..]));
        assert_eq!(filter.remove(&topic), Some(true));
    };
    std::thread::Builder::new().stack_size(64 << 10).spawn(run).unwrap().join().unwrap();
}

/// 4,000 topics, each the prefix of the next: the deepest tree that topics can make.
#[test]
fn a_tree_as_deep_as_the_topics_are_long_works_on_a_stack_of_64_kib() {
    let run = || {
        let topic = vec![b'a'; 4_000];
        let mut matcher = Matcher::new();
        for len in (0..=topic.len()).rev() {
            matcher.add(&topic[..len], len as u32);
        }
        let mut found = Vec::new();
        matcher.matches(&topic, &mut found);
        assert_eq!(found.len(), 4_001);
        for len in 0..=topic.len() {
            assert_eq!(matcher.remove(&topic[..len], len as u32), Removed::Last);
        }
        assert_eq!(matcher.tree().nodes(), 1);
    };
    std::thread::Builder::new().stack_size(64 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn memory_stays_flat_under_churn_and_is_given_back_after_it() {
    let topic = |index: usize| format!("market.{:06}", index).into_bytes();
    let mut matcher = Matcher::new();
    let empty = matcher.memory_bytes();
    for index in 0..20_000 {
        matcher.add(&topic(index), (index % 3) as u32);
        matcher.add(&topic(index), 9);
    }
    let full = matcher.memory_bytes();
    // A window of 20,000 topics moves over 200,000: freed nodes must be the next ones used.
    for index in 20_000..200_000 {
        let old = index - 20_000;
        matcher.remove(&topic(old), (old % 3) as u32);
        assert_eq!(matcher.remove(&topic(old), 9), Removed::Last);
        matcher.add(&topic(index), (index % 3) as u32);
        matcher.add(&topic(index), 9);
    }
    matcher.tree().check();
    assert!(matcher.memory_bytes() <= full * 5 / 4, "{} then {full}", matcher.memory_bytes());
    for index in 180_000..199_000 {
        matcher.remove(&topic(index), 9);
        assert_eq!(matcher.remove(&topic(index), (index % 3) as u32), Removed::Last);
    }
    matcher.tree().check();
    assert!(matcher.memory_bytes() * 4 < full, "{} of {full}", matcher.memory_bytes());
    for index in 199_000..200_000 {
        let mut found = Vec::new();
        matcher.matches(&topic(index), &mut found);
        assert_eq!(sorted(found), [(index % 3) as u32, 9], "after nodes were moved together");
    }
    for pipe in [0, 1, 2, 9] {
        matcher.remove_pipe(pipe, |_, _| {});
    }
    assert_eq!((matcher.topics(), matcher.tree().nodes()), (0, 1));
    assert!(matcher.memory_bytes() < empty + (64 << 10));
}

#[test]
fn a_short_topic_costs_less_than_60_bytes() {
    let mut matcher = Matcher::new();
    let mut filter = Filter::new();
    for index in 0..100_000 {
        let topic = format!("topic.{index:06}");
        matcher.add(topic.as_bytes(), 1);
        filter.add(topic.as_bytes());
    }
    assert!(matcher.memory_bytes() < 100_000 * 60, "{}", matcher.memory_bytes());
    assert!(filter.memory_bytes() < 100_000 * 60, "{}", filter.memory_bytes());
}

#[test]
fn each_pipe_is_visited_once_also_when_the_match_numbers_start_again() {
    let mut matcher = Matcher::new();
    matcher.set_epoch(u32::MAX - 3);
    for topic in [&b""[..], b"a", b"ab", b"abc"] {
        matcher.add(topic, 1);
        matcher.add(topic, 2);
    }
    matcher.add(b"b", 3);
    for _ in 0..8 {
        let mut found = Vec::new();
        matcher.matches(b"abcd", &mut found);
        assert_eq!(sorted(found), [1, 2]);
        let mut inverted = Vec::new();
        matcher.inverted_matches(b"abcd", [1, 2, 3, 4], &mut inverted);
        assert_eq!(inverted, [3, 4]);
    }
}

#[test]
fn a_topic_with_ten_thousand_pipes_keeps_them_apart() {
    let mut matcher = Matcher::new();
    for pipe in 0..10_000 {
        matcher.add(b"all", pipe);
        matcher.add(b"alls", pipe);
    }
    for pipe in (0..10_000).filter(|pipe| pipe % 3 > 0) {
        assert_eq!(matcher.remove(b"alls", pipe), Removed::StillSubscribed);
        matcher.remove_pipe(pipe, |topic, last| assert!(topic == b"all" && !last));
    }
    let mut found = Vec::new();
    matcher.matches(b"alls well", &mut found);
    assert_eq!(found.len(), 3_334);
    assert!(found.iter().all(|pipe| pipe % 3 == 0));
}
