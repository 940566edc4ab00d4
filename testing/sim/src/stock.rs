//! A peer that is not one of ours: it shakes hands as ZMTP 3.1 asks, answers PINGs, stops reading
//! at its high-water mark, and knows nothing else. For PUSH, PULL and SUB.
//!
//! Owned by a node. What it has read is in its process, and gone with it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use oxmq_engine::SocketType;
use oxmq_engine::simulation::Conduit;
use oxmq_zmtp::{Command, Framing, Handshake, HandshakeConfig, Progress};

use crate::network::Tube;

/// A connection of a stock peer.
struct Line {
    tube: Arc<Tube>,
    handshake: Option<Handshake>,
    unread: Vec<u8>,
    unwritten: VecDeque<u8>,
    /// Parts of a message that is not whole.
    parts: Vec<Vec<u8>>,
}

/// See the file's first paragraph.
pub(crate) struct Stock {
    socket_type: SocketType,
    hwm: usize,
    /// What a SUB tells each publisher: its topics, and its name.
    subscriptions: Vec<Vec<u8>>,
    lines: BTreeMap<u64, Line>,
    /// Last parts of messages that the application has not taken.
    inbox: VecDeque<Vec<u8>>,
    /// A PUSH's messages that no connection has taken.
    pub(crate) outbox: VecDeque<Vec<u8>>,
}

impl Stock {
    pub(crate) fn new(socket_type: SocketType, hwm: usize, name: &str, topics: &[Vec<u8>]) -> Self {
        let mut subscriptions = topics.to_vec();
        if socket_type == SocketType::Sub {
            // As a stock SUB does: in the order of their octets.
            subscriptions.push([b"\0durable\0name=", name.as_bytes()].concat());
            subscriptions.sort();
        }
        Self {
            socket_type,
            hwm,
            subscriptions,
            lines: BTreeMap::new(),
            inbox: VecDeque::new(),
            outbox: VecDeque::new(),
        }
    }

    /// A connection is there.
    pub(crate) fn connect(&mut self, tube: Arc<Tube>) {
        let Ok(handshake) = Handshake::new(HandshakeConfig::new(self.socket_type)) else { return };
        let line = Line {
            handshake: Some(handshake),
            unread: Vec::new(),
            unwritten: VecDeque::new(),
            parts: Vec::new(),
            tube,
        };
        let id = line.tube.id();
        self.lines.insert(id, line);
        self.look(id);
    }

    /// Connections that have ended are given up; those that were.
    pub(crate) fn look(&mut self, id: u64) {
        let Some(mut line) = self.lines.remove(&id) else { return };
        if self.go_on(&mut line).is_ok() {
            self.lines.insert(id, line);
        }
    }

    /// Goes on reading after the application has taken something.
    pub(crate) fn look_at_all(&mut self) {
        for id in self.lines.keys().copied().collect::<Vec<_>>() {
            self.look(id);
        }
    }

    /// The application takes a message.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        let taken = self.inbox.pop_front();
        if taken.is_some() {
            self.look_at_all();
        }
        taken
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.inbox.is_empty()
    }

    fn go_on(&mut self, line: &mut Line) -> io::Result<()> {
        loop {
            line.flush()?;
            if line.handshake.is_none() {
                self.parse(line)?;
                self.fill(line);
                line.flush()?;
                if self.inbox.len() >= self.hwm {
                    return Ok(());
                }
            }
            let mut buffer = [0; 512];
            match line.tube.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.came(line, &buffer[..count])?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return line.flush(),
                Err(error) => return Err(error),
            }
        }
    }

    fn came(&mut self, line: &mut Line, bytes: &[u8]) -> io::Result<()> {
        let Some(handshake) = &mut line.handshake else {
            line.unread.extend_from_slice(bytes);
            return Ok(());
        };
        match handshake.receive(bytes, Instant::now()) {
            Ok(Progress::Done { consumed, established }) => {
                let mut out = Vec::new();
                handshake.transmit(&mut out);
                line.unwritten.extend(out);
                line.unread.extend_from_slice(&established.early);
                line.unread.extend_from_slice(&bytes[consumed..]);
                line.handshake = None;
                for topic in &self.subscriptions {
                    let mut frame = Vec::new();
                    Command::Subscribe(topic).encode(&mut frame);
                    line.unwritten.extend(frame);
                }
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Takes whole frames, up to the high-water mark.
    fn parse(&mut self, line: &mut Line) -> io::Result<()> {
        loop {
            if self.inbox.len() >= self.hwm {
                return Ok(());
            }
            let Ok(header) = Framing::V3.decode(&line.unread) else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            let Some(header) = header else { return Ok(()) };
            let end = header.header_len + header.body_len as usize;
            if line.unread.len() < end {
                return Ok(());
            }
            let body: Vec<u8> = line.unread.drain(..end).skip(header.header_len).collect();
            if header.command {
                if let Ok(Command::Ping { context, .. }) = Command::parse(&body) {
                    let mut pong = Vec::new();
                    Command::Pong { context }.encode(&mut pong);
                    line.unwritten.extend(pong);
                }
                continue;
            }
            line.parts.push(body);
            if !header.more
                && let Some(last) = std::mem::take(&mut line.parts).pop()
            {
                self.inbox.push_back(last);
            }
        }
    }

    /// A PUSH writes what the application has sent.
    fn fill(&mut self, line: &mut Line) {
        while line.unwritten.is_empty() {
            let Some(body) = self.outbox.pop_front() else { return };
            let mut header = [0; oxmq_zmtp::FRAME_HEADER_MAX];
            let length = Framing::V3.encode(false, false, body.len() as u64, &mut header);
            line.unwritten.extend(&header[..length]);
            line.unwritten.extend(body);
            if line.flush().is_err() {
                return;
            }
        }
    }
}

impl Line {
    fn flush(&mut self) -> io::Result<()> {
        if let Some(handshake) = &mut self.handshake {
            let mut out = Vec::new();
            handshake.transmit(&mut out);
            self.unwritten.extend(out);
        }
        while !self.unwritten.is_empty() {
            match self.tube.write(self.unwritten.make_contiguous()) {
                Ok(count) => drop(self.unwritten.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
