//! Whether each option reaches the kernel, on the connecting and on the accepted end.

use rustix::net::sockopt;

use super::*;

fn both_ends(options: &TransportOptions) -> [Stream; 2] {
    let listener = bind("tcp://127.0.0.1:*", options).unwrap();
    pair(&listener, options).into()
}

#[test]
fn small_writes_are_never_held_back() {
    for end in both_ends(&TransportOptions::default()) {
        assert!(sockopt::tcp_nodelay(&end).unwrap());
        assert!(!sockopt::socket_keepalive(&end).unwrap());
    }
}

#[test]
fn keepalive_and_its_times_are_set() {
    let options = TransportOptions {
        tcp_keepalive: Some(true),
        tcp_keepalive_cnt: Some(3),
        tcp_keepalive_idle_s: Some(11),
        tcp_keepalive_intvl_s: Some(7),
        ..TransportOptions::default()
    };
    for end in both_ends(&options) {
        assert!(sockopt::socket_keepalive(&end).unwrap());
        assert_eq!(sockopt::tcp_keepcnt(&end).unwrap(), 3);
        assert_eq!(sockopt::tcp_keepidle(&end).unwrap(), Duration::from_secs(11));
        assert_eq!(sockopt::tcp_keepintvl(&end).unwrap(), Duration::from_secs(7));
    }
}

#[test]
fn keepalive_times_are_left_alone_while_the_system_decides_on_keepalive() {
    let untouched = both_ends(&TransportOptions::default());
    let options = TransportOptions { tcp_keepalive_cnt: Some(2), ..TransportOptions::default() };
    for (end, untouched) in both_ends(&options).iter().zip(&untouched) {
        let expected = sockopt::tcp_keepcnt(untouched).unwrap();
        assert_eq!(sockopt::tcp_keepcnt(end).unwrap(), expected);
    }
}

#[test]
fn buffers_type_of_service_and_retransmission_limit_are_set() {
    let options = TransportOptions {
        sndbuf_bytes: Some(10_000),
        rcvbuf_bytes: Some(20_000),
        tos: 0x28,
        priority: 3,
        tcp_maxrt_ms: 5_000,
        ..TransportOptions::default()
    };
    for end in both_ends(&options) {
        // The kernel doubles what it is given, to pay for its own overhead.
        assert_eq!(sockopt::socket_send_buffer_size(&end).unwrap(), 20_000);
        assert_eq!(sockopt::socket_recv_buffer_size(&end).unwrap(), 40_000);
        assert_eq!(sockopt::ip_tos(&end).unwrap(), 0x28);
        assert_eq!(sockopt::tcp_user_timeout(&end).unwrap(), 5_000);
    }
}

#[test]
fn the_traffic_class_of_ipv6_is_set() {
    if !has_ipv6() {
        return;
    }
    let options = TransportOptions { ipv6: true, tos: 0x28, ..TransportOptions::default() };
    let listener = bind("tcp://[::1]:*", &options).unwrap();
    let (near, _far) = pair(&listener, &options);
    assert_eq!(sockopt::ipv6_tclass(&near).unwrap(), 0x28);
}

#[test]
fn a_huge_buffer_is_the_systems_largest_and_no_error() {
    let options = TransportOptions {
        sndbuf_bytes: Some(usize::MAX),
        rcvbuf_bytes: Some(usize::MAX),
        ..TransportOptions::default()
    };
    let [near, far] = both_ends(&options);
    assert_connected(&near, &far);
}

#[test]
fn an_unknown_device_fails_bind_and_connect_and_a_known_one_works() {
    let on = |name: &str| TransportOptions {
        bind_to_device: Some(name.into()),
        ..TransportOptions::default()
    };
    assert_errno(bind("tcp://127.0.0.1:*", &on("no-such-dev0")), libc::ENODEV);
    let listener = bind("tcp://127.0.0.1:*", &on("lo")).unwrap();
    assert_errno(connect(&listener.endpoint(), &on("no-such-dev0")), libc::ENODEV);
    let (near, far) = pair(&listener, &on("lo"));
    assert_connected(&near, &far);
}
