//! The differences that have a reason: reads `lists/option-differences.txt`, says which differences
//! no line covers, and which lines cover none. Pure, but for reading the list.

use std::collections::{BTreeMap, BTreeSet};

use oxmq_testing::Result;

use super::matrix::{Difference, name};
use crate::tools;

/// Differences that are printed in full before only their number is said.
const SHOWN_MAX: usize = 60;

/// One line of the list.
#[derive(Debug)]
struct Reason {
    line: String,
    options: Vec<String>,
    call: String,
    stock: String,
    ours: String,
}

impl Reason {
    /// `OPTIONS | CALL | STOCK | OURS | WHY`, where `*` in the first four stands for anything.
    fn parse(line: &str) -> Result<Reason> {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [options, call, stock, ours, why] = cells.as_slice() else {
            return Err(format!("five cells in a line of reasons, not: {line}"));
        };
        if why.len() < 10 {
            return Err(format!("no reason is given: {line}"));
        }
        Ok(Reason {
            line: line.to_owned(),
            options: options.split_whitespace().map(str::to_owned).collect(),
            call: (*call).to_owned(),
            stock: (*stock).to_owned(),
            ours: (*ours).to_owned(),
        })
    }

    fn covers(&self, difference: &Difference) -> bool {
        let option = name(difference.option);
        self.options.iter().any(|pattern| matches(pattern, &option))
            && matches(&self.call, difference.call)
            && matches(&self.stock, &difference.stock)
            && matches(&self.ours, &difference.ours)
    }
}

/// Whether a pattern with at most one `*` fits a text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => {
            text.len() >= before.len() + after.len()
                && text.starts_with(before)
                && text.ends_with(after)
        }
    }
}

/// The report when every difference has its reason, and every reason its difference.
pub(super) fn explain(differences: &[Difference], calls: usize, is_part: bool) -> Result<String> {
    let reasons: Vec<Reason> = tools::list("option-differences.txt")?
        .iter()
        .map(|line| Reason::parse(line))
        .collect::<Result<_>>()?;
    let mut used = BTreeSet::new();
    let mut without: Vec<&Difference> = Vec::new();
    for difference in differences {
        match reasons.iter().position(|reason| reason.covers(difference)) {
            Some(at) => {
                used.insert(at);
            }
            None => without.push(difference),
        }
    }
    let stale: Vec<&Reason> =
        reasons.iter().enumerate().filter(|(at, _)| !used.contains(at)).map(|(_, r)| r).collect();
    if without.is_empty() && (is_part || stale.is_empty()) {
        return Ok(format!(
            "{calls} calls on each library, {} differences with {} reasons",
            differences.len(),
            used.len()
        ));
    }
    let mut report =
        format!("{} of {} differences without a reason", without.len(), differences.len());
    for line in grouped(&without).into_iter().take(SHOWN_MAX) {
        report.push_str(&format!("\n    {line}"));
    }
    for reason in stale.iter().filter(|_| !is_part) {
        report.push_str(&format!("\n    covers no difference: {}", reason.line));
    }
    Err(report)
}

/// One line for each option, call and kind of answer, with the types, the phases and an example.
fn grouped(differences: &[&Difference]) -> Vec<String> {
    type Group<'a> = (BTreeSet<i32>, BTreeSet<&'a str>, Vec<&'a Difference>);
    let mut groups: BTreeMap<(i32, &str, &str, &str), Group<'_>> = BTreeMap::new();
    for d in differences {
        let key = (d.option, d.call, kind(&d.stock), kind(&d.ours));
        let group = groups.entry(key).or_default();
        group.0.insert(d.socket_type);
        group.1.insert(d.phase);
        group.2.push(d);
    }
    groups
        .into_iter()
        .map(|((option, call, ..), (types, phases, all))| {
            let example = all.first().map_or(String::new(), |d| {
                format!("{}: stock [{}] ours [{}]", d.line, d.stock, d.ours)
            });
            format!("{} {call} x{} types {types:?} {phases:?} {example}", name(option), all.len())
        })
        .collect()
}

/// An answer without the value.
fn kind(answer: &str) -> &str {
    answer.split(" o=").next().unwrap_or(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_covers_what_it_names_and_nothing_else() {
        let reason = Reason::parse("LINGER SND* | set | -1 errno=22* | 0* | because it is so");
        let Ok(reason) = reason else { panic!("{reason:?}") };
        let difference = Difference {
            option: 17,
            socket_type: 0,
            phase: "fresh",
            call: "set",
            line: String::new(),
            stock: "-1 errno=22".to_owned(),
            ours: "0".to_owned(),
        };
        assert!(reason.covers(&difference));
        assert!(reason.covers(&Difference { option: 23, ..difference.clone() }));
        assert!(!reason.covers(&Difference { option: 24, ..difference.clone() }));
        assert!(!reason.covers(&Difference { call: "get", ..difference }));
        assert!(Reason::parse("LINGER | set | a | b |").is_err());
    }
}
