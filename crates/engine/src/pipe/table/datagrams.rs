//! Pipes over udp in the table: what the patterns of RADIO, DISH and DGRAM ask of them. Part of the
//! table, under the socket's lock.

use std::os::fd::AsFd;

use oxmq_message::Msg;

use super::{Loss, Pipes};
use crate::pipe::inbound::ReadError;
use crate::pipe::udp::{Sent, UdpLink};
use crate::pipe::{Link, Pipe, PipeId};
use crate::transport::udp::parse_address;

impl Pipes {
    pub(super) fn udp(&mut self, id: PipeId) -> Option<&mut UdpLink> {
        self.pipe(id).and_then(Pipe::udp)
    }

    /// The pipe leads over udp.
    pub(crate) fn is_udp(&self, id: PipeId) -> bool {
        matches!(self.peek(id).map(|pipe| &pipe.link), Some(Link::Udp(_)))
    }

    /// The kernel may have datagrams for a pipe; false if it is none over udp.
    pub(crate) fn datagrams_came(&mut self, id: PipeId) -> bool {
        match self.udp(id) {
            Some(udp) => {
                udp.readable = true;
                true
            }
            None => false,
        }
    }

    /// Sends a RADIO's message. What the kernel does not take at once is dropped.
    pub(super) fn send_to_group(&mut self, id: PipeId, msg: &Msg) {
        let sent = self.udp(id).map_or(Sent::Refused, |udp| udp.send_group(msg));
        self.count_sent(id, msg.len(), sent);
    }

    /// Sends a datagram from the first of these pipes that can reach the address. What cannot be
    /// sent at once is dropped.
    pub(crate) fn send_datagram(&mut self, ids: &[PipeId], address: &[u8], body: &Msg) {
        for id in ids {
            let Some(udp) = self.udp(*id) else { continue };
            let Some(to) = parse_address(address, udp.is_ipv6()) else { continue };
            let sent = udp.send_to(to, body);
            self.count_sent(*id, body.len(), sent);
            return;
        }
        self.drops.unroutable += 1;
    }

    fn count_sent(&mut self, id: PipeId, bytes: usize, sent: Sent) {
        let Some(counters) = self.counters(id) else { return };
        match sent {
            Sent::Yes => {
                counters.messages_out += 1;
                counters.bytes_out += bytes as u64;
            }
            Sent::Full => {
                counters.dropped += 1;
                self.drops.high_water_mark += 1;
            }
            Sent::Refused => {
                counters.dropped += 1;
                self.drops.unroutable += 1;
            }
        }
    }

    /// Reads datagrams into a pipe, as far as RCVHWM allows.
    pub(super) fn fill_datagrams(&mut self, id: PipeId) {
        let hwm = self.options.rcv_hwm;
        let joined = std::mem::take(&mut self.joined);
        let turn = self.udp(id).map(|udp| udp.read(hwm, &joined)).unwrap_or_default();
        self.joined = joined;
        self.drops.malformed += turn.malformed;
        if turn.again {
            self.watch_datagrams_again(id);
        }
    }

    /// Registers a pipe that receives datagrams with the socket's set.
    pub(crate) fn watch_datagrams(&mut self, id: PipeId) -> std::io::Result<()> {
        let attendance = self.attendance.clone();
        let Some(pipe) = self.pipe(id) else { return Ok(()) };
        let generation = pipe.generation;
        match (attendance, pipe.udp()) {
            (Some(attendance), Some(udp)) => {
                attendance.watch_datagrams(udp.socket().as_fd(), id, generation)
            }
            _ => Ok(()),
        }
    }

    /// Makes the set report a pipe once more that has datagrams already.
    fn watch_datagrams_again(&mut self, id: PipeId) {
        let attendance = self.attendance.clone();
        let Some(pipe) = self.pipe(id) else { return };
        let generation = pipe.generation;
        if let (Some(attendance), Some(udp)) = (attendance, pipe.udp())
            && let Err(error) = attendance.watch_again(udp.socket().as_fd(), id, generation)
        {
            self.lost.push((id, Loss::Read(ReadError::Io(error))));
        }
    }
}
