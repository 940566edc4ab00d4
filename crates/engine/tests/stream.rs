//! STREAM: plain tcp with peers that know nothing of ZeroMQ. `zmq_socket(3)`, STREAM. Each test
//! owns its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use common::*;
use oxmq_engine::{Error, Socket, SocketType};

/// Receives from one peer until `bytes` have come.
fn recv_bytes(stream: &Socket, id: &[u8], bytes: usize) -> Vec<u8> {
    let mut data = Vec::new();
    while data.len() < bytes {
        let mut message = recv(stream);
        assert_eq!((message.len(), &message[0][..]), (2, id));
        data.append(&mut message[1]);
    }
    data
}

#[test]
fn a_web_request_is_answered() {
    let _watchdog = watchdog();
    let context = context();
    let stream = context.socket(SocketType::Stream).unwrap();
    let endpoint = stream.bind("tcp://127.0.0.1:*").unwrap();
    let mut client = mute(&endpoint);
    let hello = recv(&stream);
    assert_eq!((hello.len(), hello[0].len(), hello[0][0]), (2, 5, 0));
    assert!(hello[1].is_empty());
    let id = &hello[0];

    let request = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n";
    client.write_all(request).unwrap();
    assert_eq!(recv_bytes(&stream, id, request.len()), request);

    let reply = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nHello, World!";
    send(&stream, &[id, &reply[..20]]);
    send(&stream, &[id, &reply[20..]]);
    // An empty body closes the connection, after what was sent.
    send(&stream, &[&id[..], b""]);
    let mut found = Vec::new();
    client.read_to_end(&mut found).unwrap();
    assert_eq!(found, reply);
    wait_connected(&stream, 0);
}

#[test]
fn each_peer_has_its_own_routing_id_and_bytes() {
    let _watchdog = watchdog();
    let context = context();
    let stream = context.socket(SocketType::Stream).unwrap();
    let endpoint = stream.bind("tcp://127.0.0.1:*").unwrap();
    let mut peers: Vec<(TcpStream, Vec<u8>)> = Vec::new();
    for _ in 0..5 {
        let client = mute(&endpoint);
        peers.push((client, recv(&stream).remove(0)));
    }
    for (number, (client, id)) in peers.iter_mut().enumerate() {
        client.write_all(&vec![number as u8; 50_000]).unwrap();
        assert_eq!(recv_bytes(&stream, id, 50_000), vec![number as u8; 50_000]);
    }
    for (number, (_, id)) in peers.iter().enumerate() {
        send(&stream, &[&id[..], &vec![number as u8; 50_000]]);
    }
    for (number, (client, _)) in peers.iter_mut().enumerate() {
        let mut found = vec![0; 50_000];
        client.read_exact(&mut found).unwrap();
        assert_eq!(found, vec![number as u8; 50_000]);
    }
    assert_eq!(counts(peers.into_iter().map(|(_, id)| id)).len(), 5);
}

#[test]
fn connecting_and_disconnecting_arrive_as_empty_messages() {
    let _watchdog = watchdog();
    let context = context();
    let stream = context.socket(SocketType::Stream).unwrap();
    let endpoint = stream.bind("tcp://127.0.0.1:*").unwrap();
    let mut client = mute(&endpoint);
    let hello = recv(&stream);
    client.write_all(b"last words").unwrap();
    drop(client);
    assert_eq!(recv_bytes(&stream, &hello[0], 10), b"last words");
    expect(&stream, &[&hello[0][..], b""]);
    assert!(matches!(try_send(&stream, &[&hello[0][..], b"x"]), Err(Error::HostUnreachable)));
}

#[test]
fn without_notification_only_data_arrives() {
    let _watchdog = watchdog();
    let context = context();
    let stream = socket_with(&context, SocketType::Stream, |o| o.stream_notify = false);
    let endpoint = stream.bind("tcp://127.0.0.1:*").unwrap();
    let mut client = mute(&endpoint);
    client.write_all(b"data").unwrap();
    let first = recv(&stream);
    assert!(!first[1].is_empty() && b"data".starts_with(&first[1]));
    let _ = recv_bytes(&stream, &first[0], 4 - first[1].len());
    client.shutdown(Shutdown::Write).unwrap();
    drop(client);
    wait_connected(&stream, 0);
    expect_nothing(&stream);
}

#[test]
fn a_stream_can_connect() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let context = context();
    let stream = socket_with(&context, SocketType::Stream, |o| {
        o.connect_routing_id = Some(b"server".to_vec());
    });
    stream.connect(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    expect(&stream, &["server", ""]);
    send(&stream, &["server", "question"]);
    let mut found = [0; 8];
    server.read_exact(&mut found).unwrap();
    assert_eq!(&found, b"question");
    server.write_all(b"answer").unwrap();
    assert_eq!(recv_bytes(&stream, b"server", 6), b"answer");
    drop(server);
    expect(&stream, &["server", ""]);
}

#[test]
fn two_streams_talk_to_each_other() {
    let _watchdog = watchdog();
    for transport in networks() {
        let context = context();
        let bound = context.socket(SocketType::Stream).unwrap();
        let connected = context.socket(SocketType::Stream).unwrap();
        connected.connect(&bound.bind(&transport).unwrap()).unwrap();
        let near = recv(&connected).remove(0);
        let far = recv(&bound).remove(0);
        let data: Vec<u8> = (0..300_000u32).map(|number| number as u8).collect();
        send(&connected, &[&near, &data]);
        assert_eq!(recv_bytes(&bound, &far, data.len()), data);
        send(&bound, &[&far, &data]);
        assert_eq!(recv_bytes(&connected, &near, data.len()), data);
        send(&connected, &[&near[..], b""]);
        expect(&bound, &[&far[..], b""]);
    }
}

#[test]
fn what_a_stream_cannot_do_is_refused() {
    let _watchdog = watchdog();
    let context = context();
    let stream = context.socket(SocketType::Stream).unwrap();
    let name = &transports()[2];
    assert!(matches!(stream.bind(name), Err(Error::IncompatibleTransport { .. })));
    assert!(matches!(stream.connect(name), Err(Error::IncompatibleTransport { .. })));
    assert!(matches!(try_send(&stream, &["nobody", "x"]), Err(Error::HostUnreachable)));
}

#[test]
fn a_raw_router_speaks_plain_tcp_too() {
    let _watchdog = watchdog();
    let context = context();
    let router = socket_with(&context, SocketType::Router, |o| o.router_raw = true);
    let endpoint = router.bind("tcp://127.0.0.1:*").unwrap();
    let mut client = mute(&endpoint);
    client.write_all(b"ping").unwrap();
    // As of a STREAM, an empty message tells of the connection.
    assert_eq!(recv(&router)[1], b"");
    let request = recv(&router);
    assert_eq!(request[1], b"ping");
    let id = &request[0];
    send(&router, &[&id[..], b"pong"]);
    send(&router, &[&id[..], b""]);
    let mut reply = Vec::new();
    client.read_to_end(&mut reply).unwrap();
    assert_eq!(reply, b"pong");
}
