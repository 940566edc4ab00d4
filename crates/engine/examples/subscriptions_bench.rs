//! Measures the topic matcher: memory for each topic and the rates of subscribing, matching and
//! cancelling, for 1,000 to 1,000,000 topics of three kinds. Prints one line for each.
//!
//! Run with `cargo run --release -p oxmq-engine --example subscriptions_bench`.

use std::hint::black_box;
use std::time::Instant;

use oxmq_engine::subscriptions::{Filter, Matcher};

/// Matches to time for each line.
const MATCHES: u64 = 2_000_000;

fn main() {
    println!(
        "{:>8} {:>9} {:>9} {:>9} {:>10} {:>11} {:>11} {:>11} {:>10}",
        "kind",
        "topics",
        "bytes",
        "filter B",
        "add/s",
        "hit/s",
        "10% hit/s",
        "filter/s",
        "cancel/s"
    );
    for (name, topic) in [("hex", hex as fn(u64) -> Vec<u8>), ("path", path), ("count", counter)] {
        for topics in [1_000, 10_000, 100_000, 1_000_000] {
            measure(name, topic, topics);
        }
    }
}

/// Sixteen random hexadecimal digits.
fn hex(number: u64) -> Vec<u8> {
    format!("{:016x}", mix(number)).into_bytes()
}

/// Three levels with shared prefixes.
fn path(number: u64) -> Vec<u8> {
    let (site, rest) = (number % 97, number / 97);
    format!("site/{site:03}/host/{:03}/metric/{:05}.", rest % 211, rest / 211).into_bytes()
}

/// Names that count up.
fn counter(number: u64) -> Vec<u8> {
    format!("topic.{number:07}").into_bytes()
}

/// A number that looks random (splitmix64).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Subscribes to the topics of the even numbers, so that those of the odd ones are near misses.
fn measure(name: &str, topic: fn(u64) -> Vec<u8>, count: u64) {
    let topics: Vec<Vec<u8>> = (0..count).map(|number| topic(number * 2)).collect();
    let len = topics[0].len();
    // Messages in an order that no cache can guess. They lie one behind the other, because a
    // message that is about to be matched has just been made or read and is in the cache itself.
    let messages = |hit_percent: u64| -> (Vec<u8>, usize) {
        let mut bytes = Vec::with_capacity(MATCHES as usize * len);
        let mut hits = 0;
        for number in 0..MATCHES {
            let random = mix(number ^ 0x5bd1_e995);
            let hit = (random >> 40) % 100 < hit_percent;
            hits += usize::from(hit);
            bytes.extend_from_slice(&topic(random % count * 2 + u64::from(!hit)));
        }
        (bytes, hits)
    };

    let mut matcher = Matcher::new();
    let add = rate(count, || topics.iter().for_each(|topic| _ = matcher.add(topic, 1)));
    let matcher_bytes = matcher.memory_bytes() as u64 / count;
    let [all, tenth] = [100, 10].map(|hit_percent| {
        let (messages, hits) = messages(hit_percent);
        let mut found = 0;
        let rate = rate(MATCHES, || {
            for message in messages.chunks(len) {
                matcher.for_each_match(black_box(message), |_| found += 1);
            }
        });
        assert_eq!(found, hits, "each hit has one subscriber, each miss none");
        rate
    });
    let cancel = rate(count, || topics.iter().for_each(|topic| _ = matcher.remove(topic, 1)));
    drop(matcher);

    let mut filter = Filter::new();
    topics.iter().for_each(|topic| _ = filter.add(topic));
    let filter_bytes = filter.memory_bytes() as u64 / count;
    let (messages, _) = messages(100);
    let filtering = rate(MATCHES, || {
        assert!(messages.chunks(len).all(|message| filter.matches(black_box(message))));
    });
    println!(
        "{name:>8} {count:>9} {matcher_bytes:>9} {filter_bytes:>9} {add:>10.0} {all:>11.0} \
         {tenth:>11.0} {filtering:>11.0} {cancel:>10.0}"
    );
}

/// How many of `count` acts a second `run` does.
fn rate(count: u64, run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    count as f64 / start.elapsed().as_secs_f64()
}
