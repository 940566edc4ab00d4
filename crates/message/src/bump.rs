//! Memory for payloads of medium length: each thread cuts them off a slab of its own, one behind
//! the other, which is cheaper than the general allocator and far cheaper when another thread frees
//! them. Whoever drops the last payload of a slab that its thread has left gives the slab back.
//!
//! A slab counts `held + pieces` references, where `held` is the stock that its thread has prepaid.
//! So cutting a piece costs a local subtraction; giving one back costs its own thread a local
//! addition, and other threads one atomic subtraction. A slab is aligned to its size, so that a
//! piece finds its slab.
//!
//! Memory cost: a payload that is kept keeps its slab; a thread that made a payload keeps one slab
//! until it ends, and the process keeps `BUMP_POOL_MAX` for the next ones.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::limits::{BUMP_BYTES, BUMP_PIECE_MAX, BUMP_POOL_MAX};
use crate::refs::Refs;

/// The front of a slab; the pieces follow.
#[repr(C, align(64))]
struct Bump {
    refs: Refs,
}

/// Pieces begin and end at multiples of this.
pub(crate) const PIECE_ALIGN: usize = 16;
const HEADER_BYTES: usize = size_of::<Bump>();
/// References that a thread prepays for a slab: as many as it can have pieces.
const PREPAID: usize = BUMP_BYTES / PIECE_ALIGN;
/// References that a thread holds when no piece is out, as far as it knows.
const HELD_ALL: usize = 1 + PREPAID;

const _: () = assert!(BUMP_BYTES.is_power_of_two() && HEADER_BYTES.is_multiple_of(PIECE_ALIGN));
const _: () = assert!(BUMP_PIECE_MAX <= (BUMP_BYTES - HEADER_BYTES) / 8);

/// The slab that this thread cuts from, or null.
struct Own {
    slab: Cell<*mut Bump>,
    /// Offset of the next piece; at most `BUMP_BYTES`.
    at: Cell<usize>,
    /// References of the slab's count that belong to the thread, at least one.
    held: Cell<usize>,
}

thread_local! {
    /// Without a destructor, which would make each access look whether it has run.
    static OWN: Own = const {
        Own { slab: Cell::new(ptr::null_mut()), at: Cell::new(BUMP_BYTES), held: Cell::new(0) }
    };
    static LEAVES: LeavesSlab = const { LeavesSlab };
}

/// Leaves the slab when the thread ends.
struct LeavesSlab;

impl Drop for LeavesSlab {
    fn drop(&mut self) {
        OWN.with(leave);
    }
}

/// Slabs that nobody uses. A place holds a whole slab or nothing; taking swaps it empty, so no
/// pointer is read while somebody else may free it.
static POOL: [AtomicPtr<Bump>; BUMP_POOL_MAX] =
    [const { AtomicPtr::new(ptr::null_mut()) }; BUMP_POOL_MAX];

/// Cuts off a piece of `size` bytes, a multiple of `PIECE_ALIGN` and at most `BUMP_PIECE_MAX`. None
/// if there is no memory for a slab, or the thread is ending. Its content is arbitrary.
#[inline]
pub(crate) fn cut(size: usize) -> Option<NonNull<u8>> {
    debug_assert!(size.is_multiple_of(PIECE_ALIGN) && size <= BUMP_PIECE_MAX);
    OWN.with(|own| {
        if own.at.get() + size > BUMP_BYTES && !renew(own) {
            return None;
        }
        let at = own.at.get();
        own.at.set(at + size);
        own.held.set(own.held.get() - 1);
        // SAFETY: `at + size` is at most `BUMP_BYTES`, so `slab` is a live slab (it is null only
        // while `at` is `BUMP_BYTES`) and the piece lies inside it, apart from those cut before.
        NonNull::new(unsafe { own.slab.get().cast::<u8>().add(at) })
    })
}

/// Gives a piece back.
///
/// # Safety
/// `piece` came from `cut(size)`, and nobody uses it any more.
#[inline]
pub(crate) unsafe fn give_back(piece: NonNull<u8>, size: usize) {
    let slab = piece.as_ptr().map_addr(|addr| addr & !(BUMP_BYTES - 1)).cast::<Bump>();
    let was_own = OWN.with(|own| {
        if !ptr::eq(own.slab.get(), slab) {
            return false;
        }
        let held = own.held.get() + 1;
        own.held.set(held);
        let end = piece.addr().get() - slab.addr() + size;
        if held == HELD_ALL {
            own.at.set(HEADER_BYTES);
        } else if end == own.at.get() {
            own.at.set(end - size);
        }
        true
    });
    if !was_own {
        // SAFETY: the piece's reference, which is given up here, keeps the slab alive until then.
        unsafe { release(slab, 1) };
    }
}

/// Starts over with the slab if nothing of it is in use, or with another one; false if there is
/// none.
#[cold]
#[inline(never)]
fn renew(own: &Own) -> bool {
    if let Some(slab) = NonNull::new(own.slab.get()) {
        // SAFETY: the thread's own references keep it alive.
        if unsafe { slab.as_ref() }.refs.is_exactly(own.held.get()) {
            own.at.set(HEADER_BYTES);
            return true;
        }
        leave(own);
    }
    if LEAVES.try_with(|_| ()).is_err() {
        return false;
    }
    let Some(slab) = take() else { return false };
    own.slab.set(slab.as_ptr());
    own.at.set(HEADER_BYTES);
    own.held.set(HELD_ALL);
    true
}

/// Gives the thread's references up.
fn leave(own: &Own) {
    let slab = own.slab.replace(ptr::null_mut());
    own.at.set(BUMP_BYTES);
    if !slab.is_null() {
        // SAFETY: the thread holds `held` references and has just forgotten the slab.
        unsafe { release(slab, own.held.get()) };
    }
}

/// A slab with `HELD_ALL` references.
fn take() -> Option<NonNull<Bump>> {
    let pooled = POOL.iter().find_map(|place| {
        if place.load(Ordering::Relaxed).is_null() {
            return None;
        }
        // Acquire pairs with the Release in `retire`: the former users are done with the slab.
        NonNull::new(place.swap(ptr::null_mut(), Ordering::Acquire))
    });
    let slab = pooled.or_else(|| {
        // SAFETY: the layout has a non-zero size.
        NonNull::new(unsafe { alloc(LAYOUT) }.cast::<Bump>())
    })?;
    let refs = Refs::one();
    refs.acquire(PREPAID);
    // SAFETY: nobody else knows the slab, which is large enough for its front and aligned for it.
    unsafe { slab.write(Bump { refs }) };
    Some(slab)
}

/// Gives back `n` references; with the last one the slab goes to the pool or is freed.
///
/// # Safety
/// The caller holds `n` references and gives them up.
unsafe fn release(slab: *mut Bump, n: usize) {
    // SAFETY: the caller's references keep the slab alive up to the release.
    if unsafe { (*slab).refs.release(n) } {
        retire(slab);
    }
}

/// Ends a slab that nobody refers to.
#[cold]
fn retire(slab: *mut Bump) {
    let empty = ptr::null_mut();
    let pooled = POOL.iter().any(|place| {
        let (done, fails) = (Ordering::Release, Ordering::Relaxed);
        place.load(fails).is_null() && place.compare_exchange(empty, slab, done, fails).is_ok()
    });
    if !pooled {
        // SAFETY: the last reference is gone; the slab was allocated with this layout.
        unsafe { dealloc(slab.cast(), LAYOUT) };
    }
}

const LAYOUT: Layout = match Layout::from_size_align(BUMP_BYTES, BUMP_BYTES) {
    Ok(layout) => layout,
    Err(_) => panic!("a power of two is an alignment"),
};

#[cfg(all(test, not(loom)))]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use crate::Msg;

    /// Payloads of medium length, each with its own content.
    fn payloads() -> impl Iterator<Item = Vec<u8>> {
        #[expect(clippy::cast_possible_truncation, reason = "any byte will do")]
        (0..5_000_usize).map(|n| vec![n as u8; 41 + n * 37 % 1_200])
    }

    #[test]
    fn payloads_keep_their_bytes_while_others_come_and_go() {
        let mut kept = Vec::new();
        for (n, payload) in payloads().enumerate() {
            let msg = Msg::from(&payload);
            if n % 3 == 0 {
                kept.push((msg, payload));
            } else if n % 7 == 0 {
                kept.remove(kept.len() / 2);
            }
        }
        assert!(kept.iter().all(|(msg, payload)| msg == payload));
    }

    #[test]
    fn payloads_are_dropped_by_another_thread_than_made_them() {
        let (sender, receiver) = mpsc::sync_channel::<Msg>(100);
        thread::scope(|scope| {
            scope.spawn(move || {
                for payload in payloads() {
                    sender.send(Msg::from(&payload)).unwrap();
                }
            });
            for payload in payloads() {
                assert_eq!(receiver.recv().unwrap(), payload);
            }
        });
    }

    #[test]
    fn the_last_piece_is_cut_again_once_it_was_given_back() {
        thread::spawn(|| {
            let kept = Msg::from(&[1; 100]);
            let first = Msg::from(&[2; 100]).as_ptr();
            assert_eq!(Msg::from(&[3; 100]).as_ptr(), first);
            assert_eq!(kept, [1; 100]);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn messages_outlive_their_thread() {
        let messages: Vec<Msg> =
            thread::spawn(|| payloads().map(|payload| Msg::from(&payload)).collect())
                .join()
                .unwrap();
        assert!(messages.iter().zip(payloads()).all(|(msg, payload)| *msg == payload));
    }
}
