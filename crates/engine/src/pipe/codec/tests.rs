//! Both queues over a connection with a codec whose frames look like nothing that ZMTP knows and
//! which, as a cipher does, refuses what comes out of sequence. One thread holds both ends.
//! proptest prints the seed of a failure.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;

use oxmq_message::{Meta, MetaHandle, Msg};
use oxmq_zmtp::{FRAME_HEADER_MAX, Framing, ProtocolError};
use proptest::prelude::*;

use super::{Codec, Decode, Encode, WireBuffer};
use crate::limits::{
    BY_REFERENCE_BYTES, CODEC_OVERHEAD_BYTES_MAX, FLUSH_BYTES, READ_SLAB_BYTES,
    READ_SLAB_BYTES_MIN, READ_TURN_BYTES,
};
use crate::pipe::inbound::{CommandBody, Delivers, InQueue, Limits, ReadError, Shape};
use crate::pipe::outbound::tests::connection;
use crate::pipe::outbound::{OutQueue, Wire, Written};
use crate::transport::Stream;

const HEADER_BYTES: usize = 6;

/// One direction: a number that counts the frames, and what the connection started it with.
struct Xor {
    key: u8,
    number: u8,
    frames_max: usize,
}

impl Xor {
    fn new(key: u8) -> Xor {
        Xor { key, number: 0, frames_max: usize::MAX }
    }

    fn next_mask(&mut self) -> u8 {
        self.number = self.number.wrapping_add(1);
        self.key ^ self.number
    }
}

impl Encode for Xor {
    fn encode(
        &mut self,
        more: bool,
        command: bool,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        if self.frames_max == 0 {
            return Err(io::Error::other("the sequence is used up"));
        }
        self.frames_max -= 1;
        let mask = self.next_mask();
        out.push(mask);
        out.push(u8::from(more) | u8::from(command) << 1);
        out.extend_from_slice(&(body.len() as u32).to_le_bytes());
        out.extend(body.iter().map(|octet| octet ^ mask));
        Ok(())
    }
}

impl Decode for Xor {
    fn decode(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Result<usize, ProtocolError> {
        let Some((header, rest)) = input.split_first_chunk::<HEADER_BYTES>() else { return Ok(0) };
        let length = u32::from_le_bytes(header[2..].try_into().unwrap()) as usize;
        let Some(body) = rest.get(..length) else { return Ok(0) };
        let mask = self.next_mask();
        if header[0] != mask {
            return Err(ProtocolError::UnexpectedCommand { state: "sequence" });
        }
        let mut framing = [0; FRAME_HEADER_MAX];
        let (more, command) = (header[1] & 1 != 0, header[1] & 2 != 0);
        let n = Framing::V3.encode(more, command, length as u64, &mut framing);
        plain.extend_from_slice(&framing[..n]);
        plain.extend(body.iter().map(|octet| octet ^ mask));
        Ok(HEADER_BYTES + length)
    }

    fn frame_len(&self, input: &[u8]) -> Result<Option<u64>, ProtocolError> {
        let length = input.get(2..HEADER_BYTES).map(|octets| octets.try_into().unwrap());
        Ok(length.map(|octets| HEADER_BYTES as u64 + u64::from(u32::from_le_bytes(octets))))
    }
}

fn codec(key: u8) -> Codec {
    Codec::new(Box::new(Xor::new(key)), Box::new(Xor::new(key)))
}

const UNLIMITED: Limits = Limits {
    frame_bytes_max: u64::MAX,
    parts_max: u64::MAX,
    unfinished_bytes_max: u64::MAX,
    read_bytes_max: usize::MAX,
    delivers: Delivers::Nothing,
    shape: Shape::Any,
};

/// A message or a command: its frames.
type Parts = Vec<Vec<u8>>;

/// The receiving end.
struct Reader {
    queue: InQueue,
    buffer: WireBuffer,
    meta: MetaHandle,
    commands: Vec<CommandBody>,
}

impl Reader {
    fn new(key: u8, limits: Limits) -> Reader {
        Reader {
            queue: InQueue::new(Wire::Zmtp(Framing::V3), limits),
            buffer: codec(key).inbound,
            meta: MetaHandle::new(Meta::default()),
            commands: Vec::new(),
        }
    }

    fn feed(&mut self, octets: &[u8]) -> Result<(), ReadError> {
        let Reader { queue, buffer, meta, commands } = self;
        queue.preload_coded(octets, buffer, meta, commands)
    }

    fn read(&mut self, stream: &Stream, ready_max: usize) -> Result<(usize, bool), ReadError> {
        let Reader { queue, buffer, meta, commands } = self;
        queue.read(stream, ready_max, false, Some(buffer), meta, commands)
    }

    fn take_all(&mut self) -> Vec<Parts> {
        let (mut messages, mut parts) = (Vec::new(), Vec::new());
        while let Some(part) = self.queue.pop() {
            let more = part.more();
            parts.push(part.to_vec());
            if !more {
                messages.push(std::mem::take(&mut parts));
            }
        }
        messages
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Part { size: usize, more: bool },
    Encoded { size: usize },
    Command { size: usize },
    Rollback,
    DropUnwritten,
    Write,
    Read { ready_max: usize },
    Reconnect,
    ReleaseMemory,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 0..300_usize,
        2 => 1000..40_000_usize,
        1 => BY_REFERENCE_BYTES - 2..BY_REFERENCE_BYTES + 2,
        1 => BY_REFERENCE_BYTES..3 * BY_REFERENCE_BYTES,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (size(), any::<bool>()).prop_map(|(size, more)| Step::Part { size, more }),
        3 => (0..500_usize).prop_map(|size| Step::Encoded { size }),
        3 => size().prop_map(|size| Step::Command { size }),
        1 => Just(Step::Rollback),
        1 => Just(Step::DropUnwritten),
        8 => Just(Step::Write),
        6 => (0..4_usize).prop_map(|ready_max| Step::Read { ready_max }),
        2 => Just(Step::Reconnect),
        1 => Just(Step::ReleaseMemory),
    ]
}

/// Both ends, and what was sent and received, each in order.
struct Model {
    queue: OutQueue,
    encoder: Box<dyn Encode>,
    near: Stream,
    far: Stream,
    reader: Reader,
    sent: Vec<Parts>,
    unfinished: Parts,
    commands: Vec<Vec<u8>>,
    received: Vec<Parts>,
    connections: u8,
    next: u8,
}

impl Model {
    fn new() -> Model {
        let (near, far) = connection(4096);
        Model {
            queue: OutQueue::default(),
            encoder: codec(0).encoder,
            near,
            far,
            reader: Reader::new(0, UNLIMITED),
            sent: Vec::new(),
            unfinished: Vec::new(),
            commands: Vec::new(),
            received: Vec::new(),
            connections: 0,
            next: 0,
        }
    }

    fn body(&mut self, size: usize) -> Vec<u8> {
        self.next = self.next.wrapping_add(1);
        vec![self.next; size]
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Part { size, more } => {
                let body = self.body(size);
                self.queue.push(&mut Msg::from(body.clone()), more, false);
                self.unfinished.push(body);
                if !more {
                    self.sent.push(std::mem::take(&mut self.unfinished));
                }
            }
            Step::Encoded { size } if self.unfinished.is_empty() => {
                let body = self.body(size);
                self.queue.push_encoded(&frame(false, &body));
                self.sent.push(vec![body]);
            }
            Step::Command { size } => {
                let body = self.body(size);
                self.queue.push_command(frame(true, &body));
                self.commands.push(body);
            }
            Step::Rollback => {
                self.queue.rollback();
                self.unfinished.clear();
            }
            Step::DropUnwritten if self.unfinished.is_empty() => {
                let dropped = self.queue.drop_unwritten();
                self.sent.truncate(self.sent.len() - dropped);
            }
            Step::Encoded { .. } | Step::DropUnwritten => {}
            Step::Write => {
                let outcome = self.queue.write_coded(&self.near, &mut *self.encoder).unwrap();
                let drained = self.queue.messages() == 0 && self.queue.is_empty();
                assert_eq!(outcome == Written::Drained, drained);
            }
            Step::Read { ready_max } => self.read(ready_max),
            Step::Reconnect => self.reconnect(),
            Step::ReleaseMemory => {
                self.queue.release_memory();
                self.reader.queue.release_memory();
                self.reader.buffer.release_memory();
            }
        }
    }

    fn read(&mut self, ready_max: usize) {
        let (octets, more) = self.reader.read(&self.far, ready_max).unwrap();
        // Whoever says that the kernel has nothing left holds no whole frame back.
        if octets > 0 && !more {
            assert!(self.reader.buffer.filled < 6 * BY_REFERENCE_BYTES);
        }
        self.received.append(&mut self.reader.take_all());
    }

    /// What the kernel has taken of the old connection arrives; the rest comes over the new one,
    /// which begins its sequence anew.
    fn reconnect(&mut self) {
        let (near, far) = connection(4096);
        self.near = near;
        while self.reader.read(&self.far, 0).is_ok_and(|(octets, _)| octets > 0) {}
        self.received.append(&mut self.reader.take_all());
        self.reader.queue.end();
        self.far = far;
        self.connections = self.connections.wrapping_add(1);
        self.reader.buffer = codec(self.connections).inbound;
        self.encoder = codec(self.connections).encoder;
        self.queue.restart();
    }

    fn finish(&mut self) {
        self.apply(Step::Rollback);
        while !self.queue.is_empty() {
            self.apply(Step::Write);
            self.apply(Step::Read { ready_max: 0 });
        }
        while self.received.len() < self.sent.len() {
            let before = self.received.len();
            self.apply(Step::Read { ready_max: 0 });
            assert!(self.received.len() > before, "messages are lost");
        }
        assert!(self.received == self.sent);
        assert_eq!(self.queue.backlog_bytes(), 0);
        // Commands keep their order; those of an earlier connection may be missing.
        let mut sent = self.commands.iter();
        for command in &self.reader.commands {
            assert!(sent.any(|other| other == command));
        }
    }
}

fn frame(command: bool, body: &[u8]) -> Vec<u8> {
    let mut header = [0; FRAME_HEADER_MAX];
    let n = Framing::V3.encode(false, command, body.len() as u64, &mut header);
    [&header[..n], body].concat()
}

proptest! {
    #[test]
    fn messages_arrive_once_and_in_order_whatever_is_cut(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut model = Model::new();
        steps.into_iter().for_each(|step| model.apply(step));
        model.finish();
    }

    #[test]
    fn pieces_of_any_size_make_the_same_messages(
        sizes in prop::collection::vec((size(), any::<bool>(), 0..10_u8), 1..20),
        pieces in prop::collection::vec(1..100_000_usize, 1..40),
    ) {
        let mut encoder = Xor::new(1);
        let (mut wire, mut sent, mut open, mut commands) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, (size, more, kind)) in sizes.into_iter().enumerate() {
            let body = vec![number as u8; size];
            encoder.encode(more && kind > 0, kind == 0, &body, &mut wire).unwrap();
            if kind == 0 {
                commands.push(body);
                continue;
            }
            open.push(body);
            if !more {
                sent.push(std::mem::take(&mut open));
            }
        }
        let mut reader = Reader::new(1, UNLIMITED);
        let (mut rest, mut found) = (&wire[..], Vec::new());
        for piece in pieces.iter().cycle() {
            let (octets, left) = rest.split_at((*piece).min(rest.len()));
            reader.feed(octets).unwrap();
            found.append(&mut reader.take_all());
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        assert!(found == sent);
        assert!(reader.commands == commands);
        assert_eq!(reader.buffer.filled, 0);
    }
}

#[test]
fn a_split_at_every_octet_changes_nothing() {
    let mut wire = Vec::new();
    let mut encoder = Xor::new(9);
    encoder.encode(false, true, b"\x04PING", &mut wire).unwrap();
    encoder.encode(true, false, b"first", &mut wire).unwrap();
    encoder.encode(false, false, b"", &mut wire).unwrap();
    encoder.encode(false, false, b"single", &mut wire).unwrap();
    let expected = [vec![b"first".to_vec(), Vec::new()], vec![b"single".to_vec()]];
    for cut in 0..=wire.len() {
        let mut reader = Reader::new(9, UNLIMITED);
        reader.feed(&wire[..cut]).unwrap();
        reader.feed(&wire[cut..]).unwrap();
        assert_eq!(reader.take_all(), expected);
        assert_eq!(reader.commands, [b"\x04PING"]);
    }
    let mut reader = Reader::new(9, UNLIMITED);
    wire.iter().for_each(|octet| reader.feed(&[*octet]).unwrap());
    assert_eq!(reader.take_all(), expected);
}

/// What came before a fault is delivered, and nothing after it.
#[test]
fn a_fault_ends_what_follows_it() {
    let mut wire = Vec::new();
    let mut encoder = Xor::new(0);
    encoder.encode(false, false, b"good", &mut wire).unwrap();
    let again = wire.clone();
    // A replay of the first frame: out of sequence.
    wire.extend_from_slice(&again);
    encoder.encode(false, false, b"later", &mut wire).unwrap();
    let mut reader = Reader::new(0, UNLIMITED);
    assert!(matches!(reader.feed(&wire), Err(ReadError::Protocol(_))));
    assert_eq!(reader.take_all(), [[b"good".to_vec()]]);
}

/// MAXMSGSIZE bounds the part, and the memory for an encoded frame that never ends.
#[test]
fn a_size_limit_holds_before_and_after_decoding() {
    let limits = Limits { frame_bytes_max: 1000, ..UNLIMITED };
    let sent = |size: usize| {
        let mut wire = Vec::new();
        Xor::new(0).encode(false, false, &vec![0; size], &mut wire).unwrap();
        let mut reader = Reader::new(0, limits);
        reader.feed(&wire).map(|()| reader.take_all().len())
    };
    assert_eq!(sent(1000).unwrap(), 1);
    let what = |error| match error {
        ReadError::TooLarge { what, limit, .. } => (what, limit),
        other => panic!("{other:?}"),
    };
    assert_eq!(what(sent(1001).unwrap_err()), ("message part", 1000));
    let bound = 1000 + CODEC_OVERHEAD_BYTES_MAX;
    assert_eq!(what(sent(1 << 24).unwrap_err()), ("message part as encoded", bound));
    // Its header is enough.
    let mut wire = Vec::new();
    Xor::new(0).encode(false, false, &vec![0; 1 << 24], &mut wire).unwrap();
    let mut reader = Reader::new(0, limits);
    reader.feed(&wire[..HEADER_BYTES - 1]).unwrap();
    let refused = reader.feed(&wire[HEADER_BYTES - 1..HEADER_BYTES]).unwrap_err();
    assert_eq!(what(refused), ("message part as encoded", bound));
}

/// A declared size costs nothing; large memory is given back with the frame that needed it.
#[test]
fn memory_follows_what_came() {
    let mut wire = Vec::new();
    Xor::new(0).encode(false, false, &vec![7; 8 * READ_SLAB_BYTES], &mut wire).unwrap();
    let mut reader = Reader::new(0, UNLIMITED);
    reader.feed(&wire[..100]).unwrap();
    assert!(reader.buffer.wire.len() <= READ_SLAB_BYTES_MIN);
    reader.feed(&wire[100..]).unwrap();
    assert_eq!(reader.take_all(), [[vec![7; 8 * READ_SLAB_BYTES]]]);
    assert_eq!(reader.buffer.filled, 0);
    assert!(reader.buffer.wire.capacity() <= 2 * READ_SLAB_BYTES);
    assert!(reader.buffer.plain.capacity() <= 2 * READ_SLAB_BYTES);
    reader.buffer.release_memory();
    assert_eq!(reader.buffer.wire.capacity(), 0);
}

/// Reading stops at the high-water mark and at the end of a turn, says that there may be more,
/// and finds it without another event.
#[test]
fn reading_stops_at_its_bounds_and_goes_on() {
    const MESSAGES: usize = 4 * READ_TURN_BYTES / 1000;
    let (near, far) = connection(8 << 20);
    let mut encoder = Xor::new(0);
    let mut reader = Reader::new(0, UNLIMITED);
    assert_eq!(reader.read(&far, 0).unwrap(), (0, false));
    let mut queue = OutQueue::default();
    (0..MESSAGES).for_each(|n| queue.push(&mut Msg::from(vec![n as u8; 1000]), false, false));
    let mut received = Vec::new();
    loop {
        let written = queue.write_coded(&near, &mut encoder).unwrap();
        loop {
            let (octets, more) = reader.read(&far, 10).unwrap();
            assert!(octets <= READ_TURN_BYTES + READ_SLAB_BYTES);
            received.append(&mut reader.take_all());
            if !more {
                break;
            }
        }
        if written == Written::Drained {
            break;
        }
    }
    assert_eq!(received.len(), MESSAGES);
    assert_eq!(reader.buffer.filled, 0);
    assert!(received.iter().enumerate().all(|(n, parts)| parts[0] == vec![n as u8; 1000]));
}

/// A cipher that may not go on ends the connection; what it did not encode goes over the next.
#[test]
fn what_was_not_encoded_goes_over_the_next_connection() {
    let (near, far) = connection(1 << 20);
    let mut queue = OutQueue::default();
    let bodies: Vec<Vec<u8>> = (0..10).map(|n| vec![n; FLUSH_BYTES]).collect();
    bodies.iter().for_each(|body| queue.push(&mut Msg::from(body.clone()), false, false));
    let mut reader = Reader::new(0, UNLIMITED);
    let mut encoder = Xor { frames_max: 4, ..Xor::new(0) };
    let mut received = Vec::new();
    let failed = loop {
        match queue.write_coded(&near, &mut encoder) {
            Ok(Written::Blocked) => {
                reader.read(&far, 0).unwrap();
                received.append(&mut reader.take_all());
            }
            other => break other,
        }
    };
    assert!(failed.is_err());
    while reader.read(&far, 0).unwrap().0 > 0 {}
    received.append(&mut reader.take_all());
    assert_eq!(received.len(), 4);
    queue.restart();
    assert_eq!(queue.messages(), 6);
    let (near, far) = connection(1 << 20);
    let mut reader = Reader::new(1, UNLIMITED);
    let mut encoder = Xor::new(1);
    while queue.write_coded(&near, &mut encoder).unwrap() == Written::Blocked {
        reader.read(&far, 0).unwrap();
        received.append(&mut reader.take_all());
    }
    while reader.read(&far, 0).unwrap().0 > 0 {}
    received.append(&mut reader.take_all());
    assert!(received.iter().map(|parts| &parts[0]).eq(&bodies));
}
