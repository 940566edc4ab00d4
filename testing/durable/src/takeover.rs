//! Two processes that fight for one store, and two of one durable name with a store each, of which
//! the older stands still and goes on after it was replaced. The main thread drives.

use std::time::Duration;

use oxmq_testing::Result;

use crate::folder::{Folder, Verdict};
use crate::process::Worker;
use crate::{Rounds, Run};

/// The longest time between two steps.
const PAUSE: Duration = Duration::from_millis(40);

/// Takeovers with one set of stores and histories.
const ROUNDS_PER_RUN: u64 = 20;

/// EADDRINUSE.
const IN_USE: &str = "errno 98:";

/// Runs the scenarios.
pub(crate) fn run(run: &mut Run) {
    run.scenario("a store that another process has", 20, store);
    run.scenario("a name that another process takes over", 20, name);
}

/// The second is refused while the first lives, also while that stands still; once the first was
/// killed, the next one has it.
fn store(rounds: &mut Rounds<'_>) -> Result<String> {
    let folder = Folder::new()?;
    let outcome = (|| {
        let words = |number: u64| {
            vec![
                "role=sender".to_owned(),
                "type=PUSH".to_owned(),
                format!("name=sender-{}", number % 2),
                format!("store={}", folder.at("store")),
                format!("history={}", folder.at("sender.history")),
                "lanes=1".to_owned(),
                "endpoint=tcp://127.0.0.1:*".to_owned(),
                "side=bind".to_owned(),
            ]
        };
        let mut owner = Worker::start("the owner", &words(0))?;
        owner.wait_up()?;
        let mut refused = 0;
        for round in 0..rounds.count {
            let stands_still = rounds.random.coin();
            owner.run_for(rounds.random.time_below(PAUSE))?;
            if stands_still {
                owner.pause()?;
            }
            for other in 0..2 {
                let said = Worker::start("the other", &words(round + other))?.line()?;
                if !said.starts_with(IN_USE) {
                    return Err(format!("a second owner is not refused but says: {said}"));
                }
                refused += 1;
            }
            if stands_still {
                owner.resume()?;
            }
            owner.run_for(rounds.random.time_below(PAUSE))?;
            owner.kill()?;
            owner = Worker::start("the owner", &words(round + 1))?;
            owner.wait_up()?;
            rounds.done();
        }
        owner.call("stop")?;
        owner.finish()?;
        Ok(format!("{} owners, {refused} refused", rounds.count + 1))
    })();
    folder.close(outcome)
}

/// A receiver stands still, another of its name and with a store of its own takes its place, and
/// the first goes on: what it says counts no more, and it is given nothing more. The application of
/// both is one, with one history, so that everything is dealt with once all the same.
fn name(rounds: &mut Rounds<'_>) -> Result<String> {
    let mut sum = Verdict::default();
    let mut fenced = 0;
    let mut left = rounds.count;
    while left > 0 {
        let count = left.min(ROUNDS_PER_RUN);
        let folder = Folder::new()?;
        let outcome = takeovers(&folder, count, rounds);
        let (verdict, count_fenced) = folder.close(outcome)?;
        sum.add(&verdict);
        fenced += count_fenced;
        left -= count;
    }
    Ok(format!("{} takeovers, {fenced} told so: {sum}", rounds.count))
}

fn takeovers(folder: &Folder, count: u64, rounds: &mut Rounds<'_>) -> Result<(Verdict, u64)> {
    let endpoint = format!("ipc://{}", folder.at("link"));
    let words = |role: &str, kind: &str, side: &str, store: &str| {
        vec![
            format!("role={role}"),
            format!("type={kind}"),
            format!("name={role}"),
            format!("store={}", folder.at(store)),
            format!("history={}", folder.at(&format!("{role}.history"))),
            format!("endpoint={endpoint}"),
            format!("side={side}"),
            "lanes=2".to_owned(),
            "max=5000".to_owned(),
            "ack=explicit".to_owned(),
        ]
    };
    let mut sender = Worker::start("sender", &words("sender", "PUSH", "bind", "sender.store"))?;
    sender.wait_up()?;
    let start = |number: u64| -> Result<Worker> {
        let words = words("receiver", "PULL", "connect", &format!("receiver-{number}.store"));
        let mut worker = Worker::start("receiver", &words)?;
        worker.wait_up()?;
        Ok(worker)
    };
    let mut fenced = 0;
    let mut owner = start(0)?;
    for round in 1..=count {
        owner.call("first")?;
        owner.run_for(rounds.random.time_below(PAUSE))?;
        // It stands still between two messages; what it has in hand and says of it later does not
        // count any more.
        owner.call("hold")?;
        owner.pause()?;
        // A receiver reads the whole history when it starts; nothing is added to it meanwhile.
        sender.pause()?;
        let mut next = start(round)?;
        sender.resume()?;
        next.call("first")?;
        owner.resume()?;
        owner.call("late")?;
        next.run_for(rounds.random.time_below(PAUSE))?;
        let told = owner.call("fenced")?;
        fenced += u64::from(told == "fenced");
        let before = owner.call("count")?;
        owner.run_for(rounds.random.time_below(PAUSE))?;
        let after = owner.call("count")?;
        if before != after {
            return Err(format!("{before} messages became {after} after it was fenced"));
        }
        owner.finish()?;
        owner = next;
        rounds.done();
    }
    sender.call("drain")?;
    sender.finish()?;
    owner.finish()?;
    Ok((folder.judge("", &["always", "device"])?, fenced))
}
