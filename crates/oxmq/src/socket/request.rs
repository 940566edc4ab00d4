//! REQ: a request and its reply in one call. Callable from any thread, though a REQ socket has
//! one request under way at a time.

use std::time::{Duration, Instant};

use oxmq_engine::{Message, Result, Wait};

use super::Socket;
use crate::kind::Req;

impl Socket<Req> {
    /// Sends a request and receives its reply. Blocks until the reply is there, or as long as the
    /// socket's timeout options say.
    ///
    /// After a [`TimedOut`](crate::Error::TimedOut) the socket still waits for the reply, and
    /// further requests fail; set [`req_relaxed`](crate::Options::req_relaxed) and
    /// [`req_correlate`](crate::Options::req_correlate) to be able to ask again.
    ///
    /// # Errors
    /// As [`Socket::send`] and [`Socket::recv`].
    ///
    /// ```
    /// use oxmq::{Context, Rep, Req};
    ///
    /// let context = Context::new();
    /// let (rep, req) = (Rep::new(&context)?, Req::new(&context)?);
    /// req.connect(&rep.bind("tcp://127.0.0.1:*")?)?;
    /// let server = std::thread::spawn(move || {
    ///     let request = rep.recv()?;
    ///     rep.send(request)
    ///         .map_err(oxmq::Error::from)
    /// });
    /// assert_eq!(req.request(["an", "echo"])?, ["an", "echo"]);
    /// # server.join().unwrap()?;
    /// # Ok::<(), oxmq::Error>(())
    /// ```
    pub fn request(&self, message: impl Into<Message>) -> Result<Message> {
        self.send(message)?;
        self.recv()
    }

    /// As [`Socket::request`], blocking for this long at most.
    ///
    /// # Errors
    /// As [`Socket::request`], with [`TimedOut`](crate::Error::TimedOut) after that.
    pub fn request_timeout(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<Message> {
        let wait = match Instant::now().checked_add(timeout) {
            Some(deadline) => Wait::Until(deadline),
            None => Wait::Forever,
        };
        self.engine().send_message(&mut message.into(), wait)?;
        self.engine().recv_message(wait)
    }

    /// As [`Socket::request`], for async code.
    ///
    /// Cancellation: if the future is dropped after the request was sent, the socket still waits
    /// for its reply, as after a timeout.
    ///
    /// # Errors
    /// As [`Socket::request`], but for those of time.
    pub fn request_async<M: Into<Message>>(
        &self,
        message: M,
    ) -> impl Future<Output = Result<Message>> + Send + use<'_, M> {
        let mut message = message.into();
        async move {
            self.engine().send_async(&mut message).await?;
            self.engine().recv_async().await
        }
    }
}
