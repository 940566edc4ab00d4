//! The scenarios that are compared, one row each, and what is measured of each kind. Plain values.

/// What is measured of a run.
pub(super) struct Metric {
    /// Its name in the line that a run prints.
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    /// Whether more is better.
    pub(super) more: bool,
}

/// The pieces of a comparison, each of which can be run by itself in some minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Streams,
    Shapes,
    Latency,
    Mixed,
    FanOut,
    Connections,
    Peers,
    Subscriptions,
    C,
    Startup,
}

impl Part {
    pub(super) const ALL: [Part; 10] = [
        Part::Streams,
        Part::Shapes,
        Part::Latency,
        Part::Mixed,
        Part::FanOut,
        Part::Connections,
        Part::Peers,
        Part::Subscriptions,
        Part::C,
        Part::Startup,
    ];

    /// As the command line and the kept results have it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Part::Streams => "streams",
            Part::Shapes => "shapes",
            Part::Latency => "latency",
            Part::Mixed => "mixed",
            Part::FanOut => "fanout",
            Part::Connections => "connections",
            Part::Peers => "peers",
            Part::Subscriptions => "subscriptions",
            Part::C => "c",
            Part::Startup => "startup",
        }
    }
}

/// Whose run it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Side {
    /// The crate.
    Oxmq,
    /// What it is compared with: libzmq, or the C library of oxmq.
    Other,
    /// No ZeroMQ at all.
    Ceiling,
}

impl Side {
    pub(super) fn word(self) -> &'static str {
        match self {
            Side::Oxmq => "oxmq",
            Side::Other => "other",
            Side::Ceiling => "ceiling",
        }
    }

    pub(super) fn of(word: &str) -> Option<Side> {
        [Side::Oxmq, Side::Other, Side::Ceiling].into_iter().find(|side| side.word() == word)
    }
}

/// The tables of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Stream,
    StreamOther,
    RoundTrip,
    Mixed,
    FanOut,
    Connections,
    Peers,
    Subscriptions,
    C,
}

const fn metric(key: &'static str, title: &'static str, more: bool) -> Metric {
    Metric { key, title, more }
}

const CPU: Metric = metric("cpu_us", "CPU us", false);
const NEAR_CPU: Metric = metric("near_cpu_us", "CPU us", false);
const RATE: Metric = metric("msgs_per_s", "messages/s", true);
const STREAM: [Metric; 2] = [RATE, CPU];
const ROUND_TRIP: [Metric; 3] =
    [metric("p50_us", "p50 us", false), metric("p99_us", "p99 us", false), CPU];
const MIXED: [Metric; 2] = [metric("p50_us", "p50 us", false), metric("p99_us", "p99 us", false)];
const FAN_OUT: [Metric; 2] = [metric("deliveries_per_s", "deliveries/s", true), CPU];
const CONNECTIONS: [Metric; 4] = [
    metric("conns_per_s", "connections/s", true),
    metric("bind_bytes", "bytes each, binding side", false),
    metric("connect_bytes", "bytes each, connecting side", false),
    CPU,
];
const PEERS: [Metric; 2] = [NEAR_CPU, metric("bind_bytes", "bytes each", false)];
const SUBSCRIPTIONS: [Metric; 4] = [
    RATE,
    NEAR_CPU,
    metric("subscribes_per_s", "subscribes/s", true),
    metric("bytes_each", "bytes each", false),
];
const C: [Metric; 3] =
    [metric("msgs_per_s", "messages/s", true), metric("p50_us", "p50 us", false), CPU];

impl Group {
    pub(super) const ALL: [Group; 9] = [
        Group::Stream,
        Group::StreamOther,
        Group::RoundTrip,
        Group::Mixed,
        Group::FanOut,
        Group::Connections,
        Group::Peers,
        Group::Subscriptions,
        Group::C,
    ];

    /// What is measured; the first is what counts.
    pub(super) fn metrics(self) -> &'static [Metric] {
        match self {
            Group::Stream | Group::StreamOther => &STREAM,
            Group::RoundTrip => &ROUND_TRIP,
            Group::Mixed => &MIXED,
            Group::FanOut => &FAN_OUT,
            Group::Connections => &CONNECTIONS,
            Group::Peers => &PEERS,
            Group::Subscriptions => &SUBSCRIPTIONS,
            Group::C => &C,
        }
    }

    pub(super) fn part(self) -> Part {
        match self {
            Group::Stream => Part::Streams,
            Group::StreamOther => Part::Shapes,
            Group::RoundTrip => Part::Latency,
            Group::Mixed => Part::Mixed,
            Group::FanOut => Part::FanOut,
            Group::Connections => Part::Connections,
            Group::Peers => Part::Peers,
            Group::Subscriptions => Part::Subscriptions,
            Group::C => Part::C,
        }
    }

    /// What the two sides are called.
    pub(super) fn sides(self) -> (&'static str, &'static str) {
        match self {
            Group::C => ("Rust", "C"),
            _ => ("oxmq", "libzmq"),
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Group::Stream => "Throughput",
            Group::StreamOther => "Throughput of other shapes",
            Group::RoundTrip => "Round trip",
            Group::Mixed => "Round trips under other load",
            Group::FanOut => "Fan-out",
            Group::Connections => "Connections",
            Group::Peers => "Cost against the number of peers",
            Group::Subscriptions => "Cost against the number of subscriptions",
            Group::C => "Rust beside C",
        }
    }

    pub(super) fn about(self) -> &'static str {
        match self {
            Group::Stream => {
                "PUSH to PULL, blocking calls, one end on each processor. CPU is the processor \
                 time of both ends for a message. The ceiling is the same frames in writes of \
                 128 KiB over a bare socket; inproc, in buffers through a channel of the standard \
                 library."
            }
            Group::StreamOther => {
                "64-byte messages over tcp unless said otherwise. *Async* is oxmq's futures on a \
                 bare executor beside libzmq's blocking calls; *mixed* has oxmq at one end and \
                 libzmq at the other, beside libzmq at both."
            }
            Group::RoundTrip => {
                "REQ to REP unless said otherwise, one message under way; both ends on one \
                 processor, or one on each. The ceiling is a bare socket with blocking calls; \
                 inproc, a channel of the standard library."
            }
            Group::Mixed => {
                "64-byte round trips over tcp while something else goes on, by one program in C \
                 with either library. Nothing is pinned."
            }
            Group::FanOut => {
                "A PUB that loses nothing (XPUB_NODROP), subscribers in another process; *raw* \
                 subscribers are plain TCP, so that the publisher is what is measured."
            }
            Group::Connections => {
                "DEALER sockets of one process to one ROUTER of another, a message there and back \
                 on each; all open at once (*bulk*) or in turn (*serial*). Memory is resident \
                 memory of the process, divided."
            }
            Group::Peers => {
                "A ROUTER echoes 64-byte messages of peers that send in turn, 64 of them under way \
                 at a time. The peers are plain TCP; CPU and memory are the ROUTER's process's, \
                 for each message and each peer."
            }
            Group::Subscriptions => {
                "A publisher whose one peer has subscribed to topics of 16 random letters; one \
                 message in ten is wanted. The peer is plain TCP; CPU and memory are the \
                 publisher's process's, for each message and each subscription. *Subscribes/s* \
                 includes the application's reading of each."
            }
            Group::C => {
                "The crate beside the C library of oxmq, the same work by the program that \
                 measures libzmq above: what the two faces of the one engine cost."
            }
        }
    }
}

/// A comparison.
pub(super) struct Scenario {
    pub(super) group: Group,
    /// For the filter, the list of what is slower and the pictures.
    pub(super) name: String,
    /// What the row of the table begins with.
    pub(super) label: String,
    /// The command of each side, with `{oxmq}`, `{libzmq}` and `{c}` for the programs.
    pub(super) commands: Vec<(Side, String)>,
}

const TRANSPORTS: [&str; 3] = ["tcp", "ipc", "inproc"];
/// Sizes with as many messages as make a run of about half a second.
const SIZES: [(usize, u64); 7] = [
    (16, 2_000_000),
    (64, 2_000_000),
    (256, 1_500_000),
    (1024, 600_000),
    (8192, 100_000),
    (65_536, 20_000),
    (1_048_576, 1500),
];

/// Collects scenarios.
struct Table {
    rows: Vec<Scenario>,
    scale: f64,
}

impl Table {
    /// A scenario that has the same flags on both sides.
    fn add(&mut self, group: Group, name: &str, label: &str, words: &str) {
        let (oxmq, libzmq) = (format!("{{oxmq}} {words}"), format!("{{libzmq}} {words}"));
        self.add_two(group, name, label, &oxmq, &libzmq);
    }

    fn add_two(&mut self, group: Group, name: &str, label: &str, oxmq: &str, other: &str) {
        self.rows.push(Scenario {
            group,
            name: name.to_owned(),
            label: label.to_owned(),
            commands: vec![(Side::Oxmq, oxmq.to_owned()), (Side::Other, other.to_owned())],
        });
    }

    /// What the last scenario is held against beside the other library.
    fn ceiling(&mut self, words: &str) {
        if let Some(last) = self.rows.last_mut() {
            last.commands.push((Side::Ceiling, format!("{{oxmq}} ceiling {words}")));
        }
    }

    /// A count, as large as the run is to be long.
    fn n(&self, count: u64) -> u64 {
        ((count as f64 * self.scale) as u64).max(10)
    }
}

/// All scenarios, with counts times `scale`.
pub(super) fn all(scale: f64) -> Vec<Scenario> {
    let mut table = Table { rows: Vec::new(), scale };
    streams(&mut table);
    other_streams(&mut table);
    round_trips(&mut table);
    mixed(&mut table);
    fan_outs(&mut table);
    connections(&mut table);
    peers(&mut table);
    subscriptions(&mut table);
    faces(&mut table);
    table.rows
}

fn streams(table: &mut Table) {
    for transport in TRANSPORTS {
        for (size, count) in SIZES {
            let count = table.n(count);
            let warmup = (count / 50).max(1);
            let words = format!("-e {transport} -s {size} -n {count} -w {warmup} -P split");
            let (name, label) =
                (format!("thr/{transport}/{size}"), format!("{transport}, {size} B"));
            table.add(Group::Stream, &name, &label, &format!("thr {words}"));
            table.ceiling(&format!("-M bulk {words}"));
        }
    }
}

fn other_streams(table: &mut Table) {
    let group = Group::StreamOther;
    let n = table.n(1_500_000);
    let tcp = format!("thr -s 64 -n {n} -P split");
    let (oxmq, libzmq) = (format!("{{oxmq}} {tcp}"), format!("{{libzmq}} {tcp}"));
    table.add(group, "thr/dealer-router", "DEALER to ROUTER", &format!("{tcp} -t DEALERROUTER"));
    table.add(group, "thr/fan-in", "4 PUSH to one PULL", &format!("{tcp} -p 4"));
    table.add(
        group,
        "thr/dealer-router-fan-in",
        "4 DEALER to one ROUTER",
        &format!("{tcp} -t DEALERROUTER -p 4"),
    );
    for transport in TRANSPORTS {
        let words = format!("thr -e {transport} -s 64 -n {n} -P split");
        table.add_two(
            group,
            &format!("thr/async/{transport}"),
            &format!("async, {transport}"),
            &format!("{{oxmq}} {words} --async"),
            &format!("{{libzmq}} {words}"),
        );
    }
    let name = "thr/mixed/oxmq-sends";
    table.add_two(group, name, "mixed, oxmq sends", &format!("{libzmq} --peer {{oxmq}}"), &libzmq);
    let name = "thr/mixed/oxmq-receives";
    table.add_two(
        group,
        name,
        "mixed, oxmq receives",
        &format!("{oxmq} --peer {{libzmq}}"),
        &libzmq,
    );
}

fn round_trips(table: &mut Table) {
    let group = Group::RoundTrip;
    for (pin, placed) in [("one", "one processor"), ("split", "split")] {
        for transport in TRANSPORTS {
            let sizes: &[(u64, u64)] = match pin {
                "one" => {
                    &[(1, 15_000), (64, 15_000), (1024, 15_000), (8192, 10_000), (65_536, 3000)]
                }
                _ => &[(64, 6000)],
            };
            for &(size, count) in sizes {
                let n = table.n(count);
                let words = format!("-e {transport} -s {size} -n {n} -P {pin}");
                let label = format!("{transport}, {size} B, {placed}");
                let name = format!("lat/{pin}/{transport}/{size}");
                table.add(group, &name, &label, &format!("lat {words}"));
                table.ceiling(&format!("-M serial {words}"));
            }
        }
    }
    let tcp = format!("lat -s 64 -n {} -P one", table.n(15_000));
    let label = "DEALER and ROUTER, tcp, 64 B, one processor";
    table.add(group, "lat/one/dealer-router", label, &format!("{tcp} -t DEALERROUTER"));
    let (oxmq, libzmq) = (format!("{{oxmq}} {tcp} --async"), format!("{{libzmq}} {tcp}"));
    table.add_two(group, "lat/one/async", "async, tcp, 64 B, one processor", &oxmq, &libzmq);
}

fn mixed(table: &mut Table) {
    let n = table.n(6000);
    for (mode, label) in [
        ("stream", "a stream on the same contexts"),
        ("poll", "sixteen sockets in one zmq_poll"),
        ("peers", "a ROUTER with 10 busy and 100 idle peers"),
        ("four", "four processes on two processors"),
    ] {
        let words = format!("mixed -M {mode} -s 64 -n {n}");
        let (c, libzmq) = (format!("{{c}} {words}"), format!("{{libzmq}} {words}"));
        table.add_two(Group::Mixed, &format!("mixed/{mode}"), label, &c, &libzmq);
    }
}

fn fan_outs(table: &mut Table) {
    let group = Group::FanOut;
    for subs in [1, 10, 100, 1000] {
        let n = table.n(1_000_000 / subs);
        let words = format!("pub -s 64 -S {subs} -n {n} -P split");
        let many = if subs == 1 { "subscriber" } else { "subscribers" };
        if subs < 1000 {
            let label = format!("tcp, {subs} {many}");
            table.add(group, &format!("pub/tcp/{subs}"), &label, &words);
        }
        table.add_two(
            group,
            &format!("pub/raw/{subs}"),
            &format!("tcp, {subs} raw {many}"),
            &format!("{{oxmq}} {words} -k raw"),
            &format!("{{libzmq}} {words} -k raw --peer {{oxmq}}"),
        );
    }
    let n = table.n(100_000);
    for transport in ["ipc", "inproc"] {
        let words = format!("pub -e {transport} -s 64 -S 10 -n {n} -P split");
        let name = format!("pub/{transport}-10");
        table.add(group, &name, &format!("{transport}, 10 subscribers"), &words);
    }
}

fn connections(table: &mut Table) {
    let group = Group::Connections;
    let serial = table.n(2000);
    for transport in ["tcp", "ipc"] {
        for n in [100, 1000, 5000].map(|n| table.n(n)) {
            let words = format!("conn -e {transport} -M bulk -N {n}");
            let label = format!("{transport}, {n}, bulk");
            table.add(group, &format!("conn/{transport}/{n}"), &label, &words);
        }
        let words = format!("conn -e {transport} -M serial -N {serial}");
        let label = format!("{transport}, {serial}, serial");
        table.add(group, &format!("conn/{transport}-serial"), &label, &words);
    }
}

fn peers(table: &mut Table) {
    for count in [1, 10, 100, 1000, 10_000] {
        let words = format!("peers -N {count} -n {} -P split", table.n(150_000));
        table.add_two(
            Group::Peers,
            &format!("peers/{count}"),
            &format!("{count}"),
            &format!("{{oxmq}} {words}"),
            &format!("{{libzmq}} {words} --peer {{oxmq}}"),
        );
    }
}

fn subscriptions(table: &mut Table) {
    for count in [1, 100, 10_000, 100_000, 1_000_000] {
        let subs = if table.scale < 1.0 { count.min(10_000) } else { count };
        let words = format!("subs -S {subs} -n {} -P split", table.n(1_000_000));
        table.add_two(
            Group::Subscriptions,
            &format!("subs/{count}"),
            &format!("{count}"),
            &format!("{{oxmq}} {words}"),
            &format!("{{libzmq}} {words} --peer {{oxmq}}"),
        );
    }
}

fn faces(table: &mut Table) {
    let n = table.n(1_500_000);
    for transport in TRANSPORTS {
        for size in [64, 1024] {
            let words = format!("thr -e {transport} -s {size} -n {n} -P split");
            let (rust, c) = (format!("{{oxmq}} {words}"), format!("{{c}} {words}"));
            let name = format!("c/thr/{transport}-{size}");
            table.add_two(Group::C, &name, &format!("stream, {transport}, {size} B"), &rust, &c);
        }
        let words = format!("thr -e {transport} -s 64 -n {n} -P split");
        let (rust, c) = (format!("{{oxmq}} {words} --async"), format!("{{c}} {words}"));
        let name = format!("c/thr/async/{transport}");
        table.add_two(Group::C, &name, &format!("async stream, {transport}, 64 B"), &rust, &c);
    }
    let n = table.n(15_000);
    for transport in TRANSPORTS {
        let words = format!("lat -e {transport} -s 64 -n {n} -P one");
        for (calls, flag) in [("", ""), ("async ", " --async")] {
            let (rust, c) = (format!("{{oxmq}} {words}{flag}"), format!("{{c}} {words}"));
            let name = format!("c/lat/{}{transport}", calls.replace(' ', "/"));
            let label = format!("{calls}round trip, {transport}, 64 B, one processor");
            table.add_two(Group::C, &name, &label, &rust, &c);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_of_one_part() {
        let rows = all(1.0);
        let names: HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names.len(), rows.len());
        for part in Part::ALL.into_iter().filter(|part| *part != Part::Startup) {
            assert!(rows.iter().any(|row| row.group.part() == part), "{part:?}");
        }
    }
}
