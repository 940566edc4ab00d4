//! Rows that belong to the transports: addresses, buffers, keepalive, filters. Constants; any
//! thread may read them.

use super::super::code;
use super::super::row::{Field, Kind, MAX, OptionRow as Row};
use super::from_int;
use crate::transport::TransportOptions;

/// A number that the system decides when it is -1.
fn to_system(value: Option<u32>) -> i32 {
    value.map_or(-1, |value| i32::try_from(value).unwrap_or(i32::MAX))
}

fn from_system(value: i32) -> Option<u32> {
    u32::try_from(value).ok()
}

/// Adds to a list of numbers, or clears it when there are no bytes.
fn add_id<T>(
    transport: &mut TransportOptions,
    value: &[u8],
    list: fn(&mut TransportOptions) -> &mut Vec<T>,
    number: fn([u8; 4]) -> T,
) -> Result<(), &'static str> {
    if value.is_empty() {
        list(transport).clear();
    } else {
        list(transport).push(number(value.try_into().map_err(|_| "four bytes")?));
    }
    Ok(())
}

/// Longest PEM text in bytes: a bundle of all public authorities is a quarter of it.
const PEM_BYTES_MAX: usize = 1 << 20;

pub(super) const ROWS: &[Row] = &[
    Row::number(code::IPV6, "IPV6", Kind::Bool, 0)
        .safe(1, "Names and wildcards should reach every peer, whichever family it has.")
        .field(Field::Int(|o| o.transport.ipv6.into(), |o, v| o.transport.ipv6 = v == 1))
        .doc("Uses IPv6 next to IPv4: wildcards are dual-stack, names give both families."),
    Row::number(code::IPV4ONLY, "IPV4ONLY", Kind::Bool, 1)
        .deprecated()
        .safe(0, "The opposite of IPV6, which see.")
        .field(Field::Int(|o| (!o.transport.ipv6).into(), |o, v| o.transport.ipv6 = v == 0))
        .doc("The opposite of IPV6."),
    Row::int(code::BACKLOG, "BACKLOG", (0, MAX), 100)
        .unit("connections")
        .field(Field::Int(|o| o.transport.backlog, |o, v| o.transport.backlog = v))
        .doc("Connections that the system holds until they are accepted."),
    Row::int(code::SNDBUF, "SNDBUF", (-1, MAX), -1)
        .unit("bytes")
        .field(Field::Int(
            |o| o.transport.sndbuf_bytes.map_or(-1, super::to_int),
            |o, v| o.transport.sndbuf_bytes = (v >= 0).then(|| from_int(v)),
        ))
        .doc("The system's send buffer of each connection; -1 leaves it to the system."),
    Row::int(code::RCVBUF, "RCVBUF", (-1, MAX), -1)
        .unit("bytes")
        .field(Field::Int(
            |o| o.transport.rcvbuf_bytes.map_or(-1, super::to_int),
            |o, v| o.transport.rcvbuf_bytes = (v >= 0).then(|| from_int(v)),
        ))
        .doc("The system's receive buffer of each connection; -1 leaves it to the system."),
    Row::int(code::TOS, "TOS", (0, MAX), 0)
        .field(Field::Int(|o| o.transport.tos, |o, v| o.transport.tos = v))
        .doc(
            "Type of service of outgoing packets, or IPv6 traffic class; the low eight bits count, \
              and 0 leaves it alone.",
        ),
    Row::int(code::PRIORITY, "PRIORITY", (0, MAX), 0)
        .draft()
        .field(Field::Int(|o| o.transport.priority, |o, v| o.transport.priority = v))
        .doc("Queueing priority of outgoing packets (SO_PRIORITY); 0 leaves it alone."),
    Row::int(code::BUSY_POLL, "BUSY_POLL", (0, MAX), 0)
        .unit("us")
        .draft()
        .field(Field::Int(|o| o.transport.busy_poll_us, |o, v| o.transport.busy_poll_us = v))
        .doc("How long a wait may spin on the network device (SO_BUSY_POLL); 0 leaves it alone."),
    Row::int(code::TCP_KEEPALIVE, "TCP_KEEPALIVE", (-1, 1), -1)
        .field(Field::Int(
            |o| o.transport.tcp_keepalive.map_or(-1, i32::from),
            |o, v| o.transport.tcp_keepalive = (v >= 0).then_some(v == 1),
        ))
        .doc("Whether the system probes silent TCP peers; -1 leaves it and the next three alone."),
    Row::number(code::TCP_KEEPALIVE_CNT, "TCP_KEEPALIVE_CNT", Kind::SystemOrPositive, -1)
        .unit("probes")
        .field(Field::Int(
            |o| to_system(o.transport.tcp_keepalive_cnt),
            |o, v| o.transport.tcp_keepalive_cnt = from_system(v),
        ))
        .doc("Unanswered probes until a TCP peer counts as gone; -1 leaves it to the system."),
    Row::number(code::TCP_KEEPALIVE_IDLE, "TCP_KEEPALIVE_IDLE", Kind::SystemOrPositive, -1)
        .unit("s")
        .field(Field::Int(
            |o| to_system(o.transport.tcp_keepalive_idle_s),
            |o, v| o.transport.tcp_keepalive_idle_s = from_system(v),
        ))
        .doc("Silence before the first probe; -1 leaves it to the system."),
    Row::number(code::TCP_KEEPALIVE_INTVL, "TCP_KEEPALIVE_INTVL", Kind::SystemOrPositive, -1)
        .unit("s")
        .field(Field::Int(
            |o| to_system(o.transport.tcp_keepalive_intvl_s),
            |o, v| o.transport.tcp_keepalive_intvl_s = from_system(v),
        ))
        .doc("Time between probes; -1 leaves it to the system."),
    Row::int(code::TCP_MAXRT, "TCP_MAXRT", (0, MAX), 0)
        .unit("ms")
        .field(Field::Int(
            |o| i32::try_from(o.transport.tcp_maxrt_ms).unwrap_or(i32::MAX),
            |o, v| o.transport.tcp_maxrt_ms = u32::try_from(v).unwrap_or(0),
        ))
        .doc(
            "How long sent bytes may stay unacknowledged until the connection is given up; 0 \
              leaves it to the system.",
        ),
    Row::text(code::TCP_ACCEPT_FILTER, "TCP_ACCEPT_FILTER", 255)
        .set_only()
        .deprecated()
        .field(Field::Parsed(|o, value| {
            let text = value.split(|&byte| byte == 0).next().unwrap_or_default();
            if value.is_empty() {
                o.transport.tcp_accept_filters.clear();
                return Ok(());
            }
            const FORM: &str = "a network such as 192.168.0.0/16 or fd00::/8";
            let network = str::from_utf8(text).map_err(|_| FORM)?.parse().map_err(|_| FORM)?;
            o.transport.tcp_accept_filters.push(network);
            Ok(())
        }))
        .doc(
            "Adds a network whose peers are accepted; empty clears the list, and without a list \
              everyone is accepted.",
        ),
    Row::ids(code::IPC_FILTER_PID, "IPC_FILTER_PID")
        .set_only()
        .deprecated()
        .field(Field::Parsed(|o, value| {
            add_id(&mut o.transport, value, |t| &mut t.ipc_filters.pids, i32::from_ne_bytes)
        }))
        .doc("Adds a process whose ipc connections are accepted."),
    Row::ids(code::IPC_FILTER_UID, "IPC_FILTER_UID")
        .set_only()
        .deprecated()
        .field(Field::Parsed(|o, value| {
            add_id(&mut o.transport, value, |t| &mut t.ipc_filters.uids, u32::from_ne_bytes)
        }))
        .doc("Adds a user whose ipc connections are accepted."),
    Row::ids(code::IPC_FILTER_GID, "IPC_FILTER_GID")
        .set_only()
        .deprecated()
        .field(Field::Parsed(|o, value| {
            add_id(&mut o.transport, value, |t| &mut t.ipc_filters.gids, u32::from_ne_bytes)
        }))
        .doc("Adds a group whose ipc connections are accepted."),
    Row::int(code::USE_FD, "USE_FD", (-1, MAX), -1)
        .unit("descriptor")
        .field(Field::Int(
            |o| o.transport.use_fd.unwrap_or(-1),
            |o, v| o.transport.use_fd = (v >= 0).then_some(v),
        ))
        .doc(
            "A listening descriptor for the next bind over tcp or ipc, which owns it then; -1 is \
              none.",
        ),
    Row::text(code::BINDTODEVICE, "BINDTODEVICE", 16)
        .field(Field::Text(
            |o| o.transport.bind_to_device.as_deref().unwrap_or_default(),
            |o, v| o.transport.bind_to_device = (!v.is_empty()).then(|| v.to_owned()),
        ))
        .doc("The network interface or VRF that connections are tied to; empty is none."),
    Row::number(code::LOOPBACK_FASTPATH, "LOOPBACK_FASTPATH", Kind::Bool, 0)
        .draft()
        .field(Field::Int(|o| o.loopback_fastpath.into(), |o, v| o.loopback_fastpath = v == 1))
        .doc("Speeds up loopback connections on Windows; other systems have nothing to speed up."),
    Row::text(code::SOCKS_PROXY, "SOCKS_PROXY", 255)
        .field(Field::Text(
            |o| &o.transport.socks.proxy,
            |o, v| v.clone_into(&mut o.transport.socks.proxy),
        ))
        .doc(
            "The SOCKS5 proxy, as host:port, that tcp, ws and wss connect through; the proxy \
              resolves host names. Empty is none.",
        ),
    Row::text(code::SOCKS_USERNAME, "SOCKS_USERNAME", 255)
        .draft()
        .field(Field::Text(
            |o| &o.transport.socks.username,
            |o, v| v.clone_into(&mut o.transport.socks.username),
        ))
        .doc("The user name at the proxy; empty connects without one."),
    Row::text(code::SOCKS_PASSWORD, "SOCKS_PASSWORD", 255)
        .draft()
        .field(Field::Text(
            |o| &o.transport.socks.password,
            |o, v| v.clone_into(&mut o.transport.socks.password),
        ))
        .doc("The password at the proxy, sent to it unencrypted."),
    Row::text(code::WSS_KEY_PEM, "WSS_KEY_PEM", PEM_BYTES_MAX)
        .draft()
        .set_only()
        .field(Field::Text(
            |o| &o.transport.wss.key_pem,
            |o, v| v.clone_into(&mut o.transport.wss.key_pem),
        ))
        .doc("The private key of a wss listener, in PEM."),
    Row::text(code::WSS_CERT_PEM, "WSS_CERT_PEM", PEM_BYTES_MAX)
        .draft()
        .set_only()
        .field(Field::Text(
            |o| &o.transport.wss.cert_pem,
            |o, v| v.clone_into(&mut o.transport.wss.cert_pem),
        ))
        .doc(
            "The certificate of a wss listener, in PEM, followed by those that lead to its \
              authority.",
        ),
    Row::text(code::WSS_TRUST_PEM, "WSS_TRUST_PEM", PEM_BYTES_MAX)
        .draft()
        .set_only()
        .field(Field::Text(
            |o| &o.transport.wss.trust_pem,
            |o, v| v.clone_into(&mut o.transport.wss.trust_pem),
        ))
        .doc(
            "The authorities, in PEM, whose certificates a connect over wss trusts; without them \
              and WSS_TRUST_SYSTEM none is trusted.",
        ),
    Row::text(code::WSS_HOSTNAME, "WSS_HOSTNAME", 255)
        .draft()
        .set_only()
        .field(Field::Text(
            |o| &o.transport.wss.hostname,
            |o, v| v.clone_into(&mut o.transport.wss.hostname),
        ))
        .doc(
            "The name that the server's certificate must have; empty is the host of the endpoint.",
        ),
    Row::number(code::WSS_TRUST_SYSTEM, "WSS_TRUST_SYSTEM", Kind::Bool, 0)
        .draft()
        .set_only()
        .field(Field::Int(
            |o| o.transport.wss.trust_system.into(),
            |o, v| o.transport.wss.trust_system = v == 1,
        ))
        .doc("Whether a connect over wss trusts the authorities that the system trusts."),
    Row::number(0, "IPC_TAKEOVER", Kind::Bool, 1)
        .oxmq_only()
        .safe(0, "Binding a path that another program serves would silently cut that program off.")
        .field(Field::Int(
            |o| o.transport.ipc_takeover.into(),
            |o, v| o.transport.ipc_takeover = v == 1,
        ))
        .doc(
            "Binding an ipc path takes it from a live listener; 0 refuses with EADDRINUSE and \
              replaces only what a dead one left.",
        ),
];
