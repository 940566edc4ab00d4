//! What bounds a durable socket's logs: how much they hold, how long, and how often a message is
//! tried; and that everybody is told of what is given up.

use std::future::Future;
use std::time::Duration;

use oxmq_engine::options::{AckMode, Keep, SocketOptions};
use oxmq_engine::{
    Context, Error, Event, EventKind, Message, Monitor, Position, Socket, SocketType, Verdict, Wait,
};

use crate::support::{Folder, WATCHDOG, context, durable, explicit, recv, send};

/// A durable socket with some of its options changed.
fn with(
    context: &Context,
    socket_type: SocketType,
    folder: &Folder,
    name: &str,
    change: impl FnOnce(&mut SocketOptions),
) -> Socket {
    let socket = durable(context, socket_type, folder, name, name);
    socket
        .configure(|options| {
            change(options);
            Ok(())
        })
        .unwrap();
    socket
}

/// The next event that `wanted` makes something of.
fn event<T>(monitor: &Monitor, wanted: impl Fn(&EventKind) -> Option<T>) -> T {
    loop {
        let event: Event = monitor.recv_timeout(WATCHDOG).unwrap();
        if let Some(found) = wanted(&event.kind) {
            return found;
        }
    }
}

fn gap(monitor: &Monitor) -> (u64, u64, &'static str) {
    event(monitor, |kind| match kind {
        EventKind::Gap { from, to, reason } => Some((*from, *to, *reason)),
        _ => None,
    })
}

fn try_send(socket: &Socket, text: &str) -> oxmq_engine::Result<()> {
    socket.send_message(&mut Message::from(text), Wait::No)
}

fn is_mute(sent: &oxmq_engine::Result<()>) -> bool {
    matches!(sent, Err(Error::WouldBlock))
}

fn old(options: &mut SocketOptions) {
    options.durable.log_age_max = Some(Duration::from_millis(30));
}

/// LOG_AGE_MAX was recorded with the log and nobody looked at it.
#[test]
fn what_waits_too_long_for_a_peer_is_given_up_and_told() {
    for socket_type in [SocketType::Push, SocketType::Dealer] {
        let folder = Folder::new();
        let here = context();
        let socket = with(&here, socket_type, &folder, "out", old);
        let monitor = socket.monitor().unwrap();
        socket.bind("tcp://127.0.0.1:*").unwrap();
        send(&socket, "1").unwrap();
        send(&socket, "2").unwrap();
        let mut given_up = Vec::new();
        while given_up.len() < 2 {
            let (from, to, reason) = gap(&monitor);
            assert_eq!(reason, "expired");
            given_up.extend(from..=to);
        }
        assert_eq!(given_up, [1, 2]);
        assert_eq!(socket.durable_status().unwrap().unsettled, 0);
    }
}

#[test]
fn a_subscriber_is_told_what_expired_while_it_was_away() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    let publisher = with(&here, SocketType::Pub, &folder, "out", old);
    let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
    let subscribe = || {
        let sub = durable(&there, SocketType::Sub, &folder, "lucy", "lucy");
        sub.subscribe(b"").unwrap();
        sub
    };
    let sub = subscribe();
    sub.connect(&endpoint).unwrap();
    publisher.wait_changed(Wait::For(WATCHDOG), |peers| peers.subscribers == 1).unwrap();
    send(&publisher, "1").unwrap();
    assert_eq!(recv(&sub), "1");
    sub.acknowledge().unwrap();
    publisher.flush(Wait::For(WATCHDOG)).unwrap();
    drop(sub);
    send(&publisher, "2").unwrap();
    send(&publisher, "3").unwrap();
    // It has nothing left to keep once both have expired.
    publisher.flush(Wait::For(WATCHDOG)).unwrap();
    let sub = subscribe();
    let monitor = sub.monitor().unwrap();
    sub.connect(&endpoint).unwrap();
    publisher.wait_changed(Wait::For(WATCHDOG), |peers| peers.subscribers == 1).unwrap();
    send(&publisher, "4").unwrap();
    assert_eq!(recv(&sub), "4");
    // It is told in its place among the messages.
    assert_eq!(gap(&monitor), (2, 3, "expired"));
}

#[test]
fn what_a_router_keeps_for_a_name_expires_too() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    let router = with(&here, SocketType::Router, &folder, "router", old);
    let monitor = router.monitor().unwrap();
    let endpoint = router.bind("tcp://127.0.0.1:*").unwrap();
    {
        let dealer = durable(&there, SocketType::Dealer, &folder, "lucy", "lucy");
        dealer.connect(&endpoint).unwrap();
        send(&dealer, "hello").unwrap();
        assert_eq!(recv(&router), "lucy|hello");
        router.acknowledge().unwrap();
        dealer.flush(Wait::For(WATCHDOG)).unwrap();
    }
    let mut reply: Message = ["lucy", "late"].into_iter().collect();
    router.send_message(&mut reply, Wait::For(WATCHDOG)).unwrap();
    assert_eq!(gap(&monitor), (1, 1, "expired"));
    assert_eq!(router.durable_status().unwrap().unsettled, 0);
}

#[test]
fn what_waits_too_long_for_the_application_is_given_up() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    let pull = with(&here, SocketType::Pull, &folder, "in", |options| {
        old(options);
        options.durable.ack = AckMode::Explicit;
    });
    let monitor = pull.monitor().unwrap();
    let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    let push = there.socket(SocketType::Push).unwrap();
    push.connect(&endpoint).unwrap();
    send(&push, "1").unwrap();
    assert_eq!(gap(&monitor), (1, 1, "expired"));
    send(&push, "2").unwrap();
    assert_eq!(recv(&pull), "2");
}

/// MESSAGE_TTL counts for what is sent from then on, and the log's other messages stay.
#[test]
fn a_message_that_did_not_go_out_in_its_time_is_not_delivered() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    let push = durable(&here, SocketType::Push, &folder, "out", "out");
    let monitor = push.monitor().unwrap();
    push.bind("inproc://nobody").unwrap();
    send(&push, "1").unwrap();
    push.configure(|o| {
        o.message_ttl = Some(Duration::from_millis(1));
        Ok(())
    })
    .unwrap();
    send(&push, "2").unwrap();
    push.configure(|o| {
        o.message_ttl = None;
        Ok(())
    })
    .unwrap();
    send(&push, "3").unwrap();
    // The clock of the log has to go past the second one's time.
    let before = std::time::SystemTime::now();
    while before.elapsed().unwrap() < Duration::from_millis(3) {
        std::thread::yield_now();
    }
    let pull = durable(&there, SocketType::Pull, &folder, "in", "in");
    let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    push.connect(&endpoint).unwrap();
    assert_eq!([recv(&pull), recv(&pull)], ["1", "3"]);
    assert_eq!(gap(&monitor), (2, 2, "expired"));
}

#[test]
fn every_sender_that_waits_is_mute_at_its_limits() {
    let limit = |options: &mut SocketOptions| options.durable.log_messages_max = Some(2);
    let bytes = |options: &mut SocketOptions| options.durable.log_bytes_max = Some(2000);
    for socket_type in [SocketType::Push, SocketType::Dealer] {
        let folder = Folder::new();
        let here = context();
        let few = with(&here, socket_type, &folder, "few", limit);
        few.bind("tcp://127.0.0.1:*").unwrap();
        try_send(&few, "1").unwrap();
        try_send(&few, "2").unwrap();
        assert!(is_mute(&try_send(&few, "3")), "{socket_type:?}");
        let small = with(&here, socket_type, &folder, "small", bytes);
        small.bind("tcp://127.0.0.1:*").unwrap();
        let text = "x".repeat(1000);
        let sent = (0..10).take_while(|_| try_send(&small, &text).is_ok()).count();
        assert!((1..=3).contains(&sent), "{socket_type:?}: {sent}");
    }
}

#[test]
fn a_router_is_mute_at_its_limits() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    let router = with(&here, SocketType::Router, &folder, "router", |options| {
        options.durable.log_messages_max = Some(2);
    });
    let endpoint = router.bind("tcp://127.0.0.1:*").unwrap();
    {
        let dealer = durable(&there, SocketType::Dealer, &folder, "lucy", "lucy");
        dealer.connect(&endpoint).unwrap();
        send(&dealer, "hello").unwrap();
        assert_eq!(recv(&router), "lucy|hello");
        router.acknowledge().unwrap();
        dealer.flush(Wait::For(WATCHDOG)).unwrap();
    }
    let post = |text: &str| {
        let mut message: Message = ["lucy", text].into_iter().collect();
        router.send_message(&mut message, Wait::No)
    };
    post("1").unwrap();
    post("2").unwrap();
    assert!(is_mute(&post("3")));
}

#[test]
fn a_publisher_at_its_limits_drops_the_oldest_and_tells() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    let publisher = with(&here, SocketType::Pub, &folder, "out", |options| {
        options.durable.log_messages_max = Some(2);
    });
    let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
    let subscribe = || {
        let sub = durable(&there, SocketType::Sub, &folder, "lucy", "lucy");
        sub.subscribe(b"").unwrap();
        sub
    };
    {
        let sub = subscribe();
        sub.connect(&endpoint).unwrap();
        publisher.wait_changed(Wait::For(WATCHDOG), |peers| peers.subscribers == 1).unwrap();
        send(&publisher, "1").unwrap();
        assert_eq!(recv(&sub), "1");
        sub.acknowledge().unwrap();
        publisher.flush(Wait::For(WATCHDOG)).unwrap();
    }
    for n in 2..=6 {
        send(&publisher, &n.to_string()).unwrap();
    }
    let sub = subscribe();
    let monitor = sub.monitor().unwrap();
    sub.connect(&endpoint).unwrap();
    assert_eq!([recv(&sub), recv(&sub)], ["5", "6"]);
    assert_eq!(gap(&monitor), (2, 4, "retention"));
    // One message that is larger than the log can be is refused, and the socket goes on.
    let small = with(&here, SocketType::Pub, &folder, "small", |options| {
        options.durable.log_bytes_max = Some(1000);
        options.durable.keep = Keep::Limits;
    });
    small.bind("tcp://127.0.0.1:*").unwrap();
    let refused = send(&small, &"x".repeat(5000));
    assert!(matches!(refused, Err(Error::Store { .. })), "{refused:?}");
    send(&small, "fits").unwrap();
}

/// What a full log dropped counted as settled by every subscriber, so that one that knows nothing
/// of the log any more, or another of its name, was not told of it.
#[test]
fn a_known_name_that_comes_back_knowing_nothing_is_told_what_was_dropped() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    let publisher = with(&here, SocketType::Pub, &folder, "out", |options| {
        options.durable.log_messages_max = Some(2);
    });
    let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
    let subscribe = |store: &str| {
        let sub = durable(&there, SocketType::Sub, &folder, store, "lucy");
        sub.subscribe(b"").unwrap();
        let monitor = sub.monitor().unwrap();
        sub.connect(&endpoint).unwrap();
        publisher.wait_changed(Wait::For(WATCHDOG), |peers| peers.subscribers == 1).unwrap();
        (sub, monitor)
    };
    drop(subscribe("old"));
    publisher.wait_changed(Wait::For(WATCHDOG), |peers| peers.connected == 0).unwrap();
    for n in 1..=5 {
        send(&publisher, &n.to_string()).unwrap();
    }
    let (sub, monitor) = subscribe("new");
    assert_eq!([recv(&sub), recv(&sub)], ["4", "5"]);
    assert_eq!(gap(&monitor), (1, 3, "retention"));
    sub.acknowledge().unwrap();
    publisher.flush(Wait::For(WATCHDOG)).unwrap();
    // It has acknowledged what came behind the gap, so that it has heard of it.
    drop((sub, monitor));
    publisher.wait_changed(Wait::For(WATCHDOG), |peers| peers.connected == 0).unwrap();
    let (sub, monitor) = subscribe("newer");
    send(&publisher, "6").unwrap();
    assert_eq!(recv(&sub), "6");
    while let Some(event) = monitor.try_recv() {
        assert!(!matches!(event.kind, EventKind::Gap { .. }), "{event:?}");
    }
}

/// What the log holds that the application has not settled was bounded by RCVHWM alone.
#[test]
fn a_receiver_takes_no_more_than_its_log_may_hold() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    let pull = with(&here, SocketType::Pull, &folder, "in", |options| {
        options.durable.log_messages_max = Some(3);
        options.durable.ack = AckMode::Explicit;
    });
    let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    let push = there.socket(SocketType::Push).unwrap();
    push.connect(&endpoint).unwrap();
    for n in 1..=10 {
        send(&push, &n.to_string()).unwrap();
    }
    let received: Vec<String> = (0..3).map(|_| recv(&pull)).collect();
    assert_eq!(received, ["1", "2", "3"]);
    let more = pull.recv_message(Wait::For(Duration::from_millis(100)));
    assert!(matches!(more, Err(Error::TimedOut | Error::WouldBlock)), "{more:?}");
    pull.acknowledge().unwrap();
    let received: Vec<String> = (0..3).map(|_| recv(&pull)).collect();
    assert_eq!(received, ["4", "5", "6"]);
}

/// A message that was rejected or failed too often was dropped by every socket but PUSH and DEALER.
#[test]
fn what_nobody_can_deal_with_is_set_aside_by_every_pattern() {
    for kind in ["push", "pub", "router", "inbox"] {
        let folder = Folder::new();
        let (here, there) = (context(), context());
        let socket_type = match kind {
            "pub" => SocketType::Pub,
            "router" => SocketType::Router,
            "inbox" => SocketType::Pull,
            _ => SocketType::Push,
        };
        let owner = durable(&here, socket_type, &folder, "owner", "owner");
        explicit_if(&owner, kind == "inbox");
        let monitor = owner.monitor().unwrap();
        let endpoint = owner.bind("tcp://127.0.0.1:*").unwrap();
        let other = other_end(kind, &there, &folder);
        other.connect(&endpoint).unwrap();
        let receiver = if kind == "inbox" { &owner } else { &other };
        let sender = if kind == "inbox" { &other } else { &owner };
        match kind {
            "pub" => {
                owner.wait_changed(Wait::For(WATCHDOG), |peers| peers.subscribers == 1).unwrap();
            }
            "router" => {
                send(&other, "hello").unwrap();
                assert_eq!(recv(&owner), "lucy|hello");
            }
            _ => {}
        }
        let say = |text: &str| {
            let mut message: Message = match kind {
                "router" => ["lucy", text].into_iter().collect(),
                _ => Message::from(text),
            };
            sender.send_message(&mut message, Wait::For(WATCHDOG)).unwrap();
        };
        say("bad");
        say("good");
        let bad = receiver.recv_message(Wait::For(WATCHDOG)).unwrap();
        assert!(bad.delivery().unwrap().settle(Verdict::Reject));
        let good = receiver.recv_message(Wait::For(WATCHDOG)).unwrap();
        assert_eq!(good, ["good"], "{kind}");
        assert!(good.ack());
        let offset = event(&monitor, |kind| match kind {
            EventKind::DeadLetter { offset } => Some(*offset),
            _ => None,
        });
        assert_eq!(offset, 1, "{kind}");
        drop((other, owner));
        assert_eq!(dead(&folder, "owner", "owner/dead"), ["bad"], "{kind}");
    }
}

fn explicit_if(socket: &Socket, condition: bool) {
    if condition {
        explicit(socket);
    }
}

fn other_end(kind: &str, context: &Context, folder: &Folder) -> Socket {
    let other = match kind {
        "pub" => durable(context, SocketType::Sub, folder, "lucy", "lucy"),
        "router" => durable(context, SocketType::Dealer, folder, "lucy", "lucy"),
        "inbox" => return context.socket(SocketType::Push).unwrap(),
        _ => durable(context, SocketType::Pull, folder, "lucy", "lucy"),
    };
    explicit(&other);
    if kind == "pub" {
        other.subscribe(b"").unwrap();
    }
    other
}

/// The messages of a log of a store.
fn dead(folder: &Folder, store: &str, log: &str) -> Vec<String> {
    let inspect = oxmq_engine::journal::Inspect::open(&folder.path().join(store)).unwrap();
    let mut found = Vec::new();
    inspect
        .records(log.as_bytes(), 1, |record| {
            found.push(String::from_utf8_lossy(record.part(0)).into_owned());
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    found
}

/// A message of the socket's own log was set aside while the socket looked for one to receive, and
/// monitors were told only when something else happened.
#[test]
fn monitors_are_told_at_once_that_a_message_was_set_aside() {
    let folder = Folder::new();
    let context = context();
    // Without an I/O thread nothing happens but what is called here.
    context.configure(|options| options.io_threads = 0);
    let pull = with(&context, SocketType::Pull, &folder, "in", |options| {
        options.durable.ack = AckMode::Explicit;
        options.durable.attempts_max = 1;
    });
    let monitor = pull.monitor().unwrap();
    pull.bind("inproc://in").unwrap();
    let push = context.socket(SocketType::Push).unwrap();
    push.connect("inproc://in").unwrap();
    send(&push, "bad").unwrap();
    let bad = pull.recv_message(Wait::For(WATCHDOG)).unwrap();
    assert!(bad.nack(Duration::ZERO));
    // Carries the verdict out, and then finds nothing but what was tried too often.
    let mut waiting = Box::pin(pull.recv_async());
    let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(waiting.as_mut().poll(&mut nobody).is_pending());
    let told: Vec<EventKind> = std::iter::from_fn(|| Some(monitor.try_recv()?.kind)).collect();
    let is_told = told.iter().any(|kind| matches!(kind, EventKind::DeadLetter { offset: 1 }));
    assert!(is_told, "{told:?}");
}

/// A message whose place among the dead letters could not be had stayed with nobody until the next
/// start.
#[test]
fn a_message_that_cannot_be_set_aside_now_is_set_aside_later() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    // Another socket has the name.
    let squatter = durable(&here, SocketType::Push, &folder, "owner", "owner/dead");
    squatter.bind("inproc://squatter").unwrap();
    let push = durable(&here, SocketType::Push, &folder, "owner", "owner");
    let monitor = push.monitor().unwrap();
    let endpoint = push.bind("tcp://127.0.0.1:*").unwrap();
    let pull = durable(&there, SocketType::Pull, &folder, "in", "in");
    explicit(&pull);
    pull.connect(&endpoint).unwrap();
    send(&push, "bad").unwrap();
    let bad = pull.recv_message(Wait::For(WATCHDOG)).unwrap();
    assert!(bad.reject());
    event(&monitor, |kind| matches!(kind, EventKind::StoreFailed { .. }).then_some(()));
    drop(squatter);
    event(&monitor, |kind| matches!(kind, EventKind::DeadLetter { offset: 1 }).then_some(()));
    push.flush(Wait::For(WATCHDOG)).unwrap();
}

/// The offsets that went to other receivers were holes in what a receiver had settled, for ever:
/// after 65,536 of them no acknowledgement could be recorded any more.
#[test]
fn a_receiver_need_not_remember_what_went_to_others() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    let push = durable(&here, SocketType::Push, &folder, "out", "out");
    push.configure(|o| {
        o.durable.sync = oxmq_engine::options::SyncPolicy::Os;
        Ok(())
    })
    .unwrap();
    let endpoint = push.bind("tcp://127.0.0.1:*").unwrap();
    let pulls: Vec<Socket> = ["one", "two"]
        .iter()
        .map(|name| {
            let pull = durable(&there, SocketType::Pull, &folder, name, name);
            pull.connect(&endpoint).unwrap();
            pull
        })
        .collect();
    push.wait_changed(Wait::For(WATCHDOG), |peers| peers.connected == 2).unwrap();
    for _ in 0..20 {
        for n in 0..100 {
            send(&push, &n.to_string()).unwrap();
        }
        let mut left = 100;
        while left > 0 {
            for pull in &pulls {
                while pull.recv_message(Wait::No).is_ok() {
                    left -= 1;
                }
            }
        }
        pulls.iter().for_each(|pull| pull.acknowledge().unwrap());
        push.flush(Wait::For(WATCHDOG)).unwrap();
    }
    drop(pulls);
    let inspect = oxmq_engine::journal::Inspect::open(&folder.path().join("one")).unwrap();
    let ranges = inspect.remote_cursors(b"one").unwrap()[0].1.done.above_count();
    assert!(ranges < 700, "{ranges} ranges after 2,000 messages");
}

/// The same for what a subscriber did not subscribe to.
#[test]
fn a_subscriber_need_not_remember_what_it_did_not_want() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    let publisher = durable(&here, SocketType::Pub, &folder, "out", "out");
    publisher
        .configure(|o| {
            o.durable.sync = oxmq_engine::options::SyncPolicy::Os;
            Ok(())
        })
        .unwrap();
    let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
    let sub = durable(&there, SocketType::Sub, &folder, "lucy", "lucy");
    sub.subscribe(b"a").unwrap();
    sub.connect(&endpoint).unwrap();
    publisher.wait_changed(Wait::For(WATCHDOG), |peers| peers.subscribers == 1).unwrap();
    for _ in 0..20 {
        for _ in 0..100 {
            send(&publisher, "a").unwrap();
            send(&publisher, "b").unwrap();
        }
        (0..100).for_each(|_| drop(recv(&sub)));
        sub.acknowledge().unwrap();
        publisher.flush(Wait::For(WATCHDOG)).unwrap();
    }
    drop(sub);
    let inspect = oxmq_engine::journal::Inspect::open(&folder.path().join("lucy")).unwrap();
    let ranges = inspect.remote_cursors(b"lucy").unwrap()[0].1.done.above_count();
    assert!(ranges < 700, "{ranges} ranges after 2,000 messages");
}

#[test]
fn a_subscriber_goes_back_in_the_log_of_its_publisher() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    let publisher = with(&here, SocketType::Pub, &folder, "out", |options| {
        options.durable.keep = Keep::Limits;
        options.durable.log_messages_max = Some(100);
    });
    let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
    let subscribe = || {
        let sub = durable(&there, SocketType::Sub, &folder, "lucy", "lucy");
        sub.subscribe(b"").unwrap();
        sub
    };
    let sub = subscribe();
    sub.connect(&endpoint).unwrap();
    publisher.wait_changed(Wait::For(WATCHDOG), |peers| peers.subscribers == 1).unwrap();
    for n in 1..=5 {
        send(&publisher, &n.to_string()).unwrap();
    }
    for n in 1..=4 {
        assert_eq!(recv(&sub), n.to_string());
    }
    sub.seek(Position::Offset(2)).unwrap();
    let again: Vec<String> = (2..=5).map(|_| recv(&sub)).collect();
    assert_eq!(again, ["2", "3", "4", "5"]);
    sub.acknowledge().unwrap();
    publisher.flush(Wait::For(WATCHDOG)).unwrap();
    drop(sub);
    // One that is away seeks, too, and the publisher learns of it when it comes.
    let sub = subscribe();
    sub.bind("inproc://elsewhere").unwrap();
    sub.seek(Position::Earliest).unwrap();
    drop(sub);
    let sub = subscribe();
    sub.connect(&endpoint).unwrap();
    let again: Vec<String> = (1..=5).map(|_| recv(&sub)).collect();
    assert_eq!(again, ["1", "2", "3", "4", "5"]);
    sub.seek(Position::Latest).unwrap();
    // The publisher answers before anything that is sent after that comes.
    sub.acknowledge().unwrap();
    publisher.flush(Wait::For(WATCHDOG)).unwrap();
    send(&publisher, "6").unwrap();
    assert_eq!(recv(&sub), "6");
}

/// A seek that the publisher could not record was to be asked for again on the next connection, and
/// the connection was not ended: the subscriber waited for ever.
#[test]
fn a_subscriber_whose_seek_could_not_be_recorded_is_disconnected() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    let publisher = with(&here, SocketType::Pub, &folder, "out", |options| {
        options.durable.keep = Keep::Limits;
        options.durable.log_messages_max = Some(100);
    });
    let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
    let told = publisher.monitor().unwrap();
    let sub = durable(&there, SocketType::Sub, &folder, "lucy", "lucy");
    sub.subscribe(b"").unwrap();
    sub.connect(&endpoint).unwrap();
    publisher.wait_changed(Wait::For(WATCHDOG), |peers| peers.subscribers == 1).unwrap();
    send(&publisher, "1").unwrap();
    assert_eq!(recv(&sub), "1");
    // The same store, closed under the publisher's hands.
    let path = folder.path().join("out");
    let store = oxmq_engine::journal::Store::open(&path, Default::default()).unwrap();
    store.close().unwrap();
    sub.seek(Position::Earliest).unwrap();
    event(&told, |kind| matches!(kind, EventKind::StoreFailed { .. }).then_some(()));
    let reason = event(&told, |kind| match kind {
        EventKind::Disconnected { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason, "its seek could not be recorded");
}

#[test]
fn options_that_would_come_to_nothing_are_refused() {
    let folder = Folder::new();
    let here = context();
    let refused = |change: &dyn Fn(&mut SocketOptions)| {
        let socket = here.socket(SocketType::Push).unwrap();
        socket
            .configure(|options| {
                change(options);
                Ok(())
            })
            .unwrap();
        let error = socket.bind("tcp://127.0.0.1:*").unwrap_err();
        assert!(matches!(error, Error::Option(_)), "{error}");
        error.to_string()
    };
    let path = folder.path().to_str().unwrap().to_owned();
    let both = refused(&|o| {
        o.durable.store.clone_from(&path);
        o.durable.name = b"both".to_vec();
        o.durable.spill_dir.clone_from(&path);
    });
    assert!(both.contains("SPILL_DIR") && both.contains("DURABLE"), "{both}");
    assert!(refused(&|o| o.durable.store.clone_from(&path)).contains("STORE"));
    assert!(refused(&|o| o.durable.log_messages_max = Some(3)).contains("LOG_MESSAGES_MAX"));
    assert!(refused(&|o| o.durable.spill_limit = Some(3)).contains("SPILL_LIMIT"));
    assert!(refused(&|o| o.message_ttl = Some(WATCHDOG)).contains("MESSAGE_TTL"));
    // What was refused can be put right.
    let socket = here.socket(SocketType::Push).unwrap();
    socket
        .configure(|o| {
            o.durable.name = b"jobs".to_vec();
            Ok(())
        })
        .unwrap();
    assert!(socket.bind("tcp://127.0.0.1:*").is_err());
    socket
        .configure(|o| {
            o.durable.store.clone_from(&path);
            Ok(())
        })
        .unwrap();
    socket.bind("tcp://127.0.0.1:*").unwrap();
}

/// With the policies interval and os, what a process had given out and the disk has not was lost
/// without a word, and its numbers were given to other messages.
#[test]
fn what_may_be_lost_when_the_machine_goes_down_is_announced_and_its_numbers_stay_unused() {
    let folder = Folder::new();
    let (here, there) = (context(), context());
    let os = |options: &mut SocketOptions| {
        options.durable.sync = oxmq_engine::options::SyncPolicy::Os;
    };
    let first = with(&here, SocketType::Push, &folder, "out", os);
    first.bind("inproc://nobody").unwrap();
    send(&first, "1").unwrap();
    drop(first);
    {
        // As a process of a machine that has gone down leaves it.
        let path = folder.path().join("out");
        let store = oxmq_engine::journal::Store::open(&path, Default::default()).unwrap();
        let options = store.logs()[0].options.clone();
        let log = store.log(b"out", &options).unwrap();
        assert_eq!(log.value(b"reserved").unwrap(), None, "it was closed in order");
        let mut value = 100_u64.to_be_bytes().to_vec();
        value.extend([7; 24]);
        let mut batch = store.batch();
        batch.put(&log, b"reserved", &value).unwrap();
        store.sync(batch.commit().unwrap().lsn).unwrap();
    }
    let push = with(&here, SocketType::Push, &folder, "out", os);
    let monitor = push.monitor().unwrap();
    let endpoint = push.bind("tcp://127.0.0.1:*").unwrap();
    assert_eq!(gap(&monitor), (2, 99, "lost-in-crash"));
    send(&push, "2").unwrap();
    let pull = durable(&there, SocketType::Pull, &folder, "in", "in");
    pull.connect(&endpoint).unwrap();
    let offset = |text: &str| {
        let message = pull.recv_message(Wait::For(WATCHDOG)).unwrap();
        assert_eq!(message, [text]);
        message.delivery().unwrap().offset
    };
    assert_eq!([offset("1"), offset("2")], [1, 100]);
}

/// A delay without end was added to the clock.
#[test]
fn a_message_may_be_put_off_for_as_long_as_there_is() {
    let folder = Folder::new();
    let context = context();
    let pull = with(&context, SocketType::Pull, &folder, "in", |options| {
        options.durable.ack = AckMode::Explicit;
    });
    pull.bind("inproc://in").unwrap();
    let push = context.socket(SocketType::Push).unwrap();
    push.connect("inproc://in").unwrap();
    send(&push, "later").unwrap();
    send(&push, "now").unwrap();
    assert!(pull.recv_message(Wait::For(WATCHDOG)).unwrap().nack(Duration::MAX));
    let next = pull.recv_message(Wait::For(WATCHDOG)).unwrap();
    assert_eq!(&next[0][..], b"now");
}
