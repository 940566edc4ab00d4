//! What a message may cost: allocations, copied bytes, system calls and wake-ups, for a stream and
//! for round trips, over tcp, ipc and inproc. Both ends run in this process and are counted
//! together. Needs the feature `budget`.
//!
//! The figures are bounds that hold on a busy machine too; they say what the data path is built
//! to avoid (a system call, an allocation or a wake-up per message), not how fast it is. Everything
//! runs on one processor: with two, threads look again and again before they sleep, and how often
//! depends on the machine.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Wake, Waker};
use std::thread::Thread;

use oxmq_engine::{
    Context, CurveKeyPair, CurveSecretKey, Message, Msg, Profile, Socket, SocketType, Wait, budget,
};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counter does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) };
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The counters are the process's, so one test measures at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Waits for its turn; the test's threads run on one processor from then on.
fn alone() -> MutexGuard<'static, ()> {
    let turn = ONE_AT_A_TIME.lock().unwrap();
    // SAFETY: zero is an empty set, which the macro's function fills; the calls read and write the
    // set they are given, which outlives them.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        let size = size_of::<libc::cpu_set_t>();
        assert_eq!(libc::sched_getaffinity(0, size, &raw mut set), 0);
        let first = (0..libc::CPU_SETSIZE as usize).find(|cpu| libc::CPU_ISSET(*cpu, &set));
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(first.unwrap(), &mut one);
        assert_eq!(libc::sched_setaffinity(0, size, &raw const one), 0);
    }
    turn
}

const TRANSPORTS: [&str; 3] = ["tcp://127.0.0.1:*", "ipc://*", "inproc://budget"];

#[derive(Clone, Copy, Debug)]
struct Spent {
    allocations: u64,
    copied_bytes: u64,
    system_calls: u64,
    /// Times a thread of the process went to sleep, and so had to be woken.
    sleeps: u64,
}

impl Spent {
    fn now() -> Spent {
        Spent {
            allocations: ALLOCATIONS.load(Ordering::Relaxed),
            copied_bytes: budget::copied_bytes(),
            system_calls: budget::system_calls(),
            sleeps: voluntary_switches(),
        }
    }

    fn since(before: Spent) -> Spent {
        let now = Spent::now();
        Spent {
            allocations: now.allocations - before.allocations,
            copied_bytes: now.copied_bytes - before.copied_bytes,
            system_calls: now.system_calls - before.system_calls,
            sleeps: now.sleeps - before.sleeps,
        }
    }
}

/// Voluntary context switches of all threads that are and were.
fn voluntary_switches() -> u64 {
    // SAFETY: zero is a valid value of every field, and the call fills the structure it is given.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &raw mut usage), 0);
        usage
    };
    u64::try_from(usage.ru_nvcsw).unwrap()
}

fn pair(kinds: (SocketType, SocketType), transport: &str) -> (Context, Socket, Socket) {
    let context = Context::new(Profile::Libzmq);
    let bound = context.socket(kinds.0).unwrap();
    let endpoint = bound.bind(transport).unwrap();
    let connecting = context.socket(kinds.1).unwrap();
    connecting.connect(&endpoint).unwrap();
    (context, bound, connecting)
}

fn part(bytes: &[u8]) -> Msg {
    Msg::from_slice(bytes)
}

/// Sends `count` messages from another thread and receives them here.
fn stream(pull: &Socket, push: &Socket, body: &'static [u8], count: u64) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..count {
                push.send_part(&mut Msg::from_static(body), Wait::Forever).unwrap();
            }
        });
        for _ in 0..count {
            assert_eq!(pull.recv_part(Wait::Forever).unwrap().len(), body.len());
        }
    });
}

const STREAM: u64 = 200_000;
const ROUND_TRIPS: u64 = 5_000;

#[test]
fn a_stream_spends_nothing_per_message() {
    let _alone = alone();
    static BODY: [u8; 64] = [7; 64];
    for transport in TRANSPORTS {
        let (_context, pull, push) = pair((SocketType::Pull, SocketType::Push), transport);
        stream(&pull, &push, &BODY, STREAM / 4);
        let before = Spent::now();
        stream(&pull, &push, &BODY, STREAM);
        let spent = Spent::since(before);
        println!("stream {transport}: {spent:?} for {STREAM} messages");
        assert!(spent.allocations < STREAM / 50, "{transport}: {spent:?}");
        if transport.starts_with("inproc") {
            assert_eq!(spent.copied_bytes, 0, "inproc passes messages on as they are");
            assert_eq!(spent.system_calls, 0, "{transport}: {spent:?}");
        } else {
            // Copied once into the outbound buffer; received as slices of the read buffer. What
            // a full read buffer carries over is a fraction of a frame per 256 KiB.
            let most = STREAM * 64 + STREAM * 64 / 20;
            assert!(spent.copied_bytes <= most, "{transport}: {spent:?}");
            assert!(spent.system_calls < STREAM / 10, "{transport}: {spent:?}");
        }
        assert!(spent.sleeps < STREAM / 10, "{transport}: {spent:?}");
    }
}

#[test]
fn a_large_payload_is_not_copied_in_a_stream() {
    let _alone = alone();
    static BODY: [u8; 1 << 20] = [7; 1 << 20];
    for transport in TRANSPORTS {
        let (_context, pull, push) = pair((SocketType::Pull, SocketType::Push), transport);
        stream(&pull, &push, &BODY, 4);
        let before = Spent::now();
        stream(&pull, &push, &BODY, 100);
        let spent = Spent::since(before);
        println!("large {transport}: {spent:?} for 100 messages");
        // Written from where it lies and read to where it stays, but for what a read of its
        // header brought along.
        assert!(spent.copied_bytes <= 100 * (300 << 10), "{transport}: {spent:?}");
    }
}

#[test]
fn a_round_trip_is_three_system_calls_a_side() {
    let _alone = alone();
    for transport in TRANSPORTS {
        let (_context, rep, req) = pair((SocketType::Rep, SocketType::Req), transport);
        let run = |count: u64| {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..count {
                        let mut request = rep.recv_part(Wait::Forever).unwrap();
                        rep.send_part(&mut request, Wait::Forever).unwrap();
                    }
                });
                for _ in 0..count {
                    req.send_part(&mut part(&[7; 32]), Wait::Forever).unwrap();
                    assert_eq!(req.recv_part(Wait::Forever).unwrap().len(), 32);
                }
            });
        };
        run(ROUND_TRIPS / 4);
        let before = Spent::now();
        run(ROUND_TRIPS);
        let spent = Spent::since(before);
        println!("round trip {transport}: {spent:?} for {ROUND_TRIPS}");
        assert!(spent.allocations < ROUND_TRIPS / 10, "{transport}: {spent:?}");
        if transport.starts_with("inproc") {
            assert_eq!((spent.copied_bytes, spent.system_calls), (0, 0), "{spent:?}");
        } else {
            // Each side waits, reads and writes; the I/O thread looks in from time to time.
            assert!(spent.system_calls < ROUND_TRIPS * 13 / 2, "{transport}: {spent:?}");
            // Into the outbound buffer and out of the read buffer, twice.
            assert!(spent.copied_bytes <= ROUND_TRIPS * 4 * 32, "{transport}: {spent:?}");
        }
        // Two sleeps: one on each side.
        assert!(spent.sleeps < ROUND_TRIPS * 5 / 2, "{transport}: {spent:?}");
    }
}

#[test]
fn a_fan_out_encodes_once_and_spends_nothing_per_delivery() {
    const SUBSCRIBERS: u64 = 8;
    const COUNT: u64 = 20_000;
    const TURN: u64 = 500;
    static BODY: [u8; 64] = [7; 64];
    let _alone = alone();
    for transport in ["tcp://127.0.0.1:*", "ipc://*"] {
        let context = Context::new(Profile::Libzmq);
        let publisher = context.socket(SocketType::Pub).unwrap();
        publisher
            .configure(|options| {
                options.xpub_nodrop = true;
                Ok(())
            })
            .unwrap();
        let endpoint = publisher.bind(transport).unwrap();
        let subscribers: Vec<Socket> = (0..SUBSCRIBERS)
            .map(|_| {
                let subscriber = context.socket(SocketType::Sub).unwrap();
                subscriber.subscribe(b"").unwrap();
                subscriber.connect(&endpoint).unwrap();
                subscriber
            })
            .collect();
        let all = SUBSCRIBERS as usize;
        publisher.wait_changed(Wait::Forever, |peers| peers.subscribers == all).unwrap();
        let run = |count: u64| {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..count {
                        publisher.send_part(&mut Msg::from_static(&BODY), Wait::Forever).unwrap();
                    }
                });
                for _ in 0..count / TURN {
                    for subscriber in &subscribers {
                        for _ in 0..TURN {
                            let part = subscriber.recv_part(Wait::Forever).unwrap();
                            assert_eq!(part.len(), BODY.len());
                        }
                    }
                }
            });
        };
        run(TURN * 4);
        let before = Spent::now();
        run(COUNT);
        let spent = Spent::since(before);
        let deliveries = COUNT * SUBSCRIBERS;
        println!("fan-out {transport}: {spent:?} for {deliveries} deliveries");
        assert!(spent.allocations < deliveries / 50, "{transport}: {spent:?}");
        // The frame, encoded once, goes into each peer's buffer.
        assert!(spent.copied_bytes <= deliveries * 66 * 21 / 20, "{transport}: {spent:?}");
        assert!(spent.system_calls < deliveries / 20, "{transport}: {spent:?}");
        assert!(spent.sleeps < deliveries / 20, "{transport}: {spent:?}");
    }
}

#[test]
fn subscriptions_in_a_row_are_written_together() {
    const COUNT: u32 = 20_000;
    let _alone = alone();
    for transport in ["tcp://127.0.0.1:*", "ipc://*"] {
        let context = Context::new(Profile::Libzmq);
        let publisher = context.socket(SocketType::XPub).unwrap();
        let endpoint = publisher.bind(transport).unwrap();
        let subscriber = context.socket(SocketType::Sub).unwrap();
        subscriber.connect(&endpoint).unwrap();
        subscriber.wait_changed(Wait::Forever, |peers| peers.connected == 1).unwrap();
        let before = Spent::now();
        for topic in 0..COUNT {
            subscriber.subscribe(&topic.to_be_bytes()).unwrap();
        }
        for topic in 0..COUNT {
            let told = publisher.recv_part(Wait::Forever).unwrap();
            assert_eq!(told[0], 1);
            assert_eq!(told[1..], topic.to_be_bytes());
        }
        let spent = Spent::since(before);
        println!("subscriptions {transport}: {spent:?} for {COUNT}");
        assert!(spent.system_calls < u64::from(COUNT) / 20, "{transport}: {spent:?}");
        assert!(spent.sleeps < u64::from(COUNT) / 20, "{transport}: {spent:?}");
    }
}

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Parked(Thread);
    impl Wake for Parked {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Parked(std::thread::current())));
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn a_stream_of_futures_spends_nothing_per_message() {
    let _alone = alone();
    static BODY: [u8; 64] = [7; 64];
    for transport in TRANSPORTS {
        let (_context, pull, push) = pair((SocketType::Pull, SocketType::Push), transport);
        let run = |count: u64| {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    block_on(async {
                        for _ in 0..count {
                            let mut message = Message::from(Msg::from_static(&BODY));
                            push.send_async(&mut message).await.unwrap();
                        }
                    });
                });
                block_on(async {
                    for _ in 0..count {
                        assert_eq!(pull.recv_async().await.unwrap().bytes(), BODY.len());
                    }
                });
            });
        };
        run(STREAM / 4);
        let before = Spent::now();
        run(STREAM);
        let spent = Spent::since(before);
        println!("futures {transport}: {spent:?} for {STREAM} messages");
        assert!(spent.allocations < STREAM / 50, "{transport}: {spent:?}");
        assert!(spent.system_calls < STREAM / 10, "{transport}: {spent:?}");
        assert!(spent.sleeps < STREAM / 10, "{transport}: {spent:?}");
    }
}

#[test]
fn an_enciphered_stream_allocates_nothing_per_message() {
    const COUNT: u64 = 50_000;
    let _alone = alone();
    static BODY: [u8; 64] = [7; 64];
    let (context, server, client) = enciphered();
    stream(&server, &client, &BODY, COUNT / 4);
    let before = Spent::now();
    stream(&server, &client, &BODY, COUNT);
    let spent = Spent::since(before);
    drop(context);
    println!("curve: {spent:?} for {COUNT} messages");
    // A buffer for each write or read, however many messages that is.
    assert!(spent.allocations < COUNT / 10, "{spent:?}");
    assert!(spent.system_calls < COUNT / 10, "{spent:?}");
    assert!(spent.sleeps < COUNT / 10, "{spent:?}");
}

/// A PULL that is a CURVE server, and a PUSH that is its client.
fn enciphered() -> (Context, Socket, Socket) {
    let context = Context::new(Profile::Libzmq);
    let keys = |number| CurveKeyPair::from_secret(CurveSecretKey::from_bytes([number; 32]));
    let (server, client) = (keys(1), keys(2));
    let bound = context.socket(SocketType::Pull).unwrap();
    bound
        .configure(|options| {
            options.security.set_curve_server(true);
            options.security.set_curve_secret_key(keys(1).secret);
            Ok(())
        })
        .unwrap();
    let endpoint = bound.bind("tcp://127.0.0.1:*").unwrap();
    let connecting = context.socket(SocketType::Push).unwrap();
    connecting
        .configure(|options| {
            options.security.set_curve_server_key(server.public);
            options.security.set_curve_public_key(client.public);
            options.security.set_curve_secret_key(client.secret);
            Ok(())
        })
        .unwrap();
    connecting.connect(&endpoint).unwrap();
    (context, bound, connecting)
}
