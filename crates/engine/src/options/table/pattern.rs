//! Rows that belong to the messaging patterns: subscribing, routing, lockstep and the messages that
//! tell of peers. Constants; any thread may read them.

use oxmq_zmtp::SocketType as T;

use super::super::code;
use super::super::row::{Field, Kind, OptionRow as Row};
use super::super::socket::RouterNotify;
use super::{from_i64, to_i64};

const ANY: usize = usize::MAX;

pub(super) const ROWS: &[Row] = &[
    Row::bytes(code::SUBSCRIBE, "SUBSCRIBE", 0, ANY)
        .set_only()
        .now()
        .only(&[T::Sub, T::XPub])
        .field(Field::Topic)
        .doc(
            "Wants messages that begin with these bytes. On XPUB, with XPUB_MANUAL, grants it to \
              the peer whose subscription was received last.",
        ),
    Row::bytes(code::UNSUBSCRIBE, "UNSUBSCRIBE", 0, ANY)
        .set_only()
        .now()
        .only(&[T::Sub, T::XPub])
        .field(Field::Topic)
        .doc("Takes one SUBSCRIBE of the same bytes back."),
    Row::number(code::INVERT_MATCHING, "INVERT_MATCHING", Kind::Truth, 0)
        .now()
        .acts_on(&[T::Pub, T::XPub, T::Sub])
        .field(Field::Int(|o| o.invert_matching.into(), |o, v| o.invert_matching = v == 1))
        .doc("Messages go where no topic matches; a SUB has to be told as well as its PUB."),
    Row::number(code::XPUB_VERBOSE, "XPUB_VERBOSE", Kind::Flag, 0)
        .set_only()
        .now()
        .only(&[T::XPub, T::Pub])
        .field(Field::Int(
            |o| o.xpub_verbose.into(),
            |o, v| {
                o.xpub_verbose = v == 1;
                o.xpub_verboser = false;
            },
        ))
        .doc(
            "Every subscription is received, also to topics that are known; resets XPUB_VERBOSER.",
        ),
    Row::number(code::XPUB_VERBOSER, "XPUB_VERBOSER", Kind::Flag, 0)
        .set_only()
        .now()
        .only(&[T::XPub, T::Pub])
        .field(Field::Int(
            |o| o.xpub_verboser.into(),
            |o, v| {
                o.xpub_verbose = v == 1;
                o.xpub_verboser = v == 1;
            },
        ))
        .doc("Every subscription and every cancel is received; sets XPUB_VERBOSE to the same."),
    Row::number(code::XPUB_NODROP, "XPUB_NODROP", Kind::Flag, 0)
        .set_only()
        .now()
        .only(&[T::XPub, T::Pub, T::Radio])
        .field(Field::Int(|o| o.xpub_nodrop.into(), |o, v| o.xpub_nodrop = v == 1))
        .doc("A send that a full pipe would lose waits or fails with EAGAIN instead."),
    Row::number(code::XPUB_MANUAL, "XPUB_MANUAL", Kind::Flag, 0)
        .set_only()
        .now()
        .only(&[T::XPub, T::Pub])
        .field(Field::Int(|o| o.xpub_manual.into(), |o, v| o.xpub_manual = v == 1))
        .doc("Subscriptions that are received count only when they are granted by SUBSCRIBE."),
    Row::number(code::XPUB_MANUAL_LAST_VALUE, "XPUB_MANUAL_LAST_VALUE", Kind::Flag, 0)
        .set_only()
        .now()
        .draft()
        .only(&[T::XPub, T::Pub])
        .field(Field::Int(
            |o| o.xpub_manual_last_value.into(),
            |o, v| {
                o.xpub_manual = v == 1;
                o.xpub_manual_last_value = v == 1;
            },
        ))
        .doc("As XPUB_MANUAL, and a message sent after a SUBSCRIBE goes to that peer alone."),
    Row::bytes(code::XPUB_WELCOME_MSG, "XPUB_WELCOME_MSG", 0, ANY)
        .set_only()
        .only(&[T::XPub, T::Pub])
        .field(Field::Bytes(|o| &o.xpub_welcome_msg, |o, v| o.xpub_welcome_msg = v.to_vec()))
        .doc("The first message to each new subscriber that is subscribed to it; empty is none."),
    Row::number(code::XSUB_VERBOSE_UNSUBSCRIBE, "XSUB_VERBOSE_UNSUBSCRIBE", Kind::Flag, 0)
        .set_only()
        .now()
        .draft()
        .only(&[T::XSub])
        .field(Field::Int(
            |o| o.xsub_verbose_unsubscribe.into(),
            |o, v| o.xsub_verbose_unsubscribe = v == 1,
        ))
        .doc("Every cancel is sent upstream, not only the last of a topic."),
    Row::number(code::ONLY_FIRST_SUBSCRIBE, "ONLY_FIRST_SUBSCRIBE", Kind::Flag, 0)
        .set_only()
        .now()
        .draft()
        .only(&[T::XPub, T::Pub, T::XSub])
        .field(Field::Int(
            |o| o.only_first_subscribe.into(),
            |o, v| o.only_first_subscribe = v == 1,
        ))
        .doc("Only the first part of a message can be a subscription or cancel."),
    Row::int(code::TOPICS_COUNT, "TOPICS_COUNT", (0, i32::MAX), 0)
        .unit("topics")
        .draft()
        .only(&[T::Pub, T::Sub, T::XPub, T::XSub])
        .engine()
        .doc("How many different topics are subscribed to."),
    Row::number(0, "SUBSCRIPTIONS_MAX", Kind::I64 { min: -1 }, -1)
        .unit("topics")
        .oxmq_only()
        .acts_on(&[T::Pub, T::XPub, T::Radio])
        .safe(100_000, "A subscriber must not decide how much memory its publisher takes.")
        .field(Field::I64(
            |o| to_i64(o.subscriptions_max.map(|topics| topics as u64)),
            |o, v| {
                o.subscriptions_max = from_i64(v).and_then(|topics| usize::try_from(topics).ok());
            },
        ))
        .doc(
            "Topics or groups of one peer; it is disconnected beyond, and -1 is no limit. Memory: \
              about 60 bytes a topic for each peer, 160 at worst.",
        ),
    Row::number(0, "SUBSCRIPTION_BYTES_MAX", Kind::I64 { min: -1 }, -1)
        .unit("bytes")
        .oxmq_only()
        .acts_on(&[T::Pub, T::XPub, T::Radio])
        .safe(16 << 20, "A few very long topics cost as much as many.")
        .field(Field::I64(
            |o| to_i64(o.subscription_bytes_max),
            |o, v| o.subscription_bytes_max = from_i64(v),
        ))
        .doc(
            "Lengths of one peer's topics or groups taken together; it is disconnected beyond, and \
              -1 is no limit. Memory: half as much again for each peer.",
        ),
    Row::number(code::ROUTER_MANDATORY, "ROUTER_MANDATORY", Kind::Flag, 0)
        .set_only()
        .now()
        .only(&[T::Router, T::Rep])
        .field(Field::Int(|o| o.router_mandatory.into(), |o, v| o.router_mandatory = v == 1))
        .doc(
            "Sending to an unknown peer fails with EHOSTUNREACH, and to a full one waits, instead \
              of dropping the message.",
        ),
    Row::number(code::ROUTER_HANDOVER, "ROUTER_HANDOVER", Kind::Flag, 0)
        .set_only()
        .now()
        .only(&[T::Router, T::Rep])
        .field(Field::Int(|o| o.router_handover.into(), |o, v| o.router_handover = v == 1))
        .doc("A peer with a routing id that is taken takes it over, instead of being refused."),
    Row::number(code::ROUTER_RAW, "ROUTER_RAW", Kind::Flag, 0)
        .set_only()
        .only(&[T::Router, T::Rep])
        .field(Field::Int(|o| o.router_raw.into(), |o, v| o.router_raw = v == 1))
        .doc("Speaks plain TCP instead of ZMTP, as STREAM does."),
    Row::int(code::ROUTER_NOTIFY, "ROUTER_NOTIFY", (0, 3), 0)
        .unit("bit set")
        .draft()
        .only(&[T::Router])
        .reads_everywhere()
        .field(Field::Int(
            |o| i32::from(o.router_notify.connect) | i32::from(o.router_notify.disconnect) << 1,
            |o, v| {
                o.router_notify = RouterNotify { connect: v & 1 != 0, disconnect: v & 2 != 0 };
            },
        ))
        .doc("Peer events that arrive as a routing id and an empty part: 1 connect, 2 disconnect."),
    Row::bytes(code::CONNECT_ROUTING_ID, "CONNECT_ROUTING_ID", 1, 255)
        .set_only()
        .only(&[T::Router, T::Rep, T::Stream])
        .field(Field::Parsed(|o, value| {
            o.connect_routing_id = Some(value.to_vec());
            Ok(())
        }))
        .doc("The routing id for the peer of the next connect, and of that one only."),
    Row::number(code::PROBE_ROUTER, "PROBE_ROUTER", Kind::Flag, 0)
        .set_only()
        .only(&[T::Router, T::Rep, T::Dealer, T::Req])
        .field(Field::Int(|o| o.probe_router.into(), |o, v| o.probe_router = v == 1))
        .doc("Opens each new connection with an empty message, so that a ROUTER knows us."),
    Row::number(code::REQ_CORRELATE, "REQ_CORRELATE", Kind::Flag, 0)
        .set_only()
        .now()
        .only(&[T::Req])
        .field(Field::Int(|o| o.req_correlate.into(), |o, v| o.req_correlate = v == 1))
        .doc("Numbers each request and takes only the reply with its number."),
    Row::number(code::REQ_RELAXED, "REQ_RELAXED", Kind::Flag, 0)
        .set_only()
        .now()
        .only(&[T::Req])
        .field(Field::Int(|o| o.req_relaxed.into(), |o, v| o.req_relaxed = v == 1))
        .doc("A further request may be sent before the reply, which is then no longer awaited."),
    Row::number(code::STREAM_NOTIFY, "STREAM_NOTIFY", Kind::Bool, 1)
        .set_only()
        .now()
        .only(&[T::Stream])
        .field(Field::Int(|o| o.stream_notify.into(), |o, v| o.stream_notify = v == 1))
        .doc("Connecting and disconnecting arrive as a routing id and an empty part."),
    Row::bytes(code::HELLO_MSG, "HELLO_MSG", 0, ANY)
        .set_only()
        .draft()
        .acts_on(&[T::Router, T::Dealer, T::Client, T::Server, T::Peer])
        .field(Field::Bytes(|o| &o.hello_msg, |o, v| o.hello_msg = v.to_vec()))
        .doc("Sent to each new peer; empty is none."),
    Row::bytes(code::DISCONNECT_MSG, "DISCONNECT_MSG", 0, ANY)
        .set_only()
        .draft()
        .acts_on(&[T::Router, T::Server, T::Peer])
        .field(Field::Bytes(|o| &o.disconnect_msg, |o, v| o.disconnect_msg = v.to_vec()))
        .doc("Received, as if from the peer, when a peer goes; empty is none."),
    Row::bytes(code::HICCUP_MSG, "HICCUP_MSG", 0, ANY)
        .set_only()
        .draft()
        .acts_on(&[T::Dealer, T::Client, T::Peer])
        .field(Field::Bytes(|o| &o.hiccup_msg, |o, v| o.hiccup_msg = v.to_vec()))
        .doc("Received when a connection was lost and is sought again; empty is none."),
];
