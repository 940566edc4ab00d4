//! tcp over IPv4 and IPv6: what can be bound, what can be connected, and what fails how.

use std::io::{IoSlice, IoSliceMut};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::process::Command;
use std::sync::LazyLock;

use oxmq_zmtp::{Host, Port, TcpEndpoint};

use super::*;

static V4: LazyLock<TransportOptions> = LazyLock::new(TransportOptions::default);

fn v6() -> TransportOptions {
    TransportOptions { ipv6: true, ..V4.clone() }
}

fn port_of(endpoint: &str) -> &str {
    endpoint.rsplit_once(':').unwrap().1
}

/// A name that the system refuses by its length, without asking a name server.
fn impossible_name() -> String {
    "x".repeat(64)
}

#[test]
fn a_literal_address_with_a_wildcard_port_shows_the_port_it_got() {
    let listener = bind("tcp://127.0.0.1:*", &V4).unwrap();
    let shown = listener.endpoint();
    assert!(shown.starts_with("tcp://127.0.0.1:"), "{shown}");
    assert_ne!(port_of(&shown).parse::<u16>().unwrap(), 0);
    assert_eq!(listener.kind(), Kind::Tcp);
    assert!(listener.accept().unwrap().is_none());
    let (near, far) = pair(&listener, &V4);
    assert_connected(&near, &far);
    assert_eq!(near.remote_endpoint(), shown);
    assert_eq!(far.local_endpoint(), shown);
    assert_eq!(near.local_endpoint(), far.remote_endpoint());
    assert_eq!((near.peer_address(), far.peer_address()), ("127.0.0.1".into(), "127.0.0.1".into()));
    assert_eq!((near.kind(), far.kind()), (Kind::Tcp, Kind::Tcp));
    assert!(near.mss().unwrap() >= 536);
}

#[test]
fn a_wildcard_host_is_every_ipv4_address_while_ipv6_is_off() {
    let listener = bind("tcp://*:*", &V4).unwrap();
    let shown = listener.endpoint();
    assert!(shown.starts_with("tcp://0.0.0.0:"), "{shown}");
    let near = connect(&format!("tcp://127.0.0.2:{}", port_of(&shown)), &V4).unwrap();
    assert_connected(&near, &accept(&listener).unwrap());
}

#[test]
fn a_wildcard_host_serves_both_families_while_ipv6_is_on() {
    if !has_ipv6() {
        return;
    }
    let listener = bind("tcp://*:*", &v6()).unwrap();
    let shown = listener.endpoint();
    assert!(shown.starts_with("tcp://[::]:"), "{shown}");
    for (host, peer) in [("127.0.0.1", "::ffff:127.0.0.1"), ("[::1]", "::1")] {
        let near = connect(&format!("tcp://{host}:{}", port_of(&shown)), &v6()).unwrap();
        let far = accept(&listener).unwrap();
        assert_eq!(far.peer_address(), peer);
        assert_connected(&near, &far);
    }
}

#[test]
fn an_ipv6_address_is_refused_while_ipv6_is_off() {
    assert_errno(bind("tcp://[::1]:*", &V4), libc::ENODEV);
    assert_errno(resolve(&endpoint("tcp://[::1]:9"), false), libc::EINVAL);
    assert_errno(resolve(&endpoint("tcp://[::1]:*;127.0.0.1:9"), false), libc::ENODEV);
}

#[test]
fn an_ipv6_address_is_bound_and_shown_in_brackets() {
    if !has_ipv6() {
        return;
    }
    let listener = bind("tcp://[::1]:*", &v6()).unwrap();
    assert!(listener.endpoint().starts_with("tcp://[::1]:"), "{}", listener.endpoint());
    let (near, far) = pair(&listener, &v6());
    assert_eq!((near.peer_address(), far.peer_address()), ("::1".into(), "::1".into()));
    assert_connected(&near, &far);
}

#[test]
fn an_interface_name_is_its_address_and_the_ipv6_one_while_ipv6_is_on() {
    let listener = bind("tcp://lo:*", &V4).unwrap();
    assert!(listener.endpoint().starts_with("tcp://127.0.0.1:"), "{}", listener.endpoint());
    let (near, far) = pair(&listener, &V4);
    assert_connected(&near, &far);
    if has_ipv6() {
        let listener = bind("tcp://lo:*", &v6()).unwrap();
        assert!(listener.endpoint().starts_with("tcp://[::1]:"), "{}", listener.endpoint());
    }
}

#[test]
fn a_host_name_is_bound_and_connected_in_either_family() {
    for options in [V4.clone(), v6()] {
        let listener = bind("tcp://localhost:*", &options).unwrap();
        let name = format!("tcp://localhost:{}", port_of(&listener.endpoint()));
        let targets = resolve(&endpoint(&name), options.ipv6).unwrap();
        let tried = targets.iter().map(|target| finish(target.connect(&options)?));
        let near = tried.filter_map(Result::ok).next().unwrap();
        assert_connected(&near, &accept(&listener).unwrap());
    }
}

#[test]
fn every_address_of_a_name_is_given_in_order_and_ipv4_only_while_ipv6_is_off() {
    let found = ["[fd00::1]:9", "10.0.0.1:9", "[fd00::2]:9", "10.0.0.2:9"];
    let lookup = move |_: &str, _: u16| Ok(found.map(|text| text.parse().unwrap()).to_vec());
    let resolved = |text: &str, ipv6| -> io::Result<Vec<String>> {
        let targets = resolve::resolve_with(&endpoint(text), ipv6, &lookup)?;
        Ok(targets.iter().map(Target::endpoint).collect())
    };
    let all = found.map(|text| format!("tcp://{text}"));
    assert_eq!(resolved("tcp://host:9", true).unwrap(), all);
    let (first, second) = (all[1].clone(), all[3].clone());
    assert_eq!(resolved("tcp://host:9", false).unwrap(), [first.clone(), second.clone()]);
    // A source leaves the addresses of its own family.
    assert_eq!(resolved("tcp://127.0.0.1:*;host:9", true).unwrap(), [first, second]);
    assert_eq!(resolved("tcp://*:*;host:9", true).unwrap(), all);
    assert_errno(resolved("tcp://127.0.0.1:*;[fd00::1]:9", true), libc::EADDRNOTAVAIL);
}

#[test]
fn a_name_without_addresses_fails_with_its_name_and_libzmqs_number() {
    let name = impossible_name();
    let tcp = Endpoint::Tcp(TcpEndpoint {
        source: None,
        host: Host::Name(name.clone()),
        port: Port::Number(9),
    });
    let error = resolve(&tcp, true).unwrap_err();
    assert_eq!(errno(&error), libc::EINVAL);
    assert!(error.to_string().contains(&name), "{error}");
    assert_errno(bind_to(&tcp, &V4), libc::ENODEV);
    let none = |_: &str, _: u16| Ok(vec!["[fd00::1]:9".parse().unwrap()]);
    assert_errno(resolve::resolve_with(&tcp, false, &none), libc::EINVAL);
    let broken = |_: &str, _: u16| Err(os_error(libc::EMFILE));
    assert_errno(resolve::resolve_with(&tcp, true, &broken), libc::EMFILE);
    // EAGAIN means "nothing to receive" to whoever called: a silent name server is another matter.
    let silent = |_: &str, _: u16| Err(os_error(libc::EAGAIN));
    assert_errno(resolve::resolve_with(&tcp, true, &silent), libc::EINVAL);
}

#[test]
fn only_names_of_hosts_need_a_look_up() {
    let immediate = |text| is_immediate(&endpoint(text));
    assert!(immediate("tcp://127.0.0.1:9") && immediate("tcp://[::1]:9"));
    assert!(immediate("tcp://lo:*;127.0.0.1:9") && immediate("ipc:///tmp/x"));
    assert!(!immediate("tcp://localhost:9") && !immediate("tcp://localhost:*;127.0.0.1:9"));
}

#[test]
fn what_only_a_bind_can_use_is_refused_by_a_connect_and_the_reverse() {
    for text in ["tcp://*:9", "tcp://127.0.0.1:*"] {
        assert_errno(resolve(&endpoint(text), true), libc::EINVAL);
    }
    assert_errno(bind("tcp://127.0.0.1:*;127.0.0.1:9", &V4), libc::EINVAL);
}

#[test]
fn a_connection_comes_from_the_source_that_the_endpoint_names() {
    let listener = bind("tcp://127.0.0.1:*", &V4).unwrap();
    let to = &listener.endpoint()["tcp://".len()..];
    let near = connect(&format!("tcp://127.0.0.5:*;{to}"), &V4).unwrap();
    let far = accept(&listener).unwrap();
    assert_eq!(far.peer_address(), "127.0.0.5");
    assert_connected(&near, &far);
    // A fixed source port, which the closed connection above has just used.
    let port = port_of(&near.local_endpoint()).to_owned();
    drop((near, far));
    let near = connect(&format!("tcp://127.0.0.6:{port};{to}"), &V4).unwrap();
    assert_eq!(near.local_endpoint(), format!("tcp://127.0.0.6:{port}"));
    assert_eq!(accept(&listener).unwrap().remote_endpoint(), near.local_endpoint());
    let near = connect(&format!("tcp://lo:*;{to}"), &V4).unwrap();
    assert_eq!(accept(&listener).unwrap().remote_endpoint(), near.local_endpoint());
    assert_errno(connect(&format!("tcp://198.51.100.1:*;{to}"), &V4), libc::EADDRNOTAVAIL);
}

#[test]
fn a_taken_port_and_a_foreign_address_fail_with_their_numbers() {
    let listener = bind("tcp://127.0.0.1:*", &V4).unwrap();
    assert_errno(bind(&listener.endpoint(), &V4), libc::EADDRINUSE);
    assert_errno(bind("tcp://198.51.100.1:*", &V4), libc::EADDRNOTAVAIL);
    // The port is free at once, though a connection of it was closed by this end.
    let shown = listener.endpoint();
    let (near, far) = pair(&listener, &V4);
    drop(far);
    drop((near, listener));
    bind(&shown, &V4).unwrap();
}

#[test]
fn nobody_listening_is_connection_refused() {
    let gone = bind("tcp://127.0.0.78:*", &V4).unwrap().endpoint();
    assert_errno(connect(&gone, &V4), libc::ECONNREFUSED);
}

#[test]
fn a_connection_to_itself_is_no_peer() {
    let gone = bind("tcp://127.0.0.77:*", &V4).unwrap().endpoint();
    let address = &gone["tcp://".len()..];
    assert_errno(connect(&format!("tcp://{address};{address}"), &V4), libc::ECONNREFUSED);
}

#[test]
fn an_attempt_that_has_not_ended_is_given_back() {
    let one_waiting = TransportOptions { backlog: 0, ..V4.clone() };
    let listener = bind("tcp://127.0.0.1:*", &one_waiting).unwrap();
    let _waiting = connect(&listener.endpoint(), &V4).unwrap();
    // The kernel drops this attempt's opening packet, as the first connection is not accepted.
    let Connecting::InProgress(pending) = target(&listener.endpoint(), false).connect(&V4).unwrap()
    else {
        panic!("connected beyond the backlog");
    };
    let fd = pending.as_raw_fd();
    let Connecting::InProgress(pending) = pending.finish().unwrap() else {
        panic!("connected beyond the backlog");
    };
    assert_eq!(pending.as_raw_fd(), fd);
}

#[test]
fn a_full_kernel_buffer_is_would_block_and_every_byte_taken_arrives() {
    let listener = bind("tcp://127.0.0.1:*", &V4).unwrap();
    let (near, far) = pair(&listener, &V4);
    let (mut sent, block) = (0, vec![7; 65_536]);
    let full = loop {
        match near.write_vectored(&[IoSlice::new(&block[..100]), IoSlice::new(&block)]) {
            Ok(count) => sent += count,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    assert!(near.unsent_bytes().unwrap() > 0);
    near.shutdown_write().unwrap();
    let (mut read, mut head, mut tail) = (0, [0; 10], vec![0; 65_536]);
    loop {
        wait(&far, Interest::IN);
        match far.read_vectored(&mut [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)]) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
    assert_eq!(read, sent);
}

#[test]
fn more_slices_than_the_kernel_takes_are_cut_and_not_refused() {
    let listener = bind("tcp://127.0.0.1:*", &V4).unwrap();
    let (near, far) = pair(&listener, &V4);
    assert_eq!(near.write_vectored(&vec![IoSlice::new(b"x"); 2000]).unwrap(), 1024);
    wait(&far, Interest::IN);
    let mut bytes = [0; 2000];
    let mut slices: Vec<_> =
        bytes.iter_mut().map(|b| IoSliceMut::new(std::slice::from_mut(b))).collect();
    assert!(far.read_vectored(&mut slices).unwrap() <= 1024);
}

#[test]
fn a_lost_peer_is_an_error_of_the_write_and_not_a_signal() {
    let listener = bind("tcp://127.0.0.1:*", &V4).unwrap();
    let (near, far) = pair(&listener, &V4);
    drop(far);
    let error = loop {
        match near.write(b"anyone there?") {
            Ok(_) => wait(&near, Interest::NONE),
            Err(error) => break error,
        }
    };
    assert!(matches!(error.raw_os_error(), Some(libc::EPIPE | libc::ECONNRESET)), "{error}");
    assert_eq!(near.peer_address(), "127.0.0.1");
}

#[test]
fn a_filtered_peer_is_refused_and_the_next_one_accepted() {
    let filters = vec!["127.0.0.8/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    let options = TransportOptions { tcp_accept_filters: filters, ..V4.clone() };
    let listener = bind("tcp://127.0.0.1:*", &options).unwrap();
    let to = &listener.endpoint()["tcp://".len()..];
    let refused = connect(&listener.endpoint(), &V4).unwrap();
    let error = accept(&listener).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPERM));
    assert_eq!(AcceptFault::of(&error), AcceptFault::Connection);
    wait(&refused, Interest::IN);
    assert!(!matches!(refused.read(&mut [0; 1]), Ok(1)));
    let near = connect(&format!("tcp://127.0.0.8:*;{to}"), &V4).unwrap();
    assert_connected(&near, &accept(&listener).unwrap());
}

#[test]
fn a_listening_descriptor_of_the_application_is_used_and_closed() {
    let theirs = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = theirs.local_addr().unwrap();
    let options = TransportOptions { use_fd: Some(theirs.into_raw_fd()), ..V4.clone() };
    let listener = bind("tcp://*:*", &options).unwrap();
    assert_eq!(listener.endpoint(), format!("tcp://{address}"));
    assert!(listener.accept().unwrap().is_none(), "it must not block");
    let (near, far) = pair(&listener, &V4);
    assert_connected(&near, &far);
    drop(listener);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_descriptor_that_does_not_listen_is_refused_and_left_open() {
    let theirs = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(theirs.local_addr().unwrap()).unwrap();
    let with = |fd| TransportOptions { use_fd: Some(fd), ..V4.clone() };
    assert_errno(bind("tcp://*:*", &with(stream.as_raw_fd())), libc::EINVAL);
    assert_errno(bind("ipc://*", &with(theirs.as_raw_fd())), libc::EINVAL);
    assert_errno(bind("tcp://*:*", &with(i32::MAX)), libc::EBADF);
    assert!(stream.peer_addr().is_ok() && theirs.accept().is_ok());
}

#[test]
fn faults_of_an_accept_say_when_to_accept_again() {
    let fault = |errno| AcceptFault::of(&os_error(errno));
    for errno in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
        assert_eq!(fault(errno), AcceptFault::Exhausted);
    }
    for errno in [libc::ECONNABORTED, libc::EPROTO, libc::ENETDOWN, libc::EPERM] {
        assert_eq!(fault(errno), AcceptFault::Connection);
    }
    for errno in [libc::EBADF, libc::EINVAL, libc::ENOTSOCK] {
        assert_eq!(fault(errno), AcceptFault::Listener);
    }
}

#[test]
fn a_peer_that_left_before_it_was_accepted_does_no_harm() {
    let listener = bind("tcp://127.0.0.1:*", &V4).unwrap();
    let near = connect(&listener.endpoint(), &V4).unwrap();
    rustix::net::sockopt::set_socket_linger(&near, Some(Duration::ZERO)).unwrap();
    drop(near);
    // The reset connection is handed out, to fail at its first read, or is dropped by the kernel.
    wait(&listener, Interest::IN);
    match listener.accept() {
        Ok(Some(stream)) => assert!(stream.read(&mut [0; 1]).is_err()),
        Ok(None) => {}
        Err(error) => assert_eq!(AcceptFault::of(&error), AcceptFault::Connection),
    }
    let (near, far) = pair(&listener, &V4);
    assert_connected(&near, &far);
}

/// Running out of descriptors concerns the whole process, so this runs in one of its own.
#[test]
fn running_out_of_descriptors_is_told_from_a_lost_connection() {
    const CHILD: &str = "OXMQ_TEST_FEW_DESCRIPTORS";
    const NAME: &str =
        "transport::tests::tcp::running_out_of_descriptors_is_told_from_a_lost_connection";
    if std::env::var_os(CHILD).is_none() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--exact", NAME]).env(CHILD, "1").output().unwrap();
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && report.contains("1 passed"), "{report}");
        return;
    }
    let listener = bind("tcp://127.0.0.1:*", &V4).unwrap();
    let near = connect(&listener.endpoint(), &V4).unwrap();
    wait(&listener, Interest::IN);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let none_left = rustix::process::Rlimit { current: Some(0), maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, none_left).unwrap();
    let error = listener.accept().unwrap_err();
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    assert_eq!(AcceptFault::of(&error), AcceptFault::Exhausted);
    // The connection still waits.
    assert_connected(&near, &accept(&listener).unwrap());
}
