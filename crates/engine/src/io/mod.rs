//! I/O threads: what happens in the background, and to connections that nobody attends.
//!
//! An I/O thread owns listeners, handshakes and the sessions that connect and reconnect, and
//! shares each socket's epoll set with the threads that call the socket. Other threads reach it
//! through `IoHandle`: a mailbox of commands and a descriptor that wakes it.

pub(crate) mod greeter;
mod listeners;
mod session;
mod sessions;
mod thread;
mod timers;

use std::fmt;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::{JoinHandle, ThreadId};

use oxmq_pipe::Mailbox;
use oxmq_zmtp::Endpoint;

use crate::error::{Error, Result};
use crate::options::{ContextOptions, SocketOptions};
use crate::socket::SocketCore;
use crate::socket::attendance::Attendance;
use crate::sys::{self, Epoll, EventFd, Interest};
use crate::transport::{Listener, Resolved, TlsClient};

/// A session of an I/O thread: one `connect` of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(pub(crate) u64);

/// Token of the descriptor that wakes the thread.
const WAKE: u64 = 0;

/// A listener on its way to the I/O thread.
pub(crate) struct Listening {
    pub(crate) token: u64,
    pub(crate) socket: Arc<SocketCore>,
    pub(crate) listener: Listener,
    pub(crate) endpoint: Arc<str>,
    pub(crate) options: Arc<SocketOptions>,
}

/// What other threads ask of an I/O thread.
pub(crate) enum IoCommand {
    /// Share this socket's epoll set.
    Watch { socket: Arc<SocketCore>, attendance: Arc<Attendance> },
    /// Accept connections for a socket.
    Listen(Box<Listening>),
    /// Stop accepting, and say when it is done.
    Unlisten { token: u64, done: Done },
    /// Connect, and go on doing so.
    Connect {
        session: SessionId,
        socket: Arc<SocketCore>,
        endpoint: Endpoint,
        name: Arc<str>,
        options: Arc<SocketOptions>,
        tls: Option<TlsClient>,
    },
    /// A name was looked up.
    Resolved { session: SessionId, attempt: u64, targets: Resolved },
    /// A session's connection is gone.
    ConnectionLost { session: SessionId },
    /// The application disconnected; the session goes on only while its pipe lingers.
    Disconnect { session: SessionId, lingers: bool },
    /// The ZAP handler may have answered about a handshake.
    Judged { token: u64 },
    /// The socket has bytes buffered that nobody may come back to write.
    Tick { socket: Arc<SocketCore> },
    /// The socket's deadlines have changed.
    Timer { socket: Arc<SocketCore> },
    /// What a durable socket recorded is safe, or it has verdicts on messages.
    Resume { socket: Arc<SocketCore> },
    /// The socket was closed; it may have something left to send.
    Closing { socket: Arc<SocketCore>, ended: bool },
    /// Nothing is left to do.
    Stop,
}

/// Opens once.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn wait(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            open = self.opened.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Opens its gate when dropped: when the command was carried out, or never will be.
pub(crate) struct Done(Arc<Gate>);

impl Drop for Done {
    fn drop(&mut self) {
        *self.0.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.opened.notify_all();
    }
}

struct Shared {
    epoll: Epoll,
    wake: EventFd,
    mailbox: Mailbox<IoCommand>,
    /// Tokens for listeners, sessions and sockets; also shows how much the thread was given.
    next_token: AtomicU64,
    /// Sockets that chose this thread.
    load: AtomicUsize,
    thread: OnceLock<ThreadId>,
}

/// A reference to an I/O thread.
#[derive(Clone)]
pub(crate) struct IoHandle {
    shared: Arc<Shared>,
}

impl fmt::Debug for IoHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoHandle").finish_non_exhaustive()
    }
}

impl IoHandle {
    /// A number that no other listener, session or socket of this thread has.
    pub(crate) fn next_token(&self) -> u64 {
        self.shared.next_token.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks the thread for something. Never blocks.
    pub(crate) fn post(&self, command: IoCommand) {
        if self.shared.mailbox.send(command) {
            // Fails only when the counter is at its maximum, and then the thread wakes anyway.
            let _ = self.shared.wake.signal();
        }
    }

    /// Closes a listener and waits until its address is free.
    pub(crate) fn close_listener(&self, token: u64) {
        let gate = Arc::new(Gate::default());
        self.post(IoCommand::Unlisten { token, done: Done(gate.clone()) });
        if self.shared.thread.get() != Some(&std::thread::current().id()) {
            gate.wait();
        }
    }

    /// Lets the thread watch a socket's epoll set, or not.
    pub(crate) fn watch(&self, attendance: &Attendance, token: u64, on: bool) {
        let interest = if on { Interest::IN } else { Interest::NONE };
        // Fails only for a set that is not registered any more, and then nobody needs watching.
        let _ = self.shared.epoll.modify(attendance.as_fd(), token, interest);
    }
}

/// The I/O threads of a context.
#[derive(Default)]
pub(crate) struct IoThreads {
    started: bool,
    threads: Vec<(IoHandle, JoinHandle<()>)>,
}

impl IoThreads {
    pub(crate) fn is_started(&self) -> bool {
        self.started
    }

    /// Starts as many threads as the options say.
    pub(crate) fn start(&mut self, options: &ContextOptions) -> Result<()> {
        for index in 0..options.io_threads {
            let failed = |error| Error::io("starting an I/O thread", error);
            let (epoll, wake) = (Epoll::new().map_err(failed)?, EventFd::new().map_err(failed)?);
            epoll.add(wake.as_fd(), WAKE, Interest::IN | Interest::ET).map_err(failed)?;
            let shared = Arc::new(Shared {
                epoll,
                wake,
                mailbox: Mailbox::new(),
                next_token: AtomicU64::new(WAKE + 1),
                load: AtomicUsize::new(0),
                thread: OnceLock::new(),
            });
            let handle = IoHandle { shared };
            let (own, options) = (handle.clone(), options.clone());
            let name = format!("{}oxmq-io/{index}", options.thread_name_prefix);
            let spawned = sys::with_signals_blocked(|| {
                std::thread::Builder::new()
                    .name(name.clone())
                    .spawn(move || thread::run(own, &options, &name))
            });
            self.threads.push((handle, spawned.map_err(failed)?));
        }
        self.started = true;
        Ok(())
    }

    /// The thread with the fewest sockets among those whose bit is set (0: all).
    pub(crate) fn choose(&self, affinity: u64) -> Option<IoHandle> {
        let allowed = |index: usize| affinity == 0 || (index < 64 && affinity >> index & 1 == 1);
        let (_, (handle, _)) = self
            .threads
            .iter()
            .enumerate()
            .filter(|(index, _)| allowed(*index))
            .min_by_key(|(_, (handle, _))| handle.shared.load.load(Ordering::Relaxed))?;
        handle.shared.load.fetch_add(1, Ordering::Relaxed);
        Some(handle.clone())
    }

    /// Ends the threads. What they still had is dropped.
    pub(crate) fn stop(self) {
        for (handle, _) in &self.threads {
            handle.post(IoCommand::Stop);
        }
        for (handle, join) in self.threads {
            let own = handle.shared.thread.get() == Some(&std::thread::current().id());
            if !own {
                // A panic of the thread has been reported by the panic hook already.
                let _ = join.join();
            }
        }
    }
}
