//! How other types become multipart messages, how their parts are walked, and how they compare. No
//! state of its own; everything goes through the methods of `Message`.

use std::fmt;
use std::iter::FusedIterator;
use std::ops::Index;
use std::slice;

use super::Message;
use crate::msg::Msg;

/// The parts of a message, taken out one by one.
#[derive(Clone, Debug)]
pub struct IntoIter(Message);

impl Iterator for IntoIter {
    type Item = Msg;

    fn next(&mut self) -> Option<Msg> {
        self.0.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl DoubleEndedIterator for IntoIter {
    fn next_back(&mut self) -> Option<Msg> {
        self.0.pop()
    }
}

impl ExactSizeIterator for IntoIter {}
impl FusedIterator for IntoIter {}

impl IntoIterator for Message {
    type Item = Msg;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter(self)
    }
}

impl<'a> IntoIterator for &'a Message {
    type Item = &'a Msg;
    type IntoIter = slice::Iter<'a, Msg>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Into<Msg>> Extend<T> for Message {
    fn extend<I: IntoIterator<Item = T>>(&mut self, parts: I) {
        for part in parts {
            self.push(part);
        }
    }
}

impl<T: Into<Msg>> FromIterator<T> for Message {
    fn from_iter<I: IntoIterator<Item = T>>(parts: I) -> Self {
        let mut message = Self::new();
        message.extend(parts);
        message
    }
}

/// A message of one part.
macro_rules! from_one_part {
    ($($type:ty),+) => {$(
        impl From<$type> for Message {
            fn from(part: $type) -> Self {
                let mut message = Self::new();
                message.push(part);
                message
            }
        }
    )+};
}

from_one_part!(Msg, &Msg, &str, String, &String, &[u8], Vec<u8>, Box<[u8]>);

impl<const N: usize> From<&[u8; N]> for Message {
    /// A message of one part.
    fn from(part: &[u8; N]) -> Self {
        Self::from(part.as_slice())
    }
}

impl<T: Into<Msg>, const N: usize> From<[T; N]> for Message {
    /// A message of `N` parts.
    fn from(parts: [T; N]) -> Self {
        parts.into_iter().collect()
    }
}

impl From<Vec<Msg>> for Message {
    /// A message of these parts; the vector is taken over.
    fn from(parts: Vec<Msg>) -> Self {
        if parts.len() <= super::PARTS_INLINE {
            return parts.into_iter().collect();
        }
        Self { parts: super::Parts::Many { head: 0, parts } }
    }
}

impl From<Message> for Vec<Msg> {
    fn from(message: Message) -> Self {
        message.into_iter().collect()
    }
}

impl Index<usize> for Message {
    type Output = Msg;

    /// # Panics
    /// If there is no such part; see [`Message::part`].
    fn index(&self, index: usize) -> &Msg {
        &self.parts()[index]
    }
}

/// Equal if the parts are, in number and bytes.
impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Message {}

impl<T: AsRef<[u8]>> PartialEq<[T]> for Message {
    fn eq(&self, other: &[T]) -> bool {
        self.len() == other.len() && self.iter().zip(other).all(|(part, other)| part == other)
    }
}

impl<T: AsRef<[u8]>, const N: usize> PartialEq<[T; N]> for Message {
    fn eq(&self, other: &[T; N]) -> bool {
        *self == other[..]
    }
}

impl<T: AsRef<[u8]>> PartialEq<&[T]> for Message {
    fn eq(&self, other: &&[T]) -> bool {
        *self == **other
    }
}

impl<T: AsRef<[u8]>> PartialEq<Vec<T>> for Message {
    fn eq(&self, other: &Vec<T>) -> bool {
        *self == other[..]
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
