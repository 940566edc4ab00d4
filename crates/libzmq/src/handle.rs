//! Handles: the `void *` that C programs hold for contexts, sockets and other objects.
//!
//! A handle is an address inside a table of slots: it names a slot, and by its offset there the
//! generation of the object. A handle that is NULL, closed, of another kind, invented or inherited
//! over a fork names nothing, and is refused without being followed. The address can be read, as
//! some programs look for a mark of their own at what may be a handle (czmq does).
//!
//! ```text
//! a handle              start of the table + 64 bytes for each slot + 8 for each of 8 generations
//! bits of a slot word   63..32        31       30..24   23..0
//!                       generation    closing  kind     uses
//! ```
//!
//! A call counts itself in the slot's word while it uses the object, or notes the slot in its
//! thread's record (`usage`), so that an object that is closed meanwhile lives until the last call
//! has left. Slots are used in turn and never given back
//! to the system, so that a stale handle is known as such for the next `8 * SLOTS_START` objects at
//! least. Nothing here takes a lock: a fork in the middle leaves the child a table that works.

mod usage;

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::errno::Errno;
use crate::fork;

/// What a handle stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Context = 1,
    Socket = 2,
    Poller = 3,
    Timers = 4,
    AtomicCounter = 5,
    Stopwatch = 6,
    Thread = 7,
}

/// Something that handles can stand for.
pub(crate) trait Object: Send + Sync + 'static {
    /// Tells its handles from others.
    const KIND: Kind;
    /// What `errno` says of a handle that is none of these.
    const INVALID: i32;
    /// It is memory only: a forked child may use its copy.
    const SURVIVES_FORK: bool = false;
}

/// Slots in the table, of which memory is used for those that were used.
const SLOTS_MAX: usize = 1 << 20;
/// Slots that are used in turn as long as they suffice: a mebibyte.
const SLOTS_START: usize = 1 << 14;
const SLOT_BYTES: usize = 64;
/// Generations of one slot that handles tell apart.
const GENERATIONS: usize = 8;
const _: () = assert!(size_of::<Slot>() == SLOT_BYTES && GENERATIONS * 8 == SLOT_BYTES);

const USES: u64 = (1 << 24) - 1;
/// Uses of one slot at a time, half of what the word has room for: the count of a program that asks
/// for more, as one does that polls a socket ten million times over in one call, must not run into
/// the kind.
const USES_MAX: u64 = 1 << 23;
const _: () = assert!(USES_MAX * 2 == USES + 1);
const CLOSING: u64 = 1 << 31;
const KIND_SHIFT: u32 = 24;
const GENERATION_SHIFT: u32 = 32;
/// The word without the uses.
const IDENTITY: u64 = !USES;
/// The part of the identity that a handle knows: kind, closing and the last bits of the generation.
const KNOWN: u64 = (1 << (GENERATION_SHIFT + 3)) - 1 - USES;
/// The kind of a slot that is being filled.
const FILLING: u64 = 0x7F << KIND_SHIFT;

/// One place in the table. All zero bytes is a free one; the word's kind is zero while it is free.
#[repr(C, align(64))]
struct Slot {
    word: AtomicU64,
    /// The object, valid while the kind is that of an object.
    object: AtomicPtr<Header>,
    /// The process that put it there.
    epoch: AtomicU32,
}

/// What precedes an object in its allocation.
struct Header {
    /// Frees the allocation.
    free: unsafe fn(*mut Header),
}

#[repr(C)]
struct Boxed<T> {
    header: Header,
    object: T,
}

/// The table, null before the first handle: `SLOTS_MAX` slots.
static TABLE: AtomicPtr<Slot> = AtomicPtr::new(ptr::null_mut());
/// Where to look for the next free slot, and how many slots are used in turn.
static NEXT: AtomicUsize = AtomicUsize::new(0);
static IN_TURN: AtomicUsize = AtomicUsize::new(SLOTS_START);

/// Makes a handle for an object.
///
/// # Errors
/// `EMFILE` when the table is full: about a million objects. `ENOMEM` if there is no memory for it.
pub(crate) fn create<T: Object>(object: T) -> Result<*mut c_void, Errno> {
    fork::watch();
    oxmq_pipe::fence::prepare();
    let slot = claim(table()?).ok_or(Errno(libc::EMFILE))?;
    let boxed = Box::new(Boxed { header: Header { free: free::<T> }, object });
    slot.object.store(Box::into_raw(boxed).cast(), Ordering::Relaxed);
    slot.epoch.store(fork::epoch(), Ordering::Relaxed);
    let kind = u64::from(T::KIND as u8) << KIND_SHIFT;
    // Altered, not stored: a call with a stale handle may be counting itself in and out.
    let before = slot.word.fetch_xor(FILLING ^ kind, Ordering::Release);
    let generation = (before >> GENERATION_SHIFT) as usize % GENERATIONS;
    Ok(ptr::from_ref(slot).wrapping_byte_add(generation * 8).cast_mut().cast())
}

/// The object of a handle, kept until the guard is dropped.
///
/// # Errors
/// `T::INVALID` for whatever is not a live handle of this kind, and for one that is in use
/// `USES_MAX` times.
#[inline]
pub(crate) fn get<T: Object>(handle: *mut c_void) -> Result<Guard<T>, Errno> {
    let invalid = Errno(T::INVALID);
    let (slot, known) = decode(handle, T::KIND).ok_or(invalid)?;
    let seen = slot.word.fetch_add(1, Ordering::Acquire);
    let is_ours = T::SURVIVES_FORK || slot.epoch.load(Ordering::Relaxed) == fork::epoch();
    if seen & KNOWN == known && is_ours && seen & USES < USES_MAX {
        let object = slot.object.load(Ordering::Relaxed);
        // SAFETY: the slot has been counted in under the identity of a handle of this kind, so its
        // object is a `Boxed<T>` that is not freed before the guard counts itself out.
        let object =
            unsafe { NonNull::new_unchecked(&raw mut (*object.cast::<Boxed<T>>()).object) };
        return Ok(Guard { slot, object, life: PhantomData });
    }
    leave(slot);
    Err(invalid)
}

/// Calls `f` with the object of a handle. As [`get`], and cheaper; for what is called for every
/// message.
///
/// # Errors
/// As [`get`], and what `f` returns.
#[inline]
pub(crate) fn with<T: Object, R>(
    handle: *mut c_void,
    f: impl FnOnce(&T) -> Result<R, Errno>,
) -> Result<R, Errno> {
    let invalid = Errno(T::INVALID);
    let (slot, known) = decode(handle, T::KIND).ok_or(invalid)?;
    let Some(record) = usage::begin(slot) else { return f(&*get::<T>(handle)?) };
    // Also when `f` panics.
    let _used = Used { slot, record };
    let is_ours = T::SURVIVES_FORK || slot.epoch.load(Ordering::Relaxed) == fork::epoch();
    if slot.word.load(Ordering::Acquire) & KNOWN != known || !is_ours {
        return Err(invalid);
    }
    let object = slot.object.load(Ordering::Relaxed);
    // SAFETY: the record names the slot, and after that its word was that of a live handle of this
    // kind: the object is a `Boxed<T>`, and is not freed before the record is emptied.
    f(unsafe { &(*object.cast::<Boxed<T>>()).object })
}

/// A slot that this thread's record names.
struct Used {
    slot: &'static Slot,
    record: &'static usage::Record,
}

impl Drop for Used {
    #[inline]
    fn drop(&mut self) {
        usage::end(self.record);
        if self.slot.word.load(Ordering::Acquire) & CLOSING != 0 {
            end(self.slot);
        }
    }
}

/// Closes a handle: it names nothing from now on. The object lives until the guard, and those of
/// other calls, are dropped.
///
/// # Errors
/// As [`get`].
pub(crate) fn close<T: Object>(handle: *mut c_void) -> Result<Guard<T>, Errno> {
    let guard = get::<T>(handle)?;
    let seen = guard.slot.word.fetch_or(CLOSING, Ordering::AcqRel);
    // Another thread may have closed it since.
    if seen & CLOSING == 0 { Ok(guard) } else { Err(Errno(T::INVALID)) }
}

/// Whether a handle was made in a process of which this one is a fork: it is of the right kind, and
/// would be valid there.
pub(crate) fn is_inherited<T: Object>(handle: *mut c_void) -> bool {
    decode(handle, T::KIND).is_some_and(|(slot, known)| {
        slot.word.load(Ordering::Acquire) & KNOWN == known
            && slot.epoch.load(Ordering::Relaxed) != fork::epoch()
    })
}

/// An object in use.
pub(crate) struct Guard<T: Object> {
    slot: &'static Slot,
    object: NonNull<T>,
    life: PhantomData<T>,
}

// SAFETY: what is reached through it is the object, which is `Send` and `Sync`, and the slot, which
// is made of atomics.
unsafe impl<T: Object> Send for Guard<T> {}

// SAFETY: as above.
unsafe impl<T: Object> Sync for Guard<T> {}

impl<T: Object> Deref for Guard<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the object lives as long as the guard; `get` says why.
        unsafe { self.object.as_ref() }
    }
}

impl<T: Object> Drop for Guard<T> {
    #[inline]
    fn drop(&mut self) {
        leave(self.slot);
    }
}

/// Counts a call out of a slot; the last one out of a closing slot frees the object.
#[inline]
fn leave(slot: &'static Slot) {
    let seen = slot.word.fetch_sub(1, Ordering::Release);
    if seen & CLOSING != 0 && seen & USES == 1 {
        end(slot);
    }
}

/// Frees the object of a closing slot, unless a call uses it; that call comes here when it leaves.
#[cold]
fn end(slot: &'static Slot) {
    let closed = slot.word.load(Ordering::Acquire) & IDENTITY;
    if closed & CLOSING == 0 || !usage::is_unused(slot) {
        return;
    }
    let object = slot.object.load(Ordering::Relaxed);
    let here = slot.epoch.load(Ordering::Relaxed) == fork::epoch();
    let next = (closed >> GENERATION_SHIFT).wrapping_add(1) << GENERATION_SHIFT;
    let swapped =
        slot.word.compare_exchange(closed, next, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    // If not, another call is at it, or looks at a stale handle and comes here when it leaves.
    if swapped && here {
        // SAFETY: whoever swaps the closed word without uses for the next generation is the only
        // one, and nobody can count itself in any more.
        unsafe { ((*object).free)(object) };
    }
}

/// Frees an object with its header.
///
/// # Safety
/// `header` came from a `Box<Boxed<T>>` that nobody uses any more.
unsafe fn free<T>(header: *mut Header) {
    // SAFETY: promised by the caller; the header is the first field.
    drop(unsafe { Box::from_raw(header.cast::<Boxed<T>>()) });
}

/// The slot of a handle and what a live handle of this kind has in its word.
#[inline]
fn decode(handle: *mut c_void, kind: Kind) -> Option<(&'static Slot, u64)> {
    let table = TABLE.load(Ordering::Acquire);
    let offset = handle.addr().wrapping_sub(table.addr());
    if table.is_null() || offset >= SLOTS_MAX * SLOT_BYTES || !offset.is_multiple_of(8) {
        return None;
    }
    // SAFETY: the table has `SLOTS_MAX` slots and is never freed.
    let slot = unsafe { &*table.add(offset / SLOT_BYTES) };
    let generation = (offset % SLOT_BYTES / 8) as u64;
    Some((slot, generation << GENERATION_SHIFT | u64::from(kind as u8) << KIND_SHIFT))
}

/// The table, made at the first call. Memory is taken for the parts that are used.
fn table() -> Result<&'static [Slot], Errno> {
    let mut table = TABLE.load(Ordering::Acquire);
    if table.is_null() {
        let (bytes, none) = (SLOTS_MAX * SLOT_BYTES, ptr::null_mut());
        let (access, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
        );
        // SAFETY: asks for new memory, wherever there is room.
        let made = unsafe { libc::mmap(none, bytes, access, flags, -1, 0) };
        if made == libc::MAP_FAILED {
            return Err(Errno(libc::ENOMEM));
        }
        let order = Ordering::AcqRel;
        table = match TABLE.compare_exchange(none.cast(), made.cast(), order, Ordering::Acquire) {
            Ok(_) => made.cast(),
            Err(first) => {
                // SAFETY: another thread's table is in place, and nobody has seen this one.
                unsafe { libc::munmap(made, bytes) };
                first
            }
        };
    }
    // SAFETY: `SLOTS_MAX` slots, which zero bytes are valid for, and which are never freed.
    Ok(unsafe { std::slice::from_raw_parts(table, SLOTS_MAX) })
}

/// Takes the next free slot in turn; more of them are used when none of the present ones is free.
fn claim(table: &'static [Slot]) -> Option<&'static Slot> {
    loop {
        let in_turn = IN_TURN.load(Ordering::Relaxed);
        for _ in 0..in_turn {
            let index = NEXT.fetch_add(1, Ordering::Relaxed) % in_turn;
            let slot = table.get(index)?;
            let word = slot.word.load(Ordering::Relaxed);
            // Neither an object nor a call that looks at a stale handle.
            let free = word as u32 == 0;
            let (filling, order) = (word | FILLING, Ordering::Acquire);
            if free && slot.word.compare_exchange(word, filling, order, Ordering::Relaxed).is_ok() {
                return Some(slot);
            }
        }
        if in_turn == SLOTS_MAX {
            return None;
        }
        let more = (in_turn * 2).min(SLOTS_MAX);
        // If another thread was faster, its number counts.
        let _ = IN_TURN.compare_exchange(in_turn, more, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::thread;

    use super::*;

    struct Counted(&'static AtomicUsize);

    impl Object for Counted {
        const KIND: Kind = Kind::Socket;
        const INVALID: i32 = libc::ENOTSOCK;
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    struct Other;

    impl Object for Other {
        const KIND: Kind = Kind::Context;
        const INVALID: i32 = libc::EFAULT;
    }

    #[test]
    fn what_is_not_a_live_handle_of_the_kind_is_refused() {
        static DROPS: AtomicUsize = AtomicUsize::new(0);
        let handle = create(Counted(&DROPS)).unwrap();
        assert_eq!(get::<Other>(handle).err(), Some(Errno(libc::EFAULT)));
        let on_the_stack = 1u64;
        let foreign = (&raw const on_the_stack).cast_mut().cast();
        for wrong in [ptr::null_mut(), foreign, handle.wrapping_byte_add(1)] {
            assert_eq!(get::<Counted>(wrong).err(), Some(Errno(libc::ENOTSOCK)));
        }
        for bit in 0..64 {
            let wrong = handle.map_addr(|addr| addr ^ (1 << bit));
            assert!(get::<Counted>(wrong).is_err(), "bit {bit}");
        }
        // SAFETY: a handle's address can be read, as some programs do.
        unsafe { handle.cast::<u64>().read_volatile() };
        assert!(get::<Counted>(handle).is_ok());
        drop(close::<Counted>(handle).unwrap());
        assert_eq!(DROPS.load(Ordering::SeqCst), 1);
        assert!(close::<Counted>(handle).is_err() && get::<Counted>(handle).is_err());
    }

    #[test]
    fn a_closed_object_lives_until_the_last_call_leaves() {
        static DROPS: AtomicUsize = AtomicUsize::new(0);
        let handle = create(Counted(&DROPS)).unwrap();
        let using = get::<Counted>(handle).unwrap();
        drop(close::<Counted>(handle).unwrap());
        assert!(get::<Counted>(handle).is_err());
        assert_eq!(DROPS.load(Ordering::SeqCst), 0);
        assert_eq!(using.0.load(Ordering::SeqCst), 0);
        drop(using);
        assert_eq!(DROPS.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_handle_in_use_too_often_is_refused_until_some_have_left() {
        static DROPS: AtomicUsize = AtomicUsize::new(0);
        let handle = create(Counted(&DROPS)).unwrap();
        let (slot, _) = decode(handle, Kind::Socket).unwrap();
        slot.word.fetch_add(USES_MAX - 1, Ordering::SeqCst);
        let last = get::<Counted>(handle).unwrap();
        assert_eq!(get::<Counted>(handle).err(), Some(Errno(libc::ENOTSOCK)));
        assert!(get::<Other>(handle).is_err());
        drop(last);
        slot.word.fetch_sub(USES_MAX - 1, Ordering::SeqCst);
        drop(close::<Counted>(handle).unwrap());
        assert_eq!(DROPS.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn threads_with_stale_handles_do_no_harm() {
        static DROPS: AtomicUsize = AtomicUsize::new(0);
        const ROUNDS: usize = 2_000;
        let handles: Vec<AtomicU64> = (0..4).map(|_| AtomicU64::new(0)).collect();
        thread::scope(|scope| {
            for place in &handles {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        let handle = create(Counted(&DROPS)).unwrap();
                        place.store(handle.addr() as u64, Ordering::SeqCst);
                        let _ = get::<Counted>(handle).map(|guard| guard.0);
                        drop(close::<Counted>(handle));
                    }
                    place.store(u64::MAX, Ordering::SeqCst);
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    let known = |place: &AtomicU64| place.load(Ordering::SeqCst);
                    while handles.iter().any(|place| known(place) != u64::MAX) {
                        for place in &handles {
                            let handle = ptr::without_provenance_mut(known(place) as usize);
                            drop(get::<Counted>(handle));
                        }
                    }
                });
            }
        });
        assert_eq!(DROPS.load(Ordering::SeqCst), 4 * ROUNDS);
    }
}
