//! The C functions, called from Rust: what they return, what they do to `errno`, and what they take
//! without harm. One program, so that one link suffices; each file has one topic.

#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "every block calls the C functions with what the test made; that is what is tested"
)]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod contexts;
mod durable;
mod endpoints;
mod forks;
mod handles;
mod messages;
mod options;
mod pairs;
mod signals;
mod support;
mod transfer;
