//! The ZeroMQ engine of oxmq: contexts, sockets, patterns, sessions, transports and I/O threads.
//!
//! This crate is the layer below the public `oxmq` crate and the C face; programs use those. The
//! core never blocks and never awaits: see `socket` for how blocking and async calls are made of
//! it, `pipe` for how messages travel, `io` for what happens in the background.

#[cfg(feature = "budget")]
pub mod budget;
#[cfg(not(feature = "budget"))]
mod budget;
mod clock;
mod context;
mod durable;
mod error;
mod io;
pub mod journal;
mod limits;
mod monitor;
pub mod options;
mod pattern;
mod pipe;
mod poll;
mod poller;
mod proxy;
mod random;
mod security;
#[cfg(feature = "simulation")]
pub mod simulation;
mod socket;
mod spill;
mod stats;
pub mod subscriptions;
pub mod sys;
pub mod transport;

pub use context::{Context, Profile};
pub use durable::{DurableStatus, Position};
pub use error::{EFSM, EMTHREAD, ENOCOMPATPROTO, ETERM, Error, Result};
pub use monitor::{Event, EventKind, Monitor};
pub use oxmq_message::{Delivery, GroupError, Message, Meta, Msg, Verdict};
pub use oxmq_zmtp::{CurveKeyPair, CurvePublicKey, CurveSecretKey};
pub use oxmq_zmtp::{DurableStart, SocketType};
pub use poll::{Arming, PollList, PollSource, poll};
pub use poller::{Interest, Notifier, PollEvent, Poller, WaitAsync};
pub use proxy::{Proxy, ProxyEnd, ProxyFlow, ProxyHandle, ProxyStatistics, proxy, proxy_steerable};
pub use security::{AllowList, generate_keys, key_from_z85, key_to_z85};
pub use socket::{
    Endpoints, Flush, Peers, RawOption, Readiness, Recv, Send, Socket, Wait, WaitFor,
};
pub use stats::{Drops, PeerSnapshot, PeerState, SocketSnapshot};
