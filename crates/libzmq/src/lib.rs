//! libzmq's C interface: argument checks, handles and `errno` around the engine, and nothing else.
//!
//! Every exported function has the name, the types and the errors of its manual page. Handles are
//! checked tokens (`handle`), messages are [`oxmq_message::Msg`] in the caller's memory
//! (`message`), and no panic leaves a function (`boundary`). A function may be called from any
//! thread unless its page says otherwise; calls on one socket are taken one by one.

mod atomics;
mod boundary;
mod config;
mod context;
mod curve;
mod draft;
mod durable;
mod errno;
mod fork;
mod handle;
mod has;
mod legacy;
mod limits;
mod message;
mod monitor;
mod options;
mod poll;
mod poller;
mod proxy;
mod socket;
mod timers;
mod transfer;
mod utils;

pub use atomics::*;
pub use context::*;
pub use curve::*;
pub use draft::*;
pub use durable::*;
pub use errno::{oxmq_version, zmq_errno, zmq_strerror, zmq_version};
pub use has::*;
pub use legacy::*;
pub use message::*;
pub use monitor::*;
pub use options::*;
pub use poll::*;
pub use poller::*;
pub use proxy::*;
pub use socket::*;
pub use timers::*;
pub use transfer::*;
pub use utils::*;
