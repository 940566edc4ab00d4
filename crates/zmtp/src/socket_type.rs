//! Socket types: their numbers, their names on the wire and which of them may talk to each other.
//!
//! A `SocketType` is a plain value; it may be used from any thread.

use std::fmt;

/// A ZeroMQ socket type, numbered as in the C API.
///
/// `Stream` and `Dgram` carry no ZMTP, so they have no peer here and their names never appear on
/// the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum SocketType {
    /// Exclusive pair (RFC 31).
    Pair = 0,
    /// Publisher (RFC 29).
    Pub = 1,
    /// Subscriber (RFC 29).
    Sub = 2,
    /// Requester in lockstep (RFC 28).
    Req = 3,
    /// Replier in lockstep (RFC 28).
    Rep = 4,
    /// Asynchronous requester (RFC 28).
    Dealer = 5,
    /// Asynchronous replier that addresses peers by routing id (RFC 28).
    Router = 6,
    /// Receiving end of a pipeline (RFC 30).
    Pull = 7,
    /// Sending end of a pipeline (RFC 30).
    Push = 8,
    /// Publisher that sees subscriptions (RFC 29).
    XPub = 9,
    /// Subscriber that sends subscriptions as messages (RFC 29).
    XSub = 10,
    /// Raw TCP; speaks no ZMTP.
    Stream = 11,
    /// Replier of single-part messages (RFC 41).
    Server = 12,
    /// Requester of single-part messages (RFC 41).
    Client = 13,
    /// Sender to groups (RFC 48).
    Radio = 14,
    /// Member of groups (RFC 48).
    Dish = 15,
    /// Receiver of single-part messages from many (RFC 49).
    Gather = 16,
    /// Sender of single-part messages to many (RFC 49).
    Scatter = 17,
    /// Raw UDP; speaks no ZMTP.
    Dgram = 18,
    /// Peer to peer (RFC 51).
    Peer = 19,
    /// Exclusive pair of single-part messages (RFC 52).
    Channel = 20,
}

impl SocketType {
    /// Every socket type, in the order of their numbers.
    pub const ALL: [SocketType; 21] = [
        SocketType::Pair,
        SocketType::Pub,
        SocketType::Sub,
        SocketType::Req,
        SocketType::Rep,
        SocketType::Dealer,
        SocketType::Router,
        SocketType::Pull,
        SocketType::Push,
        SocketType::XPub,
        SocketType::XSub,
        SocketType::Stream,
        SocketType::Server,
        SocketType::Client,
        SocketType::Radio,
        SocketType::Dish,
        SocketType::Gather,
        SocketType::Scatter,
        SocketType::Dgram,
        SocketType::Peer,
        SocketType::Channel,
    ];

    /// The type that the C API numbers `code`, if there is one.
    pub fn from_code(code: i32) -> Option<SocketType> {
        usize::try_from(code).ok().and_then(|index| Self::ALL.get(index)).copied()
    }

    /// The number of the C API, 0 to 20.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The type that a peer announces as `name` in its Socket-Type property.
    ///
    /// The names are those of RFC 37 §The Socket-Type Property, in capitals. `STREAM` and `DGRAM`
    /// are not among them.
    pub fn from_name(name: &[u8]) -> Option<SocketType> {
        Self::ALL.into_iter().find(|kind| kind.speaks_zmtp() && kind.name().as_bytes() == name)
    }

    /// The name in capitals, as the Socket-Type property carries it.
    pub const fn name(self) -> &'static str {
        match self {
            SocketType::Pair => "PAIR",
            SocketType::Pub => "PUB",
            SocketType::Sub => "SUB",
            SocketType::Req => "REQ",
            SocketType::Rep => "REP",
            SocketType::Dealer => "DEALER",
            SocketType::Router => "ROUTER",
            SocketType::Pull => "PULL",
            SocketType::Push => "PUSH",
            SocketType::XPub => "XPUB",
            SocketType::XSub => "XSUB",
            SocketType::Stream => "STREAM",
            SocketType::Server => "SERVER",
            SocketType::Client => "CLIENT",
            SocketType::Radio => "RADIO",
            SocketType::Dish => "DISH",
            SocketType::Gather => "GATHER",
            SocketType::Scatter => "SCATTER",
            SocketType::Dgram => "DGRAM",
            SocketType::Peer => "PEER",
            SocketType::Channel => "CHANNEL",
        }
    }

    /// Whether a socket of this type may talk to a peer of type `peer`.
    ///
    /// The relation is symmetric: RFC 37 §The Socket-Type Property draws it as a table.
    pub const fn accepts(self, peer: SocketType) -> bool {
        use SocketType as T;
        matches!(
            (self, peer),
            (T::Pair, T::Pair)
                | (T::Pub | T::XPub, T::Sub | T::XSub)
                | (T::Sub | T::XSub, T::Pub | T::XPub)
                | (T::Req, T::Rep | T::Router)
                | (T::Rep, T::Req | T::Dealer)
                | (T::Dealer, T::Rep | T::Dealer | T::Router)
                | (T::Router, T::Req | T::Dealer | T::Router)
                | (T::Pull, T::Push)
                | (T::Push, T::Pull)
                | (T::Server, T::Client)
                | (T::Client, T::Server)
                | (T::Radio, T::Dish)
                | (T::Dish, T::Radio)
                | (T::Gather, T::Scatter)
                | (T::Scatter, T::Gather)
                | (T::Peer, T::Peer)
                | (T::Channel, T::Channel)
        )
    }

    /// Whether this type announces its routing id to a peer: REQ, DEALER and ROUTER do
    /// (RFC 37 §The Identity Property). From every other type the property is ignored.
    pub const fn sends_routing_id(self) -> bool {
        matches!(self, SocketType::Req | SocketType::Dealer | SocketType::Router)
    }

    /// Whether the C API calls the type thread-safe (`ZMQ_THREAD_SAFE`): CLIENT, SERVER, RADIO,
    /// DISH, SCATTER, GATHER, PEER and CHANNEL. Their messages have a single part. RFC 41, 48, 49,
    /// 51, 52.
    pub const fn is_thread_safe(self) -> bool {
        use SocketType as T;
        matches!(
            self,
            T::Server
                | T::Client
                | T::Radio
                | T::Dish
                | T::Gather
                | T::Scatter
                | T::Peer
                | T::Channel
        )
    }

    /// Whether the type uses ZMTP at all; STREAM and DGRAM do not.
    pub const fn speaks_zmtp(self) -> bool {
        !matches!(self, SocketType::Stream | SocketType::Dgram)
    }

    /// The octet that announces this type to a ZMTP 2.0 peer, if 2.0 knows the type.
    // RFC 15 §Publish-Subscribe: XPUB and XSUB are PUB and SUB at the protocol level.
    pub(crate) const fn v2_code(self) -> Option<u8> {
        match self {
            SocketType::XPub => Some(SocketType::Pub.code()),
            SocketType::XSub => Some(SocketType::Sub.code()),
            other if other.code() <= SocketType::Push.code() => Some(other.code()),
            _ => None,
        }
    }

    /// The type that a ZMTP 2.0 peer announces with `code`. RFC 15 stops at PUSH (8); the XPUB and
    /// XSUB sockets of libzmq 3.2 announce 9 and 10 all the same.
    pub(crate) fn from_v2_code(code: u8) -> Option<SocketType> {
        Self::from_code(i32::from(code)).filter(|kind| kind.code() <= SocketType::XSub.code())
    }
}

impl fmt::Display for SocketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
