//! ZeroMQ's messaging patterns in Rust: sockets that carry whole messages between threads,
//! processes and machines, over tcp, ipc, WebSockets and inproc, without a broker.
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
//! | client and server | [`Client`], [`Server`] | one server gets it; back by number |
//! | groups | [`Radio`], [`Dish`] | every member of the group gets it, over udp multicast too |
//! | scatter and gather | [`Scatter`], [`Gather`] | one worker gets it |
//! | equals | [`Peer`] | the peer of that number gets it |
//! | channel | [`Channel`] | the one peer gets it |
//! | plain UDP | [`Dgram`] | datagrams to and from any program |
//!
//! Messages of the five patterns from client and server to channel have a single part. libzmq has
//! these types, and plain UDP, in its draft interface.
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
//! # Security
//!
//! Sockets speak to anybody unless they are told otherwise. With CURVE
//! ([`curve_server`](Options::curve_server), [`curve_client`](Options::curve_client)) both ends
//! know each other by their keys, and traffic is encrypted; with PLAIN
//! ([`plain_server`](Options::plain_server)) the client shows a password in clear text. A server of
//! either lets nobody in but those on an [`AllowList`], which can be changed while it runs, or whom
//! a [`ZapHandler`] accepts. A refused client's calls fail with [`Error::Refused`]; the
//! [`monitor`](Socket::monitor) tells of refusals on both sides. [`write_key_files`] and
//! [`read_key_pair`] keep keys, in the form that other libraries have, too; `oxmq keygen` makes
//! them.
//!
//! # Durability
//!
//! A socket with a name and a store ([`durable`](Options::durable)) outlives its process: what it
//! has sent, and what it has received and not acknowledged, is on disk, and a socket of the same
//! name goes on with it after a restart. [doc/durable.md] says what is guaranteed towards which
//! peers.
//!
//! ```
//! use oxmq::{Context, Pull, Push};
//!
//! let store = std::env::temp_dir().join(format!("oxmq-doc-{}", std::process::id()));
//! let send = |context: &Context| -> oxmq::Result<Push> {
//!     let push = Push::with_options(context, |o| o.durable("jobs", &store))?;
//!     push.bind("ipc://@oxmq-doc-durable")?;
//!     Ok(push)
//! };
//! // A process that ends before anybody takes what it sent...
//! send(&Context::new())?.send("a job")?;
//! // ... and the next one, which sends nothing.
//! let context = Context::new();
//! let push = send(&context)?;
//! let pull = Pull::new(&context)?;
//! pull.connect("ipc://@oxmq-doc-durable")?;
//! assert_eq!(pull.recv()?, ["a job"]);
//! # drop(push);
//! # std::fs::remove_dir_all(&store)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Any socket given a directory ([`spill_dir`](Options::spill_dir)) keeps what does not fit in
//! memory on disk.
//!
//! [doc/durable.md]: https://github.com/oxmq/oxmq/blob/main/doc/durable.md
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
pub mod journal;
pub mod kind;
mod options;
mod peer_id;
mod poller;
mod proxy;
mod routing_id;
mod security;
mod socket;
mod subscription;

pub use context::{Context, ContextOptions};
pub use error::{SendError, WrongType};
pub use options::Options;
#[doc(inline)]
pub use oxmq_engine::GroupError;
#[doc(inline)]
pub use oxmq_engine::options::{
    AckMode, DurableOptions, Keep, OptionError, OptionFault, SocketOptions, SyncPolicy,
};
#[doc(inline)]
pub use oxmq_engine::{
    AllowList, CurveKeyPair, CurvePublicKey as PublicKey, CurveSecretKey as SecretKey, Delivery,
    Drops, DurableStart, DurableStatus, Endpoints, Error, Event, EventKind, Interest, Message,
    Meta, Monitor, Msg, Notifier, PeerSnapshot, PeerState, Peers, PollEvent, Position, ProxyEnd,
    ProxyFlow, ProxyHandle, ProxyStatistics, RawOption, Readiness, Result, SocketSnapshot,
    SocketType, Wait,
};
pub use peer_id::PeerId;
pub use poller::Poller;
pub use proxy::{Proxy, proxy};
pub use routing_id::RoutingId;
pub use security::{
    KeyFileError, Verdict, ZapHandler, ZapQuestion, curve_keypair, public_key_from_z85,
    public_key_to_z85, read_allow_list, read_key_pair, read_public_key, write_key_files,
};
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

/// Sends requests to its SERVER peers in turn and receives any number of replies, without
/// lockstep. A message has a single part. Source: RFC 41.
///
/// ```
/// use oxmq::{Client, Context, Error, Server};
///
/// let context = Context::new();
/// let (server, client) = (Server::new(&context)?, Client::new(&context)?);
/// client.connect(&server.bind("ipc://*")?)?;
/// client.send("one part")?;
/// assert_eq!(server.recv_peer()?.1, "one part");
/// let refused = client.send(["two", "parts"]).unwrap_err();
/// assert!(matches!(refused.error(), Error::InvalidMessage { .. }));
/// # Ok::<(), Error>(())
/// ```
pub type Client = Socket<kind::Client>;

/// Receives from its CLIENT peers, and sends to the one that it names by its number: see
/// [`recv_peer`](Socket::recv_peer) and [`send_peer`](Socket::send_peer). A message has a single
/// part. Source: RFC 41.
pub type Server = Socket<kind::Server>;

/// Sends to groups: see [`send_group`](Socket::send_group). Never blocks: a DISH whose queue is
/// full misses the message. A message has a single part. Source: RFC 48.
///
/// ```compile_fail,E0599
/// # let radio = oxmq::Radio::new(&oxmq::Context::new()).unwrap();
/// radio.recv();
/// ```
pub type Radio = Socket<kind::Radio>;

/// Receives what RADIO peers send to the groups that it has [joined](Socket::join), over udp too.
/// [`Msg::group`] tells which. Source: RFC 48.
///
/// ```
/// use oxmq::{Context, Dish, Radio};
///
/// let context = Context::new();
/// let (radio, dish) = (Radio::new(&context)?, Dish::new(&context)?);
/// radio.connect(&dish.bind("udp://127.0.0.1:*")?)?;
/// dish.join("weather")?;
/// radio.send_group("weather", "rain")?;
/// assert_eq!(dish.recv()?, ["rain"]);
/// # Ok::<(), oxmq::Error>(())
/// ```
pub type Dish = Socket<kind::Dish>;

/// As [`Push`], with messages of a single part. Source: RFC 49.
///
/// ```
/// use oxmq::{Context, Gather, Scatter};
///
/// let context = Context::new();
/// let (gather, scatter) = (Gather::new(&context)?, Scatter::new(&context)?);
/// scatter.connect(&gather.bind("tcp://127.0.0.1:*")?)?;
/// scatter.send("work")?;
/// assert_eq!(gather.recv()?, ["work"]);
/// # Ok::<(), oxmq::Error>(())
/// ```
pub type Scatter = Socket<kind::Scatter>;

/// As [`Pull`], with messages of a single part. Source: RFC 49.
pub type Gather = Socket<kind::Gather>;

/// Talks to any number of other PEER sockets, which it names by their numbers: see
/// [`connect_peer`](Socket::connect_peer), [`recv_peer`](Socket::recv_peer) and
/// [`send_peer`](Socket::send_peer). A message has a single part. Source: RFC 51.
pub type Peer = Socket<kind::Peer>;

/// As [`Pair`], with messages of a single part. Source: RFC 52.
///
/// ```
/// use oxmq::{Channel, Context};
///
/// let context = Context::new();
/// let (one, other) = (Channel::new(&context)?, Channel::new(&context)?);
/// one.bind("inproc://channel")?;
/// other.connect("inproc://channel")?;
/// other.send("hello")?;
/// assert_eq!(one.recv()?, ["hello"]);
/// # Ok::<(), oxmq::Error>(())
/// ```
pub type Channel = Socket<kind::Channel>;

/// Speaks plain UDP: datagrams with the address they come from or go to. See
/// [`send_datagram`](Socket::send_datagram) and [`recv_datagram`](Socket::recv_datagram).
pub type Dgram = Socket<kind::Dgram>;

/// The sending half of a socket that was [split](Socket::split).
pub type SendHalf<K> = Socket<kind::Sending<K>>;

/// The receiving half of a socket that was [split](Socket::split).
pub type RecvHalf<K> = Socket<kind::Receiving<K>>;
