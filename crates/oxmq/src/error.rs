//! Errors that carry something back to the caller: the message that was not sent, the socket that
//! was of another type. Plain values.

use std::fmt;

use oxmq_engine::{Error, Message, SocketType};

use crate::AnySocket;

/// A message that was not sent, and why. Nothing of it was.
///
/// Where the message does not matter, `?` turns this into an [`Error`].
///
/// Memory cost: one allocation; the loop that tries again and again uses
/// [`send_from`](crate::Socket::send_from), which has none.
///
/// ```
/// use oxmq::{Context, Error, Push};
///
/// let push = Push::new(&Context::new())?;
/// let refused = push.try_send("nobody is there").unwrap_err();
/// assert!(matches!(refused.error(), Error::WouldBlock));
/// assert_eq!(refused.into_message(), ["nobody is there"]);
/// # Ok::<(), Error>(())
/// ```
pub struct SendError(Box<(Message, Error)>);

impl SendError {
    #[cold]
    pub(crate) fn new(message: Message, error: Error) -> SendError {
        SendError(Box::new((message, error)))
    }

    /// Why the message was not sent.
    pub fn error(&self) -> &Error {
        &self.0.1
    }

    /// The message, to be sent again or elsewhere.
    pub fn into_message(self) -> Message {
        self.0.0
    }

    /// The message and the reason.
    pub fn into_parts(self) -> (Message, Error) {
        *self.0
    }

    /// True for the conditions that waiting or repeating can cure.
    pub fn is_would_block(&self) -> bool {
        self.error().is_would_block()
    }
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError")
            .field("error", self.error())
            .field("parts", &self.0.0.len())
            .field("bytes", &self.0.0.bytes())
            .finish()
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error().fmt(f)
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(self.error())
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Error {
        error.0.1
    }
}

impl From<SendError> for std::io::Error {
    fn from(error: SendError) -> std::io::Error {
        Error::from(error).into()
    }
}

/// An [`AnySocket`] that is not of the type it should be turned into.
#[derive(Debug)]
pub struct WrongType {
    /// The socket, as it was.
    pub socket: AnySocket,
    /// The type that was asked for.
    pub expected: SocketType,
}

impl fmt::Display for WrongType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.socket.socket_type();
        write!(f, "expected a {} socket, found a {found} socket", self.expected)
    }
}

impl std::error::Error for WrongType {}
