//! A connection during its handshake: bytes between the stream and the `zmtp` state machine.
//! Owned by the I/O thread; the socket does not know of it until it is complete.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use oxmq_zmtp::{Established, Handshake, HandshakeConfig, HandshakeError, Progress, SocketType};

use crate::limits::HANDSHAKE_BYTES_MAX;
use crate::options::SocketOptions;
use crate::transport::Stream;

/// Bytes read from the kernel at once.
const READ_BYTES: usize = 4096;

/// What an event of the connection led to.
pub(super) enum Outcome {
    /// The handshake goes on.
    Going,
    /// It is complete. `None`: there was none, as on a STREAM socket.
    Done { established: Option<Established>, rest: Vec<u8> },
}

/// Why a handshake failed.
pub(super) enum Failure {
    Handshake(HandshakeError),
    /// The peer closed the connection, or the system failed.
    Io(io::Error),
    /// The peer went on and on.
    TooLong,
}

/// See the file's first paragraph.
pub(super) struct Greeter {
    stream: Stream,
    /// None for raw connections.
    handshake: Option<Handshake>,
    out: Vec<u8>,
    written: usize,
    received: usize,
}

impl Greeter {
    /// Begins the handshake of a new connection. An error says that the socket's own options
    /// make no valid greeting.
    pub(super) fn new(
        stream: Stream,
        socket_type: SocketType,
        options: &SocketOptions,
    ) -> Result<Greeter, Stream> {
        let handshake = if socket_type == SocketType::Stream || options.router_raw {
            None
        } else {
            let mut config = HandshakeConfig::new(socket_type);
            config.routing_id.clone_from(&options.routing_id);
            config.metadata.clone_from(&options.metadata);
            match Handshake::new(config) {
                Ok(handshake) => Some(handshake),
                Err(_) => return Err(stream),
            }
        };
        Ok(Greeter { stream, handshake, out: Vec::new(), written: 0, received: 0 })
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(super) fn into_stream(self) -> Stream {
        self.stream
    }

    /// Writes and reads what is possible.
    pub(super) fn drive(&mut self) -> Result<Outcome, Failure> {
        if self.handshake.is_none() {
            return Ok(Outcome::Done { established: None, rest: Vec::new() });
        }
        let mut buffer = [0u8; READ_BYTES];
        loop {
            self.write()?;
            let n = match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Failure::Io(io::ErrorKind::UnexpectedEof.into())),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Outcome::Going);
                }
                Err(error) => return Err(Failure::Io(error)),
            };
            self.received += n;
            let Some(handshake) = &mut self.handshake else {
                return Ok(Outcome::Going);
            };
            match handshake.receive(&buffer[..n]) {
                Ok(Progress::NeedMore { .. }) if self.received > HANDSHAKE_BYTES_MAX => {
                    return Err(Failure::TooLong);
                }
                Ok(Progress::NeedMore { .. }) => {}
                Ok(Progress::Done { consumed, established }) => {
                    return self.finish(established, buffer[consumed..n].to_vec());
                }
                Err(error) => {
                    // Last words: an ERROR command, where the protocol has one.
                    let _ = self.write();
                    return Err(Failure::Handshake(error));
                }
            }
        }
    }

    /// The peer's part is complete; ours must be written before anything else is.
    fn finish(&mut self, established: Established, rest: Vec<u8>) -> Result<Outcome, Failure> {
        let wants_write = self.write()?;
        if wants_write {
            // Our greeting is smaller than any kernel buffer, so this is a peer that took
            // nothing since the connection was made.
            return Err(Failure::Io(io::ErrorKind::WouldBlock.into()));
        }
        Ok(Outcome::Done { established: Some(established), rest })
    }

    /// Writes what the handshake has to say; true if some of it is left.
    fn write(&mut self) -> Result<bool, Failure> {
        if let Some(handshake) = &mut self.handshake {
            handshake.transmit(&mut self.out);
        }
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(Failure::Io(error)),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(false)
    }
}

impl AsFd for Greeter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
