//! ZMTP 1.0 (RFC 13) and ZMTP 2.0 (RFC 15) spoken over a plain stream by a peer written from those
//! RFCs, against our sockets: either side connects, every pattern, lengths around the boundaries of
//! the framing, and bytes that arrive one at a time. Run by the main thread.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use oxmq_testing::{Doing, Result, Spec};

use crate::Run;
use crate::ours::Ours;

/// Time after which a byte counts as never coming.
const NEVER: Duration = Duration::from_secs(60);

/// Which of the old protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// One pair of socket types; what the plain peer plays comes second.
#[derive(Clone, Copy, Debug)]
struct Pair {
    ours: &'static str,
    /// The name and number of RFC 15 §2.2 (greeting, socket-type).
    theirs: (&'static str, u8),
}

const PAIRS: [Pair; 10] = [
    Pair { ours: "PULL", theirs: ("PUSH", 8) },
    Pair { ours: "PUSH", theirs: ("PULL", 7) },
    Pair { ours: "REP", theirs: ("REQ", 3) },
    Pair { ours: "REQ", theirs: ("REP", 4) },
    Pair { ours: "PUB", theirs: ("SUB", 2) },
    Pair { ours: "SUB", theirs: ("PUB", 1) },
    Pair { ours: "DEALER", theirs: ("ROUTER", 6) },
    Pair { ours: "ROUTER", theirs: ("DEALER", 5) },
    Pair { ours: "PAIR", theirs: ("PAIR", 0) },
    Pair { ours: "XPUB", theirs: ("SUB", 2) },
];

/// Lengths around the boundaries of both framings.
const SHAPES: &[&[usize]] =
    &[&[0], &[1], &[253], &[254], &[255], &[256], &[65_536], &[1 << 20], &[0, 0], &[5, 0, 300, 7]];

/// The identity that the plain peer gives.
const IDENTITY: &[u8] = b"old-timer";
const TOPIC: &[u8] = b"news";

/// Runs every cell.
pub(crate) fn run(run: &mut Run) {
    for version in [Version::One, Version::Two] {
        for pair in PAIRS {
            for role in ["binds", "connects"] {
                for at_once in [true, false] {
                    let pace = if at_once { "at once" } else { "byte by byte" };
                    let name = format!(
                        "{} with {} of ZMTP {version:?}: theirs {role}, {pace}",
                        pair.ours, pair.theirs.0
                    );
                    run.cell(&name, || cell(version, pair, role, at_once));
                }
            }
        }
    }
}

fn cell(version: Version, pair: Pair, role: &str, at_once: bool) -> Result<String> {
    let mut ours = Ours::open(pair.ours)?;
    if pair.ours == "SUB" {
        ours.subscribe(TOPIC)?;
    }
    let mut wire = Wire::join(&ours, version, role)?;
    wire.at_once = at_once;
    wire.greet(pair.theirs.1)?;
    let shapes = if at_once { SHAPES } else { &SHAPES[..6] };
    let messages = shapes.iter().zip(1..).map(|(shape, seed)| Spec::of(seed * 100, shape));
    match pair.ours {
        "PULL" => messages.into_iter().try_for_each(|message| {
            wire.send(&parts(&message))?;
            ours.recv(&message)
        })?,
        "PUSH" => messages.into_iter().try_for_each(|message| {
            ours.send(&message)?;
            wire.expect(&parts(&message))
        })?,
        "REP" | "ROUTER" | "PAIR" => messages.into_iter().try_for_each(|message| {
            wire.send(&envelope(pair.ours == "REP", &message))?;
            ours.recv(&message)?;
            ours.send(&message)?;
            wire.expect(&envelope(pair.ours == "REP", &message))
        })?,
        "REQ" | "DEALER" => messages.into_iter().try_for_each(|message| {
            ours.send(&message)?;
            wire.expect(&envelope(pair.ours == "REQ", &message))?;
            wire.send(&envelope(pair.ours == "REQ", &message))?;
            ours.recv(&message)
        })?,
        "SUB" => subscribed(&mut ours, &mut wire, shapes)?,
        _ => published(&mut ours, &mut wire, pair, shapes)?,
    }
    if pair.ours == "ROUTER" {
        let routing_id = ours.socket.snapshot().peers.first().map(|peer| peer.routing_id.clone());
        if routing_id.as_deref() != Some(IDENTITY) {
            return Err(format!("the peer's identity has become {routing_id:?}"));
        }
    }
    Ok(String::new())
}

/// Our SUB hears what it asked for. RFC 13 has no subscriptions on the wire: all is sent, and the
/// subscriber filters. RFC 15: a subscription is a message that begins with 1.
fn subscribed(ours: &mut Ours, wire: &mut Wire, shapes: &[&[usize]]) -> Result<()> {
    if wire.version == Version::Two {
        wire.expect(&[[&[1], TOPIC].concat()])?;
    }
    for (shape, seed) in shapes.iter().zip(1..) {
        if wire.version == Version::One {
            wire.send(&parts(&Spec::with_topic(seed, b"gossip", shape)))?;
        }
        let message = Spec::with_topic(seed, TOPIC, shape);
        wire.send(&parts(&message))?;
        ours.recv(&message)?;
    }
    Ok(())
}

/// Our PUB or XPUB is heard; a subscriber of ZMTP 1.0 gets everything.
fn published(ours: &mut Ours, wire: &mut Wire, pair: Pair, shapes: &[&[usize]]) -> Result<()> {
    if wire.version == Version::Two {
        wire.send(&[[&[1], TOPIC].concat()])?;
    }
    ours.wait_subscribers(1)?;
    if pair.ours == "XPUB" {
        let subscription: &[u8] = if wire.version == Version::Two { b"\x01news" } else { b"\x01" };
        ours.recv(&Spec::with_topic(0, subscription, &[]))?;
    }
    for (shape, seed) in shapes.iter().zip(1..) {
        let other = Spec::with_topic(seed, b"gossip", shape);
        ours.send(&other)?;
        if wire.version == Version::One {
            wire.expect(&parts(&other))?;
        }
        let message = Spec::with_topic(seed, TOPIC, shape);
        ours.send(&message)?;
        wire.expect(&parts(&message))?;
    }
    Ok(())
}

fn parts(spec: &Spec) -> Vec<Vec<u8>> {
    spec.message().iter().map(|part| part.as_slice().to_vec()).collect()
}

/// The parts, behind the empty delimiter of a request where there is one.
fn envelope(delimiter: bool, spec: &Spec) -> Vec<Vec<u8>> {
    let mut parts = parts(spec);
    if delimiter {
        parts.insert(0, Vec::new());
    }
    parts
}

/// The plain peer's end of the connection.
struct Wire {
    stream: TcpStream,
    version: Version,
    /// Whether messages are written whole, or byte by byte.
    at_once: bool,
}

impl Wire {
    fn join(ours: &Ours, version: Version, role: &str) -> Result<Wire> {
        let stream = if role == "binds" {
            let listener = TcpListener::bind("127.0.0.1:0").doing("binding")?;
            ours.connect(&format!("tcp://{}", listener.local_addr().doing("binding")?))?;
            listener.accept().doing("accepting")?.0
        } else {
            let endpoint = ours.bind("tcp://127.0.0.1:*")?;
            let address = endpoint.strip_prefix("tcp://").unwrap_or(&endpoint);
            TcpStream::connect(address).doing("connecting")?
        };
        stream.set_nodelay(true).doing("setting TCP_NODELAY")?;
        stream.set_read_timeout(Some(NEVER)).doing("setting a time limit")?;
        Ok(Wire { stream, version, at_once: true })
    }

    fn read<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).doing("the plain peer reads")?;
        Ok(bytes)
    }

    fn read_long(&mut self, length: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = (&self.stream).take(length).read_to_end(&mut bytes);
        if read.doing("the plain peer reads")? as u64 != length {
            return Err("the stream ends in a frame".to_owned());
        }
        Ok(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let pace = if self.at_once { bytes.len().max(1) } else { 1 };
        let mut pieces = bytes.chunks(pace);
        pieces.try_for_each(|piece| self.stream.write_all(piece)).doing("the plain peer writes")
    }

    fn greet(&mut self, socket_type: u8) -> Result<()> {
        match self.version {
            Version::One => self.greet_one(),
            Version::Two => self.greet_two(socket_type),
        }
    }

    /// RFC 13: each side opens with its identity as the first frame, which may be empty. To a peer
    /// of ZMTP 1.0 the signature of the newer ones reads as a frame with a long length.
    fn greet_one(&mut self) -> Result<()> {
        self.send_one(IDENTITY, false)?;
        let (identity, _) = self.recv_one()?;
        if identity.is_empty() { Ok(()) } else { Err(format!("identity {identity:?}")) }
    }

    /// RFC 15: signature, revision, socket type, identity.
    fn greet_two(&mut self, socket_type: u8) -> Result<()> {
        self.write(&[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, socket_type])?;
        let identity = [&[0, IDENTITY.len() as u8], IDENTITY].concat();
        self.write(&identity)?;
        let signature = self.read::<10>()?;
        if signature[0] != 0xff || signature[9] & 1 != 1 {
            return Err(format!("signature {signature:?}"));
        }
        let [revision, theirs] = self.read()?;
        if revision == 0 || theirs > 8 && theirs != 9 && theirs != 10 {
            return Err(format!("revision {revision}, socket type {theirs}"));
        }
        let (identity, more) = self.recv_two()?;
        if identity.is_empty() && !more { Ok(()) } else { Err(format!("identity {identity:?}")) }
    }

    fn send(&mut self, parts: &[Vec<u8>]) -> Result<()> {
        for (index, part) in parts.iter().enumerate() {
            let more = index + 1 < parts.len();
            match self.version {
                Version::One => self.send_one(part, more)?,
                Version::Two => self.send_two(part, more)?,
            }
        }
        Ok(())
    }

    /// RFC 13: the length counts the octet of flags; from 255 on it takes eight octets.
    fn send_one(&mut self, part: &[u8], more: bool) -> Result<()> {
        let length = part.len() as u64 + 1;
        let mut bytes = match u8::try_from(length) {
            Ok(short) if short < 255 => vec![short],
            _ => [&[0xff], &length.to_be_bytes()[..]].concat(),
        };
        bytes.push(u8::from(more));
        bytes.extend_from_slice(part);
        self.write(&bytes)
    }

    /// RFC 15: flags, of which bit 1 says that the length takes eight octets.
    fn send_two(&mut self, part: &[u8], more: bool) -> Result<()> {
        let length = part.len() as u64;
        let mut bytes = match u8::try_from(length) {
            Ok(short) => vec![u8::from(more), short],
            Err(_) => [&[u8::from(more) | 2], &length.to_be_bytes()[..]].concat(),
        };
        bytes.extend_from_slice(part);
        self.write(&bytes)
    }

    fn recv_one(&mut self) -> Result<(Vec<u8>, bool)> {
        let [first] = self.read()?;
        let length = if first == 0xff { u64::from_be_bytes(self.read()?) } else { first.into() };
        let [flags] = self.read()?;
        let body = length.checked_sub(1).ok_or("a frame without flags")?;
        // The signature's last octet is 7F: bits other than the first have no meaning here.
        Ok((self.read_long(body)?, flags & 1 == 1))
    }

    fn recv_two(&mut self) -> Result<(Vec<u8>, bool)> {
        let [flags] = self.read()?;
        if flags > 3 {
            return Err(format!("flags {flags:#x}, which ZMTP 2.0 does not have"));
        }
        let length = if flags & 2 == 2 {
            u64::from_be_bytes(self.read()?)
        } else {
            let [short] = self.read()?;
            short.into()
        };
        Ok((self.read_long(length)?, flags & 1 == 1))
    }

    /// Receives a message and compares it.
    fn expect(&mut self, wanted: &[Vec<u8>]) -> Result<()> {
        for (index, part) in wanted.iter().enumerate() {
            let (got, more) = match self.version {
                Version::One => self.recv_one()?,
                Version::Two => self.recv_two()?,
            };
            if got != *part || more != (index + 1 < wanted.len()) {
                let (got, wanted) = (got.len(), part.len());
                return Err(format!("part {index}: {got} bytes (more: {more}), not {wanted}"));
            }
        }
        Ok(())
    }
}
