//! How others get a durable socket to go on: the store, when something is safe, and messages, when
//! the application settles them. May be called from any thread, with any lock held but the
//! socket's.

use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::io::IoCommand;
use crate::socket::SocketCore;
use crate::socket::command::Command;

/// See the file's first paragraph.
pub(crate) struct Nudge {
    socket: Weak<SocketCore>,
    /// Asked for and not yet done.
    asked: AtomicBool,
}

impl Nudge {
    pub(crate) fn new(socket: Weak<SocketCore>) -> Nudge {
        Nudge { socket, asked: AtomicBool::new(false) }
    }

    /// The socket's I/O thread, or whoever uses the socket next, makes it go on.
    pub(crate) fn nudge(&self) {
        // Whoever clears the mark looks at everything that was stored before it was set.
        if self.asked.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some(socket) = self.socket.upgrade() else { return };
        match socket.io() {
            Some(io) => io.post(IoCommand::Resume { socket: socket.clone() }),
            // Whoever uses the socket next carries it out.
            None => socket.post(Command::Resume),
        }
    }

    /// The socket goes on now.
    pub(crate) fn taken(&self) {
        let _ = self.asked.swap(false, Ordering::AcqRel);
    }
}
