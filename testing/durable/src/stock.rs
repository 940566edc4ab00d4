//! Durable sockets with stock libzmq at the other end, through Debian's Python binding: links are
//! cut, our side is killed, the peer stands still or is killed. The main thread drives.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use oxmq_testing::{Doing, Result, reserve_tcp};

use crate::folder::Folder;
use crate::process::Worker;
use crate::proxy::Proxy;
use crate::{Rounds, Run};

/// The longest time between two cuts or kills.
const PAUSE: Duration = Duration::from_millis(60);

/// The high-water mark of peers that are killed or stand still.
const SMALL_HWM: u64 = 5;

/// What peers send.
const COUNT: u64 = 2000;

/// Runs the scenarios.
pub(crate) fn run(run: &mut Run) {
    let still = run.still;
    run.scenario("a stock PULL whose link is cut", 40, |rounds| pull(rounds, Harm::Link));
    run.scenario("a stock PULL whose sender of ours is killed", 40, |rounds| {
        pull(rounds, Harm::Sender)
    });
    run.scenario("a stock PULL, both", 40, |rounds| pull(rounds, Harm::Both));
    run.scenario("a stock PULL that is killed", 10, |rounds| pull(rounds, Harm::Peer));
    run.scenario("a stock PULL that stands still", 1, |_| stands_still(still));
    run.scenario("a stock SUB that leaves and returns", 10, subscriber);
    run.scenario("a stock PUSH to a PULL of ours that is killed", 3, push);
}

/// What is done to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    Link,
    Sender,
    Both,
    Peer,
}

/// Starts a stock peer.
fn peer(
    folder: &Folder,
    kind: &str,
    side: &str,
    endpoint: &str,
    hwm: u64,
    name: &str,
) -> Result<Worker> {
    let role = if kind == "PUSH" { "sender" } else { "receiver" };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/stock.py");
    let mut worker = Worker::start_as(
        "stock.py",
        Command::new("/usr/bin/python3")
            .arg(script)
            .args([endpoint, side, kind, &hwm.to_string()])
            .arg(folder.at(&format!("{role}.history")))
            .arg(name),
    )?;
    worker.wait_up()?;
    Ok(worker)
}

/// The words of a worker of ours.
fn words(folder: &Folder, kind: &str, side: &str, endpoint: &str) -> Vec<String> {
    let role = if kind == "PULL" { "receiver" } else { "sender" };
    vec![
        format!("role={role}"),
        format!("type={kind}"),
        format!("name={role}"),
        format!("store={}", folder.at(&format!("{role}.store"))),
        format!("history={}", folder.at(&format!("{role}.history"))),
        format!("endpoint={endpoint}"),
        format!("side={side}"),
        "lanes=2".to_owned(),
        "max=5000".to_owned(),
    ]
}

/// Our PUSH sends through a proxy.
fn pull(rounds: &mut Rounds<'_>, harm: Harm) -> Result<String> {
    let folder = Folder::new()?;
    let outcome = (|| {
        let target = reserve_tcp()?;
        let proxy = Proxy::start(&target)?;
        // Whoever listens is behind the proxy.
        let we_bind = harm != Harm::Peer && rounds.random.coin();
        let (ours, theirs) = match we_bind {
            true => (("bind", &target), ("connect", &proxy.endpoint)),
            false => (("connect", &proxy.endpoint), ("bind", &target)),
        };
        let hwm = if harm == Harm::Peer { SMALL_HWM } else { 1000 };
        let start_peer = || -> Result<Worker> {
            let mut peer = peer(&folder, "PULL", theirs.0, theirs.1, hwm, "-")?;
            // One that is killed reads slowly, so that there is something to lose.
            peer.call(if harm == Harm::Peer { "start 0.0005" } else { "start 0" })?;
            Ok(peer)
        };
        let words = words(&folder, "PUSH", ours.0, ours.1);
        let mut stock = start_peer()?;
        let mut sender = Worker::start("sender", &words)?;
        for _ in 0..rounds.count {
            sender.wait_up()?;
            sender.run_for(rounds.random.time_below(PAUSE))?;
            if harm == Harm::Peer {
                stock.kill()?;
                proxy.cut();
                stock = start_peer()?;
            }
            if matches!(harm, Harm::Link | Harm::Both) {
                proxy.cut();
            }
            if matches!(harm, Harm::Sender | Harm::Both) {
                sender.kill()?;
                sender = Worker::start("sender", &words)?;
            }
            rounds.done();
        }
        sender.call("drain")?;
        // What is settled is in the peer's process; this waits until its thread has it all.
        sender.finish()?;
        settle(&mut stock)?;
        let rule = if harm == Harm::Peer { "lossy" } else { "always" };
        let verdict = folder.judge("", &[rule, "stock"])?;
        let bound = rounds.count * (hwm + 1);
        if verdict.count("lost") > bound {
            return Err(format!("more than {bound} lost: {verdict}"));
        }
        Ok(format!("{} times: {verdict}", rounds.count))
    })();
    folder.close(outcome)
}

/// Waits until a stock peer has read what is in its process: nothing more comes.
fn settle(stock: &mut Worker) -> Result<()> {
    let mut before = stock.call("idle 0")?;
    loop {
        stock.run_for(Duration::from_millis(300))?;
        let now = stock.call("idle 0")?;
        if now == before {
            return Ok(());
        }
        before = now;
    }
}

/// A PULL that does not read answers no PING once its pipe is full: it is neither cut off nor sent
/// anything twice.
fn stands_still(still: Duration) -> Result<String> {
    let folder = Folder::new()?;
    let outcome = (|| {
        let endpoint = reserve_tcp()?;
        let mut stock = peer(&folder, "PULL", "bind", &endpoint, SMALL_HWM, "-")?;
        let mut sender = Worker::start("sender", &words(&folder, "PUSH", "connect", &endpoint))?;
        sender.wait_up()?;
        sender.run_for(still)?;
        let cuts = stock.call("cuts")?;
        if cuts != "0" {
            return Err(format!("the link was cut {cuts} times"));
        }
        stock.call("start 0")?;
        sender.call("drain")?;
        sender.finish()?;
        settle(&mut stock)?;
        let verdict = folder.judge("", &["always", "stock"])?;
        if verdict.count("twice") > 0 {
            return Err(format!("sent twice: {verdict}"));
        }
        Ok(format!("{} s: {verdict}", still.as_secs()))
    })();
    folder.close(outcome)
}

/// A named stock SUB comes and goes; what was published meanwhile comes in order.
fn subscriber(rounds: &mut Rounds<'_>) -> Result<String> {
    let folder = Folder::new()?;
    let outcome = (|| {
        let endpoint = format!("ipc://{}", folder.at("link"));
        let mut words = words(&folder, "PUB", "bind", &endpoint);
        let mut lanes = words.clone();
        words.retain(|word| !word.starts_with("lanes="));
        words.push("warm=yes".to_owned());
        let mut sender = Worker::start("sender", &words)?;
        let start_peer = || -> Result<Worker> {
            let mut peer = peer(&folder, "SUB", "connect", &endpoint, 1000, "lucy")?;
            peer.call("start 0")?;
            Ok(peer)
        };
        let mut stock = start_peer()?;
        sender.wait_up()?;
        if stock.call("idle 1")? == "0" {
            return Err("nothing came".to_owned());
        }
        sender.call("stop")?;
        sender.kill()?;
        lanes.push("faults=none".to_owned());
        sender = Worker::start("sender", &lanes)?;
        sender.wait_up()?;
        for _ in 0..rounds.count {
            sender.run_for(rounds.random.time_below(PAUSE))?;
            // What it has in its process is lost with it: it reads all of that first.
            sender.pause()?;
            settle(&mut stock)?;
            stock.finish()?;
            sender.resume()?;
            sender.run_for(rounds.random.time_below(PAUSE))?;
            stock = start_peer()?;
            rounds.done();
        }
        sender.call("mark")?;
        sender.call("drain")?;
        sender.finish()?;
        settle(&mut stock)?;
        let verdict = folder.judge("", &["always", "stock", "stock-order"])?;
        Ok(format!("{} times: {verdict}", rounds.count))
    })();
    folder.close(outcome)
}

/// What a stock PUSH has sent and ours has received is there after our kill, until acknowledged.
fn push(rounds: &mut Rounds<'_>) -> Result<String> {
    let mut sum = crate::folder::Verdict::default();
    for _ in 0..rounds.count {
        let folder = Folder::new()?;
        let outcome = (|| {
            let endpoint = format!("ipc://{}", folder.at("link"));
            let mut words = words(&folder, "PULL", "bind", &endpoint);
            words.push("ack=explicit".to_owned());
            let mut holds = words.clone();
            holds.push("hold=yes".to_owned());
            let mut receiver = Worker::start("receiver", &holds)?;
            let mut stock = peer(&folder, "PUSH", "connect", &endpoint, 1000, "-")?;
            stock.call(&format!("send {COUNT}"))?;
            receiver.call(&format!("received {COUNT}"))?;
            stock.kill()?;
            receiver.kill()?;
            // Again, killed at any moment; then to the end.
            for _ in 0..5 {
                let mut receiver = Worker::start("receiver", &words)?;
                receiver.wait_up()?;
                receiver.run_for(rounds.random.time_below(PAUSE))?;
                receiver.kill()?;
            }
            let mut receiver = Worker::start("receiver", &words)?;
            receiver.call(&format!("total {COUNT}")).doing("the last receiver")?;
            receiver.finish()?;
            folder.judge("", &["always"])
        })();
        sum.add(&folder.close(outcome)?);
        rounds.done();
    }
    Ok(format!("{} times: {sum}", rounds.count))
}
