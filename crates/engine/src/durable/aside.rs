//! Where messages go that nobody can deal with: the log `NAME/dead` of the store, which `oxmq
//! journal` shows. Owned by a pattern, under the socket's lock.

use std::time::Duration;

use oxmq_journal::{Batch, Log, LogOptions, Record};

use super::{Shared, role};
use crate::monitor::EventKind;

/// How long a message waits that could not be set aside before that is tried again.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// The attempt of a message that shall be set aside, however often it was tried.
pub(super) const REJECTED: u32 = u32::MAX;

/// See the file's first paragraph.
pub(super) struct Aside {
    name: Vec<u8>,
    /// Open once something was set aside.
    log: Option<Log>,
    /// The last try failed, which was told.
    failed: bool,
}

impl Aside {
    /// Of the log of this name.
    pub(super) fn of(log: &[u8]) -> Aside {
        Aside { name: [log, b"/dead"].concat(), log: None, failed: false }
    }

    /// Records a message there, and what `also` adds with it. If that fails nothing is recorded;
    /// of several failures in a row, the first one comes back as an event.
    pub(super) fn put(
        &mut self,
        shared: &Shared,
        record: &Record,
        also: impl FnOnce(&mut Batch) -> oxmq_journal::Result<()>,
    ) -> Result<(), Option<EventKind>> {
        let put = self.try_put(shared, record, also);
        let told = std::mem::replace(&mut self.failed, put.is_err());
        put.map_err(|error| (!told).then_some(EventKind::StoreFailed { error }))
    }

    fn try_put(
        &mut self,
        shared: &Shared,
        record: &Record,
        also: impl FnOnce(&mut Batch) -> oxmq_journal::Result<()>,
    ) -> oxmq_journal::Result<()> {
        let log = match &self.log {
            Some(log) => log,
            None => {
                // A name that is in use has its owner in another socket of that name.
                let options = LogOptions { role: role::DEAD, ..LogOptions::default() };
                self.log.insert(shared.store.log(&self.name, &options)?)
            }
        };
        let parts: Vec<&[u8]> = record.parts().collect();
        let mut batch = shared.store.batch();
        batch.append(log, &parts, record.attributes())?;
        also(&mut batch)?;
        batch.commit().map(drop)
    }
}

/// Whether a message that comes to this attempt shall be set aside.
pub(super) fn is_spent(attempt: u32, attempts_max: u32) -> bool {
    attempt == REJECTED || (attempts_max > 0 && attempt > attempts_max)
}
