//! Recovery: from the files of a directory to a state, and to a segment that goes on.
//!
//! The newest segment that is whole at its beginning holds a checkpoint; what follows in it is read
//! group by group. Where reading ends, the question is whether anything beyond was durable. The
//! witnesses are the mark, the COMMIT records that can still be read beyond, and the headers of
//! later segments. If one of them says so, data that was promised is missing, and the store does
//! not open; if none does, the end is torn, and is cut. A segment that was recovered is never
//! written again: what was cut in it stays there as bytes that no state refers to.
//!
//! Nothing here writes before the whole state is known, so recovery that is interrupted begins
//! again from the same files.

mod salvage;
mod scan;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::format::Header;
use crate::helper::{make_blank, next_bytes};
use crate::mark;
use crate::segment::{Blank, Found, SegmentFile, file_name, find, slot};
use crate::state::{Segment, State};
use crate::storage::Storage;
use crate::store::{Core, Lsn, OpenOptions, Shared};
use crate::tail::Tail;

/// What recovery found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes at the journal's end that were written but not whole, and not promised; cut.
    pub torn_bytes: u64,
    /// Messages left out by a salvage.
    pub salvaged_gaps: u64,
    /// Bytes that were read to recover.
    pub read_bytes: u64,
}

/// Files and state as recovery found them; nothing has been changed on disk.
pub(crate) struct Recovered {
    pub(crate) store: Option<[u8; 16]>,
    pub(crate) state: State,
    pub(crate) files: HashMap<u32, Arc<SegmentFile>>,
    pub(crate) blanks: Vec<Blank>,
    /// Files without a header: begun and never synced, unless something misses them.
    pub(crate) headless: Vec<String>,
    pub(crate) next_slot: u32,
    /// Number of the segment with the checkpoint, unless the store is empty.
    pub(crate) base: Option<u32>,
    pub(crate) report: Report,
}

impl Recovered {
    /// Reads what `storage` holds. Nothing after `trusted` is believed, when that is given.
    pub(crate) fn read(storage: &dyn Storage, write: bool, trusted: Option<Lsn>) -> Result<Self> {
        // The mark first: a store that is in use meanwhile only grows beyond it.
        let mark = mark::read(storage).map_err(|error| Error::io("reading the mark", &error))?;
        let mut found = Self::list(storage, write)?;
        let mark = mark.filter(|(store, _)| found.store.is_none_or(|own| own == *store));
        let durable = mark.map_or(Lsn::default(), |(_, lsn)| lsn);
        let mut numbers: Vec<u32> = found.files.keys().copied().collect();
        numbers.sort_unstable();
        let mut base = None;
        while let Some(number) = numbers.pop() {
            let Some(file) = found.files.get(&number).map(Arc::clone) else { continue };
            let scan = scan::scan(&file, trusted)?;
            let durable = durable.max(scan.durable);
            if durable > Lsn::new(number, scan.end) {
                return Err(file.damage(scan.end, scan.why));
            }
            found.report.read_bytes += scan.read_bytes;
            found.report.torn_bytes += scan.torn_bytes;
            if let Some(mut state) = scan.state {
                let segment = state.segments.entry(number);
                segment.and_modify(|segment| segment.end = scan.end);
                found.state = state;
                base = Some(number);
                break;
            }
            // Begun, and its first group never became whole: the one before is complete.
        }
        if base.is_none() && durable > Lsn::default() {
            let (segment, at) = (durable.segment(), u64::from(durable.position()));
            return Err(Error::Corrupt { segment, at, why: "the segment is missing" });
        }
        found.base = base;
        found.check_segments()?;
        Ok(found)
    }

    fn list(storage: &dyn Storage, write: bool) -> Result<Self> {
        let mut found = Self {
            store: None,
            state: State::default(),
            files: HashMap::new(),
            blanks: Vec::new(),
            headless: Vec::new(),
            next_slot: 0,
            base: None,
            report: Report::default(),
        };
        let fault = |error| Error::io("listing the store", &error);
        let mut names = storage.list().map_err(fault)?;
        names.sort_unstable();
        for name in names {
            let Some(slot) = slot(&name) else { continue };
            found.next_slot = found.next_slot.max(slot.saturating_add(1));
            match find(storage, &name, write) {
                Ok(Found::Blank(blank)) => found.blanks.push(blank),
                Ok(Found::Segment(file)) => found.take(file)?,
                Ok(Found::Damaged) => found.headless.push(name),
                // Removed meanwhile, while a live store was looked at.
                Err(Error::Io { kind: std::io::ErrorKind::NotFound, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn take(&mut self, file: Arc<SegmentFile>) -> Result<()> {
        if self.store.is_some_and(|store| store != file.header.store) {
            return Err(file.damage(0, "a segment of another store"));
        }
        self.store = Some(file.header.store);
        if let Some(double) = self.files.insert(file.header.segment, file) {
            return Err(double.damage(0, "two segments of one number"));
        }
        Ok(())
    }

    /// Every segment that holds something needed must be there, as the one it was.
    fn check_segments(&self) -> Result<()> {
        for (number, segment) in &self.state.segments {
            if segment.references == 0 {
                continue;
            }
            let missing =
                |at: u32, why| Err(Error::Corrupt { segment: *number, at: u64::from(at), why });
            let Some(file) = self.files.get(number) else {
                return missing(0, "the segment is missing");
            };
            if file.header.nonce != segment.nonce {
                return missing(0, "another segment of the same number");
            }
            let length = file.file.len().map_err(|error| Error::io("measuring", &error))?;
            if length < u64::from(segment.end) {
                return missing(u32::try_from(length).unwrap_or(u32::MAX), "the segment is cut");
            }
        }
        Ok(())
    }
}

impl Core {
    /// Recovers a store, and begins a segment in it.
    pub(crate) fn recover(
        storage: &dyn Storage,
        options: &OpenOptions,
    ) -> Result<(Self, [u8; 16])> {
        let recovered = if options.salvage {
            Recovered::salvage(storage)?
        } else {
            Recovered::read(storage, true, None)?
        };
        let store = match recovered.store {
            Some(store) => store,
            None => (options.draw)()?,
        };
        let core = Self::resume(recovered, storage, options, store, &[], 0)?;
        Ok((core, store))
    }

    /// Begins a segment after what was recovered, and after the one of the number `used`; the logs
    /// named in `open` begin an epoch.
    fn resume(
        mut recovered: Recovered,
        storage: &dyn Storage,
        options: &OpenOptions,
        store: [u8; 16],
        open: &[u32],
        used: u32,
    ) -> Result<Self> {
        let highest = recovered.files.keys().copied().max().unwrap_or(0);
        let segment = highest.max(used).saturating_add(1);
        // What was read may be in memory only; it is made durable before a checkpoint refers to it.
        if let Some(base) = recovered.base.and_then(|base| recovered.files.get(&base)) {
            base.file.sync().map_err(|error| Error::io("syncing", &error))?;
        }
        let durable = recovered.base.map_or(Lsn::default(), |base| {
            Lsn::new(base, recovered.state.segments.get(&base).map_or(0, |segment| segment.end))
        });
        let idle = recovered.idle_files();
        let headless = std::mem::take(&mut recovered.headless);
        let mut checkpoint = Vec::new();
        recovered.state.checkpoint(0, &mut checkpoint);
        let needed = u32::try_from(checkpoint.len() * 2 + 8192).unwrap_or(u32::MAX);
        let bytes = next_bytes(options.segment_bytes, 0).max(needed);
        let blank = recovered.take_blank(bytes, storage)?;
        let nonce =
            u64::from_le_bytes(crate::format::Fields(&(options.draw)()?).array().unwrap_or([0; 8]));
        let header = Header { store, segment, nonce, bytes: blank.bytes, durable: durable.0 };
        let seed = header.seed();
        let file = Arc::new(SegmentFile { file: blank.file, name: blank.name, header, seed });
        let mut core = Self {
            state: recovered.state,
            tail: Tail::new(file, options.tail_bytes),
            files: recovered.files,
            indexes: HashMap::new(),
            blanks: recovered.blanks,
            next_slot: recovered.next_slot,
            begun: 1,
            written: Lsn::default(),
            synced: Lsn::default(),
            flushing: false,
            failure: None,
            lost: VecDeque::new(),
            closed: false,
            blocked: 0,
            waiters: Vec::new(),
            wakers: Vec::new(),
            open_logs: open.iter().copied().collect(),
            report: recovered.report,
        };
        core.begin(options, open)?;
        storage.sync_names().map_err(|error| Error::io("syncing the directory", &error))?;
        mark::write(storage, store, core.synced);
        for name in headless {
            // A file that stays is removed by the next open.
            let _ = storage.remove(&name);
        }
        for number in idle {
            if let Some(file) = core.files.remove(&number) {
                core.state.segments.remove(&number);
                // A file that stays is removed by the next open.
                let _ = storage.remove(&file.name);
            }
        }
        Ok(core)
    }

    /// Writes the checkpoint and the epochs, durably.
    fn begin(&mut self, options: &OpenOptions, open: &[u32]) -> Result<()> {
        let now_ms = (options.clock_ms)();
        self.write_checkpoint(now_ms);
        let mut epochs = Vec::new();
        for index in open {
            if let Some(log) = self.state.logs.get(index) {
                let (epoch, first) = (log.epoch() + 1, log.next);
                Entry::Epoch { epoch, first }.encode(*index, &mut epochs);
            }
        }
        self.push(&epochs, now_ms);
        self.tail.end_group(0);
        for write in self.tail.take_unwritten() {
            let fault = |error| Error::io("writing a segment", &error);
            write.file.file.write_at(u64::from(write.at), &write.bytes).map_err(fault)?;
        }
        self.tail.file.file.sync().map_err(|error| Error::io("syncing", &error))?;
        self.written = self.end();
        self.tail.note_written(self.written.segment(), self.written.position());
        self.synced = self.end();
        Ok(())
    }
}

impl Recovered {
    /// Segments that hold nothing needed.
    fn idle_files(&self) -> Vec<u32> {
        let needed = |number: &u32| {
            self.state.segments.get(number).is_some_and(|segment: &Segment| segment.references > 0)
        };
        self.files.keys().copied().filter(|number| !needed(number)).collect()
    }

    /// A prepared file left by the last owner, or a new one; others that are too small go.
    fn take_blank(&mut self, bytes: u32, storage: &dyn Storage) -> Result<Blank> {
        let fits = |blank: &Blank| blank.bytes >= bytes;
        let mut kept = None;
        for blank in std::mem::take(&mut self.blanks) {
            if kept.is_none() && fits(&blank) {
                kept = Some(blank);
            } else {
                storage.remove(&blank.name).map_err(|error| Error::io("removing", &error))?;
            }
        }
        if let Some(blank) = kept {
            return Ok(blank);
        }
        let slot = self.next_slot;
        self.next_slot += 1;
        debug_assert!(!self.files.values().any(|file| file.name == file_name(slot)));
        make_blank(storage, slot, bytes)
    }
}

impl Shared {
    /// Opens the store anew when the disk has failed since the last commit. The lock is held for
    /// as long as that takes: there is nothing else that the store could do meanwhile.
    pub(crate) fn revive(&self, core: &mut Core) -> Result<()> {
        if core.closed {
            return Err(Error::Closed);
        }
        if core.failure.is_none() {
            return Ok(());
        }
        let mut recovered = Recovered::read(&*self.storage, true, Some(core.synced))?;
        let open: Vec<u32> = core.open_logs.iter().copied().collect();
        recovered.next_slot = recovered.next_slot.max(core.next_slot);
        // Positions that were given up are not used again: who has waited for them still asks.
        let used = core.end().segment();
        let mut fresh = Self::resume_for(recovered, self, &open, used)?;
        fresh.lost = std::mem::take(&mut core.lost);
        fresh.blocked = core.blocked;
        fresh.waiters = std::mem::take(&mut core.waiters);
        fresh.wakers = std::mem::take(&mut core.wakers);
        fresh.flushing = core.flushing;
        *core = fresh;
        self.marks.revived();
        Ok(())
    }

    fn resume_for(recovered: Recovered, shared: &Self, open: &[u32], used: u32) -> Result<Core> {
        Core::resume(recovered, &*shared.storage, &shared.options, shared.store, open, used)
    }
}
