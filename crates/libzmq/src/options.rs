//! Options of sockets by their numbers: `zmq_setsockopt(3)` and `zmq_getsockopt(3)`. The engine's
//! table knows the options; here are only buffers and their lengths.

use std::ffi::{c_int, c_void};

use oxmq_engine::RawOption;
use oxmq_engine::options::code;

use crate::boundary::{Result, bytes, guarded, reference_mut};
use crate::errno::{EINVAL, Errno};
use crate::socket;

/// Sets an option of a socket.
///
/// # Safety
/// `value` is NULL or readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_setsockopt(
    socket: *mut c_void,
    option: c_int,
    value: *const c_void,
    len: usize,
) -> c_int {
    guarded(|| {
        let socket = socket::of(socket)?;
        // SAFETY: the caller's promise.
        let value = unsafe { bytes(value, len, libc::EINVAL) }?;
        socket.set_raw_option(option, value)?;
        Ok(0)
    })
}

/// Reads an option of a socket into a buffer, whose length is read and then set.
///
/// # Safety
/// `len` is NULL or can be read and written, and `value` is NULL or can be written for that many
/// bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_getsockopt(
    socket: *mut c_void,
    option: c_int,
    value: *mut c_void,
    len: *mut usize,
) -> c_int {
    guarded(|| {
        let socket = socket::of(socket)?;
        // SAFETY: the caller's promise.
        let len = unsafe { reference_mut(len) }?;
        if value.is_null() {
            return Err(Errno(libc::EFAULT));
        }
        let found = match socket.raw_option(option)? {
            RawOption::Int(value) => number(option, &value.to_ne_bytes(), *len)?,
            RawOption::I64(value) => number(option, &value.to_ne_bytes(), *len)?,
            RawOption::U64(value) => number(option, &value.to_ne_bytes(), *len)?,
            RawOption::Bytes(value) => value,
            RawOption::Key(key) => match *len {
                32 => key.to_vec(),
                41 => oxmq_engine::key_to_z85(&key),
                _ => return Err(EINVAL),
            },
            RawOption::Text(text) => {
                let mut value = text.into_bytes();
                value.push(0);
                value
            }
        };
        if found.len() > *len {
            return Err(EINVAL);
        }
        // SAFETY: the buffer has room for `len` bytes by the caller's promise, and these fit.
        unsafe {
            let buffer = value.cast::<u8>();
            buffer.copy_from_nonoverlapping(found.as_ptr(), found.len());
            // Programs written for older versions read a number of four bytes as one of eight.
            buffer.add(found.len()).write_bytes(0, *len - found.len());
        }
        *len = found.len();
        Ok(0)
    })
}

/// The bytes of a number, if the buffer is as the option wants it: those that libzmq keeps in the
/// socket itself take a longer one.
fn number(option: c_int, value: &[u8], room: usize) -> Result<Vec<u8>> {
    let roomy = matches!(
        option,
        code::RCVMORE | code::FD | code::EVENTS | code::THREAD_SAFE | code::TOPICS_COUNT
    );
    if room == value.len() || (roomy && room > value.len()) {
        Ok(value.to_vec())
    } else {
        Err(EINVAL)
    }
}
