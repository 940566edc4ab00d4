//! How commands end: exit statuses, time limits, signals, and errors that say what to do next.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use support::{ipc, path, run, run_with, start, start_unread, to};

const ANY: &str = "tcp://127.0.0.1:*";

#[test]
fn a_time_limit_ends_with_status_3() {
    run(&["pull", &ipc(), "--timeout", "10ms"]).failed(3, &["no message came within 10ms"]);
    run(&["sub", &to(&ipc()), "--timeout", "10ms", "-n", "1"]).failed(3, &["no message came"]);
    run(&["push", &ipc(), "-m", "x", "--timeout", "10ms"]).failed(3, &["nobody took the message"]);
    run(&["req", &to(&ipc()), "-m", "x", "--timeout", "10ms", "--linger", "0"])
        .failed(3, &["no message came"]);
    run(&["pub", &ipc(), "-m", "x", "--subscribers", "1", "--timeout", "10ms"])
        .failed(3, &["1 peers did not subscribe"]);
    run(&["push", &ipc(), "-m", "x", "--peers", "2", "--timeout", "10ms"])
        .failed(3, &["2 peers did not connect"]);
    run(&["dealer", &ipc(), "-n", "1", "--timeout", "10ms"])
        .failed(3, &["no message came or went"]);
}

#[test]
fn what_was_sent_in_vain_is_told() {
    let sent = run(&["push", &to(&ipc()), "-m", "x", "-n", "2", "--linger", "50ms"]);
    sent.failed(3, &["2 messages were not taken by any peer within 50ms", "--verbose"]);
}

#[test]
fn what_came_before_a_time_limit_is_written() {
    let mut pull = start(&["pull", ANY, "--timeout", "1s"]);
    let endpoint = to(&pull.endpoint());
    run(&["push", &endpoint, "-m", "came"]).ok();
    let ended = pull.finish();
    ended.failed(3, &["no message came within 1s"]);
    assert_eq!(ended.lines(), ["came"]);
}

#[test]
fn an_address_in_use_is_an_error_with_a_way_out() {
    let mut holder = start(&["pull", ANY]);
    let endpoint = holder.endpoint();
    let port = endpoint.rsplit_once(':').unwrap().1;
    run(&["pull", &endpoint]).failed(
        1,
        &["already in use", &format!("sport = :{port}"), &format!("connect:{endpoint}")],
    );
    run(&["serve", "--queue", &endpoint, ANY]).failed(1, &["already in use"]);
}

#[test]
fn a_wrong_command_line_is_status_2() {
    run(&["pull"]).failed(2, &["ENDPOINT", "--help"]);
    run(&["pull", "5555"]).failed(2, &["tcp://127.0.0.1:5555"]);
    run(&["pull", "udp://*:1"]).failed(2, &["\"udp\" is not known", "tcp://", "ipc://"]);
    run(&["pull", "inproc://x"]).failed(2, &["ipc://@NAME"]);
    run(&["serve", "--queue", ANY]).failed(2, &["--queue", "FRONT"]);
    run(&["pull", ANY, "--timeout", "soon"]).failed(2, &["500ms"]);
    run(&["push", ANY, "-m", "xy", "--hex"]).failed(2, &["'x'"]);
    run(&["push", ANY, "-d", ""]).failed(2, &["at least one character"]);
    run(&["dealer", ANY, "--routing-id", ""]).failed(2, &["1 to 255 octets"]);
    run(&["proxy", "--frontend", "push:ipc://@a", "--backend", "pub:ipc://@b"])
        .failed(2, &["no message can go between a push and a pub"]);
    run(&["proxy", "--frontend", "pull:ipc://@a"]).failed(2, &["--backend"]);
    run(&["nonsense"]).failed(2, &["nonsense"]);
}

#[test]
fn a_wrong_address_is_an_error_that_says_what_to_do() {
    run(&["pull", "tcp://192.0.2.1:5555"]).failed(1, &["connect:tcp://192.0.2.1:5555"]);
    run(&["pull", "tcp://127.0.0.1:notaport"]).failed(1, &["tcp://HOST:PORT"]);
    let nowhere = path("no-such-directory").join("x");
    run(&["pull", &format!("ipc://{}", nowhere.display())]).failed(1, &["directory"]);
}

#[test]
fn wrong_input_names_its_line() {
    let mut pull = start(&["pull", ANY, "-n", "1"]);
    let endpoint = to(&pull.endpoint());
    run_with(&["push", &endpoint, "--json"], "\"good\"\n{\n").failed(1, &["line 2", "not JSON"]);
    // What came before it was sent.
    assert_eq!(pull.finish().ok(), ["good"]);
    let missing = path("missing");
    run(&["push", &endpoint, "--file", missing.to_str().unwrap(), "--linger", "0"])
        .failed(1, &["cannot read", "missing"]);
}

#[test]
fn a_signal_ends_a_receiver_after_what_it_has() {
    for signal in ["INT", "TERM"] {
        let mut pull = start(&["pull", ANY]);
        let endpoint = to(&pull.endpoint());
        let lines: String = (0..2000).map(|n| format!("{n}\n")).collect();
        run_with(&["push", &endpoint], &lines).ok();
        pull.signal(signal);
        assert_eq!(pull.finish().ok(), lines.lines().collect::<Vec<_>>());
    }
}

#[test]
fn a_signal_ends_a_command_that_waits_for_input_or_peers() {
    for args in [&["push", ANY][..], &["rep", ANY], &["req", ANY], &["pub", ANY], &["pair", ANY]] {
        let mut tool = start(args);
        tool.endpoint();
        tool.signal("TERM");
        // Its input stays open until it has ended by itself.
        tool.wait_end();
        tool.finish().ok();
    }
    let mut waits = start(&["push", ANY, "-m", "x", "--peers", "9"]);
    waits.endpoint();
    waits.signal("INT");
    waits.finish().ok();
}

#[test]
fn a_signal_ends_the_wait_for_a_peer() {
    let mut push = start(&["push", &to(&ipc()), "-m", "x", "--linger", "forever"]);
    push.wait_told("messages that wait to be taken: 1 (--linger forever)");
    push.signal("TERM");
    assert_eq!(push.finish().status, 128 + 15);
}

#[test]
fn the_second_signal_ends_a_device_at_once() {
    let endpoint = ipc();
    let args = ["serve", "--streamer", &endpoint, &ipc(), "--linger", "forever"];
    let mut serve = start(&args);
    serve.line();
    // The PUSH at the back has nobody to send to, so this stays in the device.
    run(&["push", &to(&endpoint), "-m", "x"]).ok();
    serve.signal("INT");
    serve.wait_told("what was received is passed on");
    serve.signal("TERM");
    assert_eq!(serve.finish().status, 128 + 15);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut pull = start_unread(&["pull", ANY]);
    let endpoint = to(&pull.endpoint());
    let push = start(&["push", &endpoint, "-m", "x", "-n", "100000", "--linger", "0"]);
    let ended = pull.finish();
    ended.ok();
    assert!(!ended.stderr.contains("panic"), "{}", ended.stderr);
    drop(push);
}
