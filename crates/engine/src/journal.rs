//! The stores of durable sockets, to be looked at and mended from outside: what of the journal the
//! layers above may use. Nothing here knows a socket; any thread may call it.

pub use oxmq_journal::{
    ConsumerStatus, Damage, Error, Gap, Inspect, Log, LogStatus, OpenOptions, Ranges, Record,
    Report, Result, Store, gap_reason,
};

use crate::durable::role;

/// To be called in a forked child: it lets go of the stores that its parent has, which were never
/// its own. Takes no lock that has to be waited for, and touches no file.
pub fn forget_in_child() {
    Store::forget_in_child();
}

/// What a log of a durable socket holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What the socket sends.
    Outbox,
    /// What it received from peers that are not durable, and what it has settled.
    Inbox,
    /// Messages that were set aside.
    Dead,
}

impl Role {
    /// What this log holds; none if no socket of this version made it.
    pub fn of(log: &LogStatus) -> Option<Role> {
        Some(match log.options.role {
            role::OUTBOX => Role::Outbox,
            role::INBOX => Role::Inbox,
            role::DEAD => Role::Dead,
            _ => return None,
        })
    }
}
