//! What durable sockets need of their pipes beyond what patterns do: commands in their place among
//! the messages, and queues that are given up when a connection is lost. Part of the table, under
//! the socket's lock.

use oxmq_message::Msg;
use oxmq_zmtp::Framing;

use super::Pipes;
use crate::limits::REFILL_MESSAGES;
use crate::pipe::{Link, Pipe, PipeId};

impl Pipes {
    /// What is committed from now on waits for `uncork`.
    pub(crate) fn cork(&mut self) {
        self.corked = true;
    }

    /// Writes what has waited.
    pub(crate) fn uncork(&mut self) {
        self.corked = false;
        self.flush_all();
    }

    /// What a pipe has is written at the end of the turn.
    pub(super) fn hold_back(&mut self, id: PipeId) {
        if let Some(net) = self.pipe(id).and_then(Pipe::net)
            && !net.dirty
        {
            net.dirty = true;
            self.dirty.push(id);
        }
    }

    /// The flush tick shall come.
    pub(crate) fn want_tick(&mut self) {
        self.wants_tick |= !self.ticking;
    }

    /// Sends a whole command frame behind what is queued already.
    pub(crate) fn frame_in_order(&mut self, id: PipeId, frame: Vec<u8>) {
        let Some(pipe) = self.pipe(id) else { return };
        match &mut pipe.link {
            Link::Net(net) => {
                if net.connection.is_some() {
                    net.out.push_command(frame);
                    self.mark_dirty(id);
                }
            }
            Link::Inproc(link) => {
                let Ok(Some(header)) = Framing::V3.decode(&frame) else { return };
                let mut body = Msg::from_slice(&frame[header.header_len..]);
                body.set_command(true);
                link.push(body, false);
            }
            Link::Udp(_) => {}
        }
    }

    /// Drops what is queued for a peer that is gone: the log has it.
    pub(crate) fn clear_unsent(&mut self, id: PipeId) {
        if let Some(net) = self.pipe(id).and_then(Pipe::net) {
            net.out.clear();
        }
    }

    /// Drops what a durable peer that is gone has sent and nobody took: it comes again.
    pub(crate) fn clear_unread(&mut self, id: PipeId) {
        if let Some(net) = self.pipe(id).and_then(Pipe::net) {
            net.inq.clear();
        }
    }

    /// Bytes that wait to be sent, in all pipes.
    pub(crate) fn queued_bytes(&self) -> u64 {
        self.iter().map(|(id, _)| self.queued_bytes_of(id)).sum()
    }

    /// Bytes that wait to be sent in one pipe.
    pub(crate) fn queued_bytes_of(&self, id: PipeId) -> u64 {
        match self.peek(id).map(|pipe| &pipe.link) {
            Some(Link::Net(net)) => net.out.backlog_bytes() as u64,
            _ => 0,
        }
    }

    /// A lingering pipe has a connection, which has taken all it was given.
    pub(crate) fn can_refill(&self, id: PipeId) -> bool {
        let Some(Link::Net(net)) = self.peek(id).map(|pipe| &pipe.link) else { return false };
        net.out.is_empty() && net.connection.as_ref().is_some_and(|c| !c.blocked)
    }

    /// Gives a lingering pipe more of what waits beyond the pipes; false if there is nothing.
    pub(crate) fn refill(&mut self, id: PipeId) -> bool {
        let Some(mut unsent) = self.unsent.take() else { return false };
        let mut filled = false;
        for _ in 0..REFILL_MESSAGES {
            let Some(message) = unsent.pop(&mut self.drops.spill) else { return filled };
            for part in message {
                let more = part.more();
                self.push(id, part, more);
            }
            filled = true;
        }
        self.unsent = Some(unsent);
        filled
    }

    /// Everything that was sent to the peer is with its kernel.
    pub(crate) fn is_delivered(&self, id: PipeId) -> bool {
        let Some(Link::Net(net)) = self.peek(id).map(|pipe| &pipe.link) else { return false };
        let Some(connection) = &net.connection else { return false };
        // Where the system does not tell, what it took is all that can be known.
        net.out.is_empty() && connection.stream.unsent_bytes().is_ok_and(|bytes| bytes == 0)
    }

    /// The silence of a peer that knows nothing of durability does not end its connection: one that
    /// has no room for more cannot answer a PING, and would be sent everything again.
    pub(super) fn is_spared(&self, id: PipeId) -> bool {
        let is_ours = |pipe: &Pipe| pipe.durable_peer.as_ref().is_some_and(|c| c.ours.is_some());
        self.durable.on && !self.peek(id).is_some_and(is_ours)
    }
}
