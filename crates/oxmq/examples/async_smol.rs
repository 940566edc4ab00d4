//! Async sockets under smol: the two halves of a DEALER in two tasks of one thread, with a ROUTER
//! in a third. The same code runs on any executor.

use oxmq::{Context, Dealer, Error, Router};

const MESSAGES: usize = 500;

async fn echo(router: Router) -> oxmq::Result<()> {
    loop {
        let (peer, message) = router.recv_from_async().await?;
        router.send_to_async(peer, message).await?;
    }
}

/// A shutdown of the context is how these threads are told to end.
fn until_shutdown(end: oxmq::Result<()>) -> oxmq::Result<()> {
    match end {
        Err(Error::Terminated) => Ok(()),
        end => end,
    }
}

fn main() -> oxmq::Result<()> {
    let executor = smol::LocalExecutor::new();
    smol::block_on(executor.run(async {
        let (context, others) = (Context::new(), Context::new());
        let router = Router::new(&others)?;
        let endpoint = router.bind("tcp://127.0.0.1:*")?;
        let router = executor.spawn(echo(router));

        let dealer = Dealer::new(&context)?;
        dealer.connect(&endpoint)?;
        let (sender, receiver) = dealer.split();
        let sending = executor.spawn(async move {
            for number in 0..MESSAGES {
                sender.send_async(number.to_string()).await?;
            }
            Ok::<_, Error>(())
        });
        for number in 0..MESSAGES {
            assert_eq!(receiver.recv_async().await?, [number.to_string()]);
        }
        sending.await?;
        others.shutdown();
        until_shutdown(router.await)
    }))
}
