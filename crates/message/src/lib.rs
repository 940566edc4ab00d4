//! The message of oxmq: 64 bytes that hold a small payload themselves, and share a large one.
//!
//! | type | what it is | owner, threads |
//! |---|---|---|
//! | [`Msg`] | one part | moved freely; payloads are shared by atomic counts |
//! | [`Message`] | the parts of one message | as its parts |
//! | [`Slab`] | a connection's read buffer, cut into `Msg` without copying | the reader |
//! | [`Body`] | a large payload under way | the reader |
//! | [`Meta`], [`MetaHandle`] | what is known about a connection | its messages; the connection |
//! | [`Delivery`] | a message's place in the log of a durable sender | its message |
//!
//! Costs per message: none of these allocates for a payload of up to [`INLINE_MAX`] bytes or for a
//! slice of a slab. A received message costs one locked operation, when it is dropped.
//!
//! The crate knows neither sockets nor the protocol; it does not block and starts no thread.

mod body;
mod bump;
mod delivery;
mod error;
mod heap;
mod limits;
mod message;
mod meta;
mod msg;
mod owner;
mod refs;
mod returns;
mod slab;

pub use body::Body;
pub use delivery::{Delivery, Settle, Verdict};
pub use error::{BodyError, GroupError, OutOfMemory};
pub use limits::{BODY_SLACK_BYTES, GROUP_MAX, INLINE_MAX, SLAB_BYTES, SLAB_POOL_MAX};
pub use message::{IntoIter, Message};
pub use meta::{Meta, MetaHandle};
pub use msg::{Kind, Msg};
pub use owner::FreeFn;
pub use returns::{GivesBack, Withheld, give_back};
pub use slab::Slab;
