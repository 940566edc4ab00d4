//! What the simulated applications send: a number that tells who sent it and which it is, in a form
//! that is found again in any octets, on a disk or on a connection.

use std::fmt;

/// One message, by its sender and its number there. The number goes on over restarts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MessageId {
    pub(crate) sender: u32,
    pub(crate) number: u32,
}

/// Octets of the form.
const FORM_BYTES: usize = 13;

impl MessageId {
    /// The body of the message, with some filling behind its number.
    pub(crate) fn body(self, filling: usize) -> Vec<u8> {
        let mut body = self.to_string().into_bytes();
        body.resize(body.len() + filling, b'.');
        body
    }

    /// The message with this body.
    pub(crate) fn of_body(body: &[u8]) -> Option<Self> {
        let form = body.get(..FORM_BYTES)?;
        let ends = form.first() == Some(&b'<') && form.last() == Some(&b'>');
        let text = std::str::from_utf8(form.get(1..FORM_BYTES - 1)?).ok().filter(|_| ends)?;
        let (sender, number) = text.split_once(':')?;
        Some(Self { sender: sender.parse().ok()?, number: number.parse().ok()? })
    }

    /// Every message whose form stands somewhere in `bytes`.
    pub(crate) fn find(bytes: &[u8], mut found: impl FnMut(Self)) {
        for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'<') {
            if let Some(id) = Self::of_body(&bytes[at..]) {
                found(id);
            }
        }
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{:04}:{:06}>", self.sender, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_in_any_octets() {
        let id = MessageId { sender: 12, number: 345_678 };
        let bytes = [b"<<0012<".as_slice(), &id.body(3), b"<0001:"].concat();
        let mut found = Vec::new();
        MessageId::find(&bytes, |id| found.push(id));
        assert_eq!(found, [id]);
        assert_eq!(MessageId::of_body(b"<0012:34567"), None);
    }
}
