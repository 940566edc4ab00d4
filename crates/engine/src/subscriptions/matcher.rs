//! The publishing side's table of who subscribed to what (PUB, XPUB): from the first bytes of a
//! message to the pipes that want it.
//!
//! Owned by the socket; called only from the thread that holds it. Pipes are the socket's numbers
//! for them and may be any `u32`; inside they get a dense number, the slot, so that a match needs
//! no hashing to visit each pipe once.

use std::collections::HashMap;

use super::pool::reserve_tight;
use super::prefilter::Prefilter;
use super::tree::{Tree, Value};

/// What [`Matcher::add`] changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// No pipe was subscribed to the topic before.
    pub first_for_topic: bool,
    /// This pipe was not subscribed to the topic before. `false` means that nothing changed.
    pub first_for_pipe: bool,
}

/// What [`Matcher::remove`] changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The pipe was not subscribed to the topic; nothing changed.
    NotSubscribed,
    /// The pipe's subscription is gone; other pipes are still subscribed to the topic.
    StillSubscribed,
    /// The pipe's subscription is gone, and it was the last to the topic.
    Last,
}

/// Topics with the set of pipes subscribed to each.
///
/// A pipe is in a topic's set once however often it subscribes, and one cancel takes it out.
/// Memory: about 60 bytes for each short topic of one pipe, plus the bytes in which topics differ,
/// plus 12 bytes for each further pipe of a topic.
#[derive(Debug)]
pub struct Matcher {
    tree: Tree,
    prefilter: Prefilter,
    /// The pipes of the topics that have several; a node's value says which.
    sets: Sets,
    slots: HashMap<u32, u32>,
    /// Indexed by slot.
    pipes: Vec<Pipe>,
    /// Indexed by slot, apart from `pipes` to stay in the cache while matching.
    marks: Vec<Mark>,
    free_slots: Vec<u32>,
    /// The number of the latest match; never zero.
    epoch: u32,
    topics: usize,
}

/// A pipe's own topics.
#[derive(Debug, Default)]
struct Pipe {
    /// The topics' nodes. The pipe's member entry at each knows the position in this list.
    nodes: Vec<u32>,
    /// The sum of the topics' lengths.
    topic_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    pipe: u32,
    /// The match that last visited the pipe, zero if none did.
    epoch: u32,
}

/// One pipe of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    slot: u32,
    /// Where the topic's node stands in the pipe's list.
    position: u32,
}

/// In place of a slot in a node's value: the second number is a set instead of a position.
const SEVERAL: u32 = u32::MAX - 1;

impl Matcher {
    /// A matcher without subscriptions.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tree: Tree::new(),
            prefilter: Prefilter::new(),
            sets: Sets::default(),
            slots: HashMap::new(),
            pipes: Vec::new(),
            marks: Vec::new(),
            free_slots: Vec::new(),
            epoch: 1,
            topics: 0,
        }
    }

    /// Subscribes `pipe` to `topic`.
    pub fn add(&mut self, topic: &[u8], pipe: u32) -> Added {
        let at = self.tree.insert(topic);
        let value = self.tree.value(at);
        let slot = self.slot_of(pipe);
        if value.is_some_and(|value| self.sets.position(value, slot).is_some()) {
            return Added { first_for_topic: false, first_for_pipe: false };
        }
        let list = &mut self.pipes[slot as usize];
        let member = Member { slot, position: list.nodes.len() as u32 };
        reserve_tight(&mut list.nodes, 1);
        list.nodes.push(at);
        list.topic_bytes += topic.len() as u64;
        self.tree.set_value(at, self.sets.with(value, member));
        if value.is_none() {
            self.topics += 1;
            self.prefilter.add(topic);
        }
        Added { first_for_topic: value.is_none(), first_for_pipe: true }
    }

    /// Cancels the subscription of `pipe` to `topic`.
    pub fn remove(&mut self, topic: &[u8], pipe: u32) -> Removed {
        let Some(&slot) = self.slots.get(&pipe) else { return Removed::NotSubscribed };
        let Some(at) = self.tree.find(topic) else { return Removed::NotSubscribed };
        let Some(value) = self.tree.value(at) else { return Removed::NotSubscribed };
        let Some(position) = self.sets.position(value, slot) else {
            return Removed::NotSubscribed;
        };
        self.forget_position(slot, position);
        let list = &mut self.pipes[slot as usize];
        list.topic_bytes -= topic.len() as u64;
        if list.nodes.is_empty() {
            self.free_slot(pipe, slot);
        }
        let last = self.take_member(at, value, slot);
        let worn_out = last && self.prefilter.remove(topic);
        self.tidy_up(worn_out);
        if last { Removed::Last } else { Removed::StillSubscribed }
    }

    /// Cancels all subscriptions of `pipe`. Hands each topic to `visit`, with whether it was the
    /// last subscription to it. The cost depends on the pipe's own topics, not on the others'.
    pub fn remove_pipe(&mut self, pipe: u32, mut visit: impl FnMut(&[u8], bool)) {
        let Some(&slot) = self.slots.get(&pipe) else { return };
        let nodes = std::mem::take(&mut self.pipes[slot as usize].nodes);
        self.free_slot(pipe, slot);
        let mut topic = Vec::new();
        let mut worn_out = false;
        for at in nodes {
            self.tree.topic(at, &mut topic);
            if let Some(value) = self.tree.value(at) {
                let last = self.take_member(at, value, slot);
                worn_out |= last && self.prefilter.remove(&topic);
                visit(&topic, last);
            }
        }
        self.tidy_up(worn_out);
    }

    /// Appends to `pipes` every pipe that is subscribed to a prefix of `data`, each once.
    pub fn matches(&mut self, data: &[u8], pipes: &mut Vec<u32>) {
        self.for_each_match(data, |pipe| pipes.push(pipe));
    }

    /// Hands every pipe that is subscribed to a prefix of `data` to `visit`, each once.
    pub fn for_each_match(&mut self, data: &[u8], mut visit: impl FnMut(u32)) {
        self.next_epoch();
        if !self.prefilter.may_match(data) {
            return;
        }
        let Self { tree, sets, marks, epoch, .. } = self;
        let mut visit_slot = |slot: u32| {
            let mark = &mut marks[slot as usize];
            if mark.epoch != *epoch {
                mark.epoch = *epoch;
                visit(mark.pipe);
            }
        };
        tree.walk_prefixes(data, |value| {
            match value {
                Value(SEVERAL, set) => {
                    sets.members(set).iter().for_each(|member| visit_slot(member.slot));
                }
                Value(slot, _) => visit_slot(slot),
            }
            true
        });
    }

    /// Appends to `pipes` those of `all` that are *not* subscribed to any prefix of `data`: what a
    /// socket with inverted matching sends to. A pipe without subscriptions is among them.
    pub fn inverted_matches(
        &mut self,
        data: &[u8],
        all: impl IntoIterator<Item = u32>,
        pipes: &mut Vec<u32>,
    ) {
        self.for_each_match(data, |_| {});
        let (slots, marks, epoch) = (&self.slots, &self.marks, self.epoch);
        pipes.extend(all.into_iter().filter(|pipe| {
            slots.get(pipe).is_none_or(|&slot| marks[slot as usize].epoch != epoch)
        }));
    }

    /// Hands every topic that has a subscription to `visit` once, in no particular order.
    pub fn for_each_topic(&self, mut visit: impl FnMut(&[u8])) {
        let mut topic = Vec::new();
        self.tree.for_each(|at, _| {
            self.tree.topic(at, &mut topic);
            visit(&topic);
        });
    }

    /// Hands every topic of `pipe` to `visit` once, in no particular order.
    pub fn for_each_topic_of(&self, pipe: u32, mut visit: impl FnMut(&[u8])) {
        let mut topic = Vec::new();
        for &at in self.pipe(pipe).map_or(&[][..], |pipe| &pipe.nodes) {
            self.tree.topic(at, &mut topic);
            visit(&topic);
        }
    }

    /// Whether `pipe` is subscribed to exactly `topic`.
    #[must_use]
    pub fn is_subscribed(&self, topic: &[u8], pipe: u32) -> bool {
        let value = self.tree.find(topic).and_then(|at| self.tree.value(at));
        match (value, self.slots.get(&pipe)) {
            (Some(value), Some(&slot)) => self.sets.position(value, slot).is_some(),
            _ => false,
        }
    }

    /// How many pipes are subscribed to something.
    #[must_use]
    pub fn pipes_subscribed(&self) -> usize {
        self.slots.len()
    }

    /// How many different topics have a subscription.
    #[must_use]
    pub const fn topics(&self) -> usize {
        self.topics
    }

    /// How many topics `pipe` is subscribed to.
    #[must_use]
    pub fn pipe_topics(&self, pipe: u32) -> usize {
        self.pipe(pipe).map_or(0, |pipe| pipe.nodes.len())
    }

    /// The sum of the lengths of the topics `pipe` is subscribed to, in bytes. What the pipe makes
    /// the matcher hold is at most half as much again, plus 160 bytes a topic in the worst case.
    #[must_use]
    pub fn pipe_bytes(&self, pipe: u32) -> u64 {
        self.pipe(pipe).map_or(0, |pipe| pipe.topic_bytes)
    }

    /// How much memory the subscriptions hold, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let lists: usize = self.pipes.iter().map(|pipe| pipe.nodes.capacity()).sum();
        self.tree.memory_bytes()
            + self.prefilter.memory_bytes()
            + self.sets.memory_bytes()
            + lists * size_of::<u32>()
            + self.pipes.capacity() * size_of::<Pipe>()
            + self.marks.capacity() * size_of::<Mark>()
            + self.free_slots.capacity() * size_of::<u32>()
            + self.slots.capacity() * (size_of::<(u32, u32)>() + 1)
    }

    fn pipe(&self, pipe: u32) -> Option<&Pipe> {
        self.slots.get(&pipe).map(|&slot| &self.pipes[slot as usize])
    }

    /// The pipe's slot, given on its first subscription and taken back with its last.
    fn slot_of(&mut self, pipe: u32) -> u32 {
        if let Some(&slot) = self.slots.get(&pipe) {
            return slot;
        }
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            self.pipes.push(Pipe::default());
            self.marks.push(Mark { pipe, epoch: 0 });
            (self.pipes.len() - 1) as u32
        });
        self.marks[slot as usize] = Mark { pipe, epoch: 0 };
        self.slots.insert(pipe, slot);
        slot
    }

    fn free_slot(&mut self, pipe: u32, slot: u32) {
        self.slots.remove(&pipe);
        self.pipes[slot as usize] = Pipe::default();
        self.free_slots.push(slot);
    }

    /// Takes a topic out of the middle of a pipe's list and moves the last one there.
    fn forget_position(&mut self, slot: u32, position: u32) {
        let nodes = &mut self.pipes[slot as usize].nodes;
        nodes.swap_remove(position as usize);
        if nodes.len() < nodes.capacity() / 4 {
            nodes.shrink_to(nodes.len() * 2);
        }
        let Some(&moved) = nodes.get(position as usize) else { return };
        if let Some(value) = self.tree.value(moved) {
            self.tree.set_value(moved, self.sets.moved(value, Member { slot, position }));
        }
    }

    /// Takes a pipe from a topic; a topic without pipes goes. Returns whether it went.
    fn take_member(&mut self, at: u32, value: Value, slot: u32) -> bool {
        match self.sets.without(value, slot) {
            Some(rest) => {
                self.tree.set_value(at, rest);
                false
            }
            None => {
                self.tree.vacate(at);
                self.topics -= 1;
                true
            }
        }
    }

    /// Gives back what removals have left behind, now and then.
    fn tidy_up(&mut self, worn_out: bool) {
        self.compact_if_sparse();
        if worn_out {
            let mut prefilter = Prefilter::new();
            self.for_each_topic(|topic| prefilter.add(topic));
            self.prefilter = prefilter;
        }
    }

    fn compact_if_sparse(&mut self) {
        let Some(renamed) = self.tree.compact_if_sparse() else { return };
        for node in self.pipes.iter_mut().flat_map(|pipe| &mut pipe.nodes) {
            *node = renamed[*node as usize];
        }
        let mut nodes = Vec::new();
        self.tree.for_each(|at, value| {
            if let Value(SEVERAL, set) = value {
                nodes.push((at, set));
            }
        });
        let mut sets = Sets::default();
        for (at, set) in nodes {
            let members = std::mem::take(&mut self.sets.sets[set as usize]);
            self.tree.set_value(at, sets.hold(members));
        }
        self.sets = sets;
    }

    fn next_epoch(&mut self) {
        self.epoch = self.epoch.checked_add(1).unwrap_or_else(|| {
            self.marks.iter_mut().for_each(|mark| mark.epoch = 0);
            1
        });
    }

    #[cfg(test)]
    pub(super) const fn tree(&self) -> &Tree {
        &self.tree
    }

    #[cfg(test)]
    pub(super) const fn set_epoch(&mut self, epoch: u32) {
        self.epoch = epoch;
    }
}

impl Default for Matcher {
    fn default() -> Self {
        Self::new()
    }
}

/// The pipes of topics that have more than one. A topic with a single pipe keeps it in its value.
#[derive(Debug, Default)]
struct Sets {
    /// Each in use has two members or more, sorted by slot; each free one is empty.
    sets: Vec<Vec<Member>>,
    free: Vec<u32>,
}

impl Sets {
    fn members(&self, set: u32) -> &[Member] {
        &self.sets[set as usize]
    }

    /// Where the pipe's list has the topic, if the pipe is among its pipes.
    fn position(&self, value: Value, slot: u32) -> Option<u32> {
        match value {
            Value(SEVERAL, set) => {
                let members = self.members(set);
                let index = members.binary_search_by_key(&slot, |member| member.slot).ok()?;
                Some(members[index].position)
            }
            Value(only, position) => (only == slot).then_some(position),
        }
    }

    /// The value with a pipe more, which is not among its pipes yet.
    fn with(&mut self, value: Option<Value>, member: Member) -> Value {
        match value {
            None => Value(member.slot, member.position),
            Some(Value(SEVERAL, set)) => {
                let members = &mut self.sets[set as usize];
                let index = members.partition_point(|other| other.slot < member.slot);
                members.insert(index, member);
                Value(SEVERAL, set)
            }
            Some(Value(slot, position)) => {
                let mut members = vec![Member { slot, position }, member];
                members.sort_unstable_by_key(|member| member.slot);
                self.hold(members)
            }
        }
    }

    /// The value with a pipe less, `None` if that was the only one.
    fn without(&mut self, value: Value, slot: u32) -> Option<Value> {
        let Value(SEVERAL, set) = value else { return None };
        let members = &mut self.sets[set as usize];
        if let Ok(index) = members.binary_search_by_key(&slot, |member| member.slot) {
            members.remove(index);
        }
        if let [only] = members[..] {
            *members = Vec::new();
            self.free.push(set);
            return Some(Value(only.slot, only.position));
        }
        if members.len() < members.capacity() / 4 {
            members.shrink_to(members.len() * 2);
        }
        Some(value)
    }

    /// The value with the pipe's position changed.
    fn moved(&mut self, value: Value, member: Member) -> Value {
        let Value(SEVERAL, set) = value else { return Value(member.slot, member.position) };
        let members = &mut self.sets[set as usize];
        if let Ok(index) = members.binary_search_by_key(&member.slot, |other| other.slot) {
            members[index] = member;
        }
        value
    }

    /// Keeps a set of two or more members.
    fn hold(&mut self, members: Vec<Member>) -> Value {
        let set = self.free.pop().unwrap_or_else(|| {
            self.sets.push(Vec::new());
            (self.sets.len() - 1) as u32
        });
        self.sets[set as usize] = members;
        Value(SEVERAL, set)
    }

    fn memory_bytes(&self) -> usize {
        let members: usize = self.sets.iter().map(Vec::capacity).sum();
        members * size_of::<Member>()
            + self.sets.capacity() * size_of::<Vec<Member>>()
            + self.free.capacity() * size_of::<u32>()
    }
}
