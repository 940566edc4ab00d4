//! The path-compressed radix tree under [`super::Matcher`] and [`super::Filter`]: an arena of
//! 32-byte nodes, two to a cache line. It knows topics and one [`Value`] per topic, not what values
//! mean.
//!
//! Invariants: a node other than the root has a label of 1 to `LABEL_BYTES_MAX` bytes; it has a
//! value or children or both; one without a value and with one child would not fit into the child's
//! label; the labels of a node's children begin with different bytes. A node keeps its index for as
//! long as it has a value, whatever is added or removed around it, until
//! [`Tree::compact_if_sparse`] says otherwise. Called only from the thread that holds the owner.

use super::children::{Branch, Children};
use super::labels::{LABEL_BYTES_MAX, Label, Labels};
use super::pool::reserve_tight;

/// The node of the empty topic. It always exists.
pub(super) const ROOT: u32 = 0;

/// An arena below this many nodes is not worth compacting (half a page of them is 64).
const COMPACT_NODES_MIN: usize = 1024;

/// What the owner keeps for a topic: two numbers of its own meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value(pub(super) u32, pub(super) u32);

/// The first number of a node without a topic; owners never use it.
const VACANT: u32 = u32::MAX;

/// `fanout` of a freed node, whose `parent` is then the next freed one.
const FREED: u16 = u16::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    parent: u32,
    /// See [`Branch`], whose two fields are apart here to save the padding.
    children_at: u32,
    value: Value,
    label: Label,
    fanout: u16,
}

// Two nodes to a cache line; the tree's memory per topic rests on it.
const _: () = assert!(size_of::<Node>() == 32);

impl Node {
    const fn new(parent: u32, label: Label) -> Self {
        let value = Value(VACANT, 0);
        Self { parent, children_at: Branch::EMPTY.at, value, label, fanout: 0 }
    }

    const fn branch(&self) -> Branch {
        Branch { fanout: self.fanout, at: self.children_at }
    }

    const fn set_branch(&mut self, branch: Branch) {
        self.fanout = branch.fanout;
        self.children_at = branch.at;
    }

    const fn is_vacant(&self) -> bool {
        self.value.0 == VACANT
    }
}

/// A radix tree from topics to values.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    labels: Labels,
    children: Children,
    /// The first freed node, `ROOT` when there is none.
    freed: u32,
    freed_count: usize,
}

impl Tree {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node::new(ROOT, Label::EMPTY)],
            labels: Labels::new(),
            children: Children::new(),
            freed: ROOT,
            freed_count: 0,
        }
    }

    /// The node of `topic`, made if it is missing. The caller gives a missing one a value at once.
    pub(super) fn insert(&mut self, topic: &[u8]) -> u32 {
        let mut at = ROOT;
        let mut rest = topic;
        loop {
            let Some(&key) = rest.first() else { return at };
            let Some(child) = self.child(at, key) else { return self.append(at, rest) };
            let label = self.nodes[child as usize].label;
            let common = common_bytes(self.labels.bytes(&label), rest);
            rest = &rest[common..];
            at = if common == label.len() { child } else { self.split(child, common) };
        }
    }

    /// The node of `topic` if the topic has a value.
    pub(super) fn find(&self, topic: &[u8]) -> Option<u32> {
        let mut at = ROOT;
        let mut rest = topic;
        while let Some(&key) = rest.first() {
            let child = self.children.find(self.nodes[at as usize].branch(), key)?;
            rest = rest.strip_prefix(self.labels.bytes(&self.nodes[child as usize].label))?;
            at = child;
        }
        (!self.nodes[at as usize].is_vacant()).then_some(at)
    }

    /// Hands the value of every topic that is a prefix of `data` to `visit`, the shortest first,
    /// until it returns `false`. One walk down the tree, no more steps than `data` has bytes.
    #[inline]
    pub(super) fn walk_prefixes(&self, data: &[u8], mut visit: impl FnMut(Value) -> bool) {
        let mut node = &self.nodes[ROOT as usize];
        let mut rest = data;
        loop {
            if !node.is_vacant() && !visit(node.value) {
                return;
            }
            let Some(&key) = rest.first() else { return };
            let Some(child) = self.children.find(node.branch(), key) else { return };
            node = &self.nodes[child as usize];
            let Some(after) = rest.strip_prefix(self.labels.bytes(&node.label)) else { return };
            rest = after;
        }
    }

    /// Hands every topic's node and value to `visit`, in no particular order.
    pub(super) fn for_each(&self, mut visit: impl FnMut(u32, Value)) {
        for (index, node) in self.nodes.iter().enumerate() {
            if node.fanout != FREED && !node.is_vacant() {
                visit(index as u32, node.value);
            }
        }
    }

    /// The value of a node, `None` if it was just made by [`Tree::insert`].
    pub(super) fn value(&self, at: u32) -> Option<Value> {
        let node = &self.nodes[at as usize];
        (!node.is_vacant()).then_some(node.value)
    }

    pub(super) fn set_value(&mut self, at: u32, value: Value) {
        debug_assert_ne!(value.0, VACANT);
        self.nodes[at as usize].value = value;
    }

    /// Writes the topic of a node into `topic`, replacing what was there.
    pub(super) fn topic(&self, at: u32, topic: &mut Vec<u8>) {
        let mut len = 0;
        let mut node = at;
        while node != ROOT {
            len += self.nodes[node as usize].label.len();
            node = self.nodes[node as usize].parent;
        }
        topic.clear();
        topic.resize(len, 0);
        node = at;
        while node != ROOT {
            let bytes = self.labels.bytes(&self.nodes[node as usize].label);
            topic[len - bytes.len()..len].copy_from_slice(bytes);
            len -= bytes.len();
            node = self.nodes[node as usize].parent;
        }
    }

    /// Takes the value from a node and removes the nodes that are then of no use.
    pub(super) fn vacate(&mut self, at: u32) {
        self.nodes[at as usize].value = Value(VACANT, 0);
        let mut at = at;
        while at != ROOT && self.nodes[at as usize].is_vacant() {
            let Node { fanout, parent, .. } = self.nodes[at as usize];
            match fanout {
                0 => {
                    self.detach(at);
                    at = parent;
                }
                1 => return self.join_neighbours(at),
                _ => return,
            }
        }
    }

    /// Once three quarters of the nodes are free, moves the others together, gives the memory back
    /// and returns the new index of every old one. The cost is paid for by the removals before it.
    pub(super) fn compact_if_sparse(&mut self) -> Option<Vec<u32>> {
        if self.nodes.len() < COMPACT_NODES_MIN || self.freed_count < self.nodes.len() / 4 * 3 {
            return None;
        }
        let mut renamed = vec![ROOT; self.nodes.len()];
        let mut count = 0;
        for (node, new_index) in self.nodes.iter().zip(&mut renamed) {
            if node.fanout != FREED {
                *new_index = count;
                count += 1;
            }
        }
        let mut compact = Self::new();
        compact.nodes = Vec::with_capacity(count as usize);
        for node in self.nodes.iter().filter(|node| node.fanout != FREED) {
            let label = compact.labels.store(self.labels.bytes(&node.label));
            let parent = renamed[node.parent as usize];
            let branch = compact
                .children
                .adopt(&self.children, node.branch(), |child| renamed[child as usize]);
            let mut moved = Node { parent, label, ..*node };
            moved.set_branch(branch);
            compact.nodes.push(moved);
        }
        *self = compact;
        Some(renamed)
    }

    /// How many nodes are in use, the root included.
    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len() - self.freed_count
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.labels.memory_bytes()
            + self.children.memory_bytes()
    }

    /// The child of `at` whose label begins with `key`.
    fn child(&self, at: u32, key: u8) -> Option<u32> {
        let child = self.children.find(self.nodes[at as usize].branch(), key)?;
        (self.key(child) == key).then_some(child)
    }

    /// The first byte of a node's label; the root, which has none, is never asked.
    fn key(&self, at: u32) -> u8 {
        self.labels.bytes(&self.nodes[at as usize].label).first().copied().unwrap_or_default()
    }

    /// Adds `rest` under `at` as a new node, or a chain of them, and returns the last.
    fn append(&mut self, at: u32, rest: &[u8]) -> u32 {
        let mut at = at;
        for part in rest.chunks(LABEL_BYTES_MAX) {
            let label = self.labels.store(part);
            let child = self.take_node(Node::new(at, label));
            let branch = self.nodes[at as usize].branch();
            let only_key = (branch.fanout == 1).then(|| self.key(branch.at));
            let branch = self.children.insert(branch, only_key, part[0], child);
            self.nodes[at as usize].set_branch(branch);
            at = child;
        }
        at
    }

    /// Cuts the label of `at` after `len` bytes and returns the new node above, which has the first
    /// part, no value and the rest as its only child. Either part may now fit its other neighbour.
    fn split(&mut self, at: u32, len: usize) -> u32 {
        let Node { parent, label, .. } = self.nodes[at as usize];
        let mut bytes = [0; LABEL_BYTES_MAX];
        let bytes = &mut bytes[..label.len()];
        bytes.copy_from_slice(self.labels.bytes(&label));
        self.labels.release(label);
        let upper_label = self.labels.store(&bytes[..len]);
        let upper = self.take_node(Node::new(parent, upper_label));
        self.nodes[upper as usize].set_branch(Branch::only(at));
        self.nodes[at as usize].label = self.labels.store(&bytes[len..]);
        self.nodes[at as usize].parent = upper;
        self.put_child(parent, bytes[0], upper);
        if parent != ROOT && self.nodes[parent as usize].is_vacant() {
            self.join_child(parent);
        }
        if self.nodes[at as usize].is_vacant() {
            self.join_child(at);
        }
        upper
    }

    /// Joins a vacant node that has one child with its neighbours as far as their labels fit one
    /// node.
    fn join_neighbours(&mut self, at: u32) {
        let parent = self.nodes[at as usize].parent;
        if parent != ROOT && self.nodes[parent as usize].is_vacant() {
            self.join_child(parent);
        }
        self.join_child(at);
    }

    /// Moves the label of `at` to the front of its only child's and frees `at`, if the label fits.
    fn join_child(&mut self, at: u32) {
        let Node { parent, label, fanout, children_at: child, .. } = self.nodes[at as usize];
        if fanout != 1 {
            return;
        }
        let child_label = self.nodes[child as usize].label;
        let len = label.len() + child_label.len();
        if len > LABEL_BYTES_MAX {
            return;
        }
        let mut bytes = [0; LABEL_BYTES_MAX];
        bytes[..label.len()].copy_from_slice(self.labels.bytes(&label));
        bytes[label.len()..len].copy_from_slice(self.labels.bytes(&child_label));
        self.labels.release(child_label);
        self.nodes[child as usize].label = self.labels.store(&bytes[..len]);
        self.nodes[child as usize].parent = parent;
        self.put_child(parent, bytes[0], child);
        self.free_node(at);
    }

    /// Frees a node that has no children and takes it out of its parent's table.
    fn detach(&mut self, at: u32) {
        let parent = self.nodes[at as usize].parent;
        let key = self.key(at);
        let branch = self.children.remove(self.nodes[parent as usize].branch(), key);
        self.nodes[parent as usize].set_branch(branch);
        self.free_node(at);
    }

    /// Puts `child` where the child under `key` was.
    fn put_child(&mut self, at: u32, key: u8, child: u32) {
        let branch = self.children.replace(self.nodes[at as usize].branch(), key, child);
        self.nodes[at as usize].set_branch(branch);
    }

    fn take_node(&mut self, node: Node) -> u32 {
        if self.freed != ROOT {
            let at = self.freed;
            self.freed = self.nodes[at as usize].parent;
            self.freed_count -= 1;
            self.nodes[at as usize] = node;
            return at;
        }
        let at = self.nodes.len();
        // 2^32 nodes are 128 GiB of them; what limits a peer's topics is far below.
        assert!(at < u32::MAX as usize, "a tree holds less than 2^32 nodes");
        reserve_tight(&mut self.nodes, 1);
        self.nodes.push(node);
        at as u32
    }

    /// Frees a node whose children, if any, are in nobody's block but an only child's place.
    fn free_node(&mut self, at: u32) {
        let Node { label, .. } = self.nodes[at as usize];
        self.labels.release(label);
        let mut freed = Node::new(self.freed, Label::EMPTY);
        freed.fanout = FREED;
        self.nodes[at as usize] = freed;
        self.freed = at;
        self.freed_count += 1;
    }
}

#[cfg(test)]
impl Tree {
    /// Panics unless the invariants at the top of this file hold.
    pub(super) fn check(&self) {
        let mut seen = 0;
        for (at, node) in self.nodes.iter().enumerate() {
            if node.fanout == FREED {
                continue;
            }
            seen += 1;
            let at = at as u32;
            if at == ROOT {
                assert_eq!(node.label.len(), 0);
                continue;
            }
            assert!(node.label.len() > 0 && node.label.len() <= LABEL_BYTES_MAX);
            assert!(!node.is_vacant() || node.fanout > 0, "a leaf without a topic");
            assert_eq!(self.child(node.parent, self.key(at)), Some(at), "parent and child differ");
            if node.is_vacant() && node.fanout == 1 {
                let below = self.nodes[node.children_at as usize].label.len();
                assert!(node.label.len() + below > LABEL_BYTES_MAX, "a node that could be joined");
            }
        }
        let links: usize = self
            .nodes
            .iter()
            .filter(|node| node.fanout != FREED)
            .map(|node| node.fanout as usize)
            .sum();
        assert_eq!(seen, self.nodes());
        assert_eq!(links, seen - 1, "every node but the root has one parent");
    }
}

/// How many bytes two strings have in common at their beginning.
fn common_bytes(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
