//! The contents of a simulated disk: what was written, and what of it was synced.
//!
//! A plain value; clones share what neither changes. A file lives as long as a name or a test
//! refers to it; its space counts while it has a name.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use crate::Random;

/// The unit that a disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;

#[derive(Debug, Clone, Default)]
struct File {
    written: Arc<Vec<u8>>,
    synced: Arc<Vec<u8>>,
    /// Numbers of sectors that differ, or may.
    dirty: Arc<BTreeSet<usize>>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Create(String, u64),
    Remove(String),
}

/// Contents of a disk.
#[derive(Debug, Clone, Default)]
pub struct Image {
    files: BTreeMap<u64, File>,
    names: BTreeMap<String, u64>,
    synced_names: BTreeMap<String, u64>,
    /// Changes of names since they were synced.
    changes: Vec<NameChange>,
    next: u64,
}

impl Image {
    /// All names.
    pub fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    /// The number of a named file.
    pub fn find(&self, name: &str) -> Option<u64> {
        self.names.get(name).copied()
    }

    /// Bytes of all files that have names.
    pub fn bytes(&self) -> u64 {
        self.names.values().map(|id| self.length(*id)).sum()
    }

    /// Contents of a named file.
    pub fn contents(&self, name: &str) -> Option<&[u8]> {
        Some(&self.files.get(self.names.get(name)?)?.written)
    }

    /// Changes a named file, durably: damage, not a write.
    pub fn damage(&mut self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(file) = self.names.get(name).and_then(|id| self.files.get_mut(id)) {
            change(Arc::make_mut(&mut file.written));
            file.synced = Arc::clone(&file.written);
            file.dirty = Arc::default();
        }
    }

    /// Removes a name for good.
    pub fn lose(&mut self, name: &str) {
        self.names.remove(name);
        self.synced_names.remove(name);
    }

    pub(crate) fn create(&mut self, name: &str) -> io::Result<u64> {
        if self.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = self.next;
        self.next += 1;
        self.files.insert(id, File::default());
        self.names.insert(name.to_owned(), id);
        self.changes.push(NameChange::Create(name.to_owned(), id));
        Ok(id)
    }

    pub(crate) fn remove(&mut self, name: &str) -> io::Result<()> {
        self.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        self.changes.push(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    pub(crate) fn sync_names(&mut self) {
        self.synced_names = self.names.clone();
        self.changes.clear();
    }

    pub(crate) fn read(&self, id: u64, at: u64, buffer: &mut [u8]) -> usize {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let rest = self.files.get(&id).and_then(|file| file.written.get(at..)).unwrap_or(&[]);
        let length = rest.len().min(buffer.len());
        buffer.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        length
    }

    pub(crate) fn write(&mut self, id: u64, at: u64, bytes: &[u8]) {
        let Some(file) = self.files.get_mut(&id) else { return };
        let at = usize::try_from(at).unwrap_or(0);
        let written = Arc::make_mut(&mut file.written);
        if written.len() < at + bytes.len() {
            written.resize(at + bytes.len(), 0);
        }
        if let Some(place) = written.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
        let sectors = at / SECTOR_BYTES..(at + bytes.len()).div_ceil(SECTOR_BYTES);
        Arc::make_mut(&mut file.dirty).extend(sectors);
    }

    /// Fills a file with zeros up to `bytes`.
    pub(crate) fn extend(&mut self, id: u64, bytes: u64) {
        if let Some(file) = self.files.get_mut(&id) {
            let bytes = usize::try_from(bytes).unwrap_or(0);
            if file.written.len() < bytes {
                Arc::make_mut(&mut file.written).resize(bytes, 0);
            }
        }
    }

    pub(crate) fn truncate(&mut self, id: u64, bytes: u64) {
        if let Some(file) = self.files.get_mut(&id) {
            Arc::make_mut(&mut file.written).truncate(usize::try_from(bytes).unwrap_or(0));
        }
    }

    pub(crate) fn length(&self, id: u64) -> u64 {
        self.files.get(&id).map_or(0, |file| file.written.len() as u64)
    }

    pub(crate) fn sync(&mut self, id: u64) {
        if let Some(file) = self.files.get_mut(&id) {
            file.synced = Arc::clone(&file.written);
            file.dirty = Arc::default();
        }
    }

    /// What is dirty will not be written, though it reads as written until the crash.
    pub(crate) fn forget_dirty(&mut self, id: u64) {
        if let Some(file) = self.files.get_mut(&id) {
            file.dirty = Arc::default();
        }
    }

    /// What is there after a loss of power.
    pub(crate) fn crash(&self, random: &mut Random) -> Self {
        // Most crashes lose nearly all or nearly nothing; the middle tears.
        let (part, whole) = *[(0, 1), (1, 1), (1, 2), (1, 8), (7, 8)]
            .get(usize::try_from(random.below(5)).unwrap_or(0))
            .unwrap_or(&(1, 2));
        let mut names = self.synced_names.clone();
        for change in &self.changes {
            if random.chance(part, whole) {
                match change {
                    NameChange::Create(name, id) => drop(names.insert(name.clone(), *id)),
                    NameChange::Remove(name) => drop(names.remove(name)),
                }
            }
        }
        // Sectors go to the disk alone, or in the pages of the system.
        let sectors = if random.chance(1, 2) { 1 } else { 8 };
        let mut files = BTreeMap::new();
        for id in names.values() {
            if let Some(file) = self.files.get(id) {
                files.insert(*id, file.crash(random, part, whole, sectors));
            }
        }
        let synced_names = names.clone();
        Self { files, names, synced_names, changes: Vec::new(), next: self.next }
    }
}

impl File {
    fn crash(&self, random: &mut Random, part: u64, whole: u64, sectors: usize) -> Self {
        let mut after = (*self.synced).clone();
        if self.written.len() != after.len() && random.chance(part, whole) {
            after.resize(self.written.len(), 0);
        }
        let mut page = (usize::MAX, false);
        for sector in self.dirty.iter() {
            if page.0 != sector / sectors {
                page = (sector / sectors, random.chance(part, whole));
            }
            let from = sector * SECTOR_BYTES;
            let to = (from + SECTOR_BYTES).min(self.written.len()).min(after.len());
            if page.1
                && from < to
                && let (Some(place), Some(bytes)) =
                    (after.get_mut(from..to), self.written.get(from..to))
            {
                place.copy_from_slice(bytes);
            }
        }
        let after = Arc::new(after);
        Self { written: Arc::clone(&after), synced: after, dirty: Arc::default() }
    }
}
