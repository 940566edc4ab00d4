//! The checkers: whether a history keeps the promises of doc/durable.md. They read operations and
//! the plan, and share nothing with the code under test.
//!
//! | rule | what is checked | where |
//! |---|---|---|
//! | I1 | each send that returned is dealt with by who is entitled, or announced | `promises` |
//! | I2 | what a receiver has settled is not delivered to it again | `order` |
//! | I3 | first deliveries to a consumer come in the order of offsets | `order` |
//! | I4 | only what an owner that was not fenced has said settles a message | `settled` |
//! | I5 | queues keep to their marks | `world::apps`, at each step of an application |
//! | I6 | a log keeps to its disk | `world::apps` |
//! | I7 | recovery is idempotent | `recovery` |
//! | I8 | a peer without the extension gets none of its commands | `settled` |
//! | I9 | what is on a connection was as safe before as the policy asks | `settled` |
//! | I10 | an acknowledgement settles what its connection was sent, and nothing else | `settled` |
//! | identity | a message has one place in one log, and each place one message | `order` |

mod order;
mod promises;
pub(crate) mod recovery;
mod settled;

use std::collections::{BTreeMap, BTreeSet};

use oxmq_engine::options::SyncPolicy;

use crate::history::{End, Judgement, Operation, Place, What};
use crate::message::MessageId;
use crate::plan::{Fault, Kind, Plan};

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) what: String,
}

/// What the checkers look up.
pub(crate) struct Facts<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) operations: &'a [Operation],
    /// Where each message was first said to be, by its receivers.
    pub(crate) places: BTreeMap<MessageId, Place>,
    /// The numbers that senders wrote in front of each message.
    pub(crate) offsets: BTreeMap<MessageId, u64>,
    /// Sends that returned, with their index.
    pub(crate) sent: BTreeMap<MessageId, usize>,
    /// Who dealt with which message, first, and when.
    pub(crate) judged: BTreeMap<(MessageId, usize), usize>,
    /// Nodes that lost power, or whose disk failed, while their policy does not cover that.
    weak: BTreeSet<usize>,
}

impl<'a> Facts<'a> {
    fn new(plan: &'a Plan, operations: &'a [Operation]) -> Self {
        let mut facts = Self {
            plan,
            operations,
            places: BTreeMap::new(),
            offsets: BTreeMap::new(),
            sent: BTreeMap::new(),
            judged: BTreeMap::new(),
            weak: BTreeSet::new(),
        };
        let is_loose = |node: usize| plan.nodes[node].sync != SyncPolicy::Always;
        for (index, Operation { node, what, .. }) in operations.iter().enumerate() {
            match what {
                What::Received { id, place: Some(place), .. } => {
                    facts.places.entry(*id).or_insert(*place);
                }
                What::WroteMessage { id, offset: Some(offset), .. } => {
                    facts.offsets.entry(*id).or_insert(*offset);
                }
                What::Sent(id) => drop(facts.sent.insert(*id, index)),
                What::Judged { id, judgement: Judgement::Ack | Judgement::Reject, .. } => {
                    facts.judged.entry((*id, *node)).or_insert(index);
                }
                What::Ended(End::PowerLost) if is_loose(*node) => {
                    facts.weak.insert(*node);
                }
                _ => {}
            }
        }
        for (_, fault) in &plan.faults {
            if let Fault::Disk { node, .. } = fault
                && is_loose(*node)
            {
                facts.weak.insert(*node);
            }
        }
        facts
    }

    /// The node's policy does not cover what happened to it.
    pub(crate) fn is_weak(&self, node: usize) -> bool {
        self.weak.contains(&node)
    }

    pub(crate) fn is_durable(&self, node: usize) -> bool {
        self.plan.nodes[node].kind == Kind::Durable
    }

    /// The number of a message in its sender's log, as far as anybody was told.
    pub(crate) fn offset(&self, id: MessageId) -> Option<u64> {
        let place = self.places.get(&id).map(|place| place.offset);
        place.or_else(|| self.offsets.get(&id).copied())
    }

    /// The other owners of a node's name.
    pub(crate) fn namesakes(&self, node: usize) -> Vec<usize> {
        let nodes = &self.plan.nodes;
        (0..nodes.len()).filter(|other| nodes[*other].name == nodes[node].name).collect()
    }
}

/// The promises that a history has not kept.
pub(crate) fn check(plan: &Plan, operations: &[Operation]) -> Vec<Violation> {
    let facts = Facts::new(plan, operations);
    let mut found = Vec::new();
    order::check(&facts, &mut found);
    promises::check(&facts, &mut found);
    settled::check(&facts, &mut found);
    for Operation { at, node, what, .. } in operations {
        let rule = match what {
            What::OverMark { .. } => "I5",
            What::OverDisk { .. } => "I6",
            What::Recovered { .. } => "I7",
            What::Event("received what nobody sent") => "identity",
            _ => continue,
        };
        found.push(Violation { rule, what: format!("at {at} node{node}: {what:?}") });
    }
    found
}
