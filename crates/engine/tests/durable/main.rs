//! Durable sockets through the engine's own interface: what one process sends before it ends, the
//! next one goes on with. A process that ends is a context that is dropped here; processes that are
//! killed are in `testing/durable`.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod limits;
mod pub_sub;
mod push_pull;
mod request_reply;
mod support;
