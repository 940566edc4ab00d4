//! The number of the process, kept where a fork wipes it: it is asked for with every operation on
//! a socket that has a descriptor, and several times with each durable message, and a system call
//! for it costs more than the rest of the question.
//!
//! The page that keeps it is made once and never given back. `MADV_WIPEONFORK` makes it zeros in
//! every child, however that was made, so that a number in it is always the own one. Where the
//! kernel has no such page, the system is asked each time. Any thread may call.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes asked for; the kernel makes a page of them.
const PAGE_BYTES: usize = 4096;

/// The page's first number, or nothing where there can be no such page.
static KEPT: OnceLock<Option<&'static AtomicU32>> = OnceLock::new();

/// The number of the process.
pub fn process_id() -> u32 {
    let Some(kept) = KEPT.get_or_init(wiped_on_fork) else { return std::process::id() };
    match kept.load(Ordering::Relaxed) {
        0 => {
            let own = std::process::id();
            kept.store(own, Ordering::Relaxed);
            own
        }
        own => own,
    }
}

/// A page of zeros that is zeros again in a forked child.
fn wiped_on_fork() -> Option<&'static AtomicU32> {
    let (read_write, private) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: without MAP_FIXED the call touches no memory that is in use.
    let page = unsafe { libc::mmap(ptr::null_mut(), PAGE_BYTES, read_write, private, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the range is the mapping made above, which nobody else knows.
    if unsafe { libc::madvise(page, PAGE_BYTES, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: as above; nothing refers to the mapping.
        unsafe { libc::munmap(page, PAGE_BYTES) };
        return None;
    }
    // SAFETY: the mapping is aligned to a page, readable and writable, zeroed, and never unmapped;
    // it is used as this atomic number only, in the child as well.
    Some(unsafe { AtomicU32::from_ptr(page.cast()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_has_a_number_of_its_own() {
        assert_eq!(process_id(), std::process::id());
        // SAFETY: the child only reads and writes the page and leaves without unwinding.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: `getpid` and `_exit` may be called in a forked child.
            unsafe { libc::_exit(i32::from(process_id() != libc::getpid().cast_unsigned())) };
        }
        let mut status = -1;
        // SAFETY: the number is a child of this process, and the place is a local one.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0, "the child took its parent's number for its own");
        assert_eq!(process_id(), std::process::id());
    }
}
