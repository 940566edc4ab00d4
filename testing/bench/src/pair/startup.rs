//! The times to the first message, of both libraries, for every start order. Owned by the main
//! thread.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::record::{Record, Run};
use super::scenario::Side;
use super::{Programs, lines, median};

/// What is compared, by transport, role of the device, and order.
#[derive(Default)]
pub(super) struct Starts {
    /// The milliseconds of each round.
    times: BTreeMap<(String, String, String), Times>,
}

#[derive(Default)]
struct Times {
    oxmq_ms: Vec<f64>,
    libzmq_ms: Vec<f64>,
}

/// One run of each, if the filter lets it.
pub(super) fn run(programs: &Programs, round: usize, filter: &str, record: &mut Record) {
    for transport in ["tcp", "ipc", "inproc"] {
        let scenario = format!("startup/{transport}");
        if !scenario.contains(filter) {
            continue;
        }
        for (side, peer) in [(Side::Oxmq, ""), (Side::Other, "--peer {libzmq}")] {
            let lines = lines(programs, &format!("{{oxmq}} startup -e {transport} {peer}"));
            let mut keep = |line| {
                record.runs.push(Run { scenario: scenario.clone(), side, round, line });
            };
            if lines.is_empty() {
                keep(None);
            }
            lines.into_iter().for_each(|line| keep(Some(line)));
        }
        println!("round {} {scenario}", round + 1);
    }
}

impl Starts {
    /// What a record has of it.
    pub(super) fn of(record: &Record) -> Starts {
        let mut starts = Starts::default();
        for run in &record.runs {
            let (Some(transport), Some(line)) =
                (run.scenario.strip_prefix("startup/"), run.figures())
            else {
                continue;
            };
            let word = |key: &str| line.get(key).cloned().unwrap_or_default();
            let key = (transport.to_owned(), word("device"), word("order"));
            let times = starts.times.entry(key).or_default();
            let times = match run.side {
                Side::Oxmq => &mut times.oxmq_ms,
                Side::Other | Side::Ceiling => &mut times.libzmq_ms,
            };
            times.extend(word("first_ms").parse::<f64>());
        }
        starts
    }

    /// The table; nothing if nothing was run.
    pub(super) fn table(&self) -> String {
        let mut orders: Vec<&str> = self.times.keys().map(|(_, _, order)| &**order).collect();
        orders.sort_unstable();
        orders.dedup();
        let mut rows: Vec<(&str, &str)> =
            self.times.keys().map(|(transport, device, _)| (&**transport, &**device)).collect();
        rows.dedup();
        if orders.is_empty() {
            return String::new();
        }
        let mut text = String::from(
            "## First message\n\nA source (PUSH), a device (PULL to PUSH) and a sink (PULL) start \
             in the order of the column, 150 ms apart. Milliseconds from the start of the last to \
             the first message at the sink, median: oxmq / libzmq. The device binds both its \
             sockets, or connects both. Where a side that connects was started before the one \
             that binds, the time is what is left of its reconnect interval: 100 ms and as much \
             again at random, with both libraries.\n\n| device |",
        );
        for order in &orders {
            let _ = write!(text, " {} |", order.replace(',', ", "));
        }
        let _ = write!(text, "\n|---|{}\n", "---|".repeat(orders.len()));
        for (transport, device) in rows {
            let _ = write!(text, "| {transport}, {device}s |");
            for order in &orders {
                let key = (transport.to_owned(), device.to_owned(), (*order).to_owned());
                let show = |ms: Option<f64>| ms.map_or("-".to_owned(), |ms| format!("{ms:.1}"));
                let of = self.times.get(&key).map(|t| (median(&t.oxmq_ms), median(&t.libzmq_ms)));
                let (oxmq, libzmq) = of.unwrap_or_default();
                let _ = write!(text, " {} / {} |", show(oxmq), show(libzmq));
            }
            text.push('\n');
        }
        text
    }
}
