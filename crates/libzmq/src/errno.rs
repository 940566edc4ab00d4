//! Error numbers: libzmq's own, the C library's `errno`, and their texts.

use std::ffi::{c_char, c_int};

use oxmq_engine::{EFSM, EMTHREAD, ENOCOMPATPROTO, ETERM, Error};

/// A number for `errno`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) c_int);

/// An argument is wrong.
pub(crate) const EINVAL: Errno = Errno(libc::EINVAL);
/// An object or an address is missing.
pub(crate) const EFAULT: Errno = Errno(libc::EFAULT);

impl From<Error> for Errno {
    #[inline]
    fn from(error: Error) -> Errno {
        Errno(error.errno())
    }
}

/// Sets the calling thread's `errno`.
#[inline]
pub(crate) fn set_errno(errno: Errno) {
    // SAFETY: the C library returns a valid pointer to the thread's own variable.
    unsafe { *libc::__errno_location() = errno.0 };
}

/// The calling thread's `errno`. `zmq_errno(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_errno() -> c_int {
    // SAFETY: as in `set_errno`.
    unsafe { *libc::__errno_location() }
}

/// The text of an error number, to be read only. `zmq_strerror(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_strerror(errnum: c_int) -> *const c_char {
    let text = match errnum {
        EFSM => c"Operation cannot be accomplished in current state",
        ENOCOMPATPROTO => c"The protocol is not compatible with the socket type",
        ETERM => c"Context was terminated",
        EMTHREAD => c"No thread available",
        // Bindings show it to their users, and libzmq has words of its own for it.
        libc::EHOSTUNREACH => c"Host unreachable",
        // SAFETY: `strerror` takes any number.
        _ => return unsafe { libc::strerror(errnum) },
    };
    text.as_ptr()
}

/// The version of libzmq whose behaviour this library has: 4.3.5. `zmq_version(3)`.
///
/// # Safety
/// Each pointer is NULL or to an `int` that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_version(major: *mut c_int, minor: *mut c_int, patch: *mut c_int) {
    for (place, number) in [(major, 4), (minor, 3), (patch, 5)] {
        if !place.is_null() {
            // SAFETY: not NULL, and writable by the caller's promise.
            unsafe { place.write(number) };
        }
    }
}

/// The version of oxmq as text. Not a function of libzmq.
#[unsafe(no_mangle)]
pub extern "C" fn oxmq_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
