//! The lazy pirate: a client that outlives an unreliable server. It asks, waits for a time, and
//! asks again with a new socket, for a number of tries.
//!
//! The server here leaves the first request unanswered, then goes away and comes back.

use std::thread;
use std::time::Duration;

use oxmq::{Context, Error, Message, Rep, Req};

const TRIES: usize = 50;
const PATIENCE: Duration = Duration::from_millis(200);

/// The reply, and how many tries it took.
fn ask(context: &Context, endpoint: &str, request: &str) -> oxmq::Result<(Message, usize)> {
    for attempt in 1..=TRIES {
        // A REQ that got no reply cannot ask again; a new one has a new connection, too. What the
        // old one could not deliver is not worth lingering for.
        let socket = Req::with_options(context, |o| o.linger(Duration::ZERO))?;
        socket.connect(endpoint)?;
        match socket.request_timeout(request, PATIENCE) {
            Ok(reply) => return Ok((reply, attempt)),
            Err(Error::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::TimedOut)
}

fn serve(context: &Context, endpoint: &str) -> oxmq::Result<()> {
    let mut server = Rep::new(context)?;
    server.bind(endpoint)?;
    // Busy with something else for ever, it seems.
    assert_eq!(server.recv()?, ["1"]);
    // It goes away, and is back after a while. Nobody tells the client.
    drop(server);
    server = Rep::new(context)?;
    server.bind(endpoint)?;
    loop {
        let mut reply = server.recv()?;
        reply.push_front("reply to");
        server.send(reply)?;
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
    let name = format!("ipc://@oxmq-lazy-pirate-{}", std::process::id());
    thread::scope(|scope| {
        let server = scope.spawn(|| until_shutdown(serve(&others, &name)));
        let (reply, tries) = ask(&context, &name, "1")?;
        assert_eq!(reply, ["reply to", "1"]);
        assert!(tries > 1, "the first request was left unanswered");
        let (reply, _) = ask(&context, &name, "2")?;
        assert_eq!(reply, ["reply to", "2"]);
        others.shutdown();
        server.join().map_err(|_| "the server panicked")??;
        Ok(())
    })
}
