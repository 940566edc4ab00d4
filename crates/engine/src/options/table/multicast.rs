//! Rows of multicast: what libzmq's pgm and udp transports are told. Constants; any thread may read
//! them.

use super::super::code;
use super::super::row::{Field, Kind, MAX, OptionRow as Row};

pub(super) const ROWS: &[Row] = &[
    Row::int(code::RATE, "RATE", (1, MAX), 100)
        .unit("kbit/s")
        .field(Field::Int(|o| o.multicast.rate_kbit_s, |o, v| o.multicast.rate_kbit_s = v))
        .doc("The rate of pgm; kept, for no transport of this version is told it."),
    Row::int(code::RECOVERY_IVL, "RECOVERY_IVL", (0, MAX), 10000)
        .unit("ms")
        .field(Field::Int(|o| o.multicast.recovery_ivl_ms, |o, v| o.multicast.recovery_ivl_ms = v))
        .doc(
            "How long a pgm receiver may be away without loss; kept, for no transport of this \
              version is told it.",
        ),
    Row::int(code::MULTICAST_HOPS, "MULTICAST_HOPS", (1, MAX), 1)
        .unit("hops")
        .field(Field::Int(|o| o.multicast.hops, |o, v| o.multicast.hops = v))
        .doc("How many networks multicast over udp crosses."),
    Row::int(code::MULTICAST_MAXTPDU, "MULTICAST_MAXTPDU", (1, MAX), 1500)
        .unit("bytes")
        .field(Field::Int(|o| o.multicast.max_tpdu_bytes, |o, v| o.multicast.max_tpdu_bytes = v))
        .doc("The largest packet of pgm; kept, for no transport of this version is told it."),
    Row::number(code::MULTICAST_LOOP, "MULTICAST_LOOP", Kind::Bool, 1)
        .draft()
        .field(Field::Int(|o| o.multicast.loopback.into(), |o, v| o.multicast.loopback = v == 1))
        .doc("Whether the sending machine receives its own multicast over udp."),
];
