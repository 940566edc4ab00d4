//! `pub` and `push`: the input goes out, one message after the other. Runs on the main thread.

use std::future::pending;
use std::time::Instant;

use super::Session;
use crate::duration::Span;
use crate::failure::Failure;
use crate::input::Input;
use crate::stop::{Stop, Waited};

pub(super) fn run(
    session: &Session<'_>,
    input: &Input,
    interval: Option<Span>,
) -> Result<(), Failure> {
    let mut sent = 0;
    while session.count.is_none_or(|count| sent < count) {
        if sent > 0 && !pause(interval, session.stop) {
            break;
        }
        let Some(mut message) = input.next(session.stop)? else { break };
        if !session.send(&mut message)? {
            break;
        }
        sent += 1;
    }
    Ok(())
}

/// Lets the interval between two messages pass. False if a signal came.
pub(super) fn pause(interval: Option<Span>, stop: &Stop) -> bool {
    let Some(span) = interval else { return true };
    let until = Instant::now().checked_add(span.0);
    matches!(stop.wait(until, pending::<()>()), Waited::TimedOut)
}
