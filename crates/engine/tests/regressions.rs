//! Faults that a review found, each as it showed from outside. Every test says what went wrong;
//! it owns its context and runs in the calling thread unless it says otherwise.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::task::{Context as TaskContext, Wake, Waker};
use std::thread;
use std::time::Duration;

use common::*;
use oxmq_engine::options::SocketOptions;
use oxmq_engine::{Error, EventKind, Monitor, Msg, Socket, SocketType, Wait};

/// Sends one part of a message that goes on.
fn send_more(socket: &Socket, part: Vec<u8>) {
    let mut part = Msg::from(part);
    part.set_more(true);
    socket.send_part(&mut part, Wait::Forever).unwrap();
}

/// Ends a message.
fn send_last(socket: &Socket, part: &[u8]) {
    socket.send_part(&mut Msg::from(part.to_vec()), Wait::Forever).unwrap();
}

/// The octets of a whole handshake of ZMTP 3.1 from one side, without waiting for the other.
fn hello(socket_type: &str, routing_id: &[u8]) -> Vec<u8> {
    let mut ready = b"\x05READY".to_vec();
    for (name, value) in [("Socket-Type", socket_type.as_bytes()), ("Identity", routing_id)] {
        ready.push(name.len() as u8);
        ready.extend_from_slice(name.as_bytes());
        ready.extend_from_slice(&(value.len() as u32).to_be_bytes());
        ready.extend_from_slice(value);
    }
    [greeting().to_vec(), frame(COMMAND, &ready)].concat()
}

/// Connects, and sends the handshake and what follows it in one piece.
fn connect_eagerly(
    endpoint: &str,
    socket_type: &str,
    routing_id: &[u8],
    follows: &[u8],
) -> TcpStream {
    let mut stream = mute(endpoint);
    stream.write_all(&[&hello(socket_type, routing_id)[..], follows].concat()).unwrap();
    stream
}

fn thread_number() -> u32 {
    rustix::thread::gettid().as_raw_pid().unsigned_abs()
}

/// Waits until a thread that has given its number sleeps in the kernel, and not for a moment.
fn wait_asleep(thread: &AtomicU32) {
    let sleeps = || {
        thread::yield_now();
        let path = format!("/proc/self/task/{}/stat", thread.load(SeqCst));
        let stat = std::fs::read_to_string(path).unwrap_or_default();
        // The state follows the name, which is in parentheses.
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
    };
    wait_until(|| (0..100).all(|_| sleeps()));
}

fn wait_refused(monitor: &Monitor) {
    event(monitor, |kind| matches!(kind, EventKind::PeerRefused { .. }));
}

/// A part of 64 KiB or more is not copied but queued by reference. While its message was not
/// finished, anything that flushed the pipe (a PING of the peer, as here) found the reference
/// due and nothing to write before it, and went round for ever with the socket's lock held.
#[test]
fn a_ping_between_two_parts_of_a_large_message_is_survived() {
    let _watchdog = watchdog();
    let context = context();
    let dealer = context.socket(SocketType::Dealer).unwrap();
    let endpoint = dealer.bind("tcp://127.0.0.1:*").unwrap();
    let mut peer = RawPeer::connect(&endpoint, "DEALER");
    wait_connected(&dealer, 1);
    send_more(&dealer, vec![1; 100_000]);
    peer.command("PING", b"\0\0context");
    peer.message(&["behind the PING"]);
    expect(&dealer, &["behind the PING"]);
    send_last(&dealer, b"end");
    assert_eq!(peer.read_message().unwrap(), [vec![1; 100_000], b"end".to_vec()]);
    // The answer did not split the message.
    let pong = peer.read_frame().unwrap();
    assert_eq!(pong, (COMMAND, b"\x04PONGcontext".to_vec()));
}

/// The same loop, begun by the caller's own turn from sending to receiving: small messages of
/// before were still buffered when the large part was queued.
#[test]
fn receiving_between_two_parts_of_a_large_message_flushes_only_what_is_whole() {
    let _watchdog = watchdog();
    let context = context();
    let bound = context.socket(SocketType::Dealer).unwrap();
    let endpoint = bound.bind("tcp://127.0.0.1:*").unwrap();
    let dealer = context.socket(SocketType::Dealer).unwrap();
    dealer.connect(&endpoint).unwrap();
    wait_connected(&dealer, 1);
    for round in 0..20u8 {
        for _ in 0..100 {
            send(&dealer, &[[round]]);
        }
        send_more(&dealer, vec![round; 100_000]);
        expect_nothing(&dealer);
        // What went before the unfinished message is there, and nothing of it.
        for _ in 0..100 {
            expect(&bound, &[[round]]);
        }
        expect_nothing(&bound);
        send_last(&dealer, b"end");
        expect(&bound, &[vec![round; 100_000], b"end".to_vec()]);
    }
}

/// While a thread waits in a receive it takes all events of the socket, also that a connection
/// is writable again. It found that this was not what it waited for and slept on, and did not
/// wake the thread that waited to send: with a peer that answers only when it has everything,
/// both slept for ever.
#[test]
fn a_receiver_that_takes_the_event_of_a_sender_wakes_it() {
    const MESSAGES: usize = 50;
    let _watchdog = watchdog();
    let context = context();
    let dealer = socket_with(&context, SocketType::Dealer, |options| options.snd_hwm = 1);
    let endpoint = dealer.bind("tcp://127.0.0.1:*").unwrap();
    let mut peer = RawPeer::connect(&endpoint, "DEALER");
    wait_connected(&dealer, 1);
    // A timer left over from the handshake may wake the sender once.
    for _ in 0..2 {
        let (receiver, sender) = (AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                receiver.store(thread_number(), SeqCst);
                expect(&dealer, &["all there"]);
            });
            wait_asleep(&receiver);
            scope.spawn(|| {
                sender.store(thread_number(), SeqCst);
                (0..MESSAGES).for_each(|_| send(&dealer, &[vec![7; 1_000_000]]));
            });
            // The kernel takes no more.
            wait_asleep(&sender);
            for _ in 0..MESSAGES {
                assert_eq!(peer.read_message().unwrap(), [vec![7; 1_000_000]]);
            }
            peer.message(&["all there"]);
        });
    }
}

/// The events of a connection come once for each arrival. A read turn that ended in the middle
/// of a large message left the rest in the kernel; if the peer had sent everything by then, no
/// further event came, and the message was never delivered.
#[test]
fn a_large_message_that_waited_in_the_kernel_is_received() {
    let _watchdog = watchdog();
    let context = context();
    // One message in the queue keeps the socket from reading the next one.
    let pull = socket_with(&context, SocketType::Pull, |options| options.rcv_hwm = 1);
    let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    let push = socket_with(&context, SocketType::Push, |_| {});
    push.connect(&endpoint).unwrap();
    thread::scope(|scope| {
        // The kernel grows the connection's buffers for one that carries much.
        scope.spawn(|| (0..300).for_each(|_| send(&push, &[vec![7; 1_000_000]])));
        (0..300).for_each(|_| assert_eq!(recv(&pull)[0].len(), 1_000_000));
    });
    // More than a busy kernel may hold would not leave the sender at all.
    for size in [700_000, 1_000_000, 1_500_000, 2_500_000] {
        send(&push, &["x"]);
        wait_queued_in(&pull, 1);
        send(&push, &[vec![7; size]]);
        wait_until(|| push.snapshot().peers[0].queued_out == 0);
        expect(&pull, &["x"]);
        assert_eq!(recv(&pull), [vec![7; size]]);
    }
}

/// The first parts of a message that its sender did not finish stayed in the read buffer if a
/// whole message lay before them, and the first message of the next connection was taken for
/// their continuation.
#[test]
fn parts_of_a_broken_off_message_are_not_glued_to_the_next_connections_first() {
    let _watchdog = watchdog();
    let context = context();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dealer = socket_with(&context, SocketType::Dealer, |options| {
        options.reconnect_ivl = Some(Duration::from_millis(1));
    });
    dealer.connect(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
    // The broken-off parts: small, in a buffer of their own, and small behind a large one.
    let parts: [&[usize]; 3] = [&[5], &[100_000], &[100_000, 5]];
    for parts in parts {
        let mut first = RawPeer::accept(&listener, "ROUTER");
        first.message(&["whole"]);
        parts.iter().for_each(|&bytes| first.frame(MORE, &vec![1; bytes]));
        drop(first);
        let mut second = RawPeer::accept(&listener, "ROUTER");
        second.message(&["next"]);
        wait_queued_in(&dealer, 2);
        expect(&dealer, &["whole"]);
        expect(&dealer, &["next"]);
        drop(second);
    }
}

/// A command frame of 64 KiB or more was received into memory of its own, as large messages
/// are, and then delivered as a message: any peer could put one into any socket, and a long
/// subscription was lost.
#[test]
fn a_large_command_is_a_command() {
    let _watchdog = watchdog();
    let context = context();
    let topic = vec![b'z'; 70_000];

    let pull = context.socket(SocketType::Pull).unwrap();
    let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    let mut peer = RawPeer::connect(&endpoint, "PUSH");
    peer.frame(MORE, b"a command may come");
    peer.command("SUBSCRIBE", &topic);
    peer.frame(0, b"between two parts");
    expect(&pull, &["a command may come", "between two parts"]);

    let xpub = context.socket(SocketType::XPub).unwrap();
    let endpoint = xpub.bind("tcp://127.0.0.1:*").unwrap();
    let mut peer = RawPeer::connect(&endpoint, "SUB");
    peer.command("SUBSCRIBE", &topic);
    expect(&xpub, &[[b"\x01", &topic[..]].concat()]);
    let topical = [&topic[..], b" and more"].concat();
    send(&xpub, &[&topical]);
    assert_eq!(peer.read_message().unwrap(), [topical]);
}

/// An XPUB whose application does not take the subscriptions stops reading its subscribers. It
/// stopped nothing: asking whether there is a message read the connection all the same, and a
/// peer could fill the memory with subscriptions at the speed of the wire.
#[test]
fn an_xpub_that_is_not_read_stops_reading_and_goes_on_when_it_is() {
    const PAIRS: usize = 300_000;
    const PAIR: &[u8] = b"\x04\x0b\x09SUBSCRIBEa\x04\x08\x06CANCELa";
    let _watchdog = watchdog();
    let context = context();
    let xpub = socket_with(&context, SocketType::XPub, |_| {});
    let endpoint = xpub.bind("ipc://*").unwrap();
    let mut peer = UnixStream::connect(endpoint.strip_prefix("ipc://").unwrap()).unwrap();
    peer.write_all(&hello("SUB", b"")).unwrap();
    let octets = PAIR.repeat(PAIRS);
    // The limit ends the wait for a socket that does not read; it is no measure of one that does.
    peer.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut sent = 0;
    while sent < octets.len() {
        match peer.write(&octets[sent..]) {
            Ok(octets) => sent += octets,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(sent < octets.len(), "nothing held the peer back");
    // Nothing was lost meanwhile, and the rest comes.
    peer.set_write_timeout(None).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| peer.write_all(&octets[sent..]).unwrap());
        for _ in 0..PAIRS {
            expect(&xpub, &["\x01a"]);
            expect(&xpub, &["\0a"]);
        }
    });
}

/// A ROUTER refuses a second peer of the same routing id. A message that came in one piece with
/// the second peer's handshake was delivered nevertheless, under the routing id of the first:
/// every peer could speak for any other.
#[test]
fn a_refused_peer_cannot_speak_for_the_one_whose_name_it_took() {
    let _watchdog = watchdog();
    let context = context();
    let router = context.socket(SocketType::Router).unwrap();
    let endpoint = router.bind("tcp://127.0.0.1:*").unwrap();
    let mut alice = RawPeer::connect_with(&endpoint, "DEALER", &[("Identity", b"alice")]);
    wait_connected(&router, 1);
    let monitor = router.monitor().unwrap();
    let mut forger = connect_eagerly(&endpoint, "DEALER", b"alice", &frame(0, b"forged"));
    wait_refused(&monitor);
    alice.message(&["genuine"]);
    expect(&router, &["alice", "genuine"]);
    expect_nothing(&router);
    send(&router, &["alice", "answer"]);
    assert_eq!(alice.read_message().unwrap(), [b"answer"]);
    let mut seen = Vec::new();
    // An end or a reset.
    let _ = forger.read_to_end(&mut seen);
    assert!(!seen.windows(6).any(|octets| octets == b"answer"));
}

/// A PAIR refuses a second peer. One that sent a message in one piece with its handshake left a
/// pipe with that message behind, which nobody would ever read or remove: a way to fill the
/// memory by connecting.
#[test]
fn refused_peers_leave_nothing_behind() {
    let _watchdog = watchdog();
    let context = context();
    let pair = context.socket(SocketType::Pair).unwrap();
    let endpoint = pair.bind("tcp://127.0.0.1:*").unwrap();
    let mut first = RawPeer::connect(&endpoint, "PAIR");
    wait_connected(&pair, 1);
    let monitor = pair.monitor().unwrap();
    for _ in 0..10 {
        let _refused = connect_eagerly(&endpoint, "PAIR", b"", &frame(0, b"leak"));
        wait_refused(&monitor);
    }
    first.message(&["wanted"]);
    expect(&pair, &["wanted"]);
    expect_nothing(&pair);
    assert_eq!(pair.snapshot().peers.len(), 1);
}

/// An empty part closes a STREAM connection after what was sent before. It closed it at once:
/// what the kernel had not taken was thrown away, and input that nobody had read made the end a
/// reset, which destroyed the rest on the way.
#[test]
fn a_stream_sends_everything_before_it_closes() {
    const BYTES: usize = 20_000_000;
    let _watchdog = watchdog();
    let context = context();
    let stream = context.socket(SocketType::Stream).unwrap();
    let endpoint = stream.bind("tcp://127.0.0.1:*").unwrap();
    let mut client = mute(&endpoint);
    let id = recv(&stream).remove(0);
    client.write_all(b"GET /").unwrap();
    expect(&stream, &[&id[..], b"GET /"]);
    client.write_all(b"what nobody reads").unwrap();
    send(&stream, &[id.clone(), vec![1; BYTES]]);
    send(&stream, &[&id[..], b""]);
    let mut found = Vec::new();
    client.read_to_end(&mut found).unwrap();
    assert_eq!(found.len(), BYTES);
}

struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A task that waits to send put its waker down and then woke everybody whom the socket's state
/// concerned, itself included, as an XPUB that must not drop said it could send while it could
/// not: the task was polled again at once, for ever.
#[test]
fn a_task_that_waits_to_send_does_not_wake_itself() {
    let _watchdog = watchdog();
    let context = context();
    let xpub = socket_with(&context, SocketType::XPub, |options| {
        (options.xpub_nodrop, options.snd_hwm) = (true, 1);
    });
    let endpoint = xpub.bind(&transports()[2]).unwrap();
    let sub = socket_with(&context, SocketType::Sub, |options| options.rcv_hwm = 1);
    sub.subscribe(b"").unwrap();
    sub.connect(&endpoint).unwrap();
    wait_subscribers(&xpub, 1);
    while try_send(&xpub, &["x"]).is_ok() {}
    let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
    let waker = Waker::from(wakes.clone());
    let mut task = TaskContext::from_waker(&waker);
    let mut waiting = message(&["y"]);
    let mut sending = Box::pin(xpub.send_async(&mut waiting));
    for _ in 0..100 {
        assert!(sending.as_mut().poll(&mut task).is_pending());
    }
    assert_eq!(wakes.0.load(SeqCst), 0);
    // It is woken when there is room.
    while sending.as_mut().poll(&mut task).is_pending() {
        recv(&sub);
    }
    assert!(wakes.0.load(SeqCst) > 0);
}

/// An XSUB takes a message that begins with 0 or 1 for a subscription. It looked at every part:
/// a last part of that form went up as a subscription, and the message it belonged to was never
/// ended and swallowed the next.
#[test]
fn an_xsub_takes_only_a_whole_message_for_a_subscription() {
    let _watchdog = watchdog();
    let context = context();
    let xpub = context.socket(SocketType::XPub).unwrap();
    let endpoint = xpub.bind("tcp://127.0.0.1:*").unwrap();
    let xsub = context.socket(SocketType::XSub).unwrap();
    xsub.connect(&endpoint).unwrap();
    wait_connected(&xsub, 1);
    send(&xsub, &["hello", "\x01topic"]);
    send(&xsub, &["next"]);
    expect(&xpub, &["hello", "\x01topic"]);
    expect(&xpub, &["next"]);
}

/// The high-water mark of an inproc pipe is the sum of both ends'. The binder of a name that was
/// connected to before had only the other's share.
#[test]
fn an_inproc_pipe_made_before_the_bind_holds_what_both_ends_allow() {
    let _watchdog = watchdog();
    let context = context();
    let name = &transports()[2];
    let early = socket_with(&context, SocketType::Dealer, |options| {
        (options.snd_hwm, options.rcv_hwm) = (3, 30);
    });
    early.connect(name).unwrap();
    let late = socket_with(&context, SocketType::Dealer, |options| {
        (options.snd_hwm, options.rcv_hwm) = (4, 40);
    });
    late.bind(name).unwrap();
    let room = |socket: &Socket| (0..).take_while(|_| try_send(socket, &["x"]).is_ok()).count();
    assert_eq!(room(&late), 4 + 30);
    assert_eq!(room(&early), 3 + 40);
    assert!(matches!(try_send(&late, &["x"]), Err(Error::WouldBlock)));
}

/// Connects to an ipc endpoint's listener as [`connect_eagerly`] does.
fn eager_ipc(mut stream: UnixStream, socket_type: &str, follows: &[u8]) -> UnixStream {
    stream.write_all(&[&hello(socket_type, b"")[..], follows].concat()).unwrap();
    stream
}

/// A connection on which writing failed is still read, as its peer may have sent something before
/// it left. With the receive queue full, reading waits for the application; when that closed the
/// socket instead, nothing was left to happen on the connection, and what was unsent lingered for
/// ever.
#[test]
fn a_connection_that_cannot_be_written_holds_no_close_up() {
    let _watchdog = watchdog();
    let unread = frame(0, &[1; 1000]).repeat(50);
    let full_and_broken = |dealer: &Socket, peer: UnixStream| {
        wait_until(|| dealer.snapshot().peers.iter().any(|peer| peer.queued_in > 0));
        drop(peer);
        send(dealer, &["unsent"]);
        assert_eq!(dealer.snapshot().peers[0].queued_out, 1);
    };
    let options = |options: &mut SocketOptions| (options.rcv_hwm, options.linger) = (1, None);

    // Nobody comes back to a bound socket's connection.
    let bound_context = context();
    let dealer = socket_with(&bound_context, SocketType::Dealer, options);
    let endpoint = dealer.bind("ipc://*").unwrap();
    let stream = UnixStream::connect(endpoint.strip_prefix("ipc://").unwrap()).unwrap();
    full_and_broken(&dealer, eager_ipc(stream, "DEALER", &unread));
    dealer.close();
    bound_context.terminate();

    // A connect's session makes another connection.
    let other_context = context();
    let dealer = socket_with(&other_context, SocketType::Dealer, options);
    let place = std::env::temp_dir().join(format!("oxmq-regressions-{}", std::process::id()));
    let listener = UnixListener::bind(&place).unwrap();
    dealer.connect(&format!("ipc://{}", place.display())).unwrap();
    full_and_broken(&dealer, eager_ipc(listener.accept().unwrap().0, "DEALER", &unread));
    dealer.close();
    let mut peer = eager_ipc(listener.accept().unwrap().0, "DEALER", &[]);
    std::fs::remove_file(&place).unwrap();
    let mut seen = Vec::new();
    peer.read_to_end(&mut seen).unwrap();
    assert!(seen.ends_with(&frame(0, b"unsent")));
    drop(peer);
    other_context.terminate();
}

/// With `immediate`, a pipe is made when its connection is there. It took the routing id that was
/// chosen last, and not the one that was chosen for its own connect.
#[test]
fn a_routing_id_belongs_to_the_connect_it_was_chosen_for() {
    let _watchdog = watchdog();
    let context = context();
    let router = socket_with(&context, SocketType::Router, |options| {
        (options.immediate, options.router_mandatory) = (true, true);
    });
    let names = ["first", "second", "third"];
    let listeners = names.map(|name| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        configure(&router, |options| options.connect_routing_id = Some(name.into()));
        router.connect(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
        listener
    });
    // The last one to connect is the first to be connected.
    let mut peers = Vec::new();
    for (number, listener) in listeners.iter().enumerate().rev() {
        let mut peer = RawPeer::accept(listener, "DEALER");
        wait_connected(&router, names.len() - number);
        send(&router, &[names[number], "hello"]);
        assert_eq!(peer.read_message().unwrap(), [b"hello"]);
        peers.push(peer);
    }
}

/// A connect to an inproc name that nobody has bound can be given up before the bind. The bind
/// told the pipe of the number that the connect had had, which was another's by then: a connect
/// to another name believed that it had its peer.
#[test]
fn a_bind_says_nothing_to_a_pipe_that_took_a_gone_ones_number() {
    let _watchdog = watchdog();
    let context = context();
    let dealer = context.socket(SocketType::Dealer).unwrap();
    let (given_up, other) = (&transports()[2], &transports()[2]);
    dealer.connect(given_up).unwrap();
    // So that there is something to attach when the name is bound.
    send(&dealer, &["left behind"]);
    dealer.disconnect(given_up).unwrap();
    dealer.connect(other).unwrap();
    let late = context.socket(SocketType::Dealer).unwrap();
    late.bind(given_up).unwrap();
    expect(&late, &["left behind"]);
    dealer.wait_changed(Wait::No, |now| now.connected == 0).unwrap();
    let wanted = context.socket(SocketType::Dealer).unwrap();
    wanted.bind(other).unwrap();
    wait_connected(&dealer, 1);
    send(&dealer, &["hello"]);
    expect(&wanted, &["hello"]);
    expect_nothing(&late);
}

// Services that connect one after the other were asked in another order on a busy machine, where
// their handshakes end in another one; programs that wait for each in turn hung.
#[test]
fn turns_follow_the_connects_and_not_the_ends_of_handshakes() {
    let _watchdog = watchdog();
    for (socket_type, peer_type) in [(SocketType::Push, "PULL"), (SocketType::Dealer, "DEALER")] {
        let context = context();
        let socket = context.socket(socket_type).unwrap();
        let monitor = socket.monitor().unwrap();
        let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
        let mut peers: Vec<TcpStream> = (0..4)
            .map(|_| {
                let peer = mute(&endpoint);
                event(&monitor, |kind| matches!(kind, EventKind::Accepted { .. }));
                peer
            })
            .collect();
        for (connected, at) in [2, 0, 3, 1].into_iter().enumerate() {
            peers[at].write_all(&hello(peer_type, b"")).unwrap();
            wait_connected(&socket, connected + 1);
        }
        for turn in ["first", "second"] {
            for number in 0..peers.len() {
                send(&socket, &[format!("{turn} {number}")]);
            }
            for (number, peer) in peers.iter_mut().enumerate() {
                let wanted = frame(0, format!("{turn} {number}").as_bytes());
                let mut said = Vec::new();
                while !said.ends_with(&wanted) {
                    let mut octet = [0];
                    peer.read_exact(&mut octet).unwrap();
                    said.push(octet[0]);
                }
            }
        }
    }
}
