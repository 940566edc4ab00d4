//! Over udp: RADIO to DISH and DGRAM, to one host and to multicast groups. `zmq_udp(7)`. Datagrams
//! over loopback are delivered in order as long as the receiver's buffer holds them. Multicast is
//! tried in a network namespace of its own, which needs root.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::net::{SocketAddr, UdpSocket};
use std::thread;

use common::*;
use oxmq_engine::{ENOCOMPATPROTO, Error, Msg, Socket, SocketType, Wait};

fn of(group: &[u8], body: &[u8]) -> Msg {
    let mut msg = Msg::from_slice(body);
    msg.set_group(group).unwrap();
    msg
}

fn radiate(radio: &Socket, group: &[u8], body: &[u8]) {
    radio.send_part(&mut of(group, body), Wait::No).unwrap();
}

fn next(dish: &Socket) -> (Vec<u8>, Vec<u8>) {
    let msg = dish.recv_part(Wait::Forever).unwrap();
    assert!(!msg.more());
    (msg.group().to_vec(), msg.to_vec())
}

fn address(endpoint: &str) -> SocketAddr {
    endpoint.strip_prefix("udp://").unwrap().parse().unwrap()
}

#[test]
fn a_dish_receives_the_groups_it_has_joined() {
    let _watchdog = watchdog();
    for endpoint in ["udp://127.0.0.1:*", "udp://*:*", "udp://lo:*", "udp://[::1]:*"] {
        let context = context();
        let dish = context.socket(SocketType::Dish).unwrap();
        let bound = dish.bind(endpoint).unwrap();
        assert_eq!(dish.last_endpoint(), bound);
        let port = address(&bound).port();
        assert_ne!(port, 0);
        let host =
            if endpoint.contains("::1") || bound.contains("::1") { "[::1]" } else { "127.0.0.1" };
        let radio = context.socket(SocketType::Radio).unwrap();
        let to = format!("udp://{host}:{port}");
        radio.connect(&to).unwrap();
        assert_eq!(radio.last_endpoint(), to);
        dish.join(b"g").unwrap();
        dish.join(b"").unwrap();
        for body in [&b"first"[..], b"", &[7; 8190]] {
            radiate(&radio, b"other", b"unwanted");
            radiate(&radio, b"g", body);
            assert_eq!(next(&dish), (b"g".to_vec(), body.to_vec()));
        }
        radiate(&radio, b"", b"no group");
        assert_eq!(next(&dish), (Vec::new(), b"no group".to_vec()));
        dish.leave(b"g").unwrap();
        radiate(&radio, b"g", b"left");
        radiate(&radio, b"", b"stayed");
        assert_eq!(next(&dish).1, b"stayed");
        // Too long for a datagram: dropped, and counted.
        radiate(&radio, b"g", &[7; 8191]);
        assert_eq!(radio.snapshot().drops.unroutable, 1);
        dish.unbind(&bound).unwrap();
        assert!(matches!(dish.unbind(&bound), Err(Error::NoSuchEndpoint { .. })));
        radio.disconnect(&to).unwrap();
        radiate(&radio, b"", b"to nobody");
        expect_nothing(&dish);
    }
}

#[test]
fn the_wire_is_the_length_of_the_group_the_group_and_the_body() {
    let _watchdog = watchdog();
    let context = context();
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let radio = context.socket(SocketType::Radio).unwrap();
    radio.connect(&format!("udp://{}", receiver.local_addr().unwrap())).unwrap();
    radiate(&radio, b"group", b"body");
    let mut buffer = [0; 100];
    let (len, from) = receiver.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"\x05groupbody");

    let dish = context.socket(SocketType::Dish).unwrap();
    dish.join(b"g").unwrap();
    let bound = address(&dish.bind("udp://127.0.0.1:*").unwrap());
    for datagram in [&b""[..], b"\x02g", b"\xFFgx", b"\x02\0gx", &[1; 9000], b"\x01gx"] {
        receiver.send_to(datagram, bound).unwrap();
    }
    assert_eq!(next(&dish), (b"g".to_vec(), b"x".to_vec()));
    assert_eq!(dish.snapshot().drops.malformed, 5);
    // A RADIO takes nothing in.
    receiver.send_to(b"\x01gx", from).unwrap();
    radiate(&radio, b"group", b"again");
    assert_eq!(receiver.recv_from(&mut buffer).unwrap().0, 11);
}

#[test]
fn datagrams_go_to_and_come_from_addresses() {
    let _watchdog = watchdog();
    let context = context();
    for host in ["127.0.0.1", "[::1]"] {
        let one = context.socket(SocketType::Dgram).unwrap();
        let other = context.socket(SocketType::Dgram).unwrap();
        assert!(!one.readiness().unwrap().writable);
        let unbound = try_send(&one, &[&b"127.0.0.1:9"[..], b"x"]);
        assert!(matches!(unbound, Err(Error::WouldBlock)));
        let (first, second) = (
            one.bind(&format!("udp://{host}:*")).unwrap(),
            other.bind(&format!("udp://{host}:*")).unwrap(),
        );
        assert!(one.readiness().unwrap().writable);
        let name = |endpoint: &str| endpoint.strip_prefix("udp://").unwrap().to_owned();
        for body in [&b"question"[..], b"", &[1; 8192]] {
            send(&one, &[name(&second).as_bytes(), body]);
            assert_eq!(recv(&other), [name(&first).as_bytes(), body]);
            send(&other, &[name(&first).as_bytes(), body]);
            assert_eq!(recv(&one), [name(&second).as_bytes(), body]);
        }
        for unknown in ["nonsense", "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "::1:5"] {
            send(&one, &[unknown, "lost"]);
        }
        send(&one, &[name(&second).as_bytes(), &[1; 8193]]);
        assert_eq!(one.snapshot().drops.unroutable, 7);
        // A message is two parts.
        for parts in [1, 3] {
            let refused = try_send(&one, &vec![name(&second); parts]);
            assert!(matches!(refused, Err(Error::InvalidMessage { .. })));
        }
        let mut address = Msg::from(name(&second));
        address.set_more(true);
        one.send_part(&mut address.clone(), Wait::No).unwrap();
        let refused = one.send_part(&mut address, Wait::No);
        assert!(matches!(refused, Err(Error::InvalidMessage { .. })));
        // The address was taken; the body may still follow.
        one.send_part(&mut Msg::from("body"), Wait::No).unwrap();
        assert_eq!(recv(&other)[1], b"body");
        expect_nothing(&other);
        let taken = context.socket(SocketType::Dgram).unwrap().bind(&first);
        assert!(matches!(taken, Err(Error::AddressInUse { .. })));
    }
}

#[test]
fn only_as_many_datagrams_as_the_high_water_mark_are_taken_from_the_kernel() {
    let _watchdog = watchdog();
    let context = context();
    let dgram = socket_with(&context, SocketType::Dgram, |o| o.rcv_hwm = 3);
    let bound = address(&dgram.bind("udp://127.0.0.1:*").unwrap());
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..50u8 {
        sender.send_to(&[number], bound).unwrap();
    }
    wait_queued_in(&dgram, 3);
    for number in 0..50u8 {
        assert!(dgram.snapshot().peers[0].queued_in <= 3);
        assert_eq!(recv(&dgram)[1], [number]);
    }
    // And a receiver that waits is woken.
    thread::scope(|scope| {
        let waiting = scope.spawn(|| recv(&dgram));
        sender.send_to(b"late", bound).unwrap();
        assert_eq!(waiting.join().unwrap()[1], b"late");
    });
}

#[test]
fn other_types_and_directions_have_no_udp() {
    let context = context();
    for socket_type in SocketType::ALL {
        let socket = context.socket(socket_type).unwrap();
        let bound = socket.bind("udp://127.0.0.1:*").map(drop);
        let connected = socket.connect("udp://127.0.0.1:9");
        let (binds, connects) = match socket_type {
            SocketType::Dish | SocketType::Dgram => (true, false),
            SocketType::Radio => (false, true),
            _ => (false, false),
        };
        for (result, allowed) in [(bound, binds), (connected, connects)] {
            match result {
                Ok(()) => assert!(allowed, "{socket_type}"),
                Err(error) => assert!(!allowed && error.errno() == ENOCOMPATPROTO, "{error}"),
            }
        }
    }
    let dgram = context.socket(SocketType::Dgram).unwrap();
    for endpoint in ["tcp://127.0.0.1:*", "ipc://*", "inproc://dgram"] {
        assert_eq!(dgram.bind(endpoint).unwrap_err().errno(), ENOCOMPATPROTO);
    }
    let radio = context.socket(SocketType::Radio).unwrap();
    for endpoint in ["udp://*:9", "udp://127.0.0.1:*", "udp://127.0.0.1", "udp://"] {
        let errno = radio.connect(endpoint).unwrap_err().errno();
        assert_eq!(errno, rustix::io::Errno::INVAL.raw_os_error(), "{endpoint}");
    }
    let dish = context.socket(SocketType::Dish).unwrap();
    let errno = dish.bind("udp://no-such-dev0;239.1.2.3:*").unwrap_err().errno();
    assert_eq!(errno, rustix::io::Errno::NODEV.raw_os_error());
}

/// Runs a test of this file again in a network namespace of its own; true in that process. Without
/// root, says so and returns false.
fn in_namespace(test: &str) -> bool {
    if std::env::var_os("OXMQ_NAMESPACE").is_some() {
        let up = |args: &[&str]| {
            assert!(std::process::Command::new("ip").args(args).status().unwrap().success());
        };
        up(&["link", "set", "lo", "up"]);
        up(&["link", "add", "veth0", "type", "veth", "peer", "name", "veth1"]);
        for (device, v4, v6) in
            [("veth0", "10.9.0.1/24", "fd00:9::1/64"), ("veth1", "10.9.0.2/24", "fd00:9::2/64")]
        {
            up(&["addr", "add", v4, "dev", device]);
            up(&["addr", "add", v6, "dev", device, "nodad"]);
            up(&["link", "set", device, "up", "multicast", "on"]);
        }
        return true;
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: a network namespace for {test} needs root");
        return false;
    }
    let output = std::process::Command::new("unshare")
        .arg("--net")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("OXMQ_NAMESPACE", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if text.contains("unshare failed") {
        println!("skipped: no network namespace for {test}: {text}");
        return false;
    }
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stdout));
    false
}

/// Sends until it is received: a link that has just come up loses datagrams. Only what this radio
/// sent before may come in between.
fn radiate_until(radio: &Socket, dish: &Socket, body: &[u8]) {
    loop {
        radiate(radio, b"x", b"unjoined");
        radiate(radio, b"g", body);
        match dish.recv_part(Wait::For(std::time::Duration::from_millis(50))) {
            Ok(msg) if msg == body => return,
            Ok(msg) => assert_eq!((msg.group(), &msg[..]), (&b"g"[..], &b"to all"[..])),
            Err(error) => assert!(error.is_would_block(), "{error}"),
        }
    }
}

#[test]
fn multicast_reaches_every_member_on_its_interface() {
    let _watchdog = watchdog();
    if !in_namespace("multicast_reaches_every_member_on_its_interface") {
        return;
    }
    let interfaces = [
        ("veth0;239.1.2.3:7001", "veth0;239.1.2.3:7001"),
        ("10.9.0.1;239.1.2.3:7002", "10.9.0.1;239.1.2.3:7002"),
        ("veth0;[ff02::1234]:7003", "veth0;[ff02::1234]:7003"),
        ("veth0;[ff05::1234]:7004", "fd00:9::1;[ff05::1234]:7004"),
        // Through the cable, which is another interface of the same machine.
        ("veth1;[ff02::1234]:7005", "veth0;[ff02::1234]:7005"),
    ];
    for (there, here) in interfaces {
        let context = context();
        let dishes: Vec<_> = (0..3)
            .map(|_| {
                let dish = context.socket(SocketType::Dish).unwrap();
                dish.join(b"g").unwrap();
                // Several members of one group share its port.
                dish.bind(&format!("udp://{there}")).unwrap();
                dish
            })
            .collect();
        let radio = socket_with(&context, SocketType::Radio, |o| o.multicast.hops = 300);
        radio.connect(&format!("udp://{here}")).unwrap();
        for dish in &dishes {
            radiate_until(&radio, dish, b"to all");
        }
        // Other groups on the same port, and datagrams for this host alone, are not for a member.
        let port = there.rsplit_once(':').unwrap().1;
        if there.contains("239.") {
            let sender = UdpSocket::bind("10.9.0.1:0").unwrap();
            sender.send_to(b"\x01gunicast", format!("10.9.0.1:{port}")).unwrap();
            radiate_until(&radio, &dishes[0], b"second");
        }
    }
}

#[test]
fn multicast_loop_off_keeps_multicast_from_this_machine() {
    let _watchdog = watchdog();
    if !in_namespace("multicast_loop_off_keeps_multicast_from_this_machine") {
        return;
    }
    let context = context();
    let dish = context.socket(SocketType::Dish).unwrap();
    dish.join(b"g").unwrap();
    dish.bind("udp://veth0;239.1.2.3:7001").unwrap();
    let radio = socket_with(&context, SocketType::Radio, |o| o.multicast.loopback = false);
    radio.connect("udp://veth0;239.1.2.3:7001").unwrap();
    radiate(&radio, b"g", b"not looped");
    let looping = context.socket(SocketType::Radio).unwrap();
    looping.connect("udp://veth0;239.1.2.3:7001").unwrap();
    radiate_until(&looping, &dish, b"looped");
}
