//! Monitor events as messages on a socket of the library's own, for the C interface:
//! `zmq_socket_monitor(3)` and `zmq_socket_monitor_versioned(3)`.
//!
//! The socket is bound at an inproc endpoint; the application connects one of its own to it. A
//! reader that is slow or absent loses the newest events: what the library's socket has no room
//! for is dropped, so that the monitored socket never waits and the memory is that of its
//! high-water mark. Reports come under the lock of the monitored socket, which is always taken
//! before that of the library's socket.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use oxmq_message::{Message, Msg};
use oxmq_pipe::Interest;
use oxmq_zmtp::GapReason;

use super::{CLOSED_BY_SOCKET, Event, EventKind};
use crate::error::Error;
use crate::limits::MONITORED_ADDRESSES_MAX;
use crate::socket::{SocketCore, Wait, send_all};

/// The numbers of the events that are none of [`EventKind`].
const MONITOR_STOPPED: u64 = 0x0400;
pub(crate) const PIPES_STATS: u64 = 0x1_0000;

/// How events are written into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// Two frames: number (u16) and value (u32) in six bytes, and the endpoint.
    One,
    /// Number, count of values and each value (u64), our address and the peer's.
    Two,
}

/// The library's end. Dropping it ends the monitor.
pub(crate) struct Feed {
    socket: Arc<SocketCore>,
    events: u64,
    version: Version,
    /// Our address in the last connection of each endpoint connected to.
    connected: RefCell<HashMap<String, String>>,
    /// Our address in each accepted connection, by its peer's, where it is not the endpoint: one
    /// bound with a wildcard.
    accepted: RefCell<HashMap<String, String>>,
}

impl Feed {
    pub(crate) fn new(socket: Arc<SocketCore>, events: u64, version: Version) -> Feed {
        Feed {
            socket,
            events,
            version,
            connected: RefCell::default(),
            accepted: RefCell::default(),
        }
    }

    /// The event of this number was asked for.
    pub(crate) fn wants(&self, number: u64) -> bool {
        self.events & number != 0
    }

    pub(super) fn report(&self, event: &Event) {
        let Some(number) = event.kind.zmq_event() else { return };
        if self.version == Version::One && number > u64::from(u16::MAX) {
            // It has no room for the number.
            return;
        }
        self.note_address(event);
        // The reference tells of ends that the peer or the network brought about only.
        let is_own = matches!(
            &event.kind,
            EventKind::Disconnected { reason, .. } if reason == CLOSED_BY_SOCKET
        );
        if self.wants(number) && !is_own {
            let [endpoint, local, remote] = self.addresses(event);
            self.send(number, &values(&event.kind), [&endpoint, &local, &remote]);
        }
        if let EventKind::Disconnected { .. } = event.kind {
            self.accepted.borrow_mut().remove(&event.remote);
        }
    }

    /// Remembers our address of a connection: later events of it tell it.
    fn note_address(&self, event: &Event) {
        let (map, key) = match event.kind {
            EventKind::Connected { .. } => (&self.connected, &event.endpoint),
            EventKind::Accepted { .. } if event.local != event.endpoint => {
                (&self.accepted, &event.remote)
            }
            _ => return,
        };
        let mut map = map.borrow_mut();
        if map.len() >= MONITORED_ADDRESSES_MAX {
            map.clear();
        }
        map.insert(key.clone(), event.local.clone());
    }

    /// The endpoint of the first version; our address and the peer's of the second.
    fn addresses(&self, event: &Event) -> [String; 3] {
        let (endpoint, remote) = (&event.endpoint, &event.remote);
        let connects = matches!(
            event.kind,
            EventKind::ConnectDelayed { .. } | EventKind::ConnectRetried { .. }
        );
        let three = |endpoint: &str, local: &str, remote: &str| {
            [endpoint.to_owned(), local.to_owned(), remote.to_owned()]
        };
        if let Some(local) = self.connected.borrow().get(endpoint) {
            return three(endpoint, local, endpoint);
        }
        if connects {
            return three(endpoint, "", endpoint);
        }
        match self.accepted.borrow().get(remote) {
            Some(local) => three(local, local, remote),
            None => three(endpoint, endpoint, remote),
        }
    }

    /// Tells how many messages a pipe holds for its peer and for the application.
    pub(crate) fn pipe_stats(&self, queued: [u64; 2], local: &str, remote: &str) {
        self.send(PIPES_STATS, &queued, [local, local, remote]);
    }

    /// Sends an event about an endpoint, with our address and the peer's.
    fn send(&self, number: u64, values: &[u64], [endpoint, local, remote]: [&str; 3]) {
        let mut message: Message = match self.version {
            Version::One => {
                // The first version has events up to 16 bits, of one value of 32.
                let mut head = (number as u16).to_ne_bytes().to_vec();
                let value = values.first().map_or(0, |value| *value as u32);
                head.extend_from_slice(&value.to_ne_bytes());
                [head.as_slice(), endpoint.as_bytes()].map(Msg::from_slice).into_iter().collect()
            }
            Version::Two => {
                let numbers = [number, values.len() as u64].into_iter().chain(values.to_vec());
                let addresses = [local, remote].map(|address| Msg::from_slice(address.as_bytes()));
                numbers
                    .map(|number| Msg::from_slice(&number.to_ne_bytes()))
                    .chain(addresses)
                    .collect()
            }
        };
        // Who does not read goes without it; so does everybody once the context is terminated.
        let _ = self.socket.run(Interest::OUT, Wait::No, |state| send_all(state, &mut message));
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if self.wants(MONITOR_STOPPED) {
            self.send(MONITOR_STOPPED, &[0], [""; 3]);
        }
        self.socket.close(Some(Duration::ZERO));
    }
}

/// The values of an event: one, as `zmq_socket_monitor(3)` has it, but for those of durable
/// sockets, which `oxmq.h` describes.
fn values(kind: &EventKind) -> Vec<u64> {
    let int = |number: i32| u64::from(number as u32);
    let value = match kind {
        EventKind::Gap { from, to, reason } => {
            return vec![*from, *to, GapReason::number_of(reason).into()];
        }
        EventKind::DeadLetter { offset } => *offset,
        EventKind::StoreFailed { error } => int(Error::store("", error.clone()).errno()),
        EventKind::LogReplaced { .. } | EventKind::Fenced { .. } => return Vec::new(),
        EventKind::Connected { fd }
        | EventKind::Listening { fd }
        | EventKind::Accepted { fd }
        | EventKind::Closed { fd }
        | EventKind::Disconnected { fd, .. } => int(*fd),
        EventKind::ConnectDelayed { errno }
        | EventKind::BindFailed { errno }
        | EventKind::AcceptFailed { errno }
        | EventKind::HandshakeFailedNoDetail { errno } => int(*errno),
        EventKind::ConnectRetried { after } => u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
        EventKind::HandshakeFailedProtocol { code, .. } => u64::from(*code),
        EventKind::HandshakeFailedAuth { status } => u64::from(*status),
        EventKind::HandshakeSucceeded | EventKind::PeerRefused { .. } => 0,
    };
    vec![value]
}
