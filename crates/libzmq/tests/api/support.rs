//! What the tests share: sockets that are closed when a test ends, and `errno`.

use std::ffi::{CString, c_int, c_void};
use std::ptr;

pub(crate) const DONTWAIT: c_int = 1;
pub(crate) const SNDMORE: c_int = 2;
pub(crate) const PAIR: c_int = 0;
pub(crate) const PUB: c_int = 1;
pub(crate) const REQ: c_int = 3;
pub(crate) const REP: c_int = 4;
pub(crate) const DEALER: c_int = 5;
pub(crate) const ROUTER: c_int = 6;
pub(crate) const PULL: c_int = 7;
pub(crate) const PUSH: c_int = 8;
pub(crate) const STREAM: c_int = 11;
pub(crate) const LINGER: c_int = 17;

pub(crate) const EFSM: c_int = 156_384_763;
pub(crate) const ENOCOMPATPROTO: c_int = 156_384_764;
pub(crate) const ETERM: c_int = 156_384_765;
pub(crate) const EMTHREAD: c_int = 156_384_766;

/// Checks that a call failed with this number.
#[track_caller]
pub(crate) fn fails(with: c_int, returned: c_int) {
    let errno = zmq::zmq_errno();
    assert_eq!((returned, errno), (-1, with), "errno {errno}, expected {with}");
}

/// Checks that a call did not fail.
#[track_caller]
pub(crate) fn ok(returned: c_int) -> c_int {
    let errno = zmq::zmq_errno();
    assert!(returned >= 0, "errno {errno}");
    returned
}

/// A context with its sockets, all of which end with it.
pub(crate) struct Bench {
    pub(crate) context: *mut c_void,
    sockets: Vec<*mut c_void>,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench { context: zmq::zmq_ctx_new(), sockets: Vec::new() }
    }

    #[track_caller]
    pub(crate) fn socket(&mut self, socket_type: c_int) -> *mut c_void {
        let socket = zmq::zmq_socket(self.context, socket_type);
        assert!(!socket.is_null(), "errno {}", zmq::zmq_errno());
        set(socket, LINGER, 0);
        self.sockets.push(socket);
        socket
    }

    /// Two sockets over tcp; the first one is bound.
    pub(crate) fn tcp(&mut self, bound: c_int, connected: c_int) -> (*mut c_void, *mut c_void) {
        let (bound, connected) = (self.socket(bound), self.socket(connected));
        ok(bind(bound, "tcp://127.0.0.1:*"));
        ok(connect(connected, &last_endpoint(bound)));
        (bound, connected)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for socket in &self.sockets {
            // The test may have closed it.
            let _ = zmq::zmq_close(*socket);
        }
        assert!(self.context.is_null() || zmq::zmq_ctx_term(self.context) == 0);
    }
}

pub(crate) fn bind(socket: *mut c_void, endpoint: &str) -> c_int {
    let endpoint = CString::new(endpoint).unwrap();
    unsafe { zmq::zmq_bind(socket, endpoint.as_ptr()) }
}

pub(crate) fn connect(socket: *mut c_void, endpoint: &str) -> c_int {
    let endpoint = CString::new(endpoint).unwrap();
    unsafe { zmq::zmq_connect(socket, endpoint.as_ptr()) }
}

pub(crate) fn unbind(socket: *mut c_void, endpoint: &str) -> c_int {
    let endpoint = CString::new(endpoint).unwrap();
    unsafe { zmq::zmq_unbind(socket, endpoint.as_ptr()) }
}

pub(crate) fn disconnect(socket: *mut c_void, endpoint: &str) -> c_int {
    let endpoint = CString::new(endpoint).unwrap();
    unsafe { zmq::zmq_disconnect(socket, endpoint.as_ptr()) }
}

#[track_caller]
pub(crate) fn set(socket: *mut c_void, option: c_int, value: c_int) {
    ok(set_bytes(socket, option, &value.to_ne_bytes()));
}

pub(crate) fn set_bytes(socket: *mut c_void, option: c_int, value: &[u8]) -> c_int {
    unsafe { zmq::zmq_setsockopt(socket, option, value.as_ptr().cast(), value.len()) }
}

/// The value with its length, read into a buffer of `room` bytes of 0xAA.
pub(crate) fn get_bytes(socket: *mut c_void, option: c_int, room: usize) -> Option<Vec<u8>> {
    let (buffer, len) = get_whole(socket, option, room)?;
    Some(buffer[..len].to_vec())
}

/// As `get_bytes`, with the whole buffer.
pub(crate) fn get_whole(
    socket: *mut c_void,
    option: c_int,
    room: usize,
) -> Option<(Vec<u8>, usize)> {
    let mut buffer = vec![0xAA; room.max(1)];
    let mut len = room;
    let returned =
        unsafe { zmq::zmq_getsockopt(socket, option, buffer.as_mut_ptr().cast(), &raw mut len) };
    buffer.truncate(room);
    (returned == 0).then_some((buffer, len))
}

#[track_caller]
pub(crate) fn get(socket: *mut c_void, option: c_int) -> c_int {
    let bytes = get_bytes(socket, option, 4).unwrap();
    c_int::from_ne_bytes(bytes.try_into().unwrap())
}

pub(crate) fn last_endpoint(socket: *mut c_void) -> String {
    let mut bytes = get_bytes(socket, 32, 300).unwrap();
    assert_eq!(bytes.pop(), Some(0));
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn send(socket: *mut c_void, bytes: &[u8], flags: c_int) -> c_int {
    unsafe { zmq::zmq_send(socket, bytes.as_ptr().cast(), bytes.len(), flags) }
}

/// Receives a part of up to 64 KiB.
pub(crate) fn recv(socket: *mut c_void, flags: c_int) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 65_536];
    let len = unsafe { zmq::zmq_recv(socket, buffer.as_mut_ptr().cast(), buffer.len(), flags) };
    let len = usize::try_from(len).ok()?;
    buffer.truncate(len);
    Some(buffer)
}

pub(crate) const NULL: *mut c_void = ptr::null_mut();
