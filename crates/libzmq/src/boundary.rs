//! The edge between C and Rust: results become return values and `errno`, and a panic ends here.
//!
//! Each exported function runs its body inside [`guarded`]. On the way without a panic that costs a
//! call through a pointer.

use std::ffi::{c_int, c_long, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::errno::{Errno, set_errno};

/// What a body returns: the value for C, or the number for `errno`.
pub(crate) type Result<T> = std::result::Result<T, Errno>;

/// A type that C functions return, with the value that means failure.
pub(crate) trait Returned {
    /// What the function returns after setting `errno`.
    const FAILED: Self;
}

impl Returned for c_int {
    const FAILED: c_int = -1;
}

impl Returned for c_long {
    const FAILED: c_long = -1;
}

impl Returned for u32 {
    const FAILED: u32 = 0;
}

impl<T> Returned for *mut T {
    const FAILED: *mut T = std::ptr::null_mut();
}

impl<T> Returned for *const T {
    const FAILED: *const T = std::ptr::null();
}

/// Runs the body of an exported function. Sets `errno` when it fails, and to `EFAULT` when it
/// panics, which only a defect of this library can make it do.
#[inline]
pub(crate) fn guarded<T: Returned>(body: impl FnOnce() -> Result<T>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(errno)) => {
            set_errno(errno);
            T::FAILED
        }
        Err(panic) => {
            panicked(panic);
            T::FAILED
        }
    }
}

/// As [`guarded`] for functions that cannot fail.
#[inline]
pub(crate) fn contained<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(panic) => {
            panicked(panic);
            otherwise
        }
    }
}

#[cold]
fn panicked(panic: Box<dyn std::any::Any + Send>) {
    // What a panic carries may panic again when it is dropped.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
    set_errno(Errno(libc::EFAULT));
}

/// A reference to what a C pointer points to, which can be written; `EFAULT` for NULL.
///
/// # Safety
/// The pointer is NULL or to a `T` that nobody else uses while the reference lives.
#[inline]
pub(crate) unsafe fn reference_mut<'a, T>(pointer: *mut T) -> Result<&'a mut T> {
    // SAFETY: promised by the caller.
    unsafe { pointer.as_mut() }.ok_or(Errno(libc::EFAULT))
}

/// The bytes of a C buffer. A NULL buffer of length zero is empty; with a length it is `fault`.
///
/// # Safety
/// Unless the pointer is NULL, `len` bytes are readable there while the slice lives.
#[inline]
pub(crate) unsafe fn bytes<'a>(data: *const c_void, len: usize, fault: i32) -> Result<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() || isize::try_from(len).is_err() {
        return Err(Errno(fault));
    }
    // SAFETY: not NULL, of a length that a slice may have, and readable by the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(data.cast(), len) })
}
