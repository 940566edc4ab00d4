//! Loss of power: the file system below a sender, a receiver or both is shut down at random moments
//! under load, so that what was not synchronised is gone; it is mounted again and everything goes
//! on. A control that synchronises nothing has to lose messages, or the test would not bite. The
//! main thread drives.

use std::time::Duration;

use oxmq_testing::Result;

use crate::folder::{Folder, Verdict};
use crate::mount::{self, Mount};
use crate::process::Worker;
use crate::{Rounds, Run};

/// Rounds with one file system and its histories.
const ROUNDS_PER_RUN: u64 = 50;

/// The longest time before the power fails, beyond the shortest.
const PAUSE: Duration = Duration::from_millis(60);

/// How long the processes live on without a disk.
const AFTER: Duration = Duration::from_millis(3);

/// A kind of loss of power.
struct Cut {
    name: &'static str,
    sync: &'static str,
    /// The receiver is there from the beginning, and not only at the end.
    receiver: bool,
    /// Whose stores are on the disk.
    sender_on_it: bool,
    receiver_on_it: bool,
    /// The shortest time before the power fails.
    least: Duration,
    rules: &'static [&'static str],
    rounds: u64,
}

const ALWAYS: Cut = Cut {
    name: "of the sender, always",
    sync: "always",
    receiver: true,
    sender_on_it: true,
    receiver_on_it: false,
    least: Duration::ZERO,
    rules: &["always"],
    rounds: 200,
};

const CUTS: [Cut; 7] = [
    ALWAYS,
    Cut { name: "of a sender without a peer, always", receiver: false, rounds: 50, ..ALWAYS },
    Cut {
        name: "of the receiver, always",
        sender_on_it: false,
        receiver_on_it: true,
        rounds: 50,
        ..ALWAYS
    },
    Cut { name: "of both, always", receiver_on_it: true, rounds: 50, ..ALWAYS },
    Cut { name: "of the sender, os", sync: "os", rules: &["tail"], rounds: 30, ..ALWAYS },
    Cut {
        name: "of the sender, interval",
        sync: "interval",
        // The disk is synchronised a hundred times in it, if each takes no longer than the
        // interval.
        rules: &["tail", "window=2000"],
        receiver: false,
        least: Duration::from_millis(2500),
        rounds: 3,
        ..ALWAYS
    },
    Cut {
        name: "of a control that synchronises nothing",
        sync: "os",
        receiver: false,
        rules: &["tail", "bites"],
        rounds: 10,
        ..ALWAYS
    },
];

/// Runs the scenarios.
pub(crate) fn run(run: &mut Run) {
    if let Some(missing) = mount::missing() {
        run.not_run("loss of power", &missing);
        return;
    }
    for cut in &CUTS {
        let name = format!("loss of power {}", cut.name);
        run.scenario(&name, cut.rounds, |rounds| campaign(cut, rounds));
    }
}

fn campaign(cut: &Cut, rounds: &mut Rounds<'_>) -> Result<String> {
    let mut sum = Verdict::default();
    let mut left = rounds.count;
    while left > 0 {
        let count = left.min(ROUNDS_PER_RUN);
        let folder = Folder::new()?;
        let outcome = play(cut, &folder, count, rounds);
        sum.add(&folder.close(outcome)?);
        left -= count;
    }
    Ok(format!("{} times: {sum}", rounds.count))
}

fn play(cut: &Cut, folder: &Folder, count: u64, rounds: &mut Rounds<'_>) -> Result<Verdict> {
    let disk = Mount::ext4(folder)?;
    let mut shutter = mount::shutter()?;
    let words = Parts::new(cut, folder, &disk, &mut rounds.random);
    let mut sender = words.sender()?;
    let mut receiver = if cut.receiver { Some(words.receiver()?) } else { None };
    for _ in 0..count {
        sender.wait_up()?;
        if let Some(receiver) = &mut receiver {
            receiver.wait_up()?;
        }
        sender.run_for(cut.least + rounds.random.time_below(PAUSE))?;
        shutter.call(&disk.path)?;
        sender.run_for(AFTER)?;
        if cut.sender_on_it {
            sender.kill()?;
        }
        if let Some(receiver) = &mut receiver {
            receiver.run_for(Duration::ZERO)?;
            if cut.receiver_on_it {
                receiver.kill()?;
            }
        }
        disk.again()?;
        if cut.sender_on_it {
            sender = words.sender()?;
        }
        if cut.receiver_on_it && receiver.is_some() {
            receiver = Some(words.receiver()?);
        }
        rounds.done();
    }
    let receiver = match receiver {
        Some(receiver) => receiver,
        None => words.receiver()?,
    };
    sender.call("drain")?;
    sender.finish()?;
    receiver.finish()?;
    folder.judge("", cut.rules)
}

/// What the two processes are told.
struct Parts {
    sender: Vec<String>,
    receiver: Vec<String>,
}

impl Parts {
    fn new(cut: &Cut, folder: &Folder, disk: &Mount, random: &mut crate::random::Random) -> Parts {
        let common = |role: &str, kind: &str, on_it: bool| {
            let store = if on_it { disk.at(role) } else { folder.at(&format!("{role}.store")) };
            vec![
                format!("role={role}"),
                format!("type={kind}"),
                format!("name={role}"),
                format!("store={store}"),
                format!("history={}", folder.at(&format!("{role}.history"))),
                format!("endpoint=ipc://{}", folder.at("link")),
                "faults=expected".to_owned(),
            ]
        };
        let mut sender = common("sender", "PUSH", cut.sender_on_it);
        sender.push(format!("lanes={}", 1 + random.below(4)));
        sender.push(format!("sync={}", cut.sync));
        sender.push("interval=20".to_owned());
        sender.push("side=bind".to_owned());
        if cut.receiver {
            sender.push("max=5000".to_owned());
        }
        let mut receiver = common("receiver", "PULL", cut.receiver_on_it);
        let ack = if random.coin() { "ack=explicit" } else { "ack=automatic" };
        receiver.extend(["side=connect", ack].map(str::to_owned));
        Parts { sender, receiver }
    }

    fn sender(&self) -> Result<Worker> {
        Worker::start("sender", &self.sender)
    }

    fn receiver(&self) -> Result<Worker> {
        Worker::start("receiver", &self.receiver)
    }
}
