//! Durability on the command line: commands and devices that are killed and lose nothing, and
//! `oxmq journal` on stores that are in use, full of messages, or damaged.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::{ipc, path, run, run_with, start, to};

/// A directory that no other test uses.
fn store() -> String {
    path("store").to_str().unwrap().to_owned()
}

/// The options that make a command durable.
fn durable<'a>(name: &'a str, store: &'a str) -> [&'a str; 4] {
    ["--durable", name, "--store", store]
}

/// Sends lines that nobody takes, into a store.
fn kept(lines: &str) -> String {
    let store = store();
    let nobody = to(&ipc());
    let push = [&["push", &nobody, "--linger", "0s"][..], &durable("jobs", &store)].concat();
    let ended = run_with(&push, lines);
    ended.ok();
    let count = lines.lines().count();
    let told = format!("messages kept in the store for the next run: {count}");
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    store
}

#[test]
fn what_nobody_took_goes_with_the_next_run() {
    let (store, endpoint) = (kept("one\ntwo\n"), ipc());
    let pull = start(&["pull", &to(&endpoint), "-n", "3"]);
    run_with(&[&["push", &endpoint][..], &durable("jobs", &store)].concat(), "three\n").ok();
    assert_eq!(pull.finish().ok(), ["one", "two", "three"]);
    let list = run(&["journal", "ls", &store]).ok();
    let fields: Vec<&str> = list[1].split_whitespace().collect();
    assert_eq!(fields[..4], ["jobs", "outbox", "0", "0"], "{list:?}");
}

#[test]
fn a_pull_that_is_killed_loses_nothing() {
    const COUNT: u32 = 200;
    let (out, back, endpoint) = (store(), store(), ipc());
    let mut push = start(&[&["push", &endpoint][..], &durable("jobs", &out)].concat());
    (0..COUNT).for_each(|n| push.feed(format!("{n}\n")));
    let mut got = BTreeSet::new();
    for lives_for in [1, 20, 50] {
        let mut pull = start(&[&["pull", &to(&endpoint)][..], &durable("w", &back)].concat());
        // A life may have been long enough for everything.
        for _ in 0..lives_for.min(COUNT as usize - got.len()) {
            got.insert(pull.line().parse().unwrap());
        }
        pull.signal("KILL");
        let rest = pull.finish();
        got.extend(rest.lines().iter().map(|line| line.parse::<u32>().unwrap()));
    }
    let mut pull = start(&[&["pull", &to(&endpoint)][..], &durable("w", &back)].concat());
    while got.len() < COUNT as usize {
        got.insert(pull.line().parse().unwrap());
    }
    assert!(got.into_iter().eq(0..COUNT));
}

#[test]
fn a_streamer_that_is_killed_goes_on_where_it_was() {
    const COUNT: u32 = 150;
    let (device, out, front, back) = (store(), store(), ipc(), ipc());
    let serve = || {
        let args = [&["serve", "--streamer", &front, &back][..], &durable("relay", &device)];
        let mut serve = start(&args.concat());
        serve.line();
        serve
    };
    let mut push = start(&[&["push", &to(&front)][..], &durable("jobs", &out)].concat());
    let mut pull = start(&["pull", &to(&back)]);
    let mut got = BTreeSet::new();
    let mut sent = 0;
    for rounds in [10, 40, 100] {
        let serve = serve();
        (sent..sent + rounds).for_each(|n| push.feed(format!("{n}\n")));
        sent += rounds;
        for _ in 0..5 {
            got.insert(pull.line().parse::<u32>().unwrap());
        }
        serve.signal("KILL");
        serve.finish();
    }
    let _serve = serve();
    while got.len() < COUNT as usize {
        got.insert(pull.line().parse().unwrap());
    }
    assert!(got.into_iter().eq(0..COUNT));
}

#[test]
fn a_store_is_listed_shown_and_printed_while_it_is_in_use() {
    let (store, endpoint) = (kept("one\ntwo\n"), ipc());
    let owner = start(&[&["push", &endpoint][..], &durable("jobs", &store)].concat());
    // It has the store once it listens.
    let mut owner = owner;
    owner.endpoint();
    run(&["journal", "verify", &store]).ok();
    let dumped = run(&["journal", "dump", &store, "jobs"]).ok();
    assert_eq!(dumped, ["1\tone", "2\ttwo"]);
    assert_eq!(run(&["journal", "dump", &store, "jobs", "--from", "2"]).ok(), ["2\ttwo"]);
    assert_eq!(run(&["journal", "dump", &store, "jobs", "-n", "1"]).ok(), ["1\tone"]);
    let json = run(&["journal", "dump", &store, "jobs", "--json"]).ok();
    assert!(
        json[1].contains("\"offset\":2") && json[1].contains("\"parts\":[\"two\"]"),
        "{json:?}"
    );
    let list = run(&["journal", "ls", &store, "--json"]).ok();
    assert!(list[0].contains("\"log\":\"jobs\"") && list[0].contains("\"messages\":2"), "{list:?}");
    let shown = run(&["journal", "show", &store, "jobs"]).ok().join("\n");
    assert!(shown.contains("log jobs (outbox)") && shown.contains("2 not settled"), "{shown}");
    let shown = run(&["journal", "show", &store, "--json"]).ok().join("\n");
    assert!(shown.contains("\"epochs\":[{"), "{shown}");
    // Those that change something need it for themselves.
    let in_use = &["is held by process", "ls, show, verify and dump need not wait"];
    run(&["journal", "drop", &store, "jobs"]).failed(1, in_use);
    run(&["journal", "repair", &store]).failed(1, in_use);
    let endpoint = ipc();
    let args = [&["push", &endpoint][..], &durable("jobs", &store)].concat();
    run(&args).failed(1, &["held by"]);
}

#[test]
fn a_log_is_dropped_only_on_purpose() {
    let store = kept("one\ntwo\n");
    run(&["journal", "drop", &store, "other"]).failed(1, &["has no log other", "journal ls"]);
    let refused = run(&["journal", "drop", &store, "jobs"]);
    refused.failed(1, &["2 messages of jobs are not settled: --force"]);
    let dropped = run(&["journal", "drop", &store, "jobs", "--force"]).ok();
    assert_eq!(dropped, ["dropped jobs with 2 messages"]);
    assert_eq!(run(&["journal", "ls", &store]).ok().len(), 1);
    run(&["journal", "show", &store, "jobs"]).failed(1, &["has no log jobs"]);
    run(&["journal", "dump", &store, "jobs"]).failed(1, &["has no log jobs"]);
}

#[test]
fn a_consumer_is_dropped_only_on_purpose() {
    let (store, away, endpoint) = (store(), store(), ipc());
    let publish = |lines: &str| {
        let args = [&["pub", &endpoint, "--linger", "0s"][..], &durable("news", &store)].concat();
        run_with(&args, lines)
    };
    {
        let there = to(&endpoint);
        let args = [&["sub", &there, "-n", "1"][..], &durable("lucy", &away)].concat();
        let sub = start(&args);
        let mut news = start(&[&["pub", &endpoint][..], &durable("news", &store)].concat());
        // Nothing is kept for a name before it was there.
        news.feed("first\n");
        while !run(&["journal", "show", &store]).lines().iter().any(|line| line.contains("lucy")) {}
        news.feed("second\n");
        sub.finish().ok();
        news.signal("TERM");
        news.finish();
    }
    publish("third\nfourth\n").ok();
    let drop = ["journal", "drop", &store, "news", "--consumer"];
    run(&[&drop[..], &["mary"]].concat()).failed(1, &["no consumer mary", "journal show"]);
    run(&[&drop[..], &["lucy"]].concat()).failed(1, &["lucy has still to settle", "--force"]);
    let dropped = run(&[&drop[..], &["lucy", "--force"]].concat()).ok();
    assert_eq!(dropped, ["dropped the consumer lucy of news"]);
    let shown = run(&["journal", "show", &store, "news"]).ok().join("\n");
    assert!(!shown.contains("lucy") && shown.contains("messages 0,"), "{shown}");
}

#[test]
fn damage_is_found_told_and_left_out() {
    let lines: String = (0..50).map(|n| format!("message number {n}\n")).collect();
    let store = kept(&lines);
    run(&["journal", "verify", &store]).ok();
    let mut damaged = 0;
    for entry in fs::read_dir(&store).unwrap() {
        let file = entry.unwrap().path();
        let mut bytes = fs::read(&file).unwrap();
        let needle = b"message number 7";
        if let Some(at) = bytes.windows(needle.len()).position(|window| window == needle) {
            bytes[at] ^= 1;
            fs::write(&file, &bytes).unwrap();
            damaged += 1;
        }
    }
    assert_eq!(damaged, 1);
    let found = run(&["journal", "verify", &store]);
    found.failed(1, &["repair"]);
    let endpoint = ipc();
    let args = [&["push", &endpoint][..], &durable("jobs", &store)].concat();
    run(&args).failed(1, &[]);
    let repaired = run(&["journal", "repair", &store]).ok();
    assert!(repaired[0].starts_with("1 messages left out as damaged"), "{repaired:?}");
    // The place stays where it is until its segment goes; the messages around it are there, and
    // whoever reads goes on behind it.
    let verified = run(&["journal", "verify", &store]).ok();
    assert_eq!(verified[0], "log jobs: gap from 8 to before 9: damaged", "{verified:?}");
    assert!(verified[1].contains(" 0 damaged places"), "{verified:?}");
    let dumped = run(&["journal", "dump", &store, "jobs"]).ok();
    assert_eq!(dumped.len(), 50, "{dumped:?}");
    assert!(dumped[6].contains("message number 6"), "{dumped:?}");
    assert_eq!(dumped[7], "gap from 8 to before 9: damaged");
    assert!(dumped[8].contains("message number 8"), "{dumped:?}");
    let shown = run(&["journal", "show", &store, "jobs"]).ok().join("\n");
    assert!(shown.contains("49 not settled"), "{shown}");
    assert!(shown.contains("gap from 8 to before 9: damaged"), "{shown}");
}

#[test]
fn what_is_asked_wrongly_is_told() {
    let missing = store();
    for command in ["ls", "show", "verify", "repair"] {
        run(&["journal", command, &missing]).failed(1, &[&missing]);
        assert!(!fs::exists(&missing).unwrap(), "{command} made it");
    }
    run(&["push", "tcp://127.0.0.1:*", "--durable", "x"]).failed(2, &["--store <DIR>"]);
    run(&["push", "tcp://127.0.0.1:*", "--store", "x"]).failed(2, &["--durable <NAME>"]);
    run(&["pair", "tcp://127.0.0.1:*", "--durable", "x", "--store", "y"]).failed(2, &["--durable"]);
}
