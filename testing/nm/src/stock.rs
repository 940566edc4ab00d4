//! Stock clients and services: processes of `peers/nm.py`, and what their clients have counted.
//! Each value owns its process; the main thread calls.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use oxmq_testing::{Child, Result};

/// A process of stock clients or stock services.
pub(crate) struct Stock(Child);

/// What clients have received.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Requests that were sent once more.
    pub(crate) retries: u64,
    /// Replies of each service, by its name.
    pub(crate) replies: BTreeMap<String, u64>,
}

impl Tally {
    /// Adds what others have received.
    pub(crate) fn add(&mut self, other: Tally) {
        self.retries += other.retries;
        for (name, count) in other.replies {
            *self.replies.entry(name).or_default() += count;
        }
    }

    /// Checks that there are so many replies, of so many services; for the report, the fewest
    /// and the most of a service.
    pub(crate) fn check(&self, replies: u64, services: usize) -> Result<String> {
        let all: u64 = self.replies.values().sum();
        if all != replies || self.replies.len() != services {
            return Err(format!("{replies} replies of {services} services wanted: {self:?}"));
        }
        let least = self.replies.values().min().copied().unwrap_or(0);
        let most = self.replies.values().max().copied().unwrap_or(0);
        Ok(format!("{all} replies, {least} to {most} of a service"))
    }
}

impl Stock {
    /// Starts a process by the Python of `OXMQ_PYTHON`, or else by the system's, and waits until
    /// it is ready.
    ///
    /// # Errors
    /// There is no Python, or no pyzmq.
    pub(crate) fn start() -> Result<Stock> {
        let python = std::env::var_os("OXMQ_PYTHON").unwrap_or_else(|| "/usr/bin/python3".into());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/nm.py");
        let mut child = Child::start("stock peer", Command::new(python).arg(script))?;
        child.finish()?;
        Ok(Stock(child))
    }

    /// Starts services with these names at these endpoints, and returns where they are.
    pub(crate) fn services(
        &mut self,
        role: &str,
        pairs: &[(String, String)],
    ) -> Result<Vec<String>> {
        let answer = self.0.call(format_args!("services {role} {}", joined(pairs)))?;
        Ok(answer.split_whitespace().map(str::to_owned).collect())
    }

    /// Starts clients that ask so many times each, and returns where they are. With `retry` they
    /// ask again when a reply does not come soon.
    pub(crate) fn clients(
        &mut self,
        role: &str,
        retry: bool,
        count: u64,
        pairs: &[(String, String)],
    ) -> Result<Vec<String>> {
        let patience = if retry { "retry" } else { "strict" };
        let pairs = joined(pairs);
        let answer = self.0.call(format_args!("clients {role} {patience} {count} {pairs}"))?;
        Ok(answer.split_whitespace().map(str::to_owned).collect())
    }

    /// Waits until each socket has met a peer.
    pub(crate) fn met(&mut self) -> Result<()> {
        self.0.call("met").map(drop)
    }

    /// Waits for the first reply to a client.
    pub(crate) fn first(&mut self) -> Result<()> {
        self.0.call("first").map(drop)
    }

    /// Waits until the services have received so many requests.
    pub(crate) fn handled(&mut self, count: u64) -> Result<()> {
        self.0.call(format_args!("handled {count}")).map(drop)
    }

    /// Waits until each client has all its replies.
    pub(crate) fn done(&mut self) -> Result<Tally> {
        let answer = self.0.call("done")?;
        let wrong = || format!("a tally reads {answer:?}");
        let mut words = answer.split_whitespace();
        let retries = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
        let mut replies = BTreeMap::new();
        for word in words {
            let (name, count) = word.split_once('=').ok_or_else(wrong)?;
            replies.insert(name.to_owned(), count.parse().map_err(|_| wrong())?);
        }
        Ok(Tally { retries, replies })
    }
}

/// `NAME=ENDPOINT` with spaces between.
fn joined(pairs: &[(String, String)]) -> String {
    let words: Vec<String> = pairs.iter().map(|(name, at)| format!("{name}={at}")).collect();
    words.join(" ")
}
