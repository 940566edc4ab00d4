//! Monitor events: what happens to a socket's endpoints and connections, in order.
//!
//! The socket and its I/O thread report; a `Monitor` receives, in any thread, blocking or async.
//! The queue between them is bounded: a reader that stays away loses the oldest events, and is
//! told how many.

mod feed;

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use oxmq_pipe::{Interest, Parker, Ticket, Waiters};

pub(crate) use self::feed::{Feed, PIPES_STATS, Version};
use crate::limits::MONITOR_EVENTS_MAX;

/// The reason of a `Disconnected` that the socket's own side asked for.
pub(crate) const CLOSED_BY_SOCKET: &str = "closed by this socket";

/// What happened. The names are those of `zmq_socket_monitor(3)`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A connection was made; the handshake follows.
    Connected {
        /// Its descriptor.
        fd: i32,
    },
    /// A connection attempt did not end at once.
    ConnectDelayed {
        /// The system's number, usually `EINPROGRESS`.
        errno: i32,
    },
    /// Another attempt will be made.
    ConnectRetried {
        /// When.
        after: Duration,
    },
    /// The socket listens.
    Listening {
        /// The listening descriptor.
        fd: i32,
    },
    /// Binding failed.
    BindFailed {
        /// The system's number.
        errno: i32,
    },
    /// A peer's connection was accepted; the handshake follows.
    Accepted {
        /// Its descriptor.
        fd: i32,
    },
    /// Accepting a connection failed.
    AcceptFailed {
        /// The system's number.
        errno: i32,
    },
    /// A listener, a connection that never came about, or the socket of a bind that failed, was
    /// closed.
    Closed {
        /// Its descriptor.
        fd: i32,
    },
    /// An established connection ended.
    Disconnected {
        /// Its descriptor.
        fd: i32,
        /// Why, and who ended it.
        reason: String,
    },
    /// The handshake failed for a reason that is not the peer's speaking.
    HandshakeFailedNoDetail {
        /// The system's number.
        errno: i32,
    },
    /// The handshake is complete: messages can pass.
    HandshakeSucceeded,
    /// The peer broke the protocol, in the handshake or later.
    HandshakeFailedProtocol {
        /// The `ZMQ_PROTOCOL_ERROR_*` number.
        code: u32,
        /// What it did.
        fault: String,
    },
    /// The peer was refused, or refused us, by authentication.
    HandshakeFailedAuth {
        /// The ZAP status: 300, 400 or 500.
        status: u16,
    },
    /// The peer was refused for another reason: its socket type, its routing id, a limit.
    PeerRefused {
        /// Which.
        reason: String,
    },
    /// Messages of a durable sender will not come; `from` and `to` are both meant.
    Gap {
        /// The first offset.
        from: u64,
        /// The last offset.
        to: u64,
        /// `retention`, `expired`, `dead-letter`, `lost-in-crash` or `damaged`.
        reason: &'static str,
    },
    /// A message failed too often, or was rejected, and was set aside.
    DeadLetter {
        /// Its offset.
        offset: u64,
    },
    /// A durable sender has another log than before: what was not received of the old one is lost.
    LogReplaced {
        /// The sender's durable name.
        name: Vec<u8>,
    },
    /// The store of a durable socket failed; what was asked of it is not recorded.
    StoreFailed {
        /// What the journal says.
        error: oxmq_journal::Error,
    },
    /// Another instance has taken a durable name over.
    Fenced {
        /// The name.
        name: Vec<u8>,
    },
}

impl EventKind {
    /// The event's number in `zmq_socket_monitor(3)`, or in `oxmq.h` for those of durable sockets;
    /// `None` for those that neither has.
    pub fn zmq_event(&self) -> Option<u64> {
        Some(match self {
            EventKind::Connected { .. } => 0x0001,
            EventKind::ConnectDelayed { .. } => 0x0002,
            EventKind::ConnectRetried { .. } => 0x0004,
            EventKind::Listening { .. } => 0x0008,
            EventKind::BindFailed { .. } => 0x0010,
            EventKind::Accepted { .. } => 0x0020,
            EventKind::AcceptFailed { .. } => 0x0040,
            EventKind::Closed { .. } => 0x0080,
            EventKind::Disconnected { .. } => 0x0200,
            EventKind::HandshakeFailedNoDetail { .. } => 0x0800,
            EventKind::HandshakeSucceeded => 0x1000,
            EventKind::HandshakeFailedProtocol { .. } => 0x2000,
            EventKind::HandshakeFailedAuth { .. } => 0x4000,
            EventKind::Gap { .. } => 1 << 32,
            EventKind::DeadLetter { .. } => 1 << 33,
            EventKind::LogReplaced { .. } => 1 << 34,
            EventKind::StoreFailed { .. } => 1 << 35,
            EventKind::Fenced { .. } => 1 << 36,
            EventKind::PeerRefused { .. } => return None,
        })
    }
}

/// An event of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The endpoint of ours it happened to.
    pub endpoint: String,
    /// The peer's address, where there is one.
    pub remote: String,
    /// Our address in a connection that was just made or accepted; else empty.
    pub local: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.kind, self.endpoint)?;
        if !self.remote.is_empty() {
            write!(f, " (peer {})", self.remote)?;
        }
        Ok(())
    }
}

struct Shared {
    queue: Mutex<Queue>,
    waiters: Waiters,
    lost: AtomicU64,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    /// The socket is closed, or another monitor has taken its place.
    ended: bool,
}

/// The socket's end.
pub(crate) enum Reporter {
    /// To a `Monitor`.
    Queue(Queued),
    /// To whoever connects to a socket of the library's.
    Feed(Feed),
}

impl Reporter {
    pub(crate) fn report(&self, event: Event) {
        match self {
            Reporter::Queue(queued) => queued.report(event),
            Reporter::Feed(feed) => feed.report(&event),
        }
    }
}

/// The writing end of a `Monitor`'s queue.
pub(crate) struct Queued {
    shared: Arc<Shared>,
}

impl Queued {
    fn report(&self, event: Event) {
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.events.len() >= MONITOR_EVENTS_MAX {
            queue.events.pop_front();
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
        queue.events.push_back(event);
        drop(queue);
        self.shared.waiters.wake_all(Interest::IN);
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.shared.waiters.wake_all(Interest::IN);
    }
}

/// Receives the events of one socket. Made by `monitor`; a second monitor of the same socket ends
/// the first.
pub struct Monitor {
    shared: Arc<Shared>,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("lost", &self.lost()).finish_non_exhaustive()
    }
}

/// A monitor and the end its socket reports to.
pub(crate) fn channel() -> (Reporter, Monitor) {
    let shared = Arc::new(Shared {
        queue: Mutex::default(),
        waiters: Waiters::new(),
        lost: AtomicU64::new(0),
    });
    (Reporter::Queue(Queued { shared: shared.clone() }), Monitor { shared })
}

impl Monitor {
    /// The next event, waiting for it. `None` when the socket is closed and all was received.
    pub fn recv(&self) -> Option<Event> {
        self.recv_until(None)
    }

    /// The next event, waiting until `timeout` has passed. `None` then, or when the socket is
    /// closed and all was received.
    pub fn recv_timeout(&self, timeout: Duration) -> Option<Event> {
        self.recv_until(Instant::now().checked_add(timeout))
    }

    /// The next event if there is one.
    pub fn try_recv(&self) -> Option<Event> {
        self.queue().events.pop_front()
    }

    /// The next event, for async code. `None` when the socket is closed and all was received.
    /// Cancel-safe: an event not returned stays in the queue.
    pub async fn recv_async(&self) -> Option<Event> {
        let mut sleeper = Sleeper { shared: &self.shared, ticket: None };
        poll_fn(|cx| sleeper.poll(cx)).await
    }

    /// How many events were dropped because this monitor was not read.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recv_until(&self, deadline: Option<Instant>) -> Option<Event> {
        let parker = Parker::current();
        loop {
            let ticket = self.shared.waiters.register(Interest::IN, parker.waker());
            let mut queue = self.queue();
            let event = queue.events.pop_front();
            let ended = queue.ended;
            drop(queue);
            if event.is_some() || ended || deadline.is_some_and(|at| Instant::now() >= at) {
                let _ = self.shared.waiters.cancel(ticket);
                return event;
            }
            match deadline {
                Some(at) => {
                    let _ = parker.park_until(at);
                }
                None => parker.park(),
            }
            // Reports wake everybody, so a wake-up not used here is nobody else's.
            let _ = self.shared.waiters.cancel(ticket);
        }
    }
}

/// The async face of waiting for an event; gives its place in the waiter list up when dropped.
struct Sleeper<'a> {
    shared: &'a Shared,
    ticket: Option<Ticket>,
}

impl Sleeper<'_> {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Event>> {
        self.cancel();
        self.ticket = Some(self.shared.waiters.register(Interest::IN, cx.waker()));
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let event = queue.events.pop_front();
        if event.is_none() && !queue.ended {
            return Poll::Pending;
        }
        drop(queue);
        self.cancel();
        Poll::Ready(event)
    }

    fn cancel(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let _ = self.shared.waiters.cancel(ticket);
        }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.cancel();
    }
}
