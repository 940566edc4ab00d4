//! Host names looked up off the I/O threads.
//!
//! A few threads, started when there is work and ended when there is none for a while, take
//! look-ups from a bounded queue in their order. One lock guards the queue and the thread counts;
//! it is held for a few instructions only, never across a look-up, a thread's start or a callback.
//! Any thread may call, and no call waits.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use oxmq_zmtp::Endpoint;

use super::connect::Target;
use super::os_error;
use super::resolve::{Lookup, is_immediate, look_up, resolve_with};
use crate::sys;

/// What a look-up gives.
pub type Resolved = io::Result<Vec<Target>>;

/// Resolves endpoints in the background. Dropping it returns at once: look-ups not begun are
/// forgotten with their callbacks, and threads end after the one they are in, whose callback is
/// then forgotten too.
pub struct Resolver {
    shared: Arc<Shared>,
}

struct Shared {
    lookup: Box<Lookup>,
    /// How long a thread stays without work.
    idle_max: Duration,
    state: Mutex<State>,
    /// Signalled when a job is queued or the resolver closes.
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// At most `QUEUE_MAX`. Not empty only while there are threads.
    jobs: VecDeque<Job>,
    /// Threads started and not ended, at most `THREADS_MAX`.
    threads: usize,
    /// Of `threads`, those that wait for a job.
    idle: usize,
    closed: bool,
}

struct Job {
    endpoint: Endpoint,
    ipv6: bool,
    callback: Box<dyn FnOnce(Resolved) + Send>,
}

impl Resolver {
    /// A resolver without threads, which start with the first host name.
    #[must_use]
    pub fn new() -> Self {
        Self::with_lookup(Box::new(look_up))
    }

    fn with_lookup(lookup: Box<Lookup>) -> Self {
        let shared =
            Shared { lookup, idle_max: IDLE_MAX, state: Mutex::default(), wake: Condvar::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Finds the addresses of an endpoint, as [`super::resolve()`], and hands them to `callback`.
    ///
    /// Never blocks. When there is nothing to look up, or the queue is full (16384 look-ups,
    /// EAGAIN), or no thread can be started, the callback is called before this returns, by the
    /// calling thread; else by one of the resolver's threads (at most 4, which end after 5 seconds
    /// without work). A callback that panics ends nothing but itself. One that blocks holds up
    /// other look-ups. It is dropped uncalled when the resolver is dropped first.
    pub fn resolve(
        &self,
        endpoint: &Endpoint,
        ipv6: bool,
        callback: Box<dyn FnOnce(Resolved) + Send>,
    ) {
        if is_immediate(endpoint) {
            return call(callback, resolve_with(endpoint, ipv6, &*self.shared.lookup));
        }
        let job = Job { endpoint: endpoint.clone(), ipv6, callback };
        let start = {
            let mut state = self.shared.state();
            if state.jobs.len() == QUEUE_MAX {
                drop(state);
                return call(job.callback, Err(os_error(libc::EAGAIN)));
            }
            state.jobs.push_back(job);
            let start = state.jobs.len() > state.idle && state.threads < THREADS_MAX;
            state.threads += usize::from(start);
            start
        };
        self.shared.wake.notify_one();
        if start {
            self.start_thread();
        }
    }

    /// Starts a thread that `State::threads` already counts.
    fn start_thread(&self) {
        let shared = Arc::clone(&self.shared);
        let builder = thread::Builder::new().name(THREAD_NAME.to_owned()).stack_size(STACK_BYTES);
        let started = sys::with_signals_blocked(|| builder.spawn(move || shared.run()));
        let Err(error) = started else { return };
        let stranded = {
            let mut state = self.shared.state();
            state.threads -= 1;
            if state.threads > 0 { VecDeque::new() } else { std::mem::take(&mut state.jobs) }
        };
        let errno = error.raw_os_error().unwrap_or(libc::EAGAIN);
        for job in stranded {
            call(job.callback, Err(os_error(errno)));
        }
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let forgotten = {
            let mut state = self.shared.state();
            state.closed = true;
            std::mem::take(&mut state.jobs)
        };
        self.shared.wake.notify_all();
        // Outside the lock: a callback's captures may have drops of their own.
        drop(forgotten);
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state();
        f.debug_struct("Resolver")
            .field("queued", &state.jobs.len())
            .field("threads", &state.threads)
            .finish()
    }
}

impl Shared {
    /// Nothing under the lock can panic, so a poisoned state is a whole one.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of one thread.
    fn run(&self) {
        while let Some(job) = self.next_job() {
            let look_up = || resolve_with(&job.endpoint, job.ipv6, &*self.lookup);
            let found = catch_unwind(AssertUnwindSafe(look_up))
                .unwrap_or_else(|_| Err(os_error(libc::EIO)));
            if !self.state().closed {
                call(job.callback, found);
            }
        }
    }

    /// Waits for a job; `None` ends the thread, which is no longer counted.
    fn next_job(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closed {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            let (woken, timeout) = self
                .wake
                .wait_timeout(state, self.idle_max)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.jobs.is_empty() {
                state.threads -= 1;
                return None;
            }
        }
    }
}

/// Calls back, keeping a panic (which the panic hook has reported) from the calling thread.
fn call(callback: Box<dyn FnOnce(Resolved) + Send>, found: Resolved) {
    let _ = catch_unwind(AssertUnwindSafe(|| callback(found)));
}

/// One slow name server must not hold up other names; more threads would only queue behind it.
const THREADS_MAX: usize = 4;

/// Look-ups waiting, at a few hundred bytes each. A caller that is refused tries again with its
/// reconnect interval.
const QUEUE_MAX: usize = 16_384;

/// Long enough to serve a burst of reconnects, short enough to leave no threads behind it.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// The system's resolver loads modules and keeps packets on its stack.
const STACK_BYTES: usize = 512 * 1024;

const THREAD_NAME: &str = "oxmq/resolve";

#[cfg(test)]
mod tests;
