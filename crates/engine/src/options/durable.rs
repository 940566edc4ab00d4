//! What durable sockets and disk buffers are told. Plain values, kept with a socket's other
//! options; they only record: the store opens at the first bind or connect.

use std::time::Duration;

use oxmq_zmtp::DurableStart;

use super::code;
use super::error::{OptionError, OptionFault};

/// When what was recorded counts as safe, so that a send returns and an acknowledgement goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// When the system has it: a crash of the machine may lose what the system had not written.
    Os,
    /// The same; the disk is synchronised every `SYNC_IVL`, and nothing goes out before that.
    Interval,
    /// When the disk has it.
    #[default]
    Always,
}

/// When a received message counts as dealt with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AckMode {
    /// When the next one is asked for, by the one thread that receives.
    #[default]
    Automatic,
    /// When the application says so.
    Explicit,
}

/// How long the log of a durable publisher keeps what it can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Until every subscriber with a name has settled it.
    #[default]
    Subscribers,
    /// Until the limits of the log are reached, so that subscribers may go back.
    Limits,
}

/// Options of durable sockets and of sockets whose queues may go to disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurableOptions {
    /// STORE: the directory of the store.
    pub store: String,
    /// DURABLE: the socket's durable name; empty is none.
    pub name: Vec<u8>,
    /// SYNC.
    pub sync: SyncPolicy,
    /// SYNC_IVL: the pause between synchronisations with `SyncPolicy::Interval`.
    pub sync_ivl: Duration,
    /// ACK_MODE.
    pub ack: AckMode,
    /// LOG_BYTES_MAX: most bytes of the socket's log; `None` is no limit.
    pub log_bytes_max: Option<u64>,
    /// LOG_MESSAGES_MAX: most messages of the socket's log; `None` is no limit.
    pub log_messages_max: Option<u64>,
    /// LOG_AGE_MAX: messages older than this are given up; `None` is never.
    pub log_age_max: Option<Duration>,
    /// ATTEMPTS_MAX: deliveries after which a message is set aside; 0 is no limit.
    pub attempts_max: u32,
    /// START: where a subscriber begins whose name is new.
    pub start: DurableStart,
    /// KEEP: how long a publisher keeps messages.
    pub keep: Keep,
    /// SPILL_DIR: where queues go that do not fit in memory; empty is nowhere.
    pub spill_dir: String,
    /// SPILL_MEMORY: bytes of queued messages kept in memory before that; `None` is no limit.
    pub spill_memory: Option<u64>,
    /// SPILL_LIMIT: most bytes on disk; `None` is no limit.
    pub spill_limit: Option<u64>,
}

impl DurableOptions {
    pub(super) fn blank() -> DurableOptions {
        DurableOptions {
            store: String::new(),
            name: Vec::new(),
            sync: SyncPolicy::Always,
            sync_ivl: Duration::ZERO,
            ack: AckMode::Automatic,
            log_bytes_max: None,
            log_messages_max: None,
            log_age_max: None,
            attempts_max: 0,
            start: DurableStart::Latest,
            keep: Keep::Subscribers,
            spill_dir: String::new(),
            spill_memory: None,
            spill_limit: None,
        }
    }

    /// The socket is to be durable.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        !self.name.is_empty()
    }

    /// What is asked for and would come to nothing: options that work only with others, and those
    /// that exclude each other. `plain` is what the options of the socket's type are at first.
    pub(crate) fn check(&self, plain: &DurableOptions) -> Result<(), OptionError> {
        let fault = |code, name, fault| Err(OptionError { code, name: Some(name), fault });
        let requires = |code, name, option| fault(code, name, OptionFault::Requires { option });
        if self.is_durable() {
            if self.store.is_empty() {
                return requires(code::DURABLE, "DURABLE", "STORE");
            }
            if self.spills() {
                let excludes = OptionFault::Excludes { option: "DURABLE" };
                return fault(code::SPILL_DIR, "SPILL_DIR", excludes);
            }
        } else {
            for (code, name, is_set) in [
                (code::STORE, "STORE", !self.store.is_empty()),
                (code::SYNC, "SYNC", self.sync != plain.sync),
                (code::SYNC_IVL, "SYNC_IVL", self.sync_ivl != plain.sync_ivl),
                (code::ACK_MODE, "ACK_MODE", self.ack != plain.ack),
                (code::LOG_BYTES_MAX, "LOG_BYTES_MAX", self.log_bytes_max.is_some()),
                (code::LOG_MESSAGES_MAX, "LOG_MESSAGES_MAX", self.log_messages_max.is_some()),
                (code::LOG_AGE_MAX, "LOG_AGE_MAX", self.log_age_max.is_some()),
                (code::ATTEMPTS_MAX, "ATTEMPTS_MAX", self.attempts_max != plain.attempts_max),
                (code::START, "START", self.start != plain.start),
                (code::KEEP, "KEEP", self.keep != plain.keep),
            ] {
                if is_set {
                    return requires(code, name, "DURABLE");
                }
            }
        }
        if !self.spills() {
            if self.spill_memory != plain.spill_memory {
                return requires(code::SPILL_MEMORY, "SPILL_MEMORY", "SPILL_DIR");
            }
            if self.spill_limit != plain.spill_limit {
                return requires(code::SPILL_LIMIT, "SPILL_LIMIT", "SPILL_DIR");
            }
        }
        Ok(())
    }

    /// The socket's queues may go to disk.
    #[must_use]
    pub fn spills(&self) -> bool {
        !self.spill_dir.is_empty()
    }
}

impl SyncPolicy {
    pub(super) fn from_int(int: i32) -> SyncPolicy {
        match int {
            1 => SyncPolicy::Os,
            2 => SyncPolicy::Interval,
            _ => SyncPolicy::Always,
        }
    }

    pub(super) fn to_int(self) -> i32 {
        match self {
            SyncPolicy::Os => 1,
            SyncPolicy::Interval => 2,
            SyncPolicy::Always => 3,
        }
    }
}
