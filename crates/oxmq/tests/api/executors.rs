//! Every async method, on each of three executors: tokio with several threads, smol, and a bare
//! one that polls on the calling thread.

use std::future::Future;

use oxmq::{Context, Dealer, Interest, Message, Poller, Pub, Pull, Push, Rep, Req, Router, Sub};

use crate::{transports, watched};

/// Request and reply, publish and subscribe, routing, a pipeline with back pressure, a poller and
/// a monitor, with sockets of both ends in one task or in two that are polled together.
async fn everything(transport: String) {
    let context = Context::new();
    request_reply(&context, &transport).await;
    publish(&context, &transport).await;
    route(&context, &transport).await;
    press_back(&context, &transport).await;
}

async fn request_reply(context: &Context, transport: &str) {
    let (rep, req) = (Rep::new(context).unwrap(), Req::new(context).unwrap());
    req.connect(&rep.bind(transport).unwrap()).unwrap();
    let serve = async {
        for _ in 0..100 {
            let request = rep.recv_async().await.unwrap();
            rep.send_async(request).await.unwrap();
        }
    };
    let ask = async {
        for number in 0..100u8 {
            let request = ["number", "is"].map(Message::from).into_iter().flatten();
            let mut request: Message = request.collect();
            request.push(vec![number]);
            assert_eq!(req.request_async(request.clone()).await.unwrap(), request);
        }
    };
    both(serve, ask).await;
}

async fn publish(context: &Context, transport: &str) {
    let (publisher, subscriber) = (Pub::new(context).unwrap(), Sub::new(context).unwrap());
    subscriber.subscribe("a").unwrap();
    let endpoint = publisher.bind(&format!("{transport}{}", suffix(transport))).unwrap();
    subscriber.connect(&endpoint).unwrap();
    publisher.wait_subscribed_async(1).await.unwrap();
    subscriber.wait_connected_async(1).await.unwrap();
    for topic in ["b", "a", "ab", "ba"] {
        publisher.send_async(topic).await.unwrap();
    }
    let mut poller = Poller::new().unwrap();
    poller.add(&subscriber, 5, Interest::READABLE).unwrap();
    let mut events = Vec::new();
    assert_eq!(poller.wait_async(&mut events).await.unwrap(), 1);
    assert_eq!(events[0].key, 5);
    assert_eq!(subscriber.recv_async().await.unwrap(), ["a"]);
    assert_eq!(subscriber.recv_async().await.unwrap(), ["ab"]);
}

async fn route(context: &Context, transport: &str) {
    let router = Router::new(context).unwrap();
    let dealer = Dealer::with_options(context, |o| o.routing_id("d")).unwrap();
    let monitor = router.monitor().unwrap();
    let endpoint = router.bind(&format!("{transport}{}", suffix(transport))).unwrap();
    if !transport.starts_with("inproc") {
        assert_eq!(monitor.recv_async().await.unwrap().endpoint, endpoint);
    }
    dealer.connect(&endpoint).unwrap();
    let mut message = Message::from("question");
    dealer.send_from_async(&mut message).await.unwrap();
    assert!(message.is_empty());
    let (peer, question) = router.recv_from_async().await.unwrap();
    assert_eq!((&*peer, question.str()), (&b"d"[..], Ok("question")));
    router.send_to_async(peer, "answer").await.unwrap();
    assert_eq!(dealer.recv_async().await.unwrap(), ["answer"]);
}

/// More messages than the queues hold, so that both sides wait for each other again and again.
async fn press_back(context: &Context, transport: &str) {
    const MESSAGES: u32 = 2000;
    let pull = Pull::with_options(context, |o| o.recv_hwm(3)).unwrap();
    let push = Push::with_options(context, |o| o.send_hwm(3)).unwrap();
    push.connect(&pull.bind(&format!("{transport}{}", suffix(transport))).unwrap()).unwrap();
    let send = async {
        for number in 0..MESSAGES {
            push.send_async(number.to_be_bytes().as_slice()).await.unwrap();
        }
    };
    let receive = async {
        for number in 0..MESSAGES {
            assert_eq!(pull.recv_async().await.unwrap(), [number.to_be_bytes()]);
        }
    };
    both(send, receive).await;
}

/// Names within one context must differ; wildcards do by themselves.
fn suffix(transport: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if transport.starts_with("inproc") {
        NEXT.fetch_add(1, Ordering::Relaxed).to_string()
    } else {
        String::new()
    }
}

/// Polls two futures in one task until both are done.
async fn both(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (Box::pin(one), Box::pin(other));
    let (mut one_done, mut other_done) = (false, false);
    std::future::poll_fn(move |cx| {
        one_done = one_done || one.as_mut().poll(cx).is_ready();
        other_done = other_done || other.as_mut().poll(cx).is_ready();
        if one_done && other_done { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[test]
fn under_tokio() {
    watched(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let tasks = transports("tokio").map(|transport| tokio::spawn(everything(transport)));
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn under_smol() {
    watched(|| {
        smol::block_on(async {
            let tasks = transports("smol").map(|transport| smol::spawn(everything(transport)));
            for task in tasks {
                task.await;
            }
        });
    });
}

#[test]
fn under_a_bare_executor() {
    watched(|| transports("bare").into_iter().for_each(|t| pollster::block_on(everything(t))));
}
