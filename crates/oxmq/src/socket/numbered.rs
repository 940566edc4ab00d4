//! SERVER and PEER: messages to and from peers by number. The number travels in the message part
//! itself; here it is apart. Callable from any thread.

use std::time::Duration;

use oxmq_engine::{Message, Msg, Result, Wait};

use super::Socket;
use crate::kind::{Numbers, Peer, Receives, Sends};
use crate::{Error, PeerId, SendError};

impl<K: Numbers + Sends> Socket<K> {
    /// Sends a message to a peer. Blocks while the peer's queue is full, as [`Socket::send`] does.
    ///
    /// # Errors
    /// [`HostUnreachable`](crate::Error::HostUnreachable) if there is no such peer; else as
    /// [`Socket::send`].
    ///
    /// ```
    /// use oxmq::{Client, Context, Server};
    ///
    /// let context = Context::new();
    /// let (server, client) = (Server::new(&context)?, Client::new(&context)?);
    /// client.connect(&server.bind("tcp://127.0.0.1:*")?)?;
    /// client.send("question")?;
    /// let (peer, question) = server.recv_peer()?;
    /// assert_eq!(question, "question");
    /// server.send_peer(peer, "answer")?;
    /// server.send_peer(peer, "and another")?;
    /// assert_eq!(client.recv()?, ["answer"]);
    /// assert_eq!(client.recv()?, ["and another"]);
    /// # Ok::<(), oxmq::Error>(())
    /// ```
    pub fn send_peer(&self, peer: PeerId, message: impl Into<Msg>) -> Result<(), SendError> {
        self.send_peer_within(peer, message.into(), Wait::Default)
    }

    /// As [`Socket::send_peer`], but does not block.
    ///
    /// # Errors
    /// As [`Socket::send_peer`], with [`WouldBlock`](crate::Error::WouldBlock) where it would wait.
    pub fn try_send_peer(&self, peer: PeerId, message: impl Into<Msg>) -> Result<(), SendError> {
        self.send_peer_within(peer, message.into(), Wait::No)
    }

    /// As [`Socket::send_peer`], blocking for this long at most.
    ///
    /// # Errors
    /// As [`Socket::send_peer`], with [`TimedOut`](crate::Error::TimedOut) after that.
    pub fn send_peer_timeout(
        &self,
        peer: PeerId,
        message: impl Into<Msg>,
        timeout: Duration,
    ) -> Result<(), SendError> {
        self.send_peer_within(peer, message.into(), Wait::For(timeout))
    }

    /// As [`Socket::send_peer`], for async code.
    ///
    /// Cancellation: as [`Socket::send_async`].
    ///
    /// # Errors
    /// As [`Socket::send_peer`], but for those of time.
    pub fn send_peer_async<M: Into<Msg>>(
        &self,
        peer: PeerId,
        message: M,
    ) -> impl Future<Output = Result<(), SendError>> + Send + use<'_, K, M> {
        let mut message = Message::from(numbered(peer, message.into()));
        async move {
            match self.engine().send_async(&mut message).await {
                Ok(()) => Ok(()),
                Err(error) => Err(SendError::new(message, error)),
            }
        }
    }

    fn send_peer_within(&self, peer: PeerId, message: Msg, wait: Wait) -> Result<(), SendError> {
        let mut message = numbered(peer, message);
        match self.engine().send_part(&mut message, wait) {
            Ok(()) => Ok(()),
            Err(error) => Err(SendError::new(message.into(), error)),
        }
    }
}

impl<K: Numbers + Receives> Socket<K> {
    /// Receives a message and the number of the peer that sent it. Blocks as [`Socket::recv`].
    ///
    /// # Errors
    /// As [`Socket::recv`].
    pub fn recv_peer(&self) -> Result<(PeerId, Msg)> {
        apart(self.engine().recv_part(Wait::Default)?)
    }

    /// As [`Socket::recv_peer`], but does not block.
    ///
    /// # Errors
    /// As [`Socket::try_recv`].
    pub fn try_recv_peer(&self) -> Result<(PeerId, Msg)> {
        apart(self.engine().recv_part(Wait::No)?)
    }

    /// As [`Socket::recv_peer`], blocking for this long at most.
    ///
    /// # Errors
    /// As [`Socket::recv_timeout`].
    pub fn recv_peer_timeout(&self, timeout: Duration) -> Result<(PeerId, Msg)> {
        apart(self.engine().recv_part(Wait::For(timeout))?)
    }

    /// As [`Socket::recv_peer`], for async code.
    ///
    /// Cancellation: dropping the future loses no message.
    ///
    /// # Errors
    /// As [`Socket::recv_async`].
    pub async fn recv_peer_async(&self) -> Result<(PeerId, Msg)> {
        let mut message = self.engine().recv_async().await?;
        apart(message.pop_front().unwrap_or_default())
    }
}

impl<K: Numbers> Socket<K> {
    /// Disconnects a peer. Sending to it fails from now on; if this socket connected to it, it does
    /// not connect again. Does not block.
    ///
    /// # Errors
    /// [`HostUnreachable`](crate::Error::HostUnreachable) if there is no such peer;
    /// [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed).
    pub fn disconnect_peer(&self, peer: PeerId) -> Result<()> {
        self.engine().disconnect_peer(peer.get())
    }
}

impl Socket<Peer> {
    /// Begins to connect, as [`Socket::connect`] does, and returns the number of the peer, to which
    /// messages can be sent at once. Does not block.
    ///
    /// # Errors
    /// [`Immediate`](crate::Error::Immediate) with the [`immediate`](crate::Options::immediate)
    /// option; else as [`Socket::connect`].
    ///
    /// ```
    /// use oxmq::{Context, Peer};
    ///
    /// let context = Context::new();
    /// let (ann, bob) = (Peer::new(&context)?, Peer::new(&context)?);
    /// bob.bind("inproc://bob")?;
    /// let to_bob = ann.connect_peer("inproc://bob")?;
    /// ann.send_peer(to_bob, "hello")?;
    /// let (to_ann, hello) = bob.recv_peer()?;
    /// assert_eq!(hello, "hello");
    /// bob.send_peer(to_ann, "hello yourself")?;
    /// let (from, answer) = ann.recv_peer()?;
    /// assert_eq!((from, &answer[..]), (to_bob, &b"hello yourself"[..]));
    /// # Ok::<(), oxmq::Error>(())
    /// ```
    pub fn connect_peer(&self, endpoint: &str) -> Result<PeerId> {
        PeerId::new(self.engine().connect_peer(endpoint)?).ok_or(Error::HostUnreachable)
    }
}

fn numbered(peer: PeerId, mut message: Msg) -> Msg {
    message.set_routing_id(peer.get());
    message
}

/// Every message of these sockets has a number; one without it could not be answered.
fn apart(message: Msg) -> Result<(PeerId, Msg)> {
    let peer = PeerId::new(message.routing_id()).ok_or(Error::HostUnreachable)?;
    Ok((peer, message))
}
