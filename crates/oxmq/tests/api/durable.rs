//! Durable sockets through the typed interface: what one process leaves the next one goes on with,
//! verdicts of messages, flushing in both ways, and what is refused.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use oxmq::{
    AckMode, AnySocket, Context, Dealer, Error, Position, Pub, Pull, Push, Rep, Req, Router,
    SocketType, Sub, SyncPolicy,
};

const WATCHDOG: Duration = Duration::from_secs(60);

/// A directory that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("oxmq-api-durable-{}-{number}", std::process::id());
        Folder(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_was_sent_is_delivered_after_the_end() {
    let folder = Folder::new();
    {
        let context = Context::new();
        let push = Push::with_options(&context, |o| o.durable("jobs", folder.path())).unwrap();
        push.connect("tcp://127.0.0.1:1").unwrap();
        push.send(["two", "parts"]).unwrap();
        assert_eq!(push.durable_status().unwrap().unsettled, 1);
        assert!(matches!(push.flush_timeout(Duration::ZERO), Err(Error::TimedOut)));
    }
    let context = Context::new();
    let push = Push::with_options(&context, |o| o.durable("jobs", folder.path())).unwrap();
    let pull = Pull::new(&context).unwrap();
    pull.connect(&push.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
    assert_eq!(pull.recv_timeout(WATCHDOG).unwrap(), ["two", "parts"]);
    push.flush_timeout(WATCHDOG).unwrap();
}

#[test]
fn each_verdict_does_what_it_says() {
    // Without heartbeats nothing but the receiver's word wakes the flush.
    let (out, back) = (Folder::new(), Folder::new());
    let context = Context::new();
    let push = Push::with_options(&context, |o| {
        o.durable("jobs", out.path()).sync(SyncPolicy::Os).attempts_max(0).heartbeat_ivl(None)
    });
    let push = push.unwrap();
    let pull = Pull::with_options(&context, |o| {
        o.durable("worker", back.path()).ack_mode(AckMode::Explicit).heartbeat_ivl(None)
    });
    let pull = pull.unwrap();
    pull.connect(&push.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
    for n in ["ack", "nack", "reject"] {
        push.send(n).unwrap();
    }
    let messages: Vec<_> = (0..3).map(|_| pull.recv_timeout(WATCHDOG).unwrap()).collect();
    assert_eq!(messages[2].delivery().unwrap().offset, 3);
    assert!(messages[0].ack() && !messages[0].ack());
    assert!(messages[1].nack(Duration::from_millis(1)));
    assert!(messages[2].reject());
    let again = pull.recv_timeout(WATCHDOG).unwrap();
    assert_eq!(again, ["nack"]);
    assert_eq!(again.delivery().unwrap().attempt, 2);
    pull.acknowledge().unwrap();
    pollster::block_on(push.flush_async()).unwrap();
    assert!(matches!(pull.try_recv(), Err(Error::WouldBlock)));
}

#[test]
fn every_durable_kind_takes_a_name_and_a_store() {
    let folder = Folder::new();
    let context = Context::new();
    macro_rules! open {
        ($($kind:ident)+) => {$({
            let name = stringify!($kind);
            let socket = $kind::with_options(&context, |o| o.durable(name, folder.path())).unwrap();
            socket.bind(&format!("inproc://{name}")).unwrap();
            assert_eq!(socket.durable_status().unwrap().unsettled, 0, "{name}");
        })+};
    }
    open!(Push Pull Pub Sub Dealer Router Req Rep);
}

#[test]
fn what_cannot_be_is_refused_at_once() {
    let folder = Folder::new();
    let context = Context::new();
    let pair =
        AnySocket::with_options(&context, SocketType::Pair, |o| o.durable("n", folder.path()));
    let error = pair.unwrap_err().to_string();
    assert_eq!(error, "option STORE: not an option of PAIR sockets");
    let push = Push::new(&context).unwrap();
    push.bind("inproc://plain").unwrap();
    for refused in [push.flush(), push.durable_status().map(drop)] {
        assert!(matches!(refused, Err(Error::NotSupported { .. })), "{refused:?}");
    }
    let late = push.configure(|o| o.durable("n", folder.path()));
    assert!(late.unwrap_err().to_string().contains("must be set before the first bind or connect"));
    let pull = Pull::new(&context).unwrap();
    assert!(matches!(pull.seek(Position::Earliest), Err(Error::NotSupported { .. })));
    assert!(matches!(pull.acknowledge(), Err(Error::NotSupported { .. })));
    let spilling = Push::with_options(&context, |o| o.spill_dir("/tmp").spill_memory(1000));
    assert!(matches!(spilling.unwrap().flush(), Err(Error::NotSupported { .. })));
}
