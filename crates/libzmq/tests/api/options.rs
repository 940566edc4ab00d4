//! Options by number: lengths, buffers, and which sockets take what. The values of every row are
//! the engine's tests; these are about what C passes.

use std::ptr;

use crate::support::*;

#[test]
fn lengths_are_exact_and_written_back() {
    let mut bench = Bench::new();
    let socket = bench.socket(DEALER);
    for len in [0, 1, 3, 5, 8] {
        fails(libc::EINVAL, set_bytes(socket, LINGER, &vec![0; len]));
        assert_eq!((get_bytes(socket, LINGER, len), zmq::zmq_errno()), (None, libc::EINVAL));
    }
    const AFFINITY: i32 = 4;
    fails(libc::EINVAL, set_bytes(socket, AFFINITY, &[1; 4]));
    ok(set_bytes(socket, AFFINITY, &1_u64.to_ne_bytes()));
    assert_eq!(get_bytes(socket, AFFINITY, 8).unwrap(), 1_u64.to_ne_bytes());
    unsafe {
        let mut len = 4;
        let read = zmq::zmq_getsockopt(socket, LINGER, ptr::null_mut(), &raw mut len);
        fails(libc::EFAULT, read);
        fails(libc::EINVAL, zmq::zmq_setsockopt(socket, LINGER, ptr::null(), 4));
    }
}

/// Programs for older versions read RCVMORE and others as eight bytes.
#[test]
fn what_is_shorter_than_its_buffer_is_followed_by_zeroes() {
    let mut bench = Bench::new();
    let socket = bench.socket(DEALER);
    for option in [13, 15, 81] {
        let (buffer, len) = get_whole(socket, option, 8).unwrap();
        assert_eq!((len, &buffer[..]), (4, &[0; 8][..]), "option {option}");
        assert!(get_bytes(socket, option, 3).is_none());
    }
    ok(set_bytes(socket, 5, b"name"));
    let (buffer, len) = get_whole(socket, 5, 8).unwrap();
    assert_eq!((len, &buffer[..]), (4, &b"name\0\0\0\0"[..]));
    assert!(get_bytes(socket, 5, 3).is_none());
}

#[test]
fn numbers_without_an_option_are_einval() {
    let mut bench = Bench::new();
    let socket = bench.socket(DEALER);
    for option in [-1, 0, 1, 2, 3, 10, 20, 26, 29, 30, 67, 70, 82, 83, 125, 1000] {
        fails(libc::EINVAL, set_bytes(socket, option, &[0; 4]));
        assert_eq!((get_bytes(socket, option, 4), zmq::zmq_errno()), (None, libc::EINVAL));
    }
    // Transports and mechanisms that are not built.
    for option in [62, 65, 85, 86, 87, 88, 90, 91, 117, 124] {
        fails(libc::EINVAL, set_bytes(socket, option, &[0; 4]));
        assert_eq!((get_bytes(socket, option, 4), zmq::zmq_errno()), (None, libc::EINVAL));
    }
}

#[test]
fn multicast_options_keep_their_values() {
    let mut bench = Bench::new();
    let socket = bench.socket(PUB);
    for (option, default) in [(8, 100), (9, 10_000), (25, 1), (84, 1500), (96, 1)] {
        assert_eq!(get(socket, option), default, "option {option}");
        set(socket, option, if option == 96 { 0 } else { 7 });
        assert_eq!(get(socket, option), if option == 96 { 0 } else { 7 }, "option {option}");
    }
}

#[test]
fn a_stream_tells_the_id_of_its_last_connect() {
    let mut bench = Bench::new();
    let (server, client) = bench.tcp(STREAM, STREAM);
    assert_eq!(get_bytes(server, 5, 256).unwrap(), b"");
    let id = get_bytes(client, 5, 256).unwrap();
    assert_eq!(id.len(), 5);
    assert_eq!(recv(client, 0).unwrap(), id);
}
