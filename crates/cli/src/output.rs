//! Received messages on their way to standard output or a file. Owned and used by the main
//! thread; buffered until the command has nothing else to do, so that a reader at the other end
//! of a pipe sees each message without delay.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use oxmq::Message;

use crate::args::ShownArgs;
use crate::codec::{About, Codec, Form};
use crate::failure::Failure;

/// See the file's first paragraph.
pub(crate) struct Output {
    to: BufWriter<Box<dyn Write>>,
    codec: Codec,
    /// Parts as they are, nothing between.
    raw: bool,
    line: Vec<u8>,
}

impl Output {
    pub(crate) fn open(args: &ShownArgs, codec: &Codec) -> Result<Output, Failure> {
        let to: Box<dyn Write> = match &args.output {
            None => Box::new(io::stdout()),
            Some(path) => Box::new(File::create(path).map_err(|error| {
                Failure::error(format!("cannot write to {}: {error}", path.display()))
            })?),
        };
        let to = BufWriter::new(to);
        Ok(Output { to, codec: codec.clone(), raw: args.raw, line: Vec::new() })
    }

    pub(crate) fn write(&mut self, message: &Message) -> Result<(), Failure> {
        if self.raw {
            for part in message {
                self.to.write_all(part).map_err(|error| Failure::output(&error))?;
            }
            return self.settle(message);
        }
        self.line.clear();
        let parts: Vec<&[u8]> = message.iter().map(|part| &part[..]).collect();
        self.codec.encode(&parts, &self.about(message), &mut self.line);
        self.to.write_all(&self.line).map_err(|error| Failure::output(&error))?;
        self.settle(message)
    }

    /// Asking for the next message acknowledges this one, so it must be out before.
    fn settle(&mut self, message: &Message) -> Result<(), Failure> {
        if message.delivery().is_some() { self.flush() } else { Ok(()) }
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.to.flush().map_err(|error| Failure::output(&error))
    }

    /// What to tell of the sender, where the form has room for it.
    fn about(&self, message: &Message) -> About {
        let meta = message.iter().find_map(|part| part.meta());
        let Some(meta) = meta.filter(|_| self.codec.form == Form::Json) else {
            return About::default();
        };
        let mut metadata = Vec::new();
        if !meta.socket_type.is_empty() {
            metadata.push(("Socket-Type".to_owned(), meta.socket_type.to_string()));
        }
        if let Some(id) = meta.routing_id.as_deref().filter(|id| !id.is_empty()) {
            metadata.push(("Routing-Id".to_owned(), String::from_utf8_lossy(id).into_owned()));
        }
        if let Some(user) = &meta.user_id {
            metadata.push(("User-Id".to_owned(), user.clone()));
        }
        for (name, value) in &meta.properties {
            metadata.push((name.clone(), String::from_utf8_lossy(value).into_owned()));
        }
        About { peer: meta.peer_address.clone(), metadata }
    }
}
