//! Deprecated ways to send and receive: `zmq_sendmsg(3)`, `zmq_recvmsg(3)` and the undocumented
//! pair for lists of buffers.

use std::ffi::{c_int, c_void};
use std::slice;

use libc::iovec;
use oxmq_message::Msg;

use crate::boundary::{bytes, guarded, reference_mut};
use crate::errno::Errno;
use crate::message::zmq_msg_t;
use crate::socket;
use crate::transfer::{SNDMORE, length, receive, send, zmq_msg_recv, zmq_msg_send};

/// [`zmq_msg_send`] with the arguments in another order.
///
/// # Safety
/// As [`zmq_msg_send`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_sendmsg(
    socket: *mut c_void,
    msg: *mut zmq_msg_t,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise is the same.
    unsafe { zmq_msg_send(msg, socket, flags) }
}

/// [`zmq_msg_recv`] with the arguments in another order.
///
/// # Safety
/// As [`zmq_msg_recv`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_recvmsg(
    socket: *mut c_void,
    msg: *mut zmq_msg_t,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise is the same.
    unsafe { zmq_msg_recv(msg, socket, flags) }
}

/// Sends each buffer of a list: with `ZMQ_SNDMORE` as the parts of one message, otherwise as
/// messages of their own. Returns the length of the last.
///
/// # Safety
/// `buffers` is NULL or a list of `count` buffers that can be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_sendiov(
    socket: *mut c_void,
    buffers: *mut iovec,
    count: usize,
    flags: c_int,
) -> c_int {
    guarded(|| {
        let socket = socket::of(socket)?;
        // No list can be longer than the memory that a pointer reaches.
        const COUNT_MAX: usize = isize::MAX as usize / size_of::<iovec>();
        if count == 0 || count > COUNT_MAX || buffers.is_null() {
            return Err(Errno(libc::EINVAL));
        }
        // SAFETY: not NULL, so a list of this length, which a slice may have, by the caller's
        // promise.
        let buffers = unsafe { slice::from_raw_parts(buffers, count) };
        let mut sent = 0;
        for (index, buffer) in buffers.iter().enumerate() {
            // SAFETY: the caller's promise.
            let data = unsafe { bytes(buffer.iov_base, buffer.iov_len, libc::EFAULT) }?;
            let last = index + 1 == count;
            let flags = if last { flags & !SNDMORE } else { flags };
            sent = send(&socket, &mut Msg::try_from_slice(data)?, flags)?;
        }
        Ok(sent)
    })
}

/// Receives the parts of one message into buffers made by `malloc`, which the caller frees; at most
/// `count`, which is set to their number. Returns that number.
///
/// # Safety
/// `buffers` is NULL or a list with room for as many as `count` says, which is NULL or can be read
/// and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_recviov(
    socket: *mut c_void,
    buffers: *mut iovec,
    count: *mut usize,
    flags: c_int,
) -> c_int {
    guarded(|| {
        let socket = socket::of(socket)?;
        let invalid = Errno(libc::EINVAL);
        // SAFETY: the caller's promise.
        let count = unsafe { reference_mut(count) }.map_err(|_| invalid)?;
        if *count == 0 || buffers.is_null() {
            return Err(invalid);
        }
        let room = std::mem::take(count);
        while *count < room {
            let part = receive(&socket, flags)?;
            // At least one byte, so that NULL means that there was no memory.
            // SAFETY: `malloc` may be called with any size.
            let copy = unsafe { libc::malloc(part.len().max(1)) };
            if copy.is_null() {
                return Err(Errno(libc::ENOMEM));
            }
            // SAFETY: the new buffer has room for the part, and the list for this entry.
            unsafe {
                copy.cast::<u8>().copy_from_nonoverlapping(part.as_ptr(), part.len());
                buffers.add(*count).write(iovec { iov_base: copy, iov_len: part.len() });
            }
            *count += 1;
            if !part.more() {
                break;
            }
        }
        Ok(length(*count))
    })
}
