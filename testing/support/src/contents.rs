//! Messages whose contents both ends can work out: a seed and the length of each part.
//!
//! The text form of a `Spec` travels to peer programs, which make or check the same bytes: part
//! `i` repeats a block of 1021 bytes (a prime, so that bytes cut out or swapped show) that a linear
//! congruential generator makes of seed and `i`. Plain values; any thread may use them.

use std::fmt;

use oxmq_engine::{Message, Msg};

/// Length of the block that repeats.
const BLOCK: usize = 1021;

/// One part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// So many bytes made of the seed.
    Made(usize),
    /// These bytes, such as a topic.
    Literal(Vec<u8>),
}

/// The contents of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    seed: u32,
    parts: Vec<Part>,
}

impl Spec {
    /// A message whose parts have these lengths.
    pub fn of(seed: u32, lengths: &[usize]) -> Spec {
        Spec { seed, parts: lengths.iter().map(|&length| Part::Made(length)).collect() }
    }

    /// A message that begins with a part of these bytes.
    pub fn with_topic(seed: u32, topic: &[u8], lengths: &[usize]) -> Spec {
        let mut spec = Spec::of(seed, lengths);
        spec.parts.insert(0, Part::Literal(topic.to_vec()));
        spec
    }

    /// The same lengths with other contents.
    pub fn reseeded(&self, seed: u32) -> Spec {
        Spec { seed, parts: self.parts.clone() }
    }

    /// The number that the contents are made of.
    pub fn seed(&self) -> u32 {
        self.seed
    }

    /// The message.
    pub fn message(&self) -> Message {
        let parts = self.parts.iter().enumerate();
        parts.map(|(index, part)| Msg::from(bytes(self.seed, index, part))).collect()
    }

    /// Checks a received message against this.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self, message: &Message) -> Result<(), String> {
        if message.len() != self.parts.len() {
            return Err(format!("{} parts instead of {self}: {message:?}", message.len()));
        }
        for (index, (part, got)) in self.parts.iter().zip(message.iter()).enumerate() {
            let wanted = bytes(self.seed, index, part);
            let got = got.as_slice();
            if got.len() != wanted.len() {
                let (got, wanted) = (got.len(), wanted.len());
                return Err(format!("part {index}: {got} bytes instead of {wanted}, of {self}"));
            }
            if let Some(at) = got.iter().zip(&wanted).position(|(a, b)| a != b) {
                return Err(format!("part {index} differs at byte {at}, of {self}"));
            }
        }
        Ok(())
    }

    /// The bytes of the last part, for what is not sent as a message.
    pub fn body(&self) -> Vec<u8> {
        let index = self.parts.len().saturating_sub(1);
        self.parts.last().map_or_else(Vec::new, |part| bytes(self.seed, index, part))
    }
}

/// The form that peer programs read: `SEED:PART,PART`, where a part is a length or `=` and
/// hexadecimal digits.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.seed)?;
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match part {
                Part::Made(length) => write!(f, "{length}")?,
                Part::Literal(bytes) => {
                    f.write_str("=")?;
                    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                }
            }
        }
        Ok(())
    }
}

fn bytes(seed: u32, index: usize, part: &Part) -> Vec<u8> {
    let length = match part {
        Part::Literal(bytes) => return bytes.clone(),
        Part::Made(length) => *length,
    };
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    let mut state = seed
        .wrapping_mul(2_654_435_761)
        .wrapping_add(index.wrapping_mul(40_503))
        .wrapping_add(12_345);
    let block: Vec<u8> = (0..BLOCK.min(length))
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let mut made = Vec::with_capacity(length + BLOCK);
    while made.len() < length {
        made.extend_from_slice(&block);
    }
    made.truncate(length);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_checked_in_length_and_contents() {
        let spec = Spec::of(7, &[0, 1, 5000]);
        assert_eq!(spec.check(&spec.message()), Ok(()));
        assert!(spec.check(&spec.reseeded(8).message()).is_err());
        assert!(spec.check(&Spec::of(7, &[0, 1, 5001]).message()).is_err());
        assert!(spec.check(&Spec::of(7, &[0, 1]).message()).is_err());
        let mut cut = spec.message();
        let bytes = cut.parts()[2].as_slice().to_vec();
        cut.parts_mut()[2] = Msg::from([&bytes[1..], &bytes[..1]].concat());
        assert!(spec.check(&cut).is_err_and(|why| why.contains("differs at byte")));
    }

    #[test]
    fn the_text_form_names_lengths_and_literals() {
        let spec = Spec::with_topic(3, b"a.", &[0, 12]);
        assert_eq!(spec.to_string(), "3:=612e,0,12");
        assert_eq!(spec.message().parts()[0].as_slice(), b"a.");
    }
}
