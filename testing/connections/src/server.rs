//! The end that binds: one socket that takes all connections, receives what comes, and is then
//! compared with what it was before. Driven by the main thread.

use std::collections::HashSet;
use std::process::Command;
use std::time::Duration;

use oxmq::{AnySocket, Context, SocketType, Wait};
use oxmq_testing::{Child, Doing, Result, Score, Watchdog, rss_kib};

use crate::client;
use crate::footprint::Footprint;

/// Connections that wait to be accepted: those of a burst.
const BACKLOG: usize = 8192;
/// Time after which a message or the end of a peer counts as never coming.
const NEVER: Duration = Duration::from_secs(15);
/// How many more bytes of heap may be in use after the last round than after the first.
///
/// An I/O thread forgets the deadline of a handshake only when it is due, 30 s later: 40 bytes for
/// each connection, in a table whose room doubles: 640 KiB for 10,000 connections and
/// 1280 KiB for 30,000. Beyond that, 20 bytes lost with each connection have to show.
const HEAP_GROWTH_MAX: usize = 1024 * 1024;
/// How much more memory may be resident after the last round than after the first.
///
/// What the allocator keeps depends on how many handshakes ran at once: up to 6.8 KiB for each
/// connection have been seen in a round, in which the heap gave everything back. This is for what
/// is no heap: a page lost with each of 10,000 connections is 80,000 KiB in two rounds.
const GROWTH_KIB_MAX: u64 = 72 * 1024;

/// Who connects to whom.
#[derive(Debug)]
pub(crate) struct Pattern {
    name: &'static str,
    bound: SocketType,
    /// The type that connects, as the other end is told it.
    connecting: &'static str,
    /// Sockets that connect.
    sockets: usize,
    /// Connections of each.
    each: usize,
}

impl Pattern {
    /// One PUSH with this many connections to one PULL.
    pub(crate) fn pipeline(count: usize) -> Pattern {
        let bound = SocketType::Pull;
        Pattern { name: "PUSH to PULL", bound, connecting: "push", sockets: 1, each: count }
    }

    /// DEALER sockets with ten connections each to one ROUTER, which is bound ten times for that
    /// and replies.
    pub(crate) fn routed(count: usize) -> Pattern {
        let each = count.min(10);
        let sockets = count.div_ceil(each);
        let bound = SocketType::Router;
        Pattern { name: "DEALER to ROUTER", bound, connecting: "dealer", sockets, each }
    }

    /// How often the bound socket is bound: a DEALER connects to an endpoint once only.
    fn endpoints(&self) -> usize {
        if self.bound == SocketType::Router { self.each } else { 1 }
    }

    fn connections(&self) -> usize {
        self.sockets * self.each
    }
}

/// What both ends hold after a round.
struct After {
    near: Footprint,
    far: Footprint,
}

/// Runs all rounds of one pattern, a check each, and then compares the last with the first.
pub(crate) fn run(pattern: &Pattern, rounds: usize, watchdog: &Watchdog, score: &mut Score) {
    let mut after = Vec::new();
    watchdog.feed(pattern.name);
    let mut server = match Server::start(pattern) {
        Ok(server) => server,
        Err(error) => return score.check(pattern.name, || Err(error)),
    };
    for round in 0..rounds {
        let name = format!("{}, round {}", pattern.name, round + 1);
        watchdog.feed(&name);
        let first = (round * pattern.connections()) as u64;
        score.check(&name, || {
            let (memory, note) = server.round(pattern, first)?;
            after.push(memory);
            Ok(note)
        });
        if after.len() <= round {
            // What the ends hold is not known any more; the check of the memory will say so.
            break;
        }
    }
    score.check(&format!("{}, memory", pattern.name), || match after.as_slice() {
        [first, .., last] if after.len() == rounds => {
            let near = grown(&first.near, &last.near)?;
            let far = grown(&first.far, &last.far)?;
            Ok(format!("since the first round: {near}; the peer: {far}"))
        }
        _ => Err("a round did not end".to_owned()),
    });
}

/// What a process holds more than before, if that is within the bounds.
fn grown(before: &Footprint, after: &Footprint) -> Result<String> {
    let heap = after.heap.saturating_sub(before.heap);
    let rss_kib = after.rss_kib.saturating_sub(before.rss_kib);
    let note = format!("{heap} bytes of heap in use and {rss_kib} KiB resident more");
    let fine = heap <= HEAP_GROWTH_MAX && rss_kib <= GROWTH_KIB_MAX;
    if fine { Ok(note) } else { Err(note) }
}

/// A bound socket and the process that connects to it.
struct Server {
    // Dropped first, so that no peer tries to connect again to what has gone.
    client: Child,
    socket: AnySocket,
    /// Where it is bound, with blanks between.
    endpoints: String,
    before: Footprint,
}

impl Server {
    fn start(pattern: &Pattern) -> Result<Server> {
        let program = std::env::current_exe().doing("finding this program")?;
        let client = Child::start("the client", Command::new(program).arg(client::ARGUMENT))?;
        let socket = AnySocket::new(&Context::new(), pattern.bound).doing("a socket")?;
        socket.configure(|o| o.backlog(BACKLOG)).doing("the backlog")?;
        let endpoints: Vec<String> = (0..pattern.endpoints())
            .map(|_| socket.bind("tcp://127.0.0.1:*").doing("binding"))
            .collect::<Result<_>>()?;
        let endpoints = endpoints.join(" ");
        Ok(Server { client, socket, endpoints, before: Footprint::now() })
    }

    /// Has all connections made, used and closed; with the memory after it and the report.
    fn round(&mut self, pattern: &Pattern, first: u64) -> Result<(After, String)> {
        let count = pattern.connections();
        let Pattern { connecting, sockets, each, .. } = pattern;
        let plan = format!("connect {connecting} {sockets} {each} {}", self.endpoints);
        let answer = self.client.call(plan)?;
        let mut words = answer.split_whitespace();
        let mut number = || {
            let word = words.next().and_then(|word| word.parse::<f64>().ok());
            word.ok_or_else(|| format!("`{answer}` is no answer"))
        };
        let (seconds, far_kib) = (number()?, number()?);
        self.socket
            .wait_peers(Wait::For(NEVER), |now| now.connected == count)
            .doing("waiting for all peers")?;
        let near_kib = rss_kib().saturating_sub(self.before.rss_kib) as f64;
        self.client.begin(format_args!("send {first}"))?;
        self.receive(first, count)?;
        self.client.finish()?;
        if pattern.bound == SocketType::Router {
            self.client.call(format_args!("replies {first}"))?;
        }
        let far: Footprint = self.client.call("close")?.parse()?;
        self.socket
            .wait_peers(Wait::For(NEVER), |now| now.connected == 0)
            .doing("waiting until no peer is connected")?;
        let near = self.before.wait_restored()?;
        if let Ok(more) = self.socket.try_recv() {
            return Err(format!("{more:?} has come twice"));
        }
        let note = format!(
            "{count} connections, {:.0}/s; {:.0} bytes for each, the peer {:.0}",
            count as f64 / seconds,
            near_kib * 1024.0 / count as f64,
            far_kib * 1024.0 / count as f64,
        );
        Ok((After { near, far }, note))
    }

    /// Receives every number from `first` on once, each from another connection; a ROUTER sends it
    /// back.
    fn receive(&self, first: u64, count: usize) -> Result<()> {
        let mut missing: HashSet<[u8; 8]> =
            (first..first + count as u64).map(u64::to_le_bytes).collect();
        let mut connections = HashSet::with_capacity(count);
        let routed = self.socket.socket_type() == SocketType::Router;
        while !missing.is_empty() {
            let left = missing.len();
            let message = self.socket.recv_timeout(NEVER);
            let message = message.doing(format_args!("{left} messages are missing"))?;
            let part = message.last().filter(|_| message.len() == 1 + usize::from(routed));
            let part = part.ok_or_else(|| format!("{message:?} has not the right parts"))?;
            if !missing.remove(part.as_slice()) {
                return Err(format!("{message:?} was not sent, or has come twice"));
            }
            // Told apart by their descriptors, as all connections are open.
            let meta = part.meta().ok_or_else(|| format!("{message:?} knows no connection"))?;
            if !connections.insert(meta.source_fd) {
                return Err(format!("{message:?} is the second of its connection"));
            }
            if routed {
                self.socket.send(message).doing("replying")?;
            }
        }
        Ok(())
    }
}
