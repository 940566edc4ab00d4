//! `req`: each message of the input is a request, and its reply is written before the next goes.
//! Runs on the main thread.

use super::{Session, send};
use crate::duration::Span;
use crate::failure::Failure;
use crate::input::Input;
use crate::output::Output;

pub(super) fn run(
    session: &Session<'_>,
    input: &Input,
    output: &mut Output,
    interval: Option<Span>,
) -> Result<(), Failure> {
    let mut replies = 0;
    while session.count.is_none_or(|count| replies < count) {
        if replies > 0 && !send::pause(interval, session.stop) {
            break;
        }
        let Some(mut request) = input.next(session.stop)? else { break };
        if !session.send(&mut request)? {
            break;
        }
        let Some(reply) = session.receive(|| Ok(()))? else { break };
        output.write(&reply)?;
        // Who asks in a loop wants to see the reply before the next question.
        output.flush()?;
        replies += 1;
    }
    Ok(())
}
