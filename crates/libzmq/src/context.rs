//! Contexts: making, configuring, shutting down and ending them. `zmq_ctx_new(3)`,
//! `zmq_ctx_set(3)`, `zmq_ctx_get(3)`, `zmq_ctx_shutdown(3)`, `zmq_ctx_term(3)` and the names they
//! had before.

use std::ffi::{c_int, c_void};

use oxmq_engine::{Context, Profile};

use crate::boundary::{Result, bytes, guarded, reference_mut};
use crate::config;
use crate::errno::{EINVAL, Errno};
use crate::handle::{self, Kind, Object};

impl Object for Context {
    const KIND: Kind = Kind::Context;
    const INVALID: i32 = libc::EFAULT;
}

/// A new context; `EINVAL` if OXMQ_CONFIG names a file that is wrong.
fn new() -> Result<Context> {
    config::check()?;
    Ok(Context::new(Profile::Libzmq))
}

/// A new context, or NULL: with `EINVAL` if OXMQ_CONFIG names a file that is wrong.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_ctx_new() -> *mut c_void {
    guarded(|| handle::create(new()?))
}

/// A new context with this many I/O threads, or NULL. Deprecated.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_init(io_threads: c_int) -> *mut c_void {
    guarded(|| {
        let context = new()?;
        const IO_THREADS: i32 = 1;
        context.configure(|options| options.set(IO_THREADS, io_threads)).map_err(|_| EINVAL)?;
        handle::create(context)
    })
}

/// Ends a context: waits until its sockets are closed and have sent what their linger allows.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_ctx_term(context: *mut c_void) -> c_int {
    guarded(|| {
        if handle::is_inherited::<Context>(context) {
            return Ok(0);
        }
        handle::get::<Context>(context)?.terminate_interruptible()?;
        drop(handle::close::<Context>(context)?);
        Ok(0)
    })
}

/// [`zmq_ctx_term`] by an older name.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_term(context: *mut c_void) -> c_int {
    zmq_ctx_term(context)
}

/// [`zmq_ctx_term`] by an older name.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_ctx_destroy(context: *mut c_void) -> c_int {
    zmq_ctx_term(context)
}

/// Makes every call on the context's sockets fail with `ETERM`, those that wait included.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_ctx_shutdown(context: *mut c_void) -> c_int {
    guarded(|| {
        handle::get::<Context>(context)?.shutdown();
        Ok(0)
    })
}

/// Sets an option of a context.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_ctx_set(context: *mut c_void, option: c_int, value: c_int) -> c_int {
    guarded(|| {
        let context = handle::get::<Context>(context)?;
        context.configure(|options| options.set(option, value)).map_err(|_| EINVAL)?;
        Ok(0)
    })
}

/// Sets an option of a context from bytes.
///
/// # Safety
/// `value` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_set_ext(
    context: *mut c_void,
    option: c_int,
    value: *const c_void,
    len: usize,
) -> c_int {
    guarded(|| {
        let context = handle::get::<Context>(context)?;
        // SAFETY: the caller's promise.
        let value = unsafe { bytes(value, len, libc::EINVAL) }?;
        context.configure(|options| options.set_bytes(option, value)).map_err(|_| EINVAL)?;
        Ok(0)
    })
}

/// Reads an option of a context; -1 with `EINVAL` if there is none of this number.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_ctx_get(context: *mut c_void, option: c_int) -> c_int {
    guarded(|| {
        let context = handle::get::<Context>(context)?;
        context.configure(|options| options.value(option)).map_err(|_| EINVAL)
    })
}

/// Reads an option of a context into a buffer, whose length is read and then set.
///
/// # Safety
/// `len` is NULL or can be read and written, and `value` can be written for that many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_get_ext(
    context: *mut c_void,
    option: c_int,
    value: *mut c_void,
    len: *mut usize,
) -> c_int {
    guarded(|| {
        let context = handle::get::<Context>(context)?;
        // SAFETY: the caller's promise.
        let len = unsafe { reference_mut(len) }?;
        let found = context.configure(|options| read_ext(options, option, *len))?;
        if value.is_null() {
            return Err(Errno(libc::EFAULT));
        }
        // SAFETY: the bytes fit into the buffer, whose length the caller gave.
        unsafe { value.cast::<u8>().copy_from_nonoverlapping(found.as_ptr(), found.len()) };
        *len = found.len();
        Ok(0)
    })
}

/// An option's bytes, if they fit. The prefix of thread names is text with a zero byte at its end.
fn read_ext(
    options: &mut oxmq_engine::options::ContextOptions,
    option: c_int,
    room: usize,
) -> Result<Vec<u8>> {
    const THREAD_NAME_PREFIX: c_int = 9;
    let found = if option == THREAD_NAME_PREFIX && room != size_of::<c_int>() {
        let mut text = options.thread_name_prefix.clone().into_bytes();
        text.push(0);
        text
    } else {
        options.value(option).map_err(|_| EINVAL)?.to_ne_bytes().to_vec()
    };
    if found.len() <= room { Ok(found) } else { Err(EINVAL) }
}
