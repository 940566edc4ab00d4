//! Futures over a socket: send, receive, and wait for a change among the peers.
//!
//! They run on any executor: the I/O thread reads and writes, and wakes the task. All are
//! cancel-safe: a message is either in the caller's hand or in the socket, never in the future
//! alone, and a wake-up that a dropped future has used up is passed on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use oxmq_message::Message;
use oxmq_pipe::{Interest, Ticket};

use super::durability::{self, Safe};
use super::state::State;
use super::{Socket, SocketCore, recv_all, send_all};
use crate::error::{Error, Result};

/// A place in the waiter list that is given up when dropped.
struct Place<'a> {
    core: &'a SocketCore,
    ticket: Option<Ticket>,
}

impl Place<'_> {
    fn poll<T>(
        &mut self,
        cx: &Context<'_>,
        interest: Interest,
        mut op: impl FnMut(&mut State) -> Result<T>,
    ) -> Poll<Result<T>> {
        self.cancel(false);
        loop {
            let mut state = match self.core.enter() {
                Ok(state) => state,
                Err(error) => return Poll::Ready(Err(error)),
            };
            match op(&mut state) {
                Err(Error::WouldBlock) => {}
                done => {
                    state.edge.note(interest);
                    self.core.leave(state);
                    return Poll::Ready(done);
                }
            }
            if let Some(error) = self.core.refusal(&state) {
                self.core.leave(state);
                return Poll::Ready(Err(error));
            }
            state.pipes.turn_around();
            if state.settle() {
                // As in a blocking wait: what was read may be what the operation waits for.
                self.core.leave(state);
                continue;
            }
            self.core.wake_others(&mut state);
            let ticket = self.core.waiters.register(interest, cx.waker());
            // Look a last time: a command that came before we were registered woke nobody.
            if self.core.has_news() {
                let _ = self.core.waiters.cancel(ticket);
                self.core.leave(state);
                continue;
            }
            self.ticket = Some(ticket);
            self.core.rearm(&state);
            self.core.leave_waiting(state);
            return Poll::Pending;
        }
    }

    /// Leaves the list; a wake-up that came and was not used goes to another.
    fn cancel(&mut self, pass_on: bool) {
        if let Some(ticket) = self.ticket.take()
            && self.core.waiters.cancel(ticket)
            && pass_on
        {
            self.core.leave(self.core.lock());
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.cancel(true);
    }
}

/// Future of [`Socket::recv_async`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Recv<'a> {
    place: Place<'a>,
}

impl Future for Recv<'_> {
    type Output = Result<Message>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.place.poll(cx, Interest::IN, |state| {
            state.pipes.durable.in_future = true;
            let received = recv_all(state);
            state.pipes.durable.in_future = false;
            received
        })
    }
}

/// Future of [`Socket::send_async`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Send<'a> {
    place: Place<'a>,
    message: &'a mut Message,
    /// The message is recorded, and the disk is waited for.
    safe: Option<Safe>,
}

impl Future for Send<'_> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            if let Some(safe) = &mut this.safe {
                let done = std::task::ready!(Pin::new(safe).poll(cx));
                this.safe = None;
                return Poll::Ready(done);
            }
            let message = &mut *this.message;
            match this.place.poll(cx, Interest::OUT, |state| send_all(state, message)) {
                Poll::Ready(Err(Error::Unsynced(unsynced))) => {
                    this.safe = Some(Safe::new(&unsynced, this.place.core.nudge.get().cloned()));
                }
                done => return done,
            }
        }
    }
}

/// Future of [`Socket::changed`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct WaitFor<'a, F> {
    place: Place<'a>,
    condition: F,
}

impl<F: FnMut(&Peers) -> bool + Unpin> Future for WaitFor<'_, F> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let condition = &mut this.condition;
        this.place.poll(cx, Interest::CHANGE, |state| {
            if condition(&Peers::of(state)) { Ok(()) } else { Err(Error::WouldBlock) }
        })
    }
}

/// Future of [`Socket::flush_async`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Flush<'a> {
    place: Place<'a>,
}

impl Future for Flush<'_> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.place.poll(cx, Interest::CHANGE, durability::flushed)
    }
}

/// What a condition on a socket's peers can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peers {
    /// Peers that are connected now.
    pub connected: usize,
    /// Of those, on PUB and XPUB, how many have subscribed to something.
    pub subscribers: usize,
}

impl Peers {
    pub(super) fn of(state: &State) -> Peers {
        Peers {
            connected: state.pipes.connected(),
            subscribers: state.pattern.subscribers().unwrap_or(0),
        }
    }
}

impl Socket {
    /// Receives a whole message. Cancel-safe: dropping the future loses no message. Runs on any
    /// executor. The receive timeout option does not apply; use the executor's.
    ///
    /// # Errors
    /// As [`Socket::recv_message`], but never `WouldBlock` or `TimedOut`.
    pub fn recv_async(&self) -> Recv<'_> {
        Recv { place: Place { core: self.core(), ticket: None } }
    }

    /// Sends a whole message, waiting while the socket is mute. The message is emptied when it
    /// was sent; a future dropped before leaves it as it was. Runs on any executor.
    ///
    /// # Errors
    /// As [`Socket::send_message`], but never `WouldBlock` or `TimedOut`.
    pub fn send_async<'a>(&'a self, message: &'a mut Message) -> Send<'a> {
        Send { place: Place { core: self.core(), ticket: None }, message, safe: None }
    }

    /// Completes when peers have settled every message sent before.
    ///
    /// # Errors
    /// `NotSupported` on a socket that is not durable; `Terminated`, `Closed`.
    pub fn flush_async(&self) -> Flush<'_> {
        Flush { place: Place { core: self.core(), ticket: None } }
    }

    /// Completes when `condition` holds of the socket's peers, looking at each change.
    ///
    /// # Errors
    /// `Terminated`, `Closed`.
    pub fn changed<F: FnMut(&Peers) -> bool + Unpin>(&self, condition: F) -> WaitFor<'_, F> {
        WaitFor { place: Place { core: self.core(), ticket: None }, condition }
    }

    /// Blocks until `condition` holds of the socket's peers.
    ///
    /// # Errors
    /// `TimedOut` or `WouldBlock` if it did not within `wait`; `Terminated`, `Closed`.
    pub fn wait_changed(
        &self,
        wait: super::Wait,
        mut condition: impl FnMut(&Peers) -> bool,
    ) -> Result<()> {
        self.core().run(Interest::CHANGE, wait, |state| {
            if condition(&Peers::of(state)) { Ok(()) } else { Err(Error::WouldBlock) }
        })
    }
}
