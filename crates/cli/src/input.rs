//! Messages to send: from the command line, from files or from the lines of standard input. A
//! thread of its own reads, as reading may block for ever, and hands over through an inproc pair
//! of sockets in a context of their own; the main thread receives.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::thread;

use oxmq::{Context, Message, Pull, Push};

use crate::args::SourceArgs;
use crate::codec::Codec;
use crate::failure::Failure;
use crate::limits::{INPUT_AHEAD_MAX, INPUT_BYTES_MAX};
use crate::stop::{Stop, Waited};

/// First part of what the reading thread hands over: a message follows.
const MESSAGE: &str = "message";
/// The input has ended.
const END: &str = "end";
/// The input could not be read; why follows.
const FAULT: &str = "fault";

const BETWEEN: &str = "inproc://input";

/// The receiving end.
pub(crate) struct Input {
    /// Keeps the pair's context.
    _context: Context,
    messages: Pull,
}

/// What to read.
enum Source {
    /// The same message again and again, or until the count is reached.
    Same(Message, Option<u64>),
    Files(Vec<PathBuf>),
    Lines,
}

impl Input {
    /// Starts to read. `count` is how often a message of the command line is sent; once if
    /// nothing is said.
    pub(crate) fn open(
        args: &SourceArgs,
        codec: &Codec,
        count: Option<u64>,
    ) -> Result<Input, Failure> {
        let source = if !args.message.is_empty() {
            Source::Same(message_of(&args.message, codec)?, Some(count.unwrap_or(1)))
        } else if !args.file.is_empty() {
            Source::Files(args.file.clone())
        } else {
            Source::Lines
        };
        Input::read(source, codec.clone())
    }

    /// Starts to read the lines of standard input.
    pub(crate) fn lines(codec: &Codec) -> Result<Input, Failure> {
        Input::read(Source::Lines, codec.clone())
    }

    fn read(source: Source, codec: Codec) -> Result<Input, Failure> {
        let context = Context::new();
        let messages = Pull::with_options(&context, |o| o.recv_hwm(INPUT_AHEAD_MAX))?;
        messages.bind(BETWEEN)?;
        let push = Push::with_options(&context, |o| o.send_hwm(INPUT_AHEAD_MAX))?;
        push.connect(BETWEEN)?;
        let reader = move || {
            let last = match source.run(&codec, &push) {
                Ok(()) => Message::from(END),
                Err(fault) => Message::from([FAULT, fault.as_str()]),
            };
            // Fails only when nobody receives any more.
            let _ = push.send(last);
        };
        thread::Builder::new()
            .name("input".to_owned())
            .spawn(reader)
            .map_err(|error| Failure::error(format!("cannot read the input: {error}")))?;
        Ok(Input { _context: context, messages })
    }

    /// The next message, waiting for it; `None` at the end. Without time limit, as it is not the
    /// network that lets us wait.
    pub(crate) fn next(&self, stop: &Stop) -> Result<Option<Message>, Failure> {
        let received = match self.messages.try_recv() {
            Err(error) if error.is_would_block() => {
                match stop.wait(None, self.messages.recv_async()) {
                    Waited::Ready(received) => received,
                    Waited::Stopped | Waited::TimedOut => return Ok(None),
                }
            }
            received => received,
        };
        unwrapped(received)
    }

    /// A future of the next message, for those who wait for more than that; the result goes
    /// through [`unwrapped`].
    pub(crate) fn next_async(
        &self,
    ) -> impl Future<Output = oxmq::Result<Message>> + Send + Unpin + use<'_> {
        self.messages.recv_async()
    }
}

/// What the reading thread said: a message, or `None` at the end.
pub(crate) fn unwrapped(received: oxmq::Result<Message>) -> Result<Option<Message>, Failure> {
    let mut message = received?;
    let tag = message.pop_front().unwrap_or_default();
    if &tag[..] == MESSAGE.as_bytes() {
        return Ok(Some(message));
    }
    if &tag[..] == FAULT.as_bytes() {
        let why = message.first().map(|part| String::from_utf8_lossy(part).into_owned());
        return Err(Failure::error(why.unwrap_or_default()));
    }
    Ok(None)
}

/// The message of `-m`, each of which is a part, or is split into several as a line would be.
pub(crate) fn message_of(texts: &[String], codec: &Codec) -> Result<Message, Failure> {
    let mut message = Message::new();
    for text in texts {
        let parts = codec.decode_argument(text);
        for part in parts.map_err(|why| Failure::usage(format!("-m \"{text}\": {why}")))? {
            message.push(part);
        }
    }
    Ok(message)
}

impl Source {
    fn run(self, codec: &Codec, to: &Push) -> Result<(), String> {
        match self {
            Source::Same(message, count) => {
                let mut left = count;
                while left != Some(0) {
                    let parts = message.iter().map(|part| part.to_vec()).collect();
                    if !hand_over(to, parts) {
                        break;
                    }
                    left = left.map(|left| left - 1);
                }
                Ok(())
            }
            Source::Files(paths) => {
                for path in paths {
                    let failed = |error| format!("cannot read {}: {error}", path.display());
                    if !hand_over(to, vec![whole(&path).map_err(failed)?]) {
                        break;
                    }
                }
                Ok(())
            }
            Source::Lines => lines(io::stdin().lock(), codec, |parts| hand_over(to, parts)),
        }
    }
}

/// False if nobody receives any more.
fn hand_over(to: &Push, parts: Vec<Vec<u8>>) -> bool {
    let mut message = Message::from(MESSAGE);
    for part in parts {
        message.push(part);
    }
    to.send(message).is_ok()
}

/// All of a file, or of standard input for `-`.
fn whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin().lock().take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(io::Error::other(format!("more than {INPUT_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// Reads lines until the end, or until `each` is false.
fn lines(
    mut from: impl BufRead,
    codec: &Codec,
    mut each: impl FnMut(Vec<Vec<u8>>) -> bool,
) -> Result<(), String> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = from.by_ref().take(INPUT_BYTES_MAX).read_until(b'\n', &mut line);
        if read.map_err(|error| format!("cannot read the input: {error}"))? == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() as u64 == INPUT_BYTES_MAX {
            return Err(format!("line {number} of the input has {INPUT_BYTES_MAX} bytes or more"));
        }
        let parts = codec.decode(&line);
        if !each(parts.map_err(|why| format!("line {number} of the input: {why}"))?) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

    use super::*;
    use crate::codec::Form;

    fn codec(form: Form) -> Codec {
        Codec { form, join: Vec::new(), split: Some(b",".to_vec()), routing_id: false }
    }

    #[test]
    fn a_line_is_a_message_with_or_without_an_end() {
        let mut seen = Vec::new();
        lines(&b"a,b\n\nlast"[..], &codec(Form::Text), |parts| {
            seen.push(parts);
            true
        })
        .unwrap();
        assert_eq!(
            seen,
            [vec![b"a".to_vec(), b"b".to_vec()], vec![vec![]], vec![b"last".to_vec()]]
        );
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let error = lines(&b"00\nxy\n"[..], &codec(Form::Hex), |_| true).unwrap_err();
        assert!(error.contains("line 2") && error.contains("'x'"), "{error}");
    }

    #[test]
    fn reading_ends_when_nobody_listens() {
        let mut calls = 0;
        lines(&b"a\nb\nc\n"[..], &codec(Form::Text), |_| {
            calls += 1;
            false
        })
        .unwrap();
        assert_eq!(calls, 1);
    }
}
