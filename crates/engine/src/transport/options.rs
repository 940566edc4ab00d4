//! The transport's share of a socket's options, as plain data.
//!
//! The socket fills it from its options table when it binds or connects; values are copied into the
//! listener and applied to each stream. Ranges are the table's concern.

use std::fmt;

use super::filter::{Cidr, IpcFilters};

/// How to bind, connect and tune. `Default` is libzmq's defaults, but for [`Self::ipc_takeover`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportOptions {
    /// Use IPv6 next to IPv4: wildcards are dual-stack, names give both families. Off, IPv6
    /// addresses are refused. Default false.
    pub ipv6: bool,
    /// How many connections the kernel holds that were not accepted yet. Default 100.
    pub backlog: i32,
    /// Kernel send buffer in bytes; the kernel doubles it and has its own limits. Default: the
    /// system decides.
    pub sndbuf_bytes: Option<usize>,
    /// Kernel receive buffer in bytes, as above.
    pub rcvbuf_bytes: Option<usize>,
    /// Type of service (IPv4) and traffic class (IPv6) of outgoing packets; the low eight bits
    /// count. Default 0: unset.
    pub tos: i32,
    /// Queueing priority of outgoing packets (SO_PRIORITY). Default 0: unset.
    pub priority: i32,
    /// Whether the kernel probes an idle tcp peer. Default: the system decides, and the three
    /// settings below are left alone.
    pub tcp_keepalive: Option<bool>,
    /// Unanswered probes before the peer counts as gone.
    pub tcp_keepalive_cnt: Option<u32>,
    /// Seconds of silence before the first probe.
    pub tcp_keepalive_idle_s: Option<u32>,
    /// Seconds between probes.
    pub tcp_keepalive_intvl_s: Option<u32>,
    /// Milliseconds that sent bytes may stay unacknowledged before the connection is given up
    /// (TCP_USER_TIMEOUT). Default 0: the system decides.
    pub tcp_maxrt_ms: u32,
    /// Network interface or VRF that tcp sockets are tied to (SO_BINDTODEVICE). Default none.
    pub bind_to_device: Option<String>,
    /// Microseconds a wait may spin on the network device (SO_BUSY_POLL). Default 0: unset.
    pub busy_poll_us: i32,
    /// A listening descriptor that the application opened, to be used by bind in place of one of
    /// its own. It belongs to the listener from then on. Default none.
    pub use_fd: Option<i32>,
    /// Networks whose tcp peers are accepted. Default empty: every peer.
    pub tcp_accept_filters: Vec<Cidr>,
    /// Users, groups and processes whose ipc connections are accepted. Default empty: all.
    pub ipc_filters: IpcFilters,
    /// TLS of wss endpoints.
    pub wss: WssOptions,
    /// The SOCKS5 proxy that tcp, ws and wss connect through. Default none.
    pub socks: SocksOptions,
    /// What bind does when the ipc path exists. True, as libzmq: whatever listens there loses its
    /// name, silently. False, the default: a path with a live listener gives EADDRINUSE, and only
    /// the file of a dead one is replaced.
    pub ipc_takeover: bool,
}

/// TLS of wss endpoints. All texts are PEM; empty is unset.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WssOptions {
    /// The private key of a listening end.
    pub key_pem: String,
    /// The certificate of a listening end, followed by those that lead to its authority.
    pub cert_pem: String,
    /// The authorities that a connecting end trusts.
    pub trust_pem: String,
    /// The name that the server's certificate must have. Default: the host of the endpoint.
    pub hostname: String,
    /// Whether a connecting end trusts the authorities that the system trusts too. Default false.
    pub trust_system: bool,
}

impl fmt::Debug for WssOptions {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WssOptions")
            .field("cert_pem", &self.cert_pem)
            .field("trust_pem", &self.trust_pem)
            .field("hostname", &self.hostname)
            .field("trust_system", &self.trust_system)
            .finish_non_exhaustive()
    }
}

/// A SOCKS5 proxy (RFC 1928).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SocksOptions {
    /// The proxy as `host:port`; empty for none.
    pub proxy: String,
    /// The user name (RFC 1929); empty to connect without one.
    pub username: String,
    /// The password that goes with it.
    pub password: String,
}

impl fmt::Debug for SocksOptions {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksOptions")
            .field("proxy", &self.proxy)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            ipv6: false,
            backlog: 100,
            sndbuf_bytes: None,
            rcvbuf_bytes: None,
            tos: 0,
            priority: 0,
            tcp_keepalive: None,
            tcp_keepalive_cnt: None,
            tcp_keepalive_idle_s: None,
            tcp_keepalive_intvl_s: None,
            tcp_maxrt_ms: 0,
            bind_to_device: None,
            busy_poll_us: 0,
            use_fd: None,
            tcp_accept_filters: Vec::new(),
            ipc_filters: IpcFilters::default(),
            wss: WssOptions::default(),
            socks: SocksOptions::default(),
            ipc_takeover: false,
        }
    }
}
