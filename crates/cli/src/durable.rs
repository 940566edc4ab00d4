//! Durability as the command line says it: giving it to a socket, and settling at the end what can
//! be settled. Used by the main thread.

use std::path::Path;
use std::time::Instant;

use oxmq::kind::Durable;
use oxmq::{AnySocket, Error, Socket, SyncPolicy};

use crate::args::{DurableArgs, Policy};
use crate::duration::Limit;
use crate::failure::Failure;
use crate::link::{Receiver, Sender};
use crate::stop::{Stop, Waited};
use crate::tell::tell;

/// What makes a socket durable.
#[derive(Clone, Copy)]
pub(crate) struct Durability<'a> {
    name: &'a str,
    store: &'a Path,
    sync: Policy,
}

impl DurableArgs {
    /// What was asked for, if anything.
    pub(crate) fn durability(&self) -> Option<Durability<'_>> {
        let (name, store) = (self.durable.as_deref()?, self.store.as_deref()?);
        Some(Durability { name, store, sync: self.sync })
    }

    /// Makes a socket durable, if that was asked for.
    pub(crate) fn apply(&self, socket: &AnySocket) -> oxmq::Result<()> {
        self.durability().map_or(Ok(()), |durable| durable.apply(socket, ""))
    }
}

impl Durability<'_> {
    /// Makes a socket durable, under the name with this at its end.
    pub(crate) fn apply(&self, socket: &AnySocket, suffix: &str) -> oxmq::Result<()> {
        let policy = match self.sync {
            Policy::Always => SyncPolicy::Always,
            Policy::Interval => SyncPolicy::Interval,
            Policy::Os => SyncPolicy::Os,
        };
        let name = format!("{}{suffix}", self.name);
        socket.configure(|options| options.durable(name, self.store).sync(policy))
    }
}

/// Whether the socket is durable; it is once it was bound or connected.
pub(crate) fn is_durable<K: Durable>(socket: &Socket<K>) -> bool {
    socket.durable_status().is_ok()
}

/// Says that everything received is dealt with.
pub(crate) fn acknowledge(receiver: &Receiver) -> Result<(), Failure> {
    match receiver.acknowledge() {
        // A socket that only sends.
        Err(Error::NotSupported { .. }) => Ok(()),
        done => done.map_err(Failure::from),
    }
}

/// Waits until peers have settled what was sent. What they have not is in the store, and no loss.
pub(crate) fn flush(sender: &Sender, linger: Limit, stop: &Stop) -> Result<(), Failure> {
    let until = linger.0.and_then(|limit| Instant::now().checked_add(limit));
    match stop.wait(until, sender.flush_async()) {
        Waited::Ready(done) => done.map_err(Failure::from),
        Waited::Stopped | Waited::TimedOut => {
            tell_kept(sender);
            Ok(())
        }
    }
}

/// Tells how many messages the next run will go on with.
pub(crate) fn tell_kept<K: Durable>(socket: &Socket<K>) {
    let kept = socket.durable_status().map_or(0, |status| status.unsettled);
    if kept > 0 {
        tell(format_args!("messages kept in the store for the next run: {kept}"));
    }
}
