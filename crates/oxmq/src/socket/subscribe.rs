//! Subscriptions, and a publisher's wait for them. Callable from any thread; the engine keeps them
//! for the socket.

use std::time::Duration;

use oxmq_engine::{Result, SocketType, Wait};

use super::Socket;
use crate::Subscription;
use crate::kind::{Publishes, Subscribes};

impl<K: Subscribes> Socket<K> {
    /// Subscribes to messages whose first part begins with `topic`; the empty topic is every
    /// message. Subscribing twice takes cancelling twice. Counts for all peers, also those that
    /// come later. Does not block.
    ///
    /// XSUB sends the subscription as a message, in the order of its other messages. XPUB, with
    /// [`xpub_manual`](crate::Options::xpub_manual), grants the topic to the peer whose
    /// subscription it received last.
    ///
    /// Memory cost: about the length of the topic here, and the same on each publisher.
    ///
    /// # Errors
    /// [`NotSupported`](crate::Error::NotSupported) by an XPUB that is not in manual mode, and by
    /// an [`AnySocket`](crate::AnySocket) that cannot subscribe;
    /// [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed).
    pub fn subscribe(&self, topic: impl AsRef<[u8]>) -> Result<()> {
        match self.socket_type() {
            SocketType::XSub => self.send_subscription(true, topic.as_ref()),
            _ => self.engine().subscribe(topic.as_ref()),
        }
    }

    /// Takes one subscription to `topic` back; one that is not there is no error. Does not block.
    ///
    /// # Errors
    /// As [`Socket::subscribe`].
    pub fn unsubscribe(&self, topic: impl AsRef<[u8]>) -> Result<()> {
        match self.socket_type() {
            SocketType::XSub => self.send_subscription(false, topic.as_ref()),
            _ => self.engine().unsubscribe(topic.as_ref()),
        }
    }

    fn send_subscription(&self, subscribe: bool, topic: &[u8]) -> Result<()> {
        let mut message = Subscription::encode(subscribe, topic);
        self.engine().send_message(&mut message, Wait::No)
    }
}

impl<K: Publishes> Socket<K> {
    /// How many peers have subscribed to something, at this moment.
    pub fn subscribers(&self) -> usize {
        self.engine().subscribers().unwrap_or(0)
    }

    /// Blocks until this many peers have subscribed to something: what is published from then on
    /// reaches them. This is what a program does in place of sleeping in the hope that its
    /// subscribers are there.
    ///
    /// # Errors
    /// [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed).
    ///
    /// ```
    /// use oxmq::{Context, Pub, Sub};
    ///
    /// let context = Context::new();
    /// let (publisher, subscriber) = (Pub::new(&context)?, Sub::new(&context)?);
    /// subscriber.connect(&publisher.bind("tcp://127.0.0.1:*")?)?;
    /// subscriber.subscribe("news")?;
    ///
    /// publisher.wait_subscribed(1)?;
    /// publisher.send("news: it is there")?;
    /// assert_eq!(subscriber.recv()?, ["news: it is there"]);
    /// # Ok::<(), oxmq::Error>(())
    /// ```
    pub fn wait_subscribed(&self, peers: usize) -> Result<()> {
        self.engine().wait_changed(Wait::Forever, |now| now.subscribers >= peers)
    }

    /// As [`Socket::wait_subscribed`], for this long at most.
    ///
    /// # Errors
    /// [`TimedOut`](crate::Error::TimedOut) after that, and as [`Socket::wait_subscribed`].
    pub fn wait_subscribed_timeout(&self, peers: usize, timeout: Duration) -> Result<()> {
        self.engine().wait_changed(Wait::For(timeout), |now| now.subscribers >= peers)
    }

    /// As [`Socket::wait_subscribed`], for async code. Cancellation: nothing is lost.
    ///
    /// # Errors
    /// As [`Socket::wait_subscribed`].
    pub fn wait_subscribed_async(
        &self,
        peers: usize,
    ) -> impl Future<Output = Result<()>> + Send + Unpin + use<'_, K> {
        self.engine().changed(move |now| now.subscribers >= peers)
    }
}
