//! Connecting through a SOCKS5 proxy, which is a small one of the tests' own. Each test owns its
//! proxy and its context.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use common::*;
use oxmq_engine::options::SocketOptions;
use oxmq_engine::{EventKind, SocketType};

/// What the proxy does with a client.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Open,
    Password(&'static str, &'static str),
    Refuses(u8),
}

fn read<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut octets = [0; N];
    stream.read_exact(&mut octets).unwrap();
    octets
}

fn read_counted(stream: &mut TcpStream) -> Vec<u8> {
    let [count] = read(stream);
    let mut octets = vec![0; count.into()];
    stream.read_exact(&mut octets).unwrap();
    octets
}

/// Serves one client: greets it, connects to where it wants (to `host`, whatever name it gives)
/// and passes octets on. Returns the address type and name it asked for.
fn serve(listener: &TcpListener, manner: Manner, host: &str) -> (u8, Vec<u8>) {
    let (mut client, _) = listener.accept().unwrap();
    assert_eq!(read(&mut client), [5]);
    let methods = read_counted(&mut client);
    if let Manner::Password(name, password) = manner {
        assert!(methods.contains(&2));
        client.write_all(&[5, 2]).unwrap();
        assert_eq!(read(&mut client), [1]);
        let given = (read_counted(&mut client), read_counted(&mut client));
        if given != (name.into(), password.into()) {
            client.write_all(&[1, 1]).unwrap();
            return (0, Vec::new());
        }
        client.write_all(&[1, 0]).unwrap();
    } else {
        assert!(methods.contains(&0));
        client.write_all(&[5, 0]).unwrap();
    }
    let [version, command, _, kind] = read(&mut client);
    assert_eq!((version, command), (5, 1));
    let name = match kind {
        1 => read::<4>(&mut client).to_vec(),
        3 => read_counted(&mut client),
        other => panic!("address type {other}"),
    };
    let port = u16::from_be_bytes(read(&mut client));
    if let Manner::Refuses(code) = manner {
        client.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
        return (kind, name);
    }
    let peer = TcpStream::connect((host, port)).unwrap();
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 1]).unwrap();
    pass(&client, &peer);
    pass(&peer, &client);
    (kind, name)
}

fn pass(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}

fn through(proxy: &TcpListener, options: &mut SocketOptions) {
    options.transport.socks.proxy = proxy.local_addr().unwrap().to_string();
    options.reconnect_ivl = Some(Duration::from_millis(10));
}

#[test]
fn tcp_and_ws_pass_through_a_proxy_which_resolves_the_name() {
    let _watchdog = watchdog();
    for (bind, scheme) in [("tcp://127.0.0.1:*", "tcp"), ("ws://127.0.0.1:*/x", "ws")] {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let context = context();
        let rep = context.socket(SocketType::Rep).unwrap();
        let bound = rep.bind(bind).unwrap();
        // A name that only the proxy knows.
        let name = bound.replace("127.0.0.1", "inside.invalid");
        let req = socket_with(&context, SocketType::Req, |options| through(&proxy, options));
        req.connect(&name).unwrap();
        let (kind, asked) = serve(&proxy, Manner::Open, "127.0.0.1");
        assert_eq!((kind, &asked[..]), (3, &b"inside.invalid"[..]), "{scheme}");
        let large = vec![9; 1 << 20];
        send(&req, &[&large]);
        assert!(recv(&rep) == [large]);
        send(&rep, &["reply"]);
        expect(&req, &["reply"]);
    }
}

#[test]
fn a_password_is_given_and_a_wrong_one_is_tried_again() {
    let _watchdog = watchdog();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let context = context();
    let rep = context.socket(SocketType::Rep).unwrap();
    let bound = rep.bind("tcp://127.0.0.1:*").unwrap();
    let req = socket_with(&context, SocketType::Req, |options| {
        through(&proxy, options);
        options.transport.socks.username = "user".to_owned();
        options.transport.socks.password = "secret".to_owned();
    });
    let monitor = req.monitor().unwrap();
    req.connect(&bound).unwrap();
    serve(&proxy, Manner::Password("user", "other"), "127.0.0.1");
    event(&monitor, |kind| matches!(kind, EventKind::ConnectRetried { .. }));
    let (kind, address) = serve(&proxy, Manner::Password("user", "secret"), "127.0.0.1");
    assert_eq!((kind, address), (1, vec![127, 0, 0, 1]));
    send(&req, &["hello"]);
    expect(&rep, &["hello"]);
}

#[test]
fn what_the_proxy_refuses_is_an_event_and_is_tried_again() {
    let _watchdog = watchdog();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let context = context();
    let req = socket_with(&context, SocketType::Req, |options| through(&proxy, options));
    let monitor = req.monitor().unwrap();
    req.connect("tcp://127.0.0.1:9").unwrap();
    for code in [5, 4, 1] {
        serve(&proxy, Manner::Refuses(code), "127.0.0.1");
        event(&monitor, |kind| matches!(kind, EventKind::Closed { .. }));
        event(&monitor, |kind| matches!(kind, EventKind::ConnectRetried { .. }));
    }
    // A proxy that is none, and one that says nothing and goes.
    for words in [&b"HTTP/1.1 400 Bad Request\r\n"[..], b""] {
        let (mut client, _) = proxy.accept().unwrap();
        client.write_all(words).unwrap();
        drop(client);
        event(&monitor, |kind| matches!(kind, EventKind::ConnectRetried { .. }));
    }
}

#[test]
fn a_proxy_that_stalls_is_given_up() {
    let _watchdog = watchdog();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let context = context();
    let req = socket_with(&context, SocketType::Req, |options| {
        through(&proxy, options);
        options.connect_timeout = None;
        options.handshake_ivl = Some(Duration::from_millis(50));
    });
    let monitor = req.monitor().unwrap();
    req.connect("tcp://127.0.0.1:9").unwrap();
    let _held = proxy.accept().unwrap();
    event(&monitor, |kind| matches!(kind, EventKind::ConnectRetried { .. }));
    let _again = proxy.accept().unwrap();
}

#[test]
fn a_proxy_that_is_no_address_is_reported_and_tried_again() {
    let _watchdog = watchdog();
    let context = context();
    let req = socket_with(&context, SocketType::Req, |options| {
        options.transport.socks.proxy = "nonsense".to_owned();
        options.reconnect_ivl = Some(Duration::from_millis(10));
    });
    let monitor = req.monitor().unwrap();
    req.connect("tcp://127.0.0.1:9").unwrap();
    let delayed = event(&monitor, |kind| matches!(kind, EventKind::ConnectDelayed { .. }));
    assert_eq!(delayed.kind, EventKind::ConnectDelayed { errno: 22 });
    event(&monitor, |kind| matches!(kind, EventKind::ConnectRetried { .. }));
}
