//! The options of one socket: typed values for the engine and the Rust API, and the same values by
//! number for the untyped faces.
//!
//! A plain value. The socket owns its copy, and the thread that holds the socket changes it; what
//! is bound or connected later starts from a copy of the copy.

use std::time::Duration;

use oxmq_zmtp::SocketType;
use zeroize::Zeroizing;

use super::code;
use super::durable::DurableOptions;
use super::error::{OptionError, OptionFault};
use super::row::{Access, Field, Kind, OptionRow, State, When};
use super::security::SecurityOptions;
use super::table::{row, rows};
use crate::limits::BATCH_MESSAGE_BYTES;
use crate::transport::TransportOptions;

/// The values of one socket's options. Each field says its option; ranges, units, defaults and
/// meaning are in that option's row of the table and in `doc/options.md`.
///
/// Whoever writes a field directly keeps to the row's range; [`SocketOptions::set`] checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketOptions {
    socket_type: SocketType,

    /// SNDHWM: messages a pipe holds for its peer; 0 is no limit.
    pub snd_hwm: usize,
    /// RCVHWM: messages a pipe holds for the application; 0 is no limit.
    pub rcv_hwm: usize,
    /// CONFLATE: pipes keep the last message only.
    pub conflate: bool,
    /// IMMEDIATE: only complete connections have pipes.
    pub immediate: bool,
    /// LINGER: how long unsent messages outlive the socket; `None` is for ever.
    pub linger: Option<Duration>,
    /// SNDTIMEO: how long a send waits; `None` is for ever.
    pub snd_timeout: Option<Duration>,
    /// RCVTIMEO: how long a receive waits; `None` is for ever.
    pub rcv_timeout: Option<Duration>,
    /// AFFINITY: bit n allows I/O thread n; 0 allows all.
    pub affinity: u64,

    /// RECONNECT_IVL: pause before connecting again; `None` is never.
    pub reconnect_ivl: Option<Duration>,
    /// RECONNECT_IVL_MAX: the pause doubles up to this; `None` is no doubling.
    pub reconnect_ivl_max: Option<Duration>,
    /// RECONNECT_STOP: what ends the attempts.
    pub reconnect_stop: ReconnectStop,
    /// CONNECT_TIMEOUT: the longest attempt; `None` leaves it to the system.
    pub connect_timeout: Option<Duration>,
    /// HANDSHAKE_IVL: the longest handshake; `None` is no limit.
    pub handshake_ivl: Option<Duration>,
    /// HEARTBEAT_IVL: time between PINGs; `None` sends none.
    pub heartbeat_ivl: Option<Duration>,
    /// HEARTBEAT_TTL: how long the peer is to wait for us; `None` does not say. Whole deciseconds.
    pub heartbeat_ttl: Option<Duration>,
    /// HEARTBEAT_TIMEOUT: silence after a PING that ends the connection; `None` is as long as the
    /// interval, zero is never. See [`SocketOptions::heartbeat_timeout_effective`].
    pub heartbeat_timeout: Option<Duration>,

    /// MAXMSGSIZE: longest part a peer may send, in bytes; `None` is no limit.
    pub max_msg_size: Option<u64>,
    /// MULTIPART_PARTS_MAX: most parts of one message a peer may send; `None` is no limit.
    pub max_parts: Option<usize>,
    /// MULTIPART_BYTES_MAX: most bytes of an unfinished message a peer may send; `None` is no
    /// limit.
    pub unfinished_bytes_max: Option<u64>,
    /// SUBSCRIPTIONS_MAX: most topics of one peer; `None` is no limit.
    pub subscriptions_max: Option<usize>,
    /// SUBSCRIPTION_BYTES_MAX: most topic bytes of one peer; `None` is no limit.
    pub subscription_bytes_max: Option<u64>,

    /// ROUTING_ID: the name a ROUTER knows this socket by; empty is none.
    pub routing_id: Vec<u8>,
    /// CONNECT_ROUTING_ID: the name for the peer of the next connect, which takes it from here.
    pub connect_routing_id: Option<Vec<u8>>,
    /// ROUTER_MANDATORY: sending to an unknown peer fails.
    pub router_mandatory: bool,
    /// ROUTER_HANDOVER: a second peer of the same name takes it over.
    pub router_handover: bool,
    /// ROUTER_RAW: speak no ZMTP.
    pub router_raw: bool,
    /// ROUTER_NOTIFY: which peer events arrive as empty messages.
    pub router_notify: RouterNotify,
    /// PROBE_ROUTER: open each connection with an empty message.
    pub probe_router: bool,
    /// REQ_CORRELATE: number requests and match replies.
    pub req_correlate: bool,
    /// REQ_RELAXED: a second request gives up the first.
    pub req_relaxed: bool,
    /// XPUB_VERBOSE: pass on subscriptions that are not new.
    pub xpub_verbose: bool,
    /// XPUB_VERBOSER: pass on cancels that are not the last as well.
    pub xpub_verboser: bool,
    /// XPUB_NODROP: a full pipe is an error instead of a loss.
    pub xpub_nodrop: bool,
    /// XPUB_MANUAL: the application decides on each subscription.
    pub xpub_manual: bool,
    /// XPUB_MANUAL_LAST_VALUE: manual, and a send right after a subscription goes to its peer only.
    pub xpub_manual_last_value: bool,
    /// XPUB_WELCOME_MSG: first message to each new subscriber; empty is none.
    pub xpub_welcome_msg: Vec<u8>,
    /// XSUB_VERBOSE_UNSUBSCRIBE: pass on cancels that are not the last.
    pub xsub_verbose_unsubscribe: bool,
    /// ONLY_FIRST_SUBSCRIBE: only the first part of a message can be a subscription.
    pub only_first_subscribe: bool,
    /// INVERT_MATCHING: messages go where no topic matches.
    pub invert_matching: bool,
    /// STREAM_NOTIFY: connecting and disconnecting arrive as empty messages.
    pub stream_notify: bool,
    /// HELLO_MSG: sent to each new peer; empty is none.
    pub hello_msg: Vec<u8>,
    /// DISCONNECT_MSG: received when a peer goes; empty is none.
    pub disconnect_msg: Vec<u8>,
    /// HICCUP_MSG: received when a connection was lost and is sought again; empty is none.
    pub hiccup_msg: Vec<u8>,
    /// METADATA: names beginning with `X-` and their values, told to each peer.
    pub metadata: Vec<(String, Vec<u8>)>,

    /// IN_BATCH_SIZE: messages that one system call may bring; see `batch_bytes`.
    pub in_batch_messages: usize,
    /// OUT_BATCH_SIZE: messages collected for one system call; see `batch_bytes`.
    pub out_batch_messages: usize,
    /// The context's MAX_MSGSZ: the longest part that can be sent, in bytes.
    pub max_sent_bytes: usize,
    /// The context's ZERO_COPY_RECV: received messages share the buffer they were read into.
    pub zero_copy_recv: bool,
    /// LOOPBACK_FASTPATH: of Windows only.
    pub loopback_fastpath: bool,
    /// RATE, RECOVERY_IVL and MULTICAST_*.
    pub multicast: MulticastOptions,

    /// What binding, connecting and the streams need: IPV6, BACKLOG, SNDBUF, RCVBUF, TOS, PRIORITY,
    /// TCP_*, BINDTODEVICE, BUSY_POLL, USE_FD, IPC_FILTER_* and IPC_TAKEOVER.
    pub transport: TransportOptions,

    /// MECHANISM, PLAIN_*, CURVE_*, ZAP_*, AUTHORITY_REQUIRED and the allow-list.
    pub security: SecurityOptions,

    /// STORE, DURABLE, SYNC, ACK_MODE, LOG_*, ATTEMPTS_MAX, START, KEEP and SPILL_*.
    pub durable: DurableOptions,
    /// MESSAGE_TTL: how long a message sent from now on may wait in the socket's log; `None` is for
    /// ever.
    pub message_ttl: Option<Duration>,
}

/// What multicast transports are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MulticastOptions {
    /// RATE, in kbit/s.
    pub rate_kbit_s: i32,
    /// RECOVERY_IVL, in milliseconds.
    pub recovery_ivl_ms: i32,
    /// MULTICAST_HOPS.
    pub hops: i32,
    /// MULTICAST_MAXTPDU, in bytes.
    pub max_tpdu_bytes: i32,
    /// MULTICAST_LOOP.
    pub loopback: bool,
}

/// RECONNECT_STOP: what ends the attempts to connect again. libzmq's bits in brackets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReconnectStop {
    /// The peer's system refused the connection (1).
    pub conn_refused: bool,
    /// The handshake failed (2).
    pub handshake_failed: bool,
    /// The connection was established and then lost (4); in the C library: `zmq_disconnect` was
    /// called, though messages linger.
    pub after_disconnect: bool,
}

/// ROUTER_NOTIFY: which peer events arrive as empty messages. libzmq's bits in brackets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouterNotify {
    /// A peer connected (1).
    pub connect: bool,
    /// A peer disconnected (2).
    pub disconnect: bool,
}

/// What the engine has to do after an option was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetEffect<'a> {
    /// Nothing: later binds and connects will find the value.
    Stored,
    /// The value counts at once, wherever the engine keeps a copy of it.
    Live,
    /// [`SocketOptions::snd_hwm`] changed: tell the pipes.
    SendHwm,
    /// [`SocketOptions::rcv_hwm`] changed: tell the pipes.
    ReceiveHwm,
    /// Subscribe to the topic (XPUB: on behalf of the peer whose subscription was received last).
    Subscribe(&'a [u8]),
    /// Cancel one subscription to the topic (XPUB: as above).
    Unsubscribe(&'a [u8]),
    /// Acknowledge what was received.
    Acknowledge,
}

/// The value of an option as the C API has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionValue<'a> {
    /// An `int`.
    Int(i32),
    /// An `int64_t`.
    I64(i64),
    /// A `uint64_t`.
    U64(u64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A string, to be ended with a zero byte in C.
    Str(&'a str),
    /// The same of any bytes.
    String(&'a [u8]),
    /// A key of CURVE; C reads it as 32 bytes or as 41 of Z85 with a zero byte.
    Key(&'a [u8; 32]),
    /// The engine knows the value: RCVMORE, FD, EVENTS, TYPE, LAST_ENDPOINT, THREAD_SAFE,
    /// MECHANISM, TOPICS_COUNT.
    Engine,
}

impl SocketOptions {
    /// What libzmq starts a socket of this type with, and no limits of our own: for the C face.
    #[must_use]
    pub fn libzmq_defaults(socket_type: SocketType) -> Self {
        let mut options = Self::blank(socket_type);
        rows().for_each(|row| options.reset(row, row.libzmq));
        options.without_needless_linger()
    }

    /// What the Rust API and the shell tools start a socket of this type with: libzmq's defaults
    /// but for those that are traps. `doc/options.md` lists each with the reason.
    #[must_use]
    pub fn safe_defaults(socket_type: SocketType) -> Self {
        let mut options = Self::blank(socket_type);
        rows().for_each(|row| options.reset(row, row.safe_default()));
        options.without_needless_linger()
    }

    /// Sets the option of this number from a value as C programs pass it.
    ///
    /// # Errors
    /// When there is no such option, this socket type or version does not have it, it can only be
    /// read, or the value has the wrong length, range or form. Nothing is changed then.
    pub fn set<'a>(&mut self, code: i32, value: &'a [u8]) -> Result<SetEffect<'a>, OptionError> {
        let row = self.checked_row(code, Access::Get, OptionFault::ReadOnly)?;
        let refuse = |fault| OptionError { code, name: Some(row.name), fault };
        let length = || refuse(OptionFault::Length { expected: row.kind, found: value.len() });
        let form = |expected| refuse(OptionFault::Form { expected });
        match row.field {
            Field::Int(_, write) => {
                let int = i32::from_ne_bytes(value.try_into().map_err(|_| length())?);
                write(self, check_int(row.kind, int).map_err(refuse)?);
            }
            Field::I64(_, write) => {
                let int = i64::from_ne_bytes(value.try_into().map_err(|_| length())?);
                if !matches!(row.kind, Kind::I64 { min } if int >= min) {
                    return Err(refuse(OptionFault::Range { expected: row.kind, found: int }));
                }
                write(self, int);
            }
            Field::U64(_, write) => {
                write(self, u64::from_ne_bytes(value.try_into().map_err(|_| length())?));
            }
            Field::Bytes(_, write) => {
                check_length(row.kind, value).ok_or_else(length)?;
                write(self, value);
            }
            Field::Text(_, write) => {
                check_length(row.kind, value).ok_or_else(length)?;
                write(self, str::from_utf8(value).map_err(|_| form("text in UTF-8"))?);
            }
            Field::Octets(_, write) => {
                check_length(row.kind, value).ok_or_else(length)?;
                write(self, value);
            }
            Field::Key(_, write) => {
                check_length(row.kind, value).ok_or_else(length)?;
                write(self, &*read_key(value).ok_or_else(|| form("a key in Z85"))?);
            }
            Field::Parsed(parse) => {
                check_length(row.kind, value).ok_or_else(length)?;
                parse(self, value).map_err(form)?;
            }
            Field::Topic => {
                if self.socket_type == SocketType::XPub && !self.xpub_manual {
                    return Err(refuse(OptionFault::Requires { option: "XPUB_MANUAL" }));
                }
            }
            Field::Action => {
                let int = i32::from_ne_bytes(value.try_into().map_err(|_| length())?);
                check_int(row.kind, int).map_err(refuse)?;
            }
            Field::Engine => return Err(refuse(OptionFault::ReadOnly)),
            Field::Absent => return Err(refuse(OptionFault::Unknown)),
        }
        Ok(match (row.code, row.when) {
            (code::SNDHWM, _) => SetEffect::SendHwm,
            (code::RCVHWM, _) => SetEffect::ReceiveHwm,
            (code::SUBSCRIBE, _) => SetEffect::Subscribe(value),
            (code::UNSUBSCRIBE, _) => SetEffect::Unsubscribe(value),
            (code::ACK, _) => SetEffect::Acknowledge,
            (_, When::Now) => SetEffect::Live,
            (_, When::NextConnection) => SetEffect::Stored,
        })
    }

    /// Reads the option of this number.
    ///
    /// # Errors
    /// When there is no such option, this socket type or version does not have it, or it can only
    /// be set.
    pub fn value(&self, code: i32) -> Result<OptionValue<'_>, OptionError> {
        let row = self.checked_row(code, Access::Set, OptionFault::WriteOnly)?;
        Ok(match row.field {
            Field::Int(read, _) => OptionValue::Int(read(self)),
            Field::I64(read, _) => OptionValue::I64(read(self)),
            Field::U64(read, _) => OptionValue::U64(read(self)),
            Field::Bytes(read, _) => OptionValue::Bytes(read(self)),
            Field::Text(read, _) => OptionValue::Str(read(self)),
            Field::Octets(read, _) => OptionValue::String(read(self)),
            Field::Key(read, _) => OptionValue::Key(read(self)),
            Field::Engine => OptionValue::Engine,
            Field::Parsed(_) | Field::Topic | Field::Action | Field::Absent => {
                let fault = OptionFault::WriteOnly;
                return Err(OptionError { code, name: Some(row.name), fault });
            }
        })
    }

    /// The most bytes of one system call for a batch option of so many messages: 32 for each, so
    /// that the default leaves it to the size of the engine's own buffers.
    pub(crate) fn batch_bytes(messages: usize) -> usize {
        messages.saturating_mul(BATCH_MESSAGE_BYTES)
    }

    /// The option of this number decides how a socket is durable or spills, which is settled at its
    /// first bind or connect.
    pub(crate) fn is_of_durability(code: i32) -> bool {
        code > code::ZMQ_LAST && code != code::ACK && code != code::MESSAGE_TTL
    }

    /// The type of the socket that these options are for.
    #[must_use]
    pub const fn socket_type(&self) -> SocketType {
        self.socket_type
    }

    /// How long a silence after a PING ends the connection: HEARTBEAT_TIMEOUT, or the interval when
    /// that is not set. `None` when no PING is sent or silence shall not end anything.
    #[must_use]
    pub fn heartbeat_timeout_effective(&self) -> Option<Duration> {
        let interval = self.heartbeat_ivl?;
        Some(self.heartbeat_timeout.unwrap_or(interval)).filter(|timeout| !timeout.is_zero())
    }

    /// The row of an option that this socket has and that allows more than `other` access.
    fn checked_row(
        &self,
        code: i32,
        other: Access,
        fault: OptionFault,
    ) -> Result<&'static OptionRow, OptionError> {
        let Some(row) = row(code) else {
            return Err(OptionError { code, name: None, fault: OptionFault::Unknown });
        };
        let fault = match row.state {
            State::NotBuilt(feature) => OptionFault::NotBuilt { feature },
            State::Built
                if !row.belongs_to(self.socket_type)
                    && (other == Access::Get || !row.reads_everywhere) =>
            {
                OptionFault::WrongSocketType { found: self.socket_type }
            }
            State::Built if row.access == other => fault,
            State::Built => return Ok(row),
        };
        Err(OptionError { code, name: Some(row.name), fault })
    }

    /// Puts a row's default into its field. Rows without a default start empty, as `blank` has
    /// them.
    fn reset(&mut self, row: &OptionRow, default: Option<i64>) {
        let (State::Built, Some(default)) = (row.state, default) else { return };
        match row.field {
            // Ranges of defaults are checked by the tests of the table.
            Field::Int(_, write) => write(self, default as i32),
            Field::I64(_, write) => write(self, default),
            Field::U64(_, write) => write(self, default as u64),
            _ => {}
        }
    }

    /// Sockets that send nothing but subscriptions have nothing to linger for; libzmq's report 0.
    fn without_needless_linger(mut self) -> Self {
        if matches!(self.socket_type, SocketType::Sub | SocketType::XSub | SocketType::Dish) {
            self.linger = Some(Duration::ZERO);
        }
        self
    }

    /// Everything zero, off and empty, to be filled from the table.
    fn blank(socket_type: SocketType) -> Self {
        Self {
            socket_type,
            snd_hwm: 0,
            rcv_hwm: 0,
            conflate: false,
            immediate: false,
            linger: None,
            snd_timeout: None,
            rcv_timeout: None,
            affinity: 0,
            reconnect_ivl: None,
            reconnect_ivl_max: None,
            reconnect_stop: ReconnectStop::default(),
            connect_timeout: None,
            handshake_ivl: None,
            heartbeat_ivl: None,
            heartbeat_ttl: None,
            heartbeat_timeout: None,
            max_msg_size: None,
            max_parts: None,
            unfinished_bytes_max: None,
            subscriptions_max: None,
            subscription_bytes_max: None,
            routing_id: Vec::new(),
            connect_routing_id: None,
            router_mandatory: false,
            router_handover: false,
            router_raw: false,
            router_notify: RouterNotify::default(),
            probe_router: false,
            req_correlate: false,
            req_relaxed: false,
            xpub_verbose: false,
            xpub_verboser: false,
            xpub_nodrop: false,
            xpub_manual: false,
            xpub_manual_last_value: false,
            xpub_welcome_msg: Vec::new(),
            xsub_verbose_unsubscribe: false,
            only_first_subscribe: false,
            invert_matching: false,
            stream_notify: false,
            hello_msg: Vec::new(),
            disconnect_msg: Vec::new(),
            hiccup_msg: Vec::new(),
            metadata: Vec::new(),
            in_batch_messages: 0,
            out_batch_messages: 0,
            max_sent_bytes: usize::MAX,
            zero_copy_recv: true,
            loopback_fastpath: false,
            multicast: MulticastOptions::default(),
            transport: TransportOptions::default(),
            security: SecurityOptions::blank(),
            durable: DurableOptions::blank(),
            message_ttl: None,
        }
    }
}

/// The number if it is in range, 1 for each positive number of a flag.
pub(super) fn check_int(kind: Kind, int: i32) -> Result<i32, OptionFault> {
    let in_range = match kind {
        Kind::Int { min, max } => (min..=max).contains(&int),
        Kind::SystemOrPositive => int == -1 || int >= 1,
        Kind::Bool => int == 0 || int == 1,
        Kind::Flag => int >= 0,
        Kind::Truth => true,
        _ => false,
    };
    match (in_range, kind) {
        (true, Kind::Flag) => Ok(int.min(1)),
        (true, Kind::Truth) => Ok(i32::from(int != 0)),
        (true, _) => Ok(int),
        (false, _) => Err(OptionFault::Range { expected: kind, found: int.into() }),
    }
}

/// `Some` if the length of the value is in range.
fn check_length(kind: Kind, value: &[u8]) -> Option<()> {
    let fits = match kind {
        Kind::Bytes { min, max } => (min..=max).contains(&value.len()),
        Kind::Text { max } => value.len() <= max,
        Kind::String { min, max } => (min..=max).contains(&value.len()),
        Kind::Key => matches!(value.len(), 32 | 40 | 41),
        Kind::IdList => matches!(value.len(), 0 | 4),
        _ => false,
    };
    fits.then_some(())
}

/// A key in one of the forms that C programs give it in. `zmq_setsockopt(3)`, ZMQ_CURVE_PUBLICKEY.
fn read_key(value: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    match value.len() {
        32 => value.try_into().ok().map(Zeroizing::new),
        40 => crate::security::key_from_z85(value),
        _ => value.strip_suffix(&[0]).and_then(crate::security::key_from_z85),
    }
}
