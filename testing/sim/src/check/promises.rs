//! I1: each send that returned comes to whoever is entitled to it and is dealt with, or its loss is
//! announced.

use std::collections::{BTreeMap, BTreeSet};

use oxmq_engine::SocketType;

use super::{Facts, Violation};
use crate::history::{Operation, What};
use crate::message::MessageId;
use crate::plan::Pattern;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let told = Told::new(facts);
    for (id, index) in &facts.sent {
        let sender = id.sender as usize;
        if !facts.is_durable(sender) || facts.is_weak(sender) {
            continue;
        }
        let owed = match facts.plan.pattern {
            Pattern::Push => owed_to_one(facts, &told, *id),
            Pattern::Publish => owed_to_subscribers(facts, &told, *id),
            Pattern::Route => owed_to_name(facts, &told, *id, *index),
            Pattern::Ask => owed_a_reply(facts, &told, *id),
        };
        for what in owed {
            found.push(Violation { rule: "I1", what: format!("{id} was sent: {what}") });
        }
    }
    received_and_forgotten(facts, &told, found);
}

/// What was told or seen besides deliveries.
struct Told {
    /// Dead letters: sender and offset.
    dead: BTreeSet<(usize, u64)>,
    /// Gaps, by who told them.
    gaps: Vec<(usize, u64, u64)>,
    /// Messages written to a peer that ended later, and to whom each was written at all.
    lost_with_peer: BTreeSet<(MessageId, usize)>,
    received: BTreeSet<(MessageId, usize)>,
    replied: BTreeSet<MessageId>,
}

impl Told {
    fn new(facts: &Facts<'_>) -> Self {
        let mut told = Self {
            dead: BTreeSet::new(),
            gaps: Vec::new(),
            lost_with_peer: BTreeSet::new(),
            received: BTreeSet::new(),
            replied: BTreeSet::new(),
        };
        let mut written: BTreeMap<usize, BTreeSet<MessageId>> = BTreeMap::new();
        for Operation { node, what, .. } in facts.operations {
            match what {
                What::DeadLetter { offset } => drop(told.dead.insert((*node, *offset))),
                What::Gap { from, to } => told.gaps.push((*node, *from, *to)),
                What::WroteMessage { to, id, .. } => {
                    written.entry(*to).or_default().insert(*id);
                }
                What::Ended(_) => {
                    for id in written.remove(node).unwrap_or_default() {
                        told.lost_with_peer.insert((id, *node));
                    }
                }
                What::Received { id, .. } => drop(told.received.insert((*id, *node))),
                What::Replied { request } => drop(told.replied.insert(*request)),
                _ => {}
            }
        }
        told
    }

    /// Its loss, or that it was set aside, was announced.
    fn is_announced(&self, facts: &Facts<'_>, id: MessageId, receiver: Option<usize>) -> bool {
        let Some(offset) = facts.offset(id) else {
            // Never on a connection, so nobody knows its number: any gap may be its own.
            let is_dead = self.dead.iter().any(|(sender, _)| *sender == id.sender as usize);
            return is_dead || !self.gaps.is_empty();
        };
        let by = |node: usize| node == id.sender as usize || receiver.is_none_or(|r| r == node);
        let in_gap =
            |(node, from, to): &(usize, u64, u64)| by(*node) && (*from..=*to).contains(&offset);
        self.dead.contains(&(id.sender as usize, offset)) || self.gaps.iter().any(in_gap)
    }

    /// A receiver has dealt with it: for one that is not durable, it is in its process.
    fn is_dealt_with(&self, facts: &Facts<'_>, id: MessageId, receiver: usize) -> bool {
        if facts.is_durable(receiver) {
            return facts.judged.contains_key(&(id, receiver));
        }
        self.received.contains(&(id, receiver)) || self.lost_with_peer.contains(&(id, receiver))
    }
}

fn owed_to_one(facts: &Facts<'_>, told: &Told, id: MessageId) -> Vec<String> {
    let mut receivers = 0..facts.plan.nodes.len();
    let dealt = receivers.any(|receiver| told.is_dealt_with(facts, id, receiver));
    match dealt || told.is_announced(facts, id, None) {
        true => Vec::new(),
        false => vec!["nobody has dealt with it".to_owned()],
    }
}

/// A subscriber is entitled to what is behind the first message of the same topic that it got: by
/// then its subscription was known.
fn owed_to_subscribers(facts: &Facts<'_>, told: &Told, id: MessageId) -> Vec<String> {
    let mut owed = Vec::new();
    let topics: BTreeMap<MessageId, &[u8]> = facts
        .operations
        .iter()
        .filter_map(|operation| match &operation.what {
            What::Send { id, topic: Some(topic), .. } => Some((*id, &topic[..])),
            _ => None,
        })
        .collect();
    let topic = topics.get(&id).copied().unwrap_or_default();
    for (receiver, plan) in facts.plan.nodes.iter().enumerate() {
        let wants = plan.topics.iter().any(|wanted| topic.starts_with(wanted));
        if plan.socket_type != SocketType::Sub || plan.takes_over.is_some() || !wants {
            continue;
        }
        let owners = facts.namesakes(receiver);
        let got_earlier = |(earlier, node): &(MessageId, usize)| {
            earlier.sender == id.sender
                && earlier.number < id.number
                && owners.contains(node)
                && topics.get(earlier).copied() == Some(topic)
        };
        if !told.received.iter().any(got_earlier) {
            continue;
        }
        let has = |owner: &usize| {
            told.is_dealt_with(facts, id, *owner) || told.is_announced(facts, id, Some(*owner))
        };
        if !owners.iter().any(has) {
            owed.push(format!("{} is entitled to it and has not got it", plan.name));
        }
    }
    owed
}

/// A ROUTER's message is for the peer of a name, a DEALER's for the ROUTER.
fn owed_to_name(facts: &Facts<'_>, told: &Told, id: MessageId, sent: usize) -> Vec<String> {
    let to = facts.operations[..sent].iter().find_map(|operation| match &operation.what {
        What::Send { id: other, to, .. } if *other == id => Some(to.clone()),
        _ => None,
    });
    let is_for = |receiver: usize| match &to {
        Some(Some(name)) => facts.plan.nodes[receiver].name.as_bytes() == &name[..],
        _ => facts.plan.nodes[receiver].socket_type == SocketType::Router,
    };
    let mut receivers = (0..facts.plan.nodes.len()).filter(|receiver| is_for(*receiver));
    let dealt = receivers.any(|receiver| told.is_dealt_with(facts, id, receiver));
    match dealt || told.is_announced(facts, id, None) {
        true => Vec::new(),
        false => vec!["whom it is for has not dealt with it".to_owned()],
    }
}

/// A request gets its reply.
fn owed_a_reply(facts: &Facts<'_>, told: &Told, id: MessageId) -> Vec<String> {
    let is_request = facts.plan.nodes[id.sender as usize].socket_type == SocketType::Req;
    match !is_request || told.replied.contains(&id) || told.is_announced(facts, id, None) {
        true => Vec::new(),
        false => vec!["it has got no reply".to_owned()],
    }
}

/// What a durable receiver handed out came again until it was settled.
fn received_and_forgotten(facts: &Facts<'_>, told: &Told, found: &mut Vec<Violation>) {
    let mut last: BTreeMap<(MessageId, usize), bool> = BTreeMap::new();
    let mut settled_elsewhere: BTreeSet<MessageId> = BTreeSet::new();
    for Operation { node, what, .. } in facts.operations {
        match what {
            What::Received { id, place: Some(_), .. } => drop(last.insert((*id, *node), false)),
            What::Judged { id, place: Some(_), judgement } => {
                let is_settled = *judgement != crate::history::Judgement::Nack;
                last.entry((*id, *node)).and_modify(|settled| *settled = is_settled);
                if is_settled {
                    settled_elsewhere.insert(*id);
                }
            }
            _ => {}
        }
    }
    for ((id, node), settled) in last {
        // From a durable sender it may have gone to another receiver instead.
        let other = |other: usize| other != node && told.is_dealt_with(facts, id, other);
        let elsewhere = facts.is_durable(id.sender as usize)
            && (settled_elsewhere.contains(&id) || (0..facts.plan.nodes.len()).any(other));
        let is_last_life = facts
            .plan
            .nodes
            .iter()
            .any(|twin| twin.takes_over.is_some_and(|(victim, _)| victim == node));
        let is_reply = facts.plan.pattern == Pattern::Ask;
        let dead = told.is_announced(facts, id, Some(node))
            || told.dead.contains(&(node, facts.offset(id).unwrap_or(0)));
        if !settled && !elsewhere && !is_last_life && !is_reply && !dead && !facts.is_weak(node) {
            let what = format!("node{node} received {id}, did not settle it, and it came no more");
            found.push(Violation { rule: "I1", what });
        }
    }
}
