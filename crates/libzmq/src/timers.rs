//! Timers that the caller runs in a loop of its own: `zmq_timers_new(3)` and its companions.
//!
//! A set of timers knows what is due; `zmq_timers_execute` calls the handlers. Nothing runs by
//! itself. The set's lock is not held while a handler runs, so that handlers may change the set.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_long, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::boundary::{Result, contained, guarded, reference_mut};
use crate::errno::Errno;
use crate::handle::{self, Guard, Kind, Object};

/// What is called when a timer is due: with its number and what it was added with.
pub type TimerHandler = Option<unsafe extern "C-unwind" fn(timer_id: c_int, arg: *mut c_void)>;

/// What a handle of a set of timers stands for.
struct Timers {
    start: Instant,
    set: Mutex<Set>,
}

/// Times are in milliseconds since the set was made.
#[derive(Default)]
struct Set {
    last_id: c_int,
    timers: BTreeMap<c_int, Timer>,
}

#[derive(Clone, Copy)]
struct Timer {
    interval_ms: u64,
    due_ms: u64,
    handler: unsafe extern "C-unwind" fn(c_int, *mut c_void),
    arg: Argument,
}

/// What C gives back to its own handler.
#[derive(Clone, Copy)]
struct Argument(*mut c_void);

// SAFETY: the pointer is never followed here; it is handed to the handler in the thread that calls
// `zmq_timers_execute`, which the page leaves to the caller's care.
unsafe impl Send for Argument {}

impl Object for Timers {
    const KIND: Kind = Kind::Timers;
    const INVALID: i32 = libc::EFAULT;
    const SURVIVES_FORK: bool = true;
}

impl Timers {
    fn set(&self) -> MutexGuard<'_, Set> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Changes a timer; `EINVAL` if there is none of this number.
    fn change(&self, id: c_int, change: impl FnOnce(&mut Timer, u64)) -> Result<c_int> {
        let now_ms = self.now_ms();
        let mut set = self.set();
        change(set.timers.get_mut(&id).ok_or(Errno(libc::EINVAL))?, now_ms);
        Ok(0)
    }
}

impl Timer {
    fn restart(&mut self, now_ms: u64) {
        self.due_ms = now_ms.saturating_add(self.interval_ms);
    }
}

/// A new set of timers, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_new() -> *mut c_void {
    guarded(|| handle::create(Timers { start: Instant::now(), set: Mutex::default() }))
}

/// Ends a set of timers and sets the pointer to NULL.
///
/// # Safety
/// The pointer is NULL or to a pointer that can be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_timers_destroy(timers_p: *mut *mut c_void) -> c_int {
    guarded(|| {
        // SAFETY: the caller's promise.
        let timers = unsafe { reference_mut(timers_p) }?;
        drop(handle::close::<Timers>(*timers)?);
        *timers = std::ptr::null_mut();
        Ok(0)
    })
}

/// Adds a timer that is due every `interval` milliseconds; returns its number.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_add(
    timers: *mut c_void,
    interval: usize,
    handler: TimerHandler,
    arg: *mut c_void,
) -> c_int {
    guarded(|| {
        let timers = handle::get::<Timers>(timers)?;
        let handler = handler.ok_or(Errno(libc::EFAULT))?;
        let arg = Argument(arg);
        let mut timer = Timer { interval_ms: interval as u64, due_ms: 0, handler, arg };
        timer.restart(timers.now_ms());
        let mut set = timers.set();
        let id = set.last_id.checked_add(1).ok_or(Errno(libc::EMFILE))?;
        set.last_id = id;
        set.timers.insert(id, timer);
        Ok(id)
    })
}

/// Removes a timer.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_cancel(timers: *mut c_void, timer_id: c_int) -> c_int {
    guarded(|| {
        let removed = handle::get::<Timers>(timers)?.set().timers.remove(&timer_id);
        removed.map(|_| 0).ok_or(Errno(libc::EINVAL))
    })
}

/// Changes a timer's interval, in milliseconds, and starts it anew.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_set_interval(
    timers: *mut c_void,
    timer_id: c_int,
    interval: usize,
) -> c_int {
    guarded(|| {
        handle::get::<Timers>(timers)?.change(timer_id, |timer, now_ms| {
            timer.interval_ms = interval as u64;
            timer.restart(now_ms);
        })
    })
}

/// Starts a timer's interval anew.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_reset(timers: *mut c_void, timer_id: c_int) -> c_int {
    guarded(|| handle::get::<Timers>(timers)?.change(timer_id, Timer::restart))
}

/// Milliseconds until the next timer is due, 0 if one is, -1 if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_timeout(timers: *mut c_void) -> c_long {
    guarded(|| {
        let timers = handle::get::<Timers>(timers)?;
        let now_ms = timers.now_ms();
        let next = timers.set().timers.values().map(|timer| timer.due_ms).min();
        let left = |due_ms: u64| c_long::try_from(due_ms.saturating_sub(now_ms));
        Ok(next.map_or(-1, |due_ms| left(due_ms).unwrap_or(c_long::MAX)))
    })
}

/// Calls the handlers of the timers that are due, earliest first, each once, and starts these
/// timers anew. A handler may add, change and remove timers. An exception that it throws reaches
/// the caller; timers that were due after it stay due.
///
/// # Safety
/// The handlers can be called with what they were added with.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_execute(timers: *mut c_void) -> c_int {
    let mut execution = None;
    let begun = guarded(|| {
        execution = Some(Execution::begin(handle::get::<Timers>(timers)?));
        Ok(0)
    });
    let Some(mut execution) = execution else { return begun };
    // Not guarded: what a handler throws is not ours to stop.
    while let Some((id, timer)) = contained(None, || execution.next()) {
        // SAFETY: the caller's promise.
        unsafe { (timer.handler)(id, timer.arg.0) };
    }
    0
}

/// The timers that were due at one moment, on their way to be called.
struct Execution {
    timers: Guard<Timers>,
    now_ms: u64,
    /// The last one is the next.
    due: Vec<(u64, c_int)>,
}

impl Execution {
    fn begin(timers: Guard<Timers>) -> Execution {
        let now_ms = timers.now_ms();
        let is_due = |timer: &Timer| timer.due_ms <= now_ms;
        let due = timers.set().timers.iter().filter(|(_, timer)| is_due(timer)).map(key).collect();
        let mut due: Vec<(u64, c_int)> = due;
        due.sort_unstable_by(|a, b| b.cmp(a));
        Execution { timers, now_ms, due }
    }

    /// The next timer that is still due, started anew.
    fn next(&mut self) -> Option<(c_int, Timer)> {
        while let Some((_, id)) = self.due.pop() {
            // A handler may have removed it or started it anew.
            if let Some(timer) = self.timers.set().timers.get_mut(&id)
                && timer.due_ms <= self.now_ms
            {
                timer.restart(self.now_ms);
                return Some((id, *timer));
            }
        }
        None
    }
}

fn key((id, timer): (&c_int, &Timer)) -> (u64, c_int) {
    (timer.due_ms, *id)
}
