//! DISH: receives the messages of the groups that it has joined. RFC 48 §The DISH Socket Type.

use oxmq_message::{GROUP_MAX, Msg};
use oxmq_zmtp::Command;

use super::Pattern;
use super::fair_queue::FairQueue;
use crate::error::{Error, Result};
use crate::pipe::PipeId;
use crate::pipe::table::Pipes;

/// See the file's first paragraph. The groups are in `Pipes::joined`.
#[derive(Default)]
pub(crate) struct Dish {
    // RFC 48 §The DISH Socket Type: SHALL receive incoming messages from its sockets using a
    // fair-queuing strategy. It would also discard messages when the queue for a radio is full. We
    // stop reading the connection then, as libzmq does: the radio's own queue fills, and the radio
    // drops.
    queue: FairQueue,
    pipes_open: Vec<PipeId>,
    /// A wanted message that `has_in` has found already.
    found: Option<Msg>,
}

impl Dish {
    /// The next message of a group that is joined.
    fn take(&mut self, pipes: &mut Pipes) -> Option<Msg> {
        loop {
            let (_, mut msg) = self.queue.recv(pipes)?;
            if msg.more() {
                // Over the network, the group is a part of its own.
                let (_, mut body) = self.queue.recv(pipes)?;
                // RFC 48 §The DISH Socket Type: SHALL attach the group to the message. Its form was
                // checked when it came; without memory for it the message is lost.
                if body.set_group(&msg).is_err() {
                    pipes.drops.malformed += 1;
                    continue;
                }
                msg = body;
            }
            // RFC 48 §The DISH Socket Type: MAY filter messages according to group membership,
            // using a exact matching algorithm; SHALL not modify incoming messages in any way.
            if pipes.joined.contains(msg.group()) {
                return Some(msg);
            }
        }
    }

    // RFC 48 §The DISH Socket Type: MAY send join and leave commands to radios.
    fn tell(&self, pipes: &mut Pipes, command: &Command<'_>) {
        for id in &self.pipes_open {
            pipes.membership(*id, command);
        }
    }
}

impl Pattern for Dish {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
        self.pipes_open.push(id);
    }

    fn connected(&mut self, pipes: &mut Pipes, id: PipeId) -> Result<(), &'static str> {
        // A radio that is new, or has come back, gets all groups at once.
        let joined = std::mem::take(&mut pipes.joined);
        for group in &joined {
            pipes.membership(id, &Command::Join(group));
        }
        pipes.joined = joined;
        pipes.flush_all();
        Ok(())
    }

    fn gone(&mut self, _pipes: &mut Pipes, id: PipeId) {
        // RFC 48 §The DISH Socket Type would have the queue of a bound radio that disconnects
        // destroyed. What was received stays until it is taken, as in libzmq.
        self.pipes_open.retain(|p| *p != id);
    }

    fn removed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.remove(pipes, id);
        self.gone(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.queue.activate(pipes, id);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn send(&mut self, _pipes: &mut Pipes, _part: &mut Msg) -> Result<()> {
        // RFC 48 §The DISH Socket Type: SHALL only receive messages.
        Err(Error::NotSupported { operation: "sending" })
    }

    fn recv(&mut self, pipes: &mut Pipes) -> Result<Msg> {
        // RFC 48 §The DISH Socket Type: SHALL deliver messages to its calling application. A group
        // may have been left since the message was found.
        if let Some(msg) = self.found.take().filter(|msg| pipes.joined.contains(msg.group())) {
            return Ok(msg);
        }
        self.take(pipes).ok_or(Error::WouldBlock)
    }

    fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        if !self.found.as_ref().is_some_and(|msg| pipes.joined.contains(msg.group())) {
            self.found = self.take(pipes);
        }
        self.found.is_some()
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        // As libzmq's DISH reports, and its XSUB, which can send.
        true
    }

    fn join(&mut self, pipes: &mut Pipes, group: &[u8]) -> Result<()> {
        if group.len() > GROUP_MAX {
            return Err(Error::Group { reason: "it has more than 255 bytes" });
        }
        if group.contains(&0) {
            return Err(Error::Group { reason: "it has a zero byte" });
        }
        if !pipes.joined.insert(group.to_vec()) {
            return Err(Error::Group { reason: "it is joined already" });
        }
        self.tell(pipes, &Command::Join(group));
        Ok(())
    }

    fn leave(&mut self, pipes: &mut Pipes, group: &[u8]) -> Result<()> {
        if !pipes.joined.remove(group) {
            return Err(Error::Group { reason: "it is not joined" });
        }
        self.tell(pipes, &Command::Leave(group));
        Ok(())
    }
}
