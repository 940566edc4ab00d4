//! What the behaviour tests share: a watchdog against hangs, short forms of sending and receiving,
//! waiting for a state that others bring about, and a peer that speaks ZMTP by hand. Each test
//! owns what it makes here; nothing is shared between tests.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use oxmq_engine::options::SocketOptions;
use oxmq_engine::{Context, Error, Event, EventKind, Message, Monitor, Profile, Socket};
use oxmq_engine::{PeerSnapshot, SocketType, Wait};

/// A test that takes longer hangs.
const HANG: Duration = Duration::from_secs(60);

static NAMES: AtomicU64 = AtomicU64::new(0);

/// Ends the process with the test's name if it lives for a minute.
pub(crate) struct Watchdog {
    _alive: Sender<()>,
}

/// Guards the calling test against a hang until the value is dropped.
#[track_caller]
pub(crate) fn watchdog() -> Watchdog {
    let place = Location::caller();
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let (alive, gone) = mpsc::channel();
    thread::spawn(move || {
        if gone.recv_timeout(HANG) == Err(RecvTimeoutError::Timeout) {
            let _ = writeln!(std::io::stderr(), "{name} hangs (guarded at {place})");
            std::process::abort();
        }
    });
    Watchdog { _alive: alive }
}

/// Something to bind on each transport; the inproc name is new with each call.
pub(crate) fn transports() -> [String; 3] {
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    ["tcp://127.0.0.1:*".into(), "ipc://*".into(), format!("inproc://test-{number}")]
}

/// Those of [`transports`] that make connections.
pub(crate) fn networks() -> [String; 2] {
    let [tcp, ipc, _] = transports();
    [tcp, ipc]
}

/// Another endpoint of the same transport, for a second bind.
pub(crate) fn another(transport: &str) -> String {
    match transport.starts_with("inproc") {
        true => transports()[2].clone(),
        false => transport.to_owned(),
    }
}

/// An endpoint of the same transport that nobody has bound, and that can be bound.
pub(crate) fn unbound(transport: &str) -> String {
    if transport.starts_with("tcp") {
        // The system does not give a port out again at once.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        return format!("tcp://{}", listener.local_addr().unwrap());
    }
    let name = transports()[2].replace("inproc://", "");
    match transport.starts_with("ipc") {
        true => format!("ipc://@oxmq-{}-{name}", std::process::id()),
        false => format!("inproc://{name}"),
    }
}

pub(crate) fn context() -> Context {
    Context::new(Profile::Safe)
}

/// A socket with some options, which leaves nothing behind unless they say so.
pub(crate) fn socket_with(
    context: &Context,
    socket_type: SocketType,
    set: impl FnOnce(&mut SocketOptions),
) -> Socket {
    let socket = context.socket(socket_type).unwrap();
    configure(&socket, |options| options.linger = Some(Duration::ZERO));
    configure(&socket, set);
    socket
}

pub(crate) fn configure(socket: &Socket, set: impl FnOnce(&mut SocketOptions)) {
    socket
        .configure(|options| {
            set(options);
            Ok(())
        })
        .unwrap();
}

/// A message of these parts.
pub(crate) fn message<P: AsRef<[u8]>>(parts: &[P]) -> Message {
    parts.iter().map(|part| part.as_ref().to_vec()).collect()
}

/// Sends a message of these parts, however long it takes.
#[track_caller]
pub(crate) fn send<P: AsRef<[u8]>>(socket: &Socket, parts: &[P]) {
    socket.send_message(&mut message(parts), Wait::Forever).unwrap();
}

/// Sends a message of these parts if that is possible at once.
pub(crate) fn try_send<P: AsRef<[u8]>>(socket: &Socket, parts: &[P]) -> Result<(), Error> {
    socket.send_message(&mut message(parts), Wait::No)
}

/// The next message's parts, however long it takes.
#[track_caller]
pub(crate) fn recv(socket: &Socket) -> Vec<Vec<u8>> {
    bytes(&socket.recv_message(Wait::Forever).unwrap())
}

/// The next message's parts if there is one.
pub(crate) fn try_recv(socket: &Socket) -> Result<Vec<Vec<u8>>, Error> {
    socket.recv_message(Wait::No).map(|message| bytes(&message))
}

/// Asserts that the next message has these parts.
#[track_caller]
pub(crate) fn expect<P: AsRef<[u8]>>(socket: &Socket, parts: &[P]) {
    let expected: Vec<Vec<u8>> = parts.iter().map(|part| part.as_ref().to_vec()).collect();
    assert_eq!(recv(socket), expected);
}

/// Asserts that there is nothing to receive now.
#[track_caller]
pub(crate) fn expect_nothing(socket: &Socket) {
    match try_recv(socket) {
        Err(Error::WouldBlock) => {}
        other => panic!("expected no message, found {other:?}"),
    }
}

pub(crate) fn bytes(message: &Message) -> Vec<Vec<u8>> {
    message.iter().map(|part| part.as_slice().to_vec()).collect()
}

/// Waits until the socket has this many connected peers.
#[track_caller]
pub(crate) fn wait_connected(socket: &Socket, peers: usize) {
    socket.wait_changed(Wait::Forever, |now| now.connected == peers).unwrap();
}

/// Waits until this many of the socket's peers have subscribed to something.
#[track_caller]
pub(crate) fn wait_subscribers(socket: &Socket, peers: usize) {
    socket.wait_changed(Wait::Forever, |now| now.subscribers == peers).unwrap();
}

/// Waits for something that other threads bring about and that wakes nobody.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        thread::yield_now();
    }
}

/// Waits until this many messages stand in the socket's queues for the application.
pub(crate) fn wait_queued_in(socket: &Socket, messages: usize) {
    let queued = |peer: &PeerSnapshot| peer.queued_in;
    wait_until(|| socket.snapshot().peers.iter().map(queued).sum::<usize>() == messages);
}

/// The next event for which `wanted` holds; those before it are passed over.
#[track_caller]
pub(crate) fn event(monitor: &Monitor, wanted: impl Fn(&EventKind) -> bool) -> Event {
    loop {
        let event = monitor.recv().unwrap();
        if wanted(&event.kind) {
            return event;
        }
    }
}

/// How often each value occurs.
pub(crate) fn counts<T: std::hash::Hash + Eq>(
    values: impl IntoIterator<Item = T>,
) -> HashMap<T, usize> {
    let mut counts = HashMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

/// Numbers that look random and come again with the same seed (xorshift).
pub(crate) struct Random(u64);

impl Random {
    /// From `OXMQ_SEED`, or the given seed. Prints it, for the report of a failure.
    pub(crate) fn new(seed: u64) -> Random {
        let given = std::env::var("OXMQ_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or(seed).max(1);
        println!("OXMQ_SEED={seed}");
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}

/// Flags of a ZMTP frame.
pub(crate) const MORE: u8 = 1;
pub(crate) const LONG: u8 = 2;
pub(crate) const COMMAND: u8 = 4;

/// A peer that speaks ZMTP 3.1 with the NULL mechanism by hand.
pub(crate) struct RawPeer {
    pub(crate) stream: TcpStream,
}

impl RawPeer {
    /// Connects to a socket and shakes hands as the given type.
    pub(crate) fn connect(endpoint: &str, socket_type: &str) -> RawPeer {
        let mut peer = RawPeer { stream: mute(endpoint) };
        peer.handshake(socket_type, &[]);
        peer
    }

    /// As [`RawPeer::connect`], with further properties.
    pub(crate) fn connect_with(
        endpoint: &str,
        socket_type: &str,
        properties: &[(&str, &[u8])],
    ) -> RawPeer {
        let mut peer = RawPeer { stream: mute(endpoint) };
        peer.handshake(socket_type, properties);
        peer
    }

    /// Accepts a socket's connection and shakes hands as the given type.
    pub(crate) fn accept(listener: &TcpListener, socket_type: &str) -> RawPeer {
        let mut peer = RawPeer { stream: listener.accept().unwrap().0 };
        peer.handshake(socket_type, &[]);
        peer
    }

    fn handshake(&mut self, socket_type: &str, properties: &[(&str, &[u8])]) {
        self.stream.write_all(&greeting()).unwrap();
        self.read_exactly(64);
        let mut ready = vec![5];
        ready.extend_from_slice(b"READY");
        let own = [("Socket-Type", socket_type.as_bytes())];
        for (name, value) in own.iter().chain(properties) {
            ready.push(name.len() as u8);
            ready.extend_from_slice(name.as_bytes());
            ready.extend_from_slice(&(value.len() as u32).to_be_bytes());
            ready.extend_from_slice(value);
        }
        self.frame(COMMAND, &ready);
        let (flags, body) = self.read_frame().unwrap();
        assert_eq!((flags, &body[..6]), (COMMAND, &b"\x05READY"[..]));
    }

    /// Writes a frame; it is long if its size asks for it.
    pub(crate) fn frame(&mut self, flags: u8, body: &[u8]) {
        self.stream.write_all(&frame(flags, body)).unwrap();
    }

    /// Writes a message.
    pub(crate) fn message<P: AsRef<[u8]>>(&mut self, parts: &[P]) {
        for (index, part) in parts.iter().enumerate() {
            let flags = if index + 1 < parts.len() { MORE } else { 0 };
            self.frame(flags, part.as_ref());
        }
    }

    /// Writes a command.
    pub(crate) fn command(&mut self, name: &str, body: &[u8]) {
        let mut all = vec![name.len() as u8];
        all.extend_from_slice(name.as_bytes());
        all.extend_from_slice(body);
        self.frame(COMMAND, &all);
    }

    /// The next frame's flags without LONG, and its body; `None` at the end of the stream.
    pub(crate) fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut flags = [0];
        match self.stream.read(&mut flags) {
            Ok(1) => {}
            // A reset is an end, too.
            _ => return None,
        }
        let size = if flags[0] & LONG == 0 {
            usize::from(self.read_exactly(1)[0])
        } else {
            u64::from_be_bytes(self.read_exactly(8).try_into().unwrap()) as usize
        };
        Some((flags[0] & !LONG, self.read_exactly(size)))
    }

    /// The next frame of a message; commands before it are passed over.
    pub(crate) fn read_message_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let frame = self.read_frame()?;
            if frame.0 & COMMAND == 0 {
                return Some(frame);
            }
        }
    }

    /// The next message; commands before it are passed over.
    pub(crate) fn read_message(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut parts = Vec::new();
        loop {
            let (flags, body) = self.read_message_frame()?;
            parts.push(body);
            if flags & MORE == 0 {
                return Some(parts);
            }
        }
    }

    /// Reads until the other side has ended the connection.
    pub(crate) fn read_to_end(&mut self) {
        while self.read_frame().is_some() {}
    }

    fn read_exactly(&mut self, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }
}

/// A connection to a socket that says nothing.
pub(crate) fn mute(endpoint: &str) -> TcpStream {
    TcpStream::connect(endpoint.strip_prefix("tcp://").unwrap()).unwrap()
}

/// The greeting of ZMTP 3.1 with the NULL mechanism.
pub(crate) fn greeting() -> [u8; 64] {
    let mut greeting = [0; 64];
    greeting[0] = 0xFF;
    greeting[9] = 0x7F;
    greeting[10] = 3;
    greeting[11] = 1;
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

/// A frame's octets.
pub(crate) fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(body.len() + 9);
    match u8::try_from(body.len()) {
        Ok(size) => octets.extend_from_slice(&[flags, size]),
        Err(_) => {
            octets.push(flags | LONG);
            octets.extend_from_slice(&(body.len() as u64).to_be_bytes());
        }
    }
    octets.extend_from_slice(body);
    octets
}
