//! Options of durable sockets, and of sockets whose queues may go to disk. All count before the
//! first bind or connect only, which opens the store.

use std::path::Path;
use std::time::Duration;

use oxmq_engine::DurableStart;
use oxmq_engine::options::{AckMode, Keep, OptionFault, SyncPolicy, code};

use super::{Options, positive};
use crate::kind::{
    Any, Dealer, Durable, Kind, Pub, Pull, Rep, Req, Router, Spills, Sub, XPub, XSub,
};

impl<K: Durable> Options<K> {
    /// Makes the socket durable: what it sends, and what it receives from peers that are not
    /// durable, goes to the store in this directory first, and a socket of the same name, store and
    /// type goes on with it after a restart. The name has 1 to 255 bytes; peers see it. The
    /// directory is made if need be; one process at a time has a store, and its contexts share it.
    ///
    /// The first bind or connect opens the store, blocks for it, and returns
    /// [`Store`](crate::Error::Store) if that fails, such as when another socket has the name.
    ///
    /// ```
    /// use oxmq::{AckMode, Context, Pull, Push};
    ///
    /// # let name = format!("oxmq-doc-options-{}", std::process::id());
    /// # let folder = std::env::temp_dir().join(name);
    /// let context = Context::new();
    /// let push = Push::with_options(&context, |o| o.durable("jobs", folder.join("out")))?;
    /// let pull = Pull::with_options(&context, |o| {
    ///     o.durable("worker", folder.join("in")).ack_mode(AckMode::Explicit)
    /// })?;
    /// pull.connect(&push.bind("tcp://127.0.0.1:*")?)?;
    /// push.send("a job")?;
    /// let job = pull.recv()?;
    /// assert_eq!(job, ["a job"]);
    /// assert!(job.ack());
    /// push.flush()?;
    /// # drop((push, pull));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn durable(&mut self, name: impl AsRef<[u8]>, store: impl AsRef<Path>) -> &mut Self {
        self.directory("STORE", code::STORE, store.as_ref()).raw(code::DURABLE, name)
    }

    /// When a send returns and an acknowledgement goes out: once the system has what was recorded,
    /// or once the disk has it. Default [`SyncPolicy::Always`], with which nothing is lost when the
    /// power fails.
    pub fn sync(&mut self, policy: SyncPolicy) -> &mut Self {
        self.field("SYNC", move |o| o.durable.sync = policy)
    }

    /// The pause between synchronisations of the disk with [`SyncPolicy::Interval`], at least 1 ms.
    /// Default 10 ms.
    pub fn sync_ivl(&mut self, interval: Duration) -> &mut Self {
        self.time("SYNC_IVL", Some(interval), |o, interval| {
            o.durable.sync_ivl = interval.unwrap_or_default().max(Duration::from_millis(1));
        })
    }

    /// Most bytes of each of the socket's logs, and one message more; `None`, the default, is no
    /// limit. Beyond, sending blocks until peers have settled some, and PUB and XPUB give up the
    /// oldest; and nothing more is taken from peers that are not durable until the program has
    /// settled some of what they sent.
    pub fn log_bytes_max(&mut self, bytes: impl Into<Option<u64>>) -> &mut Self {
        self.limit(code::LOG_BYTES_MAX, bytes.into())
    }

    /// Most messages of each of the socket's logs; else as
    /// [`log_bytes_max`](Options::log_bytes_max).
    pub fn log_messages_max(&mut self, messages: impl Into<Option<u64>>) -> &mut Self {
        self.limit(code::LOG_MESSAGES_MAX, messages.into())
    }

    /// How long a message may wait in the log before it is given up, which durable peers are told;
    /// `None`, the default, is for ever.
    pub fn log_age_max(&mut self, age: impl Into<Option<Duration>>) -> &mut Self {
        self.time("LOG_AGE_MAX", positive(age.into()), |o, age| o.durable.log_age_max = age)
    }

    /// Deliveries after which a message that nobody acknowledges is set aside, which the monitor
    /// tells; 0 is never. Default 16.
    pub fn attempts_max(&mut self, deliveries: usize) -> &mut Self {
        self.count(code::ATTEMPTS_MAX, deliveries)
    }
}

macro_rules! publishers {
    ($($kind:ident)+) => {$(
        impl Options<$kind> {
            /// How long the log of a durable publisher keeps messages. Default
            /// [`Keep::Subscribers`]: until each subscriber with a name has settled them. With
            /// [`Keep::Limits`] they stay until [`log_bytes_max`](Options::log_bytes_max),
            /// [`log_messages_max`](Options::log_messages_max) or
            /// [`log_age_max`](Options::log_age_max) is reached, so that new subscribers may begin
            /// with them and others go back to them.
            pub fn keep(&mut self, keep: Keep) -> &mut Self {
                self.field("KEEP", move |o| o.durable.keep = keep)
            }
        }
    )+};
}

publishers! { Pub XPub Any }

impl<K: Spills> Options<K> {
    /// The directory for queued messages that do not fit in memory. Default: none, and the
    /// high-water marks are where queues end. A [`durable`](Options::durable) socket has its
    /// messages on disk anyway: with both, the first bind or connect fails.
    pub fn spill_dir(&mut self, directory: impl AsRef<Path>) -> &mut Self {
        self.directory("SPILL_DIR", code::SPILL_DIR, directory.as_ref())
    }

    /// Bytes of queued messages that the socket keeps in memory before they go to
    /// [`spill_dir`](Options::spill_dir); `None` is no limit. Default 64 MiB.
    ///
    /// Memory cost: this much.
    pub fn spill_memory(&mut self, bytes: impl Into<Option<u64>>) -> &mut Self {
        self.limit(code::SPILL_MEMORY, bytes.into())
    }

    /// Most bytes of the socket's queued messages on disk, beyond which it is mute; `None`, the
    /// default, is no limit.
    pub fn spill_limit(&mut self, bytes: impl Into<Option<u64>>) -> &mut Self {
        self.limit(code::SPILL_LIMIT, bytes.into())
    }
}

impl<K: Kind> Options<K> {
    fn limit(&mut self, code: i32, limit: Option<u64>) -> &mut Self {
        // A limit that no number of the table can say is none.
        let limit = limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(-1);
        self.raw(code, limit.to_ne_bytes())
    }

    fn directory(&mut self, name: &'static str, code: i32, directory: &Path) -> &mut Self {
        match directory.to_str() {
            Some(text) => self.raw(code, text),
            None => {
                self.refuse_named(name, OptionFault::Form { expected: "a path of UTF-8" });
                self
            }
        }
    }
}

macro_rules! receivers {
    ($($kind:ident)+) => {$(
        impl Options<$kind> {
            /// When a received message counts as dealt with. Default [`AckMode::Automatic`]: when
            /// the next one is asked for, so that the one a process was at when it ended comes
            /// again; that belongs to one receiving thread, and receiving in a second one is
            /// [`State`](crate::Error::State). With [`AckMode::Explicit`]: once the program says
            /// [`ack`](crate::Message::ack), or [`acknowledge`](crate::Socket::acknowledge).
            pub fn ack_mode(&mut self, mode: AckMode) -> &mut Self {
                self.field("ACK_MODE", move |o| o.durable.ack = mode)
            }
        }
    )+};
}

receivers! { Pull Sub XSub Dealer Router Req Rep Any }

macro_rules! subscribers {
    ($($kind:ident)+) => {$(
        impl Options<$kind> {
            /// Where a durable subscriber begins whose name is new to the publisher. Default
            /// [`DurableStart::Latest`]: with the next message.
            pub fn start(&mut self, start: DurableStart) -> &mut Self {
                self.field("START", move |o| o.durable.start = start)
            }
        }
    )+};
}

subscribers! { Sub XSub Any }
