//! The Linux system layer: epoll, eventfd, prctl and Linux socket options.
//!
//! Everything here is a thin wrapper that keeps errno; no state is shared between calls except the
//! note that this kernel lacks `epoll_pwait2`, and the number of the process.

mod epoll;
mod event_fd;
mod family;
mod poll;
mod process;
mod socket;
mod thread;

pub use epoll::{Epoll, Events, Interest, Readiness};
pub use event_fd::EventFd;
pub use family::{address_of, bind_address, connect_address, family_of};
pub use poll::{POLL_IN, POLL_OUT, POLL_PRI, PollFd, SignalSet, poll};
pub use process::process_id;
pub use socket::{
    Credentials, adopt_fd, bind_to_device, ignore_unsupported, mss_bytes, peer_credentials,
    peer_groups, set_bind_without_port, set_busy_poll_us, set_priority, unsent_bytes,
};
pub use thread::{
    set_affinity, set_scheduling, set_thread_name, set_timer_slack, with_signals_blocked,
};
