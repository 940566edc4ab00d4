//! Durable sockets: sockets whose life is longer than their process.
//!
//! A durable socket has a pattern of its own in place of its type's plain one, put there at the
//! first bind or connect, when its store opens; plain sockets have nothing of this on their paths.
//! A sender records each message in its log before it goes out (`outbox`), hands it to the peers
//! that are there (`links`) and keeps it until a peer has settled it. A receiver (`intake`) tells
//! durable senders what it has settled, and records what others send before the application sees
//! it. What the two ends say to each other is in `oxmq_zmtp::DurableCommand`.
//!
//! All of it runs under the socket's lock, which is never held while a disk is waited for: a send
//! that must wait for the disk returns [`Error::Unsynced`] inside the engine, and its shell waits.

mod addressed;
mod ages;
mod aside;
mod attributes;
mod both;
mod deliver;
mod intake;
mod links;
mod nudge;
mod one_way;
mod open;
mod outbox;
mod published;
mod queue;
mod receive;
mod request;
mod reserve;
mod routed;
mod send;

use std::sync::Arc;
use std::time::{Duration, Instant};

use oxmq_journal::{Batch, ConsumerId, Log, Lsn, Store};
use oxmq_message::Delivery;
use oxmq_zmtp::{DURABLE_PROPERTY, DurableCommand, DurablePeer, Established};

pub(crate) use self::nudge::Nudge;
#[cfg(feature = "simulation")]
pub(crate) use self::open::open_in;
pub(crate) use self::open::{Opened, open};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::limits::{DEFERRED_SENDS_MAX, DURABLE_STREAM_PAUSE};
use crate::monitor::EventKind;
use crate::options::SyncPolicy;
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// What a durable pattern is told of a peer.
pub(crate) enum Told {
    /// The context of a PING of ours came back.
    Pong(Vec<u8>),
    Command(DurableCommand),
}

/// What durable patterns and the rest of the socket leave for each other. Empty on plain sockets.
#[derive(Default)]
pub(crate) struct Notes {
    /// The socket is durable.
    pub(crate) on: bool,
    pub(crate) told: Vec<(PipeId, Told)>,
    /// For monitors, with the pipe's endpoint.
    pub(crate) events: Vec<(Option<PipeId>, EventKind)>,
    /// The running receive is a future's, whose thread says nothing.
    pub(crate) in_future: bool,
    /// The socket's queues may go to disk.
    pub(crate) spills: bool,
    /// The socket was bound or connected.
    pub(crate) begun: bool,
    /// What peers are told of the socket.
    pub(crate) own: Option<DurablePeer>,
    /// What is recorded together with the next message that is sent.
    pub(crate) with: Vec<Extra>,
    /// Whoever sends does not wait until what it sends is safe.
    pub(crate) unattended: bool,
    /// When the last send was safe.
    last_send: Option<Instant>,
    /// Sends since then have left it to the flush tick to hand on what is safe.
    pub(crate) deferred: u32,
}

impl Notes {
    /// A send is recorded and safe. Whether what is safe goes on with it: a stream of them leaves
    /// it to the flush tick, or to one of many.
    pub(crate) fn goes_on(&mut self, now: Instant) -> bool {
        let is_close = self.last_send.is_some_and(|last| now - last < DURABLE_STREAM_PAUSE);
        self.last_send = Some(now);
        if !is_close || self.deferred >= DEFERRED_SENDS_MAX {
            self.deferred = 0;
            return true;
        }
        self.deferred += 1;
        false
    }

    /// The pattern, or a monitor, has not been told of everything.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        !self.told.is_empty() || !self.events.is_empty()
    }
}

/// What is recorded together with a message.
#[derive(Clone, Debug)]
pub(crate) enum Extra {
    /// A message of a receiver's own log is settled.
    Ack { log: Log, consumer: ConsumerId, offset: u64 },
    /// A message of a durable sender's log is settled.
    Taken { log: Log, remote: [u8; 16], offset: u64 },
}

impl Extra {
    fn log(&self) -> &Log {
        match self {
            Extra::Ack { log, .. } | Extra::Taken { log, .. } => log,
        }
    }

    fn add_to(&self, batch: &mut Batch) -> oxmq_journal::Result<()> {
        match self {
            Extra::Ack { log, consumer, offset } => batch.ack(log, *consumer, *offset..*offset + 1),
            Extra::Taken { log, remote, offset } => {
                batch.take_of_remote(log, *remote, *offset..*offset + 1)
            }
        }
    }

    /// Records some of them with nothing else.
    pub(crate) fn record(with: &[Extra]) -> Result<Option<Lsn>> {
        let Some(first) = with.first() else { return Ok(None) };
        let mut batch = first.log().store().batch();
        let recorded = with.iter().try_for_each(|extra| extra.add_to(&mut batch));
        let done = recorded.and_then(|()| batch.commit());
        done.map(|done| Some(done.lsn)).map_err(|error| Error::store("settling a message", error))
    }
}

/// What a peer says of itself in the handshake.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerClaim {
    /// It speaks the extension.
    pub(crate) ours: Option<DurablePeer>,
    /// Its application gave it a name.
    pub(crate) name: Option<Vec<u8>>,
    /// It answers PINGs.
    pub(crate) pings: bool,
}

impl PeerClaim {
    /// Of a peer whose handshake is complete; `None` if it says nothing and answers nothing.
    pub(crate) fn of_connection(established: Option<&Established>) -> Option<Box<PeerClaim>> {
        let established = established?;
        let value = established.metadata.get(DURABLE_PROPERTY).unwrap_or_default();
        Some(Box::new(PeerClaim {
            ours: DurablePeer::parse(value),
            name: DurablePeer::bare_name(value),
            pings: established.pings,
        }))
    }

    /// Of a peer inside the process.
    pub(crate) fn of_inproc(peer: Option<&DurablePeer>) -> Option<Box<PeerClaim>> {
        let peer = peer?;
        Some(Box::new(PeerClaim { ours: Some(peer.clone()), name: None, pings: false }))
    }
}

/// A message that is in the log and not yet safe: whoever sent it waits.
#[derive(Clone)]
pub struct Unsynced {
    store: Store,
    lsn: Lsn,
    policy: SyncPolicy,
}

impl std::fmt::Debug for Unsynced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unsynced").field("lsn", &self.lsn).finish_non_exhaustive()
    }
}

impl Unsynced {
    pub(crate) fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// Waits until the message is as safe as the socket's policy asks.
    pub(crate) fn wait(&self) -> Result<()> {
        let done = match self.policy {
            SyncPolicy::Always => self.store.sync(self.lsn),
            SyncPolicy::Interval | SyncPolicy::Os => self.store.written(self.lsn),
        };
        done.map_err(|error| Error::store("recording a message", error))
    }

    /// Calls `then` once it is.
    pub(crate) fn on_safe(&self, then: impl FnOnce(Result<()>) + Send + 'static) {
        let then = move |done: oxmq_journal::Result<()>| {
            then(done.map_err(|error| Error::store("recording a message", error)));
        };
        match self.policy {
            SyncPolicy::Always => self.store.on_synced(self.lsn, Box::new(then)),
            SyncPolicy::Interval | SyncPolicy::Os => then(self.store.written(self.lsn)),
        }
    }
}

/// Where the durable messages of a socket stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DurableStatus {
    /// Messages in the log that no peer has settled.
    pub unsettled: u64,
    /// Of those, how many are with a peer.
    pub in_flight: u64,
    /// Messages that were received and wait for their acknowledgement.
    pub unacknowledged: u64,
}

/// Where a durable receiver goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// With the oldest message that is kept.
    Earliest,
    /// With the next new message.
    Latest,
    /// With this offset.
    Offset(u64),
}

/// What can be asked of a durable pattern beyond sending and receiving.
pub(crate) trait Durable {
    fn status(&mut self) -> DurableStatus;

    /// Goes on receiving elsewhere.
    fn seek(&mut self, _pipes: &mut Pipes, _position: Position) -> Result<()> {
        Err(Error::NotSupported { operation: "seeking on a socket that only sends" })
    }

    /// Takes the message of this delivery, which waits for its verdict, to be settled together
    /// with something else; `planned` has to follow.
    fn plan(&mut self, _pipes: &mut Pipes, _delivery: &Delivery) -> Result<Extra> {
        Err(Error::NotSupported { operation: "settling on a socket that only sends" })
    }

    /// What was planned was recorded there; `None`: it was not.
    fn planned(&mut self, _pipes: &mut Pipes, _token: u64, _recorded: Option<Lsn>) {}

    /// Gives the logs up: the socket is being closed. What is left to do, without the socket's
    /// lock, is done by the closure.
    fn close(&mut self) -> Box<dyn FnOnce() + Send>;
}

/// A log's name within the store, for what a socket receives from peers that are not durable while
/// the name itself is the log of what it sends.
fn inbox_name(name: &[u8]) -> Vec<u8> {
    [name, b"/in"].concat()
}

/// The role byte of a log, as `oxmq journal` shows it.
pub(crate) mod role {
    pub(crate) const OUTBOX: u8 = 1;
    pub(crate) const INBOX: u8 = 2;
    pub(crate) const DEAD: u8 = 3;
}

/// Most messages that one peer may have without having settled them. Each costs about 40 bytes.
pub(crate) const IN_FLIGHT_MAX: usize = 65_536;

/// Acknowledgements that are recorded together, unless the socket has a pause before.
pub(crate) const ACKS_PER_BATCH: usize = 256;

/// How long a single acknowledgement may wait for others.
pub(crate) const ACK_DELAY: Duration = Duration::from_millis(5);

/// Acknowledgements are recorded at once when a receiver finds no more messages, unless it did so
/// as recently as this: then they wait for others.
pub(crate) const ACK_PAUSE: Duration = Duration::from_millis(1);

/// Messages of other peers that are recorded together.
pub(crate) const INTAKE_BATCH: usize = 256;

/// How long a sender whose disk is full waits before it tries again.
pub(crate) const FULL_DISK_PAUSE: Duration = Duration::from_millis(100);

/// Bytes sent to a peer without a PING after which one goes.
pub(crate) const PING_BYTES: usize = 64 * 1024;

/// Messages read from the log in one turn of the dispatcher, so that others get the lock.
pub(crate) const DISPATCH_TURN: usize = 1024;

/// Shared by everything of one durable socket.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) policy: SyncPolicy,
    pub(crate) nudge: Arc<Nudge>,
    pub(crate) clock: Clock,
}

impl Shared {
    /// What was committed there is as safe as the policy asks before anything goes out.
    fn is_safe(&self, lsn: Lsn) -> bool {
        match self.policy {
            SyncPolicy::Os => self.store.is_written(lsn),
            SyncPolicy::Always | SyncPolicy::Interval => self.store.is_durable(lsn),
        }
    }

    /// What was committed there will never be safe, as the disk has failed. The store opens anew
    /// with the next commit, after a pause.
    fn is_given_up(&self, lsn: Lsn) -> bool {
        self.store.is_given_up(lsn)
    }

    /// The socket is nudged once the log is safe up to there, or the disk has failed. Not for what
    /// is given up: the nudge would come at once, and the socket ask again.
    fn await_safe(&self, lsn: Lsn) {
        let nudge = self.nudge.clone();
        let nudge = Box::new(move |_| nudge.nudge());
        match self.policy {
            SyncPolicy::Os => self.store.on_written(lsn, nudge),
            SyncPolicy::Always | SyncPolicy::Interval => self.store.on_synced(lsn, nudge),
        }
    }

    /// The same once the disk has it, whatever the policy.
    fn await_durable(&self, lsn: Lsn) {
        let nudge = self.nudge.clone();
        self.store.on_synced(lsn, Box::new(move |_| nudge.nudge()));
    }

    /// What closes a log: it is synchronised, and its name is free again.
    fn finish(&self, log: Log) -> Box<dyn FnOnce() + Send> {
        let store = self.store.clone();
        Box::new(move || {
            // A failure leaves the log as a crash would, which recovery is for.
            let mut batch = store.batch();
            let closed = reserve::Reserve::close(&log, &mut batch).and_then(|()| batch.commit());
            let _ = closed.and_then(|done| store.sync(done.lsn));
            drop(log);
        })
    }
}
