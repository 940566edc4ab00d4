//! Options: every row of the engine's table that can be set has a setter, which sets what it says,
//! keeps to the range, and is refused where the socket's type has no such option.

use std::time::Duration;

use oxmq::kind::Any;
use oxmq::{
    AckMode, AnySocket, Context, CurveKeyPair, DurableStart, Error, Keep, OptionFault, Options,
    Pub, PublicKey, Push, RawOption, SecretKey, SocketOptions, SocketType, SyncPolicy,
};
use oxmq_engine::options::{Access, State, rows};

const MS: Duration = Duration::from_millis(1234);

type Set = fn(&mut Options<Any>) -> &mut Options<Any>;
type Holds = fn(&SocketOptions) -> bool;

/// The row, a socket type that has it, a setter, and what must hold then and not before.
const SETTERS: &[(&str, SocketType, Set, Holds)] = &[
    ("SNDHWM", SocketType::Push, |o| o.send_hwm(7), |v| v.snd_hwm == 7),
    ("RCVHWM", SocketType::Pull, |o| o.recv_hwm(7), |v| v.rcv_hwm == 7),
    ("CONFLATE", SocketType::Push, |o| o.conflate(true), |v| v.conflate),
    ("IMMEDIATE", SocketType::Push, |o| o.immediate(true), |v| v.immediate),
    ("LINGER", SocketType::Push, |o| o.linger(MS), |v| v.linger == Some(MS)),
    ("SNDTIMEO", SocketType::Push, |o| o.send_timeout(MS), |v| v.snd_timeout == Some(MS)),
    ("RCVTIMEO", SocketType::Pull, |o| o.recv_timeout(MS), |v| v.rcv_timeout == Some(MS)),
    ("AFFINITY", SocketType::Push, |o| o.affinity(5), |v| v.affinity == 5),
    ("RECONNECT_IVL", SocketType::Push, |o| o.reconnect_ivl(MS), |v| v.reconnect_ivl == Some(MS)),
    (
        "RECONNECT_IVL_MAX",
        SocketType::Push,
        |o| o.reconnect_ivl_max(MS),
        |v| v.reconnect_ivl_max == Some(MS),
    ),
    (
        "RECONNECT_STOP",
        SocketType::Push,
        |o| o.reconnect_stop_conn_refused(true).reconnect_stop_after_disconnect(true),
        |v| {
            let stop = v.reconnect_stop;
            stop.conn_refused && !stop.handshake_failed && stop.after_disconnect
        },
    ),
    (
        "CONNECT_TIMEOUT",
        SocketType::Push,
        |o| o.connect_timeout(MS),
        |v| v.connect_timeout == Some(MS),
    ),
    ("HANDSHAKE_IVL", SocketType::Push, |o| o.handshake_ivl(None), |v| v.handshake_ivl.is_none()),
    ("HEARTBEAT_IVL", SocketType::Push, |o| o.heartbeat_ivl(MS), |v| v.heartbeat_ivl == Some(MS)),
    (
        "HEARTBEAT_TTL",
        SocketType::Push,
        |o| o.heartbeat_ttl(MS),
        |v| v.heartbeat_ttl == Some(Duration::from_millis(1200)),
    ),
    (
        "HEARTBEAT_TIMEOUT",
        SocketType::Push,
        |o| o.heartbeat_timeout(None),
        |v| v.heartbeat_timeout.is_none(),
    ),
    ("MAXMSGSIZE", SocketType::Pull, |o| o.max_msg_size(99), |v| v.max_msg_size == Some(99)),
    (
        "MULTIPART_BYTES_MAX",
        SocketType::Pull,
        |o| o.multipart_bytes_max(99),
        |v| v.unfinished_bytes_max == Some(99),
    ),
    (
        "MULTIPART_PARTS_MAX",
        SocketType::Pull,
        |o| o.multipart_parts_max(None),
        |v| v.max_parts.is_none(),
    ),
    ("ROUTING_ID", SocketType::Req, |o| o.routing_id("me"), |v| v.routing_id == b"me"),
    (
        "METADATA",
        SocketType::Req,
        |o| o.metadata("X-A", "b"),
        |v| v.metadata == [("X-A".to_owned(), b"b".to_vec())],
    ),
    ("STORE", SocketType::Push, |o| o.durable("n", "/s"), |v| v.durable.store == "/s"),
    ("DURABLE", SocketType::Rep, |o| o.durable("n", "/s"), |v| v.durable.name == b"n"),
    (
        "SYNC",
        SocketType::Push,
        |o| o.sync(SyncPolicy::Interval),
        |v| v.durable.sync == SyncPolicy::Interval,
    ),
    ("SYNC_IVL", SocketType::Push, |o| o.sync_ivl(MS), |v| v.durable.sync_ivl == MS),
    (
        "ACK_MODE",
        SocketType::Pull,
        |o| o.ack_mode(AckMode::Explicit),
        |v| v.durable.ack == AckMode::Explicit,
    ),
    (
        "LOG_BYTES_MAX",
        SocketType::Push,
        |o| o.log_bytes_max(99),
        |v| v.durable.log_bytes_max == Some(99),
    ),
    (
        "LOG_MESSAGES_MAX",
        SocketType::Push,
        |o| o.log_messages_max(99),
        |v| v.durable.log_messages_max == Some(99),
    ),
    ("LOG_AGE_MAX", SocketType::Push, |o| o.log_age_max(MS), |v| v.durable.log_age_max == Some(MS)),
    ("KEEP", SocketType::Pub, |o| o.keep(Keep::Limits), |v| v.durable.keep == Keep::Limits),
    ("ATTEMPTS_MAX", SocketType::Push, |o| o.attempts_max(9), |v| v.durable.attempts_max == 9),
    (
        "START",
        SocketType::Sub,
        |o| o.start(DurableStart::Earliest),
        |v| v.durable.start == DurableStart::Earliest,
    ),
    ("SPILL_DIR", SocketType::Push, |o| o.spill_dir("/t"), |v| v.durable.spill_dir == "/t"),
    (
        "SPILL_MEMORY",
        SocketType::Push,
        |o| o.spill_memory(None),
        |v| v.durable.spill_memory.is_none(),
    ),
    ("SPILL_LIMIT", SocketType::Push, |o| o.spill_limit(99), |v| v.durable.spill_limit == Some(99)),
    ("INVERT_MATCHING", SocketType::Pub, |o| o.invert_matching(true), |v| v.invert_matching),
    ("XPUB_VERBOSE", SocketType::XPub, |o| o.xpub_verbose(true), |v| v.xpub_verbose),
    ("XPUB_VERBOSER", SocketType::XPub, |o| o.xpub_verboser(true), |v| v.xpub_verboser),
    ("XPUB_NODROP", SocketType::Pub, |o| o.xpub_nodrop(true), |v| v.xpub_nodrop),
    ("XPUB_MANUAL", SocketType::XPub, |o| o.xpub_manual(true), |v| v.xpub_manual),
    (
        "XPUB_MANUAL_LAST_VALUE",
        SocketType::XPub,
        |o| o.xpub_manual_last_value(true),
        |v| v.xpub_manual && v.xpub_manual_last_value,
    ),
    (
        "XPUB_WELCOME_MSG",
        SocketType::XPub,
        |o| o.xpub_welcome_msg(b"hi"),
        |v| v.xpub_welcome_msg == b"hi",
    ),
    (
        "XSUB_VERBOSE_UNSUBSCRIBE",
        SocketType::XSub,
        |o| o.xsub_verbose_unsubscribe(true),
        |v| v.xsub_verbose_unsubscribe,
    ),
    (
        "ONLY_FIRST_SUBSCRIBE",
        SocketType::XSub,
        |o| o.only_first_subscribe(true),
        |v| v.only_first_subscribe,
    ),
    (
        "SUBSCRIPTIONS_MAX",
        SocketType::Pub,
        |o| o.subscriptions_max(9),
        |v| v.subscriptions_max == Some(9),
    ),
    (
        "SUBSCRIPTION_BYTES_MAX",
        SocketType::Pub,
        |o| o.subscription_bytes_max(9),
        |v| v.subscription_bytes_max == Some(9),
    ),
    ("ROUTER_MANDATORY", SocketType::Router, |o| o.router_mandatory(true), |v| v.router_mandatory),
    ("ROUTER_HANDOVER", SocketType::Router, |o| o.router_handover(true), |v| v.router_handover),
    ("ROUTER_RAW", SocketType::Router, |o| o.router_raw(true), |v| v.router_raw),
    (
        "RECONNECT_STOP",
        SocketType::Push,
        |o| o.reconnect_stop_handshake_failed(true),
        |v| v.reconnect_stop.handshake_failed,
    ),
    (
        "ROUTER_NOTIFY",
        SocketType::Router,
        |o| o.router_notify_connect(true),
        |v| v.router_notify.connect,
    ),
    (
        "ROUTER_NOTIFY",
        SocketType::Router,
        |o| o.router_notify_disconnect(true),
        |v| !v.router_notify.connect && v.router_notify.disconnect,
    ),
    (
        "CONNECT_ROUTING_ID",
        SocketType::Stream,
        |o| o.connect_routing_id(b"it"),
        |v| v.connect_routing_id.as_deref() == Some(b"it"),
    ),
    ("PROBE_ROUTER", SocketType::Req, |o| o.probe_router(true), |v| v.probe_router),
    ("REQ_CORRELATE", SocketType::Req, |o| o.req_correlate(true), |v| v.req_correlate),
    ("REQ_RELAXED", SocketType::Req, |o| o.req_relaxed(true), |v| v.req_relaxed),
    ("STREAM_NOTIFY", SocketType::Stream, |o| o.stream_notify(false), |v| !v.stream_notify),
    ("HELLO_MSG", SocketType::Dealer, |o| o.hello_msg("hi"), |v| v.hello_msg == b"hi"),
    (
        "DISCONNECT_MSG",
        SocketType::Router,
        |o| o.disconnect_msg(b"bye"),
        |v| v.disconnect_msg == b"bye",
    ),
    ("HICCUP_MSG", SocketType::Dealer, |o| o.hiccup_msg(b"oh"), |v| v.hiccup_msg == b"oh"),
    ("IPV6", SocketType::Push, |o| o.ipv6(false), |v| !v.transport.ipv6),
    ("IPV4ONLY", SocketType::Push, |o| o.ipv6(false), |v| !v.transport.ipv6),
    ("BACKLOG", SocketType::Push, |o| o.backlog(9), |v| v.transport.backlog == 9),
    ("SNDBUF", SocketType::Push, |o| o.send_buffer(9), |v| v.transport.sndbuf_bytes == Some(9)),
    ("RCVBUF", SocketType::Push, |o| o.recv_buffer(9), |v| v.transport.rcvbuf_bytes == Some(9)),
    ("TOS", SocketType::Push, |o| o.type_of_service(9), |v| v.transport.tos == 9),
    ("PRIORITY", SocketType::Push, |o| o.priority(9), |v| v.transport.priority == 9),
    ("BUSY_POLL", SocketType::Push, |o| o.busy_poll_us(9), |v| v.transport.busy_poll_us == 9),
    (
        "TCP_KEEPALIVE",
        SocketType::Push,
        |o| o.tcp_keepalive(true),
        |v| v.transport.tcp_keepalive == Some(true),
    ),
    (
        "TCP_KEEPALIVE_CNT",
        SocketType::Push,
        |o| o.tcp_keepalive_cnt(9),
        |v| v.transport.tcp_keepalive_cnt == Some(9),
    ),
    (
        "TCP_KEEPALIVE_IDLE",
        SocketType::Push,
        |o| o.tcp_keepalive_idle_s(9),
        |v| v.transport.tcp_keepalive_idle_s == Some(9),
    ),
    (
        "TCP_KEEPALIVE_INTVL",
        SocketType::Push,
        |o| o.tcp_keepalive_intvl_s(9),
        |v| v.transport.tcp_keepalive_intvl_s == Some(9),
    ),
    ("TCP_MAXRT", SocketType::Push, |o| o.tcp_maxrt_ms(9), |v| v.transport.tcp_maxrt_ms == 9),
    (
        "TCP_ACCEPT_FILTER",
        SocketType::Push,
        |o| o.tcp_accept_filter("10.0.0.0/8"),
        |v| v.transport.tcp_accept_filters.len() == 1,
    ),
    (
        "IPC_FILTER_PID",
        SocketType::Push,
        |o| o.ipc_accept_pid(9),
        |v| v.transport.ipc_filters.pids == [9],
    ),
    (
        "IPC_FILTER_UID",
        SocketType::Push,
        |o| o.ipc_accept_uid(9),
        |v| v.transport.ipc_filters.uids == [9],
    ),
    (
        "IPC_FILTER_GID",
        SocketType::Push,
        |o| o.ipc_accept_gid(9),
        |v| v.transport.ipc_filters.gids == [9],
    ),
    ("IN_BATCH_SIZE", SocketType::Pull, |o| o.in_batch_size(9), |v| v.in_batch_messages == 9),
    ("OUT_BATCH_SIZE", SocketType::Push, |o| o.out_batch_size(9), |v| v.out_batch_messages == 9),
    (
        "ZAP_TIMEOUT",
        SocketType::Pull,
        |o| o.zap_timeout(MS),
        |v| v.security.zap_timeout == Some(MS),
    ),
    (
        "AUTHORITY_REQUIRED",
        SocketType::Pull,
        |o| o.authority_required(false),
        |v| !v.security.authority_required,
    ),
    ("MULTICAST_HOPS", SocketType::Radio, |o| o.multicast_hops(9), |v| v.multicast.hops == 9),
    ("MULTICAST_LOOP", SocketType::Radio, |o| o.multicast_loop(false), |v| !v.multicast.loopback),
    ("USE_FD", SocketType::Push, |o| o.use_fd(9), |v| v.transport.use_fd == Some(9)),
    (
        "BINDTODEVICE",
        SocketType::Push,
        |o| o.bind_to_device("lo"),
        |v| v.transport.bind_to_device.as_deref() == Some("lo"),
    ),
    (
        "WSS_CERT_PEM",
        SocketType::Push,
        |o| o.wss_certificate("c", "k"),
        |v| v.transport.wss.cert_pem == "c",
    ),
    (
        "WSS_KEY_PEM",
        SocketType::Push,
        |o| o.wss_certificate("c", "k"),
        |v| v.transport.wss.key_pem == "k",
    ),
    ("WSS_TRUST_PEM", SocketType::Push, |o| o.wss_trust("t"), |v| v.transport.wss.trust_pem == "t"),
    (
        "WSS_TRUST_SYSTEM",
        SocketType::Push,
        |o| o.wss_trust_system(true),
        |v| v.transport.wss.trust_system,
    ),
    (
        "WSS_HOSTNAME",
        SocketType::Push,
        |o| o.wss_hostname("h"),
        |v| v.transport.wss.hostname == "h",
    ),
    (
        "SOCKS_PROXY",
        SocketType::Push,
        |o| o.socks_proxy("h:1"),
        |v| v.transport.socks.proxy == "h:1",
    ),
    (
        "SOCKS_USERNAME",
        SocketType::Push,
        |o| o.socks_login("u", "p"),
        |v| v.transport.socks.username == "u",
    ),
    (
        "SOCKS_PASSWORD",
        SocketType::Push,
        |o| o.socks_login("u", "p"),
        |v| v.transport.socks.password == "p",
    ),
    ("IPC_TAKEOVER", SocketType::Push, |o| o.ipc_takeover(true), |v| v.transport.ipc_takeover),
];

/// Rows whose setters are methods of the socket, as they act at once.
const METHODS: [&str; 4] = ["SUBSCRIBE", "UNSUBSCRIBE", "ACK", "MESSAGE_TTL"];

/// Rows that C programs may set and Rust programs need not: they concern transports of libzmq that
/// are not built, another system, and a question that `authority_required` answers.
const C_ONLY: [&str; 5] =
    ["RATE", "RECOVERY_IVL", "MULTICAST_MAXTPDU", "LOOPBACK_FASTPATH", "ZAP_ENFORCE_DOMAIN"];

/// Keys whose octets are all the same.
fn keys(secret: u8, public: u8) -> CurveKeyPair {
    CurveKeyPair {
        secret: SecretKey::from_bytes([secret; 32]),
        public: PublicKey::from_bytes([public; 32]),
    }
}

type Value = fn() -> RawOption;

/// The row of a credential or a role, a setter, and what is read then by the row's number.
const CREDENTIALS: &[(&str, Set, Value)] = &[
    ("PLAIN_SERVER", |o| o.plain_server(), || RawOption::Int(1)),
    ("PLAIN_USERNAME", |o| o.plain_client("u", "p"), || RawOption::Text("u".to_owned())),
    ("PLAIN_PASSWORD", |o| o.plain_client("u", "p"), || RawOption::Text("p".to_owned())),
    ("CURVE_SERVER", |o| o.curve_server(&keys(1, 2)), || RawOption::Int(1)),
    ("CURVE_SECRETKEY", |o| o.curve_server(&keys(1, 2)), || RawOption::Key([1; 32])),
    ("CURVE_PUBLICKEY", |o| o.curve_client(&keys(1, 2), SERVER), || RawOption::Key([2; 32])),
    ("CURVE_SERVERKEY", |o| o.curve_client(&keys(1, 2), SERVER), || RawOption::Key([3; 32])),
    ("ZAP_DOMAIN", |o| o.zap_domain("d"), || RawOption::Text("d".to_owned())),
];

const SERVER: PublicKey = PublicKey::from_bytes([3; 32]);

#[test]
fn each_credential_is_what_its_number_reads() {
    let context = Context::new();
    for (name, set, value) in CREDENTIALS {
        let code = rows().find(|row| row.name == *name).unwrap().code;
        let socket = AnySocket::new(&context, SocketType::Pull).unwrap();
        assert_ne!(socket.raw_option(code).unwrap(), value(), "{name}");
        socket.configure(*set).unwrap();
        assert_eq!(socket.raw_option(code).unwrap(), value(), "{name}");
    }
}

#[test]
fn every_option_that_can_be_set_has_a_setter() {
    let credentials = CREDENTIALS.iter().map(|row| row.0);
    let setters = SETTERS.iter().map(|row| row.0).chain(credentials);
    let names: Vec<_> = setters.chain(METHODS).chain(C_ONLY).collect();
    for row in rows().filter(|row| row.state == State::Built && row.access != Access::Get) {
        assert!(names.contains(&row.name), "{} has no setter", row.name);
    }
}

#[test]
fn each_setter_sets_what_it_says() {
    let context = Context::new();
    for (name, socket_type, set, holds) in SETTERS {
        let socket = AnySocket::new(&context, *socket_type).unwrap();
        assert!(!holds(&socket.options()), "{name} holds before it is set");
        socket.configure(*set).unwrap();
        assert!(holds(&socket.options()), "{name} does not hold");
        let same = AnySocket::with_options(&context, *socket_type, *set).unwrap();
        assert!(holds(&same.options()), "{name} does not hold");
    }
}

#[test]
fn times_are_exact() {
    let push = Push::new(&Context::new()).unwrap();
    let time = Duration::from_nanos(1_500_001);
    push.configure(|o| o.linger(time).send_timeout(time)).unwrap();
    assert_eq!(push.options().linger, Some(time));
    push.configure(|o| o.linger(None)).unwrap();
    assert_eq!(push.options().linger, None);
    assert_eq!(push.options().snd_timeout, Some(time));
}

#[test]
fn nothing_is_changed_when_one_value_is_refused() {
    let push = Push::new(&Context::new()).unwrap();
    let before = push.options();
    let too_many = usize::try_from(u32::MAX).unwrap();
    let refused = push.configure(|o| o.send_hwm(5).backlog(too_many).linger(Duration::ZERO));
    let Err(Error::Option(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.name, Some("BACKLOG"));
    assert!(matches!(error.fault, OptionFault::Range { .. }));
    assert_eq!(push.options(), before);
}

#[test]
fn values_out_of_range_are_refused() {
    let context = Context::new();
    let month = Duration::from_secs(40 * 24 * 3600);
    let wrong: [Set; 6] = [
        |o| o.linger(Duration::MAX),
        |o| o.heartbeat_ttl(Duration::from_secs(6554)),
        |o| o.routing_id(""),
        |o| o.routing_id([b'a'; 256]),
        |o| o.tcp_keepalive_cnt(0),
        |o| o.tcp_accept_filter("not a network"),
    ];
    for (number, set) in wrong.into_iter().enumerate() {
        let refused = AnySocket::with_options(&context, SocketType::Req, set);
        assert!(matches!(refused, Err(Error::Option(_))), "{number}");
    }
    let push = Push::new(&context).unwrap();
    assert!(push.configure(|o| o.reconnect_ivl(month)).is_err());
}

#[test]
fn an_option_of_another_type_is_refused() {
    let refused =
        AnySocket::with_options(&Context::new(), SocketType::Push, |o| o.router_mandatory(true));
    let Err(Error::Option(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.to_string(), "option ROUTER_MANDATORY: not an option of PUSH sockets");
}

#[test]
fn a_high_water_mark_counts_at_once() {
    let context = Context::new();
    let push = Push::with_options(&context, |o| o.send_hwm(1)).unwrap();
    push.connect("inproc://later").unwrap();
    push.send("1").unwrap();
    assert!(push.try_send("2").is_err());
    push.configure(|o| o.send_hwm(2)).unwrap();
    push.try_send("2").unwrap();
    assert!(push.try_send("3").is_err());
}

#[test]
fn a_context_may_keep_new_sockets_from_ipv6() {
    let context = Context::with_options(|o| o.ipv6(false).thread_name_prefix("mine"));
    let context = context.unwrap();
    assert!(Pub::new(&Context::new()).unwrap().options().transport.ipv6);
    let _ = Pub::new(&context).unwrap();
    assert!(Context::with_options(|o| o.io_threads(5000)).is_err());
    assert!(Context::with_options(|o| o.thread_name_prefix("much too long a name")).is_err());
}

#[test]
fn options_by_number_are_those_of_the_c_interface() {
    let socket = AnySocket::new(&Context::new(), SocketType::Push).unwrap();
    const SNDHWM: i32 = 23;
    socket.set_raw_option(SNDHWM, &7i32.to_ne_bytes()).unwrap();
    assert_eq!(socket.raw_option(SNDHWM).unwrap(), RawOption::Int(7));
    assert!(matches!(socket.set_raw_option(-1, &[]), Err(Error::Option(_))));
}
