//! Passing messages on between two sockets: `zmq_proxy(3)`, `zmq_proxy_steerable(3)` and the older
//! `zmq_device`. The engine's proxy does it in the calling thread.

use std::ffi::{c_int, c_void};

use oxmq_engine::{ProxyEnd, Socket, proxy_steerable};

use crate::boundary::{Result, guarded};
use crate::errno::Errno;
use crate::handle::Guard;
use crate::socket;

/// Passes messages on, with copies to `capture` if it is not NULL; returns -1 with `ETERM` when the
/// context is terminated, with `EINTR` when the calling thread has handled a signal.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_proxy(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
) -> c_int {
    zmq_proxy_steerable(frontend, backend, capture, std::ptr::null_mut())
}

/// As [`zmq_proxy`], and takes PAUSE, RESUME, TERMINATE and STATISTICS from `control` if it is not
/// NULL; returns 0 after TERMINATE.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_proxy_steerable(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
    control: *mut c_void,
) -> c_int {
    guarded(|| {
        if frontend.is_null() || backend.is_null() {
            return Err(Errno(libc::EFAULT));
        }
        let (frontend, backend) = (socket::of(frontend)?, socket::of(backend)?);
        let (capture, control) = (optional(capture)?, optional(control)?);
        let (capture, control) = (capture.as_deref(), control.as_deref());
        match proxy_steerable(&frontend, &backend, capture, control)? {
            ProxyEnd::Terminated | ProxyEnd::Drained { .. } => Ok(0),
            ProxyEnd::ContextTerminated => Err(Errno(oxmq_engine::ETERM)),
        }
    })
}

/// [`zmq_proxy`] without capture; the type says nothing. Deprecated.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_device(
    _device_type: c_int,
    frontend: *mut c_void,
    backend: *mut c_void,
) -> c_int {
    zmq_proxy(frontend, backend, std::ptr::null_mut())
}

fn optional(handle: *mut c_void) -> Result<Option<Guard<Socket>>> {
    if handle.is_null() { Ok(None) } else { socket::of(handle).map(Some) }
}
