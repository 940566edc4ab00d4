//! Sending: blocking, trying, with a time limit, and async. Callable from any thread; the message
//! is the caller's until the engine has taken it as a whole.

use std::time::Duration;

use oxmq_engine::{Message, Result, Wait};

use super::Socket;
use crate::SendError;
use crate::kind::Sends;

impl<K: Sends> Socket<K> {
    /// Sends a message, of one part or several. When it returns, the message is on its way; that
    /// it has arrived is not known.
    ///
    /// Blocks while the socket is mute, for as long as the
    /// [`send_timeout`](crate::Options::send_timeout) option says (default: for ever). When a
    /// socket is mute depends on its type: PUSH, DEALER, REQ and PAIR when they have no peer with
    /// room in its queue. PUB and XPUB never are: a peer without room misses the message. ROUTER
    /// drops a message for a peer that is not there or has no room, unless
    /// [`router_mandatory`](crate::Options::router_mandatory) is set. REP never is.
    ///
    /// # Errors
    /// [`TimedOut`](crate::Error::TimedOut), and with a timeout of zero
    /// [`WouldBlock`](crate::Error::WouldBlock);
    /// [`State`](crate::Error::State) when it is not this socket's turn to send (REQ, REP);
    /// [`HostUnreachable`](crate::Error::HostUnreachable) (STREAM, ROUTER with
    /// `router_mandatory`); [`InvalidMessage`](crate::Error::InvalidMessage) for several parts on
    /// a socket that conflates; [`NotSupported`](crate::Error::NotSupported) by an
    /// [`AnySocket`](crate::AnySocket) that cannot send;
    /// [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed). The
    /// [`SendError`] has the message.
    ///
    /// ```
    /// use oxmq::{Context, Pull, Push};
    ///
    /// let context = Context::new();
    /// let (pull, push) = (Pull::new(&context)?, Push::new(&context)?);
    /// push.connect(&pull.bind("ipc://*")?)?;
    /// push.send("one part")?;
    /// push.send(["two", "parts"])?;
    /// push.send(vec![0u8; 100_000])?; // taken over, not copied
    /// assert_eq!(pull.recv()?, ["one part"]);
    /// assert_eq!(pull.recv()?, ["two", "parts"]);
    /// assert_eq!(pull.recv()?.bytes(), 100_000);
    /// # Ok::<(), oxmq::Error>(())
    /// ```
    #[inline]
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.send_within(message.into(), Wait::Default)
    }

    /// Sends a message if that is possible without waiting. Does not block.
    ///
    /// # Errors
    /// As [`Socket::send`], with [`WouldBlock`](crate::Error::WouldBlock) when the socket is mute.
    #[inline]
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.send_within(message.into(), Wait::No)
    }

    /// Sends a message, blocking for this long at most.
    ///
    /// # Errors
    /// As [`Socket::send`], with [`TimedOut`](crate::Error::TimedOut) when the socket stayed mute.
    #[inline]
    pub fn send_timeout(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<(), SendError> {
        self.send_within(message.into(), Wait::For(timeout))
    }

    /// Sends a message and empties it, or leaves it as it was: for loops that try again and reuse
    /// the message. `wait` says how long to block.
    ///
    /// # Errors
    /// As [`Socket::send`].
    ///
    /// ```
    /// use oxmq::{Context, Message, Push, Wait};
    ///
    /// let push = Push::new(&Context::new())?;
    /// let mut message = Message::from("kept");
    /// assert!(push.send_from(&mut message, Wait::No).unwrap_err().is_would_block());
    /// assert_eq!(message, ["kept"]);
    /// # Ok::<(), oxmq::Error>(())
    /// ```
    #[inline]
    pub fn send_from(&self, message: &mut Message, wait: Wait) -> Result<()> {
        self.engine().send_message(message, wait)
    }

    /// Sends a message, waiting while the socket is mute. The
    /// [`send_timeout`](crate::Options::send_timeout) option does not apply; use the executor's.
    ///
    /// Cancellation: a message is sent as a whole or not at all. If the future is dropped before
    /// it is ready the message was not sent and is dropped with it; [`Socket::send_from_async`]
    /// keeps it.
    ///
    /// # Errors
    /// As [`Socket::send`], but for those of time.
    pub fn send_async<M: Into<Message>>(
        &self,
        message: M,
    ) -> impl Future<Output = Result<(), SendError>> + Send + use<'_, K, M> {
        let mut message = message.into();
        async move {
            match self.engine().send_async(&mut message).await {
                Ok(()) => Ok(()),
                Err(error) => Err(SendError::new(message, error)),
            }
        }
    }

    /// Sends a message and empties it, waiting while the socket is mute.
    ///
    /// Cancellation: a future that is dropped before it is ready leaves the message as it was.
    ///
    /// # Errors
    /// As [`Socket::send_async`]; the message is as it was.
    pub fn send_from_async<'a>(
        &'a self,
        message: &'a mut Message,
    ) -> impl Future<Output = Result<()>> + Send + Unpin + use<'a, K> {
        self.engine().send_async(message)
    }

    #[inline]
    fn send_within(&self, mut message: Message, wait: Wait) -> Result<(), SendError> {
        match self.engine().send_message(&mut message, wait) {
            Ok(()) => Ok(()),
            Err(error) => Err(SendError::new(message, error)),
        }
    }
}
