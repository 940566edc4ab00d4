//! ZeroMQ's messaging patterns in Rust: sockets that carry whole messages between threads,
//! processes and machines, over tcp, ipc and inproc, without a broker.
//!
//! ```
//! use oxmq::{Context, Rep, Req};
//!
//! fn main() -> oxmq::Result<()> {
//!     let context = Context::new();
//!     let (server, client) = (Rep::new(&context)?, Req::new(&context)?);
//!     client.connect(&server.bind("tcp://127.0.0.1:*")?)?;
//!     client.send("hello")?;
//!     assert_eq!(server.recv()?, ["hello"]);
//!     server.send("world")?;
//!     assert_eq!(client.recv()?, ["world"]);
//!     Ok(())
//! }
//! ```
//!
//! # Patterns
//!
//! | pattern | sockets | what happens to a message |
//! |---|---|---|
//! | request and reply | [`Req`], [`Rep`] | one server gets it and answers; one at a time |
//! | the same, many at a time | [`Dealer`], [`Router`] | peers in turn; back by routing id |
//! | publish and subscribe | [`Pub`], [`Sub`] | every peer that wants it gets it, if it keeps up |
//! | the same, with a view of subscriptions | [`XPub`], [`XSub`] | as above |
//! | pipeline | [`Push`], [`Pull`] | one worker gets it |
//! | exclusive pair | [`Pair`] | the one peer gets it |
//! | plain TCP | [`Stream`] | bytes to and from any program |
//!
//! What a type cannot do does not compile. [`AnySocket`] is for types known at run time only, and
//! [`kind`] for code that is generic over them. [`Poller`] waits for several sockets, [`Proxy`]
//! passes messages on between two.
//!
//! # Blocking and async
//!
//! Every socket has both, and they can be mixed: [`recv`](Socket::recv) blocks,
//! [`try_recv`](Socket::try_recv) does not, [`recv_timeout`](Socket::recv_timeout) does for a
//! time, [`recv_async`](Socket::recv_async) is a future that runs on any executor; so with
//! sending. Sockets are `Send` and `Sync`. Futures are cancel-safe: dropping one loses no received
//! message, and sends nothing by halves.
//!
//! # Starting in any order
//!
//! Either side may bind, either may connect, and neither must be first, over inproc too. A
//! connection that is lost is made again. What is sent before the peer is there waits for it, up
//! to the high-water mark, with one exception: a publisher sends to those that have subscribed by
//! then. In place of sleeping in the hope that they have, ask
//! [`wait_subscribed`](Socket::wait_subscribed); where work shall be spread over all workers from
//! the start, [`wait_connected`](Socket::wait_connected).
//!
//! # When a peer does not keep up
//!
//! Each peer has a queue, which ends at the high-water mark: 1000 messages each way by default
//! ([`send_hwm`](Options::send_hwm), [`recv_hwm`](Options::recv_hwm)). What happens then depends
//! on the type: [`Push`], [`Dealer`], [`Req`] and [`Pair`] block when no peer has room; [`Pub`] and
//! [`Router`] leave that peer out and count it in [`snapshot`](Socket::snapshot). The queue of a
//! peer that disconnects goes with it.
//!
//! # What a peer can be asked for
//!
//! Every [`Msg`] that came over tcp or ipc knows its connection: [`meta`](Msg::meta) has the peer's
//! address, its socket type, its routing id and the `X-` properties that it set with
//! [`metadata`](Options::metadata). [`monitor`](Socket::monitor) tells what happens to
//! connections, [`snapshot`](Socket::snapshot) how the queues stand.
//!
//! # Ending
//!
//! Dropping a socket closes it; what it had sent is still delivered, for 5 s by default
//! ([`linger`](Options::linger)). [`Context::shutdown`] makes every waiting call in every thread
//! return [`Error::Terminated`]. Dropping the last reference to a context waits for what lingers.
//!
//! # Differences from libzmq
//!
//! The protocol is the same, and so is the behaviour of the patterns. The defaults are safe where
//! libzmq's are traps: linger, heartbeats, IPv6, message sizes.
//! [doc/options.md](https://github.com/oxmq/oxmq/blob/main/doc/options.md) lists every option with
//! both defaults. Sockets here may be used by several threads at once. A message is sent and
//! received as a whole: there is no flag for "more".
//!
//! # Performance
//!
//! A message of up to a few dozen bytes is stored in place, a larger one given as `Vec<u8>` or
//! [`Msg`] is taken over, and one that is received shares the buffer it was read into: none is
//! copied on its way between [`Message`] and the system. A thread that blocks in
//! [`recv`](Socket::recv) reads the network itself, so that a round trip has no hand-over between
//! threads; async calls leave reading to the I/O thread. Many small messages go in one system call.
//!
//! Requires Rust 1.88 or later, and Linux.
#![forbid(unsafe_code)]

mod context;
mod error;
pub mod kind;
mod options;
mod poller;
mod proxy;
mod routing_id;
mod socket;
mod subscription;

pub use context::{Context, ContextOptions};
pub use error::{SendError, WrongType};
pub use options::Options;
#[doc(inline)]
pub use oxmq_engine::options::{OptionError, OptionFault, SocketOptions};
#[doc(inline)]
pub use oxmq_engine::{
    Drops, Endpoints, Error, Event, EventKind, Interest, Message, Meta, Monitor, Msg, Notifier,
    PeerSnapshot, PeerState, Peers, PollEvent, ProxyEnd, ProxyFlow, ProxyHandle, ProxyStatistics,
    RawOption, Readiness, Result, SocketSnapshot, SocketType, Wait,
};
pub use poller::Poller;
pub use proxy::{Proxy, proxy};
pub use routing_id::RoutingId;
pub use socket::Socket;
pub use subscription::Subscription;

/// A socket of a type that is known at run time only. It has every method; what its type cannot
/// do fails with [`Error::NotSupported`].
pub type AnySocket = Socket<kind::Any>;

/// Talks to one other PAIR socket, both ways, without routing. For two threads, over inproc.
/// Source: RFC 31.
pub type Pair = Socket<kind::Pair>;

/// Publishes to all SUB and XSUB peers that have subscribed to what a message begins with. Never
/// blocks: a peer whose queue is full misses the message. Source: RFC 29.
///
/// ```compile_fail,E0599
/// # let publisher = oxmq::Pub::new(&oxmq::Context::new()).unwrap();
/// publisher.subscribe("news"); // only SUB, XSUB and XPUB can
/// ```
///
/// ```compile_fail,E0599
/// # let publisher = oxmq::Pub::new(&oxmq::Context::new()).unwrap();
/// publisher.recv();
/// ```
pub type Pub = Socket<kind::Pub>;

/// Receives what PUB and XPUB peers publish, as far as it has subscribed to it. Source: RFC 29.
///
/// ```compile_fail,E0599
/// # let subscriber = oxmq::Sub::new(&oxmq::Context::new()).unwrap();
/// subscriber.send("no");
/// ```
pub type Sub = Socket<kind::Sub>;

/// As [`Pub`], and receives the subscriptions of its peers as messages: see [`Subscription`].
/// Source: RFC 29.
pub type XPub = Socket<kind::XPub>;

/// As [`Sub`], but sends subscriptions as messages: see [`Subscription`]. Source: RFC 29.
pub type XSub = Socket<kind::XSub>;

/// Sends a request to one of its REP and ROUTER peers in turn and receives the reply, before the
/// next request. Source: RFC 28.
pub type Req = Socket<kind::Req>;

/// Receives a request and sends the reply, which goes to the asker. Source: RFC 28.
pub type Rep = Socket<kind::Rep>;

/// Sends to its REP, DEALER and ROUTER peers in turn, and receives from all, without lockstep.
/// Source: RFC 28.
///
/// To a REP peer, a message is an empty part and then the request: `dealer.send(["", "hello"])`.
pub type Dealer = Socket<kind::Dealer>;

/// Receives from all peers, and sends to the one that it names: see
/// [`recv_from`](Socket::recv_from) and [`send_to`](Socket::send_to). Source: RFC 28.
///
/// What REQ peers send is an empty part and then the request, and so must the reply be.
pub type Router = Socket<kind::Router>;

/// Spreads messages over its PULL peers, in turn. Source: RFC 30.
///
/// ```compile_fail,E0599
/// # let push = oxmq::Push::new(&oxmq::Context::new()).unwrap();
/// push.recv();
/// ```
pub type Push = Socket<kind::Push>;

/// Receives from its PUSH peers, in turn. Source: RFC 30.
///
/// ```compile_fail,E0599
/// # let pull = oxmq::Pull::new(&oxmq::Context::new()).unwrap();
/// pull.send("no");
/// ```
pub type Pull = Socket<kind::Pull>;

/// Speaks plain TCP to peers that know nothing of ZeroMQ: bytes as they come, with the routing id
/// of the connection. See [`recv_from`](Socket::recv_from) and [`send_to`](Socket::send_to).
pub type Stream = Socket<kind::Stream>;

/// The sending half of a socket that was [split](Socket::split).
pub type SendHalf<K> = Socket<kind::Sending<K>>;

/// The receiving half of a socket that was [split](Socket::split).
pub type RecvHalf<K> = Socket<kind::Receiving<K>>;
