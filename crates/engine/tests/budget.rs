//! What a message may cost: allocations, copied bytes, system calls and wake-ups, for a stream and
//! for round trips, over tcp, ipc and inproc. Both ends run in this process and are counted
//! together. Needs the feature `budget`.
//!
//! The figures are bounds that hold on a busy machine too; they say what the data path is built
//! to avoid (a system call, an allocation or a wake-up per message), not how fast it is.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use oxmq_engine::{Context, Msg, Profile, Socket, SocketType, Wait, budget};

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
    let _alone = ONE_AT_A_TIME.lock().unwrap();
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
    let _alone = ONE_AT_A_TIME.lock().unwrap();
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
    let _alone = ONE_AT_A_TIME.lock().unwrap();
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
