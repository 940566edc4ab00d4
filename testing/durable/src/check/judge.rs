//! The rules, each a function from the histories to what breaks it. Pure functions.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use crate::read::{Histories, Number, Place, Receiving, Sending};

/// Cases that an error names.
const NAMED: usize = 5;

/// What breaks a rule, in words.
type Faults = Vec<String>;

/// Judges histories by the rules; the counts, or what is wrong.
pub(crate) fn judge(all: &Histories, rules: &[String]) -> Result<String, String> {
    let has = |rule: &str| rules.iter().any(|other| other == rule);
    let sent = Sent::of(&all.senders);
    let mut faults = Faults::new();
    let mut done = HashMap::new();
    for receiver in &all.receivers {
        dealt_with_once(receiver, &mut done, &mut faults);
        if !has("device") {
            given_once(receiver, &mut faults);
        }
        if !has("many") {
            in_order(receiver, &mut faults);
        }
    }
    for number in done.keys().filter(|number| !sent.begun.contains(number)) {
        faults.push(format!("{number:?} was never sent"));
    }
    if has("stock-order") {
        all.receivers.iter().for_each(|receiver| got_in_order(receiver, &mut faults));
    }
    if !has("sparse") {
        gaps(&all.receivers, &mut faults);
    }
    let lost: Vec<Number> =
        sent.acknowledged.iter().filter(|number| !done.contains_key(number)).copied().collect();
    let is_lost: HashSet<Number> = lost.iter().copied().collect();
    if has("always") {
        faults.extend(lost.iter().map(|number| format!("{number:?} was acknowledged and is lost")));
    }
    if has("bites") && lost.is_empty() {
        faults.push("nothing is lost".to_owned());
    }
    let window = rules.iter().find_map(|rule| rule.strip_prefix("window=")?.parse().ok());
    let longest = window_micros(&all.senders, &lost) / 1000;
    if window.is_some_and(|window: u64| longest > window) {
        faults.push(format!("what was acknowledged {longest} ms before the end is lost"));
    }
    if has("tail") {
        all.senders.iter().for_each(|sender| lost_at_the_end(sender, &is_lost, &mut faults));
        all.senders.iter().for_each(|sender| announced(sender, &is_lost, &mut faults));
    }
    if faults.is_empty() { Ok(counts(all, &sent, &lost, done.len())) } else { Err(said(&faults)) }
}

fn said(faults: &Faults) -> String {
    let first: Vec<&str> = faults.iter().take(NAMED).map(String::as_str).collect();
    format!("{} faults: {}", faults.len(), first.join("; "))
}

/// What senders sent.
struct Sent {
    begun: HashSet<Number>,
    /// In the order of their acknowledgement.
    acknowledged: Vec<Number>,
}

impl Sent {
    fn of(senders: &[Vec<Sending>]) -> Sent {
        let mut sent = Sent { begun: HashSet::new(), acknowledged: Vec::new() };
        for line in senders.iter().flatten() {
            match line {
                Sending::Send(number) => drop(sent.begun.insert(*number)),
                Sending::Sent(number, _) => sent.acknowledged.push(*number),
                Sending::Begin | Sending::Failed | Sending::Lost => {}
            }
        }
        sent
    }
}

/// Every message, and every id, has one effect, and they belong together.
fn dealt_with_once(receiver: &[Receiving], done: &mut HashMap<Number, Place>, faults: &mut Faults) {
    let mut places: HashMap<Place, Number> = HashMap::new();
    for line in receiver {
        match line {
            Receiving::Done(place, number) => {
                if let Some(before) = done.insert(*number, *place) {
                    faults.push(format!("{number:?} has two effects, as {before:?} and {place:?}"));
                }
            }
            Receiving::Got(number) => drop(done.insert(*number, (0, 0, 0))),
            Receiving::Recv(place, number) => {
                let before = places.insert(*place, *number);
                if before.is_some_and(|before| before != *number) {
                    faults.push(format!("{place:?} is {before:?} and {number:?}"));
                }
            }
            _ => {}
        }
    }
}

/// No process is given the same message twice.
fn given_once(receiver: &[Receiving], faults: &mut Faults) {
    let mut given = HashSet::new();
    for line in receiver {
        match line {
            Receiving::Begin => given.clear(),
            Receiving::Recv(place, number) if !given.insert(*place) => {
                faults.push(format!("{number:?} as {place:?} was given to one process twice"));
            }
            _ => {}
        }
    }
}

/// First deliveries are in the order of the log, and those of a lane in that of its numbers.
fn in_order(receiver: &[Receiving], faults: &mut Faults) {
    let mut seen = HashSet::new();
    let mut last: HashMap<u128, Place> = HashMap::new();
    let mut lanes: HashMap<u64, u64> = HashMap::new();
    for line in receiver {
        let Receiving::Recv(place, number) = line else { continue };
        if !seen.insert(*place) {
            continue;
        }
        let before = last.insert(place.0, *place);
        if let Some(before) = before.filter(|before| (before.1, before.2) > (place.1, place.2)) {
            faults.push(format!("{place:?} came after {before:?}"));
        }
        let before = lanes.insert(number.0, number.1);
        if let Some(before) = before.filter(|before| *before > number.1) {
            faults.push(format!("{number:?} came after number {before}"));
        }
    }
}

/// What a program without places receives for the first time is in the order of its lane.
fn got_in_order(receiver: &[Receiving], faults: &mut Faults) {
    let mut last: HashMap<u64, u64> = HashMap::new();
    let mut seen = HashSet::new();
    for line in receiver {
        let Receiving::Got(number) = line else { continue };
        if !seen.insert(*number) {
            continue;
        }
        let before = last.insert(number.0, number.1);
        if let Some(before) = before.filter(|before| *before > number.1) {
            faults.push(format!("{number:?} came after number {before}"));
        }
    }
}

/// The offsets of each log that came have no gap but those that were announced.
fn gaps(receivers: &[Vec<Receiving>], faults: &mut Faults) {
    let mut offsets: BTreeMap<u128, HashSet<u64>> = BTreeMap::new();
    let mut announced = HashSet::new();
    for line in receivers.iter().flatten() {
        match line {
            Receiving::Recv((log, _, offset), _) => {
                offsets.entry(*log).or_default().insert(*offset);
            }
            Receiving::Gap(from, to) => announced.extend(*from..=*to),
            _ => {}
        }
    }
    for (log, there) in offsets {
        let end = there.iter().max().copied().unwrap_or(0);
        // Whoever came late has missed what was before.
        let first = there.iter().min().copied().unwrap_or(0);
        let missing = (first..end).filter(|offset| !there.contains(offset));
        for offset in missing.filter(|offset| !announced.contains(offset)) {
            faults.push(format!("offset {offset} of log {log:x} is missing, unannounced"));
        }
    }
}

/// Of each process and lane, what is lost is the last that was sent.
fn lost_at_the_end(sender: &[Sending], lost: &HashSet<Number>, faults: &mut Faults) {
    let mut gone: HashMap<u64, u64> = HashMap::new();
    for line in sender {
        match line {
            Sending::Begin => gone.clear(),
            Sending::Sent(number, _) if lost.contains(number) => {
                gone.entry(number.0).or_insert(number.1);
            }
            Sending::Sent((lane, number), _) => {
                if let Some(before) = gone.get(lane) {
                    let survivor = format!("{number} of lane {lane}");
                    faults.push(format!("number {before} is lost, {survivor} behind it is not"));
                }
            }
            Sending::Send(_) | Sending::Failed | Sending::Lost => {}
        }
    }
}

/// A process of which something is lost is followed by one that announces it, and no other one is.
fn announced(sender: &[Sending], lost: &HashSet<Number>, faults: &mut Faults) {
    let mut loses = false;
    let mut before = false;
    for line in sender {
        match line {
            Sending::Begin => {
                if std::mem::take(&mut before) {
                    faults.push("a loss that was not announced".to_owned());
                }
                before = std::mem::take(&mut loses);
            }
            Sending::Lost => before = false,
            Sending::Sent(number, _) => loses |= lost.contains(number),
            Sending::Send(_) | Sending::Failed => {}
        }
    }
    if before {
        faults.push("a loss that was not announced".to_owned());
    }
}

fn counts(all: &Histories, sent: &Sent, lost: &[Number], done: usize) -> String {
    let lines = || all.receivers.iter().flatten();
    let count = |is: fn(&Receiving) -> bool| lines().filter(|line| is(line)).count();
    let unacknowledged = sent.begun.len() - sent.acknowledged.len();
    let failed = all.senders.iter().flatten().filter(|line| matches!(line, Sending::Failed));
    let mut text =
        format!("acknowledged={} unacknowledged={unacknowledged}", sent.acknowledged.len());
    let figures = [
        ("failed", failed.count()),
        ("dealt-with", done),
        ("lost", lost.len()),
        ("skipped-by-the-filter", count(|line| matches!(line, Receiving::Skip))),
        ("twice", got_twice(&all.receivers)),
        ("again-after-ack", again_after_ack(&all.receivers)),
        ("gaps-announced", count(|line| matches!(line, Receiving::Gap(..)))),
        ("logs-replaced", count(|line| matches!(line, Receiving::Replaced))),
        ("receives-failed", count(|line| matches!(line, Receiving::Failed))),
    ];
    for (name, count) in figures {
        // Writing to a string does not fail.
        let _ = write!(text, " {name}={count}");
    }
    let _ = write!(text, " lost-window-ms-max={}", window_micros(&all.senders, lost) / 1000);
    text
}

/// Messages that a program without places received more than once.
fn got_twice(receivers: &[Vec<Receiving>]) -> usize {
    let mut seen = HashSet::new();
    let got = receivers.iter().flatten().filter_map(|line| match line {
        Receiving::Got(number) => Some(*number),
        _ => None,
    });
    got.filter(|number| !seen.insert(*number)).count()
}

/// Messages that came again although an acknowledgement was given before.
fn again_after_ack(receivers: &[Vec<Receiving>]) -> usize {
    let mut acked = HashSet::new();
    let mut again = 0;
    for line in receivers.iter().flatten() {
        match line {
            Receiving::Ack(place) => drop(acked.insert(*place)),
            Receiving::Recv(place, _) if acked.contains(place) => again += 1,
            _ => {}
        }
    }
    again
}

/// The longest time before the last acknowledgement of a process of which something is lost.
fn window_micros(senders: &[Vec<Sending>], lost: &[Number]) -> u64 {
    let lost: HashSet<&Number> = lost.iter().collect();
    let mut longest = 0;
    for sender in senders {
        let mut first = None;
        for line in sender {
            match line {
                Sending::Begin => first = None,
                Sending::Sent(number, time) => {
                    if lost.contains(number) {
                        first.get_or_insert(*time);
                    }
                    longest = longest.max(first.map_or(0, |first| time.saturating_sub(first)));
                }
                Sending::Send(_) | Sending::Failed | Sending::Lost => {}
            }
        }
    }
    longest
}
