//! The stores of durable sockets, seen from outside: [`Inspect`] looks at one without its lock,
//! while sockets use it, too; [`Store`] opens one that no socket uses, to drop logs or to mend it.
//! This is what `oxmq journal` is made of.
//!
//! ```
//! use oxmq::journal::{Inspect, Role};
//! use oxmq::{Context, Push};
//!
//! # let folder = std::env::temp_dir().join(format!("oxmq-doc-inspect-{}", std::process::id()));
//! let push = Push::with_options(&Context::new(), |o| o.durable("jobs", &folder))?;
//! push.bind("tcp://127.0.0.1:*")?;
//! push.send("a job")?;
//!
//! let log = &Inspect::open(&folder)?.logs()[0];
//! assert_eq!((log.name.as_slice(), Role::of(log)), (&b"jobs"[..], Some(Role::Outbox)));
//! assert_eq!(log.next - log.first, 1);
//! # drop(push);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[doc(inline)]
pub use oxmq_engine::journal::{
    ConsumerStatus, Damage, Error, Gap, Inspect, Log, LogStatus, OpenOptions, Ranges, Record,
    Report, Result, Role, Store, gap_reason,
};
