//! Who owns a store's directory: an advisory lock between processes, and a registry within one.
//!
//! The lock is the fcntl kind: a forked child does not inherit it. It has a trap, that closing any
//! descriptor of the lock's file in the process gives the lock up; so the file is opened here only,
//! once for each store, and the owner's number for others to read stands in a file of its own. The
//! registry is one static table; its lock is held while a claim is taken or given up.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::storage::FileStorage;
use crate::store::{Handle, OpenOptions, Shared, Store};

const LOCK: &str = "lock";
const OWNER: &str = "owner";

/// Device and inode of a directory.
type Key = (u64, u64);

struct Registered {
    key: Key,
    pid: u32,
    handle: Weak<Handle>,
}

static REGISTRY: Mutex<Vec<Registered>> = Mutex::new(Vec::new());
static RELEASED: Condvar = Condvar::new();

/// The right to use a store's directory, given up when this is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    key: Key,
    lock: Option<File>,
}

/// Opens the store in `directory`, or shares it when this process has it open.
pub(crate) fn open(directory: &Path, options: OpenOptions) -> Result<Store> {
    let fault = |error: std::io::Error| Error::io("opening the directory of the store", &error);
    let storage = FileStorage::create(directory).map_err(fault)?;
    if !options.network_file_system && storage.is_network().map_err(fault)? {
        return Err(Error::NetworkFileSystem);
    }
    let key = storage.identity().map_err(fault)?;
    let pid = std::process::id();
    let mut registry = registry();
    // What a parent process had open is not ours.
    registry.retain(|registered| registered.pid == pid);
    while let Some(registered) = registry.iter().find(|registered| registered.key == key) {
        if let Some(handle) = registered.handle.upgrade() {
            return Ok(Store::from_handle(handle));
        }
        // Its last handle is gone and it is being closed by another thread.
        registry = RELEASED.wait(registry).unwrap_or_else(PoisonError::into_inner);
    }
    let lock = take_lock(&storage)?;
    registry.push(Registered { key, pid, handle: Weak::new() });
    // Recovery takes its time, and its failure gives the claim up: both without the registry.
    drop(registry);
    let claim = Claim { key, lock: Some(lock) };
    let shared = Shared::open(Arc::new(storage), options, Some(claim))?;
    let handle = Arc::new(Handle { shared });
    if let Some(own) = self::registry().iter_mut().find(|registered| registered.key == key) {
        own.handle = Arc::downgrade(&handle);
    }
    RELEASED.notify_all();
    Ok(Store::from_handle(handle))
}

/// See [`Store::forget_in_child`].
pub(crate) fn forget_in_child() {
    let pid = std::process::id();
    // A thread that does not exist here may have held it: then the descriptors stay open, and
    // whoever calls a store is refused all the same.
    let Ok(mut registry) = REGISTRY.try_lock() else { return };
    for registered in registry.iter().filter(|registered| registered.pid != pid) {
        if let Some(handle) = registered.handle.upgrade() {
            handle.shared.forget_in_child();
        }
    }
    registry.retain(|registered| registered.pid == pid);
}

impl Claim {
    /// Closes the descriptor in a forked child, where there is no lock to give up and the registry
    /// may not be waited for.
    pub(crate) fn forget(mut self) {
        self.lock = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(lock) = self.lock.take() else { return };
        let mut registry = registry();
        drop(lock);
        registry.retain(|registered| registered.key != self.key);
        RELEASED.notify_all();
    }
}

fn registry() -> MutexGuard<'static, Vec<Registered>> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take_lock(storage: &FileStorage) -> Result<File> {
    let fault = |error: std::io::Error| Error::io("taking the store's lock", &error);
    let lock = storage.open_or_create(LOCK).map_err(fault)?;
    match rustix::fs::fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::AGAIN | Errno::ACCESS) => return Err(Error::InUse { pid: owner(storage) }),
        Err(error) => return Err(fault(error.into())),
    }
    let mut owner = storage.open_or_create(OWNER).map_err(fault)?;
    owner.set_len(0).map_err(fault)?;
    owner.write_all(format!("{}\n", std::process::id()).as_bytes()).map_err(fault)?;
    Ok(lock)
}

/// The process that holds the store, as far as its record says.
pub(crate) fn owner(storage: &FileStorage) -> Option<u32> {
    let mut text = String::new();
    storage.open_or_create(OWNER).ok()?.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
