//! What tells socket types apart at compile time: one marker for each, and the traits that say
//! what it can do. Markers are never values; nothing here runs.
//!
//! The traits are sealed. Generic code asks for what it needs:
//!
//! ```
//! use oxmq::kind::Sends;
//! use oxmq::{Context, Pair, SendError, Socket};
//!
//! fn greet<K: Sends>(socket: &Socket<K>) -> Result<(), SendError> {
//!     socket.send("hello")
//! }
//!
//! let context = Context::new();
//! let (one, other) = (Pair::new(&context)?, Pair::new(&context)?);
//! one.bind("inproc://greet")?;
//! other.connect("inproc://greet")?;
//! greet(&one)?;
//! assert_eq!(other.recv()?, ["hello"]);
//! # Ok::<(), oxmq::Error>(())
//! ```

use std::marker::PhantomData;

use oxmq_engine::SocketType;

mod sealed {
    pub trait Sealed: 'static {}
}

use sealed::Sealed;

/// Every kind of socket: one of the twenty-one types, a half of one, or any.
pub trait Kind: Sealed + Send + Sync {
    /// The type, where the kind has only one.
    const TYPE: Option<SocketType>;
}

/// Kinds of one socket type, which `new` can make.
pub trait Typed: Kind {}

/// Kinds that can send messages.
pub trait Sends: Kind {}

/// Kinds that can receive messages.
pub trait Receives: Kind {}

/// Kinds that name each peer by a routing id: ROUTER and STREAM.
pub trait Routes: Kind {}

/// Kinds that number their peers: SERVER and PEER.
pub trait Numbers: Kind {}

/// Kinds that join groups: DISH.
pub trait Joins: Kind {}

/// Kinds that subscribe: SUB and XSUB, and XPUB in manual mode on behalf of a subscriber.
pub trait Subscribes: Kind {}

/// Kinds that know their subscribers: PUB and XPUB; and RADIO, those that have joined a group.
pub trait Publishes: Kind {}

/// Kinds that tell their peers a routing id: REQ, REP, DEALER and ROUTER.
pub trait Named: Kind {}

/// Kinds that can be split into a sending and a receiving half.
pub trait Splits: Sends + Receives {}

/// Kinds that a message can be kept whole by its last value only (the `conflate` option).
pub trait Conflates: Kind {}

/// Kinds that can be durable: those of the pipeline, of publishing and subscribing, and of requests
/// and replies.
pub trait Durable: Kind {}

/// Kinds whose queues can go to disk.
pub trait Spills: Kind {}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $($can:ident)+;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}
        impl Sealed for $name {}
        impl Kind for $name {
            const TYPE: Option<SocketType> = Some(SocketType::$name);
        }
        $(impl $can for $name {})+
    )+};
}

kinds! {
    /// Exclusive pair.
    Pair: Typed Sends Receives Splits;
    /// Publisher.
    Pub: Typed Sends Publishes Conflates Durable Spills;
    /// Subscriber.
    Sub: Typed Receives Subscribes Conflates Durable Spills;
    /// Publisher that receives subscriptions.
    XPub: Typed Sends Receives Publishes Subscribes Splits Durable Spills;
    /// Subscriber that sends subscriptions.
    XSub: Typed Sends Receives Subscribes Splits Durable Spills;
    /// Requester in lockstep.
    Req: Typed Sends Receives Named Durable;
    /// Replier in lockstep.
    Rep: Typed Sends Receives Named Durable;
    /// Asynchronous requester.
    Dealer: Typed Sends Receives Named Splits Conflates Durable Spills;
    /// Asynchronous replier.
    Router: Typed Sends Receives Named Routes Splits Durable;
    /// Sending end of a pipeline.
    Push: Typed Sends Conflates Durable Spills;
    /// Receiving end of a pipeline.
    Pull: Typed Receives Conflates Durable Spills;
    /// Plain TCP.
    Stream: Typed Sends Receives Routes Splits;
    /// Requester of single-part messages.
    Client: Typed Sends Receives Splits;
    /// Replier of single-part messages.
    Server: Typed Sends Receives Numbers Splits;
    /// Sender to groups.
    Radio: Typed Sends Publishes;
    /// Member of groups.
    Dish: Typed Receives Joins;
    /// Sending end of a pipeline of single-part messages.
    Scatter: Typed Sends;
    /// Receiving end of a pipeline of single-part messages.
    Gather: Typed Receives;
    /// Plain UDP.
    Dgram: Typed Sends Receives;
    /// Peer of equals.
    Peer: Typed Sends Receives Numbers Splits;
    /// Exclusive pair with single-part messages.
    Channel: Typed Sends Receives Splits;
}

/// Any type, known at run time only. What the socket's type cannot do fails with
/// [`Error::NotSupported`](crate::Error::NotSupported).
#[derive(Clone, Copy, Debug)]
pub enum Any {}

impl Sealed for Any {}
impl Kind for Any {
    const TYPE: Option<SocketType> = None;
}
impl Sends for Any {}
impl Receives for Any {}
impl Routes for Any {}
impl Numbers for Any {}
impl Joins for Any {}
impl Subscribes for Any {}
impl Publishes for Any {}
impl Named for Any {}
impl Splits for Any {}
impl Conflates for Any {}
impl Durable for Any {}
impl Spills for Any {}

/// The sending half of a split socket.
#[derive(Debug)]
pub struct Sending<K>(PhantomData<K>);

/// The receiving half of a split socket.
#[derive(Debug)]
pub struct Receiving<K>(PhantomData<K>);

impl<K: Splits> Sealed for Sending<K> {}
impl<K: Splits> Kind for Sending<K> {
    const TYPE: Option<SocketType> = K::TYPE;
}
impl<K: Splits> Sends for Sending<K> {}
impl<K: Splits + Routes> Routes for Sending<K> {}
impl<K: Splits + Numbers> Numbers for Sending<K> {}
impl<K: Splits + Publishes> Publishes for Sending<K> {}
impl<K: Splits + Durable> Durable for Sending<K> {}

impl<K: Splits> Sealed for Receiving<K> {}
impl<K: Splits> Kind for Receiving<K> {
    const TYPE: Option<SocketType> = K::TYPE;
}
impl<K: Splits> Receives for Receiving<K> {}
impl<K: Splits + Routes> Routes for Receiving<K> {}
impl<K: Splits + Numbers> Numbers for Receiving<K> {}
impl<K: Splits + Durable> Durable for Receiving<K> {}
