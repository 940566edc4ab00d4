//! Waiting for peers to come and go. Callable from any thread.

use std::time::Duration;

use oxmq_engine::{Peers, Result, Wait};

use super::Socket;
use crate::kind::Kind;

impl<K: Kind> Socket<K> {
    /// Blocks until this many peers are connected, their handshakes complete.
    ///
    /// Sending needs no connection; this is for programs that want to spread work over all
    /// workers, or to know that the other side is there. A publisher wants
    /// [`wait_subscribed`](Socket::wait_subscribed).
    ///
    /// # Errors
    /// [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed).
    ///
    /// ```
    /// use oxmq::{Context, Pull, Push};
    ///
    /// let context = Context::new();
    /// let push = Push::new(&context)?;
    /// let endpoint = push.bind("tcp://127.0.0.1:*")?;
    /// let workers = [Pull::new(&context)?, Pull::new(&context)?];
    /// workers.iter().try_for_each(|worker| worker.connect(&endpoint))?;
    ///
    /// push.wait_connected(2)?;
    /// push.send("for one")?;
    /// push.send("for the other")?;
    /// let mut parts = workers.iter().map(|worker| worker.recv()).collect::<Result<Vec<_>, _>>()?;
    /// parts.sort_by_key(|message| message.bytes());
    /// assert_eq!(parts, [["for one"], ["for the other"]]);
    /// # Ok::<(), oxmq::Error>(())
    /// ```
    pub fn wait_connected(&self, peers: usize) -> Result<()> {
        self.wait_peers(Wait::Forever, |now| now.connected >= peers)
    }

    /// As [`Socket::wait_connected`], for this long at most.
    ///
    /// # Errors
    /// [`TimedOut`](crate::Error::TimedOut) after that, and as [`Socket::wait_connected`].
    pub fn wait_connected_timeout(&self, peers: usize, timeout: Duration) -> Result<()> {
        self.wait_peers(Wait::For(timeout), |now| now.connected >= peers)
    }

    /// As [`Socket::wait_connected`], for async code. Cancellation: nothing is lost.
    ///
    /// # Errors
    /// As [`Socket::wait_connected`].
    pub fn wait_connected_async(
        &self,
        peers: usize,
    ) -> impl Future<Output = Result<()>> + Send + Unpin + use<'_, K> {
        self.engine().changed(move |now| now.connected >= peers)
    }

    /// Blocks until `condition` holds of the socket's peers: it is asked at each change, under the
    /// socket's lock, and must not use the socket.
    ///
    /// # Errors
    /// [`TimedOut`](crate::Error::TimedOut) or [`WouldBlock`](crate::Error::WouldBlock) if it did
    /// not within `wait`; [`Terminated`](crate::Error::Terminated),
    /// [`Closed`](crate::Error::Closed).
    pub fn wait_peers(&self, wait: Wait, condition: impl FnMut(&Peers) -> bool) -> Result<()> {
        self.engine().wait_changed(wait, condition)
    }

    /// As [`Socket::wait_peers`], for async code. Cancellation: nothing is lost.
    ///
    /// # Errors
    /// [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed).
    pub fn wait_peers_async<F: FnMut(&Peers) -> bool + Unpin>(
        &self,
        condition: F,
    ) -> impl Future<Output = Result<()>> + use<'_, K, F> {
        self.engine().changed(condition)
    }
}
