//! `dealer`, `router`, `pair`, `xpub`, `xsub` and `stream`: the input goes out and what comes is
//! written, both at will. One loop on the main thread waits for whichever is first: a message, the
//! next line, room to send, the end of an interval.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use oxmq::{Error, Message, Result as Outcome};

use super::Session;
use crate::duration::Span;
use crate::failure::Failure;
use crate::input::{Input, unwrapped};
use crate::output::Output;
use crate::stop::Waited;
use crate::tell::tell;

/// What the loop waited for.
enum Step {
    Received(Outcome<Message>),
    Input(Outcome<Message>),
    Sent(Outcome<()>),
}

/// The state of the way out.
enum Out<'a> {
    /// Waiting for the input.
    Reading(&'a Input),
    /// A message has to go; then more is read, if there is an input.
    Sending(Message, Option<&'a Input>),
    /// The next message may be read after the interval.
    Pausing(Instant, &'a Input),
    /// Nothing more to send.
    Done,
}

/// Without an input, everything received is sent back.
pub(super) fn run(
    session: &Session<'_>,
    input: Option<&Input>,
    output: &mut Output,
    interval: Option<Span>,
) -> Result<(), Failure> {
    let echo = input.is_none();
    let mut out = input.map_or(Out::Done, Out::Reading);
    let mut received = 0;
    loop {
        let all_sent = matches!(out, Out::Done);
        if all_sent && session.count.is_some_and(|count| received >= count) {
            return Ok(());
        }
        let Some(step) = next(session, &mut out, echo)? else { return Ok(()) };
        match step {
            Step::Received(message) => {
                let message = message?;
                output.write(&message)?;
                output.flush()?;
                received += 1;
                if echo {
                    out = Out::Sending(message, None);
                }
            }
            Step::Input(message) => {
                out = match (unwrapped(message)?, out) {
                    (Some(message), Out::Reading(input)) => Out::Sending(message, Some(input)),
                    _ => Out::Done,
                };
            }
            Step::Sent(result) => {
                check(result)?;
                out = after_sent(&out, interval);
            }
        }
    }
}

/// A peer that is gone is no reason to give up the others.
fn check(sent: Outcome<()>) -> Result<(), Failure> {
    match sent {
        Err(Error::HostUnreachable) => {
            tell("no peer with this routing id is connected; the message was dropped");
            Ok(())
        }
        sent => Ok(sent?),
    }
}

fn after_sent<'a>(out: &Out<'a>, interval: Option<Span>) -> Out<'a> {
    let &Out::Sending(_, Some(input)) = out else { return Out::Done };
    match interval.and_then(|span| Instant::now().checked_add(span.0)) {
        Some(until) => Out::Pausing(until, input),
        None => Out::Reading(input),
    }
}

/// Waits for the next step. `None` after a signal.
fn next(session: &Session<'_>, out: &mut Out<'_>, echo: bool) -> Result<Option<Step>, Failure> {
    let limit = session.deadline();
    loop {
        if let Out::Pausing(until, input) = *out
            && Instant::now() >= until
        {
            *out = Out::Reading(input);
        }
        let pause = match *out {
            Out::Pausing(until, _) => Some(until),
            _ => None,
        };
        let deadline = [limit, pause].into_iter().flatten().min();
        match wait(session, out, echo, deadline) {
            Waited::Ready(step) => return Ok(Some(step)),
            Waited::Stopped => return Ok(None),
            Waited::TimedOut if limit.is_some_and(|at| Instant::now() >= at) => {
                return Err(Failure::timeout(format!(
                    "no message came or went within {}",
                    session.timeout
                )));
            }
            Waited::TimedOut => {}
        }
    }
}

fn wait(
    session: &Session<'_>,
    out: &mut Out<'_>,
    echo: bool,
    deadline: Option<Instant>,
) -> Waited<Step> {
    // While an echo waits for room, nothing more is received: it would have to be kept.
    let listens = !(echo && matches!(out, Out::Sending(..)));
    let mut receiving = listens.then(|| session.link.receiver.recv_async());
    let mut reading = match out {
        Out::Reading(input) => Some(input.next_async()),
        _ => None,
    };
    let mut sending = match out {
        Out::Sending(message, _) => Some(session.link.sender.send_from_async(message)),
        _ => None,
    };
    let step = poll_fn(|cx: &mut Context<'_>| {
        if let Some(sent) = poll(&mut sending, cx) {
            return Poll::Ready(Step::Sent(sent));
        }
        if let Some(received) = poll(&mut receiving, cx) {
            return Poll::Ready(Step::Received(received));
        }
        match poll(&mut reading, cx) {
            Some(message) => Poll::Ready(Step::Input(message)),
            None => Poll::Pending,
        }
    });
    session.stop.wait(deadline, step)
}

/// The future's value, if there is a future and it is ready.
fn poll<F: Future + Unpin>(future: &mut Option<F>, cx: &mut Context<'_>) -> Option<F::Output> {
    match Pin::new(future.as_mut()?).poll(cx) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
