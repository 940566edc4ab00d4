//! The endpoint grammar: every form that is accepted, and every fault that is named.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn number(port: u16) -> Port {
    Port::Number(port)
}

fn name(name: &str) -> Host {
    Host::Name(name.to_owned())
}

fn v6(addr: &str, scope: Option<&str>) -> Host {
    Host::V6 { addr: addr.parse().unwrap(), scope: scope.map(str::to_owned) }
}

fn tcp_parts(text: &str) -> (Option<HostPort>, Host, Port) {
    match Endpoint::parse(text) {
        Ok(Endpoint::Tcp(tcp)) => (tcp.source, tcp.host, tcp.port),
        other => panic!("{text}: {other:?}"),
    }
}

fn fault(text: &str) -> AddressFault {
    match Endpoint::parse(text) {
        Err(EndpointError::BadAddress(fault)) => fault,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn tcp_hosts_of_every_kind_are_told_apart() {
    let localhost = Host::V4(Ipv4Addr::LOCALHOST);
    assert_eq!(tcp_parts("tcp://127.0.0.1:5555"), (None, localhost, number(5555)));
    assert_eq!(tcp_parts("tcp://*:5555"), (None, Host::Wildcard, number(5555)));
    assert_eq!(tcp_parts("tcp://eth0:5555"), (None, name("eth0"), number(5555)));
    assert_eq!(tcp_parts("tcp://eth0:1:5555"), (None, name("eth0:1"), number(5555)));
    assert_eq!(tcp_parts("tcp://example.org:80"), (None, name("example.org"), number(80)));
    assert_eq!(tcp_parts("tcp://[::1]:5555"), (None, v6("::1", None), number(5555)));
    assert_eq!(tcp_parts("tcp://::1:5555"), (None, v6("::1", None), number(5555)));
    assert_eq!(tcp_parts("tcp://[fe80::1%eth0]:1"), (None, v6("fe80::1", Some("eth0")), number(1)));
    assert_eq!(tcp_parts("tcp://fe80::1%2:1"), (None, v6("fe80::1", Some("2")), number(1)));
}

#[test]
fn port_zero_and_star_both_mean_any_port() {
    for text in ["tcp://127.0.0.1:*", "tcp://127.0.0.1:0", "tcp://127.0.0.1:000"] {
        assert_eq!(tcp_parts(text).2, Port::Wildcard, "{text}");
    }
    assert_eq!(tcp_parts("tcp://*:65535").2, number(65535));
    assert_eq!(tcp_parts("tcp://*:1").2, number(1));
}

#[test]
fn a_source_address_stands_before_the_semicolon() {
    let (source, host, port) = tcp_parts("tcp://192.168.0.1:*;example.org:5555");
    let source_host = Host::V4(Ipv4Addr::new(192, 168, 0, 1));
    assert_eq!(source, Some(HostPort { host: source_host, port: Port::Wildcard }));
    assert_eq!((host, port), (name("example.org"), number(5555)));

    let (source, ..) = tcp_parts("tcp://[::1]:7;[::2]:8");
    assert_eq!(source, Some(HostPort { host: v6("::1", None), port: number(7) }));
}

#[test]
fn bad_tcp_addresses_name_their_fault() {
    for text in ["tcp://host", "tcp://;host:1", "tcp://host:1;", "tcp://a:1;b"] {
        assert_eq!(fault(text), AddressFault::NoPort, "{text}");
    }
    for text in [
        "tcp://h:",
        "tcp://h:65536",
        "tcp://h:-1",
        "tcp://h:+1",
        "tcp://h:1x",
        "tcp://h:1 ",
        "tcp://h:**",
    ] {
        assert_eq!(fault(text), AddressFault::Port, "{text}");
    }
    for text in
        ["tcp://:1", "tcp://a b:1", "tcp://a/b:1", "tcp://**:1", "tcp://a%b:1", "tcp://a:1;b:2;c:3"]
    {
        assert_eq!(fault(text), AddressFault::Host, "{text}");
    }
    assert_eq!(fault(&format!("tcp://{}:1", "h".repeat(256))), AddressFault::Host);
    for text in ["tcp://[::1:5555", "tcp://[]:1", "tcp://[eth0]:1", "tcp://[127.0.0.1:1"] {
        assert_eq!(fault(text), AddressFault::Ipv6, "{text}");
    }
    for text in ["tcp://[::1%]:1", "tcp://[::1%a b]:1", "tcp://[::1%a%b]:1"] {
        assert_eq!(fault(text), AddressFault::Scope, "{text}");
    }
    assert_eq!(fault(&format!("tcp://[::1%{}]:1", "s".repeat(64))), AddressFault::Scope);
}

#[test]
fn ipc_has_paths_a_wildcard_and_abstract_names() {
    let ipc = |text| match Endpoint::parse(text) {
        Ok(Endpoint::Ipc(ipc)) => ipc,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(ipc("ipc:///tmp/a"), IpcEndpoint::Path("/tmp/a".to_owned()));
    assert_eq!(ipc("ipc://rel"), IpcEndpoint::Path("rel".to_owned()));
    assert_eq!(ipc("ipc://*"), IpcEndpoint::Wildcard);
    assert_eq!(ipc("ipc://@name"), IpcEndpoint::Abstract("name".to_owned()));
    assert_eq!(fault("ipc://@"), AddressFault::EmptyName);
    assert_eq!(fault("ipc:///tmp/a\0b"), AddressFault::Nul);
}

#[test]
fn names_are_as_long_as_the_kernel_or_libzmq_permit_and_no_longer() {
    for (transport, bytes_max) in [("ipc", 107), ("inproc", 256)] {
        let longest = format!("{transport}://{}", "n".repeat(bytes_max));
        assert_eq!(Endpoint::parse(&longest).unwrap().to_string(), longest);
        let bytes = bytes_max + 1;
        let error = EndpointError::NameTooLong { bytes, bytes_max };
        assert_eq!(Endpoint::parse(&format!("{longest}n")), Err(error));
    }
    let longest_host = format!("tcp://{}:1", "h".repeat(255));
    assert_eq!(Endpoint::parse(&longest_host).unwrap().to_string(), longest_host);
    let longest_scope = format!("tcp://[::1%{}]:1", "s".repeat(63));
    assert_eq!(Endpoint::parse(&longest_scope).unwrap().to_string(), longest_scope);
    let abstract_name = format!("ipc://@{}", "n".repeat(107));
    assert!(matches!(Endpoint::parse(&abstract_name), Err(EndpointError::NameTooLong { .. })));
}

#[test]
fn inproc_names_are_arbitrary_but_not_empty() {
    let spaced = Endpoint::Inproc("any thing://at all".to_owned());
    assert_eq!(Endpoint::parse("inproc://any thing://at all"), Ok(spaced));
    assert_eq!(fault("inproc://a\0"), AddressFault::Nul);
}

#[test]
fn a_missing_transport_differs_from_an_unknown_one() {
    for text in ["", "tcp", "tcp:", "tcp:/", "127.0.0.1:1", "://x", "tcp://", "ipc://", "foo://"] {
        assert_eq!(Endpoint::parse(text), Err(EndpointError::NoTransport), "{text}");
    }
    for text in ["foo://x", "TCP://*:1", " tcp://*:1", "vmci://1:1", "pgm://a:1"] {
        assert_eq!(Endpoint::parse(text), Err(EndpointError::UnknownTransport), "{text}");
    }
}

#[test]
fn what_is_printed_reads_back_as_the_same_endpoint() {
    for text in [
        "tcp://*:*",
        "tcp://127.0.0.1:5555",
        "tcp://eth0:1:5555",
        "tcp://[::1]:5555",
        "tcp://[fe80::1%eth0]:*",
        "tcp://10.0.0.1:7;[::2]:8",
        "ipc:///tmp/a b",
        "ipc://*",
        "ipc://@name",
        "inproc://x://y",
        "ws://127.0.0.1:80/a/b?c=d",
        "wss://[fe80::1%eth0]:*/",
        "tipc://{5560, 0, 9}",
        "tipc://{5560, 7}",
        "tipc://{5560, 7}@1.2.3",
        "tipc://<*>",
        "tipc://<255.4095.4095:4294967295>",
        "vsock://*:*",
        "vsock://@:9999",
        "vsock://2:4294967294",
    ] {
        let endpoint = Endpoint::parse(text).unwrap();
        assert_eq!(endpoint.to_string(), text);
        assert!(text.starts_with(endpoint.transport()));
    }
    // The unbracketed and the zero forms are printed in their canonical form.
    assert_eq!(Endpoint::parse("tcp://::1:0").unwrap().to_string(), "tcp://[::1]:*");
}

#[test]
fn ws_and_wss_have_a_host_a_port_and_a_path() {
    let ws = |text| match Endpoint::parse(text) {
        Ok(Endpoint::Ws(ws)) => ws,
        other => panic!("{text}: {other:?}"),
    };
    let parsed = ws("ws://127.0.0.1:80/a/b?c");
    assert!(!parsed.tls);
    assert_eq!((parsed.host, parsed.port), (Host::V4(Ipv4Addr::LOCALHOST), number(80)));
    assert_eq!(parsed.path, "/a/b?c");
    // Without a path it is the root, and printed so.
    assert_eq!(ws("ws://*:0").to_string(), "ws://*:*/");
    assert!(ws("wss://example.org:443").tls);
    assert_eq!(ws("wss://[::1]:1/x").host, v6("::1", None));
    for text in ["ws://host", "ws://host/1:2", "wss:///x", "ws://a/b:c"] {
        assert_eq!(fault(text), AddressFault::NoPort, "{text}");
    }
    assert_eq!(fault("ws://h:65536/x"), AddressFault::Port);
    assert_eq!(fault("ws://a:0;b:1/x"), AddressFault::Host);
    for text in ["ws://h:1/a b", "ws://h:1/#x", "ws://h:1/\u{e4}", "ws://h:1/a\r\nHost: b"] {
        assert_eq!(fault(text), AddressFault::Path, "{text}");
    }
    let longest = format!("ws://h:1/{}", "p".repeat(1023));
    assert_eq!(ws(&longest).to_string(), longest);
    let error = EndpointError::NameTooLong { bytes: 1025, bytes_max: 1024 };
    assert_eq!(Endpoint::parse(&(longest + "p")), Err(error));
}

#[test]
fn tipc_has_ranges_names_ports_and_a_wildcard() {
    let tipc = |text| match Endpoint::parse(text) {
        Ok(Endpoint::Tipc(tipc)) => tipc,
        other => panic!("{text}: {other:?}"),
    };
    let range = TipcEndpoint::Range { service: 5560, lower: 0, upper: 9 };
    assert_eq!(tipc("tipc://{5560,0,9}"), range);
    assert_eq!(tipc("tipc://{5560, 0,  9}"), range);
    let name = |domain| TipcEndpoint::Service { service: 5560, instance: 3, domain };
    assert_eq!(tipc("tipc://{5560,3}"), name(None));
    assert_eq!(tipc("tipc://{5560,3}@1.2.3"), name(Some(TipcNode(0x0100_2003))));
    assert_eq!(tipc("tipc://<*>"), TipcEndpoint::Wildcard);
    let port = TipcEndpoint::Socket { node: TipcNode(0x0100_1001), reference: 77 };
    assert_eq!(tipc("tipc://<1.1.1:77>"), port);
    for text in [
        "{5560}",
        "{5560,3,2}",
        "{1,2,3,4}",
        "{1,2,3}@1.1.1",
        "{1,2}x",
        "{1,2",
        "1,2}",
        "{1,+2}",
        "{1,4294967296}",
        "{,}",
        "<1.1.1>",
        "<1.1:1>",
        "<256.1.1:1>",
        "<1.4096.1:1>",
        "<1.1.1.1:1>",
        "<*",
        "<>",
        "x",
    ] {
        assert_eq!(fault(&format!("tipc://{text}")), AddressFault::Tipc, "{text}");
    }
}

#[test]
fn vsock_has_a_context_id_and_a_port() {
    let vsock = |text| match Endpoint::parse(text) {
        Ok(Endpoint::Vsock(vsock)) => (vsock.cid, vsock.port),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(vsock("vsock://2:1024"), (VsockCid::Number(2), Some(1024)));
    assert_eq!(vsock("vsock://*:*"), (VsockCid::Wildcard, None));
    assert_eq!(vsock("vsock://@:0"), (VsockCid::Local, Some(0)));
    // The kernel's numbers for "any".
    assert_eq!(vsock("vsock://4294967295:4294967295"), (VsockCid::Wildcard, None));
    assert_eq!(fault("vsock://2"), AddressFault::NoPort);
    for text in ["vsock://:1", "vsock://host:1", "vsock://-1:1", "vsock://4294967296:1"] {
        assert_eq!(fault(text), AddressFault::Cid, "{text}");
    }
    for text in ["vsock://2:", "vsock://2:+1", "vsock://2:4294967296"] {
        assert_eq!(fault(text), AddressFault::Port, "{text}");
    }
}
