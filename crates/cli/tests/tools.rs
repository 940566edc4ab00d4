//! The shell tools against each other: each command as a process of its own, over tcp and ipc,
//! with either side binding, in every form of input and output.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use support::{ipc, path, run, run_with, start, to};

const ANY: &str = "tcp://127.0.0.1:*";

#[test]
fn lines_go_from_push_to_pull() {
    let mut pull = start(&["pull", ANY, "-n", "3"]);
    let endpoint = pull.endpoint();
    run_with(&["push", &to(&endpoint)], "one\n\nthree").ok();
    assert_eq!(pull.finish().ok(), ["one", "", "three"]);
}

#[test]
fn push_may_bind_and_shares_out_between_pullers() {
    let endpoint = ipc();
    let pulls = [0, 1].map(|_| start(&["pull", &to(&endpoint), "-n", "3"]));
    let lines = "1\n2\n3\n4\n5\n6\n";
    run_with(&["push", &endpoint, "--peers", "2"], lines).ok();
    let mut all: Vec<String> = pulls.into_iter().flat_map(|pull| pull.finish().ok()).collect();
    all.sort();
    assert_eq!(all, ["1", "2", "3", "4", "5", "6"]);
}

#[test]
fn one_command_may_have_several_endpoints() {
    let mut pull = start(&["pull", ANY, ANY, "-n", "2"]);
    let (first, second) = (pull.endpoint(), pull.endpoint());
    assert_ne!(first, second);
    run(&["push", &to(&first), "-m", "same"]).ok();
    run(&["push", &to(&second), "-m", "same"]).ok();
    assert_eq!(pull.finish().ok(), ["same", "same"]);
}

#[test]
fn subscribers_get_what_they_subscribed_to() {
    let endpoint = ipc();
    let sub = start(&["sub", &to(&endpoint), "-s", "news", "-s", "sport", "-n", "2"]);
    let lines = "weather\nnews: a\nnewer\nsport: b\nnews: c\n";
    run_with(&["pub", &endpoint, "--subscribers", "1"], lines).ok();
    assert_eq!(sub.finish().ok(), ["news: a", "sport: b"]);
}

#[test]
fn a_message_is_repeated_as_often_as_asked() {
    let mut sub = start(&["sub", ANY, "-n", "3"]);
    let endpoint = to(&sub.endpoint());
    run(&["pub", &endpoint, "--subscribers", "1", "-m", "x", "-n", "3", "-i", "1ms"]).ok();
    assert_eq!(sub.finish().ok(), ["x", "x", "x"]);
}

#[test]
fn parts_are_split_and_joined_at_the_delimiter() {
    let mut pull = start(&["pull", ANY, "-n", "3", "-d", "|"]);
    let endpoint = to(&pull.endpoint());
    run_with(&["push", &endpoint, "--delimiter", ","], "a,b\n,\n").ok();
    run(&["push", &endpoint, "-m", "x", "-m", "y,z"]).ok();
    assert_eq!(pull.finish().ok(), ["a|b", "|", "x|y,z"]);
}

/// Sends the lines in one form and returns what is printed in the other.
fn translate(input: &str, output: &str, lines: &str) -> Vec<String> {
    let count = lines.lines().count().to_string();
    let mut pull = start(&["pull", ANY, output, "-n", &count]);
    let endpoint = to(&pull.endpoint());
    run_with(&["push", &endpoint, input], lines).ok();
    pull.finish().ok()
}

#[test]
fn hexadecimal_and_json_are_read_and_written() {
    assert_eq!(translate("--hex", "--hex", "00ff\n0a 0D\n\n"), ["00ff", "0a 0d", ""]);
    let json = translate("--hex", "--json", "00ff 6869\n");
    let value: serde_json::Value = serde_json::from_str(&json[0]).unwrap();
    assert_eq!(value["parts"], serde_json::json!([{"hex": "00ff"}, "hi"]));
    assert_eq!(value["metadata"]["Socket-Type"], "PUSH");
    assert!(value["peer"].as_str().unwrap().contains("127.0.0.1"), "{value}");
    // What one command has written, the next can send.
    let again = translate("--json", "--hex", &format!("{}\n", json[0]));
    assert_eq!(again, ["00ff 6869"]);
    assert_eq!(translate("--json", "--hex", "\"short\"\n[\"a\",\"\"]\n"), ["73686f7274", "61 "]);
}

#[test]
fn a_file_is_one_message_and_arrives_as_it_was() {
    let (sent, received) = (path("sent"), path("received"));
    let bytes: Vec<u8> =
        (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(&sent, &bytes).unwrap();
    let output = received.to_str().unwrap();
    let mut pull = start(&["pull", ANY, "-n", "1", "--raw", "--output", output]);
    let endpoint = to(&pull.endpoint());
    run(&["push", &endpoint, "--file", sent.to_str().unwrap()]).ok();
    pull.finish().ok();
    assert!(fs::read(&received).unwrap() == bytes);

    let mut pull = start(&["pull", ANY, "-n", "1", "--hex"]);
    let endpoint = to(&pull.endpoint());
    run_with(&["push", &endpoint, "--file", "-"], "two\nlines\n").ok();
    assert_eq!(pull.finish().ok(), ["74776f0a6c696e65730a"]);
}

#[test]
fn requests_are_answered_in_each_way() {
    let ask = |rep_args: &[&str], rep_input: &str, requests: &str| {
        let count = requests.lines().count().to_string();
        let mut rep = start(&[&["rep", ANY, "-n", &count], rep_args].concat());
        rep.feed(rep_input);
        let endpoint = to(&rep.endpoint());
        let replies = run_with(&["req", &endpoint], requests).ok();
        assert_eq!(rep.finish().ok(), requests.lines().collect::<Vec<_>>());
        replies
    };
    assert_eq!(ask(&["--echo"], "", "a\nb\n"), ["a", "b"]);
    assert_eq!(ask(&["-m", "world", "-m", "2"], "", "a\nb\n"), ["world\t2", "world\t2"]);
    assert_eq!(ask(&["--exec", "tr a-z A-Z"], "", "a\nb\n"), ["A", "B"]);
    assert_eq!(ask(&["--exec", "echo no input read"], "", "a\n"), ["no input read"]);
    assert_eq!(ask(&[], "first\nsecond\n", "a\nb\n"), ["first", "second"]);
}

#[test]
fn a_dealer_asks_a_rep_with_an_envelope() {
    let mut rep = start(&["rep", ANY, "--echo", "-n", "1"]);
    let endpoint = to(&rep.endpoint());
    let dealer = run(&["dealer", &endpoint, "-m", "", "-m", "hello", "-n", "1"]);
    assert_eq!(dealer.ok(), ["\thello"]);
    assert_eq!(rep.finish().ok(), ["hello"]);
}

#[test]
fn a_router_shows_and_takes_routing_ids() {
    let mut router = start(&["router", ANY]);
    let endpoint = to(&router.endpoint());
    let mut named = start(&["dealer", &endpoint, "--routing-id", "worker-1", "-n", "1"]);
    named.feed("ready\n");
    assert_eq!(router.line(), "worker-1\tready");
    router.feed("worker-1\ttask\n");
    assert_eq!(named.finish().ok(), ["task"]);

    let mut unnamed = start(&["dealer", &endpoint, "-m", "who am I", "-n", "1"]);
    unnamed.end_input();
    let line = router.line();
    let (id, rest) = line.split_once('\t').unwrap();
    assert!(id.starts_with("0x00") && rest == "who am I", "{line}");
    router.feed(format!("{id}\tyou\n"));
    assert_eq!(unnamed.finish().ok(), ["you"]);

    router.feed("nobody\tlost\n");
    router.wait_told("no peer with this routing id");
    router.signal("TERM");
    router.finish().ok();
}

#[test]
fn a_router_echoes_to_whoever_sent() {
    let mut router = start(&["router", ANY, "--echo", "-n", "2"]);
    let endpoint = to(&router.endpoint());
    assert_eq!(run(&["dealer", &endpoint, "-m", "a", "-n", "1"]).ok(), ["a"]);
    assert_eq!(run(&["req", &endpoint, "-m", "b"]).ok(), ["b"]);
    assert_eq!(router.finish().ok().len(), 2);
}

#[test]
fn a_pair_talks_both_ways() {
    let endpoint = ipc();
    let mut one = start(&["pair", &endpoint]);
    one.endpoint();
    let mut other = start(&["pair", &to(&endpoint)]);
    one.feed("a\n");
    assert_eq!(other.line(), "a");
    other.feed("b\nc\n");
    assert_eq!(one.line(), "b");
    assert_eq!(one.line(), "c");
    for pair in [one, other] {
        pair.signal("INT");
        pair.finish().ok();
    }
}

#[test]
fn xpub_shows_subscriptions_and_xsub_sends_them() {
    let mut xpub = start(&["xpub", ANY, "--hex", "--subscribers", "1"]);
    let endpoint = to(&xpub.endpoint());
    let mut xsub = start(&["xsub", &endpoint, "-s", "ab", "--hex", "-n", "1"]);
    assert_eq!(xpub.line(), "016162");
    xpub.feed("6163\n616263\n");
    assert_eq!(xsub.line(), "616263");
    // The input is still open: it ends only when all of that was sent, too.
    xsub.feed("ffee\n");
    xsub.end_input();
    assert_eq!(xpub.line(), "ffee");
    xsub.finish().ok();
    xpub.signal("TERM");
    xpub.finish().ok();
}

#[test]
fn a_stream_talks_to_plain_tcp() {
    let mut stream = start(&["stream", ANY, "--json"]);
    let endpoint = stream.endpoint();
    let mut peer = TcpStream::connect(endpoint.strip_prefix("tcp://").unwrap()).unwrap();
    peer.write_all(b"hello").unwrap();
    let parts =
        |line: String| serde_json::from_str::<serde_json::Value>(&line).unwrap()["parts"].clone();
    let connected = parts(stream.line());
    assert_eq!(connected[1], "");
    let said = parts(stream.line());
    assert_eq!((&said[0], &said[1]), (&connected[0], &serde_json::json!("hello")));
    let reply = serde_json::json!({"parts": [said[0], "bye"]});
    stream.feed(format!("{reply}\n"));
    let end = serde_json::json!({"parts": [said[0], ""]});
    stream.feed(format!("{end}\n"));
    let mut heard = String::new();
    peer.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "bye");
    // The command's farewell waits for the other end to close, too.
    drop(peer);
    stream.signal("TERM");
    stream.finish().ok();
}
