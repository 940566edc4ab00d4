//! The rules of a configuration file: reading them, each mistake with its line and key, and
//! choosing one for a socket. Plain values, read only once they are made.
//!
//! ```toml
//! [[socket]]
//! type = "PUSH"                    # or a list; any type that takes the options if left out
//! connect = "tcp://*:5557"         # or bind, or endpoint for both; * and ? match any text
//! durable = "jobs"                 # options, by their names in lower case
//! store = "/var/lib/app/store"
//! ```

use std::ops::Range;

use oxmq_engine::SocketType;
use oxmq_engine::options::{OptionError, SocketOptions, code};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How a socket comes to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Bind,
    Connect,
}

/// One `[[socket]]`: which sockets it chooses, and what it sets.
#[derive(Debug, Default)]
pub(super) struct Rule {
    types: Vec<SocketType>,
    /// Both if `None`.
    side: Option<Side>,
    /// Any endpoint if `None`.
    endpoint: Option<String>,
    options: Vec<Setting>,
}

/// One option with its value as `zmq_setsockopt` takes it.
#[derive(Debug)]
struct Setting {
    code: i32,
    value: Vec<u8>,
    at: usize,
    key: &'static str,
}

/// What is wrong with a file, and where.
#[derive(Debug)]
pub(super) struct Fault {
    /// The first byte of what is wrong.
    at: usize,
    /// The key, where there is one.
    key: String,
    what: String,
}

/// What a key's value is.
enum Form {
    Text,
    Int,
    I64,
    /// One of these words.
    Word(&'static [(&'static str, i32)]),
}

/// Keys that set options: their names, their options, and what they take.
const OPTIONS: &[(&str, i32, Form)] = &[
    ("store", code::STORE, Form::Text),
    ("durable", code::DURABLE, Form::Text),
    ("sync", code::SYNC, Form::Word(&[("os", 1), ("interval", 2), ("always", 3)])),
    ("sync_ivl", code::SYNC_IVL, Form::Int),
    ("ack_mode", code::ACK_MODE, Form::Word(&[("automatic", 0), ("explicit", 1)])),
    ("log_bytes_max", code::LOG_BYTES_MAX, Form::I64),
    ("log_messages_max", code::LOG_MESSAGES_MAX, Form::I64),
    ("log_age_max", code::LOG_AGE_MAX, Form::Int),
    ("attempts_max", code::ATTEMPTS_MAX, Form::Int),
    ("start", code::START, Form::Word(&[("latest", 0), ("earliest", 1)])),
    ("message_ttl", code::MESSAGE_TTL, Form::Int),
    ("keep", code::KEEP, Form::Word(&[("subscribers", 0), ("limits", 1)])),
    ("spill_dir", code::SPILL_DIR, Form::Text),
    ("spill_memory", code::SPILL_MEMORY, Form::I64),
    ("spill_limit", code::SPILL_LIMIT, Form::I64),
];

/// Keys that choose sockets.
const CHOICES: [&str; 4] = ["type", "bind", "connect", "endpoint"];

/// Options that mean nothing without another one.
const NEEDS: &[(&str, &str)] = &[
    ("store", "durable"),
    ("durable", "store"),
    ("sync", "durable"),
    ("sync_ivl", "durable"),
    ("ack_mode", "durable"),
    ("log_bytes_max", "durable"),
    ("log_messages_max", "durable"),
    ("log_age_max", "durable"),
    ("attempts_max", "durable"),
    ("start", "durable"),
    ("message_ttl", "durable"),
    ("keep", "durable"),
    ("spill_memory", "spill_dir"),
    ("spill_limit", "spill_dir"),
];

/// The rules of a file's text.
pub(super) fn parse(text: &str) -> Result<Vec<Rule>, Fault> {
    let table = DeTable::parse(text).map_err(|error| Fault {
        at: error.span().map_or(0, |span| span.start),
        key: String::new(),
        what: error.message().to_owned(),
    })?;
    let mut rules = Vec::new();
    for (key, value) in table.get_ref() {
        let name = key.get_ref();
        if name != "socket" {
            return Err(fault(&key.span(), name, "no such key: [[socket]] is the only one"));
        }
        let expected = || fault(&value.span(), name, "each rule begins with [[socket]]");
        for rule in value.get_ref().as_array().ok_or_else(expected)? {
            rules.push(Rule::read(rule.get_ref().as_table().ok_or_else(expected)?, rule.span())?);
        }
    }
    Ok(rules)
}

impl Rule {
    fn read(table: &DeTable<'_>, span: Range<usize>) -> Result<Rule, Fault> {
        let mut rule = Rule::default();
        // In the order of the file, so that of several mistakes the first one is told.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut types_at = None;
        for (key, value) in entries {
            let (name, at) = (key.get_ref().as_ref(), key.span());
            if name == "type" {
                rule.types = types(value)?;
                types_at = Some(at);
            } else if CHOICES.contains(&name) {
                if rule.endpoint.is_some() {
                    let what = "one of bind, connect and endpoint is enough";
                    return Err(fault(&at, name, what));
                }
                rule.endpoint = Some(string(name, value)?.to_owned());
                rule.side = match name {
                    "bind" => Some(Side::Bind),
                    "connect" => Some(Side::Connect),
                    _ => None,
                };
            } else {
                rule.options.push(setting(name, &at, value)?);
            }
        }
        rule.check_needs(&span)?;
        rule.check_types(types_at.is_some())?;
        Ok(rule)
    }

    fn check_needs(&self, span: &Range<usize>) -> Result<(), Fault> {
        let has = |key| self.options.iter().any(|setting| setting.key == key);
        for setting in &self.options {
            let missing = NEEDS.iter().find(|(key, needed)| *key == setting.key && !has(*needed));
            if let Some((_, needed)) = missing {
                let what = format!("needs {needed} in the same [[socket]]");
                return Err(Fault { at: setting.at, key: setting.key.to_owned(), what });
            }
        }
        // A durable socket has what it queues on disk anyway.
        if let Some(setting) = self.options.iter().find(|setting| setting.key == "spill_dir")
            && has("durable")
        {
            let what = "cannot be used together with durable".to_owned();
            return Err(Fault { at: setting.at, key: setting.key.to_owned(), what });
        }
        if self.options.is_empty() {
            return Err(fault(span, "socket", "sets no option"));
        }
        Ok(())
    }

    /// Sets the options for each type on trial; without types named, finds those that take them.
    fn check_types(&mut self, are_named: bool) -> Result<(), Fault> {
        let fits = |socket_type| {
            let mut options = SocketOptions::libzmq_defaults(socket_type);
            self.options.iter().try_for_each(|setting| {
                setting.set(&mut options).map_err(|error| Fault {
                    at: setting.at,
                    key: setting.key.to_owned(),
                    what: error.fault.to_string(),
                })
            })
        };
        if are_named {
            return self.types.iter().try_for_each(|socket_type| fits(*socket_type));
        }
        let all = SocketType::ALL;
        let taking: Vec<SocketType> = all.into_iter().filter(|t| fits(*t).is_ok()).collect();
        if taking.is_empty() {
            // What is wrong with it is wrong with each; PULL takes every option but one.
            fits(SocketType::Pull).and_then(|()| fits(SocketType::Sub))?;
        }
        self.types = taking;
        Ok(())
    }

    /// Whether the rule is for this socket at its first endpoint, as the program gave it.
    pub(super) fn chooses(&self, socket_type: SocketType, side: Side, endpoint: &str) -> bool {
        let matches = |pattern: &String| pattern == endpoint || matches(pattern, endpoint);
        self.types.contains(&socket_type)
            && self.side.is_none_or(|only| only == side)
            && self.endpoint.as_ref().is_none_or(matches)
    }

    /// Sets what the rule sets.
    pub(super) fn set(&self, options: &mut SocketOptions) -> Result<(), OptionError> {
        self.options.iter().try_for_each(|setting| setting.set(options))
    }
}

impl Setting {
    fn set(&self, options: &mut SocketOptions) -> Result<(), OptionError> {
        options.set(self.code, &self.value).map(drop)
    }
}

impl Fault {
    /// As a line for people: the file, the line, the key, and what is wrong.
    pub(super) fn at(&self, file: &str, text: &str) -> String {
        let before = text.as_bytes().get(..self.at).unwrap_or(text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        match self.key.as_str() {
            "" => format!("{file}:{line}: {}", self.what),
            key => format!("{file}:{line}: {key}: {}", self.what),
        }
    }
}

fn fault(at: &Range<usize>, key: &str, what: &str) -> Fault {
    Fault { at: at.start, key: key.to_owned(), what: what.to_owned() }
}

fn string<'a>(key: &str, value: &'a Spanned<DeValue<'_>>) -> Result<&'a str, Fault> {
    let found = value.get_ref();
    found.as_str().ok_or_else(|| {
        fault(&value.span(), key, &format!("expected a string, found {}", article(found)))
    })
}

fn article(value: &DeValue<'_>) -> String {
    let name = value.type_str();
    let article = if name.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {name}")
}

/// One type, or several.
fn types(value: &Spanned<DeValue<'_>>) -> Result<Vec<SocketType>, Fault> {
    let one = |value: &Spanned<DeValue<'_>>| {
        let name = string("type", value)?;
        let is_it = |t: &SocketType| t.name().eq_ignore_ascii_case(name);
        let unknown = || fault(&value.span(), "type", &format!("\"{name}\" is no socket type"));
        SocketType::ALL.into_iter().find(is_it).ok_or_else(unknown)
    };
    match value.get_ref().as_array() {
        Some(list) if list.is_empty() => Err(fault(&value.span(), "type", "names no socket type")),
        Some(list) => list.iter().map(one).collect(),
        None => Ok(vec![one(value)?]),
    }
}

/// An option of a rule.
fn setting(name: &str, at: &Range<usize>, value: &Spanned<DeValue<'_>>) -> Result<Setting, Fault> {
    let Some((key, code, form)) = OPTIONS.iter().find(|(key, ..)| *key == name) else {
        let known = CHOICES.iter().copied().chain(OPTIONS.iter().map(|(key, ..)| *key));
        let known: Vec<&str> = known.collect();
        let what = format!("no such key; there are {}", known.join(", "));
        return Err(fault(at, name, &what));
    };
    let bytes = match form {
        Form::Text => string(key, value)?.as_bytes().to_vec(),
        Form::I64 => integer(key, value)?.to_ne_bytes().to_vec(),
        Form::Int => {
            let number = integer(key, value)?;
            let range = |_| fault(&value.span(), key, &format!("{number} is out of range"));
            i32::try_from(number).map_err(range)?.to_ne_bytes().to_vec()
        }
        Form::Word(words) => word(key, value, words)?.to_ne_bytes().to_vec(),
    };
    Ok(Setting { code: *code, value: bytes, at: at.start, key })
}

fn integer(key: &str, value: &Spanned<DeValue<'_>>) -> Result<i64, Fault> {
    let found = value.get_ref();
    let Some(number) = found.as_integer() else {
        let what = format!("expected an integer, found {}", article(found));
        return Err(fault(&value.span(), key, &what));
    };
    let large = |_| fault(&value.span(), key, &format!("{number} is out of range"));
    i64::from_str_radix(number.as_str(), number.radix()).map_err(large)
}

fn word(key: &str, value: &Spanned<DeValue<'_>>, words: &[(&str, i32)]) -> Result<i32, Fault> {
    let given = string(key, value)?;
    let unknown = || {
        let words: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let what = format!("expected {}, found \"{given}\"", words.join(" or "));
        fault(&value.span(), key, &what)
    };
    words.iter().find(|(word, _)| *word == given).map(|(_, int)| *int).ok_or_else(unknown)
}

/// Whether a text has the form of a pattern, in which `*` stands for any characters and `?` for any
/// one. Takes time in proportion to the product of the lengths at worst.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last star does not fit: one byte further in the text.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((after, begin)) => {
                    star = Some((after, begin + 1));
                    (p, t) = (after, begin + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests;
