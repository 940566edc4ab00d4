//! Which pipes had no room for a send that was refused, on the socket types where a send waits
//! for one certain pipe and not for any. Owned by a pattern, under the socket's lock.

use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// See the file's first paragraph.
#[derive(Default)]
pub(super) struct Refusals {
    full: Vec<PipeId>,
    /// One of them went away: whoever waited for it should hear so.
    gone: bool,
}

impl Refusals {
    /// A send was refused for want of room on this pipe.
    pub(super) fn note(&mut self, id: PipeId) {
        if !self.full.contains(&id) {
            self.full.push(id);
        }
    }

    /// The pipe is gone.
    pub(super) fn removed(&mut self, id: PipeId) {
        let before = self.full.len();
        self.full.retain(|full| *full != id);
        self.gone |= self.full.len() != before;
    }

    /// A send that was refused might succeed, or fail, now. Forgets what it tells of.
    pub(super) fn is_over(&mut self, pipes: &mut Pipes) -> bool {
        let before = self.full.len();
        self.full.retain(|id| pipes.is_open(*id) && !pipes.has_room(*id));
        std::mem::take(&mut self.gone) || self.full.len() != before
    }
}
