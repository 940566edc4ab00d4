//! Sockets: opening and closing them, binding and connecting. `zmq_socket(3)`, `zmq_close(3)`,
//! `zmq_bind(3)`, `zmq_connect(3)`, `zmq_unbind(3)`, `zmq_disconnect(3)`.

use std::ffi::{CStr, c_char, c_int, c_void};

use oxmq_engine::{Context, Error, Socket, SocketType};

use crate::boundary::{Result, guarded};
use crate::config::{self, Side};
use crate::errno::Errno;
use crate::handle::{self, Guard, Kind, Object};

impl Object for Socket {
    const KIND: Kind = Kind::Socket;
    const INVALID: i32 = libc::ENOTSOCK;
}

/// The socket of a handle, kept until the guard is dropped.
#[inline]
pub(crate) fn of(handle: *mut c_void) -> Result<Guard<Socket>> {
    handle::get::<Socket>(handle)
}

/// Calls `f` with the socket of a handle; cheaper than [`of`].
#[inline]
pub(crate) fn with<R>(handle: *mut c_void, f: impl FnOnce(&Socket) -> Result<R>) -> Result<R> {
    handle::with(handle, f)
}

/// Opens a socket, or returns NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_socket(context: *mut c_void, socket_type: c_int) -> *mut c_void {
    guarded(|| {
        let context = handle::get::<Context>(context)?;
        let unknown = Errno(libc::EINVAL);
        let socket_type = SocketType::from_code(socket_type).ok_or(unknown)?;
        let socket = context.socket(socket_type).map_err(|error| match error {
            Error::NotSupported { .. } => unknown,
            error => error.into(),
        })?;
        socket.set_interruptible(true);
        handle::create(socket)
    })
}

/// Closes a socket. What it has sent is still delivered, for as long as its linger allows. Calls
/// that use it in other threads fail with `ENOTSOCK`.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_close(socket: *mut c_void) -> c_int {
    guarded(|| {
        if handle::is_inherited::<Socket>(socket) {
            return Ok(0);
        }
        handle::close::<Socket>(socket)?.close();
        Ok(0)
    })
}

/// Accepts peers at an endpoint.
///
/// # Safety
/// `endpoint` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_bind(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        at_endpoint(socket, endpoint, |socket, endpoint| {
            config::apply(socket, Side::Bind, endpoint)?;
            socket.bind(endpoint).map(drop)
        })
    }
}

/// Begins to connect to an endpoint.
///
/// # Safety
/// `endpoint` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_connect(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        at_endpoint(socket, endpoint, |socket, endpoint| {
            config::apply(socket, Side::Connect, endpoint)?;
            socket.connect(endpoint)
        })
    }
}

/// Stops accepting peers at an endpoint and gives up those that came there. Ends a connect as
/// well.
///
/// # Safety
/// `endpoint` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_unbind(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { at_endpoint(socket, endpoint, |socket, endpoint| socket.release_endpoint(endpoint)) }
}

/// Gives up every connect to an endpoint. Ends a bind as well.
///
/// # Safety
/// `endpoint` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_disconnect(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { at_endpoint(socket, endpoint, |socket, endpoint| socket.release_endpoint(endpoint)) }
}

/// Does something with a socket at an endpoint.
///
/// # Safety
/// `endpoint` is NULL or a string.
pub(crate) unsafe fn at_endpoint(
    socket: *mut c_void,
    endpoint: *const c_char,
    act: impl FnOnce(&Socket, &str) -> oxmq_engine::Result<()>,
) -> c_int {
    guarded(|| {
        let socket = of(socket)?;
        let invalid = Errno(libc::EINVAL);
        if endpoint.is_null() {
            return Err(invalid);
        }
        // SAFETY: not NULL, so a string by the caller's promise.
        let endpoint = unsafe { CStr::from_ptr(endpoint) };
        act(&socket, endpoint.to_str().map_err(|_| invalid)?)?;
        Ok(0)
    })
}
