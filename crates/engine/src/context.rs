//! Contexts: the container of sockets, I/O threads and inproc names.
//!
//! `ContextCore` is what sockets and I/O threads share; it lives as long as any of them. A
//! `Context` is the user's reference; when the last one and the last socket are gone, the context
//! waits for what is still lingering, which is bounded by the linger options.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use oxmq_pipe::{Interest, Parked, Parker, Waiters};
use oxmq_zmtp::SocketType;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::io::{IoHandle, IoThreads};
use crate::limits::DROP_LINGER_MAX;
use crate::options::{ContextOptions, SocketOptions};
use crate::pipe::PipeId;
use crate::pipe::inproc::{self, InprocLink, PeerInfo};
use crate::pipe::udp::Addresses;
use crate::socket::command::Command;
use crate::socket::{Socket, SocketCore};
use crate::transport::Resolver;

/// Which defaults new sockets of a context have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// libzmq's, for the C face.
    Libzmq,
    /// Those of the Rust API: the same but where libzmq's are traps. See `doc/options.md`.
    Safe,
}

/// A name bound inside the context.
struct InprocName {
    socket: Weak<SocketCore>,
    id: u64,
    info: PeerInfo,
}

/// A connect to a name that nobody has bound yet.
struct PendingConnect {
    name: String,
    /// The end that the binder will get.
    link: Box<InprocLink>,
    peer: PeerInfo,
}

#[derive(Default)]
struct Registry {
    /// Sockets not ended, closed ones included.
    sockets: HashMap<u64, Arc<SocketCore>>,
    /// Sockets not closed.
    open: usize,
    names: HashMap<String, InprocName>,
    pending: Vec<PendingConnect>,
    shut_down: bool,
}

/// See the file's first paragraph.
pub(crate) struct ContextCore {
    options: Mutex<ContextOptions>,
    profile: Profile,
    registry: Mutex<Registry>,
    /// Who waits for a socket to end.
    ended: Waiters,
    next_socket: AtomicU64,
    io: Mutex<IoThreads>,
    pub(crate) resolver: Resolver,
    pub(crate) clock: Clock,
}

/// The user's references to a context; dropped with the last of them.
pub(crate) struct ContextHandle {
    core: Arc<ContextCore>,
}

/// A context: sockets of one context can talk over inproc and share its I/O threads. Cheap to
/// clone; all clones are the same context.
///
/// Dropping the last reference, which open sockets hold too, waits until what was sent has been
/// given to the kernel or its linger time is over: at most 30 s for a socket whose linger is
/// infinite. [`Context::terminate`] waits as long as the options say.
#[derive(Clone)]
pub struct Context {
    handle: Arc<ContextHandle>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let registry = self.handle.core.registry();
        f.debug_struct("Context").field("sockets", &registry.open).finish_non_exhaustive()
    }
}

impl Context {
    /// A context whose sockets start with the given defaults. Its I/O threads start with its
    /// first network endpoint.
    pub fn new(profile: Profile) -> Context {
        Context::with_clock(profile, Clock::default())
    }

    pub(crate) fn with_clock(profile: Profile, clock: Clock) -> Context {
        let options = match profile {
            Profile::Libzmq => ContextOptions::libzmq_defaults(),
            Profile::Safe => ContextOptions::safe_defaults(),
        };
        let core = Arc::new(ContextCore {
            options: Mutex::new(options),
            profile,
            registry: Mutex::default(),
            ended: Waiters::new(),
            next_socket: AtomicU64::new(1),
            io: Mutex::new(IoThreads::default()),
            resolver: Resolver::new(),
            clock,
        });
        Context { handle: Arc::new(ContextHandle { core }) }
    }

    pub(crate) fn from_handle(handle: Arc<ContextHandle>) -> Context {
        Context { handle }
    }

    /// A new socket.
    ///
    /// # Errors
    /// `TooManySockets` at the context's limit; `Terminated` after a shutdown; `NotSupported` for
    /// a draft type.
    pub fn socket(&self, socket_type: SocketType) -> Result<Socket> {
        let core = &self.handle.core;
        let (limit, options) = {
            let context_options = core.options();
            let mut options = match core.profile {
                Profile::Libzmq => SocketOptions::libzmq_defaults(socket_type),
                Profile::Safe => SocketOptions::safe_defaults(socket_type),
            };
            context_options.apply_to(&mut options);
            (context_options.max_sockets, options)
        };
        let id = core.next_socket.fetch_add(1, Ordering::Relaxed);
        let socket = SocketCore::new(core.clone(), id, socket_type, options, false)?;
        let mut registry = core.registry();
        if registry.shut_down {
            return Err(Error::Terminated);
        }
        if registry.open >= limit {
            return Err(Error::TooManySockets { limit });
        }
        registry.open += 1;
        registry.sockets.insert(id, socket.clone());
        drop(registry);
        Ok(Socket::new(socket, self.handle.clone()))
    }

    /// Reads or changes the context's options; those of the I/O threads count before the first
    /// network endpoint.
    pub fn configure<T>(&self, f: impl FnOnce(&mut ContextOptions) -> T) -> T {
        f(&mut self.handle.core.options())
    }

    /// Makes every call on the context's sockets fail with `Terminated`, also those that wait
    /// now. Sockets must still be closed. Does not block.
    pub fn shutdown(&self) {
        self.handle.core.shutdown();
    }

    /// Shuts down and waits until every socket is closed and has nothing left to send, or its
    /// linger time is over. Blocks for as long as a socket is open in another thread.
    pub fn terminate(&self) {
        self.handle.core.shutdown();
        let _ = self.handle.core.wait_ended(None, false);
    }

    /// As [`Context::terminate`], but for a signal that is handled in the calling thread meanwhile.
    ///
    /// # Errors
    /// `Interrupted`; the call can be repeated.
    pub fn terminate_interruptible(&self) -> Result<()> {
        self.handle.core.shutdown();
        self.handle.core.wait_ended(None, true)
    }

    /// As [`Context::terminate`], for this long at most; whether everything has ended.
    #[must_use]
    pub fn terminate_within(&self, timeout: Duration) -> bool {
        self.handle.core.shutdown();
        self.handle.core.wait_ended(Instant::now().checked_add(timeout), false).is_ok()
    }
}

impl Drop for ContextHandle {
    fn drop(&mut self) {
        self.core.shutdown();
        // Every socket is closed by now, as each holds a reference. Their linger times are at
        // most `DROP_LINGER_MAX`; the second covers the farewells.
        let longest = DROP_LINGER_MAX + Duration::from_secs(1);
        let _ = self.core.wait_ended(Instant::now().checked_add(longest), false);
        let threads =
            std::mem::take(&mut *self.core.io.lock().unwrap_or_else(PoisonError::into_inner));
        threads.stop();
    }
}

impl ContextCore {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn options(&self) -> MutexGuard<'_, ContextOptions> {
        self.options.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shutdown(&self) {
        let mut registry = self.registry();
        registry.shut_down = true;
        let sockets: Vec<_> = registry.sockets.values().cloned().collect();
        let pending = std::mem::take(&mut registry.pending);
        drop(registry);
        drop(pending);
        oxmq_message::give_back();
        for socket in sockets {
            socket.terminate();
        }
    }

    /// Waits until no socket is left; `TimedOut` if the deadline came first, `Interrupted` if a
    /// signal was handled and that is to end the wait.
    fn wait_ended(&self, deadline: Option<Instant>, interruptible: bool) -> Result<()> {
        let parker = Parker::current();
        loop {
            let ticket = self.ended.register(Interest::CHANGE, parker.waker());
            let ended = self.registry().sockets.is_empty();
            let parked = (!ended).then(|| parker.park_interruptible(deadline));
            let _ = self.ended.cancel(ticket);
            match parked {
                None => return Ok(()),
                Some(Parked::TimedOut) => return Err(Error::TimedOut),
                Some(Parked::Interrupted) if interruptible => return Err(Error::Interrupted),
                Some(Parked::Interrupted | Parked::Woken) => {}
            }
        }
    }

    /// Whether calls fail when every peer has refused the socket, as the Rust API wants it.
    pub(crate) fn tells_refusals(&self) -> bool {
        self.profile == Profile::Safe
    }

    /// Whether a peer of ZMTP 3.0 gets PINGs as well, and is given up when it does not answer, as
    /// libzmq has it: its releases of the 4.2 series speak 3.0 and answer. RFC 37 has PING in 3.1
    /// only, and other peers of 3.0 know nothing of it.
    pub(crate) fn pings_every_peer(&self) -> bool {
        self.profile == Profile::Libzmq
    }

    /// How a DGRAM tells where a datagram came from.
    pub(crate) fn datagram_addresses(&self) -> Addresses {
        match self.profile {
            Profile::Libzmq => Addresses::ZeroEnded,
            Profile::Safe => Addresses::Text,
        }
    }

    /// Whether RECONNECT_STOP_AFTER_DISCONNECT is about a disconnect that the program asks for, as
    /// `zmq_setsockopt(3)` has it, and not about every loss.
    pub(crate) fn stops_only_when_asked(&self) -> bool {
        self.profile == Profile::Libzmq
    }

    /// A socket for the library's own use, which is neither counted nor waited for. It does not
    /// linger.
    pub(crate) fn internal_socket(
        self: &Arc<ContextCore>,
        socket_type: SocketType,
    ) -> Result<Arc<SocketCore>> {
        let mut options = SocketOptions::libzmq_defaults(socket_type);
        options.linger = Some(Duration::ZERO);
        let id = self.next_socket.fetch_add(1, Ordering::Relaxed);
        SocketCore::new(self.clone(), id, socket_type, options, true)
    }

    /// A socket was closed by its user.
    pub(crate) fn socket_closed(&self) {
        let mut registry = self.registry();
        registry.open = registry.open.saturating_sub(1);
    }

    /// A closed socket has nothing left.
    pub(crate) fn socket_ended(&self, id: u64) {
        let socket = self.registry().sockets.remove(&id);
        self.ended.wake_all(Interest::CHANGE);
        drop(socket);
    }

    /// The I/O thread with the least to do among those that the affinity allows.
    pub(crate) fn choose_io(self: &Arc<ContextCore>, affinity: u64) -> Result<IoHandle> {
        let mut io = self.io.lock().unwrap_or_else(PoisonError::into_inner);
        if !io.is_started() {
            let options = self.options().clone();
            io.start(&options)?;
        }
        io.choose(affinity).ok_or(Error::NoIoThread)
    }

    /// Binds a name; connects that waited for it get their peer. `attach` hands a command to the
    /// binding socket, whose lock the caller holds. Returns the connected sockets that have to
    /// greet their peer: `obey_now`, once the lock is given up.
    pub(crate) fn bind_inproc(
        &self,
        name: &str,
        socket: Weak<SocketCore>,
        info: PeerInfo,
        mut attach: impl FnMut(Command),
    ) -> Result<Vec<Arc<SocketCore>>> {
        let mut registry = self.registry();
        if registry.names.contains_key(name) {
            return Err(Error::AddressInUse { endpoint: format!("inproc://{name}") });
        }
        let Some(id) = socket.upgrade().map(|socket| socket.id) else { return Err(Error::Closed) };
        let mut gone = Vec::new();
        let mut greeting = Vec::new();
        let mut at = 0;
        while at < registry.pending.len() {
            let pending = &registry.pending[at];
            if pending.link.peer_is_gone() && pending.link.rx.is_empty() {
                // Its socket was closed or disconnected, and left nothing to deliver.
                gone.push(registry.pending.remove(at));
                continue;
            }
            if pending.name != name || !self.may_talk(&info, &pending.peer) {
                at += 1;
                continue;
            }
            let pending = registry.pending.remove(at);
            let known = info.clone();
            // One that has gone may have left messages, and its pipe's number to another.
            if !pending.link.peer_is_gone() {
                if pending.peer.greets {
                    greeting.extend(pending.link.peer_socket());
                }
                pending.link.tell_peer(|pipe| Command::PeerBound { pipe, peer: known });
            }
            attach(Command::Attach { link: pending.link, peer: pending.peer });
        }
        registry.names.insert(name.to_owned(), InprocName { socket, id, info });
        drop(registry);
        drop(gone);
        Ok(greeting)
    }

    /// Whether two sockets may have a pipe inside the process. libzmq does not ask, and programs
    /// rely on it: a PAIR that sends to a PULL, for one.
    fn may_talk(&self, bound: &PeerInfo, connecting: &PeerInfo) -> bool {
        self.profile == Profile::Libzmq || bound.socket_type.accepts(connecting.socket_type)
    }

    /// Connects to a name, bound or not. `attach` makes the connecting socket's pipe. Returns it,
    /// and the bound socket if it has to greet its peer, as `bind_inproc` does.
    pub(crate) fn connect_inproc(
        &self,
        name: &str,
        info: PeerInfo,
        attach: impl FnOnce(InprocLink, Option<&PeerInfo>) -> PipeId,
    ) -> Result<(PipeId, Option<Arc<SocketCore>>)> {
        let mut registry = self.registry();
        if registry.shut_down {
            return Err(Error::Terminated);
        }
        let bound = registry
            .names
            .get(name)
            .and_then(|bound| bound.socket.upgrade().map(|socket| (socket, bound.info.clone())));
        let Some((socket, peer)) = bound else {
            let (done, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut registry.pending)
                .into_iter()
                .partition(|p| p.link.peer_is_gone() && p.link.rx.is_empty());
            registry.pending = waiting;
            let (link, other) = inproc::pair(&info, None);
            let pipe = attach(link, None);
            registry.pending.push(PendingConnect {
                name: name.to_owned(),
                link: Box::new(other),
                peer: info,
            });
            drop(registry);
            drop(done);
            return Ok((pipe, None));
        };
        // RFC 37 §The Socket-Type Property: the peer SHOULD enforce that the other peer is using a
        // valid socket type.
        if !self.may_talk(&peer, &info) {
            return Err(Error::Endpoint {
                endpoint: format!("inproc://{name}"),
                reason: format!(
                    "a {} socket is bound there, which does not talk to {}",
                    peer.socket_type.name(),
                    info.socket_type.name()
                ),
                errno: rustix::io::Errno::INVAL.raw_os_error(),
            });
        }
        let (link, other) = inproc::pair(&info, Some(&peer));
        drop(registry);
        let pipe = attach(link, Some(&peer));
        socket.post(Command::Attach { link: Box::new(other), peer: info });
        Ok((pipe, Some(socket).filter(|_| peer.greets)))
    }

    /// Connects to a name only if a socket of one of these types is bound to it now; whether one
    /// was.
    pub(crate) fn connect_bound(
        &self,
        name: &str,
        types: &[SocketType],
        info: PeerInfo,
        attach: impl FnOnce(InprocLink, &PeerInfo),
    ) -> bool {
        let registry = self.registry();
        let bound = registry.names.get(name).filter(|name| types.contains(&name.info.socket_type));
        let Some((socket, peer)) = bound
            .and_then(|bound| bound.socket.upgrade().map(|socket| (socket, bound.info.clone())))
        else {
            return false;
        };
        drop(registry);
        let (link, other) = inproc::pair(&info, Some(&peer));
        attach(link, &peer);
        socket.post(Command::Attach { link: Box::new(other), peer: info });
        true
    }

    pub(crate) fn unbind_inproc(&self, name: &str, id: u64) {
        let mut registry = self.registry();
        if registry.names.get(name).is_some_and(|bound| bound.id == id) {
            registry.names.remove(name);
        }
    }
}
