//! Durable sockets of oxmq in a simulated world: `oxmq-sim`.
//!
//! One number decides everything: which sockets there are, what they send, what the network and the
//! disks do to them, and in which order threads go on. What runs is the engine itself with its
//! journal, in one thread, in simulated time (`oxmq_engine::simulation`); the history of what its
//! applications and its connections saw is then held against the promises of doc/durable.md. The
//! same number gives the same run again, which its hash shows.
//!
//! | part | what it is |
//! |---|---|
//! | `plan` | what a seed decides before anything runs |
//! | `world` | nodes, network and time, and the events that make them go on |
//! | `node`, `stock` | a process with one of our sockets; a peer that is not one of ours |
//! | `network`, `disk` | connections that carry octets until they are cut; disks that crash |
//! | `wire`, `frames` | what went over the connections, read without the code under test |
//! | `history` | what happened, as the checkers read it |
//! | `check` | the checkers of I1 to I10 |
//!
//! Not simulated: two threads inside one socket or one store at the same time, the I/O thread's own
//! loop and epoll, name look-ups, mechanisms but NULL, and several sockets on one store.

mod check;
mod disk;
mod frames;
mod history;
mod message;
mod network;
mod node;
mod plan;
mod stock;
mod wire;
mod world;

pub use plan::{Control, Pattern};

/// What a run is asked for besides its seed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The pattern, or that which the seed draws.
    pub pattern: Option<Pattern>,
    /// A rule to be broken.
    pub control: Option<Control>,
    /// Print every step.
    pub trace: bool,
}

/// How a run went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The pattern that was run.
    pub pattern: Pattern,
    /// The same for two runs that did the same.
    pub hash: u64,
    /// Events.
    pub steps: u64,
    /// Sends that returned well, and messages that applications received.
    pub sent: u64,
    /// See `sent`.
    pub received: u64,
    /// Lives of processes that ended before the end.
    pub ended: u64,
    /// Simulated time in microseconds.
    pub micros: u64,
    /// Promises that were not kept, each with its rule.
    pub violations: Vec<String>,
}

/// Runs the world of a seed to its end, and checks it.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Outcome {
    let plan = plan::Plan::new(seed, options.pattern);
    if options.trace {
        println!("{plan:#?}");
    }
    let ending = world::World::new(plan, seed, options.control, options.trace).run();
    let operations = &ending.history.operations;
    let mut violations: Vec<String> = check::check(&ending.plan, operations)
        .into_iter()
        .map(|violation| format!("{}: {}", violation.rule, violation.what))
        .collect();
    violations.extend(ending.restless.map(|what| format!("I1: does not come to rest, {what}")));
    let count = |wanted: fn(&history::What) -> bool| {
        operations.iter().filter(|operation| wanted(&operation.what)).count() as u64
    };
    Outcome {
        pattern: ending.plan.pattern,
        hash: ending.history.hash(),
        steps: ending.steps,
        sent: count(|what| matches!(what, history::What::Sent(_))),
        received: count(|what| matches!(what, history::What::Received { .. })),
        ended: count(|what| matches!(what, history::What::Ended(_))),
        micros: operations.last().map_or(0, |operation| operation.at),
        violations,
    }
}
