//! The devices: `serve` and `proxy` as processes, with shell tools as their clients and services.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use support::{Tool, ipc, run, run_with, start, to};

const ANY: &str = "tcp://127.0.0.1:*";

/// A device of `serve` with both sides on free ports, and where they are.
fn device(option: &str, more: &[&str]) -> (Tool, String, String) {
    let mut serve = start(&[&["serve", option, ANY, ANY], more].concat());
    let (front, back) = (endpoint(&serve.line(), "front"), endpoint(&serve.line(), "back"));
    (serve, front, back)
}

/// The endpoint in a line that tells of one side.
fn endpoint(line: &str, side: &str) -> String {
    assert_eq!(line.split_whitespace().nth(1), Some(side), "{line}");
    line.split_whitespace().last().unwrap().to_owned()
}

/// Ends a device; fails unless that is clean. Returns what it said.
#[track_caller]
fn end(serve: Tool) -> String {
    serve.signal("TERM");
    let ended = serve.finish();
    ended.ok();
    ended.stderr
}

#[test]
fn a_queue_brings_requests_to_services_and_replies_to_their_askers() {
    let (serve, front, back) = device("--queue", &[]);
    let services = [0, 1].map(|_| start(&["rep", &to(&back), "--exec", "tr a-z A-Z"]));
    let clients: Vec<Tool> = (0..3)
        .map(|client| {
            let mut req = start(&["req", &to(&front), "-n", "4"]);
            (0..4).for_each(|n| req.feed(format!("client {client} asks {n}\n")));
            req
        })
        .collect();
    for (client, req) in clients.into_iter().enumerate() {
        let expected: Vec<_> = (0..4).map(|n| format!("CLIENT {client} ASKS {n}")).collect();
        assert_eq!(req.finish().ok(), expected);
    }
    let told = end(serve);
    assert!(told.contains("queue: 12 messages front to back, 12 back to front"), "{told}");
    for service in services {
        service.signal("TERM");
        service.finish().ok();
    }
}

#[test]
fn a_forwarder_brings_news_to_those_who_subscribed() {
    let (serve, front, back) = device("--forwarder", &[]);
    let sport = start(&["sub", &to(&back), "-s", "sport", "-n", "2"]);
    let all = start(&["sub", &to(&back), "-n", "3"]);
    // Each side's subscription has to have come through the device, so each is waited for.
    let mut publisher = start(&["xpub", &to(&front), "-n", "2"]);
    let mut topics = [publisher.line(), publisher.line()];
    topics.sort();
    assert_eq!(topics, ["\u{1}", "\u{1}sport"]);
    publisher.feed("news\nsport 1\nsport 2\n");
    publisher.finish().ok();
    assert_eq!(sport.finish().ok(), ["sport 1", "sport 2"]);
    assert_eq!(all.finish().ok(), ["news", "sport 1", "sport 2"]);
    end(serve);
}

#[test]
fn a_streamer_brings_tasks_to_pullers() {
    let (serve, front, back) = device("--streamer", &[]);
    let pull = start(&["pull", &to(&back), "-n", "500"]);
    let lines: String = (0..500).map(|n| format!("task {n}\n")).collect();
    run_with(&["push", &to(&front)], &lines).ok();
    assert_eq!(pull.finish().ok(), lines.lines().collect::<Vec<_>>());
    let told = end(serve);
    assert!(told.contains("streamer: 500 messages"), "{told}");
}

#[test]
fn what_was_received_before_the_end_is_passed_on() {
    for signal in ["TERM", "INT"] {
        let (serve, front, back) = device("--streamer", &["--linger", "60s"]);
        let pull = start(&["pull", &to(&back), "-n", "20000"]);
        let line = "x".repeat(100);
        let push = ["push", &to(&front), "--peers", "1", "-m", &line, "-n", "20000"];
        run(&push).ok();
        serve.signal(signal);
        let ended = serve.finish();
        ended.ok();
        assert!(ended.stderr.contains("20000 messages"), "{}", ended.stderr);
        assert_eq!(pull.finish().ok().len(), 20_000);
    }
}

#[test]
fn replies_just_sent_reach_their_askers_when_the_device_ends() {
    let (serve, front, back) = device("--queue", &["--linger", "60s"]);
    let service = start(&["rep", &to(&back), "--echo"]);
    let mut client = start(&["dealer", &to(&front), "--json", "-n", "300"]);
    (0..300).for_each(|n| client.feed(format!("[\"\",\"{n}\"]\n")));
    // The first reply is back: the others are on their way when the signal comes.
    let first = client.line();
    assert!(first.contains("\"0\""), "{first}");
    serve.signal("TERM");
    serve.finish().ok();
    assert_eq!(client.finish().ok().len(), 299);
    service.signal("TERM");
    assert_eq!(service.finish().ok().len(), 300);
}

#[test]
fn messages_that_nobody_takes_are_told() {
    let (serve, front, _back) = device("--streamer", &["--linger", "300ms"]);
    run(&["push", &to(&front), "-m", "x", "-n", "7"]).ok();
    serve.signal("TERM");
    serve.finish().failed(3, &["7 messages were received and not passed on"]);
}

#[test]
fn devices_can_be_chained_mixed_and_given_several_endpoints() {
    let other = ipc();
    let front = format!("{ANY},{other}");
    let (first, _, back) = device("--queue", &[]);
    drop(first);
    // The second device connects to an address where nobody listens yet.
    let mut second = start(&["serve", "--queue", &front, &to(&back), "--streamer", &ipc(), &ipc()]);
    let line = second.line();
    assert!(line.starts_with("queue") && line.contains(&other), "{line}");
    assert!(second.line().contains(&to(&back)));
    assert!(second.line().starts_with("streamer"));
    assert!(second.line().starts_with("streamer"));
    let mut first = start(&["serve", "--queue", &format!("bind:{back}"), ANY]);
    first.line();
    let services = endpoint(&first.line(), "back");
    let service = start(&["rep", &to(&services), "--echo", "-n", "1"]);
    assert_eq!(run(&["req", &to(&other), "-m", "through both"]).ok(), ["through both"]);
    service.finish().ok();
    end(second);
    end(first);
}

#[test]
fn a_proxy_joins_any_two_types_and_shows_what_passes() {
    let capture = ipc();
    let mut proxy = start(&[
        "proxy",
        "--frontend",
        &format!("pull:{ANY}"),
        "--backend",
        &format!("push:{ANY}"),
        "--capture",
        &format!("push:{capture}"),
    ]);
    let (front, back) = (endpoint(&proxy.line(), "front"), endpoint(&proxy.line(), "back"));
    assert_eq!(endpoint(&proxy.line(), "capture"), capture);
    let copies = start(&["pull", &to(&capture), "-n", "2"]);
    let pull = start(&["pull", &to(&back), "-n", "2"]);
    run_with(&["push", &to(&front)], "a\nb\n").ok();
    assert_eq!(pull.finish().ok(), ["a", "b"]);
    assert_eq!(copies.finish().ok(), ["a", "b"]);
    end(proxy);
}

#[test]
fn rates_are_told_as_often_as_asked() {
    let (mut serve, front, back) = device("--streamer", &["--rates", "10ms"]);
    let pull = start(&["pull", &to(&back), "-n", "3"]);
    run(&["push", &to(&front), "-m", "x", "-n", "3"]).ok();
    pull.finish().ok();
    serve.wait_told("3 in all");
    end(serve);
}

#[test]
fn connections_are_told_of_when_asked() {
    let (mut serve, front, _back) = device("--streamer", &["--verbose"]);
    // A SUB has no business at a PULL.
    let sub = start(&["sub", &to(&front)]);
    serve.wait_told("Accepted");
    drop(sub);
    serve.signal("TERM");
    serve.finish().ok();
}
