//! What carries a proxy's messages: part by part from one socket's pipes into another's.
//!
//! The locks of all the proxy's sockets are held for a batch at a time, so that asking for room,
//! receiving and sending are one step and cost no lock per message. Nothing else in the engine
//! holds two sockets' locks; proxies take them in the order of the cores' addresses.

use std::sync::Arc;

use oxmq_message::{GivesBack, Message, Msg, Withheld};
use oxmq_pipe::Interest as WaitInterest;
use oxmq_zmtp::SocketType;

use super::control::{Shared, Tally};
use crate::error::{Error, Result};
use crate::limits::{PROXY_BATCH_BYTES, PROXY_BATCH_MESSAGES, PROXY_HOLD_SLICE};
use crate::poller::{Interest, Poller};
use crate::socket::guard::StateGuard;
use crate::socket::{SocketCore, Wait, send_all};

/// Places of the sockets, and their keys in the proxy's poller.
pub(super) const FRONT: usize = 0;
pub(super) const BACK: usize = 1;
pub(super) const CAPTURE: usize = 2;

/// The sockets of a proxy.
pub(super) struct Mover {
    cores: [Option<Arc<SocketCore>>; 3],
    /// The places in the order in which they are locked.
    order: [usize; 3],
    /// The frontend is the backend too.
    is_loop: bool,
    forwards: bool,
    returns: bool,
    /// By the place it comes from: a message that the other side refused although it had said
    /// that it has room (ROUTER with `router_mandatory`, XPUB with `xpub_nodrop`: room for some
    /// peer is not room for every peer).
    held: [Option<Box<Message>>; 2],
    _gives_back: GivesBack,
}

/// What became of one batch, and what to wait for before the next of its direction.
#[derive(Default)]
pub(super) struct Next {
    pub(super) moved: bool,
    /// There are messages left that wait for the other side.
    pub(super) left: bool,
    /// A message is held.
    pub(super) holds: bool,
    pub(super) wants: Option<(usize, Interest)>,
}

/// Why a batch ended.
enum Stop {
    /// Nothing is left to receive.
    Dry,
    /// It was as large as a batch may be.
    Bound,
    /// The socket in this place has no room.
    Full(usize),
    Held(Box<Message>),
}

/// What became of one message.
enum Passed {
    On,
    Dropped,
    Refused(Box<Message>),
}

/// The locks of all sockets of a proxy, given up as after any operation.
struct Locked<'a> {
    mover: &'a Mover,
    states: [Option<StateGuard<'a>>; 3],
    /// While one of the locks is held, no code of the program runs.
    _withheld: Withheld,
}

impl Mover {
    pub(super) fn new(front: Arc<SocketCore>, back: Arc<SocketCore>) -> Mover {
        let is_loop = Arc::ptr_eq(&front, &back);
        let goes = |from: &SocketCore, to: &SocketCore| {
            can_receive(from.socket_type) && can_send(to.socket_type)
        };
        let (forwards, returns) = (goes(&front, &back), !is_loop && goes(&back, &front));
        let cores = [Some(front), (!is_loop).then_some(back), None];
        let mut mover = Mover {
            cores,
            order: [FRONT, BACK, CAPTURE],
            is_loop,
            forwards,
            returns,
            held: [None, None],
            _gives_back: GivesBack,
        };
        mover.sort();
        mover
    }

    pub(super) fn capture(&mut self, capture: Arc<SocketCore>) {
        self.cores[CAPTURE] = Some(capture);
        self.sort();
    }

    fn sort(&mut self) {
        let cores = &self.cores;
        self.order.sort_by_key(|place| cores[*place].as_ref().map(Arc::as_ptr));
    }

    /// Messages can go from the frontend to the backend.
    pub(super) fn forwards(&self) -> bool {
        self.forwards
    }

    /// Messages can go from the backend to the frontend.
    pub(super) fn returns(&self) -> bool {
        self.returns
    }

    /// Tells the poller what to wait for.
    pub(super) fn wants(&self, poller: &mut Poller, wants: &[Interest; 3]) -> Result<()> {
        for (place, interest) in wants.iter().enumerate() {
            if self.cores[place].is_some() {
                poller.modify(place, *interest)?;
            }
        }
        Ok(())
    }

    /// Passes on one batch of a direction, if messages can go that way.
    pub(super) fn pass_on(&mut self, from: usize, to: usize, shared: &Shared) -> Result<Next> {
        if !(if from == FRONT { self.forwards } else { self.returns }) {
            return Ok(Next::default());
        }
        let to = if self.is_loop { FRONT } else { to };
        let mut tally = Tally::default();
        if !self.pass_held_on(from, to, &mut tally)? {
            shared.count(from, to, &tally);
            return Ok(Next { left: true, holds: true, ..Next::default() });
        }
        let mut locked = Locked::enter(self)?;
        let stop = locked.pass_batch_on(from, to, &mut tally);
        if matches!(stop, Ok(Stop::Dry))
            && let Some(state) = &mut locked.states[to]
        {
            // The stream pauses: nothing may wait for more to come.
            state.pipes.turn_around();
        }
        let left = match &stop {
            Ok(Stop::Full(_)) => locked.has_in(from),
            Ok(Stop::Dry) => false,
            _ => true,
        };
        drop(locked);
        shared.count(from, to, &tally);
        let mut next = Next { moved: tally != Tally::default(), left, ..Next::default() };
        match stop? {
            Stop::Dry | Stop::Bound => next.wants = Some((from, Interest::READABLE)),
            Stop::Full(place) => next.wants = Some((place, Interest::WRITABLE)),
            Stop::Held(message) => {
                self.held[from] = Some(message);
                next.holds = true;
            }
        }
        Ok(next)
    }

    /// Sends a message that was refused before; false if it still is. Waits for a moment, as only
    /// a blocked send learns when that one peer has room; then the caller looks at its commands.
    fn pass_held_on(&mut self, from: usize, to: usize, tally: &mut Tally) -> Result<bool> {
        let Some(message) = &mut self.held[from] else { return Ok(true) };
        let Some(target) = &self.cores[to] else { return Ok(true) };
        let bytes = message.bytes() as u64;
        let copy = self.cores[CAPTURE].is_some().then(|| Message::clone(message));
        let wait = Wait::For(PROXY_HOLD_SLICE);
        match recorded(target.run(WaitInterest::OUT, wait, |state| send_all(state, message))) {
            Ok(()) => {
                tally.messages_out += 1;
                tally.bytes_out += bytes;
            }
            Err(Error::TimedOut | Error::WouldBlock) => return Ok(false),
            Err(error) if is_fatal(&error) => return Err(error),
            Err(_) => tally.dropped += 1,
        }
        self.held[from] = None;
        if let (Some(mut copy), Some(capture)) = (copy, &self.cores[CAPTURE])
            && tally.messages_out > 0
        {
            let sent = capture.run(WaitInterest::OUT, Wait::No, |s| send_all(s, &mut copy));
            tally.uncaptured += u64::from(sent.is_err());
        }
        Ok(true)
    }
}

impl<'a> Locked<'a> {
    fn enter(mover: &'a Mover) -> Result<Locked<'a>> {
        let mut locked = Locked { mover, states: [None, None, None], _withheld: Withheld::new() };
        for place in mover.order {
            if let Some(core) = &mover.cores[place] {
                locked.states[place] = Some(core.enter()?);
            }
        }
        Ok(locked)
    }

    fn pass_batch_on(&mut self, from: usize, to: usize, tally: &mut Tally) -> Result<Stop> {
        let captures = self.states[CAPTURE].is_some();
        loop {
            if tally.messages_in >= PROXY_BATCH_MESSAGES || tally.bytes_in >= PROXY_BATCH_BYTES {
                return Ok(Stop::Bound);
            }
            // What a socket gets it can mostly send back: a REP has room only then.
            if !self.mover.is_loop && !self.has_out(to) {
                return Ok(Stop::Full(to));
            }
            if captures && !self.has_out(CAPTURE) {
                return Ok(Stop::Full(CAPTURE));
            }
            if !self.has_in(from) {
                return Ok(Stop::Dry);
            }
            let mut bytes = 0;
            let passed = match self.mover.is_loop {
                true => self.send_back(from, captures, &mut bytes, tally),
                false => self.pass_message_on(from, to, captures, &mut bytes, tally),
            };
            let passed = match passed {
                Err(Error::WouldBlock) => return Ok(Stop::Dry),
                passed => passed?,
            };
            tally.messages_in += 1;
            tally.bytes_in += bytes;
            match passed {
                Passed::On => {
                    tally.messages_out += 1;
                    tally.bytes_out += bytes;
                }
                Passed::Dropped => tally.dropped += 1,
                Passed::Refused(message) => return Ok(Stop::Held(message)),
            }
        }
    }

    /// Passes one whole message on. `WouldBlock` if there is none.
    fn pass_message_on(
        &mut self,
        from: usize,
        to: usize,
        captures: bool,
        bytes: &mut u64,
        tally: &mut Tally,
    ) -> Result<Passed> {
        let mut part = self.recv(from)?;
        let mut captures = captures;
        let mut is_first = true;
        loop {
            let more = part.more();
            *bytes += part.len() as u64;
            let copy = captures.then(|| part.clone());
            match self.send(to, &mut part) {
                Ok(()) => {}
                Err(error) if is_fatal(&error) => return Err(error),
                Err(error) => {
                    let rest = self.recv_rest(from, part, more, bytes);
                    let holds = is_first && matches!(error, Error::WouldBlock);
                    return Ok(if holds {
                        Passed::Refused(Box::new(rest))
                    } else {
                        Passed::Dropped
                    });
                }
            }
            if let Some(mut copy) = copy
                && self.send(CAPTURE, &mut copy).is_err()
            {
                captures = false;
                tally.uncaptured += 1;
            }
            if !more {
                return Ok(Passed::On);
            }
            is_first = false;
            // The parts of a message are received together: there is no waiting for these.
            part = self.recv(from)?;
        }
    }

    /// Sends one whole message back on the socket that it came from. `WouldBlock` if there is none.
    fn send_back(
        &mut self,
        place: usize,
        captures: bool,
        bytes: &mut u64,
        tally: &mut Tally,
    ) -> Result<Passed> {
        let part = self.recv(place)?;
        let more = part.more();
        *bytes += part.len() as u64;
        let mut message = self.recv_rest(place, part, more, bytes);
        let mut copy = captures.then(|| message.clone());
        match self.send_all(place, &mut message) {
            Ok(()) => {}
            Err(error) if is_fatal(&error) => return Err(error),
            Err(Error::WouldBlock) => return Ok(Passed::Refused(Box::new(message))),
            Err(_) => return Ok(Passed::Dropped),
        }
        if let Some(copy) = &mut copy
            && self.send_all(CAPTURE, copy).is_err()
        {
            tally.uncaptured += 1;
        }
        Ok(Passed::On)
    }

    /// Takes what is left of a message whose part was refused.
    fn recv_rest(&mut self, from: usize, part: Msg, more: bool, bytes: &mut u64) -> Message {
        let mut message = Message::from(part);
        let mut more = more;
        while more {
            let Ok(part) = self.recv(from) else { break };
            more = part.more();
            *bytes += part.len() as u64;
            message.push(part);
        }
        message
    }

    fn has_in(&mut self, place: usize) -> bool {
        let state = self.states[place].as_deref_mut();
        state.is_some_and(|state| state.pattern.has_in(&mut state.pipes))
    }

    fn has_out(&mut self, place: usize) -> bool {
        let state = self.states[place].as_deref_mut();
        state.is_some_and(|state| state.pattern.has_out(&mut state.pipes))
    }

    fn recv(&mut self, place: usize) -> Result<Msg> {
        let state = self.states[place].as_deref_mut().ok_or(Error::Closed)?;
        state.pattern.recv(&mut state.pipes)
    }

    fn send_all(&mut self, place: usize, message: &mut Message) -> Result<()> {
        let state = self.states[place].as_deref_mut().ok_or(Error::Closed)?;
        state.pipes.durable.unattended = true;
        let sent = send_all(state, message);
        state.pipes.durable.unattended = false;
        recorded(sent)
    }

    fn send(&mut self, place: usize, part: &mut Msg) -> Result<()> {
        let state = self.states[place].as_deref_mut().ok_or(Error::Closed)?;
        state.pipes.durable.unattended = true;
        let sent = state.pattern.send(&mut state.pipes, part);
        state.pipes.durable.unattended = false;
        recorded(sent)
    }
}

/// A message that is in a durable socket's log counts as sent. Nobody waits for the disk here: the
/// acknowledgement of where it came from stands behind it in the store, and is safe only after it.
fn recorded(sent: Result<()>) -> Result<()> {
    match sent {
        Err(Error::Unsynced(_)) => Ok(()),
        sent => sent,
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        for (state, core) in self.states.iter_mut().zip(&self.mover.cores) {
            if let (Some(mut state), Some(core)) = (state.take(), core) {
                state.settle();
                core.leave_waiting(state);
            }
        }
        // Only now, as a waker may run a task that uses another of the sockets.
        for core in self.mover.cores.iter().flatten() {
            if core.is_watched() {
                core.leave(core.lock());
            }
        }
    }
}

/// Errors that end the proxy, unlike those that concern one message.
fn is_fatal(error: &Error) -> bool {
    matches!(error, Error::Terminated | Error::Closed | Error::NotSupported { .. })
}

/// Sockets of this type receive messages.
pub(super) fn can_receive(socket_type: SocketType) -> bool {
    !matches!(socket_type, SocketType::Push | SocketType::Pub)
}

/// Sockets of this type send messages.
pub(super) fn can_send(socket_type: SocketType) -> bool {
    !matches!(socket_type, SocketType::Pull | SocketType::Sub)
}
