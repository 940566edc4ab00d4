//! The poller over sockets of every transport and file descriptors, with other threads at work.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "shared with other tests, which need other parts of it")]
mod common;

use std::future::Future;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::{configure, context, expect, send, transports, wait_connected, watchdog};
use oxmq_engine::{Context, Error, Interest, PollEvent, Poller, Socket, SocketType, Wait};

/// A PULL bound to `transport` and a PUSH connected to it.
fn pipeline(context: &Context, transport: &str) -> (Socket, Socket) {
    let pull = context.socket(SocketType::Pull).unwrap();
    let push = context.socket(SocketType::Push).unwrap();
    push.connect(&pull.bind(transport).unwrap()).unwrap();
    (pull, push)
}

fn readable(key: usize) -> PollEvent {
    PollEvent { key, readable: true, writable: false, error: false }
}

fn errno(result: Result<(), Error>) -> i32 {
    result.unwrap_err().errno()
}

#[test]
fn sixteen_sockets_are_told_apart_in_one_wait() {
    let _watchdog = watchdog();
    let context = context();
    let mut poller = Poller::new().unwrap();
    let (mut pulls, mut pushes) = (Vec::new(), Vec::new());
    for key in 0..16 {
        let (pull, push) = pipeline(&context, &transports()[key % 3]);
        poller.add(&pull, key, Interest::READABLE).unwrap();
        pulls.push(pull);
        pushes.push(push);
    }
    let (next, received) = mpsc::channel::<()>();
    let sender = thread::spawn(move || {
        for round in 0..50 {
            for key in 0..16 {
                send(&pushes[(key * 7 + round) % 16], &[[round as u8, key as u8]]);
                received.recv().unwrap();
            }
        }
        for push in &pushes {
            send(push, &["all"]);
        }
        pushes
    });
    let mut events = Vec::new();
    for round in 0..50 {
        for key in 0..16 {
            assert_eq!(poller.wait(&mut events, None).unwrap(), 1);
            assert_eq!(events, [readable((key * 7 + round) % 16)]);
            expect(&pulls[events[0].key], &[[round as u8, key as u8]]);
            next.send(()).unwrap();
        }
    }
    let mut seen = [false; 16];
    while seen.contains(&false) {
        poller.wait(&mut events, None).unwrap();
        for event in &events {
            assert!(event.readable && !seen[event.key]);
            expect(&pulls[event.key], &["all"]);
            seen[event.key] = true;
        }
    }
    drop(sender.join().unwrap());
}

#[test]
fn what_stays_ready_is_reported_by_every_wait() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (pull, push) = pipeline(&context, &transport);
        let mut poller = Poller::new().unwrap();
        poller.add(&pull, 3, Interest::BOTH).unwrap();
        let mut events = Vec::new();
        assert_eq!(poller.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
        send(&push, &["one"]);
        send(&push, &["two"]);
        for _ in 0..3 {
            poller.wait(&mut events, None).unwrap();
            assert_eq!(events, [readable(3)]);
        }
        expect(&pull, &["one"]);
        poller.wait(&mut events, None).unwrap();
        assert_eq!(events, [readable(3)]);
        expect(&pull, &["two"]);
        assert_eq!(poller.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
        assert_eq!(events, []);
    }
}

#[test]
fn a_descriptor_and_a_socket_are_waited_for_together() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (pull, push) = pipeline(&context, &transport);
        let (mut here, mut there) = UnixStream::pair().unwrap();
        let mut poller = Poller::new().unwrap();
        poller.add(&pull, 1, Interest::READABLE).unwrap();
        poller.add_fd(&here, 2, Interest::READABLE).unwrap();
        let (go, turn) = mpsc::channel::<bool>();
        let other = thread::spawn(move || {
            for by_socket in turn {
                if by_socket {
                    send(&push, &["x"]);
                } else {
                    there.write_all(b"y").unwrap();
                }
            }
            push
        });
        let mut events = Vec::new();
        for round in 0..200 {
            let by_socket = round % 3 == 0;
            go.send(by_socket).unwrap();
            poller.wait(&mut events, None).unwrap();
            assert_eq!(events, [readable(if by_socket { 1 } else { 2 })]);
            if by_socket {
                expect(&pull, &["x"]);
            } else {
                here.read_exact(&mut [0]).unwrap();
            }
        }
        poller.modify(2, Interest::WRITABLE).unwrap();
        poller.wait(&mut events, None).unwrap();
        assert_eq!(events, [PollEvent { key: 2, readable: false, writable: true, error: false }]);
        poller.modify(2, Interest::READABLE).unwrap();
        drop(go);
        drop(other.join().unwrap());
        // The other end is closed now.
        poller.wait(&mut events, None).unwrap();
        assert_eq!(events, [PollEvent { key: 2, readable: true, writable: false, error: true }]);
    }
}

#[test]
fn a_descriptor_may_be_closed_and_a_file_is_always_ready() {
    let _watchdog = watchdog();
    let mut poller = Poller::new().unwrap();
    let (here, mut there) = UnixStream::pair().unwrap();
    poller.add_fd(&here, 1, Interest::READABLE).unwrap();
    drop(here);
    there.write_all(b"x").unwrap();
    let mut events = Vec::new();
    poller.wait(&mut events, None).unwrap();
    assert_eq!(events, [readable(1)]);
    poller.remove(1).unwrap();
    assert!(there.write_all(b"x").is_err(), "the last duplicate is closed");
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    poller.add_fd(&file, 1, Interest::READABLE).unwrap();
    poller.wait(&mut events, None).unwrap();
    assert_eq!(events, [readable(1)]);
}

#[test]
fn numbers_are_unique_and_must_be_known() {
    let context = context();
    let (pull, push) = pipeline(&context, &transports()[0]);
    let mut poller = Poller::new().unwrap();
    let (here, _there) = UnixStream::pair().unwrap();
    poller.add(&pull, 1, Interest::READABLE).unwrap();
    assert_eq!(errno(poller.add(&push, 1, Interest::READABLE)), libc::EEXIST);
    assert_eq!(errno(poller.add(&pull, 2, Interest::READABLE)), libc::EEXIST);
    assert_eq!(errno(poller.add_fd(&here, 1, Interest::READABLE)), libc::EEXIST);
    assert_eq!(errno(poller.modify(2, Interest::READABLE)), libc::ENOENT);
    assert_eq!(errno(poller.remove(2)), libc::ENOENT);
    assert_eq!(poller.len(), 1);
    let mut events = Vec::new();
    // Once with its connections in the set, and once more after it was out.
    assert_eq!(poller.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
    poller.remove(1).unwrap();
    assert!(poller.is_empty());
    poller.add(&pull, 2, Interest::READABLE).unwrap();
    send(&push, &["x"]);
    poller.wait(&mut events, None).unwrap();
    assert_eq!(events, [readable(2)]);
}

#[test]
fn a_wait_ends_with_its_time_and_not_before() {
    let _watchdog = watchdog();
    let context = context();
    let mut poller = Poller::new().unwrap();
    let mut events = vec![readable(9)];
    let sockets: Vec<_> = transports().iter().map(|t| pipeline(&context, t)).collect();
    for (key, (pull, _)) in sockets.iter().enumerate() {
        poller.add(pull, key, Interest::READABLE).unwrap();
    }
    for time in [0, 100, 1500, 20_000].map(Duration::from_micros) {
        let start = Instant::now();
        assert_eq!(poller.wait(&mut events, Some(time)).unwrap(), 0);
        assert!(start.elapsed() >= time);
        assert_eq!(events, []);
    }
}

#[test]
fn an_answer_over_inproc_wakes_the_sleeper_every_time() {
    let _watchdog = watchdog();
    let context = context();
    let [here, there] = [(); 2].map(|()| context.socket(SocketType::Pair).unwrap());
    here.connect(&there.bind(&transports()[2]).unwrap()).unwrap();
    let other = thread::spawn(move || {
        let mut poller = Poller::new().unwrap();
        poller.add(&there, 0, Interest::READABLE).unwrap();
        let mut events = Vec::new();
        for _ in 0..5000 {
            poller.wait(&mut events, None).unwrap();
            let mut message = there.recv_message(Wait::No).unwrap();
            there.send_message(&mut message, Wait::Forever).unwrap();
        }
        there
    });
    let mut poller = Poller::new().unwrap();
    poller.add(&here, 0, Interest::READABLE).unwrap();
    let mut events = Vec::new();
    for number in 0..5000u32 {
        send(&here, &[number.to_be_bytes()]);
        assert_eq!(poller.wait(&mut events, None).unwrap(), 1);
        expect(&here, &[number.to_be_bytes()]);
    }
    drop(other.join().unwrap());
}

#[test]
fn a_full_socket_becomes_writable_when_its_peer_receives() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (pull, push) =
            [SocketType::Pull, SocketType::Push].map(|t| context.socket(t).unwrap()).into();
        for socket in [&pull, &push] {
            configure(socket, |options| {
                options.snd_hwm = 2;
                options.rcv_hwm = 2;
            });
        }
        let mut poller = Poller::new().unwrap();
        poller.add(&push, 0, Interest::WRITABLE).unwrap();
        let mut events = Vec::new();
        assert_eq!(poller.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0, "no peer, no room");
        push.connect(&pull.bind(&transport).unwrap()).unwrap();
        wait_connected(&push, 1);
        let body = vec![7u8; 1 << 20];
        let mut sent = 0;
        let (go, turn) = mpsc::channel::<()>();
        let reader = thread::spawn(move || {
            turn.recv().unwrap();
            for _ in 0..100 {
                assert_eq!(pull.recv_message(Wait::Forever).unwrap().bytes(), 1 << 20);
            }
            pull
        });
        while poller.wait(&mut events, Some(Duration::from_millis(20))).unwrap() == 1 {
            send(&push, &[&body]);
            sent += 1;
        }
        assert!((2..100).contains(&sent), "{sent} messages fitted");
        go.send(()).unwrap();
        for _ in sent..100 {
            poller.wait(&mut events, None).unwrap();
            assert!(events[0].writable);
            push.send_message(&mut body.clone().into(), Wait::No).unwrap();
        }
        drop(reader.join().unwrap());
    }
}

#[test]
fn closing_a_socket_is_an_event_and_the_end_of_the_context_an_error() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let (pull, push) = pipeline(&context, &transport);
        wait_connected(&push, 1);
        let pull = Arc::new(pull);
        let mut poller = Poller::new().unwrap();
        poller.add(&pull, 4, Interest::READABLE).unwrap();
        let closer = {
            let pull = pull.clone();
            thread::spawn(move || pull.close())
        };
        let mut events = Vec::new();
        for _ in 0..2 {
            poller.wait(&mut events, None).unwrap();
            assert_eq!(
                events,
                [PollEvent { key: 4, readable: false, writable: false, error: true }]
            );
        }
        closer.join().unwrap();
        poller.remove(4).unwrap();
        let idle = context.socket(SocketType::Pull).unwrap();
        poller.add(&idle, 5, Interest::NONE).unwrap();
        let ender = {
            let context = context.clone();
            thread::spawn(move || context.shutdown())
        };
        assert!(matches!(poller.wait(&mut events, None), Err(Error::Terminated)));
        ender.join().unwrap();
    }
}

#[test]
fn a_socket_without_endpoints_wakes_the_poller_when_it_gets_some() {
    let _watchdog = watchdog();
    for transport in transports() {
        let context = context();
        let pull = Arc::new(context.socket(SocketType::Pull).unwrap());
        let mut poller = Poller::new().unwrap();
        poller.add(&pull, 0, Interest::READABLE).unwrap();
        let other = thread::spawn({
            let pull = pull.clone();
            move || {
                let push = context.socket(SocketType::Push).unwrap();
                push.connect(&pull.bind(&transport).unwrap()).unwrap();
                send(&push, &["first"]);
                push
            }
        });
        let mut events = Vec::new();
        assert_eq!(poller.wait(&mut events, None).unwrap(), 1);
        expect(&pull, &["first"]);
        drop(other.join().unwrap());
    }
}

/// A poller and a blocking receiver share a socket, and then two pollers do: whoever is woken and
/// finds nothing must not have taken the wake-up from one that would have.
#[test]
fn threads_that_share_a_socket_do_not_lose_each_others_wake_ups() {
    const MESSAGES: usize = 3000;
    let _watchdog = watchdog();
    for transport in transports() {
        for pollers in [1, 2] {
            let context = context();
            let (pull, push) = pipeline(&context, &transport);
            let pull = Arc::new(pull);
            let left = Arc::new(AtomicUsize::new(MESSAGES));
            let mut threads = Vec::new();
            for number in 0..2 {
                let (pull, left) = (pull.clone(), left.clone());
                threads.push(thread::spawn(move || {
                    let polls = number < pollers;
                    let mut poller = Poller::new().unwrap();
                    poller.add(&pull, 0, Interest::READABLE).unwrap();
                    let mut events = Vec::new();
                    loop {
                        if polls {
                            poller.wait(&mut events, None).unwrap();
                        }
                        let wait = if polls { Wait::No } else { Wait::Forever };
                        match pull.recv_message(wait) {
                            Ok(message) if message == ["end"] => return,
                            Ok(_) => drop(left.fetch_sub(1, Ordering::SeqCst)),
                            Err(error) => assert!(polls && error.is_would_block()),
                        }
                    }
                }));
            }
            for number in 0..MESSAGES {
                send(&push, &["x"]);
                if number % 3 == 0 {
                    // Let both go to sleep now and then.
                    while left.load(Ordering::SeqCst) > MESSAGES - 1 - number {
                        thread::yield_now();
                    }
                }
            }
            while left.load(Ordering::SeqCst) > 0 {
                thread::yield_now();
            }
            for _ in 0..2 {
                send(&push, &["end"]);
            }
            for thread in threads {
                thread.join().unwrap();
            }
        }
    }
}

#[test]
fn a_notifier_ends_one_wait_and_is_not_an_event() {
    let _watchdog = watchdog();
    let context = context();
    let (pull, _push) = pipeline(&context, &transports()[0]);
    let mut poller = Poller::new().unwrap();
    poller.add(&pull, 0, Interest::READABLE).unwrap();
    let notifier = poller.notifier();
    let mut events = Vec::new();
    notifier.notify();
    notifier.notify();
    assert_eq!(poller.wait(&mut events, None).unwrap(), 0);
    let (done, round) = mpsc::channel::<()>();
    let other = thread::spawn(move || {
        for () in round {
            notifier.notify();
        }
    });
    for _ in 0..1000 {
        done.send(()).unwrap();
        assert_eq!(poller.wait(&mut events, None).unwrap(), 0);
    }
    drop(done);
    other.join().unwrap();
    let start = Instant::now();
    let time = Duration::from_millis(5);
    assert_eq!(poller.wait(&mut events, Some(time)).unwrap(), 0);
    assert!(start.elapsed() >= time, "an old notice ended the wait");
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_task_waits_for_several_sockets() {
    let _watchdog = watchdog();
    let context = context();
    let sockets: Vec<_> = transports().iter().map(|t| pipeline(&context, t)).collect();
    let (pulls, pushes): (Vec<_>, Vec<_>) = sockets.into_iter().unzip();
    let mut poller = Poller::new().unwrap();
    for (key, pull) in pulls.iter().enumerate() {
        poller.add(pull, key, Interest::READABLE).unwrap();
    }
    let (go, turn) = mpsc::channel::<usize>();
    let other = thread::spawn(move || {
        for key in turn {
            send(&pushes[key], &["x"]);
        }
        pushes
    });
    let mut events = Vec::new();
    for round in 0..600 {
        // A wait that is given up leaves nothing behind that the next ones miss.
        let waker = Waker::noop();
        let mut task = TaskContext::from_waker(waker);
        assert!(pin!(poller.wait_async(&mut events)).poll(&mut task).is_pending());
        go.send(round % 3).unwrap();
        assert_eq!(block_on(poller.wait_async(&mut events)).unwrap(), 1);
        assert_eq!(events, [readable(round % 3)]);
        expect(&pulls[round % 3], &["x"]);
    }
    let (here, _there) = UnixStream::pair().unwrap();
    poller.add_fd(&here, 9, Interest::READABLE).unwrap();
    let refused = block_on(poller.wait_async(&mut events));
    assert!(matches!(refused, Err(Error::NotSupported { .. })));
    drop(go);
    drop(other.join().unwrap());
}
