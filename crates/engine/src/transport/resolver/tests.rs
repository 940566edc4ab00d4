//! Tests of the background resolver with a look-up of their own, which no network delays.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::ThreadId;

use super::super::tests::WATCHDOG;
use super::*;

fn host(name: &str) -> Endpoint {
    format!("tcp://{name}:9").parse().unwrap()
}

fn address() -> Vec<SocketAddr> {
    vec!["10.0.0.1:9".parse().unwrap()]
}

/// A callback that reports what it got and on which thread.
fn report(to: &Sender<(Resolved, ThreadId)>) -> Box<dyn FnOnce(Resolved) + Send> {
    let to = to.clone();
    Box::new(move |found| to.send((found, thread::current().id())).unwrap())
}

/// A gate at which look-ups announce themselves and wait until it is dropped.
struct Gate {
    arrived: Receiver<()>,
    opened: Sender<()>,
}

fn gated() -> (Resolver, Gate) {
    let (arrive, arrived) = channel();
    let (opened, open) = channel::<()>();
    let open = Mutex::new(open);
    let pass = Condvar::new();
    let passing = Mutex::new(false);
    let lookup = move |_: &str, _: u16| {
        arrive.send(()).unwrap();
        // One look-up waits for the gate and tells the others.
        if let Ok(open) = open.try_lock() {
            let _ = open.recv();
            *passing.lock().unwrap() = true;
            pass.notify_all();
        } else {
            drop(pass.wait_while(passing.lock().unwrap(), |passing| !*passing).unwrap());
        }
        Ok(address())
    };
    (Resolver::with_lookup(Box::new(lookup)), Gate { arrived, opened })
}

#[test]
fn a_host_name_is_looked_up_on_another_thread() {
    let resolver = Resolver::with_lookup(Box::new(|name, port| {
        assert_eq!((name, port), ("host", 9));
        Ok(address())
    }));
    let (to, got) = channel();
    resolver.resolve(&host("host"), false, report(&to));
    let (found, thread) = got.recv_timeout(WATCHDOG).unwrap();
    let found: Vec<String> = found.unwrap().iter().map(Target::endpoint).collect();
    assert_eq!(found, ["tcp://10.0.0.1:9"]);
    assert_ne!(thread, thread::current().id());
}

#[test]
fn the_systems_resolver_knows_localhost() {
    let (to, got) = channel();
    Resolver::new().resolve(&"ipc:///tmp/x".parse().unwrap(), false, report(&to));
    assert_eq!(got.recv_timeout(WATCHDOG).unwrap().0.unwrap().len(), 1);
    let resolver = Resolver::new();
    resolver.resolve(&host("localhost"), false, report(&to));
    let found = got.recv_timeout(WATCHDOG).unwrap().0.unwrap();
    assert_eq!(found[0].endpoint(), "tcp://127.0.0.1:9");
}

#[test]
fn what_needs_no_look_up_is_answered_at_once_by_the_caller_and_starts_no_thread() {
    let resolver = Resolver::with_lookup(Box::new(|_, _| unreachable!("nothing to look up")));
    let (to, got) = channel();
    for text in ["tcp://127.0.0.1:9", "tcp://lo:*;127.0.0.1:9", "ipc://@name", "tcp://[::1]:9"] {
        resolver.resolve(&text.parse().unwrap(), false, report(&to));
        assert_eq!(got.try_recv().unwrap().1, thread::current().id());
    }
    assert_eq!(resolver.shared.state().threads, 0);
}

#[test]
fn the_caller_never_waits_and_threads_and_queue_have_their_bounds() {
    let (resolver, gate) = gated();
    let (to, got) = channel();
    for _ in 0..THREADS_MAX {
        resolver.resolve(&host("slow"), false, report(&to));
        gate.arrived.recv_timeout(WATCHDOG).unwrap();
    }
    for _ in 0..QUEUE_MAX {
        resolver.resolve(&host("queued"), false, report(&to));
    }
    assert!(got.try_recv().is_err(), "nothing can have been looked up");
    assert_eq!(resolver.shared.state().threads, THREADS_MAX);
    resolver.resolve(&host("one-too-many"), false, report(&to));
    let (refused, thread) = got.try_recv().unwrap();
    assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EAGAIN));
    assert_eq!(thread, thread::current().id());
    drop(gate.opened);
    for _ in 0..THREADS_MAX + QUEUE_MAX {
        got.recv_timeout(WATCHDOG).unwrap().0.unwrap();
    }
    assert!(got.try_recv().is_err(), "a callback is called once");
}

#[test]
fn a_panic_in_a_look_up_or_a_callback_ends_only_itself() {
    let resolver = Resolver::with_lookup(Box::new(|name, _| match name {
        "bad" => panic!("a broken look-up"),
        _ => Ok(address()),
    }));
    let (to, got) = channel();
    for _ in 0..=THREADS_MAX {
        resolver.resolve(&host("good"), false, Box::new(|_| panic!("a broken callback")));
    }
    resolver.resolve(&host("bad"), false, report(&to));
    let failed = got.recv_timeout(WATCHDOG).unwrap().0.unwrap_err();
    assert_eq!(failed.raw_os_error(), Some(libc::EIO));
    resolver.resolve(&host("good"), false, report(&to));
    got.recv_timeout(WATCHDOG).unwrap().0.unwrap();
    resolver.resolve(
        &"tcp://127.0.0.1:9".parse().unwrap(),
        false,
        Box::new(|_| panic!("also when the caller runs it")),
    );
}

#[test]
fn dropping_the_resolver_forgets_what_is_queued_and_under_way() {
    let (resolver, gate) = gated();
    let (to, got) = channel();
    for _ in 0..THREADS_MAX {
        resolver.resolve(&host("slow"), false, report(&to));
        gate.arrived.recv_timeout(WATCHDOG).unwrap();
    }
    resolver.resolve(&host("queued"), false, report(&to));
    drop(to);
    drop(resolver);
    drop(gate.opened);
    // The channels close when the last callback and the look-up's own captures are gone, which is
    // when the last thread has ended.
    assert!(got.recv_timeout(WATCHDOG).is_err_and(|error| error.to_string().contains("closed")));
    let error = gate.arrived.recv_timeout(WATCHDOG).unwrap_err();
    assert_eq!(error, std::sync::mpsc::RecvTimeoutError::Disconnected);
}

#[test]
fn idle_threads_end_and_new_work_starts_new_ones() {
    thread_local! {
        static ALIVE: RefCell<Option<Sender<()>>> = const { RefCell::new(None) };
    }
    let (alive, ended) = channel::<()>();
    let alive = Mutex::new(Some(alive));
    let mut resolver = Resolver::with_lookup(Box::new(move |_, _| {
        // Dropped with the thread.
        ALIVE.set(alive.lock().unwrap().take());
        Ok(address())
    }));
    Arc::get_mut(&mut resolver.shared).unwrap().idle_max = Duration::from_millis(1);
    let (to, got) = channel();
    for _ in 0..2 {
        resolver.resolve(&host("host"), false, report(&to));
        got.recv_timeout(WATCHDOG).unwrap().0.unwrap();
        let error = ended.recv_timeout(WATCHDOG).unwrap_err();
        assert_eq!(error, std::sync::mpsc::RecvTimeoutError::Disconnected);
    }
}
