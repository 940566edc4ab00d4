//! How a socket becomes durable: its store and logs open, and it gets its durable pattern. Blocks
//! for the disk, without the socket's lock.

use std::path::Path;
use std::sync::Arc;

use oxmq_journal::{Log, LogOptions, OnFull, OpenOptions, Retention, Store};
use oxmq_zmtp::{DURABLE_PROPERTY, DurablePeer, GapReason, SocketType};

use super::addressed::Mailer;
use super::both::Dealer;
use super::intake::Intake;
use super::links::gap_event;
use super::one_way::{Push, Receive};
use super::outbox::Outbox;
use super::published::Publisher;
use super::request::Request;
use super::routed::Routed;
use super::send::Sender;
use super::{Nudge, Shared, inbox_name, role};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::monitor::EventKind;
use crate::options::{Keep, SocketOptions};
use crate::pattern::Pattern;

/// Makes a durable pattern around the plain one.
pub(crate) type MakePattern = Box<dyn FnOnce(Box<dyn Pattern>) -> Box<dyn Pattern> + Send>;

/// What a socket gets.
pub(crate) struct Opened {
    /// Makes the durable pattern around the plain one.
    pub(crate) pattern: MakePattern,
    /// What peers are told, as metadata.
    pub(crate) property: (String, Vec<u8>),
    /// The routing id of a type that has one and was given none.
    pub(crate) routing_id: Option<Vec<u8>>,
    /// What may have been lost before, for monitors.
    pub(crate) lost: Option<EventKind>,
}

/// Which instance of a log's owner this is.
const INSTANCE: &[u8] = b"instance";

/// Opens the store and the logs of a socket with these options.
pub(crate) fn open(options: &SocketOptions, nudge: Arc<Nudge>, clock: &Clock) -> Result<Opened> {
    let durable = &options.durable;
    let failed = |error| Error::store("opening a durable socket's store", error);
    let opening = OpenOptions { process: crate::sys::process_id, ..OpenOptions::default() };
    let store = Store::open(Path::new(&durable.store), opening).map_err(failed)?;
    open_in(store, options, nudge, clock)
}

/// The same in a store that is open.
pub(crate) fn open_in(
    store: Store,
    options: &SocketOptions,
    nudge: Arc<Nudge>,
    clock: &Clock,
) -> Result<Opened> {
    let durable = &options.durable;
    let failed = |error| Error::store("opening a durable socket's store", error);
    let shared = Shared { store, policy: durable.sync, nudge, clock: clock.clone() };
    let socket_type = options.socket_type();
    let sends = !matches!(socket_type, SocketType::Pull | SocketType::Sub | SocketType::XSub);
    let log = open_log(&shared, &durable.name, options, sends).map_err(failed)?;
    let instance = claim_instance(&shared, &log).map_err(failed)?;
    let id = u128::from_be_bytes(log.id());
    let sender_log = sends.then_some((id, log.epoch().map_err(failed)?));
    let peer = DurablePeer { name: durable.name.clone(), instance, log: sender_log };
    let property = (DURABLE_PROPERTY.to_owned(), peer.to_property());
    let named = matches!(socket_type, SocketType::Dealer | SocketType::Req);
    let routing_id = (named && options.routing_id.is_empty()).then(|| durable.name.clone());
    let mut lost = None;
    let mut outbox = |shared, log| {
        let outbox = Outbox::new(shared, log, durable)?;
        lost = outbox.lost.map(|range| gap_event(range, GapReason::LostInCrash));
        Ok::<_, Error>(outbox)
    };
    let pattern: MakePattern = match socket_type {
        SocketType::Push => {
            let outbox = outbox(shared, log)?;
            let sender = Sender::new(outbox, &durable.name, durable.attempts_max)?;
            Box::new(|_| Box::new(Push(sender)))
        }
        SocketType::Pull => {
            let intake = Intake::new(shared, log, durable)?;
            Box::new(|_| Box::new(Receive { intake, subscriber: None }))
        }
        SocketType::Sub | SocketType::XSub => {
            let intake = Intake::new(shared, log, durable)?.seeks_senders();
            Box::new(|plain| Box::new(Receive { intake, subscriber: Some(plain) }))
        }
        SocketType::Pub | SocketType::XPub => {
            let outbox = outbox(shared, log)?.drops_oldest();
            let publisher = Publisher::new(outbox, socket_type == SocketType::XPub, durable);
            Box::new(|_| Box::new(publisher))
        }
        SocketType::Dealer | SocketType::Req => {
            let intake = open_intake(&shared, options)?;
            let outbox = outbox(shared, log)?;
            let sender = Sender::new(outbox, &durable.name, durable.attempts_max)?;
            if socket_type == SocketType::Dealer {
                Box::new(|_| Box::new(Dealer { sender, intake }))
            } else {
                let both = Dealer { sender: sender.hold(), intake };
                Box::new(|_| Box::new(Request::new(both)))
            }
        }
        SocketType::Router | SocketType::Rep => {
            let intake = open_intake(&shared, options)?.addressed();
            let outbox = outbox(shared, log)?;
            let mailer = Mailer::new(outbox, &durable.name, durable.attempts_max)?;
            let is_rep = socket_type == SocketType::Rep;
            Box::new(move |_| Box::new(Routed::new(mailer, intake, is_rep)))
        }
        _ => return Err(Error::NotSupported { operation: "being durable" }),
    };
    Ok(Opened { pattern, property, routing_id, lost })
}

/// Opens what a socket that also sends has received.
fn open_intake(shared: &Shared, options: &SocketOptions) -> Result<Intake> {
    let name = inbox_name(&options.durable.name);
    let log = open_log(shared, &name, options, false);
    let log = log.map_err(|error| Error::store("opening what was received", error))?;
    Intake::new(shared.clone(), log, &options.durable)
}

/// Opens a log of the socket's.
pub(super) fn open_log(
    shared: &Shared,
    name: &[u8],
    options: &SocketOptions,
    sends: bool,
) -> oxmq_journal::Result<Log> {
    let publishes = matches!(options.socket_type(), SocketType::Pub | SocketType::XPub);
    let mut log = LogOptions {
        role: if sends { role::OUTBOX } else { role::INBOX },
        retention: match (publishes, options.durable.keep) {
            (true, Keep::Limits) => Retention::Limits,
            (true, Keep::Subscribers) => Retention::Consumers,
            (false, _) => Retention::Acknowledged,
        },
        ..LogOptions::default()
    };
    if publishes {
        // A publisher must not be stopped by one subscriber that is away; others wait for room.
        log.on_full = OnFull::DropOldest;
        log.bytes_max = options.durable.log_bytes_max.unwrap_or(u64::MAX);
        log.messages_max = options.durable.log_messages_max.unwrap_or(u64::MAX);
    }
    if let Some(age) = options.durable.log_age_max {
        log.age_max_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    }
    shared.store.log(name, &log)
}

/// A number above that of every socket that had this log before, and above those of other stores
/// unless their clock was ahead.
fn claim_instance(shared: &Shared, log: &Log) -> oxmq_journal::Result<u64> {
    let last =
        log.value(INSTANCE)?.and_then(|value| Some(u64::from_be_bytes(value.try_into().ok()?)));
    let micros = shared.clock.unix_micros();
    let instance = last.map_or(micros, |last| micros.max(last.saturating_add(1)));
    let mut batch = shared.store.batch();
    batch.put(log, INSTANCE, &instance.to_be_bytes())?;
    shared.store.sync(batch.commit()?.lsn)?;
    Ok(instance)
}
