//! Round-robin sending to the pipes that have room; full ones are passed over. This is the strategy
//! that RFC 28 asks of REQ and DEALER, and RFC 30 of PUSH; each names its section. Owned by a
//! pattern, under the socket's lock.

use oxmq_message::Msg;

use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// The pipes that may have room.
#[derive(Default)]
pub(crate) struct LoadBalancer {
    active: Vec<PipeId>,
    /// Index of the next one to use.
    next: usize,
    /// The pipe of the message that has been begun; `None` in the middle of a message means its
    /// pipe went away and the rest is dropped.
    current: Option<PipeId>,
    mid_message: bool,
}

impl LoadBalancer {
    /// A pipe is new. Handshakes that began one after the other may end in any order; the turns of
    /// their pipes follow the beginnings, as programs that count on the order expect.
    pub(crate) fn attach(&mut self, pipes: &mut Pipes, id: PipeId) {
        let Some(order) = pipes.order(id) else { return self.activate(pipes, id) };
        // From the end, where a new pipe belongs as a rule.
        let is_earlier = |other: &PipeId| pipes.order(*other).is_none_or(|other| other < order);
        let at = self.active.iter().rposition(is_earlier).map_or(0, |last| last + 1);
        if at == self.active.len() {
            return self.activate(pipes, id);
        }
        if let Some(pipe) = pipes.pipe(id)
            && !pipe.out_active
        {
            pipe.out_active = true;
            self.active.insert(at, id);
            // Whose turn has passed, or is now, keeps its turn.
            if at < self.next || (at == self.next && self.mid_message) {
                self.next += 1;
            }
        }
    }

    /// A pipe may have room.
    pub(crate) fn activate(&mut self, pipes: &mut Pipes, id: PipeId) {
        if let Some(pipe) = pipes.pipe(id)
            && !pipe.out_active
        {
            pipe.out_active = true;
            self.active.push(id);
        }
    }

    /// A pipe is gone. The rest of a message begun on it is dropped.
    pub(crate) fn remove(&mut self, pipes: &mut Pipes, id: PipeId) {
        if let Some(at) = self.active.iter().position(|a| *a == id) {
            self.take_out(pipes, at);
        }
        if self.current == Some(id) {
            self.current = None;
        }
    }

    fn take_out(&mut self, pipes: &mut Pipes, at: usize) {
        let id = self.active.remove(at);
        if self.next > at {
            self.next -= 1;
        }
        if self.next >= self.active.len() {
            self.next = 0;
        }
        if let Some(pipe) = pipes.pipe(id) {
            pipe.out_active = false;
        }
    }

    /// The pipe the next message goes to, if one has room.
    #[inline]
    pub(crate) fn next(&mut self, pipes: &mut Pipes) -> Option<PipeId> {
        while let Some(id) = self.active.get(self.next).copied() {
            // RFC 28 §The DEALER Socket Type: SHALL consider a peer as available only when it has a
            // outgoing queue that is not full.
            // RFC 30 §The PUSH Socket Type: the same.
            if pipes.has_room(id) {
                return Some(id);
            }
            self.take_out(pipes, self.next);
        }
        None
    }

    /// A message can be sent, or one that was begun goes on.
    pub(crate) fn has_out(&mut self, pipes: &mut Pipes) -> bool {
        self.mid_message || self.next(pipes).is_some()
    }

    /// Sends one part; it is taken only if it is sent. `Ok(None)`: dropped, because the pipe of
    /// its message went away.
    #[inline]
    pub(crate) fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<Option<PipeId>, ()> {
        if let Some(id) = self.active.get(self.next).copied()
            && !self.mid_message
            && !part.more()
            && pipes.push_in_stream(id, part)
        {
            self.advance();
            return Ok(Some(id));
        }
        self.send_any(pipes, part)
    }

    #[inline(never)]
    fn send_any(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<Option<PipeId>, ()> {
        let id = if self.mid_message {
            self.current
        } else {
            let id = self.next(pipes).ok_or(())?;
            self.current = Some(id);
            Some(id)
        };
        let more = part.more();
        self.mid_message = more;
        match id {
            Some(id) => pipes.push_from(id, part, more),
            None => part.reset(),
        }
        if !more {
            self.current = None;
            if id.is_some() {
                self.advance();
            }
        }
        Ok(id)
    }

    /// The next message goes to the next pipe.
    #[inline]
    fn advance(&mut self) {
        self.next += 1;
        if self.next >= self.active.len() {
            self.next = 0;
        }
    }
}
