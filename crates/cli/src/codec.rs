//! Messages as text and back: plain lines, hexadecimal and JSON. Pure functions over octets; the
//! files and sockets belong to others. What one command writes, another with the same options
//! reads back; only plain lines cannot carry every octet.

pub(crate) mod hex;
pub(crate) mod json;

/// The parts of a message, first to last.
pub(crate) type Parts = Vec<Vec<u8>>;

/// What is known of a received message besides its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// The peer's address; empty if not known.
    pub(crate) peer: String,
    /// The peer's metadata.
    pub(crate) metadata: Vec<(String, String)>,
}

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is, one line each.
    Text,
    /// Two digits an octet, one line each.
    Hex,
    /// One JSON value a line.
    Json,
}

/// How messages are read from and written to text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Codec {
    /// The form of the line.
    pub(crate) form: Form,
    /// What stands between the parts of a message that is written.
    pub(crate) join: Vec<u8>,
    /// At what a line that is read is split into parts; `None` keeps it whole.
    pub(crate) split: Option<Vec<u8>>,
    /// The first part is a routing id: written as `0x..` if it is not printable text, and read
    /// in either form.
    pub(crate) routing_id: bool,
}

impl Codec {
    /// Reads one line, which stands here without its end.
    ///
    /// # Errors
    /// What is wrong with the line and how to write it.
    pub(crate) fn decode(&self, line: &[u8]) -> Result<Parts, String> {
        match self.form {
            Form::Json => return json::decode(line),
            Form::Hex => return self.decode_hex(line),
            Form::Text => {}
        }
        let mut parts = match &self.split {
            Some(at) => split(line, at),
            None => vec![line.to_vec()],
        };
        if self.routing_id
            && let Some(first) = parts.first_mut()
            && let Some(digits) = first.strip_prefix(b"0x")
        {
            *first = hex::decode(digits)?;
        }
        Ok(parts)
    }

    /// Reads what stands on the command line for a part: hexadecimal if that is the form, else
    /// text, as shells make JSON hard to write.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn decode_argument(&self, text: &str) -> Result<Parts, String> {
        match self.form {
            Form::Hex => self.decode_hex(text.as_bytes()),
            Form::Text => self.decode(text.as_bytes()),
            Form::Json => Ok(vec![text.as_bytes().to_vec()]),
        }
    }

    /// Split at spaces even if no delimiter was given: they cannot be digits.
    fn decode_hex(&self, line: &[u8]) -> Result<Parts, String> {
        let at = self.split.as_deref().unwrap_or(b" ");
        split(line, at).iter().map(|part| hex::decode(part)).collect()
    }

    /// Writes a message and the end of its line.
    pub(crate) fn encode(&self, parts: &[&[u8]], about: &About, out: &mut Vec<u8>) {
        match self.form {
            Form::Json => json::encode(parts, about, out),
            Form::Text | Form::Hex => {
                for (index, part) in parts.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(&self.join);
                    }
                    if self.form == Form::Hex {
                        hex::encode(part, out);
                    } else if index == 0 && self.routing_id && !is_printable(part) {
                        out.extend_from_slice(b"0x");
                        hex::encode(part, out);
                    } else {
                        out.extend_from_slice(part);
                    }
                }
            }
        }
        out.push(b'\n');
    }
}

/// The pieces between occurrences of `at`, which is not empty; at least one.
fn split(line: &[u8], at: &[u8]) -> Parts {
    let mut parts = Vec::new();
    let mut rest = line;
    while let Some(found) = find(rest, at) {
        parts.push(rest[..found].to_vec());
        rest = &rest[found + at.len()..];
    }
    parts.push(rest.to_vec());
    parts
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return None;
    }
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Whether a routing id can stand in a line as it is. One that begins like hexadecimal cannot.
fn is_printable(part: &[u8]) -> bool {
    !part.starts_with(b"0x")
        && str::from_utf8(part)
            .is_ok_and(|text| !text.is_empty() && !text.contains(char::is_control))
}

#[cfg(test)]
mod tests;
