//! The scenarios that are compared, one row each, and what is measured of each kind. Plain values.

/// What is measured of a run.
pub(super) struct Metric {
    /// Its name in the line that a run prints.
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    /// Whether more is better.
    pub(super) more: bool,
}

/// The tables of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Stream,
    StreamOther,
    RoundTrip,
    FanOut,
    Connections,
}

const fn metric(key: &'static str, title: &'static str, more: bool) -> Metric {
    Metric { key, title, more }
}

const CPU: Metric = metric("cpu_us", "CPU us", false);
const STREAM: [Metric; 2] = [metric("msgs_per_s", "messages/s", true), CPU];
const ROUND_TRIP: [Metric; 3] =
    [metric("p50_us", "p50 us", false), metric("p99_us", "p99 us", false), CPU];
const FAN_OUT: [Metric; 2] = [metric("deliveries_per_s", "deliveries/s", true), CPU];
const CONNECTIONS: [Metric; 4] = [
    metric("conns_per_s", "connections/s", true),
    metric("bind_bytes", "bytes each, binding side", false),
    metric("connect_bytes", "bytes each, connecting side", false),
    CPU,
];

impl Group {
    pub(super) const ALL: [Group; 5] =
        [Group::Stream, Group::StreamOther, Group::RoundTrip, Group::FanOut, Group::Connections];

    /// What is measured; the first is what counts.
    pub(super) fn metrics(self) -> &'static [Metric] {
        match self {
            Group::Stream | Group::StreamOther => &STREAM,
            Group::RoundTrip => &ROUND_TRIP,
            Group::FanOut => &FAN_OUT,
            Group::Connections => &CONNECTIONS,
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Group::Stream => "Throughput",
            Group::StreamOther => "Throughput of other shapes",
            Group::RoundTrip => "Round trip",
            Group::FanOut => "Fan-out",
            Group::Connections => "Connections",
        }
    }

    pub(super) fn about(self) -> &'static str {
        match self {
            Group::Stream => {
                "PUSH to PULL, blocking calls, one end on each processor. CPU is the processor \
                 time of both ends for a message."
            }
            Group::StreamOther => {
                "64-byte messages over tcp unless said otherwise. *Async* is oxmq's futures on a \
                 bare executor beside libzmq's blocking calls; *mixed* has oxmq at one end and \
                 libzmq at the other, beside libzmq at both."
            }
            Group::RoundTrip => {
                "REQ to REP unless said otherwise, one message under way; both ends on one \
                 processor, or one on each."
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
        }
    }
}

/// A comparison.
pub(super) struct Scenario {
    pub(super) group: Group,
    /// For the filter and the list of what is slower.
    pub(super) name: String,
    /// What the row of the table begins with.
    pub(super) label: String,
    /// The commands, with `{oxmq}` and `{libzmq}` for the programs.
    pub(super) oxmq: String,
    pub(super) libzmq: String,
}

const TRANSPORTS: [&str; 3] = ["tcp", "ipc", "inproc"];
/// Sizes with as many messages as make a run of about a second.
const SIZES: [(usize, u64); 7] = [
    (16, 2_000_000),
    (64, 2_000_000),
    (256, 1_500_000),
    (1024, 800_000),
    (8192, 150_000),
    (65_536, 25_000),
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
        self.add_two(
            group,
            name,
            label,
            &format!("{{oxmq}} {words}"),
            &format!("{{libzmq}} {words}"),
        );
    }

    fn add_two(&mut self, group: Group, name: &str, label: &str, oxmq: &str, libzmq: &str) {
        self.rows.push(Scenario {
            group,
            name: name.to_owned(),
            label: label.to_owned(),
            oxmq: oxmq.to_owned(),
            libzmq: libzmq.to_owned(),
        });
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
    fan_outs(&mut table);
    connections(&mut table);
    table.rows
}

fn streams(table: &mut Table) {
    for transport in TRANSPORTS {
        for (size, count) in SIZES {
            let count = table.n(count);
            let warmup = (count / 50).max(1);
            let words = format!("thr -e {transport} -s {size} -n {count} -w {warmup} -P split");
            let label = format!("{transport}, {size} B");
            table.add(Group::Stream, &format!("thr/{transport}/{size}"), &label, &words);
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
    let n = table.n(20_000);
    for (pin, placed) in [("one", "one processor"), ("split", "split")] {
        for transport in TRANSPORTS {
            for size in [1, 64, 1024] {
                let words = format!("lat -e {transport} -s {size} -n {n} -P {pin}");
                let label = format!("{transport}, {size} B, {placed}");
                table.add(group, &format!("lat/{pin}/{transport}/{size}"), &label, &words);
            }
        }
    }
    let tcp = format!("lat -s 64 -n {n} -P one");
    let label = "DEALER and ROUTER, tcp, 64 B, one processor";
    table.add(group, "lat/one/dealer-router", label, &format!("{tcp} -t DEALERROUTER"));
    let (oxmq, libzmq) = (format!("{{oxmq}} {tcp} --async"), format!("{{libzmq}} {tcp}"));
    table.add_two(group, "lat/one/async", "async, tcp, 64 B, one processor", &oxmq, &libzmq);
}

fn fan_outs(table: &mut Table) {
    let group = Group::FanOut;
    for subs in [1, 10, 100] {
        let n = table.n(1_000_000 / subs);
        let words = format!("pub -s 64 -S {subs} -n {n} -P split");
        let many = if subs == 1 { "subscriber" } else { "subscribers" };
        table.add(group, &format!("pub/tcp/{subs}"), &format!("tcp, {subs} {many}"), &words);
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
        let name = format!("pub/{transport}/10");
        table.add(group, &name, &format!("{transport}, 10 subscribers"), &words);
    }
}

fn connections(table: &mut Table) {
    let group = Group::Connections;
    let (bulk, serial) = (table.n(5000), table.n(2000));
    for transport in ["tcp", "ipc"] {
        for (mode, n) in [("bulk", bulk), ("serial", serial)] {
            let words = format!("conn -e {transport} -M {mode} -N {n}");
            let label = format!("{transport}, {n}, {mode}");
            table.add(group, &format!("conn/{transport}/{mode}"), &label, &words);
        }
    }
}
