//! Proxies: a thread that passes messages on between two sockets, both ways, and can be steered.
//!
//! A `Proxy` holds the sockets' cores; the caller keeps the sockets. Its `run` belongs to one
//! thread; what a `ProxyHandle` does may come from any. `mover` carries the messages, `control`
//! the commands and counts.

mod control;
mod mover;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oxmq_zmtp::SocketType;

pub use self::control::{ProxyFlow, ProxyHandle, ProxyStatistics};
use self::control::{Shared, obey_control};
use self::mover::{BACK, CAPTURE, FRONT, Mover, Next};
use crate::error::{Error, Result};
use crate::poller::{Interest, PollEvent, Poller};
use crate::socket::{Socket, SocketCore};

/// Passes messages on between a frontend and a backend socket, in each direction that their types
/// can go: both ways between ROUTER and DEALER, XSUB and XPUB or two PAIRs, one way from PULL to
/// PUSH.
///
/// Nothing is dropped by the proxy itself: it takes a message from one side only when the other
/// side, and the capture socket, have room for one, so that the high-water marks of the sockets
/// press back on the senders. Parts move without being copied. Counted as dropped is what the
/// receiving side refuses, such as a reply for a peer that is gone on a ROUTER with
/// `router_mandatory`.
///
/// Both sockets are served in turn, 256 messages or 1 MiB at a time. While it runs, no other
/// thread should send or receive on them.
///
/// ```
/// use oxmq_engine::{Context, Message, Profile, Proxy, ProxyEnd, SocketType, Wait};
///
/// let context = Context::new(Profile::Safe);
/// let (pull, push) = (context.socket(SocketType::Pull)?, context.socket(SocketType::Push)?);
/// let jobs = pull.bind("inproc://jobs")?;
/// let work = push.bind("inproc://work")?;
/// let proxy = Proxy::new(&pull, &push)?;
/// let handle = proxy.handle();
/// let thread = std::thread::spawn(move || proxy.run());
///
/// let (source, worker) = (context.socket(SocketType::Push)?, context.socket(SocketType::Pull)?);
/// source.connect(&jobs)?;
/// worker.connect(&work)?;
/// source.send_message(&mut Message::from("job"), Wait::Default)?;
/// assert_eq!(worker.recv_message(Wait::Default)?, ["job"]);
///
/// handle.terminate();
/// assert_eq!(thread.join().unwrap()?, ProxyEnd::Terminated);
/// assert_eq!(handle.statistics().backend.messages_out, 1);
/// # Ok::<(), oxmq_engine::Error>(())
/// ```
pub struct Proxy {
    mover: Mover,
    control: Option<Arc<SocketCore>>,
    poller: Poller,
    shared: Arc<Shared>,
    /// A signal ends it, as it does a wait on its sockets.
    interruptible: bool,
}

/// Why a proxy returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyEnd {
    /// By [`ProxyHandle::terminate`] or a TERMINATE on the control socket.
    Terminated,
    /// By [`ProxyHandle::terminate_after_drain`].
    Drained {
        /// Nothing was left; false if the limit came first.
        complete: bool,
    },
    /// The context of one of its sockets was shut down or terminated.
    ContextTerminated,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("statistics", &self.shared.statistics()).finish()
    }
}

impl Proxy {
    /// A proxy between two sockets, or of one socket with itself, which sends back what it gets.
    ///
    /// # Errors
    /// `NotSupported` if no message can go either way, as between two PUSH sockets; `Io` when the
    /// process is out of descriptors.
    pub fn new(frontend: &Socket, backend: &Socket) -> Result<Proxy> {
        let (front, back) = (frontend.core(), backend.core());
        let mut poller = Poller::new()?;
        poller.returns_when_woken = true;
        poller.add_core(front.clone(), FRONT, Interest::NONE)?;
        if !Arc::ptr_eq(front, back) {
            poller.add_core(back.clone(), BACK, Interest::NONE)?;
        }
        let mover = Mover::new(front.clone(), back.clone());
        if !mover.forwards() && !mover.returns() {
            return Err(Error::NotSupported { operation: "passing messages on" });
        }
        let shared = Arc::new(Shared::new(poller.notifier()));
        let interruptible = front.is_interruptible();
        Ok(Proxy { mover, control: None, poller, shared, interruptible })
    }

    /// Sends a copy of every message that is passed on, of either direction, to a PUB, XPUB,
    /// PUSH, DEALER or PAIR socket. A capture socket without room holds the proxy up.
    ///
    /// # Errors
    /// `NotSupported` if its type cannot send by itself; `Io` (`EEXIST`) if it is one of the
    /// proxy's other sockets or the proxy has a capture socket.
    pub fn capture(mut self, capture: &Socket) -> Result<Proxy> {
        if !matches!(
            capture.socket_type(),
            SocketType::Pub
                | SocketType::XPub
                | SocketType::Push
                | SocketType::Dealer
                | SocketType::Pair
        ) {
            return Err(Error::NotSupported { operation: "capturing" });
        }
        self.poller.add_core(capture.core().clone(), CAPTURE, Interest::NONE)?;
        self.mover.capture(capture.core().clone());
        Ok(self)
    }

    /// Takes the commands PAUSE, RESUME, TERMINATE and STATISTICS from a socket, each a message of
    /// one part. STATISTICS is answered by eight parts of 8 bytes in the machine's order: messages
    /// and bytes received and messages and bytes sent on the frontend, then the same of the
    /// backend. A REP socket answers every other command with an empty message, and what is no
    /// command with `unknown command`.
    ///
    /// # Errors
    /// `NotSupported` if its type cannot receive; `Io` (`EEXIST`) if it is one of the proxy's
    /// other sockets or the proxy has a control socket.
    pub fn control(mut self, control: &Socket) -> Result<Proxy> {
        if !mover::can_receive(control.socket_type()) {
            return Err(Error::NotSupported { operation: "receiving commands" });
        }
        self.poller.add_core(control.core().clone(), CONTROL, Interest::READABLE)?;
        self.control = Some(control.core().clone());
        Ok(self)
    }

    /// By which other threads steer the proxy and read its counts, while it runs and after.
    pub fn handle(&self) -> ProxyHandle {
        ProxyHandle::new(self.shared.clone())
    }

    /// Passes messages on until it is told to end or the context goes.
    ///
    /// A signal that is handled in this thread ends it if it ends a wait on the frontend
    /// ([`Socket::set_interruptible`]); nothing is lost, and another proxy can go on.
    ///
    /// # Errors
    /// `Closed` when one of the sockets was closed; `Io` when the system refuses to wait, and with
    /// `EINTR` after a signal.
    pub fn run(mut self) -> Result<ProxyEnd> {
        match self.pass_on() {
            Err(Error::Terminated) => Ok(ProxyEnd::ContextTerminated),
            end => end,
        }
    }

    fn pass_on(&mut self) -> Result<ProxyEnd> {
        let mut events: Vec<PollEvent> = Vec::with_capacity(4);
        let mut drain: Option<Drain> = None;
        loop {
            if let Some(control) = &self.control {
                obey_control(control, &self.shared)?;
            }
            if self.shared.is_ending() {
                return Ok(ProxyEnd::Terminated);
            }
            if drain.is_none() {
                drain = self.shared.drain().map(|(idle, limit)| Drain::new(idle, limit));
            }
            let mut wants = [Interest::NONE; 3];
            let mut round = Round::default();
            if !self.shared.is_paused() || drain.is_some() {
                for (from, to) in [(FRONT, BACK), (BACK, FRONT)] {
                    round.add(&self.mover.pass_on(from, to, &self.shared)?, &mut wants);
                }
            }
            let mut timeout = round.holds.then_some(Duration::ZERO);
            if let Some(drain) = &mut drain {
                let now = Instant::now();
                if let Some(complete) = drain.is_over(&round, now) {
                    return Ok(ProxyEnd::Drained { complete });
                }
                timeout = timeout.or(drain.left(&round, now));
            }
            self.mover.wants(&mut self.poller, &wants)?;
            // A message in its hands would be lost.
            if self.interruptible && !round.holds {
                self.poller.wait_interruptible(&mut events, timeout)?;
            } else {
                self.poller.wait(&mut events, timeout)?;
            }
            if events.iter().any(|event| event.error) {
                return Err(Error::Closed);
            }
        }
    }
}

/// What one round over both directions did.
#[derive(Default)]
struct Round {
    moved: bool,
    /// Messages are left that the other side does not take yet.
    left: bool,
    /// One of them is in the proxy's own hands.
    holds: bool,
}

impl Round {
    fn add(&mut self, next: &Next, wants: &mut [Interest; 3]) {
        self.moved |= next.moved;
        self.left |= next.left;
        self.holds |= next.holds;
        if let Some((role, interest)) = next.wants {
            wants[role].readable |= interest.readable;
            wants[role].writable |= interest.writable;
        }
    }
}

/// The end of a proxy that first passes on what it has.
struct Drain {
    /// How long nothing must have come.
    idle: Duration,
    limit: Option<Instant>,
    /// Since when nothing has.
    since: Instant,
    /// Rounds since then in which there was nothing to do.
    quiet_rounds: u32,
}

impl Drain {
    fn new(idle: Duration, limit: Duration) -> Drain {
        let since = Instant::now();
        Drain { idle, limit: since.checked_add(limit), since, quiet_rounds: 0 }
    }

    /// Whether the proxy may end, and then whether nothing was left.
    fn is_over(&mut self, round: &Round, now: Instant) -> Option<bool> {
        let is_quiet = !round.moved && !round.left;
        if self.limit.is_some_and(|limit| now >= limit) {
            return Some(is_quiet);
        }
        if !is_quiet {
            self.since = now;
            self.quiet_rounds = 0;
            return None;
        }
        self.quiet_rounds += 1;
        // Two at least: between them the poller fetches what the kernel has.
        let is_over = self.quiet_rounds > 1 && now.duration_since(self.since) >= self.idle;
        is_over.then_some(true)
    }

    /// How long to wait for something to do.
    fn left(&self, round: &Round, now: Instant) -> Option<Duration> {
        let until_limit = self.limit.map(|limit| limit.saturating_duration_since(now));
        if round.left && !round.moved {
            // Only room for what is left can change anything.
            return until_limit;
        }
        let until_idle = self.idle.saturating_sub(now.duration_since(self.since));
        Some(until_limit.map_or(until_idle, |limit| limit.min(until_idle)))
    }
}

/// Passes messages on between two sockets as [`Proxy`] does, with copies to `capture`, until the
/// context goes.
///
/// # Errors
/// As [`Proxy::new`], [`Proxy::capture`] and [`Proxy::run`].
pub fn proxy(frontend: &Socket, backend: &Socket, capture: Option<&Socket>) -> Result<ProxyEnd> {
    proxy_steerable(frontend, backend, capture, None)
}

/// [`proxy`] with a control socket: see [`Proxy::control`].
///
/// # Errors
/// As [`proxy`] and [`Proxy::control`].
pub fn proxy_steerable(
    frontend: &Socket,
    backend: &Socket,
    capture: Option<&Socket>,
    control: Option<&Socket>,
) -> Result<ProxyEnd> {
    let mut proxy = Proxy::new(frontend, backend)?;
    if let Some(capture) = capture {
        proxy = proxy.capture(capture)?;
    }
    if let Some(control) = control {
        proxy = proxy.control(control)?;
    }
    proxy.run()
}

/// Key of the control socket in the poller, after those of the mover's sockets.
const CONTROL: usize = 3;
