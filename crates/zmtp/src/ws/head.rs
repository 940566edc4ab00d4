//! The head of an HTTP/1.1 message, as strictly and as little of it as an upgrade needs: a first
//! line and header fields, each ended by CR LF (RFC 9112).
//!
//! [`Head`] gathers octets up to the empty line, within `limits.rs`; [`Fields`] reads them.

use crate::limits::{WS_FIELDS_MAX, WS_UPGRADE_BYTES_MAX};

use super::fault::UpgradeFault;

/// The octets of a head that have arrived.
#[derive(Debug, Default)]
pub(super) struct Head {
    octets: Vec<u8>,
}

impl Head {
    /// Takes octets up to the end of the head; says how many it took, and whether that was it.
    pub(super) fn push(&mut self, octets: &[u8]) -> Result<(usize, bool), UpgradeFault> {
        const END: &[u8] = b"\r\n\r\n";
        let room = WS_UPGRADE_BYTES_MAX - self.octets.len();
        let before = self.octets.len();
        let offered = &octets[..octets.len().min(room)];
        self.octets.extend_from_slice(offered);
        // The end may begin in what came earlier.
        let from = before.saturating_sub(END.len() - 1);
        let end = self.octets[from..].windows(END.len()).position(|window| window == END);
        if let Some(at) = end {
            let len = from + at + END.len();
            self.octets.truncate(len);
            return Ok((len - before, true));
        }
        // A peer that does not speak HTTP at all need not be heard to the end.
        if !self.octets.iter().all(|&c| is_head_octet(c)) {
            return Err(UpgradeFault::HeaderLine);
        }
        if offered.len() < octets.len() || self.octets.len() == WS_UPGRADE_BYTES_MAX {
            return Err(UpgradeFault::TooLong);
        }
        Ok((octets.len(), false))
    }

    /// The first line and the fields of a head that is complete.
    pub(super) fn parse(&self) -> Result<(&[u8], Fields<'_>), UpgradeFault> {
        let lines = self.octets.strip_suffix(b"\r\n\r\n").ok_or(UpgradeFault::HeaderLine)?;
        let mut lines = split_lines(lines);
        let first = lines.next().unwrap_or_default();
        let mut fields = Vec::new();
        for line in lines {
            if fields.len() == WS_FIELDS_MAX {
                return Err(UpgradeFault::TooManyFields);
            }
            fields.push(field(line)?);
        }
        Ok((first, Fields(fields)))
    }
}

/// The header fields of a head, names and values.
#[derive(Debug)]
pub(super) struct Fields<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Fields<'a> {
    /// The values of all fields of this name.
    pub(super) fn all(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        let wanted = move |field: &&(&[u8], &[u8])| field.0.eq_ignore_ascii_case(name.as_bytes());
        self.0.iter().filter(wanted).map(|(_, value)| *value)
    }

    /// The value of a field that has to be there once.
    pub(super) fn one(&self, name: &'static str) -> Result<&'a [u8], UpgradeFault> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(UpgradeFault::Count(name)),
        }
    }

    /// The elements of all lists of this name.
    pub(super) fn elements(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        let elements = |value: &'a [u8]| value.split(|c| *c == b',').map(trim);
        self.all(name).flat_map(elements).filter(|element| !element.is_empty())
    }

    /// Checks that a list has this element, in whatever case.
    pub(super) fn demand(&self, name: &'static str, element: &str) -> Result<(), UpgradeFault> {
        if self.elements(name).any(|found| found.eq_ignore_ascii_case(element.as_bytes())) {
            return Ok(());
        }
        match self.all(name).next() {
            None => Err(UpgradeFault::Count(name)),
            Some(_) => Err(UpgradeFault::Value(name)),
        }
    }

    /// Checks that there is no field of this name.
    pub(super) fn forbid(&self, name: &'static str) -> Result<(), UpgradeFault> {
        match self.all(name).next() {
            None => Ok(()),
            Some(_) => Err(UpgradeFault::Unasked(name)),
        }
    }
}

/// The lines between CR LF; a lone CR or LF stays in its line, where no grammar permits it.
fn split_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(at) = text.windows(2).position(|pair| pair == b"\r\n") else {
            return rest.take();
        };
        rest = Some(&text[at + 2..]);
        Some(&text[..at])
    })
}

// RFC 9112 §5: no space between name and colon; a folded line, which begins with a space, is
// refused. RFC 9110 §5.5: values have visible characters, spaces and tabs, and octets above ASCII.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), UpgradeFault> {
    let colon = line.iter().position(|c| *c == b':').ok_or(UpgradeFault::HeaderLine)?;
    let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
    let in_value = |c: &u8| *c == b'\t' || (*c >= b' ' && *c != 0x7F);
    if name.is_empty() || !name.iter().all(is_token) || !value.iter().all(in_value) {
        return Err(UpgradeFault::HeaderLine);
    }
    Ok((name, value))
}

/// RFC 9110 §5.6.2: a character of a token.
fn is_token(c: &u8) -> bool {
    c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(c)
}

fn is_head_octet(c: u8) -> bool {
    matches!(c, b'\t' | b'\r' | b'\n') || (c >= b' ' && c != 0x7F)
}

/// Without the spaces and tabs around it (RFC 9110 §5.6.3).
fn trim(text: &[u8]) -> &[u8] {
    let is_space = |c: &u8| matches!(c, b' ' | b'\t');
    let Some(from) = text.iter().position(|c| !is_space(c)) else { return &[] };
    let to = text.iter().rposition(|c| !is_space(c)).map_or(from, |last| last + 1);
    &text[from..to]
}
