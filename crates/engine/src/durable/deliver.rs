//! What the application says of messages it received, and how it finds the way to say it. Verdicts
//! come from any thread and wait here until the socket takes them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oxmq_message::{Delivery, Meta, MetaHandle, Msg, Settle, Verdict};

use super::Nudge;

/// See the file's first paragraph.
pub(super) struct Verdicts {
    nudge: Arc<Nudge>,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    /// Tokens of messages that wait for a verdict.
    open: HashSet<u64>,
    given: Vec<(u64, Verdict)>,
}

impl Verdicts {
    pub(super) fn new(nudge: Arc<Nudge>) -> Arc<Verdicts> {
        Arc::new(Verdicts { nudge, notes: Mutex::default() })
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message is handed out.
    pub(super) fn expect(&self, token: u64) {
        self.notes().open.insert(token);
    }

    /// A verdict of the socket's own; false if there was one already.
    pub(super) fn close(&self, token: u64) -> bool {
        self.notes().open.remove(&token)
    }

    /// No verdict is taken any more.
    pub(super) fn close_all(&self) {
        *self.notes() = Notes::default();
    }

    /// The verdicts that came.
    pub(super) fn take(&self) -> Vec<(u64, Verdict)> {
        std::mem::take(&mut self.notes().given)
    }
}

impl Settle for Verdicts {
    fn settle(&self, _offset: u64, token: u64, verdict: Verdict) -> bool {
        {
            let mut notes = self.notes();
            if !notes.open.remove(&token) {
                return false;
            }
            notes.given.push((token, verdict));
        }
        self.nudge.nudge();
        true
    }
}

/// A message's place in a log, as the application sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) log: u128,
    pub(super) epoch: u64,
    pub(super) offset: u64,
    pub(super) attempt: u32,
}

/// Marks the parts of a message with its place; `meta` is what is known of its connection.
pub(super) fn mark(
    parts: &mut [Msg],
    meta: Option<&Meta>,
    place: Place,
    token: u64,
    verdicts: &Arc<Verdicts>,
) {
    let settle: Arc<dyn Settle> = verdicts.clone();
    let place_of = (place.log, place.epoch, place.offset);
    let delivery = Arc::new(Delivery::new(place_of, place.attempt, token, settle));
    let mut meta = meta.cloned().unwrap_or_default();
    meta.delivery = Some(delivery);
    let mut handle = MetaHandle::new(meta);
    for part in parts {
        handle.attach(part);
        part.set_delivery_id(place.offset);
    }
}

/// The epoch in which an offset was recorded, of epochs with their first offsets, oldest first.
pub(super) fn epoch_of(epochs: &[(u64, u64)], present: u64, offset: u64) -> u64 {
    let found = epochs.iter().rev().find(|(_, first)| *first <= offset);
    found.or(epochs.first()).map_or(present, |(epoch, _)| *epoch)
}
