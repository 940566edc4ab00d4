//! ROUTER and STREAM: messages to and from peers by their routing id. On these sockets the id is
//! the first part of every message; here it is apart. Callable from any thread.

use std::time::Duration;

use oxmq_engine::{Message, Msg, Result, Wait};

use super::Socket;
use crate::kind::{Receives, Routes, Sends};
use crate::{Error, RoutingId, SendError};

impl<K: Routes + Sends> Socket<K> {
    /// Sends a message to the peer with this routing id. On STREAM a message without bytes closes
    /// the connection.
    ///
    /// ROUTER drops the message if no such peer is connected or its queue is full. If that shall
    /// not be, set [`router_mandatory`](crate::Options::router_mandatory): then it fails if there
    /// is no such peer, and blocks while the peer's queue is full, as [`Socket::send`] does.
    ///
    /// # Errors
    /// As [`Socket::send`]. The message in the [`SendError`] is as it was given, without the id.
    ///
    /// ```
    /// use oxmq::{Context, Dealer, Router};
    ///
    /// let context = Context::new();
    /// let router = Router::new(&context)?;
    /// router.bind("inproc://desk")?;
    /// let dealer = Dealer::with_options(&context, |o| o.routing_id("ann"))?;
    /// dealer.connect("inproc://desk")?;
    ///
    /// dealer.send("question")?;
    /// let (from, message) = router.recv_from()?;
    /// assert_eq!((&from[..], message.str()), (&b"ann"[..], Ok("question")));
    /// router.send_to(&from, "answer")?;
    /// assert_eq!(dealer.recv()?, ["answer"]);
    /// # Ok::<(), oxmq::Error>(())
    /// ```
    pub fn send_to(
        &self,
        peer: impl Into<RoutingId>,
        message: impl Into<Message>,
    ) -> Result<(), SendError> {
        self.send_to_within(peer.into(), message.into(), Wait::Default)
    }

    /// As [`Socket::send_to`], but does not block.
    ///
    /// # Errors
    /// As [`Socket::send_to`], with [`WouldBlock`](crate::Error::WouldBlock) where it would wait.
    pub fn try_send_to(
        &self,
        peer: impl Into<RoutingId>,
        message: impl Into<Message>,
    ) -> Result<(), SendError> {
        self.send_to_within(peer.into(), message.into(), Wait::No)
    }

    /// As [`Socket::send_to`], blocking for this long at most.
    ///
    /// # Errors
    /// As [`Socket::send_to`], with [`TimedOut`](crate::Error::TimedOut) after that.
    pub fn send_to_timeout(
        &self,
        peer: impl Into<RoutingId>,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<(), SendError> {
        self.send_to_within(peer.into(), message.into(), Wait::For(timeout))
    }

    /// As [`Socket::send_to`], for async code.
    ///
    /// Cancellation: as [`Socket::send_async`].
    ///
    /// # Errors
    /// As [`Socket::send_to`], but for those of time.
    pub fn send_to_async<P: Into<RoutingId>, M: Into<Message>>(
        &self,
        peer: P,
        message: M,
    ) -> impl Future<Output = Result<(), SendError>> + Send + use<'_, K, P, M> {
        let mut message = addressed(peer.into(), message.into());
        async move {
            match self.engine().send_async(&mut message).await {
                Ok(()) => Ok(()),
                Err(error) => Err(refused(message, error)),
            }
        }
    }

    fn send_to_within(
        &self,
        peer: RoutingId,
        message: Message,
        wait: Wait,
    ) -> Result<(), SendError> {
        let mut message = addressed(peer, message);
        match self.engine().send_message(&mut message, wait) {
            Ok(()) => Ok(()),
            Err(error) => Err(refused(message, error)),
        }
    }
}

impl<K: Routes + Receives> Socket<K> {
    /// Receives a message and the routing id of the peer that sent it. Blocks as
    /// [`Socket::recv`].
    ///
    /// A STREAM socket (with [`stream_notify`](crate::Options::stream_notify), the default)
    /// receives an empty message when a peer connects and when it has gone.
    ///
    /// # Errors
    /// As [`Socket::recv`].
    pub fn recv_from(&self) -> Result<(RoutingId, Message)> {
        self.engine().recv_message(Wait::Default).map(apart)
    }

    /// As [`Socket::recv_from`], but does not block.
    ///
    /// # Errors
    /// As [`Socket::try_recv`].
    pub fn try_recv_from(&self) -> Result<(RoutingId, Message)> {
        self.engine().recv_message(Wait::No).map(apart)
    }

    /// As [`Socket::recv_from`], blocking for this long at most.
    ///
    /// # Errors
    /// As [`Socket::recv_timeout`].
    pub fn recv_from_timeout(&self, timeout: Duration) -> Result<(RoutingId, Message)> {
        self.engine().recv_message(Wait::For(timeout)).map(apart)
    }

    /// As [`Socket::recv_from`], for async code.
    ///
    /// Cancellation: dropping the future loses no message.
    ///
    /// # Errors
    /// As [`Socket::recv_async`].
    pub async fn recv_from_async(&self) -> Result<(RoutingId, Message)> {
        self.engine().recv_async().await.map(apart)
    }
}

/// Puts the routing id in front. A message without parts is one empty part, as without an id.
fn addressed(peer: RoutingId, mut message: Message) -> Message {
    if message.is_empty() {
        message.push(Msg::new());
    }
    message.push_front(peer.into_part());
    message
}

/// Takes the routing id from the front again.
fn refused(mut message: Message, error: Error) -> SendError {
    let _ = message.pop_front();
    SendError::new(message, error)
}

fn apart(mut message: Message) -> (RoutingId, Message) {
    let peer = message.pop_front().unwrap_or_default();
    (RoutingId::from(peer), message)
}
