//! What the two ends of a bench tell each other, over the one PAIR connection that is measured.
//! Messages of several parts are talk, those of one part are what is measured:
//!
//! ```text
//! measuring end                              answering end
//!   oxmq-bench/1, throughput|latency, SIZE ->
//!                                          <- ready
//!   messages of SIZE octets                ->   (latency: each comes back)
//!   end, COUNT                             ->
//!                                          <- tally, COUNT, NANOSECONDS, CPU NANOSECONDS
//!   oxmq-bench/1, bye                      ->
//! ```
//!
//! An octet string of at least eight octets begins with its number, least octet first. An end that
//! finds a fault answers `fault, TEXT`. Plain values; whoever has the socket calls.

use oxmq::Message;

/// What an order begins with.
const VERSION: &str = "oxmq-bench/1";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Messages one way.
    Throughput,
    /// Round trips.
    Latency,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Throughput => "throughput",
            Kind::Latency => "latency",
        }
    }

    /// As reports have it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Kind::Throughput => "throughput",
            Kind::Latency => "round trips",
        }
    }
}

/// A measurement that the other end shall take part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) kind: Kind,
    /// Octets of each message.
    pub(super) size: u64,
}

/// What the answering end has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) messages: u64,
    /// From the first message to the last.
    pub(super) nanoseconds: u64,
    /// Processor time of its process from the order to the end.
    pub(super) cpu_nanoseconds: u64,
}

/// Anything that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Talk {
    Order(Order),
    Ready,
    End { messages: u64 },
    Tally(Tally),
    Fault(String),
    Bye,
}

impl Talk {
    pub(super) fn message(&self) -> Message {
        match self {
            Talk::Order(Order { kind, size }) => {
                Message::from([VERSION, kind.word(), &size.to_string()])
            }
            Talk::Bye => Message::from([VERSION, "bye"]),
            Talk::Ready => Message::from(["ready", ""]),
            Talk::End { messages } => Message::from(["end", &messages.to_string()]),
            Talk::Tally(tally) => {
                let numbers = [tally.messages, tally.nanoseconds, tally.cpu_nanoseconds];
                std::iter::once("tally".to_owned())
                    .chain(numbers.map(|number| number.to_string()))
                    .collect()
            }
            Talk::Fault(text) => Message::from(["fault", text]),
        }
    }

    /// What a message says; `None` if nothing that is known.
    pub(super) fn read(message: &Message) -> Option<Talk> {
        let words: Vec<&str> = message.iter().map_while(|part| part.as_str().ok()).collect();
        let number = |word: &str| word.parse::<u64>().ok();
        Some(match words.as_slice() {
            [VERSION, "bye"] => Talk::Bye,
            [VERSION, "throughput", size] => {
                Talk::Order(Order { kind: Kind::Throughput, size: number(size)? })
            }
            [VERSION, "latency", size] => {
                Talk::Order(Order { kind: Kind::Latency, size: number(size)? })
            }
            ["ready", ""] => Talk::Ready,
            ["end", messages] => Talk::End { messages: number(messages)? },
            ["tally", messages, nanoseconds, cpu] => Talk::Tally(Tally {
                messages: number(messages)?,
                nanoseconds: number(nanoseconds)?,
                cpu_nanoseconds: number(cpu)?,
            }),
            ["fault", text] => Talk::Fault((*text).to_owned()),
            _ => return None,
        })
    }
}

/// Octets of a message's number.
const NUMBER_BYTES: usize = 8;

/// Writes a message's number, if there is room.
pub(super) fn number(content: &mut [u8], number: u64) {
    if let Some(place) = content.first_chunk_mut::<NUMBER_BYTES>() {
        *place = number.to_le_bytes();
    }
}

/// Whether this is the message of that number and size.
pub(super) fn check(content: &[u8], size: u64, number: u64) -> Result<(), String> {
    if content.len() as u64 != size {
        return Err(format!("a message of {} octets among those of {size}", content.len()));
    }
    match content.first_chunk::<NUMBER_BYTES>() {
        Some(found) if *found != number.to_le_bytes() => {
            let found = u64::from_le_bytes(*found);
            Err(format!("message {found} came where {number} was due"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        let said = [
            Talk::Order(Order { kind: Kind::Throughput, size: 64 }),
            Talk::Order(Order { kind: Kind::Latency, size: 0 }),
            Talk::Ready,
            Talk::End { messages: 7 },
            Talk::Tally(Tally { messages: 7, nanoseconds: u64::MAX, cpu_nanoseconds: 3 }),
            Talk::Fault("no".to_owned()),
            Talk::Bye,
        ];
        for talk in said {
            let message = talk.message();
            assert!(message.len() > 1, "one part is what is measured");
            assert_eq!(Talk::read(&message), Some(talk));
        }
    }

    #[test]
    fn nonsense_is_not_understood() {
        for parts in [&["oxmq-bench/2", "bye"][..], &["end", "x"], &["end"], &["tally", "1", "2"]] {
            let message: Message = parts.iter().copied().collect();
            assert_eq!(Talk::read(&message), None, "{parts:?}");
        }
        assert_eq!(Talk::read(&Message::from([&[0xff][..], &[0xfe]])), None);
    }

    #[test]
    fn messages_that_are_lost_repeated_or_cut_are_noticed() {
        let mut content = [0; 16];
        number(&mut content, 5);
        assert_eq!(check(&content, 16, 5), Ok(()));
        assert!(check(&content, 16, 6).is_err());
        assert!(check(&content[..15], 16, 5).is_err());
        assert_eq!(check(&[1; 3], 3, 9), Ok(()), "no room for a number");
    }
}
