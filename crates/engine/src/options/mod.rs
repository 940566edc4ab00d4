//! The options of sockets and contexts: one table row per option, from which setting, getting,
//! defaults, documentation (`doc/options.md`) and tests follow.
//!
//! [`SocketOptions`] and [`ContextOptions`] are plain values that their socket or context owns and
//! reads; the thread that holds the socket changes them. The typed fields are for the engine and
//! the Rust API, `set` and `value` by number for the untyped faces. Nothing here blocks or acts:
//! what a change means for a running socket is returned as a [`SetEffect`].

pub mod code;
mod context;
mod durable;
mod error;
mod metadata;
#[cfg(test)]
mod page;
mod row;
mod security;
mod socket;
mod table;
#[cfg(test)]
mod tests;

pub use context::{CONTEXT_ROWS, ContextOptions, ContextRow};
pub use durable::{AckMode, DurableOptions, Keep, SyncPolicy};
pub use error::{OptionError, OptionFault};
pub use row::{Access, Kind, OptionRow, Scope, Stability, State, When};
pub use security::{Mechanism, SecurityOptions};
pub use socket::{
    MulticastOptions, OptionValue, ReconnectStop, RouterNotify, SetEffect, SocketOptions,
};
pub use table::{row, row_named, rows};
