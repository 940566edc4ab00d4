//! Messages: `zmq_msg_t` is a [`Msg`] in the caller's memory. `zmq_msg_init(3)` and the pages named
//! there.
//!
//! The byte that says where a payload lies has values that memory seldom holds by chance, and
//! another one once a message is closed: functions refuse what is not a message.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem;

use oxmq_message::{FreeFn, Msg};

use crate::boundary::{Result, bytes, contained, guarded};
use crate::errno::{EFAULT, EINVAL, Errno};

/// A message in C's memory. Only functions of this module read it before they know that it is one.
#[repr(C, align(8))]
pub struct zmq_msg_t {
    opaque: [u8; 64],
}

const _: () = assert!(size_of::<zmq_msg_t>() == size_of::<Msg>());
const _: () = assert!(align_of::<zmq_msg_t>() == align_of::<Msg>());

const MORE: c_int = 1;
const SRCFD: c_int = 2;
const SHARED: c_int = 3;

/// The message at a pointer; `EFAULT` if there is none.
///
/// # Safety
/// `msg` is NULL or 64 bytes that nobody else uses while the reference lives, and that are a
/// message, closed or not, or do not look like one.
#[inline]
pub(crate) unsafe fn of<'a>(msg: *mut zmq_msg_t) -> Result<&'a mut Msg> {
    let msg = msg.cast::<Msg>();
    if msg.is_null() {
        return Err(EFAULT);
    }
    // SAFETY: not NULL, so 64 bytes that are a message if they look like one.
    if unsafe { Msg::is_valid(msg) } { Ok(unsafe { &mut *msg }) } else { Err(EFAULT) }
}

/// Puts a message where there is none.
///
/// # Safety
/// `msg` is NULL or 64 writable bytes.
unsafe fn put(msg: *mut zmq_msg_t, make: impl FnOnce() -> Result<Msg>) -> c_int {
    guarded(|| {
        if msg.is_null() {
            return Err(EFAULT);
        }
        // SAFETY: not NULL, so writable by the caller's promise.
        unsafe { msg.cast::<Msg>().write(make()?) };
        Ok(0)
    })
}

/// Makes an empty message.
///
/// # Safety
/// `msg` is NULL or 64 writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init(msg: *mut zmq_msg_t) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { put(msg, || Ok(Msg::new())) }
}

/// Makes a message of this many bytes, whose content is not set.
///
/// # Safety
/// `msg` is NULL or 64 writable bytes; the caller writes the payload before it is read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init_size(msg: *mut zmq_msg_t, size: usize) -> c_int {
    guarded(|| {
        if msg.is_null() {
            return Err(EFAULT);
        }
        // SAFETY: not NULL, so writable by the caller's promise, who writes the payload as well.
        unsafe { Msg::init_uninit(msg.cast(), size) }?;
        Ok(0)
    })
}

/// Makes a message with a copy of bytes.
///
/// # Safety
/// `msg` is NULL or 64 writable bytes, and `data` is readable for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init_buffer(
    msg: *mut zmq_msg_t,
    data: *const c_void,
    size: usize,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { put(msg, || Ok(Msg::try_from_slice(bytes(data, size, libc::EFAULT)?)?)) }
}

/// Makes a message of a buffer, which `free` gives back once nobody needs it, on any thread: it may
/// use any socket. `EFAULT` if the buffer is NULL and has a length, `ENOMEM` if none can be as long
/// as that; `free` is not called then.
///
/// # Safety
/// `msg` is NULL or 64 writable bytes; `data` is readable for `size` bytes until `free` is called,
/// with itself and `hint`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init_data(
    msg: *mut zmq_msg_t,
    data: *mut c_void,
    size: usize,
    free: Option<FreeFn>,
    hint: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        put(msg, || {
            if data.is_null() && size > 0 {
                return Err(EFAULT);
            }
            if isize::try_from(size).is_err() {
                return Err(Errno(libc::ENOMEM));
            }
            Ok(Msg::from_raw(data, size, free, hint)?)
        })
    }
}

/// Ends a message and gives its payload back.
///
/// # Safety
/// As `of`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_close(msg: *mut zmq_msg_t) -> c_int {
    guarded(|| {
        // SAFETY: the caller's promise.
        let message = unsafe { of(msg) }?;
        // SAFETY: a message is there, and it is not used as one again.
        unsafe { Msg::close(message) };
        Ok(0)
    })
}

/// Moves the content of `src` to `dest`, whose own is dropped; `src` is empty then.
///
/// # Safety
/// As `of`, for both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_move(dest: *mut zmq_msg_t, src: *mut zmq_msg_t) -> c_int {
    guarded(|| {
        // SAFETY: the caller's promise. The first reference has ended before the second begins.
        let moved = unsafe { of(dest).and(of(src)) }?.take();
        // SAFETY: as above.
        *unsafe { of(dest) }? = moved;
        Ok(0)
    })
}

/// Makes `dest` share the content of `src`; what it had is dropped.
///
/// # Safety
/// As `of`, for both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_copy(dest: *mut zmq_msg_t, src: *mut zmq_msg_t) -> c_int {
    guarded(|| {
        // SAFETY: the caller's promise. The first reference has ended before the second begins.
        let copy = unsafe { of(dest).and(of(src)) }?.clone();
        // SAFETY: as above.
        *unsafe { of(dest) }? = copy;
        Ok(0)
    })
}

/// Where the payload is, or NULL.
///
/// # Safety
/// As `of`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_data(msg: *mut zmq_msg_t) -> *mut c_void {
    // SAFETY: the caller's promise.
    guarded(|| Ok(unsafe { of(msg) }?.as_mut_ptr().cast()))
}

/// How many bytes the payload has; 0 for what is not a message.
///
/// # Safety
/// As `of`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_size(msg: *const zmq_msg_t) -> usize {
    // SAFETY: the caller's promise.
    contained(0, || unsafe { of(msg.cast_mut()) }.map_or(0, |msg| msg.len()))
}

/// Whether another part of the same message follows.
///
/// # Safety
/// As `of`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_more(msg: *const zmq_msg_t) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { zmq_msg_get(msg, MORE) }
}

/// Reads a property of a message.
///
/// # Safety
/// As `of`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_get(msg: *const zmq_msg_t, property: c_int) -> c_int {
    guarded(|| {
        // SAFETY: the caller's promise.
        let msg = unsafe { of(msg.cast_mut()) }?;
        match property {
            MORE => Ok(msg.more().into()),
            SRCFD => {
                let fd = msg.meta().map(|meta| meta.source_fd);
                fd.filter(|fd| *fd >= 0).ok_or(EINVAL)
            }
            SHARED => Ok(msg.is_shared().into()),
            _ => Err(EINVAL),
        }
    })
}

/// Sets a property of a message; there is none that can be set.
///
/// # Safety
/// As `of`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_set(msg: *mut zmq_msg_t, _: c_int, _: c_int) -> c_int {
    guarded(|| {
        // SAFETY: the caller's promise.
        unsafe { of(msg) }?;
        Err(EINVAL)
    })
}

/// Reads a property of the connection that a message came from, or NULL. The string lives as long
/// as the message.
///
/// # Safety
/// As `of`; `property` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_gets(
    msg: *const zmq_msg_t,
    property: *const c_char,
) -> *const c_char {
    guarded(|| {
        // SAFETY: the caller's promise.
        let msg = unsafe { of(msg.cast_mut()) }?;
        if property.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: not NULL, so a string by the caller's promise.
        let property = unsafe { CStr::from_ptr(property) }.to_str().map_err(|_| EINVAL)?;
        msg.c_property(property).map(CStr::as_ptr).ok_or(EINVAL)
    })
}

const _: () = assert!(!mem::needs_drop::<zmq_msg_t>());
