//! The options of a context: I/O threads, limits, and what new sockets start with.
//!
//! A plain value that the context owns; changed under the context's lock, by any thread.

use std::collections::BTreeSet;
use std::time::Duration;

use super::error::{OptionError, OptionFault};
use super::row::{Access, Kind, MAX};
use super::socket::{SocketOptions, check_int};

/// The most sockets one context can have.
const SOCKET_LIMIT: i32 = 65_535;

/// The longest prefix of thread names, in bytes: the system's names have 15, and the rest is ours.
const NAME_PREFIX_BYTES_MAX: usize = 16;

/// The values of a context's options.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContextOptions {
    /// IO_THREADS: how many I/O threads there are; 0 leaves only inproc.
    pub io_threads: usize,
    /// MAX_SOCKETS: how many sockets may be open.
    pub max_sockets: usize,
    /// THREAD_SCHED_POLICY: the scheduling policy of I/O threads; `None` leaves it alone.
    pub thread_sched_policy: Option<i32>,
    /// THREAD_PRIORITY: their priority, or their nice value under the ordinary policy; `None`
    /// leaves it alone.
    pub thread_priority: Option<i32>,
    /// THREAD_AFFINITY_CPU_ADD and _REMOVE: the CPUs they may run on; empty is all.
    pub thread_affinity_cpus: BTreeSet<usize>,
    /// THREAD_NAME_PREFIX: what their names begin with.
    pub thread_name_prefix: String,
    /// MAX_MSGSZ: the longest message that may be made, in bytes.
    pub max_msgsz: usize,
    /// IPV6: new sockets start with IPV6 on.
    pub ipv6: bool,
    /// ZERO_COPY_RECV: new sockets' messages share the buffer they were read into.
    pub zero_copy_recv: bool,
    /// BLOCKY: new sockets start with their ordinary LINGER; off, with none.
    pub blocky: bool,
}

/// One option of contexts.
#[derive(Clone, Copy, Debug)]
pub struct ContextRow {
    /// The number of the C API. Number 3 is another option when read than when set.
    pub code: i32,
    /// The name without `ZMQ_`.
    pub name: &'static str,
    /// Range; all are `int` (THREAD_NAME_PREFIX can be text as well).
    pub kind: Kind,
    /// The unit, empty for flags.
    pub unit: &'static str,
    /// What libzmq starts with.
    pub libzmq: Option<i64>,
    /// What the Rust API starts with where that differs, and why.
    pub safe: Option<(i64, &'static str)>,
    /// Whether it can be set, read or both.
    pub access: Access,
    /// What it does, in one line.
    pub doc: &'static str,
    read: fn(&ContextOptions) -> i32,
    /// Refuses, by saying what was expected, what the range cannot say.
    write: fn(&mut ContextOptions, i32) -> Result<(), &'static str>,
}

const fn row(
    code: i32,
    name: &'static str,
    range: (i32, i32),
    at: i32,
    read: fn(&ContextOptions) -> i32,
    write: fn(&mut ContextOptions, i32) -> Result<(), &'static str>,
) -> ContextRow {
    ContextRow {
        code,
        name,
        kind: Kind::Int { min: range.0, max: range.1 },
        unit: "",
        libzmq: Some(at as i64),
        safe: None,
        access: Access::Both,
        doc: "",
        read,
        write,
    }
}

impl ContextRow {
    const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// Takes any positive number for 1.
    const fn flag(mut self) -> Self {
        self.kind = Kind::Flag;
        self
    }

    const fn safe(mut self, value: i64, reason: &'static str) -> Self {
        self.safe = Some((value, reason));
        self
    }

    const fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }
}

/// Refuses to write what can only be read. The access check comes before it.
fn read_only(_: &mut ContextOptions, _: i32) -> Result<(), &'static str> {
    Err("nothing: it can only be read")
}

fn count(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}

fn int(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// All options of contexts.
pub const CONTEXT_ROWS: &[ContextRow] = &[
    row(
        1,
        "IO_THREADS",
        (0, 1024),
        1,
        |o| int(o.io_threads),
        |o, v| {
            o.io_threads = count(v);
            Ok(())
        },
    )
    .unit("threads")
    .doc("I/O threads, which start with the first socket; 0 leaves only inproc."),
    row(
        2,
        "MAX_SOCKETS",
        (1, SOCKET_LIMIT),
        1023,
        |o| int(o.max_sockets),
        |o, v| {
            o.max_sockets = count(v);
            Ok(())
        },
    )
    .unit("sockets")
    .safe(SOCKET_LIMIT as i64, "A socket costs nothing before it is opened.")
    .doc("Sockets that may be open at a time."),
    row(3, "SOCKET_LIMIT", (SOCKET_LIMIT, SOCKET_LIMIT), SOCKET_LIMIT, |_| SOCKET_LIMIT, read_only)
        .unit("sockets")
        .access(Access::Get)
        .doc("The largest MAX_SOCKETS."),
    row(
        3,
        "THREAD_PRIORITY",
        (0, MAX),
        -1,
        |o| o.thread_priority.unwrap_or(-1),
        |o, v| {
            o.thread_priority = (v >= 0).then_some(v);
            Ok(())
        },
    )
    .access(Access::Set)
    .doc(
        "Priority of I/O threads, under the ordinary policy their nice value; left alone until \
          set.",
    ),
    row(
        4,
        "THREAD_SCHED_POLICY",
        (0, MAX),
        -1,
        |o| o.thread_sched_policy.unwrap_or(-1),
        |o, v| {
            o.thread_sched_policy = (v >= 0).then_some(v);
            Ok(())
        },
    )
    .doc("Scheduling policy of I/O threads; left alone, and read as -1, until set."),
    row(
        5,
        "MAX_MSGSZ",
        (0, MAX),
        MAX,
        |o| int(o.max_msgsz),
        |o, v| {
            o.max_msgsz = count(v);
            Ok(())
        },
    )
    .unit("bytes")
    .doc("The longest part that new sockets send, EMSGSIZE beyond; the largest is no limit."),
    row(6, "MSG_T_SIZE", (64, 64), 64, |_| 64, read_only)
        .unit("bytes")
        .access(Access::Get)
        .doc("The size of zmq_msg_t."),
    row(
        7,
        "THREAD_AFFINITY_CPU_ADD",
        (0, 1023),
        0,
        |_| 0,
        |o, v| {
            o.thread_affinity_cpus.insert(count(v));
            Ok(())
        },
    )
    .unit("CPU")
    .access(Access::Set)
    .doc("Lets I/O threads run on this CPU; without any they run on all."),
    row(
        8,
        "THREAD_AFFINITY_CPU_REMOVE",
        (0, 1023),
        0,
        |_| 0,
        |o, v| {
            let removed = o.thread_affinity_cpus.remove(&count(v));
            if removed { Ok(()) } else { Err("a CPU that was added before") }
        },
    )
    .unit("CPU")
    .access(Access::Set)
    .doc("Takes a CPU back."),
    row(
        9,
        "THREAD_NAME_PREFIX",
        (i32::MIN, MAX),
        0,
        |o| o.thread_name_prefix.parse().unwrap_or(0),
        |o, v| {
            o.thread_name_prefix = if v == 0 { String::new() } else { v.to_string() };
            Ok(())
        },
    )
    .doc("What the names of I/O threads begin with: a number, or text of up to 16 bytes."),
    row(
        10,
        "ZERO_COPY_RECV",
        (0, 1),
        1,
        |o| o.zero_copy_recv.into(),
        |o, v| {
            o.zero_copy_recv = v == 1;
            Ok(())
        },
    )
    .flag()
    .doc(
        "Messages that new sockets receive share the buffer they were read into; 0 copies each \
          into memory of its own, so that one that is kept does not keep the others.",
    ),
    row(
        42,
        "IPV6",
        (0, 1),
        0,
        |o| o.ipv6.into(),
        |o, v| {
            o.ipv6 = v == 1;
            Ok(())
        },
    )
    .flag()
    .safe(1, "See the socket option.")
    .doc("New sockets start with IPV6 on."),
    row(
        70,
        "BLOCKY",
        (0, 1),
        1,
        |o| o.blocky.into(),
        |o, v| {
            o.blocky = v == 1;
            Ok(())
        },
    )
    .flag()
    .doc("New sockets start with their ordinary LINGER; 0 starts them with none."),
];

impl ContextOptions {
    /// What libzmq starts a context with: for the C face.
    #[must_use]
    pub fn libzmq_defaults() -> Self {
        Self::from_table(|row| row.libzmq)
    }

    /// What the Rust API and the shell tools start a context with.
    #[must_use]
    pub fn safe_defaults() -> Self {
        Self::from_table(|row| row.safe.map(|(value, _)| value).or(row.libzmq))
    }

    /// Sets the option of this number.
    ///
    /// # Errors
    /// When there is no such option, it can only be read, or the number is out of range. Nothing is
    /// changed then.
    pub fn set(&mut self, code: i32, value: i32) -> Result<(), OptionError> {
        let row = Self::row(code, Access::Get, OptionFault::ReadOnly)?;
        let refuse = |fault| OptionError { code, name: Some(row.name), fault };
        let value = check_int(row.kind, value).map_err(refuse)?;
        (row.write)(self, value).map_err(|expected| refuse(OptionFault::Form { expected }))
    }

    /// Reads the option of this number.
    ///
    /// # Errors
    /// When there is no such option or it can only be set.
    pub fn value(&self, code: i32) -> Result<i32, OptionError> {
        let row = Self::row(code, Access::Set, OptionFault::WriteOnly)?;
        Ok((row.read)(self))
    }

    /// Sets the option of this number from bytes: an `int`, or text for THREAD_NAME_PREFIX.
    ///
    /// # Errors
    /// As [`ContextOptions::set`], and when the bytes are neither.
    pub fn set_bytes(&mut self, code: i32, value: &[u8]) -> Result<(), OptionError> {
        if let Ok(int) = value.try_into() {
            return self.set(code, i32::from_ne_bytes(int));
        }
        let row = Self::row(code, Access::Get, OptionFault::ReadOnly)?;
        let refuse = |fault| Err(OptionError { code, name: Some(row.name), fault });
        // A C string may come with its closing zero byte.
        let value = value.strip_suffix(b"\0").unwrap_or(value);
        if row.name != "THREAD_NAME_PREFIX" || value.len() > NAME_PREFIX_BYTES_MAX {
            let (expected, found) = (row.kind, value.len());
            return refuse(OptionFault::Length { expected, found });
        }
        match str::from_utf8(value) {
            Ok(text) if !text.contains('\0') => text.clone_into(&mut self.thread_name_prefix),
            _ => return refuse(OptionFault::Form { expected: "text in UTF-8 without zero bytes" }),
        }
        Ok(())
    }

    /// Gives a new socket what its context says about it.
    pub fn apply_to(&self, socket: &mut SocketOptions) {
        socket.transport.ipv6 |= self.ipv6;
        socket.zero_copy_recv = self.zero_copy_recv;
        // The largest value, which is the default, stands for no limit.
        if int(self.max_msgsz) < MAX {
            socket.max_sent_bytes = self.max_msgsz;
        }
        if !self.blocky {
            socket.linger = Some(Duration::ZERO);
        }
    }

    fn row(
        code: i32,
        other: Access,
        fault: OptionFault,
    ) -> Result<&'static ContextRow, OptionError> {
        let mut rows = CONTEXT_ROWS.iter().filter(|row| row.code == code);
        let first = rows.clone().next();
        rows.find(|row| row.access != other).ok_or_else(|| OptionError {
            code,
            name: first.map(|row| row.name),
            fault: if first.is_some() { fault } else { OptionFault::Unknown },
        })
    }

    fn from_table(default: fn(&ContextRow) -> Option<i64>) -> Self {
        let mut options = Self {
            io_threads: 0,
            max_sockets: 0,
            thread_sched_policy: None,
            thread_priority: None,
            thread_affinity_cpus: BTreeSet::new(),
            thread_name_prefix: String::new(),
            max_msgsz: 0,
            ipv6: false,
            zero_copy_recv: false,
            blocky: false,
        };
        for row in CONTEXT_ROWS.iter().filter(|row| row.access == Access::Both) {
            if let Some(value) = default(row).and_then(|value| i32::try_from(value).ok()) {
                // No row refuses its own default, which the tests of the table check.
                let refused = (row.write)(&mut options, value);
                debug_assert_eq!(refused, Ok(()));
            }
        }
        options
    }
}
