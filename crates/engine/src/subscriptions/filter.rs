//! The subscribing side's own list of topics (SUB, XSUB): how often the application asked for each,
//! what has to be told upstream, and whether a message that came is wanted.
//!
//! Owned by the socket; called only from the thread that holds it.

use super::tree::{Tree, Value};

/// Topics with the number of times each was subscribed to.
///
/// A message is wanted if any topic is a prefix of its first part. Memory: about 45 bytes for each
/// short topic, plus the bytes in which topics differ.
// RFC 37 §The Publish-Subscribe Pattern: a subscription of "A" SHALL match all messages starting
// with "A"; an empty one SHALL match all messages; subscriptions SHALL be additive and SHALL NOT be
// idempotent.
#[derive(Debug)]
pub struct Filter {
    tree: Tree,
    topics: usize,
}

/// A count that has come this far stays: nobody can subscribe so often and mean it.
const COUNT_MAX: u32 = u32::MAX - 1;

impl Filter {
    /// A filter without topics, which wants nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { tree: Tree::new(), topics: 0 }
    }

    /// Counts one more subscription to `topic`. Returns `true` if it is the first, which is the one
    /// to send upstream.
    pub fn add(&mut self, topic: &[u8]) -> bool {
        let at = self.tree.insert(topic);
        let Some(Value(count, _)) = self.tree.value(at) else {
            self.tree.set_value(at, Value(1, 0));
            self.topics += 1;
            return true;
        };
        self.tree.set_value(at, Value((count + 1).min(COUNT_MAX), 0));
        false
    }

    /// Takes one subscription to `topic` back. Returns `None` if there is none, else whether it was
    /// the last, which is when to cancel upstream.
    pub fn remove(&mut self, topic: &[u8]) -> Option<bool> {
        let at = self.tree.find(topic)?;
        let Value(count, _) = self.tree.value(at)?;
        match count {
            COUNT_MAX => {}
            2.. => self.tree.set_value(at, Value(count - 1, 0)),
            _ => {
                self.tree.vacate(at);
                self.topics -= 1;
                // Nobody outside keeps node indices.
                self.tree.compact_if_sparse();
                return Some(true);
            }
        }
        Some(false)
    }

    /// Whether any topic is a prefix of `data`.
    #[must_use]
    pub fn matches(&self, data: &[u8]) -> bool {
        let mut found = false;
        self.tree.walk_prefixes(data, |_| {
            found = true;
            false
        });
        found
    }

    /// Hands every topic to `visit` once, in no particular order: what a new connection is told.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8])) {
        let mut topic = Vec::new();
        self.tree.for_each(|at, _| {
            self.tree.topic(at, &mut topic);
            visit(&topic);
        });
    }

    /// How many different topics there are.
    #[must_use]
    pub const fn topics(&self) -> usize {
        self.topics
    }

    /// How much memory the topics hold, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.tree.memory_bytes()
    }

    #[cfg(test)]
    pub(super) const fn tree(&self) -> &Tree {
        &self.tree
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self::new()
    }
}
