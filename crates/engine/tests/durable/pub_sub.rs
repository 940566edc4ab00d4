//! PUB and SUB: a subscriber with a name misses nothing while it is away, whoever was away.

use oxmq_engine::options::SocketOptions;
use oxmq_engine::{Context, Socket, SocketType, Wait};
use oxmq_zmtp::DurableStart;

use crate::support::{Folder, WATCHDOG, context, durable, recv, send};

fn subscriber(context: &Context, folder: &Folder, name: &str, topics: &[&str]) -> Socket {
    let sub = durable(context, SocketType::Sub, folder, name, name);
    topics.iter().for_each(|topic| sub.subscribe(topic.as_bytes()).unwrap());
    sub
}

fn wait_subscribed(publisher: &Socket, subscribers: usize) {
    publisher.wait_changed(Wait::For(WATCHDOG), |peers| peers.subscribers >= subscribers).unwrap();
}

#[test]
fn what_was_published_while_a_subscriber_was_away_comes_when_it_is_back() {
    for endpoint in ["tcp://127.0.0.1:*", "ipc://*"] {
        let folder = Folder::new();
        let here = context();
        let publisher = durable(&here, SocketType::Pub, &folder, "out", "news");
        let endpoint = publisher.bind(endpoint).unwrap();
        {
            let there = context();
            let sub = subscriber(&there, &folder, "lucy", &["a"]);
            sub.connect(&endpoint).unwrap();
            wait_subscribed(&publisher, 1);
            send(&publisher, "a1").unwrap();
            send(&publisher, "b1").unwrap();
            assert_eq!(recv(&sub), "a1");
            sub.acknowledge().unwrap();
            publisher.flush(Wait::For(WATCHDOG)).unwrap();
        }
        send(&publisher, "a2").unwrap();
        send(&publisher, "b2").unwrap();
        send(&publisher, "a3").unwrap();
        let there = context();
        let sub = subscriber(&there, &folder, "lucy", &["a"]);
        sub.connect(&endpoint).unwrap();
        assert_eq!([recv(&sub), recv(&sub)], ["a2", "a3"]);
    }
}

#[test]
fn a_publisher_that_starts_again_goes_on_for_its_subscribers() {
    let folder = Folder::new();
    let there = context();
    let sub = subscriber(&there, &folder, "lucy", &[""]);
    let endpoint = sub.bind("tcp://127.0.0.1:*").unwrap();
    {
        let here = context();
        let publisher = durable(&here, SocketType::Pub, &folder, "out", "news");
        publisher.connect(&endpoint).unwrap();
        wait_subscribed(&publisher, 1);
        send(&publisher, "1").unwrap();
    }
    {
        let here = context();
        let publisher = durable(&here, SocketType::Pub, &folder, "out", "news");
        // Nobody is there: it is kept for whoever has a name.
        publisher.bind("tcp://127.0.0.1:*").unwrap();
        send(&publisher, "2").unwrap();
    }
    let here = context();
    let publisher = durable(&here, SocketType::Pub, &folder, "out", "news");
    publisher.connect(&endpoint).unwrap();
    send(&publisher, "3").unwrap();
    assert_eq!([recv(&sub), recv(&sub), recv(&sub)], ["1", "2", "3"]);
}

#[test]
fn a_new_name_begins_where_it_says() {
    let folder = Folder::new();
    let here = context();
    let publisher = durable(&here, SocketType::Pub, &folder, "out", "news");
    let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
    let keeper = subscriber(&here, &folder, "keeper", &[""]);
    keeper.connect(&endpoint).unwrap();
    wait_subscribed(&publisher, 1);
    send(&publisher, "old").unwrap();
    let late = subscriber(&here, &folder, "late", &[""]);
    late.connect(&endpoint).unwrap();
    let early = subscriber(&here, &folder, "early", &[""]);
    early
        .configure(|options: &mut SocketOptions| {
            options.durable.start = DurableStart::Earliest;
            Ok(())
        })
        .unwrap();
    early.connect(&endpoint).unwrap();
    wait_subscribed(&publisher, 3);
    send(&publisher, "new").unwrap();
    assert_eq!([recv(&early), recv(&early)], ["old", "new"]);
    assert_eq!(recv(&late), "new");
}

#[test]
fn a_plain_subscriber_gets_what_is_published_while_it_is_there() {
    let folder = Folder::new();
    let here = context();
    let publisher = durable(&here, SocketType::Pub, &folder, "out", "news");
    let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
    send(&publisher, "before").unwrap();
    let sub = here.socket(SocketType::Sub).unwrap();
    sub.subscribe(b"").unwrap();
    sub.connect(&endpoint).unwrap();
    wait_subscribed(&publisher, 1);
    send(&publisher, "after").unwrap();
    assert_eq!(recv(&sub), "after");
}
