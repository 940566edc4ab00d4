//! kill -9 at random moments under load: the sender, the receiver, the device between, both ends,
//! or any of them. Each victim starts again at once; after some rounds everything is drained and
//! the histories are judged. The main thread drives; everybody else is a process.

use std::time::Duration;

use oxmq_testing::{Doing, Result, reserve_tcp};

use crate::folder::{Folder, Verdict};
use crate::process::Worker;
use crate::random::Random;
use crate::{Rounds, Run};

/// Rounds with one set of stores and histories.
const ROUNDS_PER_RUN: u64 = 25;

/// The longest time between two kills.
const PAUSE: Duration = Duration::from_millis(80);

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Sender,
    Receiver,
    Device,
    Both,
    Any,
}

impl Victim {
    const ALL: [Victim; 5] =
        [Victim::Sender, Victim::Receiver, Victim::Device, Victim::Both, Victim::Any];

    fn name(self) -> &'static str {
        match self {
            Victim::Sender => "the sender",
            Victim::Receiver => "the receiver",
            Victim::Device => "the device between",
            Victim::Both => "both ends",
            Victim::Any => "anybody",
        }
    }
}

/// The types of the two ends, and of a device's two sides.
struct Pattern {
    name: &'static str,
    sender: &'static str,
    receiver: &'static str,
    /// Messages go both ways.
    replies: bool,
}

const PATTERNS: [Pattern; 4] = [
    Pattern { name: "PUSH to PULL", sender: "PUSH", receiver: "PULL", replies: false },
    Pattern { name: "PUB to SUB", sender: "PUB", receiver: "SUB", replies: false },
    Pattern { name: "DEALER and ROUTER", sender: "DEALER", receiver: "ROUTER", replies: true },
    Pattern { name: "REQ and REP", sender: "REQ", receiver: "REP", replies: true },
];

/// Runs the scenarios.
pub(crate) fn run(run: &mut Run) {
    for pattern in &PATTERNS {
        match is_built(pattern) {
            Ok(true) => {}
            Ok(false) => {
                println!("NOT BUILT {}: its sockets cannot be durable", pattern.name);
                continue;
            }
            Err(error) => println!("probing {}: {error}", pattern.name),
        }
        for victim in Victim::ALL {
            if pattern.replies && victim == Victim::Device {
                continue;
            }
            let name = format!("kill {}, {}", victim.name(), pattern.name);
            run.scenario(&name, 10, |rounds| campaign(pattern, victim, rounds));
        }
    }
}

/// Both ends of the pattern open as durable sockets.
fn is_built(pattern: &Pattern) -> Result<bool> {
    let folder = Folder::new()?;
    let mut built = true;
    let roles = if pattern.replies { ["asker", "answerer"] } else { ["sender", "receiver"] };
    for (role, kind) in roles.into_iter().zip([pattern.sender, pattern.receiver]) {
        let words = [
            format!("role={role}"),
            format!("type={kind}"),
            format!("store={}", folder.at(role)),
            "name=probe".to_owned(),
            "endpoint=tcp://127.0.0.1:*".to_owned(),
            "side=bind".to_owned(),
            format!("history={}", folder.at("probe")),
            format!("replies={}", folder.at("probe-replies")),
        ];
        let mut worker = Worker::start(role, &words)?;
        built &= match worker.line()?.as_str() {
            "up" => true,
            "unsupported" => false,
            other => return Err(other.to_owned()),
        };
    }
    Ok(built)
}

fn campaign(pattern: &Pattern, victim: Victim, rounds: &mut Rounds<'_>) -> Result<String> {
    let mut sum = Verdict::default();
    let mut left = rounds.count;
    while left > 0 {
        let count = left.min(ROUNDS_PER_RUN);
        let folder = Folder::new()?;
        let outcome = Case::new(pattern, victim, &folder, &mut rounds.random)
            .and_then(|case| case.play(&folder, count, rounds));
        sum.add(&folder.close(outcome)?);
        left -= count;
    }
    Ok(format!("{} kills: {sum}", rounds.count))
}

/// One set of processes: the words with which each starts, nearest to the sender first.
struct Case {
    words: Vec<(&'static str, Vec<String>)>,
    victim: Victim,
    publishes: bool,
    asks_in_turn: bool,
    /// The folders of histories, with the rules by which they are judged.
    rules: Vec<(&'static str, Vec<&'static str>)>,
}

impl Case {
    fn new(
        pattern: &Pattern,
        victim: Victim,
        folder: &Folder,
        random: &mut Random,
    ) -> Result<Case> {
        for way in ["there", "back"] {
            std::fs::create_dir_all(folder.at(way)).doing("making a folder")?;
        }
        let may_have = victim == Victim::Any && !pattern.replies && random.coin();
        let has_device = victim == Victim::Device || may_have;
        let (out, back) = link(pattern, folder, "first", random)?;
        let mut sender = common(folder, if pattern.replies { "asker" } else { "sender" });
        sender.extend(out);
        sender.push("name=sender".to_owned());
        sender.push(format!("history={}", folder.at("there/sender.history")));
        sender.push(format!("replies={}", folder.at("back/receiver.history")));
        sender.push(format!("lanes={}", 1 + random.below(4)));
        let mut words = vec![("sender", sender)];
        let mut nearest = back;
        // A device that settles with what it sends cannot send anything twice.
        let as_one = has_device && random.coin();
        if has_device {
            let (out, back) = link(pattern, folder, "second", random)?;
            let mut device = common(folder, "device");
            device.extend(std::mem::replace(&mut nearest, back));
            device.extend(out.iter().map(|word| format!("out-{word}")));
            device.push(format!("history={}", folder.at("device.history")));
            device
                .extend(["name=device", "out-name=device-out", "ack=explicit"].map(str::to_owned));
            if as_one {
                device.push("transaction=yes".to_owned());
            }
            words.push(("device", device));
        }
        let mut receiver = common(folder, if pattern.replies { "answerer" } else { "receiver" });
        receiver.extend(nearest);
        receiver.push("name=receiver".to_owned());
        receiver.push(format!("history={}", folder.at("there/receiver.history")));
        receiver.push(format!("replies={}", folder.at("back/sender.history")));
        let may_choose = pattern.sender != "REQ";
        let explicit = may_choose && random.coin();
        receiver.push(if explicit { "ack=explicit" } else { "ack=automatic" }.to_owned());
        receiver.push(format!("pause-every={}", random.below(3) * 50));
        words.push(("receiver", receiver));
        let mut there = vec!["always"];
        if has_device && !as_one {
            there.push("device");
        }
        let mut rules = vec![("there", there)];
        if pattern.replies {
            // A REQ passes over a second reply to a request that the REP was given twice.
            rules
                .push(("back", if may_choose { vec!["always"] } else { vec!["always", "sparse"] }));
        }
        let publishes = pattern.sender == "PUB";
        Ok(Case { words, victim, publishes, asks_in_turn: !may_choose, rules })
    }

    fn start(&self, index: usize) -> Result<Worker> {
        let (name, words) = &self.words[index];
        Worker::start(name, words)
    }

    /// Who is killed in a round.
    fn victims(&self, random: &mut Random) -> Vec<usize> {
        let last = self.words.len() - 1;
        match self.victim {
            Victim::Sender => vec![0],
            Victim::Receiver => vec![last],
            Victim::Device => vec![1],
            Victim::Both => vec![0, last],
            Victim::Any => {
                let mut some: Vec<usize> = (0..=last).filter(|_| random.coin()).collect();
                if some.is_empty() {
                    some.push(*random.of(&[0, last]));
                }
                some
            }
        }
    }

    fn play(&self, folder: &Folder, count: u64, rounds: &mut Rounds<'_>) -> Result<Verdict> {
        let mut workers = Vec::new();
        for index in 0..self.words.len() {
            let warms = self.publishes && index == 0;
            workers.push(if warms { self.start_warm()? } else { self.start(index)? });
        }
        for worker in &mut workers {
            worker.wait_up()?;
        }
        let last = workers.len() - 1;
        if self.publishes {
            // Whoever was never there gets nothing: until every subscriber has its place, what is
            // published does not count.
            workers[last].call("first")?;
            workers[0].call("stop")?;
            workers[0].kill()?;
            workers[0] = self.start(0)?;
        }
        for _ in 0..count {
            let victims = self.victims(&mut rounds.random);
            // One in four is killed wherever it is in its start.
            if rounds.random.below(4) > 0 {
                for index in &victims {
                    workers[*index].wait_up()?;
                }
            }
            workers[victims[0]].run_for(rounds.random.time_below(PAUSE))?;
            for worker in &mut workers {
                worker.run_for(Duration::ZERO)?;
            }
            for index in &victims {
                workers[*index].kill()?;
            }
            for index in victims {
                workers[index] = self.start(index)?;
            }
            rounds.done();
        }
        if self.publishes {
            workers[0].call("mark")?;
            workers[last].call("mark")?;
        }
        // What a REQ does not ask for any more stays with the REP.
        let drains = if self.asks_in_turn { 1 } else { workers.len() };
        for worker in &mut workers[..drains] {
            worker.call("drain")?;
        }
        for worker in workers {
            worker.finish()?;
        }
        let mut sum = Verdict::default();
        for (way, rules) in &self.rules {
            sum.add(&folder.judge(way, rules)?);
        }
        Ok(sum)
    }

    /// A sender that publishes what does not count.
    fn start_warm(&self) -> Result<Worker> {
        let (name, words) = &self.words[0];
        let mut words = words.clone();
        words.retain(|word| !word.starts_with("lanes="));
        words.push("warm=yes".to_owned());
        Worker::start(name, &words)
    }
}

/// What all parts of a case have.
fn common(folder: &Folder, role: &str) -> Vec<String> {
    vec![
        format!("role={role}"),
        format!("store={}", folder.at(&format!("{role}.store"))),
        "max=5000".to_owned(),
    ]
}

/// The words of the two ends of a link: types, endpoint, and who binds.
fn link(
    pattern: &Pattern,
    folder: &Folder,
    name: &str,
    random: &mut Random,
) -> Result<(Vec<String>, Vec<String>)> {
    let endpoint = match random.coin() {
        true => format!("ipc://{}", folder.at(name)),
        false => reserve_tcp()?,
    };
    let sender_binds = random.coin();
    let words = |kind: &str, binds: bool| {
        let side = if binds { "bind" } else { "connect" };
        vec![format!("type={kind}"), format!("endpoint={endpoint}"), format!("side={side}")]
    };
    Ok((words(pattern.sender, sender_binds), words(pattern.receiver, !sender_binds)))
}
