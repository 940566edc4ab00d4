//! Proxies between sockets of each pattern, with capture, steering and draining.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "shared with other tests, which need other parts of it")]
mod common;

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::{another, bytes, configure, context, expect, expect_nothing, recv, send, transports};
use common::{wait_connected, wait_subscribers, wait_until, watchdog};
use oxmq_engine::{Context, Error, Message, Proxy, ProxyEnd, ProxyHandle, Result, Socket};
use oxmq_engine::{SocketType, Wait, proxy, proxy_steerable};

/// Longer than any test: a drain that ends by this limit fails by the watchdog first.
const NEVER: Duration = Duration::from_secs(1000);

/// Two bound sockets and where they are bound.
struct Device {
    front: Arc<Socket>,
    back: Arc<Socket>,
    front_at: String,
    back_at: String,
}

impl Device {
    fn new(context: &Context, front: SocketType, back: SocketType, transport: &str) -> Device {
        let [front, back] = [front, back].map(|t| Arc::new(context.socket(t).unwrap()));
        let front_at = front.bind(transport).unwrap();
        let back_at = back.bind(&another(transport)).unwrap();
        Device { front, back, front_at, back_at }
    }

    fn proxy(&self) -> Proxy {
        Proxy::new(&self.front, &self.back).unwrap()
    }
}

fn run(proxy: Proxy) -> (ProxyHandle, JoinHandle<Result<ProxyEnd>>) {
    let handle = proxy.handle();
    (handle, thread::spawn(move || proxy.run()))
}

fn connect(context: &Context, socket_type: SocketType, endpoint: &str) -> Socket {
    let socket = context.socket(socket_type).unwrap();
    socket.connect(endpoint).unwrap();
    socket
}

fn stop(handle: &ProxyHandle, thread: JoinHandle<Result<ProxyEnd>>) {
    handle.terminate();
    assert_eq!(thread.join().unwrap().unwrap(), ProxyEnd::Terminated);
}

#[test]
fn every_reply_returns_to_its_asker_through_router_and_dealer() {
    const CLIENTS: u64 = 4;
    const REQUESTS: u64 = 300;
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let device = Device::new(&context, SocketType::Router, SocketType::Dealer, &transport);
        let (handle, running) = run(device.proxy());
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let rep = connect(&context, SocketType::Rep, &device.back_at);
                thread::spawn(move || {
                    let mut answered = 0u64;
                    loop {
                        let mut request = recv(&rep);
                        if request[0] == b"end" {
                            send(&rep, &["ended"]);
                            return answered;
                        }
                        request.push(b"answered".to_vec());
                        send(&rep, &request);
                        answered += 1;
                    }
                })
            })
            .collect();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let req = connect(&context, SocketType::Req, &device.front_at);
                thread::spawn(move || {
                    for number in 0..REQUESTS {
                        let body = [client.to_be_bytes(), number.to_be_bytes()];
                        send(&req, &body);
                        expect(&req, &[&body[0][..], &body[1], b"answered"]);
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        // The DEALER deals in turn: each worker gets one of these.
        let req = connect(&context, SocketType::Req, &device.front_at);
        for _ in 0..3 {
            send(&req, &["end"]);
            expect(&req, &["ended"]);
        }
        let answered: u64 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
        assert_eq!(answered, CLIENTS * REQUESTS);
        stop(&handle, running);
        let statistics = handle.statistics();
        let messages = CLIENTS * REQUESTS + 3;
        assert_eq!(statistics.frontend.messages_in, messages);
        assert_eq!(statistics.backend.messages_out, messages);
        assert_eq!(statistics.backend.messages_in, messages);
        assert_eq!(statistics.frontend.messages_out, messages);
        assert_eq!(statistics.frontend.bytes_in, statistics.backend.bytes_out);
        assert_eq!(statistics.backend.bytes_in, statistics.frontend.bytes_out);
        assert!(statistics.backend.bytes_in > statistics.backend.bytes_out);
        assert_eq!((statistics.dropped, statistics.uncaptured), (0, 0));
    }
}

#[test]
fn subscriptions_go_up_and_messages_come_down_through_xsub_and_xpub() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let device = Device::new(&context, SocketType::XSub, SocketType::XPub, &transport);
        let (handle, running) = run(device.proxy());
        let publisher = connect(&context, SocketType::Pub, &device.front_at);
        let subscriber = connect(&context, SocketType::Sub, &device.back_at);
        subscriber.subscribe(b"a").unwrap();
        wait_subscribers(&publisher, 1);
        for number in 0..200u8 {
            send(&publisher, &[b"b", &[number][..]]);
            send(&publisher, &[b"a", &[number][..]]);
        }
        for number in 0..200u8 {
            expect(&subscriber, &[b"a", &[number][..]]);
        }
        subscriber.unsubscribe(b"a").unwrap();
        wait_subscribers(&publisher, 0);
        stop(&handle, running);
        let statistics = handle.statistics();
        // What nobody wants does not come to the proxy.
        assert_eq!(statistics.frontend.messages_in, 200);
        assert_eq!(statistics.backend.messages_out, 200);
        assert_eq!(statistics.backend.messages_in, 2);
    }
}

#[test]
fn work_waits_at_its_source_until_there_is_a_worker() {
    const JOBS: u32 = 5000;
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let device = Device::new(&context, SocketType::Pull, SocketType::Push, &transport);
        let (handle, running) = run(device.proxy());
        let source = connect(&context, SocketType::Push, &device.front_at);
        send(&source, &[0u32.to_be_bytes()]);
        common::wait_queued_in(&device.front, 1);
        assert_eq!(handle.statistics().frontend.messages_in, 0, "taken without a taker");
        let worker = connect(&context, SocketType::Pull, &device.back_at);
        let sender = thread::spawn(move || {
            for number in 1..JOBS {
                send(&source, &[number.to_be_bytes()]);
            }
            source
        });
        for number in 0..JOBS {
            expect(&worker, &[number.to_be_bytes()]);
        }
        drop(sender.join().unwrap());
        stop(&handle, running);
        let statistics = handle.statistics();
        assert_eq!(statistics.frontend.bytes_in, u64::from(JOBS) * 4);
        assert_eq!(statistics.backend.messages_out, u64::from(JOBS));
        assert_eq!(statistics.backend.messages_in, 0);
    }
}

#[test]
fn the_capture_socket_sees_every_part_of_both_directions() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let device = Device::new(&context, SocketType::Dealer, SocketType::Dealer, &transport);
        let capture = context.socket(SocketType::Push).unwrap();
        // With little room: the capture holds the proxy up instead of missing something.
        configure(&capture, |options| options.snd_hwm = 2);
        let captured_at = capture.bind(&another(&transport)).unwrap();
        let (handle, running) = run(device.proxy().capture(&capture).unwrap());
        let left = connect(&context, SocketType::Dealer, &device.front_at);
        let right = connect(&context, SocketType::Dealer, &device.back_at);
        let sink = connect(&context, SocketType::Pull, &captured_at);
        let reader = thread::spawn(move || {
            let mut seen: Vec<_> = (0..600).map(|_| recv(&sink)).collect();
            seen.sort();
            seen
        });
        let large = vec![7u8; 100_000];
        let mut expected = Vec::new();
        for number in 0..300u32 {
            let forth = [&number.to_be_bytes()[..], b"", &large[..number as usize * 300]];
            let back = [&b"back"[..], &number.to_be_bytes()];
            send(&left, &forth);
            send(&right, &back);
            expect(&right, &forth);
            expect(&left, &back);
            expected.push(forth.map(<[u8]>::to_vec).to_vec());
            expected.push(back.map(<[u8]>::to_vec).to_vec());
        }
        expected.sort();
        assert!(reader.join().unwrap() == expected);
        stop(&handle, running);
        assert_eq!(handle.statistics().uncaptured, 0);
    }
}

/// The numbers of a STATISTICS reply.
fn counts(reply: &[Vec<u8>]) -> Vec<u64> {
    reply.iter().map(|part| u64::from_ne_bytes(part[..].try_into().unwrap())).collect()
}

#[test]
fn a_control_socket_pauses_resumes_counts_and_terminates() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let device = Device::new(&context, SocketType::Pull, SocketType::Push, &transport);
        let control = context.socket(SocketType::Rep).unwrap();
        let control_at = control.bind(&another(&transport)).unwrap();
        let running = {
            let (front, back) = (device.front.clone(), device.back.clone());
            thread::spawn(move || proxy_steerable(&front, &back, None, Some(&control)))
        };
        let source = connect(&context, SocketType::Push, &device.front_at);
        let worker = connect(&context, SocketType::Pull, &device.back_at);
        let steering = connect(&context, SocketType::Req, &control_at);
        let command = |text: &str| {
            send(&steering, &[text]);
            recv(&steering)
        };
        send(&source, &["12345"]);
        expect(&worker, &["12345"]);
        assert_eq!(command("PAUSE"), [b""]);
        send(&source, &["123"]);
        common::wait_queued_in(&device.front, 1);
        for _ in 0..3 {
            assert_eq!(counts(&command("STATISTICS")), [1, 5, 0, 0, 0, 0, 1, 5]);
        }
        expect_nothing(&worker);
        assert_eq!(command("RESUME"), [b""]);
        expect(&worker, &["123"]);
        assert_eq!(command("resume"), [b"unknown command"]);
        assert_eq!(counts(&command("STATISTICS")), [2, 8, 0, 0, 0, 0, 2, 8]);
        assert_eq!(command("TERMINATE"), [b""]);
        assert_eq!(running.join().unwrap().unwrap(), ProxyEnd::Terminated);
    }
}

#[test]
fn a_pair_that_controls_is_answered_only_with_statistics() {
    let _watchdog = watchdog();
    let context = context();
    let device = Device::new(&context, SocketType::Pair, SocketType::Pair, &transports()[2]);
    let control = context.socket(SocketType::Pair).unwrap();
    let control_at = control.bind(&transports()[2]).unwrap();
    let steering = connect(&context, SocketType::Pair, &control_at);
    let (handle, running) = run(device.proxy().control(&control).unwrap());
    send(&steering, &["PAUSE"]);
    send(&steering, &["STATISTICS"]);
    assert_eq!(counts(&recv(&steering)), [0; 8]);
    assert!(handle.is_paused());
    send(&steering, &["TERMINATE"]);
    assert_eq!(running.join().unwrap().unwrap(), ProxyEnd::Terminated);
}

#[test]
fn a_handle_pauses_and_resumes_from_another_thread() {
    let _watchdog = watchdog();
    let context = context();
    let device = Device::new(&context, SocketType::Pull, SocketType::Push, &transports()[0]);
    let proxy = device.proxy();
    proxy.handle().pause();
    let (handle, running) = run(proxy);
    let source = connect(&context, SocketType::Push, &device.front_at);
    let worker = connect(&context, SocketType::Pull, &device.back_at);
    wait_connected(&device.back, 1);
    send(&source, &["x"]);
    common::wait_queued_in(&device.front, 1);
    assert_eq!(handle.statistics().frontend.messages_in, 0);
    expect_nothing(&worker);
    handle.resume();
    expect(&worker, &["x"]);
    wait_until(|| handle.statistics().backend.messages_out == 1);
    stop(&handle, running);
}

#[test]
fn a_drain_passes_on_what_was_received_and_then_ends() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let device = Device::new(&context, SocketType::Pull, SocketType::Push, &transport);
        let proxy = device.proxy();
        proxy.handle().pause();
        let (handle, running) = run(proxy);
        let source = connect(&context, SocketType::Push, &device.front_at);
        for number in 0..1000u32 {
            send(&source, &[number.to_be_bytes()]);
        }
        let worker = connect(&context, SocketType::Pull, &device.back_at);
        wait_connected(&device.back, 1);
        handle.terminate_after_drain(Duration::from_millis(20), NEVER);
        for number in 0..1000u32 {
            expect(&worker, &[number.to_be_bytes()]);
        }
        let end = running.join().unwrap().unwrap();
        assert_eq!(end, ProxyEnd::Drained { complete: true });
        assert_eq!(handle.statistics().backend.messages_out, 1000);
    }
}

#[test]
fn a_drain_that_cannot_finish_ends_at_its_limit_and_says_so() {
    let _watchdog = watchdog();
    let context = context();
    let device = Device::new(&context, SocketType::Pull, SocketType::Push, &transports()[0]);
    let source = connect(&context, SocketType::Push, &device.front_at);
    send(&source, &["nobody takes this"]);
    common::wait_queued_in(&device.front, 1);
    let (handle, running) = run(device.proxy());
    handle.terminate_after_drain(Duration::ZERO, Duration::from_millis(30));
    let end = running.join().unwrap().unwrap();
    assert_eq!(end, ProxyEnd::Drained { complete: false });
    // It is still there for the next proxy.
    let worker = connect(&context, SocketType::Pull, &device.back_at);
    let (handle, running) = run(device.proxy());
    expect(&worker, &["nobody takes this"]);
    stop(&handle, running);
}

#[test]
fn a_message_that_one_full_peer_refuses_is_held_and_not_lost() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let front = context.socket(SocketType::Router).unwrap();
        let back = context.socket(SocketType::Dealer).unwrap();
        configure(&front, |options| {
            options.router_mandatory = true;
            options.snd_hwm = 1;
        });
        let front_at = front.bind(&transport).unwrap();
        let back_at = back.bind(&another(&transport)).unwrap();
        let [slow, idle] = ["slow", "idle"].map(|name| {
            let client = context.socket(SocketType::Dealer).unwrap();
            configure(&client, |options| {
                options.routing_id = name.into();
                options.rcv_hwm = 1;
            });
            client.connect(&front_at).unwrap();
            client
        });
        wait_connected(&front, 2);
        let (handle, running) = run(Proxy::new(&front, &back).unwrap());
        let service = connect(&context, SocketType::Dealer, &back_at);
        let body = vec![0u8; 1 << 20];
        for number in 0..30u8 {
            send(&service, &[b"slow", &[number][..], &body]);
        }
        send(&service, &["nobody", "is dropped"]);
        send(&service, &["idle", "last"]);
        for number in 0..30u8 {
            assert_eq!(recv(&slow)[0], [number]);
        }
        expect(&idle, &["last"]);
        stop(&handle, running);
        let statistics = handle.statistics();
        assert_eq!(statistics.frontend.messages_out, 31);
        assert_eq!(statistics.dropped, 1);
    }
}

#[test]
fn a_socket_with_itself_sends_back_what_it_gets() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let echo = context.socket(SocketType::Router).unwrap();
        let endpoint = echo.bind(&transport).unwrap();
        let (handle, running) = run(Proxy::new(&echo, &echo).unwrap());
        let clients = [(); 3].map(|()| connect(&context, SocketType::Req, &endpoint));
        for round in 0..100u8 {
            for (number, client) in clients.iter().enumerate() {
                send(client, &[[round, number as u8]]);
            }
            for (number, client) in clients.iter().enumerate() {
                expect(client, &[[round, number as u8]]);
            }
        }
        stop(&handle, running);
        let statistics = handle.statistics();
        assert_eq!(statistics.frontend.messages_in, 300);
        assert_eq!(statistics.frontend.messages_out, 300);
    }
}

#[test]
fn the_end_of_the_context_ends_the_proxy_and_a_closed_socket_is_an_error() {
    let _watchdog = watchdog();
    for transport in transports() {
        let first = context();
        let device = Device::new(&first, SocketType::Pull, SocketType::Push, &transport);
        let running = {
            let (front, back) = (device.front.clone(), device.back.clone());
            thread::spawn(move || proxy(&front, &back, None))
        };
        let source = connect(&first, SocketType::Push, &device.front_at);
        let worker = connect(&first, SocketType::Pull, &device.back_at);
        send(&source, &["x"]);
        assert_eq!(bytes(&worker.recv_message(Wait::Forever).unwrap()), [b"x"]);
        first.shutdown();
        assert_eq!(running.join().unwrap().unwrap(), ProxyEnd::ContextTerminated);

        let second = context();
        let device = Device::new(&second, SocketType::Pull, SocketType::Push, &another(&transport));
        let (_, running) = run(device.proxy());
        device.back.close();
        assert!(matches!(running.join().unwrap(), Err(Error::Closed)));
    }
}

#[test]
fn sockets_that_cannot_do_what_is_asked_are_refused() {
    let context = context();
    let [push, other, pull] =
        [SocketType::Push, SocketType::Push, SocketType::Pull].map(|t| context.socket(t).unwrap());
    let unsupported = |result: Result<Proxy>| {
        assert!(matches!(result.unwrap_err(), Error::NotSupported { .. }));
    };
    unsupported(Proxy::new(&push, &other));
    unsupported(Proxy::new(&pull, &pull));
    // Backwards: the messages go from the backend to the frontend.
    let mut backwards = Message::from("x");
    assert!(Proxy::new(&push, &pull).is_ok());
    assert!(pull.send_message(&mut backwards, Wait::No).is_err());
    unsupported(Proxy::new(&pull, &push).unwrap().capture(&pull));
    unsupported(Proxy::new(&pull, &push).unwrap().control(&other));
    let twice = Proxy::new(&pull, &push).unwrap().capture(&push).unwrap_err();
    assert_eq!(twice.errno(), libc::EEXIST);
}

#[test]
fn a_rep_is_joined_with_itself_and_sends_back_whole_messages() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let rep = context.socket(SocketType::Rep).unwrap();
        let endpoint = rep.bind(&transport).unwrap();
        let proxy = Proxy::new(&rep, &rep).unwrap();
        let handle = proxy.handle();
        let thread = thread::spawn(move || proxy.run());
        let req = context.socket(SocketType::Req).unwrap();
        req.connect(&endpoint).unwrap();
        for round in ["one", "two"] {
            send(&req, &[round, "and more"]);
            expect(&req, &[round, "and more"]);
        }
        handle.terminate();
        assert_eq!(thread.join().unwrap().unwrap(), ProxyEnd::Terminated);
    }
}
