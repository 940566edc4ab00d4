//! Options of single patterns: publishing and subscribing, routing, requests, STREAM.

use oxmq_engine::options::code;

use super::Options;
use crate::kind::{
    Any, Client, Dealer, Dgram, Dish, Peer, Pub, Publishes, Radio, Req, Router, Server, Stream,
    Sub, XPub, XSub,
};

/// The same setters for several kinds, which no trait of `kind` has together.
macro_rules! setters_of {
    ($($kind:ident)+ => $setters:tt) => {
        $(setters_of! { @one $kind $setters })+
    };
    (@one $kind:ident { $($setters:tt)+ }) => {
        impl Options<$kind> {
            $($setters)+
        }
    };
}

impl<K: Publishes> Options<K> {
    /// The most topics one peer may subscribe to; it is disconnected beyond. `None` is no limit.
    /// Default 100000; libzmq has no such option.
    ///
    /// Memory cost: about 60 bytes a topic for each peer, 160 at worst.
    pub fn subscriptions_max(&mut self, topics: impl Into<Option<usize>>) -> &mut Self {
        let topics = topics.into();
        self.field("SUBSCRIPTIONS_MAX", move |o| o.subscriptions_max = topics)
    }

    /// The most bytes of one peer's topics taken together; it is disconnected beyond. `None` is
    /// no limit. Default 16 MiB; libzmq has no such option.
    ///
    /// Memory cost: half as much again for each peer.
    pub fn subscription_bytes_max(&mut self, bytes: impl Into<Option<u64>>) -> &mut Self {
        let bytes = bytes.into();
        self.field("SUBSCRIPTION_BYTES_MAX", move |o| o.subscription_bytes_max = bytes)
    }

    /// Whether sending blocks while a subscriber's queue is full, in place of leaving that
    /// subscriber out. Default false. Counts at once.
    pub fn xpub_nodrop(&mut self, on: bool) -> &mut Self {
        self.flag(code::XPUB_NODROP, on)
    }
}

setters_of! {
    Pub Sub XPub Any => {
        /// Whether messages go where no topic matches, in place of where one does. Publisher and
        /// subscriber must agree. Default false. Counts at once.
        pub fn invert_matching(&mut self, on: bool) -> &mut Self {
            self.flag(code::INVERT_MATCHING, on)
        }
    }
}

setters_of! {
    XPub Any => {
        /// Whether every subscription is received, also to a topic that a peer has subscribed to
        /// already. Default false. Resets `xpub_verboser`. Counts at once.
        pub fn xpub_verbose(&mut self, on: bool) -> &mut Self {
            self.flag(code::XPUB_VERBOSE, on)
        }

        /// Whether every subscription and every cancel is received, not only the first and the last
        /// to a topic. Default false. Counts at once.
        pub fn xpub_verboser(&mut self, on: bool) -> &mut Self {
            self.flag(code::XPUB_VERBOSER, on)
        }

        /// Whether the application decides on subscriptions: it receives each and answers with
        /// [`subscribe`](crate::Socket::subscribe), or not. Default false. Counts at once.
        pub fn xpub_manual(&mut self, on: bool) -> &mut Self {
            self.flag(code::XPUB_MANUAL, on)
        }

        /// As `xpub_manual`, and the first message sent after a subscription was received goes to
        /// that subscriber only. Default false. Counts at once.
        pub fn xpub_manual_last_value(&mut self, on: bool) -> &mut Self {
            self.flag(code::XPUB_MANUAL_LAST_VALUE, on)
        }

        /// The first message to each new subscriber; empty, the default, is none.
        pub fn xpub_welcome_msg(&mut self, message: &[u8]) -> &mut Self {
            self.raw(code::XPUB_WELCOME_MSG, message)
        }
    }
}

setters_of! {
    XSub Any => {
        /// Whether every cancel is sent to publishers, not only the last to a topic. Default false.
        /// Counts at once.
        pub fn xsub_verbose_unsubscribe(&mut self, on: bool) -> &mut Self {
            self.flag(code::XSUB_VERBOSE_UNSUBSCRIBE, on)
        }
    }
}

setters_of! {
    XPub XSub Any => {
        /// Whether only the first part of a message can be a subscription. Default false. Counts at
        /// once.
        pub fn only_first_subscribe(&mut self, on: bool) -> &mut Self {
            self.flag(code::ONLY_FIRST_SUBSCRIBE, on)
        }
    }
}

setters_of! {
    Router Any => {
        /// Whether sending to a peer that is not there fails, and sending to one whose queue is
        /// full blocks; else both drop the message. Default false. Counts at once.
        pub fn router_mandatory(&mut self, on: bool) -> &mut Self {
            self.flag(code::ROUTER_MANDATORY, on)
        }

        /// Whether a peer whose routing id is taken takes it over, in place of being refused.
        /// Default false. Counts at once.
        pub fn router_handover(&mut self, on: bool) -> &mut Self {
            self.flag(code::ROUTER_HANDOVER, on)
        }

        /// Whether the socket speaks plain TCP, as STREAM does. Default false.
        pub fn router_raw(&mut self, on: bool) -> &mut Self {
            self.flag(code::ROUTER_RAW, on)
        }

        /// Whether a peer that connects is told by an empty message from it. Default false.
        pub fn router_notify_connect(&mut self, on: bool) -> &mut Self {
            self.field("ROUTER_NOTIFY", move |o| o.router_notify.connect = on)
        }

        /// Whether a peer that disconnects is told by an empty message from it. Default false.
        pub fn router_notify_disconnect(&mut self, on: bool) -> &mut Self {
            self.field("ROUTER_NOTIFY", move |o| o.router_notify.disconnect = on)
        }
    }
}

setters_of! {
    Router Stream Any => {
        /// The routing id for the peer of the next connect, and of that one only: 1 to 255 bytes.
        pub fn connect_routing_id(&mut self, id: &[u8]) -> &mut Self {
            self.raw(code::CONNECT_ROUTING_ID, id)
        }
    }
}

setters_of! {
    Router Dealer Req Any => {
        /// Whether each new connection is opened with an empty message, so that a ROUTER there
        /// knows of it. Default false.
        pub fn probe_router(&mut self, on: bool) -> &mut Self {
            self.flag(code::PROBE_ROUTER, on)
        }
    }
}

setters_of! {
    Dealer Client Peer Any => {
        /// Received when a connection was lost and is sought again; empty, the default, is nothing.
        pub fn hiccup_msg(&mut self, message: &[u8]) -> &mut Self {
            self.raw(code::HICCUP_MSG, message)
        }
    }
}

setters_of! {
    Req Any => {
        /// Whether requests are numbered, and only the reply with the number of the last is taken.
        /// Default false. Counts at once.
        pub fn req_correlate(&mut self, on: bool) -> &mut Self {
            self.flag(code::REQ_CORRELATE, on)
        }

        /// Whether a further request may be sent before the reply, which is then no longer waited
        /// for. Default false. Counts at once. Wants `req_correlate` too, so that a late reply is
        /// not taken for that of the new request.
        pub fn req_relaxed(&mut self, on: bool) -> &mut Self {
            self.flag(code::REQ_RELAXED, on)
        }
    }
}

setters_of! {
    Stream Any => {
        /// Whether a peer that connects, and one that disconnects, is told by an empty message from
        /// it. Default true. Counts at once.
        pub fn stream_notify(&mut self, on: bool) -> &mut Self {
            self.flag(code::STREAM_NOTIFY, on)
        }
    }
}

setters_of! {
    Router Server Peer Any => {
        /// Received, as if from the peer, when a peer has gone; empty, the default, is nothing.
        pub fn disconnect_msg(&mut self, message: &[u8]) -> &mut Self {
            self.raw(code::DISCONNECT_MSG, message)
        }
    }
}

setters_of! {
    Radio Dish Dgram Any => {
        /// How many networks udp multicast may cross, at least 1; more than 255 counts as 255.
        /// Default 1.
        pub fn multicast_hops(&mut self, hops: u32) -> &mut Self {
            self.int(code::MULTICAST_HOPS, i32::try_from(hops).unwrap_or(i32::MAX))
        }

        /// Whether this machine receives the udp multicast that it sends. Default true.
        pub fn multicast_loop(&mut self, on: bool) -> &mut Self {
            self.flag(code::MULTICAST_LOOP, on)
        }
    }
}
