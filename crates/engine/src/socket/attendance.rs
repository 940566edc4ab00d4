//! Who watches a socket's connections: its I/O thread, or the thread that is calling it.
//!
//! Every connection of a socket is registered, edge triggered, in an epoll set of the socket's own,
//! and that set is registered in the set of an I/O thread. A caller that waits takes the *lease*:
//! it waits on the socket's set itself and reads there, without a hop over another thread. The
//! I/O thread finds the lease out when the set first becomes ready, stops watching, and takes the
//! lease back when the caller has stayed away for a tick. Nothing is lost if both watch for a
//! while: an event is fetched by one of them, carried out under the socket's lock, and wakes
//! whoever said that it sleeps. The lease decides only how many threads wake.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use crate::pipe::{Connection, PipeId};
use crate::sys::{Epoll, EventFd, Events, Interest};
use crate::transport::Stream;

/// Token of the wake-up descriptor; no pipe has it, as pipe numbers are smaller.
const WAKE: u64 = u64::MAX;

/// See the file's first paragraph.
pub(crate) struct Attendance {
    epoll: Epoll,
    wake: EventFd,
    /// A caller reads by itself, and did so within the last tick or two.
    held: AtomicBool,
    /// Counts the caller's visits, so that the tick can tell whether it stays away.
    visits: AtomicU32,
    /// A thread waits on `epoll`; it must be woken through `wake`.
    parked: AtomicBool,
    /// Under which the I/O thread knows the set; 0 before it does.
    token: AtomicU64,
}

impl Attendance {
    pub(crate) fn new() -> io::Result<Attendance> {
        let (epoll, wake) = (Epoll::new()?, EventFd::new()?);
        // Edge triggered: each signal is an event of its own, and nobody needs to clear it.
        epoll.add(wake.as_fd(), WAKE, Interest::IN | Interest::ET)?;
        Ok(Attendance {
            epoll,
            wake,
            held: AtomicBool::new(false),
            visits: AtomicU32::new(0),
            parked: AtomicBool::new(false),
            token: AtomicU64::new(0),
        })
    }

    fn token(id: PipeId, generation: u32) -> u64 {
        u64::from(generation) << 32 | u64::from(id.0)
    }

    /// The pipe and generation that an event's token names; `None` for the wake-up descriptor.
    pub(crate) fn pipe_of(token: u64) -> Option<(PipeId, u32)> {
        (token != WAKE).then_some((PipeId(token as u32), (token >> 32) as u32))
    }

    /// Registers a connection.
    pub(crate) fn watch(&self, stream: &Stream, id: PipeId, generation: u32) -> io::Result<()> {
        let interest = Interest::IN | Interest::RDHUP | Interest::ET;
        self.epoll.add(stream.as_fd(), Attendance::token(id, generation), interest)
    }

    /// Registers a udp socket.
    pub(crate) fn watch_datagrams(
        &self,
        socket: BorrowedFd<'_>,
        id: PipeId,
        generation: u32,
    ) -> io::Result<()> {
        self.epoll.add(socket, Attendance::token(id, generation), Interest::IN | Interest::ET)
    }

    /// Asks to be told once more what a udp socket holds already.
    pub(crate) fn watch_again(
        &self,
        socket: BorrowedFd<'_>,
        id: PipeId,
        generation: u32,
    ) -> io::Result<()> {
        self.epoll.modify(socket, Attendance::token(id, generation), Interest::IN | Interest::ET)
    }

    /// Asks to be told when a connection takes bytes again, or no longer.
    pub(crate) fn watch_writable(
        &self,
        connection: &Connection,
        id: PipeId,
        generation: u32,
        on: bool,
    ) -> io::Result<()> {
        let mut interest = Interest::IN | Interest::RDHUP | Interest::ET;
        // What TLS holds makes no descriptor readable; that this one is writable makes an event.
        if on || connection.stream.has_unread() {
            interest = interest | Interest::OUT;
        }
        self.epoll.modify(connection.stream.as_fd(), Attendance::token(id, generation), interest)
    }

    /// Forgets a connection that is about to be closed.
    pub(crate) fn forget(&self, stream: &Stream) {
        // A closed descriptor leaves the set by itself; this only makes it prompt when the
        // connection is shared with a forked child. There is nothing to do about a failure.
        let _ = self.epoll.delete(stream.as_fd());
    }

    /// Becomes the one thread that waits on the set, unless there is one. Takes the lease.
    pub(crate) fn begin_park(&self) -> bool {
        if self.parked.swap(true, Ordering::Acquire) {
            return false;
        }
        self.visit();
        true
    }

    /// Ends what `begin_park` began.
    pub(crate) fn end_park(&self) {
        self.parked.store(false, Ordering::Release);
    }

    /// Takes or renews the lease.
    pub(crate) fn visit(&self) {
        self.held.store(true, Ordering::Release);
        self.visits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    pub(crate) fn is_parked(&self) -> bool {
        self.parked.load(Ordering::Acquire)
    }

    pub(crate) fn visits(&self) -> u32 {
        self.visits.load(Ordering::Relaxed)
    }

    /// Gives the lease back, unless a thread waits under it.
    pub(crate) fn release(&self) {
        if !self.is_parked() {
            self.held.store(false, Ordering::Release);
        }
    }

    pub(crate) fn set_token(&self, token: u64) {
        self.token.store(token, Ordering::Release);
    }

    /// The set's token in the I/O thread; `None` before the thread knows it.
    pub(crate) fn io_token(&self) -> Option<u64> {
        Some(self.token.load(Ordering::Acquire)).filter(|token| *token != 0)
    }

    /// Fetches events.
    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        self.epoll.wait(events, timeout)
    }

    /// A waker that ends the wait of the thread inside `wait`.
    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(self.clone())
    }
}

impl Wake for Attendance {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Fails only when the counter is at its maximum, and then the set is ready anyway.
        let _ = self.wake.signal();
    }
}

impl AsFd for Attendance {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
