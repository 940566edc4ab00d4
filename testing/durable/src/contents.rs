//! Messages whose contents follow from their lane and number, so that whoever receives one can tell
//! that it is whole. Functions without state.

use oxmq_engine::{Delivery, Message, Msg};

use crate::random::Random;

/// A message's place in the log in which it began, as a part before it: what devices add.
const ORIGIN: &[u8] = b"origin ";

/// The message of a lane with this number.
pub(crate) fn make(lane: u64, number: u64) -> Message {
    let mut random = Random::new(lane << 40 ^ number);
    let bytes = match random.below(100) {
        0 => random.below(70_000),
        1..=20 => random.below(4000),
        _ => random.below(200),
    };
    let mut first = format!("{lane} {number}\n").into_bytes();
    let fill = u8::try_from(random.below(256)).unwrap_or_default();
    first.extend((0..bytes).map(|_| fill));
    let mut message = Message::from(first);
    if random.below(8) == 0 {
        message.push(Msg::from(format!("tail {number}").as_str()));
    }
    message
}

/// A message that was received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Got {
    pub(crate) lane: u64,
    pub(crate) number: u64,
    /// Its place in the log where it began.
    pub(crate) place: (u128, u64, u64),
    pub(crate) attempt: u32,
}

/// What a message says; the place is that of its delivery unless a device has put another before.
pub(crate) fn read(message: &Message) -> Result<Got, String> {
    let mut parts: Vec<&[u8]> = message.iter().map(Msg::as_slice).collect();
    let (mut place, attempt) = match delivery(message) {
        Some(delivery) => ((delivery.log, delivery.epoch, delivery.offset), delivery.attempt),
        None => ((0, 0, 0), 0),
    };
    if let Some(origin) = parts.first().and_then(|part| part.strip_prefix(ORIGIN)) {
        place = place_of(origin).ok_or("an origin that cannot be read")?;
        parts.remove(0);
    }
    let first = parts.first().copied().unwrap_or_default();
    let (lane, number) = lane_and_number(first).ok_or_else(|| format!("{message:?}"))?;
    let wanted = make(lane, number);
    // A stock peer sends no more than the two numbers.
    let is_bare = parts.len() == 1 && first.ends_with(b"\n");
    if !is_bare && wanted != parts[..] {
        return Err(format!("message {lane} {number} is not as it was sent"));
    }
    Ok(Got { lane, number, place, attempt })
}

/// The same message with its place before it.
pub(crate) fn with_origin(message: &Message, got: &Got) -> Message {
    let (log, epoch, offset) = got.place;
    let origin = format!("origin {log:032x} {epoch} {offset}");
    let mut passed = Message::from(origin);
    passed.extend(message.iter().map(|part| Msg::from(part.as_slice())));
    passed
}

/// The delivery of a message by a durable socket.
pub(crate) fn delivery(message: &Message) -> Option<&Delivery> {
    message.iter().next()?.meta()?.delivery.as_deref()
}

fn lane_and_number(part: &[u8]) -> Option<(u64, u64)> {
    let end = part.iter().position(|byte| *byte == b'\n')?;
    let (lane, number) = std::str::from_utf8(&part[..end]).ok()?.split_once(' ')?;
    Some((lane.parse().ok()?, number.parse().ok()?))
}

fn place_of(text: &[u8]) -> Option<(u128, u64, u64)> {
    let mut words = std::str::from_utf8(text).ok()?.split(' ');
    let log = u128::from_str_radix(words.next()?, 16).ok()?;
    Some((log, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}
