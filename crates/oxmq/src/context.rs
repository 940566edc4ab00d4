//! Contexts: what sockets are made from. A thin face of the engine's, with checked options.

use std::time::Duration;

use oxmq_engine::options::ContextOptions as Values;
use oxmq_engine::{Profile, Result};

/// A context: its sockets can talk to each other over inproc, and share its I/O threads.
///
/// Most programs need one. Clones are cheap and are the same context; it may be used from every
/// thread. It starts its threads with the first network endpoint of any socket, so a context for
/// inproc alone has none.
///
/// Blocking: dropping the last reference, which open sockets hold too, waits until what was sent
/// has been given to the system or its linger time is over, at most 30 s per socket whose linger
/// is infinite. [`Context::terminate`] waits as long as the options say.
///
/// ```
/// use oxmq::{Context, Error, Pull};
///
/// let context = Context::new();
/// let pull = Pull::new(&context)?;
/// pull.bind("inproc://work")?;
/// context.shutdown();
/// assert!(matches!(pull.recv(), Err(Error::Terminated)));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Context {
    engine: oxmq_engine::Context,
}

impl Context {
    /// A context with one I/O thread, whose sockets have safe defaults. Does not block and starts
    /// no thread.
    pub fn new() -> Context {
        Context { engine: oxmq_engine::Context::new(Profile::Safe) }
    }

    /// A context with other options. Does not block and starts no thread.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) for a value that is out of its range.
    ///
    /// ```
    /// use oxmq::Context;
    ///
    /// let context = Context::with_options(|o| o.io_threads(2).max_sockets(10))?;
    /// assert!(Context::with_options(|o| o.max_sockets(0)).is_err());
    /// # Ok::<(), oxmq::Error>(())
    /// ```
    pub fn with_options(
        options: impl FnOnce(&mut ContextOptions) -> &mut ContextOptions,
    ) -> Result<Context> {
        let context = Context::new();
        let mut changed = ContextOptions {
            values: context.engine.configure(|values| values.clone()),
            fault: None,
        };
        let _ = options(&mut changed);
        if let Some(fault) = changed.fault {
            return Err(fault.into());
        }
        context.engine.configure(|values| *values = changed.values);
        Ok(context)
    }

    /// Makes every call on the context's sockets fail with
    /// [`Error::Terminated`](crate::Error::Terminated), also those that wait now and futures that
    /// are awaited now. This is how the threads of a program are told to end. Does not block.
    /// Sockets must still be dropped; what they have sent is still delivered.
    pub fn shutdown(&self) {
        self.engine.shutdown();
    }

    /// Shuts down and waits until every socket is closed and what it had sent is with the system,
    /// or its linger time is over. Blocks for as long as a socket is open in another thread, and
    /// for ever if one is in this thread: see [`Context::terminate_within`].
    pub fn terminate(&self) {
        self.engine.terminate();
    }

    /// As [`Context::terminate`], for this long at most. True if everything has ended.
    #[must_use = "sockets may still be open, or still have something to send"]
    pub fn terminate_within(&self, timeout: Duration) -> bool {
        self.engine.terminate_within(timeout)
    }

    pub(crate) fn engine(&self) -> &oxmq_engine::Context {
        &self.engine
    }

    pub(crate) fn from_engine(engine: oxmq_engine::Context) -> Context {
        Context { engine }
    }
}

impl Default for Context {
    fn default() -> Context {
        Context::new()
    }
}

/// The options of a context under construction: see [`Context::with_options`].
#[derive(Debug)]
pub struct ContextOptions {
    values: Values,
    /// The first value that was refused.
    fault: Option<oxmq_engine::options::OptionError>,
}

/// Numbers of the rows of the engine's table.
mod code {
    pub(super) const IO_THREADS: i32 = 1;
    pub(super) const MAX_SOCKETS: i32 = 2;
    pub(super) const PRIORITY: i32 = 3;
    pub(super) const SCHED_POLICY: i32 = 4;
    pub(super) const AFFINITY_CPU_ADD: i32 = 7;
    pub(super) const NAME_PREFIX: i32 = 9;
}

impl ContextOptions {
    /// How many I/O threads do the network's work: 0 to 1024, default 1. With 0, inproc is the
    /// only transport. One thread carries some gigabytes per second; more help when many
    /// connections are busy at once. Memory cost: a thread each.
    pub fn io_threads(&mut self, threads: usize) -> &mut Self {
        self.set(code::IO_THREADS, threads)
    }

    /// How many sockets may be open at a time: 1 to 65535, which is the default. Costs no memory.
    pub fn max_sockets(&mut self, sockets: usize) -> &mut Self {
        self.set(code::MAX_SOCKETS, sockets)
    }

    /// Adds a CPU, 0 to 1023, to those that I/O threads may run on. Default: all.
    pub fn thread_affinity_cpu(&mut self, cpu: usize) -> &mut Self {
        self.set(code::AFFINITY_CPU_ADD, cpu)
    }

    /// The system's scheduling policy of I/O threads (such as `SCHED_FIFO`). Default: left alone.
    pub fn thread_sched_policy(&mut self, policy: u32) -> &mut Self {
        self.set(code::SCHED_POLICY, policy as usize)
    }

    /// The priority of I/O threads under their policy; under the ordinary one, their nice value.
    /// Default: left alone.
    pub fn thread_priority(&mut self, priority: u32) -> &mut Self {
        self.set(code::PRIORITY, priority as usize)
    }

    /// What the names of I/O threads begin with: up to 16 bytes. Default: nothing.
    pub fn thread_name_prefix(&mut self, prefix: &str) -> &mut Self {
        // By number, four bytes of text would be taken for a number.
        let result = if prefix.len() == 4 && !prefix.contains('\0') {
            prefix.clone_into(&mut self.values.thread_name_prefix);
            Ok(())
        } else {
            self.values.set_bytes(code::NAME_PREFIX, prefix.as_bytes())
        };
        self.note(result)
    }

    /// Whether new sockets use IPv6 next to IPv4. Default true.
    pub fn ipv6(&mut self, on: bool) -> &mut Self {
        self.values.ipv6 = on;
        self
    }

    fn set(&mut self, code: i32, value: usize) -> &mut Self {
        // What does not fit is out of every range.
        let value = i32::try_from(value).unwrap_or(i32::MIN);
        let result = self.values.set(code, value);
        self.note(result)
    }

    fn note(&mut self, result: Result<(), oxmq_engine::options::OptionError>) -> &mut Self {
        if let Err(fault) = result {
            self.fault.get_or_insert(fault);
        }
        self
    }
}
