//! A store: one directory of segments, owned by one process.
//!
//! [`Shared`] is what the handles, readers and the helper threads have in common; [`Core`] is the
//! part under its one lock. The lock protects memory only: whoever reads, writes or syncs a file
//! does so without it, except when the store is opened anew after the disk has failed. Each call
//! may come from any thread.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::batch::Batch;
use crate::claim::{self, Claim};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::flush::{Marks, Waiter};
use crate::helper::Helper;
use crate::limits::{LOG_NAME_BYTES_MAX, LOGS_MAX, SEGMENT_BYTES_DEFAULT, TAIL_BYTES_DEFAULT};
use crate::log::{Log, LogOptions, LogStatus};
use crate::recover::Report;
use crate::segment::{Blank, Index, SegmentFile};
use crate::state::{LogState, State};
use crate::storage::Storage;
use crate::tail::Tail;

/// A position in a store: everything committed at or before it is durable when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub(crate) u64);

impl Lsn {
    pub(crate) fn new(segment: u32, position: u32) -> Self {
        Self(u64::from(segment) << 32 | u64::from(position))
    }

    pub(crate) fn segment(self) -> u32 {
        u32::try_from(self.0 >> 32).unwrap_or(u32::MAX)
    }

    pub(crate) fn position(self) -> u32 {
        u32::try_from(self.0 & 0xffff_ffff).unwrap_or(u32::MAX)
    }
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Bytes of a segment, 64 MiB by default. Rounded into the bounds of [`crate::limits`].
    pub segment_bytes: u32,
    /// Bytes of recent records kept in memory for readers, 8 MiB by default.
    pub tail_bytes: usize,
    /// Open on a network file system all the same; off by default.
    pub network_file_system: bool,
    /// Go on without what is damaged, remembering gaps, instead of failing; off by default.
    pub salvage: bool,
    /// Use two helper threads, so that preparing and removing segments costs no caller time, and
    /// callbacks are served; on by default.
    pub background: bool,
    /// With `background`, start no threads: what they would do is done when [`Store::do_segments`]
    /// and [`Store::do_syncs`] are called, so that a simulation decides when; off by default.
    pub driven: bool,
    /// Milliseconds since 1970.
    pub clock_ms: fn() -> u64,
    /// Sixteen octets at random, the system's by default, for ids and for what tells new segments
    /// from the remains of old ones.
    pub draw: fn() -> Result<[u8; 16]>,
    /// The number of the process, the system's by default. Every call asks for it, to tell a forked
    /// child; whoever can answer without a system call may do so here.
    pub process: fn() -> u32,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            tail_bytes: TAIL_BYTES_DEFAULT,
            network_file_system: false,
            salvage: false,
            background: true,
            driven: false,
            clock_ms: unix_ms,
            draw: random_id,
            process: std::process::id,
        }
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) type Callback = Box<dyn FnOnce(Result<()>) + Send>;

/// What is under the store's lock.
pub(crate) struct Core {
    pub(crate) state: State,
    pub(crate) tail: Tail,
    pub(crate) files: HashMap<u32, Arc<SegmentFile>>,
    pub(crate) indexes: HashMap<u32, Arc<Index>>,
    pub(crate) blanks: Vec<Blank>,
    pub(crate) next_slot: u32,
    /// Segments begun since the store was opened; the next one's size follows from it.
    pub(crate) begun: u32,
    /// At most what has been committed, at least `synced`.
    pub(crate) written: Lsn,
    pub(crate) synced: Lsn,
    /// Somebody is writing or syncing.
    pub(crate) flushing: bool,
    /// The disk failed, and the store has not been opened anew since.
    pub(crate) failure: Option<Error>,
    /// What was committed and given up when the disk failed: after the first, up to the second.
    pub(crate) lost: VecDeque<(Lsn, Lsn)>,
    pub(crate) closed: bool,
    /// Threads that wait for a flush to end.
    pub(crate) blocked: usize,
    pub(crate) waiters: Vec<Waiter>,
    /// As `waiters`, of tasks that wait for a sync; each waits for one position once.
    pub(crate) wakers: Vec<(Lsn, Waker)>,
    pub(crate) open_logs: HashSet<u32>,
    pub(crate) report: Report,
}

/// What handles, readers and the helper threads share.
pub(crate) struct Shared {
    core: Mutex<Core>,
    pub(crate) flushed: Condvar,
    pub(crate) marks: Marks,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) options: OpenOptions,
    pub(crate) store: [u8; 16],
    pid: u32,
    pub(crate) helper: Helper,
    pub(crate) syncer: Helper,
    pub(crate) mark: Mutex<Option<Arc<dyn crate::storage::StorageFile>>>,
    claim: Mutex<Option<Claim>>,
}

/// What users hold: the store is closed when the last one is gone.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
}

/// An open store. Clones share it, and so does every other open of the same directory in this
/// process.
#[derive(Debug, Clone)]
pub struct Store {
    handle: Arc<Handle>,
}

impl Store {
    /// Opens the store in `directory`, which is made when it does not exist, and recovers what is
    /// in it. Blocks for the disk.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] when another process has it open, [`Error::Corrupt`] when synced data is
    /// damaged, [`Error::NetworkFileSystem`], [`Error::Format`], or the system's error.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), oxmq_journal::Error> {
    /// # let directory = std::env::temp_dir().join(format!("oxmq-doc-{}", std::process::id()));
    /// use oxmq_journal::{LogOptions, OpenOptions, Store};
    ///
    /// let store = Store::open(&directory, OpenOptions::default())?;
    /// let log = store.log(b"orders", &LogOptions::default())?;
    /// let worker = log.consumer(b"worker", 1)?;
    /// let order = log.append(&[b"two", b"beers"], b"")?;
    /// store.sync(order.lsn)?;
    ///
    /// let read = log.read(order.offset)?.map(|record| record.part(1).to_vec());
    /// assert_eq!(read.as_deref(), Some(&b"beers"[..]));
    /// store.sync(log.ack(worker, order.offset..order.offset + 1)?)?;
    /// assert_eq!(log.first()?, log.next()?);
    /// # drop((log, store));
    /// # let _ = std::fs::remove_dir_all(&directory);
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(directory: &Path, options: OpenOptions) -> Result<Self> {
        claim::open(directory, options)
    }

    /// Opens a store on a storage of the caller's, which has to see to it that nobody else does.
    pub fn open_on(storage: Arc<dyn Storage>, options: OpenOptions) -> Result<Self> {
        let handle = Arc::new(Handle { shared: Shared::open(storage, options, None)? });
        Ok(Self { handle })
    }

    pub(crate) fn from_handle(handle: Arc<Handle>) -> Self {
        Self { handle }
    }

    pub(crate) fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    /// Opens the log of this name, made when there is none. Its epoch is raised and synced first.
    pub fn log(&self, name: &[u8], options: &LogOptions) -> Result<Log> {
        if name.is_empty() || name.len() > LOG_NAME_BYTES_MAX {
            let max = LOG_NAME_BYTES_MAX as u64;
            return Err(Error::Limit { what: "bytes of a log's name", max });
        }
        let shared = &self.handle.shared;
        let id = (shared.options.draw)()?;
        let mut claimed = None;
        let built = shared.commit_built(|state, open, out| {
            let index = state.names.get(name).copied().unwrap_or(state.next_log);
            let (id, role, epoch, first, next) = match state.logs.get(&index) {
                Some(log) => (log.id, log.role, log.epoch(), log.first, log.next),
                None if state.logs.len() >= LOGS_MAX => {
                    return Err(Error::Limit { what: "logs of a store", max: LOGS_MAX as u64 });
                }
                None => (id, options.role, 0, 1, 1),
            };
            // The builder is called again when a segment had to be prepared first.
            if claimed.is_some_and(|claimed| claimed != index) {
                claimed.take().map(|claimed| open.remove(&claimed));
            }
            if claimed.is_none() && !open.insert(index) {
                return Err(Error::NameInUse);
            }
            claimed = Some(index);
            Entry::Log(options.entry(id, role, first, next, name)).encode(index, out);
            Entry::Epoch { epoch: epoch + 1, first: next }.encode(index, out);
            Ok((index, id))
        });
        let (index, id) = match (built, claimed) {
            (Ok(built), _) => built,
            (Err(error), claimed) => {
                claimed.into_iter().for_each(|index| shared.release_log(index));
                return Err(error);
            }
        };
        let log = Log::new(Arc::clone(&self.handle), index, id);
        let lsn = shared.end();
        self.sync(lsn)?;
        Ok(log)
    }

    /// Figures of all logs, open or not.
    pub fn logs(&self) -> Vec<LogStatus> {
        self.handle.shared.lock().state.logs.values().map(LogState::status).collect()
    }

    /// Drops a log that is not open, with its messages and consumers.
    ///
    /// # Errors
    ///
    /// [`Error::NameInUse`] when it is open, [`Error::NoSuchLog`] when there is none.
    pub fn drop_log(&self, name: &[u8]) -> Result<Lsn> {
        let shared = &self.handle.shared;
        shared.commit_built(|state, open, out| {
            let index = state.names.get(name).ok_or(Error::NoSuchLog)?;
            if open.contains(index) {
                return Err(Error::NameInUse);
            }
            Entry::LogDropped.encode(*index, out);
            Ok(())
        })?;
        Ok(shared.end())
    }

    /// Both are handles of one open store.
    pub fn is_same(&self, other: &Store) -> bool {
        Arc::ptr_eq(&self.handle, &other.handle)
    }

    /// See [`Storage::incarnation`].
    pub fn incarnation(&self) -> Option<[u8; 24]> {
        self.handle.shared.storage.incarnation()
    }

    /// The time that messages appended now are given, in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        (self.handle.shared.options.clock_ms)()
    }

    /// An empty batch.
    pub fn batch(&self) -> Batch {
        Batch::new(Arc::clone(&self.handle))
    }

    /// What recovery found when the store was opened, or opened anew after a failure.
    pub fn report(&self) -> Report {
        self.handle.shared.lock().report.clone()
    }

    /// Bytes that the store's segments take on disk.
    pub fn disk_bytes(&self) -> u64 {
        let core = self.handle.shared.lock();
        let segments = core.files.values().map(|file| u64::from(file.header.bytes));
        let blanks = core.blanks.iter().map(|blank| u64::from(blank.bytes));
        segments.chain(blanks).sum()
    }

    /// With [`OpenOptions::driven`], does what the thread for segments would do now: removes those
    /// that nobody needs, prepares some ahead and compacts. Whether it was asked to.
    pub fn do_segments(&self) -> bool {
        let shared = &self.handle.shared;
        shared.helper.take_signal().is_some_and(|remove| {
            shared.keep_segments_once(remove);
            true
        })
    }

    /// With [`OpenOptions::driven`], does what the thread for syncs would do now: syncs for those
    /// who are to be called, and calls them. Whether it was asked to.
    pub fn do_syncs(&self) -> bool {
        let shared = &self.handle.shared;
        shared.syncer.take_signal().is_some_and(|_| {
            shared.serve_waiters();
            true
        })
    }

    /// Whether [`Store::do_segments`] and [`Store::do_syncs`] have been asked for.
    pub fn wants(&self) -> (bool, bool) {
        let shared = &self.handle.shared;
        (shared.helper.is_signalled(), shared.syncer.is_signalled())
    }

    /// Syncs everything and closes the store for all handles; further calls fail with
    /// [`Error::Closed`]. The directory is free when this returns.
    pub fn close(&self) -> Result<()> {
        self.handle.shared.close()
    }

    /// To be called in a forked child, if it does not run another program at once: lets go of the
    /// descriptors of every store that the parent has open, without touching a file or waiting for
    /// anything. Calls on their handles in the child fail with [`Error::Forked`], whether this was
    /// called or not.
    pub fn forget_in_child() {
        claim::forget_in_child();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.shared.check_process().is_ok() {
            // Nobody is left to be told; what was promised has been synced before.
            let _ = self.shared.close();
        }
    }
}

impl Shared {
    /// Recovers what `storage` holds and begins a segment.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        options: OpenOptions,
        claim: Option<Claim>,
    ) -> Result<Arc<Self>> {
        let mut options = options;
        options.segment_bytes = crate::helper::segment_bytes(options.segment_bytes);
        let (core, store) = Core::recover(&*storage, &options)?;
        let marks = Marks::new(core.written, core.synced);
        let pid = (options.process)();
        let shared = Arc::new(Self {
            core: Mutex::new(core),
            flushed: Condvar::new(),
            marks,
            storage,
            options,
            store,
            pid,
            helper: Helper::default(),
            syncer: Helper::default(),
            mark: Mutex::new(None),
            claim: Mutex::new(claim),
        });
        if shared.options.background && !shared.options.driven {
            let started = shared
                .helper
                .start(&shared, "oxmq-journal", Self::keep_segments)
                .and_then(|()| shared.syncer.start(&shared, "oxmq-sync", Self::keep_syncing));
            if let Err(error) = started {
                // A thread that did start holds the store and its claim.
                let _ = shared.close();
                return Err(error);
            }
        }
        Ok(shared)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error in a forked child.
    pub(crate) fn check_process(&self) -> Result<()> {
        if (self.options.process)() == self.pid { Ok(()) } else { Err(Error::Forked) }
    }

    /// The position of the last record committed.
    pub(crate) fn end(&self) -> Lsn {
        self.lock().end()
    }

    pub(crate) fn with_log<T>(&self, index: u32, look: impl FnOnce(&LogState) -> T) -> Result<T> {
        self.check_process()?;
        self.lock().state.logs.get(&index).map(look).ok_or(Error::NoSuchLog)
    }

    pub(crate) fn release_log(&self, index: u32) {
        if self.check_process().is_ok() {
            self.lock().open_logs.remove(&index);
        }
    }

    fn close(&self) -> Result<()> {
        self.check_process()?;
        let end = {
            let mut core = self.lock();
            if core.closed {
                return Ok(());
            }
            core.closed = true;
            core.end()
        };
        let synced = self.flush_to(end, true);
        self.sync_mark();
        self.helper.stop();
        self.syncer.stop();
        let blanks = std::mem::take(&mut self.lock().blanks);
        for blank in blanks {
            // A blank that stays is used by the next open.
            let _ = self.storage.remove(&blank.name);
        }
        drop(self.claim.lock().unwrap_or_else(PoisonError::into_inner).take());
        synced
    }

    pub(crate) fn forget_in_child(&self) {
        if self.check_process().is_ok() {
            return;
        }
        // Locks may have been held by threads that do not exist here; then the descriptors stay.
        if let Ok(mut core) = self.core.try_lock() {
            core.files.clear();
            core.blanks.clear();
            core.closed = true;
        }
        if let Ok(mut claim) = self.claim.try_lock()
            && let Some(claim) = claim.take()
        {
            claim.forget();
        }
        if let Ok(mut mark) = self.mark.try_lock() {
            *mark = None;
        }
    }
}

impl Core {
    /// The position after the last record committed.
    pub(crate) fn end(&self) -> Lsn {
        Lsn::new(self.tail.segment(), self.tail.position())
    }

    /// True when `lsn` was given up in a failure of the disk.
    pub(crate) fn is_lost(&self, lsn: Lsn) -> bool {
        self.lost.iter().any(|(after, to)| lsn > *after && lsn <= *to)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Shared").field("storage", &self.storage).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.shared.fmt(out)
    }
}

/// Sixteen octets from the system.
pub(crate) fn random_id() -> Result<[u8; 16]> {
    let mut id = [0; 16];
    let mut filled = 0;
    while let Some(rest) = id.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let flags = rustix::rand::GetRandomFlags::empty();
        match rustix::rand::getrandom(rest, flags) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::io("drawing random octets", &error.into())),
        }
    }
    Ok(id)
}
