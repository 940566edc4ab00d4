//! The protocol as seen on the wire, tested through the public API in one program.
#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod commands;
mod curve;
mod downgrade;
mod frames;
mod greeting;
mod handshake;
mod mechanisms;
mod pair;
mod plain;
mod random;
mod socket_types;
mod splits;
mod support;
mod zap;
