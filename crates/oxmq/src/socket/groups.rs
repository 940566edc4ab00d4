//! RADIO and DISH: sending to groups and joining them. Callable from any thread; the engine keeps
//! the groups for the socket.

use oxmq_engine::{Msg, Result, Wait};

use super::Socket;
use crate::kind::{Joins, Radio};
use crate::{Error, SendError};

impl Socket<Radio> {
    /// Sends a message to every DISH that has joined the group. Does not block: a peer whose queue
    /// is full misses the message and is counted in [`snapshot`](Socket::snapshot), unless
    /// [`xpub_nodrop`](crate::Options::xpub_nodrop) makes it wait. Over udp everything is sent, and
    /// what the system does not take at once is dropped.
    ///
    /// A group has at most 255 bytes, none of them zero. What is sent by [`Socket::send`] goes to
    /// the group of the message part, which is empty if none was set.
    ///
    /// # Errors
    /// [`Group`](crate::Error::Group) for a group that cannot be;
    /// [`OutOfMemory`](crate::Error::OutOfMemory); [`Terminated`](crate::Error::Terminated),
    /// [`Closed`](crate::Error::Closed).
    ///
    /// ```
    /// use oxmq::{Context, Dish, Radio};
    ///
    /// let context = Context::new();
    /// let (radio, dish) = (Radio::new(&context)?, Dish::new(&context)?);
    /// dish.join("weather")?;
    /// dish.connect(&radio.bind("tcp://127.0.0.1:*")?)?;
    /// radio.wait_subscribed(1)?;
    /// radio.send_group("sports", "2:1")?;
    /// radio.send_group("weather", "rain")?;
    /// let message = dish.recv()?;
    /// assert_eq!(message, ["rain"]);
    /// assert_eq!(message[0].group(), b"weather");
    /// # Ok::<(), oxmq::Error>(())
    /// ```
    pub fn send_group(
        &self,
        group: impl AsRef<[u8]>,
        message: impl Into<Msg>,
    ) -> Result<(), SendError> {
        let mut message = message.into();
        let sent = match message.set_group(group.as_ref()) {
            Ok(()) => self.engine().send_part(&mut message, Wait::Default),
            Err(oxmq_engine::GroupError::Memory(_)) => Err(Error::OutOfMemory),
            Err(_) => Err(Error::Group { reason: "it is longer than 255 bytes or has a zero" }),
        };
        sent.map_err(|error| SendError::new(message.into(), error))
    }
}

impl<K: Joins> Socket<K> {
    /// Joins a group: messages that are sent to exactly this group are received from now on. Counts
    /// for all peers, also those that come later. Does not block.
    ///
    /// Memory cost: about the length of the group here, and the same on each RADIO.
    ///
    /// # Errors
    /// [`Group`](crate::Error::Group) if it is joined already, has more than 255 bytes or a zero
    /// byte; [`NotSupported`](crate::Error::NotSupported) by an [`AnySocket`](crate::AnySocket)
    /// that cannot join; [`Terminated`](crate::Error::Terminated),
    /// [`Closed`](crate::Error::Closed).
    pub fn join(&self, group: impl AsRef<[u8]>) -> Result<()> {
        self.engine().join(group.as_ref())
    }

    /// Leaves a group. What was received of it and not yet taken is dropped. Does not block.
    ///
    /// # Errors
    /// [`Group`](crate::Error::Group) if it is not joined; else as [`Socket::join`].
    pub fn leave(&self, group: impl AsRef<[u8]>) -> Result<()> {
        self.engine().leave(group.as_ref())
    }
}
