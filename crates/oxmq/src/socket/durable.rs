//! What can be asked of durable sockets: where their messages stand, to wait until they are
//! settled, to go on elsewhere in the log. Callable from any thread; the engine has the lock.

use std::time::Duration;

use oxmq_engine::options::code;
use oxmq_engine::{DurableStatus, Error, Message, Position, Result, Wait};

use super::Socket;
use crate::SendError;
use crate::kind::{Durable, Receives, Sends};

impl<K: Durable> Socket<K> {
    /// Where the messages of the socket's log stand. Does not block.
    ///
    /// # Errors
    /// [`NotSupported`](crate::Error::NotSupported) on a socket that is not durable, or not yet:
    /// the first bind or connect makes it so; [`Terminated`](crate::Error::Terminated),
    /// [`Closed`](crate::Error::Closed).
    pub fn durable_status(&self) -> Result<DurableStatus> {
        self.engine().durable_status()
    }
}

impl<K: Durable + Sends> Socket<K> {
    /// Blocks until peers have settled every message sent before: acknowledged it, or, if they are
    /// not durable, shown that it has arrived.
    ///
    /// # Errors
    /// As [`Socket::durable_status`].
    pub fn flush(&self) -> Result<()> {
        self.engine().flush(Wait::Forever)
    }

    /// As [`Socket::flush`], for this long at most.
    ///
    /// # Errors
    /// [`TimedOut`](crate::Error::TimedOut) after that, and as [`Socket::durable_status`].
    pub fn flush_timeout(&self, timeout: Duration) -> Result<()> {
        self.engine().flush(Wait::For(timeout))
    }

    /// As [`Socket::flush`], for async code. Cancellation: nothing is lost.
    ///
    /// # Errors
    /// As [`Socket::durable_status`].
    pub fn flush_async(&self) -> impl Future<Output = Result<()>> + Send + Unpin + use<'_, K> {
        self.engine().flush_async()
    }
}

impl<K: Durable + Sends> Socket<K> {
    /// Sends a message and acknowledges others that `received` has delivered, all as one record:
    /// after a crash, either the message is sent and the others are dealt with, or neither. Both
    /// sockets are durable, in one store; they may be the same socket. `received` may not be a REQ.
    ///
    /// Blocks as [`send`](Socket::send) does.
    ///
    /// # Errors
    /// As `send`, and the message comes back, with none of the others acknowledged:
    /// [`NotSupported`](crate::Error::NotSupported) if a socket is not durable or the two have
    /// different stores; [`State`](crate::Error::State) if one of the others waits for no verdict
    /// of that socket.
    ///
    /// ```
    /// use oxmq::{AckMode, Context, Pull, Push};
    ///
    /// # let folder = std::env::temp_dir().join(format!("oxmq-doc-both-{}", std::process::id()));
    /// let context = Context::new();
    /// let jobs = Pull::with_options(&context, |o| {
    ///     o.durable("jobs", &folder).ack_mode(AckMode::Explicit)
    /// })?;
    /// let results = Push::with_options(&context, |o| o.durable("results", &folder))?;
    /// let from = Push::new(&context)?;
    /// from.connect(&jobs.bind("tcp://127.0.0.1:*")?)?;
    /// let to = Pull::new(&context)?;
    /// to.connect(&results.bind("tcp://127.0.0.1:*")?)?;
    ///
    /// from.send("2 + 2")?;
    /// let job = jobs.recv()?;
    /// results.send_and_ack("4", &jobs, &[&job])?;
    /// assert_eq!(to.recv()?, ["4"]);
    /// assert!(!job.ack()); // it has its verdict
    /// # drop((jobs, results));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_and_ack<R: Durable + Receives>(
        &self,
        message: impl Into<Message>,
        received: &Socket<R>,
        acknowledged: &[&Message],
    ) -> Result<(), SendError> {
        let mut message = message.into();
        let deliveries: Option<Vec<_>> =
            acknowledged.iter().map(|message| message.delivery()).collect();
        let sent = match deliveries {
            Some(deliveries) => self.engine().send_settling(
                &mut message,
                received.engine(),
                &deliveries,
                Wait::Default,
            ),
            None => Err(Error::State { operation: "settling a message of no durable socket" }),
        };
        sent.map_err(|error| SendError::new(message, error))
    }

    /// How long a message sent from now on may wait in the socket's log; one that has not gone out
    /// by then is given up, which durable peers and the monitor are told. `None`, the default, is
    /// for ever. Counts for whatever thread sends next. Does not block.
    ///
    /// # Errors
    /// [`Option`](crate::Error::Option) on a socket that is not durable and was bound or connected;
    /// [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed).
    pub fn set_message_ttl(&self, ttl: impl Into<Option<Duration>>) -> Result<()> {
        let ttl = ttl.into().filter(|ttl| !ttl.is_zero());
        let ms = ttl.map_or(0, |ttl| ttl.as_millis().max(1));
        let ms = i32::try_from(ms).unwrap_or(i32::MAX);
        self.engine().set_raw_option(code::MESSAGE_TTL, &ms.to_ne_bytes())
    }
}

impl<K: Durable + Receives> Socket<K> {
    /// Acknowledges every message received so far. Does not block.
    ///
    /// # Errors
    /// [`NotSupported`](crate::Error::NotSupported) on a socket that is not durable or only sends;
    /// [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed).
    pub fn acknowledge(&self) -> Result<()> {
        self.engine().acknowledge()
    }

    /// Goes on receiving elsewhere in the log: what was settled from there on comes again, and what
    /// lies before does not; what was received and not settled waits for no verdict any more. Does
    /// not block.
    ///
    /// The log is the one of what the socket has recorded of peers that are not durable. For SUB
    /// and XSUB it is also that of each durable publisher that the socket has ever been connected
    /// to: the publisher goes on there at once, or when it is connected again, as far back as it
    /// keeps messages ([`keep`](crate::Options::keep)). Durable senders of other types share their
    /// log out among their receivers, and are not asked.
    ///
    /// # Errors
    /// As [`Socket::acknowledge`], and [`Store`](crate::Error::Store) with the journal's reason.
    ///
    /// ```
    /// use oxmq::{Context, Position, Pull, Push};
    ///
    /// # let folder = std::env::temp_dir().join(format!("oxmq-doc-seek-{}", std::process::id()));
    /// let context = Context::new();
    /// let pull = Pull::with_options(&context, |o| o.durable("worker", &folder))?;
    /// let push = Push::new(&context)?;
    /// push.connect(&pull.bind("tcp://127.0.0.1:*")?)?;
    /// for n in ["1", "2", "3"] {
    ///     push.send(n)?;
    ///     assert_eq!(pull.recv()?, [n]);
    /// }
    /// pull.seek(Position::Offset(3))?;
    /// assert_eq!(pull.recv()?, ["3"]);
    /// # drop(pull);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn seek(&self, position: Position) -> Result<()> {
        self.engine().seek(position)
    }
}
