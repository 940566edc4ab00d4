//! The part of a socket that makes it durable: opening its store at the first bind or connect,
//! letting its pattern go on after a sync, and what the application can ask of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use oxmq_journal::Lsn;
use oxmq_message::{Delivery, Message};
use oxmq_pipe::Interest;
use oxmq_zmtp::{DurablePeer, SocketType};

use super::state::{Life, State};
use super::transfer::send_all;
use super::{Socket, SocketCore, Wait};
use crate::durable::{self, DurableStatus, Extra, Nudge, Opened, Position, Unsynced};
use crate::error::{Error, Result};
use crate::options::{OptionError, OptionFault, SocketOptions, code};

impl State {
    /// Tells the pattern what durable peers have said, and monitors what came of it.
    #[inline]
    pub(crate) fn tell_pattern(&mut self) {
        if self.pipes.durable.on {
            self.tell_pattern_now();
        }
    }

    #[cold]
    fn tell_pattern_now(&mut self) {
        while !self.pipes.durable.told.is_empty() {
            // What a peer says may settle what a future waits for.
            self.changes += 1;
            self.pipes.cork();
            for (id, told) in std::mem::take(&mut self.pipes.durable.told) {
                self.pattern.told(&mut self.pipes, id, told);
            }
            self.pipes.uncork();
        }
        for (id, kind) in std::mem::take(&mut self.pipes.durable.events) {
            let endpoint = id.and_then(|id| Some(self.pipes.peek(id)?.endpoint.clone()));
            self.report(kind, endpoint.as_deref().unwrap_or_default(), "");
        }
    }

    /// Lets a durable pattern go on; returns when to come again.
    pub(super) fn resume_pattern(&mut self, now: Instant) -> Option<Instant> {
        if !self.pipes.durable.on || self.life != Life::Open {
            return None;
        }
        self.pipes.cork();
        let next = self.pattern.resume(&mut self.pipes, now);
        self.pipes.uncork();
        self.tell_pattern();
        self.changes += 1;
        next
    }

    /// The same; when to come again is noted.
    fn go_on(&mut self, now: Instant) {
        if let Some(at) = self.resume_pattern(now) {
            self.pipes.due_by(at);
        }
        self.settle();
    }

    /// One flush tick of the I/O thread; false when it need not come again.
    pub(crate) fn tick(&mut self) -> bool {
        if std::mem::take(&mut self.pipes.durable.deferred) > 0 {
            self.go_on(self.pipes.clock.now());
        }
        self.pipes.tick()
    }

    /// The same, after a sync or a verdict.
    pub(super) fn resume_durable(&mut self) {
        if let Some(nudge) = self.me.upgrade().as_ref().and_then(|core| core.nudge.get()) {
            nudge.taken();
        }
        self.go_on(self.pipes.clock.now());
    }

    /// Puts the pattern that spills around the plain one, at the first bind or connect.
    fn begin_to_spill(&mut self) -> Result<()> {
        let options = &self.pipes.options;
        if !options.durable.spills() || self.pipes.durable.spills {
            return Ok(());
        }
        let limits = crate::spill::limits(&options.durable)?;
        let socket_type = options.socket_type();
        let plain = std::mem::replace(&mut self.pattern, crate::pattern::none());
        self.pattern = crate::spill::wrap(plain, socket_type, limits);
        self.pipes.durable.spills = true;
        Ok(())
    }

    /// Gives a durable pattern up; what is left to do is for the caller, without the lock.
    pub(super) fn leave_durable(&mut self) -> Option<impl FnOnce() + Send + use<>> {
        if !self.pipes.durable.on {
            return None;
        }
        // Verdicts that were given count; nothing else is settled by closing.
        self.resume_pattern(self.pipes.clock.now());
        let mut pattern = std::mem::replace(&mut self.pattern, crate::pattern::none());
        let finish = pattern.durable().map(durable::Durable::close);
        Some(move || {
            drop(pattern);
            if let Some(finish) = finish {
                finish();
            }
        })
    }

    /// Puts the durable pattern in the place of the plain one, before there is any pipe.
    fn become_durable(&mut self, opened: Opened) {
        let plain = std::mem::replace(&mut self.pattern, crate::pattern::none());
        self.pattern = (opened.pattern)(plain);
        self.pipes.durable.on = true;
        self.pipes.durable.own = DurablePeer::parse(&opened.property.1);
        self.pipes.durable.events.extend(opened.lost.map(|lost| (None, lost)));
        let options = Arc::make_mut(&mut self.pipes.options);
        options.metadata.push(opened.property);
        if let Some(routing_id) = opened.routing_id {
            options.routing_id = routing_id;
        }
    }
}

impl SocketCore {
    /// Opens the store of a socket that is to be durable, before its first bind or connect.
    pub(super) fn begin(&self) -> Result<()> {
        let mut state = self.enter()?;
        let options = state.pipes.options.clone();
        let begun = match state.pipes.durable.begun {
            true => Ok(()),
            false => check(&options),
        };
        state.pipes.durable.begun |= begun.is_ok();
        let wanted = options.durable.is_durable() && !state.pipes.durable.on;
        let me = state.me.clone();
        let spilled = begun.and_then(|()| state.begin_to_spill());
        self.leave(state);
        spilled?;
        if !wanted {
            return Ok(());
        }
        let _one_at_a_time = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if self.lock().pipes.durable.on {
            return Ok(());
        }
        // The I/O thread lets the socket go on after a sync. A context without one, for inproc
        // alone, leaves that to whoever uses the socket.
        let _ = self.choose_io(options.affinity);
        let nudge = Arc::new(Nudge::new(me));
        let opened = durable::open(&options, nudge.clone(), &self.context.clock)?;
        self.become_durable(opened, nudge)
    }

    /// Goes on as a durable socket.
    fn become_durable(&self, opened: Opened, nudge: Arc<Nudge>) -> Result<()> {
        let mut state = self.enter()?;
        state.become_durable(opened);
        state.tell_pattern();
        let _ = self.nudge.set(nudge);
        // What the I/O thread watches has timers there, of inproc peers alone too.
        if let (Some(core), true) = (state.me.upgrade(), self.io().is_some()) {
            state.attend_with(&core)?;
        }
        self.leave(state);
        Ok(())
    }

    /// Makes the socket durable in a store that is open, as its first bind or connect would.
    #[cfg(feature = "simulation")]
    pub(crate) fn begin_in(&self, store: oxmq_journal::Store) -> Result<()> {
        let mut state = self.enter()?;
        state.pipes.durable.begun = true;
        let (options, me) = (state.pipes.options.clone(), state.me.clone());
        self.leave(state);
        let nudge = Arc::new(Nudge::new(me));
        let opened = durable::open_in(store, &options, nudge.clone(), &self.context.clock)?;
        self.become_durable(opened, nudge)
    }

    /// Lets a durable socket go on.
    pub(crate) fn resume(&self) {
        let mut state = self.lock();
        if state.life == Life::Open {
            state.obey(&self.mailbox);
            state.resume_durable();
        }
        self.leave(state);
    }

    /// Ends a send: one that was recorded waits here, without the lock, until it is safe.
    #[inline]
    pub(crate) fn await_safe(&self, sent: Result<()>) -> Result<()> {
        // Not `sent => sent`: an error is large, and a result that is moved waits for its store.
        match sent {
            Ok(()) => Ok(()),
            Err(error) => self.await_unsynced(error),
        }
    }

    #[cold]
    fn await_unsynced(&self, error: Error) -> Result<()> {
        let Error::Unsynced(unsynced) = error else { return Err(error) };
        let done = unsynced.wait();
        self.resume_sender();
        done
    }

    /// Lets a durable socket go on whose sender has waited. What goes out now is written as any
    /// other stream is: at once, or with what follows.
    fn resume_sender(&self) {
        let mut state = self.lock();
        if state.life == Life::Open {
            state.obey(&self.mailbox);
            let now = state.pipes.clock.now();
            // Who also receives may wait for an answer next; who has no I/O thread has no tick.
            let only_sends = matches!(state.pipes.socket_type, SocketType::Push | SocketType::Pub);
            let may_wait = only_sends && self.io().is_some();
            if !may_wait || state.pipes.durable.goes_on(now) {
                state.go_on(now);
            } else {
                state.pipes.want_tick();
            }
        }
        self.leave(state);
    }
}

impl Socket {
    /// Whether the socket was bound or connected before, which fixes the options of durability.
    pub fn has_begun(&self) -> bool {
        self.core().lock().pipes.durable.begun
    }

    /// Where the messages of a durable socket stand.
    ///
    /// # Errors
    /// `NotSupported` on a socket that is not durable; `Terminated`, `Closed`.
    pub fn durable_status(&self) -> Result<DurableStatus> {
        self.change(status)
    }

    /// Blocks until every message sent before is settled by a peer.
    ///
    /// # Errors
    /// `TimedOut` or `WouldBlock` if some were not within `wait`; `NotSupported` on a socket that
    /// is not durable; `Terminated`, `Closed`.
    pub fn flush(&self, wait: Wait) -> Result<()> {
        self.core().run(Interest::CHANGE, wait, flushed)
    }

    /// Goes on receiving elsewhere in the log.
    ///
    /// # Errors
    /// `NotSupported` on a socket that is not durable or only sends; `Store` with the journal's
    /// reason; `Terminated`, `Closed`.
    pub fn seek(&self, position: Position) -> Result<()> {
        self.change(|state| {
            durable(state)?;
            let State { pattern, pipes, .. } = state;
            match pattern.durable() {
                Some(durable) => durable.seek(pipes, position),
                None => Ok(()),
            }
        })
    }

    /// Sends a message and acknowledges others, which a durable socket of the same store has
    /// received, all as one record: after a crash either all of it is done or nothing. Blocks as a
    /// send does. The message is taken only if the call succeeds.
    ///
    /// # Errors
    /// As a send of this socket; `NotSupported` if one of the sockets is not durable, or they have
    /// two stores; `State` if one of the messages waits for no verdict of that socket, in which
    /// case nothing is done.
    pub fn send_settling(
        &self,
        message: &mut Message,
        received: &Socket,
        deliveries: &[&Delivery],
        wait: Wait,
    ) -> Result<()> {
        let mut planned = Vec::new();
        for delivery in deliveries {
            match received.change(|state| plan(state, delivery)) {
                Ok(extra) => planned.push((delivery.token(), extra)),
                Err(error) => {
                    received.planned(&planned, None)?;
                    return Err(error);
                }
            }
        }
        let with: Vec<Extra> = planned.iter().map(|(_, extra)| extra.clone()).collect();
        let mut alone = None;
        let sent = self.core().run(Interest::OUT, wait, |state| {
            durable(state)?;
            state.pipes.durable.with.clone_from(&with);
            let sent = send_all(state, message);
            let left = std::mem::take(&mut state.pipes.durable.with);
            if sent.is_ok() {
                // It went to a peer that cannot come back, and is in no log.
                alone = Extra::record(&left)?;
            }
            sent
        });
        let recorded = match &sent {
            Ok(()) => alone,
            Err(Error::Unsynced(unsynced)) => Some(unsynced.lsn()),
            Err(_) => None,
        };
        let told = received.planned(&planned, recorded);
        self.core().await_safe(sent)?;
        received.core().resume();
        told
    }

    /// Tells the pattern what became of what it planned.
    fn planned(&self, planned: &[(u64, Extra)], recorded: Option<Lsn>) -> Result<()> {
        self.change(|state| {
            let State { pattern, pipes, .. } = state;
            if let Some(durable) = pattern.durable() {
                planned.iter().for_each(|(token, _)| durable.planned(pipes, *token, recorded));
            }
            Ok(())
        })
    }

    /// Acknowledges every message received so far.
    ///
    /// # Errors
    /// `NotSupported` on a socket that is not durable or only sends; `Terminated`, `Closed`.
    pub fn acknowledge(&self) -> Result<()> {
        self.change(|state| state.pattern.acknowledge(&mut state.pipes))
    }
}

fn plan(state: &mut State, delivery: &Delivery) -> Result<Extra> {
    durable(state)?;
    let State { pattern, pipes, .. } = state;
    let missing = Error::NotSupported { operation: "this on a socket that is not durable" };
    pattern.durable().ok_or(missing)?.plan(pipes, delivery)
}

/// Options of durability that come to nothing are an error, before the socket has begun.
fn check(options: &SocketOptions) -> Result<()> {
    let plain = SocketOptions::libzmq_defaults(options.socket_type());
    options.durable.check(&plain.durable).map_err(Error::Option)?;
    if options.message_ttl.is_some() && !options.durable.is_durable() {
        return Err(Error::Option(ttl_alone()));
    }
    Ok(())
}

/// MESSAGE_TTL on a socket that is not durable.
pub(super) fn ttl_alone() -> OptionError {
    let fault = OptionFault::Requires { option: "DURABLE" };
    OptionError { code: code::MESSAGE_TTL, name: Some("MESSAGE_TTL"), fault }
}

fn durable(state: &mut State) -> Result<&mut dyn durable::Durable> {
    let missing = Error::NotSupported { operation: "this on a socket that is not durable" };
    state.pattern.durable().ok_or(missing)
}

/// `WouldBlock` while some messages are not settled.
pub(super) fn flushed(state: &mut State) -> Result<()> {
    state.tell_pattern();
    if status(state)?.unsettled == 0 { Ok(()) } else { Err(Error::WouldBlock) }
}

fn status(state: &mut State) -> Result<DurableStatus> {
    Ok(durable(state)?.status())
}

/// The wait of a future for its message to be safe.
pub(super) struct Safe {
    slot: Arc<Mutex<Slot>>,
}

#[derive(Default)]
struct Slot {
    done: Option<Result<()>>,
    waker: Option<Waker>,
}

impl Safe {
    /// The socket is nudged then, whoever still waits.
    pub(super) fn new(unsynced: &Unsynced, nudge: Option<Arc<Nudge>>) -> Safe {
        let slot = Arc::new(Mutex::new(Slot::default()));
        let told = slot.clone();
        unsynced.on_safe(move |done| {
            let mut slot = told.lock().unwrap_or_else(PoisonError::into_inner);
            slot.done = Some(done);
            let waker = slot.waker.take();
            drop(slot);
            if let Some(nudge) = nudge {
                nudge.nudge();
            }
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        Safe { slot }
    }
}

impl Future for Safe {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.done.take() {
            Some(done) => Poll::Ready(done),
            None => {
                slot.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
