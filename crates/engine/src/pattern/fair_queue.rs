//! Fair queueing: messages are taken from the pipes that have some, one message each in turn.
//! This is the strategy that RFC 28 asks of REP, DEALER and ROUTER, RFC 29 of SUB and XSUB, and
//! RFC 30 of PULL; each names its section. Owned by a pattern, under the socket's lock.

use std::collections::VecDeque;

use oxmq_message::Msg;

use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// The pipes that may have messages, next one first.
#[derive(Default)]
pub(crate) struct FairQueue {
    active: VecDeque<PipeId>,
    /// The pipe whose message has been begun and has more parts; it is at the front.
    current: Option<PipeId>,
}

impl FairQueue {
    /// A pipe may have messages.
    pub(crate) fn activate(&mut self, pipes: &mut Pipes, id: PipeId) {
        if let Some(pipe) = pipes.pipe(id)
            && !pipe.in_active
        {
            pipe.in_active = true;
            self.active.push_back(id);
        }
    }

    /// A pipe is gone or must not be read any more.
    pub(crate) fn remove(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.active.retain(|a| *a != id);
        if self.current == Some(id) {
            self.current = None;
        }
        if let Some(pipe) = pipes.pipe(id) {
            pipe.in_active = false;
        }
    }

    /// The pipe the next part comes from, if there is a message.
    #[inline]
    pub(crate) fn next(&mut self, pipes: &mut Pipes) -> Option<PipeId> {
        while let Some(id) = self.active.front().copied() {
            if self.current == Some(id) || pipes.has_message(id) {
                return Some(id);
            }
            self.active.pop_front();
            if let Some(pipe) = pipes.pipe(id) {
                pipe.in_active = false;
            }
        }
        None
    }

    /// Takes the next part, and tells which pipe it came from.
    pub(crate) fn recv(&mut self, pipes: &mut Pipes) -> Option<(PipeId, Msg)> {
        let mut msg = Msg::new();
        self.recv_into(pipes, &mut msg).map(|id| (id, msg))
    }

    /// As `recv`, in place of what `place` was.
    #[inline]
    pub(crate) fn recv_into(&mut self, pipes: &mut Pipes, place: &mut Msg) -> Option<PipeId> {
        loop {
            let id = self.active.front().copied()?;
            if pipes.pop_into(id, place) {
                if place.more() {
                    self.current = Some(id);
                } else {
                    self.current = None;
                    if self.active.len() > 1 {
                        self.active.rotate_left(1);
                    }
                }
                return Some(id);
            }
            self.look_further(pipes, id);
        }
    }

    /// Nothing that was read is left of the first pipe: reads it, or passes on to the next one.
    #[cold]
    #[inline(never)]
    fn look_further(&mut self, pipes: &mut Pipes, id: PipeId) {
        // In the middle of a message it is a pipe that lost its messages in between.
        let lost = self.current.take().is_some();
        if lost || !pipes.has_message(id) {
            self.active.pop_front();
            if let Some(pipe) = pipes.pipe(id) {
                pipe.in_active = false;
            }
        }
    }

    /// A message has been begun whose other parts must follow.
    #[inline]
    pub(crate) fn is_mid_message(&self) -> bool {
        self.current.is_some()
    }

    /// Passes over the rest of a message that was begun.
    pub(crate) fn skip_message(&mut self, pipes: &mut Pipes) {
        while self.is_mid_message() {
            if self.recv(pipes).is_none() {
                return;
            }
        }
    }
}
