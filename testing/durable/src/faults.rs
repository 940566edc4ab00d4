//! Disks that are full, that become read-only or lose a store's directory, and processes without
//! descriptors: nobody aborts, calls fail or wait as on a socket without a peer, and everything
//! goes on when the fault is gone. The main thread drives.

use std::time::{Duration, Instant};

use oxmq_testing::{Doing, Result};

use crate::folder::Folder;
use crate::mount::{self, Mount};
use crate::process::{NEVER, Worker};
use crate::{Rounds, Run};

/// Time in which something goes on, or does not.
const WHILE: Duration = Duration::from_millis(400);

/// Size of a small disk.
const TMPFS_KIB: u64 = 6 * 1024;

/// Runs the scenarios.
pub(crate) fn run(run: &mut Run) {
    if let Some(missing) = mount::missing() {
        run.not_run("disks at fault", &missing);
    } else {
        run.scenario("a sender whose disk is full", 2, full_sender);
        run.scenario("a receiver whose disk is full", 2, full_receiver);
        run.scenario("a disk that becomes read-only", 3, read_only);
    }
    run.scenario("a store whose directory is removed", 3, removed);
    run.scenario("a sender without descriptors", 3, descriptors);
}

struct Case<'a> {
    folder: &'a Folder,
}

impl Case<'_> {
    fn words(&self, role: &str, store: &str) -> Vec<String> {
        let (kind, side) = if role == "sender" { ("PUSH", "bind") } else { ("PULL", "connect") };
        vec![
            format!("role={role}"),
            format!("type={kind}"),
            format!("name={role}"),
            format!("store={store}"),
            format!("history={}", self.folder.at(&format!("{role}.history"))),
            format!("endpoint=ipc://{}", self.folder.at("link")),
            format!("side={side}"),
            "lanes=2".to_owned(),
            "ack=explicit".to_owned(),
            "faults=expected".to_owned(),
        ]
    }

    /// How many messages a sender has sent by now.
    fn sent(&self) -> Result<usize> {
        let text = std::fs::read_to_string(self.folder.at("sender.history")).doing("reading")?;
        Ok(text.lines().filter(|line| line.starts_with("sent ")).count())
    }

    /// Waits until no message is sent for a while.
    fn wait_mute(&self, sender: &mut Worker) -> Result<usize> {
        let mut before = self.sent()?;
        loop {
            sender.run_for(WHILE)?;
            let now = self.sent()?;
            if now == before {
                return Ok(now);
            }
            before = now;
        }
    }

    /// Everything goes on: more is sent, drained, and nothing is lost.
    fn goes_on(&self, mut sender: Worker, receiver: Worker, mute: usize) -> Result<String> {
        let end = Instant::now() + NEVER;
        while self.sent()? == mute {
            sender.run_for(WHILE / 20)?;
            if Instant::now() > end {
                return Err(format!("nothing is sent after {mute} messages"));
            }
        }
        sender.call("drain")?;
        sender.finish()?;
        receiver.finish()?;
        Ok(format!("{mute} sent before, {}", self.folder.judge("", &["always"])?))
    }
}

/// Runs a scenario in a folder of its own so many times; the last note is the report.
fn times(rounds: &mut Rounds<'_>, play: impl Fn(&Case<'_>) -> Result<String>) -> Result<String> {
    let mut note = String::new();
    for _ in 0..rounds.count {
        let folder = Folder::new()?;
        let outcome = play(&Case { folder: &folder });
        note = folder.close(outcome)?;
        rounds.done();
    }
    Ok(format!("{} times, the last: {note}", rounds.count))
}

fn full_sender(rounds: &mut Rounds<'_>) -> Result<String> {
    times(rounds, |case| {
        let disk = Mount::tmpfs(case.folder, TMPFS_KIB)?;
        let mut sender = Worker::start("sender", &case.words("sender", &disk.at("store")))?;
        sender.wait_up()?;
        let mute = case.wait_mute(&mut sender)?;
        if mute == 0 {
            return Err("nothing could be sent".to_owned());
        }
        let store = case.folder.at("receiver.store");
        let receiver = Worker::start("receiver", &case.words("receiver", &store))?;
        case.goes_on(sender, receiver, mute)
    })
}

fn full_receiver(rounds: &mut Rounds<'_>) -> Result<String> {
    times(rounds, |case| {
        let disk = Mount::tmpfs(case.folder, TMPFS_KIB)?;
        let mut receiver = Worker::start("receiver", &case.words("receiver", &disk.at("store")))?;
        receiver.wait_up()?;
        // Somebody else fills the disk.
        let bytes = vec![1; 64 << 20];
        if std::fs::write(disk.at("filler"), bytes).is_ok() {
            return Err("the disk does not become full".to_owned());
        }
        let mut words = case.words("sender", &case.folder.at("sender.store"));
        words.push("max=5000".to_owned());
        let mut sender = Worker::start("sender", &words)?;
        sender.wait_up()?;
        sender.run_for(WHILE)?;
        receiver.run_for(WHILE)?;
        let full = case.sent()?;
        std::fs::remove_file(disk.at("filler")).doing("making room")?;
        case.goes_on(sender, receiver, full)
    })
}

fn read_only(rounds: &mut Rounds<'_>) -> Result<String> {
    times(rounds, |case| {
        let disk = Mount::ext4(case.folder)?;
        let words = case.words("sender", &disk.at("store"));
        let mut sender = Worker::start("sender", &words)?;
        sender.wait_up()?;
        sender.run_for(WHILE)?;
        let trigger = format!("/sys/fs/ext4/{}/trigger_fs_error", disk.device()?);
        std::fs::write(trigger, "a test").doing("making the disk read-only")?;
        let mute = case.wait_mute(&mut sender)?;
        sender.kill()?;
        disk.again()?;
        let sender = Worker::start("sender", &words)?;
        let store = case.folder.at("receiver.store");
        let receiver = Worker::start("receiver", &case.words("receiver", &store))?;
        case.goes_on(sender, receiver, mute)
    })
}

/// The files are open still: the processes go on, and what is sent while they live arrives.
fn removed(rounds: &mut Rounds<'_>) -> Result<String> {
    times(rounds, |case| {
        let mut words = case.words("sender", &case.folder.at("sender.store"));
        words.push("max=5000".to_owned());
        let mut sender = Worker::start("sender", &words)?;
        sender.wait_up()?;
        sender.run_for(WHILE)?;
        std::fs::remove_dir_all(case.folder.at("sender.store")).doing("removing the store")?;
        sender.run_for(WHILE)?;
        let sent = case.sent()?;
        let store = case.folder.at("receiver.store");
        let mut receiver = Worker::start("receiver", &case.words("receiver", &store))?;
        receiver.wait_up()?;
        sender.run_for(WHILE)?;
        receiver.run_for(WHILE)?;
        sender.call("drain")?;
        sender.finish()?;
        receiver.finish()?;
        Ok(format!("{sent} sent before, {}", case.folder.judge("", &["always"])?))
    })
}

/// Connections cannot be accepted, and files not opened, until there are more.
fn descriptors(rounds: &mut Rounds<'_>) -> Result<String> {
    times(rounds, |case| {
        let mut words = case.words("sender", &case.folder.at("sender.store"));
        words.push("max=5000".to_owned());
        let mut sender = Worker::start("sender", &words)?;
        sender.wait_up()?;
        sender.call("no-descriptors")?;
        let store = case.folder.at("receiver.store");
        let mut receiver = Worker::start("receiver", &case.words("receiver", &store))?;
        sender.run_for(WHILE)?;
        receiver.run_for(WHILE)?;
        let mute = case.wait_mute(&mut sender)?;
        sender.call("descriptors")?;
        case.goes_on(sender, receiver, mute)
    })
}
