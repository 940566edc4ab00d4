//! Why an option was refused: always the caller's fault, or a feature that is not there. Plain
//! values, free of the options they speak of.

use std::fmt;

use oxmq_zmtp::SocketType;

use super::row::Kind;

/// An option that could not be set or read. `EINVAL` in the C face.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionError {
    /// The option's number as given.
    pub code: i32,
    /// The option's name, `None` if no option has the number.
    pub name: Option<&'static str>,
    /// What is wrong.
    pub fault: OptionFault,
}

/// What is wrong with setting or reading an option.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionFault {
    /// No option has this number.
    Unknown,
    /// The option belongs to a feature that this version does not have.
    NotBuilt {
        /// The feature.
        feature: &'static str,
    },
    /// The option can only be read.
    ReadOnly,
    /// The option can only be set.
    WriteOnly,
    /// The option is none of this socket type's.
    WrongSocketType {
        /// The socket's type.
        found: SocketType,
    },
    /// The value has the wrong length.
    Length {
        /// What the option takes.
        expected: Kind,
        /// The length of the value, in bytes.
        found: usize,
    },
    /// The number is outside the option's range.
    Range {
        /// What the option takes.
        expected: Kind,
        /// The number that came.
        found: i64,
    },
    /// The value has the right length, but not the right form.
    Form {
        /// What the form must be.
        expected: &'static str,
    },
    /// The socket was bound or connected before.
    TooLate,
    /// The option cannot be used together with another one that is set.
    Excludes {
        /// The name of that option.
        option: &'static str,
    },
    /// Another option has to be set first.
    Requires {
        /// The name of that option.
        option: &'static str,
    },
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "option {name}: ")?,
            None => write!(f, "option {}: ", self.code)?,
        }
        self.fault.fmt(f)
    }
}

impl fmt::Display for OptionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionFault::Unknown => f.write_str("there is no option of this number"),
            OptionFault::NotBuilt { feature } => {
                write!(f, "not supported, because this version has no {feature}")
            }
            OptionFault::ReadOnly => f.write_str("can only be read"),
            OptionFault::WriteOnly => f.write_str("can only be set"),
            OptionFault::WrongSocketType { found } => {
                write!(f, "not an option of {} sockets", found.name())
            }
            OptionFault::Length { expected, found } => {
                write!(f, "expected {expected}, found {found} bytes")
            }
            OptionFault::Range { expected, found } => {
                write!(f, "expected {expected}, found {found}")
            }
            OptionFault::Form { expected } => write!(f, "expected {expected}"),
            OptionFault::TooLate => f.write_str("must be set before the first bind or connect"),
            OptionFault::Excludes { option } => {
                write!(f, "cannot be used together with {option}")
            }
            OptionFault::Requires { option } => write!(f, "works only once {option} is set"),
        }
    }
}

impl std::error::Error for OptionError {}
