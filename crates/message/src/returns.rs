//! What a program has lent and the library is done with, given back without a lock.
//!
//! The end of a lent payload runs code of the program: a free function of C, the drop of a Rust
//! value. That code may use the very socket whose lock the thread holds at that moment. So a
//! message that passes into the library's hands is marked ([`Msg::hand_over`](crate::Msg)), and the
//! last marked one to go frees nothing: it puts the payload's owner into a list of its thread,
//! which the thread frees when it has given up its lock, with [`give_back`].
//!
//! What a thread puts into its list it frees itself, right after the call that holds the lock:
//! the list is empty whenever the program has the thread.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::owner::{self, Owner};

/// Owners in the lists of all threads, so that a thread mostly need not look for its own list.
static OWED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The first and the last owner of the list. Without a destructor, which would make each access
    /// look whether it has run.
    static LIST: Cell<Option<(NonNull<Owner>, NonNull<Owner>)>> = const { Cell::new(None) };
    /// How many [`Withheld`] the thread has.
    static WITHHELD: Cell<usize> = const { Cell::new(0) };
}

/// Puts an owner at the end of this thread's list.
///
/// # Safety
/// The caller held the last reference to the block and does not use it again.
#[cold]
pub(crate) unsafe fn postpone(block: NonNull<Owner>) {
    OWED.fetch_add(1, Ordering::Relaxed);
    let first = match LIST.get() {
        Some((first, last)) => {
            // SAFETY: what is in the list is freed by this thread only, after it has left the list.
            unsafe { last.as_ref() }.next.set(Some(block));
            first
        }
        None => block,
    };
    LIST.set(Some((first, block)));
}

/// Frees what ended in this thread while it held a lock, in the order of the ends. The caller holds
/// none now. Costs a load when no thread owes anything.
#[inline]
pub fn give_back() {
    if OWED.load(Ordering::Relaxed) != 0 {
        give_back_own();
    }
}

#[cold]
#[inline(never)]
fn give_back_own() {
    if WITHHELD.get() > 0 {
        return;
    }
    while let Some((first, last)) = LIST.get() {
        // SAFETY: the block is in the list, so nobody has freed it.
        let next = unsafe { first.as_ref() }.next.take();
        LIST.set(next.map(|next| (next, last)));
        OWED.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: whoever put it into the list held the last reference, and it is in no list now.
        // The code of the program that runs here may end messages and come here again.
        unsafe { owner::free(first) };
    }
}

/// While it lives, [`give_back`] does nothing in its thread: for whoever gives up one lock and
/// still holds another. Its end gives back.
#[derive(Debug)]
pub struct Withheld {
    /// Stays on its thread.
    stays: PhantomData<*const ()>,
}

impl Withheld {
    /// Begins to withhold.
    #[expect(clippy::new_without_default, reason = "a default would begin unseen")]
    pub fn new() -> Self {
        WITHHELD.set(WITHHELD.get() + 1);
        Self { stays: PhantomData }
    }
}

impl Drop for Withheld {
    fn drop(&mut self) {
        WITHHELD.set(WITHHELD.get() - 1);
        give_back();
    }
}

/// Gives back when it is dropped: the last field of what is dropped with messages in it, or with a
/// lock.
#[derive(Debug, Default)]
pub struct GivesBack;

impl Drop for GivesBack {
    #[inline]
    fn drop(&mut self) {
        give_back();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::Msg;

    /// Lends a byte and tells when it ends.
    struct Lent(u8, Arc<Mutex<Vec<u8>>>);

    impl AsRef<[u8]> for Lent {
        fn as_ref(&self) -> &[u8] {
            std::slice::from_ref(&self.0)
        }
    }

    impl Drop for Lent {
        fn drop(&mut self) {
            self.1.lock().map(|mut ended| ended.push(self.0)).unwrap_or_default();
        }
    }

    fn lent(count: u8) -> (Vec<Msg>, impl Fn() -> Vec<u8>) {
        let ended = Arc::new(Mutex::new(Vec::new()));
        let lend = |number| Msg::from_owner(Lent(number, ended.clone()));
        let messages = (0..count).map(lend).collect();
        (messages, move || ended.lock().map(|ended| ended.clone()).unwrap_or_default())
    }

    #[test]
    fn what_was_handed_over_ends_when_it_is_given_back_in_the_order_of_the_ends() {
        let (mut messages, ended) = lent(4);
        messages.iter_mut().for_each(Msg::hand_over);
        let kept = messages[2].clone();
        messages.reverse();
        drop(messages);
        assert_eq!(ended(), []);
        give_back();
        assert_eq!(ended(), [3, 1, 0]);
        drop(kept);
        assert_eq!(ended(), [3, 1, 0], "a clone is in the same hands");
        give_back();
        assert_eq!(ended(), [3, 1, 0, 2]);
    }

    #[test]
    fn what_was_handed_back_ends_at_once_and_so_does_the_copy_that_the_program_kept() {
        let (mut messages, ended) = lent(2);
        let kept = messages[1].clone();
        for message in &mut messages {
            message.hand_over();
        }
        messages[0].hand_back();
        drop(messages);
        assert_eq!(ended(), [0]);
        give_back();
        assert_eq!(ended(), [0]);
        drop(kept);
        assert_eq!(ended(), [0, 1]);
    }

    #[test]
    fn a_payload_that_is_unshared_in_the_librarys_hands_ends_later_as_well() {
        let (mut messages, ended) = lent(1);
        let mut message = messages.remove(0);
        message.hand_over();
        message.make_mut()[0] = 9;
        assert_eq!(ended(), []);
        give_back();
        assert_eq!(ended(), [0]);
        assert_eq!(message, [9]);
    }

    #[test]
    fn nothing_is_given_back_while_it_is_withheld() {
        let (mut messages, ended) = lent(1);
        let (outer, inner) = (Withheld::new(), Withheld::new());
        messages.iter_mut().for_each(Msg::hand_over);
        drop(messages);
        give_back();
        drop(inner);
        assert_eq!(ended(), []);
        drop(outer);
        assert_eq!(ended(), [0]);
    }
}
