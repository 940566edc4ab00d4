//! What C programs can say to a durable socket beyond options: what becomes of a message, where to
//! go on in the log, and that everything sent shall be settled first. `oxmq.h` describes it.

use std::ffi::{c_int, c_void};
use std::time::Duration;

use oxmq_engine::{Message, Position, Verdict, Wait};

use crate::boundary::{Result, guarded};
use crate::errno::{EINVAL, Errno};
use crate::message::{self, zmq_msg_t};
use crate::{socket, transfer};

/// `OXMQ_EARLIEST` and `OXMQ_LATEST`; offsets count from 1.
const EARLIEST: i64 = -1;
const LATEST: i64 = -2;

/// Says that a received message is dealt with: it does not come again.
///
/// # Safety
/// `msg` is NULL or 64 bytes that nobody else uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oxmq_msg_ack(msg: *mut zmq_msg_t) -> c_int {
    // SAFETY: the caller's promise.
    guarded(|| unsafe { settle(msg, Verdict::Ack) })
}

/// Says that a received message shall come again, not before this many milliseconds are over.
///
/// # Safety
/// As [`oxmq_msg_ack`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oxmq_msg_nack(msg: *mut zmq_msg_t, delay_ms: c_int) -> c_int {
    guarded(|| {
        let delay = u64::try_from(delay_ms).map_err(|_| EINVAL)?;
        // SAFETY: the caller's promise.
        unsafe { settle(msg, Verdict::Nack(Duration::from_millis(delay))) }
    })
}

/// Says that a received message cannot be dealt with: it does not come again and is set aside.
///
/// # Safety
/// As [`oxmq_msg_ack`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oxmq_msg_reject(msg: *mut zmq_msg_t) -> c_int {
    // SAFETY: the caller's promise.
    guarded(|| unsafe { settle(msg, Verdict::Reject) })
}

/// Gives a message's verdict. `EINVAL` if it came over no durable socket, `EALREADY` if it waits
/// for no verdict any more.
///
/// # Safety
/// As [`oxmq_msg_ack`].
unsafe fn settle(msg: *mut zmq_msg_t, verdict: Verdict) -> Result<c_int> {
    // SAFETY: the caller's promise.
    let msg = unsafe { message::of(msg) }?;
    let delivery = msg.meta().and_then(|meta| meta.delivery.as_ref()).ok_or(EINVAL)?;
    if delivery.settle(verdict) { Ok(0) } else { Err(Errno(libc::EALREADY)) }
}

/// Goes on receiving elsewhere in the log: at an offset, or at one of the two ends.
#[unsafe(no_mangle)]
pub extern "C" fn oxmq_seek(socket: *mut c_void, position: i64) -> c_int {
    guarded(|| {
        let position = match position {
            EARLIEST => Position::Earliest,
            LATEST => Position::Latest,
            offset if offset > 0 => Position::Offset(offset.unsigned_abs()),
            _ => return Err(EINVAL),
        };
        socket::of(socket)?.seek(position)?;
        Ok(0)
    })
}

/// Sends a message of `count` parts and acknowledges one that `received_on` has delivered, as one
/// record. Returns the bytes of the last part.
///
/// # Safety
/// `parts` is NULL or the first of `count` messages, and `received` NULL or a message; nobody else
/// uses them meanwhile, and none of them is another.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oxmq_send_and_ack(
    socket: *mut c_void,
    parts: *mut zmq_msg_t,
    count: usize,
    received_on: *mut c_void,
    received: *mut zmq_msg_t,
    flags: c_int,
) -> c_int {
    guarded(|| {
        if count == 0 {
            return Err(EINVAL);
        }
        // SAFETY: the caller's promise.
        let delivery = unsafe { message::of(received) }?.meta().and_then(|m| m.delivery.clone());
        let delivery = delivery.ok_or(EINVAL)?;
        let mut whole = Message::new();
        for at in 0..count {
            // SAFETY: the caller's promise: there are `count` of them.
            let part = unsafe { message::of(parts.wrapping_add(at)) }?;
            whole.push(part.clone());
        }
        let length = whole.iter().next_back().map_or(0, |part| part.len());
        let received_on = socket::of(received_on)?;
        let socket = socket::of(socket)?;
        socket.send_settling(&mut whole, &received_on, &[&delivery], transfer::wait(flags))?;
        for at in 0..count {
            // SAFETY: as above.
            drop(unsafe { message::of(parts.wrapping_add(at)) }?.take());
        }
        Ok(transfer::length(length))
    })
}

/// Waits until peers have settled everything that was sent, for this many milliseconds at most, or
/// for ever with -1. `EAGAIN` if they have not.
#[unsafe(no_mangle)]
pub extern "C" fn oxmq_flush(socket: *mut c_void, timeout_ms: c_int) -> c_int {
    guarded(|| {
        let wait = match timeout_ms {
            -1 => Wait::Forever,
            0 => Wait::No,
            ms => Wait::For(Duration::from_millis(u64::try_from(ms).map_err(|_| EINVAL)?)),
        };
        socket::of(socket)?.flush(wait)?;
        Ok(0)
    })
}
