//! Waiting for sockets and descriptors: `zmq_poll(3)` and `zmq_ppoll(3)`. The engine waits; here
//! are the array of the caller and the translation of the event bits.

use std::cell::Cell;
use std::ffi::{c_int, c_long, c_short, c_void};
use std::time::Duration;

use oxmq_engine::sys::{POLL_IN, POLL_OUT, POLL_PRI, SignalSet};
use oxmq_engine::{Interest, PollList, PollSource, Socket, poll};

use crate::boundary::{Result, guarded};
use crate::errno::Errno;
use crate::handle::Guard;
use crate::socket;

/// An entry of the caller's array.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct zmq_pollitem_t {
    /// The socket, or NULL for a descriptor.
    pub socket: *mut c_void,
    /// The descriptor, if there is no socket.
    pub fd: c_int,
    /// What to wait for.
    pub events: c_short,
    /// What was found.
    pub revents: c_short,
}

const _: () = assert!(size_of::<zmq_pollitem_t>() == 16);

pub(crate) const POLLIN: c_short = 1;
pub(crate) const POLLOUT: c_short = 2;
pub(crate) const POLLERR: c_short = 4;
pub(crate) const POLLPRI: c_short = 8;

/// The interest in a socket that event bits express.
pub(crate) fn interest(events: c_short) -> Interest {
    Interest { readable: events & POLLIN != 0, writable: events & POLLOUT != 0 }
}

/// Event bits as poll(2) has them.
pub(crate) fn to_system(events: c_short) -> i16 {
    let bit = |ours: c_short, system: i16| if events & ours == 0 { 0 } else { system };
    bit(POLLIN, POLL_IN) | bit(POLLOUT, POLL_OUT) | bit(POLLPRI, POLL_PRI)
}

/// Event bits from what poll(2) found; what is neither reading nor writing is an error.
pub(crate) fn from_system(found: i16) -> c_short {
    let bit = |system: i16, ours: c_short| if found & system == 0 { 0 } else { ours };
    let known = POLL_IN | POLL_OUT | POLL_PRI;
    bit(POLL_IN, POLLIN) | bit(POLL_OUT, POLLOUT) | bit(POLL_PRI, POLLPRI) | bit(!known, POLLERR)
}

/// A limit of time in milliseconds; negative is none.
pub(crate) fn limit(timeout_ms: c_long) -> Option<Duration> {
    u64::try_from(timeout_ms).ok().map(Duration::from_millis)
}

/// Waits until something is ready, for up to `timeout` milliseconds, and marks what is; returns how
/// many entries it marked.
///
/// # Safety
/// `items` is NULL or to `nitems` entries that nobody else uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poll(
    items: *mut zmq_pollitem_t,
    nitems: c_int,
    timeout: c_long,
) -> c_int {
    // SAFETY: the caller's promise.
    guarded(|| unsafe { poll_items(items, nitems, timeout, None) })
}

/// As [`zmq_poll`], with another signal mask while it waits.
///
/// # Safety
/// As for [`zmq_poll`], and `sigmask` is NULL or to a set of signals.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ppoll(
    items: *mut zmq_pollitem_t,
    nitems: c_int,
    timeout: c_long,
    sigmask: *const c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    guarded(|| unsafe { poll_items(items, nitems, timeout, sigmask.cast::<SignalSet>().as_ref()) })
}

thread_local! {
    /// Room for the sockets in use, lent to one call at a time.
    static SOCKETS: Cell<Vec<Option<Guard<Socket>>>> = const { Cell::new(Vec::new()) };
}

/// # Safety
/// As for [`zmq_poll`].
unsafe fn poll_items(
    items: *mut zmq_pollitem_t,
    nitems: c_int,
    timeout: c_long,
    mask: Option<&SignalSet>,
) -> Result<c_int> {
    let count = usize::try_from(nitems).map_err(|_| Errno(libc::EINVAL))?;
    let items: &mut [zmq_pollitem_t] = match count {
        0 => &mut [],
        _ if items.is_null() => return Err(Errno(libc::EFAULT)),
        // SAFETY: not NULL, and of this length by the caller's promise.
        _ => unsafe { std::slice::from_raw_parts_mut(items, count) },
    };
    let sockets = SOCKETS.try_with(Cell::take).unwrap_or_default();
    let mut list = Items { items, sockets };
    let result = list.fill().and_then(|()| Ok(poll(&mut list, limit(timeout), mask)?));
    list.sockets.clear();
    let sockets = list.sockets;
    let _ = SOCKETS.try_with(|place| place.set(sockets));
    // At most `nitems`.
    result.map(|ready| c_int::try_from(ready).unwrap_or(c_int::MAX))
}

/// The caller's array, and the sockets of its handles.
struct Items<'a> {
    items: &'a mut [zmq_pollitem_t],
    sockets: Vec<Option<Guard<Socket>>>,
}

impl Items<'_> {
    /// Checks the handles and clears the marks.
    fn fill(&mut self) -> Result<()> {
        for item in &mut *self.items {
            item.revents = 0;
            let socket = match item.socket.is_null() {
                true => None,
                false => Some(socket::of(item.socket)?),
            };
            self.sockets.push(socket);
        }
        Ok(())
    }
}

impl PollList for Items<'_> {
    fn len(&self) -> usize {
        self.items.len()
    }

    #[inline]
    fn source(&self, index: usize) -> PollSource<'_> {
        let item = &self.items[index];
        match &self.sockets[index] {
            Some(socket) => PollSource::Socket(socket, interest(item.events)),
            None => PollSource::Descriptor(item.fd, to_system(item.events)),
        }
    }

    #[inline]
    fn found(&mut self, index: usize, found: i16) {
        self.items[index].revents = from_system(found);
    }
}
