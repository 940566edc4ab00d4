//! The ZeroMQ engine of oxmq: contexts, sockets, patterns, sessions, transports and I/O threads.
//!
//! This crate is the layer below the public `oxmq` crate and the C face; programs use those. The
//! core never blocks and never awaits: see `socket` for how blocking and async calls are made of
//! it, `pipe` for how messages travel, `io` for what happens in the background.

#[cfg(feature = "budget")]
pub mod budget;
#[cfg(not(feature = "budget"))]
mod budget;
mod context;
mod error;
mod io;
mod limits;
mod monitor;
pub mod options;
mod pattern;
mod pipe;
mod poller;
mod proxy;
mod random;
mod socket;
mod stats;
pub mod subscriptions;
pub mod sys;
pub mod transport;

pub use context::{Context, Profile};
pub use error::{EFSM, EMTHREAD, ENOCOMPATPROTO, ETERM, Error, Result};
pub use monitor::{Event, EventKind, Monitor};
pub use oxmq_message::{Message, Meta, Msg};
pub use oxmq_zmtp::SocketType;
pub use poller::{Interest, Notifier, PollEvent, Poller, WaitAsync};
pub use proxy::{Proxy, ProxyEnd, ProxyFlow, ProxyHandle, ProxyStatistics, proxy, proxy_steerable};
pub use socket::{Endpoints, Peers, RawOption, Readiness, Recv, Send, Socket, Wait, WaitFor};
pub use stats::{Drops, PeerSnapshot, PeerState, SocketSnapshot};
