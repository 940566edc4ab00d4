//! The lazy pirate: a client that outlives an unreliable server. It asks, waits for a time, and
//! asks again with a new socket, for a number of tries.
//!
//! The server here leaves the first request unanswered, then goes away and comes back.

use std::sync::Barrier;
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

fn serve(context: &Context, endpoint: &str, gone: &Barrier) -> oxmq::Result<()> {
    let mut server = Rep::new(context)?;
    server.bind(endpoint)?;
    // Busy with something else for ever, it seems.
    let ignored = server.recv()?;
    assert_eq!(ignored, ["1"]);
    // It goes away, and is back after a while. Nobody tells the client.
    drop(server);
    server = Rep::new(context)?;
    server.bind(endpoint)?;
    for _ in 0..2 {
        let request = server.recv()?;
        server.send(
            [Message::from("reply to"), request].into_iter().flatten().collect::<Message>(),
        )?;
    }
    gone.wait();
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = Context::new();
    let gone = Barrier::new(2);
    let name = format!("ipc://@oxmq-lazy-pirate-{}", std::process::id());
    thread::scope(|scope| {
        let server = scope.spawn(|| serve(&context, &name, &gone));
        let (reply, tries) = ask(&context, &name, "1")?;
        assert_eq!(reply, ["reply to", "1"]);
        assert!(tries > 1, "the first request was left unanswered");
        let (reply, _) = ask(&context, &name, "2")?;
        assert_eq!(reply, ["reply to", "2"]);
        gone.wait();
        server.join().map_err(|_| "the server panicked")??;
        Ok(())
    })
}
