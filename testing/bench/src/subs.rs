//! `subs`: what a message costs one publisher that has many subscriptions. One peer, plain TCP in
//! another process, subscribes to as many topics as asked, of 16 random letters each; then messages
//! are published, one in ten of them with a topic that is subscribed to. What counts is the
//! processor time of the publisher for each message, and its memory for each subscription. The
//! publisher is an XPUB, which sees the subscriptions come. Each process is driven by its main
//! thread.

use std::io::{Read, Write};

use oxmq::{Msg, SocketType};
use oxmq_testing::{Doing, Result, cpu_seconds, rss_kib};

use crate::flags::{End, Flags};
use crate::{peer, raw};

/// Octets of a topic.
const TOPIC_BYTES: usize = 16;
/// One message in so many has a topic that somebody wants.
const HIT_EVERY: u64 = 10;
/// The topic that is subscribed to last, and published last.
const MARKER: &[u8; TOPIC_BYTES] = b"~marker~marker~~";
/// Octets behind the topic: the message's number.
const NUMBER_BYTES: usize = 8;

type Topic = [u8; TOPIC_BYTES];

/// The program: the publisher.
pub(crate) fn run(flags: &Flags) -> Result<()> {
    let mut far = peer::start("subs", flags)?;
    flags.place(End::Near)?;
    let context = flags.context()?;
    let publisher = flags.socket(&context, SocketType::XPub)?;
    publisher.configure(|o| o.xpub_nodrop(true)).doing("nodrop")?;
    let endpoint = publisher.bind(flags.wildcard()).doing("binding")?;
    let before = rss_kib();
    let start = peer::now_ns();
    far.begin(endpoint)?;
    for number in 0..=flags.subs as u64 {
        let subscription = publisher.recv().doing("receiving")?;
        let expected = if number == flags.subs as u64 { *MARKER } else { topic(2 * number) };
        if subscription[0].first() != Some(&1) || subscription[0][1..] != expected {
            return Err(format!("{subscription:?} is not subscription {number}"));
        }
    }
    let subscribing = peer::now_ns() - start;
    let memory = rss_kib().saturating_sub(before);
    let cpu = cpu_seconds();
    let start = peer::now_ns();
    let mut hits = 0;
    for number in 0..flags.count {
        let (topic, hit) = target(number, flags.subs as u64);
        hits += u64::from(hit);
        let mut body = [0; TOPIC_BYTES + NUMBER_BYTES];
        body[..TOPIC_BYTES].copy_from_slice(&topic);
        body[TOPIC_BYTES..].copy_from_slice(&number.to_le_bytes());
        publisher.send(Msg::from_slice(&body)).doing("sending")?;
    }
    let seconds = (peer::now_ns() - start) as f64 * 1e-9;
    let cpu = cpu_seconds() - cpu;
    publisher.send(Msg::from_slice(MARKER)).doing("sending")?;
    let arrived: u64 = peer::number(&far.finish()?, 0)?;
    if arrived != hits {
        return Err(format!("{arrived} messages arrived of {hits}"));
    }
    println!(
        "{} subs={} sec={seconds:.6} msgs_per_s={:.0} near_cpu_us={:.4} subscribes_per_s={:.0} \
         bytes_each={:.1} ok=1",
        flags.line("subs"),
        flags.subs,
        flags.count as f64 / seconds,
        cpu / flags.count as f64 * 1e6,
        flags.subs as f64 / (subscribing as f64 * 1e-9),
        memory as f64 * 1024.0 / flags.subs as f64,
    );
    Ok(())
}

/// The subscriber: told the endpoint; answers with how many messages arrived.
pub(crate) fn peer(flags: &Flags) -> Result<()> {
    let endpoint = peer::told()?;
    let address = endpoint.strip_prefix("tcp://").ok_or("tcp only")?.to_owned();
    flags.place(End::Far)?;
    let mut connection = raw::introduce(&address, "SUB")?;
    raw::listen(&mut connection)?;
    let mut frames = Vec::new();
    let topics = (0..flags.subs as u64).map(|number| topic(2 * number));
    for topic in topics.chain([*MARKER]) {
        frames.extend_from_slice(&[0, 1 + TOPIC_BYTES as u8, 1]);
        frames.extend_from_slice(&topic);
    }
    connection.write_all(&frames).doing("subscribing")?;
    drop(frames);
    let mut reader = std::io::BufReader::with_capacity(256 * 1024, connection);
    let mut number = 0;
    let mut arrived = 0;
    loop {
        let mut head = [0; 2];
        reader.read_exact(&mut head).doing("a frame")?;
        let mut body = [0; 255];
        let body = &mut body[..usize::from(head[1])];
        reader.read_exact(body).doing("a frame")?;
        if head[0] == 4 {
            continue;
        }
        if body == MARKER {
            peer::answer(arrived);
            return Ok(());
        }
        // The next message that is wanted.
        let expected = loop {
            let (topic, hit) = target(number, flags.subs as u64);
            number += 1;
            if hit {
                break topic;
            }
        };
        let tail = (number - 1).to_le_bytes();
        if head[0] != 0 || body[..TOPIC_BYTES] != expected || body[TOPIC_BYTES..] != tail {
            return Err(format!("message {} is not as it was sent", number - 1));
        }
        arrived += 1;
    }
}

/// Even topics are subscribed to, odd ones are not.
fn topic(number: u64) -> Topic {
    let mut bits = spread(number);
    std::array::from_fn(|_| {
        let letter = b'a' + (bits & 15) as u8;
        bits >>= 4;
        letter
    })
}

/// The topic of a message, and whether it is wanted.
fn target(number: u64, subs: u64) -> (Topic, bool) {
    let random = spread(number ^ 0x5bd1_e995);
    let hit = (random >> 40).is_multiple_of(HIT_EVERY);
    (topic(random % subs * 2 + u64::from(!hit)), hit)
}

/// A number whose bits all depend on those of the other (the finalizer of splitmix64).
fn spread(number: u64) -> u64 {
    let x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_in_ten_is_wanted_and_wanted_ones_only() {
        let subscribed: Vec<Topic> = (0..50).map(|number| topic(2 * number)).collect();
        let targets: Vec<(Topic, bool)> = (0..10_000).map(|number| target(number, 50)).collect();
        assert!(targets.iter().all(|(topic, hit)| subscribed.contains(topic) == *hit));
        let hits = targets.iter().filter(|(_, hit)| *hit).count();
        assert!((900..1100).contains(&hits), "{hits}");
    }
}
