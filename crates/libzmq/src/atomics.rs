//! Counters that several threads may change: `zmq_atomic_counter_new(3)` and its companions.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicI32, Ordering};

use crate::boundary::{contained, guarded};
use crate::handle::{self, Kind, Object};

/// What a handle of a counter stands for.
struct Counter(AtomicI32);

impl Object for Counter {
    const KIND: Kind = Kind::AtomicCounter;
    const INVALID: i32 = libc::EFAULT;
    const SURVIVES_FORK: bool = true;
}

/// A new counter at zero, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_atomic_counter_new() -> *mut c_void {
    guarded(|| handle::create(Counter(AtomicI32::new(0))))
}

/// Gives a counter a value.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_atomic_counter_set(counter: *mut c_void, value: c_int) {
    guarded(|| {
        handle::get::<Counter>(counter)?.0.store(value, Ordering::SeqCst);
        Ok(0)
    });
}

/// Adds one; returns the value before. -1 with `EFAULT` for what is no counter.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_atomic_counter_inc(counter: *mut c_void) -> c_int {
    guarded(|| Ok(handle::get::<Counter>(counter)?.0.fetch_add(1, Ordering::SeqCst)))
}

/// Takes one off; returns 1 if the value is not zero afterwards, else 0. -1 with `EFAULT` for what
/// is no counter.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_atomic_counter_dec(counter: *mut c_void) -> c_int {
    guarded(|| {
        let before = handle::get::<Counter>(counter)?.0.fetch_sub(1, Ordering::SeqCst);
        Ok(c_int::from(before != 1))
    })
}

/// The value of a counter. -1 with `EFAULT` for what is no counter.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_atomic_counter_value(counter: *mut c_void) -> c_int {
    guarded(|| Ok(handle::get::<Counter>(counter)?.0.load(Ordering::SeqCst)))
}

/// Ends a counter and sets the pointer to NULL. Does nothing to what is no counter.
///
/// # Safety
/// The pointer is NULL or to a pointer that can be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_atomic_counter_destroy(counter_p: *mut *mut c_void) {
    contained((), || {
        // SAFETY: the caller's promise.
        if let Some(counter) = unsafe { counter_p.as_mut() } {
            drop(handle::close::<Counter>(*counter));
            *counter = std::ptr::null_mut();
        }
    });
}
