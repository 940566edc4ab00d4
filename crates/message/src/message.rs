//! A message of several parts: a small vector of `Msg` that needs no allocation for up to three
//! parts, which is an envelope and a body. Owned by whoever has it; no unsafe code here.

mod convert;

use std::mem;
use std::slice;
use std::str::Utf8Error;

use crate::msg::Msg;

pub use convert::IntoIter;

/// Parts stored without allocation: routing id, empty delimiter, body.
const PARTS_INLINE: usize = 3;

/// A whole message: one or more parts, which are sent and received together.
///
/// Up to three parts are stored in place. Without parts it is empty, which is not the same as one
/// part without bytes; sockets send only messages with parts. The flag that says whether more parts
/// follow is the socket's business: the parts here may have it set or not.
///
/// Memory cost: 208 bytes; from the fourth part on an allocation of 64 bytes a part.
///
/// ```
/// use oxmq_message::Message;
///
/// let mut message = Message::from(["id", "", "hello"]);
/// assert_eq!(message.pop_front().unwrap(), "id");
/// message.push(vec![1, 2, 3]);
/// assert_eq!(message, [&b""[..], b"hello", &[1, 2, 3]]);
/// assert_eq!(message.bytes(), 8);
/// ```
#[derive(Clone, Default)]
pub struct Message {
    parts: Parts,
}

#[derive(Clone)]
enum Parts {
    /// The first `len` are parts, the others empty and without metadata.
    Few { len: usize, parts: [Msg; PARTS_INLINE] },
    /// The parts from `head` on; those before were taken from the front and are empty.
    Many { head: usize, parts: Vec<Msg> },
}

impl Default for Parts {
    fn default() -> Self {
        Self::Few { len: 0, parts: [const { Msg::new() }; PARTS_INLINE] }
    }
}

impl Message {
    /// A message without parts. Costs no allocation.
    pub const fn new() -> Self {
        let parts = [const { Msg::new() }; PARTS_INLINE];
        Self { parts: Parts::Few { len: 0, parts } }
    }

    /// Adds a part at the end.
    pub fn push(&mut self, part: impl Into<Msg>) {
        let part = part.into();
        match &mut self.parts {
            Parts::Few { len, parts } => match parts.get_mut(*len) {
                Some(place) => {
                    *place = part;
                    *len += 1;
                }
                None => {
                    let mut many = Vec::with_capacity(2 * PARTS_INLINE);
                    many.extend(parts.iter_mut().map(Msg::take));
                    many.push(part);
                    self.parts = Parts::Many { head: 0, parts: many };
                }
            },
            Parts::Many { parts, .. } => parts.push(part),
        }
    }

    /// Adds a part at the front, such as the routing id that a ROUTER socket expects. Constant time
    /// on average.
    pub fn push_front(&mut self, part: impl Into<Msg>) {
        let part = part.into();
        match &mut self.parts {
            Parts::Few { len, parts } => match parts.get_mut(*len) {
                Some(place) => {
                    *place = part;
                    *len += 1;
                    parts[..*len].rotate_right(1);
                }
                None => {
                    let mut many = Vec::with_capacity(2 * PARTS_INLINE);
                    many.push(part);
                    many.extend(parts.iter_mut().map(Msg::take));
                    self.parts = Parts::Many { head: 0, parts: many };
                }
            },
            Parts::Many { head, parts } => {
                if *head == 0 {
                    // Room for as many again, so that the parts move only when they have doubled.
                    let room = parts.len().max(1);
                    parts.splice(0..0, (0..room).map(|_| Msg::new()));
                    *head = room;
                }
                *head -= 1;
                parts[*head] = part;
            }
        }
    }

    /// Takes the first part off.
    pub fn pop_front(&mut self) -> Option<Msg> {
        match &mut self.parts {
            Parts::Few { len: 0, .. } => None,
            Parts::Few { len, parts } => {
                let part = parts[0].take();
                parts[..*len].rotate_left(1);
                *len -= 1;
                Some(part)
            }
            Parts::Many { head, parts } => {
                let part = parts.get_mut(*head)?.take();
                *head += 1;
                Some(part)
            }
        }
    }

    /// Takes the last part off.
    pub fn pop(&mut self) -> Option<Msg> {
        match &mut self.parts {
            Parts::Few { len, parts } => {
                *len = len.checked_sub(1)?;
                Some(parts[*len].take())
            }
            Parts::Many { head, parts } if *head < parts.len() => parts.pop(),
            Parts::Many { .. } => None,
        }
    }

    /// Takes the parts behind the first `len` off.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        while self.len() > len {
            self.pop();
        }
    }

    /// Takes all parts off. Keeps allocated room.
    pub fn clear(&mut self) {
        match &mut self.parts {
            Parts::Few { len, parts } => {
                parts[..mem::take(len)].fill_with(Msg::new);
            }
            Parts::Many { head, parts } => {
                parts.clear();
                *head = 0;
            }
        }
    }

    /// Moves the message out and leaves one without parts.
    pub fn take(&mut self) -> Self {
        mem::take(self)
    }

    /// The parts, to be altered in place.
    pub fn parts_mut(&mut self) -> &mut [Msg] {
        match &mut self.parts {
            Parts::Few { len, parts } => &mut parts[..*len],
            Parts::Many { head, parts } => &mut parts[*head..],
        }
    }

    /// The parts, first to last.
    pub fn parts(&self) -> &[Msg] {
        match &self.parts {
            Parts::Few { len, parts } => &parts[..*len],
            Parts::Many { head, parts } => &parts[*head..],
        }
    }

    /// The number of parts.
    pub fn len(&self) -> usize {
        self.parts().len()
    }

    /// Whether there are no parts.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload bytes of all parts together.
    pub fn bytes(&self) -> usize {
        self.parts().iter().map(Msg::len).sum()
    }

    /// The first part.
    pub fn first(&self) -> Option<&Msg> {
        self.parts().first()
    }

    /// The last part, which for most patterns is the body.
    pub fn last(&self) -> Option<&Msg> {
        self.parts().last()
    }

    /// A part by its number, from zero.
    pub fn part(&self, index: usize) -> Option<&Msg> {
        self.parts().get(index)
    }

    /// The first part as text, the empty text if there are no parts. Errors: it is not UTF-8.
    ///
    /// ```
    /// # use oxmq_message::Message;
    /// assert_eq!(Message::from("hello").str(), Ok("hello"));
    /// assert!(Message::from(b"\xff").str().is_err());
    /// ```
    pub fn str(&self) -> Result<&str, Utf8Error> {
        self.first().map_or(Ok(""), Msg::as_str)
    }

    /// The parts, first to last.
    pub fn iter(&self) -> slice::Iter<'_, Msg> {
        self.parts().iter()
    }
}

const _: () = assert!(size_of::<Message>() <= 208);

#[cfg(all(test, not(loom)))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn everything_byte_like_makes_a_message() {
        let bytes: &[u8] = b"abc";
        let one_part = [
            Message::from("abc"),
            Message::from(String::from("abc")),
            Message::from(bytes),
            Message::from(b"abc"),
            Message::from(bytes.to_vec()),
            Message::from(Msg::from("abc")),
            Message::from(["abc"]),
            Message::from(vec![Msg::from("abc")]),
            std::iter::once("abc").collect(),
        ];
        for message in &one_part {
            assert_eq!(*message, ["abc"]);
            assert_eq!((message.len(), message.bytes(), message.str()), (1, 3, Ok("abc")));
        }
        let parts: Vec<Msg> = (0..5).map(|i: u8| Msg::from([i])).collect();
        assert_eq!(Message::from(parts.clone()), parts);
        assert_eq!(Vec::from(Message::from(parts.clone())), parts);
    }

    #[test]
    fn no_parts_and_an_empty_part_differ() {
        let none = Message::new();
        let empty = Message::from("");
        assert!(none.is_empty() && !empty.is_empty());
        assert_ne!(none, empty);
        assert_eq!((none.str(), empty.str()), (Ok(""), Ok("")));
        assert_eq!((none.first(), empty.first()), (None, Some(&Msg::new())));
        assert_eq!(none, Message::default());
    }

    #[test]
    fn parts_are_reached_by_number_from_either_end() {
        for len in 1..8_u8 {
            let mut message: Message = (0..len).map(|i| [i]).collect();
            assert_eq!(message[usize::from(len) - 1], [len - 1]);
            assert_eq!(message.part(usize::from(len)), None);
            assert_eq!(message.last().unwrap(), &[len - 1]);
            message.parts_mut()[0] = Msg::from("first");
            assert_eq!(message.first().unwrap(), "first");
            let parts = message.clone().into_iter();
            assert_eq!(parts.len(), usize::from(len));
            assert!(parts.rev().eq(message.iter().rev().cloned()));
            assert_eq!(message.take().len(), usize::from(len));
            assert!(message.is_empty());
        }
    }

    #[test]
    fn clearing_empties_short_and_long_messages() {
        for len in [0, 2, 3, 9] {
            let mut message: Message = (0..len).map(|_| "part").collect();
            message.pop_front();
            message.clear();
            assert!(message.is_empty());
            message.push_front("new");
            assert_eq!(message, ["new"]);
        }
    }

    #[test]
    fn a_part_that_was_taken_off_is_let_go() {
        use std::sync::Arc;
        let bytes: Arc<[u8]> = Arc::from([7; 100]);
        for others in [0, 1, 5] {
            let mut message: Message = (0..others).map(|_| "x").collect();
            message.push_front(Msg::from_owner(Arc::clone(&bytes)));
            assert_eq!(Arc::strong_count(&bytes), 2);
            drop(message.pop_front());
            assert_eq!(Arc::strong_count(&bytes), 1);
        }
    }

    #[test]
    fn debug_lists_the_parts() {
        let text = format!("{:?}", Message::from(["a", ""]));
        assert_eq!(
            text,
            r#"[Msg { len: 1, kind: Inline, bytes: "a" }, Msg { len: 0, kind: Inline, bytes: "" }]"#
        );
    }
}
