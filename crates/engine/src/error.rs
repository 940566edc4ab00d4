//! What can go wrong, and who is at fault: the caller, the peer, the system, or a limit.
//!
//! Expected conditions (`WouldBlock`, `TimedOut`, `Terminated`) are ordinary values. Every error
//! has the `errno` that the C face reports for it.

use std::fmt;
use std::io;

use crate::durable::Unsynced;
use crate::options::OptionError;

/// Result of an operation of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// `EFSM`: the operation does not fit the socket's state (libzmq's number).
pub const EFSM: i32 = 156_384_763;
/// `ENOCOMPATPROTO`: the transport does not fit the socket type.
pub const ENOCOMPATPROTO: i32 = 156_384_764;
/// `ETERM`: the context was terminated.
pub const ETERM: i32 = 156_384_765;
/// `EMTHREAD`: no I/O thread can take the connection.
pub const EMTHREAD: i32 = 156_384_766;

/// An error of the engine.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Nothing to receive, or no room to send, and the call was not to wait. `EAGAIN`.
    WouldBlock,
    /// The socket's send or receive timeout passed. `EAGAIN`.
    TimedOut,
    /// A signal was handled while the call waited, which the C face tells. `EINTR`.
    Interrupted,
    /// The context was shut down or terminated. `ETERM`.
    Terminated,
    /// The socket was closed. `ENOTSOCK`.
    Closed,
    /// The socket's pattern does not allow this now, such as a second request before the reply.
    /// `EFSM`.
    State {
        /// What was tried, in the words of the pattern.
        operation: &'static str,
    },
    /// The socket type cannot do this at all, such as receiving on PUSH. `ENOTSUP`.
    NotSupported {
        /// What was tried.
        operation: &'static str,
    },
    /// ROUTER with `router_mandatory`, or STREAM: no peer has this routing id. `EHOSTUNREACH`.
    HostUnreachable,
    /// The endpoint is not well formed or not known. `EINVAL`, `EPROTONOSUPPORT` or
    /// `ENAMETOOLONG`.
    Endpoint {
        /// The endpoint as given.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
        /// The number the C face reports.
        errno: i32,
    },
    /// The transport does not fit the socket type (STREAM over inproc, PUB over udp).
    /// `ENOCOMPATPROTO`.
    IncompatibleTransport {
        /// The endpoint as given.
        endpoint: String,
    },
    /// `unbind` or `disconnect` of an endpoint the socket does not have. `ENOENT`.
    NoSuchEndpoint {
        /// The endpoint as given.
        endpoint: String,
    },
    /// The endpoint is taken. `EADDRINUSE`.
    AddressInUse {
        /// The endpoint as given.
        endpoint: String,
    },
    /// An option was refused. `EINVAL`.
    Option(OptionError),
    /// The message is not acceptable, such as a multipart message on a conflating socket, or one
    /// without the leading routing id. `EINVAL`.
    InvalidMessage {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A monitor of a kind that there is not, or none where one is needed.
    InvalidMonitor {
        /// What is wrong.
        reason: &'static str,
    },
    /// DISH: the group cannot be joined or left. `EINVAL`.
    Group {
        /// Why not.
        reason: &'static str,
    },
    /// `connect_peer` on a socket with the `immediate` option, which has no place for a peer before
    /// its connection. `EFAULT`.
    Immediate,
    /// Every server that the socket connected to has refused its credentials for good. `EACCES`.
    Refused {
        /// The endpoint of the last one.
        endpoint: String,
        /// The ZAP status: 400 for wrong credentials, 500 for a fault of the server.
        status: u16,
    },
    /// A part is longer than the context's MAX_MSGSZ. `EMSGSIZE`.
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The context has as many sockets as its limit allows. `EMFILE`.
    TooManySockets {
        /// The limit.
        limit: usize,
    },
    /// The context has no I/O threads, or none that the affinity allows. `EMTHREAD`.
    NoIoThread,
    /// Memory could not be had. `ENOMEM`.
    OutOfMemory,
    /// The store of a durable socket: what was being done, and what the journal says. `EADDRINUSE`
    /// for a name or a store that somebody else has, `ENOSPC`, or `EIO`.
    Store {
        /// What was being done.
        doing: &'static str,
        /// What the journal says.
        source: oxmq_journal::Error,
    },
    /// Inside the engine only: the message is in the log, and whoever sent it waits until it is
    /// safe.
    #[doc(hidden)]
    Unsynced(Unsynced),
    /// The system refused: the call and its error.
    Io {
        /// What was being done, with the endpoint where there is one.
        doing: String,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    /// The number the C face reports for this error.
    pub fn errno(&self) -> i32 {
        use rustix::io::Errno;
        match self {
            Error::WouldBlock | Error::TimedOut => Errno::AGAIN.raw_os_error(),
            Error::Interrupted => Errno::INTR.raw_os_error(),
            Error::Terminated => ETERM,
            Error::Closed => Errno::NOTSOCK.raw_os_error(),
            Error::State { .. } => EFSM,
            Error::NotSupported { .. } => Errno::NOTSUP.raw_os_error(),
            Error::HostUnreachable => Errno::HOSTUNREACH.raw_os_error(),
            Error::Endpoint { errno, .. } => *errno,
            Error::IncompatibleTransport { .. } => ENOCOMPATPROTO,
            Error::NoSuchEndpoint { .. } => Errno::NOENT.raw_os_error(),
            Error::AddressInUse { .. } => Errno::ADDRINUSE.raw_os_error(),
            Error::Option(_)
            | Error::InvalidMessage { .. }
            | Error::InvalidMonitor { .. }
            | Error::Group { .. } => Errno::INVAL.raw_os_error(),
            Error::Immediate => Errno::FAULT.raw_os_error(),
            Error::Refused { .. } => Errno::ACCESS.raw_os_error(),
            Error::TooLong { .. } => Errno::MSGSIZE.raw_os_error(),
            Error::TooManySockets { .. } => Errno::MFILE.raw_os_error(),
            Error::Store { source, .. } => store_errno(source),
            Error::Unsynced(_) => Errno::INPROGRESS.raw_os_error(),
            Error::NoIoThread => EMTHREAD,
            Error::OutOfMemory => Errno::NOMEM.raw_os_error(),
            Error::Io { source, .. } => crate::transport::errno(source),
        }
    }

    /// True for the conditions that waiting or repeating can cure.
    pub fn is_would_block(&self) -> bool {
        matches!(self, Error::WouldBlock | Error::TimedOut)
    }

    pub(crate) fn store(doing: &'static str, source: oxmq_journal::Error) -> Error {
        Error::Store { doing, source }
    }

    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> Error {
        Error::Io { doing: doing.into(), source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::WouldBlock => f.write_str("the operation would block"),
            Error::TimedOut => f.write_str("the operation timed out"),
            Error::Interrupted => f.write_str("a signal interrupted the wait"),
            Error::Terminated => f.write_str("the context was terminated"),
            Error::Closed => f.write_str("the socket is closed"),
            Error::State { operation } => {
                write!(f, "{operation} is not possible in the socket's present state")
            }
            Error::NotSupported { operation } => {
                write!(f, "{operation} is not possible on this socket type")
            }
            Error::HostUnreachable => f.write_str("no peer with this routing id is connected"),
            Error::Endpoint { endpoint, reason, .. } => {
                write!(f, "endpoint \"{endpoint}\": {reason}")
            }
            Error::IncompatibleTransport { endpoint } => {
                write!(f, "the socket type cannot use the transport of \"{endpoint}\"")
            }
            Error::NoSuchEndpoint { endpoint } => {
                write!(f, "the socket is neither bound nor connected to \"{endpoint}\"")
            }
            Error::AddressInUse { endpoint } => write!(f, "\"{endpoint}\" is already in use"),
            Error::Option(error) => error.fmt(f),
            Error::InvalidMessage { reason } => write!(f, "message refused: {reason}"),
            Error::InvalidMonitor { reason } => write!(f, "no such monitor: {reason}"),
            Error::Group { reason } => write!(f, "group refused: {reason}"),
            Error::Immediate => {
                f.write_str("a peer has no number before its connection with `immediate` set")
            }
            Error::Refused { endpoint, status } => {
                write!(f, "\"{endpoint}\" refused our credentials with status {status}")
            }
            Error::TooLong { limit } => {
                write!(f, "a part is longer than the context allows: {limit} bytes")
            }
            Error::TooManySockets { limit } => {
                write!(f, "the context has reached its limit of {limit} sockets")
            }
            Error::NoIoThread => f.write_str("no I/O thread of the context may be used"),
            Error::OutOfMemory => f.write_str("out of memory"),
            Error::Store { doing, source } => write!(f, "{doing}: {source}"),
            Error::Unsynced(_) => f.write_str("the message is recorded and not yet safe"),
            Error::Io { doing, source } => write!(f, "{doing}: {source}"),
        }
    }
}

/// The number for what the journal says.
fn store_errno(error: &oxmq_journal::Error) -> i32 {
    use oxmq_journal::Error as E;
    use rustix::io::Errno;
    match error {
        E::InUse { .. } | E::NameInUse => Errno::ADDRINUSE.raw_os_error(),
        E::Full | E::NoSpace => Errno::NOSPC.raw_os_error(),
        E::Limit { .. } => Errno::MSGSIZE.raw_os_error(),
        E::Io { errno: Some(errno), .. } => *errno,
        E::NetworkFileSystem => Errno::NOTSUP.raw_os_error(),
        E::Forked | E::Closed => Errno::NOTSOCK.raw_os_error(),
        E::Range | E::NoSuchLog | E::NoSuchConsumer | E::NoSuchCursor => {
            Errno::INVAL.raw_os_error()
        }
        _ => Errno::IO.raw_os_error(),
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            Error::Option(error) => Some(error),
            Error::Store { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<OptionError> for Error {
    fn from(error: OptionError) -> Error {
        Error::Option(error)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match &error {
            Error::WouldBlock => io::ErrorKind::WouldBlock,
            Error::TimedOut => io::ErrorKind::TimedOut,
            Error::Interrupted => io::ErrorKind::Interrupted,
            Error::AddressInUse { .. } => io::ErrorKind::AddrInUse,
            Error::Io { source, .. } => source.kind(),
            Error::HostUnreachable => io::ErrorKind::HostUnreachable,
            Error::Terminated | Error::Closed => io::ErrorKind::NotConnected,
            Error::Refused { .. } => io::ErrorKind::PermissionDenied,
            Error::OutOfMemory => io::ErrorKind::OutOfMemory,
            _ => io::ErrorKind::InvalidInput,
        };
        io::Error::new(kind, error)
    }
}
