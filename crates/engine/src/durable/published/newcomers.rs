//! Subscribers that have given no name. One that knows nothing of the extension names itself by a
//! subscription, so each has a moment for it before it counts as a plain one: until then it is sent
//! nothing, or it would get the same again under its name. Plain state; reads no clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use oxmq_message::Msg;

use crate::pipe::PipeId;

/// The time for a name: a stock peer sends its subscriptions right after the handshake.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// Messages of one peer that are kept meanwhile, and their bytes; with more its time is over.
const SAID_MAX: usize = 1024;
const SAID_BYTES_MAX: usize = 1024 * 1024;

/// See the file's first paragraph.
#[derive(Default)]
pub(super) struct Newcomers {
    peers: BTreeMap<PipeId, Newcomer>,
    /// Those whose time is over.
    unnamed: usize,
}

struct Newcomer {
    /// When its time is over; `None` if it is.
    until: Option<Instant>,
    /// What it has sent, as long as nothing was published to it.
    said: Option<Vec<Msg>>,
    bytes: usize,
}

impl Newcomers {
    /// A peer without a name has come; returns when its time is over.
    pub(super) fn came(&mut self, id: PipeId, now: Instant) -> Instant {
        let until = now + GRACE;
        self.forget(id);
        self.peers.insert(id, Newcomer { until: Some(until), said: Some(Vec::new()), bytes: 0 });
        until
    }

    /// The peer may still name itself before it is anything else.
    pub(super) fn holds(&self, id: PipeId) -> bool {
        self.peers.get(&id).is_some_and(|peer| peer.until.is_some())
    }

    /// The peer is a plain subscriber.
    pub(super) fn is_unnamed(&self, id: PipeId) -> bool {
        self.peers.get(&id).is_some_and(|peer| peer.until.is_none())
    }

    /// There are plain subscribers.
    pub(super) fn has_unnamed(&self) -> bool {
        self.unnamed > 0
    }

    /// Notes what a peer has sent. False if that was too much to keep.
    pub(super) fn note(&mut self, id: PipeId, msg: Msg) -> bool {
        let Some(peer) = self.peers.get_mut(&id) else { return true };
        let Some(said) = &mut peer.said else { return false };
        peer.bytes += msg.len();
        said.push(msg);
        let fits = said.len() <= SAID_MAX && peer.bytes <= SAID_BYTES_MAX;
        if !fits && peer.until.is_none() {
            // A plain subscriber that has said so much will not become another.
            peer.said = None;
        }
        fits
    }

    /// The peer's time is over; returns what it has sent so far.
    pub(super) fn admit(&mut self, id: PipeId) -> Option<Vec<Msg>> {
        let peer = self.peers.get_mut(&id)?;
        peer.until.take()?;
        self.unnamed += 1;
        let said = peer.said.clone();
        let kept = said.as_ref().map_or(0, Vec::len);
        if kept > SAID_MAX || peer.bytes > SAID_BYTES_MAX {
            peer.said = None;
        }
        said
    }

    /// Something was published to plain subscribers: they cannot become others any more.
    pub(super) fn published(&mut self) {
        if self.unnamed > 0 {
            let plain = self.peers.values_mut().filter(|peer| peer.until.is_none());
            plain.for_each(|peer| peer.said = None);
        }
    }

    /// The peer names itself; returns what it has sent so far and whether it was a plain one.
    /// `None` if it is too late for that.
    pub(super) fn name(&mut self, id: PipeId) -> Option<(Vec<Msg>, bool)> {
        let peer = self.peers.get_mut(&id)?;
        let said = peer.said.take()?;
        let was_plain = peer.until.is_none();
        self.forget(id);
        Some((said, was_plain))
    }

    /// The peer is gone.
    pub(super) fn forget(&mut self, id: PipeId) {
        if self.peers.remove(&id).is_some_and(|peer| peer.until.is_none()) {
            self.unnamed -= 1;
        }
    }

    /// Peers whose time is over by now.
    pub(super) fn due(&self, now: Instant) -> Vec<PipeId> {
        let due = self.peers.iter().filter(|(_, peer)| peer.until.is_some_and(|at| at <= now));
        due.map(|(id, _)| *id).collect()
    }

    /// When the next peer's time is over.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.peers.values().filter_map(|peer| peer.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_subscriber_that_goes_on_is_not_kept_in_mind_for_ever() {
        let id = PipeId(0);
        let mut newcomers = Newcomers::default();
        newcomers.came(id, Instant::now());
        assert!(newcomers.note(id, Msg::from_static(b"\x01first")));
        assert_eq!(newcomers.admit(id).map(|said| said.len()), Some(1));
        let noted = (0..10 * SAID_MAX)
            .take_while(|_| newcomers.note(id, Msg::from_static(b"\x01again")))
            .count();
        assert_eq!(noted, SAID_MAX - 1);
        assert!(newcomers.peers[&id].said.is_none());
        assert!(newcomers.name(id).is_none(), "too late for a name");
    }
}
