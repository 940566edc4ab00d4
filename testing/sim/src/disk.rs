//! A process's disk: the simulated disk of the journal's own tests, with a place at which the
//! process dies, and a memory of which messages it has made durable.
//!
//! Owned by a node; the store writes through [`Mounted`], which belongs to one life of its process.
//! What a dead process still writes goes nowhere: the next one's disk was copied before.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use oxmq_disk::{Image, SimDisk};
use oxmq_journal::storage::{Storage, StorageFile};

use crate::message::MessageId;

/// One life of a process, as its disk and its connections see it.
#[derive(Debug, Default)]
pub(crate) struct Life {
    dead: AtomicBool,
    /// Calls of the disk, and the one before which the process dies; 0 is none.
    calls: AtomicU64,
    dies_at: AtomicU64,
    /// What the disk held when the process died.
    left: Mutex<Option<Image>>,
    /// Messages that were once as safe as the policy asks.
    durable: Mutex<BTreeSet<MessageId>>,
    /// What is written is safe: the policy asks for no more.
    is_written_safe: AtomicBool,
    /// Syncs say yes and do nothing.
    lies: AtomicBool,
}

impl Life {
    /// The next life of a process on the same disk.
    pub(crate) fn after(former: &Life) -> Life {
        let durable = former.durable.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Life { durable: Mutex::new(durable), ..Life::default() }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// The process dies now.
    pub(crate) fn kill(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    /// The process dies before one of the next calls of its disk.
    pub(crate) fn die_in(&self, calls: u64) {
        self.dies_at.store(self.calls.load(Ordering::Relaxed) + calls.max(1), Ordering::Relaxed);
    }

    /// The process does not die of what was planned.
    pub(crate) fn live_on(&self) {
        self.dies_at.store(0, Ordering::Relaxed);
    }

    /// The policy asks for no more than that messages are written.
    pub(crate) fn written_is_safe(&self) {
        self.is_written_safe.store(true, Ordering::Relaxed);
    }

    /// A message was made as safe as the policy asks.
    pub(crate) fn is_durable(&self, id: MessageId) -> bool {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    fn note_durable(&self, image: &Image, only: Option<&str>) {
        if self.lies.load(Ordering::Relaxed) || self.is_dead() {
            return;
        }
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        for name in image.names() {
            if only.is_none_or(|only| only == name) {
                MessageId::find(image.contents(&name).unwrap_or_default(), |id| {
                    durable.insert(id);
                });
            }
        }
    }

    fn note_written(&self, bytes: &[u8]) {
        if !self.is_written_safe.load(Ordering::Relaxed) || self.is_dead() {
            return;
        }
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        MessageId::find(bytes, |id| {
            durable.insert(id);
        });
    }

    fn left(&self) -> std::sync::MutexGuard<'_, Option<Image>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A disk in one life of its process.
#[derive(Debug, Clone)]
pub(crate) struct Mounted {
    disk: SimDisk,
    life: Arc<Life>,
}

impl Mounted {
    /// Mounts a disk with these contents. With `lies`, its syncs do nothing.
    pub(crate) fn new(contents: Image, life: &Arc<Life>, lies: bool) -> Self {
        let disk = SimDisk::with_image(contents);
        disk.syncs_lie(lies);
        life.lies.store(lies, Ordering::Relaxed);
        Self { disk, life: Arc::clone(life) }
    }

    pub(crate) fn disk(&self) -> &SimDisk {
        &self.disk
    }

    /// What the disk holds when the process is dead: as it was at that moment.
    pub(crate) fn left(&self) -> Image {
        self.life.left().take().unwrap_or_else(|| self.disk.image())
    }

    fn call(&self) {
        let calls = self.life.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if calls == self.life.dies_at.load(Ordering::Relaxed) && !self.life.is_dead() {
            *self.life.left() = Some(self.disk.image());
            self.life.kill();
        }
    }
}

impl Storage for Mounted {
    fn list(&self) -> io::Result<Vec<String>> {
        self.call();
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.call();
        let file = self.disk.create(name)?;
        Ok(Arc::new(MountedFile { mounted: self.clone(), name: name.to_owned(), file }))
    }

    fn open(&self, name: &str, write: bool) -> io::Result<Arc<dyn StorageFile>> {
        self.call();
        let file = self.disk.open(name, write)?;
        Ok(Arc::new(MountedFile { mounted: self.clone(), name: name.to_owned(), file }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.call();
        self.disk.remove(name)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.call();
        self.disk.sync_names()
    }
}

#[derive(Debug)]
struct MountedFile {
    mounted: Mounted,
    name: String,
    file: Arc<dyn StorageFile>,
}

impl StorageFile for MountedFile {
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.mounted.call();
        self.file.read_at(at, buffer)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.mounted.call();
        self.file.write_at(at, bytes)?;
        self.mounted.life.note_written(bytes);
        Ok(())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.mounted.call();
        self.file.allocate(bytes)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.mounted.call();
        self.file.truncate(bytes)
    }

    fn len(&self) -> io::Result<u64> {
        self.mounted.call();
        self.file.len()
    }

    fn sync(&self) -> io::Result<()> {
        self.mounted.call();
        self.file.sync()?;
        self.mounted.life.note_durable(&self.mounted.disk.image(), Some(&self.name));
        Ok(())
    }
}
