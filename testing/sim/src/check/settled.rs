//! I4, I8, I9 and I10: what was on the connections, and by whose word messages are settled.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Violation};
use crate::history::{Operation, What};
use crate::message::MessageId;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let mut fenced: BTreeSet<u64> = BTreeSet::new();
    // What each connection was sent, and what is settled by the word of whom.
    let mut sent: BTreeMap<u64, BTreeMap<u64, MessageId>> = BTreeMap::new();
    let mut settled: BTreeSet<MessageId> = BTreeSet::new();
    let mut by_offset: BTreeMap<(usize, u64), MessageId> = BTreeMap::new();
    let mut not_by_word: BTreeSet<MessageId> = BTreeSet::new();
    for (index, operation) in facts.operations.iter().enumerate() {
        let Operation { at, node, what, .. } = operation;
        match what {
            What::WroteCommand { end, name, negotiated, to } => {
                if name.starts_with("ZD") && !negotiated {
                    let what = format!("at {at} node{node} sent {name} to node{to}");
                    found.push(Violation { rule: "I8", what });
                }
                if name == "ZDFENCE" {
                    fenced.insert(*end);
                }
            }
            What::WroteMessage { end, to, id, offset, durable } => {
                if !durable {
                    let what =
                        format!("at {at} node{node} sent {id} to node{to} before it is safe");
                    found.push(Violation { rule: "I9", what });
                }
                match offset {
                    Some(offset) => {
                        sent.entry(*end).or_default().insert(*offset, *id);
                        by_offset.insert((*node, *offset), *id);
                    }
                    None => drop(not_by_word.insert(*id)),
                }
            }
            What::ReadSettled { end, from, opening, below, ranges } => {
                if fenced.contains(end) {
                    continue;
                }
                let mut said: Vec<MessageId> = Vec::new();
                let ours = sent.entry(*end).or_default();
                for (first, last) in ranges {
                    let of_sender =
                        by_offset.range((*node, *first)..=(*node, *last)).map(|(_, id)| *id);
                    let of_connection = ours.range(*first..=*last).map(|(_, id)| *id);
                    match opening {
                        true => said.extend(of_sender),
                        false => said.extend(of_connection),
                    }
                }
                let below = by_offset.range((*node, 0)..(*node, *below)).map(|(_, id)| *id);
                said.extend(below);
                for id in said {
                    let judged = facts.judged.get(&(id, *from)).is_some_and(|at| *at < index);
                    if judged {
                        settled.insert(id);
                    } else if !opening && !is_excused(facts, *from) {
                        let what = format!(
                            "at {at} node{node} was told that {id} is settled, which node{from} \
                             has not dealt with"
                        );
                        found.push(Violation { rule: "I10", what });
                    }
                }
            }
            _ => {}
        }
    }
    unsettled(facts, &settled, &not_by_word, found);
}

/// A receiver that passes over what its application never sees: malformed messages, replies to
/// requests that were given up, and gaps.
fn is_excused(facts: &Facts<'_>, node: usize) -> bool {
    use oxmq_engine::SocketType::{Rep, Req};
    matches!(facts.plan.nodes[node].socket_type, Req | Rep)
        || facts.is_weak(node)
        || facts.operations.iter().any(|o| o.node == node && matches!(o.what, What::Gap { .. }))
}

/// Every message that was sent is settled by the word of an owner that was not fenced.
fn unsettled(
    facts: &Facts<'_>,
    settled: &BTreeSet<MessageId>,
    not_by_word: &BTreeSet<MessageId>,
    found: &mut Vec<Violation>,
) {
    use oxmq_engine::SocketType::{Pull, Push};
    let all_durable = |kind| {
        let mut nodes = facts.plan.nodes.iter().enumerate();
        nodes.all(|(index, plan)| plan.socket_type != kind || facts.is_durable(index))
    };
    let has_push = facts.plan.nodes.iter().any(|plan| plan.socket_type == Push);
    if !has_push || !all_durable(Pull) || !all_durable(Push) {
        return;
    }
    let dead = |id: &MessageId| {
        let offset = facts.offset(*id);
        facts.operations.iter().any(|operation| match &operation.what {
            What::DeadLetter { offset: other } => offset.is_none_or(|offset| offset == *other),
            _ => false,
        })
    };
    for id in facts.sent.keys() {
        let known = settled.contains(id) || not_by_word.contains(id);
        if !known && !facts.is_weak(id.sender as usize) && !dead(id) {
            let what = format!("{id} is settled by nobody's word who may say so");
            found.push(Violation { rule: "I4", what });
        }
    }
}
