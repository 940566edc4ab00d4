//! Receiving: blocking, trying, with a time limit, and async. Callable from any thread; a message
//! goes to one of those that wait.

use std::time::Duration;

use oxmq_engine::{Message, Result, Wait};

use super::Socket;
use crate::kind::Receives;

impl<K: Receives> Socket<K> {
    /// Receives a message. Messages of several peers are taken in turn; those of one peer come in
    /// the order it sent them.
    ///
    /// Blocks until there is one, for as long as the
    /// [`recv_timeout`](crate::Options::recv_timeout) option says (default: for ever).
    ///
    /// # Errors
    /// [`TimedOut`](crate::Error::TimedOut), and with a timeout of zero
    /// [`WouldBlock`](crate::Error::WouldBlock);
    /// [`State`](crate::Error::State) when it is not this socket's turn to receive (REQ, REP);
    /// [`NotSupported`](crate::Error::NotSupported) by an [`AnySocket`](crate::AnySocket) that
    /// cannot receive; [`Terminated`](crate::Error::Terminated),
    /// [`Closed`](crate::Error::Closed).
    #[inline]
    pub fn recv(&self) -> Result<Message> {
        self.engine().recv_message(Wait::Default)
    }

    /// Receives a message if there is one. Does not block.
    ///
    /// # Errors
    /// As [`Socket::recv`], with [`WouldBlock`](crate::Error::WouldBlock) when there is none.
    ///
    /// ```
    /// use oxmq::{Context, Error, Pull};
    ///
    /// let pull = Pull::new(&Context::new())?;
    /// assert!(matches!(pull.try_recv(), Err(Error::WouldBlock)));
    /// # Ok::<(), Error>(())
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<Message> {
        self.engine().recv_message(Wait::No)
    }

    /// Receives a message, blocking for this long at most.
    ///
    /// # Errors
    /// As [`Socket::recv`], with [`TimedOut`](crate::Error::TimedOut) when none came.
    #[inline]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Message> {
        self.engine().recv_message(Wait::For(timeout))
    }

    /// Receives a message. The [`recv_timeout`](crate::Options::recv_timeout) option does not
    /// apply; use the executor's.
    ///
    /// Cancellation: dropping the future loses no message.
    ///
    /// # Errors
    /// As [`Socket::recv`], but for those of time.
    pub fn recv_async(&self) -> impl Future<Output = Result<Message>> + Send + Unpin + use<'_, K> {
        self.engine().recv_async()
    }
}
