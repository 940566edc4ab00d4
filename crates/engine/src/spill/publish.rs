//! PUB and XPUB that spill: each subscriber that is there and does not keep up has a queue of its
//! own, so that it holds up nobody else. Who is not there misses what is published, as ever. Owned
//! by the socket, under its lock.

use std::collections::HashMap;

use oxmq_message::Msg;

use super::{Limits, Overflow};
use crate::error::Result;
use crate::pattern::Pattern;
use crate::pattern::xpub::XPub;
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// See the file's first paragraph.
pub(crate) struct Publish {
    /// Knows who has subscribed to what.
    plain: XPub,
    limits: Limits,
    queues: HashMap<PipeId, Overflow>,
    /// The parts of the message that is being sent, and for whom it is.
    sending: Vec<Msg>,
    targets: Vec<PipeId>,
}

impl Publish {
    pub(super) fn new(limits: Limits, readable: bool) -> Publish {
        Publish {
            plain: XPub::new(readable),
            limits,
            queues: HashMap::new(),
            sending: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// What all queues have on disk counts against the socket's limit.
    fn disk_left(&self) -> u64 {
        let bytes = |queue: &Overflow| queue.disk.as_ref().map_or(0, oxmq_journal::Spill::bytes);
        let used: u64 = self.queues.values().map(bytes).sum();
        self.limits.disk_bytes.saturating_sub(used)
    }

    fn memory_left(&self) -> bool {
        let used: u64 = self.queues.values().map(|queue| queue.memory_bytes).sum();
        used < self.limits.memory_bytes / 2
    }

    fn give(&mut self, pipes: &mut Pipes, id: PipeId, message: &[Msg]) {
        let waits = self.queues.get(&id).is_some_and(|queue| !queue.is_empty());
        if !waits && self.limits.let_pass_to(pipes, id) && pipes.has_room(id) {
            put(pipes, id, message);
            return;
        }
        let full = self.disk_left() == 0;
        let memory = if self.memory_left() { self.limits.memory_bytes } else { 0 };
        let queue = self.queues.entry(id).or_insert_with(|| Overflow::new(self.limits.clone()));
        queue.limits.memory_bytes = memory;
        if !pipes.is_open(id) || full || !queue.has_room() {
            pipes.drops.high_water_mark += 1;
            if let Some(counters) = pipes.counters(id) {
                counters.dropped += 1;
            }
            return;
        }
        queue.push(message.to_vec());
    }

    /// Moves on what waits for a subscriber.
    fn drain(&mut self, pipes: &mut Pipes, id: PipeId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        while !queue.is_empty() && self.limits.let_pass_to(pipes, id) && pipes.has_room(id) {
            let Some(message) = queue.pop(&mut pipes.drops.spill) else { break };
            put(pipes, id, &message);
        }
        if queue.is_empty() {
            self.queues.remove(&id);
        }
    }
}

fn put(pipes: &mut Pipes, id: PipeId, message: &[Msg]) {
    for part in message {
        pipes.push(id, part.clone(), part.more());
    }
}

impl Pattern for Publish {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.plain.attached(pipes, id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        self.plain.connected(pipes, id)
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queues.remove(&id);
        self.plain.forget(pipes, id);
    }

    fn gone(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queues.remove(&id);
        self.targets.retain(|target| *target != id);
        self.plain.gone(pipes, id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queues.remove(&id);
        self.targets.retain(|target| *target != id);
        self.plain.removed(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.plain.readable(pipes, id);
    }

    fn writable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.drain(pipes, id);
    }

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        if self.sending.is_empty() {
            self.plain.subscribers_of(pipes, part, &mut self.targets);
        }
        let more = part.more();
        self.sending.push(part.take());
        if more {
            return Ok(());
        }
        let message = std::mem::take(&mut self.sending);
        for id in std::mem::take(&mut self.targets) {
            self.drain(pipes, id);
            self.give(pipes, id, &message);
        }
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        self.plain.recv(pipes)
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.plain.has_in(pipes)
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        true
    }

    fn subscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) -> Result<()> {
        self.plain.subscribe(pipes, topic)
    }

    fn unsubscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) -> Result<()> {
        self.plain.unsubscribe(pipes, topic)
    }

    fn topics(&self) -> Option<usize> {
        self.plain.topics()
    }

    fn subscribers(&self) -> Option<usize> {
        self.plain.subscribers()
    }
}
