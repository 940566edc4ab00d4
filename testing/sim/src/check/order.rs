//! Identity, I2 and I3: places, repetitions and order, as the applications saw them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Violation};
use crate::history::{Judgement, Operation, Place, What};
use crate::message::MessageId;
use crate::plan::Pattern;

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    identity(facts, found);
    repetitions(facts, found);
    order(facts, found);
}

/// Each message has one place, and each place one message.
fn identity(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let mut messages: BTreeMap<Place, MessageId> = BTreeMap::new();
    for Operation { at, node, what, .. } in facts.operations {
        let What::Received { id, place: Some(place), .. } = what else { continue };
        let other = *messages.entry(*place).or_insert(*id);
        if other != *id {
            let what = format!("at {at} node{node}: {place:?} is {id}, and was {other}");
            found.push(Violation { rule: "identity", what });
        }
        let sender = id.sender as usize;
        if !facts.is_durable(sender) {
            continue;
        }
        let first = facts.places.get(id).copied().unwrap_or(*place);
        if first != *place {
            let what = format!("at {at} node{node}: {id} is {place:?}, and was {first:?}");
            found.push(Violation { rule: "identity", what });
        }
        if facts.offsets.get(id).is_some_and(|offset| *offset != place.offset) {
            let what = format!("at {at} node{node}: {id} at {place:?}, written with another");
            found.push(Violation { rule: "identity", what });
        }
    }
}

/// I2: what was settled does not come again to whom it was settled by.
fn repetitions(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let mut in_life: BTreeSet<(usize, u32, MessageId)> = BTreeSet::new();
    let mut for_good: BTreeSet<(MessageId, usize)> = BTreeSet::new();
    // Which message has a number: after a loss another may get it.
    let mut numbers: BTreeMap<(usize, u64), MessageId> = BTreeMap::new();
    for Operation { at, node, life, what } in facts.operations {
        match what {
            What::Judged { id, judgement: Judgement::Ack | Judgement::Reject, .. } => {
                in_life.insert((*node, *life, *id));
            }
            // The receiver had told the sender, so it had recorded it as its policy asks.
            What::ReadSettled { from, ranges, below, .. } => {
                if facts.is_weak(*node) || facts.is_weak(*from) {
                    continue;
                }
                let ranges = ranges.iter().copied().chain([(1, below.saturating_sub(1))]);
                for (first, last) in ranges.filter(|(first, last)| first <= last) {
                    let known = numbers.range((*node, first)..=(*node, last));
                    for_good.extend(known.map(|(_, id)| (*id, *from)));
                }
            }
            What::WroteMessage { id, offset: Some(offset), .. } => {
                numbers.insert((*node, *offset), *id);
            }
            What::Received { id, place: Some(_), .. } => {
                if in_life.contains(&(*node, *life, *id)) {
                    let what = format!("at {at} node{node}: {id} came again after it was settled");
                    found.push(Violation { rule: "I2", what });
                }
                if for_good.contains(&(*id, *node)) {
                    let what = format!("at {at} node{node}: {id} came again after its sender knew");
                    found.push(Violation { rule: "I2", what });
                }
            }
            _ => {}
        }
    }
}

/// I3: what a consumer of its own gets, it gets in order at first.
fn order(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let receivers =
        facts.plan.nodes.iter().filter(|node| node.sends == 0 || !node.topics.is_empty());
    if facts.plan.pattern == Pattern::Push && receivers.count() != 1 {
        return;
    }
    let mut seen: BTreeSet<(usize, MessageId)> = BTreeSet::new();
    let mut last: BTreeMap<(usize, u128), Place> = BTreeMap::new();
    for Operation { at, node, what, .. } in facts.operations {
        let What::Received { id, place: Some(place), .. } = what else { continue };
        if !facts.is_durable(id.sender as usize) || !seen.insert((*node, *id)) {
            continue;
        }
        let before = last.insert((*node, place.log), *place);
        let is_later = |b: &Place| (b.epoch, b.offset) > (place.epoch, place.offset);
        if let Some(before) = before.filter(is_later) {
            let what = format!("at {at} node{node}: {id} at {place:?} after {before:?}");
            found.push(Violation { rule: "I3", what });
            last.insert((*node, place.log), before);
        }
    }
}
