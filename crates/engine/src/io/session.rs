//! Sessions: one `connect` of a socket, through as many connections as it takes. Owned by the I/O
//! thread.
//!
//! ```text
//!            resolved            connected             greeted
//! Resolving ----------> Connecting ------> Greeting -----------> Established
//!     ^                     |                  |                      |
//!     |      next address   |                  |                      |
//!     |     (if there is one)                  |                      |
//!     |                     v                  v                      v
//!     +---------------- Waiting <-------------------------------------+
//!        interval over          attempt failed, or connection lost
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use oxmq_zmtp::Endpoint;

use super::greeter::Greeter;
use crate::options::SocketOptions;
use crate::random;
use crate::socket::SocketCore;
use crate::transport::{Pending, Target, TlsClient};

/// Where a session stands.
pub(super) enum Stage {
    /// A name is being looked up.
    Resolving,
    /// A connection is being made.
    Connecting { pending: Pending },
    /// The handshake is going on.
    Greeting { greeter: Box<Greeter> },
    /// The socket has the connection.
    Established,
    /// The next attempt comes when the reconnect interval is over.
    Waiting,
}

/// See the file's first paragraph.
pub(super) struct Session {
    pub(super) socket: Arc<SocketCore>,
    pub(super) endpoint: Endpoint,
    pub(super) name: Arc<str>,
    pub(super) options: Arc<SocketOptions>,
    /// For a wss endpoint.
    pub(super) tls: Option<TlsClient>,
    pub(super) stage: Stage,
    /// Addresses still to be tried in this attempt, next one last.
    pub(super) targets: Vec<Target>,
    /// Counts the steps, so that a late answer or timer of an earlier one is known as such.
    pub(super) step: u64,
    /// The present step is given up then, or the waiting ends.
    pub(super) deadline: Option<Instant>,
    /// The descriptor of the present attempt, while it has one of its own; else -1.
    pub(super) fd: i32,
    /// No further attempt is made.
    pub(super) is_last: bool,
    /// The interval before the next attempt, without jitter; grows up to the maximum.
    interval: Option<Duration>,
}

impl Session {
    pub(super) fn new(
        socket: Arc<SocketCore>,
        endpoint: Endpoint,
        name: Arc<str>,
        options: Arc<SocketOptions>,
        tls: Option<TlsClient>,
    ) -> Session {
        let interval = options.reconnect_ivl;
        Session {
            socket,
            endpoint,
            name,
            options,
            tls,
            stage: Stage::Resolving,
            targets: Vec::new(),
            step: 0,
            deadline: None,
            fd: -1,
            is_last: false,
            interval,
        }
    }

    /// Goes to the next stage.
    pub(super) fn enter(&mut self, stage: Stage, deadline: Option<Instant>) {
        self.stage = stage;
        self.step += 1;
        self.deadline = deadline;
    }

    /// The connection is established: the next loss begins with the shortest interval again.
    pub(super) fn succeeded(&mut self) {
        self.interval = self.options.reconnect_ivl;
        self.targets.clear();
        self.enter(Stage::Established, None);
    }

    /// How long to wait before the next attempt: the interval, which doubles up to its maximum
    /// if there is one, and up to as much again at random, so that many peers do not come back
    /// together. `None`: never.
    // RFC 37 §Error Handling: the peer SHALL treat an unexpected connection close as a temporary
    // error, and SHOULD reconnect, after a randomized interval that grows.
    pub(super) fn backoff(&mut self) -> Option<Duration> {
        let base = self.interval?;
        let jitter = match u64::try_from(base.as_micros()) {
            Ok(micros @ 1..) => Duration::from_micros(random::u64() % micros),
            _ => Duration::ZERO,
        };
        let Some(max) = self.options.reconnect_ivl_max.filter(|max| *max > Duration::ZERO) else {
            return Some(base + jitter);
        };
        self.interval = Some((base * 2).min(max.max(base)));
        Some((base + jitter).min(max.max(base)))
    }
}
