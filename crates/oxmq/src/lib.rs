//! ZeroMQ's messaging patterns in Rust: sockets that carry whole messages between threads,
//! processes and machines, over tcp, ipc and inproc, without a broker.
//!
//! ```
#![doc = include_str!("../examples/hello.rs")]
//! ```
#![forbid(unsafe_code)]

mod context;
mod error;
pub mod kind;
mod options;
mod routing_id;
mod socket;
mod subscription;

pub use context::{Context, ContextOptions};
pub use error::{SendError, WrongType};
pub use options::Options;
pub use oxmq_engine::options::{OptionError, OptionFault, SocketOptions};
pub use oxmq_engine::{
    Drops, Endpoints, Error, Event, EventKind, Message, Meta, Monitor, Msg, PeerSnapshot,
    PeerState, Peers, RawOption, Readiness, Result, SocketSnapshot, SocketType, Wait,
};
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
