//! Rows that every socket has: queues, waiting, connections and the limits on what a peer may send.
//! Constants; any thread may read them.

use oxmq_zmtp::SocketType as T;

use super::super::code;
use super::super::row::{Field, Kind, MAX, OptionRow as Row};
use super::super::socket::ReconnectStop;
use super::{from_i64, from_int, from_ms, to_i64, to_int, to_ms};

pub(super) const ROWS: &[Row] = &[
    Row::int(code::SNDHWM, "SNDHWM", (0, MAX), 1000)
        .unit("messages")
        .now()
        .field(Field::Int(|o| to_int(o.snd_hwm), |o, v| o.snd_hwm = from_int(v)))
        .doc(
            "Messages a pipe holds for its peer before it is full; 0 is no limit. Memory: this \
              many messages for each peer.",
        ),
    Row::int(code::RCVHWM, "RCVHWM", (0, MAX), 1000)
        .unit("messages")
        .now()
        .field(Field::Int(|o| to_int(o.rcv_hwm), |o, v| o.rcv_hwm = from_int(v)))
        .doc(
            "Messages a pipe holds for the application before its peer is no longer read; 0 is no \
              limit. An inproc pipe has the sum of both ends' limits; this share of it is taken \
              when the pipe is made. Memory: this many messages for each peer, and one read \
              buffer.",
        ),
    Row::number(code::CONFLATE, "CONFLATE", Kind::Bool, 0)
        .acts_on(&[T::Pull, T::Push, T::Sub, T::Pub, T::Dealer])
        .field(Field::Int(|o| o.conflate.into(), |o, v| o.conflate = v == 1))
        .doc("Pipes keep the last message only; multipart messages are refused."),
    Row::number(code::IMMEDIATE, "IMMEDIATE", Kind::Bool, 0)
        .field(Field::Int(|o| o.immediate.into(), |o, v| o.immediate = v == 1))
        .doc("Only complete connections take messages; without one, sending blocks or fails."),
    Row::int(code::LINGER, "LINGER", (-1, MAX), -1)
        .unit("ms")
        .now()
        .safe(
            5_000,
            "A program whose peer is gone must end by itself. Five seconds are some tens of \
             attempts to reconnect, and less than the ten after which supervisors kill.",
        )
        .field(Field::Int(|o| to_ms(o.linger, -1), |o, v| o.linger = from_ms(v, -1)))
        .doc(
            "How long unsent messages outlive the socket; -1 is for ever. SUB, XSUB and DISH, \
              which send subscriptions only, start with 0.",
        ),
    Row::int(code::SNDTIMEO, "SNDTIMEO", (-1, MAX), -1)
        .unit("ms")
        .now()
        .field(Field::Int(|o| to_ms(o.snd_timeout, -1), |o, v| o.snd_timeout = from_ms(v, -1)))
        .doc("How long a send waits for room; -1 is for ever, 0 not at all."),
    Row::int(code::RCVTIMEO, "RCVTIMEO", (-1, MAX), -1)
        .unit("ms")
        .now()
        .field(Field::Int(|o| to_ms(o.rcv_timeout, -1), |o, v| o.rcv_timeout = from_ms(v, -1)))
        .doc("How long a receive waits for a message; -1 is for ever, 0 not at all."),
    Row::number(code::AFFINITY, "AFFINITY", Kind::U64, 0)
        .unit("bit set")
        .field(Field::U64(|o| o.affinity, |o, v| o.affinity = v))
        .doc("Bit n lets I/O thread n serve new connections; 0 lets all."),
    Row::int(code::RECONNECT_IVL, "RECONNECT_IVL", (-1, MAX), 100)
        .unit("ms")
        .field(Field::Int(|o| to_ms(o.reconnect_ivl, -1), |o, v| o.reconnect_ivl = from_ms(v, -1)))
        .doc(
            "Pause before a lost connection is sought again, to which up to as much is added at \
              random; -1 is never.",
        ),
    Row::int(code::RECONNECT_IVL_MAX, "RECONNECT_IVL_MAX", (0, MAX), 0)
        .unit("ms")
        .field(Field::Int(
            |o| to_ms(o.reconnect_ivl_max, 0),
            |o, v| o.reconnect_ivl_max = from_ms(v, 0),
        ))
        .doc("The pause doubles with each failure up to this; 0 is no doubling."),
    Row::int(code::RECONNECT_STOP, "RECONNECT_STOP", (0, 7), 0)
        .unit("bit set")
        .draft()
        .field(Field::Int(
            |o| {
                let stop = o.reconnect_stop;
                i32::from(stop.conn_refused)
                    | i32::from(stop.handshake_failed) << 1
                    | i32::from(stop.after_disconnect) << 2
            },
            |o, v| {
                o.reconnect_stop = ReconnectStop {
                    conn_refused: v & 1 != 0,
                    handshake_failed: v & 2 != 0,
                    after_disconnect: v & 4 != 0,
                };
            },
        ))
        .doc(
            "What ends the attempts: 1 a refused connection, 2 a failed handshake, 4 in Rust any \
              loss, in C `zmq_disconnect`, though messages linger.",
        ),
    Row::int(code::CONNECT_TIMEOUT, "CONNECT_TIMEOUT", (0, MAX), 0)
        .unit("ms")
        .safe(
            10_000,
            "A host that answers nothing must not hold up its other addresses for the two minutes \
             that the system waits.",
        )
        .field(Field::Int(
            |o| to_ms(o.connect_timeout, 0),
            |o, v| o.connect_timeout = from_ms(v, 0),
        ))
        .doc("The longest attempt to connect to one address; 0 leaves it to the system."),
    Row::int(code::HANDSHAKE_IVL, "HANDSHAKE_IVL", (0, MAX), 30_000)
        .unit("ms")
        .field(Field::Int(|o| to_ms(o.handshake_ivl, 0), |o, v| o.handshake_ivl = from_ms(v, 0)))
        .doc("The longest handshake, from the first byte to the last; 0 is no limit."),
    Row::int(code::HEARTBEAT_IVL, "HEARTBEAT_IVL", (0, MAX), 0)
        .unit("ms")
        .safe(10_000, "A peer whose machine or network vanished goes unnoticed otherwise.")
        .field(Field::Int(|o| to_ms(o.heartbeat_ivl, 0), |o, v| o.heartbeat_ivl = from_ms(v, 0)))
        .doc("Time between PINGs to peers on network transports; 0 sends none."),
    Row::int(code::HEARTBEAT_TTL, "HEARTBEAT_TTL", (0, 6_553_599), 0)
        .unit("ms")
        .field(Field::Int(
            |o| to_ms(o.heartbeat_ttl, 0),
            // The wire carries tenths of a second: what cannot be said is not kept either.
            |o, v| o.heartbeat_ttl = from_ms(v / 100 * 100, 0),
        ))
        .doc(
            "How long the peer shall wait for us before it gives up; whole tenths of a second, 0 \
              does not say.",
        ),
    Row::int(code::HEARTBEAT_TIMEOUT, "HEARTBEAT_TIMEOUT", (-1, MAX), -1)
        .unit("ms")
        .safe(30_000, "Three lost PINGs, not one, should mean that the peer is gone.")
        .field(Field::Int(
            |o| to_ms(o.heartbeat_timeout, -1),
            |o, v| o.heartbeat_timeout = from_ms(v, -1),
        ))
        .doc(
            "Silence after a PING that ends the connection; -1 is as long as HEARTBEAT_IVL, 0 \
              never.",
        ),
    Row::number(code::MAXMSGSIZE, "MAXMSGSIZE", Kind::I64 { min: -1 }, -1)
        .unit("bytes")
        .safe(1 << 30, "A peer must not decide how much memory we take.")
        .field(Field::I64(|o| to_i64(o.max_msg_size), |o, v| o.max_msg_size = from_i64(v)))
        .doc(
            "The longest part a peer may send; it is disconnected beyond, and -1 is no limit. \
              Memory: this much for each peer, as its bytes arrive.",
        ),
    Row::number(0, "MULTIPART_BYTES_MAX", Kind::I64 { min: -1 }, -1)
        .unit("bytes")
        .oxmq_only()
        .safe(64 << 20, "The parts of an unfinished message count against no high-water mark.")
        .field(Field::I64(
            |o| to_i64(o.unfinished_bytes_max),
            |o, v| o.unfinished_bytes_max = from_i64(v),
        ))
        .doc(
            "Bytes of a message's earlier parts that wait for its last; a peer is disconnected \
              beyond, and -1 is no limit. Memory: this much for each peer.",
        ),
    Row::number(0, "MULTIPART_PARTS_MAX", Kind::I64 { min: -1 }, -1)
        .unit("parts")
        .oxmq_only()
        .safe(65_536, "Empty parts cost memory, too.")
        .field(Field::I64(
            |o| to_i64(o.max_parts.map(|parts| parts as u64)),
            |o, v| o.max_parts = from_i64(v).and_then(|parts| usize::try_from(parts).ok()),
        ))
        .doc(
            "Parts of one message; a peer is disconnected beyond, and -1 is no limit. Memory: 64 \
              bytes a part for each peer.",
        ),
    Row::int(code::IN_BATCH_SIZE, "IN_BATCH_SIZE", (1, MAX), 8192)
        .unit("messages")
        .draft()
        .field(Field::Int(
            |o| to_int(o.in_batch_messages),
            |o, v| o.in_batch_messages = from_int(v),
        ))
        .doc(
            "Messages that one read may bring, each counted as 32 bytes; the read buffer is the \
              limit above. Of a raw connection, bytes.",
        ),
    Row::int(code::OUT_BATCH_SIZE, "OUT_BATCH_SIZE", (1, MAX), 8192)
        .unit("messages")
        .now()
        .draft()
        .field(Field::Int(
            |o| to_int(o.out_batch_messages),
            |o, v| o.out_batch_messages = from_int(v),
        ))
        .doc("Messages that a stream collects for one write, each counted as 32 bytes."),
    Row::bytes(code::ROUTING_ID, "ROUTING_ID", 1, 255)
        .acts_on(&[T::Req, T::Rep, T::Dealer, T::Router])
        .field(Field::Bytes(|o| &o.routing_id, |o, v| o.routing_id = v.to_vec()))
        .doc(
            "The name by which a ROUTER knows this socket; empty at the start, and then the \
              ROUTER makes one up.",
        ),
    Row::bytes(code::METADATA, "METADATA", 5, 6145)
        .set_only()
        .draft()
        .field(Field::Parsed(|o, value| super::super::metadata::add(&mut o.metadata, value)))
        .doc(
            "A property of the form X-NAME:VALUE, told to every peer; each call adds or replaces \
              one.",
        ),
    Row::int(code::RCVMORE, "RCVMORE", (0, 1), 0)
        .engine()
        .doc("Whether the part received last has another behind it."),
    Row::int(code::FD, "FD", (0, MAX), 0)
        .engine()
        .doc("A descriptor that becomes readable when EVENTS may have changed."),
    Row::int(code::EVENTS, "EVENTS", (0, 3), 0)
        .unit("bit set")
        .engine()
        .doc("What the socket can do now: 1 receive, 2 send."),
    Row::int(code::TYPE, "TYPE", (0, 20), 0).engine().doc("The number of the socket type."),
    Row::text(code::LAST_ENDPOINT, "LAST_ENDPOINT", 0)
        .engine()
        .doc("The endpoint bound or connected last, wildcards resolved."),
    Row::int(code::MECHANISM, "MECHANISM", (0, 3), 0)
        .engine()
        .doc("The security mechanism: 0 NULL, 1 PLAIN, 2 CURVE, 3 GSSAPI."),
    Row::number(code::THREAD_SAFE, "THREAD_SAFE", Kind::Bool, 0)
        .engine()
        .doc("1 for the draft types that libzmq allows several threads to share."),
];
