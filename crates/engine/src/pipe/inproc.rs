//! Pipes inside the process: two single-producer queues between two sockets of one context.
//!
//! Each socket holds one end under its own lock and never takes the other's. What one end must
//! tell the other (there is something to read, there is room again, I am gone) travels as a
//! command in the other socket's mailbox, and only when the other end said that it sleeps.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use oxmq_message::Msg;
use oxmq_pipe::spsc;
use oxmq_zmtp::{DurablePeer, SocketType};

use super::PipeId;
use crate::socket::SocketCore;
use crate::socket::command::Command;

/// The sides of a pipe.
const CONNECTING: usize = 0;
const BOUND: usize = 1;

/// What the two ends know of each other.
#[derive(Default)]
pub(crate) struct Rendezvous {
    /// Indexed by side: the socket that holds the end, and its pipe there plus one (0: none yet).
    sockets: [OnceLock<Weak<SocketCore>>; 2],
    pipes: [AtomicU32; 2],
    /// Set before an end tells the other that it goes.
    gone: [AtomicBool; 2],
    /// The last message of each side, in place of the queues, when the connecting side conflates.
    /// Held for an exchange of pointers only.
    last: [Mutex<Option<Msg>>; 2],
}

/// What a socket tells an inproc peer of itself, in place of a handshake.
#[derive(Clone, Debug)]
pub(crate) struct PeerInfo {
    pub(crate) socket_type: SocketType,
    pub(crate) routing_id: Vec<u8>,
    pub(crate) snd_hwm: usize,
    pub(crate) rcv_hwm: usize,
    pub(crate) conflate: bool,
    /// What it says of itself as a durable socket.
    pub(crate) durable: Option<DurablePeer>,
    /// It has something to say to each new peer.
    pub(crate) greets: bool,
}

/// One end of an inproc pipe.
pub(crate) struct InprocLink {
    pub(crate) tx: spsc::Sender<Msg>,
    pub(crate) rx: spsc::Receiver<Msg>,
    rendezvous: Arc<Rendezvous>,
    side: usize,
    /// Only the last message of each side is kept.
    conflate: bool,
    /// RCVHWM of the peer, once it is known.
    peer_rcv_hwm: Option<usize>,
}

/// HWM of one direction: the sum of both sides, where 0 on either side means no limit.
pub(crate) fn sum_of_hwm(sender: usize, receiver: usize) -> usize {
    if sender == 0 || receiver == 0 { 0 } else { sender.saturating_add(receiver) }
}

/// Makes both ends: the connecting side's first. `bound` is unknown if nobody is bound yet.
pub(crate) fn pair(connecting: &PeerInfo, bound: Option<&PeerInfo>) -> (InprocLink, InprocLink) {
    let (there, back) = match bound {
        Some(bound) => (
            sum_of_hwm(connecting.snd_hwm, bound.rcv_hwm),
            sum_of_hwm(bound.snd_hwm, connecting.rcv_hwm),
        ),
        None => (connecting.snd_hwm, connecting.rcv_hwm),
    };
    let (tx_there, rx_there) = spsc::channel(there);
    let (tx_back, rx_back) = spsc::channel(back);
    let rendezvous = Arc::new(Rendezvous::default());
    (
        InprocLink {
            tx: tx_there,
            rx: rx_back,
            rendezvous: rendezvous.clone(),
            side: CONNECTING,
            conflate: connecting.conflate,
            peer_rcv_hwm: bound.map(|b| b.rcv_hwm),
        },
        InprocLink {
            tx: tx_back,
            rx: rx_there,
            rendezvous,
            side: BOUND,
            conflate: connecting.conflate,
            peer_rcv_hwm: Some(connecting.rcv_hwm),
        },
    )
}

impl InprocLink {
    /// This end's socket is the one that has bound the name.
    pub(crate) fn is_bound(&self) -> bool {
        self.side == BOUND
    }

    /// Tells the other end who holds this one. The other end may have gone before it could know
    /// whom to tell: ask `peer_is_gone` afterwards.
    pub(crate) fn settle_in(&self, socket: &Weak<SocketCore>, pipe: PipeId) {
        // A second call would be a fault of ours; the first one stands.
        let _ = self.rendezvous.sockets[self.side].set(socket.clone());
        self.rendezvous.pipes[self.side].store(pipe.0 + 1, Ordering::SeqCst);
    }

    /// The other end was dropped; what it published can still be taken.
    pub(crate) fn peer_is_gone(&self) -> bool {
        self.rendezvous.gone[1 - self.side].load(Ordering::SeqCst)
    }

    /// Sends a command to the socket at the other end, if it holds its end already.
    pub(crate) fn tell_peer(&self, command: impl FnOnce(PipeId) -> Command) {
        let other = 1 - self.side;
        let pipe = self.rendezvous.pipes[other].load(Ordering::SeqCst);
        if pipe == 0 {
            return;
        }
        if let Some(socket) = self.rendezvous.sockets[other].get().and_then(Weak::upgrade) {
            socket.post(command(PipeId(pipe - 1)));
        }
    }

    /// The socket at the other end, if it holds its end already.
    pub(crate) fn peer_socket(&self) -> Option<Arc<SocketCore>> {
        self.rendezvous.sockets[1 - self.side].get().and_then(Weak::upgrade)
    }

    /// The name that was connected to is bound.
    pub(crate) fn knows_peer(&self) -> bool {
        self.peer_rcv_hwm.is_some()
    }

    /// The peer has become known.
    pub(crate) fn learn_peer(&mut self, peer: &PeerInfo, snd_hwm: usize) {
        self.peer_rcv_hwm = Some(peer.rcv_hwm);
        self.apply_snd_hwm(snd_hwm);
    }

    /// Applies a changed SNDHWM of ours.
    pub(crate) fn apply_snd_hwm(&mut self, snd_hwm: usize) {
        let limit = self.peer_rcv_hwm.map_or(snd_hwm, |peer| sum_of_hwm(snd_hwm, peer));
        self.tx.set_limit(limit);
    }

    /// There is room for a message; if not, the peer will tell when there is.
    #[inline]
    pub(crate) fn has_room(&mut self) -> bool {
        self.conflate || self.tx.has_room() || self.tx.wait_for_room()
    }

    /// There is a message; if not, the peer will tell when there is.
    #[inline]
    pub(crate) fn has_message(&mut self) -> bool {
        if self.conflate { self.last(1 - self.side).is_some() } else { self.rx.has_message() }
    }

    fn last(&self, side: usize) -> std::sync::MutexGuard<'_, Option<Msg>> {
        self.rendezvous.last[side].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one part; a whole message becomes visible to the peer.
    #[inline]
    pub(crate) fn push(&mut self, part: Msg, more: bool) {
        if self.conflate {
            if self.last(self.side).replace(part).is_none() {
                self.tell_peer(Command::Readable);
            }
            return;
        }
        self.tx.push(part);
        if !more && self.tx.publish() {
            self.tell_peer(Command::Readable);
        }
    }

    /// Adds a whole message of one part, if there is room and no other was begun; else false, and
    /// nothing is done.
    #[inline]
    pub(crate) fn push_whole(&mut self, part: &mut Msg) -> bool {
        if self.conflate || !self.tx.has_room() {
            return false;
        }
        self.tx.push(part.take());
        if self.tx.publish() {
            self.tell_peer(Command::Readable);
        }
        true
    }

    /// Takes the next part of a whole message into `place`; false if there is none.
    #[inline]
    pub(crate) fn pop_into(&mut self, place: &mut Msg) -> bool {
        if self.conflate {
            return self.pop_last(place);
        }
        if !self.rx.pop_into(place) {
            return false;
        }
        if !place.more() && self.rx.message_consumed() {
            self.tell_peer(Command::Writable);
        }
        true
    }

    #[cold]
    fn pop_last(&mut self, place: &mut Msg) -> bool {
        let Some(msg) = self.last(1 - self.side).take() else { return false };
        *place = msg;
        true
    }
}

impl Drop for InprocLink {
    fn drop(&mut self) {
        self.rendezvous.gone[self.side].store(true, Ordering::SeqCst);
        self.tell_peer(Command::PeerGone);
    }
}
