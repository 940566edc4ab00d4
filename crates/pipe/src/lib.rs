//! Queues between threads and wake-ups: the only crate of oxmq that invents either.
//!
//! | module | what it is |
//! |---|---|
//! | [`spsc`] | the pipe's queue: one producer, one consumer, whole messages, exact mark |
//! | [`waiters`] | who sleeps on a socket: a list of [`std::task::Waker`]s by interest |
//! | [`parker`] | the face of a `Waker` for a thread that blocks |
//! | [`fence`] | two fences of which one is free, for handshakes that one side makes often |
//! | [`lock`] | what a call of a socket takes; cheap while nobody contends |
//! | [`mailbox`] | commands from many threads to one owner |
//!
//! Nothing here knows messages, sockets or descriptors; everything is generic over the item.
//!
//! # The one rule
//!
//! *Change the state first, then fence, then wake, and wake only who said it sleeps.* The one who
//! wants to sleep does the mirror image: *say so, fence, look again, sleep*. With a sequentially
//! consistent fence on both sides at least one of the two sees the other, so no wake-up is lost;
//! and because the flag is taken with a swap, each sleep is answered at most once.
//!
//! # Model checking
//!
//! Every handshake has a loom model and, beside it, the same model with the fence or the second
//! look removed, which loom must reject. To run them:
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p oxmq-pipe --release --test 'loom_*'
//! ```

#[cfg(not(loom))]
pub mod fence;
pub mod lock;
pub mod mailbox;
pub mod parker;
pub mod spsc;
mod sync;
pub mod waiters;

#[cfg(loom)]
pub use parker::token;
#[cfg(loom)]
pub use sync::fault;

#[cfg(not(loom))]
pub use lock::{Lock, LockGuard};
pub use mailbox::Mailbox;
pub use parker::{Parked, Parker};
pub use waiters::{Interest, Ticket, Waiters};
