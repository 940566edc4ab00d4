//! Options of queues, time, reconnecting, heartbeats and limits, which most sockets have.

use std::time::Duration;

use oxmq_engine::options::{OptionFault, code};

use super::{Options, positive};
use crate::kind::{Conflates, Kind, Named, Receives, Sends};

impl<K: Sends> Options<K> {
    /// The high-water mark for sending: how many messages wait for each peer before the socket is
    /// mute towards it. 0 is no limit. Default 1000. Counts at once.
    ///
    /// Memory cost: this many messages for each peer that does not keep up.
    pub fn send_hwm(&mut self, messages: usize) -> &mut Self {
        self.count(code::SNDHWM, messages)
    }

    /// How long [`send`](crate::Socket::send) blocks; `None`, the default, is for ever, and zero
    /// not at all. Counts at once.
    pub fn send_timeout(&mut self, timeout: impl Into<Option<Duration>>) -> &mut Self {
        self.time("SNDTIMEO", timeout.into(), |o, time| o.snd_timeout = time)
    }

    /// Sent to each new peer before anything else; empty, the default, is nothing. Has an effect
    /// on ROUTER and DEALER.
    pub fn hello_msg(&mut self, message: impl AsRef<[u8]>) -> &mut Self {
        self.raw(code::HELLO_MSG, message)
    }
}

impl<K: Receives> Options<K> {
    /// The high-water mark for receiving: how many messages of each peer wait for the application
    /// before the peer is no longer read, so that its own queue fills. 0 is no limit. Default
    /// 1000. Counts at once.
    ///
    /// Memory cost: this many messages for each peer, and a read buffer.
    pub fn recv_hwm(&mut self, messages: usize) -> &mut Self {
        self.count(code::RCVHWM, messages)
    }

    /// How long [`recv`](crate::Socket::recv) blocks; `None`, the default, is for ever, and zero
    /// not at all. Counts at once.
    pub fn recv_timeout(&mut self, timeout: impl Into<Option<Duration>>) -> &mut Self {
        self.time("RCVTIMEO", timeout.into(), |o, time| o.rcv_timeout = time)
    }
}

impl<K: Conflates> Options<K> {
    /// Whether only the last message of a queue is kept, which must have one part. Default false.
    /// High-water marks do not count then.
    pub fn conflate(&mut self, on: bool) -> &mut Self {
        self.flag(code::CONFLATE, on)
    }
}

impl<K: Named> Options<K> {
    /// The name by which a ROUTER knows this socket: 1 to 255 bytes, the first of them not zero.
    /// Default: none, and the ROUTER makes one up.
    pub fn routing_id(&mut self, id: impl AsRef<[u8]>) -> &mut Self {
        self.raw(code::ROUTING_ID, id)
    }
}

impl<K: Kind> Options<K> {
    /// How long messages that were sent are still delivered after the socket was closed; `None`
    /// is for ever (30 s when the socket is dropped). Default 5 s, and zero on SUB and XSUB;
    /// libzmq's is for ever. Counts at once.
    pub fn linger(&mut self, linger: impl Into<Option<Duration>>) -> &mut Self {
        self.time("LINGER", linger.into(), |o, time| o.linger = time)
    }

    /// Whether messages are queued for complete connections only, so that a socket without any
    /// is mute. Default false: messages wait for peers that are being connected to.
    pub fn immediate(&mut self, on: bool) -> &mut Self {
        self.flag(code::IMMEDIATE, on)
    }

    /// Which I/O threads may carry the socket's connections: bit 0 is the first. Default 0, which
    /// is all. Counts before the first bind or connect.
    pub fn affinity(&mut self, threads: u64) -> &mut Self {
        self.raw(code::AFFINITY, threads.to_ne_bytes())
    }

    /// The pause before a connection that was lost or not made is sought again, to which up to
    /// as much is added at random; `None` is never again. Default 100 ms.
    pub fn reconnect_ivl(&mut self, interval: impl Into<Option<Duration>>) -> &mut Self {
        self.time("RECONNECT_IVL", interval.into(), |o, time| o.reconnect_ivl = time)
    }

    /// Lets the pause double with each failure, up to this; `None`, the default, is no doubling.
    pub fn reconnect_ivl_max(&mut self, interval: impl Into<Option<Duration>>) -> &mut Self {
        self.time("RECONNECT_IVL_MAX", positive(interval.into()), |o, time| {
            o.reconnect_ivl_max = time;
        })
    }

    /// Whether a connection that the peer's system refuses ends the attempts to connect. Default
    /// false.
    pub fn reconnect_stop_conn_refused(&mut self, on: bool) -> &mut Self {
        self.field("RECONNECT_STOP", move |o| o.reconnect_stop.conn_refused = on)
    }

    /// Whether a handshake that fails ends the attempts to connect. Default false.
    pub fn reconnect_stop_handshake_failed(&mut self, on: bool) -> &mut Self {
        self.field("RECONNECT_STOP", move |o| o.reconnect_stop.handshake_failed = on)
    }

    /// Whether a connection is not sought again once it was established and then lost. Default
    /// false.
    pub fn reconnect_stop_after_disconnect(&mut self, on: bool) -> &mut Self {
        self.field("RECONNECT_STOP", move |o| o.reconnect_stop.after_disconnect = on)
    }

    /// The longest attempt to connect to one address; `None` leaves it to the system, which takes
    /// two minutes. Default 10 s; libzmq leaves it to the system.
    pub fn connect_timeout(&mut self, timeout: impl Into<Option<Duration>>) -> &mut Self {
        self.time("CONNECT_TIMEOUT", positive(timeout.into()), |o, time| o.connect_timeout = time)
    }

    /// The longest handshake; a peer that takes longer is disconnected. `None` is no limit.
    /// Default 30 s.
    pub fn handshake_ivl(&mut self, interval: impl Into<Option<Duration>>) -> &mut Self {
        self.time("HANDSHAKE_IVL", positive(interval.into()), |o, time| o.handshake_ivl = time)
    }

    /// The time between PINGs, which find out whether a peer that says nothing is still there;
    /// `None` sends none. Default 10 s; libzmq sends none. RFC 37 §Connection
    /// Heartbeating.
    pub fn heartbeat_ivl(&mut self, interval: impl Into<Option<Duration>>) -> &mut Self {
        self.time("HEARTBEAT_IVL", positive(interval.into()), |o, time| o.heartbeat_ivl = time)
    }

    /// How long the peer shall wait for us before it gives up, told with each PING in tenths of
    /// a second, at most 6553.5 s; `None`, the default, leaves it to the peer.
    pub fn heartbeat_ttl(&mut self, ttl: impl Into<Option<Duration>>) -> &mut Self {
        let ms = ttl.into().map_or(0, |ttl: Duration| ttl.as_millis());
        self.int(code::HEARTBEAT_TTL, i32::try_from(ms).unwrap_or(i32::MAX))
    }

    /// How long a silence after a PING ends the connection; `None` is as long as
    /// [`heartbeat_ivl`](Options::heartbeat_ivl), zero is never. Default 30 s; libzmq's is the
    /// interval.
    pub fn heartbeat_timeout(&mut self, timeout: impl Into<Option<Duration>>) -> &mut Self {
        self.time("HEARTBEAT_TIMEOUT", timeout.into(), |o, time| o.heartbeat_timeout = time)
    }

    /// The longest part a peer may send, in bytes; it is disconnected beyond. `None` is no limit.
    /// Default 1 GiB; libzmq has no limit.
    ///
    /// Memory cost: this much for each peer, as its bytes arrive.
    pub fn max_msg_size(&mut self, bytes: impl Into<Option<u64>>) -> &mut Self {
        // A limit that no number of the table can say is none.
        let limit = bytes.into().and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(-1);
        self.raw(code::MAXMSGSIZE, limit.to_ne_bytes())
    }

    /// The most parts of one message a peer may send; it is disconnected beyond. `None` is no
    /// limit. Default 65536; libzmq has no such option.
    ///
    /// Memory cost: 64 bytes a part for each peer.
    pub fn multipart_parts_max(&mut self, parts: impl Into<Option<usize>>) -> &mut Self {
        let parts = parts.into();
        self.field("MULTIPART_PARTS_MAX", move |o| o.max_parts = parts)
    }

    /// The most bytes of parts that wait for the last part of their message; the peer is
    /// disconnected beyond. `None` is no limit. Default 64 MiB; libzmq has no such option.
    ///
    /// Memory cost: this much for each peer.
    pub fn multipart_bytes_max(&mut self, bytes: impl Into<Option<u64>>) -> &mut Self {
        let bytes = bytes.into();
        self.field("MULTIPART_BYTES_MAX", move |o| o.unfinished_bytes_max = bytes)
    }

    /// How many messages one read of a connection may bring, each counted as 32 bytes, at least 1;
    /// the read buffer, 256 KiB, is the limit above. Default 8192.
    pub fn in_batch_size(&mut self, messages: usize) -> &mut Self {
        self.count(code::IN_BATCH_SIZE, messages)
    }

    /// How many messages a stream collects for one write, each counted as 32 bytes, at least 1.
    /// Default 8192. Counts at once.
    pub fn out_batch_size(&mut self, messages: usize) -> &mut Self {
        self.count(code::OUT_BATCH_SIZE, messages)
    }

    /// Adds a property that is told to every peer in the handshake, which finds it in the
    /// [`meta`](crate::Msg::meta) of messages. The name begins with `X-` and has letters, digits
    /// and `-_.+`; the value is any bytes. At most 48 properties and 6 KiB. RFC 37
    /// §Connection Metadata.
    ///
    /// ```
    /// use oxmq::{Context, Pull, Push};
    ///
    /// let context = Context::new();
    /// let pull = Pull::new(&context)?;
    /// let endpoint = pull.bind("tcp://127.0.0.1:*")?;
    /// let push = Push::with_options(&context, |o| o.metadata("X-Zone", "north"))?;
    /// push.connect(&endpoint)?;
    /// push.send("hello")?;
    /// let message = pull.recv()?;
    /// let meta = message[0].meta().expect("it came over a connection");
    /// assert_eq!(meta.property("X-Zone"), Some(&b"north"[..]));
    /// assert_eq!(meta.peer_address, "127.0.0.1");
    /// # Ok::<(), oxmq::Error>(())
    /// ```
    pub fn metadata(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        let value = value.as_ref();
        if name.contains(':') {
            let expected = "a name of letters, digits and -_.+";
            self.refuse_named("METADATA", OptionFault::Form { expected });
            return self;
        }
        let mut property = Vec::with_capacity(name.len() + 1 + value.len());
        property.extend_from_slice(name.as_bytes());
        property.push(b':');
        property.extend_from_slice(value);
        self.raw(code::METADATA, property)
    }
}
