//! A set of descriptors waited on together.
//!
//! The `Epoll` owns the set, not the descriptors in it: a descriptor leaves the set when it is
//! deleted or when its last duplicate is closed. All calls take `&self` and may be made from any
//! thread, also while another thread waits. An `Epoll` is a descriptor itself, so a socket's set
//! can be nested in an I/O thread's.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{Timespec, epoll};

/// A readiness set.
#[derive(Debug)]
pub struct Epoll {
    fd: OwnedFd,
}

/// What to wait for on a descriptor; combine with `|`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest(epoll::EventFlags);

/// What was found on a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The token given when the descriptor was added.
    pub token: u64,
    flags: epoll::EventFlags,
}

/// Room for the results of one wait, allocated once.
pub struct Events {
    list: Box<[epoll::Event]>,
    /// How many of `list` the last wait filled; `len <= list.len()`.
    len: usize,
}

impl Epoll {
    /// An empty set, closed on exec.
    ///
    /// # Errors
    /// EMFILE, ENFILE or ENOMEM.
    pub fn new() -> io::Result<Self> {
        Ok(Self { fd: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Adds a descriptor. Hang-up and error are always reported, also with [`Interest::NONE`].
    ///
    /// # Errors
    /// EEXIST when it is in the set, ENOSPC at the kernel's limit of watches, EPERM when the
    /// descriptor cannot be waited on (a regular file), ELOOP when sets are nested in a circle.
    pub fn add(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.fd, fd, epoll::EventData::new_u64(token), interest.0)?)
    }

    /// Replaces the token and the interest, and arms a one-shot descriptor again.
    ///
    /// # Errors
    /// ENOENT when it is not in the set.
    pub fn modify(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.fd, fd, epoll::EventData::new_u64(token), interest.0)?)
    }

    /// Takes a descriptor out. Results of a wait that already returned may still name its token.
    ///
    /// # Errors
    /// ENOENT when it is not in the set.
    pub fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.fd, fd)?)
    }

    /// Blocks until a descriptor is ready or the time is over, and says how many are ready.
    ///
    /// `None` waits without limit and `Some(Duration::ZERO)` returns at once. Times are kept to the
    /// nanosecond where the kernel has `epoll_pwait2` (5.11), else rounded up to the millisecond.
    ///
    /// # Errors
    /// `Interrupted` when a signal came first; `events` is then empty.
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        events.len = 0;
        crate::budget::system_call();
        if let Some(limit) = timeout
            && limit.subsec_nanos() % NANOS_PER_MILLI != 0
            && !PWAIT2_MISSING.load(Ordering::Relaxed)
        {
            match pwait2(self.fd.as_fd(), &mut events.list, limit) {
                Err(error) if pwait2_refused(&error) => {
                    PWAIT2_MISSING.store(true, Ordering::Relaxed);
                }
                result => {
                    events.len = result?;
                    return Ok(events.len);
                }
            }
        }
        let limit = timeout.map(timespec);
        events.len = epoll::wait(&self.fd, &mut events.list[..], limit.as_ref())?;
        Ok(events.len)
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Interest {
    /// Only what is always reported: hang-up and error.
    pub const NONE: Self = Self(epoll::EventFlags::empty());
    /// Bytes, a connection or an end of stream can be read.
    pub const IN: Self = Self(epoll::EventFlags::IN);
    /// Bytes can be written, or a connection attempt has ended.
    pub const OUT: Self = Self(epoll::EventFlags::OUT);
    /// The peer has shut down its writing side.
    pub const RDHUP: Self = Self(epoll::EventFlags::RDHUP);
    /// Report a change once, not a state as long as it lasts.
    pub const ET: Self = Self(epoll::EventFlags::ET);
    /// Report once, then stay silent until [`Epoll::modify`].
    pub const ONESHOT: Self = Self(epoll::EventFlags::ONESHOT);

    /// Whether all of `other` is included.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0.contains(other.0)
    }
}

impl std::ops::BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Readiness {
    /// Reading will not block: bytes, a connection, an end of stream, a hang-up or an error.
    #[must_use]
    pub const fn readable(self) -> bool {
        self.flags.intersects(READABLE)
    }

    /// Writing will not block, or will report an error.
    #[must_use]
    pub const fn writable(self) -> bool {
        self.flags.intersects(WRITABLE)
    }

    /// The peer will send nothing more.
    #[must_use]
    pub const fn read_closed(self) -> bool {
        self.flags.intersects(epoll::EventFlags::RDHUP.union(epoll::EventFlags::HUP))
    }

    /// Both directions are down.
    #[must_use]
    pub const fn hang_up(self) -> bool {
        self.flags.intersects(epoll::EventFlags::HUP)
    }

    /// The descriptor holds an error that the next call on it will return.
    #[must_use]
    pub const fn error(self) -> bool {
        self.flags.intersects(epoll::EventFlags::ERR)
    }
}

// SAFETY: `list` owns its events, and `add` and `modify` take tokens as numbers only: none of the
// pointers that an event's data could hold is ever stored in one or read from one.
unsafe impl Send for Events {}

// SAFETY: as above, and through a shared reference the list can only be read.
unsafe impl Sync for Events {}

impl Events {
    /// Room for `capacity` results (at least one); 12 bytes each.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let empty =
            epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) };
        Self { list: vec![empty; capacity.max(1)].into_boxed_slice(), len: 0 }
    }

    /// The results of the last wait.
    pub fn iter(&self) -> impl Iterator<Item = Readiness> + '_ {
        self.list[..self.len].iter().map(|event| {
            let (data, flags) = (event.data, event.flags);
            Readiness { token: data.u64(), flags }
        })
    }

    /// How many results the last wait gave.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the last wait gave no result.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the last wait filled all room, so that more may be ready.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.len == self.list.len()
    }
}

/// `epoll_pwait2`, which takes nanoseconds. The safe wrapper picks the millisecond call whenever
/// the time fits it, rounding up, and a timer of an idle lease would then come a tick late.
fn pwait2(fd: BorrowedFd<'_>, list: &mut [epoll::Event], limit: Duration) -> io::Result<usize> {
    let limit = timespec(limit);
    let room = libc::c_int::try_from(list.len()).unwrap_or(libc::c_int::MAX);
    // SAFETY: `list` is writable for `room` events and rustix lays its `Event` out as the kernel
    // does; `limit` is a kernel timespec that outlives the call; a null mask changes no signals.
    let found = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            fd.as_raw_fd(),
            list.as_mut_ptr(),
            room,
            &raw const limit,
            std::ptr::null::<libc::sigset_t>(),
            0_usize,
        )
    };
    usize::try_from(found).map_err(|_| io::Error::last_os_error())
}

/// An old kernel says ENOSYS; a seccomp filter older than the call says EPERM.
fn pwait2_refused(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM))
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX).min(WAIT_SECS_MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

/// Set once the kernel refused `epoll_pwait2`; it will not change its mind.
static PWAIT2_MISSING: AtomicBool = AtomicBool::new(false);

const NANOS_PER_MILLI: u32 = 1_000_000;

/// Waits are cut to 24 days, the most that the millisecond call can hold; the caller waits again.
const WAIT_SECS_MAX: i64 = i32::MAX as i64 / 1000 - 1;

const READABLE: epoll::EventFlags = epoll::EventFlags::IN
    .union(epoll::EventFlags::RDHUP)
    .union(epoll::EventFlags::HUP)
    .union(epoll::EventFlags::ERR);

const WRITABLE: epoll::EventFlags =
    epoll::EventFlags::OUT.union(epoll::EventFlags::HUP).union(epoll::EventFlags::ERR);

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::time::Instant;

    use super::super::EventFd;
    use super::*;

    #[test]
    fn a_signalled_descriptor_is_reported_with_its_token_until_cleared() {
        let (epoll, wake) = (Epoll::new().unwrap(), EventFd::new().unwrap());
        let mut events = Events::with_capacity(4);
        epoll.add(wake.as_fd(), u64::MAX - 1, Interest::IN).unwrap();
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
        assert!(events.is_empty());
        wake.signal().unwrap();
        for _ in 0..2 {
            assert_eq!(epoll.wait(&mut events, None).unwrap(), 1);
            let found = events.iter().next().unwrap();
            assert_eq!(found.token, u64::MAX - 1);
            assert!(found.readable() && !found.writable() && !found.error());
        }
        assert!(wake.clear().unwrap());
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
    }

    #[test]
    fn one_shot_is_silent_until_modified_and_edge_reports_once() {
        let (epoll, wake) = (Epoll::new().unwrap(), EventFd::new().unwrap());
        let mut events = Events::with_capacity(4);
        wake.signal().unwrap();
        epoll.add(wake.as_fd(), 1, Interest::IN | Interest::ONESHOT).unwrap();
        assert_eq!(epoll.wait(&mut events, None).unwrap(), 1);
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
        epoll.modify(wake.as_fd(), 2, Interest::IN | Interest::ET).unwrap();
        assert_eq!(epoll.wait(&mut events, None).unwrap(), 1);
        assert_eq!(events.iter().next().unwrap().token, 2);
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
    }

    #[test]
    fn a_set_nested_in_a_set_makes_it_ready() {
        let (outer, inner) = (Epoll::new().unwrap(), Epoll::new().unwrap());
        let wake = EventFd::new().unwrap();
        let mut events = Events::with_capacity(4);
        inner.add(wake.as_fd(), 7, Interest::IN).unwrap();
        outer.add(inner.as_fd(), 8, Interest::IN).unwrap();
        assert_eq!(outer.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
        wake.signal().unwrap();
        assert_eq!(outer.wait(&mut events, None).unwrap(), 1);
        assert_eq!(events.iter().next().unwrap().token, 8);
        inner.delete(wake.as_fd()).unwrap();
        assert_eq!(outer.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
    }

    #[test]
    fn a_wait_shorter_than_a_millisecond_ends_without_an_event_and_not_early() {
        let epoll = Epoll::new().unwrap();
        let mut events = Events::with_capacity(1);
        for micros in [1, 50, 400, 1000, 1500] {
            let limit = Duration::from_micros(micros);
            let start = Instant::now();
            assert_eq!(epoll.wait(&mut events, Some(limit)).unwrap(), 0);
            assert!(start.elapsed() >= limit, "woke before {limit:?}");
        }
    }

    #[test]
    fn without_the_finer_call_a_short_wait_is_rounded_up_and_never_down() {
        let epoll = Epoll::new().unwrap();
        let mut events = Events::with_capacity(1);
        // Other tests may run into this meanwhile, and must hold then too.
        let known = PWAIT2_MISSING.swap(true, Ordering::Relaxed);
        let (limit, start) = (Duration::from_micros(1500), Instant::now());
        assert_eq!(epoll.wait(&mut events, Some(limit)).unwrap(), 0);
        let waited = start.elapsed();
        PWAIT2_MISSING.store(known, Ordering::Relaxed);
        assert!(waited >= limit, "woke after {waited:?}");
        for (errno, refused) in [(libc::ENOSYS, true), (libc::EPERM, true), (libc::EINTR, false)] {
            assert_eq!(pwait2_refused(&io::Error::from_raw_os_error(errno)), refused);
        }
    }

    #[test]
    fn the_longest_timeout_is_accepted() {
        let (epoll, wake) = (Epoll::new().unwrap(), EventFd::new().unwrap());
        let mut events = Events::with_capacity(1);
        epoll.add(wake.as_fd(), 3, Interest::IN).unwrap();
        wake.signal().unwrap();
        assert_eq!(epoll.wait(&mut events, Some(Duration::MAX)).unwrap(), 1);
        assert!(events.is_full());
    }

    #[test]
    fn errors_keep_errno() {
        let (epoll, wake) = (Epoll::new().unwrap(), EventFd::new().unwrap());
        let missing = epoll.delete(wake.as_fd()).unwrap_err();
        assert_eq!(missing.raw_os_error(), Some(libc::ENOENT));
        epoll.add(wake.as_fd(), 0, Interest::NONE).unwrap();
        let twice = epoll.add(wake.as_fd(), 0, Interest::IN).unwrap_err();
        assert_eq!(twice.raw_os_error(), Some(libc::EEXIST));
    }
}
