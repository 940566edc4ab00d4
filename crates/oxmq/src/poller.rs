//! Waiting for several sockets and file descriptors at once. One thread uses a poller at a time;
//! the sockets in it may be used by others meanwhile.

use std::os::fd::AsFd;
use std::time::Duration;

use oxmq_engine::{Interest, Notifier, PollEvent, Result};

use crate::Socket;
use crate::kind::Kind;

/// Waits until one of several sockets or file descriptors is ready.
///
/// Each is added under a number of the caller's, the key, which its events carry. Readiness is
/// level-triggered: what stays ready is reported again. A socket that is ready may not be so any
/// more when another thread uses it, too; then use `try_recv` and `try_send`.
///
/// Memory cost: two descriptors and 6 KiB, and about 200 bytes for each socket.
///
/// ```
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
/// use oxmq::{Context, Interest, Poller, Pull, Push};
///
/// let context = Context::new();
/// let (pull, push) = (Pull::new(&context)?, Push::new(&context)?);
/// push.connect(&pull.bind("inproc://jobs")?)?;
/// let (mut plain, other) = UnixStream::pair()?;
///
/// let mut poller = Poller::new()?;
/// poller.add(&pull, 1, Interest::READABLE)?;
/// poller.add_fd(&other, 2, Interest::READABLE)?;
/// let mut events = Vec::new();
///
/// push.send("job")?;
/// poller.wait(&mut events, None)?;
/// assert_eq!((events.len(), events[0].key), (1, 1));
/// pull.recv()?;
///
/// plain.write_all(b"bytes")?;
/// poller.wait(&mut events, None)?;
/// assert_eq!((events.len(), events[0].key), (1, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Poller {
    engine: oxmq_engine::Poller,
}

impl Poller {
    /// An empty poller. Does not block.
    ///
    /// # Errors
    /// [`Io`](crate::Error::Io) when the process is out of descriptors or memory.
    pub fn new() -> Result<Poller> {
        oxmq_engine::Poller::new().map(|engine| Poller { engine })
    }

    /// Adds a socket. It may be dropped while it is in: then each wait reports an error on it,
    /// until it is removed. Does not block.
    ///
    /// # Errors
    /// [`Io`](crate::Error::Io) (`EEXIST`) if the key is in use, or the socket is in already.
    pub fn add<K: Kind>(
        &mut self,
        socket: &Socket<K>,
        key: usize,
        interest: Interest,
    ) -> Result<()> {
        self.engine.add(socket.engine(), key, interest)
    }

    /// Adds a file descriptor. The poller keeps a duplicate until it is removed, so the file stays
    /// open even if the caller closes its own. Regular files are always ready. Does not block.
    ///
    /// # Errors
    /// [`Io`](crate::Error::Io): `EEXIST` if the key is in use, and what dup(2) and epoll_ctl(2)
    /// say.
    pub fn add_fd(&mut self, fd: impl AsFd, key: usize, interest: Interest) -> Result<()> {
        self.engine.add_fd(fd, key, interest)
    }

    /// Changes what to wait for. Does not block.
    ///
    /// # Errors
    /// [`Io`](crate::Error::Io) (`ENOENT`) if nothing has this key.
    pub fn modify(&mut self, key: usize, interest: Interest) -> Result<()> {
        self.engine.modify(key, interest)
    }

    /// Takes a socket or descriptor out. Does not block.
    ///
    /// # Errors
    /// [`Io`](crate::Error::Io) (`ENOENT`) if nothing has this key.
    pub fn remove(&mut self, key: usize) -> Result<()> {
        self.engine.remove(key)
    }

    /// How many sockets and descriptors are in.
    pub fn len(&self) -> usize {
        self.engine.len()
    }

    /// Whether none is in.
    pub fn is_empty(&self) -> bool {
        self.engine.is_empty()
    }

    /// A handle by which other threads end a wait early.
    pub fn notifier(&self) -> Notifier {
        self.engine.notifier()
    }

    /// Waits until something is ready, replaces the contents of `events` by all that is, and
    /// returns how many that are: 0 when the time is over or a [`Notifier`] ended the wait.
    ///
    /// Blocks for up to `timeout`; `None` is without limit, zero not at all. A signal handler does
    /// not end it. Allocates nothing once `events` has grown to its size.
    ///
    /// # Errors
    /// [`Terminated`](crate::Error::Terminated) when the context of a socket in it was;
    /// [`Io`](crate::Error::Io) when the system refuses to wait.
    pub fn wait(
        &mut self,
        events: &mut Vec<PollEvent>,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<usize> {
        self.engine.wait(events, timeout.into())
    }

    /// As [`Poller::wait`], but a signal handler that ran ends it.
    ///
    /// # Errors
    /// As [`Poller::wait`], and [`Io`](crate::Error::Io) (`EINTR`).
    pub fn wait_interruptible(
        &mut self,
        events: &mut Vec<PollEvent>,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<usize> {
        self.engine.wait_interruptible(events, timeout.into())
    }

    /// As [`Poller::wait`], for async code and for sockets only. Runs on any executor. A
    /// [`Notifier`] does not end it. Cancellation: nothing is lost.
    ///
    /// # Errors
    /// As [`Poller::wait`], and [`NotSupported`](crate::Error::NotSupported) if file descriptors
    /// are in it.
    pub fn wait_async<'a>(
        &'a mut self,
        events: &'a mut Vec<PollEvent>,
    ) -> impl Future<Output = Result<usize>> + Send + Unpin + use<'a> {
        self.engine.wait_async(events)
    }
}
