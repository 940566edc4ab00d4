//! `rep`: each request is written and answered: with a fixed message, with itself, with the
//! output of a command, or with the next line of the input. Runs on the main thread.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::thread;

use oxmq::{Message, Msg};

use super::Session;
use crate::args::RepArgs;
use crate::codec::{About, Codec};
use crate::failure::Failure;
use crate::input::{Input, message_of};
use crate::output::Output;
use crate::tell::tell;

/// Where replies come from.
pub(super) enum Answer {
    /// Always this.
    Fixed(Vec<Msg>),
    /// The request.
    Echo,
    /// What the shell command writes.
    Exec(String),
    /// The next line of the input.
    Lines(Input),
}

impl Answer {
    pub(super) fn of(args: &RepArgs, codec: &Codec) -> Result<Answer, Failure> {
        if args.echo {
            return Ok(Answer::Echo);
        }
        if let Some(command) = &args.exec {
            return Ok(Answer::Exec(command.clone()));
        }
        if args.message.is_empty() {
            return Ok(Answer::Lines(Input::lines(codec)?));
        }
        let parts = message_of(&args.message, codec)?.iter().cloned().collect();
        Ok(Answer::Fixed(parts))
    }
}

pub(super) fn run(
    session: &Session<'_>,
    answer: &Answer,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut replies = 0;
    while session.count.is_none_or(|count| replies < count) {
        let Some(request) = session.receive(|| Ok(()))? else { break };
        output.write(&request)?;
        output.flush()?;
        let reply = match answer {
            Answer::Fixed(parts) => Some(fixed(parts)),
            Answer::Echo => Some(request),
            Answer::Exec(command) => Some(execute(command, &request, &session.codec)?),
            Answer::Lines(input) => input.next(session.stop)?,
        };
        let Some(mut reply) = reply else { break };
        if !session.send(&mut reply)? {
            break;
        }
        replies += 1;
    }
    Ok(())
}

fn fixed(parts: &[Msg]) -> Message {
    let mut message = Message::new();
    for part in parts {
        message.push(part.clone());
    }
    message
}

/// Runs a shell command with the request, written as a line, on its input. The reply is what it
/// writes, without the last line end.
fn execute(command: &str, request: &Message, codec: &Codec) -> Result<Message, Failure> {
    let failed = |error: io::Error| Failure::error(format!("cannot run `{command}`: {error}"));
    let mut line = Vec::new();
    let parts: Vec<&[u8]> = request.iter().map(|part| &part[..]).collect();
    codec.encode(&parts, &About::default(), &mut line);

    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let stdin = child.stdin.take();
    let done = thread::scope(|scope| {
        // A command may write before it has read everything, so both have to go on at once.
        scope.spawn(move || {
            // It need not read its input at all.
            stdin.map(|mut stdin| stdin.write_all(&line))
        });
        child.wait_with_output()
    });
    let done = done.map_err(failed)?;
    if !done.status.success() {
        tell(format_args!("`{command}` ended with {}", done.status));
    }
    let mut reply = done.stdout;
    if reply.last() == Some(&b'\n') {
        reply.pop();
    }
    Ok(Message::from(reply))
}
