//! The operating system as the engine sees it: readiness, wake-up descriptors, thread settings and
//! the few socket options that no safe wrapper has.
//!
//! Each platform lives in its own folder and offers the same names; nothing above this module holds
//! a `cfg`. The types own their descriptors and may be used from any thread.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub use linux::{
    Credentials, Epoll, EventFd, Events, Interest, POLL_IN, POLL_OUT, POLL_PRI, PollFd, Readiness,
    SignalSet, address_of, adopt_fd, bind_address, bind_to_device, connect_address, family_of,
    ignore_unsupported, mss_bytes, peer_credentials, peer_groups, poll, process_id, set_affinity,
    set_bind_without_port, set_busy_poll_us, set_priority, set_scheduling, set_thread_name,
    set_timer_slack, unsent_bytes, with_signals_blocked,
};

#[cfg(not(target_os = "linux"))]
compile_error!("oxmq-engine has a system layer for Linux only; add a folder beside sys/linux");
