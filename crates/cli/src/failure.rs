//! Why a command ends without success: the exit status, and a message that says what to do next.
//! Plain values, made where something fails and printed by `main`.

use std::fmt;
use std::io;

use oxmq::Error;

use crate::endpoint::{EndpointArg, Role, TRANSPORTS};

/// The exit status of a command that could not do what it was asked.
const STATUS_ERROR: u8 = 1;
/// Of one that was asked wrongly; clap uses the same.
const STATUS_USAGE: u8 = 2;
/// Of one that waited in vain.
const STATUS_TIMEOUT: u8 = 3;

/// See the file's first paragraph.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    /// Empty where there is nothing to say.
    message: String,
}

impl Failure {
    pub(crate) fn error(message: impl Into<String>) -> Failure {
        Failure { status: STATUS_ERROR, message: message.into() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure { status: STATUS_USAGE, message: message.into() }
    }

    pub(crate) fn timeout(message: impl Into<String>) -> Failure {
        Failure { status: STATUS_TIMEOUT, message: message.into() }
    }

    /// The output could not be written. Whoever reads it may leave when it has enough, as
    /// `head` does: that is no error.
    pub(crate) fn output(error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure { status: 0, message: String::new() };
        }
        Failure::error(format!("cannot write the output: {error}"))
    }

    /// An endpoint could not be bound or connected to.
    pub(crate) fn at_endpoint(error: &Error, at: &EndpointArg) -> Failure {
        let hint = match error {
            Error::AddressInUse { .. } => in_use_hint(&at.endpoint),
            Error::Endpoint { .. } => {
                format!("endpoints are written\n{TRANSPORTS}")
            }
            Error::IncompatibleTransport { .. } => "stream sockets use tcp:// only".to_owned(),
            Error::Io { source, .. } => io_hint(source, at),
            _ => String::new(),
        };
        let mut message = match error {
            Error::Io { source, .. } => format!("cannot {} {}: {source}", verb(at), at.endpoint),
            other => format!("cannot {} {}: {other}", verb(at), at.endpoint),
        };
        if !hint.is_empty() {
            message = format!("{message}\n{hint}");
        }
        Failure::error(message)
    }

    pub(crate) fn status(&self) -> u8 {
        self.status
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::error(error.to_string())
    }
}

fn verb(at: &EndpointArg) -> &'static str {
    match at.role {
        Role::Bind => "bind",
        Role::Connect => "connect to",
    }
}

fn in_use_hint(endpoint: &str) -> String {
    let mut hint = String::new();
    if let Some(port) = port(endpoint) {
        hint = format!("`ss -ltnp 'sport = :{port}'` shows who listens there\n");
    }
    let other = match endpoint.rsplit_once(':') {
        Some((host, _)) if endpoint.starts_with("tcp://") => format!("{host}:*"),
        _ => "ipc://*".to_owned(),
    };
    format!(
        "{hint}choose another (a * finds a free one: {other}), or write connect:{endpoint} to talk \
         to whoever listens there"
    )
}

fn port(endpoint: &str) -> Option<u16> {
    endpoint.strip_prefix("tcp://")?.rsplit_once(':')?.1.parse().ok()
}

fn io_hint(error: &io::Error, at: &EndpointArg) -> String {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => format!(
            "no interface of this machine has that address: write connect:{} to connect to it, or \
             * for every interface",
            at.endpoint
        ),
        io::ErrorKind::PermissionDenied if at.endpoint.starts_with("tcp://") => {
            "ports below 1024 are for root: choose a higher one".to_owned()
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound
            if at.endpoint.starts_with("ipc://") =>
        {
            "the directory has to be there and writable; ipc://@NAME needs none".to_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

    use super::*;

    fn text(error: &Error, at: &str) -> String {
        Failure::at_endpoint(error, &at.parse().unwrap()).to_string()
    }

    #[test]
    fn an_address_in_use_is_answered_with_how_to_find_another() {
        let error = Error::AddressInUse { endpoint: "tcp://*:5559".to_owned() };
        let message = text(&error, "tcp://*:5559");
        assert!(message.contains("sport = :5559"), "{message}");
        assert!(message.contains("tcp://*:*"), "{message}");
        assert!(message.contains("connect:tcp://*:5559"), "{message}");
    }

    #[test]
    fn a_foreign_address_is_answered_with_connect() {
        let source = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let error = Error::Io { doing: "binding".to_owned(), source };
        assert!(text(&error, "tcp://192.0.2.1:5").contains("connect:tcp://192.0.2.1:5"));
    }

    #[test]
    fn a_reader_that_left_is_no_error() {
        let gone = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::output(&gone).status(), 0);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(Failure::output(&full).status(), STATUS_ERROR);
    }
}
