//! Options of the transports: addresses, the system's buffers, keepalive, who may connect.

use oxmq_engine::options::code;

use super::Options;
use crate::kind::Kind;

impl<K: Kind> Options<K> {
    /// Whether IPv6 is used next to IPv4: wildcards accept both, names are looked up in both.
    /// Default true; libzmq's is false.
    pub fn ipv6(&mut self, on: bool) -> &mut Self {
        self.flag(code::IPV6, on)
    }

    /// How many connections the system holds until they are accepted: 0 and more. Default 100.
    pub fn backlog(&mut self, connections: usize) -> &mut Self {
        self.count(code::BACKLOG, connections)
    }

    /// The system's send buffer of each connection, in bytes; `None`, the default, leaves it to
    /// the system. Memory cost: the system takes twice as much.
    pub fn send_buffer(&mut self, bytes: impl Into<Option<usize>>) -> &mut Self {
        self.count_or_system(code::SNDBUF, bytes.into())
    }

    /// The system's receive buffer of each connection, in bytes; `None`, the default, leaves it
    /// to the system. Memory cost: the system takes twice as much.
    pub fn recv_buffer(&mut self, bytes: impl Into<Option<usize>>) -> &mut Self {
        self.count_or_system(code::RCVBUF, bytes.into())
    }

    /// Type of service of outgoing packets, or IPv6 traffic class: 0 to 255. Default 0.
    pub fn type_of_service(&mut self, tos: u8) -> &mut Self {
        self.int(code::TOS, i32::from(tos))
    }

    /// Queueing priority of outgoing packets (`SO_PRIORITY`). Default 0, which leaves it alone.
    pub fn priority(&mut self, priority: u32) -> &mut Self {
        self.count(code::PRIORITY, priority as usize)
    }

    /// How many microseconds a wait may spin on the network device (`SO_BUSY_POLL`). Default 0,
    /// which leaves it alone.
    pub fn busy_poll_us(&mut self, us: u32) -> &mut Self {
        self.count(code::BUSY_POLL, us as usize)
    }

    /// Whether the system probes TCP peers that say nothing; `None`, the default, leaves this and
    /// the next three to the system.
    pub fn tcp_keepalive(&mut self, on: impl Into<Option<bool>>) -> &mut Self {
        self.int(code::TCP_KEEPALIVE, on.into().map_or(-1, i32::from))
    }

    /// How many probes without answer mean that a TCP peer is gone: 1 and more; `None`, the
    /// default, leaves it to the system.
    pub fn tcp_keepalive_cnt(&mut self, probes: impl Into<Option<u32>>) -> &mut Self {
        self.positive_or_system(code::TCP_KEEPALIVE_CNT, probes.into())
    }

    /// How many seconds of silence come before the first probe: 1 and more; `None`, the default,
    /// leaves it to the system.
    pub fn tcp_keepalive_idle_s(&mut self, seconds: impl Into<Option<u32>>) -> &mut Self {
        self.positive_or_system(code::TCP_KEEPALIVE_IDLE, seconds.into())
    }

    /// How many seconds are between probes: 1 and more; `None`, the default, leaves it to the
    /// system.
    pub fn tcp_keepalive_intvl_s(&mut self, seconds: impl Into<Option<u32>>) -> &mut Self {
        self.positive_or_system(code::TCP_KEEPALIVE_INTVL, seconds.into())
    }

    /// How many milliseconds sent bytes may stay unacknowledged before the connection is given up
    /// (`TCP_USER_TIMEOUT`). Default 0, which leaves it to the system.
    pub fn tcp_maxrt_ms(&mut self, ms: u32) -> &mut Self {
        self.count(code::TCP_MAXRT, ms as usize)
    }

    /// The network interface or VRF that connections are tied to (`SO_BINDTODEVICE`), up to 16
    /// bytes; empty, the default, is none.
    pub fn bind_to_device(&mut self, device: &str) -> &mut Self {
        self.raw(code::BINDTODEVICE, device)
    }

    /// Adds a network, such as `192.168.0.0/16` or `fd00::/8`, whose peers are accepted; the
    /// empty text takes all back. Default: everyone is accepted.
    pub fn tcp_accept_filter(&mut self, network: &str) -> &mut Self {
        self.raw(code::TCP_ACCEPT_FILTER, network)
    }

    /// Adds a user whose ipc connections are accepted. Default: everyone's are.
    pub fn ipc_accept_uid(&mut self, uid: u32) -> &mut Self {
        self.raw(code::IPC_FILTER_UID, uid.to_ne_bytes())
    }

    /// Adds a group whose ipc connections are accepted. Default: everyone's are.
    pub fn ipc_accept_gid(&mut self, gid: u32) -> &mut Self {
        self.raw(code::IPC_FILTER_GID, gid.to_ne_bytes())
    }

    /// Adds a process whose ipc connections are accepted. Default: everyone's are.
    pub fn ipc_accept_pid(&mut self, pid: i32) -> &mut Self {
        self.raw(code::IPC_FILTER_PID, pid.to_ne_bytes())
    }

    /// Whether binding an ipc path takes it from a process that listens there. Default false: it
    /// fails with [`AddressInUse`](crate::Error::AddressInUse), and only what a dead process left
    /// is replaced. libzmq's is true.
    pub fn ipc_takeover(&mut self, on: bool) -> &mut Self {
        self.field("IPC_TAKEOVER", move |o| o.transport.ipc_takeover = on)
    }

    /// A listening descriptor that the program opened, or was given by its supervisor, for the
    /// next bind over tcp or ipc, which owns it from then on; `None`, the default, is none.
    pub fn use_fd(&mut self, fd: impl Into<Option<i32>>) -> &mut Self {
        self.int(code::USE_FD, fd.into().unwrap_or(-1))
    }

    fn count_or_system(&mut self, code: i32, count: Option<usize>) -> &mut Self {
        match count {
            Some(count) => self.count(code, count),
            None => self.int(code, -1),
        }
    }

    fn positive_or_system(&mut self, code: i32, number: Option<u32>) -> &mut Self {
        self.int(code, number.map_or(-1, |number| i32::try_from(number).unwrap_or(i32::MIN)))
    }
}
