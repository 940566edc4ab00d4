//! Clone: a table of keys and values that is kept in step on many clients.
//!
//! Clients push changes to the server, which numbers and publishes them. A client that joins late
//! subscribes first, then asks for a snapshot, and drops those updates that the snapshot has. When
//! a number is missing, or it has heard nothing for a while, it asks for another snapshot.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use oxmq::{Context, Dealer, Error, Interest, Message, Poller, Pub, Pull, Push, Router, Sub};

type Table = BTreeMap<String, String>;

const CLIENTS: usize = 3;
const CHANGES: u64 = 100;
/// Silence after which a client wants to know whether it missed something.
const SILENCE: Duration = Duration::from_millis(200);

#[derive(Clone)]
struct Endpoints {
    snapshots: String,
    updates: String,
    changes: String,
}

struct Server {
    snapshots: Router,
    updates: Pub,
    changes: Pull,
    table: Table,
    sequence: u64,
}

impl Server {
    fn bind(context: &Context) -> oxmq::Result<(Server, Endpoints)> {
        let (snapshots, updates) = (Router::new(context)?, Pub::new(context)?);
        let changes = Pull::new(context)?;
        let endpoints = Endpoints {
            snapshots: snapshots.bind("tcp://127.0.0.1:*")?,
            updates: updates.bind("tcp://127.0.0.1:*")?,
            changes: changes.bind("tcp://127.0.0.1:*")?,
        };
        Ok((Server { snapshots, updates, changes, table: Table::new(), sequence: 0 }, endpoints))
    }

    fn run(&mut self) -> oxmq::Result<()> {
        let (mut poller, mut events) = (Poller::new()?, Vec::new());
        poller.add(&self.snapshots, 0, Interest::READABLE)?;
        poller.add(&self.changes, 1, Interest::READABLE)?;
        loop {
            poller.wait(&mut events, None)?;
            for event in &events {
                match event.key {
                    0 => self.send_snapshot()?,
                    _ => self.publish_change()?,
                }
            }
        }
    }

    fn send_snapshot(&mut self) -> oxmq::Result<()> {
        let (client, _request) = self.snapshots.recv_from()?;
        for (key, value) in &self.table {
            self.snapshots.send_to(&client, [key.as_str(), value])?;
        }
        self.snapshots.send_to(&client, ["", &self.sequence.to_string()])?;
        Ok(())
    }

    fn publish_change(&mut self) -> oxmq::Result<()> {
        let mut change = self.changes.recv()?;
        let (key, value) = pair(&change);
        self.table.insert(key, value);
        self.sequence += 1;
        change.push(self.sequence.to_string());
        self.updates.send(change)?;
        Ok(())
    }
}

/// The first two parts as text.
fn pair(message: &Message) -> (String, String) {
    let text = |index| message.part(index).and_then(|part| part.as_str().ok()).unwrap_or("");
    (text(0).to_owned(), text(1).to_owned())
}

/// Keeps a copy of the table until it has that of the last change.
fn follow(context: &Context, endpoints: &Endpoints) -> oxmq::Result<Table> {
    let (updates, snapshots) = (Sub::new(context)?, Dealer::new(context)?);
    updates.subscribe("")?;
    updates.connect(&endpoints.updates)?;
    updates.wait_connected(1)?;
    snapshots.connect(&endpoints.snapshots)?;
    let (mut table, mut sequence) = fetch(&snapshots)?;
    while sequence < CHANGES {
        let update = match updates.recv_timeout(SILENCE) {
            Err(Error::TimedOut) => {
                (table, sequence) = fetch(&snapshots)?;
                continue;
            }
            update => update?,
        };
        let number = update.part(2).and_then(|part| part.as_str().ok()?.parse().ok()).unwrap_or(0);
        if number == sequence + 1 {
            let (key, value) = pair(&update);
            table.insert(key, value);
            sequence = number;
        } else if number > sequence {
            (table, sequence) = fetch(&snapshots)?;
        }
    }
    Ok(table)
}

/// A snapshot, and the number of the last change that is in it.
fn fetch(snapshots: &Dealer) -> oxmq::Result<(Table, u64)> {
    snapshots.send("snapshot, please")?;
    let mut table = Table::new();
    loop {
        let (key, value) = pair(&snapshots.recv()?);
        if key.is_empty() {
            return Ok((table, value.parse().unwrap_or(0)));
        }
        table.insert(key, value);
    }
}

/// A shutdown of the context is how these threads are told to end.
fn until_shutdown(end: oxmq::Result<()>) -> oxmq::Result<()> {
    match end {
        Err(Error::Terminated) => Ok(()),
        end => end,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = Context::new();
    let (mut server, endpoints) = Server::bind(&context)?;
    // The clients are programs of their own, so to speak.
    let others = Context::new();
    thread::scope(|scope| {
        let server = scope.spawn(|| until_shutdown(server.run()).map(|()| server.table.clone()));
        let followers: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(|| follow(&others, &endpoints))).collect();
        let changes = Push::new(&others)?;
        changes.connect(&endpoints.changes)?;
        for number in 0..CHANGES {
            changes.send([format!("key-{}", number % 10), number.to_string()])?;
        }
        let mut copies = Vec::new();
        for follower in followers {
            copies.push(follower.join().map_err(|_| "a client panicked")??);
        }
        context.shutdown();
        let table = server.join().map_err(|_| "the server panicked")??;
        assert_eq!(table.get("key-9").map(String::as_str), Some("99"));
        assert!(copies.iter().all(|copy| *copy == table), "the copies are alike");
        Ok(())
    })
}
