//! Peers that are plain TCP connections and speak just enough ZMTP 3.0 (RFC 23): what they take is
//! little, so that a run shows what the other end can do. Here the subscribers of `pub`. Owned by
//! the main thread.

use std::io::{Read, Write};
use std::net::TcpStream;

use oxmq_testing::{Doing, Result};
use rustix::event::epoll;

use crate::content::Content;
use crate::fanout::is_probe;
use crate::flags::Flags;
use crate::peer;

/// Room for what one read brings; also the longest frame.
const BUFFER_BYTES: usize = 256 * 1024;
const GREETING_BYTES: usize = 64;
/// How many connections one wait may report.
const EVENTS_MAX: usize = 64;

struct Subscriber {
    connection: TcpStream,
    buffer: Vec<u8>,
    have: usize,
    content: Content,
    probed: bool,
    next: u64,
}

/// What a read of one subscriber brought.
struct Progress {
    probed: bool,
    ended: bool,
}

/// Receives everything with all subscribers; returns the time of the last delivery.
pub(crate) fn subscribe(flags: &Flags, endpoint: &str, ready: impl FnOnce()) -> Result<u64> {
    let address = endpoint.strip_prefix("tcp://").ok_or("-k raw is for tcp")?;
    let set = epoll::create(epoll::CreateFlags::CLOEXEC).doing("epoll")?;
    let mut subscribers = Vec::with_capacity(flags.subs);
    for key in 0..flags.subs {
        let subscriber = Subscriber::connect(address, flags.size)?;
        let data = epoll::EventData::new_u64(key as u64);
        epoll::add(&set, &subscriber.connection, data, epoll::EventFlags::IN).doing("epoll")?;
        subscribers.push(subscriber);
    }
    let mut ready = Some(ready);
    let mut events = Vec::with_capacity(EVENTS_MAX);
    let (mut working, mut unprobed) = (flags.subs, flags.subs);
    while working > 0 {
        events.clear();
        epoll::wait(&set, rustix::buffer::spare_capacity(&mut events), None).doing("epoll")?;
        for event in &events {
            let key = event.data.u64() as usize;
            let progress = subscribers[key].read(flags.count)?;
            unprobed -= usize::from(progress.probed);
            working -= usize::from(progress.ended);
        }
        if unprobed == 0
            && let Some(ready) = ready.take()
        {
            ready();
        }
    }
    Ok(peer::now_ns())
}

impl Subscriber {
    /// Connects, shakes hands with the NULL mechanism and subscribes to everything.
    fn connect(address: &str, size: usize) -> Result<Subscriber> {
        let mut connection = introduce(address, "SUB")?;
        listen(&mut connection)?;
        // Not before the READY has come: libzmq drops peers that are ahead of it.
        connection.write_all(b"\0\x01\x01").doing("subscribing")?;
        Ok(Subscriber {
            connection,
            buffer: vec![0; BUFFER_BYTES],
            have: 0,
            content: Content::new(size),
            probed: false,
            next: 0,
        })
    }

    /// Reads once and takes what frames are complete.
    fn read(&mut self, count: u64) -> Result<Progress> {
        let read = self.connection.read(&mut self.buffer[self.have..]).doing("reading")?;
        if read == 0 {
            return Err("the publisher has gone".to_owned());
        }
        self.have += read;
        let (probed_before, next_before) = (self.probed, self.next);
        let mut at = 0;
        while let Some((start, end)) = frame(&self.buffer[at..self.have])? {
            let bytes = &self.buffer[at + start..at + end];
            let command = self.buffer[at] & 4 != 0;
            at += end;
            if command {
                continue; // A PING, which is not answered: the publisher may wait 30 s for that.
            }
            if is_probe(bytes) {
                self.probed = true;
            } else {
                self.content.check(bytes, 0, self.next)?;
                self.next += 1;
            }
        }
        self.buffer.copy_within(at..self.have, 0);
        self.have -= at;
        Ok(Progress {
            probed: self.probed && !probed_before,
            ended: self.next == count && next_before < count,
        })
    }
}

/// Opens a connection and says who we are, with the NULL mechanism.
pub(crate) fn introduce(address: &str, socket_type: &str) -> Result<TcpStream> {
    let mut connection = TcpStream::connect(address).doing("connecting")?;
    connection.set_nodelay(true).doing("nodelay")?;
    let mut hello = [0; GREETING_BYTES].to_vec();
    hello[..16].copy_from_slice(b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL");
    let length = socket_type.len() as u8;
    hello.extend_from_slice(&[4, 22 + length]);
    hello.extend_from_slice(b"\x05READY\x0bSocket-Type\0\0\0");
    hello.push(length);
    hello.extend_from_slice(socket_type.as_bytes());
    connection.write_all(&hello).doing("greeting")?;
    Ok(connection)
}

/// Hears who the other end is.
pub(crate) fn listen(connection: &mut TcpStream) -> Result<()> {
    let mut greeting = [0; GREETING_BYTES];
    connection.read_exact(&mut greeting).doing("greeting")?;
    let mut head = [0; 2];
    connection.read_exact(&mut head).doing("READY")?;
    if greeting[0] != 0xff || greeting[10] < 3 || head[0] != 4 {
        return Err("a peer that does not speak ZMTP 3".to_owned());
    }
    connection.read_exact(&mut vec![0; usize::from(head[1])]).doing("READY")
}

/// Reads one short message of one part into the buffer; what is a command is passed over.
pub(crate) fn read_short<'a>(
    connection: &mut TcpStream,
    buffer: &'a mut [u8; 255],
) -> Result<&'a [u8]> {
    loop {
        let mut head = [0; 2];
        connection.read_exact(&mut head).doing("a frame")?;
        let body = &mut buffer[..usize::from(head[1])];
        connection.read_exact(body).doing("a frame")?;
        match head[0] {
            0 => return Ok(&buffer[..usize::from(head[1])]),
            // A PING, which is not answered: the other end may wait 30 s for that.
            4 => {}
            flags => return Err(format!("a frame that was never sent: flags {flags}")),
        }
    }
}

/// Where the body of the first frame begins and ends, if it is complete.
fn frame(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let (start, length) = match bytes {
        [flags, length, ..] if flags & 2 == 0 => (2, u64::from(*length)),
        [_, rest @ ..] => match rest.first_chunk::<8>() {
            Some(length) => (9, u64::from_be_bytes(*length)),
            None => return Ok(None),
        },
        [] => return Ok(None),
    };
    if bytes[0] & 1 != 0 || length > (BUFFER_BYTES - 9) as u64 {
        return Err(format!("a frame that was never sent: {length} bytes, flags {}", bytes[0]));
    }
    let end = start + length as usize;
    Ok((bytes.len() >= end).then_some((start, end)))
}
