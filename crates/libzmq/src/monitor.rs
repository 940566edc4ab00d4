//! Monitors, which send a socket's events as messages: `zmq_socket_monitor(3)`,
//! `zmq_socket_monitor_versioned(3)`; and asking for a peer's state. The engine writes the
//! messages.

use std::ffi::{CStr, c_char, c_int, c_void};

use oxmq_engine::SocketType;

use crate::boundary::{bytes, guarded};
use crate::errno::EINVAL;
use crate::poll::POLLOUT;
use crate::socket;

/// Begins to send the events whose bits are set on a PAIR at an inproc endpoint, in the first
/// form; a NULL endpoint ends it.
///
/// # Safety
/// `endpoint` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_socket_monitor(
    socket: *mut c_void,
    endpoint: *const c_char,
    events: c_int,
) -> c_int {
    const PAIR: c_int = 0;
    let events = u64::from(events as u32);
    // SAFETY: the caller's promise.
    unsafe { zmq_socket_monitor_versioned(socket, endpoint, events, 1, PAIR) }
}

/// Begins to send the events whose bits are set on a PAIR, PUB or PUSH at an inproc endpoint, in
/// the form of this version; a NULL endpoint ends it.
///
/// # Safety
/// `endpoint` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_socket_monitor_versioned(
    socket: *mut c_void,
    endpoint: *const c_char,
    events: u64,
    event_version: c_int,
    socket_type: c_int,
) -> c_int {
    guarded(|| {
        let socket = socket::of(socket)?;
        if endpoint.is_null() {
            socket.stop_monitor()?;
            return Ok(0);
        }
        // SAFETY: not NULL, so a string by the caller's promise.
        let endpoint = unsafe { CStr::from_ptr(endpoint) }.to_str().map_err(|_| EINVAL)?;
        let socket_type = SocketType::from_code(socket_type).ok_or(EINVAL)?;
        socket.monitor_at(endpoint, events, event_version, socket_type)?;
        Ok(0)
    })
}

/// Sends the event PIPES_STATS for each pipe of the socket on its monitor.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_socket_monitor_pipes_stats(socket: *mut c_void) -> c_int {
    guarded(|| {
        socket::of(socket)?.monitor_pipe_stats()?;
        Ok(0)
    })
}

/// What can be done with a ROUTER's peer: the bit of sending if it has room.
///
/// # Safety
/// `routing_id` is readable for `routing_id_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_socket_get_peer_state(
    socket: *mut c_void,
    routing_id: *const c_void,
    routing_id_size: usize,
) -> c_int {
    guarded(|| {
        let socket = socket::of(socket)?;
        // SAFETY: the caller's promise.
        let routing_id = unsafe { bytes(routing_id, routing_id_size, libc::EFAULT) }?;
        Ok(if socket.has_room_for(routing_id)? { c_int::from(POLLOUT) } else { 0 })
    })
}
