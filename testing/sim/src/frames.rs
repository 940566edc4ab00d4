//! Reads what goes over a connection, for the checkers: greeting, commands and messages. A reading
//! of its own, which shares nothing with the code under test. Plain state, one for each direction.

/// Octets of a greeting.
const GREETING_BYTES: usize = 64;

/// Something whole that went over a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// READY; the instance, if the peer speaks the extension.
    Ready(Option<u64>),
    /// Any other command.
    Command(Vec<u8>, Vec<u8>),
    /// A message's last part.
    Message(Vec<u8>),
}

/// See the file's first paragraph.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    greeted: bool,
    bytes: Vec<u8>,
}

impl FrameReader {
    /// Everything that began has ended, and messages may flow.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.greeted && self.bytes.is_empty()
    }

    /// Takes what went over the connection.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut found: impl FnMut(Item)) {
        self.bytes.extend_from_slice(bytes);
        if !self.greeted {
            if self.bytes.len() < GREETING_BYTES {
                return;
            }
            self.bytes.drain(..GREETING_BYTES);
            self.greeted = true;
        }
        let mut at = 0;
        while let Some((flags, from, to)) = header(&self.bytes, at) {
            let body = &self.bytes[from..to];
            if flags & 4 != 0 {
                found(command(body));
            } else if flags & 1 == 0 {
                found(Item::Message(body.to_vec()));
            }
            at = to;
        }
        self.bytes.drain(..at);
    }
}

/// Flags, beginning and end of the body of the frame at `at`, if it is there.
fn header(bytes: &[u8], at: usize) -> Option<(u8, usize, usize)> {
    let flags = *bytes.get(at)?;
    let (from, length) = if flags & 2 == 0 {
        (at + 2, usize::from(*bytes.get(at + 1)?))
    } else {
        let length = bytes.get(at + 1..at + 9)?.try_into().ok()?;
        (at + 9, usize::try_from(u64::from_be_bytes(length)).ok()?)
    };
    let to = from.checked_add(length)?;
    (to <= bytes.len()).then_some((flags, from, to))
}

fn command(body: &[u8]) -> Item {
    let length = usize::from(body.first().copied().unwrap_or(0));
    let name = body.get(1..1 + length).unwrap_or_default();
    let rest = body.get(1 + length..).unwrap_or_default();
    if name == b"READY" {
        return Item::Ready(instance(rest));
    }
    Item::Command(name.to_vec(), rest.to_vec())
}

/// The instance in the property of the extension.
fn instance(metadata: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(metadata);
    let value = text.split_once("X-Durable")?.1;
    let value = value.split_once("v=1;")?.1;
    let digits: String =
        value.split_once("inst=")?.1.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Numbers of eight octets in a command's body.
pub(crate) fn number(body: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(body.get(at..at + 8)?.try_into().ok()?))
}

/// The ranges in a body, both ends included; their count stands at `at`.
pub(crate) fn ranges(body: &[u8], at: usize) -> Vec<(u64, u64)> {
    let count = usize::from(body.get(at).copied().unwrap_or(0));
    let range = |index: usize| {
        let from = at + 1 + index * 16;
        Some((number(body, from)?, number(body, from + 8)?))
    };
    (0..count).filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_they_are_cut() {
        let mut stream = vec![0u8; GREETING_BYTES];
        stream.extend_from_slice(b"\x04\x09\x05READYabc");
        stream.extend_from_slice(b"\x01\x02to\x00\x04body");
        stream.extend_from_slice(b"\x04\x06\x05ZDACK");
        for cut in 1..stream.len() {
            let mut reader = FrameReader::default();
            let mut items = Vec::new();
            for piece in stream.chunks(cut) {
                reader.feed(piece, |item| items.push(item));
            }
            let ack = Item::Command(b"ZDACK".to_vec(), Vec::new());
            assert_eq!(items, [Item::Ready(None), Item::Message(b"body".to_vec()), ack]);
        }
    }

    #[test]
    fn the_instance_is_found_in_the_property() {
        let ready = b"\x05READY\x09X-Durable\0\0\0\x1cv=1;name=a;inst=17;log=00";
        assert_eq!(command(ready), Item::Ready(Some(17)));
    }
}
