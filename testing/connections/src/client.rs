//! The end that connects: a process of its own that is told by lines what to do and answers each
//! with a line. Driven by its main thread, which owns the sockets.
//!
//! Every round has a context of its own, so that closing it has to give back all that it took.

use std::collections::HashSet;
use std::io::BufRead;
use std::time::{Duration, Instant};

use oxmq::{AnySocket, Context, SocketType};
use oxmq_testing::{Doing, Result, descriptors_max, rss_kib};

use crate::footprint::Footprint;

/// What makes this program the end that connects.
pub(crate) const ARGUMENT: &str = "--client";

/// Time after which closing counts as hung.
const NEVER: Duration = Duration::from_secs(15);

/// Does what the lines on the standard input say, until they end.
pub(crate) fn run() -> Result<()> {
    descriptors_max();
    // Opens what the standard library keeps open, and takes the memory for lines.
    let mut line = String::with_capacity(256);
    let before = Footprint::now();
    let mut round: Option<Round> = None;
    loop {
        line.clear();
        if std::io::stdin().lock().read_line(&mut line).doing("reading what to do")? == 0 {
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.as_slice(), &round) {
            (["connect", plan @ ..], None) => {
                let (opened, seconds) = Round::open(plan)?;
                let memory = rss_kib().saturating_sub(before.rss_kib);
                println!("ok {seconds} {memory}");
                round = Some(opened);
            }
            (["send", first], Some(round)) => {
                round.send(first.parse().doing("the first number")?)?;
                println!("ok");
            }
            (["replies", first], Some(round)) => {
                round.replies(first.parse().doing("the first number")?)?;
                println!("ok");
            }
            (["close"], Some(_)) => {
                round.take().map_or(Ok(()), Round::close)?;
                println!("ok {}", before.wait_restored()?);
            }
            _ => return Err(format!("unknown request: {line}")),
        }
    }
}

/// The sockets of one round.
struct Round {
    context: Context,
    sockets: Vec<AnySocket>,
    /// Connections of each socket.
    each: usize,
}

impl Round {
    /// Opens sockets as `plan` says, and waits until all connections are made; with the seconds
    /// that this took.
    fn open(plan: &[&str]) -> Result<(Round, f64)> {
        let [name, sockets, each, endpoints @ ..] = plan else {
            return Err(format!("{plan:?} is no type, two numbers and endpoints"));
        };
        let socket_type = match *name {
            "push" => SocketType::Push,
            "dealer" => SocketType::Dealer,
            other => return Err(format!("{other} is no type for this")),
        };
        let sockets: usize = sockets.parse().doing("the number of sockets")?;
        let each: usize = each.parse().doing("connections of each socket")?;
        let context = Context::with_options(|o| o.max_sockets(sockets)).doing("a context")?;
        let start = Instant::now();
        let mut round = Round { context, sockets: Vec::with_capacity(sockets), each };
        // A PUSH connects to one endpoint again and again; a DEALER would have one connection with
        // each endpoint, whatever it asks for, and is given as many endpoints.
        for _ in 0..sockets {
            let socket = AnySocket::new(&round.context, socket_type).doing("a socket")?;
            for endpoint in endpoints.iter().cycle().take(each) {
                socket.connect(endpoint).doing("connecting")?;
            }
            round.sockets.push(socket);
        }
        for socket in &round.sockets {
            socket.wait_connected(each).doing("waiting for connections")?;
        }
        Ok((round, start.elapsed().as_secs_f64()))
    }

    /// Sends as many numbers as there are connections, from `first` on; a socket sends to its
    /// connections in turn, so that each gets one.
    fn send(&self, first: u64) -> Result<()> {
        let mut number = first;
        for socket in &self.sockets {
            for _ in 0..self.each {
                socket.send(&number.to_le_bytes()).doing("sending")?;
                number += 1;
            }
        }
        Ok(())
    }

    /// Receives for each socket the numbers that it had sent.
    fn replies(&self, first: u64) -> Result<()> {
        let mut number = first;
        for socket in &self.sockets {
            let after = number + self.each as u64;
            let mut missing: HashSet<[u8; 8]> = (number..after).map(u64::to_le_bytes).collect();
            while !missing.is_empty() {
                let reply = socket.recv().doing("receiving")?;
                let part = reply.first().filter(|_| reply.len() == 1);
                if !part.is_some_and(|part| missing.remove(part.as_slice())) {
                    return Err(format!("{reply:?} is no reply to {number}..{after}, or a second"));
                }
            }
            number = after;
        }
        Ok(())
    }

    /// Closes every socket and waits until the context has ended.
    fn close(self) -> Result<()> {
        drop(self.sockets);
        match self.context.terminate_within(NEVER) {
            true => Ok(()),
            false => Err("the context does not end".to_owned()),
        }
    }
}
