//! `oxmq bench`: between threads, processes, and two commands that find each other, with results
//! as text and as JSON. Counts are small: what is tested is that every message arrives and is
//! counted, not how fast.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use serde_json::Value;
use support::{Ended, ipc, run, start, to};

const COUNT: u64 = 2000;

/// The results that a bench printed as JSON.
#[track_caller]
fn results(ended: &Ended) -> Vec<Value> {
    ended.ok().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn check_throughput(result: &Value, size: u64) {
    assert_eq!(result["test"], "throughput", "{result}");
    assert_eq!((&result["size"], &result["messages"]), (&size.into(), &COUNT.into()), "{result}");
    let rate = result["messages_per_second"].as_f64().unwrap();
    let bytes = result["bytes_per_second"].as_f64().unwrap();
    assert!(rate > 0.0 && (bytes / rate - size as f64).abs() < 1e-3, "{result}");
    assert!(result["cpu_us"].as_f64().unwrap() > 0.0, "{result}");
}

#[track_caller]
fn check_latency(result: &Value, size: u64) {
    assert_eq!(result["test"], "latency", "{result}");
    assert_eq!((&result["size"], &result["messages"]), (&size.into(), &COUNT.into()), "{result}");
    let times = &result["round_trip_ns"];
    let order = ["min", "p50", "p90", "p99", "p99.9", "p99.99", "max"];
    let values: Vec<u64> = order.iter().map(|name| times[*name].as_u64().unwrap()).collect();
    assert!(values[0] > 0 && values.is_sorted(), "{result}");
    let rows = result["histogram_ns"].as_array().unwrap();
    let counted: u64 = rows.iter().map(|row| row["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, COUNT, "{result}");
}

#[test]
fn threads_are_measured_over_every_transport() {
    for transport in ["inproc", "ipc", "tcp"] {
        let words = ["bench", "--threads", "--transport", transport, "-n", "2000", "--json"];
        let found = results(&run(&words));
        assert_eq!(found.len(), 2);
        check_throughput(&found[0], 64);
        check_latency(&found[1], 64);
        assert_eq!(found[0]["ends"], "threads");
        assert!(found[0]["endpoint"].as_str().unwrap().starts_with(transport));
    }
}

#[test]
fn a_process_is_started_for_the_other_end() {
    let words = ["bench", "-n", "2000", "--size", "1,4096", "--json"];
    let found = results(&run(&words));
    assert_eq!(found.len(), 4);
    check_throughput(&found[0], 1);
    check_latency(&found[1], 1);
    check_throughput(&found[2], 4096);
    check_latency(&found[3], 4096);
    assert_eq!(found[0]["ends"], "processes");
}

#[test]
fn one_answering_end_serves_one_bench_after_another() {
    let mut answering = start(&["bench", "--answer", "tcp://127.0.0.1:*"]);
    let endpoint = to(&answering.endpoint());
    for kind in ["--throughput", "--latency"] {
        let found = results(&run(&["bench", &endpoint, kind, "-n", "2000", "--json"]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["ends"], "elsewhere");
        match kind {
            "--throughput" => check_throughput(&found[0], 64),
            _ => check_latency(&found[0], 64),
        }
    }
    answering.signal("TERM");
    answering.finish().ok();
}

#[test]
fn a_bench_that_went_away_in_the_middle_does_not_spoil_the_next() {
    let mut answering = start(&["bench", "--answer", "tcp://127.0.0.1:*"]);
    let endpoint = to(&answering.endpoint());
    // Endless but for the signal.
    let endless = start(&["bench", &endpoint, "--throughput", "--duration", "1h", "--json"]);
    endless.signal("KILL");
    drop(endless);
    let found = results(&run(&["bench", &endpoint, "--throughput", "-n", "2000", "--json"]));
    check_throughput(&found[0], 64);
    answering.signal("INT");
    answering.finish().ok();
}

#[test]
fn the_answering_end_may_connect_and_come_first() {
    let endpoint = ipc();
    let answering = start(&["bench", "--answer", &to(&endpoint)]);
    let found = results(&run(&["bench", &endpoint, "-n", "2000", "--json"]));
    check_throughput(&found[0], 64);
    answering.signal("TERM");
    answering.finish().ok();
}

#[test]
fn people_get_percentiles_and_a_histogram() {
    let ended = run(&["bench", "--threads", "--transport", "inproc", "-n", "2000"]);
    let text = ended.ok().join("\n");
    for what in ["throughput, 64 B:", " messages/s", "round trips, 64 B:", "p99.9 ", " us ", "#"] {
        assert!(text.contains(what), "no {what:?}: {text}");
    }
    // Nobody looks at a bar that goes to a file.
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_time_ends_a_measurement() {
    let words = ["bench", "--threads", "--latency", "--duration", "50ms", "--json"];
    let found = results(&run(&words));
    assert!(found[0]["seconds"].as_f64().unwrap() >= 0.05);
}

#[test]
fn who_gets_no_answer_is_told_what_to_do() {
    let words = ["bench", &to(&ipc()), "-n", "2", "--timeout", "50ms"];
    run(&words).failed(3, &["did not answer within 50ms", "oxmq bench --answer"]);
}

#[test]
fn what_does_not_go_together_is_refused() {
    run(&["bench", "--transport", "inproc"]).failed(2, &["--threads"]);
    run(&["bench", "--answer"]).failed(2, &["ENDPOINT"]);
    run(&["bench", "--latency", "--throughput"]).failed(2, &["--latency"]);
    run(&["bench", "-n", "1"]).failed(2, &["2.."]);
    run(&["bench", "--curve-secret", "x"]).failed(2, &["ENDPOINT"]);
}

#[test]
fn a_signal_ends_a_bench() {
    let mut waiting = start(&["bench", "tcp://127.0.0.1:*", "--timeout", "forever"]);
    waiting.endpoint();
    waiting.signal("INT");
    waiting.finish().ok();
}
