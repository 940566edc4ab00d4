//! Beginning and ending to monitor a socket, for Rust and for C.

use oxmq_zmtp::{Endpoint, SocketType};

use super::Socket;
use super::endpoints::parse;
use super::state::State;
use crate::error::{Error, Result};
use crate::monitor::{self, Feed, Monitor, PIPES_STATS, Reporter, Version};
use crate::pipe::{Link, Pipe};

/// The events that the first version of `zmq_socket_monitor(3)` can express.
const FIRST_VERSION_EVENTS: u64 = 0xFFFF;

impl Socket {
    /// Begins to report events; an earlier monitor of this socket ends.
    ///
    /// # Errors
    /// `Terminated`, `Closed`.
    pub fn monitor(&self) -> Result<Monitor> {
        let (reporter, monitor) = monitor::channel();
        self.replace_reporter(Some(reporter))?;
        Ok(monitor)
    }

    /// Begins to send the events whose bits are set as messages on a socket of the library's own,
    /// which is bound at an inproc endpoint; an earlier monitor of this socket ends. `version` is 1
    /// or 2, the type PAIR, PUB or PUSH. `zmq_socket_monitor_versioned(3)`.
    ///
    /// This socket never waits for the reader: events for which there is no room are dropped.
    /// Memory: up to two high-water marks of events.
    ///
    /// # Errors
    /// `InvalidMonitor` for a version or type that there is not; `Endpoint`, with
    /// `EPROTONOSUPPORT` if it is not inproc; `AddressInUse`; `Terminated`,
    /// `Closed`.
    pub fn monitor_at(
        &self,
        endpoint: &str,
        events: u64,
        version: i32,
        socket_type: SocketType,
    ) -> Result<()> {
        drop(self.core().enter()?);
        let version = match version {
            1 if events <= FIRST_VERSION_EVENTS => Version::One,
            1 => return Err(invalid("version 1 has events of 16 bits")),
            2 => Version::Two,
            _ => return Err(invalid("the versions are 1 and 2")),
        };
        let Endpoint::Inproc(name) = parse(endpoint, SocketType::Pair)? else {
            return Err(Error::Endpoint {
                endpoint: endpoint.to_owned(),
                reason: "a monitor's endpoint is inproc".to_owned(),
                errno: libc::EPROTONOSUPPORT,
            });
        };
        if !matches!(socket_type, SocketType::Pair | SocketType::Pub | SocketType::Push) {
            return Err(invalid("a monitor sends on PAIR, PUB or PUSH"));
        }
        // The earlier one may hold the name.
        self.replace_reporter(None)?;
        let core = self.core().context.internal_socket(socket_type)?;
        let feed = Feed::new(core.clone(), events, version);
        core.bind_inproc(endpoint, &name)?;
        self.replace_reporter(Some(Reporter::Feed(feed)))
    }

    /// Ends the monitor, if there is one.
    ///
    /// # Errors
    /// `Terminated`, `Closed`.
    pub fn stop_monitor(&self) -> Result<()> {
        self.replace_reporter(None)
    }

    /// Sends the event PIPES_STATS for each pipe on the monitor's socket: how many messages wait
    /// for the peer and for the application. `zmq_socket_monitor_versioned(3)`.
    ///
    /// # Errors
    /// `InvalidMonitor` if no monitor wants this event; `WouldBlock` if there is no pipe;
    /// `Terminated`, `Closed`.
    pub fn monitor_pipe_stats(&self) -> Result<()> {
        self.change(|state| state.report_pipe_stats())
    }

    /// Whether there is room for a message to a ROUTER's peer. `zmq_socket_get_peer_state`.
    ///
    /// # Errors
    /// `HostUnreachable` if no peer has this routing id; `NotSupported` on other types;
    /// `Terminated`, `Closed`.
    pub fn has_room_for(&self, routing_id: &[u8]) -> Result<bool> {
        self.change(|state| state.pattern.has_room_for(&mut state.pipes, routing_id))
    }

    fn replace_reporter(&self, reporter: Option<Reporter>) -> Result<()> {
        // The earlier one ends without the lock.
        drop(self.change(|state| Ok(std::mem::replace(&mut state.reporter, reporter)))?);
        Ok(())
    }
}

impl State {
    fn report_pipe_stats(&self) -> Result<()> {
        let feed = match &self.reporter {
            Some(Reporter::Feed(feed)) if feed.wants(PIPES_STATS) => feed,
            _ => return Err(invalid("no monitor wants the statistics of pipes")),
        };
        let open = self.pipes.iter().map(|(_, pipe)| pipe).filter(|pipe| pipe.is_open());
        let mut pipes: Vec<&Pipe> = open.collect();
        if pipes.is_empty() {
            return Err(Error::WouldBlock);
        }
        // In the order in which peers came, as programs that know that order expect.
        pipes.sort_by_key(|pipe| match &pipe.link {
            Link::Net(net) => Some(net.order),
            Link::Inproc(_) | Link::Udp(_) => None,
        });
        let hwm = self.pipes.options.snd_hwm as u64;
        for pipe in pipes {
            let queued = match &pipe.link {
                Link::Net(net) => {
                    let out = net.out.messages() as u64;
                    let is_slow = net.connection.as_ref().is_some_and(|c| c.blocked);
                    let out = if is_slow { in_batches(out, hwm) } else { out };
                    [out, net.inq.ready() as u64]
                }
                Link::Inproc(link) => [link.tx.len() as u64, link.rx.len() as u64],
                Link::Udp(udp) => [0, udp.ready() as u64],
            };
            let (local, remote) = sides(pipe);
            feed.pipe_stats(queued, &local, &remote);
        }
        Ok(())
    }
}

/// How many messages wait for a peer that is slow, as the reference counts them: it learns of those
/// that were taken in batches of half the high-water mark, and programs compare its count with the
/// mark.
fn in_batches(waiting: u64, hwm: u64) -> u64 {
    match hwm {
        0 => waiting,
        _ => waiting.next_multiple_of(hwm.div_ceil(2)).min(hwm.max(waiting)),
    }
}

/// Our address of a pipe and the peer's. A bound endpoint is ours, one connected to the peer's.
fn sides(pipe: &Pipe) -> (String, String) {
    let endpoint = pipe.endpoint.to_string();
    match &pipe.link {
        Link::Inproc(_) => (endpoint.clone(), endpoint),
        Link::Udp(udp) if udp.target().is_some() => (String::new(), endpoint),
        Link::Udp(_) => (endpoint, String::new()),
        Link::Net(net) => match &net.connection {
            Some(connection) if net.session.is_none() => (endpoint, connection.remote.clone()),
            Some(connection) => (connection.stream.local_endpoint(), endpoint),
            None => (String::new(), endpoint),
        },
    }
}

fn invalid(reason: &'static str) -> Error {
    Error::InvalidMonitor { reason }
}
