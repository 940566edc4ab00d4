//! DGRAM: datagrams to and from udp addresses. On the socket a message is the address as text and
//! the body; here the address is a value. Callable from any thread.

use std::net::SocketAddr;
use std::time::Duration;

use oxmq_engine::{Message, Msg, Result, Wait};

use super::Socket;
use crate::kind::Dgram;
use crate::{Error, SendError};

impl Socket<Dgram> {
    /// Sends a datagram, at most 8 KiB, to an address. Does not block: what the system does not
    /// take at once is dropped and counted in [`snapshot`](Socket::snapshot), and so is what is too
    /// long. The socket must be bound, to any address.
    ///
    /// # Errors
    /// [`TimedOut`](crate::Error::TimedOut) or [`WouldBlock`](crate::Error::WouldBlock), after the
    /// [`send_timeout`](crate::Options::send_timeout), if it is not;
    /// [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed).
    ///
    /// ```
    /// use std::net::UdpSocket;
    /// use oxmq::{Context, Dgram};
    ///
    /// let dgram = Dgram::new(&Context::new())?;
    /// let bound = dgram.bind("udp://127.0.0.1:*")?;
    /// let other = UdpSocket::bind("127.0.0.1:0")?;
    /// other.send_to(b"ping", bound.trim_start_matches("udp://"))?;
    /// let (from, body) = dgram.recv_datagram()?;
    /// assert_eq!((from, &body[..]), (other.local_addr()?, &b"ping"[..]));
    /// dgram.send_datagram(from, "pong")?;
    /// let mut buffer = [0; 16];
    /// assert_eq!(other.recv(&mut buffer)?, 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_datagram(&self, to: SocketAddr, body: impl Into<Msg>) -> Result<(), SendError> {
        let mut message = Message::from(Msg::from(to.to_string()));
        message.push(body.into());
        match self.engine().send_message(&mut message, Wait::Default) {
            Ok(()) => Ok(()),
            Err(error) => {
                let _ = message.pop_front();
                Err(SendError::new(message, error))
            }
        }
    }

    /// Receives a datagram and the address it came from. Blocks as [`Socket::recv`].
    ///
    /// # Errors
    /// As [`Socket::recv`].
    pub fn recv_datagram(&self) -> Result<(SocketAddr, Msg)> {
        apart(self.engine().recv_message(Wait::Default)?)
    }

    /// As [`Socket::recv_datagram`], but does not block.
    ///
    /// # Errors
    /// As [`Socket::try_recv`].
    pub fn try_recv_datagram(&self) -> Result<(SocketAddr, Msg)> {
        apart(self.engine().recv_message(Wait::No)?)
    }

    /// As [`Socket::recv_datagram`], blocking for this long at most.
    ///
    /// # Errors
    /// As [`Socket::recv_timeout`].
    pub fn recv_datagram_timeout(&self, timeout: Duration) -> Result<(SocketAddr, Msg)> {
        apart(self.engine().recv_message(Wait::For(timeout))?)
    }

    /// As [`Socket::recv_datagram`], for async code.
    ///
    /// Cancellation: dropping the future loses no datagram.
    ///
    /// # Errors
    /// As [`Socket::recv_async`].
    pub async fn recv_datagram_async(&self) -> Result<(SocketAddr, Msg)> {
        apart(self.engine().recv_async().await?)
    }
}

/// The engine puts an address that it has printed itself in front.
fn apart(mut message: Message) -> Result<(SocketAddr, Msg)> {
    let unreadable = Error::InvalidMessage { reason: "a datagram without an address" };
    let address = message.pop_front().unwrap_or_default();
    let address = address.as_str().ok().and_then(|text| text.parse().ok()).ok_or(unreadable)?;
    Ok((address, message.pop_front().unwrap_or_default()))
}
