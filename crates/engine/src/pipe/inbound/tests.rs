//! The inbound queue against a list of messages: the same frames in every split, taken out in
//! any order of calls. One thread does everything. proptest prints the seed of a failure.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;

use oxmq_message::{Meta, MetaHandle, Msg};
use oxmq_zmtp::{FRAME_HEADER_MAX, Framing};
use proptest::prelude::*;

use super::{CommandBody, Delivers, InQueue, Limits, ReadError, Shape};
use crate::limits::{
    COMMAND_BYTES_MAX, LARGE_FRAME_BYTES, READ_SLAB_BYTES, READ_SLAB_BYTES_MIN, READ_TURN_BYTES,
};
use crate::pipe::outbound::Wire;
use crate::pipe::outbound::tests::connection;

const UNLIMITED: Limits = Limits {
    frame_bytes_max: u64::MAX,
    parts_max: u64::MAX,
    unfinished_bytes_max: u64::MAX,
    read_bytes_max: usize::MAX,
    delivers: Delivers::Nothing,
    shape: Shape::Any,
};

fn encode(framing: Framing, more: bool, command: bool, body: &[u8], out: &mut Vec<u8>) {
    let mut header = [0; FRAME_HEADER_MAX];
    let octets = framing.encode(more, command, body.len() as u64, &mut header);
    out.extend_from_slice(&header[..octets]);
    out.extend_from_slice(body);
}

/// A queue with what its owner keeps beside it.
struct Reader {
    queue: InQueue,
    meta: MetaHandle,
    commands: Vec<CommandBody>,
}

impl Reader {
    fn new(wire: Wire, limits: Limits) -> Reader {
        let meta = MetaHandle::new(Meta::default());
        Reader { queue: InQueue::new(wire, limits), meta, commands: Vec::new() }
    }

    fn feed(&mut self, octets: &[u8]) -> Result<(), ReadError> {
        self.queue.preload(octets, &mut self.meta, &mut self.commands)
    }

    /// The parts of every whole message.
    fn take_all(&mut self) -> Vec<(bool, Vec<u8>)> {
        let mut parts = Vec::new();
        while let Some(part) = self.queue.pop() {
            parts.push((part.more(), part.to_vec()));
        }
        parts
    }
}

#[derive(Clone, Copy, Debug)]
enum Sent {
    Part { size: usize, more: bool },
    Command { size: usize },
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send(Sent),
    /// So much of what was sent arrives, in pieces of this size.
    Arrive {
        octets: usize,
        piece: usize,
    },
    /// Parts are taken; the application holds on to them, or not.
    Pop {
        parts: usize,
        hold: bool,
    },
    LetGo,
    KeepLast,
    ReleaseMemory,
    Reconnect(Framing),
    Clear,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 0..300_usize,
        2 => READ_SLAB_BYTES_MIN - 30..READ_SLAB_BYTES_MIN + 30,
        2 => 1000..LARGE_FRAME_BYTES,
        1 => LARGE_FRAME_BYTES - 2..LARGE_FRAME_BYTES + 2,
        1 => LARGE_FRAME_BYTES..3 * LARGE_FRAME_BYTES,
    ]
}

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![1 => Just(Framing::V1), 1 => Just(Framing::V2), 3 => Just(Framing::V3)]
}

fn step() -> impl Strategy<Value = Step> {
    let sent = prop_oneof![
        4 => (size(), any::<bool>()).prop_map(|(size, more)| Sent::Part { size, more }),
        1 => size().prop_map(|size| Sent::Command { size }),
    ];
    prop_oneof![
        10 => sent.prop_map(Step::Send),
        8 => (1..200_000_usize, prop_oneof![Just(1), 2..40_usize, 40..100_000_usize])
            // Byte by byte is slow, and needed at headers only.
            .prop_map(|(octets, piece)| Step::Arrive { octets: octets.min(piece * 2000), piece }),
        6 => (1..10_usize, any::<bool>()).prop_map(|(parts, hold)| Step::Pop { parts, hold }),
        2 => Just(Step::LetGo),
        1 => Just(Step::KeepLast),
        2 => Just(Step::ReleaseMemory),
        1 => framing().prop_map(Step::Reconnect),
        1 => prop_oneof![5 => Just(Step::LetGo), 1 => Just(Step::Clear)],
    ]
}

/// What the queue should hold, frame by frame, and what is still on its way.
struct Model {
    reader: Reader,
    framing: Framing,
    wire: VecDeque<u8>,
    /// Frames on the wire: where each ends, counted back from the wire's end.
    coming: VecDeque<(usize, Frame)>,
    /// Whole messages not taken; the first may have lost some parts to the application.
    ready: VecDeque<VecDeque<(bool, Vec<u8>)>>,
    open: VecDeque<(bool, Vec<u8>)>,
    commands: Vec<Vec<u8>>,
    held: Vec<Msg>,
    next: u8,
}

struct Frame {
    more: bool,
    command: bool,
    body: Vec<u8>,
}

impl Model {
    fn new(framing: Framing) -> Model {
        Model {
            reader: Reader::new(Wire::Zmtp(framing), UNLIMITED),
            framing,
            wire: VecDeque::new(),
            coming: VecDeque::new(),
            ready: VecDeque::new(),
            open: VecDeque::new(),
            commands: Vec::new(),
            held: Vec::new(),
            next: 0,
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Send(sent) => self.send(sent),
            Step::Arrive { octets, piece } => self.arrive(octets, piece),
            Step::Pop { parts, hold } => (0..parts).for_each(|_| self.pop(hold)),
            Step::LetGo => self.held.clear(),
            Step::KeepLast => self.keep_last(),
            Step::ReleaseMemory => self.reader.queue.release_memory(),
            Step::Reconnect(framing) => self.reconnect(framing),
            Step::Clear => {
                assert_eq!(self.reader.queue.clear(), self.ready.len());
                self.ready.clear();
                self.reconnect(self.framing);
            }
        }
        assert_eq!(self.reader.queue.ready(), self.ready.len());
    }

    fn send(&mut self, sent: Sent) {
        self.next = self.next.wrapping_add(1);
        let (size, more, command) = match sent {
            Sent::Part { size, more } => (size, more, false),
            // Only 3.x has commands.
            Sent::Command { size } => (size, false, self.framing == Framing::V3),
        };
        let frame = Frame { more, command, body: vec![self.next; size] };
        let mut octets = Vec::new();
        encode(self.framing, more, command, &frame.body, &mut octets);
        self.coming.push_back((octets.len(), frame));
        self.wire.extend(octets);
    }

    fn arrive(&mut self, octets: usize, piece: usize) {
        let mut left = octets.min(self.wire.len());
        while left > 0 {
            let octets: Vec<u8> = self.wire.drain(..piece.min(left)).collect();
            left -= octets.len();
            self.reader.feed(&octets).unwrap();
            let mut arrived = octets.len();
            while let Some((size, _)) = self.coming.front_mut() {
                let step = arrived.min(*size);
                *size -= step;
                arrived -= step;
                if *size > 0 {
                    break;
                }
                let frame = self.coming.pop_front().unwrap().1;
                self.complete(frame);
            }
        }
        assert_eq!(self.reader.commands, self.commands);
    }

    fn complete(&mut self, frame: Frame) {
        if frame.command {
            self.commands.push(frame.body);
            return;
        }
        self.open.push_back((frame.more, frame.body));
        if !frame.more {
            self.ready.push_back(std::mem::take(&mut self.open));
        }
    }

    fn pop(&mut self, hold: bool) {
        let found = self.reader.queue.pop();
        let expected = self.ready.front_mut().and_then(VecDeque::pop_front);
        if self.ready.front().is_some_and(VecDeque::is_empty) {
            self.ready.pop_front();
        }
        match (&found, &expected) {
            (None, None) => {}
            (Some(found), Some((more, body))) => {
                assert_eq!(found.more(), *more);
                assert!(found.as_slice() == body);
            }
            _ => panic!("found {found:?} for {:?} octets", expected.map(|part| part.1.len())),
        }
        self.held.extend(found.filter(|_| hold));
    }

    fn keep_last(&mut self) {
        self.reader.queue.keep_last();
        let keep = self.ready.len().min(1);
        self.ready.drain(..self.ready.len() - keep);
    }

    /// As `State::lose` and `State::connect_pipe` do it.
    fn reconnect(&mut self, framing: Framing) {
        self.reader.queue.end();
        assert_eq!(self.reader.queue.ready(), self.ready.len());
        if self.reader.queue.ready() == 0 {
            self.reader.queue = InQueue::new(Wire::Zmtp(framing), UNLIMITED);
        } else {
            self.reader.queue.reconnected(Wire::Zmtp(framing));
        }
        self.framing = framing;
        self.open.clear();
        self.wire.clear();
        self.coming.clear();
    }
}

proptest! {
    #[test]
    fn queue_does_what_a_list_does(
        first in framing(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut model = Model::new(first);
        steps.into_iter().for_each(|step| model.apply(step));
        let all = model.wire.len();
        model.apply(Step::Arrive { octets: all, piece: READ_SLAB_BYTES });
        while model.reader.queue.ready() > 0 {
            model.apply(Step::Pop { parts: 1, hold: true });
        }
        assert!(model.ready.is_empty());
    }
}

/// Messages, a command within one, and an unfinished one: cut in two at every octet.
#[test]
fn a_split_anywhere_changes_nothing() {
    for framing in [Framing::V1, Framing::V2, Framing::V3] {
        let mut octets = Vec::new();
        let parts: [(bool, &[u8]); 6] = [
            (false, b"single"),
            (true, b""),
            (true, &[7; 300]),
            (false, b"last"),
            (false, b""),
            (true, b"unfinished"),
        ];
        for (more, body) in parts {
            if framing == Framing::V3 {
                encode(framing, false, true, b"\x04PING", &mut octets);
            }
            encode(framing, more, false, body, &mut octets);
        }
        for cut in 0..=octets.len() {
            let mut reader = Reader::new(Wire::Zmtp(framing), UNLIMITED);
            reader.feed(&octets[..cut]).unwrap();
            reader.feed(&octets[cut..]).unwrap();
            assert_eq!(reader.queue.ready(), 3);
            let expected: Vec<_> =
                parts[..5].iter().map(|(more, body)| (*more, body.to_vec())).collect();
            assert_eq!(reader.take_all(), expected);
            assert_eq!(reader.commands.len(), if framing == Framing::V3 { 6 } else { 0 });
            // The unfinished one can still be ended.
            let mut end = Vec::new();
            encode(framing, false, false, b"now", &mut end);
            reader.feed(&end).unwrap();
            let expected = [(true, b"unfinished".to_vec()), (false, b"now".to_vec())];
            assert_eq!(reader.take_all(), expected);
        }
    }
}

/// The size a limit speaks of is the last one that is taken; only headers are needed to refuse.
#[test]
fn a_limit_is_the_last_size_that_passes() {
    let framing = Framing::V3;
    let limits =
        Limits { frame_bytes_max: 300, parts_max: 3, unfinished_bytes_max: 500, ..UNLIMITED };
    let header = |more, command, size| {
        let mut header = [0; FRAME_HEADER_MAX];
        let octets = framing.encode(more, command, size, &mut header);
        header[..octets].to_vec()
    };
    let refused = |frames: &[(bool, usize)], last: Vec<u8>| {
        let mut reader = Reader::new(Wire::Zmtp(framing), limits);
        for (more, size) in frames {
            let mut octets = Vec::new();
            encode(framing, *more, false, &vec![0; *size], &mut octets);
            reader.feed(&octets).unwrap();
        }
        match reader.feed(&last) {
            Ok(()) => None,
            Err(ReadError::TooLarge { what, size, limit }) => Some((what, size, limit)),
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(&[(false, 300)], header(false, false, 300)), None);
    let too_large = Some(("message part", 301, 300));
    assert_eq!(refused(&[], header(false, false, 301)), too_large);
    let huge = header(true, false, u64::MAX >> 1);
    assert_eq!(refused(&[], huge), Some(("message part", u64::MAX >> 1, 300)));
    let mut empty = Vec::new();
    encode(framing, false, false, b"", &mut empty);
    assert_eq!(refused(&[(true, 1), (true, 1)], empty.clone()), None);
    let too_many = Some(("number of parts", 4, 3));
    assert_eq!(refused(&[(true, 1), (true, 1), (true, 1)], empty.clone()), too_many);
    assert_eq!(refused(&[(true, 250), (true, 250)], empty), None);
    let mut one = Vec::new();
    encode(framing, false, false, b"1", &mut one);
    let too_long = Some(("unfinished message", 501, 500));
    assert_eq!(refused(&[(true, 250), (true, 250)], one), too_long);
    // The next message begins at nothing.
    assert_eq!(refused(&[(true, 250), (false, 250), (true, 250)], header(false, false, 250)), None);
    // Commands have a limit of their own.
    assert_eq!(refused(&[], header(false, true, COMMAND_BYTES_MAX)), None);
    let longer = COMMAND_BYTES_MAX + 1;
    let too_large = Some(("command", longer, COMMAND_BYTES_MAX));
    assert_eq!(refused(&[], header(false, true, longer)), too_large);
}

/// What a peer claims to send costs nothing before it comes.
#[test]
fn a_large_frame_takes_memory_as_it_arrives() {
    let mut reader = Reader::new(Wire::Zmtp(Framing::V3), UNLIMITED);
    let mut header = [0; FRAME_HEADER_MAX];
    let octets = Framing::V3.encode(false, false, 1 << 62, &mut header);
    reader.feed(&header[..octets]).unwrap();
    reader.feed(&[0; 1000]).unwrap();
    assert!(reader.queue.arriving.is_some());
    assert_eq!(reader.queue.ready(), 0);
    reader.queue.end();
    assert!(reader.queue.arriving.is_none());
}

/// SUBSCRIBE and CANCEL keep their place among the messages for a pattern that asks for that.
#[test]
fn subscriptions_come_in_order_with_the_messages_when_asked_for() {
    let long = [b"\x09SUBSCRIBE".to_vec(), vec![b'z'; 2 * LARGE_FRAME_BYTES]].concat();
    let frames: [(bool, &[u8]); 6] = [
        (false, b"first"),
        (true, b"\x09SUBSCRIBEa"),
        (true, b"\x04PING"),
        (false, b"second"),
        (true, &long),
        (true, b"\x06CANCELa"),
    ];
    let mut octets = Vec::new();
    for (command, body) in frames {
        encode(Framing::V3, false, command, body, &mut octets);
    }
    for delivers in [Delivers::Nothing, Delivers::Subscriptions] {
        let limits = Limits { delivers, ..UNLIMITED };
        let mut reader = Reader::new(Wire::Zmtp(Framing::V3), limits);
        reader.feed(&octets).unwrap();
        let ping = |body: &[u8]| body == b"\x04PING";
        let wanted = frames.iter().filter(|(command, body)| {
            !command || (delivers == Delivers::Subscriptions && !ping(body))
        });
        let expected: Vec<_> = wanted.map(|(_, body)| (false, body.to_vec())).collect();
        assert_eq!(reader.queue.ready(), expected.len());
        assert!(reader.take_all() == expected);
        let others = frames.len() - expected.len();
        assert_eq!(reader.commands.len(), others);
    }
}

/// A subscription that was taken among the messages ended the message it came in the middle of,
/// as far as the limits were concerned: parts of a message that never ended could pass them for
/// ever. Only between messages is there a place for one.
#[test]
fn a_subscription_inside_a_message_is_a_breach_and_a_ping_is_none() {
    let framing = Framing::V3;
    let long = [b"\x06CANCEL".to_vec(), vec![b'z'; LARGE_FRAME_BYTES]].concat();
    let outcome = |command: &[u8], delivers| {
        let limits = Limits { delivers, ..UNLIMITED };
        let mut reader = Reader::new(Wire::Zmtp(framing), limits);
        let mut octets = Vec::new();
        encode(framing, true, false, b"part", &mut octets);
        encode(framing, false, true, command, &mut octets);
        encode(framing, false, false, b"last", &mut octets);
        reader.feed(&octets).map(|()| reader.take_all())
    };
    let whole = [(true, b"part".to_vec()), (false, b"last".to_vec())];
    for command in [b"\x09SUBSCRIBEa", &long[..]] {
        assert!(matches!(outcome(command, Delivers::Subscriptions), Err(ReadError::Protocol(_))));
        assert_eq!(outcome(command, Delivers::Nothing).unwrap(), whole);
    }
    for delivers in [Delivers::Subscriptions, Delivers::Nothing] {
        assert_eq!(outcome(b"\x04PING\0\0", delivers).unwrap(), whole);
    }
}

/// Bytes of a raw connection become messages as they come, none larger than the limit.
#[test]
fn raw_bytes_become_messages_of_bounded_size() {
    let mut reader = Reader::new(Wire::Raw, Limits { read_bytes_max: 8192, ..UNLIMITED });
    let octets: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
    reader.feed(&octets[..5]).unwrap();
    reader.feed(&octets[5..]).unwrap();
    let parts = reader.take_all();
    assert_eq!(parts[0], (false, octets[..5].to_vec()));
    assert!(parts.iter().all(|(more, body)| !more && body.len() <= 8192));
    assert!(parts.iter().flat_map(|(_, body)| body).eq(&octets));
}

/// Reading stops at the high-water mark, at the end of a turn and at the end of what is there;
/// the buffer grows for a connection that fills it.
#[test]
fn reading_stops_at_its_bounds() {
    const MESSAGES: usize = 15_000;
    let (near, far) = connection(4 << 20);
    let mut reader = Reader::new(Wire::Zmtp(Framing::V3), UNLIMITED);
    let read = |reader: &mut Reader, ready_max| {
        let Reader { queue, meta, commands } = reader;
        queue.read(&far, ready_max, false, None, meta, commands)
    };
    assert_eq!(read(&mut reader, 0).unwrap(), (0, false));
    let mut frame = Vec::new();
    encode(Framing::V3, false, false, &[1; 198], &mut frame);
    let frame_bytes = frame.len();
    let octets = frame.repeat(MESSAGES);
    let mut sent = 0;
    let mut send = |messages: usize| {
        let end = (sent + messages * frame_bytes).min(octets.len());
        while sent < end {
            // Until the kernel takes no more.
            let Ok(octets) = near.write(&octets[sent..end]) else { break };
            sent += octets;
        }
        sent / frame_bytes
    };
    send(4);
    assert_eq!(reader.queue.slab_bytes, READ_SLAB_BYTES_MIN);
    // All in one short read.
    assert_eq!(read(&mut reader, 1).unwrap(), (4 * frame_bytes, false));
    // The mark is passed: nothing is read.
    assert_eq!(read(&mut reader, 1).unwrap(), (0, true));
    assert_eq!(reader.take_all().len(), 4);
    let mut taken = 4;
    while taken < MESSAGES {
        let there = send(MESSAGES);
        while taken < there {
            let (octets, _) = read(&mut reader, 10).unwrap();
            assert!(octets <= READ_TURN_BYTES + READ_SLAB_BYTES);
            taken += reader.take_all().len();
        }
    }
    assert_eq!(reader.queue.slab_bytes, READ_SLAB_BYTES);
    // A short read says nothing of an end that is there, unless the end is known to be.
    let mut last = Vec::new();
    encode(Framing::V3, false, false, b"last", &mut last);
    near.write(&last).unwrap();
    drop(near);
    let Reader { queue, meta, commands } = &mut reader;
    let outcome = queue.read(&far, 0, true, None, meta, commands);
    assert!(matches!(outcome, Err(ReadError::Closed)));
    assert_eq!(reader.take_all(), [(false, b"last".to_vec())]);
}
