//! Topic matching for the publish-subscribe sockets: [`Matcher`] on the publishing side (which
//! pipes want this message?) and [`Filter`] on the subscribing side (is this message wanted at
//! all?).
//!
//! Both keep their topics in the same path-compressed radix tree. The tree lives in an arena: nodes
//! refer to each other by index, freed nodes are used again, and nothing here recurses, so neither
//! a very long topic nor a very deep tree can exhaust the stack or the allocator.
//!
//! A socket owns its matcher or filter and calls it from the thread that holds the socket. Nothing
//! here locks, waits, reads a clock or fails because of what a peer sent; limits on the number and
//! the size of a peer's topics are the caller's, who asks [`Matcher::pipe_topics`] and
//! [`Matcher::pipe_bytes`].

mod children;
mod filter;
mod labels;
mod matcher;
mod pool;
mod prefilter;
#[cfg(test)]
mod tests;
mod tree;

pub use filter::Filter;
pub use matcher::{Added, Matcher, Removed};
