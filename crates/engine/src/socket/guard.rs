//! A socket's state under its lock, held by the calling thread. What the program lent and the
//! library was done with meanwhile is given back right after the lock: the program's code that runs
//! then may use the socket.

use std::ops::{Deref, DerefMut};

use oxmq_message::GivesBack;
use oxmq_pipe::LockGuard;

use super::state::State;

/// See the file's first paragraph. Fields end in this order.
#[must_use = "a guard that is dropped at once protects nothing"]
pub(crate) struct StateGuard<'a> {
    state: LockGuard<'a, State>,
    _gives_back: GivesBack,
}

impl<'a> StateGuard<'a> {
    #[inline]
    pub(super) fn new(state: LockGuard<'a, State>) -> StateGuard<'a> {
        StateGuard { state, _gives_back: GivesBack }
    }
}

impl Deref for StateGuard<'_> {
    type Target = State;

    #[inline]
    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for StateGuard<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}
