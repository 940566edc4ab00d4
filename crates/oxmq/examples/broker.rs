//! A broker: clients and workers know only the broker's two addresses, and come and go as they
//! like. ROUTER takes requests from clients, DEALER hands them to workers in turn.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use oxmq::{Context, Dealer, Error, Proxy, ProxyEnd, Rep, Req, Router};

const CLIENTS: usize = 4;
const WORKERS: usize = 3;
const REQUESTS: usize = 50;

fn work(worker: &Rep, name: usize) -> oxmq::Result<()> {
    loop {
        let mut request = worker.recv()?;
        request.push(format!("by worker {name}"));
        worker.send(request)?;
    }
}

/// The names of the workers that answered.
fn ask(context: &Context, endpoint: &str, client: usize) -> oxmq::Result<BTreeSet<String>> {
    let socket = Req::new(context)?;
    socket.connect(endpoint)?;
    let mut workers = BTreeSet::new();
    for number in 0..REQUESTS {
        let request = format!("request {number} of client {client}");
        let reply = socket.request(request.as_str())?;
        assert_eq!(reply[0], request, "the reply returns to its asker");
        workers.insert(reply[1].as_str().unwrap_or_default().to_owned());
    }
    Ok(workers)
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
    let (frontend, backend) = (Router::new(&context)?, Dealer::new(&context)?);
    let clients_at = frontend.bind("tcp://127.0.0.1:*")?;
    let workers_at = backend.bind("ipc://*")?;
    let proxy = Proxy::new(&frontend, &backend)?;
    let handle = proxy.handle();
    let proxy = thread::spawn(move || proxy.run());

    let others = Context::new();
    let mut workers = Vec::new();
    for name in 0..WORKERS {
        let worker = Rep::new(&others)?;
        worker.connect(&workers_at)?;
        workers.push(thread::spawn(move || until_shutdown(work(&worker, name))));
    }
    backend.wait_connected(WORKERS)?;

    thread::scope(|scope| {
        let (others, clients_at) = (&others, &clients_at);
        let clients: Vec<_> =
            (0..CLIENTS).map(|n| scope.spawn(move || ask(others, clients_at, n))).collect();
        let mut answered = BTreeSet::new();
        for client in clients {
            answered.extend(client.join().map_err(|_| "a client panicked")??);
        }
        assert_eq!(answered.len(), WORKERS, "every worker had something to do");
        Ok::<(), Box<dyn std::error::Error>>(())
    })?;

    handle.terminate_after_drain(Duration::from_millis(10), Duration::from_secs(5));
    let end = proxy.join().map_err(|_| "the proxy panicked")??;
    assert_eq!(end, ProxyEnd::Drained { complete: true });
    assert_eq!(handle.statistics().frontend.messages_in, (CLIENTS * REQUESTS) as u64);
    others.shutdown();
    for worker in workers {
        worker.join().map_err(|_| "a worker panicked")??;
    }
    Ok(())
}
