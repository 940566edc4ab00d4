//! Files and what they say: which sockets a rule chooses, what it sets, and what is wrong with a
//! file, told with its line and its key.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use oxmq_engine::options::{AckMode, SyncPolicy};

use super::*;

fn wrong(text: &str) -> String {
    parse(text).unwrap_err().at("f", text)
}

/// A rule with everything it needs, and a line more.
fn with(line: &str) -> String {
    format!("[[socket]]\ntype = \"SUB\"\nstore = \"/s\"\ndurable = \"n\"\n{line}\n")
}

#[test]
fn every_key_sets_its_option() {
    let text = "[[socket]]\ntype = \"SUB\"\nstore = \"/s\"\ndurable = \"me\"\nsync = \"interval\"\n\
                sync_ivl = 20\nack_mode = \"explicit\"\nlog_bytes_max = 1_000_000_000_000\n\
                log_messages_max = 5\nlog_age_max = 60000\nattempts_max = 3\nstart = \"earliest\"\n\
                [[socket]]\nspill_dir = \"/t\"\nspill_memory = 1024\nspill_limit = -1\n";
    let rules = parse(text).unwrap();
    let set = |rule: &Rule| {
        let mut options = SocketOptions::libzmq_defaults(SocketType::Sub);
        rule.set(&mut options).unwrap();
        options
    };
    let options = set(&rules[0]);
    let durable = &options.durable;
    assert_eq!((durable.store.as_str(), durable.name.as_slice()), ("/s", &b"me"[..]));
    assert_eq!((durable.sync, durable.ack), (SyncPolicy::Interval, AckMode::Explicit));
    assert_eq!(durable.sync_ivl, Duration::from_millis(20));
    assert_eq!(durable.log_bytes_max, Some(1_000_000_000_000));
    assert_eq!((durable.log_messages_max, durable.attempts_max), (Some(5), 3));
    assert_eq!(durable.log_age_max, Some(Duration::from_secs(60)));
    assert_eq!(durable.start, oxmq_zmtp::DurableStart::Earliest);
    let options = set(&rules[1]);
    let durable = &options.durable;
    assert_eq!((durable.spill_dir.as_str(), durable.spill_memory), ("/t", Some(1024)));
    assert_eq!(durable.spill_limit, None);
}

#[test]
fn every_option_of_durability_has_a_key() {
    use oxmq_engine::options::{Access, rows};
    for row in rows().filter(|row| row.code > 10_000 && row.access == Access::Both) {
        let name = row.name.to_ascii_lowercase();
        assert!(OPTIONS.iter().any(|(key, code, _)| *key == name && *code == row.code), "{name}");
    }
}

#[test]
fn sockets_are_chosen_by_type_side_and_endpoint() {
    let text = "[[socket]]\ntype = [\"push\", \"PUB\"]\nconnect = \"tcp://10.*:55?7\"\n\
                store = \"/s\"\ndurable = \"n\"\n";
    let rules = parse(text).unwrap();
    let chooses = |t, side, endpoint| rules[0].chooses(t, side, endpoint);
    assert!(chooses(SocketType::Push, Side::Connect, "tcp://10.0.0.1:5557"));
    assert!(chooses(SocketType::Pub, Side::Connect, "tcp://10.:5507"));
    assert!(!chooses(SocketType::Pull, Side::Connect, "tcp://10.0.0.1:5557"));
    assert!(!chooses(SocketType::Push, Side::Bind, "tcp://10.0.0.1:5557"));
    assert!(!chooses(SocketType::Push, Side::Connect, "tcp://10.0.0.1:55577"));
    assert!(!chooses(SocketType::Push, Side::Connect, "tcp://11.0.0.1:5557"));
}

#[test]
fn a_rule_without_choices_is_for_every_socket_that_takes_it() {
    let rules = parse("[[socket]]\nstore = \"/s\"\ndurable = \"n\"\nstart = \"latest\"\n").unwrap();
    assert_eq!(rules[0].types, [SocketType::Sub, SocketType::XSub]);
    let rules = parse("[[socket]]\nspill_dir = \"/t\"\n").unwrap();
    assert!(rules[0].chooses(SocketType::Push, Side::Bind, "inproc://x"));
    assert!(!rules[0].chooses(SocketType::Pair, Side::Bind, "inproc://x"));
}

#[test]
fn patterns_match_as_a_shell_has_them() {
    for (pattern, text, does) in [
        ("tcp://*:5557", "tcp://*:5557", true),
        ("tcp://*:5557", "tcp://[::1]:5557", true),
        ("*", "", true),
        ("", "", true),
        ("", "x", false),
        ("?", "", false),
        ("a*b*c", "axxbxxbxc", true),
        ("a*b*c", "axxbxxbx", false),
        ("**a", "a", true),
        ("[a]", "a", false),
    ] {
        assert_eq!(matches(pattern, text), does, "{pattern} {text}");
    }
}

#[test]
fn a_mistake_is_told_with_its_line_and_key() {
    let known = "no such key; there are type, bind, connect, endpoint, store, durable, sync";
    assert!(wrong(&with("snyc = \"os\"")).starts_with(&format!("f:5: snyc: {known}")));
    for (line, said) in [
        (
            "sync = \"never\"",
            "sync: expected \"os\" or \"interval\" or \"always\", found \"never\"",
        ),
        ("sync = 3", "sync: expected a string, found an integer"),
        ("sync_ivl = \"3\"", "sync_ivl: expected an integer, found a string"),
        ("sync_ivl = 0", "sync_ivl: expected "),
        ("sync_ivl = 3000000000", "sync_ivl: 3000000000 is out of range"),
        ("log_bytes_max = 99999999999999999999", "log_bytes_max: 99999999999999999999 is out of"),
        ("spill_limit = 1", "spill_limit: needs spill_dir in the same [[socket]]"),
        ("bind = \"a\"\nconnect = \"b\"", "connect: one of bind, connect and endpoint is enough"),
        ("bind = 1", "bind: expected a string, found an integer"),
        ("durable = \"again\"", "duplicate key"),
        ("log_age_max = ", ""),
    ] {
        let told = wrong(&with(line));
        let at = if said.starts_with("connect:") { "f:6: " } else { "f:5: " };
        assert!(told.starts_with(&format!("{at}{said}")), "{line}: {told}");
    }
}

#[test]
fn what_is_no_list_of_rules_is_refused() {
    for (text, said) in [
        ("socket = 1\n", "f:1: socket: each rule begins with [[socket]]"),
        ("socket = [1]\n", "f:1: socket: each rule begins with [[socket]]"),
        ("[socket]\nstore = \"/s\"\n", "f:1: socket: each rule begins with [[socket]]"),
        ("\n[[sockets]]\n", "f:2: sockets: no such key: [[socket]] is the only one"),
        ("[[socket]]\n", "f:1: socket: sets no option"),
        ("[[socket]]\ntype = \"FOO\"\n", "f:2: type: \"FOO\" is no socket type"),
        ("[[socket]]\ntype = []\n", "f:2: type: names no socket type"),
        ("[[socket]]\nstore = \"/s\"\n", "f:2: store: needs durable in the same [[socket]]"),
        (
            "[[socket]]\ntype = \"PAIR\"\nstore = \"/s\"\ndurable = \"n\"\n",
            "f:3: store: not an option of PAIR sockets",
        ),
        (
            "[[socket]]\ntype = \"PUSH\"\nstore = \"/s\"\ndurable = \"\"\n",
            "f:4: durable: expected bytes, 1 to 255 bytes, found 0 bytes",
        ),
    ] {
        let told = wrong(text);
        assert!(told.starts_with(said), "{text}: {told}");
    }
    assert!(parse("").unwrap().is_empty());
}
