//! Pollers: standing sets of sockets and descriptors with a pointer of the caller's for each.
//! `zmq_poller(3)`. A wait is one wait of the engine for the list that the poller holds at its
//! beginning; other threads may change the poller meanwhile.

use std::ffi::{c_int, c_long, c_short, c_void};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use oxmq_engine::sys::EventFd;
use oxmq_engine::{Arming, PollList, PollSource, Socket, poll};

use crate::boundary::{Result, guarded, reference_mut};
use crate::errno::{EFAULT, EINVAL, Errno};
use crate::handle::{self, Guard, Kind, Object};
use crate::poll::{POLLERR, POLLIN, POLLOUT, POLLPRI, from_system, interest, limit, to_system};
use crate::socket;

/// What `zmq_poller_wait` found.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct zmq_poller_event_t {
    /// The socket, or NULL for a descriptor.
    pub socket: *mut c_void,
    /// The descriptor, or -1 for a socket.
    pub fd: c_int,
    /// What it was added with.
    pub user_data: *mut c_void,
    /// What is ready.
    pub events: c_short,
}

const EVENTS: c_short = POLLIN | POLLOUT | POLLERR | POLLPRI;
const NO_FD: c_int = -1;

/// What a handle of a poller stands for.
struct Poller {
    set: Mutex<Set>,
}

#[derive(Default)]
struct Set {
    /// Replaced, not changed, while a wait goes on.
    entries: Arc<Vec<Entry>>,
    descriptor: Option<Descriptor>,
}

#[derive(Clone)]
struct Entry {
    source: Source,
    /// NULL for a descriptor.
    handle: Pointer,
    user_data: Pointer,
    events: c_short,
}

#[derive(Clone)]
enum Source {
    Socket(Arc<Guard<Socket>>),
    Fd(c_int),
}

/// A pointer of the caller's that is never followed.
struct Pointer(AtomicPtr<c_void>);

impl Pointer {
    fn new(pointer: *mut c_void) -> Pointer {
        Pointer(AtomicPtr::new(pointer))
    }

    fn get(&self) -> *mut c_void {
        self.0.load(Ordering::Relaxed)
    }
}

impl Clone for Pointer {
    fn clone(&self) -> Pointer {
        Pointer::new(self.get())
    }
}

/// The descriptor of a poller, and its places in the waiter lists of the sockets.
struct Descriptor {
    signal: Arc<Signal>,
    armings: Vec<Arming>,
}

struct Signal(EventFd);

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Fails only when the counter is at its maximum, and then it is readable anyway.
        let _ = self.0.signal();
    }
}

impl Object for Poller {
    const KIND: Kind = Kind::Poller;
    const INVALID: i32 = libc::EFAULT;
}

impl Poller {
    fn set(&self) -> MutexGuard<'_, Set> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is_socket(&self, handle: *mut c_void) -> bool {
        matches!(self.source, Source::Socket(_)) && self.handle.get() == handle
    }

    fn is_fd(&self, fd: c_int) -> bool {
        matches!(self.source, Source::Fd(own) if own == fd)
    }

    fn is_thread_safe(&self) -> bool {
        matches!(&self.source, Source::Socket(s) if s.socket_type().is_thread_safe())
    }
}

impl Set {
    fn add(&mut self, entry: Entry) {
        Arc::make_mut(&mut self.entries).push(entry);
        self.arm();
    }

    fn modify(&mut self, is_it: impl Fn(&Entry) -> bool, events: c_short) -> Result<c_int> {
        let found = Arc::make_mut(&mut self.entries).iter_mut().find(|entry| is_it(entry));
        found.ok_or(EINVAL)?.events = events;
        self.arm();
        Ok(0)
    }

    fn remove(&mut self, is_it: impl Fn(&Entry) -> bool) -> Result<c_int> {
        let at = self.entries.iter().position(is_it).ok_or(EINVAL)?;
        Arc::make_mut(&mut self.entries).remove(at);
        self.arm();
        Ok(0)
    }

    /// Lets the thread-safe sockets signal the descriptor, if there is one, when they are ready.
    fn arm(&mut self) {
        let Some(descriptor) = &mut self.descriptor else { return };
        descriptor.armings.clear();
        // Fails only when there is nothing to take back.
        let _ = descriptor.signal.0.clear();
        let waker = Waker::from(descriptor.signal.clone());
        for entry in self.entries.iter().filter(|entry| entry.is_thread_safe()) {
            if let Source::Socket(socket) = &entry.source
                && entry.events & (POLLIN | POLLOUT) != 0
            {
                descriptor.armings.push(Arming::new(socket, interest(entry.events), &waker));
            }
        }
    }

    fn fd(&mut self) -> Result<c_int> {
        if !self.entries.iter().any(Entry::is_thread_safe) {
            return Err(EINVAL);
        }
        if self.descriptor.is_none() {
            let fd = EventFd::new().map_err(|error| Errno(error.raw_os_error().unwrap_or(0)))?;
            let signal = Arc::new(Signal(fd));
            self.descriptor = Some(Descriptor { signal, armings: Vec::new() });
            self.arm();
        }
        let signal = self.descriptor.as_ref().map(|descriptor| &descriptor.signal.0);
        signal.map(|fd| fd.as_fd().as_raw_fd()).ok_or(EINVAL)
    }
}

/// A new poller, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_new() -> *mut c_void {
    guarded(|| handle::create(Poller { set: Mutex::default() }))
}

/// Ends a poller and sets the pointer to NULL.
///
/// # Safety
/// The pointer is NULL or to a pointer that can be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_destroy(poller_p: *mut *mut c_void) -> c_int {
    guarded(|| {
        // SAFETY: the caller's promise.
        let poller = unsafe { reference_mut(poller_p) }?;
        drop(handle::close::<Poller>(*poller)?);
        *poller = std::ptr::null_mut();
        Ok(0)
    })
}

/// How many sockets and descriptors are in a poller.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_size(poller: *mut c_void) -> c_int {
    guarded(|| {
        let size = handle::get::<Poller>(poller)?.set().entries.len();
        Ok(c_int::try_from(size).unwrap_or(c_int::MAX))
    })
}

/// Adds a socket.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_add(
    poller: *mut c_void,
    socket: *mut c_void,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    guarded(|| {
        let poller = handle::get::<Poller>(poller)?;
        let guard = socket::of(socket)?;
        let mut set = poller.set();
        if events & !EVENTS != 0 || set.entries.iter().any(|entry| entry.is_socket(socket)) {
            return Err(EINVAL);
        }
        set.add(Entry {
            source: Source::Socket(Arc::new(guard)),
            handle: Pointer::new(socket),
            user_data: Pointer::new(user_data),
            events,
        });
        Ok(0)
    })
}

/// Changes what to wait for on a socket.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_modify(
    poller: *mut c_void,
    socket: *mut c_void,
    events: c_short,
) -> c_int {
    guarded(|| {
        let poller = handle::get::<Poller>(poller)?;
        drop(socket::of(socket)?);
        if events & !EVENTS != 0 {
            return Err(EINVAL);
        }
        poller.set().modify(|entry| entry.is_socket(socket), events)
    })
}

/// Takes a socket out, also one that was closed.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_remove(poller: *mut c_void, socket: *mut c_void) -> c_int {
    guarded(|| {
        let poller = handle::get::<Poller>(poller)?;
        let removed = poller.set().remove(|entry| entry.is_socket(socket));
        if removed.is_err() {
            drop(socket::of(socket)?);
        }
        removed
    })
}

/// Adds a descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_add_fd(
    poller: *mut c_void,
    fd: c_int,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    guarded(|| {
        let poller = handle::get::<Poller>(poller)?;
        check_fd(fd)?;
        let mut set = poller.set();
        if events & !EVENTS != 0 || set.entries.iter().any(|entry| entry.is_fd(fd)) {
            return Err(EINVAL);
        }
        let handle = Pointer::new(std::ptr::null_mut());
        let user_data = Pointer::new(user_data);
        set.add(Entry { source: Source::Fd(fd), handle, user_data, events });
        Ok(0)
    })
}

/// Changes what to wait for on a descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_modify_fd(poller: *mut c_void, fd: c_int, events: c_short) -> c_int {
    guarded(|| {
        let poller = handle::get::<Poller>(poller)?;
        check_fd(fd)?;
        if events & !EVENTS != 0 {
            return Err(EINVAL);
        }
        poller.set().modify(|entry| entry.is_fd(fd), events)
    })
}

/// Takes a descriptor out.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_remove_fd(poller: *mut c_void, fd: c_int) -> c_int {
    guarded(|| {
        let poller = handle::get::<Poller>(poller)?;
        check_fd(fd)?;
        poller.set().remove(|entry| entry.is_fd(fd))
    })
}

/// Waits until something in the poller is ready and stores one event.
///
/// # Safety
/// `event` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_wait(
    poller: *mut c_void,
    event: *mut zmq_poller_event_t,
    timeout: c_long,
) -> c_int {
    guarded(|| {
        // SAFETY: the caller's promise.
        match unsafe { wait_all(poller, event, 1, timeout) } {
            Ok(_) => Ok(0),
            Err(errno) => {
                // SAFETY: NULL or writable by the caller's promise.
                if let Some(event) = unsafe { event.as_mut() } {
                    *event = NOTHING;
                }
                Err(errno)
            }
        }
    })
}

/// Waits until something in the poller is ready and stores up to `n_events` events; returns how
/// many.
///
/// # Safety
/// `events` is NULL or can be written for that many events.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_wait_all(
    poller: *mut c_void,
    events: *mut zmq_poller_event_t,
    n_events: c_int,
    timeout: c_long,
) -> c_int {
    // SAFETY: the caller's promise.
    guarded(|| unsafe { wait_all(poller, events, n_events, timeout) })
}

/// Stores a descriptor that is readable when a thread-safe socket in the poller may be ready.
///
/// # Safety
/// `fd` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_fd(poller: *mut c_void, fd: *mut c_int) -> c_int {
    guarded(|| {
        let poller = handle::get::<Poller>(poller)?;
        // SAFETY: the caller's promise.
        let place = unsafe { reference_mut(fd) }?;
        *place = poller.set().fd()?;
        Ok(0)
    })
}

const NOTHING: zmq_poller_event_t = zmq_poller_event_t {
    socket: std::ptr::null_mut(),
    fd: NO_FD,
    user_data: std::ptr::null_mut(),
    events: 0,
};

fn check_fd(fd: c_int) -> Result<()> {
    if fd < 0 { Err(Errno(libc::EBADF)) } else { Ok(()) }
}

/// # Safety
/// As for [`zmq_poller_wait_all`].
unsafe fn wait_all(
    poller: *mut c_void,
    events: *mut zmq_poller_event_t,
    n_events: c_int,
    timeout: c_long,
) -> Result<c_int> {
    let poller = handle::get::<Poller>(poller)?;
    if events.is_null() {
        return Err(EFAULT);
    }
    let room = usize::try_from(n_events).map_err(|_| EINVAL)?;
    let entries = poller.set().entries.clone();
    // Nothing could ever end such a wait.
    if timeout < 0 && !entries.iter().any(|entry| entry.events != 0) {
        return Err(EFAULT);
    }
    let mut list = List { entries: &entries, events, room, stored: 0 };
    let found = poll(&mut list, limit(timeout), None);
    let stored = list.stored;
    poller.set().arm();
    match found? {
        0 => Err(Errno(libc::EAGAIN)),
        // At most `n_events`.
        _ => Ok(c_int::try_from(stored).unwrap_or(c_int::MAX)),
    }
}

/// A poller's entries during a wait, and where to store what it finds.
struct List<'a> {
    entries: &'a [Entry],
    events: *mut zmq_poller_event_t,
    room: usize,
    stored: usize,
}

impl PollList for List<'_> {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn source(&self, index: usize) -> PollSource<'_> {
        let entry = &self.entries[index];
        match &entry.source {
            Source::Socket(socket) => PollSource::Socket(socket, interest(entry.events)),
            Source::Fd(fd) => PollSource::Descriptor(*fd, to_system(entry.events)),
        }
    }

    fn found(&mut self, index: usize, found: i16) {
        if self.stored == self.room {
            return;
        }
        let entry = &self.entries[index];
        let fd = match entry.source {
            Source::Socket(_) => NO_FD,
            Source::Fd(fd) => fd,
        };
        let (socket, user_data) = (entry.handle.get(), entry.user_data.get());
        let event = zmq_poller_event_t { socket, fd, user_data, events: from_system(found) };
        // SAFETY: the array has room for `room` events by the promise of the caller of `wait_all`,
        // and fewer than that are stored.
        unsafe { self.events.add(self.stored).write(event) };
        self.stored += 1;
    }
}
