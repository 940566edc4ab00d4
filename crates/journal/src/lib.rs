//! The journal of oxmq: a segment log on disk that many logical logs share, under durable sockets.
//!
//! | module | what it is |
//! |---|---|
//! | [`store`](Store) | one directory, owned by one process: opens, recovers, syncs |
//! | [`log`](Log) | a named sequence of messages with consumers, cursors and small values |
//! | [`batch`](Batch) | changes to any logs of a store that become durable together |
//! | [`reader`](Reader) | messages by offset or in order |
//! | [`inspect`](Inspect) | a look at a store without owning it |
//! | [`spill`](Spill) | a queue on disk for a buffer that has outgrown its memory |
//! | [`storage`] | what the journal needs of a disk; tests put simulated ones in its place |
//!
//! Messages, acknowledgements, cursors and all else are records of one sequence, so one sync covers
//! them all and a batch over several logs is atomic. Nothing here knows sockets or the protocol.
//! Every type may be used from any thread. What a caller was told to be durable is never cut
//! silently: damage is an [`Error::Corrupt`] that names its place.

#![forbid(unsafe_code)]

mod batch;
mod claim;
mod commit;
mod compact;
mod entry;
mod error;
mod flush;
mod format;
mod helper;
mod inspect;
pub mod limits;
mod log;
mod mark;
mod ranges;
mod reader;
mod recover;
mod segment;
mod spill;
mod state;
pub mod storage;
mod store;
mod tail;

pub use batch::{Batch, Commit};
pub use error::{Error, Result};
pub use inspect::{Damage, Inspect};
pub use log::{
    Appended, ConsumerId, ConsumerStatus, Gap, Log, LogOptions, LogStatus, OnFull, RemoteCursor,
    Retention, Session, gap_reason,
};
pub use ranges::Ranges;
pub use reader::{Reader, Record};
pub use recover::Report;
pub use spill::{Spill, Spilled};
pub use store::{Lsn, OpenOptions, Store};
