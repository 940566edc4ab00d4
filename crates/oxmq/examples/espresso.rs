//! Espresso: a forwarder between publishers and subscribers, with a socket that sees everything
//! that goes through, messages and subscriptions alike.

use std::thread;

use oxmq::{Context, Pair, Proxy, ProxyEnd, Pub, Sub, Subscription, XPub, XSub};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = Context::new();
    let (frontend, backend) = (XSub::new(&context)?, XPub::new(&context)?);
    let publishers_at = frontend.bind("tcp://127.0.0.1:*")?;
    let subscribers_at = backend.bind("tcp://127.0.0.1:*")?;
    let (capture, listener) = (Pair::new(&context)?, Pair::new(&context)?);
    capture.bind("inproc://capture")?;
    listener.connect("inproc://capture")?;
    let proxy = Proxy::new(&frontend, &backend)?.capture(&capture)?;
    let handle = proxy.handle();
    let proxy = thread::spawn(move || proxy.run());

    let publisher = Pub::new(&context)?;
    publisher.connect(&publishers_at)?;
    let subscriber = Sub::new(&context)?;
    subscriber.subscribe("A")?;
    subscriber.connect(&subscribers_at)?;

    // The subscription passes the listener on its way to the publisher.
    let subscription = Subscription::decode(&listener.recv()?);
    assert_eq!(subscription, Some(Subscription::Subscribe("A".into())));
    publisher.wait_subscribed(1)?;

    for number in 0..10 {
        let topic = ["A", "B"][number % 2];
        let message = format!("{topic} {number}");
        publisher.send(message.as_str())?;
        if topic == "A" {
            assert_eq!(listener.recv()?, [message.as_str()]);
            assert_eq!(subscriber.recv()?, [message]);
        }
    }

    // Who cancels is seen, too.
    subscriber.unsubscribe("A")?;
    let cancel = Subscription::decode(&listener.recv()?);
    assert_eq!(cancel, Some(Subscription::Cancel("A".into())));

    handle.terminate();
    let end = proxy.join().map_err(|_| "the proxy panicked")??;
    assert_eq!(end, ProxyEnd::Terminated);
    Ok(())
}
