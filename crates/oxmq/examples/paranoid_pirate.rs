//! The paranoid pirate: a queue that knows which workers live, by their heartbeats. Requests go to
//! the worker that has waited longest; one that falls silent gets no more of them.
//!
//! Workers say READY from time to time, which is their heartbeat, and otherwise a client's id and a
//! reply. One worker here dies with a request in its hands; the client asks again.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use oxmq::{Context, Dealer, Error, Interest, Message, Poller, Req, Router, RoutingId};

const HEARTBEAT: Duration = Duration::from_millis(20);
/// Silence after which a worker counts as dead.
const LIVENESS: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_millis(300);
const REQUESTS: usize = 10;

struct Queue {
    frontend: Router,
    backend: Router,
    /// Workers that wait for a request, the longest first, and when each was last heard of.
    ready: VecDeque<(RoutingId, Instant)>,
}

impl Queue {
    fn run(&mut self) -> oxmq::Result<()> {
        let (mut poller, mut events) = (Poller::new()?, Vec::new());
        poller.add(&self.frontend, 0, Interest::NONE)?;
        poller.add(&self.backend, 1, Interest::READABLE)?;
        loop {
            // Requests wait in the frontend while there is no worker.
            let interest = Interest { readable: !self.ready.is_empty(), writable: false };
            poller.modify(0, interest)?;
            poller.wait(&mut events, HEARTBEAT)?;
            for event in &events {
                match event.key {
                    0 => self.hand_out()?,
                    _ => self.hear()?,
                }
            }
            self.ready.retain(|(_, heard)| heard.elapsed() < LIVENESS);
        }
    }

    fn hand_out(&mut self) -> oxmq::Result<()> {
        if let Some((worker, _)) = self.ready.pop_front() {
            self.backend.send_to(worker, self.frontend.recv()?)?;
        }
        Ok(())
    }

    fn hear(&mut self) -> oxmq::Result<()> {
        let (worker, message) = self.backend.recv_from()?;
        let now = Instant::now();
        if message != ["READY"] {
            self.frontend.send(message)?;
        }
        // Who was here keeps its place; who was taken for dead is back.
        match self.ready.iter_mut().find(|(id, _)| *id == worker) {
            Some(known) => known.1 = now,
            None => self.ready.push_back((worker, now)),
        }
        Ok(())
    }
}

/// Works for `life` requests, then dies of the next.
fn work(context: &Context, endpoint: &str, life: usize) -> oxmq::Result<()> {
    let queue = Dealer::new(context)?;
    queue.connect(endpoint)?;
    queue.send("READY")?;
    let mut done = 0;
    loop {
        let mut request = match queue.recv_timeout(HEARTBEAT) {
            Err(Error::TimedOut) => {
                queue.send("READY")?;
                continue;
            }
            request => request?,
        };
        if done == life {
            return Ok(());
        }
        done += 1;
        request.push("done");
        queue.send(request)?;
    }
}

/// Asks until there is a reply; a lazy pirate.
fn ask(context: &Context, endpoint: &str, request: &str) -> oxmq::Result<Message> {
    loop {
        let socket = Req::with_options(context, |o| o.linger(Duration::ZERO))?;
        socket.connect(endpoint)?;
        match socket.request_timeout(request, PATIENCE) {
            Err(Error::TimedOut) => {}
            reply => return reply,
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
    let (context, others) = (Context::new(), Context::new());
    let (frontend, backend) = (Router::new(&context)?, Router::new(&context)?);
    let clients_at = frontend.bind("tcp://127.0.0.1:*")?;
    let workers_at = backend.bind("tcp://127.0.0.1:*")?;
    let mut queue = Queue { frontend, backend, ready: VecDeque::new() };
    thread::scope(|scope| {
        let queue = scope.spawn(move || until_shutdown(queue.run()));
        let workers: Vec<_> = [2, usize::MAX]
            .map(|life| {
                scope.spawn({
                    let (others, workers_at) = (&others, &workers_at);
                    move || until_shutdown(work(others, workers_at, life))
                })
            })
            .into_iter()
            .collect();
        for number in 0..REQUESTS {
            let request = format!("request {number}");
            assert_eq!(ask(&others, &clients_at, &request)?, [request.as_str(), "done"]);
        }
        others.shutdown();
        for worker in workers {
            worker.join().map_err(|_| "a worker panicked")??;
        }
        context.shutdown();
        queue.join().map_err(|_| "the queue panicked")??;
        Ok(())
    })
}
