//! The hello world of the front page: a server that replies and a client that asks, here on one
//! thread. Usually they are two programs, and neither cares which is started first.

use oxmq::{Context, Rep, Req};

fn main() -> oxmq::Result<()> {
    let context = Context::new();
    let (server, client) = (Rep::new(&context)?, Req::new(&context)?);
    client.connect(&server.bind("tcp://127.0.0.1:*")?)?;
    client.send("hello")?;
    assert_eq!(server.recv()?, ["hello"]);
    server.send("world")?;
    assert_eq!(client.recv()?, ["world"]);
    Ok(())
}
