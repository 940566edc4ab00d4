//! Sending and receiving: bytes, `zmq_send(3)` and `zmq_recv(3)`, and messages, `zmq_msg_send(3)`
//! and `zmq_msg_recv(3)`.

use std::ffi::{c_int, c_void};

use oxmq_engine::{Socket, Wait};
use oxmq_message::{Msg, OutOfMemory};

use crate::boundary::{Result, bytes, guarded};
use crate::errno::Errno;
use crate::message::{self, zmq_msg_t};
use crate::socket;

const DONTWAIT: c_int = 1;
/// `ZMQ_SNDMORE`: other parts follow.
pub(crate) const SNDMORE: c_int = 2;

impl From<OutOfMemory> for Errno {
    fn from(_: OutOfMemory) -> Errno {
        Errno(libc::ENOMEM)
    }
}

#[inline]
pub(crate) fn wait(flags: c_int) -> Wait {
    if flags & DONTWAIT == 0 { Wait::Default } else { Wait::No }
}

/// A length as the functions return it.
#[inline]
pub(crate) fn length(len: usize) -> c_int {
    c_int::try_from(len).unwrap_or(c_int::MAX)
}

/// Sends one part; it is empty afterwards unless this fails.
#[inline]
pub(crate) fn send(socket: &Socket, part: &mut Msg, flags: c_int) -> Result<c_int> {
    let len = part.len();
    part.set_more(flags & SNDMORE != 0);
    socket.send_part(part, wait(flags))?;
    Ok(length(len))
}

#[inline]
pub(crate) fn receive(socket: &Socket, flags: c_int) -> Result<Msg> {
    Ok(socket.recv_part(wait(flags))?)
}

/// Sends a copy of bytes as one part; returns their number.
///
/// # Safety
/// `data` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_send(
    socket: *mut c_void,
    data: *const c_void,
    len: usize,
    flags: c_int,
) -> c_int {
    guarded(|| {
        socket::with(socket, |socket| {
            // SAFETY: the caller's promise.
            let data = unsafe { bytes(data, len, libc::EFAULT) }?;
            send(socket, &mut Msg::try_from_slice(data)?, flags)
        })
    })
}

/// Sends bytes that never change and are never freed, without copying; returns their number.
///
/// # Safety
/// `data` is readable for `len` bytes for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_send_const(
    socket: *mut c_void,
    data: *const c_void,
    len: usize,
    flags: c_int,
) -> c_int {
    guarded(|| {
        socket::with(socket, |socket| {
            // SAFETY: the caller's promise.
            let data = unsafe { bytes::<'static>(data, len, libc::EFAULT) }?;
            send(socket, &mut Msg::from_static(data), flags)
        })
    })
}

/// Receives one part into a buffer, cutting off what has no room; returns the part's length.
///
/// # Safety
/// `buffer` is writable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_recv(
    socket: *mut c_void,
    buffer: *mut c_void,
    len: usize,
    flags: c_int,
) -> c_int {
    guarded(|| {
        socket::with(socket, |socket| {
            if buffer.is_null() && len > 0 {
                return Err(Errno(libc::EFAULT));
            }
            let part = receive(socket, flags)?;
            let copied = part.len().min(len);
            if copied > 0 {
                // SAFETY: `len` bytes are writable by the caller's promise, and a message's payload
                // lies in memory of its own.
                unsafe { buffer.cast::<u8>().copy_from_nonoverlapping(part.as_ptr(), copied) };
            }
            Ok(length(part.len()))
        })
    })
}

/// Sends a message as one part and leaves it empty; returns its length.
///
/// # Safety
/// `msg` is NULL or a message that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_send(
    msg: *mut zmq_msg_t,
    socket: *mut c_void,
    flags: c_int,
) -> c_int {
    guarded(|| {
        // SAFETY: the caller's promise.
        socket::with(socket, |socket| send(socket, unsafe { message::of(msg) }?, flags))
    })
}

/// Receives one part into a message, whose content is dropped; returns its length.
///
/// # Safety
/// `msg` is NULL or a message that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_recv(
    msg: *mut zmq_msg_t,
    socket: *mut c_void,
    flags: c_int,
) -> c_int {
    guarded(|| {
        socket::with(socket, |socket| {
            // SAFETY: the caller's promise.
            let place = unsafe { message::of(msg) }?;
            socket.recv_part_into(place, wait(flags))?;
            Ok(length(place.len()))
        })
    })
}
