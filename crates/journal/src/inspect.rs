//! A look at a store without owning it: what the tools list, show and verify.
//!
//! Reads files only, takes no lock, and never writes, so it may be used on a store that another
//! process is using; it then sees what was written when it was opened. Owned by one caller.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::claim;
use crate::entry::{MessageHead, kind};
use crate::error::{Error, Result};
use crate::format::{FRAME_BYTES, Frame, HEADER_BYTES};
use crate::log::{ConsumerStatus, LogStatus, RemoteCursor};
use crate::reader::Record;
use crate::recover::{Recovered, Report};
use crate::segment::SegmentFile;
use crate::state::{LogState, Place};
use crate::storage::{FileStorage, Storage};

/// How often a store that changes under the reader is read again.
const ATTEMPTS: usize = 5;

/// A place where synced data is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Number of the segment.
    pub segment: u32,
    /// Name of its file.
    pub file: String,
    /// What is wrong.
    pub error: Error,
}

/// A store as it was when it was looked at.
pub struct Inspect {
    recovered: Recovered,
    owner: Option<u32>,
}

impl std::fmt::Debug for Inspect {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Inspect").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Inspect {
    /// Looks at the store in `directory`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when its state cannot be read; `repair` is for that. The system's error
    /// when there is no such directory.
    pub fn open(directory: &Path) -> Result<Self> {
        let storage = FileStorage::open(directory)
            .map_err(|error| Error::io("opening the directory of the store", &error))?;
        let mut inspect = Self::open_on(&storage)?;
        inspect.owner = claim::owner(&storage);
        Ok(inspect)
    }

    /// Looks at a store on a storage of the caller's.
    pub fn open_on(storage: &dyn Storage) -> Result<Self> {
        let mut attempts = 1;
        loop {
            match Recovered::read(storage, false, None) {
                Ok(recovered) => return Ok(Self { recovered, owner: None }),
                // Files come and go while the owner works.
                Err(Error::Corrupt { .. }) if attempts < ATTEMPTS => attempts += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The process that opened the store last, as its record says; it may have ended.
    pub fn owner(&self) -> Option<u32> {
        self.owner
    }

    /// What reading the state found.
    pub fn report(&self) -> &Report {
        &self.recovered.report
    }

    /// Bytes of the store's files.
    pub fn disk_bytes(&self) -> u64 {
        let files = self.recovered.files.values().map(|file| u64::from(file.header.bytes));
        files.chain(self.recovered.blanks.iter().map(|blank| u64::from(blank.bytes))).sum()
    }

    /// Figures of all logs.
    pub fn logs(&self) -> Vec<LogStatus> {
        self.recovered.state.logs.values().map(LogState::status).collect()
    }

    /// The consumers of a log.
    pub fn consumers(&self, log: &[u8]) -> Result<Vec<ConsumerStatus>> {
        Ok(self.find(log)?.1.consumer_list())
    }

    /// A log's places in logs of other stores.
    pub fn remote_cursors(&self, log: &[u8]) -> Result<Vec<([u8; 16], RemoteCursor)>> {
        Ok(self.find(log)?.1.remote_cursors())
    }

    /// Calls `visit` for the messages of a log from offset `from` on, in order within each
    /// segment, until it breaks off. What is damaged is passed over, and returned.
    pub fn records(
        &self,
        log: &[u8],
        from: u64,
        mut visit: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<Vec<Damage>> {
        let (index, state) = self.find(log)?;
        let mut damages = Vec::new();
        let mut broken = false;
        for (_, run) in state.runs() {
            if broken {
                break;
            }
            let Some(file) = self.recovered.files.get(&run.segment) else { continue };
            let end = self.recovered.state.segments.get(&run.segment);
            let (at, end) = match run.place {
                Some(place) => (place.position, place.position + place.bytes),
                None => (HEADER_BYTES, end.map_or(0, |segment| segment.end)),
            };
            let visit = |at, frame: Frame, record: &[u8]| {
                if broken || frame.kind != kind::MESSAGE || frame.log != index {
                    return Ok(());
                }
                let body = record.get(FRAME_BYTES..frame.length).unwrap_or(&[]);
                let Some(head) = MessageHead::decode(body) else { return Ok(()) };
                let is_moved = state.moved.contains_key(&head.offset);
                if head.offset < from
                    || is_moved != run.place.is_some()
                    || !state.stores(head.offset, run.segment, at)
                {
                    return Ok(());
                }
                let laid_out = Record::lay_out(Arc::new(body.to_vec()), 0, body.len(), head);
                let mut record = laid_out.ok_or_else(|| file.damage(at, "a message's layout"))?;
                record.epoch = state.epoch_of(head.offset);
                broken = visit(record).is_break();
                Ok(())
            };
            file.walk_past(at, end, visit, |error| damages.push(damage(file, error)))?;
        }
        Ok(damages)
    }

    /// Reads every segment that holds something needed, and returns what is damaged. Of a segment
    /// out of which a repair has taken what was whole, only that is needed.
    pub fn verify(&self) -> Result<Vec<Damage>> {
        let mut damages = Vec::new();
        let state = &self.recovered.state;
        let whole = |number: u32| {
            state.logs.values().any(|log| log.extents.values().any(|e| e.segment == number))
        };
        for (number, segment) in &state.segments {
            let Some(file) = self.recovered.files.get(number) else { continue };
            let mut check = |from, end| {
                let note = |error| damages.push(damage(file, error));
                file.walk_past(from, end, |_, _, _| Ok(()), note)
            };
            if whole(*number) || segment.references == 0 {
                check(HEADER_BYTES, segment.end)?;
                continue;
            }
            for place in state.logs.values().flat_map(|log| log.moved.values()) {
                if place.segment == *number {
                    check(place.position, place.position + place.bytes)?;
                }
            }
        }
        Ok(damages)
    }

    fn find(&self, name: &[u8]) -> Result<(u32, &LogState)> {
        let state = &self.recovered.state;
        let index = *state.names.get(name).ok_or(Error::NoSuchLog)?;
        Ok((index, state.logs.get(&index).ok_or(Error::NoSuchLog)?))
    }
}

/// Where messages of a log lie.
struct Run {
    segment: u32,
    /// The place of a single message; `None`: anywhere in the segment.
    place: Option<Place>,
}

fn damage(file: &SegmentFile, error: Error) -> Damage {
    Damage { segment: file.header.segment, file: file.name.clone(), error }
}

impl LogState {
    /// What holds its messages, by the lowest offset that each holds.
    fn runs(&self) -> Vec<(u64, Run)> {
        let mut lowest: BTreeMap<u32, u64> = BTreeMap::new();
        for (first, extent) in &self.extents {
            let entry = lowest.entry(extent.segment).or_insert(*first);
            *entry = (*first).min(*entry);
        }
        let stored =
            lowest.into_iter().map(|(segment, first)| (first, Run { segment, place: None }));
        let moved = self
            .moved
            .iter()
            .map(|(offset, place)| (*offset, Run { segment: place.segment, place: Some(*place) }));
        let mut runs: Vec<(u64, Run)> = stored.chain(moved).collect();
        runs.sort_by_key(|(first, _)| *first);
        runs
    }
}
