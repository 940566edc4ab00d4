//! The outbound queue against a list of messages, over a real connection whose kernel buffer is
//! small, so that writes are cut anywhere. One thread holds the queue and both ends. proptest
//! prints the seed of a failure.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use oxmq_message::Msg;
use oxmq_zmtp::{Endpoint, FRAME_HEADER_MAX, Framing};
use proptest::prelude::*;

use super::{OutQueue, Wire, Written};
use crate::limits::{BY_REFERENCE_BYTES, FLUSH_BYTES};
use crate::transport::{Connecting, Listener, Stream, TransportOptions, resolve};

/// Both ends of a connection whose kernel buffers are of about this size.
pub(in crate::pipe) fn connection(buffer_bytes: usize) -> (Stream, Stream) {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    let name = format!("ipc://@oxmq-pipe-{}-{number}", std::process::id());
    let endpoint: Endpoint = name.parse().unwrap();
    let options =
        TransportOptions { sndbuf_bytes: Some(buffer_bytes), ..TransportOptions::default() };
    let listener = Listener::bind(&endpoint, &options).unwrap();
    let target = resolve(&endpoint, false).unwrap().remove(0);
    let Connecting::Ready(near) = target.connect(&options).unwrap() else {
        panic!("ipc connects at once")
    };
    (near, listener.accept().unwrap().unwrap())
}

/// Everything that can be read now.
fn read_all(far: &Stream) -> Vec<u8> {
    let mut found = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    while let Ok(octets @ 1..) = far.read(&mut buffer) {
        found.extend_from_slice(&buffer[..octets]);
    }
    found
}

#[derive(Clone, Debug)]
struct Frame {
    more: bool,
    command: bool,
    body: Vec<u8>,
}

impl Frame {
    fn encode(&self, framing: Framing, out: &mut Vec<u8>) {
        let mut header = [0; FRAME_HEADER_MAX];
        let size = self.body.len() as u64;
        let octets = framing.encode(self.more, self.command, size, &mut header);
        out.extend_from_slice(&header[..octets]);
        out.extend_from_slice(&self.body);
    }
}

/// A message, or a command.
#[derive(Clone, Debug)]
struct Entry {
    frames: Vec<Frame>,
    command: bool,
}

impl Entry {
    fn encode(&self, framing: Framing) -> Vec<u8> {
        let mut out = Vec::new();
        self.frames.iter().for_each(|frame| frame.encode(framing, &mut out));
        out
    }

    fn has_reference(&self) -> bool {
        self.frames.iter().any(|frame| !self.command && frame.body.len() >= BY_REFERENCE_BYTES)
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Part { size: usize, more: bool },
    Encoded { size: usize },
    Command { size: usize },
    Rollback,
    DropUnwritten,
    Write { quantum: usize },
    Read { octets: usize },
    Restart { framing: Framing, broken: bool },
    ReleaseMemory,
    Clear,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 0..300_usize,
        2 => 1000..40_000_usize,
        1 => BY_REFERENCE_BYTES - 2..BY_REFERENCE_BYTES + 2,
        1 => BY_REFERENCE_BYTES..3 * BY_REFERENCE_BYTES,
    ]
}

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![1 => Just(Framing::V1), 2 => Just(Framing::V3)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (size(), any::<bool>()).prop_map(|(size, more)| Step::Part { size, more }),
        3 => (0..500_usize).prop_map(|size| Step::Encoded { size }),
        3 => (0..500_usize).prop_map(|size| Step::Command { size }),
        1 => Just(Step::Rollback),
        1 => Just(Step::DropUnwritten),
        8 => prop_oneof![2 => Just(0), 1 => 1..5000_usize]
            .prop_map(|quantum| Step::Write { quantum }),
        4 => (1..60_000_usize).prop_map(|octets| Step::Read { octets }),
        2 => (framing(), any::<bool>())
            .prop_map(|(framing, broken)| Step::Restart { framing, broken }),
        1 => Just(Step::ReleaseMemory),
        1 => prop_oneof![20 => Just(Step::ReleaseMemory), 1 => Just(Step::Clear)],
    ]
}

/// The queue as one would write it without care for cost, and both ends of the connection.
struct Model {
    queue: OutQueue,
    near: Stream,
    far: Stream,
    framing: Framing,
    /// Messages and commands not wholly with the kernel, and where the first begins in the
    /// connection's stream.
    entries: VecDeque<Entry>,
    begin: usize,
    unfinished: Vec<Frame>,
    held: Vec<Frame>,
    /// What the far end is still to read, and how much it has read.
    expected: VecDeque<u8>,
    read: usize,
    next: u8,
}

impl Model {
    fn new(framing: Framing) -> Model {
        let (near, far) = connection(4096);
        Model {
            queue: OutQueue::default(),
            near,
            far,
            framing,
            entries: VecDeque::new(),
            begin: 0,
            unfinished: Vec::new(),
            held: Vec::new(),
            expected: VecDeque::new(),
            read: 0,
            next: 0,
        }
    }

    fn body(&mut self, size: usize) -> Vec<u8> {
        self.next = self.next.wrapping_add(1);
        vec![self.next; size]
    }

    /// How much of the connection's stream the kernel has taken.
    fn written(&self) -> usize {
        self.read + rustix::io::ioctl_fionread(&self.far).unwrap() as usize
    }

    fn commit(&mut self, frames: Vec<Frame>, command: bool) {
        let entry = Entry { frames, command };
        self.expected.extend(entry.encode(self.framing));
        self.entries.push_back(entry);
    }

    fn release_held(&mut self) {
        for frame in std::mem::take(&mut self.held) {
            self.commit(vec![frame], true);
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Part { size, more } => {
                let body = self.body(size);
                let mut part = Msg::from(body.clone());
                if size % 2 == 0 || more || !self.queue.push_short(&mut part) {
                    self.queue.push(&mut part, more, false);
                }
                assert!(part.is_empty());
                self.unfinished.push(Frame { more, command: false, body });
                if !more {
                    let frames = std::mem::take(&mut self.unfinished);
                    self.commit(frames, false);
                    self.release_held();
                }
            }
            // A socket sends a shared frame only between two messages.
            Step::Encoded { size } if self.unfinished.is_empty() => {
                let frame = Frame { more: false, command: false, body: self.body(size) };
                let mut octets = Vec::new();
                frame.encode(Framing::V3, &mut octets);
                self.queue.push_encoded(&octets);
                self.commit(vec![frame], false);
            }
            Step::Command { size } => {
                // A peer of ZMTP 1.0 is told subscriptions in message form.
                let command = self.framing == Framing::V3;
                let frame = Frame { more: false, command, body: self.body(size) };
                let mut octets = Vec::new();
                frame.encode(Framing::V3, &mut octets);
                self.queue.push_command(octets);
                match self.unfinished.is_empty() {
                    true => self.commit(vec![frame], true),
                    false => self.held.push(frame),
                }
            }
            Step::Rollback => {
                self.queue.rollback();
                self.unfinished.clear();
                self.release_held();
            }
            Step::DropUnwritten if self.unfinished.is_empty() && self.framing == Framing::V3 => {
                self.drop_unwritten();
            }
            Step::Write { quantum } => self.write(quantum),
            Step::Read { octets } => self.read(octets),
            Step::Restart { framing, broken } => self.restart(framing, broken),
            Step::ReleaseMemory => self.queue.release_memory(),
            Step::Clear => self.clear(),
            Step::Encoded { .. } | Step::DropUnwritten => {}
        }
        self.check();
    }

    fn write(&mut self, quantum: usize) {
        let only_copied = !self.entries.iter().any(Entry::has_reference);
        let wire = Wire::Zmtp(self.framing);
        let outcome = self.queue.write(&self.near, wire, quantum).unwrap();
        let written = self.written();
        while let Some(entry) = self.entries.front() {
            let size = entry.encode(self.framing).len();
            if self.begin + size > written {
                break;
            }
            self.begin += size;
            self.entries.pop_front();
        }
        let left = self.left();
        match outcome {
            Written::Drained if quantum == 0 => assert_eq!(left, 0),
            // Less than one segment is kept back.
            Written::Drained if only_copied => assert!(left < quantum),
            Written::Drained => {}
            Written::Blocked => assert!(left > 0),
        }
    }

    /// What is committed and not with the kernel.
    fn left(&self) -> usize {
        self.read + self.expected.len() - self.written()
    }

    fn read(&mut self, octets: usize) {
        let mut buffer = vec![0; octets];
        if let Ok(octets) = self.far.read(&mut buffer) {
            assert!(self.expected.drain(..octets).eq(buffer[..octets].iter().copied()));
            self.read += octets;
        }
    }

    fn drop_unwritten(&mut self) {
        let begun = self.written() > self.begin;
        let dropped = self.entries.split_off(usize::from(begun && !self.entries.is_empty()));
        let messages = dropped.iter().filter(|entry| !entry.command).count();
        let octets: usize = dropped.iter().map(|entry| entry.encode(self.framing).len()).sum();
        self.expected.truncate(self.expected.len() - octets);
        assert_eq!(self.queue.drop_unwritten(), messages);
    }

    fn restart(&mut self, framing: Framing, broken: bool) {
        // What the kernel has counts as sent, read or not.
        let (near, far) = connection(4096);
        let old = std::mem::replace(&mut self.far, far);
        drop(old);
        if broken {
            let wire = Wire::Zmtp(self.framing);
            let failed = self.queue.write(&self.near, wire, 0).is_err();
            assert_eq!(failed, !self.entries.is_empty());
        }
        self.near = near;
        self.framing = framing;
        self.queue.restart();
        self.held.clear();
        self.entries.retain(|entry| !entry.command);
        (self.begin, self.read) = (0, 0);
        self.expected.clear();
        for entry in &self.entries {
            self.expected.extend(entry.encode(framing));
        }
    }

    fn clear(&mut self) {
        let messages = self.entries.iter().filter(|entry| !entry.command).count();
        assert_eq!(self.queue.clear(), messages);
        self.entries.clear();
        self.unfinished.clear();
        // Nothing is sent behind it on this connection.
        self.restart(self.framing, false);
    }

    fn check(&self) {
        let messages = self.entries.iter().filter(|entry| !entry.command).count();
        assert_eq!(self.queue.messages(), messages);
        assert_eq!(self.queue.is_empty(), self.entries.is_empty());
        assert_eq!(self.queue.is_unfinished(), !self.unfinished.is_empty());
        assert_eq!(self.queue.held_commands(), self.held.len());
        if self.framing == Framing::V3 {
            let referred = |frame: &&Frame| frame.body.len() >= BY_REFERENCE_BYTES;
            let more: usize = self.unfinished.iter().filter(referred).map(|f| f.body.len()).sum();
            assert_eq!(self.queue.backlog_bytes(), self.left() + more);
        }
    }

    /// Everything committed arrives, and nothing else.
    fn finish(&mut self) {
        self.apply(Step::Rollback);
        while !self.entries.is_empty() || !self.expected.is_empty() {
            self.apply(Step::Write { quantum: 0 });
            self.apply(Step::Read { octets: 1 << 20 });
        }
        assert_eq!(self.queue.backlog_bytes(), 0);
        assert!(read_all(&self.far).is_empty());
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
        model.finish();
    }
}

/// Writes all of a queue while the far end reads; returns what it read.
fn exchange(queue: &mut OutQueue, near: &Stream, far: &Stream, wire: Wire) -> Vec<u8> {
    let mut found = Vec::new();
    while !queue.is_empty() {
        queue.write(near, wire, 0).unwrap();
        found.append(&mut read_all(far));
    }
    found
}

/// The bodies of frames of ZMTP 1.0.
fn bodies(mut octets: &[u8]) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    while let Some(header) = Framing::V1.decode(octets).unwrap() {
        let end = header.header_len + header.body_len as usize;
        bodies.push(octets[header.header_len..end].to_vec());
        octets = &octets[end..];
    }
    assert!(octets.is_empty());
    bodies
}

/// A conflating socket replaces what a peer of ZMTP 1.0 has not got, but frames already made for
/// it may be half written.
#[test]
fn a_newer_message_does_not_cut_frames_made_for_zmtp_1() {
    let (near, far) = connection(4096);
    let mut queue = OutQueue::default();
    // More than is given new frames at a time.
    let messages = 2 * FLUSH_BYTES / 40_000;
    (0..messages).for_each(|n| queue.push(&mut Msg::from(vec![n as u8; 40_000]), false, false));
    let wire = Wire::Zmtp(Framing::V1);
    assert_eq!(queue.write(&near, wire, 0).unwrap(), Written::Blocked);
    assert_eq!(queue.messages(), messages);
    let dropped = queue.drop_unwritten();
    assert!(dropped > 0);
    assert_eq!(queue.messages(), messages - dropped);
    queue.push(&mut Msg::from(b"newest".to_vec()), false, false);
    let found = bodies(&exchange(&mut queue, &near, &far, wire));
    assert_eq!(found.len(), messages - dropped + 1);
    for (number, body) in found[..messages - dropped].iter().enumerate() {
        assert_eq!(body, &vec![number as u8; 40_000]);
    }
    assert_eq!(found[messages - dropped], b"newest");
}

/// A raw connection carries payloads and nothing between them.
#[test]
fn raw_bytes_go_as_they_are() {
    let (near, far) = connection(4096);
    let mut queue = OutQueue::default();
    let mut expected = Vec::new();
    let sizes = [0, 1, 8192, 0, BY_REFERENCE_BYTES, BY_REFERENCE_BYTES, 3, 1_000_000, 1_000_000, 0];
    for (number, size) in sizes.into_iter().enumerate() {
        let body = vec![number as u8; size];
        expected.extend_from_slice(&body);
        queue.push(&mut Msg::from(body), false, true);
    }
    assert_eq!(queue.messages(), sizes.len());
    assert_eq!(queue.backlog_bytes(), expected.len());
    assert!(exchange(&mut queue, &near, &far, Wire::Raw) == expected);
    assert_eq!((queue.messages(), queue.backlog_bytes()), (0, 0));
}

/// A stream is written in whole segments; what does not fill one waits.
#[test]
fn less_than_a_segment_stays_behind() {
    let (near, far) = connection(1 << 20);
    let mut queue = OutQueue::default();
    let wire = Wire::Zmtp(Framing::V3);
    // Ten frames of 102 bytes.
    (0..10).for_each(|_| queue.push(&mut Msg::from(vec![1; 100]), false, false));
    assert_eq!(queue.write(&near, wire, 300).unwrap(), Written::Drained);
    assert_eq!(read_all(&far).len(), 900);
    // Of the ninth, a part is written.
    assert_eq!((queue.messages(), queue.backlog_bytes()), (2, 120));
    // Less than a segment goes when it is all there is.
    assert_eq!(queue.write(&near, wire, 300).unwrap(), Written::Drained);
    assert_eq!(read_all(&far).len(), 120);
    assert!(queue.is_empty());
}
