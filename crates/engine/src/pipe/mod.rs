//! Pipes: a socket's ends of its links to peers, over the network or inside the process.
//!
//! A pipe belongs to one socket and is protected by that socket's lock. A network pipe holds the
//! queues of both directions and, while there is one, the connection; a pipe made by `connect`
//! outlives its connections, one made by accepting ends with its own. An inproc pipe holds an end
//! of two single-producer queues, whose other ends another socket holds. A udp pipe is a kernel
//! socket and a queue of what it received.

pub(crate) mod codec;
pub(crate) mod inbound;
pub(crate) mod inproc;
pub(crate) mod outbound;
pub(crate) mod table;
pub(crate) mod udp;

use std::sync::Arc;
use std::time::Instant;

use oxmq_message::MetaHandle;
use oxmq_zmtp::SocketType;

use self::codec::Codec;
use self::inbound::InQueue;
use self::inproc::InprocLink;
use self::outbound::{OutQueue, Wire};
use self::udp::UdpLink;
use crate::durable::PeerClaim;
use crate::io::SessionId;
use crate::transport::Stream;

/// A pipe's place in its socket's table. Reused after the pipe is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PipeId(pub(crate) u32);

/// How far a pipe has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// In use.
    Open,
    /// The peer is gone for good; what it sent can still be received, nothing can be sent.
    Draining,
    /// Another connection has taken the peer's name. What the peer sent before can still be
    /// received; nothing more is read, and its connection stays until the peer ends it.
    Replaced,
    /// The socket is closed or the endpoint was disconnected: what is queued is still being
    /// written, until the deadline (`None`: for ever), and nothing is received.
    Lingering { deadline: Option<Instant> },
    /// Everything is written and our side is shut down; waiting for the peer to finish too.
    Farewell { deadline: Instant },
}

/// Plain counters of one pipe.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) messages_in: u64,
    pub(crate) bytes_in: u64,
    pub(crate) messages_out: u64,
    pub(crate) bytes_out: u64,
    /// Messages not queued for want of room or of a peer.
    pub(crate) dropped: u64,
    /// Connections after the first one.
    pub(crate) reconnects: u64,
}

/// One end of a link to a peer.
pub(crate) struct Pipe {
    /// Tells events of this pipe from those of an earlier one in the same place.
    pub(crate) generation: u32,
    pub(crate) link: Link,
    pub(crate) phase: Phase,
    /// The peer's routing id; empty until it is known or if it has none.
    pub(crate) routing_id: Vec<u8>,
    /// The number by which a SERVER or PEER knows the peer; 0 on other types.
    pub(crate) number: u32,
    /// What the peer says of itself as a durable socket; known on durable sockets only.
    pub(crate) durable_peer: Option<Box<PeerClaim>>,
    /// The peer's socket type, where the protocol tells it.
    pub(crate) peer_type: Option<SocketType>,
    /// The endpoint this pipe was made by, as `unbind` and `disconnect` name it.
    pub(crate) endpoint: Arc<str>,
    /// The pattern has the pipe in its list of pipes to receive from / to send to.
    pub(crate) in_active: bool,
    pub(crate) out_active: bool,
    pub(crate) counters: Counters,
}

/// What carries the messages.
pub(crate) enum Link {
    Net(Box<NetLink>),
    Inproc(Box<InprocLink>),
    Udp(Box<UdpLink>),
}

/// A network pipe.
pub(crate) struct NetLink {
    pub(crate) out: OutQueue,
    pub(crate) inq: InQueue,
    pub(crate) meta: MetaHandle,
    /// The connection, while there is one.
    pub(crate) connection: Option<Connection>,
    /// Higher for one that began later: with its connect, or when its first connection came.
    pub(crate) order: u64,
    /// The session that makes connections for this pipe; none for accepted ones.
    pub(crate) session: Option<SessionId>,
    /// In the table's list of pipes with bytes to flush.
    pub(crate) dirty: bool,
}

/// A live connection after its handshake.
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    pub(crate) wire: Wire,
    /// What stands between the queues' plain frames and the wire; none on a plain connection.
    pub(crate) codec: Option<Box<Codec>>,
    /// Subscriptions go as SUBSCRIBE and CANCEL commands and not as messages (RFC 37 and RFC 23,
    /// §The Publish-Subscribe Pattern).
    pub(crate) subscribes_by_command: bool,
    /// The peer wants to be told subscriptions; one of ZMTP 1.0 does not (RFC 13 §Broadcast
    /// Content).
    pub(crate) forwards_subscriptions: bool,
    /// The kernel may hold bytes for us.
    pub(crate) readable: bool,
    /// The peer has ended its side: the kernel holds what it sent last, and the end.
    pub(crate) ending: bool,
    /// The kernel refused bytes; EPOLLOUT is asked for.
    pub(crate) blocked: bool,
    /// Writing failed; the connection is only read to its end. Then `blocked` holds too.
    pub(crate) broken: bool,
    /// Bytes that a stream's write should be a multiple of (0: any): the segment size of tcp.
    pub(crate) quantum: usize,
    pub(crate) heartbeat: Heartbeat,
    /// Where the connection came from, for monitors and peer lists.
    pub(crate) remote: String,
}

impl Connection {
    /// Tells the peer that the connection ends, where the protocol has words for that. `faulty`
    /// says that the peer broke the protocol. What the kernel does not take is not said.
    pub(crate) fn say_farewell(&mut self, out: &OutQueue, faulty: bool) {
        let Some(codec) = self.codec.as_mut().filter(|_| !self.broken) else { return };
        if !out.is_between_frames() {
            return;
        }
        let mut words = Vec::new();
        codec.encoder.close(faulty, &mut words);
        if !words.is_empty() {
            let _ = self.stream.write(&words);
        }
        self.stream.end_tls();
    }
}

/// When to ask whether a peer is alive, and when to give it up. RFC 37 §Connection
/// Heartbeating.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heartbeat {
    /// When anything last came from the peer.
    pub(crate) last_in: Option<Instant>,
    /// When the next PING is due.
    pub(crate) next_ping: Option<Instant>,
    /// When the answer to our PING is overdue.
    pub(crate) pong_due: Option<Instant>,
    /// The peer asked to be given up if nothing came from it by then (its TTL).
    pub(crate) peer_ttl: Option<std::time::Duration>,
}

impl Heartbeat {
    /// Something came from the peer: it lives.
    // RFC 37 §Connection Heartbeating: a peer SHOULD treat any incoming traffic (not just a PONG
    // reply) as a sign of life.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.last_in = Some(now);
        self.pong_due = None;
    }
}

impl Pipe {
    /// The network half, if it is one.
    #[inline]
    pub(crate) fn net(&mut self) -> Option<&mut NetLink> {
        match &mut self.link {
            Link::Net(net) => Some(net),
            Link::Inproc(_) | Link::Udp(_) => None,
        }
    }

    /// The udp half, if it is one.
    pub(crate) fn udp(&mut self) -> Option<&mut UdpLink> {
        match &mut self.link {
            Link::Udp(udp) => Some(udp),
            Link::Net(_) | Link::Inproc(_) => None,
        }
    }

    /// A connection that is lost is sought again.
    pub(crate) fn is_session(&self) -> bool {
        matches!(&self.link, Link::Net(net) if net.session.is_some())
    }

    /// The peer came to an endpoint that we have bound.
    pub(crate) fn is_accepted(&self) -> bool {
        match &self.link {
            Link::Net(net) => net.session.is_none(),
            Link::Inproc(link) => link.is_bound(),
            Link::Udp(_) => false,
        }
    }

    /// Something can still be sent on it.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }
}
