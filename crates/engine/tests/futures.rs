//! The async face of sockets: futures that any executor can run and that lose nothing when they
//! are dropped. The executors here are as bare as can be. Each test owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};

use common::*;
use oxmq_engine::{Error, EventKind, SocketType, Wait};

/// Wakes the thread that runs a future, and remembers that it did.
struct Alarm {
    thread: Thread,
    rung: AtomicBool,
}

impl Alarm {
    fn new() -> Arc<Alarm> {
        Arc::new(Alarm { thread: thread::current(), rung: AtomicBool::new(false) })
    }

    fn rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// Runs one future to its end, sleeping while it has nothing to do.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let alarm = Alarm::new();
    let waker = Waker::from(alarm.clone());
    loop {
        if let Poll::Ready(output) = poll(future.as_mut(), &waker) {
            return output;
        }
        while !alarm.rung.swap(false, Ordering::SeqCst) {
            thread::park();
        }
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(waker))
}

/// Runs many futures in this thread, each polled only when it was woken.
fn run_all<'a>(futures: Vec<Pin<Box<dyn Future<Output = ()> + 'a>>>) {
    let mut tasks: Vec<_> = futures.into_iter().map(|task| (task, Alarm::new())).collect();
    tasks.iter().for_each(|(_, alarm)| alarm.rung.store(true, Ordering::SeqCst));
    while !tasks.is_empty() {
        let mut woken = false;
        tasks.retain_mut(|(task, alarm)| {
            if !alarm.rung.swap(false, Ordering::SeqCst) {
                return true;
            }
            woken = true;
            poll(task.as_mut(), &Waker::from(alarm.clone())).is_pending()
        });
        if !woken {
            thread::park();
        }
    }
}

#[test]
fn requests_and_replies_travel_under_a_bare_executor() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let rep = context.socket(SocketType::Rep).unwrap();
        let req = context.socket(SocketType::Req).unwrap();
        req.connect(&rep.bind(&transport).unwrap()).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                block_on(async {
                    for _ in 0..500 {
                        let mut request = rep.recv_async().await.unwrap();
                        request.push("reply");
                        rep.send_async(&mut request).await.unwrap();
                        assert!(request.is_empty());
                    }
                });
            });
            block_on(async {
                for number in 0..500u32 {
                    req.send_async(&mut message(&[number.to_be_bytes()])).await.unwrap();
                    let reply = req.recv_async().await.unwrap();
                    assert_eq!(bytes(&reply), [&number.to_be_bytes()[..], b"reply"]);
                }
            });
        });
    }
}

#[test]
fn both_ends_run_in_one_thread() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pull = socket_with(&context, SocketType::Pull, |o| o.rcv_hwm = 2);
        let push = socket_with(&context, SocketType::Push, |o| o.snd_hwm = 2);
        push.connect(&pull.bind(&transport).unwrap()).unwrap();
        let body = vec![0; 100_000];
        let (push, pull, body) = (&push, &pull, &body);
        run_all(vec![
            Box::pin(async move {
                for number in 0..200u8 {
                    push.send_async(&mut message(&[&[number][..], body])).await.unwrap();
                }
            }),
            Box::pin(async move {
                for number in 0..200u8 {
                    assert_eq!(pull.recv_async().await.unwrap().parts()[0], [number]);
                }
            }),
        ]);
    }
}

#[test]
fn a_dropped_receive_loses_no_message() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pull = context.socket(SocketType::Pull).unwrap();
        let push = context.socket(SocketType::Push).unwrap();
        push.connect(&pull.bind(&transport).unwrap()).unwrap();
        wait_connected(&push, 1);
        for number in 0..100u8 {
            let alarm = Alarm::new();
            let mut future = Box::pin(pull.recv_async());
            assert!(poll(future.as_mut(), &Waker::from(alarm.clone())).is_pending());
            if number % 2 == 0 {
                drop(future);
                send(&push, &[[number]]);
            } else {
                send(&push, &[[number]]);
                wait_until(|| alarm.rung());
                drop(future);
            }
            expect(&pull, &[[number]]);
        }
        // A future that was never polled has taken nothing either.
        send(&push, &["kept"]);
        drop(pull.recv_async());
        assert_eq!(bytes(&block_on(pull.recv_async()).unwrap()), [b"kept"]);
    }
}

#[test]
fn a_wake_up_that_is_not_used_goes_to_another() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pull = context.socket(SocketType::Pull).unwrap();
        let push = context.socket(SocketType::Push).unwrap();
        push.connect(&pull.bind(&transport).unwrap()).unwrap();
        wait_connected(&push, 1);
        for number in 0..50u8 {
            let alarms = [Alarm::new(), Alarm::new()];
            let mut futures =
                [Some(Box::pin(pull.recv_async())), Some(Box::pin(pull.recv_async()))];
            for (future, alarm) in futures.iter_mut().zip(&alarms) {
                let future = future.as_mut().unwrap().as_mut();
                assert!(poll(future, &Waker::from(alarm.clone())).is_pending());
            }
            send(&push, &[[number]]);
            wait_until(|| alarms.iter().any(|alarm| alarm.rung()));
            let first = usize::from(!alarms[0].rung());
            futures[first] = None;
            wait_until(|| alarms[1 - first].rung());
            let mut other = futures[1 - first].take().unwrap();
            match poll(other.as_mut(), &Waker::from(alarms[1 - first].clone())) {
                Poll::Ready(received) => assert_eq!(bytes(&received.unwrap()), [[number]]),
                Poll::Pending => panic!("woken for nothing"),
            }
        }
    }
}

#[test]
fn a_dropped_send_leaves_its_message() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let push = context.socket(SocketType::Push).unwrap();
        let endpoint = push.bind(&transport).unwrap();
        let mut kept = message(&["first", "second"]);
        let alarm = Alarm::new();
        let mut future = Box::pin(push.send_async(&mut kept));
        assert!(poll(future.as_mut(), &Waker::from(alarm.clone())).is_pending());
        drop(future);
        assert_eq!(bytes(&kept), [&b"first"[..], b"second"]);
        let pull = context.socket(SocketType::Pull).unwrap();
        pull.connect(&endpoint).unwrap();
        wait_connected(&push, 1);
        expect_nothing(&pull);
        block_on(push.send_async(&mut kept)).unwrap();
        expect(&pull, &["first", "second"]);
        expect_nothing(&pull);
    }
}

#[test]
fn a_mute_socket_wakes_its_sender_when_a_peer_comes() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let push = context.socket(SocketType::Push).unwrap();
        let endpoint = push.bind(&transport).unwrap();
        let pull = context.socket(SocketType::Pull).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| block_on(push.send_async(&mut message(&["waited"]))).unwrap());
            pull.connect(&endpoint).unwrap();
            expect(&pull, &["waited"]);
        });
    }
}

#[test]
fn many_tasks_share_a_socket() {
    let _watchdog = watchdog();
    const TASKS: usize = 50;
    const EACH: usize = 40;
    for transport in transports() {
        let context = context();
        let pull = context.socket(SocketType::Pull).unwrap();
        let push = context.socket(SocketType::Push).unwrap();
        push.connect(&pull.bind(&transport).unwrap()).unwrap();
        let (push, pull) = (&push, &pull);
        let seen: Vec<AtomicUsize> = (0..TASKS * EACH).map(|_| AtomicUsize::new(0)).collect();
        let seen = &seen;
        let mut tasks: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
        for task in 0..TASKS {
            tasks.push(Box::pin(async move {
                for _ in 0..EACH {
                    let message = pull.recv_async().await.unwrap();
                    let number = usize::from_be_bytes(message[0][..].try_into().unwrap());
                    seen[number].fetch_add(1, Ordering::Relaxed);
                }
            }));
            tasks.push(Box::pin(async move {
                for number in task * EACH..(task + 1) * EACH {
                    push.send_async(&mut message(&[number.to_be_bytes()])).await.unwrap();
                }
            }));
        }
        run_all(tasks);
        assert!(seen.iter().all(|count| count.load(Ordering::Relaxed) == 1), "{transport}");
    }
}

#[test]
fn blocking_and_async_calls_share_a_socket() {
    let _watchdog = watchdog();
    const EACH: usize = 2000;
    for transport in transports() {
        let context = context();
        let pull = context.socket(SocketType::Pull).unwrap();
        let push = context.socket(SocketType::Push).unwrap();
        push.connect(&pull.bind(&transport).unwrap()).unwrap();
        thread::scope(|scope| {
            let blocking = scope.spawn(|| (0..EACH).map(|_| recv(&pull)).collect::<Vec<_>>());
            let task = scope.spawn(|| {
                block_on(async {
                    let mut received = Vec::new();
                    for _ in 0..EACH {
                        received.push(bytes(&pull.recv_async().await.unwrap()));
                    }
                    received
                })
            });
            for number in 0..2 * EACH {
                send(&push, &[number.to_be_bytes()]);
            }
            let mut received = blocking.join().unwrap();
            received.append(&mut task.join().unwrap());
            let counts = counts(received);
            assert!(counts.len() == 2 * EACH && counts.values().all(|count| *count == 1));
        });
    }
}

#[test]
fn a_change_among_the_peers_completes_its_future() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let publisher = context.socket(SocketType::Pub).unwrap();
        let endpoint = publisher.bind(&transport).unwrap();
        thread::scope(|scope| {
            let changed =
                scope.spawn(|| block_on(publisher.changed(|peers| peers.subscribers == 2)));
            let subscribers = [(); 2].map(|()| context.socket(SocketType::Sub).unwrap());
            for subscriber in &subscribers {
                subscriber.subscribe(b"").unwrap();
                subscriber.connect(&endpoint).unwrap();
            }
            changed.join().unwrap().unwrap();
            let left = scope.spawn(|| block_on(publisher.changed(|peers| peers.connected == 0)));
            drop(subscribers);
            left.join().unwrap().unwrap();
        });
    }
}

#[test]
fn closing_and_terminating_end_the_futures() {
    let _watchdog = watchdog();
    for transport in transports() {
        for close in [false, true] {
            let context = context();
            let dealer = context.socket(SocketType::Dealer).unwrap();
            dealer.bind(&transport).unwrap();
            let monitor = dealer.monitor().unwrap();
            let wakers = [(); 3].map(|()| Alarm::new());
            let mut unsent = message(&["x"]);
            let mut receive = Box::pin(dealer.recv_async());
            let mut send = Box::pin(dealer.send_async(&mut unsent));
            let mut change = Box::pin(dealer.changed(|peers| peers.connected == 7));
            let waker = |number: usize| Waker::from(wakers[number].clone());
            assert!(poll(receive.as_mut(), &waker(0)).is_pending());
            assert!(poll(send.as_mut(), &waker(1)).is_pending());
            assert!(poll(change.as_mut(), &waker(2)).is_pending());
            match close {
                true => dealer.close(),
                false => context.shutdown(),
            }
            wait_until(|| wakers.iter().all(|alarm| alarm.rung()));
            let ended = |error: Option<Error>| match error {
                Some(Error::Closed) => close,
                Some(Error::Terminated) => !close,
                _ => false,
            };
            assert!(ended(block_on(receive).err()));
            assert!(ended(block_on(send).err()));
            assert!(ended(block_on(change).err()));
            drop(dealer);
            block_on(async { while monitor.recv_async().await.is_some() {} });
        }
    }
}

#[test]
fn monitor_events_can_be_awaited() {
    let _watchdog = watchdog();
    let context = context();
    let pull = context.socket(SocketType::Pull).unwrap();
    let monitor = pull.monitor().unwrap();
    let push = context.socket(SocketType::Push).unwrap();
    thread::scope(|scope| {
        let shaken = scope.spawn(|| {
            block_on(async {
                loop {
                    let event = monitor.recv_async().await.unwrap();
                    if event.kind == EventKind::HandshakeSucceeded {
                        return event;
                    }
                }
            })
        });
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        push.connect(&endpoint).unwrap();
        assert_eq!(shaken.join().unwrap().endpoint, endpoint);
    });
    assert!(matches!(pull.recv_message(Wait::No), Err(Error::WouldBlock)));
}
