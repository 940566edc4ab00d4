//! The draft socket types: groups of RADIO and DISH, and the numbers by which SERVER and PEER know
//! their peers. `zmq_msg_routing_id(3)`, `zmq_msg_set_routing_id(3)`, `zmq_connect_peer(3)`,
//! `zmq_disconnect_peer(3)`; for groups RFC 48.

use std::ffi::{c_char, c_int, c_void};

use oxmq_message::{GROUP_MAX, GroupError};

use crate::boundary::{Result, bytes, contained, guarded};
use crate::config::{self, Side};
use crate::errno::{EINVAL, Errno};
use crate::message::{self, zmq_msg_t};
use crate::socket;

impl From<GroupError> for Errno {
    fn from(error: GroupError) -> Errno {
        match error {
            GroupError::Memory(error) => error.into(),
            _ => EINVAL,
        }
    }
}

/// The group at a pointer; `EINVAL` if there is none or it has more than 255 bytes.
///
/// # Safety
/// `group` is NULL or a string.
unsafe fn group_at<'a>(group: *const c_char) -> Result<&'a [u8]> {
    if group.is_null() {
        return Err(EINVAL);
    }
    // SAFETY: a string by the caller's promise; no byte beyond its end is read.
    let len = unsafe { libc::strnlen(group, GROUP_MAX + 1) };
    if len > GROUP_MAX {
        return Err(EINVAL);
    }
    // SAFETY: the string has this many bytes before its end.
    unsafe { bytes(group.cast(), len, libc::EINVAL) }
}

/// DISH: joins a group, whose messages are received from now on. `EINVAL` if it is joined already,
/// `ENOTSUP` on other types.
///
/// # Safety
/// `group` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_join(socket: *mut c_void, group: *const c_char) -> c_int {
    guarded(|| {
        let socket = socket::of(socket)?;
        // SAFETY: the caller's promise.
        socket.join(unsafe { group_at(group) }?)?;
        Ok(0)
    })
}

/// DISH: leaves a group. `EINVAL` if it is not joined, `ENOTSUP` on other types.
///
/// # Safety
/// `group` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_leave(socket: *mut c_void, group: *const c_char) -> c_int {
    guarded(|| {
        let socket = socket::of(socket)?;
        // SAFETY: the caller's promise.
        socket.leave(unsafe { group_at(group) }?)?;
        Ok(0)
    })
}

/// Gives a message the group that a RADIO sends it to. `EINVAL` if it has more than 255 bytes.
///
/// # Safety
/// `msg` is NULL or a message that no other thread uses; `group` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_set_group(msg: *mut zmq_msg_t, group: *const c_char) -> c_int {
    guarded(|| {
        // SAFETY: the caller's promise.
        unsafe { message::of(msg) }?.set_group(unsafe { group_at(group) }?)?;
        Ok(0)
    })
}

/// The group of a message, which is empty if it has none. Valid until the message is changed,
/// moved, sent or closed.
///
/// # Safety
/// `msg` is NULL or a message that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_group(msg: *mut zmq_msg_t) -> *const c_char {
    // SAFETY: the caller's promise.
    guarded(|| Ok(unsafe { message::of(msg) }?.group_c_str().as_ptr()))
}

/// Gives a message the number of the peer that a SERVER or PEER sends it to. `EINVAL` for 0.
///
/// # Safety
/// `msg` is NULL or a message that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_set_routing_id(msg: *mut zmq_msg_t, number: u32) -> c_int {
    guarded(|| {
        // SAFETY: the caller's promise.
        let msg = unsafe { message::of(msg) }?;
        if number == 0 {
            return Err(EINVAL);
        }
        msg.set_routing_id(number);
        Ok(0)
    })
}

/// The number of the peer that a message came from, on SERVER and PEER; 0 if there is none.
///
/// # Safety
/// `msg` is NULL or a message that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_routing_id(msg: *mut zmq_msg_t) -> u32 {
    // SAFETY: the caller's promise.
    contained(0, || unsafe { message::of(msg) }.map_or(0, |msg| msg.routing_id()))
}

/// PEER: begins to connect and returns the number of the peer, or 0. `ENOTSUP` on other types,
/// `EFAULT` with `ZMQ_IMMEDIATE`.
///
/// # Safety
/// `endpoint` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_connect_peer(socket: *mut c_void, endpoint: *const c_char) -> u32 {
    let mut number = 0;
    // SAFETY: the caller's promise.
    let done = unsafe {
        socket::at_endpoint(socket, endpoint, |socket, endpoint| {
            config::apply(socket, Side::Connect, endpoint)?;
            number = socket.connect_peer(endpoint)?;
            Ok(())
        })
    };
    if done == 0 { number } else { 0 }
}

/// SERVER and PEER: disconnects the peer with this number. `EHOSTUNREACH` if there is none,
/// `ENOTSUP` on other types.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_disconnect_peer(socket: *mut c_void, number: u32) -> c_int {
    guarded(|| {
        socket::of(socket)?.disconnect_peer(number)?;
        Ok(0)
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;
    use std::mem::MaybeUninit;
    use std::ptr;

    use super::*;
    use crate::errno::zmq_errno;
    use crate::{
        zmq_bind, zmq_close, zmq_connect, zmq_ctx_new, zmq_ctx_term, zmq_msg_close, zmq_msg_copy,
        zmq_msg_init, zmq_msg_recv, zmq_msg_send, zmq_recv, zmq_send, zmq_socket,
    };

    fn new_message() -> zmq_msg_t {
        let mut msg = MaybeUninit::<zmq_msg_t>::uninit();
        // SAFETY: the memory is writable, and a message afterwards.
        unsafe {
            assert_eq!(zmq_msg_init(msg.as_mut_ptr()), 0);
            msg.assume_init()
        }
    }

    fn close(sockets: &[*mut c_void], context: *mut c_void) {
        for socket in sockets {
            assert_eq!(zmq_close(*socket), 0);
        }
        assert_eq!(zmq_ctx_term(context), 0);
    }

    #[test]
    fn groups_of_messages_are_c_strings() {
        let (mut msg, mut copy) = (new_message(), new_message());
        let long = [b'g'; 256];
        // SAFETY: all are messages and strings of this function.
        unsafe {
            assert_eq!(CStr::from_ptr(zmq_msg_group(&mut msg)), c"");
            let mut name = long.to_vec();
            name.push(0);
            assert_eq!(zmq_msg_set_group(&mut msg, name.as_ptr().cast()), -1);
            assert_eq!(zmq_errno(), libc::EINVAL);
            for len in [255, 8, 7, 1, 0] {
                name.truncate(len);
                name.push(0);
                assert_eq!(zmq_msg_set_group(&mut msg, name.as_ptr().cast()), 0);
                assert_eq!(zmq_msg_copy(&mut copy, &mut msg), 0);
                for msg in [&mut msg, &mut copy] {
                    assert_eq!(CStr::from_ptr(zmq_msg_group(msg)).to_bytes(), &long[..len]);
                }
            }
            assert_eq!(zmq_msg_set_group(&mut msg, ptr::null()), -1);
            assert_eq!(zmq_msg_set_group(ptr::null_mut(), c"g".as_ptr()), -1);
            assert_eq!(zmq_errno(), libc::EFAULT);
            assert_eq!((zmq_msg_close(&mut msg), zmq_msg_close(&mut copy)), (0, 0));
            assert!(zmq_msg_group(&mut msg).is_null());
        }
    }

    #[test]
    fn routing_ids_of_messages() {
        let mut msg = new_message();
        // SAFETY: a message of this function.
        unsafe {
            assert_eq!(zmq_msg_routing_id(&mut msg), 0);
            assert_eq!((zmq_msg_set_routing_id(&mut msg, 0), zmq_errno()), (-1, libc::EINVAL));
            assert_eq!(zmq_msg_set_routing_id(&mut msg, u32::MAX), 0);
            assert_eq!(zmq_msg_routing_id(&mut msg), u32::MAX);
            assert_eq!(zmq_msg_routing_id(ptr::null_mut()), 0);
            assert_eq!(zmq_msg_close(&mut msg), 0);
        }
    }

    #[test]
    fn a_dish_receives_what_a_radio_sends_to_its_groups() {
        let context = zmq_ctx_new();
        let (radio, dish) = (zmq_socket(context, 14), zmq_socket(context, 15));
        let mut msg = new_message();
        // SAFETY: handles, messages and strings of this function.
        unsafe {
            assert_eq!(zmq_bind(radio, c"inproc://groups".as_ptr()), 0);
            assert_eq!((zmq_leave(dish, c"a".as_ptr()), zmq_errno()), (-1, libc::EINVAL));
            assert_eq!(zmq_join(dish, c"a".as_ptr()), 0);
            assert_eq!((zmq_join(dish, c"a".as_ptr()), zmq_errno()), (-1, libc::EINVAL));
            assert_eq!((zmq_join(radio, c"a".as_ptr()), zmq_errno()), (-1, libc::ENOTSUP));
            assert_eq!((zmq_leave(radio, c"a".as_ptr()), zmq_errno()), (-1, libc::ENOTSUP));
            assert_eq!((zmq_join(context, c"a".as_ptr()), zmq_errno()), (-1, libc::ENOTSOCK));
            assert_eq!((zmq_join(dish, ptr::null()), zmq_errno()), (-1, libc::EINVAL));
            assert_eq!(zmq_connect(dish, c"inproc://groups".as_ptr()), 0);
            for group in [c"b", c"a"] {
                assert_eq!(zmq_msg_set_group(&mut msg, group.as_ptr()), 0);
                assert_eq!(zmq_msg_send(&mut msg, radio, 0), 0);
            }
            assert_eq!(zmq_msg_recv(&mut msg, dish, 0), 0);
            assert_eq!(CStr::from_ptr(zmq_msg_group(&mut msg)), c"a");
            assert_eq!(zmq_msg_close(&mut msg), 0);
        }
        close(&[radio, dish], context);
    }

    #[test]
    fn a_peer_is_reached_by_the_number_of_its_connect() {
        let context = zmq_ctx_new();
        let (one, other) = (zmq_socket(context, 19), zmq_socket(context, 19));
        let mut msg = new_message();
        let mut buffer = [0u8; 8];
        let data = buffer.as_mut_ptr().cast();
        // SAFETY: handles, messages, buffers and strings of this function.
        unsafe {
            assert_eq!(zmq_bind(other, c"inproc://peers".as_ptr()), 0);
            let number = zmq_connect_peer(one, c"inproc://peers".as_ptr());
            assert_ne!(number, 0);
            assert_eq!((zmq_connect_peer(one, c"bad".as_ptr()), zmq_errno()), (0, libc::EINVAL));
            assert_eq!((zmq_connect_peer(one, ptr::null()), zmq_errno()), (0, libc::EINVAL));
            assert_eq!(zmq_send(one, data, 1, 0), -1);
            assert_eq!(zmq_errno(), libc::EHOSTUNREACH);
            assert_eq!(zmq_msg_set_routing_id(&mut msg, number), 0);
            assert_eq!(zmq_msg_send(&mut msg, one, 2), -1);
            assert_eq!(zmq_errno(), libc::EINVAL);
            assert_eq!(zmq_msg_send(&mut msg, one, 0), 0);
            assert_eq!(zmq_msg_recv(&mut msg, other, 0), 0);
            assert_ne!(zmq_msg_routing_id(&mut msg), 0);
            assert_eq!(zmq_msg_send(&mut msg, other, 0), 0);
            assert_eq!(zmq_recv(one, data, 8, 0), 0);
            assert_eq!(zmq_disconnect_peer(one, number), 0);
            assert_eq!(zmq_disconnect_peer(one, number), -1);
            assert_eq!(zmq_errno(), libc::EHOSTUNREACH);
            let dealer = zmq_socket(context, 5);
            assert_eq!(zmq_connect_peer(dealer, c"inproc://peers".as_ptr()), 0);
            assert_eq!(zmq_errno(), libc::ENOTSUP);
            assert_eq!((zmq_disconnect_peer(dealer, 1), zmq_errno()), (-1, libc::ENOTSUP));
            assert_eq!(zmq_msg_close(&mut msg), 0);
            close(&[one, other, dealer], context);
        }
    }
}
