//! Rows about durable sockets and disk buffers, which libzmq does not have; `oxmq.h` names their
//! numbers. Constants; any thread may read them.

use oxmq_zmtp::{DurableStart, SocketType as T};

use super::super::code;
use super::super::durable::{AckMode, Keep, SyncPolicy};
use super::super::row::{Field, Kind, MAX, OptionRow as Row};
use super::{from_i64, from_ms, to_i64, to_ms};

/// Types that can be durable.
const DURABLE: &[T] =
    &[T::Push, T::Pull, T::Pub, T::XPub, T::Sub, T::XSub, T::Dealer, T::Router, T::Req, T::Rep];

/// Those of them that send.
const SENDERS: &[T] = &[T::Push, T::Pub, T::XPub, T::Dealer, T::Router, T::Req, T::Rep];

/// Types whose queues can go to disk.
const SPILLING: &[T] = &[T::Push, T::Pull, T::Pub, T::XPub, T::Sub, T::XSub, T::Dealer];

/// Those of them that receive.
const RECEIVERS: &[T] = &[T::Pull, T::Sub, T::XSub, T::Dealer, T::Router, T::Req, T::Rep];

/// Text as C gives it, which may end with its zero byte.
fn text(value: &[u8]) -> &[u8] {
    value.strip_suffix(&[0]).unwrap_or(value)
}

pub(super) const ROWS: &[Row] = &[
    Row::text(code::STORE, "STORE", 4096)
        .oxmq_only()
        .only(DURABLE)
        .field(Field::Text(
            |o| &o.durable.store,
            |o, v| v.trim_end_matches('\0').clone_into(&mut o.durable.store),
        ))
        .doc("The directory in which a durable socket keeps what must outlive it."),
    Row::bytes(code::DURABLE, "DURABLE", 1, 255)
        .oxmq_only()
        .only(DURABLE)
        .field(Field::Bytes(|o| &o.durable.name, |o, v| o.durable.name = text(v).to_vec()))
        .doc(
            "Makes the socket durable under this name: after a restart a socket of this name and \
             store goes on where the last one stopped.",
        ),
    Row::int(code::SYNC, "SYNC", (1, 3), 3)
        .oxmq_only()
        .only(DURABLE)
        .field(Field::Int(
            |o| o.durable.sync.to_int(),
            |o, v| o.durable.sync = SyncPolicy::from_int(v),
        ))
        .doc(
            "When a send returns: 1 once the system has the message, 2 the same with the disk \
             synchronised every SYNC_IVL, 3 once the disk has it.",
        ),
    Row::int(code::ACK_MODE, "ACK_MODE", (0, 1), 0)
        .oxmq_only()
        .only(RECEIVERS)
        .field(Field::Int(
            |o| i32::from(o.durable.ack == AckMode::Explicit),
            |o, v| {
                o.durable.ack = if v == 1 { AckMode::Explicit } else { AckMode::Automatic };
            },
        ))
        .doc(
            "When a received message counts as dealt with: 0 when the next one is asked for, 1 \
             when the application says so.",
        ),
    Row::int(code::ACK, "ACK", (1, 1), 1)
        .oxmq_only()
        .only(RECEIVERS)
        .action()
        .doc("Acknowledges every message received so far."),
    Row::number(code::LOG_BYTES_MAX, "LOG_BYTES_MAX", Kind::I64 { min: -1 }, -1)
        .unit("bytes")
        .oxmq_only()
        .only(DURABLE)
        .field(Field::I64(
            |o| to_i64(o.durable.log_bytes_max),
            |o, v| o.durable.log_bytes_max = from_i64(v),
        ))
        .doc(
            "Most bytes of the socket's log; -1 is no limit. Sends wait beyond, PUB drops the \
              oldest.",
        ),
    Row::number(code::LOG_MESSAGES_MAX, "LOG_MESSAGES_MAX", Kind::I64 { min: -1 }, -1)
        .unit("messages")
        .oxmq_only()
        .only(DURABLE)
        .field(Field::I64(
            |o| to_i64(o.durable.log_messages_max),
            |o, v| o.durable.log_messages_max = from_i64(v),
        ))
        .doc(
            "Most messages of the socket's log; -1 is no limit. Sends wait beyond, PUB drops the \
              oldest.",
        ),
    Row::int(code::LOG_AGE_MAX, "LOG_AGE_MAX", (0, MAX), 0)
        .unit("ms")
        .oxmq_only()
        .only(DURABLE)
        .field(Field::Int(
            |o| to_ms(o.durable.log_age_max, 0),
            |o, v| o.durable.log_age_max = from_ms(v, 0),
        ))
        .doc("Messages that have waited longer are given up, which is told; 0 is never."),
    Row::int(code::ATTEMPTS_MAX, "ATTEMPTS_MAX", (0, MAX), 16)
        .unit("deliveries")
        .oxmq_only()
        .only(DURABLE)
        .field(Field::Int(
            |o| i32::try_from(o.durable.attempts_max).unwrap_or(MAX),
            |o, v| o.durable.attempts_max = u32::try_from(v).unwrap_or(0),
        ))
        .doc("Deliveries after which a message that nobody acknowledges is set aside; 0 is never."),
    Row::int(code::START, "START", (0, 1), 0)
        .oxmq_only()
        .only(&[T::Sub, T::XSub])
        .field(Field::Int(
            |o| i32::from(o.durable.start == DurableStart::Earliest),
            |o, v| {
                o.durable.start =
                    if v == 1 { DurableStart::Earliest } else { DurableStart::Latest };
            },
        ))
        .doc(
            "Where a subscriber begins whose name is new: 0 with the next message, 1 with the \
              oldest that is kept.",
        ),
    Row::int(code::SYNC_IVL, "SYNC_IVL", (1, MAX), 10)
        .unit("ms")
        .oxmq_only()
        .only(DURABLE)
        .field(Field::Int(
            |o| to_ms(Some(o.durable.sync_ivl), 1),
            |o, v| o.durable.sync_ivl = from_ms(v, 0).unwrap_or_default(),
        ))
        .doc("The pause between synchronisations of the disk with SYNC 2."),
    Row::int(code::MESSAGE_TTL, "MESSAGE_TTL", (0, MAX), 0)
        .unit("ms")
        .oxmq_only()
        .only(SENDERS)
        .now()
        .field(Field::Int(|o| to_ms(o.message_ttl, 0), |o, v| o.message_ttl = from_ms(v, 0)))
        .doc(
            "Messages that a durable socket sends from now on are given up if they have not gone \
             out after this time; 0 is never.",
        ),
    Row::int(code::KEEP, "KEEP", (0, 1), 0)
        .oxmq_only()
        .only(&[T::Pub, T::XPub])
        .field(Field::Int(
            |o| i32::from(o.durable.keep == Keep::Limits),
            |o, v| o.durable.keep = if v == 1 { Keep::Limits } else { Keep::Subscribers },
        ))
        .doc(
            "How long a durable publisher keeps messages: 0 until every subscriber with a name has \
             settled them, 1 until LOG_BYTES_MAX, LOG_MESSAGES_MAX or LOG_AGE_MAX is reached.",
        ),
    Row::text(code::SPILL_DIR, "SPILL_DIR", 4096)
        .oxmq_only()
        .only(SPILLING)
        .field(Field::Text(
            |o| &o.durable.spill_dir,
            |o, v| v.trim_end_matches('\0').clone_into(&mut o.durable.spill_dir),
        ))
        .doc("The directory for queued messages that do not fit in memory; empty is none."),
    Row::number(code::SPILL_MEMORY, "SPILL_MEMORY", Kind::I64 { min: -1 }, 67_108_864)
        .unit("bytes")
        .oxmq_only()
        .only(SPILLING)
        .field(Field::I64(
            |o| to_i64(o.durable.spill_memory),
            |o, v| o.durable.spill_memory = from_i64(v),
        ))
        .doc(
            "Bytes of queued messages kept in memory before they go to SPILL_DIR, of the whole \
             socket; -1 is no limit.",
        ),
    Row::number(code::SPILL_LIMIT, "SPILL_LIMIT", Kind::I64 { min: -1 }, -1)
        .unit("bytes")
        .oxmq_only()
        .only(SPILLING)
        .field(Field::I64(
            |o| to_i64(o.durable.spill_limit),
            |o, v| o.durable.spill_limit = from_i64(v),
        ))
        .doc(
            "Most bytes of the socket's queued messages on disk, beyond which it is mute; -1 is no \
             limit.",
        ),
];
