//! A stream of messages through the C interface, both ends in one thread, for counting what a
//! message costs: `stream TRANSPORT BYTES MESSAGES msg|buffer`. `testing/instructions` runs it.
//!
//! Messages go in batches that fit the high-water mark, so that no call has to wait for another
//! thread and each run does the same.

use std::error::Error;
use std::ffi::{CString, c_void};
use std::mem::MaybeUninit;
use std::ptr;

const PULL: i32 = 7;
const PUSH: i32 = 8;
const LAST_ENDPOINT: i32 = 32;
/// Below the mark of a thousand messages, and below what the kernel takes of small ones.
const BATCH: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [transport, bytes, messages, calls] = arguments.as_slice() else {
        return Err("usage: stream TRANSPORT BYTES MESSAGES msg|buffer".into());
    };
    let (bytes, messages): (usize, usize) = (bytes.parse()?, messages.parse()?);
    let context = zmq::zmq_ctx_new();
    let (pull, push) = (zmq::zmq_socket(context, PULL), zmq::zmq_socket(context, PUSH));
    let endpoint = match transport.as_str() {
        "tcp" => "tcp://127.0.0.1:*",
        "ipc" => "ipc://*",
        _ => "inproc://stream",
    };
    let endpoint = CString::new(endpoint)?;
    // SAFETY: the strings and buffers live as long as the calls.
    unsafe {
        assert_eq!(zmq::zmq_bind(pull, endpoint.as_ptr()), 0);
        let mut resolved = [0_u8; 256];
        let mut len = resolved.len();
        let place = resolved.as_mut_ptr();
        assert_eq!(zmq::zmq_getsockopt(pull, LAST_ENDPOINT, place.cast(), &raw mut len), 0);
        assert_eq!(zmq::zmq_connect(push, place.cast()), 0);
    }
    let batches = messages.div_ceil(BATCH);
    for _ in 0..batches {
        match calls.as_str() {
            "msg" => by_message(push, pull, bytes),
            _ => by_buffer(push, pull, bytes),
        }
    }
    assert_eq!((zmq::zmq_close(push), zmq::zmq_close(pull)), (0, 0));
    assert_eq!(zmq::zmq_ctx_term(context), 0);
    Ok(())
}

/// `zmq_msg_init_size`, `zmq_msg_send`, and `zmq_msg_recv` into one message.
fn by_message(push: *mut c_void, pull: *mut c_void, bytes: usize) {
    let mut place = MaybeUninit::<zmq::zmq_msg_t>::uninit();
    let msg = place.as_mut_ptr();
    // SAFETY: the message is made before it is used, its payload filled before it is sent, and
    // it is closed before the next one is made there.
    unsafe {
        for n in 0..BATCH {
            assert_eq!(zmq::zmq_msg_init_size(msg, bytes), 0);
            ptr::write_bytes(zmq::zmq_msg_data(msg).cast::<u8>(), n as u8, bytes);
            assert!(zmq::zmq_msg_send(msg, push, 0) >= 0);
        }
        assert_eq!(zmq::zmq_msg_init(msg), 0);
        for n in 0..BATCH {
            assert!(zmq::zmq_msg_recv(msg, pull, 0) >= 0);
            assert_eq!(zmq::zmq_msg_size(msg), bytes);
            assert_eq!(zmq::zmq_msg_data(msg).cast::<u8>().read(), n as u8);
        }
        assert_eq!(zmq::zmq_msg_close(msg), 0);
    }
}

/// `zmq_send` and `zmq_recv`.
fn by_buffer(push: *mut c_void, pull: *mut c_void, bytes: usize) {
    let mut buffer = vec![0_u8; bytes];
    let data = buffer.as_mut_ptr().cast::<c_void>();
    // SAFETY: the buffer can be read and written for its length.
    unsafe {
        for n in 0..BATCH {
            data.cast::<u8>().write(n as u8);
            assert!(zmq::zmq_send(push, data, bytes, 0) >= 0);
        }
        for n in 0..BATCH {
            assert!(zmq::zmq_recv(pull, data, bytes, 0) >= 0);
            assert_eq!(data.cast::<u8>().read(), n as u8);
        }
    }
}
