//! PUSH and PULL: nothing that was sent is lost, whoever ends first, and nothing that was settled
//! comes again.

use oxmq_engine::options::SyncPolicy;
use oxmq_engine::{Error, Message, SocketType, Wait};

use crate::support::{Folder, WATCHDOG, context, durable, explicit, recv, send};

const TRANSPORTS: [&str; 3] = ["tcp://127.0.0.1:*", "ipc://*", "inproc://durable"];

#[test]
fn messages_pass_between_durable_ends() {
    for endpoint in TRANSPORTS {
        let folder = Folder::new();
        let context = context();
        let pull = durable(&context, SocketType::Pull, &folder, "in", "worker");
        let endpoint = pull.bind(endpoint).unwrap();
        let push = durable(&context, SocketType::Push, &folder, "out", "jobs");
        push.connect(&endpoint).unwrap();
        for n in 0..100 {
            send(&push, &format!("job {n}")).unwrap();
        }
        for n in 0..100 {
            assert_eq!(recv(&pull), format!("job {n}"), "{endpoint}");
        }
        pull.acknowledge().unwrap();
        push.flush(Wait::For(WATCHDOG)).unwrap();
        assert_eq!(push.durable_status().unwrap().unsettled, 0);
    }
}

#[test]
fn what_was_sent_without_a_peer_is_delivered_by_the_next_process() {
    let folder = Folder::new();
    {
        let context = context();
        let push = durable(&context, SocketType::Push, &folder, "out", "jobs");
        push.connect("tcp://127.0.0.1:1").unwrap();
        (0..10).for_each(|n| send(&push, &n.to_string()).unwrap());
    }
    let context = context();
    let push = durable(&context, SocketType::Push, &folder, "out", "jobs");
    let endpoint = push.bind("tcp://127.0.0.1:*").unwrap();
    send(&push, "10").unwrap();
    let pull = durable(&context, SocketType::Pull, &folder, "in", "worker");
    pull.connect(&endpoint).unwrap();
    let got: Vec<String> = (0..=10).map(|_| recv(&pull)).collect();
    let all: Vec<String> = (0..=10).map(|n: i32| n.to_string()).collect();
    assert_eq!(got, all);
}

#[test]
fn what_was_not_acknowledged_comes_again_and_the_rest_does_not() {
    let folder = Folder::new();
    let sender = context();
    let push = durable(&sender, SocketType::Push, &folder, "out", "jobs");
    let endpoint = push.bind("tcp://127.0.0.1:*").unwrap();
    (0..6).for_each(|n| send(&push, &n.to_string()).unwrap());
    {
        let context = context();
        let pull = durable(&context, SocketType::Pull, &folder, "in", "worker");
        explicit(&pull);
        pull.connect(&endpoint).unwrap();
        let messages: Vec<Message> =
            (0..4).map(|_| pull.recv_message(Wait::For(WATCHDOG)).unwrap()).collect();
        for index in [0, 2] {
            let delivery = messages[index][0].meta().unwrap().delivery.clone().unwrap();
            assert_eq!((delivery.offset, delivery.attempt), (index as u64 + 1, 1));
            assert!(delivery.settle(oxmq_engine::Verdict::Ack));
            assert!(!delivery.settle(oxmq_engine::Verdict::Ack));
        }
    }
    let context = context();
    let pull = durable(&context, SocketType::Pull, &folder, "in", "worker");
    pull.connect(&endpoint).unwrap();
    let got: Vec<String> = (0..4).map(|_| recv(&pull)).collect();
    assert_eq!(got, ["1", "3", "4", "5"]);
    pull.acknowledge().unwrap();
    push.flush(Wait::For(WATCHDOG)).unwrap();
}

/// Inside the process nothing but the I/O thread's timer brings a message back.
#[test]
fn a_message_that_is_refused_comes_again_though_nobody_calls_the_sender() {
    let folder = Folder::new();
    let context = context();
    let pull = durable(&context, SocketType::Pull, &folder, "in", "worker");
    explicit(&pull);
    pull.bind("inproc://refused").unwrap();
    let push = durable(&context, SocketType::Push, &folder, "out", "jobs");
    push.connect("inproc://refused").unwrap();
    send(&push, "job").unwrap();
    let message = pull.recv_message(Wait::For(WATCHDOG)).unwrap();
    let delivery = message[0].meta().unwrap().delivery.clone().unwrap();
    assert!(delivery.settle(oxmq_engine::Verdict::Nack(std::time::Duration::from_millis(1))));
    let again = pull.recv_message(Wait::For(WATCHDOG)).unwrap();
    let delivery = again[0].meta().unwrap().delivery.clone().unwrap();
    assert_eq!((delivery.offset, delivery.attempt), (1, 2));
}

#[test]
fn a_name_and_a_store_have_one_owner() {
    let folder = Folder::new();
    let context = context();
    let first = durable(&context, SocketType::Push, &folder, "out", "jobs");
    first.bind("tcp://127.0.0.1:*").unwrap();
    let second = durable(&context, SocketType::Push, &folder, "out", "jobs");
    let error = second.bind("tcp://127.0.0.1:*").unwrap_err();
    assert!(matches!(&error, Error::Store { .. }), "{error}");
    assert_eq!(error.errno(), 98);
    first.close();
    second.bind("tcp://127.0.0.1:*").unwrap();
}

/// Each owner reads one message and stands still, while more is waiting than may be under way:
/// there is something to give to the next one before what the last one had comes back.
#[test]
fn a_new_owner_of_a_name_begins_with_what_the_old_one_had() {
    const COUNT: usize = 3_000;
    let text = |n: usize| format!("{n:01000}");
    let folder = Folder::new();
    let context = context();
    let push = durable(&context, SocketType::Push, &folder, "out", "jobs");
    push.configure(|options| {
        options.durable.sync = SyncPolicy::Os;
        options.durable.attempts_max = 0;
        Ok(())
    })
    .unwrap();
    let endpoint = push.bind("ipc://*").unwrap();
    (0..COUNT).for_each(|n| send(&push, &text(n)).unwrap());

    let owner = |number: usize| {
        let owner = durable(&context, SocketType::Pull, &folder, &format!("in-{number}"), "worker");
        explicit(&owner);
        owner.connect(&endpoint).unwrap();
        assert_eq!(recv(&owner), text(0), "owner {number}");
        owner
    };
    let mut owners: Vec<_> = (0..40).map(owner).collect();
    let last = owners.pop().unwrap();
    for n in 1..COUNT {
        assert_eq!(recv(&last), text(n));
    }
    last.acknowledge().unwrap();
    push.flush(Wait::For(WATCHDOG)).unwrap();
}

#[test]
fn a_durable_socket_needs_a_store_and_says_so_at_once() {
    let context = context();
    let push = context.socket(SocketType::Push).unwrap();
    push.configure(|options| {
        options.durable.name = b"jobs".to_vec();
        Ok(())
    })
    .unwrap();
    let error = push.bind("tcp://127.0.0.1:*").unwrap_err();
    assert_eq!(error.to_string(), "option DURABLE: works only once STORE is set");
    // It can be put right, until the socket is bound.
    let folder = Folder::new();
    let store = folder.path().join("store");
    push.set_raw_option(10001, store.to_str().unwrap().as_bytes()).unwrap();
    push.bind("tcp://127.0.0.1:*").unwrap();
    let late = push.set_raw_option(10001, b"/tmp/late").unwrap_err();
    assert_eq!(late.to_string(), "option STORE: must be set before the first bind or connect");
}
