//! Two and more threads at full speed, everything checked: order, limit, no lost wake-up. A lost
//! wake-up is a hang; the watchdog then ends the process.

#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use oxmq_pipe::spsc::channel;
use oxmq_pipe::{Interest, Mailbox, Parker, Waiters};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender as DropSignal, channel as drop_signal};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

/// Aborts the process if the test that holds it does not end.
struct Watchdog(#[expect(dead_code, reason = "its drop is the signal")] DropSignal<()>);

fn watchdog() -> Watchdog {
    let (alive, ended) = drop_signal::<()>();
    thread::spawn(move || {
        if ended
            .recv_timeout(Duration::from_secs(120))
            .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            eprintln!("watchdog: a wake-up was lost");
            std::process::abort();
        }
    });
    Watchdog(alive)
}

/// Publishes `messages` of one to three parts under `limit`, both ends sleeping when they must.
fn stream(limit: usize, messages: usize) {
    let (mut tx, mut rx) = channel::<(usize, usize)>(limit);
    let (give_sender_waker, take_sender_waker) = drop_signal::<Waker>();
    let (give_receiver_waker, take_receiver_waker) = drop_signal::<Waker>();
    let sender = thread::spawn(move || {
        let parker = Parker::current();
        give_sender_waker.send(parker.waker().clone()).unwrap();
        let receiver = take_receiver_waker.recv().unwrap();
        for number in 0..messages {
            while !tx.wait_for_room() {
                parker.park();
            }
            if number % 7 == 3 {
                tx.push((usize::MAX, 0));
                assert_eq!(tx.rollback(), 1);
            }
            for part in 0..=number % 3 {
                tx.push((number, part));
            }
            if tx.publish() {
                receiver.wake_by_ref();
            }
            assert!(limit == 0 || tx.len() <= limit);
        }
        if tx.close() {
            receiver.wake();
        }
    });
    let parker = Parker::current();
    give_receiver_waker.send(parker.waker().clone()).unwrap();
    let sender_waker = take_sender_waker.recv().unwrap();
    let mut next = 0;
    loop {
        if !rx.has_message() {
            if rx.is_closed() {
                break;
            }
            parker.park();
            continue;
        }
        assert!(limit == 0 || rx.len() <= limit);
        for part in 0..=next % 3 {
            assert_eq!(rx.pop(), Some((next, part)));
        }
        next += 1;
        if rx.message_consumed() {
            sender_waker.wake_by_ref();
        }
    }
    assert_eq!(next, messages);
    sender.join().unwrap();
}

#[test]
fn streams_keep_order_and_limit() {
    let _watchdog = watchdog();
    for (limit, messages) in [(0, 200_000), (1, 20_000), (2, 20_000), (7, 50_000), (1000, 200_000)]
    {
        stream(limit, messages);
    }
}

#[test]
fn round_trips_lose_no_wake_up() {
    let _watchdog = watchdog();
    let (mut there, mut there_rx) = channel(1);
    let (mut back, mut back_rx) = channel(1);
    let (give, take) = drop_signal::<Waker>();
    let parker = Parker::current();
    let main = parker.waker().clone();
    let echo = thread::spawn(move || {
        let parker = Parker::current();
        give.send(parker.waker().clone()).unwrap();
        loop {
            while !there_rx.has_message() {
                if there_rx.is_closed() {
                    return;
                }
                parker.park();
            }
            let number: u32 = there_rx.pop().unwrap();
            let _ = there_rx.message_consumed();
            back.push(number);
            if back.publish() {
                main.wake_by_ref();
            }
        }
    });
    let echo_waker = take.recv().unwrap();
    for number in 0..20_000 {
        assert!(there.has_room());
        there.push(number);
        if there.publish() {
            echo_waker.wake_by_ref();
        }
        while !back_rx.has_message() {
            parker.park();
        }
        assert_eq!(back_rx.pop(), Some(number));
        let _ = back_rx.message_consumed();
    }
    if there.close() {
        echo_waker.wake();
    }
    echo.join().unwrap();
}

/// Many threads take numbers that others hand out; all sleep in the waiter list, some give up.
#[test]
fn waiters_share_wake_ups() {
    let _watchdog = watchdog();
    const EACH: usize = 5_000;
    const THREADS: usize = 3;
    let available = Arc::new(AtomicUsize::new(0));
    let waiters = Arc::new(Waiters::new());
    let takers = [(); THREADS].map(|()| {
        let (available, waiters) = (Arc::clone(&available), Arc::clone(&waiters));
        thread::spawn(move || {
            let try_take = || {
                available
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                    .is_ok()
            };
            for round in 0..EACH {
                while !try_take() {
                    let parker = Parker::current();
                    let ticket = waiters.register(Interest::IN, parker.waker());
                    if try_take() {
                        if waiters.cancel(ticket) {
                            waiters.wake_one(Interest::IN);
                        }
                        break;
                    }
                    if round % 5 == 0 {
                        // Gives up after a very short time, and starts anew.
                        let _ = parker.park_until(Instant::now() + Duration::from_micros(20));
                        if waiters.cancel(ticket) {
                            waiters.wake_one(Interest::IN);
                        }
                    } else {
                        parker.park();
                        assert!(waiters.cancel(ticket), "parked until woken");
                    }
                }
            }
        })
    });
    for _ in 0..EACH * THREADS {
        available.fetch_add(1, Ordering::Relaxed);
        waiters.wake_one(Interest::IN);
    }
    for taker in takers {
        taker.join().unwrap();
    }
    assert_eq!(available.load(Ordering::Relaxed), 0);
    assert!(!waiters.any(Interest::ALL));
}

#[test]
fn commands_arrive_in_each_senders_order() {
    let _watchdog = watchdog();
    const EACH: usize = 20_000;
    let mailbox = Arc::new(Mailbox::new());
    let parker = Parker::current();
    let owner = Arc::new(Mutex::new(parker.waker().clone()));
    let senders = [0, 1, 2].map(|sender| {
        let (mailbox, owner) = (Arc::clone(&mailbox), Arc::clone(&owner));
        thread::spawn(move || {
            for number in 0..EACH {
                if mailbox.send((sender, number)) {
                    owner.lock().unwrap().wake_by_ref();
                }
            }
        })
    });
    let mut next = [0; 3];
    let mut drained = Vec::new();
    while next.iter().sum::<usize>() < 3 * EACH {
        while mailbox.is_empty() {
            parker.park();
        }
        mailbox.drain(&mut drained);
        for (sender, number) in drained.drain(..) {
            let next: &mut usize = &mut next[sender];
            assert_eq!(number, *next);
            *next += 1;
        }
    }
    for sender in senders {
        sender.join().unwrap();
    }
    assert!(mailbox.is_empty());
}
