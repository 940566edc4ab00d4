//! The untyped socket and the way between it and the typed ones. Callable from any thread.

use oxmq_engine::{RawOption, Result, SocketType};

use super::Socket;
use crate::kind::{self, Any};
use crate::{AnySocket, Context, Options, WrongType};

impl Socket<Any> {
    /// A new socket of a type that is known at run time only. Does not block.
    ///
    /// # Errors
    /// [`TooManySockets`](crate::Error::TooManySockets) at the context's limit,
    /// [`Terminated`](crate::Error::Terminated) after its shutdown.
    ///
    /// ```
    /// use oxmq::{AnySocket, Context, Error, Pull, SocketType};
    ///
    /// let context = Context::new();
    /// let socket = AnySocket::new(&context, SocketType::Pull)?;
    /// assert!(matches!(socket.send("no").unwrap_err().error(), Error::NotSupported { .. }));
    /// let pull = Pull::try_from(socket).unwrap();
    /// assert_eq!(AnySocket::from(pull).socket_type(), SocketType::Pull);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn new(context: &Context, socket_type: SocketType) -> Result<AnySocket> {
        context.engine().socket(socket_type).map(Socket::from_engine)
    }

    /// A new socket with other options than the defaults. Does not block.
    ///
    /// # Errors
    /// As [`AnySocket::new`], and [`Option`](crate::Error::Option) for a value out of its range
    /// or an option that the type does not have.
    pub fn with_options(
        context: &Context,
        socket_type: SocketType,
        options: impl FnOnce(&mut Options<Any>) -> &mut Options<Any>,
    ) -> Result<AnySocket> {
        let socket = AnySocket::new(context, socket_type)?;
        socket.configure(options)?;
        Ok(socket)
    }

    /// Sets an option by its number in libzmq's C API, from the bytes that `zmq_setsockopt(3)`
    /// takes. Does not block.
    ///
    /// # Errors
    /// [`Option`](crate::Error::Option) if the number, the length or the value is not acceptable.
    pub fn set_raw_option(&self, number: i32, value: &[u8]) -> Result<()> {
        self.engine().set_raw_option(number, value)
    }

    /// Reads an option by its number in libzmq's C API. Does not block.
    ///
    /// # Errors
    /// [`Option`](crate::Error::Option) if there is no such option or it can only be set.
    pub fn raw_option(&self, number: i32) -> Result<RawOption> {
        self.engine().raw_option(number)
    }
}

macro_rules! conversions {
    ($($name:ident)+) => {$(
        impl From<Socket<kind::$name>> for AnySocket {
            fn from(socket: Socket<kind::$name>) -> AnySocket {
                socket.cast()
            }
        }

        impl TryFrom<AnySocket> for Socket<kind::$name> {
            type Error = WrongType;

            fn try_from(socket: AnySocket) -> Result<Socket<kind::$name>, WrongType> {
                let expected = SocketType::$name;
                if socket.socket_type() == expected {
                    Ok(socket.cast())
                } else {
                    Err(WrongType { socket, expected })
                }
            }
        }
    )+};
}

conversions! {
    Pair Pub Sub XPub XSub Req Rep Dealer Router Push Pull Stream
    Client Server Radio Dish Scatter Gather Dgram Peer Channel
}
