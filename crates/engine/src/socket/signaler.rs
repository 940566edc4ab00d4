//! ZMQ_FD: a descriptor that event loops watch in place of the socket. `zmq_getsockopt(3)`.
//!
//! It is made when it is first asked for; a socket without one pays a branch. It is readable while
//! there is an event that nobody has looked at, which is less than while the socket is ready:
//!
//! - Reading EVENTS takes every event back and arms what it found missing.
//! - What is armed and comes about is an event: a first message, room after there was none.
//! - A peer that comes is an event.
//! - A receive arms reading, so that a message it leaves behind is an event again; a send that was
//!   refused, or took the last room, arms writing.
//! - A command in the mailbox is an event until somebody has carried it out, since the thread that
//!   posts it holds no lock and cannot know what will come of it.
//! - A socket that was closed or terminated is readable from then on.
//!
//! All but the posts happens under the socket's lock, just before it is given up. The order that
//! loses nothing is: take the signal back, then look at the mailbox; and on the other side: post,
//! then signal. Both sides meet at the signaler's own lock.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{Ordering, fence};
use std::sync::{Mutex, PoisonError};

use oxmq_pipe::Interest;

use super::state::State;
use super::{Readiness, Ready, SocketCore, readiness};
use crate::error::{Error, Result};
use crate::options::{OptionError, OptionFault, code};
use crate::pattern::WakeSenders;
use crate::sys::{EventFd, process_id};

/// The descriptor, and whether it is readable.
pub(super) struct Signaler {
    fd: EventFd,
    raised: Mutex<bool>,
    /// The process that made it. A forked child shares the descriptor and leaves it alone.
    process: u32,
}

/// What the descriptor is to tell of; under the socket's lock.
#[derive(Default)]
pub(crate) struct Edge {
    /// What operations did since the last look.
    noted: Noted,
    /// Something to receive, or room to send, will be an event.
    armed_in: bool,
    armed_out: bool,
    /// A send was refused; the pattern knows when to try again.
    refused: bool,
    /// It was an event, and nobody has looked since.
    told_in: bool,
    told_out: bool,
    /// A peer has come, and nobody has looked or called since.
    told_peer: bool,
}

/// What operations did.
#[derive(Clone, Copy, Default)]
struct Noted {
    received: bool,
    sent: bool,
    refused: bool,
}

impl Edge {
    /// An operation came to its end, whatever it was.
    #[inline]
    pub(super) fn note(&mut self, interest: Interest) {
        self.noted.received |= interest == Interest::IN;
        self.noted.sent |= interest == Interest::OUT;
    }

    /// An operation would have had to wait.
    fn note_refused(&mut self, interest: Interest) {
        self.note(interest);
        self.noted.refused |= interest == Interest::OUT;
    }

    /// A peer has come.
    pub(super) fn note_peer(&mut self) {
        self.told_peer = true;
    }

    fn take_all_back(&mut self, ready: Readiness) {
        *self = Edge {
            armed_in: !ready.readable,
            armed_out: !ready.writable,
            refused: self.refused && !ready.writable,
            ..Edge::default()
        };
    }
}

impl Signaler {
    fn new() -> Result<Signaler> {
        let fd = EventFd::new().map_err(|error| Error::io("making the descriptor", error))?;
        Ok(Signaler { fd, raised: Mutex::new(false), process: process_id() })
    }

    /// Makes the descriptor readable.
    #[cold]
    pub(super) fn raise(&self) {
        if self.process != process_id() {
            return;
        }
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        if !*raised {
            // Fails only when the counter is at its maximum, and then it is readable anyway.
            let _ = self.fd.signal();
            *raised = true;
        }
    }

    /// Takes the signal back; whether there was one.
    fn clear(&self) -> bool {
        if self.process != process_id() {
            return false;
        }
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        if *raised {
            // Fails only when there is nothing to take back.
            let _ = self.fd.clear();
        }
        std::mem::take(&mut *raised)
    }
}

impl SocketCore {
    /// The descriptor's number; the descriptor is made by the first call. What there is to receive
    /// already counts as an event, and so do the peers there are.
    ///
    /// # Errors
    /// `Option` on the types that threads may share: there is no one thread to tell.
    pub(super) fn descriptor(&self, state: &mut State) -> Result<i32> {
        if self.socket_type.is_thread_safe() {
            let fault = OptionFault::WrongSocketType { found: self.socket_type };
            return Err(OptionError { code: code::FD, name: Some("FD"), fault }.into());
        }
        if let Some(signaler) = self.signaler.get() {
            return Ok(signaler.fd.as_fd().as_raw_fd());
        }
        let new = Signaler::new()?;
        let fd = self.signaler.get_or_init(|| new).fd.as_fd().as_raw_fd();
        // Whoever posts either sees the signaler or is seen by the look at the mailbox below.
        fence(Ordering::SeqCst);
        let told_peer = state.pipes.connected() > 0;
        state.edge = Edge { armed_in: true, told_peer, ..Edge::default() };
        // The caller's `leave` looks.
        self.rearm(state);
        Ok(fd)
    }

    /// What the socket is ready for, as EVENTS tells it: takes the descriptor's signal back.
    pub(super) fn events(&self, state: &mut State) -> Readiness {
        state.pipes.turn_around();
        self.pump(state);
        let Some(signaler) = self.signaler.get() else { return readiness(state) };
        signaler.clear();
        // What was posted before that is carried out; what comes after signals anew.
        state.obey(&self.mailbox);
        let ready = readiness(state);
        state.edge.take_all_back(ready);
        // The caller may sleep on the descriptor now: the I/O thread must watch.
        self.rearm(state);
        ready
    }

    /// An operation would have had to wait, and its caller may sleep on the descriptor instead.
    pub(super) fn note_refused(&self, state: &mut State, interest: Interest) {
        if self.signaler.get().is_some() {
            state.edge.note_refused(interest);
            self.rearm(state);
        }
    }

    /// Signals what is new, before the lock is given up. `ready` is what was found for others.
    #[cold]
    #[inline(never)]
    pub(super) fn signal(&self, signaler: &Signaler, state: &mut State, ready: &mut Ready) {
        loop {
            state.obey(&self.mailbox);
            self.look(state, ready);
            if state.settle() {
                // Looking may have read a connection to its end.
                continue;
            }
            let edge = &state.edge;
            if edge.told_in || edge.told_out || edge.told_peer || self.check().is_err() {
                signaler.raise();
                return;
            }
            if !signaler.clear() || !self.has_news() {
                return;
            }
        }
    }

    fn look(&self, state: &mut State, ready: &mut Ready) {
        let noted = std::mem::take(&mut state.edge.noted);
        state.edge.told_peer &= !noted.received && !noted.sent;
        if noted.received {
            state.edge.armed_in = true;
            state.edge.told_in = false;
        }
        if state.edge.armed_in && (ready.readable || state.pattern.has_in(&mut state.pipes)) {
            state.edge.armed_in = false;
            state.edge.told_in = true;
        }
        if noted.sent {
            state.edge.told_out = false;
            state.edge.refused = noted.refused;
            state.edge.armed_out = !noted.refused && !state.pattern.has_out(&mut state.pipes);
        }
        if state.edge.refused && ready.writable == WakeSenders::None {
            ready.writable = state.pattern.wake_senders(&mut state.pipes);
        }
        let room = (state.edge.refused && ready.writable != WakeSenders::None)
            || (state.edge.armed_out && state.pattern.has_out(&mut state.pipes));
        if room {
            state.edge.refused = false;
            state.edge.armed_out = false;
            state.edge.told_out = true;
        }
    }
}
