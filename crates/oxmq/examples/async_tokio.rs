//! Async sockets under tokio: a server task with many clients, a time limit of the executor's,
//! and a future that is dropped without loss. The sockets know nothing of tokio.

use std::time::Duration;

use oxmq::{Context, Error, Rep, Req};

const CLIENTS: usize = 8;
const REQUESTS: usize = 50;

async fn serve(server: Rep) -> oxmq::Result<()> {
    loop {
        let request = server.recv_async().await?;
        server.send_async(request).await?;
    }
}

/// A shutdown of the context is how these threads are told to end.
fn until_shutdown(end: oxmq::Result<()>) -> oxmq::Result<()> {
    match end {
        Err(Error::Terminated) => Ok(()),
        end => end,
    }
}

async fn ask(context: Context, endpoint: String, client: usize) -> oxmq::Result<()> {
    let socket = Req::new(&context)?;
    socket.connect(&endpoint)?;
    for number in 0..REQUESTS {
        let request = [client.to_string(), number.to_string()];
        assert_eq!(socket.request_async(request.clone()).await?, request);
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = Context::new();
    let server = Rep::new(&context)?;
    let endpoint = server.bind("tcp://127.0.0.1:*")?;

    // Nobody asks yet: the time is over, the future is dropped, and nothing is lost by it.
    let waited = tokio::time::timeout(Duration::from_millis(10), server.recv_async()).await;
    assert!(waited.is_err());

    let server = tokio::spawn(serve(server));
    let clients = Context::new();
    let asking: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(ask(clients.clone(), endpoint.clone(), client)))
        .collect();
    for client in asking {
        client.await??;
    }
    context.shutdown();
    until_shutdown(server.await?)?;
    Ok(())
}
