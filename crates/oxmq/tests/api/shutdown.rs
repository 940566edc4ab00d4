//! A context that is shut down wakes everyone who waits on its sockets, however they wait.

use std::thread;
use std::time::Duration;

use oxmq::{
    Context, Error, Interest, Poller, Proxy, ProxyEnd, Pub, Pull, Push, Rep, Result, Router,
};

use crate::{transports, watched};

/// Someone who waits, and what the wait ends with.
type Waiter = Box<dyn FnOnce() -> Result<()> + Send>;

fn waiters(context: &Context, bind: &str) -> Vec<Waiter> {
    let pull = Pull::new(context).unwrap();
    let rep = Rep::new(context).unwrap();
    let (push, publisher) = (Push::new(context).unwrap(), Pub::new(context).unwrap());
    let (polled, router) = (Pull::new(context).unwrap(), Router::new(context).unwrap());
    pull.bind(bind).unwrap();
    let mut waiters: Vec<Waiter> = vec![
        Box::new(move || pull.recv().map(drop)),
        Box::new(move || rep.recv_timeout(Duration::MAX).map(drop)),
        Box::new(move || publisher.wait_subscribed(1)),
        Box::new(move || pollster::block_on(router.recv_from_async()).map(drop)),
        Box::new(move || {
            let (mut poller, mut events) = (Poller::new()?, Vec::new());
            poller.add(&polled, 0, Interest::READABLE)?;
            poller.wait(&mut events, None).map(drop)
        }),
    ];
    waiters.push(Box::new(move || push.send("nobody is there").map_err(Error::from)));
    waiters
}

#[test]
fn every_waiter_is_woken() {
    watched(|| {
        for transport in transports("woken") {
            let context = Context::new();
            let threads: Vec<_> =
                waiters(&context, &transport).into_iter().map(thread::spawn).collect();
            // Whether they sleep by now or not, the outcome must be the same.
            context.shutdown();
            for thread in threads {
                assert!(matches!(thread.join().unwrap(), Err(Error::Terminated)));
            }
            context.terminate();
        }
    });
}

#[test]
fn a_proxy_ends_with_its_context() {
    watched(|| {
        let context = Context::new();
        let (front, back) = (Pull::new(&context).unwrap(), Push::new(&context).unwrap());
        let proxy = Proxy::new(&front, &back).unwrap();
        let thread = thread::spawn(move || proxy.run());
        context.shutdown();
        assert_eq!(thread.join().unwrap().unwrap(), ProxyEnd::ContextTerminated);
    });
}

#[test]
fn terminate_within_tells_whether_a_socket_is_open() {
    let context = Context::new();
    let pull = Pull::new(&context).unwrap();
    assert!(!context.terminate_within(Duration::from_millis(1)));
    drop(pull);
    assert!(context.terminate_within(Duration::from_secs(60)));
}

#[test]
fn what_was_sent_arrives_though_the_sender_is_gone() {
    watched(|| {
        for transport in ["tcp://127.0.0.1:*", "ipc://*"] {
            let receiving = Context::new();
            let pull = Pull::new(&receiving).unwrap();
            let endpoint = pull.bind(transport).unwrap();
            {
                let context = Context::new();
                let push = Push::new(&context).unwrap();
                push.connect(&endpoint).unwrap();
                (0..500u32).for_each(|n| push.send(n.to_string()).unwrap());
            }
            for number in 0..500u32 {
                assert_eq!(pull.recv().unwrap(), [number.to_string()]);
            }
        }
    });
}

#[test]
fn a_dropped_context_gives_up_after_the_linger_time() {
    watched(|| {
        let context = Context::new();
        let push = Push::with_options(&context, |o| o.linger(Duration::from_millis(10))).unwrap();
        push.connect("ipc://@oxmq-test-nobody-listens-here").unwrap();
        push.send("undeliverable").unwrap();
        drop((push, context));
    });
}
