//! How a proxy is steered and watched: the state it shares with its handles, its counts, and the
//! commands of its control socket.
//!
//! The proxy's thread adds to the counts; any thread may read them and ask for something. What is
//! asked is stored first, then the proxy's poller is woken.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oxmq_message::{Message, Msg};
use oxmq_pipe::Interest;
use oxmq_zmtp::SocketType;

use super::mover::{FRONT, can_send};
use crate::error::{Error, Result};
use crate::poller::Notifier;
use crate::socket::state::State;
use crate::socket::{SocketCore, Wait, recv_all, send_all};

/// What went through one socket of a proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProxyFlow {
    /// Messages that the proxy received from the socket.
    pub messages_in: u64,
    /// Bytes of their parts.
    pub bytes_in: u64,
    /// Messages that the proxy sent on the socket.
    pub messages_out: u64,
    /// Bytes of their parts.
    pub bytes_out: u64,
}

/// The counts of a proxy since it began. A proxy of one socket with itself counts that socket as
/// the frontend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProxyStatistics {
    /// The frontend's.
    pub frontend: ProxyFlow,
    /// The backend's.
    pub backend: ProxyFlow,
    /// Messages that the receiving side refused for good.
    pub dropped: u64,
    /// Messages passed on that the capture socket refused.
    pub uncaptured: u64,
}

/// Steers a running [`Proxy`](super::Proxy) and reads its counts. Cheap to clone; all methods may
/// be called from any thread and none blocks.
#[derive(Clone)]
pub struct ProxyHandle {
    shared: Arc<Shared>,
}

impl fmt::Debug for ProxyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyHandle").field("statistics", &self.statistics()).finish()
    }
}

impl ProxyHandle {
    pub(super) fn new(shared: Arc<Shared>) -> ProxyHandle {
        ProxyHandle { shared }
    }

    /// Stops passing messages on. What is received meanwhile waits in the sockets, as far as their
    /// high-water marks allow. A batch that has been begun is still passed on.
    pub fn pause(&self) {
        self.shared.set_paused(true);
    }

    /// Goes on after [`ProxyHandle::pause`].
    pub fn resume(&self) {
        self.shared.set_paused(false);
    }

    /// Whether the proxy was told to pause.
    pub fn is_paused(&self) -> bool {
        self.shared.is_paused()
    }

    /// Makes the proxy return. What its sockets have received and not passed on stays in them.
    pub fn terminate(&self) {
        self.shared.end();
    }

    /// Makes the proxy return once it has passed on what there is and nothing has come from either
    /// side for `idle`, at the latest after `limit`. A paused proxy goes on for it.
    ///
    /// To end a device without loss, first unbind its sockets, so that no new peer comes, and let
    /// `idle` be longer than the backend takes to answer.
    pub fn terminate_after_drain(&self, idle: Duration, limit: Duration) {
        self.shared.begin_drain(idle, limit);
    }

    /// The counts at this moment. They are brought up to date after each batch.
    pub fn statistics(&self) -> ProxyStatistics {
        self.shared.statistics()
    }
}

/// What a proxy and its handles share.
pub(super) struct Shared {
    notifier: Notifier,
    paused: AtomicBool,
    ending: AtomicBool,
    /// How long to be idle, and the limit, once asked to drain.
    drain: Mutex<Option<(Duration, Duration)>>,
    draining: AtomicBool,
    /// Frontend, backend.
    flows: [Flow; 2],
    dropped: AtomicU64,
    uncaptured: AtomicU64,
}

#[derive(Default)]
struct Flow {
    messages_in: AtomicU64,
    bytes_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_out: AtomicU64,
}

/// What one batch adds to the counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) messages_in: u64,
    pub(super) bytes_in: u64,
    pub(super) messages_out: u64,
    pub(super) bytes_out: u64,
    pub(super) dropped: u64,
    pub(super) uncaptured: u64,
}

impl Shared {
    pub(super) fn new(notifier: Notifier) -> Shared {
        Shared {
            notifier,
            paused: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            drain: Mutex::new(None),
            draining: AtomicBool::new(false),
            flows: Default::default(),
            dropped: AtomicU64::new(0),
            uncaptured: AtomicU64::new(0),
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Release);
        self.notifier.notify();
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.notifier.notify();
    }

    /// How long to be idle, and the limit, if the proxy was asked to drain.
    pub(super) fn drain(&self) -> Option<(Duration, Duration)> {
        if !self.draining.load(Ordering::Acquire) {
            return None;
        }
        *self.drain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_drain(&self, idle: Duration, limit: Duration) {
        *self.drain.lock().unwrap_or_else(PoisonError::into_inner) = Some((idle, limit));
        self.draining.store(true, Ordering::Release);
        self.notifier.notify();
    }

    /// Adds a batch that went from one socket to another.
    pub(super) fn count(&self, from: usize, to: usize, tally: &Tally) {
        if *tally == Tally::default() {
            return;
        }
        let add = |count: &AtomicU64, by: u64| {
            count.fetch_add(by, Ordering::Relaxed);
        };
        let (source, sink) = (&self.flows[from], &self.flows[to]);
        add(&source.messages_in, tally.messages_in);
        add(&source.bytes_in, tally.bytes_in);
        add(&sink.messages_out, tally.messages_out);
        add(&sink.bytes_out, tally.bytes_out);
        add(&self.dropped, tally.dropped);
        add(&self.uncaptured, tally.uncaptured);
    }

    pub(super) fn statistics(&self) -> ProxyStatistics {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let flow = |flow: &Flow| ProxyFlow {
            messages_in: read(&flow.messages_in),
            bytes_in: read(&flow.bytes_in),
            messages_out: read(&flow.messages_out),
            bytes_out: read(&flow.bytes_out),
        };
        let [frontend, backend] = [&self.flows[FRONT], &self.flows[1 - FRONT]].map(flow);
        let (dropped, uncaptured) = (read(&self.dropped), read(&self.uncaptured));
        ProxyStatistics { frontend, backend, dropped, uncaptured }
    }
}

/// Carries out the commands that wait in the control socket.
pub(super) fn obey_control(control: &SocketCore, shared: &Shared) -> Result<()> {
    loop {
        let command = match control.run(Interest::IN, Wait::No, recv_all) {
            Ok(command) => command,
            Err(error @ (Error::Terminated | Error::Closed)) => return Err(error),
            // Nothing there, or a REP whose asker went away before it was answered.
            Err(_) => return Ok(()),
        };
        let Some(reply) = obey(control.socket_type, &command, shared) else { continue };
        // Who asks and does not take the answer goes without it.
        let sent = control.run(Interest::OUT, Wait::No, send_once(reply));
        if let Err(error @ (Error::Terminated | Error::Closed)) = sent {
            return Err(error);
        }
    }
}

fn send_once(mut reply: Message) -> impl FnMut(&mut State) -> Result<()> {
    move |state| send_all(state, &mut reply)
}

/// Carries a command out, and says what to answer.
fn obey(control: SocketType, command: &Message, shared: &Shared) -> Option<Message> {
    let mut reply = Message::from(Msg::new());
    let verb = match command.parts() {
        [verb] => &verb[..],
        _ => &b""[..],
    };
    match verb {
        b"PAUSE" => shared.set_paused(true),
        b"RESUME" => shared.set_paused(false),
        b"TERMINATE" => shared.end(),
        b"STATISTICS" => {
            reply = statistics(&shared.statistics());
            return can_send(control).then_some(reply);
        }
        _ => reply = Message::from("unknown command"),
    }
    // Only a REP must answer before it can receive the next command.
    (control == SocketType::Rep).then_some(reply)
}

fn statistics(statistics: &ProxyStatistics) -> Message {
    let flow =
        |flow: &ProxyFlow| [flow.messages_in, flow.bytes_in, flow.messages_out, flow.bytes_out];
    let counts = flow(&statistics.frontend).into_iter().chain(flow(&statistics.backend));
    counts.map(|count| Msg::from_slice(&count.to_ne_bytes())).collect()
}
