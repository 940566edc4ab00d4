//! What test programs and examples use: a stopwatch, a pause and threads. libzmq exports these
//! without a manual page.

use std::ffi::{c_int, c_ulong, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::boundary::{contained, guarded};
use crate::errno::Errno;
use crate::handle::{self, Kind, Object};

/// What a handle of a stopwatch stands for.
struct Stopwatch(Instant);

impl Object for Stopwatch {
    const KIND: Kind = Kind::Stopwatch;
    const INVALID: i32 = libc::EFAULT;
    const SURVIVES_FORK: bool = true;
}

impl Stopwatch {
    fn elapsed_us(&self) -> c_ulong {
        c_ulong::try_from(self.0.elapsed().as_micros()).unwrap_or(c_ulong::MAX)
    }
}

/// Starts a stopwatch, or returns NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_stopwatch_start() -> *mut c_void {
    guarded(|| handle::create(Stopwatch(Instant::now())))
}

/// Microseconds since the start; 0 for what is no stopwatch.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_stopwatch_intermediate(watch: *mut c_void) -> c_ulong {
    contained(0, || handle::get::<Stopwatch>(watch).map_or(0, |watch| watch.elapsed_us()))
}

/// Microseconds since the start; ends the stopwatch.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_stopwatch_stop(watch: *mut c_void) -> c_ulong {
    contained(0, || handle::close::<Stopwatch>(watch).map_or(0, |watch| watch.elapsed_us()))
}

/// Blocks the calling thread for this many seconds, or until a signal handler has run.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_sleep(seconds: c_int) {
    if let Ok(seconds) = u32::try_from(seconds) {
        // SAFETY: `sleep` takes any number.
        unsafe { libc::sleep(seconds) };
    }
}

/// What a thread runs.
pub type ThreadFunction = Option<unsafe extern "C-unwind" fn(arg: *mut c_void)>;

/// What a handle of a thread stands for.
struct Thread {
    id: libc::pthread_t,
    joined: AtomicBool,
}

impl Object for Thread {
    const KIND: Kind = Kind::Thread;
    const INVALID: i32 = libc::EFAULT;
}

impl Drop for Thread {
    fn drop(&mut self) {
        if !*self.joined.get_mut() {
            // SAFETY: the thread was made joinable and nobody has joined it.
            unsafe { libc::pthread_detach(self.id) };
        }
    }
}

unsafe extern "C" {
    /// As in the `libc` crate, but for a function that the thread's end may unwind.
    fn pthread_create(
        thread: *mut libc::pthread_t,
        attributes: *const libc::pthread_attr_t,
        start: extern "C-unwind" fn(*mut c_void) -> *mut c_void,
        arg: *mut c_void,
    ) -> c_int;
}

struct Start {
    function: unsafe extern "C-unwind" fn(*mut c_void),
    arg: *mut c_void,
}

/// The first function of a new thread. It leaves nothing to be dropped while the caller's function
/// runs, since that may end the thread where it stands.
extern "C-unwind" fn run(start: *mut c_void) -> *mut c_void {
    // SAFETY: `zmq_threadstart` made the box for this thread alone.
    let Start { function, arg } = *unsafe { Box::from_raw(start.cast::<Start>()) };
    // SAFETY: promised by the caller of `zmq_threadstart`.
    unsafe { function(arg) };
    ptr::null_mut()
}

/// Starts a thread, to be ended with `zmq_threadclose`; NULL if there can be none. It runs none of
/// the application's signal handlers.
///
/// # Safety
/// The function can be called with `arg` in another thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_threadstart(func: ThreadFunction, arg: *mut c_void) -> *mut c_void {
    guarded(|| {
        let function = func.ok_or(Errno(libc::EFAULT))?;
        let start = Box::into_raw(Box::new(Start { function, arg }));
        let mut id = MaybeUninit::<libc::pthread_t>::uninit();
        let failed = oxmq_engine::sys::with_signals_blocked(|| {
            // SAFETY: the new thread owns `start`, and `id` can be written.
            unsafe { pthread_create(id.as_mut_ptr(), ptr::null(), run, start.cast()) }
        });
        if failed != 0 {
            // SAFETY: no thread was made, so the box is still this function's.
            drop(unsafe { Box::from_raw(start) });
            return Err(Errno(failed));
        }
        // SAFETY: `pthread_create` has written it.
        let id = unsafe { id.assume_init() };
        handle::create(Thread { id, joined: AtomicBool::new(false) })
    })
}

/// Waits until a thread ends.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_threadclose(thread: *mut c_void) {
    guarded(|| {
        let thread = handle::close::<Thread>(thread)?;
        thread.joined.store(true, Ordering::Relaxed);
        // SAFETY: the thread was made joinable, and only the one call that closes its handle comes
        // here.
        match unsafe { libc::pthread_join(thread.id, ptr::null_mut()) } {
            0 => Ok(0),
            failed => Err(Errno(failed)),
        }
    });
}
