//! Peers that come late, and peers that are killed and come back, for every foreign library. Run
//! by the main thread; what is waited for is an event of our socket, never a time.

use oxmq_testing::{Child, Result, Spec, reserve_tcp};

use crate::Run;
use crate::matrix::{hex, join, topic, until_heard};
use crate::ours::Ours;
use crate::peers::{PEERS, Peer};

/// A check of one peer.
type Check = fn(&Peer) -> Result<String>;

/// What is checked with each peer.
const CHECKS: &[(&str, &str, Check)] = &[
    ("a late subscriber hears what follows", "SUB", late_subscriber),
    ("what waited for a late binder arrives", "PULL", late_binder),
    ("a requester killed before its reply does not disturb the next", "REQ", killed_requester),
    ("a replier killed and restarted is found again", "REP", killed_replier),
    ("a publisher killed and restarted is subscribed to again", "PUB", killed_publisher),
    ("a subscriber killed is forgotten and its successor served", "SUB", killed_subscriber),
    ("a pusher killed in mid-stream leaves whole messages only", "PUSH", killed_pusher),
];

/// Runs every check with every peer.
pub(crate) fn run(run: &mut Run) {
    for peer in PEERS {
        for (what, kind, check) in CHECKS {
            let name = format!("{what}: {kind} of {}", peer.name);
            run.cell(&name, || check(peer));
        }
    }
}

fn start(peer: &Peer, kind: &str) -> Result<Child> {
    let mut theirs = peer.start()?;
    theirs.call(format_args!("open {kind}"))?;
    Ok(theirs)
}

fn subscriber(peer: &Peer, endpoint: &str) -> Result<Child> {
    let mut theirs = start(peer, "SUB")?;
    theirs.call(format_args!("subscribe {}", hex(topic())))?;
    theirs.call(format_args!("connect {endpoint}"))?;
    Ok(theirs)
}

fn late_subscriber(peer: &Peer) -> Result<String> {
    let mut ours = Ours::open("PUB")?;
    let endpoint = ours.bind("tcp://127.0.0.1:*")?;
    let before = Spec::with_topic(100, topic(), &[9]);
    let after = before.reseeded(200);
    ours.give(10, &before)?;
    let mut early = subscriber(peer, &endpoint)?;
    ours.wait_subscribers(1)?;
    ours.give(10, &before)?;
    early.call(format_args!("take 10 {before}"))?;
    let mut late = subscriber(peer, &endpoint)?;
    ours.wait_subscribers(2)?;
    ours.give(10, &after)?;
    early.call(format_args!("take 10 {after}"))?;
    late.call(format_args!("take 10 {after}"))?;
    Ok(String::new())
}

fn late_binder(peer: &Peer) -> Result<String> {
    let endpoint = reserve_tcp()?;
    let mut ours = Ours::open("PUSH")?;
    ours.connect(&endpoint)?;
    let waiting = Spec::of(1, &[5, 0, 500]);
    ours.give(100, &waiting)?;
    let mut theirs = start(peer, "PULL")?;
    theirs.call(format_args!("bind {endpoint}"))?;
    theirs.call(format_args!("take 100 {waiting}"))?;
    Ok(String::new())
}

fn killed_requester(peer: &Peer) -> Result<String> {
    let mut ours = Ours::open("REP")?;
    let endpoint = ours.bind("tcp://127.0.0.1:*")?;
    let (question, answer) = (Spec::of(1, &[10]), Spec::of(2, &[10]));
    for _ in 0..2 {
        let mut first = start(peer, "REQ")?;
        first.call(format_args!("connect {endpoint}"))?;
        first.call(format_args!("send {question}"))?;
        ours.recv(&question)?;
        first.kill();
        ours.wait_connected(0)?;
        ours.send(&answer)?;
        let mut second = start(peer, "REQ")?;
        second.call(format_args!("connect {endpoint}"))?;
        second.call(format_args!("send {question}"))?;
        ours.recv(&question)?;
        ours.send(&answer)?;
        second.call(format_args!("recv {answer}"))?;
        second.kill();
        ours.wait_connected(0)?;
    }
    Ok(String::new())
}

fn killed_replier(peer: &Peer) -> Result<String> {
    let mut ours = Ours::open("REQ")?;
    let mut endpoint = peer.bind_endpoint("tcp")?;
    let mut connected = false;
    for seed in 0..3 {
        let mut theirs = start(peer, "REP")?;
        endpoint = theirs.call(format_args!("bind {endpoint}"))?;
        if !connected {
            ours.connect(&endpoint)?;
            connected = true;
        }
        ours.wait_connected(1)?;
        let (question, answer) = (Spec::of(seed, &[0, 50]), Spec::of(seed + 10, &[50]));
        ours.send(&question)?;
        theirs.call(format_args!("recv {question}"))?;
        theirs.call(format_args!("send {answer}"))?;
        ours.recv(&answer)?;
        theirs.kill();
        ours.wait_connected(0)?;
    }
    Ok(String::new())
}

fn killed_publisher(peer: &Peer) -> Result<String> {
    let mut ours = Ours::open("SUB")?;
    ours.subscribe(topic())?;
    let mut endpoint = peer.bind_endpoint("tcp")?;
    let mut connected = false;
    for _ in 0..3 {
        let mut theirs = start(peer, "PUB")?;
        endpoint = theirs.call(format_args!("bind {endpoint}"))?;
        if !connected {
            ours.connect(&endpoint)?;
            connected = true;
        }
        until_heard(&mut ours, &mut theirs)?;
        theirs.kill();
        ours.wait_connected(0)?;
        while ours.recv_soon().is_some() {}
    }
    Ok(String::new())
}

fn killed_subscriber(peer: &Peer) -> Result<String> {
    let mut ours = Ours::open("PUB")?;
    let endpoint = ours.bind("tcp://127.0.0.1:*")?;
    for seed in 0..3 {
        let mut theirs = subscriber(peer, &endpoint)?;
        ours.wait_subscribers(1)?;
        let news = Spec::with_topic(seed * 1000, topic(), &[100, 100]);
        ours.give(20, &news)?;
        theirs.call(format_args!("take 20 {news}"))?;
        theirs.kill();
        ours.wait_subscribers(0)?;
        ours.give(20, &news.reseeded(7))?;
    }
    Ok(String::new())
}

fn killed_pusher(peer: &Peer) -> Result<String> {
    let mut ours = Ours::open("PULL")?;
    let first = Spec::of(1, &[3, 3000]);
    let mut theirs = start(peer, "PUSH")?;
    join(&ours, &mut theirs, peer, "tcp", "connect")?;
    let endpoint = ours.socket.last_endpoint();
    theirs.begin(format_args!("give 1000000 {first}"))?;
    ours.take(500, &first)?;
    theirs.kill();
    let second = Spec::of(2_000_000, &[4, 4000]);
    let mut theirs = start(peer, "PUSH")?;
    theirs.call(format_args!("connect {endpoint}"))?;
    theirs.begin(format_args!("give 300 {second}"))?;
    // RFC 30 §2: PULL takes fairly from its peers, so what the dead one left may come in between.
    let last = second.seed() + 300;
    let (mut old, mut new) = (first.reseeded(first.seed() + 500), second);
    let mut rest = 0;
    while new.seed() < last {
        let message = ours.recv_any(&old)?;
        if new.check(&message).is_ok() {
            new = new.reseeded(new.seed() + 1);
        } else {
            old.check(&message)?;
            old = old.reseeded(old.seed() + 1);
            rest += 1;
        }
    }
    theirs.finish()?;
    Ok(format!("{rest} messages were still under way"))
}
