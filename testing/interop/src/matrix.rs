//! The matrix: every foreign peer, every pair of socket types, either side binding, tcp and ipc;
//! in each cell messages of every size and shape, then a stream. Run by the main thread.

use oxmq_testing::{Child, Result, Spec};

use crate::Run;
use crate::ours::Ours;
use crate::peers::{PEERS, Peer};

/// Who speaks, and how the two sides find out that they are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Ours asks, theirs answers.
    OursAsks,
    /// Theirs asks, ours answers.
    TheirsAsks,
    /// Ours sends, nothing comes back.
    OursGives,
    /// Theirs sends.
    TheirsGives,
    /// Ours publishes to their SUB.
    OursPublishes,
    /// Their PUB publishes to our SUB.
    TheirsPublishes,
    /// Ours is XPUB and theirs sends its subscriptions as messages.
    OursSeesTopics,
    /// Theirs is XPUB and ours sends its subscriptions as messages.
    TheirsSeesTopics,
}

/// Two socket types that talk to each other.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) ours: &'static str,
    pub(crate) theirs: &'static str,
    flow: Flow,
    /// Asked of libzmq only.
    stock: bool,
}

/// The pairs of the matrix.
pub(crate) const PAIRS: &[Pair] = &[
    pair("REQ", "REP", Flow::OursAsks, false),
    pair("REP", "REQ", Flow::TheirsAsks, false),
    pair("DEALER", "ROUTER", Flow::OursAsks, false),
    pair("ROUTER", "DEALER", Flow::TheirsAsks, false),
    pair("PUSH", "PULL", Flow::OursGives, false),
    pair("PULL", "PUSH", Flow::TheirsGives, false),
    pair("PUB", "SUB", Flow::OursPublishes, false),
    pair("SUB", "PUB", Flow::TheirsPublishes, false),
    pair("PAIR", "PAIR", Flow::OursAsks, true),
    pair("PAIR", "PAIR", Flow::TheirsAsks, true),
    pair("DEALER", "DEALER", Flow::OursAsks, true),
    pair("XPUB", "XSUB", Flow::OursSeesTopics, true),
    pair("XSUB", "XPUB", Flow::TheirsSeesTopics, true),
    pair("XPUB", "SUB", Flow::OursPublishes, true),
    pair("SUB", "XPUB", Flow::TheirsPublishes, true),
];

const fn pair(ours: &'static str, theirs: &'static str, flow: Flow, stock: bool) -> Pair {
    Pair { ours, theirs, flow, stock }
}

/// Lengths of the parts of each message of a cell: around every boundary of the framing and of
/// usual buffers, and up to 16 MiB.
const SHAPES: &[&[usize]] = &[
    &[0],
    &[1],
    &[32],
    &[41],
    &[255],
    &[256],
    &[8191],
    &[65_535],
    &[65_536],
    &[1 << 20],
    &[16 << 20],
    &[0, 0],
    &[5, 0, 300],
    &[0, 70_000, 0],
    &[256, 255, 1, 0, 33, 1000, 0, 8192, 64, 7],
];

/// The topic that is subscribed to, and one that is not.
const TOPIC: &[u8] = b"weather.";
const OTHER: &[u8] = b"sport.";

/// Messages in the stream at the end of a cell; fewer for PUB, which may drop at 1000.
const STREAM: u32 = 2000;
const STREAM_PUB: u32 = 300;

/// Runs the matrix.
pub(crate) fn run(run: &mut Run) {
    for peer in PEERS {
        run_peer(run, peer);
    }
}

/// Runs the cells of one peer.
pub(crate) fn run_peer(run: &mut Run, peer: &Peer) {
    for pair in PAIRS.iter().filter(|pair| peer.stock || !pair.stock) {
        for transport in ["tcp", "ipc"] {
            for role in ["bind", "connect"] {
                let Pair { ours, theirs, .. } = pair;
                let name = format!(
                    "{ours} with {theirs} of {}: theirs {role}s, {transport}, {:?}",
                    peer.name, pair.flow
                );
                if let Some(reason) = peer.lack(theirs, role, transport) {
                    println!("none   {name}: {reason}");
                    continue;
                }
                run.cell(&name, || cell(peer, pair, transport, role));
            }
        }
    }
}

fn cell(peer: &Peer, pair: &Pair, transport: &str, role: &str) -> Result<String> {
    cell_with(peer, pair, transport, role, |_, _| Ok(()))
}

/// A cell whose sockets are given more options before they are joined.
pub(crate) fn cell_with(
    peer: &Peer,
    pair: &Pair,
    transport: &str,
    role: &str,
    prepare: impl FnOnce(&mut Ours, &mut Child) -> Result<()>,
) -> Result<String> {
    let mut theirs = peer.start()?;
    let mut ours = Ours::open(pair.ours)?;
    theirs.call(format_args!("open {}", pair.theirs))?;
    prepare(&mut ours, &mut theirs)?;
    match pair.flow {
        Flow::OursPublishes => {
            theirs.call(format_args!("subscribe {}", hex(TOPIC)))?;
        }
        Flow::TheirsPublishes => ours.subscribe(TOPIC)?,
        _ => {}
    }
    join(&ours, &mut theirs, peer, transport, role)?;
    match pair.flow {
        Flow::OursAsks => {
            let spoiled = peer.spoils_empty_parts.filter(|(kind, _)| *kind == pair.theirs);
            asked(&mut ours, &mut theirs, true, spoiled.is_some())?;
            if let Some((_, reason)) = spoiled {
                return Ok(format!("without empty parts among others: {reason}"));
            }
        }
        Flow::TheirsAsks => asked(&mut ours, &mut theirs, false, false)?,
        Flow::OursGives => ours_gives(&mut ours, &mut theirs)?,
        Flow::TheirsGives => theirs_gives(&mut ours, &mut theirs)?,
        Flow::OursPublishes => {
            until_subscribed(&ours, &mut theirs)?;
            if pair.ours == "XPUB" {
                let all = Spec::with_topic(0, &[1], &[]);
                ours.recv(&if peer.tells_topics() { topic_message(1) } else { all })?;
            }
            ours_publishes(&mut ours, &mut theirs)?;
            theirs.call(format_args!("unsubscribe {}", hex(TOPIC)))?;
            if peer.tells_topics() {
                ours.wait_subscribers(0)?;
            }
        }
        Flow::TheirsPublishes => {
            until_heard(&mut ours, &mut theirs)?;
            theirs_publishes(&mut ours, &mut theirs)?;
        }
        Flow::OursSeesTopics => {
            theirs.call(format_args!("send {}", topic_message(1)))?;
            until_subscribed(&ours, &mut theirs)?;
            ours.recv(&topic_message(1))?;
            ours_publishes(&mut ours, &mut theirs)?;
            theirs.call(format_args!("send {}", topic_message(0)))?;
            ours.recv(&topic_message(0))?;
        }
        Flow::TheirsSeesTopics => {
            ours.send(&topic_message(1))?;
            theirs.call(format_args!("recv {}", topic_message(1)))?;
            theirs_publishes(&mut ours, &mut theirs)?;
            ours.send(&topic_message(0))?;
            theirs.call(format_args!("recv {}", topic_message(0)))?;
        }
    }
    Ok(String::new())
}

/// Joins the two sides.
pub(crate) fn join(
    ours: &Ours,
    theirs: &mut Child,
    peer: &Peer,
    transport: &str,
    role: &str,
) -> Result<()> {
    if role == "bind" {
        let endpoint = theirs.call(format_args!("bind {}", peer.bind_endpoint(transport)?))?;
        ours.connect(&endpoint)
    } else {
        let wildcard = if transport == "tcp" { "tcp://127.0.0.1:*" } else { "ipc://*" };
        let endpoint = ours.bind(wildcard)?;
        theirs.call(format_args!("connect {endpoint}")).map(drop)
    }
}

/// Every message of a cell, with seeds that differ.
fn messages() -> impl Iterator<Item = Spec> {
    SHAPES.iter().zip(1..).map(|(shape, seed)| Spec::of(seed * 1000, shape))
}

/// Questions and answers one by one; those with empty parts among others unless they are `spoiled`.
fn asked(ours: &mut Ours, theirs: &mut Child, ours_asks: bool, spoiled: bool) -> Result<()> {
    let keep = |shape: &[usize]| !spoiled || shape.len() == 1 || !shape.contains(&0);
    for (question, _) in messages().zip(SHAPES).filter(|(_, shape)| keep(shape)) {
        let answer = question.reseeded(question.seed() + 1);
        if ours_asks {
            ours.send(&question)?;
            theirs.call(format_args!("recv {question}"))?;
            theirs.call(format_args!("send {answer}"))?;
            ours.recv(&answer)?;
        } else {
            theirs.begin(format_args!("send {question}"))?;
            ours.recv(&question)?;
            theirs.finish()?;
            ours.send(&answer)?;
            theirs.call(format_args!("recv {answer}"))?;
        }
    }
    if ours_asks {
        theirs.begin(format_args!("echo {STREAM_PUB}"))?;
        for seed in 0..STREAM_PUB {
            let spec = Spec::of(seed, &[100]);
            ours.send(&spec)?;
            ours.recv(&spec)?;
        }
        theirs.finish()?;
    }
    Ok(())
}

fn ours_gives(ours: &mut Ours, theirs: &mut Child) -> Result<()> {
    for message in messages() {
        ours.send(&message)?;
        theirs.call(format_args!("recv {message}"))?;
    }
    let stream = Spec::of(1, &[40]);
    theirs.begin(format_args!("take {STREAM} {stream}"))?;
    ours.give(STREAM, &stream)?;
    theirs.finish().map(drop)
}

fn theirs_gives(ours: &mut Ours, theirs: &mut Child) -> Result<()> {
    for message in messages() {
        theirs.begin(format_args!("send {message}"))?;
        ours.recv(&message)?;
        theirs.finish()?;
    }
    let stream = Spec::of(1, &[40]);
    theirs.begin(format_args!("give {STREAM} {stream}"))?;
    ours.take(STREAM, &stream)?;
    theirs.finish().map(drop)
}

/// What their SUB has not asked for must not reach it: it would break the order that it checks.
pub(crate) fn ours_publishes(ours: &mut Ours, theirs: &mut Child) -> Result<()> {
    for (shape, seed) in SHAPES.iter().zip(1..) {
        let message = Spec::with_topic(seed, TOPIC, shape);
        ours.send(&Spec::with_topic(seed, OTHER, shape))?;
        ours.send(&message)?;
        theirs.call(format_args!("recv {message}"))?;
    }
    let stream = Spec::with_topic(1, TOPIC, &[40]);
    theirs.begin(format_args!("take {STREAM_PUB} {stream}"))?;
    ours.give(STREAM_PUB, &stream)?;
    theirs.finish().map(drop)
}

/// A libzmq that is bound meets us only when its program calls it, and subscribes then.
fn until_subscribed(ours: &Ours, theirs: &mut Child) -> Result<()> {
    for _ in 0..1000 {
        theirs.call("poll")?;
        if ours.subscribed_soon() {
            return Ok(());
        }
    }
    Err("nobody has subscribed".to_owned())
}

/// A PUB that cannot tell when it has a subscriber sends until the subscriber has heard of it.
pub(crate) fn until_heard(ours: &mut Ours, theirs: &mut Child) -> Result<()> {
    let probe = probe();
    for _ in 0..3000 {
        theirs.call(format_args!("send {probe}"))?;
        if let Some(message) = ours.recv_soon() {
            return probe.check(&message);
        }
    }
    Err("nothing published has arrived".to_owned())
}

fn probe() -> Spec {
    Spec::with_topic(99, TOPIC, &[3])
}

/// Probes may still be under way; what follows them has to be complete and in order.
pub(crate) fn theirs_publishes(ours: &mut Ours, theirs: &mut Child) -> Result<()> {
    let mut probes = true;
    for (shape, seed) in SHAPES.iter().zip(1..) {
        let message = Spec::with_topic(seed, TOPIC, shape);
        theirs.begin(format_args!("send {}", Spec::with_topic(seed, OTHER, shape)))?;
        theirs.begin(format_args!("send {message}"))?;
        let mut got = ours.recv_any(&message)?;
        while probes && probe().check(&got).is_ok() {
            got = ours.recv_any(&message)?;
        }
        probes = false;
        message.check(&got)?;
        theirs.finish()?;
        theirs.finish()?;
    }
    let stream = Spec::with_topic(1, TOPIC, &[40]);
    theirs.begin(format_args!("give {STREAM_PUB} {stream}"))?;
    ours.take(STREAM_PUB, &stream)?;
    theirs.finish().map(drop)
}

/// A subscription (1) or its cancellation (0) as XSUB sends and XPUB receives it.
fn topic_message(first: u8) -> Spec {
    Spec::with_topic(0, &[&[first], TOPIC].concat(), &[])
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The topic of the matrix, for the other parts of the program.
pub(crate) fn topic() -> &'static [u8] {
    TOPIC
}
