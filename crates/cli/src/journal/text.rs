//! Logs and messages of a store as text and as JSON. Pure functions.

use oxmq::journal::{ConsumerStatus, Gap, LogStatus, Record, Role, gap_reason};
use serde_json::{Value, json};

use super::Listed;
use crate::codec::hex;
use crate::codec::json::part_value;

/// Octets for people: as they are if they can be printed, else hexadecimal after 0x.
pub(super) fn name(octets: &[u8]) -> String {
    match str::from_utf8(octets) {
        Ok(text) if !text.chars().any(char::is_control) && !text.starts_with("0x") => {
            text.to_owned()
        }
        _ => format!("0x{}", digits(octets)),
    }
}

/// The octets that [`name`] wrote down.
pub(super) fn octets(name: &str) -> Vec<u8> {
    let digits = name.strip_prefix("0x");
    let read = digits.and_then(|digits| hex::decode(digits.as_bytes()).ok());
    read.unwrap_or_else(|| name.as_bytes().to_vec())
}

fn digits(octets: &[u8]) -> String {
    let mut digits = Vec::new();
    hex::encode(octets, &mut digits);
    digits.into_iter().map(char::from).collect()
}

pub(super) fn role(log: &LogStatus) -> &'static str {
    match Role::of(log) {
        Some(Role::Outbox) => "outbox",
        Some(Role::Inbox) => "inbox",
        Some(Role::Dead) => "dead",
        None => "other",
    }
}

fn reason(gap: &Gap) -> String {
    match gap.reason {
        gap_reason::RETENTION => "no room".to_owned(),
        gap_reason::AGE => "too old".to_owned(),
        gap_reason::CORRUPT => "damaged".to_owned(),
        gap_reason::DEAD_LETTER => "set aside".to_owned(),
        gap_reason::LOST_IN_CRASH => "maybe lost in a crash".to_owned(),
        other => format!("reason {other}"),
    }
}

/// A gap for people.
pub(super) fn show_gap(gap: &Gap) -> String {
    format!("gap from {} to before {}: {}", gap.from, gap.to, reason(gap))
}

pub(super) fn gap_json(gap: &Gap) -> Value {
    json!({"from": gap.from, "to": gap.to, "reason": reason(gap)})
}

/// How many messages a consumer has still to settle.
pub(super) fn lag(log: &LogStatus, consumer: &ConsumerStatus) -> u64 {
    let all = log.first..log.next;
    (log.next - log.first).saturating_sub(consumer.acked.count_in(&all))
}

/// Everything about a log, on several lines.
pub(super) fn show_log(log: &Listed) -> String {
    let status = &log.status;
    let mut lines = vec![
        format!("\nlog {} ({})", name(&status.name), role(status)),
        format!("  id {}", digits(&status.id)),
        format!("  epoch {}", status.epoch),
        format!(
            "  messages {}, from {} to before {}; {} not settled",
            status.next - status.first,
            status.first,
            status.next,
            log.unsettled()
        ),
        format!("  bytes {}", status.bytes),
    ];
    for gap in &status.gaps {
        lines.push(format!("  {}", show_gap(gap)));
    }
    for consumer in &log.consumers {
        lines.push(format!(
            "  consumer {}: {} not settled, all before {} are; last seen {}",
            if consumer.name.is_empty() { "(unnamed)".to_owned() } else { name(&consumer.name) },
            lag(status, consumer),
            consumer.acked.below(),
            match consumer.session.last_seen_ms {
                0 => "never".to_owned(),
                ms => format!("{}.{:03} s after 1970", ms / 1000, ms % 1000),
            }
        ));
        for filter in &consumer.filters {
            lines.push(format!("    filter {}", name(filter)));
        }
        for (offset, attempts) in &consumer.attempts {
            lines.push(format!("    message {offset}: tried {attempts} times"));
        }
    }
    lines.join("\n")
}

/// A log as JSON, with its epochs, gaps and consumers if `whole`.
pub(super) fn log_json(log: &Listed, whole: bool) -> Value {
    let status = &log.status;
    let mut value = json!({
        "log": name(&status.name),
        "role": role(status),
        "id": digits(&status.id),
        "epoch": status.epoch,
        "first": status.first,
        "next": status.next,
        "messages": status.next - status.first,
        "unsettled": log.unsettled(),
        "bytes": status.bytes,
    });
    if whole {
        let epochs = status.epochs.iter();
        value["epochs"] =
            epochs.map(|(epoch, first)| json!({"epoch": epoch, "first": first})).collect();
        let gap = gap_json;
        value["gaps"] = status.gaps.iter().map(gap).collect();
        let consumers = log.consumers.iter();
        value["consumers"] = consumers.map(|consumer| consumer_json(status, consumer)).collect();
    } else {
        value["consumers"] = status.consumers.into();
    }
    value
}

fn consumer_json(log: &LogStatus, consumer: &ConsumerStatus) -> Value {
    json!({
        "name": name(&consumer.name),
        "unsettled": lag(log, consumer),
        "settled_below": consumer.acked.below(),
        "filters": consumer.filters.iter().map(|filter| name(filter)).collect::<Vec<_>>(),
        "attempts": consumer.attempts,
        "principal": name(&consumer.session.principal),
        "instance": consumer.session.instance,
        "last_seen_ms": consumer.session.last_seen_ms,
    })
}

/// A message on one line: its number, and its parts with tabs between.
pub(super) fn show_record(record: &Record) -> String {
    let parts: Vec<String> = record.parts().map(name).collect();
    format!("{}\t{}", record.offset, parts.join("\t"))
}

pub(super) fn record_json(record: &Record) -> Value {
    json!({
        "offset": record.offset,
        "epoch": record.epoch,
        "time_ms": record.time_ms,
        "parts": record.parts().map(part_value).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_written_down_and_read_again() {
        for octets_of in
            [&b"jobs"[..], b"0x", b"0x41", b"a\tb", b"\xff\x00", "Gr\u{fc}n".as_bytes()]
        {
            assert_eq!(octets(&name(octets_of)), octets_of, "{}", name(octets_of));
        }
        assert_eq!(name(b"\xff\x00"), "0xff00");
        assert_eq!(octets("0xzz"), b"0xzz");
        assert_eq!(octets("0x4"), b"0x4");
    }
}
