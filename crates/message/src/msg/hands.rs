//! Whose hands a message is in, which decides when a payload that the program lent is given back:
//! see `returns`.

use super::{HANDED_OVER, Msg, OWNER};

impl Msg {
    /// The message passes into the hands of a socket: should it be the last to share a payload
    /// that the program lent, the payload is given back by the next call of
    /// [`give_back`](crate::give_back) in that thread and not at once.
    #[inline]
    pub const fn hand_over(&mut self) {
        if self.kind == OWNER {
            self.flags |= HANDED_OVER;
        }
    }

    /// The message passes into the program's hands again.
    #[inline]
    pub const fn hand_back(&mut self) {
        self.flags &= !HANDED_OVER;
    }
}
