//! RADIO: every message goes to the peers that have joined its group. RFC 48 §The RADIO Socket
//! Type.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use oxmq_message::Msg;
use oxmq_zmtp::{Command, FRAME_HEADER_MAX, Framing};

use super::refusals::Refusals;
use super::single::check_single;
use super::{Pattern, WakeSenders};
use crate::error::{Error, Result};
use crate::limits::{BY_REFERENCE_BYTES, GROUPS_PER_PEER_MAX};
use crate::pipe::inbound::ReadError;
use crate::pipe::table::{Loss, Pipes};
use crate::pipe::{Pipe, PipeId};

/// What one peer has joined.
#[derive(Default)]
struct Membership {
    groups: HashSet<Arc<[u8]>>,
    bytes: u64,
}

/// See the file's first paragraph.
#[derive(Default)]
pub(crate) struct Radio {
    members: HashMap<Arc<[u8]>, Vec<PipeId>>,
    /// Pipes over udp, which everything goes to.
    datagrams: Vec<PipeId>,
    /// Of the peers that have joined something.
    peers: HashMap<PipeId, Membership>,
    /// Pipes of the message being sent.
    targets: Vec<PipeId>,
    encoded: Vec<u8>,
    /// With `xpub_nodrop`.
    refusals: Refusals,
}

impl Radio {
    /// Takes in everything a pipe has sent.
    // RFC 48 §The RADIO Socket Type: SHALL receive join and leave commands from dishes; SHALL NOT
    // deliver these commands to its calling application; SHALL silently discard any messages that
    // dishes send it.
    fn take_in(&mut self, pipes: &mut Pipes, id: PipeId) {
        while pipes.holds_message(id) {
            let Some(msg) = pipes.pop(id) else { return };
            if !msg.command() {
                continue;
            }
            match Command::parse(&msg) {
                Ok(Command::Join(group)) => self.join(pipes, id, group),
                Ok(Command::Leave(group)) => self.leave(id, group),
                Ok(_) => {}
                Err(error) => pipes.lost.push((id, Loss::Read(ReadError::Protocol(error)))),
            }
        }
        pipes.read_on_later(id);
    }

    fn join(&mut self, pipes: &mut Pipes, id: PipeId, group: &[u8]) {
        if !pipes.is_open(id) {
            return;
        }
        let peer = self.peers.entry(id).or_default();
        if peer.groups.contains(group) {
            return;
        }
        let groups_max = pipes.options.subscriptions_max.unwrap_or(GROUPS_PER_PEER_MAX);
        let bytes = peer.bytes + group.len() as u64;
        if peer.groups.len() >= groups_max
            || pipes.options.subscription_bytes_max.is_some_and(|max| bytes > max)
        {
            self.forget(id);
            pipes.lost.push((id, Loss::Refused("more groups than one peer may join")));
            return;
        }
        peer.bytes = bytes;
        let name = match self.members.get_key_value(group) {
            Some((name, _)) => name.clone(),
            None => Arc::from(group),
        };
        peer.groups.insert(name.clone());
        self.members.entry(name).or_default().push(id);
    }

    fn leave(&mut self, id: PipeId, group: &[u8]) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if !peer.groups.remove(group) {
            return;
        }
        peer.bytes -= group.len() as u64;
        if peer.groups.is_empty() {
            self.peers.remove(&id);
        }
        self.strike_off(id, group);
    }

    /// Takes a peer that is gone out of its groups.
    fn forget(&mut self, id: PipeId) {
        let Some(peer) = self.peers.remove(&id) else { return };
        for group in peer.groups {
            self.strike_off(id, &group);
        }
    }

    fn strike_off(&mut self, id: PipeId, group: &[u8]) {
        let Some(members) = self.members.get_mut(group) else { return };
        if let Some(at) = members.iter().position(|member| *member == id) {
            members.swap_remove(at);
        }
        if members.is_empty() {
            self.members.remove(group);
        }
    }

    /// Finds the pipes a message goes to.
    // RFC 48 §The RADIO Socket Type: SHALL perform a group membership check using exact matching
    // algorithm; SHALL silently drop the message if the queue for a dish is full; SHALL NOT block
    // on sending - as long as `xpub_nodrop` does not ask for the contrary.
    fn choose(&mut self, pipes: &mut Pipes, group: &[u8]) -> Result<()> {
        self.targets.clear();
        // RFC 48 §The RADIO Socket Type: MAY, depending on the transport, send all messages to all
        // dishes.
        self.targets.extend_from_slice(&self.datagrams);
        let members = self.members.get(group).map_or(&[][..], Vec::as_slice);
        for id in members.iter().copied() {
            if pipes.has_room(id) {
                self.targets.push(id);
            } else if pipes.options.xpub_nodrop && pipes.is_open(id) {
                self.targets.clear();
                self.refusals.note(id);
                return Err(Error::WouldBlock);
            } else if let Some(counters) = pipes.counters(id) {
                counters.dropped += 1;
                pipes.drops.high_water_mark += 1;
            }
        }
        Ok(())
    }

    /// Sends a message to every target. A small one is encoded once for all.
    // RFC 48 §The RADIO Socket Type: SHALL not modify outgoing messages in any way.
    fn distribute(&mut self, pipes: &mut Pipes, msg: &Msg) {
        let once = self.targets.len() > 1 && msg.len() < BY_REFERENCE_BYTES;
        if once {
            self.encoded.clear();
            frame(true, msg.group(), &mut self.encoded);
            frame(false, msg, &mut self.encoded);
        }
        for id in &self.targets {
            if !pipes.is_net(*id) {
                pipes.push(*id, msg.clone(), false);
            } else if once {
                pipes.push_encoded(*id, &self.encoded, msg.len());
            } else {
                // RFC 37 §The Radio-Dish Pattern: RADIO sends the group and the message over the
                // wire as a two parts message.
                pipes.push(*id, Msg::from_slice(msg.group()), true);
                pipes.push(*id, msg.clone(), false);
            }
        }
    }
}

fn frame(more: bool, body: &[u8], out: &mut Vec<u8>) {
    let mut header = [0u8; FRAME_HEADER_MAX];
    let n = Framing::V3.encode(more, false, body.len() as u64, &mut header);
    out.extend_from_slice(&header[..n]);
    out.extend_from_slice(body);
}

impl Pattern for Radio {
    fn attached(&mut self, pipes: &mut Pipes, id: PipeId) {
        if pipes.is_udp(id) {
            self.datagrams.push(id);
        }
    }

    fn disconnected(&mut self, pipes: &mut Pipes, id: PipeId) {
        // The queue of a dish that we connect to outlives the connection, and meanwhile takes what
        // the dish has joined, as in libzmq.
        if !pipes.peek(id).is_some_and(Pipe::is_session) {
            self.forget(id);
        }
    }

    fn gone(&mut self, _pipes: &mut Pipes, id: PipeId) {
        // RFC 48 §The RADIO Socket Type: if this socket disconnects, SHALL destroy its queue and
        // SHALL discard any messages it contains.
        self.forget(id);
    }

    fn removed(&mut self, _pipes: &mut Pipes, id: PipeId) {
        self.forget(id);
        self.datagrams.retain(|pipe| *pipe != id);
        self.refusals.removed(id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.take_in(pipes, id);
    }

    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    fn send(&mut self, pipes: &mut Pipes, part: &mut Msg) -> Result<()> {
        // RFC 48 §Overall Goals of this Pattern: MUST NOT allow multipart messages.
        check_single(part)?;
        self.choose(pipes, part.group())?;
        let msg = part.take();
        self.distribute(pipes, &msg);
        Ok(())
    }

    fn recv(&mut self, _pipes: &mut Pipes) -> Result<Msg> {
        // RFC 48 §The RADIO Socket Type: SHALL only send messages.
        Err(Error::NotSupported { operation: "receiving" })
    }

    fn has_in(&mut self, _pipes: &mut Pipes) -> bool {
        false
    }

    fn has_out(&mut self, _pipes: &mut Pipes) -> bool {
        true
    }

    fn wake_senders(&mut self, pipes: &mut Pipes) -> WakeSenders {
        WakeSenders::all_if(self.refusals.is_over(pipes))
    }

    fn subscribers(&self) -> Option<usize> {
        Some(self.peers.len())
    }
}
