//! A disk in memory that crashes, tears, rots and fails as a test asks, for the journal.
//!
//! Owned by a test; a disk may be used from any thread, one call at a time. It keeps what was
//! written apart from what was synced. After [`SimDisk::crash`] each sector that was not synced is
//! old or new on its own, and so is each length, creation and removal: whatever order a real disk
//! might have chosen is among them. Nothing here reads a clock or draws from the system, so a seed
//! gives the same disk again.

mod fault;
mod image;
mod random;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oxmq_journal::storage::{Storage, StorageFile};

pub use fault::{Fault, Plan};
pub use image::{Image, SECTOR_BYTES};
pub use random::Random;

/// A simulated disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    image: Image,
    calls: u64,
    plan: Plan,
    /// Called calls after which images are kept, with their numbers.
    kept: Option<Vec<Image>>,
    /// A sync does nothing: for the control that must lose data.
    syncs_lie: bool,
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk with these contents.
    pub fn with_image(image: Image) -> Self {
        let disk = Self::default();
        disk.lock().image = image;
        disk
    }

    /// The contents as they are now.
    pub fn image(&self) -> Image {
        self.lock().image.clone()
    }

    /// Changes the contents.
    pub fn change(&self, change: impl FnOnce(&mut Image)) {
        change(&mut self.lock().image);
    }

    /// How many calls there have been.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// What shall fail from now on.
    pub fn plan(&self, plan: Plan) {
        self.lock().plan = plan;
    }

    /// Whether syncs say yes and do nothing.
    pub fn syncs_lie(&self, lie: bool) {
        self.lock().syncs_lie = lie;
    }

    /// Begins to keep the contents before each call that changes them.
    pub fn keep_images(&self) {
        self.lock().kept = Some(Vec::new());
    }

    /// The contents kept so far; keeping goes on.
    pub fn kept_images(&self) -> Vec<Image> {
        self.lock().kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// What the disk holds after the machine lost power now.
    pub fn crash(&self, random: &mut Random) -> Self {
        Self::with_image(self.lock().image.crash(random))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and says what is wrong with it.
    fn call(&self, changes: bool) -> (MutexGuard<'_, Inner>, Option<Fault>) {
        let mut inner = self.lock();
        inner.calls += 1;
        let call = inner.calls;
        let fault = inner.plan.fault(call);
        if changes {
            let image = inner.image.clone();
            if let Some(kept) = &mut inner.kept {
                kept.push(image);
            }
        }
        (inner, fault)
    }
}

fn broken() -> io::Error {
    io::Error::from_raw_os_error(5)
}

fn full() -> io::Error {
    io::Error::from_raw_os_error(28)
}

impl Storage for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let (inner, fault) = self.call(false);
        fault.map_or(Ok(()), Fault::on_read)?;
        Ok(inner.image.names())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let (mut inner, fault) = self.call(true);
        fault.map_or(Ok(()), Fault::on_write)?;
        let id = inner.image.create(name)?;
        Ok(Arc::new(SimFile { disk: self.clone(), id }))
    }

    fn open(&self, name: &str, _write: bool) -> io::Result<Arc<dyn StorageFile>> {
        let (inner, fault) = self.call(false);
        fault.map_or(Ok(()), Fault::on_read)?;
        let id = inner.image.find(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile { disk: self.clone(), id }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let (mut inner, fault) = self.call(true);
        fault.map_or(Ok(()), Fault::on_write)?;
        inner.image.remove(name)
    }

    fn sync_names(&self) -> io::Result<()> {
        let (mut inner, fault) = self.call(true);
        fault.map_or(Ok(()), Fault::on_sync)?;
        if !inner.syncs_lie {
            inner.image.sync_names();
        }
        Ok(())
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    id: u64,
}

impl StorageFile for SimFile {
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (inner, fault) = self.disk.call(false);
        let read = inner.image.read(self.id, at, buffer);
        match fault {
            Some(Fault::Rot(bit)) if read > 0 => {
                let bit = bit % (read as u64 * 8);
                let byte = usize::try_from(bit / 8).unwrap_or(0);
                if let Some(byte) = buffer.get_mut(byte) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Some(fault) => fault.on_read()?,
            None => {}
        }
        Ok(read)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut inner, fault) = self.disk.call(true);
        if let Some(Fault::ShortWrite) = fault {
            let half = bytes.get(..bytes.len() / 2).unwrap_or(&[]);
            inner.image.write(self.id, at, half);
            return Err(broken());
        }
        fault.map_or(Ok(()), Fault::on_write)?;
        inner.image.write(self.id, at, bytes);
        Ok(())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let (mut inner, fault) = self.disk.call(true);
        fault.map_or(Ok(()), Fault::on_write)?;
        if inner.plan.room_bytes.is_some_and(|room| inner.image.bytes() + bytes > room) {
            return Err(full());
        }
        inner.image.extend(self.id, bytes);
        Ok(())
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let (mut inner, fault) = self.disk.call(true);
        fault.map_or(Ok(()), Fault::on_write)?;
        inner.image.truncate(self.id, bytes);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let (inner, fault) = self.disk.call(false);
        fault.map_or(Ok(()), Fault::on_read)?;
        Ok(inner.image.length(self.id))
    }

    fn sync(&self) -> io::Result<()> {
        let (mut inner, fault) = self.disk.call(true);
        if let Some(Fault::SyncMarksClean) = fault {
            inner.image.forget_dirty(self.id);
            return Err(broken());
        }
        fault.map_or(Ok(()), Fault::on_sync)?;
        if !inner.syncs_lie {
            inner.image.sync(self.id);
        }
        Ok(())
    }
}
