//! CLIENT to CHANNEL and DGRAM through the typed sockets: numbers, groups, datagrams, options.

use std::time::Duration;

use oxmq::{
    AnySocket, Client, Context, Dgram, Dish, Error, Msg, Peer, PeerId, Radio, Server, SocketType,
};

const SHORT: Duration = Duration::from_millis(1);

#[test]
fn a_server_answers_by_number_in_every_way() {
    let context = Context::new();
    let server = Server::with_options(&context, |o| o.disconnect_msg(b"GONE")).unwrap();
    let client = Client::with_options(&context, |o| o.hello_msg("HI")).unwrap();
    assert!(matches!(server.try_recv_peer(), Err(Error::WouldBlock)));
    assert!(matches!(server.recv_peer_timeout(SHORT), Err(Error::TimedOut)));
    client.connect(&server.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
    let (peer, hello) = server.recv_peer().unwrap();
    assert_eq!(hello, "HI");
    let (sends, receives) = server.split();
    sends.send_peer(peer, "1").unwrap();
    sends.try_send_peer(peer, "2").unwrap();
    sends.send_peer_timeout(peer, "3", SHORT).unwrap();
    pollster::block_on(sends.send_peer_async(peer, "4")).unwrap();
    let mut named = Msg::from("5");
    named.set_routing_id(peer.get());
    sends.send(named).unwrap();
    for reply in ["1", "2", "3", "4", "5"] {
        assert_eq!(client.recv().unwrap(), [reply]);
    }
    let unknown = PeerId::new(peer.get() ^ 0x4000_0000).unwrap();
    let refused = sends.send_peer(unknown, "nobody").unwrap_err();
    assert!(matches!(refused.error(), Error::HostUnreachable));
    assert_eq!(refused.into_message(), ["nobody"]);
    drop(client);
    let (from, gone) = pollster::block_on(receives.recv_peer_async()).unwrap();
    assert_eq!((from, &gone[..]), (peer, &b"GONE"[..]));
    assert!(matches!(receives.disconnect_peer(peer), Err(Error::HostUnreachable)));
}

#[test]
fn a_peer_with_immediate_has_no_number_before_its_connection() {
    let context = Context::new();
    let peer = Peer::with_options(&context, |o| o.immediate(true)).unwrap();
    assert!(matches!(peer.connect_peer("tcp://127.0.0.1:1"), Err(Error::Immediate)));
}

#[test]
fn groups_are_joined_left_and_refused() {
    let context = Context::new();
    let radio = Radio::with_options(&context, |o| o.xpub_nodrop(true)).unwrap();
    let dish = Dish::new(&context).unwrap();
    dish.join("a").unwrap();
    assert!(matches!(dish.join("a"), Err(Error::Group { .. })));
    dish.connect(&radio.bind("inproc://groups-of-the-api").unwrap()).unwrap();
    radio.wait_subscribed(1).unwrap();
    let refused = radio.send_group([b'g'; 256], "kept").unwrap_err();
    assert!(matches!(refused.error(), Error::Group { .. }));
    assert_eq!(refused.into_message(), ["kept"]);
    let mut msg = Msg::from("by the part");
    msg.set_group(b"a").unwrap();
    radio.send(msg).unwrap();
    assert_eq!(dish.recv().unwrap()[0].group(), b"a");
    dish.leave("a").unwrap();
    assert!(matches!(dish.leave("a"), Err(Error::Group { .. })));
    radio.wait_subscribed(0).unwrap();
    let any = AnySocket::new(&context, SocketType::Pull).unwrap();
    assert!(matches!(any.join("a"), Err(Error::NotSupported { .. })));
    assert!(matches!(
        any.disconnect_peer(PeerId::new(1).unwrap()),
        Err(Error::NotSupported { .. })
    ));
}

#[test]
fn datagrams_come_and_go_in_every_way() {
    let context = Context::new();
    let one = Dgram::with_options(&context, |o| o.multicast_hops(3).multicast_loop(false)).unwrap();
    assert_eq!((one.options().multicast.hops, one.options().multicast.loopback), (3, false));
    let other = Dgram::new(&context).unwrap();
    let address = |endpoint: String| endpoint.trim_start_matches("udp://").parse().unwrap();
    let here = address(one.bind("udp://127.0.0.1:*").unwrap());
    let there = address(other.bind("udp://127.0.0.1:*").unwrap());
    assert!(matches!(other.try_recv_datagram(), Err(Error::WouldBlock)));
    assert!(matches!(other.recv_datagram_timeout(SHORT), Err(Error::TimedOut)));
    one.send_datagram(there, "first").unwrap();
    one.send([there.to_string(), "second".to_owned()]).unwrap();
    let (from, body) = other.recv_datagram().unwrap();
    assert_eq!((from, &body[..]), (here, &b"first"[..]));
    let (from, body) = pollster::block_on(other.recv_datagram_async()).unwrap();
    assert_eq!((from, &body[..]), (here, &b"second"[..]));
    for parts in [1, 3] {
        let refused = one.send(vec![Msg::from("x"); parts]).unwrap_err();
        assert!(matches!(refused.error(), Error::InvalidMessage { .. }));
        assert_eq!(refused.into_message().len(), parts);
    }
}
