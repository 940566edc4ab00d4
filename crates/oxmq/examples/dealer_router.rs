//! DEALER and ROUTER: many requests under way at once, answered in any order. The server takes
//! all requests first and answers them last to first; each answer finds its asker.

use oxmq::{Context, Dealer, Router};

const CLIENTS: usize = 3;
const REQUESTS: usize = 4;

fn main() -> oxmq::Result<()> {
    let context = Context::new();
    let server = Router::with_options(&context, |o| o.router_mandatory(true))?;
    let endpoint = server.bind("tcp://127.0.0.1:*")?;

    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let name = format!("client-{client}");
        let dealer = Dealer::with_options(&context, |o| o.routing_id(&name))?;
        dealer.connect(&endpoint)?;
        for request in 0..REQUESTS {
            dealer.send(["request".to_owned(), request.to_string()])?;
        }
        clients.push(dealer);
    }

    let mut requests = Vec::new();
    for _ in 0..CLIENTS * REQUESTS {
        requests.push(server.recv_from()?);
    }
    for (client, request) in requests.into_iter().rev() {
        let answer = [client.to_string().into(), request[1].clone()];
        server.send_to(&client, answer)?;
    }

    for (client, dealer) in clients.iter().enumerate() {
        for request in (0..REQUESTS).rev() {
            assert_eq!(dealer.recv()?, [format!("client-{client}"), request.to_string()]);
        }
    }
    // A peer that is not there is an error here, as router_mandatory was set.
    assert!(server.send_to("client-9", "anyone?").is_err());
    Ok(())
}
