//! `sub` and `pull`: what comes is written. After a signal, what has been received is still
//! written. Runs on the main thread.

use std::time::Instant;

use super::Session;
use crate::failure::Failure;
use crate::limits::{CLOSE_GRACE, DRAIN_QUIET};
use crate::output::Output;
use crate::stop::wait_until;

pub(super) fn run(session: &Session<'_>, output: &mut Output) -> Result<(), Failure> {
    let mut received = 0;
    let result = take(session, output, &mut received);
    // Also after a failure, such as a time limit: what came before it counts.
    output.flush()?;
    result
}

fn take(session: &Session<'_>, output: &mut Output, received: &mut u64) -> Result<(), Failure> {
    let more = |received: u64| session.count.is_none_or(|count| received < count);
    while more(*received) && !session.stop.is_requested() {
        let Some(message) = session.receive(|| output.flush())? else { break };
        output.write(&message)?;
        *received += 1;
    }
    // A signal came, or all is there. Others may go on sending for ever, so this has an end.
    let end = Instant::now() + CLOSE_GRACE;
    while more(*received) {
        let until = end.min(Instant::now() + DRAIN_QUIET);
        match wait_until(until, session.link.receiver.recv_async()) {
            Some(message) => output.write(&message?)?,
            None => break,
        }
        *received += 1;
        if Instant::now() >= end {
            break;
        }
    }
    Ok(())
}
