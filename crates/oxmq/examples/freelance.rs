//! Freelance: clients talk to several servers without a broker between. A request goes to all of
//! them at once, and the first reply is taken; some servers may be slow, or not there at all.

use std::thread;
use std::time::Duration;

use oxmq::{Context, Dealer, Error, Message, Router};

const REQUESTS: u64 = 20;

/// A client of several servers.
struct Freelance {
    socket: Dealer,
    servers: usize,
    sequence: u64,
}

impl Freelance {
    fn new(context: &Context, servers: &[String]) -> oxmq::Result<Freelance> {
        // What was sent to servers that are not there is not worth lingering for.
        let socket = Dealer::with_options(context, |o| o.linger(Duration::ZERO))?;
        for server in servers {
            socket.connect(server)?;
        }
        Ok(Freelance { socket, servers: servers.len(), sequence: 0 })
    }

    /// The first reply to this request. Late replies to earlier ones are dropped.
    fn request(&mut self, body: &str) -> oxmq::Result<Message> {
        self.sequence += 1;
        let sequence = self.sequence.to_string();
        // A DEALER takes its peers in turn, so this is once to each.
        for _ in 0..self.servers {
            self.socket.send(["", sequence.as_str(), body])?;
        }
        loop {
            let mut reply = self.socket.recv()?;
            if reply.part(1).is_some_and(|found| *found == sequence) {
                let _envelope = (reply.pop_front(), reply.pop_front());
                return Ok(reply);
            }
        }
    }
}

/// Answers requests, or takes them and says nothing.
fn serve(socket: &Router, silent: bool) -> oxmq::Result<()> {
    loop {
        let (client, mut request) = socket.recv_from()?;
        if !silent {
            request.push("ok");
            socket.send_to(client, request)?;
        }
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
    let mut endpoints = Vec::new();
    let mut threads = Vec::new();
    for silent in [false, true, false] {
        let socket = Router::new(&context)?;
        endpoints.push(socket.bind("tcp://127.0.0.1:*")?);
        threads.push(thread::spawn(move || until_shutdown(serve(&socket, silent))));
    }
    // And one that is not running.
    endpoints.push(format!("ipc://@oxmq-freelance-nobody-{}", std::process::id()));

    let mut client = Freelance::new(&context, &endpoints)?;
    for number in 0..REQUESTS {
        let body = format!("request {number}");
        assert_eq!(client.request(&body)?, [body.as_str(), "ok"]);
    }
    context.shutdown();
    for thread in threads {
        thread.join().map_err(|_| "a server panicked")??;
    }
    Ok(())
}
